"""Customers as spans of days, looked at on the eve of each period: who was there, with how much.

A subscription is a span from its start to its end; a purchase is one of `lapse_days` days. Both
kinds of business are then counted alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _checks, _codes, _frame, _groups, _periods, _terms
from crmlytics._codes import Calendar
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics._groups import Groups
from crmlytics.errors import OptionError

_BLOCK = 100_000_000  # cells of customers by edges that are held at a time
_BLOCK_OF_AMOUNTS = 40_000_000


@dataclass(frozen=True)
class Spans:
    """One span a row: customers of groups from a day to the day before another."""

    grouped: Groups
    calendar: Calendar
    day: int
    group: Ints  # of each customer within group
    contract: bool  # subscriptions, not purchases
    who: Any  # customer within group, from 0
    begin: Any  # the first edge that the span covers
    until: Any  # and the first after it that it does not
    counts: Bools | None  # spans that make a customer active; others (returns) change amounts
    amount: Floats | None

    @property
    def n_edges(self) -> int:
        return self.calendar.length + 1


@dataclass(frozen=True)
class Presence:
    """A block of customers by edges: who was there, and with which amount."""

    group: Ints
    active: Bools
    amount: Any  # None where the spans were read without


def read(
    table: Any,
    caller: str,
    *,
    period: str,
    amounts: bool,
    lapse_days: int | None,
    as_of: Any,
    by: Any,
    result: tuple[str, ...],
    columns: dict[str, str],
) -> tuple[Source, Spans | None]:
    """Read subscriptions, or transactions where there is no column of ends.

    An empty table has no spans.
    """
    opened, _ = _frame.open_table(table, caller=caller, argument="table", lazy=False)
    contract = columns["end_col"] in opened.columns
    lapse = _lapse(lapse_days, caller, contract=contract, end=columns["end_col"])
    roles = ["customer_col", *(("start_col", "end_col") if contract else ("date_col",))]
    roles += ["amount_col"] if amounts or (not contract and _has(opened, columns)) else []
    source = _frame.read(
        table, caller=caller, argument="table", by=by, result=result,
        roles={role: columns[role] for role in roles},
    )  # fmt: skip
    if contract:
        start, end, day = _terms.terms(source, as_of)
    else:
        day = _frame.as_of(source, as_of)
        start = source.ticks("date").days() if source.n_rows else np.zeros(0, dtype=np.int64)
        end = start + lapse
    if not source.n_rows:
        return source, None
    seen: Any = start <= day
    seen = None if seen.all() else seen
    start, end = _codes.pick(start, seen), _codes.pick(end, seen)
    grouped = _groups.groups(source, seen)
    first = _periods.of_day(int(start.min()), period)
    calendar = Calendar(period, first, _periods.of_day(day, period))
    _checks.cells(grouped.size * calendar.length, period=period, caller=caller)
    begin, until = _covered(start, end, calendar, day)
    del start, end  # as long as the rows: the next steps need room for their own
    who, group = _people(source, grouped, seen)
    returned = None if contract else _codes.returns(source)
    used = begin < until
    return source, Spans(
        grouped, calendar, day, group, contract, who[used], begin[used], until[used],
        None if returned is None else ~_codes.pick(returned, seen)[used],
        _codes.pick(source.numbers("amount"), seen)[used] if amounts else None,
    )  # fmt: skip


def _covered(start: Ints, end: Ints, calendar: Calendar, day: int) -> tuple[Any, Any]:
    """Return the first edge that each span covers, and the first after it that it does not.

    The edges are the day before each period, and the last day seen of the last one.
    """
    numbers = np.arange(calendar.first, calendar.last + 2)
    edges = np.asarray(_periods.first_days(numbers, calendar.period)) - 1
    edges[-1] = min(edges[-1], day)
    low = int(start.min())
    # one look-up a row; narrow numbers, because there are as many as rows
    edge_of = np.searchsorted(edges, np.arange(low, day + 2)).astype(_narrow(len(edges)))
    return edge_of[start - low], edge_of[np.minimum(end, day + 1) - low]


def _narrow(highest: int) -> Any:
    return np.int16 if highest < np.iinfo(np.int16).max else np.int32


def _has(opened: Any, columns: dict[str, str]) -> bool:
    """Say whether returns can be told: an unnamed column of amounts need not be there."""
    return columns["amount_col"] != "amount" or "amount" in opened.columns


def _lapse(lapse_days: Any, caller: str, *, contract: bool, end: str) -> int:
    """Return the days after which a customer of transactions is lost; 0 for subscriptions."""
    if contract and lapse_days is not None:
        raise OptionError(
            f"{caller}: lapse_days goes with transactions, and table has a column {end!r} of ends "
            "(end_col). Leave lapse_days out, or drop that column."
        )
    if not contract:
        if lapse_days is None:
            raise OptionError(
                f"{caller}: table has no column {end!r} (end_col), so it is read as transactions, "
                "and those need lapse_days=, the days after which a customer counts as lost. "
                "churn.inactivity_threshold suggests one."
            )
        return _checks.whole(lapse_days, name="lapse_days", caller=caller, low=1, high=100_000)
    return 0


def _people(source: Source, grouped: Groups, seen: Any) -> tuple[Any, Ints]:
    """Return the customer within group of each row seen, and the group of each such customer."""
    keys = source.keys("customer")
    codes = _codes.pick(keys.codes, seen)
    if grouped.codes is None:
        return codes, np.zeros(keys.size, dtype=np.int64)
    cells = _codes.pick(grouped.codes, seen).astype(np.int64) * keys.size + codes
    present = _codes.occurring(cells, grouped.size * keys.size).present
    return np.searchsorted(present, cells), present // keys.size


def presences(spans: Spans) -> Iterator[Presence]:
    """Look at the customers on each edge, so many at a time as memory holds well."""
    people = len(spans.group)
    cells, most = people * spans.n_edges, _BLOCK
    if spans.amount is not None:  # laid out span by span, of which many may overlap
        cells = max(cells, int((spans.until - spans.begin).sum(dtype=np.int64)))
        most = _BLOCK_OF_AMOUNTS
    blocks = min(-(-cells // most), people)
    if blocks == 1:
        yield _presence(spans, slice(None), (0, people))
        return
    order = np.argsort(spans.who, kind="stable")
    cuts = np.linspace(0, people, blocks + 1).astype(np.int64)
    places = np.searchsorted(spans.who[order], cuts)
    for k in range(blocks):
        rows = order[places[k] : places[k + 1]]
        yield _presence(spans, rows, (int(cuts[k]), int(cuts[k + 1])))


def _presence(spans: Spans, rows: Any, people: tuple[int, int]) -> Presence:
    size, n_edges = people[1] - people[0], spans.n_edges
    begin, until = spans.begin[rows], spans.until[rows]
    first = (spans.who[rows].astype(np.int64) - people[0]) * n_edges + begin
    counts = None if spans.counts is None else spans.counts[rows]
    reach = np.zeros((size, n_edges), dtype=until.dtype)
    np.maximum.at(reach.reshape(-1), _codes.pick(first, counts), _codes.pick(until, counts))
    # somebody is there at an edge before the farthest end of all spans begun by then
    np.maximum.accumulate(reach, axis=1, out=reach)
    active = reach > np.arange(n_edges, dtype=reach.dtype)
    amount: Any = None
    if spans.amount is not None:
        length = until.astype(np.int64) - begin
        within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
        paid = np.repeat(spans.amount[rows], length)
        cells = np.repeat(first, length) + within
        amount = np.bincount(cells, paid, size * n_edges).reshape(size, n_edges)
    return Presence(spans.group[people[0] : people[1]], active, amount)
