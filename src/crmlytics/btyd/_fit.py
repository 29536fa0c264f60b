"""Maximum likelihood: one way to climb for all models.

Parameters are positive and are sought as logarithms. Each model gives value, gradient and Hessian
in one pass, so that a trust-region Newton method (Conn, Gould and Toint 2000, ch. 7, as scipy has
it) climbs from fixed starts and plain Newton steps finish. The same Hessian, inverted, is the
covariance of the estimates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Floats
from crmlytics.errors import FitError

_LARGEST = 25.0  # logarithm of a parameter; beyond, sums of its size have no digits left
_FLAT = 1e-6  # gradient of the mean log-likelihood up to which a point counts as an optimum
# without churn, say, the likelihood rises for ever, ever less: a point far out is as good as its
# end, and its gradient has few digits
_FAR, _FAR_FLAT = 9.0, 1e-4
_MOST = 200


@dataclass(frozen=True)
class Point:
    """A log-likelihood at some parameters, with its derivatives."""

    value: float
    gradient: Floats
    hessian: Floats

    def __add__(self, other: "Point") -> "Point":
        return Point(
            self.value + other.value, self.gradient + other.gradient, self.hessian + other.hessian
        )


Objective = Callable[[Floats], Point]


@dataclass(frozen=True)
class Optimum:
    """Where a log-likelihood is highest."""

    theta: Floats
    value: float
    gradient_norm: float  # largest part of the gradient of the mean log-likelihood
    hessian: Floats  # of the log-likelihood as a whole
    iterations: int


class _Remembered:
    """The mean negative log-likelihood; scipy asks for its parts one by one."""

    def __init__(self, objective: Objective, n: float) -> None:
        self.objective, self.n, self.calls = objective, n, 0
        self.theta: Any = None
        self.point: Any = None

    def at(self, theta: Any) -> Point:
        if self.theta is None or not np.array_equal(theta, self.theta):
            self.calls += 1
            self.theta = np.array(theta, dtype=np.float64)
            with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
                self.point = self.objective(self.theta)
        point: Point = self.point
        return point

    def value(self, theta: Any) -> float:
        if np.abs(theta).max() > _LARGEST:
            return np.inf
        value = -self.at(theta).value / self.n
        return value if np.isfinite(value) else np.inf

    def gradient(self, theta: Any) -> Floats:
        return -self.at(theta).gradient / self.n

    def hessian(self, theta: Any) -> Floats:
        return -self.at(theta).hessian / self.n


def climb(objective: Objective, starts: Sequence[Floats], n: float, *, exact: bool = True) -> Any:
    """Return the best optimum reached from several starts; None where none was reached.

    Without `exact` the finish is left out: the optimum then serves as a start.
    """
    from scipy.optimize import minimize

    best = None
    for start in starts:
        seen = _Remembered(objective, n)
        if not np.isfinite(seen.value(start)):
            continue
        found = minimize(
            seen.value, start, jac=seen.gradient, hess=seen.hessian, method="trust-exact",
            options={"gtol": 1e-7 if exact else 1e-4, "maxiter": _MOST},
        )  # fmt: skip
        theta = _finish(seen, found.x) if exact else found.x
        point = seen.at(theta)
        norm = float(np.abs(point.gradient).max() / n)
        reached = Optimum(theta, point.value, norm, point.hessian, seen.calls)
        if best is None or reached.value > best.value:
            best = reached
    return best


def _finish(seen: _Remembered, theta: Floats) -> Floats:
    """Take plain Newton steps while they make the gradient smaller."""
    norm = np.abs(seen.gradient(theta)).max()
    for _ in range(4):
        hessian = seen.hessian(theta)
        if np.linalg.eigvalsh(hessian)[0] <= 0:
            break
        step = theta - np.linalg.solve(hessian, seen.gradient(theta))
        if not np.isfinite(seen.value(step)):
            break
        after = np.abs(seen.gradient(step)).max()
        if not after < norm:
            break
        theta, norm = step, after
    return theta


def _is_far(found: Optimum) -> bool:
    return bool(np.abs(found.theta).max() > _FAR)


def maximise(
    objective: Objective, starts: Sequence[Floats], n: float, *, caller: str, advice: str
) -> Optimum:
    """Return the optimum, or say that the data have none."""
    best = climb(objective, starts, n)
    if best is None or not best.gradient_norm <= (_FAR_FLAT if _is_far(best) else _FLAT):
        norm = "" if best is None else f" (gradient of the mean {best.gradient_norm:.1e})"
        raise FitError(
            f"{caller}: the likelihood has no maximum that could be found{norm}. {advice}"
        )
    found: Optimum = best
    return found


def covariance(hessian: Floats, back: Any = None) -> tuple[Any, Any]:
    """Invert the observed information, and mark the parameters of which the data say nothing.

    Directions in which the likelihood is flat (a standard deviation of 5 and more in logarithms)
    are left out of the inverse: only the ratio of two parameters may be known, say, and then the
    inverse holds what is known of the ratio. `back` maps the parameters to those asked for.
    """
    information = -np.asarray(hessian)
    back = np.eye(len(information)) if back is None else back
    if not np.isfinite(information).all():
        return None, np.ones(len(information), dtype=bool)
    values, vectors = np.linalg.eigh((information + information.T) / 2)
    flat = values < 1 / _LARGEST
    known = back @ vectors[:, ~flat]
    loose = ((back @ vectors[:, flat]) ** 2).sum(axis=1) > 1e-4
    inverse = (known / values[~flat]) @ known.T
    return (inverse + inverse.T) / 2, loose


def penalised(objective: Objective, penalty: float, n: float, free: int) -> Objective:
    """Pull the first `free` log-parameters towards 0 (a normal prior with variance 1/(2 n p))."""
    if penalty == 0.0:
        return objective

    def pulled(theta: Floats) -> Point:
        weight = np.zeros(len(theta))
        weight[:free] = penalty * n
        return objective(theta) + Point(
            -float(weight @ theta**2), -2 * weight * theta, np.diag(-2 * weight)
        )

    return pulled


def rising(counts: Floats, first: float) -> tuple[float, float, float]:
    """Sum ln(Gamma(first + x) / Gamma(first)) over customers, with its two derivatives by `first`.

    `counts[j]` is the number of customers with more than j purchases: the logarithm of a rising
    factorial is a sum of logarithms, and summed over customers it has one term for each j. Nothing
    cancels, however large `first`.
    """
    factors = first + np.arange(len(counts))
    return (
        float(counts @ np.log(factors)),
        float(counts @ (1 / factors)),
        -float(counts @ (1 / factors**2)),
    )


def more_than(frequency: Floats, weight: Floats) -> Floats:
    """Count the customers with more than j purchases, for j = 0, 1, ... up to the most."""
    with_x = np.bincount(frequency.astype(np.int64), weights=weight)
    return np.asarray(np.cumsum(with_x[::-1])[::-1][1:], dtype=np.float64)
