"""Reductions of eager tables: integer codes and numpy arrays, one pass each.

`_transactions` and `_occasions` are their only callers. Ids are encoded once (`Source.keys`), and
every count, sum, first and last is a `bincount` or a `ufunc.at` over the codes.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _columns, _periods
from crmlytics._columns import Bools, Floats, Ints, Keys
from crmlytics._frame import Source
from crmlytics._groups import Groups, groups

# A grid of cells up to this many times longer than the rows is cheaper than sorting the rows.
_DENSE = 4
_NEVER = np.iinfo(np.int64).min


def seen_rows(source: Source, day: int) -> Bools | None:
    """Mark the rows up to the end of a day; None means all, so that nothing need be copied."""
    ticks = source.ticks("date")
    if source.n_rows and source.days("date")[1] > day:
        return ticks.values < (day + 1) * ticks.per_day
    return None


def returns(source: Source) -> Bools | None:
    """Mark the rows with a negative amount; None where there is none."""
    return source.negative("amount") if "amount" in source.names else None


def pick(values: Any, rows: Bools | None) -> Any:
    return values if rows is None else values[rows]


def both(rows: Bools | None, others: Bools | None) -> Bools | None:
    """Rows in both marks, None standing for all."""
    if rows is None or others is None:
        return others if rows is None else rows
    return rows & others


def sums(codes: Any, amounts: Floats, size: int) -> tuple[Floats, Bools | None]:
    """Sum amounts by code; the second array marks sums with nothing unknown in them."""
    total = float(amounts.sum())
    if np.isfinite(total):
        return _floats(np.bincount(codes, amounts, size)), None
    unknown = np.isnan(amounts)
    spent = np.bincount(codes, np.where(unknown, 0.0, amounts), size)
    return _floats(spent), np.bincount(codes[unknown], minlength=size) == 0


def _floats(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)  # sums of no rows come as whole numbers


def orders_per(source: Source, groups: Any, n_groups: int, rows: Bools | None) -> Ints:
    """Count the different orders of each group, one group a row picked.

    Where orders have no id, all that a customer buys on one day is one order.
    """
    if "order" not in source.names:
        _, days = np.unique(_customer_days(source, rows), return_inverse=True)
        return distinct_per(groups, n_groups, days, int(days.max(initial=-1)) + 1)
    numbers = _columns.integers(source.column("order"))
    if (
        numbers is not None
        and (counted := _by_runs(groups, n_groups, pick(numbers, rows))) is not None
    ):
        return counted
    orders = source.keys("order")
    return distinct_per(groups, n_groups, pick(orders.codes, rows), orders.size)


def _by_runs(groups: Any, n_groups: int, orders: Any) -> Ints | None:
    """Count orders whose lines stand together: where none begins twice, beginnings are orders."""
    begins = _columns.run_starts((orders[1:] != orders[:-1]) | (groups[1:] != groups[:-1]))
    if begins is None:
        return None
    ordered = np.sort(orders[begins])
    if (ordered[1:] == ordered[:-1]).any():
        return None
    return np.bincount(groups[begins], minlength=n_groups)


def distinct_per(groups: Any, n_groups: int, items: Any, n_items: int) -> Ints:
    """Count the different items of each group."""
    return np.bincount(owners(groups, n_groups, items, n_items), minlength=n_groups)


def owners(groups: Any, n_groups: int, items: Any, n_items: int) -> Any:
    """Return the group of each different pair of group and item.

    Most items (orders) belong to one group (customer): then one owner an item is noted, which
    needs no sorting. Otherwise the pairs are made distinct.
    """
    owner: Any = np.full(n_items, -1, dtype=np.int32 if n_groups < 2**31 else np.int64)
    owner[items] = groups
    if np.array_equal(owner[items], groups):
        return owner[owner >= 0]
    if n_groups * n_items >= 2**63:
        some, groups = np.unique(groups, return_inverse=True)
        return some[owners(groups, len(some), items, n_items)]
    return sorted_distinct(np.asarray(groups, dtype=np.int64) * n_items + items) // n_items


def per_customer(
    source: Source, day: int, *, count: str, drop_returns: bool
) -> tuple[dict[str, Any], Keys, int]:
    """Reduce lines to one entry a customer: last, first, frequency, spent.

    Also returns the number of customers left out because all they have are returns.
    """
    keys, ticks = source.keys("customer"), source.ticks("date")
    seen, negative = seen_rows(source, day), returns(source)
    bought = both(seen, None if negative is None else ~negative)
    codes, moments = pick(keys.codes, bought), pick(ticks.values, bought)
    last = np.full(keys.size, _NEVER)
    np.maximum.at(last, codes, moments)
    customers = np.flatnonzero(last != _NEVER)
    first = np.full(keys.size, np.iinfo(np.int64).max)
    np.minimum.at(first, codes, moments)
    reduced: dict[str, Any] = {
        "last": ticks.days(last[customers]),
        "first": ticks.days(first[customers]),
    }
    if count == "orders":
        lines = orders_per(source, codes, keys.size, bought)
    elif count == "days":
        lines = _days_per(codes, keys.size, ticks.days(moments))
    else:
        lines = np.bincount(codes, minlength=keys.size)
    reduced["frequency"] = lines[customers]
    paid = bought if drop_returns else seen
    amounts = pick(source.numbers("amount"), paid)
    spent, known = sums(pick(keys.codes, paid), amounts, keys.size)
    reduced["spent"] = spent[customers]
    reduced["known"] = None if known is None else known[customers]
    reduced["customer"] = customers
    return reduced, keys, returns_only(source, seen, len(customers))


def returns_only(source: Source, rows: Bools | None, n_customers: int) -> int:
    """Count the customers of these rows beyond those who bought something."""
    if returns(source) is None:
        return 0
    keys = source.keys("customer")
    there = np.bincount(pick(keys.codes, rows), minlength=keys.size)
    return int(np.count_nonzero(there)) - n_customers


def _customer_days(source: Source, rows: Bools | None) -> Ints:
    """Return a number for each customer and day."""
    days: Ints = pick(source.ticks("date").days(), rows)
    if not len(days):
        return days
    span = int(days.max()) - int(days.min()) + 1
    return np.asarray(pick(source.keys("customer").codes, rows).astype(np.int64) * span + days)


def _days_per(codes: Any, size: int, days: Ints) -> Ints:
    """Count the different days of each customer."""
    found, span, _ = days_of(codes, size, days)
    return np.bincount(found.present // span, minlength=size)


def days_of(codes: Any, size: int, days: Ints) -> tuple["Occurring", int, int]:
    """Find the different days of each customer: cells of code * span + day - low, span, low."""
    low, high = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    span = high - low + 1
    cells = np.multiply(codes, span, dtype=np.int64)
    cells += days
    cells -= low
    return occurring(cells, size * span), span, low


@dataclass(frozen=True)
class Occurring:
    """Which of many possible cells hold rows, in ascending order, and the cell of each row."""

    present: Ints
    cells: Any
    size: int

    @cached_property
    def _places(self) -> tuple[Any, int]:
        """A code a row and how many there are: the cells themselves, or their rank if sparse."""
        if _is_dense(self.cells, self.size):
            return self.cells, self.size
        return np.searchsorted(self.present, self.cells), len(self.present)

    def _ofoccurring(self, counted: Any) -> Any:
        return counted if len(counted) == len(self.present) else counted[self.present]

    def sums(self, amounts: Floats) -> tuple[Floats, Bools | None]:
        spent, known = sums(self._places[0], amounts, self._places[1])
        return self._ofoccurring(spent), None if known is None else self._ofoccurring(known)

    def sums_at(self, cells: Any, amounts: Floats) -> Floats:
        """Sum the amounts of other rows that fall into these cells."""
        if _is_dense(self.cells, self.size):
            return _floats(np.bincount(cells, amounts, self.size))[self.present]
        if not len(self.present):
            return np.zeros(0)
        place = np.minimum(np.searchsorted(self.present, cells), len(self.present) - 1)
        here = self.present[place] == cells
        return _floats(np.bincount(place[here], amounts[here], len(self.present)))

    def orders(self, source: Source, rows: Bools | None) -> Ints:
        return np.asarray(self._ofoccurring(orders_per(source, *self._places, rows)))


def _is_dense(cells: Any, size: int) -> bool:
    return bool(size <= _DENSE * len(cells) + 1_000_000)


def occurring(cells: Any, size: int) -> Occurring:
    """Find the different cells of rows, by counting where there are few and by sorting else."""
    if _is_dense(cells, size):
        there = np.zeros(size, dtype=bool)
        there[cells] = True
        return Occurring(np.flatnonzero(there), cells, size)
    return Occurring(sorted_distinct(cells), cells, size)


def sorted_distinct(values: Any) -> Any:
    """Return the different values in order; np.unique hashes, which is slower at this size."""
    ordered = np.sort(values)
    if not len(ordered):
        return ordered
    return ordered[np.append(True, ordered[1:] != ordered[:-1])]


@dataclass(frozen=True)
class Calendar:
    """The periods of a table, from that of the first day to that of `as_of`."""

    period: str
    first: int  # period numbers
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class _Activity:
    """One entry for each customer of a group and period with activity, sorted by both."""

    cells: Occurring
    entity: Ints  # customer within group
    period: Ints  # from the first of the calendar
    starts: Bools  # the first entry of its entity


def _row_periods(source: Source, calendar: Calendar, rows: Bools | None) -> Any:
    ticks = source.ticks("date")
    first, last = source.days("date")
    return pick(_periods.of_rows(ticks.days(), first, last, calendar.period), rows)


def _activity(
    source: Source, calendar: Calendar, grouped: Groups, rows: Bools | None, periods: Any
) -> _Activity:
    keys = source.keys("customer")
    cells = np.multiply(pick(keys.codes, rows), calendar.length, dtype=np.int64)
    if grouped.codes is not None:
        cells += pick(grouped.codes, rows) * (keys.size * calendar.length)
    cells += periods
    found = occurring(cells, grouped.size * keys.size * calendar.length)
    who = found.present // calendar.length
    when = found.present - who * calendar.length
    starts = np.ones(len(who), dtype=bool)
    np.not_equal(who[1:], who[:-1], out=starts[1:])
    return _Activity(found, who, when, starts)


def cohort_cells(
    source: Source, calendar: Calendar, day: int, *, orders: bool, amounts: bool
) -> pa.Table:
    """Count customers, orders and amounts by group, first period and period."""
    rows = seen_rows(source, day)
    grouped = groups(source, rows)
    _checks.cells(
        grouped.size * calendar.length**2 // 2, period=calendar.period, caller=source.caller
    )
    periods = _row_periods(source, calendar, rows)
    active = _activity(source, calendar, grouped, rows, periods)
    places = np.flatnonzero(active.starts)
    cohort = np.repeat(active.period[places], np.diff(np.append(places, len(active.period))))
    group = active.entity // max(source.keys("customer").size, 1)
    length = calendar.length
    cell = (group * length + cohort) * length + active.period
    size = grouped.size * length * length
    customers = np.bincount(cell, minlength=size)
    filled = np.flatnonzero(customers)
    columns = grouped.columns(filled // (length * length))
    columns["cohort"] = filled // length % length + calendar.first
    columns["period"] = filled % length + calendar.first
    columns["customers"] = customers[filled]
    if orders:
        made = active.cells.orders(source, rows)
        columns["orders"] = np.bincount(cell, made, size)[filled].astype(np.int64)
    if amounts:
        spent, known = active.cells.sums(pick(source.numbers("amount"), rows))
        columns["amount"] = np.bincount(cell, spent, size)[filled]
        unknown = np.zeros(len(spent)) if known is None else ~known
        columns["unknown"] = np.bincount(cell, unknown, size)[filled]
    return pa.table(columns)


def period_flow(source: Source, calendar: Calendar, day: int, *, orders: bool) -> pa.Table:
    """Count by group and period who was active, new and retained; with orders and amounts."""
    seen = seen_rows(source, day)
    negative = returns(source)
    bought = both(seen, None if negative is None else ~negative)
    grouped, length = groups(source, seen), calendar.length
    _checks.cells(grouped.size * length, period=calendar.period, caller=source.caller)
    periods = _row_periods(source, calendar, bought)
    active = _activity(source, calendar, grouped, bought, periods)
    cell = active.entity // max(source.keys("customer").size, 1) * length + active.period
    again = np.zeros(len(cell), dtype=bool)
    again[1:] = (np.diff(active.period) == 1) & ~active.starts[1:]
    size = grouped.size * length
    columns = grouped.columns(np.repeat(np.arange(grouped.size), length))
    columns["period"] = np.tile(np.arange(length) + calendar.first, grouped.size)
    columns["active"] = np.bincount(cell, minlength=size)
    columns["new"] = np.bincount(cell[active.starts], minlength=size)
    columns["retained"] = np.bincount(cell[again], minlength=size)
    del active, again, cell  # as long as the rows: the next steps need room for their own
    if orders:
        rows_cell = _with_groups(grouped, bought, periods, length)
        columns["orders"] = orders_per(source, rows_cell, size, bought)
    if "amount" in source.names:
        if negative is not None:
            periods = _row_periods(source, calendar, seen)
        rows_cell = _with_groups(grouped, seen, periods, length)
        spent, known = sums(rows_cell, pick(source.numbers("amount"), seen), size)
        columns["amount"] = spent
        columns["unknown"] = np.zeros(size) if known is None else (~known).astype(float)
    return pa.table(columns)


def _with_groups(grouped: Groups, rows: Bools | None, periods: Any, length: int) -> Any:
    return periods if grouped.codes is None else pick(grouped.codes, rows) * length + periods
