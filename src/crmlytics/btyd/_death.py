"""The death integral of the Pareto/NBD: how likely it is that a customer left between two ages.

integral over tau from tx to T of  (A + tau)^-R (B + tau)^-(s + 1)  d tau

in logarithms, by Gauss-Legendre quadrature in logarithmic time. Both terms of the likelihood are
positive in this form, so that nothing cancels and no hypergeometric function can overflow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from crmlytics._columns import Floats, Ints

_CHUNK = 8_192  # rows at a time: their nodes stay in the processor's cache
_TAIL = 42.0  # the integrand is cut where it has fallen by exp(-42), below the last bit
# fall of the integrand and growth of time, in logarithms, up to which so many nodes are exact
_NODES = ((0.5, 6), (3.0, 10), (10.0, 16), (np.inf, 32))


@cache
def gauss_legendre(n: int) -> tuple[Floats, Floats]:
    """Return nodes and weights on 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


@dataclass(frozen=True)
class Nodes:
    """Ages of possible death of some rows: one line a row, one column a node.

    Everything is relative to the integrand at tx, whose logarithm is left to the caller.
    """

    rows: Ints
    since: Floats  # tau - tx
    grown_a: Floats  # ln((A + tau) / (A + tx))
    grown_b: Floats
    weight: Floats  # integrand times quadrature weight; the sum over a line is the integral


def nodes(R: Any, A: Any, s: Any, B: Any, tx: Floats, T: Floats) -> Iterator[Nodes]:
    """Lay nodes for rows with tx < T, in chunks of rows of like difficulty."""
    shape = tx.shape
    R, A, s, B = (np.broadcast_to(np.asarray(v, dtype=np.float64), shape) for v in (R, A, s, B))
    open_rows = np.flatnonzero(tx < T)
    if not len(open_rows):
        return
    step = np.minimum(A, B) + tx
    span = np.log1p((T - tx) / step)
    end = _cut(R, A + tx, s, B + tx, step, span)
    fall = _fall(R, A + tx, s, B + tx, step, end) + end
    low = -np.inf
    for most, count in _NODES:
        within = open_rows[(fall[open_rows] > low) & (fall[open_rows] <= most)]
        low = most
        for at in range(0, len(within), _CHUNK):
            rows = within[at : at + _CHUNK]
            yield _lay(
                rows, count, R[rows], A[rows] + tx[rows], s[rows], B[rows] + tx[rows],
                step[rows], end[rows],
            )  # fmt: skip


def _lay(
    rows: Ints, count: int, R: Floats, A: Floats, s: Floats, B: Floats, step: Floats, end: Floats
) -> Nodes:
    place, share = gauss_legendre(count)
    u = end[:, None] * place
    since = np.expm1(u)
    since *= step[:, None]
    grown_a = np.log1p(since / A[:, None])
    grown_b = np.log1p(since / B[:, None])
    weight = u - R[:, None] * grown_a
    weight -= (s + 1)[:, None] * grown_b
    np.exp(weight, out=weight)
    weight *= (step * end)[:, None] * share
    return Nodes(rows, since, grown_a, grown_b, weight)


def _fall(R: Any, A: Any, s: Any, B: Any, step: Any, u: Any) -> Floats:
    """Say how far the logarithm of the integrand has fallen at u, growth of d tau left out."""
    since = step * np.expm1(u)
    fallen: Floats = R * np.log1p(since / A) + (s + 1) * np.log1p(since / B)
    return fallen


def _cut(R: Any, A: Any, s: Any, B: Any, step: Any, span: Floats) -> Floats:
    """Find where the integrand has fallen below what counts; at most the end of observation.

    The fall f(u) - u is convex in u and starts at 0 with slope c - 1; Newton from above converges
    without overshooting.
    """
    end = span.copy()
    target = _TAIL
    for _ in range(12):
        fallen = _fall(R, A, s, B, step, end) - end
        far = fallen > target * 1.05
        if not far.any():
            break
        grown = step * np.exp(end)
        since = step * np.expm1(end)
        slope = R * grown / (A + since) + (s + 1) * grown / (B + since) - 1
        end = np.where(far, np.maximum(end - (fallen - target) / slope, 0.0), end)
    return end


def log_integral(R: Any, A: Any, s: Any, B: Any, tx: Floats, T: Floats) -> Floats:
    """Return the logarithm of the integral relative to the integrand at tx; -inf where tx = T."""
    total = np.zeros(tx.shape)
    for part in nodes(R, A, s, B, tx, T):
        total[part.rows] = part.weight.sum(axis=1)
    with np.errstate(divide="ignore"):
        return np.log(total)
