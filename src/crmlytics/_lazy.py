"""The vocabulary for tables that stay in an engine: the only place that groups through narwhals.

Aggregations take the name of a column, never an expression, out of a closed set; distinct rows are
groups; windows need an order with a unique tie-breaker. What engines get silently wrong (a
condition inside an aggregation, unordered windows, counts that wrap below zero) cannot be written
with these helpers.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics._checks import EPOCH_ORDINAL
from crmlytics._columns import ENDLESS, dtype_family
from crmlytics.errors import OptionError

Lazy = nw.LazyFrame[Any]
_AGGREGATIONS = ("sum", "min", "max", "mean", "count")


def by_role(table: Lazy, names: Mapping[str, str], kinds: Mapping[str, str]) -> Lazy:
    """Keep the columns that have a role, called by it; NaN becomes null, dates lose their zone."""
    schema = table.collect_schema()
    columns = []
    for role, name in names.items():
        column, dtype = nw.col(name), schema[name]
        if kinds[role] == "number":
            column = column.cast(nw.Float64)
        if kinds[role] == "number" or dtype.is_float():
            column = nw.when(~column.is_nan()).then(column + 0.0)  # 0.0 and -0.0 are one id
        if kinds[role] == "date":
            if dtype_family(dtype) == "aware date":
                column = column.dt.replace_time_zone(None)
            column = column.cast(nw.Datetime("us"))
        columns.append(column.alias(role))
    return table.select(*columns)


def facts(table: Lazy, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Count rows, nulls, infinities and negatives and find first and last days, in one pass."""
    asked = [nw.len().alias("rows")]
    flags = []
    for role, kind in kinds.items():
        column = nw.col(role)
        if kind in {"id", "date"}:
            flags.append(column.is_null().cast(nw.Int64).alias(f"{role} nulls"))
        if kind == "number":
            infinite = (column > ENDLESS) | (column < -ENDLESS)
            flags.append(infinite.cast(nw.Int64).alias(f"{role} infinite"))
            flags.append((column < 0).cast(nw.Int64).alias(f"{role} negative"))
    marked = table.with_columns(*flags)
    asked += [nw.col(name).sum() for name in _new(marked, table)]
    for role, kind in kinds.items():
        if kind == "date":
            asked += [
                nw.col(role).min().alias(f"{role} first"),
                nw.col(role).max().alias(f"{role} last"),
            ]
    row = collect(marked.select(*asked)).to_pylist()[0]
    return {name: _plain(value) for name, value in row.items()}


def _new(after: Lazy, before: Lazy) -> list[str]:
    old = set(before.collect_schema().names())
    return [name for name in after.collect_schema().names() if name not in old]


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.toordinal() - EPOCH_ORDINAL
    return 0 if value is None else int(value)


def collect(table: Lazy) -> pa.Table:
    """Bring a reduced table here; Polars runs it in its streaming engine."""
    options: dict[str, Any] = {}
    if table.implementation.is_polars():
        options["engine"] = "streaming"
    return table.collect(**options).to_arrow()


def agg(table: Lazy, by: Sequence[str], **measures: str | tuple[str, str]) -> Lazy:
    """Group by columns; each measure is "len" or a (column, sum | min | max | mean | count)."""
    schema = table.collect_schema()
    asked, whole = [], []
    for name, measure in measures.items():
        if measure == "len":
            asked.append(nw.len().alias(name))
            whole.append(name)
            continue
        column, how = cast("tuple[str, str]", measure)
        if how not in _AGGREGATIONS:
            raise OptionError(f"agg: a measure must be one of {_AGGREGATIONS}; got {how!r}.")
        asked.append(getattr(nw.col(column), how)().alias(name))
        if how == "count" or (how == "sum" and schema[column].is_integer()):
            whole.append(name)
    grouped = table.group_by(*by).agg(*asked) if by else table.select(*asked)
    # counts are UInt32 in Polars (1 - 2 = 4294967295) and sums of integers 128 bit in DuckDB
    return grouped.with_columns(nw.col(name).cast(nw.Int64) for name in whole)


def distinct(table: Lazy, by: Sequence[str]) -> Lazy:
    """Return the different rows of these columns."""
    return agg(table, by, rows="len").select(*by)


def lowest(table: Lazy, name: str, *, of: str, by: Sequence[str]) -> Lazy:
    """Add the lowest value of a column within each group."""
    return table.with_columns(nw.col(of).min().over(*by).alias(name))


def previous(table: Lazy, name: str, *, of: str, by: Sequence[str], order_by: str) -> Lazy:
    """Add the value of the row before in each group; `order_by` must be unique inside a group."""
    window = nw.col(of).shift(1)
    over = window.over(*by, order_by=order_by) if by else window.over(order_by=order_by)
    return table.with_columns(over.alias(name))


def running(table: Lazy, name: str, *, of: str, by: Sequence[str], order_by: str) -> Lazy:
    """Add the sum so far within each group; `order_by` must be unique inside a group."""
    so_far = nw.col(of).cum_sum()
    over = so_far.over(*by, order_by=order_by) if by else so_far.over(order_by=order_by)
    return table.with_columns(over.alias(name))


def stack(tables: Sequence[Lazy], measures: Sequence[str]) -> Lazy:
    """Put tables below each other; measures that one of them lacks are 0 there.

    Followed by a sum this joins on keys that may be null, which no engine's join does.
    """
    whole = []
    for table in tables:
        have = set(table.collect_schema().names())
        keys = [name for name in table.collect_schema().names() if name not in measures]
        filled = [
            (nw.col(name) if name in have else nw.lit(0)).cast(nw.Float64).alias(name)
            for name in measures
        ]
        whole.append(table.select(*keys, *filled))
    return nw.concat(whole, how="vertical")


def cross(left: Lazy, right: Lazy) -> Lazy:
    """Pair every row with every row."""
    return left.join(right, how="cross")


def look_up(table: Lazy, small: Lazy, *, on: str) -> Lazy:
    """Add the columns of a small table; `on` is never null and unique in `small`."""
    return table.join(small, on=on, how="inner")


def day_number(column: str) -> nw.Expr:
    """Days since 1970-01-01 of a date column; no engine lacks these operations."""
    moment = nw.col(column).dt
    year = moment.year().cast(nw.Int64) - 1
    leaps = year // 4 - year // 100 + year // 400
    return year * 365 + leaps + moment.ordinal_day().cast(nw.Int64) - EPOCH_ORDINAL


def over_constant(numbers: nw.Expr, constant: float) -> nw.Expr:
    """Divide by a constant; Polars would multiply by its reciprocal, a last bit beside it."""
    return numbers / (numbers * 0.0 + constant)


def working(like: Lazy | Any, table: pa.Table, kind: str) -> Lazy:
    """Bring a small table of numbers and dates into the engine of a source."""
    if kind == "DuckDB relation":
        relation: Lazy = nw.from_native(_duckdb_rows(like.to_native(), table))
        return relation
    if kind.startswith("Polars"):
        return nw.from_arrow(table, backend="polars").lazy()
    import pandas as pd

    frame: nw.DataFrame[Any] = nw.from_native(table.to_pandas(types_mapper=pd.ArrowDtype))
    return frame.lazy()


def handed_back(like: Any, table: pa.Table, kind: str) -> Any:
    """Return a table of any size as a lazy table of the source's kind, on its connection."""
    if kind == "DuckDB relation":
        made = table  # found by its name in the query, and kept by the relation
        relation = like.query("source_of_rows", "SELECT * FROM made")
        del made
        return relation
    return nw.from_arrow(table, backend="polars").lazy().to_native()


def _duckdb_rows(relation: Any, table: pa.Table) -> Any:
    """Write a table into SQL: a relation can only be joined on its own connection."""
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_timestamp(column.type):
            days = np.asarray(column.cast(pa.timestamp("s"))).astype("M8[D]").astype(np.int64)
            unnested = f"unnest({_whole_list(days.tolist())})::INTEGER"
            columns.append(f"(DATE '1970-01-01' + {unnested})::TIMESTAMP AS \"{name}\"")
            continue
        if pa.types.is_integer(column.type):
            columns.append(f'unnest({_whole_list(column.to_pylist())}) AS "{name}"')
            continue
        if pa.types.is_string(column.type):
            texts = ", ".join(_quote(value) for value in column.to_pylist())
            columns.append(f'unnest([{texts}]::VARCHAR[]) AS "{name}"')
            continue
        values = ", ".join("NULL" if v is None else repr(v) for v in column.to_pylist())
        columns.append(f'unnest([{values}]::DOUBLE[]) AS "{name}"')
    return relation.query("source_of_rows", f"SELECT {', '.join(columns)}")


def _whole_list(values: list[int | None]) -> str:
    """Write whole numbers as a list of SQL; numbers in a row as a range, which is read at once."""
    first = values[0] if values else None
    if first is not None and values == list(range(first, first + len(values))):
        return f"range({first}, {first + len(values)})"
    return f"[{', '.join('NULL' if value is None else str(value) for value in values)}]::BIGINT[]"


def _quote(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
