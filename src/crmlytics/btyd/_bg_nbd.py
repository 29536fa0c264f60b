"""BG/NBD and MBG/NBD: customers may leave after each purchase."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks
from crmlytics._columns import Floats
from crmlytics.btyd import _fit, _process, _rows
from crmlytics.btyd._fitted import uncertainty
from crmlytics.btyd._likelihoods import GeometricLikelihood, Weighted
from crmlytics.btyd._process import GeometricProcess
from crmlytics.btyd._purchase import PurchaseModel

# mean rates come from the data; the last start leads to where some leave at once and others never
_SHAPES = ((0.5, 0.8, 2.5), (2.0, 0.3, 3.0), (0.2, 2.0, 2.0), (0.5, 0.02, 0.5))


@dataclass(frozen=True, kw_only=True)
class BgNbdModel(PurchaseModel):
    """A fitted BG/NBD; see `fit_bg_nbd`.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha in periods.
    a, b : float
        Shapes of the beta distribution of the chance to leave after a purchase.
    """

    r: float
    alpha: float
    a: float
    b: float

    letters: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    first_flip: ClassVar[int] = 0

    def _living(self, x: Floats, age: Floats, covariates: Sequence[Floats]) -> GeometricProcess:
        del covariates
        flat = np.ones(len(x))
        return GeometricProcess(
            self.r + x, self.alpha + age, self.a * flat, self.b + x + self.first_flip
        )

    def _p_alive(self, x: Floats, tx: Floats, age: Floats, covariates: Sequence[Floats]) -> Floats:
        from scipy.special import expit

        del covariates
        flips = x + self.first_flip
        grown = np.log1p((age - tx) / (self.alpha + tx))
        odds = np.log(self.a / np.maximum(self.b + flips - 1, 1e-300)) + (self.r + x) * grown
        return np.where(flips > 0, expit(-odds), 1.0)

    def _simulated(self, n: int, age: float, rng: np.random.Generator) -> tuple[Any, Any, Any]:
        rate = rng.gamma(self.r, 1 / self.alpha, n)
        leaves_after = _process.simulate_gaps(rng.beta(self.a, self.b, n), rng) - self.first_flip
        would = rng.poisson(rate * age)
        x = np.minimum(would, leaves_after)
        # the x-th of `would` moments that lie at random: a beta variable
        share = rng.beta(np.maximum(x, 1), would - x + 1)
        return x, np.where(x > 0, share * age, 0.0), would < leaves_after


@dataclass(frozen=True, kw_only=True)
class MbgNbdModel(BgNbdModel):
    """A fitted MBG/NBD; see `fit_mbg_nbd`.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha in periods.
    a, b : float
        Shapes of the beta distribution of the chance to leave at time 0 and after a purchase.
    """

    first_flip: ClassVar[int] = 1


def fit_bg_nbd(summary: IntoDataFrame, *, penalty: float = 0.0) -> BgNbdModel:
    """Fit the BG/NBD model of purchasing by maximum likelihood.

    While alive, a customer buys at random with a constant rate; after each repeat purchase the
    customer leaves for good with a constant chance. Rates differ between customers by a gamma
    distribution, chances by a beta distribution. A customer without a repeat purchase had no
    occasion to leave and counts as alive for certain: where that is too much to believe, see
    `fit_mbg_nbd` and `fit_pareto_nbd`.

    Parameters
    ----------
    summary : table
        One row per customer with ``frequency``, ``recency`` and ``T``, as `purchase_summary` makes
        it.
    penalty : float, default 0.0
        Weight, per customer, of the sum of the squared logarithms of the parameters (time rescaled
        so that the longest T is 1), taken from the log-likelihood; 0 or more. The log-likelihood
        reported is without it.

    Returns
    -------
    BgNbdModel
        With ``r``, ``alpha``, ``a``, ``b``, ``log_likelihood``, ``aic``, ``bic``, ``covariance``,
        ``converged``, ``gradient_norm``; ``summary()`` is a table of the parameters with standard
        errors and intervals, ``predict(summary, horizon=...)`` the future.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a row says what no customer can have done: a last purchase after the end of observation,
        a negative or fractional frequency.
    FitError
        If the likelihood has no maximum.
    NotEnoughDataError
        If there are fewer than 10 customers, or nobody bought again.
    OptionError
        If `penalty` is negative.

    See Also
    --------
    fit_mbg_nbd : the same with a chance to leave before the first repeat purchase.
    fit_pareto_nbd : customers leave at any time.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers" the easy way: an alternative to the
    Pareto/NBD model, Marketing Science 24(2), 275-284.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> model = crm.btyd.fit_bg_nbd(summary)
    >>> model.summary().round(3)
      parameter  estimate  standard_error  lower  upper
    0         r     0.243           0.013  0.219  0.268
    1     alpha     4.414           0.378  3.731  5.221
    2         a     0.793           0.186  0.501  1.255
    3         b     2.426           0.705  1.372  4.289
    """
    model: BgNbdModel = _fitted(summary, BgNbdModel, penalty, "fit_bg_nbd")
    return model


def fit_mbg_nbd(summary: IntoDataFrame, *, penalty: float = 0.0) -> MbgNbdModel:
    """Fit the MBG/NBD model of purchasing by maximum likelihood.

    The BG/NBD with one more chance to leave, right after the first purchase: one-time buyers are
    not alive for certain.

    Parameters
    ----------
    summary : table
        One row per customer with ``frequency``, ``recency`` and ``T``, as `purchase_summary` makes
        it.
    penalty : float, default 0.0
        Weight, per customer, of the sum of the squared logarithms of the parameters (time rescaled
        so that the longest T is 1), taken from the log-likelihood; 0 or more.

    Returns
    -------
    MbgNbdModel
        With ``r``, ``alpha``, ``a``, ``b`` and what `fit_bg_nbd` lists.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a row says what no customer can have done; see `fit_bg_nbd`.
    FitError
        If the likelihood has no maximum.
    NotEnoughDataError
        If there are fewer than 10 customers, or nobody bought again.
    OptionError
        If `penalty` is negative.

    See Also
    --------
    fit_bg_nbd : without the chance to leave before the first repeat purchase.
    fit_pareto_nbd : customers leave at any time.

    References
    ----------
    Batislam, Denizel and Filiztekin (2007), Empirical validation and comparison of models for
    customer base analysis, International Journal of Research in Marketing 24(3), 201-209.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> model = crm.btyd.fit_mbg_nbd(summary)
    >>> round(model.log_likelihood, 2)
    -9582.14
    """
    model: MbgNbdModel = _fitted(summary, MbgNbdModel, penalty, "fit_mbg_nbd")
    return model


def _fitted(summary: Any, kind: Any, penalty: Any, caller: str) -> Any:
    penalty = _checks.number(penalty, name="penalty", caller=caller, low=0.0)
    read = _rows.read(summary, caller=caller)
    _rows.enough(read, caller)
    rows, unit = weighted(read)
    first_flip = kind.first_flip

    def objective(part: Weighted) -> _fit.Objective:
        return _fit.penalised(GeometricLikelihood(part, first_flip), penalty, part.n, 4)

    mean_rate = float(rows.weight @ rows.x / (rows.weight @ rows.T))
    starts = [np.log([r, r / mean_rate, a, b]) for r, a, b in _SHAPES]
    best = from_coarse(objective, rows, starts, caller)
    r, alpha, a, b = (float(v) for v in np.exp(best.theta))
    plain = GeometricLikelihood(rows, first_flip)(best.theta).value
    return kind(
        r=r, alpha=alpha * unit, a=a, b=b,
        log_likelihood=float(plain - rows.weight @ rows.x * np.log(unit)),
        n_customers=len(read), converged=True, gradient_norm=best.gradient_norm,
        iterations=best.iterations, **uncertainty(best.hessian, kind.letters),
    )  # fmt: skip


def weighted(read: _rows.Summary) -> tuple[Weighted, float]:
    """Return the different rows, time in units of the longest age, and that unit."""
    found = _rows.distinct(read.columns())
    x, tx, age = (column[found.first] for column in read.columns()[:3])
    unit = float(age.max())
    return Weighted(x, np.minimum(tx, age) / unit, age / unit, found.weight), unit


def from_coarse(objective: Any, rows: Weighted, starts: Sequence[Floats], caller: str) -> Any:
    """Climb on ages rounded to a grid first, where there are many rows; then on all of them."""
    coarse = rows.coarse(4_000)
    if coarse is not None:
        near = _fit.climb(objective(coarse), starts, coarse.n, exact=False)
        starts = starts if near is None else [near.theta]
    return _fit.maximise(
        objective(rows), starts, rows.n, caller=caller,
        advice="Look at the summary for odd customers, or hold the parameters with penalty=0.001.",
    )  # fmt: skip
