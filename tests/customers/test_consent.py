import warnings
from datetime import date, datetime, timedelta

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

contactable = crm.customers.contactable
START = datetime(2026, 1, 1)  # noqa: DTZ001 - moments without a zone, as in tables
AS_OF = date(2026, 1, 6)
CUSTOMERS = ["a", "b", "c"]
ROW = st.tuples(
    st.sampled_from([*CUSTOMERS, "x"]),
    st.sampled_from(["news", "news", "bills", None]),
    st.sampled_from(["email", "email", "sms", "post", None]),
    st.sampled_from([True, True, False, None]),
    st.integers(0, 7),  # day
    st.sampled_from([None, None, 3, 6, 9]),  # day of expiry
)


def table(rows):
    columns = zip(*rows, strict=True) if rows else [[]] * 6
    who, purpose, channel, granted, days, expires = map(list, columns)
    return pa.table(
        {
            "customer_id": pa.array(who, pa.string()),
            "purpose": pa.array(purpose, pa.string()),
            "channel": pa.array(channel, pa.string()),
            "granted": pa.array(granted, pa.bool_()),
            "date": pa.array([START + timedelta(days=d) for d in days], pa.timestamp("us")),
            "expires_on": pa.array(
                [None if d is None else START + timedelta(days=d) for d in expires],
                pa.timestamp("us"),
            ),
        }
    )


def quietly(rows, customers=None, **options):
    customers = pa.table({"customer_id": CUSTOMERS}) if customers is None else customers
    rows = table(rows) if isinstance(rows, list) else rows
    asked = {"purpose": "news", "channel": "email", "as_of": AS_OF} | options
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = contactable(customers, consents=rows, **asked)
    return answer, [str(one.message) for one in caught if one.category is CrmlyticsWarning]


def by_hand(rows, who):
    """Judge one customer, one row after the other."""
    mine = [row for row in rows if row[0] == who and row[4] <= 5]
    mine = [row for row in mine if row[1] == "news" or (row[1] is None and not row[3])]
    here = [row for row in mine if row[2] == "email" or (row[2] is None and not row[3])]
    if here:
        last = max(row[4] for row in here)
        now = [row for row in here if row[4] == last]
        grants = [row for row in now if row[3]]
        if grants and len(grants) < len(now):
            return "contradictory"
        if grants:
            ends = [row[5] for row in grants if row[5] is not None]
            return "expired" if ends and min(ends) <= 5 else "granted"
        return "withdrawn" if any(row[3] is False for row in now) else "opt-in missing"
    stopped = max((row[4] for row in mine if row[2] is None), default=-1)
    for channel in ("sms", "post"):
        there = [row for row in mine if row[2] == channel]
        last = max((row[4] for row in there), default=-1)
        now = [row for row in there if row[4] == last and last > stopped]
        if now and all(row[3] and (row[5] is None or row[5] > 5) for row in now):
            return "wrong channel"
    return "opt-in missing"


@given(rows=st.lists(ROW, max_size=12))
@settings(max_examples=150, deadline=None)
def test_oracle_by_hand(rows):
    answer, _ = quietly(rows)
    want = [by_hand(rows, who) for who in CUSTOMERS]
    assert answer["reason"].to_pylist() == want
    assert answer["contactable"].to_pylist() == [reason == "granted" for reason in want]


def test_same_on_every_engine(make_eager, plain):
    rows = [("b", "news", "email", True, 0, None), ("a", "news", "sms", True, 1, 9),
            ("b", "news", "email", True, 2, 3)]  # fmt: skip
    customers = make_eager({"customer_id": ["c", "b", "a"], "city": ["x", "y", "z"]})
    answer, said = quietly(make_eager(table(rows)), customers)
    assert said == []
    assert isinstance(answer, type(customers))
    assert plain(answer).to_dict("list") == {
        "customer_id": ["a", "b", "c"],
        "contactable": [False, False, False],
        "reason": ["wrong channel", "expired", "opt-in missing"],
    }


def test_the_later_moment_of_a_day_counts():
    rows = table([("a", "news", "email", True, 2, None), ("a", "news", "email", False, 2, None)])
    moments = [START + timedelta(days=2, hours=9), START + timedelta(days=2, hours=8)]
    rows = rows.set_column(4, "date", pa.array(moments, pa.timestamp("us")))
    assert quietly(rows)[0]["reason"][0].as_py() == "granted"


def test_days_of_expiry_and_of_the_question():
    grant = [("a", "news", "email", True, 2, 5)]
    for day, reason in ((2, "opt-in missing"), (3, "granted"), (5, "granted"), (6, "expired")):
        answer, _ = quietly(grant, as_of=date(2026, 1, day))
        assert answer["reason"][0].as_py() == reason


def test_what_is_warned_of():
    rows = [
        ("a", "news", "email", True, 2, None), ("a", "news", "email", False, 2, None),
        ("x", "news", "email", True, 2, None), ("b", "news", None, True, 2, None),
        ("b", None, "email", True, 2, None), ("b", "bills", None, True, 2, None),
    ]  # fmt: skip
    answer, said = quietly(rows)
    assert answer["reason"].to_pylist() == ["contradictory", "opt-in missing", "opt-in missing"]
    assert said == [
        "contactable: 2 rows of consents grant without a purpose or channel, and thus nothing; "
        "1 row of consents is of nobody in customers.",
        "contactable: of 1 customer the latest rows of consents both grant and do not; not "
        "contactable.",
    ]
    _, said = quietly(rows[:1], purpose="newz", channel="e-mail")
    assert said == [
        "contactable: no row of consents has the purpose 'newz' (is 'news' meant?); "
        "no row of consents has the channel 'e-mail' (is 'email' meant?)."
    ]


def test_a_withdrawal_from_everything():
    rows = [("a", "news", "email", True, 1, None), ("a", None, None, False, 2, None),
            ("b", "news", "sms", True, 1, None), ("b", "news", None, False, 2, None)]  # fmt: skip
    assert quietly(rows)[0]["reason"].to_pylist()[:2] == ["withdrawn", "withdrawn"]
    rows += [("a", "news", "email", True, 3, None)]
    assert quietly(rows)[0]["reason"].to_pylist()[0] == "granted"


def test_grants_as_numbers_and_no_expiry():
    rows = table([("a", "news", "email", True, 1, 2), ("b", "news", "email", False, 1, 2)])
    numbers = rows.to_pandas().assign(granted=[1, 0]).drop(columns="expires_on")
    customers = pd.DataFrame({"customer_id": CUSTOMERS})
    assert quietly(numbers, customers)[0]["contactable"].tolist() == [True, False, False]
    whole = rows.to_pandas()
    assert quietly(whole, customers, expires_col=None)[0]["contactable"].tolist()[0]


CONSENTS = table([("a", "news", "email", True, 1, None)]).to_pandas()


@pytest.mark.parametrize(
    ("customers", "consents", "options", "error", "sentence"),
    [
        (["a", "a"], {}, {}, DataError, "customers has several rows for 1 'customer_id'"),
        ([1, 2], {}, {}, ColumnError, "ids in 'customer_id' are texts in consents and numbers"),
        (["a"], {"granted": "yes"}, {}, ColumnError,
         r"column 'granted' \(granted_col\) of consents holds String, not True or False"),
        (["a"], {"granted": 2}, {}, ColumnError, "column 'granted'.*not True or False"),
        (["a"], {"date": None}, {}, ColumnError, r"column 'date' \(date_col\) holds"),
        (["a"], {}, {"purpose": None}, OptionError, "purpose must be a word .* got None"),
        (["a"], {}, {"channel": ["email"]}, OptionError, "channel must be a word"),
        (["a"], {}, {"as_of": "soon"}, OptionError, "as_of must be a day"),
        (["a"], {}, {"expires_col": "until"}, ColumnError, r"no column 'until' \(expires_col\)"),
        (["a"], {}, {"granted_col": "given"}, ColumnError, r"no column 'given' \(granted_col\)"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(customers, consents, options, error, sentence):
    with pytest.raises(error, match=f"^contactable: {sentence}"):
        quietly(CONSENTS.assign(**consents), pd.DataFrame({"customer_id": customers}), **options)


def test_two_libraries_and_no_table():
    customers = pl.DataFrame({"customer_id": ["a"]})
    with pytest.raises(DataError, match=r"^contactable: the tables come from two libraries"):
        quietly(CONSENTS, customers)
    with pytest.raises(DataError, match=r"^contactable: consents must be a table"):
        quietly({"customer_id": ["a"]}, customers)
