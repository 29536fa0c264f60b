"""Tables of features read at the door, with label, customer and cutoff of each row."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _columns, _frame
from crmlytics._columns import Ints
from crmlytics.churn import _design
from crmlytics.errors import DataError, OptionError


@dataclass(frozen=True)
class Table:
    """A table of features read: numbers, label, customer and cutoff of each row."""

    read: dict[str, Any]
    label: Ints
    owner: Ints
    cutoff: Ints | None
    horizon: int | None
    customer_name: str

    def rows(self, kept: Any) -> "Table":
        return Table(
            {name: values[kept] for name, values in self.read.items()}, self.label[kept],
            self.owner[kept], None if self.cutoff is None else self.cutoff[kept], self.horizon,
            self.customer_name,
        )  # fmt: skip


def read(
    features: Any, caller: str, label_col: str, customer_col: str, left_out: list[str],
    horizon: int | None,
) -> Table:  # fmt: skip
    """Read features with their label at the door."""
    opened, _ = _frame.open_table(features, caller=caller, argument="features", lazy=False)
    roles: dict[str, str | None] = {"customer_col": customer_col, "label_col": label_col}
    if "cutoff" in opened.columns:
        roles["cutoff"] = "cutoff"
    source = _frame.read(features, caller=caller, argument="features", roles=roles)
    label = labels(source, label_col)
    lost = [name for name in left_out if name not in opened.columns]
    if lost:
        raise OptionError(
            f"{caller}: exclude names {lost[:5]}, which features does not have. Name its columns."
        )
    skipped = {customer_col, label_col, *_design.NOT_FEATURES, *left_out}
    names = [name for name in opened.columns if name not in skipped]
    if not names:
        raise DataError(f"{caller}: features has no column beside id and label to learn from.")
    cutoff = source.ticks("cutoff").days() if "cutoff" in source.names else None
    owner = np.asarray(source.keys("customer").codes, dtype=np.int64)
    found = _design.read_features(source, names, "features")
    return Table(found, label, owner, cutoff, horizon_of(source, horizon), customer_col)


def labels(source: _frame.Source, column: str) -> Ints:
    """Return labels as 0 and 1."""
    series = source.column("label")
    nulls = _columns.null_count(series)
    if nulls:
        raise DataError(
            f"{source.caller}: {nulls} of {source.n_rows} labels ({column!r}) are null. Drop the "
            "rows whose outcome is not known."
        )
    values = np.array([float(v) if isinstance(v, (bool, int, float)) else np.nan
                       for v in series.to_list()])  # fmt: skip
    if not np.isin(values, (0.0, 1.0)).all():
        raise DataError(
            f"{source.caller}: the label {column!r} must be 0 or 1 (or False and True). Make it "
            "so, with 1 for those who left."
        )
    return values.astype(np.int64)


def horizon_of(source: _frame.Source, given: int | None) -> int | None:
    """Return the horizon of a table, from its column or the option."""
    found = _design.horizons(source)
    if len(found) > 1 or (found and given is not None and found != [given]):
        raise OptionError(
            f"{source.caller}: the rows of features are for horizons of {found} days"
            f"{'' if given is None else f', horizon_days is {given}'}. Fit one horizon at a time."
        )
    return found[0] if found else given
