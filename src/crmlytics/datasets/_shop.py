"""A simulated shop: every kind of table that the other rooms read, with the truth beside it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from crmlytics.datasets import _options
from crmlytics.datasets._campaigns import campaigns_table, contacts_table, spend_table
from crmlytics.datasets._columns import Floats, dates
from crmlytics.datasets._feedback import LANGUAGES, feedback_table
from crmlytics.datasets._interactions import interactions_table
from crmlytics.datasets._population import Population, customers_table, make_population
from crmlytics.datasets._products import products_table
from crmlytics.datasets._purchases import make_habits, make_orders, transactions_table
from crmlytics.datasets._subscriptions import subscriptions_table

_CALLER = "simulate_shop"
_MAX_DAYS, _MAX_GROUPS, _MAX_SEPARATION = 36_500, 25, 6.0


class Shop(NamedTuple):
    """The tables of :func:`simulate_shop`, described there."""

    customers: pd.DataFrame
    transactions: pd.DataFrame
    products: pd.DataFrame
    interactions: pd.DataFrame
    feedback: pd.DataFrame
    campaigns: pd.DataFrame
    campaign_contacts: pd.DataFrame
    subscriptions: pd.DataFrame
    spend: pd.DataFrame
    truth: pd.DataFrame


def simulate_shop(
    n_customers: int = 1_000,
    days: int = 730,
    *,
    n_groups: int = 4,
    separation: float = 3.0,
    languages: tuple[str, ...] = ("en", "fa", "he"),
    random_state: int = 0,
) -> Shop:
    """Simulate all tables of a shop, and tell what is true behind them.

    With real data nobody knows who has left, or what a customer would have done without the offer.
    Here it is known, so that models can be checked against it.

    A customer makes a first order on the day of acquisition and then orders at a constant rate
    until leaving after an exponential time. Both rates differ between customers by gamma
    distributions: with one group, or ``separation=0``, the orders are exactly those of the
    Pareto/NBD model [1]_ with r = 3, alpha = 75, s = 1.5, beta = 600 (days). The unhappy leave
    sooner, complain more and score lower. Customers fall into groups that differ in the logs of
    order rate, order value and income, of what goes with these (distance with the rate, the stated
    budget with the value), and in their taste for categories. The response to offers depends on
    income, order rate, satisfaction and the channel of acquisition.

    Parameters
    ----------
    n_customers : int, default 1_000
        Customers, 1 or more. Rows grow with it: about 24 lines of transactions a customer in two
        years.
    days : int, default 730
        Days simulated, 1 to 36,500; the first is 2024-01-01.
    n_groups : int, default 4
        Groups of customers, 1 to 25, equally likely.
    separation : float, default 3.0
        Distance between neighbouring groups in the log of each trait that tells the two apart, in
        standard deviations within a group; 0 (groups in name only) to 6. Any two of order rate,
        order value and income tell all groups apart.
    languages : tuple of {"en", "fa", "he"}, default all three
        Languages of the customers, equally likely: English, Persian, Hebrew.
    random_state : int, default 0
        Seed, 0 or more. The same call gives the same tables. Each table draws from a stream of its
        own: another choice of languages leaves orders and truth as they are.

    Returns
    -------
    Shop
        A named tuple of pandas tables. Ids are int64 and count from 1, dates datetime64[us] and
        naive, at midnight unless named ``*_at``, text is str, money float64 in one currency.

        - ``customers``, by ``customer_id``: ``name``, ``language``, ``country``, ``city``, ``age``
          (float64; null for about 8 %), ``gender``, ``income`` (a year), ``monthly_budget``
          (stated, for what the shop sells), ``distance_km`` (float64), ``acquired_on``,
          ``channel`` (of acquisition), ``email_consent``, ``sms_consent``, ``web_consent`` (bool).
        - ``transactions``, order lines by date, order and product: ``customer_id``, ``order_id``,
          ``date``, ``product_id``, ``quantity`` (int64), ``amount`` (paid for the line),
          ``discount`` (already taken off), ``cost`` (of the goods; margin = ``amount - cost``),
          ``channel`` ("app", "store", "web"). Some 3 % of the lines come back: a row on a later
          day with the order and product of the sale and all four numbers negated. Orders end by
          ``died_on``; returns and feedback may come later.
        - ``products``, by ``product_id``: ``name``, ``category``, ``department``, ``tier``
          ("budget", "standard", "premium" of the same article), ``price``, ``unit_cost``,
          ``complement_id`` (Int64; the product that joins half of the baskets in which this one was
          chosen, null where none is planted).
        - ``interactions``, by date and customer: ``customer_id``, ``channel``, ``event``, ``date``,
          ``opened_at``, ``first_response_at``, ``resolved_at``. The events "view", "cart",
          "checkout", "purchase" are the steps of web and app sessions of customers with
          ``web_consent`` (every online order of theirs has all four); "email_open" and
          "email_click" follow campaign contacts; "ticket" and "complaint" alone have the three
          times (null: not yet).
        - ``feedback``, by date and customer: ``customer_id``, ``order_id`` (commented on),
          ``date``, ``text``, ``score`` (int64, 0 to 10), ``language``, ``channel``,
          ``true_polarity`` (int64; 1, 0, -1), ``true_aspect`` ("app", "delivery", "price",
          "quality", "service"). Half of the texts of polarity 0 state a fact; the others praise one
          thing and blame another, and ``true_aspect`` is the first.
        - ``campaigns``, by ``campaign_id``: ``name``, ``channel``, ``start_date``, ``end_date``
          (inclusive), ``cost_per_contact``, ``discount`` (share).
        - ``campaign_contacts``, by campaign and customer: ``customer_id``, ``campaign_id``,
          ``date``, ``channel``, ``treated`` (int64; by a fair coin, 0 = held out), ``converted``
          (int64), ``revenue``, ``cost``. Only customers who have consented to the channel and have
          not left. What they buy is booked apart from ``transactions``, which thereby stay the
          process stated above.
        - ``subscriptions``, by customer and start: ``subscription_id``, ``customer_id``, ``plan``,
          ``start_date``, ``end_date`` (the first day without; null = open), ``amount`` (a month).
          One row per spell on one plan; a change of plan ends one row and starts the next that day.
        - ``spend``, by date and channel: ``channel``, ``date``, ``cost`` of marketing, per paid
          channel of acquisition and day; "organic" costs nothing. True costs per customer won:
          partner 18, referral 10, search 25, social 32.
        - ``truth``, by ``customer_id``: ``segment`` (int64; group 0, 1, ...), ``purchase_rate``
          (orders a day), ``death_rate`` (a day), ``died_on`` (null = not yet), ``alive`` (bool; at
          the end), ``expected_orders`` (in the time seen, given the two rates and the day of
          acquisition, first order included), ``spend_mean`` (expected value of an order, returns
          apart), ``satisfaction`` (0 to 1), ``baseline_response`` and ``uplift`` (probability of
          converting when held out, and what treatment adds).

    Raises
    ------
    OptionError
        An option is outside the range given above.

    See Also
    --------
    load_cdnow : real purchases of one cohort.
    load_complete_journey : real baskets, products and campaigns.

    References
    ----------
    .. [1] Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987). Counting your customers: who
       are they and what will they do next? Management Science 33(1), 1-24.

    Examples
    --------
    >>> import crmlytics as crm
    >>> shop = crm.datasets.simulate_shop(200, days=365, languages=("en", "fa"))
    >>> len(shop.customers), sorted(shop.customers["language"].unique())
    (200, ['en', 'fa'])
    >>> first = shop.transactions.groupby("customer_id")["date"].min()
    >>> bool((first.to_numpy() == shop.customers["acquired_on"].to_numpy()).all())
    True
    >>> list(shop.truth.columns[:5])
    ['customer_id', 'segment', 'purchase_rate', 'death_rate', 'died_on']
    """
    size = _options.whole(_CALLER, "n_customers", n_customers, low=1)
    days = _options.whole(_CALLER, "days", days, low=1, high=_MAX_DAYS)
    n_groups = _options.whole(_CALLER, "n_groups", n_groups, low=1, high=_MAX_GROUPS)
    apart = _options.number(_CALLER, "separation", separation, low=0.0, high=_MAX_SEPARATION)
    spoken = _options.words(_CALLER, "languages", languages, LANGUAGES)
    seed = _options.whole(_CALLER, "random_state", random_state, low=0)
    streams = iter(np.random.default_rng(seed).spawn(10))
    people = make_population(
        next(streams), size=size, days=days, n_groups=n_groups, separation=apart
    )
    habits = make_habits(next(streams), people, apart)
    orders = make_orders(next(streams), people)
    customers, language = customers_table(next(streams), people, spoken)
    consent = {name: customers[f"{name}_consent"].to_numpy() for name in ("email", "sms", "web")}
    campaigns = campaigns_table(days)
    contacts = contacts_table(next(streams), people, campaigns=campaigns, consent=consent)
    return Shop(
        customers=customers,
        transactions=transactions_table(next(streams), people, habits, orders),
        products=products_table(),
        interactions=interactions_table(
            next(streams), people, orders=orders, web_consent=consent["web"], contacts=contacts
        ),
        feedback=feedback_table(
            next(streams), people, orders=orders, language=language, languages=spoken
        ),
        campaigns=campaigns,
        campaign_contacts=contacts,
        subscriptions=subscriptions_table(next(streams), people),
        spend=spend_table(next(streams), people),
        truth=_truth_table(people, habits.spend_mean),
    )


def _truth_table(people: Population, spend_mean: Floats) -> pd.DataFrame:
    """Return what no shop knows of its customers."""
    seen = people.days - people.acquired
    # Orders expected in a time t at rate l, with leaving at rate m: l / m (1 - exp(-m t)).
    active_days = -np.expm1(-people.death_rate * seen) / people.death_rate
    left = np.where(people.alive, 0.0, np.floor(people.acquired + people.lifetime))
    return pd.DataFrame(
        {
            "customer_id": np.arange(1, people.size + 1),
            "segment": people.group,
            "purchase_rate": people.rate,
            "death_rate": people.death_rate,
            "died_on": dates(left, known=~people.alive),
            "alive": people.alive,
            "expected_orders": 1 + people.rate * active_days,
            "spend_mean": spend_mean,
            "satisfaction": people.satisfaction,
            "baseline_response": people.baseline,
            "uplift": people.uplift,
        }
    )
