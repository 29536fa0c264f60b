"""What is held against the cost of a customer: numbers, or tables with one row a group."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _frame, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError, OptionError
from crmlytics.kpi import _estimates, _pairs

_CHANNEL = "channel"


@dataclass(frozen=True)
class Side:
    """One of two arguments: a number, or a table and the rows of it that are used."""

    number: float | None
    source: Source | None = None
    rows: Bools | None = None


@dataclass(frozen=True)
class Met:
    """Two sides in the groups of both."""

    source: Source  # the kind in which the answer leaves
    names: dict[str, Any]
    schema: dict[str, str]
    size: int
    left: Any  # group of each row; None for a number
    right: Any


def is_number(value: Any) -> bool:
    """Say whether an argument that may be a table is a number."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def read_cac(cac: Any, caller: str, *, by: Any, result: tuple[str, ...]) -> Side:
    """Read a cost, or the rows of the answer of `cac` that speak of the groups asked for.

    These are the rows of channels where `by` asks for channels, and the blended ones otherwise. A
    table without a column "level" is used as it stands.
    """
    if is_number(cac):
        return Side(_checks.number(cac, name="cac", caller=caller, low=0.0))
    opened, _ = _frame.open_table(cac, caller=caller, argument="cac", lazy=False)
    roles = {name: name for name in ("value", "lower", "upper")}
    roles |= {"level": "level"} if "level" in opened.columns else {}
    source = _frame.read(
        cac, caller=caller, argument="cac", roles=roles, by=by, result=result, maker="cac"
    )
    rows = np.ones(source.n_rows, dtype=bool)
    if "level" in source.names and source.n_rows:
        levels = np.array(source.column("level").to_list(), dtype=object)
        in_channels = levels == _CHANNEL
        asked = _CHANNEL in _checks.columns(by, name="by", caller=caller)
        rows = in_channels if asked and in_channels.any() else levels == "blended"
    return Side(None, source, rows)


def meet(left: Side, right: Side, *, by: Any, names: tuple[str, str], caller: str) -> Met:
    """Bring two sides together by the columns of `by`; `names` are those of the arguments."""
    sources = [side.source for side in (left, right) if side.source is not None]
    if not sources:
        if _checks.columns(by, name="by", caller=caller):
            raise OptionError(
                f"{caller}: by needs a table, and {names[0]} and {names[1]} are numbers. Leave by "
                "out, or hand over a table of groups."
            )
        return Met(_of_number(left, names[0], caller), {}, {}, 1, None, None)
    _frame.same_library(*sources)
    one, other = sources[0], sources[-1]
    roles = {role: one.names[role] for role in one.by}
    rows = [side.rows for side in (left, right) if side.source is not None]
    grouped = _pairs.groups(one, other, roles, rows[0], rows[-1])
    codes = [grouped.left, grouped.right if len(sources) > 1 else grouped.left]
    return Met(
        one, grouped.names, grouped.schema, grouped.size,
        None if left.source is None else codes[0], None if right.source is None else codes[1],
    )  # fmt: skip


def _of_number(side: Side, name: str, caller: str) -> Source:
    import pandas as pd

    return _frame.read(
        pd.DataFrame({"value": [side.number]}), caller=caller, argument=name,
        roles={"value": "value"},
    )  # fmt: skip


def by_group(side: Side, codes: Any, size: int, role: str, *, by: Any) -> Floats:
    """Return a column of a side, one entry a group; NaN where the table has none.

    A number stands for all groups.
    """
    if side.source is None or side.number is not None:
        return np.full(size, side.number, dtype=np.float64)
    at = np.arange(side.source.n_rows) if side.rows is None else np.flatnonzero(side.rows)
    _refuse_several(side.source, np.bincount(codes[at], minlength=size), by)
    values = np.full(size, np.nan)
    values[codes[at]] = side.source.numbers(role)[at]
    return values


def _refuse_several(source: Source, counts: Ints, by: Any) -> None:
    most = int(counts.max(initial=0))
    if most > 1:
        asked = f" of {by!r} (by)" if by else ""
        raise DataError(
            f"{source.caller}: {source.argument} has {most:,} rows for one group{asked}, and "
            "needs one. Name the column that tells them apart in by, or filter them."
        )


def laid_out(
    met: Met,
    value: Floats,
    bounds: tuple[Floats, Floats],
    top: Floats,
    bottom: Floats,
    extra: dict[str, tuple[str, Any]],
) -> Any:
    """Lay out value, interval, numerator and denominator of each group, sorted."""
    known = ~np.isnan(value)
    table = {**met.names} | {
        "value": _result.column(value),
        "lower": _result.column(bounds[0], known),
        "upper": _result.column(bounds[1], known),
        "numerator": _result.column(top),
        "denominator": _result.column(bottom),
    }
    schema = {**met.schema, **_estimates.ESTIMATE, "denominator": "float"}
    for name, (kind, values) in extra.items():
        table[name], schema[name] = values, kind
    return _result.native(met.source, pa.table(table), schema, sort_by=list(met.names))


def refuse_repeated(source: Source) -> None:
    """Refuse tables with several rows of one customer."""
    keys = source.keys("customer")
    twice = source.n_rows - int(np.count_nonzero(np.bincount(keys.codes, minlength=1)))
    if twice:
        raise DataError(
            f"{source.caller}: {twice:,} of {source.n_rows:,} rows of {source.argument} repeat a "
            f"{source.names['customer']!r} (customer_col). Keep one row a customer."
        )


def refuse_negative(source: Source, role: str, option: str) -> None:
    """Refuse costs below 0."""
    negative = source.negative(role)
    if negative is not None:
        values = source.numbers(role)
        raise DataError(
            f"{source.caller}: {int(negative.sum()):,} of {source.n_rows:,} values of "
            f"{source.names[role]!r} ({option}) are negative, the lowest {values[negative].min()}. "
            "Net refunds against the costs they belong to."
        )


def known(source: Source, role: str, what: str) -> Bools:
    """Mark the rows with a known number; say how many are left out."""
    there = ~np.isnan(source.numbers(role)) if source.n_rows else np.zeros(0, dtype=bool)
    missing = source.n_rows - int(np.count_nonzero(there))
    if missing:
        _checks.warn(
            f"{source.caller}: {missing:,} of {source.n_rows:,} {what} have no "
            f"{source.names[role]!r} and are left out."
        )
    return there
