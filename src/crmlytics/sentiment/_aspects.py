"""What texts say on each aspect they mention: the clause with the mention is scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _result
from crmlytics.sentiment import _aspect_table, _clauses, _run, _score, _scored, _terms, _texts
from crmlytics.sentiment._aspect_table import Aspects

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

SCHEMA = {
    "row": "int",
    "aspect": "text",
    "clause": "text",
    "compound": "float",
    "label": "text",
    "scope": "text",
}
_NO_WORD = 3  # the level of a mention in a sentence without a known word


@dataclass(frozen=True)
class _Place:
    """A piece of a text that mentions aspects, within what it belongs to."""

    row: int
    number: int  # of the sentence
    parts: tuple[str, str, str]  # piece between commas, clause, sentence
    aspects: set[int]


def score_aspects(
    feedback: "IntoDataFrameT",
    *,
    aspects: "IntoDataFrame | Mapping[str, Sequence[str] | str]",
    text_col: str = "text",
    language: str = "auto",
    flavour: str | Sequence[str] = "improved",
) -> "IntoDataFrameT":
    """Score what each text says on each aspect that it mentions, clause by clause.

    Parameters
    ----------
    feedback : table
        One row a text.
    aspects : table or mapping
        What to look for: a table with the columns ``aspect`` and ``terms`` (words and phrases
        separated by ``|`` or commas) and, where terms are for one language only, ``language``, as
        :func:`common_aspects` and :func:`suggest_aspects` return; or aspect -> list of terms.
    text_col : str, default "text"
        Column of texts; null where nothing was written.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts; "auto" tells it text by text.
    flavour : {"improved", "vader"} or list of str, default "improved"
        Rules for English, as for :func:`score_sentiment`.

    Returns
    -------
    table
        One row a text and aspect mentioned, sorted by both: ``row`` (int, place of the text in
        `feedback`, from 0), ``aspect`` (str), ``clause`` (str, what was scored; several are joined
        by an ellipsis), ``compound`` (float, -1 to 1, mean of the clauses), ``label`` (str:
        positive, neutral, negative), ``scope`` (str: "clause"; "sentence" or "text" where the
        clause had no known word and the score is that of more). Compound and label are null where
        the language of a text is not known.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If `aspects` is empty, or has a name, term or language that cannot be used.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    suggest_aspects : finds candidates for `aspects`.
    nps_drivers : what each aspect does to the score that customers give.
    plot_aspects : draws the answer.

    Notes
    -----
    Sentences are split at words such as but, however, although, while (ولی، اما; אבל, אך, אולם), at
    semicolons, and at commas between two aspects. The smallest part that mentions the aspect and
    has a known word is scored: the whole sentence, or text, only if the rest of it mentions no
    other aspect.
    Where no word is known at all, compound is 0.
    Terms match whole words, whatever their case, in light inflection: English plurals, Persian
    ها، های، ی، ش and the like, Hebrew prefixes and plurals. Longer terms match longer forms: give
    irregular ones yourself.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame(
    ...     {"text": ["Great food, but the waiters were rude.", "قیمت عالی بود"]}
    ... )
    >>> aspects = {"food": ["food"], "service": ["service", "waiter"], "price": ["price", "قیمت"]}
    >>> crm.sentiment.score_aspects(feedback, aspects=aspects)[["row", "aspect", "label"]]
       row   aspect     label
    0    0     food  positive
    1    0  service  negative
    2    1    price  positive
    """
    caller = "score_aspects"
    switches = _score.switches_of(flavour, caller)
    listed = _aspect_table.read(aspects, caller)
    texts = _texts.read(feedback, caller, text_col=text_col)
    spoken = _terms.languages(texts.values, language, caller)
    places = _places(texts.values, spoken, listed)
    columns = _resolved(places, texts.values, spoken, switches, listed)
    table = pa.table(
        {
            "row": pa.array(columns["row"], pa.int64()),
            "compound": _result.column(np.array(columns["compound"], dtype=np.float64)),
            **{
                name: pa.array(columns[name], pa.string())
                for name in ("aspect", "clause", "label", "scope")
            },
        }
    )
    answer: IntoDataFrameT = _result.native(texts.source, table, SCHEMA, sort_by=["row", "aspect"])
    return answer


def _places(
    texts: Sequence[str | None], spoken: Sequence[str | None], listed: Aspects
) -> list[_Place]:
    """Return the pieces of texts that mention an aspect, in the order of the texts."""
    pieces = [
        (row, number, clause, sentence, piece)
        for row, text in enumerate(texts)
        for number, sentence in enumerate(_clauses.sentences(text or ""))
        for clause in _clauses.clauses(sentence)
        for piece in _clauses.pieces(clause)
    ]
    languages = [spoken[row] for row, *_ in pieces]
    words = _terms.words([piece for *_, piece in pieces], languages)
    matchers = {language: listed.matcher(language) for language in set(languages)}
    found = [
        matchers[language].found(each) for each, language in zip(words, languages, strict=True)
    ]
    places: list[_Place] = []
    for clause, group in groupby(zip(pieces, found, strict=True), key=lambda each: each[0][:4]):
        row, number, whole, sentence = clause
        comma = "، " if "،" in whole else ", "
        for piece, seen in _joined([(each[4], seen) for each, seen in group], comma):
            places.append(_Place(row, number, (piece, whole, sentence), seen))
    return places


def _joined(pieces: list[tuple[str, set[int]]], comma: str) -> list[tuple[str, set[int]]]:
    """Give what mentions no aspect to the piece before it, or at the beginning to the next one."""
    joined: list[tuple[str, set[int]]] = []
    waiting = ""
    for piece, seen in pieces:
        if seen:
            joined.append((f"{waiting}{piece}", seen))
            waiting = ""
        elif joined:
            joined[-1] = (f"{joined[-1][0]}{comma}{piece}", joined[-1][1])
        else:
            waiting += f"{piece}{comma}"
    return joined


class _Scores:
    """The scores of parts of texts, each part scored once."""

    def __init__(self, parts: dict[tuple[str, str | None], int], switches: frozenset[str]) -> None:
        self.place = parts
        found = _run.scored(
            [text for text, _ in parts], [language for _, language in parts], switches=switches
        )
        self.compound = found.compound
        self.known = found.n_known > 0

    def has_word(self, part: str, language: str | None) -> bool:
        return bool(self.known[self.place[part, language]])

    def mean(self, parts: Sequence[str], language: str | None) -> float:
        return float(np.mean([self.compound[self.place[part, language]] for part in parts]))


def _resolved(
    places: list[_Place],
    texts: Sequence[str | None],
    spoken: Sequence[str | None],
    switches: frozenset[str],
    listed: Aspects,
) -> dict[str, list[Any]]:
    """Choose for each text and aspect what is scored, and score it."""
    of_text: dict[int, list[_Place]] = {}
    for place in places:
        of_text.setdefault(place.row, []).append(place)
    wanted: dict[tuple[str, str | None], int] = {}
    for row, mine in of_text.items():
        for part in [*(part for place in mine for part in place.parts), texts[row] or ""]:
            wanted.setdefault((part, spoken[row]), len(wanted))
    scores = _Scores(wanted, switches)
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA}
    for row, mine in of_text.items():
        for aspect in sorted(set().union(*(place.aspects for place in mine))):
            parts, scope = _chosen(aspect, mine, texts[row] or "", spoken[row], scores)
            compound = scores.mean(parts, spoken[row])
            values = (row, listed.names[aspect], " … ".join(parts), compound, None, scope)
            for name, value in zip(SCHEMA, values, strict=True):
                columns[name].append(value)
    columns["label"] = _scored.labels(np.array(columns["compound"], dtype=np.float64)).tolist()
    return columns


def _chosen(
    aspect: int, mine: list[_Place], text: str, language: str | None, scores: _Scores
) -> tuple[list[str], str]:
    """Return the parts of a text that speak of an aspect, the smallest with a known word."""
    own = [place for place in mine if aspect in place.aspects]
    levels = []
    for place in own:
        # what another clause says of another aspect is no opinion on this one
        apart = any(
            other.number == place.number
            and other.parts[1] != place.parts[1]
            and other.aspects - {aspect}
            for other in mine
        )
        parts = place.parts[:2] if apart else place.parts
        known = (k for k, part in enumerate(parts) if scores.has_word(part, language))
        levels.append(next(known, _NO_WORD))
    best = min(levels)
    if best < _NO_WORD:
        limit = max(best, 1)  # between commas or between "but": both are clauses
        chosen = [
            place.parts[level] for place, level in zip(own, levels, strict=True) if level <= limit
        ]
        return list(dict.fromkeys(chosen)), "clause" if limit == 1 else "sentence"
    elsewhere = any(aspect not in place.aspects for place in mine)
    if not elsewhere and scores.has_word(text, language):
        return [text], "text"
    return list(dict.fromkeys(place.parts[0] for place in own)), "clause"
