"""The only door for tables: native in, checked and reduced inside, native out.

Eager tables (pandas, Polars, PyArrow) are read as numpy arrays (`_columns`); lazy ones (Polars
LazyFrames, DuckDB relations) stay narwhals LazyFrames, and are grouped, joined and collected only
by the helpers of `_lazy`. Results leave in the kind that came in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _checks, _columns, _lazy, _sentences
from crmlytics._columns import Bools, Floats, Keys, Ticks
from crmlytics._roles import FITS, role_kind
from crmlytics.errors import ColumnError, DataError, OptionError

T = TypeVar("T")

_ENGINES = {
    nw.Implementation.PANDAS,
    nw.Implementation.POLARS,
    nw.Implementation.PYARROW,
    nw.Implementation.DUCKDB,
}
# Known by name, so that nothing of theirs is imported or warned about on the way to the refusal.
_REFUSED = {
    "dask": "Dask table, which is not read. Use .compute(), or open its files with "
    "polars.scan_parquet(...) or duckdb.read_parquet(...).",
    "pyspark": "Spark table, which is not read yet. Reduce it in Spark and hand over "
    ".toArrow(), or open its files with polars.scan_parquet(...) or duckdb.read_parquet(...).",
}


@dataclass(frozen=True)
class Source:
    """A table that came through the door; columns are asked for by their role."""

    native: Any
    kind: str  # for sentences and for the way out: "pandas DataFrame", "DuckDB relation" ...
    caller: str
    argument: str
    names: dict[str, str]  # role ("customer", "date", "by_0") -> column of the caller's table
    table: Any = field(repr=False)  # nw.DataFrame, or nw.LazyFrame with roles as column names
    facts: dict[str, Any] = field(default_factory=dict, repr=False)  # lazy tables: counted once
    _read: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def lazy(self) -> bool:
        return isinstance(self.table, nw.LazyFrame)

    @property
    def n_rows(self) -> int:
        return int(self.facts["rows"]) if self.lazy else len(self.table)

    @property
    def by(self) -> list[str]:
        """The roles of the columns to group by."""
        return [role for role in self.names if role.startswith("by_")]

    def column(self, role: str) -> nw.Series[Any]:
        series: nw.Series[Any] = self.table[self.names[role]]
        return series

    def keys(self, role: str) -> Keys:
        return self._once("keys", role, _columns.keys)

    def ticks(self, role: str) -> Ticks:
        return self._once("ticks", role, _columns.ticks)

    def numbers(self, role: str) -> Floats:
        return self._once("numbers", role, _columns.numbers)

    def total(self, role: str) -> float:
        """Return the sum of a column of numbers; not finite where one is infinite or unknown."""
        with np.errstate(invalid="ignore", over="ignore"):  # infinities are counted afterwards
            return self._once("total", role, lambda _: float(self.numbers(role).sum()))

    def negative(self, role: str) -> Bools | None:
        """Mark the numbers below 0; None where there is none."""
        return self._once("negative", role, lambda _: _below_zero(self.numbers(role)))

    def _once(self, kind: str, role: str, make: Callable[[nw.Series[Any]], T]) -> T:
        key = f"{kind} {role}"
        if key not in self._read:
            self._read[key] = make(self.column(role))
        return cast("T", self._read[key])

    def days(self, role: str) -> tuple[int, int]:
        """Return the first and the last day of a date column; the table must have rows."""
        if self.lazy:
            return int(self.facts[f"{role} first"]), int(self.facts[f"{role} last"])
        seen = self.ticks(role)
        first, last = self._once(
            "extent", role, lambda _: (int(seen.values.min()), int(seen.values.max()))
        )
        return first // seen.per_day, last // seen.per_day


def _below_zero(values: Floats) -> Bools | None:
    if not len(values) or values.min() >= 0:  # NaN compares as False: then all are looked at
        return None
    negative = values < 0
    return negative if negative.any() else None


def read(
    table: Any,
    *,
    caller: str,
    argument: str,
    roles: Mapping[str, str | None],
    optional: Sequence[str] = (),
    by: Any = None,
    features: Sequence[str] = (),
    lazy: bool = False,
    result: tuple[str, ...] = (),
    maker: str | None = None,
    strict: bool = True,
) -> Source:
    """Check a table at the door and return it ready for use.

    `roles` maps each option ("customer_col") to the column it names; those in `optional` may be
    None and are then left out.
    `features` are columns of numbers, known afterwards as feature_0, feature_1 ...
    `result` lists the columns the answer will have, so that an id cannot collide with them;
    `maker` is the function whose answer is read, where the columns are not the caller's own.
    Without `strict` the columns need only be there: whatever they hold is let in, nothing is
    renamed, a role of None is left out, and the caller has to judge the values.
    """
    opened, kind = open_table(table, caller=caller, argument=argument, lazy=lazy)
    columns = list(opened.collect_schema().names())
    if strict:
        for option, column in roles.items():
            if column is not None or option not in optional:
                _checks.column(column, name=option, caller=caller)
    wanted = {option: column for option, column in roles.items() if column is not None}
    groups = _checks.columns(by, name="by", caller=caller)
    asked = [("by", column) for column in groups] + [("features", column) for column in features]
    for option, column in [*wanted.items(), *asked]:
        if column not in columns:
            raise ColumnError(_sentences.missing(column, option, columns, caller, argument, maker))
        carried = option in {"by", "customer_col", "segment_col"}
        if carried and column in result:
            raise ColumnError(
                f"{caller}: column {column!r} ({option}) has the name of a result column. "
                f"Rename it in {argument} first."
            )
    names = {option.removesuffix("_col"): column for option, column in wanted.items()}
    names |= {f"by_{i}": column for i, column in enumerate(groups)}
    names |= {f"feature_{i}": column for i, column in enumerate(features)}
    options = {option.removesuffix("_col"): option for option in wanted}
    options |= {f"by_{i}": "by" for i in range(len(groups))}
    options |= {f"feature_{i}": "features" for i in range(len(features))}
    source = Source(table, kind, caller, argument, names, opened)
    if not strict:
        return source
    if source.lazy:
        return _lazy_source(source, options)
    for role, option in options.items():
        _check_column(source, role, option)
    return source


def open_table(table: Any, *, caller: str, argument: str, lazy: bool) -> tuple[Any, str]:
    """Return a narwhals frame and the kind of the table; refuse what the house cannot read."""
    library = type(table).__module__.split(".")[0]
    if library in _REFUSED:
        raise DataError(f"{caller}: {argument} is a {_REFUSED[library]}")
    if library in {"pandas", "pyarrow"}:  # elsewhere names are text, and there once
        _check_names(table, caller, argument)
    try:
        opened = nw.from_native(table)
    except TypeError:
        opened = None
    engine = getattr(opened, "implementation", nw.Implementation.UNKNOWN)
    if not isinstance(opened, nw.DataFrame | nw.LazyFrame) or engine not in _ENGINES:
        raise DataError(
            f"{caller}: {argument} must be a table (pandas, Polars, PyArrow"
            f"{', Polars LazyFrame or DuckDB relation' if lazy else ''}); "
            f"got {library}.{type(table).__name__}. Make one first, as with pandas.DataFrame(...)."
        )
    kind = _kind(opened)
    if isinstance(opened, nw.LazyFrame) and not lazy:
        way = ".pl() or .arrow()" if engine.is_duckdb() else ".collect()"
        raise DataError(
            f"{caller}: {argument} is a {kind}, and this function needs its numbers here. "
            f"Reduce it as far as you can, then call {way} on it."
        )
    return opened, kind


def _kind(opened: Any) -> str:
    engine = opened.implementation
    if engine.is_duckdb():
        return "DuckDB relation"
    if engine.is_polars():
        return "Polars LazyFrame" if isinstance(opened, nw.LazyFrame) else "Polars DataFrame"
    return "pandas DataFrame" if engine.is_pandas() else "PyArrow Table"


def _check_names(table: Any, caller: str, argument: str) -> None:
    names = list(getattr(table, "column_names", getattr(table, "columns", ())))
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise ColumnError(
            f"{caller}: {argument} has column names that are not text: {odd[:5]}. "
            "Rename them, as with table.columns = [...]."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ColumnError(
            f"{caller}: {argument} has columns of the same name: {twice}. Rename or drop one."
        )


def _check_column(source: Source, role: str, option: str) -> None:
    kind, series = role_kind(option), source.column(role)
    if kind == "any" or len(source.table) == 0:
        return
    if kind in {"moment", "text", "field"} and series.is_null().all():
        return  # what holds nothing but nulls has no type to speak of
    found = _columns.family(series)
    where = f"column {source.names[role]!r} ({option})"
    if found not in FITS[kind]:
        raise ColumnError(
            _sentences.wrong_type(source.caller, where, kind, _columns.describe(series))
        )
    if kind in {"id", "date"}:
        nulls = _columns.null_count(series)
        if nulls:
            raise DataError(_sentences.nulls(source, role, option, nulls))
    if kind == "number":
        # a sum that is a number rules infinities out in half the time
        infinite = 0
        if not abs(source.total(role)) < _columns.ENDLESS:
            infinite = int((np.abs(source.numbers(role)) > _columns.ENDLESS).sum())
        if infinite:
            raise DataError(_sentences.infinite(source, where, infinite))


def _lazy_source(source: Source, options: dict[str, str]) -> Source:
    """Rename to roles, and count what could be wrong in one pass of the engine."""
    schema = source.table.collect_schema()
    duckdb = source.kind == "DuckDB relation"
    kinds = {}
    for role, option in options.items():
        dtype, kind = schema[source.names[role]], role_kind(option)
        where = f"column {source.names[role]!r} ({option})"
        found = _columns.dtype_family(dtype)
        if kind != "any" and (found not in FITS[kind] or (duckdb and found == "aware date")):
            aware = duckdb and found == "aware date"
            held = f"timestamps with a time zone ({dtype})" if aware else dtype
            raise ColumnError(_sentences.wrong_type(source.caller, where, kind, str(held)))
        kinds[role] = kind
    table = _lazy.by_role(source.table, source.names, kinds)
    source = Source(
        source.native, source.kind, source.caller, source.argument, source.names, table,
        _facts(source, table, kinds),
    )  # fmt: skip
    for role, option in options.items():
        where = f"column {source.names[role]!r} ({option})"
        if kinds[role] in {"id", "date"} and source.facts[f"{role} nulls"]:
            raise DataError(
                _sentences.nulls(source, role, option, int(source.facts[f"{role} nulls"]))
            )
        if kinds[role] == "number" and source.facts[f"{role} infinite"]:
            raise DataError(
                _sentences.infinite(source, where, int(source.facts[f"{role} infinite"]))
            )
    return source


def _facts(source: Source, table: Any, kinds: dict[str, str]) -> dict[str, Any]:
    try:
        return _lazy.facts(table, kinds)
    except (OverflowError, ValueError) as error:  # DuckDB's infinity, or years of five digits
        raise DataError(
            f"{source.caller}: {source.argument} holds dates outside the years 1 to 9999. "
            "Filter them out first."
        ) from error


def as_of(source: Source, given: Any, *, role: str = "date") -> int:
    """Return the day on which the question is asked; an empty table must be given one."""
    day = None if given is None else _checks.day(given, name="as_of", caller=source.caller)
    if source.n_rows == 0:
        if day is None:
            raise DataError(
                f"{source.caller}: {source.argument} has no rows, so as_of has no last date. "
                "Pass as_of=, such as datetime.date(2026, 3, 31)."
            )
        return day
    first, last = source.days(role)
    if day is not None and day < first:
        raise OptionError(
            f"{source.caller}: as_of {_checks.iso(day)} is before the first date of "
            f"{source.argument}, {_checks.iso(first)}. Choose {_checks.iso(first)} or later."
        )
    return last if day is None else day


def same_library(*sources: Source) -> None:
    """Refuse tables of two libraries in one call."""
    kinds = list(dict.fromkeys(source.kind for source in sources))
    if len(kinds) > 1:
        raise DataError(
            f"{sources[0].caller}: the tables come from two libraries ({' and '.join(kinds)}). "
            "Convert one of them first."
        )
