"""Means over a chance p ~ Beta(a, b) of leaving after a purchase: what BG/NBD predicts with.

With c = t / A, a living customer is still there after t with the mean of (1 + p c)^-R, and makes
the mean of (1 - (1 + p c)^-R) / p purchases. Both have closed forms with 2F1, which lose their
digits near a = 1, for many purchases and for long horizons; there the trapezoidal rule in the
logit of p takes over, which converges exponentially (Trefethen and Weideman 2014).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from crmlytics._columns import Bools, Floats

_CHUNK = 4_096
_TAIL = 40.0  # what lies so far below, in logarithms, does not count
_NARROW = 100.0  # shape from which on the usual nodes may miss the density
_STEPS = (64, 128, 256, 1_024)
Integrand = Callable[[Floats, Any, Any], Floats]


def survival(R: Floats, c: Floats, a: Floats, b: Floats) -> Floats:
    """Mean of (1 + p c)^-R: still alive."""
    from scipy.special import hyp2f1

    good = _benign(R, c, b)
    answer = np.ones(R.shape)
    z = c[good] / (1 + c[good])
    answer[good] = (1 + c[good]) ** -R[good] * hyp2f1(R[good], b[good], a[good] + b[good], z)
    return _repair(answer, ~good & (c > 0), R, c, a, b, _still_there)


def expected(R: Floats, c: Floats, a: Floats, b: Floats) -> Floats:
    """Mean of (1 - (1 + p c)^-R) / p: purchases until leaving or the end."""
    from scipy.special import hyp2f1

    good = _benign(R, c, b) & (np.abs(a - 1) > 1e-2) & (R * c > 1e-2) & (a < 100) & (b > 0.01)
    answer = np.zeros(R.shape)
    z = c[good] / (1 + c[good])
    left = (1 + c[good]) ** -R[good] * hyp2f1(R[good], b[good], a[good] + b[good] - 1, z)
    answer[good] = (a[good] + b[good] - 1) / (a[good] - 1) * (1 - left)
    return _repair(answer, ~good & (c > 0), R, c, a, b, _purchases)


def renewals(c: Floats, a: Floats, b: Floats) -> Floats:
    """Mean of (1 - p) / (1 + p c): with c = D / (1 - D), of (1 - D) sum (1 - p)^(j+1) D^j."""
    return mean(_renewing, np.ones(len(c)), c, a, b)


def _renewing(p: Floats, _: Any, c: Any) -> Floats:
    left: Floats = (1 - p) / (1 + p * c)
    return left


def _benign(R: Floats, c: Floats, b: Floats) -> Bools:
    """Mark the rows where scipy's 2F1 was found exact to 1e-10 against 60 digits."""
    return (c > 0) & (c < 10) & (R < 40) & (b < 2_000)


def _still_there(p: Floats, R: Any, c: Any) -> Floats:
    alive: Floats = np.exp(-R * np.log1p(p * c))
    return alive


def _purchases(p: Floats, R: Any, c: Any) -> Floats:
    shown = -np.expm1(-R * np.log1p(p * c))
    with np.errstate(invalid="ignore", divide="ignore"):
        made: Floats = np.where(p > 1e-290, shown / p, R * c)
    return made


def _repair(
    answer: Floats, open_rows: Bools, R: Floats, c: Floats, a: Floats, b: Floats, f: Integrand
) -> Floats:
    """Fill in by quadrature what the closed form cannot give."""
    rows = np.flatnonzero(open_rows | ~np.isfinite(answer))
    if len(rows):
        answer[rows] = mean(f, R[rows], c[rows], a[rows], b[rows])
    return answer


def mean(f: Integrand, R: Floats, c: Floats, a: Floats, b: Floats) -> Floats:
    """Return the mean of f(p) over Beta(a, b).

    Where a or b is small the density has long tails in the logit; then the chord of f is taken off
    first, whose mean is exact, and what is left is O(p (1 - p)) and has the tails of
    Beta(a + 1, b + 1).
    """
    narrow = (a > _NARROW) & (b >= 1)
    if narrow.any():
        answer = np.empty(R.shape)
        for rows in np.array_split(np.flatnonzero(narrow), narrow.sum() // _CHUNK + 1):
            answer[rows] = _narrow_mean(f, R[rows], c[rows], a[rows], b[rows])
        rest = ~narrow
        answer[rest] = mean(f, R[rest], c[rest], a[rest], b[rest])
        return answer
    short = (a >= 1) & (b >= 1)
    extra = np.where(short, 0.0, 1.0)
    # what f does at small p happens around p = 1 / (R c)
    mode = np.log((a + extra) / (b + extra))
    low = np.minimum(mode, -np.log1p(R * c)) - _reach(a + extra, b + extra)
    high = mode + _reach(b + extra, a + extra)
    step = np.minimum(0.28, 0.4 * np.sqrt(1 / (a + extra) + 1 / (b + extra)))
    wanted = (high - low) / step
    answer = np.empty(R.shape)
    least = 0.0
    for most in _STEPS:
        last = most == _STEPS[-1]
        within = np.flatnonzero((wanted > least) & ((wanted <= most) | last))
        least = float(most)
        for at in range(0, len(within), _CHUNK):
            rows = within[at : at + _CHUNK]
            answer[rows] = _trapezoid(
                f, most, low[rows], high[rows], R[rows], c[rows], a[rows], b[rows], extra[rows]
            )
    return answer


def _narrow_mean(f: Integrand, R: Floats, c: Floats, a: Floats, b: Floats) -> Floats:
    """Return the mean of f(p) over Beta(a, b) with a large: nearly all customers are alike.

    The trapezoidal rule in the logit of p, around the mode; the density is taken relative to it, as
    its logarithms cancel otherwise.
    """
    wide = 9 * np.sqrt(1 / a + 1 / b)
    low, high = _TAIL / a + wide, _TAIL / b + wide
    d = (low + high)[:, None] * np.linspace(0, 1, 513) - low[:, None]
    a, b = a[:, None], b[:, None]
    mode = a / (a + b)
    with np.errstate(over="ignore"):
        below = a * d - (a + b) * np.log1p(mode * np.expm1(d))
        above = -b * d - (a + b) * np.log1p((1 - mode) * np.expm1(-d))
    weight = np.exp(np.where(d > 0, above, below))
    values = f(1 / (1 + b / a * np.exp(-d)), R[:, None], c[:, None])
    return np.asarray((weight * values).sum(axis=1) / weight.sum(axis=1), dtype=np.float64)


def _reach(near: Floats, far: Floats) -> Floats:
    """Say how far from its mode a log-gamma-like tail of shape `near` counts."""
    spread = np.sqrt(1 / near + 1 / far)
    return _TAIL / near + 9.0 * spread


def _trapezoid(
    f: Integrand, steps: int, low: Floats, high: Floats,
    R: Floats, c: Floats, a: Floats, b: Floats, extra: Floats,
) -> Floats:  # fmt: skip
    from scipy.special import betaln

    logit = low[:, None] + (high - low)[:, None] * (np.arange(steps + 1) / steps)
    log_p = -np.logaddexp(0.0, -logit)
    log_q = -np.logaddexp(0.0, logit)
    density = a[:, None] * log_p + b[:, None] * log_q - betaln(a, b)[:, None]
    weight = np.exp(density) * ((high - low) / steps)[:, None]
    p = np.exp(log_p)
    values = f(p, R[:, None], c[:, None])
    ends = f(np.array([[0.0, 1.0]]), R[:, None], c[:, None])
    chord = extra * ends[:, 0], extra * ends[:, 1]
    values = values - (chord[0][:, None] * np.exp(log_q) + chord[1][:, None] * p)
    exact = (chord[0] * b + chord[1] * a) / (a + b)
    total: Floats = exact + np.einsum("nk,nk->n", values, weight)
    return total
