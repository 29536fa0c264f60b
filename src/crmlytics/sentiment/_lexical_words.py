"""Word lists of Persian and Hebrew, and what each distinct token is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from crmlytics.sentiment import _emoji, _hebrew, _lists, _normalise
from crmlytics.sentiment._lexicon import Lexicon
from crmlytics.sentiment._phrases import Phrases, compiled

_PREFIXES = frozenset("והבלכשמ")
_FIRST_OF_TWO = frozenset("וש")  # before any other prefix
_PAIRS = frozenset({"מה", "כש", "לכ"})
_DOUBLED = re.compile(r"([^\W\d_])\1+")
_SHORTEST = 3  # letters, beyond which a prefix may be taken off
_KINDS = ("booster", "negation_after", "negation_before", "but")


@dataclass(frozen=True)
class Lists:
    """One language: valences, and words that change what stands beside them."""

    language: str
    words: Mapping[str, float]
    stems: Mapping[str, float]
    phrases: Mapping[tuple[str, ...], tuple[str, float]]  # kind ("valence" or of `modifiers`)
    modifiers: Mapping[str, tuple[str, float]]
    suffixes: tuple[str, ...]
    spellings: frozenset[str]  # all words, with those of phrases


@cache
def lists(language: str) -> Lists:
    """Read the lists of a language once."""
    entries = _lists.read("fa") if language == "fa" else _lists.read("he_service")
    changing = _lists.read(f"{language}_modifiers")
    stems: dict[str, float] = {}
    phrases: dict[tuple[str, ...], tuple[str, float]] = {}
    modifiers: dict[str, tuple[str, float]] = {}
    suffixes = []
    for row in changing:
        term, value = clean(row["term"], language), float(row["value"] or 0)
        if row["kind"] == "suffix":
            suffixes.append(row["term"])
        elif " " in term:
            phrases[tuple(term.split())] = (row["kind"], value)
        else:
            modifiers[term] = (row["kind"], value)
    # "almost" and "and not" are among the emotion words, but change what follows
    emotions = _hebrew.valences() if language == "he" else {}
    words = {word: v for word, v in emotions.items() if not _modifier(word, modifiers, language)[0]}
    for row in entries:
        term, value = clean(row["term"], language), float(row["valence"])
        if " " in term:
            phrases[tuple(term.split())] = ("valence", value)
        elif row["kind"] == "stem":
            stems[term] = value
        else:
            words[term] = value
    longest_first = tuple(sorted(suffixes, key=lambda suffix: (-len(suffix), suffix)))
    spellings = frozenset().union(words, stems, modifiers, *phrases)
    return Lists(language, words, stems, phrases, modifiers, longest_first, spellings)


def clean(term: str, language: str) -> str:
    """Return a term as the engine sees it in a text."""
    plain = _normalise.normalised([term])[0].lower()
    return _hebrew.folded(plain) if language == "he" else plain


def _modifier(
    word: str, modifiers: Mapping[str, tuple[str, float]], language: str
) -> tuple[str, float]:
    """Return kind and value of a modifier, in Hebrew also behind "and" or "that"."""
    found = modifiers.get(word)
    rest = word[1:]
    if found is None and language == "he" and word[:1] in _FIRST_OF_TWO:
        found = modifiers.get(rest) if len(rest) > 2 or rest == "לא" else None
    return found or ("", 0.0)


@dataclass(frozen=True)
class Kinds:
    """Phrases to look for; each has a place in `kinds`, with its kind and value."""

    phrases: Phrases
    kinds: list[tuple[str, float]]


def kinds(language: str, own: Lexicon | None) -> Kinds:
    """Return the phrases of a language; those of the user stand above ours."""
    return _shipped(language) if own is None or not own.phrases else _compiled(language, own)


@cache
def _shipped(language: str) -> Kinds:
    return _compiled(language, Lexicon())


def _compiled(language: str, own: Lexicon) -> Kinds:
    phrases = dict(lists(language).phrases)
    for phrase, valence in own.phrases.items():
        phrases[tuple(clean(word, language) for word in phrase)] = ("valence", valence)
    places = {phrase: float(place) for place, phrase in enumerate(phrases)}
    return Kinds(compiled(places), list(phrases.values()))


class Ids(dict[str, int]):
    """Tokens as ids; one seen for the first time is looked up and given the next one."""

    def __init__(self, language: str, own: Lexicon | None) -> None:
        super().__init__()
        self.lists = lists(language)
        given = own.words if own is not None else {}
        self.own = {clean(word, language): valence for word, valence in given.items()}
        self.emoji = _emoji.valences()
        phrases = own.phrases if own is not None else {}
        self.spellings = self.lists.spellings.union(
            self.own, (clean(word, language) for phrase in phrases for word in phrase)
        )
        self.rows: list[tuple[Any, ...]] = []
        self.written: list[str] = []
        self.plain: list[str] = []

    def __missing__(self, token: str) -> int:
        self[token] = number = len(self.rows)
        plain = token.lower()
        plain = _hebrew.folded(plain) if self.lists.language == "he" else plain
        valence = self.valence(token, plain)
        if np.isnan(valence) and plain not in self.spellings:
            single = _DOUBLED.sub(r"\1", plain)  # a drawn-out word, where only so it is known
            if single in self.spellings:
                plain, valence = single, self.valence(token, single)
        self.rows.append((valence, *self._changes(plain), token[0].isalnum()))
        self.written.append(token)
        self.plain.append(plain)
        return number

    def _changes(self, plain: str) -> tuple[Any, ...]:
        """Say what a word does to those beside it, in the order of `_KINDS`."""
        kind, value = _modifier(plain, self.lists.modifiers, self.lists.language)
        return value if kind == "booster" else 0.0, *(kind == each for each in _KINDS[1:])

    def valence(self, token: str, plain: str) -> float:
        """Look a token up: the user's words, the word itself, and then the word without affix."""
        for given in (self.own, self.emoji, self.lists.words, self.lists.stems):
            found = given.get(token if given is self.emoji else plain)
            if found is not None:  # 0: a word that only looks like one with a feeling
                return float(found) or np.nan
        if _modifier(plain, self.lists.modifiers, self.lists.language)[0]:
            return np.nan
        found = self._persian(plain) if self.lists.language == "fa" else self._hebrew(plain)
        return np.nan if found is None else found

    def _persian(self, plain: str) -> float | None:
        """Take an ending off, or what stands behind the first non-joiner."""
        for suffix in self.lists.suffixes:
            if plain.endswith(suffix):
                found = self.lists.stems.get(plain[: -len(suffix)].rstrip(_normalise.ZWNJ))
                if found is not None:
                    return found
        head, joined, _ = plain.partition(_normalise.ZWNJ)
        return self.lists.stems.get(head) if joined else None

    def _hebrew(self, plain: str) -> float | None:
        """Take a prefix letter off, and another behind it (and the, when the)."""
        whole = plain
        for taken in range(2):
            if len(plain) <= _SHORTEST or plain[0] not in _PREFIXES:
                return None
            if taken and whole[0] not in _FIRST_OF_TWO and whole[:2] not in _PAIRS:
                return None
            plain = plain[1:]
            found = self.own.get(plain, self.lists.words.get(plain))
            if found is not None:
                return float(found) or np.nan
        return None
