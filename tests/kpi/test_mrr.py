# ruff: noqa: DTZ001 - the dates of tables are naive
"""Recurring revenue and its movements, against a look at each customer on each day."""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

# tables of random subscriptions hold what counts for nothing; the sentences are tested below
pytestmark = pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")

START = datetime(2026, 1, 1)
FEW = settings(max_examples=12, deadline=None)  # for each of six engines
MOVES = ["new", "expansion", "contraction", "churn", "reactivation"]
ROW = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 130),
    st.one_of(st.none(), st.integers(0, 100)),
    st.integers(-3, 40).map(lambda eighths: eighths / 8),  # three decimals: rests of a cent
    st.sampled_from(["north", "south", None]),
)
ROWS = st.lists(ROW, min_size=1, max_size=12)
PRORATION = st.sampled_from(["month", "day"])
LAST = st.one_of(st.none(), st.integers(130, 260))


def at(day):
    return START + timedelta(days=day)


def table_of(rows):
    ends = [None if row[2] is None else at(row[1] + row[2]) for row in rows]
    return pa.table(
        {
            "customer_id": [row[0] for row in rows],
            "start_date": pa.array([at(row[1]) for row in rows], pa.timestamp("us")),
            "end_date": pa.array(ends, pa.timestamp("us")),
            "amount": pa.array([row[3] for row in rows], pa.float64()),
            "shop": pa.array([row[4] for row in rows], pa.string()),
        }
    )


def last_day(rows, given_day):
    if given_day is not None:
        return given_day
    ends = [row[1] + row[2] for row in rows if row[2] is not None]
    return max([row[1] for row in rows] + ends)


def calendar(first, last):
    """Return the months from one day to another, each with its days as far as they are seen."""
    months = pd.period_range(at(first), at(last), freq="M")
    days = [
        [(day - START).days for day in pd.date_range(month.start_time, month.end_time, freq="D")]
        for month in months
    ]
    return [m.start_time for m in months], [[d for d in one if d <= last] for one in days]


def paid(rows, days, last, proration):
    """Return what the rows of one customer come to in a month, in cents."""
    seen = days if proration == "day" else days[-1:]
    total = Fraction(0)
    for _, start, length, amount, _ in rows:
        end = None if length is None or start + length > last else start + length
        served = sum(1 for day in seen if start <= day and (end is None or day < end))
        total += Fraction(amount) * served / len(seen)
    cents = Decimal((total * 100).numerator) / Decimal((total * 100).denominator)
    return max(int(cents.quantize(Decimal(1), ROUND_HALF_UP)), 0)


def movement(before, now, *, known):
    if before == now:
        return None
    if before == 0:
        return "reactivation" if known else "new"
    if now == 0:
        return "churn"
    return "expansion" if now > before else "contraction"


def oracle(rows, last, proration, first=None):
    """Return rows of customer, month, mrr, previous_mrr and movement; money in cents."""
    rows = [row for row in rows if row[1] <= last]
    months, days = calendar(min(row[1] for row in rows) if first is None else first, last)
    out = []
    for who in sorted({row[0] for row in rows}):
        own = [row for row in rows if row[0] == who]
        levels = [paid(own, seen, last, proration) for seen in days]
        paying = [k for k, level in enumerate(levels) if level]
        if not paying:
            continue
        for k in range(paying[0], min(paying[-1] + 2, len(levels))):
            before = levels[k - 1] if k else 0
            kind = movement(before, levels[k], known=k > paying[0])
            out.append((who, months[k], levels[k], before, kind))
    return out, months


def cents(values):
    return [round(100 * float(value)) for value in values]


def listed(got):
    kinds = [None if pd.isna(kind) else kind for kind in got["movement"]]
    parts = (got["customer_id"], got["month"], cents(got["mrr"]), cents(got["previous_mrr"]), kinds)
    return list(zip(*parts, strict=True))


@FEW
@given(rows=ROWS, proration=PRORATION, given_day=LAST)
def test_monthly_revenue_against_a_look_at_each_day(make_eager, plain, rows, proration, given_day):
    as_of = None if given_day is None else at(given_day)
    table = make_eager(table_of(rows))
    got = plain(crm.kpi.monthly_revenue(table, proration=proration, as_of=as_of))
    expected, _ = oracle(rows, last_day(rows, given_day), proration)
    assert listed(got) == expected
    np.testing.assert_allclose(got["change"], got["mrr"] - got["previous_mrr"], atol=1e-9)


@FEW
@given(rows=ROWS, proration=PRORATION, given_day=LAST)
def test_movements_are_sums_over_customers(make_eager, plain, rows, proration, given_day):
    as_of = None if given_day is None else at(given_day)
    table = make_eager(table_of(rows))
    got = plain(crm.kpi.mrr_movements(table, proration=proration, as_of=as_of))
    expected, months = oracle(rows, last_day(rows, given_day), proration)
    assert list(got["month"]) == months
    for month, row in zip(months, got.to_dict("records"), strict=True):
        here = [one for one in expected if one[1] == month]
        assert cents([row["end"]]) == [sum(one[2] for one in here)]
        assert row["customers"] == sum(one[2] > 0 for one in here)
        for name in MOVES:
            moved = [abs(one[2] - one[3]) for one in here if one[4] == name]
            assert cents([row[name]]) == [sum(moved)]
            assert row[f"{name}_customers"] == len(moved)


def identity(moved):
    """Return what is left over of the identity, in cents; each figure is a whole number of them."""
    parts = {name: np.array(cents(moved[name])) for name in ["start", *MOVES, "end"]}
    won = parts["start"] + parts["new"] + parts["reactivation"] + parts["expansion"]
    return won - parts["contraction"] - parts["churn"] - parts["end"]


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, proration=PRORATION, given_day=LAST)
def test_the_identity_holds_in_every_row(rows, proration, given_day):
    as_of = None if given_day is None else at(given_day)
    options = {"proration": proration, "as_of": as_of}
    table = table_of(rows).to_pandas()
    moved = crm.kpi.mrr_movements(table, **options)
    split = crm.kpi.mrr_movements(table, by="shop", **options)
    assert not identity(moved).any()
    assert not identity(split).any()
    assert (moved[["start", *MOVES, "end"]] >= 0).all(axis=None)
    # each month begins where the one before ended, so that all movements together are the end
    assert moved["start"].tolist() == [0.0, *moved["end"][:-1]]
    assert (split.groupby("shop", dropna=False)["start"].first() == 0).all()
    heads = moved["new_customers"] + moved["reactivation_customers"] - moved["churn_customers"]
    assert heads.cumsum().tolist() == moved["customers"].tolist()


@settings(max_examples=20, deadline=None)
@given(rows=ROWS, proration=PRORATION)
def test_each_group_is_counted_as_if_alone(rows, proration):
    table = table_of(rows).to_pandas()
    last = 260
    options = {"proration": proration, "as_of": at(last)}
    split = crm.kpi.monthly_revenue(table, by="shop", **options)
    moved = crm.kpi.mrr_movements(table, by="shop", **options)
    first = min(row[1] for row in rows)
    for shop in {row[4] for row in rows}:
        held = split["shop"].isna() if shop is None else split["shop"] == shop
        own = [row for row in rows if row[4] == shop]
        assert listed(split[held]) == oracle(own, last, proration, first=first)[0]
        held = moved["shop"].isna() if shop is None else moved["shop"] == shop
        alone = table["shop"].isna() if shop is None else table["shop"] == shop
        part = crm.kpi.mrr_movements(table[alone], **options).drop(columns="complete")
        tail = moved[held].tail(len(part)).reset_index(drop=True)
        pd.testing.assert_frame_equal(tail[part.columns], part)


def test_groups_of_customers_add_up():
    rng = np.random.default_rng(2)
    starts = np.datetime64("2025-01-01", "us") + rng.integers(0, 500, 900).astype("m8[D]")
    table = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 300, 900),
            "start_date": starts,
            "end_date": starts + rng.integers(1, 300, 900).astype("m8[D]"),
            "amount": rng.integers(1, 9_999, 900) / 100,
        }
    )
    table["shop"] = table["customer_id"] % 3
    whole = crm.kpi.mrr_movements(table)
    parts = crm.kpi.mrr_movements(table, by="shop").groupby("month")
    columns = [name for name in whole.columns if name not in {"month", "complete"}]
    sums = parts[columns].sum().reset_index(drop=True)
    pd.testing.assert_frame_equal(sums, whole[columns], check_exact=False, atol=1e-9, rtol=0)
    assert not identity(whole).any()


def sums_of(table, **options):
    moved = crm.kpi.mrr_movements(table, **options)
    return moved.set_index(moved["month"].dt.strftime("%Y-%m"))


def test_one_of_two_cancelled_is_contraction():
    rows = [("a", 0, None, 30.0, "x"), ("a", 0, 45, 20.0, "x")]
    moved = sums_of(table_of(rows).to_pandas(), as_of=date(2026, 3, 31))
    assert moved.loc["2026-02", ["contraction", "churn", "customers"]].tolist() == [20.0, 0.0, 1]
    assert moved["new_customers"].sum() == 1  # a second subscription is no second customer


def test_a_renewal_is_nothing_and_a_change_of_plan_within_the_month_no_churn():
    rows = [("a", 0, 45, 30.0, "x"), ("a", 45, None, 30.0, "x")]
    rows += [("b", 0, 45, 10.0, "x"), ("b", 45, None, 25.0, "x")]
    moved = sums_of(table_of(rows).to_pandas(), as_of=date(2026, 3, 31))
    assert moved.loc["2026-02", MOVES].tolist() == [0.0, 15.0, 0.0, 0.0, 0.0]


def test_a_gap_within_a_month_is_no_churn_and_one_over_its_end_is():
    rows = [("a", 0, 40, 9.0, "x"), ("a", 50, None, 9.0, "x")]
    moved = sums_of(table_of(rows).to_pandas(), as_of=date(2026, 3, 31))
    assert not moved.loc["2026-02", MOVES].any()
    rows = [("a", 0, 40, 9.0, "x"), ("a", 60, None, 12.0, "x")]
    moved = sums_of(table_of(rows).to_pandas(), as_of=date(2026, 3, 31))
    assert moved.loc["2026-02", "churn"] == 9.0
    assert moved.loc["2026-03", ["new", "expansion", "reactivation"]].tolist() == [0.0, 0.0, 12.0]


def test_daily_proration_by_hand():
    # 16 of 31 days of January, all of February, 10 of 31 days of March
    rows = [("a", 15, 54, 31.0, "x")]
    monthly = crm.kpi.monthly_revenue(
        table_of(rows).to_pandas(), proration="day", as_of=date(2026, 4, 30)
    )
    assert monthly["mrr"].tolist() == [16.0, 31.0, 10.0, 0.0]
    assert monthly["movement"].tolist() == ["new", "expansion", "contraction", "churn"]
    # seen until March 5th: the mean of five days, all of them served
    monthly = crm.kpi.monthly_revenue(
        table_of(rows).to_pandas(), proration="day", as_of=date(2026, 3, 5)
    )
    assert monthly["mrr"].tolist() == [16.0, 31.0, 31.0]
    assert monthly["complete"].tolist() == [True, True, False]


def test_later_rows_are_not_seen_and_later_ends_are_open():
    rows = [("a", 0, 90, 10.0, "x"), ("b", 70, None, 20.0, "x")]
    moved = sums_of(table_of(rows).to_pandas(), as_of=date(2026, 2, 28))
    assert moved["end"].tolist() == [10.0, 10.0]
    assert moved["complete"].tolist() == [True, True]
    # the same table, seen to its last end: the first of April, the only day of April
    moved = sums_of(table_of(rows).to_pandas())
    assert moved["end"].tolist() == [10.0, 10.0, 30.0, 20.0]
    assert moved["complete"].tolist() == [True, True, True, False]


def test_without_an_end_the_last_start_is_the_last_day():
    rows = [("a", 0, None, 10.0, "x"), ("b", 58, None, 20.0, "x")]
    moved = sums_of(table_of(rows).to_pandas())
    assert moved["end"].tolist() == [10.0, 30.0]
    assert moved["complete"].tolist() == [True, True]  # 28 February


def test_who_pays_nothing_or_less_is_no_paying_customer():
    rows = [("a", 0, None, 10.0, "x"), ("a", 40, None, -10.0, "x"), ("b", 0, None, 0.0, "x")]
    rows += [("c", 0, None, 5.0, "x"), ("c", 40, 30, -8.0, "x")]
    with pytest.warns(CrmlyticsWarning, match=r"of 5 subscriptions 3 have an amount of 0 or less"):
        moved = sums_of(table_of(rows).to_pandas(), as_of=date(2026, 3, 31))
    assert moved["customers"].tolist() == [2, 0, 1]
    assert moved["end"].tolist() == [15.0, 0.0, 5.0]
    assert moved.loc["2026-02", "churn"] == 15.0


def test_what_counts_for_nothing_is_said():
    rows = [("a", 0, 0, 10.0, "x"), ("b", 3, 20, 20.0, "x"), ("c", 3, None, 20.0, "x")]
    table = table_of(rows).to_pandas()
    sentence = (
        r"^monthly_revenue: of 3 subscriptions 1 end on the day they start and count nowhere; "
        r"1 begin and end within a month"
    )
    with pytest.warns(CrmlyticsWarning, match=sentence):
        monthly = crm.kpi.monthly_revenue(table, as_of=date(2026, 2, 28))
    assert set(monthly["customer_id"]) == {"c"}
    with pytest.warns(CrmlyticsWarning, match=r"1 end on the day they start and count nowhere\.$"):
        monthly = crm.kpi.monthly_revenue(table, proration="day", as_of=date(2026, 2, 28))
    assert set(monthly["customer_id"]) == {"b", "c"}


@pytest.mark.filterwarnings("error")
def test_an_ordinary_table_says_nothing():
    rows = [("a", 0, 40, 10.0, "x"), ("b", 3, None, 20.0, "x")]
    assert len(crm.kpi.monthly_revenue(table_of(rows).to_pandas(), as_of=date(2026, 2, 28))) == 4


def test_cents_are_exact_whatever_the_table():
    # 0.10 and 0.20 come and go among many others: nothing is left over
    rng = np.random.default_rng(3)
    n = 20_000
    starts = np.datetime64("2020-01-01", "us") + rng.integers(0, 1_500, n).astype("m8[D]")
    table = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 3_000, n),
            "start_date": starts,
            "end_date": starts + rng.integers(1, 900, n).astype("m8[D]"),
            "amount": rng.choice([0.1, 0.2, 19.9, 33.335, 1e9 + 0.01], n),
        }
    )
    for proration in ("month", "day"):
        moved = crm.kpi.mrr_movements(table, proration=proration, as_of=date(2027, 1, 31))
        assert not identity(moved).any()
        assert moved["end"].iloc[-1] == 0
        assert moved["customers"].iloc[-1] == 0


def test_precision_rounds_the_sum_of_a_customer():
    rows = [("a", 0, None, 3.333, "x"), ("a", 0, None, 3.333, "x"), ("a", 0, None, 3.334, "x")]
    table = table_of(rows).to_pandas()
    for precision, expected in ((2, 10.0), (3, 10.0), (0, 10.0), (-1, 10.0)):
        got = crm.kpi.monthly_revenue(table, precision=precision)
        assert got["mrr"].tolist() == [expected]
    table = table.head(1)
    for precision, expected in ((2, 3.33), (1, 3.3), (0, 3.0)):
        assert crm.kpi.monthly_revenue(table, precision=precision)["mrr"].tolist() == [expected]


def test_kinds_of_columns(make_eager, schema):
    rows = [("a", 0, 40, 10.0, "x"), ("b", 3, None, 20.0, None)]
    table = make_eager(table_of(rows))
    found = schema(crm.kpi.monthly_revenue(table, by="shop"))
    assert list(found) == [
        "customer_id", "shop", "month", "mrr", "previous_mrr", "change", "movement", "complete",
    ]  # fmt: skip
    assert [found[name] for name in ("mrr", "movement", "complete")] == [
        "Float64", "String", "Boolean",
    ]  # fmt: skip
    moved = schema(crm.kpi.mrr_movements(table))
    assert list(moved) == [
        "month", "start", *MOVES, "end", "customers", *(f"{m}_customers" for m in MOVES), "complete"
    ]  # fmt: skip
    assert {moved[name] for name in ["start", *MOVES, "end"]} == {"Float64"}
    assert moved["customers"] == "Int64"


def test_empty_tables_have_the_columns(make_eager, plain):
    rows = [("a", 0, 40, 10.0, "x")]
    for function in (crm.kpi.monthly_revenue, crm.kpi.mrr_movements):
        full = plain(function(make_eager(table_of(rows)), by="shop"))
        none = plain(
            function(make_eager(table_of(rows).slice(0, 0)), by="shop", as_of="2026-01-31")
        )
        assert list(none.columns) == list(full.columns)
        assert len(none) == 0


def test_nobody_pays():
    table = table_of([("a", 0, None, 0.0, "x")]).to_pandas()
    assert len(crm.kpi.monthly_revenue(table, as_of=date(2026, 2, 28))) == 0
    moved = crm.kpi.mrr_movements(table, as_of=date(2026, 2, 28))
    assert moved["end"].tolist() == [0.0, 0.0]


def test_simulated_subscriptions():
    table = crm.datasets.simulate_shop(n_customers=400, random_state=2).subscriptions
    moved = crm.kpi.mrr_movements(table)
    monthly = crm.kpi.monthly_revenue(table)
    assert not identity(moved).any()
    open_ones = table["end_date"].isna()
    assert moved["end"].iloc[-1] == pytest.approx(table.loc[open_ones, "amount"].sum())
    sums = monthly.groupby("month")["mrr"].sum()
    np.testing.assert_allclose(sums, moved.set_index("month").loc[sums.index, "end"])
    plans = crm.kpi.mrr_movements(table, by="plan")
    assert not identity(plans).any()


GOOD = table_of([("a", 0, 10, 1.0, "x"), ("b", 3, None, 2.0, "x")]).to_pandas()
BAD = [
    (GOOD.assign(end_date=at(-3)), {}, DataError, "2 of 2 rows of subscriptions end before they"),
    (GOOD.assign(amount=[1.0, np.nan]), {}, DataError, "1 of 2 rows.*have no 'amount'.*Fill in 0"),
    (GOOD.assign(amount=np.inf), {}, DataError, "infinite|infinity"),
    (GOOD.assign(amount=1e15), {}, DataError, "goes up to 1e.15.*lower precision"),
    (GOOD.assign(amount="x"), {}, ColumnError, "'amount'"),
    (GOOD.assign(customer_id=None), {}, DataError, "customer_id"),
    (GOOD.assign(start_date=pd.NaT), {}, DataError, "start_date"),
    (GOOD.drop(columns="end_date"), {}, ColumnError, r"no column 'end_date' \(end_col\)"),
    (GOOD, {"proration": "days"}, OptionError, "proration must be one of 'month', 'day'.*mean"),
    (GOOD, {"precision": 2.5}, OptionError, "precision must be a whole number"),
    (GOOD, {"as_of": date(2025, 1, 1)}, OptionError, "before the first date"),
    (GOOD, {"by": "plan"}, ColumnError, r"no column 'plan' \(by\)"),
    (GOOD.rename(columns={"shop": "month"}), {"by": "month"}, ColumnError, "result column"),
    (GOOD.head(0), {}, DataError, "no rows, so as_of"),
    (
        GOOD.assign(end_date=[datetime(9999, 12, 31), None]),
        {},
        DataError,
        "the last 'end_date' .end_col. is 9999-12-31, more than 100 years.*Pass as_of=",
    ),
]


@pytest.mark.parametrize(("table", "options", "error", "sentence"), BAD)
@pytest.mark.parametrize("function", ["monthly_revenue", "mrr_movements"])
def test_bad_input(function, table, options, error, sentence):
    with pytest.raises(error, match=rf"^{function}: .*({sentence})"):
        getattr(crm.kpi, function)(table, **options)


def test_ends_far_away_are_open():
    table = GOOD.assign(end_date=[datetime(9999, 12, 31), None])
    assert crm.kpi.mrr_movements(table, as_of=date(2026, 2, 28))["end"].tolist() == [3.0, 3.0]


def test_amounts_too_large_for_cents_are_fine_in_whole_units():
    table = GOOD.assign(amount=1e15)
    moved = crm.kpi.mrr_movements(table, precision=0, as_of=date(2026, 1, 31))
    assert moved["end"].tolist() == [1e15]
