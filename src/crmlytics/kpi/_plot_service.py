"""A drawing of how long tickets wait."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _groups, _plot
from crmlytics._columns import Floats
from crmlytics._frame import Source
from crmlytics.errors import DataError
from crmlytics.kpi._response import RESPONSE
from crmlytics.kpi._tickets import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAKER = "response_times"
_NUMBERS = ("n", "open", "median_hours", "lower", "upper", "p90_hours")
_WORDS = {"first_response": "first response", "resolution": "resolution"}
_COLOURS = ("#0072B2", "#D55E00")
_APART = 0.17  # of a row, between the middle of a group and either measure
_MOST_GROUPS = 30
# hours -> how people say them
_TICKS = (
    (1 / 60, "1 min"), (1 / 12, "5 min"), (0.25, "15 min"), (1, "1 h"), (4, "4 h"), (12, "12 h"),
    (24, "1 day"), (72, "3 days"), (168, "1 week"), (672, "4 weeks"), (2016, "12 weeks"),
    (8760, "1 year"), (43800, "5 years"),
)  # fmt: skip


def plot_response_times(response: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the median wait of each group with its interval, and the time by which 90 % are done.

    Waits run over minutes and weeks, so the axis is logarithmic. A median that is unknown because
    fewer than half of the tickets are done is missing, and an interval without an upper end runs
    to the edge.

    Parameters
    ----------
    response : table
        As `response_times` makes it; at most 30 groups.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is hours, y the groups from the top.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a measure stands twice in a group, or there are more than 30 groups.
    OptionError
        If `ax` is not an Axes.

    See Also
    --------
    response_times : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> response = pd.DataFrame(
    ...     {
    ...         "channel": ["chat", "email"],
    ...         "measure": "first_response",
    ...         "n": [40, 30],
    ...         "open": [0, 3],
    ...         "median_hours": [0.5, 6.0],
    ...         "lower": [0.4, 4.0],
    ...         "upper": [0.8, 9.0],
    ...         "p90_hours": [2.0, 30.0],
    ...     }
    ... )
    >>> ax = crm.kpi.plot_response_times(response)
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['chat (40)', 'email (30)']
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['first response, median and interval', '90 % done']
    """
    caller, title = "plot_response_times", "How long tickets wait"
    opened, _ = _frame.open_table(response, caller=caller, argument="response", lazy=False)
    by = [name for name in opened.collect_schema().names() if name not in RESPONSE]
    source = _frame.read(
        response, caller=caller, argument="response", by=by, maker=_MAKER,
        roles={name: name for name in ("measure", *_NUMBERS)},
    )  # fmt: skip
    found = {name: _plot.numbers(source, name, _MAKER) for name in _NUMBERS}
    if source.n_rows == 0 or np.isnan([found["median_hours"], found["p90_hours"]]).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    measures = _measures(source)
    group, names = _rows(source, measures)
    names = [_named(name, found["n"][group == k]) for k, name in enumerate(names)]
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, 1.6 + 0.5 * len(names)))
    _plot.open_box(drawn, "x")
    low, high = _limits(found)
    drawn.set(xlim=(low, high), xscale="log", ylim=(len(names) - 0.5, -0.5))
    drawn.xaxis.minorticks_off()
    kinds = sorted(set(measures.tolist()))
    handles = []
    for kind in kinds:
        rows = np.flatnonzero(measures == kind)
        lift = (2 * kind - 1) * _APART if len(kinds) > 1 else 0.0
        own = {name: values[rows] for name, values in found.items()}
        handles.append(_draw(drawn, group[rows] + lift, own, kind))
    handles.append(_plot.hollow_mark("90 % done"))
    _ticks(drawn, low, high)
    drawn.set_xlabel("time since the ticket was opened" + (", tickets in brackets" if by else ""))
    _plot.names(drawn, "y", names if by else [], np.arange(len(names) if by else 0))
    if not by:
        title = title.replace("tickets", f"{_plot.whole(np.nanmax(found['n']))} tickets")
    _plot.head(drawn, title, handles)
    return drawn


def _measures(source: Source) -> Any:
    """Return the place of each row's measure among those there are."""
    named = source.column("measure").to_list()
    strange = sorted({str(name) for name in named if name not in MEASURES})
    if strange:
        raise DataError(
            f"{source.caller}: {source.argument} has measures {strange[:5]}, which are none of "
            f"{list(MEASURES)}. Make the table with {_MAKER}."
        )
    return np.array([MEASURES.index(name) for name in named])


def _rows(source: Source, measures: Any) -> tuple[Any, list[str]]:
    """Return the group of each row, and the names of the groups."""
    grouped = _groups.groups(source, None)
    codes = grouped.of_rows(None, source.n_rows)
    advice = "Keep the columns that the table was grouped by."
    _plot.once(source, [codes, measures], "a measure of a group", advice)
    if grouped.size > _MOST_GROUPS:
        raise DataError(
            f"{source.caller}: {source.argument} has {grouped.size} groups, and more than "
            f"{_MOST_GROUPS} cannot be read. Keep fewer of them."
        )
    parts = [values.to_pylist() for values in grouped.names.values()]
    names = [", ".join(_plot.label(part) for part in row) for row in zip(*parts, strict=True)]
    # groups are drawn in the order in which the table has them
    _, first = np.unique(codes, return_index=True)
    order = np.argsort(first)
    place = np.empty(grouped.size, dtype=np.int64)
    place[order] = np.arange(grouped.size)
    return place[codes], [names[k] for k in order] if names else [""]


def _named(name: str, tickets: Floats) -> str:
    """Name a group with the number of its tickets."""
    known = tickets[~np.isnan(tickets)]
    return f"{name} ({_plot.whole(known.max())})" if len(known) else name


def _limits(found: dict[str, Floats]) -> tuple[float, float]:
    """Return the ends of the axis; waits of 0 stand at its lower end."""
    seen = np.concatenate([found[name] for name in _NUMBERS[2:]])
    seen = seen[~np.isnan(seen) & (seen > 0)]
    if not len(seen):
        return 1 / 60, 1.0
    return max(float(seen.min()) / 1.6, 1 / 3600), float(seen.max()) * 1.6


def _draw(ax: "Axes", at: Any, found: dict[str, Floats], kind: int) -> Any:
    """Draw one measure of all groups; return its handle."""
    low, high = ax.get_xlim()
    colour = _COLOURS[kind]
    left, median = (np.maximum(found[name], low) for name in ("lower", "median_hours"))
    known = ~np.isnan(median)
    # an interval without an end is as wide as the picture
    right = np.where(np.isnan(found["upper"]), high, found["upper"])
    left = np.where(np.isnan(left), low, left)
    ax.hlines(at[known], left[known], right[known], color=colour, linewidth=3.0, alpha=0.35)
    p90 = np.maximum(found["p90_hours"], low)
    ax.plot(
        p90, at, marker="o", linestyle="", markersize=6, color=colour, markerfacecolor="white",
        clip_on=False, zorder=3,
    )  # fmt: skip
    return ax.plot(
        median, at, marker="o", linestyle="", markersize=7, color=colour, clip_on=False, zorder=4,
        label=f"{_WORDS[MEASURES[kind]]}, median and interval",
    )[0]  # fmt: skip


def _ticks(ax: "Axes", low: float, high: float) -> None:
    """Label round times, no more than fit."""
    there = [(hours, text) for hours, text in _TICKS if low <= hours <= high]
    room = _plot.size(ax)[0] / (9 * _plot.LETTER * 8)
    if not there:
        there = [(low * 1.6, f"{_plot.compact(low * 1.6)} h")]
    kept = [there[k] for k in _plot.thin(len(there), room)]
    ax.set_xticks([hours for hours, _ in kept], [text for _, text in kept], fontsize=9)
