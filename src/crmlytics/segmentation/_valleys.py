"""Whether clusters are told apart by emptier places between them, or only by a knife.

Only borders that numbers make are looked at. Between two categories there is never anybody, so
that a border there is empty whether or not there are groups.
"""

from dataclasses import dataclass

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.segmentation import _lloyd
from crmlytics.segmentation._cluster_design import Design


@dataclass(frozen=True)
class Valleys:
    """Customers at borders and in the middles beside them, one entry a cluster and neighbour.

    There are none where all clusters differ by categories rather than by numbers.
    """

    border: Floats
    middle: Floats

    @property
    def depth(self) -> float:
        """How much emptier borders are than middles; 1 = empty, 0 = as full, below 0 = fuller."""
        whole = self.middle.sum()
        return float(1 - self.border.sum() / whole) if whole else np.nan

    @property
    def z(self) -> float:
        """The same in standard errors."""
        whole = (self.middle + self.border).sum()
        return float((self.middle - self.border).sum() / np.sqrt(whole)) if whole else 0.0

    @property
    def shallowest(self) -> float:
        """The lowest of the single depths, in standard errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            each = (self.middle - self.border) / np.sqrt(self.middle + self.border)
        return float(np.nan_to_num(each, nan=0.0).min())


def valleys(points: Floats, centres: Floats, numeric: Bools) -> Valleys:
    """Count customers at the border of each cluster with its neighbour, and in their middles.

    The rows looked at are those whose two nearest centres are the two: a convex region. On the line
    that joins the centres, what is without a valley (any log-concave density: normal, uniform,
    exponential) then has one peak (Prekopa 1973), and so at least as many rows around the border as
    around the emptier of the two medians. Clusters that differ more by categories than by the
    columns of `numeric` are no neighbours.
    """
    k, rows = len(centres), np.arange(len(points))
    by_marks = _lloyd.squared(centres[:, ~numeric], centres[:, ~numeric])
    strangers = by_marks > _lloyd.squared(centres[:, numeric], centres[:, numeric])
    distance = _lloyd.squared(points, centres)
    first = distance.argmin(axis=1)
    distance[rows, first] = np.inf
    distance[strangers[first]] = np.inf
    second = distance.argmin(axis=1)
    beside = np.isfinite(distance[rows, second])
    both = np.zeros((k, k), dtype=np.int64)
    np.add.at(both, (first[beside], second[beside]), 1)
    numbers, middles = points[:, numeric], centres[:, numeric]
    counted = [
        _counted(numbers, middles, first, second, (each, both))
        for each in range(k)
        if both[each].any()
    ]
    border, middle = np.array(counted, dtype=np.float64).reshape(-1, 2).T
    return Valleys(border, middle)


def _counted(
    points: Floats, centres: Floats, first: Ints, second: Ints, one: tuple[int, Ints]
) -> tuple[int, int]:
    each, both = one
    sides = np.minimum(both[each], both[:, each])
    other = int(sides.argmax())
    if sides[other]:
        seen = (first == each) & (second == other) | (first == other) & (second == each)
    else:  # so far apart that others lie between
        other = int(both[each].argmax())
        seen = (first == each) | (first == other)
    way = centres[other] - centres[each]
    along = (points[seen] - (centres[each] + centres[other]) / 2) @ way
    near, far = along[along < 0], along[along >= 0]
    if not len(near) or not len(far):
        return 0, 0
    low, high = float(np.median(near)), float(np.median(far))
    half = min(-low, high) / 2
    there = [int((np.abs(along - at) <= half).sum()) for at in (0.0, low, high)]
    return there[0], min(there[1:])


def spread_ties(points: Floats, design: Design, seed: int) -> Floats:
    """Spread numbers of few values up to the middle between neighbours: counts have no valleys."""
    spread = points.copy()
    for column in np.flatnonzero(design.numeric):
        values, place = np.unique(points[:, column], return_inverse=True)
        if not 1 < len(values) <= len(points) / 2:
            continue
        between = (values[1:] + values[:-1]) / 2
        low = np.append(2 * values[0] - between[0], between)
        high = np.append(between, 2 * values[-1] - between[-1])
        share = np.random.default_rng([seed, int(column), 6]).random(len(points))
        spread[:, column] = low[place] + share * (high - low)[place]
    return spread
