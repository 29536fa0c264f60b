"""The compiled miner finds what the one on numpy finds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from crmlytics.rules import _kernels, _miner

NO_LIMIT = 10**30


def prepared(table, least):
    """Return the lines of a table of baskets by items, true where a basket holds an item."""
    baskets, items = np.nonzero(table)
    return _miner.prepare(baskets, items, table.shape[1], least)


def in_order(mined):
    parts = []
    for codes, counts in zip(mined.codes, mined.counts, strict=True):
        order = np.lexsort(codes.T[::-1])
        parts.append((codes[order], counts[order]))
    return parts


def as_set(mined):
    return {
        (tuple(row), int(count))
        for codes, counts in zip(mined.codes, mined.counts, strict=True)
        for row, count in zip(codes.tolist(), counts, strict=True)
    }


def assert_same(lines, least, longest=NO_LIMIT):
    expected = _miner.mine(lines, least, longest, 10**7)
    found = _kernels.mine(lines, least, longest, 10**7)
    assert len(found.codes) == len(found.counts) == len(expected.codes)
    for (codes, counts), (wanted, numbers) in zip(in_order(found), in_order(expected), strict=True):
        assert codes.dtype == np.int32
        assert counts.dtype == np.int64
        np.testing.assert_array_equal(codes, wanted)
        np.testing.assert_array_equal(counts, numbers)
    return found


def zipf(n_baskets, n_items, mean):
    """Return a sparse table: few items are in many baskets, many items in few."""
    rng = np.random.default_rng(5)
    shares = 1 / np.arange(1, n_items + 1)
    table = np.zeros((n_baskets, n_items), dtype=bool)
    sizes = rng.poisson(mean, n_baskets)
    items = rng.choice(n_items, sizes.sum(), p=shares / shares.sum())
    table[np.repeat(np.arange(n_baskets), sizes), items] = True
    return table


@settings(deadline=None, max_examples=200)
@given(
    baskets=st.lists(st.sets(st.integers(0, 9)), max_size=40),
    least=st.integers(1, 6),
    longest=st.integers(1, 12),
)
def test_small_baskets(baskets, least, longest):
    table = np.zeros((len(baskets), 10), dtype=bool)
    for row, basket in zip(table, baskets, strict=True):
        row[list(basket)] = True
    lines = prepared(table, least)
    found = assert_same(lines, least, longest)
    assert as_set(found) == as_set(_miner.mine(lines, least, longest, 10**6))


def test_all_baskets_are_equal():
    found = assert_same(prepared(np.ones((70, 12), dtype=bool), 70), 70)
    assert found.size == 2**12 - 1


def test_one_item_is_in_all_baskets():
    table = np.random.default_rng(1).random((300, 14)) < 0.3
    table[:, 6] = True
    assert_same(prepared(table, 5), 5)


@pytest.mark.parametrize("least", [8, 30, 120])
def test_a_dense_table(least):
    table = np.random.default_rng(2).random((400, 25)) < np.linspace(0.2, 0.5, 25)
    assert_same(prepared(table, least), least)


@pytest.mark.parametrize("least", [4, 20, 200])
def test_a_sparse_table(least):
    assert_same(prepared(zipf(20_000, 800, 6), least), least)


def test_rare_combinations_of_frequent_items():
    """Of the wide rows only the words that matter are kept."""
    rng = np.random.default_rng(3)
    table = rng.random((150_000, 40)) < 0.04
    for _ in range(4):
        table[np.ix_(rng.integers(0, 150_000, 15), rng.choice(40, 9, replace=False))] = True
    found = assert_same(prepared(table, 8), 8)
    assert len(found.codes) >= 9


def test_more_items_than_roots_in_a_run():
    table = np.random.default_rng(4).random((150, 3000)) < 0.01
    told = []
    lines = prepared(table, 1)
    found = _kernels.mine(lines, 1, 2, 10**7, told.append)
    assert len(told) > 10
    assert sum(told) == len(lines.items)
    assert as_set(found) == as_set(_miner.mine(lines, 1, 2, 10**7))


@pytest.mark.parametrize("longest", [1, 2, 3, 4])
def test_no_longer_than_allowed(longest):
    table = np.random.default_rng(6).random((200, 15)) < 0.5
    found = assert_same(prepared(table, 4), 4, longest)
    assert [codes.shape[1] for codes in found.codes] == list(range(1, longest + 1))
    assert all((np.diff(codes, axis=1) > 0).all() for codes in found.codes)


def test_codes_of_four_bytes():
    """As where there are more frequent items than two bytes can number."""
    lines = prepared(zipf(2000, 200, 6), 3)
    assert_same(replace(lines, codes=lines.codes.astype(np.int32)), 3)


def test_the_budget():
    lines = prepared(np.ones((5, 8), dtype=bool), 5)
    assert _kernels.mine(lines, 5, NO_LIMIT, 255).size == 255
    for budget in (254, 100, 20, 8, 7, 0):
        with pytest.raises(_miner.BudgetError) as caught:
            _kernels.mine(lines, 5, NO_LIMIT, budget)
        assert budget < caught.value.reached <= 255


def test_the_budget_ends_what_would_never_end():
    lines = prepared(np.ones((5, 60), dtype=bool), 5)
    with pytest.raises(_miner.BudgetError) as caught:
        _kernels.mine(lines, 5, NO_LIMIT, 50_000)
    assert 50_000 < caught.value.reached < 50_100


def test_no_baskets():
    for table in (np.zeros((0, 0), dtype=bool), np.zeros((3, 4), dtype=bool)):
        found = assert_same(prepared(table, 1), 1)
        assert found.codes == found.counts == []


def test_one_item():
    told = []
    lines = prepared(np.ones((3, 1), dtype=bool), 1)
    found = _kernels.mine(lines, 1, NO_LIMIT, 1, told.append)
    assert as_set(found) == {((0,), 3)}
    assert told == [1]


def test_compiled_where_nothing_can_be_kept_on_disk():
    names = {}
    exec(compile("def twice(x):\n    return 2 * x", "<nowhere>", "exec"), names)  # noqa: S102
    assert _kernels._compiled(names["twice"])(21) == 42
