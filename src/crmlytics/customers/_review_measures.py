"""What a review counts for each customer, from tables of events or from a view."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _checks, _codes, _columns, _frame
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.customers import _align, _parts
from crmlytics.customers._parts import Rows
from crmlytics.customers._sources import days_of
from crmlytics.errors import DataError, OptionError

# Of each table: the columns it must have, those read where they are there, and the day of a row.
_KINDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], str | None]] = {
    "transactions": (
        ("customer_col", "date_col", "order_col", "amount_col"), ("discount_col", "product_col"),
        "date",
    ),
    "returns": (("customer_col", "date_col"), ("order_col",), "date"),
    "tickets": (("customer_col", "opened_col"), ("disruptive_col",), "opened"),
    "payments": (("customer_col", "due_col", "paid_col"), (), "due"),
    "feedback": (("customer_col", "date_col", "score_col"), (), "date"),
    "profit": (("customer_col", "profit_col"), (), None),
}  # fmt: skip
_USUAL = {
    "discount_col": "discount", "product_col": "product_id", "disruptive_col": "disruptive",
    "order_col": "order_id",
}  # fmt: skip


@dataclass(frozen=True)
class Customs:
    """What counts as a deal, as early, and as late."""

    deal_discount: float
    early_days: int
    grace_days: int


def measured(
    source: Source, tables: Mapping[str, Any], names: Mapping[str, str | None], customs: Customs,
    as_of: Any, wanted: list[str],
) -> dict[str, Floats]:  # fmt: skip
    """Return each measure asked for that is known, in the order of customers; NaN is unknown."""
    caller = source.caller
    read = {
        name: _read(table, name, caller, names)
        for name, table in tables.items()
        if table is not None
    }
    _frame.same_library(source, *read.values())
    for each in read.values():
        _align.check_kinds(each, source)
    dated = [name for name in read if _KINDS[name][2]]
    if dated and as_of is None:
        raise OptionError(
            f"{caller}: as_of must be a day where {dated[0]} is handed over; got None. Pass "
            "as_of=, such as datetime.date(2026, 3, 31)."
        )
    day = _checks.day(as_of, name="as_of", caller=caller) if as_of is not None else 0
    if "returns" in read and "transactions" in read:
        _parts.returns_once(read["transactions"])
    ids, size = _align.ids(source), source.n_rows
    rows = _counted(read, ids, day)
    found: dict[str, Floats] = {}
    if "transactions" in rows:
        found |= _of_transactions(rows["transactions"], rows.get("returns"), size, customs)
    if "tickets" in rows:
        found |= _of_tickets(rows["tickets"], size)
    if "payments" in rows:
        late = _parts.days_late(rows["payments"], day) > customs.grace_days
        found["payments_n"] = _count(rows["payments"].who, size)
        found["payments_late"] = _count(rows["payments"].who[late], size)
    if "feedback" in rows:
        found |= _of_feedback(rows["feedback"], size)
    if "profit" in read:
        place = _align.places(ids, _align.ids(read["profit"]))
        values = np.append(read["profit"].numbers("profit"), np.nan)
        found["profit"] = values[place]  # -1 is the last
    return found | _of_view(source, [name for name in wanted if name not in found])


def _read(table: Any, name: str, caller: str, names: Mapping[str, str | None]) -> Source:
    needed, usual, day = _KINDS[name]
    opened, _ = _frame.open_table(table, caller=caller, argument=name, lazy=False)
    roles = {option: names[option] for option in needed}
    for option in usual:
        if names[option] != _USUAL[option] or _USUAL[option] in opened.columns:
            roles[option] = names[option]
    source = _frame.read(
        table, caller=caller, argument=name, roles=roles, optional=("order_col", *usual)
    )
    if day is None:
        _align.one_row_each(source)
    return source


def _counted(read: Mapping[str, Source], ids: Any, day: int) -> dict[str, Rows]:
    """Keep the rows of customers at hand up to the day, and say how many are of nobody."""
    rows, said = {}, []
    for name, source in read.items():
        role = _KINDS[name][2]
        who = _align.rows_of(source, ids)
        days = days_of(source, role) if role else np.zeros(len(who), dtype=np.int64)
        past = days <= day if role else np.ones(len(who), dtype=bool)
        kept = past & (who >= 0)
        orphans = int(np.count_nonzero(past & (who < 0)))
        if orphans:
            said.append(f"{orphans} of {name}")
        rows[name] = Rows(source, kept, who[kept], days[kept])
    if said:
        caller = next(iter(read.values())).caller
        _checks.warn(f"{caller}: left out rows of nobody in customers: {', '.join(said)}.")
    return rows


def _count(who: Any, size: int) -> Floats:
    return np.bincount(who, minlength=size).astype(np.float64)


def _orders(rows: Rows) -> tuple[Ints, int]:
    """Return a number for each order of each customer, or for each day where orders have no id."""
    if "order" in rows.source.names:
        keys = rows.source.keys("order")
        items, width = np.asarray(_codes.pick(keys.codes, rows.rows), np.int64), max(keys.size, 1)
    else:
        low = int(rows.days.min()) if len(rows.days) else 0
        items, width = rows.days - low, int((rows.days - low).max(initial=0)) + 1
    return rows.who * width + items, width


def _of_transactions(
    lines: Rows, refunds: Rows | None, size: int, customs: Customs
) -> dict[str, Floats]:
    """Return orders, those on a deal, those returned, products, and those bought early."""
    amounts = lines.numbers("amount")
    bought = ~(amounts < 0)
    orders, width = _orders(lines)
    made = np.unique(orders[bought])
    found = {"transactions_orders": _count(made // width, size)}
    back = np.unique(orders[~bought]) // width
    if refunds is not None:
        own, own_width = _orders(refunds)
        back = np.append(back, np.unique(own) // own_width)
    found["transactions_returned"] = _count(back, size)
    if "discount" in lines.source.names:
        taken = lines.numbers("discount")
        known = bought & ~np.isnan(taken) & ~np.isnan(amounts)
        place = np.searchsorted(made, orders[known])
        off = np.bincount(place, np.maximum(taken[known], 0.0), len(made))
        paid = np.bincount(place, amounts[known], len(made))
        # sums of cents differ in their last bits with the order of rows
        deal = (off > 0) & (off >= customs.deal_discount * (off + paid) - 1e-9)
        found["transactions_deals"] = _count(made[deal] // width, size)
    if "product" in lines.source.names and lines.source.n_rows:
        found |= _early(lines, bought, size, customs.early_days)
    return found


def _early(lines: Rows, bought: Bools, size: int, early_days: int) -> dict[str, Floats]:
    """Count the products of each customer, and those bought soon after they first were sold."""
    source, everyone = lines.source, days_of(lines.source, "date")
    keys = source.keys("product")
    known = ~_columns.null_mask(source.column("product"))
    first = np.full(max(keys.size, 1), np.iinfo(np.int64).max)
    np.minimum.at(first, keys.codes[known], everyone[known])
    begin = int(everyone.min())
    rows = bought & _codes.pick(known, lines.rows)
    product = np.asarray(_codes.pick(keys.codes, lines.rows)[rows], dtype=np.int64)
    pair = lines.who[rows] * len(first) + product
    soon = lines.days[rows] <= first[product] + early_days
    launched = first[product] > begin + early_days  # older ones may have been sold long before
    return {
        "transactions_products": _count(np.unique(pair) // len(first), size),
        "transactions_early": _count(np.unique(pair[soon & launched]) // len(first), size),
    }


def _of_tickets(tickets: Rows, size: int) -> dict[str, Floats]:
    found = {"tickets_n": _count(tickets.who, size)}
    if "disruptive" in tickets.source.names:
        marked, _ = _align.flags(tickets.source, "disruptive")
        found["tickets_disruptive"] = _count(tickets.who[marked[tickets.rows]], size)
    return found


def _of_feedback(feedback: Rows, size: int) -> dict[str, Floats]:
    scores = feedback.numbers("score")
    known = ~np.isnan(scores)
    times = _count(feedback.who[known], size)
    total = np.bincount(feedback.who[known], scores[known], size)
    mean = np.full(size, np.nan)
    np.divide(total, times, out=mean, where=times > 0)
    return {"feedback_n": times, "feedback_mean_score": mean}


def _of_view(source: Source, wanted: list[str]) -> dict[str, Floats]:
    """Read measures that no table gave from columns of the customers, where they are."""
    there = [name for name in wanted if name in source.table.columns]
    if not there:
        return {}
    view = _frame.read(
        source.native, caller=source.caller, argument=source.argument, roles={}, features=there
    )
    return {name: view.numbers(f"feature_{i}") for i, name in enumerate(there)}


def counts(
    numerator: Floats, denominator: Floats, names: tuple[str, str], caller: str
) -> tuple[Floats, Floats]:
    """Return hits and tries as whole numbers, no more hits than tries; NaN where unknown."""
    for values, name in zip((numerator, denominator), names, strict=True):
        odd = (values < 0) | (values != np.floor(values))
        odd &= ~np.isnan(values)
        if odd.any():
            raise DataError(
                f"{caller}: {int(odd.sum())} of {len(values)} values of {name!r} are no counts, "
                f"such as {values[odd][0]:g}. Counts are whole numbers of 0 or more."
            )
    unknown = np.isnan(numerator) | np.isnan(denominator)
    tries = np.where(unknown, np.nan, denominator)
    return np.where(unknown, np.nan, np.minimum(numerator, denominator)), tries
