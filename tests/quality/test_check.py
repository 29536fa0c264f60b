import datetime as dt
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

check = crm.quality.check_transactions
MIDNIGHT = dt.datetime(2025, 12, 31)  # noqa: DTZ001 - days of January 2026 are added


def test_sound_table_is_ok_in_every_check(make_table, arrow_lines, as_lists, found):
    table = make_table(arrow_lines([("a", 1, 1, 5.0), ("b", 2, 2, 7.5)]))
    answer = check(table, as_of="2026-01-02")
    assert found(answer) == {}
    columns = as_lists(answer)
    # the docstring names 24 checks; 5 of them need a quantity
    assert len(set(columns["check"])) == len(columns["check"]) == 19
    assert set(columns["n_rows"]) == {0}
    assert set(columns["share"]) == {0.0}
    assert set(columns["example"]) == {None}
    assert set(columns["advice"]) == {"Nothing to do."}
    assert isinstance(answer, type(table))


def test_nulls_and_amounts(make_table, arrow_lines, found):
    rows = [
        ("a", 7, 1, 5.0),
        (None, 4, 1, -2.5),  # no customer; below 0
        ("  ", 3, 2, None),  # no customer: blank; no amount
        ("b", None, None, 0.0),  # no order, no date; zero
        ("c", 5, 3, float("inf")),
        ("d", 6, 3, float("nan")),  # NaN is null: no amount
        ("d", 8, 3, float("-inf")),
        ("d", 9, 3, -10.0),
    ]
    # the example is the lowest order concerned, or else the lowest customer or amount;
    # an infinite amount below 0 is below 0 too
    assert found(check(make_table(arrow_lines(rows)))) == {
        "null_customers": ("error", 2, 2 / 8, "3"),
        "null_orders": ("error", 1, 1 / 8, "b"),
        "null_dates": ("error", 1, 1 / 8, None),
        "null_amounts": ("error", 2, 2 / 8, "3"),
        "infinite_amounts": ("error", 2, 2 / 8, "5"),
        "negative_amounts": ("info", 3, 3 / 8, "-inf"),
        "zero_amounts": ("info", 1, 1 / 8, None),
    }


def test_duplicates_are_null_safe(make_table, arrow_lines, found):
    rows = [("a", 2, 1, 5.0)] * 3 + [("a", 2, 1, 5.5)] + [("b", 1, 2, 0.5)] * 2
    note = ["x", "x", "x", "x", None, None]
    share = [None, None, None, None, float("nan"), float("nan")]
    table = arrow_lines(rows, note=note, share=pa.array(share, pa.float64()))
    # 3 equal rows: 2 beyond the first; 2 equal rows with nulls: 1 beyond the first
    assert found(check(make_table(table))) == {"duplicate_rows": ("warning", 3, 0.5, "1")}


def test_duplicates_of_lists_and_objects(found):
    lines = pd.DataFrame({
        "customer_id": ["a", "a", "b"],
        "order_id": [1, 1, 2],
        "date": pd.to_datetime(["2026-01-01"] * 3),
        "amount": [1.0, 1.0, 2.0],
        "tags": [["x"], ["x"], {"y": 1}],
    })  # fmt: skip
    assert found(check(lines)) == {"duplicate_rows": ("warning", 1, 1 / 3, "1")}


def test_orders_with_two_customers(make_table, arrow_lines, found):
    rows = [
        ("a", 9, 1, 1.0), ("b", 9, 1, 2.0), ("b", 9, 1, 3.0),  # 3 rows, 2 customers
        ("c", 8, 1, 4.0), (None, 8, 1, 5.0),  # a null is no second customer
        ("d", None, 1, 6.0), ("e", None, 1, 7.0),  # a null order is no order
    ]  # fmt: skip
    assert found(check(make_table(arrow_lines(rows))))["orders_with_two_customers"] == (
        "warning", 3, 3 / 7, "9",
    )  # fmt: skip


def test_signs_of_amount_and_quantity(make_table, arrow_lines, found):
    rows = [("a", 1, 1, 5.0), ("a", 2, 1, -5.0), ("a", 3, 1, 0.0), ("a", 4, 1, -1.0)]
    table = arrow_lines(rows, quantity=[-2, 1, -3, -1])
    assert found(check(make_table(table))) == {
        "opposite_signs": ("warning", 2, 0.5, "1"),  # orders 1 and 2
        "negative_amounts": ("info", 2, 0.5, "-5"),
        "negative_quantities": ("info", 3, 0.75, "-3"),
        "zero_amounts": ("info", 1, 0.25, "3"),
    }


def test_future_is_seen_against_as_of_only(make_table, arrow_lines, as_lists, found):
    table = arrow_lines([("a", 1, 1, 5.0), ("a", 2, 3, 5.0), ("a", 3, 5, 5.0), ("a", 4, 4, 5.0)])
    assert "future_dates" not in as_lists(check(make_table(table)))["check"]
    answer = check(make_table(table), as_of=dt.date(2026, 1, 3))
    # as_of is inclusive: days 4 and 5 lie after day 3; the example is the last
    assert found(answer) == {"future_dates": ("warning", 2, 0.5, "2026-01-05")}


def test_gaps(make_table, arrow_lines, found):
    rows = [("a", i, day, 1.0) for i, day in enumerate([1, 2, 3, 11, 12, 13, 22, 23, 24, 25])]
    # distances 1 1 8 1 1 9 1 1 1, median 1: runs of 7 (4 to 10 January) and of 8 days (14 to 21);
    # more than max(7, 5 x 1) is the second only; the calendar has 25 days
    assert found(check(make_table(arrow_lines(rows)))) == {
        "calendar_gaps": ("info", 8, 8 / 25, "2026-01-14 to 2026-01-21")
    }
    # with as_of the calendar ends there: 26 January to 9 February are 15 more days of 40
    assert found(check(make_table(arrow_lines(rows)), as_of="2026-02-09")) == {
        "calendar_gaps": ("info", 23, 23 / 40, "2026-01-26 to 2026-02-09")
    }
    # every 6th day: the usual distance is 6, so that 13 days are no gap (5 x 6 = 30)
    seldom = [("a", i, day, 1.0) for i, day in enumerate([1, 7, 21, 27])]
    assert found(check(make_table(arrow_lines(seldom)))) == {}


def test_giant_baskets(make_table, arrow_lines, found):
    def shop(lines_of_first):
        sizes = [lines_of_first, 2, 2, 3]  # the median order has 2 lines (the lower of 2 and 3)
        orders = [order for order, size in enumerate(sizes) for _ in range(size)]
        rows = [("a", order, 1, 1.0 + i) for i, order in enumerate(orders)]
        return make_table(arrow_lines(rows))

    # more than max(100, 50 x 2) = 100 lines
    assert found(check(shop(100))) == {}
    assert found(check(shop(101))) == {"giant_baskets": ("info", 101, 101 / 108, "0")}


TEXTS = ["2026-01-05", "2024-02-29 10:30", "2026-01-05T10:30:00.123456Z", " 2026-01-06 ", ""]
BAD = ["2026-02-29", "05/01/2026", "2026-1-5", "2026-01-05T25:00", "1900-02-29", "٢٠٢٦-٠١-٠٥"]


def test_dates_held_as_text(make_table, found):
    texts = [*TEXTS, *BAD, None]
    n = len(texts)
    table = pa.table({
        "customer_id": ["a"] * n,
        "order_id": list(range(n)),
        "date": pa.array(texts, pa.string()),
        "amount": [1.0] * n,
    })  # fmt: skip
    answer = found(check(make_table(table), as_of="2026-01-05"))
    # blank and None are null; the other 10 are text, of which the 6 of BAD are no ISO day that
    # exists (2026 and 1900 are no leap years); one carries an offset, three do not;
    # 6 January is after as_of; the one distance left is the usual one, hence no gap
    assert answer == {
        "null_dates": ("error", 2, 2 / n, "4"),
        "wrong_type_dates": ("error", 10, 10 / n, "05/01/2026"),
        "unparsable_dates": ("error", 6, 6 / n, "05/01/2026"),
        "mixed_time_zones": ("error", 1, 1 / n, "2026-01-05T10:30:00.123456Z"),
        "future_dates": ("warning", 1, 1 / n, "2026-01-06"),
    }


def test_amounts_held_as_text(make_table, arrow_lines, found):
    table = arrow_lines([("a", i, 1, 1.0) for i in range(8)])
    texts = ["1.50", " -2 ", "+1e2", "0.0", "1,5", "10 EUR", None, ""]
    table = table.set_column(3, "amount", pa.array(texts, pa.string()))
    assert found(check(make_table(table))) == {
        "null_amounts": ("error", 2, 2 / 8, "6"),
        "wrong_type_amounts": ("error", 6, 6 / 8, "+1e2"),
        "unparsable_amounts": ("error", 2, 2 / 8, "1,5"),
        "negative_amounts": ("info", 1, 1 / 8, "-2"),
        "zero_amounts": ("info", 1, 1 / 8, "3"),
    }


def test_wrong_types_on_every_engine(make_table, arrow_lines, found):
    table = arrow_lines([("a", 1, 1, 1.0), ("b", 2, 1, 2.0)])
    table = table.set_column(0, "customer_id", table["date"]).set_column(
        2, "date", pa.array([1, 2])
    )
    table = table.set_column(3, "amount", pa.array([True, False]))
    answer = found(check(make_table(table)))
    counted = {name: line[:3] for name, line in answer.items()}
    assert counted == {
        "mixed_type_customers": ("error", 2, 1.0),
        "wrong_type_dates": ("error", 2, 1.0),
        "unparsable_dates": ("error", 2, 1.0),
        "wrong_type_amounts": ("error", 2, 1.0),
        "unparsable_amounts": ("error", 2, 1.0),
    }


def test_mixed_objects_of_pandas(found):
    zone = dt.timezone(dt.timedelta(hours=2))
    lines = pd.DataFrame({
        "customer_id": pd.Series([1, "1", 2, None, 3.0], dtype=object),
        "order_id": pd.Series(["x", "y", "z", 4, 5], dtype=object),
        "date": pd.Series(
            [dt.datetime(2026, 1, 1, tzinfo=zone), dt.date(2026, 1, 2),
             pd.Timestamp("2026-01-03"), "2026-01-04", 20260105], dtype=object,
        ),
        "amount": pd.Series([1, "2.5", Decimal("-3"), "x", np.float64(0)], dtype=object),
    })  # fmt: skip
    assert found(check(lines)) == {
        "null_customers": ("error", 1, 0.2, "4"),
        "mixed_type_customers": ("error", 1, 0.2, "1"),  # three numbers, one text
        "mixed_type_orders": ("error", 2, 0.4, "4"),  # three texts, two numbers
        "wrong_type_dates": ("error", 5, 1.0, "2026-01-01 00:00:00+02:00"),
        "unparsable_dates": ("error", 1, 0.2, "20260105"),
        "mixed_time_zones": ("error", 1, 0.2, "2026-01-01 00:00:00+02:00"),
        "wrong_type_amounts": ("error", 5, 1.0, "-3"),
        "unparsable_amounts": ("error", 1, 0.2, "x"),
        "negative_amounts": ("info", 1, 0.2, "-3"),
        "zero_amounts": ("info", 1, 0.2, "5"),
    }


def test_zones_are_read_as_they_say(found):
    # 23:30 on 1 January in New York is the 2nd in UTC: the day is that of the column's own zone
    moments = pd.to_datetime(["2026-01-01 23:30"]).tz_localize("America/New_York")
    lines = pd.DataFrame({"customer_id": ["a"], "order_id": [1], "date": moments, "amount": [1.0]})
    for table in (lines, pl.from_pandas(lines), pl.from_pandas(lines).lazy()):
        assert found(check(table, as_of="2026-01-01")) == {}
        assert found(check(table, as_of="2025-12-31"))["future_dates"][3] == "2026-01-01"


def test_duckdb_zones_depend_on_the_connection(found, as_lists):
    lines = duckdb.connect().sql(
        "SELECT 'a' AS customer_id, 1 AS order_id, 1.0 AS amount, "
        "TIMESTAMPTZ '2026-01-01 00:00:00+00' AS date"
    )
    answer = check(lines, as_of="2026-01-01")
    assert found(answer)["wrong_type_dates"][:2] == ("error", 1)
    assert not {"future_dates", "calendar_gaps"} & set(as_lists(answer)["check"])


def test_empty_table(make_table, arrow_lines, as_lists):
    columns = as_lists(check(make_table(arrow_lines([("a", 1, 1, 1.0)]).slice(0, 0))))
    assert set(columns["n_rows"]) == {0}
    assert set(columns["share"]) == {None}
    assert set(columns["severity"]) == {"ok"}


def test_optional_columns_leave_their_checks_out(make_table, arrow_lines, as_lists):
    table = arrow_lines([("a", 1, 1, 1.0)]).select(["customer_id", "date"])
    names = as_lists(check(make_table(table), order_col=None, amount_col=None))["check"]
    assert sorted(names) == [
        "calendar_gaps", "duplicate_rows", "mixed_time_zones", "mixed_type_customers",
        "null_customers", "null_dates", "unparsable_dates", "wrong_type_dates",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"customer_col": "cust"}, ColumnError, r"no column 'cust' \(customer_col\)"),
        ({"amount_col": "amt"}, ColumnError, "Did you mean amount_col='amount'"),
        ({"order_col": "nr"}, ColumnError, r"no column 'nr' \(order_col\)"),
        ({"quantity_col": "pieces"}, ColumnError, r"no column 'pieces' \(quantity_col\)"),
        ({"date_col": None}, ColumnError, "date_col is None"),
        ({"as_of": "soon"}, OptionError, "as_of must be a day"),
    ],
)
def test_bad_options(arrow_lines, options, error, sentence):
    with pytest.raises(error, match=sentence):
        check(arrow_lines([("a", 1, 1, 1.0)]), **options)


def test_no_table():
    with pytest.raises(DataError, match="must be a table"):
        check([1, 2])


def test_column_names_with_spaces_and_in_persian(make_table, arrow_lines, found):
    table = arrow_lines([(None, 1, 1, 1.0), ("ب", 2, 2, -1.0), ("پ", 2, 2, 2.0)])
    names = {"customer_col": "مشتری", "order_col": 'order "no"', "date_col": "the day",
             "amount_col": "مبلغ کل"}  # fmt: skip
    answer = check(make_table(table.rename_columns(list(names.values()))), **names)
    assert {name: line[1] for name, line in found(answer).items()} == {
        "null_customers": 1, "orders_with_two_customers": 2, "negative_amounts": 1,
    }  # fmt: skip


def test_categories_and_decimals(found):
    lines = pl.DataFrame({
        "customer_id": pl.Series(["b", "a", None], dtype=pl.Categorical),
        "order_id": [2, 1, 3],
        "date": [dt.date(2026, 1, 1)] * 3,
        "amount": pl.Series([Decimal("1.50"), Decimal("-2.00"), None], dtype=pl.Decimal(10, 2)),
    })  # fmt: skip
    for table in (lines, lines.lazy()):
        assert found(check(table)) == {
            "null_customers": ("error", 1, 1 / 3, "3"),
            "null_amounts": ("error", 1, 1 / 3, "3"),
            "negative_amounts": ("info", 1, 1 / 3, "-2"),
        }


LINE = st.tuples(
    st.sampled_from(["a", "b", None, ""]),
    st.sampled_from([1, 2, 3, None]),
    st.sampled_from([1, 2, 31, None]),
    st.sampled_from([-1.0, 0.0, 2.5, None, float("inf"), float("nan")]),
)


def _lines(rows):
    customers, orders, days, amounts = (list(column) for column in zip(*rows, strict=True))
    moments = [None if d is None else MIDNIGHT + dt.timedelta(days=d) for d in days]
    return pl.DataFrame(
        {"customer_id": customers, "order_id": orders, "date": moments, "amount": amounts},
        schema={"customer_id": pl.String, "order_id": pl.Int64, "date": pl.Datetime("us"),
                "amount": pl.Float64}, strict=False,
    )  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(rows=st.lists(LINE, min_size=1, max_size=12), data=st.data())
def test_property_row_order_and_engine_are_nothing(rows, data):
    lines = _lines(rows)
    before = lines.clone()
    want = check(lines, as_of="2026-01-15")
    shuffled = _lines(data.draw(st.permutations(rows)))
    assert check(shuffled, as_of="2026-01-15").equals(want)
    lazy = check(lines.lazy(), as_of="2026-01-15").collect()
    assert lazy.sort("check").equals(want.sort("check"))
    pandas = check(lines.to_pandas(), as_of="2026-01-15")
    assert pl.from_pandas(pandas).equals(want)
    assert lines.equals(before)


@settings(deadline=None, max_examples=30)
@given(rows=st.lists(LINE, min_size=1, max_size=6))
def test_property_an_error_is_what_clean_refuses(rows):
    lines = _lines(rows)
    if "error" in check(lines)["severity"].to_list():
        with pytest.raises(DataError):
            crm.quality.clean_transactions(lines, duplicates="keep", returns="keep")
    else:
        kept = crm.quality.clean_transactions(lines, duplicates="keep", returns="keep")
        assert kept.equals(lines)


@pytest.mark.parametrize("kind", ["pandas", "polars", "lazy", "duckdb"])
def test_online_retail(online_retail, found, kind):
    lines = online_retail
    if kind != "pandas":
        lines = pl.from_pandas(lines)
        lines = lines.lazy() if kind == "lazy" else lines
        lines = duckdb.connect().from_arrow(lines.to_arrow()) if kind == "duckdb" else lines
    answer = found(
        check(
            lines, customer_col="CustomerID", order_col="InvoiceNo", date_col="InvoiceDate",
            quantity_col="Quantity",
        )
    )  # fmt: skip
    # counted with pandas: isna, duplicated, (Quantity < 0), (amount < 0), (amount == 0) .sum()
    n = 541_909
    assert answer["null_customers"] == ("error", 135_080, pytest.approx(135_080 / n), "536414")
    assert answer["duplicate_rows"][1] == 5_268
    assert answer["negative_quantities"][1] == 10_624
    assert answer["negative_amounts"][1] == 9_290
    assert answer["zero_amounts"][1] == 2_515
    # no row from 24 December 2010 to 3 January 2011: 11 of the 374 days from 1 December 2010
    # to 9 December 2011
    assert answer["calendar_gaps"] == (
        "info", 11, pytest.approx(11 / 374), "2010-12-24 to 2011-01-03",
    )  # fmt: skip
    # pandas: sizes = groupby("InvoiceNo").size(); median 10, so sizes[sizes > 500].sum()
    assert answer["giant_baskets"][1] == 29_236
    assert "orders_with_two_customers" not in answer


@pytest.fixture(scope="module")
def million():
    rng = np.random.default_rng(0)
    n = 1_000_000
    orders = rng.integers(0, 300_000, n)
    days = np.datetime64("2024-01-01") + rng.integers(0, 700, n)
    return pa.table({
        "customer_id": pa.array(orders % 100_000, mask=rng.random(n) < 0.1),
        "order_id": np.char.add("o", orders.astype(str)),
        "date": days.astype("M8[us]"),
        "amount": np.round(rng.normal(20, 15, n), 2),
    })  # fmt: skip


def test_million_rows(make_table, million, found):
    answer = found(check(make_table(million), as_of="2025-06-30"))
    # counted with numpy: an order has one customer, order ids are many, every day has rows
    amounts, days = million["amount"].to_numpy(), million["date"].to_numpy()
    assert {name: line[1] for name, line in answer.items() if name != "duplicate_rows"} == {
        "null_customers": million["customer_id"].null_count,
        "future_dates": int((days >= np.datetime64("2025-07-01")).sum()),
        "negative_amounts": int((amounts < 0).sum()),
        "zero_amounts": int((amounts == 0).sum()),
    }
    doubled = int(million.to_pandas().duplicated().sum())
    assert answer.get("duplicate_rows", (0, 0))[1] == doubled
