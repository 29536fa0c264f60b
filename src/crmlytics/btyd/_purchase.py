"""What all models of purchasing predict, from one code path for new and existing customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _result
from crmlytics._columns import Floats, Ints
from crmlytics.btyd import _counts, _rows
from crmlytics.btyd._fitted import Fitted
from crmlytics.btyd._process import Process
from crmlytics.errors import DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd

PREDICTED = {
    "p_alive": "float",
    "p_alive_later": "float",
    "p_no_purchase": "float",
    "expected_purchases": "float",
    "lower": "int",
    "upper": "int",
    "residual_transactions": "float",
}


@dataclass(frozen=True)
class Customers:
    """The different customers of a summary, ready for prediction."""

    frequency: Floats
    recency: Floats
    age: Floats
    covariates: tuple[Floats, ...]
    future: _counts.Future
    place: Ints  # of each row of the summary among the different ones


@dataclass(frozen=True, kw_only=True)
class PurchaseModel(Fitted):
    """A fitted model of purchasing: predicts for existing and for new customers.

    Times, `horizon` and `discount_rate` are in the periods of the summary it was fitted to.
    """

    age_column: ClassVar[str] = "T"

    def _living(self, x: Floats, age: Floats, covariates: Sequence[Floats]) -> Process:
        """Return what is known of customers who are alive at the end of observation."""
        raise NotImplementedError

    def _p_alive(self, x: Floats, tx: Floats, age: Floats, covariates: Sequence[Floats]) -> Floats:
        """Return the probability of being alive at the end of observation."""
        raise NotImplementedError

    def _shown_alive(self, future: _counts.Future) -> Floats:
        """Return the probability of being alive that predictions show."""
        return future.p_alive

    def _horizon(self, value: Any, caller: str) -> float:
        """Return a horizon, in periods."""
        horizon = _checks.number(value, name="horizon", caller=caller, low=0.0)
        if horizon == 0.0:
            raise OptionError(f"{caller}: horizon must be above 0 periods; got {value!r}.")
        return horizon

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns of a summary that the model reads beside frequency, recency and age."""
        return ()

    def _customers(self, columns: Sequence[Floats]) -> Customers:
        """Find the different customers, and among these the different pairs of x and age."""
        found = _rows.distinct(columns)
        x, tx, age, *covariates = (column[found.first] for column in columns)
        tx = np.minimum(tx, age)
        pairs = _rows.distinct([x, age, *covariates])
        living = self._living(
            x[pairs.first], age[pairs.first], [z[pairs.first] for z in covariates]
        )
        alive = self._p_alive(x, tx, age, covariates)
        future = _counts.Future(living, pairs.place, alive)
        return Customers(x, tx, age, tuple(covariates), future, found.place)

    def _predicted(
        self, customers: Customers, horizon: float, discount_rate: float, confidence: float
    ) -> dict[str, Any]:
        """Return the columns of a prediction, one entry for each different customer."""
        future = customers.future
        lower, upper = _counts.interval(future, horizon, confidence)
        residual = future.p_alive * future.process.residual(discount_rate)[future.place]
        return {
            "p_alive": self._shown_alive(future),
            "p_alive_later": future.p_alive * future.process.survival(horizon)[future.place],
            "p_no_purchase": future.p_none(horizon),
            "expected_purchases": future.expected(horizon),
            "lower": lower,
            "upper": upper,
            "residual_transactions": np.where(np.isfinite(residual), residual, np.nan),
        }

    def predict(
        self,
        summary: IntoDataFrameT,
        *,
        horizon: float,
        discount_rate: float = 0.0,
        confidence: float = 0.95,
        customer_col: str = "customer_id",
    ) -> IntoDataFrameT:
        """Predict what each customer will do in the next `horizon` periods.

        Parameters
        ----------
        summary : table
            One row per customer, as `purchase_summary` makes it; it need not be the one the model
            was fitted to.
        horizon : float
            How far to look ahead, in periods of the summary; above 0. For BG/BB a whole number of
            opportunities.
        discount_rate : float, default 0.0
            Continuous rate per period at which ``residual_transactions`` is discounted; 0 or more.
        confidence : float, default 0.95
            Level of the predictive interval, between 0 and 1.
        customer_col : str, default "customer_id"
            Name of the id. A table without a column "customer_id" is answered without ids, in its
            own order.

        Returns
        -------
        table
            One row per customer, sorted by id: the id, ``p_alive`` (float, probability of being
            alive at the end of observation), ``p_alive_later`` (float, the same `horizon` periods
            later), ``p_no_purchase`` (float, probability of no purchase in the horizon),
            ``expected_purchases`` (float), ``lower``, ``upper`` (int; the count lies in
            this interval, both ends included, with at least the probability `confidence`),
            ``residual_transactions`` (float, all purchases to come, discounted; null where the sum
            does not converge, which can be at a discount rate of 0).

        Raises
        ------
        ColumnError
            If a column is missing or of a wrong type.
        DataError
            If values are unknown or impossible, or ids stand twice.
        OptionError
            If an option has a value outside what it allows.
        """
        horizon = self._horizon(horizon, "predict")
        rate = _checks.number(discount_rate, name="discount_rate", caller="predict", low=0.0)
        level = _checks.confidence(confidence, "predict")
        read = _rows.read(
            summary, caller="predict", customer_col=customer_col, covariates=self.covariates,
            age=self.age_column, result=tuple(PREDICTED),
        )  # fmt: skip
        customers = self._customers(read.columns())
        made = self._predicted(customers, horizon, rate, level)
        columns = {name: values[customers.place] for name, values in made.items()}
        answer: IntoDataFrameT = per_customer(read.source, columns, PREDICTED)
        return answer

    def new_customer(
        self,
        horizon: float,
        *,
        discount_rate: float = 0.0,
        confidence: float = 0.95,
        **covariates: float,
    ) -> "pd.DataFrame":
        """Predict what a customer does in the first `horizon` periods after the first purchase.

        Parameters
        ----------
        horizon : float
            How far to look ahead, in periods of the summary; above 0.
        discount_rate : float, default 0.0
            Continuous rate per period at which ``residual_transactions`` is discounted; 0 or more.
        confidence : float, default 0.95
            Level of the predictive interval, between 0 and 1.
        **covariates : float
            A value for each covariate of the model.

        Returns
        -------
        pandas.DataFrame
            One row with the columns of `predict` but the id. The first purchase is not counted.
        """
        import pandas as pd

        horizon = self._horizon(horizon, "new_customer")
        rate = _checks.number(discount_rate, name="discount_rate", caller="new_customer", low=0.0)
        level = _checks.confidence(confidence, "new_customer")
        customers = self._newcomer(covariates, "new_customer")
        return pd.DataFrame(self._predicted(customers, horizon, rate, level))

    def pmf(self, n: Any, horizon: float, **covariates: float) -> Any:
        """Probability that a new customer makes n repeat purchases in the first `horizon` periods.

        Parameters
        ----------
        n : int or sequence of int
            Numbers of purchases after the first; 0 or more.
        horizon : float
            In periods of the summary; above 0.
        **covariates : float
            A value for each covariate of the model.

        Returns
        -------
        float or numpy.ndarray
            A probability for each n.
        """
        horizon = self._horizon(horizon, "pmf")
        counts = np.atleast_1d(np.asarray(n))
        if counts.dtype.kind not in "iu" or counts.ndim != 1 or (counts < 0).any():
            raise OptionError(
                f"pmf: n must be a whole number of 0 or more, or a list of such; "
                f"got {_checks.shown(n)}."
            )
        customers = self._newcomer(covariates, "pmf")
        future = customers.future
        tails = []
        for tail in future.process.tails(horizon):
            tails.append(float(future.p_alive[0] * tail[0]))
            if len(tails) > counts.max() or tails[-1] == 0.0:
                break
        exceeded = np.concatenate(
            [[1.0], tails, np.zeros(max(int(counts.max()) + 1 - len(tails), 0))]
        )
        chances = (exceeded[:-1] - exceeded[1:])[counts]
        return float(chances[0]) if np.ndim(n) == 0 else chances

    def _newcomer(self, covariates: dict[str, float], caller: str) -> Customers:
        """Return a new customer: an existing one of whom nothing has been seen yet."""
        if set(covariates) != set(self.covariates):
            raise OptionError(
                f"{caller}: the model has the covariates {list(self.covariates)}; "
                f"got {sorted(covariates)}. Give a number for each."
            )
        values = [
            np.array([_checks.number(covariates[name], name=name, caller=caller, low=-np.inf)])
            for name in self.covariates
        ]
        return self._customers([np.zeros(1), np.zeros(1), np.zeros(1), *values])

    def simulate(
        self, n_customers: int, *, horizon: float, random_state: int = 0
    ) -> "pd.DataFrame":
        """Draw new customers from the model and watch each for `horizon` periods.

        Parameters
        ----------
        n_customers : int
            How many; 1 or more.
        horizon : float
            Age of each at the end of observation, in periods; above 0.
        random_state : int, default 0
            Seed: same call, same answer.

        Returns
        -------
        pandas.DataFrame
            A summary: ``customer_id`` (int, from 1), ``frequency`` (int), ``recency``, ``T``
            (float; ``n_opportunities``, int, for BG/BB) and ``alive`` (bool, the truth that no
            real table has).
        """
        import pandas as pd

        n = _checks.whole(n_customers, name="n_customers", caller="simulate", low=1)
        horizon = self._horizon(horizon, "simulate")
        seed = _checks.whole(random_state, name="random_state", caller="simulate", low=0)
        if self.covariates:
            raise OptionError(
                "simulate: the model has covariates, whose values no model knows. Fit one without."
            )
        x, tx, alive = self._simulated(n, horizon, np.random.default_rng(seed))
        return pd.DataFrame(
            {
                "customer_id": np.arange(1, n + 1),
                "frequency": x,
                "recency": tx,
                self.age_column: np.full(n, horizon).astype(tx.dtype),
                "alive": alive,
            }
        )

    def _simulated(self, n: int, age: float, rng: np.random.Generator) -> tuple[Any, Any, Any]:
        """Draw frequency, recency and whether alive at `age`."""
        raise NotImplementedError


def per_customer(source: Any, columns: dict[str, Any], schema: dict[str, str]) -> Any:
    """Return columns beside the id of their row, sorted by it; without an id in the table's order.

    NaN leaves as null.
    """
    made = {name: _result.column(values) for name, values in columns.items()}
    if "customer" not in source.names:
        return _result.native(source, pa.table(made), schema)
    keys = source.keys("customer")
    if len(keys.codes) and np.bincount(keys.codes, minlength=keys.size).max() > 1:
        twice = int((np.bincount(keys.codes, minlength=keys.size) > 1).sum())
        raise DataError(
            f"{source.caller}: {twice:,} ids of {source.names['customer']!r} (customer_col) stand "
            f"in more than one row of {source.argument}. Give each customer one row."
        )
    made["customer"] = _result.ids(source.column("customer"))
    # codes of whole numbers stand in the order of the ids: most tables are sorted already
    is_sorted = keys.low is not None and bool((keys.codes[1:] > keys.codes[:-1]).all())
    return _result.native(
        source, pa.table(made), {"customer": "id", **schema},
        sort_by=() if is_sorted else ["customer"],
    )  # fmt: skip
