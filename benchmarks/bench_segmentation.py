"""RFM from order lines: crmlytics against pandas, Polars and DuckDB.

Ours checks the table, reduces it, scores it and names the segments; the peers reduce and score
only. They break ties by position (rank, NTILE), so scores are not compared, all else is.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from _bench import OURS, Case, Comparison, Rows, column, duckdb_table, main

from crmlytics.segmentation import rfm, rfm_table

ASCENDING = {"recency_days": False, "frequency": True, "monetary": True}
CLASSES = [1, 2, 3, 4, 5]


def by_pandas(lines: pd.DataFrame, count: str) -> pd.DataFrame:
    counted = {"orders": ("order_id", "nunique"), "rows": ("order_id", "size")}
    if count == "days":
        lines = lines.assign(day=lines["date"].dt.normalize())
        counted["days"] = ("day", "nunique")
    table = lines.groupby("customer_id").agg(
        last_date=("date", "max"), frequency=counted[count], monetary=("amount", "sum")
    )
    last = table["last_date"].dt.normalize()
    table["recency_days"] = (last.max() - last).dt.days
    for name, ascending in ASCENDING.items():
        ranks = table[name].rank(method="first", ascending=ascending)
        table[name[0] + "_score"] = pd.qcut(ranks, 5, labels=CLASSES)
    return table.reset_index()


def by_factorize(lines: pd.DataFrame) -> Any:
    """Encode the customers and add up one column: nobody can do less."""
    codes, ids = pd.factorize(lines["customer_id"])
    return np.bincount(codes, lines["amount"], len(ids))


def polars_table(lines: pl.LazyFrame, count: str, **also: pl.Expr) -> pl.LazyFrame:
    frequency = {
        "orders": pl.col("order_id").n_unique(),
        "rows": pl.len(),
        "days": pl.col("date").dt.date().n_unique(),
    }
    table = lines.group_by("customer_id").agg(
        last_date=pl.col("date").max().dt.date(),
        frequency=frequency[count],
        monetary=pl.col("amount").sum(),
        **also,
    )
    last = pl.col("last_date")
    return table.with_columns(recency_days=(last.max() - last).dt.total_days())


def by_polars(lines: pl.DataFrame, count: str) -> pl.DataFrame:
    table = polars_table(lines.lazy(), count)
    scores = {
        name[0] + "_score": (pl.col(name).rank("ordinal", descending=not ascending) - 1)
        * 5
        // pl.len()
        + 1
        for name, ascending in ASCENDING.items()
    }
    return table.with_columns(**scores).sort("customer_id").collect()


def duckdb_sql(count: str, also: str = "") -> str:
    frequency = {
        "orders": "count(DISTINCT order_id)",
        "rows": "count(*)",
        "days": "count(DISTINCT date::DATE)",
    }
    return f"""
        SELECT
            customer_id,
            date_diff('day', max(date)::DATE, (SELECT max(date)::DATE FROM lines)) AS recency_days,
            {frequency[count]} AS frequency,
            sum(amount) AS monetary
            {also}
        FROM lines GROUP BY customer_id
    """


def by_duckdb(connection: Any, count: str) -> Any:
    scored = f"""
        SELECT *,
            ntile(5) OVER (ORDER BY recency_days DESC) AS r_score,
            ntile(5) OVER (ORDER BY frequency) AS f_score,
            ntile(5) OVER (ORDER BY monetary) AS m_score
        FROM ({duckdb_sql(count)}) ORDER BY customer_id
    """
    return duckdb_table(connection, scored)


def same_customers(answers: dict[str, Any], rows: Rows) -> None:
    """Recency and frequency must be equal, and money to half a cent, customer by customer."""
    expected = None
    for name, answer in answers.items():
        if name == "floor":
            assert np.isclose(answer.sum(), rows.pandas["amount"].sum())
            continue
        ids = column(answer, "customer_id")
        order = np.argsort(ids, kind="stable")
        values = {each: column(answer, each)[order] for each in ASCENDING}
        values["customer_id"] = ids[order]
        if expected is None:
            expected = values
            assert np.isclose(values["monetary"].sum(), rows.pandas["amount"].sum())
        for each in ("customer_id", "recency_days", "frequency"):
            assert np.array_equal(values[each], expected[each]), (name, each)
        assert np.abs(values["monetary"] - expected["monetary"]).max() < 0.005, name


def scored(count: str, what: str, *, floor: float | None, ids: str = "numbers") -> Comparison:
    """Compare `rfm` from pandas rows with all peers."""
    main_one = count == "orders" and ids == "numbers"
    return Comparison(
        f'`rfm(lines, count="{count}")`, {what}',
        {
            OURS: Case("pandas", partial(rfm, count=count)),
            "pandas": Case("pandas", partial(by_pandas, count=count)),
            "floor": Case("pandas", by_factorize),
            "Polars": Case("polars", partial(by_polars, count=count)),
            "DuckDB": Case("duckdb", partial(by_duckdb, count=count)),
        },
        same_customers,
        ids=ids,
        memory=(OURS, "pandas", "Polars", "DuckDB") if main_one else (OURS,),
        faster_than={"pandas": 2.0},
        at_most={} if floor is None else {"floor": floor},
        memory_below=1.0,
    )


# --- tables that stay in their engine: first and last dates are asked of both ---------------------


def lazily_polars(lines: pl.DataFrame) -> pl.DataFrame:
    return rfm_table(lines.lazy()).collect()


def lazily_duckdb(connection: Any) -> Any:
    return rfm_table(connection.table("lines")).to_arrow_table()


def hand_polars(lines: pl.DataFrame) -> pl.DataFrame:
    first = pl.col("date").min().dt.date()
    return polars_table(lines.lazy(), "orders", first_date=first).collect()


def hand_duckdb(connection: Any) -> Any:
    also = ", min(date)::DATE AS first_date, max(date)::DATE AS last_date"
    return duckdb_table(connection, duckdb_sql("orders", also))


COMPARISONS = {
    "orders": scored("orders", "ids are whole numbers", floor=4.0),
    "rows": scored("rows", "ids are whole numbers", floor=2.0),
    "days": scored("days", "ids are whole numbers", floor=None),
    "polars": Comparison(
        "`rfm_table(lines)` of a Polars LazyFrame",
        {OURS: Case("polars", lazily_polars), "Polars by hand": Case("polars", hand_polars)},
        same_customers,
        memory=(OURS, "Polars by hand"),
    ),
    "duckdb": Comparison(
        "`rfm_table(lines)` of a DuckDB relation",
        {OURS: Case("duckdb", lazily_duckdb), "DuckDB by hand": Case("duckdb", hand_duckdb)},
        same_customers,
        memory=(OURS, "DuckDB by hand"),
    ),
    "shuffled": scored("orders", "rows in random order", floor=4.0, ids="shuffled"),
    "sparse": scored("orders", "ids are large random numbers", floor=4.0, ids="sparse"),
    "texts": scored("orders", "ids are texts", floor=4.0, ids="texts"),
}

if __name__ == "__main__":
    main("bench_segmentation", COMPARISONS)
