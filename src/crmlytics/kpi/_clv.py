"""Customer lifetime value in one call: from transactions to one row a customer."""

from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.stable.v2.typing import IntoFrame, IntoFrameT

from crmlytics import _checks, _codes, _frame, _lazy, _transactions
from crmlytics._columns import Floats
from crmlytics.errors import DataError
from crmlytics.kpi import _clv_model
from crmlytics.kpi._definitions import defined

_YEAR = 365.25
MARGIN = "margin"


@defined
def clv(
    transactions: IntoFrameT,
    *,
    horizon_days: float,
    margin: float | str = 1.0,
    discount_rate: float = 0.0,
    model: str = "auto",
    as_of: date | str | None = None,
    confidence: float = 0.95,
    collect: bool = False,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoFrameT:
    """Predict what each customer will be worth in the next `horizon_days` days.

    ``clv = margin * expected spend per purchase * expected purchases``, each purchase discounted
    from when it is made. A model of purchasing (how often, and for how long) and a model of spend
    are fitted to the transactions; what was earned before `as_of` is not in it.

    Parameters
    ----------
    transactions : table
        One row per order line. All that a customer buys on one day is one purchase; amounts below
        0 are returns, which lower the spend.
    horizon_days : float
        How far to look ahead after `as_of`, in days; above 0.
    margin : float or str, default 1.0
        Share of the amounts that is earned, or a column with the share of each line (0.3 for 30 %):
        a customer's margin is then the mean of the customer's lines, weighted by amount. It may be
        below 0: customers who cost money have a negative value.
    discount_rate : float, default 0.0
        Continuous rate per year of 365.25 days; 0.1 makes what is earned in a year worth
        exp(-0.1) = 0.905 of its amount. 0 or more.
    model : {"auto", "pareto_nbd", "mbg_nbd", "bg_nbd"}, default "auto"
        The model of purchasing; see `fit_clv`.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    collect : bool, default False
        Lets a lazy table (Polars LazyFrame, DuckDB relation) in: it is reduced in its own engine,
        one row a customer is collected, and the answer is eager (a Polars DataFrame, or a PyArrow
        Table from DuckDB).
    customer_col, order_col, date_col, amount_col : str
        Names of the columns; `order_col` only serves to count what was merged.

    Returns
    -------
    table
        One row per customer, sorted by id: the id, ``p_alive`` (float, probability of
        still being a customer on `as_of`), ``expected_purchases`` (float, in the horizon),
        ``expected_spend`` (float, per purchase, unit of the amounts), ``clv`` (float, unit of the
        amounts, discounted), ``lower``, ``upper`` (float; the customer's value will lie in this
        interval with the probability `confidence`, purchases and spend together), ``flag`` (str:
        "none", "one_time", "spend_excluded" or "correlated"; see ``btyd.customer_value``).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, margins unknown, an empty table comes without
        `as_of`, or the table is lazy and `collect` is False.
    FitError
        If a likelihood has no maximum, or spend has no mean (q of 1 or below).
    NotEnoughDataError
        If there are fewer than 10 customers, or fewer than 10 repeat buyers with spend above 0.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If repeat buyers are left out of the model of spend, if spend and frequency are correlated,
        if customers have returns only, or if "auto" had to fall back.

    See Also
    --------
    fit_clv : the same in two steps, with the models to look at.
    clv_historic : what customers have been worth so far.
    crmlytics.btyd.evaluate_holdout : did such predictions come true on these customers?

    References
    ----------
    Fader, Hardie and Lee (2005), RFM and CLV: using iso-value curves for customer base analysis,
    Journal of Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> table = crm.kpi.clv(purchases, horizon_days=365, margin=0.3, as_of="1997-09-30")
    >>> table[["customer_id", "p_alive", "clv", "lower", "upper", "flag"]].head(3).round(2)
       customer_id  p_alive    clv  lower  upper      flag
    0            1     0.87  13.72    0.0  61.20      none
    1            2     0.17   1.24    0.0  16.14      none
    2            3     0.30   1.44    0.0  17.99  one_time
    """
    caller = "clv"
    _clv_model.check_margin(margin, caller)
    days = _checks.number(horizon_days, name="horizon_days", caller=caller, low=1e-9)
    rate = _checks.number(discount_rate, name="discount_rate", caller=caller, low=0.0)
    _checks.confidence(confidence, caller)
    _checks.choice(model, _clv_model.MODELS, name="model", caller=caller)
    columns = {"customer_col": customer_col, "date_col": date_col, "amount_col": amount_col}
    with _checks.speaking_as(caller):
        summary = _clv_model.summarised(
            transactions, caller, period="D", as_of=as_of, collect=collect, order_col=order_col,
            **columns,
        )  # fmt: skip
        if isinstance(margin, str):
            shares = _margins(transactions, margin, as_of=as_of, **columns)
            summary = _with_margins(summary, shares)
        found = _clv_model.fitted(
            summary, model=model, period="D",
            margin=MARGIN if isinstance(margin, str) else margin, caller=caller,
        )  # fmt: skip
        answer: IntoFrameT = found.predict(
            summary, horizon=days, discount_rate=rate / _YEAR, confidence=confidence,
            customer_col=customer_col,
        )  # fmt: skip
    return answer


def _margins(transactions: IntoFrame, margin: str, *, as_of: Any, **columns: str) -> Floats:
    """Return the margin of each customer with a purchase, in the order of their ids.

    Mean of the shares of the lines, weighted by what they cost; without weights where the amounts
    add up to 0.
    """
    source = _frame.read(
        transactions, caller="clv", argument="transactions",
        roles={**columns, "margin_col": margin}, lazy=True,
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    reduce = _reduced_lazy if source.lazy else _reduced
    earned, paid, shares, lines = reduce(source, day)
    weighted = paid != 0
    return np.where(
        weighted, earned / np.where(weighted, paid, 1.0), shares / np.maximum(lines, 1.0)
    )


def _reduced(source: _frame.Source, day: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Sum amount times share, amounts, shares and lines of customers with a purchase."""
    seen, negative = _codes.seen_rows(source, day), _codes.returns(source)
    keys, share, amount = (
        source.keys("customer"),
        source.numbers("margin"),
        source.numbers("amount"),
    )
    _refuse_unknown(int(np.isnan(_codes.pick(share, seen)).sum()), source)
    amount = np.nan_to_num(amount, nan=0.0)
    codes = _codes.pick(keys.codes, seen)
    bought = codes if negative is None else codes[~_codes.pick(negative, seen)]
    order = keys.sort(np.flatnonzero(np.bincount(bought, minlength=keys.size)))

    def summed(values: Any) -> Floats:
        total = np.bincount(codes, values, keys.size)[order]
        return np.asarray(total, dtype=np.float64)

    amount, share = _codes.pick(amount, seen), _codes.pick(share, seen)
    return summed(amount * share), summed(amount), summed(share), summed(np.ones(len(codes)))


def _reduced_lazy(source: _frame.Source, day: int) -> tuple[Floats, Floats, Floats, Floats]:
    lines = _transactions.seen(source, day).with_columns(
        unknown=nw.col("margin").is_null().cast(nw.Int64),
        amount=nw.col("amount").fill_null(0.0),
        bought=nw.when(nw.col("amount") < 0).then(0).otherwise(1).cast(nw.Int64),
    )
    lines = lines.with_columns(earned=nw.col("amount") * nw.col("margin"))
    grouped = _lazy.agg(
        lines, ["customer"], earned=("earned", "sum"), paid=("amount", "sum"),
        shares=("margin", "sum"), lines="len", bought=("bought", "max"), unknown=("unknown", "sum"),
    )  # fmt: skip
    table: pa.Table = _lazy.collect(grouped)
    _refuse_unknown(sum(table["unknown"].to_pylist()), source)
    table = table.sort_by("customer").filter(pc.equal(pc.field("bought"), 1))
    earned, paid, shares, counted = (
        np.asarray(table[name], dtype=np.float64) for name in ("earned", "paid", "shares", "lines")
    )
    return earned, paid, shares, counted


def _refuse_unknown(unknown: int, source: _frame.Source) -> None:
    if unknown:
        raise DataError(
            f"clv: {unknown:,} of {source.n_rows:,} rows have no {source.names['margin']!r} "
            "(margin). Fill in a share, such as the mean of the others."
        )


def _with_margins(summary: Any, shares: Floats) -> Any:
    table = nw.from_native(summary, eager_only=True)
    column: nw.Series[Any] = nw.new_series(MARGIN, shares, nw.Float64, backend=table.implementation)
    return table.with_columns(column).to_native()
