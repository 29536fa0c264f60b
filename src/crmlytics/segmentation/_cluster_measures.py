"""How good a grouping is: spread within, silhouette, gap, and how it fares in refits."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Floats, Ints
from crmlytics.segmentation import _cluster_methods, _lloyd
from crmlytics.segmentation._cluster_design import Design
from crmlytics.segmentation._cluster_methods import Grouping

STABLE = 0.75  # Jaccard from which on Hennig (2007) calls a cluster valid
_REFIT_STARTS = 3


@dataclass(frozen=True)
class Fitter:
    """A method with all but the points and the number of clusters."""

    method: str
    design: Design
    n_starts: int
    seed: int

    def fit(self, points: Floats, k: int, *path: int, refit: bool = False) -> Grouping:
        """Fit; `path` tells refits apart, so that none draws what another has drawn."""
        return _cluster_methods.group(
            points, k, method=self.method, modes=self.design.blocks,
            n_starts=min(self.n_starts, _REFIT_STARTS) if refit else self.n_starts,
            seed=[self.seed, k, *path],
        )  # fmt: skip


def within(points: Floats, labels: Ints, k: int) -> float:
    """Return the sum of squared distances to the mean of the own group."""
    centres = _lloyd.centres_of(points, labels, k, ())
    return float(((points - centres[labels]) ** 2).sum())


def calinski_harabasz(points: Floats, labels: Ints, k: int) -> float:
    """Return the variance ratio (Calinski and Harabasz 1974, p. 10); NaN without spread within."""
    inside = within(points, labels, k)
    whole = float(((points - points.mean(axis=0)) ** 2).sum())
    n = len(points)
    if n <= k or inside <= 1e-12 * whole:
        return np.nan
    return (whole - inside) / (k - 1) / (inside / (n - k))


class Silhouette:
    """Mean silhouette of a sample, whose distances are worked out once."""

    def __init__(self, points: Floats, rows: Ints) -> None:
        self._rows = rows
        self._distance = np.sqrt(_lloyd.squared(points[rows], points[rows]))
        np.fill_diagonal(self._distance, 0.0)

    def of(self, labels: Ints) -> tuple[float, float]:
        """Return the mean over the sample, and its standard error (Rousseeuw 1987, p. 56)."""
        found, own = np.unique(labels[self._rows], return_inverse=True)
        if len(found) < 2:
            return np.nan, np.nan
        rows = np.arange(len(own))
        sizes = np.bincount(own)
        sums = self._distance @ np.eye(len(found))[own]
        inside = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
        means = sums / sizes
        means[rows, own] = np.inf
        outside = means.min(axis=1)
        most = np.maximum(inside, outside)
        width = np.where(most > 0, (outside - inside) / np.where(most > 0, most, 1.0), 0.0)
        width = np.where(sizes[own] > 1, width, 0.0)  # a group of one has none
        return float(width.mean()), float(width.std(ddof=1) / np.sqrt(len(width)))


def references(points: Floats, design: Design, n: int, seed: int) -> list[Floats]:
    """Draw tables without groups: normal numbers of the same covariance, categories by chance."""
    drawn = []
    numeric = design.numeric
    numbers = points[:, numeric]
    centre = numbers.mean(axis=0)
    _, spread, axes = np.linalg.svd(numbers - centre, full_matrices=False)
    for each in range(n):
        rng = np.random.default_rng([seed, each])
        table = np.empty_like(points)
        normal = rng.standard_normal((len(points), len(spread)))
        table[:, numeric] = normal * (spread / np.sqrt(len(points))) @ axes + centre
        for block in design.blocks:
            table[:, block] = points[rng.integers(len(points), size=len(points)), block]
        drawn.append(table)
    return drawn


def log_drop(points: Floats, labels: Ints, k: int) -> float:
    """Return the log of the share of the spread that is left within groups."""
    inside = within(points, labels, k)
    whole = float(((points - points.mean(axis=0)) ** 2).sum())
    return float(np.log(max(inside, 1e-12 * whole) / whole))


@dataclass(frozen=True)
class Refits:
    """How groups fare where customers are drawn anew."""

    jaccard: Floats  # of each group
    ari: float


def refits(points: Floats, labels: Ints, k: int, *, fitter: Fitter, n: int) -> Refits:
    """Fit bootstrap samples, and compare how they group all points with how these are grouped."""
    jaccard, agreed = np.zeros(k), []
    for each in range(n):
        rng = np.random.default_rng([fitter.seed, k, each, 1])
        drawn = points[np.sort(rng.integers(len(points), size=len(points)))]
        other = fitter.fit(drawn, k, each, 2, refit=True).labels(points)
        both = contingency(labels, other, k)
        union = both.sum(axis=1)[:, None] + both.sum(axis=0) - both
        jaccard += (both / np.maximum(union, 1)).max(axis=1)
        agreed.append(rand_index(both))
    return Refits(jaccard / n, float(np.mean(agreed)))


def contingency(one: Ints, other: Ints, k: int) -> Floats:
    """Count the points in each pair of groups."""
    width = max(k, int(other.max(initial=0)) + 1)
    counted: Any = np.bincount(one * width + other, minlength=k * width)
    return np.asarray(counted.reshape(k, width), dtype=np.float64)


def rand_index(both: Floats) -> float:
    """Return the adjusted Rand index of two groupings (Hubert and Arabie 1985, eq. 5)."""

    def pairs(counts: Floats) -> float:
        return float((counts * (counts - 1)).sum() / 2)

    rows, columns = pairs(both.sum(axis=1)), pairs(both.sum(axis=0))
    every = pairs(both.sum(keepdims=True))
    expected = rows * columns / every if every else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == expected else (pairs(both) - expected) / (most - expected)
