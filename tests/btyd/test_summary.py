# ruff: noqa: DTZ001 - the dates of tables are naive
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
from crmlytics import _codes
from crmlytics.datasets._packages import data_file
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

DAY = datetime(2026, 1, 1)
# lengths of the contract: 365.25 / 12 = 30.4375, 365.25 / 4 = 91.3125
UNITS = {"D": 1, "W": 7, "M": 30.4375, "Q": 91.3125, "Y": 365.25}
# customer, order, days and hours since DAY, amount in quarters (exact in binary) or unknown
LINE = st.tuples(
    st.sampled_from("abcd"),
    st.integers(1, 6),
    st.integers(0, 9),
    st.sampled_from([0, 9, 23]),
    st.one_of(st.none(), st.integers(-8, 40).map(lambda quarters: quarters / 4)),
)
LINES = st.lists(LINE, min_size=1, max_size=30)
FEW = settings(max_examples=25, deadline=None)
OPTIONS = st.fixed_dictionaries({
    "period": st.sampled_from(list(UNITS)),
    "same_day": st.sampled_from(["merge", "separate"]),
    "first_purchase_in_monetary": st.booleans(),
    "order_col": st.sampled_from(["order_id", None]),
    "amount_col": st.sampled_from(["amount", "amount", None]),
})  # fmt: skip


def columns(lines):
    return {
        "customer_id": [line[0] for line in lines],
        "order_id": [line[1] for line in lines],
        "date": [DAY + timedelta(days=line[2], hours=line[3]) for line in lines],
        "amount": pa.array([line[4] for line in lines], pa.float64()),
    }


def rows(table):
    return [
        tuple(None if value is None or value != value else value for value in row)
        for row in table.itertuples(index=False, name=None)
    ]


def add(amounts):
    return None if None in amounts else sum(amounts)


def one_customer(lines, last_day, options):
    """Say in a plain loop what the summary has for one customer; None with returns only."""
    separate, unit = options["same_day"] == "separate", UNITS[options["period"]]
    occasions, orders, early, late = {}, set(), [], []
    for number, (_, named, day, hour, amount) in enumerate(lines):
        order = number if options["order_col"] is None else named
        if options["amount_col"] is None or amount is None or amount >= 0:
            occasions.setdefault(order if separate else day, []).append(((day, hour), amount))
            orders.add((day, order))
    if not occasions:
        return None
    moment = {
        key: min(at if separate else at[:1] for at, _ in made) for key, made in occasions.items()
    }
    first, last = min(moment.values()), max(moment.values())
    for _, _, day, _, amount in lines:
        if amount is not None and amount < 0:
            (early if day <= first[0] else late).append(amount)
    shared = [key for key in occasions if moment[key] == first]
    opening = early + [amount for key in shared for _, amount in occasions[key]]
    later = late + [
        amount for key, made in occasions.items() if key not in shared for _, amount in made
    ]
    count, monetary = len(occasions) - 1, 0.0
    if options["amount_col"] is None:
        monetary = None
    elif options["first_purchase_in_monetary"]:
        spent = add(opening + later)
        monetary = None if spent is None else spent / (count + 1)
    elif count:
        kept = 0.0 if len(shared) == 1 else add(opening)
        spent = None if kept is None else add(later)
        monetary = None
        if spent is not None:
            monetary = (kept - kept / len(shared) + spent) / count
    merged = 0 if separate else len(orders) - len(occasions)
    return count, (last[0] - first[0]) / unit, (last_day - first[0]) / unit, monetary, merged


def oracle(lines, last_day, options):
    seen = [line for line in lines if line[2] <= last_day]
    who = sorted({line[0] for line in seen})
    found = {
        name: one_customer([r for r in seen if r[0] == name], last_day, options) for name in who
    }
    return [(name, *row) for name, row in found.items() if row], list(found.values()).count(None)


def agree(got, want):
    assert [row[:-2] + row[-1:] for row in got] == [row[:-2] + row[-1:] for row in want]
    for one, other in zip(got, want, strict=True):
        assert (one[-2] is None) == (other[-2] is None)
        if one[-2] is not None:  # thirds of an opening are not exact in binary
            assert one[-2] == pytest.approx(other[-2], rel=1e-12, abs=1e-12)


@FEW
@given(lines=LINES, last_day=st.integers(0, 12), options=OPTIONS)
def test_oracle_plain_loop(make_table, plain, lines, last_day, options):
    if last_day < min(line[2] for line in lines):
        return
    want, left_out = oracle(lines, last_day, options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        as_of = DAY + timedelta(days=last_day)
        table = crm.btyd.purchase_summary(make_table(columns(lines)), as_of=as_of, **options)
        got = rows(plain(table, "customer_id"))
    agree(got, want)
    sentences = [str(w.message) for w in caught if w.category is CrmlyticsWarning]
    assert sentences == [
        f"purchase_summary: {left_out} customers of transactions have returns only "
        "(amounts below 0) and are left out."
    ] * (left_out > 0)


def lifetimes_summary(table, **options):
    with warnings.catch_warnings():  # importing lifetimes installs filters of its own
        warnings.simplefilter("ignore")
        from lifetimes.utils import summary_data_from_transaction_data

        made = summary_data_from_transaction_data(
            table, "customer_id", "date", "amount", freq="D", **options
        )
    return made.sort_index().reset_index()


def like_lifetimes(got, want, *, first_too=False):
    assert got["customer_id"].tolist() == want["customer_id"].tolist()
    # with include_first_transaction lifetimes counts the first in frequency too
    assert (got["frequency"] == want["frequency"] - first_too).all()
    assert (got[["recency", "T"]] == want[["recency", "T"]]).all(axis=None)
    np.testing.assert_allclose(got["monetary_value"], want["monetary_value"], rtol=1e-9)


@pytest.mark.parametrize("which", ["sample", "master"])
@pytest.mark.parametrize("first_too", [False, True])
@pytest.mark.parametrize("as_of", [None, "1997-09-30"])
def test_cdnow_equals_lifetimes(which, first_too, as_of):
    lines = crm.datasets.load_cdnow(which)
    got = crm.btyd.purchase_summary(lines, as_of=as_of, first_purchase_in_monetary=first_too)
    want = lifetimes_summary(
        lines, observation_period_end=as_of, include_first_transaction=first_too
    )
    like_lifetimes(got, want, first_too=first_too)


BOUGHT = st.tuples(
    st.integers(1, 5), st.integers(0, 400), st.integers(0, 23), st.integers(0, 9_999)
)


@FEW
@given(lines=st.lists(BOUGHT, min_size=1, max_size=40), first_too=st.booleans())
def test_hypothesis_equals_lifetimes(lines, first_too):
    table = pd.DataFrame({
        "customer_id": [line[0] for line in lines],
        "date": [DAY + timedelta(days=line[1], hours=line[2]) for line in lines],
        "amount": [line[3] / 100 for line in lines],
    })  # fmt: skip
    got = crm.btyd.purchase_summary(table, first_purchase_in_monetary=first_too)
    want = lifetimes_summary(table, include_first_transaction=first_too)
    like_lifetimes(got, want, first_too=first_too)


@pytest.fixture(scope="module")
def calibration():
    return crm.btyd.purchase_summary(crm.datasets.load_cdnow(), period="W", as_of="1997-09-30")


def test_cdnow_totals(calibration):
    # Fader, Hardie and Lee 2005, p. 279: 2,357 customers, 946 of them with 2,457 repeat purchases
    assert len(calibration) == 2_357
    assert calibration["frequency"].sum() == 2_457
    assert (calibration["frequency"] > 0).sum() == 946


def test_cdnow_customers_one_by_one(calibration):
    # the authors' own table as lifetimes has it: weeks and mean spend to two decimals, and the mean
    # of customer 1, (29.73 + 14.96) / 2 = 22.345, as 22.35
    published = pd.read_csv(
        data_file(
            "tests", module="lifetimes", package="lifetimes", folder="datasets",
            name="cdnow_customers_summary_with_transactions.csv",
        )
    )  # fmt: skip
    assert (calibration["frequency"] == published["x"]).all()
    for ours, theirs in [("recency", "t_x"), ("T", "T"), ("monetary_value", "zbar")]:
        assert (calibration[ours] - published[theirs]).abs().max() < 0.005 + 1e-9


def test_cdnow_orders_merged(calibration):
    # counted apart: rows up to the day beyond the different days of each customer
    lines = crm.datasets.load_cdnow()
    lines = lines[lines["date"] <= "1997-09-30"]
    merged = len(lines) - len(lines.drop_duplicates(["customer_id", "date"]))
    assert calibration["same_day_orders"].sum() == merged > 0


@FEW
@given(lines=LINES, options=OPTIONS, data=st.data())
def test_order_of_rows_is_nothing(engines, lines, options, data):
    shuffled = data.draw(st.permutations(lines))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)
        one, other = (
            crm.btyd.purchase_summary(engines["pandas"](columns(some)), **options)
            for some in (lines, shuffled)
        )
    pd.testing.assert_frame_equal(one, other, rtol=1e-12)


def by_hand(make_table, plain, lines, **options):
    return rows(
        plain(crm.btyd.purchase_summary(make_table(columns(lines)), **options), "customer_id")
    )


def test_units_are_fractions_of_days(make_table, plain):
    lines = [("a", 1, 0, 23, 9.0), ("a", 2, 10, 1, 3.0)]
    # by hand: 10 and 15 whole days, whatever the hours
    as_of = date(2026, 1, 16)
    for period, unit in UNITS.items():
        got = by_hand(make_table, plain, lines, period=period, as_of=as_of)
        assert got == [("a", 1, 10 / unit, 15 / unit, 3.0, 0)]


def test_as_of_is_inclusive(make_table, plain):
    lines = [("a", 1, 0, 0, 1.0), ("a", 2, 4, 23, 2.0), ("a", 3, 5, 0, 4.0)]
    # by hand: at the end of day 4 two orders are seen
    got = by_hand(make_table, plain, lines, as_of=date(2026, 1, 5))
    assert got == [("a", 1, 4.0, 4.0, 2.0, 0)]


def test_returns_lower_the_spend_of_repeated_occasions(make_table, plain):
    lines = [("a", 1, 2, 0, 50.0), ("a", 2, 5, 0, 20.0), ("a", 3, 6, 0, 30.0)]
    # by hand: the first occasion keeps 50 - 4 - 8; the others have (20 + 30 - 6) / 2; the last day
    # of the table is that of a return, and no purchase
    lines += [("a", 1, 2, 9, -4.0), ("a", 9, 0, 0, -8.0), ("a", 1, 7, 0, -6.0)]
    assert by_hand(make_table, plain, lines) == [("a", 2, 4.0, 5.0, 22.0, 0)]
    # all three net of all returns: 82 on three occasions
    got = by_hand(make_table, plain, lines, first_purchase_in_monetary=True)
    assert got[0][4] == pytest.approx(82 / 3, rel=1e-15)


def test_returns_may_outweigh_purchases(make_table, plain):
    lines = [("a", 1, 0, 0, 5.0), ("a", 2, 1, 0, 3.0), ("a", 2, 2, 0, -8.0)]
    assert by_hand(make_table, plain, lines) == [("a", 1, 1.0, 2.0, -5.0, 0)]


def test_customers_with_returns_only_are_left_out(make_table, plain):
    lines = [("a", 1, 0, 0, 5.0), ("b", 2, 1, 0, -3.0), ("c", 3, 1, 0, -3.0), ("d", 4, 3, 0, -3.0)]
    with pytest.warns(CrmlyticsWarning, match="^purchase_summary: 2 customers of transactions"):
        got = by_hand(make_table, plain, lines, as_of=date(2026, 1, 2))  # d comes later
    assert got == [("a", 0, 0.0, 1.0, 0.0, 0)]


def test_amounts_of_zero_and_unknown_ones_are_purchases(make_table, plain):
    lines = [("a", 1, 0, 0, 0.0), ("a", 2, 1, 0, 0.0), ("b", 3, 0, 0, 4.0), ("b", 4, 2, 0, None)]
    assert by_hand(make_table, plain, lines) == [
        ("a", 1, 1.0, 2.0, 0.0, 0),
        ("b", 1, 2.0, 2.0, None, 0),
    ]


def test_an_unknown_amount_matters_only_where_it_is_averaged(make_table, plain):
    # a's first occasion is not averaged, and b has no repeated ones
    lines = [("a", 1, 0, 0, None), ("a", 2, 1, 0, 6.0), ("b", 3, 1, 0, None)]
    got = by_hand(make_table, plain, lines)
    assert got == [("a", 1, 1.0, 1.0, 6.0, 0), ("b", 0, 0.0, 0.0, 0.0, 0)]
    got = by_hand(make_table, plain, lines, first_purchase_in_monetary=True)
    assert [row[4] for row in got] == [None, None]


def test_a_large_first_purchase_costs_no_digits(make_table, plain):
    # a total of 1e12 + 0.1, less 1e12, would be 0.0999755859375
    lines = [("a", 1, 0, 0, 1e12), ("a", 2, 1, 0, 0.1)]
    for same_day in ("merge", "separate"):
        assert by_hand(make_table, plain, lines, same_day=same_day)[0][4] == 0.1


def test_nan_is_unknown(make_table, plain):
    lines = [("a", 1, 0, 0, 1.0), ("a", 2, 1, 0, float("nan")), ("b", 3, 1, 0, 2.0)]
    got = by_hand(make_table, plain, lines)
    assert got == [("a", 1, 1.0, 1.0, None, 0), ("b", 0, 0.0, 0.0, 0.0, 0)]


def test_orders_of_one_day(make_table, plain):
    # two lines of order 1, then orders 2 and 3 on one day; order 3 goes on the day after
    lines = [("a", 1, 0, 9, 10.0), ("a", 1, 0, 9, 10.0)]
    lines += [("a", 2, 4, 9, 7.0), ("a", 3, 4, 23, 5.0), ("a", 3, 5, 9, 6.0)]
    # by hand: days 0, 4, 5; (7 + 5 + 6) / 2; only order 2 or 3 was merged
    assert by_hand(make_table, plain, lines) == [("a", 2, 5.0, 5.0, 9.0, 1)]
    # orders 1, 2, 3, the last begun on day 4
    got = by_hand(make_table, plain, lines, same_day="separate")
    assert got == [("a", 2, 4.0, 5.0, 9.0, 0)]
    # rows as orders: one more merged on day 0
    assert by_hand(make_table, plain, lines, order_col=None)[0][5] == 2
    # five occasions; the two rows of the first moment are each the first in half: one 10 remains
    got = by_hand(make_table, plain, lines, order_col=None, same_day="separate")
    assert got == [("a", 4, 5.0, 5.0, (10 + 7 + 5 + 6) / 4, 0)]


def test_the_first_of_separate_orders(make_table, plain):
    # a: order 2 came first by the hour; b: orders 4 and 5 at one moment, (20 + 40 - 6) / 2 remain,
    # and the return of that day is taken off before
    lines = [("a", 1, 0, 23, 10.0), ("a", 2, 0, 9, 30.0)]
    lines += [("b", 4, 1, 9, 20.0), ("b", 5, 1, 9, 40.0), ("b", 5, 1, 23, -6.0)]
    got = by_hand(make_table, plain, lines, same_day="separate")
    assert got == [("a", 1, 0.0, 1.0, 10.0, 0), ("b", 1, 0.0, 0.0, 27.0, 0)]


def test_an_order_of_two_customers_is_one_of_each(make_table, plain):
    lines = [("a", 1, 0, 0, 1.0), ("a", 2, 0, 0, 1.0), ("b", 1, 0, 0, 1.0), ("b", 1, 0, 0, 1.0)]
    assert [row[5] for row in by_hand(make_table, plain, lines)] == [1, 0]
    got = by_hand(make_table, plain, lines, same_day="separate")
    assert [row[1] for row in got] == [1, 0]


@pytest.mark.parametrize("same_day", ["merge", "separate"])
def test_without_orders_and_amounts(make_table, plain, same_day):
    lines = columns([("a", 1, 0, 9, 1.0), ("a", 1, 0, 23, 1.0), ("b", 2, 3, 0, -1.0)])
    del lines["order_id"], lines["amount"]
    # by hand: rows are orders, and there are no returns
    want = {"merge": ("a", 0, 0.0, 3.0, None, 1), "separate": ("a", 1, 0.0, 3.0, None, 0)}
    for first_too in (False, True):
        table = crm.btyd.purchase_summary(
            make_table(lines), same_day=same_day, first_purchase_in_monetary=first_too
        )
        got = rows(plain(table, "customer_id"))
        assert got == [want[same_day], ("b", 0, 0.0, 0.0, None, 0)]


def test_columns_and_dtypes(make_table, schema):
    table = crm.btyd.purchase_summary(make_table(columns([("a", 1, 0, 0, 1.0)])))
    listed = schema(table)
    assert list(listed) == [
        "customer_id", "frequency", "recency", "T", "monetary_value", "same_day_orders",
    ]  # fmt: skip
    assert list(listed.values())[1:] == ["Int64", "Float64", "Float64", "Float64", "Int64"]


@pytest.mark.parametrize("same_day", ["merge", "separate"])
@pytest.mark.parametrize("order_col", ["order_id", None])
def test_empty_table(make_table, plain, schema, same_day, order_col):
    empty = pa.table(columns([("a", 1, 0, 0, 1.0)])).slice(0, 0)
    options = {"same_day": same_day, "order_col": order_col}
    table = crm.btyd.purchase_summary(make_table(empty), as_of="2026-01-31", **options)
    assert rows(plain(table)) == []
    assert list(schema(table).values())[1:] == ["Int64", "Float64", "Float64", "Float64", "Int64"]
    with pytest.raises(DataError, match=r"^purchase_summary: transactions has no rows, so as_of"):
        crm.btyd.purchase_summary(make_table(empty), **options)


def test_days_before_1970(make_table, plain):
    lines = columns([("a", 1, 0, 0, 1.0), ("a", 2, 0, 0, 2.0)])
    lines["date"] = [datetime(1969, 12, 30, 18), datetime(1970, 1, 2, 3)]
    for same_day in ("merge", "separate"):
        got = rows(plain(crm.btyd.purchase_summary(make_table(lines), same_day=same_day)))
        assert got == [("a", 1, 3.0, 3.0, 2.0, 0)]


LINES_OK = pd.DataFrame({
    "customer_id": ["a", "a", "b"],
    "order_id": [1, 2, 3],
    "date": pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"]),
    "amount": [10.0, 30.0, 5.0],
})  # fmt: skip
BAD = [
    ({}, {"period": "week"}, OptionError, r"period must be one of 'D', 'W', 'M', 'Q', 'Y'; got"),
    ({}, {"same_day": "merged"}, OptionError, r"same_day must be .* Did you mean same_day='merge'"),
    ({}, {"first_purchase_in_monetary": 1}, OptionError, r"first_purchase_in_monetary must be"),
    ({}, {"as_of": "then"}, OptionError, r"as_of must be a day"),
    ({}, {"as_of": "2026-01-01"}, OptionError, r"as_of 2026-01-01 is before the first date of"),
    ({}, {"customer_col": "who"}, ColumnError, r"no column 'who' \(customer_col\) in transactions"),
    ({}, {"order_col": "basket"}, ColumnError, r"no column 'basket' \(order_col\) in transactions"),
    ({}, {"amount_col": "paid"}, ColumnError, r"no column 'paid' \(amount_col\) in transactions"),
    ({}, {"date_col": None}, OptionError, r"date_col must be the name of a column; got None"),
    ({}, {"amount_col": 3}, OptionError, r"amount_col must be the name of a column; got 3"),
    ({"customer_id": ["a", None, "b"]}, {}, DataError, r"1 of 3 rows have no 'customer_id'"),
    ({"order_id": [1, None, 2]}, {}, DataError, r"1 of 3 rows have no 'order_id'"),
    ({"date": pd.to_datetime([None, "2026-01-09", None])}, {}, DataError, r"2 .* have no 'date'"),
    ({"date": ["2026-01-02"] * 3}, {}, ColumnError, r"column 'date' \(date_col\)"),
    ({"amount": ["1", "2", "3"]}, {}, ColumnError, r"column 'amount' \(amount_col\)"),
    ({"amount": [1.0, np.inf, -np.inf]}, {}, DataError, r"2 of 3 values of 'amount' .* inf"),
]  # fmt: skip


@pytest.mark.parametrize("make", [lambda t: t, pl.from_pandas, lambda t: pl.from_pandas(t).lazy()])
@pytest.mark.parametrize(("change", "options", "error", "sentence"), BAD)
def test_bad_input_is_one_sentence(make, change, options, error, sentence):
    with pytest.raises(error, match=rf"^purchase_summary: .*{sentence}") as raised:
        crm.btyd.purchase_summary(make(LINES_OK.assign(**change)), **options)
    assert str(raised.value).endswith((".", "?"))


@pytest.mark.parametrize("name", ["frequency", "recency", "T", "monetary_value", "same_day_orders"])
def test_an_id_cannot_have_the_name_of_a_result(name):
    with pytest.raises(ColumnError, match=rf"^purchase_summary: column '{name}' \(customer_col\)"):
        crm.btyd.purchase_summary(LINES_OK.rename(columns={"customer_id": name}), customer_col=name)


def test_orders_are_counted_however_many_days_and_customers_there_might_be():
    # order 0 in two of 2**62 possible cells, order 1 in one of them: pairs beyond 64 bits
    cells, orders = np.array([5, 2**61, 5, 5]), np.array([0, 0, 1, 0])
    assert sorted(_codes.owners(cells, 2**62, orders, 2)) == [5, 5, 2**61]


@pytest.fixture(scope="module")
def million():
    rng = np.random.default_rng(0)
    n, n_orders = 1_000_000, 400_000
    order = rng.integers(0, n_orders, n)
    moment = rng.integers(0, 365 * 24, n_orders)[order].astype("m8[h]")
    amount = np.round(rng.gamma(2, 10, n), 2)
    amount[rng.random(n) < 0.01] *= -1
    customer = rng.integers(0, 50_000, n_orders)[order]
    # nobody has returns only
    first = np.unique(customer, return_index=True)[1]
    amount[first] = np.abs(amount[first])
    date = np.datetime64("2025-01-01T00", "us") + moment
    return pa.table({"customer_id": customer, "order_id": order, "date": date, "amount": amount})


@pytest.mark.parametrize("same_day", ["merge", "separate"])
def test_engines_agree_at_size(engines, plain, million, same_day):
    want = crm.btyd.purchase_summary(million.to_pandas(), same_day=same_day)
    for name in ("polars", "pyarrow chunks", "polars lazy", "duckdb"):
        table = crm.btyd.purchase_summary(engines[name](million), same_day=same_day)
        pd.testing.assert_frame_equal(
            plain(table, "customer_id"), plain(want), rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("dtype", ["int64", "str", "category"])
def test_ids_of_any_kind(dtype):
    # 9 before 10 as numbers, after it as text
    lines = LINES_OK.assign(customer_id=pd.Series([10, 10, 9]).astype(dtype))
    table = crm.btyd.purchase_summary(lines)
    assert table["customer_id"].dtype == lines["customer_id"].dtype
    assert table.set_index("customer_id")["frequency"].to_dict() == (
        {"10": 1, "9": 0} if dtype == "str" else {9: 0, 10: 1}
    )
