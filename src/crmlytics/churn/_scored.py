"""Predictions at the door, and customers in the order of their scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _columns, _frame
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError


@dataclass(frozen=True)
class Steps:
    """Customers by score, highest first; all with an equal score are one step."""

    score: Floats
    n: Floats
    churned: Floats
    step: Ints  # of each row, in the order of the rows

    @property
    def n_above(self) -> Floats:
        """Customers of each step and those above it."""
        return np.cumsum(self.n)

    @property
    def churned_above(self) -> Floats:
        """Churners of each step and those above it."""
        return np.cumsum(self.churned)

    @property
    def place(self) -> Floats:
        """Midrank of each step from the top, as a share of all: between 0 and 1."""
        shares: Floats = (self.n_above - self.n / 2) / self.n.sum()
        return shares

    def rates(self) -> Floats:
        """Churn rate of each step by isotonic regression: it never rises as scores fall."""
        from scipy.optimize import isotonic_regression

        if not len(self.n):
            return self.n
        fitted = isotonic_regression(self.churned / self.n, weights=self.n, increasing=False)
        return np.asarray(fitted.x, dtype=np.float64)


def steps(churned: Bools, score: Floats) -> Steps:
    """Put rows in the order of their scores."""
    order = np.argsort(-score)  # the order within a step is never used
    by_score = score[order]
    starts = np.flatnonzero(np.append(True, by_score[1:] != by_score[:-1])[: len(score)])
    n: Any = np.diff(np.append(starts, len(score)))
    step = np.empty(len(score), dtype=np.int64)
    step[order] = np.repeat(np.arange(len(starts)), n)
    left: Any = np.bincount(step, churned, len(starts))
    return Steps(by_score[starts], n.astype(np.float64), left, step)


def read(
    predictions: Any,
    caller: str,
    *,
    label_col: str,
    prob_col: str,
    customer_col: str | None = None,
    by: Any = None,
    probabilities: bool = True,
    result: tuple[str, ...] = (),
) -> tuple[Source, Bools, Floats]:
    """Read who churned and how probable that was thought to be; both must be known of all."""
    source = _frame.read(
        predictions, caller=caller, argument="predictions", by=by, result=result,
        roles={"customer_col": customer_col, "label_col": label_col, "prob_col": prob_col},
        optional=("customer_col",),
    )  # fmt: skip
    if source.n_rows == 0:
        return source, np.zeros(0, dtype=bool), np.zeros(0)
    churned = _labels(source)
    score = source.numbers("prob")
    _refuse_unknown(source, "prob", np.isnan(score))
    outside = int(((score < 0) | (score > 1)).sum()) if probabilities else 0
    if outside:
        odd = score[(score < 0) | (score > 1)][0]
        raise DataError(
            f"{caller}: {outside} of {source.n_rows} values of {source.names['prob']!r} (prob_col) "
            f"lie outside 0 to 1, such as {odd:g}. Pass probabilities; for scores of any other "
            "kind use lift_table."
        )
    return source, churned, score


def _labels(source: Source) -> Bools:
    series = source.column("label")
    where = f"column {source.names['label']!r} (label_col)"
    if _columns.family(series) not in {"number", "flag"}:
        unknown = _columns.null_count(series)
        if unknown < source.n_rows:
            held = _columns.describe(series)
            raise ColumnError(
                f"{source.caller}: {where} holds {held}, not 0 and 1 or True and False. "
                "Convert it before the call, as with table[column] == 'yes'."
            )
        _refuse_unknown(source, "label", np.ones(unknown, dtype=bool))
    values = source.numbers("label")
    _refuse_unknown(source, "label", np.isnan(values))
    odd = values[(values != 0) & (values != 1)]
    if len(odd):
        raise DataError(
            f"{source.caller}: {len(odd)} of {source.n_rows} values of "
            f"{where.removeprefix('column ')} are neither 0 nor 1, such as {odd[0]:g}. "
            "Make them 1 for who churned and 0 for who stayed."
        )
    return np.asarray(values == 1, dtype=bool)


def _refuse_unknown(source: Source, role: str, unknown: Bools) -> None:
    if unknown.any():
        raise DataError(
            f"{source.caller}: {int(unknown.sum())} of {source.n_rows} rows have no "
            f"{source.names[role]!r} ({role}_col). Drop them: only customers with a label and a "
            "prediction can be compared."
        )
