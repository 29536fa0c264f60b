"""Ways to group points: k-means, k-prototypes, a mixture of normals, Ward's hierarchy."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _threads
from crmlytics._columns import Floats, Ints
from crmlytics.segmentation import _lloyd

METHODS = ("kmeans", "kprototypes", "gmm", "hierarchical")
_RIDGE = 0.01  # least variance within a normal of a mixture, where a robust deviation is 1
_WARD = 2_000  # points that a hierarchy is built of; its cost grows with their square


@dataclass(frozen=True)
class Grouping:
    """Centres, and for mixtures the shapes and shares of the normals."""

    centres: Floats
    factors: Floats  # Cholesky factors of the precisions, of a mixture; else empty
    shares: Floats

    def labels(self, points: Floats) -> Ints:
        """Return the group of each point: the nearest centre, or the most probable normal."""
        if not len(self.factors):
            return np.asarray(_lloyd.squared(points, self.centres).argmin(axis=1))
        volume = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)
        score = np.log(self.shares) + volume - 0.5 * self._mahalanobis(points)
        return np.asarray(score.argmax(axis=1))

    def distances(self, points: Floats, labels: Ints) -> Floats:
        """Return how far each point is from the centre of its group."""
        if len(self.factors):
            squares = self._mahalanobis(points)[np.arange(len(points)), labels]
            return np.sqrt(squares)
        return np.asarray(np.sqrt(((points - self.centres[labels]) ** 2).sum(axis=1)))

    def _mahalanobis(self, points: Floats) -> Floats:
        parts = [
            (((points - centre) @ factor) ** 2).sum(axis=1)
            for centre, factor in zip(self.centres, self.factors, strict=True)
        ]
        return np.stack(parts, axis=1)

    def taken(self, order: Ints) -> "Grouping":
        """Return the groups in another order."""
        if not len(self.factors):
            return Grouping(self.centres[order], self.factors, self.shares)
        return Grouping(self.centres[order], self.factors[order], self.shares[order])


def group(
    points: Floats, k: int, *, method: str, modes: Sequence[slice], n_starts: int, seed: Any
) -> Grouping:
    """Fit one method; points come in an order that does not depend on the table."""
    rng = np.random.default_rng(seed)
    if method == "gmm" and k > 1:
        return _mixture(points, k, n_starts, int(rng.integers(2**31 - 1)))
    if method == "hierarchical" and k > 1:
        return _plain(_ward(points, k, rng))
    blocks = modes if method == "kprototypes" else ()
    return _plain(_lloyd.lloyd(points, k, modes=blocks, n_starts=n_starts, rng=rng)[0])


def _plain(centres: Floats) -> Grouping:
    return Grouping(centres, np.zeros((0, 0, 0)), np.zeros(0))


def _mixture(points: Floats, k: int, n_starts: int, seed: int) -> Grouping:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(k, reg_covar=_RIDGE, n_init=n_starts, max_iter=200, random_state=seed)
    with warnings.catch_warnings(), _threads.one_thread("openmp"):
        # slow last steps change no customer's group; k-means finds fewer places than groups
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(points)
    return Grouping(model.means_, model.precisions_cholesky_, model.weights_)


def _ward(points: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Return the centres of Ward's groups of a sample."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(points) > _WARD:
        points = points[np.sort(rng.permutation(len(points))[:_WARD])]
    labels = fcluster(linkage(points, "ward"), k, criterion="maxclust") - 1
    return _lloyd.centres_of(points, labels.astype(np.int64), k, ())
