"""The fitted model of churn: probabilities, deciles, and what drives them."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crmlytics import _checks, _frame, _intervals, _periods, _result
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics._model import Model
from crmlytics.churn import _design, _drivers, _estimators
from crmlytics.churn._design import Design
from crmlytics.errors import ColumnError, DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.stable.v2.typing import IntoDataFrameT

N_DRIVERS = 3
_ROWS = 20_000  # looked at together where drivers are sought


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ChurnModel(Model):
    """What :func:`fit_churn` returns.

    Attributes
    ----------
    estimator : str
        What was fitted: "logistic", "boosting", "btyd" or the name of a scikit-learn class.
    horizon_days : int or None
        Length of the outcome that the probabilities speak of; None where the labels did not say.
    features : tuple of str
        Columns that ``predict`` needs.
    base_rate : float
        Share of churned rows in the fit.
    n, n_customers : int
        Rows and customers of the fit.
    calibration_slope, calibration_intercept : float
        What probabilities of trees were corrected by; 1 and 0 where they were not.
    """

    estimator: str
    customer_name: str
    horizon_days: int | None
    base_rate: float
    n: int
    n_customers: int
    features: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    logged: tuple[bool, ...]
    fill: tuple[float, ...]
    unknown: tuple[bool, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    intercept: float
    coefficients: tuple[float, ...]
    log_odds: tuple[float | None, ...]  # without the ridge, and their errors
    errors: tuple[float | None, ...]
    p_values: tuple[float | None, ...]
    calibration_slope: float
    calibration_intercept: float
    packed: NDArray[np.uint8] | None  # trees
    references: tuple[tuple[float | None, ...], ...]  # rows that features are replaced from
    purchases: Model | None  # of "btyd"
    tried_estimator: tuple[str, ...]
    tried_log_loss: tuple[float, ...]

    def __repr__(self) -> str:
        return (
            f"ChurnModel(estimator={self.estimator!r}, horizon_days={self.horizon_days}, "
            f"n={self.n:,}, base_rate={self.base_rate:.3f})"
        )

    @property
    def design(self) -> Design:
        """How features become the columns of the model."""
        return Design(
            self.features, self.levels, self.logged, self.fill, self.unknown, self.centre,
            self.scale,
        )  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file; ``crmlytics.load_model(path)`` returns an equal one.

        Parameters
        ----------
        path : path
            File to write; one that is there is replaced.

        Raises
        ------
        DataError
            If the file cannot be written, or the classifier is of a class that cannot be kept
            without pickle.
        """
        if self.estimator not in {"logistic", "btyd"} and (
            self.packed is None or not len(self.packed)
        ):
            raise DataError(
                f"save: a {self.estimator} holds parts that cannot be kept safely. Keep the "
                "features and fit it again, or use estimator='logistic' or 'boosting'."
            )
        super().save(path)

    def summary(self, *, confidence: float = 0.95) -> "pd.DataFrame":
        """Return the columns of a logistic model, and otherwise what was tried.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.

        Returns
        -------
        pandas.DataFrame
            For "logistic" one row a column: ``column`` (str), ``coefficient`` (float, per standard
            deviation, with the slight ridge that predictions use), ``odds_ratio``, ``lower``,
            ``upper`` (float, of a fit without it; errors are robust to several rows of a customer),
            ``p_value`` (float); null where others add up to the column or no such fit exists.
            Otherwise ``estimator`` and ``log_loss`` of what was tried on customers held out.
        """
        import pandas as pd

        level = _checks.confidence(confidence, "summary")
        if self.estimator != "logistic":
            tried = {"estimator": self.tried_estimator, "log_loss": self.tried_log_loss}
            return pd.DataFrame(tried).astype({"estimator": "str", "log_loss": float})
        z = _intervals.z_value(level)
        odds = np.array([np.nan if v is None else v for v in self.log_odds], dtype=float)
        error = np.array([np.nan if v is None else v for v in self.errors], dtype=float)
        return pd.DataFrame(
            {
                "column": self.design.columns,
                "coefficient": self.coefficients,
                "odds_ratio": np.exp(odds),
                "lower": np.exp(odds - z * error),
                "upper": np.exp(odds + z * error),
                "p_value": [np.nan if v is None else v for v in self.p_values],
            }
        )

    def predict(
        self,
        features: "IntoDataFrameT",
        *,
        drivers: bool = True,
        customer_col: str | None = None,
    ) -> "IntoDataFrameT":
        """Say how probable it is that each customer leaves, and why.

        Parameters
        ----------
        features : table
            The columns of the fit, as :func:`churn_features` makes them; further ones are not
            read, except ``cutoff``, which is handed on, and ``horizon_days``, which must be that
            of the fit.
        drivers : bool, default True
            Whether to say what drives each probability.
        customer_col : str, optional
            Column of the ids; by default called as in the fit.

        Returns
        -------
        table
            One row for each row of `features`, sorted by id (and cutoff): the id, ``cutoff`` (date,
            where there is one), ``churn_probability`` (float), ``decile`` (int, 1 is the tenth
            with the highest probabilities; equal ones share it), and with `drivers` ``driver_1``
            to ``driver_3`` (str, the features that move the probability most) with
            ``effect_1`` to ``effect_3`` (float, by how much on the logit scale; above 0 towards
            leaving).

        Raises
        ------
        ColumnError
            If a feature of the fit is missing or of another type.
        DataError
            If ids are null.
        OptionError
            If the features are for another horizon, or an option has a value outside what it
            allows.

        Notes
        -----
        Drivers of "logistic" are exact: coefficient times distance from the mean. Those of other
        models are by substitution: how much the logit falls, on average, where the feature is
        replaced by that of five reference customers of the fit.
        """
        caller = "predict"
        _checks.flag(drivers, name="drivers", caller=caller)
        column = customer_col or self.customer_name
        source, read = self._read(features, column, caller)
        p = self._probabilities(read)
        columns: dict[str, Any] = {"customer": _result.ids(source.column("customer"))}
        kinds = {"customer": "id"}
        if "cutoff" in source.names:
            columns["cutoff"] = _periods.timestamps(source.ticks("cutoff").days())
            kinds["cutoff"] = "date"
        columns |= {"churn_probability": pa.array(p), "decile": pa.array(_drivers.deciles(p))}
        kinds |= {"churn_probability": "float", "decile": "int"}
        if drivers:
            names, effects = self._drivers(read)
            for k in range(N_DRIVERS):
                columns[f"driver_{k + 1}"] = pa.array(names[k], pa.string())
                columns[f"effect_{k + 1}"] = _result.column(effects[k])
                kinds |= {f"driver_{k + 1}": "text", f"effect_{k + 1}": "float"}
        keys = [name for name in ("customer", "cutoff") if name in columns]
        answer: IntoDataFrameT = _result.native(source, pa.table(columns), kinds, sort_by=keys)
        return answer

    def drivers(self, features: "IntoDataFrameT") -> "IntoDataFrameT":
        """Say which features move probabilities most over all rows of a table.

        Parameters
        ----------
        features : table
            As for ``predict``.

        Returns
        -------
        table
            One row a feature, the strongest first: ``feature`` (str), ``importance`` (float, mean
            size of its effect on the logit), ``share`` (float, of all importance), ``direction``
            (float, correlation of the feature with its effect, from -1 to 1; null for text).

        Raises
        ------
        ColumnError, DataError, OptionError
            As in ``predict``.
        """
        source, read = self._read(features, self.customer_name, "drivers")
        effects = self._effects(read)
        size = np.abs(effects).mean(axis=0) if len(effects) else np.zeros(len(self.features))
        order = np.lexsort([np.arange(len(size)), -size])
        total = size.sum()
        table = pa.table(
            {
                "feature": [self.features[k] for k in order],
                "importance": size[order],
                "share": _result.column(
                    size[order] / total if total else np.full(len(size), np.nan)
                ),
                "direction": _result.column(
                    [_drivers.direction(read[self.features[k]], effects[:, k]) for k in order]
                ),
            }
        )
        kinds = {"feature": "text", "importance": "float", "share": "float", "direction": "float"}
        answer: IntoDataFrameT = _result.native(source, table, kinds)
        return answer

    def _read(self, features: Any, column: str, caller: str) -> tuple[Source, dict[str, Any]]:
        opened, _ = _frame.open_table(features, caller=caller, argument="features", lazy=False)
        roles: dict[str, str | None] = {"customer_col": column}
        if "cutoff" in opened.columns:
            roles["cutoff"] = "cutoff"
        missing = [name for name in self.features if name not in opened.columns]
        if missing:
            raise ColumnError(
                f"{caller}: features lacks {missing[:5]}, which the model was fitted to. Make it "
                "as the table of the fit was made."
            )
        answer = ("churn_probability", "decile", "driver_1", "effect_1")
        source = _frame.read(
            features, caller=caller, argument="features", roles=roles, result=answer
        )
        _same_horizon(source, self.horizon_days)
        read = _design.read_features(source, list(self.features), "features")
        for name, levels in zip(self.features, self.levels, strict=True):
            if len(read[name]) and (read[name].dtype == object) is not bool(levels):
                if not _design.unknown(read[name]).all():
                    held = "text" if levels else "numbers"
                    raise ColumnError(
                        f"{caller}: column {name!r} of features held {held} when the model was "
                        "fitted. Make it as the table of the fit was made."
                    )
                nothing: Any = [None] if levels else [np.nan]
                read[name] = np.array(nothing * len(read[name]), object if levels else float)
        return source, read

    def _probabilities(self, read: dict[str, Any]) -> Floats:
        if self.estimator == "logistic":
            X = self.design.matrix(read)
            return _estimators.expit(self.intercept + X @ np.asarray(self.coefficients))
        if self.estimator == "btyd":
            return _drivers.btyd_probabilities(self.purchases, read, self.horizon_days)
        return self._of_trees(self.design.raw(read))

    def _of_trees(self, raw: Floats) -> Floats:
        if not len(raw):
            return np.zeros(0)
        p = _estimators.probabilities(self._classifier(), raw)
        return _estimators.expit(
            self.calibration_slope * _estimators.logit(p) + self.calibration_intercept
        )

    def _classifier(self) -> Any:
        live = self.__dict__.get("_live")
        if live is None:
            packed = np.zeros(0, dtype=np.uint8) if self.packed is None else self.packed
            live = _estimators.restore(packed)
            object.__setattr__(self, "_live", live)  # read once; the model is what was fitted
        return live

    def _effects(self, read: dict[str, Any]) -> Floats:
        """Return the effect of each feature on the logit of each row."""
        n = len(next(iter(read.values())))
        if self.estimator == "logistic":
            parts = self.design.matrix(read) * np.asarray(self.coefficients)
            owner, effects = self.design.owner, np.zeros((n, len(self.features)))
            for column, feature in enumerate(owner):
                effects[:, feature] += parts[:, column]
            return effects
        blocks = [
            self._substituted({name: values[at : at + _ROWS] for name, values in read.items()})
            for at in range(0, n, _ROWS)
        ]
        return np.vstack([np.zeros((0, len(self.features))), *blocks])

    def _substituted(self, read: dict[str, Any]) -> Floats:
        """Return how much the logit falls where a feature is replaced by that of references."""
        owner: Ints = np.arange(len(self.features))
        if self.estimator == "btyd":
            raw = np.column_stack([read[name] for name in self.features])
        else:
            raw, owner = self.design.raw(read), _drivers.raw_owner(self.design)
        before = _estimators.logit(self._of_raw(raw))
        effects = np.zeros((len(raw), len(self.features)))
        for feature in range(len(self.features)):
            columns = owner == feature
            for row in np.array(self.references, dtype=np.float64):
                changed = raw.copy()
                changed[:, columns] = row[columns]
                effects[:, feature] += before - _estimators.logit(self._of_raw(changed))
        return effects / max(len(self.references), 1)

    def _of_raw(self, raw: Floats) -> Floats:
        """Return probabilities for columns as they are."""
        if self.estimator != "btyd":
            return self._of_trees(raw)
        possible = _drivers.possible(raw.copy(), self.features)
        named = dict(zip(self.features, possible.T, strict=True))
        return _drivers.btyd_probabilities(self.purchases, named, self.horizon_days)

    def _drivers(self, read: dict[str, Any]) -> tuple[list[list[str | None]], list[Floats]]:
        effects = self._effects(read)
        order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :N_DRIVERS]
        rows = np.arange(len(effects))
        names: list[list[str | None]] = []
        sizes: list[Floats] = []
        for k in range(N_DRIVERS):
            if k >= effects.shape[1]:
                names.append([None] * len(rows))
                sizes.append(np.full(len(rows), np.nan))
                continue
            names.append([self.features[feature] for feature in order[:, k].tolist()])
            sizes.append(effects[rows, order[:, k]])
        return names, sizes


def _same_horizon(source: Source, horizon: int | None) -> None:
    """Refuse features that were made for another horizon."""
    other = [each for each in _design.horizons(source) if each != horizon]
    if horizon is not None and other:
        raise OptionError(
            f"{source.caller}: features are for a horizon of {other[0]} days, the model "
            f"for {horizon}. Fit a model for the horizon you ask about."
        )
