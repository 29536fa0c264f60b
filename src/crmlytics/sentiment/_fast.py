"""English texts scored by the compiled rules of VADER, where numba is installed."""

from collections.abc import Sequence

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.sentiment._sums import rounded

Scores = tuple[Floats, Floats, Floats, Floats, Floats, Ints, Ints]

_BATCH = 1 << 16  # texts: between batches signals are heard
_PLACES = (4, 3, 3, 3)  # as vaderSentiment rounds compound, positive, neutral, negative


def available() -> bool:
    """Say whether the compiled rules can be used."""
    try:
        from crmlytics.sentiment import _fast_kernels  # noqa: F401
    except ImportError:
        return False
    return True


def ascii_mask(texts: Sequence[str]) -> Bools:
    """Say which texts are ASCII, and can be given to `score`."""
    if "".join(texts).isascii():
        return np.ones(len(texts), dtype=bool)
    return np.fromiter(map(str.isascii, texts), dtype=bool, count=len(texts))


def score(texts: Sequence[str]) -> Scores:
    """Score ASCII texts exactly as vaderSentiment 3.3.2 does.

    Return the raw score, compound, positive, neutral, negative, the number of words (tokens with
    a letter or a digit) and of the tokens that the lexicon has.
    """
    from crmlytics.sentiment import _fast_kernels, _fast_words

    table = _fast_words.table()
    scores = np.zeros((5, len(texts)))
    counts = np.zeros((2, len(texts)), dtype=np.int64)
    for first in range(0, len(texts), _BATCH):
        batch = texts[first : first + _BATCH]
        here = slice(first, first + len(batch))
        sizes = np.fromiter(map(len, batch), dtype=np.int64, count=len(batch))
        letters = np.frombuffer("".join(batch).encode("ascii"), dtype=np.uint8)
        _fast_kernels.score(
            letters, np.cumsum(sizes), int(sizes.max()), table, scores[:, here], counts[:, here]
        )
    compound, positive, neutral, negative = (
        rounded(row, places) for row, places in zip(scores[1:], _PLACES, strict=True)
    )
    return scores[0].copy(), compound, positive, neutral, negative, counts[0], counts[1]
