"""The share of customers, and of revenue, lost or kept from one period to the next."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _intervals, _periods, _result, _transactions
from crmlytics._columns import Bools, Floats, Ints
from crmlytics.kpi import _estimates, _spans
from crmlytics.kpi._definitions import defined

OF = ("customers", "revenue")
RATE_SCHEMA = {"period": "date", **_estimates.ESTIMATE, "complete": "bool"}


@defined
def churn_rate(
    table: IntoDataFrameT,
    *,
    period: str = "M",
    of: str = "customers",
    lapse_days: int | None = None,
    as_of: date | str | None = None,
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    start_col: str = "start_date",
    end_col: str = "end_date",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Share of the customers at the start of each period who are gone at its end.

    ``value = customers lost / customers on the eve of the period``: who was there on the day before
    its first day, and is not on its last. Customers won in the period are in neither number. A
    customer is one, however many subscriptions: who cancels one of two has not churned, nor has
    who ends one and begins the next before the period is over.

    A table with a column of ends is read as subscriptions: there from start to the day before the
    end. Any other table is read as transactions: there for `lapse_days` days from each purchase.

    Parameters
    ----------
    table : table
        Subscriptions (id, start, end) or transactions (id, date).
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Days, weeks from Monday, months, quarters or years.
    of : {"customers", "revenue"}, default "customers"
        What is lost. Revenue of subscriptions is gross: what the customers of the eve pay less on
        the last day, because they left or pay less; who pays more makes up for nobody. Revenue of
        transactions is what those lost had bought in the `lapse_days` days up to the eve, of what
        all who were there had bought then.
    lapse_days : int, optional
        For transactions: days without a purchase after which a customer counts as lost, 1 or more.
        `crmlytics.churn.inactivity_threshold` suggests one.
    as_of : date, default the last date of the table, of start or end
        The last day seen, inclusive. Later rows are not used, later ends are open.
    precision : int, default 2
        Decimals to which revenue is rounded, halves up (-9 to 9).
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all.
    customer_col, start_col, end_col, date_col : str
        Names of the columns.
    amount_col : str
        Needed for revenue: the amount a month of a subscription, or the amount of a line. Lines
        below 0 are returns: no purchases, and less revenue.

    Returns
    -------
    table
        One row a group and period, sorted: the columns of `by`, ``period`` (timestamp; its first
        day), ``value`` (float, 0 to 1; null where nobody was there on the eve), ``lower``,
        ``upper`` (float; Wilson, for revenue the delta method over customers), ``numerator`` (int,
        customers lost; or float, revenue lost), ``denominator`` (int or float, on the eve),
        ``complete`` (bool; False where the period was not over on `as_of`: more may still leave).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or starts are null, an end lies before its start, amounts are infinite, or an empty
        table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, `lapse_days` is missing for transactions
        or given for subscriptions, or `as_of` lies before the data.

    See Also
    --------
    retention_rate : the complement.
    retention_curve : who is left by age instead of by date.
    crmlytics.churn.survival_curve : how long subscriptions last.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209. Cochran (1977), Sampling Techniques, 3rd
    ed., ch. 6.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> subscriptions = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "c"],
    ...         "start_date": pd.to_datetime(["2026-01-01", "2026-01-01", "2026-02-10"]),
    ...         "end_date": pd.to_datetime([None, "2026-02-15", None]),
    ...     }
    ... )
    >>> churn = crm.kpi.churn_rate(subscriptions, as_of="2026-02-28")
    >>> churn[["period", "value", "numerator", "denominator"]]
          period  value  numerator  denominator
    0 2026-01-01    NaN          0            0
    1 2026-02-01    0.5          1            2
    """
    columns = {
        "customer_col": customer_col, "start_col": start_col, "end_col": end_col,
        "date_col": date_col, "amount_col": amount_col,
    }  # fmt: skip
    answer: IntoDataFrameT = _rate(
        table, "churn_rate", kept=False, period=period, of=of, lapse_days=lapse_days, as_of=as_of,
        precision=precision, confidence=confidence, by=by, columns=columns,
    )  # fmt: skip
    return answer


@defined
def retention_rate(
    table: IntoDataFrameT,
    *,
    period: str = "M",
    of: str = "customers",
    lapse_days: int | None = None,
    as_of: date | str | None = None,
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    start_col: str = "start_date",
    end_col: str = "end_date",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Share of the customers at the start of each period who are still there at its end.

    ``value = customers kept / customers on the eve of the period``, which is 1 - `churn_rate`:
    everything said there holds here.

    Parameters
    ----------
    table : table
        Subscriptions (id, start, end) or transactions (id, date).
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Days, weeks from Monday, months, quarters or years.
    of : {"customers", "revenue"}, default "customers"
        What is kept. Revenue of subscriptions is gross: each customer counts at most with what was
        paid on the eve.
    lapse_days : int, optional
        For transactions: days without a purchase after which a customer counts as lost, 1 or more.
    as_of : date, default the last date of the table, of start or end
        The last day seen, inclusive. Later rows are not used, later ends are open.
    precision : int, default 2
        Decimals to which revenue is rounded, halves up (-9 to 9).
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all.
    customer_col, start_col, end_col, date_col, amount_col : str
        Names of the columns; the amount is needed for revenue.

    Returns
    -------
    table
        One row a group and period, sorted: the columns of `by`, ``period`` (timestamp; its first
        day), ``value`` (float, 0 to 1; null where nobody was there on the eve), ``lower``,
        ``upper`` (float; Wilson, for revenue the delta method over customers), ``numerator`` (int,
        customers kept; or float, revenue kept), ``denominator`` (int or float, on the eve),
        ``complete`` (bool; False where the period was not over on `as_of`: more may still leave).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or starts are null, an end lies before its start, amounts are infinite, or an empty
        table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, `lapse_days` is missing for transactions
        or given for subscriptions, or `as_of` lies before the data.

    See Also
    --------
    churn_rate : the complement.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209. Cochran (1977), Sampling Techniques, 3rd
    ed., ch. 6.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-20", "2026-01-31", "2026-02-20", "2026-03-31"])
    >>> bought = pd.DataFrame({"customer_id": ["a", "b", "a", "b"], "date": days})
    >>> kept = crm.kpi.retention_rate(bought, lapse_days=45)
    >>> kept[["period", "value", "numerator", "denominator"]]
          period  value  numerator  denominator
    0 2026-01-01    NaN          0            0
    1 2026-02-01    1.0          2            2
    2 2026-03-01    1.0          2            2
    """
    columns = {
        "customer_col": customer_col, "start_col": start_col, "end_col": end_col,
        "date_col": date_col, "amount_col": amount_col,
    }  # fmt: skip
    answer: IntoDataFrameT = _rate(
        table, "retention_rate", kept=True, period=period, of=of, lapse_days=lapse_days,
        as_of=as_of, precision=precision, confidence=confidence, by=by, columns=columns,
    )  # fmt: skip
    return answer


def _rate(
    table: Any,
    caller: str,
    *,
    kept: bool,
    period: str,
    of: str,
    precision: int,
    confidence: float,
    columns: dict[str, str],
    **options: Any,
) -> Any:
    _checks.period(period, caller)
    _checks.choice(of, OF, name="of", caller=caller)
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    level = _checks.confidence(confidence, caller)
    money = of == "revenue"
    schema = RATE_SCHEMA | ({"denominator": "float"} if money else {"numerator": "int"})
    source, spans = _spans.read(
        table, caller, period=period, amounts=money, result=tuple(schema), columns=columns,
        **options,
    )  # fmt: skip
    schema = {**dict.fromkeys(source.by, "id"), **schema}
    if spans is None:
        return _result.empty(source, schema)
    top, base, bounds = (
        _revenue(spans, kept=kept, precision=precision, level=level)
        if money
        else _customers(spans, kept=kept, level=level)
    )
    n, when = spans.calendar.length, spans.calendar
    over = np.arange(when.first, when.last + 1) < when.last
    over[-1] = _periods.is_over(when.last, period, spans.day)
    starts = _periods.first_days(np.arange(when.first, when.last + 1), period)
    value = _estimates.divide(top, base)
    size = spans.grouped.size
    reduced = {
        **spans.grouped.columns(np.repeat(np.arange(size), n)),
        "period": _periods.timestamps(np.tile(starts, size)),
        "value": _result.column(value),
        "lower": _result.column(np.where(np.isnan(value), np.nan, bounds[0])),
        "upper": _result.column(np.where(np.isnan(value), np.nan, bounds[1])),
        "numerator": _result.column(top),
        "denominator": _result.column(base),
        "complete": np.tile(over, size),
    }
    return _result.native(source, pa.table(reduced), schema, sort_by=[*source.by, "period"])


def _customers(
    spans: _spans.Spans, *, kept: bool, level: float
) -> tuple[Ints, Ints, tuple[Floats, Floats]]:
    """Count those on the eve of each period, and of these the lost or kept; with bounds."""
    there = np.zeros((spans.grouped.size, spans.calendar.length), dtype=np.int64)
    stayed = there.copy()
    for block in _spans.presences(spans):
        eve, end = block.active[:, :-1], block.active[:, 1:]
        starts = np.flatnonzero(np.diff(block.group, prepend=-1))  # customers lie group by group
        groups = block.group[starts]
        there[groups] += _counts(eve, starts)
        stayed[groups] += _counts(eve & end, starts)
    base = there.ravel()
    top = stayed.ravel() if kept else base - stayed.ravel()
    return top, base, _intervals.wilson(top, base, level)


def _counts(marks: Bools, starts: Ints) -> Ints:
    """Count the marks of each edge in groups that begin at these rows."""
    if len(starts) == 1:  # the usual case, in half the time
        return np.asarray(np.count_nonzero(marks, axis=0))[None, :]
    return np.asarray(np.add.reduceat(marks, starts, axis=0, dtype=np.int64))


def _revenue(
    spans: _spans.Spans, *, kept: bool, precision: int, level: float
) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
    """Add up what those on the eve of each period had, and of it the lost or kept; with bounds."""
    length = spans.calendar.length
    cells, thens, tops = [], [], []
    for block in _spans.presences(spans):
        eve, end = block.active[:, :-1], block.active[:, 1:]
        then = block.amount[:, :-1]
        # without a positive amount there is nothing to lose; unknown amounts stay in, as unknown
        who, when = np.nonzero(eve & ~(then <= 0))
        had, still = then[who, when], end[who, when]
        left = np.where(still, had, 0.0)
        if spans.contract:
            left = np.where(still, np.minimum(np.maximum(block.amount[who, when + 1], 0), had), 0.0)
        cells.append(block.group[who] * length + when)
        thens.append(had)
        tops.append(left if kept else had - left)
    at, then, top = np.concatenate(cells), np.concatenate(thens), np.concatenate(tops)
    size = spans.grouped.size * length
    base = _transactions.money(np.bincount(at, then, size), precision)
    moved = _transactions.money(np.bincount(at, top, size), precision)
    lower, upper = _intervals.ratio_of_sums(top, then, at, size, level)
    return moved, base, (np.maximum(lower, 0.0), np.minimum(upper, 1.0))
