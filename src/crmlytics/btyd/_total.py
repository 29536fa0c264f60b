"""The purchases of all customers together, with what the data leave open about the parameters."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _result
from crmlytics._columns import Floats
from crmlytics.btyd import _rows
from crmlytics.btyd._counts import Future
from crmlytics.btyd._purchase import Customers, PurchaseModel
from crmlytics.errors import OptionError

SCHEMA = {
    "expected": "float",
    "lower": "float",
    "upper": "float",
    "parameter_error": "float",
    "chance_error": "float",
}
_DRAWS = 20_000
_MOST_ROWS = 2_000  # different customers on which other parameters are tried


def total_interval(
    model: PurchaseModel,
    summary: IntoDataFrameT,
    *,
    horizon: float,
    confidence: float = 0.95,
    random_state: int = 0,
) -> IntoDataFrameT:
    """Predict the purchases of all customers together, with an interval that can be trusted.

    For one customer chance is nearly all of the uncertainty. In a sum over many customers chance
    averages out, and what the data leave open about the parameters remains: here both are
    included. Parameters are drawn from the normal distribution that the observed information gives
    their logarithms (directions in which the likelihood is flat are left where they are); given the
    parameters a total is normal, with the variance of the counts. The
    interval holds the share `confidence` of the mixture.

    Parameters
    ----------
    model : PurchaseModel
        A model fitted by this library, with standard errors.
    summary : table
        One row per customer, as `purchase_summary` makes it.
    horizon : float
        How far to look ahead, in periods of the summary; above 0.
    confidence : float, default 0.95
        Level of the interval, between 0 and 1.
    random_state : int, default 0
        Seed of the draws: same call, same answer.

    Returns
    -------
    table
        One row: ``expected`` (float, purchases of all customers), ``lower``, ``upper`` (float),
        ``parameter_error`` and ``chance_error`` (float, the standard deviations of the two
        sources).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If values are unknown or impossible.
    OptionError
        If an option has a value outside what it allows, or the model has no standard errors.

    See Also
    --------
    evaluate_holdout : holds totals and customers against what happened.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> model = crm.btyd.fit_pareto_nbd(summary)
    >>> crm.btyd.total_interval(model, summary, horizon=39)[["expected"]].round(1)
       expected
    0    1665.5
    """
    caller = "total_interval"
    if not isinstance(model, PurchaseModel):
        raise OptionError(
            f"{caller}: model must be a model of purchasing; got {type(model).__name__}. "
            "Fit one, as with fit_pareto_nbd."
        )
    ahead = model._horizon(horizon, caller)  # noqa: SLF001 - one of ours
    level = _checks.confidence(confidence, caller)
    seed = _checks.whole(random_state, name="random_state", caller=caller, low=0)
    if model.log_covariance is None:
        raise OptionError(
            f"{caller}: the model has no standard errors, because its parameters were taken over. "
            "Fit it to a summary."
        )
    read = _rows.read(summary, caller=caller, covariates=model.covariates, age=model.age_column)
    answer = _interval(model, read.columns(), ahead, level, np.random.default_rng(seed))
    made: IntoDataFrameT = _result.native(
        read.source, pa.table({name: [answer[name]] for name in SCHEMA}), SCHEMA
    )
    return made


def _interval(
    model: Any, columns: list[Floats], horizon: float, level: float, rng: np.random.Generator
) -> dict[str, float]:
    if not len(columns[0]):
        return dict.fromkeys(SCHEMA, 0.0)
    customers = model._customers(columns)  # noqa: SLF001 - one of ours
    weight = np.bincount(customers.place, minlength=len(customers.frequency))
    future = customers.future
    parts = weight * future.expected(horizon)
    expected = float(parts.sum())
    rows, share = _sample(parts)
    chance = float(np.sqrt(expected * (share @ _dispersion(future, rows, horizon))))
    sample = _different(customers, rows)
    base = _expected(model, sample, horizon)
    values, vectors = np.linalg.eigh(np.array(model.log_covariance))
    known = values > 1e-14 * values.max()  # flat directions have no part in it
    root = vectors[:, known] * np.sqrt(values[known])

    def change(moves: Floats) -> Floats:
        """Return the logarithm of the total at other parameters, less that at these."""
        found = [_expected(shifted(model, root @ move), sample, horizon) for move in moves]
        return np.log([float(share @ (each / base)) for each in found])

    drawn = expected * np.exp(_response(change, root.shape[1], rng))
    side = (1 - level) / 2
    return {
        "expected": expected,
        "lower": max(_quantile(drawn, chance, side), 0.0),
        "upper": _quantile(drawn, chance, 1 - side),
        "parameter_error": float(drawn.std()),
        "chance_error": chance,
    }


def _response(change: Callable[[Floats], Floats], k: int, rng: np.random.Generator) -> Floats:
    """Draw changes of the logarithm of the total, from its quadratic in standard directions.

    The quadratic goes through points at 1.5 standard deviations along each direction and each pair
    of them: far fewer looks at all customers than draws.
    """
    step = 1.5
    points = [s * step * np.eye(k)[i] for i in range(k) for s in (1, -1)]
    points += [
        step * (s * np.eye(k)[i] + t * np.eye(k)[j])
        for i in range(k) for j in range(i) for s in (1, -1) for t in (1, -1)
    ]  # fmt: skip
    at = np.array(points)
    pairs = [(i, j) for i in range(k) for j in range(i + 1)]

    def terms(moves: Floats) -> Floats:
        return np.column_stack([moves, *(moves[:, i] * moves[:, j] for i, j in pairs)])

    seen = change(at)
    usable = np.isfinite(seen)
    weights = np.linalg.lstsq(terms(at[usable]), seen[usable], rcond=None)[0]
    half = rng.standard_normal((_DRAWS // 2, k))
    drawn: Floats = terms(np.concatenate([half, -half])) @ weights
    return drawn


def _sample(shares: Floats) -> tuple[Any, Floats]:
    """Return different customers who stand for all, with the share of the total of each.

    Where there are many, points at equal distances along the cumulated total: what other parameters
    do to the total is then a mean over the points, of a ratio that changes little between
    neighbours.
    """
    if len(shares) <= _MOST_ROWS:
        rows = np.flatnonzero(shares > 0)
        return rows, shares[rows] / shares.sum()
    points = (np.arange(_MOST_ROWS) + 0.5) / _MOST_ROWS * shares.sum()
    found = np.minimum(np.searchsorted(np.cumsum(shares), points), len(shares) - 1)
    rows, counts = np.unique(found, return_counts=True)
    return rows, counts / _MOST_ROWS


def _dispersion(future: Future, rows: Any, horizon: float) -> Floats:
    """Return variance over mean of the count of some different customers."""
    process = future.process.take(future.place[rows])
    mean, alive = process.expected(horizon), future.p_alive[rows]
    second = process.variance(horizon) + mean * mean
    expected = alive * mean
    spread = np.maximum(alive * second - expected * expected, 0.0)
    return np.asarray(spread / np.maximum(expected, 1e-300), dtype=np.float64)


def _different(customers: Customers, rows: Any) -> list[Floats]:
    columns = (customers.frequency, customers.recency, customers.age, *customers.covariates)
    return [column[rows] for column in columns]


def _expected(model: Any, columns: list[Floats], horizon: float) -> Floats:
    x, tx, age, *covariates = columns
    alive = model._p_alive(x, tx, age, covariates)  # noqa: SLF001 - one of ours
    living = model._living(x, age, covariates)  # noqa: SLF001 - one of ours
    return np.asarray(alive * living.expected(horizon), dtype=np.float64)


def shifted(model: Any, move: Floats) -> Any:
    """Return the model with its log-parameters and coefficients moved."""
    letters = model.letters
    changes = {
        letter: getattr(model, letter) * float(np.exp(np.clip(step, -20.0, 20.0)))
        for letter, step in zip(letters, move, strict=False)
    }
    at = len(letters)
    for name in ("purchase_coefficients", "churn_coefficients"):
        if hasattr(model, name):
            before = getattr(model, name)
            steps = move[at : at + len(before)]
            changes[name] = tuple(float(b + s) for b, s in zip(before, steps, strict=True))
            at += len(before)
    return replace(model, **changes)


def _quantile(means: Floats, deviation: float, share: float) -> float:
    """Solve for the quantile of an equal mixture of normal distributions."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    if deviation == 0.0:
        return float(np.quantile(means, share))
    low, high = means.min() - 9 * deviation, means.max() + 9 * deviation
    return float(brentq(lambda q: ndtr((q - means) / deviation).mean() - share, low, high))
