"""What customers are worth against what it costs to win them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

from crmlytics import _checks, _frame, _intervals
from crmlytics._columns import Floats
from crmlytics.kpi import _cac_tables, _estimates
from crmlytics.kpi._cac_tables import Side
from crmlytics.kpi._definitions import defined

if TYPE_CHECKING:
    import pandas as pd

_RESULT = (*_estimates.ESTIMATE, "customers")


@overload
def ltv_cac(
    clv: float,
    cac: float,
    *,
    confidence: float = ...,
    by: None = ...,
    customer_col: str = ...,
) -> "pd.DataFrame": ...
@overload
def ltv_cac(
    clv: IntoDataFrameT,
    cac: IntoDataFrameT | float,
    *,
    confidence: float = ...,
    by: str | Sequence[str] | None = ...,
    customer_col: str = ...,
) -> IntoDataFrameT: ...
@overload
def ltv_cac(
    clv: float,
    cac: IntoDataFrameT,
    *,
    confidence: float = ...,
    by: str | Sequence[str] | None = ...,
    customer_col: str = ...,
) -> IntoDataFrameT: ...
@defined
def ltv_cac(
    clv: IntoDataFrame | float,
    cac: IntoDataFrame | float,
    *,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
) -> Any:
    """Hold the value of customers against the cost of winning them.

    ``value = mean CLV / CAC``. Both must be on margin: a CLV made of revenue makes the ratio too
    high by 1 / margin. The CLV should be that of new customers over their life: the answer of `clv`
    leaves out what customers have brought before `as_of`.

    Parameters
    ----------
    clv : table or float
        One row per customer, with a column "clv" as `clv` makes it; or the mean itself, which is
        then taken as known.
    cac : table or float
        The answer of `cac`, or a number of 0 or more. Of a table the blended rows are used, or the
        rows of channels where `by` holds "channel"; "value", "lower" and "upper" are read.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1: the one that the interval of `cac` was made with.
    by : str or list of str, optional
        Columns to group by, in both tables, such as "channel".
    customer_col : str
        Name of the id of customers in `clv`.

    Returns
    -------
    table
        One row (a group, of either table), sorted, of the kind that came in (pandas for numbers):
        the columns of `by`, ``value`` (float, ratio), ``lower``, ``upper`` (float; see Notes),
        ``numerator`` (float, mean CLV), ``denominator`` (float, CAC), ``customers`` (int, those
        behind the mean; null where it was given as a number). The value is null where the CAC is 0
        or unknown, or there is no customer.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If customers are there twice, a group has several costs, values are infinite, or the tables
        come from two libraries.
    OptionError
        If a number or an option lies outside what is allowed, or `by` comes without a table.

    Warns
    -----
    CrmlyticsWarning
        If customers without a CLV are left out.

    See Also
    --------
    cac : the cost of winning customers.
    clv : the value of customers.
    payback_months : how long until the cost is earned.

    Notes
    -----
    The interval joins the distances of both bounds on the scale of logarithms (MOVER, Donner and
    Zou 2012): with m the mean CLV, s its standard error over customers and c the CAC,
    ``log lower = log(m / c) - sqrt((z s / m)^2 + log(c_upper / c)^2)``, and the upper bound
    likewise with c_lower. It is null where m is not above 0, with fewer than two customers, or
    where nothing is estimated. A CLV that is the answer of a model is taken as it stands: that the
    model may be wrong is not in the interval.

    References
    ----------
    Donner and Zou (2012), Closed-form confidence intervals for functions of the normal mean and
    standard deviation, Statistical Methods in Medical Research 21(4), 347-359.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> values = pd.DataFrame({"customer_id": [1, 2, 3], "clv": [80.0, 120.0, 160.0]})
    >>> crm.kpi.ltv_cac(values, 40.0).round(2)
       value  lower  upper  numerator  denominator  customers
    0    3.0   2.06   4.37      120.0         40.0          3
    """
    caller = "ltv_cac"
    z = _intervals.z_value(_checks.confidence(confidence, caller))
    worth = _read_clv(clv, caller, by, customer_col)
    cost = _cac_tables.read_cac(cac, caller, by=by, result=_RESULT)
    met = _cac_tables.meet(worth, cost, by=by, names=("clv", "cac"), caller=caller)
    mean, error, customers = _mean(worth, met.left, met.size)
    price, low, high = (
        _cac_tables.by_group(cost, met.right, met.size, role, by=by)
        for role in ("value", "lower", "upper")
    )
    value = np.where(price > 0, mean / np.where(price > 0, price, 1.0), np.nan)
    bounds = _bounds(mean, z * error, (price, low, high))
    if met.left is None and met.right is None:  # two numbers: nothing is estimated
        bounds = (bounds[0] * np.nan, bounds[1] * np.nan)
    extra = {"customers": ("int", customers)}
    return _cac_tables.laid_out(met, value, bounds, mean, price, extra)


def _read_clv(clv: Any, caller: str, by: Any, customer_col: str) -> Side:
    if _cac_tables.is_number(clv):
        return Side(_checks.number(clv, name="clv", caller=caller, low=-np.inf))
    source = _frame.read(
        clv, caller=caller, argument="clv", by=by, result=_RESULT, maker="clv",
        roles={"customer_col": customer_col, "clv": "clv"},
    )  # fmt: skip
    _cac_tables.refuse_repeated(source)
    return Side(None, source, _cac_tables.known(source, "clv", "customers"))


def _mean(worth: Side, codes: Any, size: int) -> tuple[Floats, Floats, Any]:
    """Return the mean of each group, its standard error, and how many customers it is made of."""
    if worth.source is None:
        known = np.full(size, worth.number, dtype=np.float64)
        return known, np.zeros(size), pa.nulls(size, pa.int64())
    values, group = worth.source.numbers("clv")[worth.rows], codes[worth.rows]
    n = np.bincount(group, minlength=size)
    mean = _estimates.divide(np.bincount(group, values, size), n)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.bincount(group, (values - mean[group]) ** 2, size) / (n - 1)
        error = np.where(n > 1, np.sqrt(spread / n), np.nan)
    return mean, error, n


def _bounds(mean: Floats, half: Floats, cost: tuple[Floats, Floats, Floats]) -> Any:
    """Join the distances of the bounds of two estimates on the scale of logarithms."""
    price, low, high = cost
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.log(np.where(mean > 0, mean, np.nan) / price)
        below = np.hypot(half / mean, np.log(high / price))
        above = np.hypot(half / mean, np.log(low / price))
        return np.exp(middle - below), np.exp(middle + above)
