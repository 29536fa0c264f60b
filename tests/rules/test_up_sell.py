"""up_sell against plain loops, ties, tables at the door, and names of any language."""

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError
from crmlytics.rules import _up_sell

up_sell = crm.rules.up_sell
COLUMNS = [
    "customer_id", "rank", "product_id", "score", "kind", "because", "instead_of", "category",
    "from_level", "to_level",
]  # fmt: skip
NAMES = "abcdefgh"
LINE = st.tuples(st.integers(1, 4), st.integers(0, 5), st.sampled_from(NAMES + "z"))
LINES = st.lists(LINE, min_size=1, max_size=40)
ROW = st.tuples(
    st.sampled_from(["tea", "honey", None]), st.sampled_from([1.0, 2.0, 3.5, 5.0, 8.0, None])
)


def table(lines):
    who, days, products = zip(*lines, strict=True)
    dates = np.datetime64("2026-01-01", "us") + np.array(days, dtype="m8[D]")
    return pd.DataFrame({"customer_id": who, "date": dates, "product_id": products})


def shelf(rows, role="price"):
    names = NAMES[: len(rows)]
    category, amount = zip(*rows, strict=True)
    amount = np.array(amount, dtype=float)
    return pd.DataFrame({"product_id": list(names), "category": category, role: amount})


def levels(products, role):
    """Return the level of each product that has one, in its category."""
    known = {name: row for name, row in products.items() if None not in row}
    if role == "tier":
        return {name: amount for name, (_, amount) in known.items()}
    shares = {}
    for name, (category, amount) in known.items():
        prices = [price for other, price in known.values() if other == category]
        shares[name] = sum(price <= amount for price in prices) / len(prices)
    return shares


def loops(lines, rows, role, top, least):
    products = dict(zip(NAMES, rows, strict=False))
    level = levels(products, role)
    bought = {}  # customer, then product, then days
    for who, day, name in lines:
        if name in level:
            bought.setdefault(who, {}).setdefault(name, set()).add(day)
    n_customers = {name: sum(name in has for has in bought.values()) for name in level}
    found = []
    for who, has in sorted(bought.items()):
        reach = max(
            (
                level[name]
                for name in has
                if sum(len(days) for other, days in has.items() if level[other] >= level[name])
                >= least
            ),
            default=-1,
        )
        offers = []
        for category in {products[name][0] for name in has}:
            in_it = [name for name in level if products[name][0] == category]
            buyers = sum(any(name in one for name in in_it) for one in bought.values())
            mine = [name for name in in_it if name in has]
            usual = min(mine, key=lambda name: (-len(has[name]), -max(has[name]),
                                                -n_customers[name], name))  # fmt: skip
            offers += [
                (-n_customers[name] / buyers, -n_customers[name], name, usual)
                for name in in_it
                if name not in has and level[usual] < level[name] <= reach
            ]
        for rank, (score, _, name, usual) in enumerate(sorted(offers)[:top], 1):
            often = "once" if len(has[usual]) == 1 else f"{len(has[usual])} times"
            before, after = products[usual][1], products[name][1]
            why = f"bought {usual} {often}; {name} is {after:g} against {before:g}"
            found.append(
                (who, rank, name, -score, "up", why, usual, products[name][0], before, after)
            )
    return found


def check(lines, rows, role, top, least):
    got = up_sell(
        table(lines), shelf(rows, role), **{f"{role}_col": role}, top=top, min_purchases=least
    )
    assert list(got.columns) == COLUMNS
    want = loops(lines, rows, role, top, least)
    assert list(got.itertuples(index=False, name=None)) == want


@given(
    lines=LINES, rows=st.lists(ROW, min_size=1, max_size=8),
    role=st.sampled_from(["price", "tier"]), top=st.integers(1, 4), least=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_against_loops(lines, rows, role, top, least):
    check(lines, rows, role, top, least)


@given(lines=LINES, rows=st.lists(ROW, min_size=8, max_size=8))
@settings(max_examples=20, deadline=None)
def test_blocks_change_nothing(lines, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_up_sell, "_CELLS", 3)
        check(lines, rows, "price", 2, 1)


@given(lines=LINES, rows=st.lists(ROW, min_size=8, max_size=8), data=st.data())
@settings(max_examples=30, deadline=None)
def test_order_of_rows_is_nothing(lines, rows, data):
    want = up_sell(table(lines), shelf(rows), price_col="price")
    others = data.draw(st.permutations(lines))
    products = shelf(rows).sample(frac=1, random_state=len(lines))
    got = up_sell(table(others), products, price_col="price")
    pd.testing.assert_frame_equal(got, want)


TEAS = pd.DataFrame(
    {
        "product_id": ["plain", "good", "finest", "clover", "wild"],
        "category": ["tea", "tea", "tea", "honey", "honey"],
        "tier": [1, 2, 3, 1, 3],
        "price": [2.0, 4.0, 30.0, 5.0, 9.0],
    }
)
LEAF = [("a", 0, "plain"), ("a", 7, "plain"), ("a", 7, "wild"), ("b", 0, "good"), ("c", 1, "good")]


def test_by_hand():
    got = up_sell(table(LEAF), TEAS, tier_col="tier")
    # "a" buys plain tea and once had honey of tier 3; of three customers of tea two buy good tea
    assert list(got[COLUMNS].itertuples(index=False, name=None)) == [
        ("a", 1, "good", 2 / 3, "up", "bought plain 2 times; good is 2 against 1", "plain", "tea",
         1.0, 2.0),
        ("a", 2, "finest", 0.0, "up", "bought plain 2 times; finest is 3 against 1", "plain", "tea",
         1.0, 3.0),
    ]  # fmt: skip
    # wild honey is the dearest of two, finest tea of three: both stand at the top of their prices
    by_price = up_sell(table(LEAF), TEAS, price_col="price")
    assert list(by_price["product_id"]) == ["good", "finest"]
    assert list(by_price["to_level"]) == [4, 30]
    assert list(up_sell(table(LEAF), TEAS, price_col="price", top=1)["product_id"]) == ["good"]


def test_a_single_present_does_not_count_with_two_purchases():
    assert len(up_sell(table(LEAF), TEAS, tier_col="tier", min_purchases=2)) == 0
    again = [*LEAF, ("a", 9, "wild")]
    got = up_sell(table(again), TEAS, tier_col="tier", min_purchases=2)
    assert list(got["product_id"]) == ["good", "finest"]
    # twice on one day is one purchase
    assert len(up_sell(table([*LEAF, LEAF[2]]), TEAS, tier_col="tier", min_purchases=2)) == 0


def test_the_usual_product_of_equals():
    products = TEAS.assign(category="tea", tier=[1, 2, 9, 9, 5])
    # as often: the one bought last, then that of more customers, then by name
    for lines, usual in (
        ([("a", 0, "plain"), ("a", 1, "good"), ("a", 0, "wild")], "good"),
        ([("a", 1, "plain"), ("a", 0, "good"), ("a", 0, "wild")], "plain"),
        ([("a", 0, "plain"), ("a", 0, "good"), ("a", 0, "wild"), ("b", 0, "plain")], "plain"),
        ([("a", 0, "plain"), ("a", 0, "good"), ("a", 0, "clover")], None),  # of the highest tier
    ):
        got = up_sell(table(lines), products, tier_col="tier")
        assert set(got["instead_of"]) <= {usual}
    lines = [("a", 0, "plain"), ("a", 0, "good"), ("a", 0, "finest"), ("b", 0, "plain")]
    got = up_sell(table(lines), products, tier_col="tier")
    assert list(got["instead_of"]) == ["plain", "plain"]
    assert list(got["product_id"]) == ["clover", "wild"]  # nobody buys either: by name


def test_names_of_any_language():
    products = pd.DataFrame(
        {
            "product_id": ["תה רגיל", "תה משובח", "چای ساده", "چای ممتاز"],
            "category": ["תה", "תה", "چای", "چای"],
            "price": [3.0, 7.5, 3.0, 8.0],
        }
    )
    lines = [("דוד", 0, "תה רגיל"), ("דוד", 1, "چای ممتاز"), ("سارا", 0, "چای ساده"),
             ("سارا", 3, "תה משובח")]  # fmt: skip
    got = up_sell(table(lines), products, price_col="price")
    assert list(zip(got["customer_id"], got["product_id"], got["category"], strict=True)) == [
        ("דוד", "תה משובח", "תה"), ("سارا", "چای ممتاز", "چای"),
    ]  # fmt: skip
    assert got["because"][1] == "bought چای ساده once; چای ممتاز is 8 against 3"


def test_any_table_in_and_out(make_eager, plain):
    lines = table(LEAF)
    made = make_eager({name: lines[name].to_numpy() for name in lines.columns})
    products = make_eager(TEAS.to_dict("list"))
    got = up_sell(made, products, tier_col="tier")
    assert type(got) is type(made)
    assert nw.from_native(got, eager_only=True).columns == COLUMNS
    pd.testing.assert_frame_equal(plain(got), plain(up_sell(lines, TEAS, tier_col="tier")))


@pytest.mark.parametrize("kind", ["category", "number"])
def test_other_kinds_of_ids(kind):
    lines, products = table(LEAF), TEAS.copy()
    want = up_sell(lines, products, tier_col="tier")
    if kind == "category":
        lines = lines.astype({"customer_id": "category", "product_id": "category"})
        products = products.astype({"product_id": "category", "category": "category"})
        got = up_sell(lines, products, tier_col="tier")
        assert got["customer_id"].dtype == lines["customer_id"].dtype
        assert got.astype({"customer_id": "str"}).equals(want)
        return
    number = {name: at for at, name in enumerate(TEAS["product_id"])}
    lines["product_id"] = lines["product_id"].map(number)
    products["product_id"] = products["product_id"].map(number)
    got = up_sell(lines, products, tier_col="tier")
    assert list(got["product_id"]) == list(want["product_id"].map(number))
    assert list(got["instead_of"]) == list(want["instead_of"].map(number))
    assert got["because"][0] == "bought 0 2 times; 1 is 2 against 1"


def test_as_of_and_returns():
    lines = table([*LEAF, ("a", 8, "good")]).assign(quantity=1)
    assert len(up_sell(lines, TEAS, tier_col="tier")) == 1  # good tea is no longer new
    got = up_sell(lines, TEAS, tier_col="tier", as_of="2026-01-08")
    assert list(got["product_id"]) == ["good", "finest"]
    lines.loc[5, "quantity"] = -1
    assert list(up_sell(lines, TEAS, tier_col="tier")["product_id"]) == ["good", "finest"]
    kept = up_sell(lines, TEAS, tier_col="tier", quantity_col=None)
    assert list(kept["product_id"]) == ["finest"]


def test_nothing_to_offer():
    none = pd.DataFrame({"product_id": ["soap"], "category": ["bath"], "tier": [1]})
    for lines, products in ((table(LEAF), none), (table(LEAF), TEAS.head(0))):
        got = up_sell(lines, products, tier_col="tier")
        assert list(got.columns) == COLUMNS
        assert len(got) == 0
    empty = up_sell(table(LEAF).head(0), TEAS, tier_col="tier", as_of="2026-01-01")
    assert list(empty.columns) == COLUMNS
    assert len(empty) == 0


def test_lines_and_products_without_a_name():
    lines = table([*LEAF, ("a", 9, None)])
    products = pd.concat([TEAS, TEAS.tail(2).assign(product_id=None)])
    with pytest.warns(CrmlyticsWarning, match="left out of transactions: 1 lines without"):
        got = up_sell(lines, products, tier_col="tier")
    pd.testing.assert_frame_equal(got, up_sell(table(LEAF), TEAS, tier_col="tier"))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, OptionError, "one of tier_col and price_col must be given; got neither"),
        ({"tier_col": "tier", "price_col": "price"}, OptionError, "must be given; got both"),
        ({"tier_col": "tiers"}, ColumnError, "no column 'tiers' (tier_col) in products"),
        ({"tier_col": "category"}, ColumnError, "column 'category' (tier_col) holds"),
        ({"tier_col": "tier", "top": 0}, OptionError, "top must be a whole number of 1 or more"),
        ({"tier_col": "tier", "min_purchases": 0}, OptionError, "min_purchases must be a whole"),
        ({"tier_col": "tier", "category_col": "kind"}, ColumnError, "no column 'kind'"),
        ({"tier_col": "tier", "as_of": "2025-01-01"}, OptionError, "before the first date"),
        ({"tier_col": "tier", "product_col": "sku"}, ColumnError, "no column 'sku' (product_col)"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=r"^up_sell: .*[.?]$") as raised:
        up_sell(table(LEAF), TEAS, **options)
    assert words in str(raised.value)


def test_bad_tables():
    with pytest.raises(DataError, match=r"^up_sell: products has the same product \('product_id"):
        up_sell(table(LEAF), pd.concat([TEAS, TEAS.head(1)]), tier_col="tier")
    numbers = TEAS.assign(product_id=range(5))
    with pytest.raises(ColumnError, match=r"of products holds Int64 \(number\), but transactions"):
        up_sell(table(LEAF), numbers, tier_col="tier")
    lines = table(LEAF).rename(columns={"customer_id": "category"})
    with pytest.raises(ColumnError, match=r"'category' \(customer_col\) has the name of a result"):
        up_sell(lines, TEAS, tier_col="tier", customer_col="category")
    with pytest.raises(DataError, match="1 of 5 rows have no 'customer_id'"):
        up_sell(table([(None, *LEAF[0][1:]), *LEAF[1:]]), TEAS, tier_col="tier")


def test_input_is_not_changed():
    lines, products = table(LEAF), TEAS.copy()
    up_sell(lines, products, tier_col="tier")
    pd.testing.assert_frame_equal(lines, table(LEAF))
    pd.testing.assert_frame_equal(products, TEAS)
