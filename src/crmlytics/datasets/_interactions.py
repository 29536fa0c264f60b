"""Web sessions, e-mails opened, and tickets with their answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crmlytics.datasets._columns import Bools, Floats, Ints, dates, draw, labels
from crmlytics.datasets._population import Population
from crmlytics.datasets._purchases import CHANNELS as ORDER_CHANNELS
from crmlytics.datasets._purchases import Orders

CHANNELS = ("app", "chat", "email", "phone", "web")
EVENTS = (
    "view",
    "cart",
    "checkout",
    "purchase",
    "email_open",
    "email_click",
    "ticket",
    "complaint",
)
_STEPS = 4  # the first events are the steps of the funnel
_ONLINE = np.array([CHANNELS.index(name) if name in CHANNELS else -1 for name in ORDER_CHANNELS])
_BROWSING = 0.8  # sessions without a purchase per order expected
_DEPTH_SHARES = (0.7, 0.2, 0.1)  # of those: stops at view, cart, checkout
_TICKET_CHANNELS = ("chat", "email", "phone")
_TICKET_RATE = 0.002  # a day, for a customer of median satisfaction
_OPEN_SHARE, _CLICK_SHARE = 0.35, 0.2


@dataclass(frozen=True)
class _Block:
    """Rows of one kind; times are days since the start, NaN where nothing happened."""

    customer: Ints
    channel: Ints
    event: Ints
    day: Ints
    times: tuple[Floats, Floats, Floats] | None = None  # opened, answered, resolved


def interactions_table(
    rng: np.random.Generator,
    people: Population,
    *,
    orders: Orders,
    web_consent: Bools,
    contacts: pd.DataFrame,
) -> pd.DataFrame:
    """Put the sessions, e-mails and tickets of all customers into one log."""
    blocks = [
        _sessions(rng, people, orders=orders, web_consent=web_consent),
        _emails(rng, people, contacts),
        _tickets(rng, people),
    ]
    day = np.concatenate([block.day for block in blocks])
    customer = np.concatenate([block.customer for block in blocks])
    place = np.argsort(day * people.size + customer, kind="stable")
    times = [_stamps(blocks, which)[place] for which in range(3)]
    return pd.DataFrame(
        {
            "customer_id": customer[place] + 1,
            "channel": labels(CHANNELS, _joined([b.channel for b in blocks])[place]),
            "event": labels(EVENTS, _joined([b.event for b in blocks])[place]),
            "date": dates(day[place]),
            "opened_at": times[0],
            "first_response_at": times[1],
            "resolved_at": times[2],
        }
    )


def _sessions(
    rng: np.random.Generator, people: Population, *, orders: Orders, web_consent: Bools
) -> _Block:
    """Return the funnel steps of every online order and of browsing, where tracking is allowed."""
    online = _ONLINE[orders.channel]
    seen = np.flatnonzero((online >= 0) & web_consent[orders.customer])
    visits = rng.poisson(_BROWSING * people.rate * people.span * web_consent)
    browsing = np.repeat(np.arange(people.size), visits)
    visit_day = np.floor(rng.random(len(browsing)) * people.span[browsing]).astype(np.int64)
    visit_day = np.minimum(people.acquired[browsing] + visit_day, people.days - 1)
    where = np.array([CHANNELS.index("app"), CHANNELS.index("web")])
    depth = np.concatenate(
        [np.full(len(seen), _STEPS), 1 + draw(rng, _DEPTH_SHARES, len(browsing))]
    )
    channel = np.concatenate([online[seen], where[draw(rng, (0.4, 0.6), len(browsing))]])
    customer = np.concatenate([orders.customer[seen], browsing])
    day = np.concatenate([orders.day[seen], visit_day])
    session = np.repeat(np.arange(len(depth)), depth)
    step = np.arange(len(session)) - np.repeat(np.cumsum(depth) - depth, depth)
    return _Block(customer[session], channel[session], step, day[session])


def _emails(rng: np.random.Generator, people: Population, contacts: pd.DataFrame) -> _Block:
    """Return the opens and clicks of the campaign e-mails."""
    sent = contacts[(contacts["channel"] == "email") & (contacts["treated"] == 1)]
    opened = rng.random(len(sent)) < _OPEN_SHARE
    clicked = opened & (rng.random(len(sent)) < _CLICK_SHARE)
    first = dates(np.zeros(1))[0]
    day = ((sent["date"].to_numpy() - first) // np.timedelta64(1, "D")).astype(np.int64)
    day = np.minimum(day + rng.integers(0, 3, size=len(sent)), people.days - 1)
    customer = sent["customer_id"].to_numpy() - 1
    rows = np.concatenate([np.flatnonzero(opened), np.flatnonzero(clicked)])
    kinds = [EVENTS.index("email_open"), EVENTS.index("email_click")]
    event = np.repeat(kinds, [opened.sum(), clicked.sum()])
    channel = np.full(len(rows), CHANNELS.index("email"))
    return _Block(customer[rows], channel, event, day[rows])


def _tickets(rng: np.random.Generator, people: Population) -> _Block:
    """Return questions and complaints; the unhappy write more and wait longer."""
    trouble = np.exp(1.2 * (0.5 - people.satisfaction))
    counts = rng.poisson(_TICKET_RATE * trouble * people.span)
    customer = np.repeat(np.arange(people.size), counts)
    day = people.acquired[customer] + np.floor(rng.random(len(customer)) * people.span[customer])
    day = np.minimum(day, people.days - 1)
    unhappy = 1 - people.satisfaction[customer]
    complaint = rng.random(len(customer)) < 0.15 + 0.5 * unhappy
    event = np.where(complaint, EVENTS.index("complaint"), EVENTS.index("ticket"))
    opened = day + (8 + 12 * rng.random(len(customer))) / 24  # between 8 and 20 o'clock
    answered = opened + rng.lognormal(np.log(5 / 24) + 0.8 * (unhappy - 0.5), 0.9)
    resolved = answered + rng.lognormal(np.log(1.0) + 0.8 * (unhappy - 0.5), 1.0)
    resolved[rng.random(len(customer)) < 0.02 + 0.1 * unhappy] = np.nan
    # What lies after the last day has not happened yet.
    answered[answered >= people.days] = np.nan
    resolved[np.isnan(answered) | (resolved >= people.days)] = np.nan
    codes = np.array([CHANNELS.index(name) for name in _TICKET_CHANNELS])
    channel = codes[rng.integers(len(codes), size=len(customer))]
    return _Block(customer, channel, event, day.astype(np.int64), (opened, answered, resolved))


def _stamps(blocks: Sequence[_Block], which: int) -> npt.NDArray[np.datetime64]:
    days = [
        np.full(len(block.day), np.nan) if block.times is None else block.times[which]
        for block in blocks
    ]
    time = np.concatenate(days)
    known = ~np.isnan(time)
    return dates(np.where(known, time, 0.0), known=known)


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts)
