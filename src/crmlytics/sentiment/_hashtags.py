"""Hashtags as the words they are made of."""

import re
from functools import cache

from crmlytics.sentiment import _vader_words

_TAG = re.compile(r"#(\w+)")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_LONGEST, _LONGEST_WORD = 30, 14  # letters
_PLAIN = """
the this that these my our your you me we it its is are was be been to of for and with from have
has had get got in on at by all day time service customer support food product company app phone
people world life work shop store delivery order now today ever again much how what why who when
don't do does did not can will would should i a im am us they them he she his her made make one
two buy go going new old back out off up down over therapist therapists
"""


@cache
def _known() -> frozenset[str]:
    source = _vader_words.original()
    laden = {word for word in source.valences if word.isalpha() and len(word) > 2}
    single = {word for word in source.boosters if word.isalpha()}
    return frozenset(laden | single | set(source.negations) | set(_PLAIN.split()))


class Hashtags(dict[str, str]):
    """Hashtags -> their words; each is looked at once."""

    def __missing__(self, tag: str) -> str:
        """Take in a hashtag."""
        self[tag] = words = _words(tag)
        return words

    def spoken(self, text: str) -> str:
        """Return a text with its hashtags as words: #BAD as BAD, #lovethis as love this."""
        return _TAG.sub(lambda found: self[found[1]], text)


def _words(tag: str) -> str:
    if len(tag) > _LONGEST:
        return tag
    parts = _PARTS.findall(tag)
    if len(parts) > 1 or not parts:
        return " ".join(parts) or tag
    return _cut(tag) or tag


def _cut(tag: str) -> str | None:
    """Cut letters into the fewest known words; None where that cannot be done."""
    known, lower = _known(), tag.lower()
    if lower in known:
        return tag
    best: list[tuple[int, ...] | None] = [()]  # for each length: where the words end
    for end in range(1, len(lower) + 1):
        choices = [
            (*before, end)
            for start in range(max(0, end - _LONGEST_WORD), end)
            if (before := best[start]) is not None and lower[start:end] in known
        ]
        best.append(min(choices, key=len, default=None))
    cuts = best[-1]
    if cuts is None:
        return None
    return " ".join(tag[a:b] for a, b in zip((0, *cuts), cuts, strict=False))
