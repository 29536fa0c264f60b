"""The fitted clusters: where each customer belongs, what the clusters are, how sure they are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _frame, _result, _stats
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics._model import Model
from crmlytics.segmentation import _cluster_design, _cluster_table
from crmlytics.segmentation._cluster_design import Design
from crmlytics.segmentation._cluster_measures import STABLE
from crmlytics.segmentation._cluster_methods import Grouping

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.stable.v2.typing import IntoDataFrameT

_PREDICTED = {
    "customer": "id",
    "cluster": "int",
    "cluster_name": "text",
    "distance": "float",
    "outside": "bool",
}
_DRIFT = {
    "cluster": "int",
    "cluster_name": "text",
    "share_before": "float",
    "share_after": "float",
    "mean_distance_before": "float",
    "mean_distance_after": "float",
    "outside_before": "float",
    "outside_after": "float",
    "psi": "float",
    "psi_by_chance": "float",
    "verdict": "text",
}
# Hennig (2007), and the usual borders of the population stability index
_HIGHLY, _DOUBTFUL = 0.85, 0.6
_SHIFTED, _DIFFERENT = 0.1, 0.25


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ClusterModel(Model):
    """What :func:`fit_clusters` returns.

    Attributes
    ----------
    method : str
        How clusters were found.
    n_clusters, n : int
        Number of clusters, and of customers of the fit.
    features : tuple of str
        Columns that ``predict`` needs.
    names : tuple of str
        Name of each cluster.
    inertia : float
        Sum of squared distances of customers to the centre of their cluster; for "kprototypes" the
        cost of Huang (1998).
    centres : array
        One row a cluster, in the space in which distances are measured.
    fidelity : float or None
        Share of customers, held out, whose cluster the rules of ``explain`` tell.
    """

    method: str
    customer_name: str
    n_clusters: int
    n: int
    features: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    shapes: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    gamma: float
    outside_share: float
    centres: Floats
    factors: Floats
    shares: Floats
    names: tuple[str, ...]
    sizes: Ints
    reach: Floats  # distance from which on a customer is outside
    mean_distance: Floats
    outside: Floats
    inertia: float
    jaccard: Floats
    ari: float | None
    told_feature: tuple[str, ...]
    told_level: tuple[str, ...]
    told_n: Floats
    told_mean: Floats
    told_median: Floats
    told_all: Floats
    told_z: Floats
    rule: tuple[str, ...]
    rule_cluster: Ints
    rule_n: Ints
    rule_hits: Ints
    fidelity: float | None

    def __repr__(self) -> str:
        return (
            f"ClusterModel(method={self.method!r}, n_clusters={self.n_clusters}, n={self.n:,}, "
            f"features={len(self.features)})"
        )

    @property
    def design(self) -> Design:
        """How features become the columns of the space."""
        return Design(
            self.features, self.levels, self.shapes, self.centre, self.scale, self.weights,
            self.gamma,
        )  # fmt: skip

    def summary(self) -> "pd.DataFrame":
        """Return the clusters.

        Returns
        -------
        pandas.DataFrame
            One row a cluster, the largest first: ``cluster`` (int, from 1), ``cluster_name`` (str),
            ``customers`` (int), ``share`` (float, of all customers of the fit), ``mean_distance``
            (float, from the centre), ``outside_beyond`` (float, distance from which on a customer
            is outside), ``jaccard`` (float, 0 to 1, see ``stability``; null where not measured).
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "cluster": np.arange(1, self.n_clusters + 1),
                "cluster_name": pd.Series(self.names, dtype="str"),
                "customers": self.sizes,
                "share": self.sizes / self.n,
                "mean_distance": self.mean_distance,
                "outside_beyond": self.reach,
                "jaccard": self.jaccard,
            }
        )

    def predict(
        self, customers: "IntoDataFrameT", *, customer_col: str | None = None
    ) -> "IntoDataFrameT":
        """Say which cluster each customer belongs to, and whether to any.

        Parameters
        ----------
        customers : table
            One row a customer, with the features of the fit.
        customer_col : str, optional
            Column of the ids; by default called as in the fit.

        Returns
        -------
        table
            One row for each row of `customers`, sorted by id: the id, ``cluster`` (int, from 1),
            ``cluster_name`` (str), ``distance`` (float, from the centre of the cluster; robust
            deviations, for "gmm" Mahalanobis), ``outside`` (bool, farther than all but
            `outside_share` of the customers of the cluster in the fit). Null where no feature is
            known. Categories that the fit did not see count as "other", unknown numbers as the
            median of the fit.

        Raises
        ------
        ColumnError
            If a feature of the fit is missing or of another type.
        DataError
            If ids are null, or numbers infinite.
        """
        column = self.customer_name if customer_col is None else customer_col
        source = _frame.read(
            customers, caller="predict", argument="customers", roles={"customer_col": column},
            result=tuple(_PREDICTED)[1:],
        )  # fmt: skip
        labels, distance, known = self._placed(customers, "predict", "customers")
        names = pa.array(self.names, pa.string())
        table = pa.table(
            {
                "customer": _result.ids(source.column("customer")),
                "cluster": _result.column(labels + 1, known),
                "cluster_name": names.take(pa.array(labels, mask=~known)),
                "distance": _result.column(distance, known),
                "outside": pa.array(distance > self.reach[labels], mask=~known),
            }
        )
        answer: IntoDataFrameT = _result.native(
            source, table, _PREDICTED, sort_by=["customer", "cluster", "distance"]
        )
        return answer

    def _placed(self, table: Any, caller: str, argument: str) -> tuple[Ints, Floats, Bools]:
        """Return the cluster of each row, the distance from its centre, and whether known."""
        source = self._open(table, caller, argument)
        if not source.n_rows:
            return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool)
        read = _cluster_design.read_features(source)
        read = _cluster_table.same_kinds(read, self.design, caller, argument)
        known = ~_cluster_design.unknown_rows(read)
        matrix, grouping = self.design.matrix(read), self._grouping
        labels = grouping.labels(self.design.kept_in(matrix))
        return labels, grouping.distances(matrix, labels), known

    def _open(self, table: Any, caller: str, argument: str) -> Source:
        return _cluster_design.open_features(table, list(self.features), caller, argument)

    @property
    def _grouping(self) -> Grouping:
        return Grouping(self.centres, self.factors, self.shares)

    def profile(self) -> "pd.DataFrame":
        """Return what tells the clusters apart.

        Returns
        -------
        pandas.DataFrame
            One row a cluster and feature, for categories a cluster and level: ``cluster`` (int),
            ``cluster_name`` (str), ``customers`` (int), ``share_of_customers`` (float), ``feature``
            (str), ``level`` (str; null for numbers), ``n`` (int, with a known value), ``mean``
            (float, in the unit of the feature; for levels the share of the cluster), ``median``
            (float; null for levels), ``mean_of_all`` (float), ``lift`` (float, `mean` over
            `mean_of_all`), ``z`` (float, how far the cluster is from all customers, in their
            standard deviations, as the fit measures them).

        Notes
        -----
        There are no p-values: clusters differ in the features that they were made from by
        construction, also where there are no groups. Test features that were not used, with
        `segment_profile`.
        """
        import pandas as pd

        k, width = self.told_mean.shape
        level = [None if text == "" else text for text in self.told_level]
        with np.errstate(divide="ignore", invalid="ignore"):
            lift = self.told_mean / self.told_all
        median = np.where([text is None for text in level], self.told_median, np.nan)
        return pd.DataFrame(
            {
                "cluster": np.repeat(np.arange(1, k + 1), width),
                "cluster_name": pd.Series(np.repeat(self.names, width), dtype="str"),
                "customers": np.repeat(self.sizes, width),
                "share_of_customers": np.repeat(self.sizes / self.n, width),
                "feature": pd.Series(list(self.told_feature) * k, dtype="str"),
                "level": pd.Series(level * k, dtype="str"),
                "n": self.told_n.astype(np.int64).ravel(),
                "mean": self.told_mean.ravel(),
                "median": median.ravel(),
                "mean_of_all": np.tile(self.told_all, k),
                "lift": np.where(np.isfinite(lift), lift, np.nan).ravel(),
                "z": self.told_z.ravel(),
            }
        )

    def explain(self) -> "pd.DataFrame":
        """Return rules of a few words that tell the clusters, and how often they are right.

        A small decision tree is fitted to the clusters, in the units of the features. It is a
        summary of the clusters and not how they were found.

        Returns
        -------
        pandas.DataFrame
            One row a rule, each customer is in one: ``cluster`` (int, of most of its customers),
            ``cluster_name`` (str), ``rule`` (str), ``customers`` (int, whom the rule fits),
            ``precision`` (float, share of these in the cluster), ``coverage`` (float, share of the
            cluster that the rule finds), ``fidelity`` (float, share of customers, held out, whose
            cluster such a tree tells; the same in all rows, null below 20 customers). Of more than
            20,000 customers so many are looked at. Unknown numbers count as the median.
        """
        import pandas as pd

        sizes = np.bincount(self.rule_cluster, self.rule_hits, self.n_clusters)
        seen = self.sizes * (self.rule_n.sum() / self.n)  # a sample, where there are many
        whole = np.maximum(seen, sizes)
        return pd.DataFrame(
            {
                "cluster": self.rule_cluster + 1,
                "cluster_name": pd.Series(
                    [self.names[at] for at in self.rule_cluster], dtype="str"
                ),
                "rule": pd.Series(self.rule, dtype="str"),
                "customers": self.rule_n,
                "precision": self.rule_hits / self.rule_n,
                "coverage": self.rule_hits / whole[self.rule_cluster],
                "fidelity": np.full(len(self.rule), self.fidelity, dtype=np.float64),
            }
        )

    def stability(self) -> "pd.DataFrame":
        """Return how surely each cluster comes back where customers are drawn anew.

        Returns
        -------
        pandas.DataFrame
            One row a cluster: ``cluster`` (int), ``cluster_name`` (str), ``customers`` (int),
            ``jaccard`` (float, 0 to 1, mean likeness to the most alike cluster of a refit),
            ``verdict`` (str: "highly stable" from 0.85, "valid" from 0.75, "doubtful" from 0.6,
            "dissolved" below; Hennig 2007), ``stability`` (float, mean adjusted Rand index of all
            refits; the same in all rows). Null with ``n_stability=0``.
        """
        import pandas as pd

        borders = np.searchsorted([_DOUBTFUL, STABLE, _HIGHLY], self.jaccard, side="right")
        words = ["dissolved", "doubtful", "valid", "highly stable"]
        verdicts = [
            None if np.isnan(found) else words[place]
            for found, place in zip(self.jaccard, borders, strict=True)
        ]
        return pd.DataFrame(
            {
                "cluster": np.arange(1, self.n_clusters + 1),
                "cluster_name": pd.Series(self.names, dtype="str"),
                "customers": self.sizes,
                "jaccard": self.jaccard,
                "verdict": pd.Series(verdicts, dtype="str"),
                "stability": np.full(self.n_clusters, self.ari, dtype=np.float64),
            }
        )

    def drift(self, new: "IntoDataFrameT") -> "IntoDataFrameT":
        """Say whether customers of today still fall into the clusters as those of the fit did.

        Parameters
        ----------
        new : table
            One row a customer, with the features of the fit.

        Returns
        -------
        table
            One row for all customers (``cluster`` null) and one a cluster: ``cluster`` (int),
            ``cluster_name`` (str), ``share_before``, ``share_after`` (float, of customers),
            ``mean_distance_before``, ``mean_distance_after`` (float, from the centre),
            ``outside_before``, ``outside_after`` (float, share of customers outside), and in the
            first row ``psi`` (float, population stability index of the shares), ``psi_by_chance``
            (float, what 95 % of indices stay below where nothing has changed) and ``verdict`` (str:
            "stable" below 0.1 or `psi_by_chance`, "shifted" up to 0.25, "different" above).

        Raises
        ------
        ColumnError
            If a feature of the fit is missing or of another type.
        DataError
            If numbers are infinite.
        NotEnoughDataError
            If of no customer a feature is known.
        """
        caller = "drift"
        source = self._open(new, caller, "new")
        labels, distance, known = self._placed(new, caller, "new")
        labels, distance = labels[known], distance[known]
        advice = "Customers of whom a feature is known can be compared."
        _checks.at_least(1, len(labels), "customer in new", caller, advice)
        k = self.n_clusters
        sizes = np.bincount(labels, minlength=k)
        outside = (distance > self.reach[labels]).astype(np.float64)
        rows = [_against(sizes, np.bincount(labels, each, k)) for each in (distance, outside)]
        before = [_against(self.sizes, each * self.sizes) for each in (
            self.mean_distance, self.outside,
        )]  # fmt: skip
        found = _stats.psi(self.sizes, sizes)
        chance = _stats.psi_by_chance(k, self.n, len(labels))
        word = "different" if found > _DIFFERENT else "shifted"
        word = "stable" if found < _SHIFTED or found <= chance else word
        rest = [np.nan] * k
        columns: dict[str, Any] = {
            "cluster": pa.array([None, *range(1, k + 1)], pa.int64()),
            "cluster_name": pa.array([None, *self.names], pa.string()),
            "share_before": _result.column(np.append(1.0, self.sizes / self.n)),
            "share_after": _result.column(np.append(1.0, sizes / len(labels))),
            "mean_distance_before": _result.column(before[0]),
            "mean_distance_after": _result.column(rows[0]),
            "outside_before": _result.column(before[1]),
            "outside_after": _result.column(rows[1]),
            "psi": _result.column(np.array([found, *rest])),
            "psi_by_chance": _result.column(np.array([chance, *rest])),
            "verdict": pa.array([word, *[None] * k], pa.string()),
        }
        answer: IntoDataFrameT = _result.native(source, pa.table(columns), _DRIFT)
        return answer


def _against(sizes: Any, sums: Any) -> Floats:
    """Return means of all and of each cluster; NaN where nobody is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.append(sums.sum() / sizes.sum(), sums / sizes)
