"""The words of the English engine: VADER's own tables, what switches add, what the user brings."""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.sentiment import _emoji, _lists
from crmlytics.sentiment._lexicon import Lexicon
from crmlytics.sentiment._phrases import Phrases, compiled

# what VADER's rules ask of a word by name
_RULE_WORDS = (
    "never", "so", "this", "without", "doubt", "least", "at", "very", "but", "no", "nor", "or",
    "kind", "of",
)  # fmt: skip
CODE = {word: code for code, word in enumerate(_RULE_WORDS, 1)}

# traits of a token, as bits
LADEN, BOOSTS, NEGATES, UPPER, WORD, ENDS, MODIFIES, EMOJI, EXTREME, OPINES, DENIES = (
    1 << bit for bit in range(11)
)
SEPARATOR = "\x02"
PART, BOOSTER = 1, 2  # ids of a word inside a phrase, and of a modifier that acts as a booster

_MODIFIERS = frozenset({"pretty", "super", "terribly", "ridiculously", "insanely", "seriously"})
_EXTREMES = frozenset({"worst"})
_OPINIONS = frozenset({"think", "believe", "feel", "say", "consider", "call", "expect"})
# "can't believe how good" denies nothing
_DENIALS = frozenset({
    "don't", "dont", "didn't", "didnt", "doesn't", "doesnt", "wouldn't", "wouldnt", "not", "never",
})  # fmt: skip
# these two mean money in reports and colours in reviews
_COLOURS = frozenset({"in the red", "in the black"})


@dataclass(frozen=True)
class Tables:
    """All that the rules look up."""

    switches: frozenset[str]
    valences: Mapping[str, float]
    boosters: Mapping[str, float]
    negations: frozenset[str]
    codes: Mapping[str, int]  # words in rules, idioms and boosters of two words
    pairs: Floats  # valences of idioms of two words, by the codes of the words
    triples: Floats
    long_boosters: Floats
    descriptions: Mapping[int, str]  # what is read in place of emoji
    emoji: Mapping[str, float]
    phrases: Phrases | None


@dataclass(frozen=True)
class Original:
    """The tables of vaderSentiment 3.3.2."""

    valences: dict[str, float]
    boosters: dict[str, float]
    negations: frozenset[str]
    idioms: dict[str, float]
    laden_idioms: dict[str, float]
    emoji: dict[str, str]  # of one code point: no other is ever found


@cache
def original() -> Original:
    """Read what vaderSentiment holds."""
    from vaderSentiment.vaderSentiment import (
        BOOSTER_DICT,
        NEGATE,
        SENTIMENT_LADEN_IDIOMS,
        SPECIAL_CASES,
        SentimentIntensityAnalyzer,
    )

    analyzer = SentimentIntensityAnalyzer()
    return Original(
        dict(analyzer.lexicon),
        dict(BOOSTER_DICT),
        frozenset(NEGATE),
        {words: float(value) for words, value in SPECIAL_CASES.items()},
        {words: float(value) for words, value in SENTIMENT_LADEN_IDIOMS.items()},
        {sign: words for sign, words in analyzer.emojis.items() if len(sign) == 1},
    )


@cache
def _descriptions(*, parted: bool) -> dict[int, str]:
    """Return a table for `str.translate`: emoji to the words that VADER reads in their place."""
    after = " " if parted else ""
    own = _emoji.valences() if parted else {}
    return {
        ord(sign): f" {words}{after}" for sign, words in original().emoji.items() if sign not in own
    }


def tables(switches: frozenset[str], lexicon: Lexicon | None) -> Tables:
    """Return the tables for some switches and the user's entries, which stand above all others."""
    if lexicon is None:
        return _shipped(switches)
    return _build(switches, lexicon)


@cache
def _shipped(switches: frozenset[str]) -> Tables:
    return _build(switches, Lexicon())


def _build(switches: frozenset[str], lexicon: Lexicon) -> Tables:
    source = original()
    spoken = [words.split() for words in (*source.idioms, *source.boosters) if " " in words]
    codes = dict(CODE)
    for word in (word for words in spoken for word in words):
        codes.setdefault(word, len(codes) + 1)
    words, phrases = _added(switches)
    # a phrase of ours must not hide a word that the user has weighed
    phrases = {key: value for key, value in phrases.items() if lexicon.words.keys().isdisjoint(key)}
    phrases |= lexicon.phrases
    own = {_emoji.bare(word): value for word, value in lexicon.words.items()}
    words |= own
    emoji = _emoji.valences() if "emoji" in switches else {}
    signs = [word for word in own if len(word) == 1 and not word.isascii() and not word.isalnum()]
    return Tables(
        switches,
        source.valences | words,
        {word: value for word, value in source.boosters.items() if word not in words},
        source.negations.difference(words),
        codes,
        _dense({} if "idioms" in switches else source.idioms, codes, 2),
        _dense({} if "idioms" in switches else source.idioms, codes, 3),
        _dense(source.boosters, codes, 2),
        _descriptions(parted="emoji" in switches) | {ord(sign): f" {sign} " for sign in signs},
        {sign: own.get(sign, value) for sign, value in emoji.items()},
        compiled(phrases) if phrases else None,
    )


def _dense(values: Mapping[str, float], codes: Mapping[str, int], length: int) -> Floats:
    dense = np.full((len(codes) + 1,) * length, np.nan)
    for words, value in values.items():
        parts = words.split()
        if len(parts) == length:
            dense[tuple(codes[word] for word in parts)] = value
    return dense


def _added(switches: frozenset[str]) -> tuple[dict[str, float], dict[tuple[str, ...], float]]:
    """Return the words and phrases that switches add."""
    words: dict[str, float] = {}
    phrases: dict[tuple[str, ...], float] = {}
    if "idioms" in switches:
        source = original()
        idioms = source.idioms | source.laden_idioms
        phrases |= {
            tuple(key.split()): value
            for key, value in idioms.items()
            if " " in key and key not in _COLOURS
        }
    for row in _lists.read("en_service"):
        if row["switch"] in switches:
            for term in spelled(row["term"]):
                if len(term) == 1:
                    words[term[0]] = float(row["valence"])
                else:
                    phrases[term] = float(row["valence"])
    return words, phrases


def spelled(term: str) -> Iterator[tuple[str, ...]]:
    """Spell out the choices of a term: a|b is one of them, a+b is both, - is none."""
    for choice in product(*(part.split("|") for part in term.split())):
        yield tuple(word for part in choice if part != "-" for word in part.split("+"))


@dataclass(frozen=True)
class Traits:
    """What is known of each id, as arrays."""

    valence: Floats  # NaN for words without one
    booster: Floats
    bits: Ints
    code: Ints
    phrase_code: Ints

    def has(self, ids: Ints, bit: int) -> Bools:
        """Say which ids have a trait."""
        answer: Bools = (self.bits & bit != 0)[ids]
        return answer

    def is_word(self, ids: Ints, *words: str) -> Bools:
        """Say which ids are one of some words of the rules."""
        wanted = np.zeros(len(self.code), dtype=bool)
        for word in words:
            wanted |= self.code == CODE[word]
        answer: Bools = wanted[ids]
        return answer


class Vocabulary(dict[str, int]):
    """Tokens as they stand in texts -> ids; each is looked at once, when first met."""

    def __init__(self, given: Tables) -> None:
        super().__init__()
        self.tables = given
        self.spelled = ["", "", ""]  # without punctuation, as the rules see them
        self._rows: list[tuple[float, float, int, int, int]] = [
            (np.nan, 0.0, 0, 0, 0),
            (np.nan, 0.0, LADEN | WORD, 0, 0),
            (np.nan, 0.293, BOOSTS | WORD, 0, 0),
        ]
        self[SEPARATOR] = 0

    def __missing__(self, token: str) -> int:
        """Take in a token."""
        given = self.tables
        stripped = token.strip(string.punctuation)
        word = token if len(stripped) <= 2 else stripped
        lower = word.lower()
        valence = given.valences.get(lower, np.nan)
        bits = LADEN * (lower in given.valences) | BOOSTS * (lower in given.boosters)
        bits |= NEGATES * (lower in given.negations or "n't" in lower)
        bits |= UPPER * word.isupper() | WORD * (word.isalpha() or any(map(str.isalnum, word)))
        if given.switches:
            bits |= self._improved(token, lower)
        if lower in given.emoji:
            valence, bits = given.emoji[lower], bits | EMOJI | LADEN | WORD
        phrase_code = 0
        if given.phrases is not None:
            codes = given.phrases.codes
            phrase_code = codes.get(lower, 0) or codes.get(stripped.lower(), 0)
        self[token] = number = len(self.spelled)
        self.spelled.append(word)
        booster, code = given.boosters.get(lower, 0.0), given.codes.get(lower, 0)
        self._rows.append((np.nan if booster else valence, booster, bits, code, phrase_code))
        return number

    def _improved(self, token: str, lower: str) -> int:
        switches = self.tables.switches
        bits = 0
        if "sentence_end" in switches:
            bare = token.rstrip("\"')]")
            bits |= ENDS * (bare.endswith((".", "!", "?", ";")) and any(map(str.isalnum, bare)))
        if "modifiers" in switches:
            plain = self.tables.valences.get(lower) == original().valences.get(lower)
            bits |= MODIFIES * (lower in _MODIFIERS and plain)
        if "double_negation" in switches:
            bits |= EXTREME * (lower in _EXTREMES)
        if "far_negation" in switches:
            bits |= OPINES * (lower in _OPINIONS) | DENIES * (lower in _DENIALS)
        return bits

    def traits(self) -> Traits:
        """Return what is known of all tokens so far."""
        columns: list[Any] = list(zip(*self._rows, strict=True))
        return Traits(
            np.array(columns[0], dtype=np.float64),
            np.array(columns[1], dtype=np.float64),
            *(np.array(column, dtype=np.int64) for column in columns[2:]),
        )
