"""The table of a clustering, read once: features, design, and points in an order of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks
from crmlytics._columns import Floats
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.segmentation import _cluster_design
from crmlytics.segmentation._cluster_design import Design
from crmlytics.segmentation._cluster_methods import METHODS

_LEAST = 3


@dataclass(frozen=True)
class Table:
    """Customers as points; all parts are in the canonical order of what they hold."""

    source: Source
    read: dict[str, Any]
    design: Design
    matrix: Floats  # as it is
    points: Floats  # with values far out drawn in

    @property
    def n_distinct(self) -> int:
        """Count the points that differ; equal ones stand together."""
        return distinct(self.points)


def distinct(points: Floats) -> int:
    """Count the different rows of points."""
    return len(np.unique(points, axis=0)) if len(points) else 0


def read_table(
    customers: Any, features: Any, *, method: Any, weights: Any, gamma: Any, caller: str
) -> Table:
    """Read the features and lay out the customers by them."""
    way = _checks.choice(method, METHODS, name="method", caller=caller)
    source = _cluster_design.open_features(customers, features, caller, "customers")
    sizes = _weights(weights, list(source.names.values()), caller)
    cost = None if gamma is None else _checks.number(gamma, name="gamma", caller=caller, low=0.0)
    read = _cluster_design.read_features(source)
    read = _useful(read, source)
    design = _cluster_design.fit_design(
        read, weights=sizes, gamma=1.0 if cost is None else cost, caller=caller
    )
    if way == "gmm" and any(design.levels):
        texts = [name for name, each in zip(design.features, design.levels, strict=True) if each]
        raise OptionError(
            f"{caller}: method='gmm' takes numbers, and {texts} of features hold categories. Leave "
            "them out, or use method='kmeans' or 'kprototypes'."
        )
    matrix = design.matrix(read)
    if way == "kprototypes" and cost is None and any(design.levels):
        design = replace(design, gamma=_huang(matrix, design))
        matrix = design.matrix(read)
    order = _cluster_design.canonical(matrix)
    taken = {name: take(values, order) for name, values in read.items()}
    matrix = matrix[order]
    return Table(source, taken, design, matrix, design.kept_in(matrix))


def take(values: Any, rows: Any) -> Any:
    """Return rows of a feature."""
    return values.take(pa.array(rows)) if isinstance(values, pa.Array) else values[rows]


def _huang(matrix: Floats, design: Design) -> float:
    """Half the mean deviation of numbers (Huang 1998, p. 292); 1 where there are none."""
    numbers = design.kept_in(matrix)[:, design.numeric]
    numbers = np.sort(numbers, axis=0)  # sums of floats depend on their order
    return 0.5 * float(numbers.std(axis=0).mean()) if numbers.shape[1] else 1.0


def _weights(given: Any, features: list[str], caller: str) -> dict[str, float]:
    if given is None:
        return {}
    odd = not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given)
    if odd or set(given) - set(features):
        raise OptionError(
            f"{caller}: weights must give features a number, as {{{features[0]!r}: 2}}; got "
            f"{_checks.shown(given)}. Name columns of features."
        )
    name = "weights"
    sizes = {key: _checks.number(v, name=name, caller=caller, low=0.0) for key, v in given.items()}
    nothing = [key for key, size in sizes.items() if size == 0]
    if nothing:
        raise OptionError(
            f"{caller}: weights of {nothing} are 0. Leave these columns out of features."
        )
    return sizes


def _useful(read: dict[str, Any], source: Source) -> dict[str, Any]:
    """Leave out features that tell nothing and customers of whom nothing is known, and say so."""
    whole, caller = source.n_rows, source.caller
    useless: dict[str, str] = {}
    while whole:  # without a feature nothing may be known of a customer, and the other way round
        found = _cluster_design.useless(read)
        useless |= found
        read = {name: values for name, values in read.items() if name not in found}
        lost = _cluster_design.unknown_rows(read) if read else np.zeros(0, dtype=bool)
        if not lost.any():
            break
        known = np.flatnonzero(~lost)
        read = {name: take(values, known) for name, values in read.items()}
    for why in dict.fromkeys(useless.values()):
        names = ", ".join(name for name, each in useless.items() if each == why)
        _checks.warn(f"{caller}: left out of features: {names} ({why}).")
    if not read:
        raise DataError(
            f"{caller}: features has no column that differs between customers. Name others."
        )
    n = len(next(iter(read.values())))
    if n < whole:
        _checks.warn(
            f"{caller}: left out {whole - n} of {whole} customers of whom no feature is known."
        )
    advice = "Customers of whom a feature is known count."
    _checks.at_least(_LEAST, n, "customers", caller, advice)
    gaps = {
        name: int(np.isnan(values).sum())
        for name, values in read.items()
        if not isinstance(values, pa.Array)
    }
    told = ", ".join(f"{count} of {name}" for name, count in gaps.items() if count)
    if told:
        _checks.warn(f"{caller}: unknown values count as the median: {told}.")
    return read


def same_kinds(read: dict[str, Any], design: Design, caller: str, argument: str) -> dict[str, Any]:
    """Return the features if each holds what it held in the fit; only nulls fit either."""
    told = dict(read)
    for name, levels in zip(design.features, design.levels, strict=True):
        values = read[name]
        text = isinstance(values, pa.Array)
        if text is bool(levels):
            continue
        if not text and np.isnan(values).all():
            told[name] = pa.nulls(len(values), pa.string())
            continue
        if text and values.null_count == len(values):
            told[name] = np.full(len(values), np.nan)
            continue
        held = "categories" if levels else "numbers"
        raise ColumnError(
            f"{caller}: column {name!r} of {argument} held {held} when the model was fitted. Make "
            "it as the table of the fit was made."
        )
    return told
