"""Models learnt from labels."""

from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _checks, _threads
from crmlytics._columns import Floats, Ints
from crmlytics.errors import FitError, OptionError
from crmlytics.sentiment import _features, _labelled, _lists
from crmlytics.sentiment._labelled import Labelled
from crmlytics.sentiment._sentiment_model import Embedder, SentimentModel, embedding, softmax

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame

_FOLDS = 5
_C = 3.0  # of the logistic regression; 1 to 10 make no difference on the sets measured
_ROUNDS = 400
_SPREAD = (0.02, 5.0)  # what the temperature is sought between
_LAST_SEED = 2**32 - 1


def fit_sentiment(
    feedback: "IntoDataFrame",
    *,
    label_col: str,
    text_col: str = "text",
    language: str = "auto",
    target_precision: float | None = None,
    embed: Embedder | None = None,
    random_state: int = 0,
) -> SentimentModel:
    """Learn labels from texts: sentiment, stars, intents, any few classes.

    Words and pairs of words, letters within words and the scores of the lexicons enter a logistic
    regression. Probabilities are calibrated on texts held out, and the model can abstain.

    Parameters
    ----------
    feedback : table
        One row a text. Rows without text or label are left out, with a warning.
    label_col : str
        Column of labels: text, numbers or True and False, two different ones or more.
    text_col : str, default "text"
        Column of texts.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts, for the scores of the lexicons.
    target_precision : float, optional
        Share of the answers that shall be right, 0 to 1: the model abstains where it is less sure
        than that needs. By default it always answers.
    embed : callable, optional
        A function of your own from a list of texts to an array with one row a text; its columns
        join the features. It is called again at predict, and not kept in files.
    random_state : int, default 0
        Seed of the folds.

    Returns
    -------
    SentimentModel
        With ``predict``, ``explain``, ``summary`` and ``save``.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If labels are infinite, or `embed` returns no array of one row a text.
    FitError
        If no threshold reaches `target_precision` on texts held out.
    NotEnoughDataError
        If there are fewer than two labels, or fewer than two texts of one.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If rows without text or label are left out.

    See Also
    --------
    evaluate_sentiment : is it better than the lexicon, and than the commonest label?
    score_sentiment : needs no labels.

    Notes
    -----
    TF-IDF of words 1 to 2 and of 3 to 5 letters within words, sublinear, terms of two texts or
    more (of one with fewer than 100 texts); logistic regression with C = 3. Logits are multiplied
    by one temperature, 0.02 to 5, that makes predictions of held-out fifths most probable. With
    `target_precision` the threshold is the lowest probability above which these predictions are
    right often enough. Rows are sorted by their content first: neither their order nor their ids
    change a digit.

    References
    ----------
    Wang and Manning (2012), Baselines and bigrams: simple, good sentiment and topic classification,
    ACL, p. 90.
    Guo et al. (2017), On calibration of modern neural networks, ICML, p. 1321 (temperature).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame(
    ...     {"text": ["works well", "works badly", "very well", "so badly"], "good": [1, 0, 1, 0]}
    ... )
    >>> model = crm.sentiment.fit_sentiment(feedback, label_col="good")
    >>> model.predict(pd.DataFrame({"text": ["badly made"]}))[["text", "label", "abstained"]]
             text  label  abstained
    0  badly made      0      False
    """
    caller = "fit_sentiment"
    wanted = None
    if target_precision is not None:
        wanted = _checks.number(
            target_precision, name="target_precision", caller=caller, low=0.0, high=1.0
        )
    seed = seeded(random_state, caller)
    if embed is not None and not callable(embed):
        raise OptionError(
            f"{caller}: embed must be a function from texts to an array; got "
            f"{_checks.shown(embed)}. Pass the function itself."
        )
    given = _labelled.read(
        feedback, caller, label_col=label_col, text_col=text_col, language=language
    )
    return learnt(
        given, caller, text_name=text_col, language=language, wanted=wanted, embed=embed, seed=seed
    )


def seeded(value: Any, caller: str) -> int:
    """Return a seed that scikit-learn takes."""
    return _checks.whole(value, name="random_state", caller=caller, low=0, high=_LAST_SEED)


def learnt(
    given: Labelled,
    caller: str,
    *,
    text_name: str,
    language: str,
    wanted: float | None = None,
    embed: Embedder | None = None,
    seed: int = 0,
    calibrated: bool = True,
) -> SentimentModel:
    """Fit a model to texts that were read; where its labels alone are asked for, uncalibrated."""
    clean = _features.clean(given.texts)
    lexicon = _features.lexicon_scores(given.texts, given.languages)
    more = None if embed is None else embedding(embed, given.texts, caller)
    terms = _features.learnt(clean)
    middle, scale = _scales(more)
    even = None if more is None else (more - middle) / scale
    features = _features.matrix(clean, terms, lexicon, even)
    temperature, threshold, precision, coverage = 1.0, 0.0, np.nan, 1.0
    if calibrated:
        held_out = _held_out(features, given.label, len(given.classes), seed)
        temperature = _temperature(held_out, given.label)
        probability = softmax(temperature * held_out)
        threshold, precision, coverage = _threshold(probability, given.label, wanted, caller)
    coefficients, intercepts = _regression(features, given.label, len(given.classes))
    if more is not None:  # the model reads the caller's columns as they come
        coefficients[:, -more.shape[1] :] /= scale
        intercepts = intercepts - coefficients[:, -more.shape[1] :] @ middle
    return SentimentModel(
        text_name=text_name,
        language=language,
        classes=given.classes,
        kind=given.kind,
        words=terms.words,
        word_weights=terms.word_weights,
        letters=terms.letters,
        letter_weights=terms.letter_weights,
        coefficients=coefficients,
        intercepts=intercepts,
        temperature=temperature,
        n_embedded=0 if more is None else more.shape[1],
        threshold=threshold,
        expected_precision=precision,
        expected_coverage=coverage,
        n=given.size,
        lists=_lists.edition(),
    )


def _scales(more: Floats | None) -> tuple[Floats, Floats]:
    """Return mean and spread of the caller's columns, which may be of any size."""
    if more is None:
        return np.zeros(0), np.ones(0)
    spread = more.std(axis=0)
    return more.mean(axis=0), np.where(spread > 0, spread, 1.0)


def _regression(features: Any, label: Ints, n_classes: int) -> tuple[Floats, Floats]:
    """Return one row of coefficients a label; of two labels the second mirrors the first."""
    from sklearn.linear_model import LogisticRegression

    # sums of short vectors: two threads take ten times the time of the processors
    with _threads.one_thread("blas"):
        made = LogisticRegression(C=_C, max_iter=_ROUNDS).fit(features, label)
    weights, intercepts = made.coef_, made.intercept_
    if n_classes == 2:
        weights = np.vstack([-weights[0], weights[0]]) / 2
        intercepts = np.array([-intercepts[0], intercepts[0]]) / 2
    return np.asarray(weights, dtype=np.float64), np.asarray(intercepts, dtype=np.float64)


def _held_out(features: Any, label: Ints, n_classes: int, seed: int) -> Floats:
    """Return the logits of each text by a model that has not seen it."""
    from sklearn.model_selection import StratifiedKFold

    folds = min(_FOLDS, int(np.bincount(label).min()))
    made = np.zeros((len(label), n_classes))
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for seen, unseen in split.split(np.zeros(len(label)), label):
        weights, intercepts = _regression(features[seen], label[seen], n_classes)
        made[unseen] = features[unseen] @ weights.T + intercepts
    return made


def _temperature(logits: Floats, label: Ints) -> float:
    """Return what makes the labels most probable, within reason."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(label))

    def loss(log_temperature: float) -> float:
        scaled = np.exp(log_temperature) * logits
        top = scaled.max(axis=1)
        sums = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((sums - scaled[rows, label]).mean())

    low, high = np.log(_SPREAD)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded")
    return float(np.exp(found.x))


def _threshold(
    probability: Floats, label: Ints, wanted: float | None, caller: str
) -> tuple[float, float, float]:
    """Return the lowest threshold that is precise enough, with its precision and coverage."""
    best = probability.argmax(axis=1)
    sure, right = probability.max(axis=1), best == label
    if wanted is None:
        return 0.0, float(right.mean()), 1.0
    order = np.argsort(-sure, kind="stable")
    last = np.append(np.diff(sure[order]) != 0, True)  # equal ones are answered together
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    fits = np.flatnonzero(last & (precision >= wanted))
    if not len(fits):
        raise FitError(
            f"{caller}: no threshold reaches target_precision={wanted:g} on texts held out; the "
            f"best is {precision[last].max():.3f}. Lower it, or add labels."
        )
    place = int(fits[-1])
    share = float((place + 1) / len(order))
    return float(sure[order][place]), float(precision[place]), share
