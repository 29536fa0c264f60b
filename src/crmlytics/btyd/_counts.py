"""Quantiles of counts: exact, from the probabilities of more than n purchases.

Those probabilities depend on frequency and age alone; recency enters through the chance of being
alive. So they are found once for each pair of frequency and age.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from crmlytics._columns import Floats, Ints
from crmlytics.btyd._process import Process

_CHUNK = 2_048
_HEAVY = 50.0  # purchases on average from which on a count is sought by halving
_LEAST = 1e-300


@dataclass(frozen=True)
class Future:
    """Customers with a chance of being alive each, and the place of their process."""

    process: Process
    place: Ints
    p_alive: Floats

    def expected(self, t: float) -> Floats:
        return self.p_alive * self.process.expected(t)[self.place]

    def p_none(self, t: float) -> Floats:
        """Probability of no purchase until t."""
        some = np.empty(len(self.process))
        for at in range(0, len(some), _CHUNK):
            here = slice(at, at + _CHUNK)
            some[here] = next(self.process.take(here).tails(t))
        return 1 - self.p_alive * some[self.place]


@dataclass(frozen=True)
class Table:
    """Probabilities of more than n purchases, a line for each n, a column for each process."""

    tails: Floats
    rows: Ints  # customers whose process stands in it
    column: Ints  # the column of each of these


def tables(future: Future, t: float, least: float, *, pick: Ints) -> Iterator[Table]:
    """Tabulate the tails of the processes in `pick` down to `least`, those of like mean together.

    A column whose tails have fallen below `least` is not followed to the end of its table.
    """
    order = pick[np.argsort(future.process.expected(t)[pick], kind="stable")]
    position = np.full(len(future.process), -1, dtype=np.int64)
    position[order] = np.arange(len(order))
    at = position[future.place]
    rows = np.flatnonzero(at >= 0)
    rows = rows[np.argsort(at[rows], kind="stable")]
    cuts = np.searchsorted(at[rows], np.arange(0, len(order) + _CHUNK, _CHUNK))
    for k in range(len(cuts) - 1):
        chosen = order[k * _CHUNK : (k + 1) * _CHUNK]
        lines = []
        for tail in future.process.take(chosen).tails(t):
            lines.append(tail.copy())
            if not (tail > least).any():
                break
        here = rows[cuts[k] : cuts[k + 1]]
        yield Table(np.stack(lines), here, at[here] - k * _CHUNK)


def interval(future: Future, t: float, confidence: float) -> tuple[Ints, Ints]:
    """Return the quantiles of the count at both sides: the lowest n with P(X <= n) of a share.

    The interval from lower to upper holds the count with at least the probability `confidence`.
    """
    side = (1 - confidence) / 2
    # a count is above n where p_alive * tail(n) exceeds what may lie above
    alive = np.maximum(future.p_alive, _LEAST)
    limits = (1 - side) / alive, side / alive
    bounds = np.zeros(len(alive), dtype=np.int64), np.zeros(len(alive), dtype=np.int64)
    heavy = future.process.expected(t) > _HEAVY
    for table in tables(future, t, side, pick=np.flatnonzero(~heavy)):
        for limit, bound in zip(limits, bounds, strict=True):
            _count_above(table, limit, bound)
    rows = np.flatnonzero(heavy[future.place])
    if len(rows):
        process = future.process.take(future.place[rows])
        for limit, bound in zip(limits, bounds, strict=True):
            bound[rows] = _halve(process, t, limit[rows])
    return bounds


def _count_above(table: Table, limit: Floats, bound: Ints) -> None:
    """Count the n whose tail exceeds each customer's limit: that is the quantile."""
    first = table.tails[0, table.column] > limit[table.rows]
    rows, column = table.rows[first], table.column[first]
    for at in range(0, len(rows), 8 * _CHUNK):
        here = slice(at, at + 8 * _CHUNK)
        above = table.tails[:, column[here]] > limit[rows[here]]
        bound[rows[here]] = above.sum(axis=0)


def _halve(process: Process, t: float, limit: Floats) -> Ints:
    """Find the lowest n whose tail is at or below the limit, by doubling and halving."""
    low = np.full(len(limit), -1, dtype=np.int64)
    high = np.maximum(process.expected(t), 1.0).astype(np.int64)
    todo = np.flatnonzero(limit < 1)  # where the limit is 1 or more, n is 0 as no tail exceeds it
    high[limit >= 1] = 0
    while len(todo):
        above = process.take(todo).tail(high[todo], t) > limit[todo]
        todo = todo[above]
        low[todo], high[todo] = high[todo], 2 * high[todo] + 1
    todo = np.flatnonzero(high - low > 1)
    while len(todo):
        middle = (low[todo] + high[todo]) // 2
        above = process.take(todo).tail(middle, t) > limit[todo]
        low[todo[above]], high[todo[~above]] = middle[above], middle[~above]
        todo = todo[high[todo] - low[todo] > 1]
    return high
