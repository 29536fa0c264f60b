"""Averages and shares over customers, each with its interval."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _frame, _intervals, _result, _transactions
from crmlytics._columns import Floats

ESTIMATE = {
    "value": "float",
    "lower": "float",
    "upper": "float",
    "numerator": "float",
    "denominator": "int",
}


def repeat_rate(
    transactions: IntoDataFrameT,
    *,
    as_of: date | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str = "order_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoDataFrameT:
    """Share of customers with two or more orders.

    ``value = customers with two or more different orders / customers with an order``, with the
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
        Names of the columns.
    amount_col : str or None, default "amount"
        Rows with an amount below 0 are returns and not orders. A table without a column "amount"
        has no returns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, 0 to 1), ``lower``,
        ``upper`` (float), ``numerator`` (float, customers), ``denominator`` (int, customers). The
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
    0    0.5        1.0            2
    """
    caller = "repeat_rate"
    level = _checks.confidence(confidence, caller)
    source, found = _totals(
        transactions, caller, as_of=as_of, by=by, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    size = found.grouped.size
    customers = np.bincount(found.group, minlength=size)
    repeaters = np.bincount(found.group[found.orders > 1], minlength=size)
    bounds = _intervals.wilson(repeaters, customers, level)
    return _estimates(source, found, repeaters, customers, bounds)


def average_order_value(
    transactions: IntoDataFrameT,
    *,
    as_of: date | None = None,
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str = "order_id",
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
        Names of the columns.

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
    Farris, Bendle, Pfeifer and Reibstein (2010), Marketing Metrics, 2nd ed., ch. 3.
    Cochran (1977), Sampling Techniques, 3rd ed., eq. 6.9.

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
    source, found = _totals(
        transactions, caller, as_of=as_of, by=by, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    revenue = _transactions.money(found.group_spent, precision)
    return _ratio(source, found, revenue, found.group_orders, (found.spent, found.orders), level)


def arpu(
    transactions: IntoDataFrameT,
    *,
    as_of: date | None = None,
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str = "order_id",
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
        Names of the columns.

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
    Farris, Bendle, Pfeifer and Reibstein (2010), Marketing Metrics, 2nd ed., ch. 5.
    Cochran (1977), Sampling Techniques, 3rd ed., eq. 6.9.

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
    source, found = _totals(
        transactions, caller, as_of=as_of, by=by, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    revenue = _transactions.money(found.group_spent, precision)
    customers = np.bincount(found.group, minlength=found.grouped.size)
    each = np.ones(len(found.group), dtype=np.int64)
    return _ratio(source, found, revenue, customers, (found.spent, each), level)


def purchase_frequency(
    transactions: IntoDataFrameT,
    *,
    as_of: date | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str = "order_id",
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
        Names of the columns.
    amount_col : str or None, default "amount"
        Rows with an amount below 0 are returns and not orders. A table without a column "amount"
        has no returns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, orders per customer),
        ``lower``, ``upper`` (float, normal interval of the mean over customers; null with fewer
        than two), ``numerator`` (float, orders), ``denominator`` (int, customers). The value is
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
    Farris, Bendle, Pfeifer and Reibstein (2010), Marketing Metrics, 2nd ed., ch. 5.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"])
    >>> lines = pd.DataFrame({"customer_id": list("aab"), "order_id": [1, 2, 3], "date": days})
    >>> crm.kpi.purchase_frequency(lines)[["value", "numerator", "denominator"]]
       value  numerator  denominator
    0    1.5        3.0            2
    """
    caller = "purchase_frequency"
    level = _checks.confidence(confidence, caller)
    source, found = _totals(
        transactions, caller, as_of=as_of, by=by, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    customers = np.bincount(found.group, minlength=found.grouped.size)
    each = np.ones(len(found.group), dtype=np.int64)
    return _ratio(source, found, found.group_orders, customers, (found.orders, each), level)


def _totals(
    transactions: Any, caller: str, *, as_of: Any, by: Any, **columns: str | None
) -> tuple[_frame.Source, _transactions.Totals]:
    if caller in {"repeat_rate", "purchase_frequency"} and columns["amount_col"] == "amount":
        opened, _ = _frame.open_table(
            transactions, caller=caller, argument="transactions", lazy=False
        )
        columns["amount_col"] = "amount" if "amount" in opened.columns else None
    source = _frame.read(
        transactions, caller=caller, argument="transactions", roles=columns, by=by,
        result=tuple(ESTIMATE),
    )  # fmt: skip
    return source, _transactions.totals(source, _frame.as_of(source, as_of))


def _ratio(
    source: _frame.Source,
    found: _transactions.Totals,
    top: Any,
    bottom: Any,
    by_customer: tuple[Any, Any],
    level: float,
) -> Any:
    size = found.grouped.size
    bounds = _intervals.ratio_of_sums(*by_customer, found.group, size, level)
    half = (bounds[1] - bounds[0]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(np.isnan(top), np.nan, top / bottom)
    return _estimates(source, found, top, bottom, (value - half, value + half))


def _estimates(
    source: _frame.Source,
    found: _transactions.Totals,
    top: Any,
    bottom: Any,
    bounds: tuple[Floats, Floats],
) -> Any:
    top = np.asarray(top, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(bottom > 0, top / bottom, np.nan)
    table = found.grouped.columns(np.arange(found.grouped.size)) | {
        "value": _result.column(value),
        "lower": _result.column(np.where(np.isnan(value), np.nan, bounds[0])),
        "upper": _result.column(np.where(np.isnan(value), np.nan, bounds[1])),
        "numerator": _result.column(top),
        "denominator": np.asarray(bottom, dtype=np.int64),
    }
    schema = {**dict.fromkeys(source.by, "id"), **ESTIMATE}
    return _result.native(source, pa.table(table), schema, sort_by=source.by)
