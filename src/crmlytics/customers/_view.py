"""All that is known of each customer on a day, in one row."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _periods, _result
from crmlytics.customers import _align, _gather
from crmlytics.customers._gather import Gathered
from crmlytics.customers._sources import WORDS
from crmlytics.errors import ColumnError

SOURCES_SCHEMA = {
    "column": "text",
    "source": "text",
    "made_of": "text",
    "n_rows": "int",
    "n_used": "int",
    "n_after": "int",
    "n_orphans": "int",
    "n_customers": "int",
    "first_date": "date",
    "last_date": "date",
}


def customer_view(
    customers: IntoDataFrameT,
    *,
    transactions: IntoDataFrameT | None = None,
    interactions: IntoDataFrameT | None = None,
    feedback: IntoDataFrameT | None = None,
    campaigns: IntoDataFrameT | None = None,
    tickets: IntoDataFrameT | None = None,
    web: IntoDataFrameT | None = None,
    extra: Sequence[IntoDataFrameT] | Mapping[str, IntoDataFrameT] = (),
    as_of: date | str,
    orphans: str = "report",
    customer_col: str = "customer_id",
    date_col: str = "date",
    order_col: str | None = "order_id",
    amount_col: str | None = "amount",
    channel_col: str | None = "channel",
    score_col: str | None = "score",
    treated_col: str | None = "treated",
    opened_col: str = "opened_at",
    resolved_col: str | None = "resolved_at",
) -> IntoDataFrameT:
    """Bring all tables together: exactly one row per customer, nothing after `as_of` seen.

    Each table is reduced to one entry a customer before it is joined, so that no row of one table
    multiplies the rows of another.

    Parameters
    ----------
    customers : table
        One row per customer; its columns are kept under their names.
    transactions : table, optional
        One row per order line. Rows with an amount below 0 are returns.
    interactions : table, optional
        One row per contact.
    feedback : table, optional
        One row per answer or text.
    campaigns : table, optional
        One row per customer and campaign contact.
    tickets : table, optional
        One row per ticket. Rows that have no day of opening are not used.
    web : table, optional
        One row per event on the web or in an app.
    extra : list of tables, or dict of tables by name, optional
        Tables with one row per customer, such as segments, churn probabilities or consents; of a
        dict the columns get the name before them ("churn" makes ``churn_...``).
    as_of : date
        The last day seen, inclusive; later rows are not used.
    orphans : {"report", "add"}, default "report"
        What happens to customers whom a table of events has and `customers` has not: they are left
        out and counted in a warning, or get a row of their own.
    customer_col : str, default "customer_id"
        Name of the id in all tables.
    date_col : str, default "date"
        Name of the date in all tables but tickets.
    order_col, amount_col : str or None
        Names of columns of transactions. Without an order all that a customer buys on one day is
        one; without an amount there is no ``transactions_amount``.
    channel_col, score_col, treated_col, resolved_col : str or None
        Names of columns of interactions, feedback, campaigns and tickets. The usual names are read
        where the table has them; another must be there; None leaves it.
    opened_col : str, default "opened_at"
        Name of the column of tickets that says when one was opened.

    Returns
    -------
    table
        One row per row of `customers`, sorted by id: the id, the other columns of `customers`, and
        of each table handed over (0 where nothing was observed, null where there is nothing to
        measure):

        - ``transactions_orders`` (int), ``transactions_amount`` (float, returns taken off, to the
          cent; null where one is unknown);
        - ``interactions_n``, ``interactions_channels`` (int; different channels),
          ``interactions_top_channel`` (str; the most used, of equals the one used last);
        - ``feedback_n`` (int), ``feedback_mean_score``, ``feedback_last_score`` (float; of the last
          day, the mean of several);
        - ``campaigns_n``, ``campaigns_held_out`` (int; rows with `treated` 1 and 0, or True and
          False; null is in neither; without such a column all rows are in the first);
        - ``tickets_n``, ``tickets_open`` (int; not resolved by the end of `as_of`),
          ``tickets_resolution_days`` (float; mean of those resolved by then);
        - ``web_n``, ``web_days`` (int; different days);
        - and of each of them ``..._first_date``, ``..._last_date`` (timestamp at midnight) and
          ``..._recency_days`` (int; days from the last to `as_of`). Of transactions these speak of
          purchases, of campaigns of contacts made;

        then the columns of `extra`, null for customers without a row there.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, two columns get one name, or the ids of two
        tables are of two kinds.
    DataError
        If ids or dates are null, a customer has several rows in `customers` or in a table of
        `extra`, a table of `extra` has an ``as_of`` or ``cutoff`` after `as_of`, or tickets are
        resolved before they are opened, or have a time zone in one column only.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If rows are of customers that `customers` does not list, with counts by table.

    See Also
    --------
    view_sources : where each column comes from, and which rows were used.
    contactable : consent, for `extra`.
    crmlytics.quality.resolve_identity : one id for one person, before all this.

    Notes
    -----
    Whether a contact led to a purchase is not in the view: the answer may lie after `as_of`.
    `customers` and `extra` carry no dates by row: what they hold must have been known on `as_of`.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame({"customer_id": ["a", "b"], "city": ["Leeds", "Haifa"]})
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "a"],
    ...         "order_id": [1, 1, 2],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-02", "2026-05-09"]),
    ...         "amount": [10.0, 30.0, 5.0],
    ...     }
    ... )
    >>> view = crm.customers.customer_view(customers, transactions=lines, as_of="2026-03-31")
    >>> view[["customer_id", "city", "transactions_orders", "transactions_amount"]]
      customer_id   city  transactions_orders  transactions_amount
    0           a  Leeds                    1                 40.0
    1           b  Haifa                    0                  0.0
    >>> view["transactions_recency_days"].tolist()
    [88, <NA>]
    """
    made = _gather.gathered(
        customers,
        {
            "transactions": transactions, "interactions": interactions, "feedback": feedback,
            "campaigns": campaigns, "tickets": tickets, "web": web,
        },
        extra, as_of=as_of, orphans=orphans, caller="customer_view",
        names={
            "customer_col": customer_col, "date_col": date_col, "order_col": order_col,
            "amount_col": amount_col, "channel_col": channel_col, "score_col": score_col,
            "treated_col": treated_col, "opened_col": opened_col, "resolved_col": resolved_col,
        },
    )  # fmt: skip
    answer: IntoDataFrameT = _result.assemble(_columns_of(made, "customer_view"), made.source)
    return answer


def view_sources(
    customers: IntoDataFrameT,
    *,
    transactions: IntoDataFrameT | None = None,
    interactions: IntoDataFrameT | None = None,
    feedback: IntoDataFrameT | None = None,
    campaigns: IntoDataFrameT | None = None,
    tickets: IntoDataFrameT | None = None,
    web: IntoDataFrameT | None = None,
    extra: Sequence[IntoDataFrameT] | Mapping[str, IntoDataFrameT] = (),
    as_of: date | str,
    orphans: str = "report",
    customer_col: str = "customer_id",
    date_col: str = "date",
    order_col: str | None = "order_id",
    amount_col: str | None = "amount",
    channel_col: str | None = "channel",
    score_col: str | None = "score",
    treated_col: str | None = "treated",
    opened_col: str = "opened_at",
    resolved_col: str | None = "resolved_at",
) -> IntoDataFrameT:
    """Say of each column of a customer view where it comes from, and which rows it is made of.

    Parameters
    ----------
    customers, transactions, interactions, feedback, campaigns, tickets, web : table
        As for `customer_view`.
    extra, as_of, orphans : list or dict of tables, date, str
        As for `customer_view`.
    customer_col, date_col, order_col, amount_col, channel_col, score_col : str
        Names of the columns, as for `customer_view`.
    treated_col, opened_col, resolved_col : str
        Names of the columns, as for `customer_view`.

    Returns
    -------
    table
        One row per column of the view, in its order: ``column``, ``source`` (str; the table),
        ``made_of`` (str; what was done, in words), ``n_rows`` (int; rows of the table), ``n_used``
        (int; rows of customers in the view up to `as_of`), ``n_after`` (int; later rows, or rows
        without a date), ``n_orphans`` (int; rows of customers not in the view), ``n_customers``
        (int; customers with a row), ``first_date``, ``last_date`` (timestamp; of the rows used;
        null for tables without dates).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, two columns get one name, or the ids of two
        tables are of two kinds.
    DataError
        As for `customer_view`.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If rows are of customers that `customers` does not list, with counts by table.

    See Also
    --------
    customer_view : the view itself.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame({"customer_id": ["a", "b"]})
    >>> visits = pd.DataFrame(
    ...     {"customer_id": ["a", "a"], "date": pd.to_datetime(["2026-01-02", "2026-05-09"])}
    ... )
    >>> found = crm.customers.view_sources(customers, web=visits, as_of="2026-03-31")
    >>> found[["column", "source", "n_rows", "n_used", "n_after"]].head(3)
            column     source  n_rows  n_used  n_after
    0  customer_id  customers       2       2        0
    1        web_n        web       2       1        1
    2     web_days        web       2       1        1
    """
    made = _gather.gathered(
        customers,
        {
            "transactions": transactions, "interactions": interactions, "feedback": feedback,
            "campaigns": campaigns, "tickets": tickets, "web": web,
        },
        extra, as_of=as_of, orphans=orphans, caller="view_sources",
        names={
            "customer_col": customer_col, "date_col": date_col, "order_col": order_col,
            "amount_col": amount_col, "channel_col": channel_col, "score_col": score_col,
            "treated_col": treated_col, "opened_col": opened_col, "resolved_col": resolved_col,
        },
    )  # fmt: skip
    _columns_of(made, "view_sources")
    answer: IntoDataFrameT = _result.native(made.source, _told(made), SOURCES_SCHEMA)
    return answer


def _columns_of(made: Gathered, caller: str) -> dict[str, Any]:
    """Return the columns of the view; no two may have one name."""
    source = made.source
    complete = bool((made.row >= 0).all())
    ids = _align.named(made.ids, source, added=not complete)
    columns: dict[str, Any] = {source.names["customer"]: ids}
    places = pa.array(made.row, mask=made.row < 0)
    for name in source.table.columns:
        if name != source.names["customer"]:
            own = source.table[name]
            columns[name] = own[made.row] if complete else _gather.arrow(own).take(places)
    for part in made.parts:
        for name, values in part.columns.items():
            if name in columns:
                raise ColumnError(
                    f"{caller}: two columns of the view would be named {name!r}, one of them from "
                    f"{part.name}. Rename one, or hand extra over as a dict of tables by name."
                )
            columns[name] = values
    return columns


def _told(made: Gathered) -> pa.Table:
    """Return what is told of each column of the view."""
    source, n = made.source, made.source.n_rows
    own = _gather.Part("customers", dict.fromkeys(source.table.columns), n, n, n_customers=n)
    own.columns = {source.names["customer"]: None, **own.columns}
    lines = []
    for part in [own, *made.parts]:
        days = part.days or (None, None)
        for name in part.columns:
            short = name.removeprefix(f"{part.name}_")
            word = WORDS.get(name, WORDS.get(short, "")) if part.dated else ""
            counts = (part.n_rows, part.n_used, part.n_after, part.n_orphans, part.n_customers)
            lines.append((name, part.name, word or "as given", *counts, *days))
    columns = dict(zip(SOURCES_SCHEMA, zip(*lines, strict=True), strict=True))
    return pa.table(
        {
            name: _timestamps(values) if kind == "date" else pa.array(values)
            for (name, kind), values in zip(SOURCES_SCHEMA.items(), columns.values(), strict=True)
        }
    )


def _timestamps(days: Sequence[int | None]) -> pa.Array:
    known = pa.array([day is not None for day in days])
    moments = _periods.timestamps([0 if day is None else day for day in days])
    return pc.if_else(known, moments, pa.scalar(None, moments.type))
