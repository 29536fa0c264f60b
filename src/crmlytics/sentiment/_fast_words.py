"""The words that VADER's rules look for, as the tables of the compiled kernels."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from crmlytics._columns import Floats
from crmlytics.sentiment import _fast_kernels as kernels
from crmlytics.sentiment._fast_kernels import Phrases, Table

_ROOMY = 4  # slots a word


@cache
def table() -> Table:
    """Return the tables of vaderSentiment's lexicon, boosters, negations and idioms."""
    from vaderSentiment.vaderSentiment import (
        BOOSTER_DICT,
        NEGATE,
        SPECIAL_CASES,
        SentimentIntensityAnalyzer,
    )

    phrases = _split(SPECIAL_CASES)
    boosters = _split(BOOSTER_DICT)
    return build(
        SentimentIntensityAnalyzer().lexicon,
        {key[0]: value for key, value in boosters.items() if len(key) == 1},
        frozenset(NEGATE),
        {key: value for key, value in phrases.items() if len(key) > 1},
        {key: value for key, value in boosters.items() if len(key) > 1},
    )


def _split(values: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {tuple(words.split(" ")): float(value) for words, value in values.items()}


def build(
    valences: Mapping[str, float],
    boosters: Mapping[str, float],
    negations: frozenset[str],
    idioms: Mapping[tuple[str, ...], float],
    long_boosters: Mapping[tuple[str, ...], float],
) -> Table:
    """Lay out all words that a lower-case token of ASCII can be; no other entry is ever found."""
    spoken = [word for phrase in (*idioms, *long_boosters) for word in phrase]
    codes = {
        word: code for code, word in enumerate(dict.fromkeys((*kernels.RULE_WORDS, *spoken)), 1)
    }
    words = sorted({*valences, *boosters, *negations, *codes})
    words = ["", *(word for word in words if word and word.isascii() and word == word.lower())]
    traits = [
        kernels.LADEN * (word in valences)
        | kernels.BOOSTS * (word in boosters)
        | kernels.NEGATES * (word in negations)
        | codes.get(word, 0) << kernels.CODE
        | number << kernels.WORD
        for number, word in enumerate(words)
    ]
    begins = np.append(0, np.cumsum([len(word) for word in words]))
    letters = np.frombuffer("".join(words).encode("ascii"), dtype=np.uint8)
    slots = np.zeros((1 << (_ROOMY * len(words)).bit_length(), 4), dtype=np.int64)
    twin = kernels.fill(slots, letters, np.array(traits), begins)
    if twin >= 0 or not valences.keys().isdisjoint(boosters):
        raise AssertionError(words[twin])
    amounts = np.array([valences.get(word, boosters.get(word, 0.0)) for word in words])
    phrases = Phrases(
        _dense(idioms, codes, 2), _dense(idioms, codes, 3), _dense(long_boosters, codes, 2)
    )
    return Table(slots, letters, amounts, phrases)


def _dense(
    phrases: Mapping[tuple[str, ...], float], codes: Mapping[str, int], length: int
) -> Floats:
    """Return the values of all phrases of a length, by the codes of their words."""
    values = np.full((len(codes) + 1,) * length, np.nan)
    for phrase, value in phrases.items():
        if len(phrase) == length:
            values[tuple(codes[word] for word in phrase)] = value
    return values
