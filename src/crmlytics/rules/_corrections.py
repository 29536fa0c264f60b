"""Corrections of p-values where most of the tests made need not be at hand."""

import numpy as np

from crmlytics._columns import Floats


def corrected(p_values: Floats, n_tests: int, method: str) -> Floats:
    """Correct p-values for `n_tests` tests; those that are not among `p_values` count as 1.

    A test that can only find something where a count is large enough has the p-value 1 wherever it
    is not, and is a valid test still: so pairs below a threshold need never be laid out.
    """
    order = np.argsort(p_values, kind="stable")
    ordered = p_values[order]
    ranks = np.arange(1, len(ordered) + 1)
    if method == "bh":  # Benjamini and Hochberg 1995, p. 293
        scaled = np.minimum.accumulate((ordered * n_tests / ranks)[::-1])[::-1]
    elif method == "holm":  # Holm 1979, p. 67
        scaled = np.maximum.accumulate(ordered * (n_tests - ranks + 1))
    else:
        scaled = ordered * n_tests
    answer = np.empty(len(ordered))
    answer[order] = np.minimum(scaled, 1.0)
    return answer
