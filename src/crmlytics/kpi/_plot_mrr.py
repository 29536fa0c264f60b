"""A drawing of recurring revenue: its level, and what moved it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _plot
from crmlytics._columns import Bools, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAKER = "mrr_movements"
# from zero upwards, and from zero downwards
_UP = {"new": "#009E73", "reactivation": "#56B4E9", "expansion": "#0072B2"}
_DOWN = {"contraction": "#E69F00", "churn": "#D55E00"}
_END = "MRR at the end"
_MOST_MARKS = 60


def plot_mrr(movements: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw what moved the recurring revenue month by month, and the sum it came to.

    What was won stands above zero and what was lost hangs below it, by the left axis. The line is
    the MRR at the end of each month, by the right one; both axes have zero at the same height. The
    bars of a month that was not over are hatched, and its point is hollow.

    Parameters
    ----------
    movements : table
        As `mrr_movements` makes it, of one group.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is the first day of the month in matplotlib's days. The line stands on
        a second Axes over it, the last of ``ax.figure.axes``.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a month stands twice.
    OptionError
        If `ax` is not an Axes.

    See Also
    --------
    mrr_movements : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> subscriptions = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b"],
    ...         "start_date": pd.to_datetime(["2026-01-10", "2026-01-01"]),
    ...         "end_date": pd.to_datetime([None, "2026-03-01"]),
    ...         "amount": [10.0, 50.0],
    ...     }
    ... )
    >>> moved = crm.kpi.mrr_movements(subscriptions, as_of="2026-03-31")
    >>> ax = crm.kpi.plot_mrr(moved)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['new', 'churn', 'MRR at the end']
    >>> [float(bar.get_height()) for bar in ax.containers[1]]  # churn hangs below zero
    [0.0, 0.0, -50.0]
    """
    caller, title = "plot_mrr", "Recurring revenue by month"
    names = ("month", *_UP, *_DOWN, "end", "complete")
    source = _frame.read(
        movements, caller=caller, argument="movements", roles={name: name for name in names},
        maker=_MAKER,
    )  # fmt: skip
    if source.n_rows == 0:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    found = {name: _plot.numbers(source, name, _MAKER) for name in (*_UP, *_DOWN, "end")}
    days = source.ticks("month").days()
    _plot.once(source, [days], "a month", "Keep the rows of one group.")
    order = np.argsort(days, kind="stable")
    at, done = days[order], _plot.flags(source, "complete")[order]
    found = {name: values[order] for name, values in found.items()}
    drawn = _plot.axes(ax, caller=caller)
    handles = _bars(drawn, at, done, found)
    drawn.axhline(0, color=_plot.INK, linewidth=0.8)
    _plot.open_box(drawn, "y")
    drawn.yaxis.set_major_formatter(lambda number, _: _plot.compact(abs(number)))
    drawn.set_ylabel("won and lost in the month")
    handles.append(_level(drawn, at, done, found["end"]))
    if not done.all():
        handles.append(_plot.hatched_mark(_plot.UNFINISHED))
    _plot.time_axis(drawn, at, "M")
    _plot.head(drawn, title, handles)
    return drawn


def _bars(ax: "Axes", at: Any, done: Bools, found: dict[str, Floats]) -> list[Any]:
    """Stack the movements that there are, and return what the legend shows."""
    from matplotlib.patches import Patch

    wide = 0.84 * (np.diff(at).min() if len(at) > 1 else 28)
    room = 25 if len(at) > 1 else 60  # one month alone is no wall
    ax.set_xlim(at[0] - room, at[-1] + room)
    handles: list[Any] = []
    for names, sign in ((_UP, 1.0), (_DOWN, -1.0)):
        reached = np.zeros(len(at))
        for name, colour in names.items():
            heights = sign * np.nan_to_num(found[name], nan=0.0)
            if not heights.any():
                continue
            bars = ax.bar(at, heights, wide, bottom=reached, color=colour, label=name)
            reached = reached + heights
            for place in np.flatnonzero(~done):
                bars.patches[place].set(hatch=_plot.HATCH, edgecolor="white", linewidth=0)
            handles.append(Patch(facecolor=colour, label=name))
    return handles


def _level(ax: "Axes", at: Any, done: Bools, end: Floats) -> Any:
    """Draw the sums by an axis of their own, whose zero is that of the bars."""
    from matplotlib.ticker import MaxNLocator

    right = ax.twinx()
    style: dict[str, Any] = {"color": _plot.INK, "linewidth": 1.6, "marker": "o", "markersize": 3}
    if len(at) > _MOST_MARKS:
        style["marker"] = ""
    right.plot(at, end, color="white", linewidth=3.4)  # sets the line off from bars behind it
    line = right.plot(at, end, label=_END, **style)[0]
    if not done.all():
        right.plot(
            at[~done], end[~done], linestyle="", marker="o", markersize=5, color=_plot.INK,
            markerfacecolor="white",
        )  # fmt: skip
    low, high = ax.get_ylim()
    low, high = min(low, 0.0), max(high, 0.0)
    low, high = (low, high) if high > low else (0.0, 1.0)
    high = max(high, -0.25 * low)  # room for the line above the bars that hang
    top = 1.08 * float(np.nanmax(end, initial=0.0)) or 1.0
    ax.set_ylim(low, high)
    ticks = [tick for tick in MaxNLocator(4).tick_values(0, top) if 0 <= tick <= top]
    right.set_yticks(ticks, [_plot.compact(tick) for tick in ticks])
    right.set_ylim(low * top / high, top)
    right.spines[["top", "left"]].set_visible(False)
    right.set_ylabel(_END)
    return line
