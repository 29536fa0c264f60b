"""Gamma-Gamma: how much customers spend per purchase."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

from crmlytics import _checks
from crmlytics._columns import Bools, Floats
from crmlytics.btyd import _fit, _rows
from crmlytics.btyd._fit import Point
from crmlytics.btyd._fitted import Fitted, uncertainty
from crmlytics.btyd._purchase import per_customer
from crmlytics.errors import DataError, FitError

SPEND = {"expected_spend": "float", "lower": "float", "upper": "float"}
CORRELATED = 0.3
# amounts that cancel out leave a rest of rounding: beside a usual spend, so little is none
_NOTHING = 1e-10
_STARTS = ((2.0, 4.0), (6.0, 3.0), (0.5, 2.0), (20.0, 10.0))


@dataclass(frozen=True, kw_only=True)
class GammaGammaModel(Fitted):
    """A fitted Gamma-Gamma; see `fit_gamma_gamma`.

    Attributes
    ----------
    p : float
        Shape of the spend per purchase.
    q, v : float
        Shape and rate of the gamma distribution of the customers' rates of spend; v in the unit of
        the amounts.
    correlation : float or None
        Of frequency and mean spend over the customers it was fitted to.
    n_excluded : int
        Repeat buyers left out, as their spend is unknown, 0 or below.
    """

    p: float
    q: float
    v: float
    correlation: float | None
    n_excluded: int

    letters: ClassVar[tuple[str, ...]] = ("p", "q", "v")

    @property
    def mean(self) -> float:
        """Mean spend per purchase of all customers: p v / (q - 1)."""
        return self.p * self.v / (self.q - 1)

    def _usable(self, x: Floats, m: Floats) -> Bools:
        """Mark the customers whose spend tells something."""
        return _usable(x, m, self.mean)

    def predict(
        self,
        summary: IntoDataFrameT,
        *,
        confidence: float = 0.95,
        customer_col: str = "customer_id",
    ) -> IntoDataFrameT:
        """Predict what each customer spends per purchase.

        ``expected_spend = p (v + x m) / (p x + q - 1)`` for a customer with x repeat purchases of
        m on average; the mean of all, ``p v / (q - 1)``, where there is none or its spend is
        unknown, 0 or below.

        Parameters
        ----------
        summary : table
            One row per customer with frequency and ``monetary_value``.
        confidence : float, default 0.95
            Level of the interval, between 0 and 1.
        customer_col : str, default "customer_id"
            Name of the id. A table without a column "customer_id" is answered without ids, in its
            own order.

        Returns
        -------
        table
            One row per customer, sorted by id: the id, ``expected_spend``, ``lower``, ``upper``
            (float, unit of the amounts; the customer's own mean spend lies in the interval with the
            probability `confidence`).

        Raises
        ------
        ColumnError
            If a column is missing or of a wrong type.
        DataError
            If a frequency is impossible, or ids stand twice.
        OptionError
            If an option has a value outside what it allows.
        """
        from scipy.special import gammainccinv, gammaincinv

        level = _checks.confidence(confidence, "predict")
        source, x, m = _rows.read_spend(summary, "predict", customer_col, tuple(SPEND))
        usable = self._usable(x, m)
        known = np.where(usable, x, 0.0)
        shape, scale = self.p * known + self.q, self.v + known * np.where(usable, m, 0.0)
        # the mean is p / nu with nu ~ Gamma(shape, scale); its quantiles depend on the shape alone
        shapes, place = np.unique(shape, return_inverse=True)
        side = (1 - level) / 2
        columns = {
            "expected_spend": self.p * scale / (shape - 1),
            "lower": self.p * scale / gammainccinv(shapes, side)[place],
            "upper": self.p * scale / gammaincinv(shapes, side)[place],
        }
        answer: IntoDataFrameT = per_customer(source, columns, SPEND)
        return answer


@dataclass(frozen=True)
class _Likelihood:
    """The log-likelihood of mean spends in ln p, ln q, ln v; money in units of its mean.

    ln f = -ln B(p x, q) + q ln v + (p x - 1) ln m + p x ln x - (p x + q) ln(v + x m)
    """

    x: Floats
    m: Floats

    @cached_property
    def _counts(self) -> tuple[Floats, Any, Any]:
        counts, place = np.unique(self.x, return_inverse=True)
        customers = np.bincount(place).astype(np.float64)
        logs = np.bincount(place, np.log(self.x * self.m))
        return counts, customers, logs

    @cached_property
    def _spent(self) -> Floats:
        return self.x * self.m

    @cached_property
    def _log_m(self) -> float:
        return float(np.log(self.m).sum())

    def __call__(self, theta: Floats) -> Point:
        from scipy.special import betaln, polygamma, psi

        p, q, v = (float(each) for each in np.exp(theta))
        x, n, logs = self._counts
        shape = p * x + q
        total = v + self._spent
        log_total = np.log(total)
        share = v / total
        ln, lnx = float(log_total.sum()), float(self.x @ log_total)
        s1, sx = float(share.sum()), float(self.x @ share)
        turn = share * (1 - share)
        t1, tx = float(turn.sum()), float(self.x @ turn)
        size = float(len(self.x))
        value = -float(n @ betaln(p * x, q)) + q * size * float(theta[2])
        value += p * float(x @ logs) - self._log_m - p * lnx - q * ln
        d, d_px, d_q = psi(shape), psi(p * x), float(psi(q))
        by_p = p * (float((n * x) @ (d - d_px)) + float(x @ logs) - lnx)
        by_q = q * (float(n @ (d - d_q)) + size * float(theta[2]) - ln)
        by_v = q * size - p * sx - q * s1
        c, c_px, c_q = polygamma(1, shape), polygamma(1, p * x), float(polygamma(1, q))
        hessian = np.zeros((3, 3))
        hessian[0, 0] = by_p + p * p * float((n * x * x) @ (c - c_px))
        hessian[0, 1] = hessian[1, 0] = p * q * float((n * x) @ c)
        hessian[1, 1] = by_q + q * q * float(n @ (c - c_q))
        hessian[0, 2] = hessian[2, 0] = -p * sx
        hessian[1, 2] = hessian[2, 1] = q * size - q * s1
        hessian[2, 2] = -p * tx - q * t1
        return Point(value, np.array([by_p, by_q, by_v]), hessian)


def fit_gamma_gamma(summary: IntoDataFrame) -> GammaGammaModel:
    """Fit the Gamma-Gamma model of spend per purchase by maximum likelihood.

    The spend of a purchase has a gamma distribution with shape p and the customer's own rate, and
    these rates have a gamma distribution with shape q and rate v. Spend is taken to be independent
    of how often a customer buys.

    Parameters
    ----------
    summary : table
        One row per customer with ``frequency`` and ``monetary_value`` (mean spend of the repeat
        purchases), as `purchase_summary` makes it. Customers without a repeat purchase tell
        nothing and are not used.

    Returns
    -------
    GammaGammaModel
        With ``p``, ``q``, ``v``, ``mean`` (p v / (q - 1)), ``correlation``, ``n_excluded`` and
        what `fit_bg_nbd` lists.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a frequency is impossible, or no repeat buyer's spend is known.
    FitError
        If the likelihood has no maximum, or q is 1 or below: then a mean spend of all does not
        exist, and formulae that take it for granted make it negative.
    NotEnoughDataError
        If fewer than 10 repeat buyers have a spend above 0.

    Warns
    -----
    CrmlyticsWarning
        If repeat buyers are left out (spend unknown, 0 or below), or frequency and spend are
        correlated at 0.3 or more.

    See Also
    --------
    customer_value : spend and purchases together.

    References
    ----------
    Fader and Hardie (2013), The gamma-gamma model of monetary value, brucehardie.com/notes/025,
    eq. 1a and 3. Colombo and Jiang (1999), A stochastic RFM model, Journal of Interactive Marketing
    13(3), 2-12.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> model = crm.btyd.fit_gamma_gamma(summary)
    >>> model.summary()[["parameter", "estimate"]].round(2)
      parameter  estimate
    0         p      6.25
    1         q      3.74
    2         v     15.44
    >>> round(model.mean, 2)
    35.17
    """
    caller = "fit_gamma_gamma"
    _, frequency, money = _rows.read_spend(summary, caller, None, ())
    repeats = frequency > 0
    if repeats.any() and np.isnan(money[repeats]).all():
        raise DataError(
            f"{caller}: no repeat buyer of summary has a known 'monetary_value'. Make the summary "
            "from a table with amounts."
        )
    positive = repeats & (money > 0)
    used = _usable(frequency, money, float(np.median(money[positive])) if positive.any() else 0.0)
    excluded = int(repeats.sum() - used.sum())
    _checks.at_least(
        10, int(used.sum()), "repeat buyers with a spend above 0", caller, "Take a longer period."
    )
    if excluded:
        _checks.warn(
            f"{caller}: {excluded:,} of {int(repeats.sum()):,} repeat buyers have an unknown spend "
            "or one of 0 or below, and are left out."
        )
    x, m = _in_order(frequency[used], money[used])
    correlation = _correlation(x, m)
    if correlation is not None and abs(correlation) >= CORRELATED:
        _checks.warn(
            f"{caller}: frequency and spend are correlated ({correlation:.2f}), which the model "
            "takes them not to be. Fit groups of like frequency apart."
        )
    return _fitted(x, m, correlation, excluded)


def _usable(x: Floats, m: Floats, usual: float) -> Bools:
    """Mark the customers whose spend tells something."""
    return (x > 0) & (m > max(_NOTHING * usual, 0.0))


def _in_order(x: Floats, m: Floats) -> tuple[Floats, Floats]:
    """Sort, so that no order of rows changes a fit.

    Sums of amounts differ in the last digits with the order of their lines: those beyond 12 of each
    spend are cut off.
    """
    share, power = np.frexp(m)
    m = np.ldexp(np.rint(np.ldexp(share, 40)), power - 40)
    order = np.lexsort((m, x))
    return x[order], m[order]


def _fitted(x: Floats, m: Floats, correlation: float | None, excluded: int) -> GammaGammaModel:
    unit = float(m.mean())
    likelihood = _Likelihood(x, m / unit)
    starts = [np.log([p, q, (q - 1) / p]) for p, q in _STARTS]
    best = _fit.climb(likelihood, starts[:1], float(len(x)))
    if best is None or best.gradient_norm > 1e-8:
        best = _fit.maximise(
            likelihood, starts, float(len(x)), caller="fit_gamma_gamma",
            advice="Look at the summary for spends that are all alike.",
        )  # fmt: skip
    p, q, v = (float(each) for each in np.exp(best.theta))
    refuse_no_mean(q, "fit_gamma_gamma")
    return GammaGammaModel(
        p=p, q=q, v=v * unit, correlation=correlation, n_excluded=excluded,
        log_likelihood=float(best.value - len(x) * np.log(unit)), n_customers=len(x),
        converged=True, gradient_norm=best.gradient_norm, iterations=best.iterations,
        **uncertainty(best.hessian, GammaGammaModel.letters),
    )  # fmt: skip


def refuse_no_mean(q: float, caller: str) -> None:
    """Refuse a distribution of spend without a mean."""
    if q <= 1:
        raise FitError(
            f"{caller}: q is {q:.3g}, and with q of 1 or below a mean spend of all customers does "
            "not exist (p v / (q - 1)). A few spends are very large: cap them, leave these "
            "customers out, or take the means of the past."
        )


def _correlation(x: Floats, m: Floats) -> float | None:
    if len(x) < 3 or x.std() == 0 or m.std() == 0:
        return None
    return float(np.corrcoef(x, m)[0, 1])
