"""Predictions in classes of risk: who is found first, and whether the probabilities hold."""

from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _intervals, _result
from crmlytics._columns import Floats, Ints
from crmlytics.churn import _scored
from crmlytics.churn._scored import Steps

LIFT = {
    "bin": "int",
    "n": "int",
    "churned": "int",
    "rate": "float",
    "lower": "float",
    "upper": "float",
    "lift": "float",
    "cumulative_share": "float",
    "cumulative_gain": "float",
    "cumulative_lift": "float",
    "mean_probability": "float",
    "min_probability": "float",
}
CALIBRATION = {
    "bin": "int",
    "n": "int",
    "mean_probability": "float",
    "rate": "float",
    "lower": "float",
    "upper": "float",
    "churned": "int",
}


def lift_table(
    predictions: IntoDataFrameT,
    *,
    label_col: str = "churned",
    prob_col: str = "churn_probability",
    bins: int = 10,
    confidence: float = 0.95,
) -> IntoDataFrameT:
    """Churn rate and share of churners found, from the customers at highest risk downwards.

    Parameters
    ----------
    predictions : table
        One row per customer, with a score and what happened.
    label_col : str, default "churned"
        Column of what happened: 1 or True for who churned, 0 or False for who stayed.
    prob_col : str, default "churn_probability"
        Column of the probability of churn, or of any score that is higher for higher risk.
    bins : int, default 10
        Number of classes of about equal size; 2 or more.
    confidence : float, default 0.95
        Level of the interval of the rate, between 0 and 1.

    Returns
    -------
    table
        One row a class, highest risk first: ``bin`` (int, 1 = highest risk), ``n``, ``churned``
        (int, customers), ``rate`` (float, share that churned), ``lower``, ``upper`` (float, its
        Wilson interval), ``lift`` (float, rate over that of all), ``cumulative_share`` (float,
        share of all customers in this class and those above), ``cumulative_gain`` (float, share of
        all churners there), ``cumulative_lift`` (float, the second over the first),
        ``mean_probability``, ``min_probability`` (float, of the class). Lifts and gain are null
        where nobody churned. No row for an empty table.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If labels or scores are null, or labels are not 0 or 1.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    evaluate_churn : single figures, with the lift of the top tenth.
    profit_curve : how many customers to contact.
    plot_lift : draws the answer.

    Notes
    -----
    Customers with equal scores are never parted: all go where their midrank falls. With many equal
    scores classes differ in size and may be fewer than `bins`; they are numbered without gaps, and
    ``cumulative_share`` says how far each reaches.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> predictions = pd.DataFrame(
    ...     {"churned": [1, 0, 1, 0], "churn_probability": [0.9, 0.5, 0.4, 0.2]}
    ... )
    >>> lift = crm.churn.lift_table(predictions, bins=4)
    >>> lift[["bin", "rate", "lift", "cumulative_share", "cumulative_gain", "cumulative_lift"]]
       bin  rate  lift  cumulative_share  cumulative_gain  cumulative_lift
    0    1   1.0   2.0              0.25              0.5         2.000000
    1    2   0.0   0.0              0.50              0.5         1.000000
    2    3   1.0   2.0              0.75              1.0         1.333333
    3    4   0.0   0.0              1.00              1.0         1.000000
    """
    caller = "lift_table"
    most = _checks.whole(bins, name="bins", caller=caller, low=2)
    level = _checks.confidence(confidence, caller)
    source, churned, score = _scored.read(
        predictions, caller, label_col=label_col, prob_col=prob_col, probabilities=False
    )
    if source.n_rows == 0:
        nothing: IntoDataFrameT = _result.empty(source, LIFT)
        return nothing
    by = _scored.steps(churned, score)
    place = _classes(by, most)
    found = _counted(by, place, level)
    share = np.cumsum(found["n"]) / found["n"].sum()
    with np.errstate(invalid="ignore"):
        gain = np.cumsum(found["churned"]) / found["churned"].sum()
        lift = found["rate"] / churned.mean()
    last = np.append(np.flatnonzero(np.diff(place)), len(place) - 1)
    columns = found | {
        "lift": lift,
        "cumulative_share": share,
        "cumulative_gain": gain,
        "cumulative_lift": gain / share,
        "min_probability": by.score[last],
    }
    answer: IntoDataFrameT = _result.native(source, _table(columns), LIFT)
    return answer


def calibration_table(
    predictions: IntoDataFrameT,
    *,
    label_col: str = "churned",
    prob_col: str = "churn_probability",
    bins: int = 10,
    confidence: float = 0.95,
) -> IntoDataFrameT:
    """Predicted probability of churn beside the rate observed, class by class.

    Parameters
    ----------
    predictions : table
        One row per customer, with a probability and what happened.
    label_col : str, default "churned"
        Column of what happened: 1 or True for who churned, 0 or False for who stayed.
    prob_col : str, default "churn_probability"
        Column of the predicted probability of churn, 0 to 1.
    bins : int, default 10
        Number of classes of about equal size; 2 or more.
    confidence : float, default 0.95
        Level of the interval of the rate, between 0 and 1.

    Returns
    -------
    table
        One row a class, lowest probability first: ``bin`` (int, 1 = lowest), ``n`` (int,
        customers), ``mean_probability`` (float), ``rate`` (float, share that churned), ``lower``,
        ``upper`` (float, its Wilson interval), ``churned`` (int, customers). No row for an empty
        table.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If labels or probabilities are null, labels are not 0 or 1, or probabilities lie outside 0
        to 1.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    evaluate_churn : slope and intercept of the calibration, and reliability without classes.
    plot_churn_calibration : draws the answer.

    Notes
    -----
    Classes are quantiles of the probability. Customers with equal probabilities are never parted:
    all go where their midrank falls, so that classes may differ in size and be fewer than `bins`.
    With right probabilities about `confidence` of the intervals hold ``mean_probability``.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> predictions = pd.DataFrame(
    ...     {"churned": [0, 0, 1, 1, 0, 1], "churn_probability": [0.1, 0.1, 0.3, 0.5, 0.8, 0.8]}
    ... )
    >>> table = crm.churn.calibration_table(predictions, bins=3)
    >>> table[["bin", "n", "mean_probability", "rate", "churned"]]
       bin  n  mean_probability  rate  churned
    0    1  2               0.1   0.0        0
    1    2  2               0.4   1.0        2
    2    3  2               0.8   0.5        1
    """
    caller = "calibration_table"
    most = _checks.whole(bins, name="bins", caller=caller, low=2)
    level = _checks.confidence(confidence, caller)
    source, churned, probability = _scored.read(
        predictions, caller, label_col=label_col, prob_col=prob_col
    )
    if source.n_rows == 0:
        nothing: IntoDataFrameT = _result.empty(source, CALIBRATION)
        return nothing
    by = _scored.steps(churned, probability)
    place = _classes(by, most)
    found = _counted(by, place.max() - place, level)
    answer: IntoDataFrameT = _result.native(source, _table(found), CALIBRATION)
    return answer


def _classes(by: Steps, bins: int) -> Ints:
    """Return the class of each step, 0 at the top and without gaps; steps are never parted."""
    wanted = np.minimum(np.floor(by.place * bins), bins - 1)
    return np.cumsum(np.diff(wanted, prepend=wanted[0]) > 0)


def _counted(by: Steps, place: Ints, level: float) -> dict[str, Any]:
    size = int(place.max()) + 1
    n = np.bincount(place, by.n, size)
    churned = np.bincount(place, by.churned, size)
    lower, upper = _intervals.wilson(churned, n, level)
    return {
        "bin": np.arange(1, size + 1),
        "n": n,
        "churned": churned,
        "rate": churned / n,
        "lower": lower,
        "upper": upper,
        "mean_probability": np.bincount(place, by.n * by.score, size) / n,
    }


def _table(columns: dict[str, Floats]) -> pa.Table:
    return pa.table({name: _result.column(values) for name, values in columns.items()})
