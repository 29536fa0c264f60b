"""Who is at risk now, and for how much: chosen, fitted and applied in one call."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _frame, _result
from crmlytics._columns import Floats
from crmlytics.churn import _backtest, _context, _drivers
from crmlytics.churn._backtest import CANDIDATES, Frame
from crmlytics.churn._churn_model import N_DRIVERS, ChurnModel
from crmlytics.churn._features import Context
from crmlytics.errors import DataError, NotEnoughDataError

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

SCHEMA = {
    "customer": "id", "churn_probability": "float", "decile": "int", "value_at_risk": "float",
    **{f"driver_{k + 1}": "text" for k in range(N_DRIVERS)},
    **{f"effect_{k + 1}": "float" for k in range(N_DRIVERS)},
    "model": "text",
}  # fmt: skip
_LEVEL = 0.95


def churn_risk(
    transactions: "IntoDataFrameT",
    *,
    horizon_days: int,
    clv: "IntoDataFrame | None" = None,
    as_of: date | str | None = None,
    n_cutoffs: int = 3,
    candidates: Sequence[str] = CANDIDATES,
    active_within_days: int | None = None,
    interactions: "IntoDataFrame | None" = None,
    customers: "IntoDataFrame | None" = None,
    feedback: "IntoDataFrame | None" = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
    product_col: str | None = "product_id",
    channel_col: str | None = "channel",
    discount_col: str | None = "discount",
) -> "IntoDataFrameT":
    """Say how probable it is that each customer buys nothing in the days to come.

    Labels, features, the choice of a model by :func:`backtest_churn`, its fit to all that is known,
    and prediction, in one call.

    Parameters
    ----------
    transactions : table
        One row per order line.
    horizon_days : int
        How far to look ahead.
    clv : table, optional
        One row a customer with a column "clv", as :func:`crmlytics.kpi.clv` answers: the value at
        risk is the probability times it.
    as_of : date, default the last date of the table
        The day on which the question is asked, inclusive; later rows are not used.
    n_cutoffs, candidates : optional
        As in :func:`backtest_churn`. Where the history is too short for any test, "btyd" is taken.
    active_within_days : int, optional
        Only customers with a purchase in that many days up to `as_of`.
    interactions, customers, feedback : table, optional
        As in :func:`churn_features`, with columns of the usual names.
    customer_col, date_col : str
        Names of the columns.
    amount_col, product_col, channel_col, discount_col : str or None
        As in :func:`churn_features`.

    Returns
    -------
    table
        One row a customer, sorted: the id, ``churn_probability`` (float, of no purchase in the
        horizon), ``decile`` (int, 1 is the tenth most at risk), ``value_at_risk`` (float, in the
        unit of `clv`; without it the probability times what the customer would spend in the
        horizon at the pace so far, measured over a horizon at least; null where that is not
        known), ``driver_1`` to ``driver_3``
        (str, what moves the probability most), ``effect_1`` to ``effect_3`` (float, by how much on
        the logit scale), ``model`` (str, the one chosen).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null, or a customer stands twice in `clv`.
    NotEnoughDataError
        If there is no purchase, or no model can be fitted.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    backtest_churn : how well this would have done.
    fit_churn : the same step by step, with the model kept.

    Examples
    --------
    >>> import crmlytics as crm
    >>> purchases = crm.datasets.load_cdnow()
    >>> risk = crm.churn.churn_risk(purchases, horizon_days=91, candidates=["logistic", "btyd"])
    >>> risk[["customer_id", "churn_probability", "decile", "driver_1"]].head(3).round(2)
       customer_id  churn_probability  decile driver_1
    0            1               0.89       8        T
    1            2               0.98       2   rhythm
    2            3               0.98       1        T
    """
    caller = "churn_risk"
    context = Context(
        interactions, customers, feedback, roles=_backtest.roles(customer_col, date_col)
    )
    n = _checks.whole(n_cutoffs, name="n_cutoffs", caller=caller, low=1)
    asked = _backtest.candidates_of(candidates, caller)
    frame = _backtest.open_frame(
        transactions, caller, horizon_days=horizon_days, gap_days=0,
        active_within_days=active_within_days, as_of=as_of, context=context,
        customer_col=customer_col, date_col=date_col, amount_col=amount_col,
        product_col=product_col, channel_col=channel_col, discount_col=discount_col,
    )  # fmt: skip
    name, model = _chosen(frame, n, asked)
    now = frame.table([frame.last])
    p = model._probabilities(now.read)  # noqa: SLF001 - one of ours
    names, effects = model._drivers(now.read)  # noqa: SLF001
    ids = _result.ids(frame.found.customers).take(pa.array(now.owner))
    worth = _worth(frame, now, clv, caller)
    columns: dict[str, Any] = {
        "customer": ids, "churn_probability": pa.array(p), "decile": _drivers.deciles(p),
        "value_at_risk": _result.column(p * worth),
    }  # fmt: skip
    for k in range(N_DRIVERS):
        columns[f"driver_{k + 1}"] = pa.array(names[k], pa.string())
        columns[f"effect_{k + 1}"] = _result.column(effects[k])
    columns["model"] = pa.array([name] * len(p), pa.string())
    answer: IntoDataFrameT = _result.native(
        frame.source, pa.table(columns), SCHEMA, sort_by=("customer",)
    )
    return answer


def _chosen(frame: Frame, n: int, asked: list[str]) -> tuple[str, ChurnModel]:
    """Return the model that did best on the past, fitted to all that is known."""
    name: str | None = None
    if len(asked) > 1:
        try:
            measured = _backtest.measure(frame, n, asked, _LEVEL)
            chosen = measured.filter(measured["chosen"])["model"].to_pylist()
            name = chosen[0] if chosen else None
        except NotEnoughDataError:
            name = None  # too short to test anything: what needs no outcome is left
    if name is None:
        name = "btyd" if "btyd" in asked else asked[0]
    model, horizon = _backtest.fit_at(frame, name, frame.last, frame.horizon)
    if horizon != frame.horizon:
        raise NotEnoughDataError(
            f"{frame.source.caller}: no outcome of {frame.horizon} days is over, so {name!r} "
            "cannot learn one. Choose a shorter horizon_days, or candidates=['btyd']."
        )
    return name, model


def _worth(frame: Frame, now: Any, clv: Any, caller: str) -> Floats:
    """Return what is lost with each customer; NaN where it is not known."""
    if clv is None:
        spent = now.read.get("monetary")
        if spent is None:
            return np.full(len(now.owner), np.nan)
        return np.asarray(spent / np.maximum(now.read["T"], frame.horizon) * frame.horizon)
    column = frame.source.names["customer"]
    source = _frame.read(
        clv, caller=caller, argument="clv", roles={"customer_col": column, "clv": "clv"},
        maker="crmlytics.kpi.clv",
    )  # fmt: skip
    _frame.same_library(frame.source, source)
    place = _context.rows_of(source, frame.found.customers)
    known = place[place >= 0]
    if len(known) != len(np.unique(known)):
        raise DataError(
            f"{caller}: clv has several rows for one {column!r}. Keep one row for each customer."
        )
    values = np.full(frame.found.n_customers, np.nan)
    values[known] = source.numbers("clv")[place >= 0]
    return np.asarray(values[now.owner])
