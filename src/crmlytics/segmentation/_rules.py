"""The built-in segment maps as data."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Floats

OTHERS = "others"  # customers whom no rule fits
MAPS = ("grid10", "classic11", "r_rfm")
BOUNDS = ("r_min", "r_max", "f_min", "f_max", "m_min", "m_max", "fm_min", "fm_max")

# segment, then the inclusive ranges of r and f; each of the 25 cells is named exactly once
_GRID10 = (
    ("champions", 5, 5, 4, 5),
    ("loyal", 3, 4, 4, 5),
    ("potential_loyalist", 4, 5, 2, 3),
    ("new", 5, 5, 1, 1),
    ("promising", 4, 4, 1, 1),
    ("need_attention", 3, 3, 3, 3),
    ("about_to_sleep", 3, 3, 1, 2),
    ("cant_lose", 1, 2, 5, 5),
    ("at_risk", 1, 2, 3, 4),
    ("hibernating", 1, 2, 1, 2),
)
# segment, then the ranges of r and of FM, as printed on docs.churned.io and elsewhere; 20 of the
# 25 cells overlap, so that the order decides: it is the order in which the table is printed
_CLASSIC11 = (
    ("champions", 4, 5, 4, 5),
    ("loyal_customers", 2, 5, 3, 5),
    ("potential_loyalist", 3, 5, 1, 3),
    ("new_customers", 4, 5, 0, 1),
    ("promising", 3, 4, 0, 1),
    ("need_attention", 2, 3, 2, 3),
    ("about_to_sleep", 2, 3, 0, 2),
    ("at_risk", 0, 2, 2, 5),
    ("cant_lose", 0, 1, 4, 5),
    ("hibernating", 1, 2, 1, 2),
    ("lost", 0, 2, 0, 2),
)
# segment, then the ranges of r, f and m: the vignette of the R package rfm 0.3.0
_R_RFM = (
    ("champions", 5, 5, 5, 5, 5, 5),
    ("potential_loyalist", 3, 5, 3, 5, 2, 5),
    ("loyal_customers", 2, 4, 2, 4, 2, 4),
    ("promising", 3, 4, 1, 3, 3, 5),
    ("new_customers", 4, 5, 1, 3, 1, 5),
    ("cant_lose_them", 1, 2, 3, 4, 4, 5),
    ("at_risk", 1, 2, 2, 5, 4, 5),
    ("need_attention", 1, 3, 3, 5, 3, 5),
    ("about_to_sleep", 2, 3, 1, 3, 1, 4),
    ("lost", 1, 1, 1, 5, 1, 5),
)


@dataclass(frozen=True)
class Rules:
    """A segment map ready for use; a bound of NaN does not bind."""

    segments: list[str]
    bounds: Floats  # one row a rule, columns as in BOUNDS
    named: str | None = None  # the name of a built-in map, which is made for scores 1 to 5

    @property
    def asks_monetary(self) -> bool:
        """Whether any rule looks at the monetary score."""
        return bool((~np.isnan(self.bounds[:, 4:])).any())


def built_in(name: str) -> Rules:
    """Return the rules of a built-in map."""
    rules: Any = {"grid10": _GRID10, "classic11": _CLASSIC11, "r_rfm": _R_RFM}[name]
    places = {"grid10": (0, 1, 2, 3), "classic11": (0, 1, 6, 7), "r_rfm": (0, 1, 2, 3, 4, 5)}[name]
    bounds = np.full((len(rules), len(BOUNDS)), np.nan)
    for row, (_, *ranges) in enumerate(rules):
        bounds[row, places] = ranges
    return Rules([rule[0] for rule in rules], bounds, name)
