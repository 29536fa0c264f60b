"""association_rules against mlxtend, exact fractions, statsmodels and brute force."""

from fractions import Fraction
from itertools import combinations
from math import comb, inf, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import association_rules as mlxtend_rules
from mlxtend.frequent_patterns import fpgrowth
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.rules import _candidates

NAMES = "abcde"
BASKETS = st.lists(st.sets(st.sampled_from(NAMES)).map(sorted), min_size=1, max_size=14)
FEW = settings(max_examples=40, deadline=None)
# the columns that mlxtend 0.25 gives by default
SHARED = [
    "antecedent support", "consequent support", "support", "confidence", "lift", "representativity",
    "leverage", "conviction", "zhangs_metric", "jaccard", "certainty", "kulczynski",
]  # fmt: skip
SHOP = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"], ["bread"]]


def rules(baskets, **options):
    itemsets = crm.rules.frequent_itemsets(baskets, min_support=1)
    every = {"min_confidence": 0, "max_consequents": None}
    return crm.rules.association_rules(itemsets, **(every | options))


def by_rule(table):
    """Return the rows of a table as dicts, by antecedents and consequents."""
    rows = table.to_dict("records")
    found = {(row.pop("antecedents"), row.pop("consequents")): row for row in rows}
    assert len(found) == len(rows)
    return found


def holding(baskets, items):
    return sum(set(items) <= set(basket) for basket in baskets)


def candidates(baskets, most=None):
    """Return all rules of which some basket holds both sides."""
    items = sorted({item for basket in baskets for item in basket})
    return [
        (frozenset(whole) - set(right), frozenset(right))
        for size in range(2, len(items) + 1)
        for whole in combinations(items, size)
        if holding(baskets, whole)
        for n_right in range(1, min(most or size, size - 1) + 1)
        for right in combinations(whole, n_right)
    ]


def exact_p(baskets, rule):
    """Sum the terms of the hypergeometric distribution, as in the textbook."""
    left, right = rule
    n, a, c = len(baskets), holding(baskets, left), holding(baskets, right)
    terms = range(holding(baskets, left | right), min(a, c) + 1)
    return float(Fraction(sum(comb(c, x) * comb(n - c, a - x) for x in terms), comb(n, a)))


@FEW
@given(baskets=BASKETS)
def test_mlxtend_measures(baskets):
    table = pd.DataFrame([{name: name in basket for name in NAMES} for basket in baskets])
    theirs = fpgrowth(table, min_support=0.5 / len(baskets), use_colnames=True)
    got = by_rule(rules(baskets))
    want = {}
    if (theirs["itemsets"].map(len) > 1).any():
        with np.errstate(all="ignore"):
            want = by_rule(mlxtend_rules(theirs, metric="support", min_threshold=0))
    assert set(got) == set(want)
    for rule, row in want.items():
        for name in SHARED:
            assert got[rule][name] == pytest.approx(row[name], abs=1e-9), name


def test_names_of_mlxtend_in_its_order():
    table = pd.DataFrame([{name: name in basket for name in ("tea", "milk")} for basket in SHOP])
    theirs = fpgrowth(table, min_support=0.1, use_colnames=True)
    want = list(mlxtend_rules(theirs, metric="support", min_threshold=0).columns)
    assert [name for name in rules(SHOP).columns if name in want] == want


@FEW
@given(baskets=BASKETS)
def test_other_measures_by_their_formulae(baskets):
    n, got = len(baskets), by_rule(rules(baskets))
    assert set(got) == set(candidates(baskets))
    for (left, right), row in got.items():
        ac, a, c = holding(baskets, left | right), holding(baskets, left), holding(baskets, right)
        neither, apart = n - a - c + ac, (a - ac) * (c - ac)
        margins = a * (n - a) * c * (n - c)
        phi = (ac * neither - apart) / sqrt(margins) if margins else np.nan
        odds = ac * neither / apart if apart else inf if neither else np.nan
        assert row["count"] == ac
        assert row["cosine"] == pytest.approx(ac / sqrt(a * c))
        assert row["imbalance_ratio"] == pytest.approx(abs(a - c) / (a + c - ac))
        assert row["odds_ratio"] == pytest.approx(odds, nan_ok=True)
        assert row["phi"] == pytest.approx(phi, nan_ok=True)
        assert row["p_value"] == pytest.approx(exact_p(baskets, (left, right)), rel=1e-12)
        interval = proportion_confint(ac, a, 0.05, "wilson")
        assert (row["lower"], row["upper"]) == pytest.approx(interval, abs=1e-12)


def test_by_hand():
    got = by_rule(rules(SHOP))[frozenset(["halva"]), frozenset(["milk"])]
    # of 5 baskets 2 hold halva, 2 milk, 1 both, 2 neither: odds (1 * 2) / (1 * 1); the margins are
    # 2, 3, 2, 3, so phi = (1 * 2 - 1 * 1) / 6; P(H >= 1) = 1 - C(3, 2) / C(5, 2) = 7 / 10
    assert got["odds_ratio"] == pytest.approx(2)
    assert got["phi"] == pytest.approx(1 / 6)
    assert got["p_value"] == pytest.approx(0.7)
    assert got["lift"] == pytest.approx(0.5 / 0.4)
    assert not got["redundant"]


def test_confidence_is_the_level_of_the_interval():
    got = by_rule(rules(SHOP, confidence=0.8))[frozenset(["tea"]), frozenset(["milk"])]
    want = proportion_confint(2, 4, 0.2, "wilson")
    assert (got["lower"], got["upper"]) == pytest.approx(want)


def test_measures_without_a_value_are_null():
    # both products in every basket: no basket without one, and every margin empty
    row = rules([["a", "b"]] * 3).iloc[0]
    assert row[["odds_ratio", "phi"]].isna().all()
    # mlxtend 0.25 on the same table
    assert row[["conviction", "zhangs_metric", "certainty", "lift"]].tolist() == [inf, 0, 0, 1]
    assert (row["p_value"], row["q_value"]) == (1, 1)


@FEW
@given(
    baskets=BASKETS,
    correction=st.sampled_from(["bh", "holm", "bonferroni"]),
    most=st.sampled_from([1, None]),
    least=st.sampled_from([0.0, 0.5, 0.9]),
)
def test_p_values_are_corrected_over_all_rules_examined(baskets, correction, most, least):
    examined = candidates(baskets, most)
    p = [exact_p(baskets, rule) for rule in examined]
    method = {"bh": "fdr_bh"}.get(correction, correction)
    want = dict(zip(examined, multipletests(p, method=method)[1] if p else [], strict=True))
    got = rules(
        baskets, correction=correction, max_consequents=most, min_confidence=least, min_lift=0.5
    )
    for rule, row in by_rule(got).items():
        assert row["q_value"] == pytest.approx(want[rule], rel=1e-9)


def test_limits_on_products_make_fewer_tests():
    # halva -> tea alone is examined: one test, so that nothing is corrected
    got = rules(SHOP, antecedents_in=["halva"], consequents_in=["tea"], max_consequents=1)
    assert len(got) == 1
    assert got["q_value"].tolist() == got["p_value"].tolist()
    assert rules(SHOP)["q_value"].max() <= 1


def test_without_test_correction_or_redundancy_columns_are_null():
    got = rules(SHOP, test=None, redundancy=False)
    assert got[["p_value", "q_value", "redundant"]].isna().all(axis=None)
    got = rules(SHOP, correction=None)
    assert got["q_value"].isna().all()
    assert got["p_value"].notna().all()
    assert list(got.columns) == list(rules(SHOP).columns)


@FEW
@given(baskets=BASKETS)
def test_redundant_by_brute_force(baskets):
    def sureness(left, right):
        return Fraction(holding(baskets, left | right), holding(baskets, left))

    for (left, right), row in by_rule(rules(baskets)).items():
        gains = [
            sureness(left, right) - sureness(frozenset(part), right)
            for size in range(1, len(left))
            for part in combinations(sorted(left), size)
        ]
        assert row["redundant"] == (bool(gains) and min(gains) <= 0)


ITEMS = st.none() | st.lists(st.sampled_from("abcdx"), max_size=4, unique=True)


@FEW
@given(
    baskets=BASKETS,
    items=st.tuples(ITEMS, ITEMS, ITEMS),
    most=st.sampled_from([1, 2, None]),
    least=st.sampled_from([0, 0.5, 2 / 3]),
    lift=st.sampled_from([None, 0.8, 1, 4 / 3]),
)
def test_limits_are_filters(baskets, items, most, least, lift):
    left, right, out = items
    want = {
        rule: row
        for rule, row in by_rule(rules(baskets)).items()
        if row["confidence"] >= least - 1e-12
        and row["lift"] >= (lift or 0) - 1e-12
        and len(rule[1]) <= (most or 9)
        and (left is None or rule[0] <= set(left))
        and (right is None or rule[1] <= set(right))
        and not (rule[0] | rule[1]) & set(out or ())
    }
    got = by_rule(
        rules(
            baskets, min_confidence=least, min_lift=lift, max_consequents=most,
            antecedents_in=left, consequents_in=right, exclude=out,
        )
    )  # fmt: skip
    assert set(got) == set(want)
    for rule, row in want.items():
        row.pop("q_value"), got[rule].pop("q_value")  # fewer tests where products are limited
        assert got[rule] == pytest.approx(row, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("cells", [1, 3, 40])
def test_itemsets_are_split_a_few_at_a_time(monkeypatch, cells):
    whole = by_rule(rules(SHOP * 2 + [["tea", "bread", "halva", "milk"]]))
    monkeypatch.setattr(_candidates, "_CELLS", cells)
    some = by_rule(rules(SHOP * 2 + [["tea", "bread", "halva", "milk"]]))
    assert some == {rule: pytest.approx(row, nan_ok=True) for rule, row in whole.items()}


def test_order_of_rules():
    got = rules(SHOP * 3 + [["bread", "tea"]])
    keys = list(zip(-got["confidence"], -got["count"], strict=True))
    assert keys == sorted(keys)


def test_thresholds_are_inclusive():
    # milk -> halva: 1 of 2; tea -> milk: 2 of 4; lift of both 0.5 / 0.4
    got = rules(SHOP, min_confidence=0.5, min_lift=1.25, max_consequents=1)
    pairs = set(by_rule(got))
    assert (frozenset(["milk"]), frozenset(["halva"])) in pairs
    assert (frozenset(["tea"]), frozenset(["milk"])) in pairs


def test_prices():
    prices = {"tea": 2.0, "milk": 1, "bread": 9.5}
    got = by_rule(rules(SHOP, prices=prices))
    row = got[frozenset(["halva"]), frozenset(["milk", "tea"])]
    # 2 of 5 baskets hold halva, 2 both others, 1 all three: leverage 0.2 - 0.4 * 0.4
    assert row["leverage"] == pytest.approx(0.04)
    assert row["consequent_value"] == 3
    assert row["extra_value_per_1000"] == pytest.approx(1000 * 0.04 * 3)
    unknown = got[frozenset(["tea"]), frozenset(["halva"])]
    assert pd.isna(unknown["consequent_value"])
    assert pd.isna(unknown["extra_value_per_1000"])


@pytest.mark.parametrize(
    "prices",
    [
        pd.Series({"tea": 2.0, "milk": 1.0}),
        pd.Series({"tea": 2, "milk": 1, "halva": pd.NA}, dtype="Int64"),
        {"tea": np.float32(2), "milk": np.int8(1), "halva": float("nan"), "bread": None},
    ],
)
def test_prices_of_several_kinds(prices):
    want = rules(SHOP, prices={"tea": 2, "milk": 1})
    pd.testing.assert_frame_equal(rules(SHOP, prices=prices), want)
