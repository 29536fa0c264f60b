import datetime as dt
import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

MIDNIGHT = dt.datetime(2025, 12, 31)  # noqa: DTZ001 - days of January 2026 are added


def plain(value):
    """Columns of any kind of table as lists; missing values as None."""
    if isinstance(value, pl.LazyFrame):
        value = value.collect()
    if isinstance(value, pl.DataFrame):
        return value.to_dict(as_series=False)
    if isinstance(value, duckdb.DuckDBPyRelation):
        value = value.to_arrow_table()
    if isinstance(value, pa.Table):
        return value.to_pydict()
    return {
        name: [None if pd.isna(one) else one for one in column.tolist()]
        for name, column in value.items()
    }


def from_arrow_to_pandas(table):
    return table.to_pandas()


def from_arrow_to_pandas_arrow(table):
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def from_arrow_to_nullable(table):
    return table.to_pandas().convert_dtypes()


def from_arrow_to_polars(table):
    return pl.from_arrow(table)


def from_arrow_to_lazy(table):
    return pl.from_arrow(table).lazy()


def from_arrow_to_duckdb(table):
    # a connection of its own: faults of the default one show only so
    return duckdb.connect().from_arrow(table)


EAGER = {
    "pandas": from_arrow_to_pandas,
    "pandas nullable": from_arrow_to_nullable,
    "pandas pyarrow": from_arrow_to_pandas_arrow,
    "polars": from_arrow_to_polars,
    "pyarrow": lambda table: table,
}
ALL = {**EAGER, "polars lazy": from_arrow_to_lazy, "duckdb": from_arrow_to_duckdb}


@pytest.fixture(params=list(EAGER))
def make_eager(request):
    return EAGER[request.param]


@pytest.fixture(params=list(ALL))
def make_table(request):
    return ALL[request.param]


@pytest.fixture
def as_lists():
    return plain


@pytest.fixture
def found():
    """The checks of a table that found something: check -> (severity, n_rows, share, example)."""

    def read(answer):
        columns = plain(answer)
        assert list(columns) == ["check", "severity", "n_rows", "share", "example", "advice"]
        lines = zip(*columns.values(), strict=True)
        return {line[0]: line[1:5] for line in lines if line[1] != "ok"}

    return read


@pytest.fixture
def arrow_lines():
    """Build order lines in Arrow from rows (customer, order, day of January 2026, amount)."""

    def build(rows, **more):
        customers, orders, days, amounts = (list(column) for column in zip(*rows, strict=True))
        moments = [None if d is None else MIDNIGHT + dt.timedelta(days=d) for d in days]
        return pa.table({
            "customer_id": pa.array(customers, pa.string()),
            "order_id": pa.array(orders, pa.int64()),
            "date": pa.array(moments, pa.timestamp("us")),
            "amount": pa.array(amounts, pa.float64()),
            **{name: pa.array(values) for name, values in more.items()},
        })  # fmt: skip

    return build


@pytest.fixture(scope="session")
def online_retail():
    folder = os.environ.get("CRMLYTICS_CHECK_DATA")
    if not folder:
        pytest.skip("CRMLYTICS_CHECK_DATA is not set")
    lines = pd.read_parquet(Path(folder) / "retail" / "online_retail.parquet")
    lines["amount"] = np.asarray(lines["Quantity"] * lines["UnitPrice"])
    return lines
