"""Drawings of cohorts: the triangle, and retention by age."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _heat_map, _plot
from crmlytics._columns import Floats, Ints
from crmlytics.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_cohorts(
    cohorts: IntoDataFrame, *, value: str = "rate", ax: "Axes | None" = None
) -> "Axes":
    """Draw what is left of each cohort at each age, as a triangle of colours.

    Cells that could not be observed yet are blank; 0 is coloured. Cells in a period that was not
    over are hatched: they are too low. Numbers are written where they fit.

    Parameters
    ----------
    cohorts : table
        As `cohort_table` makes it (the long form), of one group.
    value : {"rate", "value"}, default "rate"
        What to draw: the value as a share of that at age 0, or the value itself. Rates at age 0
        are 1 by definition, so the colours are spread over the later ages.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a cell stands twice, or ages are not whole numbers of 0 or more.
    OptionError
        If `value` or `ax` is not what it must be.

    See Also
    --------
    cohort_table : makes the table.
    plot_retention : the cohorts taken together.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-02", "2026-01-09", "2026-02-09", "2026-02-28"]
    >>> lines = pd.DataFrame({"customer_id": list("abca"), "date": pd.to_datetime(days)})
    >>> ax = crm.kpi.plot_cohorts(crm.kpi.cohort_table(lines))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['2026-01', '2026-02']
    >>> [text.get_text() for text in ax.texts]
    ['100%', '50%', '100%']
    """
    caller, title = "plot_cohorts", "Cohorts by age"
    _checks.choice(value, ("rate", "value"), name="value", caller=caller)
    names = ("cohort", "age", value, "complete")
    source = _frame.read(
        cohorts, caller=caller, argument="cohorts", roles={name: name for name in names},
        maker="cohort_table",
    )  # fmt: skip
    if source.n_rows == 0 or np.isnan(source.numbers(value)).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    days, ages = source.ticks("cohort").days(), _ages(source)
    _plot.once(source, [days, ages], "a cohort and age", "Keep the rows of one group.")
    starts, rows = np.unique(days, return_inverse=True)
    cells = np.full((len(starts), int(ages.max()) + 1), np.nan)
    cells[rows, ages] = source.numbers(value)
    done = np.ones(cells.shape, dtype=bool)
    done[rows, ages] = _plot.flags(source, "complete")
    n_ages = int(np.flatnonzero(np.isfinite(cells).any(axis=0)).max()) + 1
    cells, done = cells[:, :n_ages], done[:, :n_ages]
    drawn = _plot.axes(
        ax, caller=caller, figsize=(min(14, 3.2 + 0.5 * n_ages), min(12, 1.8 + 0.3 * len(starts)))
    )
    heat = _heat_of(cells, value)
    mesh = _heat_map.heat_map(drawn, heat)
    unit = _plot.unit_of(starts)
    _label_cohorts(drawn, _plot.period_labels(starts, unit), n_ages, _plot.WORDS[unit].split()[0])
    unsure = np.isfinite(cells) & ~done
    _plot.head(drawn, title, [_plot.hatched_mark(_plot.UNFINISHED)] if unsure.any() else [])
    _heat_map.hatch_cells(drawn, mesh, heat, unsure)
    _heat_map.write_cells(drawn, mesh, heat)
    return drawn


def _ages(source: _frame.Source) -> Ints:
    ages = source.numbers("age")
    if not (np.isin(ages, np.arange(100_000))).all():
        raise DataError(
            f"{source.caller}: age in {source.argument} is not a whole number of 0 or more in each "
            "row. Make the table with cohort_table."
        )
    return ages.astype(np.int64)


def _heat_of(cells: Floats, value: str) -> _heat_map.Heat:
    later = cells[:, 1:][np.isfinite(cells[:, 1:])] if value == "rate" else np.zeros(0)
    top = float(later.max()) if later.max(initial=0.0) > 0 else None
    texts = _heat_map.grid(_plot.percent if value == "rate" else _plot.compact, cells)
    return _heat_map.Heat(
        cells=cells, texts=[texts, np.strings.replace(texts, "%", "")], top=top,
        title="share of age 0" if value == "rate" else "value",
        show=_plot.percent_tick if value == "rate" else _plot.compact,
    )  # fmt: skip


def _label_cohorts(ax: "Axes", cohorts: list[str], n_ages: int, word: str) -> None:
    width, height = _plot.size(ax)
    rows, ages = _plot.thin(len(cohorts), height / 9), _plot.thin(n_ages, width / 14)
    ax.set_yticks(rows + 0.5, [cohorts[row] for row in rows], fontsize=8)
    ax.set_xticks(ages + 0.5, [str(age) for age in ages], fontsize=8)
    ax.set(xlabel=f"age in {word}s", ylabel=f"first {word}")


def plot_retention(
    curve: IntoDataFrame,
    *,
    by: str | Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the share of customers active at each age, with its interval as a band.

    Ages into which a period entered that was not over are hollow: they are too low.

    Parameters
    ----------
    curve : table
        As `retention_curve` makes it.
    by : str or list of str, optional
        Columns the curve was grouped by: one line a group, at most 12.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If an age stands twice in a group, or there are more than 12 groups.
    OptionError
        If `by` or `ax` is not what it must be.

    See Also
    --------
    retention_curve : makes the table.
    plot_cohorts : cohort by cohort.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-02", "2026-01-09", "2026-02-09", "2026-02-28"]
    >>> lines = pd.DataFrame({"customer_id": list("abca"), "date": pd.to_datetime(days)})
    >>> curve = crm.kpi.retention_curve(crm.kpi.cohort_table(lines))
    >>> ax = crm.kpi.plot_retention(curve)
    >>> [float(rate) for rate in ax.lines[0].get_ydata()]
    [1.0, 0.5]
    """
    caller, title = "plot_retention", "Customers active, by age"
    names = ("age", "rate", "lower", "upper", "complete")
    source = _frame.read(
        curve, caller=caller, argument="curve", by=by, maker="retention_curve",
        roles={name: name for name in names},
    )  # fmt: skip
    if source.n_rows == 0 or np.isnan(source.numbers("rate")).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    ages, done = source.numbers("age"), _plot.flags(source, "complete")
    rate, lower, upper = (source.numbers(name) for name in names[1:4])
    codes, labels = _plot.lines_of(source, ages, "an age")
    drawn = _plot.axes(ax, caller=caller)
    _plot.open_box(drawn, "y")
    handles = []
    for line, name in enumerate(labels):
        rows = np.flatnonzero(codes == line)
        rows = rows[np.argsort(ages[rows], kind="stable")]
        handle = _plot.line(drawn, ages[rows], rate[rows], done[rows], line, apart=False)
        handle.set_label(name)
        handles.append(handle)
        drawn.fill_between(
            ages[rows], lower[rows], upper[rows], color=handle.get_color(), alpha=0.18, linewidth=0
        )
    drawn.set_ylim(0, 1.02)
    _plot.whole_ticks(drawn.xaxis)
    drawn.yaxis.set_major_formatter(lambda share, _: _plot.percent_tick(share))
    drawn.set(xlabel="age in periods", ylabel="share of customers")
    handles = handles if source.by else []
    if not done.all():
        handles.append(_plot.hollow_mark("with an unfinished period", line="-"))
    _plot.head(drawn, title, handles)
    return drawn
