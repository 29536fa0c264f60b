"""Drawings of what models of purchasing say, and whether it held."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _heat_map, _plot
from crmlytics._columns import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_frequency_recency(grid: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw expected purchases by frequency and recency.

    Parameters
    ----------
    grid : table
        As `frequency_recency_grid` makes it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for the colour bar.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on: recency to the right, frequency upwards; cells that cannot be are blank.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a frequency and recency stand twice.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    frequency_recency_grid : makes the table.
    plot_p_alive : who is still a customer.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> grid = pd.DataFrame(
    ...     {
    ...         "frequency": [0, 1, 1],
    ...         "recency": [0.0, 15.0, 30.0],
    ...         "p_alive": [0.36, 0.68, 1.0],
    ...         "expected_purchases": [0.15, 0.82, 1.2],
    ...     }
    ... )
    >>> ax = crm.btyd.plot_frequency_recency(grid)
    >>> ax.get_title()
    'Expected purchases by frequency and recency'
    """
    return _draw_grid(
        grid, "plot_frequency_recency", "expected_purchases", ax,
        title="Expected purchases by frequency and recency", legend="expected purchases",
        show=_plot.compact, top=None,
    )  # fmt: skip


def plot_p_alive(grid: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the probability of still being a customer by frequency and recency.

    Parameters
    ----------
    grid : table
        As `frequency_recency_grid` makes it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for the colour bar.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on: recency to the right, frequency upwards; cells that cannot be are blank.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a frequency and recency stand twice.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    frequency_recency_grid : makes the table.
    plot_frequency_recency : what they will buy.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> grid = pd.DataFrame(
    ...     {
    ...         "frequency": [0, 1, 1],
    ...         "recency": [0.0, 15.0, 30.0],
    ...         "p_alive": [0.36, 0.68, 1.0],
    ...         "expected_purchases": [0.15, 0.82, 1.2],
    ...     }
    ... )
    >>> ax = crm.btyd.plot_p_alive(grid)
    >>> ax.get_xlabel()
    'age at the last purchase (recency)'
    """
    return _draw_grid(
        grid, "plot_p_alive", "p_alive", ax,
        title="Still a customer, by frequency and recency", legend="probability of being alive",
        show=_plot.percent_tick, top=1.0,
    )  # fmt: skip


def _draw_grid(
    grid: Any, caller: str, value: str, ax: Any, *,
    title: str, legend: str, show: Any, top: float | None,
) -> "Axes":  # fmt: skip
    source = _frame.read(
        grid, caller=caller, argument="grid", maker="frequency_recency_grid",
        roles={"frequency": "frequency", "recency": "recency", value: value},
    )  # fmt: skip
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, 4.6))
    if source.n_rows == 0:
        return _plot.no_data(drawn, title)
    x, tx = source.numbers("frequency"), source.numbers("recency")
    rows, row = np.unique(-x, return_inverse=True)  # highest frequency on top
    columns, column = np.unique(tx, return_inverse=True)
    _plot.once(source, [row, column], "a frequency and recency", "Keep one grid.")
    cells = np.full((len(rows), len(columns)), np.nan)
    cells[row, column] = _plot.numbers(source, value, "frequency_recency_grid")
    heat = _heat_map.Heat(cells=cells, texts=(), title=legend, show=show, top=top)
    _heat_map.heat_map(drawn, heat)
    width, height = _plot.size(drawn)
    _round_ticks(drawn.set_xticks, columns, width / 40, whole=False)
    _round_ticks(drawn.set_yticks, -rows, height / 18, whole=True)
    drawn.set_xlabel("age at the last purchase (recency)")
    drawn.set_ylabel("repeat purchases (frequency)")
    _plot.head(drawn, title)
    return drawn


def _round_ticks(put: Any, values: Floats, room: float, *, whole: bool) -> None:
    """Put ticks at round values between cells that stand for sorted values."""
    from matplotlib.ticker import MaxNLocator

    low, high = float(values.min()), float(values.max())
    locator = MaxNLocator(int(np.clip(room, 2, 12)), integer=whole)
    ticks = np.array([tick for tick in locator.tick_values(low, high) if low <= tick <= high])
    order = np.argsort(values)
    at = np.interp(ticks, values[order], np.arange(len(values))[order] + 0.5)
    put(at, [_plot.compact(tick) for tick in ticks], fontsize=8)


def plot_tracking(
    tracking: IntoDataFrame, *, value: str = "cumulative", ax: "Axes | None" = None
) -> "Axes":
    """Draw repeat purchases over time, made and expected.

    Parameters
    ----------
    tracking : table
        As `tracking_table` makes it.
    value : {"cumulative", "incremental"}, default "cumulative"
        Purchases so far, or in each step.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; a dotted line ends what the model saw.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a step stands twice.
    OptionError
        If `value` or `ax` is not what it must be.

    See Also
    --------
    tracking_table : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> tracking = pd.DataFrame(
    ...     {
    ...         "until": pd.to_datetime(["2026-01-07", "2026-01-14"]),
    ...         "actual": [3, 5],
    ...         "expected": [3.5, 4.5],
    ...         "actual_cumulative": [3, 8],
    ...         "expected_cumulative": [3.5, 8.0],
    ...         "in_calibration": [True, False],
    ...     }
    ... )
    >>> ax = crm.btyd.plot_tracking(tracking)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['made', 'expected', 'end of what the model saw']
    """
    caller = "plot_tracking"
    so_far = _checks.choice(value, ("cumulative", "incremental"), name="value", caller=caller)
    suffix = "_cumulative" if so_far == "cumulative" else ""
    title = "Repeat purchases so far" if suffix else "Repeat purchases in each step"
    names = (f"actual{suffix}", f"expected{suffix}")
    source = _frame.read(
        tracking, caller=caller, argument="tracking", maker="tracking_table",
        roles={"until": "until", **{name: name for name in names},
               "in_calibration": "in_calibration"},
    )  # fmt: skip
    drawn = _plot.axes(ax, caller=caller)
    if source.n_rows == 0:
        return _plot.no_data(drawn, title)
    days, seen = source.ticks("until").days(), _plot.flags(source, "in_calibration")
    _plot.once(source, [days], "a step", "Keep one tracking.")
    order = np.argsort(days, kind="stable")
    _plot.open_box(drawn, "y")
    handles = []
    styles: list[dict[str, Any]] = [
        {"color": _plot.INK, "linewidth": 1.6},
        {"color": _plot.PALETTE[5], "linewidth": 1.6, "linestyle": "--"},
    ]
    for name, label, style in zip(names, ("made", "expected"), styles, strict=True):
        values = source.numbers(name)
        handles.append(drawn.plot(days[order], values[order], label=label, **style)[0])
    if seen.any() and not seen.all():
        end = float(days[seen].max())
        handles.append(
            drawn.axvline(
                end, color=_plot.PALE, linestyle=":", linewidth=1.4,
                label="end of what the model saw",
            )
        )  # fmt: skip
    drawn.set_ylim(bottom=0)
    drawn.yaxis.set_major_formatter(lambda number, _: _plot.compact(number))
    drawn.set_ylabel("purchases")
    _dates(drawn, days)
    _plot.head(drawn, title, handles)
    return drawn


def _dates(ax: "Axes", days: Any) -> None:
    """Label the first days of months or years between the ends."""
    low, high = days.min().astype("M8[D]"), days.max().astype("M8[D]")
    months = np.arange(low.astype("M8[M]"), high.astype("M8[M]") + 1)
    room = _plot.size(ax)[0] / 60
    every = next(k for k in (1, 2, 3, 6, 12, 24, 60, 120, 1_200) if len(months) / k <= room)
    chosen = months[months.astype(np.int64) % every == 0].astype("M8[D]")
    chosen = chosen[(chosen >= low) & (chosen <= high)]
    if len(chosen) < 2:
        chosen = np.array([low, high])
        texts = [str(day) for day in chosen]
    else:
        texts = [str(day)[:7] for day in chosen]
    ax.set_xticks(chosen.astype(np.int64), texts, fontsize=9)


def plot_calibration(groups: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw what happened against what was expected, class by class.

    A point on the line came out as expected; its bar is the interval of what happened.

    Parameters
    ----------
    groups : table
        As `holdout_groups` makes it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on: expected to the right, actual upwards, a colour and mark a model.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a class of a model stands twice, or there are more than 12 models.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    holdout_groups : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> groups = pd.DataFrame(
    ...     {
    ...         "model": "naive",
    ...         "group": [0, 1],
    ...         "expected": [0.1, 1.3],
    ...         "actual": [0.5, 1.5],
    ...         "lower": [0.0, 0.2],
    ...         "upper": [1.1, 2.8],
    ...         "measure": "purchases",
    ...     }
    ... )
    >>> ax = crm.btyd.plot_calibration(groups)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('expected purchases per customer', 'purchases made per customer')
    """
    caller, title = "plot_calibration", "Expected and made, by class of customers"
    numbers = ("group", "expected", "actual", "lower", "upper")
    source = _frame.read(
        groups, caller=caller, argument="groups", maker="holdout_groups", by="model",
        roles={"measure": "measure", **{name: name for name in numbers}},
    )  # fmt: skip
    drawn = _plot.axes(ax, caller=caller, figsize=(6.0, 5.0))
    if source.n_rows == 0:
        return _plot.no_data(drawn, title)
    codes, names = _plot.lines_of(source, source.numbers("group"), "a class")
    expected, actual, lower, upper = (
        _plot.numbers(source, name, "holdout_groups") for name in numbers[1:]
    )
    _plot.open_box(drawn, "y")
    top = float(np.nanmax([expected.max(), actual.max(), np.nanmax(np.append(upper, 0.0))]))
    handles: list[Any] = [
        drawn.plot([0, top], [0, top], color=_plot.PALE, linestyle=":", label="as expected")[0]
    ]
    marks = ("o", "s", "^", "D", "v", "P")
    for line, name in enumerate(names):
        rows = np.flatnonzero(codes == line)
        rows = rows[np.argsort(expected[rows], kind="stable")]
        ends = np.stack([actual[rows] - lower[rows], upper[rows] - actual[rows]])
        bars = drawn.errorbar(
            expected[rows], actual[rows], yerr=np.nan_to_num(np.maximum(ends, 0.0)), capsize=2,
            color=_plot.PALETTE[line % len(_plot.PALETTE)], marker=marks[line % len(marks)],
            markersize=5, linewidth=1.0, elinewidth=0.9, label=name,
        )  # fmt: skip
        handles.append(bars)
    shares = "any purchase" in [str(each) for each in source.column("measure").to_list()]
    drawn.set(xlim=(0, None), ylim=(0, None))
    show = _plot.percent_tick if shares else _plot.compact
    for axis in (drawn.xaxis, drawn.yaxis):
        axis.set_major_formatter(lambda number, _: show(number))
    of = "customers with a purchase" if shares else "purchases"
    drawn.set_xlabel(f"expected share of {of}" if shares else "expected purchases per customer")
    drawn.set_ylabel(f"share of {of}" if shares else "purchases made per customer")
    _plot.head(drawn, title, handles)
    return drawn
