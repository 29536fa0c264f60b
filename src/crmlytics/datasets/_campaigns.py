"""Campaigns with a held-out arm, and the money spent on winning customers."""

import numpy as np
import pandas as pd

from crmlytics.datasets._columns import Bools, dates, labels
from crmlytics.datasets._population import (
    ACQUISITION_POWER,
    CHANNEL_SHARES,
    CHANNELS,
    Population,
)

_EVERY_DAYS, _LENGTH_DAYS = 60, 14
_REACH = 0.5  # share of the customers who could be contacted that are
_SENT_BY = ("email", "sms")
_COST_PER_CONTACT = np.array([0.05, 0.12])
_DISCOUNTS = (0.1, 0.15, 0.2)
_BASKET = 40.0  # median revenue of a conversion at full price, at the usual level of spending

# What one customer costs in each paid channel; organic customers cost nothing.
ACQUISITION_COST = {"partner": 18.0, "referral": 10.0, "search": 25.0, "social": 32.0}


def campaigns_table(days: int) -> pd.DataFrame:
    """Return the calendar of campaigns, evenly spread over the time simulated."""
    number = np.arange(max(1, days // _EVERY_DAYS))
    start = (number * days) // len(number)
    end = np.minimum(start + _LENGTH_DAYS, days) - 1
    sent_by = number % len(_SENT_BY)
    discount = np.array(_DISCOUNTS)[number % len(_DISCOUNTS)]
    names = [f"Offer {n + 1}: {share:.0%} off" for n, share in enumerate(discount)]
    return pd.DataFrame(
        {
            "campaign_id": number + 1,
            "name": pd.array(names, dtype="str"),
            "channel": labels(_SENT_BY, sent_by),
            "start_date": dates(start),
            "end_date": dates(end),
            "cost_per_contact": _COST_PER_CONTACT[sent_by],
            "discount": discount,
        }
    )


def contacts_table(
    rng: np.random.Generator,
    people: Population,
    *,
    campaigns: pd.DataFrame,
    consent: dict[str, Bools],
) -> pd.DataFrame:
    """Draw who is in each campaign, the arm of each by a coin, and what came of it."""
    parts = []
    first = dates(np.zeros(1))[0]
    for campaign in campaigns.itertuples(index=False):
        start = (campaign.start_date.to_datetime64() - first) // np.timedelta64(1, "D")
        length = (campaign.end_date - campaign.start_date).days + 1
        day = start + rng.integers(min(3, length), size=people.size)
        # Those who left are known to have: outcomes then follow the true response alone.
        there = (people.acquired <= day) & (day <= people.acquired + people.lifetime)
        chosen = there & consent[campaign.channel] & (rng.random(people.size) < _REACH)
        who = np.flatnonzero(chosen)
        treated = rng.integers(2, size=len(who))
        response = people.baseline[who] + people.uplift[who] * treated
        converted = (rng.random(len(who)) < response).astype(np.int64)
        basket = _BASKET * people.spend_level[who] * rng.lognormal(0.0, 0.4, len(who))
        paid = basket * (1 - campaign.discount * treated) * converted
        part = {
            "customer_id": who + 1,
            "campaign_id": np.full(len(who), campaign.campaign_id),
            "date": dates(day[who]),
            "channel": labels([campaign.channel], np.zeros(len(who), dtype=np.int64)),
            "treated": treated,
            "converted": converted,
            "revenue": np.round(paid, 2),
            "cost": campaign.cost_per_contact * treated,
        }
        parts.append(pd.DataFrame(part))
    contacts = pd.concat(parts, ignore_index=True)
    return contacts.sort_values(["campaign_id", "customer_id"], ignore_index=True)


def spend_table(rng: np.random.Generator, people: Population) -> pd.DataFrame:
    """Return the daily cost of each paid channel: its price times the customers expected."""
    days = people.days
    won_by_end_of = (np.arange(days + 1) / days) ** (1 / ACQUISITION_POWER)
    expected = people.size * np.diff(won_by_end_of)
    paid = sorted(ACQUISITION_COST)
    price = [ACQUISITION_COST[name] * CHANNEL_SHARES[CHANNELS.index(name)] for name in paid]
    noise = rng.gamma(25.0, 1 / 25.0, (days, len(paid)))  # mean 1, sd 0.2
    return pd.DataFrame(
        {
            "channel": labels(paid, np.tile(np.arange(len(paid)), days)),
            "date": dates(np.repeat(np.arange(days), len(paid))),
            "cost": np.round(expected[:, None] * price * noise, 2).ravel(),
        }
    )
