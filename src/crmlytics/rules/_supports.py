"""How many baskets hold each of some sets: a bit a basket, a row an item."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from crmlytics._columns import Ints
from crmlytics.rules._baskets import Baskets
from crmlytics.rules._miner import Codes, Words

_BASKETS = 1 << 16  # looked at together
_WORDS = 1 << 20


def bit_blocks(baskets: Baskets, place: Ints, n_rows: int) -> Iterator[tuple[int, int, Words]]:
    """Yield runs of baskets (first, last) with the bits of the items that have a place (row)."""
    for first in range(0, baskets.n_baskets, _BASKETS):
        last = min(first + _BASKETS, baskets.n_baskets)
        part = slice(baskets.starts[first], baskets.starts[last])
        sizes = np.diff(baskets.starts[first : last + 1])
        row = place[baskets.codes[part]]
        owner = np.repeat(np.arange(last - first), sizes)[row >= 0]
        width = -(-(last - first) // 64)
        grid = np.zeros((n_rows, 64 * width), dtype=bool)
        grid[row[row >= 0], owner] = True
        yield first, last, np.packbits(grid, axis=1, bitorder="little").view(np.uint64)


def counts(baskets: Baskets, place: Ints, n_rows: int, parts: Sequence[Codes]) -> list[Ints]:
    """Count the baskets that hold each set; sets are rows of places, by length."""
    found = [np.zeros(len(part), dtype=np.int64) for part in parts]
    for _, _, bits in bit_blocks(baskets, place, n_rows):
        step = max(_WORDS // max(bits.shape[1], 1), 1)
        for part, total in zip(parts, found, strict=True):
            for first in range(0, len(part), step):
                rows = slice(first, first + step)
                total[rows] += np.bitwise_count(held(bits, part[rows])).sum(axis=1, dtype=np.int64)
    return found


def held(bits: Words, codes: Any) -> Words:
    """Return the bits of the baskets that hold all items of each row of codes."""
    shared: Words = bits[codes[:, 0]]
    for column in codes.T[1:]:
        shared &= bits[column]
    return shared
