"""Holdout, classes, tracking: against scikit-learn, plain loops and by hand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import metrics

import crmlytics as crm
from crmlytics.btyd import _holdout
from crmlytics.errors import CrmlyticsWarning, DataError, FitError, NotEnoughDataError, OptionError

HELD = {"calibration_end": "1997-09-30", "horizon": 30, "period": "W"}


@pytest.fixture(scope="module")
def purchases():
    return crm.datasets.load_cdnow()


@pytest.fixture(scope="module")
def predictions(purchases):
    return crm.btyd.holdout_predictions(purchases, **HELD)


def test_customers_are_those_of_the_summary(purchases, predictions):
    summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    one = predictions[predictions["model"] == "mbg_nbd"].reset_index(drop=True)
    for name in ("customer_id", "frequency", "recency", "T"):
        assert one[name].to_numpy() == pytest.approx(summary[name].to_numpy())
    # 30 weeks are 210 days: frequencies on the last of these, less those before
    later = crm.btyd.purchase_summary(purchases, as_of="1998-04-28").set_index("customer_id")
    made = later.loc[one["customer_id"], "frequency"].to_numpy() - one["frequency"].to_numpy()
    assert list(one["actual"]) == list(made)
    model = crm.btyd.fit_mbg_nbd(summary).predict(summary, horizon=30, confidence=0.9)
    assert one["expected_purchases"].to_numpy() == pytest.approx(
        model["expected_purchases"].to_numpy()
    )
    assert one["p_any_purchase"].to_numpy() == pytest.approx(1 - model["p_no_purchase"].to_numpy())
    assert list(one["upper"]) == list(model["upper"])


def test_naive_goes_on_as_before(predictions):
    naive = predictions[predictions["model"] == "naive"]
    rate = naive["frequency"] / naive["T"]
    assert naive["expected_purchases"].to_numpy() == pytest.approx((30 * rate).to_numpy())
    assert naive["p_any_purchase"].to_numpy() == pytest.approx(-np.expm1(-30 * rate).to_numpy())
    assert (naive.loc[naive["frequency"] == 0, "upper"] == 0).all()


def test_measures_are_those_of_scikit_learn(purchases, predictions):
    result = crm.btyd.evaluate_holdout(purchases, **HELD).set_index("model")
    for name, part in predictions.groupby("model"):
        some, chance = part["actual"] > 0, part["p_any_purchase"].clip(1e-15, 1 - 1e-15)
        row = result.loc[name]
        assert row["auc_any_purchase"] == pytest.approx(metrics.roc_auc_score(some, chance))
        assert row["brier"] == pytest.approx(metrics.brier_score_loss(some, part["p_any_purchase"]))
        assert row["log_loss"] == pytest.approx(metrics.log_loss(some, chance))
        mae = metrics.mean_absolute_error(part["actual"], part["expected_purchases"])
        assert row["mae"] == pytest.approx(mae)
        inside = part["actual"].between(part["lower"], part["upper"])
        assert row["coverage"] == pytest.approx(inside.mean())
        assert row["coverage_lower"] < row["coverage"] < row["coverage_upper"]


def test_gini_by_hand():
    # ranks of the score 1, 2.5, 2.5, 4; values 0, 1, 3, 4, mean 2
    score, value = np.array([0.1, 0.5, 0.5, 0.9]), np.array([0, 1, 3, 4])
    got = _holdout._gini(score, value)
    # (-2 * 1 - 1 * 2.5 + 1 * 2.5 + 2 * 4) / (-2 * 1 - 1 * 2 + 1 * 3 + 2 * 4) = 6 / 7
    assert got == pytest.approx(6 / 7)
    assert _holdout._gini(value, value) == pytest.approx(1)
    assert _holdout._gini(-value, value) == pytest.approx(-1)
    assert np.isnan(_holdout._gini(score, np.zeros(4)))
    assert _holdout._gini(np.ones(4), value) == pytest.approx(0)


def test_classes_never_part_equal_predictions(predictions):
    for group in ("decile", "probability"):
        table = crm.btyd.holdout_groups(predictions, group=group)
        for _, part in table.groupby("model"):
            assert (part["low"].to_numpy()[1:] > part["high"].to_numpy()[:-1]).all()
            assert part["customers"].sum() == 2_357
    by_frequency = crm.btyd.holdout_groups(predictions, group="frequency", most=3)
    one = by_frequency[by_frequency["model"] == "naive"]
    assert list(one["group"]) == [0, 1, 2, 3]
    part = predictions[(predictions["model"] == "naive") & (predictions["frequency"] >= 3)]
    last = one.iloc[-1]
    assert last["actual"] == pytest.approx(part["actual"].mean())
    # normal interval of a mean, with n - 1
    half = 1.959964 * part["actual"].std() / np.sqrt(len(part))
    assert last["upper"] - last["actual"] == pytest.approx(half, rel=1e-6)


def test_shares_have_wilson_intervals(predictions):
    table = crm.btyd.holdout_groups(predictions, group="probability")
    assert ((table["lower"] <= table["actual"]) & (table["actual"] <= table["upper"])).all()
    assert table["upper"].max() <= 1
    assert (table["measure"] == "any purchase").all()


def test_tracking_adds_up(purchases):
    summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    model = crm.btyd.fit_bg_nbd(summary)
    table = crm.btyd.tracking_table(purchases, model=model, calibration_end="1997-09-30")
    # Fader, Hardie and Lee 2005: 2,457 repeat purchases in 39 weeks, 1,882 in the next 39
    seen = table[table["in_calibration"]].iloc[-1]
    assert seen["step"] == 39
    assert seen["actual_cumulative"] == 2_457
    assert table["actual_cumulative"].iloc[-1] == 2_457 + 1_882
    assert table["actual"].sum() == 4_339
    # by a plain loop over customers: each is new on the day of the first purchase
    ages = summary["T"].unique()
    new = {age: model.new_customer(age)["expected_purchases"].item() for age in ages if age > 0}
    want = summary["T"].map(new).sum()
    assert seen["expected_cumulative"] == pytest.approx(want, rel=1e-9)


def test_kinds_of_tables(purchases, predictions):
    table = crm.btyd.holdout_predictions(pl.from_pandas(purchases), **HELD)
    assert isinstance(table, pl.DataFrame)
    pd.testing.assert_frame_equal(table.to_pandas(), predictions, check_dtype=False, rtol=1e-9)


def test_grids_hold_what_can_be():
    giving = crm.btyd.BgBbModel(
        alpha=1.2, beta=0.7, gamma=0.6, delta=2.7, log_likelihood=None, n_customers=0,
        converged=False, gradient_norm=None, iterations=0, log_covariance=None,
    )  # fmt: skip
    grid = crm.btyd.frequency_recency_grid(giving, T=6, horizon=5)
    assert (grid["frequency"] <= grid["recency"]).all()
    # 22 patterns of six opportunities: Fader, Hardie and Shang 2010
    assert len(grid) == 22


def test_a_model_that_does_not_fit_is_left_out_and_said(purchases, monkeypatch):
    from crmlytics.btyd import _forecast

    def fails(_):
        raise FitError("fit_bg_nbd: the likelihood has no maximum.")

    monkeypatch.setitem(_forecast._FITS, "bg_nbd", fails)
    with pytest.warns(CrmlyticsWarning, match=r"^evaluate_holdout: bg_nbd does not fit"):
        result = crm.btyd.evaluate_holdout(purchases, models=["bg_nbd", "naive"], **HELD)
    assert result["expected"].isna().tolist() == [True, False]
    with pytest.raises(FitError, match=r"^evaluate_holdout: "):
        crm.btyd.evaluate_holdout(purchases, models=["bg_nbd"], **HELD)


@pytest.mark.parametrize("function", ["evaluate_holdout", "holdout_predictions"])
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"horizon": 40}, DataError, "Choose horizon=39 or less"),
        ({"horizon": 0}, OptionError, "a day or longer"),
        ({"calibration_end": "1990-01-01"}, DataError, "nobody bought"),
        ({"calibration_end": "soon"}, OptionError, "must be a day"),
        ({"models": []}, OptionError, "models is empty"),
        ({"models": ["pareto"]}, OptionError, "Did you mean models='pareto_nbd'"),
        ({"period": "H"}, OptionError, "period"),
        ({"amount_col": "money"}, Exception, "no column 'money'"),
    ],
)
def test_wrong_options_are_one_sentence(purchases, function, options, error, words):
    with pytest.raises(error, match=rf"^{function}: ") as raised:
        getattr(crm.btyd, function)(purchases, **HELD | options)
    assert words in str(raised.value)


def test_other_refusals(purchases):
    summary = crm.btyd.purchase_summary(purchases).assign(group=lambda t: t["customer_id"] % 2)
    moved = crm.btyd.fit_pareto_nbd(summary, purchase_covariates=["group"])
    with pytest.raises(OptionError, match=r"^tracking_table: model must be"):
        crm.btyd.tracking_table(purchases, model=moved)
    with pytest.raises(OptionError, match=r"^frequency_recency_grid: model must be"):
        crm.btyd.frequency_recency_grid(moved, T=30, horizon=30)
    with pytest.raises(DataError, match=r"^tracking_table: 0 steps"):
        crm.btyd.tracking_table(
            purchases[purchases["date"] < "1997-01-05"], model=crm.btyd.fit_bg_nbd(summary)
        )
    with pytest.raises(NotEnoughDataError, match=r"^holdout_predictions: "):
        crm.btyd.holdout_predictions(
            purchases, calibration_end="1997-01-01", horizon=3, models=["bg_nbd"]
        )
