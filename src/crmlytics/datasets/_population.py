"""The customers of the simulated shop: what is true of each, and what the shop knows of each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmlytics.datasets._columns import Bools, Floats, Ints, dates, draw, labels
from crmlytics.datasets._people import FIRST_NAMES, LAST_NAMES, PLACES

# Pareto/NBD (Schmittlein, Morrison and Colombo 1987): gamma rates of buying and of leaving.
RATE_SHAPE, RATE_MEAN = 3.0, 0.04  # orders a day while a customer
DEATH_SHAPE, DEATH_MEAN = 1.5, 0.0025  # a day
# Of the logs within a group.
SPEND_SD, INCOME_SD, BUDGET_SD, DISTANCE_SD = 0.5, 0.4, 0.4, 0.6
ACQUISITION_POWER = 1.5  # above 1: the shop wins more customers early, so histories are long

CHANNELS = ("organic", "partner", "referral", "search", "social")
CHANNEL_SHARES = (0.20, 0.10, 0.15, 0.30, 0.25)
GENDERS = ("female", "male")


@dataclass(frozen=True)
class Population:
    """Arrays with one entry per customer, in the order of the ids 1, 2, ..."""

    days: int
    group: Ints
    n_groups: int
    rate: Floats
    death_rate: Floats
    acquired: Ints  # day number
    lifetime: Floats  # days from acquisition until the customer leaves, seen or not
    spend_level: Floats  # order value relative to the shop's usual one
    income: Floats  # a year
    budget: Floats  # a month, for what the shop sells, as stated by the customer
    distance: Floats  # km to the shop
    quality_taste: Floats  # 0 to 1: how far up the tiers
    satisfaction: Floats  # 0 to 1
    channel: Ints
    baseline: Floats
    uplift: Floats

    @property
    def size(self) -> int:
        """Return the number of customers."""
        return len(self.group)

    @property
    def span(self) -> Floats:
        """Return the days from acquisition to the leaving or the end, whichever is first."""
        return np.minimum(self.lifetime, self.days - self.acquired)

    @property
    def alive(self) -> Bools:
        """Return whether the customer is still one at the end."""
        return self.lifetime >= self.days - self.acquired


def make_population(
    rng: np.random.Generator, *, size: int, days: int, n_groups: int, separation: float
) -> Population:
    """Draw all that is true of the customers."""
    from scipy.special import expit, gammaincinv, ndtr, polygamma

    group = rng.integers(n_groups, size=size)
    places = separation * _group_places(n_groups)
    rate_shift, value_shift, wealth_shift = places[group].T
    rate_sd = float(np.sqrt(polygamma(1, RATE_SHAPE)))  # of the log of a gamma variable
    level = np.exp(rate_sd * places[:, 0])
    level /= level.mean()  # keeps the size of the shop the same at every separation
    rate = rng.gamma(RATE_SHAPE, RATE_MEAN / RATE_SHAPE, size) * level[group]
    mood = rng.standard_normal(size)
    # A Gaussian copula: the unhappy leave sooner, and the rates of leaving are still gamma.
    haste = ndtr(-0.6 * mood + 0.8 * rng.standard_normal(size))
    death_rate = gammaincinv(DEATH_SHAPE, haste) * DEATH_MEAN / DEATH_SHAPE
    lifetime = rng.exponential(size=size) / death_rate
    acquired = np.floor(days * rng.random(size) ** ACQUISITION_POWER).astype(np.int64)
    wealth = rng.standard_normal(size) + wealth_shift
    channel = draw(rng, CHANNEL_SHARES, size)
    appetite = np.clip(np.log(rate / RATE_MEAN), -2, 2)
    baseline = expit(-2.4 + 0.4 * appetite + 0.4 * mood)
    social = channel == CHANNELS.index("social")
    pull = 0.05 - 0.05 * np.tanh(wealth) + 0.05 * social + 0.015 * mood
    return Population(
        days=days,
        group=group,
        n_groups=n_groups,
        rate=rate,
        death_rate=death_rate,
        acquired=np.minimum(acquired, days - 1),
        lifetime=lifetime,
        spend_level=np.exp(SPEND_SD * (rng.standard_normal(size) + value_shift)),
        income=30_000 * np.exp(INCOME_SD * wealth),
        budget=250 * np.exp(BUDGET_SD * (rng.standard_normal(size) + value_shift)),
        # Who orders more often lives closer.
        distance=5 * np.exp(DISTANCE_SD * (rng.standard_normal(size) - rate_shift)),
        quality_taste=ndtr(wealth),
        satisfaction=ndtr(mood),
        channel=channel,
        baseline=baseline,
        uplift=np.clip(baseline + pull, 0.001, 0.95) - baseline,
    )


def _group_places(n_groups: int) -> Floats:
    """Lay the groups on a Latin square, so that any two of the three traits tell all apart."""
    side = int(np.ceil(np.sqrt(n_groups)))
    across, down = np.arange(n_groups) % side, np.arange(n_groups) // side
    steps = np.stack([across, down, (across + down) % side], axis=1)
    return np.asarray(steps - (side - 1) / 2, dtype=np.float64)


def customers_table(
    rng: np.random.Generator, people: Population, languages: tuple[str, ...]
) -> tuple[pd.DataFrame, Ints]:
    """Return what the shop knows of its customers, and the code of each one's language."""
    size = people.size
    language = rng.integers(len(languages), size=size)
    gender = rng.integers(len(GENDERS), size=size)
    firsts = [name for word in languages for names in FIRST_NAMES[word] for name in names]
    lasts = [name for word in languages for name in LAST_NAMES[word]]
    per_gender, per_language = len(FIRST_NAMES["en"][0]), len(LAST_NAMES["en"])
    first = (language * len(GENDERS) + gender) * per_gender + rng.integers(per_gender, size=size)
    last = language * per_language + rng.integers(per_language, size=size)
    places = [place for word in languages for place in PLACES[word]]
    place = language * len(PLACES["en"]) + rng.integers(len(PLACES["en"]), size=size)
    age = np.clip(np.round(rng.normal(42, 14, size)), 18, 90)
    age[rng.random(size) < 0.08] = np.nan
    names = pd.Series(labels(firsts, first)) + " " + pd.Series(labels(lasts, last))
    table = pd.DataFrame(
        {
            "customer_id": np.arange(1, size + 1),
            "name": names,
            "language": labels(languages, language),
            "country": labels([country for country, _ in places], place),
            "city": labels([city for _, city in places], place),
            "age": age,
            "gender": labels(GENDERS, gender),
            "income": np.round(people.income, -2),
            "monthly_budget": np.round(np.maximum(people.budget, 0.01), 2),
            "distance_km": np.round(np.maximum(people.distance, 0.01), 2),
            "acquired_on": dates(people.acquired),
            "channel": labels(CHANNELS, people.channel),
            "email_consent": rng.random(size) < 0.75,
            "sms_consent": rng.random(size) < 0.5,
            "web_consent": rng.random(size) < 0.5,
        }
    )
    return table, language
