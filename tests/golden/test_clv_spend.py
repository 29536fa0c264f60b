"""Published numbers of the models of spend, of fixed opportunities and of renewals."""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.datasets._packages import data_file


def _file(name):
    return data_file(
        "tests", module="lifetimes", package="lifetimes", folder="datasets", name=name
    )  # fmt: skip


@pytest.fixture(scope="module")
def spend():
    """cdnow_customers_summary_with_transactions.csv of lifetimes: 946 repeat buyers of CDNOW."""
    table = pd.read_csv(_file("cdnow_customers_summary_with_transactions.csv"))
    return table.rename(columns={"ID": "customer_id", "x": "frequency", "zbar": "monetary_value"})


@pytest.fixture(scope="module")
def gamma_gamma(spend):
    return crm.btyd.fit_gamma_gamma(spend)


def test_gamma_gamma(gamma_gamma):
    # Fader and Hardie 2013, note 025: 6.25 3.74 15.44; more digits: optimum on this file
    assert gamma_gamma.n_customers == 946
    found = [gamma_gamma.p, gamma_gamma.q, gamma_gamma.v]
    assert found == pytest.approx([6.24880, 3.74459, 15.44775], rel=1e-5)
    assert gamma_gamma.log_likelihood == pytest.approx(-4055.92324, abs=1e-4)
    # numpy.corrcoef of x and zbar of the 946
    assert gamma_gamma.correlation == pytest.approx(0.114, abs=5e-4)


def test_expected_spend_of_the_first_ten(spend, gamma_gamma):
    # Hardie's spreadsheet of note 025, and more digits for rows 1, 2, 3, 6 and 9
    want = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    got = gamma_gamma.predict(spend)["expected_spend"].head(10).to_numpy()
    assert got == pytest.approx(want, abs=0.011)
    digits = [24.6586, 18.9115, 35.1710, 71.4629, 27.2824]
    assert got[[0, 1, 2, 5, 8]] == pytest.approx(digits, abs=1e-4)


@pytest.fixture(scope="module")
def donors():
    """donations.csv of lifetimes: 11,104 donors, six yearly appeals."""
    table = pd.read_csv(_file("donations.csv"))
    table = table.rename(columns={"periods": "n_opportunities"})
    return table.loc[table.index.repeat(table["weights"])].reset_index(drop=True)


@pytest.fixture(scope="module")
def bg_bb(donors):
    return crm.btyd.fit_bg_bb(donors)


def test_bg_bb(donors, bg_bb):
    assert len(donors) == 11_104
    # Fader, Hardie and Shang 2010: 1.204 .750 .657 2.783; BTYD, bgbb.EstimateParameters
    found = [bg_bb.alpha, bg_bb.beta, bg_bb.gamma, bg_bb.delta]
    assert found == pytest.approx([1.2035, 0.7497, 0.6567, 2.7834], rel=1e-3)
    assert bg_bb.log_likelihood == pytest.approx(-33225.58128, abs=1e-4)


def test_bg_bb_p_alive(bg_bb):
    # Fader, Hardie and Shang 2010, and its spreadsheet
    rows = pd.DataFrame({"frequency": [0, 2, 6], "recency": [0, 4, 6], "n_opportunities": 6})
    got = bg_bb.predict(rows, horizon=1)["p_alive"].to_numpy()
    assert got == pytest.approx([0.11, 0.59, 0.93], abs=0.006)


def test_bg_bb_counts(donors, bg_bb):
    # BTYD, bgbb.PlotFrequencyInCalibration: expected numbers of donors with 0 and 6 repeats
    counts = len(donors) * bg_bb.pmf([0, 6], 6)
    assert counts == pytest.approx([3454.9, 1253.1], abs=0.05)


def test_bg_bb_total_of_five_years(donors, bg_bb):
    # BTYD, sum of bgbb.ConditionalExpectedTransactions(n.star = 5): 12884.2
    total = bg_bb.predict(donors, horizon=5)["expected_purchases"].sum()
    assert total == pytest.approx(12884.157, abs=0.01)
    bounds = crm.btyd.total_interval(bg_bb, donors, horizon=5)
    assert bounds["lower"].item() < total < bounds["upper"].item()


@pytest.fixture(scope="module")
def high_end():
    """Fader and Hardie 2007, "High End": customers of 1,000 left after 0 to 7 years."""
    survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
    return crm.btyd.fit_sbg(pd.DataFrame({"age": range(8), "survivors": survivors}))


def test_sbg(high_end):
    # an own fit of the printed survival, to more digits than the paper prints (.668 3.806)
    assert high_end.alpha == pytest.approx(0.66809, abs=1e-5)
    assert high_end.beta == pytest.approx(3.80609, abs=2e-5)


def test_sbg_projection(high_end):
    # projections published with Fader and Hardie 2007: S(8) to S(12)
    table = high_end.predict(12)
    assert table["survival"][8:].to_numpy() == pytest.approx(
        [0.460, 0.436, 0.414, 0.395, 0.378], abs=6e-4
    )


def test_sbg_residual_lifetime(high_end):
    # Fader and Hardie 2010: 7.530 at 10 % a year after 7 renewals
    table = high_end.predict(7, discount_rate=np.log(1.1))
    assert table["derl"][7] == pytest.approx(7.530, abs=1e-3)
