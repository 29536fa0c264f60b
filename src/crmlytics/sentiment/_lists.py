"""The word lists of the package, read once."""

import csv
from functools import cache
from importlib import resources


@cache
def read(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a list in `lexicons/`, each as column -> text."""
    place = resources.files("crmlytics.sentiment") / "lexicons" / f"{name}.csv"
    with place.open(encoding="utf-8") as file:
        return tuple(csv.DictReader(file))
