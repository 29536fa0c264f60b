"""Subscriptions: plans that start, change, end and sometimes start again."""

import numpy as np
import pandas as pd

from crmlytics.datasets._columns import Floats, Ints, dates, labels
from crmlytics.datasets._population import Population

PLANS = ("basic", "plus", "pro")
_AMOUNTS = np.array([9.9, 19.9, 39.9])  # a month
_PLAN_SHARES = np.array([0.5, 0.35, 0.15])
_TAKE_UP, _CHANGES, _RESTARTS = 0.25, 0.35, 0.25  # shares of those who could
_WAIT_DAYS, _STAY_DAYS, _PAUSE_DAYS = 30.0, 300.0, 60.0


def subscriptions_table(rng: np.random.Generator, people: Population) -> pd.DataFrame:
    """Return one row per spell on one plan; a change of plan ends one and starts the next."""
    who = np.flatnonzero(rng.random(people.size) < _TAKE_UP)
    start = np.floor(people.acquired[who] + rng.exponential(_WAIT_DAYS, len(who)))
    plan = np.searchsorted(np.cumsum(_PLAN_SHARES)[:-1], rng.random(len(who)), side="right")
    # Nobody outlives being a customer: a spell ends on the day of leaving at the latest.
    leaving = np.floor(people.acquired + people.lifetime)[who]
    end = np.minimum(start + np.ceil(rng.exponential(_STAY_DAYS, len(who))), leaving)
    change = np.floor(start + rng.random(len(who)) * (end - start))
    changed = (rng.random(len(who)) < _CHANGES) & (change > start) & (change < end)
    other = (plan + rng.integers(1, len(PLANS), size=len(who))) % len(PLANS)
    restart = end + np.ceil(rng.exponential(_PAUSE_DAYS, len(who)))
    restarted = (rng.random(len(who)) < _RESTARTS) & (restart < leaving)
    second_end = restart + np.ceil(rng.exponential(_STAY_DAYS, len(who)))
    spells = [
        (np.ones(len(who), dtype=bool), start, np.where(changed, change, end), plan),
        (changed, change, end, other),
        (restarted, restart, np.minimum(second_end, leaving), np.where(changed, other, plan)),
    ]
    return _table(
        customer=np.concatenate([who[kept] for kept, *_ in spells]),
        start=np.concatenate([begin[kept] for kept, begin, _, _ in spells]),
        end=np.concatenate([stop[kept] for kept, _, stop, _ in spells]),
        plan=np.concatenate([code[kept] for kept, _, _, code in spells]),
        days=people.days,
    )


def _table(*, customer: Ints, start: Floats, end: Floats, plan: Ints, days: int) -> pd.DataFrame:
    """Keep the spells that have begun by the last day; later ends are still open."""
    seen = np.flatnonzero((start < days) & (end > start))
    place = seen[np.lexsort((start[seen], customer[seen]))]
    ended = end[place] < days
    return pd.DataFrame(
        {
            "subscription_id": np.arange(1, len(place) + 1),
            "customer_id": customer[place] + 1,
            "plan": labels(PLANS, plan[place]),
            "start_date": dates(start[place]),
            "end_date": dates(np.where(ended, end[place], 0.0), known=ended),
            "amount": _AMOUNTS[plan[place]],
        }
    )
