"""The curve of gaps still open by length, of groups, with customers as the sample."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _life_table, _result
from crmlytics._columns import Bools, Floats, Ints

_LAST_BITS = 1e-12  # products of shares that make a share exactly may miss it by so much


@dataclass(frozen=True)
class Gaps:
    """Gaps, and silences not over yet; `owner` numbers customers within groups."""

    group: Ints
    length: Ints
    ended: Bools
    owner: Ints


@dataclass(frozen=True)
class Curve:
    """The life table of the gaps of those groups that have any; `group` is theirs among all."""

    gaps: Gaps
    size: int
    there: Ints
    codes: Ints  # group of each gap among those there
    table: _life_table.LifeTable
    survival: Floats
    place: Ints  # row of the table with the length of each gap, or the one before

    @property
    def _first(self) -> Ints:
        return self.table.starts[:-1]

    @property
    def _last(self) -> Ints:
        return self.table.starts[1:] - 1

    def day_of(self, shares: Floats) -> Any:
        """Return for each group the first day by which a share of the gaps has ended."""
        row = self._row_of(shares[self.there])
        days, known = np.zeros(self.size, dtype=np.int64), np.zeros(self.size, dtype=bool)
        days[self.there], known[self.there] = self.table.tenure[row], row >= 0
        return _result.column(days, known)

    def _row_of(self, shares: Floats) -> Ints:
        """Return the row of that day, -1 where the curve does not reach the share."""
        with np.errstate(invalid="ignore"):
            at = np.flatnonzero(self.survival <= 1 - shares[self.table.group] + _LAST_BITS)
        groups, first = np.unique(self.table.group[at], return_index=True)
        row = np.full(len(self.there), -1, dtype=np.int64)
        row[groups] = at[first]
        return row

    def mean(self) -> tuple[Floats, Floats]:
        """Return the area under each curve and its standard error; NaN where it ends above 0."""
        days = np.append(np.diff(self.table.tenure), 0)
        days[self._last] = 0
        area = np.cumsum((self.survival * days)[::-1])[::-1]
        later = np.append(area, 0.0)[self.table.starts[1:]]
        beyond = area - later[self.table.group]
        n = np.bincount(self.codes)
        plain = np.bincount(self.codes, self.gaps.length) / n  # the same, without last bits
        whole = np.bincount(self.codes, self.gaps.ended) == n
        mean = np.where(whole, plain, beyond[self._first])
        known = self.survival[self._last] <= _LAST_BITS
        return self._spread(np.where(known, mean, np.nan)), self._spread(self._error(beyond))

    def median(self) -> tuple[Any, Floats]:
        """Return the median day and the standard error of the share that ended by it.

        The curve jumps over one half at the median; the less certain side of the jump counts.
        """
        half = np.full(self.size, 0.5)
        row = self._row_of(half[self.there])
        row = np.where(row < 0, self._last, row)
        errors = []
        for at in (row, np.maximum(row - 1, self._first)):
            upto = np.arange(len(self.survival)) <= at[self.table.group]
            errors.append(self._error(np.where(upto, self.survival[at][self.table.group], 0.0)))
        return self.day_of(half), self._spread(np.maximum(*errors))

    def _error(self, weights: Floats) -> Floats:
        """Return the standard error of a figure that falls by `weights` x d / (n - d) at each row.

        n are at risk and d end at the row. Each customer's influence on the figure is that of all
        the customer's gaps together (Williams 1995); NaN with fewer than two customers.
        """
        n, d = self.table.at_risk, self.table.churned
        # where all that are left end, the figure does not depend on how many there were
        some = n > d
        ends = np.divide(weights, n - d, out=np.zeros(len(n)), where=some)
        so_far = np.cumsum(ends * d / n)
        before = np.append(0.0, so_far)[self._first]
        influence = so_far[self.place] - before[self.codes]
        influence -= np.where(self.gaps.ended, ends[self.place], 0.0)
        owners = np.flatnonzero(np.bincount(self.gaps.owner))
        of_owner = np.zeros(int(owners.max(initial=-1)) + 1, dtype=np.int64)
        of_owner[self.gaps.owner] = self.codes
        moved = np.bincount(self.gaps.owner, influence)[owners]
        spread = np.bincount(of_owner[owners], moved * moved, len(self.there))
        size = np.bincount(of_owner[owners], minlength=len(self.there))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(size > 1, np.sqrt(spread * size / (size - 1)), np.nan)

    def _spread(self, values: Floats) -> Floats:
        """Put the values of the groups that are there among those of all."""
        every = np.full(self.size, np.nan)
        every[self.there] = values
        return every


def curve(gaps: Gaps, size: int) -> Curve:
    """Count the gaps of groups by length."""
    there = np.flatnonzero(np.bincount(gaps.group, minlength=size))
    codes = np.searchsorted(there, gaps.group) if len(there) < size else gaps.group
    if not len(there):
        nothing = np.zeros(0, dtype=np.int64)
        starts = np.zeros(1, dtype=np.int64)
        table = _life_table.LifeTable(nothing, nothing, nothing, nothing, nothing, starts)
        return Curve(gaps, size, there, codes, table, np.zeros(0), nothing)
    table = _life_table.life_table(codes, len(there), gaps.length, gaps.ended)
    survival, _ = table.survival()
    span = int(gaps.length.max()) + 1
    rows = table.group * span + table.tenure
    place = np.searchsorted(rows, codes * span + gaps.length, side="right") - 1
    return Curve(gaps, size, there, codes, table, survival, place)
