"""Texts of several languages and domains, each handed to its engine and put back in its place."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from crmlytics.sentiment import _language, _lexical, _switches, _vader
from crmlytics.sentiment._own import Own
from crmlytics.sentiment._scored import Hits, Scored

_FLOATS = ("raw", "compound", "positive", "neutral", "negative")
_COUNTS = ("n_words", "n_known")


def scored(
    texts: Sequence[str | None],
    languages: Sequence[str | None],
    *,
    switches: frozenset[str] = _switches.ALL,
    own: Own | None = None,
    domains: Sequence[str | None] | None = None,
    explain: bool = False,
) -> Scored:
    """Score texts; NaN where there is none, or none of a language that is known.

    What has no letter has no language either, but may hold emoji and emoticons: it is kept where
    the English engine knows one.
    """
    size = len(texts)
    arrays: dict[str, Any] = {name: np.full(size, np.nan) for name in _FLOATS}
    arrays |= {name: np.zeros(size, dtype=np.int64) for name in _COUNTS}
    parts: list[Hits] = []
    for (language, domain), rows in _groups(texts, languages, domains).items():
        given = [text for row in rows if (text := texts[row]) is not None]
        found = _engine(given, language, domain, switches, own, explain)
        places = np.array(rows)
        kept = found.n_known > 0 if language is None else np.ones(len(rows), dtype=bool)
        for name in (*_FLOATS, *_COUNTS):
            arrays[name][places[kept]] = getattr(found, name)[kept]
        if found.hits is not None:
            parts.append(replace(found.hits, text=places[found.hits.text]))
    return Scored(**arrays, hits=_together(parts) if explain else None)


def _groups(
    texts: Sequence[str | None],
    languages: Sequence[str | None],
    domains: Sequence[str | None] | None,
) -> dict[tuple[str | None, str | None], list[int]]:
    """Return the rows to be scored alike."""
    groups: dict[tuple[str | None, str | None], list[int]] = {}
    for row, (text, language) in enumerate(zip(texts, languages, strict=True)):
        if text is None or (language is None and _language.has_letters(text)):
            continue
        groups.setdefault((language, domains[row] if domains else None), []).append(row)
    return groups


def _engine(
    texts: list[str],
    language: str | None,
    domain: str | None,
    switches: frozenset[str],
    own: Own | None,
    explain: bool,  # noqa: FBT001
) -> Scored:
    lexicon = None if own is None else own.of(language or "en", domain)
    if language in {"fa", "he"}:
        return _lexical.score(texts, language=language, lexicon=lexicon, explain=explain)
    return _vader.score(texts, switches=switches, lexicon=lexicon, explain=explain)


def _together(parts: list[Hits]) -> Hits:
    """Put the hits of all groups in the order of their texts."""
    if not parts:
        nothing = np.zeros(0)
        return Hits(nothing.astype(np.int64), [], nothing, [], nothing)
    text = np.concatenate([part.text for part in parts])
    order = np.argsort(text, kind="stable")
    words = [word for part in parts for word in part.word]
    rules = [rule for part in parts for rule in part.rule]
    return Hits(
        text[order],
        [words[place] for place in order],
        np.concatenate([part.valence for part in parts])[order],
        [rules[place] for place in order],
        np.concatenate([part.contribution for part in parts])[order],
    )


def spoken(texts: Sequence[str | None], language: str) -> list[str | None]:
    """Return the language of each text: the one given, or for "auto" the one detected."""
    if language == "auto":
        return _language.detected(list(texts))
    return [None if text is None else language for text in texts]
