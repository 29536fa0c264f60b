"""Pairs of products: counted by hand, by plain loops, and tested as scipy tests."""

from itertools import combinations
from math import exp, sqrt

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx  # noqa: PT013 - the shorter name reads better in numbers
from scipy.stats import hypergeom
from statsmodels.stats.multitest import multipletests

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError
from crmlytics.rules import _affinity
from crmlytics.rules._affinity import product_affinity
from crmlytics.rules._rules import CORRECTIONS

COLUMNS = [
    "product_a", "product_b", "count", "support", "confidence_ab", "confidence_ba", "lift",
    "lower", "upper", "cosine", "jaccard", "phi", "p_value", "q_value",
]  # fmt: skip
# tea in 4 of 5 baskets, milk in 3, halva in 2; tea and milk in 3, tea and halva in 2, both in 1
LISTS = [["tea", "milk"], ["tea", "milk", "halva"], ["tea", "milk"], ["tea", "halva"], ["bread"]]


def long(lists, make=pd.DataFrame):
    orders = [order for order, items in enumerate(lists) for _ in items]
    return make({"order_id": orders, "product_id": [item for items in lists for item in items]})


def rows(table):
    return nw.from_native(table, eager_only=True).rows(named=True)


def test_measures_by_hand():
    found = product_affinity(LISTS, min_count=2)
    assert list(found.columns) == COLUMNS
    milk_tea, halva_tea = rows(found)
    assert (milk_tea["product_a"], milk_tea["product_b"], milk_tea["count"]) == ("milk", "tea", 3)
    # n = 5, n_a = 3 (milk), n_b = 4 (tea), n_ab = 3
    assert milk_tea["support"] == approx(3 / 5)
    assert milk_tea["confidence_ab"] == approx(3 / 3)
    assert milk_tea["confidence_ba"] == approx(3 / 4)
    assert milk_tea["lift"] == approx(3 * 5 / (3 * 4))
    assert milk_tea["cosine"] == approx(3 / sqrt(12))
    assert milk_tea["jaccard"] == approx(3 / 4)
    assert milk_tea["phi"] == approx((3 * 1 - 0 * 1) / sqrt(3 * 2 * 4 * 1))
    # delta method: 1/3 - 1/3 - 1/4 + (2 * 1.25 - 1) / 5 = 0.05
    assert milk_tea["upper"] == approx(1.25 * exp(1.959964 * sqrt(0.05)), rel=1e-6)
    assert milk_tea["lower"] == approx(1.25 * exp(-1.959964 * sqrt(0.05)), rel=1e-6)
    # of C(5, 3) ways to draw the baskets of milk, C(4, 3) have tea in all three
    assert milk_tea["p_value"] == approx(4 / 10)
    # C(4, 2) of C(5, 2)
    assert halva_tea["p_value"] == approx(6 / 10)
    # 3 products in at least 2 baskets: 3 tests; 0.4 * 3 / 1 = 1.2 is above 0.6 * 3 / 2 = 0.9
    assert [row["q_value"] for row in (milk_tea, halva_tea)] == approx([0.9, 0.9])


def test_every_product_with_every_other_where_nothing_is_independent():
    # 20 baskets of pen and ink, 20 of tea alone: p = 1 / C(40, 20)
    found = product_affinity([["pen", "ink"]] * 20 + [["tea"]] * 20)
    (pair,) = rows(found)
    assert pair["p_value"] == approx(1 / 137846528820, rel=1e-9)
    # three products, so three tests, of which two find nothing
    assert pair["q_value"] == approx(3 / 137846528820, rel=1e-9)
    assert pair["phi"] == approx(1.0)
    assert pair["lift"] == approx(2.0)


def test_a_product_in_all_baskets_has_no_phi(make_eager, plain):
    found = plain(product_affinity(long([["a", "b"], ["a", "b"], ["a"]], make_eager), min_count=1))
    assert found["phi"].isna().all()
    assert found["lift"].tolist() == [1.0]
    assert found["p_value"].tolist() == [1.0]


BASKETS = st.lists(st.lists(st.sampled_from("abcdef"), max_size=5), min_size=1, max_size=25)


@settings(deadline=None)
@given(lists=BASKETS, least=st.integers(1, 3), work=st.sampled_from([1, 7, 8_000_000]))
def test_oracle_plain_loops(lists, least, work):
    want, held = {}, [set(items) for items in lists]
    single = {item: sum(item in basket for basket in held) for item in "abcdef"}
    for a, b in combinations("abcdef", 2):
        both = sum({a, b} <= basket for basket in held)
        if both >= least:
            want[a, b] = both
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_affinity, "_PRODUCTS", work)
        found = rows(product_affinity(lists, min_count=least))
    order = sorted(want, key=lambda pair: (-want[pair], pair))
    assert [(row["product_a"], row["product_b"]) for row in found] == order
    n = len(lists)
    for row in found:
        a, b = row["product_a"], row["product_b"]
        both = want[a, b]
        assert row["count"] == both
        assert row["confidence_ab"] == approx(both / single[a])
        assert row["confidence_ba"] == approx(both / single[b])
        assert row["lift"] == approx(both * n / (single[a] * single[b]))
        assert row["lower"] <= row["lift"] <= row["upper"]
        tail = hypergeom.sf(both - 1, n, single[a], single[b])
        assert row["p_value"] == approx(tail, rel=1e-9)
    m = sum(count >= least for count in single.values())
    tested = np.ones(m * (m - 1) // 2)
    tested[: len(found)] = [row["p_value"] for row in found]
    if len(found):
        corrected = multipletests(tested, method="fdr_bh")[1][: len(found)]
        assert [row["q_value"] for row in found] == approx(corrected)


@given(
    p=st.lists(st.floats(0, 1), max_size=30),
    more=st.integers(0, 40),
    method=st.sampled_from(["bh", "holm", "bonferroni"]),
)
def test_tests_that_found_nothing_need_not_be_there(p, more, method):
    padded = np.append(p, np.ones(more))
    want = CORRECTIONS[method](padded)[: len(p)]
    assert CORRECTIONS[method](np.array(p), len(padded)) == approx(want)


@settings(deadline=None, max_examples=30)
@given(lists=BASKETS, data=st.data())
def test_order_of_rows_is_nothing(lists, data):
    lines = long(lists, pd.DataFrame).astype({"order_id": int, "product_id": "str"})
    order = data.draw(st.permutations(range(len(lines))))
    twice = pd.concat([lines.iloc[list(order)], lines])
    pd.testing.assert_frame_equal(
        product_affinity(twice, min_count=1), product_affinity(lines, min_count=1)
    )


def test_every_kind_of_table(make_eager, plain, schema):
    table = make_eager(long(LISTS, dict))
    found = product_affinity(table, min_count=1)
    assert type(found) is type(table)
    text, *_ = (schema(table)[name] for name in ("product_id",))
    kinds = list(schema(found).values())
    assert kinds == [text, text, "Int64", *["Float64"] * 11]
    pd.testing.assert_frame_equal(plain(found), plain(product_affinity(LISTS, min_count=1)))


def test_numbers_stay_numbers(make_eager):
    columns = {"order_id": [1, 1, 2, 2, 3], "product_id": [10, 9, 9, 10, 9]}
    (pair,) = rows(product_affinity(make_eager(columns), min_count=2))
    assert (pair["product_a"], pair["product_b"]) == (9, 10)  # by number, not by text


def test_categories_and_baskets_and_giants(make_eager, plain):
    columns = {
        "order_id": [1, 1, 1, 2, 2],
        "product_id": ["x", "y", "z", "x", "z"],
        "aisle": ["dairy", "dairy", "tea", "dairy", "tea"],
    }
    table = make_eager(columns)
    found = plain(product_affinity(table, min_count=2, level_col="aisle"))
    assert found[["product_a", "product_b", "count"]].to_numpy().tolist() == [["dairy", "tea", 2]]
    read = crm.rules.baskets(table)
    direct = product_affinity(table, min_count=1)
    pd.testing.assert_frame_equal(plain(product_affinity(read, min_count=1)), plain(direct))
    with pytest.warns(CrmlyticsWarning, match="1 baskets of more than max_size"):
        small = plain(product_affinity(table, min_count=1, max_size=2))
    assert small["count"].tolist() == [1]


def test_thresholds_are_inclusive_and_the_higher_one_holds():
    assert product_affinity(LISTS, min_count=3)["count"].tolist() == [3]
    assert product_affinity(LISTS, min_count=1, min_support=0.6)["count"].tolist() == [3]
    assert product_affinity(LISTS, min_count=1, min_support=2)["count"].tolist() == [3, 2]
    assert product_affinity(LISTS, min_count=3, min_support=2)["count"].tolist() == [3]


@pytest.mark.parametrize("columns", [
    {"order_id": [], "product_id": []},
    {"order_id": [1, 2], "product_id": ["a", "b"]},
])  # fmt: skip
def test_nothing_found_is_an_empty_table(make_eager, schema, columns):
    table = make_eager(columns)
    found = product_affinity(table)
    assert list(schema(found)) == COLUMNS
    assert len(nw.from_native(found)) == 0
    assert schema(found)["count"] == "Int64"
    assert schema(found)["q_value"] == "Float64"


def test_without_correction_q_values_are_unknown(make_eager, plain):
    found = plain(product_affinity(long(LISTS, make_eager), min_count=1, correction=None))
    assert found["q_value"].isna().all()
    assert found["p_value"].notna().all()


def test_stricter_corrections_give_higher_q_values():
    lists = [["pen", "ink"]] * 20 + [["tea", "milk"]] * 20 + [["pen", "tea"]] * 5
    bh, holm, bonferroni = (
        product_affinity(lists, correction=each)["q_value"]
        for each in ("bh", "holm", "bonferroni")
    )  # fmt: skip
    assert (bh <= holm).all()
    assert (holm <= bonferroni).all()
    assert (bonferroni.head(2) < 1e-3).all()


def test_too_many_pairs_is_an_error_in_words():
    lists = [list(range(30))] * 5
    with pytest.raises(DataError, match=r"product_affinity: more than max_pairs=100 pairs .*Raise"):
        product_affinity(lists, max_pairs=100)
    assert len(product_affinity(lists, max_pairs=435)) == 435  # 30 * 29 / 2


@pytest.mark.parametrize(("option", "value"), [
    ("min_count", 0), ("min_count", 2.5), ("min_support", 1.5), ("min_support", "much"),
    ("correction", "fdr"), ("max_pairs", 0), ("confidence", 95), ("max_size", 0),
])  # fmt: skip
def test_options_are_checked(option, value):
    with pytest.raises(OptionError, match=rf"product_affinity: {option}"):
        product_affinity(LISTS, **{option: value})


def test_bad_tables(make_eager):
    table = make_eager({"order_id": [1, 2], "item": ["a", "b"]})
    with pytest.raises(ColumnError, match="product_affinity: no column 'product_id'"):
        product_affinity(table)
    with pytest.raises(DataError, match="product_affinity: 1 of 2 rows have no 'order_id'"):
        product_affinity(make_eager({"order_id": ["1", None], "product_id": ["a", "b"]}))
    with pytest.raises(DataError, match="product_affinity: transactions has the text 'milk'"):
        product_affinity(["milk", "tea"])
    with pytest.warns(CrmlyticsWarning, match="product_affinity: .* 1 lines without a product"):
        product_affinity(make_eager({"order_id": [1, 1, 1], "product_id": ["a", "b", None]}))
