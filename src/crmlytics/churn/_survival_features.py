"""Features of subscriptions as columns of numbers: levels of text and flags become 0 and 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _checks, _columns, _frame, _sentences
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError

_KINDS = ("number", "text", "flag")


def check(table: Any, features: Any, caller: str, argument: str, maker: str | None) -> list[str]:
    """Return the names of the features; they must be there, beside whatever else the table has."""
    names = _checks.columns(features, name="features", caller=caller)
    if not names:
        raise OptionError(
            f"{caller}: features names no column. Name those that may tell who leaves, as in "
            "features=['plan', 'amount']."
        )
    opened, _ = _frame.open_table(table, caller=caller, argument=argument, lazy=False)
    columns = list(opened.collect_schema().names())
    for name in names:
        if name not in columns:
            raise ColumnError(
                _sentences.missing(name, "features", columns, caller, argument, maker)
            )
    return names


def roles(features: Sequence[str]) -> dict[str, str]:
    """Name the features for the door; what they hold is judged here."""
    return {f"feature_{k}": name for k, name in enumerate(features)}


@dataclass(frozen=True)
class Coding:
    """What was learnt of the features: their kinds, and the levels of each, reference first."""

    features: tuple[str, ...]
    kinds: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]  # none for numbers

    @property
    def columns(self) -> list[tuple[str, str | None, str | None]]:
        """Return feature, level and reference of each column of numbers."""
        listed: list[tuple[str, str | None, str | None]] = []
        for feature, levels in zip(self.features, self.levels, strict=True):
            listed += [(feature, level, levels[0]) for level in levels[1:]]
            listed += [] if levels else [(feature, None, None)]
        return listed

    @property
    def names(self) -> list[str]:
        """Name the columns of numbers for sentences."""
        return [
            f"{feature!r}" if level is None else f"{feature!r} = {level!r}"
            for feature, level, _ in self.columns
        ]

    @property
    def terms(self) -> list[Ints]:
        """Return the places of each feature's columns."""
        sizes = [max(len(levels) - 1, 1) for levels in self.levels]
        return np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])

    def read(self, source: Source, rows: Ints) -> Floats:
        """Return the columns of numbers for these rows of a table."""
        parts = []
        for k, (feature, kind) in enumerate(zip(self.features, self.kinds, strict=True)):
            series = source.column(f"feature_{k}")[rows]
            _refuse_nulls(series, feature, source)
            found = _family(series, feature, source.caller)
            if found != kind:
                raise ColumnError(
                    f"{source.caller}: column {feature!r} (features) holds "
                    f"{_columns.describe(series)} ({found}), but the model was fitted to "
                    f"{kind}s. Make both one type."
                )
            if kind == "number":
                parts.append(_finite(series, feature, source)[:, None])
            else:
                parts.append(self._coded(_texts(series, kind), k, source.caller))
        return np.concatenate(parts, axis=1)

    def _coded(self, texts: list[str], k: int, caller: str) -> Floats:
        levels = self.levels[k]
        new = set(texts) - set(levels)
        if new:
            count = sum(text in new for text in texts)
            raise DataError(
                f"{caller}: {count:,} of {len(texts):,} values of {self.features[k]!r} (features) "
                f"are levels that the model has not seen, such as {_checks.shown(min(new))}. Use "
                f"one of {_checks.shown(list(levels))}, or fit the model again."
            )
        place = {level: at for at, level in enumerate(levels)}
        codes = np.array([place[text] for text in texts], dtype=np.int64)
        return np.asarray(codes[:, None] == np.arange(1, len(levels)), dtype=np.float64)


def learn(source: Source, rows: Ints, features: Sequence[str]) -> Coding:
    """Find out what the features hold; those that are the same everywhere are refused."""
    kinds: list[str] = []
    levels: list[tuple[str, ...]] = []
    for k, feature in enumerate(features):
        series = source.column(f"feature_{k}")[rows]
        if _columns.null_count(series) == len(series):
            raise DataError(
                f"{source.caller}: all values of {feature!r} (features) are unknown. Drop it from "
                "features."
            )
        _refuse_nulls(series, feature, source)
        kind = _family(series, feature, source.caller)
        found: tuple[str, ...] = ()
        if kind == "number":
            values = _finite(series, feature, source)
            same = bool(values.min() == values.max())
        else:
            names, times = np.unique(_texts(series, kind), return_counts=True)
            # the commonest level is what the others are compared with; of equals the first
            listed = names.tolist()
            first = listed.pop(int(np.argmax(times)))
            found, same = (first, *listed), not listed
        if same:
            raise DataError(
                f"{source.caller}: {feature!r} (features) is {_checks.shown(series.to_list()[0])} "
                f"in all {len(rows):,} spells, and so tells nothing. Drop it from features."
            )
        kinds.append(kind)
        levels.append(found)
    return Coding(tuple(features), tuple(kinds), tuple(levels))


def _family(series: nw.Series[Any], feature: str, caller: str) -> str:
    found = _columns.family(series)
    if found not in _KINDS:
        raise ColumnError(
            f"{caller}: column {feature!r} (features) holds {_columns.describe(series)}, not "
            "numbers, text, or True and False. Turn dates into days first, or drop it from "
            "features."
        )
    return found


def _refuse_nulls(series: nw.Series[Any], feature: str, source: Source) -> None:
    unknown = _columns.null_count(series)
    if unknown:
        raise DataError(
            f"{source.caller}: {unknown:,} of {len(series):,} values of {feature!r} (features) are "
            "unknown. Fill them (text as with 'unknown'), or drop the rows."
        )


def _finite(series: nw.Series[Any], feature: str, source: Source) -> Floats:
    values = _columns.numbers(series)
    endless = int(np.count_nonzero(np.abs(values) > _columns.ENDLESS))
    if endless:
        raise DataError(_sentences.infinite(source, f"column {feature!r} (features)", endless))
    return values


def _texts(series: nw.Series[Any], kind: str) -> list[str]:
    values = series.to_list()
    return [str(bool(value) if kind == "flag" else value) for value in values]
