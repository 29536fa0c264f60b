"""What models of purchasing count: the occasions on which a customer bought, and their spend.

Two roads as in `_transactions`: integer codes in numpy for eager tables, the engine for lazy ones.
An occasion has a moment, which is a day where orders of one day are merged and else the first
moment of an order. All that lies at the first moment of a customer or before is `opening`: it is
the spend of the first occasion, or of several that share the moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _codes, _lazy, _result, _transactions
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics._result import Reduced

_LATER = np.iinfo(np.int64).max


def summary(source: Source, day: int, *, unit: float, merge: bool, first_too: bool) -> Reduced:
    """One row a customer: frequency, recency, T, monetary_value, same_day_orders.

    `unit` is the length of a period in days. Customers with nothing but returns are left out, and
    counted in a warning.
    """
    if source.lazy:
        reduced = _summary_lazy(source, day, unit=unit, merge=merge, first_too=first_too)
        left_out = _transactions.returns_only(source, day)
    else:
        reduced, left_out = _summary_eager(source, day, unit=unit, merge=merge, first_too=first_too)
    _transactions.warn_of_returns_only(source, left_out)
    return reduced


@dataclass(frozen=True)
class _Occasions:
    """Occasions by code of customer, and the moment of each row; days or ticks."""

    count: Ints
    first: Ints
    last: Ints
    sharing: Ints | None  # occasions at the first moment; None: always one
    merged: Ints
    row_moments: Any  # of the rows seen; returns stand at the beginning of their day
    per_day: int


def _summary_eager(
    source: Source, day: int, *, unit: float, merge: bool, first_too: bool
) -> tuple[pa.Table, int]:
    keys = source.keys("customer")
    seen, negative = _codes.seen_rows(source, day), _codes.returns(source)
    bought = _codes.both(seen, None if negative is None else ~negative)
    made = (_by_day if merge else _by_order)(source, seen, bought)
    customers = np.flatnonzero(made.count)
    order = keys.sort(customers)
    first, last = made.first[order] // made.per_day, made.last[order] // made.per_day
    frequency = made.count[order] - 1
    averaged = frequency + 1 if first_too else frequency
    monetary, known = np.zeros(len(order)), np.zeros(len(order), dtype=bool)
    if "amount" in source.names:
        spent, whole = _spent(source, made, seen, first_too=first_too)
        np.divide(spent[order], averaged, out=monetary, where=averaged > 0)
        known = np.ones(len(order), dtype=bool) if whole is None else whole[order]
        known |= averaged == 0
    reduced = pa.table(
        {
            "customer": _result.ids(keys.take(order)),
            "frequency": frequency,
            "recency": (last - first) / unit,
            "T": (day - first) / unit,
            "monetary_value": _result.column(monetary, known),
            "same_day_orders": made.merged[order],
        }
    )
    return reduced, _codes.returns_only(source, seen, len(customers))


def _by_day(source: Source, seen: Bools | None, bought: Bools | None) -> _Occasions:
    """Take each day of a customer with a purchase for one occasion."""
    keys, days = source.keys("customer"), source.ticks("date").days()
    codes = _codes.pick(keys.codes, bought)
    found, span, low = _codes.days_of(codes, keys.size, _codes.pick(days, bought))
    who = found.present // span
    when = found.present - who * span + low
    starts = np.ones(len(who), dtype=bool)
    np.not_equal(who[1:], who[:-1], out=starts[1:])
    begins = np.flatnonzero(starts)
    ends, owners = np.append(begins, len(who))[1:], who[begins]
    count, first, last = (np.zeros(keys.size, dtype=np.int64) for _ in range(3))
    count[owners], first[owners], last[owners] = ends - begins, when[begins], when[ends - 1]
    if "order" in source.names:
        named = source.keys("order")
        numbers = _codes.pick(named.codes, bought)
        cells = _codes.owners(found.cells, keys.size * span, numbers, named.size)
        orders = np.bincount(cells // span, minlength=keys.size)
    else:
        orders = np.bincount(codes, minlength=keys.size)
    return _Occasions(count, first, last, None, orders - count, _codes.pick(days, seen), per_day=1)


def _by_order(source: Source, seen: Bools | None, bought: Bools | None) -> _Occasions:
    """Take each order of a customer for one occasion, at the first moment of its purchases."""
    keys, ticks = source.keys("customer"), source.ticks("date")
    owner = _codes.pick(keys.codes, bought)
    moment = row_moments = _codes.pick(ticks.values, bought)
    if "order" in source.names:
        orders = source.keys("order")
        pairs = owner.astype(np.int64) * orders.size + _codes.pick(orders.codes, bought)
        pairs, order = np.unique(pairs, return_inverse=True)
        owner, moment = pairs // max(orders.size, 1), np.full(len(pairs), _LATER)
        np.minimum.at(moment, order, row_moments)
        row_moments = moment[order]
    if bought is not None:
        every = ticks.days() * ticks.per_day
        every[bought] = row_moments
        row_moments = _codes.pick(every, seen)
    first, last = np.full(keys.size, _LATER), np.full(keys.size, -_LATER)
    np.minimum.at(first, owner, moment)
    np.maximum.at(last, owner, moment)
    count = np.bincount(owner, minlength=keys.size)
    sharing = np.bincount(owner[moment == first[owner]], minlength=keys.size)
    merged = np.zeros(keys.size, dtype=np.int64)
    return _Occasions(count, first, last, sharing, merged, row_moments, ticks.per_day)


def _spent(
    source: Source, made: _Occasions, seen: Bools | None, *, first_too: bool
) -> tuple[Floats, Bools | None]:
    """Sum what was spent on the occasions to be averaged; see `_codes.sums`."""
    size, amounts = len(made.count), _codes.pick(source.numbers("amount"), seen)
    codes = _codes.pick(source.keys("customer").codes, seen)
    if first_too:
        return _codes.sums(codes, amounts, size)
    opening = made.row_moments <= made.first[codes]
    # added up without the opening, because total less opening would lose digits
    spent, known = _codes.sums(codes, np.where(opening, 0.0, amounts), size)
    if made.sharing is None:
        return spent, known
    early, early_known = _codes.sums(codes[opening], amounts[opening], size)
    spent += early - early / np.maximum(made.sharing, 1)
    early_known = None if early_known is None else early_known | (made.sharing < 2)
    return spent, _codes.both(known, early_known)


def _summary_lazy(source: Source, day: int, *, unit: float, merge: bool, first_too: bool) -> Any:
    units = (_days_lazy if merge else _orders_lazy)(source, day)
    units = units.with_columns(bought_at=nw.when(nw.col("occasion") == 1).then(nw.col("moment")))
    needs_first = not first_too and "amount" in source.names
    if needs_first:
        units = _lazy.lowest(units, "first", of="bought_at", by=["customer"]).with_columns(
            opening=nw.when(nw.col("moment") <= nw.col("first")).then(1).otherwise(0)
        )
    else:
        units = units.with_columns(opening=nw.lit(0))
    parts = {"early": nw.col("opening"), "later": 1 - nw.col("opening")}
    measured = [
        (nw.col(name) * share).alias(f"{part}_{name}")
        for part, share in parts.items()
        for name in ("paid", "unknown")
    ]
    units = units.with_columns(*measured, sharing=nw.col("occasion") * nw.col("opening"))
    sums: Mapping[str, tuple[str, str]] = {
        name: (name, "sum")
        for name in (
            "occasion", "orders", "sharing",
            "early_paid", "early_unknown", "later_paid", "later_unknown",
        )
    }  # fmt: skip
    table = _lazy.agg(
        units, ["customer"], first=("bought_at", "min"), last=("bought_at", "max"), **sums
    ).filter(nw.col("occasion") > 0)
    table = table.with_columns(
        frequency=nw.col("occasion") - 1,
        first_day=_lazy.day_number("first"),
        last_day=_lazy.day_number("last"),
    )
    monetary = _mean_lazy(first_too=first_too) if "amount" in source.names else nw.lit(None)
    return table.select(
        "customer",
        "frequency",
        _lazy.over_constant(nw.col("last_day") - nw.col("first_day"), unit).alias("recency"),
        _lazy.over_constant(nw.lit(day) - nw.col("first_day"), unit).alias("T"),
        monetary.alias("monetary_value"),
        (nw.col("orders") - nw.col("occasion")).alias("same_day_orders"),
    )


def _mean_lazy(*, first_too: bool) -> nw.Expr:
    """Divide what was spent on the occasions to be averaged by their number."""
    number, spent = nw.col("occasion"), nw.col("later_paid")
    unknown = nw.col("later_unknown") > 0
    if not first_too:
        number, early, sharing = number - 1, nw.col("early_paid"), nw.col("sharing")
        spent += early - early / sharing
        unknown |= (nw.col("early_unknown") > 0) & (sharing > 1)
    mean = nw.when(~unknown).then(spent / number)
    return nw.when(number > 0).then(mean).otherwise(nw.lit(0.0))


def _lines(source: Source, day: int, *, whole_days: bool) -> Any:
    """Return the lines seen with bought, paid and unknown."""
    lines = _transactions.seen(source, day, whole_days=whole_days)
    if "amount" not in source.names:
        return lines.with_columns(bought=nw.lit(1), paid=nw.lit(0.0), unknown=nw.lit(1))
    return _transactions.purchases(lines).with_columns(
        paid=nw.col("amount").fill_null(0.0), unknown=nw.col("amount").is_null().cast(nw.Int64)
    )


def _days_lazy(source: Source, day: int) -> Any:
    """One row for each customer and day: moment, occasion, orders, paid, unknown."""
    lines = _lines(source, day, whole_days=True)
    who, paid = ["customer", "date"], {"paid": ("paid", "sum"), "unknown": ("unknown", "max")}
    if "order" in source.names:
        lines = _lazy.agg(lines, [*who, "order"], bought=("bought", "max"), **paid)
    days = _lazy.agg(lines, who, orders=("bought", "sum"), occasion=("bought", "max"), **paid)
    return days.with_columns(moment=nw.col("date"))


def _orders_lazy(source: Source, day: int) -> Any:
    """One row for each customer and order, and for each day of its returns."""
    lines = _lines(source, day, whole_days=False)
    is_return, of_day = nw.col("bought") == 0, nw.col("date").dt.truncate("1d")
    orders = lines.with_columns(
        moment=nw.when(is_return).then(of_day).otherwise(nw.col("date")),
        returned_on=nw.when(is_return).then(of_day),
    )
    if "order" in source.names:
        orders = _lazy.agg(
            orders, ["customer", "order", "bought", "returned_on"], moment=("moment", "min"),
            paid=("paid", "sum"), unknown=("unknown", "max"),
        )  # fmt: skip
    return orders.with_columns(occasion=nw.col("bought"), orders=nw.col("bought"))
