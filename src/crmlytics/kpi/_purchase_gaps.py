"""How long customers wait between one purchase and the next."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT, IntoFrameT

from crmlytics import _checks, _frame, _intervals, _lazy, _periods, _result
from crmlytics.kpi import _days, _estimates, _gap_curve
from crmlytics.kpi._definitions import defined

GAPS = {"date": "date", "gap_days": "int"}
SUMMARY = {
    "customers": "int",
    "one_time": "int",
    "n_gaps": "int",
    "mean_days": "float",
    "mean_lower": "float",
    "mean_upper": "float",
    "median_days": "int",
    "lower": "int",
    "upper": "int",
    "p80_days": "int",
    "p90_days": "int",
    "p95_days": "int",
}
_SHARES = {"p80_days": 0.8, "p90_days": 0.9, "p95_days": 0.95}


def purchase_gaps(
    transactions: IntoFrameT,
    *,
    as_of: date | str | None = None,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoFrameT:
    """List the days between each purchase of a customer and the one before.

    All that a customer buys on one day is one purchase. Customers with a single purchase day have
    no gap and are not listed; `purchase_gap_summary` counts them.

    Parameters
    ----------
    transactions : table
        One row per order line. A Polars LazyFrame or DuckDB relation is reduced in its own engine
        and comes back lazy, unsorted; it is read once beforehand to check it.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, so that in a shop the gap
        reaches back to the customer's purchase before in the same shop.
    customer_col, date_col : str
        Names of the columns.
    amount_col : str or None, default "amount"
        Rows with an amount below 0 are returns and no purchases. A table without a column "amount"
        has no returns.

    Returns
    -------
    table
        One row a customer, group and purchase day except the first, sorted: the customer's id, the
        columns of `by`, ``date`` (timestamp; the purchase day), ``gap_days`` (int, 1 or more; days
        since the purchase day before).

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
    purchase_gap_summary : mean and quantiles, with those who came once.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-02", "2026-01-02", "2026-01-09", "2026-02-01", "2026-01-05"]
    >>> lines = pd.DataFrame({"customer_id": list("aaaab"), "date": pd.to_datetime(days)})
    >>> crm.kpi.purchase_gaps(lines)
      customer_id       date  gap_days
    0           a 2026-01-09         7
    1           a 2026-02-01        23
    """
    source = _estimates.lines(
        transactions, "purchase_gaps", by=by, result=tuple(GAPS), lazy=True,
        customer_col=customer_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    schema = {"customer": "id", **dict.fromkeys(source.by, "id"), **GAPS}
    if source.lazy:
        who = ["customer", *source.by]
        days = _days.of_engine(source, day)
        days = _lazy.previous(days, "before", of="date", by=who, order_by="date")
        days = days.filter(~nw.col("before").is_null())
        gap = _lazy.day_number("date") - _lazy.day_number("before")
        answer: IntoFrameT = _result.native(source, days.with_columns(gap_days=gap), schema)
        return answer
    found = _days.of_rows(source, day)
    later = np.flatnonzero(~found.starts)
    reduced = {
        "customer": _result.ids(source.keys("customer").take(found.customer[later])),
        **found.grouped.columns(found.group[later]),
        "date": _periods.timestamps(found.day[later]),
        "gap_days": found.day[later] - found.day[later - 1],
    }
    made: IntoFrameT = _result.native(source, pa.table(reduced), schema)
    return made


@defined
def purchase_gap_summary(
    transactions: IntoDataFrameT,
    *,
    censored: bool = False,
    first_only: bool = False,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoDataFrameT:
    """Mean and quantiles of the days between purchases, and how many customers have no gap.

    A quantile is the day by which that share of the gaps has ended. The gaps of one customer are
    alike, so the intervals take customers, not gaps, for the sample.

    Parameters
    ----------
    transactions : table
        One row per order line.
    censored : bool, default False
        Whether the silences not over on `as_of` count too: from the last purchase day of each
        customer, one-time buyers included, to `as_of`, as gaps of at least that length
        (Kaplan-Meier). Without them short gaps are over-represented, because the long ones have
        not ended yet; with them, those who never come back draw every figure out.
    first_only : bool, default False
        Whether only the time from the first to the second purchase day of each customer counts.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    customer_col, date_col : str
        Names of the columns.
    amount_col : str or None, default "amount"
        Rows with an amount below 0 are returns and no purchases. A table without a column "amount"
        has no returns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``customers`` (int; with a purchase),
        ``one_time`` (int; those of them with one purchase day, and so without a gap), ``n_gaps``
        (int), ``mean_days`` (float) with its interval ``mean_lower``, ``mean_upper``,
        ``median_days`` (int) with its interval ``lower``, ``upper`` (int), ``p80_days``,
        ``p90_days``, ``p95_days`` (int). Null where it cannot be known: without a gap; with
        `censored`, a quantile that the curve does not reach, and the mean where some silence
        outlasts every gap. Intervals are null with fewer than two customers.

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
    purchase_gaps : the gaps one by one.
    repeat_rate : the share of customers with a second order.

    Notes
    -----
    Whoever buys often has many gaps in the sum. With ``censored=True`` and ``first_only=True``
    each customer counts once, and the curve is that of the time to the second purchase.

    References
    ----------
    Kaplan and Meier (1958), JASA 53, 457-481. Williams (1995), Product-limit survival functions
    with correlated survival times, Lifetime Data Analysis 1, 171-186 (variance). Woodruff (1952),
    Confidence intervals for medians and other position measures, JASA 47, 635-646.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-02", "2026-01-09", "2026-02-01", "2026-01-05"]
    >>> lines = pd.DataFrame({"customer_id": list("aaab"), "date": pd.to_datetime(days)})
    >>> columns = ["customers", "one_time", "n_gaps", "mean_days", "median_days"]
    >>> crm.kpi.purchase_gap_summary(lines)[columns]
       customers  one_time  n_gaps  mean_days  median_days
    0          2         1       2       15.0            7
    >>> crm.kpi.purchase_gap_summary(lines, censored=True)[columns]  # b: 27 days and not over
       customers  one_time  n_gaps  mean_days  median_days
    0          2         1       2        NaN           23
    """
    caller = "purchase_gap_summary"
    with_open = _checks.flag(censored, name="censored", caller=caller)
    one_each = _checks.flag(first_only, name="first_only", caller=caller)
    z = _intervals.z_value(_checks.confidence(confidence, caller))
    source = _estimates.lines(
        transactions, caller, by=by, result=tuple(SUMMARY), lazy=False,
        customer_col=customer_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    found = _days.of_rows(source, day)
    size = found.grouped.size
    starts = np.flatnonzero(found.starts)
    many = np.diff(np.append(starts, len(found.day)))
    gaps = _gaps(found, day, with_open=with_open, one_each=one_each)
    reduced = found.grouped.columns(np.arange(size)) | {
        "customers": np.bincount(found.group[starts], minlength=size),
        "one_time": np.bincount(found.group[starts[many == 1]], minlength=size),
        "n_gaps": np.bincount(gaps.group[gaps.ended], minlength=size),
        **_figures(gaps, size, z),
    }
    schema = {**dict.fromkeys(source.by, "id"), **SUMMARY}
    answer: IntoDataFrameT = _result.native(source, pa.table(reduced), schema, sort_by=source.by)
    return answer


def _gaps(found: _days.Days, day: int, *, with_open: bool, one_each: bool) -> _gap_curve.Gaps:
    """Measure the gaps, and with them the silences up to `day` where these are asked for."""
    later = np.flatnonzero(~found.starts)
    ends = np.append(found.starts[1:], True)[: len(found.starts)]
    if one_each:
        later = later[found.starts[later - 1]]
        ends &= found.starts  # who came a second time has no silence before that
    silent = np.flatnonzero(ends if with_open else ends[:0])
    entries = np.concatenate([later, silent])
    return _gap_curve.Gaps(
        group=found.group[entries],
        length=np.append(found.day[later] - found.day[later - 1], day - found.day[silent]),
        ended=np.arange(len(entries)) < len(later),
        owner=(np.cumsum(found.starts) - 1)[entries],
    )


def _figures(gaps: _gap_curve.Gaps, size: int, z: float) -> dict[str, Any]:
    """Return mean and quantiles of each group with their intervals; null where unknown."""
    curve = _gap_curve.curve(gaps, size)
    mean, mean_error = curve.mean()
    median, median_error = curve.median()
    # what reaches beyond 0 or 1 is not known (the curve begins at 1, where no gap has ended)
    lower = np.where(z * median_error < 0.5, 0.5 - z * median_error, np.nan)
    return {
        "mean_days": _result.column(mean),
        "mean_lower": _result.column(np.maximum(mean - z * mean_error, 0.0)),
        "mean_upper": _result.column(mean + z * mean_error),
        "median_days": median,
        "lower": curve.day_of(lower),
        "upper": curve.day_of(0.5 + z * median_error),
        **{name: curve.day_of(np.full(size, share)) for name, share in _SHARES.items()},
    }
