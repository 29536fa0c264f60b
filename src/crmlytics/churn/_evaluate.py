"""How good predictions of churn were, once it is known who left."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _groups, _result
from crmlytics._columns import Bools, Floats
from crmlytics.churn import _measures, _scored

_INTERVALS = (
    "auc",
    "pr_auc",
    "brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "lift_10",
    "stayer_lift_10",
)
_BOUNDED = [f"{name}{end}" for name in _INTERVALS for end in ("", "_lower", "_upper")]
_PARTS = ("brier_reliability", "brier_resolution", "brier_uncertainty")
SCHEMA = {
    "n": "int",
    "n_churned": "int",
    **dict.fromkeys(("base_rate", "mean_probability", *_BOUNDED, *_PARTS), "float"),
}


def evaluate_churn(
    predictions: IntoDataFrameT,
    *,
    label_col: str = "churned",
    prob_col: str = "churn_probability",
    by: str | Sequence[str] | None = None,
    confidence: float = 0.95,
    customer_col: str | None = None,
) -> IntoDataFrameT:
    """Measure predicted churn against who churned: ranking, calibration and lift, with intervals.

    Parameters
    ----------
    predictions : table
        One row per prediction, with its probability and what happened.
    label_col : str, default "churned"
        Column of what happened: 1 or True for who churned, 0 or False for who stayed.
    prob_col : str, default "churn_probability"
        Column of the predicted probability of churn, 0 to 1.
    by : str or list of str, optional
        Columns to group by, such as the model or the cutoff: each group is measured alone.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1.
    customer_col : str, optional
        Column of customer ids, where a customer may have several rows (one a cutoff): the
        intervals then take customers, not rows, for the sample.

    Returns
    -------
    table
        One row (a group), sorted: the columns of `by`, ``n``, ``n_churned`` (int, rows),
        ``base_rate`` (float, share that churned), ``mean_probability`` (float; equal to the base
        rate where the level is right), and with ``_lower`` and ``_upper`` each (float): ``auc``
        (chance that a churner scores above a stayer; 0.5 = by chance), ``pr_auc`` (average
        precision; the base rate = by chance), ``brier`` (mean squared error, 0 best), ``log_loss``
        (mean, in nats, 0 best), ``calibration_slope`` (1 = right, below 1 = too sure),
        ``calibration_intercept`` (0 = right), ``lift_10`` (churn rate in the top tenth by
        probability over `base_rate`), ``stayer_lift_10`` (rate of staying in the lowest tenth over
        that of all: the one to read where most customers churn); then ``brier_reliability`` (0 =
        calibrated), ``brier_resolution`` (higher = tells customers apart better),
        ``brier_uncertainty`` (that of the base rate alone); brier is the first less the second plus
        the third. Null: whatever needs churners and stayers where one of them is missing; bounds
        of AUC and average precision with fewer than two of each; slope and intercept where they do
        not exist (a single probability, one of exactly 0 or 1, or churners and stayers parted
        without overlap); bounds of a loss of exactly 0. No row for an empty table.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or `by` has the name of a result.
    DataError
        If labels or probabilities are null, labels are not 0 or 1, or probabilities lie outside 0
        to 1.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    lift_table : who is found among the customers at highest risk; for scores of any kind.
    calibration_table : predicted and observed rates, class by class.
    profit_curve : what acting on the predictions earns.

    Notes
    -----
    Equal probabilities count half in the AUC (midranks), and in part at the border of a tenth, so
    that the order of rows is nothing. ``pr_auc`` is the sum over distinct probabilities of
    (recall gained) * precision, without interpolation. Probabilities of 0 and 1 are kept off the
    ends by 2.2e-16 in the log loss.

    Slope b and intercept a are those of the logistic regression ``P(churn) = logistic(a + b
    logit(p))``. The parts of the Brier score compare with the isotonic regression of the labels on
    p, and so depend on no bins; reliability is above 0 by chance even for perfect probabilities.

    Standard errors: DeLong et al. for the AUC (computed in one sort), the infinitesimal jackknife
    for average precision, lifts and losses, the observed information for slope and intercept; with
    `customer_col` sums over customers throughout. AUC, average precision and the share of churners
    found go to the logit scale, losses to the log scale. Simulated coverage at 0.95 is 0.93 to
    0.97 with 60 or more churners and stayers; with 20 it falls to 0.90 for average precision, and
    with 5 to 0.87 for it and the AUC, while that of the lift rises. Where probabilities are exactly
    0 or 1, a few losses of 36 decide the log loss, and its interval is too short. Two models on the
    same customers differ less by chance than their two intervals suggest.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated
    receiver operating characteristic curves, Biometrics 44, p. 837.
    Sun and Xu (2014), Fast implementation of DeLong's algorithm, IEEE Signal Processing Letters 21,
    p. 1389.
    Boyd, Eng and Page (2013), Area under the precision-recall curve: point estimates and confidence
    intervals, ECML PKDD, p. 451.
    Cox (1958), Two further applications of a model for binary regression, Biometrika 45, p. 562.
    Dimitriadis, Gneiting and Jordan (2021), Stable reliability diagrams for probabilistic
    classifiers, PNAS 118(8), e2016191118.

    Examples
    --------
    Of the four pairs of a churner and a stayer, three are in the right order.

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> predictions = pd.DataFrame(
    ...     {"churned": [1, 0, 1, 0], "churn_probability": [0.9, 0.5, 0.4, 0.2]}
    ... )
    >>> found = crm.churn.evaluate_churn(predictions)
    >>> found[["n", "n_churned", "base_rate", "mean_probability", "auc", "brier"]]
       n  n_churned  base_rate  mean_probability   auc  brier
    0  4          2        0.5               0.5  0.75  0.165
    """
    caller = "evaluate_churn"
    level = _checks.confidence(confidence, caller)
    source, churned, probability = _scored.read(
        predictions, caller, label_col=label_col, prob_col=prob_col, customer_col=customer_col,
        by=by, result=tuple(SCHEMA),
    )  # fmt: skip
    schema = {**dict.fromkeys(source.by, "id"), **SCHEMA}
    if source.n_rows == 0:
        nothing: IntoDataFrameT = _result.empty(source, schema)
        return nothing
    grouped = _groups.groups(source, None)
    codes = grouped.of_rows(None, source.n_rows)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes, minlength=grouped.size))[:-1])
    customers = source.keys("customer").codes if "customer" in source.names else None
    measured = [_measured(churned, probability, customers, rows, level) for rows in parts]
    table = grouped.columns(np.arange(grouped.size)) | {
        name: _result.column([row[name] for row in measured]) for name in SCHEMA
    }
    answer: IntoDataFrameT = _result.native(source, pa.table(table), schema, sort_by=source.by)
    return answer


def _measured(
    churned: Bools, probability: Floats, customers: Any, rows: Any, level: float
) -> dict[str, Any]:
    """Return one row of the answer."""
    churned, probability = churned[rows], probability[rows]
    clusters = None
    if customers is not None:
        clusters = np.unique(customers[rows], return_inverse=True)[1]
        clusters = None if clusters.max() + 1 == len(rows) else clusters
    by = _scored.steps(churned, probability)
    from_below = _scored.steps(~churned, -probability)
    slope, intercept = _measures.calibration(by, churned, clusters, level)
    losses = {
        "brier": (probability - churned) ** 2,
        "log_loss": _measures.log_losses(churned, probability),
    }
    found = {
        "auc": _measures.auc(by, churned, clusters, level),
        "pr_auc": _measures.average_precision(by, churned, clusters, level),
        **{name: _measures.mean(each, clusters, level) for name, each in losses.items()},
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "lift_10": _measures.top_lift(by, churned, clusters, level),
        "stayer_lift_10": _measures.top_lift(from_below, ~churned, clusters, level),
    }
    values = [value for name in _INTERVALS for value in found[name]]
    return {
        "n": len(rows),
        "n_churned": int(churned.sum()),
        "base_rate": float(churned.mean()),
        "mean_probability": float(probability.mean()),
        **dict(zip(_BOUNDED, values, strict=True)),
        **dict(zip(_PARTS, _measures.brier_parts(by), strict=True)),
    }
