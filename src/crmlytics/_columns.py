"""Columns of eager tables as numpy arrays.

The one place that knows how pandas (numpy, nullable and pyarrow dtypes, categoricals), Polars and
PyArrow hold numbers, dates and ids. Ids become integer codes once, and every reduction works on
codes; the ids themselves are only touched again to name the rows of a result.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Family = Literal["number", "date", "aware date", "text", "flag", "other"]

MICROS = 86_400_000_000  # in a day
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": MICROS, "ns": 86_400_000_000_000}
# A table of codes up to this many times longer than the column is cheaper than hashing the ids.
_DENSE = 4
_MANY = 10_000  # rows from which on a look for runs pays
# Amounts beyond this are taken for infinite: any number of smaller ones can be added.
ENDLESS = 1e290
_NAT = np.iinfo(np.int64).min


def family(series: nw.Series[Any]) -> Family:
    """Say what kind of values a column holds, whatever the library calls its dtype."""
    dtype, native = series.dtype, series.to_native()
    if str(dtype) in {"Int128", "UInt128"} or str(_native_type(native)) == "string_view":
        return "other"  # Arrow cannot hold, or cannot pick from, such columns
    if dtype.is_numeric():
        return "number"
    if is_object(series):
        return _object_family(native)
    if dtype == nw.Unknown:
        # pandas columns in zones with an underscore (America/New_York) are Unknown to narwhals
        if hasattr(getattr(native, "dtype", None), "tz"):
            return "aware date"
        if str(_native_type(native)).startswith("date64"):
            return "date"
    return dtype_family(dtype)


def _native_type(native: Any) -> Any:
    return native.type if hasattr(native, "type") else native.dtype


def is_object(series: nw.Series[Any]) -> bool:
    """Say whether a column is an object column of pandas; narwhals judges those by 100 rows."""
    return bool(str(getattr(series.to_native(), "dtype", "")) == "object")


def dtype_family(dtype: Any) -> Family:
    """Say what a dtype holds, where there is no column to look at (lazy tables)."""
    if dtype.is_numeric():
        return "number"
    if dtype == nw.Boolean:
        return "flag"
    if dtype == nw.Datetime:
        return "aware date" if getattr(dtype, "time_zone", None) else "date"
    if dtype == nw.Date:
        return "date"
    if any(dtype == kind for kind in (nw.String, nw.Categorical, nw.Enum)):  # Enum is unhashable
        return "text"
    return "other"


def _object_family(native: Any) -> Family:
    from pandas.api.types import infer_dtype

    inferred = infer_dtype(native, skipna=True)
    if inferred in {"integer", "floating", "decimal", "mixed-integer-float"}:
        return "number"
    if inferred in {"string", "empty"}:
        return "text"
    return "flag" if inferred == "boolean" else "other"


def describe(series: nw.Series[Any]) -> str:
    """Name a column's dtype for a sentence."""
    native = series.to_native()
    if is_object(series):
        from pandas.api.types import infer_dtype

        return f"{infer_dtype(native, skipna=True)} Python objects"
    held = _native_type(native)
    return str(held if series.dtype == nw.Unknown or str(held) == "string_view" else series.dtype)


def _numpy_backed(native: Any) -> bool:
    return isinstance(getattr(native, "dtype", None), np.dtype)


def null_count(series: nw.Series[Any]) -> int:
    """Count nulls and NaN."""
    native = series.to_native()
    if _numpy_backed(native) and native.dtype.kind in "iub":
        return 0  # such a column has no place for nulls, and need not be read
    if _numpy_backed(native) and native.dtype.kind == "M":
        return int(np.count_nonzero(native.to_numpy().view(np.int64) == _NAT))
    return int(null_mask(series).sum())


def null_mask(series: nw.Series[Any]) -> Bools:
    """Mark nulls; NaN counts as null, because pandas cannot tell them apart."""
    mask = np.asarray(series.is_null().to_numpy(), dtype=bool)
    if series.dtype.is_float():
        mask = mask | np.asarray(series.is_nan().fill_null(value=False).to_numpy(), dtype=bool)
    return mask


def numbers(series: nw.Series[Any]) -> Floats:
    """Return a column of numbers as float64, NaN where unknown; a view where that is possible."""
    native = series.to_native()
    if is_object(series):  # pd.NA and None are no floats
        native = native.where(native.notna(), np.nan)
    if _numpy_backed(native):
        return np.asarray(native.to_numpy(), dtype=np.float64)
    values = series.to_arrow().cast(pa.float64())
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)


@dataclass(frozen=True)
class Ticks:
    """Moments as integers since 1970, in the unit of their column and in its own zone."""

    values: Ints
    per_day: int

    def days(self, ticks: Any = None) -> Ints:
        """Return whole days since 1970-01-01 (floor, so that 1969 works too)."""
        values = self.values if ticks is None else ticks
        return values if self.per_day == 1 else values // self.per_day


def ticks(series: nw.Series[Any]) -> Ticks:
    """Return a column of dates without nulls as integers."""
    if not len(series):  # then it need not be one of dates at all
        return Ticks(np.zeros(0, dtype=np.int64), 1)
    native = series.to_native()
    if hasattr(getattr(native, "dtype", None), "tz"):  # a zone-aware numpy column of pandas
        native = native.dt.tz_localize(None)
    if _numpy_backed(native):
        values = native.to_numpy()
        unit = np.datetime_data(values.dtype)[0]
        return Ticks(values.view(np.int64), _PER_DAY[unit])
    values = series.to_arrow()
    if pa.types.is_date(values.type):
        days = values.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
        return Ticks(_plain(days), 1)
    if values.type.tz is not None:
        values = pc.local_timestamp(values)
    return Ticks(_plain(values.cast(pa.int64())), _PER_DAY[values.type.unit])


def moments(series: nw.Series[Any]) -> tuple[Ints, Bools]:
    """Return microseconds since 1970 by the column's own clock (0 where unknown), and which are."""
    known = ~null_mask(series)
    if not known.any():  # then the column need not be one of dates at all
        return np.zeros(len(series), dtype=np.int64), known
    values = series.to_arrow()
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = pc.local_timestamp(values)
    micros = values.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).fill_null(0)
    found = np.asarray(micros.to_numpy(zero_copy_only=False), dtype=np.int64)
    return np.where(known, found, 0), known


def instants(series: nw.Series[Any]) -> tuple[Ticks, Bools]:
    """Return moments on one clock, UTC (those without a zone as told), and which are known.

    Unknown ones are any number.
    """
    known = ~null_mask(series)
    if not known.any():  # then the column need not be one of dates at all
        return Ticks(np.zeros(len(series), dtype=np.int64), _PER_DAY["s"]), known
    native = series.to_native()
    if hasattr(getattr(native, "dtype", None), "tz"):
        native = native.dt.tz_convert("UTC").dt.tz_localize(None)
    if _numpy_backed(native):
        return ticks(nw.from_native(native, series_only=True)), known
    values = series.to_arrow()
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_date(values.type):
        days = values.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
        return Ticks(_plain(days.fill_null(0)), 1), known
    return Ticks(_plain(values.cast(pa.int64()).fill_null(0)), _PER_DAY[values.type.unit]), known


def zone(series: nw.Series[Any]) -> Any:
    """Return the time zone of a column of moments, as pandas takes it; None without one."""
    native = series.to_native()
    return getattr(getattr(native, "dtype", None), "tz", None) or getattr(
        series.dtype, "time_zone", None
    )


def _plain(values: Any) -> Any:
    return values.to_numpy(zero_copy_only=False)


@dataclass(frozen=True)
class Keys:
    """A column of ids as integer codes from 0 to `size` - 1, one a row.

    Whole-number ids may use their own value (less the lowest) as code; then some codes stand for
    no row, and what is counted by code shows 0 there.
    """

    codes: NDArray[Any]
    size: int
    series: nw.Series[Any] = field(repr=False)
    low: int | None = None
    uniques: Any = field(default=None, repr=False)

    def take(self, codes: Any) -> nw.Series[Any]:
        """Return the ids of these codes in a column of the caller's kind and dtype."""
        if self.low is None and self.uniques is None:
            named: nw.Series[Any] = self.series[first_rows(self.codes, self.size)[codes]]
            return named
        values = codes + self.low if self.uniques is None else self.uniques[codes]
        return _like(values, self.series)

    def sort(self, codes: Any) -> Any:
        """Return these codes in the order of their ids."""
        if self.low is not None:
            return np.sort(codes)
        if self.uniques is not None:
            return codes[np.argsort(self.uniques[codes], kind="stable")]
        return codes[argsort(self.take(codes))]


def nan_as_null(values: Any) -> Any:
    """Turn NaN of Arrow values into null, as everywhere in the house."""
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def first_rows(codes: Any, size: int) -> Ints:
    """Return the first row of each code."""
    rows = np.zeros(size, dtype=np.int64)
    # numpy keeps the last of several writes to one place, so going backwards leaves the first
    rows[codes[::-1]] = np.arange(len(codes) - 1, -1, -1, dtype=np.int64)
    return rows


def _like(values: Any, series: nw.Series[Any]) -> nw.Series[Any]:
    native = series.to_native()
    if series.implementation.is_pandas():
        import pandas as pd

        made = pd.Series(values, name=series.name).astype(native.dtype)
        pandas: nw.Series[Any] = nw.from_native(made, series_only=True)
        return pandas
    return nw.new_series(series.name, values, series.dtype, backend=series.implementation)


def argsort(series: nw.Series[Any]) -> Ints:
    """Return the order that sorts a column, nulls last; the same for text on every engine."""
    native = series.to_native()
    pandas_arrow = hasattr(getattr(native, "dtype", None), "pyarrow_dtype")
    if series.implementation.is_pandas() and not (
        pandas_arrow and pa.types.is_dictionary(native.dtype.pyarrow_dtype)
    ):
        if str(native.dtype) == "category":  # by value and not by level, as everywhere
            native = native.astype(native.cat.categories.dtype)
        order = native.reset_index(drop=True).sort_values(kind="stable", na_position="last").index
        return np.asarray(order, dtype=np.int64)
    values = series.to_arrow()
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return np.asarray(pc.sort_indices(values), dtype=np.int64)


def keys(series: nw.Series[Any]) -> Keys:
    """Encode a column of ids; null, where it was let in, is an id of its own."""
    if len(series) == 0:
        return Keys(np.zeros(0, dtype=np.int64), 0, series)
    whole = integers(series)
    if whole is not None:
        return _integer_keys(series, whole)
    if series.dtype.is_float():
        import pandas as pd

        # 0.0 and -0.0 are one id
        codes, uniques = pd.factorize(numbers(series) + 0.0, use_na_sentinel=False)
        return Keys(codes, len(uniques), series)
    native = series.to_native()
    if series.implementation.is_pandas():
        dtype = native.dtype
        if _numpy_backed(native) or str(dtype) == "category":
            import pandas as pd

            codes, uniques = pd.factorize(native, use_na_sentinel=False)
            return Keys(codes, len(uniques), series)
    encoded = series.to_arrow()
    if isinstance(encoded, pa.ChunkedArray):  # text of pandas read from files
        encoded = encoded.combine_chunks()
    if pa.types.is_dictionary(encoded.type):  # categories may be unused or hold nulls: start anew
        encoded = encoded.cast(encoded.type.value_type)
    encoded = nan_as_null(encoded)
    changed = pc.fill_null(pc.not_equal(encoded[1:], encoded[:-1]), fill_value=True)
    starts = run_starts(_plain(changed))
    heads = encoded if starts is None else encoded.take(pa.array(starts))
    heads = pc.dictionary_encode(heads, null_encoding="encode")
    codes = _spread(_plain(heads.indices), starts, len(encoded))
    return Keys(codes, len(heads.dictionary), series)


def run_starts(changed: Bools) -> Ints | None:
    """Find the rows that begin a run, given whether each row differs from the one before it.

    Lines of one order, and so of one customer, mostly stand together, and looking at the first
    line of each run is enough for all of them. None where runs are too short to be worth it.
    """
    changes = np.flatnonzero(changed)
    if len(changed) < _MANY or 2 * len(changes) > len(changed):
        return None
    return np.concatenate([np.zeros(1, dtype=np.int64), changes + 1])


def _spread(codes: Any, starts: Ints | None, length: int) -> Any:
    """Give each row the code of its run."""
    if starts is None:
        return codes
    return np.repeat(codes, np.diff(np.append(starts, length)))


def integers(series: nw.Series[Any]) -> Any:
    """Return a column of whole numbers without nulls as they stand; None for any other column."""
    if not series.dtype.is_integer() or series.is_null().any():
        return None
    native = series.to_native()
    return native.to_numpy() if _numpy_backed(native) else _plain(series.to_arrow())


def _integer_keys(series: nw.Series[Any], values: Any) -> Keys:
    low, high = int(values.min()), int(values.max())
    if 0 <= low <= len(values):
        low = 0  # ids that begin at 1 or 1,000 serve as they are, without a copy
    if high - low < _DENSE * len(values) + 1_000 and high <= np.iinfo(np.int64).max:
        if values.dtype.kind == "u" or values.dtype.itemsize < 4:
            values = values.astype(np.int64)  # differences would not fit
        codes = values if low == 0 else values - values.dtype.type(low)
        return Keys(codes, high - low + 1, series, low=low)
    import pandas as pd

    starts = run_starts(values[1:] != values[:-1])
    codes, uniques = pd.factorize(values if starts is None else values[starts])
    codes = _spread(codes, starts, len(values))
    return Keys(codes, len(uniques), series, uniques=uniques)
