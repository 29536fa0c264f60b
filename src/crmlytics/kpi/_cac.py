"""What it costs to win a customer: spend over the customers it won, with an interval."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _frame
from crmlytics.errors import ColumnError
from crmlytics.kpi import _cac_cells, _pairs
from crmlytics.kpi._definitions import defined


@defined
def cac(
    spend: IntoDataFrameT,
    customers: IntoDataFrameT,
    *,
    as_of: date | str,
    lag_days: int = 0,
    period: str | None = None,
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    acquired_col: str = "acquired_on",
    channel_col: str | None = "channel",
    date_col: str = "date",
    cost_col: str = "cost",
) -> IntoDataFrameT:
    """Divide what winning customers cost by the customers won: blended, paid, by channel.

    ``value = cost / new customers``. Spend of day t wins the customers of day t + `lag_days`. So
    the customers acquired from the first spend day + `lag_days` to `as_of` are counted, against the
    spend up to `as_of` - `lag_days`. Customers acquired earlier or later, or on an unknown day, are
    left out and counted in a warning.

    Parameters
    ----------
    spend : table
        What winning customers cost: one row per day (week, month) and channel. Each row is booked
        on its date; 0 is no cost, null an unknown one. Rows without a channel are costs that no
        channel stands for, such as salaries.
    customers : table
        One row per customer, also those without a purchase.
    as_of : date
        The last day seen, inclusive; spend should reach up to it.
    lag_days : int, default 0
        Days from spend to the customers it wins, 0 or more.
    period : {"D", "W", "M", "Q", "Y"}, optional
        Split into days, weeks from Monday, months, quarters or years, by the day of acquisition:
        cost of day t falls in the period of t + `lag_days`.
    precision : int, default 2
        Decimals to which costs are rounded, halves up (-9 to 9).
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by, in both tables: each group is counted as if it were alone, over the
        days of all.
    customer_col, acquired_col : str
        Names of the columns of customers: the id, and when the customer was won.
    channel_col : str or None, default "channel"
        The channel, in both tables. None gives the blended rows alone.
    date_col, cost_col : str
        Names of the columns of spend.

    Returns
    -------
    table
        Rows within each group (and period) in this order of ``level``: "blended" (all cost / all
        new customers), "paid" (channels with a cost above 0), "channel" (one row each, sorted) and
        "unattributed" (costs and customers without a channel). Columns: those of `by`; with
        `period` ``period`` (timestamp; its first day); ``level`` (str); ``channel`` (null but for
        channels; not there with ``channel_col=None``); ``value`` (float, unit of the costs per
        customer), ``lower``, ``upper`` (float; the cost is known, the number of customers a Poisson
        count with Garwood's exact interval), ``numerator`` (float, cost; null where a cost is
        unknown), ``denominator`` (int, new customers); with `period` ``complete`` (bool; False
        where the period was not over on `as_of`, or began before the first day counted).
        The value is null without a customer (the cost is in the numerator), for channels and
        groups that spend does not name (organic: nobody has stated a cost) and for "unattributed".

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or `by` names the channel beside `channel_col`.
    DataError
        If ids or dates of spend are null, customers are there twice, costs are negative or
        infinite, or the tables come from two libraries.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the spend.

    Warns
    -----
    CrmlyticsWarning
        If customers are left out, or spend ends long before `as_of` - `lag_days`: the customers
        won since then look as if they cost nothing.

    See Also
    --------
    ltv_cac : what customers are worth against what they cost.
    payback_months : how long until they have paid it back.

    References
    ----------
    Garwood (1936), Fiducial limits for the Poisson distribution, Biometrika 28(3/4), 437-442.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-01", "2026-01-01", "2026-01-15"])
    >>> costs = {"date": days, "channel": ["search", "social", "search"], "cost": [60.0, 40, 60]}
    >>> won = {"customer_id": [1, 2, 3, 4], "acquired_on": pd.to_datetime("2026-01-20")}
    >>> won["channel"] = ["search", "search", "organic", None]
    >>> table = crm.kpi.cac(pd.DataFrame(costs), pd.DataFrame(won), as_of="2026-01-31")
    >>> table[["level", "channel", "value", "numerator", "denominator"]]
              level  channel  value  numerator  denominator
    0       blended      NaN   40.0      160.0            4
    1          paid      NaN   80.0      160.0            2
    2       channel  organic    NaN        0.0            1
    3       channel   search   60.0      120.0            2
    4       channel   social    NaN       40.0            0
    5  unattributed      NaN    NaN        0.0            1
    """
    caller = "cac"
    lag = _checks.whole(lag_days, name="lag_days", caller=caller, low=0, high=36_500)
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    level = _checks.confidence(confidence, caller)
    if period is not None:
        _checks.period(period, caller)
    if channel_col == "channel" and "channel" in _checks.columns(by, name="by", caller=caller):
        raise ColumnError(
            f"{caller}: by needs no 'channel', as the answer has a row for each, with the level "
            "'channel'. Leave it out, or set channel_col=None."
        )
    names = _cac_cells.schema(period=period, channels=channel_col is not None)
    roles: dict[str, Any] = {} if channel_col is None else {"channel_col": channel_col}
    paid = _frame.read(
        spend, caller=caller, argument="spend", by=by, result=tuple(names),
        roles={"date_col": date_col, "cost_col": cost_col, **roles},
    )  # fmt: skip
    won = _frame.read(
        customers, caller=caller, argument="customers", by=by, result=tuple(names),
        roles={"customer_col": customer_col, "acquired_col": acquired_col, **roles},
    )  # fmt: skip
    _frame.same_library(paid, won)
    window = _cac_cells.window(paid, won, _pairs.day(as_of, paid), lag)
    answer: IntoDataFrameT = _cac_cells.answer(
        paid, won, window, period=period, precision=precision, level=level
    )
    return answer
