"""Customers as they stood on a day: purchase days, and sums over windows that end there.

Every sum is made over its own slice of a customer's days and of nothing else, so that rows after
the day cannot change a single digit. Lines are reduced to customers and days first, by integer
codes or in the engine of a lazy table; what follows is the same code for both.
"""

from dataclasses import dataclass, field
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _codes, _lazy, _transactions
from crmlytics._columns import Floats, Ints, Keys
from crmlytics._frame import Source


@dataclass(frozen=True)
class Events:
    """Something that happened to customers on days: how often, and how much of it."""

    customer: Ints
    day: Ints
    count: Ints
    amount: Floats

    def counted(self, cutoff: int, n: int) -> Ints:
        """Count for each customer up to a day."""
        kept = self.day <= cutoff
        return np.bincount(self.customer[kept], self.count[kept], n).astype(np.int64)

    def added(self, cutoff: int, n: int) -> Floats:
        """Add money up for each customer up to a day, to the cent; NaN where some is unknown."""
        kept = self.day <= cutoff
        total, known = _codes.sums(self.customer[kept], self.amount[kept], n)
        cents = np.asarray(_transactions.money(total, 2), dtype=np.float64)
        return cents if known is None else np.where(known, cents, np.nan)


@dataclass(frozen=True)
class Days:
    """Purchase days of all customers, sorted by customer and day."""

    customers: nw.Series[Any]  # in the order of their ids
    customer: Ints  # of each purchase day
    day: Ints
    amount: Floats  # paid on it; NaN where one amount is unknown
    lines: Ints
    starts: Ints  # of each customer, and the end
    returns: Events | None = None
    discount: Events | None = None
    firsts: dict[str, Events] = field(default_factory=dict)  # the first of each different item

    @property
    def n_customers(self) -> int:
        return len(self.starts) - 1

    def upto(self, day: int) -> Ints:
        """Return for each customer where the days after `day` begin."""
        low = int(self.day.min(initial=0))
        span = int(self.day.max(initial=0)) - low + 2
        at = min(max(day - low + 1, 0), span - 1)
        keys = self.customer * span + (self.day - low)
        wanted = np.arange(self.n_customers) * span + at
        return np.asarray(np.searchsorted(keys, wanted), dtype=np.int64)


def purchase_days(source: Source) -> Days:
    """Reduce lines to purchase days; lines with an amount below 0 are returns."""
    return _of_engine(source) if source.lazy else _of_lines(source)


def _of_lines(source: Source) -> Days:
    keys, negative = source.keys("customer"), _codes.returns(source)
    days = source.ticks("date").days()
    bought = np.ones(len(days), dtype=bool) if negative is None else ~negative
    order, owner = _owners(keys, keys.codes[bought])
    customer = owner[keys.codes]  # -1 for those with nothing but returns
    found, span, low = _codes.days_of(customer[bought], max(len(order), 1), days[bought])
    who = found.present // span
    amount = np.full(len(who), np.nan)
    if "amount" in source.names:
        paid, known = found.sums(source.numbers("amount")[bought])
        amount = np.asarray(_transactions.money(paid, 2), dtype=np.float64)
        amount = amount if known is None else np.where(known, amount, np.nan)
    lines, _ = found.sums(np.ones(np.count_nonzero(bought)))
    returns = discount = None
    if "amount" in source.names:
        back = ~bought & (customer >= 0)
        ones = np.ones(np.count_nonzero(back), dtype=np.int64)
        returns = Events(customer[back], days[back], ones, -source.numbers("amount")[back])
    if "discount" in source.names:
        given = np.abs(source.numbers("discount"))[bought]
        discount = Events(customer[bought], days[bought], np.ones(len(given), np.int64), given)
    firsts: dict[str, Events] = {
        role: _firsts(customer[bought], source.keys(role).codes[bought], days[bought],
                      source.keys(role).size)
        for role in ("product", "channel")
        if role in source.names
    }  # fmt: skip
    return Days(
        keys.take(order), who, found.present - who * span + low, amount, lines.astype(np.int64),
        _starts(who, len(order)), returns, discount, firsts,
    )  # fmt: skip


def _owners(keys: Keys, codes: Any) -> tuple[Ints, Ints]:
    """Return the codes of the customers in the order of their ids, and the place of each code."""
    there = np.flatnonzero(np.bincount(codes, minlength=keys.size))
    order = keys.sort(there)
    owner = np.full(max(keys.size, 1), -1)
    owner[order] = np.arange(len(order))
    return order, owner


def _starts(customer: Ints, n: int) -> Ints:
    return np.append(0, np.cumsum(np.bincount(customer, minlength=n)))


def _firsts(owner: Ints, item: Any, day: Ints, n_items: int) -> Events:
    """Return the first day of each different pair of owner and item."""
    pair = owner * max(n_items, 1) + item
    order = np.lexsort([day, pair])
    new = np.append(True, pair[order][1:] != pair[order][:-1])[: len(order)]
    rows = order[new]
    return Events(owner[rows], day[rows], np.ones(len(rows), np.int64), np.zeros(len(rows)))


def _of_engine(source: Source) -> Days:
    """Reduce in the engine to one row for each customer and day, and each customer and item."""
    lines = source.table.with_columns(day=_lazy.day_number("date"))
    if "amount" in source.names:
        lines = _transactions.purchases(lines)
    else:
        lines = lines.with_columns(bought=nw.lit(1), amount=nw.lit(None).cast(nw.Float64))
    bought = nw.col("bought") == 1
    given = nw.col("discount").abs() if "discount" in source.names else nw.lit(0.0)
    lines = lines.with_columns(
        paid=nw.when(bought).then(nw.col("amount")).otherwise(0.0),
        unknown=nw.when(bought & nw.col("amount").is_null()).then(1).otherwise(0),
        back=nw.when(~bought).then(-nw.col("amount")).otherwise(0.0),
        given=nw.when(bought).then(given).otherwise(0.0),
        lost=nw.when(bought & given.is_null()).then(1).otherwise(0),
    )
    whole = _lazy.collect(
        _lazy.agg(
            lines, ["customer", "day"], rows="len", lines=("bought", "sum"),
            paid=("paid", "sum"), unknown=("unknown", "max"), back=("back", "sum"),
            given=("given", "sum"), lost=("lost", "max"),
        )
    )  # fmt: skip
    items: dict[str, Any] = {
        role: _lazy.collect(_lazy.agg(lines.filter(bought), ["customer", role], day=("day", "min")))
        for role in ("product", "channel")
        if role in source.names
    }
    return _of_reduced(source, whole, items)


def _of_reduced(source: Source, whole: Any, items: dict[str, Any]) -> Days:
    from crmlytics import _columns

    local: Any = nw.from_arrow(whole, backend="pyarrow")
    keys = _columns.keys(local["customer"])
    number = {
        name: np.asarray(whole[name].to_numpy(), dtype=np.float64)
        for name in whole.column_names
        if name != "customer"
    }
    lines, day = number["lines"].astype(np.int64), number["day"].astype(np.int64)
    bought = lines > 0
    order, owner = _owners(keys, keys.codes[bought])
    customer = owner[keys.codes]
    sort = np.flatnonzero(bought)[np.lexsort([day[bought], customer[bought]])]
    paid = np.asarray(_transactions.money(np.nan_to_num(number["paid"]), 2), dtype=np.float64)
    known = (number["unknown"] == 0) & ("amount" in source.names)
    back = (number["rows"] > lines) & (customer >= 0)
    returns = discount = None
    if "amount" in source.names:
        rows = (number["rows"] - lines)[back].astype(np.int64)
        returns = Events(customer[back], day[back], rows, number["back"][back])
    if "discount" in source.names:
        given = np.where(number["lost"] == 0, number["given"], np.nan)[bought]
        discount = Events(customer[bought], day[bought], lines[bought], given)
    names = {label: at for at, label in enumerate(keys.take(order).to_list())}
    firsts = {}
    for role, table in items.items():
        who = np.array([names[each] for each in table["customer"].to_pylist()], dtype=np.int64)
        when = np.asarray(table["day"].to_numpy(), dtype=np.int64)
        firsts[role] = Events(who, when, np.ones(len(who), np.int64), np.zeros(len(who)))
    return Days(
        keys.take(order), customer[sort], day[sort], np.where(known, paid, np.nan)[sort],
        lines[sort], _starts(customer[sort], len(order)), returns, discount, firsts,
    )  # fmt: skip


def sums(values: Any, first: Ints, last: Ints) -> Any:
    """Sum each slice of values from `first` to before `last`; 0 for an empty one."""
    if not len(first):
        return np.zeros(0, values.dtype)
    padded = np.append(values, values.dtype.type(0))
    found = np.add.reduceat(padded, np.column_stack([first, last]).ravel())[::2]
    return np.where(last > first, found, values.dtype.type(0))


def largest(values: Floats, first: Ints, last: Ints) -> Floats:
    """Return the largest value of each slice; NaN for an empty one."""
    if not len(first):
        return np.zeros(0)
    padded = np.append(values, np.nan)
    found = np.maximum.reduceat(padded, np.column_stack([first, last]).ravel())[::2]
    return np.where(last > first, found, np.nan)
