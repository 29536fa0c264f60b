"""Suggestions from transactions: fit a model, or get products to cross-sell in one call."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _checks, _columns, _frame
from crmlytics._columns import Ints
from crmlytics.errors import DataError
from crmlytics.rules import _choose, _history
from crmlytics.rules._choose import METHODS, OF, Choice
from crmlytics.rules._history import History
from crmlytics.rules._scores import Known
from crmlytics.rules._suggestions import SuggestionModel, places

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT


def fit_suggestions(
    transactions: "IntoDataFrame",
    *,
    method: str = "auto",
    of: str = "customers",
    products: "IntoDataFrame | None" = None,
    half_life_days: float | None = None,
    max_items: int | None = None,
    regularisation: float | None = None,
    as_of: date | str | None = None,
    customer_col: str | None = "customer_id",
    order_col: str = "order_id",
    date_col: str = "date",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
    category_col: str = "category",
) -> SuggestionModel:
    r"""Learn what to suggest to each customer, or to add to a basket.

    A basket is what a customer buys on one day. Two lists are told apart, as they call for other
    methods: products to buy again, and products new to the customer.

    Parameters
    ----------
    transactions : table
        One row per order line.
    method : str, default "auto"
        What ranks products. "buy_again": in how many baskets the customer had them, the recent
        ones counting more. "ease": a linear model of every product on all others. "similar":
        cosine of the customers who bought, times the root of recent popularity (for baskets: the
        share of baskets with the one that hold the other). "rules": pairs, by confidence times
        log lift. "popular": most bought in the last 30 days, the same for all. "auto": each list
        by the method that did best on the customers' own last weeks (see Notes).
    of : {"customers", "baskets"}, default "customers"
        Whether products go together in the history of a customer, or in one basket. Use "baskets"
        to complete baskets.
    products : table, optional
        Products and their categories, for ``max_per_category`` of ``predict``.
    half_life_days : float, optional
        After how many days a purchase counts half for "buy_again". By default the best of 30, 60,
        120 and no end on the customers' own last weeks, where it beats 60 beyond chance.
    max_items : int, optional
        Most products known, the most bought first. All by default; weights between products are
        learnt for the 8,000 most bought.
    regularisation : float, optional
        Penalty of "ease" on large weights, in customers or baskets; 500 for customers and 100 for
        baskets by default. Raise it for short or noisy histories.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    customer_col : str or None
        Column of customers; None where baskets have none, which then are the orders and allow
        ``of="baskets"`` alone.
    order_col, date_col, product_col : str
        Names of the columns; `order_col` is needed without customers only.
    quantity_col, amount_col : str or None, default "quantity", "amount"
        Lines with a quantity or amount below 0 are returns, and are left out.
    category_col : str, default "category"
        Column of `products`.

    Returns
    -------
    SuggestionModel
        ``predict(customers)`` suggests; ``summary()`` says what ranks each list and what was tried.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or a product stands twice in `products`.
    NotEnoughDataError
        If no line is left to learn from.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If lines without a product are left out, or products have no weights.

    See Also
    --------
    evaluate_suggestions : whether the suggestions would have been right.
    cross_sell : new products for every customer, in one call.

    Notes
    -----
    "auto" cuts off the last fifth of the time (7 to 28 days), learns from what is before, and
    compares each list with the first basket after: "repeat" by mean average precision, "new" by
    hit rate, one list of all by mean average precision; the latter may also be a blend, the scores
    of buying again plus 0.2 times those of the best method for new products, each divided by the
    row's largest. With ``of="baskets"`` it compares what completes the baskets of those weeks. With
    fewer than 30 rows to compare, it takes "buy_again", "similar" and their blend. Methods are
    compared on the 2,000 most bought products. A half-life other than 60 days is taken where its
    mean average precision is better by more than two standard errors of the difference.

    EASE: with G = X'X + penalty I and P the inverse of G, the weight of product i for j is
    ``-P_ij / P_jj``; the 500 largest of each j are kept. Similarities add 10 to the denominator,
    and keep 100.

    References
    ----------
    Steck (2019), Embarrassingly shallow autoencoders for sparse data, Proc. WWW, 3251-3257 (EASE).
    Li, Jullien, Ariannezhad and de Rijke (2023), A next basket recommendation reality check, ACM
    Transactions on Information Systems 41(4), article 116 (repeat and new apart). Sarwar, Karypis,
    Konstan and Riedl (2001), Item-based collaborative filtering, Proc. WWW, 285-295.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-02", "2026-01-03"])
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b", "b"],
    ...         "date": days,
    ...         "product_id": ["tea", "tea", "tea", "milk"],
    ...     }
    ... )
    >>> model = crm.rules.fit_suggestions(lines, method="similar")
    >>> found = model.predict(pd.DataFrame({"customer_id": ["a"]}), kind="new")
    >>> found[["customer_id", "rank", "product_id", "because"]]
      customer_id  rank product_id                                      because
    0           a     1       milk  goes with tea: 50% of its buyers, lift 1.0
    """
    caller = "fit_suggestions"
    _checks.choice(method, METHODS, name="method", caller=caller)
    history, day = read(
        transactions, caller, of=of, as_of=as_of, max_items=max_items, customer_col=customer_col,
        order_col=order_col, date_col=date_col, product_col=product_col,
        quantity_col=quantity_col, amount_col=amount_col,
    )  # fmt: skip
    life, penalty = settings(half_life_days, regularisation, caller)
    _checks.at_least(1, len(history.item), "lines with a product", caller, "Hand over purchases.")
    choice = _choose.decide(history, day, method, of, half_life=life, regularisation=penalty)
    groups = _groups(history, products, product_col, category_col, caller)
    _choose.say_capped(history, choice.new, caller)
    known = _choose.learn(history, day, choice.new, of, regularisation=penalty)
    return _model(history, known, choice, method=method, last_day=day, groups=groups)


def read(
    transactions: Any, caller: str, *, of: str, as_of: Any, max_items: Any, **columns: Any
) -> tuple[History, int]:
    """Read the history that options ask for."""
    _checks.choice(of, OF, name="of", caller=caller)
    if columns["customer_col"] is None:
        _checks.choice(of, ("baskets",), name="of", caller=caller)
    most = None if max_items is None else _checks.whole(
        max_items, name="max_items", caller=caller, low=1
    )  # fmt: skip
    history, day = _history.read(transactions, caller, as_of=as_of, **columns)
    return (history if most is None else history.first_items(most)), day


def settings(
    half_life_days: Any, regularisation: Any, caller: str
) -> tuple[float | None, float | None]:
    """Check the options of methods."""
    life = None if half_life_days is None else _checks.number(
        half_life_days, name="half_life_days", caller=caller, low=0.1
    )  # fmt: skip
    penalty = None if regularisation is None else _checks.number(
        regularisation, name="regularisation", caller=caller, low=1e-6
    )  # fmt: skip
    return life, penalty


def _groups(
    history: History, products: Any, product_col: str, category_col: str, caller: str
) -> Ints:
    """Return the category of each item as a number, -1 where it is not known."""
    groups = np.full(history.n_items, -1)
    if products is None:
        return groups
    source = _frame.read(
        products, caller=caller, argument="products",
        roles={"product_col": product_col, "category_col": category_col},
    )  # fmt: skip
    _frame.same_library(history.source, source)
    unknown = [_columns.null_mask(source.column(role)) for role in ("product", "category")]
    codes = source.keys("product").codes[~unknown[0]]
    repeated = len(codes) - int(np.count_nonzero(np.bincount(codes)))
    if repeated:
        raise DataError(
            f"{caller}: {repeated} of {source.n_rows} rows of products repeat a product "
            f"({product_col!r}). Keep one row for each."
        )
    where = f"{caller}: column {product_col!r} (product_col) of products"
    row = np.flatnonzero(~(unknown[0] | unknown[1]))
    product = source.column("product")[row]
    item = places(_history.labels(history.items), product, where, "transactions has")
    groups[item[item >= 0]] = source.keys("category").codes[row[item >= 0]]
    return groups


def _model(
    history: History, known: Known, choice: Choice, *, method: str, last_day: int, groups: Ints
) -> SuggestionModel:
    """Gather what was learnt as plain arrays."""
    block = _history.block(history, last_day, choice.half_life)
    tried = choice.tried
    return SuggestionModel(
        method=method, of=known.of, repeat_method=choice.repeat, new_method=choice.new,
        all_method=choice.all, half_life_days=choice.half_life,
        customer_name=history.source.names.get("customer"),
        product_name=history.source.names["product"], last_day=last_day,
        recent_days=known.recent_days, n_units=known.n_units,
        items=_history.labels(history.items), held=known.held, popularity=known.popularity,
        groups=groups, customers=_history.labels(history.customers), starts=block.starts,
        bought=block.items, times=_there(block.times), last=_there(block.last),
        worth=np.asarray(block.worth, dtype=np.float64),
        weight_starts=known.weights.indptr.astype(np.int64),
        weight_items=known.weights.indices.astype(np.int64), weights=known.weights.data,
        together=known.together.data.astype(np.int64),
        tried_kind=tuple(row[0] for row in tried), tried_method=tuple(row[1] for row in tried),
        tried_hit_rate=tuple(row[2] for row in tried), tried_map=tuple(row[3] for row in tried),
    )  # fmt: skip


def _there(values: Any) -> Ints:
    return np.asarray(values, dtype=np.int64)


def cross_sell(
    transactions: "IntoDataFrameT",
    *,
    method: str = "auto",
    top: int = 5,
    products: "IntoDataFrame | None" = None,
    exclude: Sequence[Any] | None = None,
    in_stock: Sequence[Any] | None = None,
    max_per_category: int | None = None,
    max_items: int | None = None,
    as_of: date | str | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
    category_col: str = "category",
) -> "IntoDataFrameT":
    """Suggest to every customer products that he or she has not bought yet.

    :func:`fit_suggestions` and ``predict(kind="new")`` in one call.

    Parameters
    ----------
    transactions : table
        One row per order line.
    method : str, default "auto"
        What ranks products, as in :func:`fit_suggestions`; "buy_again" ranks none that are new, and
        leaves the popular ones.
    top : int, default 5
        Products for each customer.
    products : table, optional
        Products and their categories, for `max_per_category`.
    exclude : list, optional
        Products never suggested.
    in_stock : list, optional
        The only products suggested.
    max_per_category : int, optional
        Most products of one category for a customer.
    max_items : int, optional
        Most products known, the most bought first.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    customer_col, date_col, product_col : str
        Names of the columns.
    quantity_col, amount_col : str or None, default "quantity", "amount"
        Lines with a quantity or amount below 0 are returns, and are left out.
    category_col : str, default "category"
        Column of `products`.

    Returns
    -------
    table
        One row a suggestion, sorted by customer and rank: the id under its own name, ``rank``
        (int, from 1), the product under its own name, ``score`` (float), ``kind`` (str: new),
        ``because`` (str, the reason), ``because_product`` (the product that speaks most for it;
        null without one).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null.
    NotEnoughDataError
        If no line is left to learn from.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        As in :func:`fit_suggestions`.

    See Also
    --------
    up_sell : dearer products for the same need.
    evaluate_suggestions : whether the suggestions would have been right.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "b", "c", "c"],
    ...         "date": pd.to_datetime(["2026-01-02"] * 5),
    ...         "product_id": ["tea", "tea", "milk", "tea", "halva"],
    ...     }
    ... )
    >>> found = crm.rules.cross_sell(lines, method="similar", top=1)
    >>> found[["customer_id", "rank", "product_id"]]
      customer_id  rank product_id
    0           a     1      halva
    1           b     1      halva
    2           c     1       milk
    """
    with _checks.speaking_as("cross_sell"):
        model = fit_suggestions(
            transactions, method=method, products=products, max_items=max_items, as_of=as_of,
            customer_col=customer_col, date_col=date_col, product_col=product_col,
            quantity_col=quantity_col, amount_col=amount_col, category_col=category_col,
        )  # fmt: skip
        answer: IntoDataFrameT = model.predict(
            transactions, top=top, kind="new", exclude=exclude, in_stock=in_stock,
            max_per_category=max_per_category, customer_col=customer_col,
        )  # fmt: skip
    return answer
