"""What turns features into probabilities: logistic regression, boosted trees, any classifier."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmlytics import _threads
from crmlytics._columns import Floats, Ints
from crmlytics.churn._measures import logistic_line
from crmlytics.errors import DataError

# Types that a kept classifier may hold; never read from the file itself.
TRUSTED = (
    "numpy.dtype",
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
_SEPARATED = 16.0  # logits that fits only reach on their way to infinity
_SMALL = 100_000  # rows that one thread is done with soon enough


def logit(p: Floats) -> Floats:
    inside = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def expit(x: Floats) -> Floats:
    from scipy.special import expit as stable  # np.exp overflows far from 0

    return np.asarray(stable(x))


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
    if not fitted.converged or np.abs(whole[:, kept] @ fitted.params).max() > _SEPARATED:
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

    try:
        packed = skops.io.dumps(classifier)
        unknown = set(skops.io.get_untrusted_types(data=packed)) - set(TRUSTED)
    except Exception:  # noqa: BLE001 - skops names no errors for what it cannot write
        return np.zeros(0, dtype=np.uint8)
    return np.frombuffer(b"" if unknown else packed, dtype=np.uint8)


def restore(packed: NDArray[np.uint8]) -> Any:
    """Unpack a classifier; only trusted types are ever made."""
    import skops.io

    try:
        classifier = skops.io.loads(packed.tobytes(), trusted=list(TRUSTED))
        _sound(classifier)
    except Exception as error:
        raise DataError(
            "predict: the trees of the model cannot be read: the file was damaged, or made by "
            "another version of scikit-learn. Fit the model again."
        ) from error
    return classifier


def _sound(classifier: Any) -> None:
    """Refuse trees whose branches lead outside of them: reading those can end the process."""
    for predictors in getattr(classifier, "_predictors", ()):
        for each in predictors:
            nodes, inner = each.nodes, each.nodes["is_leaf"] == 0
            for side in ("left", "right"):
                _inside(nodes[side][inner], len(nodes), np.flatnonzero(inner))
            _inside(nodes["feature_idx"][inner], classifier.n_features_in_)
    parts = [part for _, part in getattr(classifier, "steps", ())]
    parts += list(np.ravel(getattr(classifier, "estimators_", ())))
    for part in parts:
        _sound(part)
    tree = getattr(classifier, "tree_", None)
    if tree is not None:
        inner = tree.children_left != -1
        for children in (tree.children_left, tree.children_right):
            _inside(children[inner], tree.node_count, np.flatnonzero(inner))
        _inside(tree.feature[inner], tree.n_features)


def _inside(values: Any, below: int, above: Any = -1) -> None:
    if not ((values < below) & (values.astype(np.int64) > above)).all():
        raise DataError("predict: a branch leads nowhere.")


def probabilities(classifier: Any, X: Floats) -> Floats:
    """Return the probability of class 1."""
    with one_thread(len(X)):
        return np.asarray(classifier.predict_proba(X)[:, 1], dtype=np.float64)


def learn(classifier: Any, X: Floats, y: Ints) -> Any:
    """Fit a classifier and return it."""
    with one_thread(len(X)):
        return classifier.fit(X, y)


@contextmanager
def one_thread(n: int) -> Iterator[None]:
    """Keep small work in one thread: on a busy machine threads wait minutes for each other."""
    if n > _SMALL:
        yield
        return
    with _threads.one_thread("openmp"):
        yield


def in_order(contents: Sequence[Any], groups: Ints) -> tuple[Ints, Ints]:
    """Return an order of rows by what they hold, and their customers numbered in that order.

    Neither ids nor the order of rows play a part: customers go by a hash of all their rows, and
    those with the same rows can stand for each other. The order is as good as random.
    """
    import pandas as pd

    table = pd.DataFrame(dict(enumerate(contents)))
    for name in table.columns:
        if table[name].dtype.kind == "f":
            table[name] += 0.0  # -0.0 has other bytes than 0.0
    row = np.asarray(pd.util.hash_pandas_object(table, index=False), dtype=np.uint64)
    if not len(row):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    _, place = np.unique(groups, return_inverse=True)
    whose = np.zeros(int(place.max()) + 1, dtype=np.uint64)
    np.add.at(whose, place, row)  # wraps, and so does not depend on the order either
    order = np.lexsort([row, place, whose[place]])
    number = np.append(0, np.cumsum(place[order][1:] != place[order][:-1]))
    return order, np.asarray(number, dtype=np.int64)


def folds(groups: Ints, n: int = _FOLDS) -> Ints:
    """Return a fold for each row; all rows of a customer are in one.

    Customers are numbered by :func:`in_order`, so that their numbers are as good as random.
    """
    return np.asarray(groups % n, dtype=np.int64)


def held_out(make: Any, X: Floats, y: Ints, groups: Ints) -> tuple[Floats, Ints]:
    """Return probabilities of rows by models that did not see their customer, and the labels."""
    if len(y) > _MOST:  # the first customers are as good a sample as any
        X, y, groups = X[:_MOST], y[:_MOST], groups[:_MOST]
    fold, found = folds(groups), np.full(len(y), np.nan)
    for each in range(_FOLDS):
        test = fold == each
        if test.any() and 0 < y[~test].sum() < np.count_nonzero(~test):
            found[test] = make(X[~test], y[~test])(X[test])
    known = ~np.isnan(found)
    return found[known], y[known]


def calibration(p: Floats, y: Ints) -> tuple[float, float]:
    """Return slope and intercept of the logit that make probabilities true (Platt 1999)."""
    if not 0 < y.sum() < len(y):
        return 1.0, 0.0
    # Platt's targets: a little off 0 and 1, so that classes without overlap have an optimum
    n1, n0 = int(y.sum()), int(len(y) - y.sum())
    aim = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    line = logistic_line(logit(p), np.ones(len(p)), aim)
    if line is None:  # one probability for all
        return 1.0, 0.0
    intercept, slope = map(float, line[0])
    return (slope, intercept) if slope > 0 else (1.0, 0.0)


def log_loss(p: Floats, y: Ints) -> float:
    inside = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.where(y == 1, np.log(inside), np.log1p(-inside)).mean())
