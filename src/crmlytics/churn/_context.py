"""Features beside purchases: contacts, feedback, and what is known of the customer."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _checks, _columns, _frame, _result
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source

CONTACTS = {
    "contacts_91": "int", "complaints": "int", "tickets": "int", "open_tickets": "int",
    "response_days": "float",
}  # fmt: skip
FEEDBACK = {"n_feedback": "int", "mean_score": "float", "last_score": "float"}
_WINDOW = 91
_IDENTIFIER = 0.95  # share of different values from which on a text column names its row
_FEW = 20


def rows_of(source: Source, customers: nw.Series[Any]) -> Ints:
    """Return the number of each row's customer; -1 for those who never bought."""
    import pandas as pd

    index = pd.Index(customers.to_list())
    keys = source.keys("customer")
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
        names = np.array([each == complaint for each in source.column("event").to_list()], bool)
        is_complaint = names[kept]
    moments = {
        role: _moments(source, role)[kept] for role in ("opened", "answered", "resolved")
        if role in source.names
    }  # fmt: skip
    opened = moments.get("opened", np.full(len(who), np.nan))
    answered = moments.get("answered", np.full(len(who), np.nan))
    resolved = moments.get("resolved", np.full(len(who), np.nan))

    def at(cutoff: int) -> dict[str, Any]:
        past = day <= cutoff
        end = cutoff + 1.0  # moments are days and parts of them
        asked = past & (opened < end)
        done = asked & (answered < end)
        waited = np.bincount(who[done], (answered - opened)[done], n)
        times = np.bincount(who[done], minlength=n)
        still = asked & ~(resolved < end)
        return {
            "contacts_91": np.bincount(who[past & (day > cutoff - _WINDOW)], minlength=n),
            "complaints": np.bincount(who[past & is_complaint], minlength=n),
            "tickets": np.bincount(who[asked], minlength=n),
            "open_tickets": np.bincount(who[still], minlength=n),
            "response_days": _mean(waited, times),
        }

    return at


def _moments(source: Source, role: str) -> Floats:
    """Return days and parts of days since 1970; NaN where unknown."""
    series = source.column(role)
    unknown = _columns.null_mask(series)
    values = series.to_arrow()
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    micros = values.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(0)
    days = np.asarray(micros.to_numpy(zero_copy_only=False), dtype=np.float64) / 86_400_000_000
    return np.where(unknown, np.nan, days)


def _mean(total: Any, times: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(times > 0, total / times, np.nan)


def feedback(source: Source, customers: nw.Series[Any]) -> Any:
    """Return a function from a cutoff to the feedback of each customer up to it."""
    who, n = rows_of(source, customers), len(customers)
    day, order = source.ticks("date").days(), None
    kept = who >= 0
    who, day = who[kept], day[kept]
    scores = {role: source.numbers(role)[kept] for role in ("score", "compound")
              if role in source.names}  # fmt: skip
    order = np.lexsort([*scores.values(), day, who])  # of one day the highest counts as last
    who, day = who[order], day[order]
    scores = {role: values[order] for role, values in scores.items()}

    def at(cutoff: int) -> dict[str, Any]:
        past = day <= cutoff
        made: dict[str, Any] = {"n_feedback": np.bincount(who[past], minlength=n)}
        for role, values in scores.items():
            rows = past & ~np.isnan(values)
            times = np.bincount(who[rows], minlength=n)
            made[f"mean_{role}"] = _mean(np.bincount(who[rows], values[rows], n), times)
            latest = np.full(n, np.nan)
            latest[who[rows]] = values[rows]  # the last of several writes stays
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
        if name in taken:
            raise _taken(caller, name)
        series = source.table[name]
        family = _columns.family(series)
        if family == "text" and _names_rows(series):
            named.append(name)
            continue
        made[name] = (family, series, row)
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
    from crmlytics.errors import DataError

    return DataError(
        f"{caller}: customers has several rows for one {column!r}. Keep one row for each customer."
    )


def _taken(caller: str, name: str) -> Exception:
    from crmlytics.errors import ColumnError

    return ColumnError(
        f"{caller}: column {name!r} of customers has the name of a feature. Rename it first."
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
            days = _moments_of(series)
            values = np.full(len(at), np.nan)
            values[known] = cutoff[known] - np.floor(days[at[known]])
            values[values < 0] = np.nan  # not known yet on the cutoff
            columns[f"{name}_days"] = _result.column(values)
        else:
            texts = np.array([None if v is None else str(v) for v in series.to_list()], object)
            picked = [texts[place] if place >= 0 else None for place in at.tolist()]
            columns[name] = pa.array(picked, pa.string())
    return columns


def _moments_of(series: nw.Series[Any]) -> Floats:
    held = Source(None, "", "", "", {"opened": series.name}, series.to_frame())
    return _moments(held, "opened")
