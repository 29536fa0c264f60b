import itertools
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

import crmlytics as crm
from crmlytics.errors import DataError, NotEnoughDataError, OptionError
from crmlytics.segmentation import _cluster_choice, _cluster_measures, _lloyd, _valleys

TRAITS = ["income", "monthly_budget", "distance_km"]
COLUMNS = [
    "k", "inertia", "silhouette", "silhouette_se", "calinski_harabasz", "gap", "gap_se", "valley",
    "stability", "min_jaccard", "stable", "chosen",
]  # fmt: skip


def choose(customers, **options):
    options = {"k_range": range(2, 8), "n_bootstrap": 10, "n_references": 5} | options
    return crm.segmentation.choose_clusters(customers, **options)


def test_four_groups_are_found_where_there_are_four():
    # four groups that differ in three traits, neighbours by 3 deviations in two of them
    found = []
    for seed in range(10):
        shop = crm.datasets.simulate_shop(1_000, separation=3.0, random_state=seed)
        choice = choose(shop.customers, features=TRAITS)
        found += choice["k"][choice["chosen"]].tolist()
    assert found.count(4) >= 9
    assert len(found) <= 10


def test_nothing_is_stable_where_there_are_no_groups():
    for seed in range(10):
        shop = crm.datasets.simulate_shop(1_000, separation=0.0, random_state=seed)
        choice = choose(shop.customers, features=TRAITS)
        assert not choice["stable"].any()
        assert not choice["chosen"].any()


@pytest.mark.parametrize("features", ["s", "c", "u", "uv", "es", "cn", "tn"])
def test_clouds_of_other_shapes_are_no_groups(features):
    # skewed, flat, heavy-tailed and counted: all differ from a normal, none has a valley
    rng = np.random.default_rng(3)
    n = 1_500
    customers = pd.DataFrame({
        "s": rng.lognormal(size=n), "c": rng.poisson(0.7, n), "u": rng.random(n),
        "v": rng.random(n), "e": rng.exponential(size=n), "n": rng.normal(size=n),
        "t": rng.choice(list("xyz"), n),
    })  # fmt: skip
    assert not choose(customers, features=list(features))["stable"].any()


def test_a_long_cloud_comes_back_alike_and_is_still_no_group():
    rng = np.random.default_rng(5)
    way = rng.normal(size=1_500)
    customers = pd.DataFrame({name: way + 0.3 * rng.normal(size=1_500) for name in "abc"})
    two = choose(customers, features=list("abc"), k_range=[2]).iloc[0]
    assert two["min_jaccard"] > 0.9
    assert two["stability"] > 0.75
    assert not two["stable"]


def test_columns_and_order(make_eager, plain):
    table = make_eager({"a": [1.0, 2.0, 1.0, 9.0, 8.0, 9.0] * 3, "b": list("xxxyyy") * 3})
    choice = choose(table, features=["a", "b"], k_range=[3, 2, 2])
    assert isinstance(choice, type(table))
    choice = plain(choice)
    assert list(choice.columns) == COLUMNS
    assert choice["k"].tolist() == [2, 3]
    known = choice["silhouette"].dropna()
    assert ((known >= -1) & (known <= 1)).all()


def test_neither_order_nor_ids_nor_the_engine_matter(make_eager, plain):
    shop = crm.datasets.simulate_shop(200, random_state=1)
    customers = shop.customers[["customer_id", *TRAITS, "channel"]]
    want = choose(customers, features=[*TRAITS, "channel"], k_range=[2, 4], n_bootstrap=3)
    mixed = customers.sample(frac=1, random_state=7).assign(customer_id=range(200))
    table = make_eager(pa.Table.from_pandas(mixed, preserve_index=False))
    got = choose(table, features=[*TRAITS, "channel"], k_range=[2, 4], n_bootstrap=3)
    pd.testing.assert_frame_equal(plain(got), plain(want), check_exact=True)


@pytest.mark.parametrize("method", ["kprototypes", "gmm", "hierarchical"])
def test_other_methods_find_them_too(method):
    shop = crm.datasets.simulate_shop(600, random_state=2)
    choice = choose(shop.customers, features=TRAITS, k_range=[3, 4, 5], method=method)
    assert choice["k"][choice["chosen"]].tolist() == [4]


def test_more_clusters_than_different_customers_are_null():
    customers = pd.DataFrame({"a": [1, 2, 3] * 20})
    choice = choose(customers, features=["a"], k_range=[2, 3, 4])
    assert choice["silhouette"].isna().tolist() == [False, False, True]
    assert choice["inertia"].tolist()[1] == pytest.approx(0, abs=1e-9)
    assert not choice["stable"].iloc[2]


def test_of_many_customers_some_are_drawn():
    rng = np.random.default_rng(0)
    customers = pd.DataFrame({"a": rng.normal(size=400)})
    few = choose(customers, features=["a"], k_range=[2], sample=50)
    assert (
        few["inertia"].iloc[0]
        < choose(customers, features=["a"], k_range=[2])["inertia"].iloc[0] / 4
    )


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"k_range": []}, OptionError, "k_range is empty"),
        ({"k_range": 4}, OptionError, "k_range must be whole numbers"),
        ({"k_range": "24"}, OptionError, "k_range must be whole numbers"),
        ({"k_range": [2, 51]}, OptionError, "k_range must be a whole number from 2 to 50"),
        ({"n_references": 1}, OptionError, "n_references must be"),
        ({"sample": 3}, OptionError, "sample must be"),
        ({"features": []}, OptionError, "features names no column"),
        ({"features": ["b"]}, DataError, "no column that differs"),
    ],
)
@pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")
def test_refusals(options, error, words):
    customers = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": 1})
    with pytest.raises(error, match=f"^choose_clusters: .*{words}"):
        crm.segmentation.choose_clusters(customers, **({"features": ["a"]} | options))


def test_two_customers_are_too_few():
    with pytest.raises(NotEnoughDataError, match="at least 3 customers; got 2"):
        crm.segmentation.choose_clusters(pd.DataFrame({"a": [1, 2]}), features=["a"])


@st.composite
def labelled(draw):
    n, k = draw(st.integers(4, 20)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    labels = rng.integers(k, size=n)
    labels[:k] = np.arange(k)
    return rng.normal(size=(n, 2)), labels, rng.integers(k, size=n), k


@settings(max_examples=60, deadline=None)
@given(labelled())
def test_measures_are_those_of_scikit_learn(case):
    points, labels, other, k = case
    rows = np.arange(len(points))
    if k < len(points):
        got = _cluster_measures.Silhouette(points, rows).of(labels)
        each = metrics.silhouette_samples(points, labels)
        assert got[0] == pytest.approx(each.mean(), abs=1e-6)
        assert got[1] == pytest.approx(each.std(ddof=1) / np.sqrt(len(each)), abs=1e-6)
        want = metrics.calinski_harabasz_score(points, labels)
        assert _cluster_measures.calinski_harabasz(points, labels, k) == pytest.approx(want)
    both = _cluster_measures.contingency(labels, other, k)
    want = metrics.adjusted_rand_score(labels, other)
    assert _cluster_measures.rand_index(both) == pytest.approx(want)
    assert both.sum() == len(points)


def test_the_silhouette_looks_at_two_thousand_customers(monkeypatch):
    seen = []
    real = _cluster_measures.Silhouette.__init__

    def watched(self, points, rows):
        seen.append(len(rows))
        real(self, points, rows)

    monkeypatch.setattr(_cluster_measures.Silhouette, "__init__", watched)
    customers = pd.DataFrame({"a": np.random.default_rng(0).normal(size=4_000)})
    choose(customers, features=["a"], k_range=[2], n_bootstrap=1, n_references=2)
    assert seen == [2_000]


def test_valleys_by_hand():
    # two heaps at 0 and 10: nobody at 5; then a heap at 5 as large as each
    heaps = np.array([[0.0], [0.1], [-0.1], [10.0], [10.1], [9.9]])
    numbers = np.array([True])
    assert _valleys.valleys(heaps, np.array([[0.0], [10.0]]), numbers).depth == 1.0
    filled = np.vstack([heaps, [[4.9]] * 2, [[5.1]]])
    apart = _valleys.valleys(filled, np.array([[0.0], [10.0]]), numbers)
    assert apart.depth <= 0
    assert apart.z <= 0


def test_borders_that_categories_make_are_no_valleys():
    # the same heaps; 0 and 10 are marks of a category now
    heaps = np.array([[0.0], [0.0], [0.0], [10.0], [10.0], [10.0]])
    apart = _valleys.valleys(heaps, np.array([[0.0], [10.0]]), np.array([False]))
    assert len(apart.border) == 0
    assert np.isnan(apart.depth)
    # numbers 0 to 99 without a gap in each of two categories, both cut in halves: no valley there,
    # though the clusters of the other category are nearer
    plain = np.array([[x + 0.5, mark] for mark in (0.0, 40.0) for x in range(100)])
    centres = np.array([[25.0, 0.0], [75.0, 0.0], [25.0, 40.0], [75.0, 40.0]])
    apart = _valleys.valleys(plain, centres, np.array([True, False]))
    assert len(apart.border) == 4
    assert abs(apart.depth) < 0.1
    assert apart.z < 1


@pytest.mark.parametrize("seed", range(3))
def test_a_category_beside_a_number_without_groups_makes_no_groups(seed):
    # orders and gender of simulate_shop with separation=0 were cut in four, and called stable
    rng = np.random.default_rng(seed)
    customers = pd.DataFrame(
        {"orders": rng.poisson(rng.gamma(1.0, 4.0, 400)), "gender": rng.choice(["f", "m"], 400)}
    )
    choice = choose(customers, features=["orders", "gender"], k_range=range(2, 8))
    assert not choice["stable"].any()
    apart = customers.assign(orders=customers["orders"] + 200 * (rng.random(400) < 0.5))
    choice = choose(apart, features=["orders", "gender"], k_range=[2, 3, 4])
    assert choice["stable"].any()


def test_a_terminal_sees_how_far_it_is(monkeypatch):
    told = []

    def bar(*given):
        told.append(given)
        return nullcontext(told.append)

    monkeypatch.setattr(_cluster_choice._progress, "bar", bar)
    choose(pd.DataFrame({"a": range(20)}), features=["a"], k_range=[2, 3], n_bootstrap=1)
    assert told == [(2, "choose_clusters", "numbers of clusters"), 1, 1]


def _cost(numbers, texts, labels, gamma, k):
    """The cost of Huang (1998), one customer at a time."""
    cost = 0.0
    for cluster in range(k):
        rows = [i for i in range(len(labels)) if labels[i] == cluster]
        if not rows:
            continue
        mean = numbers[rows].mean(axis=0)
        mode = [max(set(t), key=lambda v, t=t: (t.count(v), -v)) for t in texts[rows].T.tolist()]
        for i in rows:
            cost += ((numbers[i] - mean) ** 2).sum()
            cost += gamma * sum(a != b for a, b in zip(texts[i].tolist(), mode, strict=True))
    return cost


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_k_prototypes_is_as_good_as_the_best_of_all_divisions(seed):
    rng = np.random.default_rng(seed)
    n, gamma = 7, 0.8
    numbers, texts = rng.normal(size=(n, 2)), rng.integers(2, size=(n, 2))
    marks = [np.eye(2)[texts[:, j]] * np.sqrt(gamma / 2) for j in range(2)]
    points = np.hstack([numbers, *marks])
    blocks = [slice(2, 4), slice(4, 6)]
    centres, labels, cost = _lloyd.lloyd(points, 2, modes=blocks, n_starts=60, rng=rng)
    # a centre holds one mark in each category
    assert (np.count_nonzero(centres[:, 2:4], axis=1) == 1).all()
    assert cost == pytest.approx(_cost(numbers, texts, labels, gamma, 2), rel=1e-9)
    every = itertools.product([0, 1], repeat=n - 1)
    best = min(_cost(numbers, texts, [0, *each], gamma, 2) for each in every)
    assert cost <= best * 1.05 + 1e-9
