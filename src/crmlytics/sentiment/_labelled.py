"""Texts with labels at the door, in an order that depends on nothing but themselves."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crmlytics import _checks, _columns, _sentences
from crmlytics._columns import Ints
from crmlytics.errors import ColumnError, DataError, NotEnoughDataError
from crmlytics.sentiment import _language, _run, _texts
from crmlytics.sentiment._texts import Texts

_MOST_WHOLE = 2.0**53  # beyond it floats are no whole numbers one by one


@dataclass(frozen=True)
class Labelled:
    """Texts whose label is known, sorted by their content."""

    texts: list[str]
    languages: list[str | None]
    label: Ints  # places in `classes`
    classes: tuple[str, ...]
    kind: str  # "text", "number" or "flag": what labels are given back as
    language: str  # as it was asked for
    source: Texts

    @property
    def size(self) -> int:
        return len(self.texts)

    def part(self, rows: Ints) -> "Labelled":
        """Return some of the texts; every label keeps its place."""
        return replace(
            self, texts=[self.texts[row] for row in rows],
            languages=[self.languages[row] for row in rows], label=self.label[rows],
        )  # fmt: skip


def read(
    feedback: Any, caller: str, *, label_col: str, text_col: str, language: str, least: int = 2
) -> Labelled:
    """Read texts and labels; rows without one of them are left out, and said."""
    _checks.choice(language, _language.SPOKEN, name="language", caller=caller)
    found = _texts.read(feedback, caller, text_col=text_col, roles={"label_col": label_col})
    names, kind = _names(found, label_col, caller)
    there = [
        text is not None and name is not None
        for text, name in zip(found.values, names, strict=True)
    ]
    lost = len(there) - sum(there)
    if lost:
        _checks.warn(
            f"{caller}: {lost} of {len(there)} rows have no text or no label and are not used."
        )
    rows = [row for row, known in enumerate(there) if known]
    pairs = sorted((str(found.values[row]), str(names[row])) for row in rows)
    texts = [text for text, _ in pairs]
    classes = tuple(sorted({name for _, name in pairs}, key=_in_order(kind)))
    if len(classes) < 2:
        raise NotEnoughDataError(
            f"{caller}: needs at least 2 different labels in {label_col!r} (label_col); got "
            f"{len(classes)}{f', {classes[0]!r}' if classes else ''}. Hand over texts of "
            "both kinds."
        )
    place = {name: number for number, name in enumerate(classes)}
    label = np.array([place[name] for _, name in pairs], dtype=np.int64)
    fewest = int(np.bincount(label).min())
    if fewest < least:
        rare = classes[int(np.bincount(label).argmin())]
        raise NotEnoughDataError(
            f"{caller}: needs at least {least} texts of each label; {rare!r} has {fewest}. Add "
            "some, or leave it out."
        )
    languages = _run.spoken(texts, language)
    return Labelled(texts, languages, label, classes, kind, language, found)


def _in_order(kind: str) -> Any:
    # numbers that are one float are told apart by their digits
    return (lambda name: (float(name), name)) if kind == "number" else str


def _names(found: Texts, label_col: str, caller: str) -> tuple[list[str | None], str]:
    """Return labels as text, and what kind they are."""
    series = found.source.column("label")
    family = _columns.family(series)
    null = _columns.null_mask(series)
    if family == "text":
        return _texts.values(found.source, "label"), "text"
    if family == "number":
        return _numbered(found, label_col), "number"
    if family == "flag":
        flags = series.to_list()
        return [None if gone else str(bool(f)) for f, gone in zip(flags, null, strict=True)], "flag"
    raise ColumnError(
        f"{caller}: column {label_col!r} (label_col) holds {_columns.describe(series)}, not "
        "labels. Make it text or numbers."
    )


def _numbered(found: Texts, label_col: str) -> list[str | None]:
    """Write numbers so that different ones stay different, and 2.0 is 2."""
    series = found.source.column("label")
    null = _columns.null_mask(series)
    if series.dtype.is_integer():
        listed = series.to_list()
        return [None if gone else str(int(n)) for n, gone in zip(listed, null, strict=True)]
    values = _columns.numbers(series)
    endless = int((np.abs(values[~null]) > _columns.ENDLESS).sum())
    if endless:
        where = f"column {label_col!r} (label_col)"
        raise DataError(_sentences.infinite(found.source, where, endless))
    return [
        None if gone else str(int(value)) if _is_whole(value) else repr(value)
        for value, gone in zip(values.tolist(), null, strict=True)
    ]


def _is_whole(value: float) -> bool:
    return value.is_integer() and abs(value) < _MOST_WHOLE
