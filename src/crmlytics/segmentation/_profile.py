"""What distinguishes the segments."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _frame, _intervals, _result
from crmlytics._columns import Floats
from crmlytics.segmentation._scores import SCORES

_SCHEMA = {
    "segment": "id",
    "feature": "text",
    "customers": "int",
    "n": "int",
    "mean": "float",
    "lower": "float",
    "upper": "float",
    "median": "float",
    "share_of_customers": "float",
    "share_of_revenue": "float",
    "index_to_all": "float",
    "p_value": "float",
}


def segment_profile(
    customers: IntoDataFrameT,
    *,
    segment_col: str = "segment",
    features: Sequence[str] | None = None,
    monetary_col: str | None = None,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
) -> IntoDataFrameT:
    """Describe each segment by the features of its customers, against all.

    Whether a segment differs from the customers outside it is tested by Welch's t-test; p-values
    are corrected over the whole table by Benjamini and Hochberg. Segments made from a feature
    differ in that feature by construction: read those p-values as description, not as discovery.

    Parameters
    ----------
    customers : table
        One row a customer.
    segment_col : str, default "segment"
        The column with the segment; null is a segment of its own.
    features : sequence of str, optional
        Numeric columns to describe; by default all of them but the RFM scores, the id, and
        columns whose name ends in "id". Nulls
        are left out, feature by feature; ``n`` counts the rest.
    monetary_col : str, optional
        The column ``share_of_revenue`` is taken from; by default "monetary" where there is one.
    confidence : float, default 0.95
        Level of the interval of the mean, between 0 and 1.
    customer_col : str, default "customer_id"
        The id, which is not described; it need not be there.

    Returns
    -------
    table
        One row a segment and feature, sorted by segment, features in order: the segment,
        ``feature`` (str), ``customers`` (int; in the segment), ``n`` (int; with a known value),
        ``mean``, ``lower``, ``upper``, ``median`` (float, in the unit of the feature),
        ``share_of_customers``, ``share_of_revenue`` (float, 0 to 1; null without a monetary
        column), ``index_to_all`` (float; 100 = the mean of all), ``p_value`` (float, corrected;
        null where it cannot be tested).

    Raises
    ------
    ColumnError
        If a column is missing or a feature holds no numbers.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    rfm : makes segments.

    References
    ----------
    Welch (1947), The generalization of "Student's" problem, Biometrika 34, p. 28.
    Benjamini and Hochberg (1995), Controlling the false discovery rate, JRSS B 57, p. 293.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame(
    ...     {"segment": ["loyal", "loyal", "new"], "frequency": [4, 6, 2], "monetary": [50, 40, 10]}
    ... )
    >>> profile = crm.segmentation.segment_profile(customers)
    >>> profile[["segment", "feature", "mean", "share_of_revenue", "index_to_all"]]
      segment    feature  mean  share_of_revenue  index_to_all
    0   loyal  frequency   5.0               0.9         125.0
    1   loyal   monetary  45.0               0.9         135.0
    2     new  frequency   2.0               0.1          50.0
    3     new   monetary  10.0               0.1          30.0
    """
    caller = "segment_profile"
    level = _checks.confidence(confidence, caller)
    opened, _ = _frame.open_table(customers, caller=caller, argument="customers", lazy=False)
    if monetary_col is None and "monetary" in opened.columns:
        monetary_col = "monetary"
    if features is None:
        left_out = {customer_col, segment_col, *SCORES, "rfm_code", "rfm_score"}
        schema = opened.collect_schema()
        features = [
            c
            for c in opened.columns
            if c not in left_out and schema[c].is_numeric() and not c.lower().endswith("id")
        ]
    names = _checks.columns(features, name="features", caller=caller)
    roles = {"segment_col": segment_col}
    roles |= {} if monetary_col is None else {"monetary_col": monetary_col}
    source = _frame.read(
        customers, caller=caller, argument="customers", roles=roles, features=names,
        result=tuple(_SCHEMA)[1:],
    )  # fmt: skip
    keys = source.keys("segment")
    order = keys.sort(np.unique(keys.codes))
    place = np.zeros(keys.size, dtype=np.int64)
    place[order] = np.arange(len(order))
    groups = place[keys.codes]
    table = _describe(source, groups, len(order), names=names, level=level)
    labels = _result.ids(keys.take(order)) if len(order) else pa.array([], pa.string())
    table["segment"] = labels.take(pa.array(np.repeat(np.arange(len(order)), len(names))))
    answer: IntoDataFrameT = _result.native(source, pa.table(table), _SCHEMA)
    return answer


def _describe(
    source: _frame.Source, groups: Any, n_groups: int, *, names: list[str], level: float
) -> dict[str, Any]:
    """Return the measures, segments by features, as flat columns."""
    counts = np.bincount(groups, minlength=n_groups)
    revenue = np.full(n_groups, np.nan)
    if "monetary" in source.names:
        spent = np.nan_to_num(source.numbers("monetary"), nan=0.0)
        total = spent.sum()
        revenue = np.bincount(groups, spent, n_groups) / (total if total else np.nan)
    measured = [
        _measure(source.numbers(f"feature_{i}"), groups, n_groups, level) for i in range(len(names))
    ]
    flat = {
        name: np.array([m[name] for m in measured]).T.ravel()
        for name in ("n", "mean", "lower", "upper", "median", "index_to_all", "p_value")
    }
    flat["p_value"] = _intervals.benjamini_hochberg(flat["p_value"].astype(np.float64))
    flat["customers"] = np.repeat(counts, len(names))
    flat["share_of_customers"] = np.repeat(counts / max(len(groups), 1), len(names))
    flat["share_of_revenue"] = np.repeat(revenue, len(names))
    columns = {name: _result.column(values) for name, values in flat.items()}
    return columns | {"feature": pa.array(names * n_groups, pa.string())}


def _measure(values: Floats, groups: Any, n_groups: int, level: float) -> dict[str, Any]:
    known = ~np.isnan(values)
    values, groups = values[known], groups[known]
    n = np.bincount(groups, minlength=n_groups).astype(np.float64)
    order = np.argsort(groups, kind="stable")
    parts = np.split(values[order], np.cumsum(n).astype(int)[:-1]) if n_groups else []
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(groups, values, n_groups) / n
        inner = np.bincount(groups, (values - mean[groups]) ** 2, n_groups).astype(np.float64)
        error = np.sqrt(inner / (n - 1) / n)
        index = 100 * mean / (values.mean() if len(values) else np.nan)
    half = _intervals.z_value(level) * np.where(n > 1, error, np.nan)
    return {
        "n": n.astype(np.int64),
        "mean": mean,
        "lower": mean - half,
        "upper": mean + half,
        "median": [np.median(part) if len(part) else np.nan for part in parts],
        "index_to_all": np.where(np.isfinite(index), index, np.nan),
        "p_value": _against_rest(n, mean, inner),
    }


def _against_rest(n: Floats, mean: Floats, inner: Floats) -> Floats:
    """Welch's test of each group against all others; sums of squares combine without the rows."""
    from scipy.special import stdtr

    mean = np.nan_to_num(mean, nan=0.0)
    rest_n = n.sum() - n
    with np.errstate(divide="ignore", invalid="ignore"):
        rest_mean = ((n * mean).sum() - n * mean) / rest_n
        every = np.array(
            [
                inner.sum() - inner[i] + (np.delete(n * (mean - rest_mean[i]) ** 2, i)).sum()
                for i in range(len(n))
            ]
        )
        var, rest_var = inner / (n - 1) / n, every / (rest_n - 1) / rest_n
        t = (mean - rest_mean) / np.sqrt(var + rest_var)
        df = (var + rest_var) ** 2 / (var**2 / (n - 1) + rest_var**2 / (rest_n - 1))
        p = 2 * stdtr(df, -np.abs(t))
    return np.where((n > 1) & (rest_n > 1) & (var + rest_var > 0), p, np.nan)
