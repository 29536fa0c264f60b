"""Tables of aspects: the one that comes with the package, and those that users bring."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmlytics import _checks, _frame
from crmlytics.errors import DataError
from crmlytics.sentiment import _forms, _language, _lists, _terms, _texts

if TYPE_CHECKING:
    import pandas as pd

_BETWEEN = re.compile(r"[|,،;]")
# A phrase begins with any form of its first word, and goes on with any form of each further one.
Phrase = tuple[tuple[frozenset[str], ...], int]


@dataclass(frozen=True)
class Matcher:
    """What to look for in the texts of a language: first word -> phrases, and their aspect."""

    phrases: dict[str, list[Phrase]]

    def found(self, words: list[str]) -> set[int]:
        """Return the aspects that these words mention."""
        seen = set()
        for place, word in enumerate(words):
            for parts, aspect in self.phrases.get(word, ()):
                rest = words[place + 1 : place + len(parts)]
                if len(rest) == len(parts) - 1 and all(
                    one in allowed for one, allowed in zip(rest, parts[1:], strict=True)
                ):
                    seen.add(aspect)
        return seen


@dataclass(frozen=True)
class Aspects:
    """The aspects asked for: names, sorted, and terms with the place of their aspect."""

    names: list[str]
    terms: list[tuple[str, int, str | None]]  # term, aspect, language it is for

    def matcher(self, language: str | None) -> Matcher:
        """Return what to look for in texts of a language; terms for no language are for all."""
        phrases: dict[str, list[Phrase]] = {}
        for term, aspect, meant in self.terms:
            if meant is not None and meant != language:
                continue
            own = meant or _language.detected([term])[0] or "en"
            parts = tuple(_forms.forms(word, own) for word in _terms.words([term], [own])[0])
            for first in parts[0] if parts else ():
                phrases.setdefault(first, []).append((parts, aspect))
        return Matcher(phrases)


def common_aspects(language: str | None = None) -> "pd.DataFrame":
    """Return a ready table of what customers speak of, to be used as it is or edited.

    Parameters
    ----------
    language : {"en", "fa", "he"}, optional
        Only the terms of this language; all three without it.

    Returns
    -------
    pandas.DataFrame
        One row an aspect and language: ``aspect`` (str, in English for all languages: app,
        availability, cleanliness, delivery, location, packaging, payment, price, quality, returns,
        service, size, taste), ``language`` (str), ``terms`` (str, words and phrases separated by
        ``|``).

    Raises
    ------
    OptionError
        If `language` is none of those above.

    See Also
    --------
    suggest_aspects : finds the words of your own customers.
    score_aspects : scores what texts say on each aspect.

    Examples
    --------
    >>> import crmlytics as crm
    >>> aspects = crm.sentiment.common_aspects("en")
    >>> aspects[aspects["aspect"] == "returns"]["terms"].item()
    'return | returned | refund | refunded | exchange | exchanged | money back | warranty'
    """
    import pandas as pd

    if language is not None:
        _checks.choice(language, _language.LANGUAGES, name="language", caller="common_aspects")
    rows = [row for row in _lists.read("aspects") if language in {None, row["language"]}]
    return pd.DataFrame(rows, columns=["aspect", "language", "terms"]).astype("str")


def read(aspects: Any, caller: str) -> Aspects:
    """Read the option `aspects`: a table, or a mapping of names to lists of terms."""
    rows: list[tuple[Any, Any, str | None]]
    if isinstance(aspects, Mapping):
        rows = [(name, terms, None) for name, terms in aspects.items()]
    else:
        rows = _table(aspects, caller)
    entries: list[tuple[str, str, str | None]] = []
    for name, terms, language in rows:
        if not isinstance(name, str) or not name.strip():
            raise DataError(
                f"{caller}: aspects has the name {name!r}. Give each aspect a name of text."
            )
        entries += [(name.strip(), term, language) for term in _listed(name, terms, caller)]
    if not entries:
        raise DataError(
            f"{caller}: aspects is empty. Give a table of aspects and terms, such as "
            "common_aspects() returns."
        )
    names = sorted({name for name, *_ in entries})
    placed = {(term, names.index(name), language) for name, term, language in entries}
    return Aspects(names, sorted(placed, key=lambda entry: (entry[0], entry[1], entry[2] or "")))


def _listed(name: str, terms: Any, caller: str) -> list[str]:
    """Return the terms of an aspect, which come as text with separators or as a list."""
    given = [terms] if isinstance(terms, str) else terms
    if not isinstance(given, (list, tuple, set, frozenset)) or not all(
        isinstance(each, str) for each in given
    ):
        raise DataError(
            f"{caller}: the terms of {name!r} in aspects are {_checks.shown(terms)}. Give words "
            "and phrases separated by '|', or a list of them."
        )
    parts = [part.strip() for each in given for part in _BETWEEN.split(each)]
    kept = [part for part in parts if any(map(str.isalnum, part))]
    if not kept:
        raise DataError(f"{caller}: {name!r} in aspects has no term. Add one, or drop the aspect.")
    return kept


def _table(aspects: Any, caller: str) -> list[tuple[Any, Any, str | None]]:
    opened, _ = _frame.open_table(aspects, caller=caller, argument="aspects", lazy=False)
    beside = ["language"] if "language" in opened.columns else []
    source = _frame.read(
        aspects, caller=caller, argument="aspects", maker="suggest_aspects",
        roles={name: name for name in ("aspect", "terms", *beside)},
    )  # fmt: skip
    if not source.n_rows:
        return []
    columns = [_texts.values(source, name) for name in ("aspect", "terms")]
    languages = _texts.values(source, "language") if beside else [None] * source.n_rows
    odd = sorted({each for each in languages if each is not None} - set(_language.LANGUAGES))
    if odd:
        raise DataError(
            f"{caller}: aspects has the language {odd[0]!r}. Use 'en', 'fa' or 'he', or leave it "
            "null for all."
        )
    return list(zip(*columns, languages, strict=True))
