"""How many customers come from step to step, and how long it takes them."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _frame, _intervals, _result
from crmlytics._columns import Floats
from crmlytics.errors import OptionError
from crmlytics.kpi import _estimates, _funnel_paths
from crmlytics.kpi._definitions import defined
from crmlytics.kpi._funnel_paths import Reached, Rule, Step

FUNNEL_SCHEMA = {
    "step": "text",  # int where steps are numbers
    "place": "int",
    "customers": "int",
    "rate_from_previous": "float",
    "rate_from_first": "float",
    "lower": "float",
    "upper": "float",
    "previous_lower": "float",
    "previous_upper": "float",
    "median_days": "float",
    "pending": "int",
}


@defined
def funnel(
    events: IntoDataFrameT,
    *,
    steps: Sequence[str] | Sequence[int],
    window_days: float | None = None,
    strict: bool = True,
    any_order: bool = False,
    unfinished: str = "keep",
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    event_col: str = "event",
    date_col: str = "date",
) -> IntoDataFrameT:
    """Count the customers who come to each step, one after the other, and how long it takes.

    Customers are counted, not events. Each event of the first step begins an attempt, and a
    customer counts with the attempt that came furthest, the earliest of several as far: who
    looked in March and gave up, and looked again in May and bought, has bought. Events of one
    moment are taken in the order of `steps`, so that tables of whole days can be read.

    Parameters
    ----------
    events : table
        One row per event. Events that are not in `steps` are ignored; rows without an event are
        left out, which is said.
    steps : list of str or of int
        Two or more different events, in their order.
    window_days : float, optional
        The longest time from the start of an attempt to a step, inclusive, in days; 0.5 is twelve
        hours. Without it an attempt has no end.
    strict : bool, default True
        True: no other event of `steps` may come between one step and the next (repeats of the step
        itself may), so that a step skipped or gone back to ends the attempt. False: others may lie
        between.
    any_order : bool, default False
        True: a step is reached when it and all steps before it in the list were done, in whatever
        order, within the window, which begins with the first of them. `strict` then says nothing.
    unfinished : {"keep", "drop"}, default "keep"
        Attempts whose window was not over on `as_of`: kept, they make rates of late customers too
        low, and ``pending`` says how many may yet come further. Dropped, whether they got far or
        not, all attempts have had the same time; this needs `window_days`.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: the group of an attempt is that of the event it begins with, later
        steps may lie in any group or none. A customer with attempts in several groups counts in
        each, so that groups may add up to more than all.
    customer_col, event_col, date_col : str
        Names of the columns. Dates may have a time of day.

    Returns
    -------
    table
        One row a step, of each group in which an attempt begins, sorted: the columns of `by`,
        ``step`` (text, or int as in `steps`), ``place`` (int, from 1), ``customers`` (int, who
        reached the step; never more than at the step before), ``rate_from_previous``,
        ``rate_from_first`` (float, 0 to 1), ``lower``, ``upper`` (float, Wilson's interval of
        ``rate_from_first``),
        ``previous_lower``, ``previous_upper`` (float, of ``rate_from_previous``),
        ``median_days`` (float; from the start of the attempt, over those who reached the step),
        ``pending`` (int; customers whose furthest step so far is this one and who may yet come
        further because a window was not over; with ``unfinished="drop"`` those left out, by the
        furthest step so far; null without `window_days`). The first step is no share of a step
        before it, and its ``rate_from_first`` of 1 no estimate: null there. Rates are null where
        nobody came to the step they are a share of.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or an empty table comes without `as_of`.
    OptionError
        If `steps` are not two or more different events, another option has a value outside what it
        allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If a step never occurs, or rows have no event.

    See Also
    --------
    conversion_rate : the share that comes from one event to another.
    plot_funnel : draws the answer.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> events = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "a", "b", "b", "c"],
    ...         "event": ["view", "cart", "purchase", "view", "cart", "view"],
    ...         "date": pd.to_datetime(
    ...             ["2026-01-02 09:00", "2026-01-02 21:00", "2026-01-05 09:00"]
    ...             + ["2026-01-03 09:00", "2026-01-05 09:00", "2026-01-09 09:00"]
    ...         ),
    ...     }
    ... )
    >>> made = crm.kpi.funnel(events, steps=["view", "cart", "purchase"])
    >>> made[["step", "customers", "rate_from_previous", "median_days"]].round(2)
           step  customers  rate_from_previous  median_days
    0      view          3                 NaN         0.00
    1      cart          2                0.67         1.25
    2  purchase          1                0.50         3.00
    """
    caller = "funnel"
    listed = _listed(steps, caller)
    level = _checks.confidence(confidence, caller)
    _checks.flag(strict, name="strict", caller=caller)
    _checks.flag(any_order, name="any_order", caller=caller)
    days = _funnel_paths.window(window_days, caller)
    drop = _funnel_paths.unfinished(unfinished, days, caller)
    source = _frame.read(
        events, caller=caller, argument="events", by=by, result=tuple(FUNNEL_SCHEMA),
        roles={"customer_col": customer_col, "event_col": event_col, "date_col": date_col},
    )  # fmt: skip
    found = _funnel_paths.reach(
        source, _frame.as_of(source, as_of), [("steps", step) for step in listed],
        Rule(window_days=days, strict=strict, any_order=any_order, drop=drop),
    )  # fmt: skip
    answer: IntoDataFrameT = _laid_out(source, listed, found, level)
    return answer


def _listed(steps: Any, caller: str) -> list[Step]:
    """Return the steps: different words, or different whole numbers."""
    unordered = isinstance(steps, str | AbstractSet)  # whose order would be one of chance
    listed = list(steps) if isinstance(steps, Iterable) and not unordered else []
    words = all(isinstance(step, str) for step in listed)
    whole = all(isinstance(s, (int, np.integer)) and not isinstance(s, bool) for s in listed)
    if len(listed) > 1 and (words or whole) and len(set(listed)) == len(listed):
        return listed if words else [int(step) for step in listed]
    raise OptionError(
        f"{caller}: steps must be a list of two or more different events, such as "
        f"['view', 'purchase']; got {_checks.shown(steps)}."
    )


def _laid_out(source: _frame.Source, steps: list[Step], found: Reached, level: float) -> Any:
    """Lay out a row a group and step with its rates."""
    size, n = found.customers.shape
    first = np.broadcast_to(found.customers[:, :1], (size, n))
    previous = np.concatenate([first[:, :1], found.customers[:, :-1]], axis=1)
    table = found.grouped.columns(np.repeat(np.arange(size), n)) | {
        "step": pa.array(steps * size),
        "place": np.tile(np.arange(1, n + 1), size),
        "customers": found.customers.ravel(),
        "median_days": _result.column(found.median_days.ravel()),
    }
    later = np.arange(n) > 0  # the first step is a share of nothing
    for of, rate, bounds in (
        (first, "rate_from_first", ("lower", "upper")),
        (previous, "rate_from_previous", ("previous_lower", "previous_upper")),
    ):
        shares = _estimates.divide(found.customers, of)
        table[rate] = _known(shares, later | (of is first))
        for name, bound in zip(bounds, _intervals.wilson(found.customers, of, level), strict=True):
            table[name] = _known(bound, later)
    pending = np.zeros((size, n), dtype=np.int64) if found.pending is None else found.pending
    table["pending"] = _result.column(pending.ravel(), np.full(size * n, found.pending is not None))
    schema = {**dict.fromkeys(source.by, "id"), **FUNNEL_SCHEMA}
    schema["step"] = "text" if isinstance(steps[0], str) else "int"
    return _result.native(source, pa.table(table), schema, sort_by=[*source.by, "place"])


def _known(values: Floats, where: Any) -> pa.Array:
    return _result.column(np.where(where, values, np.nan).ravel())
