"""The best products of many customers at once, ties broken the same way everywhere."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Bools, Floats, Ints


@dataclass(frozen=True)
class Ranked:
    """Suggestions: rows of a block of customers, sorted by row and rank."""

    row: Ints
    rank: Ints  # from 1
    item: Ints
    score: Floats


def best(scores: Floats, allowed: Bools, top: int, groups: Ints | None, most: int | None) -> Ranked:
    """Return the `top` best allowed items of each row; equal scores by the number of the item.

    At most `most` items of a group; items of group -1 are not limited.
    """
    held = np.where(allowed, scores, -np.inf)
    if groups is not None and most is not None:
        held = _thinned(held, groups, most)
    n = held.shape[1]
    if n > top:
        bar = np.partition(held, n - top, axis=1)[:, n - top, None]
        above, level = held > bar, held == bar
        level &= bar > -np.inf
        room = top - above.sum(axis=1, keepdims=True)
        above |= level & (np.cumsum(level, axis=1) <= room)
        row, item = np.nonzero(above)
    else:
        row, item = np.nonzero(held > -np.inf)
    score = held[row, item]
    order = np.lexsort([item, -score, row])
    row, item, score = row[order], item[order], score[order]
    sizes = np.bincount(row, minlength=len(held))
    rank = np.arange(len(row)) - np.repeat(np.append(0, np.cumsum(sizes))[:-1], sizes) + 1
    return Ranked(row, rank, item, score)


def _thinned(held: Floats, groups: Ints, most: int) -> Floats:
    """Bar all but the best items of each group, row by row."""
    order: Any = np.lexsort([np.broadcast_to(np.arange(held.shape[1]), held.shape), -held])
    ranked = groups[order]
    by_group = np.argsort(ranked, axis=1, kind="stable")
    sorted_groups = np.take_along_axis(ranked, by_group, 1)
    new = np.ones(held.shape, dtype=bool)
    new[:, 1:] = sorted_groups[:, 1:] != sorted_groups[:, :-1]
    places = np.arange(held.shape[1])
    start = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    barred = (places - start >= most) & (sorted_groups >= 0)
    item = np.take_along_axis(order, by_group, 1)
    thinned = held.copy()
    row, place = np.nonzero(barred)
    thinned[row, item[row, place]] = -np.inf
    return thinned
