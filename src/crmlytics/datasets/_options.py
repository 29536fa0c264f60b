"""The rules for the options of this room, each with its sentence."""

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real

from crmlytics.errors import OptionError


def one_of(caller: str, name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return the value if it is one of the allowed words."""
    if isinstance(value, str) and value in allowed:
        return value
    words = ", ".join(map(repr, allowed))
    raise OptionError(
        f"{caller}: {name} must be one of {words}; got {value!r}.{_hint(value, allowed)}"
    )


def whole(caller: str, name: str, value: object, *, low: int, high: int | None = None) -> int:
    """Return the value as an int if it is a whole number from low to high."""
    fits = isinstance(value, Integral) and not isinstance(value, bool)
    if fits and low <= int(value) <= (int(value) if high is None else high):  # type: ignore[call-overload]
        return int(value)  # type: ignore[call-overload, no-any-return]
    bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise OptionError(f"{caller}: {name} must be a whole number {bounds}; got {value!r}.")


def number(caller: str, name: str, value: object, *, low: float, high: float) -> float:
    """Return the value as a float if it lies from low to high."""
    if isinstance(value, Real) and not isinstance(value, bool):
        asked = float(value)
        if isfinite(asked) and low <= asked <= high:
            return asked
    raise OptionError(f"{caller}: {name} must be a number from {low:g} to {high:g}; got {value!r}.")


def words(caller: str, name: str, value: object, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the value as a tuple of distinct allowed words."""
    known = ", ".join(map(repr, allowed))
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise OptionError(
            f"{caller}: {name} must be a tuple of some of {known}; got {value!r}. "
            f"One alone is written ({allowed[0]!r},)."
        )
    asked = tuple(value)
    if not asked or len(set(map(repr, asked))) < len(asked):
        raise OptionError(
            f"{caller}: {name} must hold at least one of {known} and none twice; got {asked!r}."
        )
    for word in asked:
        if word not in allowed:
            raise OptionError(
                f"{caller}: {name} may hold {known}; got {word!r}.{_hint(word, allowed)}"
            )
    return asked


def _hint(value: object, allowed: tuple[str, ...]) -> str:
    asked = str(value).casefold()
    close = get_close_matches(asked, allowed, n=1) or [w for w in allowed if asked.startswith(w)]
    return f" Did you mean {close[0]!r}?" if close else ""
