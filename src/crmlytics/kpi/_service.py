"""How many complaints there are, per order and per customer."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _codes, _frame, _intervals, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.kpi import _contacts, _estimates, _pairs
from crmlytics.kpi._definitions import defined

COMPLAINTS = (*_estimates.ESTIMATE, "n_without_orders")


@defined
def complaint_rate(
    interactions: IntoDataFrameT,
    transactions: IntoDataFrameT,
    *,
    as_of: date | str,
    per: str = "orders",
    complaints: Sequence[str] = ("complaint",),
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    date_col: str = "date",
    event_col: str = "event",
    amount_col: str | None = "amount",
) -> IntoDataFrameT:
    """Complaints per order, or the share of customers with a complaint: two different figures.

    With ``per="orders"``, ``value = complaints / orders`` (times 100 it is complaints per 100
    orders; a customer who complains five times counts five times). With ``per="customers"``,
    ``value = customers with a complaint / customers``, all of whom have an order.

    Parameters
    ----------
    interactions : table
        One row a contact.
    transactions : table
        One row per order line. Both tables should begin on one day: orders from before the first
        contact have no complaints to show.
    as_of : date
        The last day seen in both tables, inclusive; later rows are not used.
    per : {"orders", "customers"}, default "orders"
        What complaints are held against.
    complaints : list of str, default ("complaint",)
        The events that are complaints.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by, there in both tables: each group is counted as if it were alone.
    customer_col, order_col, date_col, event_col : str
        Names of the columns; customer and date are called alike in both tables. With
        ``order_col=None`` all that a customer buys on one day is one order.
    amount_col : str or None, default "amount"
        Rows with an amount below 0 are returns and not orders. A table without a column "amount"
        has no returns.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by` (as text, whole numbers, floats, flags or
        dates), ``value`` (float, complaints per order or share of customers), ``lower``,
        ``upper`` (float), ``numerator`` (int, complaints or customers), ``denominator`` (int,
        orders or customers), ``n_without_orders`` (int; complaints of customers without an order,
        which are in the numerator of orders; or such customers, who are in neither). The value
        is null where there is no order.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, ids or groups are of different types in the tables, or the tables
        come from two libraries.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    Warns
    -----
    CrmlyticsWarning
        If no row of interactions has one of the events in `complaints`.

    See Also
    --------
    contact_mix : complaints among all contacts.
    channel_table : complaints by channel.

    Notes
    -----
    Interval of the share of customers: Wilson's. Of complaints per order: Garwood's exact one of a
    Poisson count, with complaints and orders divided by the design effect, which is the variance of
    the rate with customers as the sample over that of independent complaints, 1 or more. Who
    complains once often complains again, and counts taken for independent would look too sure.

    References
    ----------
    Garwood (1936), Fiducial limits for the Poisson distribution, Biometrika 28, 437-442. Korn and
    Graubard (1998), Survey Methodology 24, p. 193 (effective number). Wilson (1927), JASA 22,
    p. 209.

    Examples
    --------
    Two complaints, both of a, about five orders of four customers:

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime([f"2026-01-0{day}" for day in (2, 5, 5, 7, 9)])
    >>> orders = pd.DataFrame({"customer_id": list("aabcd"), "order_id": range(5), "date": days})
    >>> contacts = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "date": days[1:4],
    ...         "event": ["complaint", "complaint", "view"],
    ...     }
    ... )
    >>> columns = ["value", "numerator", "denominator"]
    >>> crm.kpi.complaint_rate(contacts, orders, as_of="2026-01-31")[columns]
       value  numerator  denominator
    0    0.4          2            5
    >>> crm.kpi.complaint_rate(contacts, orders, as_of="2026-01-31", per="customers")[columns]
       value  numerator  denominator
    0   0.25          1            4
    """
    caller = "complaint_rate"
    level = _checks.confidence(confidence, caller)
    _checks.choice(per, ("orders", "customers"), name="per", caller=caller)
    names = _contacts.events(complaints, name="complaints", caller=caller)
    contacts = _frame.read(
        interactions, caller=caller, argument="interactions", by=by, result=COMPLAINTS,
        roles={"customer_col": customer_col, "event_col": event_col, "date_col": date_col},
    )  # fmt: skip
    lines = _estimates.lines(
        transactions, caller, by=by, result=COMPLAINTS, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col,
    )  # fmt: skip
    _frame.same_library(contacts, lines)
    day = _pairs.day(as_of, contacts, lines)
    complained = _contacts.marked(contacts, names)
    if contacts.n_rows and not complained.any():
        _checks.warn(
            f"{caller}: no row of interactions has one of {sorted(names, key=str)} as "
            f"{contacts.names['event']!r}; its events are {_few(contacts)}."
        )
    seen, bought = _codes.seen_rows(contacts, day), _pairs.bought(lines, day)
    roles = {role: contacts.names[role] for role in contacts.by}
    grouped = _pairs.groups(contacts, lines, roles, seen, _codes.seen_rows(lines, day))
    told = np.flatnonzero(complained if seen is None else complained & seen)
    found = _count(contacts, lines, grouped, told, bought)
    table = dict(grouped.names) | _columns_of(found, per, grouped.size, level)
    schema = grouped.schema | _estimates.ESTIMATE | {"numerator": "int", "n_without_orders": "int"}
    answer: IntoDataFrameT = _result.native(
        contacts, pa.table(table), schema, sort_by=list(grouped.names)
    )
    return answer


def _few(contacts: Source) -> list[Any]:
    keys = contacts.keys("event")
    listed = _result.ids(keys.take(np.unique(keys.codes))).to_pylist()
    return sorted((each for each in listed if each is not None), key=str)[:10]


def _count(
    contacts: Source, lines: Source, grouped: _pairs.Together, told: Ints, bought: Bools | None
) -> dict[str, Any]:
    """Count complaints and orders of each customer in each group, and orders of groups."""
    people = _pairs.customers(contacts, lines)
    stride = max(people.size, 1)
    group = _codes.pick(grouped.right, bought)
    made = _codes.occurring(
        group * stride + _codes.pick(people.right, bought), grouped.size * stride
    )
    # unseen rows have no group, but complaints are seen
    complaints, times = np.unique(
        grouped.left[told] * stride + people.left[told], return_counts=True
    )
    cells = _codes.sorted_distinct(np.concatenate([made.present, complaints]))
    per = {"complaints": np.zeros(len(cells)), "orders": np.zeros(len(cells))}
    per["complaints"][np.searchsorted(cells, complaints)] = times
    per["orders"][np.searchsorted(cells, made.present)] = made.orders(lines, bought)
    return {
        **per,
        "group": cells // stride,
        "group_orders": _codes.orders_per(lines, group, grouped.size, bought),
    }


def _columns_of(found: dict[str, Any], per: str, size: int, level: float) -> dict[str, Any]:
    """Return the columns of the answer, one entry a group."""
    group, complaints, orders = found["group"], found["complaints"], found["orders"]
    outside = (orders == 0) & (complaints > 0)
    if per == "customers":
        buys = orders > 0
        top = np.bincount(group[buys & (complaints > 0)], minlength=size)
        bottom = np.bincount(group[buys], minlength=size)
        lower, upper = _intervals.wilson(top, bottom, level)
        without = np.bincount(group[outside], minlength=size)
    else:
        top = np.bincount(group, complaints, size).astype(np.int64)
        bottom = found["group_orders"]
        effect = _contacts.design_effect(complaints, orders, group, size, binomial=False)
        lower, upper = _garwood(top / effect, bottom / effect, level)
        without = np.bincount(group[outside], complaints[outside], size).astype(np.int64)
    return {
        "value": _result.column(_estimates.divide(top, bottom)),
        "lower": _result.column(lower),
        "upper": _result.column(upper),
        "numerator": top,
        "denominator": bottom,
        "n_without_orders": without,
    }


def _garwood(count: Floats, exposure: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the interval of a Poisson rate; NaN without exposure."""
    lower, upper = _intervals.poisson(count, level)
    return _estimates.divide(lower, exposure), _estimates.divide(upper, exposure)
