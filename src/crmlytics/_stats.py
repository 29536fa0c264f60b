"""What several rooms estimate alike: one formula each, on arrays."""

from typing import Any

import numpy as np

from crmlytics._columns import Floats

FLOOR = 0.0001  # least share of a bin: an empty one would make the index infinite


def psi(expected: Any, actual: Any) -> float:
    """Return the population stability index of two divisions into the same bins.

    Both are counts or shares: the sum over bins of (a - e) * ln(a / e), shares below `FLOOR` raised
    to it (Siddiqi 2017, Intelligent Credit Scoring). Below 0.1 counts as stable, above 0.25 as
    different. NaN where one of the two is empty.
    """
    e, a = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if not (e.sum() > 0 and a.sum() > 0):
        return np.nan
    e, a = e / e.sum(), a / a.sum()
    e, a = np.where(e + a > 0, np.maximum(e, FLOOR), 1.0), np.where(e + a > 0, a, 1.0)
    a = np.maximum(a, FLOOR)
    return float(((a - e) * np.log(a / e)).sum())


def psi_by_chance(n_bins: int, n_expected: int, n_actual: int, confidence: float = 0.95) -> float:
    """Return what the index stays below with this probability where nothing has changed.

    About (1 / n + 1 / m) times chi-squared with a degree of freedom less than there are bins
    (Yurdakul and Naranjo 2020, Journal of Risk Model Validation 14(4)).
    """
    from scipy.special import chdtri

    if n_bins < 2:
        return 0.0
    return float(chdtri(n_bins - 1, 1 - confidence)) * (1 / n_expected + 1 / n_actual)


_FEWEST = 10  # groups with a trial from which on a prior can be learnt
_ALIKE = 1e4  # largest sum of a prior's parameters: beyond it nobody differs from anybody


def beta_prior(successes: Any, trials: Any) -> tuple[float, float]:
    """Return the beta distribution that rates of many groups come from (empirical Bayes).

    The two parameters make the counts most likely, each count beta-binomial: the sum over groups of
    ln B(k + a, n - k + b) - ln B(a, b) (Skellam 1948, JRSS B 10, p. 257). With fewer than ten
    groups that have a trial it is Jeffreys' prior, 1/2 and 1/2, for nothing can be learnt from them
    about the others. The order of groups does not matter.
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    k, n = k[n > 0], n[n > 0]
    if len(n) < _FEWEST:
        return 0.5, 0.5
    pairs, weight = np.unique(np.column_stack([k, n]), axis=0, return_counts=True)
    k, n = pairs[:, 0], pairs[:, 1]
    hits, tries = float(weight @ k), float(weight @ n)
    if hits in {0.0, tries}:
        mean = (hits + 0.5) / (tries + 1)
        return mean * _ALIKE, (1 - mean) * _ALIKE
    return _most_likely(k, n, weight / weight.sum(), hits, tries)


def _most_likely(
    k: Floats, n: Floats, weight: Floats, hits: float, tries: float
) -> tuple[float, float]:
    """Search the mean (as logit) and the sum of the parameters (as logarithm) of the prior."""
    from scipy.optimize import minimize
    from scipy.special import betaln, digamma, expit, logit

    def shape(at: Floats) -> tuple[Any, Any]:
        return expit(at[0]) * np.exp(at[1]), expit(-at[0]) * np.exp(at[1])

    def loss(at: Floats) -> tuple[float, Floats]:
        a, b = shape(at)
        value = weight @ (betaln(k + a, n - k + b) - betaln(a, b))
        common = digamma(a + b) - digamma(n + a + b)
        by_a = weight @ (digamma(k + a) - digamma(a) + common)
        by_b = weight @ (digamma(n - k + b) - digamma(b) + common)
        mean = a / (a + b)
        return -value, -np.array([(by_a - by_b) * b * mean, by_a * a + by_b * b])

    ends = [logit(0.5 / (tries + 1)), logit((tries + 0.5) / (tries + 1))]
    bounds = [(ends[0], ends[1]), (np.log(0.01), np.log(_ALIKE))]
    found = [
        minimize(
            loss, np.array([logit(hits / tries), np.log(start)]), jac=True, bounds=bounds,
            method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 500},
        )
        for start in (1.0, 10.0, 300.0)
    ]  # fmt: skip
    best = min(found, key=lambda one: float(one.fun))
    a, b = shape(best.x)
    return float(a), float(b)


def shrunken_rates(successes: Any, trials: Any, confidence: float) -> tuple[Floats, Floats, Floats]:
    """Return k / n of each group, drawn towards that of all, with the ends of its interval.

    (k + a) / (n + a + b) with the prior of :func:`beta_prior`; the interval cuts off equal tails of
    the posterior Beta(k + a, n - k + b) (Gelman et al. 2013, Bayesian Data Analysis, 3rd ed.,
    ch. 2.4 and 5.3). NaN without a trial. The prior is taken as known, so that the intervals are
    somewhat short where groups are few.
    """
    from scipy.special import betaincinv

    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    a, b = beta_prior(k, n)
    pairs, place = np.unique(np.column_stack([k, n]), axis=0, return_inverse=True)
    k, n = pairs[:, 0], pairs[:, 1]
    tail = (1 - confidence) / 2
    ends = [betaincinv(k + a, n - k + b, level) for level in (tail, 1 - tail)]
    rate, lower, upper = (
        np.where(n > 0, values, np.nan)[place.ravel()] for values in ((k + a) / (n + a + b), *ends)
    )
    return rate, lower, upper
