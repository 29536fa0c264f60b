"""Stickiness: on how many of the days those who are there come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoFrameT

from crmlytics import _checks, _frame, _intervals, _lazy, _periods, _result
from crmlytics._columns import Ints
from crmlytics._frame import Source
from crmlytics.errors import OptionError
from crmlytics.kpi import _days
from crmlytics.kpi._definitions import defined

SCHEMA = {
    "period": "date",
    "days": "int",
    "dau": "float",
    "mau": "int",
    "value": "float",
    "lower": "float",
    "upper": "float",
    "numerator": "int",
    "denominator": "int",
    "complete": "bool",
}
_LONGEST = 3_660  # days of a window
_MOST_ROWS = 20_000_000
_SUMS = ("mau", "numerator", "squares")


@dataclass(frozen=True)
class _Windows:
    """Months or windows of equal length, numbered through; days outside the table are not seen."""

    first: int  # the first day of the table
    day: int
    length: int | None  # None: calendar months

    @property
    def starts(self) -> Ints:
        """The first day of each window, and the day after the last."""
        if self.length is None:
            months = [_periods.of_day(self.first, "M"), _periods.of_day(self.day, "M")]
            return np.asarray(_periods.first_days(np.arange(months[0], months[1] + 2), "M"))
        many = -(-(self.day + 1 - self.first) // self.length)
        return self.day + 1 - self.length * np.arange(many, -1, -1, dtype=np.int64)

    def of_days(self, days: Ints) -> Ints:
        starts = self.starts
        number = np.searchsorted(starts, np.arange(starts[0], starts[-1]), side="right") - 1
        return np.asarray(number[days - starts[0]])

    def expression(self) -> nw.Expr:
        """Return the number of the window of a lazy table's dates."""
        if self.length is None:
            return _periods.expression("date", "M") - _periods.of_day(self.first, "M")
        return (_lazy.day_number("date") - int(self.starts[0])) // self.length

    def table(self) -> pa.Table:
        """Return number, first day, length and days seen of each window."""
        starts = self.starts
        seen = np.minimum(starts[1:], self.day + 1) - np.maximum(starts[:-1], self.first)
        return pa.table(
            {
                "number": np.arange(len(seen)),
                "period": _periods.timestamps(starts[:-1]),
                "length": np.diff(starts),
                "days": seen,
            }
        )


@defined
def stickiness(
    events: IntoFrameT,
    *,
    window_days: int | None = None,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
) -> IntoFrameT:
    """Mean daily active customers as a share of monthly active customers (DAU / MAU).

    ``value = active days of all customers / (active customers * days)``: the share of the days on
    which a customer who came in the month came. Every row is activity, returns included. All days
    of the month from the first date of the table to `as_of` count, also those without anyone.

    Parameters
    ----------
    events : table
        One row per event (visit, login, purchase). A Polars LazyFrame or DuckDB relation is
        reduced in its own engine and comes back lazy, unsorted; it is read once beforehand.
    window_days : int, optional
        Windows of this many days (2 to 3,660), one after the other and counted back from `as_of`,
        in place of calendar months. With 28 every window has the same days of the week.
    as_of : date, default the last date of the table
        The last day seen, inclusive; later rows are not used.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns to group by: each group is counted as if it were alone, on the calendar of all.
    customer_col, date_col : str
        Names of the columns.

    Returns
    -------
    table
        One row a group and month or window, sorted: the columns of `by`, ``period`` (timestamp;
        its first day), ``days`` (int; those of it that were seen), ``dau`` (float; customers
        active on a day, on average), ``mau`` (int; customers active in it), ``value`` (float, 0
        to 1; null where nobody came), ``lower``, ``upper`` (float; delta method over customers,
        null with fewer than two), ``numerator`` (int, different days of customers),
        ``denominator`` (int, mau * days), ``complete`` (bool; False where days of it lie before
        the first date or after `as_of`).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or an empty table comes without `as_of`.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    See Also
    --------
    growth_accounting : how many came, stayed and went.

    Notes
    -----
    The fewer days were seen, the higher the value: on a single day it is 1. Compare windows that
    are complete.

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., ch. 6 (interval of a ratio).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-02-01", "2026-02-01", "2026-02-15", "2026-02-28"]
    >>> events = pd.DataFrame({"customer_id": list("abaa"), "date": pd.to_datetime(days)})
    >>> sticky = crm.kpi.stickiness(events)  # a on 3 of 28 days, b on 1
    >>> sticky[["period", "days", "mau", "numerator", "denominator", "complete"]]
          period  days  mau  numerator  denominator  complete
    0 2026-02-01    28    2          4           56      True
    >>> sticky[["dau", "value", "lower", "upper"]].round(4)
          dau   value   lower   upper
    0  0.1429  0.0714  0.0014  0.1414
    """
    caller = "stickiness"
    if window_days is not None:
        _checks.whole(window_days, name="window_days", caller=caller, low=2, high=_LONGEST)
    z = _intervals.z_value(_checks.confidence(confidence, caller))
    source = _frame.read(
        events, caller=caller, argument="events", by=by, lazy=True, result=tuple(SCHEMA),
        roles={"customer_col": customer_col, "date_col": date_col},
    )  # fmt: skip
    day = _frame.as_of(source, as_of)
    schema = {**dict.fromkeys(source.by, "id"), **SCHEMA}
    if source.n_rows == 0:
        nothing: IntoFrameT = _result.empty(source, schema)
        return nothing
    windows = _Windows(source.days("date")[0], day, window_days)
    table = _lazy.working(source.table, windows.table(), source.kind)
    counted = _counted(source, windows, day)
    by_window = [*source.by, "number"]
    grid = table.select("number")
    if source.by:
        grid = _lazy.cross(_lazy.distinct(counted, source.by), grid).select(*by_window)
    found = _lazy.agg(
        _lazy.stack([grid, counted], _SUMS), by_window, **{name: (name, "sum") for name in _SUMS}
    )
    found = _figures(_lazy.look_up(found, table, on="number"), z)
    answer: IntoFrameT = _result.native(source, found, schema, sort_by=[*source.by, "period"])
    return answer


def _counted(source: Source, windows: _Windows, day: int) -> Any:
    """One row a group and window with activity: mau, days of customers, sum of their squares."""
    if source.lazy:
        days = _days.of_engine(source, day).with_columns(number=windows.expression())
        each = _lazy.agg(days, ["customer", *source.by, "number"], numerator="len")
        each = each.with_columns(squares=nw.col("numerator") * nw.col("numerator"))
        sums: dict[str, Any] = {name: (name, "sum") for name in ("numerator", "squares")}
        return _lazy.agg(each, [*source.by, "number"], mau="len", **sums)
    found, many = _days.of_rows(source, day), len(windows.starts) - 1
    if found.grouped.size * many > _MOST_ROWS:
        raise OptionError(
            f"{source.caller}: {many:,} windows of {found.grouped.size:,} groups make too many "
            "rows. Choose a larger window_days, or fewer groups."
        )
    number = windows.of_days(found.day)
    # days are sorted, so that those of a customer in a window stand together
    begins = found.starts.copy()
    begins[1:] |= number[1:] != number[:-1]
    first = np.flatnonzero(begins)
    days_of = np.diff(np.append(first, len(number)))
    cell = found.group[first] * many + number[first]
    size = found.grouped.size * many
    mau = np.bincount(cell, minlength=size)
    filled = np.flatnonzero(mau)
    counted = pa.table(
        {
            **found.grouped.columns(filled // many),
            "number": filled % many,
            "mau": mau[filled],
            "numerator": np.bincount(cell, days_of, size)[filled],
            "squares": np.bincount(cell, days_of * days_of, size)[filled],
        }
    )
    return _lazy.working(source.table, counted, source.kind)


def _figures(found: Any, z: float) -> Any:
    """Divide, and add the delta method's interval over customers."""
    n, some = nw.col("mau"), nw.col("mau") > 0
    found = found.with_columns(denominator=n * nw.col("days"))
    # n / (n - 1) * sum((d - mean)^2) = (n * sum(d^2) - sum(d)^2) / (n - 1)
    spread = n * nw.col("squares") - nw.col("numerator") * nw.col("numerator")
    spread = nw.when(spread > 0).then(spread).otherwise(nw.lit(0.0))
    found = found.with_columns(
        value=nw.when(some).then(nw.col("numerator") / nw.col("denominator")),
        half=nw.when(n > 1).then((spread / (n - 1)).sqrt() / nw.col("denominator") * z),
    )
    lower, upper = nw.col("value") - nw.col("half"), nw.col("value") + nw.col("half")
    return found.with_columns(
        dau=nw.col("numerator") / nw.col("days"),
        lower=nw.when(lower < 0).then(nw.lit(0.0)).otherwise(lower),
        upper=nw.when(upper > 1).then(nw.lit(1.0)).otherwise(upper),
        complete=nw.col("days") == nw.col("length"),
    )
