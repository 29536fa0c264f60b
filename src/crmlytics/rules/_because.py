"""Why a product is suggested, in words and as the product that speaks most for it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from crmlytics import _checks
from crmlytics._columns import Ints
from crmlytics.rules._rank import Ranked
from crmlytics.rules._scores import Block, Known

_PAIRS = 1 << 16  # suggestions explained together


def sources(ranked: Ranked, block: Block, known: Known) -> Ints:
    """Return the held product with the largest weight for each suggestion; -1 where none has any.

    Of equal weights that of the more popular product counts.
    """
    found = np.full(len(ranked.item), -1)
    if known.weights is None:
        return found
    held, towards = block.matrix(known.n_items), known.weights.T.tocsr()
    for first in range(0, len(found), _PAIRS):
        part = slice(first, first + _PAIRS)
        weights = held[ranked.row[part]].multiply(towards[ranked.item[part]]).tocsr()
        weights.sort_indices()
        sizes = np.diff(weights.indptr)
        row = np.repeat(np.arange(len(sizes)), sizes)
        order = np.lexsort([weights.indices, -weights.data, row])
        starts = weights.indptr[:-1][sizes > 0]
        best = order[starts]
        speaks = weights.data[best] > 0
        place = np.flatnonzero(sizes > 0)[speaks] + first
        found[place] = weights.indices[best][speaks]
    return found


def words(
    ranked: Ranked, block: Block, known: Known, by: Ints, names: list[Any], repeat: Any
) -> Any:
    """Write the reason of each suggestion.

    `by` is the product that speaks for it, `repeat` marks those that the customer bought before.
    """
    said = np.empty(len(ranked.item), dtype=object)
    if block.times is not None and repeat.any():
        times = np.asarray(_look_up(ranked, block, block.times, known.n_items, repeat))
        last = np.asarray(_look_up(ranked, block, block.last, known.n_items, repeat))
        said[repeat] = _each([times, last], _bought)
    with_product = ~repeat & (by >= 0)
    if with_product.any():
        said[with_product] = _with(ranked.item[with_product], by[with_product], known, names)
    rest = ~repeat & (by < 0)
    items = ranked.item[rest]
    said[rest] = _each([known.popularity[items], known.held[items]], _popular(known))
    return said


def _look_up(ranked: Ranked, block: Block, values: Any, n_items: int, rows: Any) -> Any:
    return block.matrix(n_items, values)[ranked.row[rows], ranked.item[rows]].A1


def _each(columns: list[Ints], write: Callable[..., str]) -> Any:
    """Write each different row once."""
    if not len(columns[0]):
        return []
    different, place = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    texts = np.array([write(*row) for row in different.tolist()], dtype=object)
    return texts[place.ravel()]


def _bought(times: int, last: int) -> str:
    how_often = "once, on" if times == 1 else f"{times} times, last on"
    return f"bought {how_often} {_checks.iso(last)}"


def _popular(known: Known) -> Callable[[int, int], str]:
    def write(lately: int, ever: int) -> str:
        if lately:
            return f"popular: in {lately:,} baskets of the last {known.recent_days} days"
        by = "bought by" if known.of == "customers" else "in"
        return f"popular: {by} {ever:,} {known.of} in all"

    return write


def _with(item: Ints, by: Ints, known: Known, names: list[Any]) -> Any:
    """Write what share of those with one product have the other, and against what usual share."""
    both = np.asarray(known.together[by, item]).ravel()

    def write(one: int, other: int, count: int) -> str:
        share = count / max(int(known.held[other]), 1)
        lift = share * known.n_units / max(int(known.held[one]), 1)
        who = "of its buyers" if known.of == "customers" else "of its baskets"
        return f"goes with {names[other]}: {100 * share:.0f}% {who}, lift {lift:.1f}"

    return _each([item, by, both], write)
