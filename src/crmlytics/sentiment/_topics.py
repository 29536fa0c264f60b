"""Topics of texts: factors of their words, and how far they can be trusted."""

from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _checks
from crmlytics._columns import Floats, Ints
from crmlytics.errors import NotEnoughDataError
from crmlytics.sentiment import _terms, _texts
from crmlytics.sentiment._topic_model import TopicModel, tfidf, weights_of

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame

_PART = 0.8  # share of the texts in each refit
_SHOWN = 10  # terms that stand for a topic
_SWEEPS = 200


def fit_topics(
    feedback: "IntoDataFrame",
    *,
    n_topics: int = 8,
    text_col: str = "text",
    language: str = "auto",
    min_count: int = 5,
    n_stability: int = 5,
    random_state: int = 0,
) -> TopicModel:
    """Find what texts speak of, without being told what to look for.

    Parameters
    ----------
    feedback : table
        One row a text.
    n_topics : int, default 8
        Number of topics; 2 or more.
    text_col : str, default "text"
        Column of texts; null where nothing was written.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts; "auto" tells it text by text.
    min_count : int, default 5
        Fewest texts that must use a term.
    n_stability : int, default 5
        Number of refits, each to four fifths of the texts, that measure the stability of the
        topics; 0 for none.
    random_state : int, default 0
        Seed of the refits.

    Returns
    -------
    TopicModel
        With `summary` (the topics: name, terms, number and share of texts, stability) and
        `predict` (the topic of each text); kept with `save`.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    NotEnoughDataError
        If fewer texts or terms than topics are there.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    suggest_aspects : candidates for aspects, which are scored.
    key_terms : words that set groups of texts apart.

    Notes
    -----
    Words and pairs of words, without stop words and numbers, weighted by term frequency times
    inverse document frequency, are factorised with no number below 0 (NMF, started from singular
    vectors, so that nothing is random). Topics are numbered by the number of texts. The stability
    of a topic is the mean, over the refits, of the Jaccard similarity of its ten first terms to
    those of the topic it is matched with: from about 0.5 a topic can be relied on; below 0.3
    another sample of texts would show another topic, and fewer topics should be tried.
    Fit one language at a time: otherwise the languages themselves are topics.

    References
    ----------
    Lee and Seung (1999), Learning the parts of objects by non-negative matrix factorization,
    Nature 401, 788-791.
    Boutsidis and Gallopoulos (2008), SVD based initialization, Pattern Recognition 41, 1350-1362.
    Greene, O'Callaghan and Cunningham (2014), How many topics? Stability analysis for topic
    models, ECML PKDD 2014, 498-513.

    Examples
    --------
    >>> import crmlytics as crm
    >>> feedback = crm.datasets.simulate_shop(n_customers=300).feedback
    >>> english = feedback[feedback["language"] == "en"]
    >>> model = crm.sentiment.fit_topics(english, n_topics=4, min_count=3)
    >>> list(model.summary().columns)
    ['topic', 'name', 'terms', 'n', 'share', 'stability']
    >>> list(model.predict(english).columns[-3:])
    ['topic', 'topic_name', 'topic_weight']
    """
    caller = "fit_topics"
    size = _checks.whole(n_topics, name="n_topics", caller=caller, low=2)
    least = _checks.whole(min_count, name="min_count", caller=caller, low=1)
    refits = _checks.whole(n_stability, name="n_stability", caller=caller, low=0)
    seed = _checks.whole(random_state, name="random_state", caller=caller, low=0)
    texts = _texts.read(feedback, caller, text_col=text_col)
    spoken = _terms.languages(texts.values, language, caller)
    words = _terms.content(_terms.words(texts.values, spoken), spoken)
    words = sorted(each for each in words if each)  # by content, so that their order is nothing
    counts = _terms.counted(words, least)
    used = len(np.unique(counts.text))
    for got, what in ((used, "texts with frequent words"), (len(counts.terms), "terms")):
        if got < size:
            raise NotEnoughDataError(
                f"{caller}: needs at least {size} {what} for n_topics={size}; got {got}. Ask for "
                f"fewer topics, or lower min_count (now {least})."
            )
    idf = np.log((1 + counts.n_texts) / (1 + np.bincount(counts.term))) + 1
    matrix = tfidf(counts, idf)
    matrix = matrix[np.diff(matrix.indptr) > 0]
    topics = _factors(matrix, size)
    stability = _stability(matrix, topics, refits, seed)
    weights = weights_of(matrix, topics)
    some = weights.sum(axis=1) > 0
    n = np.bincount(weights[some].argmax(axis=1), minlength=size)
    order = np.lexsort((np.arange(size), -n))
    return TopicModel(
        text_name=text_col,
        language=language,
        n_topics=size,
        min_count=least,
        terms=np.array(counts.terms),
        idf=idf,
        topics=topics[order],
        n=n[order],
        stability=stability[order],
    )


def _factors(matrix: Any, size: int) -> Floats:
    """Return the topics (rows) as weights of the terms (columns) that add up to 1."""
    import warnings

    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    model = NMF(size, init="nndsvda", random_state=0, max_iter=_SWEEPS)
    with warnings.catch_warnings():  # the last digits of weights make no other topic
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix)
    found: Floats = model.components_
    total = found.sum(axis=1, keepdims=True)
    return found / np.where(total > 0, total, 1.0)


def _stability(matrix: Any, topics: Floats, refits: int, seed: int) -> Floats:
    """Return the mean similarity of each topic to its like in refits to parts of the texts."""
    from scipy.optimize import linear_sum_assignment

    size, n = len(topics), matrix.shape[0]
    if refits == 0:
        return np.full(size, np.nan)
    rng = np.random.default_rng(seed)
    part = max(int(np.ceil(_PART * n)), size)
    total = np.zeros(size)
    mine = _leading(topics)
    for _ in range(refits):
        rows = np.sort(rng.choice(n, part, replace=False))
        other = _leading(_factors(matrix[rows], size))
        alike = np.array([[_jaccard(one, two) for two in other] for one in mine])
        pairs = linear_sum_assignment(alike, maximize=True)
        total += alike[pairs]
    return total / refits


def _leading(topics: Floats) -> list[set[int]]:
    leading: Ints = np.argsort(-topics, axis=1, kind="stable")[:, :_SHOWN]
    return [set(each.tolist()) for each in leading]


def _jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)
