"""Behaviour over time from order lines: crmlytics against pandas, Polars and DuckDB."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from _bench import OURS, Rows, column, main
from bench_kpi import compare

from crmlytics.kpi import churn_rate, purchase_gaps, revenue_concentration, stickiness

LAPSE = 90
DAY = 86_400_000_000  # microseconds


def our_curve(lines: pd.DataFrame) -> Any:
    return revenue_concentration(lines, points=None)


def our_churn(lines: pd.DataFrame) -> Any:
    return churn_rate(lines, lapse_days=LAPSE)


# --- pandas, as it is usually written -------------------------------------------------------------


def sticky_pandas(lines: pd.DataFrame) -> pd.DataFrame:
    lines = lines.assign(day=lines["date"].dt.normalize(), month=lines["date"].dt.to_period("M"))
    daily = lines.groupby(["month", "day"])["customer_id"].nunique()
    table = pd.DataFrame({"numerator": daily.groupby("month").sum()})
    table["mau"] = lines.groupby("month")["customer_id"].nunique()
    days = lines.groupby("month")["day"].agg(lambda day: (day.max() - day.min()).days + 1)
    table["value"] = table["numerator"] / days / table["mau"]
    return table.reset_index()


def gaps_pandas(lines: pd.DataFrame) -> pd.DataFrame:
    days = lines[["customer_id"]].assign(date=lines["date"].dt.normalize())
    days = days.drop_duplicates().sort_values(["customer_id", "date"])
    days["gap_days"] = days.groupby("customer_id")["date"].diff().dt.days
    return days.dropna()


def curve_pandas(lines: pd.DataFrame) -> pd.DataFrame:
    spent = lines.groupby("customer_id")["amount"].sum().sort_values(ascending=False)
    return pd.DataFrame(
        {
            "customer_share": np.arange(1, len(spent) + 1) / len(spent),
            "revenue_share": spent.to_numpy().cumsum() / spent.sum(),
        }
    )


def _eves(lines: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the days before the months, and the last day."""
    first, last = lines["date"].min().normalize(), lines["date"].max().normalize()
    months = pd.date_range(first.replace(day=1), last, freq="MS") - pd.Timedelta(days=1)
    return months.append(pd.DatetimeIndex([last]))


def churn_pandas(lines: pd.DataFrame) -> pd.DataFrame:
    day, there = pd.Timedelta(days=1), []
    for eve in _eves(lines):
        recent = (lines["date"] >= eve - (LAPSE - 1) * day) & (lines["date"] < eve + day)
        there.append(lines.loc[recent, "customer_id"].unique())
    rows = [(len(before), len(np.setdiff1d(before, after))) for before, after in pairwise(there)]
    return pd.DataFrame(rows, columns=["denominator", "numerator"])


# --- pandas, tuned: days as numbers, customers and days made distinct first -----------------------


def _days(lines: pd.DataFrame) -> Any:
    """Return the different customers and days, sorted."""
    days = lines["date"].to_numpy().view(np.int64) // DAY
    pairs = np.sort(lines["customer_id"].to_numpy() * 100_000 + days)
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])]
    return np.divmod(pairs, 100_000)


def sticky_tuned(lines: pd.DataFrame) -> pd.DataFrame:
    customer, day = _days(lines)
    month = day.astype("M8[D]").astype("M8[M]").astype(np.int64)
    first = month.min()
    pairs = customer * 10_000 + month
    begins = np.append(True, pairs[1:] != pairs[:-1])
    starts = np.append((np.arange(month.max() - first + 1) + first).astype("M8[M]"), None)
    starts = starts.astype("M8[D]").astype(np.int64)
    starts[0], starts[-1] = day.min(), day.max() + 1
    table = pd.DataFrame({"numerator": np.bincount(month - first)})
    table["mau"] = np.bincount(month[begins] - first)
    table["value"] = table["numerator"] / np.diff(starts) / table["mau"]
    return table


def gaps_tuned(lines: pd.DataFrame) -> pd.DataFrame:
    customer, day = _days(lines)
    later = np.flatnonzero(customer[1:] == customer[:-1]) + 1
    return pd.DataFrame(
        {
            "customer_id": customer[later],
            "date": day[later].astype("M8[D]").astype("M8[us]"),
            "gap_days": day[later] - day[later - 1],
        }
    )


def curve_tuned(lines: pd.DataFrame) -> pd.DataFrame:
    codes, customers = pd.factorize(lines["customer_id"])
    spent = np.sort(np.bincount(codes, lines["amount"], len(customers)))[::-1].cumsum()
    shares = np.arange(1, len(spent) + 1) / len(spent)
    return pd.DataFrame({"customer_share": shares, "revenue_share": spent / spent[-1]})


def churn_tuned(lines: pd.DataFrame) -> pd.DataFrame:
    customer, day = _days(lines)
    eves = _eves(lines).to_numpy().astype("M8[D]").astype(np.int64)
    n, there = int(customer.max()) + 1, []
    for eve in eves:
        here = np.zeros(n, dtype=bool)
        here[customer[(day > eve - LAPSE) & (day <= eve)]] = True
        there.append(here)
    pairs = list(pairwise(there))
    return pd.DataFrame(
        {
            "denominator": [before.sum() for before, _ in pairs],
            "numerator": [(before & ~after).sum() for before, after in pairs],
        }
    )


# --- Polars ---------------------------------------------------------------------------------------


def _polars_days(lines: pl.DataFrame) -> pl.LazyFrame:
    return lines.lazy().select("customer_id", date=pl.col("date").dt.date()).unique()


def sticky_polars(lines: pl.DataFrame) -> pl.DataFrame:
    days = _polars_days(lines).with_columns(month=pl.col("date").dt.truncate("1mo"))
    span = (pl.col("date").max() - pl.col("date").min()).dt.total_days() + 1
    table = days.group_by("month").agg(
        numerator=pl.len(), mau=pl.col("customer_id").n_unique(), days=span
    )
    value = pl.col("numerator") / pl.col("days") / pl.col("mau")
    return table.sort("month").with_columns(value=value).collect()


def gaps_polars(lines: pl.DataFrame) -> pl.DataFrame:
    gap = pl.col("date").diff().over("customer_id", order_by="date").dt.total_days()
    return _polars_days(lines).with_columns(gap_days=gap).drop_nulls().collect()


def curve_polars(lines: pl.DataFrame) -> pl.DataFrame:
    spent = lines.lazy().group_by("customer_id").agg(pl.col("amount").sum())
    spent = spent.sort("amount", descending=True)
    share = pl.col("amount").cum_sum() / pl.col("amount").sum()
    place = pl.int_range(1, pl.len() + 1) / pl.len()
    return spent.select(customer_share=place, revenue_share=share).collect()


def churn_polars(lines: pl.DataFrame) -> pl.DataFrame:
    days = _polars_days(lines).collect()
    first, last = days["date"].min(), days["date"].max()
    eves = pl.date_range(first, last, "1mo", eager=True).dt.truncate("1mo").dt.offset_by("-1d")
    there = [
        days.lazy()
        .filter(pl.col("date").is_between(eve - pl.duration(days=LAPSE - 1), eve))
        .select("customer_id")
        .unique()
        for eve in [*eves, last]
    ]
    tables = [
        pl.concat(
            [
                before.select(denominator=pl.len()),
                before.join(after, on="customer_id", how="anti").select(numerator=pl.len()),
            ],
            how="horizontal",
        )
        for before, after in pairwise(there)
    ]
    return pl.concat(pl.collect_all(tables))


# --- DuckDB ---------------------------------------------------------------------------------------

DAYS = "days AS (SELECT DISTINCT customer_id, date::DATE AS date FROM lines)"
STICKY = f"""
    WITH {DAYS}
    SELECT
        date_trunc('month', date) AS month,
        count(*) AS numerator,
        count(DISTINCT customer_id) AS mau,
        numerator / (max(date) - min(date) + 1) / mau AS value
    FROM days GROUP BY month ORDER BY month
"""
GAPS = f"""
    WITH {DAYS},
    paired AS (
        SELECT *, date - lag(date) OVER (PARTITION BY customer_id ORDER BY date) AS gap_days
        FROM days
    )
    SELECT * FROM paired WHERE gap_days IS NOT NULL
"""
CURVE = """
    WITH spent AS (SELECT sum(amount) AS amount FROM lines GROUP BY customer_id)
    SELECT
        row_number() OVER (ORDER BY amount DESC) / count(*) OVER () AS customer_share,
        sum(amount) OVER (ORDER BY amount DESC ROWS UNBOUNDED PRECEDING) / sum(amount) OVER ()
            AS revenue_share
    FROM spent ORDER BY customer_share
"""
CHURN = f"""
    WITH {DAYS},
    bounds AS (SELECT min(date) AS first, max(date) AS last FROM days),
    eves AS (
        SELECT unnest(
            generate_series(date_trunc('month', first), last, INTERVAL 1 MONTH)
        )::DATE - 1 AS eve FROM bounds
        UNION ALL SELECT last FROM bounds
    ),
    numbered AS (SELECT eve, row_number() OVER (ORDER BY eve) AS place FROM eves),
    there AS (
        SELECT DISTINCT customer_id, place FROM days JOIN numbered
        ON date <= eve AND date > eve - {LAPSE}
    ),
    kept AS (
        SELECT place, lead(place) OVER (PARTITION BY customer_id ORDER BY place) AS later
        FROM there
    )
    SELECT
        place,
        count(kept.place) AS denominator,
        count(kept.place) - count(*) FILTER (later = place + 1) AS numerator
    FROM numbered LEFT JOIN kept USING (place)
    WHERE place < (SELECT max(place) FROM numbered)
    GROUP BY place ORDER BY place
"""


# --- the answers must be the same -----------------------------------------------------------------


def same_sticky(answers: dict[str, Any], rows: Rows) -> None:
    """Days of customers, customers and values must be equal month by month."""
    ours = answers[OURS]
    for name, answer in answers.items():
        for each in ("numerator", "mau"):
            found = column(answer, each).astype(np.int64)
            assert np.array_equal(found, column(ours, each)), (name, each)
        assert np.allclose(column(answer, "value").astype(float), ours["value"]), name
    first = rows.pandas["date"].dt.to_period("M") == rows.pandas["date"].min().to_period("M")
    assert ours["mau"].iloc[0] == rows.pandas.loc[first, "customer_id"].nunique()


def same_gaps(answers: dict[str, Any], rows: Rows) -> None:
    """Every gap of every customer must be equal."""
    del rows
    held = {}
    for name, answer in answers.items():
        day = column(answer, "date").astype("M8[D]").astype(np.int64)
        order = np.argsort(column(answer, "customer_id") * 100_000 + day)
        table = [column(answer, "customer_id"), day, column(answer, "gap_days")]
        held[name] = [values[order].astype(np.int64) for values in table]
    for name, table in held.items():
        for one, other in zip(table, held[OURS], strict=True):
            assert np.array_equal(one, other), name


def same_curve(answers: dict[str, Any], rows: Rows) -> None:
    """The share of every number of customers must be equal."""
    ours = answers[OURS].iloc[1:]  # ours begins at nobody
    assert len(ours) == rows.pandas["customer_id"].nunique()
    for name, answer in answers.items():
        table = ours if name == OURS else answer
        for each in ("customer_share", "revenue_share"):
            assert np.allclose(column(table, each), ours[each]), (name, each)


def same_churn(answers: dict[str, Any], rows: Rows) -> None:
    """Customers on the eve and customers lost must be equal month by month."""
    del rows
    ours = answers[OURS]
    for name, answer in answers.items():
        for each in ("denominator", "numerator"):
            found = column(answer, each).astype(np.int64)
            assert np.array_equal(found, column(ours, each)), (name, each)


COMPARISONS = {
    "stickiness": compare(
        "`stickiness(lines)`",
        [stickiness, sticky_pandas, sticky_tuned, sticky_polars, STICKY],
        same_sticky,
    ),
    "gaps": compare(
        "`purchase_gaps(lines)`",
        [purchase_gaps, gaps_pandas, gaps_tuned, gaps_polars, GAPS],
        same_gaps,
    ),
    "concentration": compare(
        "`revenue_concentration(lines, points=None)`",
        [our_curve, curve_pandas, curve_tuned, curve_polars, CURVE],
        same_curve,
    ),
    "churn": compare(
        f"`churn_rate(lines, lapse_days={LAPSE})`",
        [our_churn, churn_pandas, churn_tuned, churn_polars, CHURN],
        same_churn,
    ),
}

if __name__ == "__main__":
    main(Path(__file__).stem, COMPARISONS)
