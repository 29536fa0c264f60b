# ruff: noqa: DTZ001 - the dates of tables are naive
"""Tickets, complaints, contacts and channels against statsmodels, plain pandas and loops."""

from datetime import date, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from statsmodels.duration.survfunc import SurvfuncRight, survdiff
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError
from crmlytics.kpi._channels import CHANNELS
from crmlytics.kpi._contacts import MIX
from crmlytics.kpi._response import RESPONSE
from crmlytics.kpi._service import COMPLAINTS

approx = pytest.approx
START = datetime(2026, 3, 2, 8)
FEW = settings(max_examples=7, deadline=None)  # for each of six engines
Z = 1.959963984540054  # R: qnorm(0.975)
MOMENT = pa.timestamp("us")


def moment(minutes):
    return None if minutes is None else START + timedelta(minutes=minutes)


def tickets(rows):
    """Columns of (group, opened, waited for an answer, waited for the end), in minutes."""
    opened = [moment(row[1]) for row in rows]

    def after(place):
        return [
            None if row[1] is None or row[place] is None else moment(row[1] + row[place])
            for row in rows
        ]

    return pa.table({
        "team": pa.array([row[0] for row in rows], pa.string()),
        "opened_at": pa.array(opened, MOMENT),
        "first_response_at": pa.array(after(2), MOMENT),
        "resolved_at": pa.array(after(3), MOMENT),
    })  # fmt: skip


WAIT = st.one_of(st.none(), st.integers(0, 40).map(lambda each: 60 * each))
TICKET = st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 3_000), WAIT, WAIT)
TICKETS = st.lists(TICKET, min_size=1, max_size=25)


def waits(rows, measure, end):
    """Waits in minutes and whether they are over, by the definition: a plain loop."""
    times, over = [], []
    for _, opened, answered, resolved in rows:
        if opened > end:
            continue
        done = [resolved] if measure == "resolution" else [answered, resolved]
        done = [wait for wait in done if wait is not None and opened + wait <= end]
        times.append(min(done) if done else end - opened)
        over.append(bool(done))
    return np.array(times), np.array(over)


def last_minute(rows):
    moments = [r[1] + wait for r in rows for wait in (0, r[2], r[3]) if wait is not None]
    return max(moments)


@FEW
@given(rows=TICKETS)
def test_response_times_against_statsmodels(make_eager, plain, rows):
    answer = plain(crm.kpi.response_times(make_eager(tickets(rows)), sla_hours=8))
    assert list(answer.columns) == list(RESPONSE)
    assert answer["measure"].tolist() == ["first_response", "resolution"]
    for _, row in answer.iterrows():
        times, over = waits(rows, row["measure"], last_minute(rows))
        assert row["n"] == len(rows)
        assert row["open"] == np.count_nonzero(~over)
        if not over.any():
            assert pd.isna(row["median_hours"])
            continue
        curve = SurvfuncRight(times, over.astype(int))
        for name, left in (("median_hours", 0.5), ("p90_hours", 0.1)):
            under = curve.surv_times[curve.surv_prob <= left + 1e-12]
            assert (row[name] == approx(under[0] / 60)) if len(under) else pd.isna(row[name])
        done = curve.surv_prob[curve.surv_times <= 480]
        share = 1 - (done[-1] if len(done) else 1.0)
        if times.max() >= 480 or share > 1 - 1e-12:
            assert row["within_sla"] == approx(share, abs=1e-12)
            assert row["sla_lower"] <= row["within_sla"] + 1e-12
            assert row["sla_upper"] >= row["within_sla"] - 1e-12
        else:
            assert pd.isna(row["within_sla"])


@settings(max_examples=40, deadline=None)
@given(rows=TICKETS)
def test_test_between_groups_against_statsmodels(plain, rows):
    rows = [row for row in rows if row[0] is not None]
    if not rows:
        return
    answer = plain(crm.kpi.response_times(tickets(rows).to_pandas(), by="team"))
    for measure, own in answer.groupby("measure"):
        times, over = waits(rows, measure, last_minute(rows))
        teams = [row[0] for row in rows]
        if len(set(teams)) < 2 or not over.any() or pd.isna(own["chi2"].iloc[0]):
            assert own[["chi2", "degrees_of_freedom", "p_value"]].isna().all(axis=None)
            continue
        statistic, p = survdiff(times, over.astype(int), np.array(teams))
        assert own["chi2"].tolist() == approx([statistic] * len(own), abs=1e-8)
        assert own["p_value"].tolist() == approx([p] * len(own), abs=1e-8)
        assert own["degrees_of_freedom"].tolist() == [1, 1]


@FEW
@given(rows=TICKETS)
def test_by_equals_each_group_alone(make_eager, plain, rows):
    as_of = date(2026, 3, 4)
    table = tickets([*rows, ("a", 0, None, None), ("b", 0, 60, None)])
    whole = plain(crm.kpi.response_times(make_eager(table), as_of=as_of, by="team", sla_hours=4))
    rate = plain(crm.kpi.resolution_rate(make_eager(table), as_of=as_of, by="team"))
    for team in ("a", "b"):
        part = table.filter(pa.compute.equal(table["team"], team))
        alone = plain(crm.kpi.response_times(make_eager(part), as_of=as_of, sla_hours=4))
        own = whole[whole["team"] == team].reset_index(drop=True)
        kept = [name for name in RESPONSE if name not in {"chi2", "degrees_of_freedom", "p_value"}]
        pd.testing.assert_frame_equal(own[kept], alone[kept])
        alone = plain(crm.kpi.resolution_rate(make_eager(part), as_of=as_of))
        own = rate[rate["team"] == team].reset_index(drop=True)
        pd.testing.assert_frame_equal(own.drop(columns="team"), alone)


@FEW
@given(rows=TICKETS, within=st.sampled_from([None, 2, 10]))
def test_resolution_rate_is_a_count(make_eager, plain, rows, within):
    got = plain(crm.kpi.resolution_rate(make_eager(tickets(rows)), within_hours=within)).iloc[0]
    ends = [r[1] + wait for r in rows for wait in (0, r[3]) if wait is not None]
    end, limit = max(ends), None if within is None else 60 * within
    counted = [r for r in rows if limit is None or r[1] + limit <= end]
    good = [r for r in counted if r[3] is not None and (limit is None or r[3] <= limit)]
    assert got["numerator"] == len(good)
    assert got["denominator"] == len(counted)
    assert got["n_pending"] == len(rows) - len(counted)
    assert got["n_open"] == sum(r[3] is None for r in rows)
    if counted:
        lower, upper = proportion_confint(len(good), len(counted), 0.05, "wilson")
        assert got[["value", "lower", "upper"]].tolist() == approx(
            [len(good) / len(counted), lower, upper], abs=1e-12
        )
    else:
        assert got[["value", "lower", "upper"]].isna().all()


def test_open_tickets_count_as_long_as_they_have_waited(plain):
    # nine answered after an hour, eleven still open after a day: nobody knows the median yet
    rows = [("a", 0, 60, None)] * 9 + [("a", 0, None, None)] * 11
    got = plain(crm.kpi.response_times(tickets(rows).to_pandas(), as_of=date(2026, 3, 3)))
    first = got.iloc[0]
    assert first[["n", "open"]].tolist() == [20, 11]
    assert pd.isna(first["median_hours"])
    # a ticket opened an hour before the end says nothing of later hours
    rows = [("a", 0, 60, None)] * 2 + [("a", 0, 600, None)] + [("a", 598, None, None)] * 5
    got = plain(crm.kpi.response_times(tickets(rows).to_pandas(), as_of=None))
    # at risk 3 with 60 minutes (the five were watched for 2), so S = 1/3 after them
    assert got.iloc[0]["median_hours"] == 1.0


def test_the_clock_stops_at_the_end_of_the_day(plain):
    rows = [("a", 0, 60, None), ("a", 0, 60 * 20, None), ("a", 60 * 24, 1, 1)]
    table = tickets(rows).to_pandas()
    got = plain(crm.kpi.response_times(table, as_of="2026-03-02", sla_hours=15.9))
    # opened at 8, the answer at 4 in the night is of the day after; the third is opened then
    assert got["n"].tolist() == [2, 2]
    assert got["open"].tolist() == [1, 2]
    assert got["within_sla"].tolist() == [0.5, 0.0]
    assert plain(crm.kpi.response_times(table, as_of="2026-03-02", sla_hours=16.1))[
        "within_sla"
    ].isna().all()  # fmt: skip
    assert plain(crm.kpi.response_times(table, as_of="2026-03-03"))["open"].tolist() == [0, 2]
    with pytest.raises(OptionError, match="as_of 2026-03-01 is before the first ticket of intera"):
        crm.kpi.response_times(table, as_of="2026-03-01")


def test_without_a_day_the_clock_stops_at_the_last_moment(plain):
    rows = [("a", 0, 60, None), ("a", 30, None, None)]
    # the second had waited half an hour when the first was answered: too short to be at risk
    got = plain(crm.kpi.response_times(tickets(rows).to_pandas(), sla_hours=1)).iloc[0]
    assert got[["median_hours", "within_sla"]].tolist() == [1.0, 1.0]


def test_a_resolution_is_an_answer(plain):
    rows = [("a", 0, None, 120), ("a", 0, 600, 60)]
    table = tickets(rows).to_pandas()
    got = plain(crm.kpi.response_times(table)).iloc[0]
    assert got[["open", "median_hours", "p90_hours"]].tolist() == [0, 1.0, 2.0]
    # answers alone
    got = plain(crm.kpi.response_times(table, resolved_col=None))
    assert got["measure"].tolist() == ["first_response"]
    assert got["open"].tolist() == [1]
    got = plain(crm.kpi.response_times(table.drop(columns="first_response_at"), answered_col=None))
    assert got["measure"].tolist() == ["resolution"]


def test_limits_of_each_measure(plain):
    rows = [("a", 0, 60, 120), ("a", 0, 180, 240), ("a", 0, 180, 600)]
    table = tickets(rows).to_pandas()
    limits = {"first_response": 1, "resolution": 4}
    got = plain(crm.kpi.response_times(table, sla_hours=limits))
    assert got["within_sla"].tolist() == approx([1 / 3, 2 / 3])
    got = plain(crm.kpi.response_times(table, sla_hours={"resolution": 10}))
    assert pd.isna(got["within_sla"][0])
    # all within: Wilson's of 3 of 3, as the curve has no interval there
    bounds = proportion_confint(3, 3, 0.05, "wilson")
    assert got.loc[1, ["sla_lower", "sla_upper"]].tolist() == approx(bounds)
    got = plain(crm.kpi.response_times(table, sla_hours=0))
    assert got["within_sla"].tolist() == [0.0, 0.0]
    assert got["sla_upper"].tolist() == approx([proportion_confint(0, 3, 0.05, "wilson")[1]] * 2)
    # 0.1 hours are 6 minutes, whatever the last bits of 0.1 say
    exact = tickets([("a", 0, 6, 7)]).to_pandas()
    got = plain(crm.kpi.response_times(exact, sla_hours=0.1))
    assert got["within_sla"].tolist()[0] == 1.0


def test_waits_of_no_length(plain):
    got = plain(crm.kpi.response_times(tickets([("a", 0, 0, 0)] * 3).to_pandas(), sla_hours=1))
    assert got["median_hours"].tolist() == [0.0, 0.0]
    assert got["within_sla"].tolist() == [1.0, 1.0]


def test_rows_that_are_no_tickets_are_left_out(make_eager, plain):
    rows = [("a", 0, 60, None), ("b", None, None, None), ("a", None, None, None)]
    got = plain(crm.kpi.response_times(make_eager(tickets(rows)), by="team"))
    assert got["team"].tolist() == ["a", "a"]
    assert got["n"].tolist() == [1, 1]
    none = make_eager(tickets(rows[1:]))
    assert len(plain(crm.kpi.response_times(none))) == 0
    got = plain(crm.kpi.resolution_rate(none))
    assert got["denominator"].tolist() == [0]
    assert got["value"].isna().all()


def test_answers_without_an_opening_are_told():
    table = tickets([("a", 0, 60, None), ("a", 5, None, 10)]).to_pandas()
    table.loc[1, "opened_at"] = pd.NaT
    with pytest.warns(CrmlyticsWarning, match="response_times: 1 of 2 rows of interactions have"):
        got = crm.kpi.response_times(table)
    assert got["n"].tolist() == [1, 1]


@pytest.mark.parametrize("make", [lambda t: t, pl.from_pandas, pa.Table.from_pandas])
def test_hours_across_the_change_of_clocks(make):
    # in Berlin clocks went from 2:00 to 3:00 on 29 March 2026: 23:00 to 4:00 are four hours
    zone = "Europe/Berlin"
    table = pd.DataFrame({
        "opened_at": pd.to_datetime(["2026-03-28 23:00"] * 2).tz_localize(zone),
        "first_response_at": pd.to_datetime(["2026-03-29 04:00", None]).tz_localize(zone),
        # in another zone, the same moment
        "resolved_at": pd.to_datetime(["2026-03-29 02:00", None]).tz_localize("UTC"),
    })  # fmt: skip
    answer = crm.kpi.response_times(make(table), as_of="2026-03-29", sla_hours=24)
    got = answer if isinstance(answer, pd.DataFrame) else pl.DataFrame(answer).to_pandas()
    assert got["median_hours"].tolist() == [4.0, 4.0]
    # the day ends 24 hours after 23:00, for it had 23: known
    assert got["within_sla"].tolist() == [0.5, 0.5]
    later = crm.kpi.response_times(make(table), as_of="2026-03-29", sla_hours=24.01)
    later = later if isinstance(later, pd.DataFrame) else pl.DataFrame(later).to_pandas()
    assert later["within_sla"].isna().all()


@pytest.mark.parametrize("zone", ["America/New_York", "+03:30", "UTC"])
def test_the_day_ends_in_the_zone_of_the_table(make_eager, plain, zone):
    if make_eager.__name__ == "_polars" and zone[0] == "+":
        pytest.skip("Polars has no such zones")
    opened = pa.array([datetime(2026, 3, 2, 22), datetime(2026, 3, 3, 1)], MOMENT)
    local = pa.compute.assume_timezone(opened.cast(pa.timestamp("us")), "Etc/GMT")
    shift = {"America/New_York": 300, "+03:30": -210, "UTC": 0}[zone]  # minutes behind
    moments = pa.compute.add(local.cast(MOMENT), timedelta(minutes=shift))
    table = make_eager(pa.table({
        "opened_at": moments.cast(pa.timestamp("us", zone)),
        "resolved_at": pa.array([None, None], pa.timestamp("us", zone)),
    }))  # fmt: skip
    got = plain(crm.kpi.response_times(table, as_of="2026-03-02", answered_col=None, sla_hours=2))
    assert got[["n", "open", "within_sla"]].iloc[0].tolist() == [1, 1, 0.0]
    got = plain(crm.kpi.response_times(table, as_of="2026-03-02", answered_col=None, sla_hours=2.1))
    assert got["within_sla"].isna().all()


def test_more_groups_than_can_be_tested(plain):
    rows = [(str(k), 0, 60, None) for k in range(501)]
    got = plain(crm.kpi.response_times(tickets(rows).to_pandas(), by="team"))
    assert got["chi2"].isna().all()
    assert (got["n"] == 1).all()


def test_dates_alone_are_midnights(plain):
    table = pa.table({
        "opened_at": pa.array([date(2026, 3, 2)] * 2, pa.date32()),
        "resolved_at": pa.array([date(2026, 3, 4), None], pa.date32()),
    })  # fmt: skip
    got = plain(crm.kpi.response_times(table, answered_col=None))
    assert got["median_hours"].tolist() == [48.0]


BAD = [
    ({"opened_at": "2026-03-02 10:00", "first_response_at": "2026-03-02 09:00"}, DataError,
     r"1 of 1 tickets of interactions are answered before they are opened \('first_response_at', "
     r"'opened_at'\), as one answered 2026-03-02 09:00:00 and opened 2026-03-02 10:00:00\. Corr"),
    ({"opened_at": "2026-03-02 10:00", "resolved_at": "2026-03-01 10:00"}, DataError,
     "1 of 1 tickets of interactions are resolved before they are opened"),
    ({"opened_at": "2026-03-02 10:00+00:00", "resolved_at": "2026-03-02 11:00"}, DataError,
     r"\['opened_at'\] have a time zone and \['resolved_at'\] have none"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "error", "sentence"), BAD)
def test_bad_moments(row, error, sentence):
    columns = ("opened_at", "first_response_at", "resolved_at")
    moments = {name: [pd.Timestamp(row[name])] if name in row else pd.NaT for name in columns}
    table = pd.DataFrame(moments)
    with pytest.raises(error, match=f"^response_times: .*{sentence}"):
        crm.kpi.response_times(table)
    if "resolved_at" in row:
        with pytest.raises(error, match=f"^resolution_rate: .*{sentence}"):
            crm.kpi.resolution_rate(table)


def test_bad_options():
    table = tickets([("a", 0, 60, None)]).to_pandas()
    with pytest.raises(OptionError, match=r"a key of sla_hours must be one of .* 'answer'"):
        crm.kpi.response_times(table, sla_hours={"answer": 4})
    with pytest.raises(OptionError, match=r"sla_hours\['resolution'\] must be a number from 0 to"):
        crm.kpi.response_times(table, sla_hours={"resolution": "4h"})
    with pytest.raises(OptionError, match="answered_col and resolved_col are both None"):
        crm.kpi.response_times(table, answered_col=None, resolved_col=None)
    with pytest.raises(ColumnError, match=r"'opened_at' \(opened_col\) holds String, not dates"):
        crm.kpi.response_times(table.assign(opened_at="2026-03-02"))
    with pytest.raises(DataError, match=r"response_times: interactions has no rows, so as_of has"):
        crm.kpi.response_times(table.head(0))
    assert len(crm.kpi.response_times(table.head(0), as_of="2026-03-02")) == 0


# --- complaints, contacts, channels


CONTACT = st.tuples(
    st.sampled_from("abcd"),
    st.sampled_from(["complaint", "view", "ticket", "odd", None]),
    st.integers(0, 9),
    st.sampled_from(["web", "phone", None]),
)
LINE = st.tuples(
    st.sampled_from("abce"),
    st.integers(1, 9),
    st.integers(0, 9),
    st.integers(-8, 40).map(lambda quarters: quarters / 4),
    st.sampled_from(["web", "store", None]),
)
CONTACTS = st.lists(CONTACT, min_size=1, max_size=20)
LINES = st.lists(LINE, min_size=1, max_size=20)
LAST = date(2026, 3, 8)  # after six of the ten days


def contacts(rows):
    opened = [moment(1440 * row[2]) if row[1] == "ticket" else None for row in rows]
    return pa.table({
        "customer_id": [row[0] for row in rows],
        "event": pa.array([row[1] for row in rows], pa.string()),
        "date": pa.array([moment(1440 * row[2]) for row in rows], MOMENT),
        "channel": pa.array([row[3] for row in rows], pa.string()),
        "opened_at": pa.array(opened, MOMENT),
        "first_response_at": pa.array([m and m + timedelta(hours=2) for m in opened], MOMENT),
        "resolved_at": pa.array([None] * len(rows), MOMENT),
    })  # fmt: skip


def sales(rows):
    return pa.table({
        "customer_id": [row[0] for row in rows],
        "order_id": [row[1] for row in rows],
        "date": pa.array([moment(1440 * row[2]) for row in rows], MOMENT),
        "amount": pa.array([row[3] for row in rows], pa.float64()),
        "channel": pa.array([row[4] for row in rows], pa.string()),
    })  # fmt: skip


def until(table):
    return table[table["date"] < "2026-03-09"]


def design(tops, bottoms, alone):
    """Variance by customers over that of independent events, at least 1; a plain loop."""
    n, rate = len(tops), sum(tops) / sum(bottoms)
    if n < 2 or not alone(rate):
        return 1.0
    spread = sum((t - rate * b) ** 2 for t, b in zip(tops, bottoms, strict=True))
    return max(n / (n - 1) * spread / sum(bottoms) ** 2 / alone(rate), 1.0)


def binomial(p, total):
    return p * (1 - p) / total


@pytest.mark.filterwarnings("ignore:complaint_rate. no row:crmlytics.errors.CrmlyticsWarning")
@FEW
@given(rows=CONTACTS, lines=LINES)
def test_complaint_rate_against_pandas(make_eager, plain, rows, lines):
    first = [(*rows[0][:2], 0, rows[0][3]), *rows[1:]]  # as_of may not lie before the data
    lines = [(*lines[0][:2], 0, *lines[0][3:]), *lines[1:]]
    tables = make_eager(contacts(first)), make_eager(sales(lines))
    seen = until(contacts(first).to_pandas())
    told = seen[seen["event"] == "complaint"].groupby("customer_id").size()
    bought = until(sales(lines).to_pandas()).query("amount >= 0")
    orders = bought.groupby("customer_id")["order_id"].nunique()
    by_order = plain(crm.kpi.complaint_rate(*tables, as_of=LAST)).iloc[0]
    by_customer = plain(crm.kpi.complaint_rate(*tables, as_of=LAST, per="customers")).iloc[0]
    assert list(by_order.index) == list(COMPLAINTS)
    n_orders = bought["order_id"].nunique()
    assert by_order["numerator"] == told.sum()
    assert by_order["denominator"] == n_orders
    both = told.index.intersection(orders.index)
    assert by_customer[["numerator", "denominator"]].tolist() == [len(both), len(orders)]
    assert by_order["n_without_orders"] == told.drop(both).sum()
    assert by_customer["n_without_orders"] == len(told) - len(both)
    if not n_orders:
        assert by_order[["value", "lower", "upper"]].isna().all()
        assert by_customer[["value", "lower", "upper"]].isna().all()
        return
    everybody = orders.index.union(told.index)
    tops, bottoms = (t.reindex(everybody, fill_value=0).tolist() for t in (told, orders))
    effect = design(tops, bottoms, lambda rate: rate / sum(bottoms))
    k, n = told.sum() / effect, n_orders / effect
    lower = chi2.ppf(0.025, 2 * k) / 2 / n if k else 0.0
    want = [told.sum() / n_orders, lower, chi2.ppf(0.975, 2 * k + 2) / 2 / n]
    assert by_order[["value", "lower", "upper"]].tolist() == approx(want, rel=1e-9)
    want = proportion_confint(len(both), len(orders), 0.05, "wilson")
    assert by_customer[["lower", "upper"]].tolist() == approx(want, abs=1e-12)


def test_garwood_numbers(plain):
    # Garwood (1936), Biometrika 28, table 1: 0 to 3.689 for 0, 0.242 to 7.225 for 2 events
    for k, bounds in [(0, [0.0, 3.689]), (2, [0.242, 7.225])]:
        rows = [(str(n), "complaint" if n < k else "view", 0, None) for n in range(50)]
        lines = [(str(n), n, 0, 1.0, None) for n in range(50)]
        tables = contacts(rows).to_pandas(), sales(lines).to_pandas()
        if not k:
            with pytest.warns(CrmlyticsWarning, match=r"no row .* \['complaint'\] .* \['view'\]"):
                got = crm.kpi.complaint_rate(*tables, as_of=LAST)
        else:
            got = crm.kpi.complaint_rate(*tables, as_of=LAST)
        got = plain(got).iloc[0]
        # customers with one complaint at most are spread like independent complaints: effect 1
        assert (50 * got[["lower", "upper"]]).tolist() == approx(bounds, abs=6e-4)


def test_coverage_of_complaints_per_order():
    # complaints come in bursts: 8 % of customers have 1 + Poisson(2) of them, so E = 0.24 a
    # customer; 2 orders each, rate 0.12
    rng = np.random.default_rng(3)
    covered, plain_covered, samples, size = 0, 0, 200, 200
    lines = pd.DataFrame({
        "customer_id": np.repeat(np.arange(size), 2), "order_id": range(2 * size), "date": START,
    })  # fmt: skip
    for _ in range(samples):
        each = np.where(rng.random(size) < 0.08, 1 + rng.poisson(2, size), 0)
        who = np.repeat(np.arange(size), each)
        told = pd.DataFrame({"customer_id": who, "event": "complaint", "date": START})
        got = crm.kpi.complaint_rate(told, lines, as_of=LAST).iloc[0]
        covered += got["lower"] <= 0.12 <= got["upper"]
        n = each.sum()
        plain_covered += (
            chi2.ppf(0.025, 2 * n) / 2 <= 0.12 * 2 * size <= chi2.ppf(0.975, 2 * n + 2) / 2
        )
    # one simulated error is 1.5 points
    assert covered / samples >= 0.92
    assert plain_covered / samples <= 0.85


@FEW
@given(rows=CONTACTS)
def test_contact_mix_against_pandas(make_eager, plain, rows):
    answer = plain(crm.kpi.contact_mix(make_eager(contacts(rows)), by="channel"))
    assert list(answer.columns) == ["channel", *MIX]
    table = contacts(rows).to_pandas()
    kinds = {"complaint": "restoration", "ticket": "restoration", "view": "creation"}
    table["kind"] = table["event"].map(kinds).fillna("unassigned")
    table["channel"] = table["channel"].fillna("none")
    assert len(answer) == 3 * table["channel"].nunique()
    assert answer["contacts"].sum() == len(rows)
    for _, row in answer.iterrows():
        own = table[table["channel"] == (row["channel"] if pd.notna(row["channel"]) else "none")]
        hits = own[own["kind"] == row["kind"]]
        assert row[["contacts", "customers"]].tolist() == [
            len(hits), hits["customer_id"].nunique()
        ]  # fmt: skip
        assert row["share"] == approx(len(hits) / len(own))
        bottoms = own.groupby("customer_id").size()
        tops = hits.groupby("customer_id").size().reindex(bottoms.index, fill_value=0)
        effect = design(tops.tolist(), bottoms.tolist(), partial(binomial, total=len(own)))
        want = proportion_confint(len(hits) / effect, len(own) / effect, 0.05, "wilson")
        assert row[["lower", "upper"]].tolist() == approx(want, abs=1e-9)


def test_contact_mix_of_many_small_groups():
    # as many possible pairs of group and customer as rows squared: none is laid out
    n = 200_000
    table = pd.DataFrame(
        {"customer_id": range(n), "event": "view", "date": START, "order_id": range(n)}
    )
    got = crm.kpi.contact_mix(table, by="order_id")
    assert len(got) == 3 * n
    assert got["contacts"].tolist() == [1, 0, 0] * n


def test_lists_of_events_are_the_callers(plain):
    table = contacts([("a", "view", 0, None), ("a", "odd", 0, None)]).to_pandas()
    got = plain(crm.kpi.contact_mix(table, restoration="odd", creation=[]))
    assert got["contacts"].tolist() == [0, 1, 1]
    with pytest.raises(OptionError, match=r"restoration and creation both have \['view'\]"):
        crm.kpi.contact_mix(table, restoration=["view"])
    with pytest.raises(OptionError, match="contact_mix: creation must be a list of events"):
        crm.kpi.contact_mix(table, creation=None)


@FEW
@given(rows=CONTACTS, lines=LINES)
def test_channel_table_against_pandas(make_eager, plain, rows, lines):
    rows = [(*rows[0][:2], 0, rows[0][3]), *rows[1:]]
    lines = [(*lines[0][:2], 0, *lines[0][3:]), *lines[1:]]
    got = plain(crm.kpi.channel_table(
        make_eager(contacts(rows)), make_eager(sales(lines)), as_of=LAST
    ))  # fmt: skip
    assert list(got.columns) == list(CHANNELS)
    told, sold = until(contacts(rows).to_pandas()), until(sales(lines).to_pandas())
    told["channel"], sold["channel"] = told["channel"].fillna("~"), sold["channel"].fillna("~")
    assert got["channel"].fillna("~").tolist() == sorted({*told["channel"], *sold["channel"]})
    for _, row in got.iterrows():
        name = row["channel"] if pd.notna(row["channel"]) else "~"
        own, lines_own = told[told["channel"] == name], sold[sold["channel"] == name]
        bought = lines_own[lines_own["amount"] >= 0]
        counts = {
            "contacts": len(own),
            "customers": own["customer_id"].nunique(),
            "complaints": (own["event"] == "complaint").sum(),
            "tickets": own["opened_at"].notna().sum(),
            "resolved": 0,
            "orders": bought["order_id"].nunique(),
            "buyers": bought["customer_id"].nunique(),
        }
        assert {key: row[key] for key in counts} == counts
        assert row["revenue"] == approx(lines_own["amount"].sum())
        if counts["tickets"]:
            assert row[["resolution_share", "median_response_hours"]].tolist() == [0.0, 2.0]
        else:
            assert pd.isna(row["resolution_share"])
            assert pd.isna(row["median_response_hours"])
    assert got["contact_share"].sum() == approx(1)
    total = sold["amount"].sum()
    if total > 0:
        assert got["revenue_share"].sum() == approx(1)
    else:
        assert got["revenue_share"].isna().all()


def test_channels_without_sales_by_channel(make_eager, plain):
    told = make_eager(contacts([("a", "view", 0, "web")]))
    sold = make_eager(sales([("a", 1, 0, 5.0, "web")]).drop_columns(["channel"]))
    got = plain(crm.kpi.channel_table(told, sold, as_of=LAST))
    assert got[["orders", "buyers", "revenue", "revenue_share"]].isna().all(axis=None)


def test_groups_of_both_tables(plain):
    told = contacts([("a", "complaint", 0, "web"), ("b", "view", 0, None)]).to_pandas()
    sold = sales([("a", 1, 0, 5.0, "web"), ("b", 2, 0, 5.0, "store")]).to_pandas()
    got = plain(crm.kpi.complaint_rate(told, sold, as_of=LAST, by="channel"))
    assert got["channel"].tolist()[:2] == ["store", "web"]
    assert got["numerator"].tolist() == [0, 1, 0]
    assert got["denominator"].tolist() == [1, 1, 0]
    assert pd.isna(got["value"].iloc[2])
    # numbers that a null has made floats of are the same numbers
    told["shop"], sold["shop"] = [1.0, np.nan], [1, 2]
    got = plain(crm.kpi.complaint_rate(told, sold, as_of=LAST, by="shop"))
    assert got["shop"].tolist()[:2] == [1, 2]
    assert got["denominator"].tolist() == [1, 1, 0]
    kept = plain(crm.kpi.channel_table(told, sold, as_of=LAST, by="shop"))
    assert kept["shop"].tolist()[:2] == [1, 2]
    assert kept["contacts"].tolist() == [1, 0, 1]
    assert kept["contact_share"].fillna(-1).tolist() == [1.0, -1, 1.0]
    # categories of the one table need not be those of the other
    told["channel"] = told["channel"].astype("category")
    sold["channel"] = sold["channel"].astype("category")
    got = plain(crm.kpi.complaint_rate(told, sold, as_of=LAST, by="channel"))
    assert got["channel"].tolist()[:2] == ["store", "web"]


def test_two_tables_that_do_not_fit():
    told = contacts([("a", "complaint", 0, "web")]).to_pandas()
    sold = sales([("a", 1, 0, 5.0, "web")]).to_pandas()
    with pytest.raises(OptionError, match="as_of must be given where several tables are read"):
        crm.kpi.complaint_rate(told, sold, as_of=None)
    with pytest.raises(DataError, match=r"'customer_id' holds texts in interactions and numbers"):
        crm.kpi.complaint_rate(told, sold.assign(customer_id=1), as_of=LAST)
    aware = sold.assign(date=sold["date"].dt.tz_localize("UTC"))
    with pytest.raises(DataError, match=r"the dates of \['transactions'\] have a time zone"):
        crm.kpi.channel_table(told, aware, as_of=LAST)
    with pytest.raises(DataError, match="the tables come from two libraries"):
        crm.kpi.channel_table(told, pl.from_pandas(sold), as_of=LAST)
    with pytest.raises(OptionError, match="as_of 2026-03-01 is before the first date of interac"):
        crm.kpi.channel_table(told, sold, as_of="2026-03-01")
    with pytest.raises(OptionError, match="per must be one of 'orders', 'customers'"):
        crm.kpi.complaint_rate(told, sold, as_of=LAST, per="order")


# --- the picture


def drawn(**options):
    rows = [("a", 0, 60, 600), ("a", 5, 90, None), ("b", 0, 5, 3_000), ("b", 9, 700, 9_000)]
    return crm.kpi.response_times(tickets(rows).to_pandas(), **options)


def test_plot_draws_what_the_table_says():
    table = drawn(by="team")
    ax = crm.kpi.plot_response_times(table)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a (2)", "b (2)"]
    points = np.concatenate([line.get_xdata() for line in ax.get_lines()])
    want = table[["median_hours", "p90_hours"]].to_numpy().ravel()
    assert crm.kpi.plot_response_times(drawn()).get_title() == "How long 4 tickets wait"
    assert sorted(points[~np.isnan(points)]) == approx(sorted(want[~np.isnan(want)]))
    assert ax.get_xscale() == "log"


def test_plot_of_nothing_and_of_what_it_cannot_draw():
    assert crm.kpi.plot_response_times(drawn().head(0)).texts[0].get_text() == "no data"
    unknown = tickets([("a", 0, None, None)]).to_pandas()
    ax = crm.kpi.plot_response_times(crm.kpi.response_times(unknown))
    assert ax.texts[0].get_text() == "no data"
    table = drawn()
    with pytest.raises(DataError, match="plot_response_times: 2 of 4 rows of response repeat a"):
        crm.kpi.plot_response_times(pd.concat([table, table]))
    with pytest.raises(DataError, match=r"response has measures \['x'\], which are none of"):
        crm.kpi.plot_response_times(table.assign(measure="x"))
    many = pd.concat([drawn().assign(team=str(k)) for k in range(31)])
    with pytest.raises(DataError, match="response has 31 groups, and more than 30 cannot be read"):
        crm.kpi.plot_response_times(many)
    zero = crm.kpi.response_times(tickets([("a", 0, 0, 0)]).to_pandas())
    crm.kpi.plot_response_times(zero)
