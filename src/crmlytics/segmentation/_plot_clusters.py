"""Drawings of clusters: how many there are, and what tells them apart."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _frame, _heat_map, _plot, _result
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.segmentation._cluster_measures import STABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = {
    "min_jaccard": "least stable cluster (Jaccard)",
    "stability": "likeness of refits (Rand)",
    "silhouette": "silhouette",
}
_DEEPEST = 2.0  # standard deviations with the deepest colour
_MOST_FEATURES = 12


def plot_cluster_choice(choice: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how good and how stable each number of clusters is.

    Three lines on one scale, higher is better: how surely the worst cluster comes back in refits,
    how alike refits are as a whole, and the silhouette, with a band of two standard errors. Stable
    numbers have full points, others hollow ones; the chosen one is marked. Where all points are
    hollow, customers form no groups.

    Parameters
    ----------
    choice : table
        The answer of `choose_clusters`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on.

    Raises
    ------
    ColumnError
        If a column is missing or holds no numbers.
    DataError
        If a number of clusters stands twice.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    choose_clusters : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame(
    ...     {
    ...         "orders": [1, 2, 3, 2, 2, 21, 22, 23, 22, 22] * 3,
    ...         "visits": [4, 3, 5, 2, 6, 30, 32, 31, 29, 33] * 3,
    ...     }
    ... )
    >>> choice = crm.segmentation.choose_clusters(
    ...     customers, features=["orders", "visits"], k_range=[2, 3]
    ... )
    >>> crm.segmentation.plot_cluster_choice(choice).get_title()
    'Number of clusters: 2'
    """
    caller = "plot_cluster_choice"
    roles = ["k", *_LINES, "silhouette_se", "stable", "chosen"]
    source = _frame.read(
        choice, caller=caller, argument="choice", roles={name: name for name in roles},
        maker="choose_clusters",
    )  # fmt: skip
    drawn = _plot.axes(ax, caller=caller)
    values = {name: _plot.numbers(source, name, "choose_clusters") for name in ("k", *_LINES)}
    order = np.argsort(values["k"], kind="stable")
    k = values["k"][order]
    if not len(k) or np.isnan(k).all():
        return _plot.no_data(drawn, "Number of clusters")
    _plot.once(source, [k], "a number of clusters", "Hand over one answer of choose_clusters.")
    stable, chosen = (_plot.flags(source, name)[order] for name in ("stable", "chosen"))
    handles = []
    for place, (name, text) in enumerate(_LINES.items()):
        handle = _plot.line(drawn, k, values[name][order], stable, place, apart=False)
        handle.set_label(text)
        handles.append(handle)
    half = 2 * _plot.numbers(source, "silhouette_se", "choose_clusters")[order]
    middle, colour = values["silhouette"][order], _plot.PALETTE[2]
    drawn.fill_between(k, middle - half, middle + half, color=colour, alpha=0.2, linewidth=0)
    drawn.axhline(STABLE, color=_plot.PALE, linewidth=0.8, linestyle=":")
    best = f"{k[chosen][0]:.0f}" if chosen.any() else "none is stable"
    if chosen.any():
        drawn.axvline(k[chosen][0], color=_plot.INK, linewidth=0.9, linestyle="--")
    if not stable.all():
        handles.append(_plot.hollow_mark("not stable"))
    drawn.set_xticks(k[_plot.thin(len(k), 20)])
    low = np.nanmin([0.0, *np.concatenate([values[name] for name in _LINES])])
    drawn.set_ylim(1.05 * low, 1.03)
    drawn.set_xlabel("number of clusters")
    _plot.open_box(drawn, "y")
    _plot.head(drawn, f"Number of clusters: {best}", handles)
    return drawn


def plot_cluster_profile(profile: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw what tells clusters apart: a grid of clusters and features.

    The colour says how far the cluster is from all customers, in their standard deviations: brown
    below, green above, paper the same. Means are written in the cells, in the unit of the feature;
    for levels of categories the share of the cluster. Where there are more than twelve features and
    levels, those stay that tell clusters apart most, and the axis says how many were left out.

    Parameters
    ----------
    profile : table
        The answer of `ClusterModel.profile`.
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
        If a cluster and feature stands twice.
    OptionError
        If `ax` is not what it must be.

    See Also
    --------
    fit_clusters : makes the model whose profile is drawn.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame({"orders": [1, 2, 3, 21, 22, 23], "city": list("aaabbb")})
    >>> model = crm.segmentation.fit_clusters(
    ...     customers, features=["orders", "city"], n_clusters=2, n_stability=0
    ... )
    >>> ax = crm.segmentation.plot_cluster_profile(model.profile())
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['orders', 'city = a', 'city = b']
    """
    caller, title = "plot_cluster_profile", "What tells clusters apart"
    roles = ("cluster", "cluster_name", "share_of_customers", "feature", "level", "mean", "z")
    source = _frame.read(
        profile, caller=caller, argument="profile", roles={name: name for name in roles},
        maker="profile() of a ClusterModel",
    )  # fmt: skip
    if not source.n_rows:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    clusters, features, cells, means, levels, labels = _grid(source)
    kept = np.sort(np.argsort(-np.nanmax(np.abs(cells), axis=0), kind="stable")[:_MOST_FEATURES])
    left_out = len(features) - len(kept)
    cells, means, levels = cells[:, kept], means[:, kept], levels[kept]
    size = (max(5.0, 2.8 + 0.8 * len(kept)), 1.9 + 0.68 * len(clusters))
    drawn = _plot.axes(ax, caller=caller, figsize=size)
    texts = [
        np.array([
            [_mean(mean, share=bool(level)) for mean, level in zip(row, levels, strict=True)]
            for row in means
        ])
    ]  # fmt: skip
    heat = _heat_map.Heat(cells=cells, texts=texts, title="", show=_plot.compact)
    mesh = _mesh(drawn, cells)
    room = 0.9 * _plot.size(drawn)[1] / max(sum(label.count("\n") + 1 for label in labels), 1)
    drawn.set_yticks(
        np.arange(len(labels)) + 0.5, labels, fontfamily=_plot.fonts(), parse_math=False,
        fontsize=min(9.0, max(5.0, 0.8 * room)), linespacing=1.1,
    )  # fmt: skip
    named = [features[place] for place in kept]
    _plot.names(drawn, "x", named, np.arange(len(named)) + 0.5, slant=True)
    if left_out:
        drawn.set_xlabel(f"{left_out} more that tell less")
    _plot.head(drawn, title)
    _heat_map.write_cells(drawn, mesh, heat)
    return drawn


def _grid(source: Source) -> tuple[Ints, list[str], Floats, Floats, Any, list[str]]:
    """Return clusters, features, and z and means by both; with what each feature and cluster is."""
    maker = "profile() of a ClusterModel"
    number, z, mean, share = (
        _plot.numbers(source, name, maker)
        for name in ("cluster", "z", "mean", "share_of_customers")
    )
    texts = [_result.ids(source.column(name)).to_pylist() for name in ("feature", "level")]
    both = list(zip(*texts, strict=True))
    columns = list(dict.fromkeys(both))
    place = {each: at for at, each in enumerate(columns)}
    at: Ints = np.array([place[each] for each in both])
    clusters, row = np.unique(number, return_inverse=True)
    advice = "Hand over one answer of profile()."
    _plot.once(source, [row, at], "a cluster and feature", advice)
    cells = np.full((len(clusters), len(columns)), np.nan)
    means = cells.copy()
    cells[row, at], means[row, at] = z, mean
    called = dict(zip(number.tolist(), source.column("cluster_name").to_list(), strict=True))
    shares = dict(zip(number.tolist(), share.tolist(), strict=True))
    labels = []
    for each in clusters.tolist():
        parts = [_plot.label(part) for part in str(called[each]).split(", ")]
        labels.append("\n".join([*parts, f"cluster {each:.0f}, {_plot.percent(shares[each])}"]))
    named = [f"{feature} = {level}" if level is not None else feature for feature, level in columns]
    levels = np.array([level is not None for _, level in columns])
    return clusters.astype(np.int64), named, cells, means, levels, labels


def _mean(value: float, *, share: bool) -> str:
    if np.isnan(value):
        return ""
    return _plot.percent(value) if share else _plot.compact(value)


def _mesh(ax: "Axes", cells: Floats) -> Any:
    """Draw the cells, brown below 0 and green above, with a colour bar."""
    rows, columns = cells.shape
    mesh = ax.pcolormesh(
        np.arange(columns + 1), np.arange(rows + 1), np.ma.masked_invalid(cells), cmap="BrBG",
        vmin=-_DEEPEST, vmax=_DEEPEST, edgecolors="white", linewidth=0.8,
    )  # fmt: skip
    ax.set(xlim=(0, columns), ylim=(rows, 0))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    bar = ax.figure.colorbar(
        mesh, ax=ax, label="deviations from all", extend="both", fraction=0.06, pad=0.02, aspect=30
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    bar.ax.yaxis.label.set_fontsize(8)
    return mesh
