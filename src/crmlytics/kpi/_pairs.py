"""Two tables in one count: codes that mean the same in both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _codes, _columns, _frame, _result
from crmlytics._columns import Bools, Ints, Keys
from crmlytics._frame import Source
from crmlytics.errors import DataError, OptionError

_WHOLE = 2.0**53  # floats below it tell whole numbers apart


@dataclass(frozen=True)
class Together:
    """Values of two tables: a code for each row of either, and the values by code."""

    left: Ints
    right: Ints
    size: int
    names: dict[str, Any]  # column of the answer -> Arrow values, one a code

    @property
    def schema(self) -> dict[str, str]:
        """The kinds of these columns."""
        return _result.kinds_of(pa.table(self.names))


def day(as_of: Any, *sources: Source) -> int:
    """Return the day of the question, which several tables cannot tell by themselves."""
    if as_of is None:
        raise OptionError(
            f"{sources[0].caller}: as_of must be given where several tables are read; got None. "
            "Pass the last day that all of them cover, such as datetime.date(2026, 3, 31)."
        )
    told = {source.argument: _family(source, "date") for source in sources}
    if set(told.values()) >= {"date", "aware date"}:
        aware = [name for name, family in told.items() if family == "aware date"]
        raise DataError(
            f"{sources[0].caller}: the dates of {aware} have a time zone and those of the other "
            "table have none. Give both a zone, or none."
        )
    return max(_frame.as_of(source, as_of) for source in sources)


def bought(source: Source, day: int) -> Bools | None:
    """Mark the purchases up to a day; None means all rows."""
    negative = _codes.returns(source)
    return _codes.both(_codes.seen_rows(source, day), None if negative is None else ~negative)


def customers(left: Source, right: Source) -> Together:
    """Encode the customers of both tables."""
    codes, values = _encode(left, right, "customer")
    return Together(*codes, len(values), {})


def groups(
    left: Source,
    right: Source,
    roles: Mapping[str, str],
    left_rows: Bools | None,
    right_rows: Bools | None,
) -> Together:
    """Encode the groups that the rows picked of both tables form; without roles all are one.

    `roles` maps each role to the name of its column in the answer. Codes of rows not picked mean
    nothing. A right table that lacks one of the roles is not looked at, and has no codes.
    """
    n_left = left.n_rows
    n_right = right.n_rows if all(role in right.names for role in roles) else 0
    cells = np.zeros(n_left + n_right, dtype=np.int64)
    parts: dict[str, tuple[Ints, Any]] = {}
    for role, name in roles.items():
        (own, other), values = _encode(left, right if n_right else left, role)
        codes = np.concatenate([own, other]) if n_right else own
        parts[name] = (codes, values)
        if len(parts) > 1:
            _, cells = np.unique(cells * max(len(values), 1) + codes, return_inverse=True)
        else:
            cells = codes
    if not roles:
        return Together(cells[:n_left], cells[n_left:], 1, {})
    picked = [
        np.ones(n, dtype=bool) if rows is None else rows[:n]
        for n, rows in ((n_left, left_rows), (n_right, right_rows))
    ]
    at = np.flatnonzero(np.concatenate(picked))
    rank = np.full(int(cells.max(initial=-1)) + 1, -1)
    rank[cells[at[::-1]]] = at[::-1]  # the last of several writes stays: the first row of each
    used = np.flatnonzero(rank >= 0)
    rows = rank[used]
    rank[used] = np.arange(len(used))
    cells = rank[cells]
    names = {name: values.take(pa.array(codes[rows])) for name, (codes, values) in parts.items()}
    return Together(cells[:n_left], cells[n_left:], len(used), names)


def _encode(left: Source, right: Source, role: str) -> tuple[tuple[Ints, Ints], Any]:
    """Return the codes of a column in two tables, and the values by code."""
    sources = (left, right)
    families = [_family(source, role) for source in sources]
    known = [family for family in families if family != "nothing"]
    if len(set(known)) > 1:
        raise DataError(
            f"{left.caller}: {left.names[role]!r} holds {known[0]}s in {left.argument} and "
            f"{known[1]}s in {right.argument}, so that no two are the same. Make them one type "
            "first."
        )
    keys = [source.keys(role) for source in sources]
    values = [_plain(key, known[0] if known else "text") for key in keys]
    if len({each.type for each in values}) > 1:  # whole numbers here, and others there
        values = [each.cast(pa.float64(), safe=False) for each in values]
    together = pc.dictionary_encode(pa.concat_arrays(values), null_encoding="encode")
    codes = together.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    own, other = codes[: keys[0].size], codes[keys[0].size :]
    return (own[keys[0].codes], other[keys[1].codes]), _narrow(together.dictionary)


def _family(source: Source, role: str) -> str:
    series = source.column(role)
    if not source.n_rows or _columns.null_mask(series).all():
        return "nothing"
    return str(_columns.family(series))


def _plain(keys: Keys, family: str) -> Any:
    """Return the ids by code as Arrow, in the one type of their family."""
    wanted = {
        "text": pa.string(),
        "number": pa.int64(),
        "flag": pa.bool_(),
    }.get(family, pa.timestamp("us"))
    if not keys.size:
        return pa.array([], wanted)
    values = _result.ids(keys.take(np.arange(keys.size)))
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if family == "aware date":
        values = pc.local_timestamp(values)
    if family == "number" and not pa.types.is_integer(values.type):
        wanted = pa.float64()
    return values.cast(wanted, safe=False)


def _narrow(values: Any) -> Any:
    """Return whole numbers as such, also where a null had made floats of them."""
    if not pa.types.is_floating(values.type):
        return values
    whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), _WHOLE))
    return values.cast(pa.int64(), safe=False) if pc.all(whole).as_py() else values
