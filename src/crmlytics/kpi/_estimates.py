"""What KPIs with an interval share: read, add up, divide, lay out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from crmlytics import _frame, _intervals, _result, _transactions
from crmlytics._columns import Floats
from crmlytics._groups import Groups

ESTIMATE = {
    "value": "float",
    "lower": "float",
    "upper": "float",
    "numerator": "float",  # int where it counts orders or customers
    "denominator": "int",
}


def lines(
    transactions: Any,
    caller: str,
    *,
    by: Any,
    result: Sequence[str],
    lazy: bool = False,
    needs_amounts: bool = False,
    **columns: str | None,
) -> _frame.Source:
    """Read lines at the door; unless amounts are needed, a table without them has no returns."""
    if not needs_amounts:
        opened, _ = _frame.open_table(
            transactions, caller=caller, argument="transactions", lazy=lazy
        )
        amount, there = columns["amount_col"], opened.collect_schema().names()
        if amount is None or (amount == "amount" and amount not in there):
            del columns["amount_col"]
    return _frame.read(
        transactions, caller=caller, argument="transactions", roles=columns,
        optional=("order_col",), by=by, lazy=lazy, result=tuple(result),
    )  # fmt: skip


def totals(
    transactions: Any,
    caller: str,
    *,
    as_of: Any,
    by: Any,
    needs_amounts: bool = True,
    **columns: Any,
) -> tuple[_frame.Source, _transactions.Totals]:
    """Read lines at the door and add them up by customer and group."""
    source = lines(
        transactions, caller, by=by, result=tuple(ESTIMATE), needs_amounts=needs_amounts, **columns
    )
    return source, _transactions.totals(source, _frame.as_of(source, as_of))


def ratio(
    source: _frame.Source,
    grouped: Groups,
    top: Any,
    bottom: Any,
    *,
    by_customer: tuple[Any, Any, Any],
    level: float,
) -> Any:
    """Divide totals of groups, with the delta method's interval over customers.

    `by_customer` holds top, bottom and group of each customer.
    """
    lower, upper = _intervals.ratio_of_sums(*by_customer, grouped.size, level)
    half, value = (upper - lower) / 2, divide(top, bottom)
    return estimates(source, grouped, top, bottom, bounds=(value - half, value + half))


def divide(top: Any, bottom: Any) -> Floats:
    """Divide; NaN where the denominator is not above 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(bottom) > 0, top / np.asarray(bottom), np.nan)


def share(
    source: _frame.Source,
    grouped: Groups,
    hits: Any,
    of: Any,
    *,
    level: float,
    extra: Mapping[str, tuple[str, Any]] | None = None,
) -> Any:
    """Lay out a share of counts with Wilson's interval, one row a group."""
    bounds = _intervals.wilson(hits, of, level)
    return estimates(source, grouped, hits, of, bounds=bounds, extra=extra)


def estimates(
    source: _frame.Source,
    grouped: Groups,
    top: Any,
    bottom: Any,
    *,
    bounds: tuple[Floats, Floats],
    extra: Mapping[str, tuple[str, Any]] | None = None,
) -> Any:
    """Lay out value, interval, numerator and denominator, one row a group.

    Each further column of `extra` is a kind ("int", "float" ...) and its values.
    """
    counts = np.asarray(top).dtype.kind == "i"
    value = divide(top, bottom)
    table = grouped.columns(np.arange(grouped.size)) | {
        "value": _result.column(value),
        "lower": _result.column(np.where(np.isnan(value), np.nan, bounds[0])),
        "upper": _result.column(np.where(np.isnan(value), np.nan, bounds[1])),
        "numerator": np.asarray(top) if counts else _result.column(top),
        "denominator": np.asarray(bottom, dtype=np.int64),
    }
    schema = {**dict.fromkeys(source.by, "id"), **ESTIMATE}
    schema |= {"numerator": "int"} if counts else {}
    for name, (kind, values) in (extra or {}).items():
        table[name], schema[name] = values, kind
    return _result.native(source, pa.table(table), schema, sort_by=source.by)
