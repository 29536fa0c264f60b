"""Monthly recurring revenue: what each customer pays a month, and what moves the sum."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _periods, _result
from crmlytics._columns import Floats, Ints
from crmlytics.kpi import _monthly
from crmlytics.kpi._definitions import defined
from crmlytics.kpi._monthly import MOVEMENTS, Changes

MONTHLY = {
    "month": "date",
    "mrr": "float",
    "previous_mrr": "float",
    "change": "float",
    "movement": "text",
    "complete": "bool",
}
MOVES = {
    "month": "date",
    "start": "float",
    **dict.fromkeys(MOVEMENTS, "float"),
    "end": "float",
    "customers": "int",
    **{f"{name}_customers": "int" for name in MOVEMENTS},
    "complete": "bool",
}


@defined
def monthly_revenue(
    subscriptions: IntoDataFrameT,
    *,
    proration: str = "month",
    as_of: date | str | None = None,
    precision: int = 2,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    start_col: str = "start_date",
    end_col: str = "end_date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Monthly recurring revenue (MRR) of each customer, month by month.

    Subscriptions of one customer are added up, also where they overlap: two products are two
    amounts, and who cancels one of them pays less but stays. A subscription that begins on the day
    another ends is a renewal.

    Parameters
    ----------
    subscriptions : table
        One row per subscription (or per spell on one plan). What is paid once, taxes and refunds
        do not belong in it; of a yearly contract, hand over a twelfth a month.
    proration : {"month", "day"}, default "month"
        "month": a month is as its last day: a subscription counts in full in the month in which it
        begins, and no more in the one in which it ends. "day": a month is the mean of its days, so
        that a subscription counts with the share of the days on which it ran.
    as_of : date, default the last date of the table, of start or end
        The last day seen, inclusive. Later rows are not used, later ends are open.
    precision : int, default 2
        Decimals to which what a customer pays in a month is rounded, halves up (-9 to 9).
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all.
    customer_col, start_col : str
        Names of the columns.
    end_col : str, default "end_date"
        The first day without the subscription; null where it is open.
    amount_col : str, default "amount"
        Amount a month. Discounts may be rows of their own, below 0.

    Returns
    -------
    table
        One row a customer (and group) and month, sorted, from the first month with MRR to the month
        after the last, as far as the calendar goes; gaps between have rows with 0. The customer,
        the columns of `by`, ``month`` (timestamp; its first day), ``mrr`` (float, in the unit of
        the amounts; 0 where nothing or less was due), ``previous_mrr`` (float; of the month
        before), ``change`` (float), ``movement`` (text; "new", "expansion", "contraction",
        "churn", "reactivation"; null where nothing changed), ``complete`` (bool; False where the
        month was not over on `as_of`).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or starts are null, an end lies before its start, amounts are null, infinite or too
        large to be counted exactly; or, without `as_of`, if the table is empty or its last end
        more than 100 years away.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If rows count for nothing: amounts of 0 or less, ends on the day of the start, or, with
        ``proration="month"``, subscriptions that begin and end within a month.

    See Also
    --------
    mrr_movements : the sums of all customers.
    revenue_retention : what is left of the revenue of a year ago.
    churn_rate : customers and revenue lost, for any period.

    References
    ----------
    dbt Labs, MRR playbook. ChartMogul, What is MRR?

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> subscriptions = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a"],
    ...         "start_date": pd.to_datetime(["2026-01-10", "2026-02-15"]),
    ...         "end_date": pd.to_datetime(["2026-02-15", "2026-03-20"]),
    ...         "amount": [10.0, 30.0],
    ...     }
    ... )
    >>> crm.kpi.monthly_revenue(subscriptions)
      customer_id      month   mrr  previous_mrr  change   movement  complete
    0           a 2026-01-01  10.0           0.0    10.0        new      True
    1           a 2026-02-01  30.0          10.0    20.0  expansion      True
    2           a 2026-03-01   0.0          30.0   -30.0      churn     False
    """
    source, found = _monthly.read(
        subscriptions, "monthly_revenue", proration=proration, as_of=as_of, precision=precision,
        by=by, result=tuple(MONTHLY),
        columns={
            "customer_col": customer_col, "start_col": start_col, "end_col": end_col,
            "amount_col": amount_col,
        },
    )  # fmt: skip
    schema = {"customer": "id", **dict.fromkeys(source.by, "id"), **MONTHLY}
    if found is None:
        nothing: IntoDataFrameT = _result.empty(source, schema)
        return nothing
    answer: IntoDataFrameT = _result.native(source, _spread(found), schema)
    return answer


def _spread(found: Changes) -> pa.Table:
    """Repeat each change until the next; a payer who has left has one row of 0."""
    size = len(found.who)
    more = np.append(found.who[1:] == found.who[:-1], False)[:size]
    until = np.where(found.now > 0, found.n_months, found.month + 1)
    until = np.where(more, np.append(found.month[1:], 0)[:size], until)
    length = until - found.month
    at = np.repeat(np.arange(size), length)
    since = np.arange(len(at)) - np.repeat(np.cumsum(length) - length, length)
    month, changed = found.month[at] + since, since == 0
    now = found.now[at]
    before = np.where(changed, found.before[at], now)
    words = pa.DictionaryArray.from_arrays(
        pa.array(found.kind[at], pa.int8(), mask=~changed), pa.array(MOVEMENTS)
    )
    payers = found.payers.take(pa.array(found.who[at]))
    return pa.table(
        {name: payers[name] for name in payers.column_names}
        | {
            "month": _periods.timestamps(found.starts[month]),
            "mrr": now / found.scale,
            "previous_mrr": before / found.scale,
            "change": (now - before) / found.scale,
            "movement": words.cast(pa.string()),
            "complete": found.complete[month],
        }
    )


@defined
def mrr_movements(
    subscriptions: IntoDataFrameT,
    *,
    proration: str = "month",
    as_of: date | str | None = None,
    precision: int = 2,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    start_col: str = "start_date",
    end_col: str = "end_date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Monthly recurring revenue (MRR) at the start and end of each month, and what moved it.

    ``start + new + reactivation + expansion - contraction - churn = end`` in every row, to the
    last unit of `precision`. Each change of a customer is one movement: *new* for the first MRR of
    all, *reactivation* for MRR after none, *churn* for none after MRR, *expansion* and
    *contraction* for more and less. It is the customer who moves, not the subscription: cancelling
    one of two is contraction, a renewal nothing.

    Parameters
    ----------
    subscriptions : table
        One row per subscription (or per spell on one plan). What is paid once, taxes and refunds
        do not belong in it; of a yearly contract, hand over a twelfth a month.
    proration : {"month", "day"}, default "month"
        "month": a month is as its last day: a subscription counts in full in the month in which it
        begins, and no more in the one in which it ends. "day": a month is the mean of its days, so
        that a subscription begun on the 16th is half new, and half expansion a month later.
    as_of : date, default the last date of the table, of start or end
        The last day seen, inclusive. Later rows are not used, later ends are open.
    precision : int, default 2
        Decimals to which what a customer pays in a month is rounded, halves up (-9 to 9).
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all. Who
        moves from one group to another is churn in the first and new in the second.
    customer_col, start_col : str
        Names of the columns.
    end_col : str, default "end_date"
        The first day without the subscription; null where it is open.
    amount_col : str, default "amount"
        Amount a month. Discounts may be rows of their own, below 0.

    Returns
    -------
    table
        One row (a group and) a month from the first start to `as_of`, sorted: the columns of `by`,
        ``month`` (timestamp; its first day), ``start``, ``new``, ``expansion``, ``contraction``,
        ``churn``, ``reactivation``, ``end`` (float, in the unit of the amounts, 0 or more),
        ``customers`` (int; paying at the end), ``new_customers``, ``expansion_customers``,
        ``contraction_customers``, ``churn_customers``, ``reactivation_customers`` (int),
        ``complete`` (bool; False where the month was not over on `as_of`: more may still move).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or starts are null, an end lies before its start, amounts are null, infinite or too
        large to be counted exactly; or, without `as_of`, if the table is empty or its last end
        more than 100 years away.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If rows count for nothing: amounts of 0 or less, ends on the day of the start, or, with
        ``proration="month"``, subscriptions that begin and end within a month.

    See Also
    --------
    monthly_revenue : the movements customer by customer.
    revenue_retention : net and gross retention, quick ratio.
    plot_mrr : draws them.

    References
    ----------
    dbt Labs, MRR playbook. ChartMogul, MRR movements.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> subscriptions = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b", "c"],
    ...         "start_date": pd.to_datetime(
    ...             ["2026-01-10", "2026-02-15", "2026-01-01", "2026-03-05"]
    ...         ),
    ...         "end_date": pd.to_datetime(["2026-02-15", None, "2026-03-01", None]),
    ...         "amount": [10.0, 30.0, 50.0, 20.0],
    ...     }
    ... )
    >>> moved = crm.kpi.mrr_movements(subscriptions, as_of="2026-03-31")
    >>> moved[["month", "start", "new", "expansion", "contraction", "churn", "end"]]
           month  start   new  expansion  contraction  churn   end
    0 2026-01-01    0.0  60.0        0.0          0.0    0.0  60.0
    1 2026-02-01   60.0   0.0       20.0          0.0    0.0  80.0
    2 2026-03-01   80.0  20.0        0.0          0.0   50.0  50.0
    """
    source, found = _monthly.read(
        subscriptions, "mrr_movements", proration=proration, as_of=as_of, precision=precision,
        by=by, result=tuple(MOVES),
        columns={
            "customer_col": customer_col, "start_col": start_col, "end_col": end_col,
            "amount_col": amount_col,
        },
    )  # fmt: skip
    schema = {**dict.fromkeys(source.by, "id"), **MOVES}
    if found is None:
        nothing: IntoDataFrameT = _result.empty(source, schema)
        return nothing
    table = pa.table(_flows(found))
    answer: IntoDataFrameT = _result.native(source, table, schema, sort_by=[*source.by, "month"])
    return answer


def _flows(found: Changes) -> dict[str, Any]:
    """Add the changes up by group, month and movement."""
    size, n, kinds = found.grouped.size, found.n_months, len(MOVEMENTS)
    cells = (found.group[found.who] * n + found.month) * kinds + found.kind
    moved = np.abs(found.now - found.before)
    # whole numbers as floats, which are exact far beyond any revenue
    sums = np.asarray(np.bincount(cells, moved, size * n * kinds), dtype=np.float64)
    money = sums.reshape(size, n, kinds)
    heads = np.bincount(cells, minlength=size * n * kinds).reshape(size, n, kinds)
    net = _net(money)
    end, customers = np.cumsum(net, axis=1), np.cumsum(_won(heads), axis=1)
    start = end - net
    columns = {
        **found.grouped.columns(np.repeat(np.arange(size), n)),
        "month": _periods.timestamps(np.tile(found.starts, size)),
        "start": start.ravel() / found.scale,
        "end": end.ravel() / found.scale,
        "customers": customers.ravel(),
        "complete": np.tile(found.complete, size),
    }
    for place, name in enumerate(MOVEMENTS):
        columns[name] = money[:, :, place].ravel() / found.scale
        columns[f"{name}_customers"] = heads[:, :, place].ravel()
    return columns


def _net(money: Floats) -> Floats:
    """Return the change of the sum: what came less what went."""
    new, expansion, contraction, churn, reactivation = np.moveaxis(money, 2, 0)
    net: Floats = new + expansion - contraction - churn + reactivation
    return net


def _won(heads: Ints) -> Ints:
    """Return the change of the number of paying customers."""
    new, _, _, churn, reactivation = np.moveaxis(heads, 2, 0)
    won: Ints = new - churn + reactivation
    return won
