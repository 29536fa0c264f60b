"""Drawing of the share of revenue that the best customers bring."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BEST = 0.2


def plot_revenue_concentration(
    concentration: IntoDataFrame,
    *,
    by: str | Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what share of the revenue the best customers bring, with the Gini coefficient.

    The straight line is that of customers who all bring the same. For a single curve the share of
    the best 20 % is written beside it.

    Parameters
    ----------
    concentration : table
        As `revenue_concentration` makes it.
    by : str or list of str, optional
        Columns the table was grouped by: one line a group, at most 12.
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
        If a share of customers stands twice in a group, or there are more than 12 groups.
    OptionError
        If `by` or `ax` is not what it must be.

    See Also
    --------
    revenue_concentration : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "c", "d", "e"],
    ...         "date": pd.to_datetime("2026-01-02"),
    ...         "amount": [60.0, 20.0, 10.0, 6.0, 4.0],
    ...     }
    ... )
    >>> ax = crm.kpi.plot_revenue_concentration(crm.kpi.revenue_concentration(lines))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['all bring the same', 'Gini 0.50']
    >>> [text.get_text() for text in ax.texts]
    ['the best 20% bring 60%']
    """
    caller, title = "plot_revenue_concentration", "Revenue by share of customers, the best first"
    names = ("customer_share", "revenue_share", "gini")
    source = _frame.read(
        concentration, caller=caller, argument="concentration", by=by,
        maker="revenue_concentration", roles={name: name for name in names},
    )  # fmt: skip
    maker = "revenue_concentration"
    if source.n_rows == 0 or np.isnan(source.numbers("revenue_share")).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    at, share, gini = (_plot.numbers(source, name, maker) for name in names)
    codes, labels = _plot.lines_of(source, at, "a share of customers")
    drawn = _plot.axes(ax, caller=caller, figsize=(6.0, 4.6))
    _plot.open_box(drawn, "y")
    equal = drawn.plot([0, 1], [0, 1], color=_plot.PALE, linewidth=1, linestyle="--")[0]
    equal.set_label("all bring the same")
    handles = [equal]
    for line, name in enumerate(labels):
        rows = np.flatnonzero(codes == line)
        rows = rows[np.argsort(at[rows], kind="stable")]
        colour = _plot.PALETTE[line % len(_plot.PALETTE)]
        style = "-" if line < len(_plot.PALETTE) else ":"
        handle = drawn.plot(at[rows], share[rows], color=colour, linestyle=style, linewidth=1.6)[0]
        known = gini[rows][np.isfinite(gini[rows])]
        coefficient = f"Gini {known[0]:.2f}" if len(known) else _plot.NO_DATA
        # the number first, so that names in Persian or Hebrew do not turn the label around
        handle.set_label(f"{coefficient}, {name}" if name else coefficient)
        handles.append(handle)
    if len(labels) == 1:
        rows = np.argsort(at, kind="stable")
        _write_best(drawn, float(np.interp(_BEST, at[rows], share[rows])))
    drawn.set_xlim(0, 1)
    drawn.set_ylim(0, max(1.02, 1.02 * float(np.nanmax(share))))
    for axis in (drawn.xaxis, drawn.yaxis):
        axis.set_major_formatter(lambda number, _: _plot.percent_tick(number))
    drawn.set(xlabel="share of customers", ylabel="share of revenue")
    _plot.head(drawn, title, handles)
    return drawn


def _write_best(ax: "Axes", share: float) -> None:
    ax.plot([_BEST, _BEST], [0, share], color=_plot.PALE, linewidth=0.8)
    ax.plot([_BEST], [share], marker="o", markersize=5, color=_plot.PALETTE[0])
    ax.annotate(
        f"the best {_plot.percent(_BEST)} bring {_plot.percent(share)}", (_BEST, share),
        xytext=(8, -4), textcoords="offset points", va="top", fontsize=9,
    )  # fmt: skip
