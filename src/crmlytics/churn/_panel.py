"""Customers as they stood on a day: purchase days, and sums over windows that end there.

Every sum is made over its own slice of a customer's days and of nothing else, so that rows after
the day cannot change a single digit.
"""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _codes, _transactions
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source


@dataclass(frozen=True)
class Days:
    """Purchase days of all customers, sorted by customer and day."""

    customers: nw.Series[Any]  # in the order of their ids
    customer: Ints  # of each purchase day
    day: Ints
    amount: Floats  # paid on it; NaN where one amount is unknown
    lines: Ints
    starts: Ints  # of each customer, and the end

    @property
    def n_customers(self) -> int:
        return len(self.starts) - 1

    def upto(self, day: int) -> Ints:
        """Return for each customer where the days after `day` begin."""
        low = int(self.day.min(initial=0))
        span = int(self.day.max(initial=0)) - low + 2
        at = np.clip(day - low + 1, 0, span - 1)
        keys = self.customer * span + (self.day - low)
        return np.searchsorted(keys, np.arange(self.n_customers) * span + at)


def purchase_days(source: Source) -> Days:
    """Reduce lines to purchase days; lines with an amount below 0 are returns."""
    keys, negative = source.keys("customer"), _codes.returns(source)
    bought = None if negative is None else ~negative
    codes = _codes.pick(keys.codes, bought)
    there = np.flatnonzero(np.bincount(codes, minlength=keys.size))
    order = keys.sort(there)
    rank = np.zeros(keys.size, dtype=np.int64)
    rank[order] = np.arange(len(order))
    codes = rank[codes]
    days = _codes.pick(source.ticks("date").days(), bought)
    found, span, low = _codes.days_of(codes, max(len(order), 1), days)
    customer = found.present // span
    day = found.present - customer * span + low
    if "amount" in source.names:
        paid, known = found.sums(_codes.pick(source.numbers("amount"), bought))
        amount = _transactions.money(paid, 2)
        amount = amount if known is None else np.where(known, amount, np.nan)
    else:
        amount = np.full(len(day), np.nan)
    lines, _ = found.sums(np.ones(len(codes)))
    starts = np.append(0, np.cumsum(np.bincount(customer, minlength=len(order))))
    return Days(keys.take(order), customer, day, amount, lines.astype(np.int64), starts)


def sums(values: Any, first: Ints, last: Ints) -> Any:
    """Sum each slice of values from `first` to before `last`; 0 for an empty one."""
    edges = np.column_stack([first, last]).ravel()
    padded = np.append(values, values.dtype.type(0))
    found = np.add.reduceat(padded, edges)[::2] if len(edges) else np.zeros(0, values.dtype)
    return np.where(last > first, found, values.dtype.type(0))


def largest(values: Any, first: Ints, last: Ints) -> Any:
    """Return the largest value of each slice; NaN for an empty one."""
    edges = np.column_stack([first, last]).ravel()
    padded = np.append(values, np.nan)
    found = np.maximum.reduceat(padded, edges)[::2] if len(edges) else np.zeros(0)
    return np.where(last > first, found, np.nan)


def firsts(owner: Ints, item: Ints, day: Ints, n_items: int) -> tuple[Ints, Ints]:
    """Return owner and day of the first row of each different pair of owner and item."""
    pair = owner * max(n_items, 1) + item
    order = np.lexsort([day, pair])
    new = np.append(True, pair[order][1:] != pair[order][:-1])[: len(order)]
    return owner[order][new], day[order][new]
