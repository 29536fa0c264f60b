"""English texts scored by words and rules: VADER as vaderSentiment 3.3.2 has it, or mended."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from crmlytics._columns import Ints
from crmlytics.sentiment import _fast, _scored, _sums, _vader_ids, _vader_rules, _vader_words
from crmlytics.sentiment._lexicon import Lexicon
from crmlytics.sentiment._scored import Scored
from crmlytics.sentiment._vader_ids import Tokens
from crmlytics.sentiment._vader_rules import Hits, Notes
from crmlytics.sentiment._vader_words import WORD, Vocabulary

_BATCH = 1 << 16  # texts at a time
_COMPILED_FROM = 20_000  # texts from which on it pays to load the compiled rules
_ARRAYS = ("raw", "compound", "positive", "neutral", "negative", "n_words", "n_known")


def score(
    texts: Sequence[str],
    *,
    switches: frozenset[str] = frozenset(),
    lexicon: Lexicon | None = None,
    explain: bool = False,
) -> Scored:
    """Score texts: without switches exactly as vaderSentiment 3.3.2 does, to the last digit.

    `switches` are names from `_switches.ALL`; the entries of `lexicon` stand above all others.
    """
    plain = not switches and lexicon is None and not explain
    if plain and len(texts) >= _COMPILED_FROM and _fast.available():
        return _compiled(texts)
    return by_masks(texts, switches, lexicon, explain=explain)


def _compiled(texts: Sequence[str]) -> Scored:
    """Let the compiled rules answer for ASCII texts, with the same digits."""
    plain = _fast.ascii_mask(texts)
    rows, others = np.flatnonzero(plain).tolist(), np.flatnonzero(~plain).tolist()
    if not others:
        return Scored(*_fast.score(texts))
    parts = [
        Scored(*_fast.score([texts[row] for row in rows])),
        by_masks([texts[row] for row in others], frozenset(), None, explain=False),
    ]
    back = np.argsort(np.concatenate([rows, others]), kind="stable")
    made = _together(parts)
    return Scored(*(getattr(made, name)[back] for name in _ARRAYS))


def by_masks(
    texts: Sequence[str], switches: frozenset[str], lexicon: Lexicon | None, *, explain: bool
) -> Scored:
    words = Vocabulary(_vader_words.tables(switches, lexicon))
    parts = [
        _batch(texts[first : first + _BATCH], first, words, explain=explain)
        for first in range(0, max(len(texts), 1), _BATCH)
    ]
    return parts[0] if len(parts) == 1 else _together(parts)


def _together(parts: Sequence[Scored]) -> Scored:
    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    explained = [part.hits for part in parts if part.hits is not None]
    hits = None
    if explained:
        hits = _scored.Hits(
            np.concatenate([each.text for each in explained]),
            [word for each in explained for word in each.word],
            np.concatenate([each.valence for each in explained]),
            [rule for each in explained for rule in each.rule],
            np.concatenate([each.contribution for each in explained]),
        )
    return Scored(
        joined("raw"), joined("compound"), joined("positive"), joined("neutral"),
        joined("negative"), joined("n_words"), joined("n_known"), hits,
    )  # fmt: skip


def _batch(texts: Sequence[str], offset: int, words: Vocabulary, *, explain: bool) -> Scored:
    tokens = _vader_ids.tokens(texts, words)
    traits = words.traits()
    notes = Notes() if explain else None
    found = _vader_rules.hits(tokens, traits, words.tables)
    _vader_rules.apply(found, traits, words.tables, notes)
    _vader_rules.but(found, tokens, traits, words.tables, notes)
    text = tokens.text[found.place]
    scored = _sums.added_up(
        tokens.size, text, found.value, tokens.exclamations + tokens.questions,
        tokens.per_text(traits.has(tokens.ids, WORD)), tokens.per_text(found.known),
    )  # fmt: skip
    if notes is None:
        return scored
    hits = _explained(found, text, tokens, words, notes)
    scored = _scored.with_hits(scored, hits, tokens.exclamations, tokens.questions)
    return scored if scored.hits is None else replace(scored, hits=_moved(scored.hits, offset))


def _moved(hits: _scored.Hits, offset: int) -> _scored.Hits:
    return replace(hits, text=hits.text + offset)


def _explained(
    found: Hits, text: Ints, tokens: Tokens, words: Vocabulary, notes: Notes
) -> _scored.Hits:
    """Return each hit with its rules in words."""
    spelled, ids = words.spelled, tokens.ids.tolist()

    def said(first: int, end: int) -> str:
        return " ".join(spelled[number] for number in ids[first:end])

    rules: list[list[str]] = [[] for _ in text]
    for rows, what, by, size in notes.entries:
        places = [None] * len(rows) if by is None else by.tolist()
        for row, place in zip(rows.tolist(), places, strict=True):
            by_whom = "" if place is None else f" {said(place, place + size).lower()}"
            rules[row].append(what + by_whom)
    spans = zip(found.first.tolist(), found.place.tolist(), strict=True)
    return _scored.Hits(
        text,
        [said(first, last + 1) for first, last in spans],
        found.base,
        ["; ".join(dict.fromkeys(each)) for each in rules],
        found.value,
    )
