# ruff: noqa: DTZ001 - the dates of tables are naive
"""Averages and shares over customers against plain pandas."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

START = datetime(2026, 1, 1)
Z = 1.959963984540054  # R: qnorm(0.975)
FUNCTIONS = ["repeat_rate", "average_order_value", "arpu", "purchase_frequency"]
LINE = st.tuples(
    st.sampled_from("abcd"),
    st.integers(1, 12),
    st.integers(0, 9),
    st.one_of(st.none(), *[st.integers(-8, 40).map(lambda quarters: quarters / 4)] * 9),
    st.sampled_from(["north", "south", None]),
)
LINES = st.lists(LINE, min_size=1, max_size=25)
FEW = settings(max_examples=12, deadline=None)  # for each of six engines


def columns(lines):
    return pa.table(
        {
            "customer_id": [line[0] for line in lines],
            "order_id": [line[1] for line in lines],
            "date": [START + timedelta(days=line[2]) for line in lines],
            "amount": pa.array([line[3] for line in lines], pa.float64()),
            "shop": pa.array([line[4] for line in lines], pa.string()),
        }
    )


def oracle(lines, function):
    """Return value, lower, upper, numerator and denominator by plain pandas; NaN is unknown."""
    table = columns(lines).to_pandas()
    bought = table[~(table["amount"] < 0)]
    orders = bought["order_id"].nunique()
    per = bought.groupby("customer_id")["order_id"].nunique()
    revenue = table["amount"].sum(skipna=False)
    spent = table.groupby("customer_id")["amount"].sum().reindex(per.index)
    if function == "repeat_rate":
        top, bottom = float((per > 1).sum()), len(per)
        bounds = proportion_confint(top, bottom, 0.05, "wilson") if bottom else (np.nan, np.nan)
        return [top / bottom if bottom else np.nan, *bounds, top, bottom]
    tops, bottoms, top, bottom = {
        "average_order_value": (spent, per, revenue, orders),
        "arpu": (spent, per * 0 + 1, revenue, len(per)),
        "purchase_frequency": (per, per * 0 + 1, float(orders), len(per)),
    }[function]
    value = top / bottom if bottom else np.nan
    half = np.nan
    if len(per) > 1:
        residual = tops - tops.sum() / bottoms.sum() * bottoms
        n = len(per)
        half = Z * np.sqrt(n / (n - 1) * (residual**2).sum()) / bottoms.sum()
    return [value, value - half, value + half, top, bottom]


def numbers(row):
    values = [row[name] for name in ("value", "lower", "upper", "numerator", "denominator")]
    return [np.nan if pd.isna(value) else float(value) for value in values]


@pytest.mark.parametrize("function", FUNCTIONS)
@FEW
@given(lines=LINES)
def test_oracle(make_eager, plain, function, lines):
    table = getattr(crm.kpi, function)(make_eager(columns(lines)))
    got = plain(table)
    assert list(got) == ["value", "lower", "upper", "numerator", "denominator"]
    assert len(got) == 1
    want = oracle(lines, function)
    # an order shared by two customers counts once in all, and in the interval for each of them
    assert numbers(got.iloc[0]) == pytest.approx(want, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("function", FUNCTIONS)
@settings(max_examples=8, deadline=None)
@given(lines=LINES)
def test_by_equals_each_group_alone(make_eager, plain, function, lines):
    got = plain(getattr(crm.kpi, function)(make_eager(columns(lines)), by="shop"))
    shops = sorted({line[4] for line in lines}, key=lambda shop: (shop is None, shop))
    assert [None if pd.isna(shop) else shop for shop in got["shop"]] == shops
    for shop, (_, row) in zip(shops, got.iterrows(), strict=True):
        want = oracle([line for line in lines if line[4] == shop], function)
        assert numbers(row) == pytest.approx(want, rel=1e-9, abs=1e-9, nan_ok=True)


def test_wilson_numbers_of_the_repeat_rate(make_eager, plain):
    # R: binom::binom.wilson(5, 10) -> 0.2366 to 0.7634; (0, 10) -> 0 to 0.2775
    for repeaters, bounds in [(5, [0.2366, 0.7634]), (0, [0.0, 0.2775])]:
        lines = [(str(n), n, 0, 1.0, None) for n in range(10)]
        lines += [(str(n), 100 + n, 1, 1.0, None) for n in range(repeaters)]
        got = plain(crm.kpi.repeat_rate(make_eager(columns(lines)))).iloc[0]
        assert [round(got[name], 4) for name in ("lower", "upper")] == bounds


def test_returns_are_no_orders_and_lower_revenue(make_eager, plain):
    lines = [("a", 1, 0, 10.0, None), ("a", 2, 1, -4.0, None), ("b", 3, 1, -2.0, None)]
    table = make_eager(columns(lines))
    got = {name: plain(getattr(crm.kpi, name)(table)).iloc[0] for name in FUNCTIONS}
    # by hand: one order of one customer; 10 - 4 - 2 = 4
    assert got["repeat_rate"][["numerator", "denominator"]].tolist() == [0, 1]
    assert got["average_order_value"][["value", "numerator", "denominator"]].tolist() == [4, 4, 1]
    assert got["arpu"][["value", "denominator"]].tolist() == [4, 1]
    assert got["purchase_frequency"][["value", "denominator"]].tolist() == [1, 1]
    assert got["arpu"][["lower", "upper"]].isna().all()


def test_unknown_amounts_make_money_unknown_and_counts_known(make_eager, plain):
    lines = [("a", 1, 0, 10.0, None), ("b", 2, 1, None, None)]
    table = make_eager(columns(lines))
    assert plain(crm.kpi.average_order_value(table)).iloc[0, :4].isna().all()
    assert plain(crm.kpi.purchase_frequency(table))["value"].tolist() == [1.0]


def test_a_table_without_amounts_has_no_returns(make_eager, plain):
    lines = columns([("a", 1, 0, -1.0, None), ("a", 2, 1, 1.0, None)])
    bare = make_eager(lines.drop_columns(["amount"]))
    assert plain(crm.kpi.purchase_frequency(bare))["value"].tolist() == [2.0]
    whole = make_eager(lines)
    assert plain(crm.kpi.purchase_frequency(whole))["value"].tolist() == [1.0]
    all_rows = crm.kpi.purchase_frequency(whole, amount_col=None)
    assert plain(all_rows)["value"].tolist() == [2.0]
    with pytest.raises(ColumnError, match=r"^arpu: no column 'amount' \(amount_col\)"):
        crm.kpi.arpu(bare)


def test_as_of_is_inclusive(make_eager, plain):
    lines = [("a", 1, 0, 1.0, None), ("a", 2, 3, 1.0, None), ("a", 3, 4, 1.0, None)]
    got = crm.kpi.purchase_frequency(make_eager(columns(lines)), as_of=date(2026, 1, 4))
    assert plain(got)["numerator"].tolist() == [2]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_refusals(engines, function):
    compute = getattr(crm.kpi, function)
    table = engines["polars"](columns([("a", 1, 0, 1.0, None)]))
    with pytest.raises(
        OptionError, match=rf"^{function}: confidence must lie between 0 and 1; got 9"
    ):
        compute(table, confidence=95)
    with pytest.raises(ColumnError, match=rf"^{function}: no column 'shp' \(by\)"):
        compute(table, by="shp")
    with pytest.raises(OptionError, match=rf"^{function}: by must be a column name or a list"):
        compute(table, by=["shop", "shop"])
    with pytest.raises(DataError, match=rf"^{function}: transactions is a Polars LazyFrame, and"):
        compute(table.lazy())
    with pytest.raises(DataError, match=rf"^{function}: transactions has no rows, so as_of has no"):
        compute(table.head(0))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_empty_table_with_as_of(make_eager, plain, function):
    empty = make_eager(columns([("a", 1, 0, 1.0, None)]).slice(0, 0))
    got = plain(getattr(crm.kpi, function)(empty, as_of=date(2026, 1, 1))).iloc[0]
    assert pd.isna(got["value"])
    assert got["denominator"] == 0


def test_coverage_of_the_interval_of_average_order_value():
    # customers differ in taste (gamma) and in number of orders; the true ratio of expectations is
    # mean(orders * taste) / mean(orders) with taste = 5 + 3 * orders / 2, orders = 1 + Poisson(2):
    # E[n] = 3, E[n^2] = 2 + 9 = 11, so (5 * 3 + 1.5 * 11) / 3 = 10.5
    rng = np.random.default_rng(5)
    covered, samples, size = 0, 500, 250
    for _ in range(samples):
        n = 1 + rng.poisson(2, size)
        who = np.repeat(np.arange(size), n)
        taste = (5 + 1.5 * n) * rng.gamma(4, 0.25, size)
        lines = pd.DataFrame({
            "customer_id": who, "order_id": np.arange(len(who)), "date": START,
            "amount": rng.gamma(2, taste[who] / 2),
        })  # fmt: skip
        got = crm.kpi.average_order_value(lines).iloc[0]
        covered += got["lower"] <= 10.5 <= got["upper"]
    # the binomial error of 500 samples at 0.95 is 1 point
    assert 0.93 <= covered / samples <= 0.97
