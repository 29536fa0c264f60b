"""Features of purchases: a plain loop for each, and every kind of table."""

import itertools
import statistics
from datetime import timedelta

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlytics.churn import churn_features
from crmlytics.errors import OptionError

START = pd.Timestamp(2026, 1, 1).to_pydatetime()
CUTS = [100, 230]  # days after START
AMOUNT = st.sampled_from([None, 5.0, 0.0, -5.0, 19.99, 0.1, 0.2])
DISCOUNT = st.sampled_from([None, 0.0, 1.5, -0.5])
ROW = st.tuples(
    st.integers(0, 4), st.integers(0, 260), AMOUNT, st.sampled_from(["p", "q", "r"]),
    st.sampled_from(["shop", "web"]), DISCOUNT,
)  # fmt: skip
BARE = [
    "frequency", "recency", "T", "recency_days", "count_28", "count_91", "count_182", "trend",
    "lines", "gap_mean", "gap_max", "gap_last", "gap_sd", "rhythm",
]  # fmt: skip
MONEY = [
    "monetary", "mean_amount", "max_amount", "last_amount", "amount_91", "amount_182", "returns",
    "returned_amount",
]  # fmt: skip
WHOLE = [*BARE[:9], "returns", "n_products", "n_channels"]


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


def added(values):
    return None if any(value is None for value in values) else round(sum(values), 2)


def described(rows, cutoff):
    """Return the features of one customer's rows (that of others left out), or None."""
    rows = [row for row in rows if row[1] <= cutoff]
    bought = [row for row in rows if row[2] is None or row[2] >= 0]
    if not bought:
        return None
    days = sorted({row[1] for row in bought})
    gaps = [after - before for before, after in itertools.pairwise(days)]
    paid = {each: added([row[2] for row in bought if row[1] == each]) for each in days}
    back = [-row[2] for row in rows if row[2] is not None and row[2] < 0]
    counts = {w: sum(each > cutoff - w for each in days) for w in (28, 91, 182)}
    spent = {w: added([paid[each] for each in days if each > cutoff - w]) for w in (91, 182)}
    total = added(list(paid.values()))
    silent = cutoff - days[-1]
    discount = added([row[5] if row[5] is None else abs(row[5]) for row in bought])
    known = total is not None and discount is not None and total + discount > 0
    return {
        "frequency": len(days) - 1, "recency": days[-1] - days[0], "T": cutoff - days[0],
        "recency_days": silent, "count_28": counts[28], "count_91": counts[91],
        "count_182": counts[182], "trend": counts[91] - (counts[182] - counts[91]),
        "lines": len(bought),
        "gap_mean": statistics.mean(gaps) if gaps else None,
        "gap_max": max(gaps) if gaps else None, "gap_last": gaps[-1] if gaps else None,
        "gap_sd": statistics.stdev(gaps) if len(gaps) > 1 else None,
        "rhythm": silent / statistics.mean(gaps) if gaps else None,
        "monetary": total, "mean_amount": None if total is None else total / len(days),
        "max_amount": None if total is None else max(paid.values()),
        "last_amount": paid[days[-1]], "amount_91": spent[91], "amount_182": spent[182],
        "returns": len(back), "returned_amount": added(back),
        "n_products": len({row[3] for row in bought}),
        "n_channels": len({row[4] for row in bought}), "discount": discount,
        "discount_share": discount / (total + discount) if known else None,
    }  # fmt: skip


def oracle(rows, cutoffs):
    wanted = []
    for who in sorted({row[0] for row in rows}):
        for cutoff in cutoffs:
            made = described([row for row in rows if row[0] == who], cutoff)
            if made is not None:
                wanted.append({"customer_id": who, "cutoff": pd.Timestamp(day(cutoff)), **made})
    return wanted


def same(found, wanted):
    assert len(found) == len(wanted)
    for name in wanted[0] if wanted else ():
        values = [each[name] for each in wanted]
        if name in {"customer_id", "cutoff"}:
            assert found[name].tolist() == values
            continue
        expected = np.array([np.nan if value is None else value for value in values], float)
        got = found[name].astype(float).to_numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-9, err_msg=name)


def features(rows, cutoffs=CUTS, **options):
    return churn_features(
        pa.table(columns(rows)).to_pandas(), cutoffs=[day(each) for each in cutoffs], **options
    )


def random_rows(n=400, seed=0, customers=40):
    rng = np.random.default_rng(seed)
    parts = [
        rng.integers(0, customers, n).tolist(), [0, *rng.integers(0, 260, n - 1).tolist()],
        rng.choice([5.0, 19.99, 0.1, 0.2, -3.0], n).tolist(),
        rng.choice(["p", "q", "r"], n).tolist(), rng.choice(["shop", "web"], n).tolist(),
        rng.choice([0.0, 1.5], n).tolist(),
    ]  # fmt: skip
    parts[2][7] = parts[5][11] = None
    return list(zip(*parts, strict=True))


@settings(deadline=None)
@given(rows=st.lists(ROW, max_size=30), cuts=st.lists(st.integers(0, 270), min_size=1, max_size=2))
def test_oracle_plain_loop(rows, cuts):
    rows = [(9, 0, 1.0, "p", "web", 0.0), *rows]
    found = features(rows, cuts)
    assert list(found) == [
        "customer_id", "cutoff", *BARE, *MONEY, "n_products", "n_channels", "discount",
        "discount_share",
    ]  # fmt: skip
    same(found, oracle(rows, sorted(set(cuts))))


def test_by_hand():
    rows = [
        (1, 0, 10.0, "p", "web", 1.0), (1, 0, 5.0, "q", "web", 0.0),  # one purchase of two lines
        (1, 10, -4.0, "p", "web", 0.0),  # a return
        (1, 40, 20.0, "p", "shop", 0.0), (1, 90, 30.0, "p", "shop", 2.0),
    ]  # fmt: skip
    found = features(rows, [100]).iloc[0]
    # gaps of 40 and 50 days: mean 45, sd of two values |50 - 40| / sqrt(2); silent for 10 days
    wanted = {
        "frequency": 2, "recency": 90, "T": 100, "recency_days": 10, "count_28": 1, "count_91": 2,
        "count_182": 3, "trend": 2 - 1, "lines": 4, "gap_mean": 45, "gap_max": 50, "gap_last": 50,
        "gap_sd": 10 / np.sqrt(2), "rhythm": 10 / 45, "monetary": 65, "mean_amount": 65 / 3,
        "max_amount": 30, "last_amount": 30, "amount_91": 50, "amount_182": 65, "returns": 1,
        "returned_amount": 4, "n_products": 2, "n_channels": 2, "discount": 3,
        "discount_share": 3 / 68,
    }  # fmt: skip
    assert found[list(wanted)].astype(float).to_dict() == pytest.approx(wanted)


@pytest.mark.parametrize("window", [28, 91, 182])
def test_windows_end_with_the_cutoff_day(window):
    rows = [(1, n, 1.0, "p", "web", 0.0) for n in (0, 200, 200 - window + 1, 200 - window, 201)]
    found = features(rows, [200])
    assert found[f"count_{window}"].tolist() == [2]  # the first and the last day of the window


def test_kinds_agree_to_the_last_bit(make_table, plain, schema):
    rows = random_rows()
    options = {"cutoffs": [day(each) for each in CUTS], "active_within_days": 120}
    found = churn_features(make_table(columns(rows)), **options)
    kinds = {name: kind.split("(")[0] for name, kind in schema(found).items()}
    assert kinds == {
        name: "Int64" if name in {*WHOLE, "customer_id"} else "Float64" for name in kinds
    } | {"cutoff": "Datetime"}
    wanted = plain(churn_features(pa.table(columns(rows)).to_pandas(), **options))
    assert len(wanted) > 50
    got = plain(found, "customer_id", "cutoff")
    pd.testing.assert_frame_equal(got, wanted, check_exact=True)
    kept = [row for row in oracle(rows, CUTS) if row["recency_days"] < 120]
    same(got, kept)


def test_eager_answers_are_sorted(make_eager, plain):
    rows = random_rows()
    found = plain(churn_features(make_eager(columns(rows)), cutoffs=[day(c) for c in CUTS]))
    same(found, oracle(rows, CUTS))


def test_lazy_answers_outlive_what_made_them(make_lazy):
    def make():
        table = make_lazy(columns(random_rows()))
        return churn_features(table, cutoffs=day(100))

    found = nw.from_native(make())
    assert isinstance(found, nw.LazyFrame)
    counted = found.filter(nw.col("frequency") > 0).select(nw.col("lines").sum()).collect()
    wanted = [row for row in oracle(random_rows(), [100]) if row["frequency"] > 0]
    assert counted.item() == sum(row["lines"] for row in wanted)


def test_text_ids_and_names_of_columns(make_table, plain):
    rows = random_rows()
    made = columns(rows)
    made["customer_id"] = [f"c{each:02}" for each in made["customer_id"].to_pylist()]
    names = ["client", "when", "paid", "item", "way", "off"]
    table = make_table(dict(zip(names, made.values(), strict=True)))
    found = churn_features(
        table, cutoffs=[day(each) for each in CUTS], customer_col="client", date_col="when",
        amount_col="paid", product_col="item", channel_col="way", discount_col="off",
    )  # fmt: skip
    got = plain(found, "client", "cutoff").rename(columns={"client": "customer_id"})
    assert got["customer_id"].str.startswith("c").all()
    got["customer_id"] = got["customer_id"].str[1:].astype(int)
    same(got, oracle(rows, CUTS))


def test_days_are_those_of_the_zone(make_eager, plain):
    when = pd.to_datetime(["2026-01-01 00:30", "2026-01-11 23:30"]).tz_localize("America/New_York")
    zone = pa.timestamp("us", "America/New_York")
    made = {"customer_id": [1, 1], "date": pa.array(when, zone)}
    for cutoff, frequency in (("2026-01-10", 0), ("2026-01-11", 1)):
        found = plain(churn_features(make_eager(made), cutoffs=cutoff))
        assert found["frequency"].tolist() == [frequency]
        assert found["T"].tolist() == [int(cutoff[-2:]) - 1]


def test_shops_that_know_less(make_table, plain):
    made = columns(random_rows())
    bare = plain(
        churn_features(
            make_table({name: made[name] for name in ("customer_id", "date")}), cutoffs=day(100)
        )
    )
    assert list(bare) == ["customer_id", "cutoff", *BARE]
    # None leaves out columns that are there
    none = dict.fromkeys(("amount_col", "product_col", "channel_col", "discount_col"))
    found = plain(churn_features(make_table(made), cutoffs=day(100), **none), "customer_id")
    pd.testing.assert_frame_equal(found, bare.sort_values("customer_id", ignore_index=True))
    off = {name: made[name] for name in ("customer_id", "date", "discount")}
    found = plain(churn_features(make_table(off), cutoffs=day(100)))
    assert list(found) == ["customer_id", "cutoff", *BARE, "discount"]


def test_unknown_products_are_not_counted(make_table, plain):
    rows = [(1, 0, 5.0, None, "web", 0.0), (1, 1, 5.0, "p", None, 0.0), (1, 2, 5.0, None, "x", 0.0)]
    found = plain(churn_features(make_table(columns(rows)), cutoffs=day(100)))
    assert found[["n_products", "n_channels"]].to_numpy().tolist() == [[1, 2]]


def test_one_time_buyers_have_no_gaps(make_table, plain):
    rows = [(1, 0, 5.0, "p", "web", 0.0), (2, 3, None, "p", "web", None)]
    found = plain(churn_features(make_table(columns(rows)), cutoffs=day(10)), "customer_id")
    same(found, oracle(rows, [10]))
    gaps = ["gap_mean", "gap_max", "gap_last", "gap_sd", "rhythm"]
    assert found[gaps].isna().all(axis=None)
    unknown = ["monetary", "mean_amount", "max_amount", "last_amount", "discount"]
    assert found.loc[1, unknown].isna().all()


def test_empty_tables(make_table, plain):
    found = plain(churn_features(make_table(columns([])), cutoffs=day(10)))
    assert len(found) == 0
    assert list(found)[:4] == ["customer_id", "cutoff", "frequency", "recency"]
    rows = [(1, 0, -5.0, "p", "web", 0.0), (1, 50, 5.0, "p", "web", 0.0)]
    found = plain(churn_features(make_table(columns(rows)), cutoffs=day(10)))
    assert len(found) == 0  # returned before ever buying


def test_cutoffs(make_table, plain):
    table = make_table(columns([(1, 5, 5.0, "p", "web", 0.0)]))
    with pytest.raises(OptionError, match="churn_features: cutoff 2026-01-05 is before the first"):
        churn_features(table, cutoffs=[day(4), day(8)])
    with pytest.raises(OptionError, match="cutoffs must name at least one day"):
        churn_features(table, cutoffs=[])
    later = plain(churn_features(table, cutoffs=day(400)))  # nothing happened since
    assert later["T"].tolist() == [395]


def test_more_of_the_same_customer_changes_nothing_of_others():
    rows = random_rows()
    whole = features(rows)
    one = features([row for row in rows if row[0] == 3] + [(9, 0, 1.0, "p", "web", 0.0)])
    pd.testing.assert_frame_equal(
        whole[whole["customer_id"] == 3].reset_index(drop=True),
        one[one["customer_id"] == 3].reset_index(drop=True),
        check_exact=True,
    )


def test_lazy_frames_are_not_collected_as_a_whole():
    # columns that are not asked for may hold what cannot be computed
    rows = [(1, 0, 5.0, "p", "web", 0.0), (2, 0, 5.0, "p", "web", 0.0)]
    table = pl.from_arrow(pa.table(columns(rows))).lazy()
    broken = table.with_columns(bad=pl.col("channel").cast(pl.Int64, strict=True))
    found = churn_features(broken, cutoffs=day(9)).collect()
    assert found["customer_id"].to_list() == [1, 2]
