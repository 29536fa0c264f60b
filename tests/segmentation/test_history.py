# ruff: noqa: DTZ001 - the dates of tables are naive
import warnings
from collections import Counter
from datetime import date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    NotEnoughDataError,
    OptionError,
)

DAY = datetime(2026, 1, 1)
RFM = ["recency_days", "frequency", "monetary"]
SCORES = ["r_score", "f_score", "m_score"]
# one customer has bought on the first day, so that every month end knows somebody
FIRST = ("a", 1, 0, 4.0)
LINE = st.tuples(
    st.sampled_from("abcd"),
    st.integers(2, 12),
    st.integers(0, 100),
    st.integers(-8, 40).map(lambda quarters: quarters / 4),
)
LINES = st.lists(LINE, max_size=25).map(lambda lines: [FIRST, *lines])


def frame(lines):
    return pd.DataFrame(
        {
            "customer_id": [line[0] for line in lines],
            "order_id": [line[1] for line in lines],
            "date": [DAY + timedelta(days=line[2]) for line in lines],
            "amount": [line[3] for line in lines],
        }
    )


@settings(max_examples=20, deadline=None)
@given(
    lines=LINES,
    every=st.sampled_from("WMQ"),
    cuts=st.sampled_from(["first", "each"]),
    count=st.sampled_from(["orders", "days", "rows"]),
    returns=st.sampled_from(["net", "drop"]),
)
def test_history_equals_asking_on_each_day(lines, every, cuts, count, returns):
    table = frame(lines)
    options = {"count": count, "returns": returns}
    last = table["date"].max()
    code = {"W": "W-SUN", "M": "ME", "Q": "QE"}[every]
    days = pd.date_range(DAY, last, freq=code)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)
        if not len(days):
            with pytest.raises(NotEnoughDataError):
                crm.segmentation.rfm_history(table, every=every, cuts=cuts, **options)
            return
        history = crm.segmentation.rfm_history(table, every=every, cuts=cuts, **options)
        assert list(history["as_of"].unique()) == list(days)
        kept = None
        for day, part in history.groupby("as_of"):
            alone = crm.segmentation.rfm_table(table, as_of=day, **options)
            if cuts == "each" or kept is None:
                kept = crm.segmentation.rfm_cuts(alone)
            want = crm.segmentation.rfm_segments(crm.segmentation.rfm_scores(alone, cuts=kept))
            columns = ["customer_id", *RFM, *SCORES, "segment"]
            pd.testing.assert_frame_equal(
                part[columns].reset_index(drop=True), want[columns], check_dtype=False
            )


def test_history_by_hand(make_eager, plain):
    lines = [("a", 1, 1, 10.0), ("a", 2, 58, 30.0), ("b", 3, 29, 5.0), ("b", 4, 65, 1.0)]
    table = make_eager(pa.Table.from_pandas(frame(lines), preserve_index=False))
    history = crm.segmentation.rfm_history(table)
    assert isinstance(history, type(table))
    got = plain(history)
    # days 30 and 58 of the year are the ends of January and February; March is not over on day 65
    assert list(got["as_of"].dt.strftime("%m-%d")) == ["01-31", "01-31", "02-28", "02-28"]
    assert list(got["customer_id"]) == ["a", "b", "a", "b"]
    assert list(got["recency_days"]) == [29, 1, 0, 29]
    assert list(got["monetary"]) == [10.0, 5.0, 40.0, 5.0]


def test_cuts_kept_from_the_first_day_move_only_those_who_did_something():
    # b buys nothing new and ages by a month; with fresh cuts each month b stays the most recent
    lines = [("a", 1, 0, 1.0), ("b", 2, 30, 1.0), ("c", 3, 40, 1.0), ("c", 4, 88, 1.0)]
    kept = crm.segmentation.rfm_history(frame(lines), every="M", as_of=date(2026, 3, 31))
    b = kept[kept["customer_id"] == "b"]
    assert list(b["frequency"]) == [1, 1, 1]
    assert list(b["f_score"]) == [1, 1, 1]
    assert b["r_score"].is_monotonic_decreasing


def test_cuts_may_be_given():
    cuts = {"recency_days": [10], "frequency": [1], "monetary": [2]}
    lines = frame([("a", 1, 0, 1.0), ("a", 2, 30, 2.0)])
    rules = pd.DataFrame({"segment": ["better"], "r_min": [2], "f_min": [2]})
    history = crm.segmentation.rfm_history(lines, cuts=cuts, segment_map=rules)
    # by hand on 2026-01-31: 0 days, 2 orders, 3.0: the better of two classes each time
    assert history[SCORES].to_numpy().tolist() == [[2, 2, 2]]
    assert history["segment"].tolist() == ["better"]
    # a built-in map names five classes, not two
    with pytest.raises(OptionError, match=r"^rfm_history: segment_map='grid10' is made for scores"):
        crm.segmentation.rfm_history(lines, cuts=cuts)


def test_start_leaves_out_early_periods():
    lines = [("a", 1, 0, 1.0), ("b", 2, 40, 2.0), ("c", 3, 95, 3.0)]
    history = crm.segmentation.rfm_history(frame(lines), start=date(2026, 2, 15))
    assert list(history["as_of"].dt.month.unique()) == [2, 3]


def test_nobody_is_there_before_a_purchase():
    # a has only returned something by the end of January, and is a customer from February on
    lines = [("a", 1, 5, -1.0), ("b", 2, 6, 1.0), ("a", 3, 40, 9.0), ("b", 4, 59, 1.0)]
    history = crm.segmentation.rfm_history(frame(lines))
    counts = history.groupby("as_of")["customer_id"].agg(list)
    assert list(counts) == [["b"], ["a", "b"]]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"every": "month"}, OptionError, "rfm_history: every must be one of"),
        ({"cuts": "last"}, OptionError, "rfm_history: cuts must be one of"),
        ({"cuts": {"frequency": [1]}}, OptionError, "rfm_history: cuts say nothing of"),
        ({"returns": "keep"}, OptionError, "rfm_history: returns must be one of"),
        ({"count": "order"}, OptionError, "rfm_history: count must be one of"),
        ({"bins": 0}, OptionError, "rfm_history: bins must be"),
        ({"segment_map": "grid"}, OptionError, "rfm_history: segment_map must be one of"),
        ({"start": "soon"}, OptionError, "rfm_history: start must be a day"),
        ({"every": "Y"}, NotEnoughDataError, "rfm_history: no period of every='Y' is over by"),
        ({"start": date(2027, 1, 1)}, NotEnoughDataError, "rfm_history: start 2027-01-01 is after"),
        ({"as_of": date(2020, 1, 1)}, OptionError, "rfm_history: as_of 2020-01-01 is before"),
    ],
)
def test_history_refuses(options, kind, words):
    with pytest.raises(kind) as refused:
        crm.segmentation.rfm_history(frame([("a", 1, 0, 1.0), ("b", 2, 40, 2.0)]), **options)
    assert words in str(refused.value)


MEMBERS = st.dictionaries(st.integers(0, 12), st.sampled_from(["new", "loyal", "lost"]))


@settings(max_examples=30, deadline=None)
@given(before=MEMBERS, after=MEMBERS, share_of=st.sampled_from(["before", "after", "all"]))
def test_migration_totals_add_up(engines, plain, before, after, share_of):
    tables = [
        engines["polars"](
            pa.table(
                {
                    "customer_id": pa.array(list(members), pa.int64()),
                    "segment": pa.array(list(members.values()), pa.string()),
                }
            )
        )
        for members in (before, after)
    ]
    moved = plain(crm.segmentation.segment_migration(*tables, share_of=share_of))
    want = Counter(
        (before.get(who, "not_yet"), after.get(who, "gone")) for who in {*before, *after}
    )
    got = {(row.from_segment, row.to_segment): row.customers for row in moved.itertuples()}
    assert got == want
    assert list(got) == sorted(want)
    # every customer of either table is in exactly one row, and each side adds up to its table
    assert sum(n for (start, _), n in got.items() if start != "not_yet") == len(before)
    assert sum(n for (_, end), n in got.items() if end != "gone") == len(after)
    side = {"before": "from_segment", "after": "to_segment"}.get(share_of)
    shares = moved.groupby(side)["share"].sum() if side else pd.Series(moved["share"].sum())
    assert not len(moved) or list(shares) == pytest.approx([1.0] * len(shares))
    whole = moved.groupby(side)["customers"].transform("sum") if side else moved["customers"].sum()
    assert list(moved["share"] * whole) == pytest.approx(list(moved["customers"]))


def test_migration_of_a_history_compares_neighbouring_days():
    history = pd.DataFrame(
        {
            "as_of": pd.to_datetime(["2026-01-31"] * 2 + ["2026-02-28"] * 2 + ["2026-03-31"]),
            "customer_id": [1, 2, 1, 3, 1],
            "segment": ["new", "new", "loyal", "new", "loyal"],
        }
    )
    moved = crm.segmentation.segment_migration(history)
    # by hand: January to February, then February to March
    columns = ["from_as_of", "from_segment", "to_segment", "customers", "share"]
    want = [
        (1, "new", "gone", 1, 0.5), (1, "new", "loyal", 1, 0.5), (1, "not_yet", "new", 1, 1.0),
        (2, "loyal", "loyal", 1, 1.0), (2, "new", "gone", 1, 1.0),
    ]  # fmt: skip
    got = moved[columns].assign(from_as_of=moved["from_as_of"].dt.month)
    assert list(got.itertuples(index=False, name=None)) == want


def test_migration_of_every_engine(make_eager, plain):
    before = make_eager({"customer_id": ["x", "y"], "segment": ["new", None]})
    after = make_eager({"customer_id": ["y", "z"], "segment": ["new", "new"]})
    moved = crm.segmentation.segment_migration(before, after)
    assert isinstance(moved, type(before))
    got = plain(moved)
    # a null segment is "unknown"; days are null where the tables have none
    pairs = list(zip(got["from_segment"], got["to_segment"], strict=True))
    assert pairs == [("new", "gone"), ("not_yet", "new"), ("unknown", "new")]
    assert got["from_as_of"].isna().all()


def test_migration_refuses(engines):
    one = pd.DataFrame({"customer_id": [1, 1], "segment": ["new", "old"]})
    with pytest.raises(DataError, match=r"^segment_migration: 1 rows of before repeat a 'custo"):
        crm.segmentation.segment_migration(one, one)
    with pytest.raises(ColumnError, match=r"^segment_migration: no column 'as_of' in before"):
        crm.segmentation.segment_migration(one)
    with pytest.raises(NotEnoughDataError, match=r"^segment_migration: needs at least 2 days"):
        crm.segmentation.segment_migration(one.head(1).assign(as_of=DAY))
    sound = one.head(1)
    with pytest.raises(OptionError, match=r"^segment_migration: share_of must be one of"):
        crm.segmentation.segment_migration(sound, sound, share_of="none")
    other = engines["polars"]({"customer_id": [1], "segment": ["new"]})
    with pytest.raises(DataError, match=r"^segment_migration: the tables come from two libraries"):
        crm.segmentation.segment_migration(sound, other)
