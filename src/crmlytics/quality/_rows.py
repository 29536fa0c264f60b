"""Loose columns of any kind of table as one narwhals LazyFrame, on which all checks are counted.

Eager tables are read into Arrow columns (`_loose`), lazy ones get the same columns as expressions;
from there on there is one road, so that every engine gives the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _columns, _lazy
from crmlytics._frame import Source
from crmlytics.quality import _loose


@dataclass(frozen=True)
class Rows:
    """One row a row of the caller's table.

    `customer`, `order` (null = unknown, eager tables: codes in the order of the ids), `day` (days
    since 1970), `amount` and `quantity` (null = unknown) and marks such as `amount_wrong`.
    """

    table: Any
    roles: frozenset[str]
    n_rows: int
    dated: bool  # False where the days of a column cannot be known
    show: dict[str, Callable[[Any], str]]


def rows(source: Source) -> Rows:
    """Read the columns that have a role."""
    return _lazy_rows(source) if source.lazy else _eager_rows(source)


def _eager_rows(source: Source) -> Rows:
    columns: dict[str, Any] = {}
    show: dict[str, Callable[[Any], str]] = {}
    for role in source.names:
        series = source.column(role)
        if role in {"customer", "order"}:
            ids = _loose.ids(series)
            show[role] = ids.show
            columns[role] = pa.array(ids.codes, pa.int64(), mask=ids.null)
            columns[f"{role}_null"], columns[f"{role}_odd"] = ids.null, ids.odd
            continue
        read = _loose.dates(series) if role == "date" else _loose.amounts(series)
        values, name = read.values, role
        if role == "date":
            values, name = values // 86_400_000_000, "day"
            none = np.zeros(len(read.null), dtype=bool)
            columns["date_zoned"] = none if read.zoned is None else read.zoned
            columns["date_naive"] = none if read.naive is None else read.naive
        columns[name] = pa.array(values, mask=~read.known)
        columns[f"{role}_null"] = read.null
        columns[f"{role}_wrong"], columns[f"{role}_unread"] = read.wrong, read.unread
        shown = pa.nulls(len(read.null)) if read.shown is None else read.shown
        columns[f"{role}_shown"] = shown.cast(pa.string())
    table = _lazy.working(source.table, pa.table(columns), "pandas DataFrame")
    return Rows(table, frozenset(source.names), source.n_rows, dated=True, show=show)


def _lazy_rows(source: Source) -> Rows:
    schema = source.table.collect_schema()
    duckdb = source.kind == "DuckDB relation"
    columns: dict[str, nw.Expr] = {}
    dated = True
    for role, name in source.names.items():
        dtype, column = schema[name], nw.col(name)
        if dtype.is_float():
            column = nw.when(~column.is_nan()).then(column)
        if role in {"customer", "order"}:
            columns |= id_columns(role, column, dtype)
        elif role == "date":
            # DuckDB reads moments with a zone in the zone of the connection
            dated = not (duckdb and _columns.dtype_family(dtype) == "aware date")
            columns |= _date_columns(column, dtype, dated=dated)
        else:
            columns |= _amount_columns(role, column, dtype)
    table = source.table.select(**columns)
    table = table.with_columns(day=_lazy.day_number("date"))
    n_rows = _lazy.collect(_lazy.agg(source.table, [], rows="len"))["rows"][0].as_py()
    show: dict[str, Callable[[Any], str]] = dict.fromkeys(("customer", "order"), _loose.text_of)
    return Rows(table, frozenset(source.names), int(n_rows), dated=dated, show=show)


def _yes(condition: nw.Expr) -> nw.Expr:
    return condition.fill_null(False)  # noqa: FBT003


def _trimmed(column: nw.Expr) -> nw.Expr:
    text = column.cast(nw.String)
    stripped = text.str.strip_chars(_loose.SPACES)
    return nw.when(stripped.str.len_chars() > 0).then(stripped)


def id_columns(role: str, column: nw.Expr, dtype: Any) -> dict[str, nw.Expr]:
    """Return the ids of a lazy column, with the marks that `_loose.ids` gives."""
    family = _columns.dtype_family(dtype)
    if family == "text":
        text = column.cast(nw.String)
        column = nw.when(text.str.strip_chars(_loose.SPACES).str.len_chars() > 0).then(text)
    odd = family not in _loose.ID_FAMILIES
    if odd:  # lists and the like are marked; not every engine can write them as text
        column = nw.when(~column.is_null()).then(nw.lit(str(dtype)))
    mark = ~column.is_null() if odd else nw.lit(value=False)
    return {role: column, f"{role}_null": column.is_null(), f"{role}_odd": mark}


def _marks(
    role: str, column: nw.Expr, known: nw.Expr, shown: nw.Expr | None = None
) -> dict[str, nw.Expr]:
    """Mark nulls and, where the values are `shown`, all others as wrong and some as unread."""
    none = nw.lit(value=False)
    wrong = none if shown is None else ~column.is_null()
    return {
        f"{role}_null": column.is_null(),
        f"{role}_wrong": wrong,
        f"{role}_unread": none if shown is None else wrong & ~known,
        f"{role}_shown": nw.lit(None, dtype=nw.String) if shown is None else shown,
    }


def _amount_columns(role: str, column: nw.Expr, dtype: Any) -> dict[str, nw.Expr]:
    family = _columns.dtype_family(dtype)
    if family == "number":
        return {role: column.cast(nw.Float64), **_marks(role, column, ~column.is_null())}
    if family == "text":
        text = _trimmed(column)
        known = _yes(text.str.contains(_loose.PLAIN_NUMBER))
        plain = nw.when(known).then(text).str.strip_chars("+")
        return {role: plain.cast(nw.Float64), **_marks(role, text, known, text)}
    nothing = nw.lit(None, dtype=nw.Float64)
    shown = nw.when(~column.is_null()).then(nw.lit(str(dtype)))
    return {role: nothing, **_marks(role, column, nw.lit(value=False), shown)}


def _date_columns(column: nw.Expr, dtype: Any, *, dated: bool) -> dict[str, nw.Expr]:
    family, none = _columns.dtype_family(dtype), nw.lit(value=False)
    zones = {"date_zoned": none, "date_naive": none}
    if family in {"date", "aware date"} and dated:
        plain = column.dt.replace_time_zone(None) if family == "aware date" else column
        marks = _marks("date", column, ~column.is_null())
        return {"date": plain.cast(nw.Datetime("us")), **marks, **zones}
    if family == "text":
        text = _trimmed(column)
        known = _yes(text.str.contains(_loose.ISO_DATE))
        zoned = known & _yes(text.str.contains(_loose.OFFSET))
        days = nw.when(known).then(text.str.slice(0, 10)).str.to_datetime(format="%Y-%m-%d")
        zones = {"date_zoned": zoned, "date_naive": known & ~zoned}
        return {"date": days, **_marks("date", text, known, text), **zones}
    nothing = nw.lit(None, dtype=nw.Datetime("us"))
    readable = nw.lit(value=not dated)
    return {"date": nothing, **_marks("date", column, readable, column.cast(nw.String)), **zones}
