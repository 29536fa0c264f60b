"""Word lists of Persian and Hebrew, and what each distinct token is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from crmlytics.sentiment import _emoji, _hebrew, _lists, _normalise
from crmlytics.sentiment._lexicon import Lexicon

_PREFIXES = frozenset("והבלכשמ")
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


@cache
def lists(language: str) -> Lists:
    """Read the lists of a language once."""
    entries = _lists.read("fa") if language == "fa" else _lists.read("he_service")
    changing = _lists.read(f"{language}_modifiers")
    words = dict(_hebrew.valences()) if language == "he" else {}
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
    for row in entries:
        term, value = clean(row["term"], language), float(row["valence"])
        if " " in term:
            phrases[tuple(term.split())] = ("valence", value)
        elif row["kind"] == "stem":
            stems[term] = value
        else:
            words[term] = value
    longest_first = tuple(sorted(suffixes, key=lambda suffix: (-len(suffix), suffix)))
    return Lists(language, words, stems, phrases, modifiers, longest_first)


def clean(term: str, language: str) -> str:
    """Return a term as the engine sees it in a text."""
    plain = _normalise.normalised([term])[0].lower()
    return _hebrew.folded(plain) if language == "he" else plain


class Ids(dict[str, int]):
    """Tokens as ids; one seen for the first time is looked up and given the next one."""

    def __init__(self, language: str, own: Lexicon | None) -> None:
        super().__init__()
        self.lists = lists(language)
        given = own.words if own is not None else {}
        self.own = {clean(word, language): valence for word, valence in given.items()}
        self.emoji = _emoji.valences()
        self.rows: list[tuple[Any, ...]] = []
        self.written: list[str] = []
        self.plain: list[str] = []

    def __missing__(self, token: str) -> int:
        self[token] = number = len(self.rows)
        plain = token.lower()
        plain = _hebrew.folded(plain) if self.lists.language == "he" else plain
        self.rows.append(self._row(token, plain))
        self.written.append(token)
        self.plain.append(plain)
        return number

    def _row(self, token: str, plain: str) -> tuple[Any, ...]:
        kind, value = self.lists.modifiers.get(plain, ("", 0.0))
        changes = [value if kind == "booster" else 0.0, *(kind == each for each in _KINDS[1:])]
        return self.valence(token, plain), *changes, token[0].isalnum()

    def valence(self, token: str, plain: str) -> float:
        """Look a token up: the user's words, the word itself, and then the word without affix."""
        for given in (self.own, self.emoji, self.lists.words, self.lists.stems):
            found = given.get(token if given is self.emoji else plain)
            if found is not None:  # 0: a word that only looks like one with a feeling
                return float(found) or np.nan
        if plain in self.lists.modifiers:
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
        for _ in range(2):
            if len(plain) <= _SHORTEST or plain[0] not in _PREFIXES:
                return None
            plain = plain[1:]
            found = self.own.get(plain, self.lists.words.get(plain))
            if found is not None:
                return float(found)
        return None
