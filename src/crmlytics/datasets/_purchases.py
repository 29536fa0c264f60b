"""The purchase process: when customers order, what lies in the basket, what comes back."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmlytics.datasets._columns import Bools, Floats, Ints, dates, draw, draw_rows, labels
from crmlytics.datasets._population import Population
from crmlytics.datasets._products import (
    CATEGORIES,
    CATEGORY_OF,
    COMPLEMENT_OF,
    COMPLEMENT_PROBABILITY,
    N_ARTICLES,
    POPULARITY,
    PRICE,
    TIERS,
    UNIT_COST,
)

CHANNELS = ("app", "store", "web")
_CHANNEL_SHARES = (0.2, 0.5, 0.3)
_LOYALTY_TO_CHANNEL = 0.8
_N_FAVOURITES = 5
_FAVOURITE_SHARE = 0.4  # of lines: the customer's own favourites, bought again and again
_EXTRA_LINES = 0.8  # Poisson mean of the lines of an order after the first
_DISCOUNTS = np.array([0.1, 0.2, 0.3])
_USUAL_ORDER = 60.0  # median over customers of the expected order value, where groups are alike
_RETURN_SHARE, _RETURN_DAYS = 0.03, 21


@dataclass(frozen=True)
class Habits:
    """How each customer fills a basket."""

    article_shares: Floats  # one row per group
    favourites: Ints  # articles, one row per customer
    tier_shares: Floats  # one row per customer
    deal_share: Floats  # share of lines bought at a discount
    units: Floats  # expected quantity of a line, 1 or more
    spend_mean: Floats  # expected value of an order, returns apart


@dataclass(frozen=True)
class Orders:
    """Arrays with one entry per order, by day and then customer; order_id is the place plus one."""

    customer: Ints  # place in the population
    day: Ints
    channel: Ints


def make_habits(rng: np.random.Generator, people: Population, separation: float) -> Habits:
    """Draw tastes, and set the quantities so that the expected order value is as planned."""
    taste = rng.standard_normal((people.n_groups, len(CATEGORIES))) * min(separation / 3, 1.0)
    shares = POPULARITY * np.exp(taste[:, CATEGORY_OF])
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.repeat(people.group, _N_FAVOURITES)
    favourites = draw_rows(rng, shares, rows).reshape(people.size, _N_FAVOURITES)
    fine = people.quality_taste
    tiers = np.stack([0.5 * (1 - fine), np.full(people.size, 0.5), 0.5 * fine], axis=1)
    deals = rng.beta(2, 6, people.size)
    # Expected value of a line of one unit, with the complement it may bring along.
    worth = PRICE + COMPLEMENT_PROBABILITY * PRICE[COMPLEMENT_OF] * (COMPLEMENT_OF >= 0)[:, None]
    usual, own = (shares @ worth)[people.group], worth[favourites].mean(axis=1)
    blend = (1 - _FAVOURITE_SHARE) * usual + _FAVOURITE_SHARE * own
    one_unit = (tiers * blend).sum(axis=1) * (1 + _EXTRA_LINES) * (1 - deals * _DISCOUNTS.mean())
    units = np.maximum(_USUAL_ORDER * people.spend_level / one_unit, 1.0)
    return Habits(shares, favourites, tiers, deals, units, one_unit * units)


def make_orders(rng: np.random.Generator, people: Population) -> Orders:
    """Draw the days of the orders: one at acquisition, then a Poisson process until the leaving."""
    repeats = rng.poisson(people.rate * people.span)
    later = np.repeat(np.arange(people.size), repeats)
    day = people.acquired[later] + np.floor(rng.random(len(later)) * people.span[later]).astype(int)
    customer = np.concatenate([np.arange(people.size), later])
    day = np.concatenate([people.acquired, np.minimum(day, people.days - 1)])
    order = np.argsort(day * people.size + customer, kind="stable")
    customer, day = customer[order], day[order]
    usual = draw(rng, _CHANNEL_SHARES, people.size)[customer]
    other = draw(rng, _CHANNEL_SHARES, len(day))
    channel = np.where(rng.random(len(day)) < _LOYALTY_TO_CHANNEL, usual, other)
    return Orders(customer, day, channel)


def transactions_table(
    rng: np.random.Generator, people: Population, habits: Habits, orders: Orders
) -> pd.DataFrame:
    """Fill the orders with lines, add the returns, and price it all."""
    order, product, units = _lines(rng, people, habits, orders)
    customer = orders.customer[order]
    price, unit_cost = PRICE.ravel()[product], UNIT_COST.ravel()[product]
    on_offer = rng.random(len(order)) < habits.deal_share[customer]
    cut = np.where(on_offer, _DISCOUNTS[rng.integers(len(_DISCOUNTS), size=len(order))], 0.0)
    full = price * units
    discount = np.round(full * cut, 2)
    day = orders.day[order]
    back, back_day = _returned(rng, people, customer, day)
    row = np.concatenate([np.arange(len(order)), back])
    sign = np.where(np.arange(len(row)) < len(order), 1, -1)
    day = np.concatenate([day, back_day])
    # Lines come by order and product, orders by day: a stable sort by day keeps the rest.
    place = np.argsort(day, kind="stable")
    row, sign = row[place], sign[place]
    return pd.DataFrame(
        {
            "customer_id": customer[row] + 1,
            "order_id": order[row] + 1,
            "date": dates(day[place]),
            "product_id": product[row] + 1,
            "quantity": units[row] * sign,
            "amount": np.round(full - discount, 2)[row] * sign,
            "discount": discount[row] * sign,
            "cost": np.round(unit_cost * units, 2)[row] * sign,
            "channel": labels(CHANNELS, orders.channel[order[row]]),
        }
    )


def _lines(
    rng: np.random.Generator, people: Population, habits: Habits, orders: Orders
) -> tuple[Ints, Ints, Ints]:
    """Return order, product and quantity of each line, sorted by order and product."""
    n_lines = 1 + rng.poisson(_EXTRA_LINES, len(orders.day))
    order = np.repeat(np.arange(len(orders.day)), n_lines)
    customer = orders.customer[order]
    usual = draw_rows(rng, habits.article_shares, people.group[customer])
    own = habits.favourites[customer, rng.integers(_N_FAVOURITES, size=len(order))]
    article = np.where(rng.random(len(order)) < _FAVOURITE_SHARE, own, usual)
    ladder = np.cumsum(habits.tier_shares, axis=1)[customer]
    level = rng.random(len(order))
    tier = (level >= ladder[:, 0]).astype(int) + (level >= ladder[:, 1])
    paired: Bools = (COMPLEMENT_OF[article] >= 0) & (
        rng.random(len(order)) < COMPLEMENT_PROBABILITY
    )
    order = np.concatenate([order, order[paired]])
    article = np.concatenate([article, COMPLEMENT_OF[article[paired]]])
    tier = np.concatenate([tier, tier[paired]])
    units = 1 + rng.poisson(habits.units[orders.customer[order]] - 1)
    # The same product taken twice into one order is one line with the sum of the quantities.
    width = N_ARTICLES * len(TIERS)
    lines, line = np.unique(order * width + article * len(TIERS) + tier, return_inverse=True)
    total = np.bincount(line, weights=units).astype(np.int64)
    return lines // width, lines % width, total


def _returned(
    rng: np.random.Generator, people: Population, customer: Ints, day: Ints
) -> tuple[Ints, Ints]:
    """Return the places of the lines that come back before the end, and the days they do."""
    chance = _RETURN_SHARE * (1.5 - people.satisfaction)
    back = np.flatnonzero(rng.random(len(day)) < chance[customer])
    back_day = day[back] + rng.integers(1, _RETURN_DAYS + 1, size=len(back))
    seen = back_day < people.days
    return back[seen], back_day[seen]
