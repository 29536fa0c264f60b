"""From columns of a table of customers to places whose distances mean something."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _checks, _columns, _frame, _result, _sentences
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError

_IQR = 1.3489795003921634  # of a normal distribution, in standard deviations
_SKEWED = 1.0
_EDGE = 4.0  # robust standard deviations beyond which a value counts as this far out
_FARTHEST = 1e100  # squares stay numbers
_RARE = 0.01  # share of rows from which on a category is told from the others
_MOST_LEVELS = 50
_IDS_FROM = 50  # rows from which on a text of its own in nearly every row is taken for an id
OTHER, UNKNOWN = "other", "unknown"


@dataclass(frozen=True)
class Design:
    """How each feature becomes columns; plain values, so that a model can be kept."""

    features: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]  # of categories; empty for numbers
    shapes: tuple[str, ...]  # "plain", "log1p" or "asinh", before numbers are used
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    gamma: float  # squared distance of two different categories

    @property
    def widths(self) -> list[int]:
        """How many columns each feature has; a category two more than it has levels."""
        return [len(levels) + 2 if levels else 1 for levels in self.levels]

    @property
    def owner(self) -> Ints:
        """The feature of each column."""
        return np.repeat(np.arange(len(self.features)), self.widths)

    @property
    def blocks(self) -> list[slice]:
        """The columns of each category."""
        ends = np.cumsum(self.widths)
        parts = zip(self.levels, ends.tolist(), self.widths, strict=True)
        return [slice(end - width, end) for levels, end, width in parts if levels]

    @property
    def numeric(self) -> Bools:
        """Mark the columns of numbers."""
        return np.repeat([not levels for levels in self.levels], self.widths).astype(bool)

    def matrix(self, read: Mapping[str, Any]) -> Floats:
        """Return one row a customer: numbers in robust deviations, categories as marks.

        Unknown numbers lie at the median. Squared distances of marks are `gamma` where categories
        differ.
        """
        n = len(next(iter(read.values())))
        parts: list[Floats] = []
        for k, (name, levels) in enumerate(zip(self.features, self.levels, strict=True)):
            size = np.sqrt(self.weights[k])
            if not levels:
                parts.append(size * self._placed(k, read[name])[:, None])
                continue
            marks = np.zeros((n, len(levels) + 2))
            marks[np.arange(n), codes(read[name], levels)] = size * np.sqrt(self.gamma / 2)
            parts.append(marks)
        return np.hstack(parts)

    def _placed(self, k: int, values: Floats) -> Floats:
        logged = self.shapes[k] == "log1p"
        z = (_log1p(values) if logged else values) - self.centre[k]
        z = np.where(np.isnan(z), 0.0, np.clip(z / self.scale[k], -_FARTHEST, _FARTHEST))
        return np.arcsinh(z) if self.shapes[k] == "asinh" else z

    def edges(self) -> Floats:
        """Return how far out a value of each column counts, at most."""
        size = np.sqrt(np.asarray(self.weights))[self.owner]
        return np.where(self.numeric, _EDGE * size, np.inf)

    def kept_in(self, matrix: Floats) -> Floats:
        """Return the rows with values far out drawn in, so that a few draw no centre to them."""
        edges = self.edges()
        return np.clip(matrix, -edges, edges)


def _log1p(values: Floats) -> Floats:
    return np.log1p(np.maximum(values, 0.0))


def codes(texts: Any, levels: tuple[str, ...]) -> Ints:
    """Return the place of each text among the levels; other ones, and unknown ones, come after."""
    found = pc.index_in(texts, value_set=pa.array(levels, pa.string()))
    places = np.asarray(pc.fill_null(found, len(levels)).to_numpy(zero_copy_only=False))
    lost = np.asarray(pc.is_null(texts).to_numpy(zero_copy_only=False))
    return np.where(lost, len(levels) + 1, places).astype(np.int64)


def names_of(levels: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the columns of a category are called."""
    return (*levels, OTHER, UNKNOWN)


def open_features(customers: Any, features: Any, caller: str, argument: str) -> Source:
    """Open a table that has all the features, whatever they hold."""
    names = _checks.columns(features, name="features", caller=caller)
    if not names:
        raise OptionError(
            f"{caller}: features names no column. Name columns of numbers, True or False or text."
        )
    return _frame.read(
        customers, caller=caller, argument=argument, roles={}, features=names, strict=False
    )


def read_features(source: Source) -> dict[str, Any]:
    """Return numbers as floats, and True or False and text as Arrow text."""
    read: dict[str, Any] = {}
    for role, name in source.names.items():
        if not role.startswith("feature_"):
            continue
        series = source.column(role)
        family = _columns.family(series) if source.n_rows else "number"
        if source.n_rows and _columns.null_count(series) == source.n_rows:
            read[name] = np.full(source.n_rows, np.nan)
        elif family == "number":
            values = source.numbers(role) if source.n_rows else np.zeros(0)
            infinite = int((np.abs(values) > _columns.ENDLESS).sum())
            if infinite:
                where = f"column {name!r} (features) of {source.argument}"
                raise DataError(_sentences.infinite(source, where, infinite))
            read[name] = values
        elif family in {"text", "flag"}:
            held = _result.ids(series)
            held = held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held
            if family == "flag":  # pyarrow writes them small
                held = pc.utf8_capitalize(held.cast(pa.bool_()).cast(pa.string()))
            read[name] = held.cast(pa.string())
        else:
            raise ColumnError(
                f"{source.caller}: column {name!r} (features) of {source.argument} holds "
                f"{_columns.describe(series)}, not numbers, True or False or text. Make dates "
                "days before a day, or leave the column out."
            )
    return read


def useless(read: Mapping[str, Any]) -> dict[str, str]:
    """Return the features that tell nothing, and why."""
    found: dict[str, str] = {}
    for name, values in read.items():
        known = _known(values)
        if not len(known):
            found[name] = "all null"
        elif _alike(values, known):
            found[name] = "the same everywhere"
    return found


def fit_design(
    read: Mapping[str, Any], *, weights: Mapping[str, float], gamma: float, caller: str
) -> Design:
    """Choose how each feature becomes columns."""
    kept: list[tuple[Any, ...]] = []
    for name, values in read.items():
        made = _category(name, values, caller) if _is_text(values) else _number(_known(values))
        kept.append((name, *made, float(weights.get(name, 1.0))))
    told, levels, shapes, centre, scale, sizes = (tuple(part) for part in zip(*kept, strict=True))
    return Design(told, levels, shapes, centre, scale, sizes, gamma)


def _is_text(values: Any) -> bool:
    return isinstance(values, pa.Array)


def _known(values: Any) -> Any:
    return values.drop_null() if _is_text(values) else values[~np.isnan(values)]


def _alike(values: Any, known: Any) -> bool:
    if _is_text(values):
        return len(pc.unique(values)) == 1
    return bool(known.min() == known.max())


def _number(known: Floats) -> tuple[tuple[str, ...], str, float, float]:
    """Return levels (none), shape, centre and scale of a column of numbers."""
    values = np.sort(known)  # sums of floats depend on their order
    with np.errstate(over="ignore", invalid="ignore"):
        spread = values.std()
        skew = float((((values - values.mean()) / spread) ** 3).mean())
    shape = "plain"
    if not np.isfinite(skew) or abs(skew) > _SKEWED:
        shape = "log1p" if values[0] >= 0 else "asinh"
    placed = _log1p(values) if shape == "log1p" else values
    low, centre, high = np.quantile(placed, [0.25, 0.5, 0.75]).tolist()
    robust = (high - low) / _IQR
    if robust > 0:  # mostly one value, as 0, must not make the others a world of their own
        inside = np.clip(placed, centre - _EDGE * robust, centre + _EDGE * robust)
        scale = max(robust, float(inside.std()))
    else:
        scale = float(placed.std())
    return (), shape, centre, scale if scale > 0 else 1.0


def _category(name: str, values: Any, caller: str) -> tuple[tuple[str, ...], str, float, float]:
    """Return the levels of a category; rare ones are not told apart."""
    n, known = len(values), values.drop_null()
    counted = pc.value_counts(known)
    texts, times = counted.field("values").to_pylist(), counted.field("counts").to_numpy()
    if n >= _IDS_FROM and len(texts) >= 0.95 * n:
        raise ColumnError(
            f"{caller}: column {name!r} (features) has another text in {len(texts)} of {n} rows: "
            "it names customers and groups none. Leave it out."
        )
    order = sorted(range(len(texts)), key=lambda place: (-int(times[place]), texts[place]))
    common = [place for place in order[:_MOST_LEVELS] if times[place] >= _RARE * n]
    return tuple(sorted(texts[place] for place in common or order[:1])), "plain", 0.0, 1.0


def unknown_rows(read: Mapping[str, Any]) -> Bools:
    """Mark the customers of whom no feature is known."""
    lost = [
        np.asarray(pc.is_null(values).to_numpy(zero_copy_only=False))
        if _is_text(values)
        else np.isnan(values)
        for values in read.values()
    ]
    return np.asarray(np.logical_and.reduce(lost))


def canonical(matrix: Floats) -> Ints:
    """Return an order of rows by what they hold, which neither ids nor their order change."""
    return np.lexsort(matrix.T[::-1])
