"""Who bought one product before another, and how many days apart: counted for all pairs at once.

Pairs of products are gone through by the one with the lower number (`a`; the other is `b`), with
both orders of the pair together. Of each pair of purchases only neighbours matter: with another
purchase of either product in between, there is a shorter gap. So windows end at the next purchase
of the same product, and what is held at once stays small, however much a customer buys.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _codes
from crmlytics._columns import Bools, Ints

_PAIRS = 1 << 21  # pairs of purchases that are looked at together
_AFTER, _BEFORE, _BOTH = range(3)  # b after a, b before a, both in one customer


@dataclass(frozen=True)
class Purchases:
    """Different (customer, day, item) entries, sorted in this order; all numbered from 0."""

    customer: Ints
    day: Ints
    item: Ints
    n_items: int


@dataclass(frozen=True)
class Orders:
    """Ordered pairs of items, one entry each."""

    first: Ints
    then: Ints
    customers: Ints  # with this order, whether or not with the other one too
    reverse: Ints  # with the other order
    both: Ints  # with both
    median: Any  # of the smallest gaps, days


@dataclass(frozen=True)
class _Work:
    """Purchases by item and customer (a run each), and what must be looked at for each."""

    entry: Ints  # place among the purchases, which are sorted by customer and day
    low: Ints  # the window of each: other purchases near enough, among the purchases
    high: Ints
    previous: Ints  # day the customer bought the item before and after each of the purchases
    following: Ints
    starts: Ints  # where each run begins

    @property
    def sizes(self) -> Ints:
        """How many pairs each run asks for."""
        return np.add.reduceat(self.high - self.low, self.starts)


def orders(
    given: Purchases, max_gap: int, least: int, tell: Callable[[int], Any]
) -> Iterator[tuple[Orders, int]]:
    """Yield ordered pairs that at least `least` customers have, some items at a time.

    Also yields how many ordered pairs could have been among them: those of items that at least
    `least` customers bought one after the other, whichever came first.
    """
    if not len(given.item):
        return
    span = int(given.day.max() - given.day.min()) + 1
    reach = min(max_gap, span)
    work = _work(given, reach, span)
    sizes = work.sizes
    ends = np.cumsum(sizes)
    first, n_runs = 0, len(sizes)
    keys, counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    while first < n_runs:
        done = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, done + _PAIRS, side="right")), first + 1)
        keys, counts = _merged(keys, counts, *_histogram(given, work, first, last, reach))
        next_item = given.n_items
        if last < n_runs:
            next_item = int(given.item[work.entry[work.starts[last]]])
        # whatever comes later belongs to this item or those after it
        complete = np.searchsorted(keys, next_item * given.n_items * 3 * (reach + 1))
        if complete:
            yield _counted(keys[:complete], counts[:complete], given.n_items, reach, least)
        keys, counts = keys[complete:], counts[complete:]
        tell(last - first)
        first = last


def n_runs(given: Purchases) -> int:
    """Return how many pairs of item and customer there are, which is what is told as done."""
    pairs = given.item * (int(given.customer.max(initial=-1)) + 1) + given.customer
    return len(_codes.sorted_distinct(pairs))


def _work(given: Purchases, reach: int, span: int) -> _Work:
    """Lay out who is compared with whom."""
    low_day = int(given.day.min())
    day = given.day - low_day
    run = given.item * (int(given.customer.max()) + 1) + given.customer
    entry = np.argsort(run, kind="stable")
    same = run[entry][1:] == run[entry][:-1]
    near = day[entry]
    before = np.append(-1, np.where(same, near[:-1], -1))
    after = np.append(np.where(same, near[1:], span), span)
    when = given.customer * span + day
    start = given.customer[entry] * span
    earliest = np.maximum(np.maximum(near - reach, before), 0)
    latest = np.minimum(np.minimum(near + reach, after), span - 1)
    previous, following = np.empty_like(day), np.empty_like(day)
    previous[entry], following[entry] = before + low_day, after + low_day
    return _Work(
        entry=entry,
        low=np.searchsorted(when, start + earliest, side="left"),
        high=np.searchsorted(when, start + latest, side="right"),
        previous=previous,
        following=following,
        starts=np.flatnonzero(np.append(True, ~same)),
    )


def _histogram(
    given: Purchases, work: _Work, first: int, last: int, reach: int
) -> tuple[Ints, Ints]:
    """Count customers by pair, order and smallest gap, for the runs from `first` to `last`."""
    ends = np.append(work.starts, len(work.entry))
    part = slice(int(ends[first]), int(ends[last]))
    run = np.repeat(np.arange(last - first), np.diff(ends[first : last + 1]))
    mine, theirs, run = _neighbours(given, work, part, run)
    gap = given.day[theirs] - given.day[mine]
    order = np.where(gap > 0, _AFTER, _BEFORE)
    cell = (run * given.n_items + given.item[theirs]) * 2 + order
    smallest = np.sort(cell * (reach + 1) + np.abs(gap))
    cell = smallest // (reach + 1)
    new = _starts(cell)
    gap, cell = (smallest - cell * (reach + 1))[new], cell[new]
    seen, order = cell >> 1, cell & 1
    item = given.item[work.entry[ends[first:last]]]
    pair = item[seen // given.n_items] * given.n_items + seen % given.n_items
    both = pair[1:][seen[1:] == seen[:-1]]
    keys = np.concatenate([
        (pair * 3 + order) * (reach + 1) + gap, (both * 3 + _BOTH) * (reach + 1),
    ])  # fmt: skip
    return _merged(keys, np.ones(len(keys), dtype=np.int64))


def _neighbours(given: Purchases, work: _Work, part: slice, run: Ints) -> tuple[Ints, Ints, Ints]:
    """Return pairs of purchases with none of either item in between; the other has number b > a."""
    low, sizes = work.low[part], work.high[part] - work.low[part]
    place = np.repeat(np.arange(len(sizes)), sizes)
    theirs = np.arange(len(place)) + (low - np.cumsum(sizes) + sizes)[place]
    kept = given.item[theirs] > given.item[work.entry[part]][place]
    place, theirs = place[kept], theirs[kept]
    mine = work.entry[part][place]
    here, there = given.day[mine], given.day[theirs]
    apart = (there > here) & (work.previous[theirs] <= here)
    apart |= (there < here) & (work.following[theirs] >= here)
    return mine[apart], theirs[apart], run[place[apart]]


def _starts(values: Ints) -> Bools:
    """Mark where a new value begins in sorted values."""
    new = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return new


def _merged(
    keys: Ints, counts: Ints, more: Ints | None = None, times: Ints | None = None
) -> tuple[Ints, Ints]:
    """Add up the counts of equal keys; keys come out sorted."""
    if more is not None and times is not None:
        if not len(keys):
            return more, times
        keys, counts = np.concatenate([keys, more]), np.concatenate([counts, times])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(_starts(keys))
    if not len(starts):
        return keys, counts
    return keys[starts], np.add.reduceat(counts[order], starts)


def _counted(keys: Ints, counts: Ints, n_items: int, reach: int, least: int) -> tuple[Orders, int]:
    """Turn the counts of complete pairs into ordered pairs that enough customers have."""
    cell, gap = keys // (reach + 1), keys % (reach + 1)
    starts = np.flatnonzero(_starts(cell))
    totals = np.add.reduceat(counts, starts)
    medians = _medians(gap, counts, starts, totals)
    pair, kind = cell[starts] // 3, cell[starts] % 3
    new = _starts(pair)
    place = np.cumsum(new) - 1
    customers = np.zeros((3, place[-1] + 1), dtype=np.int64)
    customers[kind, place] = totals
    median = np.zeros((3, place[-1] + 1))
    median[kind, place] = medians
    a, b = pair[new] // n_items, pair[new] % n_items
    either = customers[_AFTER] + customers[_BEFORE] - customers[_BOTH]
    parts = []
    for order, other, first, then in ((_AFTER, _BEFORE, a, b), (_BEFORE, _AFTER, b, a)):
        kept = customers[order] >= least
        columns = (
            first, then, customers[order], customers[other], customers[_BOTH], median[order]
        )  # fmt: skip
        parts.append([column[kept] for column in columns])
    found = Orders(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return found, 2 * int(np.count_nonzero(either >= least))


def _medians(gap: Ints, counts: Ints, starts: Ints, totals: Ints) -> Any:
    """Return the median gap of each group of a histogram."""
    reached = np.cumsum(counts)
    offset = reached[starts] - counts[starts]
    middle = [
        gap[np.searchsorted(reached, offset + half, side="right")]
        for half in ((totals - 1) // 2, totals // 2)
    ]
    return (middle[0] + middle[1]) / 2
