"""Days on which customers bought, and the silences between them.

Two roads as in `_occasions`: integer codes in numpy for eager tables; lazy ones are reduced in
their engine to one row for each customer and day of purchase, which is all that is read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _codes, _columns, _lazy, _result, _transactions
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source


@dataclass(frozen=True)
class PurchaseDays:
    """The different days on which each customer bought, sorted by customer and day."""

    customers: Any  # Arrow ids in their order
    customer: Ints  # places in `customers`, one a purchase day
    day: Ints
    returns_only: int  # customers left out because all they have are returns

    def upto(self, day: int) -> "PurchaseDays":
        """Return what was known at the end of a day; customers who had not bought yet go."""
        kept = self.day <= day
        if kept.all():
            return self
        there, customer = np.unique(self.customer[kept], return_inverse=True)
        return PurchaseDays(
            self.customers.take(pa.array(there)), customer, self.day[kept], self.returns_only
        )

    @property
    def first(self) -> Bools:
        """Mark the first purchase day of each customer."""
        return np.append(True, self.customer[1:] != self.customer[:-1])[: len(self.customer)]

    @property
    def last(self) -> Bools:
        """Mark the last purchase day of each customer."""
        return np.append(self.customer[1:] != self.customer[:-1], True)[: len(self.customer)]


def purchase_days(source: Source, day: int | None = None) -> PurchaseDays:
    """Reduce lines up to a day; lines with an amount below 0 are returns and no purchases."""
    return _of_engine(source, day) if source.lazy else _of_lines(source, day)


def _of_lines(source: Source, day: int | None) -> PurchaseDays:
    keys, negative = source.keys("customer"), _codes.returns(source)
    seen = None if day is None else _codes.seen_rows(source, day)
    bought = _codes.both(seen, None if negative is None else ~negative)
    codes = _codes.pick(keys.codes, bought)
    days = _codes.pick(source.ticks("date").days(), bought)
    found, span, low = _codes.days_of(codes, keys.size, days)
    who = found.present // span
    when = found.present - who * span + low
    there = who[np.append(True, who[1:] != who[:-1])[: len(who)]]
    order = keys.sort(there)
    names = _result.ids(keys.take(order)) if len(order) else _result.ids(source.column("customer"))
    place = np.zeros(max(keys.size, 1), dtype=np.int64)
    place[order] = np.arange(len(order))
    customer = place[who]
    if not (np.diff(customer) >= 0).all():
        sort = np.argsort(customer, kind="stable")
        customer, when = customer[sort], when[sort]
    left_out = _codes.returns_only(source, seen, len(order))
    return PurchaseDays(_whole(names)[: len(order)], customer, when, left_out)


def _whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _of_engine(source: Source, day: int | None) -> PurchaseDays:
    lines = source.table
    if day is not None and source.n_rows:
        lines = _transactions.seen(source, day, whole_days=False)
    lines = lines.with_columns(day=_lazy.day_number("date"))
    if "amount" in source.names:
        lines = _transactions.purchases(lines)
    else:
        lines = lines.with_columns(bought=nw.lit(1))
    days = _lazy.collect(_lazy.agg(lines, ["customer", "day"], bought=("bought", "max")))
    bought = np.asarray(days["bought"].to_numpy(), dtype=np.int64) == 1
    local: Any = nw.from_arrow(days, backend="pyarrow")
    keys = _columns.keys(local["customer"])
    when = np.asarray(days["day"].to_numpy(), dtype=np.int64)[bought]
    codes = keys.codes[bought]
    order = keys.sort(np.unique(codes))
    place = np.zeros(max(keys.size, 1), dtype=np.int64)
    place[order] = np.arange(len(order))
    customer = place[codes]
    sort = np.lexsort([when, customer])
    names = _whole(_result.ids(keys.take(order)) if len(order) else days["customer"])[: len(order)]
    left_out = len(np.unique(keys.codes)) - len(order)
    return PurchaseDays(names, customer[sort], when[sort], left_out)


@dataclass(frozen=True)
class Silences:
    """From each purchase day to the next one, or to the last day seen where there is none."""

    length: Floats
    ended: Ints  # 1 where a purchase ended it
    owner: Ints


def silences(customer: Ints, day: Ints, last: int) -> Silences:
    """Measure the silences of purchase days sorted by customer and day, up to the day `last`."""
    kept = day <= last
    customer, day = customer[kept], day[kept]
    if not len(day):
        return Silences(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    ends = np.append(customer[1:] != customer[:-1], True)
    following = np.where(ends, last, np.append(day[1:], last))
    return Silences((following - day).astype(np.float64), (~ends).astype(np.int64), customer)


def percentiles(length: Floats, ended: Ints, shares: Sequence[float]) -> list[float]:
    """Return the day by which each share of the silences that end has ended; NaN if none does.

    Kaplan and Meier's curve, in which silences that are not over yet count as such. Some customers
    never come back: the curve ends above 0, and what lies below is not awaited.
    """
    whole = length.astype(np.int64)
    over = np.bincount(whole[ended == 1])
    if not len(over):
        return [float("nan")] * len(shares)
    at_risk = np.bincount(whole, minlength=len(over))[::-1].cumsum()[::-1][: len(over)]
    survival = np.cumprod(1 - over / at_risk)
    done = (1 - survival) / (1 - survival[-1])
    return [float(np.flatnonzero(done >= share - 1e-12)[0]) for share in shares]


def by_error(length: Floats, ended: Ints, wrong: float) -> float:
    """Return the shortest threshold at which few enough of those called lost came back."""
    days = np.unique(length)
    order = np.argsort(length, kind="stable")
    longer = len(length) - np.searchsorted(length[order], days, side="right")
    back = np.append(np.cumsum(ended[order][::-1])[::-1], 0)
    returned = back[np.searchsorted(length[order], days, side="right")]
    fits = np.flatnonzero((longer > 0) & (returned <= wrong * longer + 1e-12))
    return float(days[fits[0]]) if len(fits) else float("nan")
