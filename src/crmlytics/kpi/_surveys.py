"""Satisfaction and effort: answers on scales of a few points, with their intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _groups, _intervals, _result
from crmlytics._columns import Floats
from crmlytics._groups import Groups
from crmlytics.errors import OptionError
from crmlytics.kpi import _answers, _estimates
from crmlytics.kpi._answers import Answers
from crmlytics.kpi._definitions import defined

SURVEY = _estimates.ESTIMATE | {
    "numerator": "int",
    "n_missing": "int",
    "n_repeats": "int",
    "n_effective": "float",
}
# scale -> the lowest answer of the satisfied, as Zencity counts them
_SATISFIED = {2: 2, 3: 3, 4: 3, 5: 4, 6: 4, 7: 5, 8: 6}
_METHODS = ("mean", "share_agree", "top_two")
_ONE_EACH = np.array([1.0, 1.0])  # pseudo-answers for the variance of a weighted share
_SPREAD = 2.0  # pseudo-answers for a mean, spread evenly over the scale


@defined
def csat(
    feedback: IntoDataFrameT,
    *,
    scale: int = 5,
    weights_col: str | None = None,
    repeats: str = "keep",
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    score_col: str = "score",
    customer_col: str = "customer_id",
    date_col: str = "date",
) -> IntoDataFrameT:
    """Share of satisfied answers to a survey: customer satisfaction, CSAT.

    ``value = satisfied answers / answers``, with the Wilson interval. Satisfied are the answers 4
    and 5 of 5; 2 of 2; 3 of 3; 3 and 4 of 4; 4 to 6 of 6; 5 to 7 of 7; 6 to 8 of 8.

    Parameters
    ----------
    feedback : table
        One row per answer.
    scale : int, default 5
        The best answer there is; the worst is 1. From 2 to 8.
    weights_col : str, optional
        A column of weights, 0 or more: how many customers an answer stands for, up to a factor.
    repeats : {"keep", "last"}, default "keep"
        What several answers of one customer are: "keep" counts each, "last" the last one of each
        customer, in each group of `by`. Of several at the same moment the lowest score counts, and
        among equal ones the largest weight.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    score_col : str, default "score"
        Name of the column of scores: whole numbers from 1 to `scale`, null where nothing was
        answered.
    customer_col, date_col : str
        Names of the columns; they are only read with ``repeats="last"``.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, 0 to 1), ``lower``,
        ``upper`` (float), ``numerator`` (int, satisfied answers), ``denominator`` (int, answers),
        ``n_missing`` (int, rows without a score), ``n_repeats`` (int, answers left out because
        their customer gave a later one), ``n_effective`` (float, answers of equal weight that would
        be as exact). With weights the value is weighted and the counts are not. The value is null
        where there is no answer with a weight.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a score is no whole number from 1 to `scale`, a weight is negative or unknown or all are
        0, or ids or dates are null.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If of 20 answers or more none comes near the top of the scale, which then may be another.

    See Also
    --------
    nps : for the question of 0 to 10.
    ces : for how easy it was.
    compare_groups : which groups differ.

    Notes
    -----
    For a scale of 10 there is no agreed line between satisfied and not, so that it is refused.

    References
    ----------
    Zencity, CSAT methodology: positive answers by length of scale. Wilson (1927), Probable
    inference, JASA 22, p. 209. Korn and Graubard (1998), Survey Methodology 24, p. 193 (effective
    number with weights).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame({"score": [5, 4, 4, 2, None]})
    >>> columns = ["value", "lower", "upper", "numerator", "denominator", "n_missing"]
    >>> crm.kpi.csat(feedback)[columns].round(3)
       value  lower  upper  numerator  denominator  n_missing
    0   0.75  0.301  0.954          3            4          1
    """
    caller = "csat"
    level = _checks.confidence(confidence, caller)
    least = _SATISFIED[_scale(scale)]
    answers = _answers.read(
        feedback, caller=caller, argument="feedback", low=1, high=scale, advice=_advice(scale),
        by=by, result=tuple(SURVEY), roles=_answers.roles(
            repeats, caller, score_col, weights_col, customer_col, date_col
        ),
    )  # fmt: skip
    grouped = _groups.groups(answers.source, None)
    kept = _kept(answers, grouped, repeats)
    answer: IntoDataFrameT = _share(answers, kept, grouped, kept.score >= least, level)
    return answer


def _scale(scale: Any) -> int:
    if isinstance(scale, (int, np.integer)) and not isinstance(scale, bool) and scale > 8:
        raise OptionError(
            f"csat: scale must be a whole number from 2 to 8; got {scale}. For longer scales there "
            "is no agreed line between satisfied and not; the question of 0 to 10 is that of nps."
        )
    return _checks.whole(scale, name="scale", caller="csat", low=2, high=8)


def _advice(scale: int) -> str:
    return (
        "Make 0 null where it stands for no answer, compute surveys of another scale apart with "
        f"their own scale= (here {scale}), and do not rescale them."
    )


def _kept(answers: Answers, grouped: Groups, repeats: str) -> Answers:
    if repeats == "keep":
        return answers
    return answers.latest(grouped.of_rows(None, answers.source.n_rows), grouped.size)


@defined
def ces(
    feedback: IntoDataFrameT,
    *,
    method: str,
    scale: int = 7,
    low_is_easy: bool = False,
    weights_col: str | None = None,
    repeats: str = "keep",
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    score_col: str = "score",
    customer_col: str = "customer_id",
    date_col: str = "date",
) -> IntoDataFrameT:
    """Count how easy customers found it to get something done: the Customer Effort Score.

    There are three ways to count and no agreement, so that `method` has no default; figures of
    different methods cannot be compared. A higher value always means easier.

    Parameters
    ----------
    feedback : table
        One row per answer.
    method : {"mean", "share_agree", "top_two"}
        "mean": mean answer, on the scale of the survey. "share_agree": share of the answers above
        the middle, 5 to 7 of 7. "top_two": share of the two best, 6 and 7 of 7.
    scale : int, default 7
        The highest answer there is; the lowest is 1. From 3 to 10.
    low_is_easy : bool, default False
        Whether 1 is the easiest answer. Then each answer is turned round first, to
        ``scale + 1 - answer``; a mean too.
    weights_col : str, optional
        A column of weights, 0 or more: how many customers an answer stands for, up to a factor.
    repeats : {"keep", "last"}, default "keep"
        What several answers of one customer are: "keep" counts each, "last" the last one of each
        customer, in each group of `by`. Of several at the same moment the lowest score counts, and
        among equal ones the largest weight.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    score_col : str, default "score"
        Name of the column of scores: whole numbers from 1 to `scale`, null where nothing was
        answered.
    customer_col, date_col : str
        Names of the columns; they are only read with ``repeats="last"``.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float; 1 to `scale` for a mean,
        else 0 to 1), ``lower``, ``upper`` (float), ``numerator`` (int; sum of the answers, or the
        number of those counted), ``denominator`` (int, answers), ``n_missing`` (int, rows without a
        score), ``n_repeats`` (int, answers left out because their customer gave a later one),
        ``n_effective`` (float, answers of equal weight that would be as exact). With weights the
        value is weighted and the counts are not. It is null where there is no answer with a weight.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a score is no whole number from 1 to `scale`, a weight is negative or unknown or all are
        0, or ids or dates are null.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If of 20 answers or more none comes near the top of the scale, which then may be another.

    See Also
    --------
    csat : how satisfied customers are.
    nps : whether they recommend.

    Notes
    -----
    Interval of a share: Wilson's. Interval of a mean: the normal one, with two more answers spread
    evenly over the scale, which count for the interval and not for the value, so that equal answers
    make no interval of no width. It never leaves the scale and always holds the value.

    References
    ----------
    Dixon, Freeman and Toman (2010), Stop trying to delight your customers, Harvard Business Review
    88(7/8), 116-122. Wilson (1927), JASA 22, p. 209.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame({"score": [7, 6, 5, 2]})
    >>> columns = ["value", "lower", "upper", "numerator", "denominator"]
    >>> crm.kpi.ces(feedback, method="mean")[columns].round(2)
       value  lower  upper  numerator  denominator
    0    5.0   3.09   6.24         20            4
    >>> crm.kpi.ces(feedback, method="top_two")[columns].round(2)
       value  lower  upper  numerator  denominator
    0    0.5   0.15   0.85          2            4
    """
    caller = "ces"
    level = _checks.confidence(confidence, caller)
    _checks.choice(method, _METHODS, name="method", caller=caller)
    _checks.whole(scale, name="scale", caller=caller, low=3, high=10)
    _checks.flag(low_is_easy, name="low_is_easy", caller=caller)
    answers = _answers.read(
        feedback, caller=caller, argument="feedback", low=1, high=scale, advice=_advice(scale),
        by=by, result=tuple(SURVEY), roles=_answers.roles(
            repeats, caller, score_col, weights_col, customer_col, date_col
        ), doubt="low" if low_is_easy else "high",
    )  # fmt: skip
    grouped = _groups.groups(answers.source, None)
    kept = _kept(answers, grouped, repeats)
    ease = scale + 1 - kept.score if low_is_easy else kept.score
    if method == "mean":
        answer: IntoDataFrameT = _mean(answers, kept, grouped, (ease, scale), level)
        return answer
    easy = ease >= scale - 1 if method == "top_two" else 2 * ease > scale + 1
    shares: IntoDataFrameT = _share(answers, kept, grouped, easy, level)
    return shares


def _share(answers: Answers, kept: Answers, grouped: Groups, hits: Any, level: float) -> Any:
    """Lay out a share of answers with Wilson's interval."""
    groups, size = grouped.of_rows(None, answers.source.n_rows), grouped.size
    found = _answers.count(kept, kept.of(groups), size, hits.astype(np.int64), 2)
    value = found.shares()[:, 1]
    n = found.effective(np.array([0.0, 1.0]), _ONE_EACH)
    bounds = _intervals.wilson(value * n, n, level)
    return _laid_out(answers, grouped, (value, *bounds), found.answers[:, 1], found.n, n)


def _mean(
    answers: Answers, kept: Answers, grouped: Groups, scores: tuple[Any, int], level: float
) -> Any:
    """Lay out a mean answer with its interval."""
    ease, scale = scores
    groups, size = grouped.of_rows(None, answers.source.n_rows), grouped.size
    found = _answers.count(kept, kept.of(groups), size, ease - 1, scale)
    points = np.arange(1.0, scale + 1)
    pseudo = np.full(scale, _SPREAD / scale)
    n, shares = found.effective(points, pseudo), found.shares()
    total = n + _SPREAD
    filled = (n[:, None] * shares + pseudo) / total[:, None]
    mean = filled @ points
    half = _intervals.z_value(level) * np.sqrt((filled @ points**2 - mean**2) / total)
    value = shares @ points
    lower = np.minimum(np.maximum(mean - half, 1.0), value)
    upper = np.maximum(np.minimum(mean + half, scale), value)
    whole = found.answers @ np.arange(1, scale + 1)
    return _laid_out(answers, grouped, (value, lower, upper), whole, found.n, n)


def _laid_out(
    answers: Answers,
    grouped: Groups,
    estimate: tuple[Floats, Floats, Floats],
    top: Any,
    bottom: Any,
    effective: Floats,
) -> Any:
    """Lay out value, interval and counts, one row a group."""
    source = answers.source
    groups = grouped.of_rows(None, source.n_rows)
    table = grouped.columns(np.arange(grouped.size)) | {
        **{
            name: _result.column(values)
            for name, values in zip(("value", "lower", "upper"), estimate, strict=True)
        },
        "numerator": top,
        "denominator": bottom,
        "n_missing": answers.missing(groups, grouped.size),
        "n_repeats": np.bincount(answers.of(groups), minlength=grouped.size) - bottom,
        "n_effective": effective,
    }
    schema = {**dict.fromkeys(source.by, "id"), **SURVEY}
    return _result.native(source, pa.table(table), schema, sort_by=source.by)
