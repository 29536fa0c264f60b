"""Life tables of groups: survival, medians, means, and how far groups differ."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from crmlytics import _codes, _result
from crmlytics._columns import Bools, Floats, Ints

_CELLS = 4_000_000  # numbers held at once while groups are compared


@dataclass(frozen=True)
class LifeTable:
    """Who was at risk and who left, a row a group and tenure; `starts` are the rows of groups."""

    group: Ints
    tenure: Ints
    at_risk: Ints
    churned: Ints
    censored: Ints
    starts: Ints

    def survival(self) -> tuple[Floats, Floats]:
        """Return S and Greenwood's variance of ln S."""
        with np.errstate(divide="ignore"):
            each = self.churned / (self.at_risk * (self.at_risk - self.churned))
        left = 1 - self.churned / self.at_risk
        parts = [slice(*pair) for pair in pairwise(self.starts.tolist())]
        survival = np.concatenate([np.cumprod(left[part]) for part in parts])
        return survival, np.concatenate([np.cumsum(each[part]) for part in parts])

    def first_at_half(self, curve: Floats) -> Any:
        """Return the first tenure of each group at which the curve is one half or below."""
        return _result.column(*self.first_at(curve, 0.5))

    def first_at(self, curve: Floats, level: float) -> tuple[Ints, Bools]:
        """Return the first tenure of each group at which the curve is so low, and who has one."""
        # products of shares that make one half exactly may miss it by the last bits
        at = np.flatnonzero(curve <= level + 1e-12)
        groups, first = np.unique(self.group[at], return_index=True)
        days = np.zeros(len(self.starts) - 1, dtype=np.int64)
        days[groups] = self.tenure[at[first]]
        known = np.zeros(len(days), dtype=bool)
        known[groups] = True
        return days, known

    def restricted_mean(self, survival: Floats, horizon: int) -> tuple[Floats, Floats]:
        """Return the area under each curve up to the horizon, and its standard error."""
        size = len(self.starts) - 1
        mean, error = np.full(size, np.nan), np.full(size, np.nan)
        for k in range(size):
            part = slice(self.starts[k], self.starts[k + 1])
            tenure, s = self.tenure[part], survival[part]
            if tenure[-1] < horizon and s[-1] > 0:
                continue
            until = np.minimum(np.append(tenure[1:], max(horizon, int(tenure[-1]))), horizon)
            beyond = np.cumsum((s * np.maximum(until - tenure, 0))[::-1])[::-1]
            mean[k] = beyond[0]
            n, d = self.at_risk[part], self.churned[part]
            # what lies beyond t after t itself; where nobody is left the area is 0
            with np.errstate(divide="ignore", invalid="ignore"):
                terms = np.where(beyond > 0, beyond**2 * d / (n * (n - d)), 0.0)
            error[k] = np.sqrt(terms[tenure < horizon].sum())
        return mean, error


def life_table(codes: Ints, size: int, tenure: Ints, churned: Bools) -> LifeTable:
    """Count the spells of each group by tenure: where somebody left, at 0 and at the longest."""
    span = int(tenure.max()) + 1
    marks = np.sort((codes * span + tenure) * 2 + churned)  # one sort tells both
    keys = marks >> 1
    lost, times = _times(keys[(marks & 1).astype(bool)])
    ends = np.searchsorted(keys, (np.arange(size) + 1) * span)
    rows = _codes.sorted_distinct(np.concatenate([np.arange(size) * span, lost, keys[ends - 1]]))
    group = rows // span
    at_risk = ends[group] - np.searchsorted(keys, rows)
    d = np.zeros(len(rows), dtype=np.int64)
    d[np.searchsorted(rows, lost)] = times
    starts = np.searchsorted(group, np.arange(size + 1))
    then = np.append(at_risk[1:], 0)
    then[starts[1:] - 1] = 0
    return LifeTable(group, rows % span, at_risk, d, at_risk - d - then, starts)


def _times(ordered: Ints) -> tuple[Ints, Ints]:
    """Return the different values of an ascending array, and how often each is there."""
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def bounds(survival: Floats, variance: Floats, z: float) -> tuple[Floats, Floats]:
    """Interval on the scale of ln(-ln S); NaN where S is 0 or 1."""
    inside = (survival > 0) & (survival < 1)
    log = np.log(np.where(inside, survival, 0.5))
    wide = z * np.sqrt(np.where(inside, variance, 0.0)) / -log
    with np.errstate(over="ignore"):
        lower, upper = np.exp(log * np.exp(wide)), np.exp(log * np.exp(-wide))
    return np.where(inside, lower, np.nan), np.where(inside, upper, np.nan)


@dataclass(frozen=True)
class LogRank:
    """Who was expected to leave in each group, and the test; chi2 is None where there is none."""

    expected: Floats
    chi2: float | None
    degrees_of_freedom: int


def log_rank(codes: Ints, size: int, tenure: Ints, churned: Bools) -> LogRank:
    """Compare the groups at each tenure at which somebody left (Mantel 1966)."""
    times, lost = _times(np.sort(tenure[churned]))
    span = int(tenure.max(initial=0)) + 1
    ordered = np.sort(codes * span + tenure)
    ends = np.searchsorted(ordered, np.arange(1, size) * span)
    own = [part - k * span for k, part in enumerate(np.split(ordered, ends))]
    expected, covariance = np.zeros(size), np.zeros((size, size))
    # times in seconds are as many as spells: a table of all of them by group would not fit
    step = max(_CELLS // size, 1)
    for part in (slice(at, at + step) for at in range(0, len(times), step)):
        risk = np.column_stack([len(each) - np.searchsorted(each, times[part]) for each in own])
        n, d = risk.sum(axis=1), lost[part]
        share = risk / n[:, None]
        expected += d @ share
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(n > 1, d * (n - d) / (n - 1), 0.0)
        covariance += np.diag(weight @ share) - (share * weight[:, None]).T @ share
    # who is compared at all is compared at the first loss, unless everybody left there: the rows
    # of these groups add up to 0, so one of them goes, and the others are independent
    first = times[:1].sum()
    there = np.array([bool(len(each)) and each[-1] >= first for each in own])
    compared = np.flatnonzero(there)[1:]
    if not len(times) or lost[0] == np.count_nonzero(tenure >= first) or not len(compared):
        return LogRank(expected, None, 0)
    excess = (np.bincount(codes[churned], minlength=size) - expected)[compared]
    chi2 = float(excess @ np.linalg.solve(covariance[np.ix_(compared, compared)], excess))
    return LogRank(expected, chi2, len(compared))
