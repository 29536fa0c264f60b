# ruff: noqa: DTZ001 - the dates of tables are naive
"""Ids, dates and numbers of every dtype, read as what they are and handed back as they came."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError

DAYS = pd.to_datetime(["2026-01-02", "2026-01-09", "2026-01-05"])
REST = {"order_id": [1, 2, 3], "date": DAYS, "amount": [10.0, 30.0, 5.0]}


def lines(**columns):
    return pd.DataFrame({"customer_id": ["a", "a", "b"]} | REST | columns)


def rfm(table, **options):
    return crm.segmentation.rfm_table(table, **options)


WHOLE = [
    ("int8", [-128, 127]), ("int16", [-5, 9]), ("int32", [0, 2**31 - 1]),
    ("int64", [-(2**63), 2**63 - 1]), ("int64", [10**15, 10**15 + 1]), ("uint8", [0, 255]),
    ("uint16", [7, 8]), ("uint32", [0, 2**32 - 1]), ("uint64", [0, 2**64 - 1]),
    ("uint64", [2**64 - 2, 2**64 - 1]), ("uint64", [2**63 - 1, 2**63]),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "ids"), WHOLE)
def test_whole_number_ids_of_every_size(engines, dtype, ids):
    # the later id stands first, so that the answer has to be sorted
    column = pa.array([ids[1], ids[1], ids[0]], pa.from_numpy_dtype(np.dtype(dtype)))
    table = pa.table({"customer_id": column} | {name: list(REST[name]) for name in REST})
    for name, make in engines.items():
        made = make(table)
        got = rfm(made)
        if name == "pandas":
            assert got["customer_id"].dtype == dtype
        if name not in {"polars lazy", "duckdb"}:
            assert listed(got, "recency_days") == [4, 0], name
            assert listed(got, "customer_id") == ids, name


def listed(table, column):
    return nw.from_native(table, eager_only=True)[column].to_list()


@pytest.mark.parametrize(
    "ids",
    [
        pd.array([2, 2, 1], "Int8"), pd.array([2, 2, 1], "UInt64"), pd.array([2, 2, 1], "Int64"),
        pd.array([2, 2, 1], pd.ArrowDtype(pa.int16())), pd.array([2.5, 2.5, 1], "float32"),
        pd.array([2.5, 2.5, 1], "Float64"), pd.array([True, True, False], "bool"),
        pd.array([True, True, False], "boolean"), pd.array(["z", "z", "a"], "str"),
        pd.array(["z", "z", "a"], "string"), pd.array(["z", "z", "a"], pd.ArrowDtype(pa.string())),
        pd.array(["z", "z", "a"], pd.ArrowDtype(pa.large_string())),
        np.array(["z", "z", "a"], dtype=object), np.array([5, 5, 4], dtype=object),
        np.array([Decimal(5), Decimal(5), Decimal(4)], dtype=object),
        pd.Categorical(["z", "z", "a"]), pd.Categorical(["z", "z", "a"], ["z", "m", "a"]),
        pd.Categorical(["z", "z", "a"], ["z", "m", "a"], ordered=True),
        pd.Categorical([50, 50, 7]),
    ],
    ids=lambda ids: f"{ids.dtype} {ids[0]}".replace("\n", ""),
)  # fmt: skip
def test_pandas_ids_keep_their_dtype_and_are_sorted_by_value(ids):
    table = lines(customer_id=ids)
    got = rfm(table)
    assert got["customer_id"].dtype == table["customer_id"].dtype
    assert list(got["customer_id"]) == [ids[2], ids[0]]
    assert list(got["recency_days"]) == [4, 0]
    assert list(got["frequency"]) == [1, 2]


@pytest.mark.parametrize(
    "ids",
    [
        pl.Series(["z", "z", "a"]), pl.Series(["z", "z", "a"], dtype=pl.Categorical),
        pl.Series(["z", "z", "a"], dtype=pl.Enum(["z", "m", "a"])),
        pl.Series([3, 3, -7], dtype=pl.Int8), pl.Series([True, True, False]),
        pl.Series([2.5, 2.5, 1.0], dtype=pl.Float32),
        pl.Series([Decimal("2.50"), Decimal("2.50"), Decimal("1.00")]),
    ],
    ids=lambda ids: str(ids.dtype),
)  # fmt: skip
def test_polars_ids_keep_their_dtype(ids):
    table = pl.DataFrame({"customer_id": ids} | {name: list(REST[name]) for name in REST})
    got = rfm(table)
    assert got["customer_id"].dtype == ids.dtype
    assert got["customer_id"].to_list() == [ids[2], ids[0]]
    lazy = rfm(table.lazy())
    assert lazy.collect_schema()["customer_id"] == ids.dtype
    assert sorted(lazy.collect()["recency_days"]) == [0, 4]


@pytest.mark.parametrize(
    "ids",
    [
        pa.array(["z", "z", "a"]).dictionary_encode(),
        pa.chunked_array([
            pa.array(["z"]).dictionary_encode(), pa.array(["z", "a"]).dictionary_encode()
        ]),
        pa.DictionaryArray.from_arrays(pa.array([0, 0, 2], pa.int8()), ["z", "unused", "a"]),
        pa.chunked_array([["z"], [], ["z", "a"]], pa.large_string()),
        pa.array([300, 300, 4], pa.uint16()),
    ],
    ids=["dictionary", "two dictionaries", "unused level", "chunks", "uint16"],
)  # fmt: skip
def test_arrow_ids_keep_their_type(ids):
    table = pa.table({"customer_id": ids} | {name: list(REST[name]) for name in REST})
    got = rfm(table)
    kind = got["customer_id"].type
    if pa.types.is_dictionary(ids.type):
        assert pa.types.is_dictionary(kind)
        assert kind.value_type == ids.type.value_type
    else:
        assert kind == ids.type
    assert got["customer_id"].to_pylist() == [ids[2].as_py(), ids[0].as_py()]


@pytest.mark.parametrize(
    ("ids", "held"),
    [
        (np.array(["a", 1, 1.5], dtype=object), "mixed-integer Python objects"),
        (np.array([b"a", b"b", b"c"], dtype=object), "bytes Python objects"),
        (pd.Series([(1,), (1,), (2,)]), "mixed Python objects"),
        (pd.Series([[1], [1], [2]]), "mixed Python objects"),
        (DAYS, "Datetime"),
        (pd.to_timedelta([1, 2, 3], unit="D"), "Duration"),
        (pd.array([b"a", b"b", b"c"], pd.ArrowDtype(pa.binary())), "Binary"),
    ],
)
def test_what_cannot_be_an_id(ids, held):
    with pytest.raises(ColumnError) as refused:
        rfm(lines(customer_id=ids))
    assert str(refused.value).startswith("rfm_table: column 'customer_id' (customer_col) holds")
    assert held in str(refused.value)
    assert str(refused.value).endswith(
        "not ids. Make it one type before the call, as with .astype(str)."
    )


def test_ids_that_arrow_cannot_hold_or_pick():
    rest = {name: list(REST[name]) for name in REST}
    wide = pl.DataFrame({"customer_id": pl.Series([2**70, 1, 2], dtype=pl.Int128)} | rest)
    with pytest.raises(ColumnError, match=r"^rfm_table: column 'customer_id' .* holds Int128, not"):
        rfm(wide)
    views = pa.table({"customer_id": pa.array(["a", "b", "c"], pa.string_view())} | rest)
    with pytest.raises(ColumnError, match=r"^rfm_table: column 'customer_id' .* holds string_view"):
        rfm(views)


@pytest.mark.parametrize(
    "ids", [[1.5, None, 2.5], ["a", None, None], [None, None, None], [True, None, False]]
)
def test_null_ids_are_counted(engines, ids):
    kinds = {1.5: pa.float64(), "a": pa.string(), None: pa.string(), True: pa.bool_()}
    column = pa.array(ids, kinds[ids[0]])
    table = pa.table({"customer_id": column} | {name: list(REST[name]) for name in REST})
    nulls = ids.count(None)
    for make in engines.values():
        with pytest.raises(
            DataError, match=rf"^rfm_table: {nulls} of 3 rows have no 'customer_id'"
        ):
            rfm(make(table))


def test_nan_ids_and_keys_are_null(engines, plain):
    nan = float("nan")
    table = pa.table({"customer_id": [1.5, nan, 2.5]} | {name: list(REST[name]) for name in REST})
    keyed = pa.table(lines().to_dict("list") | {"shop": pa.array([nan, None, 1.0])})
    for name, make in engines.items():
        with pytest.raises(DataError, match=r"^rfm_table: 1 of 3 rows have no 'customer_id'"):
            rfm(make(table))
        got = plain(crm.kpi.kpi_table(make(keyed), by="shop"), "shop")
        assert got["shop"].fillna(-1).tolist() == [1.0, -1.0], name
        assert got["revenue"].tolist() == [5.0, 40.0]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_dates_of_every_unit(engines, plain, unit):
    moments = pa.array(["2026-01-02T23:59:59", "1969-12-31T23:59:59", "1969-12-31T00:00:00"])
    column = moments.cast(pa.timestamp(unit))
    table = pa.table({"customer_id": [1, 2, 3], "order_id": [1, 2, 3], "date": column,
                      "amount": [1.0] * 3})  # fmt: skip
    # date.toordinal(): 2026-01-02 is day 739618, 1969-12-31 day 719162
    for name, make in engines.items():
        got = plain(rfm(make(table)), "customer_id")
        assert got["recency_days"].tolist() == [0, 739_618 - 719_162, 739_618 - 719_162], name
        assert got["last_date"].tolist()[1] == pd.Timestamp(1969, 12, 31), name


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_days_without_time(kind, engines, plain):
    column = pa.array([date(1900, 2, 28), date(1900, 3, 1), date(2000, 2, 29)], kind)
    table = pa.table({"customer_id": [1, 2, 3], "order_id": [1, 2, 3], "date": column,
                      "amount": [1.0] * 3})  # fmt: skip
    # 1900 was no leap year: one day between the first two; date.toordinal() for the rest
    want = [(date(2000, 2, 29) - day).days for day in column.to_pylist()]
    assert want[0] - want[1] == 1
    kept = ("pandas pyarrow", "polars", "pyarrow", "pyarrow chunks", "polars lazy", "duckdb")
    for name in kept:
        if kind == pa.date64() and name == "pandas pyarrow":
            continue
        got = plain(rfm(engines[name](table)), "customer_id")
        assert got["recency_days"].tolist() == want, name


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Tehran", "UTC"])
def test_the_day_is_taken_in_the_zone_of_the_column(engines, plain, zone):
    # 23:30 and 00:30 in the column's own zone, whatever the zone of the machine
    local = pd.to_datetime(["2026-03-01 23:30", "2026-03-02 00:30", "2026-03-03 00:00"])
    column = pa.array(local.tz_localize(zone))
    table = pa.table({"customer_id": [1, 2, 3], "order_id": [1, 2, 3], "date": column,
                      "amount": [1.0] * 3})  # fmt: skip
    for name, make in engines.items():
        if name == "duckdb":
            with pytest.raises(ColumnError, match=r"^rfm_table: .* Its zone cannot be known there"):
                rfm(make(table))
            continue
        got = plain(rfm(make(table)), "customer_id")
        assert got["recency_days"].tolist() == [2, 1, 0], name
        assert got["last_date"].tolist() == list(local.floor("D")), name
        months = plain(crm.kpi.kpi_table(make(table), period="D"), "period")
        assert months["orders"].tolist() == [1, 1, 1], name


@pytest.mark.parametrize(
    ("dates", "held"),
    [
        (["2026-01-01", "2026-01-02", "2026-01-03"], "String"),
        (DAYS.date, "date Python objects"),
        (DAYS.to_period("M"), "period[M]"),
        (pd.Series(list(DAYS), dtype=object), "datetime Python objects"),
        (
            pd.Series([DAYS[0].tz_localize("Europe/Berlin"), DAYS[1], DAYS[2]], dtype=object),
            "datetime Python objects",
        ),
        ([20260101, 20260102, 20260103], "Int64"),
        (pd.to_timedelta([1, 2, 3], unit="D"), "Duration"),
        ([time(1)] * 3, "time Python objects"),
    ],
)
def test_what_is_not_a_date(dates, held):
    with pytest.raises(ColumnError) as refused:
        rfm(lines(date=dates))
    sentence = str(refused.value)
    assert sentence.startswith("rfm_table: column 'date' (date_col) holds ")
    assert held in sentence
    assert sentence.endswith("not dates. Convert it before the call, as with pd.to_datetime.")


def test_null_dates_are_counted(engines):
    column = pa.array([datetime(2026, 1, 1), None, None])
    table = pa.table({"customer_id": [1, 2, 3], "order_id": [1, 2, 3], "date": column,
                      "amount": [1.0] * 3})  # fmt: skip
    for make in engines.values():
        with pytest.raises(DataError, match=r"^rfm_table: 2 of 3 rows have no 'date' \(date_col\)"):
            rfm(make(table))


@pytest.mark.parametrize(
    ("amounts", "want"),
    [
        (np.array([100, 100, 50], dtype="int8"), [200.0, 50.0]),
        (np.array([200, 200, 1], dtype="uint8"), [400.0, 1.0]),
        (np.array([2**62, 2**62, 1], dtype="int64"), [2.0**63, 1.0]),
        (np.array([0.1, 0.2, 0.3], dtype="float32"), [0.3, 0.3]),
        (pd.array([1.5, None, 2.0], "Float64"), [None, 2.0]),
        (pd.array([1, None, 2], "Int64"), [None, 2.0]),
        (pd.array([1.5, None, 2.0], pd.ArrowDtype(pa.float32())), [None, 2.0]),
        ([Decimal("1.10"), Decimal("2.20"), Decimal("0.05")], [3.3, 0.05]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "decimal")),
)
def test_amounts_of_every_dtype(amounts, want):
    got = rfm(lines(amount=amounts))["monetary"]
    assert [None if pd.isna(value) else float(value) for value in got] == want


def test_decimal_amounts(engines, plain):
    amounts = pa.array([Decimal("1.10"), Decimal("2.20"), None])
    table = pa.table(lines().to_dict("list")).set_column(3, "amount", amounts)
    for name, make in engines.items():
        got = plain(rfm(make(table)), "customer_id")["monetary"]
        assert got.fillna(-1).tolist() == [3.3, -1.0], name


def test_what_is_not_a_number(engines):
    for amounts, held in [(["1", "2", "x"], "String"), ([True, False, True], "Boolean")]:
        table = pa.table(lines(amount=amounts).to_dict("list"))
        for make in engines.values():
            with pytest.raises(ColumnError) as refused:
                rfm(make(table))
            sentence = str(refused.value)
            assert sentence.startswith(f"rfm_table: column 'amount' (amount_col) holds {held}, not")
            assert sentence.endswith("Convert it before the call, as with pd.to_numeric.")


def test_infinite_amounts_are_counted(engines):
    for amounts, n in [([np.inf, 1.0, 2.0], 1), ([np.inf, -np.inf, 2.0], 2)]:
        table = pa.table(lines().to_dict("list")).set_column(3, "amount", pa.array(amounts))
        for make in engines.values():
            with pytest.raises(DataError, match=rf"^rfm_table: {n} of 3 values of 'amount' \(amo"):
                rfm(make(table))


def test_nan_amounts_are_null(engines, plain):
    amounts = pa.array([float("nan"), 1.0, 2.0])
    table = pa.table(lines().to_dict("list")).set_column(3, "amount", amounts)
    for name, make in engines.items():
        got = plain(rfm(make(table)), "customer_id")["monetary"]
        assert got.isna().tolist() == [True, False], name


def test_a_day_is_not_shortened_by_its_hours(engines, plain):
    moments = [datetime(2026, 1, 1, 23, 59, 59, 999_999), datetime(2026, 1, 2)]
    table = pa.table({"customer_id": [1, 2], "order_id": [1, 2], "date": moments,
                      "amount": [1.0, 1.0]})  # fmt: skip
    for make in engines.values():
        got = plain(rfm(make(table), as_of=moments[0] + timedelta(days=1)), "customer_id")
        assert got["recency_days"].tolist() == [1, 0]
