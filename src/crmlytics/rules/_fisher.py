"""Fisher's exact test of positive association, for many tables at once.

P(H >= k) where H counts the marked among `drawn` of `n`, with `marked` of them marked in all. The
probability at k comes from Loader's form of the binomial, which keeps its digits for any counts;
the tail is added up from there, term by term, on the side that is short.
"""

import math

import numpy as np

from crmlytics._columns import Floats, Ints

_SMALL = 16
_ERRORS = np.array(
    [0.0]
    + [
        math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2 * math.pi)
        for n in range(1, _SMALL)
    ]
)
_DONE = 1e-17  # terms below this share of the sum change nothing
_TOGETHER = 16  # terms between looks at what is done
_CHUNK = 1 << 16


def p_values(k: Ints, drawn: Ints, marked: Ints, n: int) -> Floats:
    """Return the one-sided p-value of each table of counts."""
    found = np.empty(len(k))
    for first in range(0, len(k), _CHUNK):
        part = slice(first, first + _CHUNK)
        a, b, c = (each[part].astype(np.float64) for each in (k, drawn, marked))
        found[part] = _p_values(a, b, c, float(n))
    return found


def _p_values(k: Floats, drawn: Floats, marked: Floats, n: float) -> Floats:
    above = k * n > drawn * marked  # more than expected: the upper tail is the short one
    start = np.where(above, k, k - 1)
    lowest = np.maximum(drawn + marked - n, 0)
    none = start < lowest  # then all of the distribution is at k or above
    start = np.maximum(start, lowest)
    first = np.exp(_log_probability(start, drawn, marked, n))
    total = np.ones(len(k))
    total[above] = _tail(start[above], drawn[above], marked[above], n, up=True)
    total[~above] = _tail(start[~above], drawn[~above], marked[~above], n, up=False)
    tail = first * total
    answer = np.where(above, tail, 1 - tail)
    return np.asarray(np.clip(np.where(none, 1.0, answer), 0.0, 1.0))


def _tail(at: Floats, drawn: Floats, marked: Floats, n: float, *, up: bool) -> Floats:
    """Return the sum of the probabilities from `at` on, in units of the one at `at`."""
    total, term = np.ones(len(at)), np.ones(len(at))
    active = np.arange(len(at))
    x, left = at.copy(), n - drawn - marked
    while len(active):
        d, m, rest, sums = drawn[active], marked[active], left[active], total[active]
        for _ in range(_TOGETHER):
            if up:
                term = term * ((m - x) * (d - x)) / ((x + 1) * (rest + x + 1))
                x = x + 1
            else:
                term = term * (x * (rest + x)) / ((m - x + 1) * (d - x + 1))
                x = x - 1
            sums = sums + term
        total[active] = sums
        more = term > _DONE * sums
        active, term, x = active[more], term[more], x[more]
    return total


def _log_probability(x: Floats, drawn: Floats, marked: Floats, n: float) -> Floats:
    """Logarithm of the hypergeometric probability, as in Loader (2000)."""
    p = drawn / n
    q = (n - drawn) / n
    found = _log_binomial(x, marked, p, q) + _log_binomial(drawn - x, n - marked, p, q)
    return found - _log_binomial(drawn, np.full(len(x), n), p, q)


def _log_binomial(x: Floats, n: Floats, p: Floats, q: Floats) -> Floats:
    rest = n - x
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = (
            _error(n) - _error(x) - _error(rest) - _deviance(x, n * p) - _deviance(rest, n * q)
        ) + 0.5 * np.log(n / (2 * np.pi * x * rest))
        none = np.where(n == 0, 0.0, n * np.where(p < 0.5, np.log1p(-p), np.log(q)))
        every = n * np.log(p)
    return np.where(x == 0, none, np.where(rest == 0, every, inner))


def _error(n: Floats) -> Floats:
    """Return the error of Stirling's formula for log n!."""
    big = np.maximum(n, _SMALL)
    square = big * big
    series = 1 / 1680 - (1 / 1188 - 691 / 360360 / square) / square
    series = (1 / 12 - (1 / 360 - (1 / 1260 - series / square) / square) / square) / big
    return np.where(n < _SMALL, _ERRORS[np.minimum(n, _SMALL - 1).astype(np.int64)], series)


def _deviance(x: Floats, mean: Floats) -> Floats:
    """Return x log(x / mean) + mean - x without cancellation."""
    with np.errstate(divide="ignore", invalid="ignore"):
        v = (x - mean) / (x + mean)
        plain = x * np.log(x / mean) + mean - x
    near = (np.abs(v) < 0.1) & (x > 0)
    w = np.where(near, v, 0.0)
    total, term = (x - mean) * w, 2 * x * w
    for j in range(1, 11):
        term = term * w * w
        total = total + term / (2 * j + 1)
    return np.where(near, total, plain)
