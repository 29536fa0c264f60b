"""From transactions to what models of purchasing read: one row a customer."""

from datetime import date
from typing import Any

from narwhals.stable.v2.typing import IntoFrameT

from crmlytics import _checks, _frame, _occasions, _result

# Average lengths in days, those of the Gregorian year of 365.25 days and its parts.
UNITS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Q": 91.3125, "Y": 365.25}
SAME_DAY = ("merge", "separate")
SUMMARY_SCHEMA = {
    "customer": "id",
    "frequency": "int",
    "recency": "float",
    "T": "float",
    "monetary_value": "float",
    "same_day_orders": "int",
}
# Columns that may be missing under their usual name; under any other they are asked for.
_OPTIONAL = {"order_col": "order_id", "amount_col": "amount"}


def purchase_summary(
    transactions: IntoFrameT,
    *,
    period: str = "D",
    as_of: date | str | None = None,
    first_purchase_in_monetary: bool = False,
    same_day: str = "merge",
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoFrameT:
    """Frequency, recency, age and mean spend of each customer, as models of purchasing read them.

    An occasion is a day on which the customer bought, or with ``same_day="separate"`` an order.
    With n occasions, the first and the last on days d1 and dn, and a period of u days::

        frequency = n - 1
        recency = (dn - d1) / u
        T = (as_of - d1) / u
        monetary_value = net spend of the occasions after the first / frequency

    Names and meaning are those of lifetimes and pymc-marketing; with days as the period, on a
    table without returns, the numbers equal lifetimes'. Recency is an age here: that of the
    customer at the last purchase, large for those who bought lately.

    Parameters
    ----------
    transactions : table
        One row per order line. A Polars LazyFrame or DuckDB relation is reduced in its own engine
        and comes back lazy, unsorted; it is read once beforehand to check it.
    period : {"D", "W", "M", "Q", "Y"}, default "D"
        The unit of ``recency`` and ``T``: 1, 7, 30.4375, 91.3125 or 365.25 days. Ages are counted
        in whole days and divided, nothing is rounded.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used. It may lie after the last date.
    first_purchase_in_monetary : bool, default False
        Average the spend of all occasions, the first included, instead of the repeated ones.
        ``frequency`` counts repeats either way.
    same_day : {"merge", "separate"}, default "merge"
        Whether the orders of one day are one occasion, as in the papers, or each order is one,
        at the first moment of its purchases.
    customer_col, date_col : str
        Names of the columns. Times of day only decide which of separate orders was the first.
    order_col : str or None, default "order_id"
        Name of the column; with None, or where no column has the default name, each row is an
        order. Orders matter for ``same_day_orders`` and ``same_day="separate"``.
    amount_col : str or None, default "amount"
        Name of the column; with None, or where no column has the default name, there are no
        returns and ``monetary_value`` is null.

    Returns
    -------
    table
        One row per customer, sorted by id: the id, ``frequency`` (int, repeated occasions),
        ``recency`` and ``T`` (float, periods), ``monetary_value`` (float, mean spend of an occasion
        in the unit of the amounts, not rounded; 0 without repeats; null where an amount that goes
        into it is unknown) and ``same_day_orders`` (int, orders merged into another of the same
        day; 0 where orders are separate).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If customers with returns only are left out.

    See Also
    --------
    fit_pareto_nbd, fit_bg_nbd, fit_mbg_nbd : models fitted to the answer.
    crmlytics.segmentation.rfm_table : recency as days since the last purchase.

    Notes
    -----
    Rows with an amount below 0 are returns. They are no purchases, and lower the spend of the
    customer's repeated occasions; those dated up to the day of the first occasion lower the spend
    of that one instead. Amounts of 0 and unknown amounts are purchases.

    Separate orders at the very first moment of a customer (all those of the first day, where dates
    have no time) cannot be told apart: each is taken to be the first in equal parts, so that the
    spend of the first occasion is their mean, returns up to that day taken off before.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers" the easy way: an alternative to the
    Pareto/NBD model, Marketing Science 24(2), 275-284; p. 277 for frequency, recency and T.

    Examples
    --------
    "a" bought on three days, the third time in two orders: 30 + (4 + 6) on two repeated occasions.

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-01", "2026-01-08", "2026-01-22", "2026-01-22", "2026-01-15"]
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "a", "a", "b"],
    ...         "order_id": [1, 2, 3, 4, 5],
    ...         "date": pd.to_datetime(days),
    ...         "amount": [10.0, 30.0, 4.0, 6.0, 7.0],
    ...     }
    ... )
    >>> crm.btyd.purchase_summary(lines, period="W", as_of="2026-01-29")
      customer_id  frequency  recency    T  monetary_value  same_day_orders
    0           a          2      3.0  4.0            20.0                1
    1           b          0      0.0  2.0             0.0                0
    """
    caller = "purchase_summary"
    unit = UNITS[_checks.period(period, caller)]
    first_too = _checks.flag(
        first_purchase_in_monetary, name="first_purchase_in_monetary", caller=caller
    )
    merge = _checks.choice(same_day, SAME_DAY, name="same_day", caller=caller) == "merge"
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=True)
    here = opened.collect_schema().names()
    roles: dict[str, Any] = {
        "customer_col": customer_col,
        "order_col": order_col,
        "date_col": date_col,
        "amount_col": amount_col,
    }
    for option, usual in _OPTIONAL.items():
        if roles[option] is None or (roles[option] == usual and usual not in here):
            del roles[option]
    source = _frame.read(
        transactions, caller=caller, argument="transactions", roles=roles, lazy=True,
        result=tuple(SUMMARY_SCHEMA)[1:],
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    reduced = _occasions.summary(source, day, unit=unit, merge=merge, first_too=first_too)
    answer: IntoFrameT = _result.native(source, reduced, SUMMARY_SCHEMA)
    return answer
