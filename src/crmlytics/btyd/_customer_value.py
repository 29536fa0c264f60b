"""Purchases and spend of each customer, as one sum of money with its interval."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks
from crmlytics._columns import Bools, Floats
from crmlytics.btyd import _rows, _value
from crmlytics.btyd._purchase import PurchaseModel, per_customer
from crmlytics.errors import DataError, OptionError

if TYPE_CHECKING:
    from crmlytics.btyd._gamma_gamma import GammaGammaModel

VALUED = {
    "p_alive": "float",
    "expected_purchases": "float",
    "expected_spend": "float",
    "clv": "float",
    "lower": "float",
    "upper": "float",
    "flag": "text",
}
# a correlation of frequency and spend from which on the value of single customers is off
CORRELATED = 0.3


def customer_value(
    purchases: PurchaseModel,
    spend: "GammaGammaModel",
    summary: IntoDataFrameT,
    *,
    horizon: float,
    margin: float | str = 1.0,
    discount_rate: float = 0.0,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
) -> IntoDataFrameT:
    """Predict what each customer is worth in the next `horizon` periods.

    ``clv = margin * expected spend per purchase * expected purchases``, each purchase discounted
    continuously from when it is made. Purchases already made are not in it.

    Parameters
    ----------
    purchases : PurchaseModel
        A fitted model of purchasing.
    spend : GammaGammaModel
        A fitted model of spend per purchase.
    summary : table
        One row per customer with frequency, recency, T and ``monetary_value``, as
        `purchase_summary` makes it.
    horizon : float
        How far to look ahead, in periods of the summary; above 0.
    margin : float or str, default 1.0
        Share of spend that is earned, or the column of the summary that holds each customer's
        share. It may be below 0: customers who cost money have a negative value.
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
        One row per customer, sorted by id: the id, ``p_alive`` (float, probability),
        ``expected_purchases`` (float, not discounted), ``expected_spend`` (float, per purchase, in
        the unit of the amounts), ``clv`` (float, unit of the amounts, discounted), ``lower``,
        ``upper`` (float; what the customer will be worth lies in this interval with the probability
        `confidence`, the number of purchases and the spend of each taken together), ``flag``
        (str: "spend_excluded" for repeat buyers whose spend is unknown, 0 or below and who are
        valued like one-time buyers, at the mean spend of all; "one_time" without a repeat purchase;
        "correlated" where frequency and spend are correlated at 0.3 or more in the customers that
        `spend` was fitted to, which it takes to be independent; else "none"). Discounting enters
        the interval as the mean discount of a purchase.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If values are unknown or impossible, or ids stand twice.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    crmlytics.kpi.clv : from transactions in one call.
    fit_pareto_nbd, fit_gamma_gamma : fit the two models.

    References
    ----------
    Fader, Hardie and Lee (2005), RFM and CLV: using iso-value curves for customer base analysis,
    Journal of Marketing Research 42(4), 415-430. Fader and Hardie (2013), The gamma-gamma model of
    monetary value, brucehardie.com/notes/025.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> table = crm.btyd.customer_value(
    ...     crm.btyd.fit_pareto_nbd(summary), crm.btyd.fit_gamma_gamma(summary), summary, horizon=39
    ... )
    >>> table[["customer_id", "expected_purchases", "expected_spend", "clv"]].head(2).round(1)
       customer_id  expected_purchases  expected_spend   clv
    0            1                 1.5            24.7  35.9
    1            2                 0.2            18.9   3.2
    """
    caller = "customer_value"
    if not isinstance(purchases, PurchaseModel):
        raise OptionError(
            f"{caller}: purchases must be a model of purchasing; got {type(purchases).__name__}. "
            "Fit one, as with fit_pareto_nbd."
        )
    if not all(hasattr(spend, letter) for letter in "pqv"):
        raise OptionError(
            f"{caller}: spend must be a model of fit_gamma_gamma; got {type(spend).__name__}. "
            "Fit one."
        )
    ahead = purchases._horizon(horizon, caller)  # noqa: SLF001 - one of ours
    rate = _checks.number(discount_rate, name="discount_rate", caller=caller, low=0.0)
    level = _checks.confidence(confidence, caller)
    extra = {"monetary_value": "monetary_value"}
    if isinstance(margin, str):
        extra["margin_col"] = margin
    else:
        _checks.number(margin, name="margin", caller=caller, low=-np.inf)
    read = _rows.read(
        summary, caller=caller, customer_col=customer_col, covariates=purchases.covariates,
        age=purchases.age_column, result=tuple(VALUED), extra=extra,
    )  # fmt: skip
    columns = _valued(purchases, spend, read, ahead, rate, level)
    answer: IntoDataFrameT = per_customer(
        read.source, _earned(columns, _shares(read, margin)), VALUED
    )
    return answer


def _valued(
    purchases: PurchaseModel, spend: Any, read: _rows.Summary,
    horizon: float, rate: float, level: float,
) -> dict[str, Any]:  # fmt: skip
    """Value the different customers, margin left out; one entry a row of the summary."""
    money, usable = _usable(read, spend)
    x = np.where(usable, read.frequency, 0.0)
    customers = purchases._customers(read.columns())  # noqa: SLF001 - one of ours
    # customers alike in all but spend share everything up to its scale
    alike = _rows.distinct([customers.place.astype(np.float64), x])
    future = _value.with_rows(customers.future, customers.place[alike.first])
    known = x[alike.first]
    unit = _value.Spend(spend.p, spend.p * known + spend.q, np.ones(len(known)))
    scale = spend.v + x * np.where(usable, money, 0.0)
    discounted, ratio = _value.discounted(future, horizon, rate)
    lower, upper = _value.interval(future, unit, horizon, level)
    mean = unit.mean[alike.place] * scale
    shown = purchases._shown_alive(future)  # noqa: SLF001 - one of ours
    return {
        "p_alive": shown[alike.place],
        "expected_purchases": future.expected(horizon)[alike.place],
        "expected_spend": mean,
        "clv": mean * discounted[alike.place],
        "lower": (lower * ratio)[alike.place] * scale,
        "upper": (upper * ratio)[alike.place] * scale,
        "flag": _flags(read.frequency, usable, spend.correlation),
    }


def _usable(read: _rows.Summary, spend: Any) -> tuple[Floats, Bools]:
    """Mark the customers whose spend tells something."""
    money = read.source.numbers("monetary_value")
    return money, spend._usable(read.frequency, money)  # noqa: SLF001 - one of ours


def _flags(frequency: Floats, usable: Bools, correlation: float | None) -> Any:
    correlated = correlation is not None and abs(correlation) >= CORRELATED
    last = "correlated" if correlated else "none"
    flags = np.where(usable, last, "spend_excluded").astype(object)
    flags[frequency == 0] = "one_time"
    return flags


def _shares(read: _rows.Summary, margin: float | str) -> Any:
    if not isinstance(margin, str):
        return float(margin)
    shares = read.source.numbers("margin")
    unknown = int(np.isnan(shares).sum())
    if unknown:
        raise DataError(
            f"customer_value: {unknown:,} of {len(shares):,} rows of summary have no {margin!r} "
            "(margin). Fill in a share, such as the mean of the others."
        )
    return shares


def _earned(columns: dict[str, Any], share: Any) -> dict[str, Any]:
    """Multiply by the margin; where it is below 0 the bounds change places."""
    ends = np.stack([columns["lower"] * share, columns["upper"] * share])
    return columns | {
        "clv": columns["clv"] * share,
        "lower": ends.min(axis=0),
        "upper": ends.max(axis=0),
    }
