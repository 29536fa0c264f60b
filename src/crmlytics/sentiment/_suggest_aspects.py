"""Candidates for aspects: frequent words that stand where nouns stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _result
from crmlytics._columns import Bools, Ints
from crmlytics.sentiment import _forms, _language, _run, _terms, _texts

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

SCHEMA = {"aspect": "text", "language": "text", "terms": "text", "n": "int"}
_LEAST = 0.25  # share of the uses of a word that must look like those of a noun
_SHORTEST = 3
_LITTLE = "הובכלשמ"  # Hebrew writes these words as part of the next one
# What stands before a noun.
_BEFORE = {
    "en": frozenset((
        "the", "a", "an", "this", "that", "these", "those", "my", "your", "our", "their", "his",
        "her", "its", "any", "some", "every", "each", "no", "of", "with",
    )),
    "fa": frozenset((
        "این", "آن", "از", "با", "به", "در", "برای", "هر", "هیچ", "بدون", "چند", "یک", "همین",
        "همان", "بابت", "درباره",
    )),
    "he": frozenset((
        "את", "של", "עם", "על", "זה", "הזה", "שום", "כל", "בלי", "ללא", "לגבי", "בגלל", "מבחינת",
        "איזה", "איזו",
    )),
}  # fmt: skip


def suggest_aspects(
    feedback: "IntoDataFrameT",
    *,
    text_col: str = "text",
    language: str = "auto",
    min_count: int = 15,
    top: int = 60,
) -> "IntoDataFrameT":
    """Suggest what customers speak of, as a table to be edited and handed to `score_aspects`.

    Parameters
    ----------
    feedback : table
        One row a text.
    text_col : str, default "text"
        Column of texts; null where nothing was written.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts; "auto" tells it text by text.
    min_count : int, default 15
        Fewest texts that must use a word.
    top : int, default 60
        Most candidates of each language, the most used first.

    Returns
    -------
    table
        One row a candidate, sorted by language and, falling, by `n`: ``aspect`` (str, the plain
        form of the word), ``language`` (str), ``terms`` (str, that form and those in which
        texts have it, separated by ``|``), ``n`` (int, texts that use one of them). No row
        where no word is frequent enough.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    common_aspects : a ready table.
    score_aspects : scores what texts say on each aspect.
    key_terms : words that set groups of texts apart.

    Notes
    -----
    A candidate is at least three letters long, no stop word and no word with a sentiment of its
    own. At least a quarter of its uses look like those of a noun. In English: after a determiner,
    of, with or no, or after a word with a sentiment. In Persian and Hebrew, where adjectives
    follow: after a preposition or demonstrative, with the endings or the article of nouns, or one
    or two words before a word with a sentiment. About six of ten candidates are aspects to the
    point: drop the others, and join those that mean the same by giving them one name.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> texts = ["The room was clean", "Nice room", "Our rooms were cold"]
    >>> feedback = pd.DataFrame({"text": texts})
    >>> crm.sentiment.suggest_aspects(feedback, min_count=3)
      aspect language         terms  n
    0   room       en  room | rooms  3
    """
    caller = "suggest_aspects"
    least = _checks.whole(min_count, name="min_count", caller=caller, low=1)
    most = _checks.whole(top, name="top", caller=caller, low=1)
    texts = _texts.read(feedback, caller, text_col=text_col)
    spoken = _terms.languages(texts.values, language, caller)
    words = _terms.words(texts.values, spoken)
    rows: list[tuple[str, str, str, int]] = []
    for each in _language.LANGUAGES:
        mine = [found for found, own in zip(words, spoken, strict=True) if own == each and found]
        found = _candidates(mine, each, least)
        rows += [(aspect, each, terms, n) for aspect, terms, n in found[:most]]
    columns = zip(*rows, strict=True) if rows else ([], [], [], [])
    kinds = (pa.string(), pa.string(), pa.string(), pa.int64())
    table = pa.table(
        {
            name: pa.array(list(values), kind)
            for name, values, kind in zip(SCHEMA, columns, kinds, strict=True)
        }
    )
    answer: IntoDataFrameT = _result.native(texts.source, table, SCHEMA)
    return answer


@dataclass(frozen=True)
class _Uses:
    """Every use of a word: its text, its place in `names`, and whether it looks like a noun."""

    names: list[str]
    text: Ints
    word: Ints
    noun: Bools


def _candidates(words: list[list[str]], language: str, least: int) -> list[tuple[str, str, int]]:
    """Return the candidates of one language: plain form, forms found, number of texts."""
    if not words:
        return []
    uses = _uses(words, language)
    root = _roots(uses.names, language)
    base = root[uses.word]
    nouns = np.bincount(base, uses.noun | _marked(uses, root, language), len(uses.names))
    total = np.bincount(base, minlength=len(uses.names))
    pairs = np.unique(base * len(words) + uses.text)
    n = np.bincount(pairs // len(words), minlength=len(uses.names))
    stop = _terms.stop_words(language)
    laden = _laden(uses.names, language)
    found = []
    for place in np.flatnonzero((n >= least) & (nouns >= _LEAST * total)).tolist():
        name = uses.names[place]
        mine = np.flatnonzero(root == place)
        forms = sorted(uses.names[each] for each in mine.tolist())
        terms = " | ".join(forms)
        plain = len(name) < _SHORTEST or name.isdigit() or laden[mine].any()
        if language == "he":
            forms += [form[1:] for form in forms if form[0] in _LITTLE]
        if not plain and stop.isdisjoint(forms):
            found.append((name, terms, int(n[place])))
    return sorted(found, key=lambda each: (-each[2], each[0]))


def _uses(words: list[list[str]], language: str) -> _Uses:
    places: dict[str, int] = {}
    seen = {word for each in words for word in each}
    for name in sorted(seen | (_bare(seen) if language == "he" else set())):
        places[name] = len(places)
    lengths = np.array([len(each) for each in words])
    text = np.repeat(np.arange(len(words)), lengths)
    word = np.array([places[name] for each in words for name in each], dtype=np.int64)
    names = list(places)
    before = np.array([name in _BEFORE[language] for name in names])
    laden = _laden(names, language)
    noun = _beside(before[word], text, 1)
    if language == "en":
        noun |= _beside(laden[word], text, 1)
    else:  # adjectives follow their noun, often with an adverb between
        noun |= _beside(laden[word], text, -1) | _beside(laden[word], text, -2)
    return _Uses(names, text, word, noun)


def _beside(marked: Bools, text: Ints, step: int) -> Bools:
    """Say for each use whether the use `step` places before it, in the same text, is marked."""
    beside = np.zeros(len(marked), dtype=bool)
    if len(marked) > abs(step):
        here, there = (slice(step, None), slice(None, -step))
        if step < 0:
            here, there = slice(None, step), slice(-step, None)
        beside[here] = marked[there] & (text[here] == text[there])
    return beside


def _laden(names: Sequence[str], language: str) -> Bools:
    """Mark the words that have a sentiment of their own."""
    laden: Bools = _run.scored(names, [language] * len(names)).n_known > 0
    return laden


def _bare(seen: set[str]) -> set[str]:
    """Return words that are only seen with little words before them, but in two forms or more."""
    shorter: dict[str, int] = {}
    for word in seen:
        if word[0] in _LITTLE and len(word) > _SHORTEST:
            base = word[1:]
            # few words begin with the letter of the article, but many with the other letters
            article = word[0] == "ה" and len(_forms.forms(base, "he") & seen) > 1
            shorter[base] = shorter.get(base, 0) + (2 if article else 1)
    return {word for word, n in shorter.items() if n > 1 and word not in seen}


def _roots(names: list[str], language: str) -> Ints:
    """Return for each word the place of the plain form that it is a form of, or its own place."""
    places = {name: place for place, name in enumerate(names)}
    root = np.arange(len(names))
    for name in sorted(names, key=lambda each: (len(each), each)):
        place = places[name]
        if len(name) < _SHORTEST or root[place] != place:
            continue
        for form in _forms.forms(name, language):
            other = places.get(form)
            if other is not None and root[other] == other and len(form) > len(name):
                root[other] = place
    return root


def _marked(uses: _Uses, root: Ints, language: str) -> Bools:
    """Mark uses in a form that nouns alone have: the article of Hebrew, the plural of Persian."""
    own = np.zeros(len(uses.names), dtype=bool)
    for place, (name, base) in enumerate(zip(uses.names, root.tolist(), strict=True)):
        plain = uses.names[base]
        if language == "he":
            own[place] = base != place and name.startswith(("ה", "ב", "ל", "מ", "וה", "שה"))
        elif language == "fa":
            own[place] = base != place and name.removeprefix(plain).strip("\u200c").startswith("ها")
    return own[uses.word]
