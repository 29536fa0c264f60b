"""The CDNOW holdout: 39 weeks to learn from, 39 to be held against (input I2 of test_clv)."""

import pytest

import crmlytics as crm

HELD = {"calibration_end": "1997-09-30", "horizon": 39, "period": "W"}


@pytest.fixture(scope="module")
def purchases():
    return crm.datasets.load_cdnow()


@pytest.fixture(scope="module")
def result(purchases):
    return crm.btyd.evaluate_holdout(purchases, **HELD).set_index("model")


def test_what_happened(result):
    # CDNOW_sample.txt: different customers and days from 1997-10-01 to 1998-06-30 of the 2,357
    assert (result["actual"] == 1_882).all()
    assert (result["customers"] == 2_357).all()


@pytest.mark.parametrize(
    ("model", "expected", "bias", "mae", "rmse"),
    [
        # the same models in lifetimes, BTYD and CLVTools, predictions added up
        ("bg_nbd", 1653.41, -0.122, 0.786, 1.608),
        ("pareto_nbd", 1665.51, -0.115, 0.755, 1.603),
        ("mbg_nbd", 1576.73, -0.162, 0.765, None),
        ("naive", 2930.10, 0.557, 1.024, None),
    ],
)
def test_totals_and_errors(result, model, expected, bias, mae, rmse):
    row = result.loc[model]
    assert row["expected"] == pytest.approx(expected, abs=0.01)
    assert row["bias"] == pytest.approx(bias, abs=1e-3)
    assert row["mae"] == pytest.approx(mae, abs=1e-3)
    if rmse is not None:
        assert row["rmse"] == pytest.approx(rmse, abs=1e-3)


def test_any_purchase(result):
    # probabilities of BTYD's pnbd.pmf with 0 purchases: Brier .162, AUC .771
    assert result.loc["pareto_nbd", "brier"] == pytest.approx(0.162, abs=5e-4)
    assert result.loc["pareto_nbd", "auc_any_purchase"] == pytest.approx(0.771, abs=5e-4)


def test_intervals_hold(purchases, result):
    # at least nine of ten customers lie in the interval that promises nine of ten
    assert (result.loc[["pareto_nbd", "bg_nbd", "mbg_nbd"], "coverage"] >= 0.9).all()
    wide = crm.btyd.evaluate_holdout(
        purchases, models=["pareto_nbd"], confidence=0.95, **HELD
    ).iloc[0]
    assert wide["total_lower"] < 1_882 < wide["total_upper"]
