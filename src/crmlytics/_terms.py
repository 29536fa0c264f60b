"""From when to when contracts run: what all readers of subscriptions share."""

from typing import Any, NamedTuple

import numpy as np

from crmlytics import _checks, _columns, _frame
from crmlytics._columns import Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError

NEVER = int(np.iinfo(np.int64).max)
_CENTURY = 36_525  # days


class Terms(NamedTuple):
    """The days of all rows of a table of subscriptions."""

    start: Ints
    end: Ints  # the first day without; NEVER where it is null or lies after `day`
    day: int  # the last one seen


def terms(source: Source, as_of: Any) -> Terms:
    """Return starts and ends, checked, and the last day seen: by default the last of both.

    A source without the role "end" has no ends.
    """
    day = _frame.as_of(source, as_of, role="start")
    if not source.n_rows:
        none = np.zeros(0, dtype=np.int64)
        return Terms(none, none, day)
    start = np.asarray(source.ticks("start").days())
    if "end" not in source.names:
        return Terms(start, np.full(len(start), NEVER), day)
    micros, known = _columns.moments(source.column("end"))
    zoned = [_columns.zone(source.column(role)) is not None for role in ("start", "end")]
    if known.any() and zoned[0] != zoned[1]:
        raise DataError(
            f"{source.caller}: of {source.names['start']!r} (start_col) and {source.names['end']!r}"
            " (end_col) one has a time zone and the other none. Bring both into one zone, or take "
            "it from both."
        )
    end = np.where(known, micros // _columns.MICROS, NEVER)
    backwards = int(np.count_nonzero(end < start))
    if backwards:
        raise DataError(
            f"{source.caller}: {backwards:,} of {source.n_rows:,} rows of {source.argument} end "
            f"before they start ({source.names['end']!r}, {source.names['start']!r}). Correct or "
            "drop them."
        )
    if as_of is None and known.any():
        day = max(day, int(end[known].max()))
        _refuse_endless(source, int(start.min()), day)
    return Terms(start, np.where(end > day, NEVER, end), day)


def _refuse_endless(source: Source, first: int, last: int) -> None:
    """Refuse ends such as 9999-12-31, which stand for none, as the last day seen."""
    if last - first > _CENTURY:
        raise DataError(
            f"{source.caller}: the last {source.names['end']!r} (end_col) is {_checks.iso(last)}, "
            "more than 100 years after the first start, so it is no day that was seen. Pass "
            "as_of=, the last day that the table covers; later ends are then open."
        )
