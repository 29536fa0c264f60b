"""Words and phrases that the user brings, read from a table or a mapping."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _columns, _frame
from crmlytics.errors import ColumnError, DataError
from crmlytics.sentiment import _language, _normalise, _texts
from crmlytics.sentiment._lexicon import Lexicon

_LIMIT = 4.0  # valences are means of ratings from -4 to 4 (Hutto and Gilbert 2014)


@dataclass(frozen=True)
class Own:
    """Entries as they came: term, valence, and the language and domain they are for, or None."""

    entries: tuple[tuple[str, float, str | None, str | None], ...]

    def of(self, language: str, domain: str | None) -> Lexicon:
        """Return what holds in a language and a domain; the more special entry comes last."""
        words: dict[str, float] = {}
        phrases: dict[tuple[str, ...], float] = {}
        fitting = [
            entry
            for entry in self.entries
            if entry[2] in {None, language} and entry[3] in {None, domain}
        ]
        fitting.sort(key=lambda entry: (entry[3] is not None, entry[2] is not None))
        for term, valence, *_ in fitting:
            parts = tuple(term.split())
            if len(parts) == 1:
                words[parts[0]] = valence
            else:
                phrases[parts] = valence
        return Lexicon(words, phrases)


def read(lexicon: Any, caller: str) -> Own | None:
    """Read the option `lexicon`: None, a mapping of terms to valences, or a table."""
    if lexicon is None:
        return None
    if isinstance(lexicon, Mapping):
        terms, valences = list(lexicon.keys()), list(lexicon.values())
        nothing: list[str | None] = [None] * len(terms)
        return _own(terms, valences, nothing, nothing, caller)
    opened, _ = _frame.open_table(lexicon, caller=caller, argument="lexicon", lazy=False)
    roles: dict[str, str | None] = {"term": "term", "valence": "valence"}
    beside = [name for name in ("language", "domain") if name in opened.columns]
    source = _frame.read(
        lexicon, caller=caller, argument="lexicon", roles=roles | {name: name for name in beside},
        maker="suggest_lexicon",
    )  # fmt: skip
    if len(opened) and _columns.family(source.column("term")) != "text":
        held = _columns.describe(source.column("term"))
        raise ColumnError(
            f"{caller}: column 'term' of lexicon holds {held}, not text. Put words or phrases "
            "there."
        )
    named = {
        name: _texts.values(source, name) if name in beside else [None] * source.n_rows
        for name in ("language", "domain")
    }
    return _own(
        _texts.values(source, "term"), source.numbers("valence").tolist(), named["language"],
        named["domain"], caller,
    )  # fmt: skip


def _own(
    terms: list[Any], valences: list[Any], languages: list[Any], domains: list[Any], caller: str
) -> Own:
    entries = []
    for term, valence, language, domain in zip(terms, valences, languages, domains, strict=True):
        if not isinstance(term, str) or not term.strip():
            raise DataError(
                f"{caller}: lexicon has a term {term!r}. Give words or phrases, and drop what is "
                "empty."
            )
        number = isinstance(valence, (int, float, np.number)) and not isinstance(valence, bool)
        if not number or not abs(valence) <= _LIMIT:
            raise DataError(
                f"{caller}: the valence of {term!r} in lexicon is {valence!r}. Give a number from "
                "-4 (worst) to 4 (best)."
            )
        if language is not None and language not in _language.LANGUAGES:
            raise DataError(
                f"{caller}: lexicon has the language {language!r}. Use 'en', 'fa' or 'he', or "
                "leave it null for all."
            )
        plain = _normalise.normalised([unicodedata.normalize("NFC", term)])[0].lower()
        entries.append((plain, float(valence), language, domain))
    twice = len(entries) - len({(term, *rest) for term, _, *rest in entries})
    if twice:
        raise DataError(f"{caller}: lexicon names {twice} terms twice. Keep one valence of each.")
    return Own(tuple(entries))
