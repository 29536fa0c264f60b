"""Tickets: when they were opened, how long they waited, and whether that is over."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _checks, _codes, _columns, _frame
from crmlytics._columns import Bools, Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError, OptionError

HOUR = 3_600  # seconds
MEASURES = ("first_response", "resolution")
_ROLES = {"first_response": "answered", "resolution": "resolved"}
_DONE = ("answered", "resolved")
_NEVER = 2**62


@dataclass(frozen=True)
class Waits:
    """How long each ticket waited, in seconds, and whether the wait is over."""

    seconds: Ints
    over: Bools


@dataclass(frozen=True)
class Tickets:
    """The tickets opened by the day of the question, in the order of the table."""

    rows: Ints  # of the table
    opened: Ints  # seconds since 1970
    until: int  # the first second that has not been seen
    waits: dict[str, Waits]  # by measure

    @property
    def size(self) -> int:
        return len(self.rows)


def read(
    interactions: Any,
    *,
    caller: str,
    by: Any,
    result: tuple[str, ...],
    **columns: str | None,
) -> Source:
    """Check a table of interactions at the door; answer or resolution may be left out."""
    return _frame.read(
        interactions, caller=caller, argument="interactions", by=by, roles=columns,
        optional=("answered_col", "resolved_col"), result=result,
    )  # fmt: skip


def find(source: Source, as_of: Any, *, rows: Bools | None = None) -> Tickets:
    """Find the tickets: the rows (of those picked) with a moment of opening, up to `as_of`.

    A resolution is an answer too, where no earlier one is known. Waits of open tickets last to the
    end of the day of the question, or without one to the last moment that the table knows of.
    """
    _one_clock(source)
    found = {role: _seconds(source, role) for role in ("opened", *_DONE) if role in source.names}
    opened, is_ticket = found["opened"]
    for role in _DONE:
        if role in found:
            _forward(source, role, *found["opened"], *found[role])
    _warn_of_unopened(source, found, is_ticket)
    if rows is not None:
        is_ticket &= rows
    until, end = _clock(source, as_of, found, is_ticket, whole=rows is None)
    is_ticket &= opened < until
    at = np.flatnonzero(is_ticket)
    picked = None if len(at) == source.n_rows else is_ticket
    opened = _codes.pick(opened, picked)
    done = {
        role: _codes.pick(np.where(known, moments, _NEVER), picked)
        for role, (moments, known) in found.items()
        if role != "opened"
    }
    if len(done) == len(_DONE):
        done["answered"] = np.minimum(done["answered"], done["resolved"])
    waits = {
        measure: Waits(np.minimum(done[role], end) - opened, done[role] < until)
        for measure, role in _ROLES.items()
        if role in done
    }
    return Tickets(at, opened, until, waits)


def _seconds(source: Source, role: str) -> tuple[Ints, Bools]:
    """Return whole seconds since 1970, any number where unknown, and which are known."""
    ticks, known = _columns.instants(source.column(role))
    per_day = 24 * HOUR
    if ticks.per_day == 1:
        return ticks.values * per_day, known
    return ticks.values // (ticks.per_day // per_day), known


def _one_clock(source: Source) -> None:
    """Refuse moments of which some have a time zone and others none."""
    families = {}
    for role in ("opened", *_DONE):
        if role in source.names and not source.column(role).is_null().all():
            families[source.names[role]] = _columns.family(source.column(role))
    if len(set(families.values())) > 1:
        aware = [name for name, family in families.items() if family == "aware date"]
        naive = [name for name, family in families.items() if family != "aware date"]
        raise DataError(
            f"{source.caller}: {aware} have a time zone and {naive} have none, so that no time "
            "between them is known. Give all of them a zone, or none."
        )


def _forward(
    source: Source, role: str, opened: Ints, is_ticket: Bools, done: Ints, known: Bools
) -> None:
    """Refuse answers and resolutions before the opening."""
    backwards = is_ticket & known & (done < opened)
    count = int(np.count_nonzero(backwards))
    if count:
        places = np.flatnonzero(backwards)
        first = places[np.lexsort((done[places], opened[places]))[0]]
        moments = [str(np.datetime64(int(m[first]), "s")).replace("T", " ") for m in (done, opened)]
        zone = " UTC" if _columns.zone(source.column("opened")) is not None else ""
        raise DataError(
            f"{source.caller}: {count:,} of {int(is_ticket.sum()):,} tickets of {source.argument} "
            f"are {role} before they are opened ({source.names[role]!r}, "
            f"{source.names['opened']!r}), as one {role} {moments[0]} and opened "
            f"{moments[1]}{zone}. Correct or drop them."
        )


def _warn_of_unopened(
    source: Source, found: dict[str, tuple[Ints, Bools]], is_ticket: Bools
) -> None:
    ends = [known for role, (_, known) in found.items() if role != "opened"]
    lost = int(np.count_nonzero(np.logical_or.reduce(ends) & ~is_ticket)) if ends else 0
    if lost:
        _checks.warn(
            f"{source.caller}: {lost:,} of {source.n_rows:,} rows of {source.argument} have an "
            f"answer or a resolution but no {source.names['opened']!r}, and are left out."
        )


def _clock(
    source: Source,
    as_of: Any,
    found: dict[str, tuple[Ints, Bools]],
    is_ticket: Bools,
    *,
    whole: bool,
) -> tuple[int, int]:
    """Return the first second that has not been seen, and the one up to which the open waited."""
    if as_of is None:
        if not source.n_rows:
            raise DataError(
                f"{source.caller}: {source.argument} has no rows, so as_of has no last date. "
                "Pass as_of=, such as datetime.date(2026, 3, 31)."
            )
        last = max(int(at.max(initial=0, where=is_ticket & ok)) for at, ok in found.values())
        return last + 1, last
    day = _checks.day(as_of, name="as_of", caller=source.caller)
    if whole and is_ticket.any():
        series = source.column("opened")[np.flatnonzero(is_ticket)]
        first = int(_columns.ticks(series).days().min())
        if day < first:
            raise OptionError(
                f"{source.caller}: as_of {_checks.iso(day)} is before the first ticket of "
                f"{source.argument}, {_checks.iso(first)}. Choose {_checks.iso(first)} or later."
            )
    midnight = _midnight(day + 1, _columns.zone(source.column("opened")))
    return midnight, midnight


def _midnight(day: int, zone: Any) -> int:
    """Return the second at which a day begins, in the zone of the table."""
    if zone is None:
        return day * 24 * HOUR
    import pandas as pd

    local = pd.Timestamp(day, unit="D").tz_localize(
        zone, ambiguous=True, nonexistent="shift_forward"
    )
    return int(local.timestamp())
