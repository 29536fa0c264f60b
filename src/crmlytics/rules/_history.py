"""Who bought what on which day: what suggestions are made from."""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from crmlytics import _codes, _columns, _frame, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError
from crmlytics.rules import _baskets, _read
from crmlytics.rules._scores import Block

Matrix = Any  # a scipy sparse matrix
ANSWER = ("rank", "score", "kind", "because", "because_product")  # columns of suggestions


@dataclass(frozen=True)
class History:
    """Different (customer, day, item) entries, sorted; a basket is a customer's day.

    Items are numbered by falling popularity, then by name, so that the lower of two numbers is
    the better guess where nothing else is known. Customers are numbered in the order of their ids.
    """

    source: Source
    customer: Ints  # of each entry
    day: Ints
    item: Ints
    customers: nw.Series[Any]
    items: nw.Series[Any]

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def n_customers(self) -> int:
        return len(self.customers)

    @property
    def basket(self) -> Ints:
        """The basket of each entry, from 0."""
        if not len(self.customer):
            return np.zeros(0, dtype=np.int64)
        new = (self.customer[1:] != self.customer[:-1]) | (self.day[1:] != self.day[:-1])
        return np.append(0, np.cumsum(new))

    def where(self, kept: Bools) -> "History":
        """Return the entries marked; the numbers of customers and items stay."""
        return History(
            self.source, self.customer[kept], self.day[kept], self.item[kept], self.customers,
            self.items,
        )  # fmt: skip

    def by_customer(self) -> Matrix:
        """Return customers by items, 1 where one was ever bought."""
        return _matrix(self.customer, self.item, (self.n_customers, self.n_items))

    def by_basket(self) -> Matrix:
        """Return baskets by items."""
        basket = self.basket
        return _matrix(basket, self.item, (int(basket.max(initial=-1)) + 1, self.n_items))

    def first_items(self, n: int) -> "History":
        """Keep the `n` most popular items of these entries, numbered anew by popularity.

        Equals go by name: the numbers they have may come from later entries too.
        """
        counts = np.bincount(self.item, minlength=self.n_items)
        rank = np.empty(self.n_items, dtype=np.int64)
        rank[_columns.argsort(self.items)] = np.arange(self.n_items)
        order = np.lexsort([rank, -counts])[:n]
        order = order[counts[order] > 0]
        return self.with_items(order)

    def with_items(self, order: Ints) -> "History":
        """Keep some items, numbered anew in the order given."""
        place = np.full(self.n_items, -1)
        place[order] = np.arange(len(order))
        kept = place[self.item] >= 0
        entries = _sorted(self.customer[kept], self.day[kept], place[self.item[kept]])
        return History(self.source, *entries, self.customers, self.items[order])


def _matrix(rows: Ints, columns: Ints, shape: tuple[int, int]) -> Matrix:
    from scipy.sparse import csr_matrix

    made = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    made.sum_duplicates()
    made.data[:] = 1
    return made


def read(
    transactions: Any, caller: str, *, as_of: Any, result: tuple[str, ...] = ANSWER, **columns: Any
) -> tuple[History, int]:
    """Read order lines of customers; also return the last day used.

    Without a column of customers, every order is taken for a customer of its own. `result` lists
    the columns of the answer, of which customers and products cannot have the name.
    """
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=False)
    who = "customer" if columns["customer_col"] is not None else "order"
    roles = {name: columns[name] for name in (f"{who}_col", "date_col", "product_col")}
    for option, usual in _read.OPTIONAL.items():
        name = columns[option]
        if name is not None and not (name == usual and usual not in opened.columns):
            roles[option] = name
    source = _frame.read(
        transactions, caller=caller, argument="transactions", roles=roles, result=result
    )
    product = source.names["product"]
    if product in result:
        raise ColumnError(
            f"{caller}: column {product!r} (product_col) has the name of a result column. Rename "
            "it in transactions first."
        )
    day = _frame.as_of(source, as_of)
    kept, dropped = _read.usable(source, "product")
    kept = _codes.both(kept, _codes.seen_rows(source, day))
    _baskets.say(caller, "transactions", dropped)
    customer, customers = _read.by_name(source.keys(who), kept)
    item, items = _read.by_name(source.keys("product"), kept)
    days = _codes.pick(source.ticks("date").days(), kept)
    entries = _distinct(customer, days, item, len(items))
    counts = np.bincount(entries[2], minlength=len(items))
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    customer, days, item = _sorted(entries[0], entries[1], place[entries[2]])
    return History(source, customer, days, item, customers, items[order]), day


def _distinct(customer: Ints, days: Ints, item: Ints, n_items: int) -> tuple[Ints, Ints, Ints]:
    """Return the different entries."""
    if not len(customer):
        return customer, days, item
    low, span = int(days.min()), int(days.max() - days.min()) + 1
    cell = customer * span + (days - low)
    if (int(customer.max()) + 1) * span * max(n_items, 1) < 2**62:
        keys = _codes.sorted_distinct(cell * n_items + item)
        cell, item = keys // n_items, keys % n_items
    else:
        order = np.lexsort([item, cell])
        cell, item = cell[order], item[order]
        new = np.append(True, (cell[1:] != cell[:-1]) | (item[1:] != item[:-1]))
        cell, item = cell[new], item[new]
    return cell // span, cell % span + low, item


def _sorted(customer: Ints, day: Ints, item: Ints) -> tuple[Ints, Ints, Ints]:
    order = np.lexsort([item, day, customer])
    return customer[order], day[order], item[order]


def recent(history: History, last_day: int, days: int) -> Ints:
    """Count the baskets of the last days that hold each item."""
    late = history.day > last_day - days
    return np.bincount(history.item[late], minlength=history.n_items)


def block(history: History, last_day: int, half_life: float | None) -> Block:
    """Return the products of every customer: baskets with it, the last day, the decayed number.

    A basket is worth half after every half-life; all are worth 1 without one.
    """
    n = history.n_items
    order = np.argsort(history.customer * n + history.item, kind="stable")
    customer, item, day = history.customer[order], history.item[order], history.day[order]
    new = np.append(True, (customer[1:] != customer[:-1]) | (item[1:] != item[:-1]))
    starts = np.flatnonzero(new[: len(item)])
    ends = np.append(starts[1:], len(item))[: len(starts)]
    age = (last_day - day).astype(np.float64)
    worth: Floats = np.ones(len(age)) if half_life is None else 0.5 ** (age / half_life)
    sums = np.add.reduceat(worth, starts) if len(starts) else worth
    sizes = np.bincount(customer[starts], minlength=history.n_customers)
    return Block(np.append(0, np.cumsum(sizes)), item[starts], ends - starts, day[ends - 1], sums)


def labels(series: nw.Series[Any]) -> NDArray[Any]:
    """Return names as a plain array that can be kept in a file."""
    import pyarrow as pa

    values = _result.ids(series)
    if pa.types.is_large_string(values.type) or pa.types.is_string(values.type):
        return np.array(values.to_pylist(), dtype=np.str_)
    if pa.types.is_decimal(values.type):  # numpy has none, and would keep Python objects
        values = values.cast(pa.float64())
    if pa.types.is_timestamp(values.type):  # nanoseconds become plain numbers in lists
        values = values.cast(pa.timestamp("us"))
    return np.asarray(values.to_numpy(zero_copy_only=False))
