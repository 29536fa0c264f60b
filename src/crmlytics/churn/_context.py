"""Features beside purchases: contacts, feedback, and what is known of the customer."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _checks, _columns, _frame, _result
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.churn import _panel
from crmlytics.errors import ColumnError, DataError

_WINDOW = 91
_IDENTIFIER = 0.95  # share of different values from which on a text column names its row
_FEW = 20


def rows_of(source: Source, customers: nw.Series[Any]) -> Ints:
    """Return the number of each row's customer; -1 for those who never bought."""
    import pandas as pd

    index = pd.Index(customers.to_list())
    keys = source.keys("customer")
    kinds = [_columns.family(each) for each in (source.column("customer"), customers)]
    if source.n_rows and len(customers) and kinds[0] != kinds[1]:
        raise ColumnError(
            f"{source.caller}: ids in {source.names['customer']!r} are {kinds[0]}s in "
            f"{source.argument} and {kinds[1]}s in transactions, so that no two are the same. "
            "Convert one of them first."
        )
    codes = np.unique(keys.codes)
    place = np.full(max(keys.size, 1), -1)
    place[codes] = index.get_indexer(pd.Index(keys.take(codes).to_list()))
    return np.asarray(place[keys.codes], dtype=np.int64)


def contacts(source: Source, customers: nw.Series[Any], complaint: str) -> Any:
    """Return a function from a cutoff to the contacts of each customer up to it."""
    who, n = rows_of(source, customers), len(customers)
    day = source.ticks("date").days()
    kept = who >= 0
    who, day = who[kept], day[kept]
    is_complaint = np.zeros(len(who), dtype=bool)
    if "event" in source.names:
        names = np.array(
            [each == complaint for each in _panel.listed(source.column("event"))], bool
        )
        is_complaint = names[kept]
    moments = {
        role: _micros(source.column(role))[kept] for role in ("opened", "answered", "resolved")
        if role in source.names
    }  # fmt: skip

    def at(cutoff: int) -> dict[str, Any]:
        past = day <= cutoff
        end = float((cutoff + 1) * _columns.MICROS)
        recent = past & (day > cutoff - _WINDOW)
        made: dict[str, Any] = {"contacts_91": np.bincount(who[recent], minlength=n)}
        if "event" in source.names:
            made["complaints"] = np.bincount(who[past & is_complaint], minlength=n)
        if "opened" not in moments:
            return made
        opened = moments["opened"]
        asked = past & (opened < end)
        made["tickets"] = np.bincount(who[asked], minlength=n)
        if "resolved" in moments:
            still = asked & ~(moments["resolved"] < end)
            made["open_tickets"] = np.bincount(who[still], minlength=n)
        if "answered" in moments:
            done = asked & (moments["answered"] < end)
            # whole microseconds, whose sum does not depend on the order of rows
            waited = np.bincount(who[done], (moments["answered"] - opened)[done], n)
            made["response_days"] = (
                _mean(waited, np.bincount(who[done], minlength=n)) / _columns.MICROS
            )
        return made

    return at


def _micros(series: nw.Series[Any]) -> Floats:
    """Return whole microseconds since 1970 by the column's own clock; NaN where unknown."""
    found, known = _columns.moments(series)
    return np.where(known, found.astype(np.float64), np.nan)


def _mean(total: Any, times: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(times > 0, total / times, np.nan)


def feedback(source: Source, customers: nw.Series[Any]) -> Any:
    """Return a function from a cutoff to the feedback of each customer up to it."""
    who, n = rows_of(source, customers), len(customers)
    day = source.ticks("date").days()
    kept = who >= 0
    who, day = who[kept], day[kept]
    scores = {}
    for role in ("score", "compound"):
        if role in source.names:
            values = source.numbers(role)[kept]
            order = np.lexsort([values, day, who])  # of one day the highest counts as last
            order = order[~np.isnan(values[order])]
            scores[role] = (who[order], day[order], values[order])

    def at(cutoff: int) -> dict[str, Any]:
        made: dict[str, Any] = {"n_feedback": np.bincount(who[day <= cutoff], minlength=n)}
        for role, (whose, when, values) in scores.items():
            rows = when <= cutoff
            times = np.bincount(whose[rows], minlength=n)
            made[f"mean_{role}"] = _mean(np.bincount(whose[rows], values[rows], n), times)
            latest = np.full(n, np.nan)
            latest[whose[rows]] = values[rows]  # the last of several writes stays
            made[f"last_{role}"] = latest
        return made

    return at


def people(
    table: Any, customers: nw.Series[Any], caller: str, customer_col: str, taken: list[str]
) -> tuple[dict[str, Any], Source]:
    """Return what is known of customers, as columns by their number.

    Dates become days before the cutoff later on; text that names its row is left out and said.
    """
    source = _frame.read(
        table, caller=caller, argument="customers", roles={"customer_col": customer_col}
    )
    who = rows_of(source, customers)
    repeated = who[who >= 0]
    if len(repeated) != len(np.unique(repeated)):
        raise _repeated(caller, customer_col)
    row = np.full(len(customers), -1)
    row[repeated] = np.flatnonzero(who >= 0)
    made: dict[str, Any] = {}
    named = []
    for name in source.table.columns:
        if name == customer_col:
            continue
        series = source.table[name]
        family = _columns.family(series)
        if family == "text" and _names_rows(series):
            named.append(name)
            continue
        feature = f"{name}_days" if family in {"date", "aware date"} else name
        if feature in taken or feature in made:
            raise _taken(caller, name, feature)
        made[feature] = (family, series, row)
    if named:
        _checks.warn(
            f"{caller}: left out of customers: {', '.join(named)} (nearly every value is another, "
            "so that they name customers and do not describe them)."
        )
    return made, source


def _names_rows(series: nw.Series[Any]) -> bool:
    n = len(series)
    return n > _FEW and len(np.unique(_columns.keys(series).codes)) > _IDENTIFIER * n


def _repeated(caller: str, column: str) -> Exception:
    return DataError(
        f"{caller}: customers has several rows for one {column!r}. Keep one row for each customer."
    )


def _taken(caller: str, name: str, feature: str) -> Exception:
    made = "" if feature == name else f" becomes {feature!r}, which"
    return ColumnError(
        f"{caller}: column {name!r} of customers{made} has the name of a feature. Rename it first."
    )


def described(made: dict[str, Any], number: Ints, cutoff: Ints) -> dict[str, Any]:
    """Return columns of what is known for rows of customers and cutoffs."""
    columns: dict[str, Any] = {}
    for name, (family, series, row) in made.items():
        at = row[number]
        known = at >= 0
        if family == "number":
            values = np.full(len(at), np.nan)
            values[known] = _columns.numbers(series)[at[known]]
            columns[name] = _result.column(values)
        elif family in {"date", "aware date"}:
            days = np.floor(_micros(series) / _columns.MICROS)
            values = np.full(len(at), np.nan)
            values[known] = cutoff[known] - days[at[known]]
            values[values < 0] = np.nan  # not known yet on the cutoff
            columns[name] = _result.column(values)
        elif family == "flag":
            flags = [None if v is None else bool(v) for v in _panel.listed(series)]
            picked = [flags[place] if place >= 0 else None for place in at.tolist()]
            columns[name] = pa.array(picked, pa.bool_())
        else:
            texts = [None if v is None else str(v) for v in _panel.listed(series)]
            picked = [texts[place] if place >= 0 else None for place in at.tolist()]
            columns[name] = pa.array(picked, pa.string())
    return columns
