import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

attributes = crm.segmentation.attribute_segments
PEOPLE = {
    "customer_id": [1, 2, 3, 4, 5, 6],
    "age": [19.0, 25.0, 39.0, 40.0, 61.0, None],
    "city": ["Shiraz", "Haifa", "Ahvaz", None, "Tabriz", "Haifa"],
    "spent": [10, 20, 30, 40, 50, 60],
    "glad": [True, False, True, None, True, False],
}
SOUTH = {"Shiraz": "south", "Ahvaz": "south", "Tabriz": "north"}


def test_borders_groups_and_quantiles(make_eager, plain):
    table = make_eager(PEOPLE)
    got = attributes(table, bands={"age": [25, 40], "city": SOUTH, "spent": 3}, by=["age", "city"])
    assert isinstance(got, type(table))
    got = plain(got)
    assert list(got.columns) == [*PEOPLE, "age_band", "city_band", "spent_band", "segment"]
    bands = ["under 25", "25 to 40", "25 to 40", "40 or more", "40 or more", None]
    assert got["age_band"].astype(object).where(got["age_band"].notna(), None).tolist() == bands
    # type-7 thirds of 10 ... 60 are 26.67 and 43.33
    low, middle, high = "under 26.66666667", "26.66666667 to 43.33333333", "43.33333333 or more"
    assert got["spent_band"].tolist() == [low, low, middle, middle, high, high]
    assert got["segment"].tolist() == [
        "under 25, south", "25 to 40, others", "25 to 40, south", "40 or more, unknown",
        "40 or more, north", "unknown, others",
    ]  # fmt: skip


def test_columns_as_they_are(make_eager, plain):
    got = plain(attributes(make_eager(PEOPLE), by=["glad", "spent"]))
    assert got["segment"].tolist() == [
        "True, 10", "False, 20", "True, 30", "unknown, 40", "True, 50", "False, 60"
    ]  # fmt: skip
    assert list(got.columns) == [*PEOPLE, "segment"]


def test_small_segments_are_put_together():
    people = pd.DataFrame({"city": list("aaabbc")})
    assert attributes(people, by="city", min_customers=2)["segment"].tolist() == [
        "a", "a", "a", "b", "b", "others"
    ]  # fmt: skip


def test_equal_borders_make_fewer_bands():
    people = pd.DataFrame({"orders": [1] * 8 + [2, 9]})
    got = attributes(people, bands={"orders": 5})
    assert got["orders_band"].nunique() == 2
    assert got["orders_band"].iloc[0] != got["orders_band"].iloc[9]
    alike = attributes(pd.DataFrame({"orders": [3, 3]}), bands={"orders": 4})
    assert alike["orders_band"].tolist() == ["all", "all"]


def test_empty_and_unknown(make_eager, plain):
    none = make_eager({"age": [1.0]})[:0]
    assert list(plain(attributes(none, bands={"age": 3})).columns) == ["age", "age_band", "segment"]
    unknown = attributes(pd.DataFrame({"age": [None, None]}), bands={"age": [30]})
    assert unknown["segment"].tolist() == ["unknown", "unknown"]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-100, 100) | st.none(), min_size=1, max_size=20),
    st.lists(st.integers(-90, 90), min_size=1, max_size=5, unique=True).map(sorted),
)
def test_every_value_is_in_the_band_that_says_so(values, borders):
    people = pd.DataFrame({"x": np.array(values, dtype=float)})
    got = attributes(people, bands={"x": borders})["x_band"]
    for value, band in zip(people["x"], got, strict=True):
        if np.isnan(value):
            assert pd.isna(band)
            continue
        if band.startswith("under "):
            assert value < float(band.removeprefix("under "))
        elif band.endswith(" or more"):
            assert value >= float(band.removesuffix(" or more"))
        else:
            low, high = band.split(" to ")
            assert float(low) <= value < float(high)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, OptionError, "bands and by name no column"),
        ({"bands": ["age"]}, OptionError, "bands must be a dict"),
        ({"bands": {"age": [40, 25]}}, OptionError, "bands of 'age' must be rising borders"),
        ({"bands": {"age": []}}, OptionError, "bands of 'age' must be rising borders"),
        ({"bands": {"age": "old"}}, OptionError, "bands of 'age' must be rising borders"),
        ({"bands": {"age": 1}}, OptionError, "bands of 'age' must be a whole number from 2"),
        ({"bands": {"city": {"a": 1}}}, OptionError, "bands of 'city' must name a group"),
        ({"bands": {"aeg": [3]}}, ColumnError, "no column 'aeg'.*Did you mean 'age'"),
        ({"by": "town"}, ColumnError, "no column 'town'"),
        ({"bands": {"city": [3]}}, ColumnError, "column 'city' .bands. holds .*, not numbers"),
        ({"bands": {"endless": [3]}}, DataError, "infinite"),
        ({"by": "age", "min_customers": 0}, OptionError, "min_customers must be"),
    ],
)
def test_refusals(options, error, words):
    people = pd.DataFrame({"age": [1.0, 2.0], "city": ["a", "b"], "endless": [1.0, np.inf]})
    with pytest.raises(error, match=f"^attribute_segments: .*{words}"):
        attributes(people, **options)


def test_values_are_alike_whatever_their_type():
    table = pd.DataFrame({"n": [1, 2], "x": [1.5, np.inf]})
    names = {1.0: "one", np.float32(2): "two"}
    assert attributes(table, bands={"n": names})["segment"].tolist() == ["one", "two"]
    assert attributes(table, bands={"x": {1.5: "a"}})["segment"].tolist() == ["a", "others"]
    assert attributes(table, by="x")["segment"].tolist() == ["1.5", "inf"]


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_dates_are_days_whatever_their_unit(unit):
    moments = pd.Series(pd.to_datetime(["2026-01-02 10:00", None])).astype(f"datetime64[{unit}]")
    days = pd.DataFrame({"joined": moments})
    assert attributes(days, by="joined")["segment"].tolist() == ["2026-01-02", "unknown"]
    bands = {"joined": {pd.Timestamp("2026-01-02"): "first"}}
    assert attributes(days, bands=bands)["segment"].tolist() == ["first", "unknown"]


def test_columns_of_nothing_but_nulls():
    table = pa.table({"a": pa.nulls(2), "b": [1, 2]})
    got = attributes(table, by=["a", "b"])["segment"]
    assert got.to_pylist() == ["unknown, 1", "unknown, 2"]
    assert attributes(table.to_pandas(), by="a")["segment"].tolist() == ["unknown"] * 2
