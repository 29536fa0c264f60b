"""Customer lifetime value without a model: what was earned, and the textbook formula."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _codes, _frame, _intervals, _lazy, _result
from crmlytics._columns import Floats
from crmlytics._groups import groups
from crmlytics.kpi import _business, _clv_model, _estimates
from crmlytics.kpi._definitions import defined

_YEAR = 365.25
_LENGTH = {"D": 1.0, "W": 7.0, "M": 30.4375, "Q": 91.3125, "Y": 365.25}
FORMULA = {
    **_estimates.ESTIMATE,
    "denominator": "float",
    "arpu": "float",
    "churn_rate": "float",
    "capped": "bool",
}


@defined
def clv_historic(
    transactions: IntoDataFrameT,
    *,
    margin: float | str = 1.0,
    discount_rate: float = 0.0,
    discount_to: date | str | None = None,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Add up what customers have been worth so far: the margins of their lines.

    ``value = sum(amount * margin * exp(discount_rate * (discount_to - date)))`` of each customer,
    or the mean of this over the customers of each group of `by`. Returns (amounts below 0) lower
    it, also below 0.

    Parameters
    ----------
    transactions : table
        One row per order line.
    margin : float or str, default 1.0
        Share of the amounts that is earned, or a column with the share of each line; it may be
        below 0.
    discount_rate : float, default 0.0
        Continuous rate per year of 365.25 days; 0 or more.
    discount_to : date, default `as_of`
        The day at whose worth all amounts are taken: earlier ones gain interest, later ones lose
        it.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the interval of a mean, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: the mean over customers in each group. By default each customer has a
        row.
    customer_col, date_col, amount_col : str
        Names of the columns.

    Returns
    -------
    table
        One row per customer (or group), sorted: the id (or the columns of `by`), ``value`` (float,
        unit of the amounts), ``lower``, ``upper`` (float; normal interval of the mean over
        customers; null for single customers, whose past is known, and with fewer than two),
        ``numerator`` (float, margins added up), ``denominator`` (int, customers: 1 without `by`).
        Value and numerator are null where an amount or a margin is unknown.

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
    clv : what customers will be worth.
    clv_formula : the textbook formula from revenue and churn.

    References
    ----------
    Gupta and others (2006), Modeling customer lifetime value, Journal of Service Research 9(2),
    p. 141 (margins, discounted).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-03-09", "2026-01-05"]),
    ...         "amount": [100.0, 60.0, 50.0],
    ...     }
    ... )
    >>> crm.kpi.clv_historic(lines, margin=0.5)[["customer_id", "value", "denominator"]]
      customer_id  value  denominator
    0           a   80.0            1
    1           b   25.0            1
    """
    caller = "clv_historic"
    _clv_model.check_margin(margin, caller)
    rate = _checks.number(discount_rate, name="discount_rate", caller=caller, low=0.0)
    level = _checks.confidence(confidence, caller)
    roles = {"customer_col": customer_col, "date_col": date_col, "amount_col": amount_col}
    if isinstance(margin, str):
        roles["margin_col"] = margin
    source = _frame.read(
        transactions, caller=caller, argument="transactions", roles=roles, by=by,
        result=tuple(_estimates.ESTIMATE),
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    to = day if discount_to is None else _checks.day(discount_to, name="discount_to", caller=caller)
    seen = _codes.seen_rows(source, day)
    share = source.numbers("margin") if isinstance(margin, str) else float(margin)
    earned = source.numbers("amount") * share
    if rate > 0:
        earned = earned * np.exp(rate * (to - source.ticks("date").days()) / _YEAR)
    earned = _codes.pick(earned, seen)
    per = _of_groups if source.by else _of_customers
    answer: IntoDataFrameT = per(source, seen, earned, level)
    return answer


def _of_customers(source: _frame.Source, seen: Any, earned: Floats, level: float) -> Any:
    del level
    keys = source.keys("customer")
    codes = _codes.pick(keys.codes, seen)
    order = keys.sort(np.flatnonzero(np.bincount(codes, minlength=keys.size)))
    total, known = _codes.sums(codes, earned, keys.size)
    values = _result.column(total[order], None if known is None else known[order])
    unknown = np.full(len(order), np.nan)
    table = {
        "customer": _result.ids(keys.take(order)), "value": values,
        "lower": _result.column(unknown), "upper": _result.column(unknown),
        "numerator": values, "denominator": np.ones(len(order), dtype=np.int64),
    }  # fmt: skip
    return _result.native(source, pa.table(table), {"customer": "id", **_estimates.ESTIMATE})


def _of_groups(source: _frame.Source, seen: Any, earned: Floats, level: float) -> Any:
    grouped, keys = groups(source, seen), source.keys("customer")
    codes = _codes.pick(keys.codes, seen)
    group = grouped.of_rows(seen, len(codes))
    stride = max(keys.size, 1)
    found = _codes.occurring(group * stride + codes, grouped.size * stride)
    total, known = found.sums(earned)
    if known is not None:
        total = np.where(known, total, np.nan)
    owner = found.present // stride
    customers = np.bincount(owner, minlength=grouped.size)
    top = np.bincount(owner, total, grouped.size)
    lower, upper = _intervals.ratio_of_sums(total, np.ones(len(total)), owner, grouped.size, level)
    table = grouped.columns(np.arange(grouped.size)) | {
        "value": _result.column(top / np.maximum(customers, 1)),
        "lower": _result.column(lower), "upper": _result.column(upper),
        "numerator": _result.column(top), "denominator": customers,
    }  # fmt: skip
    schema = {**dict.fromkeys(source.by, "id"), **_estimates.ESTIMATE}
    return _result.native(source, pa.table(table), schema, sort_by=source.by)


@defined
def clv_formula(
    transactions: IntoDataFrameT,
    *,
    margin: float = 1.0,
    period: str = "M",
    discount_rate: float = 0.0,
    max_periods: int | None = None,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Value an active customer by the textbook: revenue per customer and period over churn.

    With m = margin * revenue per active customer and period, c the share of active customers
    who are not active in the next period, and D = exp(-discount_rate * period in years), a customer
    who pays m now and stays with probability 1 - c each period is worth
    ``value = m / (1 - (1 - c) D)``, which is m / c without discounting. It takes all customers for
    alike and everyone who pauses for lost; `clv` does neither.

    Parameters
    ----------
    transactions : table
        One row per order line.
    margin : float, default 1.0
        Share of the revenue that is earned.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        The period that revenue and churn are counted in; only finished periods are used.
    discount_rate : float, default 0.0
        Continuous rate per year of 365.25 days; 0 or more.
    max_periods : int, optional
        Periods after which nothing more is counted; 1 or more. Without it the value is null where
        nobody churned and nothing is discounted, as the sum has no end.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    customer_col, date_col, amount_col : str
        Names of the columns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, unit of the amounts),
        ``lower``, ``upper`` (float; Wilson's interval of the churn carried through, revenue per
        customer taken as known), ``numerator`` (float, m), ``denominator`` (float,
        ``1 - (1 - c) D``), ``arpu`` (float, revenue per active customer and period),
        ``churn_rate`` (float, c, over all pairs of finished periods together), ``capped`` (bool;
        `max_periods` cut the sum). Null where fewer than two periods are finished or an
        amount is unknown.

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
    clv : customer by customer, by a model.
    kpi_table : the revenue and churn of each period.

    References
    ----------
    Gupta and Lehmann (2003), Customers as assets, Journal of Interactive Marketing 17(1), 9-24
    (m r / (1 + i - r), there from the next period on).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-02", "2026-01-09", "2026-02-28", "2026-03-31"]
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": list("abaa"),
    ...         "date": pd.to_datetime(days),
    ...         "amount": [10.0, 20, 30, 40],
    ...     }
    ... )
    >>> table = crm.kpi.clv_formula(lines, margin=0.3)
    >>> table[["value", "numerator", "arpu", "churn_rate"]].round(3)
       value  numerator  arpu  churn_rate
    0   22.5        7.5  25.0       0.333
    """
    caller = "clv_formula"
    share = _checks.number(margin, name="margin", caller=caller, low=-np.inf)
    rate = _checks.number(discount_rate, name="discount_rate", caller=caller, low=0.0)
    level = _checks.confidence(confidence, caller)
    if max_periods is not None:
        _checks.whole(max_periods, name="max_periods", caller=caller, low=1)
    source = _frame.read(
        transactions, caller=caller, argument="transactions",
        roles={"customer_col": customer_col, "date_col": date_col, "amount_col": amount_col},
        by=by, result=tuple(FORMULA),
    )  # fmt: skip
    schema = {**dict.fromkeys(source.by, "id"), **FORMULA}
    flow = _business._movements(source, period, as_of, orders=False)  # noqa: SLF001 - our room
    if flow is None:
        nothing: IntoDataFrameT = _result.empty(source, schema)
        return nothing
    flow = flow.filter(nw.col("complete")).with_columns(
        lost=nw.col("churned").fill_null(0),
        exposed=nw.when(~nw.col("churned").is_null()).then(nw.col("before")).otherwise(0),
    )
    totals = _lazy.agg(
        flow, source.by, paid=("amount", "sum"), unknown=("unknown", "sum"),
        active=("active", "sum"), lost=("lost", "sum"), exposed=("exposed", "sum"),
    )  # fmt: skip
    counted = _lazy.collect(totals)
    kept = float(np.exp(-rate * _LENGTH[period] / _YEAR))
    columns = _formula(counted, share, kept, max_periods, level)
    table = {name: counted[name] for name in source.by} | columns
    answer: IntoDataFrameT = _result.native(source, pa.table(table), schema, sort_by=source.by)
    return answer


def _formula(
    counted: pa.Table, share: float, kept: float, most: int | None, level: float
) -> dict[str, Any]:
    paid, unknown, active, lost, exposed = (
        np.nan_to_num(np.asarray(counted[name], dtype=np.float64))
        for name in ("paid", "unknown", "active", "lost", "exposed")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        arpu = np.where((active > 0) & (unknown == 0), paid / active, np.nan)
        churn = np.where(exposed > 0, lost / exposed, np.nan)
    low, high = _intervals.wilson(lost, exposed, level)
    worth = [_worth(share * arpu, rate, kept, most) for rate in (churn, high, low)]
    known = ~np.isnan(worth[0])
    # a margin below 0 turns the bounds round
    lower, upper = worth[1:] if share >= 0 else worth[:0:-1]
    return {
        "value": _result.column(worth[0]),
        "lower": _result.column(lower, known),
        "upper": _result.column(upper, known),
        "numerator": _result.column(share * arpu),
        "denominator": _result.column(1 - (1 - churn) * kept),
        "arpu": _result.column(arpu),
        "churn_rate": _result.column(churn),
        "capped": np.full(len(arpu), most is not None),
    }


def _worth(m: Floats, churn: Floats, kept: float, most: int | None) -> Floats:
    """Add up m ((1 - c) D)^k over k = 0, 1, ...; NaN where the sum has no end."""
    stays = (1 - churn) * kept
    left = 1 - stays
    with np.errstate(divide="ignore", invalid="ignore"):
        if most is None:
            return np.where(left > 0, m / left, np.nan)
        return m * np.where(left > 0, (1 - stays**most) / left, float(most))
