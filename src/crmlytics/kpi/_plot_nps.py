"""A drawing of who recommends and who does not."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _groups, _plot
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError
from crmlytics.kpi._nps import NPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAKER = "nps"
_NUMBERS = ("nps", "lower", "upper", "n", "promoter_share", "detractor_share")
# detractors, passives, promoters
_COLOURS = {"detractors": "#D55E00", "passives": "#c9c9c9", "promoters": "#009E73"}
_MOST_GROUPS = 30
_BAR, _DROP, _RISE = 0.42, 0.14, 0.25  # of a row: height of a bar, where it and the score stand
_TICKS = 14.0  # points


def plot_nps(
    nps_table: IntoDataFrame,
    *,
    by: str | Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the shares of detractors, passives and promoters, and the score with its interval.

    Each group is a bar from 0 to 100 % of its answers. Above it the score stands on the axis at the
    top, from -100 to 100, with its interval: groups whose intervals lie apart differ.

    Parameters
    ----------
    nps_table : table
        As `nps` makes it; at most 30 groups.
    by : str or list of str, optional
        Columns that name the groups; by default all that `nps` did not make.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is the share of answers from 0 to 1, y the groups from the top in the
        order of the table. A score stands at ``(nps + 100) / 200``.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a group stands twice, or there are more than 30.
    OptionError
        If `by` or `ax` is not what it must be.

    See Also
    --------
    nps : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame({"channel": list("aaabbb"), "score": [10, 9, 3, 8, 7, 10]})
    >>> ax = crm.kpi.plot_nps(crm.kpi.nps(feedback, by="channel"))
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['a (3)', 'b (3)']
    >>> [round(float(bar.get_width()), 2) for bar in ax.containers[2]]  # promoters
    [0.67, 0.33]
    """
    caller, title = "plot_nps", "Who recommends"
    opened, _ = _frame.open_table(nps_table, caller=caller, argument="nps_table", lazy=False)
    there = [name for name in opened.collect_schema().names() if name not in NPS]
    source = _frame.read(
        nps_table, caller=caller, argument="nps_table", maker=_MAKER,
        by=there if by is None else _checks.columns(by, name="by", caller=caller),
        roles={name: name for name in _NUMBERS},
    )  # fmt: skip
    found = {name: _plot.numbers(source, name, _MAKER) for name in _NUMBERS}
    if source.n_rows == 0 or np.isnan(found["nps"]).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    rows, names = _rows(source)
    found = {name: values[rows] for name, values in found.items()}
    names = [f"{name} ({_plot.whole(n)})" for name, n in zip(names, found["n"], strict=True)]
    at = np.arange(len(names))
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, 1.5 + 0.55 * len(names)))
    drawn.spines[["top", "right", "left"]].set_visible(False)
    # the names of the upper axis stand inside, because the legend is above
    per_row = (_plot.size(drawn)[1] - _TICKS) / len(names)
    drawn.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5 - _TICKS / max(per_row, 10.0)))
    handles = _bars(drawn, at, found)
    handles.append(_scores(drawn, at, found))
    drawn.xaxis.set_major_formatter(lambda share, _: _plot.percent_tick(share))
    drawn.set_xlabel("share of answers")
    drawn.tick_params(axis="y", length=0)
    if source.by:
        _plot.names(drawn, "y", names, at)
    else:
        drawn.set_yticks([])
        drawn.set_xlabel(f"share of {_plot.whole(found['n'][0])} answers")
    _plot.head(drawn, title, handles)
    _second_axis(drawn)
    return drawn


def _rows(source: Source) -> tuple[Ints, list[str]]:
    """Return the rows in the order of the table, and the names of their groups."""
    grouped = _groups.groups(source, None)
    codes = grouped.of_rows(None, source.n_rows)
    _plot.once(source, [codes], "a group", "Name the columns it was grouped by in by=.")
    if grouped.size > _MOST_GROUPS:
        raise DataError(
            f"{source.caller}: nps_table has {grouped.size} groups, and more than {_MOST_GROUPS} "
            "cannot be read. Keep fewer of them."
        )
    parts = [values.to_pylist() for values in grouped.names.values()]
    names = [", ".join(_label(part) for part in row) for row in zip(*parts, strict=True)]
    return np.arange(source.n_rows), [names[code] for code in codes] if names else [""]


def _label(value: Any) -> str:
    """Write the value of a group; of a period its first day."""
    midnight = isinstance(value, datetime) and value.time() == time()
    return _plot.label(value.date() if midnight else value)


def _bars(ax: "Axes", at: Ints, found: dict[str, Floats]) -> list[Any]:
    """Stack the shares of each group; return what the legend shows."""
    promoters, detractors = found["promoter_share"], found["detractor_share"]
    shares = {
        "detractors": detractors,
        "passives": np.maximum(1 - promoters - detractors, 0.0),
        "promoters": promoters,
    }
    left, bars = np.zeros(len(at)), []
    for name, share in shares.items():
        wide = np.nan_to_num(share, nan=0.0)
        bars.append(ax.barh(at + _DROP, wide, _BAR, left=left, color=_COLOURS[name], label=name))
        left = left + wide
    room = _plot.size(ax)[0] / (8 * _plot.LETTER * 4)  # labels that fit side by side
    for bar, share in zip(bars, shares.values(), strict=True):
        texts = [_plot.percent(one) if one * room >= 1 else "" for one in np.nan_to_num(share)]
        dark = bar.get_label() == "passives"
        ax.bar_label(
            bar, texts, label_type="center", fontsize=8, color=_plot.INK if dark else "white"
        )
    return list(bars)


def _scores(ax: "Axes", at: Ints, found: dict[str, Floats]) -> Any:
    """Draw the score of each group and its interval above its bar; return its handle."""
    score, lower, upper = ((found[name] + 100) / 200 for name in ("nps", "lower", "upper"))
    level = at - _RISE
    ax.axvline(0.5, color=_plot.PALE, linewidth=0.8, linestyle=":", zorder=0)
    ax.hlines(level, lower, upper, color=_plot.INK, linewidth=1.4)
    handle = ax.plot(
        score, level, marker="D", linestyle="", markersize=5, color=_plot.INK, clip_on=False,
        label="NPS and its interval",
    )[0]  # fmt: skip
    for place, one, low, high in zip(level, found["nps"], lower, upper, strict=True):
        if not np.isnan(one):
            right = high < 0.93
            ax.annotate(
                f"{one + 0.0:+.0f}" if round(one) else "0", (high if right else low, place),
                xytext=(4 if right else -4, 0), textcoords="offset points", fontsize=8,
                ha="left" if right else "right", va="center", color=_plot.INK,
            )  # fmt: skip
    return handle


def _second_axis(ax: "Axes") -> None:
    """Put the axis of the score at the top, inside."""
    there: Any = lambda share: 200 * share - 100  # noqa: E731
    back: Any = lambda score: (score + 100) / 200  # noqa: E731
    top = ax.secondary_xaxis("top", functions=(there, back))
    top.set_xticks(np.arange(-100, 101, 50))
    top.tick_params(labelsize=8, labelcolor=_plot.PALE, color=_plot.PALE, direction="in", pad=-13)
    top.spines["top"].set_color(_plot.PALE)
    top.set_zorder(-1)
