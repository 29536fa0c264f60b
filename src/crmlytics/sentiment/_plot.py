"""Drawings of feedback over time, by aspect, and of what moves the score."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _plot, _result
from crmlytics._columns import Bools, Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PRAISE, BLAME, NEITHER = _plot.PALETTE[0], _plot.PALETTE[5], "#d9d9d9"
_SIDES = ("negative", "neutral", "positive")
_ROW = 0.3  # inches
_MANY = 60  # periods


def plot_sentiment_trend(
    trend: IntoDataFrame, *, by: str | Sequence[str] | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the share of negative texts period by period, with control limits and alerts.

    One line has a band for its interval and dashed control limits; with several only the lines and
    alerts are drawn, because bands would hide each other. A period that was not over is a hollow
    point by itself, called "unfinished".

    Parameters
    ----------
    trend : table
        As `sentiment_trend` makes it.
    by : str or list of str, optional
        Columns that part the table into lines, at most 12: those it was grouped by, and "aspect"
        where it has aspects.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is the first day of the period in matplotlib's days, y a share.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a period stands twice in a line, or there are more than 12 lines.
    OptionError
        If `by` or `ax` is not what it must be.

    See Also
    --------
    sentiment_trend : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-05"] * 4 + ["2026-01-12"] * 2 + ["2026-01-19"])
    >>> texts = ["Good", "Great", "Thanks, nice", "Awful", "Terrible", "Bad", "Good"]
    >>> feedback = pd.DataFrame({"date": days, "text": texts})
    >>> trend = crm.sentiment.sentiment_trend(feedback, as_of="2026-01-20")
    >>> ax = crm.sentiment.plot_sentiment_trend(trend)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['share negative', 'control limits', 'unfinished']
    """
    caller, maker, title = "plot_sentiment_trend", "sentiment_trend", "Negative texts"
    names = ("share_negative", "lower", "upper", "lower_limit", "upper_limit")
    source = _frame.read(
        trend, caller=caller, argument="trend", by=by, maker=maker,
        roles={name: name for name in ("period", *names, "alert", "complete")},
    )  # fmt: skip
    values = {name: _plot.numbers(source, name, maker) for name in names}
    share = values["share_negative"]
    if source.n_rows == 0 or np.isnan(share).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    days, done = source.ticks("period").days(), _plot.flags(source, "complete")
    alert = _plot.flags(source, "alert")
    codes, labels = _plot.lines_of(source, days, "a period")
    drawn = _plot.axes(ax, caller=caller)
    _plot.open_box(drawn, "y")
    handles: list[Any] = []
    for line, label in enumerate(labels):
        rows = np.flatnonzero(codes == line)
        rows = rows[np.argsort(days[rows], kind="stable")]
        if len(labels) == 1:
            handles += _limits(drawn, days[rows], {key: all_[rows] for key, all_ in values.items()})
        handle = _plot.line(drawn, days[rows], share[rows], done[rows], line)
        handle.set_label(label or "share negative")
        handles.insert(line, handle)
    if alert.any():
        # unlike the hollow ring of an unfinished period, and above all lines
        marks: dict[str, Any] = {"marker": "D", "markersize": 7, "linestyle": "", "zorder": 4}
        marks |= {"color": BLAME, "markeredgecolor": "white"}
        at = np.flatnonzero(alert)
        at = at[np.lexsort((share[at], days[at]))]
        handles += drawn.plot(days[at], share[at], label="alert", **marks)
    if not done.all():
        handles.append(_plot.hollow_mark(_plot.UNFINISHED))
    drawn.set_ylim(0, _top(values, len(labels)))
    drawn.yaxis.set_major_formatter(lambda number, _: _plot.percent_tick(number))
    drawn.set_ylabel("share of texts that are negative")
    unit = _plot.unit_of(days)
    _plot.time_axis(drawn, days, unit)
    _plot.head(drawn, f"{title} by {_plot.WORDS[unit].split()[0]}", handles)
    return drawn


def _limits(ax: "Axes", at: Ints, values: dict[str, Floats]) -> list[Any]:
    """Draw the interval and the control limits of a line; return what the legend shows."""
    blue = _plot.PALETTE[0]
    ax.fill_between(at, values["lower"], values["upper"], color=blue, alpha=0.15, linewidth=0)
    wide = 1.0 if len(at) <= _MANY else 0.6
    style: dict[str, Any] = {"color": _plot.PALE, "linestyle": "--", "linewidth": wide}
    if np.isnan(values["upper_limit"]).all():
        return []
    # limits belong to a period each: steps, not slopes
    style["drawstyle"] = "steps-mid"
    handle = ax.plot(at, values["upper_limit"], label="control limits", **style)
    ax.plot(at, values["lower_limit"], **style)
    return list(handle)


def _top(values: dict[str, Floats], n_lines: int) -> float:
    """Return where the shares end; limits and intervals of few texts may leave the picture."""
    shown = np.nanmax(values["share_negative"])
    if n_lines == 1:
        typical = [
            np.nanmedian(values[name])
            for name in ("upper", "upper_limit")
            if np.isfinite(values[name]).any()
        ]
        shown = max(shown, *typical)
    return float(min(1.02, max(1.12 * shown, 0.05)))


def plot_aspects(scored: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw what part of the mentions of each aspect is blame, neither, and praise.

    Blame lies left of the line in the middle, praise right of it, and what is neither on both
    sides. The aspects mentioned most are at the top.

    Parameters
    ----------
    scored : table
        As `score_aspects` makes it. Mentions whose sentiment is not known are left out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is a share of the mentions, negative to the left.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    OptionError
        If `ax` is not an Axes.

    See Also
    --------
    score_aspects : makes the table.
    plot_nps_drivers : what praise and blame do to the score.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame({"text": ["Great food, but the waiters were rude.", "Good food"]})
    >>> aspects = {"food": ["food"], "service": ["service", "waiter"]}
    >>> ax = crm.sentiment.plot_aspects(crm.sentiment.score_aspects(feedback, aspects=aspects))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['food (2)', 'service (1)']
    """
    caller, maker, title = "plot_aspects", "score_aspects", "What is said on each aspect"
    source = _frame.read(
        scored, caller=caller, argument="scored", maker=maker,
        roles={"aspect": "aspect", "label": "label"},
    )  # fmt: skip
    sides, aspects = (_result.ids(source.column(name)).to_pylist() for name in ("label", "aspect"))
    told = [(one, side) for one, side in zip(aspects, sides, strict=True) if side in _SIDES]
    if not told:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    names = sorted({one for one, _ in told}, key=str)
    place = {name: at for at, name in enumerate(names)}
    cells = [place[one] * 3 + _SIDES.index(side) for one, side in told]
    counts = np.bincount(cells, minlength=3 * len(names)).reshape(-1, 3)
    n = counts.sum(axis=1)
    order = np.lexsort((np.arange(len(names)), -n))
    shares, at = (counts / n[:, None])[order], np.arange(len(names))
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, 1.4 + _ROW * len(names)))
    _plot.open_box(drawn, "x")
    blame, neither, praise = shares.T
    handles = [
        drawn.barh(at, widths, left=lefts, height=0.74, color=colour, label=label)
        for widths, lefts, colour, label in (
            (blame, -neither / 2 - blame, BLAME, "negative"),
            (neither, -neither / 2, NEITHER, "neutral"),
            (praise, neither / 2, PRAISE, "positive"),
        )
    ]
    drawn.axvline(0, color=_plot.INK, linewidth=0.8)
    drawn.set_ylim(len(names) - 0.5, -0.5)
    reach = 1.04 * float(max((neither / 2 + blame).max(), (neither / 2 + praise).max()))
    drawn.set_xlim(-reach, reach)
    drawn.xaxis.set_major_formatter(lambda share, _: _plot.percent_tick(abs(share)))
    drawn.set_xlabel("share of mentions, negative to the left")
    written = [f"{_plot.label(names[k])} ({_plot.whole(float(n[k]))})" for k in order]
    _plot.names(drawn, "y", written, at)
    drawn.tick_params(axis="y", length=0)
    _plot.head(drawn, title, handles)
    return drawn


def plot_nps_drivers(drivers: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw what praise and blame of each aspect do to the score, with intervals.

    The aspect that takes most from the NPS is at the top; what it takes or gives in all, in points
    of NPS, is written at the right.

    Parameters
    ----------
    drivers : table
        As `nps_drivers` makes it. Aspects without any effect known are left out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is in points of the score, against texts that do not mention the
        aspect.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If an aspect stands twice.
    OptionError
        If `ax` is not an Axes.

    See Also
    --------
    nps_drivers : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> texts = ["Great delivery", "Good delivery", "Awful delivery", "Bad delivery", "Hello", "Hm"]
    >>> feedback = pd.DataFrame({"text": texts, "score": [9, 10, 1, 2, 7, 8]})
    >>> drivers = crm.sentiment.nps_drivers(feedback, aspects={"delivery": ["delivery"]})
    >>> ax = crm.sentiment.plot_nps_drivers(drivers)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['when blamed', 'when praised']
    """
    caller, maker, title = "plot_nps_drivers", "nps_drivers", "What moves the score"
    ends = ("effect", "lower", "upper")
    names = [f"{side}_{end}" for side in ("negative", "positive") for end in ends]
    source = _frame.read(
        drivers, caller=caller, argument="drivers", maker=maker,
        roles={name: name for name in ("aspect", "n", "nps_effect", *names)},
    )  # fmt: skip
    columns = np.array([_plot.numbers(source, name, maker) for name in names], dtype=np.float64)
    values: Floats = columns.reshape(2, 3, -1)
    n, nps = (_plot.numbers(source, name, maker) for name in ("n", "nps_effect"))
    known = np.isfinite(values[:, 0]).any(axis=0)
    if not known.any():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    aspects = [str(name) for name in _result.ids(source.column("aspect")).to_pylist()]
    _plot.once(
        source, [np.unique(aspects, return_inverse=True)[1]], "an aspect", "Keep one answer."
    )
    rows = np.flatnonzero(known)
    rows = np.array(sorted(rows, key=lambda row: (np.nan_to_num(nps[row]), aspects[row])))
    at = np.arange(len(rows), dtype=np.float64)
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, 1.6 + 1.2 * _ROW * len(rows)))
    _plot.open_box(drawn, "x")
    handles = [
        _points(drawn, at + shift, values[side][:, rows], colour, label)
        for side, (shift, colour, label) in enumerate(
            ((-0.14, BLAME, "when blamed"), (0.14, PRAISE, "when praised"))
        )
    ]
    drawn.axvline(0, color=_plot.INK, linewidth=0.8)
    drawn.set_xlim(*_reach(values[:, :, rows]))
    drawn.set_ylim(len(rows) - 0.5, -0.5)
    drawn.xaxis.set_major_formatter(lambda number, _: _signed(number, 2).rstrip("0").rstrip("."))
    drawn.set_xlabel("points of the score, against no mention")
    style: dict[str, Any] = {"va": "center", "ha": "left", "color": _plot.INK, "fontsize": 8}
    beside: Any = drawn.get_yaxis_transform()
    for height, row in zip(at, rows, strict=True):
        if np.isfinite(nps[row]):
            drawn.text(
                1.02, float(height), f"{_signed(nps[row], 1)} NPS", transform=beside, **style
            )
    written = [f"{_plot.label(aspects[row])} ({_plot.whole(float(n[row]))})" for row in rows]
    _plot.names(drawn, "y", written, at)
    drawn.tick_params(axis="y", length=0)
    _plot.head(drawn, title, handles)
    return drawn


def _signed(number: float, places: int) -> str:
    """Write a number with its sign: +0.2, or 0.0 without one."""
    rounded = round(float(number), places)
    written = f"{rounded:+.{places}f}" if rounded else f"{0:.{places}f}"
    return written.replace("-", "\N{MINUS SIGN}")


def _points(ax: "Axes", at: Floats, values: Floats, colour: str, label: str) -> Any:
    """Draw effects as points on their intervals; hollow where there is no interval."""
    effect, lower, upper = values
    sure = np.isfinite(effect) & np.isfinite(lower)
    ax.hlines(at[sure], lower[sure], upper[sure], color=colour, linewidth=1.4, alpha=0.6)
    alone: Bools = np.isfinite(effect) & ~sure
    style: dict[str, Any] = {"color": colour, "marker": "o", "linestyle": "", "markersize": 5}
    if alone.any():
        ax.plot(effect[alone], at[alone], markerfacecolor="white", **style)
    return ax.plot(effect[sure], at[sure], label=label, **style)[0]


def _reach(values: Floats) -> tuple[float, float]:
    """Return where the axis ends: long intervals of rare aspects must not flatten the others."""
    effects, ends = values[:, 0], values[:, 1:]
    known = ends[np.isfinite(ends)]
    far = 1.6 * float(np.nanmax(np.abs(effects))) + 0.5
    low = min(float(np.nanmin(effects)), float(known.min(initial=0.0)), 0.0)
    high = max(float(np.nanmax(effects)), float(known.max(initial=0.0)), 0.0)
    low, high = max(low, -far), min(high, far)
    room = 0.04 * (high - low) + 0.05
    return low - room, high + room
