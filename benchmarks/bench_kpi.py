"""Cohorts, KPIs and growth from order lines: crmlytics against pandas, Polars and DuckDB."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from _bench import OURS, Case, Comparison, Rows, column, duckdb_table, main

from crmlytics.kpi import cohort_table, growth_accounting, kpi_table

COUNTS = ("active", "new", "retained", "resurrected", "churned")


# --- pandas, as it is usually written -------------------------------------------------------------


def cohorts_pandas(lines: pd.DataFrame) -> pd.DataFrame:
    lines = lines.assign(
        month=lines["date"].dt.to_period("M"),
        cohort=lines.groupby("customer_id")["date"].transform("min").dt.to_period("M"),
    )
    active = lines.groupby(["cohort", "month"])["customer_id"].nunique().reset_index(name="value")
    active["age"] = (active["month"] - active["cohort"]).map(lambda offset: offset.n)
    wide = active.pivot(index="cohort", columns="age", values="value")
    rates = wide.div(wide[0], axis=0).stack().rename("rate").reset_index()
    return active.merge(rates, on=["cohort", "age"])


def growth_pandas(lines: pd.DataFrame) -> pd.DataFrame:
    lines = lines[["customer_id"]].assign(month=lines["date"].dt.to_period("M"))
    active = lines.drop_duplicates().sort_values(["customer_id", "month"])
    before = active.groupby("customer_id")["month"].shift()
    active["new"] = before.isna()
    active["retained"] = before + 1 == active["month"]
    table = active.groupby("month").agg(
        active=("customer_id", "size"), new=("new", "sum"), retained=("retained", "sum")
    )
    return _movements(table).reset_index()


def kpis_pandas(lines: pd.DataFrame) -> pd.DataFrame:
    months = lines.assign(month=lines["date"].dt.to_period("M")).groupby("month")
    table = months.agg(revenue=("amount", "sum"), orders=("order_id", "nunique")).reset_index()
    table = table.merge(growth_pandas(lines), on="month")
    table["aov"] = table["revenue"] / table["orders"]
    table["arpu"] = table["revenue"] / table["active"]
    return table


def _movements(table: pd.DataFrame) -> pd.DataFrame:
    table["resurrected"] = table["active"] - table["new"] - table["retained"]
    table["churned"] = table["active"].shift() - table["retained"]
    return table


# --- pandas, tuned: months as numbers, customers and months made distinct first -------------------


def _months(lines: pd.DataFrame) -> Any:
    return lines["date"].to_numpy().astype("M8[M]").astype(np.int64)


def _active(lines: pd.DataFrame) -> pd.DataFrame:
    pairs = np.sort(lines["customer_id"].to_numpy() * 10_000 + _months(lines))
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])]
    return pd.DataFrame({"customer_id": pairs // 10_000, "month": pairs % 10_000})


def cohorts_tuned(lines: pd.DataFrame) -> pd.DataFrame:
    active = _active(lines)
    active["cohort"] = active.groupby("customer_id")["month"].transform("min")
    table = active.groupby(["cohort", "month"]).size().reset_index(name="value")
    table["age"] = table["month"] - table["cohort"]
    table["rate"] = table["value"] / table.groupby("cohort")["value"].transform("first")
    return table


def growth_tuned(lines: pd.DataFrame) -> pd.DataFrame:
    active = _active(lines)
    before = active.groupby("customer_id")["month"].shift()
    active["new"] = before.isna()
    active["retained"] = before + 1 == active["month"]
    table = active.groupby("month").agg(
        active=("customer_id", "size"), new=("new", "sum"), retained=("retained", "sum")
    )
    return _movements(table).reset_index()


def kpis_tuned(lines: pd.DataFrame) -> pd.DataFrame:
    months = lines.assign(month=_months(lines)).groupby("month")
    table = months.agg(revenue=("amount", "sum"), orders=("order_id", "nunique")).reset_index()
    return table.merge(growth_tuned(lines), on="month")


# --- Polars ---------------------------------------------------------------------------------------


def _polars_active(lines: pl.DataFrame) -> pl.LazyFrame:
    month = pl.col("date").dt.year() * 12 + pl.col("date").dt.month()
    return lines.lazy().select("customer_id", month=month).unique()


def cohorts_polars(lines: pl.DataFrame) -> pl.DataFrame:
    active = _polars_active(lines).with_columns(cohort=pl.col("month").min().over("customer_id"))
    table = active.group_by("cohort", "month").agg(value=pl.len()).sort("cohort", "month")
    first = pl.col("value").first().over("cohort")
    age = pl.col("month") - pl.col("cohort")
    return table.with_columns(age=age, rate=pl.col("value") / first).collect()


def _polars_growth(lines: pl.DataFrame) -> pl.LazyFrame:
    before = pl.col("month").shift().over("customer_id", order_by="month")
    active = _polars_active(lines).with_columns(before=before)
    table = active.group_by("month").agg(
        active=pl.len().cast(pl.Int64),
        new=pl.col("before").is_null().sum().cast(pl.Int64),
        retained=(pl.col("before") + 1 == pl.col("month")).sum().cast(pl.Int64),
    )
    return table.sort("month").with_columns(
        resurrected=pl.col("active") - pl.col("new") - pl.col("retained"),
        churned=pl.col("active").shift() - pl.col("retained"),
    )


def growth_polars(lines: pl.DataFrame) -> pl.DataFrame:
    return _polars_growth(lines).collect()


def kpis_polars(lines: pl.DataFrame) -> pl.DataFrame:
    month = pl.col("date").dt.year() * 12 + pl.col("date").dt.month()
    table = (
        lines.lazy()
        .group_by(month=month)
        .agg(revenue=pl.col("amount").sum(), orders=pl.col("order_id").n_unique())
    )
    return table.join(_polars_growth(lines), on="month").sort("month").collect()


# --- DuckDB ---------------------------------------------------------------------------------------

ACTIVE = """
    active AS (
        SELECT DISTINCT customer_id, year(date) * 12 + month(date) AS month FROM lines
    )
"""
COHORTS = f"""
    WITH {ACTIVE},
    born AS (SELECT *, min(month) OVER (PARTITION BY customer_id) AS cohort FROM active),
    cells AS (SELECT cohort, month, count(*) AS value FROM born GROUP BY ALL)
    SELECT
        cohort, month - cohort AS age, value,
        value / first_value(value) OVER (PARTITION BY cohort ORDER BY month) AS rate
    FROM cells ORDER BY cohort, age
"""
MOVED = f"""
    {ACTIVE},
    paired AS (
        SELECT *, lag(month) OVER (PARTITION BY customer_id ORDER BY month) AS before FROM active
    ),
    counted AS (
        SELECT
            month,
            count(*) AS active,
            count(*) FILTER (before IS NULL) AS new,
            count(*) FILTER (before = month - 1) AS retained
        FROM paired GROUP BY month
    ),
    moved AS (
        SELECT
            *,
            active - new - retained AS resurrected,
            lag(active) OVER (ORDER BY month) - retained AS churned
        FROM counted
    )
"""
GROWTH = f"WITH {MOVED} SELECT * FROM moved ORDER BY month"
KPIS = f"""
    WITH {MOVED},
    money AS (
        SELECT
            year(date) * 12 + month(date) AS month,
            sum(amount) AS revenue,
            count(DISTINCT order_id) AS orders
        FROM lines GROUP BY 1
    )
    SELECT * FROM money JOIN moved USING (month) ORDER BY month
"""


# --- the answers must be the same -----------------------------------------------------------------


def same_cohorts(answers: dict[str, Any], rows: Rows) -> None:
    """Customers and rates must be equal for every cohort and age."""
    ours = answers[OURS].dropna(subset="value")
    for name, answer in answers.items():
        table = ours if name == OURS else answer
        values, rates = column(table, "value"), column(table, "rate")
        there = values > 0
        by_age = np.bincount(column(table, "age").astype(np.int64), values)
        assert np.array_equal(by_age, np.bincount(ours["age"], ours["value"])), name
        assert np.allclose(rates[there], ours.loc[ours["value"] > 0, "rate"]), name
    born = ours.loc[ours["age"] == 0, "value"].sum()
    assert born == rows.pandas["customer_id"].nunique()


def same_growth(answers: dict[str, Any], rows: Rows) -> None:
    """All movements must be equal month by month, and revenue and orders where they are there."""
    ours = answers[OURS].rename(columns={"returning": "retained", "reactivated": "resurrected"})
    later = slice(1, None)  # the first month has none before it
    for name, answer in answers.items():
        table = ours if name == OURS else answer
        for each in COUNTS:
            found, expected = column(table, each)[later], column(ours, each)[later]
            assert np.array_equal(found.astype(np.int64), expected.astype(np.int64)), (name, each)
        if "orders" in ours:
            assert np.array_equal(column(table, "orders"), column(ours, "orders")), name
            assert np.allclose(column(table, "revenue"), column(ours, "revenue")), name
    assert ours["new"].sum() == rows.pandas["customer_id"].nunique()
    if "orders" in ours:
        assert np.isclose(ours["revenue"].sum(), rows.pandas["amount"].sum())
        assert ours["orders"].sum() == rows.pandas["order_id"].nunique()


def compare(title: str, cases: list[Any], check: Any) -> Comparison:
    ours, usual, tuned, polars, sql = cases
    return Comparison(
        title,
        {
            OURS: Case("pandas", ours),
            "pandas": Case("pandas", usual),
            "pandas, tuned": Case("pandas", tuned),
            "Polars": Case("polars", polars),
            "DuckDB": Case("duckdb", lambda connection: duckdb_table(connection, sql)),
        },
        check,
        memory=(OURS, "pandas"),
        faster_than={"pandas": 2.0},
        memory_below=1.0,
    )


COMPARISONS = {
    "cohorts": compare(
        "`cohort_table(lines)`",
        [cohort_table, cohorts_pandas, cohorts_tuned, cohorts_polars, COHORTS],
        same_cohorts,
    ),
    "kpis": compare(
        "`kpi_table(lines)`", [kpi_table, kpis_pandas, kpis_tuned, kpis_polars, KPIS], same_growth
    ),
    "growth": compare(
        "`growth_accounting(lines)`",
        [growth_accounting, growth_pandas, growth_tuned, growth_polars, GROWTH],
        same_growth,
    ),
}

if __name__ == "__main__":
    main("bench_kpi", COMPARISONS)
