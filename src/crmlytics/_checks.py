"""Rules for options, by the option's name: one word, one rule, one sentence.

Every function here raises before any work is done, with a sentence that names the function
(`caller`), the option, what was there and what to do.
"""

import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmlytics.errors import CrmlyticsError, CrmlyticsWarning, NotEnoughDataError, OptionError

PERIODS = ("D", "W", "M", "Q", "Y")
_MOST_CELLS = 20_000_000
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` was probably meant to be, ignoring case and punctuation."""
    plain = {_plain(name): name for name in known}
    close = get_close_matches(_plain(word), list(plain), n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


def choice(value: Any, allowed: Sequence[str], *, name: str, caller: str) -> str:
    """Return `value` if it is one of the words allowed."""
    if isinstance(value, str) and value in allowed:
        return value
    hint = did_you_mean(value, allowed) if isinstance(value, str) else None
    tail = f" Did you mean {name}={hint!r}?" if hint else ""
    words = ", ".join(repr(word) for word in allowed)
    raise OptionError(f"{caller}: {name} must be one of {words}; got {value!r}.{tail}")


def period(value: Any, caller: str) -> str:
    """Days, weeks from Monday, months, quarters or years."""
    return choice(value, PERIODS, name="period", caller=caller)


def whole(value: Any, *, name: str, caller: str, low: int, high: int | None = None) -> int:
    """Return a whole number between `low` and `high`, both inclusive."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if is_whole and value >= low and (high is None or value <= high):
        return int(value)
    bounds = f"from {low} to {high}" if high is not None else f"of {low} or more"
    raise OptionError(f"{caller}: {name} must be a whole number {bounds}; got {value!r}.")


def number(value: Any, *, name: str, caller: str, low: float, high: float = math.inf) -> float:
    """Return a finite number between `low` and `high`, both inclusive."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and low <= value <= high:
        return float(value)
    bounds = f" of {low:g} or more" if math.isfinite(low) else ""
    bounds = f" from {low:g} to {high:g}" if math.isfinite(high) else bounds
    raise OptionError(f"{caller}: {name} must be a number{bounds}; got {value!r}.")


def floats(value: Any) -> NDArray[np.float64] | None:
    """Return a sequence of finite numbers as an array; None where it is anything else."""
    try:
        given = [] if isinstance(value, (str, bytes)) else list(value)
        numbers = np.array([float(entry) for entry in given], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    wordless = not any(isinstance(entry, (str, bytes, bool)) for entry in given)
    return numbers if wordless and bool(np.isfinite(numbers).all()) else None


def confidence(value: Any, caller: str) -> float:
    """Return a confidence level strictly between 0 and 1."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if is_number and 0 < value < 1:
        return float(value)
    hint = " For 95 % write confidence=0.95." if is_number and 1 < value < 100 else ""
    raise OptionError(f"{caller}: confidence must lie between 0 and 1; got {value!r}.{hint}")


def cells(n_cells: int, *, period: str, caller: str) -> None:
    """Refuse a result that nobody can read and no machine can hold."""
    if n_cells > _MOST_CELLS:
        raise OptionError(
            f"{caller}: period={period!r} makes about {n_cells:,} rows. "
            "Choose a longer period, such as period='M', or fewer groups."
        )


def flag(value: Any, *, name: str, caller: str) -> bool:
    """Return a plain yes or no."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise OptionError(f"{caller}: {name} must be True or False; got {value!r}.")


def day(value: Any, *, name: str, caller: str) -> int:
    """Return a day as days since 1970-01-01; takes dates, datetimes, timestamps and ISO text."""
    if isinstance(value, np.datetime64) and not np.isnat(value):
        return int(value.astype("M8[D]").astype(np.int64))
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = value.strip() or "''"
    if isinstance(value, date) and value == value:  # NaT is a date in pandas, unequal to itself
        return value.toordinal() - EPOCH_ORDINAL
    raise OptionError(
        f"{caller}: {name} must be a day, such as datetime.date(2026, 3, 31) or '2026-03-31'; "
        f"got {value!r}."
    )


def iso(day_number: int) -> str:
    """Write days since 1970-01-01 as an ISO date."""
    return str(np.datetime64(day_number, "D"))


def column(value: Any, *, name: str, caller: str) -> str:
    """Return the name of a column."""
    if isinstance(value, str):
        return value
    raise OptionError(f"{caller}: {name} must be the name of a column; got {value!r}.")


def columns(value: Any, *, name: str, caller: str) -> list[str]:
    """Return column names given as None, one name or a list of names, as a list."""
    if value is None:
        return []
    names = [value] if isinstance(value, str) else value
    if isinstance(names, Iterable):
        names = list(names)
        if all(isinstance(column, str) for column in names) and len(set(names)) == len(names):
            return names
    raise OptionError(
        f"{caller}: {name} must be a column name or a list of different column names; "
        f"got {value!r}."
    )


@contextmanager
def speaking_as(caller: str) -> Iterator[None]:
    """Let errors of the functions called inside name the function that the user called."""
    try:
        yield
    except CrmlyticsError as error:
        raise type(error)(f"{caller}: {str(error).split(': ', 1)[-1]}") from error


def shown(value: Any) -> str:
    """Write a value for a sentence, cut where it is long."""
    written = repr(value)
    return written if len(written) <= 60 else f"{written[:57]}..."


def at_least(needed: int, got: int, what: str, caller: str, advice: str) -> None:
    """Refuse a table that is sound but too small."""
    if got < needed:
        raise NotEnoughDataError(f"{caller}: needs at least {needed} {what}; got {got}. {advice}")


def warn(sentence: str) -> None:
    """Warn at the line of the caller's own code, however deep in the house we are."""
    house, depth = str(Path(__file__).parent), 1
    frame = sys._getframe(1)  # noqa: SLF001 - warnings.warn has skip_file_prefixes from 3.12 on
    while frame.f_back is not None and frame.f_code.co_filename.startswith(house):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(sentence, CrmlyticsWarning, stacklevel=depth + 1)
