"""Intervals and corrections that several rooms use: one formula each, on arrays."""

from statistics import NormalDist
from typing import Any

import numpy as np

from crmlytics._columns import Floats


def z_value(confidence: float) -> float:
    """Return the two-sided normal quantile, 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(successes: Any, trials: Any, confidence: float) -> tuple[Floats, Floats]:
    """Interval of a share (Wilson 1927, p. 209); NaN where there were no trials.

    centre (p + z^2 / 2n) / (1 + z^2 / n), half-width z sqrt(p (1 - p) / n + z^2 / 4n^2) / (same).
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    z = z_value(confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = k / n
        below = 1 + z * z / n
        centre = (p + z * z / (2 * n)) / below
        half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / below
    # at 0 and n the exact bounds are 0 and 1; the formula misses them by a last bit
    lower = np.where(k == 0, 0.0, centre - half)
    upper = np.where(k == n, 1.0, centre + half)
    unknown = ~(n > 0)
    return np.where(unknown, np.nan, lower), np.where(unknown, np.nan, upper)


def poisson(counts: Any, confidence: float) -> tuple[Floats, Floats]:
    """Interval of the mean of a Poisson count (Garwood 1936, p. 439), exact.

    Half the chi-squared quantiles with 2n and 2n + 2 degrees of freedom; the lower is 0 at n = 0.
    """
    from scipy.special import gammaincinv

    n, tail = np.asarray(counts, dtype=np.float64), (1 - confidence) / 2
    lower = np.where(n > 0, gammaincinv(np.where(n > 0, n, 1.0), tail), 0.0)
    return lower, np.asarray(gammaincinv(n + 1, 1 - tail), dtype=np.float64)


def ratio_of_sums(
    tops: Floats, bottoms: Floats, groups: Any, n_groups: int, confidence: float
) -> tuple[Floats, Floats]:
    """Interval of sum(top) / sum(bottom) in each group, one entry a customer.

    Delta method over customers (Cochran 1977, Sampling Techniques, ch. 6, without the finite
    population correction): var = n / (n - 1) * sum((top - ratio * bottom)^2) / sum(bottom)^2. Lines
    of one customer are not independent: customers, not lines, are the sample. NaN with fewer than
    two customers.
    """
    n = np.bincount(groups, minlength=n_groups)
    top = np.bincount(groups, tops, n_groups)
    bottom = np.bincount(groups, bottoms, n_groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = top / bottom
        residual = tops - ratio[groups] * bottoms
        spread = np.bincount(groups, residual * residual, n_groups)
        error = np.sqrt(spread * n / (n - 1)) / bottom
    error = np.where(n > 1, error, np.nan)
    half = z_value(confidence) * error
    return ratio - half, ratio + half


def benjamini_hochberg(p_values: Floats, n_tests: int | None = None) -> Floats:
    """Correct p-values for the false discovery rate (Benjamini and Hochberg 1995, p. 293).

    `n_tests`, here and below, is the number of all tests, where some that found nothing are not at
    hand: they count as p-values of 1. Unknown p-values are no tests.
    """
    known = ~np.isnan(p_values)
    tested = p_values[known]
    order, size = np.argsort(-tested, kind="stable"), len(tested)
    scaled = tested[order] * (size if n_tests is None else n_tests) / np.arange(size, 0, -1)
    return _put_back(known, order, np.minimum.accumulate(scaled))


def holm(p_values: Floats, n_tests: int | None = None) -> Floats:
    """Correct p-values so that any false discovery is rare (Holm 1979, Scand. J. Stat. 6, 67)."""
    known = ~np.isnan(p_values)
    tested = p_values[known]
    order, size = np.argsort(tested, kind="stable"), len(tested)
    scaled = tested[order] * ((size if n_tests is None else n_tests) - np.arange(size))
    return _put_back(known, order, np.maximum.accumulate(scaled))


def bonferroni(p_values: Floats, n_tests: int | None = None) -> Floats:
    """Multiply p-values by the number of tests."""
    known = int(np.count_nonzero(~np.isnan(p_values)))
    return np.minimum(p_values * (known if n_tests is None else n_tests), 1.0)


def _put_back(known: Any, order: Any, scaled: Floats) -> Floats:
    """Return corrected p-values, none above 1, in the order in which they came."""
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(scaled, 1.0)
    corrected = np.full(len(known), np.nan)
    corrected[known] = adjusted
    return corrected
