"""Baskets read from lists, one-hot tables and sparse matrices."""

from datetime import date, datetime

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.preprocessing import TransactionEncoder
from scipy import sparse

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError

NAMES = ["halva", "milk", "nan", "tea"]
SHOP = [["tea", "milk", "tea"], [], ["halva"], ["tea"]]
HELD = [(), ("halva",), ("milk", "tea"), ("tea",)]
GRID = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
FEW = settings(max_examples=25, deadline=None)


def held(read):
    """Return the names in each basket, baskets in any order."""
    names = list(read.items)
    parts = np.split(read.codes, read.starts[1:-1]) if read.n_baskets else []
    return sorted(tuple(names[code] for code in part) for part in parts)


def one_hot(dtype=bool, columns=NAMES):
    return pd.DataFrame(GRID, columns=columns).astype(dtype)


@pytest.mark.parametrize(
    "lists",
    [
        SHOP,
        tuple(map(tuple, SHOP)),
        list(map(set, SHOP)),
        set(map(frozenset, SHOP)),
        [np.array(basket, dtype="U") for basket in SHOP],
        [pd.Series(basket, dtype="str") for basket in SHOP],
        pd.Series(SHOP),
        pd.Series(SHOP, index=list("wxyz")),
        pd.Series(SHOP, dtype=pd.ArrowDtype(pa.list_(pa.string()))),
        pl.Series(SHOP),
        np.array([*SHOP, None], dtype=object)[:-1],
    ],
)
def test_lists(lists):
    read = crm.rules.baskets(lists)
    assert held(read) == HELD
    assert list(read.items) == ["halva", "milk", "tea"]
    assert read.counts.tolist() == [1, 1, 2]
    answer = crm.rules.frequent_itemsets(lists, min_support=2)
    assert answer["itemsets"].tolist() == [frozenset(["tea"])]
    assert answer["support"].tolist() == [0.5]  # the empty basket counts


def test_repeats_in_lists_are_counted():
    assert crm.rules.baskets(SHOP).dropped["duplicates"] == 1


@pytest.mark.parametrize("none", [None, float("nan"), pd.NA, pd.NaT])
@pytest.mark.parametrize("items", [["nan", "tea"], [3, 71053], [False, True], [0.5, 2.0]])
def test_nulls_in_lists(none, items):
    with pytest.warns(CrmlyticsWarning, match="left out of transactions: 2 lines without"):
        read = crm.rules.baskets([[items[1], none], [items[0], none, items[1]]])
    assert read.items.tolist() == items
    assert {type(item) for item in read.items} == {type(items[0])}
    assert read.dropped["missing"] == 2


@pytest.mark.parametrize("lists", [[], [[]], [[], []]])
def test_empty_lists_are_baskets(lists):
    read = crm.rules.baskets(lists)
    assert (read.n_baskets, read.n_items) == (len(lists), 0)
    assert len(crm.rules.frequent_itemsets(lists, min_support=0.5)) == 0


def test_lists_of_nulls():
    with pytest.warns(CrmlyticsWarning):
        read = crm.rules.baskets([[None], [None]])
    assert (read.n_baskets, read.n_items, read.dropped["missing"]) == (2, 0, 2)


def test_moments_in_lists():
    moments = [datetime(2026, 1, 2), datetime(2025, 1, 1)]  # noqa: DTZ001 - labels have no zone
    assert crm.rules.baskets([moments]).items.tolist() == sorted(moments)


@FEW
@given(lists=st.lists(st.lists(st.sampled_from(NAMES)), max_size=10), data=st.data())
def test_all_ways_are_one(lists, data):
    lists = data.draw(st.permutations(lists))
    grid = np.array([[name in basket for name in NAMES] for basket in lists]).reshape(-1, 4)
    wide = pd.DataFrame(grid, columns=NAMES)
    want = sorted(tuple(sorted(set(basket))) for basket in lists)
    shuffled = wide[data.draw(st.permutations(NAMES))]
    for given_ in (lists, wide, shuffled, wide.astype(int), pl.from_pandas(wide)):
        assert held(crm.rules.baskets(given_)) == want
    if lists:
        assert held(crm.rules.baskets(wide.astype(pd.SparseDtype(bool)))) == want
    numbered = crm.rules.baskets(sparse.csr_array(grid))
    assert sorted(tuple(NAMES[item] for item in basket) for basket in held(numbered)) == want


def test_one_hot(make_eager):
    for dtype in ("bool", "int8", "int64", "float64"):
        table = make_eager(pa.Table.from_pandas(one_hot(dtype), preserve_index=False))
        read = crm.rules.baskets(table)
        assert held(read) == HELD
        assert (list(read.items), read.counts.tolist()) == (["halva", "milk", "tea"], [1, 1, 2])
        answer = crm.rules.frequent_itemsets(table, min_support=2)
        assert isinstance(answer, type(table))
        labels = nw.from_native(answer, eager_only=True)["itemsets"].to_list()
        assert [list(one) for one in labels] == [["tea"]]


def test_one_hot_without_rows_or_with_objects():
    assert crm.rules.baskets(one_hot().head(0)).n_baskets == 0
    assert held(crm.rules.baskets(one_hot(object))) == HELD


def test_sparse_columns_of_mlxtend():
    encoder = TransactionEncoder()
    matrix = encoder.fit(SHOP).transform(SHOP, sparse=True)
    table = pd.DataFrame.sparse.from_spmatrix(matrix, columns=encoder.columns_)
    for given_ in (table, one_hot().astype(pd.SparseDtype(bool)), one_hot(pd.SparseDtype(int, 0))):
        read = crm.rules.baskets(given_)
        assert held(read) == HELD
    assert type(crm.rules.frequent_itemsets(table, min_support=1)) is pd.DataFrame


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr"])
@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.float32])
def test_sparse_matrices(kind, dtype):
    for form in ("array", "matrix"):
        matrix = getattr(sparse, f"{kind}_{form}")(GRID.astype(dtype) * dtype(1))
        before = matrix.toarray().copy()
        read = crm.rules.baskets(matrix)
        assert held(read) == [(), (0,), (1, 3), (3,)]
        assert (list(read.items), read.counts.tolist()) == ([0, 1, 3], [1, 1, 2])
        assert (matrix.toarray() == before).all()


def test_stored_zeros_and_quantities_of_a_matrix():
    matrix = sparse.csr_array(([0, 7, 2.5], ([0, 0, 1], [0, 1, 1])), shape=(3, 2))
    assert held(crm.rules.baskets(matrix)) == [(), (1,), (1,)]


def test_max_size_of_lists_matrices_and_wide_tables():
    for given_, want in (
        (SHOP, [(), ("halva",), ("tea",)]),
        (one_hot(), [(), ("halva",), ("tea",)]),
        (sparse.csr_array(GRID), [(), (0,), (3,)]),
    ):
        with pytest.warns(CrmlyticsWarning, match="1 baskets of more than max_size products"):
            read = crm.rules.baskets(given_, max_size=1)
        assert held(read) == want
        assert read.n_items == 2  # milk was in the giant basket alone
        assert len(read.orders) == read.n_baskets == 3


SPARSE = one_hot(int)
BAD = {
    "texts": (["milk", "tea"], DataError, "the text 'milk' as a basket, .* read as its letters"),
    "bytes": ([b"milk"], DataError, "the text b'milk' as a basket"),
    "column of texts": (pd.Series(["milk"]), DataError, "the text 'milk' as a basket"),
    "Polars column": (pl.Series(["milk"]), DataError, "the text 'milk' as a basket"),
    "numbers": ([1, 2], DataError, "list of items for each basket; got 1 as a basket"),
    "no basket": ([["a"], None], DataError, "got None as a basket"),
    "dicts": ([{"a": 1}], DataError, r"got \{'a': 1\} as a basket"),
    "tables": ([one_hot()], DataError, "got a table as a basket"),
    "mixed": ([["a", 1]], DataError, "hold mixed-integer Python objects, not names"),
    "tuples": ([[("a", 1)]], DataError, "hold mixed Python objects, not names"),
    "dates": ([[date(2026, 1, 1)]], DataError, "hold date Python objects, not names"),
    "iterator": (iter([["a"]]), DataError, "transactions must be a table"),
    "matrix": (GRID, DataError, "must be a table .*; got numpy.ndarray"),
    "2 in a one-hot table": (one_hot(int) * 2, ColumnError, "no one-hot table: column .* holds 2"),
    "-1 in a one-hot table": (-one_hot(int), ColumnError, "no one-hot table: column .* holds -1"),
    "numbers of orders": (
        pd.DataFrame({"invoice": [536365], "stock": [71053]}), ColumnError,
        "no columns for orders and products, and is no one-hot table: column 'invoice' holds",
    ),
    "NaN in a one-hot table": (
        one_hot(float).replace(1, np.nan), ColumnError, "4 cells of the one-hot table .* are null"
    ),
    "null in a one-hot table": (
        pl.DataFrame({"a": [True, None]}), ColumnError, "1 cells of the one-hot table"
    ),
    "lazy one-hot table": (
        pl.DataFrame({"a": [True]}).lazy(), ColumnError, "no column 'order_id'"
    ),
    "numbers as names": (one_hot(columns=range(4)), ColumnError, "names that are not text: .0, 1"),
    "no columns": (pd.DataFrame(index=[0, 1]), ColumnError, "no column 'order_id'"),
    "sparse, filled with 1": (
        SPARSE.astype(pd.SparseDtype(int, 1)), ColumnError, "'halva' .* another fill value than 0"
    ),
    "sparse, filled with NaN": (
        SPARSE.astype(pd.SparseDtype(float)), ColumnError, "'halva' .* another fill value than 0"
    ),
    "sparse, names twice": (
        SPARSE.astype(pd.SparseDtype(int)).set_axis(["a", "b", "a", "c"], axis=1), ColumnError,
        r"columns of the same name: \['a'\]",
    ),
    "sparse below 0": (
        (-SPARSE).astype(pd.SparseDtype(int)), DataError, "a matrix with values below 0"
    ),
    "matrix below 0": (sparse.csr_array(-GRID), DataError, "a matrix with values below 0"),
    "matrix with NaN": (
        sparse.csr_array([[1, np.nan]]), DataError, "a matrix with values below 0, unknown"
    ),
    "matrix of complex numbers": (sparse.csr_array([[1j]]), DataError, "or no numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD))
def test_bad_input(name):
    given_, error, sentence = BAD[name]
    with pytest.raises(error, match=f"^baskets: .*{sentence}"):
        crm.rules.baskets(given_)


def test_levels_are_of_order_lines_alone():
    with pytest.raises(DataError, match="transactions must be a table"):
        crm.rules.baskets(SHOP, level_col="department")
    for wide in (one_hot(), one_hot(int) * 2, one_hot().astype(pd.SparseDtype(bool))):
        with pytest.raises(ColumnError, match="no column 'order_id'"):
            crm.rules.baskets(wide, level_col="department")
