"""Drawing of the terms that set a group of texts apart."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _plot, _result
from crmlytics._columns import Floats
from crmlytics._frame import Source
from crmlytics.errors import DataError
from crmlytics.sentiment._key_terms import SCHEMA
from crmlytics.sentiment._plot import BLAME, PRAISE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 0.24  # inches


def plot_key_terms(terms: IntoDataFrame, *, top: int = 10, ax: "Axes | None" = None) -> "Axes":
    """Draw the terms that a group uses more, and those it uses less, than the others.

    Bars to the right are typical of the group, bars to the left of all others; their length is z,
    how far the difference is beyond chance.

    Parameters
    ----------
    terms : table
        As `key_terms` makes it, of one group. Rows without z are left out.
    top : int, default 10
        Most terms on either side.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; x is z.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a term stands twice, as where the table has several groups.
    OptionError
        If `top` is below 1, or `ax` is not an Axes.

    See Also
    --------
    key_terms : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame(
    ...     {"text": ["fast delivery", "late again", "fast and kind", "late"], "glad": [1, 0, 1, 0]}
    ... )
    >>> terms = crm.sentiment.key_terms(feedback, by="glad", min_count=2)
    >>> ax = crm.sentiment.plot_key_terms(terms)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['fast', 'late']
    >>> ax.get_title()
    'Key terms of glad: 1'
    """
    caller, maker = "plot_key_terms", "key_terms"
    most = _checks.whole(top, name="top", caller=caller, low=1)
    source = _frame.read(
        terms, caller=caller, argument="terms", maker=maker, roles={"term": "term", "z": "z"}
    )
    z = _plot.numbers(source, "z", maker)
    if np.isnan(z).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), "Key terms")
    written = [str(term) for term in _result.ids(source.column("term")).to_pylist()]
    _one_group(source, written)
    order = np.array(sorted(range(len(z)), key=lambda row: (-z[row], written[row])))
    above, below = order[z[order] > 0][:most], order[z[order] < 0]
    rows = np.concatenate([above, below[max(len(below) - most, 0) :]])
    if not len(rows):  # all equally common
        rows = order[np.isfinite(z[order])][:most]
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, 1.2 + _ROW * len(rows)))
    _bars(drawn, z[rows], [written[row] for row in rows])
    group = _group(source)
    _plot.head(drawn, f"Key terms of {group}" if group else "Key terms")
    drawn.title.set(parse_math=False, fontfamily=_plot.fonts())  # the group is named by the caller
    return drawn


def _bars(ax: "Axes", z: Floats, written: list[str]) -> None:
    at = np.arange(len(z))
    _plot.open_box(ax, "x")
    ax.barh(at, z, height=0.74, color=np.where(z > 0, PRAISE, BLAME).tolist())
    ax.axvline(0, color=_plot.INK, linewidth=0.8)
    ax.set_ylim(len(z) - 0.5, -0.5)
    ax.set_xlabel("z, above 0 where the group uses it more")
    _plot.names(ax, "y", written, at)
    ax.tick_params(axis="y", length=0)


def _one_group(source: Source, written: list[str]) -> None:
    """Refuse several groups: the same term would have several bars."""
    twice = len(written) - len(set(written))
    if twice:
        others = [name for name in source.table.columns if name not in SCHEMA]
        which = f" (groups are in {', '.join(map(repr, others))})" if others else ""
        raise DataError(
            f"{source.caller}: {twice} of {source.n_rows} rows of {source.argument} repeat a term. "
            f"Keep the rows of one group{which}."
        )


def _group(source: Source) -> str:
    """Name the group where the table says it: all columns that `key_terms` did not add."""
    parts: list[str] = []
    for name in source.table.columns:
        if name in SCHEMA:
            continue
        values: list[Any] = _result.ids(source.table[name]).to_pylist()
        if len(set(map(str, values))) != 1:
            return ""
        parts.append(f"{_plot.label(name)}: {_plot.label(values[0])}")
    return ", ".join(parts)
