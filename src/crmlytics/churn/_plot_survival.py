"""Drawing of survival curves."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _groups, _plot
from crmlytics._columns import Floats
from crmlytics.churn._survival import CURVE_SCHEMA
from crmlytics.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 11.0  # points from one line of numbers at risk to the next
_ABOVE = 40.0  # points from the Axes to the first of them: ticks and the label of the axis
_NAME = 16  # letters of a group's name beside the numbers at risk
_MOST_ROWS = 6


def plot_survival(survival: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the share of customers who are left at each tenure.

    Steps with their interval as a pale band, one line a group; the band is missing where the
    interval is unknown. Below the Axes stands how many were at risk (of 6 groups at most): at a
    tick between two tenures of the table those of the later one. Where few are left, the curve
    says little.

    Parameters
    ----------
    survival : table
        As `survival_curve` makes it; whatever columns it has besides are the groups, at most 12.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for the numbers at risk.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is tenure in days, y is survival from 0 to 1.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a tenure stands twice in a group or is null, or there are more than 12 groups.
    OptionError
        If `ax` is not an Axes.

    See Also
    --------
    survival_curve : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> curve = pd.DataFrame(
    ...     {
    ...         "tenure_days": [0, 10, 20],
    ...         "at_risk": [4, 4, 3],
    ...         "survival": [1.0, 0.75, 0.5],
    ...         "lower": [1.0, 0.13, 0.06],
    ...         "upper": [1.0, 0.96, 0.84],
    ...     }
    ... )
    >>> ax = crm.churn.plot_survival(curve)
    >>> ax.get_lines()[0].get_ydata().tolist()
    [1.0, 0.75, 0.5]
    >>> [text.get_text() for text in ax.texts]
    ['at risk', '4', '4', '4', '3', '3']
    """
    caller, title, maker = "plot_survival", "Survival", "survival_curve"
    opened, _ = _frame.open_table(survival, caller=caller, argument="survival", lazy=False)
    groups = [name for name in opened.collect_schema().names() if name not in CURVE_SCHEMA]
    wanted = ("tenure_days", "at_risk", "survival", "lower", "upper")
    source = _frame.read(
        survival, caller=caller, argument="survival", by=groups, maker=maker,
        roles={name: name for name in wanted},
    )  # fmt: skip
    days, risk, left, lower, upper = (_plot.numbers(source, name, maker) for name in wanted)
    if np.isnan(left).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    unknown = int(np.count_nonzero(np.isnan(days)))
    if unknown:
        raise DataError(
            f"{caller}: {unknown} of {source.n_rows} rows of survival have no 'tenure_days'. Make "
            f"the table with {maker}."
        )
    codes = _groups.groups(source, None).of_rows(None, source.n_rows)
    advice = "Keep one group, or the columns that the table was grouped by."
    _plot.once(source, [codes, days], "a tenure", advice)
    codes, names = _plot.lines_of(source, days, "a tenure")
    told = len(names) if len(names) <= _MOST_ROWS else 0
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, 4.0 + _ROW * told / 72))
    _plot.open_box(drawn, "y")
    handles, tables = [], []
    for line, name in enumerate(names):
        rows = np.flatnonzero(codes == line)
        rows = rows[np.argsort(days[rows], kind="stable")]
        colour = _plot.PALETTE[line % len(_plot.PALETTE)]
        style = "-" if line < len(_plot.PALETTE) else "--"
        drawn.fill_between(
            days[rows], lower[rows], upper[rows], step="post", color=colour, alpha=0.15, linewidth=0
        )
        handles += drawn.plot(
            days[rows], left[rows], drawstyle="steps-post", color=colour, linestyle=style,
            linewidth=1.6, label=name,
        )  # fmt: skip
        tables.append((name, days[rows], risk[rows]))
    drawn.set(xlim=(0, max(float(days.max()), 1.0)), ylim=(0, 1.02), ylabel="still there")
    drawn.set_xlabel("days since the start")
    _plot.whole_ticks(drawn.xaxis)
    drawn.yaxis.set_major_formatter(lambda share, _: _plot.percent_tick(share))
    _plot.head(drawn, title, handles if groups else [])
    if told:
        _numbers_at_risk(drawn, tables, grouped=bool(groups))
    return drawn


def _numbers_at_risk(
    ax: "Axes", tables: list[tuple[str, Floats, Floats]], *, grouped: bool
) -> None:
    """Write below the ticks how many were still at risk, one row a group."""
    low, high = ax.get_xlim()
    ticks = [float(tick) for tick in ax.get_xticks() if low <= tick <= high]
    style: dict[str, Any] = {
        "textcoords": "offset points", "fontsize": 8, "va": "top", "annotation_clip": False,
        "fontfamily": _plot.fonts(), "parse_math": False,
    }  # fmt: skip
    names = [_plot.label(name) for name, *_ in tables] if grouped else []
    names = [name if len(name) <= _NAME else f"{name[: _NAME - 1]}…" for name in names]
    for row, words in enumerate(["at risk", *names]):
        ax.annotate(
            words, (0, 0), (-14, -_ABOVE - _ROW * row), xycoords="axes fraction", ha="right",
            color=_plot.INK, **style,
        )  # fmt: skip
    for row, (_, days, risk) in enumerate(tables):
        for tick in ticks:
            place = int(np.searchsorted(days, tick))
            if place < len(days) and np.isfinite(risk[place]):
                ax.annotate(
                    _plot.whole(float(risk[place])), (tick, 0),
                    (0, -_ABOVE - _ROW * (row + grouped)), xycoords=("data", "axes fraction"),
                    ha="center", color=_plot.INK, **style,
                )  # fmt: skip
