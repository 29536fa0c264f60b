"""Baskets as numbers: which items each basket holds, read from whatever a shop has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _checks, _result
from crmlytics._columns import Bools, Ints
from crmlytics._frame import Source
from crmlytics.errors import OptionError
from crmlytics.rules._miner import Codes

# What is counted as dropped, and how each is said.
DROPPED = {
    "duplicates": "lines that repeat a product of their order",
    "returns": "lines with a quantity or amount below 0",
    "missing": "lines without a product",
    "giant": "baskets of more than max_size products",
}


@dataclass(frozen=True, eq=False, repr=False)
class Baskets:
    """Baskets and the different items they hold, as numbers.

    Attributes
    ----------
    starts : array of int
        Where each basket begins in `codes`; one more entry than baskets.
    codes : array of int
        The items of all baskets, one basket after another, each item once and in ascending order.
    counts : array of int
        How many baskets hold each item.
    items : array
        What each item is called; sorted, so that numbers depend on nothing but the names.
    dropped : dict of str to int
        What was left out: ``duplicates``, ``returns``, ``missing`` (lines) and ``giant`` (baskets).
    """

    starts: Ints
    codes: Codes
    counts: Ints
    dropped: dict[str, int]
    labels: nw.Series[Any] = field(repr=False)
    like: Source = field(repr=False)  # an empty table of the caller's kind
    orders: nw.Series[Any] = field(repr=False)

    @property
    def n_baskets(self) -> int:
        """Number of baskets."""
        return len(self.starts) - 1

    @property
    def n_items(self) -> int:
        """Number of different items."""
        return len(self.counts)

    @property
    def items(self) -> Any:
        """Names of the items, in the order of their numbers."""
        return np.asarray(self.labels.to_list(), dtype=object)

    @property
    def owners(self) -> Ints:
        """The basket of each entry of `codes`."""
        return np.repeat(np.arange(self.n_baskets), np.diff(self.starts))

    def summary(self) -> Any:
        """Return what was counted and what was left out, as a table of the caller's kind.

        Returns
        -------
        table
            Columns ``what`` (str) and ``n`` (int).
        """
        sizes = np.diff(self.starts)
        counted = {
            "baskets": self.n_baskets,
            "items": self.n_items,
            "different products of baskets": len(self.codes),
            "largest basket": int(sizes.max(initial=0)),
        }
        counted |= {f"left out: {DROPPED[what]}": n for what, n in self.dropped.items()}
        table = pa.table({"what": list(counted), "n": list(counted.values())})
        return _result.native(self.like, table, {"what": "text", "n": "int"})

    def __repr__(self) -> str:
        return f"Baskets(n_baskets={self.n_baskets:,}, n_items={self.n_items:,})"


def make(
    source: Source, owner: Any, item: Any, labels: nw.Series[Any], orders: nw.Series[Any], *,
    max_size: int | None, dropped: dict[str, int], lines: Any = None,
) -> Baskets:  # fmt: skip
    """Make baskets of entries: `owner` and `item` are codes into `orders` and `labels`.

    `lines` is how many lines each entry stands for, where they were reduced before.
    """
    n_items = len(labels)
    bits = max(n_items, 1).bit_length()
    keys = np.sort(np.asarray(owner, dtype=np.int64) << bits | item)
    if len(keys):
        keys = keys[np.append(True, keys[1:] != keys[:-1])]
    dropped["duplicates"] = int(np.sum(lines) if lines is not None else len(owner)) - len(keys)
    owner, codes = keys >> bits, (keys & ((1 << bits) - 1)).astype(np.int32)
    sizes = np.bincount(owner, minlength=len(orders))
    dropped["giant"] = 0
    if max_size is not None and sizes.max(initial=0) > max_size:
        kept = sizes <= max_size
        dropped["giant"] = int(np.count_nonzero(~kept))
        codes = codes[kept[owner]]
        sizes, orders = sizes[kept], orders.filter(kept.tolist())
    counts = np.bincount(codes, minlength=n_items)
    if len(counts) and not counts.all():  # of giant baskets only
        used = np.flatnonzero(counts)
        place = np.cumsum(counts > 0) - 1
        codes, counts, labels = place[codes].astype(np.int32), counts[used], labels[used]
    starts = np.append(0, np.cumsum(sizes))
    say(source.caller, source.argument, dropped)
    named = {key: dropped.get(key, 0) for key in DROPPED}
    return Baskets(starts, codes, counts, named, labels, template(source), orders)


def say(caller: str, argument: str, dropped: dict[str, int]) -> None:
    """Warn of what should not be there; returns and repeated lines are part of any shop."""
    said = [f"{dropped[key]:,} {DROPPED[key]}" for key in ("missing", "giant") if dropped.get(key)]
    if said:
        _checks.warn(f"{caller}: left out of {argument}: {', '.join(said)}.")


def template(source: Source) -> Source:
    """Return an empty source of the same kind, which remembers how answers are to leave."""
    return Source(
        None, source.kind, source.caller, source.argument, source.names, source.table.head(0)
    )


def max_size_of(value: Any, caller: str) -> int | None:
    """Check the option for giant baskets."""
    if value is None:
        return None
    return _checks.whole(value, name="max_size", caller=caller, low=1)


def marked(labels: list[Any], names: Any, *, name: str, caller: str) -> Bools:
    """Mark the labels that a list of products names.

    A single name given as text would be taken for its letters, and is refused; so are numbers
    written as text, which name nothing. Products that are not there are no mistake.
    """
    is_table = hasattr(names, "columns")
    is_list = hasattr(names, "__iter__") and not isinstance(names, str | bytes | Mapping)
    got = f"a {type(names).__name__}" if is_table else _checks.shown(names)
    if hasattr(names, "to_pylist"):  # Arrow's own values are equal to no others
        names = names.to_pylist()
    is_list = is_list and not is_table
    wanted = [each for each in names if each is not None] if is_list else []
    if not is_list or any(
        hasattr(each, "__len__") and not isinstance(each, str) for each in wanted
    ):
        raise OptionError(
            f"{caller}: {name} must be a list of products; got {got}. Write {name}=[...]."
        )
    is_text = bool(labels) and isinstance(labels[0], str)
    other = next((each for each in wanted if isinstance(each, str) != is_text), None)
    if labels and other is not None:
        raise OptionError(
            f"{caller}: {name} has {_checks.shown(other)}, but products are "
            f"{_checks.shown(labels[0])} and the like. Make both one type."
        )
    chosen = set(wanted)
    return np.array([label in chosen for label in labels], dtype=bool)
