"""What the roll-ups of feedback share: scores at the door, and sums that no order can change."""

from typing import Any

import numpy as np

from crmlytics import _checks
from crmlytics._columns import Floats
from crmlytics.errors import DataError
from crmlytics.sentiment import _run, _terms
from crmlytics.sentiment._texts import Texts


def compounds(texts: Texts, language: str) -> Floats:
    """Return the compound of each text, NaN where it is unknown; refuse what is no compound."""
    source = texts.source
    _checks.choice(language, _terms.SPOKEN, name="language", caller=source.caller)
    values = _run.compounds(texts, language)
    odd = int(np.count_nonzero(np.abs(values) > 1))
    if odd:
        raise DataError(
            f"{source.caller}: {odd} of {source.n_rows} values in column 'compound' of "
            f"{source.argument} lie outside -1 to 1. Make it with score_sentiment, or drop it."
        )
    return values


def total(values: Any) -> Any:
    """Sum along the first axis in the order of size, so that the order of rows changes no bit."""
    return np.sort(np.asarray(values, dtype=np.float64), axis=0).sum(axis=0)


def grouped(codes: Any, values: Floats, size: int) -> Floats:
    """Sum by code; equal in every bit whatever the order of rows."""
    order = np.lexsort((values, codes))
    sums = np.bincount(codes[order], values[order], size)
    return np.asarray(sums, dtype=np.float64)
