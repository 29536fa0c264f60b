# ruff: noqa: DTZ001 - the dates of tables are naive
"""Satisfaction and effort against plain loops."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

START = datetime(2026, 1, 1)
Z = 1.959963984540054  # R: qnorm(0.975)
ROW = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.one_of(st.none(), *[st.integers(1, 7)] * 6),
    st.sampled_from(["north", "south", None]),
)
ROWS = st.lists(ROW, min_size=1, max_size=19)
NAMES = ["value", "lower", "upper", "numerator", "denominator", "n_missing", "n_effective"]
FEW = settings(max_examples=6, deadline=None)
# Zencity: answers that count as satisfied, by length of the scale
SATISFIED = {2: {2}, 3: {3}, 4: {3, 4}, 5: {4, 5}, 6: {4, 5, 6}, 7: {5, 6, 7}, 8: {6, 7, 8}}


def columns(rows):
    return pa.table(
        {
            "customer_id": [row[0] for row in rows],
            "date": [START + timedelta(hours=9 * row[1]) for row in rows],
            "score": pa.array([row[2] for row in rows], pa.int64()),
            "shop": pa.array([row[3] for row in rows], pa.string()),
        }
    )


def numbers(row):
    return [np.nan if pd.isna(row[name]) else float(row[name]) for name in NAMES]


def share(scores, hits):
    n, top = len(scores), sum(score in hits for score in scores)
    bounds = proportion_confint(top, n, 0.05, "wilson") if n else (np.nan, np.nan)
    return [top / n if n else np.nan, *bounds, top, n]


def mean(scores):
    """The mean of 1 to 7 by hand, with two more answers spread evenly for the interval."""
    if not scores:
        return [np.nan, np.nan, np.nan, 0, 0]
    total, n = sum(scores), len(scores)
    centre = (total + 2 * 4) / (n + 2)
    spread = sum((s - centre) ** 2 for s in scores)
    spread += 2 / 7 * sum((s - centre) ** 2 for s in range(1, 8))
    half = Z * np.sqrt(spread) / (n + 2)
    value = total / n
    return [value, min(max(centre - half, 1), value), max(min(centre + half, 7), value), total, n]


COUNTED = {
    "csat": ({"scale": 7}, lambda scores: share(scores, SATISFIED[7])),
    "agree": ({"method": "share_agree"}, lambda scores: share(scores, {5, 6, 7})),
    "top two": ({"method": "top_two"}, lambda scores: share(scores, {6, 7})),
    "turned": (
        {"method": "top_two", "low_is_easy": True}, lambda scores: share(scores, {1, 2}),
    ),
    "mean": ({"method": "mean"}, mean),
    "turned mean": (
        {"method": "mean", "low_is_easy": True}, lambda scores: mean([8 - s for s in scores]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("which", COUNTED)
@FEW
@given(rows=ROWS)
def test_oracle(make_eager, plain, which, rows):
    options, compute = COUNTED[which]
    function = crm.kpi.csat if "scale" in options else crm.kpi.ces
    got = plain(function(make_eager(columns(rows)), by="shop", **options))
    shops = sorted({row[3] for row in rows}, key=lambda shop: (shop is None, shop))
    assert [None if pd.isna(shop) else shop for shop in got["shop"]] == shops
    for shop, (_, row) in zip(shops, got.iterrows(), strict=True):
        own = [one[2] for one in rows if one[3] == shop]
        known = [score for score in own if score is not None]
        want = [*compute(known), len(own) - len(known), len(known)]
        assert numbers(row) == pytest.approx(want, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("scale", SATISFIED)
def test_satisfied_by_scale(scale):
    for score in range(1, scale + 1):
        got = crm.kpi.csat(pd.DataFrame({"score": [score]}), scale=scale)
        assert got["numerator"].tolist() == [int(score in SATISFIED[scale])]


@pytest.mark.parametrize(("scale", "agree"), [(3, 3), (5, 4), (6, 4), (7, 5), (10, 6)])
def test_agreement_by_scale(scale, agree):
    for score in range(1, scale + 1):
        for turned in (False, True):
            told = scale + 1 - score if turned else score
            table = pd.DataFrame({"score": [told]})
            options = {"scale": scale, "low_is_easy": turned}
            got = crm.kpi.ces(table, method="share_agree", **options)
            assert got["numerator"].tolist() == [int(score >= agree)]


def test_the_last_answer_of_each_customer(make_eager, plain):
    rows = [("a", 0, 7, None), ("a", 2, 1, None), ("a", 2, 6, None), ("a", 3, None, None)]
    rows += [("b", 0, 6, None)]
    got = plain(crm.kpi.ces(make_eager(columns(rows)), method="mean", repeats="last")).iloc[0]
    # a counts with 1: of the two at the same moment the lower; an answer that is null is none
    assert got[["numerator", "denominator"]].tolist() == [7, 2]
    assert got[["n_missing", "n_repeats"]].tolist() == [1, 2]


def test_last_knows_hours_and_time_zones():
    moments = pd.to_datetime(["2026-03-29 00:30:00+00:00", "2026-03-29 01:30:00+00:00"])
    feedback = pd.DataFrame({"customer_id": 1, "date": moments, "score": [5, 1]})
    feedback["date"] = feedback["date"].dt.tz_convert("Europe/Berlin")
    assert crm.kpi.csat(feedback, repeats="last")["numerator"].tolist() == [0]


def test_weights():
    feedback = pd.DataFrame({"score": [5, 2, 4], "weight": [2.0, 1.0, 1.0]})
    got = crm.kpi.csat(feedback, weights_col="weight").iloc[0]
    assert got["value"] == pytest.approx(0.75)
    assert got[["numerator", "denominator"]].tolist() == [2, 3]
    assert 2 < got["n_effective"] < 3
    mean = crm.kpi.ces(feedback, method="mean", weights_col="weight").iloc[0]
    assert mean["value"] == pytest.approx(16 / 4)
    assert mean["numerator"] == 11
    equal = feedback.assign(weight=3.0)
    for options in ({"method": "mean"}, {"method": "share_agree"}):
        pd.testing.assert_frame_equal(
            crm.kpi.ces(equal, weights_col="weight", **options),
            crm.kpi.ces(equal, **options), rtol=1e-12,
        )  # fmt: skip


@pytest.mark.parametrize("unit", [1e-300, 1e-170, 1e170, 1e280])
def test_weights_count_up_to_a_factor(unit):
    feedback = pd.DataFrame({"score": [5, 2, 4], "weight": [2.0, 1.0, 1.0]})
    other = feedback.assign(weight=feedback["weight"] * unit)
    for count in (crm.kpi.nps, crm.kpi.csat, lambda *a, **k: crm.kpi.ces(*a, method="mean", **k)):
        pd.testing.assert_frame_equal(
            count(other, weights_col="weight"), count(feedback, weights_col="weight"), rtol=1e-12
        )


@settings(max_examples=40, deadline=None)
@given(scores=st.lists(st.integers(1, 7), min_size=1, max_size=19))
def test_the_interval_of_a_mean_holds_it_and_stays_on_the_scale(scores):
    got = crm.kpi.ces(pd.DataFrame({"score": scores}), method="mean").iloc[0]
    assert 1 <= got["lower"] <= got["value"] <= got["upper"] <= 7
    assert got["lower"] < got["upper"]


@pytest.mark.parametrize("n", [5, 10, 20, 50, 200])
def test_coverage_of_the_mean(n):
    rng = np.random.default_rng(1)
    points = np.arange(1, 8)
    for shape in (np.ones(7), [0.1, 0.1, 0.2, 0.3, 0.6, 1.5, 2]):  # any answers, and happy ones
        inside = []
        for shares in rng.dirichlet(shape, 150):
            drawn = rng.multinomial(n, shares, 200)
            filled = drawn + 2 / 7
            centre = filled @ points / (n + 2)
            spread = np.sqrt(filled @ points**2 / (n + 2) - centre**2)
            inside.append(abs(centre - shares @ points) <= Z * spread / np.sqrt(n + 2))
        assert 0.93 <= np.mean(inside) <= 0.97


def test_refusals(engines):
    make = engines["polars"]
    table = make({"score": [5, 9, 0]})
    with pytest.raises(
        DataError,
        match=r"^csat: 2 of 3 values of 'score' \(score_col\) are no whole numbers from 1 to 5, "
        r"such as 9\. Make 0 null where it stands for no answer, compute surveys of another scale",
    ):
        crm.kpi.csat(table)
    with pytest.raises(DataError, match=r"^ces: 2 of 3 values .* from 1 to 7, such as 9\."):
        crm.kpi.ces(table, method="mean")
    with pytest.raises(
        OptionError, match=r"^csat: scale must be a whole number from 2 to 8; got 1"
    ):
        crm.kpi.csat(table, scale=10)
    for scale in (1, 5.5, True):
        with pytest.raises(OptionError, match=r"^csat: scale must be a whole number from 2 to 8; "):
            crm.kpi.csat(table, scale=scale)
    with pytest.raises(
        OptionError, match=r"^ces: scale must be a whole number from 3 to 10; got 2"
    ):
        crm.kpi.ces(table, method="mean", scale=2)
    with pytest.raises(OptionError, match=r"^ces: method must be one of 'mean', 'share_agree', 't"):
        crm.kpi.ces(table, method="top2")
    with pytest.raises(TypeError, match="method"):
        crm.kpi.ces(table)
    with pytest.raises(OptionError, match=r"^ces: low_is_easy must be True or False; got 1"):
        crm.kpi.ces(table, method="mean", low_is_easy=1)
    with pytest.raises(ColumnError, match=r"^csat: no column 'customer_id' \(customer_col\)"):
        crm.kpi.csat(make({"score": [5]}), repeats="last")


def test_a_shorter_scale_is_doubted():
    five = pd.DataFrame({"score": [1, 5, 4, 5] * 5})
    with pytest.warns(
        CrmlyticsWarning, match=r"^csat: none of 20 values .* is above 5, .* up to 7"
    ):
        crm.kpi.csat(five, scale=7)
    turned = five.assign(score=[5, 6, 7, 7] * 5)
    with pytest.warns(CrmlyticsWarning, match=r"^ces: none of 20 values .* below 5, .* down to 1"):
        crm.kpi.ces(turned, method="mean", low_is_easy=True)
    assert crm.kpi.csat(five, scale=5)["numerator"].tolist() == [15]


@pytest.mark.parametrize("function", ["csat", "ces"])
def test_an_empty_table(make_eager, plain, function):
    options = {"method": "mean"} if function == "ces" else {}
    empty = make_eager(columns([("a", 0, 5, "x")]).slice(0, 0))
    got = plain(getattr(crm.kpi, function)(empty, **options))
    assert got[["value", "lower", "upper"]].isna().all(axis=None)
    assert got["denominator"].tolist() == [0]
    assert len(plain(getattr(crm.kpi, function)(empty, by="shop", repeats="last", **options))) == 0
