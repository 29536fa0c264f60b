"""The rule of "but" as vaderSentiment 3.3.2 has it, compiled: in linear time, faults included."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

from crmlytics._columns import Floats, Ints

_F = TypeVar("_F", bound=Callable[..., Any])

_BEFORE, _AFTER = 0.5, 1.5
_FEW = 32  # words of the lexicon: so many are looked through sooner than put in order
_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # of Fibonacci hashing, with a sign
_FREE, _EMPTY = -1, -2  # a slot that was never used, and one without places left


def compiled(function: _F) -> _F:
    """Compile a function, and keep the outcome on disk where there is a place for it."""
    njit: Any = numba.njit
    try:
        compiled: _F = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither this folder nor that of the user can be written to
        compiled = njit(nogil=True)(function)
    return compiled


@compiled
def slot_of(value: int, size: int) -> int:
    """Return where to look first for a hash; the size of the table is a power of two."""
    return ((value * _SPREAD) >> 20) & (size - 1)


@compiled
def turn(values: Floats, places: Ints, n: int, but: int) -> None:
    """Halve values before "but" and raise those after it, with the fault of the original.

    There each value is looked for from the start of the list while the list changes, so that the
    first equal one is scaled in its place.
    """
    if n > _FEW:
        _turn_many(values[:n], places, but)
        return
    for k in range(n):
        if values[k] != 0:
            first = 0
            while values[first] != values[k]:
                first += 1
            values[first] *= _BEFORE if places[first] < but else _AFTER


@compiled
def _turn_many(values: Floats, places: Ints, but: int) -> None:
    """Do the same with a heap of places for each value, so that long texts take no longer."""
    n = len(values)
    size = 8
    while size < 4 * n:  # a step makes one new value at most
        size *= 2
    slots, keys = np.full(size, _FREE, dtype=np.int64), np.empty(size, dtype=np.int64)
    heaps = np.full((2, n), -1, dtype=np.int64)
    bits = values.view(np.int64)
    for k in range(n - 1, -1, -1):
        _put(k, bits[k], slots, keys, heaps)
    for k in range(n):
        if values[k] == 0:
            continue
        slot = _find(bits[k], slots, keys)
        first = slots[slot]
        slots[slot] = _meld(heaps, heaps[0, first], heaps[1, first])
        heaps[:, first] = -1
        values[first] *= _BEFORE if places[first] < but else _AFTER
        _put(first, bits[first], slots, keys, heaps)


@compiled
def _find(key: int, slots: Ints, keys: Ints) -> int:
    """Return the slot of a value, or the free one where it belongs."""
    slot = slot_of(key, len(slots))
    while slots[slot] != _FREE and keys[slot] != key:
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@compiled
def _put(place: int, key: int, slots: Ints, keys: Ints, heaps: Ints) -> None:
    slot = _find(key, slots, keys)
    keys[slot] = key
    slots[slot] = _meld(heaps, slots[slot], place)


@compiled
def _meld(heaps: Ints, one: int, other: int) -> int:
    """Join two skew heaps; a node is a place, its two branches are columns of `heaps`."""
    if one < 0 and other < 0:
        return _EMPTY
    if one < 0 or other < 0:
        return max(one, other)
    root = node = min(one, other)
    other = max(one, other)
    while True:
        right = heaps[1, node]
        heaps[1, node] = heaps[0, node]
        if right < 0:
            heaps[0, node] = other
            return root
        heaps[0, node] = node = min(right, other)
        other = max(right, other)
