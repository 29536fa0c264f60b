import warnings
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

view = crm.customers.customer_view
START = datetime(2026, 1, 1)  # noqa: DTZ001 - moments without a zone, as in tables
DAY = 9  # the day on which is asked, from START
AS_OF = date(2026, 1, 10)
IDS = ["a", "b", "c"]
WHO = st.sampled_from([*IDS, "x"])
WHEN = st.integers(0, 14)
LINE = st.tuples(WHO, WHEN, st.integers(0, 4), st.sampled_from([5.0, 7.25, 0.0, -3.0, None]))
CONTACT = st.tuples(WHO, WHEN, st.sampled_from(["app", "shop", "web", None]))
ANSWER = st.tuples(WHO, WHEN, st.sampled_from([0, 3, 10, None]))
OFFER = st.tuples(WHO, WHEN, st.sampled_from([1, 0, None]))
TICKET = st.tuples(WHO, st.one_of(st.none(), WHEN), st.one_of(st.none(), st.integers(0, 5)))
VISIT = st.tuples(WHO, WHEN)


def moment(day, hour=0):
    return None if day is None else START + timedelta(days=day, hours=hour)


def moments(days, hours=0):
    return pa.array([moment(day, hours) for day in days], pa.timestamp("us"))


def made(rows, *names):
    """Build a table of events in Arrow: customer_id, date and what else there is."""
    kinds = {"order_id": pa.int64(), "amount": pa.float64(), "channel": pa.string(),
             "score": pa.float64(), "treated": pa.int64()}  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in range(2 + len(names))]
    table = {"customer_id": pa.array(columns[0], pa.string()), "date": moments(columns[1])}
    for name, values in zip(names, columns[2:], strict=True):
        table[name] = pa.array(values, kinds[name])
    return pa.table(table)


def ticket_table(rows):
    resolved = [None if t is None or d is None else t + d for _, t, d in rows]
    return pa.table(
        {
            "customer_id": pa.array([row[0] for row in rows], pa.string()),
            "opened_at": moments([row[1] for row in rows]),
            "resolved_at": moments(resolved, 12),
        }
    )


def quietly(customers=None, function=view, **tables):
    customers = pa.table({"customer_id": IDS}) if customers is None else customers
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = function(customers, **({"as_of": AS_OF} | tables))
    return answer, [str(one.message) for one in caught if one.category is CrmlyticsWarning]


def when(days):
    """First, last and recency of one customer, by hand."""
    if not days:
        return None, None, None
    return moment(min(days)), moment(max(days)), DAY - max(days)


def check(answer, name, want):
    """Compare the columns of one source, in their order, with rows made by hand."""
    names = [column for column in answer.column_names if column.startswith(f"{name}_")]
    rows = zip(*(answer[column].to_pylist() for column in names), strict=True)
    for row, wanted in zip(rows, want, strict=True):
        assert [_rounded(value) for value in row] == [_rounded(value) for value in wanted], names


def _rounded(value):
    return round(value, 9) if isinstance(value, float) else value


@given(lines=st.lists(LINE, max_size=12))
@settings(max_examples=50, deadline=None)
def test_transactions_by_hand(lines):
    answer, _ = quietly(transactions=made(lines, "order_id", "amount"))
    want = []
    for who in IDS:
        mine = [line for line in lines if line[0] == who and line[1] <= DAY]
        bought = [line for line in mine if line[3] is None or line[3] >= 0]
        amount = None if any(line[3] is None for line in mine) else sum(line[3] for line in mine)
        want.append((len({line[2] for line in bought}), amount, *when([b[1] for b in bought])))
    check(answer, "transactions", want)


@given(contacts=st.lists(CONTACT, max_size=12), visits=st.lists(VISIT, max_size=8))
@settings(max_examples=50, deadline=None)
def test_interactions_and_web_by_hand(contacts, visits):
    answer, _ = quietly(interactions=made(contacts, "channel"), web=made(visits))
    want, want_web = [], []
    for who in IDS:
        mine = [row for row in contacts if row[0] == who and row[1] <= DAY]
        there = [row for row in mine if row[2] is not None]
        ranked = sorted(
            {row[2] for row in there},
            key=lambda one: (
                -sum(row[2] == one for row in there),
                -max(row[1] for row in there if row[2] == one),
                one,
            ),
        )
        top = ranked[0] if ranked else None
        want.append((len(mine), *when([row[1] for row in mine]), len(ranked), top))
        days = [row[1] for row in visits if row[0] == who and row[1] <= DAY]
        want_web.append((len(days), len(set(days)), *when(days)))
    check(answer, "interactions", want)
    check(answer, "web", want_web)


@given(answers=st.lists(ANSWER, max_size=10), offers=st.lists(OFFER, max_size=10))
@settings(max_examples=50, deadline=None)
def test_feedback_and_campaigns_by_hand(answers, offers):
    answer, _ = quietly(feedback=made(answers, "score"), campaigns=made(offers, "treated"))
    want, want_campaigns = [], []
    for who in IDS:
        mine = [row for row in answers if row[0] == who and row[1] <= DAY]
        known = [row for row in mine if row[2] is not None]
        latest = [r[2] for r in known if r[1] == max(k[1] for k in known)]
        mean = float(np.mean([row[2] for row in known])) if known else None
        last = float(np.mean(latest)) if latest else None
        want.append((len(mine), *when([row[1] for row in mine]), mean, last))
        mine = [row for row in offers if row[0] == who and row[1] <= DAY]
        reached = [row[1] for row in mine if row[2] == 1]
        want_campaigns.append((len(reached), sum(row[2] == 0 for row in mine), *when(reached)))
    check(answer, "feedback", want)
    check(answer, "campaigns", want_campaigns)


@given(rows=st.lists(TICKET, max_size=10))
@settings(max_examples=50, deadline=None)
def test_tickets_by_hand(rows):
    answer, _ = quietly(tickets=ticket_table(rows))
    want = []
    for who in IDS:
        mine = [row for row in rows if row[0] == who and row[1] is not None and row[1] <= DAY]
        done = [row for row in mine if row[2] is not None and row[1] + row[2] <= DAY]
        took = sum(row[2] + 0.5 for row in done) / len(done) if done else None
        want.append((len(mine), len(mine) - len(done), took, *when([row[1] for row in mine])))
    check(answer, "tickets", want)


TABLES = {
    "transactions": made(
        [("a", 1, 1, 5.0), ("a", 12, 2, 7.0), ("x", 3, 3, 1.0)], "order_id", "amount"
    ),
    "interactions": made([("b", 1, "web"), ("b", 2, "app"), ("c", 11, "app")], "channel"),
    "feedback": made([("c", 1, 3), ("c", 5, 10), ("c", 13, 0)], "score"),
    "campaigns": made([("a", 2, 1), ("b", 2, 0), ("a", 10, 1)], "treated"),
    "tickets": ticket_table([("a", 3, 1), ("a", 8, 4), ("b", None, None)]),
    "web": made([("a", 3), ("a", 3), ("b", 12)]),
}  # fmt: skip


def cut(table):
    """Leave out what has not happened by the end of the day."""
    rows = table.to_pylist()
    column = "date" if "date" in table.column_names else "opened_at"
    kept = [r for r in rows if r[column] is not None and r[column] < moment(DAY + 1)]
    for row in kept:
        if row.get("resolved_at") and row["resolved_at"] >= moment(DAY + 1):
            row["resolved_at"] = None
    return pa.Table.from_pylist(kept, schema=table.schema)


def test_nothing_after_the_day_is_seen():
    whole, _ = quietly(**TABLES)
    past, _ = quietly(**{name: cut(table) for name, table in TABLES.items()})
    assert whole.equals(past)


def test_same_on_every_engine(make_eager, plain):
    customers = pa.table({"customer_id": ["c", "a", "b"], "age": [30, None, 50]})
    scores = pa.table({"customer_id": ["b", "a"], "risk": [0.5, 0.25], "kind": ["x", None]})
    want, _ = quietly(customers, **TABLES, extra={"churn": scores})
    assert want["customer_id"].to_pylist() == IDS
    assert want["age"].to_pylist() == [None, 50, 30]
    assert want["churn_risk"].to_pylist() == [0.25, 0.5, None]
    for orphans in ("report", "add"):
        want, _ = quietly(customers, **TABLES, extra={"churn": scores}, orphans=orphans)
        tables = {name: make_eager(table) for name, table in TABLES.items()}
        answer, _ = quietly(
            make_eager(customers), **tables, extra={"churn": make_eager(scores)}, orphans=orphans
        )
        assert isinstance(answer, type(make_eager(customers)))
        pd.testing.assert_frame_equal(plain(answer), plain(want), check_dtype=False)


def test_one_row_a_customer_and_own_columns_kept():
    customers = pd.DataFrame(
        {"customer_id": [3, 1, 2], "city": pd.Categorical(["x", "y", "x"]), "age": [30, 40, 50]}
    )
    tables = {n: t.to_pandas().assign(customer_id=1) for n, t in TABLES.items()}
    answer, said = quietly(customers, **tables)
    assert said == []
    assert answer["customer_id"].tolist() == [1, 2, 3]
    own = customers.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(answer[list(customers.columns)], own)
    assert answer["web_n"].tolist() == [2, 0, 0]


def test_orphans_are_reported_or_added():
    answer, said = quietly(**TABLES)
    assert answer["customer_id"].to_pylist() == IDS
    assert said == [
        "customer_view: left out rows of nobody in customers: 1 of transactions. "
        "Add them with orphans='add', or complete customers."
    ]
    answer, said = quietly(**TABLES, orphans="add")
    assert answer["customer_id"].to_pylist() == [*IDS, "x"]
    assert answer["transactions_orders"].to_pylist() == [1, 0, 0, 1]
    assert said == []
    # of somebody who comes later nothing is known yet
    later = made([("y", 12)])
    assert quietly(web=later, orphans="add")[0]["customer_id"].to_pylist() == IDS


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(IDS), pl.String])
def test_customers_added_to_categories(kind):
    customers = pl.DataFrame({"customer_id": IDS}).with_columns(pl.col("customer_id").cast(kind))
    web = pl.DataFrame({"customer_id": ["x", "a"], "date": [moment(1)] * 2})
    for make in (lambda table: table, lambda table: table.to_pandas()):
        answer, _ = quietly(make(customers), web=make(web), orphans="add")
        assert list(answer["customer_id"]) == [*IDS, "x"]
        assert list(answer["web_n"]) == [1, 0, 0, 1]


def test_ids_of_several_widths():
    customers = pd.DataFrame({"customer_id": np.array([1, 2], "uint8")})
    for kind in ("int64", "float64", "Int32"):
        web = pd.DataFrame({"customer_id": [2, 3], "date": [moment(1)] * 2})
        web = web.astype({"customer_id": kind})
        answer, _ = quietly(customers, web=web, orphans="add")
        assert answer["customer_id"].tolist() == [1, 2, 3]
        assert str(answer["customer_id"].dtype) == "uint8"
    with pytest.raises(
        ColumnError, match=r"^customer_view: ids in 'customer_id' of web do not fit"
    ):
        quietly(customers, web=web.replace({"customer_id": {3: 300}}), orphans="add")


def test_columns_left_out_and_renamed():
    lines = TABLES["transactions"].rename_columns(["who", "day", "bill", "paid"])
    customers = pa.table({"who": IDS})
    options = {"customer_col": "who", "date_col": "day", "orphans": "add"}
    answer, _ = quietly(customers, transactions=lines, order_col=None, amount_col=None, **options)
    assert "transactions_amount" not in answer.column_names
    assert answer["transactions_orders"].to_pylist() == [1, 0, 0, 1]
    answer, _ = quietly(interactions=TABLES["interactions"], channel_col=None)
    assert answer.column_names[-1] == "interactions_recency_days"
    answer, _ = quietly(interactions=TABLES["interactions"].drop_columns("channel"))
    assert answer.column_names[-1] == "interactions_recency_days"


def test_extra_as_a_list_and_flags():
    scores = pa.table({"customer_id": ["b"], "vip": [True], "on": pa.array([AS_OF], pa.date32())})
    answer, _ = quietly(extra=[scores])
    assert answer["vip"].to_pylist() == [None, True, None]
    assert answer["on"].to_pylist() == [None, AS_OF, None]
    treated = TABLES["campaigns"].set_column(2, "treated", pa.array([True, False, True]))
    one, _ = quietly(campaigns=treated)
    assert one.equals(quietly(campaigns=TABLES["campaigns"])[0])


def test_sources_say_where_columns_come_from():
    extra = {"churn": pa.table({"customer_id": ["b", "z"], "risk": [0.5, 0.1]})}
    answer, _ = quietly(**TABLES, extra=extra)
    told, said = quietly(function=crm.customers.view_sources, **TABLES, extra=extra)
    assert said[0].startswith("view_sources: left out rows")
    rows = {row["column"]: row for row in told.to_pylist()}
    assert told["column"].to_pylist() == answer.column_names
    assert not any(row["made_of"] == "" for row in rows.values())
    assert rows["transactions_amount"] == {
        "column": "transactions_amount", "source": "transactions",
        "made_of": "sum of amounts, returns taken off", "n_rows": 3, "n_used": 1, "n_after": 1,
        "n_orphans": 1, "n_customers": 1, "first_date": moment(1), "last_date": moment(1),
    }  # fmt: skip
    assert rows["tickets_n"]["n_after"] == 1  # without a day of opening
    churn = rows["churn_risk"]
    assert (churn["source"], churn["made_of"], churn["n_orphans"]) == ("churn", "as given", 1)
    assert churn["first_date"] is None
    assert rows["customer_id"]["source"] == "customers"


def frame(**columns):
    return pa.table({"customer_id": IDS[: len(next(iter(columns.values())))], **columns})


@pytest.mark.parametrize(
    ("customers", "options", "error", "sentence"),
    [
        ({"customer_id": ["a", "a"]}, {}, DataError, "customers has several rows for 1"),
        ({"customer_id": ["a"], "web_n": [1]}, {"web": TABLES["web"]}, ColumnError,
         "two columns of the view would be named 'web_n', one of them from web"),
        ({"customer_id": [1]}, {"web": TABLES["web"]}, ColumnError,
         "ids in 'customer_id' are texts in web and numbers in customers"),
        (None, {"web": TABLES["web"].drop_columns("date")}, ColumnError,
         r"no column 'date' \(date_col\) in web"),
        (None, {"transactions": TABLES["web"]}, ColumnError,
         r"no column 'order_id' \(order_col\) in transactions"),
        (None, {"feedback": TABLES["feedback"], "score_col": "stars"}, ColumnError,
         r"no column 'stars' \(score_col\) in feedback"),
        (None, {"campaigns": TABLES["campaigns"], "treated_col": "customer_id"}, ColumnError,
         r"column 'customer_id' \(treated_col\) of campaigns holds .* not True or False"),
        (None, {"extra": "churn"}, OptionError, "extra must be a list of tables .* got 'churn'"),
        (None, {"extra": [frame(as_of=[moment(11)])]}, DataError,
         r"extra\[0\] has 'as_of' 2026-01-12, after as_of 2026-01-10"),
        (None, {"extra": {"s": frame(x=[1])}, "web": pl.from_arrow(TABLES["web"])}, DataError,
         "the tables come from two libraries"),
        (None, {"extra": [pa.table({"customer_id": ["a", "a"], "x": [1, 2]})]}, DataError,
         r"extra\[0\] has several rows for 1 'customer_id'"),
        (None, {"extra": [frame(x=[1]), frame(x=[1])]}, ColumnError,
         "two columns of the view would be named 'x'"),
        (None, {"web": 3}, DataError, "web must be a table"),
        (None, {"orphans": "drop"}, OptionError, "orphans must be one of 'report', 'add'"),
        (None, {"as_of": None}, OptionError, "as_of must be a day"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(customers, options, error, sentence):
    table = pa.table({"customer_id": IDS} if customers is None else customers)
    with pytest.raises(error, match=f"^customer_view: {sentence}"):
        quietly(table, **options)


def test_nothing_but_customers_and_no_customer():
    assert quietly()[0].column_names == ["customer_id"]
    none, _ = quietly(pa.table({"customer_id": pa.array([], pa.string())}), **TABLES)
    full, _ = quietly(**TABLES)
    assert none.num_rows == 0
    assert none.schema.equals(full.schema)
    empty, _ = quietly(**{name: table.slice(0, 0) for name, table in TABLES.items()})
    assert empty.schema.equals(full.schema)
    assert empty["web_n"].to_pylist() == [0, 0, 0]


def test_complete_journey_in_one_call():
    journey = crm.datasets.load_complete_journey()
    answer, said = quietly(
        journey.customers, transactions=journey.transactions, campaigns=journey.campaign_contacts,
        as_of=date(2018, 1, 1), orphans="add",
    )  # fmt: skip
    # 84.51 degrees, The Complete Journey 2.0: 2,469 households, 801 of them with demographics,
    # 155,848 baskets, each of one household, and 6,589 campaign memberships.
    assert said == []
    assert len(answer) == 2_469
    assert answer["age"].notna().sum() == 801
    # lines of nothing but a return would be no order; there are none
    assert answer["transactions_orders"].sum() == 155_848
    assert answer["campaigns_n"].sum() == 6_589
    total = journey.transactions["amount"].sum()
    assert answer["transactions_amount"].sum() == pytest.approx(total, abs=0.01 * 2_469)


@pytest.mark.parametrize(
    ("resolved", "sentence"),
    [
        (["2026-01-01", "2026-01-03"], "1 of 2 rows of tickets have 'resolved_at'"),
        ("2026-01-03T00:00+03:30", "has a time zone and the other has none"),
    ],
)
def test_tickets_that_go_back_in_time(resolved, sentence):
    people = pd.DataFrame({"customer_id": ["a"]})
    opened = pd.to_datetime(["2026-01-02"] * 2)
    tickets = pd.DataFrame({"customer_id": "a", "opened_at": opened})
    tickets["resolved_at"] = pd.to_datetime(resolved)
    with pytest.raises(DataError, match=sentence):
        view(people, tickets=tickets, as_of=AS_OF)
    tickets["resolved_at"] = None  # then there is nothing to compare
    assert view(people, tickets=tickets, as_of=AS_OF)["tickets_open"].tolist() == [2]


def test_contacts_of_whom_it_is_not_known_whether_they_were_made():
    people = pd.DataFrame({"customer_id": ["a"]})
    sent = pd.DataFrame({"customer_id": "a", "date": [START] * 4, "treated": [1, 1, 0, None]})
    got = view(people, campaigns=sent, as_of=AS_OF)
    assert got[["campaigns_n", "campaigns_held_out"]].to_numpy().tolist() == [[2, 1]]
    told = crm.customers.view_sources(people, campaigns=sent, as_of=AS_OF).set_index("column")
    assert told.loc["campaigns_n", "made_of"].startswith("contacts made")
