"""The door: what comes in, what is refused and how, and what goes out."""

import sys
import warnings
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import crmlytics as crm
from crmlytics.errors import (
    ColumnError,
    CrmlyticsError,
    CrmlyticsWarning,
    DataError,
    OptionError,
)

DAYS = pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"])
COLUMNS = {
    "customer_id": ["a", "a", "b"], "order_id": [1, 2, 3], "date": list(DAYS),
    "amount": [10.0, 30.0, 5.0],
}  # fmt: skip
LINES = pa.table(COLUMNS)
rfm = crm.segmentation.rfm_table


def frame(**columns):
    return pd.DataFrame(COLUMNS | columns)


def test_the_kind_that_came_in_goes_out(make_table):
    table = make_table(LINES)
    for answer in (rfm(table), crm.kpi.kpi_table(table), crm.kpi.cohort_table(table)):
        assert isinstance(answer, type(table))


def test_the_input_is_not_changed(engines):
    for name, make in engines.items():
        table, untouched = make(LINES), make(LINES)
        answer = crm.segmentation.rfm_table(table)
        if name not in {"polars lazy", "duckdb"}:
            crm.segmentation.rfm_segments(crm.segmentation.rfm_scores(answer))
            assert table.equals(untouched), name


def test_answers_may_be_edited(engines):
    table = engines["pandas"](LINES.set_column(0, "customer_id", pa.array([7, 7, 8])))
    for answer in (rfm(table), crm.segmentation.rfm(table), crm.kpi.kpi_table(table)):
        for column in answer:
            answer.loc[0, column] = answer[column].iloc[-1]
    assert table["customer_id"].tolist() == [7, 7, 8]


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([5, 5, 5]), pd.Index(["x", "y", "z"], name="customer_id"), pd.Index([2, 0, 1]),
        pd.MultiIndex.from_tuples([(1, 2), (1, 2), (0, 0)], names=["order_id", None]),
        DAYS.rename("date"),
    ],
    ids=["repeated", "named as a column", "shuffled", "two levels", "dates"],
)  # fmt: skip
def test_a_pandas_index_is_not_data(index):
    table = frame().set_index(index)
    want = frame()
    pd.testing.assert_frame_equal(rfm(table), rfm(want))
    scored = crm.segmentation.rfm_scores(rfm(want).set_index(index[:2]), bins=2)
    pd.testing.assert_frame_equal(scored, crm.segmentation.rfm_scores(rfm(want), bins=2))
    with pytest.raises(ColumnError, match=r"^rfm_table: no column 'customer_id' \(customer_col\)"):
        rfm(want.set_index("customer_id"))


@pytest.mark.parametrize(
    "names",
    [
        ["مشتری", "شماره سفارش", "تاریخ خرید", "مبلغ"],
        ["the customer", "order #", "a \"quoted\" date", "amount, net"],
        ["order", "customer", "amount", "date"],
        ["first_date", "order_id", "last_date", "spent"],
        ["period", "rows", "known", "unknown"],
    ],
    ids=["persian", "spaces and quotes", "roles of others", "dates of results", "inner words"],
)  # fmt: skip
def test_columns_may_be_called_anything(make_table, plain, names):
    table = make_table(LINES.rename_columns(names))
    roles = dict(zip(["customer_col", "order_col", "date_col", "amount_col"], names, strict=True))
    if names[0] == "first_date":
        with pytest.raises(
            ColumnError, match=r"^rfm_table: column 'first_date' \(customer_col\) h"
        ):
            rfm(table, **roles)
        return
    got = plain(rfm(table, **roles), names[0])
    assert next(iter(got)) == names[0]
    assert got["monetary"].tolist() == [40.0, 5.0]
    if names[0] != "period":
        kpis = plain(crm.kpi.kpi_table(table, **roles, by=names[0]), names[0])
        assert kpis["revenue"].tolist() == [40.0, 5.0]


@pytest.mark.parametrize(
    ("table", "got"),
    [
        ({"customer_id": [1]}, "builtins.dict"),
        ([{"customer_id": 1}], "builtins.list"),
        (np.zeros((2, 2)), "numpy.ndarray"),
        (pd.Series([1]), "pandas.Series"),
        (pl.Series([1]), "polars.Series"),
        (pa.chunked_array([[1]]), "pyarrow.ChunkedArray"),
        (None, "builtins.NoneType"),
        ("lines.csv", "builtins.str"),
    ],
)
def test_what_is_no_table(table, got):
    for function in (rfm, crm.kpi.kpi_table, crm.kpi.repeat_rate, crm.segmentation.rfm_history):
        with pytest.raises(DataError) as refused:
            function(table)
        sentence = str(refused.value)
        assert sentence.startswith(f"{function.__name__}: transactions must be a table (pandas, P")
        assert f"got {got}. Make one first, as with pandas.DataFrame(...)." in sentence


@pytest.mark.parametrize(
    ("library", "sentence"),
    [
        ("dask.dataframe", r"is a Dask table, which is not read\. Use \.compute\(\)"),
        ("pyspark.sql.dataframe", r"is a Spark table, which is not read yet\. .*\.toArrow\(\)"),
    ],
)
def test_dask_and_spark_are_refused_with_the_way_out(library, sentence):
    # a stand-in: what counts is the library that the type comes from
    kind = type("DataFrame", (), {"__module__": library})
    with pytest.raises(DataError, match=rf"^rfm_table: transactions {sentence}"):
        rfm(kind())


def test_a_missing_column_is_named_with_what_was_probably_meant(make_table):
    table = make_table(LINES.rename_columns(["cust", "order_id", "date", "amt"]))
    with pytest.raises(ColumnError) as refused:
        rfm(table, customer_col="cust")
    assert str(refused.value) == (
        "rfm_table: no column 'amount' (amount_col) in transactions; it has ['cust', 'order_id', "
        "'date', 'amt']. Did you mean amount_col='amt'?"
    )
    with pytest.raises(ColumnError, match=r"no column 'city' \(by\) in events; .* Set by to the"):
        crm.kpi.growth_accounting(table, customer_col="cust", by="city")


def test_columns_of_the_same_name():
    twice = pd.concat([frame(), frame()[["amount", "date"]]], axis=1)
    with pytest.raises(ColumnError) as refused:
        rfm(twice)
    assert str(refused.value) == (
        "rfm_table: transactions has columns of the same name: ['amount', 'date']. "
        "Rename or drop one."
    )
    arrow = pa.Table.from_arrays([*LINES.columns, LINES["amount"]], [*LINES.column_names, "amount"])
    with pytest.raises(ColumnError, match=r"^rfm_table: transactions has columns of the same name"):
        rfm(arrow)


def test_column_names_that_are_not_text():
    for columns in ([0, 1, 2, 3], pd.MultiIndex.from_product([["a", "b"], ["c", "d"]])):
        with pytest.raises(
            ColumnError, match=r"^rfm_table: transactions has column names that are"
        ):
            rfm(frame().set_axis(columns, axis=1))


@pytest.mark.parametrize("role", ["customer_col", "order_col", "date_col", "amount_col"])
@pytest.mark.parametrize("name", [None, 3, ["amount"]])
def test_a_role_is_the_name_of_a_column(role, name):
    for function in (rfm, crm.kpi.kpi_table, crm.kpi.arpu):
        if function is not rfm and name is None and role == "order_col":
            continue  # tables without an order id: a customer's day is an order
        with pytest.raises(OptionError, match=rf"^{function.__name__}: {role} must be the name of"):
            function(frame(), **{role: name})


def test_keys_that_have_the_name_of_a_result(make_table):
    renamed = make_table(LINES.rename_columns(["frequency", "order_id", "date", "amount"]))
    with pytest.raises(ColumnError) as refused:
        rfm(renamed, customer_col="frequency")
    assert str(refused.value) == (
        "rfm_table: column 'frequency' (customer_col) has the name of a result column. "
        "Rename it in transactions first."
    )
    with pytest.raises(ColumnError, match=r"^kpi_table: column 'orders' \(by\) has the name of a"):
        crm.kpi.kpi_table(
            make_table(LINES.append_column("orders", pa.array([1, 1, 2]))), by="orders"
        )


def test_by_takes_different_names():
    table = frame(shop="x")
    for by in (["shop", "shop"], 3, [3]):
        with pytest.raises(
            OptionError, match=r"^kpi_table: by must be a column name or a list of d"
        ):
            crm.kpi.kpi_table(table, by=by)


def test_as_of_before_the_data(make_table):
    with pytest.raises(OptionError) as refused:
        rfm(make_table(LINES), as_of=date(2009, 1, 1))
    assert str(refused.value) == (
        "rfm_table: as_of 2009-01-01 is before the first date of transactions, 2026-01-02. "
        "Choose 2026-01-02 or later."
    )


@pytest.mark.parametrize("as_of", ["yesterday", "", 20260101, pd.NaT, np.datetime64("NaT"), 1.5])
def test_as_of_that_is_no_day(as_of):
    with pytest.raises(
        OptionError, match=r"^rfm_table: as_of must be a day, such as datetime\.date"
    ):
        rfm(frame(), as_of=as_of)


def test_empty_tables(make_table, plain):
    empty = make_table(LINES.slice(0, 0))
    functions = {
        rfm: ["customer_id", "recency_days", "frequency", "monetary", "first_date", "last_date"],
        crm.kpi.kpi_table: [
            "period", "revenue", "orders", "active", "new", "returning", "reactivated", "churned",
            "aov", "arpu", "orders_per_customer", "customers_to_date", "complete",
        ],
        crm.kpi.growth_accounting: [
            "period", "active", "new", "retained", "resurrected", "churned", "quick_ratio",
            "complete",
        ],
        crm.kpi.cohort_table: ["cohort", "age", "size", "value", "rate", "complete"],
    }  # fmt: skip
    for function, columns in functions.items():
        answer = function(empty, as_of=date(2026, 1, 1))
        assert isinstance(answer, type(empty))
        assert list(plain(answer)) == columns
        assert len(plain(answer)) == 0
        with pytest.raises(DataError) as refused:
            function(empty)
        assert f"{function.__name__}: " in str(refused.value)
        assert "has no rows, so as_of has no last date. Pass as_of=" in str(refused.value)


def test_one_customer_on_one_day(make_table, plain):
    table = make_table(LINES.slice(0, 1))
    assert plain(rfm(table)).iloc[0, 1:4].tolist() == [0, 1, 10.0]
    assert plain(crm.kpi.cohort_table(table))["rate"].tolist() == [1.0]
    kpis = plain(crm.kpi.kpi_table(table))
    assert kpis["returning"].isna().all()
    assert kpis["aov"].tolist() == [10.0]


def test_one_customer_on_one_day_is_scored_and_named(make_eager, plain):
    got = plain(crm.segmentation.rfm(make_eager(LINES.slice(0, 1))))
    # one value is its own cut and lies below it: recency is best, the others lowest
    assert got[["r_score", "f_score", "m_score"]].to_numpy().tolist() == [[5, 1, 1]]
    assert got["segment"].tolist() == ["new"]


def test_lazy_tables_are_refused_where_numbers_are_needed(make_lazy):
    table = make_lazy(LINES)
    functions = [
        crm.segmentation.rfm, crm.segmentation.rfm_history, crm.segmentation.rfm_scores,
        crm.segmentation.rfm_segments, crm.segmentation.rfm_cuts, crm.segmentation.segment_profile,
        crm.kpi.repeat_rate, crm.kpi.average_order_value, crm.kpi.arpu, crm.kpi.purchase_frequency,
        crm.kpi.retention_curve,
    ]  # fmt: skip
    for function in functions:
        with pytest.raises(DataError) as refused:
            function(table)
        sentence = str(refused.value)
        assert sentence.startswith(f"{function.__name__}: ")
        assert "needs its numbers here" in sentence or "with collect=True, or call" in sentence
        way = ".collect()" if isinstance(table, pl.LazyFrame) else ".pl() or .arrow()"
        assert f"call {way} on it" in sentence


@pytest.mark.parametrize("collect", ["yes", 1, None])
def test_collect_is_a_flag_for_every_table(make_table, collect):
    with pytest.raises(OptionError, match=r"^rfm: collect must be True or False; got "):
        crm.segmentation.rfm(make_table(LINES), collect=collect)


def test_a_duckdb_column_with_a_zone_is_refused():
    own = duckdb.connect(":memory:")
    lines = own.sql(
        "SELECT 1 AS customer_id, 1 AS order_id, 1.0 AS amount, "
        "TIMESTAMPTZ '2026-01-01 00:00:00+00' AS date"
    )
    with pytest.raises(
        ColumnError, match=r"^rfm_table: column 'date' .* with a time zone .* first\."
    ):
        rfm(lines)
    times = own.sql("SELECT 1 AS customer_id, 1 AS order_id, 1.0 AS amount, TIME '10:00' AS date")
    with pytest.raises(
        ColumnError, match=r"^rfm_table: column 'date' \(date_col\) holds Time, not"
    ):
        rfm(times)


def test_every_refusal_is_a_value_error_of_ours():
    with pytest.raises(ValueError, match="rfm_table") as refused:
        rfm(None)
    assert isinstance(refused.value, CrmlyticsError)


def test_warnings_point_at_the_callers_line(make_table):
    table = make_table(LINES.set_column(3, "amount", pa.array([1.0, 1.0, -2.0])))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rfm(table)
        line = sys._getframe().f_lineno - 1
    assert [w.category for w in caught] == [CrmlyticsWarning]
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)
    assert str(caught[0].message) == (
        "rfm_table: 1 customers of transactions have returns only (amounts below 0) "
        "and are left out."
    )


def test_everybody_has_returned_everything(make_table, plain):
    table = make_table(LINES.set_column(3, "amount", pa.array([-1.0, -1.0, -2.0])))
    with pytest.warns(CrmlyticsWarning, match="2 customers of transactions have returns only"):
        assert len(plain(rfm(table))) == 0
    kpis = plain(crm.kpi.kpi_table(table))
    assert kpis[["revenue", "orders", "active"]].to_numpy().tolist() == [[-4.0, 0, 0]]
