"""How fast and how fully tickets are answered and resolved."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _groups, _intervals, _life_table, _result
from crmlytics._columns import Floats, Ints
from crmlytics.errors import OptionError
from crmlytics.kpi import _estimates, _tickets
from crmlytics.kpi._definitions import defined
from crmlytics.kpi._tickets import HOUR, MEASURES, Waits

RESPONSE = {
    "measure": "text",
    "n": "int",
    "open": "int",
    "median_hours": "float",
    "lower": "float",
    "upper": "float",
    "p90_hours": "float",
    "within_sla": "float",
    "sla_lower": "float",
    "sla_upper": "float",
    "chi2": "float",
    "degrees_of_freedom": "int",
    "p_value": "float",
}
_MOST_TESTED = 500  # groups; the covariance of a test of more fills the memory
RATE = (*_estimates.ESTIMATE, "n_open", "n_pending")


@defined
def response_times(
    interactions: IntoDataFrameT,
    *,
    as_of: date | str | None = None,
    sla_hours: float | Mapping[str, float] | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    opened_col: str = "opened_at",
    answered_col: str | None = "first_response_at",
    resolved_col: str | None = "resolved_at",
) -> IntoDataFrameT:
    """How long tickets wait for their first response and for their resolution.

    Tickets that still wait count as long as they have waited (Kaplan-Meier), neither as answered
    nor as if they were not there: the mean of the answered ones alone is too short, because the
    hard tickets are those still open.

    Parameters
    ----------
    interactions : table
        One row a contact. Those with a moment in `opened_col` are tickets; the others (visits,
        orders ...) are none and are left out.
    as_of : date, default the last moment in the three columns
        The last day seen, inclusive: the clock of open tickets stops at its end. Tickets opened
        later are not used; what was answered or resolved later was still open. Without it the
        clock stops at the last moment that the tickets know of.
    sla_hours : float or mapping of float, optional
        The limit promised, in hours, 0 to 1e6: one for both measures, or one for each, as
        ``{"first_response": 4, "resolution": 48}``.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1.
    by : str or list of str, optional
        Columns to group by; the log-rank test then tells whether the groups differ.
    opened_col : str, default "opened_at"
        When the ticket was opened; null where the row is no ticket.
    answered_col, resolved_col : str or None
        When it was first answered and resolved; null where it has not been yet. None leaves the
        measure out.

    Returns
    -------
    table
        One row a group and measure, sorted: the columns of `by`, ``measure`` (str,
        "first_response" or "resolution"), ``n`` (int, tickets), ``open`` (int; of these not
        answered or not resolved by `as_of`), ``median_hours`` (float; time by which half were
        done), ``lower``, ``upper`` (float, hours, of the median), ``p90_hours`` (float),
        ``within_sla`` (float, 0 to 1; done within the limit), ``sla_lower``, ``sla_upper``
        (float), ``chi2`` (float), ``degrees_of_freedom`` (int), ``p_value`` (float): one log-rank
        test of all groups a measure, of 2 to 500 groups. Null is what the open tickets leave
        unknown, such as a median while fewer than half are done or a limit beyond what has been
        watched, and what was not asked for. Without tickets there is no row.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a ticket is answered or resolved before it is opened, only some of the columns have a
        time zone, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the first ticket.

    Warns
    -----
    CrmlyticsWarning
        If rows have an answer or a resolution but no opening; they are left out.

    See Also
    --------
    resolution_rate : the share resolved.
    plot_response_times : draws the answer.
    crmlytics.churn.survival_summary : the same of subscriptions.

    Notes
    -----
    Moments are cut to whole seconds, and hours are hours of the clock, nights and weekends
    included. The first response is the answer or the resolution, whichever came first: who is
    helped has been answered. With ``resolved_col=None`` answers alone count. The median's interval
    holds the times at which the interval of the curve, made on the scale of ln(-ln S), holds one
    half. ``within_sla = 1 - S(limit)`` with the same interval; where it is 0 or 1, Wilson's of
    the tickets whose fate at the limit is known.

    References
    ----------
    Kaplan and Meier (1958), Nonparametric estimation from incomplete observations, JASA 53,
    457-481. Brookmeyer and Crowley (1982), A confidence interval for the median survival time,
    Biometrics 38, 29-41. Mantel (1966), Cancer Chemotherapy Reports 50, 163-170.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> tickets = pd.DataFrame(
    ...     {
    ...         "opened_at": pd.to_datetime(["2026-03-02 08:00"] * 4),
    ...         "first_response_at": pd.to_datetime(
    ...             ["2026-03-02 09:00", "2026-03-02 11:00", "2026-03-02 18:00", None]
    ...         ),
    ...         "resolved_at": pd.to_datetime(["2026-03-02 12:00", "2026-03-03 08:00", None, None]),
    ...     }
    ... )
    >>> answer = crm.kpi.response_times(tickets, as_of="2026-03-03", sla_hours=4)
    >>> answer[["measure", "n", "open", "median_hours", "within_sla"]]
              measure  n  open  median_hours  within_sla
    0  first_response  4     1           3.0        0.50
    1      resolution  4     2          24.0        0.25
    """
    caller = "response_times"
    level = _checks.confidence(confidence, caller)
    limits = _limits(sla_hours, caller)
    if answered_col is None and resolved_col is None:
        raise OptionError(
            f"{caller}: answered_col and resolved_col are both None, so that there is nothing to "
            "measure. Name one of them."
        )
    source = _tickets.read(
        interactions, caller=caller, by=by, result=tuple(RESPONSE), opened_col=opened_col,
        answered_col=answered_col, resolved_col=resolved_col,
    )  # fmt: skip
    tickets = _tickets.find(source, as_of)
    schema = dict.fromkeys(source.by, "id") | RESPONSE
    if not tickets.size:
        empty: IntoDataFrameT = _result.empty(source, schema)
        return empty
    grouped, codes = groups_of(source, tickets)
    parts = []
    for measure in MEASURES:
        if measure in tickets.waits:
            found = summary(tickets.waits[measure], codes, grouped.size, level)
            found |= _within(tickets.waits[measure], codes, found, limits.get(measure), level)
            found |= _test(tickets.waits[measure], codes, grouped.size)
            kept = {name: _result.column(found[name]) for name in RESPONSE if name in found}
            names = grouped.columns(np.arange(grouped.size))
            parts.append(pa.table({**names, "measure": [measure] * grouped.size, **kept}))
    answer: IntoDataFrameT = _result.native(
        source, pa.concat_tables(parts), schema, sort_by=[*source.by, "measure"]
    )
    return answer


def _limits(given: Any, caller: str) -> dict[str, float]:
    """Return the limit of each measure that has one, in hours."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return dict.fromkeys(
            MEASURES, _checks.number(given, name="sla_hours", caller=caller, low=0.0, high=1e6)
        )
    for measure in given:
        _checks.choice(measure, MEASURES, name="a key of sla_hours", caller=caller)
    return {
        measure: _checks.number(
            hours, name=f"sla_hours[{measure!r}]", caller=caller, low=0.0, high=1e6
        )
        for measure, hours in given.items()
    }


def groups_of(source: Any, tickets: _tickets.Tickets) -> tuple[_groups.Groups, Ints]:
    """Return the groups of the tickets, and the group of each."""
    is_ticket = np.zeros(source.n_rows, dtype=bool)
    is_ticket[tickets.rows] = True
    grouped = _groups.groups(source, is_ticket)
    return grouped, np.asarray(grouped.of_rows(is_ticket, tickets.size), dtype=np.int64)


def summary(waits: Waits, codes: Ints, size: int, level: float) -> dict[str, Any]:
    """Return counts, median with its interval and p90 of each group, in hours; NaN is unknown."""
    table = _life_table.life_table(codes, size, waits.seconds, waits.over)
    survival, variance = table.survival()
    lower, upper = _life_table.bounds(survival, variance, _intervals.z_value(level))

    def hours(curve: Floats, left: float) -> Floats:
        seconds, known = table.first_at(curve, left)
        return np.where(known, seconds / HOUR, np.nan)

    return {
        "n": np.bincount(codes, minlength=size),
        "open": np.bincount(codes[~waits.over], minlength=size),
        "median_hours": hours(survival, 0.5),
        "lower": hours(np.where(survival > 0, lower, 0.0), 0.5),
        "upper": hours(upper, 0.5),
        "p90_hours": hours(survival, 0.1),
        "curve": (table, survival, lower, upper),
    }


def _within(
    waits: Waits, codes: Ints, found: dict[str, Any], hours: float | None, level: float
) -> dict[str, Floats]:
    """Return the share done within a limit and its interval; NaN where nobody can know it."""
    names = ("within_sla", "sla_lower", "sla_upper")
    table, survival, lower, upper = found["curve"]
    size = len(table.starts) - 1
    if hours is None:
        return {name: np.full(size, np.nan) for name in names}
    limit = int(hours * HOUR + 1e-6)  # 0.1 hours are 360 seconds, whatever the last bits say
    span = int(table.tenure.max()) + 1
    places = np.arange(size) * span + min(limit, span - 1)
    row = np.searchsorted(table.group * span + table.tenure, places, side="right") - 1
    share = 1 - survival[row]
    bounds = [1 - upper[row], 1 - lower[row]]
    done = waits.over & (waits.seconds <= limit)
    fate = done | (waits.seconds >= limit)
    in_time, told = (np.bincount(codes[rows], minlength=size) for rows in (done, fate))
    flat = (share == 0) | (share == 1)
    bounds = [
        np.where(flat, plain, curved)
        for plain, curved in zip(_intervals.wilson(in_time, told, level), bounds, strict=True)
    ]
    watched = (table.tenure[table.starts[1:] - 1] >= limit) | (share == 1)
    return {
        name: np.where(watched, values, np.nan)
        for name, values in zip(names, (share, *bounds), strict=True)
    }


def _test(waits: Waits, codes: Ints, size: int) -> dict[str, Any]:
    """Return the columns of the log-rank test, null where there is none."""
    from scipy.special import chdtrc

    if not 1 < size <= _MOST_TESTED:
        return {name: np.full(size, np.nan) for name in ("chi2", "degrees_of_freedom", "p_value")}
    test = _life_table.log_rank(codes, size, waits.seconds, waits.over)
    chi2 = np.full(size, np.nan if test.chi2 is None else test.chi2)
    degrees = np.full(size, np.nan if test.chi2 is None else float(test.degrees_of_freedom))
    return {"chi2": chi2, "degrees_of_freedom": degrees, "p_value": chdtrc(degrees, chi2)}


@defined
def resolution_rate(
    interactions: IntoDataFrameT,
    *,
    within_hours: float | None = None,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    opened_col: str = "opened_at",
    resolved_col: str = "resolved_at",
) -> IntoDataFrameT:
    """Share of tickets that have been resolved, at all or within a time.

    ``value = tickets resolved / tickets``, with Wilson's interval. At all, young tickets have had
    less time than old ones; `within_hours` gives all the same: the tickets whose time is over on
    `as_of` are counted, and those resolved within it.

    Parameters
    ----------
    interactions : table
        One row a contact. Those with a moment in `opened_col` are tickets.
    within_hours : float, optional
        The time given, in hours of the clock, above 0 to 1e6.
    as_of : date, default the last moment in the two columns
        The last day seen, inclusive. Tickets opened later are not used; what was resolved later
        was still open.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by.
    opened_col, resolved_col : str
        Names of the columns; null where the row is no ticket, or is not resolved yet.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, 0 to 1), ``lower``,
        ``upper`` (float), ``numerator`` (int, tickets resolved, with `within_hours` in time),
        ``denominator`` (int, tickets counted), ``n_open`` (int; of all tickets not resolved by
        `as_of`), ``n_pending`` (int; tickets not counted because their time was not over, resolved
        or not; 0 without `within_hours`). The value is null where no ticket is counted.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a ticket is resolved before it is opened, only one of the columns has a time zone, or an
        empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the first ticket.

    Warns
    -----
    CrmlyticsWarning
        If rows have a resolution but no opening; they are left out.

    See Also
    --------
    response_times : how long it takes; uses the pending tickets as well.

    Notes
    -----
    Pending tickets that are resolved already are left out too: to count them and not those that
    still wait would make the newest tickets look the best. The interval takes tickets for
    independent of each other.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209.

    Examples
    --------
    Four tickets; the third is resolved too late, the last has had no full day yet:

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> opened = ["2026-03-02 08:00", "2026-03-02 09:00", "2026-03-02 10:00", "2026-03-04 08:00"]
    >>> resolved = ["2026-03-02 12:00", "2026-03-03 08:00", "2026-03-04 09:00", None]
    >>> tickets = pd.DataFrame(
    ...     {"opened_at": pd.to_datetime(opened), "resolved_at": pd.to_datetime(resolved)}
    ... )
    >>> columns = ["value", "numerator", "denominator", "n_open", "n_pending"]
    >>> crm.kpi.resolution_rate(tickets)[columns]
       value  numerator  denominator  n_open  n_pending
    0   0.75          3            4       1          0
    >>> crm.kpi.resolution_rate(tickets, within_hours=24)[columns].round(2)
       value  numerator  denominator  n_open  n_pending
    0   0.67          2            3       1          1
    """
    caller = "resolution_rate"
    level = _checks.confidence(confidence, caller)
    hours = within_hours
    if hours is not None:
        hours = _checks.number(hours, name="within_hours", caller=caller, low=1 / HOUR, high=1e6)
    source = _tickets.read(
        interactions, caller=caller, by=by, result=RATE,
        opened_col=opened_col, resolved_col=resolved_col,
    )  # fmt: skip
    tickets = _tickets.find(source, as_of)
    waits = tickets.waits["resolution"]
    grouped, codes = groups_of(source, tickets)
    counted, good = np.ones(tickets.size, dtype=bool), waits.over
    if hours is not None:
        limit = int(hours * HOUR + 1e-6)
        counted = tickets.opened + limit < tickets.until
        good = waits.over & (waits.seconds <= limit)
    hits, of, still, pending = (
        np.bincount(codes[rows], minlength=grouped.size)
        for rows in (good & counted, counted, ~waits.over, ~counted)
    )
    answer: IntoDataFrameT = _estimates.share(
        source, grouped, hits, of, level=level,
        extra={"n_open": ("int", still), "n_pending": ("int", pending)},
    )  # fmt: skip
    return answer
