"""Scores of English texts: VADER to the last digit, or with its faults mended one by one.

All texts are scored together. Tokens become ids, everything a rule asks of a token is looked up
once for each distinct one, and the rules are masks over the words that have a valence.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from crmlytics._columns import Ints
from crmlytics.sentiment import _emoji, _phrases, _switches, _vader_rules
from crmlytics.sentiment._lexicon import Lexicon
from crmlytics.sentiment._scored import Hits, Scored, with_hits
from crmlytics.sentiment._sums import added_up, emphasis
from crmlytics.sentiment._vader_rules import Hit
from crmlytics.sentiment._vader_words import Tokens, code, tokens, words


def score(
    texts: list[str],
    *,
    switches: frozenset[str] = frozenset(),
    lexicon: Lexicon | None = None,
    explain: bool = False,
) -> Scored:
    """Score texts; without switches and lexicon exactly as vaderSentiment 3.3.2 does."""
    prepared = _switches.prepared(texts, switches)
    own = _emoji.valences() if "emoji" in switches else {}
    prepared = [text if text.isascii() else _named_emoji(text, own) for text in prepared]
    entries = _switches.entries(switches, lexicon)
    found = tokens(prepared, entries.words)
    starts = np.cumsum(found.lengths) - found.lengths
    text = np.repeat(np.arange(len(texts)), found.lengths)
    hit = _hits(found, starts, text, entries.phrases, explain=explain)
    _vader_rules.apply(hit, switches)
    _vader_rules.but(hit, _first_but(found, starts, text), switches)
    loud, asked = emphasis(prepared)
    scored = added_up(
        found.lengths, hit.text, hit.value, loud + asked, *_known(found, hit, text, len(texts))
    )
    return with_hits(scored, _explained(found, hit), loud, asked) if explain else scored


@cache
def _with_names() -> re.Pattern[str]:
    every = "".join(map(re.escape, words().emoji))
    return re.compile(f"(^| )?([{every}])")


def _named_emoji(text: str, own: Mapping[str, float]) -> str:
    """Put what each emoji is called in its place; no space follows, as vaderSentiment has it.

    Those with a valence of their `own` stay.
    """
    names = words().emoji

    def named(match: re.Match[str]) -> str:
        before = match[1]
        if match[2] in own:
            return match[0]
        return (" " if before is None else before) + names[match[2]]

    return _with_names().sub(named, text)


def _hits(
    found: Tokens, starts: Ints, text: Ints, phrases: Any, *, explain: bool
) -> Hit:
    """Find the words that have a valence, and the phrases that stand above them."""
    ids, size = found.ids, len(found.ids)
    valence = found.valence[ids]
    following = np.append(ids[1:], found.nothing)
    inside = np.append(text[1:] == text[:-1], False) if size else np.zeros(0, dtype=bool)
    kind_of = (found.code[ids] == code("kind")) & (found.code[following] == code("of")) & inside
    is_hit = ~np.isnan(valence) & (found.booster[ids] == 0) & ~kind_of
    blocked = np.zeros(size, dtype=bool)
    first = np.arange(size)
    if phrases:
        lower = [word.lower() for word in found.written]
        for start, end, value in _phrases.find(lower, ids, text, phrases):
            is_hit[start:end] = False
            is_hit[end - 1] = blocked[start:end] = True
            valence[end - 1], first[end - 1] = value, start
    last = np.flatnonzero(is_hit)
    whose, first = text[last], first[last]
    upper = np.bincount(text, found.upper[ids], len(starts))
    mixed = ((upper > 0) & (upper < found.lengths))[whose]
    return Hit(
        found, whose, last, first, first - starts[whose],
        starts[whose] + found.lengths[whose] - 1 - last, found.upper[ids[last]] & mixed, mixed,
        valence[last], blocked, valence[last].copy(), [[] for _ in last] if explain else None,
    )  # fmt: skip


def _first_but(found: Tokens, starts: Ints, text: Ints) -> Ints:
    """Return the place of the first "but" of each text, -1 where there is none."""
    at = np.full(len(starts), -1, dtype=np.int64)
    places = np.flatnonzero(found.code[found.ids] == code("but"))[::-1]
    at[text[places]] = places - starts[text[places]]  # the last written is the first of the text
    return at


def _known(found: Tokens, hit: Hit, text: Ints, size: int) -> tuple[Ints, Ints]:
    """Count the words of each text, and those the lists know."""
    wordy, valued = found.wordy[found.ids], ~np.isnan(found.valence[found.ids])
    known = valued | (hit.blocked & wordy)
    return np.bincount(text[wordy], minlength=size), np.bincount(text[known], minlength=size)


def _explained(found: Tokens, hit: Hit) -> Hits:
    ids, notes = found.ids, hit.notes or []
    spans = zip(hit.first.tolist(), hit.last.tolist(), strict=True)
    said = [" ".join(found.written[ids[k]] for k in range(a, b + 1)) for a, b in spans]
    return Hits(hit.text, said, hit.base, ["; ".join(each) for each in notes], hit.value)
