# ruff: noqa: DTZ001 - the dates of tables are naive
"""Funnels and conversion against a loop over the events of each customer."""

import warnings
from datetime import date, datetime, timedelta
from statistics import median

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError
from crmlytics.kpi import _row_order

START = datetime(2026, 1, 1)
HALF = timedelta(hours=12)
AS_OF = date(2026, 1, 5)
STEPS = ["view", "cart", "buy"]
EVENT = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from([*STEPS, *STEPS, "ticket"]),
    st.integers(0, 12),  # half days; the last fall after AS_OF
    st.sampled_from(["web", "app", None]),
)
EVENTS = st.lists(EVENT, max_size=22)
MODES = {
    "strict": {},
    "loose": {"strict": False},
    "any": {"any_order": True},
}
WINDOWS = st.sampled_from([None, 0, 0.5, 1, 1.7, 3, 4000])


def columns(events):
    events = [("z", "ticket", 0, "web"), *events]  # a row before AS_OF, and a customer of no step
    return pa.table(
        {
            "customer_id": pa.array([event[0] for event in events], pa.string()),
            "event": pa.array([event[1] for event in events], pa.string()),
            "date": pa.array([START + event[2] * HALF for event in events], pa.timestamp("us")),
            "shop": pa.array([event[3] for event in events], pa.string()),
        }
    )


def attempt(own, begin, mode, window):
    """Return the moments at which an attempt came to its steps, and whether it may go on."""
    place, moment = own[begin][:2]
    inside = [e for e in own if e[1] >= moment and (window is None or e[1] <= moment + 2 * window)]
    if mode == "any":
        first = [min([e[1] for e in inside if e[0] == k], default=None) for k in range(len(STEPS))]
        done = []
        for one in first:
            if one is None:
                break
            done.append(max([one, *done]))
        return (done if place < len(done) else []), True
    if place != 0:
        return [], False
    done, broken = [moment], False
    for step, when, _ in own[begin + 1 :]:
        if window is not None and when > moment + 2 * window:
            break
        if step == len(done):
            done.append(when)
        elif step != len(done) - 1 and mode == "strict":
            broken = True
            break
    return done, not broken


def furthest(events, mode, window, drop, shop):
    """Return the moments of each customer's furthest attempt, and how many may come further."""
    end = 2 * (AS_OF - START.date()).days + 1  # the last half day of AS_OF
    ends, waiting = [], [0] * len(STEPS)
    for who in "abc":
        own = sorted(
            ((STEPS.index(e[1]), e[2], e[3]) for e in events
             if e[0] == who and e[1] in STEPS and e[2] <= end),
            key=lambda e: (e[1], e[0]),
        )  # fmt: skip
        closed, every, hope = [], [], False
        for begin, (_, moment, where) in enumerate(own):
            if shop != "all" and where != shop:
                continue
            done, alive = attempt(own, begin, mode, window)
            late = window is not None and moment + 2 * window > end + 0.999
            hope = hope or (late and alive and (mode == "any" or bool(done)))
            tried = [when - moment for when in done]
            every.append(tried)
            if not late:
                closed.append(tried)
        best = max(closed if drop else every, key=len, default=[])
        if best:
            ends.append(best)
            if hope and not drop and len(best) < len(STEPS):
                waiting[len(best) - 1] += 1
        elif drop and max(every, key=len, default=[]):
            waiting[len(max(every, key=len)) - 1] += 1
    return ends, waiting


def oracle(events, mode, window, drop=False, shop="all"):
    ends, waiting = furthest(events, mode, window, drop, shop)
    counts = [sum(len(done) > k for done in ends) for k in range(len(STEPS))]
    rows = []
    for k, n in enumerate(counts):
        rates, bounds = [], []
        for of in (counts[max(k - 1, 0)], counts[0]):
            rates.append(n / of if of else np.nan)
            some = of and k
            bounds += proportion_confint(n, of, 0.05, "wilson") if some else (np.nan, np.nan)
        if k == 0:
            rates[0] = np.nan
        days = [done[k] / 2 for done in ends if len(done) > k]
        rows.append(
            [STEPS[k], k + 1, n, *rates, bounds[2], bounds[3], bounds[0], bounds[1],
             median(days) if days else np.nan, np.nan if window is None else waiting[k]]
        )  # fmt: skip
    return rows


NAMES = [
    "step", "place", "customers", "rate_from_previous", "rate_from_first", "lower", "upper",
    "previous_lower", "previous_upper", "median_days", "pending",
]  # fmt: skip


def check(got, want):
    assert got["step"].tolist() == [row[0] for row in want]
    numbers = got[NAMES[1:]].astype("Float64").astype("float64").to_numpy(na_value=np.nan)
    np.testing.assert_allclose(numbers, np.array([row[1:] for row in want], float), atol=1e-9)


def quiet(function, *tables, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)  # some tables lack a step
        return function(*tables, **options)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=120, deadline=None)
@given(events=EVENTS, window=WINDOWS, drop=st.booleans(), seed=st.integers(0, 9))
def test_oracle(plain, mode, events, window, drop, seed):
    drop = drop and window is not None
    table = pl.from_arrow(columns(events)).sample(fraction=1, shuffle=True, seed=seed)
    got = quiet(
        crm.kpi.funnel, table, steps=STEPS, window_days=window, as_of=AS_OF,
        unfinished="drop" if drop else "keep", **MODES[mode],
    )  # fmt: skip
    assert got.columns == NAMES
    check(plain(got), oracle(events, mode, window, drop))
    counts = got["customers"].to_list()
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60, deadline=None)
@given(events=EVENTS, window=WINDOWS, drop=st.booleans())
def test_groups_are_those_of_the_first_event(plain, mode, events, window, drop):
    drop = drop and window is not None
    got = quiet(
        crm.kpi.funnel, pl.from_arrow(columns(events)), steps=STEPS, window_days=window,
        as_of=AS_OF, unfinished="drop" if drop else "keep", by="shop", **MODES[mode],
    )  # fmt: skip
    begins = STEPS if mode == "any" else STEPS[:1]
    shops = {e[3] for e in events if e[1] in begins and e[2] < 10}
    shops = sorted(shops, key=lambda shop: (shop is None, shop))
    assert got["shop"].to_list() == [shop for shop in shops for _ in STEPS]
    for place, shop in enumerate(shops):
        check(plain(got[3 * place : 3 * place + 3]), oracle(events, mode, window, drop, shop))


@settings(max_examples=10, deadline=None)
@given(events=EVENTS, window=st.sampled_from([None, 1.5]))
def test_every_engine(make_eager, plain, events, window):
    table = make_eager(columns(events))
    got = quiet(crm.kpi.funnel, table, steps=STEPS, window_days=window, as_of=AS_OF)
    assert isinstance(got, type(table))
    check(plain(got), oracle(events, "strict", window))
    made = quiet(
        crm.kpi.conversion_rate, table, start="view", goal="buy", window_days=window, as_of=AS_OF
    )
    assert isinstance(made, type(table))


@settings(max_examples=60, deadline=None)
@given(events=EVENTS, window=WINDOWS, drop=st.booleans())
def test_conversion_is_a_loose_funnel_of_two_steps(plain, events, window, drop):
    options = {"window_days": window, "as_of": AS_OF, "by": "shop"}
    options["unfinished"] = "drop" if drop and window is not None else "keep"
    table = pl.from_arrow(columns(events)).filter(pl.col("event") != "cart")
    rate = plain(quiet(crm.kpi.conversion_rate, table, start="view", goal="buy", **options))
    steps = plain(quiet(crm.kpi.funnel, table, steps=["view", "buy"], strict=False, **options))
    second, first = steps[steps["place"] == 2], steps[steps["place"] == 1]
    assert rate["numerator"].tolist() == second["customers"].tolist()
    assert rate["denominator"].tolist() == first["customers"].tolist()
    for name, of in (("value", "rate_from_first"), ("lower", "lower"), ("upper", "upper")):
        np.testing.assert_array_equal(rate[name], second[of])
    waiting = first["pending"].array
    if options["unfinished"] == "drop":
        waiting = waiting + second["pending"].array
    assert rate["pending"].tolist() == waiting.tolist()


@settings(max_examples=40, deadline=None)
@given(events=EVENTS)
def test_wider_and_looser_is_never_less(events):
    table = pl.from_arrow(columns(events))
    for first, then in (("strict", "loose"), ("loose", "any")):
        for window, wider in ((0, 1), (1, 1.5), (1.5, None)):
            low, wide, loose = (
                quiet(
                    crm.kpi.funnel, table, steps=STEPS, window_days=days, as_of=AS_OF, **MODES[mode]
                )["customers"]
                for days, mode in ((window, first), (wider, first), (window, then))
            )
            assert (wide >= low).all()
            assert (loose >= low).all()


def shop(*events):
    """Return a table of customers, events and half days."""
    return pl.from_arrow(columns([(*event, "web") for event in events])).slice(1)


def test_a_later_attempt_counts():
    table = shop(("a", "view", 0), ("a", "view", 9), ("a", "cart", 10))
    got = crm.kpi.funnel(table, steps=["view", "cart"], window_days=1)
    # the first look is 5 days before the cart, the second half a day
    assert got["customers"].to_list() == [1, 1]
    assert got["median_days"].to_list() == [0.0, 0.5]


def test_of_several_attempts_as_far_the_earliest_counts():
    table = shop(("a", "view", 0), ("a", "view", 1), ("a", "cart", 2))
    assert crm.kpi.funnel(table, steps=["view", "cart"])["median_days"].to_list() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("options", "customers"),
    [({}, [3, 2, 1]), ({"strict": False}, [3, 3, 2]), ({"any_order": True}, [3, 3, 3])],
)
def test_three_kinds_of_order(options, customers):
    table = shop(
        ("a", "view", 0), ("a", "ticket", 1), ("a", "cart", 2), ("a", "cart", 3), ("a", "buy", 4),
        ("b", "view", 0), ("b", "cart", 1), ("b", "view", 2), ("b", "buy", 3),
        ("c", "view", 1), ("c", "buy", 2), ("c", "cart", 3),
    )  # fmt: skip
    # by hand. strict: a 3, b 2 (a view between), c 1 (buy before cart); loose: a 3, b 3, c 2
    got = crm.kpi.funnel(table, steps=STEPS, **options)
    assert got["customers"].to_list() == customers


def test_one_moment_is_taken_in_the_order_of_the_steps():
    table = shop(("a", "buy", 0), ("a", "cart", 0), ("a", "view", 0))
    for options in MODES.values():
        got = crm.kpi.funnel(table, steps=STEPS, window_days=0, **options)
        assert got["customers"].to_list() == [1, 1, 1]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_windows_are_exact_to_the_unit(unit):
    # 90 minutes are 0.0625 days; a second more is too late, whatever the unit of the column
    moments = ["2026-01-01 08:00:00", "2026-01-01 09:30:00", "2026-01-01 08:00:00"]
    moments.append("2026-01-01 09:30:01")
    table = pd.DataFrame(
        {
            "customer_id": list("aabb"),
            "event": ["view", "buy"] * 2,
            "date": pd.to_datetime(moments).astype(f"datetime64[{unit}]"),
        }
    )
    got = crm.kpi.funnel(table, steps=["view", "buy"], window_days=0.0625)
    assert got["customers"].tolist() == [2, 1]
    assert got["median_days"].tolist() == [0.0, 0.0625]
    late = crm.kpi.funnel(table, steps=["view", "buy"], window_days=1 / 16 + 1 / 86400)
    assert late["customers"].tolist() == [2, 2]


def test_columns_of_days_have_windows_of_whole_days():
    days = pa.table({
        "customer_id": ["a", "a", "b", "b"],
        "event": ["view", "buy"] * 2,
        "date": pa.array([date(2026, 1, d) for d in (1, 2, 1, 3)]),
    })  # fmt: skip
    for days_long, customers in ((0.9, 0), (1, 1), (1.9, 1), (2, 2)):
        got = crm.kpi.funnel(days, steps=["view", "buy"], window_days=days_long)
        assert got["customers"].to_pylist() == [2, customers]


def test_pending_may_yet_come_further():
    table = shop(
        ("a", "view", 0), ("b", "view", 7), ("b", "cart", 8), ("c", "view", 8), ("c", "buy", 9),
        ("d", "view", 6), ("d", "cart", 7), ("d", "buy", 8),
    )  # fmt: skip
    options = {"steps": STEPS, "window_days": 3, "as_of": AS_OF}
    got = crm.kpi.funnel(table, **options)
    # b waits at the cart; c has skipped it and must begin anew; a had three days; d is there
    assert got["customers"].to_list() == [4, 2, 1]
    assert got["pending"].to_list() == [0, 1, 0]
    assert crm.kpi.funnel(table, strict=False, **options)["pending"].to_list() == [1, 1, 0]
    # dropped, only a began early enough: the window of the others was not over
    got = crm.kpi.funnel(table, unfinished="drop", **options)
    assert got["customers"].to_list() == [1, 0, 0]
    assert got["pending"].to_list() == [1, 1, 1]
    without = crm.kpi.funnel(table, steps=STEPS)
    assert without["pending"].to_list() == [None] * 3


def test_dropping_unfinished_attempts_finds_the_true_rate():
    # half of the customers buy, each a day to ten days after a look: 0.5 within ten days
    rng = np.random.default_rng(3)
    n = 20_000
    looked = rng.integers(0, 30, n)
    bought = rng.random(n) < 0.5
    when = looked + rng.integers(1, 11, n)
    table = pd.DataFrame(
        {
            "customer_id": np.concatenate([np.arange(n), np.flatnonzero(bought)]),
            "event": ["view"] * n + ["buy"] * int(bought.sum()),
            "date": np.datetime64("2026-01-01", "us")
            + np.concatenate([looked, when[bought]]).astype("m8[D]"),
        }
    )
    options = {"start": "view", "goal": "buy", "window_days": 10, "as_of": "2026-01-30"}
    kept = crm.kpi.conversion_rate(table, **options).iloc[0]
    dropped = crm.kpi.conversion_rate(table, unfinished="drop", **options).iloc[0]
    # the last ten days hold a third of the looks, of which half of the buyers are still missing
    assert kept["value"] == pytest.approx(0.5 * (1 - 5.5 / 30), abs=0.01)
    assert dropped["value"] == pytest.approx(0.5, abs=0.015)
    assert dropped["denominator"] + dropped["pending"] == n
    assert kept["denominator"] == n


def test_many_customers_with_fine_moments_are_sorted_too():
    # customer, moment and step together need more than 63 bits: 20 + 45 + 1
    rng = np.random.default_rng(5)
    n = 4_000
    table = pd.DataFrame(
        {
            "customer_id": rng.choice([0, 1, 2**20 - 1, 77], n).astype(str),
            "event": rng.choice(["view", "buy"], n),
            "date": np.datetime64("2025-01-01", "us")
            + rng.integers(0, 365 * 86_400_000_000, n).astype("m8[us]"),
        }
    )
    customer = rng.integers(0, 2**20, n)
    moment = rng.integers(0, 2**45, n)
    place = rng.integers(0, 2, n).astype(np.int8)
    # all different, many a moment apart by their low bits alone, and few that fit at once
    for ticks in (moment, moment % 7, moment % 7 + 2**44, moment << 17, moment // 10**9):
        order = np.lexsort((place, ticks, customer))
        got = _row_order.in_order([customer, ticks, place])
        for values, column in zip(got, (customer, ticks, place), strict=True):
            np.testing.assert_array_equal(values, column[order])
    got = crm.kpi.funnel(table, steps=["view", "buy"], window_days=0.01, as_of="2025-12-31")
    rounded = crm.kpi.funnel(
        table.assign(date=table["date"].astype("datetime64[ns]")),
        steps=["view", "buy"], window_days=0.01, as_of="2025-12-31",
    )  # fmt: skip
    pd.testing.assert_frame_equal(got, rounded)


def test_many_steps_and_many_years():
    # 130 steps are more than a byte counts, and the seconds of 120 years more than 31 bits do
    n = 130
    days = pd.date_range("1900-01-01", periods=n, freq="YS").astype("datetime64[us]")
    table = pd.DataFrame({"customer_id": "a", "event": np.arange(n), "date": days})
    both = pd.concat([table, table.assign(customer_id="b")])
    for options in MODES.values():
        got = crm.kpi.funnel(both, steps=range(n), window_days=50_000, **options)
        assert got["customers"].tolist() == [2] * n
        assert got["median_days"].tolist() == (days - days[0]).days.tolist()
    got = crm.kpi.funnel(both, steps=range(n), window_days=50_000, by="customer_id")
    assert got["median_days"].iloc[-1] == (days[-1] - days[0]).days


def test_steps_may_be_numbers(make_eager, plain):
    table = make_eager(
        {
            "customer_id": [1, 1, 2],
            "event": [10, 20, 10],
            "date": pa.array([START, START + HALF, START]),
        }
    )
    got = plain(crm.kpi.funnel(table, steps=[10, 20]))
    assert got["step"].tolist() == [10, 20]
    assert got["customers"].tolist() == [2, 1]
    rate = plain(crm.kpi.conversion_rate(table, start=10, goal=20))
    assert rate["value"].tolist() == [0.5]


def test_what_is_left_out_is_said(make_eager):
    table = make_eager(
        {
            "customer_id": ["a", "a", "b"],
            "event": ["view", None, "cart"],
            "date": pa.array([START] * 3),
        }
    )
    with pytest.warns(CrmlyticsWarning) as caught:
        crm.kpi.funnel(table, steps=["veiw", "cart", "purchase"])
    assert [str(one.message) for one in caught] == [
        "funnel: 'veiw' (steps), 'purchase' (steps) never occur in 'event' (event_col) of events. "
        "Did you mean 'view'?",
        "funnel: 1 of 3 rows have no 'event' (event_col) and are left out.",
    ]
    with pytest.warns(CrmlyticsWarning) as caught:
        crm.kpi.conversion_rate(table, start="view", goal="carts")
    assert str(caught[0].message) == (
        "conversion_rate: 'carts' (goal) never occurs in 'event' (event_col) of events. "
        "Did you mean 'cart'?"
    )


def test_no_rows_and_no_events(make_eager, plain):
    none = make_eager(columns([]).slice(1))
    got = plain(quiet(crm.kpi.funnel, none, steps=STEPS, as_of=AS_OF))
    assert got["customers"].tolist() == [0, 0, 0]
    assert got[["rate_from_first", "lower", "upper", "median_days"]].isna().all(axis=None)
    assert not len(quiet(crm.kpi.funnel, none, steps=STEPS, as_of=AS_OF, by="shop"))
    empty = columns([]).set_column(1, "event", pa.nulls(1, pa.string()))
    got = quiet(crm.kpi.funnel, make_eager(empty), steps=STEPS, window_days=1, any_order=True)
    assert plain(got)["customers"].tolist() == [0, 0, 0]
    with pytest.raises(DataError, match=r"^funnel: events has no rows, so as_of"):
        crm.kpi.funnel(none, steps=STEPS)


CONTACT = st.tuples(
    st.sampled_from("abcd"), st.integers(0, 5), st.sampled_from([0, 1, None]),
    st.sampled_from(["mail", "sms"]),
)  # fmt: skip


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.bool_()])
@settings(max_examples=6, deadline=None)
@given(contacts=st.lists(CONTACT, min_size=1, max_size=15))
def test_contacts(make_eager, plain, kind, contacts):
    table = make_eager(
        {
            "customer_id": [c[0] for c in contacts],
            "date": pa.array([START + c[1] * HALF * 2 for c in contacts]),
            "converted": pa.array([c[2] for c in contacts], pa.int64()).cast(kind),
            "channel": [c[3] for c in contacts],
        }
    )
    last = max(min(c[1] for c in contacts), 3)
    got = plain(
        quiet(
            crm.kpi.conversion_rate, table, by="channel",
            as_of=START + last * HALF * 2,
        )
    )  # fmt: skip
    want = []
    for channel in sorted({c[3] for c in contacts if c[1] <= last}):
        known = [c for c in contacts if c[3] == channel and c[2] is not None and c[1] <= last]
        top, bottom = len({c[0] for c in known if c[2]}), len({c[0] for c in known})
        bounds = proportion_confint(top, bottom, 0.05, "wilson") if bottom else (np.nan, np.nan)
        want.append([channel, top / bottom if bottom else np.nan, *bounds, top, bottom])
    assert got["channel"].tolist() == [row[0] for row in want]
    numbers = got[["value", "lower", "upper", "numerator", "denominator"]].astype("float64")
    np.testing.assert_allclose(numbers, np.array([row[1:] for row in want], float), atol=1e-9)
    assert got["pending"].isna().all()


def test_contacts_without_an_outcome_are_said(make_eager, plain):
    table = make_eager({"customer_id": [1, 1, 2, 3], "converted": [None, 1, 0, None]})
    with pytest.warns(CrmlyticsWarning, match="2 of 4 rows have no 'converted'"):
        got = plain(crm.kpi.conversion_rate(table))
    assert got[["value", "numerator", "denominator"]].iloc[0].tolist() == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"steps": "view"}, OptionError, "steps must be a list of two or more different events"),
        ({"steps": ["view"]}, OptionError, "steps must be a list of two or more"),
        ({"steps": ["view", "view"]}, OptionError, r"got \['view', 'view'\]"),
        ({"steps": ["view", 3]}, OptionError, "steps must be"),
        ({"steps": [1, True]}, OptionError, "steps must be"),
        ({"steps": None}, OptionError, "steps must be"),
        ({"steps": {"view", "cart"}}, OptionError, "steps must be a list"),
        ({"window_days": -1}, OptionError, "window_days must be a number of 0 or more; got -1"),
        ({"window_days": "30"}, OptionError, "window_days must be a number"),
        ({"strict": 1}, OptionError, "strict must be True or False"),
        ({"any_order": "yes"}, OptionError, "any_order must be True or False"),
        ({"unfinished": "dropp"}, OptionError, "Did you mean unfinished='drop'"),
        ({"unfinished": "drop"}, OptionError, "Set window_days, such as window_days=30"),
        ({"confidence": 95}, OptionError, "confidence must lie between 0 and 1"),
        ({"as_of": "2025-01-01"}, OptionError, "as_of 2025-01-01 is before the first date"),
        ({"event_col": "evnt"}, ColumnError, "Did you mean event_col='event'"),
        ({"by": "event", "event_col": "shop"}, None, ""),
    ],
)
def test_refusals_of_funnel(options, error, sentence):
    table = shop(("a", "view", 0), ("a", "cart", 1))
    call = {"steps": ["view", "cart"]} | options
    if error is None:
        assert len(quiet(crm.kpi.funnel, table, **call)) == 0
        return
    with pytest.raises(error, match=f"^funnel: .*{sentence}"):
        crm.kpi.funnel(table, **call)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"start": "view"}, OptionError, "goal must be an event, such as 'purchase', where the"),
        ({"goal": "buy"}, OptionError, "start must be an event"),
        ({"start": "view", "goal": ["buy"]}, OptionError, r"goal must .* got \['buy'\]"),
        ({"start": "view", "goal": True}, OptionError, "goal must be an event"),
        ({"start": "buy", "goal": "buy"}, OptionError, "must be different events; both are 'buy'"),
        ({"window_days": 3}, OptionError, "window_days is the time from start to goal"),
        ({"unfinished": "drop"}, OptionError, "Set window_days"),
        ({}, ColumnError, r"no column 'converted' \(converted_col\)"),
        ({"converted_col": "shop"}, ColumnError, "holds String, not 0 and 1 or True and False"),
        ({"converted_col": "score"}, DataError, "1 of 2 values .* neither 0 nor 1, such as 2"),
    ],
)
def test_refusals_of_conversion(options, error, sentence):
    table = shop(("a", "view", 0), ("a", "cart", 1)).with_columns(score=pl.Series([0, 2]))
    with pytest.raises(error, match=f"^conversion_rate: .*{sentence}"):
        crm.kpi.conversion_rate(table, **options)
