"""Scores of products for customers or baskets, in blocks, by each method."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Bools, Floats, Ints

BLEND = "blend"
BLEND_SHARE = 0.2  # of the method for new products, in one list with products bought before
_CELLS = 1 << 22  # of rows by products, scored together


@dataclass(frozen=True)
class Known:
    """What was learnt of products; they are numbered by falling popularity."""

    of: str  # the units that weights were learnt from: customers or baskets
    n_units: int
    held: Ints  # units that hold each product
    popularity: Ints  # baskets of the last days that hold each product
    recent_days: int
    weights: Any  # csr, products by products; None where nothing needs them
    together: Any  # csr of counts at the same places
    blend_with: str  # the method blended with products bought before

    @property
    def n_items(self) -> int:
        return len(self.held)


@dataclass(frozen=True)
class Block:
    """Rows to be scored (customers, baskets): the products of each, and what is known of them."""

    starts: Ints
    items: Ints
    times: Ints | None = None  # baskets of the customer that held it; None for baskets
    last: Ints | None = None  # day of the last of them
    worth: Floats | None = None  # their number, decayed

    @property
    def n_rows(self) -> int:
        return len(self.starts) - 1

    def matrix(self, n_items: int, data: Any = None) -> Any:
        """Return rows by products, 1 where held or `data`."""
        from scipy.sparse import csr_matrix

        values = np.ones(len(self.items)) if data is None else data
        return csr_matrix((values, self.items, self.starts), shape=(self.n_rows, n_items))

    def holds(self, n_items: int) -> Bools:
        """Mark the products of each row."""
        marked = np.zeros((self.n_rows, n_items), dtype=bool)
        marked[np.repeat(np.arange(self.n_rows), np.diff(self.starts)), self.items] = True
        return marked

    def rows(self, first: int, last: int) -> "Block":
        """Return some of the rows."""
        starts = self.starts[first : last + 1]
        part = slice(starts[0], starts[-1])
        return Block(
            starts - starts[0],
            self.items[part],
            None if self.times is None else self.times[part],
            None if self.last is None else self.last[part],
            None if self.worth is None else self.worth[part],
        )

    def pieces(self, n_items: int) -> list["Block"]:
        """Cut into blocks small enough to be scored at once."""
        step = max(_CELLS // max(n_items, 1), 1)
        cuts = range(0, self.n_rows, step)
        return [self.rows(first, min(first + step, self.n_rows)) for first in cuts]


def scores(method: str, block: Block, known: Known) -> Floats:
    """Return the score of every product for each row; 0 where nothing speaks for it.

    Rows that hold nothing get what is most popular, whatever the method.
    """
    found = _scores(method, block, known)
    empty = np.diff(block.starts) == 0
    if method == "popular" or not empty.any():
        return found
    return np.where(empty[:, None], known.popularity.astype(np.float64), found)


def _scores(method: str, block: Block, known: Known) -> Floats:
    shape = (block.n_rows, known.n_items)
    if method == "popular":
        every: Floats = np.broadcast_to(known.popularity.astype(np.float64), shape)
        return every
    if method == "buy_again":
        if block.worth is None:
            return np.zeros(shape)
        return np.asarray(block.matrix(known.n_items, block.worth).toarray())
    if method == BLEND:
        again = _by_row(_scores("buy_again", block, known))
        return again + BLEND_SHARE * _by_row(_scores(known.blend_with, block, known))
    found = np.asarray((block.matrix(known.n_items) @ known.weights).toarray())
    if method == "similar" and known.of == "customers":
        # a product few buy is seldom the next one, however alike its buyers are
        most = max(known.popularity.max(initial=0), 1)
        found = _by_row(found) * np.sqrt(known.popularity / most)
    return np.asarray(found)


def _by_row(values: Floats) -> Floats:
    """Divide by the largest value of each row."""
    most = values.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray(np.divide(values, most, out=np.zeros_like(values), where=most > 0))
