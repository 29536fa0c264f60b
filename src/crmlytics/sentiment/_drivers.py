"""What each aspect does to the score that customers give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _intervals, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError
from crmlytics.sentiment import _aspect_table, _jackknife, _language, _rollup, _texts
from crmlytics.sentiment._jackknife import Fit
from crmlytics.sentiment._rollup import total
from crmlytics.sentiment._scored import NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

_SIGNS = ("positive", "negative")
_EFFECTS = [f"{part}_{end}" for part in (*_SIGNS, "nps") for end in ("effect", "lower", "upper")]
SCHEMA = {
    "aspect": "text",
    **dict.fromkeys(("n", "n_positive", "n_negative"), "int"),
    **dict.fromkeys(("share", "mean_with", "mean_without", *_EFFECTS), "float"),
    **dict.fromkeys(("p_value", "q_value"), "float"),
    "kind": "text",
}
_TOP, _PROMOTER, _DETRACTOR = 10, 9, 6
_SPAN = 200  # of the NPS


def nps_drivers(
    feedback: "IntoDataFrameT",
    *,
    aspects: "IntoDataFrame | Mapping[str, Sequence[str] | str]",
    text_col: str = "text",
    score_col: str = "score",
    customer_col: str | None = None,
    language: str = "auto",
    confidence: float = 0.95,
) -> "IntoDataFrameT":
    """Find what moves the score: how much praise or blame of each aspect goes with it.

    A regression of the score on what texts praise and blame, so that an aspect is not given the
    merit of those mentioned together with it; and what each takes from or gives to the NPS.

    Parameters
    ----------
    feedback : table
        One row an answer: a text and a score.
    aspects : table or mapping
        What to look for, as for :func:`score_aspects`.
    text_col : str, default "text"
        Column of texts; null where nothing was written.
    score_col : str, default "score"
        Column of answers to "would you recommend us?", 0 to 10; null where unknown.
    customer_col : str, optional
        Column of customer ids, where a customer may have several rows: the intervals then take
        customers, not rows, for the sample.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts; "auto" tells it text by text.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1.

    Returns
    -------
    table
        One row an aspect, sorted: ``aspect`` (str), ``n``, ``n_positive``, ``n_negative`` (int,
        texts that mention it, praise it, blame it), ``share`` (float, of the texts, 0 to 1),
        ``mean_with``, ``mean_without`` (float, mean score of texts that mention it and of the
        others, 0 to 10), ``positive_effect`` (float, points of the score by which those who praise
        it lie above those who do not mention it, other aspects being equal), ``positive_lower``,
        ``positive_upper`` (float, its interval), ``negative_effect``, ``negative_lower``,
        ``negative_upper`` (float, the same for those who blame it: mostly below 0), ``nps_effect``
        (float, points of NPS, -100 to 100, that all praise and blame of it give or take together),
        ``nps_lower``, ``nps_upper`` (float), ``p_value`` (float, of both effects being 0),
        ``q_value`` (float, false discovery rate over the aspects), ``kind`` (str: "penalty" where
        blame costs and praise does not earn, "reward" where it is the other way round, "both",
        "neither": by whether the intervals leave out 0).
        Null: effects of what nobody said, or what cannot be told apart from another aspect; bounds
        and p where a single customer said it. No row where no text has a score.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a score lies outside 0 to 10, ids are null, or `aspects` cannot be used.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If rows without a score, or without a text, were left out.

    See Also
    --------
    score_aspects : what each text says on each aspect.
    plot_nps_drivers : draws the answer.

    Notes
    -----
    Least squares of the score on three columns an aspect: praised (compound of the mention 0.05 or
    more), blamed (-0.05 or less), mentioned otherwise. Not to mention it is the base; the third
    column only keeps the base clean. The effect on the NPS is made of the same regression with 100
    for promoters (9 and 10), -100 for detractors (6 and less) and 0 for the others in place of the
    score: the two effects times the shares of texts that praise and that blame.

    Intervals come from leaving out one row, or customer, after the other (jackknife; for effects
    this is HC3, with customers CR3), so that they need no random numbers; t has one degree of
    freedom less than customers said it. In simulations with 6 mentions and more they hold 94 to
    99 % of the true effects at 0.95. The p-value is that of F for both effects together.

    Effects are differences between customers, not yet what would happen if the aspect were mended:
    who is unhappy for another reason may blame this one too. Mentions that the word lists judge
    wrongly draw effects towards 0.

    References
    ----------
    Reichheld (2003), The one number you need to grow, Harvard Business Review 81(12), 46-54.
    Brandt (1987), A procedure for identifying value-enhancing service components using customer
    satisfaction survey data, Add Value to Your Service (AMA), 61-65 (penalties and rewards).
    MacKinnon and White (1985), J. Econometrics 29, 305-325 (HC3).
    Bell and McCaffrey (2002), Survey Methodology 28(2), 169-181 (CR3).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> texts = ["Great delivery", "Good delivery", "Awful delivery", "Bad delivery", "Hello", "Hm"]
    >>> feedback = pd.DataFrame({"text": texts, "score": [9, 10, 1, 2, 7, 8]})
    >>> drivers = crm.sentiment.nps_drivers(feedback, aspects={"delivery": ["delivery"]})
    >>> drivers[["aspect", "n", "positive_effect", "negative_effect", "nps_effect"]].round(2)
         aspect  n  positive_effect  negative_effect  nps_effect
    0  delivery  4              2.0             -6.0         0.0
    """
    caller = "nps_drivers"
    level = _checks.confidence(confidence, caller)
    _checks.choice(language, _language.SPOKEN, name="language", caller=caller)
    texts = _texts.read(
        feedback, caller, text_col=text_col, optional=("customer_col",),
        roles={"score_col": score_col, "customer_col": customer_col},
    )  # fmt: skip
    source, names = texts.source, _aspect_table.read(aspects, caller).names
    scores = _scores(source)
    used = _used(source, scores, np.array([text is not None for text in texts.values], dtype=bool))
    if not used.any():
        nothing: IntoDataFrameT = _result.empty(source, SCHEMA)
        return nothing
    row, aspect, compound = _rollup.mentions(texts, names, aspects, text_col, language)
    said = np.zeros((source.n_rows, len(names)), dtype=np.int8)
    said[row, aspect] = sides(compound)
    who = source.keys("customer").codes[used] if "customer" in source.names else None
    columns = effects(said[used], scores[used], who, level)
    table = pa.table({"aspect": pa.array(names, pa.string())} | columns)
    answer: IntoDataFrameT = _result.native(source, table, SCHEMA)
    return answer


def sides(compound: Floats) -> Any:
    """Say what each mention is: 1 praise, 2 blame, 3 neither or unknown."""
    return np.where(compound >= POSITIVE, 1, np.where(compound <= NEGATIVE, 2, 3))


def _scores(source: Source) -> Floats:
    scores = source.numbers("score")
    odd = int(np.count_nonzero((scores < 0) | (scores > _TOP)))
    if odd:
        raise DataError(
            f"{source.caller}: {odd} of {source.n_rows} scores in column "
            f"{source.names['score']!r} (score_col) lie outside 0 to 10. Bring them to that scale, "
            "or filter them out first."
        )
    return scores


def _used(source: Source, scores: Floats, written: Bools) -> Bools:
    """Mark the rows with a score and a text; count the others in a warning."""
    known = ~np.isnan(scores)
    no_score, no_text = int((~known).sum()), int((known & ~written).sum())
    if no_score or no_text:
        _checks.warn(
            f"{source.caller}: left out {no_score} of {source.n_rows} rows without a score, and "
            f"{no_text} with a score and no text."
        )
    used: Bools = known & written
    return used


@dataclass(frozen=True)
class _Answers:
    """Answers in runs of a cluster each; a cluster of weight w stands for w like it."""

    said: Any  # row, aspect: 0 nothing, 1 praise, 2 blame, 3 mention; each different answer once
    score: Floats
    weights: Floats  # how often each was given
    rows: Ints  # the answers, cluster after cluster
    starts: Ints
    of_cluster: Floats  # weight of each cluster

    def counts(self, side: int) -> tuple[Floats, Floats]:
        """Return how many answers say so of each aspect, cluster by cluster and in all."""
        flags = (self.said == side).astype(np.float64)
        return np.add.reduceat(flags[self.rows], self.starts, axis=0), self.weights @ flags


def _answers(said: Any, scores: Floats, who: Any) -> _Answers:
    """Put answers in an order that depends on what they say alone; equal ones become one row."""
    whole = np.column_stack([scores + 0.0, said])  # -0.0 and 0.0 are one score
    rows = np.ascontiguousarray(whole).view(f"V{whole.shape[1] * 8}").ravel()
    _, first, code, n = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    weights, order, starts = n.astype(np.float64), np.arange(len(first)), np.arange(len(first))
    of_cluster = weights
    if who is not None:
        by_customer = np.lexsort((code, who))
        order = code[by_customer]
        starts = np.flatnonzero(np.diff(who[by_customer], prepend=who[by_customer[0]] - 1))
        of_cluster = np.ones(len(starts))
    return _Answers(said[first], scores[first], weights, order, starts, of_cluster)


def effects(said: Any, scores: Floats, who: Any, level: float) -> dict[str, Any]:
    """Return all columns but the name, one entry an aspect."""
    answers = _answers(said, scores, who)
    size, n_answers = said.shape[1], len(scores)
    per = [answers.counts(side) for side in (1, 2, 3)]
    columns = [np.ones((len(answers.score), 1)), *(answers.said == side for side in (1, 2, 3))]
    x = np.hstack(columns).astype(np.float64)
    here = np.concatenate([[True], *(each for _, each in per)]) > 0
    nps = 100.0 * (answers.score >= _PROMOTER) - 100.0 * (answers.score <= _DETRACTOR)
    fit = _jackknife.least_squares(
        x[:, here], np.column_stack([answers.score, nps]), answers.weights, answers.rows,
        answers.starts,
    )  # fmt: skip
    place = np.where(here, np.cumsum(here) - 1, -1)[1:].reshape(3, size)[:2]
    found = [_of_aspect(fit, answers, per, place, each, level) for each in range(size)]
    numbers = {name: np.array([one[name] for one in found]) for name in found[0]}
    n = sum(each for _, each in per)
    mentioned = said > 0
    with np.errstate(invalid="ignore"):
        known = {
            "n": n, "n_positive": per[0][1], "n_negative": per[1][1], "share": n / n_answers,
            "mean_with": total(np.where(mentioned, scores[:, None], 0.0)) / n,
            "mean_without": total(np.where(mentioned, 0.0, scores[:, None])) / (n_answers - n),
        }  # fmt: skip
    numbers["q_value"] = _intervals.benjamini_hochberg(numbers["p_value"])
    counts = ("n", "n_positive", "n_negative")
    arrays = {name: _result.column(values) for name, values in {**known, **numbers}.items()}
    whole = {name: pa.array(known[name].astype(np.int64)) for name in counts}
    return arrays | whole | {"kind": pa.array(_kinds(numbers), pa.string())}


def _of_aspect(
    fit: Fit,
    answers: _Answers,
    per: list[tuple[Floats, Floats]],
    place: Ints,
    aspect: int,
    level: float,
) -> dict[str, float]:
    """Return effects, intervals and the test of one aspect."""
    weights = answers.of_cluster
    at = [int(place[side, aspect]) for side in range(2)]
    with_it = [per[side][0][:, aspect] > 0 for side in range(2)]
    made: dict[str, float] = {}
    for side, name in enumerate(_SIGNS):
        effect, change = np.nan, np.full(len(weights), np.nan)
        if at[side] >= 0 and fit.known[at[side]]:
            effect = float(fit.beta[at[side], 0])
            change = np.where(fit.broken[:, at[side]], np.nan, fit.changes[:, at[side], 0])
        half = _half(change, weights, _freedom(with_it[side], weights), level)
        made |= _with_bounds(name, effect, half, _TOP)
    total_effect, without = _nps(fit, answers, per, at, aspect)
    degrees = _freedom(with_it[0] | with_it[1], weights)
    half = _half(total_effect - without, weights, degrees, level)
    made |= _with_bounds("nps", total_effect, half, _SPAN)
    tested = [side for side, name in enumerate(_SIGNS) if np.isfinite(made[f"{name}_upper"])]
    degrees = min((_freedom(with_it[side], weights) for side in tested), default=1.0)
    made["p_value"] = _joint(fit, [at[side] for side in tested], weights, degrees)
    return made


def _with_bounds(name: str, effect: float, half: float, most: float) -> dict[str, float]:
    """Return an effect and its interval, which ends where the scale does."""
    # NaN stays NaN in numpy's extremes
    lower, upper = np.maximum(effect - half, -most), np.minimum(effect + half, most)
    return {f"{name}_effect": effect, f"{name}_lower": float(lower), f"{name}_upper": float(upper)}


def _nps(
    fit: Fit, answers: _Answers, per: list[tuple[Floats, Floats]], at: list[int], aspect: int
) -> tuple[float, Floats]:
    """Return the effect on the NPS, and what it is without each cluster."""
    lengths = np.diff(np.append(answers.starts, len(answers.rows)))
    n = answers.weights.sum()
    value, without, said = 0.0, np.zeros(len(lengths)), False
    for side in range(2):
        count = per[side][1][aspect]
        if count == 0:
            continue
        if not fit.known[at[side]]:
            return np.nan, np.full(len(lengths), np.nan)
        said = True
        effect = float(fit.beta[at[side], 1])
        left = count - per[side][0][:, aspect]
        changed = effect - fit.changes[:, at[side], 1]
        # what nobody else said has no effect left, and a share of 0
        changed = np.where(fit.broken[:, at[side]] & (left > 0), np.nan, changed)
        value += count / n * effect
        with np.errstate(invalid="ignore"):
            without += np.where(left > 0, left / np.maximum(n - lengths, 1) * changed, 0.0)
    return (value if said else np.nan), without


def _freedom(with_it: Bools, weights: Floats) -> float:
    """Return the degrees of freedom: those of the smaller of the two groups compared."""
    said = float(weights[with_it].sum())
    return max(min(said, float(weights.sum()) - said) - 1, 1.0)


def _half(change: Floats, weights: Floats, degrees: float, level: float) -> float:
    """Return half the length of an interval: jackknife error times t."""
    from scipy.special import stdtrit

    error = float(np.sqrt(total(weights * change**2)))
    return float(stdtrit(degrees, (1 + level) / 2)) * error


def _joint(fit: Fit, at: list[int], weights: Floats, degrees: float) -> float:
    """Return the chance of such effects, or larger ones, where there are none (Wald's test)."""
    from scipy.special import fdtrc

    if not at:
        return np.nan
    change = fit.changes[:, at, 0]
    spread = np.array([[total(weights * one * two) for two in change.T] for one in change.T])
    effect = fit.beta[at, 0]
    if np.linalg.cond(spread) > 1e12:
        return np.nan
    wald = float(effect @ np.linalg.solve(spread, effect)) / len(at)
    return float(fdtrc(len(at), degrees, wald))


def _kinds(numbers: dict[str, Floats]) -> list[str | None]:
    penalty, reward = numbers["negative_upper"] < 0, numbers["positive_lower"] > 0
    kinds = np.where(penalty, np.where(reward, "both", "penalty"), "neither").astype(object)
    kinds[reward & ~penalty] = "reward"
    kinds[np.isnan(numbers["negative_effect"]) & np.isnan(numbers["positive_effect"])] = None
    listed: list[str | None] = kinds.tolist()
    return listed
