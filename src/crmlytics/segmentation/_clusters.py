"""Groups of customers who are alike, found in the table itself."""

from collections.abc import Mapping, Sequence

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks
from crmlytics._columns import Floats, Ints
from crmlytics.errors import DataError, OptionError
from crmlytics.segmentation import (
    _cluster_choice,
    _cluster_measures,
    _cluster_table,
    _cluster_words,
    _lloyd,
)
from crmlytics.segmentation._cluster_measures import Fitter, Refits
from crmlytics.segmentation._cluster_methods import Grouping
from crmlytics.segmentation._cluster_model import ClusterModel
from crmlytics.segmentation._cluster_table import Table

_MOST = 200_000  # customers that centres are sought with; all are told their cluster
_SAMPLE = 5_000  # customers that refits look at
_TRIED = range(2, 11)
_ROUNDS = (20, 10)


def fit_clusters(
    customers: IntoDataFrame,
    *,
    features: Sequence[str],
    n_clusters: int | None = None,
    method: str = "kmeans",
    weights: Mapping[str, float] | None = None,
    gamma: float | None = None,
    n_stability: int = 20,
    outside_share: float = 0.01,
    random_state: int = 0,
    customer_col: str = "customer_id",
) -> ClusterModel:
    """Group customers who are alike, and keep the groups so that new customers can be placed.

    Any table can be cut into clusters. Ask `choose_clusters` first whether there are groups, and
    how many; without `n_clusters` that is done here.

    Parameters
    ----------
    customers : table
        One row a customer. Customers of whom no feature is known are left out and counted in a
        warning.
    features : sequence of str
        Columns to tell customers apart by: numbers, True or False, text or categories. Columns that
        are null or the same everywhere are left out, and said.
    n_clusters : int, optional
        Number of clusters, 2 to 50; by default the one that `choose_clusters` chooses from 2 to 10.
        Where none is stable, a warning says so and the one with the highest silhouette is taken.
    method : {"kmeans", "kprototypes", "gmm", "hierarchical"}, default "kmeans"
        "kmeans": centres are means, of categories shares. "kprototypes": centres of categories are
        their most common value (Huang 1998). "gmm": a mixture of normals, for groups of unlike
        shapes; numbers only. "hierarchical": Ward's, on 2,000 customers; the others go to the
        nearest centre.
    weights : dict of str to float, optional
        Importance of features, above 0; those not named have 1. Squared distances are multiplied by
        it.
    gamma : float, optional
        Squared distance of two different categories, where numbers have a (robust) deviation of 1;
        0 or more. By default 1, and for "kprototypes" half the mean deviation of the numbers.
    n_stability : int, default 20
        Refits to drawn samples by which `ClusterModel.stability` is judged; 0 for none.
    outside_share : float, default 0.01
        Share of the customers of each cluster, farthest from its centre, that count as outside it,
        0 to 0.5. `predict` calls new customers outside who are farther than that.
    random_state : int, default 0
        Seed, 0 or more. The order of rows and the ids change nothing.
    customer_col : str, default "customer_id"
        The id, which is no feature; it need not be there. `predict` expects the same name.

    Returns
    -------
    ClusterModel
        The clusters, numbered from 1, the largest first; of equal ones the one with the lower
        centre, in the order of features.

    Raises
    ------
    ColumnError
        If a feature is missing, or holds neither numbers, True or False nor text.
    DataError
        If no feature differs between customers, numbers are infinite, or there are fewer different
        customers than clusters.
    NotEnoughDataError
        If there are fewer than 3 customers.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If no number of clusters is stable, something was left out, or unknown numbers were taken
        for the median.

    See Also
    --------
    choose_clusters : whether there are groups, and how many.
    attribute_segments : groups by rules that you set.

    Notes
    -----
    Numbers with a long tail (skewness above 1) are logged, as log(1 + x), or where they fall below
    0 drawn in by asinh. Then they are less their median, over the interquartile range / 1.349 or,
    where that is larger, the standard deviation without tails, and what is farther out than 4
    counts as 4. A category is a column of marks a level, scaled so that
    two different levels are `gamma` apart in squares; levels of less than 1 % of the customers, and
    those that come up later, are "other", and null is a level of its own. Unknown numbers lie at
    the median.

    References
    ----------
    Arthur and Vassilvitskii (2007), k-means++, Proc. SODA, p. 1027.
    Hennig (2007), Cluster-wise assessment of cluster stability, Comp. Stat. & Data Anal. 52, p.
    258.
    Huang (1998), Extensions to the k-means algorithm for clustering large data sets with
    categorical values, Data Mining and Knowledge Discovery 2, p. 283.
    Ward (1963), Hierarchical grouping to optimize an objective function, JASA 58, p. 236.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame(
    ...     {"customer_id": range(6), "orders": [1, 2, 3, 21, 22, 23], "city": list("aaabbb")}
    ... )
    >>> model = crm.segmentation.fit_clusters(
    ...     customers, features=["orders", "city"], n_clusters=2, n_stability=0
    ... )
    >>> model.predict(customers)[["customer_id", "cluster", "cluster_name"]]
       customer_id  cluster           cluster_name
    0            0        1   city = a, low orders
    1            1        1   city = a, low orders
    2            2        1   city = a, low orders
    3            3        2  city = b, high orders
    4            4        2  city = b, high orders
    5            5        2  city = b, high orders
    """
    caller = "fit_clusters"
    _checks.column(customer_col, name="customer_col", caller=caller)
    if customer_col in _checks.columns(features, name="features", caller=caller):
        raise OptionError(
            f"{caller}: features holds {customer_col!r}, which names customers. Leave it out, or "
            "name the id in customer_col=."
        )
    if n_clusters is not None:
        n_clusters = _checks.whole(n_clusters, name="n_clusters", caller=caller, low=2, high=50)
    rounds = _checks.whole(n_stability, name="n_stability", caller=caller, low=0)
    share = _checks.number(outside_share, name="outside_share", caller=caller, low=0.0, high=0.5)
    seed = _checks.whole(random_state, name="random_state", caller=caller, low=0)
    table = _cluster_table.read_table(
        customers, features, method=method, weights=weights, gamma=gamma, caller=caller
    )
    fitter = Fitter(method, table.design, _cluster_choice.STARTS, seed)
    k = _chosen(table, fitter, caller) if n_clusters is None else n_clusters
    if table.n_distinct < k:
        raise DataError(
            f"{caller}: n_clusters is {k}, and customers has {table.n_distinct} different rows of "
            "features. Ask for fewer clusters, or name more features."
        )
    grouping, labels = _numbered(fitter.fit(_drawn(table.points, _MOST, seed), k), table.points)
    if len(grouping.centres) < k:
        _checks.warn(
            f"{caller}: {k - len(grouping.centres)} of {k} clusters hold no customer and were left "
            "out. Ask for fewer clusters."
        )
    return _model(
        table, grouping, labels, fitter=fitter, rounds=rounds, share=share, customer=customer_col
    )


def _drawn(points: Floats, most: int, seed: int) -> Floats:
    return _cluster_choice.drawn(points, most, seed)


def _chosen(table: Table, fitter: Fitter, caller: str) -> int:
    """Return the number of clusters that is chosen, or the best of what is not stable."""
    rows = _cluster_choice.choice(table, list(_TRIED), fitter=fitter, most=_SAMPLE, rounds=_ROUNDS)
    for row in rows:
        if row["chosen"]:
            return int(row["k"])
    possible = [row for row in rows if not np.isnan(row["silhouette"])]
    if not possible:
        raise DataError(
            f"{caller}: customers has no two different rows of features. Name other columns."
        )
    best = max(possible, key=lambda row: (row["silhouette"], -row["k"]))
    _checks.warn(
        f"{caller}: no number of clusters from 2 to 10 is stable; {best['k']} were made. They cut "
        "customers who form no groups: see choose_clusters."
    )
    return int(best["k"])


def _numbered(grouping: Grouping, points: Floats) -> tuple[Grouping, Ints]:
    """Order clusters by size, then by centre, and leave out those without a customer."""
    labels = grouping.labels(points)
    sizes = np.bincount(labels, minlength=len(grouping.centres))
    keys = [*np.round(grouping.centres, 9).T[::-1], -sizes]
    order = np.lexsort(keys)
    order = order[sizes[order] > 0]
    place = np.zeros(len(sizes), dtype=np.int64)
    place[order] = np.arange(len(order))
    return grouping.taken(order), place[labels]


def _model(
    table: Table,
    grouping: Grouping,
    labels: Ints,
    *,
    fitter: Fitter,
    rounds: int,
    share: float,
    customer: str,
) -> ClusterModel:
    """Keep what `predict` and the tables of the model need."""
    k, design = len(grouping.centres), table.design
    distance = grouping.distances(table.matrix, labels)
    parts = [distance[labels == each] for each in range(k)]
    told = _cluster_words.figures(table, labels, k)
    rules = _cluster_words.rules(table, labels, k, fitter.seed)
    refits = Refits(np.full(k, np.nan), np.nan)
    if rounds and k > 1:
        points = _drawn(table.points, _SAMPLE, fitter.seed)
        own = grouping.labels(points)
        refits = _cluster_measures.refits(points, own, k, fitter=fitter, n=rounds)
    return ClusterModel(
        method=fitter.method,
        customer_name=customer,
        n_clusters=k,
        n=len(labels),
        features=design.features,
        levels=design.levels,
        shapes=design.shapes,
        centre=design.centre,
        scale=design.scale,
        weights=design.weights,
        gamma=design.gamma,
        outside_share=share,
        centres=grouping.centres,
        factors=grouping.factors,
        shares=grouping.shares,
        names=_cluster_words.names(told),
        sizes=np.bincount(labels, minlength=k).astype(np.int64),
        reach=np.array([np.quantile(part, 1 - share) for part in parts]),
        mean_distance=np.array([part.mean() for part in parts]),
        outside=np.array([(part > np.quantile(part, 1 - share)).mean() for part in parts]),
        inertia=float(
            _lloyd.squared(table.points, grouping.centres)[np.arange(len(labels)), labels].sum()
        ),
        jaccard=refits.jaccard,
        ari=None if np.isnan(refits.ari) else refits.ari,
        told_feature=told.feature,
        told_level=told.level,
        told_n=told.n,
        told_mean=told.mean,
        told_median=told.median,
        told_all=told.of_all,
        told_z=told.z,
        rule=rules.text,
        rule_cluster=rules.cluster,
        rule_n=rules.n,
        rule_hits=rules.hits,
        fidelity=rules.fidelity,
    )
