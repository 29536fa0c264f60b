"""From the values of words to the scores of texts: sums, emphasis and shares, as VADER has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crmlytics._columns import Floats, Ints
from crmlytics.sentiment._scored import ALPHA, Scored

NEGATION = -0.74  # Hutto and Gilbert 2014: what a negation makes of a valence
_EXCLAMATION, _MOST_EXCLAMATIONS = 0.292, 4
_QUESTION, _MANY_QUESTIONS = 0.18, 0.96


def emphasis(texts: Sequence[str], asking: str = "?") -> tuple[Floats, Floats]:
    """Return what exclamation marks and question marks add to the size of a score.

    `asking` are the question marks of the language.
    """
    size = len(texts)
    marks = np.fromiter((each.count("!") for each in texts), dtype=np.int64, count=size)
    asks: Any = np.zeros(size, dtype=np.int64)
    for mark in asking:
        asks += np.fromiter((each.count(mark) for each in texts), dtype=np.int64, count=size)
    loud = np.minimum(marks, _MOST_EXCLAMATIONS) * _EXCLAMATION
    asked = np.where(asks < 2, 0.0, np.where(asks <= 3, asks * _QUESTION, _MANY_QUESTIONS))
    return loud, asked


def added_up(
    lengths: Any, text: Ints, value: Floats, emphasis: Floats, n_words: Any, n_known: Any
) -> Scored:
    """Add up the values of the words with a valence; `text` is where each stands.

    `lengths` are the tokens of each text.
    """
    size = len(lengths)
    # bincount adds in the order of the words, as a loop does, so that the last bits agree
    raw: Any = np.bincount(text, value, size)
    raw = np.where(lengths > 0, raw + np.sign(raw) * emphasis, 0.0)
    up, down = value > 0, value < 0
    positive = np.bincount(text[up], value[up] + 1, size)
    negative = np.bincount(text[down], value[down] - 1, size)
    neutral = lengths - np.bincount(text[value != 0], minlength=size)
    more, less = positive > np.abs(negative), positive < np.abs(negative)
    positive = np.where(more, positive + emphasis, positive)
    negative = np.abs(np.where(less, negative - emphasis, negative))
    total = positive + negative + neutral
    total = np.where(total > 0, total, 1)
    return Scored(
        raw=raw,
        compound=rounded(raw / np.sqrt(raw * raw + ALPHA), 4),
        positive=rounded(positive / total, 3),
        neutral=rounded(neutral / total, 3),
        negative=rounded(negative / total, 3),
        n_words=n_words.astype(np.int64),
        n_known=n_known.astype(np.int64),
    )


def rounded(values: Floats, digits: int) -> Floats:
    """Round as Python's round does: by the decimal value, not by a product that is a bit off."""
    scaled = np.abs(values * 10.0**digits)
    made = np.round(values, digits)
    for place in np.flatnonzero(np.abs(scaled - np.trunc(scaled) - 0.5) < 1e-6):
        made[place] = round(float(values[place]), digits)
    return np.asarray(made)
