# ruff: noqa: DTZ001 - the dates of tables are naive
"""kpi_table and growth_accounting against plain loops."""

import math
from datetime import date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import OptionError

START = datetime(2025, 11, 27)
LINE = st.tuples(
    st.sampled_from("abc"),
    st.integers(1, 8),
    st.integers(0, 130),
    st.one_of(st.none(), st.integers(-8, 40).map(lambda quarters: quarters / 4)),
    st.sampled_from(["north", "south", None]),
)
LINES = st.lists(LINE, min_size=1, max_size=25)
PERIOD = st.sampled_from("DWMQY")
FEW = settings(max_examples=8, deadline=None)  # for each of eight engines


def columns(lines):
    return pa.table(
        {
            "customer_id": [line[0] for line in lines],
            "order_id": [line[1] for line in lines],
            "date": [START + timedelta(days=line[2], hours=line[1]) for line in lines],
            "amount": pa.array([line[3] for line in lines], pa.float64()),
            "shop": pa.array([line[4] for line in lines], pa.string()),
        }
    )


def period_start(day, period):
    if period == "W":
        return day - timedelta(days=day.weekday())
    month = {"M": day.month, "Q": (day.month - 1) // 3 * 3 + 1, "Y": 1}.get(period)
    return day if month is None else date(day.year, month, 1)


def calendar(first, last, period):
    """List the first days of all periods, and whether the last is over."""
    starts = [period_start(first, period)]
    day = first
    while day <= last:
        if period_start(day, period) != starts[-1]:
            starts.append(period_start(day, period))
        day += timedelta(days=1)
    return starts, period_start(day, period) != starts[-1]


def movements(visits, starts):
    """Yield who was active, new, kept, back and gone in each period of `starts`."""
    seen, before = set(), None
    for start in starts:
        now = {who for who, period in visits if period == start}
        new = now - seen
        kept = None if before is None else now & before
        back = now - new - (kept or set())
        gone = None if before is None else before - now
        seen |= now
        yield start, now, new, kept, back, gone, len(seen)
        before = now


def per(top, bottom):
    return None if top is None or not bottom else top / bottom


def kpi_oracle(lines, days, period):
    first, last = days
    starts, over = calendar(first, last, period)
    rows = [
        (line, period_start((START + timedelta(days=line[2], hours=line[1])).date(), period))
        for line in lines
        if (START + timedelta(days=line[2], hours=line[1])).date() <= last
    ]
    bought = [(line, when) for line, when in rows if line[3] is None or line[3] >= 0]
    table = []
    for start, now, new, kept, back, gone, ever in movements(
        {(line[0], when) for line, when in bought}, starts
    ):
        amounts = [line[3] for line, when in rows if when == start]
        revenue = None if None in amounts else math.floor(sum(amounts) * 100 + 0.5) / 100
        orders = len({line[1] for line, when in bought if when == start})
        table.append((
            pd.Timestamp(start), revenue, orders, len(now), len(new),
            None if kept is None else len(kept), len(back), None if gone is None else len(gone),
            per(revenue, orders), per(revenue, len(now)), per(orders, len(now)), ever,
            over or start != starts[-1],
        ))  # fmt: skip
    return table


def rows(table):
    return [
        tuple(None if value is pd.NA or value != value else value for value in row)
        for row in table.itertuples(index=False, name=None)
    ]


def same(got, want):
    assert len(got) == len(want)
    for mine, theirs in zip(got, want, strict=True):
        assert [value is None for value in mine] == [value is None for value in theirs]
        for one, other in zip(mine, theirs, strict=True):
            assert one == (pytest.approx(other, rel=1e-12) if isinstance(other, float) else other)


def whole_days(lines, last):
    moments = [START + timedelta(days=line[2], hours=line[1]) for line in lines]
    first = min(moments).date()
    return first, max(first, START.date() + timedelta(days=last)) if last else max(moments).date()


@FEW
@given(lines=LINES, period=PERIOD, last=st.one_of(st.none(), st.integers(1, 150)))
def test_kpi_table_oracle(make_table, plain, lines, period, last):
    days = whole_days(lines, last)
    table = make_table(columns(lines))
    got = crm.kpi.kpi_table(table, period=period, as_of=days[1] if last else None)
    same(rows(plain(got, "period")), kpi_oracle(lines, days, period))


@FEW
@given(lines=LINES, period=PERIOD)
def test_growth_accounting_oracle(make_table, plain, lines, period):
    days = whole_days(lines, None)
    starts, over = calendar(*days, period)
    visits = {
        (line[0], period_start((START + timedelta(days=line[2], hours=line[1])).date(), period))
        for line in lines
    }
    want = []
    for start, now, new, kept, back, gone, _ in movements(visits, starts):
        want.append((
            pd.Timestamp(start), len(now), len(new), None if kept is None else len(kept),
            len(back), None if gone is None else len(gone),
            per(len(new) + len(back), len(gone) if gone else 0), over or start != starts[-1],
        ))  # fmt: skip
    table = crm.kpi.growth_accounting(make_table(columns(lines)), period=period)
    same(rows(plain(table, "period")), want)


@FEW
@given(lines=LINES, period=PERIOD)
def test_identities_of_growth(engines, lines, period):
    growth = crm.kpi.growth_accounting(engines["pandas"](columns(lines)), period=period)
    parts = growth["new"] + growth["retained"].fillna(0) + growth["resurrected"]
    assert (growth["active"] == parts).all()
    change = growth["active"].diff().iloc[1:]
    won = growth["new"] + growth["resurrected"]
    assert (change == (won - growth["churned"]).iloc[1:]).all()
    assert growth["new"].sum() == len({line[0] for line in lines})


@FEW
@given(lines=LINES, period=st.sampled_from("MQY"))
def test_by_equals_each_group_alone_on_the_calendar_of_all(make_table, plain, lines, period):
    table = crm.kpi.kpi_table(make_table(columns(lines)), period=period, by="shop")
    got = plain(table, "shop", "period")
    shops = {line[4] for line in lines}
    assert got["shop"].nunique(dropna=False) == len(shops)
    for shop in shops:
        some = [line for line in lines if line[4] == shop]
        inside = got["shop"].isna() if shop is None else got["shop"] == shop
        days = whole_days(lines, None)
        same(rows(got[inside].drop(columns="shop")), kpi_oracle(some, days, period))


def test_by_several_columns(make_table, plain):
    lines = [("a", 1, 0, 1.0, "north"), ("a", 2, 40, 2.0, "south"), ("b", 3, 40, 4.0, "north")]
    table = columns(lines).append_column("kind", pa.array([1, 1, 2]))
    got = plain(crm.kpi.kpi_table(make_table(table), by=["shop", "kind"]), "shop", "kind", "period")
    # by hand: three pairs of shop and kind occur, each on the calendar of November to January
    pairs = list(dict.fromkeys(zip(got["shop"], got["kind"], strict=True)))
    assert pairs == [("north", 1), ("north", 2), ("south", 1)]
    assert list(got["revenue"]) == [1, 0, 0, 0, 0, 4, 0, 0, 2]
    assert list(got["active"]) == [1, 0, 0, 0, 0, 1, 0, 0, 1]


def test_periods_without_orders_have_rows(make_table, plain):
    lines = [("a", 1, 0, 1.0, None), ("b", 2, 100, 2.0, None), ("a", 3, 101, 4.0, None)]
    got = plain(crm.kpi.kpi_table(make_table(columns(lines))), "period")
    # by hand: 2025-11-27, 2026-03-07 and 2026-03-08
    assert list(got["period"].dt.month) == [11, 12, 1, 2, 3]
    assert list(got["orders"]) == [1, 0, 0, 0, 2]
    assert list(got["churned"].fillna(-1)) == [-1, 1, 0, 0, 0]
    assert list(got["reactivated"]) == [0, 0, 0, 0, 1]
    assert got["aov"].isna().tolist() == [False, True, True, True, False]
    assert list(got["customers_to_date"]) == [1, 1, 1, 1, 2]


def test_returns_lower_revenue_where_they_are_booked_and_nothing_else(make_table, plain):
    lines = [("a", 1, 0, 10.0, None), ("a", 1, 10, -4.0, None), ("b", 2, 11, -1.0, None)]
    got = plain(crm.kpi.kpi_table(make_table(columns(lines))), "period")
    assert list(got["revenue"]) == [10.0, -5.0]
    assert list(got["orders"]) == [1, 0]
    assert list(got["active"]) == [1, 0]
    assert list(got["customers_to_date"]) == [1, 1]
    # the same rows are activity for growth_accounting, which knows no amounts
    growth = crm.kpi.growth_accounting(make_table(columns(lines)))
    assert list(plain(growth, "period")["active"]) == [1, 2]


@pytest.mark.parametrize(
    ("as_of", "complete"),
    # 2026-03 ends on the 31st
    [(date(2026, 3, 30), False), (date(2026, 3, 31), True)],
)
def test_complete_on_the_last_day_of_the_period(make_table, plain, as_of, complete):
    lines = columns([("a", 1, 0, 1.0, None), ("a", 2, 120, 1.0, None)])
    got = plain(crm.kpi.kpi_table(make_table(lines), as_of=as_of), "period")
    assert list(got["complete"]) == [True] * 4 + [complete]


@pytest.mark.parametrize(
    ("period", "day", "start"),
    # calendars of 2024 and 2025: 29 February, an ISO week over New Year, quarters
    [
        ("W", datetime(2025, 1, 1), "2024-12-30"),
        ("W", datetime(2024, 12, 29), "2024-12-23"),
        ("W", datetime(1969, 12, 31), "1969-12-29"),
        ("M", datetime(2024, 2, 29), "2024-02-01"),
        ("Q", datetime(2024, 6, 30), "2024-04-01"),
        ("Q", datetime(1969, 12, 31), "1969-10-01"),
        ("Y", datetime(1969, 12, 31), "1969-01-01"),
        ("D", datetime(1900, 3, 1), "1900-03-01"),
    ],
)
def test_periods_begin_on_their_first_day(make_table, plain, period, day, start):
    table = pa.table({"customer_id": [1], "order_id": [1], "date": [day], "amount": [1.0]})
    got = plain(crm.kpi.kpi_table(make_table(table), period=period))
    assert list(got["period"]) == [pd.Timestamp(start)]


def test_unknown_amounts_make_revenue_unknown_and_count_as_orders(make_table, plain):
    lines = columns([("a", 1, 0, 5.0, None), ("a", 2, 0, None, None), ("a", 3, 40, 2.0, None)])
    got = plain(crm.kpi.kpi_table(make_table(lines)), "period")
    assert got["revenue"].isna().tolist() == [True, False, False]
    assert got["aov"].isna().tolist() == [True, True, False]
    assert list(got["orders"]) == [2, 0, 1]


@pytest.mark.parametrize("period", ["m", "ME", "month", None, 1])
def test_bad_periods(engines, period):
    table = engines["pandas"](columns([("a", 1, 0, 1.0, None)]))
    for function in (crm.kpi.kpi_table, crm.kpi.growth_accounting, crm.kpi.cohort_table):
        with pytest.raises(OptionError) as refused:
            function(table, period=period)
        assert str(refused.value).startswith(f"{function.__name__}: period must be one of 'D', 'W'")
