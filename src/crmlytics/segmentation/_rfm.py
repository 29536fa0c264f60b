"""Recency, frequency and monetary value, from transactions to named segments."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from narwhals.stable.v2.typing import IntoDataFrame, IntoFrameT

from crmlytics import _checks, _frame, _result, _transactions
from crmlytics.errors import DataError
from crmlytics.segmentation import _maps, _scores

COUNTS = ("orders", "days", "rows")
RETURNS = ("net", "drop")
RFM_SCHEMA = {
    "customer": "id",
    "recency_days": "int",
    "frequency": "int",
    "monetary": "float",
    "first_date": "date",
    "last_date": "date",
}


def rfm_table(
    transactions: IntoFrameT,
    *,
    as_of: date | str | None = None,
    count: str = "orders",
    returns: str = "net",
    precision: int = 2,
    customer_col: str = "customer_id",
    order_col: str = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoFrameT:
    """Recency, frequency and monetary value of each customer.

    Recency is counted in days from the customer's last purchase to `as_of`, so that 0 means
    bought on that day. (In the models of purchasing, "recency" is the age at the last purchase;
    hence the name ``recency_days`` here.)

    Parameters
    ----------
    transactions : table
        One row per order line. A Polars LazyFrame or DuckDB relation is reduced in its own engine
        and comes back lazy, unsorted; it is read once beforehand to check it.
    as_of : date, default the last date of the table
        The day on which the question is asked, inclusive; later rows are not used.
    count : {"orders", "days", "rows"}, default "orders"
        What frequency counts: different orders, different days, or rows.
    returns : {"net", "drop"}, default "net"
        What happens to rows with an amount below 0: "net" lets them lower monetary, "drop" leaves
        them out. Either way they count in nothing else, and customers who have nothing but such
        rows are left out and counted in a warning.
    precision : int, default 2
        Decimals to which monetary is rounded, halves up (-9 to 9).
    customer_col, order_col, date_col, amount_col : str
        Names of the columns; `order_col` is needed for ``count="orders"`` only.

    Returns
    -------
    table
        One row per customer, sorted by id: the id, ``recency_days`` (int, days), ``frequency``
        (int), ``monetary`` (float, sum in the unit of the amounts; null where an amount is
        unknown), ``first_date`` and ``last_date`` (timestamp at midnight; first and last purchase).

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
    rfm : the same with scores and segments.
    rfm_history : the same at the end of each month.

    References
    ----------
    Bult and Wansbeek (1995), Optimal selection for direct mail, Marketing Science 14, p. 378.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "order_id": [1, 2, 3],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"]),
    ...         "amount": [10.0, 30.0, 5.0],
    ...     }
    ... )
    >>> table = crm.segmentation.rfm_table(lines)
    >>> table[["customer_id", "recency_days", "frequency", "monetary"]]
      customer_id  recency_days  frequency  monetary
    0           a             0          2      40.0
    1           b             4          1       5.0
    """
    source = read_lines(
        transactions, caller="rfm_table", count=count, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col, result=tuple(RFM_SCHEMA)[1:],
    )  # fmt: skip
    answer: IntoFrameT = from_source(
        source, as_of=as_of, count=count, returns=returns, precision=precision
    )
    return answer


def read_lines(
    transactions: Any,
    *,
    caller: str,
    count: str,
    customer_col: str,
    order_col: str,
    date_col: str,
    amount_col: str,
    result: tuple[str, ...],
    lazy: bool = True,
) -> _frame.Source:
    """Check the options and columns that decide what a purchase is."""
    _checks.choice(count, COUNTS, name="count", caller=caller)
    return _frame.read(
        transactions,
        caller=caller,
        argument="transactions",
        roles={
            "customer_col": customer_col,
            **({"order_col": order_col} if count == "orders" else {}),
            "date_col": date_col,
            "amount_col": amount_col,
        },
        lazy=lazy,
        result=result,
    )


def from_source(
    source: _frame.Source, *, as_of: Any, count: str, returns: str, precision: int
) -> Any:
    """Reduce lines that came through the door."""
    _checks.choice(returns, RETURNS, name="returns", caller=source.caller)
    _checks.whole(precision, name="precision", caller=source.caller, low=-9, high=9)
    day = _frame.as_of(source, as_of)
    reduced = _transactions.per_customer(
        source, day, count=count, returns=returns, precision=precision
    )
    return _result.native(source, reduced, RFM_SCHEMA)


def rfm(
    transactions: IntoFrameT,
    *,
    as_of: date | str | None = None,
    count: str = "orders",
    returns: str = "net",
    precision: int = 2,
    bins: int | Sequence[float] = 5,
    cuts: IntoDataFrame | Mapping[str, Sequence[float]] | None = None,
    rule: str = "quantile",
    scheme: str = "independent",
    weights: Sequence[float] | None = None,
    segment_map: str | IntoDataFrame = "grid10",
    explain: bool = False,
    collect: bool = False,
    customer_col: str = "customer_id",
    order_col: str = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoFrameT:
    """Recency, frequency, monetary value, scores and segment of each customer in one call.

    The same as `rfm_table`, `rfm_scores` and `rfm_segments` after one another.

    Parameters
    ----------
    transactions : table
        One row per order line.
    as_of : date, default the last date of the table
        The day on which the question is asked, inclusive; later rows are not used.
    count : {"orders", "days", "rows"}, default "orders"
        What frequency counts; see `rfm_table`.
    returns : {"net", "drop"}, default "net"
        What happens to rows with an amount below 0; see `rfm_table`.
    precision : int, default 2
        Decimals to which monetary is rounded (-9 to 9).
    bins : int or sequence of float, default 5
        Number of score classes (2 or more), or inner quantiles; see `rfm_cuts`.
    cuts : table or mapping, optional
        Cuts made before, instead of `bins`; see `rfm_scores`.
    rule : {"quantile", "r_rfm"}, default "quantile"
        How cuts are made; see `rfm_cuts`.
    scheme : {"independent", "nested"}, default "independent"
        Whether frequency is cut within recency, and monetary within both.
    weights : sequence of three floats, optional
        Weights of r, f and m in ``rfm_score``; equal by default.
    segment_map : {"grid10", "classic11", "r_rfm"} or table, default "grid10"
        The rules that name scores; see `segment_map`.
    explain : bool, default False
        Add the rule that decided, in words.
    collect : bool, default False
        Lets a lazy table in: it is reduced in its own engine, one row a customer is collected, and
        the answer is eager (a Polars DataFrame, or a PyArrow Table from DuckDB).
    customer_col, order_col, date_col, amount_col : str
        Names of the columns; `order_col` is needed for ``count="orders"`` only.

    Returns
    -------
    table
        One row per customer, sorted by id: the id, ``recency_days`` (int, days), ``frequency``
        (int), ``monetary`` (float), ``first_date`` and ``last_date`` (timestamp), ``r_score``,
        ``f_score``, ``m_score`` (int), ``rfm_code`` (int), ``rfm_score`` (float), ``segment``
        (str) and, with `explain`, ``reason`` (str).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, an empty table comes without `as_of`, or the
        table is lazy and `collect` is False.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If customers with returns only are left out.

    See Also
    --------
    rfm_table, rfm_scores, rfm_segments : the three steps.
    segment_profile : describes the segments.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "order_id": [1, 2, 3],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"]),
    ...         "amount": [10.0, 30.0, 5.0],
    ...     }
    ... )
    >>> customers = crm.segmentation.rfm(lines)
    >>> customers[["customer_id", "recency_days", "rfm_code", "segment"]]
      customer_id  recency_days  rfm_code    segment
    0           a             0       555  champions
    1           b             4       111  hibernating
    """
    rules = _maps.rules(segment_map, "rfm")
    _checks.flag(collect, name="collect", caller="rfm")
    source = read_lines(
        transactions, caller="rfm", count=count, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
        result=(*tuple(RFM_SCHEMA)[1:], *_scores.ADDED, *_maps.ADDED),
    )  # fmt: skip
    if source.lazy and not collect:
        way = ".pl() or .arrow()" if source.kind == "DuckDB relation" else ".collect()"
        raise DataError(
            f"rfm: transactions is a {source.kind}, and scores need the numbers of all customers "
            f"here. Reduce it in its own engine with collect=True, or call {way} on it."
        )
    table = from_source(source, as_of=as_of, count=count, returns=returns, precision=precision)
    if source.lazy:
        table = _result.collected(table, customer_col)
    scored = _scores.scores(
        table,
        bins=bins,
        cuts=cuts,
        rule=rule,
        scheme=scheme,
        weights=weights,
        caller="rfm",
        rules=rules,
    )
    answer: IntoFrameT = _maps.segments(scored, segment_map=rules, explain=explain, caller="rfm")
    return answer
