"""The fitted model of suggestions: what it knows of customers, and what it offers them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crmlytics import _checks, _columns, _frame, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics._model import Model
from crmlytics.errors import ColumnError, OptionError
from crmlytics.rules import _baskets, _because, _choose, _history, _rank, _scores
from crmlytics.rules._baskets import Baskets
from crmlytics.rules._scores import Block, Known

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.stable.v2.typing import IntoDataFrameT

KINDS = ("repeat", "new", "both", "all")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SuggestionModel(Model):
    """What :func:`fit_suggestions` returns: who bought what, and which products go together.

    Attributes
    ----------
    method : str
        As it was asked for.
    repeat_method, new_method, all_method : str
        What ranks products bought before, products not bought before, and both in one list.
    half_life_days : float or None
        After how many days a purchase counts half; None where all count alike.
    items, customers : array
        The products (the most popular first) and customers known.
    """

    method: str
    of: str
    repeat_method: str
    new_method: str
    all_method: str
    half_life_days: float | None
    customer_name: str | None
    product_name: str
    last_day: int
    recent_days: int
    n_units: int
    items: NDArray[Any]
    held: Ints  # units that hold each item
    popularity: Ints  # baskets of the last days that hold each item
    groups: Ints  # category of each item, -1 unknown
    customers: NDArray[Any]
    starts: Ints  # the history of each customer: items, baskets, last day, decayed number
    bought: Ints
    times: Ints
    last: Ints
    worth: Floats
    weight_starts: Ints  # weights of items for items
    weight_items: Ints
    weights: Floats
    together: Ints
    tried_kind: tuple[str, ...]  # what was tried on the customers' own past, and how it did
    tried_method: tuple[str, ...]
    tried_hit_rate: tuple[float, ...]
    tried_map: tuple[float, ...]

    def __repr__(self) -> str:
        return (
            f"SuggestionModel(method={self.method!r}, n_customers={len(self.customers):,}, "
            f"n_items={len(self.items):,})"
        )

    def summary(self) -> "pd.DataFrame":
        """Return what ranks each list, and what was tried before it was chosen.

        Returns
        -------
        pandas.DataFrame
            One row for each list and method: ``kind`` (str: repeat, new, all), ``method`` (str),
            ``chosen`` (bool), ``hit_rate`` and ``map`` (float, on the customers' own past; null
            where nothing was tried).
        """
        import pandas as pd

        chosen = {"repeat": self.repeat_method, "new": self.new_method, "all": self.all_method}
        columns = (self.tried_kind, self.tried_method, self.tried_hit_rate, self.tried_map)
        rows: list[tuple[Any, ...]] = list(zip(*columns, strict=True))
        done = {row[:2] for row in rows}
        rows += [(*pair, None, None) for pair in chosen.items() if pair not in done]
        table = pd.DataFrame(rows, columns=["kind", "method", "hit_rate", "map"])
        table = table.astype({"kind": "str", "method": "str", "hit_rate": float, "map": float})
        pairs = zip(table["kind"], table["method"], strict=True)
        table.insert(2, "chosen", [chosen[kind] == method for kind, method in pairs])
        return table

    def predict(
        self,
        customers: "IntoDataFrameT | Baskets",
        *,
        top: int = 10,
        kind: str = "both",
        exclude: Sequence[Any] | None = None,
        in_stock: Sequence[Any] | None = None,
        max_per_category: int | None = None,
        customer_col: str | None = None,
    ) -> "IntoDataFrameT":
        """Suggest products, ranked and with a reason.

        Parameters
        ----------
        customers : table or Baskets
            One row a customer (repeated ids count once); or baskets to be completed, as
            :func:`baskets` reads them.
        top : int, default 10
            Length of each list.
        kind : {"repeat", "new", "both", "all"}, default "both"
            Products the customer bought before; products never bought; both lists, apart; or one
            list of all. Baskets get "new": products that they do not hold.
        exclude : list, optional
            Products never suggested.
        in_stock : list, optional
            The only products suggested.
        max_per_category : int, optional
            Most products of one category in a list; the model must have been fitted with
            `products`. Products without a category are not limited.
        customer_col : str, optional
            Column of the customers' ids; by default called as in the table of the fit.

        Returns
        -------
        table
            One row a suggestion, sorted by customer (or order), repeat before new, and rank: the
            id under its own name, ``rank`` (int, from 1), the product under its own name,
            ``score`` (float, comparable within a list only), ``kind`` (str: repeat or new),
            ``because`` (str, the reason), ``because_product`` (the product that speaks most for
            it; null without one). Customers never seen get the products most bought in the last
            days, as new.

        Raises
        ------
        ColumnError
            If a column is missing, or its ids are of another type than those of the fit.
        DataError
            If ids are null.
        OptionError
            If an option has a value outside what it allows.
        """
        caller = "predict"
        n = _checks.whole(top, name="top", caller=caller, low=1)
        _checks.choice(kind, KINDS, name="kind", caller=caller)
        most = None if max_per_category is None else _checks.whole(
            max_per_category, name="max_per_category", caller=caller, low=1
        )  # fmt: skip
        if most is not None and not (self.groups >= 0).any():
            raise OptionError(
                f"{caller}: max_per_category needs the categories of products. Fit the model with "
                "products=, a table of products and categories."
            )
        labels = self.items.tolist()
        offered = np.ones(len(labels), dtype=bool)
        if in_stock is not None:
            offered &= _baskets.marked(labels, in_stock, name="in_stock", caller=caller)
        if exclude is not None:
            offered &= ~_baskets.marked(labels, exclude, name="exclude", caller=caller)
        if isinstance(customers, Baskets):
            source, role, ids, block = self._of_baskets(customers, kind, caller)
            kind = "new"
        else:
            if self.customer_name is None:
                raise OptionError(
                    f"{caller}: the model was fitted without customers. Hand over baskets, as "
                    "crmlytics.rules.baskets reads them."
                )
            column = self.customer_name if customer_col is None else customer_col
            source, role, ids, block = self._of_customers(customers, column, caller)
        columns = self._suggest(block, n, kind, offered, most)
        answer: IntoDataFrameT = self._laid_out(source, role, ids, columns)
        return answer

    def _of_customers(
        self, table: Any, column: str, caller: str
    ) -> tuple[Source, str, nw.Series[Any], Block]:
        """Look customers up by their ids; those never seen have bought nothing."""
        source = _frame.read(
            table, caller=caller, argument="customers", roles={"customer_col": column},
            result=(*_history.ANSWER, self.product_name),
        )  # fmt: skip
        keys = source.keys("customer")
        there = np.flatnonzero(np.bincount(keys.codes, minlength=keys.size))
        ids = keys.take(keys.sort(there))
        known = places(self.customers, ids, f"{caller}: column {column!r} (customer_col)")
        first = np.where(known >= 0, self.starts[known], 0)
        lengths = np.where(known >= 0, self.starts[known + 1] - first, 0)
        starts = np.append(0, np.cumsum(lengths))
        at = np.arange(starts[-1]) + np.repeat(first - starts[:-1], lengths)
        history = (each[at] for each in (self.bought, self.times, self.last, self.worth))
        return source, "customer", ids, Block(starts, *history)

    def _of_baskets(
        self, baskets: Baskets, kind: str, caller: str
    ) -> tuple[Source, str, nw.Series[Any], Block]:
        """Look the items of baskets up; those unknown to the model tell nothing."""
        if kind in {"repeat", "all"}:
            raise OptionError(
                f"{caller}: kind={kind!r} asks for products bought before, which baskets do not "
                "know. Use kind='new', or hand over a table of customers."
            )
        place = places(self.items, baskets.labels, f"{caller}: the products of baskets")
        items = place[baskets.codes]
        there = items >= 0
        lengths = np.bincount(baskets.owners[there], minlength=baskets.n_baskets)
        block = Block(np.append(0, np.cumsum(lengths)), items[there])
        order = _columns.argsort(baskets.orders)
        return baskets.like, "order", baskets.orders[order], _choose.pick(block, order)

    def known(self) -> Known:
        """Return what scores are made from."""
        from scipy.sparse import csr_matrix

        n = len(self.items)
        weights, together = (
            csr_matrix((data, self.weight_items, self.weight_starts), shape=(n, n))
            for data in (self.weights, self.together)
        )
        return Known(
            self.of, self.n_units, self.held, self.popularity, self.recent_days, weights, together,
            self.new_method,
        )  # fmt: skip

    def _suggest(
        self, block: Block, top: int, kind: str, offered: Bools, most: int | None
    ) -> dict[str, Any]:
        """Score, rank and explain piece by piece."""
        known, names = self.known(), self.items.tolist()
        parts: list[tuple[Any, ...]] = []
        at = 0
        for piece in block.pieces(known.n_items):
            mine = piece.holds(known.n_items)
            for each in ("repeat", "new") if kind == "both" else (kind,):
                method = getattr(self, f"{each}_method")
                scored = _scores.scores(method, piece, known)
                allowed = np.broadcast_to(offered, scored.shape)
                if each == "repeat":
                    allowed = allowed & mine & (scored > 0)
                elif each == "new":
                    allowed = allowed & ~mine
                ranked = _rank.best(scored, allowed, top, self.groups, most)
                again = mine[ranked.row, ranked.item]
                by = np.where(again, -1, _because.sources(ranked, piece, known))
                why = _because.words(ranked, piece, known, by, names, again)
                parts.append(
                    (ranked.row + at, again, ranked.rank, ranked.item, ranked.score, by, why)
                )
            at += piece.n_rows
        names_of = ("row", "again", "rank", "item", "score", "by", "why")
        every = {
            name: np.concatenate([part[k] for part in parts]) if parts else np.zeros(0)
            for k, name in enumerate(names_of)
        }
        keys = [every["rank"], every["row"]]
        if kind == "both":
            keys.insert(1, ~every["again"].astype(bool))
        order = np.lexsort(keys)
        return {name: values[order] for name, values in every.items()}

    def _laid_out(
        self, source: Source, role: str, ids: nw.Series[Any], found: dict[str, Any]
    ) -> Any:
        """Return suggestions as a table of the caller's kind."""
        whole = {name: found[name].astype(np.int64) for name in ("row", "rank", "item", "by")}
        products = pa.array(self.items)
        by = pa.array(whole["by"], mask=whole["by"] < 0)
        who = _result.ids(ids).take(pa.array(whole["row"]))
        columns = {
            source.names[role]: _result.restore(who, ids),
            "rank": pa.array(whole["rank"]),
            self.product_name: products.take(pa.array(whole["item"])),
            "score": pa.array(found["score"].astype(np.float64)),
            "kind": pa.array(np.where(found["again"].astype(bool), "repeat", "new"), pa.string()),
            "because": pa.array(found["why"].tolist(), pa.string()),
            "because_product": products.take(by),
        }
        return _result.assemble(columns, source)


def places(
    known: NDArray[Any], wanted: nw.Series[Any], where: str, other: str = "the model was fitted to"
) -> Ints:
    """Return where each of some labels stands among those known; -1 where it does not.

    `where` and `other` begin the two halves of the sentence on labels of another type.
    """
    import pandas as pd

    family = _columns.family(wanted)
    kept = {"i": "number", "u": "number", "f": "number", "U": "text", "b": "flag", "M": "date"}
    learnt = kept.get(known.dtype.kind, "text")
    if len(known) and len(wanted) and family != learnt:
        raise ColumnError(
            f"{where} holds {_columns.describe(wanted)} ({family}), but {other} {learnt}s. Make "
            "both one type."
        )
    index = pd.Index(known.tolist())
    asked = pd.Index(_history.labels(wanted).tolist())
    return np.asarray(index.get_indexer(asked), dtype=np.int64)
