"""Models against labels, beside the lexicon and the commonest label."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _intervals, _result
from crmlytics._columns import Floats, Ints
from crmlytics.errors import NotEnoughDataError, OptionError
from crmlytics.sentiment import _fit, _labelled, _run, _scored
from crmlytics.sentiment._labelled import Labelled
from crmlytics.sentiment._sentiment_model import Embedder, SentimentModel, embedding

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

MODELS = ("majority", "lexicon", "trained")
SCHEMA = {
    "model": "text", "n": "int", "accuracy": "float", "lower": "float", "upper": "float",
    "macro_f1": "float", "macro_f1_lower": "float", "macro_f1_upper": "float",
    "coverage": "float", "accuracy_covered": "float",
}  # fmt: skip
_RESAMPLES = 1_000
_FEELINGS = ("negative", "neutral", "positive")


def evaluate_sentiment(
    feedback: "IntoDataFrameT",
    *,
    label_col: str,
    models: Sequence[str] | Mapping[str, Any] = MODELS,
    text_col: str = "text",
    language: str = "auto",
    n_folds: int = 5,
    embed: Embedder | None = None,
    confidence: float = 0.95,
    random_state: int = 0,
) -> "IntoDataFrameT":
    """Measure models against labels, beside the lexicon and the commonest label.

    Parameters
    ----------
    feedback : table
        One row a text. Rows without text or label are left out, with a warning.
    label_col : str
        Column of labels, two different ones or more.
    models : list of str or mapping, default ("majority", "lexicon", "trained")
        "majority": always the commonest label. "lexicon": ``score_sentiment(flavour="improved")``.
        "trained": :func:`fit_sentiment`, fitted to the other folds. A mapping from names to these
        words or to fitted models, which are applied as they are: `feedback` must then be texts
        they have not seen.
    text_col : str, default "text"
        Column of texts.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts.
    n_folds : int, default 5
        Folds of the comparison, 2 or more; every model answers for texts held out.
    embed : callable, optional
        As for :func:`fit_sentiment`: columns that join the features of "trained", and those that a
        fitted model was fitted with.
    confidence : float, default 0.95
        Level of the intervals.
    random_state : int, default 0
        Seed of folds and resamples.

    Returns
    -------
    table
        One row a model, in the order of `models`: ``model`` (str), ``n`` (int, texts),
        ``accuracy`` (float, right answers over all texts; no answer is not right), ``lower``,
        ``upper`` (float, its Wilson interval), ``macro_f1`` (float, mean over labels of the
        harmonic mean of precision and recall) with ``macro_f1_lower``, ``macro_f1_upper`` (float,
        bootstrap over texts), ``coverage`` (float, share of texts answered),
        ``accuracy_covered`` (float, right answers over those answered; null where there is none).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If labels are infinite, `embed` returns no array of one row a text, or is missing for a
        model that was fitted with it.
    NotEnoughDataError
        If there are fewer than two labels, or fewer texts of one than folds.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If rows without text or label are left out.

    See Also
    --------
    fit_sentiment : the model.

    Notes
    -----
    Where labels are "negative", "neutral" and "positive", or two of them, in capitals or not, the
    lexicon's own labels are taken; other labels, such as stars, by the label most frequent in the
    other folds among texts of the same feeling. A text without a known word is neutral where that
    is one of the labels, as in :func:`score_sentiment`; elsewhere it has no answer, and neither has
    one that the lexicon calls neutral where labels are "negative" and "positive". A text in an
    unknown language has none.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> texts = ["good", "very good", "great", "nice", "bad", "awful", "poor", "so bad"]
    >>> feedback = pd.DataFrame({"text": texts, "mood": ["positive"] * 4 + ["negative"] * 4})
    >>> found = crm.sentiment.evaluate_sentiment(
    ...     feedback, label_col="mood", models=["majority", "lexicon"], n_folds=2
    ... )
    >>> found[["model", "n", "accuracy", "macro_f1", "coverage"]].round(2)
          model  n  accuracy  macro_f1  coverage
    0  majority  8       0.5      0.33       1.0
    1   lexicon  8       1.0      1.00       1.0
    """
    caller = "evaluate_sentiment"
    asked = _asked(models, caller)
    folds = _checks.whole(n_folds, name="n_folds", caller=caller, low=2)
    level = _checks.confidence(confidence, caller)
    seed = _fit.seeded(random_state, caller)
    given = _labelled.read(
        feedback, caller, label_col=label_col, text_col=text_col, language=language, least=1
    )
    known = None if embed is None else _once(embed, given.texts, caller)
    rows = []
    for name, model in asked.items():
        if isinstance(model, SentimentModel):
            answer = _of_fitted(given, model, known, caller)
        else:
            answer = _answers(given, model, folds, seed, known, caller)
        rows.append({"model": name, **_measured(given, answer, level, seed)})
    columns = {
        name: pa.array([row[name] for row in rows], pa.string())
        if kind == "text"
        else _result.column(np.array([row[name] for row in rows]))
        for name, kind in SCHEMA.items()
    }
    made: IntoDataFrameT = _result.native(given.source.source, pa.table(columns), SCHEMA)
    return made


def _asked(models: Any, caller: str) -> dict[str, Any]:
    """Return the models by their names."""
    named = models
    sound = bool(models) if isinstance(models, Mapping) else isinstance(models, Iterable)
    if sound and not isinstance(models, Mapping):
        listed = [models] if isinstance(models, str) else list(models)
        named = {word: word for word in listed if isinstance(word, str)}
        sound = len(named) == len(listed) > 0
    if not sound or not all(isinstance(name, str) for name in named):
        raise OptionError(
            f"{caller}: models must name different models, or map names to them; got "
            f"{_checks.shown(models)}. Fitted ones need a name: {{'mine': model}}."
        )
    for model in named.values():
        if not isinstance(model, SentimentModel):
            _checks.choice(model, MODELS, name="models", caller=caller)
    return dict(named)


def _once(embed: Embedder, texts: list[str], caller: str) -> Embedder:
    """Return a function that knows these texts, so that the caller's is called once."""
    place = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    made = embedding(embed, list(place), caller)
    return lambda some: made[[place[text] for text in some]]


def _answers(
    given: Labelled, model: str, folds: int, seed: int, embed: Embedder | None, caller: str
) -> Ints:
    """Return the label that texts get from what the other folds teach, -1 for none."""
    from sklearn.model_selection import StratifiedKFold

    fewest = int(np.bincount(given.label).min())
    if fewest < folds:
        raise NotEnoughDataError(
            f"{caller}: needs at least {folds} texts of each label for {folds} folds; one has "
            f"{fewest}. Add labels, or lower n_folds."
        )
    feeling = _feelings(given) if model == "lexicon" else None
    answer = np.full(given.size, -1, dtype=np.int64)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for seen, unseen in split.split(np.zeros(given.size), given.label):
        if feeling is not None:
            answer[unseen] = _mapped(given, feeling, seen)[feeling[unseen]]
        elif model == "majority":
            answer[unseen] = int(np.bincount(given.label[seen]).argmax())
        else:
            fitted = _fit.learnt(
                given.part(seen), caller, text_name="text", language=given.language, embed=embed,
                calibrated=False,
            )  # fmt: skip
            rest = [given.texts[row] for row in unseen]
            answer[unseen] = fitted.logits(rest, embed, caller).argmax(axis=1)
    return answer


def _of_fitted(given: Labelled, model: SentimentModel, embed: Embedder | None, caller: str) -> Ints:
    """Return the label that a fitted model gives each text, -1 where it abstains."""
    unknown = [name for name in given.classes if name not in model.classes]
    if unknown:
        raise OptionError(
            f"{caller}: a model of models has not learnt the labels {unknown[:5]}. It knows "
            f"{list(model.classes)}; use the same labels."
        )
    every: list[str | None] = list(given.texts)
    probability = model.probabilities(every, embed, caller)
    best = probability.argmax(axis=1)
    place = [
        given.classes.index(name) if name in given.classes else len(given.classes)
        for name in model.classes
    ]
    sure = probability.max(axis=1) >= model.threshold
    return np.where(sure, np.array(place)[best], -1)


def _named(given: Labelled) -> dict[str, int]:
    """Return the place of each feeling among the labels; nothing if one of them names none."""
    names = [name.strip().lower() for name in given.classes]
    if set(names) <= set(_FEELINGS) and len(set(names)) == len(names):
        return {name: place for place, name in enumerate(names)}
    return {}


def _feelings(given: Labelled) -> Ints:
    """Return the lexicon's label of each text as a place in `_FEELINGS`; 3 where it has none."""
    found = _run.scored(list(given.texts), given.languages)
    # no known word is a neutral text where there is such a label, and no answer where there is none
    known = (found.n_known > 0) | ("neutral" in _named(given))
    return np.array(
        [
            _FEELINGS.index(name) if name and there else 3
            for name, there in zip(_scored.labels(found.compound), known, strict=True)
        ],
        dtype=np.int64,
    )


def _mapped(given: Labelled, feeling: Ints, seen: Ints) -> Ints:
    """Return the label that each feeling stands for, -1 for none."""
    made = np.full(4, -1, dtype=np.int64)
    own = _named(given)
    for place, name in enumerate(_FEELINGS):
        labels = given.label[seen][feeling[seen] == place]
        if own:
            made[place] = own.get(name, -1)
        elif len(labels):
            made[place] = int(np.bincount(labels).argmax())
    return made


def _measured(given: Labelled, answer: Ints, level: float, seed: int) -> dict[str, Any]:
    """Return one row of the answer."""
    n_classes, n = len(given.classes), given.size
    columns = n_classes + 2  # one for labels that are not here, one for no answer
    place = np.where(answer < 0, columns - 1, answer)
    cells = np.bincount(given.label * columns + place, minlength=n_classes * columns)
    right, answered = int((answer == given.label).sum()), int((answer >= 0).sum())
    lower, upper = _intervals.wilson(right, n, level)
    # which text is drawn does not matter, only its cell: so no order of rows can
    drawn = np.random.default_rng(seed).multinomial(n, cells / n, size=_RESAMPLES)
    tail = (1 - level) / 2
    bounds = np.quantile(_macro_f1(drawn, n_classes), [tail, 1 - tail])
    return {
        "n": n, "accuracy": right / n, "lower": float(lower), "upper": float(upper),
        "macro_f1": float(_macro_f1(cells[None, :], n_classes)[0]),
        "macro_f1_lower": float(bounds[0]), "macro_f1_upper": float(bounds[1]),
        "coverage": answered / n, "accuracy_covered": right / answered if answered else np.nan,
    }  # fmt: skip


def _macro_f1(cells: Any, n_classes: int) -> Floats:
    """Return the mean over labels of 2 right / (labelled + answered)."""
    table = cells.reshape(len(cells), n_classes, -1)
    right = np.einsum("kii->ki", table[:, :, :n_classes])
    both = table.sum(axis=2) + table[:, :, :n_classes].sum(axis=1)
    return np.asarray((2 * right / np.maximum(both, 1)).mean(axis=1))
