"""Columns as they are: what can be read is read, what cannot is marked, and nothing is refused.

Everywhere else in the house a column is what its role needs, or an error. Here ids of several
types, numbers and dates held as text, nulls and infinities come in to be counted or converted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Number
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _columns, _frame
from crmlytics._columns import Bools, Floats, Ints
from crmlytics.errors import ColumnError

# One pattern for all engines: ISO 8601 days that exist, with or without time of day and offset.
ISO_DATE = (
    r"^(([1-9][0-9]{3})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|"
    r"(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|"
    r"([1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|1[26]|[3579][26])00)-02-29)"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)
OFFSET = r":[0-9.:]+(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
PLAIN_NUMBER = r"^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$"
SPACES = " \t\r\n"
ID_FAMILIES = ("number", "text", "flag")
_MICROSECONDS = 86_400_000_000
# Columns that are read only where the table has them under their usual name.
_USUAL = {"quantity_col": "quantity", "product_col": "product_id"}


def read(
    transactions: Any, *, caller: str, roles: dict[str, str | None], lazy: bool
) -> _frame.Source:
    """Open a table whose columns must be there, but may hold anything."""
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=lazy)
    columns = opened.collect_schema().names()
    wanted = {
        option: column
        for option, column in roles.items()
        if column in columns or column != _USUAL.get(option)
    }
    for option, what in (("customer_col", "ids"), ("date_col", "dates")):
        if roles[option] is None:
            raise ColumnError(f"{caller}: {option} is None. Set it to the column of {what}.")
    return _frame.read(
        transactions, caller=caller, argument="transactions", roles=wanted, lazy=lazy, strict=False
    )


@dataclass(frozen=True)
class Ids:
    """Ids as codes in the order of their values; `odd` ones are of another type than most."""

    codes: Ints
    null: Bools
    odd: Bools
    show: Callable[[int], str]


@dataclass(frozen=True)
class Values:
    """Numbers (NaN = unknown) or moments (microseconds, in their own zone) of a column."""

    values: Any
    null: Bools
    known: Bools
    wrong: Bools  # there, but not held as the type that the role needs
    zoned: Bools | None = None  # dates in text or objects: whether they carry an offset
    shown: Any = None  # the values as text, where some are of a wrong type

    @property
    def unread(self) -> Bools:
        """Mark values that are there and cannot be read."""
        return ~self.null & ~self.known

    @property
    def naive(self) -> Bools | None:
        return None if self.zoned is None else self.known & ~self.zoned


def row_codes(series: nw.Series[Any]) -> tuple[Any, int]:
    """Encode any column so that equal values, nulls and NaN included, share a code."""
    import pandas as pd

    if series.dtype.is_float():
        # 0.0 and -0.0 are equal
        codes, uniques = pd.factorize(_columns.numbers(series) + 0.0, use_na_sentinel=False)
        return codes, len(uniques)
    try:
        keys = _columns.keys(series)
    except (TypeError, pa.ArrowInvalid, pa.ArrowNotImplementedError):  # lists, dicts
        codes, uniques = pd.factorize(np.array([repr(v) for v in series.to_list()], dtype=object))
        return codes, len(uniques)
    return keys.codes, keys.size


def repeated(columns: list[nw.Series[Any]]) -> Bools:
    """Mark rows that equal an earlier row in all columns."""
    import pandas as pd

    rows = len(columns[0])
    together: Any = np.zeros(rows, dtype=np.int64)
    for series in columns:
        codes, size = row_codes(series)
        together, uniques = pd.factorize(together * size + codes)
        if len(uniques) == rows:
            return np.zeros(rows, dtype=bool)
    return np.asarray(pd.Series(together).duplicated().to_numpy(), dtype=bool)


def ranks(series: nw.Series[Any]) -> Ints:
    """Return integers in the order of any column's values, nulls lowest."""
    found = _columns.family(series)
    if found in {"date", "aware date"}:
        read = dates(series)
        return np.where(read.known, read.values, np.iinfo(np.int64).min)
    read_ids = ids(series)
    return np.where(read_ids.null, -1, read_ids.codes)


def as_text(series: nw.Series[Any]) -> Any:
    """Return a text column as Arrow text without spaces around it, categories decoded."""
    values = series.to_arrow()
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return pc.utf8_trim(values.cast(pa.large_string()), characters=SPACES)


def _blank(series: nw.Series[Any]) -> Bools:
    return _mask(pc.equal(as_text(series), ""))


def _mask(values: Any) -> Bools:
    return np.asarray(values.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)  # noqa: FBT003


def ids(series: nw.Series[Any]) -> Ids:
    """Read a column of ids; text without a letter in it is no id."""
    found = "text" if len(series) == 0 else _columns.family(series)
    null = _columns.null_mask(series)
    if found not in ID_FAMILIES:
        return _mixed_ids(series, null)
    if found == "text":
        null = null | _blank(series)
    keys = _columns.keys(series)
    order = keys.sort(np.arange(keys.size))
    rank = np.empty(keys.size, dtype=np.int64)
    rank[order] = np.arange(keys.size)

    def show(code: int) -> str:
        return text_of(keys.take(np.array([order[code]]))[0])

    return Ids(rank[keys.codes], null, np.zeros(len(null), dtype=bool), show)


def _mixed_ids(series: nw.Series[Any], null: Bools) -> Ids:
    values = series.to_list()
    kinds = np.array([_kind(value) for value in values], dtype=object)
    null = null | np.array([isinstance(v, str) and not v.strip(SPACES) for v in values], dtype=bool)
    counts = {kind: int(np.sum((kinds == kind) & ~null)) for kind in ID_FAMILIES}
    most = max(counts, key=lambda kind: counts[kind])
    odd = ~null if counts[most] == 0 else (kinds != most) & ~null
    texts = [text_of(v) for v in values]
    pairs = np.array([f"{t}\0{k}" for t, k in zip(texts, kinds, strict=True)], dtype=object)
    uniques, codes = np.unique(pairs, return_inverse=True)
    return Ids(codes, null, odd, lambda code: str(uniques[code]).split("\0")[0])


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "flag"
    if isinstance(value, Number):
        return "number"
    return "text" if isinstance(value, str) else "other"


def text_of(value: Any) -> str:
    """Write a value the same way whatever engine it comes from."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    return str(value).replace("\0", "")


def amounts(series: nw.Series[Any]) -> Values:
    """Read a column of numbers; plain decimal numbers in text are read too."""
    found = "number" if len(series) == 0 else _columns.family(series)
    null = _columns.null_mask(series)
    if found == "number":
        native = series.to_native()
        if _columns.is_object(series):
            series = nw.from_native(native.where(~null, np.nan), series_only=True)
        values = _columns.numbers(series) if len(null) else np.zeros(0)
        return Values(values, null, ~null, np.zeros(len(null), dtype=bool))
    if found == "text":
        shown = as_text(series)
        values, known = _parsed_numbers(shown)
        null = null | _mask(pc.equal(shown, ""))
        return Values(values, null, known & ~null, ~null, shown=shown)
    listed = series.to_list()
    kinds = [_kind(value) for value in listed]
    texts = pa.array(
        [v.strip(SPACES) if k == "text" else None for v, k in zip(listed, kinds, strict=True)],
        pa.large_string(),
    )
    values, known = _parsed_numbers(texts)
    null = null | _mask(pc.equal(texts, ""))
    for row in np.flatnonzero(~null & (np.array(kinds) == "number")):
        values[row], known[row] = float(listed[row]), True
    return Values(values, null, known, ~null, shown=_shown(listed, null))


def _parsed_numbers(texts: Any) -> tuple[Floats, Bools]:
    known = _mask(pc.match_substring_regex(texts, PLAIN_NUMBER))
    plain = pc.if_else(pa.array(known), pc.utf8_ltrim(texts, characters="+"), None)
    values = plain.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.array(values, dtype=np.float64), known


def _shown(values: list[Any], null: Bools) -> Any:
    shown = [None if n else text_of(v) for v, n in zip(values, null, strict=True)]
    return pa.array(shown, pa.large_string())


def dates(series: nw.Series[Any]) -> Values:
    """Read a column of dates; ISO 8601 text is read too, at the time of day that it says."""
    found = "date" if len(series) == 0 else _columns.family(series)
    null = _columns.null_mask(series)
    moments = np.zeros(len(null), dtype=np.int64)
    if found in {"date", "aware date"}:
        rows = np.flatnonzero(~null)
        if len(rows):
            moments[rows] = _microseconds(series[rows] if len(rows) < len(null) else series)
        return Values(moments, null, ~null, np.zeros(len(null), dtype=bool))
    if found == "text":
        shown = as_text(series)
        moments, known, zoned = _parsed_dates(shown)
        null = null | _mask(pc.equal(shown, ""))
        return Values(moments, null, known & ~null, ~null, zoned, shown)
    listed = series.to_list()
    texts = pa.array(
        [v.strip(SPACES) if isinstance(v, str) else None for v in listed], pa.large_string()
    )
    moments, known, zoned = _parsed_dates(texts)
    null = null | _mask(pc.equal(texts, ""))
    for row, value in enumerate(listed):
        if isinstance(value, date) and not null[row]:
            zoned[row] = getattr(value, "tzinfo", None) is not None
            plain = value.replace(tzinfo=None) if isinstance(value, datetime) else value
            moments[row] = np.datetime64(plain, "us").astype(np.int64)
            known[row] = True
    return Values(moments, null, known, ~null, zoned, _shown(listed, null))


def _microseconds(series: nw.Series[Any]) -> Ints:
    ticks = _columns.ticks(series)
    if ticks.per_day > _MICROSECONDS:
        return ticks.values // (ticks.per_day // _MICROSECONDS)
    return ticks.values * (_MICROSECONDS // ticks.per_day)


def _parsed_dates(texts: Any) -> tuple[Ints, Bools, Bools]:
    known = _mask(pc.match_substring_regex(texts, ISO_DATE))
    texts = pc.if_else(pa.array(known), texts, None)
    zoned = _mask(pc.match_substring_regex(texts, OFFSET))
    plain = pc.replace_substring_regex(texts, r"(Z|(:[0-9.:]+)[+-][0-9:]+)$", r"\2")
    # 26 characters reach to the microsecond
    moments = pc.utf8_slice_codeunits(plain, 0, 26).cast(pa.timestamp("us")).cast(pa.int64())
    values = moments.fill_null(0).to_numpy(zero_copy_only=False)
    return np.array(values, dtype=np.int64), known, zoned
