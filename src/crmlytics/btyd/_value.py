"""What a customer is worth: purchases and spend together, with the interval of their product.

Given n purchases, what a customer will spend is (v + x m) times a beta prime variable with shapes
p n and p x + q (Fader and Hardie 2013, from the gamma posterior of the customer's rate of spend):
its distribution is exact, and so is the mixture over the exact distribution of n. Quantiles are
read off a grid, good to about three digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crmlytics._columns import Floats, Ints
from crmlytics.btyd import _counts
from crmlytics.btyd._counts import Future

_SINGLE = 32  # counts up to this are told apart; larger ones are taken together in classes
_GROWTH = 1.04
_HEAVY = 50.0
_LEAST = 1e-5  # chances of so many purchases do not move a quantile
_GRID_STEP = 0.05  # of the logarithm of spend
_ROWS = 4_096


@dataclass(frozen=True)
class Spend:
    """What is known of each customer's spend: shape p x + q and scale v + x m of the posterior."""

    p: float
    shape: Floats
    scale: Floats

    @property
    def mean(self) -> Floats:
        """Expected spend per purchase."""
        return self.p * self.scale / (self.shape - 1)


def interval(future: Future, spend: Spend, t: float, confidence: float) -> tuple[Floats, Floats]:
    """Return the quantiles of what each customer will spend until t, at both sides."""
    side = (1 - confidence) / 2
    alive = np.maximum(future.p_alive, 1e-300)
    levels = np.stack([(1 - side) / alive, side / alive])
    bounds = np.zeros((2, len(alive)))
    mean = future.process.expected(t)
    for shape in np.unique(spend.shape):
        rows = np.flatnonzero(spend.shape == shape)
        part = Future(future.process, future.place[rows], future.p_alive[rows])
        for counted in _counted(part, t, mean, side):
            here = rows[counted.rows]
            _read_off(counted, spend.p, float(shape), levels[:, here], bounds, here)
    bounds *= spend.scale
    return bounds[0], bounds[1]


@dataclass(frozen=True)
class _Counted:
    """Chances of classes of counts, a line a class, a column a process."""

    counts: Floats  # a number that stands for the class
    chance: Floats
    rows: Ints
    column: Ints


def _counted(future: Future, t: float, mean: Floats, side: float) -> Iterator[_Counted]:
    used = np.unique(future.place)
    light, heavy = used[mean[used] <= _HEAVY], used[mean[used] > _HEAVY]
    for table in _counts.tables(future, t, min(_LEAST, side / 10), pick=light):
        edges = _edges(len(table.tails))
        # more than the last count is what lies beyond it, too small to tell apart
        beyond = np.concatenate([table.tails[edges], np.zeros((1, table.tails.shape[1]))])
        yield _Counted(
            _middles(edges, len(table.tails)), beyond[:-1] - beyond[1:], table.rows, table.column
        )
    heavy = heavy[np.argsort(mean[heavy], kind="stable")]  # classes fit those of like mean
    for at in range(0, len(heavy), 256):
        yield _heavy(future, t, heavy[at : at + 256], mean)


def _heavy(future: Future, t: float, chosen: Ints, mean: Floats) -> _Counted:
    """Take counts in classes that grow with the count, far enough to miss nothing."""
    process = future.process.take(chosen)
    end = int(1.5 * mean[chosen].max() + 50)
    while float(process.tail(end, t).max()) > _LEAST:
        end = int(1.3 * end)
    edges = _wide_edges(float(mean[chosen].min()), end)
    tails = np.stack([process.tail(int(edge), t) for edge in edges])
    tails = np.concatenate([tails, np.zeros((1, len(chosen)))])
    position = np.full(len(future.process), -1, dtype=np.int64)
    position[chosen] = np.arange(len(chosen))
    rows = np.flatnonzero(position[future.place] >= 0)
    return _Counted(
        _middles(edges, end), tails[:-1] - tails[1:], rows, position[future.place[rows]]
    )


def _wide_edges(mean: float, end: int) -> Ints:
    """Return edges of classes that are narrow where most counts lie, and double below."""
    start = max(mean / 3, 1.0)
    grown = start * _GROWTH ** np.arange(int(np.log(end / start) / np.log(_GROWTH)) + 1)
    doubled = 2.0 ** np.arange(int(np.log2(start)) + 1) - 1
    return np.unique(np.concatenate([doubled, np.floor(grown)]).astype(np.int64))


def _edges(n_lines: int) -> Ints:
    """Return the counts k such that a class is "more than k, up to the next k"."""
    single = np.arange(min(n_lines, _SINGLE))
    if n_lines <= _SINGLE:
        return single
    grown = int(np.ceil(np.log(n_lines / _SINGLE) / np.log(_GROWTH))) + 1
    classes = np.floor(_SINGLE * _GROWTH ** np.arange(grown)).astype(np.int64)
    return np.unique(np.concatenate([single, classes[classes < n_lines]]))


def _middles(edges: Ints, n_lines: int) -> Floats:
    after = np.append(edges[1:], max(n_lines, int(edges[-1]) + 1))
    return np.asarray((edges + 1 + after) / 2.0, dtype=np.float64)


def _read_off(
    counted: _Counted, p: float, shape: float, levels: Floats, bounds: Floats, here: Ints
) -> None:
    """Find where the probability of spending more falls to each customer's level."""
    from scipy.special import betainc, ndtri

    base = p / shape
    low, high = np.log(base * 1e-4), np.log(base * counted.counts[-1] * 2e3)
    grid = np.arange(low, high, _GRID_STEP)
    more = betainc(shape, p * counted.counts[:, None], 1 / (1 + np.exp(grid)))
    exceeded = counted.chance.T @ more  # of a living customer, a line a process
    buys = counted.chance.sum(axis=0)
    # nearly linear in the logarithm of spend
    with np.errstate(divide="ignore", invalid="ignore"):
        normal = ndtri(np.clip(exceeded / buys[:, None], 1e-300, 1 - 1e-16))
    for at in range(0, len(here), _ROWS):
        column = counted.column[at : at + _ROWS]
        for bound, level in zip(bounds, levels[:, at : at + _ROWS], strict=True):
            spends = np.flatnonzero(level < buys[column])
            if not len(spends):
                continue
            lines = normal[column[spends]]
            wanted = ndtri(np.clip(level[spends] / buys[column[spends]], 1e-300, 1 - 1e-16))
            after = np.clip((lines > wanted[:, None]).sum(axis=1), 1, len(grid) - 1)
            each = np.arange(len(spends))
            left, right = lines[each, after - 1], lines[each, after]
            share = np.clip((left - wanted) / np.maximum(left - right, 1e-300), 0.0, 1.0)
            bound[here[at : at + _ROWS][spends]] = np.exp(grid[after - 1] + share * _GRID_STEP)


def discounted(future: Future, t: float, discount_rate: float) -> tuple[Floats, Any]:
    """Return expected purchases until t, discounted, and what discounting makes of each."""
    plain = future.process.expected(t)
    if discount_rate == 0.0:
        return future.p_alive * plain[future.place], 1.0
    lessened = future.process.discounted(t, discount_rate)
    ratio = np.where(plain > 0, lessened / np.where(plain > 0, plain, 1.0), 1.0)
    return future.p_alive * lessened[future.place], ratio[future.place]


def with_rows(future: Future, rows: Ints) -> Future:
    """Return the future of some rows, which may repeat."""
    return replace(future, place=future.place[rows], p_alive=future.p_alive[rows])
