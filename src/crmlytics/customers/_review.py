"""Which customers cost more than they bring, and what to do about it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

from crmlytics import _checks, _frame, _result
from crmlytics.customers import _align, _review_actions, _review_measures, _review_rules
from crmlytics.customers._review_measures import Customs
from crmlytics.customers._review_rules import RATES

_CALLER = "relationship_review"
_RATE = {
    "": "bool", "_rate": "float", "_lower": "float", "_upper": "float", "_numerator": "int",
    "_denominator": "int",
}  # fmt: skip
SCHEMA = {
    "customer": "id",
    **{f"{name}{end}": kind for name in RATES for end, kind in _RATE.items()},
    **dict.fromkeys(("satisfied", "valuable", "protected"), "bool"),
    **dict.fromkeys(("action", "reason"), "text"),
}


def relationship_review(
    customers: IntoDataFrameT,
    *,
    transactions: IntoDataFrameT | None = None,
    returns: IntoDataFrameT | None = None,
    tickets: IntoDataFrameT | None = None,
    payments: IntoDataFrameT | None = None,
    feedback: IntoDataFrameT | None = None,
    profit: IntoDataFrameT | None = None,
    rules: IntoDataFrame | None = None,
    protected: IntoDataFrameT | Sequence[Any] | str | None = None,
    as_of: date | str | None = None,
    deal_discount: float = 0.1,
    early_days: int = 30,
    grace_days: int = 0,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
    date_col: str = "date",
    order_col: str | None = "order_id",
    amount_col: str = "amount",
    discount_col: str | None = "discount",
    product_col: str | None = "product_id",
    opened_col: str = "opened_at",
    disruptive_col: str | None = "disruptive",
    due_col: str = "due_on",
    paid_col: str = "paid_on",
    score_col: str = "score",
    profit_col: str = "profit",
) -> IntoDataFrameT:
    """Find complainers, late payers, deal seekers and returners, and propose what to do.

    Nothing is decided here: the answer is a list of proposals with reasons, for somebody to read.
    To end a relation is never proposed for customers who are protected or valuable, or whose
    profit is not known. Behaviours are rates, drawn towards that of all customers as far as there
    are few observations, and hold only where the lower end of their interval is above the
    threshold: one return of one order is not "100 %".

    Parameters
    ----------
    customers : table
        One row per customer: those to review. May be a `customer_view`; measures that no other
        table gives are read from its columns of that name (see `review_rules`).
    transactions : table, optional
        One row per order line. Rows with an amount below 0 are returns.
    returns : table, optional
        One row per return, where transactions have no rows below 0.
    tickets : table, optional
        One row per complaint. Rows that have no day of opening are not used.
    payments : table, optional
        One row per invoice: the day it was due and the day it was paid (null: not yet). Those
        without a day on which they are due are not used.
    feedback : table, optional
        One row per answer, with a score.
    profit : table, optional
        One row per customer, as `customer_profit` makes it.
    rules : table, optional
        Thresholds and actions, as `review_rules` makes them.
    protected : table, list or str, optional
        Customers whom no proposal may harm: a table, list or Series of their ids, or a column of
        `customers` of True and False (unknown is protected).
    as_of : date, optional
        The last day seen, inclusive; later rows are not used. Must be given with any table that
        has dates.
    deal_discount : float, default 0.1
        The discount from which on an order is a deal, as a share of its price before the discount;
        with 0 any discount will do (0 to 1).
    early_days : int, default 30
        Days after its first sale within which a product is bought early. Products first sold in
        as many days from the beginning of the table may be old, and are bought early by nobody.
    grace_days : int, default 0
        Days after the due day for which a payment is not late.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1.
    customer_col, date_col, amount_col, opened_col, due_col, paid_col, score_col : str
        Names of the columns; the id is that of all tables.
    order_col : str or None, default "order_id"
        Without it all that a customer buys, or returns, on one day is one order. Of returns the
        usual name is read where it is there.
    discount_col, product_col : str or None
        Columns of transactions: the discount of the line in money, and the product. The usual
        names are read where they are there; others must be there; None leaves them.
    disruptive_col : str or None, default "disruptive"
        Column of tickets of True or False: whether staff marked the contact as abusive. Read like
        `discount_col`.
    profit_col : str, default "profit"
        Column of `profit`.

    Returns
    -------
    table
        One row per customer, sorted by id: the id; for each of ``serial_complainer`` (complaints,
        of orders), ``late_payer`` (late payments, of payments due), ``deal_seeker`` (orders that
        are deals, of orders), ``heavy_returner`` (returned orders, of orders), ``disruptive``
        (abusive contacts, of complaints) and ``innovator`` (products bought early, of products)
        the flag (bool; null where nothing is known), ``<name>_rate`` (float, 0 to 1; shrunken),
        ``<name>_lower``, ``<name>_upper`` (float; null without an observation),
        ``<name>_numerator``, ``<name>_denominator`` (int, as counted); ``satisfied``, ``valuable``
        (bool; null where nothing is known), ``protected`` (bool), ``action`` (str) and ``reason``
        (str; all that holds):

        - "end": loses money, shows several costly behaviours, and nothing stands against it;
        - "repair": complains, or is abusive: find out why;
        - "reprice": pays late, buys on deals alone, returns much, or loses money; neither valuable
          nor protected;
        - "grow": satisfied, or buys what is new, with no costly behaviour;
        - "keep": all others.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, rules name a column that is not there, or the
        ids of two tables are of two kinds.
    DataError
        If ids or dates are null, a customer has several rows in `customers` or `profit`, counts of
        a view are no counts, or rules are not complete.
    OptionError
        If an option or a rule has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If rows, or protected ids, are of customers that `customers` does not list; with counts.

    See Also
    --------
    review_rules : the thresholds.
    customer_profit : makes `profit`.

    Notes
    -----
    The rate of a customer with k of n is ``(k + a) / (n + a + b)``, where a and b are fitted to all
    customers by maximum likelihood (beta-binomial); with fewer than ten customers to learn from
    both are 1/2. The interval cuts off equal tails of Beta(k + a, n - k + b). Where there are more
    complaints or returns than orders, each order counts once. Law and fairness are not judged
    here: who complains with good reason has to be answered, not repriced.

    References
    ----------
    Skellam (1948), A probability distribution derived from the binomial distribution, JRSS B 10,
    p. 257. Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., ch. 2.4 and 5.3.
    Mittal, Sarkees and Murshed (2008), The right way to manage unprofitable customers, Harvard
    Business Review 86(4), p. 94.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> view = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "c"],
    ...         "transactions_orders": [10, 10, 1],
    ...         "tickets_n": [9, 9, 1],
    ...         "transactions_returned": [8, 8, 1],
    ...         "profit": [-40.0, -40.0, 15.0],
    ...     }
    ... )
    >>> review = crm.customers.relationship_review(view, protected=["b"])
    >>> review[["customer_id", "serial_complainer", "heavy_returner", "protected", "action"]]
      customer_id  serial_complainer  heavy_returner  protected  action
    0           a               True            True      False     end
    1           b               True            True       True  repair
    2           c              False           False      False    keep
    """
    level = _checks.confidence(confidence, _CALLER)
    customs = Customs(
        _checks.number(deal_discount, name="deal_discount", caller=_CALLER, low=0, high=1),
        _checks.whole(early_days, name="early_days", caller=_CALLER, low=0),
        _checks.whole(grace_days, name="grace_days", caller=_CALLER, low=0),
    )
    source = _frame.read(
        customers, caller=_CALLER, argument="customers", roles={"customer_col": customer_col},
        result=tuple(SCHEMA)[1:],
    )  # fmt: skip
    _align.one_row_each(source)
    held = _review_rules.parse(rules, _CALLER)
    wanted = _review_rules.columns(held, source.table.columns, _CALLER)
    names: dict[str, str | None] = {
        "customer_col": customer_col, "date_col": date_col, "order_col": order_col,
        "amount_col": amount_col, "discount_col": discount_col, "product_col": product_col,
        "opened_col": opened_col, "disruptive_col": disruptive_col, "due_col": due_col,
        "paid_col": paid_col, "score_col": score_col, "profit_col": profit_col,
    }  # fmt: skip
    tables = {
        "transactions": transactions, "returns": returns, "tickets": tickets,
        "payments": payments, "feedback": feedback, "profit": profit,
    }  # fmt: skip
    measures = _review_measures.measured(source, tables, names, customs, as_of, wanted)
    safe = _review_actions.protected(source, protected, customer_col)
    columns = _review_actions.judged(measures, held, safe, level, _CALLER)
    table = pa.table({"customer": _align.ids(source), **columns})
    answer: IntoDataFrameT = _result.native(source, table, SCHEMA, sort_by=["customer"])
    return answer
