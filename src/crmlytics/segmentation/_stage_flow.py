"""Who moved from which stage of the life cycle to which."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _frame, _intervals, _result
from crmlytics.segmentation import _history

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

_SCHEMA = {
    "from_as_of": "date", "to_as_of": "date", "from_stage": "text", "to_stage": "text",
    "customers": "int", "share": "float", "lower": "float", "upper": "float",
}  # fmt: skip


def stage_flow(
    history: "IntoDataFrameT",
    *,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
    stage_col: str = "stage",
) -> "IntoDataFrameT":
    """Count who moved from which stage to which, between each two neighbouring days.

    Every customer of either day is counted once: those not there before come from "not_yet", those
    not there after go to "gone", so that totals add up. Those who stay are moves from a stage to
    itself.

    Parameters
    ----------
    history : table
        Stages on several days with their ``as_of``, as `lifecycle_history` makes it, or several
        answers of `lifecycle_stages` below each other.
    confidence : float, default 0.95
        Level of the interval.
    customer_col, stage_col : str
        Names of the columns; a null stage is called "unknown".

    Returns
    -------
    table
        One row for each pair of days and stages that occurs, sorted: ``from_as_of``, ``to_as_of``
        (timestamp), ``from_stage``, ``to_stage`` (str), ``customers`` (int), ``share`` (float, of
        the customers who were in ``from_stage``), ``lower``, ``upper`` (float, its Wilson
        interval).

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a customer stands twice on one day.
    NotEnoughDataError
        If the history holds fewer than two days.

    See Also
    --------
    lifecycle_history : makes the history.
    segment_migration : the same for segments.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, Journal of
    the American Statistical Association 22, p. 209.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> history = pd.DataFrame(
    ...     {
    ...         "as_of": pd.to_datetime(["2026-01-31"] * 2 + ["2026-02-28"] * 3),
    ...         "customer_id": [1, 2, 1, 2, 3],
    ...         "stage": ["new", "new", "active", "at_risk", "new"],
    ...     }
    ... )
    >>> moved = crm.segmentation.stage_flow(history)
    >>> moved[["from_stage", "to_stage", "customers", "share"]]
      from_stage to_stage  customers  share
    0        new   active          1    0.5
    1        new  at_risk          1    0.5
    2    not_yet      new          1    1.0
    """
    caller = "stage_flow"
    level = _checks.confidence(confidence, caller)
    source = _frame.read(
        history, caller=caller, argument="history",
        roles={"customer_col": customer_col, "stage_col": stage_col, "as_of": "as_of"},
        maker="lifecycle_history",
    )  # fmt: skip
    steps = _history.history_steps(source, "stage")
    table = pa.concat_tables([_history.moves(step, share_of="before") for step in steps])
    table = table.rename_columns([name.replace("segment", "stage") for name in table.column_names])
    bounds = _intervals.wilson(np.asarray(table["customers"]), np.asarray(table["of"]), level)
    for name, values in zip(("lower", "upper"), bounds, strict=True):
        table = table.append_column(name, _result.column(values))
    answer: IntoDataFrameT = _result.native(source, table, _SCHEMA)
    return answer
