"""How far each customer came along a list of steps: one sort of the events, one pass a step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from crmlytics import _checks, _codes, _columns, _groups
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics._groups import Groups
from crmlytics.errors import OptionError
from crmlytics.kpi import _row_order
from crmlytics.kpi._row_order import Codes

Step: TypeAlias = str | int
_DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class Rule:
    """What counts as an attempt, and for how long."""

    window_days: float | None = None
    strict: bool = False
    any_order: bool = False
    drop: bool = False  # attempts whose window was not over


@dataclass(frozen=True)
class Reached:
    """How many customers of each group (rows) reached each step (columns)."""

    grouped: Groups
    customers: Ints
    pending: Ints | None  # by the furthest step so far; None without a window
    median_days: Floats  # from the start of the attempt


@dataclass(frozen=True)
class _Events:
    """The events that are steps, sorted by customer, moment and step."""

    customer: Codes
    moment: Ints  # ticks since the first event
    place: Codes  # in the list of steps, from 0
    group: Codes | None
    per_day: int  # ticks
    end: int  # the last tick of as_of
    n_places: int = 0
    window: int | None = None  # in ticks


@dataclass(frozen=True)
class _Attempts:
    """Where attempts start, whose they are, how far they came, and whether more may come."""

    start: Ints  # places of events, in the order of entities
    entity: Ints  # customer, or customer and group
    depth: Codes  # steps reached
    open: Bools  # the window was not over
    alive: Bools  # nothing came between


def window(days: Any, caller: str) -> float | None:
    """Return the window of an attempt in days, or None for one without end."""
    if days is None:
        return None
    return _checks.number(days, name="window_days", caller=caller, low=0)


def unfinished(value: Any, days: float | None, caller: str) -> bool:
    """Say whether attempts whose window was not over are left out."""
    _checks.choice(value, ("keep", "drop"), name="unfinished", caller=caller)
    if value == "drop" and days is None:
        raise OptionError(
            f"{caller}: unfinished='drop' leaves out those whose window was not over, and without "
            "window_days no window ends. Set window_days, such as window_days=30."
        )
    return bool(value == "drop")


def reach(source: Source, day: int, steps: Sequence[tuple[str, Step]], rule: Rule) -> Reached:
    """Find out how far the customers of each group came; `steps` are option and event."""
    seen = _codes.seen_rows(source, day)
    places = _places(source, seen, steps)
    if seen is not None:
        places[~seen] = -1
    n = len(steps)
    if not source.by and not (rule.strict or rule.any_order) and rule.window_days is None:
        return _first_attempts(source, places, n)
    begins = places >= 0 if rule.any_order else places == 0
    grouped = _groups.groups(source, begins)
    events = _sorted(source, places, begins, grouped, day)
    if rule.window_days is not None:
        # to the microsecond; what is longer than the table is as good as the table and a tick
        window = round(rule.window_days * _DAY) * events.per_day // _DAY
        events = replace(events, window=min(window, events.end + 1))
    events = replace(events, n_places=n)
    return _reached(events, _attempts(events, rule, grouped.size), rule, grouped)


def _first_attempts(source: Source, places: Codes, n: int) -> Reached:
    """Follow first attempts, which hold all that others do where order is loose and has no end."""
    keys, ticks = source.keys("customer"), source.ticks("date")
    never = np.iinfo(np.int64).max
    customers, medians = np.zeros((1, n), dtype=np.int64), np.full((1, n), np.nan)
    at = start = np.full(keys.size, np.iinfo(np.int64).min)
    for place in range(n):
        rows = np.flatnonzero(places == place)
        codes, moments = keys.codes[rows], ticks.values[rows]
        late = moments >= at[codes]
        at = np.full(keys.size, never)
        np.minimum.at(at, codes[late], moments[late])
        start = at if place == 0 else start
        there = np.flatnonzero(at < never)
        customers[0, place] = len(there)
        if len(there):
            medians[0, place] = np.median(at[there] - start[there]) / ticks.per_day
    return Reached(_groups.groups(source, None), customers, None, medians)


def _places(source: Source, seen: Bools | None, steps: Sequence[tuple[str, Step]]) -> Codes:
    """Return the step that each row is, -1 for none; say what has no event and what never was."""
    keys = source.keys("event")
    counts = np.bincount(_codes.pick(keys.codes, seen), minlength=keys.size)
    there = np.flatnonzero(counts)
    found = keys.take(there) if len(there) else source.column("event")
    names = found.to_list()
    code_of = dict(zip(names, there.tolist(), strict=True))
    places = np.full(max(keys.size, 1), -1, dtype=np.int8 if len(steps) < 128 else np.int64)
    for place, (_, step) in enumerate(steps):
        if step in code_of:
            places[code_of[step]] = place
    _warn_unknown(source, [step for step in steps if step[1] not in code_of], names)
    none = _columns.null_mask(found)
    if none.any():
        _checks.warn(
            f"{source.caller}: {int(counts[there][none].sum())} of {source.n_rows} rows have no "
            f"{source.names['event']!r} (event_col) and are left out."
        )
    return np.asarray(places[keys.codes])


def _warn_unknown(source: Source, missing: list[tuple[str, Step]], names: list[Any]) -> None:
    if not missing:
        return
    known = [name for name in names if isinstance(name, str)]
    hints = [_checks.did_you_mean(step, known) for _, step in missing if isinstance(step, str)]
    meant = ", ".join(repr(hint) for hint in hints if hint)
    _checks.warn(
        f"{source.caller}: {', '.join(f'{step!r} ({option})' for option, step in missing)} never "
        f"{'occur' if len(missing) > 1 else 'occurs'} in {source.names['event']!r} (event_col) of "
        f"{source.argument}.{f' Did you mean {meant}?' if meant else ''}"
    )


def _sorted(source: Source, places: Codes, begins: Bools, grouped: Groups, day: int) -> _Events:
    rows: Any = np.flatnonzero(places >= 0)
    if len(rows) == len(places):
        rows = slice(None)  # no need to pick what is all
    ticks = source.ticks("date")
    moment, per_day = ticks.values[rows], ticks.per_day
    low = int(moment.min()) if len(moment) else 0
    moment = moment - low
    end = (day + 1) * per_day - 1 - low
    second = per_day // 86_400
    if second > 1 and not (moment[:1000] % second).any() and not (moment % second).any():
        moment //= second  # shorter numbers are sorted faster
        per_day, end = 86_400, end // second
    columns = [source.keys("customer").codes[rows], moment, places[rows]]
    if grouped.codes is not None:
        columns.append(np.where(begins[rows], grouped.codes[rows], 0))  # others may lie in any
    customer, moment, place, *rest = _row_order.in_order(columns)
    return _Events(customer, moment, place, rest[0] if rest else None, per_day, end)


def _attempts(events: _Events, rule: Rule, n_groups: int) -> _Attempts:
    """Find every attempt: each event of the first step, or of any step, begins one."""
    start = np.arange(len(events.place)) if rule.any_order else np.flatnonzero(events.place == 0)
    entity = events.customer[start].astype(np.int64)
    if events.group is not None:
        entity = entity * n_groups + events.group[start]
        order = np.argsort(entity, kind="stable")  # within an entity by time
        start, entity = start[order], entity[order]
    depth = np.zeros(len(start), dtype=np.int32)
    for place, (left, _) in enumerate(_walk(events, start, rule)):
        depth[left] = place + 1
    if rule.any_order:
        # what begins with a step beyond those reached is no attempt at these
        depth[events.place[start] >= depth] = 0
    late = np.zeros(len(start), dtype=bool)
    if events.window is not None:
        late = events.moment[start] > events.end - events.window
    alive = np.ones(len(start), dtype=bool)
    if rule.strict and not rule.any_order:
        alive = _alive(events, start, depth)
    return _Attempts(start, entity, depth, late, alive)


def _heads(values: Codes) -> Ints:
    """Return where each run of equal values begins."""
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])


def _same_moment(events: _Events, start: Ints) -> Ints:
    """Return the first event of the moment of each start, which other groups may share."""
    new = events.moment[1:] != events.moment[:-1]
    new |= events.customer[1:] != events.customer[:-1]
    heads = np.concatenate([[0], np.flatnonzero(new) + 1])
    return heads[np.searchsorted(heads, start, "right") - 1]


def _runs(events: _Events) -> Ints:
    """Return where runs of one step of one customer begin: repeats break no order."""
    if not len(events.place):
        return np.zeros(0, dtype=np.int64)
    new = events.place[1:] != events.place[:-1]
    new |= events.customer[1:] != events.customer[:-1]
    return np.concatenate([[0], np.flatnonzero(new) + 1])


def _walk(events: _Events, start: Ints, rule: Rule) -> Iterator[tuple[Ints, Ints]]:
    """Take the attempts from step to step; yield those left and the moment each is there.

    The next step is the first event of it after the last (loose), or the next event that is
    another step (strict), which must be the right one. In any order, it is the first event of it
    since the start, and what counts is the last of all steps so far.
    """
    left, at = np.arange(len(start)), start
    moment = events.moment[start]
    since = _same_moment(events, start) if rule.any_order else start
    runs = _runs(events) if rule.strict and not rule.any_order else None
    for place in range(events.n_places):
        if place > 0 or rule.any_order:
            marks = np.flatnonzero(events.place == place) if runs is None else runs
            behind = since[left] if rule.any_order else at
            found = np.searchsorted(marks, behind, "left" if rule.any_order else "right")
            within = np.flatnonzero(found < len(marks))
            at, origin = marks[found[within]], start[left[within]]
            good = events.customer[at] == events.customer[origin]
            if runs is not None:
                good &= events.place[at] == place
            if events.window is not None:
                good &= events.moment[at] - events.moment[origin] <= events.window
            within, at = within[good], at[good]
            left = left[within]
            moment = np.maximum(moment[within], events.moment[at])
        yield left, moment


def _alive(events: _Events, start: Ints, depth: Codes) -> Bools:
    """Mark attempts after whose last step no other step of the customer came."""
    runs = _runs(events)
    after = np.searchsorted(runs, start, "right") + depth - 1
    last = after == len(runs)
    following = events.customer[runs[np.where(last, 0, after)]] if len(runs) else after
    return np.asarray(last | (following != events.customer[start]))


def _reached(events: _Events, tried: _Attempts, rule: Rule, grouped: Groups) -> Reached:
    """Count the furthest attempt of each customer and group, the earliest of several."""
    size, n = grouped.size, events.n_places
    cells = size * n
    best = _furthest(tried, tried.depth > 0 if not rule.drop else (tried.depth > 0) & ~tried.open)
    ends = np.bincount(_cell(tried, best, size, n), minlength=cells).reshape(size, n)
    customers = np.cumsum(ends[:, ::-1], axis=1)[:, ::-1]
    pending = None
    if events.window is not None:
        waiting = _waiting(tried, best, rule, n)
        pending = np.bincount(_cell(tried, waiting, size, n), minlength=cells).reshape(size, n)
    medians = np.full((size, n), np.nan)
    start = tried.start[best]
    group = tried.entity[best] % size
    for place, (left, moment) in enumerate(_walk(events, start, rule)):
        took = moment - events.moment[start[left]]
        medians[:, place] = _medians(took, group[left], size) / events.per_day
    return Reached(grouped, customers, pending, medians)


def _cell(tried: _Attempts, chosen: Ints, size: int, n: int) -> Ints:
    return tried.entity[chosen] % size * n + tried.depth[chosen] - 1


def _furthest(tried: _Attempts, used: Bools) -> Ints:
    """Return the furthest attempt of each entity among those used, the first of several."""
    rows = np.flatnonzero(used)
    if not len(rows):
        return rows
    entity, depth = tried.entity, tried.depth
    if len(rows) < len(entity):
        entity, depth = entity[rows], depth[rows]
    heads = _heads(entity)
    most = np.maximum.reduceat(depth, heads)
    top = np.flatnonzero(depth == np.repeat(most, np.diff(np.append(heads, len(rows)))))
    return rows[top[_heads(entity[top])]]


def _waiting(tried: _Attempts, best: Ints, rule: Rule, n: int) -> Ints:
    """Return the attempts of customers who may yet come further, or were left out for that."""
    if rule.drop:
        return _furthest(tried, (tried.depth > 0) & ~np.isin(tried.entity, tried.entity[best]))
    hoping = tried.entity[tried.open & tried.alive]
    return best[(tried.depth[best] < n) & np.isin(tried.entity[best], hoping)]


def _medians(values: Ints, codes: Ints, size: int) -> Floats:
    """Return the median of each code, NaN where it has no value."""
    ordered = values[np.lexsort((values, codes))] if size > 1 else np.sort(values)
    counts = np.bincount(codes, minlength=size)
    known = np.flatnonzero(counts)
    first = (np.cumsum(counts) - counts)[known]
    n = counts[known]
    medians = np.full(size, np.nan)
    medians[known] = ordered[first + (n - 1) // 2] / 2 + ordered[first + n // 2] / 2
    return medians
