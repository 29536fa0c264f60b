"""How often customers buy, and how many come back, each with its interval."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks
from crmlytics.kpi import _estimates
from crmlytics.kpi._definitions import defined


@defined
def repeat_rate(
    transactions: IntoDataFrameT,
    *,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoDataFrameT:
    """Share of customers with two or more orders.

    ``value = customers with two or more orders / customers``, with the
    Wilson interval.

    Parameters
    ----------
    transactions : table
        One row per order line.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    customer_col, order_col, date_col : str
        Names of the columns. With ``order_col=None`` all that a customer buys on one day is one
        order.
    amount_col : str or None, default "amount"
        Rows with an amount below 0 are returns and not orders. A table without a column "amount"
        has no returns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, 0 to 1), ``lower``,
        ``upper`` (float), ``numerator`` (int, customers), ``denominator`` (int, customers). The
        value is null where there is no customer.

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
    purchase_frequency : the mean number of orders.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"])
    >>> lines = pd.DataFrame({"customer_id": list("aab"), "order_id": [1, 2, 3], "date": days})
    >>> crm.kpi.repeat_rate(lines)[["value", "numerator", "denominator"]]
       value  numerator  denominator
    0    0.5          1            2
    """
    caller = "repeat_rate"
    level = _checks.confidence(confidence, caller)
    source, found = _estimates.totals(
        transactions, caller, as_of=as_of, by=by, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col, needs_amounts=False,
    )  # fmt: skip
    size = found.grouped.size
    customers = np.bincount(found.group, minlength=size)
    repeaters = np.bincount(found.group[found.orders > 1], minlength=size)
    answer: IntoDataFrameT = _estimates.share(
        source, found.grouped, repeaters, customers, level=level
    )
    return answer


@defined
def purchase_frequency(
    transactions: IntoDataFrameT,
    *,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoDataFrameT:
    """Orders per customer with at least one order, over the time the table covers.

    ``value = different orders / customers``.

    Parameters
    ----------
    transactions : table
        One row per order line.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    customer_col, order_col, date_col : str
        Names of the columns. With ``order_col=None`` all that a customer buys on one day is one
        order.
    amount_col : str or None, default "amount"
        Rows with an amount below 0 are returns and not orders. A table without a column "amount"
        has no returns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, orders per customer),
        ``lower``, ``upper`` (float, normal interval of the mean over customers; null with fewer
        than two), ``numerator`` (int, orders), ``denominator`` (int, customers). The value is
        null without a customer.

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
    repeat_rate : the share who came back at all.

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., ch. 2 (interval of a mean).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"])
    >>> lines = pd.DataFrame({"customer_id": list("aab"), "order_id": [1, 2, 3], "date": days})
    >>> crm.kpi.purchase_frequency(lines)[["value", "numerator", "denominator"]]
       value  numerator  denominator
    0    1.5          3            2
    """
    caller = "purchase_frequency"
    level = _checks.confidence(confidence, caller)
    source, found = _estimates.totals(
        transactions, caller, as_of=as_of, by=by, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col, needs_amounts=False,
    )  # fmt: skip
    customers = np.bincount(found.group, minlength=found.grouped.size)
    each = np.ones(len(found.group), dtype=np.int64)
    answer: IntoDataFrameT = _estimates.ratio(
        source, found.grouped, found.group_orders, customers,
        by_customer=(found.orders, each, found.group), level=level,
    )  # fmt: skip
    return answer
