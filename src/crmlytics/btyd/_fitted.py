"""What all models of purchasing and spend share: their fit, as numbers and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from crmlytics import _checks, _intervals
from crmlytics._columns import Floats
from crmlytics._model import Model
from crmlytics.btyd import _fit

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Fitted(Model):
    """A model fitted by maximum likelihood.

    Attributes
    ----------
    log_likelihood : float or None
        At the parameters, in the unit of time and money of the summary; None for parameters taken
        over from elsewhere.
    n_customers : int
        Customers the model was fitted to.
    converged : bool
        Always True after a fit, which raises otherwise; False for parameters taken over.
    gradient_norm : float or None
        Largest derivative of the mean log-likelihood by the logarithm of a parameter.
    iterations : int
        How often the likelihood was evaluated on all customers.
    log_covariance : tuple or None
        Covariance of the logarithms of the parameters (of coefficients as they are), without the
        directions in which the likelihood is flat; None for parameters taken over.
    unidentified : tuple of str
        Parameters that the data leave open, alone or but for a ratio: they have no standard error.
    """

    log_likelihood: float | None
    n_customers: int
    converged: bool
    gradient_norm: float | None
    iterations: int
    log_covariance: tuple[tuple[float, ...], ...] | None
    unidentified: tuple[str, ...] = ()

    letters: ClassVar[tuple[str, ...]] = ()

    def _names(self) -> list[str]:
        return list(self.letters)

    def _estimates(self) -> Floats:
        return np.array([getattr(self, letter) for letter in self.letters])

    def _is_log(self) -> Any:
        """Mark the parameters that are positive, and have their interval on the log scale."""
        return np.ones(len(self._names()), dtype=bool)

    @property
    def covariance(self) -> Any:
        """Covariance matrix of the parameters, in the order of `summary`; None where there is none.

        Inverse of the observed information in logarithms, times the parameters (delta method). NaN
        in the rows and columns of `unidentified` parameters.
        """
        if self.log_covariance is None:
            return None
        scale = np.where(self._is_log(), self._estimates(), 1.0)
        scale = np.where(np.isin(self._names(), self.unidentified), np.nan, scale)
        return np.array(self.log_covariance) * np.outer(scale, scale)

    @property
    def aic(self) -> float | None:
        """Akaike's information criterion: 2 k - 2 log-likelihood."""
        return (
            None
            if self.log_likelihood is None
            else 2 * len(self._names()) - 2 * self.log_likelihood
        )

    @property
    def bic(self) -> float | None:
        """Schwarz's criterion: k ln(customers) - 2 log-likelihood."""
        if self.log_likelihood is None or self.n_customers < 1:
            return None
        return float(len(self._names()) * np.log(self.n_customers)) - 2 * self.log_likelihood

    def summary(self, *, confidence: float = 0.95) -> "pd.DataFrame":
        """Return the parameters with standard errors and intervals.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the interval, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            One row per parameter: ``parameter`` (str), ``estimate``, ``standard_error``, ``lower``,
            ``upper`` (float). The interval of a positive parameter is made on the log scale and so
            stays positive. Errors and bounds of `unidentified` parameters are null.
        """
        import pandas as pd

        z = _intervals.z_value(_checks.confidence(confidence, "summary"))
        estimate, is_log = self._estimates(), self._is_log()
        if self.log_covariance is None:
            error = np.full(len(estimate), np.nan)
        else:
            error = np.sqrt(np.diag(np.array(self.log_covariance)))
            error[np.isin(self._names(), self.unidentified)] = np.nan
        with np.errstate(over="ignore"):
            lower = np.where(is_log, estimate * np.exp(-z * error), estimate - z * error)
            upper = np.where(is_log, estimate * np.exp(z * error), estimate + z * error)
        return pd.DataFrame(
            {
                "parameter": pd.Series(self._names(), dtype="str"),
                "estimate": estimate,
                "standard_error": error * np.where(is_log, estimate, 1.0),
                "lower": lower,
                "upper": upper,
            }
        )


def uncertainty(hessian: Floats, names: Sequence[str], back: Any = None) -> dict[str, Any]:
    """Return the fields of a model that say how sure its parameters are."""
    matrix, loose = _fit.covariance(hessian, back)
    rows = None if matrix is None else tuple(tuple(float(v) for v in row) for row in matrix)
    open_ones = tuple(name for name, flag in zip(names, loose, strict=True) if flag)
    return {"log_covariance": rows, "unidentified": open_ones}
