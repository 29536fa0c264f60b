import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics import _stats
from crmlytics.errors import (
    ColumnError,
    CrmlyticsError,
    CrmlyticsWarning,
    DataError,
    NotEnoughDataError,
    OptionError,
)

TRAITS = ["income", "monthly_budget", "distance_km"]
FEATURES = [*TRAITS, "channel", "email_consent"]
METHODS = ["kmeans", "kprototypes", "gmm", "hierarchical"]


def fit(customers, **options):
    options = {"features": FEATURES, "n_clusters": 4, "n_stability": 0} | options
    return crm.segmentation.fit_clusters(customers, **options)


@pytest.fixture(scope="module")
def shop():
    return crm.datasets.simulate_shop(600, random_state=3)


@pytest.fixture(scope="module")
def model(shop):
    return fit(shop.customers, n_stability=10)


def agreement(cluster, truth):
    """Share of customers in the most common group of their cluster."""
    table = pd.crosstab(np.asarray(cluster), np.asarray(truth))
    return table.max(axis=1).sum() / len(truth)


@pytest.mark.parametrize("method", METHODS)
def test_true_groups_are_found_by_every_method(shop, method):
    features = TRAITS if method == "gmm" else FEATURES
    model = fit(shop.customers, features=features, method=method)
    found = model.predict(shop.customers)
    assert agreement(found["cluster"], shop.truth["segment"]) > 0.85
    assert sorted(found["cluster"].unique()) == [1, 2, 3, 4]
    counts = found["cluster"].value_counts().sort_index()
    assert counts.tolist() == model.summary()["customers"].tolist()
    assert (np.diff(counts) <= 0).all()  # the largest first


@pytest.mark.parametrize("method", METHODS)
def test_kept_models_answer_alike(shop, method, tmp_path):
    features = TRAITS if method == "gmm" else FEATURES
    model = fit(shop.customers, features=features, method=method, n_stability=2)
    model.save(tmp_path / "clusters.zip")
    again = crm.load_model(tmp_path / "clusters.zip")
    assert again == model
    assert type(again) is crm.segmentation.ClusterModel
    for name in ("summary", "profile", "explain", "stability"):
        pd.testing.assert_frame_equal(getattr(again, name)(), getattr(model, name)())
    pd.testing.assert_frame_equal(again.predict(shop.customers), model.predict(shop.customers))


@pytest.mark.parametrize("method", METHODS)
def test_neither_order_nor_ids_matter(shop, method):
    features = TRAITS if method == "gmm" else FEATURES
    mixed = shop.customers.sample(frac=1, random_state=9)
    mixed = mixed.assign(customer_id=np.random.default_rng(4).permutation(len(mixed)))
    one = fit(shop.customers, features=features, method=method, n_stability=2)
    assert fit(mixed, features=features, method=method, n_stability=2) == one


def test_every_engine(make_eager, shop, model, plain):
    table = make_eager(pa.Table.from_pandas(shop.customers[["customer_id", *FEATURES]]))
    assert fit(table, n_stability=10) == model
    found = model.predict(table)
    assert isinstance(found, type(table))
    want = model.predict(shop.customers)
    pd.testing.assert_frame_equal(plain(found), plain(want), check_exact=True)
    moved = model.drift(table)
    assert isinstance(moved, type(table))
    pd.testing.assert_frame_equal(plain(moved), plain(model.drift(shop.customers)))


def test_distance_and_outside_by_hand():
    # median 2.5; the standard deviation is sqrt(1.25), above the interquartile range 1.5 / 1.349
    customers = pd.DataFrame({"customer_id": range(4), "x": [1.0, 2.0, 3.0, 4.0]})
    model = fit(customers, features=["x"], n_clusters=2, outside_share=0)
    deviation = np.sqrt(1.25)
    found = model.predict(pd.DataFrame({"customer_id": [1, 2, 3], "x": [1.0, 2.25, 100.0]}))
    assert found["cluster"].tolist() == [1, 1, 2]
    want = [0.5 / deviation, 0.75 / deviation, 96.5 / deviation]
    assert found["distance"].tolist() == pytest.approx(want)
    assert found["outside"].tolist() == [False, True, True]
    assert not model.predict(customers)["outside"].any()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2])
def test_a_chosen_share_of_the_fit_is_outside(shop, share):
    model = fit(shop.customers, outside_share=share)
    found = model.predict(shop.customers)
    assert found["outside"].mean() == pytest.approx(share, abs=0.01)
    far = shop.customers.assign(income=1e9, monthly_budget=1e9, distance_km=1e9)
    assert model.predict(far)["outside"].all()


def test_a_robust_deviation_is_not_moved_by_a_tail():
    x = np.append(np.linspace(-1, 1, 101), 9.0)
    low, high = np.quantile(x, [0.25, 0.75])
    robust = (high - low) / 1.3489795
    model = fit(pd.DataFrame({"x": np.append(x, -9.0)}), features=["x"], n_clusters=2)
    assert model.scale[0] == pytest.approx(max(robust, np.clip(x, -4, 4).std()), rel=0.2)
    assert model.shapes == ("plain",)


def test_amounts_with_a_tail_are_logged():
    rng = np.random.default_rng(0)
    spent = rng.lognormal(4, 1, 200)
    customers = pd.DataFrame({"spent": spent, "net": spent - 100})
    model = fit(customers, features=["spent", "net"], n_clusters=2)
    assert model.shapes == ("log1p", "asinh")
    assert model.centre[0] == pytest.approx(np.median(np.log1p(spent)))


def test_what_is_new_at_predict(model):
    known = {"income": 20_000.0, "monthly_budget": 200.0, "distance_km": 4.0}
    rows = [
        {**known, "channel": "search", "email_consent": True},
        {**known, "channel": "television", "email_consent": True},  # not in the fit
        {**known, "channel": None, "email_consent": None},
        dict.fromkeys(FEATURES),
    ]
    new = pd.DataFrame(rows).assign(customer_id=[1, 2, 3, 4])
    new["email_consent"] = new["email_consent"].astype("boolean")
    found = model.predict(new)
    assert found["cluster"].isna().tolist() == [False, False, False, True]
    for column in ("cluster_name", "distance", "outside"):
        assert found[column].isna().tolist() == [False, False, False, True]
    assert len(set(found["cluster"].iloc[:3])) == 1
    assert found["distance"].iloc[1] > found["distance"].iloc[0]


def test_categories_that_come_up_later_are_equally_far():
    customers = pd.DataFrame({"customer_id": range(60), "c": list("ab") * 30})
    model = fit(customers, features=["c"], n_clusters=2)
    new = pd.DataFrame({"customer_id": [1, 2], "c": ["z", "y"]})
    found = model.predict(new)
    # a mark of gamma / 2 of its own, and one that is missing
    assert found["distance"].tolist() == pytest.approx([1.0, 1.0])
    assert len(set(found["cluster"])) == 1
    assert found["outside"].all()


def test_an_empty_table_is_answered(model):
    none = model.predict(pd.DataFrame({"customer_id": [], **{name: [] for name in FEATURES}}))
    assert list(none.columns) == ["customer_id", "cluster", "cluster_name", "distance", "outside"]
    assert len(none) == 0


def test_useless_columns_are_left_out_and_said(shop):
    customers = shop.customers.assign(same=1, nothing=np.nan, word="x")
    with pytest.warns(CrmlyticsWarning) as caught:
        model = fit(customers, features=[*FEATURES, "same", "nothing", "word"])
    told = sorted(str(each.message) for each in caught)
    assert told[0] == "fit_clusters: left out of features: nothing (all null)."
    assert told[1] == "fit_clusters: left out of features: same, word (the same everywhere)."
    assert model == fit(shop.customers)


def test_unknown_values_are_counted():
    customers = pd.DataFrame({"x": [1.0, 2.0, None, 9.0, 8.0, None], "c": [*"aabbb", None]})
    with pytest.warns(CrmlyticsWarning) as caught:
        model = fit(customers, features=["x", "c"], n_clusters=2)
    told = [str(each.message) for each in caught]
    assert told == [
        "fit_clusters: left out 1 of 6 customers of whom no feature is known.",
        "fit_clusters: unknown values count as the median: 1 of x.",
    ]
    assert model.n == 5
    profile = model.profile()
    assert profile[profile["feature"] == "x"]["n"].sum() == 4


@pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_clusters": 5}, DataError, "n_clusters is 5, and customers has 4 different rows"),
        ({"features": ["x", "customer_id"]}, OptionError, "features holds 'customer_id'"),
        ({"n_clusters": 1}, OptionError, "n_clusters must be a whole number from 2 to 50"),
        ({"features": ["y"]}, ColumnError, "no column 'y'"),
        ({"features": ["date"]}, ColumnError, "'date' .features. of customers holds"),
        ({"features": ["email"]}, ColumnError, "another text in 60 of 60 rows"),
        ({"features": ["none"]}, DataError, "no column that differs"),
        ({"features": ["endless"]}, DataError, "infinite"),
        ({"method": "gmm", "features": ["x", "c"]}, OptionError, "'gmm' takes numbers, and ..c.."),
        ({"method": "k-means"}, OptionError, "Did you mean method='kmeans'"),
        ({"weights": {"y": 2}}, OptionError, "weights must give features a number"),
        ({"weights": {"x": 0}}, OptionError, "weights of ..x.. are 0"),
        ({"weights": {"x": "much"}}, OptionError, "weights must be a number"),
        ({"outside_share": 0.7}, OptionError, "outside_share must be a number from 0 to 0.5"),
    ],
)
def test_refusals(options, error, words):
    customers = pd.DataFrame({
        "x": [1.0, 2.0, 3.0, 4.0] * 15, "c": list("ab") * 30, "none": [None] * 60,
        "date": pd.to_datetime(["2026-01-01"] * 60), "email": [f"{i}@x.y" for i in range(60)],
        "endless": [1.0, np.inf] * 30, "customer_id": range(60),
    })  # fmt: skip
    with pytest.raises(error, match=f"^fit_clusters: .*{words}"):
        fit(customers, **({"features": ["x"], "n_clusters": 2} | options))


def test_predict_refuses_what_is_not_the_table_of_the_fit(model, shop):
    with pytest.raises(ColumnError, match=r"^predict: no column 'income'"):
        model.predict(shop.customers.drop(columns="income"))
    with pytest.raises(ColumnError, match=r"^predict: column 'income' .* held numbers"):
        model.predict(shop.customers.assign(income="much"))
    with pytest.raises(ColumnError, match=r"^drift: column 'channel' of new held categories"):
        model.drift(shop.customers.assign(channel=1.0))
    with pytest.raises(NotEnoughDataError, match=r"^drift: needs at least 1 customer in new"):
        model.drift(shop.customers.head(0))


def test_without_a_number_the_chosen_one_is_taken():
    groups = crm.datasets.simulate_shop(600, random_state=2).customers
    assert crm.segmentation.fit_clusters(groups, features=TRAITS, n_stability=0).n_clusters == 4
    cloud = crm.datasets.simulate_shop(300, separation=0.0, random_state=2).customers
    with pytest.warns(CrmlyticsWarning, match="no number of clusters from 2 to 10 is stable"):
        crm.segmentation.fit_clusters(cloud, features=TRAITS, n_stability=0)


def test_profile_by_pandas(shop, model):
    cluster = model.predict(shop.customers)["cluster"].to_numpy()
    profile = model.profile()
    income = profile[profile["feature"] == "income"]
    groups = shop.customers.groupby(cluster)["income"]
    assert income["mean"].tolist() == pytest.approx(groups.mean().tolist())
    assert income["median"].tolist() == pytest.approx(groups.median().tolist())
    whole = shop.customers["income"].mean()
    assert income["lift"].tolist() == pytest.approx((groups.mean() / whole).tolist())
    search = profile[(profile["feature"] == "channel") & (profile["level"] == "search")]
    share = (shop.customers["channel"] == "search").groupby(cluster).mean()
    assert search["mean"].tolist() == pytest.approx(share.tolist())
    assert search["median"].isna().all()
    levels = profile[profile["feature"] == "channel"].groupby("cluster")["mean"].sum()
    assert levels.tolist() == pytest.approx([1.0] * 4)


def test_names_say_what_sets_clusters_apart(model):
    names = model.summary()["cluster_name"].tolist()
    assert len(set(names)) == 4
    profile = model.profile()
    for row in profile[profile["cluster_name"].str.contains("high income")].itertuples():
        if row.feature == "income":
            assert row.z > 0.5


def test_clusters_that_cannot_be_named_apart_have_numbers():
    # three heaps on a ring, told apart by one feature that has but "high" and "low"
    customers = pd.DataFrame({"x": [0.0, 0.1, 10, 10.1, 11, 11.1] * 3})
    names = fit(customers, features=["x"], n_clusters=3).names
    assert len(set(names)) == 3


def test_rules_fit_as_many_customers_as_they_say(shop):
    customers = shop.customers[TRAITS].round(0)
    model = fit(customers, features=TRAITS)
    rules = model.explain()
    assert rules["customers"].sum() == len(customers)
    for row in rules.itertuples():
        assert len(customers.query(row.rule)) == row.customers
    assert len(set(rules["fidelity"])) == 1
    assert rules["fidelity"].iloc[0] > 0.9
    coverage = rules.groupby("cluster")["coverage"].sum()
    assert (coverage <= 1 + 1e-9).all()


def test_rules_of_categories():
    customers = pd.DataFrame({"c": list("aab") * 20, "x": [1, 2, 3] * 20})
    rules = fit(customers, features=["c"], n_clusters=2).explain()
    assert sorted(rules["rule"]) in (["c = a", "c is not a"], ["c = b", "c is not b"])
    assert rules["precision"].tolist() == [1.0, 1.0]


def test_stability_has_words(model, shop):
    table = model.stability()
    assert (table["jaccard"] > 0.85).all()
    assert set(table["verdict"]) == {"highly stable"}
    assert len(set(table["stability"])) == 1
    unmeasured = fit(shop.customers).stability()
    assert unmeasured[["jaccard", "verdict", "stability"]].isna().all(axis=None)


def test_drift(model, shop):
    same = model.drift(shop.customers)
    assert same["psi"].iloc[0] == 0
    assert same["verdict"].iloc[0] == "stable"
    assert same["share_after"].tolist() == pytest.approx(same["share_before"].tolist())
    before, after = same["mean_distance_before"], same["mean_distance_after"]
    assert after.tolist() == pytest.approx(before.tolist())
    assert same["outside_after"].tolist() == pytest.approx(same["outside_before"].tolist())
    rich = shop.customers[shop.customers["income"] > 30_000]
    moved = model.drift(rich)
    counts = model.predict(rich)["cluster"].value_counts().reindex(range(1, 5), fill_value=0)
    want = _stats.psi(model.sizes, counts.to_numpy())
    assert moved["psi"].iloc[0] == pytest.approx(want)
    assert moved["verdict"].iloc[0] == "different"
    assert moved["cluster"].isna().tolist() == [True] + [False] * 4


@pytest.mark.parametrize("kind", ["category", "dictionary", "Categorical", "object"])
def test_categories_of_every_kind_are_text(kind):
    import polars as pl

    city, flag = ["חיפה", "تهران", None, "חיפה"] * 5, [True, None, False, True] * 5
    plain = pd.DataFrame({"city": city, "flag": pd.array(flag, dtype="boolean")})
    held = {
        "category": lambda: plain.assign(city=pd.Categorical(city)),
        "dictionary": lambda: pa.table({"city": pa.array(city).dictionary_encode(), "flag": flag}),
        "Categorical": lambda: pl.DataFrame({"city": city, "flag": flag}).with_columns(
            pl.col("city").cast(pl.Categorical)
        ),
        "object": lambda: pd.DataFrame({"city": city, "flag": flag}, dtype=object),
    }[kind]()
    options = {"features": ["city", "flag"], "n_clusters": 2}
    assert fit(held, **options) == fit(plain, **options)


def test_weights_and_gamma_move_what_matters():
    rng = np.random.default_rng(0)
    x = np.repeat([0.0, 6.0], 50) + rng.normal(size=100)
    y = np.tile([0.0, 6.0], 50) + rng.normal(size=100)
    customers = pd.DataFrame({"customer_id": range(100), "x": x, "y": y, "c": list("ab") * 50})
    for weights, told in (({"x": 9.0}, x > 3), ({"y": 9.0}, y > 3)):
        model = fit(customers, features=["x", "y"], n_clusters=2, weights=weights)
        assert agreement(model.predict(customers)["cluster"], told) == 1
    by_word = fit(customers, features=["x", "c"], n_clusters=2, gamma=50)
    assert agreement(by_word.predict(customers)["cluster"], customers["c"]) == 1
    by_number = fit(customers, features=["x", "c"], n_clusters=2, gamma=0)
    assert agreement(by_number.predict(customers)["cluster"], x > 3) == 1


def test_one_customer_far_out_has_no_cluster_alone():
    rng = np.random.default_rng(1)
    x = np.append(np.repeat([0.0, 9.0], 50) + rng.normal(size=100), 1e7)
    model = fit(pd.DataFrame({"x": x}), features=["x"], n_clusters=2)
    assert model.sizes.min() >= 50


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-5, 5) | st.none(), st.sampled_from(["a", "b", None])),
        min_size=6,
        max_size=25,
    ),
    st.sampled_from(["kmeans", "kprototypes", "hierarchical"]),
)
@pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")
def test_any_table_is_divided_or_refused(rows, method):
    customers = pd.DataFrame(rows, columns=["x", "c"]).assign(customer_id=range(len(rows)))
    try:
        model = fit(customers, features=["x", "c"], n_clusters=3, method=method)
    except CrmlyticsError as error:
        # unknown numbers count as the median, and so rows can become the same
        different = customers[["x", "c"]].drop_duplicates()
        refused = "^fit_clusters: .*(different rows|no column that differs|at least 3 customers)"
        assert re.match(refused, str(error))  # noqa: PT017 - most tables are divided
        assert len(different.dropna()) < 3
        return
    known = customers[list(model.features)].notna().any(axis=1).sum()
    assert model.sizes.sum() == known
    found = model.predict(customers)
    assert found["cluster"].notna().sum() == known
    assert found["cluster"].dropna().between(1, model.n_clusters).all()
    assert np.isfinite(found["distance"].dropna()).all()
    twins = customers.merge(found.dropna(), on="customer_id").groupby(
        list(model.features), dropna=False
    )
    assert twins["cluster"].min().equals(twins["cluster"].max())  # equal customers are together
    assert model.explain()["customers"].sum() == known


@pytest.mark.parametrize("damage", [{"sizes": "x"}, {"names": [1]}, {"fidelity": "high"}])
def test_damaged_files_are_refused(model, tmp_path, damage):
    import json
    import zipfile

    path, broken = tmp_path / "m.zip", tmp_path / "b.zip"
    model.save(path)
    with zipfile.ZipFile(path) as held, zipfile.ZipFile(broken, "w") as changed:
        for name in held.namelist():
            content = held.read(name)
            if name == "model.json":
                kept = json.loads(content)
                kept["values"] |= damage
                content = json.dumps(kept).encode()
            changed.writestr(name, content)
    with pytest.raises(DataError, match=r"^load_model: "):
        crm.load_model(broken)
