"""Retention of recurring revenue against a loop over customers and months."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

FEW = settings(max_examples=12, deadline=None)  # for each of six engines
Z = 1.959963984540054  # R: qnorm(0.975)
ROW = st.tuples(
    st.sampled_from("abcd"),
    st.integers(0, 7),
    st.integers(-2, 12).map(lambda quarters: quarters / 4),
    st.sampled_from(["north", "south", None]),
    st.integers(1, 28),
)
ROWS = st.lists(ROW, min_size=1, max_size=25)
COLUMNS = [
    "month", "nrr", "nrr_lower", "nrr_upper", "grr", "grr_lower", "grr_upper", "base_mrr",
    "now_mrr", "kept_mrr", "logo_retention", "logo_lower", "logo_upper", "base_customers",
    "kept_customers", "quick_ratio", "gross_churn", "net_churn", "complete",
]  # fmt: skip


def table_of(rows):
    days = [pd.Timestamp(2025, 7, 1) + pd.DateOffset(months=row[1], day=row[4]) for row in rows]
    return pa.table(
        {
            "customer_id": [row[0] for row in rows],
            "month": pa.array(days, pa.timestamp("us")),
            "mrr": pa.array([row[2] for row in rows], pa.float64()),
            "shop": pa.array([row[3] for row in rows], pa.string()),
        }
    )


def over(top, bottom):
    return top / bottom if bottom > 0 else math.nan


def ratio_interval(tops, bottoms):
    n = len(bottoms)
    if n < 2:
        return math.nan, math.nan
    ratio = sum(tops) / sum(bottoms)
    spread = sum((top - ratio * bottom) ** 2 for top, bottom in zip(tops, bottoms, strict=True))
    half = Z * math.sqrt(n / (n - 1) * spread) / sum(bottoms)
    return ratio - half, ratio + half


def oracle(rows, months, offsets, first=None, last=None):
    """Return one dict a month, by plain loops."""
    first = min(row[1] for row in rows) if first is None else first
    last = max(row[1] for row in rows) if last is None else last
    people = sorted({row[0] for row in rows})

    def mrr(who, month):
        return max(sum(row[2] for row in rows if row[0] == who and row[1] == month), 0)

    out = []
    for month in range(first, last + 1):
        row = dict.fromkeys(COLUMNS[1:-1], math.nan)
        if month - months >= first:
            base = [who for who in people if mrr(who, month - months) > 0]
            then = [mrr(who, month - months) for who in base]
            now = [mrr(who, month) for who in base]
            kept = [min(pair) for pair in zip(then, now, strict=True)]
            stayed = sum(level > 0 for level in now)
            row |= {"base_mrr": sum(then), "now_mrr": sum(now), "kept_mrr": sum(kept)}
            row |= {"base_customers": len(base), "kept_customers": stayed}
            row |= {"nrr": over(sum(now), sum(then)), "grr": over(sum(kept), sum(then))}
            row["logo_retention"] = over(stayed, len(base))
            if base:
                low, high = ratio_interval(now, then)
                row |= {"nrr_lower": max(low, 0.0) if low == low else low, "nrr_upper": high}
                low, high = ratio_interval(kept, then)
                row["grr_lower"] = max(low, 0.0) if low == low else low
                row["grr_upper"] = min(high, 1.0) if high == high else high
                row["logo_lower"], row["logo_upper"] = proportion_confint(
                    stayed, len(base), 0.05, "wilson"
                )
        moved = dict.fromkeys(["new", "expansion", "contraction", "churn", "reactivation"], 0)
        start = 0
        for who in people:
            before = mrr(who, month - 1) if month > first else 0
            now, start = mrr(who, month), start + before
            known = any(mrr(who, earlier) for earlier in range(first, month))
            if before == 0:
                moved["reactivation" if known else "new"] += now
            elif now == 0:
                moved["churn"] += before
            else:
                moved["expansion"] += max(now - before, 0)
                moved["contraction"] += max(before - now, 0)
        lost = moved["churn"] + moved["contraction"]
        row["quick_ratio"] = over(moved["new"] + moved["reactivation"] + moved["expansion"], lost)
        row["gross_churn"] = over(lost, start)
        back = moved["reactivation"] if offsets else 0
        row["net_churn"] = over(lost - moved["expansion"] - back, start)
        out.append(row)
    return out


def compare(got, expected):
    assert len(got) == len(expected)
    for (_, row), wanted in zip(got.iterrows(), expected, strict=True):
        found = [math.nan if pd.isna(row[name]) else float(row[name]) for name in wanted]
        assert found == pytest.approx(list(wanted.values()), abs=1e-9, nan_ok=True)


@FEW
@given(rows=ROWS, months=st.integers(1, 4), offsets=st.booleans())
def test_against_a_loop(make_eager, plain, rows, months, offsets):
    got = plain(
        crm.kpi.revenue_retention(
            make_eager(table_of(rows)), months=months, net_of_reactivation=offsets
        )
    )
    assert list(got.columns) == COLUMNS
    first = min(row[1] for row in rows)
    month = pd.Timestamp(2025, 7, 1) + pd.DateOffset(months=first)
    assert got["month"].iloc[0] == month
    assert got["complete"].all()
    compare(got, oracle(rows, months, offsets))


@settings(max_examples=30, deadline=None)
@given(rows=ROWS, months=st.integers(1, 4))
def test_each_group_alone_and_all_together(rows, months):
    table = table_of(rows).to_pandas()
    split = crm.kpi.revenue_retention(table, months=months, by="shop")
    first, last = min(row[1] for row in rows), max(row[1] for row in rows)
    for shop in {row[3] for row in rows}:
        held = split["shop"].isna() if shop is None else split["shop"] == shop
        own = [row for row in rows if row[3] == shop]
        compare(split[held], oracle(own, months, offsets=True, first=first, last=last))


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, months=st.integers(1, 4))
def test_properties(rows, months):
    table = table_of(rows).to_pandas()
    table["shop"] = table["customer_id"].map({"a": 1, "b": 1, "c": 2, "d": 2})
    got = crm.kpi.revenue_retention(table, months=months)
    known = got[got["grr"].notna()]
    assert known["grr"].between(0, 1).all()
    assert (known["grr"] <= known["nrr"]).all()
    for name in ("grr", "nrr"):
        sure = known[known[f"{name}_lower"].notna()]
        assert (sure[f"{name}_lower"] <= sure[name] + 1e-12).all()
        assert (sure[name] <= sure[f"{name}_upper"] + 1e-12).all()
    assert got["gross_churn"].dropna().between(0, 1).all()
    assert (got["net_churn"].dropna() <= got["gross_churn"].dropna()).all()
    # numerators and denominators of groups of customers add up to those of all
    sums = ["base_mrr", "now_mrr", "kept_mrr", "base_customers", "kept_customers"]
    parts = crm.kpi.revenue_retention(table, months=months, by="shop").groupby("month")
    added = parts[sums].sum(min_count=1).reset_index(drop=True).astype(float)
    pd.testing.assert_frame_equal(added, got[sums].astype(float))


@pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")
def test_a_month_back_is_what_movements_say():
    subscriptions = crm.datasets.simulate_shop(n_customers=500, random_state=3).subscriptions
    moved = crm.kpi.mrr_movements(subscriptions)
    monthly = crm.kpi.monthly_revenue(subscriptions)
    got = crm.kpi.revenue_retention(monthly, months=1)
    assert got["month"].tolist() == moved["month"].tolist()
    assert got["complete"].tolist() == moved["complete"].tolist()
    won = moved["new"] + moved["reactivation"] + moved["expansion"]
    lost = moved["churn"] + moved["contraction"]
    start = moved["start"].where(moved["start"] > 0)
    before = moved["customers"].shift()
    for name, expected in (
        ("quick_ratio", won / lost.where(lost > 0)),
        ("gross_churn", lost / start),
        ("net_churn", (lost - moved["expansion"] - moved["reactivation"]) / start),
        ("grr", (moved["start"] - lost) / start),
        ("nrr", (moved["start"] - lost + moved["expansion"]) / start),
        ("logo_retention", 1 - moved["churn_customers"] / before.where(before > 0)),
    ):
        np.testing.assert_allclose(got[name], expected, atol=1e-12, err_msg=name)


def simulated(rng, n):
    """Return months 0 and 1 of customers: a third leaves, the others pay 0.8 to 1.4 times."""
    then = rng.gamma(2, 20, n)
    now = np.where(rng.random(n) < 1 / 3, 0.0, then * rng.uniform(0.8, 1.4, n))
    return pd.DataFrame(
        {
            "customer_id": np.tile(np.arange(n), 2),
            "month": np.repeat(pd.to_datetime(["2026-01-01", "2026-02-01"]), n),
            "mrr": np.concatenate([then, now]),
        }
    )


def test_coverage_of_the_intervals():
    # stays with 2/3; then pays U times: E[U] = 1.1, E[min(U, 1)] = (0.2 * 0.9 + 0.4) / 0.6 = 29/30
    rng = np.random.default_rng(11)
    covered, samples = np.zeros(2), 200
    for _ in range(samples):
        row = crm.kpi.revenue_retention(simulated(rng, 200), months=1, precision=9).iloc[-1]
        for place, (name, true) in enumerate((("nrr", 2 / 3 * 1.1), ("grr", 2 / 3 * 29 / 30))):
            covered[place] += row[f"{name}_lower"] <= true <= row[f"{name}_upper"]
    # the binomial error of 200 samples at 0.95 is 1.5 points
    assert (covered / samples > 0.905).all()
    assert (covered / samples < 0.985).all()


def test_months_without_a_row_are_months_without_revenue():
    rows = [("a", 0, 2.0, None, 1), ("b", 3, 1.0, None, 1)]
    got = crm.kpi.revenue_retention(table_of(rows).to_pandas(), months=1)
    assert got["base_mrr"].tolist()[1:] == [2.0, 0.0, 0.0]
    assert got["nrr"].tolist()[1] == 0.0
    assert got["nrr"].iloc[2:].isna().all()
    assert got["quick_ratio"].tolist()[1] == 0.0


def test_one_unfinished_row_marks_its_month():
    rows = [("a", 0, 2.0, None, 1), ("b", 1, 1.0, None, 1), ("a", 1, 1.0, None, 1)]
    table = table_of(rows).to_pandas().assign(complete=[True, False, True])
    assert crm.kpi.revenue_retention(table)["complete"].tolist() == [True, False]


def test_nothing_to_look_back_to(make_eager, plain):
    rows = [("a", 0, 2.0, "x", 1), ("a", 1, 3.0, "x", 1)]
    got = plain(crm.kpi.revenue_retention(make_eager(table_of(rows))))
    assert got[COLUMNS[1:15]].isna().all(axis=None)
    assert got["net_churn"].tolist()[1] == -0.5
    none = plain(crm.kpi.revenue_retention(make_eager(table_of(rows).slice(0, 0)), by="shop"))
    assert list(none.columns) == ["shop", *COLUMNS]
    assert len(none) == 0


def test_nobody_pays(make_eager, plain):
    rows = [("a", 0, 0.0, "x", 1), ("a", 1, -1.0, "x", 1)]
    got = plain(crm.kpi.revenue_retention(make_eager(table_of(rows)), months=1))
    assert got["base_mrr"].tolist()[1] == 0.0
    assert got[["nrr", "grr", "logo_retention", "quick_ratio", "gross_churn"]].isna().all(axis=None)


GOOD = table_of([("a", 0, 2.0, "x", 1), ("a", 1, 3.0, "x", 1)]).to_pandas()
BAD = [
    (GOOD, {"months": 0}, OptionError, "months must be a whole number"),
    (GOOD, {"net_of_reactivation": 1}, OptionError, "net_of_reactivation must be True or False"),
    (GOOD, {"confidence": 95}, OptionError, "confidence must lie between 0 and 1"),
    (GOOD, {"precision": "x"}, OptionError, "precision must be a whole number"),
    (GOOD.drop(columns="mrr"), {}, ColumnError, "no column 'mrr'.*monthly_revenue"),
    (GOOD.rename(columns={"month": "period"}), {}, ColumnError, "no column 'month'"),
    (GOOD.assign(mrr=[1.0, np.nan]), {}, DataError, "1 of 2 rows of monthly have no 'mrr'"),
    (GOOD.assign(month=pd.NaT), {}, DataError, "month"),
    (GOOD.assign(mrr=np.inf), {}, DataError, "infinite|infinity"),
    (GOOD.assign(customer_id=None), {}, DataError, "customer_id"),
    (GOOD.assign(complete=3), {}, ColumnError, "complete"),
    (GOOD.rename(columns={"shop": "nrr"}), {"by": "nrr"}, ColumnError, "result column"),
]


@pytest.mark.parametrize(("table", "options", "error", "sentence"), BAD)
def test_bad_input(table, options, error, sentence):
    with pytest.raises(error, match=rf"^revenue_retention: .*({sentence})"):
        crm.kpi.revenue_retention(table, **options)
