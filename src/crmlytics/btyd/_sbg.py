"""Shifted beta-geometric: how many customers with a contract renew it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame
from crmlytics._columns import Floats
from crmlytics.btyd import _beta, _fit
from crmlytics.btyd._fit import Point
from crmlytics.btyd._fitted import Fitted, uncertainty
from crmlytics.errors import DataError, NotEnoughDataError

if TYPE_CHECKING:
    import pandas as pd

_STARTS = ((0.7, 4.0), (2.0, 2.0), (0.2, 1.0), (5.0, 50.0))
_MOST_AGES = 10_000


@dataclass(frozen=True, kw_only=True)
class SbgModel(Fitted):
    """A fitted shifted beta-geometric; see `fit_sbg`.

    Attributes
    ----------
    alpha, beta : float
        Shapes of the beta distribution of the chance not to renew.
    """

    alpha: float
    beta: float

    letters: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    def predict(self, horizon: int, *, discount_rate: float = 0.0) -> "pd.DataFrame":
        """Project survival, retention and residual lifetime.

        ``S(t) = B(alpha, beta + t) / B(alpha, beta)``, ``r(t) = (beta + t - 1) / (alpha + beta + t
        - 1)``, and after t renewals ``derl = sum over j of S(t + 1 + j) / S(t) * exp(-discount_rate
        * j)``, j = 0, 1, 2 and so on: the next renewal counts in full, later ones are discounted.

        Parameters
        ----------
        horizon : int
            Last age to project, in renewals; 1 or more.
        discount_rate : float, default 0.0
            Continuous rate per renewal period; 0 or more. 10 % a period is ``log(1.1)``.

        Returns
        -------
        pandas.DataFrame
            One row an age from 0 to `horizon`: ``age`` (int, renewals), ``survival`` (float, share
            of all who started), ``retention`` (float, share of those left who renew; null at age
            0), ``hazard`` (float, 1 - retention), ``derl`` (float, discounted expected residual
            lifetime in periods, of a customer of that age; null where it is infinite, at a
            discount rate of 0 with alpha of 1 or below).

        Raises
        ------
        OptionError
            If an option has a value outside what it allows.
        """
        import pandas as pd

        last = _checks.whole(horizon, name="horizon", caller="predict", low=1, high=_MOST_AGES)
        rate = _checks.number(discount_rate, name="discount_rate", caller="predict", low=0.0)
        age = np.arange(last + 1, dtype=np.float64)
        there = self.beta + age[:-1]
        retention = np.append(np.nan, there / (self.alpha + there))
        return pd.DataFrame(
            {
                "age": age.astype(np.int64),
                "survival": np.append(1.0, np.cumprod(retention[1:])),
                "retention": retention,
                "hazard": np.append(np.nan, self.alpha / (self.alpha + there)),
                "derl": self._residual(age, rate),
            }
        )

    def _residual(self, age: Floats, rate: float) -> Floats:
        """Return the mean of (1 - theta) / (1 - (1 - theta) D), theta ~ Beta(alpha, beta + age)."""
        if rate < np.finfo(np.float64).tiny:
            endless = self.alpha <= 1
            lasts = (self.beta + age) / (1 if endless else self.alpha - 1)
            return np.full(len(age), np.nan) if endless else lasts
        c = np.exp(-rate) / -np.expm1(-rate)  # D / (1 - D)
        flat = np.ones(len(age))
        mean = _beta.renewals(c * flat, self.alpha * flat, self.beta + age)
        return np.asarray((1 + c) * mean, dtype=np.float64)


def fit_sbg(table: IntoDataFrame) -> SbgModel:
    """Fit the shifted beta-geometric model of renewals by maximum likelihood.

    At each renewal a customer leaves with a chance that stays the same and differs between
    customers by a beta distribution. Retention then rises with age although nobody changes: those
    likely to leave have left.

    Parameters
    ----------
    table : table
        One row an age of a cohort: ``age`` (whole numbers from 0, in renewals) and ``survivors``
        (whole numbers, customers who are still there; at age 0 all who started). Ages may be left
        out, age 0 may not.

    Returns
    -------
    SbgModel
        With ``alpha``, ``beta`` and what `fit_bg_nbd` lists; ``predict(horizon)`` projects.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ages or survivors are unknown, negative or no whole numbers, an age stands twice, age 0
        is missing, or survivors rise.
    FitError
        If the likelihood has no maximum.
    NotEnoughDataError
        If there are fewer than three ages, nobody left, or all did before the second age.

    See Also
    --------
    fit_pareto_nbd : where customers leave without a word.

    References
    ----------
    Fader and Hardie (2007), How to project customer retention, Journal of Interactive Marketing
    21(1), 76-90. Fader and Hardie (2010), Customer-base valuation in a contractual setting: the
    perils of ignoring heterogeneity, Marketing Science 29(1), 85-93.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> model = crm.btyd.fit_sbg(pd.DataFrame({"age": range(8), "survivors": survivors}))
    >>> model.predict(12).tail(2).round(3)
        age  survival  retention  hazard  derl
    11   11     0.395      0.954   0.046   NaN
    12   12     0.378      0.957   0.043   NaN
    """
    caller = "fit_sbg"
    age, survivors = _read(table, caller)
    likelihood = _Likelihood(age, survivors)
    n = float(survivors[0])
    best = _fit.maximise(
        likelihood, [np.log(start) for start in _STARTS], n, caller=caller,
        advice="Do all customers leave alike? Then a constant retention says all there is.",
    )  # fmt: skip
    alpha, beta = (float(each) for each in np.exp(best.theta))
    return SbgModel(
        alpha=alpha, beta=beta, log_likelihood=best.value, n_customers=int(n), converged=True,
        gradient_norm=best.gradient_norm, iterations=best.iterations,
        **uncertainty(best.hessian, SbgModel.letters),
    )  # fmt: skip


def _read(table: Any, caller: str) -> tuple[Floats, Floats]:
    source = _frame.read(
        table, caller=caller, argument="table",
        roles={"age": "age", "survivors": "survivors"}, maker="ages and survivors of a cohort",
    )  # fmt: skip
    age, survivors = source.numbers("age"), source.numbers("survivors")
    for name, values in (("age", age), ("survivors", survivors)):
        odd = int(np.count_nonzero(~((values >= 0) & (values == np.floor(values)))))
        if odd:
            raise DataError(
                f"{caller}: {odd:,} of {len(values):,} values of {name!r} are unknown, negative or "
                "no whole numbers. Give ages in renewals, and counts of customers."
            )
    order = np.argsort(age, kind="stable")
    age, survivors = age[order], survivors[order]
    if len(np.unique(age)) < len(age):
        raise DataError(f"{caller}: an age of table stands twice. Give one row an age of a cohort.")
    if not len(age) or age[0] != 0:
        raise DataError(
            f"{caller}: table has no age 0, at which 'survivors' are all who started. Add it."
        )
    _checks.at_least(3, len(age), "ages", caller, "Watch the cohort for longer.")
    if age[-1] > _MOST_AGES:
        raise DataError(
            f"{caller}: ages reach {age[-1]:,.0f}, beyond {_MOST_AGES:,} renewals. Count ages in "
            "renewals, not in days."
        )
    if (np.diff(survivors) > 0).any():
        raise DataError(f"{caller}: survivors rise with age. Give one cohort, without newcomers.")
    if survivors[0] == survivors[-1]:
        raise NotEnoughDataError(
            f"{caller}: nobody of {survivors[0]:,.0f} customers left. Watch the cohort for longer."
        )
    if survivors[1] == 0:
        raise NotEnoughDataError(
            f"{caller}: all {survivors[0]:,.0f} customers left before age {age[1]:,.0f}, so that "
            "nothing tells how those who stay renew. Watch a cohort of whom some stay."
        )
    return age, survivors


@dataclass(frozen=True)
class _Likelihood:
    """Losses between ages, and those who are left at the last one, in ln alpha and ln beta.

    Where ages are left out, a loss happened at any of the renewals between: a mixture. Logarithms
    of S(t) and of the chance to leave at t are sums over renewals, which lose no digits where both
    parameters are large.
    """

    age: Floats
    survivors: Floats

    def __call__(self, theta: Floats) -> Point:
        a, b = (float(each) for each in np.exp(theta))
        stay, leave = b + np.arange(self.age[-1]), a + b + np.arange(self.age[-1])
        # ln S(0), ln S(1) ..., and its derivatives by alpha and beta; beta twice comes last
        log_s = _summed(-np.log1p(a / stay))
        by_a, by_b = _summed(-1 / leave), _summed(a / (stay * leave))
        by_aa = _summed(1 / leave**2)
        by_bb = _summed(-a * (stay + leave) / (stay * leave) ** 2)
        slope = np.stack([by_a[:-1] + 1 / a - 1 / leave, by_b[:-1] - 1 / leave])
        bent = 1 / leave**2
        curve = np.stack([by_aa[:-1] - 1 / a**2 + bent, by_aa[:-1] + bent, by_bb[:-1] + bent])
        chance = log_s[:-1] + np.log(a) - np.log(leave)
        value, gradient, hessian = self._losses(chance, slope, curve)
        left = float(self.survivors[-1])
        value += left * float(log_s[-1])
        gradient += left * np.array([by_a[-1], by_b[-1]])
        hessian += left * np.array([[by_aa[-1], by_aa[-1]], [by_aa[-1], by_bb[-1]]])
        scale = np.array([a, b])
        return Point(
            float(value),
            scale * gradient,
            np.outer(scale, scale) * hessian + np.diag(scale * gradient),
        )

    def _losses(self, chance: Floats, slope: Floats, curve: Floats) -> tuple[float, Floats, Floats]:
        """Sum over the intervals between ages."""
        value, gradient, hessian = 0.0, np.zeros(2), np.zeros((2, 2))
        lost = -np.diff(self.survivors)
        for k, count in enumerate(lost):
            if count == 0:
                continue
            at = slice(int(self.age[k]), int(self.age[k + 1]))
            total = np.logaddexp.reduce(chance[at])
            share = np.exp(chance[at] - total)
            mean = slope[:, at] @ share
            off = slope[:, at] - mean[:, None]
            bent = curve[:, at] @ share
            value += count * float(total)
            gradient += count * mean
            hessian += count * (np.array([[bent[0], bent[1]], [bent[1], bent[2]]]))
            hessian += count * ((off * share) @ off.T)
        return value, gradient, (hessian + hessian.T) / 2


def _summed(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])
