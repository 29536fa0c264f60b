"""Models that were fitted with lifetimes, taken over."""

from typing import Any

import numpy as np

from crmlytics.btyd import _gamma_gamma
from crmlytics.btyd._bg_bb import BgBbModel
from crmlytics.btyd._bg_nbd import BgNbdModel, MbgNbdModel
from crmlytics.btyd._fitted import Fitted
from crmlytics.btyd._gamma_gamma import GammaGammaModel
from crmlytics.btyd._pareto_nbd import ParetoNbdModel
from crmlytics.errors import OptionError

_KINDS: dict[str, type[Fitted]] = {
    "BetaGeoFitter": BgNbdModel,
    "ModifiedBetaGeoFitter": MbgNbdModel,
    "ParetoNBDFitter": ParetoNbdModel,
    "BetaGeoBetaBinomFitter": BgBbModel,
    "GammaGammaFitter": GammaGammaModel,
}
_PLAIN: dict[type[Fitted], dict[str, Any]] = {
    ParetoNbdModel: {
        "purchase_covariates": (), "churn_covariates": (),
        "purchase_coefficients": (), "churn_coefficients": (),
    },
    GammaGammaModel: {"correlation": None, "n_excluded": 0},
}  # fmt: skip


def from_lifetimes(fitter: Any) -> Any:
    """Take over the parameters of a fitted model of the package lifetimes.

    Parameters are read from ``fitter.params_``; lifetimes itself is not imported. What it says of
    its fit is not taken over, as its likelihoods and covariances are on other scales: the model has
    no log-likelihood and no standard errors.

    Parameters
    ----------
    fitter : BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter, BetaGeoBetaBinomFitter or \
GammaGammaFitter
        A model of lifetimes after ``fit``.

    Returns
    -------
    BgNbdModel, MbgNbdModel, ParetoNbdModel, BgBbModel or GammaGammaModel
        A model that predicts like any other; ``converged`` is False.

    Raises
    ------
    FitError
        If a Gamma-Gamma has q of 1 or below, so that spend has no mean.
    OptionError
        If the object is no such model, or was not fitted.

    See Also
    --------
    fit_pareto_nbd : fits anew, with standard errors; lifetimes' own fit may stop short.

    Examples
    --------
    >>> import crmlytics as crm
    >>> class BetaGeoFitter:  # stands here for that of lifetimes
    ...     params_ = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    >>> crm.btyd.from_lifetimes(BetaGeoFitter()).new_customer(52)["expected_purchases"].round(2)
    0    1.45
    Name: expected_purchases, dtype: float64
    """
    caller, name = "from_lifetimes", type(fitter).__name__
    if name not in _KINDS:
        raise OptionError(
            f"{caller}: fitter must be a fitted model of lifetimes ({', '.join(_KINDS)}); "
            f"got {name}. Hand over the object that fit() was called on."
        )
    kind = _KINDS[name]
    parameters = getattr(fitter, "params_", None)
    if parameters is None or not len(parameters):
        raise OptionError(f"{caller}: the {name} is not fitted yet. Call its fit() first.")
    values: dict[str, Any] = {letter: _number(parameters, letter, name) for letter in kind.letters}
    if kind is GammaGammaModel:
        _gamma_gamma.refuse_no_mean(values["q"], caller)
    data = getattr(fitter, "data", None)
    model: Fitted = kind(
        **values, **_PLAIN.get(kind, {}), log_likelihood=None,
        n_customers=0 if data is None else len(data), converged=False, gradient_norm=None,
        iterations=0, log_covariance=None,
    )  # fmt: skip
    return model


def _number(parameters: Any, letter: str, name: str) -> float:
    try:
        value = float(parameters[letter])
    except (KeyError, TypeError, ValueError):
        value = np.nan
    if not (np.isfinite(value) and value > 0):
        raise OptionError(
            f"from_lifetimes: the {name} has no parameter {letter!r} above 0 in params_. "
            "Fit it again."
        )
    return value
