"""Funnels and service: crmlytics against pandas, Polars and DuckDB.

`--rows` counts events of a site, and tickets.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from _bench import DAYS, OURS, Rows, Tables, column, duckdb_table, main, on_table

from crmlytics.kpi import funnel, response_times

START, SECONDS = np.datetime64("2024-01-01", "s"), DAYS * 86_400
STEPS = ["view", "cart", "purchase"]
WINDOW = pd.Timedelta(days=7)
SHARES = (0.5 + 1e-12, 0.1 + 1e-12)  # products that make a half exactly may miss it by last bits
AS_OF = START + np.timedelta64(SECONDS - 86_400, "s")  # the last day


class Doings(Tables):
    """What customers do on a site, and what they ask."""

    @cached_property
    def events(self) -> pd.DataFrame:
        """Return a site's events in the order of time: views, and fewer carts and purchases."""
        rng = np.random.default_rng(1)
        n, n_customers = self.n_rows, max(self.n_rows // 20, 1)
        who = (n_customers * rng.random(n) ** 2).astype(np.int64) + 1
        steps = np.searchsorted([0.7, 0.92], rng.random(n))
        return pd.DataFrame(
            {
                "customer_id": who,
                "event": pd.Series(pd.Categorical.from_codes(steps, STEPS)).astype("str"),
                "date": (START + np.sort(rng.integers(0, SECONDS, n)).astype("m8[s]")).astype(
                    "M8[us]"
                ),
            }
        )

    @cached_property
    def tickets(self) -> pd.DataFrame:
        """Return tickets of five channels: some not answered, some not resolved."""
        rng = np.random.default_rng(2)
        n = self.n_rows
        opened = START + np.sort(rng.integers(0, SECONDS - 86_400, n)).astype("m8[s]")
        channel = rng.integers(0, 5, n)
        waits = (rng.lognormal(0, 1, n) * 7_200 * (1 + channel)).astype(np.int64) + 1
        answered = opened + waits.astype("m8[s]")
        resolved = answered + (rng.lognormal(0, 1, n) * 86_400).astype("m8[s]")
        answered[rng.random(n) < 0.03] = np.datetime64("NaT")
        resolved[np.isnat(answered) | (rng.random(n) < 0.03)] = np.datetime64("NaT")
        return pd.DataFrame(
            {
                "channel": channel,
                "opened_at": opened.astype("M8[us]"),
                "first_response_at": answered.astype("M8[us]"),
                "resolved_at": resolved.astype("M8[us]"),
            }
        )


# --- a funnel within seven days of a view ---------------------------------------------------------


def our_funnel(events: pd.DataFrame) -> Any:
    return funnel(events, steps=STEPS, window_days=7, strict=False)


def funnel_pandas(events: pd.DataFrame) -> list[int]:
    """Look the next cart and the next purchase up for each view."""
    tables = {step: events[events["event"] == step] for step in STEPS}
    found = tables["view"][["customer_id", "date"]].rename(columns={"date": "view"})
    reached, last = [found["customer_id"].nunique()], "view"
    for step in STEPS[1:]:
        later = tables[step][["customer_id", "date"]].rename(columns={"date": step})
        found = pd.merge_asof(
            found.sort_values(last), later, left_on=last, right_on=step, by="customer_id",
            direction="forward",
        )  # fmt: skip
        found = found[found[step] <= found["view"] + WINDOW]
        reached.append(found["customer_id"].nunique())
        last = step
    return reached


def funnel_polars(events: pl.DataFrame) -> list[int]:
    found = events.filter(pl.col("event") == "view").select("customer_id", view="date")
    reached, last = [found["customer_id"].n_unique()], "view"
    for step in STEPS[1:]:
        later = events.filter(pl.col("event") == step).select(
            "customer_id", pl.col("date").alias(step)
        )
        found = found.sort(last).join_asof(
            later, left_on=last, right_on=step, by="customer_id", strategy="forward",
            check_sortedness=False,
        )  # fmt: skip
        found = found.filter(pl.col(step) <= pl.col("view") + WINDOW)
        reached.append(found["customer_id"].n_unique())
        last = step
    return reached


FUNNEL = """
    WITH views AS (SELECT customer_id, date AS view FROM events WHERE event = 'view'),
    carts AS (SELECT customer_id, date AS cart FROM events WHERE event = 'cart'),
    purchases AS (SELECT customer_id, date AS purchase FROM events WHERE event = 'purchase'),
    second AS (
        SELECT * FROM views ASOF JOIN carts
        ON views.customer_id = carts.customer_id AND cart >= view
        WHERE cart <= view + INTERVAL 7 DAY
    ),
    third AS (
        SELECT * FROM second ASOF JOIN purchases
        ON second.customer_id = purchases.customer_id AND purchase >= cart
        WHERE purchase <= view + INTERVAL 7 DAY
    )
    SELECT
        (SELECT count(DISTINCT customer_id) FROM views) AS view,
        (SELECT count(DISTINCT customer_id) FROM second) AS cart,
        (SELECT count(DISTINCT customer_id) FROM third) AS purchase
"""


def funnel_duckdb(connection: Any) -> list[int]:
    return list(connection.sql(FUNNEL).fetchall()[0])


def same_funnel(answers: dict[str, Any], rows: Rows) -> None:
    """As many customers must reach each step."""
    del rows
    reached = answers[OURS]["customers"].tolist()
    assert 0 < reached[2] < reached[1] < reached[0]
    for name, answer in answers.items():
        assert name == OURS or list(answer) == reached, name


# --- Kaplan-Meier of tickets by channel -----------------------------------------------------------


def our_times(tickets: pd.DataFrame) -> Any:
    return response_times(tickets, by="channel", as_of=AS_OF)


def _curve(wait: Any, done: Any) -> list[float]:
    """Return the first waits at which half, and a tenth, are left."""
    table = pd.DataFrame({"wait": wait, "done": done}).groupby("wait")["done"].agg(["sum", "size"])
    at_risk = len(wait) - table["size"].cumsum().shift(fill_value=0)
    left = (1 - table["sum"] / at_risk).cumprod()
    return [left.index[left <= share][0] / 3_600 for share in SHARES]


def times_pandas(tickets: pd.DataFrame) -> pd.DataFrame:
    end, rows = pd.Timestamp(AS_OF) + pd.Timedelta(days=1), []
    for channel, own in tickets.groupby("channel"):
        for measure, name in (
            ("first_response", "first_response_at"),
            ("resolution", "resolved_at"),
        ):
            done = own[name] < end
            until = own[name].where(done, end)
            wait = (until - own["opened_at"]).dt.total_seconds()
            rows.append([channel, measure, *_curve(wait, done)])
    return pd.DataFrame(rows, columns=["channel", "measure", "median_hours", "p90_hours"])


def times_polars(tickets: pl.DataFrame) -> pl.DataFrame:
    end = pl.lit(pd.Timestamp(AS_OF) + pd.Timedelta(days=1)).cast(pl.Datetime("us"))
    parts = []
    for measure, name in (("first_response", "first_response_at"), ("resolution", "resolved_at")):
        done = (pl.col(name) < end).fill_null(value=False)
        wait = (pl.when(done).then(name).otherwise(end) - pl.col("opened_at")).dt.total_seconds()
        over = {"partition_by": "channel", "order_by": "wait"}
        before = pl.col("n").cum_sum().over(**over) - pl.col("n")
        curve = (
            tickets.lazy()
            .select("channel", wait=wait, done=done)
            .group_by("channel", "wait")
            .agg(n=pl.len().cast(pl.Int64), d=pl.col("done").sum())
            .with_columns(at_risk=pl.col("n").sum().over("channel") - before)
            .with_columns(left=(1 - pl.col("d") / pl.col("at_risk")).cum_prod().over(**over))
        )
        quantiles = {
            title: pl.col("wait").filter(pl.col("left") <= share).min() / 3_600
            for title, share in zip(("median_hours", "p90_hours"), SHARES, strict=True)
        }
        table = curve.group_by("channel").agg(**quantiles)
        parts.append(table.with_columns(measure=pl.lit(measure)))
    return pl.concat(parts).sort("channel", "measure").collect()


def _times(measure: str, name: str) -> str:
    return f"""
        SELECT channel, '{measure}' AS measure,
            min(wait) FILTER (s <= {SHARES[0]}) / 3600 AS median_hours,
            min(wait) FILTER (s <= {SHARES[1]}) / 3600 AS p90_hours
        FROM (
            SELECT channel, wait, exp(sum(CASE WHEN d < at_risk THEN ln(1 - d / at_risk) END)
                OVER (PARTITION BY channel ORDER BY wait)) AS s
            FROM (
                SELECT channel, wait, d, sum(n) OVER (PARTITION BY channel ORDER BY wait DESC)
                    AS at_risk
                FROM (
                    SELECT channel, count(*) AS n, count(*) FILTER ({name} < until) AS d,
                        epoch(least(coalesce({name}, until), until) - opened_at)::BIGINT AS wait
                    FROM tickets, (SELECT TIMESTAMP '{AS_OF + np.timedelta64(1, "D")}' AS until)
                    GROUP BY channel, wait
                )
            )
        ) GROUP BY channel
    """


TIMES = (
    f"{_times('first_response', 'first_response_at')} UNION ALL "
    f"{_times('resolution', 'resolved_at')} ORDER BY channel, measure"
)


def same_times(answers: dict[str, Any], rows: Rows) -> None:
    """Medians and 90 % points must be equal for every channel and measure."""
    del rows
    ours = answers[OURS]
    for name, answer in answers.items():
        for each in ("median_hours", "p90_hours"):
            found = column(answer, each).astype(float)
            assert np.allclose(found, ours[each].astype(float)), (name, each)


COMPARISONS = {
    "funnel": on_table(
        "`funnel(events, window_days=7, strict=False)`, three steps", "events",
        {
            OURS: our_funnel, "pandas": funnel_pandas, "Polars": funnel_polars,
            "DuckDB": funnel_duckdb,
        },
        same_funnel,
    ),
    "times": on_table(
        "`response_times(tickets, by=\"channel\")`", "tickets",
        {
            OURS: our_times, "pandas": times_pandas, "Polars": times_polars,
            "DuckDB": lambda connection: duckdb_table(connection, TIMES),
        },
        same_times,
    ),
}  # fmt: skip

if __name__ == "__main__":
    main(Path(__file__).stem, COMPARISONS, Doings)
