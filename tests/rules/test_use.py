"""validate_rules and match_rules against plain loops over baskets."""

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.rules import _supports

match_rules, validate_rules = crm.rules.match_rules, crm.rules.validate_rules
BASKETS = st.lists(st.sets(st.sampled_from("abcde")).map(sorted), min_size=1, max_size=10)
OTHERS = st.lists(st.sets(st.sampled_from("abcdxyz")).map(sorted), max_size=10)
FEW = settings(max_examples=25, deadline=None)
HOLDOUT = [
    "holdout_support", "holdout_confidence", "holdout_lower", "holdout_upper", "holdout_lift",
    "holdout_count", "holdout_antecedents",
]  # fmt: skip
SIDES = ["antecedents", "consequents"]
OLD = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"], ["bread"]]
NEW = [["tea", "milk"], ["tea", "soap"], ["halva"], []]


def rules_of(baskets, most=None):
    itemsets = crm.rules.frequent_itemsets(baskets, min_support=1)
    return crm.rules.association_rules(itemsets, min_confidence=0, max_consequents=most)


RULES = rules_of(OLD)


def holding(baskets, items):
    return sum(set(items) <= set(basket) for basket in baskets)


def lists(rules):
    """Return rules with sets as sorted lists, as tables but pandas hold them."""
    return rules.assign(**{side: rules[side].map(sorted) for side in SIDES})


def by_rule(table):
    """Return the rows of a table as dicts, by antecedents and consequents."""
    return {tuple(row[side] for side in SIDES): row for row in table.to_dict("records")}


def plain(table):
    """Return any table as pandas, sets as sorted lists."""
    frame = nw.from_native(table, eager_only=True)
    made = pd.DataFrame({name: frame[name].to_list() for name in frame.columns})
    return lists(made) if "consequents" in made else made.assign(
        antecedents=made["antecedents"].map(sorted)
    )  # fmt: skip


def long(baskets):
    """Return one line for each order and product; empty baskets have none."""
    lines = [(f"o{at}", name) for at, basket in enumerate(baskets) for name in basket]
    return pd.DataFrame(lines, columns=["order_id", "product_id"])


def check_held(rules, others):
    got = validate_rules(rules, others)
    assert list(got.columns) == [*rules.columns, *HOLDOUT]
    pd.testing.assert_frame_equal(got[rules.columns], rules)
    n = len(others)
    for row in got.to_dict("records"):
        left, right = row["antecedents"], row["consequents"]
        a, c, both = (holding(others, one) for one in (left, right, left | right))
        assert row["holdout_count"] == both
        assert row["holdout_antecedents"] == a
        assert row["holdout_support"] == (pytest.approx(both / n) if n else 0)
        if not a:
            assert np.isnan([row[name] for name in HOLDOUT[1:5]]).all()
            continue
        assert row["holdout_confidence"] == both / a
        interval = proportion_confint(both, a, 0.05, "wilson")
        assert (row["holdout_lower"], row["holdout_upper"]) == pytest.approx(interval)
        lift = (both / a) / (c / n) if c else np.nan
        assert row["holdout_lift"] == pytest.approx(lift, nan_ok=True)


@FEW
@given(baskets=BASKETS, others=OTHERS)
def test_validate_against_loops(baskets, others):
    check_held(rules_of(baskets), others)


@FEW
@given(baskets=BASKETS, others=OTHERS, data=st.data())
def test_order_and_labels_change_nothing(baskets, others, data):
    rules = rules_of(baskets)
    want = validate_rules(rules, others)
    shuffled = data.draw(st.permutations(others))
    pd.testing.assert_frame_equal(validate_rules(rules, shuffled), want)
    # names in the opposite order
    other = {name: chr(ord("z") - at) for at, name in enumerate("abcdexyz")}
    sets = {side: [frozenset(map(other.get, one)) for one in rules[side]] for side in SIDES}
    renamed = [[other[name] for name in one] for one in others]
    got = validate_rules(rules.assign(**sets), renamed)
    pd.testing.assert_frame_equal(got[HOLDOUT], want[HOLDOUT])


def matches(rules, baskets, held):
    """Return basket, product and rule: of all rules that fire, the best for each product."""
    found = []
    for at, basket in enumerate(baskets):
        best = {}
        for number, row in enumerate(rules.to_dict("records")):
            if row["antecedents"] <= set(basket):
                sides = (sorted(row[side]) for side in SIDES)
                key = (-row["confidence"], -row["lift"], len(row["antecedents"]), *sides, number)
                for name in row["consequents"]:
                    if held or name not in basket:
                        best[name] = min(best.get(name, key), key)
        found += [(at, *key[:2], name, key[-1]) for name, key in best.items()]
    return sorted(found)


def check_matches(rules, baskets, held):
    got = match_rules(rules, baskets, held=held)
    columns = ["basket", "consequent", "antecedents", "confidence", "lift", "rule"]
    assert list(got.columns) == columns
    rows = zip(got["basket"], -got["confidence"], -got["lift"], got["consequent"], got["rule"],
               strict=True)  # fmt: skip
    rows = list(rows)
    assert [row[:3] for row in rows] == sorted(row[:3] for row in rows)
    assert sorted(rows) == matches(rules, baskets, held)
    for row in got.to_dict("records"):
        rule = rules.iloc[row["rule"]]
        assert row["antecedents"] == rule["antecedents"]
        assert row["consequent"] in rule["consequents"]


@FEW
@given(baskets=BASKETS, others=OTHERS, held=st.booleans(), most=st.sampled_from([1, None]))
def test_match_against_loops(baskets, others, held, most):
    check_matches(rules_of(baskets, most), others, held)


@FEW
@given(baskets=BASKETS, others=OTHERS, held=st.booleans(), seed=st.integers(0, 9))
def test_some_rules_in_another_order(baskets, others, held, seed):
    rules = rules_of(baskets).sample(frac=0.7, random_state=seed)  # its index is no row number
    check_matches(rules, others, held)
    check_held(rules.reset_index(drop=True), others)


@FEW
@given(baskets=BASKETS, others=st.lists(st.sets(st.sampled_from("abcx")).map(sorted), max_size=200))
def test_blocks_of_baskets(baskets, others):
    rules = rules_of(baskets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_supports, "_BASKETS", 70)  # two words of bits, the second not full
        patch.setattr(_supports, "_WORDS", 3)
        check_held(rules, others)
        check_matches(rules, others, held=True)


def test_more_baskets_than_one_block():
    rng = np.random.default_rng(0)
    held = rng.random((70_001, 4)) < [0.5, 0.3, 0.2, 0.1]
    held[:, 1] |= held[:, 0] & (rng.random(70_001) < 0.5)
    rules = rules_of([list(range(4))])
    got = validate_rules(rules, csr_matrix(held))
    for row in got.to_dict("records"):
        left = held[:, sorted(row["antecedents"])].all(axis=1)
        both = left & held[:, sorted(row["consequents"])].all(axis=1)
        assert (row["holdout_antecedents"], row["holdout_count"]) == (left.sum(), both.sum())
    found = match_rules(rules.head(1), csr_matrix(held))
    [left], [right] = rules["antecedents"][0], rules["consequents"][0]
    assert list(found["basket"]) == np.flatnonzero(held[:, left] & ~held[:, right]).tolist()


def test_by_hand():
    rule = (frozenset(["tea"]), frozenset(["milk"]))
    row = by_rule(validate_rules(RULES, NEW))[rule]
    # of four new baskets two hold tea, one of them milk, and no other does
    want = {"holdout_support": 0.25, "holdout_confidence": 0.5, "holdout_lift": 2}
    assert want.items() <= row.items()
    # statsmodels 0.14: proportion_confint(1, 2, 0.05, "wilson")
    assert row["holdout_lower"] == pytest.approx(0.0945312)
    narrow = by_rule(validate_rules(RULES, NEW, confidence=0.5))
    assert narrow[rule]["holdout_lower"] > row["holdout_lower"]
    # halva is bought with tea alone (2 of 2), tea with milk as often as with halva (2 of 4)
    found = match_rules(RULES, NEW)
    assert list(found["basket"]) == [0, 1, 1, 2, 2]
    assert set(found.loc[found["basket"] == 1, "consequent"]) == {"milk", "halva"}
    assert found.loc[3, ["consequent", "confidence"]].tolist() == ["tea", 1.0]


def test_orders_are_sorted_by_their_ids():
    lines = pd.DataFrame({"order_id": ["z", "b", "a"], "product_id": ["tea", "tea", "soap"]})
    found = match_rules(RULES, lines)
    assert list(found["order_id"]) == ["b", "b", "z", "z"]
    assert found.equals(match_rules(RULES, crm.rules.baskets(lines)))


def test_a_rule_may_lead_to_several_products():
    rules = RULES[RULES["consequents"].map(len) == 2].reset_index(drop=True)
    found = match_rules(rules, [["tea"]])
    assert set(found["consequent"]) == {"milk", "halva"}
    assert len(set(found["rule"])) == 1
    held = match_rules(rules, [["tea", "milk"]])
    assert list(held["consequent"]) == ["halva"]


MAKERS = {
    "pandas": lambda table: table,
    "polars": pl.from_pandas,
    "pyarrow": lambda table: pa.Table.from_pandas(table, preserve_index=False),
}


@pytest.mark.parametrize("of_baskets", MAKERS)
@pytest.mark.parametrize("of_rules", MAKERS)
def test_rules_and_baskets_of_any_two_libraries(of_rules, of_baskets):
    rules = RULES if of_rules == "pandas" else MAKERS[of_rules](lists(RULES))
    lines = MAKERS[of_baskets](long(NEW))
    held = validate_rules(rules, lines)
    assert type(held) is type(rules)  # the rules, with columns added
    found = match_rules(rules, lines)
    assert type(found) is type(lines)  # the baskets, with what follows
    for got, want in (
        (held, validate_rules(RULES, long(NEW))),
        (found, match_rules(RULES, long(NEW))),
    ):
        pd.testing.assert_frame_equal(plain(got), plain(want), check_dtype=False)


def test_products_as_numbers():
    number = {"tea": 3, "milk": 1, "halva": 2, "bread": 4, "soap": 9}
    old, new = ([[number[name] for name in one] for one in baskets] for baskets in (OLD, NEW))
    got = validate_rules(rules_of(old), new)
    want = by_rule(validate_rules(RULES, NEW))
    assert len(got) == len(want)
    for row in got.to_dict("records"):
        names = {value: key for key, value in number.items()}
        rule = tuple(frozenset(names[one] for one in row[side]) for side in SIDES)
        same = {name: want[rule][name] for name in HOLDOUT}
        assert {name: row[name] for name in HOLDOUT} == pytest.approx(same, nan_ok=True)
    found = match_rules(rules_of(old), pl.DataFrame({"order_id": [7], "product_id": [1]}))
    assert found["consequent"].to_list()[0] == 3
    assert found.schema["antecedents"] == pl.List(pl.Int64)


def test_empty_tables():
    for rules in (RULES.head(0), pl.from_pandas(lists(RULES)).head(0)):
        assert len(validate_rules(rules, NEW)) == 0
        assert len(match_rules(rules, NEW)) == 0
    got = validate_rules(RULES, [])
    assert (got["holdout_count"] == 0).all()
    assert got["holdout_confidence"].isna().all()
    assert list(validate_rules(RULES.head(0), NEW).columns) == list(got.columns)
    assert len(match_rules(RULES, [])) == 0
    assert len(match_rules(RULES, [["soap"], []])) == 0


def test_columns_of_an_earlier_check_are_replaced():
    once = validate_rules(RULES, NEW)
    pd.testing.assert_frame_equal(validate_rules(once, NEW), once)
    few = RULES[SIDES]  # nothing else is needed
    assert list(validate_rules(few, NEW).columns) == [*SIDES, *HOLDOUT]


def test_categories_instead_of_products():
    lines = long(NEW).assign(kind=lambda table: table["product_id"].map({"tea": "tea"}))
    lines["kind"] = lines["kind"].fillna("milk")
    got = by_rule(validate_rules(RULES, lines, level_col="kind"))
    # three orders with a line; "kind" is tea and milk in two of them, milk alone in the third
    row = got[frozenset(["milk"]), frozenset(["tea"])]
    assert row["holdout_confidence"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("rules", "baskets", "options", "error", "words"),
    [
        (RULES.drop(columns="antecedents"), NEW, {}, ColumnError, "no column 'antecedents'"),
        (RULES.assign(antecedents="tea"), NEW, {}, ColumnError, "must hold sets of products"),
        (RULES.assign(consequents=[frozenset()] * len(RULES)), NEW, {}, ColumnError,
         "rules has an empty set. Drop its row."),
        (RULES, [[1, 2]], {}, ColumnError,
         "the products of the baskets are numbers, those of rules texts"),
        (RULES.assign(consequents=[frozenset([1])] * len(RULES)), NEW, {}, ColumnError,
         "'antecedents' holds texts, 'consequents' numbers. Make them one type first."),
        (RULES, ["tea"], {}, DataError, "Write each basket as a list"),
        (RULES, long(NEW), {"order_col": "ticket"}, ColumnError, "no column 'ticket' (order_col)"),
        (RULES, 3, {}, DataError, "must be a table"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("function", [validate_rules, match_rules])
def test_bad_input(function, rules, baskets, options, error, words):
    with pytest.raises(error, match=rf"^{function.__name__}: .*[.?]$") as raised:
        function(rules, baskets, **options)
    assert words in str(raised.value)


def test_bad_options():
    with pytest.raises(OptionError, match=r"^validate_rules: confidence must lie between 0 and 1"):
        validate_rules(RULES, NEW, confidence=95)
    with pytest.raises(OptionError, match=r"^match_rules: held must be True or False; got 1\."):
        match_rules(RULES, NEW, held=1)
    with pytest.raises(ColumnError, match=r"^match_rules: no column 'lift'"):
        match_rules(RULES[[*SIDES, "confidence"]], NEW)
