"""How much of the revenue the best customers bring."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _codes, _frame, _groups, _result, _transactions
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import OptionError
from crmlytics.kpi._definitions import defined

CONCENTRATION = {
    "customer_share": "float",
    "revenue_share": "float",
    "gini": "float",
    "customers": "int",
    "revenue": "float",
}
_MOST_POINTS = 100_000
_MOST_ROWS = 20_000_000


@defined
def revenue_concentration(
    transactions: IntoDataFrameT,
    *,
    points: int | None = 100,
    as_of: date | str | None = None,
    precision: int = 2,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Follow what share of the revenue the best x % of customers bring, for every x.

    Customers are lined up by revenue (returns netted), the best first, and their revenue is added
    up: a Lorenz curve from above. With the Gini coefficient, 0 where all bring the same and near
    1 where one brings everything.

    Parameters
    ----------
    transactions : table
        One row per order line.
    points : int or None, default 100
        Steps of the curve: 100 gives the shares at 0 %, 1 % ... 100 % of the customers, with
        straight lines between customers. None: a row for each number of customers, from 0 to all.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    precision : int, default 2
        Decimals to which the revenue of each customer is rounded, halves up (-9 to 9).
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    customer_col, date_col, amount_col : str
        Names of the columns. Amounts below 0 are returns. Customers with nothing but returns are
        left out, and counted in a warning.

    Returns
    -------
    table
        One row a group and point, sorted: the columns of `by`, ``customer_share`` (float, 0 to 1;
        the best so many), ``revenue_share`` (float, 0 to 1, or above where some customers returned
        more than they bought: their rows bring the curve down to 1), ``gini`` (float), and of the
        group ``customers`` (int) and ``revenue`` (float). Shares of revenue and the Gini
        coefficient are null where the revenue is not above 0 or an amount is unknown. A group
        without a customer has no row.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, `as_of` lies before the data, or points
        and groups make more than 20 million rows.

    Warns
    -----
    CrmlyticsWarning
        If customers have returns only.

    See Also
    --------
    plot_revenue_concentration : draws the table.

    Notes
    -----
    With negative revenue of customers the Gini coefficient may exceed 1.

    References
    ----------
    Lorenz (1905), Methods of measuring the concentration of wealth, Publications of the American
    Statistical Association 9, 209-219. Gini (1914), Sulla misura della concentrazione e della
    variabilita dei caratteri.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b", "c", "d"],
    ...         "date": pd.to_datetime("2026-01-02"),
    ...         "amount": [40.0, 20.0, 20.0, 15.0, 5.0],
    ...     }
    ... )
    >>> crm.kpi.revenue_concentration(lines, points=None)
       customer_share  revenue_share   gini  customers  revenue
    0            0.00           0.00  0.425          4    100.0
    1            0.25           0.60  0.425          4    100.0
    2            0.50           0.80  0.425          4    100.0
    3            0.75           0.95  0.425          4    100.0
    4            1.00           1.00  0.425          4    100.0
    """
    caller = "revenue_concentration"
    if points is not None:
        _checks.whole(points, name="points", caller=caller, low=1, high=_MOST_POINTS)
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    source = _frame.read(
        transactions, caller=caller, argument="transactions", by=by, result=tuple(CONCENTRATION),
        roles={"customer_col": customer_col, "date_col": date_col, "amount_col": amount_col},
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    grouped, group, spent = _customers(source, day)
    if points is not None and grouped.size * (points + 1) > _MOST_ROWS:
        raise OptionError(
            f"{caller}: {points:,} points of {grouped.size:,} groups make too many rows. Choose "
            "fewer points, or fewer groups."
        )
    spent = np.asarray(_transactions.money(spent, precision))
    curves = _curves(group, spent, grouped.size, points)
    curves["revenue"] = _transactions.money(curves["revenue"], precision)
    table = grouped.columns(curves.pop("group")) | {
        name: _result.column(values) for name, values in curves.items()
    }
    schema = {**dict.fromkeys(source.by, "id"), **CONCENTRATION}
    # one curve is made in its order
    answer: IntoDataFrameT = _result.native(
        source, pa.table(table), schema, sort_by=[*source.by, "customer_share"] if source.by else ()
    )
    return answer


def _customers(source: Source, day: int) -> tuple[_groups.Groups, Ints, Floats]:
    """Return the group and the net amount of each customer with a purchase; NaN is unknown."""
    seen, negative = _codes.seen_rows(source, day), _codes.returns(source)
    grouped, keys = _groups.groups(source, seen), source.keys("customer")
    stride = max(keys.size, 1)
    cells: Any = _codes.pick(keys.codes, seen)
    if grouped.codes is not None:
        cells = _codes.pick(grouped.codes, seen) * stride + cells
    size = grouped.size * keys.size
    bought = cells if negative is None else cells[~_codes.pick(negative, seen)]
    made = _codes.occurring(bought, size)
    if negative is not None:
        left_out = len(_codes.occurring(cells, size).present) - len(made.present)
        _transactions.warn_of_returns_only(source, left_out)
    spent = made.sums_at(cells, _codes.pick(source.numbers("amount"), seen))
    return grouped, made.present // stride, spent


def _curves(group: Ints, spent: Floats, size: int, points: int | None) -> dict[str, Any]:
    """Add up the customers of each group from the best down, and read the curves off."""
    many = np.bincount(group, minlength=size)
    ends = np.cumsum(many)
    found: dict[str, list[Any]] = {name: [] for name in ("group", *CONCENTRATION)}
    for place in np.flatnonzero(many):
        n = int(many[place])
        best = np.sort(spent[ends[place] - n : ends[place]])[::-1]
        so_far = np.append(0.0, np.cumsum(best))
        revenue = so_far[-1]
        share = so_far / revenue if revenue > 0 else np.full(n + 1, np.nan)
        gini = (2 * share.sum() - 1) / n - 1
        steps = n if points is None else points
        if steps != n:  # whole customers, and the part of the next one
            whole, part = np.divmod(np.arange(steps + 1) * n, steps)
            following = share[np.minimum(whole + 1, n)]
            share = share[whole] + (following - share[whole]) * (part / steps)
        found["group"].append(np.full(steps + 1, place))
        found["customer_share"].append(np.arange(steps + 1) / steps)
        found["revenue_share"].append(share)
        found["gini"].append(np.full(steps + 1, gini))
        found["customers"].append(np.full(steps + 1, n))
        found["revenue"].append(np.full(steps + 1, revenue))
    if not found["group"]:
        return {name: np.zeros(0, dtype=np.int64) for name in found}
    return {
        name: parts[0] if len(parts) == 1 else np.concatenate(parts)
        for name, parts in found.items()
    }
