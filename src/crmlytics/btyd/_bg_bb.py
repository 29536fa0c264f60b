"""BG/BB: customers who may buy at fixed opportunities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks
from crmlytics._columns import Floats
from crmlytics.btyd import _counts, _fit, _process, _rows
from crmlytics.btyd._bernoulli import BernoulliProcess
from crmlytics.btyd._fit import Point
from crmlytics.btyd._fitted import uncertainty
from crmlytics.btyd._purchase import PurchaseModel
from crmlytics.errors import DataError

_STARTS = ((1.0, 1.0, 1.0, 3.0), (0.5, 2.0, 0.5, 1.0), (3.0, 1.0, 0.3, 3.0), (0.5, 0.5, 2.0, 10.0))
_MOST = 2_000  # opportunities
_CHUNK = 4_096


@dataclass(frozen=True, kw_only=True)
class BgBbModel(PurchaseModel):
    """A fitted BG/BB; see `fit_bg_bb`.

    Attributes
    ----------
    alpha, beta : float
        Shapes of the beta distribution of the chance to buy at an opportunity.
    gamma, delta : float
        Shapes of the beta distribution of the chance to leave before an opportunity.
    """

    alpha: float
    beta: float
    gamma: float
    delta: float

    letters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")
    age_column: ClassVar[str] = "n_opportunities"

    def _horizon(self, value: Any, caller: str) -> float:
        whole = value
        if isinstance(value, float) and value.is_integer():
            whole = int(value)
        return float(_checks.whole(whole, name="horizon", caller=caller, low=1, high=_MOST))

    def _living(self, x: Floats, age: Floats, covariates: Sequence[Floats]) -> BernoulliProcess:
        del covariates
        return BernoulliProcess(
            self.alpha + x, self.beta + age - x, np.full(len(x), self.gamma), self.delta + age
        )

    def _p_alive(self, x: Floats, tx: Floats, age: Floats, covariates: Sequence[Floats]) -> Floats:
        """Return the probability of being alive at the last opportunity seen."""
        del covariates
        tables = _Tables(self.alpha, self.beta, self.gamma, self.delta, int(age.max(initial=0)))
        alive = np.empty(len(x))
        for at in range(0, len(x), _CHUNK):
            here = slice(at, at + _CHUNK)
            terms = _terms(tables, x[here], tx[here], age[here])[0]
            alive[here] = np.exp(terms[:, 0] - np.logaddexp.reduce(terms, axis=1))
        return alive

    def _shown_alive(self, future: _counts.Future) -> Floats:
        """Return the probability of being alive at the next opportunity."""
        living: Any = future.process
        stays = living.de / (living.ga + living.de)
        return np.asarray(future.p_alive * stays[future.place], dtype=np.float64)

    def _simulated(self, n: int, age: float, rng: np.random.Generator) -> tuple[Any, Any, Any]:
        opportunities = int(age)
        leaves = rng.beta(self.gamma, self.delta, n)
        there = np.minimum(_process.simulate_gaps(leaves, rng) - 1, opportunities)
        buys = rng.uniform(size=(n, opportunities)) < rng.beta(self.alpha, self.beta, n)[:, None]
        buys &= np.arange(opportunities) < there[:, None]
        last = np.where(buys, np.arange(1, opportunities + 1), 0).max(axis=1)
        return buys.sum(axis=1), last, there == opportunities


@dataclass(frozen=True)
class _Tables:
    """Sums over j < k of a function of a parameter plus j, for k = 0, 1 ... n + 1.

    Of the logarithm they are those of rising factorials, Gamma(al + k) / Gamma(al): the beta
    functions of the likelihood are products of them, with no digits lost for large parameters.
    """

    al: float
    be: float
    ga: float
    de: float
    n: int

    def of(self, f: Any) -> tuple[Floats, ...]:
        j = np.arange(self.n + 1, dtype=np.float64)
        firsts = self.al, self.be, self.al + self.be, self.de, self.ga + self.de
        return tuple(np.concatenate([[0.0], np.cumsum(f(first + j))]) for first in firsts)


def _terms(tables: _Tables, x: Floats, tx: Floats, n: Floats) -> tuple[Floats, Any, Any]:
    """Return the logarithms of the terms of L.

    A line a row of the summary. The first term is that of a living customer; the others are of
    those who left after opportunity m = tx, tx + 1 ... n - 1. Also returns m, and which terms are
    of those who left.
    """
    width = int((n - tx).max(initial=0)) + 1
    step = np.arange(width) - 1
    m = np.where(step < 0, n[:, None], tx[:, None] + step).astype(np.int64)
    there = (step < 0) | (m < n[:, None])
    m = np.where(there, m, n[:, None].astype(np.int64))
    left = (step >= 0) & there
    al, be, albe, de, gade = tables.of(np.log)
    bought = x.astype(np.int64)[:, None]
    terms = al[bought] + be[m - bought] - albe[m] + de[m] - gade[m + left]
    terms = terms + np.where(left, np.log(tables.ga), 0.0)
    return np.where(there, terms, -np.inf), m, left


@dataclass(frozen=True)
class _Likelihood:
    """The log-likelihood of rows with weights, in log-parameters."""

    x: Floats
    tx: Floats
    n: Floats
    weight: Floats

    def __call__(self, theta: Floats) -> Point:
        al, be, ga, de = (float(each) for each in np.exp(theta))
        tables = _Tables(al, be, ga, de, int(self.n.max()))
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        first, second = tables.of(lambda z: 1 / z), tables.of(lambda z: -1 / z**2)
        for at in range(0, len(self.x), _CHUNK):
            found = self._part(tables, first, second, slice(at, at + _CHUNK))
            value, gradient = value + found.value, gradient + found.gradient
            hessian = hessian + found.hessian
        hessian = (hessian + hessian.T) / 2
        scale = np.exp(theta)
        return Point(
            value, scale * gradient, np.outer(scale, scale) * hessian + np.diag(scale * gradient)
        )

    def _part(self, tables: _Tables, first: Any, second: Any, rows: slice) -> Point:
        """Sum the mixture over rows: E[g'], and E[g''] + Cov(g')."""
        x, weight = self.x[rows], self.weight[rows]
        terms, m, left = _terms(tables, x, self.tx[rows], self.n[rows])
        total = np.logaddexp.reduce(terms, axis=1)
        share = np.exp(terms - total[:, None])
        bought = x.astype(np.int64)[:, None]
        slope, curve = (
            (
                al[bought] + 0.0 * m, be[m - bought], np.where(left, *of_ga), de[m],
                albe[m], gade[m + left],
            )
            for (al, be, albe, de, gade), of_ga in (
                (first, (1 / tables.ga, 0.0)),
                (second, (-1 / tables.ga**2, 0.0)),
            )
        )  # fmt: skip
        score = np.stack([slope[0] - slope[4], slope[1] - slope[4],
                          slope[2] - slope[5], slope[3] - slope[5]])  # fmt: skip
        mean = np.einsum("pnk,nk->pn", score, share)
        weighted = share * weight[:, None]
        hessian = np.einsum("pnk,qnk,nk->pq", score, score, weighted, optimize=True)
        hessian -= (mean * weight) @ mean.T
        bent = np.array([float((each * weighted).sum()) for each in curve])
        hessian += np.diag(bent[:4])
        hessian[:2, :2] -= bent[4]
        hessian[2:, 2:] -= bent[5]
        return Point(float(weight @ total), mean @ weight, hessian)


def fit_bg_bb(summary: IntoDataFrame) -> BgBbModel:
    """Fit the BG/BB model of purchases at fixed opportunities by maximum likelihood.

    Before each opportunity a customer leaves for good with a constant chance; a customer who is
    there buys with a constant chance. Both chances differ between customers by beta distributions.

    Parameters
    ----------
    summary : table
        One row per customer with ``frequency`` (purchases after the first), ``recency``
        (the opportunity of the last one, 0 without any) and ``n_opportunities`` (after the first
        purchase), all whole numbers.

    Returns
    -------
    BgBbModel
        With ``alpha``, ``beta``, ``gamma``, ``delta`` and what `fit_bg_nbd` lists. In ``predict``
        the horizon is a number of opportunities, and ``p_alive`` is at the next one.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a row says what no customer can have done: more purchases than opportunities until the
        last one, a purchase after the end.
    FitError
        If the likelihood has no maximum.
    NotEnoughDataError
        If there are fewer than 10 customers, or nobody bought again.

    See Also
    --------
    fit_pareto_nbd, fit_bg_nbd : purchases at any time.

    References
    ----------
    Fader, Hardie and Shang (2010), Customer-base analysis in a discrete-time noncontractual
    setting, Marketing Science 29(6), 1086-1108.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> donors = pd.DataFrame(
    ...     {
    ...         "frequency": [6] * 12 + [2] * 8 + [0] * 30,
    ...         "recency": [6] * 12 + [3] * 8 + [0] * 30,
    ...         "n_opportunities": 6,
    ...     }
    ... )
    >>> model = crm.btyd.fit_bg_bb(donors)
    >>> model.converged
    True
    """
    caller = "fit_bg_bb"
    read = _rows.read(summary, caller=caller, age="n_opportunities")
    _rows.enough(read, caller)
    _refuse_impossible(read, caller)
    found = _rows.distinct(read.columns())
    x, tx, n = (column[found.first] for column in read.columns())
    likelihood = _Likelihood(x, tx, n, found.weight)
    best = _fit.maximise(
        likelihood, [np.log(start) for start in _STARTS], float(len(read)), caller=caller,
        advice="Look at the summary for customers who are all alike.",
    )  # fmt: skip
    alpha, beta, gamma, delta = (float(each) for each in np.exp(best.theta))
    return BgBbModel(
        alpha=alpha, beta=beta, gamma=gamma, delta=delta, log_likelihood=float(best.value),
        n_customers=len(read), converged=True, gradient_norm=best.gradient_norm,
        iterations=best.iterations, **uncertainty(best.hessian, BgBbModel.letters),
    )  # fmt: skip


def _refuse_impossible(read: _rows.Summary, caller: str) -> None:
    x, tx, n = read.frequency, read.recency, read.age
    fractional = int(np.count_nonzero((tx != np.floor(tx)) | (n != np.floor(n))))
    if fractional:
        raise DataError(
            f"{caller}: {fractional:,} of {len(x):,} rows of summary have a recency or number of "
            "opportunities that is no whole number. Count opportunities, not time."
        )
    if n.max() > _MOST:
        raise DataError(
            f"{caller}: n_opportunities reaches {n.max():,.0f}, more than {_MOST:,}. Are these "
            "days? Count opportunities to buy."
        )
    more = int(np.count_nonzero((x > tx) | ((x == 0) != (tx == 0))))
    if more:
        raise DataError(
            f"{caller}: {more:,} of {len(x):,} rows of summary have more purchases than "
            "opportunities until the last one, or a last one without any. Recency is the number of "
            "the opportunity of the last purchase."
        )
