"""What the tables show must be what the truth says, within four standard errors."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import scale

from crmlytics.datasets import simulate_shop

N, DAYS = 20_000, 730


@pytest.fixture(scope="module")
def shop():
    return simulate_shop(N, DAYS)


@pytest.fixture(scope="module")
def sales(shop):
    return shop.transactions[shop.transactions["quantity"] > 0]


@pytest.fixture(scope="module")
def days_seen(shop):
    return DAYS - (shop.customers["acquired_on"] - pd.Timestamp("2024-01-01")).dt.days.to_numpy()


def test_orders_follow_the_true_rates(shop, sales, days_seen):
    # Active days A = min(Exp(m), T) have mean a = (1 - e^-mT) / m and
    # E[A^2] = 2 (1 - e^-mT (1 + mT)) / m^2; repeats are Poisson(l A), so that their variance is
    # l a + l^2 (E[A^2] - a^2). Summed over customers the count is nearly normal.
    rate, leaving = shop.truth["purchase_rate"], shop.truth["death_rate"]
    gone = np.exp(-leaving * days_seen)
    mean = (1 - gone) / leaving
    square = 2 * (1 - gone * (1 + leaving * days_seen)) / leaving**2
    variance = rate * mean + rate**2 * (square - mean**2)
    assert np.allclose(shop.truth["expected_orders"], 1 + rate * mean)
    error = sales["order_id"].nunique() - shop.truth["expected_orders"].sum()
    assert abs(error) < 4 * np.sqrt(variance.sum())


def test_survivors_follow_the_true_rates(shop, days_seen):
    # Alive at the end with probability e^-mT: a sum of independent coins.
    stay = np.exp(-shop.truth["death_rate"] * days_seen)
    error = shop.truth["alive"].sum() - stay.sum()
    assert abs(error) < 4 * np.sqrt((stay * (1 - stay)).sum())


def test_without_separation_it_is_the_pareto_nbd():
    truth = simulate_shop(N, 30, separation=0).truth
    # The parameters stated in the docstring; Kolmogorov-Smirnov, one draw in a thousand fails.
    rates = {
        "purchase_rate": stats.gamma(3, scale=1 / 75),
        "death_rate": stats.gamma(1.5, scale=1 / 600),
    }
    for name, law in rates.items():
        assert stats.kstest(truth[name], law.cdf).pvalue > 0.001


def test_order_values_follow_spend_mean(shop, sales):
    orders = sales.groupby(["customer_id", "order_id"], as_index=False)["amount"].sum()
    expected = shop.truth.set_index("customer_id")["spend_mean"]
    ratio = orders["amount"] / orders["customer_id"].map(expected)
    # Orders of one customer share no noise once spend_mean is given; 0.002 is for rounded prices.
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio)) + 0.002


def test_difference_between_arms_is_the_true_uplift(shop):
    contacts = shop.campaign_contacts.merge(shop.truth, on="customer_id")
    rates = contacts.groupby("treated")["converted"].agg(["mean", "size"])
    error = rates["mean"].diff()[1] - contacts["uplift"].mean()
    assert abs(error) < 4 * np.sqrt((rates["mean"] * (1 - rates["mean"]) / rates["size"]).sum())
    held_out = contacts[contacts["treated"] == 0]
    noise = 4 * np.sqrt(0.25 / len(held_out))
    assert abs(held_out["converted"].mean() - held_out["baseline_response"].mean()) < noise
    assert abs(contacts["treated"].mean() - 0.5) < 4 * np.sqrt(0.25 / len(contacts))


def test_uplift_differs_between_customers(shop):
    contacts = shop.campaign_contacts.merge(shop.truth, on="customer_id")
    high = contacts["uplift"] > contacts["uplift"].median()
    rates = contacts.groupby([high, "treated"])["converted"].mean()
    effect = {half: rates[half, 1] - rates[half, 0] for half in (True, False)}
    assert effect[True] - effect[False] > 0.04
    assert (shop.truth["uplift"] < 0).any()  # some are put off
    total = shop.truth["uplift"] + shop.truth["baseline_response"]
    assert total.between(0, 1).all()


def test_spend_per_customer_won(shop):
    # The prices in the docstring; customers won in a channel are binomial, some 2,000 or more.
    won = shop.customers["channel"].value_counts()
    cost = shop.spend.groupby("channel")["cost"].sum()
    assert (cost / won).dropna().round().to_dict() == pytest.approx(
        {"partner": 18, "referral": 10, "search": 25, "social": 32}, rel=0.1
    )


def test_complements_are_bought_together(shop, sales):
    orders = sales.groupby("product_id")["order_id"].agg(set)
    pairs = shop.products.dropna(subset="complement_id")
    for product, complement in zip(pairs["product_id"], pairs["complement_id"], strict=True):
        if len(orders[product]) > 1_000:
            together = len(orders[product] & orders[complement])
            # 1/2 is planted; chance and lines of both add to it.
            assert 0.45 < together / len(orders[product]) < 0.75


@pytest.mark.parametrize(("trait", "source"), [("purchase_rate", "truth"), ("income", "customers")])
@pytest.mark.parametrize("separation", [0.0, 3.0])
def test_groups_lie_as_far_apart_as_asked(trait, source, separation):
    shop = simulate_shop(N, 10, separation=separation, n_groups=2)
    logs = np.log(getattr(shop, source)[trait]).groupby(shop.truth["segment"]).agg(["mean", "std"])
    got = abs(logs["mean"].diff()[1]) / logs["std"].mean()
    # The error of a difference of means over 10,000 each is 0.014 sd, that of the sd 0.7 %.
    assert got == pytest.approx(separation, abs=0.1)


@pytest.mark.parametrize(("separation", "low", "high"), [(0.0, -0.02, 0.02), (3.0, 0.85, 1.0)])
def test_groups_can_be_found_where_they_are(separation, low, high):
    shop = simulate_shop(2_000, 60, separation=separation)
    features = scale(np.log(shop.customers[["income", "monthly_budget", "distance_km"]]))
    found = KMeans(4, n_init=5, random_state=0).fit_predict(features)
    assert low <= adjusted_rand_score(shop.truth["segment"], found) <= high
