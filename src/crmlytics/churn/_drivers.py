"""What drivers and deciles are made from, and probabilities of models of purchasing."""

from typing import Any

import numpy as np

from crmlytics._columns import Floats, Ints
from crmlytics.churn._design import Design

BTYD = ("frequency", "recency", "T")


def raw_owner(design: Design) -> Ints:
    """Return the feature of each column of `Design.raw`."""
    return np.repeat(np.arange(len(design.features)), [max(len(each), 1) for each in design.levels])


def direction(values: Any, effect: Floats) -> float:
    """Return the correlation of a feature with its effect; NaN for text."""
    if values.dtype == object:
        return float("nan")
    known = ~np.isnan(values)
    x, y = values[known], effect[known]
    if len(x) < 2 or x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def deciles(p: Floats) -> Ints:
    """Return 1 for the tenth with the highest probabilities; equal ones share the middle."""
    from scipy.stats import rankdata

    if not len(p):
        return np.zeros(0, dtype=np.int64)
    place = (rankdata(-p, method="average") - 0.5) / len(p)
    tenth: Ints = np.minimum((place * 10).astype(np.int64), 9) + 1
    return tenth


def possible(values: Floats, features: tuple[str, ...]) -> Floats:
    """Keep the figures of a customer possible: no recency without repeats, none above the age."""
    place = {name: k for k, name in enumerate(features)}
    x, recency, age = (values[:, place[name]] for name in BTYD)
    values[:, place["T"]] = np.maximum(age, np.where(x > 0, 1.0, 0.0))
    upto = np.minimum(np.maximum(recency, 1.0), values[:, place["T"]])
    values[:, place["recency"]] = np.where(x > 0, upto, 0.0)
    return values


def btyd_probabilities(model: Any, read: dict[str, Any], horizon: int | None) -> Floats:
    """Return the probability of no purchase in the horizon."""
    import pandas as pd

    table = pd.DataFrame({name: np.asarray(read[name], dtype=float) for name in BTYD})
    if not len(table):
        return np.zeros(0)
    found = model.predict(table, horizon=horizon)
    return np.asarray(found["p_no_purchase"], dtype=np.float64)
