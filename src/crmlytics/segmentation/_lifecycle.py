"""Stages of the life cycle: who is where, since when and why, on one day or on many."""

from datetime import date
from typing import TYPE_CHECKING

from crmlytics import _checks, _frame, _gaps, _transactions
from crmlytics.errors import NotEnoughDataError
from crmlytics.segmentation import _history, _stage_tables
from crmlytics.segmentation._stage_tables import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT, IntoFrameT


def lifecycle_stages(
    transactions: "IntoFrameT",
    *,
    as_of: date | str | None = None,
    customers: "IntoDataFrame | None" = None,
    interactions: "IntoDataFrame | None" = None,
    feedback: "IntoDataFrame | None" = None,
    thresholds: "str | IntoDataFrame | Mapping[str, float | None]" = "auto",
    clock: str = "personal",
    prior_gaps: float = 3.0,
    advocate_score: float = 9.0,
    referral: str = "referral",
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
    acquired_col: str = "acquired_on",
    score_col: str = "score",
    event_col: str = "event",
) -> "IntoFrameT":
    """Say in which stage of the life cycle each customer is, since when, and why.

    The first of these that holds on the day `as_of` is the stage:

    ==========  ==================================================================
    lost        no purchase for longer than the threshold "lost"
    lapsed      no purchase for longer than "lapsed"
    at_risk     no purchase for longer than "at_risk"
    new         one purchase day so far, at most "new" days ago
    won_back    back, at most "won_back" days ago, after a silence longer than "lapsed"
    onboarding  first purchase at most "onboarding" days ago
    advocate    latest score of `advocate_score` or more, or a referral
    active      all others who bought
    prospect    in `customers`, no purchase
    ==========  ==================================================================

    Parameters
    ----------
    transactions : table
        One row per order line. A Polars LazyFrame or DuckDB relation is reduced to days of
        purchase in its own engine, and answered lazily (without the three other tables).
    as_of : date, default the last date of the table
        The day on which the question is asked, inclusive; later rows of any table are not used.
        It must be given where other tables are.
    customers : table, optional
        One row a customer, for prospects. Those acquired after `as_of` are left out.
    interactions : table, optional
        Contacts, of which those with the event `referral` make an advocate from their day on.
    feedback : table, optional
        Scores with a date; the latest counts, of one day the highest.
    thresholds : "auto", table or mapping, default "auto"
        Days from `lifecycle_thresholds`, as they came or changed by you, or such as
        ``{"lapsed": 90}``. What you do not name is taken from the data up to `as_of`; null means
        that "new" does not end, that nobody comes to "at_risk", "lapsed" or "lost", that
        "onboarding" and "won_back" are not used, or that there is no personal clock.
    clock : {"personal", "shop"}, default "personal"
        "personal" stretches "at_risk", "lapsed" and "lost" by the customer's own mean gap,
        shrunken, over the shop's ("usual_gap"). "shop": the same days for all.
    prior_gaps : float, default 3.0
        How many gaps of the shop's length a customer's own gaps are averaged with (0 or more); the
        shorter their history, the closer they are to the shop.
    advocate_score : float, default 9.0
        The lowest score of an advocate; 9 is that of promoters on a scale from 0 to 10.
    referral : str, default "referral"
        The event of `interactions` by which somebody brought others along.
    customer_col, date_col : str
        Names of the columns, in all tables.
    amount_col : str or None, default "amount"
        Lines with an amount below 0 are returns and no purchases.
    acquired_col : str, default "acquired_on"
        The day from which somebody in `customers` is a prospect; not needed.
    score_col, event_col : str
        Columns of `feedback` and of `interactions`.

    Returns
    -------
    table
        One row a customer, sorted by id: the id, ``stage`` (str), ``since`` (timestamp at midnight;
        first day of the unbroken run of days in the stage; null for prospects of unknown origin),
        ``days_in_stage`` (int; 0 on the first day), ``reason`` (str), ``as_of`` (timestamp).
        ``since`` applies today's thresholds to the days before.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or ids of two tables are of two kinds.
    DataError
        If ids or dates are null, a customer stands twice in `customers`, tables come from two
        libraries, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` is missing or before the data.

    Warns
    -----
    CrmlyticsWarning
        If customers with returns only are left out, or rows of `customers` from after `as_of`.

    See Also
    --------
    lifecycle_thresholds : where the days come from, and how often they would have been wrong.
    lifecycle_history : the same at the end of each month.
    stage_actions : what to do in each stage.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-03-20", "2026-01-05", "2026-03-25"])
    >>> lines = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "date": days})
    >>> limits = {"new": 14, "onboarding": 30, "at_risk": 30, "lapsed": 60, "lost": 180}
    >>> found = crm.segmentation.lifecycle_stages(
    ...     lines, as_of="2026-03-31", thresholds=limits | {"won_back": 30}, clock="shop"
    ... )
    >>> found[["customer_id", "stage", "since", "days_in_stage"]]
      customer_id     stage      since  days_in_stage
    0           a  won_back 2026-03-20             11
    1           b    lapsed 2026-03-07             24
    2           c       new 2026-03-25              6
    """
    plan = _stage_tables.plan_of(
        "lifecycle_stages", thresholds=thresholds, clock=clock, prior_gaps=prior_gaps,
        advocate_score=advocate_score, referral=referral,
    )  # fmt: skip
    source = _stage_tables.read(
        transactions, plan.caller, lazy=True, customer_col=customer_col, date_col=date_col,
        amount_col=amount_col,
    )  # fmt: skip
    tables = _stage_tables.beside(
        source, plan, customers=customers, interactions=interactions, feedback=feedback,
        as_of=as_of, columns=(customer_col, date_col, acquired_col, score_col, event_col),
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    found = _gaps.purchase_days(source, day)
    _transactions.warn_of_returns_only(source, found.returns_only)
    if tables.people is not None and tables.people.after(day):
        _checks.warn(
            f"{plan.caller}: {tables.people.after(day)} rows of customers have an "
            f"{acquired_col!r} after {_checks.iso(day)} and are left out."
        )
    days = plan.days(found, day)
    answer: IntoFrameT = _stage_tables.handed(
        source, tables, [_stage_tables.on_day(found, day, days, plan, tables)], SCHEMA
    )
    return answer


def lifecycle_history(
    transactions: "IntoDataFrameT",
    *,
    every: str = "M",
    start: date | str | None = None,
    as_of: date | str | None = None,
    customers: "IntoDataFrame | None" = None,
    interactions: "IntoDataFrame | None" = None,
    feedback: "IntoDataFrame | None" = None,
    thresholds: "str | IntoDataFrame | Mapping[str, float | None]" = "auto",
    clock: str = "personal",
    prior_gaps: float = 3.0,
    advocate_score: float = 9.0,
    referral: str = "referral",
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
    acquired_col: str = "acquired_on",
    score_col: str = "score",
    event_col: str = "event",
) -> "IntoDataFrameT":
    """Stage of each customer at the end of each period.

    What happened after a day changes nothing in its stages but the thresholds: one set, taken from
    all days up to `as_of`, serves all days, so that customers move by what they did alone.

    Parameters
    ----------
    transactions : table
        One row per order line.
    every : {"D", "W", "M", "Q", "Y"}, default "M"
        The question is asked on the last day of each such period that is over.
    start : date, optional
        Periods that end before this day are left out.
    as_of : date, default the last date of the table
        Periods that end after this day are not over. It must be given where other tables are.
    customers, interactions, feedback : table, optional
        See `lifecycle_stages`.
    thresholds : "auto", table or mapping, default "auto"
        See `lifecycle_stages`.
    clock : {"personal", "shop"}, default "personal"
        See `lifecycle_stages`.
    prior_gaps, advocate_score : float
        See `lifecycle_stages`.
    referral, customer_col, date_col, amount_col, acquired_col, score_col, event_col : str
        See `lifecycle_stages`.

    Returns
    -------
    table
        One row per day asked and customer known by then, sorted by both: ``as_of`` (timestamp at
        midnight), the id, ``stage`` (str), ``since`` (timestamp), ``days_in_stage`` (int),
        ``reason`` (str).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or ids of two tables are of two kinds.
    DataError
        If ids or dates are null, a customer stands twice in `customers`, tables come from two
        libraries, or an empty table comes without `as_of`.
    NotEnoughDataError
        If no period is over, or nobody had bought by the last one.
    OptionError
        If an option has a value outside what it allows, or `as_of` is missing or before the data.

    Warns
    -----
    CrmlyticsWarning
        If customers with returns only are left out.

    See Also
    --------
    stage_flow : who moved from which stage to which.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-01-20", "2026-01-05", "2026-03-31"])
    >>> lines = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "date": days})
    >>> limits = {"new": 30, "onboarding": 60, "at_risk": 40, "lapsed": 60, "lost": 90}
    >>> history = crm.segmentation.lifecycle_history(lines, thresholds=limits)
    >>> history.pivot(index="customer_id", columns="as_of", values="stage").fillna("")
    as_of        2026-01-31 2026-02-28 2026-03-31
    customer_id
    a            onboarding onboarding     lapsed
    b                   new    at_risk     lapsed
    c                                         new
    """
    caller = "lifecycle_history"
    _checks.choice(every, _checks.PERIODS, name="every", caller=caller)
    plan = _stage_tables.plan_of(
        caller, thresholds=thresholds, clock=clock, prior_gaps=prior_gaps,
        advocate_score=advocate_score, referral=referral,
    )  # fmt: skip
    source = _stage_tables.read(
        transactions, caller, lazy=False, customer_col=customer_col, date_col=date_col,
        amount_col=amount_col,
    )  # fmt: skip
    tables = _stage_tables.beside(
        source, plan, customers=customers, interactions=interactions, feedback=feedback,
        as_of=as_of, columns=(customer_col, date_col, acquired_col, score_col, event_col),
    )  # fmt: skip
    asked = _history.last_days(source, every, start, as_of)
    last = _frame.as_of(source, as_of)
    found = _gaps.purchase_days(source, last)
    _transactions.warn_of_returns_only(source, found.returns_only)
    days = plan.days(found, last)
    parts = [_stage_tables.on_day(found.upto(day), day, days, plan, tables) for day in asked]
    if not any(len(part) for part in parts):
        raise NotEnoughDataError(
            f"{caller}: nobody had bought by {_checks.iso(asked[-1])}. Take a longer period."
        )
    schema = {"as_of": "date"} | {name: kind for name, kind in SCHEMA.items() if name != "as_of"}
    answer: IntoDataFrameT = _stage_tables.handed(source, tables, parts, schema)
    return answer
