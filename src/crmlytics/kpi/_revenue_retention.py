"""What is left of the recurring revenue of some months ago, and what the last month did to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import (
    _checks,
    _codes,
    _columns,
    _frame,
    _groups,
    _intervals,
    _periods,
    _result,
    _transactions,
)
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics._groups import Groups
from crmlytics.errors import DataError
from crmlytics.kpi import _estimates
from crmlytics.kpi._definitions import defined

RETENTION = {
    "month": "date",
    "nrr": "float",
    "nrr_lower": "float",
    "nrr_upper": "float",
    "grr": "float",
    "grr_lower": "float",
    "grr_upper": "float",
    "base_mrr": "float",
    "now_mrr": "float",
    "kept_mrr": "float",
    "logo_retention": "float",
    "logo_lower": "float",
    "logo_upper": "float",
    "base_customers": "int",
    "kept_customers": "int",
    "quick_ratio": "float",
    "gross_churn": "float",
    "net_churn": "float",
    "complete": "bool",
}


@dataclass(frozen=True)
class _Paid:
    """What each payer (a customer within a group) paid in each month; entries above 0, sorted."""

    grouped: Groups
    first: int  # month number
    n_months: int
    keys: Ints  # payer * n_months + month
    month: Ints  # from the first
    cells: Ints  # group * n_months + month
    new: Bools  # the first entry of each payer
    amount: Floats


@dataclass(frozen=True)
class _Pairs:
    """The amounts of one payer in two months, and the group and later month they fall in."""

    cells: Ints
    then: Floats
    now: Floats


@defined
def revenue_retention(
    monthly: IntoDataFrameT,
    *,
    months: int = 12,
    net_of_reactivation: bool = True,
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
) -> IntoDataFrameT:
    """Net and gross revenue retention (NRR, GRR), logo retention, quick ratio and MRR churn.

    ``nrr = MRR now of those who paid `months` ago / their MRR then``; customers won since are in
    neither. ``grr`` is the same with each customer counted at most with the MRR of then, so that
    nobody makes up for another: it is never above 1, nor above ``nrr``. ``logo_retention`` counts
    the customers instead. These three look back `months`; quick ratio and churn look at the month
    alone.

    Parameters
    ----------
    monthly : table
        As `monthly_revenue` makes it, or any table with the customer, "month" (any day of it) and
        "mrr", in which a customer without a row in a month paid nothing. Rows of one customer and
        month are added up. The calendar runs from the first to the last month of the table.
    months : int, default 12
        How many months to look back, 1 or more.
    net_of_reactivation : bool, default True
        Whether customers who came back lower the net churn of the month, as at ChartMogul.
    precision : int, default 2
        Decimals to which sums of money are rounded, halves up (-9 to 9).
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all. Who
        moves to another group is lost to the first.
    customer_col : str, default "customer_id"
        Name of the column.

    Returns
    -------
    table
        One row (a group and) a month, sorted: the columns of `by`, ``month`` (timestamp; its first
        day), ``nrr`` (float, 0 or more), ``nrr_lower``, ``nrr_upper``, ``grr`` (float, 0 to 1),
        ``grr_lower``, ``grr_upper`` (float; delta method over customers, null with fewer than two),
        ``base_mrr`` (float; MRR `months` ago), ``now_mrr``, ``kept_mrr`` (float; the numerators of
        nrr and grr), ``logo_retention`` (float, 0 to 1), ``logo_lower``, ``logo_upper`` (float;
        Wilson), ``base_customers``, ``kept_customers`` (int); ``quick_ratio`` (float; null where
        nothing was lost), ``gross_churn`` (float, 0 to 1), ``net_churn`` (float; below 0 where
        expansion and returning customers outweigh the losses), ``complete`` (bool; False where the
        table says that the month was not over). What looks back to before the table is null, and
        so is a ratio to no revenue.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or months are null, or an "mrr" is null or infinite.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    monthly_revenue : makes the table.
    mrr_movements : the sums behind quick ratio and churn.
    churn_rate : churn of customers or revenue, for any period.

    Notes
    -----
    The retention of groups does not average to that of all: compute it from the rows of all.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209. Cochran (1977), Sampling Techniques, 3rd
    ed., ch. 6.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> monthly = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "c", "a", "c", "d"],
    ...         "month": pd.to_datetime(["2026-01-01"] * 3 + ["2026-02-01"] * 3),
    ...         "mrr": [100.0, 60.0, 40.0, 130.0, 20.0, 70.0],
    ...     }
    ... )
    >>> kept = crm.kpi.revenue_retention(monthly, months=1)
    >>> kept[["month", "nrr", "grr", "base_mrr", "now_mrr", "kept_mrr", "quick_ratio"]]
           month   nrr  grr  base_mrr  now_mrr  kept_mrr  quick_ratio
    0 2026-01-01   NaN  NaN       NaN      NaN       NaN          NaN
    1 2026-02-01  0.75  0.6     200.0    150.0     120.0         1.25
    """
    caller = "revenue_retention"
    back = _checks.whole(months, name="months", caller=caller, low=1, high=1_200)
    offsets = _checks.flag(net_of_reactivation, name="net_of_reactivation", caller=caller)
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    level = _checks.confidence(confidence, caller)
    source, opened = _read(monthly, caller, by, customer_col)
    schema = {**dict.fromkeys(source.by, "id"), **RETENTION}
    if not source.n_rows:
        nothing: IntoDataFrameT = _result.empty(source, schema)
        return nothing
    paid = _paid(source, precision)
    size, n = paid.grouped.size, paid.n_months
    starts = _periods.first_days(np.arange(paid.first, paid.first + n), "M")
    reduced = {
        **paid.grouped.columns(np.repeat(np.arange(size), n)),
        "month": _periods.timestamps(np.tile(starts, size)),
        "complete": np.tile(_over(source, paid, opened=opened), size),
        **_retained(paid, back, precision, level),
        **_churned(paid, precision, offsets=offsets),
    }
    answer: IntoDataFrameT = _result.native(
        source, pa.table(reduced), schema, sort_by=[*source.by, "month"]
    )
    return answer


def _read(monthly: Any, caller: str, by: Any, customer_col: str) -> tuple[Source, bool]:
    """Read the table; the flag says whether it tells which months were over."""
    opened, _ = _frame.open_table(monthly, caller=caller, argument="monthly", lazy=False)
    flagged = "complete" in opened.collect_schema().names()
    roles = {"customer_col": customer_col, "month": "month", "mrr": "mrr"}
    source = _frame.read(
        monthly, caller=caller, argument="monthly", by=by, result=tuple(RETENTION),
        roles=roles | ({"complete": "complete"} if flagged else {}), maker="monthly_revenue",
    )  # fmt: skip
    for role in ("month", "mrr"):
        unknown = _columns.null_count(source.column(role)) if source.n_rows else 0
        if unknown:
            raise DataError(
                f"{caller}: {unknown:,} of {source.n_rows:,} rows of monthly have no {role!r}, and "
                "revenue is a sum of all. Drop them, or fill in 0 for what is free."
            )
    return source, flagged


def _paid(source: Source, precision: int) -> _Paid:
    """Add up what each payer paid in each month."""
    numbers = _periods.of_days(source.ticks("month").days(), "M")
    first, last = int(numbers.min()), int(numbers.max())
    n, grouped, customers = last - first + 1, _groups.groups(source, None), source.keys("customer")
    _checks.cells(grouped.size * n, period="M", caller=source.caller)
    payer = np.asarray(customers.codes, dtype=np.int64)
    if grouped.codes is not None:
        payer = payer + np.asarray(grouped.codes, dtype=np.int64) * customers.size
    found = _codes.occurring(payer * n + (numbers - first), grouped.size * customers.size * n)
    amount = _transactions.money(found.sums(source.numbers("mrr"))[0], precision)
    paying = np.flatnonzero(amount > 0)
    keys = found.present[paying]
    who = keys // n
    month = keys - who * n
    new = np.append(True, who[1:] != who[:-1])[: len(who)]
    cells = month if grouped.size == 1 else who // customers.size * n + month
    return _Paid(grouped, first, n, keys, month, cells, new, amount[paying])


def _over(source: Source, paid: _Paid, *, opened: bool) -> Bools:
    """Mark the months of the calendar that no row says were not over."""
    over = np.ones(paid.n_months, dtype=bool)
    if opened:
        told: nw.Series[Any] = source.column("complete")
        unfinished = told.is_null().to_numpy() | ~np.asarray(
            told.fill_null(value=False).to_numpy(), dtype=bool
        )
        days = source.ticks("month").days()[unfinished]
        over[_periods.of_days(days, "M") - paid.first] = False
    return over


def _pairs(paid: _Paid, back: int) -> _Pairs:
    """Hold what each payer paid in a month against `back` months later."""
    then = np.flatnonzero(paid.month < paid.n_months - back)
    keys = paid.keys[then] + back
    # who paid all the time is found so many entries on; the others are searched for
    place = np.minimum(then + back, max(len(paid.keys) - 1, 0))
    missed = np.flatnonzero(paid.keys[place] != keys)
    place[missed] = np.minimum(np.searchsorted(paid.keys, keys[missed]), len(paid.keys) - 1)
    gone = missed[paid.keys[place[missed]] != keys[missed]]
    now = paid.amount[place]
    now[gone] = 0.0
    return _Pairs(paid.cells[then] + back, paid.amount[then], now)


def _retained(paid: _Paid, back: int, precision: int, level: float) -> dict[str, Any]:
    """Return NRR, GRR and logo retention with their intervals; null before `back` months."""
    size, pairs = paid.grouped.size * paid.n_months, _pairs(paid, back)
    known = np.tile(np.arange(paid.n_months) >= back, paid.grouped.size)
    kept = np.minimum(pairs.then, pairs.now)
    base, now, held = (
        _transactions.money(np.bincount(pairs.cells, money, size), precision)
        for money in (pairs.then, pairs.now, kept)
    )
    heads = np.bincount(pairs.cells, minlength=size)
    stayed = np.bincount(pairs.cells[pairs.now > 0], minlength=size)
    wilson = _intervals.wilson(stayed, heads, level)
    columns = {
        "base_mrr": _result.column(base, known),
        "now_mrr": _result.column(now, known),
        "kept_mrr": _result.column(held, known),
        "logo_retention": _result.column(_estimates.divide(stayed, heads)),
        "logo_lower": _result.column(wilson[0]),
        "logo_upper": _result.column(wilson[1]),
        "base_customers": _result.column(heads, known),
        "kept_customers": _result.column(stayed, known),
    }
    for name, top, tops, most in (("nrr", now, pairs.now, np.inf), ("grr", held, kept, 1.0)):
        lower, upper = _intervals.ratio_of_sums(tops, pairs.then, pairs.cells, size, level)
        columns[name] = _result.column(_estimates.divide(top, base))
        columns[f"{name}_lower"] = _result.column(np.maximum(lower, 0.0))
        columns[f"{name}_upper"] = _result.column(np.minimum(upper, most))
    return columns


def _churned(paid: _Paid, precision: int, *, offsets: bool) -> dict[str, Any]:
    """Return what each month did to the revenue of the month before."""
    size, pairs = paid.grouped.size * paid.n_months, _pairs(paid, 1)
    start, now, kept = (
        np.bincount(pairs.cells, money, size)
        for money in (pairs.then, pairs.now, np.minimum(pairs.then, pairs.now))
    )
    end = np.bincount(paid.cells, paid.amount, size)
    back = end - now - np.bincount(paid.cells[paid.new], paid.amount[paid.new], size)
    lost, won, reactivated, start = (
        _transactions.money(money, precision) for money in (start - kept, end - kept, back, start)
    )
    expanded = _transactions.money(now - kept, precision)
    net = lost - expanded - (reactivated if offsets else 0.0)
    return {
        "quick_ratio": _result.column(_estimates.divide(won, lost)),
        "gross_churn": _result.column(_estimates.divide(lost, start)),
        "net_churn": _result.column(_estimates.divide(net, start)),
    }
