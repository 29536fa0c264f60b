"""The parts of a customer's profit, each from the table that speaks of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from crmlytics import _checks, _codes, _frame, _transactions
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.customers import _align, _gather
from crmlytics.customers._sources import days_of
from crmlytics.errors import DataError, OptionError

PARTS = ("revenue", "goods_cost", "discounts", "returns", "service_cost", "late_payment_cost")
_DAYS = {"returns": "date", "tickets": "opened", "payments": "due"}
_ROLES = {
    "returns": ("customer_col", "date_col", "amount_col"),
    "tickets": ("customer_col", "opened_col"),
    "payments": ("customer_col", "amount_col", "due_col", "paid_col"),
}
_LATER = np.iinfo(np.int64).max
_YEAR = 365


@dataclass(frozen=True)
class Terms:
    """What goods, tickets and outstanding money cost, and how amounts are to be read."""

    caller: str
    margin: float | None
    service_cost: float | str | None
    interest_rate: float | None
    net: bool
    precision: int

    def check(self, cost_col: str | None, *, tickets: bool, payments: bool) -> None:
        """Refuse prices that make no sense, and tables that come without theirs."""
        caller = self.caller
        if self.margin is not None:
            _checks.number(self.margin, name="margin", caller=caller, low=float("-inf"), high=1.0)
            if cost_col is not None:
                raise OptionError(
                    f"{caller}: margin and cost_col both say what goods cost. Hand over one."
                )
        if self.service_cost is not None and not isinstance(self.service_cost, str):
            _checks.number(self.service_cost, name="service_cost", caller=caller, low=0)
        if self.interest_rate is not None:
            _checks.number(self.interest_rate, name="interest_rate", caller=caller, low=0)
        for table, price, there, value in (
            ("tickets", "service_cost", tickets, self.service_cost),
            ("payments", "interest_rate", payments, self.interest_rate),
        ):
            if there != (value is not None):
                has, lacks = (table, price) if there else (price, table)
                raise OptionError(
                    f"{caller}: {has} was handed over without {lacks}. Hand over both, or neither."
                )


@dataclass(frozen=True)
class Rows:
    """The rows of a table that count: which they are, and whose."""

    source: Source
    rows: Bools | None  # None: all
    who: Ints
    days: Ints

    def numbers(self, role: str) -> Floats:
        return np.asarray(_codes.pick(self.source.numbers(role), self.rows), dtype=np.float64)


@dataclass(frozen=True)
class Books:
    """All tables, brought together by customer."""

    source: Source
    ids: Any
    added: bool  # customers without transactions have a row
    as_of: int
    tables: dict[str, Rows]


def read(
    transactions: Any, tables: Mapping[str, Any], terms: Terms,
    names: Mapping[str, str | None], *, as_of: Any, orphans: str,
) -> Books:  # fmt: skip
    """Read the tables, find whose rows are whose, and say what is not used."""
    caller = terms.caller
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=False)
    wanted = ["customer_col", "date_col", "amount_col", "cost_col"]
    if names["discount_col"] != "discount" or "discount" in opened.columns:
        wanted.append("discount_col")
    source = _frame.read(
        transactions, caller=caller, argument="transactions",
        roles={option: names[option] for option in wanted},
        optional=("cost_col", "discount_col"), result=(*PARTS, "profit"),
    )  # fmt: skip
    others = {
        name: _read_other(table, name, terms, names)
        for name, table in tables.items()
        if table is not None
    }
    if others and as_of is None:
        raise OptionError(
            f"{caller}: as_of must be a day where there is more than one table; got None. Pass "
            "as_of=, such as datetime.date(2026, 3, 31)."
        )
    _frame.same_library(source, *others.values())
    for each in others.values():
        _align.check_kinds(each, source)
    day = _frame.as_of(source, as_of)
    seen = _codes.seen_rows(source, day)
    ids, codes = _align.distinct(source, seen)
    days = {name: days_of(each, _DAYS[name]) for name, each in others.items()}
    own = len(ids)
    if orphans == "add":
        for name, each in others.items():
            ids = _gather.with_orphans(ids, each, days[name] <= day)
    order = np.asarray(pc.sort_indices(ids), dtype=np.int64)
    ids = ids.take(order)
    place = np.zeros(source.keys("customer").size, dtype=np.int64)
    place[codes] = np.argsort(order)[:own]
    held = {"transactions": _lines(source, seen, place)}
    said: list[str] = []
    for name, each in others.items():
        held[name] = _counted(name, each, days[name], ids, day, said)
    if said:
        _checks.warn(f"{caller}: left out {', '.join(said)}.")
    return Books(source, ids, len(ids) > own, day, held)


def _read_other(table: Any, name: str, terms: Terms, names: Mapping[str, str | None]) -> Source:
    roles = {option: names[option] for option in _ROLES[name]}
    if name == "tickets" and isinstance(terms.service_cost, str):
        roles["service_cost"] = terms.service_cost
    source = _frame.read(table, caller=terms.caller, argument=name, roles=roles)
    role = {"returns": "amount", "tickets": "service_cost"}.get(name, "")
    negative = source.negative(role) if role in source.names else None
    if negative is not None:
        below = int(np.count_nonzero(negative))
        what = "Refunds and costs are amounts of 0 or more"
        raise DataError(
            f"{terms.caller}: {below} of {source.n_rows} rows of {name} have a "
            f"{source.names[role]!r} below 0. {what}; turn the sign or leave the rows out."
        )
    return source


def _lines(source: Source, rows: Bools | None, place: Ints) -> Rows:
    """Say whose each line is, by the place of the customer's code: no id need be looked up."""
    who = place[_codes.pick(source.keys("customer").codes, rows)]
    return Rows(source, rows, who, _codes.pick(source.ticks("date").days(), rows))


def _counted(name: str, source: Source, days: Ints, ids: Any, day: int, said: list[str]) -> Rows:
    """Keep the rows of customers at hand up to the day; count those of nobody, or of no day."""
    who = _align.rows_of(source, ids)
    ours = who >= 0
    undated, past = int(np.count_nonzero(days == _LATER)), days <= day
    orphans = int(np.count_nonzero(past & ~ours))
    if orphans:
        said.append(f"{_count(orphans)} of {name} of customers without transactions")
    if undated:
        said.append(f"{_count(undated)} of {name} without {source.names[_DAYS[name]]!r}")
    kept = past & ours
    return Rows(source, kept, who[kept], days[kept])


def _count(n: int) -> str:
    return "1 row" if n == 1 else f"{n} rows"


def parts(books: Books, terms: Terms) -> dict[str, Floats]:
    """Return each part and what is left, NaN where unknown; money is cut to whole units."""
    size = len(books.ids)
    made = {name: np.full(size, np.nan) for name in PARTS}
    made |= _of_lines(books.tables["transactions"], size, terms)
    if "returns" in books.tables:
        returns_once(books.source)
        refunds = books.tables["returns"]
        made["returns"] = _sum(refunds.who, refunds.numbers("amount"), size)
    if "tickets" in books.tables:
        made["service_cost"] = _service(books.tables["tickets"], size, terms.service_cost)
    if "payments" in books.tables:
        made["late_payment_cost"] = _late(books.tables["payments"], size, books.as_of, terms)
    made = {name: _transactions.money(made[name], terms.precision) for name in PARTS}
    present = _present(books, terms)
    profit = made["revenue"].copy()
    for name in PARTS[1:]:
        if name in present:
            profit -= made[name]
    _warn_of_missing(present, terms)
    return made | {"profit": _transactions.money(profit, terms.precision)}


def _present(books: Books, terms: Terms) -> set[str]:
    """Name the parts that something was handed over for."""
    there = {"returns"}
    there |= {"goods_cost"} if terms.margin is not None or "cost" in books.source.names else set()
    there |= {"discounts"} if "discount" in books.source.names else set()
    there |= {"service_cost"} if "tickets" in books.tables else set()
    there |= {"late_payment_cost"} if "payments" in books.tables else set()
    return there


_WAYS = {
    "goods_cost": "cost_col or margin", "discounts": "discount_col",
    "service_cost": "tickets and service_cost", "late_payment_cost": "payments and interest_rate",
}  # fmt: skip


def _warn_of_missing(present: set[str], terms: Terms) -> None:
    missing = [name for name in _WAYS if name not in present]
    if terms.net and "discounts" in missing:  # then nothing is missing: amounts are after them
        missing.remove("discounts")
    if missing:
        ways = "; ".join(f"{name} (hand over {_WAYS[name]})" for name in missing)
        _checks.warn(f"{terms.caller}: the profit is before {ways}.")


def _sum(who: Ints, values: Floats, size: int) -> Floats:
    """Add up by customer; NaN where one is unknown."""
    total, known = _codes.sums(who, values, size)
    return total if known is None else np.where(known, total, np.nan)


def _of_lines(lines: Rows, size: int, terms: Terms) -> dict[str, Floats]:
    """Return what the lines say: purchases, discounts, returns, and what the goods cost."""
    amounts = lines.numbers("amount")
    returned = amounts < 0
    unknown = np.isnan(amounts)
    # an unknown amount may be a purchase or a return: then both are unknown
    refunded = np.where(unknown, np.nan, np.where(returned, -amounts, 0.0))
    revenue = _sum(lines.who, np.where(returned, 0.0, amounts), size)
    made = {"returns": _sum(lines.who, refunded, size)}
    net = revenue - made["returns"]
    if "discount" in lines.source.names:
        discounts = np.where(returned, 0.0, lines.numbers("discount"))
        below = int(np.count_nonzero(discounts < 0))
        if below:
            raise DataError(
                f"{terms.caller}: {below} purchases in transactions have a "
                f"{lines.source.names['discount']!r} (discount_col) below 0. Discounts are amounts "
                "of 0 or more; turn the sign."
            )
        made["discounts"] = _sum(lines.who, discounts, size)
        if terms.net:
            revenue = revenue + made["discounts"]
        else:
            net = net - made["discounts"]
    made["revenue"] = revenue
    if "cost" in lines.source.names:
        made["goods_cost"] = _sum(lines.who, lines.numbers("cost"), size)
    elif terms.margin is not None:
        made["goods_cost"] = (1 - terms.margin) * net
    return made


def returns_once(transactions: Source) -> None:
    """Refuse returns as lines below 0 beside a table of their own."""
    negative = transactions.negative("amount")
    if negative is not None:
        raise DataError(
            f"{transactions.caller}: returns was handed over, and "
            f"{int(np.count_nonzero(negative))} rows of transactions have an amount below 0. Leave "
            "one of the two out, or the same returns may count twice."
        )


def _service(tickets: Rows, size: int, price: float | str | None) -> Floats:
    if isinstance(price, str):
        return _sum(tickets.who, tickets.numbers("service_cost"), size)
    count: Floats = np.bincount(tickets.who, minlength=size).astype(np.float64)
    return count * float(price or 0.0)


def days_late(rows: Rows, day: int) -> Ints:
    """Return how many days after it was due each bill was paid, up to the day asked on."""
    paid = _codes.pick(days_of(rows.source, "paid"), rows.rows)
    late: Ints = np.maximum(np.minimum(paid, day) - rows.days, 0)
    return late


def _late(rows: Rows, size: int, day: int, terms: Terms) -> Floats:
    late = days_late(rows, day)
    amounts = rows.numbers("amount")
    cost = np.where(late > 0, amounts * late, 0.0) * (float(terms.interest_rate or 0.0) / _YEAR)
    return _sum(rows.who, cost, size)
