"""How many clusters there are, if any."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _progress, _result
from crmlytics._columns import Floats, Ints
from crmlytics.errors import OptionError
from crmlytics.segmentation import _cluster_measures, _cluster_table, _lloyd, _valleys
from crmlytics.segmentation._cluster_measures import Fitter, Silhouette
from crmlytics.segmentation._cluster_table import Table
from crmlytics.segmentation._valleys import Valleys

SCHEMA = {
    "k": "int",
    "inertia": "float",
    "silhouette": "float",
    "silhouette_se": "float",
    "calinski_harabasz": "float",
    "gap": "float",
    "gap_se": "float",
    "valley": "float",
    "stability": "float",
    "min_jaccard": "float",
    "stable": "bool",
    "chosen": "bool",
}
_MEASURES = [name for name, kind in SCHEMA.items() if kind == "float"]
_PAIRWISE = 2_000  # customers whose distances to each other are looked at
_SURE = 2.0  # standard errors of the gap, and of all valleys together
_FULLER = -1.0  # standard errors by which a single border may be fuller
STARTS = 10


def choose_clusters(
    customers: IntoDataFrameT,
    *,
    features: Sequence[str],
    k_range: Iterable[int] = range(2, 11),
    method: str = "kmeans",
    weights: Mapping[str, float] | None = None,
    gamma: float | None = None,
    n_bootstrap: int = 20,
    n_references: int = 10,
    sample: int = 5_000,
    random_state: int = 0,
) -> IntoDataFrameT:
    """Say for each number of clusters how good and how stable they are, and which to take.

    Any method cuts any table into any number of clusters. Whether there are groups is another
    question. A number is called stable only if its clusters come back where customers are drawn
    anew, explain more than clusters of a table without groups would, and lie apart: with fewer
    customers on the borders between them than in their middles. Often no number is; then cut by
    rules that you can state (`attribute_segments`, `rfm`) instead.

    Parameters
    ----------
    customers : table
        One row a customer. Customers of whom no feature is known are left out and counted in a
        warning.
    features : sequence of str
        Columns to tell customers apart by: numbers, True or False, text or categories. How they are
        made comparable is told at `fit_clusters`.
    k_range : iterable of int, default 2 to 10
        Numbers of clusters to try, 2 to 50.
    method : {"kmeans", "kprototypes", "gmm", "hierarchical"}, default "kmeans"
        As in `fit_clusters`.
    weights : dict, optional
        As in `fit_clusters`.
    gamma : float, optional
        As in `fit_clusters`.
    n_bootstrap : int, default 20
        Samples with replacement for `stability` and `min_jaccard`, 1 or more.
    n_references : int, default 10
        Tables without groups that the gap is measured against, 2 or more.
    sample : int, default 5_000
        Customers looked at, at most; 10 or more. Of larger tables this many are drawn.
    random_state : int, default 0
        Seed, 0 or more. The order of rows and the ids change nothing.

    Returns
    -------
    table
        One row a number of clusters, sorted: ``k`` (int), ``inertia`` (float, sum of squared
        distances to the mean of the own cluster, of the sample), ``silhouette`` (float, -1 to 1, of
        2,000 customers at most), ``silhouette_se`` (float, its standard error),
        ``calinski_harabasz`` (float), ``gap``, ``gap_se`` (float, log of the spread left within
        clusters, tables without groups less this one; above 0 = more than chance), ``valley``
        (float, how much fewer customers are at borders than in the middles beside them; 1 = none,
        below 0 = more; null where categories make all borders), ``stability`` (float, mean adjusted
        Rand index of refits),
        ``min_jaccard`` (float, 0 to 1, of the cluster that comes back worst), ``stable`` (bool),
        ``chosen`` (bool, the stable number with the highest silhouette; none where none is
        stable). Measures are null where the table has fewer different customers than clusters.

    Raises
    ------
    ColumnError
        If a feature is missing, or holds neither numbers, True or False nor text.
    DataError
        If no feature differs between customers, or numbers are infinite.
    NotEnoughDataError
        If there are fewer than 3 customers.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    fit_clusters : the clusters themselves.
    plot_cluster_choice : the answer as a picture.

    Notes
    -----
    Stable are clusters with `min_jaccard` and `stability` of 0.75 or more, `gap` of more than two
    `gap_se`, valleys that together are deeper than two standard errors, and no border that is
    fuller than the middles by more than one.

    Tables without groups are normal with the covariance of the table, and not uniform as in
    Tibshirani, Walther and Hastie (2001): a long cloud is cut in two alike in every sample, and its
    gap to a box would not tell (Liu et al. 2008). Categories are drawn by themselves. Gaps are
    taken from one cluster, so that the gap of one would be 0. Skewed or flat clouds differ from
    normal ones as well, but have no valleys: any log-concave density has one peak on the line
    between two centres (Prekopa 1973). Numbers of few different values, as counts, are spread up to
    the middle between them before valleys are looked for. Borders between clusters that differ more
    by categories than by numbers are empty anyway, and are not looked at.

    References
    ----------
    Calinski and Harabasz (1974), A dendrite method for cluster analysis, Comm. in Stat. 3, p. 1.
    Hennig (2007), Cluster-wise assessment of cluster stability, Comp. Stat. & Data Anal. 52, p.
    258.
    Hubert and Arabie (1985), Comparing partitions, J. of Classification 2, p. 193.
    Liu, Hayes, Nobel and Marron (2008), Statistical significance of clustering for high-dimension,
    low-sample size data, JASA 103, p. 1281.
    Prekopa (1973), On logarithmic concave measures and functions, Acta Sci. Math. 34, p. 335.
    Rousseeuw (1987), Silhouettes, J. of Comp. and Applied Math. 20, p. 53.
    Tibshirani, Walther and Hastie (2001), Estimating the number of clusters in a data set via the
    gap statistic, JRSS B 63, p. 411.

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
    >>> choice[["k", "silhouette", "min_jaccard", "stable", "chosen"]].round(2)
       k  silhouette  min_jaccard  stable  chosen
    0  2        0.94         1.00    True    True
    1  3        0.77         0.74   False   False
    """
    caller = "choose_clusters"
    numbers = _range(k_range, caller)
    rounds = _checks.whole(n_bootstrap, name="n_bootstrap", caller=caller, low=1)
    tables = _checks.whole(n_references, name="n_references", caller=caller, low=2)
    most = _checks.whole(sample, name="sample", caller=caller, low=10)
    seed = _checks.whole(random_state, name="random_state", caller=caller, low=0)
    table = _cluster_table.read_table(
        customers, features, method=method, weights=weights, gamma=gamma, caller=caller
    )
    fitter = Fitter(method, table.design, STARTS, seed)
    rows = choice(table, numbers, fitter=fitter, most=most, rounds=(rounds, tables))
    columns = {name: _column([row[name] for row in rows], kind) for name, kind in SCHEMA.items()}
    answer: IntoDataFrameT = _result.native(table.source, pa.table(columns), SCHEMA)
    return answer


def _column(values: list[Any], kind: str) -> Any:
    if kind == "float":
        return _result.column(np.array(values, dtype=np.float64))
    return pa.array(values)


def _range(given: Any, caller: str) -> list[int]:
    name = "k_range"
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise OptionError(
            f"{caller}: k_range must be whole numbers, as range(2, 11); got {given!r}."
        )
    numbers = [_checks.whole(each, name=name, caller=caller, low=2, high=50) for each in given]
    if not numbers:
        raise OptionError(f"{caller}: k_range is empty. Give numbers, as range(2, 11).")
    return sorted(set(numbers))


def choice(
    table: Table, numbers: list[int], *, fitter: Fitter, most: int, rounds: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return one row for each number of clusters."""
    points = drawn(table.points, most, fitter.seed)
    different = _cluster_table.distinct(points)
    spread = _valleys.spread_ties(points, table.design, fitter.seed)
    tables = _cluster_measures.references(points, table.design, rounds[1], fitter.seed)
    silhouette = Silhouette(points, _places(len(points), _PAIRWISE, fitter.seed))
    rows = []
    with _progress.bar(len(numbers), table.source.caller, "numbers of clusters") as tell:
        for k in numbers:
            found, stable = dict.fromkeys(_MEASURES, np.nan), False
            if k <= different:
                labels = fitter.fit(points, k).labels(points)
                found = _measured(points, labels, k, fitter=fitter, rounds=rounds[0], tables=tables)
                found["silhouette"], found["silhouette_se"] = silhouette.of(labels)
                means = _lloyd.centres_of(points, labels, k, ())
                apart = _valleys.valleys(spread, means, table.design.numeric)
                found["valley"] = apart.depth
                stable = _is_stable(found, apart)
            rows.append({"k": k, **found, "stable": stable, "chosen": False})
            tell(1)
    best = max(
        (row for row in rows if row["stable"]), key=lambda row: (row["silhouette"], -row["k"]),
        default=None,
    )  # fmt: skip
    if best is not None:
        best["chosen"] = True
    return rows


def _is_stable(found: dict[str, float], apart: Valleys) -> bool:
    """Say whether clusters come back, explain more than chance, and are apart."""
    least = _cluster_measures.STABLE
    comes_back = found["min_jaccard"] >= least and found["stability"] >= least
    beyond = found["gap"] > _SURE * found["gap_se"]
    borders = len(apart.border) > 0  # where there are none, categories alone make the clusters
    lie_apart = not borders or (apart.z > _SURE and apart.shallowest > _FULLER)
    return bool(comes_back and beyond and lie_apart)


def _measured(
    points: Floats, labels: Ints, k: int, *, fitter: Fitter, rounds: int, tables: list[Floats]
) -> dict[str, float]:
    again = _cluster_measures.refits(points, labels, k, fitter=fitter, n=rounds)
    here = _cluster_measures.log_drop(points, labels, k)
    there = np.array(
        [
            _cluster_measures.log_drop(
                each, fitter.fit(each, k, place, 3, refit=True).labels(each), k
            )
            for place, each in enumerate(tables)
        ]
    )
    return {
        "inertia": _cluster_measures.within(points, labels, k),
        "calinski_harabasz": _cluster_measures.calinski_harabasz(points, labels, k),
        "gap": float(there.mean()) - here,
        "gap_se": float(there.std(ddof=1)) * np.sqrt(1 + 1 / len(there)),
        "stability": again.ari,
        "min_jaccard": float(again.jaccard.min()),
    }


def drawn(points: Floats, most: int, seed: int) -> Floats:
    """Return at most so many points, in their order."""
    return np.asarray(points[_places(len(points), most, seed)])


def _places(n: int, most: int, seed: int) -> Any:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, 4]).permutation(n)[:most])
