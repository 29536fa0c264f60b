"""What turns features into probabilities: logistic regression, boosted trees, any classifier."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmlytics._columns import Floats, Ints
from crmlytics.errors import DataError

# Types that a kept classifier may hold; never read from the file itself.
TRUSTED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
# small trees: the defaults of scikit-learn learn the noise of tables of some thousand customers
BOOSTING = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 40,
    "max_iter": 150,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 0,
}
_FOLDS = 5
_MOST = 200_000  # rows that calibration looks at
_EDGE = 1e-9
_SEPARATED = 30.0  # a logit per standard deviation that no real difference has


def logit(p: Floats) -> Floats:
    inside = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def expit(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def logistic(X: Floats, y: Ints) -> tuple[float, Floats]:
    """Fit logistic regression with a slight ridge; return intercept and coefficients."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(max_iter=2_000).fit(X, y)
    return float(fitted.intercept_[0]), np.asarray(fitted.coef_[0], dtype=np.float64)


def inference(X: Floats, y: Ints, groups: Ints) -> tuple[Floats, Floats, Floats]:
    """Return odds ratios' logarithms, standard errors and p-values without the ridge; NaN if none.

    Errors are robust to several rows of one customer. Columns that others add up to have none.
    """
    import warnings

    import statsmodels.api as sm
    from scipy.linalg import qr

    k = X.shape[1]
    none = np.full(k, np.nan)
    whole = np.column_stack([np.ones(len(X)), X])
    _, triangle, order = qr(whole, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    kept = np.sort(order[size > 1e-8 * max(size[0], 1.0)])
    kept = np.union1d(kept, [0])
    options = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    if len(np.unique(groups)) == len(groups):
        options = {"cov_type": "HC1"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            family = sm.families.Binomial()
            fitted = sm.GLM(y, whole[:, kept], family=family).fit(maxiter=100, **options)
        except Exception:  # noqa: BLE001 - separation, or no optimum: then there is no inference
            return none, none.copy(), none.copy()
    if not fitted.converged or np.abs(fitted.params).max() > _SEPARATED:
        return none, none.copy(), none.copy()
    found = [none.copy() for _ in range(3)]
    for column, values in zip(found, (fitted.params, fitted.bse, fitted.pvalues), strict=True):
        column[kept[1:] - 1] = np.asarray(values)[1:]
    return found[0], found[1], found[2]


def boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(**BOOSTING)


def keep(classifier: Any) -> NDArray[np.uint8]:
    """Pack a classifier without pickle; empty where it holds types that are not trusted."""
    import skops.io

    packed = skops.io.dumps(classifier)
    unknown = set(skops.io.get_untrusted_types(data=packed)) - set(TRUSTED)
    return np.frombuffer(b"" if unknown else packed, dtype=np.uint8)


def restore(packed: NDArray[np.uint8]) -> Any:
    """Unpack a classifier; only trusted types are ever made."""
    import skops.io

    try:
        return skops.io.loads(packed.tobytes(), trusted=list(TRUSTED))
    except Exception as error:
        raise DataError(
            "predict: the trees of the model cannot be read: the file was damaged, or made by "
            "another version of scikit-learn. Fit the model again."
        ) from error


def probabilities(classifier: Any, X: Floats) -> Floats:
    """Return the probability of class 1."""
    return np.asarray(classifier.predict_proba(X)[:, 1], dtype=np.float64)


def folds(groups: Ints, n: int = _FOLDS) -> Ints:
    """Return a fold for each row; all rows of a customer are in one."""
    different, place = np.unique(groups, return_inverse=True)
    fold = np.arange(len(different)) % n
    np.random.default_rng(0).shuffle(fold)
    return np.asarray(fold[place], dtype=np.int64)


def held_out(make: Any, X: Floats, y: Ints, groups: Ints) -> tuple[Floats, Ints]:
    """Return probabilities of rows by models that did not see their customer, and the labels."""
    if len(y) > _MOST:
        rows = np.sort(np.random.default_rng(0).choice(len(y), _MOST, replace=False))
        X, y, groups = X[rows], y[rows], groups[rows]
    fold, found = folds(groups), np.full(len(y), np.nan)
    for each in range(_FOLDS):
        test = fold == each
        if test.any() and 0 < y[~test].sum() < np.count_nonzero(~test):
            found[test] = make(X[~test], y[~test])(X[test])
    known = ~np.isnan(found)
    return found[known], y[known]


def calibration(p: Floats, y: Ints) -> tuple[float, float]:
    """Return slope and intercept of the logit that make probabilities true (Platt 1999)."""
    x, slope, intercept = logit(p), 1.0, 0.0
    for _ in range(50):
        mu = expit(slope * x + intercept)
        w = mu * (1 - mu) + 1e-12
        gradient = np.array([((y - mu) * x).sum(), (y - mu).sum()])
        curve = np.array([[(w * x * x).sum(), (w * x).sum()], [(w * x).sum(), w.sum()]])
        step = np.linalg.lstsq(curve, gradient, rcond=None)[0]
        slope, intercept = slope + float(step[0]), intercept + float(step[1])
        if np.abs(step).max() < 1e-10:
            break
    return (slope, intercept) if slope > 0 else (1.0, 0.0)


def log_loss(p: Floats, y: Ints) -> float:
    inside = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.where(y == 1, np.log(inside), np.log1p(-inside)).mean())
