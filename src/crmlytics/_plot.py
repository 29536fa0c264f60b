"""What the plots of all rooms share: axes, colours, fonts, number formats, lines, dates.

matplotlib is imported inside the functions, so that importing a room stays cheap. Nothing here
touches matplotlib's global settings.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _columns, _groups
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008), Color Universal Design; yellow and black last, they stand out too much
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000",
)  # fmt: skip
INK, PALE = "#262626", "#8c8c8c"
HATCH = "////"
UNFINISHED = "unfinished"
NO_DATA = "no data"
_MOST_LINES = 12
_MOST_MARKS = 60
_MARKS = ("o", "s")
_LONGEST = 32
DIGIT, LETTER = 0.64, 0.6  # widths in DejaVu Sans, in font sizes
_STEPS = {
    "Y": (1, 2, 5, 10, 20, 50),
    "Q": (1, 2, 4, 8, 20, 40),
    "M": (1, 2, 3, 6, 12, 24, 60, 120),
    "W": (1, 2, 4, 13, 26, 52, 104),
    "D": (1, 2, 7, 14, 28, 91, 182, 364, 728),
}
WORDS = {"Y": "year", "Q": "quarter", "M": "month", "W": "week from Monday", "D": "day"}


def axes(ax: Any, *, caller: str, figsize: tuple[float, float] = (7.0, 4.0)) -> "Axes":
    """Return the Axes to draw on: the one given, or the only one of a new pyplot figure."""
    if ax is None:
        from matplotlib import pyplot as plt

        return plt.subplots(figsize=figsize, layout="constrained")[1]
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise OptionError(
            f"{caller}: ax must be a matplotlib Axes; got {type(ax).__name__}. "
            "Make one, as with fig, ax = matplotlib.pyplot.subplots()."
        )
    return ax


def size(ax: "Axes") -> tuple[float, float]:
    """Return the width and height of an Axes in points, after the figure's layout."""
    root = ax.get_figure(root=True)
    if root is None:
        return 360.0, 240.0
    engine = root.get_layout_engine()
    if engine is not None:
        engine.execute(root)
    box = ax.get_window_extent()
    return box.width * 72 / root.dpi, box.height * 72 / root.dpi


def fonts() -> list[str]:
    """Return the caller's font and, for letters it lacks, one that has Persian and Hebrew."""
    from matplotlib import rcParams

    return list(dict.fromkeys([*rcParams["font.family"], "DejaVu Sans"]))


def label(value: Any) -> str:
    """Write a value of the caller's as a label: one line, not too long, never hidden."""
    text = "unknown" if value is None else " ".join(str(value).split())
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return f" {text}" if text.startswith("_") else text  # matplotlib hides labels with _ in front


def whole(value: float) -> str:
    """Write a number without decimals: 1,234."""
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """Write a share as 12%; what is above 0 never reads as 0%."""
    return "<1%" if 0 < share < 0.005 else f"{100 * share:.0f}%"


def percent_tick(share: float) -> str:
    """Write a share at a tick, with decimals where ticks are close together."""
    return f"{100 * share + 0.0:.3g}%"


def compact(value: float) -> str:
    """Write a number in few letters: 0.25, 9.5, 950, 12.3K, 1.2M."""
    for power, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= 0.9995 * power:
            scaled = value / power
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 99.95 else f"{scaled:.3g}{unit}"
    return f"{value:.0f}" if abs(value) >= 99.5 else f"{value + 0.0:.3g}"


def numbers(source: Source, role: str, maker: str) -> Floats:
    """Return a column of an answer as numbers, NaN where unknown."""
    series = source.column(role)
    if _columns.family(series) != "number" and not series.is_null().all():
        raise ColumnError(
            f"{source.caller}: column {source.names[role]!r} holds {_columns.describe(series)}, "
            f"not numbers. Make the table with {maker}."
        )
    values = source.numbers(role)
    return np.where(np.isfinite(values), values, np.nan)


def flags(source: Source, role: str) -> Bools:
    """Return a column of True and False; unknown counts as False."""
    return np.array([value is True for value in source.column(role).to_list()], dtype=bool)


def once(source: Source, codes: Sequence[Any], what: str, advice: str) -> None:
    """Refuse an answer in which a row that a plot draws once stands twice."""
    _, times = np.unique(np.column_stack(codes), axis=0, return_counts=True)
    if len(times) and times.max() > 1:
        raise DataError(
            f"{source.caller}: {int((times - 1).sum())} of {source.n_rows} rows of "
            f"{source.argument} repeat {what}. {advice}"
        )


def no_data(ax: "Axes", title: str) -> "Axes":
    """Draw an empty Axes that says so."""
    ax.text(
        0.5, 0.5, NO_DATA, transform=ax.transAxes, ha="center", va="center", color=PALE
    )  # fmt: skip
    ax.set(xticks=[], yticks=[], title=title)
    return ax


def lines_of(source: Source, at: Any, what: str) -> tuple[Ints, list[str]]:
    """Return the group of each row and the names of the groups; each draws a line."""
    grouped = _groups.groups(source, None)
    codes = grouped.of_rows(None, source.n_rows)
    once(source, [codes, at], what, "Name the columns it was grouped by in by=, or keep one group.")
    if grouped.size > _MOST_LINES:
        raise DataError(
            f"{source.caller}: by makes {grouped.size} groups, and more than {_MOST_LINES} lines "
            f"cannot be told apart. Keep fewer groups in {source.argument}."
        )
    parts = [values.to_pylist() for values in grouped.names.values()]
    names = [", ".join(label(part) for part in row) for row in zip(*parts, strict=True)]
    return codes, names or [""]


def line(
    ax: "Axes", at: Any, values: Floats, done: Bools, place: int, *, apart: bool = True
) -> Any:
    """Draw a line whose unsure points are hollow; return its handle.

    `apart` leaves unsure points unconnected, so that a period that is not over is no fall.
    """
    style: dict[str, Any] = {"color": PALETTE[place % len(PALETTE)]}
    mark = _MARKS[place // len(PALETTE) % len(_MARKS)]
    many = len(at) > _MOST_MARKS
    style["linewidth"] = 0.9 if len(at) > 4 * _MOST_MARKS else 1.6
    sure = np.where(done, values, np.nan) if apart else values
    handle = ax.plot(at, sure, marker="" if many else mark, markersize=4, **style)[0]
    if not done.all():
        hollow: dict[str, Any] = {
            "marker": mark,
            "markersize": 5,
            "markerfacecolor": "white",
            "linestyle": "",
        }
        ax.plot(at[~done], values[~done], zorder=3, **hollow, **style)
    return handle


def hollow_mark(text: str, line: Any = "") -> Any:
    """Return what a legend shows for unsure points of lines."""
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=PALE, marker="o", linestyle=line, markerfacecolor="white", label=text,
        linewidth=1.2, markersize=5,
    )  # fmt: skip


def hatched_mark(text: str) -> Any:
    """Return what a legend shows for unsure bars and cells."""
    from matplotlib.patches import Patch

    return Patch(facecolor="#b3b3b3", edgecolor="white", hatch=HATCH, linewidth=0, label=text)


def open_box(ax: "Axes", grid: str) -> None:
    """Leave the left and lower spine, with light lines across the axis of the numbers."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="x" if grid == "x" else "y", color="#e6e6e6", linewidth=0.8)
    ax.set_axisbelow(True)


def head(ax: "Axes", title: str, handles: Sequence[Any] = ()) -> None:
    """Write the title and, between it and the Axes, a legend that covers no data."""
    width = size(ax)[0]
    rows = 0
    if handles:
        columns = _columns_of([len(str(handle.get_label())) for handle in handles], width)
        rows = -(-len(handles) // columns)
        legend = ax.legend(
            handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns,
            frameon=False, borderaxespad=0.2, columnspacing=1.2, handlelength=1.6,
            prop={"family": fonts(), "size": 8},
        )  # fmt: skip
        for text in legend.get_texts():
            text.set_parse_math(False)
    longest = max(len(part) for part in title.split("\n"))
    points = min(11.0, max(7.0, 0.93 * width / (LETTER * longest)))
    ax.set_title(title, fontsize=points, pad=6 + 13 * rows)


def _columns_of(letters: list[int], width: float) -> int:
    """Return the most columns of a legend that fit; matplotlib fills it column by column."""
    for columns in range(len(letters), 1, -1):
        parts = np.array_split(letters, columns)
        if sum(30 + 8 * LETTER * int(part.max()) for part in parts) <= width:
            return columns
    return 1


def names(ax: "Axes", axis: str, labels: Sequence[str], at: Any, *, slant: bool = False) -> None:
    """Write names of the caller's along an axis, as small as they must be to stand side by side."""
    each = size(ax)[axis == "y"] / max(len(labels), 1)
    points = min(9.0, max(5.0, 0.8 * each))
    style: dict[str, Any] = {"fontfamily": fonts(), "fontsize": points, "parse_math": False}
    if slant:
        style |= {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    put = ax.set_xticks if axis == "x" else ax.set_yticks
    put(at, [label(text) for text in labels], **style)


def unit_of(days: Ints) -> str:
    """Guess the period that a column of first days counts in."""
    dates = np.unique(days).astype("M8[D]")
    months = dates.astype("M8[M]")
    if len(dates) and (dates == months.astype("M8[D]")).all():
        numbers = months.astype(np.int64)
        for unit, length in (("Y", 12), ("Q", 3)):
            if len(numbers) > 1 and (numbers % length == 0).all():
                return unit
        return "M"
    weekly = len(dates) > 1 and ((dates.astype(np.int64) + 3) % 7 == 0).all()
    return "W" if weekly else "D"


def whole_ticks(axis: Any) -> None:
    """Put no ticks between whole numbers: there are no half customers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))


def period_labels(days: Ints, unit: str) -> list[str]:
    """Name periods by numbers that read the same in every language: 2026, 2026-Q1, 2026-01."""
    dates = [str(date) for date in days.astype("M8[D]")]
    if unit == "Q":
        return [f"{date[:4]}-Q{(int(date[5:7]) + 2) // 3}" for date in dates]
    return [date[: {"Y": 4, "M": 7}.get(unit, 10)] for date in dates]


def time_axis(ax: "Axes", days: Ints, unit: str) -> None:
    """Label as many periods as fit, on round ones (each January, not each eleventh month)."""
    at = np.unique(days)
    texts = period_labels(at, unit)
    room = size(ax)[0] / (9 * DIGIT * len(texts[0]) + 10)
    count = np.arange(len(at))
    if unit in {"M", "Q", "Y"}:
        length = {"M": 1, "Q": 3, "Y": 12}[unit]
        count = at.astype("M8[D]").astype("M8[M]").astype(np.int64) // length
        count = count + 1970 if unit == "Y" else count
    chosen = count[:0]
    for step in _STEPS[unit]:
        chosen = np.flatnonzero(count % step == 0)
        if len(chosen) <= room:
            break
    chosen = chosen if len(chosen) else np.array([0])
    ax.set_xticks(at[chosen], [texts[place] for place in chosen], fontsize=9)
    ax.set_xlabel(WORDS[unit])


def thin(n: int, room: float) -> Ints:
    """Return every k-th place of `n`, so that no more stay than there is room for."""
    step = next((k for k in (1, 2, 3, 4, 6, 12, 24, 52) if n / k <= max(room, 1)), max(n, 1))
    return np.arange(0, n, step)
