"""Models of churn and their tables: what is read, refused, left out, kept and loaded."""

import dataclasses
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from crmlytics import load_model
from crmlytics.churn import ChurnModel, _estimators, churn_features, fit_churn
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    NotEnoughDataError,
    OptionError,
)

N = 300


def shop(n=N, seed=0):
    rng = np.random.default_rng(seed)
    silent, plan = rng.integers(0, 60, n), rng.choice(["basic", "pro"], n)
    logit = 0.1 * (silent - 30) + (plan == "pro")
    table = pd.DataFrame(
        {
            "customer_id": np.arange(n), "silent": silent, "plan": plan,
            "age": rng.normal(40, 10, n).round(1), "member": rng.random(n) < 0.4,
            "churned": (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )  # fmt: skip
    table.loc[::7, "age"] = np.nan
    table.loc[::11, "plan"] = None
    return table


def columns(table):
    """Return columns that every kind of table can be made from."""
    return {
        "customer_id": pa.array(table["customer_id"], pa.int64()),
        "silent": pa.array(table["silent"], pa.int64()),
        "plan": pa.array(table["plan"], pa.string(), from_pandas=True),
        "age": pa.array(table["age"], pa.float64(), from_pandas=True),
        "member": pa.array(table["member"], pa.bool_()),
        "churned": pa.array(table["churned"], pa.int64()),
    }


ESTIMATORS = ["logistic", "boosting", GaussianNB()]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_kinds_agree(make_eager, plain, schema, estimator):
    made = columns(shop())
    table = make_eager(made)
    model = fit_churn(table, estimator=estimator)
    found = model.predict(table)
    assert type(found) is type(table)
    kinds = {name: kind.split("(")[0] for name, kind in schema(found).items()}
    assert kinds == {
        "customer_id": "Int64", "churn_probability": "Float64", "decile": "Int64",
        "driver_1": "String", "effect_1": "Float64", "driver_2": "String", "effect_2": "Float64",
        "driver_3": "String", "effect_3": "Float64",
    }  # fmt: skip
    pandas = pa.table(made).to_pandas()
    want = fit_churn(pandas, estimator=estimator)
    got = plain(found)
    pd.testing.assert_frame_equal(got, plain(want.predict(pandas)), rtol=1e-9)
    drivers = plain(model.drivers(table))
    pd.testing.assert_frame_equal(drivers, plain(want.drivers(pandas)), rtol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
@settings(deadline=None, max_examples=4)
@given(seed=st.integers(0, 10_000))
def test_neither_order_of_rows_nor_ids_change_a_digit(estimator, seed):
    table, new = shop(), shop(50, seed=1)
    rng = np.random.default_rng(seed)
    other = table.assign(customer_id=rng.permutation(N)).sample(frac=1, random_state=seed)
    one = fit_churn(table, estimator=estimator).predict(new)
    two = fit_churn(other, estimator=estimator).predict(new.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    texts = table.assign(customer_id=[f"c{n}" for n in rng.permutation(N)])
    three = fit_churn(texts, estimator=estimator).predict(new)
    pd.testing.assert_frame_equal(one, three, check_exact=True)


def test_order_changes_nothing_in_btyd():
    rng = np.random.default_rng(0)
    x = rng.poisson(2, N)
    table = pd.DataFrame({"customer_id": range(N), "frequency": x, "T": 200})
    table["recency"] = np.where(x > 0, rng.integers(1, 200, N), 0)
    one = fit_churn(table, estimator="btyd", horizon_days=50).predict(table)
    other = table.sample(frac=1, random_state=1)
    two = fit_churn(other, estimator="btyd", horizon_days=50).predict(other)
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    with pytest.raises(OptionError, match="horizon_days is needed for estimator='btyd'"):
        fit_churn(table, estimator="btyd")
    with pytest.raises(ColumnError, match="no column 'recency'"):
        fit_churn(table.drop(columns="recency"), estimator="btyd", horizon_days=50)


@pytest.mark.parametrize("estimator", ["logistic", "boosting"])
def test_missing_and_unseen_values_at_predict(make_eager, plain, estimator):
    model = fit_churn(make_eager(columns(shop())), estimator=estimator)

    def asked(**values):
        first = {"customer_id": 1, "silent": 30, "plan": "basic", "age": 40.0, "member": True}
        made = first | values
        kinds = {"plan": pa.string(), "age": pa.float64(), "member": pa.bool_()}
        table = {
            name: pa.array([value], kinds.get(name, pa.int64())) for name, value in made.items()
        }
        return plain(model.predict(make_eager(table)))["churn_probability"].item()

    assert asked(plan="pro") > asked(plan="basic")
    # a plan never seen is none of those that have a column; so is an unknown one
    assert asked(plan="gold") == asked(plan=None)
    assert 0 < asked(age=None) < 1
    assert 0 < asked(member=None) < 1
    assert 0 < asked(silent=None) < 1


def test_columns_that_are_all_unknown_at_predict(make_eager, plain):
    table = shop()
    model = fit_churn(table, estimator="logistic")
    row = make_eager(
        {"customer_id": [1], "silent": [30], "plan": pa.array([None], pa.string()),
         "age": pa.array([None], pa.float64()), "member": pa.array([None], pa.bool_())}
    )  # fmt: skip
    wanted = plain(model.predict(row))
    for plan in (np.nan, None):
        other = pd.DataFrame(
            {"customer_id": [1], "silent": [30], "plan": [plan], "age": [None], "member": [None]}
        )
        pd.testing.assert_frame_equal(plain(model.predict(other)), wanted)


@pytest.mark.parametrize("estimator", ["logistic", "boosting"])
def test_empty_table_at_predict(estimator):
    model = fit_churn(shop(), estimator=estimator)
    found = model.predict(shop().iloc[:0])
    assert len(found) == 0
    assert list(found)[:3] == ["customer_id", "churn_probability", "decile"]
    drivers = model.drivers(shop().iloc[:0])
    assert drivers["importance"].tolist() == [0.0] * 4
    assert drivers["share"].isna().all()


def test_fewer_than_three_features():
    table = shop()[["customer_id", "silent", "churned"]]
    found = fit_churn(table, estimator="logistic").predict(table)
    assert (found["driver_1"] == "silent").all()
    assert found[["driver_2", "effect_2", "driver_3", "effect_3"]].isna().all(axis=None)
    without = fit_churn(table, estimator="logistic").predict(table, drivers=False)
    assert list(without) == ["customer_id", "churn_probability", "decile"]


def test_cutoffs_are_handed_on():
    table = pd.concat([shop(), shop(seed=1)])
    table["cutoff"] = np.repeat(pd.to_datetime(["2026-02-28", "2026-01-31"]), N)
    table["horizon_days"] = 30
    model = fit_churn(table, estimator="logistic")
    assert set(model.features) == {"silent", "plan", "age", "member"}
    found = model.predict(table)
    assert list(found)[:3] == ["customer_id", "cutoff", "churn_probability"]
    assert found.equals(found.sort_values(["customer_id", "cutoff"], ignore_index=True))


def test_names_of_columns():
    table = shop()
    model = fit_churn(table, estimator="logistic")
    other = table.rename(columns={"customer_id": "client", "churned": "gone"})
    renamed = fit_churn(other, estimator="logistic", customer_col="client", label_col="gone")
    found = renamed.predict(other)
    assert list(found)[0] == "client"  # noqa: RUF015
    wanted = model.predict(table).rename(columns={"customer_id": "client"})
    pd.testing.assert_frame_equal(found, wanted)
    pd.testing.assert_frame_equal(model.predict(other, customer_col="client"), wanted)


def test_flags_are_labels_too():
    table = shop()
    flags = table.assign(churned=table["churned"].astype(bool))
    one, two = (fit_churn(each, estimator="logistic").predict(table) for each in (table, flags))
    pd.testing.assert_frame_equal(one, two)


def test_useless_columns_are_left_out():
    table = shop().assign(same=1, nothing=np.nan, void=None)
    with pytest.warns(CrmlyticsWarning) as caught:
        model = fit_churn(table, estimator="logistic")
    assert sorted(str(each.message) for each in caught) == [
        "fit_churn: left out of features: nothing, void (all null).",
        "fit_churn: left out of features: same (the same everywhere).",
    ]
    assert {each.filename for each in caught} == {__file__}
    assert model.features == ("silent", "plan", "age", "member")
    pd.testing.assert_frame_equal(
        model.predict(shop()), fit_churn(shop(), estimator="logistic").predict(shop())
    )
    only = shop()[["customer_id", "churned"]].assign(same=1)
    with (
        pytest.warns(CrmlyticsWarning),
        pytest.raises(DataError, match="features has no column that differs between rows"),
    ):
        fit_churn(only, estimator="logistic")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("mail", [f"{n}@example.org" for n in range(N)]),
        ("number", list(range(1_000, 1_000 + N))),
        ("number", list(np.random.default_rng(0).permutation(N))),
    ],
)
def test_identifiers_are_refused(column, values):
    with pytest.raises(ColumnError, match=f"^fit_churn: column '{column}' of features has another"):
        fit_churn(shop().assign(**{column: values}), estimator="logistic")
    model = fit_churn(shop().assign(**{column: values}), estimator="logistic", exclude=column)
    assert column not in model.features


def test_days_are_no_identifiers():
    # several rows a customer, so that there are more ages in days than customers
    table = pd.concat([shop(100, seed).assign(since=np.arange(100) + seed) for seed in range(4)])
    assert "since" in fit_churn(table, estimator="logistic").features
    # the first of our own features that has another value for each customer
    table = shop().assign(T=np.arange(N))
    assert "T" in fit_churn(table, estimator="logistic").features


def test_leaks_are_refused():
    table = shop()
    gone = table["churned"] == 1
    leaks = {
        "status": np.where(gone, "closed", "open"),
        "balance": np.where(gone, 0.0, 5.0),
        "days_since_leaving": np.where(gone, 5.0 + table["silent"], np.nan),
        "reason": np.where(gone, "price", None),
    }
    for name, values in leaks.items():
        with pytest.raises(DataError, match=f"^fit_churn: column '{name}' of features tells the"):
            fit_churn(table.assign(**{name: values}), estimator="logistic")


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"churned": 1}, NotEnoughDataError, "needs at least 20 rows of customers who stayed; got"),
        ({"churned": [1] * 19 + [0] * (N - 19)}, NotEnoughDataError, "who left; got 19. Take"),
        ({"churned": [2] * 30 + [0] * (N - 30)}, DataError, r"the label 'churned' must be 0 or 1"),
        ({"churned": ["yes"] * 30 + ["no"] * (N - 30)}, DataError, "must be 0 or 1"),
        ({"churned": [None] * 3 + [0.0, 1.0, 1.0] * 99}, DataError, r"3 of 300 labels \('churned'"),
        ({"horizon_days": [30, 60] * (N // 2)}, OptionError, r"horizons of \[30, 60\] days\. Fit"),
        ({"horizon_days": "long"}, ColumnError, "column 'horizon_days' of features holds"),
        ({"age": np.inf}, DataError, "column 'age' of features holds infinite numbers"),
        ({"age": pd.Timestamp("2026-01-01")}, ColumnError, "'age' of features holds .*, which no"),
        ({"customer_id": None}, DataError, "300 of 300 rows have no 'customer_id'"),
    ],
)
def test_refused_at_fit(change, error, match):
    with pytest.raises(error, match=f"fit_churn: .*{match}"):
        fit_churn(shop().assign(**change), estimator="logistic")


def test_refused_options():
    for options, match in (
        ({"estimator": "tree"}, "estimator must be one of 'auto', 'logistic', 'boosting', 'btyd'"),
        ({"estimator": object()}, "or a scikit-learn classifier with predict_proba; got <object"),
        ({"exclude": "mail"}, r"exclude names \['mail'\], which features does not have"),
        ({"horizon_days": 0}, "horizon_days must be a whole number of 1 or more"),
        ({"calibrate": "yes"}, "calibrate"),
    ):
        with pytest.raises(OptionError, match=f"^fit_churn: .*{match}"):
            fit_churn(shop(), **options)
    with pytest.raises(OptionError, match=r"horizons of \[30\] days, horizon_days is 60"):
        fit_churn(shop().assign(horizon_days=30), estimator="logistic", horizon_days=60)
    with pytest.raises(DataError, match="no column beside id and label"):
        fit_churn(shop()[["customer_id", "churned"]])


def test_lazy_tables_are_refused(make_lazy):
    with pytest.raises(DataError, match=r"fit_churn: .*features"):
        fit_churn(make_lazy(columns(shop())))
    with pytest.raises(DataError, match=r"predict: .*features"):
        fit_churn(shop(), estimator="logistic").predict(make_lazy(columns(shop())))


def test_refused_at_predict():
    table = shop()
    model = fit_churn(table.assign(horizon_days=30), estimator="logistic")
    assert model.horizon_days == 30
    model.predict(table.assign(horizon_days=30))
    model.predict(table.assign(horizon_days=np.nan))
    for change, error, match in (
        ({"horizon_days": 60}, OptionError, "for a horizon of 60 days, the model for 30. Fit a"),
        ({"plan": 1}, ColumnError, "column 'plan' of features held text when the model was fitted"),
        ({"age": "old"}, ColumnError, "column 'age' of features held numbers when the model was"),
        ({"customer_id": None}, DataError, "rows have no 'customer_id'"),
    ):
        with pytest.raises(error, match=f"^predict: .*{match}"):
            model.predict(table.assign(**change))
    with pytest.raises(ColumnError, match=r"^predict: features lacks \['age', 'member'\], which"):
        model.predict(table.drop(columns=["member", "age"]))
    with pytest.raises(ColumnError, match=r"^drivers: features lacks \['age'\], which"):
        model.drivers(table.drop(columns="age"))


# kept and loaded


def btyd():
    rng = np.random.default_rng(0)
    when = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 200, 900), "D")
    lines = pd.DataFrame({"customer_id": rng.integers(0, 150, 900), "date": when})
    return churn_features(lines, cutoffs="2026-06-30")


@pytest.mark.parametrize(
    "estimator",
    ["logistic", "boosting", "btyd", GaussianNB(), RandomForestClassifier(20, random_state=0)],
    ids=["logistic", "boosting", "btyd", "bayes", "forest"],
)
def test_saved_models_are_equal(tmp_path, estimator):
    table = btyd() if estimator == "btyd" else shop()
    horizon = {"horizon_days": 60} if estimator == "btyd" else {}
    model = fit_churn(table, estimator=estimator, **horizon)
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded, ChurnModel)
    assert loaded == model
    pd.testing.assert_frame_equal(loaded.predict(table), model.predict(table), check_exact=True)
    pd.testing.assert_frame_equal(loaded.summary(), model.summary())
    assert repr(loaded) == repr(model)
    assert b"pickle" not in (tmp_path / "model").read_bytes()


def test_classifiers_that_cannot_be_kept(tmp_path):
    table = shop()
    for classifier in (KNeighborsClassifier(), type("Mine", (GaussianNB,), {})()):
        model = fit_churn(table, estimator=classifier)
        assert model.predict(table)["churn_probability"].between(0, 1).all()
        with pytest.raises(DataError, match=r"^save: a \w+ holds parts that cannot be kept safely"):
            model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def damaged(model, change):
    """Return a model whose trees were changed after they were packed."""
    classifier = _estimators.restore(model.packed)
    change(classifier)
    packed = np.frombuffer(skops.io.dumps(classifier), dtype=np.uint8)
    return dataclasses.replace(model, packed=packed)


def test_damaged_trees_are_one_sentence():
    table = shop()
    boosting = fit_churn(table, estimator="boosting")

    def astray(classifier):
        nodes = classifier._predictors[3][0].nodes
        nodes["left"][0] = 4_000_000

    def circle(classifier):
        classifier._predictors[3][0].nodes["right"][0] = 0

    def other_feature(classifier):
        classifier._predictors[0][0].nodes["feature_idx"][0] = 99

    broken = [damaged(boosting, change) for change in (astray, circle, other_feature)]
    half = boosting.packed[: len(boosting.packed) // 2]
    broken += [dataclasses.replace(boosting, packed=packed) for packed in (half, half[:0])]
    foreign = io.BytesIO()
    np.savez(foreign, trees=np.arange(3))
    packed = np.frombuffer(foreign.getvalue(), dtype=np.uint8)
    broken.append(dataclasses.replace(boosting, packed=packed))
    for model in broken:
        with pytest.raises(DataError, match=r"^predict: the trees of the model cannot be read"):
            model.predict(table)


def test_models_of_numbers_alone_are_kept_as_text(tmp_path):
    model = fit_churn(shop(), estimator="logistic")
    model.save(tmp_path / "model.json")  # no zip, which cannot be read as text
    assert '"ChurnModel"' in (tmp_path / "model.json").read_text(encoding="utf-8")
