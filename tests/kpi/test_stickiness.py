# ruff: noqa: DTZ001 - the dates of tables are naive
"""Stickiness against a plain loop over days."""

import math
from collections import defaultdict
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

START = datetime(2025, 12, 20)
Z = 1.959963984540054  # R: qnorm(0.975)
VISIT = st.tuples(
    st.sampled_from("abcd"), st.integers(0, 80), st.sampled_from(["north", "south", None])
)
VISITS = st.lists(VISIT, min_size=1, max_size=40)
WINDOW = st.sampled_from([None, 2, 7, 28])
FEW = settings(max_examples=8, deadline=None)  # for each of eight engines
COUNTS = ["days", "mau", "numerator", "denominator"]


def columns(visits):
    return pa.table(
        {
            "customer_id": [visit[0] for visit in visits],
            "date": [START + timedelta(days=visit[1], hours=visit[1] % 24) for visit in visits],
            "shop": pa.array([visit[2] for visit in visits], pa.string()),
        }
    )


def windows(first, last, length):
    """List the days of each month or window, and whether all of them were seen."""
    found = defaultdict(list)
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        back = (last - day).days
        start = day.replace(day=1) if length is None else (
            last - timedelta(days=(back // length + 1) * length - 1)
        )  # fmt: skip
        found[start].append(day)
    for start, days in sorted(found.items()):
        after = (start + timedelta(days=31)).replace(day=1)
        size = (after - start).days if length is None else length
        yield start, days, len(days) == size


def oracle(visits, first, last, length):
    """Yield a row a window; NaN is unknown."""
    came = {(who, (START + timedelta(days=day)).date()) for who, day, _ in visits}
    for start, days, whole in windows(first, last, length):
        per = defaultdict(int)
        for who, day in came:
            per[who] += day in days
        active = [times for times in per.values() if times]
        n, total = len(active), sum(active)
        value = total / (n * len(days)) if n else math.nan
        half = math.nan
        if n > 1:
            half = Z * np.std(active, ddof=1) / math.sqrt(n) / len(days)
        low = value - half if value - half > 0 else 0.0 if n > 1 else math.nan
        high = min(value + half, 1.0) if n > 1 else math.nan
        yield (
            start,
            [len(days), n, total, n * len(days)],
            [total / len(days), value, low, high],
            whole,
        )


def holds(got, visits, first, last, length):
    want = list(oracle(visits, first, last, length))
    assert [day.date() for day in got["period"]] == [row[0] for row in want]
    assert got[COUNTS].to_numpy().tolist() == [row[1] for row in want]
    floats = got[["dau", "value", "lower", "upper"]].to_numpy()
    assert floats == pytest.approx(np.array([row[2] for row in want]), abs=1e-12, nan_ok=True)
    assert list(got["complete"]) == [row[3] for row in want]


@FEW
@given(visits=VISITS, length=WINDOW, more=st.integers(0, 40))
def test_oracle(make_table, plain, visits, length, more):
    first = (START + timedelta(days=min(visit[1] for visit in visits))).date()
    last = (START + timedelta(days=max(visit[1] for visit in visits) + more)).date()
    table = make_table(columns(visits))
    got = plain(crm.kpi.stickiness(table, window_days=length, as_of=last), "period")
    holds(got, visits, first, last, length)


@settings(max_examples=5, deadline=None)
@given(visits=VISITS, length=WINDOW)
def test_by_counts_each_group_on_the_calendar_of_all(make_table, plain, visits, length):
    got = plain(crm.kpi.stickiness(make_table(columns(visits)), by="shop", window_days=length))
    got = got.sort_values("period", kind="stable")
    days = [(START + timedelta(days=visit[1])).date() for visit in visits]
    for shop in {visit[2] for visit in visits}:
        mine = got["shop"].isna() if shop is None else got["shop"] == shop
        own = [visit for visit in visits if visit[2] == shop]
        holds(got[mine.astype(bool)], own, min(days), max(days), length)


def test_who_comes_every_day_sticks_wholly(make_table, plain):
    visits = [(who, day, None) for who in "ab" for day in range(12, 40)]  # January 2026 and later
    got = plain(crm.kpi.stickiness(make_table(columns(visits)), as_of="2026-01-28"), "period")
    assert got[["value", "lower", "upper"]].to_numpy().tolist() == [[1.0, 1.0, 1.0]]
    assert got["dau"].tolist() == [2.0]
    assert list(got["complete"]) == [False]  # the month has 31 days


def test_rows_after_as_of_and_on_one_day_do_not_count(make_table, plain):
    visits = [("a", 0, None), ("a", 0, None), ("b", 1, None), ("c", 2, None)]
    got = plain(crm.kpi.stickiness(make_table(columns(visits)), as_of=date(2025, 12, 21)))
    assert got[COUNTS].to_numpy().tolist() == [[2, 2, 2, 4]]


def test_windows_end_on_as_of(make_table, plain):
    visits = [("a", day, None) for day in range(10)]
    got = plain(crm.kpi.stickiness(make_table(columns(visits)), window_days=4), "period")
    # ten days: two, four and four of them
    assert got["days"].tolist() == [2, 4, 4]
    assert list(got["complete"]) == [False, True, True]
    assert [str(day.date()) for day in got["period"]] == ["2025-12-18", "2025-12-22", "2025-12-26"]


def test_days_before_1970(make_table, plain):
    table = pa.table({"customer_id": [1, 1], "date": [datetime(1969, 12, 1), datetime(1970, 1, 2)]})
    got = plain(crm.kpi.stickiness(make_table(table)), "period")
    assert got["numerator"].tolist() == [1, 1]
    got = plain(crm.kpi.stickiness(make_table(table), window_days=30), "period")
    assert got["days"].tolist() == [3, 30]


def test_interval_of_a_window_covers_what_it_should():
    # customers come on each of 28 days with a chance of their own, Beta(1, 4), once at least: the
    # truth is E[days] / (28 * P(any)) = 0.2 / P(any), P(any) = 1 - B(1, 32) / B(1, 4) = 1 - 4 / 32
    rng, covered, size = np.random.default_rng(11), 0, 300
    days = pd.date_range("2026-02-01", periods=28)
    for _ in range(150):
        came = rng.random((size, 28)) < rng.beta(1, 4, (size, 1))
        came[0, [0, -1]] = True  # so that all days are seen
        who, when = np.nonzero(came)
        got = crm.kpi.stickiness(pd.DataFrame({"customer_id": who, "date": days[when]}))
        covered += got["lower"].iloc[0] <= 0.2 / 0.875 <= got["upper"].iloc[0]
    # binomial error of 150 samples: 1.8 points
    assert 0.91 <= covered / 150 <= 0.99


def test_refusals(engines):
    table = engines["polars"](columns([("a", 1, None)]))
    for wrong in (0, 1, 2.5, True, "28", 4_000):
        with pytest.raises(
            OptionError,
            match=r"^stickiness: window_days must be a whole number from 2 to 3660; got ",
        ):
            crm.kpi.stickiness(table, window_days=wrong)
    with pytest.raises(ColumnError, match=r"^stickiness: column 'mau' \(by\) has the name of a"):
        crm.kpi.stickiness(table.with_columns(mau=1), by="mau")
    with pytest.raises(DataError, match=r"^stickiness: events has no rows, so as_of has no last"):
        crm.kpi.stickiness(table.head(0))
    with pytest.raises(OptionError, match=r"^stickiness: as_of 2025-01-01 is before the first"):
        crm.kpi.stickiness(table, as_of="2025-01-01")
    many = pd.DataFrame({"customer_id": 1, "shop": range(12_000), "date": START})
    many.loc[0, "date"] = datetime(2015, 1, 1)
    with pytest.raises(OptionError, match=r"^stickiness: 2,004 windows of 12,000 groups make too"):
        crm.kpi.stickiness(many, by="shop", window_days=2)


def test_an_empty_table_with_as_of_has_no_row(make_table, plain):
    empty = make_table(columns([("a", 1, None)]).slice(0, 0))
    assert len(plain(crm.kpi.stickiness(empty, as_of=date(2026, 1, 1)))) == 0
