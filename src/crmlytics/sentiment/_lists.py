"""The word lists of the package, read once."""

import csv
from functools import cache
from hashlib import sha256
from importlib import metadata, resources

_SCORING = ("emoji", "en_service", "fa", "fa_modifiers", "function_words", "he_modifiers",
            "he_service", "stop_words")  # fmt: skip
_PACKAGES = ("vaderSentiment", "hepsylex")
_FOLDER = resources.files("crmlytics.sentiment") / "lexicons"


@cache
def read(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a list in `lexicons/`, each as column -> text."""
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


@cache
def edition() -> str:
    """Name what texts are scored by, so that a model can tell whether it has changed."""
    held = sha256()
    for name in _SCORING:
        held.update((_FOLDER / f"{name}.csv").read_bytes())
    held.update(" ".join(metadata.version(name) for name in _PACKAGES).encode())
    return held.hexdigest()[:12]
