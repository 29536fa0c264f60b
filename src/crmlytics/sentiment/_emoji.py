"""Emoji: one spelling for each, and what they say, for all languages."""

import re
from functools import cache

from crmlytics.sentiment import _lists

_JOINER = "\u200d"
_DRESS = "\ufe0e\ufe0f\U0001f3fb-\U0001f3ff"  # variation selectors, skin tones
_PICTURE = "\u203c-\u3299\U0001f000-\U0001faff"
_DRESSED = re.compile(f"(?<=[{_PICTURE}])[{_DRESS}]+|[\ufe0e\ufe0f]+")
_JOINED = re.compile(f"[{_PICTURE}](?:{_JOINER}[{_PICTURE}])+")


@cache
def valences() -> dict[str, float]:
    """Return the valence of each emoji of the list, -4 to 4, by its bare spelling."""
    return {row["emoji"]: float(row["valence"]) for row in _lists.read("emoji")}


def bare(text: str) -> str:
    """Take variation selectors and skin tones from emoji.

    A joined sequence stays whole where the list knows it; else its first part stands for it.
    """
    if text.isascii():
        return text
    text = _DRESSED.sub("", text)
    return _JOINED.sub(_known_part, text) if _JOINER in text else text


def _known_part(sequence: re.Match[str]) -> str:
    return sequence[0] if sequence[0] in valences() else sequence[0][0]


@cache
def _listed() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(valences(), key=len, reverse=True))))


def apart(text: str) -> str:
    """Return the bare text with each emoji of the list as a word of its own, between spaces."""
    return text if text.isascii() else _listed().sub(r" \g<0> ", bare(text))
