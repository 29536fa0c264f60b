"""Look over a table of transactions before it is used."""

from datetime import date

import pyarrow as pa
from narwhals.stable.v2.typing import IntoFrameT

from crmlytics import _checks, _result
from crmlytics.quality import _findings, _loose, _rows
from crmlytics.quality._findings import Found

CHECK_SCHEMA = {
    "check": "text",
    "severity": "text",
    "n_rows": "int",
    "share": "float",
    "example": "text",
    "advice": "text",
}
_SEVERITIES = ("error", "warning", "info", "ok")
_DROP = "Drop them with clean_transactions(on_bad='drop')"
# check: severity where something is found, and what to do then; in the order of the answer
CHECKS = {
    "null_customers": ("error", f"{_DROP}, or give guests an id of their own."),
    "null_orders": ("error", f"{_DROP}, or fill in the order they belong to."),
    "null_dates": ("error", f"{_DROP}, or fill in the date."),
    "null_amounts": ("error", f"{_DROP}, or fill in the amount."),
    "infinite_amounts": ("error", f"{_DROP}, or correct the division that made them."),
    "infinite_quantities": ("error", f"{_DROP}, or correct the division that made them."),
    "mixed_type_customers": ("error", "Make all ids one type, as with .astype(str)."),
    "mixed_type_orders": ("error", "Make all ids one type, as with .astype(str)."),
    "wrong_type_dates": ("error", "Convert the column to timestamps, as with pd.to_datetime."),
    "unparsable_dates": ("error", "Write dates as 2026-03-31, or convert them with their format."),
    "mixed_time_zones": ("error", "Convert all dates to one time zone, or drop the offsets."),
    "wrong_type_amounts": ("error", "Convert the column to numbers, as with pd.to_numeric."),
    "unparsable_amounts": ("error", "Write amounts as 1234.50, without currency or separators."),
    "wrong_type_quantities": ("error", "Convert the column to numbers, as with pd.to_numeric."),
    "unparsable_quantities": ("error", "Write quantities as 12 or 0.5, without units."),
    "future_dates": ("warning", "Correct them, or leave them out through as_of of each function."),
    "duplicate_rows": (
        "warning",
        "Drop them with clean_transactions, unless equal lines are meant.",
    ),
    "orders_with_two_customers": (
        "warning",
        "Make order ids unique, as with customer and order id together.",
    ),
    "opposite_signs": ("warning", "Give amount and quantity of a line the same sign."),
    "negative_amounts": ("info", "Net or drop these returns with clean_transactions(returns=...)."),
    "negative_quantities": ("info", "Check that the amounts of these returns are below 0 too."),
    "zero_amounts": ("info", "Decide whether gifts and free lines count as purchases."),
    "giant_baskets": ("info", "Look whether one order id stands for many orders."),
    "calendar_gaps": ("info", "Look whether the business was closed or rows are missing."),
}


def check_transactions(
    transactions: IntoFrameT,
    *,
    as_of: date | str | None = None,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
    quantity_col: str | None = "quantity",
) -> IntoFrameT:
    """Count what is wrong with a table of transactions, before it is used.

    Nothing is refused but a missing column: ids of several types, dates and amounts held as text,
    nulls and infinities are let in and counted. A finding is an "error" where `clean_transactions`
    refuses the table unless told to drop what is bad, a "warning" where numbers are likely to come
    out wrong, and "info" where it may be meant so.

    Parameters
    ----------
    transactions : table
        One row per order line. A Polars LazyFrame or DuckDB relation is counted in its own engine,
        in a few passes, and the answer comes back lazy.
    as_of : date, optional
        The last day that can have been seen, inclusive. Later dates are counted only against it,
        and the calendar then ends there.
    customer_col, date_col : str
        Names of the columns; they must be there.
    order_col, amount_col : str or None
        Names of the columns; None leaves their checks out.
    quantity_col : str or None, default "quantity"
        Name of the column, read where the table has one; None leaves its checks out.

    Returns
    -------
    table
        One row per check, errors first (a lazy answer is unsorted): ``check`` (str), ``severity``
        (str; "error", "warning", "info", or "ok" where nothing was found), ``n_rows`` (int),
        ``share`` (float, 0 to 1, of all rows; null for an empty table), ``example`` (str; a value
        found, or the order or else customer concerned, the lowest where there are several; null
        without one), ``advice`` (str). A check whose column or `as_of` is not given has no row.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If `transactions` is no table that can be read.
    OptionError
        If `as_of` is no day.

    See Also
    --------
    clean_transactions : drops and nets what was found.

    Notes
    -----
    The checks, all of known values where not said otherwise; NaN is null.

    - ``null_customers``, ``null_orders``, ``null_dates``, ``null_amounts``: nulls, and text with
      nothing but spaces in it.
    - ``infinite_amounts``, ``infinite_quantities``, ``negative_amounts``,
      ``negative_quantities``, ``zero_amounts``, and ``opposite_signs`` of amount and quantity.
    - ``mixed_type_customers``, ``mixed_type_orders``: ids of another type than most of the column
      (numbers, text or flags); all ids, where the column holds none of these.
    - ``wrong_type_dates``, ``wrong_type_amounts``, ``wrong_type_quantities``: all values of a
      column that holds text or mixed objects instead (of a DuckDB column also moments with a time
      zone, which depend on the connection; dates are then not looked at further).
      ``unparsable_dates``: those of them that are no ISO 8601 date (2026-03-31, also with time of
      day and offset); ``unparsable_amounts``, ``unparsable_quantities``: no plain decimal number.
    - ``mixed_time_zones``: text or objects with an offset among others without; the fewer.
    - ``future_dates``: days after `as_of`; the example is the last.
    - ``duplicate_rows``: rows that equal another in all columns of the table, null equal to null,
      beyond the first of each set.
    - ``orders_with_two_customers``: rows, with both ids, of orders with two customers or more.
    - ``giant_baskets``: rows in orders of more than 100 lines that are also more than 50 times the
      lines of the median order (the lower one of two).
    - ``calendar_gaps``: days without a row, from the first day to the last or `as_of`, in runs of
      more than 7 days that are also longer than 5 times the median distance between days with
      rows. Here ``n_rows`` counts days, ``share`` is of the days of that calendar, and the example
      is the longest run, the first of several.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", None, "b", "b"],
    ...         "order_id": [1, 2, 3, 3],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-05", "2026-01-09", "2026-01-09"]),
    ...         "amount": [10.0, -4.0, 5.0, 5.0],
    ...     }
    ... )
    >>> checks = crm.quality.check_transactions(lines)
    >>> found = checks[checks["severity"] != "ok"]
    >>> found[["check", "severity", "n_rows", "share", "example"]]
                  check severity  n_rows  share example
    0    null_customers    error       1   0.25       2
    1    duplicate_rows  warning       1   0.25       3
    2  negative_amounts     info       1   0.25      -4
    """
    day = None
    if as_of is not None:
        day = _checks.day(as_of, name="as_of", caller="check_transactions")
    source = _loose.read(
        transactions,
        caller="check_transactions",
        roles={
            "customer_col": customer_col,
            "order_col": order_col,
            "date_col": date_col,
            "amount_col": amount_col,
            "quantity_col": quantity_col,
        },
        lazy=True,
    )
    rows = _rows.rows(source)
    found = _findings.row_checks(rows)
    found |= _findings.day_checks(rows, day)
    if "order" in rows.roles:
        found |= _findings.order_checks(rows)
    found["duplicate_rows"] = _findings.duplicates(source, rows)
    answer: IntoFrameT = _result.native(source, _answer(found, rows.n_rows), CHECK_SCHEMA)
    return answer


def _answer(found: dict[str, Found], n_rows: int) -> pa.Table:
    lines = []
    for check, judged in CHECKS.items():
        if check not in found:
            continue
        one = found[check]
        severity, advice = judged if one.n_rows else ("ok", "Nothing to do.")
        of = n_rows if one.of is None else one.of
        share = one.n_rows / of if n_rows and of else None
        lines.append((check, severity, one.n_rows, share, one.example, advice))
    lines.sort(key=lambda line: _SEVERITIES.index(line[1]))
    kinds = (pa.string(), pa.string(), pa.int64(), pa.float64(), pa.string(), pa.string())
    columns = zip(*lines, strict=True)
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)],
        names=list(CHECK_SCHEMA),
    )
