"""Words of a text: letters and digits, with what belongs inside them."""

import re

from crmlytics.sentiment import _emoji

MARK = "\x01"  # stands between texts
MARKS = frozenset("!?؟")
_WORDS = {
    "en": r"[^\W_]+(?:'[^\W_]+)*",
    "fa": "[^\\W_]+(?:\u200c+[^\\W_]+)*",
    "he": "[^\\W_]+(?:[\"'][^\\W_]+)*",
}
_PATTERNS: dict[str, re.Pattern[str]] = {}


def pattern(language: str) -> re.Pattern[str]:
    """Return what finds words, marks and emoji of clean texts (see `_normalise`)."""
    if language not in _PATTERNS:
        emoji = "|".join(map(re.escape, sorted(_emoji.valences(), key=len, reverse=True)))
        _PATTERNS[language] = re.compile(f"{MARK}|{_WORDS[language]}|[!?؟]|{emoji}")
    return _PATTERNS[language]


def words(text: str, language: str) -> list[str]:
    """Return the tokens of a clean text in their order: words, ! ? ؟ and emoji."""
    return [token for token in pattern(language).findall(text) if token != MARK]
