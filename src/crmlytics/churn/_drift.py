"""Whether customers are still those a model learnt from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _result, _sentences, _stats
from crmlytics._columns import Floats
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError

SCHEMA = {
    "feature": "text",
    "psi": "float",
    "psi_by_chance": "float",
    "verdict": "text",
    "missing_before": "float",
    "missing_after": "float",
    "new_categories": "int",
    "mean_before": "float",
    "mean_after": "float",
}
_STABLE, _DIFFERENT = 0.1, 0.25
_NO_FEATURES = ("cutoff", "horizon_days")
_FAMILIES = {"number": "numbers", "flag": "True or False", "text": "text"}
_IDS_FROM = 50  # rows from which on a text of its own in every row is taken for an id


def population_drift(
    before: IntoDataFrameT,
    after: IntoDataFrameT,
    *,
    features: Sequence[str] | None = None,
    bins: int = 10,
    customer_col: str = "customer_id",
) -> IntoDataFrameT:
    """Find the columns whose values differ between two tables of customers, such as two cutoffs.

    Parameters
    ----------
    before : table
        One row per customer: what the model learnt from. Bins are set on it.
    after : table
        One row per customer: what the model is asked about now; of the same library.
    features : list of str, optional
        Columns to compare: numbers, True or False, text or categories. By default all such columns
        of `before` but `customer_col`, ``cutoff`` and ``horizon_days``; predictions and labels
        are compared like any other column.
    bins : int, default 10
        Most bins of a column of numbers, at quantiles of `before`; 2 or more. Numbers of at most
        this many different values have a bin each.
    customer_col : str, default "customer_id"
        Column of customer ids, which is no feature; it need not be there.

    Returns
    -------
    table
        One row a feature, highest index first: ``feature`` (str), ``psi`` (float, population
        stability index, 0 = the same), ``psi_by_chance`` (float, what 95 % of indices stay below
        where nothing has changed: higher for few customers and many bins), ``verdict`` (str:
        "stable" below 0.1 or `psi_by_chance`, "shifted" up to 0.25, "different" above),
        ``missing_before``, ``missing_after`` (float, share of rows without a value),
        ``new_categories`` (int, values that only `after` has; null for numbers), ``mean_before``,
        ``mean_after`` (float, in the unit of the column, share of True; null for text or where all
        are missing).

    Raises
    ------
    ColumnError
        If a feature is missing, holds anything else than numbers, True or False or text, or not
        the same in both tables.
    DataError
        If numbers are infinite, a text column looks like ids, or the tables are of two libraries.
    NotEnoughDataError
        If a table has no rows.
    OptionError
        If an option has a value outside what it allows, or there is no feature.

    See Also
    --------
    evaluate_churn : how good predictions were, once it is known who left.

    Notes
    -----
    ``psi = sum over bins of (a - e) * ln(a / e)`` with the shares e of `before` and a of `after`,
    none below 0.0001. Missing values are a bin, and all new categories together are one. Numbers
    below or above all of `before` fall into the outer bins.

    References
    ----------
    Siddiqi (2017), Intelligent Credit Scoring, 2nd ed., Wiley.
    Yurdakul and Naranjo (2020), Statistical properties of the population stability index, Journal
    of Risk Model Validation 14(4).

    Examples
    --------
    One of two customers had the plan "basic" before, three of four have it after: psi is
    (0.75 - 0.5) ln(0.75 / 0.5) + (0.25 - 0.5) ln(0.25 / 0.5) = 0.27, which four customers show by
    chance.

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> before = pd.DataFrame({"plan": ["basic", "pro"], "orders": [1, 3]})
    >>> after = pd.DataFrame({"plan": ["basic", "basic", "pro", "basic"], "orders": [1, 3, 3, 1]})
    >>> drift = crm.churn.population_drift(before, after)
    >>> drift[["feature", "psi", "verdict", "new_categories", "mean_before", "mean_after"]].round(2)
      feature   psi verdict  new_categories  mean_before  mean_after
    0    plan  0.27  stable               0          NaN         NaN
    1  orders  0.00  stable            <NA>          2.0         2.0
    """
    caller = "population_drift"
    most = _checks.whole(bins, name="bins", caller=caller, low=2)
    _checks.column(customer_col, name="customer_col", caller=caller)
    names = _features(before, features, customer_col, caller)
    old, new = (
        _frame.read(table, caller=caller, argument=argument, roles={}, features=names, strict=False)
        for table, argument in ((before, "before"), (after, "after"))
    )
    _frame.same_library(old, new)
    for source in (old, new):
        advice = "Two tables with customers can be compared."
        _checks.at_least(1, source.n_rows, f"row in {source.argument}", caller, advice)
    rows = [_compared(old, new, role, most) for role in old.names]
    rows.sort(key=lambda row: (-row["psi"], row["feature"]))
    table = pa.table({name: _column([row[name] for row in rows], name) for name in SCHEMA})
    answer: IntoDataFrameT = _result.native(old, table, SCHEMA)
    return answer


def _column(values: list[Any], name: str) -> Any:
    if SCHEMA[name] == "float":
        return _result.column(np.array(values, dtype=np.float64))
    return pa.array(values, pa.int64() if SCHEMA[name] == "int" else pa.string())


def _features(before: Any, features: Any, customer_col: str, caller: str) -> list[str]:
    """Return the columns to compare; those asked for by name need only be there."""
    opened, _ = _frame.open_table(before, caller=caller, argument="before", lazy=False)
    if features is not None:
        names = _checks.columns(features, name="features", caller=caller)
    else:
        left_out = {customer_col, *_NO_FEATURES}
        names = [
            name
            for name in opened.columns
            if name not in left_out and _columns.family(opened[name]) in _FAMILIES
        ]
    if not names:
        raise OptionError(
            f"{caller}: features names no column; before has {list(opened.columns)[:20]}. "
            "Name columns of numbers, True or False or text."
        )
    return names


def _compared(old: Source, new: Source, role: str, bins: int) -> dict[str, Any]:
    """Return one row of the answer."""
    family = _family(old, new, role)
    n_new: int | None = None
    means = [np.nan, np.nan]
    if family == "text":
        counts, n_new = _categories(old, new, role)
    else:
        was, now = _numbers(old, role), _numbers(new, role)
        counts = _numeric(was, now, bins)
        known = [each[~np.isnan(each)] for each in (was, now)]
        means = [float(each.mean()) if len(each) else np.nan for each in known]
        if family == "flag":
            n_new = len(np.setdiff1d(known[1], known[0]))
    found = _stats.psi(counts[:, 0], counts[:, 1])
    used = int((counts.sum(axis=1) > 0).sum())
    chance = _stats.psi_by_chance(used, old.n_rows, new.n_rows)
    verdict = "different" if found > _DIFFERENT else "shifted"
    return {
        "feature": old.names[role],
        "psi": found,
        "psi_by_chance": chance,
        "verdict": "stable" if found < _STABLE or found <= chance else verdict,
        "missing_before": counts[-1, 0] / old.n_rows,
        "missing_after": counts[-1, 1] / new.n_rows,
        "new_categories": n_new,
        "mean_before": means[0],
        "mean_after": means[1],
    }


def _family(old: Source, new: Source, role: str) -> str:
    """Return what a column holds; a column of nothing but nulls holds what the other does."""
    held = []
    for source in (old, new):
        series = source.column(role)
        family = _columns.family(series)
        if _columns.null_count(series) == source.n_rows:
            continue
        if family not in _FAMILIES:
            raise ColumnError(
                f"{source.caller}: column {source.names[role]!r} (features) of {source.argument} "
                f"holds {_columns.describe(series)}, not numbers, True or False or text. "
                "Leave it out, or make it a number of days first."
            )
        held.append(family)
    numeric = set(held) <= {"number", "flag"}
    if len(set(held)) > 1 and not numeric:
        raise ColumnError(
            f"{old.caller}: column {old.names[role]!r} (features) holds {_FAMILIES[held[0]]} in "
            f"{old.argument} and {_FAMILIES[held[1]]} in {new.argument}. Make it one type first."
        )
    return held[0] if len(set(held)) == 1 else "number"


def _numbers(source: Source, role: str) -> Floats:
    series = source.column(role)
    if _columns.null_count(series) == source.n_rows:
        return np.full(source.n_rows, np.nan)
    values = source.numbers(role)
    infinite = int((np.abs(values) > _columns.ENDLESS).sum())
    if infinite:
        where = f"column {source.names[role]!r} (features) of {source.argument}"
        raise DataError(_sentences.infinite(source, where, infinite))
    return values


def _numeric(old: Floats, new: Floats, bins: int) -> Any:
    """Count both tables in bins whose borders are values of the first, and missing ones last."""
    borders = _borders(old[~np.isnan(old)], bins)
    counts = []
    for values in (old, new):
        known = values[~np.isnan(values)]
        at = np.searchsorted(borders, known)
        counts.append([*np.bincount(at, minlength=len(borders) + 1), len(values) - len(known)])
    return np.array(counts).T


def _borders(values: Floats, bins: int) -> Floats:
    """Return the highest value of each bin but the last; none of the bins is empty."""
    distinct = np.unique(values)
    if len(distinct) < 2:
        # all alike: what lies below and what lies above would be new
        return np.append(np.nextafter(distinct, -np.inf), distinct)
    if len(distinct) <= bins:
        return distinct[:-1]
    shares = np.arange(1, bins) / bins
    borders = np.unique(np.quantile(values, shares, method="inverted_cdf"))
    # where the top value fills whole bins, the rest must still be told from it
    return np.unique(np.minimum(borders, distinct[-2]))


def _categories(old: Source, new: Source, role: str) -> tuple[Any, int]:
    """Count both tables by value; all values that only the second has are one bin."""
    counted = []
    for source in (old, new):
        values = _result.ids(source.column(role)).drop_null()
        found = pc.value_counts(values)
        names, counts = found.field("values").to_pylist(), found.field("counts").to_pylist()
        if len(names) == source.n_rows >= _IDS_FROM:
            raise DataError(
                f"{source.caller}: column {source.names[role]!r} (features) has another text in "
                f"every of the {source.n_rows} rows of {source.argument}, as ids have. Name it in "
                "customer_col=, or list the columns to compare in features=."
            )
        counted.append(dict(zip(names, counts, strict=True)))
    was, now = counted
    only = [name for name in now if name not in was]
    rows = [[count, now.get(name, 0)] for name, count in was.items()]
    rows += [[0, sum(now[name] for name in only)]]
    rows += [[old.n_rows - sum(was.values()), new.n_rows - sum(now.values())]]
    return np.array(rows), len(only)
