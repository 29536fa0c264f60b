"""Cost and new customers by group, channel and period, and the levels they add up to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _checks, _codes, _columns, _intervals, _periods, _result, _transactions
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError
from crmlytics.kpi import _cac_tables, _estimates, _pairs

LEVELS = ("blended", "paid", "channel", "unattributed")
_NONE_YET = np.iinfo(np.int64).max  # the first day of spend that has no rows


@dataclass(frozen=True)
class Window:
    """The days of acquisition that are counted, and the rows of both tables that fall in them."""

    first: int
    last: int
    spend_rows: Bools
    spend_days: Ints  # of all rows, shifted by the lag
    customer_rows: Bools
    customer_days: Ints

    @property
    def empty(self) -> bool:
        return self.first > self.last


@dataclass(frozen=True)
class _Cells:
    """One entry for each group (or channel of a group) and period."""

    cost: Floats  # NaN where one is unknown
    customers: Ints

    def of(self, rows: Any) -> "_Cells":
        return _Cells(self.cost[rows], self.customers[rows])


@dataclass(frozen=True)
class _Level:
    """Rows of one level of the answer."""

    name: str
    group: Ints
    period: Ints
    channel: Ints | None  # places in the channels of groups
    cells: _Cells
    known: Any  # where a cost per customer has a meaning


def schema(*, period: str | None, channels: bool) -> dict[str, str]:
    """Return the columns of the answer; the kind of `channel` is known with the tables only."""
    columns = {"period": "date"} if period else {}
    columns |= {"level": "text"} | ({"channel": "any"} if channels else {})
    return columns | _estimates.ESTIMATE | ({"complete": "bool"} if period else {})


def window(spend: Source, customers: Source, day: int, lag: int) -> Window:
    """Find which rows count, refuse what cannot be counted, and say what is left out."""
    _refuse(spend, customers)
    paid = spend.ticks("date").days() + lag if spend.n_rows else np.zeros(0, dtype=np.int64)
    first = int(paid.min()) if spend.n_rows else _NONE_YET
    micros, known = _columns.moments(customers.column("acquired"))
    won = micros // _columns.MICROS
    here = known & (won >= first) & (won <= day)
    _say_left_out(customers, known, won > day, here, first)
    _say_ended(spend, paid[paid <= day], day, lag)
    return Window(first, day, paid <= day, paid, here, won)


def _refuse(spend: Source, customers: Source) -> None:
    _cac_tables.refuse_negative(spend, "cost", "cost_col")
    _cac_tables.refuse_repeated(customers)
    zones = {
        _columns.family(source.column(role))
        for source, role in ((spend, "date"), (customers, "acquired"))
        if source.n_rows and not _columns.null_mask(source.column(role)).all()
    }
    if len(zones) > 1:
        raise DataError(
            f"{customers.caller}: one of {spend.names['date']!r} (date_col) and "
            f"{customers.names['acquired']!r} (acquired_col) has a time zone and the other has "
            "none. Give both a zone, or none."
        )


def _say_left_out(customers: Source, known: Bools, after: Bools, here: Bools, first: int) -> None:
    left_out = customers.n_rows - int(np.count_nonzero(here))
    if not left_out:
        return
    unknown, late = int(np.count_nonzero(~known)), int(np.count_nonzero(known & after))
    early = left_out - unknown - late
    began = "in the time of no spend" if first == _NONE_YET else f"before {_checks.iso(first)}"
    parts = [
        f"{early:,} acquired {began}, the first day counted" if early else "",
        f"{late:,} acquired after as_of" if late else "",
        f"{unknown:,} without {customers.names['acquired']!r} (acquired_col)" if unknown else "",
    ]
    _checks.warn(
        f"{customers.caller}: {left_out:,} of {customers.n_rows:,} customers are left out: "
        f"{', '.join(part for part in parts if part)}."
    )


def _say_ended(spend: Source, days: Ints, day: int, lag: int) -> None:
    """Warn if spend stops: more than twice its longest gap is left until `as_of`."""
    found = np.flatnonzero(np.bincount(days - days.min())) if len(days) else days
    if len(found) < 2:
        return
    left = day - int(days.max())
    if left > 2 * int(np.diff(found).max()):
        _checks.warn(
            f"{spend.caller}: spend ends on {_checks.iso(int(days.max()) - lag)}, {left:,} days "
            f"before {'as_of' if not lag else 'as_of less lag_days'}. Customers won since then "
            "are counted as if they cost nothing; choose an earlier as_of, or complete the spend."
        )


def answer(
    spend: Source,
    customers: Source,
    seen: Window,
    *,
    period: str | None,
    precision: int,
    level: float,
) -> Any:
    """Lay out the levels, group by group and period by period."""
    roles = {f"by_{i}": spend.names[f"by_{i}"] for i in range(len(spend.by))}
    rows = (seen.spend_rows, seen.customer_rows)
    groups = _pairs.groups(spend, customers, roles, *rows)
    paid_in, won_in, n_periods = _in_periods(seen, period)
    if period is not None:
        _checks.cells(3 * groups.size * n_periods, period=period, caller=spend.caller)
    whole = _cells(spend, groups, seen, (paid_in, won_in), n_periods)
    group, time = np.divmod(np.arange(groups.size * n_periods), max(n_periods, 1))
    known = _named(groups, seen)[group]
    levels = [_Level("blended", group, time, None, whole, known)]
    names: dict[str, Any] = {}
    if "channel" in spend.names:
        parts = _pairs.groups(spend, customers, {**roles, "channel": "channel"}, *rows)
        names = {"channel": parts.names["channel"]}
        if period is not None:
            _checks.cells(parts.size * n_periods, period=period, caller=spend.caller)
        cells = _cells(spend, parts, seen, (paid_in, won_in), n_periods)
        levels += _levels(spend, seen, groups, parts, cells, n_periods)
    return _laid_out(
        spend, groups, levels, names, _calendar(seen, period), precision=precision, level=level
    )


def _in_periods(seen: Window, period: str | None) -> tuple[Ints, Ints, int]:
    """Return the period of each row that counts, from 0, and how many periods there are."""
    paid, won = seen.spend_days[seen.spend_rows], seen.customer_days[seen.customer_rows]
    if period is None:
        return np.zeros_like(paid), np.zeros_like(won), 1
    if seen.empty:
        return paid, won, 0
    numbers = [
        np.asarray(_periods.of_rows(days, seen.first, seen.last, period), dtype=np.int64)
        for days in (paid, won)
    ]
    length = _periods.of_day(seen.last, period) - _periods.of_day(seen.first, period) + 1
    return numbers[0], numbers[1], length


def _calendar(seen: Window, period: str | None) -> tuple[Any, Any] | None:
    """Return the first day of each period, and whether all of its days were counted."""
    if period is None:
        return None
    if seen.empty:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    first, last = (_periods.of_day(day, period) for day in (seen.first, seen.last))
    starts = np.asarray(_periods.first_days(np.arange(first, last + 2), period))
    return starts[:-1], (starts[1:] - 1 <= seen.last) & (starts[:-1] >= seen.first)


def _cells(
    spend: Source,
    groups: _pairs.Together,
    seen: Window,
    periods: tuple[Ints, Ints],
    n_periods: int,
) -> _Cells:
    size = groups.size * n_periods
    paid = groups.left[seen.spend_rows] * n_periods + periods[0]
    won = groups.right[seen.customer_rows] * n_periods + periods[1]
    cost, known = _codes.sums(paid, spend.numbers("cost")[seen.spend_rows], size)
    cost = cost if known is None else np.where(known, cost, np.nan)
    return _Cells(cost, np.bincount(won, minlength=size))


def _named(groups: _pairs.Together, seen: Window) -> Bools:
    """Mark the groups that spend has rows of: what the others cost nobody has stated."""
    counts = np.bincount(groups.left[seen.spend_rows], minlength=groups.size)
    return np.asarray(counts > 0)


def _levels(
    spend: Source,
    seen: Window,
    groups: _pairs.Together,
    parts: _pairs.Together,
    cells: _Cells,
    n_periods: int,
) -> list[_Level]:
    """Return paid, channels and unattributed; `parts` are the channels within groups."""
    owner = np.zeros(parts.size, dtype=np.int64)
    owner[parts.left[seen.spend_rows]] = groups.left[seen.spend_rows]
    owner[parts.right[seen.customer_rows]] = groups.right[seen.customer_rows]
    is_channel = np.asarray(parts.names["channel"].is_valid())
    at = np.flatnonzero(seen.spend_rows)
    costs = spend.numbers("cost")[at]
    cost_some = np.bincount(parts.left[at], ~(costs == 0), parts.size) > 0  # unknown is a cost too
    part, period = np.divmod(np.arange(parts.size * n_periods), max(n_periods, 1))
    whole = owner[part] * n_periods + period
    size = groups.size * n_periods

    def added(rows: Any) -> _Cells:
        cost = np.asarray(np.bincount(whole[rows], cells.cost[rows], size), dtype=np.float64)
        won = np.bincount(whole[rows], cells.customers[rows], size).astype(np.int64)
        return _Cells(cost, won)

    group, time = np.divmod(np.arange(size), max(n_periods, 1))
    own = np.flatnonzero(is_channel[part])
    known = _named(parts, seen)[part[own]]
    return [
        _Level("paid", group, time, None, added((is_channel & cost_some)[part]), known=True),
        _Level("channel", owner[part[own]], period[own], part[own], cells.of(own), known),
        _Level("unattributed", group, time, None, added(~is_channel[part]), known=False),
    ]


def _laid_out(
    source: Source,
    groups: _pairs.Together,
    levels: list[_Level],
    names: dict[str, Any],
    calendar: tuple[Any, Any] | None,
    *,
    precision: int,
    level: float,
) -> Any:
    sizes = [len(one.group) for one in levels]
    group = np.concatenate([one.group for one in levels])
    period = np.concatenate([one.period for one in levels])
    place = np.repeat([LEVELS.index(one.name) for one in levels], sizes)
    cost = _transactions.money(np.concatenate([one.cells.cost for one in levels]), precision)
    won = np.concatenate([one.cells.customers for one in levels])
    known = np.concatenate([np.broadcast_to(one.known, len(one.group)) for one in levels])
    value = np.where(known, _estimates.divide(cost, won), np.nan)
    few, many = _intervals.poisson(won, level)
    # where the value is null (no customer) the bound is not looked at
    lower, upper = cost / many, cost / np.where(few > 0, few, np.nan)
    table: dict[str, Any] = {
        name: held.take(pa.array(group)) for name, held in groups.names.items()
    }
    kinds = dict(groups.schema)
    if calendar is not None:
        table["period"] = _periods.timestamps(calendar[0][period])
    table["level"] = pa.array(np.array(LEVELS)[place], pa.string())
    channel = np.full(len(group), -1, dtype=np.int64)
    for name, held in names.items():
        channel = np.concatenate([_places(one) for one in levels])
        table[name] = held.take(pa.array(channel, mask=channel < 0))
    table |= {
        "value": _result.column(value),
        "lower": _result.column(lower, ~np.isnan(value)),
        "upper": _result.column(upper, ~np.isnan(value)),
        "numerator": _result.column(cost),
        "denominator": won,
    }
    if calendar is not None:
        table["complete"] = calendar[1][period]
    order = np.lexsort((_ranks(names)[channel], place, period, _ranks(groups.names)[group]))
    columns = schema(period="M" if calendar else None, channels=bool(names))
    kinds |= columns | _result.kinds_of(pa.table(names))
    return _result.native(source, pa.table(table).take(pa.array(order)), kinds)


def _places(one: _Level) -> Ints:
    return np.full(len(one.group), -1, dtype=np.int64) if one.channel is None else one.channel


def _ranks(names: dict[str, Any]) -> Ints:
    """Return the rank of each row of these columns, nulls last."""
    table = pa.table(names)
    if not names or not len(table):
        return np.zeros(1, dtype=np.int64)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names])
    ranks = np.zeros(len(table), dtype=np.int64)
    ranks[order.to_numpy(zero_copy_only=False)] = np.arange(len(table))
    return ranks
