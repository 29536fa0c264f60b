"""The way out: results become the kind of table that came in, in the declared dtypes, sorted."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _columns, _lazy
from crmlytics._frame import Source

# int: whole numbers (null = unknown), date: naive midnight; id: as the caller's column has it
_ARROW = {
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "date": pa.timestamp("us"),
}
_NARWHALS: dict[str, Any] = {
    "int": nw.Int64,
    "float": nw.Float64,
    "text": nw.String,
    "bool": nw.Boolean,
    "date": nw.Datetime("us"),
}
Reduced: TypeAlias = Any  # a pyarrow Table (eager) or a narwhals LazyFrame


def native(
    source: Source, reduced: Reduced, schema: Mapping[str, str], *, sort_by: Sequence[str] = ()
) -> Any:
    """Cast to the declared columns and hand back the caller's kind; eager results are sorted.

    Columns declared as "id" are roles of the source and leave under their own name and dtype.
    """
    if source.lazy:
        return _lazy_native(source, reduced, schema)
    table = reduced if isinstance(reduced, pa.Table) else _lazy.collect(reduced)
    if sort_by:
        table = table.take(_order(table, sort_by))
    columns = {}
    for name, kind in schema.items():
        if kind == "id":
            columns[source.names[name]] = restore(table[name], source.column(name))
        else:
            columns[name] = _cast(table[name], kind)
    return assemble(columns, source)


def kinds_of(table: pa.Table) -> dict[str, str]:
    """Say what each column is, for tables that are made in their declared types."""
    words = {wanted: word for word, wanted in _ARROW.items()}
    return {name: words[table[name].type] for name in table.column_names}


def _order(table: pa.Table, sort_by: Sequence[str]) -> Any:
    keys = [(name, "ascending") for name in sort_by]
    plain = {}
    for name in sort_by:
        values = table[name]
        is_dictionary = pa.types.is_dictionary(values.type)
        plain[name] = values.cast(values.type.value_type) if is_dictionary else values
    return pc.sort_indices(pa.table(plain), sort_keys=keys)


def _lazy_native(source: Source, reduced: Reduced, schema: Mapping[str, str]) -> Any:
    if isinstance(reduced, pa.Table):
        reduced = _lazy.working(source.table, reduced, source.kind)
    columns = [
        nw.col(name).alias(source.names[name])
        if kind == "id"
        else nw.col(name).cast(_NARWHALS[kind])
        for name, kind in schema.items()
    ]
    return reduced.select(*columns).to_native()


def _cast(values: Any, kind: str) -> Any:
    wanted = _ARROW[kind]
    return values if values.type == wanted else values.cast(wanted)


def restore(values: Any, like: nw.Series[Any]) -> nw.Series[Any]:
    """Give ids back the kind and dtype of the caller's column."""
    caller = like.to_native()
    if like.implementation.is_pandas():
        import pandas as pd

        if hasattr(caller.dtype, "__from_arrow__"):  # nullable and pyarrow dtypes: nulls stay nulls
            made = pd.Series(caller.dtype.__from_arrow__(pa.chunked_array(values)))
        else:
            made = pd.Series(values.to_pandas())
        # a copy, because a view of Arrow memory is read-only and answers are there to be edited
        return nw.from_native(made.astype(caller.dtype).copy(), series_only=True)
    if like.implementation.is_pyarrow():
        if pa.types.is_dictionary(caller.type):
            values = pc.dictionary_encode(values)
        return nw.from_native(pa.chunked_array(values).cast(caller.type), series_only=True)
    made = nw.from_arrow(pa.table({"id": values}), backend=like.implementation)["id"]
    return made.cast(like.dtype)


def assemble(columns: Mapping[str, Any], source: Source) -> Any:
    """Build a table of the caller's kind from Arrow columns and columns already in that kind."""
    if source.kind == "pandas DataFrame":
        import pandas as pd

        arrow = arrow_backed(source)
        return pd.DataFrame(
            {name: _pandas(values, arrow=arrow) for name, values in columns.items()}, copy=False
        )
    native_columns = {}
    for name, values in columns.items():
        if isinstance(values, nw.Series):
            native_columns[name] = values.to_native()
        elif source.kind == "PyArrow Table":
            native_columns[name] = values
        else:
            frame = nw.from_arrow(pa.table({name: values}), backend="polars")
            native_columns[name] = frame[name].to_native()
    if source.kind == "PyArrow Table":
        return pa.table(native_columns)
    return nw.get_native_namespace(source.table).DataFrame(native_columns)


def arrow_backed(source: Source) -> bool:
    """Say whether a pandas caller keeps pyarrow dtypes, so that the answer has them too."""
    import pandas as pd

    used = [source.column(role).to_native().dtype for role in source.names]
    return any(isinstance(dtype, pd.ArrowDtype) for dtype in used)


def _pandas(values: Any, *, arrow: bool) -> Any:
    import pandas as pd

    if isinstance(values, nw.Series):
        return values.to_native().reset_index(drop=True)
    if arrow:
        return pd.Series(pd.array(values, dtype=pd.ArrowDtype(values.type)))
    if pa.types.is_string(values.type):
        return pd.Series(values.to_pandas(), dtype="str")
    if values.null_count and pa.types.is_integer(values.type):
        return pd.Series(pd.array(values.to_pylist(), dtype="Int64"))
    if values.null_count and pa.types.is_boolean(values.type):
        return pd.Series(pd.array(values.to_pylist(), dtype="boolean"))
    held = values.to_numpy(zero_copy_only=False)
    return pd.Series(held if held.flags.writeable else held.copy(), copy=False)


def column(values: Any, known: Any = None) -> pa.Array:
    """Return numbers as Arrow; NaN, and rows that are not `known`, become null."""
    values = np.asarray(values)
    unknown = np.isnan(values) if values.dtype.kind == "f" else None
    if known is not None:
        unknown = ~known if unknown is None else unknown | ~known
    return pa.array(values, mask=unknown)


def ids(series: nw.Series[Any]) -> Any:
    """Return ids as Arrow values, categories decoded."""
    values = series.to_arrow()
    is_dictionary = pa.types.is_dictionary(values.type)
    return _columns.nan_as_null(values.cast(values.type.value_type) if is_dictionary else values)


def extended(source: Source, columns: Mapping[str, Any]) -> Any:
    """Return the caller's whole table, in its own order, with columns added or replaced."""
    made = assemble(columns, source)
    added = nw.from_native(made, eager_only=True)
    table = fresh_index(source.table)
    return table.with_columns(*(added[name] for name in columns)).to_native()


def fresh_index(table: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    """Drop a pandas index: it never carries data."""
    if not table.implementation.is_pandas():
        return table
    return nw.from_native(table.to_native().reset_index(drop=True), eager_only=True)


def empty(source: Source, schema: Mapping[str, str]) -> Any:
    """Return the declared columns without a row."""
    if source.lazy:
        # nothing but constants in a select would make a row
        none = source.table.head(0).with_columns(
            nw.lit(None).cast(_NARWHALS[kind]).alias(name)
            for name, kind in schema.items()
            if kind != "id"
        )
        asked = [
            nw.col(name).alias(source.names[name]) if kind == "id" else nw.col(name)
            for name, kind in schema.items()
        ]
        return none.select(*asked).to_native()
    columns = {
        name: ids(source.column(name)) if kind == "id" else pa.array([], _ARROW[kind])
        for name, kind in schema.items()
    }
    return native(source, pa.table(columns), schema)


def collected(table: Any, sort_by: str) -> Any:
    """Bring a reduced lazy answer here, sorted: Polars as a DataFrame, DuckDB as an Arrow Table."""
    lazy = nw.from_native(table)
    arrow = _lazy.collect(lazy)
    arrow = arrow.take(_order(arrow, [sort_by]))
    if lazy.implementation.is_polars():
        return nw.from_arrow(arrow, backend="polars").to_native()
    return arrow
