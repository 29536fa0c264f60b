"""Emoji and how they feel: one list for all languages."""

import re
from functools import cache

from crmlytics.sentiment import _lists

# variation selectors, skin tones, and the joiner of sequences say nothing of their own
_PARTS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\u200d]")


@cache
def valences() -> dict[str, float]:
    """Return the valence of each emoji, -4 to 4."""
    return {row["emoji"]: float(row["valence"]) for row in _lists.read("emoji")}


@cache
def _known() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(valences(), key=len, reverse=True))))


def apart(text: str) -> str:
    """Put spaces around the emoji of the list, and take sequences apart; linear in the text."""
    if text.isascii():
        return text
    bare = _known().sub(r" \g<0> ", text)
    return _PARTS.sub("", bare) if bare != text or _PARTS.search(text) else text
