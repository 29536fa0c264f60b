"""What a living customer will do: one set of questions, answered by each kind of process.

Given that a customer is alive, what is known of them has the same form as at the start, with
parameters moved by what was seen. So new and existing customers, and all models, share these
functions; what differs is the chance of being alive, by which the caller multiplies.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from crmlytics._columns import Floats, Ints
from crmlytics.btyd import _beta, _death

_FAR = 45.0  # exp(-45) of a discounted sum does not count


@dataclass(frozen=True)
class Process:
    """Living customers, one entry each; times are counted from now."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: Any) -> Self:
        """Return some of the customers."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def expected(self, t: float) -> Floats:
        """Return the purchases until t, on average."""
        raise NotImplementedError

    def survival(self, t: Any) -> Floats:
        """Return the probability of being alive at t."""
        raise NotImplementedError

    def tail(self, n: Any, t: float) -> Floats:
        """Return the probability of more than n purchases until t, n a number each."""
        raise NotImplementedError

    def tails(self, t: float) -> Iterator[Floats]:
        """Yield the probability of more than n purchases until t for n = 0, 1, 2 and so on."""
        raise NotImplementedError

    def residual(self, discount_rate: float) -> Floats:
        """Return all purchases to come, discounted; infinite where the sum does not converge."""
        raise NotImplementedError

    def discounted(self, t: float, discount_rate: float) -> Floats:
        """Return the purchases until t, each discounted continuously from when it is made."""
        raise NotImplementedError

    def variance(self, t: float) -> Floats:
        """Return the variance of the purchases until t."""
        raise NotImplementedError


@dataclass(frozen=True)
class _Continuous(Process):
    """Processes in continuous time: integrals over time of the rate of purchases."""

    def rate(self, u: Floats) -> Floats:
        """Return the expected rate of purchases at times u, a line each customer."""
        raise NotImplementedError

    def pair_rate(self, u: Floats) -> Floats:
        """Return the rate of pairs of purchases, the later at u, over u."""
        raise NotImplementedError

    def scale(self) -> Floats:
        """Return a time in which the rate changes."""
        raise NotImplementedError

    def _integral(self, rate: Any, end: Any, count: int = 48) -> Floats:
        """Integrate a function of time from 0 to `end`, by Gauss-Legendre in logarithmic time."""
        place, share = _death.gauss_legendre(count)
        total = np.empty(len(self))
        for at in range(0, len(self), 8_192):
            part = self.take(slice(at, at + 8_192))
            step = part.scale()
            span = np.log1p(end / step)
            u = step[:, None] * np.expm1(span[:, None] * place)
            weight = (u + step[:, None]) * span[:, None] * share
            total[at : at + 8_192] = (weight * rate(part, u)).sum(axis=1)
        return total

    def discounted(self, t: float, discount_rate: float) -> Floats:
        if discount_rate == 0.0:
            return self.expected(t)
        end = min(t, _FAR / discount_rate)
        return self._integral(lambda part, u: np.exp(-discount_rate * u) * part.rate(u), end)

    def variance(self, t: float) -> Floats:
        mean = self.expected(t)
        pairs = self._integral(lambda part, u: u * part.pair_rate(u), t)
        return np.maximum(2 * pairs + mean - mean * mean, 0.0)


@dataclass(frozen=True)
class ParetoProcess(_Continuous):
    """Rate ~ Gamma(R, A), death rate ~ Gamma(s, B)."""

    R: Floats
    A: Floats
    s: Floats
    B: Floats

    def expected(self, t: float) -> Floats:
        return self.R / self.A * self._lived(t)

    def _lived(self, t: float) -> Floats:
        """Return the mean of the time lived until t; stable through s = 1."""
        grown = np.log1p(t / self.B)
        z = (self.s - 1) * grown
        small = np.abs(z) < 1e-12
        shrunk = -np.expm1(-z) / np.where(small, 1.0, z)
        lived: Floats = self.B * grown * np.where(small, 1.0, shrunk)
        return lived

    def survival(self, t: Any) -> Floats:
        alive: Floats = np.exp(-self.s * np.log1p(t / self.B))
        return alive

    def rate(self, u: Floats) -> Floats:
        return (self.R / self.A)[:, None] * np.exp(-self.s[:, None] * np.log1p(u / self.B[:, None]))

    def pair_rate(self, u: Floats) -> Floats:
        return ((self.R + 1) / self.A)[:, None] * self.rate(u)

    def scale(self) -> Floats:
        return self.B

    def residual(self, discount_rate: float) -> Floats:
        if discount_rate > 0.0:
            return self.discounted(np.inf, discount_rate)
        lasting = self.s > 1
        return np.where(
            lasting, self.R / self.A * self.B / np.where(lasting, self.s - 1, 1.0), np.inf
        )

    def _deaths(self, t: float, count: int) -> tuple[Floats, Floats]:
        """Return times of death until t and, last, t for those who live; with their chances."""
        place, share = _death.gauss_legendre(count)
        step = np.minimum(self.A / np.maximum(self.R, 1.0), self.B)
        span = np.log1p(t / step)
        u = step[:, None] * np.expm1(span[:, None] * place)
        density = np.exp(-(self.s + 1)[:, None] * np.log1p(u / self.B[:, None]))
        density *= (self.s / self.B)[:, None] * (u + step[:, None]) * span[:, None] * share
        times = np.concatenate([u, np.full((len(self), 1), t)], axis=1)
        return times, np.concatenate([density, self.survival(t)[:, None]], axis=1)

    def tail(self, n: Any, t: float) -> Floats:
        from scipy.special import betainc

        times, chance = self._deaths(t, 64)
        share = times / (self.A[:, None] + times)
        n = np.broadcast_to(np.asarray(n, dtype=np.float64), self.R.shape)
        made = betainc(n[:, None] + 1, self.R[:, None], share)
        total: Floats = np.minimum((chance * made).sum(axis=1), 1.0)
        return total

    def tails(self, t: float) -> Iterator[Floats]:
        times, chance = self._deaths(t, 64)
        share = times / (self.A[:, None] + times)
        none = -self.R[:, None] * np.log1p(times / self.A[:, None])
        total = np.minimum((chance * -np.expm1(none)).sum(axis=1), 1.0)
        part = chance * np.exp(none)  # of exactly n purchases
        n = 0
        while True:
            yield total
            part *= share
            part *= ((self.R + n) / (n + 1))[:, None]
            total = np.maximum(total - part.sum(axis=1), 0.0)
            n += 1


@dataclass(frozen=True)
class GeometricProcess(_Continuous):
    """Rate ~ Gamma(R, A); after each purchase the customer leaves with chance p ~ Beta(a, b)."""

    R: Floats
    A: Floats
    a: Floats
    b: Floats

    def expected(self, t: float) -> Floats:
        return _beta.expected(self.R, t / self.A, self.a, self.b)

    def survival(self, t: Any) -> Floats:
        return _beta.survival(self.R, t / self.A, self.a, self.b)

    def _mean_power(self, extra: int, u: Floats, b: Floats) -> Floats:
        shape = u.shape
        R, a, b = (np.broadcast_to(v[:, None], shape).ravel() for v in (self.R + extra, self.a, b))
        c = (u / self.A[:, None]).ravel()
        return _beta.survival(R, c, a, b).reshape(shape)

    def rate(self, u: Floats) -> Floats:
        return (self.R / self.A)[:, None] * self._mean_power(1, u, self.b)

    def pair_rate(self, u: Floats) -> Floats:
        # both happen if the coin after the earlier one fell well, which favours small p
        stay = self.R * (self.R + 1) / self.A**2 * self.b / (self.a + self.b)
        return stay[:, None] * self._mean_power(2, u, self.b + 1)

    def scale(self) -> Floats:
        return self.A / np.maximum(self.R, 1.0)

    def residual(self, discount_rate: float) -> Floats:
        if discount_rate > 0.0:
            return self.discounted(np.inf, discount_rate)
        lasting = self.a > 1
        made = (self.a + self.b - 1) / np.where(lasting, self.a - 1, 1.0)
        return np.where(lasting, made, np.inf)

    def tail(self, n: Any, t: float) -> Floats:
        """Return the chance that n + 1 purchases would have been made, and n coins fell well."""
        from scipy.special import betainc, betaln

        n = np.broadcast_to(np.asarray(n, dtype=np.float64), self.R.shape)
        stayed = np.exp(betaln(self.a, self.b + n) - betaln(self.a, self.b))
        made: Floats = betainc(n + 1, self.R, t / (self.A + t)) * stayed
        return made

    def tails(self, t: float) -> Iterator[Floats]:
        grown = np.log1p(t / self.A)
        part = np.exp(-self.R * grown)  # exactly n, if nobody left
        more = -np.expm1(-self.R * grown)
        stayed = np.ones(len(self))
        n = 0
        while True:
            yield more * stayed
            part = part * (self.R + n) / (n + 1) * (t / (self.A + t))
            more = np.maximum(more - part, 0.0)
            stayed = stayed * (self.b + n) / (self.a + self.b + n)
            n += 1


def simulate_gaps(chance: Floats, rng: np.random.Generator) -> Ints:
    """Draw after how many purchases each customer leaves, 1 or more."""
    with np.errstate(divide="ignore"):
        drawn = np.log(rng.uniform(size=len(chance))) / np.log1p(-chance)
    return np.asarray(np.minimum(np.floor(drawn) + 1, 2.0**53), dtype=np.int64)
