"""k-means and k-prototypes: centres of means, or of means and modes, by Lloyd's steps.

Both work on one matrix, in which categories are marks scaled so that squared distances are the
costs of Huang (1998): with marks of sqrt(gamma / 2) the squared distance to a centre that holds one
mark is the squared distance of the numbers plus gamma for each category that differs. So every
step is a product of matrices, and no row is looked at by itself.
"""

from collections.abc import Sequence

import numpy as np

from crmlytics import _threads
from crmlytics._columns import Floats, Ints

_STEPS = 100


def squared(points: Floats, centres: Floats, lengths: Floats | None = None) -> Floats:
    """Return squared distances, points in rows; `lengths` are those of points, where known."""
    whole = np.einsum("ij,ij->i", points, points) if lengths is None else lengths
    distance = points @ (-2.0 * centres.T)
    distance += whole[:, None]
    distance += np.einsum("ij,ij->i", centres, centres)
    return np.maximum(distance, 0.0, out=distance)


def lloyd(
    points: Floats, k: int, *, modes: Sequence[slice], n_starts: int, rng: np.random.Generator
) -> tuple[Floats, Ints, float]:
    """Return the best centres of several starts, the centre of each point, and the cost.

    The columns of `modes` hold the marks of one category each, and a centre has one mark there.
    """
    lengths = np.einsum("ij,ij->i", points, points)
    best: tuple[Floats, Ints, float] | None = None
    with _threads.one_thread("blas"):  # narrow products: more threads only wait for each other
        for _ in range(n_starts):
            found = _descent(points, lengths, _start(points, lengths, k, rng), modes)
            if best is None or found[2] < best[2] * (1 - 1e-9):
                best = found
    assert best is not None  # noqa: S101 - there is a start
    return best


def _start(points: Floats, lengths: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Choose centres far from each other (Arthur and Vassilvitskii 2007), greedily of several."""
    n, tries = len(points), 2 + int(np.log(k))
    chosen = [int(rng.integers(n))]
    nearest = squared(points, points[chosen], lengths)[:, 0]
    for _ in range(1, k):
        reach = np.cumsum(nearest)
        at = np.searchsorted(reach, rng.random(tries) * reach[-1], side="right")
        at = np.minimum(at, n - 1)
        distance = np.minimum(squared(points, points[at], lengths), nearest[:, None])
        pick = int(np.argmin(distance.sum(axis=0)))
        chosen.append(int(at[pick]))
        nearest = distance[:, pick]
    return points[chosen].copy()


def _descent(
    points: Floats, lengths: Floats, centres: Floats, modes: Sequence[slice]
) -> tuple[Floats, Ints, float]:
    k = len(centres)
    labels: Ints = np.full(len(points), -1)
    for _ in range(_STEPS):
        distance = squared(points, centres, lengths)
        new = distance.argmin(axis=1)
        nearest = distance[np.arange(len(points)), new]
        new = _filled(new, nearest, k)
        if (new == labels).all():
            break
        labels = new
        centres = centres_of(points, labels, k, modes)
    distance = squared(points, centres, lengths)
    labels = distance.argmin(axis=1)
    return centres, labels, float(distance[np.arange(len(points)), labels].sum())


def _filled(labels: Ints, nearest: Floats, k: int) -> Ints:
    """Give a centre without points the point that is farthest from its own."""
    sizes = np.bincount(labels, minlength=k)
    for empty in np.flatnonzero(sizes == 0):
        spare = np.where(sizes[labels] > 1, nearest, -1.0)
        far = int(spare.argmax())
        sizes[labels[far]] -= 1
        labels[far], sizes[empty], nearest[far] = empty, 1, 0.0
    return labels


def centres_of(points: Floats, labels: Ints, k: int, modes: Sequence[slice]) -> Floats:
    """Return the mean of each group; of categories the most common mark, the first of equals."""
    from scipy.sparse import csc_matrix

    n = len(points)
    shape = (np.ones(n), labels, np.arange(n + 1))
    sums = np.asarray(csc_matrix(shape, shape=(k, n)) @ points)
    centres = sums / np.maximum(np.bincount(labels, minlength=k), 1)[:, None]
    for block in modes:
        mark = sums[:, block].argmax(axis=1)
        size = points[0, block].max()
        centres[:, block] = 0.0
        centres[np.arange(k), block.start + mark] = size
    return centres
