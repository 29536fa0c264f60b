"""Frequent itemsets on numpy alone: occurrences delivered to prefixes, then bit rows joined.

Items are numbered by ascending count, and each item (a root) is given the part of every basket that
holds more frequent items. What stays frequent there becomes bit rows, one bit a basket of the root,
and rows with a common prefix are joined: the baskets of an itemset are the bits two rows share.
Many roots are worked on at once, so that the number of steps in Python depends neither on the
number of items nor on that of itemsets.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmlytics._columns import Bools, Ints

Codes = NDArray[np.int32]
Words = NDArray[np.uint64]

_ENTRIES = 1 << 20  # of baskets, looked at together
_CELLS = 1 << 22  # of counts and of bits
_WORDS = 1 << 18  # joined at once: what stays in the cache is joined fastest


class BudgetError(Exception):
    """More itemsets than were allowed; carries the number reached."""

    def __init__(self, reached: int) -> None:
        super().__init__(reached)
        self.reached = reached


@dataclass(frozen=True)
class Mined:
    """Itemsets by length: a matrix of item codes, ascending in each row, and their counts."""

    codes: list[Codes]
    counts: list[Ints]

    @property
    def size(self) -> int:
        return sum(len(counts) for counts in self.counts)


@dataclass(frozen=True)
class Lines:
    """Frequent items of baskets, renumbered by ascending count; ascending in each basket."""

    codes: Any  # one an entry
    after: Ints  # entries that follow in the same basket
    at: Ints  # entries by item: the places of item 0, of item 1 ...
    begins: Ints  # of each item in `at`, and the end
    items: Ints  # the number that each item had before


@dataclass
class _Collector:
    """Takes itemsets as they are found; raises where they are too many."""

    budget: int
    tell: Callable[[int], object]
    found: dict[int, list[tuple[Codes, Any]]]
    reached: int = 0

    def take(self, codes: Codes, counts: Any) -> None:
        self.reached += len(codes)
        if self.reached > self.budget:
            raise BudgetError(self.reached)
        if len(codes):
            self.found.setdefault(codes.shape[1], []).append((codes, counts))

    def mined(self, items: Ints) -> Mined:
        codes, counts = [], []
        for length in sorted(self.found):
            parts = self.found[length]
            named = items[np.concatenate([part for part, _ in parts])].astype(np.int32)
            codes.append(np.sort(named, axis=1))
            counts.append(np.concatenate([part for _, part in parts]).astype(np.int64))
        return Mined(codes, counts)


def prepare(baskets: Ints, items: Any, n_items: int, least: int) -> Lines:
    """Keep the entries of frequent items; `baskets` and `items` are distinct pairs, any order."""
    counts = np.bincount(items, minlength=n_items)
    frequent = np.flatnonzero(counts >= least)
    order = frequent[np.argsort(counts[frequent], kind="stable")]
    rank = np.full(n_items, -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    codes = rank[items]
    kept = codes >= 0
    bits = max(len(order), 1).bit_length()
    keys = np.sort(baskets[kept] << bits | codes[kept])
    owner = keys >> bits
    codes = (keys & ((1 << bits) - 1)).astype(np.uint16 if len(order) < 1 << 16 else np.int32)
    ends = np.flatnonzero(np.append(owner[1:] != owner[:-1], True)[: len(owner)]) + 1
    after = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(len(owner)) - 1
    at = np.argsort(codes, kind="stable")  # a sort by counting, for 16 bits
    begins = np.append(0, np.cumsum(counts[order]))
    return Lines(codes, after, at, begins, order)


def mine(
    lines: Lines,
    least: int,
    longest: int,
    budget: int,
    tell: Callable[[int], object] = int,  # takes a number and does nothing
) -> Mined:
    """Find all itemsets that at least `least` baskets hold, up to a length."""
    collector = _Collector(budget, tell, {})
    sizes = np.diff(lines.begins)
    collector.take(np.arange(len(lines.items), dtype=np.int32)[:, None], sizes)
    if longest > 1:
        for first, last in _batches(lines):
            _grow(_project(lines, first, last), least, longest, collector)
            tell(last - first)
    return collector.mined(lines.items)


def _batches(lines: Lines) -> Iterator[tuple[int, int]]:
    """Cut the roots into runs of a like amount of work."""
    m = len(lines.items)
    reach = np.append(0, np.cumsum(lines.after[lines.at]))[lines.begins]
    first = 0
    while first < m:
        room = first + max(_CELLS // max(m - first, 1), 1)
        last = int(np.searchsorted(reach, reach[first] + _ENTRIES, side="right")) - 1
        last = min(max(last, first + 1), room, m)
        yield first, last
        first = last


@dataclass(frozen=True)
class _Projected:
    """The baskets of some roots, each reduced to the items after the root."""

    root: Ints  # of each occurrence, from 0
    occurrence: Ints  # of each entry
    codes: Any  # of each entry
    n_roots: int
    first: int  # code of the first root
    width: int  # number of items after it


def _project(lines: Lines, first: int, last: int) -> _Projected:
    begins = lines.begins[first : last + 1]
    at = lines.at[begins[0] : begins[-1]]
    root = np.repeat(np.arange(last - first), np.diff(begins))
    lengths = lines.after[at]
    total = np.cumsum(lengths)
    occurrence = np.repeat(np.arange(len(at)), lengths)
    places = np.arange(total[-1] if len(total) else 0) + np.repeat(
        at + 1 - total + lengths, lengths
    )
    return _Projected(
        root, occurrence, lines.codes[places], last - first, first, len(lines.items) - first
    )


def _grow(part: _Projected, least: int, longest: int, collector: _Collector) -> None:
    """Find the pairs of some roots, and all that is longer."""
    cells = part.root[part.occurrence] * part.width + (part.codes - np.int64(part.first))
    counts = np.bincount(cells, minlength=part.n_roots * part.width)
    pairs = np.flatnonzero(counts >= least)
    if not len(pairs):
        return
    roots, partners = pairs // part.width, pairs % part.width
    codes = np.column_stack([roots + part.first, partners + part.first]).astype(np.int32)
    collector.take(codes, counts[pairs])
    if longest == 2:
        return
    # an itemset of three needs two partners, in enough baskets
    several = np.bincount(roots, minlength=part.n_roots) >= 2
    row = np.full(len(counts), -1)
    useful = np.flatnonzero(several[roots])
    useful = useful[np.lexsort((counts[pairs[useful]], roots[useful]))]
    row[pairs[useful]] = np.arange(len(useful))
    entry = row[cells]
    here = np.flatnonzero(entry >= 0)
    held = np.bincount(part.occurrence[here], minlength=len(part.root)) >= 2
    alive = np.bincount(part.root[held], minlength=part.n_roots)
    held &= (alive >= least)[part.root]
    here = here[held[part.occurrence[here]]]
    alive = np.bincount(part.root[held], minlength=part.n_roots)
    # number the baskets of each root from 0
    number = np.cumsum(held) - 1
    number -= np.append(0, np.cumsum(alive)[:-1])[part.root]
    rows = _Rows(
        codes[useful], counts[pairs[useful]], roots[useful], entry[here],
        number[part.occurrence[here]], alive,
    )  # fmt: skip
    for prefixes, bits, ends in rows.by_size():
        _extend(prefixes, bits, ends, least, longest, collector)


@dataclass(frozen=True)
class _Rows:
    """Pairs that may grow, root by root, and the baskets that hold them."""

    codes: Codes
    counts: Ints
    roots: Ints
    entry_rows: Ints
    entry_bits: Ints
    alive: Ints  # baskets of each root

    def by_size(self) -> Iterator[tuple[Codes, Words, Ints]]:
        """Yield pairs, bit rows and where each root's pairs end; roots of a like size together."""
        words = -(-self.alive // 64)
        classes = np.where(words > 0, np.frexp(words - 0.5)[1], -1)
        class_of_row = classes[self.roots]
        class_of_entry = class_of_row[self.entry_rows]
        for size in np.unique(classes[classes >= 0]):
            rows = np.flatnonzero(class_of_row == size)
            width = int(words[classes == size].max())
            entries = np.flatnonzero(class_of_entry == size)
            place = np.cumsum(class_of_row == size) - 1
            bits = _bit_rows(
                place[self.entry_rows[entries]], self.entry_bits[entries], len(rows), width
            )
            yield self.codes[rows], bits, _run_ends(self.roots[rows])


def _bit_rows(rows: Ints, bits: Ints, n_rows: int, width: int) -> Words:
    """Set one bit for each entry."""
    grid = np.zeros((n_rows, 64 * width), dtype=bool)
    grid[rows, bits] = True
    return np.packbits(grid, axis=1).view(np.uint64)


def _run_ends(values: Ints) -> Ints:
    """Return for each place where its run of equal values ends."""
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True)) + 1
    return np.repeat(ends, np.diff(ends, prepend=0))


def _extend(
    codes: Codes, bits: Words, ends: Ints, least: int, longest: int, collector: _Collector
) -> None:
    """Join each row with its later siblings, and what comes of that again."""
    n, width = bits.shape
    partners = ends - 1 - np.arange(n)
    reach = np.cumsum(partners)
    first, step = 0, max(_WORDS // width, 1)
    while first < n:
        done = int(reach[first - 1]) if first else 0
        last = max(int(np.searchsorted(reach, done + step, side="right")), first + 1)
        each = partners[first:last]
        left = np.repeat(np.arange(first, last), each)
        right = np.arange(len(left)) + np.repeat(
            np.arange(first, last) + 1 - (np.cumsum(each) - each), each
        )
        first = last
        shared = bits[left]
        shared &= bits[right]
        ones = np.bitwise_count(shared)
        counts = ones[:, 0] if width == 1 else ones.sum(axis=1, dtype=np.int32)
        kept = np.flatnonzero(counts >= least)
        if not len(kept):
            continue
        left = left[kept]
        grown = np.column_stack([codes[left], codes[right[kept], -1]])
        collector.take(grown, counts[kept])
        if grown.shape[1] < longest:
            more = _with_siblings(left)
            if more.any():
                kept, left = kept[more], left[more]
                _extend(grown[more], shared[kept], _run_ends(left), least, longest, collector)


def _with_siblings(values: Ints) -> Bools:
    """Mark the values that stand in a run of several."""
    changes = values[1:] != values[:-1]
    alone = np.append(True, changes) & np.append(changes, True)
    return np.asarray(~alone)
