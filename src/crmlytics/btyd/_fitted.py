"""What all models of purchasing and spend share: their fit, as numbers and as a table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from crmlytics import _checks, _intervals
from crmlytics._columns import Floats
from crmlytics._model import Model

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
        Covariance of the logarithms of the parameters (of coefficients as they are); None where
        the likelihood is flat, so that no standard errors exist.
    """

    log_likelihood: float | None
    n_customers: int
    converged: bool
    gradient_norm: float | None
    iterations: int
    log_covariance: tuple[tuple[float, ...], ...] | None

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

        Inverse of the observed information in logarithms, times the parameters (delta method).
        """
        if self.log_covariance is None:
            return None
        scale = np.where(self._is_log(), self._estimates(), 1.0)
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
            stays positive. Standard errors are null where the likelihood is flat.
        """
        import pandas as pd

        z = _intervals.z_value(_checks.confidence(confidence, "summary"))
        estimate, is_log = self._estimates(), self._is_log()
        if self.log_covariance is None:
            error = np.full(len(estimate), np.nan)
        else:
            error = np.sqrt(np.diag(np.array(self.log_covariance)))
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


def nested(matrix: Any) -> tuple[tuple[float, ...], ...] | None:
    """Return a matrix as a value that can be compared and written."""
    return None if matrix is None else tuple(tuple(float(v) for v in row) for row in matrix)
