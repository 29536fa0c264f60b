"""Churn of CDNOW, of a made-up shop whose truth is known, and of a telephone company."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

import crmlytics as crm

CANDIDATES = ["logistic", "boosting", "btyd", "recency"]


@pytest.fixture(scope="module")
def purchases():
    return crm.datasets.load_cdnow("master")


def backtest(purchases, horizon_days, candidates=CANDIDATES):
    found = crm.churn.backtest_churn(
        purchases, horizon_days=horizon_days, n_cutoffs=1, candidates=candidates
    )
    return found.set_index("model")


def test_cdnow_39_weeks_and_39_more(purchases):
    found = backtest(purchases, 273, ["logistic", "btyd", "recency"])
    assert set(found["cutoff"]) == {pd.Timestamp("1997-09-30")}
    # CDNOW_master.txt: 23,570 customers, of whom .7006 bought nothing from 1997-10-01 on
    assert (found["n"] == 23_570).all()
    assert found["base_rate"].tolist() == pytest.approx([0.7006] * 3, abs=1e-4)
    # lifetimes 0.11.3, ParetoNBDFitter: AUC .7625 and Brier .1663 of the probability of no purchase
    assert found.loc["btyd", "auc"] >= 0.759
    assert found.loc["btyd", "brier"] <= 0.169
    assert found.loc["btyd", "auc"] == pytest.approx(0.7625, abs=2e-3)
    assert found.loc["btyd", "brier"] == pytest.approx(0.1663, abs=2e-3)
    # no outcome of 273 days was over by then: others rank, and cannot be chosen
    assert found["chosen"].tolist() == [name == "btyd" for name in found.index]
    assert found["brier"].isna().sum() == 2
    # scikit-learn's roc_auc_score of the days of silence: .7594
    assert found.loc["recency", "auc"] == pytest.approx(0.7594, abs=2e-4)
    assert found.loc["logistic", "auc"] >= 0.765


def test_cdnow_65_weeks_and_13_more(purchases):
    found = backtest(purchases, 91, CANDIDATES[:3])
    assert set(found["cutoff"]) == {pd.Timestamp("1998-03-31")}
    assert found["base_rate"].tolist() == pytest.approx([0.8593] * 3, abs=1e-4)
    # lifetimes 0.11.3, ParetoNBDFitter: AUC .8367, Brier .0902
    assert found.loc["btyd", "auc"] == pytest.approx(0.8367, abs=1e-3)
    assert found.loc["btyd", "brier"] == pytest.approx(0.0902, abs=1e-3)
    chosen = found[found["chosen"]].iloc[0]
    # a logistic regression of scikit-learn on the same windows: AUC .8391, Brier .0891
    assert chosen["auc"] >= 0.837
    assert chosen["brier"] <= 0.092
    assert found["log_loss"].idxmin() == chosen.name


def process(n=6_000, days=365, seed=0):
    """Return purchases of a process that is known: each at a pace of their own until they leave."""
    rng = np.random.default_rng(seed)
    first, pace = rng.integers(0, days // 2, n), rng.gamma(1.5, 1 / 25, n)
    life = rng.exponential(1 / rng.gamma(2, 1 / 200, n))
    parts = []
    for who in range(n):
        times = first[who] + np.cumsum(rng.exponential(1 / pace[who], 200))
        kept = times[times < min(first[who] + life[who], days)]
        parts.append(pd.DataFrame({"customer_id": who, "day": np.append(first[who], kept)}))
    table = pd.concat(parts, ignore_index=True)
    table["date"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(table["day"] // 1, unit="D")
    return table.drop(columns="day")


def test_probabilities_of_customers_held_out_are_true():
    table = process()
    cutoffs = ["2025-08-02", "2025-10-01"]
    labels = crm.churn.churn_labels(table, cutoffs=cutoffs, horizon_days=60)
    rows = crm.churn.churn_features(table, cutoffs=cutoffs).merge(labels)
    learnt = rows["customer_id"] % 2 == 0
    for estimator in ("auto", "boosting"):
        model = crm.churn.fit_churn(rows[learnt], estimator=estimator, exclude="lines")
        found = crm.churn.evaluate_churn(model.predict(rows[~learnt]).merge(labels)).iloc[0]
        assert 0.9 <= found["calibration_slope"] <= 1.1
        assert found["mean_probability"] == pytest.approx(found["base_rate"], abs=0.02)


@pytest.mark.parametrize("estimator", ["logistic", "boosting"])
def test_two_of_ten_features_matter(estimator):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(3_000, 10)), columns=[f"x{k}" for k in range(10)])
    logit = 1.2 * table["x3"] - 0.8 * table["x7"]
    table["churned"] = (rng.random(3_000) < 1 / (1 + np.exp(-logit))).astype(int)
    table["customer_id"] = range(3_000)
    model = crm.churn.fit_churn(table, estimator=estimator)
    found = model.drivers(table)
    assert found["feature"].tolist()[:2] == ["x3", "x7"]
    assert found["share"][:2].sum() > 0.7
    assert found["direction"][0] > 0.9
    assert found["direction"][1] < -0.9


def test_telephone_company(check_data):
    # wa_churn of the R package modeldata: 7,043 customers, of whom 1,869 left
    table = pd.read_csv(check_data / "churn" / "wa_churn.csv")
    table["churn"] = (table["churn"] == "Yes").astype(int)
    assert (len(table), table["churn"].sum()) == (7_043, 1_869)
    best = {}
    for estimator in ("logistic", "boosting"):
        auc, brier = [], []
        folds = StratifiedKFold(5, shuffle=True, random_state=42)
        for past, new in folds.split(table, table["churn"]):
            model = crm.churn.fit_churn(
                table.iloc[past], estimator=estimator, label_col="churn", customer_col="rownames"
            )
            found = model.predict(table.iloc[new], drivers=False).merge(table)
            auc.append(roc_auc_score(found["churn"], found["churn_probability"]))
            brier.append(brier_score_loss(found["churn"], found["churn_probability"]))
        best[estimator] = np.mean(auc), np.mean(brier)
    # scikit-learn on the same folds (pipelines of imputer, scaler and one-hot columns): logistic
    # .8449 and .1357, small boosted trees .8482 and .1342
    assert best["logistic"] == pytest.approx((0.8449, 0.1357), abs=3e-3)
    assert best["boosting"] == pytest.approx((0.8482, 0.1342), abs=3e-3)
    assert max(auc for auc, _ in best.values()) >= 0.845
    assert min(brier for _, brier in best.values()) <= 0.137
