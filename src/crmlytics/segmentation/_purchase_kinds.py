"""What each purchase was: the first of all, the first in a category, a return from a lapse."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _codes, _columns, _frame, _gaps, _result
from crmlytics._columns import Bools, Ints
from crmlytics.segmentation import _stage_rules

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

KINDS = ("repeat", "new_to_category", "won_back", "new_to_business")


def purchase_kinds(
    transactions: "IntoDataFrameT",
    *,
    category_col: str | None = None,
    lapse_days: float | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> "IntoDataFrameT":
    """Say of each line whether it brought a customer, a category, or somebody back.

    Lines of one customer and day are one occasion: what is new on a day is new in all its lines.

    Parameters
    ----------
    transactions : table
        One row per order line.
    category_col : str, optional
        The category of a line; without it "new_to_category" does not occur. Lines of unknown
        category are new to none.
    lapse_days : float, optional
        A customer is won back on the first purchase after a gap of more than so many days. By
        default the threshold "lapsed" of `lifecycle_thresholds` for the whole table: the same line
        may then be named otherwise once the table has grown, which a number of yours prevents.
    customer_col, date_col : str
        Names of the columns.
    amount_col : str or None, default "amount"
        Lines with an amount below 0 are returns: they have no kind, and begin nothing.

    Returns
    -------
    table
        Your table in its own order with ``kind`` (str): "new_to_business" on the customer's first
        purchase day, else "won_back" on the first after a lapse, else "new_to_category" on the
        customer's first day in the category, else "repeat"; null for returns.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    lifecycle_stages : the customers instead of their purchases.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "a", "a"],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-20", "2026-06-01"]),
    ...         "category": ["tea", "tea", "cups", "tea"],
    ...     }
    ... )
    >>> crm.segmentation.purchase_kinds(lines, category_col="category", lapse_days=90)
      customer_id       date category             kind
    0           a 2026-01-02      tea  new_to_business
    1           a 2026-01-09      tea           repeat
    2           a 2026-01-20     cups  new_to_category
    3           a 2026-06-01      tea         won_back
    """
    caller = "purchase_kinds"
    lapse = None
    if lapse_days is not None:
        lapse = _checks.number(lapse_days, name="lapse_days", caller=caller, low=0.0)
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=False)
    if amount_col == "amount" and amount_col not in opened.columns:
        amount_col = None
    roles = {
        "customer_col": customer_col, "date_col": date_col, "amount_col": amount_col,
        "category_col": category_col,
    }  # fmt: skip
    source = _frame.read(
        transactions, caller=caller, argument="transactions", roles=roles,
        optional=("amount_col", "category_col"), result=("kind",),
    )  # fmt: skip
    codes = np.zeros(0, dtype=np.int64)
    bought = np.ones(source.n_rows, dtype=bool)
    if source.n_rows:
        negative = _codes.returns(source)
        bought = bought if negative is None else ~negative
        codes = _kinds(source, bought, lapse)
    names = pa.array(KINDS, pa.string())
    kinds = names.take(pa.array(codes, pa.int64(), mask=~bought))
    answer: IntoDataFrameT = _result.extended(source, {"kind": kinds})
    return answer


def _kinds(source: _frame.Source, bought: Bools, lapse: float | None) -> Ints:
    """Return the place in KINDS of each row; of no meaning for returns."""
    keys, days = source.keys("customer"), source.ticks("date").days()
    rows = np.flatnonzero(bought)
    who, when = keys.codes[rows].astype(np.int64), days[rows]
    low, span = int(days.min()), int(days.max() - days.min()) + 1
    cells, place = np.unique(who * span + (when - low), return_inverse=True)
    owner, day = cells // span, cells % span + low
    first = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    gap = np.where(first, 0, np.diff(day, prepend=0))
    if lapse is None:
        lapse = _lapsed(_gaps.silences(owner, day, int(days.max())))
    kinds = np.zeros(len(bought), dtype=np.int64)
    if "category" in source.names:
        kinds[rows[_first_in_category(source, rows, who, when)]] = KINDS.index("new_to_category")
    kinds[rows[(gap > lapse)[place]]] = KINDS.index("won_back")
    kinds[rows[first[place]]] = KINDS.index("new_to_business")
    return kinds


def _lapsed(silences: _gaps.Silences) -> float:
    share = _stage_rules.PERCENTILES["lapsed"]
    days = _gaps.percentiles(silences.length, silences.ended, [share])[0]
    return days if days == days else float("inf")  # no gap at all: nobody can have come back


def _first_in_category(source: _frame.Source, rows: Ints, who: Ints, when: Ints) -> Bools:
    """Mark the lines on a customer's first day in their category."""
    items = source.keys("category")
    unknown = _columns.null_mask(source.column("category"))[rows]
    pairs = who * max(items.size, 1) + items.codes[rows]
    _, pair = np.unique(pairs, return_inverse=True)
    begun = np.full(int(pair.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(begun, pair, when)
    return np.asarray((when == begun[pair]) & ~unknown, dtype=bool)
