"""Sequences of purchases: counted by hand and by plain loops."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import permutations
from statistics import median

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx  # noqa: PT013 - the shorter name reads better in numbers
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError
from crmlytics.rules import _gaps
from crmlytics.rules._sequences import purchase_sequences

DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - days have no zone here
COLUMNS = [
    "first", "then", "customers", "support", "confidence", "lower", "upper", "lift",
    "median_gap_days", "reverse_customers", "p_value", "q_value",
]  # fmt: skip
# customer, day, product
LINES = [
    (1, 0, "samovar"), (1, 2, "tea"), (1, 30, "tea"),
    (2, 0, "samovar"), (2, 5, "tea"),
    (3, 0, "tea"), (3, 1, "samovar"), (3, 7, "tea"),  # both ways round
    (4, 8, "tea"), (4, 8, "samovar"),  # on one day: no sequence
    (5, 3, "tea"),
]  # fmt: skip


def table(lines, make=pd.DataFrame):
    who, day, what = zip(*lines, strict=True)
    dates = [DAY + timedelta(days=each) for each in day]
    return make({"customer_id": list(who), "date": dates, "product_id": list(what)})


def rows(found):
    return nw.from_native(found, eager_only=True).rows(named=True)


def test_by_hand():
    there, back = rows(purchase_sequences(table(LINES), max_gap_days=10, min_customers=1))
    assert (there["first"], there["then"], there["customers"]) == ("samovar", "tea", 3)
    # five customers, four of whom bought a samovar and five tea
    assert there["support"] == approx(3 / 5)
    assert there["confidence"] == approx(3 / 4)
    assert there["lift"] == approx((3 / 4) / (5 / 5))
    assert (there["lower"], there["upper"]) == approx(
        proportion_confint(3, 4, alpha=0.05, method="wilson")
    )
    assert there["median_gap_days"] == 5  # of 2, 5 and 6 days
    assert there["reverse_customers"] == 1
    # customer 3 has both orders and says nothing; of the two others, two heads: 1/4
    assert there["p_value"] == approx(1 / 4)
    assert (back["first"], back["then"], back["customers"]) == ("tea", "samovar", 1)
    assert back["confidence"] == approx(1 / 5)
    assert back["lift"] == approx((1 / 5) / (4 / 5))
    assert back["median_gap_days"] == 1
    assert back["reverse_customers"] == 3
    assert back["p_value"] == 1.0  # no heads or more
    # two tests, one of which found nothing: 0.25 * 2 / 1
    assert (there["q_value"], back["q_value"]) == approx((0.5, 1.0))


def test_gap_is_inclusive():
    for gap, customers in ((1, 0), (2, 1), (5, 2), (6, 3)):
        found = purchase_sequences(table(LINES), max_gap_days=gap, min_customers=1)
        there = found[found["first"] == "samovar"]
        assert there["customers"].sum() == customers


def test_sign_test_against_scipy():
    # 9 customers buy a pen before ink, 2 after it
    lines = [(who, 0 if who < 9 else 3, "pen") for who in range(11)]
    lines += [(who, 1, "ink") for who in range(11)]
    found = purchase_sequences(table(lines), max_gap_days=7, min_customers=2)
    assert found["p_value"].tolist() == approx(
        [binomtest(k, 11, alternative="greater").pvalue for k in (9, 2)]
    )
    assert found["customers"].tolist() == [9, 2]


LINE = st.tuples(st.integers(0, 4), st.integers(0, 12), st.sampled_from("abcd"))


def plain_loops(lines, gap, least):
    """Return the answer as dicts, and how many sequences were tested."""
    bought = defaultdict(set)
    for who, day, what in lines:
        bought[who, what].add(day)
    people, items = {who for who, _, _ in lines}, sorted({what for _, _, what in lines})
    gaps = defaultdict(dict)
    for who in people:
        for a, b in permutations(items, 2):
            each = [d - e for d in bought[who, b] for e in bought[who, a] if 0 < d - e <= gap]
            if each:
                gaps[a, b][who] = min(each)
    buyers = {what: sum(bool(bought[who, what]) for who in people) for what in items}
    answer, tested = [], 0
    for a, b in permutations(items, 2):
        ours, theirs = set(gaps[a, b]), set(gaps[b, a])
        tested += len(ours | theirs) >= least
        if len(ours) < least:
            continue
        k, d = len(ours - theirs), len(ours ^ theirs)
        answer.append({
            "first": a, "then": b, "customers": len(ours), "support": len(ours) / len(people),
            "confidence": len(ours) / buyers[a],
            "lift": len(ours) / buyers[a] / (buyers[b] / len(people)),
            "median_gap_days": median(gaps[a, b].values()), "reverse_customers": len(theirs),
            "p_value": binomtest(k, d, alternative="greater").pvalue if d else 1.0,
        })  # fmt: skip
    return sorted(answer, key=lambda row: (-row["customers"], row["first"], row["then"])), tested


@settings(deadline=None)
@given(
    lines=st.lists(LINE, min_size=1, max_size=60),
    gap=st.sampled_from([1, 2, 5, 12, 10**12]),
    least=st.integers(1, 3),
    held=st.sampled_from([1, 9, 1 << 21]),
)
def test_oracle_plain_loops(lines, gap, least, held):
    want, tested = plain_loops(lines, gap, least)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_gaps, "_PAIRS", held)  # how much is looked at together is nothing
        found = rows(purchase_sequences(table(lines), max_gap_days=gap, min_customers=least))
    assert len(found) == len(want)
    for row, expected in zip(found, want, strict=True):
        assert {name: row[name] for name in expected} == approx(expected)
    if want:
        p_values = np.ones(tested)
        p_values[: len(want)] = [row["p_value"] for row in want]
        q_values = multipletests(p_values, method="fdr_bh")[1][: len(want)]
        assert [row["q_value"] for row in found] == approx(q_values)


@settings(deadline=None, max_examples=30)
@given(lines=st.lists(LINE, min_size=1, max_size=40), data=st.data())
def test_order_and_repetition_of_rows_is_nothing(lines, data):
    mixed = data.draw(st.permutations(lines + lines))
    first, second = (
        purchase_sequences(table(each), max_gap_days=4, min_customers=1)
        for each in (lines, mixed)
    )  # fmt: skip
    pd.testing.assert_frame_equal(first, second)


def test_many_purchases_of_one_customer_are_one_customer():
    lines = [(1, day, "tea") for day in range(0, 60, 2)] + [(1, day, "milk") for day in range(60)]
    found = purchase_sequences(table(lines), max_gap_days=30, min_customers=1)
    assert found["customers"].tolist() == [1, 1]
    assert found["median_gap_days"].tolist() == [1.0, 1.0]


def test_every_kind_of_table(make_eager, plain, schema):
    given_table = table(LINES, make_eager)
    found = purchase_sequences(given_table, max_gap_days=10, min_customers=1)
    assert type(found) is type(given_table)
    text = schema(given_table)["product_id"]
    kinds = [text, text, "Int64", *["Float64"] * 6, "Int64", "Float64", "Float64"]
    assert schema(found) == dict(zip(COLUMNS, kinds, strict=True))
    expected = purchase_sequences(table(LINES), max_gap_days=10, min_customers=1)
    pd.testing.assert_frame_equal(plain(found), plain(expected))


def test_names_are_sorted_as_numbers_where_they_are_numbers(make_eager):
    lines = [(1, 0, 9), (1, 1, 10), (1, 2, 9), (2, 0, 10), (2, 1, 9), (2, 2, 10)]
    found = rows(purchase_sequences(table(lines, make_eager), max_gap_days=5, min_customers=2))
    assert [(row["first"], row["then"]) for row in found] == [(9, 10), (10, 9)]
    # all customers have both orders: nothing to test
    assert [row["p_value"] for row in found] == [1.0, 1.0]


def test_as_of_is_inclusive_and_later_rows_are_not_used():
    for last, customers in (("2026-01-05", 1), ("2026-01-06", 2)):
        found = purchase_sequences(table(LINES), max_gap_days=10, min_customers=1, as_of=last)
        assert found.loc[found["first"] == "samovar", "customers"].tolist() == [customers]


def test_returns_and_lines_without_product_are_left_out(make_eager):
    columns = table(LINES, dict)
    columns["amount"] = [1.0] * len(LINES)
    columns["amount"][1] = columns["amount"][2] = -1.0
    columns["product_id"][4] = None
    with pytest.warns(CrmlyticsWarning, match="purchase_sequences: left out of transactions"):
        found = rows(
            purchase_sequences(make_eager(columns), max_gap_days=10, min_customers=1)
        )  # fmt: skip
    assert {(row["first"], row["then"]): row["customers"] for row in found} == {
        ("samovar", "tea"): 1, ("tea", "samovar"): 1,
    }  # fmt: skip


@pytest.mark.parametrize("lines", [LINES[:1], LINES])
def test_nothing_found_is_an_empty_table(make_eager, schema, lines):
    found = purchase_sequences(table(lines, make_eager), max_gap_days=5, min_customers=4)
    assert list(schema(found)) == COLUMNS
    assert len(nw.from_native(found)) == 0
    assert schema(found)["customers"] == "Int64"


def test_empty_table_needs_as_of():
    empty = table(LINES).head(0)
    with pytest.raises(DataError, match=r"purchase_sequences: .* no rows"):
        purchase_sequences(empty, max_gap_days=5)
    assert len(purchase_sequences(empty, max_gap_days=5, as_of="2026-01-01")) == 0


def test_without_correction_q_values_are_unknown(make_eager, plain):
    found = purchase_sequences(
        table(LINES, make_eager), max_gap_days=10, min_customers=1, correction=None
    )
    assert plain(found)["q_value"].isna().all()


def test_too_many_sequences_is_an_error_in_words():
    lines = [(who, day, day) for who in range(2) for day in range(30)]
    with pytest.raises(DataError, match=r"purchase_sequences: .*max_pairs=100 .*Raise min_custom"):
        purchase_sequences(table(lines), max_gap_days=30, min_customers=2, max_pairs=100)
    found = purchase_sequences(table(lines), max_gap_days=30, min_customers=2, max_pairs=435)
    assert len(found) == 435  # 30 * 29 / 2
    assert (found["median_gap_days"] == found["then"] - found["first"]).all()


@pytest.mark.parametrize(("option", "value"), [
    ("max_gap_days", 0), ("max_gap_days", 1.5), ("min_customers", 0), ("correction", "fdr"),
    ("max_pairs", 0), ("confidence", 95), ("as_of", "never"),
])  # fmt: skip
def test_options_are_checked(option, value):
    options = {"max_gap_days": 10} | {option: value}
    with pytest.raises(OptionError, match=rf"purchase_sequences: {option}"):
        purchase_sequences(table(LINES), **options)


def test_bad_tables(make_eager):
    with pytest.raises(ColumnError, match="purchase_sequences: no column 'product_id'"):
        purchase_sequences(make_eager({"customer_id": [1], "date": [DAY]}), max_gap_days=5)
    with pytest.raises(ColumnError, match="purchase_sequences: column 'date'"):
        purchase_sequences(
            make_eager({"customer_id": [1], "date": ["May"], "product_id": [1]}), max_gap_days=5
        )
    with pytest.raises(DataError, match="purchase_sequences: 1 of 2 rows have no 'customer_id'"):
        purchase_sequences(
            make_eager({"customer_id": ["1", None], "date": [DAY, DAY], "product_id": [1, 2]}),
            max_gap_days=5,
        )
