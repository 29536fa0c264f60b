"""A million rows of a hundred thousand customers: what engines get wrong only at size."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import crmlytics as crm
from crmlytics.errors import OptionError

ROWS, CUSTOMERS = 1_000_000, 100_000
OTHERS = ["one chunk", "twenty chunks", "polars", "polars lazy", "duckdb"]


@pytest.fixture(scope="module")
def lines():
    rng = np.random.default_rng(0)
    order = np.sort(rng.integers(0, 400_000, ROWS))
    start = np.datetime64("2024-01-01T00:00:00", "us")
    # an order has one customer and one moment; some amounts are returns
    customer = rng.integers(0, CUSTOMERS, 400_000)[order]
    moment = start + rng.integers(0, 730 * 86_400, 400_000)[order].astype("m8[s]")
    amount = np.round(rng.gamma(2, 10, ROWS), 2)
    amount[rng.random(ROWS) < 0.01] *= -1
    # nobody has returns only
    first = np.unique(customer, return_index=True)[1]
    amount[first] = np.abs(amount[first])
    table = pa.table({
        "customer_id": customer, "order_id": order, "date": moment, "amount": amount
    })  # fmt: skip
    return table.take(pa.array(rng.permutation(ROWS)))


@pytest.fixture(scope="module")
def pandas_lines(lines):
    return lines.to_pandas()


@pytest.fixture(scope="module", params=OTHERS)
def table(request, lines, engines):
    if request.param == "twenty chunks":
        step = ROWS // 20
        return pa.concat_tables([lines.slice(at, step) for at in range(0, ROWS, step)])
    if request.param == "one chunk":
        return lines.combine_chunks()
    return engines[request.param](lines)


@pytest.fixture(scope="module")
def answers(pandas_lines):
    return {function.__name__: function(pandas_lines) for function in FUNCTIONS}


FUNCTIONS = [
    crm.segmentation.rfm_table, crm.kpi.cohort_table, crm.kpi.kpi_table, crm.kpi.growth_accounting
]  # fmt: skip
KEYS = {"rfm_table": ["customer_id"], "cohort_table": ["cohort", "age"]}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_engines_agree_at_size(function, table, answers, plain):
    name = function.__name__
    got = plain(function(table), *KEYS.get(name, ["period"]))
    pd.testing.assert_frame_equal(got, plain(answers[name]), rtol=1e-9)


def test_pandas_itself_is_right_at_size(pandas_lines, answers):
    # plain pandas as the oracle of the oracle
    rfm = answers["rfm_table"].set_index("customer_id")
    bought = pandas_lines[pandas_lines["amount"] >= 0]
    assert (rfm["frequency"] == bought.groupby("customer_id")["order_id"].nunique()).all()
    spent = pandas_lines.groupby("customer_id")["amount"].sum().reindex(rfm.index)
    assert np.allclose(rfm["monetary"], spent, atol=0.0051)
    last = bought.groupby("customer_id")["date"].max().dt.floor("D")
    assert (rfm["last_date"] == last).all()
    kpis = answers["kpi_table"].set_index("period")
    month = bought["date"].dt.to_period("M").dt.to_timestamp()
    assert (kpis["active"] == bought.groupby(month)["customer_id"].nunique()).all()
    assert (kpis["orders"] == bought.groupby(month)["order_id"].nunique()).all()


def test_two_runs_are_equal(engines, lines, plain):
    for name in ("pandas", "polars", "polars lazy", "duckdb"):
        made = engines[name](lines)
        first, second = (plain(crm.segmentation.rfm_table(made), "customer_id") for _ in range(2))
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_neither_order_of_rows_nor_ids_move_a_score(pandas_lines):
    rng = np.random.default_rng(1)
    label = rng.permutation(10 * CUSTOMERS)[:CUSTOMERS]
    other = pandas_lines.assign(customer_id=label[pandas_lines["customer_id"]])
    other = other.iloc[rng.permutation(ROWS)]
    want = crm.segmentation.rfm(pandas_lines).set_index("customer_id")
    got = crm.segmentation.rfm(other).set_index("customer_id").loc[label[want.index]]
    columns = ["frequency", "monetary", "r_score", "f_score", "m_score", "segment"]
    assert (got[columns].to_numpy() == want[columns].to_numpy()).all()


@pytest.mark.parametrize("ids", ["int64", "str", "category", "large_string[pyarrow]"])
def test_lines_that_stand_together_count_as_lines_apart(pandas_lines, answers, plain, ids):
    # lines sorted by order stand in runs of about 2.5, which have a way of their own
    together = pandas_lines.sort_values(["order_id", "amount"], ignore_index=True)
    together = together.astype({"customer_id": ids, "order_id": "str" if ids == "str" else "int64"})
    for function in (crm.segmentation.rfm_table, crm.kpi.kpi_table):
        got, want = plain(function(together)), plain(answers[function.__name__])
        if function is crm.segmentation.rfm_table:
            got = got.astype({"customer_id": "Int64"}).sort_values("customer_id", ignore_index=True)
        pd.testing.assert_frame_equal(got, want, rtol=1e-9)
    apart = crm.kpi.cohort_table(pandas_lines, period="Q", value="orders")
    close = crm.kpi.cohort_table(together, period="Q", value="orders")
    pd.testing.assert_frame_equal(plain(close), plain(apart))
    for function in (crm.kpi.repeat_rate, crm.kpi.average_order_value, crm.kpi.arpu):
        apart, close = plain(function(pandas_lines)), plain(function(together))
        pd.testing.assert_frame_equal(close, apart, rtol=1e-9)


def test_orders_that_come_in_two_places_count_once(pandas_lines, answers):
    together = pandas_lines.sort_values("order_id", kind="stable", ignore_index=True)
    torn = pd.concat([together.iloc[5:], together.iloc[:5]])
    rfm = crm.segmentation.rfm_table(torn)
    assert (rfm["frequency"] == answers["rfm_table"]["frequency"]).all()


@pytest.fixture(scope="module")
def many_days():
    days = np.datetime64("1752-01-01", "us") + np.arange(100_000).astype("m8[D]")
    return pa.table({
        "customer_id": np.arange(100_000) % 1_000, "order_id": np.arange(100_000), "date": days,
        "amount": np.ones(100_000),
    })  # fmt: skip


@pytest.mark.parametrize("name", ["pandas", "polars lazy", "duckdb"])
def test_a_hundred_thousand_days(engines, plain, many_days, name):
    table = engines[name](many_days)
    with pytest.raises(
        OptionError, match=r"^cohort_table: period='D' makes about .* Choose a longer"
    ):
        crm.kpi.cohort_table(table, period="D")
    got = plain(crm.kpi.kpi_table(table, period="D"), "period")
    # one customer a day, each of 1,000 back after 1,000 days
    assert len(got) == 100_000
    assert got["active"].sum() == got["orders"].sum() == 100_000
    assert got["new"].tolist() == [1] * 1_000 + [0] * 99_000
    assert got["churned"].iloc[1:].eq(1).all()
    assert got["customers_to_date"].iloc[-1] == 1_000


def test_too_many_groups_are_refused(engines, lines):
    table = engines["pandas"](lines.append_column("key", lines["customer_id"]))
    with pytest.raises(OptionError, match=r"^kpi_table: period='D' makes about .* or fewer groups"):
        crm.kpi.kpi_table(table, period="D", by="key")
    with pytest.raises(OptionError, match=r"^cohort_table: period='W' makes about .* fewer groups"):
        crm.kpi.cohort_table(table, period="W", by="key")


def test_a_wide_gap_between_days_is_no_burden(engines, plain):
    # the years 1 and 9999 in one table: the calendar has 9,999 years
    days = pa.array([np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31", "us")])
    table = {"customer_id": [1, 2], "order_id": [1, 2], "date": days, "amount": [1.0, 2.0]}
    for name in ("pandas", "polars", "pyarrow"):
        made = engines[name](table)
        got = plain(crm.kpi.kpi_table(made, period="Y"))
        assert len(got) == 9_999
        assert got["customers_to_date"].iloc[-1] == 2
        assert plain(crm.segmentation.rfm_table(made, count="days"))["frequency"].tolist() == [1, 1]
