"""The cohorts taken together: how many are still active at each age."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _groups, _intervals, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics.errors import DataError
from crmlytics.kpi._definitions import defined

CURVE_SCHEMA = {
    "age": "int",
    "customers": "int",
    "at_risk": "int",
    "rate": "float",
    "lower": "float",
    "upper": "float",
    "n_cohorts": "int",
    "complete": "bool",
}


@defined
def retention_curve(
    cohorts: IntoDataFrameT,
    *,
    unfinished: str = "keep",
    confidence: float = 0.95,
    by: str | Sequence[str] | None = None,
) -> IntoDataFrameT:
    """Share of customers active at each age, over all cohorts observed at that age.

    ``rate(k) = sum of active customers / sum of cohort sizes``, numerator and denominator from the
    same cohorts: those whose age k has been observed. Cohorts where nobody was active count,
    cells not yet observable do not.

    Parameters
    ----------
    cohorts : table
        As `cohort_table` makes it with ``value="customers"``.
    unfinished : {"keep", "drop"}, default "keep"
        Whether cells in a period that was not over enter; they are too low, and every age has
        one such cell. They are marked in ``complete``.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    by : str or list of str, optional
        Columns the cohorts were grouped by.

    Returns
    -------
    table
        One row a group and age, sorted: the columns of `by`, ``age`` (int, periods),
        ``customers`` (int; active), ``at_risk`` (int; of the cohorts observed), ``rate`` (float, 0
        to 1; null where no cohort was observed), ``lower``, ``upper`` (float, Wilson),
        ``n_cohorts`` (int), ``complete`` (bool; False where an unfinished period entered).

    Raises
    ------
    ColumnError
        If a column of the cohort table is missing or of a wrong type.
    DataError
        If the table follows something else than customers.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    cohort_table : makes the cohorts.

    References
    ----------
    Fader and Hardie (2007), How to project customer retention, Journal of Interactive Marketing
    21, p. 76. Wilson (1927), Probable inference, JASA 22, p. 209.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "c", "a"],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-02-09", "2026-02-28"]),
    ...     }
    ... )
    >>> curve = crm.kpi.retention_curve(crm.kpi.cohort_table(lines))
    >>> curve[["age", "customers", "at_risk", "rate", "n_cohorts"]]
       age  customers  at_risk  rate  n_cohorts
    0    0          3        3   1.0          2
    1    1          1        2   0.5          1
    """
    caller = "retention_curve"
    _checks.choice(unfinished, ("keep", "drop"), name="unfinished", caller=caller)
    level = _checks.confidence(confidence, caller)
    source = _frame.read(
        cohorts, caller=caller, argument="cohorts", by=by, maker="cohort_table",
        roles={name: name for name in ("cohort", "age", "size", "value", "complete")},
        result=tuple(CURVE_SCHEMA),
    )  # fmt: skip
    ages, size, value, finished = _cells(source)
    entered = ~np.isnan(value) & (finished if unfinished == "drop" else True)
    grouped = _groups.groups(source, None)
    n_ages = int(ages.max(initial=-1)) + 1
    codes = ages if grouped.codes is None else grouped.codes * n_ages + ages
    slots = grouped.size * n_ages
    there = np.flatnonzero(np.bincount(codes, minlength=slots))

    def tally(of: Any = None, rows: Bools = entered) -> Ints:
        weights = None if of is None else of[rows]
        return np.bincount(codes[rows], weights, slots)[there].astype(np.int64)

    customers, at_risk = tally(value), tally(size)
    with np.errstate(invalid="ignore"):
        rate = customers / at_risk
    lower, upper = _intervals.wilson(customers, at_risk, level)
    reduced = {
        **grouped.columns(there // max(n_ages, 1)),
        "age": there % max(n_ages, 1),
        "customers": customers,
        "at_risk": at_risk,
        "rate": _result.column(rate),
        "lower": _result.column(lower),
        "upper": _result.column(upper),
        "n_cohorts": tally(),
        "complete": tally(rows=entered & ~finished) == 0,
    }
    schema = {**dict.fromkeys(source.by, "id"), **CURVE_SCHEMA}
    answer: IntoDataFrameT = _result.native(
        source, pa.table(reduced), schema, sort_by=[*source.by, "age"]
    )
    return answer


def _cells(source: _frame.Source) -> tuple[Ints, Floats, Floats, Bools]:
    """Return age, size, value and complete of cells that were checked to be cells of customers."""
    caller = source.caller
    for role in ("cohort", "age", "size", "complete"):
        nulls = _columns.null_count(source.column(role))
        if nulls:
            raise DataError(
                f"{caller}: {nulls} of {source.n_rows} rows of cohorts have no {role!r}. "
                "Make the table with cohort_table."
            )
    ages, size, value = (source.numbers(role) for role in ("age", "size", "value"))
    if (ages < 0).any() or (ages != np.floor(ages)).any():
        raise DataError(
            f"{caller}: age in cohorts must be whole numbers of 0 or more; the lowest is "
            f"{ages.min():g}. Make the table with cohort_table."
        )
    if (value > size).any() or (value != np.floor(value))[~np.isnan(value)].any():
        raise DataError(
            f"{caller}: value in cohorts is not a number of customers. "
            "Make the table with cohort_table(..., value='customers')."
        )
    cells = _groups.rows_together(source, [*source.by, "cohort", "age"])
    if len(np.unique(cells)) < len(cells):
        raise DataError(
            f"{caller}: cohorts holds a cohort and age more than once. Name the columns it was "
            "grouped by in by=, or keep one group."
        )
    finished = np.asarray(source.column("complete").to_numpy(), dtype=bool)
    return ages.astype(np.int64), size, value, finished
