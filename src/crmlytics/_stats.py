"""What several rooms estimate alike: one formula each, on arrays."""

from typing import Any

import numpy as np

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
