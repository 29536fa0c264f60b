import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from crmlytics import _intervals

FEW = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(
    ("k", "n", "lower", "upper"),
    # R: binom::binom.wilson(k, n); Wilson 1927, p. 209 with z = 1.959964
    [(5, 10, 0.2366, 0.7634), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)],
)
def test_wilson_numbers(k, n, lower, upper):
    got = _intervals.wilson([k], [n], 0.95)
    assert [round(float(bound[0]), 4) for bound in got] == [lower, upper]


@FEW
@given(n=st.integers(1, 5_000), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_wilson_oracle(n, share, confidence):
    k = round(share * n)
    lower, upper = (float(bound[0]) for bound in _intervals.wilson([k], [n], confidence))
    want = proportion_confint(k, n, 1 - confidence, "wilson")
    assert (lower, upper) == pytest.approx(want, abs=1e-12)
    assert 0 <= lower <= k / n <= upper <= 1


def test_wilson_without_trials_is_unknown():
    assert all(np.isnan(bound).all() for bound in _intervals.wilson([0], [0], 0.95))


def test_z_value():
    # R: qnorm(0.975), qnorm(0.995)
    assert _intervals.z_value(0.95) == pytest.approx(1.959963984540054)
    assert _intervals.z_value(0.99) == pytest.approx(2.5758293035489)


@FEW
@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=12))
def test_benjamini_hochberg_oracle(p_values):
    raw = np.array(p_values, dtype=float)
    got = _intervals.benjamini_hochberg(raw)
    known = ~np.isnan(raw)
    assert np.isnan(got[~known]).all()
    if known.any():
        want = multipletests(raw[known], method="fdr_bh")[1]
        assert list(got[known]) == pytest.approx(list(want), abs=1e-15)


def test_benjamini_hochberg_by_hand():
    # R: p.adjust(c(0.01, 0.04, 0.03), "BH"): 0.01 * 3 / 1, 0.03 * 3 / 2 and 0.04 * 3 / 3 -> 0.04
    got = _intervals.benjamini_hochberg(np.array([0.01, 0.04, 0.03]))
    assert list(got) == pytest.approx([0.03, 0.04, 0.04])


@settings(max_examples=15, deadline=None)  # Holm's correction takes statsmodels 50 ms
@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=12))
def test_holm_and_bonferroni_oracle(p_values):
    raw = np.array(p_values, dtype=float)
    known = ~np.isnan(raw)
    for method in ("holm", "bonferroni"):
        before = raw.copy()
        got = getattr(_intervals, method)(raw)
        assert np.array_equal(raw, before, equal_nan=True)
        assert np.isnan(got[~known]).all()
        if known.any():
            want = multipletests(raw[known], method=method)[1]
            assert list(got[known]) == pytest.approx(list(want), abs=1e-15)


def test_holm_and_bonferroni_by_hand():
    # R: p.adjust(c(0.01, 0.04, 0.03), "holm"): 0.01 * 3, 0.03 * 2, and 0.04 * 1 lifted to 0.06
    raw = np.array([0.01, 0.04, 0.03])
    assert list(_intervals.holm(raw)) == pytest.approx([0.03, 0.06, 0.06])
    # R: p.adjust(c(0.01, 0.04, 0.03), "bonferroni"): three times each, at most 1
    assert list(_intervals.bonferroni(raw)) == pytest.approx([0.03, 0.12, 0.09])
    assert list(_intervals.bonferroni(np.array([0.5, 0.9]))) == [1, 1]


@pytest.mark.parametrize("method", ["holm", "bonferroni", "benjamini_hochberg"])
def test_nothing_is_corrected_where_nothing_is_known(method):
    correct = getattr(_intervals, method)
    assert len(correct(np.zeros(0))) == 0
    assert np.isnan(correct(np.array([np.nan, np.nan]))).all()
    # one known p-value among unknown ones is one test
    assert correct(np.array([np.nan, 0.2]))[1] == 0.2


def test_ratio_of_sums_by_hand():
    # tops 1, 4 over bottoms 1, 2: ratio 5/3, residuals 1 - 5/3 and 4 - 10/3, their squares sum to
    # 8/9; n / (n - 1) = 2, so the variance is 16/9 / 3**2 = 16/81 and the standard error 4/9
    tops, bottoms = np.array([1.0, 4.0]), np.array([1.0, 2.0])
    lower, upper = _intervals.ratio_of_sums(tops, bottoms, np.zeros(2, dtype=int), 1, 0.95)
    half = 1.959963984540054 * 4 / 9
    assert (lower[0], upper[0]) == pytest.approx((5 / 3 - half, 5 / 3 + half))


def test_ratio_of_sums_of_one_customer_is_unknown():
    one = _intervals.ratio_of_sums(np.ones(1), np.ones(1), np.zeros(1, dtype=int), 1, 0.95)
    assert all(np.isnan(bound).all() for bound in one)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_poisson_against_chi_squared(confidence):
    n, tail = np.array([0, 1, 2, 10, 1_000, 10**7]), (1 - confidence) / 2
    lower, upper = _intervals.poisson(n, confidence)
    assert lower[0] == 0
    assert lower[1:] == pytest.approx(stats.chi2.ppf(tail, 2 * n[1:]) / 2)
    assert upper == pytest.approx(stats.chi2.ppf(1 - tail, 2 * n + 2) / 2)
