"""BG/NBD, MBG/NBD and Pareto/NBD: fits in hard regimes, predictions, bad input."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.btyd import _bg_nbd, _fit, _rows
from crmlytics.btyd._likelihoods import GeometricLikelihood
from crmlytics.btyd._pareto_likelihood import ParetoLikelihood
from crmlytics.errors import (
    ColumnError,
    CrmlyticsError,
    DataError,
    NotEnoughDataError,
    OptionError,
)

FITS = [crm.btyd.fit_bg_nbd, crm.btyd.fit_mbg_nbd, crm.btyd.fit_pareto_nbd]
LIKELIHOODS = {
    "fit_bg_nbd": lambda rows: GeometricLikelihood(rows, 0),
    "fit_mbg_nbd": lambda rows: GeometricLikelihood(rows, 1),
    "fit_pareto_nbd": ParetoLikelihood,
}
UNFITTED = {
    "log_likelihood": None, "n_customers": 0, "converged": False, "gradient_norm": None,
    "iterations": 0, "log_covariance": None,
}  # fmt: skip


def _bg(r, alpha, a, b, kind=crm.btyd.BgNbdModel):
    return kind(r=r, alpha=alpha, a=a, b=b, **UNFITTED)


def _pareto(r, alpha, s, beta):
    return crm.btyd.ParetoNbdModel(
        r=r, alpha=alpha, s=s, beta=beta, purchase_covariates=(), churn_covariates=(),
        purchase_coefficients=(), churn_coefficients=(), **UNFITTED,
    )  # fmt: skip


def _shop(n, r, alpha, s, beta, *ages, churn=True, seed=0):
    """Daily summaries: ages and last purchases are whole days, at most one purchase a day."""
    rng = np.random.default_rng(seed)
    T = rng.integers(ages[0], ages[1] + 1, n).astype(float)
    rate, leaving = rng.gamma(r, 1 / alpha, n), rng.gamma(s, 1 / beta, n)
    life = np.minimum(rng.exponential(size=n) / leaving, T) if churn else T
    x = rng.poisson(rate * life)
    tx = np.ceil(life * rng.uniform(size=n) ** (1 / np.maximum(x, 1)))
    tx = np.where(x > 0, np.minimum(tx, T), 0.0)
    return pd.DataFrame({"frequency": np.minimum(x, tx), "recency": tx, "T": T})


# The regimes in which lifetimes' Pareto/NBD was found 0.4 to 700,000 units of log-likelihood short.
REGIMES = {
    "ordinary": _shop(3_000, 0.55, 74, 0.61, 82, 30, 730),
    "supermarket with little churn": _shop(3_000, 2, 10, 0.1, 100, 100, 700),
    "daily heavy buyers": _shop(3_000, 1.5, 2, 0.3, 100, 100, 501),
    "very heavy buyers": _shop(3_000, 1.5, 4, 0.3, 500, 500, 2_000),
    "nearly all one-time buyers": _shop(3_000, 0.05, 100, 0.6, 80, 30, 365),
    "fast churn": _shop(3_000, 1, 10, 3, 10, 30, 365),
    "all with one rate": _shop(3_000, 50, 500, 0.6, 80, 30, 365),
    "all with one chance to leave": _shop(3_000, 0.6, 20, 50, 5_000, 30, 365),
    "no churn at all": _shop(3_000, 0.6, 20, 1, 1, 30, 365, churn=False),
    "sixty customers": _shop(60, 0.6, 20, 0.6, 80, 30, 365),
    "hours": _shop(3_000, 0.55, 74 * 24, 0.61, 82 * 24, 720, 20_000),
    "months": _shop(3_000, 0.6, 3, 0.6, 8, 1, 24),
}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("regime", REGIMES)
def test_no_start_finds_a_better_optimum(regime, fit):
    summary = REGIMES[regime]
    model = fit(summary)
    rows, unit = _bg_nbd.weighted(_rows.read(summary, caller="test"))
    likelihood = LIKELIHOODS[fit.__name__](rows)
    rng = np.random.default_rng(5)
    best = max(
        found.value
        for start in rng.uniform(-3, 3, (3, 4))
        if (found := _fit.climb(likelihood, [start], rows.n)) is not None
    )
    best -= float(rows.weight @ rows.x) * np.log(unit)
    assert model.log_likelihood > best - 0.01
    answer = model.predict(summary, horizon=39.0).drop(columns="residual_transactions")
    assert not answer.isna().any().any()
    assert (answer["expected_purchases"] >= 0).all()
    discounted = model.predict(summary.head(100), horizon=39.0, discount_rate=0.001)
    assert (discounted["residual_transactions"] >= 0).all()


@pytest.mark.parametrize("fit", FITS)
def test_the_unit_of_time_is_nothing(fit):
    summary = REGIMES["ordinary"]
    weeks = summary.assign(recency=summary["recency"] / 7, T=summary["T"] / 7)
    daily, weekly = fit(summary), fit(weeks)
    assert daily.alpha / 7 == pytest.approx(weekly.alpha, rel=1e-6)
    assert daily.r == pytest.approx(weekly.r, rel=1e-6)
    # a density per week is a density per day times 7 for each purchase
    shift = summary["frequency"].sum() * np.log(7)
    assert daily.log_likelihood + shift == pytest.approx(weekly.log_likelihood, abs=1e-5)
    one = daily.predict(summary, horizon=70, discount_rate=0.001)
    other = weekly.predict(weeks, horizon=10, discount_rate=0.007)
    pd.testing.assert_frame_equal(one, other, rtol=1e-6)


@pytest.mark.parametrize("fit", FITS)
def test_standard_errors_are_those_of_the_likelihood(fit):
    # simulated from known parameters: each estimate within 4 standard errors of the truth
    truth = {"fit_bg_nbd": _bg(0.6, 12, 0.9, 2.8),
             "fit_mbg_nbd": _bg(0.6, 12, 0.9, 2.8, crm.btyd.MbgNbdModel),
             "fit_pareto_nbd": _pareto(0.6, 12, 0.9, 30)}[fit.__name__]  # fmt: skip
    parts = [truth.simulate(8_000, horizon=age, random_state=age) for age in (20, 50, 90)]
    table = fit(pd.concat(parts)).summary()
    want = [getattr(truth, letter) for letter in table["parameter"]]
    assert ((table["estimate"] - want).abs() < 4 * table["standard_error"]).all()
    assert ((table["lower"] < table["estimate"]) & (table["estimate"] < table["upper"])).all()


@pytest.mark.parametrize(
    "model",
    [
        _bg(0.6, 12, 0.9, 2.8),
        _bg(0.6, 12, 0.9, 2.8, crm.btyd.MbgNbdModel),
        _pareto(0.6, 12, 0.9, 9),
    ],
)
def test_predictions_hold_in_simulation(model):
    """Customers simulated for 60 periods; what they do in the last 20 is predicted from 40."""
    rng = np.random.default_rng(3)
    n = 200_000
    # watched twice: the same seed makes the same customers only within one age, so histories are
    # drawn here from the definition of the models
    rate = rng.gamma(model.r, 1 / model.alpha, n)
    gaps = rng.exponential(size=(n, 60)) / rate[:, None]
    times = np.cumsum(gaps, axis=1)
    if isinstance(model, crm.btyd.ParetoNbdModel):
        life = rng.exponential(size=n) / np.maximum(rng.gamma(model.s, 1 / model.beta, n), 1e-300)
        made = times < life[:, None]
    else:
        leave = rng.uniform(size=(n, 61)) < rng.beta(model.a, model.b, n)[:, None]
        first = leave[:, 0] if isinstance(model, crm.btyd.MbgNbdModel) else np.zeros(n, dtype=bool)
        gone = np.cumsum(leave[:, 1:], axis=1) - leave[:, 1:] > 0
        made = ~gone & ~first[:, None]
    past, future = made & (times <= 40), made & (times > 40) & (times <= 60)
    x = past.sum(axis=1).astype(float)
    tx = np.where(past, times, 0.0).max(axis=1)
    summary = pd.DataFrame({"frequency": x, "recency": tx, "T": 40.0})
    actual = future.sum(axis=1)
    answer = model.predict(summary, horizon=20.0, confidence=0.9)
    error = actual.std() / np.sqrt(n)
    assert abs(answer["expected_purchases"].mean() - actual.mean()) < 4 * error
    assert abs(answer["p_no_purchase"].mean() - (actual == 0).mean()) < 4 * 0.5 / np.sqrt(n)
    covered = (answer["lower"] <= actual) & (actual <= answer["upper"])
    assert covered.mean() > 0.9
    for low, high in ((0, 1), (1, 3), (3, 100)):  # not only on average over all
        rows = (x >= low) & (x < high)
        gap = answer["expected_purchases"][rows].mean() - actual[rows].mean()
        assert abs(gap) < 4.5 * actual[rows].std() / np.sqrt(rows.sum())


def test_new_customers_are_those_of_whom_nothing_was_seen():
    for model in (_bg(0.6, 12, 0.9, 2.8), _pareto(0.6, 12, 0.9, 9)):
        row = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [0.0]})
        one = model.predict(row, horizon=26, discount_rate=0.01)
        pd.testing.assert_frame_equal(one, model.new_customer(26, discount_rate=0.01))
        chances = model.pmf(np.arange(400), 26)
        assert chances.sum() == pytest.approx(1, abs=1e-9)
        assert chances @ np.arange(400) == pytest.approx(one["expected_purchases"].item(), rel=1e-6)
        assert chances[0] == pytest.approx(one["p_no_purchase"].item())
        assert model.pmf(3, 26) == pytest.approx(chances[3])
        below = np.cumsum(chances)
        assert (below >= 0.975).argmax() == one["upper"].item()


@pytest.fixture(scope="module")
def lifetimes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes

        return lifetimes


def test_oracle_lifetimes(lifetimes):
    summary = REGIMES["ordinary"].head(400)
    columns = [summary[name] for name in ("frequency", "recency", "T")]
    for model, name, keys in (
        (_bg(0.24, 30.9, 0.79, 2.43), "BetaGeoFitter", "r alpha a b"),
        (_bg(0.52, 43.3, 0.89, 1.61, crm.btyd.MbgNbdModel), "ModifiedBetaGeoFitter", "r alpha a b"),
        (_pareto(0.55, 74.0, 0.61, 81.7), "ParetoNBDFitter", "r alpha s beta"),
    ):
        peer = getattr(lifetimes, name)()
        peer.params_ = pd.Series({key: getattr(model, key) for key in keys.split()})
        answer = model.predict(summary, horizon=90)
        want = peer.conditional_expected_number_of_purchases_up_to_time(90, *columns)
        assert answer["expected_purchases"].to_numpy() == pytest.approx(np.asarray(want), abs=1e-9)
        want = peer.conditional_probability_alive(*columns)
        assert answer["p_alive"].to_numpy() == pytest.approx(np.asarray(want), abs=1e-10)
        want = peer.expected_number_of_purchases_up_to_time(90)
        assert model.new_customer(90)["expected_purchases"].item() == pytest.approx(want, rel=1e-9)
    none = [
        peer.conditional_probability_of_n_purchases_up_to_time(0, 90, *row)
        for row in summary.head(20).to_numpy()
    ]
    assert answer["p_no_purchase"].head(20).to_numpy() == pytest.approx(none, abs=1e-9)


PARAMETER = st.floats(-4, 4).map(lambda power: float(10.0**power))
MIDDLE = st.floats(-2, 2).map(lambda power: float(10.0**power))


@settings(max_examples=150, deadline=None)
@given(
    first=st.tuples(MIDDLE, PARAMETER),
    second=st.tuples(MIDDLE | st.just(1.0), PARAMETER),
    x=st.sampled_from([0, 1, 2, 10, 100, 1_000]),
    times=st.tuples(
        st.sampled_from([0.0, 1e-6, 0.5, 0.999, 1.0]),
        st.sampled_from([0.0, 1e-3, 1.0, 39.0, 2_000.0]),
        st.sampled_from([1e-3, 1.0, 52.0, 3_000.0]),
        st.sampled_from([1e-5, 0.01, 1.0]),
    ),
)
def test_every_valid_customer_has_finite_numbers(first, second, x, times):
    share, T, horizon, rate = times
    tx = T * share if x else 0.0
    summary = pd.DataFrame({"frequency": [x], "recency": [tx], "T": [T]})
    for model in (
        _bg(*first, *second),
        _bg(*first, *second, crm.btyd.MbgNbdModel),
        _pareto(*first, *second),
    ):
        answer = model.predict(summary, horizon=horizon, discount_rate=rate).iloc[0]
        assert np.isfinite(answer.to_numpy(dtype=float)).all()
        for name in ("p_alive", "p_alive_later", "p_no_purchase"):
            assert 0 <= answer[name] <= 1
        assert answer["p_alive_later"] <= answer["p_alive"]
        assert 0 <= answer["lower"] <= answer["upper"]
        assert answer["expected_purchases"] >= 0
        assert answer["residual_transactions"] >= 0
        # more than none cannot be likelier than the mean is large
        assert 1 - answer["p_no_purchase"] <= answer["expected_purchases"] * (1 + 1e-6) + 1e-12


def test_continuous_through_a_and_s_of_one():
    summary = REGIMES["ordinary"].head(50)
    for make in (lambda one: _bg(0.24, 30.9, one, 2.43), lambda one: _pareto(0.55, 74, one, 81.7)):
        here = make(1.0).predict(summary, horizon=90, discount_rate=0.01)
        for off in (-1e-2, -1e-6, 1e-12, 1e-8, 1e-3, 1e-2):
            near = make(1 + off).predict(summary, horizon=90, discount_rate=0.01)
            pd.testing.assert_frame_equal(
                here[["p_alive", "expected_purchases"]], near[["p_alive", "expected_purchases"]],
                rtol=4 * abs(off) + 1e-10,
            )  # fmt: skip


def test_quantiles_of_heavy_buyers_by_halving():
    # the same numbers from the table of tails and from halving
    model = _pareto(2.0, 4.0, 0.5, 200.0)
    summary = pd.DataFrame(
        {"frequency": [90.0, 120.0, 95.0], "recency": [98.0, 70.0, 99.0], "T": [100.0] * 3}
    )
    answer = model.predict(summary, horizon=80.0)
    customers = model._customers([summary[c].to_numpy() for c in ("frequency", "recency", "T")])
    assert (customers.future.process.expected(80.0) > 50).all()
    future, place = customers.future, customers.place
    for row in range(3):
        process = future.process.take(future.place[place[row : row + 1]])
        alive = future.p_alive[place[row]]
        tails = [tail[0] for _, tail in zip(range(600), process.tails(80.0), strict=False)]
        above = alive * np.array(tails)
        assert answer["lower"][row] == (above > 0.975).sum()
        assert answer["upper"][row] == (above > 0.025).sum()


def test_penalty_pulls_towards_the_middle():
    summary = REGIMES["no churn at all"]
    for fit in FITS:
        held = fit(summary, penalty=0.001)
        assert held.log_covariance is not None
        assert max(abs(np.log(held.summary()["estimate"][[0, 2]]))) < 12
        assert held.log_likelihood <= fit(summary).log_likelihood + 1e-6


def test_flat_directions_have_no_standard_errors():
    # without churn nothing is known of churn, and all of purchasing as if there were none
    summary = REGIMES["no churn at all"]
    model = crm.btyd.fit_pareto_nbd(summary)
    assert set(model.unidentified) == {"s", "beta"}
    table = model.summary().set_index("parameter")
    assert table.loc[["s", "beta"], ["standard_error", "lower", "upper"]].isna().all().all()
    assert np.isnan(model.covariance[2:]).all()
    assert (table.loc[["r", "alpha"], "standard_error"] > 0).all()
    # the truth of the simulation: r .6, alpha 20
    for name, truth in (("r", 0.6), ("alpha", 20.0)):
        row = table.loc[name]
        assert row["lower"] < truth < row["upper"]
    total = crm.btyd.total_interval(model, summary, horizon=10)
    # customers of gamma rates, watched for T: mean R / (alpha + T) a day
    R, rate = model.r + summary["frequency"], model.alpha + summary["T"]
    assert total["expected"].item() == pytest.approx((10 * R / rate).sum(), rel=2e-3)
    assert total["lower"].item() < total["expected"].item() < total["upper"].item()


def test_every_kind_of_table(make_eager, plain):
    columns = {
        "who": ["c", "a", "b"], "frequency": [2, 0, 1], "recency": [30.0, 0.0, 9.5],
        "T": [38.0, 12.0, 30.0],
    }  # fmt: skip
    model = _pareto(0.55, 10.6, 0.61, 11.7)
    table = make_eager(columns)
    answer = model.predict(table, horizon=39, customer_col="who")
    assert isinstance(answer, type(table))
    got = plain(answer)
    assert list(got["who"]) == ["a", "b", "c"]
    want = model.predict(pd.DataFrame(columns), horizon=39, customer_col="who")
    pd.testing.assert_frame_equal(got, plain(want))
    total = crm.btyd.total_interval(crm.btyd.fit_bg_nbd(REGIMES["ordinary"]), table, horizon=9)
    assert isinstance(total, type(table))


def test_lazy_tables_are_refused(make_lazy):
    table = make_lazy({"frequency": [1], "recency": [1.0], "T": [2.0]})
    with pytest.raises(DataError, match=r"^fit_bg_nbd: summary is a .* needs its numbers here"):
        crm.btyd.fit_bg_nbd(table)


def test_order_and_ids_are_nothing():
    summary = REGIMES["ordinary"].assign(customer_id=np.arange(3_000))
    mixed = summary.sample(frac=1, random_state=1)
    for fit in FITS:
        one, other = fit(summary), fit(mixed)
        assert one == other
        pd.testing.assert_frame_equal(
            one.predict(summary, horizon=9), other.predict(mixed, horizon=9)
        )


def test_equal_customers_count_as_often_as_they_are():
    summary = REGIMES["ordinary"]
    once, thrice = (
        crm.btyd.fit_pareto_nbd(summary),
        crm.btyd.fit_pareto_nbd(pd.concat([summary] * 3)),
    )
    assert thrice.r == pytest.approx(once.r, rel=1e-8)
    assert thrice.log_likelihood == pytest.approx(3 * once.log_likelihood)
    assert thrice.covariance * 3 == pytest.approx(once.covariance, rel=1e-6)


GOOD = REGIMES["ordinary"].head(100)
BAD = [
    (GOOD.drop(columns="T"), ColumnError, "no column 'T'"),
    (GOOD.assign(T=GOOD["T"].astype(str)), ColumnError, "'T'"),
    (GOOD.assign(recency=GOOD["T"] + 1), DataError, "after the end of observation"),
    (GOOD.assign(frequency=-1.0), DataError, "'frequency' that are negative"),
    (GOOD.assign(frequency=0.5), DataError, "no whole numbers"),
    (GOOD.assign(recency=-1.0), DataError, "'recency' that are negative"),
    (GOOD.assign(T=40_000.0), DataError, "another unit"),
    (GOOD.assign(frequency=0.0, recency=1.0), DataError, "no repeat purchase"),
    (GOOD.assign(frequency=0.0, recency=0.0), NotEnoughDataError, "nobody of 100 customers"),
    (GOOD.head(5), NotEnoughDataError, "at least 10 customers"),
    (GOOD.assign(recency=0.0, T=0.0), NotEnoughDataError, "age 0"),
    (GOOD.assign(frequency=np.where(GOOD.index == 3, np.nan, 1.0)), DataError, "unknown"),
    (GOOD.assign(T=np.where(GOOD.index == 3, np.inf, 9.0)), DataError, "infinite"),
    ([1, 2], DataError, "must be a table"),
]


@pytest.mark.parametrize(("summary", "error", "words"), BAD)
@pytest.mark.parametrize("fit", FITS)
def test_bad_summaries_are_one_sentence(fit, summary, error, words):
    with pytest.raises(error, match=rf"^{fit.__name__}: ") as raised:
        fit(summary)
    assert words in str(raised.value)
    assert str(raised.value).endswith((".", "?"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.predict(GOOD, horizon=0), "horizon must be above 0"),
        (lambda m: m.predict(GOOD, horizon=-1), "horizon must be a number of 0 or more"),
        (lambda m: m.predict(GOOD, horizon="9"), "horizon must be a number"),
        (lambda m: m.predict(GOOD, horizon=9, confidence=95), "confidence"),
        (lambda m: m.predict(GOOD, horizon=9, discount_rate=-0.1), "discount_rate"),
        (lambda m: m.pmf(-1, 9), "n must be a whole number of 0 or more"),
        (lambda m: m.pmf(0.5, 9), "n must be a whole number"),
        (lambda m: m.new_customer(9, age=3.0), "covariates"),
        (lambda m: m.simulate(0, horizon=9), "n_customers"),
        (lambda m: m.summary(confidence=2), "confidence"),
        (lambda _: crm.btyd.total_interval("model", GOOD, horizon=9), "model of purchasing"),
        (lambda m: crm.btyd.total_interval(m, GOOD, horizon=9), "no standard errors"),
        (lambda _: crm.btyd.fit_bg_nbd(GOOD, penalty=-1), "penalty"),
        (lambda m: crm.btyd.likelihood_ratio_test(m, m), "fit_pareto_nbd"),
    ],
)
def test_wrong_options_are_one_sentence(call, words):
    with pytest.raises(OptionError, match=r"^\w+: ") as raised:
        call(_bg(0.6, 12, 0.9, 2.8))
    assert words in str(raised.value)


def test_ids_in_the_index_are_not_lost_in_silence():
    model = _bg(0.6, 12, 0.9, 2.8)
    with pytest.raises(ColumnError, match=r"reset_index\(\)"):
        model.predict(GOOD.rename_axis("customer_id"), horizon=9)
    with pytest.raises(DataError, match=r"stand in more than one row"):
        model.predict(GOOD.assign(customer_id=1), horizon=9)


def test_covariates_are_needed_and_read():
    summary = REGIMES["ordinary"].assign(group=np.arange(3_000) % 2, age=np.arange(3_000) % 7)
    model = crm.btyd.fit_pareto_nbd(
        summary, purchase_covariates=["group"], churn_covariates=["group", "age"]
    )
    names = list(model.summary()["parameter"])
    assert names == ["r", "alpha", "s", "beta", "purchase_group", "churn_group", "churn_age"]
    assert model.covariance.shape == (7, 7)
    answer = model.predict(summary.head(20), horizon=9)
    one = model.new_customer(9, group=1, age=3)
    assert 0 < one["expected_purchases"].item() < 5
    assert len(answer) == 20
    with pytest.raises(ColumnError, match="no column 'group'"):
        model.predict(summary.drop(columns="group"), horizon=9)
    with pytest.raises(DataError, match="same value for all customers"):
        crm.btyd.fit_pareto_nbd(summary.assign(group=1), purchase_covariates=["group"])
    with pytest.raises(DataError, match="unknown"):
        crm.btyd.fit_pareto_nbd(
            summary.assign(group=np.where(summary.index == 0, np.nan, 1)),
            purchase_covariates=["group"],
        )
    # the unit of a covariate changes its coefficient and nothing else
    scaled = crm.btyd.fit_pareto_nbd(
        summary.assign(age=summary["age"] * 1000 + 5e6), churn_covariates=["age"]
    )
    plain = crm.btyd.fit_pareto_nbd(summary, churn_covariates=["age"])
    assert scaled.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    assert scaled.churn_coefficients[0] * 1000 == pytest.approx(
        plain.churn_coefficients[0], rel=1e-5, abs=1e-7
    )


def test_models_are_values():
    model = _bg(0.6, 12, 0.9, 2.8)
    assert model == replace(model)
    with pytest.raises(AttributeError):
        model.r = 1.0
    assert model.aic is None
    assert model.bic is None
    assert issubclass(OptionError, CrmlyticsError)
