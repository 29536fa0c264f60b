"""How day numbers and codes become columns: everything is simulated as numbers first."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

START = np.datetime64("2024-01-01", "us")  # a fixed first day: nothing depends on the clock
_DAY = 86_400_000_000  # microseconds


def dates(day: npt.NDArray[Any], *, known: Bools | None = None) -> npt.NDArray[np.datetime64]:
    """Turn days since the start (fractions are times of day) into naive timestamps.

    Where ``known`` is false the answer is NaT.
    """
    whole = np.floor(day).astype(np.int64)
    # Whole seconds: finer parts would suggest a precision that no log has.
    seconds = ((day - whole) * 86_400).astype(np.int64)
    stamps: npt.NDArray[np.datetime64] = START + (whole * _DAY + seconds * 1_000_000).astype(
        "timedelta64[us]"
    )
    if known is not None:
        stamps[~known] = np.datetime64("NaT")
    return stamps


def labels(words: Sequence[str], codes: npt.NDArray[Any]) -> Any:
    """Return the words at the codes as a pandas str column."""
    return pd.array(list(words), dtype="str").take(codes)


def draw(rng: np.random.Generator, shares: Sequence[float], size: int) -> Ints:
    """Draw codes 0, 1, ... with the given shares."""
    ladder = np.cumsum(shares)
    found = np.searchsorted(ladder / ladder[-1], rng.random(size), side="right")
    return np.asarray(np.minimum(found, len(ladder) - 1), dtype=np.int64)


def draw_rows(rng: np.random.Generator, table: Floats, rows: Ints) -> Ints:
    """Draw one column code for each entry of rows, by the shares in that row of the table.

    All rows share one search: row k of the cumulated shares is shifted by k.
    """
    shares = table / table.sum(axis=1, keepdims=True)
    ladder = (np.cumsum(shares, axis=1) + np.arange(len(table))[:, None]).ravel()
    width = table.shape[1]
    found = np.searchsorted(ladder, rows + rng.random(len(rows)), side="right")
    return np.asarray(np.clip(found - rows * width, 0, width - 1), dtype=np.int64)
