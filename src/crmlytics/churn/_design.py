"""From a table of features to numbers a model can read, the same at fit and at predict."""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _checks, _columns
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.churn import _panel, _purchases
from crmlytics.errors import ColumnError, DataError

# Columns that say which row it is, and are no features.
NOT_FEATURES = ("cutoff", "horizon_days")
# Features of ours, which cannot name a customer, even where each has a number of its own.
OWN = frozenset({*_purchases.SCHEMA, *_purchases.MONEY})
_RARE = 0.01  # share of rows from which on a value of text has a column of its own
_SKEWED = 1.0
_LEAK = 0.995  # AUC of a single feature from which on it is the label under another name
_MANY = 50
_TWINS = 0.98  # correlation from which on two features are one


@dataclass(frozen=True)
class Design:
    """How each feature becomes columns; plain values, so that a model can be kept."""

    features: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]  # of text; empty for numbers
    logged: tuple[bool, ...]  # log(1 + x) of amounts and counts with a long tail
    fill: tuple[float, ...]  # the median, where a number is unknown
    unknown: tuple[bool, ...]  # whether being unknown has a column of its own
    centre: tuple[float, ...]  # of each column
    scale: tuple[float, ...]

    @property
    def owner(self) -> Ints:
        """The feature of each column."""
        widths = [
            len(levels) if levels else 1 + unknown
            for levels, unknown in zip(self.levels, self.unknown, strict=True)
        ]
        return np.repeat(np.arange(len(self.features)), widths)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        names = []
        parts = zip(self.features, self.levels, self.unknown, strict=True)
        for name, levels, unknown in parts:
            names += [f"{name}={level}" for level in levels] or [name]
            names += [f"{name} unknown"] if unknown and not levels else []
        return names

    def raw(self, read: dict[str, Any]) -> Floats:
        """Return numbers as they are (NaN where unknown) and a column for each value of text."""
        n = len(next(iter(read.values()))) if read else 0
        parts: list[Floats] = [np.zeros((n, 0))]
        for name, levels in zip(self.features, self.levels, strict=True):
            values = read[name]
            if levels:
                parts.append(np.column_stack([values == level for level in levels]).astype(float))
            else:
                parts.append(np.asarray(values, dtype=np.float64)[:, None])
        return np.hstack(parts)

    def matrix(self, read: dict[str, Any]) -> Floats:
        """Return columns with mean 0 and spread 1 over the rows of the fit; nothing unknown."""
        centred: Floats = self._filled(read) - np.asarray(self.centre)
        return np.asarray(centred / np.asarray(self.scale))

    def _filled(self, read: dict[str, Any]) -> Floats:
        n = len(next(iter(read.values()))) if read else 0
        parts: list[Floats] = [np.zeros((n, 0))]
        for k, (name, levels) in enumerate(zip(self.features, self.levels, strict=True)):
            values = read[name]
            if levels:
                parts.append(np.column_stack([values == level for level in levels]).astype(float))
                continue
            lost = np.isnan(values)
            filled = np.where(lost, self.fill[k], values)
            if self.logged[k]:
                filled = np.log1p(np.maximum(filled, 0.0))
            parts.append(filled[:, None])
            if self.unknown[k]:
                parts.append(lost.astype(float)[:, None])
        return np.hstack(parts)


def read_features(source: Source, names: list[str], argument: str) -> dict[str, Any]:
    """Return numbers as floats and everything else as text, None where unknown."""
    read: dict[str, Any] = {}
    for name in names:
        series: nw.Series[Any] = source.table[name]
        family = _columns.family(series)
        if family == "number":
            values = _columns.numbers(series)
            if (np.abs(values) > _columns.ENDLESS).any():
                raise DataError(
                    f"{source.caller}: column {name!r} of {argument} holds infinite numbers. "
                    "Replace them by null where they are unknown."
                )
            read[name] = values
        elif family == "flag":
            flags = [np.nan if v is None else float(v) for v in _panel.listed(series)]
            read[name] = np.array(flags, dtype=np.float64)
        elif family == "text" or series.is_null().all():
            texts = [None if v is None else str(v) for v in _panel.listed(series)]
            read[name] = np.array(texts, dtype=object)
        else:
            raise ColumnError(
                f"{source.caller}: column {name!r} of {argument} holds "
                f"{_columns.describe(series)}, which no model can read. Make dates days before the "
                "cutoff, or leave the column out."
            )
    return read


def horizons(source: Source) -> list[int]:
    """Return the lengths of the outcomes that the rows of a table are for, in order."""
    if "horizon_days" not in source.table.columns:
        return []
    series = source.table["horizon_days"]
    if not len(series) or series.is_null().all():
        return []
    if _columns.family(series) != "number":
        raise ColumnError(
            f"{source.caller}: column 'horizon_days' of {source.argument} holds "
            f"{_columns.describe(series)}, not days. Hand over whole numbers."
        )
    values = _columns.numbers(series)
    return sorted({int(value) for value in values[~np.isnan(values)]})


def fit(read: dict[str, Any], caller: str, *, quiet: bool = False) -> Design:
    """Choose how each feature becomes columns; useless ones are left out and said."""
    kept: list[str] = []
    dropped: dict[str, list[str]] = {"all null": [], "the same everywhere": []}
    for name, values in read.items():
        lost = unknown(values)
        known = values[~lost]
        if not len(known):
            dropped["all null"].append(name)
        elif len(set(known.tolist())) == 1 and not lost.any():
            dropped["the same everywhere"].append(name)
        else:
            kept.append(name)
    twins = _twins(_plain(read, kept), read)
    dropped["nearly the same as another"] = [name for name in kept if name in twins]
    kept = [name for name in kept if name not in twins]
    for why, names in dropped.items():
        if names and not quiet:
            _checks.warn(f"{caller}: left out of features: {', '.join(names)} ({why}).")
    if not kept:
        raise DataError(f"{caller}: features has no column that differs between rows.")
    plain = _plain(read, kept)
    filled = plain.matrix(read)
    spread = filled.std(axis=0)
    return Design(
        plain.features, plain.levels, plain.logged, plain.fill, plain.unknown,
        tuple(filled.mean(axis=0).tolist()), tuple(np.where(spread > 0, spread, 1.0).tolist()),
    )  # fmt: skip


def _plain(read: dict[str, Any], names: list[str]) -> Design:
    """Return columns as they are, neither centred nor scaled."""
    parts = [_one(read[name]) for name in names]
    return Design(
        tuple(names), tuple(part[0] for part in parts), tuple(part[1] for part in parts),
        tuple(part[2] for part in parts), tuple(part[3] for part in parts), (0.0,), (1.0,),
    )  # fmt: skip


def _twins(plain: Design, read: dict[str, Any]) -> set[str]:
    """Return numbers that move with an earlier one: they would share its effect by chance."""
    whole = plain.matrix(read)
    first = np.flatnonzero(np.append(True, np.diff(plain.owner) > 0)[: len(plain.owner)])
    numbers = [k for k, levels in enumerate(plain.levels) if not levels]
    if len(numbers) < 2 or len(whole) < 2:
        return set()
    with np.errstate(divide="ignore", invalid="ignore"):
        together = np.abs(np.corrcoef(whole[:, first[numbers]], rowvar=False))
    found: list[int] = []
    for place in range(len(numbers)):
        earlier = [k for k in range(place) if k not in found]
        if earlier and np.nanmax(together[place, earlier], initial=0.0) > _TWINS:
            found.append(place)
    return {plain.features[numbers[place]] for place in found}


def unknown(values: Any) -> Any:
    """Mark values that are not known."""
    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return np.isnan(values)


def _one(values: Any) -> tuple[tuple[str, ...], bool, float, bool]:
    """Return levels, whether logged, the median and whether unknown has a column."""
    lost = unknown(values)
    known = values[~lost]
    if values.dtype == object:
        names, times = np.unique(known.astype(str), return_counts=True)
        common = names[times >= max(_RARE * len(values), 2)]
        levels = common if len(common) < len(names) or lost.any() else common[1:]
        return tuple(levels.tolist() or [names[0]]), False, 0.0, False
    spread = known.std()
    skew = float((((known - known.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0
    logged = bool(known.min() >= 0 and skew > _SKEWED)
    return (), logged, float(np.median(known)), bool(lost.any())


def refuse_identifiers(read: dict[str, Any], owner: Ints, caller: str) -> None:
    """Refuse columns that name customers: a model would learn the rows by heart."""
    n_customers = len(np.unique(owner))
    if n_customers < _MANY:
        return
    for name, values in read.items():
        known = ~unknown(values)
        if name in OWN or np.count_nonzero(known) < _MANY:
            continue
        different = len(set(values[known].tolist()))
        pairs = len(set(zip(owner[known].tolist(), values[known].tolist(), strict=True)))
        if pairs > n_customers:
            continue  # it changes from row to row of a customer
        text = values.dtype == object
        whole = not text and bool((values[known] == np.floor(values[known])).all())
        every = different >= 0.95 * n_customers if text else different >= n_customers
        steps = whole and np.ptp(values[known]) <= 1.1 * n_customers  # numbered through
        if every and (text or steps):
            raise ColumnError(
                f"{caller}: column {name!r} of features has another value for nearly every "
                "customer: it names customers and tells nothing of new ones. Leave it out."
            )


def refuse_leaks(read: dict[str, Any], label: Ints, caller: str) -> None:
    """Refuse a single feature that is the label under another name."""
    for name, values in read.items():
        lost = unknown(values)
        numbers = values
        if values.dtype == object:
            _, codes = np.unique([str(v) for v in values], return_inverse=True)
            share = np.bincount(codes, label) / np.bincount(codes)
            numbers = share[codes]
            if len(share) > min(_MANY, len(label) / 10):
                continue  # so many values tell any label apart
        # being unknown can tell as well, as a day of leaving that only those have who left
        found = [_auc(numbers[~lost], label[~lost]), _auc(lost.astype(float), label)]
        auc = max((max(each, 1 - each) for each in found if each is not None), default=0.5)
        if auc > _LEAK:
            raise DataError(
                f"{caller}: column {name!r} of features tells the label nearly by itself (AUC "
                f"{auc:.3f}): it was probably made from what happened after the cutoff. Leave it "
                "out."
            )


def _auc(score: Floats, label: Ints) -> float | None:
    from scipy.stats import rankdata

    n1 = int(label.sum())
    n0 = len(label) - n1
    if not n1 or not n0:
        return None
    return float((rankdata(score)[label == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
