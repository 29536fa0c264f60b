"""Feedback after purchases, in the language of the customer, with its true polarity and aspect."""

from itertools import product
from re import split
from typing import Any

import numpy as np
import pandas as pd

from crmlytics.datasets._columns import Ints, dates, draw, labels
from crmlytics.datasets._population import Population
from crmlytics.datasets._purchases import Orders
from crmlytics.datasets._templates import ASPECTS, CLAUSES, CONNECTORS, OPENERS, SENTENCES

LANGUAGES = tuple(sorted(SENTENCES))
_CHANNELS = ("app", "email", "web")
_CHANNEL_SHARES = (0.3, 0.5, 0.2)
_ANSWER_SHARE, _ANSWER_DAYS = 0.1, 10
_KINDS = (-1, 0, 1, None)  # polarities; None = a neutral text that praises one thing, blames one


def expand(template: str) -> list[str]:
    """Return every text that a template stands for: ``{a|b}`` is one of its alternatives.

    >>> expand("{very |}good, {thanks|bye}")
    ['very good, thanks', 'very good, bye', 'good, thanks', 'good, bye']
    """
    parts = split(r"\{([^}]*)\}", template)
    choices = [part.split("|") if place % 2 else [part] for place, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def texts(language: str, aspect: str, polarity: int | None) -> list[str]:
    """Return all texts of one kind: openers times sentences, or two opposed clauses for None."""
    if polarity is not None:
        said = [text for line in SENTENCES[language][aspect][polarity] for text in expand(line)]
    else:
        said = [text for sign in (1, -1) for text in _opposed(language, aspect, sign)]
    return [opener + text for opener in OPENERS[language] for text in said]


def _opposed(language: str, aspect: str, sign: int) -> list[str]:
    """Return sentences with a clause on the aspect and one of opposite polarity on another."""
    clauses = CLAUSES[language]
    firsts = expand(clauses[aspect][sign])
    seconds = [c for other in ASPECTS if other != aspect for c in expand(clauses[other][-sign])]
    joints = CONNECTORS[language]
    return [f"{a[0].upper()}{a[1:]}{j}{b}." for a, j, b in product(firsts, joints, seconds)]


def feedback_table(
    rng: np.random.Generator,
    people: Population,
    *,
    orders: Orders,
    language: Ints,
    languages: tuple[str, ...],
) -> pd.DataFrame:
    """Draw which orders are commented on, how much they are liked, and in what words."""
    order = np.flatnonzero(rng.random(len(orders.day)) < _ANSWER_SHARE)
    day = orders.day[order] + rng.integers(1, _ANSWER_DAYS + 1, size=len(order))
    order, day = order[day < people.days], day[day < people.days]
    who = orders.customer[order]
    mood = 4 * (people.satisfaction[who] - 0.5)  # -2 to 2
    liking = mood + rng.standard_normal(len(who))
    polarity = np.where(liking < -0.7, -1, np.where(liking > 0.2, 1, 0))
    aspect = rng.integers(len(ASPECTS), size=len(who))
    score = np.round(6.3 + 2.2 * polarity + 0.5 * mood + rng.standard_normal(len(who)))
    mixed = (polarity == 0) & (rng.random(len(who)) < 0.5)
    kind = np.where(mixed, len(_KINDS) - 1, polarity + 1)
    words = _write(rng, languages=languages, language=language[who], aspect=aspect, kind=kind)
    place = np.argsort(day * people.size + who, kind="stable")
    return pd.DataFrame(
        {
            "customer_id": who[place] + 1,
            "order_id": order[place] + 1,
            "date": dates(day[place]),
            "text": words[place],
            "score": np.clip(score, 0, 10).astype(np.int64)[place],
            "language": labels(languages, language[who[place]]),
            "channel": labels(_CHANNELS, draw(rng, _CHANNEL_SHARES, len(place))),
            "true_polarity": polarity[place],
            "true_aspect": labels(ASPECTS, aspect[place]),
        }
    )


def _write(
    rng: np.random.Generator,
    *,
    languages: tuple[str, ...],
    language: Ints,
    aspect: Ints,
    kind: Ints,
) -> Any:
    """Pick one text for each row from the pool of its language, aspect and kind."""
    pools = [
        texts(word, topic, polarity)
        for word in languages
        for topic in ASPECTS
        for polarity in _KINDS
    ]
    size = np.array([len(pool) for pool in pools])
    pool = (language * len(ASPECTS) + aspect) * len(_KINDS) + kind
    place = (np.cumsum(size) - size)[pool] + rng.integers(size[pool])
    return labels([text for entries in pools for text in entries], place)
