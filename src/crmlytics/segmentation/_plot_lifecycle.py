"""Drawing of the stages of the life cycle: how many customers, and how much of the revenue."""

from typing import TYPE_CHECKING

import numpy as np

from crmlytics import _frame, _plot, _result
from crmlytics.segmentation._plot import segment_bars
from crmlytics.segmentation._stage_rules import STAGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from narwhals.stable.v2.typing import IntoDataFrame


def plot_lifecycle(
    stages: "IntoDataFrame",
    *,
    stage_col: str = "stage",
    monetary_col: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how many customers are in each stage, and beside it the stage's share of revenue.

    Stages stand in the order of a customer's life, names of your own below them by the alphabet;
    stages in which nobody is are left out. Counts and sums are written beside the bars.

    Parameters
    ----------
    stages : table
        One row a customer with a stage, as `lifecycle_stages` makes it.
    stage_col : str, default "stage"
        The column with the stage; null is drawn as "unknown".
    monetary_col : str, optional
        The column revenue is taken from (nulls count as 0); by default "monetary" where there is
        one, as after a merge with `rfm_table`. Without it customers alone are drawn.
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
    lifecycle_stages : makes the table.
    plot_migration : draws moves; rename the columns of `stage_flow` for it.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> stages = pd.DataFrame({"stage": ["lost", "new", "new"], "monetary": [10.0, 50.0, 40.0]})
    >>> ax = crm.segmentation.plot_lifecycle(stages)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['new', 'lost']
    >>> [text.get_text() for text in ax.texts]
    ['2 (67%)', '1 (33%)', '90 (90%)', '10 (10%)']
    """
    caller, title = "plot_lifecycle", "Customers and revenue by stage of life"
    opened, _ = _frame.open_table(stages, caller=caller, argument="stages", lazy=False)
    if monetary_col is None and "monetary" in opened.columns:
        monetary_col = "monetary"
    if monetary_col is None:
        title = "Customers by stage of life"
    source = _frame.read(
        stages, caller=caller, argument="stages",
        roles={"stage_col": stage_col, "monetary_col": monetary_col}, optional=("monetary_col",),
    )  # fmt: skip
    if source.n_rows == 0:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    keys = source.keys("stage")
    there = keys.sort(np.unique(keys.codes))
    names = _result.ids(keys.take(there)).to_pylist()
    ranks = [STAGES.index(name) if name in STAGES else len(STAGES) for name in names]
    order = there[np.argsort(ranks, kind="stable")]
    labels = [names[place] for place in np.argsort(ranks, kind="stable")]
    counts = np.bincount(keys.codes, minlength=keys.size)[order].astype(np.float64)
    bars = [("customers", counts, _plot.whole)]
    if monetary_col is not None:
        spent = np.nan_to_num(source.numbers("monetary"), nan=0.0)
        named = "revenue" if monetary_col == "monetary" else _plot.label(monetary_col)
        bars.append((named, np.bincount(keys.codes, spent, keys.size)[order], _plot.compact))
    height = min(14.0, 1.2 + (0.32 if len(bars) == 1 else 0.44) * len(order))
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, max(2.5, height)))
    _plot.names(drawn, "y", [_plot.label(name) for name in labels], np.arange(len(order)))
    segment_bars(drawn, bars, title, len(order))
    drawn.set_ylabel(_plot.label(stage_col), fontfamily=_plot.fonts(), parse_math=False)
    return drawn
