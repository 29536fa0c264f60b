import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.datasets import simulate_shop
from crmlytics.errors import OptionError

FIRST = pd.Timestamp("2024-01-01")
DAYS = 730
LAST = FIRST + pd.Timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def shop():
    return simulate_shop(5_000, DAYS)


@pytest.fixture(scope="module")
def sales(shop):
    return shop.transactions[shop.transactions["quantity"] > 0]


def with_customers(shop, table):
    rows = table.merge(shop.customers, on="customer_id", suffixes=("", "_customer"))
    rows = rows.merge(shop.truth, on="customer_id", validate="many_to_one")
    assert len(rows) == len(table)  # every customer_id exists
    return rows


def test_columns_and_dtypes(shop):
    plain = {"int64", "float64", "str", "bool", "datetime64[us]"}
    for name, table in shop._asdict().items():
        assert isinstance(table.index, pd.RangeIndex), name
        for column, kind in table.dtypes.items():
            assert str(kind) in (plain | {"Int64"} if column == "complement_id" else plain), column
    nullable = {
        "age",
        "complement_id",
        "opened_at",
        "first_response_at",
        "resolved_at",
        "end_date",
        "died_on",
    }
    for table in shop:
        assert set(table.columns[table.isna().any()]) <= nullable
    assert not shop.campaigns.isna().any(axis=None)


def test_keys_are_unique(shop):
    keys = {
        "customers": ["customer_id"],
        "products": ["product_id"],
        "campaigns": ["campaign_id"],
        "campaign_contacts": ["campaign_id", "customer_id"],
        "subscriptions": ["subscription_id"],
        "spend": ["date", "channel"],
        "truth": ["customer_id"],
    }
    for name, key in keys.items():
        table = getattr(shop, name)
        assert not table.duplicated(key).any(), name
        if name != "subscriptions":
            assert table.equals(table.sort_values(key, ignore_index=True)), name


def test_every_event_lies_in_its_time(shop, sales):
    for table in (shop.transactions, shop.interactions, shop.feedback, shop.campaign_contacts):
        rows = with_customers(shop, table)
        assert (rows["date"] >= rows["acquired_on"]).all()
        assert rows["date"].max() <= LAST
        assert table["date"].is_monotonic_increasing or table is shop.campaign_contacts
    for table in (sales, shop.interactions[shop.interactions["channel"] != "email"]):
        rows = with_customers(shop, table)
        assert not (rows["date"] > rows["died_on"]).any()
    assert shop.customers["acquired_on"].between(FIRST, LAST).all()
    first = sales.groupby("customer_id")["date"].min()
    assert (first.to_numpy() == shop.customers["acquired_on"].to_numpy()).all()
    assert (shop.truth["died_on"].isna() == shop.truth["alive"]).all()


def test_orders(shop, sales):
    orders = sales.groupby("order_id")[["customer_id", "date", "channel"]].nunique()
    assert (orders == 1).all(axis=None)
    assert sorted(sales["order_id"].unique()) == list(range(1, len(orders) + 1))
    assert not sales.duplicated(["order_id", "product_id"]).any()
    priced = sales.merge(shop.products, on="product_id", validate="many_to_one")
    assert len(priced) == len(sales)
    full = priced["price"] * priced["quantity"]
    assert np.allclose(priced["amount"] + priced["discount"], full)
    assert np.allclose(priced["cost"], priced["unit_cost"] * priced["quantity"])
    share = priced["discount"] / full
    assert ((share == 0) | share.between(0.05, 0.35)).all()


def test_returns_mirror_sales(shop, sales):
    returns = shop.transactions[shop.transactions["quantity"] < 0]
    both = returns.merge(sales, on=["order_id", "product_id"], suffixes=("", "_sold"))
    assert len(both) == len(returns) > 0
    assert (both["customer_id"] == both["customer_id_sold"]).all()
    assert (both["date"] > both["date_sold"]).all()
    for name in ("quantity", "amount", "discount", "cost"):
        assert (both[name] == -both[f"{name}_sold"]).all()
    assert 0.015 < len(returns) / len(sales) < 0.035  # 3 % less those not back by the last day


def test_tickets(shop):
    log = shop.interactions
    tickets = log["event"].isin(["ticket", "complaint"])
    assert (log["opened_at"].notna() == tickets).all()
    assert (log["opened_at"].dt.normalize() == log["date"])[tickets].all()
    answered, resolved = log["first_response_at"].notna(), log["resolved_at"].notna()
    assert (log["first_response_at"] >= log["opened_at"])[answered].all()
    assert answered[resolved].all()
    assert (log["resolved_at"] >= log["first_response_at"])[resolved].all()
    assert log["resolved_at"].max() < LAST + pd.Timedelta(days=1)
    assert 0 < (tickets & ~resolved).sum() < 0.2 * tickets.sum()


def test_funnel_narrows_and_ends_in_the_online_orders(shop, sales):
    log = shop.interactions
    counts = log["event"].value_counts()
    steps = [counts[name] for name in ("view", "cart", "checkout", "purchase")]
    assert steps == sorted(steps, reverse=True)
    tracked = shop.customers.loc[shop.customers["web_consent"], "customer_id"]
    online = sales[sales["channel"].isin(["app", "web"]) & sales["customer_id"].isin(tracked)]
    orders = online.drop_duplicates("order_id")
    want = orders.groupby(["customer_id", "date", "channel"]).size()
    got = log[log["event"] == "purchase"].groupby(["customer_id", "date", "channel"]).size()
    pd.testing.assert_series_equal(got, want)


def test_feedback_follows_an_order(shop, sales):
    orders = sales.drop_duplicates("order_id")[["order_id", "customer_id", "date"]]
    feedback = shop.feedback.merge(orders, on="order_id", suffixes=("", "_order"))
    assert len(feedback) == len(shop.feedback)
    assert (feedback["customer_id"] == feedback["customer_id_order"]).all()
    assert (feedback["date"] > feedback["date_order"]).all()
    rows = with_customers(shop, shop.feedback)
    assert (rows["language"] == rows["language_customer"]).all()
    assert rows["score"].between(0, 10).all()


def test_score_follows_polarity_and_satisfaction(shop):
    rows = with_customers(shop, shop.feedback)
    mean = rows.groupby("true_polarity")["score"].mean()
    assert list(mean.index) == [-1, 0, 1]
    assert mean.is_monotonic_increasing
    assert rows["score"].corr(rows["true_polarity"]) > 0.7
    assert rows["score"].corr(rows["satisfaction"]) > 0.5
    stayed = shop.truth.groupby(shop.truth["satisfaction"] > 0.5)["alive"].mean()
    assert stayed[True] - stayed[False] > 0.1  # the churn driver


def test_campaigns(shop):
    contacts = shop.campaign_contacts.merge(
        shop.campaigns, on="campaign_id", suffixes=("", "_campaign"), validate="many_to_one"
    )
    assert len(contacts) == len(shop.campaign_contacts)
    assert contacts["date"].between(contacts["start_date"], contacts["end_date"]).all()
    assert (contacts["channel"] == contacts["channel_campaign"]).all()
    assert ((contacts["revenue"] > 0) == (contacts["converted"] == 1)).all()
    assert np.allclose(contacts["cost"], contacts["cost_per_contact"] * contacts["treated"])
    rows = with_customers(shop, shop.campaign_contacts)
    assert not (rows["date"] > rows["died_on"]).any()
    for channel in ("email", "sms"):
        assert rows.loc[rows["channel"] == channel, f"{channel}_consent"].all()


def test_subscriptions(shop):
    spells = with_customers(shop, shop.subscriptions)
    assert (spells["start_date"] >= spells["acquired_on"]).all()
    assert not (spells["end_date"] <= spells["start_date"]).any()
    assert not (spells["end_date"] > spells["died_on"]).any()
    assert spells["end_date"].notna()[~spells["alive"]].all()
    assert spells["start_date"].max() <= LAST
    assert spells["end_date"].max() <= LAST
    following = spells.groupby("customer_id")["start_date"].shift(-1)
    # Open spells are the last of their customer, and no two run at once.
    assert not (following < spells["end_date"].fillna(pd.Timestamp.max.as_unit("us"))).any()
    change = spells.groupby("customer_id")["amount"].diff()
    at_once = spells["start_date"] == spells.groupby("customer_id")["end_date"].shift()
    assert (change[at_once] > 0).any()
    assert (change[at_once] < 0).any()
    assert (change[at_once] != 0).all()


def test_same_call_same_tables():
    one, two = simulate_shop(50, 200, random_state=7), simulate_shop(50, 200, random_state=7)
    for before, after in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(before, after)
    other = simulate_shop(50, 200, random_state=8)
    assert not one.truth.equals(other.truth)
    english = simulate_shop(50, 200, languages=("en",), random_state=7)
    pd.testing.assert_frame_equal(one.transactions, english.transactions)
    pd.testing.assert_frame_equal(one.truth, english.truth)
    assert set(english.feedback["language"]) == {"en"}


@pytest.mark.parametrize("n_customers", [1, 3])
@pytest.mark.parametrize("days", [1, 2, 40])
def test_smallest_shops(n_customers, days):
    small, usual = simulate_shop(n_customers, days), simulate_shop(20, 100)
    assert len(small.customers) == len(small.truth) == n_customers
    assert small.transactions["date"].max() <= FIRST + pd.Timedelta(days=days - 1)
    assert small.spend["date"].nunique() == days
    for few, many in zip(small, usual, strict=True):
        assert few.dtypes.equals(many.dtypes)


CASES = [
    ({"n_customers": 0}, "n_customers must be a whole number of at least 1; got 0."),
    ({"n_customers": 2.5}, "n_customers must be a whole number of at least 1; got 2.5."),
    ({"n_customers": True}, "n_customers must be a whole number of at least 1; got True."),
    ({"days": 0}, "days must be a whole number from 1 to 36500; got 0."),
    ({"days": "730"}, "days must be a whole number from 1 to 36500; got '730'."),
    ({"n_groups": 26}, "n_groups must be a whole number from 1 to 25; got 26."),
    ({"separation": -1}, "separation must be a number from 0 to 6; got -1."),
    ({"separation": float("nan")}, "separation must be a number from 0 to 6; got nan."),
    ({"separation": None}, "separation must be a number from 0 to 6; got None."),
    ({"random_state": -1}, "random_state must be a whole number of at least 0; got -1."),
    ({"random_state": None}, "random_state must be a whole number of at least 0; got None."),
    (
        {"languages": ("en", "Hebrew")},
        "languages may hold 'en', 'fa', 'he'; got 'Hebrew'. Did you mean 'he'?",
    ),
    (
        {"languages": ("EN",)},
        "languages may hold 'en', 'fa', 'he'; got 'EN'. Did you mean 'en'?",
    ),
    ({"languages": ("xx",)}, "languages may hold 'en', 'fa', 'he'; got 'xx'."),
    (
        {"languages": "en"},
        "languages must be a tuple of some of 'en', 'fa', 'he'; got 'en'. "
        "One alone is written ('en',).",
    ),
    (
        {"languages": ()},
        "languages must hold at least one of 'en', 'fa', 'he' and none twice; got ().",
    ),
    (
        {"languages": ("en", "en")},
        "languages must hold at least one of 'en', 'fa', 'he' and none twice; got ('en', 'en').",
    ),
]


@pytest.mark.parametrize(("options", "sentence"), CASES)
def test_bad_options(options, sentence):
    with pytest.raises(OptionError) as error:
        crm.datasets.simulate_shop(**options)
    assert str(error.value) == f"simulate_shop: {sentence}"


def test_numpy_numbers_are_numbers():
    shop = simulate_shop(np.int64(2), np.int32(5), separation=np.float32(1.0))
    assert len(shop.customers) == 2
