"""Tables brought together by customer: what is read, whose it is, and what was not used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _checks, _codes, _columns, _frame, _result
from crmlytics._columns import Ints
from crmlytics._frame import Source
from crmlytics.customers import _align
from crmlytics.customers._sources import KINDS, Seen, days_of
from crmlytics.errors import ColumnError, DataError, OptionError

ORPHANS = ("report", "add")
_USUAL = {
    "channel_col": "channel", "score_col": "score", "treated_col": "treated",
    "resolved_col": "resolved_at",
}  # fmt: skip
_DATED = ("as_of", "cutoff")


@dataclass
class Part:
    """What one table adds to the view, and what became of its rows."""

    name: str
    columns: dict[str, Any]
    n_rows: int
    n_used: int
    n_after: int = 0
    n_orphans: int = 0
    n_customers: int = 0
    days: tuple[int, int] | None = None
    dated: bool = False


@dataclass
class Gathered:
    """The view before it leaves: its ids, the row in customers of each, and the parts."""

    source: Source
    ids: Any
    row: Ints  # -1 for customers added
    parts: list[Part] = field(default_factory=list)


def gathered(
    customers: Any, tables: Mapping[str, Any], extra: Any, *, as_of: Any, orphans: str,
    names: Mapping[str, str | None], caller: str,
) -> Gathered:  # fmt: skip
    """Read all tables, find whose their rows are, and reduce each to one entry a customer."""
    day = _checks.day(as_of, name="as_of", caller=caller)
    _checks.choice(orphans, ORPHANS, name="orphans", caller=caller)
    source = _frame.read(
        customers, caller=caller, argument="customers",
        roles={"customer_col": names["customer_col"]},
    )  # fmt: skip
    events = {
        name: _read_events(table, name, caller, names)
        for name, table in tables.items()
        if table is not None
    }
    more = _read_extra(extra, caller, names["customer_col"], day)
    others = [*events.values(), *(table for _, table in more)]
    _frame.same_library(source, *others)
    for each in others:
        _align.check_kinds(each, source)
    _align.one_row_each(source)
    ids = _align.ids(source)
    days = {name: days_of(each, KINDS[name].date) for name, each in events.items()}
    if orphans == "add":
        for name, each in events.items():
            ids = with_orphans(ids, each, days[name] <= day)
    order = np.asarray(pc.sort_indices(ids), dtype=np.int64)
    row = np.where(order < source.n_rows, order, -1)
    made = Gathered(source, ids.take(pa.array(order)), row)
    for name, each in events.items():
        made.parts.append(_reduced(name, each, days[name], made.ids, day))
    made.parts += [_looked_up(name, each, made.ids) for name, each in more]
    _warn_of_orphans(made.parts, caller)
    return made


def _read_events(table: Any, name: str, caller: str, names: Mapping[str, str | None]) -> Source:
    kind = KINDS[name]
    opened, _ = _frame.open_table(table, caller=caller, argument=name, lazy=False)
    roles = {"customer_col": names["customer_col"]} | {each: names[each] for each in kind.roles}
    for option in kind.usual:
        if names[option] != _USUAL[option] or _USUAL[option] in opened.columns:
            roles[option] = names[option]
    return _frame.read(
        table, caller=caller, argument=name, roles=roles,
        optional=("order_col", "amount_col", *kind.usual),
    )  # fmt: skip


def _read_extra(
    extra: Any, caller: str, customer_col: str | None, day: int
) -> list[tuple[str, Source]]:
    """Read tables with one row a customer; those that speak of a later day are refused."""
    if isinstance(extra, Mapping):
        named = [(f"{name}_", f"extra[{name!r}]", table) for name, table in extra.items()]
    elif isinstance(extra, Sequence) and not isinstance(extra, str):
        named = [("", f"extra[{place}]", table) for place, table in enumerate(extra)]
    else:
        raise OptionError(
            f"{caller}: extra must be a list of tables with one row per customer, or a dict that "
            f"names them; got {_checks.shown(extra)}."
        )
    read = []
    for prefix, argument, table in named:
        source = _frame.read(
            table, caller=caller, argument=argument, roles={"customer_col": customer_col}
        )
        _align.one_row_each(source)
        for column in _DATED:
            if column in source.table.columns and source.n_rows:
                _refuse_later(source, column, day)
        read.append((prefix, source))
    return read


def _refuse_later(source: Source, column: str, day: int) -> None:
    series = source.table[column]
    known = np.flatnonzero(~_columns.null_mask(series))
    if _columns.family(series) not in {"date", "aware date"} or not len(known):
        return
    latest = int(_columns.ticks(series[known]).days().max())
    if latest > day:
        raise DataError(
            f"{source.caller}: {source.argument} has {column!r} {_checks.iso(latest)}, after as_of "
            f"{_checks.iso(day)}. Make it as of that day, or choose a later as_of."
        )


def with_orphans(ids: Any, source: Source, seen: Any) -> Any:
    """Add the customers who have a row up to the day and are not there yet."""
    found, _ = _align.distinct(source, seen)
    new = found.filter(pa.array(_align.places(found, ids) < 0))
    try:
        return pa.concat_arrays([ids, new.cast(ids.type)])
    except pa.ArrowInvalid as error:  # 300 among ids of one byte, or 1.5 among whole numbers
        raise ColumnError(
            f"{source.caller}: ids in {source.names['customer']!r} of {source.argument} do not fit "
            "into the type of those in customers. Make both one type before the call."
        ) from error


def _reduced(name: str, source: Source, days: Ints, ids: Any, day: int) -> Part:
    kind, who = KINDS[name], _align.rows_of(source, ids)
    past = days <= day
    ours = past & (who >= 0)
    n_past, n_used = int(np.count_nonzero(past)), int(np.count_nonzero(ours))
    rows = None if n_used == len(ours) else ours  # then nothing need be copied
    used = _codes.pick(days, rows)
    seen = Seen(source, rows, _codes.pick(who, rows), used, len(ids), day)
    columns = {
        f"{name}_{column}": pa.array(values) if isinstance(values, np.ndarray) else values
        for column, values in kind.reduce(seen).items()
    }
    return Part(
        name, columns, source.n_rows, n_used, source.n_rows - n_past, n_past - n_used,
        int(np.count_nonzero(seen.count())),
        (int(used.min()), int(used.max())) if len(used) else None, dated=True,
    )  # fmt: skip


def _looked_up(prefix: str, source: Source, ids: Any) -> Part:
    """Find the row of each customer; customers without one have nulls."""
    row = _align.places(ids, _align.ids(source))
    places = pa.array(row, mask=row < 0)
    columns = {
        f"{prefix}{name}": arrow(source.table[name]).take(places)
        for name in source.table.columns
        if name != source.names["customer"]
    }
    used = int((row >= 0).sum())
    return Part(
        prefix.removesuffix("_") or source.argument, columns, source.n_rows, used,
        n_orphans=source.n_rows - used, n_customers=used,
    )  # fmt: skip


def arrow(series: Any) -> Any:
    """Return a column of any kind as plain Arrow values."""
    values = _result.ids(series)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.cast(pa.string()) if pa.types.is_large_string(values.type) else values


def _warn_of_orphans(parts: Sequence[Part], caller: str) -> None:
    said = [f"{part.n_orphans} of {part.name}" for part in parts if part.n_orphans]
    if said:
        dated = any(part.n_orphans and part.dated for part in parts)
        way = "Add them with orphans='add', or complete customers." if dated else ""
        sentence = f"{caller}: left out rows of nobody in customers: {', '.join(said)}. {way}"
        _checks.warn(sentence.strip())
