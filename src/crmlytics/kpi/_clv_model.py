"""From transactions to a fitted model of customer lifetime value."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from narwhals.stable.v2.typing import IntoDataFrameT, IntoFrame

from crmlytics import _checks, _frame, _result, _sentences, btyd
from crmlytics._model import Model
from crmlytics.errors import ColumnError, DataError, FitError

if TYPE_CHECKING:
    import pandas as pd

MODELS = ("auto", "pareto_nbd", "mbg_nbd", "bg_nbd")
_FITS: dict[str, Any] = {
    "pareto_nbd": btyd.fit_pareto_nbd,
    "mbg_nbd": btyd.fit_mbg_nbd,
    "bg_nbd": btyd.fit_bg_nbd,
}


@dataclass(frozen=True, kw_only=True)
class ClvModel(Model):
    """A model of purchasing and one of spend, fitted to the same customers; see `fit_clv`.

    Attributes
    ----------
    purchases : BgNbdModel, MbgNbdModel or ParetoNbdModel
        How often customers buy, and for how long.
    spend : GammaGammaModel
        How much they spend per purchase.
    period : str
        Unit of time of the summary: "D", "W", "M" or "Y".
    margin : float or str
        Share of spend that is earned, or the column of a summary that holds it.
    """

    purchases: btyd.BgNbdModel | btyd.MbgNbdModel | btyd.ParetoNbdModel
    spend: btyd.GammaGammaModel
    period: str
    margin: float | str

    def predict(
        self,
        summary: IntoDataFrameT,
        *,
        horizon: float,
        discount_rate: float = 0.0,
        confidence: float = 0.95,
        customer_col: str = "customer_id",
    ) -> IntoDataFrameT:
        """Predict what each customer is worth in the next `horizon` periods.

        Parameters
        ----------
        summary : table
            One row per customer, as ``btyd.purchase_summary(..., period=model.period)`` makes it;
            with the column of margins if the model was given one.
        horizon : float
            How far to look ahead, in periods; above 0.
        discount_rate : float, default 0.0
            Continuous rate per period; 0 or more.
        confidence : float, default 0.95
            Level of the interval, between 0 and 1.
        customer_col : str, default "customer_id"
            Name of the id. A table without a column "customer_id" is answered without ids, in its
            own order.

        Returns
        -------
        table
            The columns of ``btyd.customer_value``.

        Raises
        ------
        ColumnError
            If a column is missing or of a wrong type.
        DataError
            If values are unknown or impossible, or ids stand twice.
        OptionError
            If an option has a value outside what it allows.
        """
        return btyd.customer_value(
            self.purchases, self.spend, summary, horizon=horizon, margin=self.margin,
            discount_rate=discount_rate, confidence=confidence, customer_col=customer_col,
        )  # fmt: skip

    def summary(self, *, confidence: float = 0.95) -> "pd.DataFrame":
        """Return the parameters of both models with standard errors and intervals.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the interval, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            One row per parameter: ``model`` (str), ``parameter`` (str), ``estimate``,
            ``standard_error``, ``lower``, ``upper`` (float).
        """
        import pandas as pd

        parts = []
        for part in (self.purchases, self.spend):
            table = part.summary(confidence=confidence)
            table.insert(0, "model", type(part).__name__)
            parts.append(table)
        return pd.concat(parts, ignore_index=True).astype({"model": "str"})


def fit_clv(
    transactions: IntoFrame,
    *,
    model: str = "auto",
    period: str = "D",
    margin: float | str = 1.0,
    as_of: date | str | None = None,
    collect: bool = False,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> ClvModel:
    """Fit a model of purchasing and a model of spend to transactions.

    Parameters
    ----------
    transactions : table
        One row per order line.
    model : {"auto", "pareto_nbd", "mbg_nbd", "bg_nbd"}, default "auto"
        The model of purchasing. "auto" is the Pareto/NBD, or the MBG/NBD (with a warning) where
        that has no maximum; neither takes one-time buyers for alive for certain, as "bg_nbd" does.
    period : {"D", "W", "M", "Y"}, default "D"
        Unit of time of the model: days, weeks, months of 30.4375 or years of 365.25 days.
    margin : float or str, default 1.0
        Share of spend that is earned, or the column of later summaries that holds each customer's.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    collect : bool, default False
        Lets a lazy table in: it is reduced in its own engine and one row a customer is collected.
    customer_col, order_col, date_col, amount_col : str
        Names of the columns; `order_col` only serves to count what was merged.

    Returns
    -------
    ClvModel
        With ``purchases`` and ``spend``; ``summary()`` is a table of their parameters,
        ``predict(summary, horizon=...)`` the value of each customer.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, or the table is lazy and `collect` is False.
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
        or if "auto" had to fall back.

    See Also
    --------
    clv : fits and predicts in one call.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> model = crm.kpi.fit_clv(purchases, period="W", margin=0.3, as_of="1997-09-30")
    >>> model.summary()[["parameter", "estimate"]].round(2)
      parameter  estimate
    0         r      0.55
    1     alpha     10.58
    2         s      0.61
    3      beta     11.67
    4         p      6.25
    5         q      3.74
    6         v     15.44
    """
    caller = "fit_clv"
    check_margin(margin, caller)
    with _checks.speaking_as(caller):
        summary = summarised(
            transactions, caller, period=period, as_of=as_of, collect=collect,
            customer_col=customer_col, order_col=order_col, date_col=date_col,
            amount_col=amount_col,
        )  # fmt: skip
        return fitted(summary, model=model, period=period, margin=margin, caller=caller)


def check_margin(margin: Any, caller: str) -> None:
    """Check a share, or the name of a column."""
    if not isinstance(margin, str):
        _checks.number(margin, name="margin", caller=caller, low=float("-inf"))


def summarised(
    transactions: Any, caller: str, *, collect: bool, customer_col: str, **options: Any
) -> Any:
    """Return one row a customer, here; a lazy table is reduced where it is."""
    _checks.flag(collect, name="collect", caller=caller)
    opened, kind = _frame.open_table(
        transactions, caller=caller, argument="transactions", lazy=True
    )
    lazy = not hasattr(opened, "rows")
    if lazy and not collect:
        way = ".pl() or .arrow()" if kind == "DuckDB relation" else ".collect()"
        raise DataError(
            f"{caller}: transactions is a {kind}, and models need the numbers of all customers "
            f"here. Reduce it in its own engine with collect=True, or call {way} on it."
        )
    columns = list(opened.collect_schema().names())
    amount_col = _checks.column(options["amount_col"], name="amount_col", caller=caller)
    if amount_col not in columns:  # the summary would do without
        raise ColumnError(
            _sentences.missing(amount_col, "amount_col", columns, caller, "transactions")
        )
    summary = btyd.purchase_summary(transactions, customer_col=customer_col, **options)
    return _result.collected(summary, customer_col) if lazy else summary


def fitted(summary: Any, *, model: str, period: str, margin: float | str, caller: str) -> ClvModel:
    """Fit both models to a summary."""
    name = _checks.choice(model, MODELS, name="model", caller=caller)
    spend = btyd.fit_gamma_gamma(summary)
    if name != "auto":
        purchases: Any = _FITS[name](summary)
    else:
        try:
            purchases = btyd.fit_pareto_nbd(summary)
        except FitError as error:
            _checks.warn(f"{caller}: the MBG/NBD is used, as the Pareto/NBD does not fit: {error}")
            purchases = btyd.fit_mbg_nbd(summary)
    return ClvModel(
        purchases=purchases, spend=spend, period=period,
        margin=margin if isinstance(margin, str) else float(margin),
    )  # fmt: skip
