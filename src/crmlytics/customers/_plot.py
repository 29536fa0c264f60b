"""Pictures of what customers bring."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_profit_concentration(concentration: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the whale curve: profit together by the share of customers, best first.

    Parameters
    ----------
    concentration : table
        As `profit_concentration` makes it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on: the curve, shaded where customers lose money, a point at its peak, and a
        grey line that the curve would follow if all customers brought the same. The axis shows
        shares of the total, and money where the total is not above 0.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a share of customers stands twice.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    profit_concentration : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> profit = pd.DataFrame({"customer_id": [1, 2, 3, 4], "profit": [80.0, 60.0, 0.0, -40.0]})
    >>> ax = crm.customers.plot_profit_concentration(crm.customers.profit_concentration(profit))
    >>> ax.get_legend().get_texts()[1].get_text()
    'peak: 50% of customers make 140%'
    """
    caller, title = "plot_profit_concentration", "Profit by share of customers, best first"
    maker = "profit_concentration"
    names = ("rank_share", "cumulative_profit", "cumulative_profit_share")
    source = _frame.read(
        concentration, caller=caller, argument="concentration", maker=maker,
        roles={name: name for name in names} | {"peak": "peak"},
    )  # fmt: skip
    drawn = _plot.axes(ax, caller=caller)
    if source.n_rows == 0:
        return _plot.no_data(drawn, title)
    rank, money, share = (_plot.numbers(source, name, maker) for name in names)
    peak = _plot.flags(source, "peak")
    _plot.once(source, [rank], "a share of customers", "Keep one curve.")
    order = np.argsort(rank)
    shares = not np.isnan(share).all()
    at, height, peak = rank[order], (share if shares else money)[order], peak[order]
    write = _plot.percent if shares else _plot.compact
    blue, red = _plot.PALETTE[0], _plot.PALETTE[5]
    _plot.open_box(drawn, "y")
    handles: list[Any] = drawn.plot(at, height, color=blue, linewidth=1.6, label="best first")
    for place in np.flatnonzero(peak):
        label = f"peak: {_plot.percent(float(at[place]))} of customers make " + write(
            float(height[place])
        )
        style: dict[str, Any] = {"marker": "o", "markersize": 6, "linestyle": "", "zorder": 4}
        handles += drawn.plot(
            at[place], height[place], color=red, label=label, clip_on=False, **style
        )
        lost = at >= at[place]
        if height[place] > height[-1]:
            drawn.fill_between(
                at[lost], height[lost], height[-1], color=red, alpha=0.15, linewidth=0
            )
    handles += drawn.plot(
        [at[0], at[-1]], [height[0], height[-1]], color=_plot.PALE, linewidth=1.2, linestyle="--",
        label="all alike",
    )  # fmt: skip
    drawn.set_xlim(0, 1)
    drawn.set_ylim(bottom=min(0.0, float(np.nanmin(height))))
    drawn.xaxis.set_major_formatter(lambda value, _: _plot.percent_tick(value))
    drawn.yaxis.set_major_formatter(
        lambda value, _: _plot.percent_tick(value) if shares else _plot.compact(value)
    )
    drawn.set(xlabel="share of customers", ylabel="share of all profit" if shares else "profit")
    _plot.head(drawn, title, handles)
    return drawn
