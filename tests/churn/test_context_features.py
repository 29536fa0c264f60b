"""Features beside purchases: contacts, feedback, customers; later rows change none of them."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlytics.churn import churn_features
from crmlytics.errors import ColumnError, DataError

START = pd.Timestamp(2026, 1, 1).to_pydatetime()
ROW = st.tuples(
    st.integers(0, 4), st.integers(0, 260), st.sampled_from([None, 5.0, -5.0, 19.99, 0.1, 0.2]),
    st.sampled_from(["p", "q", "r"]), st.sampled_from(["shop", "web"]),
    st.sampled_from([None, 0.0, 1.5, -0.1]),
)  # fmt: skip


def day(n):
    return (START + timedelta(days=n)).date()


def columns(rows):
    """Rows of (customer, days after START, amount, product, channel, discount)."""
    who, when, paid, item, way, off = zip(*rows, strict=True) if rows else ((),) * 6
    return {
        "customer_id": pa.array(who, pa.int64()),
        "date": pa.array([START + timedelta(days=n) for n in when], pa.timestamp("us")),
        "amount": pa.array(paid, pa.float64()),
        "product_id": pa.array(item, pa.string()),
        "channel": pa.array(way, pa.string()),
        "discount": pa.array(off, pa.float64()),
    }


def features(rows, cutoffs, **options):
    return churn_features(
        pa.table(columns(rows)).to_pandas(), cutoffs=[day(each) for each in cutoffs], **options
    )


LINES = st.lists(ROW, max_size=12)
CONTACT = st.tuples(
    st.integers(0, 4), st.integers(0, 260), st.sampled_from(["complaint", "call"]),
    st.integers(-3, 0), st.none() | st.integers(0, 60), st.none() | st.integers(0, 90),
)  # fmt: skip
CONTACTS = st.lists(CONTACT, max_size=9)
SCORE = st.tuples(
    st.integers(0, 4), st.integers(0, 260), st.none() | st.integers(0, 10),
    st.none() | st.sampled_from([-0.5, 0.1, 0.7]),
)  # fmt: skip
SCORES = st.lists(SCORE, max_size=9)


def contacts(rows):
    """Rows of (customer, day, event, opened, answered, resolved), the last three hours from it."""
    who, when, what, *times = zip(*rows, strict=True) if rows else ((),) * 6
    moments = {
        name: pa.array(
            [
                None if hours is None else START + timedelta(days=n, hours=8 * hours)
                for n, hours in zip(when, each, strict=True)
            ],
            pa.timestamp("us"),
        )
        for name, each in zip(("opened_at", "first_response_at", "resolved_at"), times, strict=True)
    }
    dates = pa.array([START + timedelta(days=n) for n in when], pa.timestamp("us"))
    ids = pa.array(who, pa.int64())
    return pa.table({"customer_id": ids, "date": dates, "event": pa.array(what, pa.string()),
                     **moments}).to_pandas()  # fmt: skip


def scores(rows):
    who, when, value, mood = zip(*rows, strict=True) if rows else ((),) * 4
    return pa.table({
        "customer_id": pa.array(who, pa.int64()),
        "date": pa.array([START + timedelta(days=n) for n in when], pa.timestamp("us")),
        "score": pa.array(value, pa.float64()), "compound": pa.array(mood, pa.float64()),
    }).to_pandas()  # fmt: skip


PEOPLE = pd.DataFrame(
    {
        "customer_id": range(6), "age": [30.0, None, 50.0, 20.0, 41.0, 33.0],
        "city": ["a", "b", None, "a", "a", "b"],
        "joined": pd.to_datetime(["2025-12-01", "2026-03-01", None, *["2026-02-01"] * 3]),
    }
)  # fmt: skip


def known(rows, cutoff):
    return [row for row in rows if row[1] <= cutoff]


def moved(rows, cutoff):
    """Return rows with days that all lie after the cutoff."""
    return [(row[0], row[1] % 150 + cutoff + 1, *row[2:]) for row in rows]


def not_yet(row, cutoff):
    """Take from a contact what happened after the cutoff."""
    late = [hours is not None and row[1] + hours * 8 / 24 >= cutoff + 1 for hours in row[4:]]
    return (*row[:4], *(None if gone else hours for gone, hours in zip(late, row[4:], strict=True)))


@settings(deadline=None, max_examples=60)
@given(
    lines=st.tuples(LINES, LINES), calls=st.tuples(CONTACTS, CONTACTS),
    marks=st.tuples(SCORES, SCORES), data=st.data(),
)  # fmt: skip
def test_no_later_row_changes_a_digit(lines, calls, marks, data):
    cutoff = 100

    def made(tables, cutoffs):
        found = features(
            [(9, 0, 1.0, "p", "web", 0.0), *tables[0]], cutoffs, interactions=contacts(tables[1]),
            feedback=scores(tables[2]), customers=PEOPLE,
        )  # fmt: skip
        return found[found["cutoff"] == pd.Timestamp(day(cutoff))].reset_index(drop=True)

    parts = [
        (known(rows, cutoff), moved(rows, cutoff), moved(others, cutoff))
        for rows, others in (lines, calls, marks)
    ]
    first = made([past + later for past, later, _ in parts], [cutoff])
    # tickets may be answered and resolved later, or not
    parts[1] = ([not_yet(row, cutoff) for row in parts[1][0]], *parts[1][1:])
    mixed = [data.draw(st.permutations(past + other)) for past, _, other in parts]
    second = made(mixed, data.draw(st.sampled_from([[cutoff], [50, cutoff, 240]])))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    third = made([past for past, _, _ in parts], [cutoff, 300])
    pd.testing.assert_frame_equal(first, third, check_exact=True)


ONE = [(1, 0, 5.0, "p", "web", 0.0), (2, 0, 5.0, "p", "web", 0.0)]


def test_contacts_by_hand(make_eager, plain):
    hours = timedelta(hours=1)
    tickets = pa.table(
        {
            "customer_id": pa.array([1, 1, 1, 1, 2, 7], pa.int64()),
            "date": pa.array([START + timedelta(days=n) for n in (0, 10, 100, 101, 9, 1)]),
            "event": ["complaint", "call", "complaint", "complaint", None, "complaint"],
            "opened_at": pa.array(
                [START, START + timedelta(days=10), START + timedelta(days=100), None, None, START],
                pa.timestamp("us"),
            ),
            "first_response_at": pa.array(
                # after 12 hours; on the last moment of the cutoff day; on the next
                [START + 12 * hours, START + timedelta(days=101) - hours,
                 START + timedelta(days=101), None, None, START],
                pa.timestamp("us"),
            ),
            "resolved_at": pa.array(
                [START + timedelta(days=5), START + timedelta(days=101), None, None, None, START],
                pa.timestamp("us"),
            ),
        }
    )  # fmt: skip
    found = churn_features(
        make_eager(columns(ONE)), cutoffs=[day(5), day(100)], interactions=make_eager(tickets)
    )
    got = plain(found)[
        ["contacts_91", "complaints", "tickets", "open_tickets", "response_days"]
    ].astype(float)
    answered = 90 + 23 / 24
    wanted = [
        [1, 1, 1, 0, 0.5],
        [2, 2, 3, 2, (0.5 + answered) / 2],  # resolved the next day, and never
        [0, 0, 0, 0, np.nan],
        [0, 0, 0, 0, np.nan],  # day 9 is the last before the window
    ]
    np.testing.assert_allclose(got.to_numpy(), wanted)


def test_contacts_at_the_clock_of_their_zone():
    zone = "America/New_York"
    when = pd.to_datetime(["2026-01-10 09:00"]).tz_localize(zone)
    # 23:00 on the cutoff day, which is the next day in UTC
    late = pd.to_datetime(["2026-01-10 23:00"]).tz_localize(zone)
    tickets = pd.DataFrame(
        {"customer_id": [1], "date": when, "opened_at": when, "first_response_at": late,
         "resolved_at": late}
    )  # fmt: skip
    found = features(ONE, [9], interactions=tickets).iloc[0]
    assert found["open_tickets"] == 0
    assert found["response_days"] == pytest.approx(14 / 24)


def test_contacts_in_nanoseconds():
    tickets = contacts([(1, 2, "call", 0, 3, 3)])
    for name in ("date", "opened_at", "first_response_at", "resolved_at"):
        tickets[name] = tickets[name].astype("datetime64[ns]") + pd.Timedelta(1, "ns")
    found = features(ONE, [9], interactions=tickets).iloc[0]
    assert found["response_days"] == pytest.approx(1.0)


def test_contacts_make_the_features_that_their_columns_allow():
    tickets = contacts([(1, 2, "complaint", 0, 3, 3)])
    for kept, made in (
        ([], []),
        (["event"], ["complaints"]),
        (["opened_at"], ["tickets"]),
        (["opened_at", "resolved_at"], ["tickets", "open_tickets"]),
        (["opened_at", "first_response_at"], ["tickets", "response_days"]),
        (["resolved_at"], []),
    ):
        found = features(ONE, [9], interactions=tickets[["customer_id", "date", *kept]])
        assert list(found)[-len(made) - 1 :] == ["contacts_91", *made]
    named = tickets.rename(columns={"event": "what"})
    found = features(ONE, [9], interactions=named, event_col="what", complaint="complaint")
    assert found["complaints"].tolist() == [1, 0]
    with pytest.raises(ColumnError, match=r"no column 'wat' \(event_col\) in interactions"):
        features(ONE, [9], interactions=named, event_col="wat")
    found = features(ONE, [9], interactions=tickets, complaint="call")
    assert found["complaints"].tolist() == [0, 0]


def test_feedback_by_hand(make_eager, plain):
    marks = scores(
        [
            (1, 1, 3, -0.5), (1, 5, 9, 0.1), (1, 5, 7, 0.7), (1, 6, None, None),
            (1, 20, 0, -0.5), (2, 20, 5, 0.1), (7, 1, 5, 0.1),
        ]
    )  # fmt: skip
    table = make_eager(pa.Table.from_pandas(marks, preserve_index=False))
    found = plain(churn_features(make_eager(columns(ONE)), cutoffs=day(10), feedback=table))
    names = ["n_feedback", "mean_score", "last_score", "mean_compound", "last_compound"]
    # of two scores on one day the higher counts as the last
    wanted = [[4, 19 / 3, 9, 0.1, 0.7], [0, np.nan, np.nan, np.nan, np.nan]]
    np.testing.assert_allclose(found[names].astype(float).to_numpy(), wanted)
    alone = features(ONE, [10], feedback=marks.drop(columns="compound"))
    assert list(alone)[-3:] == names[:3]
    assert alone["last_score"].tolist()[0] == 9
    with pytest.raises(ColumnError, match=r"no column 'stars' \(score_col\) in feedback"):
        features(ONE, [10], feedback=marks, score_col="stars")


def test_customers_by_hand(make_eager, plain):
    people = pa.table(
        {
            "customer_id": pa.array([2, 1, 7], pa.int64()),
            "age": pa.array([None, 40, 1], pa.int64()),
            "city": ["Oslo", None, "Rome"],
            "member": pa.array([True, None, False]),
            "joined": pa.array([date(2026, 1, 4), date(2025, 12, 31), None], pa.date32()).cast(
                pa.timestamp("us")
            ),
        }
    )
    found = churn_features(
        make_eager(columns(ONE)), cutoffs=[day(2), day(5)], customers=make_eager(people)
    )
    got = plain(found)
    assert list(got)[-4:] == ["age", "city", "member", "joined_days"]
    np.testing.assert_array_equal(got["age"], [40, 40, np.nan, np.nan])
    assert got["city"].isna().tolist() == [True, True, False, False]
    assert got["city"].tolist()[2:] == ["Oslo", "Oslo"]
    assert got["member"].tolist()[2:] == [True, True]
    assert got["member"].isna().tolist() == [True, True, False, False]
    # 2026-01-03 and 2026-01-06; a day after the cutoff is not known yet
    np.testing.assert_array_equal(got["joined_days"], [3, 6, np.nan, 2])


def test_customers_that_are_not_in_the_table_are_unknown():
    people = pd.DataFrame({"customer_id": [2], "age": [40], "city": ["Oslo"], "member": [True]})
    found = features(ONE, [9], customers=people)
    assert found.loc[0, ["age", "city", "member"]].isna().all()
    assert found.loc[1, ["age", "city", "member"]].tolist() == [40, "Oslo", True]


def test_names_of_customers_are_left_out():
    people = pd.DataFrame(
        {"customer_id": range(30), "mail": [f"{n}@example.org" for n in range(30)], "age": 30}
    )
    with pytest.warns(UserWarning, match="churn_features: left out of customers: mail ") as caught:
        found = features(ONE, [9], customers=people)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "age" in found
    assert "mail" not in found


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("T", "column 'T' of customers has the name of a feature. Rename it first."),
        ("recency", "column 'recency' of customers becomes 'recency_days', which has the name of"),
        ("cutoff", "column 'cutoff' of customers has the name of a feature"),
    ],
)
def test_names_of_features_are_refused(column, sentence):
    values = [START, START] if column == "recency" else [1, 2]
    people = pd.DataFrame({"customer_id": [1, 2], column: values})
    with pytest.raises(ColumnError, match=f"^churn_features: {sentence}"):
        features(ONE, [9], customers=people)
    both = pd.DataFrame({"customer_id": [1], "joined_days": [3], "joined": [START]})
    with pytest.raises(ColumnError, match="'joined' of customers becomes 'joined_days'"):
        features(ONE, [9], customers=both)


def test_repeated_customers_are_refused():
    people = pd.DataFrame({"customer_id": [1, 1], "age": [30, 40]})
    with pytest.raises(
        DataError, match="churn_features: customers has several rows for one 'customer_id'"
    ):
        features(ONE, [9], customers=people)


def test_ids_of_another_kind_are_refused():
    people = pd.DataFrame({"customer_id": ["1", "2"], "age": [30, 40]})
    with pytest.raises(ColumnError, match="are texts in customers and numbers in transactions"):
        features(ONE, [9], customers=people)
    with pytest.raises(ColumnError, match="are texts in feedback and numbers in transactions"):
        features(ONE, [9], feedback=scores([(1, 1, 1, 0.1)]).astype({"customer_id": "str"}))


def test_tables_in_memory_beside_lazy_transactions_are_refused(make_lazy):
    with pytest.raises(DataError, match="churn_features: feedback is a table in memory and trans"):
        churn_features(make_lazy(columns(ONE)), cutoffs=day(9), feedback=scores([]))


def test_empty_tables():
    found = features(
        [(1, 0, -5.0, "p", "web", 0.0)], [10], interactions=contacts([]), feedback=scores([]),
        customers=PEOPLE.iloc[:0],
    )  # fmt: skip
    assert {"open_tickets", "mean_score", "joined_days"} < set(found)
    assert len(found) == 0
    found = features(ONE, [10], interactions=contacts([]), feedback=scores([]))
    assert found[["contacts_91", "tickets", "n_feedback"]].eq(0).all(axis=None)
    assert found[["response_days", "mean_score", "last_score"]].isna().all(axis=None)
