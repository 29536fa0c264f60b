"""Answers to a survey: read and judged at the door, counted by group, with or without weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmlytics import _checks, _columns, _frame, _intervals
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import DataError

# Pseudo-answers: three, divided 1 : 2 : 1, for one NPS (Rocks 2016), and half of them for each of
# two that are compared, as Agresti and Caffo (2000) divide theirs.
TRIPLES = np.array([0.75, 1.5, 0.75])
SIGNS = np.array([-1.0, 0.0, 1.0])  # what a detractor, a passive and a promoter add to the NPS
_MANY = 20  # answers from which their highest says something about the scale


@dataclass(frozen=True)
class Answers:
    """The rows of a survey with a known score."""

    source: Source
    rows: Ints | None  # None means all, so that nothing need be copied
    score: NDArray[np.int8]
    weight: Floats | None

    def of(self, values: Any) -> Any:
        """Return the entries of these rows."""
        return values if self.rows is None else values[self.rows]

    def missing(self, groups: Any, size: int) -> Ints:
        """Count the rows without a score in each group, given the group of every row."""
        if self.rows is None:
            return np.zeros(size, dtype=np.int64)
        known = np.bincount(groups[self.rows], minlength=size)
        return np.asarray(np.bincount(groups, minlength=size) - known, dtype=np.int64)

    def latest(self, groups: Any, size: int) -> "Answers":
        """Keep the last answer of each customer in each group; of a tie the lowest score.

        Among equal scores the largest weight stays, so that the order of rows is nothing.
        """
        keys = self.source.keys("customer")
        who = self.of(groups) * max(keys.size, 1) + self.of(keys.codes)
        n_cells = size * max(keys.size, 1)
        if n_cells > 4 * len(who) + 1_000_000:
            some, who = np.unique(who, return_inverse=True)
            n_cells = len(some)
        moments, _ = _columns.instants(self.source.column("date"))
        when = self.of(moments.values)
        last = np.full(n_cells, np.iinfo(np.int64).min)
        np.maximum.at(last, who, when)
        at = np.flatnonzero(when == last[who])
        low = np.full(n_cells, np.iinfo(np.int64).max)
        np.minimum.at(low, who[at], self.score[at])
        at = at[self.score[at] == low[who[at]]]
        if self.weight is not None:
            most = np.full(n_cells, -1.0)
            np.maximum.at(most, who[at], self.weight[at])
            at = at[self.weight[at] == most[who[at]]]
        one = np.full(n_cells, -1)
        one[who[at]] = at  # those left of one customer are equal in all that counts
        kept = one[one >= 0]
        weight = None if self.weight is None else self.weight[kept]
        rows = kept if self.rows is None else self.rows[kept]
        return Answers(self.source, rows, self.score[kept], weight)


@dataclass(frozen=True)
class Counts:
    """Answers by group and class of answer, one row a group."""

    answers: Ints
    weights: Floats
    squares: Floats  # of the weights
    weighted: bool

    @property
    def n(self) -> Ints:
        return np.asarray(self.answers.sum(axis=1), dtype=np.int64)

    def shares(self) -> Floats:
        """Return the share of each class; NaN where there is no answer, or none with a weight."""
        total = self.weights.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(total > 0, self.weights / total, np.nan)

    def effective(self, values: Floats, pseudo: Floats) -> Floats:
        """Return how many answers of equal weight would tell the mean of `values` as exactly.

        From the linearised variance of a weighted mean, sum(w^2 (x - mean)^2) / sum(w)^2, with
        `pseudo` answers of each class beside those there are, which keep it above 0 where all are
        alike. Never more than there are. Without weights it is the number of answers.
        """
        if not self.weighted:
            return self.n.astype(np.float64)
        total = self.weights.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = total / self.squares.sum(axis=1)
        kish = scale * total  # Kish 1965, section 11.7
        more = pseudo.sum()
        weights = scale[:, None] * self.weights + pseudo
        mean = weights @ values / (kish + more)
        distance = (values - mean[:, None]) ** 2
        own = scale[:, None] ** 2 * self.squares + pseudo
        with np.errstate(invalid="ignore"):
            ratio = (weights * distance).sum(axis=1) / (own * distance).sum(axis=1)
            found = np.minimum((kish + more) * ratio - more, self.n)
        return np.where(total > 0, found, 0.0)


def count(answers: Answers, groups: Any, size: int, kinds: Any, n_kinds: int) -> Counts:
    """Count answers by group and kind, and add up their weights, from codes of either."""
    cells, shape = groups * n_kinds + kinds, (size, n_kinds)
    n = np.bincount(cells, minlength=size * n_kinds).reshape(shape)
    if answers.weight is None:
        return Counts(n, n.astype(np.float64), n.astype(np.float64), weighted=False)
    # weights count up to a factor, and squares of tiny or huge ones are beyond what floats hold
    weight = answers.weight / (answers.weight.max(initial=0.0) or 1.0)
    weights, squares = (
        np.bincount(cells, each, size * n_kinds).reshape(shape).astype(np.float64)
        for each in (weight, weight**2)
    )
    return Counts(n, weights, squares, weighted=True)


def roles(
    repeats: Any,
    caller: str,
    score_col: str,
    weights_col: str | None,
    customer_col: str,
    date_col: str,
) -> dict[str, str | None]:
    """Return the columns to read: who and when only where the last answer is wanted."""
    _checks.choice(repeats, ("keep", "last"), name="repeats", caller=caller)
    columns: dict[str, str | None] = {"score_col": score_col, "weights_col": weights_col}
    if repeats == "last":
        columns |= {"customer_col": customer_col, "date_col": date_col}
    return columns


def read(
    table: Any,
    *,
    caller: str,
    argument: str,
    low: int,
    high: int,
    advice: str,
    by: Any,
    result: tuple[str, ...],
    roles: dict[str, str | None],
    doubt: str = "high",
) -> Answers:
    """Read a survey with whole scores from `low` to `high`; null is no answer.

    `doubt` is the end of the scale that a survey of many answers is expected to come near.
    """
    source = _frame.read(
        table, caller=caller, argument=argument, roles=roles, optional=("weights_col",), by=by,
        result=result,
    )  # fmt: skip
    rows, score = _scores(source, low, high, advice)
    _doubt(source, score, low, high, doubt)
    return Answers(source, rows, score, _weights(source, rows, len(score)))


def _scores(
    source: Source, low: int, high: int, advice: str
) -> tuple[Ints | None, NDArray[np.int8]]:
    """Return the rows with a score, and their scores; refuse those that the scale does not have."""
    values, rows = source.numbers("score"), None
    unknown = np.isnan(values)
    if unknown.any():
        rows = np.flatnonzero(~unknown)
        values = values[rows]
    if len(values) and low <= values.min() and values.max() <= high:
        score = values.astype(np.int8)
        if np.array_equal(score, values):
            return rows, score
    wrong = values[(values < low) | (values > high) | (values != np.floor(values))]
    if len(wrong):
        # the farthest from the scale, so that the example does not depend on the order of rows
        example = wrong[np.lexsort((wrong, -np.abs(wrong - (low + high) / 2)))[0]]
        raise DataError(
            f"{source.caller}: {len(wrong)} of {source.n_rows} values of "
            f"{source.names['score']!r} (score_col) are no whole numbers from {low} to {high}, "
            f"such as {example:g}. {advice}"
        )
    return rows, np.zeros(0, dtype=np.int8)


def _doubt(source: Source, score: NDArray[np.int8], low: int, high: int, end: str) -> None:
    """Say so where many answers never come near an end of the scale, as of a shorter scale."""
    if len(score) < _MANY or high < 5:
        return
    seen = int(score.max() if end == "high" else score.min())
    near = 5 if low == 0 else high - 2  # scores of five stars, taken for 0 to 10, are all below
    if (seen > near) if end == "high" else (seen < low + high - near):
        return
    _checks.warn(
        f"{source.caller}: none of {len(score)} values of {source.names['score']!r} (score_col) is "
        f"{'above' if end == 'high' else 'below'} {seen}, though the scale goes "
        f"{'up' if end == 'high' else 'down'} to {high if end == 'high' else low}. Make sure that "
        "the survey's does, too."
    )


def _weights(source: Source, rows: Ints | None, n: int) -> Floats | None:
    """Return the weights of the answers; refuse what cannot weigh."""
    if "weights" not in source.names:
        return None
    weights = source.numbers("weights")
    weights = weights if rows is None else weights[rows]
    where = f"values of {source.names['weights']!r} (weights_col)"
    unknown, negative = int(np.isnan(weights).sum()), int((weights < 0).sum())
    if unknown:
        raise DataError(
            f"{source.caller}: {unknown} of {n} {where} are null where there is a score. "
            "Give every answer a weight, 1 where it is as good as any other."
        )
    if negative:
        raise DataError(
            f"{source.caller}: {negative} of {n} {where} are negative, the lowest "
            f"{weights.min():g}. An answer that is not to count has the weight 0."
        )
    if n and not weights.any():
        raise DataError(
            f"{source.caller}: all {n} {where} are 0, so that no answer counts. Give some "
            "a weight above 0."
        )
    return weights


def adjusted(
    promoters: Floats, detractors: Floats, n: Floats, triples: Floats
) -> tuple[Floats, Floats]:
    """Return mean and variance of an NPS (-1 to 1) from shares, with pseudo-answers added.

    var = (p + d - (p - d)^2) / n, as of the multinomial; without pseudo-answers that of Wald.
    """
    more = triples.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        p = (promoters * n + triples[2]) / (n + more)
        d = (detractors * n + triples[0]) / (n + more)
        # below 0 by a last bit where all are alike and nothing is added
        return p - d, np.maximum(p + d - (p - d) ** 2, 0.0) / (n + more)


def two_sided(z: Floats) -> Floats:
    """Return the p-value of a normal statistic."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(z)), dtype=np.float64)


def classes(score: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return 0 for a detractor, 1 for a passive and 2 for a promoter."""
    return np.add(score >= 7, score >= 9, dtype=np.int8)


def bounds(
    value: Floats, mean: Floats, variance: Floats, level: float, most: float = 1.0
) -> tuple[Floats, Floats]:
    """Return the interval around `mean`, within what is possible, with the value itself in it."""
    half = _intervals.z_value(level) * np.sqrt(variance)
    lower = np.minimum(np.maximum(mean - half, -most), value)
    return lower, np.maximum(np.minimum(mean + half, most), value)
