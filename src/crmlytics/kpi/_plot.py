"""Drawings of the business over time: KPIs and growth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _plot
from crmlytics._columns import Bools, Floats
from crmlytics.kpi._business import KPI_SCHEMA

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNITS = {
    "revenue": "amount",
    "orders": "orders",
    "aov": "amount per order",
    "arpu": "amount per customer",
    "orders_per_customer": "orders per customer",
}
_TITLES = {"aov": "Average order value", "arpu": "Revenue per customer"}
_MOVES = ("new", "retained", "resurrected", "churned")


def plot_kpis(
    kpis: IntoDataFrame,
    *,
    value: str = "revenue",
    by: str | Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw one measure period by period.

    A period that was not over is a hollow point by itself, so that it is no fall, and called
    "unfinished" in the legend: it is too low to be compared. Unknown values leave a gap.

    Parameters
    ----------
    kpis : table
        As `kpi_table` makes it.
    value : str, default "revenue"
        The measure: "revenue", "orders", "active", "new", "returning", "reactivated", "churned",
        "aov", "arpu", "orders_per_customer" or "customers_to_date".
    by : str or list of str, optional
        Columns the table was grouped by: one line a group, at most 12.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is the first day of the period in matplotlib's days.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a period stands twice in a group, or there are more than 12 groups.
    OptionError
        If `value`, `by` or `ax` is not what it must be.

    See Also
    --------
    kpi_table : makes the table.
    plot_growth : where growth came from.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> kpis = pd.DataFrame(
    ...     {
    ...         "period": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01"]),
    ...         "revenue": [40.0, 50.0, 10.0],
    ...         "complete": [True, True, False],
    ...     }
    ... )
    >>> ax = crm.kpi.plot_kpis(kpis)
    >>> ax.get_title()
    'Revenue by month'
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['unfinished']
    """
    caller = "plot_kpis"
    measures = [name for name in KPI_SCHEMA if name not in {"period", "complete"}]
    _checks.choice(value, measures, name="value", caller=caller)
    title = _TITLES.get(value) or value.replace("_", " ").capitalize()
    source = _frame.read(
        kpis, caller=caller, argument="kpis", by=by, maker="kpi_table",
        roles={"period": "period", "value": value, "complete": "complete"},
    )  # fmt: skip
    if source.n_rows == 0 or np.isnan(source.numbers("value")).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    days, values = source.ticks("period").days(), source.numbers("value")
    done = _plot.flags(source, "complete")
    codes, names = _plot.lines_of(source, days, "a period")
    drawn = _plot.axes(ax, caller=caller)
    _plot.open_box(drawn, "y")
    handles = []
    for line, name in enumerate(names):
        rows = np.flatnonzero(codes == line)
        rows = rows[np.argsort(days[rows], kind="stable")]
        handle = _plot.line(drawn, days[rows], values[rows], done[rows], line)
        handle.set_label(name)
        handles.append(handle)
    low = float(np.nanmin(values))
    drawn.set_ylim(bottom=0 if low >= 0 else None)
    if KPI_SCHEMA[value] == "int":
        _plot.whole_ticks(drawn.yaxis)
    drawn.yaxis.set_major_formatter(lambda number, _: _plot.compact(number))
    drawn.set_ylabel(_UNITS.get(value, "customers"))
    handles = handles if source.by else []
    if not done.all():
        handles.append(_plot.hollow_mark(_plot.UNFINISHED))
    unit = _plot.unit_of(days)
    _plot.time_axis(drawn, days, unit)
    _plot.head(drawn, f"{title} by {_plot.WORDS[unit].split()[0]}", handles)
    return drawn


def plot_growth(growth: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the customers who came, stayed, came back and went, period by period.

    New, retained and resurrected customers are stacked above zero and add up to the active ones;
    those who churned hang below. The bars of a period that was not over are hatched, and nobody is
    drawn as churned there: who has not bought yet may still do so.

    Parameters
    ----------
    growth : table
        As `growth_accounting` makes it, of one group.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is the first day of the period in matplotlib's days.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a period stands twice.
    OptionError
        If `ax` is not an Axes.

    See Also
    --------
    growth_accounting : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-02", "2026-01-09", "2026-02-28", "2026-03-31"]
    >>> events = pd.DataFrame({"customer_id": list("abab"), "date": pd.to_datetime(days)})
    >>> ax = crm.kpi.plot_growth(crm.kpi.growth_accounting(events))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['new', 'retained', 'resurrected', 'churned']
    >>> [float(bar.get_height()) for bar in ax.containers[3]]  # churned hang below zero
    [0.0, -1.0, -1.0]
    """
    caller, title = "plot_growth", "Growth"
    names = ("period", *_MOVES, "complete")
    source = _frame.read(
        growth, caller=caller, argument="growth", roles={name: name for name in names},
        maker="growth_accounting",
    )  # fmt: skip
    if source.n_rows == 0:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    moves = {name: _plot.numbers(source, name, "growth_accounting") for name in _MOVES}
    days = source.ticks("period").days()
    _plot.once(source, [days], "a period", "Keep the rows of one group.")
    order = np.argsort(days, kind="stable")
    at, done = days[order], _plot.flags(source, "complete")[order]
    drawn = _plot.axes(ax, caller=caller)
    handles = _growth_bars(drawn, at, done, {name: v[order] for name, v in moves.items()})
    drawn.axhline(0, color=_plot.INK, linewidth=0.8)
    _plot.open_box(drawn, "y")
    _plot.whole_ticks(drawn.yaxis)
    drawn.yaxis.set_major_formatter(lambda number, _: _plot.compact(abs(number)))
    drawn.set_ylabel("customers")
    unit = _plot.unit_of(at)
    _plot.time_axis(drawn, at, unit)
    _plot.head(drawn, f"Growth by {_plot.WORDS[unit].split()[0]}", handles)
    return drawn


def _growth_bars(ax: "Axes", at: Any, done: Bools, moves: dict[str, Floats]) -> list[Any]:
    """Stack the bars, hatch those of unfinished periods, and return what the legend shows."""
    from matplotlib.patches import Patch

    wide = 0.84 * (np.diff(at).min() if len(at) > 1 else 1)
    colours = dict(zip(_MOVES, ("#009E73", "#0072B2", "#56B4E9", "#D55E00"), strict=True))
    below = np.zeros(len(at))
    handles: list[Any] = []
    for name, values in moves.items():
        heights = np.nan_to_num(values, nan=0.0)
        if name == "churned":
            # whoever has not bought yet in an unfinished period has not left
            heights = np.where(done, heights, 0.0)
            bars = ax.bar(at, -heights, wide, color=colours[name], label=name)
        else:
            bars = ax.bar(at, heights, wide, bottom=below, color=colours[name], label=name)
            below = below + heights
        for place in np.flatnonzero(~done):
            bars.patches[place].set(hatch=_plot.HATCH, edgecolor="white", linewidth=0)
        handles.append(Patch(facecolor=colours[name], label=name))
    if not done.all():
        handles.append(_plot.hatched_mark(_plot.UNFINISHED))
    return handles
