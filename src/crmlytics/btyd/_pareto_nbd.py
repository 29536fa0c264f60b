"""Pareto/NBD: customers may leave at any time; with static covariates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks
from crmlytics._columns import Floats
from crmlytics.btyd import _bg_nbd, _death, _fit, _rows
from crmlytics.btyd._fitted import uncertainty
from crmlytics.btyd._likelihoods import Weighted
from crmlytics.btyd._pareto_likelihood import ParetoLikelihood
from crmlytics.btyd._process import ParetoProcess
from crmlytics.btyd._purchase import PurchaseModel
from crmlytics.errors import DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd

# shapes of purchasing and of leaving, and the rate of leaving in units of the longest age
_SHAPES = ((0.5, 0.5, 0.5), (2.0, 0.3, 3.0), (0.3, 2.0, 1.0), (0.5, 0.02, 0.001))


@dataclass(frozen=True, kw_only=True)
class ParetoNbdModel(PurchaseModel):
    """A fitted Pareto/NBD; see `fit_pareto_nbd`.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha in periods.
    s, beta : float
        Shape and rate of the gamma distribution of the rates of leaving; beta in periods.
    purchase_covariates, churn_covariates : tuple of str
        Columns whose values move the rate of purchases, and that of leaving.
    purchase_coefficients, churn_coefficients : tuple of float
        A customer's mean rates are multiplied by exp(coefficient * value).
    """

    r: float
    alpha: float
    s: float
    beta: float
    purchase_covariates: tuple[str, ...]
    churn_covariates: tuple[str, ...]
    purchase_coefficients: tuple[float, ...]
    churn_coefficients: tuple[float, ...]

    letters: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    @property
    def covariates(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.purchase_covariates, *self.churn_covariates]))

    def _names(self) -> list[str]:
        return [
            *self.letters,
            *(f"purchase_{name}" for name in self.purchase_covariates),
            *(f"churn_{name}" for name in self.churn_covariates),
        ]

    def _estimates(self) -> Floats:
        plain = [self.r, self.alpha, self.s, self.beta]
        return np.array([*plain, *self.purchase_coefficients, *self.churn_coefficients])

    def _is_log(self) -> Any:
        return np.arange(len(self._names())) < len(self.letters)

    def _rates(self, n: int, covariates: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Return alpha and beta of each customer."""
        columns = dict(zip(self.covariates, covariates, strict=True))
        made = []
        for base, names, coefficients in (
            (self.alpha, self.purchase_covariates, self.purchase_coefficients),
            (self.beta, self.churn_covariates, self.churn_coefficients),
        ):
            power = np.zeros(n)
            for name, coefficient in zip(names, coefficients, strict=True):
                power -= coefficient * columns[name]
            made.append(base * np.exp(np.clip(power, -50.0, 50.0)))
        return made[0], made[1]

    def _living(self, x: Floats, age: Floats, covariates: Sequence[Floats]) -> ParetoProcess:
        alpha, beta = self._rates(len(x), covariates)
        return ParetoProcess(self.r + x, alpha + age, np.full(len(x), self.s), beta + age)

    def _p_alive(self, x: Floats, tx: Floats, age: Floats, covariates: Sequence[Floats]) -> Floats:
        from scipy.special import expit

        alpha, beta = self._rates(len(x), covariates)
        R = self.r + x
        died = _death.log_integral(R, alpha, self.s, beta, tx, age)
        odds = died + R * np.log1p((age - tx) / (alpha + tx))
        odds += self.s * np.log1p((age - tx) / (beta + tx)) - np.log(beta + tx) + np.log(self.s)
        return np.asarray(expit(-odds), dtype=np.float64)

    def _simulated(self, n: int, age: float, rng: np.random.Generator) -> tuple[Any, Any, Any]:
        rate = rng.gamma(self.r, 1 / self.alpha, n)
        leaving = np.maximum(rng.gamma(self.s, 1 / self.beta, n), 1e-300)
        life = rng.exponential(size=n) / leaving
        lived = np.minimum(life, age)
        x = rng.poisson(rate * lived)
        last = rng.uniform(size=n) ** (1 / np.maximum(x, 1))
        return x, np.where(x > 0, last * lived, 0.0), life > age


def fit_pareto_nbd(
    summary: IntoDataFrame,
    *,
    purchase_covariates: Sequence[str] | None = None,
    churn_covariates: Sequence[str] | None = None,
    penalty: float = 0.0,
) -> ParetoNbdModel:
    """Fit the Pareto/NBD model of purchasing by maximum likelihood.

    While alive, a customer buys at random with a constant rate, and leaves for good at a time that
    is exponential. Both rates differ between customers by gamma distributions. Covariates that do
    not change over time multiply a customer's rates: ``alpha exp(-g'z)`` and ``beta exp(-d'z)``
    take the place of alpha and beta, so that a positive coefficient means a higher rate.

    Parameters
    ----------
    summary : table
        One row per customer with ``frequency``, ``recency`` and ``T``, as `purchase_summary` makes
        it, and the columns of the covariates.
    purchase_covariates, churn_covariates : list of str, optional
        Columns of numbers (0 and 1 for groups) that move the rate of purchases, and that of
        leaving; the same column may be in both.
    penalty : float, default 0.0
        Weight, per customer, of the sum of the squared logarithms of r, alpha, s and beta (time
        rescaled so that the longest T is 1), taken from the log-likelihood; 0 or more.

    Returns
    -------
    ParetoNbdModel
        With ``r``, ``alpha``, ``s``, ``beta``, coefficients, and what `fit_bg_nbd` lists. In
        ``summary()`` coefficients are called ``purchase_<column>`` and ``churn_<column>``.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a row says what no customer can have done (see `fit_bg_nbd`), a covariate is unknown
        somewhere, or the same for all customers.
    FitError
        If the likelihood has no maximum.
    NotEnoughDataError
        If there are fewer than 10 customers, or nobody bought again.
    OptionError
        If `penalty` is negative or covariates are no list of names.

    See Also
    --------
    likelihood_ratio_test : are the covariates worth it?
    fit_bg_nbd, fit_mbg_nbd : customers leave after a purchase.

    References
    ----------
    Schmittlein, Morrison and Colombo (1987), Counting your customers: who are they and what will
    they do next? Management Science 33(1), 1-24. Fader and Hardie (2007), Incorporating
    time-invariant covariates into the Pareto/NBD and BG/NBD models, brucehardie.com/notes/019.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> model = crm.btyd.fit_pareto_nbd(summary)
    >>> model.summary().round(3)
      parameter  estimate  standard_error  lower   upper
    0         r     0.553           0.048  0.467   0.655
    1     alpha    10.578           0.843  9.048  12.365
    2         s     0.606           0.187  0.331   1.111
    3      beta    11.669           6.211  4.111  33.121
    """
    caller = "fit_pareto_nbd"
    penalty = _checks.number(penalty, name="penalty", caller=caller, low=0.0)
    of_purchase = _checks.columns(purchase_covariates, name="purchase_covariates", caller=caller)
    of_churn = _checks.columns(churn_covariates, name="churn_covariates", caller=caller)
    names = list(dict.fromkeys([*of_purchase, *of_churn]))
    read = _rows.read(summary, caller=caller, covariates=names)
    _rows.enough(read, caller)
    rows, unit = _bg_nbd.weighted(read)
    columns = _standardised(read, names)
    purchase = [columns[name] for name in of_purchase]
    churn = [columns[name] for name in of_churn]
    best = _climb(rows, [z for z, _, _ in purchase], [z for z, _, _ in churn], penalty, caller)
    return _model(read, rows, unit, best, of_purchase, of_churn, purchase + churn)


def _climb(
    rows: Weighted, purchase: list[Floats], churn: list[Floats], penalty: float, caller: str
) -> _fit.Optimum:
    """Fit without covariates first: they move the optimum little."""

    def plain(part: Weighted) -> _fit.Objective:
        return _fit.penalised(ParetoLikelihood(part), penalty, part.n, 4)

    mean_rate = float(rows.weight @ rows.x / (rows.weight @ rows.T))
    starts = [np.log([r, r / mean_rate, s, beta]) for r, s, beta in _SHAPES]
    best: _fit.Optimum = _bg_nbd.from_coarse(plain, rows, starts, caller)
    if not (purchase or churn):
        return best
    start = np.concatenate([best.theta, np.zeros(len(purchase) + len(churn))])
    whole = _fit.penalised(ParetoLikelihood(rows, purchase, churn), penalty, rows.n, 4)
    return _fit.maximise(
        whole, [start], rows.n, caller=caller,
        advice="Do covariates say the same twice? Leave one of them out.",
    )  # fmt: skip


def _standardised(read: _rows.Summary, names: list[str]) -> dict[str, tuple[Floats, float, float]]:
    """Return each covariate of the different rows with mean 0 and deviation 1, and these two."""
    found = _rows.distinct(read.columns())
    made = {}
    for name, values in zip(names, read.covariates, strict=True):
        mean, spread = float(values.mean()), float(values.std())
        if not spread > 1e-12 * max(abs(mean), 1e-300):
            raise DataError(
                f"fit_pareto_nbd: covariate {name!r} has the same value for all customers, so that "
                "nothing can be learned of it. Leave it out."
            )
        made[name] = ((values[found.first] - mean) / spread, mean, spread)
    return made


def _model(
    read: _rows.Summary, rows: Weighted, unit: float, best: _fit.Optimum,
    of_purchase: list[str], of_churn: list[str], scaled: list[tuple[Floats, float, float]],
) -> ParetoNbdModel:  # fmt: skip
    """Return to the caller's units of time and covariates: a linear map of the log-parameters."""
    size = 4 + len(scaled)
    back = np.eye(size)
    for k, (_, mean, spread) in enumerate(scaled):
        base = 1 if k < len(of_purchase) else 3
        back[4 + k, 4 + k] = 1 / spread
        back[base, 4 + k] = mean / spread
    theta = back @ best.theta + np.array([0, 1, 0, 1] + [0] * len(scaled)) * np.log(unit)
    names = [*ParetoNbdModel.letters, *(f"purchase_{z}" for z in of_purchase)]
    names += [f"churn_{z}" for z in of_churn]
    r, alpha, s, beta = (float(v) for v in np.exp(theta[:4]))
    coefficients = [float(v) for v in theta[4:]]
    purchase = [z for z, _, _ in scaled[: len(of_purchase)]]
    churn = [z for z, _, _ in scaled[len(of_purchase) :]]
    value = ParetoLikelihood(rows, purchase, churn)(best.theta).value
    return ParetoNbdModel(
        r=r, alpha=alpha, s=s, beta=beta,
        purchase_covariates=tuple(of_purchase), churn_covariates=tuple(of_churn),
        purchase_coefficients=tuple(coefficients[: len(of_purchase)]),
        churn_coefficients=tuple(coefficients[len(of_purchase) :]),
        log_likelihood=float(value - rows.weight @ rows.x * np.log(unit)),
        n_customers=len(read), converged=True, gradient_norm=best.gradient_norm,
        iterations=best.iterations,
        **uncertainty(best.hessian, names, back),
    )  # fmt: skip


def likelihood_ratio_test(restricted: ParetoNbdModel, full: ParetoNbdModel) -> "pd.DataFrame":
    """Test whether the covariates of a Pareto/NBD explain more than chance would.

    ``statistic = 2 (log-likelihood of full - of restricted)``, chi-squared with as many degrees of
    freedom as `full` has more parameters, if the restricted model is true.

    Parameters
    ----------
    restricted, full : ParetoNbdModel
        Two models of the same customers; all covariates of `restricted` are in `full`.

    Returns
    -------
    pandas.DataFrame
        One row: ``statistic`` (float), ``degrees_of_freedom`` (int), ``p_value`` (float).

    Raises
    ------
    OptionError
        If the two are no such models.

    See Also
    --------
    fit_pareto_nbd : fits both.

    References
    ----------
    Wilks (1938), The large-sample distribution of the likelihood ratio, Annals of Mathematical
    Statistics 9(1), 60-62.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    >>> first = purchases.drop_duplicates("customer_id")[["customer_id", "amount"]]
    >>> summary = summary.merge(first.rename(columns={"amount": "first_amount"}))
    >>> plain = crm.btyd.fit_pareto_nbd(summary)
    >>> moved = crm.btyd.fit_pareto_nbd(summary, purchase_covariates=["first_amount"])
    >>> crm.btyd.likelihood_ratio_test(plain, moved)["degrees_of_freedom"].item()
    1
    """
    import pandas as pd
    from scipy.stats import chi2

    caller = "likelihood_ratio_test"
    for name, model in (("restricted", restricted), ("full", full)):
        if not isinstance(model, ParetoNbdModel) or model.log_likelihood is None:
            raise OptionError(
                f"{caller}: {name} must be a model of fit_pareto_nbd; "
                f"got {type(model).__name__}. Fit one."
            )
    inside = set(restricted.purchase_covariates) <= set(full.purchase_covariates) and set(
        restricted.churn_covariates
    ) <= set(full.churn_covariates)
    freedom = len(full._names()) - len(restricted._names())  # noqa: SLF001 - one of ours
    if not inside or freedom < 1 or restricted.n_customers != full.n_customers:
        raise OptionError(
            f"{caller}: full must have all covariates of restricted and more, fitted to the same "
            f"{restricted.n_customers:,} customers. Swap them, or fit both anew."
        )
    gained = 2 * (float(full.log_likelihood or 0.0) - float(restricted.log_likelihood or 0.0))
    statistic = max(gained, 0.0)
    return pd.DataFrame(
        {
            "statistic": [statistic],
            "degrees_of_freedom": [freedom],
            "p_value": [float(chi2.sf(statistic, freedom))],
        }
    )
