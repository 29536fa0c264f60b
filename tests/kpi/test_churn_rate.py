# ruff: noqa: DTZ001 - the dates of tables are naive
"""Customers and revenue lost and kept, against a look at each customer on each eve."""

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
from crmlytics.kpi import _spans

START = datetime(2026, 1, 1)
FEW = settings(max_examples=15, deadline=None)  # for each of six engines
SUBSCRIPTION = st.tuples(
    st.sampled_from("abcd"),
    st.integers(0, 120),
    st.one_of(st.none(), st.integers(0, 90)),
    st.one_of(st.none(), *[st.integers(-4, 40).map(lambda quarters: quarters / 4)] * 9),
    st.sampled_from(["north", "south", None]),
)
SUBSCRIPTIONS = st.lists(SUBSCRIPTION, min_size=1, max_size=14)
LINE = st.tuples(
    st.sampled_from("abcd"),
    st.integers(0, 150),
    st.one_of(st.none(), *[st.integers(-8, 40).map(lambda quarters: quarters / 4)] * 9),
    st.sampled_from(["north", "south", None]),
)
LINES = st.lists(LINE, min_size=1, max_size=20)
PERIODS = st.sampled_from(["W", "M", "Q"])


def at(day):
    return START + timedelta(days=day)


def subscriptions(rows):
    return pa.table(
        {
            "customer_id": [row[0] for row in rows],
            "start_date": pa.array([at(row[1]) for row in rows], pa.timestamp("us")),
            "end_date": pa.array(
                [None if row[2] is None else at(row[1] + row[2]) for row in rows],
                pa.timestamp("us"),
            ),
            "amount": pa.array([row[3] for row in rows], pa.float64()),
            "shop": pa.array([row[4] for row in rows], pa.string()),
        }
    )


def purchases(rows):
    return pa.table(
        {
            "customer_id": [row[0] for row in rows],
            "date": pa.array([at(row[1]) for row in rows], pa.timestamp("us")),
            "amount": pa.array([row[2] for row in rows], pa.float64()),
            "shop": pa.array([row[3] for row in rows], pa.string()),
        }
    )


def eves(first, last, period):
    """Return the first days of all periods, and the days on which one looks."""
    starts = pd.period_range(first, last, freq=period).start_time.normalize()
    after = [start - pd.Timedelta(days=1) for start in [*starts[1:], None] if start is not None]
    return starts, [starts[0] - pd.Timedelta(days=1), *after, last]


def looked_at(spans, day):
    """Return what each customer there on a day has; spans are (who, from, until, counts, money)."""
    here = {who for who, begin, end, counts, _ in spans if counts and begin <= day < end}
    return {
        who: sum(m for w, begin, end, _, m in spans if w == who and begin <= day < end)
        for who in sorted(here)
    }


def oracle(spans, first, last, period, *, revenue, contract):
    """Return numerator and denominator of churn, period by period; NaN is unknown."""
    starts, days = eves(first, last, period)
    rows = []
    for start, eve, end in zip(starts, days[:-1], days[1:], strict=True):
        before, after = looked_at(spans, eve), looked_at(spans, end)
        if not revenue:
            rows.append((start, len(before.keys() - after.keys()), len(before)))
            continue
        base = lost = 0.0
        for who, then in before.items():
            if then <= 0:
                continue
            now = after.get(who)
            base += then
            if now is None:
                lost += then
            else:  # unknown amounts make the sum unknown, whoever has them
                lost += then - (np.minimum(np.maximum(now, 0), then) if contract else then)
        rows.append((start, lost, base))
    return rows


def spans_of(table, *, contract, lapse=None, last=None):
    pandas = table.to_pandas()
    money = pandas["amount"]
    if contract:
        ends = (
            pandas["end_date"]
            .where(~(pandas["end_date"] > last))
            .fillna(pd.Timestamp("2200-01-01"))
        )
        parts = (pandas["customer_id"], pandas["start_date"], ends, [True] * len(pandas), money)
        return list(zip(*parts, strict=True))
    ends = pandas["date"] + pd.Timedelta(days=lapse)
    counts = ~(money < 0)
    return list(zip(pandas["customer_id"], pandas["date"], ends, counts, money, strict=True))


def compare(got, expected):
    """`expected` holds rows of period, numerator and denominator of churn."""
    assert [str(day.date()) for day in got["period"]] == [str(row[0].date()) for row in expected]
    tops = [row[1] for row in expected]
    bases = [row[2] for row in expected]
    np.testing.assert_allclose(
        got["numerator"].astype(float), np.array(tops, dtype=float), atol=1e-9
    )
    np.testing.assert_allclose(
        got["denominator"].astype(float), np.array(bases, dtype=float), atol=1e-9
    )
    for value, top, base in zip(got["value"], tops, bases, strict=True):
        if not base > 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(top / base, nan_ok=True)


@FEW
@given(rows=SUBSCRIPTIONS, period=PERIODS, revenue=st.booleans())
def test_subscriptions_against_a_look_at_each_eve(make_eager, plain, rows, period, revenue):
    table = subscriptions(rows)
    pandas = table.to_pandas()
    first = pandas["start_date"].min()
    last = max(pandas["start_date"].max(), pandas["end_date"].max() or first)
    last = pandas["start_date"].max() if pd.isna(last) else last
    of = "revenue" if revenue else "customers"
    got = plain(crm.kpi.churn_rate(make_eager(table), period=period, of=of))
    spans = spans_of(table, contract=True, last=last)
    compare(got, oracle(spans, first, last, period, revenue=revenue, contract=True))


@FEW
@given(rows=LINES, period=PERIODS, revenue=st.booleans(), lapse=st.integers(1, 70))
def test_transactions_against_a_look_at_each_eve(make_eager, plain, rows, period, revenue, lapse):
    table = purchases(rows)
    days = table.to_pandas()["date"]
    of = "revenue" if revenue else "customers"
    got = plain(crm.kpi.churn_rate(make_eager(table), period=period, of=of, lapse_days=lapse))
    spans = spans_of(table, contract=False, lapse=lapse)
    rows = oracle(spans, days.min(), days.max(), period, revenue=revenue, contract=False)
    compare(got, rows)


@FEW
@given(rows=SUBSCRIPTIONS, of=st.sampled_from(["customers", "revenue"]), period=PERIODS)
def test_churn_and_retention_add_up_to_one(rows, of, period):
    table = subscriptions(rows).to_pandas()
    churn = crm.kpi.churn_rate(table, of=of, period=period)
    kept = crm.kpi.retention_rate(table, of=of, period=period)
    known = churn["value"].notna()
    assert (known == kept["value"].notna()).all()
    np.testing.assert_allclose(churn["value"][known] + kept["value"][known], 1)
    np.testing.assert_allclose(churn["lower"][known], 1 - kept["upper"][known], atol=1e-12)
    assert churn["value"][known].between(0, 1).all()
    assert (churn["numerator"].dropna() >= 0).all()


@FEW
@given(rows=SUBSCRIPTIONS)
def test_each_group_is_counted_as_if_alone(rows):
    table = subscriptions(rows).to_pandas()
    split = crm.kpi.churn_rate(table, by="shop", as_of=date(2026, 9, 1))
    for shop in table["shop"].unique():
        own = table["shop"].isna() if pd.isna(shop) else table["shop"] == shop
        alone = crm.kpi.churn_rate(table[own], as_of=date(2026, 9, 1))
        held = split["shop"].isna() if pd.isna(shop) else split["shop"] == shop
        part = split[held].tail(len(alone)).drop(columns="shop").reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone, check_dtype=False)


def test_groups_of_customers_add_up():
    rng = np.random.default_rng(4)
    starts = np.datetime64("2025-01-01", "us") + rng.integers(0, 300, 500).astype("m8[D]")
    table = pd.DataFrame(
        {
            "customer_id": np.arange(500),
            "start_date": starts,
            "end_date": starts + rng.integers(1, 200, 500).astype("m8[D]"),
            "shop": rng.choice(["a", "b", "c"], 500),
        }
    )
    whole = crm.kpi.churn_rate(table)
    parts = crm.kpi.churn_rate(table, by="shop").groupby("period")[["numerator", "denominator"]]
    sums = parts.sum().reset_index(drop=True)
    pd.testing.assert_frame_equal(sums, whole[["numerator", "denominator"]])


def test_wilson_and_the_first_period():
    table = subscriptions([(str(k), 0, 40 if k < 5 else None, 1.0, "x") for k in range(10)])
    got = crm.kpi.churn_rate(table.to_pandas(), as_of=date(2026, 2, 28))
    first, second = got.to_dict("records")
    assert first["denominator"] == 0  # nobody was there before the table begins
    assert np.isnan(first["value"])
    lower, upper = proportion_confint(5, 10, 0.05, "wilson")
    assert [second["value"], second["lower"], second["upper"]] == pytest.approx([0.5, lower, upper])
    assert second["complete"]


def test_one_of_two_subscriptions_ended_is_no_churn_but_less_revenue():
    table = subscriptions([("a", 0, 40, 10.0, "x"), ("a", 0, None, 30.0, "x")]).to_pandas()
    churn = crm.kpi.churn_rate(table, as_of=date(2026, 2, 28)).iloc[-1]
    assert (churn["numerator"], churn["denominator"]) == (0, 1)
    money = crm.kpi.churn_rate(table, of="revenue", as_of=date(2026, 2, 28)).iloc[-1]
    assert (money["numerator"], money["denominator"]) == (10.0, 40.0)


def test_back_to_back_is_a_renewal_and_a_gap_inside_the_period_no_churn():
    renewed = [("a", 0, 40, 1.0, "x"), ("a", 40, None, 1.0, "x"), ("b", 0, 35, 1.0, "x")]
    table = subscriptions([*renewed, ("b", 45, None, 1.0, "x")]).to_pandas()
    churn = crm.kpi.churn_rate(table, as_of=date(2026, 2, 28)).iloc[-1]
    assert (churn["numerator"], churn["denominator"]) == (0, 2)


def test_ends_after_the_last_day_are_open_and_the_last_period_is_flagged():
    table = subscriptions([("a", 0, 60, 1.0, "x"), ("b", 0, None, 1.0, "x")]).to_pandas()
    got = crm.kpi.churn_rate(table, as_of=date(2026, 2, 20))
    assert got["numerator"].tolist() == [0, 0]
    assert got["complete"].tolist() == [True, False]


def test_blocks_of_customers_change_nothing(monkeypatch):
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 60, 400),
            "date": np.datetime64("2025-01-01", "us") + rng.integers(0, 400, 400).astype("m8[D]"),
            "amount": rng.integers(-3, 30, 400) / 4,
            "shop": rng.choice(["a", "b"], 400),
        }
    )
    calls = [{"lapse_days": 50, "by": by, "of": of}
             for by in (None, "shop") for of in ("customers", "revenue")]  # fmt: skip
    whole = [crm.kpi.churn_rate(table, **options) for options in calls]
    monkeypatch.setattr(_spans, "_BLOCK", 100)
    monkeypatch.setattr(_spans, "_BLOCK_OF_AMOUNTS", 100)
    for options, expected in zip(calls, whole, strict=True):
        pd.testing.assert_frame_equal(crm.kpi.churn_rate(table, **options), expected)


def test_spans_that_overlap_are_not_laid_out_all_at_once(monkeypatch):
    days = np.tile(np.arange(10), 200)
    table = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(20), 100),
            "date": np.datetime64("2026-01-01", "us") + days.astype("m8[D]"),
            "amount": 1.0,
        }
    )
    options = {"lapse_days": 30, "period": "D", "of": "revenue", "as_of": date(2026, 3, 1)}
    whole = crm.kpi.churn_rate(table, **options)
    laid_out, presence = [], _spans._presence

    def counted(spans, rows, people):
        laid_out.append(int((spans.until[rows] - spans.begin[rows]).sum()))
        return presence(spans, rows, people)

    monkeypatch.setattr(_spans, "_presence", counted)
    monkeypatch.setattr(_spans, "_BLOCK_OF_AMOUNTS", 6_000)  # all customers by days need 1,220
    pd.testing.assert_frame_equal(crm.kpi.churn_rate(table, **options), whole)
    assert sum(laid_out) == 60_000
    assert max(laid_out) == 6_000


def test_empty_table_has_the_columns():
    none = subscriptions([("a", 0, None, 1.0, "x")]).to_pandas().head(0)
    got = crm.kpi.churn_rate(none, as_of=date(2026, 1, 1))
    columns = ["period", "value", "lower", "upper", "numerator", "denominator", "complete"]
    assert list(got.columns) == columns
    assert len(got) == 0


def test_an_empty_table_needs_no_types():
    none = pd.DataFrame({"customer_id": [], "date": [], "amount": []})
    got = crm.kpi.churn_rate(none, lapse_days=30, as_of=date(2026, 1, 1))
    assert len(got) == 0


GOOD = subscriptions([("a", 0, 10, 1.0, "x")]).to_pandas()
BOUGHT = purchases([("a", 0, 1.0, "x")]).to_pandas()
BAD = [
    (GOOD, {"lapse_days": 30}, OptionError, "lapse_days goes with transactions"),
    (BOUGHT, {}, OptionError, "no column 'end_date'.*pass|no column 'end_date'.*need lapse_days="),
    (BOUGHT, {"lapse_days": 0}, OptionError, "lapse_days must be a whole number"),
    (GOOD, {"of": "money"}, OptionError, "of must be one of 'customers', 'revenue'"),
    (GOOD.drop(columns="amount"), {"of": "revenue"}, ColumnError, "no column 'amount'"),
    (GOOD.assign(end_date=at(-3)), {}, DataError, "1 of 1 rows of table end before they start"),
    (GOOD.assign(customer_id=None), {}, DataError, "customer_id"),
    (GOOD.assign(amount=np.inf), {"of": "revenue"}, DataError, "infinite|infinity"),
    (GOOD.assign(end_date=GOOD["end_date"].dt.tz_localize("UTC")), {}, DataError, "time zone"),
    (GOOD, {"as_of": date(2025, 1, 1)}, OptionError, "before the first date"),
    (GOOD.head(0), {}, DataError, "no rows"),
]


@pytest.mark.parametrize(("table", "options", "error", "sentence"), BAD)
@pytest.mark.parametrize("function", ["churn_rate", "retention_rate"])
def test_bad_input(function, table, options, error, sentence):
    with pytest.raises(error, match=rf"^{function}: .*({sentence})"):
        getattr(crm.kpi, function)(table, **options)
