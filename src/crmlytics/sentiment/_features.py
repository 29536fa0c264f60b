"""Texts as numbers for models: words and pairs, letters within words, and what lexicons say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmlytics._columns import Floats
from crmlytics.sentiment import _normalise, _run

LEXICON = ("compound", "positive", "neutral", "negative", "coverage")
_WORDS: dict[str, Any] = {
    "ngram_range": (1, 2), "token_pattern": r"\b\w+\b", "sublinear_tf": True,
}  # fmt: skip
_LETTERS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 5), "sublinear_tf": True}
_FEW = 100  # texts below which a term of one text counts


@dataclass(frozen=True)
class Terms:
    """The terms of a fit, in the order of their columns, with their inverse frequencies."""

    words: NDArray[Any]
    word_weights: Floats
    letters: NDArray[Any]
    letter_weights: Floats

    @property
    def size(self) -> int:
        """Columns of terms."""
        return len(self.words) + len(self.letters)


@dataclass(frozen=True)
class Parts:
    """What a model reads of texts, one row a text."""

    clean: list[str]
    lexicon: Floats
    more: Floats | None  # the caller's own columns


def learnt(texts: list[str]) -> Terms:
    """Choose the terms of clean texts."""
    least = 2 if len(texts) >= _FEW else 1
    parts: list[Any] = []
    for options in (_WORDS, _LETTERS):
        parts += _chosen(texts, options, least)
    return Terms(*parts)


def _chosen(texts: list[str], options: dict[str, Any], least: int) -> tuple[NDArray[Any], Floats]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    made = TfidfVectorizer(min_df=least, **options)
    try:
        made.fit(texts)
    except ValueError:  # no text has a word, or no word is in two of them
        return np.zeros(0, dtype="U1"), np.zeros(0)
    return np.asarray(made.get_feature_names_out(), dtype=str), np.asarray(made.idf_)


def vectorisers(terms: Terms) -> list[Any]:
    """Return what turns clean texts into columns of the terms."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = []
    for names, weights, options in (
        (terms.words, terms.word_weights, _WORDS),
        (terms.letters, terms.letter_weights, _LETTERS),
    ):
        if len(names):
            places = {name: place for place, name in enumerate(names.tolist())}
            made = TfidfVectorizer(vocabulary=places, **options)
            made.idf_ = weights
            found.append(made)
    return found


def matrix(texts: list[str], terms: Terms, lexicon: Floats, more: Floats | None = None) -> Any:
    """Return one row a clean text: terms, scores of the lexicons, and columns of the caller's."""
    from scipy.sparse import csr_matrix, hstack

    parts = [made.transform(texts) for made in vectorisers(terms)]
    parts += [csr_matrix(part) for part in (lexicon, more) if part is not None]
    return csr_matrix(hstack(parts))


def lexicon_scores(texts: Sequence[str], languages: Sequence[str | None]) -> Floats:
    """Return what the lexicons say of texts; 0 where they know nothing."""
    found = _run.scored(list(texts), list(languages))
    columns = [getattr(found, name) for name in LEXICON[:-1]]
    columns.append(np.minimum(found.n_known / np.maximum(found.n_words, 1), 1.0))
    return np.nan_to_num(np.column_stack(columns).astype(np.float64))


def clean(texts: Sequence[str]) -> list[str]:
    """Return texts as models read them; arrays of text cannot keep a null byte at the end."""
    return [text.lower().replace("\0", " ") for text in _normalise.normalised(list(texts))]
