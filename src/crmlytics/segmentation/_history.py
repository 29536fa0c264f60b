"""Segments over time: the same question at the end of each period, and who moved."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _periods, _result, _transactions
from crmlytics._columns import Floats, Ints
from crmlytics.errors import DataError, NotEnoughDataError
from crmlytics.segmentation import _cuts, _maps, _rfm, _scores

NOT_YET, GONE = "not_yet", "gone"
_SHARES = ("before", "after", "all")
_FLOW = {
    "from_as_of": "date",
    "to_as_of": "date",
    "from_segment": "text",
    "to_segment": "text",
    "customers": "int",
    "share": "float",
}


def rfm_history(
    transactions: IntoDataFrameT,
    *,
    every: str = "M",
    cuts: str | IntoDataFrame | Mapping[str, Sequence[float]] = "first",
    start: date | str | None = None,
    as_of: date | str | None = None,
    count: str = "orders",
    returns: str = "net",
    bins: int | Sequence[float] = 5,
    segment_map: str | IntoDataFrame = "grid10",
    customer_col: str = "customer_id",
    order_col: str = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
) -> IntoDataFrameT:
    """Scores and segment of each customer at the end of each period.

    Only what was known on each day is used. With cuts kept from the first day (the default) a
    customer changes segment only by what they did; with ``cuts="each"`` also because others did.
    Frequency and monetary are totals since the table begins, so against kept cuts they drift
    upwards with time: for a steady picture hand over rows of one length of time for each day, or
    use ``cuts="each"``.

    Parameters
    ----------
    transactions : table
        One row per order line.
    every : {"D", "W", "M", "Q", "Y"}, default "M"
        The question is asked on the last day of each such period that is over.
    cuts : {"first", "each"}, table or mapping, default "first"
        "first": cuts made on the first day are kept. "each": fresh cuts each time. Or cuts made
        before; see `rfm_scores`.
    start : date, optional
        Periods that end before this day are left out; take one where enough customers are known
        for the first cuts to mean something.
    as_of : date, default the last date of the table
        Periods that end after this day are not over.
    count : {"orders", "days", "rows"}, default "orders"
        What frequency counts; see `rfm_table`.
    returns : {"net", "drop"}, default "net"
        What happens to rows with an amount below 0; see `rfm_table`.
    bins : int or sequence of float, default 5
        Number of score classes (2 or more), or inner quantiles; see `rfm_cuts`.
    segment_map : {"grid10", "classic11", "r_rfm"} or table, default "grid10"
        The rules that name scores; see `segment_map`.
    customer_col, order_col, date_col, amount_col : str
        Names of the columns; `order_col` is needed for ``count="orders"`` only.

    Returns
    -------
    table
        One row per day asked and customer known by then, sorted by both: ``as_of`` (timestamp at
        midnight), the id, ``recency_days``, ``frequency`` (int), ``monetary`` (float),
        ``r_score``, ``f_score``, ``m_score`` (int), ``segment`` (str).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, amounts infinite, or an empty table comes without `as_of`.
    NotEnoughDataError
        If no period is over.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    segment_migration : who moved from where to where.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "order_id": [1, 2, 3],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-02-28", "2026-01-30"]),
    ...         "amount": [10.0, 30.0, 5.0],
    ...     }
    ... )
    >>> history = crm.segmentation.rfm_history(lines)
    >>> history[["as_of", "customer_id", "recency_days", "segment"]]
           as_of customer_id  recency_days      segment
    0 2026-01-31           a            29  hibernating
    1 2026-01-31           b             1          new
    2 2026-02-28           a             0    champions
    3 2026-02-28           b            29  hibernating
    """
    caller = "rfm_history"
    _checks.choice(every, _checks.PERIODS, name="every", caller=caller)
    rules = _maps.rules(segment_map, caller)
    source = _rfm.read_lines(
        transactions, caller=caller, count=count, customer_col=customer_col,
        order_col=order_col, date_col=date_col, amount_col=amount_col, lazy=False,
        result=(*tuple(_rfm.RFM_SCHEMA)[1:], *_scores.SCORES, "segment", "as_of"),
    )  # fmt: skip
    _checks.choice(returns, _rfm.RETURNS, name="returns", caller=caller)
    kept: Any = None
    if not isinstance(cuts, str):
        kept = _cuts.parse(cuts, caller)
    else:
        _checks.choice(cuts, ("first", "each"), name="cuts", caller=caller)
    days = last_days(source, every, start, as_of)
    parts = []
    for day in days:
        reduced = _transactions.per_customer(
            source, day, count=count, returns=returns, precision=2, warn=day == days[-1]
        )
        if not len(reduced):  # nobody had bought by then
            continue
        used = kept or _cuts_of(reduced, bins, day, caller)
        _scores.check_bins(rules, used, caller)
        parts.append(_named(_scored(reduced, used, caller), rules, day, caller))
        if cuts == "first":
            kept = used
    if not parts:
        raise NotEnoughDataError(
            f"{caller}: nobody had bought by {_checks.iso(days[-1])}. Take a longer period."
        )
    schema = {
        "as_of": "date",
        "customer": "id",
        **dict.fromkeys(("recency_days", "frequency"), "int"),
    }
    schema |= {"monetary": "float"} | dict.fromkeys(_scores.SCORES, "int") | {"segment": "text"}
    answer: IntoDataFrameT = _result.native(source, pa.concat_tables(parts), schema)
    return answer


def last_days(source: _frame.Source, every: str, start: Any, as_of: Any) -> list[int]:
    caller = source.caller
    last = _frame.as_of(source, as_of)
    if source.n_rows == 0:
        raise NotEnoughDataError(f"{caller}: transactions has no rows. Hand over some history.")
    first = source.days("date")[0]
    numbers = np.arange(_periods.of_day(first, every), _periods.of_day(last, every) + 1)
    ends = _periods.first_days(numbers + 1, every) - 1
    ends = ends[ends <= last]
    if start is not None and len(ends):
        begin = _checks.day(start, name="start", caller=caller)
        if begin > ends[-1]:
            raise NotEnoughDataError(
                f"{caller}: start {_checks.iso(begin)} is after the last period that is over, "
                f"which ends on {_checks.iso(int(ends[-1]))}. Choose an earlier start."
            )
        ends = ends[ends >= begin]
    if not len(ends):
        raise NotEnoughDataError(
            f"{caller}: no period of every={every!r} is over by {_checks.iso(last)}. "
            "Choose a shorter period."
        )
    return [int(end) for end in ends]


def _cuts_of(reduced: pa.Table, bins: Any, day: int, caller: str) -> _cuts.Cuts:
    if reduced["monetary"].null_count == len(reduced):
        raise NotEnoughDataError(
            f"{caller}: no customer has a known monetary on {_checks.iso(day)}, so there is "
            "nothing to cut. Choose a later start, or hand over cuts=."
        )
    values = _values(reduced)
    return _cuts.make(values, bins, rule="quantile", scheme="independent", caller=caller)


def _values(reduced: pa.Table) -> dict[str, Floats]:
    return {
        name: np.asarray(reduced[name].to_numpy(), dtype=np.float64) for name in _cuts.DIMENSIONS
    }


def _scored(reduced: pa.Table, cuts: _cuts.Cuts, caller: str) -> pa.Table:
    scored = _scores.apply(_values(reduced), cuts, caller)
    for name, scores in zip(_scores.SCORES, scored, strict=True):
        reduced = reduced.append_column(name, _result.column(scores))
    return reduced


def _named(scored: pa.Table, rules: Any, day: int, caller: str) -> pa.Table:
    named = _maps.segments(scored, segment_map=rules, explain=False, caller=caller)
    days = _periods.timestamps(np.full(len(scored), day))
    return named.append_column("as_of", days)


def segment_migration(
    before: IntoDataFrameT,
    after: IntoDataFrameT | None = None,
    *,
    share_of: str = "before",
    customer_col: str = "customer_id",
    segment_col: str = "segment",
) -> IntoDataFrameT:
    """Count who moved from which segment to which.

    Every customer of either table is counted once: those not there before come from "not_yet",
    those not there after go to "gone", so that totals add up.

    Parameters
    ----------
    before : table
        One row a customer with a segment; or, alone, a history as `rfm_history` makes it, of which
        each two neighbouring days are compared.
    after : table, optional
        The same customers at a later time.
    share_of : {"before", "after", "all"}, default "before"
        What ``share`` is a share of: the customers of the row's segment before, of its segment
        after, or all.
    customer_col, segment_col : str
        Names of the columns; a null segment is called "unknown".

    Returns
    -------
    table
        One row for each pair of segments that occurs, sorted: ``from_as_of`` and ``to_as_of``
        (timestamp; null where a table
        has no ``as_of`` or several), ``from_segment``, ``to_segment``
        (str), ``customers`` (int), ``share`` (float, 0 to 1).

    Raises
    ------
    ColumnError
        If a column is missing, or a lone table has no ``as_of``.
    DataError
        If a customer stands twice in one table, or the tables come from two libraries.
    NotEnoughDataError
        If a history holds fewer than two days.

    See Also
    --------
    rfm_history : makes the history.
    plot_migration : draws it.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> before = pd.DataFrame({"customer_id": [1, 2], "segment": ["new", "loyal"]})
    >>> after = pd.DataFrame({"customer_id": [1, 2, 3], "segment": ["loyal", "loyal", "new"]})
    >>> moved = crm.segmentation.segment_migration(before, after)
    >>> moved[["from_segment", "to_segment", "customers", "share"]]
      from_segment to_segment  customers  share
    0        loyal      loyal          1    1.0
    1          new      loyal          1    1.0
    2      not_yet        new          1    1.0
    """
    caller = "segment_migration"
    _checks.choice(share_of, _SHARES, name="share_of", caller=caller)
    roles = {"customer_col": customer_col, "segment_col": segment_col}
    if after is None:
        source = _frame.read(
            before, caller=caller, argument="before", roles=roles | {"as_of": "as_of"},
            maker="rfm_history, or hand over after= as well",
        )  # fmt: skip
        steps = history_steps(source)
    else:
        source = _frame.read(before, caller=caller, argument="before", roles=roles)
        later = _frame.read(after, caller=caller, argument="after", roles=roles)
        _frame.same_library(source, later)
        _same_kind_of_ids(source, later)
        steps = [_Step(_only_day(before), _only_day(after), _members(source), _members(later))]
    parts = [moves(step, share_of=share_of) for step in steps]
    answer: IntoDataFrameT = _result.native(source, pa.concat_tables(parts), _FLOW)
    return answer


def _same_kind_of_ids(before: _frame.Source, after: _frame.Source) -> None:
    kinds = [_columns.family(source.column("customer")) for source in (before, after)]
    if kinds[0] != kinds[1] and before.n_rows and after.n_rows:
        raise DataError(
            f"{before.caller}: {before.names['customer']!r} holds {kinds[0]}s in before and "
            f"{kinds[1]}s in after, so that nobody would be found again. Make them one type."
        )


def _only_day(table: Any) -> int | None:
    """Return the day of a table that has one and only one in its column as_of."""
    opened = nw.from_native(table, eager_only=True)
    if "as_of" not in opened.columns or not len(opened):
        return None
    series = opened["as_of"]
    if _columns.family(series) not in {"date", "aware date"} or series.is_null().any():
        return None
    days = np.unique(_columns.ticks(series).days())
    return int(days[0]) if len(days) == 1 else None


def _members(source: _frame.Source, rows: Any = None, role: str = "segment") -> dict[Any, str]:
    who = _result.ids(source.column("customer")).to_pylist()
    segments = _result.ids(source.column(role)).to_pylist()
    places = range(len(who)) if rows is None else rows.tolist()
    members = {who[i]: "unknown" if segments[i] is None else str(segments[i]) for i in places}
    reserved = sorted({NOT_YET, GONE} & set(members.values()))
    if reserved:
        raise DataError(
            f"{source.caller}: {source.argument} has {role}s called {reserved}, which stand for "
            "customers who are in one table only. Rename them."
        )
    if len(members) < len(places):
        raise DataError(
            f"{source.caller}: {len(places) - len(members)} rows of {source.argument} repeat a "
            f"{source.names['customer']!r}. Keep one row a customer."
        )
    return members


class _Step(NamedTuple):
    """Two neighbouring days, and the segment of each customer on them."""

    from_day: int | None
    to_day: int | None
    before: dict[Any, str]
    after: dict[Any, str]


def history_steps(source: _frame.Source, role: str = "segment") -> list[_Step]:
    """Return each two neighbouring days of a history."""
    days = source.ticks("as_of").days()
    asked = np.unique(days)
    _checks.at_least(
        2, len(asked), "days (as_of) in a history", source.caller,
        "Hand over two tables, or a longer history.",
    )  # fmt: skip
    members = [_members(source, np.flatnonzero(days == day), role) for day in asked]
    return [
        _Step(int(asked[i]), int(asked[i + 1]), members[i], members[i + 1])
        for i in range(len(asked) - 1)
    ]


def moves(step: _Step, *, share_of: str) -> pa.Table:
    """Count the moves of one step, with what their share is a share of."""
    from_day, to_day, before, after = step
    pairs: dict[tuple[str, str], int] = {}
    for who in before.keys() | after.keys():
        move = (before.get(who, NOT_YET), after.get(who, GONE))
        pairs[move] = pairs.get(move, 0) + 1
    ordered = sorted(pairs)
    counts: Ints = np.array([pairs[move] for move in ordered], dtype=np.int64)
    sides = {"before": 0, "after": 1}
    if share_of == "all" or not ordered:
        whole = np.full(len(ordered), counts.sum())
    else:
        names = np.array([move[sides[share_of]] for move in ordered])
        whole = np.array([counts[names == name].sum() for name in names])
    days = [
        pa.nulls(len(ordered), pa.timestamp("us"))
        if day is None
        else _periods.timestamps(np.full(len(ordered), day))
        for day in (from_day, to_day)
    ]
    return pa.table(
        {
            "from_as_of": days[0],
            "to_as_of": days[1],
            "from_segment": pa.array([move[0] for move in ordered], pa.string()),
            "to_segment": pa.array([move[1] for move in ordered], pa.string()),
            "customers": counts,
            "share": counts / np.maximum(whole, 1),
            "of": whole,
        }
    )
