"""Subscriptions as spells: how long each customer stayed, and whether that is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _checks, _frame, _groups, _terms
from crmlytics._columns import Bools, Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError


@dataclass(frozen=True)
class Spells:
    """Unbroken stays of customers, sorted by customer code and start."""

    source: Source
    rows: Ints  # of the table: the subscription each spell began with
    tenure: Ints  # days, to the end or to the day of the question
    churned: Bools

    @property
    def size(self) -> int:
        return len(self.rows)


def read(
    subscriptions: Any,
    *,
    caller: str,
    argument: str,
    as_of: Any,
    roles: Mapping[str, str | None],
    by: Any = None,
    at_start: Sequence[str] = (),
    result: tuple[str, ...] = (),
) -> Spells:
    """Check a table of subscriptions and join those of a customer that overlap or touch.

    `roles` may go without end_col: then nobody has left. The columns of `by` and the roles of
    `at_start` speak of the day on which a spell began, and must not differ within it.
    """
    source = _frame.read(
        subscriptions, caller=caller, argument=argument, by=by, roles=roles,
        optional=("end_col",), result=result,
    )  # fmt: skip
    starts, ends, day = _terms.terms(source, as_of)
    if not source.n_rows:
        return Spells(source, starts, starts, starts.astype(bool))
    seen = np.flatnonzero(starts <= day)
    # an end that lies ahead is as open as one that is null
    ends = np.minimum(ends, day + 1)
    customers = np.asarray(source.keys("customer").codes, dtype=np.int64)
    order = seen[np.lexsort((starts[seen], customers[seen]))]
    first, last, until = _joined(customers[order], starts[order], ends[order])
    _one_start(source, order, first, starts, at_start)
    end = until[last]
    churned = end <= day
    tenure = np.where(churned, end, day) - starts[order[first]]
    return Spells(source, order[first], tenure, churned)


def _joined(customers: Ints, starts: Ints, ends: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the first and last row of each spell, and the latest end so far at each row."""
    low = int(min(starts.min(), ends.min()))
    span = int(ends.max()) - low + 1
    # one running maximum serves all: a later customer is above whatever came before
    until = np.maximum.accumulate(customers * span + (ends - low)) - customers * span + low
    new = np.ones(len(starts), dtype=bool)
    new[1:] = (customers[1:] != customers[:-1]) | (starts[1:] > until[:-1])
    first = np.flatnonzero(new)
    return first, np.append(first[1:], len(starts)) - 1, until


def _one_start(
    source: Source, order: Ints, first: Ints, starts: Ints, at_start: Sequence[str]
) -> None:
    """Refuse spells that begin with several subscriptions which differ in what is asked."""
    roles = [*source.by, *at_start]
    spell = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(order))))
    opening = starts[order] == starts[order[first]][spell]
    if not roles or int(np.count_nonzero(opening)) == len(first):
        return
    codes = _groups.rows_together(source, roles)[order]
    torn = len(np.unique(spell[opening & (codes != codes[first][spell])]))
    if torn:
        names = ", ".join(repr(source.names[role]) for role in roles)
        raise DataError(
            f"{source.caller}: {torn:,} of {len(first):,} spells begin with several subscriptions "
            f"on one day that differ in {names}. Keep one row a customer and first day, or give "
            "each product a call of its own."
        )


def horizon(value: Any, caller: str) -> int:
    """Return a horizon in days."""
    return _checks.whole(value, name="horizon_days", caller=caller, low=1, high=100_000)
