"""Terms that set groups of texts apart."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _checks, _columns, _groups, _intervals, _result
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import OptionError
from crmlytics.sentiment import _terms, _texts
from crmlytics.sentiment._terms import Counts

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

SCHEMA = {
    "term": "text",
    "log_odds": "float",
    "lower": "float",
    "upper": "float",
    "z": "float",
    "q_value": "float",
    "n": "int",
    "n_other": "int",
}
_PRIOR = 500.0  # words that the prior weighs as much as


def key_terms(
    feedback: "IntoDataFrameT",
    *,
    by: str | Sequence[str],
    text_col: str = "text",
    language: str = "auto",
    min_count: int = 5,
    top: int | None = None,
    confidence: float = 0.95,
) -> "IntoDataFrameT":
    """Find the words and pairs of words that a group uses more, or less, than the others.

    Parameters
    ----------
    feedback : table
        One row a text.
    by : str or list of str
        Column of groups, such as promoters and detractors, churned and kept, or months; texts
        with a null there are left out.
    text_col : str, default "text"
        Column of texts; null where nothing was written.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts, for the way their words are told apart.
    min_count : int, default 5
        Fewest texts that must use a term.
    top : int, optional
        Only so many terms at either end, the most and the least typical of each group.
    confidence : float, default 0.95
        Level of the interval of the log odds, between 0 and 1.

    Returns
    -------
    table
        One row a group and term, sorted by group and, falling, by `z`: the group under its own
        name; ``term`` (str); ``log_odds`` (float, logarithm of the odds of the term in the group
        over those in all other groups: above 0 the group uses it more); ``lower``, ``upper``
        (float, its interval); ``z`` (float, log odds over their standard error); ``q_value``
        (float, false discovery rate over all rows before `top`); ``n``, ``n_other`` (int, uses in
        the group and in the others). Of two groups only the last in their order is listed (True
        after False, "promoter" after "detractor"), because the other has the same figures with the
        sign turned. No row with fewer than two groups.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or `by` has the name of a result column.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    plot_key_terms : draws the answer.
    suggest_lexicon : the same idea, for words with a sentiment.
    fit_topics : what texts speak of, without groups.

    Notes
    -----
    Log odds with an informative Dirichlet prior. A term that all groups together use n times among
    N has the prior a = 500 n / N, and ``log_odds`` is the difference between the group and the
    others of ln((n + a) / (N + 500 - n - a)); its variance is 1 / (n + a) for the one plus that for
    the other. Rare terms are thus drawn to 0. Uses within a text count each; where few texts use
    a term often, z is too large. Texts in several languages should be compared one language
    at a time: otherwise groups differ by their language.

    References
    ----------
    Monroe, Colaresi and Quinn (2008), Fightin' words, Political Analysis 16(4), equations 15 to 22.
    Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57, 289-300.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame(
    ...     {"text": ["fast delivery", "late again", "fast and kind", "late"], "glad": [1, 0, 1, 0]}
    ... )
    >>> crm.sentiment.key_terms(feedback, by="glad", min_count=2)[["glad", "term", "n", "n_other"]]
       glad  term  n  n_other
    0     1  fast  2        0
    1     1  late  0        2
    """
    caller = "key_terms"
    least = _checks.whole(min_count, name="min_count", caller=caller, low=1)
    most = None if top is None else _checks.whole(top, name="top", caller=caller, low=1)
    level = _checks.confidence(confidence, caller)
    texts = _texts.read(feedback, caller, text_col=text_col, by=by, result=tuple(SCHEMA))
    spoken = _terms.languages(texts.values, language, caller)
    source = texts.source
    if not source.by:
        raise OptionError(f"{caller}: by is {by!r}. Name the column of the groups.")
    schema = dict.fromkeys(source.by, "id") | SCHEMA
    group, names, size = _grouped(source)
    if size < 2:
        nothing: IntoDataFrameT = _nothing(source, schema)
        return nothing
    kept = np.flatnonzero(group >= 0)
    words = _terms.words([texts.values[row] for row in kept], [spoken[row] for row in kept])
    counts = _terms.counted(words, least)
    columns = odds(_uses(counts, group[kept], size), level)
    rows = _chosen(columns["z"], columns["group"], most)
    at = pa.array(columns["group"][rows])
    table = {role: values.take(at) for role, values in names.items()}
    table["term"] = pa.array(counts.terms, pa.string()).take(pa.array(columns["term"][rows]))
    for name in ("log_odds", "lower", "upper", "z", "q_value"):
        table[name] = _result.column(columns[name][rows])
    for name in ("n", "n_other"):
        table[name] = pa.array(columns[name][rows].astype(np.int64))
    answer: IntoDataFrameT = _result.native(source, pa.table(table), schema)
    return answer


def _nothing(source: Source, schema: dict[str, str]) -> Any:
    """Return no row: a group alone has nothing to be compared with."""
    empty = {role: _result.ids(source.column(role)).slice(0, 0) for role in source.by}
    rest = {name: pa.array([], pa.string() if name == "term" else None) for name in SCHEMA}
    return _result.native(source, pa.table(empty | rest), schema)


def _grouped(source: Source) -> tuple[Ints, dict[str, Any], int]:
    """Return the group of each row, numbered in the order of their names, -1 where null."""
    known = np.ones(source.n_rows, dtype=bool)
    for role in source.by:
        known &= ~_columns.null_mask(source.column(role))
    if not known.any():
        return np.full(source.n_rows, -1), {}, 0
    found = _groups.groups(source, known)
    names = pa.table(found.names)
    keys = [(role, "ascending") for role in source.by]
    order = np.asarray(pc.sort_indices(names, sort_keys=keys))
    place = np.empty(found.size, dtype=np.int64)
    place[order] = np.arange(found.size)
    group = np.full(source.n_rows, -1)
    group[known] = place[found.codes[known]]
    return group, found.columns(order), found.size


def _uses(counts: Counts, group: Ints, size: int) -> Floats:
    """Return how often each group (row) uses each term (column)."""
    n_terms = len(counts.terms)
    cells = group[counts.text] * n_terms + counts.term
    uses: Any = np.bincount(cells, counts.count, size * n_terms)
    return np.asarray(uses, dtype=np.float64).reshape(size, n_terms)


def odds(uses: Floats, level: float) -> dict[str, Any]:
    """Compare each group with the rest; of two groups only the second."""
    size, n_terms = uses.shape
    compared = np.arange(1 if size == 2 else 0, size)
    n = uses[compared]
    n_other = uses.sum(axis=0) - n
    prior = _PRIOR * uses.sum(axis=0) / max(uses.sum(), 1.0)
    one, other = n + prior, n_other + prior
    total, total_other = (each.sum(axis=1, keepdims=True) + _PRIOR for each in (n, n_other))
    with np.errstate(divide="ignore", invalid="ignore"):  # a single term has no odds
        log_odds = np.log(one / (total - one)) - np.log(other / (total_other - other))
    error = np.sqrt(1 / one + 1 / other)
    half = _intervals.z_value(level) * error
    from scipy.special import ndtr

    z = (log_odds / error).ravel()
    return {
        "group": np.repeat(compared, n_terms),
        "term": np.tile(np.arange(n_terms), len(compared)),
        "log_odds": log_odds.ravel(),
        "lower": (log_odds - half).ravel(),
        "upper": (log_odds + half).ravel(),
        "z": z,
        "q_value": _intervals.benjamini_hochberg(2 * ndtr(-np.abs(z))),
        "n": n.ravel(),
        "n_other": n_other.ravel(),
    }


def _chosen(z: Floats, group: Ints, most: int | None) -> Ints:
    """Return the rows asked for, by group and falling z; equal ones by the alphabet."""
    order = np.lexsort((-z, group))
    if most is None:
        return order
    sizes = np.bincount(group)
    n = sizes[group[order]]
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    high = (rank < most) & (z[order] > 0)
    low = (rank >= n - most) & (z[order] < 0)
    return order[high | low]
