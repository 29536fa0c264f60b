"""Cox's proportional hazards: how the risk to leave depends on features and on tenure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _intervals, _life_table, _result
from crmlytics._columns import Floats, Ints
from crmlytics._model import Model
from crmlytics.churn import _cox, _outlook, _spells, _survival_features
from crmlytics.errors import OptionError

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.stable.v2.typing import IntoDataFrameT

PREDICTED = {
    "tenure_days": "int",
    "churn_probability": "float",
    "lower": "float",
    "upper": "float",
    "expected_days": "float",
    "outside": "bool",
}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SurvivalModel(Model):
    """What :func:`fit_survival` returns: a hazard ratio for each feature, and a baseline.

    Attributes
    ----------
    features : tuple of str
        Columns the model reads.
    n, n_churned : int
        Spells it was fitted to, and how many of them had ended.
    log_likelihood, log_likelihood_null : float
        Partial likelihood at the coefficients, and with all of them 0.
    concordance : float or None
        Share of pairs of the fit in which who left earlier had the higher risk (Harrell); 0.5 is
        chance. None without a pair.
    longest_days : int
        Longest tenure seen; beyond it the model knows nothing.
    penalty : float
        As it was asked for.
    """

    customer_name: str
    start_name: str
    end_name: str
    features: tuple[str, ...]
    kinds: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    penalty: float
    n: int
    n_churned: int
    longest_days: int
    log_likelihood: float
    log_likelihood_null: float
    concordance: float | None
    means: tuple[float, ...]
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    check_chi2: tuple[float, ...]
    check_degrees: tuple[int, ...]
    times: Ints  # tenures at which somebody left
    hazard: Floats  # of the baseline up to each, at the means of the features
    hazard_variance: Floats
    drift: Floats  # minus the derivative of the hazard by the coefficients

    def __repr__(self) -> str:
        return (
            f"SurvivalModel(features={list(self.features)!r}, n={self.n:,}, "
            f"n_churned={self.n_churned:,})"
        )

    def summary(self, *, confidence: float = 0.95) -> "pd.DataFrame":
        """Return the hazard ratios.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the interval, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            One row a number, and a level of text or a flag beside the reference: ``feature``,
            ``level``, ``reference`` (str; null for numbers), ``coefficient`` (float, per unit of
            the feature), ``standard_error``, ``hazard_ratio`` (float; 2 = twice the risk at every
            tenure), ``lower``, ``upper`` (float, of the hazard ratio), ``p_value`` (float, Wald).
        """
        import pandas as pd
        from scipy.special import ndtr

        z = _intervals.z_value(_checks.confidence(confidence, "summary"))
        columns = self._coding().columns
        value, error = np.array(self.coefficients), np.sqrt(np.diag(np.array(self.covariance)))
        with np.errstate(over="ignore"):
            ratio = [np.exp(value + side * z * error) for side in (0, -1, 1)]
        return pd.DataFrame(
            {
                **{
                    name: pd.Series([column[k] for column in columns], dtype="str")
                    for k, name in enumerate(("feature", "level", "reference"))
                },
                "coefficient": value,
                "standard_error": error,
                "hazard_ratio": ratio[0],
                "lower": ratio[1],
                "upper": ratio[2],
                "p_value": 2 * ndtr(-np.abs(value) / error),
            }
        )

    def check(self) -> "pd.DataFrame":
        """Test whether the hazard ratios stay the same at all tenures, as the model supposes.

        Score test of an added term, feature * (1 - S(t)), S the Kaplan-Meier curve just before t
        (Grambsch and Therneau 1994, Biometrika 81, 515-526).

        Returns
        -------
        pandas.DataFrame
            One row a feature and a last one for all: ``feature`` (str; null in the last row),
            ``chi2`` (float), ``degrees_of_freedom`` (int), ``p_value`` (float; small where the
            ratio changes with tenure, and the one in `summary` is a mean of early and late).
        """
        import pandas as pd
        from scipy.special import chdtrc

        degrees = np.array(self.check_degrees, dtype=np.int64)
        chi2 = np.where(degrees > 0, np.array(self.check_chi2), np.nan)
        return pd.DataFrame(
            {
                "feature": pd.Series([*self.features, None], dtype="str"),
                "chi2": chi2,
                "degrees_of_freedom": degrees,
                "p_value": np.where(degrees > 0, chdtrc(np.maximum(degrees, 1), chi2), np.nan),
            }
        )

    def predict(
        self,
        customers: "IntoDataFrameT",
        *,
        horizon_days: int,
        as_of: date | str | None = None,
        confidence: float = 0.95,
    ) -> "IntoDataFrameT":
        """Say how likely those who are still there leave within a horizon, given their tenure.

        ``churn_probability = 1 - S(s + horizon) / S(s)``, s the tenure reached on `as_of` and
        ``S(t) = exp(-H(t) exp(x b))``.

        Parameters
        ----------
        customers : table
            Columns called as in the fit: customers, starts and features. Without a column of ends
            all are there; those whose subscriptions ended by `as_of` are left out. Rows of one
            customer are joined as `survival_curve` says; features are those of the spell's start.
        horizon_days : int
            Length of the outlook, in days from the day after `as_of`; 1 or more.
        as_of : date, default the last date of the table, of start or end
            The day on which the question is asked, inclusive.
        confidence : float, default 0.95
            Level of the interval, between 0 and 1.

        Returns
        -------
        table
            One row a customer who is still there, sorted: the id, ``tenure_days`` (int),
            ``churn_probability`` (float, 0 to 1), ``lower``, ``upper`` (float, of that
            probability, from the errors of coefficients and baseline; null where the probability
            is 0), ``expected_days`` (float; days of the horizon the customer is expected to stay),
            ``outside`` (bool; the horizon ends beyond `longest_days`, and the probability counts
            only the risk up to there).

        Raises
        ------
        ColumnError
            If a column is missing, or of another type than in the fit.
        DataError
            If ids, starts or features are null, a level is new, or an end lies before its start.
        OptionError
            If an option has a value outside what it allows, or `as_of` lies before the data.
        """
        caller, argument = "predict", "customers"
        horizon = _spells.horizon(horizon_days, caller)
        z = _intervals.z_value(_checks.confidence(confidence, caller))
        maker = "the columns that the model was fitted to"
        _survival_features.check(customers, self.features, caller, argument, maker)
        opened, _ = _frame.open_table(customers, caller=caller, argument=argument, lazy=False)
        has_ends = self.end_name in opened.collect_schema().names()
        read = _survival_features.roles(self.features)
        spells = _spells.read(
            customers, caller=caller, argument=argument, as_of=as_of,
            at_start=list(read), result=tuple(PREDICTED),
            roles={
                "customer_col": self.customer_name, "start_col": self.start_name,
                "end_col": self.end_name if has_ends else None, **read,
            },
        )  # fmt: skip
        schema = {"customer": "id"} | PREDICTED
        there = ~spells.churned
        rows, tenure = spells.rows[there], spells.tenure[there]
        if not spells.source.n_rows:
            empty: IntoDataFrameT = _result.empty(spells.source, schema)
            return empty
        means = np.array(self.means)
        x = (
            self._coding().read(spells.source, rows) - means
            if len(rows)
            else np.zeros((0, len(means)))
        )
        reduced = _outlook.outlook(self._baseline(), x, tenure, horizon, z)
        keys = spells.source.keys("customer")
        table = pa.table({"customer": _result.ids(keys.take(keys.codes[rows])), **reduced})
        answer: IntoDataFrameT = _result.native(spells.source, table, schema, sort_by=["customer"])
        return answer

    def _baseline(self) -> _outlook.Baseline:
        return _outlook.Baseline(
            self.times, self.hazard, self.hazard_variance, self.drift,
            np.array(self.coefficients), np.array(self.covariance), self.longest_days,
        )  # fmt: skip

    def _coding(self) -> _survival_features.Coding:
        return _survival_features.Coding(self.features, self.kinds, self.levels)


def fit_survival(
    subscriptions: IntoDataFrame,
    *,
    features: str | Sequence[str],
    as_of: date | str | None = None,
    penalty: float = 0.0,
    customer_col: str = "customer_id",
    start_col: str = "start_date",
    end_col: str = "end_date",
) -> SurvivalModel:
    """Fit how the risk to leave depends on features (Cox's proportional hazards).

    ``h(t | x) = h0(t) exp(x b)``: the risk at each tenure is free, and every feature multiplies it
    by a ratio that is the same at all tenures; :meth:`SurvivalModel.check` tests that.

    Parameters
    ----------
    subscriptions : table
        One row a subscription, read as `survival_curve` does; features are those of the row with
        which a spell began.
    features : str or list of str
        Columns of numbers, text or flags, known when a spell began: what has come to be since (all
        payments so far, the last complaint) tells who stayed long. Levels of text are compared
        with the commonest one.
    as_of : date, default the last date of the table, of start or end
        The last day seen, inclusive. Later starts are not used, later ends are open.
    penalty : float, default 0.0
        Pulls coefficients towards 0: the maximum of log-likelihood / n - penalty / 2 * sum of
        squares of the coefficients of standardised features. Intervals do not know of the pull.
    customer_col, start_col, end_col : str
        Names of the columns; the end is null where there is none yet.

    Returns
    -------
    SurvivalModel
        ``predict(customers, horizon_days=...)``, ``summary()``, ``check()``, ``save(path)``, and
        the attributes ``n``, ``n_churned``, ``log_likelihood``, ``concordance`` and others.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids, starts or features are null, a feature is the same everywhere, an end lies before
        its start, or a spell begins with several subscriptions whose features differ.
    FitError
        If a feature is a sum of others, or a coefficient grows without end.
    NotEnoughDataError
        If fewer spells have ended than there are coefficients, and one more.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    See Also
    --------
    survival_curve : the curve without features.
    survival_summary : whether groups differ.

    Notes
    -----
    Partial likelihood with Efron's treatment of ties (statsmodels' PHReg), by Newton's method.
    Baseline: ``H0(t) = sum of 1 / sum of exp(x b)`` over those who left up to t, with Efron's
    weights among ties; without ties it is Breslow's, and without features exp(-H0) comes close to
    Kaplan and Meier's curve where many leave on one day, which Breslow's does not.

    References
    ----------
    Cox (1972), Regression models and life-tables, JRSS B 34, 187-220. Efron (1977), The efficiency
    of Cox's likelihood function for censored data, JASA 72, 557-565. Tsiatis (1981), A large
    sample study of Cox's regression model, Annals of Statistics 9, 93-108.

    Examples
    --------
    The likelihood of the three below is u / (2 u + 1) * 1 / (u + 1), with its maximum where the
    hazard ratio u is the root of one half:

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> subscriptions = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "c"],
    ...         "start_date": pd.to_datetime(["2026-01-01"] * 3),
    ...         "end_date": pd.to_datetime(["2026-01-11", "2026-01-21", "2026-01-31"]),
    ...         "seats": [1, 0, 1],
    ...     }
    ... )
    >>> model = crm.churn.fit_survival(subscriptions, features="seats")
    >>> model.summary()[["feature", "coefficient", "hazard_ratio"]].round(3)
      feature  coefficient  hazard_ratio
    0   seats       -0.347         0.707
    """
    caller, argument = "fit_survival", "subscriptions"
    weight = _checks.number(penalty, name="penalty", caller=caller, low=0.0)
    names = _survival_features.check(subscriptions, features, caller, argument, None)
    columns = {"customer_col": customer_col, "start_col": start_col, "end_col": end_col}
    for option, column in columns.items():
        if _checks.column(column, name=option, caller=caller) in names:
            raise OptionError(
                f"{caller}: features names {column!r}, which is {option} and tells who it is, or "
                "the answer itself. Drop it from features."
            )
    read = _survival_features.roles(names)
    spells = _spells.read(
        subscriptions, caller=caller, argument=argument, as_of=as_of,
        roles=columns | read, at_start=list(read),
    )  # fmt: skip
    advice = "Watch the subscriptions for longer."
    _checks.at_least(2, spells.size, "spells", caller, advice)
    learnt = _survival_features.learn(spells.source, spells.rows, names)
    x = learnt.read(spells.source, spells.rows)
    churned = int(np.count_nonzero(spells.churned))
    _checks.at_least(
        x.shape[1] + 1, churned, f"spells that ended, for {x.shape[1]} coefficients", caller,
        f"{advice[:-1]}, or take fewer features or levels.",
    )  # fmt: skip
    means, scale = x.mean(axis=0), x.std(axis=0)
    order = np.argsort(spells.tenure, kind="stable")
    tenure, gone = spells.tenure[order], spells.churned[order]
    x = (x[order] - means) / scale
    best = _cox.fit(x, tenure, gone, weight, learnt.names, caller)
    found = _cox.moments(x, tenure, gone, best.coefficients)
    tests = _cox.proportional(found, *_clock(tenure, gone), learnt.terms)
    return SurvivalModel(
        customer_name=customer_col, start_name=start_col, end_name=end_col,
        features=learnt.features, kinds=learnt.kinds, levels=learnt.levels, penalty=weight,
        n=spells.size, n_churned=churned, longest_days=int(tenure[-1]),
        log_likelihood=best.log_likelihood, log_likelihood_null=best.log_likelihood_null,
        concordance=_cox.concordance(tenure, gone, x @ best.coefficients),
        means=tuple(means.tolist()), coefficients=tuple((best.coefficients / scale).tolist()),
        covariance=tuple(map(tuple, (best.covariance / np.outer(scale, scale)).tolist())),
        check_chi2=tuple(chi2 for chi2, _ in tests), check_degrees=tuple(df for _, df in tests),
        times=found.times, hazard=np.cumsum(found.hazard),
        hazard_variance=np.cumsum(found.variance),
        drift=np.cumsum(found.drift, axis=0) * scale,
    )  # fmt: skip


def _clock(tenure: Ints, churned: Any) -> tuple[Floats, Ints]:
    """Return 1 - S just before each tenure at which somebody left, and how many did."""
    table = _life_table.life_table(np.zeros(len(tenure), dtype=np.int64), 1, tenure, churned)
    before = np.append(1.0, table.survival()[0][:-1])
    left = table.churned > 0
    return 1 - before[left], table.churned[left]
