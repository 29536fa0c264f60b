"""Baskets read from long tables on every engine, against plain loops."""

import re
import warnings
from datetime import date, datetime

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

NOTHING = {"duplicates": 0, "returns": 0, "missing": 0, "giant": 0}
LINE = st.tuples(
    st.integers(1, 5),
    st.sampled_from(["tea", "milk", "halva", "nan", "", None]),
    st.sampled_from([1.0, 3.0, 0.0, -1.0, None]),
    st.sampled_from([2.5, -0.5, None]),
)
LINES = st.lists(LINE, max_size=25)
FEW = settings(max_examples=10, deadline=None)  # for each of eight engines


def columns(lines):
    return pa.table(
        {
            "order_id": pa.array([f"o{line[0]}" for line in lines], pa.string()),
            "product_id": pa.array([line[1] for line in lines], pa.string()),
            "quantity": pa.array([line[2] for line in lines], pa.float64()),
            "amount": pa.array([line[3] for line in lines], pa.float64()),
        }
    )


def quiet(table, **options):
    """Read baskets; what is left out is counted by the caller of this."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)
        return crm.rules.baskets(table, **options)


def held(read):
    """Return the names in each basket, baskets in any order."""
    names = list(read.items)
    parts = np.split(read.codes, read.starts[1:-1]) if read.n_baskets else []
    assert all((np.diff(part) > 0).all() for part in parts)  # ascending, each once
    return sorted(tuple(names[code] for code in part) for part in parts)


def plain_loop(lines, max_size=None):
    left_out, orders, kept = dict(NOTHING), {}, 0
    for order, product, quantity, amount in lines:
        if product is None:
            left_out["missing"] += 1
        elif (quantity or 0) < 0 or (amount or 0) < 0:
            left_out["returns"] += 1
        else:
            orders.setdefault(order, set()).add(product)
            kept += 1
    left_out["duplicates"] = kept - sum(map(len, orders.values()))
    small = [basket for basket in orders.values() if max_size is None or len(basket) <= max_size]
    left_out["giant"] = len(orders) - len(small)
    return sorted(tuple(sorted(basket)) for basket in small), left_out


@FEW
@given(lines=LINES, max_size=st.sampled_from([None, 1, 2]))
def test_plain_loop(make_table, lines, max_size):
    read = quiet(make_table(columns(lines)), max_size=max_size)
    want, left_out = plain_loop(lines, max_size)
    assert (held(read), read.dropped) == (want, left_out)
    names = sorted({name for basket in want for name in basket})
    assert list(read.items) == names
    assert read.counts.tolist() == [sum(name in basket for basket in want) for name in names]
    assert (read.n_baskets, read.n_items) == (len(want), len(names))
    assert (read.codes.dtype, len(read.orders)) == (np.int32, len(want))
    assert np.array_equal(np.bincount(read.owners, minlength=len(want)), np.diff(read.starts))


@FEW
@given(lines=LINES, data=st.data())
def test_order_of_rows_and_names_of_orders_are_nothing(make_table, lines, data):
    other = [(9 - line[0], *line[1:]) for line in data.draw(st.permutations(lines))]
    one, two = quiet(make_table(columns(lines))), quiet(make_table(columns(other)))
    assert held(one) == held(two)
    assert list(one.items) == list(two.items)
    assert one.counts.tolist() == two.counts.tolist()
    assert one.dropped == two.dropped


@FEW
@given(lines=LINES)
def test_lazy_is_eager(make_lazy, lines):
    lazy, eager = quiet(make_lazy(columns(lines))), quiet(columns(lines))
    assert held(lazy) == held(eager)
    assert list(lazy.items) == list(eager.items)
    assert lazy.dropped == eager.dropped


LABELS = {
    "text": (["tea", "a", None, "é"], pa.string(), ["a", "tea", "é"]),
    "int": ([30_000_000_000, -2, None, 7], pa.int64(), [-2, 7, 30_000_000_000]),
    "small int": ([2, 1, None, 3], pa.int8(), [1, 2, 3]),
    "float": ([2.5, -1.0, None, 1e9], pa.float64(), [-1.0, 2.5, 1e9]),
    "flag": ([True, False, None, True], pa.bool_(), [False, True]),
    "date": (
        [date(2026, 1, 2), date(2025, 1, 1), None, date(2026, 1, 3)], pa.date32(),
        [date(2025, 1, 1), date(2026, 1, 2), date(2026, 1, 3)],
    ),
    "moment": (
        [datetime(2026, 1, 2), datetime(2025, 1, 1), None, datetime(2026, 1, 3)],  # noqa: DTZ001
        pa.timestamp("us"),
        [datetime(2025, 1, 1), datetime(2026, 1, 2), datetime(2026, 1, 3)],  # noqa: DTZ001
    ),
    "category": (["tea", "a", None, "é"], pa.string(), ["a", "tea", "é"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(LABELS))
@pytest.mark.parametrize("with_nulls", [True, False])
def test_labels(make_table, kind, with_nulls):
    labels, dtype, want = LABELS[kind]
    chosen = [labels[place] for place in (0, 1, 2, 3, 0, 1) if with_nulls or place != 2]
    values = pa.array(chosen, dtype)
    values = values.dictionary_encode() if kind == "category" else values
    table = make_table(pa.table({"order_id": range(len(chosen)), "product_id": values}))
    if kind == "date" and isinstance(table, pd.DataFrame) and table["product_id"].dtype == object:
        with pytest.raises(ColumnError, match="holds date Python objects, not keys"):
            crm.rules.baskets(table)  # pandas has no type for days of its own
        return
    read = quiet(table)
    assert list(read.items) == want
    assert read.counts.sum() == read.n_baskets == 5
    assert read.dropped == NOTHING | {"missing": int(with_nulls)}
    answer = crm.rules.frequent_itemsets(read, min_support=1)
    singles = nw.from_native(answer, eager_only=True)["itemsets"].to_list()
    assert sorted(label for one in singles for label in one) == want


def test_integers_of_pandas_stay_integers():
    table = pd.DataFrame({"order_id": [1, 1, 2], "product_id": [71053, 22, 22]})
    answer = crm.rules.frequent_itemsets(table, min_support=1)
    assert {type(item) for one in answer["itemsets"] for item in one} == {int}


def test_what_is_left_out_is_said(make_table):
    lines = [
        (1, "tea", 1.0, None), (1, "tea", 2.0, None), (1, "milk", 1.0, 2.5), (1, None, 1.0, 2.5),
        (1, "halva", -1.0, 2.5), (2, "halva", 1.0, -0.5), (3, None, -1.0, 2.5),
        (4, "tea", None, None), (5, "nan", 0.0, 2.5), (5, "", 1.0, 2.5),
    ]  # fmt: skip
    with pytest.warns(CrmlyticsWarning) as caught:
        read = crm.rules.baskets(make_table(columns(lines)), max_size=1)
    assert [str(warning.message) for warning in caught] == [
        "baskets: left out of transactions: 2 lines without a product, 2 baskets of more than "
        "max_size products."
    ]
    assert caught[0].filename == __file__
    # orders 2 and 3 have nothing left, orders 1 and 5 have two products
    assert held(read) == [("tea",)]
    assert read.dropped == {"duplicates": 1, "returns": 2, "missing": 2, "giant": 2}
    summary = nw.from_native(read.summary(), eager_only=True)
    assert dict(summary.iter_rows()) == {
        "baskets": 1,
        "items": 1,
        "different products of baskets": 1,
        "largest basket": 1,
        "left out: lines that repeat a product of their order": 1,
        "left out: lines with a quantity or amount below 0": 2,
        "left out: lines without a product": 2,
        "left out: baskets of more than max_size products": 2,
    }
    assert repr(read) == "Baskets(n_baskets=1, n_items=1)"


def test_repeated_products_and_returns_are_not_worth_a_warning(make_table):
    lines = [(1, "tea", 1.0, 2.5)] * 3 + [(1, "milk", -1.0, 2.5)]
    read = crm.rules.baskets(make_table(columns(lines)))
    assert read.dropped == NOTHING | {"duplicates": 2, "returns": 1}


def test_columns_that_need_not_be_there(make_table):
    table = columns([(1, "tea", -1.0, 2.5), (1, "milk", 1.0, -0.5)])
    without = make_table(table.select(["order_id", "product_id"]))
    assert held(crm.rules.baskets(without)) == [("milk", "tea")]
    assert held(crm.rules.baskets(make_table(table), quantity_col=None, amount_col=None)) == [
        ("milk", "tea")
    ]
    assert held(quiet(make_table(table), amount_col=None)) == [("milk",)]
    with pytest.raises(ColumnError, match=r"baskets: no column 'pieces' \(quantity_col\)"):
        crm.rules.baskets(without, quantity_col="pieces")


def test_other_names_and_levels(make_table):
    table = {
        "InvoiceNo": [1, 1, 1, 2],
        "StockCode": ["85123A", "71053", "71053", "71053"],
        "department": ["lamps", "lamps", "toys", None],
    }
    named = {"order_col": "InvoiceNo", "product_col": "StockCode"}
    read = quiet(make_table(pa.table(table)), **named)
    assert held(read) == [("71053",), ("71053", "85123A")]
    levels = quiet(make_table(pa.table(table)), **named, level_col="department")
    assert held(levels) == [("lamps", "toys")]
    assert levels.dropped == NOTHING | {"missing": 1, "duplicates": 1}
    # the products are not looked at, and need not be there
    del table["StockCode"]
    assert held(quiet(make_table(pa.table(table)), level_col="department", order_col="InvoiceNo"))


def test_options_of_baskets_in_the_search_for_itemsets(make_eager):
    table = make_eager(
        pa.table({"no": [1, 1, 1, 2], "sku": ["a", "b", "c", "a"], "shelf": ["x", "y", "y", "x"]})
    )
    got = crm.rules.frequent_itemsets(table, min_support=2, order_col="no", level_col="shelf")
    assert [list(one) for one in nw.from_native(got)["itemsets"].to_list()] == [["x"]]
    with pytest.warns(CrmlyticsWarning, match="frequent_itemsets: left out of transactions: 1 bas"):
        got = crm.rules.frequent_itemsets(
            table, min_support=1, order_col="no", product_col="sku", max_size=2
        )
    assert nw.from_native(got)["support"].to_list() == [1.0]


def test_a_pandas_index_carries_nothing():
    table = pd.DataFrame({"order_id": [1, 1, 2], "product_id": ["b", None, "a"]}, index=[7, 7, 0])
    assert held(quiet(table)) == [("a",), ("b",)]


@pytest.fixture(scope="module")
def million():
    """Return a million lines of 200,000 orders, some without a product and some returned."""
    rng = np.random.default_rng(0)
    names = pa.array([f"p{number}" for number in range(20_000)])
    item = pa.array(rng.zipf(1.3, 1_000_000) % 20_000, mask=rng.random(1_000_000) < 0.01)
    order = rng.integers(0, 200_000, 1_000_000) * 7 + 10**9
    quantity = np.where(rng.random(1_000_000) < 0.02, -1.0, 1.0)
    return pa.table({"order_id": order, "product_id": names.take(item), "quantity": quantity})


def test_a_million_lines(make_table, million):
    read = quiet(make_table(million))
    # pandas: drop_duplicates of order and product, where there is a product and no return
    lines = million.to_pandas()
    there = lines["product_id"].notna()
    bought = lines[there & (lines["quantity"] > 0)]
    pairs = bought.drop_duplicates(["order_id", "product_id"])
    assert read.dropped == {
        "missing": (~there).sum(), "returns": there.sum() - len(bought),
        "duplicates": len(bought) - len(pairs), "giant": 0,
    }  # fmt: skip
    assert read.n_baskets == pairs["order_id"].nunique()
    counts = pairs["product_id"].value_counts()
    assert dict(zip(read.items, read.counts.tolist(), strict=True)) == counts.to_dict()
    sizes = pairs["order_id"].value_counts()
    assert np.array_equal(np.sort(np.diff(read.starts)), np.sort(sizes))


def test_no_lines(make_table):
    read = crm.rules.baskets(make_table(columns([])))
    assert (read.n_baskets, read.n_items, held(read)) == (0, 0, [])
    answer = nw.from_native(crm.rules.frequent_itemsets(read, min_support=0.5), eager_only=True)
    assert (len(answer), answer.columns) == (0, ["support", "itemsets", "length", "count"])


def test_nothing_left(make_table):
    read = quiet(make_table(columns([(1, None, 1.0, 1.0), (2, "tea", -1.0, None)])))
    assert (read.n_baskets, read.n_items) == (0, 0)
    assert read.dropped == NOTHING | {"missing": 1, "returns": 1}


def test_answers_of_lazy_tables(engines):
    table = columns([(1, "tea", 1.0, 2.5)])
    kinds = {"polars lazy": pl.DataFrame, "duckdb": pa.Table}
    for name, kind in kinds.items():
        read = crm.rules.baskets(engines[name](table))
        assert isinstance(crm.rules.frequent_itemsets(read, min_support=1), kind)
        assert isinstance(read.summary(), kind)
        with pytest.raises(DataError, match="and this function needs its numbers here"):
            crm.rules.frequent_itemsets(engines[name](table), min_support=1)


def test_the_table_is_not_changed(make_eager):
    table = make_eager(columns([(1, None, 1.0, 1.0), (2, "tea", -1.0, None), (2, "tea", 1.0, 1.0)]))
    before = nw.from_native(table).to_arrow()
    quiet(table, max_size=1)
    assert nw.from_native(table).to_arrow().equals(before)


def test_baskets_are_left_as_they_are():
    read = crm.rules.baskets([["a", "b"]])
    assert crm.rules.baskets(read) is read


def odd(**changed):
    return pd.DataFrame({"order_id": [1, 2], "product_id": ["a", "b"]} | changed)


@pytest.mark.parametrize(
    ("table", "error", "sentence"),
    [
        (odd(order_id=[1, None]), DataError, "1 of 2 rows have no 'order_id' (order_col)"),
        (odd(product_id=["a", 1]), ColumnError, "(product_col) holds mixed-integer Python objects"),
        (odd(product_id=[["a"], ["b"]]), ColumnError, "(product_col) holds mixed Python objects"),
        (odd(quantity=["1", "2"]), ColumnError, "column 'quantity' (quantity_col) holds String"),
        (odd(quantity=[1, np.inf]), DataError, "(quantity_col) are infinite"),
        (
            odd().rename(columns={"order_id": "order"}),
            ColumnError,
            "Did you mean order_col='order'",
        ),
        (odd().rename(columns={"product_id": "sku"}), ColumnError, "no column 'product_id'"),
        (
            odd().set_axis(["invoice", "sku"], axis=1),
            ColumnError,
            "no column 'order_id' (order_col)",
        ),
        (odd().set_axis([1, 2], axis=1), ColumnError, "column names that are not text: [1, 2]"),
        (odd().set_axis(["a", "a"], axis=1), ColumnError, "columns of the same name: ['a']"),
        (odd().to_dict("list"), DataError, "transactions must be a table"),
        ("tea", DataError, "transactions must be a table"),
        (None, DataError, "transactions must be a table"),
        (3, DataError, "transactions must be a table"),
    ],
)
def test_bad_tables(table, error, sentence):
    with pytest.raises(error, match=f"^baskets: .*{re.escape(sentence)}"):
        crm.rules.baskets(table)
    with pytest.raises(error, match=f"^frequent_itemsets: .*{re.escape(sentence)}"):
        crm.rules.frequent_itemsets(table, min_support=1)


@pytest.mark.parametrize("max_size", [0, -1, 2.5, True, "3"])
def test_bad_max_size(max_size):
    with pytest.raises(OptionError, match="baskets: max_size must be a whole number of 1 or more"):
        crm.rules.baskets([["a"]], max_size=max_size)
