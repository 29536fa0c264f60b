# ruff: noqa: DTZ001 - the dates of tables are naive
"""Gaps between purchases, and the curve of those not over yet, against plain loops."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

START = datetime(2025, 12, 20)
Z = 1.959963984540054  # R: qnorm(0.975)
LINE = st.tuples(
    st.sampled_from("abcd"),
    st.integers(0, 60),
    st.one_of(st.none(), *[st.integers(-4, 40)] * 5),
    st.sampled_from(["north", "south", None]),
)
LINES = st.lists(LINE, min_size=1, max_size=30)
FEW = settings(max_examples=8, deadline=None)  # for each of eight engines
QUANTILES = {"median_days": 0.5, "p80_days": 0.8, "p90_days": 0.9, "p95_days": 0.95}


def columns(lines):
    return pa.table(
        {
            "customer_id": [line[0] for line in lines],
            "date": [START + timedelta(days=line[1], minutes=line[1]) for line in lines],
            "amount": pa.array([line[2] for line in lines], pa.float64()),
            "shop": pa.array([line[3] for line in lines], pa.string()),
        }
    )


def days_of(lines):
    """Return the purchase days of each customer, sorted."""
    days = {}
    for who, day, amount, _ in lines:
        if amount is None or amount >= 0:
            days.setdefault(who, set()).add(day)
    return {who: sorted(found) for who, found in sorted(days.items())}


def gaps_of(lines):
    return [
        (who, START + timedelta(days=b), b - a)
        for who, days in days_of(lines).items()
        for a, b in pairwise(days)
    ]


@FEW
@given(lines=LINES)
def test_gaps(make_table, plain, lines):
    got = plain(crm.kpi.purchase_gaps(make_table(columns(lines))), "customer_id", "date")
    assert list(got) == ["customer_id", "date", "gap_days"]
    assert list(got.itertuples(index=False, name=None)) == gaps_of(lines)


@settings(max_examples=5, deadline=None)
@given(lines=LINES)
def test_gaps_by_reach_back_within_the_group(make_table, plain, lines):
    table = crm.kpi.purchase_gaps(make_table(columns(lines)), by="shop")
    got = plain(table, "customer_id", "shop", "date")
    assert list(got) == ["customer_id", "shop", "date", "gap_days"]
    for shop in ("north", "south", None):
        mine = got["shop"].isna() if shop is None else got["shop"] == shop
        rows = got[mine.astype(bool)].drop(columns="shop")
        own = [line for line in lines if line[3] == shop]
        assert list(rows.itertuples(index=False, name=None)) == gaps_of(own)


@settings(max_examples=10, deadline=None)
@given(lines=LINES)
def test_eager_answers_are_sorted(make_eager, plain, lines):
    got = plain(crm.kpi.purchase_gaps(make_eager(columns(lines)), by="shop"))
    want = got.sort_values(["customer_id", "shop", "date"], kind="stable", na_position="last")
    pd.testing.assert_frame_equal(got, want)


def curve(lengths, ended):
    """Kaplan-Meier by a loop: the share of gaps still open after each day, from day 0."""
    left, survival = 1.0, []
    for day in range(max(lengths) + 1):
        at_risk = sum(length >= day for length in lengths)
        over = sum(e and length == day for length, e in zip(lengths, ended, strict=True))
        left *= 1 - over / at_risk
        survival.append(left)
    return survival


def spells(lines, last, *, censored, first_only):
    """List length, whether it ended and whose it is."""
    found = []
    for who, days in days_of(lines).items():
        gaps = [(b - a, True, who) for a, b in pairwise(days)]
        gaps.append((last - days[-1], False, who))
        gaps = gaps[:1] if first_only else gaps
        found += [gap for gap in gaps if censored or gap[1]]
    return found


def day_of(survival, share):
    return next((t for t, left in enumerate(survival) if left <= 1 - share + 1e-9), np.nan)


@pytest.mark.parametrize("censored", [False, True])
@pytest.mark.parametrize("first_only", [False, True])
@settings(max_examples=5, deadline=None)
@given(lines=LINES, more=st.integers(0, 30))
def test_summary(make_eager, plain, censored, first_only, lines, more):
    last = max(line[1] for line in lines) + more
    table = crm.kpi.purchase_gap_summary(
        make_eager(columns(lines)), censored=censored, first_only=first_only,
        as_of=START + timedelta(days=last),
    )  # fmt: skip
    got = plain(table)
    assert len(got) == 1
    row = got.iloc[0]
    found, per = spells(lines, last, censored=censored, first_only=first_only), days_of(lines)
    lengths, ended = [gap[0] for gap in found], [gap[1] for gap in found]
    assert row["customers"] == len(per)
    assert row["one_time"] == sum(len(days) == 1 for days in per.values())
    assert row["n_gaps"] == sum(ended)
    if not found:
        assert row.iloc[3:].isna().all()
        return
    survival = curve(lengths, ended)
    for name, share in QUANTILES.items():
        want = day_of(survival, share)
        assert (pd.isna(row[name]) and np.isnan(want)) or row[name] == want
    if survival[-1] > 1e-9:
        assert row[["mean_days", "mean_lower", "mean_upper"]].isna().all()
        return
    assert row["mean_days"] == pytest.approx(sum(survival))  # a day each, up to the last gap
    if not censored:
        assert row["mean_days"] == pytest.approx(np.mean(lengths))
        interval = row[["mean_lower", "mean_upper"]].astype(float).tolist()
        assert interval == pytest.approx(bounds(found), abs=1e-9, nan_ok=True)


def bounds(found):
    """The delta method's interval of the mean, customers as the sample (Cochran 1977, ch. 6)."""
    table = pd.DataFrame(found, columns=["length", "ended", "who"])
    mean = table["length"].mean()
    residual = (table["length"] - mean).groupby(table["who"]).sum()
    n = len(residual)
    if n < 2:
        return [np.nan, np.nan]
    half = Z * np.sqrt(n / (n - 1) * (residual**2).sum()) / len(table)
    return [max(mean - half, 0.0), mean + half]


@settings(max_examples=10, deadline=None)
@given(lines=LINES, censored=st.booleans())
def test_summary_by_equals_each_group_alone(plain, lines, censored):
    table, last = columns(lines), START + timedelta(days=60)
    whole = plain(crm.kpi.purchase_gap_summary(table, by="shop", censored=censored, as_of=last))
    shops = sorted({line[3] for line in lines}, key=lambda shop: (shop is None, shop))
    assert [None if pd.isna(shop) else shop for shop in whole["shop"]] == shops
    for place, shop in enumerate(shops):
        own = columns([line for line in lines if line[3] == shop])
        alone = plain(crm.kpi.purchase_gap_summary(own, censored=censored, as_of=last)).iloc[0]
        for name in alone.index:
            one, other = whole[name].iloc[place], alone[name]
            assert (pd.isna(one) and pd.isna(other)) or one == pytest.approx(other, abs=1e-9)


def shop_of(rng, size, years):
    """Customers with a rhythm of their own; some of them never come again."""
    lines = []
    for number, mean in enumerate(rng.gamma(4, 8, size)):
        days = np.cumsum(rng.exponential(mean, 200)) + rng.uniform(0, 200)
        days = days[: rng.geometric(0.12)]
        lines += [(number, day) for day in days[days < 365 * years].astype(int)]
    table = pd.DataFrame(lines, columns=["customer_id", "day"])
    return table.assign(date=pd.Timestamp("2024-01-01") + pd.to_timedelta(table["day"], unit="D"))


@pytest.mark.parametrize("censored", [False, True])
def test_errors_are_those_of_leaving_customers_out_one_by_one(censored):
    # the jackknife over customers: the interval of the median has to be as wide as it says
    table = shop_of(np.random.default_rng(3), 150, 1)
    options = {"censored": censored, "as_of": "2024-12-31", "confidence": 0.6826894921370859}
    row = crm.kpi.purchase_gap_summary(table, **options).iloc[0]  # one standard error
    lines = [(str(who), day, 1, None) for who, day in table[["customer_id", "day"]].to_numpy()]
    found = pd.DataFrame(
        spells(lines, 365, censored=censored, first_only=False), columns=["length", "ended", "who"]
    )
    median = int(row["median_days"])
    shares = []
    for who in found["who"].unique():
        rest = found[found["who"] != who]
        shares.append(1 - curve(list(rest["length"]), list(rest["ended"]))[median])
    n = len(shares)
    error = np.sqrt((n - 1) / n * ((np.array(shares) - np.mean(shares)) ** 2).sum())
    survival = curve(list(found["length"]), list(found["ended"]))
    assert row["lower"] == pytest.approx(day_of(survival, 0.5 - error), abs=1)
    assert row["upper"] == pytest.approx(day_of(survival, 0.5 + error), abs=1)
    if not censored:  # with silences that outlast all gaps there is no mean
        means = [found.loc[found["who"] != who, "length"].mean() for who in found["who"].unique()]
        n = len(means)
        error = np.sqrt((n - 1) / n * ((np.array(means) - np.mean(means)) ** 2).sum())
        assert row["mean_upper"] - row["mean_days"] == pytest.approx(error, rel=0.02)


def test_gaps_of_one_customer_are_alike_and_the_interval_knows():
    # each customer has one gap length only: 40 customers are 40 observations, however many gaps
    rng = np.random.default_rng(0)
    rhythm = rng.integers(5, 60, 40)
    tables = []
    for repeats in (2, 12):
        lines = [(who, day * n) for who, day in enumerate(rhythm) for n in range(repeats)]
        table = pd.DataFrame(lines, columns=["customer_id", "day"])
        table["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table["day"], unit="D")
        tables.append(crm.kpi.purchase_gap_summary(table).iloc[0])
    few, many = tables
    for name in ("mean_days", "mean_lower", "mean_upper", "median_days", "lower", "upper"):
        assert many[name] == pytest.approx(few[name])


def test_coverage_of_the_medians_interval():
    # rhythms differ between customers; the true median is that of a very large table
    rng, covered = np.random.default_rng(8), 0
    options = {"as_of": "2024-12-31", "censored": True, "first_only": True}
    truth = crm.kpi.purchase_gap_summary(shop_of(rng, 20_000, 1), **options).iloc[0]
    for _ in range(200):
        row = crm.kpi.purchase_gap_summary(shop_of(rng, 100, 1), **options).iloc[0]
        covered += row["lower"] <= truth["median_days"] <= row["upper"]
    # whole days widen the interval a little; the binomial error of 200 samples is 1.5 points
    assert 0.91 <= covered / 200 <= 0.99


def test_a_gap_that_all_share_has_no_spread(make_eager, plain):
    lines = [(who, day, 1, None) for who in "abc" for day in (0, 7, 14)]
    row = plain(crm.kpi.purchase_gap_summary(make_eager(columns(lines)))).iloc[0]
    names = ["mean_days", "mean_lower", "mean_upper", "median_days", "lower", "upper", "p95_days"]
    assert row[names].tolist() == [7] * 7


def test_one_timers_are_counted_and_have_no_gap(make_eager, plain):
    lines = [("a", 0, 1, None), ("a", 0, 1, None), ("b", 3, 1, None)]
    row = plain(crm.kpi.purchase_gap_summary(make_eager(columns(lines)))).iloc[0]
    assert row[["customers", "one_time", "n_gaps"]].tolist() == [2, 2, 0]
    assert row.iloc[3:].isna().all()
    row = plain(crm.kpi.purchase_gap_summary(make_eager(columns(lines)), censored=True)).iloc[0]
    assert row["n_gaps"] == 0
    assert row.iloc[3:].isna().all()


def test_returns_are_no_purchases(make_table, plain):
    lines = [("a", 0, 5, None), ("a", 3, -5, None), ("a", 9, None, None)]
    table = make_table(columns(lines))
    assert plain(crm.kpi.purchase_gaps(table))["gap_days"].tolist() == [9]
    every = plain(crm.kpi.purchase_gaps(table, amount_col=None), "date")
    assert every["gap_days"].tolist() == [3, 6]


def test_a_table_without_amounts_has_no_returns(make_table, plain):
    bare = columns([("a", 0, 5, None), ("a", 3, 5, None)]).drop_columns(["amount"])
    table = make_table(bare)
    assert plain(crm.kpi.purchase_gaps(table))["gap_days"].tolist() == [3]
    with pytest.raises(ColumnError, match=r"^purchase_gaps: no column 'paid' \(amount_col\) in"):
        crm.kpi.purchase_gaps(table, amount_col="paid")


def test_as_of_is_inclusive(make_table, plain):
    lines = [("a", 0, 5, None), ("a", 3, 5, None), ("a", 9, 5, None)]
    got = crm.kpi.purchase_gaps(make_table(columns(lines)), as_of=date(2025, 12, 23))
    assert plain(got)["gap_days"].tolist() == [3]


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"censored": "yes"}, OptionError, "censored must be True or False; got 'yes'"),
        ({"first_only": 1}, OptionError, "first_only must be True or False; got 1"),
        ({"confidence": 95}, OptionError, "confidence must lie between 0 and 1; got 95"),
        ({"as_of": "2020-01-01"}, OptionError, "as_of 2020-01-01 is before the first date"),
        ({"date_col": "day"}, ColumnError, r"no column 'day' \(date_col\)"),
        ({"by": "n_gaps"}, ColumnError, r"column 'n_gaps' \(by\) has the name of a result"),
    ],
)
def test_refusals(engines, options, error, sentence):
    table = engines["polars"](columns([("a", 1, 1, None)]).append_column("n_gaps", pa.array([1])))
    with pytest.raises(error, match=rf"^purchase_gap_summary: {sentence}"):
        crm.kpi.purchase_gap_summary(table, **options)
    if set(options) & {"date_col", "as_of"}:
        with pytest.raises(error, match=rf"^purchase_gaps: {sentence}"):
            crm.kpi.purchase_gaps(table, **options)


def test_tables_that_are_refused(engines):
    table = engines["polars"](columns([("a", 1, 1, None)]))
    with pytest.raises(DataError, match=r"^purchase_gap_summary: transactions is a Polars LazyFr"):
        crm.kpi.purchase_gap_summary(table.lazy())
    with pytest.raises(DataError, match=r"^purchase_gaps: transactions has no rows, so as_of has"):
        crm.kpi.purchase_gaps(table.head(0))


def test_an_empty_table_with_as_of(make_eager, plain):
    empty = make_eager(columns([("a", 1, 1, None)]).slice(0, 0))
    assert len(plain(crm.kpi.purchase_gaps(empty, as_of="2026-01-01"))) == 0
    row = plain(crm.kpi.purchase_gap_summary(empty, as_of="2026-01-01")).iloc[0]
    assert row[["customers", "one_time", "n_gaps"]].tolist() == [0, 0, 0]
    assert row.iloc[3:].isna().all()
