"""Summaries at the door: read, checked, and reduced to their different rows.

Customers with the same numbers have the same likelihood and the same prediction, so that every
model works on different rows with weights, in an order that does not depend on the customers'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _checks, _frame
from crmlytics._columns import Floats, Ints
from crmlytics.errors import ColumnError, DataError, NotEnoughDataError

_LONGEST = 30_000.0  # periods: 82 years of days, or more than three years of hours
_MAKER = "purchase_summary"
_DROP = f"Drop the rows, or make the table with {_MAKER}."


@dataclass(frozen=True)
class Distinct:
    """The different rows of some columns, sorted, and where each row of the table is among them."""

    first: Ints  # a row of the table for each different row
    place: Ints  # the different row of each row of the table
    weight: Floats  # how many rows of the table are equal to it


def distinct(columns: Sequence[Floats]) -> Distinct:
    """Find the different rows of some columns of numbers without NaN."""
    import pandas as pd

    n = len(columns[0])
    key, size = np.zeros(n, dtype=np.int64), 1
    for values in columns:
        # look up by hash, then rank the few different values: sorting all of them takes longer
        codes, found = pd.factorize(values + 0.0)
        rank = np.empty(len(found), dtype=np.int64)
        rank[np.argsort(found)] = np.arange(len(found))
        if size * max(len(found), 1) > 2**62:
            key, size = _dense(key)
        key = key * len(found) + rank[codes]
        size *= max(len(found), 1)
    place, size = _dense(key)
    first = np.empty(size, dtype=np.int64)
    first[place[::-1]] = np.arange(n - 1, -1, -1)
    return Distinct(first, place, np.bincount(place, minlength=size).astype(np.float64))


def _dense(key: Ints) -> tuple[Ints, int]:
    """Replace keys by their rank."""
    import pandas as pd

    codes, found = pd.factorize(key)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(found)] = np.arange(len(found))
    return rank[codes], len(found)


@dataclass(frozen=True)
class Summary:
    """A summary of purchases that came through the door; one entry a customer."""

    source: _frame.Source
    frequency: Floats
    recency: Floats
    age: Floats  # T, or the number of opportunities
    covariates: tuple[Floats, ...] = ()

    def columns(self) -> list[Floats]:
        return [self.frequency, self.recency, self.age, *self.covariates]

    def __len__(self) -> int:
        return len(self.frequency)


def read(
    summary: Any,
    *,
    caller: str,
    customer_col: str | None = None,
    covariates: Sequence[str] = (),
    age: str = "T",
    result: tuple[str, ...] = (),
    extra: Mapping[str, str] | None = None,
) -> Summary:
    """Read frequency, recency and age (T) of a summary, with the id where one is asked for."""
    roles: dict[str, str | None] = {"frequency": "frequency", "recency": "recency", age: age}
    if customer_col is not None and has_id(summary, customer_col, caller):
        roles = {"customer_col": customer_col, **roles}
    source = _frame.read(
        summary, caller=caller, argument="summary", roles={**roles, **(extra or {})},
        features=covariates, result=result, maker=_MAKER,
    )  # fmt: skip
    for role in ("frequency", "recency", age):
        _refuse(source, role, np.isnan(source.numbers(role)), "unknown", _DROP)
    found = Summary(
        source, source.numbers("frequency"), source.numbers("recency"), source.numbers(age),
        tuple(_covariate(source, role) for role in source.names if role.startswith("feature_")),
    )  # fmt: skip
    _check(found, age)
    return found


def read_spend(
    summary: Any, caller: str, customer_col: str | None, result: tuple[str, ...]
) -> tuple[_frame.Source, Floats, Floats]:
    """Read frequency and mean spend of a summary; NaN where spend is unknown."""
    roles = {"frequency": "frequency", "monetary_value": "monetary_value"}
    if customer_col is not None and has_id(summary, customer_col, caller):
        roles = {"customer_col": customer_col, **roles}
    source = _frame.read(
        summary, caller=caller, argument="summary", roles=roles, result=result, maker=_MAKER
    )
    x = source.numbers("frequency")
    _refuse(source, "frequency", np.isnan(x), "unknown", _DROP)
    _check_frequency(source, x)
    return source, x, source.numbers("monetary_value")


def has_id(table: Any, customer_col: str, caller: str) -> bool:
    """Say whether a table has the id; only one without the default name may lack it."""
    opened, _ = _frame.open_table(table, caller=caller, argument="summary", lazy=False)
    if customer_col in opened.columns or customer_col != "customer_id":
        return True
    index = getattr(getattr(table, "index", None), "names", [])
    if any(name is not None for name in index):
        raise ColumnError(
            f"{caller}: no column {customer_col!r} (customer_col) in summary, whose ids are its "
            f"index ({index[0]!r}). Call .reset_index() on it and name the column in customer_col."
        )
    return False


def _covariate(source: _frame.Source, role: str) -> Floats:
    values = source.numbers(role)
    _refuse(source, role, np.isnan(values), "unknown", "Fill them in, or drop the rows.")
    return values


def _check(summary: Summary, age: str) -> None:
    """Refuse what no customer can have done, each in a sentence of its own."""
    source, x, tx, total = summary.source, summary.frequency, summary.recency, summary.age
    _check_frequency(source, x)
    _refuse(source, "recency", tx < 0, "negative")
    _refuse(source, age, total < 0, "negative")
    late = tx > total * (1 + 1e-12)
    if late.any():
        raise DataError(
            f"{source.caller}: in {_of(source, late)} of summary the last purchase (recency) lies "
            f"after the end of observation ({age}). Recency is the age at the last purchase, not "
            f"the days since: make the table with {_MAKER}."
        )
    odd = (x == 0) & (tx > 0)
    if odd.any():
        raise DataError(
            f"{source.caller}: {_of(source, odd)} of summary have no repeat purchase (frequency 0) "
            f"but a recency above 0, where it must be 0. Make the table with {_MAKER}."
        )
    if len(total) and total.max() > _LONGEST:
        raise DataError(
            f"{source.caller}: {age} reaches {total.max():,.0f} periods, which no company has "
            f"watched a customer for. Is it in another unit? Make the table with {_MAKER} and "
            "choose its period."
        )


def _check_frequency(source: _frame.Source, x: Floats) -> None:
    _refuse(source, "frequency", x < 0, "negative")
    _refuse(source, "frequency", x != np.floor(x), "no whole numbers (it counts repeat purchases)")


def _of(source: _frame.Source, rows: Any) -> str:
    return f"{int(np.count_nonzero(rows)):,} of {source.n_rows:,} rows"


def _refuse(
    source: _frame.Source, role: str, bad: Any, what: str, way: str = f"Make it with {_MAKER}."
) -> None:
    if bad.any():
        raise DataError(
            f"{source.caller}: {_of(source, bad)} of summary have values of "
            f"{source.names[role]!r} that are {what}. {way}"
        )


def enough(summary: Summary, caller: str) -> None:
    """Refuse a summary from which nothing can be learned."""
    _checks.at_least(10, len(summary), "customers", caller, "Take a longer period.")
    if not summary.frequency.any():
        raise NotEnoughDataError(
            f"{caller}: nobody of {len(summary):,} customers bought a second time, so that nothing "
            "tells how often customers come back. Take a longer period."
        )
    if not (summary.age > 0).any():
        raise NotEnoughDataError(
            f"{caller}: all {len(summary):,} customers are of age 0: nobody was watched after the "
            "first purchase. Take a longer period."
        )
