"""Published numbers of the models of purchasing.

I1 is cdnow_customers_summary.csv of lifetimes (weeks, rounded to two decimals). I2 is the CDNOW
sample itself, orders of one day merged, calibration to 1997-09-30, time in days / 7. The rounding
moves log-likelihoods in the third decimal: each test names its input.
"""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.datasets._packages import data_file


@pytest.fixture(scope="module")
def rounded():
    path = data_file(
        "tests", module="lifetimes", package="lifetimes", folder="datasets",
        name="cdnow_customers_summary.csv",
    )  # fmt: skip
    return pd.read_csv(path).rename(columns={"ID": "customer_id"})


@pytest.fixture(scope="module")
def exact():
    purchases = crm.datasets.load_cdnow()
    return crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")


@pytest.fixture(scope="module")
def pareto(exact):
    return crm.btyd.fit_pareto_nbd(exact)


def _errors(model):
    return model.summary()["standard_error"].to_numpy()


def _close(model, letters, want, rel=1e-3):
    assert [getattr(model, letter) for letter in letters] == pytest.approx(want, rel=rel)


def test_summary_i2(exact):
    # Fader, Hardie and Lee 2005, p. 279: 2,357 customers, 946 with 2,457 repeat purchases
    assert len(exact) == 2_357
    assert exact["frequency"].sum() == 2_457
    assert (exact["frequency"] > 0).sum() == 946


def test_bg_nbd_i2(exact):
    model = crm.btyd.fit_bg_nbd(exact)
    # CLVTools, tests of bgnbd on cdnow; Fader, Hardie and Lee 2005, table 2: .243 4.414 .793 2.426
    _close(model, ["r", "alpha", "a", "b"], [0.2425945, 4.4136019, 0.7929199, 2.4258881])
    assert model.log_likelihood == pytest.approx(-9582.42921, abs=1e-4)
    assert model.converged
    assert model.gradient_norm < 1e-10
    # 2 k - 2 LL and k ln(2357) - 2 LL by hand
    assert model.aic == pytest.approx(19172.85842, abs=1e-3)
    assert model.bic == pytest.approx(19195.91930, abs=1e-3)


def test_bg_nbd_i1(rounded):
    model = crm.btyd.fit_bg_nbd(rounded)
    # lifetimes 0.11.3, BetaGeoFitter().fit(...): equal to 1.1e-6
    _close(model, ["r", "alpha", "a", "b"], [0.242593, 4.413532, 0.792886, 2.425753], rel=2e-6)
    assert model.log_likelihood == pytest.approx(-9582.425561, abs=1e-5)
    # lifetimes, .standard_errors_
    assert _errors(model) == pytest.approx([0.012557, 0.378221, 0.185719, 0.705346], rel=1e-3)


def test_pareto_nbd_i2(pareto):
    # CLVTools, tests of pnbd on cdnow; Fader, Hardie and Lee 2005, table 2: .553 10.578 .606 11.669
    _close(pareto, ["r", "alpha", "s", "beta"], [0.553277, 10.577683, 0.606240, 11.668735])
    assert pareto.log_likelihood == pytest.approx(-9594.976179, abs=1e-4)
    # CLVTools, vcov() of the same model
    want = [0.0476264, 0.8427222, 0.1872594, 6.2105448]
    assert _errors(pareto) == pytest.approx(want, rel=1e-3)
    assert np.sqrt(np.diag(pareto.covariance)) == pytest.approx(want, rel=1e-3)
    assert pareto.covariance == pytest.approx(pareto.covariance.T)


def test_pareto_nbd_i1(rounded):
    model = crm.btyd.fit_pareto_nbd(rounded)
    # a prototype of quadrature and Newton steps, and BTYD's pnbd.EstimateParameters to 4 digits
    _close(model, ["r", "alpha", "s", "beta"], [0.553276, 10.577612, 0.606214, 11.667911], rel=5e-6)
    assert model.log_likelihood == pytest.approx(-9594.973930, abs=1e-5)


def test_customer_1516(exact, pareto):
    # BTYD walkthrough, customer 1516: E(52) = 25.45647, P(alive) = .997874 at its parameters;
    # 25.455184 and .997873 at the optimum
    row = exact[exact["frequency"] == 26]
    assert row["recency"].item() == pytest.approx(30.857, abs=1e-3)
    answer = pareto.predict(row, horizon=52)
    assert answer["expected_purchases"].item() == pytest.approx(25.455184, abs=2e-4)
    assert answer["p_alive"].item() == pytest.approx(0.997873, abs=1e-6)


def test_new_customer(pareto):
    # BTYD walkthrough, pnbd.Expectation(params, t = 52): 1.473434
    answer = pareto.new_customer(52)
    assert answer["expected_purchases"].item() == pytest.approx(1.473434, abs=2e-5)


def test_sums_of_p_alive(exact, pareto):
    bg_nbd = crm.btyd.fit_bg_nbd(exact)
    # lifetimes, sum of conditional_probability_alive: one-time buyers make the difference
    assert bg_nbd.predict(exact, horizon=1)["p_alive"].sum() == pytest.approx(1917, abs=0.5)
    assert pareto.predict(exact, horizon=1)["p_alive"].sum() == pytest.approx(1051.88, abs=0.01)


def test_expected_totals_of_39_weeks(exact, pareto):
    # the same models in lifetimes and BTYD, weeks 40 to 78; 1,882 purchases were made
    for fit, want in (
        (crm.btyd.fit_bg_nbd, 1653.41),
        (crm.btyd.fit_mbg_nbd, 1576.73),
    ):
        answer = fit(exact).predict(exact, horizon=39)
        assert answer["expected_purchases"].sum() == pytest.approx(want, abs=0.02)
    answer = pareto.predict(exact, horizon=39)
    assert answer["expected_purchases"].sum() == pytest.approx(1665.51, abs=0.01)


def test_interval_of_the_total_holds_what_happened(exact, pareto):
    # CDNOW_sample.txt: 1,882 purchases from 1997-10-01 to 1998-06-30
    total = crm.btyd.total_interval(pareto, exact, horizon=39)
    assert total["lower"].item() < 1_882 < total["upper"].item()
    # delta method: 113.8 from the parameters; exact simulation of counts: about 70 from chance
    assert total["parameter_error"].item() == pytest.approx(113.8, rel=0.12)
    assert total["chance_error"].item() == pytest.approx(70, abs=1)


def test_covariates_of_cdnow():
    # Simulated truth (no published table with covariates is free): rates of group 1 are doubled
    # and customers of group 1 leave at half the rate.
    plain = crm.btyd.ParetoNbdModel(
        r=0.6, alpha=10.0, s=0.8, beta=20.0, purchase_covariates=(), churn_covariates=(),
        purchase_coefficients=(), churn_coefficients=(), log_likelihood=None, n_customers=0,
        converged=False, gradient_norm=None, iterations=0, log_covariance=None,
    )  # fmt: skip
    from dataclasses import replace

    doubled = replace(plain, alpha=5.0, beta=40.0)
    parts = [
        plain.simulate(30_000, horizon=60, random_state=1).assign(group=0.0),
        doubled.simulate(30_000, horizon=60, random_state=2).assign(group=1.0),
    ]
    both = pd.concat(parts)
    model = crm.btyd.fit_pareto_nbd(both, purchase_covariates=["group"], churn_covariates=["group"])
    table = model.summary().set_index("parameter")
    # alpha / 2 = alpha exp(-g): g = ln 2; beta * 2 = beta exp(-d): d = -ln 2
    for name, want in (("purchase_group", np.log(2)), ("churn_group", -np.log(2))):
        row = table.loc[name]
        assert abs(row["estimate"] - want) < 3.5 * row["standard_error"]
    restricted = crm.btyd.fit_pareto_nbd(both)
    test = crm.btyd.likelihood_ratio_test(restricted, model)
    assert test["degrees_of_freedom"].item() == 2
    assert test["p_value"].item() < 1e-10
