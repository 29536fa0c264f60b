"""association_rules at the door: kinds of tables, incomplete itemsets, options, empty answers."""

from datetime import date, datetime

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import fpgrowth, fpmax

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

SHOP = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"], ["bread"]]
ITEMSETS = crm.rules.frequent_itemsets(SHOP, min_support=1)
LISTS = ITEMSETS.assign(itemsets=ITEMSETS["itemsets"].map(sorted))
EVERY = {"min_confidence": 0, "max_consequents": None}
RULES = crm.rules.association_rules(ITEMSETS, **EVERY, prices={"tea": 2})
SIDES = ["antecedents", "consequents"]
LETTERS = {"tea": 1, "milk": 2, "halva": 3, "bread": 4}


def one_hot(baskets):
    items = sorted({item for basket in baskets for item in basket})
    return pd.DataFrame([{item: item in basket for item in items} for basket in baskets])


def plain(table):
    """Return rules as pandas, sides as frozensets, unknown numbers as NaN."""
    made = pd.DataFrame(nw.from_native(table, eager_only=True).to_arrow().to_pydict())
    return made.assign(**{side: made[side].map(frozenset) for side in SIDES})


def made_with(**columns):
    return crm.rules.association_rules(ITEMSETS.assign(**columns), **EVERY)


def renamed(of, sets=ITEMSETS["itemsets"]):
    return [frozenset(of(item) for item in one) for one in sets]


def tuples(table):
    """Return rules with the measures that tell them from each other, in any order."""
    columns = [*SIDES, "support", "confidence", "lift", "p_value", "q_value", "redundant"]
    return set(table[columns].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    "make",
    [pl.from_pandas, lambda lists: pl.from_pandas(lists).to_arrow(), pa.Table.from_pandas],
    ids=["polars", "pyarrow large", "pyarrow"],
)
def test_lists_in_lists_out(make):
    lists = make(LISTS)
    got = crm.rules.association_rules(lists, **EVERY, prices={"tea": 2})
    assert type(got) is type(lists)
    pd.testing.assert_frame_equal(plain(got), RULES, rtol=1e-15)
    frame = nw.from_native(got, eager_only=True)
    other = {"count": nw.Int64, "redundant": nw.Boolean} | dict.fromkeys(SIDES, nw.List(nw.String))
    want = {name: other.get(name, nw.Float64) for name in RULES.columns}
    assert frame.schema == want


def test_chunks():
    lists = pa.Table.from_pandas(LISTS)
    parts = pa.concat_tables([lists.slice(0, 3), lists.slice(3)])
    got = crm.rules.association_rules(parts, **EVERY, prices={"tea": 2})
    pd.testing.assert_frame_equal(plain(got), RULES, rtol=1e-15)


def test_pandas_with_arrow_dtypes_keeps_them():
    given = pa.Table.from_pandas(LISTS).to_pandas(types_mapper=pd.ArrowDtype)
    got = crm.rules.association_rules(given, **EVERY, prices={"tea": 2})
    assert str(got["lift"].dtype) == "double[pyarrow]"
    sides = {side: got[side].tolist() for side in SIDES}
    assert sides == {side: RULES[side].tolist() for side in SIDES}
    assert got["phi"].tolist() == pytest.approx(RULES["phi"].tolist(), nan_ok=True)


@pytest.mark.parametrize("kind", [list, tuple, set, lambda one: np.array(sorted(one), object)])
def test_sets_of_pandas_in_other_clothes(kind):
    given = ITEMSETS.assign(itemsets=[kind(one) for one in ITEMSETS["itemsets"]])
    before = given.copy(deep=True)
    got = crm.rules.association_rules(given, **EVERY, prices={"tea": 2})
    pd.testing.assert_frame_equal(got, RULES)
    assert given.index.equals(before.index)
    assert list(map(type, given["itemsets"])) == list(map(type, before["itemsets"]))


@pytest.mark.parametrize(
    "label",
    [
        LETTERS.get,
        lambda item: LETTERS[item] / 2,
        lambda item: date(2026, 1, LETTERS[item]),
        lambda item: datetime(2026, 1, LETTERS[item]),  # noqa: DTZ001 - labels have no zone
    ],
    ids=["int", "float", "date", "datetime"],
)
def test_labels_of_other_types(label):
    got = made_with(itemsets=renamed(label))
    want = RULES.assign(**{side: renamed(label, RULES[side]) for side in SIDES})
    # ties stand in the order of the labels, which is another one
    assert tuples(got) == tuples(want)


@settings(max_examples=25, deadline=None)
@given(rows=st.permutations(range(len(ITEMSETS))))
def test_order_of_rows_is_nothing(rows):
    got = crm.rules.association_rules(ITEMSETS.iloc[rows], **EVERY, prices={"tea": 2})
    pd.testing.assert_frame_equal(got, RULES)


def test_itemsets_of_mlxtend():
    theirs = fpgrowth(one_hot(SHOP), min_support=0.2, use_colnames=True)
    got = crm.rules.association_rules(theirs, n_baskets=5, **EVERY, prices={"tea": 2})
    pd.testing.assert_frame_equal(got, RULES)
    rounded = theirs.assign(support=theirs["support"].round(3))
    got = crm.rules.association_rules(rounded, n_baskets=5, **EVERY, prices={"tea": 2})
    pd.testing.assert_frame_equal(got, RULES)


def test_column_numbers_of_mlxtend():
    theirs = fpgrowth(one_hot(SHOP), min_support=0.2)
    got = crm.rules.association_rules(theirs, n_baskets=5, consequents_in=[3], **EVERY)
    assert set(got["consequents"]) == {frozenset([3])}  # tea is the last of four columns


@pytest.mark.parametrize("n", [1, 4, 6, 1000, 43_367])
def test_wrong_number_of_baskets(n):
    theirs = fpgrowth(one_hot(SHOP * 2 + [["tea"]]), min_support=0.01, use_colnames=True)
    with pytest.raises(OptionError, match=r"n_baskets is .* no whole number of baskets"):
        crm.rules.association_rules(theirs, n_baskets=n)
    with pytest.raises(OptionError, match=r"n_baskets is .* in 4 baskets\. Pass the number"):
        crm.rules.association_rules(ITEMSETS, n_baskets=n)


def test_number_of_baskets_is_found_from_counts():
    many = crm.rules.frequent_itemsets(SHOP * 20_011, min_support=0.1)
    assert len(crm.rules.association_rules(many)) > 0
    row = crm.rules.association_rules(many, **EVERY).iloc[0]
    assert row["support"] == row["count"] / 100_055  # five baskets, 20,011 times


@pytest.mark.parametrize(
    ("left", "named"),
    [
        (ITEMSETS[ITEMSETS["length"] > 1], "{'tea'}, a part of its set {'halva', 'tea'}"),
        (ITEMSETS[ITEMSETS["length"] != 2], "{'milk', 'tea'}, a part of its set {'halva', 'milk',"),
        (ITEMSETS[ITEMSETS["itemsets"] != {"milk"}], "{'milk'}, a part of its set {'milk', 'tea'}"),
    ],
)
def test_missing_subsets_are_named(left, named):
    with pytest.raises(DataError) as caught:
        crm.rules.association_rules(left)
    assert f"association_rules: itemsets lacks {named}" in str(caught.value)
    assert "kind='all'" in str(caught.value)


def test_maximal_sets_make_no_rules():
    with pytest.raises(DataError, match="itemsets lacks"):
        crm.rules.association_rules(
            fpmax(one_hot(SHOP), min_support=0.2, use_colnames=True), n_baskets=5
        )
    maximal = crm.rules.frequent_itemsets(SHOP, min_support=1, kind="maximal")
    with pytest.raises(DataError, match="itemsets lacks"):
        crm.rules.association_rules(maximal)


def swap(of, wanted, other):
    return [other if one == wanted else one for one in of]


TEA = frozenset(["tea"])
CASES = {
    "text read from a CSV file": (
        {"itemsets": ITEMSETS["itemsets"].map(str)}, ColumnError,
        "must hold sets of products .* it holds \"frozenset\\({'tea'}\\)\".* CSV turns sets",
    ),
    "null": (
        {"itemsets": swap(ITEMSETS["itemsets"], TEA, None)}, ColumnError, "it holds None"
    ),
    "one that is no set": (
        {"itemsets": swap([np.array(["x"]), *ITEMSETS["itemsets"][1:]], frozenset(["milk"]), 3)},
        ColumnError, "it holds 3",
    ),
    "mixed": (
        {"itemsets": renamed(lambda item: 1 if item == "tea" else item)}, ColumnError,
        "the sets of column 'itemsets' hold mixed-integer Python objects, .* one type",
    ),
    "unknown product": (
        {"itemsets": renamed(lambda item: None if item == "tea" else item)}, DataError,
        "has sets with an unknown product",
    ),
    "NaN product": (
        {"itemsets": renamed(lambda item: float("nan") if item == "tea" else item)}, DataError,
        "has sets with an unknown product",
    ),
    "empty set": (
        {"itemsets": swap(ITEMSETS["itemsets"], TEA, frozenset())}, DataError,
        "itemsets has an empty set",
    ),
    "a product twice": (
        {"itemsets": swap(LISTS["itemsets"], ["milk", "tea"], ["tea", "tea"])}, DataError,
        "holds a product twice, {'tea', 'tea'}",
    ),
    "the same set twice": (
        {"itemsets": swap(ITEMSETS["itemsets"], frozenset(["bread"]), TEA)}, DataError,
        "has the same set in two rows, such as {'tea'}",
    ),
    "count of no basket": (
        {"count": 0}, DataError, "'count' must hold whole numbers of baskets above 0",
    ),
    "half a basket": ({"count": 1.5}, DataError, "'count' must hold whole numbers"),
    "unknown count": ({"count": np.nan}, DataError, "'count' must hold whole numbers"),
    "count as text": ({"count": "3"}, ColumnError, "column 'count' .* holds String"),
    "support above 1": ({"support": 1.1}, DataError, "'support' must hold shares"),
    "support of 0": ({"support": 0.0}, DataError, "'support' must hold shares"),
    "unknown support": ({"support": np.nan}, DataError, "'support' must hold shares"),
    "more baskets than a part": (
        {"count": [1 if one == TEA else 2 for one in ITEMSETS["itemsets"]]}, DataError,
        "in more baskets than a part",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_bad_itemsets(name):
    columns, error, sentence = CASES[name]
    if name == "more baskets than a part":
        columns["support"] = np.array(columns["count"]) / 5
    with pytest.raises(error, match=rf"association_rules: .*{sentence}"):
        made_with(**columns)


@pytest.mark.parametrize(
    ("sets", "error", "sentence"),
    [
        ([["a"], None], ColumnError, "must hold sets of products"),
        (["a", "b"], ColumnError, "it holds String"),
        ([["a"], [None]], DataError, "unknown product"),
        ([[["a"]], [["b"]]], ColumnError, "hold List.String., not names"),
    ],
)
def test_bad_lists(sets, error, sentence):
    table = pl.DataFrame({"itemsets": sets, "support": [0.5, 0.5], "count": [1, 1]})
    with pytest.raises(error, match=sentence):
        crm.rules.association_rules(table)
    with pytest.raises(error, match=sentence.replace("hold List.String.", "hold List.*")):
        crm.rules.association_rules(table.to_arrow())


@pytest.mark.parametrize(
    ("table", "error", "sentence"),
    [
        (ITEMSETS.drop(columns="support"), ColumnError, "no column 'support' in itemsets"),
        (ITEMSETS.drop(columns="itemsets"), ColumnError, "no column 'itemsets' in itemsets"),
        (ITEMSETS.drop(columns="count"), OptionError, "n_baskets is needed"),
        (pl.from_pandas(LISTS).lazy(), DataError, "itemsets is a Polars LazyFrame"),
        ([["tea"]], DataError, "itemsets must be a table"),
        (None, DataError, "itemsets must be a table"),
    ],
)
def test_bad_tables(table, error, sentence):
    with pytest.raises(error, match=f"association_rules: {sentence}"):
        crm.rules.association_rules(table)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("min_confidence", 1.1, "must be a number from 0 to 1; got 1.1"),
        ("min_confidence", None, "must be a number from 0 to 1; got None"),
        ("min_lift", -1, "must be a number of 0 or more; got -1"),
        ("max_consequents", 0, "must be a whole number of 1 or more; got 0"),
        ("max_consequents", 1.5, "must be a whole number of 1 or more"),
        ("test", "chi2", "must be one of 'fisher'; got 'chi2'"),
        ("test", True, "must be one of 'fisher'"),
        ("correction", "fdr", "must be one of 'bh', 'holm', 'bonferroni'"),
        ("redundancy", 1, "must be True or False"),
        ("confidence", 95, "must lie between 0 and 1; got 95. For 95 % write"),
        ("n_baskets", 0, "must be a whole number of 1 or more"),
        ("n_baskets", 5.0, "must be a whole number of 1 or more"),
        ("antecedents_in", "tea", "must be a list of products; got 'tea'. Write"),
        ("consequents_in", 3, "must be a list of products"),
        ("exclude", {"tea": 1}, "must be a list of products"),
        ("exclude", [["tea"]], "must be a list of products"),
        ("prices", [1.0], "must be a dict from product to a finite number"),
        ("prices", 3, "must be a dict from product to a finite number"),
        ("prices", {"tea": "2"}, "must be a dict from product to a finite number"),
        ("prices", {"tea": True}, "must be a dict from product to a finite number"),
        ("prices", {"tea": float("inf")}, "must be a dict from product to a finite number"),
    ],
)
def test_bad_options(option, value, sentence):
    with pytest.raises(OptionError, match=f"association_rules: {option} {sentence}"):
        crm.rules.association_rules(ITEMSETS, **{option: value})


def kinds(table):
    """Return names and dtypes of columns; narwhals sees no objects where there is no row."""
    native = isinstance(table, pd.DataFrame)
    return dict(table.dtypes) if native else dict(nw.from_native(table).schema)


EMPTY = [{"min_lift": 99}, {"antecedents_in": []}, {"exclude": ["tea", "milk"]}]


@pytest.mark.parametrize("none", EMPTY)
@pytest.mark.parametrize("make", [lambda table: table, pl.from_pandas, pa.Table.from_pandas])
def test_no_rules_have_the_usual_columns(make, none):
    given = ITEMSETS if make(LISTS) is LISTS else make(LISTS)
    want = crm.rules.association_rules(given, prices={"tea": 2})
    for table in (given, given[:0]):
        got = crm.rules.association_rules(table, **none, prices={"tea": 2})
        assert len(got) == 0
        assert kinds(got) == kinds(want)


def test_no_itemsets_of_mlxtend():
    none = pd.DataFrame({"support": [], "itemsets": []})
    assert len(crm.rules.association_rules(none, n_baskets=7)) == 0
