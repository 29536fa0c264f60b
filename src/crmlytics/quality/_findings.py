"""Count what is wrong with a table: each check gives a number of rows and an example."""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _checks, _lazy
from crmlytics._frame import Source
from crmlytics.quality import _loose
from crmlytics.quality._rows import Rows, id_columns

# Lines of an order are many above both of these: a number, and a multiple of the median order.
MANY_LINES, MANY_TIMES = 100, 50
# Days without rows are a gap above both: a number, and a multiple of the median distance.
LONG_DAYS, LONG_TIMES = 7, 5
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Found:
    """What a check counted; `of` is what the share is of, where that is not the rows."""

    n_rows: int
    example: str | None = None
    of: int | None = None


def row_checks(rows: Rows) -> dict[str, Found]:
    """Count the checks that look at one row at a time, in one pass."""
    has = rows.roles
    known = "order" if "order" in has else "customer"
    asked: dict[str, tuple[nw.Expr, str]] = {"null_customers": (nw.col("customer_null"), known)}
    asked["mixed_type_customers"] = (nw.col("customer_odd"), "customer")
    if "order" in has:
        asked["null_orders"] = (nw.col("order_null"), "customer")
        asked["mixed_type_orders"] = (nw.col("order_odd"), "order")
    asked["null_dates"] = (nw.col("date_null"), known)
    asked["wrong_type_dates"] = (nw.col("date_wrong"), "date_shown")
    asked["unparsable_dates"] = (nw.col("date_unread"), "date_shown")
    asked["zoned"] = (nw.col("date_zoned"), "date_shown")
    asked["naive"] = (nw.col("date_naive"), "date_shown")
    for role, plural in (("amount", "amounts"), ("quantity", "quantities")):
        if role in has:
            asked[f"wrong_type_{plural}"] = (nw.col(f"{role}_wrong"), f"{role}_shown")
            asked[f"unparsable_{plural}"] = (nw.col(f"{role}_unread"), f"{role}_shown")
            asked[f"infinite_{plural}"] = (nw.col(role).abs() > _LARGEST, known)
            asked[f"negative_{plural}"] = (nw.col(role) < 0, role)
    if "amount" in has:
        asked["null_amounts"] = (nw.col("amount_null"), known)
        asked["zero_amounts"] = (nw.col("amount") == 0, known)
    if {"amount", "quantity"} <= has:
        amount, quantity = nw.col("amount"), nw.col("quantity")
        opposite = ((amount > 0) & (quantity < 0)) | ((amount < 0) & (quantity > 0))
        asked["opposite_signs"] = (opposite, known)
    flags: dict[str, nw.Expr] = {}
    measures: dict[str, str | tuple[str, str]] = {}
    for i, (flag, example) in enumerate(asked.values()):
        is_so = flag.fill_null(False)  # noqa: FBT003
        flags[f"n_{i}"] = is_so.cast(nw.Int64)
        flags[f"x_{i}"] = nw.when(is_so).then(nw.col(example))
        measures |= {f"n_{i}": (f"n_{i}", "sum"), f"x_{i}": (f"x_{i}", "min")}
    counted = _row(_lazy.agg(rows.table.select(**flags), [], **measures))
    found = {}
    for i, (check, (_, example)) in enumerate(asked.items()):
        value = counted[f"x_{i}"]
        show = rows.show.get(example, _loose.text_of)
        found[check] = Found(counted[f"n_{i}"] or 0, None if value is None else show(value))
    return _with_zones(found)


def _with_zones(found: dict[str, Found]) -> dict[str, Found]:
    zoned, naive = found.pop("zoned"), found.pop("naive")
    fewer = naive if naive.n_rows < zoned.n_rows else zoned
    found["mixed_time_zones"] = fewer if min(zoned.n_rows, naive.n_rows) else Found(0)
    return found


def _row(table: Any) -> dict[str, Any]:
    answer: dict[str, Any] = _lazy.collect(table).to_pylist()[0]
    return answer


def order_checks(rows: Rows) -> dict[str, Found]:
    """Look at whole orders: two customers in one, and lines without number."""
    ordered = rows.table.filter(~nw.col("order_null"))
    pairs = _lazy.agg(ordered.filter(~nw.col("customer_null")), ["order", "customer"], lines="len")
    orders = _lazy.agg(pairs, ["order"], customers="len", lines=("lines", "sum"))
    shared = _row(
        _lazy.agg(
            orders.filter(nw.col("customers") > 1), [],
            lines=("lines", "sum"), order=("order", "min"),
        )
    )  # fmt: skip
    sizes = _lazy.agg(ordered, ["order"], lines="len")
    by_size = _lazy.collect(
        _lazy.agg(sizes, ["lines"], orders="len", order=("order", "min"))
    ).to_pylist()
    show = rows.show["order"]
    example = shared["order"]
    return {
        "orders_with_two_customers": Found(
            shared["lines"] or 0, None if example is None else show(example)
        ),
        "giant_baskets": _giants(by_size, show),
    }


def _giants(by_size: list[dict[str, Any]], show: Any) -> Found:
    by_size = sorted(by_size, key=lambda size: size["lines"])
    if not by_size:
        return Found(0)
    so_far = np.cumsum([size["orders"] for size in by_size])
    middle = int(np.searchsorted(so_far, (so_far[-1] + 1) // 2))
    border = max(MANY_LINES, MANY_TIMES * by_size[middle]["lines"])
    giants = [size for size in by_size if size["lines"] > border]
    if not giants:
        return Found(0)
    lines = sum(size["lines"] * size["orders"] for size in giants)
    return Found(lines, show(min(size["order"] for size in giants)))


def day_checks(rows: Rows, as_of: int | None) -> dict[str, Found]:
    """Look at the calendar: days after `as_of`, and runs of days without a row."""
    if not rows.dated:
        return {}
    there = rows.table.filter(~nw.col("day").is_null())
    table = _lazy.collect(_lazy.agg(there, ["day"], lines="len"))
    days = np.asarray(table["day"].to_numpy(), dtype=np.int64)
    lines = np.asarray(table["lines"].to_numpy(), dtype=np.int64)
    found = {}
    if as_of is not None:
        later = days > as_of
        last = _checks.iso(int(days[later].max())) if later.any() else None
        found["future_dates"] = Found(int(lines[later].sum()), last)
        days = days[~later]
    found["calendar_gaps"] = _gaps(np.sort(days), as_of)
    return found


def _gaps(days: Any, as_of: int | None) -> Found:
    if len(days) == 0:
        return Found(0)
    between = np.diff(days)
    usual = int(np.sort(between)[(len(between) - 1) // 2]) if len(between) else 1
    if as_of is not None:
        days = np.append(days, as_of + 1)
    missing = np.diff(days) - 1
    is_gap = missing > max(LONG_DAYS, LONG_TIMES * usual)
    calendar = int(days[-1] - days[0]) + (1 if as_of is None else 0)
    if not is_gap.any():
        return Found(0, of=calendar)
    longest = int(np.argmax(missing))
    start, end = int(days[longest]) + 1, int(days[longest + 1]) - 1
    example = f"{_checks.iso(start)} to {_checks.iso(end)}"
    return Found(int(missing[is_gap].sum()), example, of=calendar)


def duplicates(source: Source, rows: Rows) -> Found:
    """Count rows that equal another row in all columns, beyond the first of each set."""
    known = "order" if "order" in source.names else "customer"
    if not source.lazy:
        columns = [source.table[name] for name in source.table.columns]
        repeats = np.flatnonzero(_loose.repeated(columns))
        if len(repeats) == 0:
            return Found(0)
        ids = _loose.ids(source.column(known))
        there = repeats[~ids.null[repeats]]
        lowest = int(ids.codes[there].min()) if len(there) else None
        return Found(len(repeats), None if lowest is None else ids.show(lowest))
    schema = source.table.collect_schema()
    same = {}
    for i, (name, dtype) in enumerate(schema.items()):
        column = nw.col(name)
        if dtype.is_float():  # NaN is null, and -0.0 is 0.0
            column = nw.when(~column.is_nan()).then(column + 0.0)
        same[f"c_{i}"] = column
    sets = _lazy.agg(source.table.select(**same), list(same), lines="len")
    name = source.names[known]
    place = list(schema.names()).index(name)
    example = id_columns("id", nw.col(f"c_{place}"), schema[name])["id"]
    extra = sets.filter(nw.col("lines") > 1).select(extra=nw.col("lines") - 1, example=example)
    counted = _row(_lazy.agg(extra, [], extra=("extra", "sum"), example=("example", "min")))
    value = counted["example"]
    return Found(counted["extra"] or 0, None if value is None else rows.show[known](value))
