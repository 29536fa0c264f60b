"""Words that the lexicon lacks, from the user's own labels."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _result
from crmlytics._columns import Bools, Floats
from crmlytics.errors import OptionError
from crmlytics.sentiment import _key_terms, _labelled, _language, _run, _terms
from crmlytics.sentiment._labelled import Labelled

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

SCHEMA = {
    "term": "text", "valence": "float", "language": "text", "log_odds": "float", "z": "float",
    "q_value": "float", "n_positive": "int", "n_negative": "int", "known": "float",
}  # fmt: skip
_LEVEL = 0.95
_MOST = 4.0
_ALPHA = 0.05


def suggest_lexicon(
    feedback: "IntoDataFrameT",
    *,
    label_col: str,
    text_col: str = "text",
    language: str = "auto",
    min_count: int = 5,
    top: int | None = None,
) -> "IntoDataFrameT":
    """Find words and pairs of words that the lexicon does not know, or weighs the other way.

    Parameters
    ----------
    feedback : table
        One row a text. Rows without text or label are left out, with a warning.
    label_col : str
        Column that says which texts are glad: numbers such as stars (above the middle of the
        lowest and the highest; those on it are left out), True and False, or text "positive" and
        "negative", in capitals or not (others are left out).
    text_col : str, default "text"
        Column of texts.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts.
    min_count : int, default 5
        Fewest texts that must use a term.
    top : int, optional
        Only so many of the strongest.

    Returns
    -------
    table
        One row a term and language, the strongest first: ``term`` (str), ``valence`` (float, -4 to
        4, a proposal), ``language`` (str; null where it is not known), ``log_odds`` (float, of the
        term in glad texts over the others), ``z`` (float), ``q_value`` (float, false discovery
        rate over all terms; only those below 0.05 are proposed), ``n_positive``, ``n_negative``
        (int, uses in glad and other texts), ``known`` (float, valence that the lexicon gives now;
        null where it gives none). Edit it, and hand it on as ``lexicon=``.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    NotEnoughDataError
        If there are not texts of both kinds.
    OptionError
        If an option has a value outside what it allows, or labels do not say which texts are glad.

    Warns
    -----
    CrmlyticsWarning
        If rows without text or label are left out.

    See Also
    --------
    key_terms : terms of any two groups.
    score_sentiment : takes the answer as ``lexicon=``.

    Notes
    -----
    Log odds with an informative Dirichlet prior, as in :func:`key_terms`, within each language.
    The valence is the log odds times the factor that brings the terms known to the lexicon nearest
    to their valences (least squares through zero, kept within 0.25 and 4; 1 where there are fewer
    than five), at most 4, to one place. Terms that the lexicon knows with the same sign are left
    out, and so are unknown ones whose valence comes to 0.

    References
    ----------
    Monroe, Colaresi and Quinn (2008), Fightin' words, Political Analysis 16(4), equations 15 to 22.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> texts = ["zippy service", "zippy app", "janky app", "janky service"] * 50
    >>> feedback = pd.DataFrame({"text": texts, "stars": [5, 4, 1, 2] * 50})
    >>> found = crm.sentiment.suggest_lexicon(feedback, label_col="stars")
    >>> found[["term", "valence", "n_positive", "n_negative"]].head(2)
        term  valence  n_positive  n_negative
    0  janky     -0.9           0         100
    1  zippy      0.9         100           0
    """
    caller = "suggest_lexicon"
    least = _checks.whole(min_count, name="min_count", caller=caller, low=1)
    most = None if top is None else _checks.whole(top, name="top", caller=caller, low=1)
    given = _labelled.read(
        feedback, caller, label_col=label_col, text_col=text_col, language=language, least=1
    )
    glad, kept = _glad(given, caller, label_col)
    rows: list[dict[str, Any]] = []
    for spoken in (*_language.LANGUAGES, None):
        mine = [row for row in np.flatnonzero(kept).tolist() if given.languages[row] == spoken]
        if mine:
            rows += _proposed([given.texts[row] for row in mine], glad[mine], spoken, least)
    rows.sort(key=lambda row: (-abs(row["z"]), row["term"], row["language"] or ""))
    rows = rows if most is None else rows[:most]
    columns = {
        name: pa.array([row[name] for row in rows], pa.string())
        if kind == "text"
        else pa.array([row[name] for row in rows], pa.int64())
        if kind == "int"
        else _result.column(np.array([row[name] for row in rows], dtype=np.float64))
        for name, kind in SCHEMA.items()
    }
    answer: IntoDataFrameT = _result.native(given.source.source, pa.table(columns), SCHEMA)
    return answer


def _glad(given: Labelled, caller: str, label_col: str) -> tuple[Bools, Bools]:
    """Say which texts are glad, and which say anything at all."""
    if given.kind == "number":
        values = np.array([float(name) for name in given.classes])
        middle = (values.min() + values.max()) / 2
        glad, sad = values > middle, values < middle
    elif given.kind == "flag":
        glad = np.array([name == "True" for name in given.classes])
        sad = ~glad
    else:
        glad = np.array([name.strip().lower() == "positive" for name in given.classes])
        sad = np.array([name.strip().lower() == "negative" for name in given.classes])
        if not glad.any() or not sad.any():  # a guess could turn every valence
            raise OptionError(
                f"{caller}: the labels of {label_col!r} (label_col) are "
                f"{_checks.shown(list(given.classes))}. Name them 'positive' and 'negative', "
                "or give numbers."
            )
    return glad[given.label], (glad | sad)[given.label]


def _proposed(
    texts: list[str], glad: Bools, language: str | None, least: int
) -> list[dict[str, Any]]:
    """Return the terms of one language that the lexicon should have."""
    spoken = [language] * len(texts)
    counts = _terms.counted(_terms.words(texts, spoken), least)
    if not counts.terms or glad.all() or not glad.any():
        return []
    n_terms = len(counts.terms)
    cells = glad[counts.text] * n_terms + counts.term
    uses: Any = np.bincount(cells, counts.count, 2 * n_terms).reshape(2, n_terms)
    odds = _key_terms.odds(uses, _LEVEL)
    known = _known(counts.terms, language)
    factor = _factor(odds["log_odds"], known)
    valence = np.round(np.clip(factor * odds["log_odds"], -_MOST, _MOST), 1) + 0.0
    new = np.where(np.isnan(known), valence != 0, np.sign(known) != np.sign(odds["log_odds"]))
    rows = np.flatnonzero(new & (odds["q_value"] < _ALPHA))
    q_value = odds["q_value"]
    return [
        {
            "term": counts.terms[row], "valence": float(valence[row]),
            "language": language, "log_odds": float(odds["log_odds"][row]),
            "z": float(odds["z"][row]), "q_value": float(q_value[row]),
            "n_positive": int(odds["n"][row]), "n_negative": int(odds["n_other"][row]),
            "known": float(known[row]),
        }
        for row in rows
    ]  # fmt: skip


def _known(terms: list[str], language: str | None) -> Floats:
    """Return the score that the lexicon gives each term by itself; NaN where it gives none."""
    found = _run.scored(list(terms), [language] * len(terms))
    return np.where(found.n_known > 0, found.raw, np.nan)


def _factor(log_odds: Floats, known: Floats) -> float:
    """Return what brings log odds to the scale of valences."""
    both = ~np.isnan(known) & (known != 0)
    if both.sum() < 5:
        return 1.0
    fitted = float((log_odds[both] @ known[both]) / (log_odds[both] @ log_odds[both]))
    return min(max(fitted, 0.25), 4.0)
