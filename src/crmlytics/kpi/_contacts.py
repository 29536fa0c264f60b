"""What contacts are about: putting right what went wrong, or making something of value."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _codes, _frame, _groups, _intervals, _result
from crmlytics._columns import Bools, Floats
from crmlytics._frame import Source
from crmlytics.errors import OptionError
from crmlytics.kpi import _estimates
from crmlytics.kpi._definitions import defined

RESTORATION = ("complaint", "ticket", "return", "refund", "cancellation")
CREATION = (
    "view", "search", "cart", "checkout", "purchase", "order", "upgrade", "advice", "email_open",
    "email_click",
)  # fmt: skip
KINDS = ("creation", "restoration", "unassigned")
MIX = {
    "kind": "text",
    "contacts": "int",
    "share": "float",
    "lower": "float",
    "upper": "float",
    "customers": "int",
}


@defined
def contact_mix(
    interactions: IntoDataFrameT,
    *,
    restoration: Sequence[str] = RESTORATION,
    creation: Sequence[str] = CREATION,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    event_col: str = "event",
    date_col: str = "date",
) -> IntoDataFrameT:
    """Share of contacts that restore value, and of those that create it.

    A complaint, a return or a question about a fault puts right what should not have happened
    (value restoration); a visit, an order or advice makes something of value (value creation).
    ``share = contacts of a kind / contacts``. Events in neither list are a row of their own.

    Parameters
    ----------
    interactions : table
        One row a contact.
    restoration : list of str, default ("complaint", "ticket", "return", "refund", "cancellation")
        The events that put something right, as `event_col` has them.
    creation : list of str, default ("view", "search", "cart", "checkout", "purchase", "order", \
"upgrade", "advice", "email_open", "email_click")
        The events that make something of value.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone.
    customer_col, event_col, date_col : str
        Names of the columns. Contacts without an event are "unassigned".

    Returns
    -------
    table
        Three rows (a group), sorted: the columns of `by`, ``kind`` (str: "creation",
        "restoration", "unassigned"), ``contacts`` (int), ``share`` (float, 0 to 1, of the contacts
        of the group), ``lower``, ``upper`` (float), ``customers`` (int; different ones with such a
        contact). Shares are null without a contact.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or an empty table comes without `as_of`.
    OptionError
        If an event stands in both lists, another option has a value outside what it allows, or
        `as_of` lies before the data.

    See Also
    --------
    complaint_rate : complaints per order.
    channel_table : contacts by channel.

    Notes
    -----
    Which event is which is a judgement, and one of the lists should be yours. The contacts of a
    customer are alike (a visit has many views), so the interval is Wilson's with the contacts
    divided by the design effect: the variance with customers as the sample over that of
    independent contacts, 1 or more.

    References
    ----------
    Wilson (1927), Probable inference, JASA 22, p. 209. Korn and Graubard (1998), Confidence
    intervals for proportions with small expected number of positive counts estimated from survey
    data, Survey Methodology 24, p. 193 (effective number).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> interactions = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b", "c"],
    ...         "event": ["view", "purchase", "complaint", "newsletter"],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-02", "2026-01-05", "2026-01-09"]),
    ...     }
    ... )
    >>> crm.kpi.contact_mix(interactions)[["kind", "contacts", "share", "customers"]]
              kind  contacts  share  customers
    0     creation         2   0.50          1
    1  restoration         1   0.25          1
    2   unassigned         1   0.25          1
    """
    caller = "contact_mix"
    level = _checks.confidence(confidence, caller)
    lists = {
        "restoration": events(restoration, name="restoration", caller=caller),
        "creation": events(creation, name="creation", caller=caller),
    }
    both = sorted(lists["restoration"] & lists["creation"], key=str)
    if both:
        raise OptionError(
            f"{caller}: restoration and creation both have {both[:5]}. Keep each event in one of "
            "them."
        )
    source = _frame.read(
        interactions, caller=caller, argument="interactions", by=by, result=tuple(MIX),
        roles={"customer_col": customer_col, "event_col": event_col, "date_col": date_col},
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    seen = _codes.seen_rows(source, day)
    grouped = _groups.groups(source, seen)
    kinds = np.full(source.n_rows, KINDS.index("unassigned"))
    for kind, names in lists.items():
        kinds[marked(source, names)] = KINDS.index(kind)
    kinds = _codes.pick(kinds, seen)
    group = grouped.of_rows(seen, len(kinds))
    keys = source.keys("customer")
    who = _codes.pick(keys.codes, seen)
    places = np.arange(grouped.size * len(KINDS))
    cells = group * len(KINDS) + kinds
    contacts = np.bincount(cells, minlength=len(places))
    of = np.bincount(group, minlength=grouped.size)[places // len(KINDS)]
    lower, upper = _bounds(cells, group, who, grouped.size, level)
    table = {
        **grouped.columns(places // len(KINDS)),
        "kind": np.array(KINDS)[places % len(KINDS)],
        "contacts": contacts,
        "share": _result.column(_estimates.divide(contacts, of)),
        "lower": _result.column(lower),
        "upper": _result.column(upper),
        "customers": _codes.distinct_per(cells, len(places), who, keys.size),
    }
    schema = dict.fromkeys(source.by, "id") | MIX
    answer: IntoDataFrameT = _result.native(
        source, pa.table(table), schema, sort_by=[*source.by, "kind"]
    )
    return answer


def events(value: Any, *, name: str, caller: str) -> set[Any]:
    """Return names of events, given as one or a list of them."""
    names = [value] if isinstance(value, str) else value
    if isinstance(names, Iterable) and not isinstance(names, bytes):
        names = list(names)
        if all(isinstance(each, str | int) for each in names):
            return set(names)
    raise OptionError(
        f"{caller}: {name} must be a list of events, such as ['complaint']; got "
        f"{_checks.shown(value)}."
    )


def marked(source: Source, names: set[Any]) -> Bools:
    """Mark the rows with one of these events."""
    keys = source.keys("event")
    listed = _result.ids(keys.take(np.arange(keys.size))).to_pylist() if keys.size else []
    wanted = np.array([each in names for each in listed], dtype=bool)
    return wanted[keys.codes] if keys.size else np.zeros(0, dtype=bool)


def _bounds(cells: Any, group: Any, who: Any, size: int, level: float) -> tuple[Floats, Floats]:
    """Return the interval of the share of each kind in each group, customers being the sample."""
    stride = int(who.max(initial=0)) + 1
    pairs = group * stride + who
    if size * stride > 4 * len(pairs) + 1_000_000:  # few of many: number those that are there
        owners, pairs = np.unique(pairs, return_inverse=True)
    else:
        owners = np.arange(size * stride)
    of = np.bincount(pairs, minlength=len(owners))
    there = np.flatnonzero(of)
    bottoms, owner_group = of[there].astype(np.float64), owners[there] // stride
    n = np.bincount(group, minlength=size)
    bounds = np.full((2, size, len(KINDS)), np.nan)
    for kind in range(len(KINDS)):
        hits = cells % len(KINDS) == kind
        tops = np.bincount(pairs[hits], minlength=len(owners))[there].astype(np.float64)
        k = np.bincount(group[hits], minlength=size)
        effect = design_effect(tops, bottoms, owner_group, size, binomial=True)
        bounds[:, :, kind] = _intervals.wilson(k / effect, n / effect, level)
    return bounds[0].ravel(), bounds[1].ravel()


def design_effect(
    tops: Floats, bottoms: Floats, group: Any, size: int, *, binomial: bool
) -> Floats:
    """Return by how much customers, as the sample, widen the variance of a rate in each group.

    Against independent events: p (1 - p) / n of a share, top / bottom^2 of a rate. 1 or more, and
    1 where nothing can be told.
    """
    lower, upper = _intervals.ratio_of_sums(tops, bottoms, group, size, 0.5)
    variance = ((upper - lower) / 2 / _intervals.z_value(0.5)) ** 2
    top, bottom = np.bincount(group, tops, size), np.bincount(group, bottoms, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = top / bottom
        alone = rate * (1 - rate) / bottom if binomial else rate / bottom
        effect = variance / alone
    return np.where(np.isfinite(effect), np.maximum(effect, 1.0), 1.0)
