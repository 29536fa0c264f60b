"""All ways to split frequent itemsets into antecedents and consequents.

A part of a set is found from a part one item longer, in a table of places made once; so that a
look-up is one step in an array, whatever the way of splitting.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from math import comb

import numpy as np

from crmlytics import _progress
from crmlytics._columns import Bools, Floats, Ints
from crmlytics.errors import DataError
from crmlytics.rules import _fisher, _given
from crmlytics.rules._given import Itemsets
from crmlytics.rules._miner import Codes

_TOLERANCE = 1e-12
_CELLS = 1 << 21  # of sets by their parts, held together


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Which rules are wanted; no others are made."""

    min_confidence: float
    min_lift: float | None
    max_consequents: int | None
    left: Bools | None  # items that an antecedent may have
    right: Bools | None
    whole: Bools | None  # items that a rule may have at all


@dataclass(frozen=True)
class Rules:
    """Rules as places of itemsets, and the p-values of all that were examined."""

    left: Ints
    right: Ints
    both: Ints
    p_values: Floats  # of these rules; empty without a test
    examined: Floats  # p-values of all candidates
    redundant: Bools  # empty where it was not asked


def rules(given: Itemsets, limits: Limits, *, test: bool, redundancy: bool) -> Rules:
    """Split every itemset of two or more, length by length, and keep what meets the limits."""
    counts, n = given.counts, given.n_baskets
    found: list[tuple[Ints, Ints, Ints, Floats, Bools]] = []
    examined: list[Floats] = [np.zeros(0)]
    for parts in _shown(given, limits):
        for columns in parts.splits(limits.max_consequents):
            rows, left, right = parts.split(columns, limits)
            both = parts.places[rows]
            a, b, ab = counts[left], counts[right], counts[both]
            wanted = ab >= (limits.min_confidence - _TOLERANCE) * a
            if limits.min_lift is not None:
                wanted &= ab * float(n) >= (limits.min_lift - _TOLERANCE) * a * b
            p, again = np.zeros(0), np.zeros(0, dtype=bool)
            if test:
                every = _fisher.p_values(ab, a, b, n)
                examined.append(every)
                p = every[wanted]
            if redundancy:
                best = parts.best_of_smaller(columns, rows)[wanted]
                again = ab[wanted] <= (best + _TOLERANCE) * a[wanted]
            found.append((left[wanted], right[wanted], both[wanted], p, again))
    none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    return Rules(
        np.concatenate([none, *(each[0] for each in found)]),
        np.concatenate([none, *(each[1] for each in found)]),
        np.concatenate([none, *(each[2] for each in found)]),
        np.concatenate([np.zeros(0), *(each[3] for each in found)]),
        np.concatenate(examined),
        np.concatenate([nothing, *(each[4] for each in found)]),
    )


def _shown(given: Itemsets, limits: Limits) -> Iterator["_Parts"]:
    """Yield itemsets with a bar, where splitting them lasts."""
    total = sum(len(codes) for codes in given.parts if codes.shape[1] > 1)
    with _progress.bar(total, given.source.caller, "itemsets") as tell:
        for parts in _parts(given, limits):
            yield parts
            tell(len(parts.codes))


def _parts(given: Itemsets, limits: Limits) -> Iterator["_Parts"]:
    """Yield itemsets of a length, some at a time."""
    index = given.index()
    less: dict[int, Ints] = {}
    best: dict[tuple[int, ...], Floats] = {}
    lengths = [codes.shape[1] for codes in given.parts]
    firsts = dict(zip(lengths, index.firsts.tolist(), strict=False))
    for part, codes in enumerate(given.parts):
        length = lengths[part]
        below = index.one_less(part) if length > 1 else np.zeros((len(codes), 0), dtype=np.int64)
        if length == 1:
            less[1] = below
            continue
        _complain(given, codes, below)
        _compare(given, codes, below, firsts[length])
        less[length] = below
        rows = np.arange(len(codes))
        if limits.whole is not None:
            rows = np.flatnonzero(limits.whole[codes].all(axis=1))
        most = min(limits.max_consequents or length, length - 1)
        n_splits = sum(comb(length, size) for size in range(1, most + 1))
        step = max(_CELLS // min(1 << length, n_splits * (length + 2)), 1)
        shorter, best = best, {}
        for first in range(0, len(rows), step):
            chunk = rows[first : first + step]
            places = firsts[length] + chunk
            yield _Parts(
                given.counts, firsts, less, length, codes[chunk], places, len(codes), shorter, best
            )


def _complain(given: Itemsets, codes: Codes, below: Ints) -> None:
    """Say which subset is not among the itemsets, where one is not."""
    lost = np.argwhere(below < 0)
    if not len(lost):
        return
    row, column = lost[0]
    label = given.labels.to_list()
    whole = [label[code] for code in codes[row]]
    part = [label[code] for place, code in enumerate(codes[row]) if place != column]
    raise DataError(
        f"{given.source.caller}: itemsets lacks {_given.named(part)}, a part of its set "
        f"{_given.named(whole)}, whose support is needed ({len(lost):,} parts are missing). Hand "
        "over all frequent sets (kind='all'), not filtered, closed or maximal ones."
    )


def _compare(given: Itemsets, codes: Codes, below: Ints, first: int) -> None:
    """Refuse sets in more baskets than a part of them."""
    counts = given.counts[first : first + len(codes)]
    wrong = np.flatnonzero((given.counts[below] < counts[:, None]).any(axis=1))
    if len(wrong):
        label = given.labels.to_list()
        whole = _given.named([label[code] for code in codes[wrong[0]]])
        raise DataError(
            f"{given.source.caller}: itemsets has the set {whole} in more baskets than a part of "
            "it. Take supports and counts of all sets from one table of baskets."
        )


@dataclass
class _Parts:
    """Some itemsets of a length, and where their parts are; a part is a mask of columns."""

    counts: Ints  # of all itemsets, by place
    firsts: dict[int, int]  # place of the first itemset of each length
    less: dict[int, Ints]  # places of the itemsets of each length, one item left out
    length: int
    codes: Codes
    places: Ints
    size: int  # of all itemsets of this length
    shorter: dict[tuple[int, ...], Floats]  # by consequent, for all itemsets one shorter
    best: dict[tuple[int, ...], Floats]  # the same for this length: filled part by part
    known: dict[int, Ints] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known[(1 << self.length) - 1] = self.places

    def splits(self, max_consequents: int | None) -> Iterator[tuple[int, ...]]:
        """Yield the columns of each possible consequent."""
        most = self.length - 1 if max_consequents is None else max_consequents
        for size in range(1, min(most, self.length - 1) + 1):
            yield from combinations(range(self.length), size)

    def split(self, columns: tuple[int, ...], limits: Limits) -> tuple[Ints, Ints, Ints]:
        """Return the rows that may be split so, and the places of both sides."""
        others = [j for j in range(self.length) if j not in columns]
        fit = np.ones(len(self.codes), dtype=bool)
        if limits.right is not None:
            fit &= limits.right[self.codes[:, list(columns)]].all(axis=1)
        if limits.left is not None:
            fit &= limits.left[self.codes[:, others]].all(axis=1)
        rows = np.flatnonzero(fit)
        right = sum(1 << j for j in columns)
        left = (1 << self.length) - 1 - right
        return rows, self.place(left)[rows], self.place(right)[rows]

    def place(self, mask: int) -> Ints:
        """Return the place of a part of each set, from that of one with one item more."""
        if mask not in self.known:
            added = ~mask & (mask + 1)  # the lowest column that is not in it
            above = mask | added
            size, position = above.bit_count(), (mask & (added - 1)).bit_count()
            place = self.place(above) - self.firsts[size]
            self.known[mask] = self.less[size][place, position]
        return self.known[mask]

    def best_of_smaller(self, columns: tuple[int, ...], rows: Ints) -> Floats:
        """Return the highest confidence to a consequent of any smaller antecedent; 0 if none.

        Smaller antecedents have at least one item. They are those one item smaller, and what was
        best of theirs.
        """
        right = sum(1 << j for j in columns)
        left = (1 << self.length) - 1 - right
        best = np.zeros(len(rows))
        for j in range(self.length if left.bit_count() > 1 else 0):
            if j in columns:
                continue
            smaller = left - (1 << j)
            both = self.place(smaller | right)[rows]
            np.maximum(best, self.counts[both] / self.counts[self.place(smaller)[rows]], out=best)
            theirs = self.shorter[tuple(column - (column > j) for column in columns)]
            np.maximum(best, theirs[both - self.firsts[self.length - 1]], out=best)
        kept = self.best.setdefault(columns, np.zeros(self.size))
        kept[self.places[rows] - self.firsts[self.length]] = best
        return best
