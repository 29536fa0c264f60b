"""Labels of churn: half-open windows, a plain loop, every kind of table."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlytics.churn import churn_labels
from crmlytics.errors import ColumnError, CrmlyticsError, DataError, OptionError

START = date(2026, 1, 1)
ROW = st.tuples(st.integers(0, 5), st.integers(0, 60), st.sampled_from([None, 5.0, -5.0, 0.0]))
OPTIONS = {"cutoffs": ["2026-01-20", "2026-01-31"], "horizon_days": 14}


def day(n):
    return START + timedelta(days=n)


def columns(rows):
    """Rows of (customer, days after START, amount)."""
    who, when, paid = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "customer_id": pa.array(who, pa.int64()),
        "date": pa.array([day(n) for n in when], pa.date32()).cast(pa.timestamp("us")),
        "amount": pa.array(paid, pa.float64()),
    }


def oracle(rows, cutoffs, horizon, gap=0, active=None):
    """Return what should come out, by one loop over customers and cutoffs."""
    bought = [(who, when) for who, when, paid in rows if paid is None or paid >= 0]
    wanted = []
    for who in sorted({who for who, _ in bought}):
        days = [when for each, when in bought if each == who]
        for cutoff in sorted(set(cutoffs)):
            since = -1 if active is None else cutoff - active
            if any(since < when <= cutoff for when in days):
                first = cutoff + gap
                again = any(first < when <= first + horizon for when in days)
                wanted.append((who, day(cutoff), int(not again), horizon))
    return wanted


def listed(table):
    return [
        (int(who), pd.Timestamp(cutoff).date(), int(churned), int(horizon))
        for who, cutoff, churned, horizon in table.itertuples(index=False)
    ]


@settings(deadline=None)
@given(
    rows=st.lists(ROW, max_size=25),
    cutoffs=st.lists(st.integers(5, 40), min_size=1, max_size=3),
    horizon=st.integers(1, 20),
    gap=st.integers(0, 6),
    active=st.none() | st.integers(1, 30),
)
def test_oracle_plain_loop(rows, cutoffs, horizon, gap, active):
    rows = [(9, 0, 1.0), *rows]  # so that no cutoff is before the data
    made = pa.table(columns(rows))
    options = {
        "cutoffs": [day(each) for each in cutoffs], "horizon_days": horizon, "gap_days": gap,
        "active_within_days": active, "as_of": day(70),
    }  # fmt: skip
    wanted = oracle(rows, cutoffs, horizon, gap, active)
    assert listed(churn_labels(made.to_pandas(), **options)) == wanted
    lazy = churn_labels(pl.from_arrow(made).lazy(), **options).collect()
    assert listed(lazy.to_pandas().sort_values(["customer_id", "cutoff"])) == wanted


@pytest.mark.parametrize(
    ("when", "gap", "churned"),
    [
        (10, 0, 1),  # the cutoff day itself is history
        (11, 0, 0),  # the first day of the outcome
        (17, 0, 0),  # the last one
        (18, 0, 1),  # the day after
        (13, 3, 1),  # the last day of the gap
        (14, 3, 0),
        (20, 3, 0),
        (21, 3, 1),
    ],
)
def test_windows_are_half_open(make_table, plain, when, gap, churned):
    table = make_table(columns([(1, 0, 5.0), (1, when, 5.0), (2, 30, 5.0)]))
    found = churn_labels(table, cutoffs=day(10), horizon_days=7, gap_days=gap)
    assert listed(plain(found)) == [(1, day(10), churned, 7)]


@pytest.mark.parametrize(("active", "scored"), [(10, False), (11, True), (None, True)])
def test_active_counts_days_up_to_the_cutoff(make_table, plain, active, scored):
    # a purchase on day 0 lies in (10 - 11, 10] and not in (10 - 10, 10]
    table = make_table(columns([(1, 0, 5.0), (2, 30, 5.0)]))
    found = churn_labels(table, cutoffs=day(10), horizon_days=7, active_within_days=active)
    assert listed(plain(found)) == [(1, day(10), 1, 7)] * scored


def test_returns_are_no_purchases(make_table, plain):
    rows = [
        (1, 0, 5.0), (1, 12, -5.0),  # brings it back in the outcome
        (2, 0, 5.0), (2, 12, None),  # an unknown amount is a purchase
        (3, 0, -5.0), (3, 12, 5.0),  # had bought nothing by the cutoff
        (4, 30, 0.0),
    ]  # fmt: skip
    options = {"cutoffs": day(10), "horizon_days": 7}
    found = plain(churn_labels(make_table(columns(rows)), **options), "customer_id")
    assert listed(found) == [(1, day(10), 1, 7), (2, day(10), 0, 7)]
    # without amounts every line is a purchase
    found = churn_labels(make_table(columns(rows)), amount_col=None, **options)
    wanted = [(who, day(10), 0, 7) for who in (1, 2, 3)]
    assert listed(plain(found, "customer_id")) == wanted


def random_rows(n=300, seed=0):
    rng = np.random.default_rng(seed)
    paid = rng.choice([10.0, 25.5, -3.0, None], n)
    when = [0, *rng.integers(0, 60, n - 1).tolist()]
    return list(zip(rng.integers(0, 40, n).tolist(), when, paid.tolist(), strict=True))


def test_kinds_agree(make_table, plain, schema):
    rows = random_rows()
    found = churn_labels(make_table(columns(rows)), active_within_days=12, **OPTIONS)
    kinds = {"cutoff": "Datetime", "churned": "Int64", "horizon_days": "Int64"}
    assert {name: kind.split("(")[0] for name, kind in schema(found).items()} == {
        "customer_id": "Int64", **kinds
    }  # fmt: skip
    wanted = oracle(rows, [19, 30], 14, 0, 12)
    assert len(wanted) > 30
    assert listed(plain(found, "customer_id", "cutoff")) == wanted


def test_eager_answers_are_sorted(make_eager, plain):
    rows = random_rows()
    found = listed(plain(churn_labels(make_eager(columns(rows)), **OPTIONS)))
    assert found == oracle(rows, [19, 30], 14)


def test_text_ids_and_names_of_columns(make_table, plain):
    rows = random_rows()
    made = columns(rows)
    who = [f"c{each:02}" for each in made["customer_id"].to_pylist()]
    table = make_table({"client": who, "when": made["date"], "paid": made["amount"]})
    found = churn_labels(
        table, customer_col="client", date_col="when", amount_col="paid", **OPTIONS
    )
    found = plain(found, "client", "cutoff")
    wanted = oracle(rows, [19, 30], 14)
    assert found["client"].tolist() == [f"c{each[0]:02}" for each in wanted]
    assert found["churned"].tolist() == [each[2] for each in wanted]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_days_are_those_of_the_zone(make_eager, plain, zone):
    # 23:30 by the clock on the wall is a day before or after in UTC
    when = pd.to_datetime(["2026-01-01 00:30", "2026-01-11 23:30", "2026-01-30 12:00"])
    made = {
        "customer_id": [1, 1, 2],
        "date": pa.array(when.tz_localize(zone), pa.timestamp("us", zone)),
    }
    for cutoff, churned in (("2026-01-10", 0), ("2026-01-11", 1)):
        found = churn_labels(make_eager(made), cutoffs=cutoff, horizon_days=1)
        assert plain(found)["churned"].tolist() == [churned]
    polars = churn_labels(pl.from_arrow(pa.table(made)).lazy(), cutoffs=cutoff, horizon_days=1)
    assert polars.collect()["churned"].to_list() == [churned]


@settings(deadline=None)
@given(rows=st.lists(ROW, max_size=25), data=st.data())
def test_order_of_rows_is_nothing(rows, data):
    rows = [(9, 0, 1.0), *rows]
    other = data.draw(st.permutations(rows))
    one, two = (
        churn_labels(pa.table(columns(each)).to_pandas(), as_of=day(70), **OPTIONS)
        for each in (rows, other)
    )
    pd.testing.assert_frame_equal(one, two)


def test_cutoffs_come_once_and_in_order():
    table = pa.table(columns(random_rows())).to_pandas()
    one = churn_labels(table, **OPTIONS)
    many = [date(2026, 1, 31), "2026-01-20", np.datetime64("2026-01-31")]
    pd.testing.assert_frame_equal(one, churn_labels(table, cutoffs=many, horizon_days=14))


def test_outcomes_that_are_not_over_are_refused(make_table):
    table = make_table(columns([(1, 0, 5.0), (2, 20, 5.0)]))
    churn_labels(table, cutoffs=day(10), horizon_days=10)
    sentence = (
        r"^churn_labels: the outcome of cutoff 2026-01-11 would end on 2026-01-22, after the last "
        r"day of the data, 2026-01-21\. Choose a cutoff of 2026-01-10 or before, or a shorter "
        r"horizon_days\.$"
    )
    for late in ({"horizon_days": 11}, {"horizon_days": 10, "gap_days": 1}):
        with pytest.raises(OptionError, match=sentence):
            churn_labels(table, cutoffs=day(10), **late)
    with pytest.raises(OptionError, match="last day of the data, 2026-01-16"):
        churn_labels(table, cutoffs=day(10), horizon_days=6, as_of=day(15))
    # later days may be known to be complete though nobody bought
    churn_labels(table, cutoffs=day(10), horizon_days=20, as_of=day(30))


def test_cutoffs_before_the_data_are_refused(make_table):
    table = make_table(columns([(1, 5, 5.0), (2, 20, 5.0)]))
    with pytest.raises(
        OptionError,
        match=r"^churn_labels: cutoff 2026-01-05 is before the first date of transactions, "
        r"2026-01-06\. Choose a later one\.$",
    ):
        churn_labels(table, cutoffs=[day(4), day(6)], horizon_days=5)
    assert churn_labels(table, cutoffs=day(5), horizon_days=5) is not None


def test_empty_tables(make_table, plain):
    table = make_table(columns([]))
    with pytest.raises(DataError, match="has no rows"):
        churn_labels(table, cutoffs=day(5), horizon_days=5)
    found = plain(churn_labels(table, cutoffs=day(5), horizon_days=5, as_of=day(20)))
    assert list(found) == ["customer_id", "cutoff", "churned", "horizon_days"]
    assert len(found) == 0
    # nobody had bought by the cutoff, or lately
    table = make_table(columns([(1, 0, -5.0), (1, 8, 5.0), (2, 30, 5.0)]))
    found = plain(churn_labels(table, cutoffs=day(5), horizon_days=5))
    assert list(found) == ["customer_id", "cutoff", "churned", "horizon_days"]
    assert len(found) == 0


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"cutoffs": []}, OptionError, "cutoffs must name at least one day; got none"),
        ({"cutoffs": "yesterday"}, OptionError, "cutoffs"),
        ({"cutoffs": None}, OptionError, "cutoffs"),
        ({"horizon_days": 0}, OptionError, "horizon_days must be a whole number of 1 or more"),
        ({"horizon_days": 7.5}, OptionError, "horizon_days must be a whole number"),
        ({"gap_days": -1}, OptionError, "gap_days must be a whole number of 0 or more"),
        ({"active_within_days": 0}, OptionError, "active_within_days must be a whole number of 1"),
        ({"amount_col": "paid"}, ColumnError, r"no column 'paid' \(amount_col\)"),
        ({"date_col": "amount"}, ColumnError, r"column 'amount' \(date_col\) holds"),
    ],
)
def test_refusals(make_table, options, error, match):
    table = make_table(columns(random_rows()))
    with pytest.raises(error, match=f"churn_labels: .*{match}"):
        churn_labels(table, **(OPTIONS | options))


def test_null_ids_and_dates_are_refused(make_table):
    for name in ("customer_id", "date"):
        made = columns([(1, 0, 5.0), (2, 20, 5.0), (2, 40, 5.0)])
        made[name] = pa.array([*made[name].to_pylist()[:2], None], made[name].type)
        with pytest.raises(CrmlyticsError, match=f"1 of 3 rows have no '{name}'"):
            churn_labels(make_table(made), cutoffs=day(10), horizon_days=5, as_of=day(40))


def test_names_of_results_are_refused(make_table):
    made = columns(random_rows())
    made["cutoff"] = made.pop("customer_id")
    with pytest.raises(ColumnError, match="cutoff"):
        churn_labels(make_table(made), customer_col="cutoff", **OPTIONS)
