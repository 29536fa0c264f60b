"""How much of the profit the best customers make: the whale curve."""

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _result, _transactions
from crmlytics.customers import _align

_CALLER = "profit_concentration"
CURVE = {
    "customers": "int",
    "rank_share": "float",
    "profit": "float",
    "cumulative_profit": "float",
    "cumulative_profit_share": "float",
    "peak": "bool",
}


def profit_concentration(
    profit: IntoDataFrameT,
    *,
    precision: int = 2,
    customer_col: str = "customer_id",
    profit_col: str = "profit",
) -> IntoDataFrameT:
    """Profit of the best customers together, from the best one down to all (whale curve).

    Where some customers lose money the curve rises above the total before it comes down to it: the
    peak is what the business would have earned without them, had nothing else changed.

    Parameters
    ----------
    profit : table
        One row per customer, as `customer_profit` makes it.
    precision : int, default 2
        Decimals to which profits are rounded, halves up (-9 to 9).
    customer_col, profit_col : str
        Names of the columns.

    Returns
    -------
    table
        One row for no customer and one for each distinct profit, highest first: ``customers`` (int,
        with this profit or more), ``rank_share`` (float, as a share of all), ``profit`` (float,
        money, of each customer of this step; null in the first row), ``cumulative_profit`` (float,
        money; of all these customers together), ``cumulative_profit_share`` (float, as a share of
        the total; null where the total is not above 0), ``peak`` (bool; true in the row of the
        highest cumulative profit, the first of equal ones). No row without a customer.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids are null, profits infinite, or a customer has several rows.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If the profit of customers is null; they are left out and counted.

    See Also
    --------
    customer_profit : makes the table.
    plot_profit_concentration : draws the answer.

    Notes
    -----
    Customers of equal profit are one step, so that no order of rows and no id decides. The last
    row is the total, to the last decimal kept.

    References
    ----------
    Kaplan and Narayanan (2001), Measuring and managing customer profitability, Journal of Cost
    Management 15(5), p. 5 (whale curve).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> profit = pd.DataFrame({"customer_id": [1, 2, 3, 4], "profit": [80.0, 60.0, 0.0, -40.0]})
    >>> curve = crm.customers.profit_concentration(profit)
    >>> curve[["customers", "rank_share", "cumulative_profit", "cumulative_profit_share", "peak"]]
       customers  rank_share  cumulative_profit  cumulative_profit_share   peak
    0          0        0.00                0.0                      0.0  False
    1          1        0.25               80.0                      0.8  False
    2          2        0.50              140.0                      1.4   True
    3          3        0.75              140.0                      1.4  False
    4          4        1.00              100.0                      1.0  False
    """
    _checks.whole(precision, name="precision", caller=_CALLER, low=-9, high=9)
    source = _frame.read(
        profit, caller=_CALLER, argument="profit", maker="customer_profit",
        roles={"customer_col": customer_col, "profit_col": profit_col},
    )  # fmt: skip
    _align.one_row_each(source)
    known = ~_columns.null_mask(source.column("profit"))
    missing = source.n_rows - int(known.sum())
    if missing:
        who = "1 customer" if missing == 1 else f"{missing} customers"
        _checks.warn(f"{_CALLER}: left out {who} whose profit is null.")
    if not known.any():
        nothing: IntoDataFrameT = _result.empty(source, CURVE)
        return nothing
    scale = 10.0**precision
    # whole units add up exactly, in any order
    units = np.rint(_transactions.money(source.numbers("profit")[known], precision) * scale)
    each, times = (values[::-1] for values in np.unique(units, return_counts=True))
    customers = np.append(0, np.cumsum(times))
    total = np.append(0.0, np.cumsum(each * times))
    share = total / total[-1] if total[-1] > 0 else np.full(len(total), np.nan)
    columns = {
        "customers": customers,
        "rank_share": customers / customers[-1],
        "profit": np.append(np.nan, each / scale),
        "cumulative_profit": total / scale,
        "cumulative_profit_share": share,
        "peak": np.arange(len(total)) == np.argmax(total),
    }
    table = pa.table({name: _result.column(values) for name, values in columns.items()})
    answer: IntoDataFrameT = _result.native(source, table, CURVE)
    return answer
