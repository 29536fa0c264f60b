"""Tables without an order id: all that a customer buys on one day is one order."""

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import crmlytics as crm

LINES = crm.datasets.load_cdnow("sample")
# the same rows with the id that a customer's day would have
WITH_ID = LINES.assign(order_id=LINES.groupby(["customer_id", "date"]).ngroup())
KEYS = {"kpi_table": ["period"], "cohort_table": ["cohort", "age"]}


@pytest.mark.parametrize(
    ("name", "options"), [("kpi_table", {}), ("cohort_table", {"value": "orders"})]
)
def test_tables_by_period(name, options):
    function = getattr(crm.kpi, name)
    want = function(WITH_ID, **options)
    pd.testing.assert_frame_equal(function(LINES, order_col=None, **options), want)
    table = pa.Table.from_pandas(LINES, preserve_index=False)
    lazy = function(pl.from_arrow(table).lazy(), order_col=None, **options).collect().to_arrow()
    relation = duckdb.connect().from_arrow(table)
    engine = function(relation, order_col=None, **options).to_arrow_table()
    for got in (lazy, engine):
        plain = got.to_pandas().sort_values(KEYS[name], ignore_index=True)
        pd.testing.assert_frame_equal(plain, want, check_dtype=False)


@pytest.mark.parametrize(
    "name", ["repeat_rate", "purchase_frequency", "average_order_value", "arpu"]
)
def test_averages(name):
    function = getattr(crm.kpi, name)
    pd.testing.assert_frame_equal(function(LINES, order_col=None), function(WITH_ID))


def test_repeat_rate_of_cdnow():
    # Fader and Hardie's CDNOW sample: 2,357 customers, 1,139 with a second day over 78 weeks
    # (computed: LINES.groupby("customer_id")["date"].nunique().gt(1).sum())
    days = LINES.groupby("customer_id")["date"].nunique()
    row = crm.kpi.repeat_rate(LINES, order_col=None).iloc[0]
    assert (row["numerator"], row["denominator"]) == (int(days.gt(1).sum()), 2357)
