"""Surveys and subscriptions: crmlytics against pandas, Polars and DuckDB.

`--rows` counts answers to a survey; 10,000,000 make a million subscriptions.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from _bench import OURS, Rows, Tables, column, duckdb_table, main, on_table

from crmlytics.kpi import mrr_movements, nps

MONTHS = 24


class Customers(Tables):
    """What customers say, and what they subscribe to."""

    @cached_property
    def answers(self) -> pd.DataFrame:
        """Return scores from 0 to 10 for twenty products; one in five did not answer."""
        rng = np.random.default_rng(1)
        product = rng.integers(0, 20, self.n_rows)
        score = rng.binomial(10, 0.7 + product / 100).astype(float)
        score[rng.random(self.n_rows) < 0.2] = np.nan
        return pd.DataFrame({"product_id": product, "score": score})

    @cached_property
    def subscriptions(self) -> pd.DataFrame:
        """Return subscriptions by whole months, two a customer on average; some still run."""
        rng = np.random.default_rng(2)
        n = max(self.n_rows // 10, 1_000)
        start = rng.integers(0, MONTHS - 1, n)
        end = start + rng.geometric(0.12, n)
        first = np.datetime64("2024-01", "M")
        ends = (first + end).astype("M8[us]")
        ends[end >= MONTHS] = np.datetime64("NaT")
        return pd.DataFrame(
            {
                "customer_id": rng.integers(1, n // 2 + 1, n),
                "start_date": (first + start).astype("M8[us]"),
                "end_date": ends,
                "amount": rng.choice([10.0, 19.9, 50.0], n),
            }
        )


# --- NPS by product -------------------------------------------------------------------------------


def our_nps(answers: pd.DataFrame) -> Any:
    return nps(answers, by="product_id")


def nps_pandas(answers: pd.DataFrame) -> pd.DataFrame:
    given = answers.dropna(subset="score")
    kind = pd.cut(given["score"], [-1, 6, 8, 10], labels=["detractors", "passives", "promoters"])
    table = pd.crosstab(given["product_id"], kind)
    table["n"] = table.sum(axis=1)
    return _margins(table)


def nps_tuned(answers: pd.DataFrame) -> pd.DataFrame:
    given = answers.dropna(subset="score")
    given = given.assign(promoter=given["score"] >= 9, detractor=given["score"] <= 6)
    table = given.groupby("product_id").agg(
        promoters=("promoter", "sum"), detractors=("detractor", "sum"), n=("score", "size")
    )
    return _margins(table)


def _margins(table: pd.DataFrame) -> pd.DataFrame:
    up, down = table["promoters"] / table["n"], table["detractors"] / table["n"]
    half = 196 * np.sqrt((up + down - (up - down) ** 2) / table["n"])
    table["nps"] = 100 * (up - down)
    return table.assign(lower=table["nps"] - half, upper=table["nps"] + half).reset_index()


def nps_polars(answers: pl.DataFrame) -> pl.DataFrame:
    table = (
        answers.lazy()
        .filter(pl.col("score").is_not_null())
        .group_by("product_id")
        .agg(
            promoters=(pl.col("score") >= 9).sum(),
            detractors=(pl.col("score") <= 6).sum(),
            n=pl.len(),
        )
    )
    up, down = pl.col("promoters") / pl.col("n"), pl.col("detractors") / pl.col("n")
    half = 196 * ((up + down - (up - down) ** 2) / pl.col("n")).sqrt()
    return (
        table.with_columns(nps=100 * (up - down), half=half)
        .with_columns(lower=pl.col("nps") - pl.col("half"), upper=pl.col("nps") + pl.col("half"))
        .sort("product_id")
        .collect()
    )


NPS = """
    SELECT
        product_id,
        count(*) FILTER (score >= 9) AS promoters,
        count(*) FILTER (score <= 6) AS detractors,
        count(*) AS n,
        100 * (promoters - detractors) / n AS nps,
        196 * sqrt((promoters + detractors - (promoters - detractors) ** 2 / n)) / n AS half
    FROM answers WHERE score IS NOT NULL GROUP BY product_id ORDER BY product_id
"""


def same_nps(answers: dict[str, Any], rows: Rows) -> None:
    """Counts and scores must be equal for every product."""
    del rows
    ours = answers[OURS]
    for name, answer in answers.items():
        for each in ("promoters", "detractors", "n", "nps"):
            found = column(answer, each).astype(float)
            assert np.allclose(found, ours[each].astype(float)), (name, each)


# --- movements of MRR -----------------------------------------------------------------------------


def our_mrr(subscriptions: pd.DataFrame) -> Any:
    return mrr_movements(subscriptions)


def mrr_pandas(subscriptions: pd.DataFrame) -> pd.DataFrame:
    """Make a row for each subscription and month, add up by customer, and compare months."""
    last = subscriptions[["start_date", "end_date"]].max().max()
    months = pd.date_range(subscriptions["start_date"].min(), last, freq="MS")
    first = subscriptions["start_date"].dt.to_period("M").astype("int64")
    end = subscriptions["end_date"].fillna(last + pd.offsets.MonthBegin())
    many = end.dt.to_period("M").astype("int64") - first
    rows = subscriptions[["customer_id", "amount"]].loc[subscriptions.index.repeat(many)]
    rows["month"] = np.repeat(first.to_numpy(), many) + rows.groupby(level=0).cumcount()
    mrr = rows.groupby(["customer_id", "month"])["amount"].sum().unstack(fill_value=0.0)
    mrr = mrr.reindex(columns=range(first.min(), first.min() + len(months)), fill_value=0.0)
    before = mrr.shift(axis=1, fill_value=0.0)
    seen = (before > 0).cummax(axis=1)
    change, here, there = mrr - before, mrr > 0, before > 0
    table = pd.DataFrame(
        {
            "new": change.where(here & ~seen, 0.0).sum(),
            "expansion": change.where(here & there & (change > 0), 0.0).sum(),
            "contraction": -change.where(here & there & (change < 0), 0.0).sum(),
            "churn": -change.where(~here & there, 0.0).sum(),
            "reactivation": change.where(here & ~there & seen, 0.0).sum(),
            "end": mrr.sum(),
        }
    )
    return table.reset_index(drop=True)


MRR = """
    WITH bounds AS (
        SELECT min(start_date) AS first, greatest(max(start_date), max(end_date)) AS last
        FROM subscriptions
    ),
    rows AS (
        SELECT customer_id, amount, unnest(generate_series(
            start_date, coalesce(end_date, last + INTERVAL 1 MONTH) - INTERVAL 1 DAY,
            INTERVAL 1 MONTH
        )) AS month FROM subscriptions, bounds
    ),
    paid AS (
        SELECT customer_id, month, sum(amount) AS mrr FROM rows GROUP BY ALL HAVING sum(amount) > 0
    ),
    paired AS (
        SELECT
            *,
            lag(month) OVER who AS was, lag(mrr) OVER who AS had, lead(month) OVER who AS follows
        FROM paid WINDOW who AS (PARTITION BY customer_id ORDER BY month)
    ),
    moves AS (
        SELECT
            month, mrr AS "end",
            CASE WHEN was IS NULL THEN mrr ELSE 0 END AS new,
            CASE WHEN was < month - INTERVAL 1 MONTH THEN mrr ELSE 0 END AS reactivation,
            CASE WHEN was = month - INTERVAL 1 MONTH THEN greatest(mrr - had, 0) ELSE 0 END
                AS expansion,
            CASE WHEN was = month - INTERVAL 1 MONTH THEN greatest(had - mrr, 0) ELSE 0 END
                AS contraction,
            0 AS churn
        FROM paired
        UNION ALL BY NAME
        SELECT month + INTERVAL 1 MONTH AS month, mrr AS churn, 0 AS "end"
        FROM paired, bounds
        WHERE follows IS DISTINCT FROM month + INTERVAL 1 MONTH
            AND month + INTERVAL 1 MONTH <= last
    )
    SELECT
        month, sum(new) AS new, sum(expansion) AS expansion, sum(contraction) AS contraction,
        sum(churn) AS churn, sum(reactivation) AS reactivation, sum("end") AS "end"
    FROM moves GROUP BY month ORDER BY month
"""


def same_mrr(answers: dict[str, Any], rows: Rows) -> None:
    """Every movement must be equal month by month."""
    del rows
    ours = answers[OURS]
    for name, answer in answers.items():
        for each in ("new", "expansion", "contraction", "churn", "reactivation", "end"):
            found = column(answer, each).astype(float)
            assert np.allclose(found, ours[each].astype(float), atol=0.01), (name, each)


COMPARISONS = {
    "nps": on_table(
        "`nps(answers, by=\"product_id\")`", "answers",
        {
            OURS: our_nps, "pandas": nps_pandas, "pandas, tuned": nps_tuned, "Polars": nps_polars,
            "DuckDB": lambda connection: duckdb_table(connection, NPS),
        },
        same_nps,
    ),
    "mrr": on_table(
        "`mrr_movements(subscriptions)`, 1M subscriptions at full size", "subscriptions",
        {
            OURS: our_mrr, "pandas": mrr_pandas,
            "DuckDB": lambda connection: duckdb_table(connection, MRR),
        },
        same_mrr,
    ),
}  # fmt: skip

if __name__ == "__main__":
    main(Path(__file__).stem, COMPARISONS, Customers)
