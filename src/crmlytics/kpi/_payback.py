"""How long customers take to pay back what it cost to win them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

from crmlytics import _checks, _frame
from crmlytics._columns import Floats
from crmlytics.errors import OptionError
from crmlytics.kpi import _cac_tables, _estimates
from crmlytics.kpi._cac_tables import Side
from crmlytics.kpi._definitions import defined

if TYPE_CHECKING:
    import pandas as pd


@overload
def payback_months(
    cac: float,
    monthly_margin: float,
    *,
    monthly_churn: float = ...,
    by: None = ...,
) -> "pd.DataFrame": ...
@overload
def payback_months(
    cac: IntoDataFrameT,
    monthly_margin: IntoDataFrameT | float,
    *,
    monthly_churn: float = ...,
    by: str | Sequence[str] | None = ...,
) -> IntoDataFrameT: ...
@overload
def payback_months(
    cac: float,
    monthly_margin: IntoDataFrameT,
    *,
    monthly_churn: float = ...,
    by: str | Sequence[str] | None = ...,
) -> IntoDataFrameT: ...
@defined
def payback_months(
    cac: IntoDataFrame | float,
    monthly_margin: IntoDataFrame | float,
    *,
    monthly_churn: float = 0.0,
    by: str | Sequence[str] | None = None,
) -> Any:
    """Count the months after which a customer has earned what winning the customer cost.

    ``value = CAC / m`` with m the margin of a customer in a month, revenue per customer * gross
    margin. With a share c of the customers lost each month the expected margin up to month t is
    ``m (1 - (1 - c)^t) / c``, which reaches the CAC at
    ``value = log(1 - c * CAC / m) / log(1 - c)``.

    Parameters
    ----------
    cac : table or float
        The answer of `cac`, or a number of 0 or more. Of a table the blended rows are used, or the
        rows of channels where `by` holds "channel"; "value", "lower" and "upper" are read.
    monthly_margin : table or float
        Margin per customer and month, which is not revenue: a number, or a table with one row per
        group and the margin in "value". It is taken as known.
    monthly_churn : float, default 0.0
        Share of the customers lost each month, from 0 to below 1. The first month is paid by all.
    by : str or list of str, optional
        Columns to group by, in every table, such as "channel".

    Returns
    -------
    table
        One row (a group, of either table), sorted, of the kind that came in (pandas for numbers):
        the columns of `by`, ``value`` (float, months), ``lower``, ``upper`` (float; those of the
        CAC carried through; null without them, and an upper one where so high a cost would never
        be paid back), ``numerator`` (float, CAC), ``denominator`` (float, margin per month). The
        value is null where the CAC is unknown, the margin is not above 0, or all that is
        expected, m / c, does not exceed the CAC: it is never paid back.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a group has several rows, values are infinite, or the tables come from two libraries.
    OptionError
        If a number or an option lies outside what is allowed, or `by` comes without a table.

    See Also
    --------
    cac : the cost of winning customers.
    ltv_cac : what customers are worth in all against what they cost.

    Notes
    -----
    Nothing is discounted. Between whole months the curve of the expected margin is followed.

    References
    ----------
    Skok, SaaS metrics 2.0 (months to recover CAC). Gupta and Lehmann (2003), Customers as assets,
    Journal of Interactive Marketing 17(1), 9-24 (margins of customers who stay).

    Examples
    --------
    >>> import crmlytics as crm
    >>> crm.kpi.payback_months(300.0, 50 * 0.8)
       value  lower  upper  numerator  denominator
    0    7.5    NaN    NaN      300.0         40.0
    >>> crm.kpi.payback_months(300.0, 50 * 0.8, monthly_churn=0.05)["value"].round(2).tolist()
    [9.16]
    """
    caller = "payback_months"
    churn = _checks.number(monthly_churn, name="monthly_churn", caller=caller, low=0.0, high=1.0)
    if churn == 1.0:
        raise OptionError(
            f"{caller}: monthly_churn must lie below 1; got {monthly_churn!r}. At 1 nobody is left "
            "after a month."
        )
    result = tuple(_estimates.ESTIMATE)
    cost = _cac_tables.read_cac(cac, caller, by=by, result=result)
    margin = _read_margin(monthly_margin, caller, by, result)
    met = _cac_tables.meet(cost, margin, by=by, names=("cac", "monthly_margin"), caller=caller)
    earned = _cac_tables.by_group(margin, met.right, met.size, "value", by=by)
    prices = {
        role: _cac_tables.by_group(cost, met.left, met.size, role, by=by)
        for role in ("value", "lower", "upper")
    }
    months = {role: _months(price, earned, churn) for role, price in prices.items()}
    if cost.source is None:  # a number is known, not estimated
        months |= dict.fromkeys(("lower", "upper"), np.full(met.size, np.nan))
    bounds = (months["lower"], months["upper"])
    return _cac_tables.laid_out(met, months["value"], bounds, prices["value"], earned, {})


def _read_margin(margin: Any, caller: str, by: Any, result: tuple[str, ...]) -> Side:
    if _cac_tables.is_number(margin):
        return Side(_checks.number(margin, name="monthly_margin", caller=caller, low=-np.inf))
    source = _frame.read(
        margin, caller=caller, argument="monthly_margin", roles={"value": "value"}, by=by,
        result=result,
    )  # fmt: skip
    return Side(None, source)


def _months(cost: Floats, margin: Floats, churn: float) -> Floats:
    """Solve margin * (1 - (1 - churn)^t) / churn = cost for t; NaN where it is never reached."""
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.where(margin > 0, cost / margin, np.nan)
        if churn == 0:
            return plain
        left = 1 - churn * plain  # the share of all margin to come that is left after t
        return np.where(left > 0, np.log1p(-churn * plain) / np.log1p(-churn), np.nan)
