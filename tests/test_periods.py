from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlytics import _periods

EPOCH = date(1970, 1, 1)
PERIODS = "DWMQY"
DAY = st.dates(date(1, 1, 8), date(9990, 1, 1))


def day_number(day):
    return (day - EPOCH).days


def start(day, period):
    if period == "D":
        return day
    if period == "W":
        return day - timedelta(days=day.weekday())
    months = {"M": day.month, "Q": (day.month - 1) // 3 * 3 + 1, "Y": 1}
    return date(day.year, months[period], 1)


@given(day=DAY, period=st.sampled_from(PERIODS))
def test_a_period_begins_where_the_calendar_says(day, period):
    number = _periods.of_day(day_number(day), period)
    first = int(_periods.first_days(np.int64(number), period))
    assert EPOCH + timedelta(days=first) == start(day, period)


@given(day=DAY, period=st.sampled_from(PERIODS))
def test_the_number_after_is_the_period_after(day, period):
    number = _periods.of_day(day_number(day), period)
    after = int(_periods.first_days(np.int64(number + 1), period))
    assert _periods.of_day(after, period) == number + 1
    assert _periods.of_day(after - 1, period) == number


@given(day=DAY, period=st.sampled_from(PERIODS))
def test_a_period_is_over_on_its_last_day(day, period):
    number = _periods.of_day(day_number(day), period)
    last = int(_periods.first_days(np.int64(number + 1), period)) - 1
    assert _periods.is_over(number, period, last)
    assert not _periods.is_over(number, period, last - 1)


@pytest.mark.parametrize(
    ("day", "numbers"),
    # days, weeks from Monday 1969-12-29, months, quarters and years since 1970, by hand
    [
        (date(1970, 1, 1), [0, 0, 0, 0, 0]),
        (date(1969, 12, 31), [-1, 0, -1, -1, -1]),
        (date(1969, 12, 28), [-4, -1, -1, -1, -1]),
        (date(1970, 1, 5), [4, 1, 0, 0, 0]),
        (date(2000, 2, 29), [11_016, 1_574, 361, 120, 30]),
    ],
)
def test_numbers_by_hand(day, numbers):
    assert [_periods.of_day(day_number(day), period) for period in PERIODS] == numbers


@given(
    first=DAY, offsets=st.lists(st.integers(0, 800), max_size=20), period=st.sampled_from(PERIODS)
)
def test_rows_are_numbered_from_the_first(first, offsets, period):
    days = np.array([day_number(first) + offset for offset in offsets], dtype=np.int64)
    got = _periods.of_rows(days, day_number(first), day_number(first) + 800, period)
    begin = _periods.of_day(day_number(first), period)
    assert list(got) == [_periods.of_day(int(day), period) - begin for day in days]


def test_a_calendar_has_no_gaps():
    table = _periods.calendar(-1, 2, "Q", number="number", start="start")
    assert table["number"].to_pylist() == [-1, 0, 1, 2]
    assert table["start"].type == pa.timestamp("us")
    starts = [moment.date() for moment in table["start"].to_pylist()]
    assert starts == [date(1969, 10, 1), date(1970, 1, 1), date(1970, 4, 1), date(1970, 7, 1)]
