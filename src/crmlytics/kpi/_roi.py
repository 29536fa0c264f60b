"""What came back for what was spent."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _codes, _frame, _result, _transactions
from crmlytics._columns import Floats
from crmlytics._groups import groups
from crmlytics.kpi import _cac_tables, _clv_model
from crmlytics.kpi._definitions import defined

SCHEMA = {
    "revenue": "float",
    "cost": "float",
    "profit": "float",
    "roi": "float",
    "roas": "float",
    "n_rows": "int",
}


@defined
def roi(
    table: IntoDataFrameT,
    *,
    margin: float | str | None = None,
    precision: int = 2,
    by: str | Sequence[str] | None = None,
    revenue_col: str = "revenue",
    cost_col: str = "cost",
) -> IntoDataFrameT:
    """Return on investment and return on advertising spend, from sums of revenue and cost.

    ``roi = (revenue * margin - cost) / cost`` and ``roas = revenue / cost``. They are not the same:
    at a margin of 25 % a ROAS of 4 earns nothing, and its ROI is 0. Both speak of revenue
    that the table books to the cost, which may have come without it: what a campaign has caused
    needs a control group.

    Parameters
    ----------
    table : table
        One row per campaign, channel, day or whatever costs and revenue are booked by.
    margin : float or str, optional
        Share of the revenue that is earned (0.3 for 30 %), or a column with the share of each row.
        Without it the return is taken on revenue, and a warning says so.
    precision : int, default 2
        Decimals to which the sums of money are rounded, halves up (-9 to 9).
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    revenue_col, cost_col : str
        Names of the columns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``revenue``, ``cost``, ``profit`` (float,
        unit of the amounts; profit is revenue * margin - cost), ``roi`` (float, profit / cost, -1
        where nothing came back), ``roas`` (float, revenue / cost), ``n_rows`` (int). Ratios are
        null at a cost of 0; what an unknown revenue, cost or share enters is null.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If costs are negative, or numbers infinite.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If no margin was given.

    See Also
    --------
    cac : cost per customer won.

    References
    ----------
    Farris, Bendle, Pfeifer and Reibstein (2010), Marketing Metrics, 2nd ed., ch. 10.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> money = {"channel": ["mail", "web", "web"], "revenue": [500.0, 900, 300]}
    >>> booked = pd.DataFrame(money).assign(cost=[0.0, 200, 100])
    >>> crm.kpi.roi(booked, margin=0.5, by="channel")
      channel  revenue   cost  profit  roi  roas  n_rows
    0    mail    500.0    0.0   250.0  NaN   NaN       1
    1     web   1200.0  300.0   300.0  1.0   4.0       2
    """
    caller = "roi"
    if margin is not None:
        _clv_model.check_margin(margin, caller)
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    roles = {"revenue_col": revenue_col, "cost_col": cost_col}
    if isinstance(margin, str):
        roles["margin_col"] = margin
    source = _frame.read(
        table, caller=caller, argument="table", roles=roles, by=by, result=tuple(SCHEMA)
    )
    _cac_tables.refuse_negative(source, "cost", "cost_col")
    if margin is None:
        _checks.warn(
            "roi: no margin was given, so that profit and roi are taken on revenue. Pass margin=, "
            "such as margin=0.3."
        )
    share = source.numbers("margin") if isinstance(margin, str) else margin
    answer: IntoDataFrameT = _summed(source, 1.0 if share is None else share, precision)
    return answer


def _summed(source: _frame.Source, share: Floats | float, precision: int) -> Any:
    grouped = groups(source, None)
    group = grouped.of_rows(None, source.n_rows)

    def total(values: Floats) -> Floats:
        found, known = _codes.sums(group, values, grouped.size)
        found = found if known is None else np.where(known, found, np.nan)
        return np.asarray(_transactions.money(found, precision), dtype=np.float64)

    revenue, cost = source.numbers("revenue"), source.numbers("cost")
    sums = {"revenue": total(revenue), "cost": total(cost), "profit": total(revenue * share - cost)}
    with np.errstate(divide="ignore", invalid="ignore"):
        spent = np.where(sums["cost"] > 0, sums["cost"], np.nan)
        sums |= {"roi": sums["profit"] / spent, "roas": sums["revenue"] / spent}
    columns = grouped.columns(np.arange(grouped.size))
    columns |= {name: _result.column(values) for name, values in sums.items()}
    columns["n_rows"] = np.bincount(group, minlength=grouped.size)
    schema = {**dict.fromkeys(source.by, "id"), **SCHEMA}
    return _result.native(source, pa.table(columns), schema, sort_by=source.by)
