"""The reductions of events that several rooms share.

Two roads lie behind each function, and only here: eager tables are reduced as integer codes in
numpy (`_codes`), lazy ones in their own engine (`_lazy`). Both give the same numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _checks, _codes, _lazy, _periods, _result
from crmlytics._codes import Calendar
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics._groups import Groups, groups
from crmlytics._result import Reduced

# Sums of many floats differ in the last bits with the order of rows; this far below a half unit
# they count as the half, so that no order of rows and no engine rounds another way.
_NOISE, _NOISE_SHARE = 1e-9, 1e-13
_ALL_WHOLE = 2.0**51  # floats from here on have no halves left to round


def money(sums: Any, precision: int) -> Any:
    """Round sums of money to whole units of 10**-precision, halves up, and divide back once."""
    scale = 10.0**precision
    units = sums * scale
    noise = np.abs(units) * _NOISE_SHARE + _NOISE
    rounded = np.floor(units + (noise + 0.5)) / scale
    return np.where(np.abs(units) < _ALL_WHOLE, rounded, sums)


def money_expression(column: str, precision: int) -> nw.Expr:
    """Return :func:`money` for a column of a lazy table."""
    scale = 10.0**precision
    units = nw.col(column) * scale
    size = nw.when(units < 0).then(-units).otherwise(units)
    whole = (units + (size * _NOISE_SHARE + _NOISE + 0.5)).floor()
    rounded = _lazy.over_constant(whole, scale)
    return nw.when(size < _ALL_WHOLE).then(rounded).otherwise(nw.col(column))


def seen(source: Source, day: int, *, whole_days: bool = True) -> Any:
    """Return the rows of a lazy source up to the end of a day, dates cut to days if asked."""
    table = source.table
    if day < source.days("date")[1]:
        end = np.datetime64(day + 1, "D").astype("M8[us]").item()
        table = table.filter(nw.col("date") < nw.lit(end))
    return table.with_columns(nw.col("date").dt.truncate("1d")) if whole_days else table


def per_customer(
    source: Source, day: int, *, count: str, returns: str, precision: int, warn: bool = True
) -> Reduced:
    """One row a customer: recency_days, frequency, monetary, first_date, last_date.

    Customers with nothing but returns are left out, and counted in a warning.
    """
    drop = returns == "drop"
    if source.lazy:
        reduced = _per_customer_lazy(source, day, count=count, drop=drop, precision=precision)
        left_out = returns_only(source, day)
    else:
        found, keys, left_out = _codes.per_customer(source, day, count=count, drop_returns=drop)
        monetary = money(found["spent"], precision)
        order = keys.sort(found["customer"])
        place = np.searchsorted(found["customer"], order)
        known = found["known"]
        reduced = pa.table(
            {
                "customer": _result.ids(keys.take(order)),
                "recency_days": day - found["last"][place],
                "frequency": found["frequency"][place],
                "monetary": _result.column(
                    monetary[place], None if known is None else known[place]
                ),
                "first_date": _periods.timestamps(found["first"][place]),
                "last_date": _periods.timestamps(found["last"][place]),
            }
        )
    if warn:
        warn_of_returns_only(source, left_out)
    return reduced


def warn_of_returns_only(source: Source, left_out: int) -> None:
    if left_out:
        _checks.warn(
            f"{source.caller}: {left_out} customers of {source.argument} have returns only "
            "(amounts below 0) and are left out."
        )


def purchases(table: Any) -> Any:
    """Mark purchases (amounts that are not below 0; unknown ones count) as 1 and returns as 0."""
    is_return = nw.col("amount") < 0
    return table.with_columns(bought=nw.when(is_return).then(0).otherwise(1).cast(nw.Int64))


def _per_customer_lazy(source: Source, day: int, *, count: str, drop: bool, precision: int) -> Any:
    lines = purchases(seen(source, day))
    if drop:
        lines = lines.filter(nw.col("bought") == 1)
    lines = lines.with_columns(
        bought_on=nw.when(nw.col("bought") == 1).then(nw.col("date")),
        unknown=nw.col("amount").is_null().cast(nw.Int64),
    )
    units = {"orders": ["customer", "order"], "days": ["customer", "date"], "rows": []}[count]
    if units:
        lines = _lazy.agg(
            lines,
            units,
            last_date=("bought_on", "max"),
            first_date=("bought_on", "min"),
            amount=("amount", "sum"),
            unknown=("unknown", "max"),
            bought=("bought", "max"),
        )
    else:
        lines = lines.with_columns(last_date=nw.col("bought_on"), first_date=nw.col("bought_on"))
    table = _lazy.agg(
        lines,
        ["customer"],
        last_date=("last_date", "max"),
        first_date=("first_date", "min"),
        spent=("amount", "sum"),
        unknown=("unknown", "max"),
        frequency=("bought", "sum"),
    ).filter(nw.col("frequency") > 0)
    return table.select(
        "customer",
        (nw.lit(day) - _lazy.day_number("last_date")).alias("recency_days"),
        "frequency",
        nw.when(nw.col("unknown") == 0)
        .then(money_expression("spent", precision))
        .alias("monetary"),
        "first_date",
        "last_date",
    )


def returns_only(source: Source, day: int) -> int:
    """Count the customers of a lazy source with nothing but returns."""
    if not source.facts.get("amount negative"):
        return 0
    lines = purchases(seen(source, day))
    customers = _lazy.agg(lines, ["customer"], bought=("bought", "max"))
    counted = _lazy.agg(customers.filter(nw.col("bought") == 0), [], customers="len")
    return int(_lazy.collect(counted)["customers"][0].as_py())


def calendar(source: Source, period: str, day: int) -> Calendar:
    """Return the periods from the first day of a table with rows to `day`."""
    first = source.days("date")[0]
    return Calendar(period, _periods.of_day(first, period), _periods.of_day(day, period))


def cohort_cells(source: Source, when: Calendar, day: int, *, orders: bool, amounts: bool) -> Any:
    """One row for each group, cohort and period with activity: customers, orders, amount.

    Periods are numbers; every row counts as activity. Returns a narwhals LazyFrame.
    """
    if not source.lazy:
        cells = _codes.cohort_cells(source, when, day, orders=orders, amounts=amounts)
        return _lazy.working(source.table, cells, source.kind)
    lines = seen(source, day).with_columns(period=_periods.expression("date", when.period))
    who = [*source.by, "customer", "period"]
    measures: dict[str, str | tuple[str, str]] = {"lines": "len"}
    if amounts:
        lines = lines.with_columns(unknown=nw.col("amount").is_null().cast(nw.Int64))
        measures |= {"amount": ("amount", "sum"), "unknown": ("unknown", "max")}
    if orders:
        lines = _lazy.agg(lines, [*who, "order" if "order" in source.names else "date"], **measures)
        measures = {name: (name, how[1]) for name, how in measures.items() if name != "lines"}
        measures["orders"] = "len"
    active = _lazy.agg(lines, who, **measures)
    active = _lazy.lowest(active, "cohort", of="period", by=[*source.by, "customer"])
    wanted: dict[str, str | tuple[str, str]] = {"customers": "len"}
    wanted |= {"orders": ("orders", "sum")} if orders else {}
    wanted |= {"amount": ("amount", "sum"), "unknown": ("unknown", "max")} if amounts else {}
    return _lazy.agg(active, [*source.by, "cohort", "period"], **wanted)


def period_flow(source: Source, when: Calendar, day: int, *, orders: bool) -> Any:
    """One row for each group and period of the calendar, also those without activity.

    active, new, retained count customers; orders are there if asked for, amount (with `unknown`
    > 0 where an amount is unknown) where the source has amounts. Returns a narwhals LazyFrame.
    """
    if not source.lazy:
        flow = _codes.period_flow(source, when, day, orders=orders)
        return _lazy.working(source.table, flow, source.kind)
    lines = seen(source, day).with_columns(period=_periods.expression("date", when.period))
    by, parts = source.by, []
    has_amounts = "amount" in source.names
    if has_amounts:
        lines = purchases(lines).with_columns(
            unknown=nw.col("amount").is_null().cast(nw.Int64),
            paid=nw.col("amount").fill_null(0.0),
        )
    bought = lines.filter(nw.col("bought") == 1) if has_amounts else lines
    active = _lazy.distinct(bought, [*by, "customer", "period"])
    active = _lazy.lowest(active, "first", of="period", by=[*by, "customer"])
    active = _lazy.previous(
        active, "before", of="period", by=[*by, "customer"], order_by="period"
    ).with_columns(
        new=(nw.col("period") == nw.col("first")).cast(nw.Int64),
        retained=nw.when(nw.col("before") == nw.col("period") - 1).then(1).otherwise(0),
    )
    parts.append(
        _lazy.agg(
            active, [*by, "period"],
            active="len", new=("new", "sum"), retained=("retained", "sum"),
        )
    )  # fmt: skip
    if orders:
        unit = ["order"] if "order" in source.names else ["customer", "date"]
        made = _lazy.distinct(bought, [*by, "period", *unit])
        parts.append(_lazy.agg(made, [*by, "period"], orders="len"))
    if has_amounts:
        parts.append(
            _lazy.agg(lines, [*by, "period"], amount=("paid", "sum"), unknown=("unknown", "max"))
        )
    numbers = _periods.calendar(when.first, when.last, when.period, number="period", start="start")
    grid = _lazy.working(source.table, numbers.select(["period"]), source.kind)
    if by:
        grid = _lazy.cross(_lazy.distinct(lines, by), grid).select(*by, "period")
    measures = ["active", "new", "retained"]
    measures += ["orders"] if orders else []
    measures += ["amount", "unknown"] if has_amounts else []
    summed: Mapping[str, tuple[str, str]] = {name: (name, "sum") for name in measures}
    return _lazy.agg(_lazy.stack([grid, *parts], measures), [*by, "period"], **summed)


@dataclass(frozen=True)
class Totals:
    """Orders and amounts of each customer in each group, and of the groups; eager tables only."""

    grouped: Groups
    group: Ints  # one entry a group and customer with a purchase
    orders: Ints
    spent: Floats
    group_orders: Ints  # different orders of a group, whoever made them
    group_spent: Floats  # returns netted, of all customers; NaN where an amount is unknown


def totals(source: Source, day: int) -> Totals:
    """Add up orders and, where the source has them, amounts (returns netted) by customer."""
    seen, negative = _codes.seen_rows(source, day), _codes.returns(source)
    bought = _codes.both(seen, None if negative is None else ~negative)
    grouped, keys = groups(source, seen), source.keys("customer")
    customers = _codes.pick(keys.codes, bought)
    group = grouped.of_rows(bought, len(customers))
    stride = max(keys.size, 1)
    made = _codes.occurring(group * stride + customers, grouped.size * keys.size)
    spent: Floats = np.zeros(len(made.present))
    group_spent: Floats = np.zeros(grouped.size)
    if "amount" in source.names:
        amounts = _codes.pick(source.numbers("amount"), seen)
        rows_group = grouped.of_rows(seen, len(amounts))
        group_spent, known = _codes.sums(rows_group, amounts, grouped.size)
        group_spent = group_spent if known is None else np.where(known, group_spent, np.nan)
        # customers with returns only lower the sum of their group, but are no customer of it
        paid = rows_group * stride + _codes.pick(keys.codes, seen)
        spent = made.sums_at(paid, amounts if known is None else np.nan_to_num(amounts, nan=0.0))
    return Totals(
        grouped,
        made.present // stride,
        made.orders(source, bought),
        spent,
        _codes.orders_per(source, group, grouped.size, bought),
        group_spent,
    )
