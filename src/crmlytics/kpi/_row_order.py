"""Sorting rows of several columns of whole numbers at once."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[Any]  # whole numbers from 0, as narrow as they allow
_BITS = 63  # of a key that is sorted as one number


def in_order(columns: list[Codes]) -> list[Codes]:
    """Sort rows of whole numbers from 0 by the first column, then the second and so on.

    Packed into one number a row they are sorted in a fraction of the time that an order takes.
    They come back as narrow as they allow.
    """
    if not len(columns[0]):
        return columns
    widths = [int(column.max()).bit_length() for column in columns]
    if sum(widths) <= _BITS:
        packed = _packed(columns, widths)
        packed.sort()
        return _unpacked(packed, widths)
    return _in_order_twice(columns, widths)


def _type(width: int) -> type[np.signedinteger[Any]]:
    return np.int8 if width < 8 else np.int32 if width < 32 else np.int64


def _packed(columns: Sequence[Codes], widths: Sequence[int]) -> Codes:
    packed: Codes = columns[0].astype(_type(sum(widths)))
    for column, width in zip(columns[1:], widths[1:], strict=True):
        packed <<= width
        np.bitwise_or(packed, column, out=packed, casting="unsafe")
    return packed


def _unpacked(packed: Codes, widths: Sequence[int]) -> list[Codes]:
    """Take the numbers apart again; this uses them up."""
    taken: list[Codes] = []
    for width in widths[:0:-1]:
        taken.append((packed & ((1 << width) - 1)).astype(_type(width)))
        packed >>= width
    return [packed.astype(_type(widths[0])), *taken[::-1]]


def _in_order_twice(columns: list[Codes], widths: list[int]) -> list[Codes]:
    """Sort by the first column and the high bits of the second, then where these are equal."""
    n = len(columns[0])
    row_width = (n - 1).bit_length()
    low = max(widths[0] + widths[1] + row_width - _BITS, 0)
    fine = [low, *widths[2:]]
    size = sum(fine)
    if low > widths[1] or row_width + size > _BITS:
        order = np.lexsort(columns[::-1])
        return [column[order] for column in columns]
    coarse = [widths[0], widths[1] - low]
    rows = np.arange(n, dtype=_type(row_width))
    head = _packed([columns[0], columns[1] >> low, rows], [*coarse, row_width])
    head.sort()
    tail = _packed([columns[1] & ((1 << low) - 1), *columns[2:]], fine)
    tail = tail[head & ((1 << row_width) - 1)]
    head >>= row_width
    same = np.flatnonzero(head[1:] == head[:-1])
    if len(same):
        tied = np.zeros(n, dtype=bool)
        tied[same] = tied[same + 1] = True
        rows = np.flatnonzero(tied)
        run = np.cumsum(np.append(False, head[rows[1:]] != head[rows[:-1]]))
        both = _packed([run, tail[rows]], [row_width, size])
        both.sort()
        tail[rows] = both & ((1 << size) - 1)
    first, high = _unpacked(head, coarse)
    last, *rest = _unpacked(tail, fine)
    moment = high.astype(np.int64)
    moment <<= low
    moment |= last
    return [first, moment, *rest]
