"""A drawing of the funnel: one bar a step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _plot
from crmlytics._columns import Floats, Ints
from crmlytics.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES = ("place", "customers", "rate_from_first", "rate_from_previous")


def plot_funnel(
    funnel: IntoDataFrame,
    *,
    by: str | Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the customers at each step as bars, with their shares of the first and the last step.

    Parameters
    ----------
    funnel : table
        As `funnel` makes it.
    by : str or list of str, optional
        Columns the table was grouped by: the bars of at most 12 groups side by side.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on. At the end of a bar stand the customers, their share of the first step
        and, from the third step on, their share of the step before.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a step stands twice in a group, or there are more than 12 groups.
    OptionError
        If `by` or `ax` is not what it must be.

    See Also
    --------
    funnel : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-01-03", "2026-01-05", "2026-01-03"])
    >>> events = pd.DataFrame(
    ...     {"customer_id": list("aaab"), "event": ["view", "cart", "buy", "view"], "date": days}
    ... )
    >>> ax = crm.kpi.plot_funnel(crm.kpi.funnel(events, steps=["view", "cart", "buy"]))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['view', 'cart', 'buy']
    >>> [text.get_text() for text in ax.texts]
    ['2', '1 (50%)', '1 (50%, 100% of the step before)']
    """
    caller, title = "plot_funnel", "Customers by step"
    source = _frame.read(
        funnel, caller=caller, argument="funnel", by=by, maker="funnel",
        roles={"steps": "step"} | {name: name for name in _NAMES},
    )  # fmt: skip
    if source.n_rows == 0:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    places = source.numbers("place")
    codes, groups = _plot.lines_of(source, places, "a step")
    at, first, row = np.unique(places, return_index=True, return_inverse=True)
    if np.isnan(places).any() or np.isnan(source.numbers("customers")).any():
        raise DataError(
            f"{caller}: place or customers in {source.argument} is null in some rows. Make the "
            "table with funnel."
        )
    steps = [source.column("steps").to_list()[place] for place in first]
    n = len(at)
    height = 1.2 + n * max(0.45, 0.26 * len(groups))
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, min(14.0, max(2.5, height))))
    _plot.names(drawn, "y", [_plot.label(step) for step in steps], np.arange(n))
    drawn.set_ylim(n - 0.45, -0.55)
    drawn.set_xlabel("customers")
    _plot.whole_ticks(drawn.xaxis)
    drawn.xaxis.set_major_formatter(lambda value, _: _plot.compact(value))
    _plot.open_box(drawn, "x")
    handles = _bars(drawn, source, codes, row, groups)
    _plot.head(drawn, title, handles if source.by else [])
    return drawn


def _bars(
    ax: "Axes", source: _frame.Source, codes: Ints, row: Ints, groups: list[str]
) -> list[Any]:
    """Draw the bars of each group, write at their ends, and leave room for that."""
    customers, of_first, of_previous = (source.numbers(name) for name in _NAMES[1:])
    n, thick = int(row.max()) + 1, 0.82 / len(groups)
    width, height = _plot.size(ax)  # before the texts, which would push the layout about
    points = min(9.0, max(5.0, 0.8 * thick * height / n))
    handles, longest = [], 1.0
    for place, name in enumerate(groups):
        rows = np.flatnonzero(codes == place)
        y = row[rows] + (place - (len(groups) - 1) / 2) * thick
        colour = _plot.PALETTE[place % len(_plot.PALETTE)]
        handles.append(ax.barh(y, customers[rows], thick * 0.92, color=colour, label=name))
        for each, end in zip(rows, y, strict=True):
            text = _shares(customers[each], row[each], of_first[each], of_previous[each])
            ax.annotate(
                text, (customers[each], end), (3, 0), textcoords="offset points", va="center",
                color=_plot.INK, fontsize=points,
            )  # fmt: skip
            # the room beyond the end of this bar, as a share of the longest bar
            need = 0.56 * points * len(text) + 8
            longest = max(longest, _stretch(customers, customers[each], need / width))
    ax.set_xlim(0, max(float(customers.max()), 1.0) * longest)
    return handles


def _stretch(customers: Floats, here: float, taken: float) -> float:
    """Return how much longer than the longest bar the axis must be for a text to fit."""
    return here / max(float(customers.max()), 1.0) / (1 - min(taken, 0.6))


def _shares(customers: float, place: int, of_first: float, of_previous: float) -> str:
    """Write a number of customers with its shares; the second step's two shares are one."""
    text = _plot.whole(customers)
    if place == 0:
        return text
    if np.isnan(of_first):
        return f"{text} (–)"
    share = _plot.percent(of_first)
    if place == 1 or np.isnan(of_previous):
        return f"{text} ({share})"
    return f"{text} ({share}, {_plot.percent(of_previous)} of the step before)"
