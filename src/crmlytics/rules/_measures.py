"""Measures of association rules, from counts of baskets: one formula each, on arrays."""

import numpy as np

from crmlytics import _intervals
from crmlytics._columns import Floats, Ints

# mlxtend's names, in its order, then ours.
MEASURES = (
    "antecedent support", "consequent support", "support", "confidence", "lower", "upper", "lift",
    "representativity", "leverage", "conviction", "zhangs_metric", "jaccard", "certainty",
    "kulczynski", "cosine", "imbalance_ratio", "odds_ratio", "phi",
)  # fmt: skip


def measures(both: Ints, left: Ints, right: Ints, n: int, level: float) -> dict[str, Floats]:
    """Return all measures of rules from antecedents (left) to consequents (right)."""
    ab, a, b = (np.asarray(each, dtype=np.float64) for each in (both, left, right))
    s_a, s_b, s_ab = a / n, b / n, ab / n
    lower, upper = _intervals.wilson(ab, a, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        confidence = ab / a
        lift = confidence / s_b
        leverage = s_ab - s_a * s_b
        weight = np.maximum(s_ab * (1 - s_a), s_a * (s_b - s_ab))
        zhang = np.where(weight == 0, 0.0, leverage / weight)
        conviction = np.where(ab == a, np.inf, (1 - s_b) / (1 - confidence))
        certainty = np.where(b == n, 0.0, (confidence - s_b) / (1 - s_b))
        union = a + b - ab
        found = {
            "antecedent support": s_a,
            "consequent support": s_b,
            "support": s_ab,
            "confidence": confidence,
            "lower": lower,
            "upper": upper,
            "lift": lift,
            "representativity": np.ones(len(ab)),
            "leverage": leverage,
            "conviction": conviction,
            "zhangs_metric": zhang,
            "jaccard": ab / union,
            "certainty": certainty,
            "kulczynski": (ab / a + ab / b) / 2,
            "cosine": ab / np.sqrt(a * b),
            "imbalance_ratio": np.abs(a - b) / union,
        }
        only_a, only_b, neither = a - ab, b - ab, n - union
        apart = only_a * only_b
        found["odds_ratio"] = ab * neither / apart  # 0 / 0, and so unknown, with an empty margin
        margins = a * (n - a) * b * (n - b)
        found["phi"] = (ab * neither - apart) / np.sqrt(margins)
    return found
