"""Customers as they stood on a day: purchase days, and sums over windows that end there.

Every sum is made over its own slice of a customer's days and of nothing else, so that rows after
the day cannot change a single digit. Lines are reduced to customers and days first, by integer
codes or in the engine of a lazy table; what follows is the same code for both.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _codes, _columns, _lazy, _transactions
from crmlytics._columns import Floats, Ints, Keys
from crmlytics._frame import Source

_TOGETHER = 32  # days looked up in one pass
_EXACT = 2.0**62  # hundredths that whole numbers can hold


@dataclass(frozen=True)
class Events:
    """Something that happened to customers on days: how often, and how much of it."""

    customer: Ints
    day: Ints
    count: Ints
    amount: Floats

    def counted(self, cutoffs: list[int], n: int) -> Ints:
        """Count for each cutoff (rows, ascending) and each customer up to it."""
        width = len(cutoffs) + 1
        cells = self.customer * width + np.searchsorted(cutoffs, self.day)
        times = np.bincount(cells, self.count, n * width).reshape(n, width)[:, :-1]
        return np.asarray(np.cumsum(times, axis=1).T.astype(np.int64))

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
    ends: dict[int, Ints] = field(default_factory=dict)  # found so far, by day

    @property
    def n_customers(self) -> int:
        return len(self.starts) - 1

    def look_up(self, days: list[int]) -> None:
        """Find where the days after some days begin, for all customers in one pass."""
        new = sorted(set(days) - set(self.ends))
        for first in range(0, len(new), _TOGETHER):
            part = new[first : first + _TOGETHER]
            width = len(part) + 1
            cells = self.customer * width + np.searchsorted(part, self.day)
            times = np.bincount(cells, minlength=self.n_customers * width)
            upto = np.cumsum(times.reshape(-1, width)[:, :-1], axis=1)
            for place, day in enumerate(part):
                self.ends[day] = self.starts[:-1] + upto[:, place]

    def upto(self, day: int) -> Ints:
        """Return for each customer where the days after `day` begin."""
        self.look_up([day])
        return self.ends[day]

    @cached_property
    def lines_before(self) -> Ints:
        """Lines of all days before each."""
        return _before(self.lines)

    @cached_property
    def money(self) -> "Sums":
        """Amounts of the days, ready to be added up."""
        return Sums(self.amount, self.customer)

    @cached_property
    def gaps(self) -> "Sums":
        """Days since the purchase day before; of no meaning at a customer's first."""
        gap = np.diff(self.day, prepend=0).astype(np.float64)
        gap[self.starts[:-1][np.diff(self.starts) > 0]] = 0.0
        return Sums(gap, self.customer)


def purchase_days(source: Source) -> Days:
    """Reduce lines to purchase days; lines with an amount below 0 are returns."""
    return _of_engine(source) if source.lazy else _of_lines(source)


def _of_lines(source: Source) -> Days:
    keys, negative = source.keys("customer"), _codes.returns(source)
    days = source.ticks("date").days()
    bought = np.ones(len(days), dtype=bool) if negative is None else ~negative
    order, owner = _owners(keys, keys.codes[bought])
    customer = owner[keys.codes]  # -1 for those with nothing but returns
    paid = source.numbers("amount")[bought] if "amount" in source.names else None
    who, day, amount, lines = _by_day(customer[bought], days[bought], paid)
    returns = discount = None
    if "amount" in source.names:
        back = ~bought & (customer >= 0)
        ones = np.ones(np.count_nonzero(back), dtype=np.int64)
        returns = Events(customer[back], days[back], ones, -source.numbers("amount")[back])
    if "discount" in source.names:
        given = np.abs(source.numbers("discount"))[bought]
        discount = Events(customer[bought], days[bought], np.ones(len(given), np.int64), given)
    firsts: dict[str, Events] = {}
    for role in ("product", "channel"):
        if role in source.names:
            items = source.keys(role)
            known = bought & ~_columns.null_mask(source.column(role))
            firsts[role] = _firsts(customer[known], items.codes[known], days[known], items.size)
    return Days(
        keys.take(order), who, day, amount, lines, _starts(who, len(order)), returns, discount,
        firsts,
    )  # fmt: skip


def _by_day(owner: Ints, day: Ints, paid: Any) -> tuple[Ints, Ints, Floats, Ints]:
    """Return customer, day, amount and number of lines of each purchase day."""
    low = int(day.min(initial=0))
    span = int(day.max(initial=0)) - low + 1
    cells = owner * span + (day - low)
    order = np.argsort(cells)
    cells = cells[order]
    starts = np.flatnonzero(np.append(True, cells[1:] != cells[:-1])[: len(cells)])
    who = cells[starts] // span
    amount = np.full(len(who), np.nan)
    if paid is not None and len(starts):
        # lines of a day come in any order; to the cent their sum is the same
        amount = np.asarray(_transactions.money(np.add.reduceat(paid[order], starts), 2))
    lines = np.diff(np.append(starts, len(cells)))
    return who, cells[starts] - who * span + low, amount, lines


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
    low, wide = int(day.min(initial=0)), max(n_items, 1)
    span = int(day.max(initial=0)) - low + 1
    pair = owner * wide + item
    if (int(owner.max(initial=0)) + 1) * wide * span < 2**63:
        keys = np.sort(pair * span + (day - low))
        pair, day = keys // span, keys % span + low
    else:
        order = np.lexsort([day, pair])
        pair, day = pair[order], day[order]
    new = np.append(True, pair[1:] != pair[:-1])[: len(pair)]
    owner, day = pair[new] // wide, day[new]
    return Events(owner, day, np.ones(len(day), np.int64), np.zeros(len(day)))


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
        role: _lazy.collect(
            _lazy.agg(
                lines.filter(bought & ~nw.col(role).is_null()), ["customer", role],
                day=("day", "min"),
            )
        )
        for role in ("product", "channel")
        if role in source.names
    }  # fmt: skip
    return _of_reduced(source, whole, items)


def _of_reduced(source: Source, whole: Any, items: dict[str, Any]) -> Days:
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


def listed(series: nw.Series[Any]) -> list[Any]:
    """Return values of a column as a list, None where unknown (pandas has NaN and NA as well)."""
    lost = _columns.null_mask(series).tolist()
    pairs = zip(series.to_list(), lost, strict=True)
    return [None if unknown else value for value, unknown in pairs]


class Sums:
    """Sums and largest values over slices of customers' days, exact to the hundredth.

    Hundredths are whole numbers: sums of all that came before, taken from each other, are exact, so
    that a slice does not depend on what lies beside it.
    """

    def __init__(self, values: Floats, customer: Ints) -> None:
        self._customer, self._values = customer, values
        self._unknown = _before(np.isnan(values).astype(np.int64))
        plain = np.nan_to_num(values)
        size = float(np.abs(plain).max(initial=0.0)) * 100
        self._whole: Ints | None = None
        self._most: Ints | None = None
        if size * (len(values) + 1) < _EXACT:
            cents = np.rint(plain * 100).astype(np.int64)
            self._whole = _before(cents)
            self._room = int(cents.max(initial=0)) + 1
            n = int(customer[-1]) + 1 if len(customer) else 0
            if cents.min(initial=0) >= 0 and n * self._room < _EXACT:
                # customers come one after another: that of the next is above all of the last
                self._most = np.maximum.accumulate(customer * self._room + cents)

    def over(self, first: Ints, last: Ints) -> Floats:
        """Sum each slice from `first` to before `last`; 0 for an empty one, NaN with an unknown."""
        lost = self._unknown[last] > self._unknown[first]
        if self._whole is None:
            return np.where(lost, np.nan, sums(np.nan_to_num(self._values), first, last))
        return np.where(lost, np.nan, (self._whole[last] - self._whole[first]) / 100)

    def squares(self, first: Ints, last: Ints) -> Floats:
        """Sum the squares of each slice; for whole numbers of moderate size."""
        if self._squares is None:
            whole = np.rint(np.nan_to_num(self._values)).astype(np.int64)
            self._squares = _before(whole * whole)
        return (self._squares[last] - self._squares[first]).astype(np.float64)

    _squares: Ints | None = None

    def largest(self, first: Ints, last: Ints) -> Floats:
        """Return the largest value of each customer's slice from its beginning; NaN if empty."""
        lost = (self._unknown[last] > self._unknown[first]) | (last <= first)
        if self._most is None:
            return np.where(lost, np.nan, largest(self._values, first, last))
        end = np.maximum(last - 1, 0)
        most = self._most[end] - self._customer[end] * self._room if len(self._most) else last * 0
        return np.where(lost, np.nan, most / 100)


def _before(values: Ints) -> Ints:
    """Return for each place the sum of all values before it."""
    return np.append(0, np.cumsum(values))


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
