"""Purchases made and expected over time, and what a model says of a grid of customers."""

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _periods, _result
from crmlytics._columns import Floats, Ints
from crmlytics.btyd._bg_bb import BgBbModel
from crmlytics.btyd._forecast import purchase_days
from crmlytics.btyd._purchase import PurchaseModel
from crmlytics.btyd._summary import UNITS
from crmlytics.errors import DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd

TRACKED = {
    "step": "int",
    "until": "date",
    "actual": "int",
    "expected": "float",
    "actual_cumulative": "int",
    "expected_cumulative": "float",
    "in_calibration": "bool",
}
_MOST_STEPS = 10_000
_MOST_FREQUENCY = 60


def tracking_table(
    transactions: IntoDataFrameT,
    *,
    model: PurchaseModel,
    calibration_end: date | str | None = None,
    period: str = "W",
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> IntoDataFrameT:
    """Follow the repeat purchases of customers over time, made and expected.

    Each customer is a new one on the day of the first purchase; what is expected until a day is
    the sum over customers of what a new customer makes at that age.

    Parameters
    ----------
    transactions : table
        One row per order line. A customer's day is one purchase; amounts below 0 are returns and
        none.
    model : PurchaseModel
        A model without covariates, fitted to a summary with the same `period`.
    calibration_end : date, default the last date of the table
        The last day that the model saw, inclusive. Customers who come later are not followed.
    period : {"D", "W", "M", "Q", "Y"}, default "W"
        Length of a step, and the unit of time of the model: 1, 7, 30.4375, 91.3125 or 365.25 days.
    customer_col, date_col : str
        Names of the columns.
    amount_col : str or None, default "amount"
        Tells returns. A table without a column "amount" has none.

    Returns
    -------
    table
        One row a step from the first date on, as long as whole steps fit: ``step`` (int, from 1),
        ``until`` (timestamp; its last day), ``actual``, ``expected`` (int, float; repeat purchases
        in the step), ``actual_cumulative``, ``expected_cumulative`` (int, float; so far),
        ``in_calibration`` (bool; the model saw the step).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or no step fits.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    plot_tracking : draws the answer.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2),
    p. 281 (tracking plots).

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> model = crm.btyd.fit_pareto_nbd(summary)
    >>> table = crm.btyd.tracking_table(purchases, model=model, calibration_end="1997-09-30")
    >>> table[["step", "actual_cumulative", "expected_cumulative"]].tail(1).round(1)
        step  actual_cumulative  expected_cumulative
    77    78               4339               4270.0
    """
    caller = "tracking_table"
    _refuse_model(model, caller)
    unit = UNITS[_checks.period(period, caller)]
    source, who, when = purchase_days(
        transactions, caller, customer_col=customer_col, date_col=date_col, amount_col=amount_col
    )
    if not len(when):
        raise DataError(f"{caller}: transactions has no purchase. Hand over some.")
    low, high = int(when.min()), int(when.max())
    end = high
    if calibration_end is not None:
        end = _checks.day(calibration_end, name="calibration_end", caller=caller)
    # the first day belongs to step 1: a step of a week holds seven days
    last = source.days("date")[1]
    steps = int(np.floor((last - low + 1) / unit + 1e-9))
    if end < low or not 1 <= steps <= _MOST_STEPS:
        raise DataError(
            f"{caller}: {steps:,} steps of period={period!r} fit between {_checks.iso(low)} and "
            f"{_checks.iso(last)}. Choose another period, or a later calibration_end."
        )
    first = np.full(source.keys("customer").size, np.iinfo(np.int64).max)
    np.minimum.at(first, who, when)
    followed = first[who] <= end
    until = low - 1 + np.floor(np.arange(1, steps + 1) * unit + 1e-9).astype(np.int64)
    repeats = np.sort(when[followed & (when > first[who])])
    actual = np.searchsorted(repeats, until, side="right")
    expected = _expected(model, first[first <= end], until, unit)
    table = {
        "step": np.arange(1, steps + 1),
        "until": _periods.timestamps(until),
        "actual": np.diff(actual, prepend=0),
        "expected": np.diff(expected, prepend=0.0),
        "actual_cumulative": actual,
        "expected_cumulative": expected,
        "in_calibration": until <= end,
    }
    answer: IntoDataFrameT = _result.native(source, pa.table(table), TRACKED)
    return answer


def _refuse_model(model: Any, caller: str) -> None:
    if not isinstance(model, PurchaseModel) or isinstance(model, BgBbModel) or model.covariates:
        raise OptionError(
            f"{caller}: model must be a model of purchasing in continuous time, without "
            f"covariates; got {type(model).__name__}. Fit one, as with fit_pareto_nbd."
        )


def _expected(model: Any, births: Ints, until: Ints, unit: float) -> Floats:
    """Sum what new customers make until each day: births by day against ages by day."""
    days, customers = np.unique(births, return_counts=True)
    newcomer = model._newcomer({}, "tracking_table")  # noqa: SLF001 - one of ours
    low = int(days[0])
    ages = np.arange(int(until[-1]) - low + 1, dtype=np.float64) / unit
    living = newcomer.future.process.take(np.zeros(len(ages), dtype=np.int64))
    mean = newcomer.future.p_alive[0] * living.expected(ages)
    each = until[:, None] - days
    return np.asarray(np.where(each > 0, mean[np.maximum(each, 0)], 0.0) @ customers)


def frequency_recency_grid(
    model: PurchaseModel,
    *,
    T: float,
    horizon: float,
    max_frequency: int | None = None,
    steps: int = 40,
) -> "pd.DataFrame":
    """Predict for customers of one age, with every frequency and recency.

    Parameters
    ----------
    model : PurchaseModel
        A model without covariates.
    T : float
        Age of the customers, in periods of the summary; above 0.
    horizon : float
        How far to look ahead, in periods; above 0.
    max_frequency : int, optional
        Highest frequency; 1 or more. By default one that 999 of 1,000 customers stay below, at most
        60.
    steps : int, default 40
        In how many steps recency goes from 0 to `T` (2 to 500). For BG/BB the opportunities are the
        steps.

    Returns
    -------
    pandas.DataFrame
        One row a frequency and recency that can be: ``frequency`` (int), ``recency`` (float),
        ``p_alive`` (float), ``expected_purchases`` (float).

    Raises
    ------
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    plot_p_alive, plot_frequency_recency : draw the answer.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> model = crm.btyd.fit_pareto_nbd(summary)
    >>> grid = crm.btyd.frequency_recency_grid(model, T=30, horizon=39, max_frequency=2, steps=2)
    >>> grid.round(2)
       frequency  recency  p_alive  expected_purchases
    0          0      0.0     0.36                0.15
    1          1     15.0     0.68                0.82
    2          1     30.0     1.00                1.20
    3          2     15.0     0.62                1.23
    4          2     30.0     1.00                1.98
    """
    import pandas as pd

    caller = "frequency_recency_grid"
    if not isinstance(model, PurchaseModel) or model.covariates:
        raise OptionError(
            f"{caller}: model must be a model of purchasing without covariates; "
            f"got {type(model).__name__}. Fit one, as with fit_pareto_nbd."
        )
    age = _checks.number(T, name="T", caller=caller, low=1e-9)
    ahead = model._horizon(horizon, caller)  # noqa: SLF001 - one of ours
    count = _checks.whole(steps, name="steps", caller=caller, low=2, high=500)
    discrete = isinstance(model, BgBbModel)
    if discrete:
        count = _checks.whole(int(age), name="T", caller=caller, low=1)
        age = float(count)
    if max_frequency is None:
        high = model.new_customer(age, confidence=0.998)["upper"].iloc[0]
        most = int(np.clip(high, 1, _MOST_FREQUENCY))
    else:
        most = _checks.whole(max_frequency, name="max_frequency", caller=caller, low=1)
    recency = np.arange(1, count + 1) * age / count
    frequency, last = (part.ravel() for part in np.meshgrid(np.arange(1, most + 1), recency,
                                                             indexing="ij"))  # fmt: skip
    if discrete:
        frequency, last = frequency[frequency <= last], last[frequency <= last]
    x = np.concatenate([[0], frequency]).astype(np.float64)
    tx = np.concatenate([[0.0], last])
    customers = model._customers([x, tx, np.full(len(x), age)])  # noqa: SLF001 - one of ours
    future = customers.future
    shown = model._shown_alive(future)  # noqa: SLF001 - one of ours
    return pd.DataFrame(
        {
            "frequency": x.astype(np.int64),
            "recency": tx,
            "p_alive": shown[customers.place],
            "expected_purchases": future.expected(ahead)[customers.place],
        }
    )
