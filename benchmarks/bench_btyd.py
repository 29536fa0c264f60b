"""Models of purchasing and spend: crmlytics against lifetimes, and pymc-marketing where installed.

`--rows` counts transactions of the largest log: 10,000,000 make 1,000,000 customers whose summary
is simulated, and a log of 5,000,000 lines.
"""

import sys
import warnings
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _bench import OURS, Case, Comparison, Rows, main

from crmlytics.btyd import (
    _bg_nbd,
    _rows,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_pareto_nbd,
    purchase_summary,
)
from crmlytics.btyd._pareto_likelihood import ParetoLikelihood
from crmlytics.datasets import load_cdnow

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lifetimes
    from lifetimes.utils import summary_data_from_transaction_data
warnings.simplefilter("ignore")  # lifetimes divides by zero on its way to the optimum

X = ["frequency", "recency", "T"]
LIFETIMES = "lifetimes"
HORIZON = 90


def simulated(n: int) -> pd.DataFrame:
    """Customers of a Pareto/NBD and Gamma-Gamma: whole days, at most one purchase a day."""
    rng = np.random.default_rng(0)
    age = rng.integers(30, 731, n).astype(float)
    rate, leaving = rng.gamma(0.55, 1 / 74, n), rng.gamma(0.61, 1 / 82, n)
    life = np.minimum(rng.exponential(size=n) / leaving, age)
    x = rng.poisson(rate * life)
    last = np.minimum(np.ceil(life * rng.uniform(size=n) ** (1 / np.maximum(x, 1))), age)
    last = np.where(x > 0, last, 0.0)
    x = np.minimum(x, last)
    scale = rng.gamma(3.74, 1 / 15.44, n)
    spend = rng.gamma(6.25 * np.maximum(x, 1)) / scale / np.maximum(x, 1)
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "frequency": x,
            "recency": last,
            "T": age,
            "monetary_value": np.where(x > 0, spend, 0.0),
        }
    )


class Customers(Rows):
    """Summaries and logs in the form that each comparison takes."""

    @cached_property
    def many(self) -> pd.DataFrame:
        return simulated(max(self.n_rows // 10, 1_000))

    @cached_property
    def tenth(self) -> pd.DataFrame:
        return simulated(max(self.n_rows // 100, 1_000))

    @cached_property
    def repeaters(self) -> pd.DataFrame:
        return self.many[self.many["frequency"] > 0].reset_index(drop=True)

    @cached_property
    def sample(self) -> pd.DataFrame:
        return purchase_summary(load_cdnow(), period="W", as_of="1997-09-30")

    @cached_property
    def master(self) -> pd.DataFrame:
        return purchase_summary(load_cdnow("master"), period="W", as_of="1997-09-30")

    @cached_property
    def log(self) -> pd.DataFrame:
        rng = np.random.default_rng(1)
        n = max(self.n_rows // 2, 1_000)
        days = (rng.uniform(size=n) * 730).astype("m8[D]")
        return pd.DataFrame(
            {
                "customer_id": rng.integers(0, max(n // 5, 1), n),
                "date": (np.datetime64("2024-01-01") + days).astype("M8[us]"),
                "amount": rng.gamma(2.0, 10.0, n).round(2),
            }
        )

    @cached_property
    def fitted(self) -> tuple[Any, Any, pd.DataFrame]:
        """Return our Pareto/NBD and BG/NBD, lifetimes' with the same parameters, customers."""
        ours = fit_pareto_nbd(self.tenth), fit_bg_nbd(self.tenth)
        pareto, bg = lifetimes.ParetoNBDFitter(), lifetimes.BetaGeoFitter()
        pareto.params_ = pd.Series(
            {name: getattr(ours[0], name) for name in ["r", "alpha", "s", "beta"]}
        )
        bg.params_ = pd.Series({name: getattr(ours[1], name) for name in ["r", "alpha", "a", "b"]})
        return ours, (pareto, bg), self.many


def peer(fitter: str) -> Any:
    def run(summary: pd.DataFrame) -> Any:
        columns = ["frequency", "monetary_value"] if fitter == "GammaGammaFitter" else X
        return getattr(lifetimes, fitter)().fit(*(summary[name] for name in columns))

    return run


def same_parameters(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    ours, theirs = answers[OURS], answers[LIFETIMES].params_
    for name in theirs.index:
        assert np.isclose(getattr(ours, name), theirs[name], rtol=2e-3), (name, theirs[name])


def no_worse(takes: str) -> Any:
    """Return a check that our log-likelihood is not below lifetimes', whose fit may stop short."""

    def check(answers: dict[str, Any], rows: Rows) -> None:
        read = _rows.read(getattr(rows, takes), caller="benchmark")
        weighted, unit = _bg_nbd.weighted(read)
        theirs = np.log(answers[LIFETIMES].params_[["r", "alpha", "s", "beta"]].to_numpy(float))
        reached = ParetoLikelihood(weighted)(theirs - np.log(unit) * np.array([0, 1, 0, 1])).value
        reached -= float(weighted.weight @ weighted.x) * np.log(unit)
        gained = answers[OURS].log_likelihood - reached
        print(f"{takes}: our log-likelihood is {gained:.4f} above lifetimes'", file=sys.stderr)
        assert gained > -0.01

    return check


def predicted(which: int) -> dict[str, Case]:
    def ours(given: Any) -> Any:
        models, _, summary = given
        return models[which].predict(summary, horizon=HORIZON)

    def theirs(given: Any) -> Any:
        _, peers, summary = given
        columns = [summary[name] for name in X]
        fitter = peers[which]
        mean = fitter.conditional_expected_number_of_purchases_up_to_time(HORIZON, *columns)
        return np.asarray(mean), np.asarray(fitter.conditional_probability_alive(*columns))

    return {OURS: Case("fitted", ours), LIFETIMES: Case("fitted", theirs)}


def same_predictions(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    ours, (mean, alive) = answers[OURS], answers[LIFETIMES]
    known = np.isfinite(mean)
    assert np.allclose(ours["expected_purchases"][known], mean[known], atol=1e-8)
    assert np.allclose(ours["p_alive"][known], alive[known], atol=1e-8)


def same_summary(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    ours, theirs = answers[OURS], answers[LIFETIMES]
    for name in [*X, "monetary_value"]:
        assert np.allclose(ours[name], theirs[name], rtol=1e-9)


def their_summary(log: pd.DataFrame) -> pd.DataFrame:
    return summary_data_from_transaction_data(
        log, "customer_id", "date", monetary_value_col="amount"
    ).sort_index()


def fits(
    title: str, takes: str, ours: Any, fitter: str, *, least: float = 0, exact: bool = True
) -> Comparison:
    cases = {OURS: Case(takes, ours), LIFETIMES: Case(takes, peer(fitter))}
    if find_spec("pymc_marketing") and fitter in MAPS and takes in {"sample", "master"}:
        cases["pymc-marketing, MAP"] = Case(takes, MAPS[fitter])
    return Comparison(
        title, cases, same_parameters if exact else no_worse(takes), memory=(),
        faster_than={LIFETIMES: least} if least else {},
    )  # fmt: skip


def _map(name: str) -> Any:
    def run(summary: pd.DataFrame) -> Any:
        from pymc_marketing import clv

        model = getattr(clv, name)(summary[["customer_id", *X]])
        return model.fit(method="map")

    return run


MAPS = {"BetaGeoFitter": _map("BetaGeoModel"), "ParetoNBDFitter": _map("ParetoNBDModel")}
PREDICTION = (
    "all columns of `predict` against two of lifetimes, simulated, 1M customers at full size"
)
COMPARISONS = {
    "summary": Comparison(
        "`purchase_summary`, 5M lines of 1M customers at full size",
        {OURS: Case("log", purchase_summary), LIFETIMES: Case("log", their_summary)},
        same_summary, memory=(), faster_than={LIFETIMES: 4},
    ),
    "bg_many": fits(
        "BG/NBD fit, simulated, 1M customers at full size", "many", fit_bg_nbd, "BetaGeoFitter",
        least=8,
    ),
    "bg_sample": fits("BG/NBD fit, CDNOW sample", "sample", fit_bg_nbd, "BetaGeoFitter"),
    "bg_master": fits("BG/NBD fit, CDNOW master", "master", fit_bg_nbd, "BetaGeoFitter"),
    "mbg_master": fits(
        "MBG/NBD fit, CDNOW master", "master", fit_mbg_nbd, "ModifiedBetaGeoFitter"
    ),
    "pareto_sample": fits(
        "Pareto/NBD fit, CDNOW sample", "sample", fit_pareto_nbd, "ParetoNBDFitter", exact=False
    ),
    "pareto_master": fits(
        "Pareto/NBD fit, CDNOW master", "master", fit_pareto_nbd, "ParetoNBDFitter",
        least=10, exact=False,
    ),
    "pareto_tenth": fits(
        "Pareto/NBD fit, simulated, 100k customers at full size", "tenth", fit_pareto_nbd,
        "ParetoNBDFitter", least=10, exact=False,
    ),
    "gamma_gamma": fits(
        "Gamma-Gamma fit, simulated, repeat buyers of 1M at full size", "repeaters",
        fit_gamma_gamma, "GammaGammaFitter", least=3,
    ),
    "predict_bg": Comparison(
        f"BG/NBD: {PREDICTION}", predicted(1), same_predictions, memory=(),
        at_most={LIFETIMES: 1.0},
    ),
    "predict_pareto": Comparison(
        f"Pareto/NBD: {PREDICTION}", predicted(0), same_predictions, memory=(),
        at_most={LIFETIMES: 1.0},
    ),
}  # fmt: skip

if __name__ == "__main__":
    main(Path(__file__).stem, COMPARISONS, Customers)
