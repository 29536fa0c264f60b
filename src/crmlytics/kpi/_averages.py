"""Revenue per order and per customer, each with its interval."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _transactions
from crmlytics.kpi import _estimates
from crmlytics.kpi._definitions import defined


@defined
def average_order_value(
    transactions: IntoDataFrameT,
    *,
    as_of: date | str | None = None,
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Revenue per order.

    ``value = revenue / different orders``. Returns (amounts below 0) lower the revenue and are no
    orders. The interval is the delta method's for a ratio of sums over customers, because the
    orders of one customer resemble each other.

    Parameters
    ----------
    transactions : table
        One row per order line.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    precision : int, default 2
        Decimals to which the revenue is rounded, halves up (-9 to 9).
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    customer_col, order_col, date_col, amount_col : str
        Names of the columns. With ``order_col=None`` all that a customer buys on one day is one
        order.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, unit of the amounts per
        order), ``lower``, ``upper`` (float; null with fewer than two customers), ``numerator``
        (float, revenue), ``denominator`` (int, orders). The value is null without an order or
        with an unknown amount.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    See Also
    --------
    arpu : revenue per customer.
    kpi_table : period by period.

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., ch. 6 (interval of a ratio).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "order_id": [1, 2, 3],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"]),
    ...         "amount": [10.0, 30.0, 5.0],
    ...     }
    ... )
    >>> crm.kpi.average_order_value(lines)[["value", "numerator", "denominator"]]
       value  numerator  denominator
    0   15.0       45.0            3
    """
    caller = "average_order_value"
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    level = _checks.confidence(confidence, caller)
    source, found = _estimates.totals(
        transactions, caller, as_of=as_of, by=by, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    revenue = _transactions.money(found.group_spent, precision)
    answer: IntoDataFrameT = _estimates.ratio(
        source,
        found.grouped,
        revenue,
        found.group_orders,
        by_customer=(found.spent, found.orders, found.group),
        level=level,
    )
    return answer


@defined
def arpu(
    transactions: IntoDataFrameT,
    *,
    as_of: date | str | None = None,
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Average revenue per user: revenue per customer with at least one order.

    ``value = revenue / customers``. Returns (amounts below 0) lower the revenue and are no orders.
    For the figure of one month, hand over that month's rows, or see `kpi_table`.

    Parameters
    ----------
    transactions : table
        One row per order line.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    precision : int, default 2
        Decimals to which the revenue is rounded, halves up (-9 to 9).
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    customer_col, order_col, date_col, amount_col : str
        Names of the columns. With ``order_col=None`` all that a customer buys on one day is one
        order.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, unit of the amounts per
        customer), ``lower``, ``upper`` (float, delta method over customers; null with fewer than
        two), ``numerator`` (float, revenue), ``denominator`` (int, customers). The value is null
        without a customer or with an unknown amount.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    See Also
    --------
    average_order_value : revenue per order.

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., ch. 6 (interval of a ratio).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "order_id": [1, 2, 3],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"]),
    ...         "amount": [10.0, 30.0, 5.0],
    ...     }
    ... )
    >>> crm.kpi.arpu(lines)[["value", "numerator", "denominator"]]
       value  numerator  denominator
    0   22.5       45.0            2
    """
    caller = "arpu"
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    level = _checks.confidence(confidence, caller)
    source, found = _estimates.totals(
        transactions, caller, as_of=as_of, by=by, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    revenue = _transactions.money(found.group_spent, precision)
    customers = np.bincount(found.group, minlength=found.grouped.size)
    each = np.ones(len(found.group), dtype=np.int64)
    answer: IntoDataFrameT = _estimates.ratio(
        source, found.grouped, revenue, customers,
        by_customer=(found.spent, each, found.group), level=level,
    )  # fmt: skip
    return answer
