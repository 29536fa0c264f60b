"""EMPC against numbers of other implementations, and against empulse where it is installed."""

import numpy as np
import pandas as pd
import pytest

from crmlytics.churn._profit import expected_maximum_profit

# empulse 0.13.1 and EMP-PY 2.0.4 (alpha 6, beta 14, clv 200, offer 10, contact 1), which agree to
# 1e-12: customers, churners, EMPC, share contacted; scores drawn as in _drawn
TABLE = (
    (1_000, 193, 5.723351866911691, 0.42996407531685954),
    (20_000, 3_942, 5.806020959241126, 0.4166489494158489),
    (1_000_000, 200_026, 5.948635961363999, 0.4196865811805284),
)


def _drawn(rng, n):
    churned = rng.random(n) < 0.2
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + 1.2 * churned - 1.5)))
    return pd.DataFrame({"churned": churned, "churn_probability": score})


def test_numbers_of_other_implementations():
    rng = np.random.default_rng(0)
    for n, churners, empc, share in TABLE:
        predictions = _drawn(rng, n)
        assert predictions["churned"].sum() == churners
        found = expected_maximum_profit(predictions).iloc[0]
        assert found["empc"] == pytest.approx(empc, rel=1e-12)
        assert found["target_share"] == pytest.approx(share, rel=1e-12)
        contacted = (predictions["churn_probability"] >= found["threshold"]).mean()
        assert contacted == pytest.approx(share, abs=1.01 / n)


@pytest.mark.parametrize("decimals", [1, 2, 12])
def test_empulse_on_random_scores_and_costs(decimals):
    empc_score = pytest.importorskip("empulse.metrics").empc_score
    rng = np.random.default_rng(decimals)
    for _ in range(40):
        predictions = _drawn(rng, int(rng.integers(20, 300))).round(decimals)
        offer, contact = float(rng.uniform(0, 45)), float(rng.uniform(0, 5))
        shared = {
            "clv": float(rng.uniform(50, 500)),
            "contact_cost": contact,
            "alpha": float(rng.uniform(1.1, 10)),
            "beta": float(rng.uniform(1.1, 20)),
        }
        found = expected_maximum_profit(predictions, offer_cost=offer, **shared).iloc[0]
        given = (predictions["churned"].to_numpy(int), predictions["churn_probability"].to_numpy())
        want = empc_score(*given, incentive_cost=offer, **shared)
        assert found["empc"] == pytest.approx(want, abs=1e-9)
        share = empc_score.optimal_rate(*given, incentive_cost=offer, **shared)
        assert found["target_share"] == pytest.approx(share, abs=1e-9)
