"""Words and phrases of the user's own, with their valences."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Lexicon:
    """Custom entries of one language; they stand above those of the package."""

    words: Mapping[str, float] = field(default_factory=dict)  # lower case
    phrases: Mapping[tuple[str, ...], float] = field(default_factory=dict)  # two words or more
