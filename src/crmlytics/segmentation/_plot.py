"""Drawings of segments: the RFM grid, sizes and revenue."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _heat_map, _plot, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_BINS = 100


def plot_rfm_heatmap(
    scores: IntoDataFrame, *, value: str = "monetary", ax: "Axes | None" = None
) -> "Axes":
    """Draw customers on the grid of recency and frequency scores.

    The best customers are in the upper right corner. The colour of a cell is their mean monetary
    value or their number; the number of customers is written in each cell, where it fits. Cells
    without a customer stay blank.

    Parameters
    ----------
    scores : table
        One row a customer with ``r_score`` and ``f_score``, as `rfm_scores` or `rfm` makes it, and
        ``monetary`` for the default colour. Customers with a null score are left out, and the axis
        says how many.
    value : {"monetary", "customers"}, default "monetary"
        What the colour shows: the mean monetary value of the customers in the cell (nulls left
        out), or how many they are.
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
        If a column is missing or holds no numbers.
    DataError
        If a score is not a whole number from 1 to 100.
    OptionError
        If `value` or `ax` is not what it must be.

    See Also
    --------
    rfm_scores : makes the table.
    plot_segments : the sizes of the segments.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> scores = pd.DataFrame(
    ...     {"r_score": [1, 2, 2], "f_score": [1, 2, 2], "monetary": [5.0, 20.0, 40.0]}
    ... )
    >>> ax = crm.segmentation.plot_rfm_heatmap(scores)
    >>> ax.get_title()
    'Customers by recency and frequency'
    >>> [text.get_text() for text in ax.texts]
    ['2', '1']
    """
    caller, title = "plot_rfm_heatmap", "Customers by recency and frequency"
    _checks.choice(value, ("monetary", "customers"), name="value", caller=caller)
    roles = ["r_score", "f_score", *(["monetary"] if value == "monetary" else [])]
    source = _frame.read(
        scores, caller=caller, argument="scores", roles={name: name for name in roles},
        maker="rfm_scores",
    )  # fmt: skip
    known, r, f, n = _scores_of(source)
    if not n:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    places = (n - r[known]) * n + f[known] - 1
    customers = np.bincount(places, minlength=n * n).reshape(n, n)
    cells = counted = np.where(customers > 0, customers.astype(np.float64), np.nan)
    if value == "monetary":
        cells = _means(source.numbers("monetary")[known], places, n)
    texts = [_heat_map.grid(show, counted) for show in (_plot.whole, _plot.compact)]
    named = {"monetary": "mean monetary value", "customers": "customers"}[value]
    drawn = _plot.axes(ax, caller=caller, figsize=(6.4, 4.8))
    # a handful of customers with much money would wash out all others: they share the darkest
    many = cells[customers >= 0.01 * customers.sum()]
    top = float(np.nanmax(many)) if np.isfinite(many).any() else None
    heat = _heat_map.Heat(cells=cells, texts=texts, title=named, show=_plot.compact, top=top)
    mesh = _heat_map.heat_map(drawn, heat)
    left_out = source.n_rows - int(known.sum())
    note = f"\n{_plot.whole(left_out)} without a score left out" if left_out else ""
    drawn.set_xlabel(f"frequency score ({n} = most orders){note}")
    drawn.set_ylabel(f"recency score ({n} = latest)")
    middle, ticks = np.arange(n) + 0.5, _plot.thin(n, 20)
    drawn.set_xticks(middle[ticks], [str(k + 1) for k in ticks])
    drawn.set_yticks(middle[ticks], [str(n - k) for k in ticks])
    _plot.head(drawn, title)
    _heat_map.write_cells(drawn, mesh, heat)
    return drawn


def _scores_of(source: _frame.Source) -> tuple[Bools, Ints, Ints, int]:
    """Return which customers have both scores, the scores (0 = none), and the highest."""
    columns = []
    if source.n_rows == 0:
        none = np.zeros(0, dtype=np.int64)
        return none > 0, none, none, 0
    for role in ("r_score", "f_score"):
        scores = source.numbers(role)
        odd = ~np.isnan(scores) & ~np.isin(scores, np.arange(1, _MOST_BINS + 1))
        if odd.any():
            raise DataError(
                f"{source.caller}: {int(odd.sum())} of {source.n_rows} values of {role!r} are not "
                f"whole scores from 1 to {_MOST_BINS}, such as {scores[odd][0]:g}. "
                "Make the table with rfm_scores."
            )
        columns.append(np.nan_to_num(scores, nan=0.0).astype(np.int64))
    r, f = columns
    known = (r > 0) & (f > 0)
    return known, r, f, int(max(r[known].max(initial=0), f[known].max(initial=0)))


def _means(spent: Floats, places: Ints, n: int) -> Floats:
    paid = ~np.isnan(spent)
    sums, payers = (np.bincount(places[paid], w, n * n) for w in (spent[paid], None))
    return np.where(payers > 0, sums / np.maximum(payers, 1), np.nan).reshape(n, n)


def plot_segments(
    customers: IntoDataFrame,
    *,
    segment_col: str = "segment",
    monetary_col: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how many customers each segment has, and beside it its share of revenue.

    Bars are shares of all customers and of all revenue, the largest segment on top; counts and
    sums are written beside them.

    Parameters
    ----------
    customers : table
        One row a customer with a segment, as `rfm` or `rfm_segments` makes it.
    segment_col : str, default "segment"
        The column with the segment; null is drawn as "unknown".
    monetary_col : str, optional
        The column revenue is taken from (nulls count as 0); by default "monetary" where there is
        one. Without it customers alone are drawn. Shares of a total that is not above 0 are not
        drawn.
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
    OptionError
        If `ax` is not an Axes.

    See Also
    --------
    rfm : makes segments.
    segment_profile : the same shares as a table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame(
    ...     {"segment": ["loyal", "loyal", "new"], "monetary": [50.0, 40.0, 10.0]}
    ... )
    >>> ax = crm.segmentation.plot_segments(customers)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['loyal', 'new']
    >>> [text.get_text() for text in ax.texts]
    ['2 (67%)', '1 (33%)', '90 (90%)', '10 (10%)']
    """
    caller, title = "plot_segments", "Customers and revenue by segment"
    opened, _ = _frame.open_table(customers, caller=caller, argument="customers", lazy=False)
    if monetary_col is None and "monetary" in opened.columns:
        monetary_col = "monetary"
    if monetary_col is None:
        title = "Customers by segment"
    source = _frame.read(
        customers, caller=caller, argument="customers",
        roles={"segment_col": segment_col, "monetary_col": monetary_col},
        optional=("monetary_col",),
    )  # fmt: skip
    if source.n_rows == 0:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    keys = source.keys("segment")
    counts = np.bincount(keys.codes, minlength=keys.size)
    order = keys.sort(np.unique(keys.codes))
    order = order[np.argsort(-counts[order], kind="stable")]
    bars = [("customers", counts[order].astype(np.float64), _plot.whole)]
    if monetary_col is not None:
        spent = np.nan_to_num(source.numbers("monetary"), nan=0.0)
        sums = np.bincount(keys.codes, spent, keys.size)[order]
        named = "revenue" if monetary_col == "monetary" else _plot.label(monetary_col)
        bars.append((named, sums, _plot.compact))
    height = min(14.0, 1.2 + (0.32 if len(bars) == 1 else 0.44) * len(order))
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, max(2.5, height)))
    labels = _result.ids(keys.take(order)).to_pylist()
    _plot.names(drawn, "y", [_plot.label(name) for name in labels], np.arange(len(order)))
    segment_bars(drawn, bars, title, len(order))
    drawn.set_ylabel(_plot.label(segment_col), fontfamily=_plot.fonts(), parse_math=False)
    return drawn


def segment_bars(ax: "Axes", bars: list[tuple[str, Floats, Any]], title: str, n: int) -> None:
    """Draw one bar a segment and measure, with its size and share at the end."""
    thick = 0.8 / len(bars)
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_xlabel("share of all")
    ax.xaxis.set_major_formatter(lambda share, _: _plot.percent_tick(share))
    ax.xaxis.set_major_locator(_few_ticks())
    _plot.open_box(ax, "x")
    width, height = _plot.size(ax)  # before the labels, which would push the layout about
    points = min(9.0, max(5.0, 0.85 * thick * height / n))
    drawn, longest, low, high = [], 0, 0.0, 0.01
    for place, (named, sizes, show) in enumerate(bars):
        total = sizes.sum()
        shares = sizes / total if total > 0 else np.zeros(n)
        at = np.arange(n) + (place - (len(bars) - 1) / 2) * thick
        drawn.append(ax.barh(at, shares, thick * 0.94, color=_plot.PALETTE[place], label=named))
        shown = [
            f"{show(size)} ({_plot.percent(share) if total > 0 else '–'})"
            for size, share in zip(sizes, shares, strict=True)
        ]
        longest = max(longest, *(len(text) for text in shown))
        low, high = min(low, shares.min()), max(high, shares.max())
        for end, y, text in zip(np.maximum(shares, 0), at, shown, strict=True):
            ax.annotate(
                text, (end, y), (3, 0), textcoords="offset points", va="center",
                color=_plot.INK, fontsize=points,
            )  # fmt: skip
    taken = min(0.6, (0.6 * points * longest + 8) / width)
    ax.set_xlim(1.05 * low, high / (1 - taken))
    _plot.head(ax, title, drawn if len(bars) > 1 else [])


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=5, steps=[1, 2, 5, 10])
