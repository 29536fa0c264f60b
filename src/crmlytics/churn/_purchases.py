"""Features of purchases up to a cutoff."""

from typing import Any

import numpy as np
import pyarrow as pa

from crmlytics import _periods, _result
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.churn import _labels
from crmlytics.churn._panel import Days

WINDOWS = (28, 91, 182)
# int: never null; float: null where it cannot be known
SCHEMA = {
    "frequency": "int", "recency": "int", "T": "int", "recency_days": "int",
    "count_28": "int", "count_91": "int", "count_182": "int", "trend": "int", "lines": "int",
    "gap_mean": "float", "gap_max": "float", "gap_last": "float", "gap_sd": "float",
    "rhythm": "float",
}  # fmt: skip
MONEY = {
    "monetary": "float", "mean_amount": "float", "max_amount": "float", "last_amount": "float",
    "amount_91": "float", "amount_182": "float", "returns": "int", "returned_amount": "float",
}  # fmt: skip


def schema(source: Source) -> dict[str, str]:
    """Return the features that the columns of a table allow."""
    made = dict(SCHEMA)
    if "amount" in source.names:
        made |= MONEY
    for role in ("product", "channel"):
        if role in source.names:
            made[f"n_{role}s"] = "int"
    if "discount" in source.names:
        made["discount"] = "float"
        if "amount" in source.names:
            made["discount_share"] = "float"
    return made


def features(found: Days, asked: list[int], active: int | None) -> dict[str, Any]:
    """Return columns of customers (as numbers), cutoffs (as days) and features."""
    n = found.n_customers
    edges = [cutoff - window for cutoff in asked for window in (0, *WINDOWS)]
    found.look_up(edges + ([] if active is None else [cutoff - active for cutoff in asked]))
    counts = {f"n_{role}s": seen.counted(asked, n) for role, seen in found.firsts.items()}
    if found.returns is not None:
        counts["returns"] = found.returns.counted(asked, n)
    parts = []
    for place, cutoff in enumerate(asked):
        seen = {name: values[place] for name, values in counts.items()}
        parts.append(_at(found, cutoff, active, seen))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _at(found: Days, cutoff: int, active: int | None, seen: dict[str, Ints]) -> dict[str, Any]:
    """Return the features of those who had bought by a cutoff."""
    ends, rows = _labels.standing(found, cutoff, active)
    start, end = found.starts[:-1][rows], ends[rows]
    first, last = found.day[start], found.day[end - 1]
    begins = {window: found.upto(cutoff - window)[rows] for window in WINDOWS}
    counts = {window: end - np.maximum(begins[window], start) for window in WINDOWS}
    columns: dict[str, Any] = {
        "customer": rows, "cutoff": np.full(len(rows), cutoff),
        "frequency": end - start - 1, "recency": last - first, "T": cutoff - first,
        "recency_days": cutoff - last,
        **{f"count_{window}": counts[window] for window in WINDOWS},
        "trend": 2 * counts[91] - counts[182],
        "lines": found.lines_before[end] - found.lines_before[start],
    }  # fmt: skip
    columns |= _gaps(found, start + 1, end, cutoff - last)
    if found.returns is not None:
        columns |= _money(found, start, end, begins)
        columns["returned_amount"] = found.returns.added(cutoff, found.n_customers)[rows]
    columns |= {name: values[rows] for name, values in seen.items()}
    if found.discount is not None:
        columns["discount"] = found.discount.added(cutoff, found.n_customers)[rows]
        if found.returns is not None:
            full = columns["monetary"] + columns["discount"]
            with np.errstate(divide="ignore", invalid="ignore"):
                columns["discount_share"] = np.where(full > 0, columns["discount"] / full, np.nan)
    return columns


def _gaps(found: Days, start: Ints, end: Ints, silent: Ints) -> dict[str, Floats]:
    """Return what the days between purchases were like; `start` is the second purchase day."""
    n, gaps = end - start, found.gaps
    total, squares = gaps.over(start, end), gaps.squares(start, end)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(n > 0, total / n, np.nan)
        spread = np.sqrt(np.maximum(squares - total * total / n, 0) / (n - 1))
        rhythm = silent / mean
    return {
        "gap_mean": mean,
        "gap_max": gaps.largest(start, end),
        "gap_last": np.where(n > 0, gaps.over(end - 1, end), np.nan),
        "gap_sd": np.where(n > 1, spread, np.nan),
        "rhythm": rhythm,
    }


def _money(found: Days, start: Ints, end: Ints, begins: dict[int, Ints]) -> dict[str, Floats]:
    """Return sums of money over windows; NaN where an amount in them is unknown."""
    money = found.money
    total = money.over(start, end)
    return {
        "monetary": total,
        "mean_amount": total / (end - start),
        "max_amount": money.largest(start, end),
        "last_amount": money.over(end - 1, end),
        "amount_91": money.over(np.maximum(begins[91], start), end),
        "amount_182": money.over(np.maximum(begins[182], start), end),
    }


def table(columns: dict[str, Any], found: Days, kinds: dict[str, str]) -> pa.Table:
    """Lay features out under the ids of their customers."""
    made = {
        "customer": _result.ids(found.customers).take(pa.array(columns["customer"])),
        "cutoff": _periods.timestamps(columns["cutoff"]),
    }
    for name, kind in kinds.items():
        values = columns[name]
        made[name] = pa.array(values.astype(np.int64)) if kind == "int" else _result.column(values)
    return pa.table(made)
