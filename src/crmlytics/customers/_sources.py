"""What each table of events says of a customer up to a day: one entry a customer, no more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _codes, _columns, _periods, _result, _transactions
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.customers import _align
from crmlytics.errors import DataError

_DAY = 86_400_000_000  # microseconds
_NEVER, _LATER = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True)
class Seen:
    """The rows of a table that count: of customers in the view, up to the end of the day."""

    source: Source
    rows: Bools | None  # None: all
    who: Ints  # place in the view, one a row that counts
    days: Ints
    size: int
    as_of: int

    def pick(self, values: Any) -> Any:
        return _codes.pick(values, self.rows)

    def count(self, rows: Any = slice(None)) -> Ints:
        return np.bincount(self.who[rows], minlength=self.size)


def days_of(source: Source, role: str) -> Ints:
    """Return the day of each row; rows without one come after all."""
    series = source.column(role)
    null = _columns.null_mask(series)
    if not null.any():
        return np.asarray(source.ticks(role).days(), dtype=np.int64)
    days = np.full(len(null), _LATER)
    known = np.flatnonzero(~null)
    if len(known):
        days[known] = _columns.ticks(series[known]).days()
    return days


def _when(seen: Seen, rows: Any = slice(None)) -> dict[str, Any]:
    """Return the first and last day of each customer, and how long ago that is."""
    who, days = seen.who[rows], seen.days[rows]
    first, last = np.full(seen.size, _LATER), np.full(seen.size, _NEVER)
    np.minimum.at(first, who, days)
    np.maximum.at(last, who, days)
    known = last != _NEVER
    return {
        "first_date": _dates(first, known),
        "last_date": _dates(last, known),
        "recency_days": _result.column(np.where(known, seen.as_of - last, 0), known),
    }


def _dates(days: Ints, known: Bools) -> pa.Array:
    moments = _periods.timestamps(np.where(known, days, 0))
    return pc.if_else(pa.array(known), moments, pa.scalar(None, moments.type))


def _mean(total: Any, times: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(times > 0, total / times, np.nan)


def transactions(seen: Seen) -> dict[str, Any]:
    """Return orders and amounts; amounts below 0 are returns, which are no orders."""
    bought: Any = slice(None)
    made: dict[str, Any] = {}
    if "amount" in seen.source.names:
        amounts = seen.pick(seen.source.numbers("amount"))
        if seen.source.negative("amount") is not None:
            bought = ~(amounts < 0)
        spent, known = _codes.sums(seen.who, amounts, seen.size)
        made["amount"] = _result.column(_transactions.money(spent, 2), known)
    if "order" in seen.source.names:
        orders = seen.source.keys("order")
        items, size = seen.pick(orders.codes)[bought], orders.size
    else:
        items, size = _numbered(seen.days[bought])
    count = _codes.distinct_per(seen.who[bought], seen.size, items, size)
    return {"orders": count, **made, **_when(seen, bought)}


def _numbered(days: Ints) -> tuple[Ints, int]:
    """Count days from the first of them, and say how many numbers that takes."""
    if not len(days):
        return days, 0
    low = days.min()
    return days - low, int(days.max() - low) + 1


def interactions(seen: Seen) -> dict[str, Any]:
    """Return contacts, and the channel of most of them."""
    days = seen.days
    made: dict[str, Any] = {"n": seen.count(), **_when(seen)}
    if "channel" in seen.source.names:
        keys = seen.source.keys("channel")
        there = ~seen.pick(_columns.null_mask(seen.source.column("channel")))
        names = _result.ids(keys.take(np.unique(keys.codes))) if keys.size else pa.array([])
        rank = np.zeros(max(keys.size, 1), dtype=np.int64)
        if keys.size:
            order = np.asarray(pc.sort_indices(names))
            rank[np.unique(keys.codes)[order]] = np.arange(len(order))
            names = names.take(pa.array(order))
        channel, width = rank[seen.pick(keys.codes)], max(keys.size, 1)
        cell = (seen.who * width + channel)[there]
        cells, place = np.unique(cell, return_inverse=True)
        times = np.bincount(place, minlength=len(cells))
        last = np.full(len(cells), _NEVER)
        np.maximum.at(last, place, days[there])
        who, channel = cells // width, cells % width
        made["channels"] = np.bincount(who, minlength=seen.size)
        # the most used; of equals the one used last, then the first by name
        order = np.lexsort([-channel, last, times, who])
        top = np.full(seen.size, -1)
        top[who[order]] = channel[order]  # the last of several writes stays
        made["top_channel"] = names.cast(pa.string()).take(pa.array(top, mask=top < 0))
    return made


def feedback(seen: Seen) -> dict[str, Any]:
    """Return how often a customer spoke, and the scores given."""
    days = seen.days
    made: dict[str, Any] = {"n": seen.count(), **_when(seen)}
    if "score" in seen.source.names:
        scores = seen.pick(seen.source.numbers("score"))
        known = ~np.isnan(scores)
        who, scores, days = seen.who[known], scores[known], days[known]
        times = np.bincount(who, minlength=seen.size)
        made["mean_score"] = _result.column(_mean(np.bincount(who, scores, seen.size), times))
        last = np.full(seen.size, _NEVER)
        np.maximum.at(last, who, days)
        latest = days == last[who]
        who, scores = who[latest], scores[latest]
        made["last_score"] = _result.column(
            _mean(np.bincount(who, scores, seen.size), np.bincount(who, minlength=seen.size))
        )
    return made


def campaigns(seen: Seen) -> dict[str, Any]:
    """Return the contacts of campaigns, and how often a customer was held out."""
    reached: Any = slice(None)
    made: dict[str, Any] = {}
    if "treated" in seen.source.names:
        treated, unknown = _align.flags(seen.source, "treated")
        reached = seen.pick(treated)
        made["held_out"] = seen.count(seen.pick(~treated & ~unknown))
    return {"n": seen.count(reached), **made, **_when(seen, reached)}


def tickets(seen: Seen) -> dict[str, Any]:
    """Return tickets opened, those still open at the end of the day, and the days they took."""
    made: dict[str, Any] = {"n": seen.count()}
    if "resolved" in seen.source.names:
        _one_clock(seen.source)
        end = (seen.as_of + 1) * _DAY
        opened, resolved = (
            seen.pick(_micros(seen.source, each)) for each in ("opened", "resolved")
        )
        done = resolved < end  # later answers are not known yet
        _forward(seen.source, int((resolved < opened)[done].sum()))
        made["open"] = seen.count(~done)
        # whole microseconds, whose sum does not depend on the order of rows
        took = np.bincount(seen.who[done], (resolved - opened)[done], seen.size)
        made["resolution_days"] = _result.column(_mean(took, seen.count(done)) / _DAY)
    return {**made, **_when(seen)}


def _one_clock(source: Source) -> None:
    """Refuse moments of which some have a time zone and others none."""
    series = [source.column(role) for role in ("opened", "resolved")]
    known = [each for each in series if not _columns.null_mask(each).all()]
    if len({_columns.family(each) for each in known}) > 1:
        raise DataError(
            f"{source.caller}: one of {source.names['opened']!r} (opened_col) and "
            f"{source.names['resolved']!r} (resolved_col) of {source.argument} has a time zone and "
            "the other has none. Give both a zone, or none."
        )


def _forward(source: Source, backwards: int) -> None:
    """Refuse resolutions before the opening."""
    if backwards:
        raise DataError(
            f"{source.caller}: {backwards} of {source.n_rows} rows of {source.argument} have "
            f"{source.names['resolved']!r} (resolved_col) before {source.names['opened']!r} "
            "(opened_col). Correct them, or drop the rows."
        )


def _micros(source: Source, role: str) -> Floats:
    """Return whole microseconds since 1970 by the column's own clock; infinite where unknown."""
    series = source.column(role)
    known = np.flatnonzero(~_columns.null_mask(series))
    micros = np.full(len(series), np.inf)
    if len(known):
        ticks = _columns.ticks(series[known])
        micros[known] = np.floor(ticks.values * (_DAY / ticks.per_day))
    return micros


def web(seen: Seen) -> dict[str, Any]:
    """Return events and the days with one."""
    distinct = _codes.distinct_per(seen.who, seen.size, *_numbered(seen.days))
    return {"n": seen.count(), "days": distinct, **_when(seen)}


@dataclass(frozen=True)
class Kind:
    """A kind of table: how it is reduced, its columns, and the day that each row is of."""

    reduce: Callable[[Seen], dict[str, Any]]
    roles: tuple[str, ...]
    usual: tuple[str, ...] = ()  # read where the table has them under their usual name
    date: str = "date"


KINDS: Mapping[str, Kind] = {
    "transactions": Kind(transactions, ("date_col", "order_col", "amount_col")),
    "interactions": Kind(interactions, ("date_col",), ("channel_col",)),
    "feedback": Kind(feedback, ("date_col",), ("score_col",)),
    "campaigns": Kind(campaigns, ("date_col",), ("treated_col",)),
    "tickets": Kind(tickets, ("opened_col",), ("resolved_col",), date="opened"),
    "web": Kind(web, ("date_col",)),
}
WORDS = {
    "orders": "different orders (days where orders have no id), returns apart",
    "amount": "sum of amounts, returns taken off",
    "n": "rows",
    "campaigns_n": "contacts made: rows of customers who were not held out",
    "first_date": "first day",
    "last_date": "last day",
    "recency_days": "days from the last day to as_of",
    "channels": "different channels",
    "top_channel": "channel of most rows, of equals the one used last",
    "mean_score": "mean of the scores",
    "last_score": "score of the last day, the mean of several",
    "held_out": "rows of campaigns that the customer was held out of",
    "open": "tickets not resolved by the end of as_of",
    "resolution_days": "mean days from opened to resolved, of tickets resolved by then",
    "days": "different days",
}
