"""The partial likelihood of Cox: its maximum, the baseline, and whether hazards are proportional.

Letters as in the literature: at each tenure at which somebody left, sums over those at risk of w,
w x and w x x', w = exp(x b); ties after Efron (1977), who lets the d who left together leave one
after the other, on average: the k-th of them sees the sums less k / d of those of all d.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.errors import FitError

_MOST_STEPS = 60
_FLAT = 1e-6  # information left of what there was at 0, below which a coefficient runs away
_CLOSE = 1e-11  # twice the log-likelihood still to be won, at which it is the maximum


@dataclass(frozen=True)
class Optimum:
    """Coefficients of standardised features, at the maximum."""

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float


def fit(
    x: Floats, tenure: Ints, churned: Bools, penalty: float, names: Sequence[str], caller: str
) -> Optimum:
    """Maximise the partial likelihood by Newton's method; `x` is standardised."""
    from statsmodels.duration.hazard_regression import PHReg

    model = PHReg(tenure.astype(np.float64), x, status=churned.astype(np.int64), ties="efron")
    ridge = penalty * len(tenure)
    at = np.zeros(x.shape[1])
    null = float(model.loglike(at))
    value, first = null, -model.hessian(at)
    _refuse_sums(first, ridge, names, caller)
    for _ in range(_MOST_STEPS):
        slope = model.score(at) - ridge * at
        information = -model.hessian(at) + ridge * np.eye(len(at))
        _refuse_endless(information, first, names, caller)
        step = np.linalg.solve(information, slope)
        gain = float(slope @ step)
        if gain < _CLOSE:
            at = at + step  # so near, Newton doubles the digits at no cost
            break
        at, value = _climb(model, at, step, value, ridge)
    else:
        raise FitError(f"{caller}: the likelihood has no maximum in sight. {_ADVICE}")
    covariance = np.linalg.inv(information)
    return Optimum(at, (covariance + covariance.T) / 2, float(model.loglike(at)), null)


_ADVICE = "Drop or merge levels and features, or give penalty=0.01."


def _climb(
    model: Any, at: Floats, step: Floats, value: float, ridge: float
) -> tuple[Floats, float]:
    """Go along a step, or a part of it that leads up."""
    for half in range(40):
        there = at + step / 2**half
        with np.errstate(all="ignore"):
            reached = float(model.loglike(there)) - ridge * float(there @ there) / 2
        if np.isfinite(reached) and reached >= value:
            return there, reached
    return at + step, value  # no digit is left to be won; the next look at the slope ends it


def _refuse_sums(information: Floats, ridge: float, names: Sequence[str], caller: str) -> None:
    """Refuse a feature that the ones before it already tell."""
    if ridge > 0:
        return
    scale = 1 / np.sqrt(np.maximum(np.diag(information), np.finfo(np.float64).tiny))
    alike = information * np.outer(scale, scale)
    for k in range(len(names)):
        if np.linalg.eigvalsh(alike[: k + 1, : k + 1])[0] < 1e-10:
            raise FitError(
                f"{caller}: {names[k]} says nothing that the features before it do not, among "
                "those who were at risk. Drop it from features, or give penalty=0.01."
            )


def _refuse_endless(information: Floats, first: Floats, names: Sequence[str], caller: str) -> None:
    """Refuse coefficients that grow without end: the likelihood has gone flat along them."""
    from scipy.linalg import eigh

    held = 1e-9 * float(np.diag(first).mean()) * np.eye(len(first))
    left, along = eigh(information, first + held)
    if left[0] < _FLAT:
        worst = int(np.argmax(np.abs(along[:, 0])))
        raise FitError(
            f"{caller}: the coefficient of {names[worst]} grows without end, because it parts "
            f"those who left from those who stayed (or all of one level left or stayed). {_ADVICE}"
        )


@dataclass(frozen=True)
class Moments:
    """Sums at each tenure at which somebody left, after Efron."""

    times: Ints
    hazard: Floats  # of the baseline, d / sum of w
    variance: Floats  # of it, without that of the coefficients
    drift: Floats  # minus its derivative by the coefficients, a row a time
    residual: Floats  # Schoenfeld's, summed over those who left
    information: Callable[[Floats], Floats]  # summed over times, each with a weight


def moments(x: Floats, tenure: Ints, churned: Bools, coefficients: Floats) -> Moments:
    """Return what baseline, intervals and tests are made of; `x` is centred."""
    times, place = np.unique(tenure[churned], return_inverse=True)
    size, p = len(times), x.shape[1]
    upto = np.searchsorted(times, tenure, side="right") - 1
    seen = upto >= 0
    w = np.exp(x @ coefficients)

    def sums(rows: Bools, at: Ints, weights: Floats) -> Floats:
        return np.stack([np.bincount(at, weights * x[rows, j], size) for j in range(p)], axis=1)

    s0 = np.cumsum(np.bincount(upto[seen], w[seen], size)[::-1])[::-1]
    s1 = np.cumsum(sums(seen, upto[seen], w[seen])[::-1], axis=0)[::-1]
    d0, d1 = np.bincount(place, w[churned], size), sums(churned, place, w[churned])
    d = np.bincount(place, minlength=size)
    starts = np.append(0, np.cumsum(d)[:-1])
    part = (np.arange(d.sum()) - np.repeat(starts, d)) / np.repeat(d, d)
    below = 1 / (np.repeat(s0, d) - part * np.repeat(d0, d))

    def total(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, starts), dtype=np.float64)

    a1, b1 = total(below), total(part * below)
    a2, b2, c2 = total(below**2), total(part * below**2), total(part**2 * below**2)

    def information(weight: Floats) -> Floats:
        # sums of x x' over those at risk, time by time, are one product over customers
        of_risk = w[seen] * np.cumsum(weight * a1)[upto[seen]]
        of_lost = w[churned] * (weight * b1)[place]
        crossed = (s1 * (weight * b2)[:, None]).T @ d1
        return np.asarray(
            (x[seen] * of_risk[:, None]).T @ x[seen]
            - (x[churned] * of_lost[:, None]).T @ x[churned]
            - (s1 * (weight * a2)[:, None]).T @ s1
            + crossed
            + crossed.T
            - (d1 * (weight * c2)[:, None]).T @ d1
        )

    observed = sums(churned, place, np.ones(len(place)))
    return Moments(
        times, a1, a2, a2[:, None] * s1 - b2[:, None] * d1,
        observed - a1[:, None] * s1 + b1[:, None] * d1, information,
    )  # fmt: skip


def proportional(
    found: Moments, clock: Floats, lost: Ints, terms: Sequence[Ints]
) -> list[tuple[float, int]]:
    """Test each set of columns, and all, for a coefficient that moves along the clock.

    Score test of an added x * (clock - mean clock) (Grambsch and Therneau 1994): `lost` left at
    each time. Returns chi2 and degrees of freedom.
    """
    g = clock - float(clock @ lost) / float(lost.sum())
    score = g @ found.residual
    plain, once, twice = (found.information(weight) for weight in (np.ones(len(g)), g, g * g))
    left = twice - once @ np.linalg.pinv(plain, hermitian=True) @ once
    answers = []
    for columns in [*terms, np.arange(len(score))]:
        inner = left[np.ix_(columns, columns)]
        chi2 = score[columns] @ np.linalg.pinv(inner, hermitian=True) @ score[columns]
        answers.append((max(float(chi2), 0.0), int(np.linalg.matrix_rank(inner, hermitian=True))))
    return answers


def concordance(tenure: Ints, churned: Bools, risk: Floats) -> float | None:
    """Share of pairs in which who left earlier had the higher risk (Harrell 1982); ties half.

    A pair counts where one left while the other was still there. Goes back in time and keeps the
    risks of those who stayed longer in a tree of partial sums (Fenwick 1994).
    """
    # equal rows may differ in the last bits of x b
    ranks = np.unique(np.round(risk, 10), return_inverse=True)[1]
    size = int(ranks.max()) + 1
    tree = np.zeros(size + 1, dtype=np.int64)
    order = np.lexsort((churned, -tenure))  # at one tenure, who stayed comes first
    moved = (np.diff(tenure[order]) != 0) | (np.diff(churned[order].astype(np.int8)) != 0)
    edges = np.concatenate([[0], np.flatnonzero(moved) + 1, [len(order)]])
    pairs, lower, tied = 0, 0, 0
    for start, stop in pairwise(edges.tolist()):
        ours = ranks[order[start:stop]]
        if churned[order[start]]:
            below, upto = _sum_below(tree, ours), _sum_below(tree, ours + 1)
            pairs += start * len(ours)
            lower += int(below.sum())
            tied += int((upto - below).sum())
        at = ours + 1
        while len(at):
            np.add.at(tree, at, 1)
            at = at + (at & -at)
            at = at[at <= size]
    return (lower + tied / 2) / pairs if pairs else None


def _sum_below(tree: Ints, ranks: Ints) -> Ints:
    found, at = np.zeros(len(ranks), dtype=np.int64), ranks.copy()
    while at.any():
        found += tree[at]
        at = at & (at - 1)  # leads to 0, where nothing stands
    return found
