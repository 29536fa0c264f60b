"""Which groups differ from the others, by more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _groups, _intervals, _result
from crmlytics._columns import Bools, Floats
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.kpi import _answers
from crmlytics.kpi._answers import TRIPLES

COMPARED = {
    **dict.fromkeys(("value", "rest", "difference", "lower", "upper"), "float"),
    **dict.fromkeys(("z", "p_value", "p_adjusted", "chi2"), "float"),
    "degrees_of_freedom": "int",
    "p_overall": "float",
}
_CORRECTIONS = {
    "holm": _intervals.holm,
    "bh": _intervals.benjamini_hochberg,
    "bonferroni": _intervals.bonferroni,
}
_SCORE = ("promoters", "detractors", "n")
_SHARE = ("numerator", "denominator")
_WEIGHED = ("promoter_share", "detractor_share", "n_effective")


@dataclass(frozen=True)
class _Compared:
    """What the table says of each group: its value and that of the others, from -1 or 0 to 1."""

    value: Floats
    rest: Floats
    lower: Floats  # of the difference
    upper: Floats
    z: Floats
    chi2: float


def compare_groups(
    estimates: IntoDataFrameT,
    *,
    by: str | Sequence[str],
    correction: str | None = "holm",
    confidence: float = 0.95,
) -> IntoDataFrameT:
    """Compare each group with all the others together, and say which differ.

    For the answers of :func:`nps` and of every KPI that is a share of counts: `csat`, `ces` (but
    not its mean), `conversion_rate`, `churn_rate`, `repeat_rate`, `resolution_rate` and more. Of
    many groups one will look different by chance; ``p_adjusted`` takes that into account, and
    ``p_overall`` says whether there are differences at all.

    Parameters
    ----------
    estimates : table
        The answer of such a function, one row a group.
    by : str or list of str
        The columns it was grouped by.
    correction : {"holm", "bh", "bonferroni"} or None, default "holm"
        How p-values are corrected for the number of groups. "holm" and "bonferroni" keep the
        probability of any false alarm small, "bh" (Benjamini and Hochberg) the share of false
        ones. Two groups are one comparison, seen from both sides, and need none.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1. They are of one difference each, not corrected.

    Returns
    -------
    table
        One row a group, sorted: the columns of `by`, ``value`` (float; NPS from -100 to 100, shares
        from 0 to 1), ``rest`` (float, the same of all other groups together), ``difference``
        (float, value less rest), ``lower``, ``upper`` (float, of the difference), ``z`` (float),
        ``p_value``, ``p_adjusted`` (float, two-sided), ``chi2`` (float), ``degrees_of_freedom``
        (int) and ``p_overall`` (float) of the test of all groups at once, the same in each row.
        Null where a group, or all others, have nothing counted, and with a single group.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or the table is none of these answers.
    DataError
        If a group stands twice, or the table holds a ratio that is no share of counts.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    nps_change : two waves of one survey.

    Notes
    -----
    Shares: the interval is Newcombe's hybrid of two Wilson intervals, z the test of two shares with
    the pooled variance, chi2 Pearson's. NPS: half the pseudo-answers of :func:`nps` are added to
    each side; z is the difference over the root of the sum of the two variances, and chi2 the sum
    of the squared distances of the groups from their mean, each over its variance.

    Groups, and what is counted in them, are taken for independent. Where a customer counts several
    times in a group (with several tickets, or complaints per order) p-values are too small; where
    customers count in several groups they may be too large. Answers with a column ``n_effective``
    count as that many, so that weights count.

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17, 873-890, method 10. Holm (1979), Scandinavian J. of Statistics 6,
    65-70. Benjamini and Hochberg (1995), J. Royal Statistical Society B 57, 289-300. Agresti and
    Caffo (2000), The American Statistician 54, 280-288.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> rates = pd.DataFrame(
    ...     {
    ...         "channel": ["app", "email", "web"],
    ...         "numerator": [30, 10, 32],
    ...         "denominator": [100, 100, 100],
    ...     }
    ... )
    >>> compared = crm.kpi.compare_groups(rates, by="channel")
    >>> compared[["channel", "value", "rest", "difference", "lower", "upper"]].round(2)
      channel  value  rest  difference  lower  upper
    0     app   0.30  0.21        0.09  -0.01   0.20
    1   email   0.10  0.31       -0.21  -0.29  -0.11
    2     web   0.32  0.20        0.12   0.02   0.23
    >>> compared[["channel", "p_adjusted", "chi2", "degrees_of_freedom"]].round(4)
      channel  p_adjusted     chi2  degrees_of_freedom
    0     app      0.0853  16.2281                   2
    1   email      0.0002  16.2281                   2
    2     web      0.0436  16.2281                   2
    """
    caller = "compare_groups"
    level = _checks.confidence(confidence, caller)
    if correction is not None:
        _checks.choice(correction, tuple(_CORRECTIONS), name="correction", caller=caller)
    if not _checks.columns(by, name="by", caller=caller):
        raise OptionError(
            f"{caller}: by must name the columns that the table was grouped by; got {by!r}."
        )
    source, is_score = _open(estimates, by, caller)
    grouped = _groups.groups(source, None)
    _once(source, grouped)
    order = np.argsort(grouped.of_rows(None, source.n_rows), kind="stable")
    parts = {role: source.numbers(role)[order] for role in source.names if role not in source.by}
    found = _scores(parts, level) if is_score else _shares(source, parts, level)
    unit = 100.0 if is_score else 1.0
    p_values = _answers.two_sided(found.z)
    degrees = int(np.count_nonzero(~np.isnan(found.value))) - 1
    overall = _overall(found.chi2, degrees)
    # two groups are compared once, from both sides
    several = correction is not None and degrees > 1
    adjusted = _CORRECTIONS[str(correction)](p_values) if several else p_values
    points = {
        "value": found.value,
        "rest": found.rest,
        "difference": found.value - found.rest,
        "lower": found.lower,
        "upper": found.upper,
    }
    size = grouped.size
    table = grouped.columns(np.arange(size)) | {
        **{name: _result.column(unit * values) for name, values in points.items()},
        "z": _result.column(found.z),
        "p_value": _result.column(p_values),
        "p_adjusted": _result.column(adjusted),
        "chi2": _result.column(np.full(size, found.chi2 if degrees > 0 else np.nan)),
        "degrees_of_freedom": _result.column(np.full(size, degrees), np.full(size, degrees > 0)),
        "p_overall": _result.column(np.full(size, overall)),
    }
    schema = {**dict.fromkeys(source.by, "id"), **COMPARED}
    answer: IntoDataFrameT = _result.native(source, pa.table(table), schema, sort_by=source.by)
    return answer


def _open(estimates: Any, by: Any, caller: str) -> tuple[Source, bool]:
    """Read the table; say whether it holds scores of promoters, and not shares."""
    opened, _ = _frame.open_table(estimates, caller=caller, argument="estimates", lazy=False)
    columns = list(opened.collect_schema().names())
    is_score = set(_SCORE) <= set(columns)
    if not is_score and not set(_SHARE) <= set(columns):
        raise ColumnError(
            f"{caller}: estimates has neither the columns {list(_SHARE)} of a share nor "
            f"{list(_SCORE)} of an NPS; it has {columns}. Hand over the answer of nps, csat, "
            "repeat_rate and the like."
        )
    wanted = [
        *(_SCORE if is_score else ("value", *_SHARE)),
        *(_WEIGHED if is_score else _WEIGHED[2:]),
    ]
    roles = {name: name for name in wanted if name in columns}
    source = _frame.read(
        estimates, caller=caller, argument="estimates", roles=roles, by=by,
        result=tuple(COMPARED),
    )  # fmt: skip
    for name in roles:
        series = source.column(name)
        if _columns.family(series) != "number" and not _columns.null_mask(series).all():
            raise ColumnError(
                f"{caller}: column {name!r} of estimates holds {_columns.describe(series)}, not "
                "numbers. Hand over the answer of nps, csat, repeat_rate and the like as it is."
            )
    return source, is_score


def _once(source: Source, grouped: Any) -> None:
    extra = source.n_rows - grouped.size
    if extra > 0:
        names = [source.names[role] for role in source.by]
        raise DataError(
            f"{source.caller}: {extra} of {source.n_rows} rows of estimates repeat a group of "
            f"{names} (by). Name all columns it was grouped by, or keep one period or measure."
        )


def _counts(source: Source, parts: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Return numerators and denominators of shares; refuse ratios of anything else."""
    top, bottom = (np.nan_to_num(parts[name], nan=0.0) for name in _SHARE)
    whole = (top == np.floor(top)) & (bottom == np.floor(bottom))
    for right, what in (
        (whole, "are no whole numbers, such as"),
        ((top >= 0) & (top <= bottom), "are below 0 or above their denominator, such as"),
    ):
        if not right.all():
            example = top[~right].max()
            raise DataError(
                f"{source.caller}: {int((~right).sum())} of {source.n_rows} numerators of "
                f"estimates {what} {example:.12g}: it is a ratio of sums or a mean, not a share of "
                "counts. Compare the intervals of its groups by eye."
            )
    return top, bottom


def _shares(source: Source, parts: dict[str, Floats], level: float) -> _Compared:
    """Compare shares of counts."""
    top, n = _counts(source, parts)
    if "n_effective" in parts and "value" in parts:  # with weights the counts are not the value
        n = np.nan_to_num(parts["n_effective"], nan=0.0)
        top = n * np.nan_to_num(parts["value"], nan=0.0)
    others, m = top.sum() - top, n.sum() - n
    # what is left of a sum of fractions may miss 0 and the whole by a last bit
    others = np.clip(others, 0.0, m)
    with np.errstate(divide="ignore", invalid="ignore"):
        value, rest, pooled = top / n, others / m, top.sum() / n.sum()
        error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        difference = value - rest
        z = difference / error
        chi2 = float(np.nansum(n * (value - pooled) ** 2) / (pooled * (1 - pooled)))
    # all alike: there is nothing to differ
    z = np.where(_comparable(n, m) & (error == 0), 0.0, z)
    chi2 = 0.0 if pooled in (0.0, 1.0) else chi2
    (low, high), (rest_low, rest_high) = (
        _intervals.wilson(hits, of, level) for hits, of in ((top, n), (others, m))
    )
    return _Compared(
        _known(value, n, n),
        _known(rest, m, m),
        _known(difference - np.hypot(value - low, rest_high - rest), n, m),
        _known(difference + np.hypot(high - value, rest - rest_low), n, m),
        _known(z, n, m),
        chi2,
    )


def _scores(parts: dict[str, Floats], level: float) -> _Compared:
    """Compare scores of promoters."""
    promoters, detractors, n = (np.nan_to_num(parts[name], nan=0.0) for name in _SCORE)
    if set(_WEIGHED) <= set(parts):
        shares = [np.nan_to_num(parts[name], nan=0.0) for name in _WEIGHED]
        n = shares[2]
        promoters, detractors = n * shares[0], n * shares[1]
    means, variances, values, sizes = [], [], [], []
    for p, d, of in (
        (promoters, detractors, n),
        (promoters.sum() - promoters, detractors.sum() - detractors, n.sum() - n),
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, variance = _answers.adjusted(p / of, d / of, of, TRIPLES / 2)
            values.append((p - d) / of)
        means.append(mean)
        variances.append(variance)
        sizes.append(of)
    value, rest = values
    variance = variances[0] + variances[1]
    mean = means[0] - means[1]
    lower, upper = _answers.bounds(value - rest, mean, variance, level, 2.0)
    known = n > 0
    weight = 1 / variances[0][known]
    own = means[0][known]
    centre = (weight * own).sum() / weight.sum() if known.any() else np.nan
    return _Compared(
        _known(value, n, n),
        _known(rest, sizes[1], sizes[1]),
        _known(lower, *sizes),
        _known(upper, *sizes),
        _known(mean / np.sqrt(variance), *sizes),
        float((weight * (own - centre) ** 2).sum()),
    )


def _comparable(n: Floats, m: Floats) -> Bools:
    # n.sum() - n of fractions may be off 0 by a last bit
    return (n > 0) & (m > 1e-9)


def _known(values: Floats, n: Floats, m: Floats) -> Floats:
    """Make null what rests on nothing counted."""
    return np.where(_comparable(n, m), values, np.nan)


def _overall(chi2: float, degrees: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(degrees, chi2)) if degrees > 0 else np.nan
