"""Ids of several tables brought together: whose rows are whose."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _codes, _columns, _result
from crmlytics._columns import Bools, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError


def one_row_each(source: Source) -> None:
    """Refuse a table with several rows of one customer."""
    twice = int((np.bincount(source.keys("customer").codes, minlength=1) > 1).sum())
    if twice:
        raise DataError(
            f"{source.caller}: {source.argument} has several rows for {twice} "
            f"{source.names['customer']!r} (customer_col). Keep one row for each customer."
        )


def ids(source: Source) -> Any:
    """Return the ids of all rows as one Arrow array."""
    return _whole(_result.ids(source.column("customer")))


def _whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def check_kinds(source: Source, customers: Source) -> None:
    """Refuse ids of two kinds, of which no two can be the same."""
    if not source.n_rows or not customers.n_rows:
        return
    one, other = (_columns.family(each.column("customer")) for each in (source, customers))
    if one != other:
        raise ColumnError(
            f"{source.caller}: ids in {source.names['customer']!r} are {one}s in "
            f"{source.argument} and {other}s in customers, so that no two are the same. "
            "Convert one of them first."
        )


def distinct(source: Source, rows: Bools | None = None) -> tuple[Any, Ints]:
    """Return the different ids of some rows, and their codes."""
    keys = source.keys("customer")
    codes = np.flatnonzero(np.bincount(_codes.pick(keys.codes, rows), minlength=keys.size))
    return (_whole(_result.ids(keys.take(codes))) if len(codes) else ids(source)[:0]), codes


def places(values: Any, among: Any) -> Ints:
    """Return where each id stands in another array of ids; -1 where it does not."""
    if not len(values) or not len(among):
        return np.full(len(values), -1)
    if values.type != among.type:
        number = pa.types.is_floating(values.type) or pa.types.is_floating(among.type)
        text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        common = pa.large_string() if text else pa.float64() if number else pa.int64()
        values, among = values.cast(common), among.cast(common)
    found = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def named(values: Any, source: Source, *, added: bool) -> Any:
    """Return ids as the caller's column has them; categories may lack those of other tables."""
    series = source.column("customer")
    as_text = added and str(series.dtype).startswith(("Categorical", "Enum"))
    return values.cast(pa.string()) if as_text else _result.restore(values, series)


def rows_of(source: Source, among: Any) -> Ints:
    """Return the place in an array of ids of each row's customer; -1 for those not there."""
    found, codes = distinct(source)
    place = np.full(source.keys("customer").size, -1)
    place[codes] = places(found, among)
    return np.asarray(place[source.keys("customer").codes], dtype=np.int64)


def flags(source: Source, role: str) -> tuple[Bools, Bools]:
    """Return which rows are True (or 1), and which are unknown."""
    series = source.column(role)
    null = _columns.null_mask(series)
    if null.all():
        return np.zeros(len(null), dtype=bool), null
    if _columns.family(series) in {"flag", "number"}:
        held = series.cast(nw.Float64) if _columns.family(series) == "flag" else series
        values = np.where(null, 0.0, _columns.numbers(held))
        if np.isin(values, (0.0, 1.0)).all():
            return values == 1.0, null
    raise ColumnError(
        f"{source.caller}: column {source.names[role]!r} ({role}_col) of {source.argument} holds "
        f"{_columns.describe(series)}, not True or False. Convert it before the call, as with "
        f"{source.argument}[{source.names[role]!r}] == 'yes'."
    )
