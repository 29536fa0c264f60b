"""The share of customers reached who did what was hoped for."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _codes, _columns, _frame, _groups
from crmlytics._columns import Bools, Floats
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.kpi import _estimates, _funnel_paths
from crmlytics.kpi._definitions import defined
from crmlytics.kpi._funnel_paths import Rule

_RESULT = (*_estimates.ESTIMATE, "pending")


@defined
def conversion_rate(
    events: IntoDataFrameT,
    *,
    start: str | int | None = None,
    goal: str | int | None = None,
    window_days: float | None = None,
    unfinished: str = "keep",
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    event_col: str = "event",
    date_col: str = "date",
    converted_col: str = "converted",
) -> IntoDataFrameT:
    """Share of the customers reached who converted.

    ``value = customers converted / customers reached``, with the Wilson interval. Customers are
    counted, not contacts: who was reached five times and bought once is one of one.

    With `start` and `goal` the table holds events: reached is who had the event `start`, converted
    who had `goal` at the same moment or later, within the window that begins anew with each
    `start`. Without them it holds contacts, one a row, and a column that says which of them
    converted: converted is who did at least once.

    Parameters
    ----------
    events : table
        One row per event, or one row per contact.
    start, goal : str or int, optional
        Two different events: what begins, and what is hoped for. Both or neither.
    window_days : float, optional
        The longest time from `start` to `goal`, inclusive, in days; 0.5 is twelve hours. Without it
        any later `goal` counts.
    unfinished : {"keep", "drop"}, default "keep"
        Customers whose window was not over on `as_of`: kept, who has not converted yet counts as
        not converted, and ``pending`` says how many these are. Dropped, a `start` whose window was
        not over counts for nothing, whether `goal` came or not; this needs `window_days`.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used. For contacts the column of dates is
        only read where `as_of` is given.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by. Of events, the group is that of the row of `start`, and `goal` may lie
        in any or none; of contacts, each group is counted as if it were alone. A customer may
        count in several groups.
    customer_col, event_col, date_col : str
        Names of the columns. Dates may have a time of day.
    converted_col : str, default "converted"
        For contacts: 1 or True where the contact converted, 0 or False where not. Rows where it is
        null are left out, which is said.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``value`` (float, 0 to 1), ``lower``,
        ``upper`` (float), ``numerator`` (int, customers converted), ``denominator`` (int, customers
        reached), ``pending`` (int; customers not converted who still have time to; with
        ``unfinished="drop"`` customers left out because no window of theirs was over; null without
        `window_days`). The value is null where nobody was reached.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, `converted_col` holds anything but 0 and 1, or an empty table of
        events comes without `as_of`.
    OptionError
        If only one of `start` and `goal` is given or they are equal, a window is asked of contacts,
        another option has a value outside what it allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If `start` or `goal` never occurs, or rows have no event or no outcome.

    See Also
    --------
    funnel : more than two steps.
    repeat_rate : the share who bought again.

    Notes
    -----
    With events this is the second row of ``funnel(steps=[start, goal], strict=False)``.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> events = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b", "b", "c"],
    ...         "event": ["view", "purchase", "view", "purchase", "view"],
    ...         "date": pd.to_datetime(
    ...             ["2026-01-02", "2026-01-05", "2026-01-03", "2026-01-30", "2026-01-29"]
    ...         ),
    ...     }
    ... )
    >>> rate = crm.kpi.conversion_rate(events, start="view", goal="purchase", window_days=7)
    >>> rate[["value", "numerator", "denominator", "pending"]].round(2)
       value  numerator  denominator  pending
    0   0.33          1            3        1
    >>> contacts = pd.DataFrame({"customer_id": ["a", "a", "b"], "converted": [0, 1, 0]})
    >>> crm.kpi.conversion_rate(contacts)[["value", "numerator", "denominator"]]
       value  numerator  denominator
    0    0.5          1            2
    """
    caller = "conversion_rate"
    level = _checks.confidence(confidence, caller)
    days = _funnel_paths.window(window_days, caller)
    drop = _funnel_paths.unfinished(unfinished, days, caller)
    steps = _steps(start, goal, days, caller)
    roles = {"customer_col": customer_col}
    if steps:
        roles |= {"event_col": event_col, "date_col": date_col}
    else:
        roles |= {"converted_col": converted_col}
        roles |= {} if as_of is None else {"date_col": date_col}
    source = _frame.read(
        events, caller=caller, argument="events", roles=roles, by=by, result=_RESULT
    )
    if not steps:
        rate: IntoDataFrameT = _of_contacts(source, as_of, level)
        return rate
    found = _funnel_paths.reach(
        source, _frame.as_of(source, as_of), steps, Rule(window_days=days, drop=drop)
    )
    answer: IntoDataFrameT = _estimates.share(
        source, found.grouped, found.customers[:, 1], found.customers[:, 0], level=level,
        extra={"pending": _pending(found.pending, found.grouped.size)},
    )  # fmt: skip
    return answer


def _steps(
    start: Any, goal: Any, days: float | None, caller: str
) -> list[tuple[str, _funnel_paths.Step]]:
    """Return the two events as steps, or no step where the table holds contacts."""
    if start is None and goal is None:
        if days is not None:
            raise OptionError(
                f"{caller}: window_days is the time from start to goal, and neither is given. Set "
                "start= and goal= to the events that begin and end it."
            )
        return []
    for option, event in (("start", start), ("goal", goal)):
        whole = isinstance(event, (int, np.integer)) and not isinstance(event, bool)
        if not isinstance(event, str) and not whole:
            raise OptionError(
                f"{caller}: {option} must be an event, such as 'purchase', where the other end is "
                f"given; got {_checks.shown(event)}."
            )
    if start == goal:
        raise OptionError(
            f"{caller}: start and goal must be different events; both are {start!r}. For customers "
            "who did the same again, see repeat_rate."
        )
    return [("start", start), ("goal", goal)]


def _pending(waiting: Any, size: int) -> tuple[str, pa.Array]:
    """Return the column of customers who may yet convert; null where that is not known."""
    if waiting is None:
        return "int", pa.nulls(size, pa.int64())
    return "int", pa.array(waiting.sum(axis=1))


def _of_contacts(source: _frame.Source, as_of: Any, level: float) -> Any:
    """Count who was reached and who converted at least once, by customer and group."""
    outcome = _outcome(source)
    seen = None if as_of is None else _codes.seen_rows(source, _frame.as_of(source, as_of))
    known = ~np.isnan(outcome)
    nulls = int(np.count_nonzero(_codes.pick(~known, seen)))
    if nulls:
        _checks.warn(
            f"{source.caller}: {nulls} of {source.n_rows} rows have no "
            f"{source.names['converted']!r} (converted_col) and are left out."
        )
    grouped, keys = _groups.groups(source, seen), source.keys("customer")
    counts = [
        _codes.distinct_per(
            grouped.of_rows(rows, int(np.count_nonzero(rows))), grouped.size,
            keys.codes[rows], keys.size,
        )
        for rows in (_both(known & (outcome == 1), seen), _both(known, seen))
    ]  # fmt: skip
    return _estimates.share(
        source, grouped, *counts, level=level, extra={"pending": _pending(None, grouped.size)}
    )


def _both(rows: Bools, seen: Bools | None) -> Bools:
    return rows if seen is None else rows & seen


def _outcome(source: _frame.Source) -> Floats:
    """Return what became of each contact: 1, 0, or NaN where that is not known."""
    series = source.column("converted")
    where = f"column {source.names['converted']!r} (converted_col)"
    if _columns.family(series) not in {"number", "flag"}:
        if _columns.null_count(series) == source.n_rows:
            return np.full(source.n_rows, np.nan)
        raise ColumnError(
            f"{source.caller}: {where} holds {_columns.describe(series)}, not 0 and 1 or True and "
            "False. Convert it before the call, or set start= and goal= where the table holds "
            "events."
        )
    values = source.numbers("converted")
    odd = values[(values != 0) & (values != 1) & ~np.isnan(values)]
    if len(odd):
        raise DataError(
            f"{source.caller}: {len(odd)} of {source.n_rows} values of "
            f"{where.removeprefix('column ')} are neither 0 nor 1, such as {odd[0]:g}. "
            "Make them 1 where the contact converted and 0 where not."
        )
    return values
