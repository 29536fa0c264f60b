"""The Net Promoter Score with its interval."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _groups, _result
from crmlytics.kpi import _answers
from crmlytics.kpi._answers import SIGNS, TRIPLES
from crmlytics.kpi._definitions import defined

NPS = {
    "nps": "float",
    "lower": "float",
    "upper": "float",
    "promoters": "int",
    "passives": "int",
    "detractors": "int",
    "n": "int",
    "n_missing": "int",
    "n_repeats": "int",
    "promoter_share": "float",
    "detractor_share": "float",
    "n_effective": "float",
}
ADVICE = (
    "Correct what was mistyped, and do not rescale: answers from 1 to 10 or 0 to 5 come from "
    "another question, on which the NPS is not defined."
)


@defined
def nps(
    feedback: IntoDataFrameT,
    *,
    weights_col: str | None = None,
    interval: str = "adjusted",
    repeats: str = "keep",
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    score_col: str = "score",
    customer_col: str = "customer_id",
    date_col: str = "date",
) -> IntoDataFrameT:
    """Net Promoter Score: the share of promoters less that of detractors, times 100.

    Promoters answer 9 or 10 to "How likely are you to recommend us?", detractors 0 to 6, passives
    7 or 8. The interval says how far the score can be trusted: with 100 answers it is usually about
    30 points wide.

    Parameters
    ----------
    feedback : table
        One row per answer.
    weights_col : str, optional
        A column of weights, 0 or more: how many customers an answer stands for, up to a factor.
    interval : {"adjusted", "wald"}, default "adjusted"
        How the interval is made. "wald" is the textbook's: too narrow below some 100 answers, and
        of no width where all answers are alike.
    repeats : {"keep", "last"}, default "keep"
        What several answers of one customer are: "keep" counts each, "last" the last one of each
        customer, in each group of `by`. Of several at the same moment the lowest score counts, and
        among equal ones the largest weight.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    score_col : str, default "score"
        Name of the column of scores: whole numbers from 0 to 10, null where nothing was answered.
    customer_col, date_col : str
        Names of the columns; they are only read with ``repeats="last"``.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``nps`` (float, -100 to 100), ``lower``,
        ``upper`` (float), ``promoters``, ``passives``, ``detractors`` (int, answers), ``n`` (int,
        answers, their sum), ``n_missing`` (int, rows without a score), ``n_repeats`` (int, answers
        left out because their customer gave a later one), ``promoter_share``, ``detractor_share``
        (float, 0 to 1), ``n_effective`` (float, answers of equal weight that would be as exact).
        With weights the shares and the NPS are weighted and the counts are not. Score, bounds and
        shares are null where there is no answer with a weight.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a score is no whole number from 0 to 10, a weight is negative or unknown or all are 0, or
        ids or dates are null.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If of 20 answers or more none is above 5: then the scale is probably another.

    See Also
    --------
    nps_change : whether it has changed.
    compare_groups : which groups differ.
    plot_nps : draws the answer.

    Notes
    -----
    With p and d the shares of promoters and detractors the variance is
    ``(p + d - (p - d)**2) / n``. "adjusted" adds 3/4 of a promoter, 3/2 passives and 3/4 of a
    detractor before p, d and n are taken for the interval, but not for the score. With
    weights n is ``n_effective``, from the linearised variance of a weighted mean. The interval
    never leaves -100 to 100 and always holds the score.

    References
    ----------
    Reichheld (2003), The one number you need to grow, Harvard Business Review 81(12), 46-54. Rocks
    (2016), Interval estimation for the "Net Promoter Score", The American Statistician 70, 365-372.
    Kish (1965), Survey Sampling, section 11.7.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame({"score": [10, 9, 8, 6, None]})
    >>> columns = ["nps", "promoters", "passives", "detractors", "n", "n_missing"]
    >>> crm.kpi.nps(feedback)[columns]
        nps  promoters  passives  detractors  n  n_missing
    0  25.0          2         1           1  4          1
    >>> crm.kpi.nps(feedback)[["lower", "upper"]].round(1)
       lower  upper
    0  -44.2   72.7
    """
    caller = "nps"
    level = _checks.confidence(confidence, caller)
    _checks.choice(interval, ("adjusted", "wald"), name="interval", caller=caller)
    answers = _answers.read(
        feedback, caller=caller, argument="feedback", low=0, high=10, advice=ADVICE, by=by,
        result=tuple(NPS), roles=_answers.roles(
            repeats, caller, score_col, weights_col, customer_col, date_col
        ),
    )  # fmt: skip
    source = answers.source
    grouped = _groups.groups(source, None)
    groups, size = grouped.of_rows(None, source.n_rows), grouped.size
    kept = answers.latest(groups, size) if repeats == "last" else answers
    found = _answers.count(kept, kept.of(groups), size, _answers.classes(kept.score), 3)
    shares, n = found.shares(), found.effective(SIGNS, TRIPLES)
    score = shares[:, 2] - shares[:, 0]
    triples = TRIPLES if interval == "adjusted" else np.zeros(3)
    lower, upper = _answers.bounds(
        score, *_answers.adjusted(shares[:, 2], shares[:, 0], n, triples), level
    )
    table = grouped.columns(np.arange(size)) | {
        "nps": _result.column(100 * score),
        "lower": _result.column(100 * lower),
        "upper": _result.column(100 * upper),
        "promoters": found.answers[:, 2],
        "passives": found.answers[:, 1],
        "detractors": found.answers[:, 0],
        "n": found.n,
        "n_missing": answers.missing(groups, size),
        "n_repeats": np.bincount(answers.of(groups), minlength=size) - found.n,
        "promoter_share": _result.column(shares[:, 2]),
        "detractor_share": _result.column(shares[:, 0]),
        "n_effective": n,
    }
    schema = {**dict.fromkeys(source.by, "id"), **NPS}
    answer: IntoDataFrameT = _result.native(source, pa.table(table), schema, sort_by=source.by)
    return answer
