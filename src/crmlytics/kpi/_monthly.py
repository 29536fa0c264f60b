"""Subscriptions as what each customer pays a month, kept as the months in which that changes.

Between changes nothing happens, so movements are sums over changes, and the table of every month
is each change repeated until the next.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import (
    _checks,
    _codes,
    _frame,
    _groups,
    _periods,
    _result,
    _terms,
    _transactions,
)
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics._groups import Groups
from crmlytics.errors import DataError

PRORATIONS = ("month", "day")
MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation")
_NEW, _EXPANSION, _CONTRACTION, _CHURN, _REACTIVATION = range(5)
_LARGEST = 2.0**51  # units that floats still tell from their halves
_SPECK = 1e-6  # of a unit: what is left of 19.90 * 100 in binary


@dataclass(frozen=True)
class Billed:
    """Subscriptions that have begun: from a day to the day before another, for an amount."""

    rows: Bools  # of the source
    start: Ints
    end: Ints  # the first day without; beyond `day` where it is open
    units: Floats  # amount a month in units of 10**-precision
    day: int  # the last one seen


@dataclass(frozen=True)
class Changes:
    """The months in which what a customer pays changes, by payer and month.

    A payer is a customer within a group. Money is in whole units of 10**-precision, at least 0.
    """

    grouped: Groups
    payers: pa.Table  # customer and columns of by, one row a payer, sorted
    group: Ints  # of each payer
    first: int  # month numbers of the calendar
    last: int
    over: bool  # whether the last month was over
    scale: float
    who: Ints  # payer of each change
    month: Ints  # from the first of the calendar
    before: Ints
    now: Ints
    kind: Ints  # place in MOVEMENTS

    @property
    def n_months(self) -> int:
        return self.last - self.first + 1

    @property
    def starts(self) -> Ints:
        """The first day of each month of the calendar."""
        numbers = np.arange(self.first, self.last + 1)
        return np.asarray(_periods.first_days(numbers, "M"))

    @property
    def complete(self) -> Bools:
        return (np.arange(self.n_months) < self.n_months - 1) | self.over


def read(
    subscriptions: Any,
    caller: str,
    *,
    proration: str,
    as_of: Any,
    precision: int,
    by: Any,
    result: tuple[str, ...],
    columns: dict[str, str],
) -> tuple[Source, Changes | None]:
    """Read subscriptions at the door and find the changes; None where there is nothing to see."""
    _checks.choice(proration, PRORATIONS, name="proration", caller=caller)
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    source = _frame.read(
        subscriptions, caller=caller, argument="subscriptions", roles=columns, by=by,
        result=result,
    )  # fmt: skip
    billed = _billed(source, as_of, 10.0**precision)
    if not source.n_rows:
        return source, None
    first, last = _periods.of_day(int(billed.start.min()), "M"), _periods.of_day(billed.day, "M")
    grouped = _groups.groups(source, billed.rows)
    _checks.cells(grouped.size * (last - first + 1), period="M", caller=caller)
    payers, group, who = _payers(source, grouped, billed.rows)
    _warn(source, billed, proration)
    rows, month, units = (_monthly_steps if proration == "month" else _daily_steps)(billed)
    inside = (month <= last) & (units != 0)
    steps = (who[rows[inside]], month[inside] - first, units[inside])
    who, month, before, now = _sum_up(*steps, last - first + 1)
    return source, Changes(
        grouped, payers, group, first, last, _periods.is_over(last, "M", billed.day),
        10.0**precision, who, month, before, now, _kinds(who, before, now),
    )  # fmt: skip


def _billed(source: Source, as_of: Any, scale: float) -> Billed:
    """Return starts, ends and amounts of what has begun by the last day seen."""
    start, end, day = _terms.terms(source, as_of)
    _refuse(source, scale)
    rows = start <= day
    units = source.numbers("amount")[rows] * scale
    return Billed(rows, start[rows], end[rows], units, day)


def _refuse(source: Source, scale: float) -> None:
    """Refuse amounts that are unknown or beyond counting."""
    amount, amounts = source.names["amount"], source.numbers("amount")
    unknown = int(np.count_nonzero(np.isnan(amounts)))
    if unknown:
        raise DataError(
            f"{source.caller}: {unknown:,} of {source.n_rows:,} rows of {source.argument} have no "
            f"{amount!r} (amount_col), and recurring revenue is a sum of all. Fill in 0 for what "
            "is free, or drop them."
        )
    largest = float(np.abs(amounts).max(initial=0.0))
    if largest * scale >= _LARGEST:
        raise DataError(
            f"{source.caller}: {amount!r} (amount_col) goes up to {largest:g}, more than can be "
            "counted to the last unit. Choose a lower precision, such as precision=0."
        )


def _warn(source: Source, billed: Billed, proration: str) -> None:
    """Say in one sentence which rows count for nothing."""
    empty = billed.end == billed.start
    told = {
        "have an amount of 0 or less, which adds to sums but makes nobody a paying customer": (
            billed.units <= 0
        ),
        "end on the day they start and count nowhere": empty,
    }
    if proration == "month":
        within = _periods.of_days(np.minimum(billed.end, billed.day + 1), "M")
        within = (billed.end <= billed.day) & (within == _periods.of_days(billed.start, "M"))
        text = (
            "begin and end within a month, so that no month ends with them (proration='day' "
            "counts them)"
        )
        told[text] = within & ~empty
    parts = [f"{n:,} {text}" for text, mark in told.items() if (n := int(np.count_nonzero(mark)))]
    if parts:
        _checks.warn(f"{source.caller}: of {len(billed.start):,} subscriptions {'; '.join(parts)}.")


def _payers(source: Source, grouped: Groups, rows: Bools) -> tuple[pa.Table, Ints, Ints]:
    """Return the payers sorted by id and group, the group of each, and the payer of each row."""
    keys = source.keys("customer")
    codes = np.asarray(keys.codes[rows], dtype=np.int64)
    cells = np.asarray(grouped.of_rows(rows, len(codes)), dtype=np.int64) * keys.size + codes
    present = _codes.occurring(cells, grouped.size * keys.size).present
    group = present // keys.size
    names = {"customer": _result.ids(keys.take(present - group * keys.size))}
    payers = pa.table(names | grouped.columns(group))
    order = pc.sort_indices(payers, sort_keys=[(name, "ascending") for name in payers.column_names])
    rank = np.empty(len(present), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(present))
    if len(present) == grouped.size * keys.size:
        who = rank[cells]
    else:
        who = rank[np.searchsorted(present, cells)]
    return payers.take(order), group[order.to_numpy()], who


def _monthly_steps(billed: Billed) -> tuple[Ints, Ints, Floats]:
    """Return row, month and size of each step, where a month is as its last day seen."""
    began = _periods.of_days(billed.start, "M")
    closed = billed.end <= billed.day
    ended = _periods.of_days(np.where(closed, billed.end, billed.start), "M")
    opens = np.flatnonzero(~closed | (ended > began))
    closes = opens[closed[opens]]
    return (
        np.concatenate([opens, closes]),
        np.concatenate([began[opens], ended[closes]]),
        np.concatenate([billed.units[opens], -billed.units[closes]]),
    )


def _daily_steps(billed: Billed) -> tuple[Ints, Ints, Floats]:
    """Return row, month and size of each step, where a month is the mean of its days seen."""
    until = np.minimum(billed.end, billed.day + 1)
    rows = np.flatnonzero(until > billed.start)
    start, until, units = billed.start[rows], until[rows], billed.units[rows]
    began, ended = _periods.of_days(start, "M"), _periods.of_days(until - 1, "M")
    opening = units * _share(start, until, began, billed.day)
    closing = units * _share(start, until, ended, billed.day)
    longer = np.flatnonzero(ended > began)
    return (
        np.concatenate([rows, rows[longer], rows[longer], rows]),
        np.concatenate([began, began[longer] + 1, ended[longer], ended + 1]),
        np.concatenate(
            [opening, (units - opening)[longer], (closing - units)[longer], -closing]
        ),
    )  # fmt: skip


def _share(start: Ints, until: Ints, month: Ints, day: int) -> Floats:
    """Return the share of the days of a month, as far as seen, from `start` to before `until`."""
    first = _periods.first_days(month, "M")
    beyond = np.minimum(_periods.first_days(month + 1, "M"), day + 1)
    share: Floats = (np.minimum(until, beyond) - np.maximum(start, first)) / (beyond - first)
    return share


def _sum_up(who: Ints, month: Ints, units: Floats, n: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Add steps up to levels: payer, month, units before and units now of each change.

    Whole units are added as integers, which leaves nothing over; only amounts with more decimals
    than `precision` carry a rest, which is rounded with the sum of the payer.
    """
    keys = who * n + month
    order = np.argsort(keys)
    keys = keys[order]
    last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
    whole = np.rint(units)
    rest = units - whole
    level = np.cumsum(whole.astype(np.int64)[order])[last]
    keys = keys[last]
    payer, at = keys // n, keys % n
    starts = np.append(True, payer[1:] != payer[:-1])[: len(payer)]
    level = level - _before(level, starts)
    if len(rest) and np.abs(rest).max() > _SPECK:
        crumbs = np.cumsum(rest[order])[last]
        level = _transactions.money(level + (crumbs - _before(crumbs, starts)), 0).astype(np.int64)
    level = np.maximum(level, 0)  # who pays nothing, or less, does not pay
    previous = np.where(starts, 0, np.append(0, level[:-1])[: len(level)])
    changed = np.flatnonzero(level != previous)
    return payer[changed], at[changed], previous[changed], level[changed]


def _before(running: Any, starts: Bools) -> Any:
    """Return, for each entry of a running sum, what it was before its payer began."""
    first = np.flatnonzero(starts)
    base = np.append(0, running)[first]
    return np.repeat(base, np.diff(np.append(first, len(running))))


def _kinds(who: Ints, before: Ints, now: Ints) -> Ints:
    """Name each change; the first of a payer can only be the beginning."""
    first = np.append(True, who[1:] != who[:-1])[: len(who)]
    stays = np.where(now > before, _EXPANSION, _CONTRACTION)
    comes = np.where(first, _NEW, _REACTIVATION)
    return np.where(before == 0, comes, np.where(now == 0, _CHURN, stays))
