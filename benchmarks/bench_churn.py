"""Churn: features, labels and profit against the loop that users write in pandas, and empulse.

`--rows` counts order lines: 10,000,000 make 500,000 customers.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _bench import DAYS, OURS, Case, Comparison, Rows, main
from empulse.metrics import empc_score

from crmlytics.churn import churn_features, churn_labels, expected_maximum_profit

HORIZON = 90
CUTOFFS = [
    np.datetime64("2024-01-01") + np.timedelta64(DAYS - HORIZON - 30 * k - 1, "D")
    for k in range(1, 7)
]
DAY = pd.Timedelta(days=1)


class Scores(Rows):
    """A shop's lines, and a million scores."""

    @cached_property
    def scores(self) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        n = max(self.n_rows // 10, 1_000)
        churned = (rng.random(n) < 0.2).astype(int)
        score = 1 / (1 + np.exp(-(rng.normal(size=n) + 1.2 * churned - 1.5)))
        return pd.DataFrame({"churned": churned, "churn_probability": score})


def our_labels(lines: pd.DataFrame) -> Any:
    return churn_labels(lines, cutoffs=CUTOFFS, horizon_days=HORIZON)


def their_labels(lines: pd.DataFrame) -> Any:
    """Return what a loop over cutoffs gives."""
    parts = []
    for cutoff in CUTOFFS:
        end = pd.Timestamp(cutoff) + DAY
        known = lines.loc[lines["date"] < end, "customer_id"].unique()
        after = lines[(lines["date"] >= end) & (lines["date"] < end + HORIZON * DAY)]
        back = np.isin(known, after["customer_id"].unique())
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": known,
                    "cutoff": pd.Timestamp(cutoff),
                    "churned": (~back).astype(int),
                }
            )
        )
    return pd.concat(parts).sort_values(["customer_id", "cutoff"], ignore_index=True)


def same_labels(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    ours, theirs = answers[OURS], answers["pandas"]
    assert np.array_equal(ours["customer_id"], theirs["customer_id"])
    assert np.array_equal(ours["churned"], theirs["churned"])


def our_features(lines: pd.DataFrame) -> Any:
    return churn_features(lines, cutoffs=CUTOFFS)


def their_features(lines: pd.DataFrame) -> Any:
    """Return the same features by groupby, cutoff by cutoff, as they are written by hand."""
    parts = []
    for cutoff in CUTOFFS:
        end = pd.Timestamp(cutoff) + DAY
        past = lines[lines["date"] < end]
        past = past.assign(day=past["date"].dt.normalize())
        days = past.groupby(["customer_id", "day"], as_index=False).agg(
            amount=("amount", "sum"), lines=("amount", "size")
        )
        days["gap"] = days.groupby("customer_id")["day"].diff().dt.days
        for window in (28, 91, 182):
            days[f"in_{window}"] = days["day"] > pd.Timestamp(cutoff) - window * DAY
        for window in (91, 182):
            days[f"spent_{window}"] = days["amount"].where(days[f"in_{window}"], 0.0)
        by = days.groupby("customer_id")
        made = by.agg(
            n=("day", "size"), first=("day", "min"), last=("day", "max"), lines=("lines", "sum"),
            count_28=("in_28", "sum"), count_91=("in_91", "sum"), count_182=("in_182", "sum"),
            gap_mean=("gap", "mean"), gap_max=("gap", "max"), gap_last=("gap", "last"),
            gap_sd=("gap", "std"), monetary=("amount", "sum"), mean_amount=("amount", "mean"),
            max_amount=("amount", "max"), last_amount=("amount", "last"),
            amount_91=("spent_91", "sum"), amount_182=("spent_182", "sum"),
        )  # fmt: skip
        made["n_products"] = past.groupby("customer_id")["product_id"].nunique()
        made["frequency"] = made["n"] - 1
        made["recency"] = (made["last"] - made["first"]).dt.days
        made["T"] = (pd.Timestamp(cutoff) - made["first"]).dt.days
        made["recency_days"] = (pd.Timestamp(cutoff) - made["last"]).dt.days
        made["rhythm"] = made["recency_days"] / made["gap_mean"]
        made["trend"] = 2 * made["count_91"] - made["count_182"]
        parts.append(made.assign(cutoff=pd.Timestamp(cutoff)).reset_index())
    return pd.concat(parts).sort_values(["customer_id", "cutoff"], ignore_index=True)


def same_features(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    ours, theirs = answers[OURS], answers["pandas"]
    for name in set(ours.columns) & set(theirs.columns) - {"cutoff"}:
        one, other = (np.asarray(table[name], dtype=float) for table in (ours, theirs))
        assert np.allclose(one, other, rtol=1e-9, atol=1e-6, equal_nan=True), name


def same_profit(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    assert abs(answers[OURS]["empc"].iloc[0] - answers["empulse"]) < 1e-9


def their_profit(scores: pd.DataFrame) -> float:
    return float(
        empc_score(
            scores["churned"].to_numpy(), scores["churn_probability"].to_numpy(), alpha=6, beta=14,
            clv=200, incentive_cost=10, contact_cost=1,
        )
    )  # fmt: skip


COMPARISONS = {
    "labels": Comparison(
        "`churn_labels`, six cutoffs",
        {OURS: Case("pandas", our_labels), "pandas": Case("pandas", their_labels)},
        same_labels, memory=(),
    ),
    "features": Comparison(
        "`churn_features`, six cutoffs, 26 features",
        {OURS: Case("pandas", our_features), "pandas": Case("pandas", their_features)},
        same_features, memory=(OURS,), faster_than={"pandas": 5},
    ),
    "profit": Comparison(
        "`expected_maximum_profit`, 1M scores at full size",
        {OURS: Case("scores", expected_maximum_profit), "empulse": Case("scores", their_profit)},
        same_profit, memory=(),
    ),
}  # fmt: skip

if __name__ == "__main__":
    main(Path(__file__).stem, COMPARISONS, Scores)
