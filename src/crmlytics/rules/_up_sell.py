"""Dearer products for the same need, no dearer than the customer has been seen to pay."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _checks, _columns, _frame, _result
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError, OptionError
from crmlytics.rules import _history, _rank
from crmlytics.rules._history import History
from crmlytics.rules._scores import Block
from crmlytics.rules._suggestions import places

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

_CELLS = 1 << 22
ANSWER = (
    "rank", "score", "kind", "because", "instead_of", "category", "from_level", "to_level",
)  # fmt: skip


def up_sell(
    transactions: "IntoDataFrameT",
    products: "IntoDataFrame",
    *,
    tier_col: str | None = None,
    price_col: str | None = None,
    top: int = 3,
    min_purchases: int = 1,
    as_of: date | str | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
    category_col: str = "category",
) -> "IntoDataFrameT":
    """Suggest a better product for a need that the customer has, within reach of the customer.

    The need is the category. In each category that a customer buys, the product bought most often
    is taken for the usual one. Offered are products of the same category, not bought before, of a
    higher level than the usual one, but not above the highest level at which the customer has been
    seen to buy in any category.

    Parameters
    ----------
    transactions : table
        One row per order line.
    products : table
        One row a product, with its category and its tier or price.
    tier_col : str, optional
        Column of `products` with the tier as a number (1 basic, 2 better ...). Either this or
        `price_col`.
    price_col : str, optional
        Column of `products` with the price. Levels are then places among the prices of the
        category, so that dear coffee and dear tea are alike: the share of its products that cost
        no more.
    top : int, default 3
        Most products for a customer.
    min_purchases : int, default 1
        How many purchases (of a product, on a day) at a level or above show that the customer pays
        it. With 2, a single present does not count.
    as_of : date, default the last date of the transactions
        The last day seen, inclusive; later rows are not used.
    customer_col, date_col, product_col, category_col : str
        Names of the columns.
    quantity_col, amount_col : str or None, default "quantity", "amount"
        Lines with a quantity or amount below 0 are returns, and are left out.

    Returns
    -------
    table
        One row an offer, sorted by customer and rank; customers without one have no row: the id
        under its own name, ``rank`` (int, from 1), the product under its own name, ``score``
        (float, share of the category's customers who buy it), ``kind`` (str: up), ``because``
        (str, the reason), ``instead_of`` (the usual product), ``category``, ``from_level``,
        ``to_level`` (float, tier or price of the usual product and of the offer).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or a product stands twice in `products`.
    OptionError
        If neither or both of `tier_col` and `price_col` are given, or an option has a value
        outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If lines without a product are left out.

    See Also
    --------
    cross_sell : other products.

    Notes
    -----
    Products bought equally often: the one bought last counts as the usual one, then the more
    popular. Products without a category, tier or price are neither usual nor offered.

    Examples
    --------
    "a" buys the cheapest tea, and once bought the dearest honey.

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> products = pd.DataFrame(
    ...     {
    ...         "product_id": ["plain", "finest", "wild", "clover"],
    ...         "category": ["tea", "tea", "honey", "honey"],
    ...         "price": [2.0, 5.0, 9.0, 4.0],
    ...     }
    ... )
    >>> days = pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-09", "2026-01-10"])
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "a", "b"],
    ...         "date": days,
    ...         "product_id": ["plain", "plain", "wild", "finest"],
    ...     }
    ... )
    >>> found = crm.rules.up_sell(lines, products, price_col="price")
    >>> found[["customer_id", "product_id", "instead_of", "from_level", "to_level"]]
      customer_id product_id instead_of  from_level  to_level
    0           a     finest      plain         2.0       5.0
    """
    caller = "up_sell"
    if (tier_col is None) == (price_col is None):
        given = "both" if tier_col is not None else "neither"
        raise OptionError(
            f"{caller}: one of tier_col and price_col must be given; got {given}. Name the column "
            "of products that says how good or how dear they are."
        )
    n = _checks.whole(top, name="top", caller=caller, low=1)
    least = _checks.whole(min_purchases, name="min_purchases", caller=caller, low=1)
    history, day = _history.read(
        transactions, caller, as_of=as_of, result=ANSWER, customer_col=customer_col,
        date_col=date_col, product_col=product_col, quantity_col=quantity_col,
        amount_col=amount_col,
    )  # fmt: skip
    roles: dict[str, str | None] = {"product_col": product_col, "category_col": category_col}
    roles |= {"tier_col": tier_col} if price_col is None else {"price_col": price_col}
    source = _frame.read(products, caller=caller, argument="products", roles=roles)
    _frame.same_library(history.source, source)
    shelf = _shelf(source, history, "tier" if price_col is None else "price")
    block = _history.block(history, day, None)
    offers = _offers(history, block, shelf, n, least)
    answer: IntoDataFrameT = _laid_out(history, source, shelf, offers)
    return answer


@dataclass(frozen=True)
class _Shelf:
    """The products of a table that can be offered."""

    names: nw.Series[Any]
    row: Ints  # of the table of products
    category: Ints
    amount: Floats  # tier or price
    level: Floats  # tier, or place among the prices of its category
    popularity: Ints  # customers who bought it
    of_item: Ints  # the product of each item of the history; -1 where there is none


def _shelf(source: Source, history: History, role: str) -> _Shelf:
    """Read products with a category and a level, the most popular first."""
    known, amount = ~_columns.null_mask(source.column("product")), source.numbers(role)
    codes = source.keys("product").codes[known]
    if len(codes) != np.count_nonzero(np.bincount(codes)):
        raise DataError(
            f"{source.caller}: products has the same product ({source.names['product']!r}) in "
            "several rows. Keep one row for each."
        )
    known &= ~(_columns.null_mask(source.column("category")) | np.isnan(amount))
    row = np.flatnonzero(known)
    names = source.column("product")[row]
    where = f"{source.caller}: column {source.names['product']!r} (product_col) of products"
    item = places(_history.labels(history.items), names, where, "transactions has")
    bought = np.bincount(
        history.by_customer().indices, minlength=history.n_items
    )  # customers of each item
    popularity = np.where(item >= 0, bought[item] if len(bought) else 0, 0)
    rank = np.empty(len(row), dtype=np.int64)
    rank[_columns.argsort(names)] = np.arange(len(row))
    order = np.lexsort([rank, -popularity])
    row, item, popularity = row[order], item[order], popularity[order]
    of_item = np.full(history.n_items, -1)
    of_item[item[item >= 0]] = np.flatnonzero(item >= 0)
    category = source.keys("category").codes[row].astype(np.int64)
    level = amount[row] if role == "tier" else _places_in(category, amount[row])
    return _Shelf(names[order], row, category, amount[row], level, popularity, of_item)


def _places_in(category: Ints, price: Floats) -> Floats:
    """Return the share of a category's products that cost no more than each."""
    order = np.lexsort([price, category])
    groups, prices = category[order], price[order]
    starts = np.append(0, np.cumsum(np.bincount(groups)))
    # equal prices share the place of the last of them
    last = np.append((groups[1:] != groups[:-1]) | (prices[1:] != prices[:-1]), True)
    ends = np.flatnonzero(last[: len(order)]) + 1
    upto = np.repeat(ends, np.diff(ends, prepend=0)) - starts[groups]
    share = np.empty(len(order))
    share[order] = upto / (starts[groups + 1] - starts[groups])
    return share


@dataclass(frozen=True)
class _Offers:
    customer: Ints
    rank: Ints
    product: Ints  # of the shelf
    usual: Ints
    times: Ints
    score: Floats


def _offers(history: History, block: Block, shelf: _Shelf, top: int, least: int) -> _Offers:
    """Offer in each category, then keep each customer's best."""
    customer = np.repeat(np.arange(block.n_rows), np.diff(block.starts))
    product = shelf.of_item[block.items]
    times, last = np.asarray(block.times), np.asarray(block.last)
    kept = product >= 0
    customer, product, times, last = (v[kept] for v in (customer, product, times, last))
    reach = _reach(customer, shelf.level[product], times, history.n_customers, least)
    found: list[tuple[Ints, Ints, Ints, Ints, Floats]] = []
    in_order = np.lexsort([product, -last, -times, customer, shelf.category[product]])
    customer, product, times = customer[in_order], product[in_order], times[in_order]
    groups = shelf.category[product]
    ends = np.flatnonzero(np.append(groups[1:] != groups[:-1], True)[: len(groups)]) + 1
    for first, end in pairwise([0, *ends.tolist()]):
        part = slice(first, end)
        found += _in_category(customer[part], product[part], times[part], shelf, reach, top)
    none = (np.zeros(0, np.int64),) * 4 + (np.zeros(0),)
    who, offer, usual, number, score = (
        np.concatenate([each[k] for each in (none, *found)]) for k in range(5)
    )
    order = np.lexsort([offer, -score, who])
    who, offer, usual, number, score = (v[order] for v in (who, offer, usual, number, score))
    sizes = np.bincount(who, minlength=history.n_customers)
    rank = np.arange(len(who)) - np.repeat(np.append(0, np.cumsum(sizes))[:-1], sizes) + 1
    best = rank <= top
    return _Offers(who[best], rank[best], offer[best], usual[best], number[best], score[best])


def _reach(customer: Ints, level: Floats, times: Ints, n: int, least: int) -> Floats:
    """Return the highest level that each customer bought at, at least so many times."""
    order = np.lexsort([-level, customer])
    customer, level, times = customer[order], level[order], times[order]
    before = np.append(0, np.cumsum(np.bincount(customer, times, n)))[customer]
    enough = np.cumsum(times) - before >= least
    reach = np.full(n, -np.inf)
    np.maximum.at(reach, customer[enough], level[enough])
    return reach


def _in_category(
    customer: Ints, product: Ints, times: Ints, shelf: _Shelf, reach: Floats, top: int
) -> list[tuple[Ints, Ints, Ints, Ints, Floats]]:
    """Offer products of one category to those who buy in it; entries stand usual one first."""
    shown = np.flatnonzero(shelf.category == shelf.category[product[0]])
    first = np.flatnonzero(np.append(True, customer[1:] != customer[:-1]))
    who, usual = customer[first], product[first]
    score = shelf.popularity[shown] / len(who)
    row_of_entry = np.cumsum(np.append(0, customer[1:] != customer[:-1]))
    found, step = [], max(_CELLS // len(shown), 1)
    for begin in range(0, len(who), step):
        part = slice(begin, begin + step)
        level = shelf.level[shown][None, :]
        allowed = (level > shelf.level[usual[part], None]) & (level <= reach[who[part], None])
        here = (row_of_entry >= begin) & (row_of_entry < begin + step)
        allowed[row_of_entry[here] - begin, np.searchsorted(shown, product[here])] = False
        ranked = _rank.best(np.broadcast_to(score, allowed.shape), allowed, top, None, None)
        row = ranked.row + begin
        found.append(
            (who[row], shown[ranked.item], usual[row], times[first][row], score[ranked.item])
        )
    return found


def _laid_out(history: History, source: Source, shelf: _Shelf, offers: _Offers) -> Any:
    """Return offers as a table of the kind of the transactions."""
    names, products = shelf.names.to_list(), _result.ids(shelf.names)
    categories = _result.ids(source.column("category"))
    who = _result.ids(history.customers).take(pa.array(offers.customer))
    why = [
        f"bought {names[usual]} {'once' if times == 1 else f'{times} times'}; "
        f"{names[offer]} is {shelf.amount[offer]:g} against {shelf.amount[usual]:g}"
        for usual, offer, times in zip(
            offers.usual.tolist(), offers.product.tolist(), offers.times.tolist(), strict=True
        )
    ]
    columns = {
        history.source.names["customer"]: _result.restore(who, history.customers),
        "rank": pa.array(offers.rank),
        history.source.names["product"]: products.take(pa.array(offers.product)),
        "score": pa.array(offers.score),
        "kind": pa.array(["up"] * len(why), pa.string()),
        "because": pa.array(why, pa.string()),
        "instead_of": products.take(pa.array(offers.usual)),
        "category": categories.take(pa.array(shelf.row[offers.product])),
        "from_level": pa.array(shelf.amount[offers.usual]),
        "to_level": pa.array(shelf.amount[offers.product]),
    }
    return _result.assemble(columns, history.source)
