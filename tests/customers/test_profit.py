import math
import warnings
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

START = datetime(2026, 1, 1)  # noqa: DTZ001 - moments without a zone, as in tables
DAY, AS_OF = 20, "2026-01-21"
WHO = st.sampled_from(["a", "b", "c"])
WHOEVER = st.sampled_from(["a", "b", "c", "x"])
WHEN = st.integers(0, 30)
CENTS = st.integers(0, 5000)
LINE = st.tuples(
    WHO, WHEN, st.one_of(st.none(), st.integers(-3000, 5000)), CENTS,
    st.one_of(st.none(), st.integers(-2000, 3000)),
)  # fmt: skip
TICKET = st.tuples(WHOEVER, st.one_of(st.none(), WHEN), CENTS)
BILL = st.tuples(WHOEVER, CENTS, st.one_of(st.none(), WHEN), st.one_of(st.none(), WHEN))


def moments(days):
    return pa.array(
        [None if day is None else START + timedelta(days=day) for day in days], pa.timestamp("us")
    )


def money(values):
    return pa.array([None if v is None else v / 100 for v in values], pa.float64())


def columns(rows, n):
    return list(zip(*rows, strict=True)) if rows else [[] for _ in range(n)]


def line_table(rows):
    who, days, amounts, discounts, costs = columns(rows, 5)
    return pa.table(
        {"customer_id": pa.array(who, pa.string()), "date": moments(days), "amount": money(amounts),
         "discount": money(discounts), "cost": money(costs)}
    )  # fmt: skip


def ticket_table(rows):
    who, days, costs = columns(rows, 3)
    return pa.table(
        {"customer_id": pa.array(who, pa.string()), "opened_at": moments(days),
         "price": money(costs)}
    )  # fmt: skip


def bill_table(rows):
    who, amounts, due, paid = columns(rows, 4)
    return pa.table(
        {"customer_id": pa.array(who, pa.string()), "amount": money(amounts),
         "due_on": moments(due), "paid_on": moments(paid)}
    )  # fmt: skip


def quietly(function, *tables, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = function(*tables, **options)
    return answer, [str(one.message) for one in caught if one.category is CrmlyticsWarning]


def profit(lines, **options):
    return quietly(crm.customers.customer_profit, lines, **({"as_of": AS_OF} | options))


def total(values):
    """Add up cents; unknown if one is."""
    return None if any(value is None for value in values) else sum(values)


def by_hand(who, lines, tickets, bills):
    """All parts of one customer, in cents."""
    mine = [row for row in lines if row[0] == who and row[1] <= DAY]
    amounts = [row[2] for row in mine]
    bought = [row for row in mine if row[2] is None or row[2] >= 0]
    returns = total([None if a is None else max(-a, 0) for a in amounts])
    discounts = sum(row[3] for row in bought)
    paid = total([row[2] for row in bought])
    revenue = None if paid is None else paid + discounts
    goods = total([row[4] for row in mine])
    service = sum(r[2] for r in tickets if r[0] == who and r[1] is not None and r[1] <= DAY)
    late = 0.0
    for owner, amount, due, settled in bills:
        if owner == who and due is not None and due <= DAY:
            end = DAY if settled is None else min(settled, DAY)
            late += amount * 0.1 * max(end - due, 0) / 365
    late = math.floor(late + 0.5 + 1e-9)
    parts = [revenue, goods, discounts, returns, service, late]
    known = None not in parts
    return [*parts, revenue - sum(parts[1:]) if known else None]


PARTS = [
    "revenue", "goods_cost", "discounts", "returns", "service_cost", "late_payment_cost", "profit",
]  # fmt: skip


@given(
    lines=st.lists(LINE, max_size=10), tickets=st.lists(TICKET, max_size=5),
    bills=st.lists(BILL, max_size=5),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_every_part_by_hand(lines, tickets, bills):
    first = ("a", 0, 100, 0, 50)  # as_of may not lie before the data
    lines = [first, *lines]
    answer, said = profit(
        line_table(lines), cost_col="cost", tickets=ticket_table(tickets), service_cost="price",
        payments=bill_table(bills), interest_rate=0.1,
    )  # fmt: skip
    there = sorted({row[0] for row in lines if row[1] <= DAY})
    assert answer["customer_id"].to_pylist() == there
    for row in answer.to_pylist():
        want = by_hand(row["customer_id"], lines, tickets, bills)
        got = [None if row[name] is None else round(row[name] * 100, 6) for name in PARTS]
        assert got == want
    strangers = [r for r in tickets if r[1] is not None and r[1] <= DAY and r[0] not in there]
    told = "rows of tickets of customers" if len(strangers) > 1 else "1 row of tickets of customers"
    assert any(told in one for one in said) == bool(strangers)


@given(lines=st.lists(LINE, max_size=30), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_customers_sum_to_the_table_in_any_order(lines, seed):
    whole = [(w, d, a or 0, dis, c or 0) for w, d, a, dis, c in lines]
    table = line_table([("a", 0, 1, 0, 0), *whole])
    answer, _ = profit(table, cost_col="cost")
    shuffled = table.take(pa.array(np.random.default_rng(seed).permutation(len(table))))
    assert profit(shuffled, cost_col="cost")[0].equals(answer)
    cents = 1 + sum(a - c for _, d, a, _, c in whole if d <= DAY)
    assert round(math.fsum(answer["profit"].to_pylist()) * 100, 6) == cents


def test_same_on_every_engine(make_eager, plain):
    lines = line_table([("b", 1, 500, 0, 300), ("a", 2, 990, 10, None), ("a", 25, 1, 0, 1)])
    tickets, bills = ticket_table([("b", 3, 75)]), bill_table([("a", 99_00, 1, None)])
    options = {"cost_col": "cost", "service_cost": 2, "interest_rate": 0.1}
    want, _ = profit(lines, tickets=tickets, payments=bills, **options)
    answer, _ = profit(
        make_eager(lines), tickets=make_eager(tickets), payments=make_eager(bills), **options
    )
    assert isinstance(answer, type(make_eager(lines)))
    pd.testing.assert_frame_equal(plain(answer), plain(want), check_dtype=False)
    assert plain(want)["profit"].isna().tolist() == [True, False]


def test_parts_not_handed_over_are_null_and_named():
    lines = line_table([("a", 1, 1000, 100, 600), ("a", 2, -200, 0, -120)])
    answer, said = profit(lines)
    row = answer.to_pylist()[0]
    assert (row["goods_cost"], row["service_cost"], row["late_payment_cost"]) == (None,) * 3
    assert (row["revenue"], row["discounts"], row["returns"], row["profit"]) == (11, 1, 2, 8)
    assert said == [
        "customer_profit: the profit is before goods_cost (hand over cost_col or margin); "
        "service_cost (hand over tickets and service_cost); late_payment_cost (hand over payments "
        "and interest_rate)."
    ]
    answer, _ = profit(lines.drop_columns("discount"))
    assert answer["discounts"].to_pylist() == [None]
    assert answer["profit"].to_pylist() == [8.0]  # amounts are after discounts: none is missing
    answer, said = profit(lines.drop_columns("discount"), amounts="gross")
    assert "discounts (hand over discount_col)" in said[0]


def test_gross_amounts_and_margin():
    lines = line_table([("a", 1, 1000, 100, 0), ("a", 2, -200, 0, 0)])
    answer, _ = profit(lines, amounts="gross", margin=0.25)
    row = answer.to_pylist()[0]
    # paid: 10 - 1 - 2 = 7; goods 0.75 * 7 = 5.25
    assert (row["revenue"], row["discounts"], row["goods_cost"], row["profit"]) == (
        10.0, 1.0, 5.25, 1.75,
    )  # fmt: skip


def test_refunds_of_their_own_table():
    lines, back = line_table([("a", 1, 1000, 0, 0)]), line_table([("a", 2, 300, 0, 0)])
    answer, _ = profit(lines, returns=back)
    assert answer["returns"].to_pylist() == [3.0]
    assert answer["profit"].to_pylist() == [7.0]


def test_customers_without_transactions():
    lines, tickets = line_table([("a", 1, 1000, 0, 0)]), ticket_table([("x", 2, 0), ("a", None, 0)])
    answer, said = profit(lines, tickets=tickets, service_cost=4)
    assert answer["customer_id"].to_pylist() == ["a"]
    assert said[0] == (
        "customer_profit: left out 1 row of tickets of customers without transactions, 1 row of "
        "tickets without 'opened_at'."
    )
    answer, _ = profit(lines, tickets=tickets, service_cost=4, orphans="add")
    assert answer["customer_id"].to_pylist() == ["a", "x"]
    assert answer["profit"].to_pylist() == [10.0, -4.0]
    assert answer["revenue"].to_pylist() == [10.0, 0.0]


def test_a_bill_that_is_not_due_or_not_paid():
    # 365 a year at 10 % is 10 cents a day: due tomorrow, ten days unpaid, paid after the day
    bills = bill_table([("a", 36500, 21, None), ("b", 36500, 10, None), ("c", 36500, 15, 29)])
    lines = line_table([(who, 1, 0, 0, 0) for who in "abc"])
    answer, _ = profit(lines, payments=bills, interest_rate=0.1)
    assert answer["late_payment_cost"].to_pylist() == [0.0, 1.0, 0.5]


LINES = line_table([("a", 1, 1000, 0, 0), ("a", 2, -5, 0, 0)])
GOOD = line_table([("a", 1, 1000, 0, 0)])
TICKETS = ticket_table([("a", 1, 0)])


@pytest.mark.parametrize(
    ("lines", "options", "error", "sentence"),
    [
        (LINES, {"returns": GOOD}, DataError,
         "returns was handed over, and 1 rows of transactions have an amount below 0"),
        (GOOD, {"returns": LINES}, DataError, "1 of 2 rows of returns have a 'amount' below 0"),
        (GOOD, {"tickets": TICKETS}, OptionError,
         "tickets was handed over without service_cost"),
        (GOOD, {"service_cost": 3}, OptionError, "service_cost was handed over without tickets"),
        (GOOD, {"payments": bill_table([])}, OptionError,
         "payments was handed over without interest_rate"),
        (GOOD, {"interest_rate": -1, "payments": bill_table([])}, OptionError,
         "interest_rate must be a number of 0 or more"),
        (GOOD, {"tickets": TICKETS, "service_cost": -1}, OptionError, "service_cost must be a"),
        (GOOD, {"tickets": TICKETS, "service_cost": "cost"}, ColumnError,
         "no column 'cost' in tickets; .* Set service_cost to"),
        (GOOD, {"margin": 0.2, "cost_col": "cost"}, OptionError, "margin and cost_col both say"),
        (GOOD, {"margin": 30}, OptionError, "margin must be a number"),
        (GOOD, {"tickets": TICKETS, "service_cost": 1, "as_of": None}, OptionError,
         "as_of must be a day where there is more than one table"),
        (GOOD, {"tickets": pl.from_arrow(TICKETS), "service_cost": 1}, DataError,
         "the tables come from two libraries"),
        (GOOD, {"discount_col": "off"}, ColumnError, r"no column 'off' \(discount_col\)"),
        (GOOD.append_column("minus", pa.array([-1.0])), {"discount_col": "minus"}, DataError,
         r"1 purchases in transactions have a 'minus' \(discount_col\) below 0"),
        (GOOD.rename_columns(["profit", "date", "amount", "discount", "cost"]),
         {"customer_col": "profit"}, ColumnError,
         r"column 'profit' \(customer_col\) has the name of a result column"),
        (GOOD, {"amounts": "brutto"}, OptionError, "amounts must be one of 'net', 'gross'"),
        (GOOD, {"orphans": "drop"}, OptionError, "orphans must be one of"),
        (GOOD.drop_columns("amount"), {}, ColumnError, r"no column 'amount' \(amount_col\)"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(lines, options, error, sentence):
    with pytest.raises(error, match=f"^customer_profit: {sentence}"):
        profit(lines, **options)


# --- the whale curve


def curve(profits, **options):
    table = pa.table(
        {"customer_id": range(len(profits)), "profit": pa.array(profits, pa.float64())}
    )
    return quietly(crm.customers.profit_concentration, table, **options)


@given(cents=st.lists(st.integers(-500, 500), min_size=1, max_size=20), seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_whale_curve_by_hand(cents, seed):
    answer, _ = curve([value / 100 for value in cents])
    mixed = np.random.default_rng(seed).permutation(cents)
    assert curve((mixed / 100).tolist())[0].equals(answer)
    steps = sorted(set(cents), reverse=True)
    want = [sum(v for v in cents if v >= step) for step in steps]
    rows = answer.to_pylist()
    assert [round(row["cumulative_profit"] * 100, 6) for row in rows] == [0, *want]
    assert [row["customers"] for row in rows] == [
        0, *(sum(v >= step for v in cents) for step in steps)
    ]  # fmt: skip
    assert [row["peak"] for row in rows].index(True) == int(np.argmax([0, *want]))
    last = rows[-1]
    assert (last["rank_share"], last["customers"]) == (1.0, len(cents))
    assert round(last["cumulative_profit"] * 100, 6) == sum(cents)
    shares = [row["cumulative_profit_share"] for row in rows]
    if sum(cents) > 0:
        assert shares[-1] == 1.0
        assert shares == pytest.approx([value / sum(cents) for value in [0, *want]])
    else:
        assert shares == [None] * len(rows)


def test_whale_curve_of_customer_profit_ends_at_the_total():
    shop = crm.datasets.simulate_shop(300)
    answer, _ = quietly(crm.customers.customer_profit, shop.transactions, cost_col="cost")
    whale = crm.customers.profit_concentration(answer)
    lines = shop.transactions
    total = round(float((lines["amount"] - lines["cost"]).sum()), 2)
    assert whale["cumulative_profit"].iloc[-1] == total
    assert whale["customers"].iloc[-1] == len(answer) == lines["customer_id"].nunique()


def test_unknown_profits_are_counted():
    answer, said = curve([2.0, None, 1.0])
    assert said == ["profit_concentration: left out 1 customer whose profit is null."]
    assert answer["customers"].to_pylist() == [0, 1, 2]
    assert curve([None, None])[0].num_rows == 0
    with pytest.raises(DataError, match="profit has several rows for 1 'customer_id'"):
        crm.customers.profit_concentration(pa.table({"customer_id": [1, 1], "profit": [1.0, 2.0]}))


def test_plot_marks_the_peak():
    from matplotlib.figure import Figure

    ax = crm.customers.plot_profit_concentration(
        curve([80.0, 60.0, 0.0, -40.0])[0], ax=Figure().subplots()
    )
    line, point, alike = ax.get_lines()
    assert line.get_ydata().tolist() == [0.0, 0.8, 1.4, 1.4, 1.0]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (0.5, 1.4)
    assert alike.get_ydata().tolist() == [0.0, 1.0]
    # a loss in all: money in place of shares
    ax = crm.customers.plot_profit_concentration(curve([1.0, -4.0])[0], ax=Figure().subplots())
    assert ax.get_ylabel() == "profit"
    assert ax.get_ylim()[0] <= -3.0
    ax = crm.customers.plot_profit_concentration(curve([])[0], ax=Figure().subplots())
    assert ax.texts[0].get_text() == "no data"
