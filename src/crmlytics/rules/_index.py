"""Itemsets found by their contents: one 64-bit number each, the sum of its items' numbers.

Looking up a subset is a subtraction and a search in sorted numbers, for all itemsets at once. It
is exact where the wanted set is known to be there; where it may not be, the codes are compared.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmlytics._columns import Bools, Ints
from crmlytics.rules._miner import Codes

Hashes = NDArray[np.uint64]
_SEEDS = 16


class RepeatedError(Exception):
    """The same itemset stands in two rows."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


class Index:
    """Places of itemsets, given matrices of codes by length; places count through the matrices."""

    def __init__(self, parts: Sequence[Codes], n_items: int) -> None:
        self.parts = parts
        sizes = [len(part) for part in parts]
        self.firsts = np.append(0, np.cumsum(sizes)).astype(np.int64)
        for seed in range(_SEEDS):
            rng = np.random.default_rng(seed)
            self.numbers: Hashes = rng.integers(1, 2**64, n_items, dtype=np.uint64)
            hashes = np.concatenate([self.hashes(part) for part in parts] or [np.zeros(0, "u8")])
            self._order = np.argsort(hashes)
            self._sorted = hashes[self._order]
            self._make_buckets()
            same = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
            if not len(same):
                return
            for place in same.tolist():
                one, other = self._order[place], self._order[place + 1]
                if np.array_equal(self._codes(one), self._codes(other)):
                    raise RepeatedError(int(max(one, other)))

    def hashes(self, codes: Codes) -> Hashes:
        """Return the number of each row of codes."""
        return np.asarray(self.numbers[codes].sum(axis=1, dtype=np.uint64))

    def _make_buckets(self) -> None:
        """Note where the numbers with the same first bits begin, so that hardly any search is left.

        Numbers are spread evenly, and there are four times as many buckets as numbers.
        """
        bits = max(len(self._sorted), 1).bit_length() + 2
        self._shift = np.uint64(64 - bits)
        sizes = np.bincount((self._sorted >> self._shift).astype(np.int64), minlength=1 << bits)
        self._begins = np.append(0, np.cumsum(sizes))[:-1]
        self._longest = int(sizes.max())

    def find(self, hashes: Hashes) -> Ints:
        """Return places; -1 where there is no itemset of that number."""
        found = np.full(len(hashes), -1)
        if not len(self._sorted):
            return found
        at = self._begins[(hashes >> self._shift).astype(np.int64)]
        left = np.arange(len(hashes))
        for _ in range(self._longest):
            inside = np.minimum(at, len(self._sorted) - 1)
            hit = self._sorted[inside] == hashes[left]
            found[left[hit]] = self._order[inside[hit]]
            left, at = left[~hit], at[~hit] + 1
            if not len(left):
                break
        return found

    def one_less(self, part: int) -> Ints:
        """Return the places of each itemset of a length without its 1st, 2nd ... item."""
        codes = self.parts[part]
        whole = self.hashes(codes)
        found = [self.find(whole - self.numbers[codes[:, j]]) for j in range(codes.shape[1])]
        return np.column_stack(found) if found else np.zeros((0, 0), dtype=np.int64)

    def _codes(self, place: Any) -> Any:
        part = int(np.searchsorted(self.firsts, place, side="right")) - 1
        return self.parts[part][place - self.firsts[part]]


def closed_and_maximal(parts: Sequence[Codes], counts: Sequence[Ints], n_items: int) -> tuple[
    Bools, Bools
]:  # fmt: skip
    """Mark itemsets without a superset of the same count, and those without any.

    A superset one item longer is enough to look at; all subsets of an itemset must be there.
    """
    index = Index(parts, n_items)
    every = np.concatenate([*counts, np.zeros(0, dtype=np.int64)])
    closed, maximal = np.ones(len(every), dtype=bool), np.ones(len(every), dtype=bool)
    for part, codes in enumerate(parts):
        if codes.shape[1] == 1:
            continue
        below = index.one_less(part)
        maximal[below.ravel()] = False
        same = every[below] == counts[part][:, None]
        closed[below[same]] = False
    return closed, maximal


def canonical(codes: Codes, counts: Ints, bits: int) -> Ints:
    """Return the order of itemsets of one length: falling counts, then the items' numbers."""
    keys, per_key = [], max(63 // bits, 1)
    for first in range(0, codes.shape[1], per_key):
        key = np.zeros(len(codes), dtype=np.int64)
        for column in codes[:, first : first + per_key].T:
            key = key << bits | column
        keys.append(key)
    return np.lexsort([*keys[::-1], -counts])
