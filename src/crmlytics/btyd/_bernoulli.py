"""The process behind the BG/BB: purchases at opportunities, one after another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Floats
from crmlytics.btyd import _beta
from crmlytics.btyd._process import Process


@dataclass(frozen=True)
class BernoulliProcess(Process):
    """At each opportunity a coin of leaving, chance ~ Beta(ga, de), then one of buying.

    The chance to buy is ~ Beta(al, be). Time counts opportunities.
    """

    al: Floats
    be: Floats
    ga: Floats
    de: Floats

    def _lasting(self, t: int) -> Floats:
        """Return P(alive at 1, 2 ... t), a line each customer."""
        j = np.arange(t, dtype=np.float64)
        steps = (self.de[:, None] + j) / ((self.ga + self.de)[:, None] + j)
        return np.asarray(np.cumprod(steps, axis=1), dtype=np.float64)

    def expected(self, t: float) -> Floats:
        made: Floats = self.al / (self.al + self.be) * self._lasting(int(t)).sum(axis=1)
        return made

    def survival(self, t: Any) -> Floats:
        from scipy.special import betaln

        alive: Floats = np.exp(betaln(self.ga, self.de + t) - betaln(self.ga, self.de))
        return alive

    def discounted(self, t: float, discount_rate: float) -> Floats:
        discount = np.exp(-discount_rate * np.arange(1, int(t) + 1))
        made: Floats = self.al / (self.al + self.be) * (self._lasting(int(t)) @ discount)
        return made

    def residual(self, discount_rate: float) -> Floats:
        """Sum P(alive at j) exp(-rate j) over j = 1, 2 ...: a mean over the chance of leaving."""
        buys = self.al / (self.al + self.be)
        if discount_rate == 0.0:
            lasting = self.ga > 1
            return np.where(lasting, buys * self.de / np.where(lasting, self.ga - 1, 1.0), np.inf)
        # (1 - p) D / (1 - (1 - p) D) = c (1 - p) / (1 + p c) with c = D / (1 - D)
        c = np.full(len(self), 1 / np.expm1(discount_rate))
        return np.asarray(buys * c * _beta.renewals(c, self.ga, self.de), dtype=np.float64)

    def _tails(self, t: int) -> Floats:
        """Return P(more than n purchases until t) for n = 0 ... t, a line for each n.

        A customer is there for exactly i opportunities, i < t, or for all t; of these a
        beta-binomial number are purchases.
        """
        from scipy.special import betaln

        lasting = np.concatenate([np.ones((len(self), 1)), self._lasting(t)], axis=1)
        there = np.concatenate([lasting[:, :-1] - lasting[:, 1:], lasting[:, -1:]], axis=1)
        base = betaln(self.al, self.be)[:, None]
        pmf = np.zeros((t + 1, len(self)))
        i = np.arange(t + 1, dtype=np.float64)
        for n in range(t + 1):
            few = i[n:]
            # C(i, n) B(al + n, be + i - n) / B(al, be)
            choose = -betaln(n + 1.0, few - n + 1) - np.log(few + 1)
            chance = betaln(self.al[:, None] + n, self.be[:, None] + few - n) - base
            pmf[n] = (there[:, n:] * np.exp(choose + chance)).sum(axis=1)
        above: Floats = np.cumsum(pmf[::-1], axis=0)[::-1]
        tails = np.concatenate([above[1:], np.zeros((1, len(self)))])
        return np.asarray(np.clip(tails, 0.0, 1.0), dtype=np.float64)

    def tail(self, n: Any, t: float) -> Floats:
        lines = self._tails(int(t))
        at = np.minimum(np.broadcast_to(n, (len(self),)), int(t)).astype(np.int64)
        chosen: Floats = lines[at, np.arange(len(self))]
        return chosen

    def tails(self, t: float) -> Iterator[Floats]:
        yield from self._tails(int(t))
        while True:
            yield np.zeros(len(self))

    def variance(self, t: float) -> Floats:
        lines = self._tails(int(t))
        n = np.arange(len(lines))[:, None]
        spread: Floats = ((2 * n + 1) * lines).sum(axis=0) - lines.sum(axis=0) ** 2
        return np.maximum(spread, 0.0)
