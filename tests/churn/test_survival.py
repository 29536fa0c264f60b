"""Curves, medians and the log-rank test, against published tables, statsmodels and plain loops."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from crmlytics.churn._survival import (
    CURVE_SCHEMA,
    SUMMARY_SCHEMA,
    survival_curve,
    survival_summary,
)
from crmlytics.errors import ColumnError, DataError, OptionError

approx = pytest.approx

DAY = pd.Timestamp("2026-03-01")
# Freireich et al. (1963), Blood 21, p. 699; as in Cox (1972), JRSS B 34, table 1: weeks to relapse
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
TREATED_CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def subscriptions(spells, make=pa.table):
    """Columns of (group, tenure, left) that all end, or are last seen, on DAY."""
    groups, tenures, left = zip(*spells, strict=True)
    return make({
        "customer_id": list(range(len(spells))),
        "start_date": pa.array([DAY - timedelta(days=t) for t in tenures], pa.timestamp("us")),
        "end_date": pa.array([DAY if gone else None for gone in left], pa.timestamp("us")),
        "group": list(groups),
    })  # fmt: skip


LEUKAEMIA = [
    *(("placebo", t, True) for t in PLACEBO),
    *(("6-MP", t, True) for t in TREATED),
    *(("6-MP", t, False) for t in TREATED_CENSORED),
]


def table(rows):
    """A pandas table of (customer, start, end or None) in days from DAY."""
    who, starts, ends = zip(*rows, strict=True)
    return pd.DataFrame({
        "customer_id": who,
        "start_date": [DAY + timedelta(days=s) for s in starts],
        "end_date": pd.Series(
            [None if e is None else DAY + timedelta(days=e) for e in ends], dtype="datetime64[us]"
        ),
    })  # fmt: skip


def days(number):
    return DAY + timedelta(days=number)


def test_golden_leukaemia_curve(make_eager, plain):
    # Stata, sts list, by(group): G. Rodriguez, data.princeton.edu/pop509/gehan.html
    curve = plain(
        survival_curve(subscriptions(LEUKAEMIA, make_eager), by="group", as_of=DAY),
        "group", "tenure_days",
    )  # fmt: skip
    assert list(curve.columns) == ["group", *CURVE_SCHEMA]
    placebo = curve[curve["group"] == "placebo"].set_index("tenure_days")
    found = placebo.loc[[1, 2], ["at_risk", "churned", "survival", "lower", "upper"]]
    assert found.to_numpy().ravel().tolist() == approx(
        [21, 2, 0.9048, 0.6700, 0.9753, 19, 2, 0.8095, 0.5689, 0.9239], abs=5e-5
    )
    # Klein and Moeschberger (2003), Survival Analysis, 2nd ed., table 4.1
    treated = curve[curve["group"] == "6-MP"].set_index("tenure_days")
    assert treated.index.tolist() == [0, *sorted({*TREATED}), 35]
    assert treated.loc[TREATED[2:], "survival"].tolist() == approx(
        [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=6e-4
    )
    assert treated["at_risk"].tolist() == [21, 21, 17, 15, 12, 11, 7, 6, 1]
    assert treated["censored"].tolist() == [0, 1, 1, 2, 0, 3, 0, 4, 1]
    assert treated.loc[6, "hazard"] == approx(3 / 21)


def test_golden_leukaemia_summary(make_eager, plain, schema):
    answer = survival_summary(subscriptions(LEUKAEMIA, make_eager), by="group", as_of=DAY)
    kinds = {"int": "Int64", "float": "Float64"}
    found = schema(answer)
    assert {name: found[name] for name in SUMMARY_SCHEMA} == {
        name: kinds[kind] for name, kind in SUMMARY_SCHEMA.items()
    }
    summary = plain(answer, "group").set_index("group")
    # R: survdiff(Surv(time, cens) ~ treat, data = gehan): 16.8 on 1 df, expected 19.3 and 10.7;
    # Kleinbaum and Klein (2012), Survival Analysis, 3rd ed., ch. 2, has 16.79, 19.25 and 10.75
    assert summary["n"].tolist() == [21, 21]
    assert summary["churned"].tolist() == [9, 21]
    assert summary["expected"].tolist() == approx([19.25, 10.75], abs=5e-3)
    assert summary["chi2"].tolist() == approx([16.79, 16.79], abs=5e-3)
    assert summary["p_value"].tolist() == approx([4.17e-5] * 2, rel=1e-3)
    # R: survfit(..., conf.type = "log-log"): medians 23 (13, NA) and 8 (4, 11)
    assert summary.loc["6-MP", ["median_tenure_days", "lower"]].tolist() == [23, 13]
    assert pd.isna(summary.loc["6-MP", "upper"])
    assert summary.loc["placebo", ["median_tenure_days", "lower", "upper"]].tolist() == [8, 4, 11]
    # R: print(survfit(...), rmean = 35): 23.29 (se 2.83) and 8.67 (se 1.38)
    assert summary["restricted_mean_days"].tolist() == approx([23.29, 8.67], abs=5e-3)
    error = (summary["mean_upper"] - summary["mean_lower"]) / 2 / 1.959964
    assert error.tolist() == approx([2.83, 1.38], abs=5e-3)


SPELL = st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.booleans())


@settings(deadline=None)
@given(spells=st.lists(SPELL, min_size=1, max_size=40))
def test_oracle_statsmodels(spells):
    curve = survival_curve(subscriptions(spells), by="group", as_of=DAY).to_pandas()
    summary = survival_summary(subscriptions(spells), by="group", as_of=DAY).to_pandas()
    given = pd.DataFrame(spells, columns=["group", "tenure", "left"])
    for group, rows in given.groupby("group"):
        own = curve[curve["group"] == group]
        lost = own[own["churned"] > 0]
        if not rows["left"].any():
            assert (own["survival"] == 1).all()
            continue
        other = SurvfuncRight(rows["tenure"], rows["left"].astype(int))
        assert lost["tenure_days"].tolist() == other.surv_times.tolist()
        assert lost["survival"].to_numpy() == approx(other.surv_prob, abs=1e-12)
        assert lost["at_risk"].tolist() == other.n_risk.tolist()
        assert lost["churned"].tolist() == other.n_events.tolist()
        median = summary.set_index("group").loc[group, "median_tenure_days"]
        under = other.surv_times[other.surv_prob <= 0.5 + 1e-12]
        assert (median == under[0]) if len(under) else pd.isna(median)
    if summary["chi2"].notna().all() and len(summary) > 1:
        # statsmodels counts groups, of which some may have left before the first loss
        used = summary["degrees_of_freedom"][0] == len(summary) - 1
        if used:
            chi2, p = survdiff(given["tenure"], given["left"].astype(int), given["group"])
            assert summary["chi2"][0] == approx(chi2, abs=1e-8)
            assert summary["p_value"][0] == approx(p, abs=1e-8)


@given(spells=st.lists(SPELL, min_size=1, max_size=40), data=st.data())
def test_properties(spells, data):
    curve = survival_curve(subscriptions(spells), by="group", as_of=DAY).to_pandas()
    for group, own in curve.groupby("group"):
        assert own["at_risk"].iloc[0] == sum(g == group for g, *_ in spells)
        gone = own["churned"] + own["censored"]
        assert (own["at_risk"] - gone).tolist() == [*own["at_risk"].iloc[1:], 0]
        assert (own["survival"].diff().dropna() <= 0).all()
        assert own["survival"].iloc[0] == 1 - own["churned"].iloc[0] / own["at_risk"].iloc[0]
        assert own["tenure_days"].is_monotonic_increasing
    inside = curve.dropna(subset=["lower", "upper"])
    assert ((inside["lower"] >= 0) & (inside["upper"] <= 1)).all()
    assert ((inside["lower"] <= inside["survival"]) & (inside["survival"] <= inside["upper"])).all()
    assert curve["hazard"].between(0, 1).all()
    # groups add up to all, and stand for themselves
    whole = survival_curve(subscriptions(spells), as_of=DAY).to_pandas()
    assert curve["churned"].sum() == whole["churned"].sum()
    assert curve["censored"].sum() == whole["censored"].sum()
    summary = survival_summary(subscriptions(spells), by="group", as_of=DAY).to_pandas()
    assert summary["expected"].sum() == approx(summary["churned"].sum())
    again = data.draw(st.permutations(spells))
    shuffled = survival_curve(subscriptions(again), by="group", as_of=DAY).to_pandas()
    pd.testing.assert_frame_equal(shuffled, curve, rtol=1e-12)


ROW = st.tuples(st.sampled_from("ab"), st.integers(0, 12), st.none() | st.integers(0, 6))


@given(rows=st.lists(ROW, min_size=1, max_size=8))
def test_oracle_spells_day_by_day(rows):
    """Days on which a customer has any subscription, cut where a day is missing."""
    rows = [(who, start, None if length is None else start + length) for who, start, length in rows]
    last = 20
    want = []
    for who in {who for who, *_ in rows}:
        own = sorted((s, last + 1 if e is None else e) for w, s, e in rows if w == who)
        spells = []
        for start, end in own:
            if spells and start <= spells[-1][1]:
                spells[-1][1] = max(spells[-1][1], end)
            else:
                spells.append([start, end])
        want += [(end - start, True) if end <= last else (last - start, False)
                 for start, end in spells]  # fmt: skip
    curve = survival_curve(table(rows), as_of=days(last))
    assert curve["at_risk"][0] == len(want)
    assert curve["churned"].sum() == sum(left for _, left in want)
    lost = curve[curve["churned"] > 0]
    tenures = pd.Series([t for t, left in want if left]).value_counts().sort_index()
    assert dict(zip(lost["tenure_days"], lost["churned"], strict=True)) == tenures.to_dict()
    assert curve["tenure_days"].max() == max(t for t, _ in want)


def test_renewals_overlaps_and_returns():
    # facts of subscriptions: back-to-back is a renewal; one of two cancelled is no churn
    rows = [
        ("renews", 0, 10), ("renews", 10, 30),
        ("two", 0, 40), ("two", 5, 20),
        ("returns", 0, 10), ("returns", 11, None),
    ]  # fmt: skip
    curve = survival_curve(table(rows), as_of=days(60))
    assert curve["tenure_days"].tolist() == [0, 10, 30, 40, 49]
    assert curve["at_risk"].tolist() == [4, 4, 3, 2, 1]
    assert curve["censored"].tolist() == [0, 0, 0, 0, 1]


def test_a_change_of_plan_stays_in_the_plan_of_the_start():
    changed = table([("a", 0, 10), ("a", 10, 30), ("b", 0, 30)]).assign(plan=["x", "y", "y"])
    curve = survival_curve(changed, by="plan", as_of=days(40))
    assert curve["plan"].tolist() == ["x", "x", "y", "y"]
    assert curve["tenure_days"].tolist() == [0, 30, 0, 30]


def test_two_groups_on_the_first_day_are_refused():
    torn = table([("a", 0, 10), ("a", 0, 30), ("b", 0, 30)]).assign(plan=["x", "y", "y"])
    sentence = r"^survival_curve: 1 of 2 spells begin with several .* differ in 'plan'\. Keep"
    with pytest.raises(DataError, match=sentence):
        survival_curve(torn, by="plan", as_of=days(40))
    alike = torn.assign(plan="x")
    assert survival_curve(alike, by="plan", as_of=days(40))["at_risk"][0] == 2


def test_as_of_is_inclusive_and_later_ends_are_open():
    rows = [("a", 0, 10), ("b", 0, 20), ("c", 15, 30), ("d", 0, None)]
    curve = survival_curve(table(rows), as_of=days(10))
    assert curve["tenure_days"].tolist() == [0, 10]
    assert curve.iloc[-1][["at_risk", "churned", "censored"]].tolist() == [3, 1, 2]
    # by default the last of all dates, here an end
    assert survival_curve(table(rows)).iloc[-1]["tenure_days"] == 30


def test_nobody_left():
    curve = survival_curve(table([("a", 0, None), ("b", 3, None)]), as_of=days(9))
    assert curve["survival"].tolist() == [1.0, 1.0]
    assert curve["lower"].isna().tolist() == [False, True]
    both = table([("a", 0, None), ("b", 3, None)]).assign(k=["x", "y"])
    summary = survival_summary(both, by="k", as_of=days(9))
    assert summary[["median_tenure_days", "lower", "upper", "chi2", "p_value"]].isna().all().all()
    assert summary["horizon_days"].tolist() == [6, 6]
    assert summary["restricted_mean_days"].tolist() == [6.0, 6.0]


def test_everybody_left():
    curve = survival_curve(table([("a", 0, 4), ("b", 0, 4), ("c", 0, 9)]))
    assert curve["survival"].tolist() == approx([1, 1 / 3, 0])
    assert curve["upper"].isna().tolist() == [False, False, True]
    summary = survival_summary(table([("a", 0, 4), ("b", 0, 4), ("c", 0, 9)]))
    assert summary["median_tenure_days"].tolist() == [4]
    assert summary["restricted_mean_days"].tolist() == approx([17 / 3])


def test_all_leave_at_once():
    at_once = table([("a", 0, 4), ("b", 0, 4)]).assign(k=["x", "y"])
    summary = survival_summary(at_once, by="k")
    assert summary["expected"].tolist() == [1.0, 1.0]
    assert summary["chi2"].isna().all()
    assert summary["mean_lower"].tolist() == [4.0, 4.0]


def test_left_on_the_first_day():
    curve = survival_curve(table([("a", 0, 0), ("b", 0, 5)]))
    assert curve["survival"].tolist() == [0.5, 0.0]
    assert 0 < curve["lower"][0] < 0.5 < curve["upper"][0] < 1


def test_one_customer():
    summary = survival_summary(table([("a", 0, 7)]))
    assert summary["median_tenure_days"].tolist() == [7]
    assert summary["lower"].tolist() == [7]
    assert summary["degrees_of_freedom"].isna().all()


def test_null_groups_are_a_group(make_eager, plain):
    columns = pa.table({
        "customer_id": [1, 2, 3],
        "start_date": [DAY] * 3,
        "end_date": pa.array([days(5), days(6), None], pa.timestamp("us")),
        "plan": ["x", None, None],
    })  # fmt: skip
    summary = plain(survival_summary(make_eager(columns), by="plan", as_of=days(9)))
    assert summary["n"].tolist() == [1, 2]
    assert summary["plan"].isna().tolist() == [False, True]


def test_ends_of_nothing_but_nulls(make_eager, plain):
    for nothing in (pa.nulls(2), pa.nulls(2, pa.float64()), pa.nulls(2, pa.string())):
        columns = pa.table({"customer_id": [1, 2], "start_date": [DAY] * 2, "end_date": nothing})
        curve = plain(survival_curve(make_eager(columns), as_of=days(3)))
        assert curve["censored"].tolist() == [0, 2]


def test_horizon_of_the_mean():
    short = table([("a", 0, 4), ("b", 0, None), ("c", 2, None)]).assign(k=["x", "x", "y"])
    summary = survival_summary(short, by="k", as_of=days(10), horizon_days=9)
    # 1 for 4 days and one half for 5; of the second group only 8 days were seen
    assert summary["restricted_mean_days"].tolist() == approx([6.5, np.nan], nan_ok=True)
    assert summary["horizon_days"].tolist() == [9, 9]


def test_empty(make_eager, schema):
    full = subscriptions(LEUKAEMIA)
    none = make_eager(full.slice(0, 0))
    for function in (survival_curve, survival_summary):
        answer = function(none, by="group", as_of=DAY)
        whole = function(make_eager(full), by="group", as_of=DAY)
        assert list(schema(answer)) == list(schema(whole))
        with pytest.raises(DataError, match="has no rows, so as_of has no last date"):
            function(none)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (
            {"end_date": [days(-1), None]},
            DataError,
            r"1 of 2 rows of subscriptions end before they start \('end_date', 'start_date'\)",
        ),
        ({"start_date": [DAY, None]}, DataError, r"1 of 2 rows have no 'start_date' \(start_col\)"),
        ({"customer_id": ["a", None]}, DataError, r"1 of 2 rows have no 'customer_id'"),
        ({"end_date": ["2026-05-01", None]}, ColumnError, r"\(end_col\) holds .*, not dates"),
        ({"end_date": [1, 2]}, ColumnError, r"\(end_col\) holds Int64, not dates"),
    ],
)
@pytest.mark.parametrize("function", [survival_curve, survival_summary])
def test_bad_tables(function, change, error, sentence):
    bad = table([("a", 0, 5), ("b", 0, None)]).assign(**change)
    with pytest.raises(error, match=rf"^{function.__name__}: .*{sentence}"):
        function(bad)


def test_bad_options():
    good = table([("a", 0, 5), ("b", 0, None)])
    for bad, word in (
        ({"as_of": days(-3)}, "as_of 2026-02-26 is before the first date"),
        ({"confidence": 95}, "confidence"),
        ({"by": 3}, "by"),
    ):
        with pytest.raises(OptionError, match=rf"^survival_curve: .*{word}"):
            survival_curve(good, **bad)
    with pytest.raises(OptionError, match=r"^survival_summary: horizon_days must be a whole"):
        survival_summary(good, horizon_days=0)
    with pytest.raises(ColumnError, match=r"by.* has the name of a result column"):
        survival_curve(good.assign(hazard=1), by="hazard")
    with pytest.raises(ColumnError, match=r"no column 'end' \(end_col\) in subscriptions"):
        survival_curve(good, end_col="end")


def test_times_of_the_day_and_zones():
    clock = table([("a", 0, 5), ("b", 0, None)])
    late = clock.assign(
        start_date=clock["start_date"] + timedelta(hours=23),
        end_date=clock["end_date"] + timedelta(hours=1),
    )
    pd.testing.assert_frame_equal(survival_curve(late), survival_curve(clock))
    zoned = clock.assign(
        start_date=clock["start_date"].dt.tz_localize("Asia/Tehran"),
        end_date=clock["end_date"].dt.tz_localize("Asia/Tehran"),
    )
    pd.testing.assert_frame_equal(survival_curve(zoned), survival_curve(clock))


def test_two_groups_have_one_degree_of_freedom():
    # the covariance of these is singular but for the last bits, which are no degree of freedom
    spells = [("b", 30, False)] * 2 + [("a", 0, True), ("a", 6, True), ("b", 12, True)]
    spells += [("b", 18, True)] * 2
    summary = survival_summary(subscriptions(spells), by="group", as_of=DAY).to_pandas()
    groups, times, left = (np.array(each) for each in zip(*spells, strict=True))
    chi2, p = survdiff(times, left.astype(int), groups)
    assert summary["degrees_of_freedom"].tolist() == [1, 1]
    assert summary["chi2"].tolist() == approx([chi2] * 2)
    assert summary["p_value"].tolist() == approx([p] * 2)
