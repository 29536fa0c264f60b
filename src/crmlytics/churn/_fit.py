"""Fit models of churn: chosen on customers held out, calibrated, refused where data would lie."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _checks, _frame
from crmlytics._columns import Floats, Ints
from crmlytics.churn import _design, _drivers, _estimators, _table
from crmlytics.churn._churn_model import ChurnModel
from crmlytics.churn._design import Design
from crmlytics.churn._table import Table
from crmlytics.errors import NotEnoughDataError, OptionError

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame

NAMES = ("auto", "logistic", "boosting", "btyd")
_FEWEST = 20  # rows of each class
_REFERENCES = 5
_BEST = ("logistic", "boosting")


def fit_churn(
    features: "IntoDataFrame",
    *,
    label_col: str = "churned",
    estimator: Any = "auto",
    calibrate: bool = True,
    horizon_days: int | None = None,
    exclude: Any = None,
    customer_col: str = "customer_id",
) -> ChurnModel:
    r"""Fit a model of who leaves.

    Parameters
    ----------
    features : table
        One row for each customer (and cutoff) with features and, but for "btyd", the label: the
        answers of :func:`churn_features` and :func:`churn_labels` merged on id and cutoff, or any
        table of customers. Numbers, True and False, and text are features; ``cutoff`` and
        ``horizon_days`` are not.
    label_col : str, default "churned"
        Column with 1 (or True) for those who left, 0 for those who stayed.
    estimator : str or scikit-learn classifier, default "auto"
        "logistic": logistic regression on standardised features, amounts and counts with a long
        tail logged. "boosting": small gradient-boosted trees. "btyd": the probability of no
        purchase in the horizon from a Pareto/NBD model of ``frequency``, ``recency`` and ``T``; it
        needs no label. "auto": "logistic" or "boosting", whichever has the lower log loss on
        customers held out (where there are several cutoffs: on the latest, learnt from those whose
        outcome was over by then). Or an unfitted classifier with ``predict_proba``.
    calibrate : bool, default True
        Whether probabilities of trees and other classifiers are corrected on customers held out
        (Platt scaling). Logistic regression and "btyd" need none.
    horizon_days : int, optional
        Length of the outcome; needed for "btyd" and otherwise read from the column of that name.
    exclude : list of str, optional
        Columns that are no features.
    customer_col : str, default "customer_id"
        Name of the column of ids.

    Returns
    -------
    ChurnModel
        ``predict(features)``, ``drivers(features)``, ``summary()``, ``save(path)``.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or names customers instead of describing them.
    DataError
        If ids or labels are null, labels are other than 0 and 1, or a feature tells the label by
        itself (a leak).
    NotEnoughDataError
        If fewer than 20 rows left, or stayed.
    FitError
        If the model of purchasing cannot be fitted.
    OptionError
        If an option has a value outside what it allows, or the rows are of several horizons.

    Warns
    -----
    CrmlyticsWarning
        If features are left out because they are the same everywhere, all null, or nearly the same
        as an earlier one (correlation above .98); or the classifier weights classes, which
        makes its probabilities wrong.

    See Also
    --------
    backtest_churn : which model would have done best.
    churn_risk : all of it in one call.

    Notes
    -----
    Classes are never weighted and rows never made up: that leaves the order of customers as it is
    and breaks probabilities. Rare churn is a matter of where to cut, see :func:`profit_curve`.
    All rows of a customer are on the same side wherever rows are held out.

    References
    ----------
    Friedman (2001), Greedy function approximation: a gradient boosting machine, Annals of
    Statistics 29, 1189-1232. Platt (1999), Probabilistic outputs for support vector machines, in
    Advances in Large Margin Classifiers, 61-74. Schmittlein, Morrison and Colombo (1987), Counting
    your customers, Management Science 33, 1-24.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> silent = np.arange(200) % 50
    >>> table = pd.DataFrame(
    ...     {
    ...         "customer_id": range(200),
    ...         "recency_days": silent,
    ...         "churned": (silent + 13 * (np.arange(200) % 4) > 40).astype(int),
    ...     }
    ... )
    >>> model = crm.churn.fit_churn(table, estimator="logistic")
    >>> found = model.predict(pd.DataFrame({"customer_id": [1, 2], "recency_days": [5, 45]}))
    >>> found[["customer_id", "churn_probability", "decile", "driver_1"]].round(2)
       customer_id  churn_probability  decile      driver_1
    0            1               0.17       8  recency_days
    1            2               0.91       3  recency_days
    """
    caller = "fit_churn"
    _checks.flag(calibrate, name="calibrate", caller=caller)
    named = _named(estimator, caller)
    horizon = None if horizon_days is None else _checks.whole(
        horizon_days, name="horizon_days", caller=caller, low=1
    )  # fmt: skip
    left_out = _checks.columns(exclude, name="exclude", caller=caller)
    _checks.column(label_col, name="label_col", caller=caller)
    if named == "btyd":
        return _btyd(features, horizon, customer_col, caller)
    table = _table.read(features, caller, label_col, customer_col, left_out, horizon)
    return fitted(table, estimator, calibrate=calibrate, caller=caller)


def in_order(table: Table) -> Table:
    """Return the rows in an order of their own, so that a fit depends on no other and on no ids."""
    contents = [*table.read.values(), table.label]
    contents += [] if table.cutoff is None else [table.cutoff]
    order, owner = _estimators.in_order(contents, table.owner)
    return replace(table.rows(order), owner=owner)


def _named(estimator: Any, caller: str) -> str:
    """Return the name of what is to be fitted; warn of weights that break probabilities."""
    if isinstance(estimator, str):
        return _checks.choice(estimator, NAMES, name="estimator", caller=caller)
    if not hasattr(estimator, "fit") or not hasattr(estimator, "predict_proba"):
        raise OptionError(
            f"{caller}: estimator must be one of {', '.join(map(repr, NAMES))} or a scikit-learn "
            f"classifier with predict_proba; got {_checks.shown(estimator)}."
        )
    options: dict[str, Any] = getattr(estimator, "get_params", dict)()
    weights = options.get("class_weight")
    if weights is not None:
        _checks.warn(
            f"{caller}: the classifier has class_weight={weights!r}, which makes its probabilities "
            "wrong and its order of customers no better. Leave it out, and choose where to cut by "
            "profit."
        )
    return type(estimator).__name__


def fitted(
    table: Table, estimator: Any, *, calibrate: bool, caller: str, trusted: bool = False
) -> ChurnModel:
    """Fit what was asked for to a table that was read, or made by us and so trusted."""
    for value, what in ((1, "left"), (0, "stayed")):
        count = int(np.count_nonzero(table.label == value))
        if count < _FEWEST:
            raise NotEnoughDataError(
                f"{caller}: needs at least {_FEWEST} rows of customers who {what}; got {count}. "
                "Take more cutoffs, or a longer history."
            )
    table = in_order(table)
    _design.refuse_identifiers(table.read, table.owner, caller)
    doubted = {n: v for n, v in table.read.items() if not (trusted and n in _design.OWN)}
    _design.refuse_leaks(doubted, table.label, caller)
    design = _design.fit(table.read, caller, quiet=trusted)
    name, tried = _chosen(table, design, estimator)
    X = design.raw(table.read)
    if name == "logistic":
        return _logistic(table, design, tried)
    classifier = _estimators.boosting() if isinstance(estimator, str) else _clone(estimator)
    slope, intercept = 1.0, 0.0
    if calibrate:
        p, y = _estimators.held_out(_maker(estimator), X, table.label, table.owner)
        slope, intercept = _estimators.calibration(p, y)
    _estimators.learn(classifier, X, table.label)
    model = _made(
        table, design, estimator=name, calibration_slope=slope, calibration_intercept=intercept,
        packed=None if trusted else _estimators.keep(classifier),
        references=_rows(_references(classifier, X)), tried=tried,
    )  # fmt: skip
    object.__setattr__(model, "_live", classifier)
    return model


def _clone(estimator: Any) -> Any:
    from sklearn.base import clone
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    copied = clone(estimator)
    tags = getattr(copied, "__sklearn_tags__", None)
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    reads_unknown = tags is not None and tags().input_tags.allow_nan
    return copied if reads_unknown else make_pipeline(imputer, copied)


def _maker(estimator: Any) -> Any:
    """Return a function from rows and labels to a function from rows to probabilities."""

    def make(X: Floats, y: Ints) -> Any:
        made = _estimators.boosting() if isinstance(estimator, str) else _clone(estimator)
        _estimators.learn(made, X, y)
        return lambda rows: _estimators.probabilities(made, rows)

    return make


def _chosen(table: Table, design: Design, estimator: Any) -> tuple[str, dict[str, float]]:
    """Return the name of the estimator and the log loss of what was tried."""
    if estimator != "auto":
        return (estimator if isinstance(estimator, str) else type(estimator).__name__), {}
    tried = {}
    for name in _BEST:
        p, y = _tried(table, design, name)
        tried[name] = _estimators.log_loss(p, y) if len(y) else np.inf
    return min(tried, key=lambda name: tried[name]), tried


def _tried(table: Table, design: Design, name: str) -> tuple[Floats, Ints]:
    """Return probabilities of rows not learnt from: the latest cutoff, or customers held out."""
    if name == "logistic":
        X = design.matrix(table.read)

        def make(rows: Floats, y: Ints) -> Any:
            intercept, weights = _estimators.logistic(rows, y)
            return lambda others: _estimators.expit(intercept + others @ weights)
    else:
        X, make = design.raw(table.read), _maker(name)
    split = _last_cutoff(table)
    if split is None:
        return _estimators.held_out(make, X, table.label, table.owner)
    past, last = split
    return make(X[past], table.label[past])(X[last]), table.label[last]


def _last_cutoff(table: Table) -> tuple[Any, Any] | None:
    """Return earlier rows whose outcome was over by the latest cutoff, and the rows of it."""
    if table.cutoff is None or table.horizon is None:
        return None
    latest = int(table.cutoff.max())
    past, last = table.cutoff + table.horizon <= latest, table.cutoff == latest
    enough = [np.bincount(table.label[rows], minlength=2).min() for rows in (past, last)]
    return (past, last) if min(enough) >= _FEWEST else None


def _logistic(table: Table, design: Design, tried: dict[str, float]) -> ChurnModel:
    X = design.matrix(table.read)
    intercept, weights = _estimators.logistic(X, table.label)
    odds, errors, p_values = _estimators.inference(X, table.label, table.owner)
    return _made(
        table, design, estimator="logistic", intercept=intercept,
        coefficients=tuple(weights.tolist()), log_odds=_or_none(odds), errors=_or_none(errors),
        p_values=_or_none(p_values), tried=tried,
    )  # fmt: skip


def _or_none(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(v) if np.isfinite(v) else None for v in values)


def _references(classifier: Any, X: Floats) -> Floats:
    """Return rows spread evenly over the probabilities of the fit."""
    order = np.argsort(_estimators.probabilities(classifier, X), kind="stable")
    places = ((np.arange(_REFERENCES) + 0.5) / _REFERENCES * len(order)).astype(np.int64)
    return X[order[places]]


def _rows(values: Floats) -> tuple[tuple[float | None, ...], ...]:
    return tuple(_or_none(row) for row in values)


def _made(table: Table, design: Design, *, tried: dict[str, float], **own: Any) -> ChurnModel:
    """Return a model with what all have in common."""
    values: dict[str, Any] = {
        "customer_name": table.customer_name, "horizon_days": table.horizon,
        "base_rate": float(table.label.mean()), "n": len(table.label),
        "n_customers": len(np.unique(table.owner)), "features": design.features,
        "levels": design.levels, "logged": design.logged, "fill": design.fill,
        "unknown": design.unknown, "centre": design.centre, "scale": design.scale,
        "intercept": 0.0, "coefficients": (), "log_odds": (), "errors": (), "p_values": (),
        "calibration_slope": 1.0, "calibration_intercept": 0.0,
        "packed": None, "references": (), "purchases": None,
        "tried_estimator": tuple(tried), "tried_log_loss": tuple(tried.values()),
    }  # fmt: skip
    return ChurnModel(**(values | own))


def _btyd(features: Any, horizon: int | None, customer_col: str, caller: str) -> ChurnModel:
    """Fit the model of purchasing, which needs no label."""
    roles: dict[str, str | None] = {"customer_col": customer_col}
    roles |= {name: name for name in _drivers.BTYD}
    source = _frame.read(
        features, caller=caller, argument="features", roles=roles, maker="churn_features"
    )
    horizon = _table.horizon_of(source, horizon)
    if horizon is None:
        raise OptionError(f"{caller}: horizon_days is needed for estimator='btyd'. Pass it.")
    numbers = {name: source.numbers(name) for name in _drivers.BTYD}
    owner = np.asarray(source.keys("customer").codes, dtype=np.int64)
    label = np.zeros(len(owner), dtype=np.int64)
    table = Table(numbers, label, owner, None, horizon, customer_col)
    return btyd_of(table, horizon, caller)


def btyd_of(table: Table, horizon: int, caller: str) -> ChurnModel:
    """Fit a model of purchasing to the frequency, recency and age of a table."""
    import pandas as pd

    from crmlytics.btyd import fit_pareto_nbd

    table = in_order(table)
    numbers = {name: np.asarray(table.read[name], dtype=np.float64) for name in _drivers.BTYD}
    with _checks.speaking_as(caller):
        purchases = fit_pareto_nbd(pd.DataFrame(numbers))
    p = _drivers.btyd_probabilities(purchases, numbers, horizon)
    order = np.argsort(p, kind="stable")
    rows = order[((np.arange(_REFERENCES) + 0.5) / _REFERENCES * len(order)).astype(np.int64)]
    names = _drivers.BTYD
    design = Design(
        names, ((),) * 3, (False,) * 3, (0.0,) * 3, (False,) * 3, (0.0,) * 3, (1.0,) * 3
    )
    kept = Table(numbers, table.label, table.owner, table.cutoff, horizon, table.customer_name)
    return _made(
        kept, design, estimator="btyd", base_rate=float(p.mean()),
        references=_rows(np.column_stack([numbers[name][rows] for name in names])),
        purchases=purchases,
        tried={},
    )  # fmt: skip
