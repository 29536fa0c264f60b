"""Suggestions at the door: kinds of tables and ids, options, and what changes nothing."""

from decimal import Decimal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    NotEnoughDataError,
    OptionError,
)
from crmlytics.rules import _choose

fit_suggestions = crm.rules.fit_suggestions
COLUMNS = ["rank", "product_id", "score", "kind", "because", "because_product"]
CATEGORIES = {"tea": "drink", "milk": "drink", "juice": "drink", "halva": "sweet", "cake": "sweet"}
SHELF = pd.DataFrame({"product_id": list(CATEGORIES), "category": list(CATEGORIES.values())})
NAMES = np.array([*CATEGORIES, "soap"])
LINE = st.tuples(
    st.integers(1, 5), st.integers(0, 60), st.sampled_from(NAMES.tolist()), st.integers(-1, 2)
)


def columns(lines):
    who, days, products, quantities = zip(*lines, strict=True)
    dates = np.datetime64("2026-01-01", "us") + np.array(days, dtype="m8[D]")
    return pa.table(
        {"customer_id": who, "date": dates, "product_id": products, "quantity": quantities}
    )


def shop(n=400, seed=0):
    rng = np.random.default_rng(seed)
    # every customer leaves out a product of his or her own, so that there is always a new one
    who, offset = rng.integers(1, 41, n), rng.integers(1, 6, n)
    values = zip(who, rng.integers(0, 90, n), NAMES[(who + offset) % 6], strict=True)
    return columns([(int(who), int(day), str(name), 1) for who, day, name in values])


SHOP = shop().to_pandas()
MODEL = fit_suggestions(SHOP, products=SHELF)


def plain(table):
    return pd.DataFrame(nw.from_native(table, eager_only=True).to_arrow().to_pydict())


def ids(*names):
    return pd.DataFrame({"customer_id": names})


def test_kinds_of_lists():
    every = MODEL.predict(SHOP)
    assert list(every.columns) == ["customer_id", *COLUMNS]
    order = every.assign(later=every["kind"] != "repeat")
    order = order.sort_values(["customer_id", "later", "rank"], ignore_index=True)
    pd.testing.assert_frame_equal(order.drop(columns="later"), every)
    bought = set(zip(SHOP["customer_id"], SHOP["product_id"], strict=True))
    again = [pair in bought for pair in zip(every["customer_id"], every["product_id"], strict=True)]
    assert ((every["kind"] == "repeat") == again).all()
    # "both" is the two lists one after the other
    parts = [MODEL.predict(SHOP, kind=kind) for kind in ("repeat", "new")]
    whole = pd.concat(parts).sort_values("customer_id", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(whole, every)
    one = MODEL.predict(SHOP, kind="all")
    assert (one.groupby("customer_id").size() == len(NAMES)).all()
    assert set(one["kind"]) == {"repeat", "new"}
    short = MODEL.predict(SHOP, top=1)
    assert (short.groupby(["customer_id", "kind"]).size() == 1).all()


def test_any_table_in_and_out(make_eager):
    lines, want = make_eager(shop()), MODEL.predict(SHOP)
    shelf = make_eager(pa.Table.from_pandas(SHELF))
    model = fit_suggestions(lines, products=shelf)
    assert model == MODEL
    got = model.predict(lines)
    assert type(got) is type(lines)
    pd.testing.assert_frame_equal(plain(got), plain(want), check_dtype=False)
    pd.testing.assert_frame_equal(plain(crm.rules.cross_sell(lines, top=10)),
                                  plain(want[want["kind"] == "new"].reset_index(drop=True)),
                                  check_dtype=False)  # fmt: skip
    # a model asks tables of any other kind
    pd.testing.assert_frame_equal(
        plain(MODEL.predict(make_eager({"customer_id": [3, 1, 3]}))),
        plain(MODEL.predict(ids(1, 3))), check_dtype=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        lambda ids: ids.map("c{:03}".format),
        lambda ids: ids.map("c{:03}".format).astype("category"),
        lambda ids: ids + 0.5,
        lambda ids: ids + 10**15,
        lambda ids: ids.map(Decimal),
        lambda ids: ids.astype("int16"),
        lambda ids: ids.astype("Int64"),
    ],
    ids=["text", "categories", "float", "large", "decimal", "int16", "nullable"],
)
def test_kinds_of_ids(made, tmp_path):
    want = MODEL.predict(SHOP)
    lines = SHOP.assign(customer_id=made(SHOP["customer_id"]))
    model = fit_suggestions(lines)
    got = model.predict(lines)
    assert got["customer_id"].dtype == lines["customer_id"].dtype
    assert list(got["customer_id"]) == list(made(want["customer_id"]))
    pd.testing.assert_frame_equal(got[COLUMNS], want[COLUMNS])
    model.save(tmp_path / "model")
    again = crm.load_model(tmp_path / "model")
    assert again == model
    pd.testing.assert_frame_equal(again.predict(lines), got)


@pytest.mark.parametrize(
    "made",
    [
        lambda names: names.astype("category"),
        lambda names: names.map(NAMES.tolist().index),
        lambda names: pd.Timestamp("2026-01-01") + pd.to_timedelta(names.str.len(), "D"),
        lambda names: (pd.Timestamp("2026-01-01") + pd.to_timedelta(names.str.len(), "D")).astype(
            "M8[ns]"
        ),
    ],
    ids=["categories", "numbers", "days", "nanoseconds"],
)
def test_kinds_of_products(made):
    lines = SHOP.assign(product_id=made(SHOP["product_id"]))
    shelf = lines[["product_id"]].drop_duplicates().assign(category="all")
    model = fit_suggestions(lines, products=shelf)
    assert (model.groups == 0).all()
    first = lines["product_id"].iloc[0]
    got = model.predict(lines, exclude=[first])
    assert len(got)
    assert first not in set(got["product_id"])
    assert set(got["product_id"]) <= set(lines["product_id"])
    assert set(model.predict(lines, in_stock=[first])["product_id"]) == {first}


def test_nobody_knows_them():
    days = SHOP["date"] > SHOP["date"].max() - pd.Timedelta(days=30)
    recent = SHOP[days].drop_duplicates(["customer_id", "date", "product_id"])
    counted = recent["product_id"].value_counts()
    every = SHOP.drop_duplicates(["customer_id", "date", "product_id"])["product_id"].value_counts()
    order = sorted(counted.index, key=lambda name: (-counted[name], -every[name], name))
    for method in _choose.METHODS:
        model = fit_suggestions(SHOP, method=method)
        for kind in ("both", "new", "all"):
            got = model.predict(ids(-1), kind=kind)
            assert list(got["product_id"]) == order
            assert set(got["kind"]) == {"new"}
            assert got["because"][0] == (
                f"popular: in {counted[order[0]]} baskets of the last 30 days"
            )
        assert len(model.predict(ids(-1), kind="repeat")) == 0
        assert len(model.predict(ids(1).head(0))) == 0


def test_baskets_are_sorted_and_may_hold_anything():
    lines = pd.DataFrame({"order_id": ["z", "b", "z", "c"], "product_id": [*NAMES[:3], "nail"]})
    got = MODEL.predict(crm.rules.baskets(lines), top=9)
    assert list(got["order_id"]) == ["b"] * 5 + ["c"] * 6 + ["z"] * 4
    held = set(zip(lines["order_id"], lines["product_id"], strict=True))
    assert not held & set(zip(got["order_id"], got["product_id"], strict=True))
    nothing = got.loc[got["order_id"] == "c", "product_id"]
    assert list(nothing) == list(MODEL.predict(ids(-1))["product_id"])
    polars = MODEL.predict(crm.rules.baskets(pl.from_pandas(lines)), top=9, kind="new")
    pd.testing.assert_frame_equal(plain(polars), plain(got), check_dtype=False)


@pytest.mark.parametrize("of", ["customers", "baskets"])
@pytest.mark.parametrize("method", _choose.METHODS)
def test_shuffled_rows_and_other_names_of_customers_change_nothing(method, of):
    want = fit_suggestions(SHOP, method=method, of=of).predict(SHOP)
    other = SHOP.sample(frac=1, random_state=1)
    got = fit_suggestions(other, method=method, of=of).predict(other)
    pd.testing.assert_frame_equal(got, want)
    # in another order
    renamed = SHOP.assign(customer_id=(SHOP["customer_id"] * 17) % 41)
    got = fit_suggestions(renamed, method=method, of=of).predict(renamed)
    want = want.assign(customer_id=(want["customer_id"] * 17) % 41)
    want = want.sort_values("customer_id", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(got, want)


@given(lines=st.lists(LINE, min_size=1, max_size=25), day=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_as_of_and_returns(lines, day):
    kept = [line for line in lines if line[1] <= day and line[3] >= 0]
    last = np.datetime64("2026-01-01") + day
    first = min(line[1] for line in lines)
    if first > day:
        with pytest.raises(OptionError, match="as_of"):
            fit_suggestions(columns(lines), as_of=last)
    elif not kept:
        with pytest.raises(NotEnoughDataError, match="needs at least 1 lines with a product"):
            fit_suggestions(columns(lines), as_of=last)
    else:
        # a repeated line is one purchase
        want = fit_suggestions(columns([*kept, kept[0]]), as_of=last)
        assert fit_suggestions(columns(lines), as_of=last) == want


def test_as_of_is_the_last_day_by_default():
    assert fit_suggestions(SHOP, as_of=SHOP["date"].max()).last_day == MODEL.last_day
    later = fit_suggestions(SHOP, as_of=SHOP["date"].max() + pd.Timedelta(days=30))
    assert not later.popularity.any()


def test_exclude_and_in_stock():
    for make in (list, set, np.array, pd.Series, pl.Series, pa.array):
        got = MODEL.predict(SHOP, exclude=make(["tea", "milk", "no such"]))
        assert set(got["product_id"]) == set(NAMES) - {"tea", "milk"}
        got = MODEL.predict(SHOP, in_stock=make(["tea", "milk", "no such"]), exclude=["milk"])
        assert set(got["product_id"]) == {"tea"}
        assert (got.groupby(["customer_id", "kind"])["rank"].max() == 1).all()
    assert len(MODEL.predict(SHOP, in_stock=[])) == 0
    assert len(MODEL.predict(SHOP, exclude=[None])) == len(MODEL.predict(SHOP))


def test_at_most_some_of_a_category():
    free = MODEL.predict(SHOP, kind="all")
    got = MODEL.predict(SHOP, kind="all", max_per_category=1)
    for who, part in free.groupby("customer_id"):
        category = part["product_id"].map(CATEGORIES)
        # the first of each category; soap has none
        kept = part[category.isna() | ~category.duplicated()]
        mine = got[got["customer_id"] == who]
        assert list(mine["product_id"]) == list(kept["product_id"])
        assert list(mine["rank"]) == [1, 2, 3]


def test_categories_that_are_not_known():
    shelf = pd.DataFrame(
        {"product_id": ["tea", None, None, "milk"], "category": ["x", "x", "y", None]}
    )
    lines = SHOP.replace({"product_id": {"soap": "None"}})
    model = fit_suggestions(lines, products=shelf)
    grouped = dict(zip(model.items.tolist(), model.groups.tolist(), strict=True))
    assert grouped.pop("tea") == 0
    assert set(grouped.values()) == {-1}  # a product called "None" is not the one without a name


def test_max_items_keeps_the_most_bought():
    model = fit_suggestions(SHOP, max_items=2)
    assert model.items.tolist() == MODEL.items[:2].tolist()
    # those who bought none of them are like those never seen
    want = fit_suggestions(SHOP[SHOP["product_id"].isin(model.items)])
    pd.testing.assert_frame_equal(model.predict(SHOP), want.predict(SHOP))


def test_products_beyond_the_cap_are_said(monkeypatch):
    monkeypatch.setattr(_choose, "MOST_ITEMS", 3)
    monkeypatch.setitem(_choose.learn.__kwdefaults__, "most", 3)
    with pytest.warns(CrmlyticsWarning, match="learns from the 3 most bought of 6 products"):
        model = fit_suggestions(SHOP, method="ease")
    assert model.weight_items.max() == 2
    again = model.predict(SHOP, kind="all")
    assert set(again["product_id"]) == set(NAMES)  # still suggested, at the end


def test_cross_sell_is_new_products_in_one_call():
    got = crm.rules.cross_sell(SHOP, top=2, products=SHELF, max_per_category=1, exclude=["tea"])
    want = MODEL.predict(SHOP, kind="new", top=2, max_per_category=1, exclude=["tea"])
    pd.testing.assert_frame_equal(got, want)
    with pytest.raises(OptionError, match=r"^cross_sell: top must be"):
        crm.rules.cross_sell(SHOP, top=0)
    # those seen later only are new customers
    early = crm.rules.cross_sell(SHOP, as_of=SHOP["date"].min())
    assert set(early["customer_id"]) == set(SHOP["customer_id"])


def test_orders_without_customers():
    lines = SHOP.rename(columns={"customer_id": "order_id"})
    model = fit_suggestions(lines, of="baskets", method="similar", customer_col=None)
    got = model.predict(crm.rules.baskets(lines.head(2)))
    assert len(got)
    for options in ({}, {"customer_col": "order_id"}):
        with pytest.raises(OptionError, match=r"^predict: .* fitted without customers"):
            model.predict(lines, **options)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "eas"}, OptionError, "Did you mean method='ease'?"),
        ({"of": "orders"}, OptionError, "of must be one of 'customers', 'baskets'"),
        ({"customer_col": None}, OptionError, "of must be one of 'baskets'"),
        ({"half_life_days": 0}, OptionError, "half_life_days must be a number of 0.1 or more"),
        ({"half_life_days": "9"}, OptionError, "half_life_days must be a number"),
        ({"max_items": 0}, OptionError, "max_items must be a whole number of 1 or more"),
        ({"regularisation": 0}, OptionError, "regularisation must be a number"),
        ({"as_of": "soon"}, OptionError, "as_of must be a day"),
        ({"as_of": "2025-12-31"}, OptionError, "is before the first date"),
        ({"product_col": "sku"}, ColumnError, "no column 'sku' (product_col) in transactions"),
        ({"customer_col": "rank"}, ColumnError, "no column 'rank'"),
        ({"products": SHELF.assign(product_id=range(5))}, ColumnError,
         "column 'product_id' (product_col) of products holds Int64 (number), but transactions "
         "has texts"),
        ({"products": pd.concat([SHELF, SHELF.head(2)])}, DataError,
         "2 of 7 rows of products repeat a product ('product_id')"),
        ({"products": SHELF[["product_id"]]}, ColumnError, "no column 'category' (category_col)"),
    ],
)  # fmt: skip
def test_bad_options_of_the_fit(options, error, words):
    with pytest.raises(error, match=r"^fit_suggestions: .*[.?]$") as raised:
        fit_suggestions(SHOP, **options)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("customers", "options", "error", "words"),
    [
        (ids(1), {"top": 0}, OptionError, "top must be a whole number of 1 or more; got 0"),
        (ids(1), {"kind": "old"}, OptionError, "kind must be one of 'repeat', 'new', 'both'"),
        (ids(1), {"max_per_category": 0}, OptionError, "max_per_category must be a whole number"),
        (ids(1), {"exclude": "tea"}, OptionError, "Write exclude=[...]"),
        (ids(1), {"exclude": 3}, OptionError, "exclude must be a list of products; got 3"),
        (ids(1), {"in_stock": [["tea"]]}, OptionError, "in_stock must be a list of products"),
        (ids(1), {"exclude": SHELF}, OptionError, "must be a list of products; got a DataFrame."),
        (ids(1), {"exclude": ["tea", 3]}, OptionError, "exclude has 3, but products are '"),
        (ids("1"), {}, ColumnError,
         "holds String (text), but the model was fitted to numbers. Make both one type"),
        (ids(1.0, None), {}, DataError, "1 of 2 rows have no 'customer_id'"),
        (SHOP, {"customer_col": "who"}, ColumnError, "no column 'who' (customer_col)"),
        (SHOP.rename(columns={"customer_id": "kind"}), {"customer_col": "kind"}, ColumnError,
         "has the name of a result column"),
        (crm.rules.baskets([["tea"]]), {"kind": "repeat"}, OptionError,
         "asks for products bought before, which baskets do not know"),
        (crm.rules.baskets([[1]]), {}, ColumnError, "the products of baskets holds Int64"),
        ([["tea"]], {}, DataError, "customers must be a table"),
    ],
)  # fmt: skip
def test_bad_options_of_predict(customers, options, error, words):
    with pytest.raises(error, match=r"^predict: .*\.$") as raised:
        MODEL.predict(customers, **options)
    assert words in str(raised.value)


def test_categories_need_a_table_of_products():
    with pytest.raises(OptionError, match=r"max_per_category needs the categories of products"):
        fit_suggestions(SHOP).predict(ids(1), max_per_category=1)


def test_a_product_column_cannot_have_the_name_of_a_result():
    with pytest.raises(ColumnError, match=r"'kind' \(product_col\) has the name of a result"):
        fit_suggestions(SHOP.rename(columns={"product_id": "kind"}), product_col="kind")


def test_lines_without_a_product_are_said():
    lines = SHOP.assign(product_id=SHOP["product_id"].where(SHOP.index > 2))
    with pytest.warns(CrmlyticsWarning, match="left out of transactions: 3 lines without"):
        model = fit_suggestions(lines)
    assert model == fit_suggestions(SHOP.iloc[3:])
