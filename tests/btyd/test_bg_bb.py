"""BG/BB: P(alive) to many digits, donors who are alike; more in test_other_models.py."""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest

import crmlytics as crm

UNFITTED = {
    "log_likelihood": None, "n_customers": 0, "converged": False, "gradient_norm": None,
    "iterations": 0, "log_covariance": None,
}  # fmt: skip
ROWS = [(0, 0, 0), (0, 0, 6), (2, 4, 6), (6, 6, 6), (50, 60, 200), (1, 200, 200)]


def _giving(alpha, beta, gamma, delta):
    return crm.btyd.BgBbModel(alpha=alpha, beta=beta, gamma=gamma, delta=delta, **UNFITTED)


@pytest.mark.parametrize(
    "shapes", [(1.2, 0.75, 0.66, 2.8), (0.05, 0.05, 0.05, 0.05), (2e4, 1e4, 5.0, 1e4)]
)
def test_p_alive_to_many_digits(shapes):
    # Fader, Hardie and Shang 2010, eq. 10 over eq. 5, with 40 digits
    rows = pd.DataFrame(ROWS, columns=["frequency", "recency", "n_opportunities"])
    got = _giving(*shapes).predict(rows, horizon=1)["p_alive"]
    with mp.workdps(40):
        al, be, ga, de = (mp.mpf(each) for each in shapes)
        for k, (x, tx, n) in enumerate(ROWS):
            alive = mp.beta(al + x, be + n - x)
            left = sum(mp.beta(al + x, be + m - x) * mp.beta(ga + 1, de + m) for m in range(tx, n))
            want = alive * mp.beta(ga, de + n + 1) / (alive * mp.beta(ga, de + n) + left)
            assert got[k] == pytest.approx(float(want), rel=1e-10)


@pytest.mark.parametrize(
    "counts",
    [{(1, 1): 6, (1, 2): 6}, {(0, 0): 3, (1, 1): 4, (1, 2): 5}, {(2, 2): 8, (1, 2): 4, (0, 0): 1}],
)
def test_few_kinds_of_donors_are_fitted(counts):
    # the likelihood is highest far out, where chances are alike: nothing may cancel there
    rows = [row for row, count in counts.items() for _ in range(count)]
    donors = pd.DataFrame(rows, columns=["frequency", "recency"]).assign(n_opportunities=2)
    model = crm.btyd.fit_bg_bb(donors)
    assert model.converged
    answer = model.predict(donors, horizon=4).drop(columns="residual_transactions")
    assert np.isfinite(answer.to_numpy()).all()


def test_what_is_simulated_is_found_again():
    model = _giving(1.2, 0.75, 0.66, 2.8)
    found = crm.btyd.fit_bg_bb(model.simulate(30_000, horizon=8)).summary()
    off = (found["estimate"] - [1.2, 0.75, 0.66, 2.8]).abs()
    assert (off < 4 * found["standard_error"]).all()
