"""The business period by period: revenue, orders, customers, and where growth came from."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
from narwhals.stable.v2.typing import IntoFrameT

from crmlytics import _checks, _frame, _lazy, _periods, _result, _transactions
from crmlytics.kpi._definitions import defined

KPI_SCHEMA = {
    "period": "date",
    "revenue": "float",
    "orders": "int",
    "active": "int",
    "new": "int",
    "returning": "int",
    "reactivated": "int",
    "churned": "int",
    "aov": "float",
    "arpu": "float",
    "orders_per_customer": "float",
    "customers_to_date": "int",
    "complete": "bool",
}
GROWTH_SCHEMA = {
    "period": "date",
    "active": "int",
    "new": "int",
    "retained": "int",
    "resurrected": "int",
    "churned": "int",
    "quick_ratio": "float",
    "complete": "bool",
}


@defined
def kpi_table(
    transactions: IntoFrameT,
    *,
    period: str = "M",
    as_of: date | str | None = None,
    precision: int = 2,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoFrameT:
    """Revenue, orders, customers and what they average to, period by period.

    Every period from the first date to `as_of` has a row, also one without any order. Rows with
    an amount below 0 (returns) lower the revenue of the period they are booked in and count in
    nothing else. With ``active(t) = new(t) + returning(t) + reactivated(t)``, the change from one
    period to the next is ``new + reactivated - churned``.

    Parameters
    ----------
    transactions : table
        One row per order line. A Polars LazyFrame or DuckDB relation is reduced in its own engine
        and comes back lazy, unsorted; it is read once beforehand to check it.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Days, weeks from Monday, months, quarters or years.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    precision : int, default 2
        Decimals to which revenue is rounded, halves up (-9 to 9).
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all.
    customer_col, order_col, date_col, amount_col : str
        Names of the columns. With ``order_col=None`` all that a customer buys on one day is one
        order.

    Returns
    -------
    table
        One row a group and period, sorted: the columns of `by`, ``period`` (timestamp; its first
        day), ``revenue`` (float, in the unit of the amounts; null where an amount is unknown),
        ``orders``, ``active``, ``new``, ``returning``, ``reactivated``, ``churned`` (int;
        returning and churned are null in the first period, which has none before it), ``aov``
        (float, revenue / orders), ``arpu`` (float, revenue / active), ``orders_per_customer``
        (float), ``customers_to_date`` (int; all customers so far), ``complete`` (bool; False where
        the period was not over on `as_of`). Ratios are null where their denominator is 0.

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
    growth_accounting : the same movements for any kind of event.
    average_order_value, arpu, purchase_frequency : the averages with intervals.

    Notes
    -----
    The first customers of a data set may have bought before it began: "new" is new to the table.

    References
    ----------
    Hsu, Diligence at Social Capital, part 1: accounting for user growth.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "a"],
    ...         "order_id": [1, 2, 3],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-02-28"]),
    ...         "amount": [10.0, 30.0, 50.0],
    ...     }
    ... )
    >>> kpis = crm.kpi.kpi_table(lines)
    >>> kpis[["period", "revenue", "orders", "active", "new", "returning", "churned", "aov"]]
          period  revenue  orders  active  new  returning  churned   aov
    0 2026-01-01     40.0       2       2    2       <NA>     <NA>  20.0
    1 2026-02-01     50.0       1       1    0          1        1  50.0
    """
    _checks.whole(precision, name="precision", caller="kpi_table", low=-9, high=9)
    source = _frame.read(
        transactions,
        caller="kpi_table",
        argument="transactions",
        roles={
            "customer_col": customer_col,
            "order_col": order_col,
            "date_col": date_col,
            "amount_col": amount_col,
        },
        optional=("order_col",),
        by=by,
        lazy=True,
        result=tuple(KPI_SCHEMA),
    )
    flow = _movements(source, period, as_of, orders=True)
    schema = {**dict.fromkeys(source.by, "id"), **KPI_SCHEMA}
    if flow is None:
        nothing: IntoFrameT = _result.empty(source, schema)
        return nothing
    revenue = nw.when(nw.col("unknown") == 0).then(
        _transactions.money_expression("amount", precision)
    )
    flow = flow.with_columns(revenue=revenue).with_columns(
        returning=nw.col("retained"),
        reactivated=nw.col("resurrected"),
        aov=_per("revenue", "orders"),
        arpu=_per("revenue", "active"),
        orders_per_customer=_per("orders", "active"),
    )
    answer: IntoFrameT = _result.native(source, flow, schema, sort_by=[*source.by, "period"])
    return answer


@defined
def growth_accounting(
    events: IntoFrameT,
    *,
    period: str = "M",
    as_of: date | str | None = None,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
) -> IntoFrameT:
    """Count the customers who came, stayed, came back and went, period by period.

    ``active(t) = new(t) + retained(t) + resurrected(t)`` and ``active(t) - active(t - 1) =
    new(t) + resurrected(t) - churned(t)``. Every row is activity, returns included.

    Parameters
    ----------
    events : table
        One row per event (purchase, visit, login). A Polars LazyFrame or DuckDB relation is
        reduced in its own engine and comes back lazy, unsorted; it is read once beforehand.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Days, weeks from Monday, months, quarters or years.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all.
    customer_col, date_col : str
        Names of the columns.

    Returns
    -------
    table
        One row a group and period, sorted: the columns of `by`, ``period`` (timestamp; its first
        day), ``active``, ``new``, ``retained``, ``resurrected``, ``churned`` (int; retained and
        churned are null in the first period, which has none before it), ``quick_ratio`` (float,
        (new + resurrected) / churned; null where nobody churned), ``complete`` (bool; False where
        the period was not over on `as_of`).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    See Also
    --------
    kpi_table : the same with money.
    cohort_table : retention by age instead of by date.

    References
    ----------
    Hsu, Diligence at Social Capital, part 1: accounting for user growth.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-02", "2026-01-09", "2026-02-28", "2026-03-31"]
    >>> events = pd.DataFrame({"customer_id": list("abab"), "date": pd.to_datetime(days)})
    >>> growth = crm.kpi.growth_accounting(events)
    >>> growth[["period", "active", "new", "retained", "resurrected", "churned"]]
          period  active  new  retained  resurrected  churned
    0 2026-01-01       2    2      <NA>            0     <NA>
    1 2026-02-01       1    0         1            0        1
    2 2026-03-01       1    0         0            1        1
    """
    source = _frame.read(
        events,
        caller="growth_accounting",
        argument="events",
        roles={"customer_col": customer_col, "date_col": date_col},
        by=by,
        lazy=True,
        result=tuple(GROWTH_SCHEMA),
    )
    flow = _movements(source, period, as_of, orders=False)
    schema = {**dict.fromkeys(source.by, "id"), **GROWTH_SCHEMA}
    if flow is None:
        nothing: IntoFrameT = _result.empty(source, schema)
        return nothing
    flow = flow.with_columns(won=nw.col("new") + nw.col("resurrected"))
    flow = flow.with_columns(quick_ratio=_per("won", "churned"))
    answer: IntoFrameT = _result.native(source, flow, schema, sort_by=[*source.by, "period"])
    return answer


def _per(top: str, bottom: str) -> nw.Expr:
    """Divide columns; null where the denominator is 0 or unknown."""
    whole = nw.col(bottom).cast(nw.Float64)
    return nw.when(whole > 0).then(nw.col(top).cast(nw.Float64) / whole)


def _movements(source: _frame.Source, period: str, as_of: Any, *, orders: bool) -> Any:
    """Return the flow of customers with dates and what follows from the period before.

    None for an empty table, which has no calendar.
    """
    _checks.period(period, source.caller)
    day = _frame.as_of(source, as_of)
    if source.n_rows == 0:
        return None
    when = _transactions.calendar(source, period, day)
    _checks.cells(when.length, period=period, caller=source.caller)
    flow = _transactions.period_flow(source, when, day, orders=orders)
    flow = _lazy.previous(flow, "before", of="active", by=source.by, order_by="period")
    flow = _lazy.running(flow, "customers_to_date", of="new", by=source.by, order_by="period")
    is_first = nw.col("period") == when.first
    resurrected = nw.col("active") - nw.col("new") - nw.col("retained")
    flow = flow.with_columns(
        resurrected=resurrected,
        churned=nw.when(~is_first).then(nw.col("before") - nw.col("retained")),
        retained=nw.when(~is_first).then(nw.col("retained")),
        complete=nw.lit(_periods.is_over(when.last, period, day)) | (nw.col("period") < when.last),
    )
    starts = _periods.calendar(when.first, when.last, period, number="period", start="starts_on")
    flow = _lazy.look_up(flow, _lazy.working(source.table, starts, source.kind), on="period")
    return flow.drop("period").rename({"starts_on": "period"})
