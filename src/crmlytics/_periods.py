"""Calendar periods as whole numbers: days, weeks from Monday, months, quarters, years since 1970.

Numbers make "the period after" a plain + 1, whatever the lengths of months.
"""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics._columns import Ints
from crmlytics._lazy import day_number

_MONTHS = {"M": 1, "Q": 3, "Y": 12}


def of_days(days: Any, period: str) -> Any:
    """Return the period number of each day number."""
    if period == "D":
        return days
    if period == "W":
        return (days + 3) // 7  # 1970-01-01 was a Thursday
    months = np.asarray(days).astype("M8[D]").astype("M8[M]").astype(np.int64)
    return months // _MONTHS[period]


def first_days(numbers: Any, period: str) -> Any:
    """Return the first day of each period as a day number."""
    if period == "D":
        return numbers
    if period == "W":
        return numbers * 7 - 3
    months = np.asarray(numbers) * _MONTHS[period]
    return months.astype("M8[M]").astype("M8[D]").astype(np.int64)


def of_day(day: int, period: str) -> int:
    return int(of_days(np.int64(day), period))


def is_over(number: int, period: str, as_of: int) -> bool:
    """Say whether all days of a period were seen by the end of the day `as_of`."""
    return int(first_days(np.int64(number + 1), period)) - 1 <= as_of


def of_rows(days: Ints, first: int, last: int, period: str) -> Any:
    """Return the period of each row, counted from that of the first day; one look-up a row."""
    since = days - first
    if period == "D":
        return since
    numbers = of_days(np.arange(first, last + 1), period)
    return (numbers - numbers[0]).astype(np.int32)[since]


def expression(column: str, period: str) -> nw.Expr:
    """Return the period number of a date column of a lazy table."""
    if period in _MONTHS:
        moment = nw.col(column).dt
        months = (moment.year().cast(nw.Int64) - 1970) * 12 + moment.month().cast(nw.Int64) - 1
        return months // _MONTHS[period]
    return day_number(column) if period == "D" else (day_number(column) + 3) // 7


def timestamps(days: Any) -> pa.Array:
    """Return day numbers as naive timestamps at midnight."""
    return pa.array(np.asarray(days).astype("M8[D]").astype("M8[us]"))


def calendar(first: int, last: int, period: str, *, number: str, start: str) -> pa.Table:
    """Return the periods from number `first` to `last` with the day each begins."""
    numbers = np.arange(first, last + 1, dtype=np.int64)
    return pa.table({number: numbers, start: timestamps(first_days(numbers, period))})
