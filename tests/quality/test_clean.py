import datetime as dt
import warnings
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

clean = crm.quality.clean_transactions
MIDNIGHT = dt.datetime(2025, 12, 31)  # noqa: DTZ001 - days of January 2026 are added


def quietly(table, **options):
    """Return the clean table and the sentences of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = clean(table, **options)
    return answer, [str(one.message) for one in caught if one.category is CrmlyticsWarning]


def test_clean_table_comes_back_as_it_is(make_eager, arrow_lines, as_lists):
    table = make_eager(arrow_lines([("b", 2, 9, 5.0), ("a", 1, 1, 7.125)], note=["x", None]))
    answer, said = quietly(table)
    assert said == []
    assert isinstance(answer, type(table))
    assert as_lists(answer) == as_lists(table)


def test_bad_rows_are_counted_or_dropped(make_eager, arrow_lines, as_lists):
    rows = [
        ("a", 1, 1, 5.0),
        (None, 2, 1, 5.0),
        (" ", None, None, None),  # bad four times over, and one row
        ("b", 3, 1, float("inf")),
        ("c", 4, 2, 0.0),  # observed none: kept
        ("d", 5, 2, float("nan")),  # NaN is null
    ]
    counts = (
        "2 rows without 'customer_id' (customer_col), 1 row without 'order_id' (order_col), "
        "1 row without 'date' (date_col), 2 rows without 'amount' (amount_col)"
    )
    table = make_eager(arrow_lines(rows))
    with pytest.raises(DataError) as refused:
        clean(table)
    assert str(refused.value) == (
        f"clean_transactions: transactions has {counts} and 1 infinite value of 'amount' "
        "(amount_col). Drop them with on_bad='drop', or look at check_transactions for examples."
    )
    answer, said = quietly(table, on_bad="drop")
    assert as_lists(answer)["customer_id"] == ["a", "c"]
    assert said == [
        f"clean_transactions: left out 4 of 6 rows: {counts}, "
        "1 infinite value of 'amount' (amount_col)."
    ]


def test_duplicates(make_eager, arrow_lines, as_lists):
    rows = [("b", 2, 2, 5.0), ("a", 1, 1, 5.0), ("b", 2, 2, 5.0), ("b", 2, 2, 5.5)]
    table = make_eager(arrow_lines(rows, note=[None, "x", None, None]))
    answer, said = quietly(table)
    assert as_lists(answer)["amount"] == [5.0, 5.0, 5.5]  # the first of equal rows, in its place
    assert said == ["clean_transactions: left out 1 of 4 rows: 1 duplicate row."]
    kept, said = quietly(table, duplicates="keep")
    assert as_lists(kept)["amount"] == [5.0, 5.0, 5.0, 5.5]
    assert said == []


def test_returns_kept_and_dropped(make_eager, arrow_lines, as_lists):
    table = make_eager(arrow_lines([("a", 1, 1, 5.0), ("a", 2, 2, -2.0)]))
    kept, said = quietly(table, returns="keep")
    assert (as_lists(kept)["amount"], said) == ([5.0, -2.0], [])
    dropped, said = quietly(table, returns="drop")
    assert as_lists(dropped)["amount"] == [5.0]
    assert said == ["clean_transactions: left out 1 of 2 rows: 1 return."]


def test_net_takes_the_latest_first(make_eager, arrow_lines, as_lists):
    rows = [
        ("a", 1, 1, 10.0),
        ("a", 2, 3, 4.0),  # the latest before the return: gone
        ("b", 9, 3, 50.0),  # another customer
        ("a", 3, 5, -6.5),  # 4.00 off order 2, 2.50 off order 1
        ("a", 4, 6, 8.0),  # later than the return
    ]
    answer, said = quietly(make_eager(arrow_lines(rows)))
    columns = as_lists(answer)
    assert columns["order_id"] == [1, 9, 4]
    assert columns["amount"] == [7.5, 50.0, 8.0]
    assert said == []


def test_net_same_order_and_same_product_first(make_eager, arrow_lines, as_lists):
    rows = [("a", 1, 1, 10.0), ("a", 2, 2, 10.0), ("a", 1, 3, -4.0), ("a", 3, 4, -3.0)]
    # -4 carries order 1, though order 2 is later; -3 is an order of its own: the latest
    answer, _ = quietly(make_eager(arrow_lines(rows)))
    assert as_lists(answer)["amount"] == [6.0, 7.0]
    # product y was bought in order 1 only; nothing of product z was bought
    table = make_eager(arrow_lines([*rows, ("a", 4, 5, -1.0)], product_id=list("yxyyz")))
    answer, said = quietly(table)
    assert as_lists(answer)["amount"] == [3.0, 10.0]
    assert said == [
        "clean_transactions: 1 of 3 returns found no earlier purchase for all they gave back; "
        "1.00 of 'amount' is left out with them."
    ]


def test_net_returns_before_and_beyond_purchases(make_eager, arrow_lines, as_lists):
    rows = [
        ("a", 1, 1, -5.0),  # before any purchase: 5.00 unmatched
        ("a", 2, 2, 10.0),
        ("a", 3, 2, -4.0),  # the same moment as the purchase counts as after it
        ("a", 4, 3, -8.25),  # 6.00 are left: 2.25 unmatched
        ("b", 5, 3, 1.0),
    ]
    answer, said = quietly(make_eager(arrow_lines(rows)))
    assert as_lists(answer)["customer_id"] == ["b"]
    assert said[0].startswith("clean_transactions: 2 of 3 returns found no earlier purchase")
    assert "7.25 of 'amount'" in said[0]


def test_net_quantities(make_eager, arrow_lines, as_lists):
    rows = [
        ("a", 1, 1, 50.0),
        ("a", 2, 2, 20.0),
        ("a", 3, 3, -30.0),  # 3 pieces: 2 of order 2 (gone), 1 of order 1
        ("b", 4, 3, 30.0),
        ("b", 5, 4, -5.0),  # money back, no goods
        ("c", 6, 3, 30.0),
        ("c", 7, 4, -10.0),  # a return whose pieces have no minus sign
        ("d", 8, 4, 30.0),  # untouched
    ]
    table = make_eager(arrow_lines(rows, quantity=[5, 2, -3, 3, 0, 3, 1, 3]))
    columns = as_lists(quietly(table)[0])
    assert columns["order_id"] == [1, 4, 6, 8]
    assert columns["amount"] == [40.0, 25.0, 20.0, 30.0]
    assert columns["quantity"] == [4, 3, 2, 3]
    assert as_lists(quietly(table, quantity_col=None)[0])["quantity"] == [5, 3, 3, 3]


def test_net_ties(arrow_lines, as_lists):
    # same moment: the smaller amount goes first, then the smaller quantity, then the higher order
    rows = [("a", 1, 1, 10.0), ("a", 2, 1, 8.0), ("a", 3, 2, -2.0)]
    assert as_lists(quietly(arrow_lines(rows))[0])["amount"] == [10.0, 6.0]
    rows = [("a", 1, 1, 8.0), ("a", 2, 1, 8.0), ("a", 3, 2, -2.0)]
    assert as_lists(quietly(arrow_lines(rows))[0])["amount"] == [8.0, 6.0]
    table = arrow_lines(rows, quantity=[1, 2, -1])
    assert as_lists(quietly(table)[0])["amount"] == [6.0, 8.0]


def test_net_in_cents(arrow_lines, as_lists):
    # 0.3 - 0.1 is 0.19999999999999998 in floats, and 1.005 counts as 1.01 (halves up)
    rows = [("a", 1, 1, 0.3), ("a", 2, 2, -0.1), ("b", 3, 1, 1.005), ("b", 4, 2, -1.0),
            ("c", 5, 1, 1.23456)]  # fmt: skip
    assert as_lists(quietly(arrow_lines(rows))[0])["amount"] == [0.2, 0.01, 1.23456]
    answer = quietly(arrow_lines(rows), precision=3)[0]
    assert as_lists(answer)["amount"] == [0.2, 0.005, 1.23456]


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "pandas", "pandas arrow"])
def test_dtypes_stay(kind):
    table = pa.table({
        "customer_id": pa.array(["a", "a"]).dictionary_encode(),
        "order_id": pa.array([1, 2], pa.int32()),
        "date": pa.array([dt.date(2026, 1, 1), dt.date(2026, 1, 2)]),
        "amount": pa.array([Decimal("9.99"), Decimal("-0.49")], pa.decimal128(10, 2)),
        "quantity": pa.array([3, -1], pa.int8()),
    })  # fmt: skip
    if kind == "pandas":  # dates of Python are objects there
        table = table.set_column(2, "date", table["date"].cast(pa.timestamp("us")))
    made = {
        "polars": pl.from_arrow,
        "pyarrow": lambda arrow: arrow,
        "pandas": lambda arrow: arrow.to_pandas(),
        "pandas arrow": lambda arrow: arrow.to_pandas(types_mapper=pd.ArrowDtype),
    }[kind](table)
    answer, _ = quietly(made)
    if kind == "pyarrow":
        assert answer.schema.names == made.schema.names
        assert [f.type for f in answer.schema] == [f.type for f in made.schema]
    else:
        assert list(answer.dtypes) == list(made.dtypes)
    cells = pl.DataFrame(answer) if kind != "pyarrow" else pl.from_arrow(answer)
    assert cells["amount"].to_list() == [Decimal("9.50")]
    assert cells["quantity"].to_list() == [2]


def test_text_is_refused_or_read(make_eager, arrow_lines, as_lists):
    table = arrow_lines([("a", i, 1, 1.0) for i in range(5)])
    days = ["2026-01-02", "2026-01-03 10:30", "3 January", None, "2026-01-04"]
    table = table.set_column(2, "date", pa.array(days))
    table = table.set_column(3, "amount", pa.array(["1.50", "2", "3", "4", "many"]))
    made = make_eager(table)
    with pytest.raises(DataError, match=r"pd\.to_datetime and pd\.to_numeric, or choose on_bad"):
        clean(made)
    answer, said = quietly(made, on_bad="drop")
    columns = as_lists(answer)
    assert columns["order_id"] == [0, 1]
    assert columns["amount"] == [1.5, 2.0]
    assert [str(day) for day in columns["date"]] == ["2026-01-02 00:00:00", "2026-01-03 10:30:00"]
    assert said == [
        "clean_transactions: left out 3 of 5 rows: 1 row without 'date' (date_col), "
        "1 value of 'date' (date_col) that cannot be read, "
        "1 value of 'amount' (amount_col) that cannot be read."
    ]
    assert crm.segmentation.rfm_table(answer, as_of="2026-01-04") is not None


def test_text_of_another_form_is_no_reason_to_drop_all(arrow_lines):
    table = arrow_lines([("a", 1, 1, 1.0), ("b", 2, 1, 1.0)])
    table = table.set_column(2, "date", pa.array(["31/12/2025", "01/01/2026"]))
    with pytest.raises(ColumnError, match="none of its values can be read as ISO dates"):
        clean(table, on_bad="drop")


def test_offsets(arrow_lines, as_lists):
    table = arrow_lines([("a", 1, 1, 1.0), ("b", 2, 1, 1.0)])
    same = table.set_column(2, "date", pa.array(["2026-01-01T23:30:00+03:30", "2026-01-02T01:00Z"]))
    days = as_lists(quietly(same, on_bad="drop")[0])["date"]
    assert [day.isoformat() for day in days] == ["2026-01-01T23:30:00", "2026-01-02T01:00:00"]
    mixed = table.set_column(2, "date", pa.array(["2026-01-01T23:30:00+03:30", "2026-01-02"]))
    for on_bad in ("raise", "drop"):
        with pytest.raises(DataError, match="mixes 1 dates with an offset and 1 without"):
            clean(mixed, on_bad=on_bad)


def test_mixed_ids_of_pandas():
    lines = pd.DataFrame(
        {
            "customer_id": pd.Series(["a", 1, "b"], dtype=object),
            "order_id": [1, 2, 3],
            "date": pd.to_datetime(["2026-01-01"] * 3),
            "amount": [1.0, 2.0, 3.0],
        }
    )
    lines.index = pd.Index([7, 8, 9])  # never data
    with pytest.raises(DataError, match=r"1 value of 'customer_id' .* of another type than most"):
        clean(lines)
    answer, _ = quietly(lines, on_bad="drop")
    assert answer["customer_id"].tolist() == ["a", "b"]
    assert answer.index.tolist() == [0, 1]
    with pytest.raises(ColumnError, match=r"not ids\. Make it one type"):
        clean(lines.assign(customer_id=[(1,), (2,), (3,)]), on_bad="drop")


def test_empty_table(make_eager, arrow_lines, as_lists):
    table = make_eager(arrow_lines([("a", 1, 1, 1.0)]).slice(0, 0))
    assert as_lists(clean(table)) == {
        "customer_id": [], "order_id": [], "date": [], "amount": [],
    }  # fmt: skip


@pytest.mark.parametrize("make", [lambda t: pl.from_arrow(t).lazy(), duckdb.connect().from_arrow])
def test_lazy_tables_are_refused(arrow_lines, make):
    with pytest.raises(DataError, match="this function needs its numbers here"):
        clean(make(arrow_lines([("a", 1, 1, 1.0)])))


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"returns": "nett"}, OptionError, "Did you mean returns='net'"),
        ({"duplicates": True}, OptionError, "duplicates must be one of 'drop', 'keep'; got True"),
        ({"on_bad": "ignore"}, OptionError, "on_bad must be one of 'raise', 'drop'"),
        ({"precision": -1}, OptionError, "precision must be a whole number from 0 to 6"),
        ({"amount_col": None}, OptionError, "choose returns='keep'"),
        ({"customer_col": "cust"}, ColumnError, r"no column 'cust' \(customer_col\)"),
        ({"product_col": "sku"}, ColumnError, r"no column 'sku' \(product_col\)"),
        ({"customer_col": None}, ColumnError, "customer_col is None"),
    ],
)
def test_bad_options(arrow_lines, options, error, sentence):
    with pytest.raises(error, match=sentence):
        clean(arrow_lines([("a", 1, 1, 1.0)]), **options)


def test_optional_columns(arrow_lines, as_lists):
    table = arrow_lines([("a", 1, 1, 5.0), ("a", 2, 2, -2.0)])
    answer = clean(table.select(["customer_id", "date", "amount"]), order_col=None)
    assert as_lists(answer)["amount"] == [3.0]
    plain = table.select(["customer_id", "date"])
    kept = clean(plain, order_col=None, amount_col=None, returns="keep")
    assert as_lists(kept) == as_lists(plain)


def test_column_names_with_spaces_and_in_persian(make_eager, arrow_lines, as_lists):
    table = arrow_lines([("ب", 1, 1, 5.0), ("ب", 2, 2, -2.0), (None, 3, 3, 1.0)])
    names = {"customer_col": "مشتری", "order_col": "order no", "date_col": "the day",
             "amount_col": "مبلغ کل"}  # fmt: skip
    made = make_eager(table.rename_columns(list(names.values())))
    answer, _ = quietly(made, on_bad="drop", **names)
    assert as_lists(answer)["مبلغ کل"] == [3.0]


LINE = st.tuples(
    st.sampled_from("ab"),  # customer
    st.integers(1, 4),  # order
    st.sampled_from("xy"),  # product
    st.integers(1, 5),  # day
    st.integers(-600, 600),  # cents
)
LINES = st.lists(LINE, min_size=1, max_size=25)


def _table(rows):
    customers, orders, products, days, cents = zip(*rows, strict=True)
    return pl.DataFrame({
        "customer_id": customers,
        "order_id": orders,
        "product_id": products,
        "date": [MIDNIGHT + dt.timedelta(days=day) for day in days],
        "amount": [cent / 100 for cent in cents],
    })  # fmt: skip


def _oracle(rows):
    """Net with a stack of purchases and a plain loop, by order first and then without."""
    rows = sorted(set(rows))
    left = {i: abs(row[4]) for i, row in enumerate(rows)}
    for key in ((0, 1, 2), (0, 2)):
        events = sorted(
            range(len(rows)),
            key=lambda i: (rows[i][3], rows[i][4] < 0, -left[i], rows[i][1]),
        )
        stacks = {}
        for i in events:
            stack = stacks.setdefault(tuple(rows[i][k] for k in key), [])
            if rows[i][4] >= 0:
                stack.append(i)
                continue
            while stack and left[i]:
                taken = min(left[i], left[stack[-1]])
                left[i] -= taken
                left[stack[-1]] -= taken
                if left[stack[-1]] == 0:
                    stack.pop()
    kept = [
        (*row[:4], left[i]) for i, row in enumerate(rows) if row[4] == 0 or row[4] > 0 < left[i]
    ]
    unmatched = sum(left[i] for i, row in enumerate(rows) if row[4] < 0)
    return sorted(kept), unmatched


def _rows(table):
    return sorted((*row[:3], row[3].day, round(row[4] * 100)) for row in table.iter_rows())


@settings(deadline=None, max_examples=150)
@given(rows=LINES, data=st.data())
def test_property_net(rows, data):
    table = _table(rows)
    before = table.clone()
    answer, said = quietly(table)
    want, unmatched = _oracle(rows)
    assert _rows(answer) == want
    assert table.equals(before)
    # nothing is below 0; kept = purchases less the returns that found one
    assert answer.filter(pl.col("amount") < 0).is_empty()
    different = set(rows)
    bought = sum(row[4] for row in different if row[4] > 0)
    given_back = -sum(row[4] for row in different if row[4] < 0)
    kept = sum(row[4] for row in _rows(answer))
    assert kept == bought - (given_back - unmatched)
    assert any(f"{unmatched / 100:.2f} of" in one for one in said) == (unmatched > 0)
    # again changes nothing and says nothing
    again, said = quietly(answer)
    assert again.equals(answer)
    assert said == []
    # the order of rows is nothing, nor are the names of customers
    shuffled, _ = quietly(_table(data.draw(st.permutations(rows))))
    assert _rows(shuffled) == want
    other, _ = quietly(_table([({"a": "z", "b": "b"}[row[0]], *row[1:]) for row in rows]))
    assert [row[1:] for row in _rows(other) if row[0] == "z"] == [
        row[1:] for row in want if row[0] == "a"
    ]


@settings(deadline=None, max_examples=40)
@given(rows=LINES)
def test_property_all_engines(rows):
    table = _table(rows)
    want, said = quietly(table)
    pandas = table.to_pandas()
    before = pandas.copy(deep=True)
    answer, also_said = quietly(pandas)
    assert (pl.from_pandas(answer).rows(), also_said) == (want.rows(), said)
    pd.testing.assert_frame_equal(pandas, before)
    answer, also_said = quietly(table.to_arrow())
    assert (pl.from_arrow(answer).rows(), also_said) == (want.rows(), said)


QUANTITIES = st.lists(st.integers(1, 9), min_size=2, max_size=12)


@settings(deadline=None)
@given(pieces=QUANTITIES, signs=st.data())
def test_property_unit_prices_stay(pieces, signs):
    # where goods go back at the price they were bought for, amount = price x quantity stays true
    back = signs.draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces)))
    signed = [-n if is_back else n for n, is_back in zip(pieces, back, strict=True)]
    table = pl.DataFrame({
        "customer_id": ["a"] * len(signed),
        "order_id": list(range(len(signed))),
        "date": [MIDNIGHT + dt.timedelta(days=i) for i in range(len(signed))],
        "quantity": signed,
        "amount": [n * 2.5 for n in signed],
    })  # fmt: skip
    answer, _ = quietly(table)
    assert answer["amount"].to_list() == [n * 2.5 for n in answer["quantity"].to_list()]


def test_online_retail(online_retail):
    names = {"customer_col": "CustomerID", "order_col": "InvoiceNo", "date_col": "InvoiceDate",
             "product_col": "StockCode", "quantity_col": "Quantity"}  # fmt: skip
    with pytest.raises(DataError, match="135,080 rows without 'CustomerID'"):
        clean(online_retail, **names)
    answer, said = quietly(online_retail, on_bad="drop", returns="drop", **names)
    # counted with pandas: of the 406,829 rows with an id 5,225 are duplicated(), and of the
    # 401,604 left 8,872 have an amount below 0
    assert len(answer) == 392_732
    assert said == [
        "clean_transactions: left out 149,177 of 541,909 rows: 135,080 rows without 'CustomerID' "
        "(customer_col), 5,225 duplicate rows, 8,872 returns."
    ]
    known = online_retail.dropna(subset="CustomerID").drop_duplicates()
    net, said = quietly(online_retail, on_bad="drop", **names)
    bought = known["amount"][known["amount"] > 0].sum()
    back = -known["amount"][known["amount"] < 0].sum()
    unmatched = float(said[0].split(";")[1].split(" of ")[0].replace(",", ""))
    # cents: halves among 400,000 amounts of three decimals may go up
    assert net["amount"].sum() == pytest.approx(bought - back + unmatched, abs=1.0)
    assert net["amount"].min() >= 0
