"""Models of churn held against what happened, cutoff by cutoff, as time went on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _checks, _frame, _periods, _progress, _result
from crmlytics._columns import Floats
from crmlytics._frame import Source
from crmlytics.churn import _features, _fit, _labels, _panel
from crmlytics.churn._churn_model import ChurnModel
from crmlytics.churn._features import Context
from crmlytics.churn._panel import Days
from crmlytics.churn._table import Table
from crmlytics.errors import CrmlyticsError, NotEnoughDataError

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

CANDIDATES = ("logistic", "boosting", "btyd", "recency")
_TRAINING = 3  # cutoffs that models learn from
_SHORTEST = 14  # days of an outcome from which ranking can still be learnt
# measures that a model of another horizon cannot have
_OF_PROBABILITIES = (
    "mean_probability", "brier", "log_loss", "calibration_slope", "calibration_intercept",
)  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """What a backtest stands on."""

    source: Source
    found: Days
    horizon: int
    gap: int
    active: int | None
    context: Context
    first: int
    last: int

    def table(self, cutoffs: list[int], horizon: int | None = None) -> Table:
        """Return features and labels of some cutoffs; no label (0) without a horizon."""
        made = _features.gather(self.source, self.found, cutoffs, self.active, self.context)
        ids = pc.index_in(made["customer"].combine_chunks(), _result.ids(self.found.customers))
        owner = np.asarray(ids.to_numpy(zero_copy_only=False), dtype=np.int64)
        day = np.asarray(made["cutoff"].cast("timestamp[s]").cast("int64")) // 86_400
        label = np.zeros(len(owner), dtype=np.int64)
        for cutoff in cutoffs if horizon is not None else ():
            start = self.found.upto(cutoff + self.gap)
            stop = self.found.upto(cutoff + self.gap + int(horizon or 0))
            rows = day == cutoff
            label[rows] = (stop == start)[owner[rows]]
        read = {name: _plain(made[name]) for name in made.column_names[2:]}
        name = self.source.names["customer"]
        return Table(read, label, owner, day.astype(np.int64), horizon, name)

    def training(self, cutoff: int, horizon: int) -> list[int]:
        """Return cutoffs whose outcome of some length was over by another, the latest first."""
        step = max(horizon // 2, 7)
        latest = cutoff - self.gap - horizon
        days = [latest - k * step for k in range(_TRAINING)]
        return [day for day in days if day - self.first >= min(horizon // 2, 91)]


def _plain(column: Any) -> Any:
    """Return numbers as floats and texts as objects."""
    if pa.types.is_string(column.type):
        made = np.empty(len(column), dtype=object)
        made[:] = column.to_pylist()
        return made
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int64())
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def backtest_churn(
    transactions: "IntoDataFrameT",
    *,
    horizon_days: int,
    n_cutoffs: int = 3,
    candidates: Sequence[str] = CANDIDATES,
    gap_days: int = 0,
    active_within_days: int | None = None,
    interactions: "IntoDataFrame | None" = None,
    customers: "IntoDataFrame | None" = None,
    feedback: "IntoDataFrame | None" = None,
    as_of: date | str | None = None,
    confidence: float = 0.95,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
    product_col: str | None = "product_id",
    channel_col: str | None = "channel",
    discount_col: str | None = "discount",
) -> "IntoDataFrameT":
    """Compare models of churn on the customers' own past, as they would have been used.

    For each cutoff, models learn from what was over by then, and predict who buys nothing in the
    days after; which then is held against what happened.

    Parameters
    ----------
    transactions : table
        One row per order line.
    horizon_days : int
        Length of the outcome.
    n_cutoffs : int, default 3
        Most cutoffs to test on; the latest whose outcome is over, and others a horizon apart.
    candidates : list of str, optional
        "logistic" and "boosting", as in :func:`fit_churn`; "btyd", a Pareto/NBD model; "recency",
        logistic regression on the days of silence alone, which any model has to beat.
    gap_days, active_within_days : optional
        As in :func:`churn_labels`.
    interactions, customers, feedback : table, optional
        As in :func:`churn_features`, with columns of the usual names.
    as_of : date, default the last date of the transactions
        The last day that is complete.
    confidence : float, default 0.95
        Level of the intervals.
    customer_col, date_col : str
        Names of the columns.
    amount_col, product_col, channel_col, discount_col : str or None
        As in :func:`churn_features`.

    Returns
    -------
    table
        One row for each cutoff and candidate, sorted by both: ``cutoff`` (date), ``model`` (str),
        then the measures of :func:`evaluate_churn` with their intervals, ``trained_on_days`` (int,
        length of the outcome that the model learnt from; null for "btyd"), ``training_rows``
        (int), ``n_inactive`` (int, customers left out because they had long been silent),
        ``chosen`` (bool, the candidate with the lowest log loss over the cutoffs that all
        share). Where no
        outcome of the full length was over before a cutoff, models learn from a shorter one: they
        can rank, and what concerns probabilities is null.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null.
    NotEnoughDataError
        If no outcome of that length is over.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If a candidate cannot be fitted at a cutoff.

    See Also
    --------
    churn_risk : the chosen model, fitted and applied.

    Notes
    -----
    Models learn from up to three cutoffs half a horizon apart, the latest of which has its outcome
    end on the cutoff tested (less the gap). The choice is by log loss, which rewards right
    probabilities as well as the right order; "btyd" alone where no other has probabilities.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> found = crm.churn.backtest_churn(
    ...     purchases, horizon_days=91, n_cutoffs=1, candidates=["logistic", "btyd"]
    ... )
    >>> found[["model", "auc", "brier", "chosen"]].round(2)
          model   auc  brier  chosen
    0      btyd  0.83   0.09   False
    1  logistic  0.83   0.08    True
    """
    caller = "backtest_churn"
    n = _checks.whole(n_cutoffs, name="n_cutoffs", caller=caller, low=1)
    asked = candidates_of(candidates, caller)
    level = _checks.confidence(confidence, caller)
    context = Context(interactions, customers, feedback, roles=roles(customer_col, date_col))
    frame = open_frame(
        transactions, caller, horizon_days=horizon_days, gap_days=gap_days,
        active_within_days=active_within_days, as_of=as_of, context=context,
        customer_col=customer_col, date_col=date_col, amount_col=amount_col,
        product_col=product_col, channel_col=channel_col, discount_col=discount_col,
    )  # fmt: skip
    measured = measure(frame, n, asked, level)
    answer: IntoDataFrameT = _result.native(
        frame.source, measured, _result.kinds_of(measured), sort_by=("cutoff", "model")
    )
    return answer


def roles(customer_col: str, date_col: str) -> dict[str, str]:
    """Return the usual names of the columns of the tables beside transactions."""
    return {
        "customer_col": customer_col, "date_col": date_col, "event_col": "event",
        "opened_col": "opened_at", "answered_col": "first_response_at",
        "resolved_col": "resolved_at", "score_col": "score",
    }  # fmt: skip


def candidates_of(given: Any, caller: str) -> list[str]:
    """Check the names of candidates."""
    return _labels.words(given, CANDIDATES, name="candidates", caller=caller)


def open_frame(
    transactions: Any, caller: str, *, horizon_days: Any, gap_days: Any, active_within_days: Any,
    as_of: Any, context: Context, **columns: str | None,
) -> Frame:  # fmt: skip
    """Check the options and reduce the transactions once."""
    horizon = _checks.whole(horizon_days, name="horizon_days", caller=caller, low=1)
    gap = _checks.whole(gap_days, name="gap_days", caller=caller, low=0)
    active = _labels.within(active_within_days, caller)
    source = _features.read(transactions, caller, lazy=False, **columns)
    last = _frame.as_of(source, as_of)
    found = _panel.purchase_days(source)
    _checks.at_least(1, len(found.day), "purchases", caller, "Hand over some.")
    first = int(found.day.min())
    return Frame(source, found, horizon, gap, active, context, first, last)


def cutoffs(frame: Frame, n: int) -> list[int]:
    """Return the cutoffs to test on, in order; at least one."""
    latest = frame.last - frame.gap - frame.horizon
    days = [latest - k * frame.horizon for k in range(n)]
    kept = [day for day in days if day - frame.first >= min(frame.horizon // 2, 91)]
    if not kept:
        raise NotEnoughDataError(
            f"{frame.source.caller}: the transactions cover {frame.last - frame.first + 1} days, "
            f"too few to hold back an outcome of {frame.horizon} days and have a history before "
            "it. Choose a shorter horizon_days."
        )
    return sorted(kept)


def measure(frame: Frame, n: int, asked: list[str], level: float) -> pa.Table:
    """Return the measures of all candidates at all cutoffs."""
    from crmlytics.churn._evaluate import evaluate_churn

    parts: list[pa.Table] = []
    notes: dict[tuple[int, str], tuple[int | None, int, int]] = {}
    tested = cutoffs(frame, n)
    with _progress.bar(len(tested) * len(asked), frame.source.caller, "fits") as tell:
        for cutoff in tested:
            test = frame.table([cutoff], frame.horizon)
            every = int(np.count_nonzero(frame.found.upto(cutoff) > frame.found.starts[:-1]))
            for name in asked:
                tried = _tried(frame, name, cutoff, test)
                tell(1)
                if tried is None:
                    continue
                p, trained_on, rows = tried
                notes[cutoff, name] = (trained_on, rows, every - len(p))
                columns = {
                    "cutoff": _periods.timestamps(np.full(len(p), cutoff)),
                    "model": pa.array([name] * len(p), pa.string()),
                    "churned": test.label,
                    "churn_probability": p,
                }
                parts.append(pa.table(columns))
    if not parts:
        raise NotEnoughDataError(
            f"{frame.source.caller}: no candidate could be fitted. Hand over more customers."
        )
    found = evaluate_churn(pa.concat_tables(parts), by=["cutoff", "model"], confidence=level)
    return _with_notes(found, notes, frame.horizon)


def _with_notes(found: pa.Table, notes: dict[Any, Any], horizon: int) -> pa.Table:
    """Add what each model learnt from, hide what it cannot know, and choose."""
    days = np.asarray(found["cutoff"].cast("timestamp[s]").cast("int64")) // 86_400
    keys = list(zip(days.tolist(), found["model"].to_pylist(), strict=True))
    trained = [notes[key][0] for key in keys]
    able = np.array([each is None or each == horizon for each in trained])
    for name in found.column_names:
        if name.startswith(_OF_PROBABILITIES):
            kept = pc.if_else(pa.array(able), found[name], pa.scalar(None, pa.float64()))
            found = found.set_column(found.column_names.index(name), name, kept)
    chosen = best(found, days)
    return (
        found.append_column("trained_on_days", pa.array(trained, pa.int64()))
        .append_column("training_rows", pa.array([notes[key][1] for key in keys], pa.int64()))
        .append_column("n_inactive", pa.array([notes[key][2] for key in keys], pa.int64()))
        .append_column("chosen", pa.array([name == chosen for _, name in keys]))
    )


def best(found: pa.Table, days: Any) -> str | None:
    """Return the model with the lowest mean log loss among those at the latest cutoff.

    The mean is over the cutoffs at which all of them have one, as some are harder than others.
    """
    loss = np.asarray(found["log_loss"].to_numpy(zero_copy_only=False), dtype=np.float64)
    losses: dict[int, dict[str, float]] = {}
    for day, name, value in zip(days.tolist(), found["model"].to_pylist(), loss, strict=True):
        if np.isfinite(value):
            losses.setdefault(day, {})[name] = float(value)
    latest = losses.get(int(days.max()), {})
    shared = [each for each in losses.values() if set(latest) <= set(each)]
    scored = {name: float(np.mean([each[name] for each in shared])) for name in latest}
    return min(scored, key=lambda name: scored[name]) if scored else None


def _tried(
    frame: Frame, name: str, cutoff: int, test: Table
) -> tuple[Floats, int | None, int] | None:
    """Return probabilities at a cutoff, the outcome learnt from, and the rows; None if none."""
    caller = frame.source.caller
    try:
        model, horizon = fit_at(frame, name, cutoff, frame.horizon)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        _checks.warn(f"{caller}: {name!r} is left out at {_checks.iso(cutoff)}: {reason}")
        return None
    p = model._probabilities(test.read)  # noqa: SLF001 - one of ours
    return p, None if name == "btyd" else horizon, model.n


def fit_at(frame: Frame, name: str, cutoff: int, horizon: int) -> tuple[ChurnModel, int]:
    """Fit a candidate to what was over by a cutoff; the outcome is shorter where it must be."""
    caller = frame.source.caller
    if name == "btyd":
        rows = Frame(
            frame.source, frame.found, horizon, frame.gap, None, Context(), frame.first, frame.last
        ).table([cutoff])
        return _fit.btyd_of(rows, horizon, caller), horizon
    days = frame.training(cutoff, horizon)
    if not days:
        horizon = (cutoff - frame.gap - frame.first) // 2
        days = frame.training(cutoff, horizon) if horizon >= _SHORTEST else []
    if not days:
        raise NotEnoughDataError(
            f"{caller}: no outcome was over before {_checks.iso(cutoff)}, so there is nothing to "
            "learn from."
        )
    table = frame.table(sorted(days), horizon)
    estimator = name
    if name == "recency":
        table = Table(
            {"recency_days": table.read["recency_days"]}, table.label, table.owner, table.cutoff,
            horizon, table.customer_name,
        )  # fmt: skip
        estimator = "logistic"
    return _fit.fitted(table, estimator, calibrate=True, caller=caller, trusted=True), horizon
