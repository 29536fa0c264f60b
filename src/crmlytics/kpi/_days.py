"""The different days on which each customer did something: what gaps and stickiness count."""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _codes, _columns, _groups, _lazy, _transactions
from crmlytics._columns import Bools, Ints, Keys
from crmlytics._frame import Source
from crmlytics._groups import Groups


@dataclass(frozen=True)
class Days:
    """One entry for each customer, group and day, sorted by all three as an answer is."""

    grouped: Groups
    customer: Ints  # codes of the source
    group: Ints
    day: Ints
    starts: Bools  # the first day of a customer in a group


def of_engine(source: Source, day: int) -> Any:
    """Return the different customers, groups and days of a lazy source, without returns."""
    lines = _transactions.seen(source, day)
    if "amount" in source.names:
        lines = _transactions.purchases(lines).filter(nw.col("bought") == 1)
    return _lazy.distinct(lines, ["customer", *source.by, "date"])


def of_rows(source: Source, day: int) -> Days:
    """Find the different days of the customers and groups of an eager source, without returns."""
    seen, negative = _codes.seen_rows(source, day), _codes.returns(source)
    bought = _codes.both(seen, None if negative is None else ~negative)
    grouped, keys = _groups.groups(source, seen), source.keys("customer")
    ranks, customers = _ranks(keys)
    group_ranks, group_order = _group_ranks(grouped)
    days = _codes.pick(source.ticks("date").days(), bought)
    low, high = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    span = high - low + 1
    codes = _codes.pick(keys.codes, bought)
    cells = np.multiply(codes if ranks is None else ranks[codes], grouped.size, dtype=np.int64)
    if grouped.codes is not None:
        cells += group_ranks[_codes.pick(grouped.codes, bought)]
    cells *= span
    cells += days
    cells -= low
    del days  # as long as the rows, like the cells
    # the lines of an order mostly stand together and share their cell
    heads = _columns.run_starts(cells[1:] != cells[:-1])
    cells = cells if heads is None else cells[heads]
    found = _codes.occurring(cells, keys.size * grouped.size * span).present
    who = found // span
    starts = np.ones(len(who), dtype=bool)
    np.not_equal(who[1:], who[:-1], out=starts[1:])
    customer = who // grouped.size
    group = group_order[who - customer * grouped.size]
    customer = customer if customers is None else customers[customer]
    return Days(grouped, customer, group, found - who * span + low, starts)


def _ranks(keys: Keys) -> tuple[Any, Any]:
    """Return the place of each code in the order of ids, and the code at each place."""
    if keys.low is not None:
        return None, None  # codes of whole numbers are in order as they are
    order = np.asarray(keys.sort(np.arange(keys.size)))
    ranks = np.empty(keys.size, dtype=np.int64)
    ranks[order] = np.arange(keys.size)
    return ranks, order


def _group_ranks(grouped: Groups) -> tuple[Ints, Ints]:
    """Return the place of each group in the order of its values, and the group at each place."""
    order = np.arange(grouped.size)
    if grouped.names and grouped.size:
        names = pa.table(grouped.names)
        keys = [(role, "ascending") for role in grouped.names]
        order = np.asarray(pc.sort_indices(names, sort_keys=keys)).astype(np.int64)
    ranks = np.empty(grouped.size, dtype=np.int64)
    ranks[order] = np.arange(grouped.size)
    return ranks, order
