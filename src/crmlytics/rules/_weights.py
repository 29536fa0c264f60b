"""How much one product speaks for another: EASE, similarity, rules of pairs.

All methods come to a sparse table of items by items. The score of a product for a customer (or a
basket) is the sum of its weights over what the customer has bought (the basket holds).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Floats

METHODS = ("ease", "similar", "rules")
REGULARISATION = {"customers": 500.0, "baskets": 100.0}
_SHRINK = 10.0  # units added below similarities, so that rare products do not look alike
_NEIGHBOURS = {"ease": 500, "similar": 100, "rules": 500}
_RULE_SUPPORT, _RULE_CONFIDENCE = 0.0005, 0.02
_FEWEST = 3  # units that must hold both products of a rule, however few there are
_BLOCK = 1 << 22  # cells of items by items looked at together


@dataclass(frozen=True)
class Weights:
    """Weights of items (rows) for items (columns), and how many units hold both."""

    weights: Any  # scipy csr, float64
    counts: Any  # the same places, int64


def weigh(method: str, of: str, units: Any, n_items: int, regularisation: float | None) -> Weights:
    """Learn weights among the first `n_items` items from units (customers, baskets) by items."""
    n_units = int(np.count_nonzero(np.diff(units.indptr)))  # customers seen later have no entry
    units = units[:, :n_items].tocsr()
    together = (units.T @ units).tocsc()
    held = np.asarray(together.diagonal(), dtype=np.float64)
    if method == "ease":
        penalty = REGULARISATION[of] if regularisation is None else regularisation
        whole = _ease(together, penalty)
    step = max(_BLOCK // max(n_items, 1), 1)
    parts = []
    for first in range(0, n_items, step):
        columns = slice(first, min(first + step, n_items))
        both = together[:, columns].toarray().astype(np.float64)
        both[np.arange(columns.start, columns.stop), np.arange(both.shape[1])] = 0.0
        if method == "ease":
            weight = whole[:, columns]
        elif method == "similar":
            weight = _similar(both, held, held[columns], of)
        else:
            weight = _rules(both, held, held[columns], n_units)
        row, column = _largest(weight, _NEIGHBOURS[method])
        parts.append((row, column + first, weight[row, column], both[row, column]))
    return _tables(parts, n_items)


def _similar(both: Floats, held: Floats, candidates: Floats, of: str) -> Floats:
    """Cosine of customers; for baskets the share of those with one product that hold the other."""
    if of == "customers":
        return np.asarray(both / (np.sqrt(np.outer(held, candidates)) + _SHRINK))
    return np.asarray(both / (held[:, None] + _SHRINK))


def _rules(both: Floats, held: Floats, candidates: Floats, n_units: int) -> Floats:
    """Confidence times log lift of the rules of two products that are frequent and above chance."""
    confidence = both / np.maximum(held, 1)[:, None]
    lift = confidence * n_units / np.maximum(candidates, 1)
    least = max(_RULE_SUPPORT * n_units, _FEWEST)
    kept = (both >= least) & (confidence >= _RULE_CONFIDENCE) & (lift > 1)
    return np.where(kept, confidence * np.log(np.where(kept, lift, 1.0)), 0.0)


def _ease(together: Any, penalty: float) -> Floats:
    """Regress every item on all others at once (Steck 2019): B = I - P diag(P)^-1."""
    from scipy.linalg import lapack

    gram = together.toarray().astype(np.float64)
    places = np.diag_indices(len(gram))
    gram[places] += penalty
    factor, info = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    inverse, more = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if info or more:  # the penalty makes the matrix positive definite
        raise ArithmeticError(info or more)
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    inverse /= -np.diag(inverse).copy()
    inverse[places] = 0.0
    return np.asarray(inverse)


def _largest(weight: Floats, most: int) -> tuple[Any, Any]:
    """Return the places of the largest weights of each column, of either sign.

    Ties go to the more popular item, which has the lower number.
    """
    size = np.abs(weight)
    n = len(size)
    kept = size > 0
    if n > most:
        bar = np.partition(size, n - most, axis=0)[n - most]
        above, level = size > bar, (size == bar) & kept
        room = most - above.sum(axis=0)
        kept &= above | (level & (np.cumsum(level, axis=0) <= room))
    row, column = np.nonzero(kept)
    return row, column


def _tables(parts: list[tuple[Any, ...]], n_items: int) -> Weights:
    from scipy.sparse import csr_matrix

    none = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    row, column, weight, both = (
        np.concatenate([part[k] for part in (none, *parts)]) for k in range(4)
    )
    order = np.lexsort([column, row])
    starts = np.append(0, np.cumsum(np.bincount(row, minlength=n_items)))
    shape = (n_items, n_items)
    weights = csr_matrix((weight[order], column[order], starts), shape=shape)
    counts = csr_matrix((both[order].astype(np.int64), column[order], starts), shape=shape)
    return Weights(weights, counts)
