"""Predictions against what happened, by class of customers."""

from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _frame, _intervals, _result
from crmlytics._columns import Floats, Ints

GROUPS = ("decile", "frequency", "probability")
GROUPED = {
    "model": "text",
    "group": "int",
    "low": "float",
    "high": "float",
    "customers": "int",
    "expected": "float",
    "actual": "float",
    "lower": "float",
    "upper": "float",
    "measure": "text",
}
_CLASSES = 10
_USED = ("frequency", "expected_purchases", "p_any_purchase", "actual")


def holdout_groups(
    predictions: IntoDataFrameT, *, group: str = "decile", most: int = 7, confidence: float = 0.95
) -> IntoDataFrameT:
    """Compare what was expected and what happened, class by class.

    Parameters
    ----------
    predictions : table
        As `holdout_predictions` makes it.
    group : {"decile", "frequency", "probability"}, default "decile"
        Classes of customers: tenths by expected purchases (1 lowest; equal predictions are
        never parted, so that classes may differ in size), earlier repeat purchases (0 to `most`,
        which stands for `most` and more), or tenths of the probability of any purchase (0.0 to 0.1
        is 1).
    most : int, default 7
        Highest class of ``group="frequency"``; 1 or more.
    confidence : float, default 0.95
        Level of the interval of the mean that happened, between 0 and 1.

    Returns
    -------
    table
        One row a model and class with customers, sorted: ``model`` (str), ``group`` (int), ``low``,
        ``high`` (float; least and largest value in the class of what it is made by), ``customers``
        (int), ``expected``, ``actual`` (float, mean purchases per customer, or with
        ``group="probability"`` share of customers with a purchase), ``lower``, ``upper`` (float,
        interval of ``actual``: normal for means over customers, Wilson for shares; null with a
        single customer), ``measure`` (str: "purchases" or "any purchase").

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    holdout_predictions : makes the table.
    plot_calibration : draws the answer.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> predictions = pd.DataFrame(
    ...     {
    ...         "model": "naive",
    ...         "frequency": [0, 0, 1, 3],
    ...         "expected_purchases": [0.1, 0.1, 0.6, 2.0],
    ...         "p_any_purchase": [0.1, 0.1, 0.45, 0.86],
    ...         "actual": [0, 1, 0, 3],
    ...     }
    ... )
    >>> table = crm.btyd.holdout_groups(predictions, group="frequency", most=1)
    >>> table[["group", "customers", "expected", "actual"]]
       group  customers  expected  actual
    0      0          2       0.1     0.5
    1      1          2       1.3     1.5
    """
    caller = "holdout_groups"
    _checks.choice(group, GROUPS, name="group", caller=caller)
    top = _checks.whole(most, name="most", caller=caller, low=1)
    level = _checks.confidence(confidence, caller)
    source = _frame.read(
        predictions, caller=caller, argument="predictions", maker="holdout_predictions",
        roles={"model": "model", **{name: name for name in _USED}},
    )  # fmt: skip
    columns = {name: source.numbers(name) for name in _USED}
    keys = source.keys("model")
    names = [str(name) for name in keys.take(np.arange(keys.size)).to_list()] if keys.size else []
    parts = []
    for code in np.argsort(np.array(names)):
        rows = np.flatnonzero(keys.codes == code)
        if len(rows):
            one = {name: values[rows] for name, values in columns.items()}
            parts.append(_of_model(names[code], one, group, top, level))
    table = pa.concat_tables(parts) if parts else pa.table(_nothing())
    answer: IntoDataFrameT = _result.native(source, table, GROUPED)
    return answer


def _nothing() -> dict[str, Any]:
    kinds = {"text": pa.string(), "int": pa.int64(), "float": pa.float64()}
    return {name: pa.array([], kinds[kind]) for name, kind in GROUPED.items()}


def _of_model(
    name: str, columns: dict[str, Floats], group: str, most: int, level: float
) -> pa.Table:
    by, place = _places(columns, group, most)
    any_purchase = group == "probability"
    expected = columns["p_any_purchase" if any_purchase else "expected_purchases"]
    actual = (columns["actual"] > 0).astype(float) if any_purchase else columns["actual"]
    found, at, counts = np.unique(place, return_inverse=True, return_counts=True)
    n = len(found)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, at, by)
    np.maximum.at(high, at, by)
    made = np.bincount(at, actual, n)
    if any_purchase:
        lower, upper = _intervals.wilson(made, counts, level)
    else:
        lower, upper = _intervals.ratio_of_sums(actual, np.ones(len(actual)), at, n, level)
        lower = np.maximum(lower, 0.0)  # NaN stays
    return pa.table(
        {
            "model": pa.array([name] * n, pa.string()),
            "group": found,
            "low": low,
            "high": high,
            "customers": counts,
            "expected": np.bincount(at, expected, n) / counts,
            "actual": made / counts,
            "lower": _result.column(lower),
            "upper": _result.column(upper),
            "measure": pa.array(["any purchase" if any_purchase else "purchases"] * n),
        }
    )


def _places(columns: dict[str, Floats], group: str, most: int) -> tuple[Floats, Ints]:
    """Return what the classes are made by, and the class of each customer."""
    from scipy.stats import rankdata

    if group == "frequency":
        by = columns["frequency"]
        return by, np.minimum(by, most).astype(np.int64)
    if group == "probability":
        by = columns["p_any_purchase"]
        return by, np.minimum(np.floor(by * _CLASSES), _CLASSES - 1).astype(np.int64) + 1
    by = columns["expected_purchases"]
    share = (rankdata(by) - 0.5) / len(by)
    return by, np.minimum(np.floor(share * _CLASSES), _CLASSES - 1).astype(np.int64) + 1
