"""What the roll-ups of feedback share: scores at the door, and sums that no order can change."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _checks, _columns
from crmlytics._columns import Floats, Ints
from crmlytics.errors import ColumnError, DataError
from crmlytics.sentiment import _aspects, _language, _run
from crmlytics.sentiment._texts import Texts


def compounds(texts: Texts, language: str) -> Floats:
    """Return the compound of each text, NaN where it is unknown.

    A table that was scored already has them in its column `compound`; else its texts are scored.
    """
    source = texts.source
    _checks.choice(language, _language.SPOKEN, name="language", caller=source.caller)
    if "compound" not in source.table.columns:
        return _run.scored(texts.values, _run.spoken(texts.values, language)).compound
    series = source.table["compound"]
    if _columns.family(series) != "number" and not series.is_null().all():
        raise ColumnError(
            f"{source.caller}: column 'compound' of {source.argument} holds "
            f"{_columns.describe(series)}, not numbers. Make it with score_sentiment, or drop it."
        )
    values = _columns.numbers(series)
    odd = int(np.count_nonzero(np.abs(values) > 1))
    if odd:
        raise DataError(
            f"{source.caller}: {odd} of {source.n_rows} values in column 'compound' of "
            f"{source.argument} lie outside -1 to 1. Make it with score_sentiment, or drop it."
        )
    return values


def mentions(
    texts: Texts, names: list[str], aspects: Any, text_col: str, language: str
) -> tuple[Ints, Ints, Floats]:
    """Return the rows that mention aspects, the place of the aspect, and what they say on it."""
    source = texts.source
    with _checks.speaking_as(source.caller):
        scored = _aspects.score_aspects(
            source.native, aspects=aspects, text_col=text_col, language=language
        )
    table: Any = nw.from_native(scored, eager_only=True)
    place = {name: at for at, name in enumerate(names)}
    which = np.array([place[name] for name in table["aspect"].to_list()], dtype=np.int64)
    row = np.asarray(_columns.numbers(table["row"]), dtype=np.int64)
    return row, which, _columns.numbers(table["compound"])


def total(values: Any) -> Any:
    """Sum along the first axis in the order of size, so that the order of rows changes no bit."""
    return np.sort(np.asarray(values, dtype=np.float64), axis=0).sum(axis=0)


def grouped(codes: Any, values: Floats, size: int) -> Floats:
    """Sum by code; equal in every bit whatever the order of rows."""
    order = np.lexsort((values, codes))
    sums = np.bincount(codes[order], values[order], size)
    return np.asarray(sums, dtype=np.float64)
