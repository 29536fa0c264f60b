"""Gamma-Gamma, BG/BB, sBG, and models taken over from lifetimes."""

import itertools
import warnings

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.btyd import _bernoulli, _bg_bb, _gamma_gamma, _sbg
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    FitError,
    NotEnoughDataError,
    OptionError,
)

UNFITTED = {
    "log_likelihood": None, "n_customers": 0, "converged": False, "gradient_norm": None,
    "iterations": 0, "log_covariance": None,
}  # fmt: skip


def _spending(p, q, v):
    return crm.btyd.GammaGammaModel(p=p, q=q, v=v, correlation=None, n_excluded=0, **UNFITTED)


def _giving(alpha, beta, gamma, delta):
    return crm.btyd.BgBbModel(alpha=alpha, beta=beta, gamma=gamma, delta=delta, **UNFITTED)


def _spends(n=4_000, p=6.0, q=4.0, v=15.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.geometric(0.3, n) - 1
    nu = rng.gamma(q, 1 / v, n)
    m = rng.gamma(p * np.maximum(x, 1)) / nu / np.maximum(x, 1)
    return pd.DataFrame({"frequency": x, "monetary_value": np.where(x > 0, m, 0.0)})


# --- derivatives ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "theta"),
    [
        (
            _gamma_gamma._Likelihood(np.array([1.0, 3, 70, 1]), np.array([0.5, 2, 1, 0.3])),
            np.log([2, 1.5, 0.7]),
        ),
        (
            _bg_bb._Likelihood(
                np.array([0.0, 2, 3, 6]), np.array([0.0, 4, 6, 6]), np.array([6.0, 6, 7, 6]),
                np.array([5.0, 2, 1, 3]),
            ),
            np.log([0.7, 3, 0.5, 2]),
        ),
        (
            _sbg._Likelihood(np.array([0.0, 1, 4, 5]), np.array([1000.0, 800, 500, 450])),
            np.log([0.7, 3]),
        ),
    ],
)  # fmt: skip
def test_derivatives(likelihood, theta):
    here = likelihood(theta)
    for i, step in enumerate(1e-5 * np.eye(len(theta))):
        after, before = likelihood(theta + step), likelihood(theta - step)
        assert here.gradient[i] == pytest.approx((after.value - before.value) / 2e-5, abs=1e-5)
        curve = (after.gradient - before.gradient) / 2e-5
        assert here.hessian[i] == pytest.approx(curve, rel=1e-6, abs=1e-5)


# --- Gamma-Gamma ----------------------------------------------------------------------------------


def test_gamma_gamma_finds_the_truth():
    table = crm.btyd.fit_gamma_gamma(_spends(20_000)).summary()
    error = (table["estimate"] - [6.0, 4.0, 15.0]).abs()
    assert (error < 4 * table["standard_error"]).all()


def test_the_unit_of_money_is_nothing():
    summary = _spends()
    cents = summary.assign(monetary_value=summary["monetary_value"] * 100)
    one, other = crm.btyd.fit_gamma_gamma(summary), crm.btyd.fit_gamma_gamma(cents)
    assert [one.p, one.q, one.v * 100] == pytest.approx([other.p, other.q, other.v], rel=1e-7)
    # a density per cent is a hundredth of a density per unit
    shift = one.n_customers * np.log(100)
    assert one.log_likelihood - shift == pytest.approx(other.log_likelihood, abs=1e-6)


def test_interval_of_spend_is_the_posterior():
    model = _spending(6.25, 3.74, 15.44)
    row = pd.DataFrame({"frequency": [0, 4], "monetary_value": [0.0, 20.0]})
    answer = model.predict(row, confidence=0.9)
    rng = np.random.default_rng(0)
    for k, (shape, scale) in enumerate([(3.74, 15.44), (6.25 * 4 + 3.74, 15.44 + 80)]):
        drawn = 6.25 / rng.gamma(shape, 1 / scale, 1_000_000)
        want = [drawn.mean(), *np.quantile(drawn, [0.05, 0.95])]
        assert answer.iloc[k].to_numpy() == pytest.approx(want, rel=0.01)


def test_spend_that_tells_nothing_is_left_out_and_counted():
    summary = _spends()
    rows = summary.index[summary["frequency"] > 0][:3]
    summary.loc[rows, "monetary_value"] = [0.0, -5.0, np.nan]
    with pytest.warns(CrmlyticsWarning, match=r"^fit_gamma_gamma: 3 of .* are left out"):
        model = crm.btyd.fit_gamma_gamma(summary)
    assert model.n_excluded == 3
    answer = model.predict(summary)
    assert answer["expected_spend"][rows].to_numpy() == pytest.approx([model.mean] * 3)
    assert not answer.isna().any().any()


def test_correlation_is_said():
    summary = _spends()
    x = summary["frequency"]
    summary["monetary_value"] = np.where(x > 0, summary["monetary_value"] * (1 + x), 0.0)
    with pytest.warns(CrmlyticsWarning, match=r"^fit_gamma_gamma: frequency and spend are corr"):
        model = crm.btyd.fit_gamma_gamma(summary)
    used = summary[x > 0]
    want = np.corrcoef(used["frequency"], used["monetary_value"])[0, 1]
    assert model.correlation == pytest.approx(want)


def test_spend_without_a_mean_is_refused():
    with pytest.raises(FitError, match=r"^fit_gamma_gamma: q is 0\.\d+, .* does not exist"):
        crm.btyd.fit_gamma_gamma(_spends(q=0.6))


@settings(max_examples=60, deadline=None)
@given(
    x=st.integers(0, 1_000),
    m=st.sampled_from([1e-6, 0.01, 1.0, 1e4, 1e9]),
    p=st.floats(0.01, 100),
    q=st.floats(1.01, 100),
    v=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_every_spend_is_finite(x, m, p, q, v):
    row = pd.DataFrame({"frequency": [x], "monetary_value": [m if x else 0.0]})
    answer = _spending(p, q, v).predict(row).iloc[0]
    assert np.isfinite(answer.to_numpy()).all()
    assert 0 <= answer["lower"] <= answer["upper"]
    assert answer["expected_spend"] > 0


SPENDS = _spends(200)


@pytest.mark.parametrize(
    ("summary", "error", "words"),
    [
        (SPENDS.drop(columns="monetary_value"), ColumnError, "no column 'monetary_value'"),
        (SPENDS.assign(frequency=0), NotEnoughDataError, "at least 10 repeat buyers"),
        (SPENDS.assign(frequency=-1), DataError, "negative"),
        (SPENDS.assign(frequency=0.5), DataError, "no whole numbers"),
        (SPENDS.assign(monetary_value=np.nan), DataError, "no repeat buyer"),
        (SPENDS.assign(monetary_value=0.0), NotEnoughDataError, "got 0"),
        (SPENDS.assign(monetary_value=np.inf), DataError, "infinite"),
        (SPENDS.head(10).assign(frequency=1, monetary_value=5.0), FitError, "no maximum"),
    ],
)
def test_bad_spends_are_one_sentence(summary, error, words):
    with pytest.raises(error, match=r"^fit_gamma_gamma: ") as raised:
        crm.btyd.fit_gamma_gamma(summary)
    assert words in str(raised.value)


# --- BG/BB ----------------------------------------------------------------------------------------


def test_bg_bb_predictions_hold_in_simulation():
    """Donors simulated for 13 opportunities; the last 5 are predicted from the first 8."""
    model, n = _giving(1.2, 0.75, 0.66, 2.8), 100_000
    rng = np.random.default_rng(0)
    leaves, buys = rng.beta(0.66, 2.8, n), rng.beta(1.2, 0.75, n)
    there = np.cumsum(rng.uniform(size=(n, 13)) < leaves[:, None], axis=1) == 0
    gave = there & (rng.uniform(size=(n, 13)) < buys[:, None])
    seen = gave[:, :8]
    summary = pd.DataFrame(
        {
            "frequency": seen.sum(axis=1),
            "recency": np.where(seen, np.arange(1, 9), 0).max(axis=1),
            "n_opportunities": 8,
        }
    )
    actual = gave[:, 8:].sum(axis=1)
    answer = model.predict(summary, horizon=5, confidence=0.9)
    error = actual.std() / np.sqrt(n)
    assert abs(answer["expected_purchases"].mean() - actual.mean()) < 4 * error
    assert abs(answer["p_no_purchase"].mean() - (actual == 0).mean()) < 4 * 0.5 / np.sqrt(n)
    # alive at the next opportunity, the ninth
    assert abs(answer["p_alive"].mean() - there[:, 8].mean()) < 4 * 0.5 / np.sqrt(n)
    assert ((answer["lower"] <= actual) & (actual <= answer["upper"])).mean() >= 0.9
    fitted = crm.btyd.fit_bg_bb(summary).summary()
    off = (fitted["estimate"] - [1.2, 0.75, 0.66, 2.8]).abs()
    assert (off < 4 * fitted["standard_error"]).all()


def test_bg_bb_tails_by_listing_all_that_can_happen():
    al, be, ga, de = 1.2, 0.7, 0.6, 2.7
    process = _bernoulli.BernoulliProcess(*(np.array([v]) for v in (al, be, ga, de)))
    with mp.workdps(30):
        chance = [mp.mpf(0)] * 5
        for there in range(5):  # opportunities attended, of 4
            if there == 4:
                stays = mp.beta(ga, de + 4) / mp.beta(ga, de)
            else:
                stays = mp.beta(ga + 1, de + there) / mp.beta(ga, de)
            for buys in itertools.product([0, 1], repeat=there):
                k = sum(buys)
                chance[k] += stays * mp.beta(al + k, be + there - k) / mp.beta(al, be)
        want = [float(sum(chance[n + 1 :])) for n in range(4)]
    got = [tail[0] for tail in itertools.islice(process.tails(4), 4)]
    assert got == pytest.approx(want, rel=1e-12)
    assert process.tail(np.array([2]), 4)[0] == pytest.approx(want[2])
    assert process.residual(0.05)[0] == pytest.approx(process.discounted(2_000, 0.05)[0])
    assert np.isinf(process.residual(0.0)[0])


def test_bg_bb_oracle_lifetimes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes

        peer = lifetimes.BetaGeoBetaBinomFitter()
    peer.params_ = pd.Series({"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.8})
    summary = pd.DataFrame(
        {"frequency": [0, 1, 2, 6], "recency": [0, 1, 5, 6], "n_opportunities": 6}
    )
    answer = _giving(1.2, 0.75, 0.66, 2.8).predict(summary, horizon=7)
    columns = [summary[name].to_numpy() for name in summary]
    want = peer.conditional_expected_number_of_purchases_up_to_time(7, *columns)
    assert answer["expected_purchases"].to_numpy() == pytest.approx(want)
    # lifetimes' m_periods_in_future counts from the end of observation; ours is one ahead
    want = peer.conditional_probability_alive(1, *columns)
    assert answer["p_alive"].to_numpy() == pytest.approx(want)


GIFTS = pd.DataFrame({"frequency": [0, 2] * 10, "recency": [0, 3] * 10, "n_opportunities": 6})


@pytest.mark.parametrize(
    ("summary", "error", "words"),
    [
        (GIFTS.drop(columns="n_opportunities"), ColumnError, "no column 'n_opportunities'"),
        (GIFTS.assign(frequency=[0, 4] * 10), DataError, "more purchases than opportunities"),
        (GIFTS.assign(recency=[0, 2.5] * 10), DataError, "no whole number"),
        (GIFTS.assign(n_opportunities=2), DataError, "after the end of observation"),
        (GIFTS.assign(n_opportunities=5_000), DataError, "Are these days?"),
        (GIFTS.head(4), NotEnoughDataError, "at least 10 customers"),
    ],
)
def test_bad_gifts_are_one_sentence(summary, error, words):
    with pytest.raises(error, match=r"^fit_bg_bb: ") as raised:
        crm.btyd.fit_bg_bb(summary)
    assert words in str(raised.value)


def test_horizons_of_bg_bb_are_whole():
    model = _giving(1.2, 0.75, 0.66, 2.8)
    assert model.new_customer(5.0).equals(model.new_customer(5))
    with pytest.raises(OptionError, match=r"horizon must be a whole number"):
        model.predict(GIFTS, horizon=2.5)


# --- sBG ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1e-6, 0.01, 0.5])
@pytest.mark.parametrize("alpha", [0.05, 0.67, 1.0, 4.0])
def test_residual_lifetime(alpha, rate):
    # Fader and Hardie 2010: (b + t) / (a + b + t) 2F1(1, b + t + 1; a + b + t + 1; exp(-rate))
    model = crm.btyd.SbgModel(alpha=alpha, beta=3.8, **UNFITTED)
    got = model.predict(50, discount_rate=rate)["derl"]
    with mp.workdps(40):
        for t in (0, 7, 50):
            b = mp.mpf(3.8) + t
            form = mp.hyp2f1(1, b + 1, alpha + b + 1, mp.exp(-mp.mpf(rate)))
            assert got[t] == pytest.approx(float(b / (alpha + b) * form), rel=1e-9)


def test_residual_lifetime_without_discount():
    # the mean of (1 - theta) / theta: (beta + t) / (alpha - 1)
    lasting = crm.btyd.SbgModel(alpha=3.0, beta=2.0, **UNFITTED).predict(2)
    assert list(lasting["derl"]) == pytest.approx([1.0, 1.5, 2.0])
    endless = crm.btyd.SbgModel(alpha=1.0, beta=2.0, **UNFITTED).predict(2)
    assert endless["derl"].isna().all()


def test_sbg_is_fitted_to_gaps_too():
    model = crm.btyd.SbgModel(alpha=0.7, beta=3.0, **UNFITTED)
    survivors = np.round(1e7 * model.predict(12)["survival"])
    whole = pd.DataFrame({"age": range(13), "survivors": survivors})
    for table in (whole, whole.iloc[[0, 1, 4, 9, 12]], whole.sample(frac=1, random_state=0)):
        fitted = crm.btyd.fit_sbg(table)
        assert [fitted.alpha, fitted.beta] == pytest.approx([0.7, 3.0], rel=2e-3)


COHORT = pd.DataFrame({"age": [0, 1, 2, 3], "survivors": [100, 80, 70, 65]})


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        (COHORT.drop(columns="age"), ColumnError, "no column 'age'"),
        (COHORT.iloc[1:], DataError, "no age 0"),
        (COHORT.assign(age=[0, 1, 1, 2]), DataError, "stands twice"),
        (COHORT.assign(survivors=[100, 80, 90, 65]), DataError, "survivors rise"),
        (COHORT.assign(survivors=[1.0, 0.8, 0.7, 0.65]), DataError, "no whole numbers"),
        (COHORT.assign(survivors=[100, np.nan, 70, 65]), DataError, "unknown"),
        (COHORT.assign(survivors=100), NotEnoughDataError, "nobody of 100"),
        (COHORT.head(2), NotEnoughDataError, "at least 3 ages"),
        (COHORT.assign(age=[0, 1, 2, 20_000]), DataError, "beyond 10,000 renewals"),
    ],
)
def test_bad_cohorts_are_one_sentence(table, error, words):
    with pytest.raises(error, match=r"^fit_sbg: ") as raised:
        crm.btyd.fit_sbg(table)
    assert words in str(raised.value)


# --- lifetimes ------------------------------------------------------------------------------------


def test_models_of_lifetimes_are_taken_over(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes

        summary = crm.btyd.purchase_summary(crm.datasets.load_cdnow(), period="W")
        columns = [summary[name] for name in ("frequency", "recency", "T")]
        fitters = [
            lifetimes.BetaGeoFitter().fit(*columns),
            lifetimes.ModifiedBetaGeoFitter().fit(*columns),
        ]
        pareto, giving = lifetimes.ParetoNBDFitter(), lifetimes.BetaGeoBetaBinomFitter()
        spending = lifetimes.GammaGammaFitter()
    pareto.params_ = pd.Series({"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7})
    giving.params_ = pd.Series({"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.8})
    spending.params_ = pd.Series({"p": 6.25, "q": 3.74, "v": 15.44})
    for fitter in fitters:
        model = crm.btyd.from_lifetimes(fitter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = fitter.conditional_expected_number_of_purchases_up_to_time(9, *columns)
        got = model.predict(summary, horizon=9)["expected_purchases"]
        assert got.to_numpy() == pytest.approx(np.asarray(want))
        assert model.n_customers == len(summary)
        assert not model.converged
        assert model.aic is None
        assert model.summary()["standard_error"].isna().all()
    for fitter, kind in (
        (pareto, crm.btyd.ParetoNbdModel),
        (giving, crm.btyd.BgBbModel),
        (spending, crm.btyd.GammaGammaModel),
    ):
        model = crm.btyd.from_lifetimes(fitter)
        assert isinstance(model, kind)
        assert [getattr(model, name) for name in kind.letters] == list(fitter.params_)
        model.save(tmp_path / "model.json")
        assert crm.load_model(tmp_path / "model.json") == model


class GammaGammaFitter:
    def __init__(self, params):
        self.params_ = params


@pytest.mark.parametrize(
    ("fitter", "error", "words"),
    [
        ("model", OptionError, "got str"),
        (GammaGammaFitter(None), OptionError, "not fitted yet"),
        (GammaGammaFitter({"p": 1.0, "q": 2.0}), OptionError, "no parameter 'v'"),
        (GammaGammaFitter({"p": 1.0, "q": 2.0, "v": np.nan}), OptionError, "no parameter 'v'"),
        (GammaGammaFitter({"p": 1.0, "q": 0.9, "v": 1.0}), FitError, "does not exist"),
    ],
)
def test_what_cannot_be_taken_over(fitter, error, words):
    with pytest.raises(error, match=r"^from_lifetimes: ") as raised:
        crm.btyd.from_lifetimes(fitter)
    assert words in str(raised.value)
