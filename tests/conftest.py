import os
from pathlib import Path

import duckdb
import matplotlib as mpl
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

mpl.use("Agg")

_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.string(): pd.StringDtype(),
    pa.bool_(): pd.BooleanDtype(),
}
# A connection of the tests' own: only then do faults show that the default one of duckdb hides.
_OWN = duckdb.connect(":memory:")


def _arrow(columns):
    return columns if isinstance(columns, pa.Table) else pa.table(columns)


def _pandas(columns):
    return _arrow(columns).to_pandas()


def _pandas_nullable(columns):
    return _arrow(columns).to_pandas(types_mapper=_NULLABLE.get)


def _pandas_pyarrow(columns):
    return _arrow(columns).to_pandas(types_mapper=pd.ArrowDtype)


def _polars(columns):
    return pl.from_arrow(_arrow(columns))


def _pyarrow(columns):
    return _arrow(columns).combine_chunks()


def _pyarrow_chunks(columns):
    whole = _arrow(columns)
    step = max(len(whole) // 4, 1)
    parts = [whole.slice(at, step) for at in range(0, len(whole), step)]
    return pa.concat_tables(parts) if parts else whole


def _polars_lazy(columns):
    return _polars(columns).lazy()


def _duckdb(columns):
    return _OWN.from_arrow(_pyarrow(columns))


EAGER = {
    "pandas": _pandas,
    "pandas nullable": _pandas_nullable,
    "pandas pyarrow": _pandas_pyarrow,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "pyarrow chunks": _pyarrow_chunks,
}
LAZY = {"polars lazy": _polars_lazy, "duckdb": _duckdb}


@pytest.fixture(scope="session")
def engines():
    """Return every constructor by its name; each takes a dict of columns or a PyArrow Table."""
    return EAGER | LAZY


@pytest.fixture(scope="session", params=[*EAGER, *LAZY])
def make_table(request):
    return (EAGER | LAZY)[request.param]


@pytest.fixture(scope="session", params=list(EAGER))
def make_eager(request):
    return EAGER[request.param]


@pytest.fixture(scope="session", params=list(LAZY))
def make_lazy(request):
    return LAZY[request.param]


@pytest.fixture(scope="session")
def plain():
    """Return a function that makes any answer a pandas table of plain dtypes, null as NaN or NA.

    Lazy answers have no order: they are sorted by the columns named first in `sort_by`.
    """
    return _plain


def _plain(table, *sort_by):
    frame = nw.from_native(table)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    arrow = frame.to_arrow()
    columns = {name: _plain_column(arrow[name]) for name in arrow.column_names}
    made = pd.DataFrame(columns)
    return made.sort_values(list(sort_by), ignore_index=True) if sort_by else made


def _plain_column(values):
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_integer(values.type):
        return pd.Series(pd.array(values.to_pylist(), dtype="Int64"))
    if pa.types.is_floating(values.type):
        # None from Arrow, so that null and NaN can be told from each other here and nowhere later
        listed = values.to_pylist()
        assert not any(value is not None and value != value for value in listed), "NaN left us"
        return pd.Series(listed, dtype="float64")
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return pd.Series(values.to_pylist(), dtype="datetime64[us]")
    if pa.types.is_boolean(values.type):
        return pd.Series(pd.array(values.to_pylist(), dtype="boolean"))
    return pd.Series(values.to_pylist(), dtype="str")


@pytest.fixture(scope="session")
def schema():
    """Return a function that lists the columns of any answer with narwhals' dtypes as text."""

    def listed(table):
        return {name: str(kind) for name, kind in nw.from_native(table).collect_schema().items()}

    return listed


@pytest.fixture(scope="session")
def check_data():
    """Return the folder of the files for checks at home, which the project does not contain."""
    folder = os.environ.get("CRMLYTICS_CHECK_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CRMLYTICS_CHECK_DATA names no folder")
    return Path(folder)


@pytest.fixture
def plain_sums(monkeypatch):
    """Have vaderSentiment add as Python did when it was written: from 3.12 on `sum` compensates."""
    from vaderSentiment import vaderSentiment

    def plain(values):
        total = 0
        for value in values:
            total += value
        return total

    monkeypatch.setattr(vaderSentiment, "sum", plain, raising=False)
