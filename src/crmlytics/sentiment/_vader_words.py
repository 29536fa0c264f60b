"""The words of the English engine: what each distinct token is, looked up once.

Everything that vaderSentiment's rules ask of a token is a column of `Tokens`, so that the rules can
be masks over whole columns of ids.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from crmlytics._columns import Bools, Floats, Ints

# Words that the rules name one by one; 0 is any other word.
_NAMED = ("never", "so", "this", "without", "doubt", "least", "at", "very", "but", "no", "or", "nor",
          "kind", "of")  # fmt: skip
_MARK, _OTHER = "\x01", "\x02"  # control characters, in no list
_TOGETHER = 2_000  # texts split at once; more would only fill the memory


@dataclass(frozen=True)
class Words:
    """The lists of vaderSentiment, and codes of the words that its rules and idioms name."""

    lexicon: Mapping[str, float]
    boosters: Mapping[str, float]
    negations: frozenset[str]
    codes: Mapping[str, int]
    two: Floats  # idioms of two words by their codes, NaN where there is none
    three: Floats
    two_boosters: Floats  # what an n-gram adds, 0 where it is none
    emoji: Mapping[str, str]  # single characters and what they are called


@cache
def words() -> Words:
    """Read the lists of the installed package once."""
    from vaderSentiment import vaderSentiment as vader

    analyzer = vader.SentimentIntensityAnalyzer()
    grams = [*vader.SPECIAL_CASES, *(word for word in vader.BOOSTER_DICT if " " in word)]
    parts = [part for gram in grams if " " in gram for part in gram.split()]
    codes = {word: k for k, word in enumerate(dict.fromkeys((*_NAMED, *parts)), start=1)}
    size = len(codes) + 1
    two, three = np.full((size, size), np.nan), np.full((size, size, size), np.nan)
    for gram, valence in vader.SPECIAL_CASES.items():
        place = tuple(codes[part] for part in gram.split() if part in codes)
        if len(place) == 2:
            two[place] = valence
        elif len(place) == 3:
            three[place] = valence
    added = np.zeros((size, size))
    for gram, value in vader.BOOSTER_DICT.items():
        if " " in gram:
            added[tuple(codes[part] for part in gram.split())] = value
    return Words(
        analyzer.lexicon, vader.BOOSTER_DICT, frozenset(vader.NEGATE), codes, two, three, added,
        {char: name for char, name in analyzer.emojis.items() if len(char) == 1},
    )  # fmt: skip


def code(word: str) -> int:
    """Return the code of a word that rules name."""
    return words().codes[word]


@dataclass(frozen=True)
class Tokens:
    """Columns by id of a distinct token; the last id stands for "no token there"."""

    ids: Ints  # of each token of all texts
    lengths: Ints  # tokens of each text
    written: list[str]
    valence: Floats  # NaN where the lexicon has none
    booster: Floats
    negates: Bools
    upper: Bools
    code: Ints
    wordy: Bools  # has a letter or a digit

    @property
    def nothing(self) -> int:
        """The id of "no token there"."""
        return len(self.valence) - 1


def _has_letter(word: str) -> bool:
    return any(map(str.isalnum, word))


class _Ids(dict[str, int]):
    """Raw tokens as ids; a token seen for the first time is looked up and given the next one."""

    def __init__(self, own: Mapping[str, float]) -> None:
        super().__init__()
        self.own = own
        self.of_word: dict[str, int] = {}
        self.rows: list[tuple[Any, ...]] = []
        self.written: list[str] = []

    def __missing__(self, raw: str) -> int:
        stripped = raw.strip(string.punctuation)
        word = raw if len(stripped) <= 2 else stripped
        if word not in self.of_word:
            self.of_word[word] = len(self.rows)
            self.rows.append(self._row(word))
            self.written.append(word)
        self[raw] = number = self.of_word[word]
        return number

    def _row(self, word: str) -> tuple[Any, ...]:
        lists, lower = words(), word.lower()
        valence = self.own.get(lower, lists.lexicon.get(lower, np.nan))
        return (
            valence, lists.boosters.get(lower, 0.0), lower in lists.negations or "n't" in lower,
            word.isupper(), lists.codes.get(lower, 0), word.isalnum() or _has_letter(word),
        )  # fmt: skip


def _numbers(texts: list[str], table: _Ids) -> Ints:
    """Split some texts at once, which is quicker than one by one, with a mark after each."""
    joined = f" {_MARK} ".join([*texts, ""])
    if joined.count(_MARK) != len(texts):
        plain = (text.replace(_MARK, _OTHER) for text in texts)
        joined = f" {_MARK} ".join([*plain, ""])
    split = joined.split()
    return np.fromiter(map(table.__getitem__, split), dtype=np.int64, count=len(split))


def tokens(texts: list[str], own: Mapping[str, float]) -> Tokens:
    """Split texts and give each distinct token an id; `own` valences stand above the lexicon's."""
    table = _Ids(own)
    table[_MARK] = -1
    parts = [
        _numbers(texts[start : start + _TOGETHER], table)
        for start in range(0, len(texts), _TOGETHER)
    ]
    every = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
    ends = np.flatnonzero(every < 0)  # a mark stands after each text
    lengths = np.diff(ends, prepend=-1) - 1
    ids = every[every >= 0]
    nothing = (0.0, 0.0, False, False, 0, False)  # a valence, so that it counts as in the lexicon
    valence, booster, negates, upper, codes, wordy = map(
        np.array, zip(*table.rows, nothing, strict=True)
    )
    return Tokens(
        ids, lengths, [*table.written, ""], valence.astype(float), booster.astype(float),
        negates.astype(bool), upper.astype(bool), codes.astype(np.int64), wordy.astype(bool),
    )  # fmt: skip
