"""The days that part the stages of the life cycle, taken from the gaps between purchases."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from crmlytics import _checks, _frame, _gaps, _result
from crmlytics.segmentation import _stage_rules, _stage_tables

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrameT

METHODS = ("percentile", "error_rate")
SILENCES = ("all", "ended")


def lifecycle_thresholds(
    transactions: "IntoFrameT",
    *,
    method: str = "percentile",
    shares: Mapping[str, float] | None = None,
    silences: str = "all",
    as_of: date | str | None = None,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> "IntoFrameT":
    """Take the thresholds of the life cycle from the gaps between purchases, to be seen and edited.

    A silence is the time from a purchase day to the next one, or to `as_of` where there is none
    yet. The share chosen moves the thresholds severalfold: look at the table before you use it.

    Parameters
    ----------
    transactions : table
        One row per order line. A Polars LazyFrame or DuckDB relation is reduced to days of
        purchase in its own engine, and answered lazily.
    method : {"percentile", "error_rate"}, default "percentile"
        "percentile": the day by which a share of the silences that end at all has ended.
        "error_rate", for "at_risk", "lapsed" and "lost": the shortest day after which at most a
        share of those still silent came back.
    shares : mapping, optional
        Shares other than the usual ones: 0.5 for "new", 0.8 for "onboarding", "won_back" and
        "at_risk", 0.9 for "lapsed", 0.95 for "lost"; by error rate 0.5 for "at_risk", 0.2 for
        "lapsed", 0.1 for "lost".
    silences : {"all", "ended"}, default "all"
        For percentiles: "all" counts silences that are not over yet as such (Kaplan-Meier).
        "ended": plain percentiles of the gaps between purchases, which are too short, because long
        gaps are those that have not ended yet.
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
        One row a threshold: ``threshold`` (str: "new", "onboarding", "at_risk", "lapsed", "lost",
        "won_back", and "usual_gap", the mean gap by which the personal clock measures), ``days``
        (float; null where it is not reached), ``rule`` (str), ``returned_later_share`` (float; of
        the silences longer than ``days``, those that ended in a purchase up to `as_of`),
        ``lower``, ``upper`` (float, its Wilson interval), ``n_silences`` (int, silences longer
        than ``days``). Edit ``days`` and hand it to `lifecycle_stages` as ``thresholds``.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or shares put "at_risk" after "lapsed" or
        "lapsed" after "lost".

    See Also
    --------
    lifecycle_stages : uses them.

    References
    ----------
    Kaplan and Meier (1958), Nonparametric estimation from incomplete observations, Journal of the
    American Statistical Association 53, 457-481.

    Examples
    --------
    >>> import crmlytics as crm
    >>> found = crm.segmentation.lifecycle_thresholds(crm.datasets.load_cdnow())
    >>> found[["threshold", "days", "rule", "returned_later_share"]].round(2)
        threshold    days             rule  returned_later_share
    0         new   37.00   percentile 0.5                  0.48
    1  onboarding  135.00   percentile 0.8                  0.28
    2     at_risk  135.00   percentile 0.8                  0.28
    3      lapsed  233.00   percentile 0.9                  0.16
    4        lost  324.00  percentile 0.95                  0.08
    5    won_back  135.00   percentile 0.8                  0.28
    6   usual_gap   70.86             mean                  0.39
    """
    caller = "lifecycle_thresholds"
    _checks.choice(method, METHODS, name="method", caller=caller)
    _checks.choice(silences, SILENCES, name="silences", caller=caller)
    level = _checks.confidence(confidence, caller)
    used = _stage_rules.shares_of(shares, method, caller)
    source = _stage_tables.read(
        transactions, caller, lazy=True, customer_col=customer_col, date_col=date_col,
        amount_col=amount_col,
    )  # fmt: skip
    last = _frame.as_of(source, as_of)
    found = _gaps.purchase_days(source, last)
    table = _stage_rules.measured(
        _gaps.silences(found.customer, found.day, last), method=method, use=silences, shares=used,
        level=level,
    )  # fmt: skip
    days = dict(zip(*(table[name].to_pylist() for name in ("threshold", "days")), strict=True))
    _stage_rules.check_order(days, caller)
    answer: IntoFrameT = _result.native(source, table, _stage_rules.SCHEMA)
    return answer
