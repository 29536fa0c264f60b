"""Itemsets found by their contents, and put in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlytics.rules import _index
from crmlytics.rules._index import Index, RepeatedError

FEW = settings(max_examples=50, deadline=None)
SETS = st.sets(st.frozensets(st.integers(0, 30), min_size=1, max_size=5), max_size=40)


def parts_of(sets):
    """Return matrices of codes by length, ascending in each row."""
    by_length = {}
    for one in sorted(map(sorted, sets)):
        by_length.setdefault(len(one), []).append(one)
    return [np.array(by_length[length], dtype=np.int32) for length in sorted(by_length)]


def whole(parts):
    return [frozenset(row) for part in parts for row in part.tolist()]


@FEW
@given(sets=SETS, asked=SETS)
def test_every_set_is_found_and_no_other(sets, asked):
    parts = parts_of(sets)
    index, listed = Index(parts, 31), whole(parts)
    for part in parts_of(asked | sets):
        for codes, place in zip(part, index.find(index.hashes(part)), strict=True):
            one = frozenset(codes.tolist())
            assert place == (listed.index(one) if one in sets else -1)


@FEW
@given(sets=SETS)
def test_sets_with_one_item_less(sets):
    parts = parts_of(sets)
    index, listed = Index(parts, 31), whole(parts)
    for number, part in enumerate(parts):
        if part.shape[1] == 1:
            continue
        for codes, places in zip(part, index.one_less(number), strict=True):
            less = [frozenset(codes.tolist()) - {code} for code in codes.tolist()]
            assert places.tolist() == [listed.index(x) if x in sets else -1 for x in less]


def test_no_sets():
    index = Index([], 0)
    assert index.find(np.array([1, 2], dtype=np.uint64)).tolist() == [-1, -1]


def test_the_same_set_twice():
    parts = [np.array([[0], [1], [2]]), np.array([[0, 1], [1, 2], [0, 1]])]
    with pytest.raises(RepeatedError) as caught:
        Index(parts, 3)
    assert caught.value.row == 5  # counted through the parts


def test_numbers_that_meet_are_drawn_anew(monkeypatch):
    drawn = iter([[1, 2, 3], [1, 2, 4]])

    class Rng:
        def integers(self, *_, dtype):
            return np.array(next(drawn), dtype=dtype)

    monkeypatch.setattr(_index.np.random, "default_rng", lambda _: Rng())
    parts = [np.array([[0], [1], [2]]), np.array([[0, 1]])]
    index = Index(parts, 3)  # at first, 1 + 2 is 3
    assert index.numbers.tolist() == [1, 2, 4]
    assert index.find(index.hashes(parts[1])).tolist() == [3]


@FEW
@given(
    rows=st.lists(st.lists(st.integers(0, 1000), min_size=7, max_size=7), max_size=30),
    data=st.data(),
)
def test_canonical_order(rows, data):
    codes = np.array(rows, dtype=np.int32).reshape(-1, 7)
    counts = np.array(
        data.draw(st.lists(st.integers(1, 3), min_size=len(rows), max_size=len(rows)))
    )
    order = _index.canonical(codes, counts.astype(np.int64), 10)  # six codes fit in a number
    keys = [(-int(counts[row]), rows[row]) for row in order.tolist()]
    assert keys == sorted(keys)
    assert sorted(order.tolist()) == list(range(len(rows)))
