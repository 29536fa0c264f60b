# ruff: noqa: DTZ001 - the dates of tables are naive
import math
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

seg = crm.segmentation
DAY = datetime(2026, 1, 1)
LINE = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 60),
    st.sampled_from([1.0, None, 2.0, -1.0]),
    st.sampled_from(["tea", "cups", None]),
)


def frame(lines):
    return pd.DataFrame(
        {
            "customer_id": pd.Series([line[0] for line in lines], dtype="str"),
            "date": pd.Series([DAY + timedelta(days=line[1]) for line in lines], dtype="M8[us]"),
            "amount": pd.Series([line[2] for line in lines], dtype="float64"),
            "category": pd.Series([line[3] for line in lines], dtype="str"),
        }
    )


@settings(max_examples=80, deadline=None)
@given(
    lines=st.lists(LINE, max_size=25),
    lapse=st.sampled_from([None, 0, 5, 20.5]),
    by_category=st.booleans(),
)
def test_kinds_in_plain_loops(lines, lapse, by_category):
    table = frame(lines)
    got = seg.purchase_kinds(
        table, lapse_days=lapse, category_col="category" if by_category else None
    )
    pd.testing.assert_frame_equal(got[table.columns.tolist()], table)
    if lapse is None:
        limit = math.nan
        if lines:
            limits = seg.lifecycle_thresholds(table).set_index("threshold")["days"]
            limit = limits["lapsed"]
        lapse = math.inf if math.isnan(limit) else limit
    bought = [line for line in lines if line[2] is None or line[2] >= 0]
    for line, kind in zip(lines, got["kind"], strict=True):
        who, when, amount, category = line
        if amount is not None and amount < 0:
            assert pd.isna(kind)
            continue
        before = [other[1] for other in bought if other[0] == who and other[1] < when]
        known = [o[1] for o in bought if o[0] == who and o[3] == category and o[1] < when]
        if not before:
            want = "new_to_business"
        elif when - max(before) > lapse:
            want = "won_back"
        elif by_category and category is not None and not known:
            want = "new_to_category"
        else:
            want = "repeat"
        assert kind == want


def test_engines_and_order(make_eager, plain):
    lines = [("b", 9, 1.0, "tea"), ("a", 0, 1.0, "tea"), ("a", 3, -1.0, "tea"),
             ("a", 3, 1.0, "cups"), ("a", 50, 1.0, "tea"), ("a", 50, 1.0, "pots")]  # fmt: skip
    table = make_eager(pa.Table.from_pandas(frame(lines), preserve_index=False))
    found = seg.purchase_kinds(table, category_col="category", lapse_days=40)
    assert type(found) is type(table)
    got = plain(found)
    assert got["customer_id"].tolist() == [line[0] for line in lines]
    assert got["kind"].fillna("").tolist() == [
        "new_to_business", "new_to_business", "", "new_to_category", "won_back", "won_back",
    ]  # fmt: skip


def test_without_amounts_every_line_is_a_purchase():
    lines = frame([("a", 0, -1.0, None), ("a", 1, 1.0, None)]).drop(columns="amount")
    assert seg.purchase_kinds(lines)["kind"].tolist() == ["new_to_business", "repeat"]


BAD = [
    ({"lapse_days": -1}, OptionError, "lapse_days must be a number of 0 or more"),
    ({"category_col": "kind"}, ColumnError, r"no column 'kind' \(category_col\)"),
    ({"amount_col": "category"}, ColumnError, r"column 'category' \(amount_col\)"),
    ({"customer_col": "nobody"}, ColumnError, r"no column 'nobody' \(customer_col\)"),
]


@pytest.mark.parametrize(("options", "error", "sentence"), BAD)
def test_bad_input_is_one_sentence(options, error, sentence):
    with pytest.raises(error, match=rf"^purchase_kinds: .*{sentence}"):
        seg.purchase_kinds(frame([("a", 0, 1.0, "tea")]), **options)
    with pytest.raises(DataError, match=r"^purchase_kinds: 1 of 1 rows have no 'customer_id'"):
        seg.purchase_kinds(frame([(None, 0, 1.0, "tea")]))
