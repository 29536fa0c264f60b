"""What each customer has brought, after all that the customer has cost."""

from datetime import date

import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _result
from crmlytics.customers import _align, _parts
from crmlytics.customers._gather import ORPHANS
from crmlytics.customers._parts import Terms

_CALLER = "customer_profit"


def customer_profit(
    transactions: IntoDataFrameT,
    *,
    cost_col: str | None = None,
    margin: float | None = None,
    returns: IntoDataFrameT | None = None,
    tickets: IntoDataFrameT | None = None,
    service_cost: float | str | None = None,
    payments: IntoDataFrameT | None = None,
    interest_rate: float | None = None,
    amounts: str = "net",
    orphans: str = "report",
    as_of: date | str | None = None,
    precision: int = 2,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str = "amount",
    discount_col: str | None = "discount",
    opened_col: str = "opened_at",
    due_col: str = "due_on",
    paid_col: str = "paid_on",
) -> IntoDataFrameT:
    """Profit of each customer: revenue less goods, discounts, returns, service and late payment.

    ``profit = revenue - goods_cost - discounts - returns - service_cost - late_payment_cost``. A
    part of which no table speaks is null and not 0: it is not taken off, and a warning names it.

    Parameters
    ----------
    transactions : table
        One row per order line. Rows with an amount below 0 are returns.
    cost_col : str, optional
        Column of transactions with what the goods of a line cost, in money for the whole quantity;
        below 0 where goods came back.
    margin : float, optional
        In place of `cost_col`: the share of the amount that is earned, up to 1; goods cost
        1 - `margin` of what is paid, and returned goods are sold again.
    returns : table, optional
        One row per refund, with amounts of 0 or more, where transactions have no rows below 0.
    tickets : table, optional
        One row per ticket; needs `service_cost`. Rows that have no day of opening are not used.
    service_cost : float or str, optional
        What a ticket costs, in money: a number of 0 or more, or a column of tickets.
    payments : table, optional
        One row per invoice: its amount, the day it was due and the day it was paid (null: not yet);
        needs `interest_rate`. Rows without a day on which they are due are not used.
    interest_rate : float, optional
        What money that is outstanding costs a year, as a share; 0.08 is 8 %. 0 or more.
    amounts : {"net", "gross"}, default "net"
        Whether amounts of transactions are after the discounts, what was paid, or before them.
    orphans : {"report", "add"}, default "report"
        What happens to customers whom the other tables have and transactions have not: they are
        left out and counted in a warning, or get a row of their own, without revenue.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used. Must be given where there is more
        than one table.
    precision : int, default 2
        Decimals to which each part is rounded for each customer, halves up (-9 to 9).
    customer_col, date_col, amount_col : str
        Names of the columns: the id and the amount in all tables, the date in transactions and
        returns.
    discount_col : str or None, default "discount"
        Column of transactions with the discount of the line, in money. The usual name is read
        where transactions have it; another must be there; None leaves it.
    opened_col : str, default "opened_at"
        Column of tickets that says when one was opened.
    due_col, paid_col : str
        Columns of payments.

    Returns
    -------
    table
        One row per customer, sorted by id: the id, ``revenue`` (float, purchases before
        discounts), ``goods_cost``, ``discounts``, ``returns``, ``service_cost``,
        ``late_payment_cost``, ``profit`` (float, money). Null where nothing is known of the part:
        for all where it was not handed over, for one customer where an amount of that customer is
        null; in the latter case the profit is null too.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or the ids of two tables are of two kinds.
    DataError
        If ids or dates are null, amounts infinite, refunds, discounts of purchases or costs of
        tickets below 0, or returns stand in two tables.
    OptionError
        If an option has a value outside what it allows, or a table comes without its price.

    Warns
    -----
    CrmlyticsWarning
        If a part of the profit was not handed over, if rows are of customers without
        transactions, or if rows have no day; with counts.

    See Also
    --------
    profit_concentration : how much of the profit the best customers make.
    relationship_review : what to do about customers who cost more than they bring.

    Notes
    -----
    An invoice costs ``amount * interest_rate * days late / 365``. One that is not paid by the end
    of `as_of` is late up to that day; one that is not due yet costs nothing. Costs that no
    customer causes (rent, salaries) are in no part: the profit is a contribution to them. The sums
    over all customers are those of the table, as long as its amounts have no more than `precision`
    decimals.

    References
    ----------
    Horngren, Datar and Rajan (2015), Cost Accounting, 15th ed., ch. 14 (customer profitability).
    Kaplan and Narayanan (2001), Measuring and managing customer profitability, Journal of Cost
    Management 15(5), p. 5.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"]),
    ...         "amount": [100.0, -20.0, 50.0],
    ...         "cost": [60.0, -12.0, 30.0],
    ...     }
    ... )
    >>> tickets = pd.DataFrame(
    ...     {"customer_id": ["b", "b"], "opened_at": pd.to_datetime(["2026-01-06", "2026-01-07"])}
    ... )
    >>> bills = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a"],
    ...         "amount": [100.0],
    ...         "due_on": pd.to_datetime(["2026-01-10"]),
    ...         "paid_on": pd.to_datetime(["2026-03-24"]),
    ...     }
    ... )
    >>> profit = crm.customers.customer_profit(
    ...     lines, cost_col="cost", tickets=tickets, service_cost=12.0,
    ...     payments=bills, interest_rate=0.1, as_of="2026-03-31",
    ... )  # fmt: skip
    >>> profit[["customer_id", "revenue", "goods_cost", "returns", "service_cost", "profit"]]
      customer_id  revenue  goods_cost  returns  service_cost  profit
    0           a    100.0        48.0     20.0           0.0    30.0
    1           b     50.0        30.0      0.0          24.0    -4.0
    >>> profit["late_payment_cost"].tolist()
    [2.0, 0.0]
    """
    _checks.whole(precision, name="precision", caller=_CALLER, low=-9, high=9)
    _checks.choice(amounts, ("net", "gross"), name="amounts", caller=_CALLER)
    _checks.choice(orphans, ORPHANS, name="orphans", caller=_CALLER)
    terms = Terms(_CALLER, margin, service_cost, interest_rate, amounts == "net", precision)
    terms.check(cost_col, tickets=tickets is not None, payments=payments is not None)
    names: dict[str, str | None] = {
        "customer_col": customer_col, "date_col": date_col, "amount_col": amount_col,
        "cost_col": cost_col, "discount_col": discount_col, "opened_col": opened_col,
        "due_col": due_col, "paid_col": paid_col,
    }  # fmt: skip
    tables = {"returns": returns, "tickets": tickets, "payments": payments}
    books = _parts.read(transactions, tables, terms, names, as_of=as_of, orphans=orphans)
    made = _parts.parts(books, terms)
    columns = {name: pa.array(values, from_pandas=True) for name, values in made.items()}
    named = _align.named(books.ids, books.source, added=books.added)
    answer: IntoDataFrameT = _result.assemble(
        {books.source.names["customer"]: named, **columns}, books.source
    )
    return answer
