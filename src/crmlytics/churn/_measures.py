"""How well probabilities foretold who churned: estimates and their standard errors.

Every measure is a smooth function of the table's row weights, and its standard error comes from
its derivatives by them (the infinitesimal jackknife, of which DeLong's method is one case). That
takes one sort and no random draws.
"""

from typing import Any

import numpy as np

from crmlytics import _intervals
from crmlytics._columns import Bools, Floats
from crmlytics.churn._scored import Steps

Interval = tuple[float, float, float]  # estimate, lower, upper; NaN where unknown
UNKNOWN: Interval = (np.nan, np.nan, np.nan)
_MOST_STEPS = 100
_TINY = float(np.finfo(np.float64).eps)


def standard_error(pull: Any, clusters: Any) -> float:
    """Return the standard error of a measure from the pull of each row on it.

    The pulls add up to 0. Rows of one customer are not independent, and are added up first.
    """
    if clusters is not None:
        pull = np.bincount(clusters, pull)
    n = len(pull)
    return float(np.sqrt((pull**2).sum() * n / (n - 1))) if n > 1 else np.nan


def mean(losses: Floats, clusters: Any, confidence: float) -> Interval:
    """Return a mean of losses, with its interval on the log scale: losses have a long tail."""
    centre = float(losses.mean())
    if centre == 0:
        return centre, np.nan, np.nan
    error = standard_error((losses - centre) / len(losses), clusters)
    factor = np.exp(_intervals.z_value(confidence) * error / centre)
    return centre, float(centre / factor), float(centre * factor)


def share(estimate: float, error: float, trials: float, confidence: float) -> Interval:
    """Return an estimate between 0 and 1 with its interval on the logit scale.

    At 0 and 1 there is no spread to learn from: then it is taken for a share of `trials`.
    """
    if 0 < estimate < 1:
        half = _intervals.z_value(confidence) * error / (estimate * (1 - estimate))
        odds = estimate / (1 - estimate) * np.exp(np.array([-half, half]))
        lower, upper = odds / (1 + odds)
    elif error == error:
        lower, upper = _intervals.wilson(estimate * trials, trials, confidence)
    else:
        lower = upper = np.nan
    return estimate, float(lower), float(upper)


def auc(by: Steps, churned: Bools, clusters: Any, confidence: float) -> Interval:
    """Return the area under the ROC curve, with the standard error of DeLong et al. 1988.

    A churner's component is the share of stayers below, a stayer's the share of churners above,
    equal scores counting half (midranks: Sun and Xu 2014).
    """
    stayed = by.n - by.churned
    n_churned, n_stayed = by.churned.sum(), stayed.sum()
    if not (n_churned and n_stayed):
        return UNKNOWN
    stayed_below = n_stayed - np.cumsum(stayed) + stayed / 2
    churned_above = np.cumsum(by.churned) - by.churned / 2
    area = float((by.churned * stayed_below).sum() / n_churned / n_stayed)
    of_churned = (stayed_below / n_stayed - area) / n_churned
    of_stayed = (churned_above / n_churned - area) / n_stayed
    if min(n_churned, n_stayed) < 2:
        error = np.nan
    elif clusters is not None:
        error = standard_error(_of_rows(by, churned, of_churned, of_stayed), clusters)
    else:
        s_churned = (by.churned * of_churned**2).sum() * n_churned / (n_churned - 1)
        s_stayed = (stayed * of_stayed**2).sum() * n_stayed / (n_stayed - 1)
        error = float(np.sqrt(s_churned + s_stayed))
    return share(area, error, min(n_churned, n_stayed), confidence)


def average_precision(by: Steps, churned: Bools, clusters: Any, confidence: float) -> Interval:
    """Return the mean over churners of the churn rate among all who score as high or higher."""
    total, n, k = by.churned.sum(), by.n_above, by.churned_above
    others = n[-1] - total
    if not (total and others):
        return UNKNOWN
    precision = k / n
    average = float((by.churned * precision).sum() / total)
    # what one more churner, or row, does to the precision of all churners at or below it
    lift = _from_below(by.churned / n)
    drop = _from_below(by.churned * precision / n)
    of_stayed = -drop / total
    of_churned = (precision - average + lift - drop) / total
    enough = min(total, others) > 1
    pull = _of_rows(by, churned, of_churned, of_stayed)
    error = standard_error(pull, clusters) if enough else np.nan
    return share(average, error, total, confidence)


def _from_below(values: Floats) -> Floats:
    return np.cumsum(values[::-1])[::-1]


def top_lift(
    by: Steps, churned: Bools, clusters: Any, confidence: float, top: float = 0.1
) -> Interval:
    """Return the churn rate among the `top` share by score over the rate of all.

    The step at the border counts in part, so that the order of equal scores is nothing. The lift
    is the share of churners found there, over `top`; that the border is itself estimated enters
    through the churn rate around it (between top / 2 and 3 top / 2).
    """
    total, n, above = by.churned.sum(), by.n.sum(), by.n_above
    if not 0 < total < n:
        return UNKNOWN
    wanted = top * n
    part = np.clip((wanted - (above - by.n)) / by.n, 0.0, 1.0)  # of each step inside the top
    found = float((part * by.churned).sum() / total)
    around = (above > wanted / 2) & (above - by.n < 1.5 * wanted)
    rate = by.churned[around].sum() / by.n[around].sum()
    border = rate * (top - part)
    of_churned, of_stayed = (part - found + border) / total, border / total
    error = standard_error(_of_rows(by, churned, of_churned, of_stayed), clusters)
    found, lower, upper = share(found, error, total, confidence)
    return found / top, lower / top, upper / top


def _of_rows(by: Steps, churned: Bools, of_churned: Floats, of_stayed: Floats) -> Floats:
    return np.where(churned, of_churned[by.step], of_stayed[by.step])


def log_losses(churned: Bools, probability: Floats) -> Floats:
    """Return minus the log of the probability given to what happened.

    Probabilities are kept off 0 and 1 by the smallest float step, as scikit-learn does: being sure
    and wrong costs 36.
    """
    p = np.clip(probability, _TINY, 1 - _TINY)
    return np.where(churned, -np.log(p), -np.log1p(-p))


def calibration(
    by: Steps, churned: Bools, clusters: Any, confidence: float
) -> tuple[Interval, Interval]:
    """Return slope and intercept of the logistic regression of the label on logit p (Cox 1958).

    NaN where they do not exist: a single probability, a probability of 0 or 1, or all churners
    on one side of all stayers.
    """
    p, stayed = by.score, by.n - by.churned
    left, kept = p[by.churned > 0], p[stayed > 0]
    parted = not (len(left) and len(kept)) or left[-1] >= kept[0] or kept[-1] >= left[0]
    if parted or len(p) < 2 or p[0] == 1 or p[-1] == 0:
        return UNKNOWN, UNKNOWN
    logit = np.log(p) - np.log1p(-p)
    # centred and scaled, so that Newton's steps are sound; put back afterwards
    centre = float((by.n * logit).sum() / by.n.sum())
    scale = float(np.abs(logit - centre).max())
    x = (logit - centre) / scale
    fitted = logistic_line(x, by.n, by.churned)
    if fitted is None:
        return UNKNOWN, UNKNOWN
    coefficients, covariance, rate = fitted
    if clusters is not None:
        pulls = (churned - rate[by.step])[:, None] * _design(x)[by.step] @ covariance
        sums = np.stack([np.bincount(clusters, pull) for pull in pulls.T])
        k = sums.shape[1]
        covariance = sums @ sums.T * (k / (k - 1) if k > 1 else np.nan)
    back = np.array([[1.0, -centre / scale], [0.0, 1 / scale]])
    intercept, slope = back @ coefficients
    errors = np.sqrt(np.diag(back @ covariance @ back.T)) * _intervals.z_value(confidence)
    return (
        (slope, slope - errors[1], slope + errors[1]),
        (intercept, intercept - errors[0], intercept + errors[0]),
    )


def _design(x: Floats) -> Floats:
    return np.column_stack([np.ones(len(x)), x])


def logistic_line(x: Floats, n: Floats, churned: Floats) -> tuple[Floats, Floats, Floats] | None:
    """Return the intercept and slope of greatest likelihood, their covariance and the rates.

    None where there are none: a single x, or all churners on one side of all stayers.
    """
    design, line = _design(x), np.zeros(2)
    value = -np.inf
    step = np.zeros(2)
    for _ in range(_MOST_STEPS):
        for _ in range(_MOST_STEPS):  # halve the step until it is one upwards
            eta = design @ (line + step)
            found = float((churned * eta - n * np.logaddexp(0.0, eta)).sum())
            if found >= value - 1e-12 * abs(value):
                break
            step = step / 2
        line, value = line + step, found
        rate = np.exp(-np.logaddexp(0.0, -eta))
        weight = n * rate * (1 - rate)
        information = design.T @ (weight[:, None] * design)
        gradient = design.T @ (churned - n * rate)
        if not np.linalg.cond(information) < 1e12:
            return None
        step = np.linalg.solve(information, gradient)
        if np.abs(step).max() <= 1e-10 * (1 + np.abs(line).max()):
            return line, np.linalg.inv(information), rate
    return None


def brier_parts(by: Steps) -> tuple[float, float, float]:
    """Return the parts of the Brier score: reliability - resolution + uncertainty, exactly.

    The probabilities are held against the rates of their isotonic regression, which needs no bins
    (Dimitriadis, Gneiting and Jordan 2021).
    """
    base = by.churned.sum() / by.n.sum()

    def score(p: Any) -> float:
        losses = by.churned * (1 - p) ** 2 + (by.n - by.churned) * p**2
        return float(losses.sum() / by.n.sum())

    uncertainty, best = score(base), score(by.rates())
    return max(score(by.score) - best, 0.0), max(uncertainty - best, 0.0), uncertainty
