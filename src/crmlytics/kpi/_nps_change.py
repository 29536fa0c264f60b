"""Whether the Net Promoter Score has changed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _frame, _result
from crmlytics.errors import DataError
from crmlytics.kpi import _answers, _pairs
from crmlytics.kpi._answers import SIGNS, TRIPLES, Answers
from crmlytics.kpi._definitions import defined
from crmlytics.kpi._nps import ADVICE

CHANGE = {
    **dict.fromkeys(("before", "after", "change", "lower", "upper", "z", "p_value"), "float"),
    **dict.fromkeys(("n_before", "n_after", "n_missing", "n_unpaired"), "int"),
}
# pairs of +1 and of -1 beside those there are, Bonett and Price 2012
_PAIRED = np.array([0.0, 1.0, 0.0, 1.0, 0.0])


@defined
def nps_change(
    before: IntoDataFrameT,
    after: IntoDataFrameT,
    *,
    paired: bool = False,
    weights_col: str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    score_col: str = "score",
    customer_col: str = "customer_id",
) -> IntoDataFrameT:
    """Say by how many points the Net Promoter Score has changed, and whether that is chance.

    Hand over the answers of two waves. Where they come from different customers the two variances
    add up; where the same customers answered twice, ``paired=True`` compares each with himself,
    which is far more exact.

    Parameters
    ----------
    before, after : table
        One row per answer; both of one library.
    paired : bool, default False
        Whether to use only customers who answered in both tables, and the same group, and to
        compare each with himself. Then a customer may answer once in each table.
    weights_col : str, optional
        A column of weights, 0 or more, as for :func:`nps`. A pair weighs the mean of its two.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is compared as if it were alone.
    score_col : str, default "score"
        Name of the column of scores: whole numbers from 0 to 10, null where nothing was answered.
    customer_col : str, default "customer_id"
        Name of the column; it is only read with ``paired=True``.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``before``, ``after`` (float, NPS, -100 to
        100), ``change`` (float, points, after less before), ``lower``, ``upper`` (float, of the
        change, -200 to 200), ``z`` (float), ``p_value`` (float, two-sided), ``n_before``,
        ``n_after`` (int, answers; with `paired` pairs), ``n_missing`` (int, rows of both tables
        without a score), ``n_unpaired`` (int, with `paired` customers with an answer in one table
        only, else 0). What needs an answer that is not there is null, as for a group that only one
        table has.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a score is no whole number from 0 to 10, a weight is negative or unknown or all are 0,
        ids are null, a customer answers twice in a table with `paired`, or the tables do not fit.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If of 20 answers or more none is above 5: then the scale is probably another.

    See Also
    --------
    nps : the score itself.
    compare_groups : differences between groups of one table.

    Notes
    -----
    Each wave has the variance ``(p + d - (p - d)**2) / n``; p, d and n are taken with 3/8 of a
    promoter, 3/4 of a passive and 3/8 of a detractor added. Interval, z and p-value all come from
    that difference and the sum of the two variances, so that they agree; ``change`` is the plain
    difference. With `paired` the variance is that of the differences of customers (-200, -100, 0,
    100 or 200), with a pair of +100 and one of -100 added. Equal answers throughout thus make no
    interval of no width.

    References
    ----------
    Agresti and Caffo (2000), Simple and effective confidence intervals for proportions, The
    American Statistician 54, 280-288. Bonett and Price (2012), Adjusted Wald confidence interval
    for a difference of binomial proportions based on paired data, J. Educational and Behavioral
    Statistics 37, 479-488. Rocks (2016), The American Statistician 70, 365-372.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> before = pd.DataFrame({"customer_id": list("abcd"), "score": [10, 8, 6, 3]})
    >>> after = pd.DataFrame({"customer_id": list("abcd"), "score": [10, 9, 8, 2]})
    >>> columns = ["before", "after", "change", "lower", "upper"]
    >>> crm.kpi.nps_change(before, after)[columns].round(1)
       before  after  change  lower  upper
    0   -25.0   25.0    50.0  -58.8  131.6
    >>> crm.kpi.nps_change(before, after, paired=True)[columns].round(1)
       before  after  change  lower  upper
    0   -25.0   25.0    50.0  -26.3   93.0
    """
    caller = "nps_change"
    level = _checks.confidence(confidence, caller)
    _checks.flag(paired, name="paired", caller=caller)
    roles = {"score_col": score_col, "weights_col": weights_col}
    roles |= {"customer_col": customer_col} if paired else {}
    waves = [
        _answers.read(
            table, caller=caller, argument=name, low=0, high=10, advice=ADVICE, by=by,
            result=tuple(CHANGE), roles=roles,
        )
        for name, table in (("before", before), ("after", after))
    ]  # fmt: skip
    one, other = (wave.source for wave in waves)
    _frame.same_library(one, other)
    names = {role: one.names[role] for role in one.by}
    together = _pairs.groups(one, other, names, None, None)
    groups, size = (together.left, together.right), together.size
    found = _paired(waves, groups, size) if paired else _apart(waves, groups, size)
    lower, upper = _answers.bounds(found["change"], found["mean"], found["variance"], level, 2.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = found["mean"] / np.sqrt(found["variance"])
    z = np.where(np.isnan(found["change"]), np.nan, z)
    missing = [wave.missing(codes, size) for wave, codes in zip(waves, groups, strict=True)]
    points = {
        "lower": lower,
        "upper": upper,
        **{k: found[k] for k in ("before", "after", "change")},
    }
    table = dict(together.names) | {
        **{name: _result.column(100 * values) for name, values in points.items()},
        "z": _result.column(z),
        "p_value": _result.column(_answers.two_sided(z)),
        **{name: found[name] for name in ("n_before", "n_after", "n_unpaired")},
        "n_missing": missing[0] + missing[1],
    }
    answer: IntoDataFrameT = _result.native(
        one, pa.table(table), together.schema | CHANGE, sort_by=list(together.names)
    )
    return answer


def _apart(waves: list[Answers], groups: Any, size: int) -> dict[str, Any]:
    """Compare two independent waves."""
    scores, means, variances, n = [], [], [], []
    for wave, codes in zip(waves, groups, strict=True):
        counted = _answers.count(wave, wave.of(codes), size, _answers.classes(wave.score), 3)
        shares = counted.shares()
        effective = counted.effective(SIGNS, TRIPLES / 2)
        mean, variance = _answers.adjusted(shares[:, 2], shares[:, 0], effective, TRIPLES / 2)
        scores.append(shares[:, 2] - shares[:, 0])
        means.append(mean)
        variances.append(variance)
        n.append(counted.n)
    return {
        "before": scores[0],
        "after": scores[1],
        "change": scores[1] - scores[0],
        "mean": means[1] - means[0],
        "variance": variances[0] + variances[1],
        "n_before": n[0],
        "n_after": n[1],
        "n_unpaired": np.zeros(size, dtype=np.int64),
    }


def _paired(waves: list[Answers], groups: Any, size: int) -> dict[str, Any]:
    """Compare each customer with himself."""
    people = _pairs.customers(waves[0].source, waves[1].source)
    stride = max(people.size, 1)
    cells = []
    for wave, codes, who in zip(waves, groups, (people.left, people.right), strict=True):
        cells.append(wave.of(codes) * stride + wave.of(who))
        twice = len(cells[-1]) - len(np.unique(cells[-1]))
        if twice:
            source = wave.source
            raise DataError(
                f"{source.caller}: {twice} of {len(cells[-1])} answers of {source.argument} are "
                f"further ones of the same {source.names['customer']!r} (customer_col), and with "
                "paired=True each has one. Keep the last of each."
            )
    both, left, right = np.intersect1d(cells[0], cells[1], assume_unique=True, return_indices=True)
    group = both // stride
    n = np.bincount(group, minlength=size)
    alone = sum(np.bincount(each // stride, minlength=size) for each in cells) - 2 * n
    signs = [
        _answers.classes(wave.score)[at] - 1 for wave, at in zip(waves, (left, right), strict=True)
    ]
    weight = None
    if waves[0].weight is not None and waves[1].weight is not None:
        weight = (waves[0].weight[left] + waves[1].weight[right]) / 2
    pairs = Answers(waves[0].source, None, signs[0], weight)
    values = np.arange(-2.0, 3.0)
    moved = _answers.count(pairs, group, size, signs[1] - signs[0] + 2, 5)
    shares, effective = moved.shares(), moved.effective(values, _PAIRED)
    total = effective + _PAIRED.sum()
    filled = (effective[:, None] * shares + _PAIRED) / total[:, None]
    mean = filled @ values
    scores = [_answers.count(pairs, group, size, sign + 1, 3).shares() @ SIGNS for sign in signs]
    return {
        "before": scores[0],
        "after": scores[1],
        "change": shares @ values,
        "mean": mean,
        "variance": (filled @ values**2 - mean**2) / total,
        "n_before": n,
        "n_after": n,
        "n_unpaired": alone,
    }
