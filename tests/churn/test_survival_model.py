"""Cox's model, against published fits, statsmodels and plain loops."""

from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.duration.hazard_regression import PHReg

from crmlytics._model import load_model
from crmlytics.churn import _cox
from crmlytics.churn._survival import survival_curve
from crmlytics.churn._survival_model import PREDICTED, SurvivalModel, fit_survival
from crmlytics.errors import (
    ColumnError,
    CrmlyticsError,
    DataError,
    FitError,
    NotEnoughDataError,
    OptionError,
)

approx = pytest.approx
DAY = pd.Timestamp("2026-03-01")
# Freireich et al. (1963), Blood 21, p. 699: weeks to relapse
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
TREATED_CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
# R package survival, ovarian: futime, fustat, age, ecog.ps
OVARIAN = """59 1 72.3315 1;115 1 74.4932 1;156 1 66.4658 2;421 0 53.3644 1;431 1 50.3397 1
448 0 56.4301 2;464 1 56.9370 2;475 1 59.8548 2;477 0 64.1753 1;563 1 55.1781 2;638 1 56.7562 2
744 0 50.1096 1;769 0 59.6301 2;770 0 57.0521 1;803 0 39.2712 1;855 0 43.1233 2;1040 0 38.8932 2
1106 0 44.6000 1;1129 0 53.9068 1;1206 0 44.2055 1;1227 0 59.5890 2;268 1 74.5041 2
329 1 43.1370 1;353 1 63.2192 2;365 1 64.4247 1;377 0 58.3096 1"""


def spells(tenures, left, **features):
    """Columns of subscriptions that all end, or are last seen, on DAY."""
    ends = [DAY if gone else None for gone in left]
    return {
        "customer_id": list(range(len(tenures))),
        "start_date": pa.array([DAY - timedelta(days=int(t)) for t in tenures], pa.timestamp("us")),
        "end_date": pa.array(ends, pa.timestamp("us")),
        **{name: pa.array(values) for name, values in features.items()},
    }


def leukaemia():
    tenures = PLACEBO + TREATED + TREATED_CENSORED
    left = [True] * 30 + [False] * 12
    return spells(tenures, left, arm=["placebo"] * 21 + ["6-MP"] * 21)


def many(n=400, seed=0):
    """Spells whose hazard is multiplied by 0.5 in plan pro and by e to the 0.03 times the age."""
    rng = np.random.default_rng(seed)
    plan, age = rng.choice(["basic", "pro"], n), rng.normal(40, 10, n)
    risk = np.where(plan == "pro", 0.5, 1) * np.exp(0.03 * (age - 40))
    life, seen = np.ceil(rng.exponential(200 / risk)), rng.integers(1, 400, n)
    tenures = np.minimum(life, seen)
    return pd.DataFrame(pa.table(spells(tenures, life <= seen, plan=plan, age=age)).to_pandas())


def test_golden_leukaemia(make_eager):
    # R: coxph(Surv(time, cens) ~ treat, data = gehan), ties = "efron": coef 1.572, exp 4.817,
    # se 0.412, lower 2.147, upper 10.81, loglik -93.18 and -85.01, concordance 0.69
    model = fit_survival(make_eager(leukaemia()), features="arm", as_of=DAY)
    row = model.summary().iloc[0]
    assert row[["feature", "level", "reference"]].tolist() == ["arm", "placebo", "6-MP"]
    assert row["coefficient"] == approx(1.5721, abs=5e-5)
    assert row["standard_error"] == approx(0.4124, abs=5e-5)
    assert row["hazard_ratio"] == approx(4.817, abs=5e-4)
    assert [row["lower"], row["upper"]] == approx([2.147, 10.81], abs=5e-3)
    assert row["p_value"] == approx(0.000138, rel=5e-3)
    assert [model.log_likelihood_null, model.log_likelihood] == approx([-93.18, -85.01], abs=5e-3)
    assert model.concordance == approx(0.69, abs=5e-4)
    assert (model.n, model.n_churned, model.longest_days) == (42, 30, 35)


def test_golden_ovarian():
    rows = [[float(x) for x in one.split()] for one in OVARIAN.replace("\n", ";").split(";")]
    tenures, left, age, ecog = zip(*rows, strict=True)
    table = pa.table(spells(tenures, left, age=age, ecog=ecog))
    model = fit_survival(table, features=["age", "ecog"], as_of=DAY)
    # R: coxph(Surv(futime, fustat) ~ age + ecog.ps, data = ovarian): 0.16150 and 0.01866
    assert model.summary()["coefficient"].tolist() == approx([0.16150, 0.01866], abs=5e-6)
    assert model.summary()["standard_error"].tolist() == approx([0.04992, 0.59908], abs=1e-5)
    # R: cox.zph of it: 0.698, 2.371, GLOBAL 3.633; p 0.40, 0.12, 0.16
    check = model.check()
    assert check["feature"].tolist()[:2] == ["age", "ecog"]
    assert check["feature"].isna().tolist() == [False, False, True]
    assert check["chi2"].tolist() == approx([0.698, 2.371, 3.633], abs=5e-4)
    assert check["degrees_of_freedom"].tolist() == [1, 1, 2]
    assert check["p_value"].tolist() == approx([0.40, 0.12, 0.16], abs=5e-3)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(12, 60), spread=st.integers(3, 300))
def test_oracle_statsmodels(seed, n, spread):
    rng = np.random.default_rng(seed)
    tenures, left = rng.integers(0, spread, n), rng.random(n) < 0.7
    x = np.column_stack([rng.normal(100, 5, n), rng.random(n) < 0.5]).astype(float)
    table = pa.table(spells(tenures, left, a=x[:, 0], b=x[:, 1] > 0))
    try:
        model = fit_survival(table, features=["a", "b"], as_of=DAY)
    except CrmlyticsError:
        assume(False)
    other = PHReg(tenures.astype(float), x - x.mean(0), left.astype(int), ties="efron")
    sign = 1 if model.levels[1][0] == "False" else -1
    ours = np.array(model.coefficients) * [1, sign]
    fitted = other.fit(disp=0, start_params=ours)
    assert other.score(ours) == approx(0, abs=1e-7)
    assert ours == approx(fitted.params, abs=1e-4)  # its optimiser stops a little early
    assert np.sqrt(np.diag(model.covariance)) == approx(fitted.bse, rel=1e-5)
    assert model.summary()["p_value"].to_numpy() == approx(fitted.pvalues, abs=1e-5)
    assert model.log_likelihood == approx(other.loglike(ours))
    if len(set(tenures)) == n:  # without ties Efron's baseline is Breslow's
        times, before, _ = other.baseline_cumulative_hazard(ours)[0]
        assert model.times.tolist() == times.tolist()
        assert np.append(0, model.hazard[:-1]) == approx(before, rel=1e-6)


def test_moments_are_the_derivatives_of_the_likelihood():
    rng = np.random.default_rng(3)
    tenure, churned = np.sort(rng.integers(1, 9, 50)), rng.random(50) < 0.6
    x, at = rng.normal(size=(50, 3)), np.array([0.3, -0.2, 0.5])
    found = _cox.moments(x, tenure, churned, at)
    other = PHReg(tenure.astype(float), x, churned.astype(int), ties="efron")
    assert found.residual.sum(axis=0) == approx(other.score(at))
    assert found.information(np.ones(len(found.times))) == approx(-other.hessian(at))
    step = 1e-6
    for j in range(3):
        moved = _cox.moments(x, tenure, churned, at + step * np.eye(3)[j])
        assert -found.drift[:, j] == approx((moved.hazard - found.hazard) / step, rel=1e-4)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 4)), min_size=2, max_size=25
    )
)
def test_oracle_concordance(rows):
    pairs, right = 0, 0.0
    for t, gone, risk in rows:
        for u, stayed, other in rows:
            if gone and (u > t or (u == t and not stayed)):
                pairs += 1
                right += (risk > other) + (risk == other) / 2
    tenure, churned, risk = (np.array(column) for column in zip(*rows, strict=True))
    found = _cox.concordance(tenure, churned, risk.astype(float))
    assert found == (approx(right / pairs) if pairs else None)


def test_oracle_predict_day_by_day():
    table = many(60)
    model = fit_survival(table, features=["plan", "age"], as_of=DAY)
    horizon = 45
    answer = model.predict(table, horizon_days=horizon, as_of=DAY).set_index("customer_id")
    steps = dict(zip(model.times.tolist(), np.diff(model.hazard, prepend=0), strict=True))
    assert len(answer) == table["end_date"].isna().sum()
    for who, row in answer.iterrows():
        features = table.loc[who]
        level = float(features["plan"] == model.levels[0][1])
        x = np.array([level, features["age"]]) - model.means
        risk = np.exp(x @ np.array(model.coefficients))
        s = (DAY - features["start_date"]).days
        alive, days = 1.0, 0.0
        for day in range(s, s + horizon):
            days += alive
            alive *= np.exp(-risk * steps.get(day + 1, 0.0))
        assert row["tenure_days"] == s
        assert row["churn_probability"] == approx(1 - alive)
        assert row["expected_days"] == approx(days)
        assert row["outside"] == (s + horizon > model.longest_days)
    sure = answer.dropna()
    assert (sure["lower"] < sure["churn_probability"]).all()
    assert (sure["churn_probability"] < sure["upper"]).all()
    assert (answer["lower"].isna() == (answer["churn_probability"] == 0)).all()


def test_a_feature_that_says_nothing_leaves_kaplan_and_meier():
    # balanced in every tenure, so that the coefficient is 0; a third of all leave on one day
    tenures = np.repeat([30, 60, 90, 120], [200, 200, 100, 100])
    left = np.repeat([True, True, True, False], [200, 200, 100, 100])
    table = pd.DataFrame(pa.table(spells(tenures, left, odd=np.arange(600) % 2)).to_pandas())
    model = fit_survival(table, features="odd", as_of=DAY)
    assert model.coefficients == approx((0,), abs=1e-9)
    curve = survival_curve(table, as_of=DAY).set_index("tenure_days")
    new = pd.DataFrame({"customer_id": [1], "start_date": [DAY], "odd": [0]})
    for horizon in (30, 60, 90):
        row = model.predict(new, horizon_days=horizon, as_of=DAY).iloc[0]
        assert 1 - row["churn_probability"] == approx(curve.loc[horizon, "survival"], abs=2e-3)
        assert 1 - row["upper"] == approx(curve.loc[horizon, "lower"], abs=0.03)
    # Breslow's, 1 - exp(-1/3) = 0.283, would be far from the third who left
    found = model.predict(new, horizon_days=30, as_of=DAY)["churn_probability"][0]
    assert found == approx(1 / 3, abs=1e-3)


def test_truth_is_found():
    hits = []
    for seed in range(40):
        summary = fit_survival(many(seed=seed), features=["plan", "age"], as_of=DAY).summary()
        reference = summary["reference"][0]
        truth = [0.5 if reference == "basic" else 2.0, np.exp(0.03)]
        hits += ((summary["lower"] <= truth) & (truth <= summary["upper"])).tolist()
    assert np.mean(hits) == approx(0.95, abs=0.07)  # 80 intervals: two standard errors are 0.05


def test_penalty_pulls_towards_nothing():
    table = many()
    plain = fit_survival(table, features="age", as_of=DAY)
    pulled = fit_survival(table, features="age", as_of=DAY, penalty=0.2)
    assert 0 < pulled.coefficients[0] < plain.coefficients[0]
    scale = table["age"].std(ddof=0)
    x = ((table["age"] - table["age"].mean()) / scale).to_numpy()[:, None]
    tenure = (DAY - table["start_date"]).dt.days.to_numpy(dtype=float)
    other = PHReg(tenure, x, table["end_date"].notna().astype(int), ties="efron")
    at = np.array(pulled.coefficients) * scale
    # at the maximum the slope of the mean log-likelihood is penalty times the coefficient
    assert other.score(at) / len(table) == approx(0.2 * at, abs=1e-6)


def test_every_kind_of_table(make_eager, plain, schema, tmp_path):
    kinds = {"int": "Int64", "float": "Float64", "bool": "Boolean"}
    columns = pa.table(many(120)[["customer_id", "start_date", "end_date", "plan", "age"]])
    columns = columns.append_column("flag", pa.array([k % 3 == 0 for k in range(120)]))
    features = ["plan", "age", "flag"]
    want = fit_survival(columns, features=features, as_of=DAY)
    model = fit_survival(make_eager(columns), features=features, as_of=DAY)
    pd.testing.assert_frame_equal(model.summary(), want.summary(), rtol=1e-9)
    answer = model.predict(make_eager(columns), horizon_days=30, as_of=DAY)
    found = schema(answer)
    assert {name: found[name] for name in PREDICTED} == {
        name: kinds[kind] for name, kind in PREDICTED.items()
    }
    pd.testing.assert_frame_equal(
        plain(answer), plain(want.predict(columns, horizon_days=30, as_of=DAY)), rtol=1e-9
    )
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, SurvivalModel)
    assert again == model
    assert again != fit_survival(columns, features="age", as_of=DAY)
    assert again != "model"
    pd.testing.assert_frame_equal(
        plain(again.predict(make_eager(columns), horizon_days=30, as_of=DAY)), plain(answer)
    )
    pd.testing.assert_frame_equal(again.check(), model.check())


def test_order_of_rows_and_ids_are_nothing():
    table = many(150)
    model = fit_survival(table, features=["plan", "age"], as_of=DAY)
    mixed = table.sample(frac=1, random_state=5)
    other = fit_survival(mixed, features=["plan", "age"], as_of=DAY)
    pd.testing.assert_frame_equal(other.summary(), model.summary(), rtol=1e-10)
    assert other.concordance == model.concordance
    one = model.predict(table, horizon_days=30, as_of=DAY)
    pd.testing.assert_frame_equal(model.predict(mixed, horizon_days=30, as_of=DAY), one)


def test_repr_and_columns():
    model = fit_survival(many(), features=["plan", "age"], as_of=DAY)
    assert repr(model).startswith("SurvivalModel(features=['plan', 'age'], n=400, n_churned=")
    assert model.summary().columns.tolist() == [
        "feature", "level", "reference", "coefficient", "standard_error", "hazard_ratio", "lower",
        "upper", "p_value",
    ]  # fmt: skip
    assert model.summary()["level"].isna().tolist() == [False, True]
    wide = model.summary(confidence=0.99)
    assert (wide["upper"] > model.summary()["upper"]).all()


def test_who_is_there():
    model = fit_survival(many(), features="age", as_of=DAY)
    days = [DAY + timedelta(days=d) for d in (0, 10, 20, 0, 50)]
    table = pd.DataFrame({
        "customer_id": ["stays", "gone", "ahead", "renewed", "later"],
        "start_date": days,
        "end_date": [pd.NaT, days[2], days[4], DAY + timedelta(days=15), pd.NaT],
        "age": [40.0, 30.0, 20.0, 50.0, 60.0],
    })  # fmt: skip
    more = pd.DataFrame({
        "customer_id": ["renewed"], "start_date": [DAY + timedelta(days=15)],
        "end_date": [pd.NaT], "age": [51.0],
    })  # fmt: skip
    asked = {"horizon_days": 7, "as_of": DAY + timedelta(days=30)}
    answer = model.predict(pd.concat([table, more]), **asked)
    assert answer["customer_id"].tolist() == ["ahead", "renewed", "stays"]
    assert answer["tenure_days"].tolist() == [10, 30, 30]
    # of two rows of a spell the first speaks
    alone = model.predict(table[table["customer_id"] == "stays"].assign(age=50.0), **asked)
    assert answer["churn_probability"][1] == alone["churn_probability"][0]
    # without ends all are there
    assert len(model.predict(table.drop(columns="end_date"), **asked)) == 4
    nobody = model.predict(table[table["customer_id"] == "gone"], **asked)
    assert list(nobody.columns) == ["customer_id", *PREDICTED]
    assert len(nobody) == len(model.predict(table.head(0), **asked)) == 0


def test_beyond_what_was_seen():
    model = fit_survival(leukaemia_table(), features="arm", as_of=DAY)
    old = pd.DataFrame({
        "customer_id": [1, 2], "start_date": [DAY - timedelta(days=d) for d in (20, 30)],
        "arm": "placebo",
    })  # fmt: skip
    answer = model.predict(old, horizon_days=10, as_of=DAY)
    assert answer["outside"].tolist() == [False, True]
    assert answer["churn_probability"][1] == 0
    assert answer["expected_days"][1] == 10
    assert answer[["lower", "upper"]].isna().all(axis=1).tolist() == [False, True]


def leukaemia_table():
    return pa.table(leukaemia()).to_pandas()


@pytest.mark.parametrize(
    ("features", "error", "sentence"),
    [
        ("same", DataError, r"'same' \(features\) is 1 in all 400 spells, and so tells nothing"),
        ("none", DataError, r"all values of 'none' \(features\) are unknown\. Drop it"),
        ("some", DataError, r"1 of 400 values of 'some' \(features\) are unknown\. Fill"),
        ("endless", DataError, r"1 of 400 values of 'endless' \(features\) are infinite"),
        ("when", ColumnError, r"'when' \(features\) holds .* Turn dates into days first"),
        ("missing", ColumnError, r"no column 'missing' \(features\) in subscriptions; it has"),
        ([], OptionError, "features names no column"),
        (3, OptionError, "features must be a column name or a list"),
        ("customer_id", OptionError, "features names 'customer_id', which is customer_col"),
        ("code", NotEnoughDataError, "spells that ended, for 399 coefficients"),
        (["age", "months"], FitError, "'months' says nothing that the features before it do not"),
        ("left", FitError, "the coefficient of 'left' = '.*' grows without end"),
    ],
)
def test_features_that_cannot_be(features, error, sentence):
    table = many()
    table = table.assign(
        same=1, none=None, when=DAY, months=12 * table["age"], left=table["end_date"].notna(),
        some=table["age"].where(table.index > 0), code=table["customer_id"].astype(str),
        endless=table["age"].where(table.index > 0, np.inf),
    )  # fmt: skip
    with pytest.raises(error, match=rf"^fit_survival: .*{sentence}"):
        fit_survival(table, features=features, as_of=DAY)


def test_penalty_helps_where_there_is_no_maximum():
    table = many()
    table = table.assign(left=table["end_date"].notna(), months=12 * table["age"])
    model = fit_survival(table, features=["left"], as_of=DAY, penalty=0.01)
    assert np.isfinite(model.coefficients).all()
    twice = fit_survival(table, features=["age", "months"], as_of=DAY, penalty=0.01)
    ratio = twice.summary()["coefficient"]
    assert ratio[0] == approx(12 * ratio[1])


def test_steps_that_lead_down_are_halved(monkeypatch):
    class Hill:
        def loglike(self, at):
            return -float(at @ at)

    there, value = _cox._climb(Hill(), np.array([1.0]), np.array([-3.0]), -1.0, 0.0)
    assert (there.tolist(), value) == ([-0.5], -0.25)
    top, value = _cox._climb(Hill(), np.array([0.0]), np.array([1e-9]), 0.0, 0.0)
    assert (top.tolist(), value) == ([1e-9], 0.0)
    monkeypatch.setattr(_cox, "_MOST_STEPS", 1)
    with pytest.raises(FitError, match=r"^fit_survival: the likelihood has no maximum in sight"):
        fit_survival(many(), features="age", as_of=DAY)


def test_first_days_that_differ():
    table = many(50)
    torn = pd.concat([table, table.head(1).assign(age=0.0)])
    with pytest.raises(
        DataError, match=r"^fit_survival: 1 of 50 spells begin with several .*'age'"
    ):
        fit_survival(torn, features="age", as_of=DAY)


def test_nobody_left():
    table = many(50).assign(end_date=pd.NaT)
    with pytest.raises(NotEnoughDataError, match=r"^fit_survival: needs at least 2 spells that"):
        fit_survival(table, features="age", as_of=DAY)
    with pytest.raises(NotEnoughDataError, match=r"^fit_survival: needs at least 2 spells; got 0"):
        fit_survival(table.head(0), features="age", as_of=DAY)
    with pytest.raises(DataError, match=r"^fit_survival: .*Polars LazyFrame"):
        fit_survival(pl.from_pandas(table).lazy(), features="age", as_of=DAY)


def test_everybody_left():
    table = many(80)
    table = table.assign(end_date=DAY)
    model = fit_survival(table, features="age", as_of=DAY)
    assert model.n_churned == model.n == 80
    assert len(model.predict(table, horizon_days=5, as_of=DAY)) == 0


def test_bad_predictions():
    table = many()
    model = fit_survival(table, features=["plan", "age"], as_of=DAY)
    for change, error, sentence in (
        ({"plan": "gold"}, DataError, r"\d+ of \d+ values of 'plan' .* not seen, such as 'gold'"),
        ({"plan": 1}, ColumnError, r"holds Int64 \(number\), but the model was fitted to texts"),
        ({"age": None}, DataError, r"\d+ of \d+ values of 'age' \(features\) are unknown"),
        ({"start_date": pd.NaT}, DataError, "have no 'start_date'"),
        ({"end_date": DAY - timedelta(days=999)}, DataError, "end before they start"),
    ):
        with pytest.raises(error, match=rf"^predict: .*{sentence}"):
            model.predict(table.assign(**change), horizon_days=5, as_of=DAY)
    sentence = r"^predict: no column 'age' \(features\) in customers; .* Make the table with"
    with pytest.raises(ColumnError, match=sentence):
        model.predict(table.drop(columns="age"), horizon_days=5, as_of=DAY)
    for options, word in (
        ({"horizon_days": 0}, "horizon_days"),
        ({"horizon_days": 5, "confidence": 2}, "confidence"),
        ({"horizon_days": 5, "as_of": "1999-01-01"}, "as_of"),
    ):
        with pytest.raises(OptionError, match=rf"^predict: .*{word}"):
            model.predict(table, **options)
    with pytest.raises(OptionError, match=r"^fit_survival: penalty must be a number of 0 or more"):
        fit_survival(table, features="age", penalty=-1)
