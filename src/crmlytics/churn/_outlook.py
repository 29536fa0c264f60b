"""What a baseline hazard and coefficients say of those who have already stayed for a while."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _result
from crmlytics._columns import Floats, Ints

_CELLS = 4_000_000  # numbers held at once while curves are summed


@dataclass(frozen=True)
class Baseline:
    """Hazard up to each tenure at which somebody left, and how sure it and coefficients are."""

    times: Ints
    hazard: Floats
    variance: Floats
    drift: Floats  # minus the derivative of the hazard by the coefficients
    coefficients: Floats
    covariance: Floats
    longest: int

    def days(self, ratio: Floats, tenure: Ints, horizon: int) -> Floats:
        """Return the area under each conditional curve up to the horizon, tenure by tenure."""
        days = np.empty(len(tenure))
        if not len(tenure):
            return days
        order = np.argsort(tenure, kind="stable")
        begins, first = np.unique(tenure[order], return_index=True)
        for s, rows in zip(begins.tolist(), np.split(order, first[1:]), strict=True):
            edges = np.searchsorted(self.times, [s, s + horizon], side="right").tolist()
            at = slice(*edges)
            before = self.hazard[edges[0] - 1] if edges[0] else 0.0
            more = np.append(0.0, self.hazard[at] - before)
            widths = np.diff(np.concatenate([[s], self.times[at], [s + horizon]]))
            for part in np.array_split(rows, -(-len(rows) * len(more) // _CELLS)):
                # einsum and not @: BLAS may give equal rows different last bits
                curves = np.exp(-np.outer(ratio[part], more))
                days[part] = np.einsum("ij,j->i", curves, widths.astype(np.float64))
        return days


def outlook(base: Baseline, x: Floats, tenure: Ints, horizon: int, z: float) -> dict[str, Any]:
    """Return what is to come for centred features and the tenures reached.

    Variance of H(s + h) - H(s) as in Tsiatis (1981): the baseline's own, and that through the
    coefficients. The interval is made on the scale of its logarithm.
    """
    ratio = np.exp(np.einsum("ij,j->i", x, base.coefficients))
    now = np.searchsorted(base.times, tenure, side="right")
    then = np.searchsorted(base.times, tenure + horizon, side="right")
    hazard, variance = np.append(0.0, base.hazard), np.append(0.0, base.variance)
    drift = np.concatenate([np.zeros((1, x.shape[1])), base.drift])
    more = hazard[then] - hazard[now]
    moved = x * more[:, None] - (drift[then] - drift[now])
    spread = variance[then] - variance[now]
    spread = spread + np.einsum("ij,jk,ik->i", moved, base.covariance, moved)
    known = more > 0
    relative = np.sqrt(np.maximum(spread, 0.0)) / np.where(known, more, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = (-np.expm1(-ratio * more * np.exp(side * z * relative)) for side in (-1, 1))
    return {
        "tenure_days": tenure,
        "churn_probability": _result.column(-np.expm1(-ratio * more)),
        "lower": _result.column(low, known),
        "upper": _result.column(high, known),
        "expected_days": _result.column(base.days(ratio, tenure, horizon)),
        "outside": tenure + horizon > base.longest,
    }
