"""Value against cost, and the months until it is paid back."""

import math
import statistics
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

Z = 1.959963984540054  # R: qnorm(0.975)
VALUES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(1, 400).map(lambda k: k / 4)),
    max_size=12,
)
COSTS = st.dictionaries(
    st.sampled_from(["a", "b", "d"]), st.one_of(st.none(), st.integers(0, 40).map(float))
)
FEW = settings(max_examples=15, deadline=None)


def clv_table(rows):
    return pa.table(
        {
            "customer_id": pa.array(range(len(rows)), pa.int64()),
            "clv": pa.array([row[1] for row in rows], pa.float64()),
            "channel": pa.array([row[0] for row in rows], pa.string()),
        }
    )


def cac_table(costs):
    """What `cac` makes of these costs, with bounds of a fifth below and a half above."""
    names, values = list(costs), list(costs.values())

    def times(factor):
        return pa.array([None if v is None else v * factor for v in values], pa.float64())

    return pa.table(
        {
            "level": pa.array(["channel"] * len(names), pa.string()),
            "channel": pa.array(names, pa.string()),
            "value": times(1.0),
            "lower": times(0.8),
            "upper": times(1.5),
        }
    )


def ratio(values, cost):
    """Return value, lower, upper, numerator, denominator and customers; None is null."""
    mean = sum(values) / len(values) if values else None
    row = [None, None, None, mean, cost, len(values)]
    if mean is not None and cost:
        row[0] = mean / cost
        if len(values) > 1:
            part = Z * statistics.stdev(values) / math.sqrt(len(values)) / mean
            row[1] = row[0] * math.exp(-math.hypot(part, math.log(1.5)))
            row[2] = row[0] * math.exp(math.hypot(part, math.log(0.8)))
    return row


def plain_rows(table):
    return [
        [None if pd.isna(value) else value for value in row]
        for row in table.itertuples(index=False)
    ]


def same(got, want):
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a == b or float(a) == pytest.approx(float(b), rel=1e-9)


@FEW
@given(values=VALUES, costs=COSTS)
def test_oracle_by_channel(make_eager, plain, values, costs):
    got = crm.kpi.ltv_cac(make_eager(clv_table(values)), make_eager(cac_table(costs)), by="channel")
    groups = {row[0] for row in values} | set(costs)
    want = [
        [group, *ratio([v for name, v in values if name == group], costs.get(group))]
        for group in sorted(groups, key=lambda name: (name is None, name or ""))
    ]
    same(plain_rows(plain(got)), want)


def test_by_hand(make_eager, plain):
    # mean of 80, 120, 160 is 120, its standard error 40 / sqrt(3); a cost of 40 gives 3
    values = clv_table([("a", 80.0), ("a", 120.0), ("b", 160.0)])
    got = plain(crm.kpi.ltv_cac(make_eager(values), 40)).iloc[0]
    half = Z * 40 / math.sqrt(3) / 120
    assert got["value"] == pytest.approx(3)
    assert got["lower"] == pytest.approx(3 * math.exp(-half))
    assert got["upper"] == pytest.approx(3 * math.exp(half))
    assert got[["numerator", "denominator", "customers"]].tolist() == [120, 40, 3]


def test_a_table_of_costs_without_levels(make_eager, plain):
    costs = cac_table({"a": 10.0, "b": 20.0}).drop_columns(["level"])
    values = make_eager(clv_table([("a", 20.0), ("a", 40.0)]))
    got = plain(crm.kpi.ltv_cac(values, make_eager(costs), by="channel"))
    assert got["numerator"].tolist()[0] == 30.0
    assert [None if pd.isna(v) else v for v in got["value"]] == [3.0, None]
    got = plain(crm.kpi.ltv_cac(values, make_eager(costs.slice(1, 1))))
    assert got["value"].tolist() == [1.5]


def test_two_numbers_give_pandas():
    got = crm.kpi.ltv_cac(300.0, 100)
    assert isinstance(got, pd.DataFrame)
    assert got[["value", "numerator", "denominator"]].to_numpy().tolist() == [[3.0, 300.0, 100.0]]
    assert got[["lower", "upper", "customers"]].isna().all(axis=None)
    assert crm.kpi.ltv_cac(300.0, 0)["value"].isna().all()
    # a value below 0 is a value; on the scale of logarithms it has no interval
    assert crm.kpi.ltv_cac(-50, 100)["value"].tolist() == [-0.5]
    assert crm.kpi.ltv_cac(np.float64(10), np.int64(5))["value"].tolist() == [2.0]


def test_a_number_against_a_table(make_eager, plain):
    costs = make_eager(cac_table({"a": 10.0, "b": 20.0}))
    got = plain(crm.kpi.ltv_cac(60, costs, by="channel"))
    assert got["value"].tolist() == [6.0, 3.0]
    assert got["lower"].tolist() == pytest.approx([4.0, 2.0])  # the bounds of the cost alone
    assert got["upper"].tolist() == pytest.approx([7.5, 3.75])
    got = plain(
        crm.kpi.ltv_cac(make_eager(clv_table([("a", 20.0), ("b", 30.0)])), 10, by="channel")
    )
    assert got["value"].tolist() == [2.0, 3.0]
    assert got["lower"].isna().all()  # one customer each


def test_the_answer_of_cac_goes_in(make_eager, plain):
    shop = crm.datasets.simulate_shop(n_customers=200, days=400, random_state=2)
    cost = crm.kpi.cac(shop.spend, shop.customers, as_of=shop.spend["date"].max())
    worth = shop.customers[["customer_id", "channel"]].assign(clv=120.0)
    worth.loc[worth.index % 2 == 0, "clv"] = 60.0
    tables = [make_eager(pa.Table.from_pandas(table)) for table in (worth, cost)]
    blended = plain(crm.kpi.ltv_cac(*tables))
    assert blended["value"].tolist() == pytest.approx([90 / cost["value"][0]])
    split = plain(crm.kpi.ltv_cac(*tables, by="channel")).set_index("channel")
    means = worth.groupby("channel")["clv"].mean()
    costs = cost[cost["level"] == "channel"].set_index("channel")["value"]
    want = means / costs
    assert split["value"].to_dict() == pytest.approx(want.to_dict(), nan_ok=True)
    assert pd.isna(split.loc["organic", "value"])
    months = plain(crm.kpi.payback_months(tables[1], 4.0, by="channel")).set_index("channel")
    assert months["value"].to_dict() == pytest.approx((costs / 4).to_dict(), nan_ok=True)
    # groups that are channels already have blended rows only
    alone = crm.kpi.cac(
        shop.spend, shop.customers, as_of=shop.spend["date"].max(), by="channel", channel_col=None
    )
    again = crm.kpi.ltv_cac(worth, alone, by="channel")
    assert again["value"].tolist() == pytest.approx(split["value"].tolist(), nan_ok=True)


def test_periods_of_cac_are_groups():
    shop = crm.datasets.simulate_shop(n_customers=200, days=400, random_state=2)
    as_of = shop.spend["date"].max()
    cost = crm.kpi.cac(shop.spend, shop.customers, as_of=as_of, period="Q")
    got = crm.kpi.payback_months(cost, 5.0, by="period")
    blended = cost[cost["level"] == "blended"]
    assert got["period"].tolist() == blended["period"].tolist()
    assert got["value"].tolist() == pytest.approx((blended["value"] / 5).tolist())
    with pytest.raises(
        DataError, match=r"^payback_months: cac has 5 rows for one group, and needs"
    ):
        crm.kpi.payback_months(cost, 5.0)
    with pytest.raises(DataError, match=r"^payback_months: cac has 5 rows for one group of 'chann"):
        crm.kpi.payback_months(cost, 5.0, by="channel")


def test_coverage_of_the_interval():
    # values gamma with mean 100, customers of the spend Poisson with mean 40 at a cost of 1,000:
    # the true ratio is 100 / 25 = 4
    rng = np.random.default_rng(8)
    samples, size = 1_000, 40
    won = np.maximum(rng.poisson(40, samples), 1)
    names = np.arange(samples)
    week = np.repeat(names, won)
    customers = pd.DataFrame({"customer_id": np.arange(len(week)), "week": week})
    customers["acquired_on"] = pd.Timestamp("2026-01-05")
    spend = pd.DataFrame({"week": names, "date": pd.Timestamp("2026-01-05"), "cost": 1_000.0})
    cost = crm.kpi.cac(spend, customers, as_of=date(2026, 1, 5), by="week", channel_col=None)
    values = pd.DataFrame({
        "customer_id": np.arange(samples * size), "week": np.repeat(names, size),
        "clv": rng.gamma(2, 50, samples * size),
    })  # fmt: skip
    got = crm.kpi.ltv_cac(values, cost, by="week")
    covered = ((got["lower"] <= 4) & (got["upper"] >= 4)).mean()
    # the binomial error of 1,000 samples at 0.95 is 0.7 points; Garwood's half is too wide by some
    assert 0.935 <= covered <= 0.98


def test_unknown_values_are_left_out_and_said(make_eager, plain):
    values = clv_table([("a", 80.0), ("a", None), ("a", 40.0)])
    with pytest.warns(
        CrmlyticsWarning, match=r"^ltv_cac: 1 of 3 customers have no 'clv' and are l"
    ):
        got = plain(crm.kpi.ltv_cac(make_eager(values), 20))
    assert got[["value", "customers"]].to_numpy().tolist() == [[3.0, 2.0]]


def test_what_ltv_cac_refuses():
    values = clv_table([("a", 80.0), ("b", 40.0)]).to_pandas()
    costs = cac_table({"a": 10.0}).to_pandas()
    with pytest.raises(DataError, match=r"^ltv_cac: 1 of 2 rows of clv repeat a 'customer_id' \("):
        crm.kpi.ltv_cac(values.assign(customer_id=1), 3)
    with pytest.raises(ColumnError, match=r"^ltv_cac: no column 'clv' in clv; it has .* with clv,"):
        crm.kpi.ltv_cac(values.drop(columns="clv"), 3)
    with pytest.raises(
        ColumnError, match=r"^ltv_cac: no column 'value' in cac; it has .* with cac,"
    ):
        crm.kpi.ltv_cac(values, costs.drop(columns="value"))
    with pytest.raises(
        OptionError, match=r"^ltv_cac: by needs a table, and clv and cac are numbers"
    ):
        crm.kpi.ltv_cac(3, 4, by="channel")
    with pytest.raises(OptionError, match=r"^ltv_cac: cac must be a number of 0 or more; got -1\."):
        crm.kpi.ltv_cac(values, -1)
    with pytest.raises(
        OptionError, match=r"^ltv_cac: cac must be a number of 0 or more; got nan\."
    ):
        crm.kpi.ltv_cac(values, float("nan"))
    with pytest.raises(
        DataError, match=r"^ltv_cac: cac must be a table \(pandas.*got builtins.bool"
    ):
        crm.kpi.ltv_cac(values, True)
    with pytest.raises(DataError, match=r"^ltv_cac: the tables come from two libraries"):
        crm.kpi.ltv_cac(values, pl.from_pandas(costs), by="channel")


@FEW
@given(
    cost=st.integers(0, 400).map(float),
    margin=st.integers(-5, 60).map(float),
    churn=st.one_of(st.just(0.0), st.floats(1e-9, 0.9)),
)
def test_payback_solves_the_sum(cost, margin, churn):
    got = crm.kpi.payback_months(cost, margin, monthly_churn=churn)["value"][0]
    if margin <= 0 or (churn and margin / churn <= cost):
        assert pd.isna(got)
        return
    earned = margin * got if churn == 0 else margin * -math.expm1(got * math.log1p(-churn)) / churn
    assert earned == pytest.approx(cost, rel=1e-6, abs=1e-9)


def test_payback_by_hand(make_eager, plain):
    # Finmark, Skok: CAC / (MRR * gross margin) = 300 / (50 * 0.8) = 7.5
    assert crm.kpi.payback_months(300, 50 * 0.8)["value"].tolist() == [7.5]
    # with half lost each month: 40 + 20 + 10 = 70 after three months; never more than 80
    got = crm.kpi.payback_months(70, 40, monthly_churn=0.5)
    assert got["value"].tolist() == pytest.approx([3.0])
    assert crm.kpi.payback_months(80, 40, monthly_churn=0.5)["value"].isna().all()
    assert crm.kpi.payback_months(0, 40, monthly_churn=0.5)["value"].tolist() == [0.0]
    # bounds are those of the cost: 8 / 2 and 15 / 2; with churn the upper one may be out of reach
    costs = make_eager(cac_table({"a": 10.0}))
    got = plain(crm.kpi.payback_months(costs, 2, by="channel")).iloc[0]
    assert got[["value", "lower", "upper"]].tolist() == [5.0, 4.0, 7.5]
    got = plain(crm.kpi.payback_months(costs, 2, by="channel", monthly_churn=0.15)).iloc[0]
    assert got["value"] == pytest.approx(math.log(0.25) / math.log(0.85))
    assert pd.isna(got["upper"])


def test_margins_by_group(make_eager, plain):
    costs = make_eager(cac_table({"a": 10.0, "b": 10.0, "c": None}))
    margins = make_eager(pa.table({"channel": ["a", "c", "d"], "value": [5.0, 5.0, 0.0]}))
    got = plain(crm.kpi.payback_months(costs, margins, by="channel"))
    assert got["channel"].tolist() == ["a", "b", "c", "d"]
    assert [None if pd.isna(v) else v for v in got["value"]] == [2.0, None, None, None]
    got = plain(crm.kpi.payback_months(10, margins, by="channel"))
    assert [None if pd.isna(v) else v for v in got["value"]] == [2.0, 2.0, None]
    assert got["lower"].isna().all()


def test_what_payback_months_refuses():
    margins = pd.DataFrame({"channel": ["a", "a"], "value": [1.0, 2.0]})
    with pytest.raises(
        DataError, match=r"^payback_months: monthly_margin has 2 rows for one group"
    ):
        crm.kpi.payback_months(3, margins, by="channel")
    for churn in (1, -0.1, 2, None):
        with pytest.raises(OptionError, match=r"^payback_months: monthly_churn must "):
            crm.kpi.payback_months(3, 4, monthly_churn=churn)
    with pytest.raises(
        ColumnError, match=r"^payback_months: no column 'value' in monthly_margin; "
    ):
        crm.kpi.payback_months(3, margins.rename(columns={"value": "arpu"}))
    with pytest.raises(OptionError, match=r"^payback_months: monthly_margin must be a number"):
        crm.kpi.payback_months(3, math.inf)
