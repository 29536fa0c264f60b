"""sBG: cohorts of customers who are alike, or leave all at once; more in test_other_models.py."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.btyd import _beta
from crmlytics.errors import NotEnoughDataError

UNFITTED = {
    "log_likelihood": None, "n_customers": 0, "converged": False, "gradient_norm": None,
    "iterations": 0, "log_covariance": None,
}  # fmt: skip


def _renewing(alpha, beta):
    return crm.btyd.SbgModel(alpha=alpha, beta=beta, **UNFITTED)


def test_chances_that_sum_to_one():
    # alpha + beta - 1 = 0 stands below the retention of age 0, which does not exist
    table = _renewing(0.5, 0.5).predict(2)
    assert np.isnan(table["retention"][0])
    # (beta + t - 1) / (alpha + beta + t - 1): 1/2, 3/4
    assert list(table["retention"][1:]) == pytest.approx([0.5, 0.75])
    assert list(table["survival"]) == pytest.approx([1.0, 0.5, 0.375])


@pytest.mark.parametrize("rate", [1e-6, 0.01, 0.1, 1.0])
@pytest.mark.parametrize("size", [1e5, 4e8, 1e12])
def test_customers_who_are_alike_renew_at_one_rate(size, rate):
    # large shapes with a ratio: the chance to leave is 0.2 for all; a geometric sum
    table = _renewing(0.2 * size, 0.8 * size).predict(3, discount_rate=rate)
    assert table["survival"].to_numpy() == pytest.approx(0.8 ** np.arange(4), rel=1e-4)
    want = 0.8 / (1 - 0.8 * np.exp(-rate))
    assert table["derl"].to_numpy() == pytest.approx([want] * 4, rel=40 / size + 1e-12)


@pytest.mark.parametrize("alpha", [99.0, 101.0])
def test_residual_lifetime_recurs(alpha):
    # derl(t) = r(t + 1) (1 + D derl(t + 1)), on both sides of the change of quadrature
    table = _renewing(alpha, 30.0).predict(9, discount_rate=0.1)
    after = table["retention"][1:].to_numpy() * (1 + np.exp(-0.1) * table["derl"][1:].to_numpy())
    assert table["derl"][:-1].to_numpy() == pytest.approx(after, rel=1e-10)


@pytest.mark.parametrize("rate", [5e-324, 1e-300, 1_000.0])
def test_extreme_discounts_are_finite(rate):
    assert np.isfinite(_renewing(2.0, 3.0).predict(2, discount_rate=rate)["derl"]).all()


@settings(max_examples=60, deadline=None)
@given(
    start=st.sampled_from([2, 30, 1_000_000]),
    steps=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])),
        min_size=2, max_size=6,
    ),
)  # fmt: skip
def test_every_cohort_is_fitted_or_refused(start, steps):
    age, survivors = [0], [start]
    for gap, share in steps:
        age.append(age[-1] + gap)
        survivors.append(int(survivors[-1] * share))
    cohort = pd.DataFrame({"age": age, "survivors": survivors})
    try:
        model = crm.btyd.fit_sbg(cohort)
    except crm.errors.CrmlyticsError:
        return  # one of our sentences, none of scipy's errors
    table = model.predict(5, discount_rate=0.1)
    assert table.iloc[1:].notna().all().all()
    assert (table["survival"].diff()[1:] <= 0).all()
    assert table["derl"].between(0, 1 / -np.expm1(-0.1)).all()


def test_a_cohort_that_left_at_once_is_refused():
    cohort = pd.DataFrame({"age": [0, 1, 2], "survivors": [100, 0, 0]})
    with pytest.raises(NotEnoughDataError, match=r"^fit_sbg: all 100 customers left before age 1"):
        crm.btyd.fit_sbg(cohort)


def test_renewals_of_customers_alike():
    """E[(1 - p) / (1 + c p)] over narrow densities.

    mpmath 1.3 with 40 digits, the density integrated over its mode and 12 standard deviations.
    """
    cases = [  # c, a, b, mean
        (9.5, 4e8, 1.9e9, 0.3114754101700583),
        (1e6, 9.1e4, 8.2e5, 9.010997823050628e-06),
        (50.0, 150.0, 1e4, 0.5672664810976441),
    ]
    for c, a, b, mean in cases:
        found = _beta.renewals(np.array([c]), np.array([a]), np.array([b]))[0]
        assert found == pytest.approx(mean, rel=1e-13)
