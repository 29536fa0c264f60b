"""The fitted model of topics: what they are made of, and which one a text is about."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crmlytics import _result
from crmlytics._columns import Floats, Ints
from crmlytics._model import Model
from crmlytics.sentiment import _terms, _texts
from crmlytics.sentiment._terms import Counts

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.stable.v2.typing import IntoDataFrameT

_NAMED, _SHOWN = 3, 10  # terms in the name of a topic, and beside it
_SWEEPS = 200


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TopicModel(Model):
    """What :func:`fit_topics` returns: topics as weights of terms.

    Attributes
    ----------
    n_topics : int
        Number of topics.
    terms, idf : array
        The terms known, and the weight of each for being rare.
    topics : array
        One row a topic, one column a term; rows add up to 1.
    n, stability : array
        Texts of each topic in the fit, and how alike it is in refits (NaN where not measured).
    """

    text_name: str
    language: str
    n_topics: int
    min_count: int
    terms: NDArray[Any]
    idf: Floats
    topics: Floats
    n: Ints
    stability: Floats

    def __repr__(self) -> str:
        return (
            f"TopicModel(n_topics={self.n_topics}, n_texts={int(self.n.sum()):,}, "
            f"n_terms={len(self.terms):,})"
        )

    def summary(self) -> "pd.DataFrame":
        """Return the topics, the one of most texts first.

        Returns
        -------
        pandas.DataFrame
            One row a topic: ``topic`` (int, from 1), ``name`` (str, its first terms), ``terms``
            (str, its ten first terms, separated by `` | ``), ``n`` (int, texts of the fit that it
            is the main topic of), ``share`` (float, of those with a topic), ``stability`` (float,
            0 to 1; null where not measured).
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "topic": np.arange(1, self.n_topics + 1),
                "name": pd.Series(self.names(), dtype="str"),
                "terms": pd.Series([" | ".join(each) for each in self._leading()], dtype="str"),
                "n": self.n,
                "share": self.n / max(int(self.n.sum()), 1),
                "stability": self.stability,
            }
        )

    def names(self) -> list[str]:
        """Return the name of each topic: its first terms, those within another left out."""
        names = []
        for leading in self._leading():
            chosen: list[str] = []
            for term in leading:
                said = {word for each in chosen for word in each.split()}
                if len(chosen) < _NAMED and not said.issuperset(term.split()):
                    chosen.append(term)
            names.append(", ".join(chosen))
        return names

    def _leading(self) -> list[list[str]]:
        order = np.argsort(-self.topics, axis=1, kind="stable")[:, :_SHOWN]
        return [
            [str(self.terms[place]) for place in places if row[place] > 0]
            for row, places in zip(self.topics, order, strict=True)
        ]

    def predict(
        self, feedback: "IntoDataFrameT", *, text_col: str | None = None
    ) -> "IntoDataFrameT":
        """Say which topic each text is about.

        Parameters
        ----------
        feedback : table
            One row a text.
        text_col : str, optional
            Column of texts; by default called as in the table of the fit.

        Returns
        -------
        table
            `feedback` in its order with, added or replaced: ``topic`` (int, from 1, as in
            `summary`), ``topic_name`` (str), ``topic_weight`` (float, share of the main topic in
            the weights of all, 0 to 1). Null where a text has no term that the model knows.

        Raises
        ------
        ColumnError
            If the column is missing or of a wrong type.
        """
        column = self.text_name if text_col is None else text_col
        texts = _texts.read(feedback, "predict", text_col=column)
        spoken = _terms.languages(texts.values, self.language, "predict")
        words = _terms.content(_terms.words(texts.values, spoken), spoken)
        counts = _terms.counted_among(words, self.terms.tolist())
        weights = weights_of(tfidf(counts, self.idf), self.topics)
        total = weights.sum(axis=1)
        known = total > 0
        topic = weights.argmax(axis=1)
        share = weights.max(axis=1) / np.where(known, total, 1.0)
        names = pa.array(self.names(), pa.string())
        places = pa.array(topic, mask=~known)
        columns = {
            "topic": _result.column(topic + 1, known),
            "topic_name": names.take(places),
            "topic_weight": _result.column(share, known),
        }
        answer: IntoDataFrameT = _result.extended(texts.source, columns)
        return answer


def tfidf(counts: Counts, idf: Floats) -> Any:
    """Return texts (rows) as weights of terms, each row of length 1."""
    from scipy.sparse import csr_matrix

    values = counts.count * idf[counts.term]
    length = np.sqrt(np.bincount(counts.text, values * values, counts.n_texts))
    shape = (counts.n_texts, len(counts.terms))
    return csr_matrix((values / length[counts.text], (counts.text, counts.term)), shape=shape)


def weights_of(matrix: Any, topics: Floats) -> Floats:
    """Return how much of each topic (columns) is in each text (rows), none below 0.

    Least squares by coordinate descent, with the same number of sweeps for each text, so that the
    answer for one does not depend on the others.
    """
    inner = topics @ topics.T
    outer = np.ascontiguousarray((matrix @ topics.T).T)  # topics in rows, texts in columns
    weights = np.zeros_like(outer)
    for _ in range(_SWEEPS):
        for k in range(len(topics)):
            if inner[k, k] > 0:
                step = (outer[k] - inner[k] @ weights) / inner[k, k]
                np.maximum(weights[k] + step, 0.0, out=weights[k])
    # what is left of a topic that a text has nothing of is noise of the last digits
    return np.where(weights > 1e-9 * weights.max(axis=0, initial=0.0), weights, 0.0).T
