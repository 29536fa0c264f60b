"""Rules for options: what each takes, and the one sentence with which it refuses."""

import warnings
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from crmlytics import _checks
from crmlytics.errors import CrmlyticsWarning, NotEnoughDataError, OptionError

NAN, INF = float("nan"), float("inf")


def refusal(check, *args, **options):
    with pytest.raises(OptionError) as refused:
        check(*args, **options)
    sentence = str(refused.value)
    assert sentence.startswith("who: ")
    return sentence.removeprefix("who: ")


def test_choice():
    assert _checks.choice("net", ("net", "drop"), name="returns", caller="who") == "net"
    sentence = refusal(_checks.choice, "nett", ("net", "drop"), name="returns", caller="who")
    assert sentence == (
        "returns must be one of 'net', 'drop'; got 'nett'. Did you mean returns='net'?"
    )
    for value in (None, 1, ["net"], "", b"net"):
        sentence = refusal(_checks.choice, value, ("net", "drop"), name="returns", caller="who")
        assert sentence.endswith(f"got {value!r}.")


@pytest.mark.parametrize("value", [2, np.int8(2), np.uint64(2), np.int64(9)])
def test_whole_numbers(value):
    got = _checks.whole(value, name="bins", caller="who", low=2, high=9)
    assert got == value
    assert type(got) is int


@pytest.mark.parametrize("value", [1, 10, 2.0, True, "2", None, NAN, np.bool_(1), Decimal(2)])
def test_what_is_no_whole_number(value):
    sentence = refusal(_checks.whole, value, name="bins", caller="who", low=2, high=9)
    assert sentence == f"bins must be a whole number from 2 to 9; got {value!r}."
    sentence = refusal(_checks.whole, 1, name="bins", caller="who", low=2)
    assert sentence == "bins must be a whole number of 2 or more; got 1."


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN, INF, "0.5", None, True])
def test_what_is_no_number(value):
    sentence = refusal(_checks.number, value, name="share", caller="who", low=0, high=1)
    assert sentence == f"share must be a number from 0 to 1; got {value!r}."
    assert _checks.number(np.float32(0.5), name="share", caller="who", low=0) == 0.5


@pytest.mark.parametrize("value", [0, 1, -0.5, NAN, INF, "0.95", None, True])
def test_what_is_no_confidence(value):
    assert refusal(_checks.confidence, value, "who").startswith(
        f"confidence must lie between 0 and 1; got {value!r}."
    )


def test_confidence_in_per_cent():
    assert _checks.confidence(0.9, "who") == 0.9
    assert refusal(_checks.confidence, 95, "who").endswith("For 95 % write confidence=0.95.")


@pytest.mark.parametrize("value", [0, 1, "yes", None, []])
def test_what_is_no_flag(value):
    assert _checks.flag(np.bool_(1), name="wide", caller="who") is True
    sentence = refusal(_checks.flag, value, name="wide", caller="who")
    assert sentence == f"wide must be True or False; got {value!r}."


@pytest.mark.parametrize(
    "value",
    [
        date(2026, 3, 31), pd.Timestamp(2026, 3, 31, 23, 59), "2026-03-31", "2026-03-31T23:59:59",
        np.datetime64("2026-03-31"), np.datetime64("2026-03-31T23:59", "ns"),
        pd.Timestamp("2026-03-31 23:59", tz="America/New_York"),
    ],
    ids=repr,
)  # fmt: skip
def test_days(value):
    # Python: the ordinal of 2026-03-31 less that of 1970-01-01
    assert _checks.day(value, name="as_of", caller="who") == 20_543


@pytest.mark.parametrize("value", ["31.03.2026", "", "today", 20_543, pd.NaT, None, NAN])
def test_what_is_no_day(value):
    sentence = refusal(_checks.day, value, name="as_of", caller="who")
    assert sentence.startswith("as_of must be a day, such as datetime.date(2026, 3, 31) or")


def test_days_as_text():
    assert [_checks.iso(day) for day in (0, -1, 20_543)] == [
        "1970-01-01",
        "1969-12-31",
        "2026-03-31",
    ]


def test_column_names():
    assert _checks.columns(None, name="by", caller="who") == []
    assert _checks.columns("shop", name="by", caller="who") == ["shop"]
    assert _checks.columns(("shop", "kind"), name="by", caller="who") == ["shop", "kind"]
    for value in (3, ["shop", "shop"], ["shop", None], [["shop"]]):
        sentence = refusal(_checks.columns, value, name="by", caller="who")
        assert sentence.startswith("by must be a column name or a list of different column names;")
    assert _checks.column("shop", name="date_col", caller="who") == "shop"
    assert refusal(_checks.column, None, name="date_col", caller="who") == (
        "date_col must be the name of a column; got None."
    )


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ([1, 2.5], [1.0, 2.5]), ((1,), [1.0]), (np.array([3]), [3.0]), ([], []), ("12", []),
        ([1, "2"], None), ([1, True], None), ([NAN], None), ([INF], None), (3, None), (None, None),
        ([[1]], None),
    ],
)  # fmt: skip
def test_sequences_of_numbers(value, want):
    got = _checks.floats(value)
    assert got is None if want is None else list(got) == want


def test_too_many_cells():
    assert _checks.cells(20_000_000, period="D", caller="who") is None
    assert refusal(_checks.cells, 20_000_001, period="D", caller="who") == (
        "period='D' makes about 20,000,001 rows. Choose a longer period, such as period='M', "
        "or fewer groups."
    )


def test_at_least():
    assert _checks.at_least(2, 2, "customers", "who", "More.") is None
    with pytest.raises(
        NotEnoughDataError, match=r"^who: needs at least 2 customers; got 1\. More\.$"
    ):
        _checks.at_least(2, 1, "customers", "who", "More.")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("amt", "amount"), ("Customer ID", "customer_id"), ("CUSTOMERID", "customer_id"), ("x", None)],
)
def test_did_you_mean(word, meant):
    assert _checks.did_you_mean(word, ["customer_id", "amount"]) == meant


def test_a_warning_from_outside_the_house_points_at_its_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _checks.warn("who: something was left out.")
    assert caught[0].category is CrmlyticsWarning
    assert caught[0].filename == __file__
