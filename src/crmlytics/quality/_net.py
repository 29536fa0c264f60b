"""Set returns against the purchases they undo, the latest first.

Each customer and product is a stack: a purchase lies on what was there before, a return takes from
the top. With H the height of the stack after each event, a purchase that lifted it from H(i - 1)
to H(i) keeps what no later event reaches below, min H(j >= i) - H(i - 1); no loop is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmlytics._columns import Bools, Floats, Ints

# Half a unit up, and a little more, because 1.005 is stored as 1.00499999999999989.
_HALF = 0.5 + 1e-6
UNITS = 1_000_000


@dataclass(frozen=True)
class Netted:
    """What became of each row, in whole units of money and in millionths of a piece."""

    cents: Ints  # what is left of a purchase
    taken: Ints  # what returns took from it
    unmatched: Ints  # what a return did not find
    goods_taken: Ints  # what returns took from the quantity of a purchase that is left


def units(values: Floats, scale: float) -> Ints:
    """Write sizes as whole units, halves up; unknown ones as 0."""
    sizes = np.floor(np.abs(np.nan_to_num(values)) * scale + _HALF)
    return np.asarray(sizes, dtype=np.int64)


def net(
    amounts: Floats,
    quantities: Floats | None,
    moments: Ints,
    *,
    stacks: list[Ints],
    ranks: Callable[[Ints], list[Any]],
    precision: int,
) -> Netted:
    """Net the rows of each stack; `stacks` are tried one after another on what is left.

    Purchases of one moment count as before the returns of that moment. Among them the smaller
    amount is taken first, then the smaller quantity, then the higher of `ranks(rows)`, the last of
    which weighs most.
    """
    is_return = amounts < 0
    cents = units(amounts, 10.0**precision)
    goods = np.zeros(len(cents), dtype=np.int64)
    if quantities is not None:
        goods = units(quantities, UNITS)
        goods[cents == 0] = 0  # gifts lie on no stack of goods
    left, pieces = cents.copy(), goods.copy()
    for stack in stacks:
        rows = _concerned(stack, is_return)
        keys = [-pieces[rows], -left[rows], is_return[rows], moments[rows], stack[rows]]
        rows = rows[_order(keys, rows, ranks)]
        left[rows] = _stacked(left[rows], is_return[rows], stack[rows])
        pieces[rows] = _stacked(pieces[rows], is_return[rows], stack[rows])
        pieces[left == 0] = 0  # what is settled takes no part in the next stack
    none = np.zeros(len(cents), dtype=np.int64)
    return Netted(
        cents=np.where(is_return, none, left),
        taken=np.where(is_return, none, cents - left),
        unmatched=np.where(is_return, left, none),
        goods_taken=np.where(is_return | (left == 0), none, goods - pieces),
    )


def _order(keys: list[Any], rows: Ints, ranks: Callable[[Ints], list[Any]]) -> Ints:
    """Sort by the keys, the last weighing most; only what ties is looked at any closer."""
    order = np.lexsort(keys)
    same = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for key in keys:
        same &= key[order[1:]] == key[order[:-1]]
    if not same.any():
        return order
    tied = np.zeros(len(rows), dtype=bool)
    tied[1:] = same
    tied[:-1] |= same
    places = order[tied]
    closer = np.zeros(len(rows), dtype=np.int64)
    closer[places[np.lexsort(ranks(rows[places]))]] = np.arange(len(places))
    return np.lexsort([closer, *keys])


def _concerned(stack: Ints, is_return: Bools) -> Ints:
    """Return the rows of stacks with a return in them."""
    has_return = np.zeros(int(stack.max()) + 1, dtype=bool)
    has_return[stack[is_return]] = True
    return np.flatnonzero(has_return[stack])


def _stacked(sizes: Ints, is_return: Bools, stack: Ints) -> Ints:
    """Return what is left of each purchase, and of each return that found too few."""
    import pandas as pd

    starts = np.ones(len(stack), dtype=bool)
    starts[1:] = stack[1:] != stack[:-1]
    group = np.cumsum(starts) - 1
    steps = pd.Series(np.where(is_return, -sizes, sizes))
    sums = steps.groupby(group).cumsum()
    # the stack cannot sink below the floor: the part of a return that would is unmatched
    floor = sums.groupby(group).cummin().clip(upper=0).to_numpy()
    height = sums.to_numpy() - floor
    before = _shifted(height, starts)
    later = pd.Series(height[::-1]).groupby(group[::-1]).cummin().to_numpy()[::-1]
    kept = np.clip(later - before, 0, sizes)
    left: Ints = np.where(is_return, _shifted(floor, starts) - floor, kept)
    return left


def _shifted(values: NDArray[np.int64], starts: Bools) -> Ints:
    before = np.zeros_like(values)
    before[1:] = values[:-1]
    before[starts] = 0
    return before
