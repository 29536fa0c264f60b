"""Purchases parted at a day, and what models fitted to the first part say of the second."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _checks, _codes, _frame, _result
from crmlytics._columns import Floats, Ints
from crmlytics.btyd import _bg_nbd, _pareto_nbd, _total
from crmlytics.btyd._summary import UNITS
from crmlytics.errors import CrmlyticsError, DataError, OptionError

NAIVE = "naive"
MODELS = ("pareto_nbd", "bg_nbd", "mbg_nbd", NAIVE)
_FITS: dict[str, Any] = {
    "pareto_nbd": _pareto_nbd.fit_pareto_nbd,
    "bg_nbd": _bg_nbd.fit_bg_nbd,
    "mbg_nbd": _bg_nbd.fit_mbg_nbd,
}


@dataclass(frozen=True)
class Split:
    """Customers at the end of calibration, and the days they bought on afterwards."""

    source: _frame.Source
    ids: Any
    frequency: Floats
    recency: Floats
    age: Floats
    actual: Ints
    horizon: float

    def summary(self) -> Any:
        import pandas as pd

        return pd.DataFrame({"frequency": self.frequency, "recency": self.recency, "T": self.age})


@dataclass(frozen=True)
class Forecast:
    """What one model says of each customer; without a fit it says nothing."""

    model: Any
    columns: dict[str, Any]
    total: tuple[float, float]


def named(models: Any, caller: str) -> list[str]:
    given = _checks.columns(models, name="models", caller=caller)
    for name in given:
        _checks.choice(name, MODELS, name="models", caller=caller)
    if not given:
        raise OptionError(f"{caller}: models is empty. Name at least one of {MODELS}.")
    return given


def part(
    transactions: Any, caller: str, calibration_end: Any, horizon: Any, period: Any, **columns: Any
) -> Split:
    """Read purchases and part them at the end of calibration."""
    end = _checks.day(calibration_end, name="calibration_end", caller=caller)
    ahead = _checks.number(horizon, name="horizon", caller=caller, low=0.0)
    unit = UNITS[_checks.period(period, caller)]
    until = end + int(np.floor(ahead * unit + 1e-9))
    if until <= end:
        raise OptionError(f"{caller}: horizon must be a day or longer; got {horizon!r} {period}.")
    source, who, when = purchase_days(transactions, caller, **columns)
    first_day, last_day = source.days("date") if source.n_rows else (end + 1, end)
    if first_day > end:
        raise DataError(
            f"{caller}: nobody bought by calibration_end {_checks.iso(end)}. Choose a later day."
        )
    if last_day < until:
        most = (last_day - end) / unit
        raise DataError(
            f"{caller}: the data end on {_checks.iso(last_day)}, before the horizon does "
            f"({_checks.iso(until)}): what happened is not known yet. Choose horizon={most:.4g} or "
            "less, or an earlier calibration_end."
        )
    size = source.keys("customer").size
    early, late = when <= end, (when > end) & (when <= until)
    made = np.bincount(who[early], minlength=size)
    first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, np.iinfo(np.int64).min)
    np.minimum.at(first, who[early], when[early])
    np.maximum.at(last, who[early], when[early])
    order = source.keys("customer").sort(np.flatnonzero(made))
    return Split(
        source, _result.ids(source.keys("customer").take(order)),
        (made[order] - 1).astype(np.float64), (last[order] - first[order]) / unit,
        (end - first[order]) / unit, np.bincount(who[late], minlength=size)[order], ahead,
    )  # fmt: skip


def purchase_days(
    transactions: Any,
    caller: str,
    *,
    customer_col: str,
    date_col: str,
    amount_col: str | None,
    result: tuple[str, ...] = (),
) -> tuple[_frame.Source, Ints, Ints]:
    """Return the different days on which customers bought: code of customer and day of each."""
    roles: dict[str, str | None] = {"customer_col": customer_col, "date_col": date_col}
    opened, _ = _frame.open_table(transactions, caller=caller, argument="transactions", lazy=False)
    if amount_col is not None and (amount_col != "amount" or amount_col in opened.columns):
        roles["amount_col"] = amount_col
    source = _frame.read(
        transactions, caller=caller, argument="transactions", roles=roles,
        result=result,
    )  # fmt: skip
    negative = _codes.returns(source)
    bought = None if negative is None else ~negative
    codes = _codes.pick(source.keys("customer").codes, bought)
    days = _codes.pick(source.ticks("date").days(), bought)
    if not len(days):
        return source, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    found, span, low = _codes.days_of(codes, source.keys("customer").size, days)
    who = found.present // span
    return source, who, found.present - who * span + low


def forecasts(
    split: Split, names: Sequence[str], level: float, caller: str, *, totals: bool
) -> dict[str, Any]:
    """Fit each model and predict; None for one that does not fit, after a warning."""
    made: dict[str, Any] = {}
    for name in names:
        if name == NAIVE:
            made[name] = _naive(split, level)
            continue
        try:
            with _checks.speaking_as(caller):
                made[name] = _fitted(split, name, level, totals=totals)
        except CrmlyticsError as error:
            reason = str(error).split(": ", 1)[-1]
            if len(names) == 1:
                raise
            _checks.warn(f"{caller}: {name} does not fit and is left out: {reason}")
            made[name] = None
    if not any(made.values()):
        raise DataError(f"{caller}: no model fits these data. Take a longer period.")
    return made


def _fitted(split: Split, name: str, level: float, *, totals: bool) -> Forecast:
    summary = split.summary()
    model: Any = _FITS[name](summary)
    customers = model._customers([split.frequency, split.recency, split.age])  # noqa: SLF001
    said = model._predicted(customers, split.horizon, 0.0, level)  # noqa: SLF001 - one of ours
    columns = {key: said[key][customers.place] for key in ("expected_purchases", "lower", "upper")}
    columns["p_any_purchase"] = 1 - said["p_no_purchase"][customers.place]
    total = (np.nan, np.nan)
    if totals:
        row = _total.total_interval(model, summary, horizon=split.horizon, confidence=level)
        total = (float(row["lower"].iloc[0]), float(row["upper"].iloc[0]))
    return Forecast(model, columns, total)


def _naive(split: Split, level: float) -> Forecast:
    """Let everyone go on as before: Poisson at the rate so far."""
    from scipy.stats import poisson

    aged = split.age > 0
    rate = np.where(aged, split.frequency / np.where(aged, split.age, 1.0), 0.0)
    mean = rate * split.horizon
    side = (1 - level) / 2
    return Forecast(
        None,
        {
            "expected_purchases": mean,
            "lower": np.maximum(poisson.ppf(side, mean), 0.0).astype(np.int64),
            "upper": np.maximum(poisson.ppf(1 - side, mean), 0.0).astype(np.int64),
            "p_any_purchase": -np.expm1(-mean),
        },
        (np.nan, np.nan),
    )
