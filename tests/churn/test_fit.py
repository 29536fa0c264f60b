"""Models of churn against scikit-learn, statsmodels and the models of purchasing."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import crmlytics as crm
from crmlytics.churn import _drivers, _estimators, evaluate_churn, fit_churn
from crmlytics.errors import CrmlyticsWarning

approx = pytest.approx


def shop(n=600, seed=0, rows=1):
    """Customers who leave the more, the longer silent, the younger and the less they spend."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n), rows)
    silent, age = rng.integers(0, 60, n * rows), rng.normal(40, 10, n * rows).round(1)
    spent = rng.lognormal(3, 1, n * rows).round(2)
    plan = rng.choice(["basic", "plus", "pro"], n * rows, p=[0.5, 0.3, 0.2])
    logit = 0.08 * (silent - 30) - 0.05 * (age - 40) - 0.5 * (np.log(spent) - 3) + (plan == "pro")
    table = pd.DataFrame(
        {
            "customer_id": who, "silent": silent, "age": age, "spent": spent, "plan": plan,
            "member": rng.random(n * rows) < 0.4,
            "churned": (rng.random(n * rows) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )  # fmt: skip
    table.loc[rng.random(n * rows) < 0.1, "age"] = np.nan
    return table


def plain_design(table):
    """Return the columns of the logistic regression in plain pandas."""
    columns = pd.DataFrame(
        {
            "silent": table["silent"].astype(float),
            "age": table["age"].fillna(table["age"].median()),
            "age unknown": table["age"].isna().astype(float),
            "spent": np.log1p(table["spent"]),  # the only one with a long tail
            "plan=plus": (table["plan"] == "plus").astype(float),
            "plan=pro": (table["plan"] == "pro").astype(float),
            "member": table["member"].astype(float),
        }
    )
    return (columns - columns.mean()) / columns.std(ddof=0)


def probabilities(model, table, **options):
    found = model.predict(table, drivers=False, **options)
    return found["churn_probability"].to_numpy()


def test_logistic_equals_scikit_learn():
    table = shop()
    model = fit_churn(table, estimator="logistic")
    X = plain_design(table)
    assert model.design.columns == list(X)
    fitted = LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, table["churned"])
    assert model.summary()["coefficient"].tolist() == approx(fitted.coef_[0].tolist(), abs=1e-3)
    want = fitted.predict_proba(X)[:, 1]
    np.testing.assert_allclose(probabilities(model, table), want, atol=1e-3)
    assert (model.n, model.n_customers) == (600, 600)
    assert model.base_rate == table["churned"].mean()


@pytest.mark.parametrize("rows", [1, 3])
def test_inference_equals_statsmodels(rows):
    table = shop(n=300, rows=rows)
    X = plain_design(table)
    options = {"cov_type": "HC1"}
    if rows > 1:
        options = {"cov_type": "cluster", "cov_kwds": {"groups": table["customer_id"]}}
    family = sm.families.Binomial()
    fitted = sm.GLM(table["churned"], sm.add_constant(X), family=family).fit(**options)
    model = fit_churn(table, estimator="logistic")
    found = model.summary(confidence=0.9).set_index("column")
    interval = np.exp(fitted.conf_int(0.1))
    for name in X:
        assert found.loc[name, "odds_ratio"] == approx(np.exp(fitted.params[name]), rel=1e-6)
        assert found.loc[name, "lower"] == approx(interval.loc[name, 0], rel=1e-6)
        assert found.loc[name, "upper"] == approx(interval.loc[name, 1], rel=1e-6)
        assert found.loc[name, "p_value"] == approx(fitted.pvalues[name], rel=1e-5, abs=1e-12)
    assert model.n_customers == 300


def test_columns_that_others_add_up_to_have_no_inference():
    table = shop()[["customer_id", "silent", "age", "churned"]].dropna()
    table["both"] = table["silent"] + table["age"]
    found = fit_churn(table, estimator="logistic").summary()
    assert found["coefficient"].notna().all()
    assert found["odds_ratio"].isna().sum() == 1
    alone = fit_churn(table.drop(columns="both"), estimator="logistic")
    assert alone.summary()["odds_ratio"].notna().all()


def test_separated_labels_have_no_inference():
    # every customer of one plan leaves, one of the other stays for each
    table = shop()
    table["churned"] = ((table["plan"] == "pro") | (table["silent"] > 40)).astype(int)
    found = fit_churn(table, estimator="logistic", exclude=["silent"]).summary()
    assert found["coefficient"].notna().all()
    assert found[["odds_ratio", "lower", "upper", "p_value"]].isna().all(axis=None)


def test_effects_of_the_logistic_add_up_to_the_logit():
    table = shop()[["customer_id", "silent", "age", "plan", "churned"]]
    model = fit_churn(table, estimator="logistic")
    found = model.predict(table)
    effects = found[["effect_1", "effect_2", "effect_3"]]
    logit = np.log(found["churn_probability"] / (1 - found["churn_probability"]))
    np.testing.assert_allclose(model.intercept + effects.sum(axis=1), logit)
    assert (effects.abs().diff(axis=1).iloc[:, 1:] <= 1e-12).all(axis=None)
    X, weights = plain_design(shop()), model.summary().set_index("column")["coefficient"]
    silent = found["driver_1"] == "silent"
    assert silent.sum() > 200
    want = (X["silent"] * weights["silent"])[silent.to_numpy()]
    np.testing.assert_allclose(effects["effect_1"][silent], want)


def test_drivers_of_all_rows():
    table = shop()
    model = fit_churn(table, estimator="logistic")
    found = model.drivers(table).set_index("feature")
    assert found.index[0] == "silent"
    assert found["importance"].is_monotonic_decreasing
    assert found["share"].sum() == approx(1)
    weights = model.summary().set_index("column")["coefficient"]
    X = plain_design(table)
    for name in ("silent", "spent", "member"):
        size = (X[name] * weights[name]).abs().mean()
        assert found.loc[name, "importance"] == approx(size)
    plan = sum(X[f"plan={each}"] * weights[f"plan={each}"] for each in ("plus", "pro"))
    assert found.loc["plan", "importance"] == approx(plan.abs().mean())
    assert found.loc["silent", "direction"] == approx(1)
    assert found.loc["spent", "direction"] < -0.5
    assert np.isnan(found.loc["plan", "direction"])


def test_boosting_equals_scikit_learn_before_calibration():
    table = shop()
    model = fit_churn(table, estimator="boosting", calibrate=False)
    assert (model.calibration_slope, model.calibration_intercept) == (1, 0)
    raw = np.column_stack(
        [
            table["silent"], table["age"], table["spent"], table["plan"] == "plus",
            table["plan"] == "pro", table["member"],
        ]
    ).astype(float)  # fmt: skip
    fitted = HistGradientBoostingClassifier(**_estimators.BOOSTING).fit(raw, table["churned"])
    want = fitted.predict_proba(raw)[:, 1]
    np.testing.assert_allclose(probabilities(model, table), want, atol=1e-6)


def test_boosting_is_calibrated_on_customers_held_out():
    table, new = shop(2_000, rows=2), shop(4_000, seed=1)
    model = fit_churn(table, estimator="boosting")
    p = probabilities(model, new)
    plainly = probabilities(fit_churn(table, estimator="boosting", calibrate=False), new)
    logit = np.log(plainly / (1 - plainly))
    slope, intercept = model.calibration_slope, model.calibration_intercept
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-(slope * logit + intercept))))
    assert slope < 1  # trees are too sure of themselves
    # tables of different data: the slope of 1 lies within the interval
    found = evaluate_churn(new.assign(churn_probability=p)).iloc[0]
    assert found["calibration_slope_lower"] < 1 < found["calibration_slope_upper"]


class Spy(LogisticRegression):
    """Remember which customers a model learnt from, and which it was asked for."""

    learnt: list = []  # noqa: RUF012 - clones share it
    asked: list = []  # noqa: RUF012

    def fit(self, X, y):
        Spy.learnt.append(set(X[:, 0]))
        return super().fit(X, y)

    def predict_proba(self, X):
        Spy.asked.append((set(X[:, 0]), set(Spy.learnt[-1])))
        return super().predict_proba(X)


def test_rows_of_a_customer_are_never_on_both_sides():
    table = shop(45, rows=6)
    table.insert(1, "mark", table["customer_id"] * 1.0)
    Spy.learnt.clear()
    Spy.asked.clear()
    fit_churn(table, estimator=Spy(max_iter=5_000))
    held_out = Spy.asked[:5]
    assert len(Spy.learnt) == 6  # five times without some, then with all
    for asked, learnt in held_out:
        assert not asked & learnt
        assert len(asked | learnt) == 45
    assert set().union(*(asked for asked, _ in held_out)) == set(range(45))


@given(
    rows=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.booleans()), min_size=1),
    data=st.data(),
)
@settings(deadline=None)
def test_folds_depend_on_what_rows_hold_alone(rows, data):
    def folded(rows):
        owner = np.array([row[0] for row in rows])
        contents = [np.array([float(row[1]) for row in rows]), np.array([row[2] for row in rows])]
        order, number = _estimators.in_order(contents, owner)
        fold = _estimators.folds(number)
        assert sorted(order) == list(range(len(rows)))
        pairs = {(owner[row], each) for row, each in zip(order, fold, strict=True)}
        assert len(pairs) == len(set(owner))  # a fold a customer
        counts = np.bincount([each for _, each in pairs], minlength=5)
        assert counts.max() - counts.min() <= 1
        return [(*rows[row][1:], int(each)) for row, each in zip(order, fold, strict=True)]

    names = data.draw(st.permutations(range(31)))
    other = [(names[row[0]], *row[1:]) for row in data.draw(st.permutations(rows))]
    assert folded(rows) == folded(other)


@pytest.mark.parametrize("seed", range(5))
def test_calibration_equals_statsmodels(seed):
    rng = np.random.default_rng(seed)
    true = rng.normal(-1, 1.5, 500)
    y = (rng.random(500) < 1 / (1 + np.exp(-true))).astype(int)
    p = 1 / (1 + np.exp(-(true * rng.uniform(0.3, 4) + rng.normal())))
    # Platt's targets (1999, p. 6)
    aim = np.where(y == 1, (y.sum() + 1) / (y.sum() + 2), 1 / ((1 - y).sum() + 2))
    x = sm.add_constant(np.log(p / (1 - p)))
    fitted = sm.GLM(aim, x, family=sm.families.Binomial()).fit()
    slope, intercept = _estimators.calibration(p, y)
    assert (intercept, slope) == approx(tuple(fitted.params), abs=1e-6)


def test_calibration_where_probabilities_are_absurd():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    sure = np.where(rng.random(300) < 0.7, y, 1 - y).astype(float)  # 0 and 1, and often wrong
    slope, intercept = _estimators.calibration(sure, y)
    after = _estimators.expit(slope * _estimators.logit(sure) + intercept)
    assert after[sure == 1].mean() == approx(y[sure == 1].mean(), abs=0.01)
    assert _estimators.calibration(1 - y.astype(float), y) == (1, 0)  # the wrong way round
    parted = _estimators.calibration(np.where(y == 1, 0.9, 0.1), y)
    assert np.isfinite(parted).all()
    assert parted[0] > 1
    assert _estimators.calibration(sure[y == 1], y[y == 1]) == (1, 0)
    assert _estimators.calibration(np.full(300, 0.3), y)[0] > 0


def test_btyd_equals_the_model_of_purchasing():
    cdnow = crm.datasets.load_cdnow()
    features = crm.churn.churn_features(cdnow, cutoffs="1997-09-30")
    model = fit_churn(features, estimator="btyd", horizon_days=273)
    found = model.predict(features)
    pareto = crm.btyd.fit_pareto_nbd(features[["frequency", "recency", "T"]])
    want = pareto.predict(features, horizon=273)["p_no_purchase"].to_numpy()
    np.testing.assert_allclose(found["churn_probability"], want, rtol=1e-6)
    assert model.horizon_days == 273
    assert model.base_rate == approx(want.mean(), rel=1e-6)
    assert set(found["driver_1"]) == {"frequency", "recency", "T"}
    # a merged table says the horizon itself
    labels = crm.churn.churn_labels(cdnow, cutoffs="1997-09-30", horizon_days=273)
    same = fit_churn(features.merge(labels), estimator="btyd")
    np.testing.assert_allclose(probabilities(same, features), want, rtol=1e-6)


def test_auto_takes_the_lower_log_loss():
    table = shop(1_000)
    model = fit_churn(table)
    tried = model.summary() if model.estimator != "logistic" else None
    losses = dict(zip(model.tried_estimator, model.tried_log_loss, strict=True))
    assert set(losses) == {"logistic", "boosting"}
    assert model.estimator == min(losses, key=losses.get) == "logistic"  # as it was made
    assert tried is None
    # leaving that depends on two features together, as no logistic regression can tell
    rng = np.random.default_rng(0)
    table["churned"] = (
        rng.random(1_000) < np.where((table["silent"] > 30) == table["member"], 0.9, 0.1)
    ).astype(int)
    model = fit_churn(table)
    assert model.estimator == "boosting"
    assert model.summary()["estimator"].tolist() == ["logistic", "boosting"]
    assert model.summary()["log_loss"].tolist() == list(model.tried_log_loss)


def test_auto_holds_out_the_latest_cutoff():
    table = shop(900)
    table["cutoff"] = pd.to_datetime(["2026-01-31", "2026-03-31", "2026-04-30"] * 300)
    table["horizon_days"] = 59
    model = fit_churn(table)
    # learnt on January, whose outcome was over by 31 March; by 30 April that of March was not
    past, last = table[table["cutoff"] == "2026-01-31"], table[table["cutoff"] == "2026-04-30"]
    alone = fit_churn(past, estimator="boosting", calibrate=False)
    want = log_loss(last["churned"], probabilities(alone, last))
    losses = dict(zip(model.tried_estimator, model.tried_log_loss, strict=True))
    assert losses["boosting"] == approx(want, rel=1e-6)
    assert model.horizon_days == 59


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(n_estimators=40, min_samples_leaf=5, random_state=0),
        GaussianNB(),
        LogisticRegression(max_iter=5_000),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=["forest", "bayes", "logistic", "pipeline"],
)
def test_any_classifier(classifier):
    table, new = shop(1_000), shop(2_000, seed=1)
    model = fit_churn(table, estimator=classifier)
    assert model.estimator == type(classifier).__name__
    found = model.predict(new)
    best = probabilities(fit_churn(table, estimator="logistic"), new)
    assert roc_auc_score(new["churned"], found["churn_probability"]) > (
        roc_auc_score(new["churned"], best) - 0.03
    )
    assert log_loss(new["churned"], found["churn_probability"]) < log_loss(new["churned"], best) + (
        0.06
    )
    assert (found["driver_1"] == "silent").mean() > 0.3
    assert not hasattr(classifier, "classes_")  # a copy was fitted


def test_weights_of_classes_are_warned_of():
    table = shop()
    with pytest.warns(CrmlyticsWarning, match="class_weight='balanced', which makes its") as caught:
        fit_churn(table, estimator=LogisticRegression(class_weight="balanced", max_iter=5_000))
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_effects_of_trees_are_by_substitution():
    table = shop(400)[["customer_id", "silent", "age", "plan", "churned"]]
    model = fit_churn(table, estimator="boosting")
    asked = table.head(5)
    found = model.predict(asked)
    p = found["churn_probability"].to_numpy()
    references = pd.DataFrame(model.references, columns=["silent", "age", "plus", "pro"])
    plan = np.where(references["pro"] == 1, "pro", np.where(references["plus"] == 1, "plus", "x"))
    assert len(references) == 5
    for row in range(5):
        for name, values in (("silent", references["silent"]), ("plan", plan)):
            changed = pd.concat([asked.iloc[[row]]] * 5).assign(**{name: np.asarray(values)})
            other = probabilities(model, changed)
            logits = np.log(p[row] / (1 - p[row])) - np.log(other / (1 - other))
            at = next(k for k in (1, 2, 3) if found.loc[row, f"driver_{k}"] == name)
            assert found.loc[row, f"effect_{at}"] == approx(logits.mean(), abs=1e-9)


@pytest.mark.parametrize(
    ("p", "deciles"),
    [
        ([], []),
        ([0.5], [6]),  # the middle of all
        ([0.5] * 7, [6] * 7),
        (list(np.linspace(1, 0.1, 10)), list(range(1, 11))),
        ([0.9, 0.1, 0.1, 0.1], [2, 7, 7, 7]),  # places .125 and .625 of 1
        (list(np.linspace(1, 0, 100)), list(np.repeat(range(1, 11), 10))),
    ],
)
def test_deciles(p, deciles):
    assert _drivers.deciles(np.array(p)).tolist() == deciles
    turned = _drivers.deciles(np.array(p)[::-1])
    assert turned.tolist() == deciles[::-1]
