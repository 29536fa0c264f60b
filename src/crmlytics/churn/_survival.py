"""How long customers stay: Kaplan-Meier curves, medians, and the log-rank test between groups."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _groups, _intervals, _life_table, _result
from crmlytics._columns import Ints
from crmlytics.churn import _spells

CURVE_SCHEMA = {
    "tenure_days": "int",
    "at_risk": "int",
    "churned": "int",
    "censored": "int",
    "survival": "float",
    "lower": "float",
    "upper": "float",
    "hazard": "float",
}
SUMMARY_SCHEMA = {
    "n": "int",
    "churned": "int",
    "expected": "float",
    "median_tenure_days": "int",
    "lower": "int",
    "upper": "int",
    "horizon_days": "int",
    "restricted_mean_days": "float",
    "mean_lower": "float",
    "mean_upper": "float",
    "chi2": "float",
    "degrees_of_freedom": "int",
    "p_value": "float",
}


def survival_curve(
    subscriptions: IntoDataFrameT,
    *,
    by: str | Sequence[str] | None = None,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
    start_col: str = "start_date",
    end_col: str = "end_date",
) -> IntoDataFrameT:
    """Share of customers who stay longer than each tenure (Kaplan-Meier).

    ``S(t) = product over tenures u up to t of (1 - churned(u) / at_risk(u))``. Customers who are
    still there count as long as they have been watched (they are censored), neither as lost nor as
    staying for ever.

    Parameters
    ----------
    subscriptions : table
        One row a subscription. Those of one customer that overlap or follow each other without a
        day between are one spell: a renewal, a change of plan or one of two subscriptions
        cancelled is no churn. Who comes back after a break begins another spell.
    by : str or list of str, optional
        Columns to group by, as they were when a spell began.
    as_of : date, default the last date of the table, of start or end
        The last day seen, inclusive. Later starts are not used, later ends are open. Give it where
        ends lie ahead, as those of contracts do.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    customer_col, start_col, end_col : str
        Names of the columns. The end is the first day without the subscription; null where there
        is none yet.

    Returns
    -------
    table
        One row a group and tenure at which somebody left, besides 0 and the longest tenure seen;
        sorted: the columns of `by`, ``tenure_days`` (int, days), ``at_risk`` (int; spells of this
        tenure or longer), ``churned`` (int; ended at it), ``censored`` (int; last seen at it or
        before the next row), ``survival`` (float, 0 to 1; longer than this tenure), ``lower``,
        ``upper`` (float; null where survival is 0, or 1 after the start), ``hazard`` (float;
        churned / at_risk, whose sum is the Nelson-Aalen estimate).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or starts are null, an end lies before its start, a spell begins in two groups at
        once, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    See Also
    --------
    survival_summary : medians, and whether groups differ.
    plot_survival : draws the curves.
    fit_survival : how the risk depends on features.

    Notes
    -----
    Greenwood's variance of ln S is the sum of churned / (at_risk (at_risk - churned)); the
    interval is made on the scale of ln(-ln S) and so stays between 0 and 1. Spells of one customer
    are taken for independent.

    References
    ----------
    Kaplan and Meier (1958), Nonparametric estimation from incomplete observations, JASA 53,
    457-481. Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data,
    2nd ed., p. 17-18.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> subscriptions = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "c", "d"],
    ...         "start_date": pd.to_datetime(["2026-01-01"] * 4),
    ...         "end_date": pd.to_datetime(["2026-01-11", "2026-01-21", None, "2026-01-31"]),
    ...     }
    ... )
    >>> curve = crm.churn.survival_curve(subscriptions, as_of="2026-01-26")
    >>> curve[["tenure_days", "at_risk", "churned", "censored", "survival"]]
       tenure_days  at_risk  churned  censored  survival
    0            0        4        0         0      1.00
    1           10        4        1         0      0.75
    2           20        3        1         0      0.50
    3           25        2        0         2      0.50
    """
    caller = "survival_curve"
    z = _intervals.z_value(_checks.confidence(confidence, caller))
    columns = (customer_col, start_col, end_col)
    spells = _read(subscriptions, caller, as_of, by, columns, CURVE_SCHEMA)
    schema = dict.fromkeys(spells.source.by, "id") | CURVE_SCHEMA
    if not spells.size:
        empty: IntoDataFrameT = _result.empty(spells.source, schema)
        return empty
    grouped, codes = _grouped(spells)
    table = _life_table.life_table(codes, grouped.size, spells.tenure, spells.churned)
    survival, variance = table.survival()
    lower, upper = _life_table.bounds(survival, variance, z)
    begins = table.tenure == 0
    sure = begins & (table.churned == 0)  # everybody is there at the start
    reduced = {
        **grouped.columns(table.group),
        "tenure_days": table.tenure,
        "at_risk": table.at_risk,
        "churned": table.churned,
        "censored": table.censored,
        "survival": survival,
        "lower": _result.column(np.where(sure, 1.0, lower)),
        "upper": _result.column(np.where(sure, 1.0, upper)),
        "hazard": table.churned / table.at_risk,
    }
    answer: IntoDataFrameT = _result.native(
        spells.source, pa.table(reduced), schema, sort_by=[*spells.source.by, "tenure_days"]
    )
    return answer


def survival_summary(
    subscriptions: IntoDataFrameT,
    *,
    by: str | Sequence[str] | None = None,
    horizon_days: int | None = None,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
    start_col: str = "start_date",
    end_col: str = "end_date",
) -> IntoDataFrameT:
    """Median and mean tenure, and the log-rank test of whether groups stay equally long.

    The median is the first tenure at which half or fewer are left. The restricted mean is the area
    under the curve up to `horizon_days`: the days of the first so many that a customer stays.

    Parameters
    ----------
    subscriptions : table
        One row a subscription, read as `survival_curve` does.
    by : str or list of str, optional
        Columns to group by, as they were when a spell began.
    horizon_days : int, optional
        Where the mean ends, in days, 1 or more. By default the longest tenure up to which the
        curves of all groups are known.
    as_of : date, default the last date of the table, of start or end
        The last day seen, inclusive. Later starts are not used, later ends are open.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1.
    customer_col, start_col, end_col : str
        Names of the columns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``n`` (int, spells), ``churned`` (int),
        ``expected`` (float; who would have left if all groups were alike),
        ``median_tenure_days``, ``lower``, ``upper`` (int, days; null where the curve or its bound
        stays above one half), ``horizon_days`` (int), ``restricted_mean_days``, ``mean_lower``,
        ``mean_upper`` (float, days; null where the horizon lies beyond what was seen of the
        group), ``chi2`` (float), ``degrees_of_freedom`` (int), ``p_value`` (float): one test of
        all groups, the same in each row, null with one group or nobody lost.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or starts are null, an end lies before its start, a spell begins in two groups at
        once, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    See Also
    --------
    survival_curve : the curves themselves.

    Notes
    -----
    Log-rank: at each tenure the lost are shared out by who was at risk, ``expected = sum of
    churned * at_risk of the group / at_risk``; chi2 compares churned with expected by their
    hypergeometric covariance. The median's interval holds the tenures at which the interval of
    the curve holds one half (Brookmeyer and Crowley 1982). Variance of the restricted mean: sum
    of (area beyond t)^2 churned / (at_risk (at_risk - churned)).

    References
    ----------
    Mantel (1966), Evaluation of survival data and two new rank order statistics, Cancer
    Chemotherapy Reports 50, 163-170. Brookmeyer and Crowley (1982), A confidence interval for the
    median survival time, Biometrics 38, 29-41. Klein and Moeschberger (2003), Survival Analysis,
    2nd ed., p. 118, 120 and 207.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> subscriptions = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "c", "d"],
    ...         "start_date": pd.to_datetime(["2026-01-01"] * 4),
    ...         "end_date": pd.to_datetime(["2026-01-11", "2026-01-21", None, "2026-01-31"]),
    ...     }
    ... )
    >>> summary = crm.churn.survival_summary(subscriptions, as_of="2026-01-26", horizon_days=20)
    >>> summary[["n", "churned", "median_tenure_days", "restricted_mean_days"]]
       n  churned  median_tenure_days  restricted_mean_days
    0  4        2                  20                  17.5
    """
    caller = "survival_summary"
    z = _intervals.z_value(_checks.confidence(confidence, caller))
    horizon = None if horizon_days is None else _spells.horizon(horizon_days, caller)
    columns = (customer_col, start_col, end_col)
    spells = _read(subscriptions, caller, as_of, by, columns, SUMMARY_SCHEMA)
    schema = dict.fromkeys(spells.source.by, "id") | SUMMARY_SCHEMA
    if not spells.size:
        empty: IntoDataFrameT = _result.empty(spells.source, schema)
        return empty
    grouped, codes = _grouped(spells)
    table = _life_table.life_table(codes, grouped.size, spells.tenure, spells.churned)
    survival, variance = table.survival()
    lower, upper = _life_table.bounds(survival, variance, z)
    ends = table.starts[1:] - 1
    if horizon is None:
        open_ended = table.tenure[ends][survival[ends] > 0]
        horizon = int(open_ended.min() if len(open_ended) else table.tenure.max())
    mean, error = table.restricted_mean(survival, horizon)
    test = _life_table.log_rank(codes, grouped.size, spells.tenure, spells.churned)
    reduced = {
        **grouped.columns(np.arange(grouped.size)),
        "n": np.bincount(codes, minlength=grouped.size),
        "churned": np.bincount(codes[spells.churned], minlength=grouped.size),
        "expected": test.expected,
        "median_tenure_days": table.first_at_half(survival),
        "lower": table.first_at_half(np.where(survival > 0, lower, 0.0)),
        "upper": table.first_at_half(upper),
        "horizon_days": np.full(grouped.size, horizon),
        "restricted_mean_days": _result.column(mean),
        "mean_lower": _result.column(np.maximum(mean - z * error, 0.0)),
        "mean_upper": _result.column(np.minimum(mean + z * error, horizon)),
        **_test(test, grouped.size),
    }
    answer: IntoDataFrameT = _result.native(
        spells.source, pa.table(reduced), schema, sort_by=spells.source.by
    )
    return answer


def _read(
    table: Any, caller: str, as_of: Any, by: Any, columns: tuple[str, str, str], schema: Any
) -> _spells.Spells:
    names = ("customer_col", "start_col", "end_col")
    return _spells.read(
        table, caller=caller, argument="subscriptions", as_of=as_of, by=by,
        roles=dict(zip(names, columns, strict=True)), result=tuple(schema),
    )  # fmt: skip


def _grouped(spells: _spells.Spells) -> tuple[_groups.Groups, Ints]:
    """Return the groups, and the group of each spell."""
    begins = np.zeros(spells.source.n_rows, dtype=bool)
    begins[spells.rows] = True
    grouped = _groups.groups(spells.source, begins)
    if grouped.codes is None:
        return grouped, np.zeros(spells.size, dtype=np.int64)
    return grouped, np.asarray(grouped.codes[spells.rows], dtype=np.int64)


def _test(test: _life_table.LogRank, size: int) -> dict[str, Any]:
    """Return the columns of the test, null where there is none."""
    from scipy.special import chdtrc

    chi2 = np.full(size, np.nan if test.chi2 is None else test.chi2)
    degrees = np.full(size, test.degrees_of_freedom)
    known = ~np.isnan(chi2)
    return {
        "chi2": _result.column(chi2),
        "degrees_of_freedom": _result.column(degrees, known),
        "p_value": _result.column(chdtrc(degrees, chi2), known),
    }
