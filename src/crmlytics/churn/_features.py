"""What was known of customers on a day: features that nothing later can change."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _frame, _lazy, _result
from crmlytics._frame import Source
from crmlytics.churn import _context, _labels, _panel, _purchases
from crmlytics.churn._panel import Days
from crmlytics.errors import DataError

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoFrameT

_OPTIONAL = {
    "amount_col": "amount", "product_col": "product_id", "channel_col": "channel",
    "discount_col": "discount",
}  # fmt: skip
_CONTACTS = {
    "event_col": "event", "opened_col": "opened_at", "answered_col": "first_response_at",
    "resolved_col": "resolved_at",
}  # fmt: skip


def churn_features(
    transactions: "IntoFrameT",
    *,
    cutoffs: "date | str | Iterable[date | str]",
    interactions: "IntoDataFrame | None" = None,
    customers: "IntoDataFrame | None" = None,
    feedback: "IntoDataFrame | None" = None,
    active_within_days: int | None = None,
    complaint: str = "complaint",
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
    product_col: str | None = "product_id",
    channel_col: str | None = "channel",
    discount_col: str | None = "discount",
    event_col: str = "event",
    opened_col: str = "opened_at",
    answered_col: str = "first_response_at",
    resolved_col: str = "resolved_at",
    score_col: str = "score",
) -> "IntoFrameT":
    """Describe customers as they were known at the end of each cutoff day.

    Rows after a cutoff change nothing in its features, not by a digit.

    Parameters
    ----------
    transactions : table
        One row per order line; a Polars LazyFrame or DuckDB relation is reduced to days in its
        engine, and answered lazily (without the three other tables).
    cutoffs : date or list of dates
        Last days of history.
    interactions : table, optional
        Contacts with customers: id, date, and where there: event, opened, answered and resolved
        times of tickets.
    customers : table, optional
        One row a customer with what is known of each (age, city ...). Only what was known at the
        cutoffs belongs here: totals or states of today would leak the future. Dates become days
        before the cutoff; text that is different for nearly everybody is left out.
    feedback : table, optional
        Scores given by customers: id, date, score, and "compound" where there is one.
    active_within_days : int, optional
        Only customers with a purchase in that many days up to the cutoff; all who ever bought by
        default.
    complaint : str, default "complaint"
        The event that is a complaint.
    customer_col, date_col : str
        Names of the columns.
    amount_col, product_col, channel_col, discount_col : str or None
        Columns of the transactions; the features made of them are left out where a column of the
        usual name is not there. Lines with an amount below 0 are returns.
    event_col, opened_col, answered_col, resolved_col : str
        Columns of the interactions; the features made of them are left out where a column of the
        usual name is not there.
    score_col : str, default "score"
        Column of the feedback.

    Returns
    -------
    table
        One row for each customer and cutoff with a purchase up to it, sorted by both: the id,
        ``cutoff`` (date) and, counting purchase days: ``frequency`` (int, after the first),
        ``recency``, ``T`` (int, age in days at the last one and at the cutoff), ``recency_days``
        (int), ``count_28``, ``count_91``, ``count_182`` (int, in the last days), ``trend`` (int,
        the last 91 days less the 91 before), ``lines`` (int), ``gap_mean``, ``gap_max``,
        ``gap_last``, ``gap_sd`` (float, days between purchases; null without enough of them),
        ``rhythm`` (float, silence over the mean gap). With amounts: ``monetary``,
        ``mean_amount``, ``max_amount``, ``last_amount``, ``amount_91``, ``amount_182`` (float, null
        where one is unknown), ``returns`` (int), ``returned_amount`` (float). ``n_products``,
        ``n_channels`` (int, different ones), ``discount``, ``discount_share`` (float). Of
        interactions ``contacts_91``, ``complaints``, ``tickets``, ``open_tickets`` (int),
        ``response_days`` (float, mean); of feedback ``n_feedback`` (int), ``mean_score``,
        ``last_score`` (float), the same for compound; then the columns of `customers`.

    Raises
    ------
    ColumnError
        If a column is missing, of a wrong type, or has the name of a feature.
    DataError
        If ids or dates are null, a customer stands twice in `customers`, or tables in memory are
        given beside lazy transactions.
    OptionError
        If a cutoff lies outside the data, or an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If columns of `customers` are left out because they name customers.

    See Also
    --------
    churn_labels : what happened after the same days.
    fit_churn : a model of the two.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-01-20", "2026-01-05", "2026-03-31"])
    >>> lines = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "date": days})
    >>> found = crm.churn.churn_features(lines, cutoffs="2026-01-31")
    >>> found[["customer_id", "frequency", "recency", "T", "recency_days", "gap_mean"]]
      customer_id  frequency  recency   T  recency_days  gap_mean
    0           a          1       18  29            11      18.0
    1           b          0        0  26            26       NaN
    """
    caller = "churn_features"
    asked = _labels.days_of(cutoffs, caller)
    active = _labels.within(active_within_days, caller)
    source = read(
        transactions, caller, customer_col=customer_col, date_col=date_col, amount_col=amount_col,
        product_col=product_col, channel_col=channel_col, discount_col=discount_col,
    )  # fmt: skip
    _labels.refuse(source, asked, max(asked[-1], _last(source, asked)), 0, 0)
    context = Context(
        interactions, customers, feedback, complaint,
        {
            "customer_col": customer_col, "date_col": date_col, "event_col": event_col,
            "opened_col": opened_col, "answered_col": answered_col, "resolved_col": resolved_col,
            "score_col": score_col,
        },
    )  # fmt: skip
    if source.lazy and context.given:
        raise DataError(
            f"{caller}: {context.given[0]} is a table in memory and transactions is a "
            f"{source.kind}. Make the features of the transactions first, collect them, and join "
            "the others."
        )
    table = gather(source, _panel.purchase_days(source), asked, active, context)
    answer: IntoFrameT = _answer(source, table)
    return answer


@dataclass(frozen=True)
class Context:
    """The tables beside transactions, and how their columns are called."""

    interactions: Any = None
    customers: Any = None
    feedback: Any = None
    complaint: str = "complaint"
    roles: dict[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> list[str]:
        names = ("interactions", "customers", "feedback")
        return [name for name in names if getattr(self, name) is not None]


def gather(
    source: Source, found: Days, asked: list[int], active: int | None, context: Context
) -> pa.Table:
    """Return all features as one table: customer, cutoff, then a column each."""
    columns = _purchases.features(found, asked, active)
    table = _purchases.table(columns, found, _purchases.schema(source))
    caller = source.caller
    for name in context.given:
        opened = _frame.open_table(getattr(context, name), caller=caller, argument=name, lazy=False)
        _frame.same_library(source, replace(source, kind=opened[1]))
    if context.interactions is not None:
        at = _contacts(context.interactions, found, context.roles, context.complaint, caller)
        table = _joined(table, columns, asked, at)
    if context.feedback is not None:
        table = _joined(table, columns, asked, _feedback(context, found, caller))
    if context.customers is not None:
        made, _ = _context.people(
            context.customers, found.customers, caller, context.roles["customer_col"],
            table.column_names,
        )  # fmt: skip
        more = _context.described(made, columns["customer"], columns["cutoff"])
        for name, values in more.items():
            table = table.append_column(name, values)
    return table


def _last(source: Source, asked: list[int]) -> int:
    """Return the last day; a cutoff may lie after it, as nothing has happened since."""
    return source.days("date")[1] if source.n_rows else asked[-1]


def read(transactions: Any, caller: str, *, lazy: bool = True, **columns: str | None) -> Source:
    """Read lines; usual columns that are not there are left out."""
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=lazy)
    here = opened.collect_schema().names()
    roles = {
        option: name
        for option, name in columns.items()
        if name is not None and not (_OPTIONAL.get(option) == name and name not in here)
    }
    return _frame.read(
        transactions, caller=caller, argument="transactions", roles=roles, lazy=lazy,
        result=("cutoff", *_purchases.SCHEMA, *_purchases.MONEY),
    )  # fmt: skip


def _contacts(
    interactions: Any, found: Days, roles: dict[str, Any], complaint: str, caller: str
) -> Any:
    opened, _ = _frame.open_table(interactions, caller=caller, argument="interactions", lazy=False)
    kept = {
        option: name
        for option, name in roles.items()
        if option != "score_col" and (name in opened.columns or name != _CONTACTS.get(option))
    }
    source = _frame.read(interactions, caller=caller, argument="interactions", roles=kept)
    return _context.contacts(source, found.customers, complaint)


def _feedback(context: Context, found: Days, caller: str) -> Any:
    opened, _ = _frame.open_table(context.feedback, caller=caller, argument="feedback", lazy=False)
    asked = {name: context.roles[name] for name in ("customer_col", "date_col", "score_col")}
    if "compound" in opened.columns:
        asked["compound"] = "compound"
    source = _frame.read(context.feedback, caller=caller, argument="feedback", roles=asked)
    return _context.feedback(source, found.customers)


def _joined(table: pa.Table, columns: dict[str, Any], asked: list[int], at: Any) -> pa.Table:
    """Add what a function of the cutoff says of each row's customer."""
    parts = [at(cutoff) for cutoff in asked]
    place = np.searchsorted(asked, columns["cutoff"])
    for name in parts[0]:
        every = np.stack([part[name] for part in parts])
        values = every[place, columns["customer"]]
        whole = values.dtype.kind in "iu"
        table = table.append_column(
            name, pa.array(values.astype(np.int64)) if whole else _result.column(values)
        )
    return table


def _answer(source: Source, table: pa.Table) -> Any:
    """Return features as the caller's kind of table."""
    if source.lazy:
        named = table.rename_columns([source.names["customer"], *table.column_names[1:]])
        return _lazy.handed_back(source.native, named, source.kind)
    kinds = {"customer": "id"} | _result.kinds_of(table.drop_columns("customer"))
    return _result.native(source, table, kinds, sort_by=("customer", "cutoff"))
