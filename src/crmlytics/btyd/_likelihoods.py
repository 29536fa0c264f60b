"""The log-likelihood of BG/NBD and MBG/NBD in log-parameters, with gradient and Hessian."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from crmlytics._columns import Floats
from crmlytics.btyd import _fit
from crmlytics.btyd._fit import Point


@dataclass(frozen=True)
class Weighted:
    """Different rows of a summary with the number of customers of each, time rescaled."""

    x: Floats
    tx: Floats
    T: Floats
    weight: Floats

    @property
    def n(self) -> float:
        return float(self.weight.sum())

    def coarse(self, most: int) -> "Weighted | None":
        """Return fewer rows, ages rounded to a grid: they give a start close to the optimum."""
        if len(self.x) <= most:
            return None
        from crmlytics.btyd import _rows

        steps = 40.0
        end = self.T.max()
        age = np.ceil(self.T / end * steps) / steps * end
        last = np.where(self.x > 0, np.round(self.tx / end * steps) / steps * end, 0.0)
        power = np.floor(np.log2(np.maximum(self.x, 1)))
        coarse_x = np.round(self.x / 2.0 ** np.maximum(power - 3, 0)) * 2.0 ** np.maximum(
            power - 3, 0
        )
        columns = [coarse_x, np.minimum(last, age), age]
        found = _rows.distinct(columns)
        weight = np.bincount(found.place, weights=self.weight, minlength=len(found.first))
        x, tx, total = (column[found.first] for column in columns)
        return Weighted(x, tx, total, np.asarray(weight, dtype=np.float64))


@dataclass(frozen=True)
class GeometricLikelihood:
    """BG/NBD (`first_flip` 0) and MBG/NBD (`first_flip` 1: one more chance to leave at time 0).

    A customer is alive, or left right after the last purchase. Relative to the alive term the
    other one has the logarithm E = ln a - ln(b + x + first_flip - 1) + R ln((alpha+T)/(alpha+tx)).
    """

    rows: Weighted
    first_flip: int

    @cached_property
    def _counts(self) -> tuple[Floats, Floats]:
        rows = self.rows
        return (
            _fit.more_than(rows.x, rows.weight),
            _fit.more_than(rows.x + self.first_flip, rows.weight),
        )

    @cached_property
    def _ages(self) -> tuple[Floats, Any, Any]:
        """Different ages T with their customers and purchases."""
        ages, place = np.unique(self.rows.T, return_inverse=True)
        customers = np.bincount(place, weights=self.rows.weight)
        purchases = np.bincount(place, weights=self.rows.weight * self.rows.x)
        return ages, customers, purchases

    @cached_property
    def _dead(self) -> dict[str, Any]:
        """Rows that may have left, with the places of their values among the different ones."""
        rows = self.rows
        may = np.flatnonzero(rows.x + self.first_flip > 0)
        made: dict[str, Any] = {"x": rows.x[may], "weight": rows.weight[may]}
        for name, values in (("T", rows.T), ("tx", rows.tx), ("x", rows.x)):
            made[f"{name} values"], made[f"{name} place"] = np.unique(
                values[may], return_inverse=True
            )
        return made

    def __call__(self, theta: Floats) -> Point:
        r, alpha, a, b = np.exp(theta)
        return self._history(r, a, b) + self._alive(r, alpha) + self._left(r, alpha, a, b)

    def _history(self, r: float, a: float, b: float) -> Point:
        """Purchases made, and as many coins that fell well."""
        purchases, flips = self._counts
        value, by_r, by_rr = _fit.rising(purchases, r)
        stayed, by_b, by_bb = _fit.rising(flips, b)
        tossed, by_ab, by_abab = _fit.rising(flips, a + b)
        gradient = np.array([r * by_r, 0.0, -a * by_ab, b * (by_b - by_ab)])
        hessian = np.zeros((4, 4))
        hessian[0, 0] = r * by_r + r * r * by_rr
        hessian[2, 2] = -a * by_ab - a * a * by_abab
        hessian[2, 3] = hessian[3, 2] = -a * b * by_abab
        hessian[3, 3] = b * (by_b - by_ab) + b * b * (by_bb - by_abab)
        return Point(value + stayed - tossed, gradient, hessian)

    def _alive(self, r: float, alpha: float) -> Point:
        """R ln alpha - R ln(alpha + T), summed over the different ages."""
        ages, customers, purchases = self._ages
        share = alpha / (alpha + ages)
        grown = np.log1p(ages / alpha)
        total = r * customers + purchases
        value = -r * float(customers @ grown) - float(purchases @ np.log(alpha + ages))
        by_r = -r * float(customers @ grown)
        by_alpha = r * float(customers.sum()) - float(total @ share)
        hessian = np.zeros((4, 4))
        hessian[0, 0] = by_r
        hessian[0, 1] = hessian[1, 0] = r * float(customers @ (1 - share))
        hessian[1, 1] = -float(total @ (share * (1 - share)))
        return Point(value, np.array([by_r, by_alpha, 0.0, 0.0]), hessian)

    def _left(self, r: float, alpha: float, a: float, b: float) -> Point:
        """ln(1 + exp(E)): what the chance of having left adds."""
        from scipy.special import expit

        d = self._dead
        now, then = alpha / (alpha + d["T values"]), alpha / (alpha + d["tx values"])
        flip = b + d["x values"] + self.first_flip - 1
        to_T, to_tx = d["T place"], d["tx place"]
        # log1p keeps the digits of the difference where alpha is large
        grown = np.log1p(d["T values"] / alpha)[to_T] - np.log1p(d["tx values"] / alpha)[to_tx]
        fall = now[to_T] - then[to_tx]
        curve = (now * (1 - now))[to_T] - (then * (1 - then))[to_tx]
        odds = (r + d["x"]) * grown + (np.log(a) - np.log(flip))[d["x place"]]
        part = (b / flip)[d["x place"]]
        dead = expit(odds)
        weight = d["weight"]
        one, two = weight * dead, weight * dead * (1 - dead)
        score = [r * grown, (r + d["x"]) * fall, None, -part]
        gradient = np.array([one.sum() if s is None else one @ s for s in score])
        hessian = np.zeros((4, 4))
        for i, left in enumerate(score):
            pulled = two if left is None else two * left
            for j in range(i, 4):
                right = score[j]
                hessian[i, j] = hessian[j, i] = pulled.sum() if right is None else pulled @ right
        hessian[0, 0] += gradient[0]
        mixed = r * float(one @ fall)
        hessian[0, 1] += mixed
        hessian[1, 0] += mixed
        hessian[1, 1] += float(one @ ((r + d["x"]) * curve))
        hessian[3, 3] -= float(one @ (part * (1 - part)))
        return Point(float(weight @ np.logaddexp(0.0, odds)), gradient, hessian)
