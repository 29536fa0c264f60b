"""The fitted model of labels: probabilities, abstention, and the words behind them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crmlytics import _checks, _result
from crmlytics._columns import Floats
from crmlytics._model import Model
from crmlytics.errors import DataError
from crmlytics.sentiment import _features, _lists, _reasons, _run, _texts
from crmlytics.sentiment._features import Parts, Terms

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.stable.v2.typing import IntoDataFrameT

Embedder = Callable[[list[str]], Any]
_STRONGEST = 20


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SentimentModel(Model):
    """What :func:`fit_sentiment` returns.

    Attributes
    ----------
    classes : tuple of str
        The labels, in order.
    threshold : float
        Probability below which the model abstains; 0 without `target_precision`.
    expected_precision, expected_coverage : float
        Share of right answers among those given, and share of texts answered, on texts held out.
    n : int
        Texts of the fit.
    """

    text_name: str
    language: str
    classes: tuple[str, ...]
    kind: str
    words: NDArray[Any]
    word_weights: NDArray[np.float64]
    letters: NDArray[Any]
    letter_weights: NDArray[np.float64]
    coefficients: NDArray[np.float64]  # one row a class
    intercepts: NDArray[np.float64]
    temperature: float  # what logits are multiplied by, learnt on texts held out
    n_embedded: int  # columns of the caller's own, 0 where there are none
    threshold: float
    expected_precision: float
    expected_coverage: float
    n: int
    lists: str  # edition of the word lists of the fit

    def __repr__(self) -> str:
        return (
            f"SentimentModel(classes={self.classes!r}, language={self.language!r}, n={self.n:,}, "
            f"threshold={self.threshold:.3f})"
        )

    @property
    def terms(self) -> Terms:
        """The terms that the model reads."""
        return Terms(self.words, self.word_weights, self.letters, self.letter_weights)

    def summary(self) -> "pd.DataFrame":
        """Return the terms that speak most for each label.

        Returns
        -------
        pandas.DataFrame
            The strongest 20 of each label: ``label`` (str), ``term`` (str: a word, a pair of words,
            or a score of the lexicon in brackets), ``coefficient`` (float, on the logit).
        """
        import pandas as pd

        n_words, lexicon = len(self.words), len(_features.LEXICON)
        after = n_words + len(self.letters)
        names = [*self.words.tolist(), *(f"[{name}]" for name in _features.LEXICON)]
        columns = [*range(n_words), *range(after, after + lexicon)]
        rows = []
        for place, label in enumerate(self.classes):
            own = self.coefficients[place][columns]
            for k in np.argsort(-own, kind="stable")[:_STRONGEST]:
                rows.append((label, names[k], float(own[k])))
        made = pd.DataFrame(rows, columns=["label", "term", "coefficient"])
        return made.astype({"label": "str", "term": "str", "coefficient": float})

    def predict(
        self,
        feedback: "IntoDataFrameT",
        *,
        text_col: str | None = None,
        embed: Embedder | None = None,
    ) -> "IntoDataFrameT":
        """Say which label each text has, how probable that is, and abstain where it is unsure.

        Parameters
        ----------
        feedback : table
            One row a text.
        text_col : str, optional
            Column of texts; by default called as in the fit.
        embed : callable, optional
            The function of the fit, where there was one.

        Returns
        -------
        table
            `feedback` in its order with, added or replaced: ``label`` (of the type of the labels
            learnt; null where the model abstains), ``probability_<label>`` (float, for each label,
            0 to 1), ``abstained`` (bool). Null texts have null probabilities and abstain.

        Raises
        ------
        ColumnError
            If the column is missing or holds no text.
        DataError
            If the model was fitted with `embed` and none is given.

        Warns
        -----
        CrmlyticsWarning
            If the word lists have changed since the fit.
        """
        texts = _texts.read(feedback, "predict", text_col=text_col or self.text_name)
        probability = self.probabilities(texts.values, embed)
        best = probability.argmax(axis=1)
        sure = probability[np.arange(len(best)), best] >= self.threshold
        sure &= ~np.isnan(probability).any(axis=1)
        columns: dict[str, Any] = {"label": self.labels(np.where(sure, best, -1))}
        for place, name in enumerate(self.classes):
            columns[f"probability_{name}"] = _result.column(probability[:, place])
        columns["abstained"] = pa.array(~sure)
        answer: IntoDataFrameT = _result.extended(texts.source, columns)
        return answer

    def explain(
        self,
        feedback: "IntoDataFrameT",
        *,
        text_col: str | None = None,
        embed: Embedder | None = None,
    ) -> "IntoDataFrameT":
        """Say which words speak for the label that each text was given, and which against it.

        Parameters
        ----------
        feedback : table
            One row a text.
        text_col : str, optional
            Column of texts; by default called as in the fit.
        embed : callable, optional
            The function of the fit, where there was one.

        Returns
        -------
        table
            Rows of each text in its order, the strongest first: ``row`` (int, place of the text,
            from 0), ``label`` (str, most probable), ``word`` (str; in brackets what is no word:
            the scores of the lexicon, the caller's own columns, what holds of all texts),
            ``effect`` (float, on the logit of the label against the mean of all labels; above 0
            speaks for it). The effects of a text add up to that logit.

        Raises
        ------
        ColumnError
            If the column is missing or holds no text.
        DataError
            If the model was fitted with `embed` and none is given.

        Warns
        -----
        CrmlyticsWarning
            If the word lists have changed since the fit.
        """
        texts = _texts.read(feedback, "explain", text_col=text_col or self.text_name)
        rows, labels, words, effects = [], [], [], []
        for row, label, found in self._reasons(texts.values, embed):
            for word, effect in found:
                rows.append(row)
                labels.append(label)
                words.append(word)
                effects.append(effect)
        columns = {
            "row": pa.array(rows, pa.int64()),
            "label": pa.array(labels, pa.string()),
            "word": pa.array(words, pa.string()),
            "effect": pa.array(effects, pa.float64()),
        }
        answer: IntoDataFrameT = _result.assemble(columns, texts.source)
        return answer

    def _reasons(
        self, texts: list[str | None], embed: Embedder | None
    ) -> Iterator[tuple[int, str, list[tuple[str, float]]]]:
        """Yield the place of each text, its most probable label, and what speaks for that."""
        rows, given = _there(texts)
        if not given:
            return
        parts = self.parts(given, embed, "explain")
        reasons = _reasons.Reasons(self)
        best = self._logits(parts).argmax(axis=1).tolist()
        for place, (row, label) in enumerate(zip(rows, best, strict=True)):
            yield row, self.classes[label], reasons.of(parts, place, label)

    def probabilities(
        self, texts: list[str | None], embed: Embedder | None, caller: str = "predict"
    ) -> Floats:
        """Return the probability of each label (column) for each text (row); NaN without text."""
        made = np.full((len(texts), len(self.classes)), np.nan)
        rows, given = _there(texts)
        if given:
            made[rows] = softmax(self.temperature * self.logits(given, embed, caller))
        return made

    def logits(self, texts: list[str], embed: Embedder | None, caller: str = "predict") -> Floats:
        """Return the logit of each label for each text, before the temperature."""
        return self._logits(self.parts(texts, embed, caller))

    def _logits(self, parts: Parts) -> Floats:
        features = _features.matrix(parts.clean, self.terms, parts.lexicon, parts.more)
        return np.asarray(features @ self.coefficients.T + self.intercepts)

    def parts(self, texts: list[str], embed: Embedder | None, caller: str) -> Parts:
        """Return what the model reads of texts."""
        if self.lists != _lists.edition():
            _checks.warn(
                f"{caller}: the word lists have changed since the model was fitted, and its "
                "probabilities with them. Fit it again."
            )
        more = None
        if self.n_embedded:
            if embed is None:
                raise DataError(
                    f"{caller}: the model was fitted with embed, and a function cannot be kept in "
                    "a file. Pass embed=, the one of the fit."
                )
            more = embedding(embed, texts, caller, self.n_embedded)
        lexicon = _features.lexicon_scores(texts, _run.spoken(texts, self.language))
        return Parts(_features.clean(texts), lexicon, more)

    def labels(self, place: Any) -> Any:
        """Return labels in the type in which they came; null for -1."""
        names: list[Any] = list(self.classes)
        if self.kind == "number":
            whole = all(name.removeprefix("-").isdigit() for name in names)
            names = [int(name) if whole else float(name) for name in names]
        elif self.kind == "flag":
            names = [name == "True" for name in names]
        return pa.array(names).take(pa.array(place, mask=np.asarray(place) < 0))


def _there(texts: list[str | None]) -> tuple[list[int], list[str]]:
    """Return the texts that are not null, and their places."""
    rows = [row for row, text in enumerate(texts) if text is not None]
    return rows, [text for text in texts if text is not None]


def softmax(logits: Floats) -> Floats:
    """Return probabilities."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def embedding(embed: Embedder, texts: list[str], caller: str, size: int | None = None) -> Floats:
    """Call the caller's function, and check what it returns."""
    returned = embed(list(texts))  # what goes wrong in there is the caller's to see
    try:
        made = np.asarray(returned, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{caller}: embed returned {_checks.shown(returned)}, no array of numbers. It must "
            "return one row of numbers a text."
        ) from error
    fits = made.ndim == 2 and made.shape[0] == len(texts) and made.shape[1] > 0
    fits = fits and bool(np.isfinite(made).all())
    if not fits or (size is not None and made.shape[1] != size):
        wanted = f"{len(texts)} rows" + ("" if size is None else f" of {size} numbers")
        raise DataError(
            f"{caller}: embed returned an array of shape {made.shape}, not {wanted} of finite "
            "numbers. It must return one row a text."
        )
    return made
