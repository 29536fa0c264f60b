"""The tables that stages are read from, and the table in which they leave."""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _checks, _columns, _frame, _gaps, _lazy, _periods, _result
from crmlytics._columns import Ints
from crmlytics.errors import DataError, OptionError
from crmlytics.segmentation import _advocates, _stage_rules, _stages

CLOCKS = ("personal", "shop")
SCHEMA = {
    "customer": "id", "stage": "text", "since": "date", "days_in_stage": "int", "reason": "text",
    "as_of": "date",
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The options of a question, checked."""

    caller: str
    given: dict[str, float] | None
    personal: bool
    prior_gaps: float
    score: float
    referral: str

    def days(self, found: _gaps.PurchaseDays, day: int) -> dict[str, float]:
        """Return all thresholds: those given, the others from the data."""
        given = self.given or {}
        if set(given) >= set(_stage_rules.THRESHOLDS):
            return given
        table = _stage_rules.measured(
            _gaps.silences(found.customer, found.day, day), method="percentile", use="all",
            shares=_stage_rules.PERCENTILES, level=0.95,
        )  # fmt: skip
        names = table["threshold"].to_pylist()
        values = [np.nan if value is None else value for value in table["days"].to_pylist()]
        days = dict(zip(names, values, strict=True)) | given
        _stage_rules.check_order(days, self.caller)
        return days


def plan_of(
    caller: str, *, thresholds: Any, clock: str, prior_gaps: float, advocate_score: float,
    referral: str,
) -> Plan:  # fmt: skip
    """Check the options."""
    given = _stage_rules.parse(thresholds, caller)
    if given:
        named = dict.fromkeys(_stage_rules.THRESHOLDS, np.nan) | given
        _stage_rules.check_order(named, caller)
    _checks.choice(clock, CLOCKS, name="clock", caller=caller)
    prior = _checks.number(prior_gaps, name="prior_gaps", caller=caller, low=0.0)
    score = _checks.number(advocate_score, name="advocate_score", caller=caller, low=-1e9)
    if not isinstance(referral, str) or not referral:
        raise OptionError(
            f"{caller}: referral must be the name of an event; got {_checks.shown(referral)}."
        )
    return Plan(caller, given, clock == "personal", prior, score, referral)


def read(transactions: Any, caller: str, *, lazy: bool, **columns: str | None) -> _frame.Source:
    """Read lines; a usual column of amounts that is not there is left out."""
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=lazy)
    here = opened.collect_schema().names()
    amount = columns["amount_col"]
    if amount is None or (amount == "amount" and amount not in here):
        del columns["amount_col"]
    return _frame.read(
        transactions, caller=caller, argument="transactions", roles=columns, lazy=lazy,
        result=tuple(SCHEMA)[1:],
    )  # fmt: skip


@dataclass(frozen=True)
class People:
    """The list of customers, and the day from which each is known; NEVER less where unknown."""

    source: _frame.Source
    ids: Any
    acquired: Ints

    def after(self, day: int) -> int:
        """Count those who were not known yet."""
        return int(np.count_nonzero(self.acquired > day))


@dataclass(frozen=True)
class Beside:
    """The tables beside transactions, read."""

    people: People | None = None
    voices: _advocates.Voices | None = None


def beside(
    source: _frame.Source,
    plan: Plan,
    *,
    customers: Any,
    interactions: Any,
    feedback: Any,
    as_of: Any,
    columns: tuple[str, str, str, str, str],
) -> Beside:
    """Read the other tables; a lazy table of transactions goes alone."""
    customer, when, acquired, score, event = columns
    asked = {
        "customers": (customers, {"customer_col": customer, "acquired_col": acquired}),
        "interactions": (
            interactions, {"customer_col": customer, "date_col": when, "event_col": event}
        ),
        "feedback": (feedback, {"customer_col": customer, "date_col": when, "score_col": score}),
    }  # fmt: skip
    given = {name: pair for name, pair in asked.items() if pair[0] is not None}
    if not given:
        return Beside()
    first = next(iter(given))
    if source.lazy:
        raise DataError(
            f"{plan.caller}: {first} is given and transactions is a {source.kind}, which goes "
            "alone. Collect the days of purchase first, and hand them over with the others."
        )
    if as_of is None:
        raise OptionError(
            f"{plan.caller}: as_of is missing, and {first} is a second table. Name the day, such "
            "as as_of=datetime.date(2026, 3, 31)."
        )
    read_ = {}
    for name, (table, roles) in given.items():
        opened, _ = _frame.open_table(table, caller=plan.caller, argument=name, lazy=False)
        if acquired == "acquired_on" and acquired not in opened.columns:
            roles.pop("acquired_col", None)
        read_[name] = _frame.read(table, caller=plan.caller, argument=name, roles=roles)
        _frame.same_library(source, read_[name])
        _advocates.check_kinds(read_[name], source)
    people = _people(read_["customers"]) if "customers" in read_ else None
    voices = None
    if "feedback" in read_ or "interactions" in read_:
        voices = _advocates.Voices(
            read_.get("feedback"), read_.get("interactions"), score=plan.score,
            referral=plan.referral,
        )  # fmt: skip
    return Beside(people, voices)


def _people(source: _frame.Source) -> People:
    twice = int((np.bincount(source.keys("customer").codes, minlength=1) > 1).sum())
    if twice:
        raise DataError(
            f"{source.caller}: customers has several rows for {twice} "
            f"{source.names['customer']!r} (customer_col). Keep one row for each customer."
        )
    acquired = np.full(source.n_rows, -_stages.NEVER)
    if "acquired" in source.names and source.n_rows:
        series = source.column("acquired")
        known = ~_columns.null_mask(series)
        if known.any():
            acquired[known] = _columns.ticks(series.filter(known.tolist())).days()
    return People(source, _advocates.whole(_result.ids(source.column("customer"))), acquired)


def on_day(
    found: _gaps.PurchaseDays, day: int, days: dict[str, float], plan: Plan, tables: Beside
) -> pa.Table:
    """Return the stages of all who are known on a day."""
    clock = _stages.Clock(days, plan.personal, plan.prior_gaps)
    advocacy = tables.voices.at(found.customers, day) if tables.voices else None
    table = _stages.classify(found, day, clock, advocacy)
    if tables.people is not None:
        table = _with_prospects(table, tables.people, day)
    return table.append_column("as_of", _periods.timestamps(np.full(len(table), day)))


def _with_prospects(table: pa.Table, people: People, day: int) -> pa.Table:
    there = _advocates.places(people.ids, _advocates.whole(table["customer"])) >= 0
    waiting = np.flatnonzero(~there & (people.acquired <= day))
    acquired = people.acquired[waiting]
    known = acquired > -_stages.NEVER
    since = np.where(known, acquired, 0).astype("M8[D]").astype("M8[us]")
    n = len(waiting)
    ids = [_advocates.whole(table["customer"]), people.ids.take(pa.array(waiting))]
    ids = list(_advocates.alike(*ids)) if all(len(part) for part in ids) else [
        part for part in ids if len(part)
    ] or ids[:1]  # fmt: skip
    more = {
        "stage": pa.array(["prospect"] * n, pa.string()),
        "since": pa.array(since, mask=~known),
        "days_in_stage": _result.column(day - acquired, known),
        "reason": pa.array(["no purchase"] * n, pa.string()),
    }
    columns = {name: pa.chunked_array([*table[name].chunks, made]) for name, made in more.items()}
    return pa.table({"customer": pa.chunked_array(ids), **columns})


def handed(
    source: _frame.Source, tables: Beside, parts: list[pa.Table], schema: dict[str, str]
) -> Any:
    """Hand stages back as the caller's kind of table, by id, or by day and id."""
    table = pa.concat_tables([part for part in parts if len(part)] or parts[:1])
    if source.lazy:
        named = [source.names.get(name, name) for name in schema]
        plain = table.select(list(schema)).rename_columns(named)
        lazy = _lazy.handed_back(source.native, plain, source.kind)
        if not source.kind.startswith("Polars"):
            return lazy
        ids = nw.col(source.names["customer"])  # categories came here as text
        held = source.table.collect_schema()["customer"]
        return nw.from_native(lazy).with_columns(ids.cast(held)).to_native()
    keys = [name for name in schema if name in {"as_of", "customer"}]
    if tables.people is None:
        return _result.native(source, table, schema, sort_by=keys)
    # where nobody bought, the ids are those of the list
    base = tables.people.source if len(table) and not source.n_rows else source
    held = _result.ids(base.column("customer")).type
    own = held == tables.people.ids.type and not pa.types.is_dictionary(
        base.column("customer").to_arrow().type
    )
    if not own:  # prospects may stand in no category of the transactions' ids, or be longer
        called = {role: base.names.get(role, role) for role in schema}
        kind = _kind(table["customer"].type)
        schema = {called[role]: kind if word == "id" else word for role, word in schema.items()}
        table = table.rename_columns([called[role] for role in table.column_names])
        keys = [called[role] for role in keys]
    return _result.native(base, table, schema, sort_by=keys)


def _kind(held: Any) -> str:
    if pa.types.is_integer(held):
        return "int"
    return "float" if pa.types.is_floating(held) else "text"
