"""Words and pairs of words of texts, counted; shared by topics, key terms and aspects."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from crmlytics import _checks
from crmlytics._columns import Floats, Ints
from crmlytics.sentiment import _language, _lists, _normalise, _run, _tokens

_WORD = re.compile(r"\b\w[\w']+\b")  # keeps "don't" whole


@dataclass(frozen=True)
class Counts:
    """How often each text uses each term: one entry a pair of them."""

    terms: list[str]  # sorted
    text: Ints
    term: Ints
    count: Floats
    n_texts: int


def languages(texts: Sequence[str | None], language: str, caller: str) -> list[str | None]:
    """Return the language of each text, the option `language` checked."""
    _checks.choice(language, _language.SPOKEN, name="language", caller=caller)
    return _run.spoken(texts, language)


def words(texts: Sequence[str | None], spoken: Sequence[str | None]) -> list[list[str]]:
    """Return the words of each text, clean and in lower case; none of a null text."""
    plain = _normalise.normalised([(text or "").replace("’", "'") for text in texts])
    return [_split(text.lower(), language) for text, language in zip(plain, spoken, strict=True)]


def clean(words: Sequence[str]) -> list[str]:
    """Return words as `words` spells them."""
    return [word.lower() for word in _normalise.normalised(list(words))]


def _split(text: str, language: str | None) -> list[str]:
    if language in {"fa", "he"}:
        found = _tokens.words(text, language)
        return [word for word in found if len(word) > 1 and word[0].isalnum()]
    return _WORD.findall(text)


@cache
def stop_words(language: str | None) -> frozenset[str]:
    """Return words that say nothing of their own; where the language is unknown, those of all."""
    listed = [
        row["word"]
        for row in _lists.read("stop_words")
        if language is None or row["language"] == language
    ]
    return frozenset(_normalise.normalised(listed))


def content(found: Sequence[list[str]], spoken: Sequence[str | None]) -> list[list[str]]:
    """Keep the words that are neither stop words nor numbers."""
    kept = []
    for each, language in zip(found, spoken, strict=True):
        stop = stop_words(language)
        kept.append([word for word in each if word not in stop and not word.isdigit()])
    return kept


def terms_of(found: list[str]) -> list[str]:
    """Return the words of a text and its pairs of neighbours."""
    return found + [f"{one} {other}" for one, other in pairwise(found)]


def counted(found: Sequence[list[str]], min_count: int) -> Counts:
    """Count words and pairs that at least `min_count` texts use."""
    places: dict[str, int] = {}
    codes: list[int] = []
    lengths = np.zeros(len(found), dtype=np.int64)
    for row, each in enumerate(found):
        used = terms_of(each)
        codes += [places.setdefault(term, len(places)) for term in used]
        lengths[row] = len(used)
    names = list(places)
    text = np.repeat(np.arange(len(found)), lengths)
    pairs = text * max(len(names), 1) + np.array(codes, dtype=np.int64)
    pairs, count = np.unique(pairs, return_counts=True)
    text, term = np.divmod(pairs, max(len(names), 1))
    n_texts = np.bincount(term, minlength=len(names))
    kept = sorted(np.flatnonzero(n_texts >= min_count).tolist(), key=names.__getitem__)
    order = np.full(len(names) + 1, -1, dtype=np.int64)
    order[kept] = np.arange(len(kept))
    there = order[term] >= 0
    return Counts(
        [names[place] for place in kept],
        text[there],
        order[term[there]],
        count[there].astype(np.float64),
        len(found),
    )


def counted_among(found: Sequence[list[str]], terms: Sequence[str]) -> Counts:
    """Count the terms given, and no others."""
    places = {term: place for place, term in enumerate(terms)}
    size = max(len(terms), 1)
    pairs = [
        row * size + places[term]
        for row, each in enumerate(found)
        for term in terms_of(each)
        if term in places
    ]
    seen, count = np.unique(np.array(pairs, dtype=np.int64), return_counts=True)
    text, term = np.divmod(seen, size)
    return Counts(list(terms), text, term, count.astype(np.float64), len(found))
