"""Drawings of how good predictions of churn were and what acting on them earns."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _plot
from crmlytics._columns import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_lift(lift: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the churn rate of each class of risk, with its lift.

    Parameters
    ----------
    lift : table
        As `lift_table` makes it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on: a bar a class, highest risk to the left, with the interval of its rate
        and its lift above it; a dotted line is the rate of all.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a class stands twice.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    lift_table : makes the table.
    plot_profit : what acting on it earns.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lift = pd.DataFrame(
    ...     {
    ...         "bin": [1, 2],
    ...         "n": [10, 10],
    ...         "churned": [6, 2],
    ...         "rate": [0.6, 0.2],
    ...         "lower": [0.31, 0.06],
    ...         "upper": [0.83, 0.51],
    ...         "lift": [1.5, 0.5],
    ...     }
    ... )
    >>> ax = crm.churn.plot_lift(lift)
    >>> [text.get_text() for text in ax.texts]
    ['1.5×', '0.5×']
    """
    caller, title = "plot_lift", "Churn by class of risk, and lift over all"
    names = ("bin", "n", "churned", "rate", "lower", "upper", "lift")
    source = _frame.read(
        lift, caller=caller, argument="lift", maker="lift_table",
        roles={name: name for name in names},
    )  # fmt: skip
    drawn = _plot.axes(ax, caller=caller)
    if source.n_rows == 0:
        return _plot.no_data(drawn, title)
    column = {name: _plot.numbers(source, name, "lift_table") for name in names}
    at, rate, upper = column["bin"], column["rate"], column["upper"]
    _plot.once(source, [at], "a class", "Keep one lift table.")
    drawn.bar(at, rate, width=0.75, color=_plot.PALETTE[4], zorder=2)
    ends = _ends(rate, column["lower"], upper)
    drawn.errorbar(
        at, rate, yerr=ends, fmt="none", ecolor=_plot.INK, elinewidth=1.0, capsize=2, zorder=3
    )
    of_all = column["churned"].sum() / column["n"].sum()
    handle = drawn.axhline(
        of_all, color=_plot.PALETTE[5], linestyle=":", linewidth=1.6, zorder=4,
        label=f"churn rate of all, {_plot.percent_tick(round(of_all, 3))}",
    )  # fmt: skip
    room = _plot.size(drawn)[0] / len(at)
    shown = set(_plot.thin(len(at), len(at) * room / 26))
    for place in np.argsort(at):
        number = column["lift"][place]
        if place in shown and np.isfinite(number):
            text = f"{number:.0f}×" if number >= 9.95 else f"{number:.1f}×"
            drawn.annotate(
                text, (at[place], np.fmax(upper[place], rate[place])), xytext=(0, 3),
                textcoords="offset points", ha="center", va="bottom", fontsize=8, color=_plot.INK,
            )  # fmt: skip
    _plot.open_box(drawn, "y")
    top = float(np.fmax.reduce([*np.fmax(upper, rate), of_all]))
    drawn.set_ylim(0, 1.1 * top if top else 1.0)
    drawn.yaxis.set_major_formatter(lambda number, _: _plot.percent_tick(number))
    drawn.set_xlim(at.min() - 0.6, at.max() + 0.6)
    _plot.whole_ticks(drawn.xaxis)
    if len(at) <= 12:
        drawn.set_xticks(at)
    drawn.set(xlabel="class of risk (1 = highest)", ylabel="share that churned")
    _plot.head(drawn, title, [handle])
    return drawn


def plot_profit(profit: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the profit per customer by the share of customers contacted.

    Parameters
    ----------
    profit : table
        As `profit_curve` makes it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on: a line with the band of its interval, a point where profit is highest,
        and a grey line to the profit of contacting everybody, which a ranking by chance follows.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a share stands twice.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    profit_curve : makes the table.
    plot_lift : who is found.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> predictions = pd.DataFrame(
    ...     {"churned": [1, 0, 1, 0], "churn_probability": [0.9, 0.5, 0.4, 0.2]}
    ... )
    >>> ax = crm.churn.plot_profit(crm.churn.profit_curve(predictions))
    >>> ax.get_legend().get_texts()[1].get_text()
    'best: contact 75%, 25.2 per customer'
    """
    caller, title = "plot_profit", "Profit by share of customers contacted"
    names = ("contacted_share", "profit", "lower", "upper")
    source = _frame.read(
        profit, caller=caller, argument="profit", maker="profit_curve",
        roles={name: name for name in names} | {"best": "best"},
    )  # fmt: skip
    drawn = _plot.axes(ax, caller=caller)
    if source.n_rows == 0:
        return _plot.no_data(drawn, title)
    columns = [_plot.numbers(source, name, "profit_curve") for name in names]
    best = _plot.flags(source, "best")
    _plot.once(source, [columns[0]], "a share contacted", "Keep one curve.")
    order = np.argsort(columns[0])
    share, money, lower, upper = (values[order] for values in columns)
    best = best[order]
    _plot.open_box(drawn, "y")
    blue = _plot.PALETTE[0]
    drawn.fill_between(share, lower, upper, color=blue, alpha=0.15, linewidth=0)
    handles: list[Any] = [
        drawn.plot(share, money, color=blue, linewidth=1.6, label="by predicted risk")[0]
    ]
    for place in np.flatnonzero(best):
        whom = _plot.percent(float(share[place])) if share[place] else "nobody"
        label = f"best: contact {whom}, {_plot.compact(float(money[place]))} per customer"
        style: dict[str, Any] = {
            "color": _plot.PALETTE[5],
            "marker": "o",
            "linestyle": "",
            "markersize": 6,
        }
        handles += drawn.plot(
            share[place], money[place], label=label, zorder=4, clip_on=False, **style
        )
    ends = [0, len(share) - 1]
    handles += drawn.plot(
        share[ends], money[ends], color=_plot.PALE, linestyle=":", linewidth=1.4, label="by chance"
    )
    drawn.axhline(0, color=_plot.INK, linewidth=0.8)
    drawn.set_xlim(0, 1)
    drawn.xaxis.set_major_formatter(lambda number, _: _plot.percent_tick(number))
    drawn.yaxis.set_major_formatter(lambda number, _: _plot.compact(number))
    drawn.set(xlabel="share of customers contacted", ylabel="profit per customer")
    _plot.head(drawn, title, handles)
    return drawn


def plot_churn_calibration(calibration: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the churn rate observed against the probability predicted, class by class.

    Parameters
    ----------
    calibration : table
        As `calibration_table` makes it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on: a point a class with the interval of its rate; on the dotted line
        predictions are right, below it they are too high.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a class stands twice.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    calibration_table : makes the table.
    evaluate_churn : slope, intercept and reliability.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> calibration = pd.DataFrame(
    ...     {
    ...         "bin": [1, 2],
    ...         "mean_probability": [0.1, 0.5],
    ...         "rate": [0.2, 0.4],
    ...         "lower": [0.1, 0.3],
    ...         "upper": [0.3, 0.5],
    ...     }
    ... )
    >>> ax = crm.churn.plot_churn_calibration(calibration)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('mean predicted probability', 'share that churned')
    """
    caller, title = "plot_churn_calibration", "Churn predicted and observed, by class of risk"
    names = ("bin", "mean_probability", "rate", "lower", "upper")
    source = _frame.read(
        calibration, caller=caller, argument="calibration", maker="calibration_table",
        roles={name: name for name in names},
    )  # fmt: skip
    drawn = _plot.axes(ax, caller=caller, figsize=(6.0, 5.0))
    if source.n_rows == 0:
        return _plot.no_data(drawn, title)
    columns = [_plot.numbers(source, name, "calibration_table") for name in names]
    _plot.once(source, [columns[0]], "a class", "Keep one calibration table.")
    order = np.argsort(columns[1])
    predicted, rate, lower, upper = (values[order] for values in columns[1:])
    _plot.open_box(drawn, "y")
    top = float(np.fmax.reduce([*predicted, *rate, *upper, 0.01]))
    handles: list[Any] = [
        drawn.plot([0, top], [0, top], color=_plot.PALE, linestyle=":", label="as predicted")[0],
        drawn.errorbar(
            predicted, rate, yerr=_ends(rate, lower, upper), color=_plot.PALETTE[0], marker="o",
            markersize=5, linewidth=1.0, elinewidth=0.9, capsize=2, label="observed",
        ),
    ]  # fmt: skip
    drawn.set(xlim=(-0.02 * top, 1.03 * top), ylim=(-0.02 * top, 1.03 * top))
    for axis in (drawn.xaxis, drawn.yaxis):
        axis.set_major_formatter(lambda number, _: _plot.percent_tick(number))
    drawn.set(xlabel="mean predicted probability", ylabel="share that churned")
    _plot.head(drawn, title, handles)
    return drawn


def _ends(values: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the lengths of the bars of intervals; none where unknown."""
    return np.nan_to_num(np.maximum(np.stack([values - lower, upper - values]), 0.0))
