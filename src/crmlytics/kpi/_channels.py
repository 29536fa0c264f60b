"""What each channel is used for: contacts, tickets and sales side by side."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _codes, _frame, _intervals, _result, _transactions
from crmlytics._columns import Bools
from crmlytics._frame import Source
from crmlytics.kpi import _contacts, _estimates, _pairs, _response, _tickets
from crmlytics.kpi._definitions import defined

CHANNELS = {
    "channel": "text",
    "contacts": "int",
    "contact_share": "float",
    "customers": "int",
    "complaints": "int",
    "tickets": "int",
    "resolved": "int",
    "resolution_share": "float",
    "resolution_lower": "float",
    "resolution_upper": "float",
    "median_response_hours": "float",
    "median_resolution_hours": "float",
    "orders": "int",
    "buyers": "int",
    "revenue": "float",
    "revenue_share": "float",
}


@defined
def channel_table(
    interactions: IntoDataFrameT,
    transactions: IntoDataFrameT,
    *,
    as_of: date | str,
    complaints: Sequence[str] = ("complaint",),
    precision: int = 2,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    channel_col: str = "channel",
    event_col: str = "event",
    date_col: str = "date",
    opened_col: str = "opened_at",
    answered_col: str = "first_response_at",
    resolved_col: str = "resolved_at",
    order_col: str | None = "order_id",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Contacts, tickets and sales of each channel, side by side.

    A channel that sells nothing may be the one that serves, and the reverse: the table shows both.
    Each row counts what was done in the channel itself. An order in the store is the store's, even
    if the customer had looked it up on the web before: nothing is attributed.

    Parameters
    ----------
    interactions : table
        One row a contact, with its channel. Those with a moment in `opened_col` are tickets.
    transactions : table
        One row per order line. Where it has no column `channel_col`, nobody knows where the sales
        were made, and orders, buyers and revenue are null.
    as_of : date
        The last day seen in both tables, inclusive; later rows are not used, and what was answered
        or resolved later was still open.
    complaints : list of str, default ("complaint",)
        The events that are complaints.
    precision : int, default 2
        Decimals to which the revenue is rounded, halves up (-9 to 9).
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by, there in both tables: each group is counted as if it were alone.
    customer_col, channel_col, event_col, date_col : str
        Names of the columns; customer, channel and date are called alike in both tables.
    opened_col, answered_col, resolved_col : str
        When a ticket was opened, first answered and resolved.
    order_col : str or None, default "order_id"
        With None all that a customer buys on one day is one order.
    amount_col : str, default "amount"
        Amounts below 0 are returns: they lower the revenue and are no orders.

    Returns
    -------
    table
        One row (a group and) channel of either table, sorted, without a channel last: the columns
        of `by` and ``channel`` (as text, whole numbers, floats, flags or dates), ``contacts``
        (int), ``contact_share`` (float, 0 to 1, of all contacts of the group), ``customers`` (int,
        different ones in contact), ``complaints`` (int), ``tickets`` (int), ``resolved`` (int; by
        `as_of`), ``resolution_share`` (float, 0 to 1), ``resolution_lower``, ``resolution_upper``
        (float, Wilson's interval), ``median_response_hours``, ``median_resolution_hours`` (float,
        see `response_times`), ``orders`` (int), ``buyers`` (int, different customers with an
        order), ``revenue`` (float), ``revenue_share`` (float, of the group). Counts are 0 where
        the channel has none; shares and medians of nothing are null.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, a ticket is answered or resolved before it is opened, ids or
        channels are of different types in the tables, or the tables come from two libraries.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If rows have an answer or a resolution but no opening; they are no tickets.

    See Also
    --------
    response_times : with intervals, a limit promised, and a test between channels.
    complaint_rate : complaints against orders.
    contact_mix : what the contacts are about.

    Notes
    -----
    An order with lines in two channels is an order of both, so that orders may add up to more than
    there are; so do customers and buyers. Contacts, tickets and revenue add up.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209. Kaplan and Meier (1958), JASA 53, 457-481.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> moments = pd.to_datetime(["2026-03-02 08:00", None, "2026-03-03 09:00"])
    >>> contacts = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "channel": ["phone", "web", "phone"],
    ...         "event": ["ticket", "view", "complaint"],
    ...         "date": pd.to_datetime(["2026-03-02", "2026-03-02", "2026-03-03"]),
    ...         "opened_at": moments,
    ...         "first_response_at": moments + pd.Timedelta(hours=2),
    ...         "resolved_at": pd.to_datetime(["2026-03-02 18:00", None, None]),
    ...     }
    ... )
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b"],
    ...         "order_id": [1, 2],
    ...         "date": pd.to_datetime(["2026-03-02", "2026-03-04"]),
    ...         "amount": [20.0, 30.0],
    ...         "channel": ["web", "store"],
    ...     }
    ... )
    >>> table = crm.kpi.channel_table(contacts, lines, as_of="2026-03-31")
    >>> table[["channel", "contacts", "tickets", "resolved", "median_response_hours", "revenue"]]
      channel  contacts  tickets  resolved  median_response_hours  revenue
    0   phone         2        2         1                    2.0      0.0
    1   store         0        0         0                    NaN     30.0
    2     web         1        0         0                    NaN     20.0
    """
    caller = "channel_table"
    _checks.whole(precision, name="precision", caller=caller, low=-9, high=9)
    level = _checks.confidence(confidence, caller)
    names = _contacts.events(complaints, name="complaints", caller=caller)
    contacts = _frame.read(
        interactions, caller=caller, argument="interactions", by=by, result=tuple(CHANNELS),
        roles={
            "customer_col": customer_col, "channel_col": channel_col, "event_col": event_col,
            "date_col": date_col, "opened_col": opened_col, "answered_col": answered_col,
            "resolved_col": resolved_col,
        },
    )  # fmt: skip
    lines = _sales(
        transactions, caller, by, customer_col=customer_col, channel_col=channel_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    _frame.same_library(contacts, lines)
    day = _pairs.day(as_of, contacts, lines)
    seen, sold = _codes.seen_rows(contacts, day), _codes.seen_rows(lines, day)
    roles = {role: contacts.names[role] for role in contacts.by} | {"channel": "channel"}
    grouped = _pairs.groups(contacts, lines, roles, seen, sold)
    whole = _wholes(grouped)
    columns = dict(grouped.names) | _contact_columns(contacts, grouped, seen, whole, names)
    columns |= _ticket_columns(contacts, grouped, as_of, seen, level)
    columns |= _sales_columns(lines, grouped, day, whole, precision)
    schema = grouped.schema | {name: kind for name, kind in CHANNELS.items() if name != "channel"}
    answer: IntoDataFrameT = _result.native(
        contacts, pa.table(columns), schema, sort_by=list(grouped.names)
    )
    return answer


def _sales(table: Any, caller: str, by: Any, **columns: str | None) -> Source:
    """Read transactions; their channel may be missing."""
    opened, _ = _frame.open_table(table, caller=caller, argument="transactions", lazy=False)
    if columns["channel_col"] not in opened.columns:
        del columns["channel_col"]
    return _frame.read(
        table, caller=caller, argument="transactions", roles=columns, optional=("order_col",),
        by=by, result=tuple(CHANNELS),
    )  # fmt: skip


def _wholes(grouped: _pairs.Together) -> Any:
    """Return the group of `by` to which each row of the answer belongs."""
    names = [values for name, values in grouped.names.items() if name != "channel"]
    codes = np.zeros(grouped.size, dtype=np.int64)
    for values in names:
        encoded = values.dictionary_encode(null_encoding="encode").indices.to_numpy()
        _, codes = np.unique(codes * (len(values) + 1) + encoded, return_inverse=True)
    return codes


def _share(values: Any, whole: Any) -> Any:
    """Return each value as a share of those of its group; null where these come to nothing."""
    return _result.column(_estimates.divide(values, np.bincount(whole, values)[whole]))


def _contact_columns(
    contacts: Source, grouped: _pairs.Together, seen: Bools | None, whole: Any, names: set[Any]
) -> dict[str, Any]:
    group, keys = _codes.pick(grouped.left, seen), contacts.keys("customer")
    counted = np.bincount(group, minlength=grouped.size)
    told = _codes.pick(_contacts.marked(contacts, names), seen)
    who = _codes.pick(keys.codes, seen)
    return {
        "contacts": counted,
        "contact_share": _share(counted, whole),
        "customers": _codes.distinct_per(group, grouped.size, who, keys.size),
        "complaints": np.bincount(group[told], minlength=grouped.size),
    }


def _ticket_columns(
    contacts: Source, grouped: _pairs.Together, as_of: Any, seen: Bools | None, level: float
) -> dict[str, Any]:
    rows = np.ones(contacts.n_rows, dtype=bool) if seen is None else seen
    tickets = _tickets.find(contacts, as_of, rows=rows)
    codes, size = grouped.left[tickets.rows], grouped.size
    waits = tickets.waits["resolution"]
    counted = np.bincount(codes, minlength=size)
    resolved = np.bincount(codes[waits.over], minlength=size)
    lower, upper = _intervals.wilson(resolved, counted, level)
    there = np.flatnonzero(counted)
    place = (np.cumsum(counted > 0) - 1)[codes]
    medians = {}
    for name, measure in (("response", "first_response"), ("resolution", "resolution")):
        hours = np.full(size, np.nan)
        if len(there):
            found = _response.summary(tickets.waits[measure], place, len(there), level)
            hours[there] = found["median_hours"]
        medians[f"median_{name}_hours"] = _result.column(hours)
    return {
        "tickets": counted,
        "resolved": resolved,
        "resolution_share": _result.column(_estimates.divide(resolved, counted)),
        "resolution_lower": _result.column(lower),
        "resolution_upper": _result.column(upper),
        **medians,
    }


def _sales_columns(
    lines: Source, grouped: _pairs.Together, day: int, whole: Any, precision: int
) -> dict[str, Any]:
    size = grouped.size
    if "channel" not in lines.names:
        return dict.fromkeys(("orders", "buyers", "revenue", "revenue_share"), pa.nulls(size))
    sold, bought = _codes.seen_rows(lines, day), _pairs.bought(lines, day)
    group, keys = _codes.pick(grouped.right, bought), lines.keys("customer")
    who = _codes.pick(keys.codes, bought)
    spent, known = _codes.sums(
        _codes.pick(grouped.right, sold), _codes.pick(lines.numbers("amount"), sold), size
    )
    spent = spent if known is None else np.where(known, spent, np.nan)
    return {
        "orders": _codes.orders_per(lines, group, size, bought),
        "buyers": _codes.distinct_per(group, size, who, keys.size),
        "revenue": _result.column(_transactions.money(spent, precision)),
        "revenue_share": _share(spent, whole),
    }
