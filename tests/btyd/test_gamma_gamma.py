"""Gamma-Gamma: spends of all sizes, and the peer; more in test_other_models.py."""

import warnings

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.errors import CrmlyticsWarning


def _spends(n=3_000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.geometric(0.3, n)
    m = rng.gamma(6.0 * x) / rng.gamma(4.0, 1 / 15.0, n) / x
    return pd.DataFrame({"frequency": x, "monetary_value": m})


def test_purchases_that_cancel_out_are_no_spend():
    # 0.1 + 0.2 - 0.3 leaves 2.8e-17 or 5.6e-17, by the order of the lines
    summary = _spends()
    nothing, rest = summary.copy(), summary.copy()
    nothing.loc[:4, "monetary_value"] = 0.0
    rest.loc[:4, "monetary_value"] = 2.8e-17
    with pytest.warns(CrmlyticsWarning, match=r"^fit_gamma_gamma: 5 of 3,000 repeat buyers"):
        want = crm.btyd.fit_gamma_gamma(nothing)
    with pytest.warns(CrmlyticsWarning, match=r"^fit_gamma_gamma: 5 of 3,000 repeat buyers"):
        got = crm.btyd.fit_gamma_gamma(rest)
    assert got == want
    assert got.predict(rest).equals(got.predict(nothing))
    assert got.predict(rest)["expected_spend"][:5].to_numpy() == pytest.approx([got.mean] * 5)


def test_small_spends_beside_a_large_one_keep_their_size():
    summary = _spends()
    summary.loc[0, "monetary_value"] = 1e9
    summary.loc[1:5, "monetary_value"] = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3]
    model = crm.btyd.fit_gamma_gamma(summary)
    # Fader and Hardie 2013, eq. 1a, at the parameters found
    from scipy.special import betaln

    x, m = summary["frequency"].to_numpy(), summary["monetary_value"].to_numpy()
    shape = model.p * x
    log_f = -betaln(shape, model.q) + model.q * np.log(model.v) + (shape - 1) * np.log(m)
    log_f += shape * np.log(x) - (shape + model.q) * np.log(model.v + x * m)
    assert model.log_likelihood == pytest.approx(log_f.sum(), rel=1e-9)


def test_no_order_of_rows_changes_a_fit():
    summary = _spends()
    shuffled = summary.sample(frac=1, random_state=1)
    shuffled["monetary_value"] *= 1 + 2e-16
    assert crm.btyd.fit_gamma_gamma(shuffled) == crm.btyd.fit_gamma_gamma(summary)


def test_gamma_gamma_oracle_lifetimes():
    summary = crm.btyd.purchase_summary(crm.datasets.load_cdnow(), period="W")
    used = summary[(summary["frequency"] > 0) & (summary["monetary_value"] > 0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes

        peer = lifetimes.GammaGammaFitter().fit(used["frequency"], used["monetary_value"])
        want = peer.conditional_expected_average_profit(used["frequency"], used["monetary_value"])
    got = crm.btyd.from_lifetimes(peer).predict(used)["expected_spend"]
    assert got.to_numpy() == pytest.approx(want.to_numpy(), rel=1e-12)
    ours = crm.btyd.fit_gamma_gamma(used)
    assert [ours.p, ours.q, ours.v] == pytest.approx(list(peer.params_[["p", "q", "v"]]), rel=1e-4)
