"""Heat maps: cells of colour with numbers in them that can be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _plot
from crmlytics._columns import Bools, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

# light yellow to dark blue: told apart by lightness alone, and its lowest colour is not the paper
_COLOURS = "YlGnBu"
_SIGN = 0.32  # by how much "%" is wider than a digit, in font sizes


@dataclass(frozen=True, kw_only=True)
class Heat:
    """What a heat map shows: cells by row and column, NaN where blank."""

    cells: Floats
    texts: Sequence[Any]  # arrays of text, the longest first; the first that fits is written
    title: str  # of the colour bar
    show: Any  # writes the numbers at the colour bar
    top: float | None = None  # the value with the darkest colour; those above share it


def heat_map(ax: "Axes", heat: Heat) -> "QuadMesh":
    """Draw cells, first row on top, with a colour bar."""
    rows, columns = heat.cells.shape
    known = heat.cells[np.isfinite(heat.cells)]
    low = min(0.0, float(known.min(initial=0.0)))
    most = float(known.max(initial=low))
    top = most if heat.top is None else heat.top
    top = top if top > low else low + 1.0
    width, height = _plot.size(ax)
    each = min(width / columns, height / rows)
    gap = min(0.8, 0.06 * each) if each > 4 else 0.0  # lines must not cover small cells
    mesh = ax.pcolormesh(
        np.arange(columns + 1), np.arange(rows + 1), np.ma.masked_invalid(heat.cells),
        cmap=_COLOURS, vmin=low, vmax=top, edgecolors="white", linewidth=gap,
    )  # fmt: skip
    ax.set(xlim=(0, columns), ylim=(rows, 0))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    bar = ax.figure.colorbar(
        mesh, ax=ax, label=heat.title, extend="max" if most > top * 1.0001 else "neither",
        format=lambda value, _: heat.show(value), fraction=0.06, pad=0.02, aspect=30,
    )  # fmt: skip
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    points = 0.9 * height / (_plot.LETTER * len(heat.title))
    bar.ax.yaxis.label.set_fontsize(min(9.0, max(6.0, points)))
    return mesh


def grid(show: Any, cells: Floats) -> Any:
    """Write the numbers of cells; nothing where they are blank."""
    return np.array([[show(cell) if np.isfinite(cell) else "" for cell in row] for row in cells])


def write_cells(ax: "Axes", mesh: "QuadMesh", heat: Heat) -> None:
    """Write in the cells what fits there, in a colour that can be read on theirs."""
    rows, columns = heat.cells.shape
    width, height = _plot.size(ax)
    for texts in heat.texts:
        points = _fits(texts, width / columns, height / rows)
        if points:
            break
    else:
        return
    colours = _colours(mesh, heat)
    for row, column in np.argwhere(texts != ""):
        ax.text(
            column + 0.5, row + 0.5, texts[row, column], ha="center", va="center",
            fontsize=points, color=ink_on(colours[row, column]), linespacing=1.05,
        )  # fmt: skip


def hatch_cells(ax: "Axes", mesh: "QuadMesh", heat: Heat, unsure: Bools) -> None:
    """Hatch cells, in the ink that can be seen on their colour."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    colours = _colours(mesh, heat)
    for row, column in np.argwhere(unsure):
        ink = to_rgba(ink_on(colours[row, column]), 0.3)
        ax.add_patch(Rectangle(
            (column, row), 1, 1, fill=False, hatch=_plot.HATCH, edgecolor=ink, linewidth=0,
            hatch_linewidth=0.7,
        ))  # fmt: skip


def _colours(mesh: "QuadMesh", heat: Heat) -> Any:
    return mesh.to_rgba(np.ma.masked_invalid(heat.cells)).reshape(*heat.cells.shape, 4)


def _fits(texts: Any, width: float, height: float) -> float:
    """Return the largest font size (5.5 to 9) at which all texts fit in a cell; 0 for none."""
    lines = [str(text).split("\n") for text in texts.ravel() if text]
    widest = max((_wide(part) for text in lines for part in text), default=1.0)
    most = max((len(text) for text in lines), default=1)
    points = min(9.0, 0.94 * width / widest, 0.94 * height / (1.25 * most))
    return points if points >= 5.5 else 0.0


def _wide(text: str) -> float:
    return _plot.DIGIT * len(text) + _SIGN * (text.count("%") + text.count("<"))


def ink_on(colour: Any) -> str:
    """Return dark or white ink, whichever has more contrast on a colour (WCAG 2.2, 1.4.3)."""
    if not colour[3]:  # a blank cell: paper
        return _plot.INK
    channels = np.asarray(colour[:3], dtype=np.float64)
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    light = float(linear @ np.array([0.2126, 0.7152, 0.0722])) + 0.05
    return "white" if 1.05 / light > light / 0.0695 else _plot.INK
