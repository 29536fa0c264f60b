"""Cohorts: customers grouped by the period of their first purchase, followed by age."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoFrameT

from crmlytics import (
    _checks,
    _frame,
    _lazy,
    _periods,
    _result,
    _transactions,
)
from crmlytics.errors import OptionError
from crmlytics.kpi._definitions import defined

VALUES = ("customers", "revenue", "orders")
COHORT_SCHEMA = {
    "cohort": "date",
    "age": "int",
    "size": "int",
    "value": "float",
    "rate": "float",
    "complete": "bool",
}


@defined
def cohort_table(
    transactions: IntoFrameT,
    *,
    period: str = "M",
    value: str = "customers",
    wide: bool = False,
    as_of: date | str | None = None,
    precision: int = 2,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoFrameT:
    """Follow the customers of each cohort from their first period on.

    A customer belongs to the cohort of the period of their first row; age counts the periods
    since then. A cell (cohort c, age k) was observed when c + k is not after the last period:
    beyond that, values are null, never 0. Every row is activity, returns included.

    Parameters
    ----------
    transactions : table
        One row per order line. A Polars LazyFrame or DuckDB relation is reduced in its own engine
        and comes back lazy, unsorted; it is read once beforehand to check it.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Days, weeks from Monday, months, quarters or years.
    value : {"customers", "revenue", "orders"}, default "customers"
        What is followed: active customers, the sum of amounts, or different orders.
    wide : bool, default False
        One row a cohort and one column an age ("0", "1", ...), holding ``value``; for eager
        tables.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    precision : int, default 2
        Decimals to which revenue is rounded, halves up (-9 to 9).
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all.
    customer_col, order_col, date_col, amount_col : str
        Names of the columns; `order_col` and `amount_col` are needed only for orders and revenue.
        With ``order_col=None`` all that a customer buys on one day is one order.

    Returns
    -------
    table
        All cohorts by all ages, sorted: the columns of `by`, ``cohort`` (timestamp; first day of
        the period), ``age`` (int, periods), ``size`` (int; customers of the cohort), ``value``
        (float; null where not yet observable, 0 where observed and none; revenue is null where an
        amount is unknown), ``rate`` (float; value / value at age 0, for customers the retention
        rate), ``complete`` (bool; False where the period was not over on `as_of`, and beyond).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, `as_of` lies before the data, or a wide
        table is asked of a lazy one.

    See Also
    --------
    retention_curve : the cohorts taken together.
    plot_cohorts : draws the table.

    Notes
    -----
    The first cohort holds everyone who had bought before the table began, too.

    References
    ----------
    Fader and Hardie (2007), How to project customer retention, Journal of Interactive Marketing
    21, p. 76.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "a"],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-02-09", "2026-02-28"]),
    ...     }
    ... )
    >>> crm.kpi.cohort_table(lines)
          cohort  age  size  value  rate  complete
    0 2026-01-01    0     1    1.0   1.0      True
    1 2026-01-01    1     1    1.0   1.0      True
    2 2026-02-01    0     1    1.0   1.0      True
    3 2026-02-01    1     1    NaN   NaN     False
    """
    caller = "cohort_table"
    _checks.choice(value, VALUES, name="value", caller=caller)
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    _checks.period(period, caller)
    source = _frame.read(
        transactions,
        caller=caller,
        argument="transactions",
        roles={
            "customer_col": customer_col,
            **({"order_col": order_col} if value == "orders" else {}),
            "date_col": date_col,
            **({"amount_col": amount_col} if value == "revenue" else {}),
        },
        optional=("order_col",),
        by=by,
        lazy=True,
        result=tuple(COHORT_SCHEMA),
    )
    if _checks.flag(wide, name="wide", caller=caller) and source.lazy:
        raise OptionError(
            f"{caller}: wide=True needs the numbers of a {source.kind} here. "
            "Leave it out, collect the long table, and pivot that."
        )
    day = _frame.as_of(source, as_of)
    schema = {**dict.fromkeys(source.by, "id"), **COHORT_SCHEMA}
    if source.n_rows == 0:
        nothing: IntoFrameT = _result.empty(source, schema)
        return nothing
    when = _transactions.calendar(source, period, day)
    cells = _cells(source, when, day, value=value, precision=precision)
    order = [*source.by, "cohort", "age"]
    answer: IntoFrameT = (
        _wide(source, _lazy.collect(cells), order)
        if wide
        else _result.native(source, cells, schema, sort_by=order)
    )
    return answer


def _cells(source: _frame.Source, when: Any, day: int, *, value: str, precision: int) -> Any:
    """All cohorts by all ages, with what was observed."""
    _checks.cells(when.length**2 // 2, period=when.period, caller=source.caller)
    found = _transactions.cohort_cells(
        source, when, day, orders=value == "orders", amounts=value == "revenue"
    )
    measure = {"customers": "customers", "orders": "orders", "revenue": "amount"}[value]
    money = value == "revenue"
    is_birth = nw.col("period") == nw.col("cohort")
    found = found.with_columns(
        age=nw.col("period") - nw.col("cohort"),
        value=nw.col(measure).cast(nw.Float64),
        unknown=nw.col("unknown").cast(nw.Float64) if money else nw.lit(0.0),
        size=nw.when(is_birth).then(nw.col("customers")).otherwise(0),
    )
    by = [*source.by, "cohort"]
    sizes = _lazy.agg(found, by, size=("size", "sum"))
    ages = pa.table({"age": np.arange(when.length, dtype=np.int64)})
    grid = _lazy.cross(sizes, _lazy.working(source.table, ages, source.kind))
    cells = _lazy.stack(
        [grid.select(*by, "age", "size"), found.select(*by, "age", "value", "unknown")],
        ["size", "value", "unknown"],
    )
    cells = _lazy.agg(
        cells,
        [*by, "age"],
        size=("size", "sum"),
        value=("value", "sum"),
        unknown=("unknown", "sum"),
    )
    reached = nw.col("cohort") + nw.col("age")
    amount = _transactions.money_expression("value", precision) if money else nw.col("value")
    cells = cells.with_columns(
        value=nw.when((reached <= when.last) & (nw.col("unknown") == 0)).then(amount),
        complete=(reached < when.last)
        | ((reached == when.last) & nw.lit(_periods.is_over(when.last, when.period, day))),
    )
    cells = cells.with_columns(
        born=nw.when((nw.col("age") == 0) & (nw.col("value") > 0)).then(nw.col("value"))
    )
    cells = _lazy.lowest(cells, "base", of="born", by=by)
    cells = cells.with_columns(rate=nw.col("value") / nw.col("base"))
    starts = _periods.calendar(when.first, when.last, when.period, number="cohort", start="starts")
    cells = _lazy.look_up(cells, _lazy.working(source.table, starts, source.kind), on="cohort")
    return cells.drop("cohort").rename({"starts": "cohort"})


def _wide(source: _frame.Source, cells: pa.Table, order: list[str]) -> Any:
    cells = cells.sort_by([(name, "ascending") for name in order])
    ages = int(cells["age"].to_numpy().max()) + 1
    rows = np.arange(0, len(cells), ages)
    values = np.asarray(cells["value"].to_numpy(), dtype=np.float64).reshape(-1, ages)
    table = cells.select([*source.by, "cohort", "size"]).take(rows)
    for age in range(ages):
        table = table.append_column(str(age), _result.column(values[:, age]))
    schema = {**dict.fromkeys(source.by, "id"), "cohort": "date", "size": "int"}
    schema |= dict.fromkeys(map(str, range(ages)), "float")
    return _result.native(source, table, schema)
