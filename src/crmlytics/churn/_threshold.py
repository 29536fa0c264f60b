"""After how long a silence a customer counts as lost, and how often that is wrong."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _frame, _gaps, _intervals, _result
from crmlytics._columns import Floats, Ints
from crmlytics.churn import _labels

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

METHODS = ("percentile", "personal", "error_rate")
SCHEMA = {
    "method": "text", "threshold_days": "float", "returned_later_share": "float",
    "lower": "float", "upper": "float", "n_silences": "int",
}  # fmt: skip
_FEWEST_GAPS = 3  # of a customer whose own rhythm can be told
_WIDE = 2.0  # standard deviations above a customer's own mean gap


def inactivity_threshold(
    transactions: "IntoDataFrameT",
    *,
    methods: Sequence[str] = METHODS,
    percentile: float = 0.9,
    error_rate: float = 0.1,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> "IntoDataFrameT":
    """Find after how many days without a purchase customers may be called lost.

    A silence is the time from a purchase day to the next one, or to `as_of` where there is none
    yet. Whoever is called lost after a threshold and buys later was called lost wrongly.

    Parameters
    ----------
    transactions : table
        One row per order line.
    methods : list of str, optional
        "percentile": the day by which that share of the silences that end at all has ended, by
        Kaplan-Meier, so that silences not over yet count as such. "personal": each customer's own
        mean gap and two standard deviations, of those with three gaps or more; the median over
        them is shown. "error_rate": the shortest threshold at which at most that share of those
        called lost came back. All by default.
    percentile : float, default 0.9
        For "percentile", between 0 and 1.
    error_rate : float, default 0.1
        For "error_rate", between 0 and 1.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the interval of the share.
    customer_col, date_col : str
        Names of the columns.
    amount_col : str or None, default "amount"
        Lines with an amount below 0 are returns and no purchases.

    Returns
    -------
    table
        One row a method, in the order of `methods`: ``method`` (str), ``threshold_days`` (float;
        null where it is not reached), ``returned_later_share`` (float, of the silences longer than
        the threshold, those that ended in a purchase up to `as_of`), ``lower``, ``upper`` (float,
        its Wilson interval), ``n_silences`` (int, silences longer than the threshold). Some of the
        silences not over yet will still end: the share is a lower bound in a young table.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    churn_labels : labels for a horizon, which need no threshold.

    References
    ----------
    Kaplan and Meier (1958), Nonparametric estimation from incomplete observations, Journal of the
    American Statistical Association 53, 457-481.

    Examples
    --------
    >>> import crmlytics as crm
    >>> crm.churn.inactivity_threshold(crm.datasets.load_cdnow()).round(2)
           method  threshold_days  returned_later_share  lower  upper  n_silences
    0  percentile          233.00                  0.16   0.15   0.18        2056
    1    personal          182.98                  0.43   0.38   0.49         285
    2  error_rate          303.00                  0.10   0.09   0.11        1810
    """
    caller = "inactivity_threshold"
    listed = _labels.words(methods, METHODS, name="methods", caller=caller)
    level = _checks.confidence(confidence, caller)
    share = _checks.number(percentile, name="percentile", caller=caller, low=0.0, high=1.0)
    wrong = _checks.number(error_rate, name="error_rate", caller=caller, low=0.0, high=1.0)
    source = _labels.read(
        transactions, caller, lazy=False, customer_col=customer_col, date_col=date_col,
        amount_col=amount_col,
    )  # fmt: skip
    last = _frame.as_of(source, as_of)
    found = _gaps.purchase_days(source, last)
    silences = _gaps.silences(found.customer, found.day, last)
    length, ended = silences.length, silences.ended
    rows: list[dict[str, Any]] = []
    for method in listed:
        if method == "personal":
            threshold, later, n = _personal(length, ended, silences.owner)
        else:
            threshold = (
                _gaps.percentiles(length, ended, [share])[0]
                if method == "percentile"
                else _gaps.by_error(length, ended, wrong)
            )
            over = length > threshold
            later, n = int(ended[over].sum()), int(np.count_nonzero(over))
        lower, upper = _intervals.wilson(later, n, level)
        rows.append(
            {
                "method": method, "threshold_days": threshold,
                "returned_later_share": later / n if n else np.nan, "lower": float(lower),
                "upper": float(upper), "n_silences": n if np.isfinite(threshold) else 0,
            }
        )  # fmt: skip
    columns = {
        name: _result.column([row[name] for row in rows])
        if kind == "float"
        else pa.array([row[name] for row in rows])
        for name, kind in SCHEMA.items()
    }
    answer: IntoDataFrameT = _result.native(source, pa.table(columns), SCHEMA)
    return answer


def _personal(length: Floats, ended: Ints, owner: Ints) -> tuple[float, int, int]:
    """Return the median of the customers' own thresholds, and how often they were passed."""
    if not len(owner):
        return float("nan"), 0, 0
    size = int(owner.max()) + 1
    gaps = ended == 1
    n = np.bincount(owner[gaps], minlength=size)
    total = np.bincount(owner[gaps], length[gaps], size)
    squares = np.bincount(owner[gaps], length[gaps] ** 2, size)
    known = n >= _FEWEST_GAPS
    if not known.any():
        return float("nan"), 0, 0
    safe = np.maximum(n, 2)
    spread = np.sqrt(np.maximum(squares - total * total / safe, 0) / (safe - 1))
    own = np.where(known, total / safe + _WIDE * spread, np.inf)
    over = length > own[owner]
    return float(np.median(own[known])), int(ended[over].sum()), int(np.count_nonzero(over))
