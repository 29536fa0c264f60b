"""Itemset tables read back: labels to numbers, sets by length, counts of baskets."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _checks, _columns, _frame
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.rules import _index, _read
from crmlytics.rules._miner import Codes

_MAKER = "frequent_itemsets"
_ROUNDING = 0.1  # of a basket; what supports without some of their digits may be off
_SETS = {frozenset, set, list, tuple, np.ndarray}


@dataclass(frozen=True)
class Sets:
    """A column of sets as numbers; items are numbered in the order of their labels."""

    lengths: Ints
    starts: Ints
    codes: Any  # of all sets, one after another
    labels: nw.Series[Any]

    def of_length(self, length: int) -> tuple[Ints, Codes]:
        """Return the rows with sets of a length, and their codes, ascending in each row."""
        rows = np.flatnonzero(self.lengths == length)
        places = self.starts[rows][:, None] + np.arange(length)
        return rows, np.sort(self.codes[places], axis=1).astype(np.int32)


@dataclass(frozen=True)
class Itemsets:
    """Itemsets by length, each length in one order whatever the order of the rows was."""

    source: Source
    column: nw.Series[Any]  # of sets, as answers show them
    labels: nw.Series[Any]
    parts: list[Codes]
    rows: list[Ints]  # of the table, for each part
    counts: Ints  # through the parts
    n_baskets: int

    @property
    def places(self) -> Ints:
        """The row of the table for each itemset through the parts."""
        return np.concatenate([*self.rows, np.zeros(0, dtype=np.int64)])

    def index(self) -> _index.Index:
        try:
            return _index.Index(self.parts, len(self.labels))
        except _index.RepeatedError as error:
            row = int(self.places[error.row])
            raise DataError(
                f"{self.source.caller}: {self.source.argument} has the same set in two rows, such "
                f"as {named(self.column[row])}. Drop one of them."
            ) from None


def named(one: Any) -> str:
    """Write a set of a table for a sentence."""
    return "{" + ", ".join(sorted(repr(each) for each in one)) + "}"


def sets(column: nw.Series[Any], where: str, caller: str) -> tuple[Sets, nw.Series[Any]]:
    """Read a column of sets (frozensets, lists); also return it as answers show it."""
    if column.implementation.is_pandas():
        return _python_sets(column, where, caller)
    lists = column.to_arrow()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.combine_chunks()
    if not (pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type)) or lists.null_count:
        raise ColumnError(_no_sets(where, caller, _columns.describe(column)))
    lengths = np.asarray(pc.list_value_length(lists).to_numpy(zero_copy_only=False), dtype=np.int64)
    flat = nw.from_arrow(pa.table({"item": lists.flatten()}), backend=column.implementation)["item"]
    return _numbered(lengths, flat, where, caller), column


def _python_sets(column: nw.Series[Any], where: str, caller: str) -> tuple[Sets, nw.Series[Any]]:
    import pandas as pd

    held = column.to_native().tolist()
    kinds = set(map(type, held))
    if not kinds <= _SETS:
        wrong = next(one for one in held if type(one) not in _SETS)
        raise ColumnError(_no_sets(where, caller, f"{_checks.shown(wrong)}"))
    lengths = np.fromiter(map(len, held), dtype=np.int64, count=len(held))
    flat = pd.Series(list(chain.from_iterable(held)), dtype=None if lengths.any() else "str")
    if kinds != {frozenset}:
        shown = np.empty(len(held), dtype=object)
        shown[:] = [frozenset(one) for one in held]
        column = nw.from_native(pd.Series(shown, dtype=object), series_only=True)
    return _numbered(lengths, nw.from_native(flat, series_only=True), where, caller), column


def _no_sets(where: str, caller: str, held: str) -> str:
    return (
        f"{caller}: {where} must hold sets of products (frozensets or lists); it holds {held}. "
        f"Use the answer of {_MAKER} as it is; in a file, keep lists in Parquet, as CSV turns sets "
        "into text."
    )


def _numbered(lengths: Ints, flat: nw.Series[Any], where: str, caller: str) -> Sets:
    if _columns.null_count(flat):
        raise DataError(
            f"{caller}: {where} has sets with an unknown product (null). Drop their rows, or give "
            "the product a name."
        )
    try:
        keys = _columns.keys(flat)
        codes, labels = _read.by_name(keys)
    except (TypeError, pa.ArrowNotImplementedError):
        raise ColumnError(
            f"{caller}: the sets of {where} hold {_columns.describe(flat)}, not names or numbers "
            "of one type. Make all products text, as with str(product)."
        ) from None
    starts = np.append(0, np.cumsum(lengths))[:-1]
    return Sets(lengths, starts, codes, labels)


def itemsets(table: Any, caller: str, n_baskets: Any) -> Itemsets:
    """Read a table of itemsets at the door."""
    opened, _ = _frame.open_table(table, caller=caller, argument="itemsets", lazy=False)
    roles: dict[str, str | None] = {"itemsets": "itemsets", "support": "support"}
    if "count" in opened.columns:
        roles["count"] = "count"
    source = _frame.read(
        table, caller=caller, argument="itemsets", roles=roles, maker=_MAKER
    )  # fmt: skip
    found, shown = sets(source.column("itemsets"), "column 'itemsets'", caller)
    counts, n = _counts(source, n_baskets, caller)
    parts, rows = [], []
    bits = max(len(found.labels), 1).bit_length()
    for length in np.unique(found.lengths).tolist():
        if length == 0:
            raise DataError(f"{caller}: itemsets has an empty set. Drop its row.")
        here, codes = found.of_length(length)
        twice = np.flatnonzero((codes[:, 1:] == codes[:, :-1]).any(axis=1))
        if len(twice):
            one = named(found.labels[codes[twice[0]]].to_list())
            raise DataError(
                f"{caller}: itemsets has a set that holds a product twice, {one}. Write each "
                "product once."
            )
        order = _index.canonical(codes, counts[here], bits)
        parts.append(codes[order])
        rows.append(here[order])
    every = np.concatenate([*rows, np.zeros(0, dtype=np.int64)])
    return Itemsets(source, shown, found.labels, parts, rows, counts[every], n)


def _counts(source: Source, n_baskets: Any, caller: str) -> tuple[Ints, int]:
    """Return the baskets of each itemset and of all, from what the table has."""
    support = source.numbers("support")
    if not ((support > 0) & (support <= 1)).all():
        raise DataError(
            f"{caller}: column 'support' must hold shares of baskets above 0 and up to 1, none "
            f"unknown. Make the table with {_MAKER}."
        )
    given = None if n_baskets is None else _checks.whole(
        n_baskets, name="n_baskets", caller=caller, low=1
    )  # fmt: skip
    if "count" not in source.names:
        if given is None:
            raise OptionError(
                f"{caller}: n_baskets is needed where itemsets has no column 'count': measures and "
                "tests are made from numbers of baskets. Pass n_baskets=."
            )
        return _whole_counts(support, given, caller), given
    counts = source.numbers("count")
    if not (np.isfinite(counts) & (counts > 0) & (counts == np.floor(counts))).all():
        raise DataError(
            f"{caller}: column 'count' must hold whole numbers of baskets above 0, none unknown. "
            f"Make the table with {_MAKER}."
        )
    whole = counts.astype(np.int64)
    found = _n_baskets(support, whole)
    n = found if given is None else given
    if len(whole) and (whole.max() > n or abs(n - found) > 0.01 * found):
        raise OptionError(
            f"{caller}: n_baskets is {n:,}, but a set with support {support[whole.argmax()]:g} is "
            f"in {whole.max():,} baskets. Pass the number of baskets that itemsets was made from."
        )
    return whole, n


def _whole_counts(support: Floats, n: int, caller: str) -> Ints:
    """Return shares as numbers of baskets; they must be whole, but for rounding."""
    counts = support * n
    whole = np.rint(counts)
    off = np.abs(counts - whole) > _ROUNDING
    if off.any() or (len(whole) and whole.min() < 1):
        worst = support[np.argmax(off)] if off.any() else support.min()
        raise OptionError(
            f"{caller}: n_baskets is {n:,}, but support {worst:g} of that is {worst * n:.4g}, no "
            "whole number of baskets. Pass the number of baskets that itemsets was made from, and "
            "supports with all their digits."
        )
    return whole.astype(np.int64)


def _n_baskets(support: Floats, counts: Ints) -> int:
    if not len(counts):
        return 0
    commonest = int(np.argmax(counts))
    return round(int(counts[commonest]) / float(support[commonest]))
