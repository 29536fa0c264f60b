"""frequent_itemsets against brute force and mlxtend."""

import sys
import tracemalloc
from fractions import Fraction
from itertools import combinations
from math import ceil

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
from crmlytics import rules
from crmlytics.errors import DataError, OptionError
from crmlytics.rules import _itemsets, _miner

NAMES = "abcdef"
BASKETS = st.lists(st.sets(st.sampled_from(NAMES)).map(sorted), max_size=16)
FEW = settings(max_examples=60, deadline=None)
SHOP = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"]]


def as_dict(table):
    """Return the count of each set."""
    made = {frozenset(one): n for one, n in zip(table["itemsets"], table["count"], strict=True)}
    assert len(made) == len(table)
    return made


def brute_force(baskets, least, out=()):
    items = sorted({item for basket in baskets for item in basket} - set(out))
    counts = {
        frozenset(one): sum(set(one) <= set(basket) for basket in baskets)
        for length in range(1, len(items) + 1)
        for one in combinations(items, length)
    }
    return {one: n for one, n in counts.items() if n >= least}


def kept(counts, kind, longest):
    """Keep closed or maximal sets by their definitions, over all larger sets."""
    larger = {one: [other for other in counts if one < other] for one in counts}
    good = {
        "all": lambda _: True,
        "closed": lambda one: all(counts[other] < counts[one] for other in larger[one]),
        "maximal": lambda one: not larger[one],
    }[kind]
    return {one: n for one, n in counts.items() if good(one) and len(one) <= (longest or 99)}


@FEW
@given(
    baskets=BASKETS,
    least=st.integers(1, 6) | st.floats(0.01, 1),
    longest=st.sampled_from([None, 1, 2, 3]),
    kind=st.sampled_from(["all", "closed", "maximal"]),
    out=st.lists(st.sampled_from("abx"), max_size=2),
)
def test_brute_force(baskets, least, longest, kind, out):
    got = crm.rules.frequent_itemsets(
        baskets, min_support=least, max_length=longest, kind=kind, exclude=out
    )
    hair = Fraction(1, 10**9)
    count = least if isinstance(least, int) else ceil(Fraction(least) * len(baskets) - hair)
    assert as_dict(got) == kept(brute_force(baskets, count, out), kind, longest)
    assert got["length"].tolist() == [len(one) for one in got["itemsets"]]
    assert got["support"].tolist() == [n / len(baskets) for n in got["count"]]
    order = [
        (length, -count, sorted(one))
        for length, count, one in zip(got["length"], got["count"], got["itemsets"], strict=True)
    ]
    assert order == sorted(order)  # by length, then by falling count, then by names


@FEW
@given(baskets=BASKETS.filter(len), share=st.sampled_from([0.05, 0.2, 1 / 3, 0.5, 1.0]))
def test_mlxtend(baskets, share):
    wide = pd.DataFrame([{name: name in basket for name in NAMES} for basket in baskets])
    for kind, theirs in (("all", fpgrowth), ("maximal", fpmax)):
        want = theirs(wide, min_support=share, use_colnames=True)
        got = crm.rules.frequent_itemsets(wide, min_support=share, kind=kind)
        assert dict(zip(got["itemsets"], got["support"], strict=True)) == dict(
            zip(want["itemsets"], want["support"], strict=True)
        )
        assert list(got.columns)[:2] == list(want.columns)


@FEW
@given(
    baskets=BASKETS,
    least=st.integers(1, 4),
    longest=st.sampled_from([None, 1, 2, 4]),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 5)),
)
def test_work_in_small_parts(baskets, least, longest, sizes):
    with pytest.MonkeyPatch.context() as patch:
        for name, size in zip(["_ENTRIES", "_CELLS", "_WORDS"], sizes, strict=True):
            patch.setattr(_miner, name, size)
        got = crm.rules.frequent_itemsets(baskets, min_support=least, max_length=longest)
    assert as_dict(got) == kept(brute_force(baskets, least), "all", longest)


def many(n_baskets=3_000, n_items=60, mean=6):
    """Return baskets of which some items are in many and most in few; simulated."""
    rng = np.random.default_rng(8)
    shares = 1 / np.arange(1, n_items + 1)
    sizes = rng.poisson(mean, n_baskets)
    items = rng.choice(n_items, sizes.sum(), p=shares / shares.sum())
    lines = {"order_id": np.repeat(np.arange(n_baskets), sizes), "product_id": items}
    return pd.DataFrame(lines)


@pytest.mark.parametrize("options", [{}, {"max_length": 2}, {"kind": "closed"}, {"exclude": [0]}])
def test_compiled_and_plain_are_one(monkeypatch, options):
    pytest.importorskip("numba")
    read = crm.rules.baskets(many())
    answers = []
    for first in (0, 10**9):
        monkeypatch.setattr(_itemsets, "_COMPILED_FROM", first)
        answers.append(crm.rules.frequent_itemsets(read, min_support=0.004, **options))
    assert len(answers[0]) > 300
    pd.testing.assert_frame_equal(*answers)


def test_without_numba(monkeypatch):
    monkeypatch.setattr(_itemsets, "_COMPILED_FROM", 0)
    monkeypatch.setitem(sys.modules, "crmlytics.rules._kernels", None)
    monkeypatch.delattr(rules, "_kernels", raising=False)
    assert _itemsets._engine(10) is _miner.mine
    assert len(crm.rules.frequent_itemsets(SHOP, min_support=1)) == 7


def test_many_baskets_against_pandas():
    lines = many().drop_duplicates()
    got = as_dict(crm.rules.frequent_itemsets(lines, min_support=30, max_length=2))
    pairs = lines.merge(lines, on="order_id")
    pairs = pairs[pairs["product_id_x"] <= pairs["product_id_y"]]
    counts = pairs.groupby(["product_id_x", "product_id_y"]).size()
    assert got == {frozenset(pair): n for pair, n in counts.items() if n >= 30}


@pytest.mark.parametrize(
    ("share", "n", "count"),
    [
        # FIMI retail: 88.162 baskets are 89; Groceries: 9.835 are 10
        (0.001, 88_162, 89),
        (0.001, 9_835, 10),
        # as floats these are a hair above a whole number
        (0.07, 100, 7),
        (0.57, 100, 57),
        (0.07, 300_000_000, 21_000_000),
        (1.0, 5, 5),
        (1e-9, 5, 1),
        (0.5, 0, 1),
    ],
)
def test_shares_as_counts(share, n, count):
    assert _itemsets.least_count(share, n) == count


@FEW
@given(n=st.integers(1, 10**9), data=st.data())
def test_share_of_a_count_is_that_count(n, data):
    count = data.draw(st.integers(1, n))
    assert _itemsets.least_count(count / n, n) == count


def test_least_support_is_inclusive():
    # milk is in 2 of 4 baskets
    for least in (0.5, 2, np.float64(0.5), np.int64(2)):
        assert frozenset(["milk"]) in as_dict(crm.rules.frequent_itemsets(SHOP, min_support=least))
    for least in (0.500001, 3):
        assert list(as_dict(crm.rules.frequent_itemsets(SHOP, min_support=least))) == [{"tea"}]
    # 1.0 is a share, 1 a number of baskets
    assert len(crm.rules.frequent_itemsets(SHOP, min_support=1.0)) == 1
    assert len(crm.rules.frequent_itemsets(SHOP, min_support=1)) == 7


@pytest.mark.parametrize("compiled", [True, False])
def test_too_many_itemsets_are_an_error_before_memory_is_used(monkeypatch, compiled):
    if compiled:
        pytest.importorskip("numba")
    monkeypatch.setattr(_itemsets, "_COMPILED_FROM", 0 if compiled else 10**9)
    alike = crm.rules.baskets([[f"p{i:02}" for i in range(60)]] * 5)  # 2**60 sets
    crm.rules.frequent_itemsets(SHOP, min_support=1)  # what is imported is not counted
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        crm.rules.frequent_itemsets(alike, min_support=5, max_itemsets=20_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # bytes
    sentence = str(caught.value)
    assert sentence.startswith(
        "frequent_itemsets: more than max_itemsets=20,000 sets of products are in at least 5 of 5 "
        "baskets ("
    )
    assert "Raise min_support, set max_length, exclude" in sentence


def test_as_many_itemsets_as_allowed():
    assert len(crm.rules.frequent_itemsets(SHOP, min_support=1, max_itemsets=7)) == 7
    for most in (6, 1):
        with pytest.raises(DataError, match="more than max_itemsets"):
            crm.rules.frequent_itemsets(SHOP, min_support=1, max_itemsets=most)


def test_one_item_in_all_baskets():
    baskets = [["bag", "tea"], ["bag"], ["bag", "milk"]]
    got = crm.rules.frequent_itemsets(baskets, min_support=1, kind="closed")
    assert as_dict(got) == {frozenset(["bag"]): 3, frozenset(["bag", "tea"]): 1,
                            frozenset(["bag", "milk"]): 1}  # fmt: skip
    got = crm.rules.frequent_itemsets(baskets, min_support=1, exclude=["bag"])
    assert as_dict(got) == {frozenset(["tea"]): 1, frozenset(["milk"]): 1}
    assert got["support"].tolist() == [1 / 3, 1 / 3]  # of all baskets, as before


def test_longest_sets_are_judged_by_those_one_longer():
    # all three products stand together twice: no pair is closed, whatever the longest asked for
    baskets = [["a", "b", "c"]] * 2
    for kind in ("closed", "maximal"):
        got = crm.rules.frequent_itemsets(baskets, min_support=1, kind=kind, max_length=2)
        assert len(got) == 0


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("least", [1, 9])
def test_kinds_of_answers(make, least):
    pairs = [(order, item) for order, basket in enumerate(SHOP) for item in basket]
    orders, items = zip(*pairs, strict=True)
    table = make({"order_id": list(orders), "product_id": list(items)})
    got = crm.rules.frequent_itemsets(table, min_support=least)
    assert type(got) is type(table)
    frame = nw.from_native(got, eager_only=True)
    assert frame.columns == ["support", "itemsets", "length", "count"]
    assert [frame[name].dtype for name in ("support", "length", "count")] == [
        nw.Float64, nw.Int64, nw.Int64
    ]  # fmt: skip
    if make is pd.DataFrame:
        assert got["itemsets"].dtype == object
        assert all(isinstance(one, frozenset) for one in got["itemsets"])
        assert got.index.equals(pd.RangeIndex(len(got)))
    else:
        assert frame["itemsets"].dtype == nw.List(nw.String)
    want = [["tea"], ["halva"], ["milk"], ["halva", "tea"], ["milk", "tea"], ["halva", "milk"]]
    sets = [sorted(one) if make is pd.DataFrame else one for one in frame["itemsets"].to_list()]
    assert sets == ([*want, ["halva", "milk", "tea"]] if least == 1 else [])


def test_answers_may_be_edited():
    got = crm.rules.frequent_itemsets(SHOP, min_support=1)
    got.loc[0, "support"] = 0.5
    got["count"] += 1
    assert got.loc[0, ["support", "count"]].tolist() == [0.5, 5]


@pytest.mark.parametrize("kind", ["all", "closed", "maximal"])
@pytest.mark.parametrize("baskets", [[], [[]], [["a"], ["b"]]])
def test_nothing_frequent(baskets, kind):
    got = crm.rules.frequent_itemsets(baskets, min_support=2, kind=kind)
    want = crm.rules.frequent_itemsets(SHOP, min_support=2, kind=kind)
    assert len(got) == 0
    assert list(got.dtypes) == list(want.dtypes)
    assert list(got.columns) == list(want.columns)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        *[("min_support", bad, "must be a share above 0 and up to 1.0, or a whole number")
          for bad in (0, 0.0, -0.1, -1, 1.5, 2.0, True, None, "0.1", float("nan"), float("inf"))],
        ("max_length", 0, "must be a whole number of 1 or more; got 0"),
        ("max_length", 2.0, "must be a whole number of 1 or more; got 2.0"),
        ("kind", "close", "must be one of .* Did you mean kind='closed'"),
        ("kind", None, "must be one of 'all', 'closed', 'maximal'; got None"),
        ("max_itemsets", 0, "must be a whole number of 1 or more"),
        ("max_itemsets", 1e6, "must be a whole number of 1 or more"),
        ("exclude", "tea", "must be a list of products; got 'tea'. Write exclude="),
        ("exclude", 3, "must be a list of products; got 3"),
        ("exclude", [["tea"]], "must be a list of products"),
        ("max_size", 0, "must be a whole number of 1 or more"),
    ],
)  # fmt: skip
def test_bad_options(option, value, sentence):
    with pytest.raises(OptionError, match=f"^frequent_itemsets: {option} {sentence}"):
        crm.rules.frequent_itemsets(SHOP, **({"min_support": 0.5} | {option: value}))


def test_lists_of_another_type_are_refused():
    """Numbers written as text name no product, and would leave out nothing in silence."""
    lists = [[1, 2], [1, 2], [1, 3]]
    with pytest.raises(OptionError, match=r"^frequent_itemsets: exclude has '1', but products are"):
        rules.frequent_itemsets(lists, min_support=0.5, exclude=["1"])
