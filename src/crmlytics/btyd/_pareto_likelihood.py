"""The log-likelihood of the Pareto/NBD in log-parameters, with gradient and Hessian.

Relative to the term of a living customer, that of one who left at age tau has the logarithm

E(tau) = R ln((A+T)/(A+tau)) + s ln((B+T)/(B+tau)) - ln(B+tau) + ln s

so that ln L = (history) + (alive) + ln(1 + integral of exp E from tx to T). A customer with
covariates has A = alpha exp(-g'z) and B = beta exp(-d'z): all derivatives are by ln r, ln A, ln s,
ln B first, and by the parameters themselves through these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from crmlytics._columns import Floats
from crmlytics.btyd import _death, _fit
from crmlytics.btyd._fit import Point
from crmlytics.btyd._likelihoods import Weighted

_PAIRS = [(i, j) for i in range(4) for j in range(i, 4)]


@dataclass(frozen=True)
class ParetoLikelihood:
    """The Pareto/NBD for rows with weights, and with covariates.

    `purchase` and `churn` hold a column for each covariate. The parameters are, in this order,
    ln r, ln alpha, ln s, ln beta, the coefficients of purchase and those of churn.
    """

    rows: Weighted
    purchase: Sequence[Floats] = field(default=())
    churn: Sequence[Floats] = field(default=())

    @cached_property
    def _counts(self) -> Floats:
        return _fit.more_than(self.rows.x, self.rows.weight)

    def __call__(self, theta: Floats) -> Point:
        rows = self.rows
        r, s = float(np.exp(theta[0])), float(np.exp(theta[2]))
        n_purchase = len(self.purchase)
        A = _scale(theta[1], theta[4 : 4 + n_purchase], self.purchase)
        B = _scale(theta[3], theta[4 + n_purchase :], self.churn)
        value, score, curve = _alive(rows, r, A, s, B)
        self._add_left(r, A, s, B, value, score, curve)
        made, by_r, by_rr = _fit.rising(self._counts, r)
        whole = self._gather(value, score, curve)
        whole.gradient[0] += r * by_r
        whole.hessian[0, 0] += r * by_r + r * r * by_rr
        return Point(whole.value + made, whole.gradient, whole.hessian)

    def _add_left(
        self, r: float, A: Any, s: float, B: Any, value: Floats, score: Floats, curve: Floats
    ) -> None:
        """Add what the chance of having left adds to value, score and curvature of each row."""
        rows = self.rows
        shape = rows.x.shape
        A, B = np.broadcast_to(A, shape), np.broadcast_to(B, shape)
        for part in _death.nodes(r + rows.x, A, s, B, rows.tx, rows.T):
            at = part.rows
            _left(
                part, rows.x[at], rows.tx[at], rows.T[at], r, A[at], s, B[at],
                (value, score, curve),
            )  # fmt: skip

    def _gather(self, value: Floats, score: Floats, curve: Floats) -> Point:
        """Sum over rows, and from ln A and ln B to the parameters behind them."""
        weight = self.rows.weight
        # columns of ones, and of covariates with a minus: ln A = ln alpha - g'z
        designs: list[list[Any]] = [
            [None], [None, *(-z for z in self.purchase)], [None], [None, *(-z for z in self.churn)],
        ]  # fmt: skip
        places = _places(len(self.purchase), len(self.churn))
        size = 4 + len(self.purchase) + len(self.churn)
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        for i in range(4):
            for design, place in zip(designs[i], places[i], strict=True):
                gradient[place] += _dot(weight * score[i], design)
        for k, (i, j) in enumerate(_PAIRS):
            pulled = weight * curve[k]
            for left, at in zip(designs[i], places[i], strict=True):
                inner = pulled if left is None else pulled * left
                for right, there in zip(designs[j], places[j], strict=True):
                    found = _dot(inner, right)
                    hessian[at, there] += found
                    if i != j:
                        hessian[there, at] += found
        return Point(float(weight @ value), gradient, hessian)


def _dot(values: Floats, design: Any) -> float:
    return float(values.sum()) if design is None else float(values @ design)


def _places(n_purchase: int, n_churn: int) -> list[list[int]]:
    """Say where ln r, ln alpha with its coefficients, ln s, ln beta with its own stand."""
    of_purchase = list(range(4, 4 + n_purchase))
    of_churn = list(range(4 + n_purchase, 4 + n_purchase + n_churn))
    return [[0], [1, *of_purchase], [2], [3, *of_churn]]


def _scale(base: float, coefficients: Floats, columns: Sequence[Floats]) -> Any:
    """Return exp(base - coefficients'z): a number, or one a row where there are covariates."""
    if not len(columns):
        return float(np.exp(base))
    total = np.full(len(columns[0]), base)
    for coefficient, column in zip(coefficients, columns, strict=True):
        total -= coefficient * column
    return np.exp(np.clip(total, -50.0, 50.0))


def _alive(rows: Weighted, r: float, A: Any, s: float, B: Any) -> tuple[Floats, Floats, Floats]:
    """R ln A - R ln(A+T) + s ln B - s ln(B+T) of each row, score and curvature."""
    x, T = rows.x, rows.T
    share_a, share_b = A / (A + T), B / (B + T)
    grown_a, grown_b = np.log1p(T / A), np.log1p(T / B)
    value = -r * grown_a - x * np.log(A + T) - s * grown_b
    score = np.empty((4, len(x)))
    score[0], score[1] = -r * grown_a, r - (r + x) * share_a
    score[2], score[3] = -s * grown_b, s * (1 - share_b)
    curve = np.zeros((len(_PAIRS), len(x)))
    curve[0], curve[1] = score[0], r * (1 - share_a)
    curve[4] = -(r + x) * share_a * (1 - share_a)
    curve[7], curve[8] = score[2], s * (1 - share_b)
    curve[9] = -s * share_b * (1 - share_b)
    return value, score, curve


def _left(
    part: _death.Nodes, x: Floats, tx: Floats, T: Floats, r: float, A: Floats, s: float, B: Floats,
    into: tuple[Floats, Floats, Floats],
) -> None:  # fmt: skip
    """Add ln(1 + integral of exp E) of the rows of `part` to value, score and curvature.

    With y = (ln((A+tau)/(A+tx)), A/(A+tau), the same of B) the score of a death at tau is linear in
    y, so that its mean and its covariance follow from those of y under the integrand.
    """
    from scipy.special import expit

    R = r + x
    total = part.weight.sum(axis=1)
    grown_a, grown_b = np.log1p((T - tx) / (A + tx)), np.log1p((T - tx) / (B + tx))
    odds = np.log(total) + R * grown_a + s * grown_b - np.log(B + tx) + np.log(s)
    dead = expit(odds)
    chance = part.weight / total[:, None]
    y = [
        part.grown_a, A[:, None] / ((A + tx)[:, None] + part.since),
        part.grown_b, B[:, None] / ((B + tx)[:, None] + part.since),
    ]  # fmt: skip
    mean = [np.einsum("nk,nk->n", chance, each) for each in y]
    share_a, share_b = A / (A + T), B / (B + T)
    score = [
        r * (grown_a - mean[0]), R * (share_a - mean[1]),
        s * (grown_b - mean[2]) + 1, s * share_b - (s + 1) * mean[3],
    ]  # fmt: skip
    slope: list[Any] = [r, R, s, s + 1]
    value, scores, curves = into
    at = part.rows
    value[at] += np.logaddexp(0.0, odds)
    square: dict[int, Floats] = {}
    for k, (i, j) in enumerate(_PAIRS):
        both = np.einsum("nk,nk,nk->n", chance, y[i], y[j])
        if i == j:
            square[i] = both
        spread = slope[i] * slope[j] * (both - mean[i] * mean[j])
        curves[k, at] += dead * (spread + (1 - dead) * score[i] * score[j])
    for i in range(4):
        scores[i, at] += dead * score[i]
    curves[0, at] += dead * score[0]
    curves[1, at] += dead * r * (share_a - mean[1])
    own = mean[1] - square[1] - share_a * (1 - share_a)
    curves[4, at] -= dead * R * own
    curves[7, at] += dead * (score[2] - 1)
    curves[8, at] += dead * s * (share_b - mean[3])
    curves[9, at] += dead * (s * share_b * (1 - share_b) - (s + 1) * (mean[3] - square[3]))
