# ruff: noqa: DTZ001 - the dates of tables are naive
"""The cost of a customer against a plain loop over days."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

START = datetime(2026, 1, 20)  # so that three months are in reach of a few days
CHANNELS = st.sampled_from(["search", "social", "organic", None])
REGIONS = st.sampled_from(["north", "south", None])
COSTS = st.one_of(st.none(), *[st.integers(0, 40).map(lambda quarters: quarters / 4)] * 9)
SPEND = st.lists(st.tuples(st.integers(0, 40), CHANNELS, REGIONS, COSTS), min_size=1, max_size=12)
WON = st.lists(
    st.tuples(st.one_of(st.none(), *[st.integers(-5, 50)] * 9), CHANNELS, REGIONS), max_size=15
)
FEW = settings(max_examples=15, deadline=None)  # for each of six engines
quiet = pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")


def day(number):
    return None if number is None else START + timedelta(days=number)


def spend_table(rows):
    days, channels, regions, costs = zip(*rows, strict=True) if rows else ([], [], [], [])
    return pa.table(
        {
            "date": pa.array([day(number) for number in days], pa.timestamp("us")),
            "channel": pa.array(channels, pa.string()),
            "region": pa.array(regions, pa.string()),
            "cost": pa.array(costs, pa.float64()),
        }
    )


def customer_table(rows):
    days, channels, regions = zip(*rows, strict=True) if rows else ([], [], [])
    return pa.table(
        {
            "customer_id": pa.array(range(len(rows)), pa.int64()),
            "acquired_on": pa.array([day(number) for number in days], pa.timestamp("us")),
            "channel": pa.array(channels, pa.string()),
            "region": pa.array(regions, pa.string()),
        }
    )


def estimate(cost, n, confidence, *, known=True):
    """Return value, lower, upper, numerator and denominator; None is null."""
    if cost is None or not n or not known:
        return [None, None, None, cost, n]
    tail = (1 - confidence) / 2
    few, many = chi2.ppf(tail, 2 * n) / 2, chi2.ppf(1 - tail, 2 * n + 2) / 2
    return [cost / n, cost / many, cost / few, cost, n]


def added(costs):
    return None if None in costs else float(sum(costs))


def nulls_last(value):
    return (value is None, value or "")


def oracle(spend, won, as_of, lag, *, split, monthly, confidence=0.95):
    """Return the rows of the answer, one by one."""
    first = min(row[0] for row in spend) + lag
    spend = [(row[0] + lag, *row[1:]) for row in spend if row[0] + lag <= as_of]
    won = [row for row in won if row[0] is not None and first <= row[0] <= as_of]
    groups = sorted({row[2] for row in spend + won}, key=nulls_last) if split else ["all"]
    months = sorted({day(k).replace(day=1) for k in range(first, as_of + 1)}) if monthly else [0]
    rows = []
    for group in groups:
        paid = [row for row in spend if not split or row[2] == group]
        new = [row for row in won if not split or row[2] == group]
        channels = {row[1] for row in paid + new} - {None}
        dear = {row[1] for row in paid if row[3] != 0} - {None}
        for month in months:
            p = [r for r in paid if not monthly or day(r[0]).replace(day=1) == month]
            n = [r for r in new if not monthly or day(r[0]).replace(day=1) == month]
            parts = [("blended", None, p, n, bool(paid))]
            parts.append(
                ("paid", None, [r for r in p if r[1] in dear], [r for r in n if r[1] in dear], True)
            )
            for c in sorted(channels):
                named = any(r[1] == c for r in paid)
                parts.append(
                    ("channel", c, [r for r in p if r[1] == c], [r for r in n if r[1] == c], named)
                )
            parts.append(
                ("unattributed", None, [r for r in p if r[1] is None],
                 [r for r in n if r[1] is None], False)
            )  # fmt: skip
            for level, channel, costs, customers, known in parts:
                cost = added([r[3] for r in costs])
                row = [group] if split else []
                row += [month] if monthly else []
                row += [level, channel]
                row += estimate(cost, len(customers), confidence, known=known)
                if monthly:
                    after = (month + timedelta(days=31)).replace(day=1)
                    row.append(day(first) <= month and after <= day(as_of + 1))
                rows.append(row)
    return rows


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


@quiet
@pytest.mark.parametrize(("split", "monthly"), [(False, False), (True, False), (True, True)])
@FEW
@given(spend=SPEND, won=WON, lag=st.integers(0, 9), until=st.integers(0, 60))
def test_oracle(make_eager, plain, split, monthly, **drawn):
    spend, won, lag, until = (drawn[name] for name in ("spend", "won", "lag", "until"))
    as_of = max(until, min(row[0] for row in spend))
    got = crm.kpi.cac(
        make_eager(spend_table(spend)), make_eager(customer_table(won)), as_of=day(as_of),
        lag_days=lag, by="region" if split else None, period="M" if monthly else None,
    )  # fmt: skip
    want = oracle(spend, won, as_of, lag, split=split, monthly=monthly)
    same(plain_rows(plain(got)), want)


@quiet
@FEW
@given(spend=SPEND, won=WON)
def test_levels_add_up(spend, won):
    got = crm.kpi.cac(
        spend_table(spend).to_pandas(), customer_table(won).to_pandas(), as_of=day(60), period="W"
    )
    parts = got[got["level"].isin(["channel", "unattributed"])].groupby("period")
    blended = got[got["level"] == "blended"].set_index("period")
    paid = got[got["level"] == "paid"].set_index("period")
    assert (parts["denominator"].sum() == blended["denominator"]).all()
    assert (paid["denominator"] <= blended["denominator"]).all()
    unknown = blended["numerator"].isna()
    # 0 of a channel is known beside the unknown cost of another: only known sums are compared
    assert (parts["numerator"].sum()[~unknown] == blended["numerator"][~unknown]).all()
    rest = got[got["level"] == "unattributed"].set_index("period")["numerator"]
    assert ((paid["numerator"] + rest)[~unknown] == blended["numerator"][~unknown]).all()
    # and periods to the whole
    whole = crm.kpi.cac(
        spend_table(spend).to_pandas(), customer_table(won).to_pandas(), as_of=day(60)
    )
    for level in ("blended", "paid", "unattributed"):
        in_all = whole[whole["level"] == level]["denominator"].sum()
        assert got[got["level"] == level]["denominator"].sum() == in_all


def test_by_hand(make_eager, plain):
    # 300 for search and 100 for social; 5 customers from search, 1 from social, 3 organic, 1
    # unknown: blended 400 / 10, paid 400 / 6, search 300 / 5, social 100 / 1
    spend = [(0, "search", "x", 300.0), (3, "social", "x", 100.0)]
    channels = ["search"] * 5 + ["social"] + ["organic"] * 3 + [None]
    won = [(4, channel, "x") for channel in channels]
    got = plain(
        crm.kpi.cac(make_eager(spend_table(spend)), make_eager(customer_table(won)), as_of=day(5))
    ).set_index(["level", "channel"])
    assert list(got["denominator"]) == [10, 6, 3, 5, 1, 1]
    assert list(got["numerator"]) == [400, 400, 0, 300, 100, 0]
    want = [40, 400 / 6, None, 60, 100, None]
    assert [None if pd.isna(v) else v for v in got["value"]] == pytest.approx(want)
    # R: poisson.test(10)$conf.int gives 4.795389 and 18.390356 for 10 events
    assert got.iloc[0][["lower", "upper"]].tolist() == pytest.approx(
        [400 / 18.390356, 400 / 4.795389], rel=1e-6
    )


def test_a_lag_shifts_the_spend(make_eager, plain):
    # spend of days 0 and 10 wins customers on days 5 and 15: the customer of day 3 came before,
    # and with as_of on day 12 the spend of day 10 has not won anyone yet
    spend, won = [(0, "a", "x", 60.0), (10, "a", "x", 90.0)], [(3, "a", "x"), (5, "a", "x")]
    won.append((15, "a", "x"))
    tables = make_eager(spend_table(spend)), make_eager(customer_table(won))
    sentence = (
        r"^cac: 2 of 3 customers are left out: 1 acquired before 2026-01-25, the first day counted,"
        r" 1 acquired after as_of\.$"
    )
    with pytest.warns(CrmlyticsWarning, match=sentence):
        got = plain(crm.kpi.cac(*tables, as_of=day(12), lag_days=5))
    assert got.iloc[0][["numerator", "denominator"]].tolist() == [60.0, 1]
    with pytest.warns(CrmlyticsWarning, match="1 of 3 customers are left out"):
        got = plain(crm.kpi.cac(*tables, as_of=day(15), lag_days=5))
    assert got.iloc[0][["numerator", "denominator"]].tolist() == [150.0, 2]


def test_times_of_day_do_not_matter(make_eager, plain):
    spend = spend_table([(0, "a", "x", 60.0)])
    won = customer_table([(1, "a", "x")])
    late = pa.array([day(2) - timedelta(seconds=1)], pa.timestamp("us"))
    won = won.set_column(1, "acquired_on", late)
    got = plain(crm.kpi.cac(make_eager(spend), make_eager(won), as_of=day(1)))
    assert got["denominator"].tolist()[0] == 1


def test_unknown_days_are_said(make_eager):
    won = customer_table([(None, "a", "x"), (1, "a", "x")])
    sentence = r"^cac: 1 of 2 customers are left out: 1 without 'acquired_on' \(acquired_col\)\.$"
    with pytest.warns(CrmlyticsWarning, match=sentence):
        crm.kpi.cac(make_eager(spend_table([(0, "a", "x", 1.0)])), make_eager(won), as_of=day(3))


def test_spend_that_ends_early_is_said():
    spend = spend_table([(0, "a", "x", 1.0), (7, "a", "x", 1.0)]).to_pandas()
    won = customer_table([(20, "a", "x")]).to_pandas()
    sentence = r"^cac: spend ends on 2026-01-27, 15 days before as_of\. Customers won since"
    with pytest.warns(CrmlyticsWarning, match=sentence):
        crm.kpi.cac(spend, won, as_of=day(22))
    crm.kpi.cac(spend, won, as_of=day(21))  # twice the gap of a week: still said nothing
    with pytest.warns(CrmlyticsWarning, match="15 days before as_of less lag_days"):
        crm.kpi.cac(spend, won, as_of=day(25), lag_days=3)


def test_periods(make_eager, plain):
    spend = [(0, "a", "x", 30.0), (12, "a", "x", 40.0), (40, "a", "x", 50.0)]
    won = [(1, "a", "x"), (13, "a", "x"), (14, "b", "x")]
    got = plain(
        crm.kpi.cac(
            make_eager(spend_table(spend)), make_eager(customer_table(won)), as_of=day(40),
            period="M", channel_col=None,
        )
    )  # fmt: skip
    # 20 January to 1 March: only February was there as a whole
    assert list(got) == ["period", "level", "value", "lower", "upper", "numerator", "denominator",
                         "complete"]  # fmt: skip
    assert got["period"].dt.month.tolist() == [1, 2, 3]
    assert got["complete"].tolist() == [False, True, False]
    assert got["numerator"].tolist() == [30.0, 40.0, 50.0]
    assert got["denominator"].tolist() == [1, 2, 0]
    assert [None if pd.isna(v) else v for v in got["value"]] == [30.0, 20.0, None]


def test_channels_as_groups(make_eager, plain):
    spend = spend_table([(0, "a", "x", 30.0), (0, "b", "x", 40.0)])
    won = customer_table([(1, "a", "x"), (1, "b", "x"), (1, "b", "x"), (1, "c", "x")])
    got = plain(
        crm.kpi.cac(
            make_eager(spend), make_eager(won), as_of=day(2), by="channel", channel_col=None
        )
    )
    assert got["channel"].tolist() == ["a", "b", "c"]
    assert got["level"].tolist() == ["blended"] * 3
    # what c costs nobody has stated
    assert got["value"].tolist()[:2] == [30.0, 20.0]
    assert pd.isna(got["value"][2])
    with pytest.raises(ColumnError, match=r"^cac: by needs no 'channel', .* channel_col=None"):
        crm.kpi.cac(make_eager(spend), make_eager(won), as_of=day(2), by="channel")


def test_a_cost_of_0_is_known_and_none_is_not(make_eager, plain):
    spend = spend_table([(0, "free", "x", 0.0), (0, "dear", "x", 9.0)])
    won = customer_table([(1, "free", "x"), (1, "organic", "x"), (1, "dear", "x")])
    got = plain(crm.kpi.cac(make_eager(spend), make_eager(won), as_of=day(2)))
    got = got.set_index("channel")
    assert got.loc["free", ["value", "lower", "upper"]].tolist() == [0, 0, 0]
    assert pd.isna(got.loc["organic", "value"])
    assert got[got["level"] == "paid"]["denominator"].tolist() == [1]


def test_whole_numbers_and_categories_as_channels():
    spend = spend_table([(0, "a", "x", 30.0), (0, None, "x", 5.0)]).to_pandas()
    won = customer_table([(1, "a", "x"), (1, "z", "x")]).to_pandas()
    want = crm.kpi.cac(spend, won, as_of=day(2))
    got = crm.kpi.cac(
        spend.assign(channel=spend["channel"].astype("category")),
        won.assign(channel=won["channel"].astype("category")),
        as_of=day(2),
    )
    pd.testing.assert_frame_equal(got, want)
    number = {"a": 1, "z": 2}
    numbered = [table.assign(channel=table["channel"].map(number)) for table in (spend, won)]
    got = crm.kpi.cac(*numbered, as_of=day(2))
    assert got["channel"].dropna().tolist() == [1, 2]
    assert got["value"].equals(want["value"])
    with pytest.raises(DataError, match=r"^cac: 'channel' holds texts in spend and numbers in cus"):
        crm.kpi.cac(spend, numbered[1], as_of=day(2))


@quiet
def test_without_spend_or_customers(make_eager, plain):
    spend, won = spend_table([(0, "a", "x", 30.0)]), customer_table([(1, "a", "x")])
    got = plain(crm.kpi.cac(make_eager(spend), make_eager(won.slice(0, 0)), as_of=day(2)))
    assert got["numerator"].tolist() == [30.0, 30.0, 30.0, 0.0]
    assert got["value"].isna().all()
    with pytest.warns(CrmlyticsWarning, match="1 acquired in the time of no spend"):
        got = plain(crm.kpi.cac(make_eager(spend.slice(0, 0)), make_eager(won), as_of=day(2)))
    assert got["level"].tolist() == ["blended", "paid", "unattributed"]
    assert got["denominator"].tolist() == [0, 0, 0]
    got = crm.kpi.cac(make_eager(spend), make_eager(won), as_of=day(2), lag_days=9, period="M")
    assert len(plain(got)) == 0
    for by in (None, "region"):
        got = crm.kpi.cac(
            make_eager(spend.slice(0, 0)), make_eager(won.slice(0, 0)), as_of=day(2), by=by
        )
        assert len(plain(got)) == (0 if by else 3)


@pytest.mark.parametrize(
    ("error", "sentence", "change"),
    [
        (OptionError, r"^cac: as_of must be given where several tables", {"as_of": None}),
        (OptionError, r"^cac: as_of 2026-01-01 is before the first date of spend, 2026-01-20",
         {"as_of": date(2026, 1, 1)}),
        (OptionError, r"^cac: lag_days must be a whole number from 0", {"lag_days": 0.5}),
        (OptionError, r"^cac: period must be one of 'D', 'W', 'M'", {"period": "month"}),
        (OptionError, r"^cac: precision must be a whole number", {"precision": 10}),
        (ColumnError, r"^cac: no column 'shop' \(by\) in spend", {"by": "shop"}),
        (ColumnError, r"^cac: no column 'when' \(acquired_col\) in customers",
         {"acquired_col": "when"}),
    ],
)  # fmt: skip
def test_options_that_are_refused(error, sentence, change):
    spend = spend_table([(0, "a", "x", 1.0)]).to_pandas()
    won = customer_table([(1, "a", "x")]).to_pandas()
    with pytest.raises(error, match=sentence):
        crm.kpi.cac(spend, won, **({"as_of": day(3)} | change))


def test_tables_that_are_refused():
    spend = spend_table([(0, "a", "x", 1.0), (0, "a", "x", -2.0)]).to_pandas()
    won = customer_table([(1, "a", "x"), (1, "a", "x")]).to_pandas()
    with pytest.raises(DataError, match=r"^cac: 1 of 2 values of 'cost' \(cost_col\) are negative"):
        crm.kpi.cac(spend, won, as_of=day(3))
    spend = spend.assign(cost=1.0)
    with pytest.raises(DataError, match=r"^cac: 1 of 2 rows of customers repeat a 'customer_id' "):
        crm.kpi.cac(spend, won.assign(customer_id=7), as_of=day(3))
    with pytest.raises(DataError, match=r"^cac: the tables come from two libraries"):
        crm.kpi.cac(spend, pl.from_pandas(won), as_of=day(3))
    aware = won.assign(acquired_on=won["acquired_on"].dt.tz_localize("Asia/Tehran"))
    with pytest.raises(DataError, match=r"^cac: one of 'date' \(date_col\) and 'acquired_on'"):
        crm.kpi.cac(spend, aware, as_of=day(3))
    with pytest.raises(DataError, match=r"^cac: 1 of 2 values of 'cost' \(cost_col\) are infinite"):
        crm.kpi.cac(spend.assign(cost=[1.0, np.inf]), won, as_of=day(3))


def test_coverage_of_the_interval():
    # 2,000 samples of a Poisson count of mean 20 at a cost of 1,000: the true cost per expected
    # customer is 50; Garwood's interval is never below its level (Garwood 1936)
    rng = np.random.default_rng(3)
    counts = rng.poisson(20, 2_000)
    n = int(counts.sum())
    week = np.repeat(np.arange(2_000), counts)
    customers = pd.DataFrame({
        "customer_id": np.arange(n), "acquired_on": pd.Timestamp(START), "week": week,
    })  # fmt: skip
    spend = pd.DataFrame({"date": START, "cost": 1_000.0, "week": np.arange(2_000)})
    got = crm.kpi.cac(spend, customers, as_of=START, by="week", channel_col=None)
    covered = ((got["lower"] <= 50) & (got["upper"] >= 50)).mean()
    assert 0.945 <= covered <= 0.975


@quiet
def test_the_simulated_shop():
    shop = crm.datasets.simulate_shop(n_customers=300, days=400, random_state=1)
    got = crm.kpi.cac(shop.spend, shop.customers, as_of=shop.spend["date"].max())
    merged = got[got["level"] == "channel"].set_index("channel")
    cost = shop.spend.groupby("channel")["cost"].sum().round(2)
    customers = shop.customers["channel"].value_counts()
    for channel in customers.index:
        assert merged.loc[channel, "denominator"] == customers[channel]
        assert merged.loc[channel, "numerator"] == pytest.approx(cost.get(channel, 0.0))
    blended = got.iloc[0]
    assert blended["value"] == pytest.approx(cost.sum() / len(shop.customers))
