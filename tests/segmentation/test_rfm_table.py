# ruff: noqa: DTZ001 - the dates of tables are naive
import math
import warnings
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import CrmlyticsWarning

DAY = datetime(2026, 1, 1)
# customer, order, days and hours since DAY, amount in quarters (exact in binary) or unknown
LINE = st.tuples(
    st.sampled_from("abcd"),
    st.integers(1, 6),
    st.integers(0, 9),
    st.sampled_from([0, 23]),
    st.one_of(st.none(), st.integers(-8, 40).map(lambda quarters: quarters / 4)),
)
LINES = st.lists(LINE, min_size=1, max_size=30)
FEW = settings(max_examples=25, deadline=None)
COUNTS, RETURNS = st.sampled_from(["orders", "days", "rows"]), st.sampled_from(["net", "drop"])


def columns(lines):
    return {
        "customer_id": [line[0] for line in lines],
        "order_id": [line[1] for line in lines],
        "date": [DAY + timedelta(days=line[2], hours=line[3]) for line in lines],
        "amount": pa.array([line[4] for line in lines], pa.float64()),
    }


def oracle(lines, last_day, count, returns):
    """Say the same as rfm_table with a plain loop; also the number of customers left out."""
    customers = {}
    for who, order, day, _, amount in lines:
        if day > last_day:
            continue
        entry = customers.setdefault(who, {"seen": [], "units": [], "spent": 0.0})
        is_return = amount is not None and amount < 0
        if not is_return:
            entry["seen"].append(day)
            entry["units"].append({"orders": order, "days": day, "rows": object()}[count])
        if amount is None:
            entry["spent"] = None
        elif entry["spent"] is not None and not (is_return and returns == "drop"):
            entry["spent"] += amount
    rows = [
        (
            who,
            last_day - max(entry["seen"]),
            len(set(entry["units"])),
            # halves of a cent cannot occur with quarters; floor(x + 0.5) rounds them up elsewhere
            None if entry["spent"] is None else math.floor(entry["spent"] * 100 + 0.5) / 100,
            DAY + timedelta(days=min(entry["seen"])),
            DAY + timedelta(days=max(entry["seen"])),
        )
        for who, entry in sorted(customers.items())
        if entry["seen"]
    ]
    return rows, len(customers) - len(rows)


def rows(table):
    return [
        tuple(None if value is None or value != value else value for value in row)
        for row in table.itertuples(index=False, name=None)
    ]


@FEW
@given(lines=LINES, last_day=st.integers(0, 9), count=COUNTS, returns=RETURNS)
def test_oracle_plain_loop(make_table, plain, lines, last_day, count, returns):
    want, left_out = oracle(lines, last_day, count, returns)
    first = min(line[2] for line in lines)
    if last_day < first:
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = crm.segmentation.rfm_table(
            make_table(columns(lines)),
            as_of=DAY + timedelta(days=last_day),
            count=count,
            returns=returns,
        )
        got = rows(plain(table, "customer_id"))
    assert got == want
    sentences = [str(w.message) for w in caught if w.category is CrmlyticsWarning]
    assert len(sentences) == (left_out > 0)
    if left_out:
        assert f"rfm_table: {left_out} customers of transactions have returns only" in sentences[0]


@FEW
@given(lines=LINES, data=st.data())
def test_order_of_rows_is_nothing(engines, lines, data):
    shuffled = data.draw(st.permutations(lines))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)
        tables = [
            crm.segmentation.rfm_table(engines["pandas"](columns(some)))
            for some in (lines, shuffled)
        ]
    assert tables[0].equals(tables[1])


def test_as_of_is_the_last_day_seen_and_inclusive(make_table, plain):
    lines = [("a", 1, 0, 0, 1.0), ("a", 2, 4, 23, 2.0), ("a", 3, 5, 0, 4.0)]
    # by hand: at the end of day 4 the orders of day 0 and of day 4, 23 h, are seen
    as_of = date(2026, 1, 5)
    table = plain(crm.segmentation.rfm_table(make_table(columns(lines)), as_of=as_of))
    assert rows(table) == [("a", 0, 2, 3.0, DAY, DAY + timedelta(days=4))]


@pytest.mark.parametrize("as_of", ["2026-01-05", "2026-01-05T18:00", DAY + timedelta(days=4)])
def test_as_of_may_be_text_or_a_moment_of_the_day(engines, as_of):
    lines = engines["pandas"](columns([("a", 1, 0, 0, 1.0), ("a", 2, 4, 23, 2.0)]))
    table = crm.segmentation.rfm_table(lines, as_of=as_of)
    assert table["recency_days"].tolist() == [0]


def test_returns_on_the_last_day_move_as_of_and_not_recency(make_table, plain):
    # by hand: the table ends with the return of day 3, the last purchase was on day 1
    lines = [("a", 1, 1, 0, 9.0), ("a", 2, 3, 0, -4.0)]
    table = plain(crm.segmentation.rfm_table(make_table(columns(lines))))
    assert rows(table)[0][:4] == ("a", 2, 1, 5.0)


def test_a_customer_who_returned_more_than_bought_stays(make_table, plain):
    # by hand: 3 - 8
    lines = [("a", 1, 1, 0, 3.0), ("a", 1, 2, 0, -8.0)]
    assert rows(plain(crm.segmentation.rfm_table(make_table(columns(lines)))))[0][3] == -5.0


def test_amounts_of_zero_are_purchases(make_table, plain):
    lines = [("a", 1, 1, 0, 0.0), ("a", 2, 2, 0, 0.0)]
    table = plain(crm.segmentation.rfm_table(make_table(columns(lines))))
    assert rows(table)[0][:4] == ("a", 0, 2, 0.0)


@pytest.mark.parametrize(
    ("amount", "precision", "want"),
    [
        # floor(x * 10**precision + 0.5) by hand; halves go up, below 0 too
        (0.125, 2, 0.13),
        (2.5, 0, 3.0),
        (1_250.0, -2, 1_300.0),
        (1.005, 2, 1.01),  # 1.00499999999999989 in binary, a hair below the half: counts as half
        (0.1 + 0.2, 9, 0.3),
    ],
)
def test_money_is_rounded_halves_up_on_every_engine(make_table, plain, amount, precision, want):
    lines = columns([("a", 1, 1, 0, amount)])
    table = crm.segmentation.rfm_table(make_table(lines), precision=precision)
    assert plain(table)["monetary"].tolist() == [want]


def test_money_of_a_net_return_is_rounded_halves_up(make_table, plain):
    # floor(-12.5 + 0.5) / 100: halves go towards plus infinity
    lines = columns([("a", 1, 1, 0, 1.0), ("a", 1, 2, 0, -1.125)])
    assert plain(crm.segmentation.rfm_table(make_table(lines)))["monetary"].tolist() == [-0.12]


def test_money_is_the_nearest_number_on_every_engine(make_table, plain):
    # 29778 / 100 and not 29778 * (1 / 100): cuts made on one engine are used on another
    lines = columns([(who, n, 1, 0, n * 152.64 / 2) for n, who in enumerate("abcd", 1)])
    want = [76.32, 152.64, 228.96, 305.28]
    table = plain(crm.segmentation.rfm_table(make_table(lines)), "customer_id")
    assert table["monetary"].tolist() == want


def test_order_id_is_not_needed_for_days_and_rows(make_table, plain):
    lines = columns([("a", 1, 1, 0, 1.0), ("a", 1, 1, 9, 1.0)])
    del lines["order_id"]
    for count, want in [("days", 1), ("rows", 2)]:
        table = crm.segmentation.rfm_table(make_table(lines), count=count)
        assert plain(table)["frequency"].tolist() == [want]


def test_an_order_of_two_customers_counts_for_both(make_table, plain):
    lines = columns([("a", 1, 1, 0, 1.0), ("b", 1, 1, 0, 1.0), ("b", 2, 1, 0, 1.0)])
    table = plain(crm.segmentation.rfm_table(make_table(lines)), "customer_id")
    assert table["frequency"].tolist() == [1, 2]


def test_one_call_does_the_three_steps(make_eager, plain):
    lines = make_eager(columns([("a", 1, 1, 0, 5.0), ("a", 2, 8, 0, 5.0), ("b", 3, 4, 0, 2.0)]))
    steps = crm.segmentation.rfm_scores(crm.segmentation.rfm_table(lines), bins=5)
    steps = crm.segmentation.rfm_segments(steps, explain=True)
    answer = crm.segmentation.rfm(lines, explain=True)
    assert isinstance(answer, type(lines))
    assert plain(answer).equals(plain(steps))


def test_a_lazy_table_is_collected_on_request(make_lazy, engines, plain):
    lines = columns([("b", 1, 1, 0, 5.0), ("a", 2, 8, 0, 5.0), ("c", 3, 4, 0, 2.0)])
    answer = crm.segmentation.rfm(make_lazy(lines), collect=True)
    assert plain(answer).equals(plain(crm.segmentation.rfm(engines["polars"](lines))))
