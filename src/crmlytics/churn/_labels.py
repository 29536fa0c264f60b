"""Who bought nothing in a window after a day: labels that cannot see their own future."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _checks, _codes, _frame, _lazy, _periods, _result, _transactions
from crmlytics._frame import Source
from crmlytics.churn import _panel
from crmlytics.errors import OptionError

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrameT

SCHEMA = {"customer": "id", "cutoff": "date", "churned": "int", "horizon_days": "int"}


def churn_labels(
    transactions: "IntoFrameT",
    *,
    cutoffs: "date | str | Iterable[date | str]",
    horizon_days: int,
    gap_days: int = 0,
    active_within_days: int | None = None,
    as_of: date | str | None = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
) -> "IntoFrameT":
    """Say which customers bought nothing in the days after each cutoff.

    The history of a label ends with the cutoff day; the outcome is
    ``(cutoff + gap_days, cutoff + gap_days + horizon_days]``. A customer without a purchase in it
    has churned. No day belongs to both.

    Parameters
    ----------
    transactions : table
        One row per order line; a Polars LazyFrame or DuckDB relation is reduced in its engine.
    cutoffs : date or list of dates
        Last days of history. One cutoff a customer is independent; several are not.
    horizon_days : int
        Length of the outcome, 1 or more.
    gap_days : int, default 0
        Days between history and outcome, in which action could still be taken.
    active_within_days : int, optional
        Only customers with a purchase in that many days up to the cutoff: those who have long been
        silent are easy to call churned and make any model look good. All who ever bought by
        default.
    as_of : date, default the last date of the table
        The last day that is complete. An outcome that reaches beyond it is refused, since whoever
        has not bought yet may still do so.
    customer_col, date_col : str
        Names of the columns.
    amount_col : str or None, default "amount"
        Lines with an amount below 0 are returns and no purchases. A table without a column
        "amount" has no returns.

    Returns
    -------
    table
        One row for each customer and cutoff with a purchase up to it (and within
        `active_within_days`), sorted by both: the id, ``cutoff`` (date), ``churned`` (int, 1
        without a purchase in the outcome), ``horizon_days`` (int). Lazy, and unsorted, where the
        transactions are.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or an empty table comes without `as_of`.
    OptionError
        If an outcome reaches beyond `as_of`, a cutoff lies before the data, or an option has a
        value outside what it allows.

    See Also
    --------
    churn_features : what was known of customers on the same days.
    backtest_churn : how well models would have done.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-02", "2026-02-20", "2026-01-05", "2026-03-31"])
    >>> lines = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "date": days})
    >>> crm.churn.churn_labels(lines, cutoffs="2026-01-31", horizon_days=30)
      customer_id     cutoff  churned  horizon_days
    0           a 2026-01-31        0            30
    1           b 2026-01-31        1            30
    """
    caller = "churn_labels"
    horizon = _checks.whole(horizon_days, name="horizon_days", caller=caller, low=1)
    gap = _checks.whole(gap_days, name="gap_days", caller=caller, low=0)
    active = within(active_within_days, caller)
    source = read(transactions, caller, customer_col=customer_col, date_col=date_col,
                  amount_col=amount_col)  # fmt: skip
    last = _frame.as_of(source, as_of)
    asked = days_of(cutoffs, caller)
    refuse(source, asked, last, horizon, gap)
    make = _lazily if source.lazy else _eagerly
    labels = make(source, asked, horizon, gap, active)
    answer: IntoFrameT = _result.native(source, labels, SCHEMA, sort_by=("customer", "cutoff"))
    return answer


def read(transactions: Any, caller: str, *, lazy: bool = True, **columns: str | None) -> Source:
    """Read lines; a usual column that is not there is left out."""
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=lazy)
    here = opened.collect_schema().names()
    usual = {"amount_col": "amount"}
    roles = {
        option: name
        for option, name in columns.items()
        if name is not None and not (usual.get(option) == name and name not in here)
    }
    return _frame.read(
        transactions, caller=caller, argument="transactions", roles=roles, lazy=lazy,
        result=("cutoff", "churned", "horizon_days"),
    )  # fmt: skip


def within(value: Any, caller: str) -> int | None:
    """Check the length of the time within which customers count as active."""
    if value is None:
        return None
    return _checks.whole(value, name="active_within_days", caller=caller, low=1)


def days_of(cutoffs: Any, caller: str) -> list[int]:
    """Return cutoffs as days, each once and in order."""
    if isinstance(cutoffs, str | date | np.datetime64) or not hasattr(cutoffs, "__iter__"):
        given = [cutoffs]
    else:
        given = list(cutoffs)
    if not given:
        raise OptionError(f"{caller}: cutoffs must name at least one day; got none.")
    return sorted({_checks.day(each, name="cutoffs", caller=caller) for each in given})


def words(given: Any, allowed: Sequence[str], *, name: str, caller: str) -> list[str]:
    """Return words of a fixed list, given as one or several, each once."""
    listed = [given] if isinstance(given, str) or not hasattr(given, "__iter__") else list(given)
    if not listed:
        raise OptionError(f"{caller}: {name} must name at least one; got none.")
    for each in listed:
        _checks.choice(each, allowed, name=name, caller=caller)
    return list(dict.fromkeys(listed))


def refuse(source: Source, asked: list[int], last: int, horizon: int, gap: int) -> None:
    """Refuse outcomes that are not over, and cutoffs before anything is known."""
    caller = source.caller
    if asked[-1] + gap + horizon > last:
        raise OptionError(
            f"{caller}: the outcome of cutoff {_checks.iso(asked[-1])} would end on "
            f"{_checks.iso(asked[-1] + gap + horizon)}, after the last day of the data, "
            f"{_checks.iso(last)}. Choose a cutoff of {_checks.iso(last - gap - horizon)} or "
            "before, or a shorter horizon_days."
        )
    if source.n_rows and asked[0] < source.days("date")[0]:
        raise OptionError(
            f"{caller}: cutoff {_checks.iso(asked[0])} is before the first date of "
            f"{source.argument}, {_checks.iso(source.days('date')[0])}. Choose a later one."
        )


def _eagerly(source: Source, asked: list[int], horizon: int, gap: int, active: int | None) -> Any:
    """Mark in which stretches between the days that matter each customer bought."""
    keys, negative = source.keys("customer"), _codes.returns(source)
    bought = None if negative is None else ~negative
    codes = _codes.pick(keys.codes, bought)
    days = _codes.pick(source.ticks("date").days(), bought)
    edges = {day for cutoff in asked for day in (cutoff, cutoff + gap, cutoff + gap + horizon)}
    edges |= set() if active is None else {cutoff - active for cutoff in asked}
    ordered = sorted(edges)
    width = len(ordered) + 1
    there = np.zeros(keys.size * width, dtype=bool)
    there[np.multiply(codes, width, dtype=np.int64) + _stretches(days, ordered)] = True
    grid = there.reshape(keys.size, width)
    order = keys.sort(np.flatnonzero(grid.any(axis=1)))
    grid = grid[order]
    place = {day: at + 1 for at, day in enumerate(ordered)}
    parts = []
    for cutoff in asked:
        first = 0 if active is None else place[cutoff - active]
        known = np.flatnonzero(grid[:, first : place[cutoff]].any(axis=1))
        window = grid[known, place[cutoff + gap] : place[cutoff + gap + horizon]]
        parts.append((known, ~window.any(axis=1)))
    rows = np.concatenate([part[0] for part in parts])
    return pa.table(
        {
            "customer": _result.ids(keys.take(order)).take(pa.array(rows)),
            "cutoff": _periods.timestamps(np.repeat(asked, [len(part[0]) for part in parts])),
            "churned": np.concatenate([part[1] for part in parts]).astype(np.int64),
            "horizon_days": np.full(len(rows), horizon),
        }
    )


def _stretches(days: Any, edges: list[int]) -> Any:
    """Return how many edges lie before each day; there are few days, and each is looked up once."""
    if not len(days):
        return np.zeros(0, dtype=np.int64)
    low = int(days.min())
    return np.searchsorted(edges, np.arange(low, int(days.max()) + 1))[days - low]


def standing(found: _panel.Days, cutoff: int, active: int | None) -> tuple[Any, Any]:
    """Return where each customer's days up to the cutoff end, and who had bought (of late)."""
    end = found.upto(cutoff)
    known = end > found.starts[:-1]
    if active is not None:
        known &= end > found.upto(cutoff - active)
    return end, np.flatnonzero(known)


def _lazily(source: Source, asked: list[int], horizon: int, gap: int, active: int | None) -> Any:
    lines = source.table.with_columns(day=_lazy.day_number("date"))
    if "amount" in source.names:
        lines = _transactions.purchases(lines).filter(nw.col("bought") == 1)
    days = _lazy.agg(lines, ["customer", "day"], lines="len")
    parts = []
    for cutoff in asked:
        low = nw.col("day") > cutoff + gap
        inside = low & (nw.col("day") <= cutoff + gap + horizon)
        lately = nw.col("day") <= cutoff
        if active is not None:
            lately &= nw.col("day") > cutoff - active
        marked = days.with_columns(
            known=nw.when(lately).then(1).otherwise(0),
            again=nw.when(inside).then(1).otherwise(0),
        )
        by = _lazy.agg(marked, ["customer"], known=("known", "max"), again=("again", "max"))
        moment = np.datetime64(cutoff, "D").astype("M8[us]").item()
        by = by.filter(nw.col("known") == 1).with_columns(
            cutoff=nw.lit(moment).cast(nw.Datetime("us"))
        )
        parts.append(by.select("customer", "cutoff", "again"))
    stacked = _lazy.stack(parts, ["again"])
    return stacked.select(
        "customer", "cutoff", churned=1 - nw.col("again"), horizon_days=nw.lit(horizon)
    )
