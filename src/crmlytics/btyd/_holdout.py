"""Predictions held against what happened: fit on the first part, look at the rest."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _intervals, _result
from crmlytics._columns import Floats
from crmlytics.btyd import _forecast
from crmlytics.btyd._forecast import MODELS

PREDICTIONS = {
    "model": "text",
    "customer": "id",
    "frequency": "int",
    "recency": "float",
    "T": "float",
    "expected_purchases": "float",
    "lower": "int",
    "upper": "int",
    "p_any_purchase": "float",
    "actual": "int",
}
EVALUATION = {
    "model": "text",
    "customers": "int",
    "actual": "int",
    "expected": "float",
    "total_lower": "float",
    "total_upper": "float",
    "bias": "float",
    "mae": "float",
    "rmse": "float",
    "coverage": "float",
    "coverage_lower": "float",
    "coverage_upper": "float",
    "any_actual": "float",
    "any_expected": "float",
    "auc_any_purchase": "float",
    "brier": "float",
    "log_loss": "float",
    "gini": "float",
    "log_likelihood": "float",
}


def holdout_predictions(
    transactions: IntoDataFrameT,
    *,
    calibration_end: date | str,
    horizon: float,
    period: str = "D",
    models: Sequence[str] = MODELS,
    confidence: float = 0.9,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoDataFrameT:
    """Predict each customer's purchases after a day from those before it, beside what happened.

    Models are fitted to the purchases up to `calibration_end`; ``actual`` counts the days with a
    purchase in the `horizon` periods after it.

    Parameters
    ----------
    transactions : table
        One row per order line. A customer's day is one purchase; amounts below 0 are returns and
        none.
    calibration_end : date
        The last day that models see, inclusive.
    horizon : float
        How far to look ahead, in periods; the data must reach that far.
    period : {"D", "W", "M", "Q", "Y"}, default "D"
        Unit of time: 1, 7, 30.4375, 91.3125 or 365.25 days.
    models : sequence of str, default ("pareto_nbd", "bg_nbd", "mbg_nbd", "naive")
        "naive" lets everyone go on at the rate of repeat purchases so far (0 for a customer of age
        0), with the interval of a Poisson count.
    confidence : float, default 0.9
        Level of the predictive intervals, between 0 and 1.
    customer_col, date_col : str
        Names of the columns.
    amount_col : str or None, default "amount"
        Tells returns. A table without a column "amount" has none.

    Returns
    -------
    table
        One row a model and customer with a purchase by `calibration_end`, sorted by model as given
        and by id: ``model`` (str), the id, ``frequency`` (int), ``recency``, ``T`` (float,
        periods; on `calibration_end`), ``expected_purchases`` (float), ``lower``, ``upper`` (int,
        predictive interval of the count), ``p_any_purchase`` (float, probability), ``actual`` (int,
        purchases made).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or the data end before the horizon does.
    NotEnoughDataError
        If there are too few customers to fit a model.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If a model does not fit and is left out.

    See Also
    --------
    evaluate_holdout : one row a model.
    holdout_groups : by class of customers.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2),
    p. 281 (calibration and forecast period).

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> table = crm.btyd.holdout_predictions(
    ...     purchases, calibration_end="1997-09-30", horizon=39, period="W", models=["pareto_nbd"]
    ... )
    >>> table[["customer_id", "expected_purchases", "lower", "upper", "actual"]].head(2).round(2)
       customer_id  expected_purchases  lower  upper  actual
    0            1                1.46      0      5       1
    1            2                0.17      0      1       0
    """
    caller = "holdout_predictions"
    names = _forecast.named(models, caller)
    level = _checks.confidence(confidence, caller)
    split = _forecast.part(
        transactions, caller, calibration_end, horizon, period, customer_col=customer_col,
        date_col=date_col, amount_col=amount_col, result=tuple(PREDICTIONS),
    )  # fmt: skip
    found = _forecast.forecasts(split, names, level, caller, totals=False)
    parts = []
    for name in names:
        if found[name] is None:
            continue
        parts.append(
            pa.table(
                {
                    "model": pa.array([name] * len(split.actual), pa.string()),
                    "customer": split.ids,
                    "frequency": split.frequency.astype(np.int64),
                    "recency": split.recency,
                    "T": split.age,
                    **found[name].columns,
                    "actual": split.actual,
                }
            )
        )
    answer: IntoDataFrameT = _result.native(split.source, pa.concat_tables(parts), PREDICTIONS)
    return answer


def evaluate_holdout(
    transactions: IntoDataFrameT,
    *,
    calibration_end: date | str,
    horizon: float,
    period: str = "D",
    models: Sequence[str] = MODELS,
    confidence: float = 0.9,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoDataFrameT:
    """Hold models against what customers did after a day, beside a naive guess.

    Parameters
    ----------
    transactions : table
        One row per order line. A customer's day is one purchase; amounts below 0 are returns and
        none.
    calibration_end : date
        The last day that models see, inclusive.
    horizon : float
        How far to look ahead, in periods; the data must reach that far.
    period : {"D", "W", "M", "Q", "Y"}, default "D"
        Unit of time: 1, 7, 30.4375, 91.3125 or 365.25 days.
    models : sequence of str, default ("pareto_nbd", "bg_nbd", "mbg_nbd", "naive")
        Models to compare; see `holdout_predictions`.
    confidence : float, default 0.9
        Level of the predictive intervals, of customers and of the total, between 0 and 1.
    customer_col, date_col : str
        Names of the columns.
    amount_col : str or None, default "amount"
        Tells returns. A table without a column "amount" has none.

    Returns
    -------
    table
        One row a model, as given: ``model`` (str), ``customers`` (int), ``actual`` (int, purchases
        made), ``expected`` (float), ``total_lower``, ``total_upper`` (float, interval of the total;
        null for "naive"), ``bias`` (float, expected / actual
        - 1), ``mae``, ``rmse`` (float, purchases per customer), ``coverage`` (float, share of
        customers whose count lies in their interval), ``coverage_lower``, ``coverage_upper``
        (float, Wilson's interval of it at 95 %), ``any_actual``, ``any_expected`` (float, share of
        customers with a purchase), ``auc_any_purchase`` (float, how well the probability of any
        purchase ranks, 0.5 is chance), ``brier`` (float, mean squared error of that probability),
        ``log_loss`` (float), ``gini`` (float, how well expected purchases rank customers by actual
        ones; 1 is a perfect order, 0 chance), ``log_likelihood`` (float, of the fit; null for
        "naive"). Null throughout for a model that does not fit, and where a measure does not exist,
        such as the AUC when all or none bought.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or the data end before the horizon does.
    NotEnoughDataError
        If there are too few customers to fit a model.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If a model does not fit.

    See Also
    --------
    holdout_predictions : customer by customer.

    Notes
    -----
    ``gini`` is cov(actual, rank of expected) / cov(actual, rank of actual), ties at their mean
    rank: equal predictions count alike in whatever order they stand.

    References
    ----------
    Lerman and Yitzhaki (1984), A note on the calculation and interpretation of the Gini index,
    Economics Letters 15, 363-368. Brier (1950), Verification of forecasts expressed in terms of
    probability, Monthly Weather Review 78(1), 1-3.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> table = crm.btyd.evaluate_holdout(
    ...     purchases, calibration_end="1997-09-30", horizon=39, period="W"
    ... )
    >>> table[["model", "actual", "expected", "bias", "mae", "coverage"]].round(3)
            model  actual  expected   bias    mae  coverage
    0  pareto_nbd    1882  1665.513 -0.115  0.755     0.951
    1      bg_nbd    1882  1653.409 -0.121  0.785     0.947
    2     mbg_nbd    1882  1576.728 -0.162  0.765     0.946
    3       naive    1882  2930.101  0.557  1.024     0.850
    """
    caller = "evaluate_holdout"
    names = _forecast.named(models, caller)
    level = _checks.confidence(confidence, caller)
    split = _forecast.part(
        transactions, caller, calibration_end, horizon, period, customer_col=customer_col,
        date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    found = _forecast.forecasts(split, names, level, caller, totals=True)
    rows = [{"model": name, **_measures(split, found[name])} for name in names]
    columns = {
        name: pa.array([_known(row.get(name)) for row in rows], _ARROW[kind])
        for name, kind in EVALUATION.items()
    }
    answer: IntoDataFrameT = _result.native(split.source, pa.table(columns), EVALUATION)
    return answer


_ARROW = {"text": pa.string(), "int": pa.int64(), "float": pa.float64()}


def _known(value: Any) -> Any:
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else value


def _measures(split: _forecast.Split, forecast: _forecast.Forecast | None) -> dict[str, Any]:
    made = split.actual
    counted = {"customers": len(made), "actual": int(made.sum())}
    if forecast is None:
        return counted
    expected, chance = (forecast.columns[k] for k in ("expected_purchases", "p_any_purchase"))
    inside = (forecast.columns["lower"] <= made) & (made <= forecast.columns["upper"])
    low, high = _intervals.wilson(inside.sum(), len(made), 0.95)
    missed, total = expected - made, float(expected.sum())
    certain = np.clip(chance, 1e-15, 1 - 1e-15)
    some = made > 0
    return counted | {
        "expected": total,
        "total_lower": forecast.total[0],
        "total_upper": forecast.total[1],
        "bias": total / counted["actual"] - 1 if counted["actual"] else np.nan,
        "mae": float(np.abs(missed).mean()),
        "rmse": float(np.sqrt((missed**2).mean())),
        "coverage": float(inside.mean()),
        "coverage_lower": float(low),
        "coverage_upper": float(high),
        "any_actual": float(some.mean()),
        "any_expected": float(chance.mean()),
        "auc_any_purchase": _auc(chance, some),
        "brier": float(((chance - some) ** 2).mean()),
        "log_loss": -float(np.where(some, np.log(certain), np.log1p(-certain)).mean()),
        "gini": _gini(expected, made),
        "log_likelihood": None if forecast.model is None else forecast.model.log_likelihood,
    }


def _auc(score: Floats, positive: Any) -> float:
    """Return the chance that a positive ranks before a negative, ties at one half."""
    from scipy.stats import rankdata

    n, k = len(score), int(positive.sum())
    if k in {0, n}:
        return np.nan
    ranks = rankdata(score)
    return float((ranks[positive].sum() - k * (k + 1) / 2) / (k * (n - k)))


def _gini(score: Floats, value: Any) -> float:
    from scipy.stats import rankdata

    centred = value - value.mean()
    perfect = float(centred @ rankdata(value))
    return float(centred @ rankdata(score)) / perfect if perfect > 0 else np.nan
