"""Profit of retention offers: by hand, by brute force and by numeric integration."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from crmlytics.churn._profit import CURVE, MAXIMUM, expected_maximum_profit, profit_curve
from crmlytics.errors import ColumnError, DataError, OptionError

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=30)
KINDS = {"int": "Int64", "float": "Float64", "bool": "Boolean"}


def table(churned, probability):
    return pd.DataFrame({"churned": churned, "churn_probability": probability})


def arrays(rows):
    return np.array([y for y, _ in rows]), np.array([s / 10 for _, s in rows])


def profit_at(y, p, threshold, accept):
    """Return the profit of each customer at the usual costs."""
    each = [
        0 if score < threshold else accept * 190 - 1 if left else -11
        for left, score in zip(y, p, strict=True)
    ]
    return np.array(each, dtype=float)


@given(rows=ROWS, accept=st.sampled_from([0.0, 0.05, 0.3, 1.0]))
def test_curve_is_the_plain_sum(rows, accept):
    y, p = arrays(rows)
    curve = profit_curve(table(y, p), accept_rate=accept)
    assert list(curve["threshold"])[1:] == sorted(set(p), reverse=True)
    for row in curve.fillna({"threshold": np.inf}).itertuples():
        each = profit_at(y, p, row.threshold, accept)
        assert row.contacted == (p >= row.threshold).sum()
        assert row.churners == y[p >= row.threshold].sum()
        assert row.contacted_share == pytest.approx(row.contacted / len(y))
        assert row.profit == pytest.approx(each.mean())
        assert row.total_profit == pytest.approx(each.sum())
        if len(y) > 1:
            half = 1.959963984540054 * each.std(ddof=1) / np.sqrt(len(y))
            assert row.lower == pytest.approx(each.mean() - half, abs=1e-9)
            assert row.upper == pytest.approx(each.mean() + half, abs=1e-9)
    assert curve["best"].sum() == 1
    best = curve[curve["best"]].iloc[0]
    assert best["profit"] == curve["profit"].max()
    assert best["contacted"] == curve.loc[curve["profit"] == best["profit"], "contacted"].min()


def test_interval_of_a_single_customer_is_null():
    curve = profit_curve(table([1], [0.5]))
    assert curve["lower"].isna().all()
    assert list(curve["profit"]) == [0, 56]


def test_contacting_nobody_may_be_best():
    curve = profit_curve(table([0, 0, 1], [0.9, 0.8, 0.1]), accept_rate=0.01)
    assert list(curve["best"]) == [True, False, False, False]
    assert curve["profit"].iloc[0] == 0
    assert np.isnan(curve["threshold"].iloc[0])


def test_simulated_coverage_at_a_threshold_set_beforehand():
    # true profit: a million draws; 400 tables of 300 customers
    def drawn(n, rng):
        p = 1 / (1 + np.exp(-(-1 + rng.normal(size=n))))
        return rng.random(n) < p, np.round(p, 1)

    y, p = drawn(1_000_000, np.random.default_rng(0))
    want = profit_curve(table(y, p)).set_index("threshold").loc[0.4, "profit"]
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        row = profit_curve(table(*drawn(300, rng))).set_index("threshold").loc[0.4]
        held += row["lower"] <= want <= row["upper"]
    assert 0.91 <= held / 400 <= 0.98


@given(rows=ROWS)
@settings(max_examples=25)
def test_empc_by_numeric_integration(rows):
    # the definition: the best threshold for each acceptance, averaged over the beta density
    y, p = arrays(rows)
    cuts = [np.inf, *np.unique(p)]
    won = np.array([y[p >= cut].sum() for cut in cuts]) / len(y)
    lost = np.array([(~y[p >= cut]).sum() for cut in cuts]) / len(y)
    gammas = np.linspace(0, 1, 20_001)
    best = (np.outer(gammas, won) * 190 - won - 11 * lost).max(axis=1)
    want = integrate.simpson(best * stats.beta(6, 14).pdf(gammas), x=gammas)
    found = expected_maximum_profit(table(y, p)).iloc[0]
    assert found["empc"] == pytest.approx(want, abs=1e-4)
    assert found["n"] == len(y)


def test_empc_lies_between_the_profits_of_known_acceptances():
    rng = np.random.default_rng(3)
    y = rng.random(500) < 0.2
    p = np.round(rng.random(500) * 0.6 + 0.4 * y * rng.random(500), 2)
    # nearly all of the beta density stands at 0.3: EMPC is the maximum of the curve
    found = expected_maximum_profit(table(y, p), alpha=6e6, beta=14e6).iloc[0]
    curve = profit_curve(table(y, p), accept_rate=0.3)
    best = curve[curve["best"]].iloc[0]
    assert found["empc"] == pytest.approx(best["profit"], rel=1e-3)
    assert found["target_share"] == pytest.approx(best["contacted_share"], abs=1e-6)
    assert found["threshold"] == best["threshold"]


@given(rows=ROWS, data=st.data())
@settings(max_examples=30)
def test_order_of_rows_and_scale_of_scores_are_nothing(rows, data):
    y, p = arrays(rows)
    y2, p2 = arrays(data.draw(st.permutations(rows)))
    pd.testing.assert_frame_equal(profit_curve(table(y, p)), profit_curve(table(y2, p2)))
    one = expected_maximum_profit(table(y, p)).iloc[0]
    other = expected_maximum_profit(table(y2, 100 * p2 - 7)).iloc[0]
    assert other["empc"] == pytest.approx(one["empc"], abs=1e-12)
    assert other["target_share"] == pytest.approx(one["target_share"], abs=1e-12)


def test_one_class():
    stayed = expected_maximum_profit(table([0, 0], [0.2, 0.9])).iloc[0]
    assert stayed["empc"] == 0
    assert stayed["target_share"] == 0
    assert np.isnan(stayed["threshold"])
    # everybody churns: 0.3 * 190 - 1, and nearly everybody is contacted
    left = expected_maximum_profit(table([1, 1], [0.2, 0.9])).iloc[0]
    assert left["empc"] == pytest.approx(56)
    assert left["target_share"] == pytest.approx(1)
    assert left["threshold"] == 0.2


def test_offers_may_be_free():
    found = expected_maximum_profit(table([1, 0], [0.2, 0.9]), offer_cost=0, contact_cost=0).iloc[0]
    assert found["empc"] == pytest.approx(0.5 * 0.3 * 200)
    assert profit_curve(table([1, 0], [0.2, 0.9]), offer_cost=0, contact_cost=0)["profit"].iloc[
        -1
    ] == pytest.approx(30)


@pytest.mark.parametrize(
    ("function", "kinds"), [(profit_curve, CURVE), (expected_maximum_profit, MAXIMUM)]
)
def test_every_kind_of_table(function, kinds, make_eager, plain, schema):
    rng = np.random.default_rng(2)
    p = np.round(rng.random(80), 1)
    columns = {"gone": (rng.random(80) < p).astype(int), "risk": p}
    options = {"label_col": "gone", "prob_col": "risk"}
    found = function(make_eager(columns), **options)
    assert isinstance(found, type(make_eager(columns)))
    assert schema(found) == {name: KINDS[kind] for name, kind in kinds.items()}
    want = function(pd.DataFrame(columns), **options)
    assert plain(found).to_numpy(float) == pytest.approx(want.to_numpy(float), nan_ok=True)
    nothing = {name: values[:0] for name, values in columns.items()}
    empty = plain(function(make_eager(nothing), **options))
    assert len(empty) == 0
    assert list(empty.columns) == list(kinds)


@pytest.mark.parametrize("function", [profit_curve, expected_maximum_profit])
def test_bad_input_is_one_sentence(function):
    good, name = table([0, 1], [0.2, 0.4]), function.__name__
    cases = [
        (good.drop(columns="churned"), {}, ColumnError, "no column 'churned'"),
        (good.assign(churned=[1, 7]), {}, DataError, "1 of 2 values .* neither 0 nor 1, such as 7"),
        (good.assign(churn_probability=[1, None]), {}, DataError, "1 of 2 rows have no"),
        (good, {"clv": 0}, OptionError, "clv must be a number above 0; got 0"),
        (good, {"clv": "high"}, OptionError, "clv must be a number"),
        (good, {"offer_cost": -1}, OptionError, "offer_cost must be a number of 0 or more"),
        (good, {"offer_cost": 200}, OptionError, "offer_cost must be below clv; got 200 and 200"),
        (good, {"contact_cost": np.nan}, OptionError, "contact_cost"),
    ]
    for given_table, options, error, sentence in cases:
        with pytest.raises(error, match=rf"^{name}: .*{sentence}"):
            function(given_table, **options)


def test_bad_options_of_one_function():
    good = table([0, 1], [0.2, 0.4])
    with pytest.raises(
        OptionError, match=r"^profit_curve: accept_rate must be a number from 0 to 1"
    ):
        profit_curve(good, accept_rate=30)
    with pytest.raises(OptionError, match="confidence"):
        profit_curve(good, confidence=0)
    for name in ("alpha", "beta"):
        with pytest.raises(OptionError, match=f"^expected_maximum_profit: {name} must be"):
            expected_maximum_profit(good, **{name: 0})
