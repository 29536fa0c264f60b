# ruff: noqa: DTZ001 - the dates of tables are naive
import math
import warnings
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
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

seg = crm.segmentation
DAY = datetime(2026, 1, 1)
LIMITS = {"new": 14, "onboarding": 30, "at_risk": 30, "lapsed": 60, "lost": 180, "won_back": 30}
LINE = st.tuples(st.sampled_from("abcd"), st.integers(0, 130), st.sampled_from([1.0, 2.5, -1.0]))
LINES = st.lists(LINE, max_size=25).map(lambda lines: [("a", 0, 1.0), *lines])


def frame(lines):
    return pd.DataFrame(
        {
            "customer_id": [line[0] for line in lines],
            "date": [DAY + timedelta(days=line[1]) for line in lines],
            "amount": [line[2] if len(line) > 2 else 1.0 for line in lines],
        }
    )


def day(number):
    return (DAY + timedelta(days=number)).date()


def plain_gaps(lines, last):
    """Purchase days by customer, gaps that ended, and all silences with a mark of their end."""
    bought = {}
    for who, when, amount in lines:
        if amount >= 0 and when <= last:
            bought.setdefault(who, set()).add(when)
    bought = {who: sorted(days) for who, days in sorted(bought.items())}
    silences = []
    for days in bought.values():
        silences += [(b - a, True) for a, b in pairwise(days)]
        silences.append((last - days[-1], False))
    return bought, silences


def stage_on(bought, t, limits, *, personal, prior, is_advocate):
    """One customer's stage on one day, from the rules as they are written in the docstring."""
    days = [d for d in bought if d <= t]
    usual = limits["usual_gap"]

    def stretch(known):
        gaps = [b - a for a, b in pairwise(known)]
        if not personal or usual is None or len(gaps) + prior == 0:
            return 1.0
        return (sum(gaps) + prior * usual) / (len(gaps) + prior) / usual

    def longer(silence, name, known):
        return silence > math.floor(limits[name] * stretch(known) + 1e-9)

    silence = t - days[-1]
    for name in ("lost", "lapsed", "at_risk"):
        if longer(silence, name, days):
            return name
    if len(days) == 1 and t - days[0] <= limits["new"]:
        return "new"
    returns = [
        b for k, (a, b) in enumerate(pairwise(days)) if longer(b - a, "lapsed", days[: k + 1])
    ]
    if returns and t - returns[-1] <= limits["won_back"]:
        return "won_back"
    if t - days[0] <= limits["onboarding"]:
        return "onboarding"
    return "advocate" if is_advocate(t) else "active"


@settings(max_examples=60, deadline=None)
@given(
    lines=LINES,
    last=st.integers(0, 140),
    limits=st.tuples(*[st.integers(0, 40)] * 6),
    clock=st.tuples(
        st.sampled_from([None, 7.5, 20.0]), st.booleans(), st.sampled_from([0, 1, 3.5])
    ),
    scores=st.lists(
        st.tuples(st.sampled_from("abcx"), st.integers(0, 140), st.integers(0, 10)), max_size=8
    ),
    brought=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 140)), max_size=2),
)
def test_stages_day_by_day(lines, last, limits, clock, scores, brought):
    usual, personal, prior = clock
    silent = sorted(limits[:3])
    named = dict(zip(("at_risk", "lapsed", "lost"), silent, strict=True))
    named |= dict(zip(("new", "onboarding", "won_back"), limits[3:], strict=True))
    named["usual_gap"] = usual
    feedback = pd.DataFrame(
        {
            "customer_id": pd.Series([s[0] for s in scores], dtype="str"),
            "date": pd.Series([DAY + timedelta(days=s[1]) for s in scores], dtype="M8[us]"),
            "score": [float(s[2]) for s in scores],
        }
    )
    contacts = pd.DataFrame(
        {
            "customer_id": pd.Series([b[0] for b in brought], dtype="str"),
            "date": pd.Series([DAY + timedelta(days=b[1]) for b in brought], dtype="M8[us]"),
            "event": pd.Series(["referral"] * len(brought), dtype="str"),
        }
    )
    bought, _ = plain_gaps(lines, last)
    table = frame(lines)
    if not len(scores):
        feedback = feedback.astype({"score": "float64"})
    got = quiet(
        seg.lifecycle_stages, table, as_of=day(last), thresholds=named, feedback=feedback,
        interactions=contacts, clock="personal" if personal else "shop", prior_gaps=prior,
    )  # fmt: skip
    assert got["customer_id"].tolist() == list(bought)
    for row in got.itertuples():

        def is_advocate(t, who=row.customer_id):
            if any(b[0] == who and b[1] <= t for b in brought):
                return True
            said = [(s[1], s[2]) for s in scores if s[0] == who and s[1] <= t]
            return bool(said) and max(said)[1] >= 9

        days = bought[row.customer_id]
        stages = [
            stage_on(days, t, named, personal=personal, prior=prior, is_advocate=is_advocate)
            for t in range(days[0], last + 1)
        ]
        run = 0
        while run + 1 < len(stages) and stages[-2 - run] == stages[-1]:
            run += 1
        assert row.stage == stages[-1]
        assert row.days_in_stage == run
        assert row.since.date() == day(last - run)


def quiet(function, *tables, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)
        return function(*tables, **options)


@settings(max_examples=60, deadline=None)
@given(
    lines=LINES,
    last=st.integers(0, 140),
    use=st.sampled_from(["all", "ended"]),
    method=st.sampled_from(["percentile", "error_rate"]),
)
def test_thresholds_in_plain_loops(lines, last, use, method):
    _, silences = plain_gaps(lines, last)
    table = quiet(
        seg.lifecycle_thresholds, frame(lines), as_of=day(last), silences=use, method=method
    )
    got = table.set_index("threshold")
    ended = sorted(length for length, over in silences if over)
    shares = {"new": 0.5, "onboarding": 0.8, "won_back": 0.8}
    shares |= {"at_risk": 0.8, "lapsed": 0.9, "lost": 0.95}
    errors = {"at_risk": 0.5, "lapsed": 0.2, "lost": 0.1}
    for name, share in shares.items():
        days = got.loc[name, "days"]
        if method == "error_rate" and name in errors:
            want = error_day(silences, errors[name])
        elif not ended:
            want = None
        elif use == "ended":  # the smallest gap that at least that share do not exceed
            want = ended[math.ceil(share * len(ended) - 1e-9) - 1]
        else:
            want = kaplan_meier_day(silences, share)
        assert (days == want) if want is not None else math.isnan(days)
        n = sum(length > days for length, _ in silences)
        assert got.loc[name, "n_silences"] == n
        later = sum(length > days for length in ended)
        share_later = got.loc[name, "returned_later_share"]
        assert share_later == pytest.approx(later / n) if n else math.isnan(share_later)
    usual = got.loc["usual_gap", "days"]
    assert usual == pytest.approx(np.mean(ended)) if ended else math.isnan(usual)


def kaplan_meier_day(silences, share):
    survival, curve = 1.0, []
    for t in sorted({length for length, _ in silences}):
        at_risk = sum(length >= t for length, _ in silences)
        over = sum(length == t and ended for length, ended in silences)
        survival *= 1 - over / at_risk
        curve.append((t, survival))
    done = [(t, (1 - s) / (1 - curve[-1][1])) for t, s in curve]
    return next(t for t, d in done if d >= share - 1e-12)


def error_day(silences, wrong):
    for t in sorted({length for length, _ in silences}):
        longer = [ended for length, ended in silences if length > t]
        if longer and sum(longer) <= wrong * len(longer) + 1e-12:
            return t
    return None


def test_each_stage_by_hand(make_table, plain):
    # customers by the stage they are in on day 200, with the thresholds above
    lines = [
        ("active", 150), ("active", 180), ("at_risk", 160), ("lapsed", 130), ("lost", 10),
        ("new", 195), ("onboarding", 180), ("won_back", 100), ("won_back", 190),
        ("returned", 200, -5.0), ("active", 199, -5.0),
    ]  # fmt: skip
    table = make_table(pa.Table.from_pandas(frame(lines), preserve_index=False))
    with pytest.warns(CrmlyticsWarning, match="1 customers of transactions have returns only"):
        found = seg.lifecycle_stages(table, as_of=day(200), thresholds=LIMITS, clock="shop")
    assert type(found) is type(table)
    got = plain(found, "customer_id")
    assert got["stage"].tolist() == got["customer_id"].tolist()
    since = dict(zip(got["customer_id"], got["days_in_stage"], strict=True))
    # active: the 31st day after the first purchase is day 181; at_risk: day 160 + 31
    assert since == {
        "active": 19, "at_risk": 9, "lapsed": 9, "lost": 9, "new": 5, "onboarding": 5,
        "won_back": 10,
    }  # fmt: skip
    reasons = dict(zip(got["customer_id"], got["reason"], strict=True))
    assert reasons["active"] == "last purchase 20 days ago, awaited within 30"
    assert reasons["lost"] == "last purchase 190 days ago, more than 180"
    assert reasons["won_back"] == "came back 10 days ago after 90 days"
    assert reasons["new"] == "first purchase 5 days ago, no other since"
    assert reasons["onboarding"] == "first purchase 20 days ago, bought on 1 days"
    assert set(got["as_of"].dt.date) == {day(200)}


def test_engines_agree(make_table, plain):
    shop = crm.datasets.simulate_shop(80, days=300, random_state=3)
    lines = shop.transactions[["customer_id", "date", "amount"]]
    table = make_table(pa.Table.from_pandas(lines, preserve_index=False))
    for function in (seg.lifecycle_stages, seg.lifecycle_thresholds):
        got, want = function(table), function(lines)
        first = want.columns[0]
        if first == "threshold":
            want = want.sort_values(first)
        pd.testing.assert_frame_equal(
            plain(got, first), want.reset_index(drop=True), check_dtype=False
        )


def test_the_personal_clock_stretches_and_shrinks():
    # both are silent for 40 days; a bought every 10 days, b every 50; usual gap 30
    lines = [*(("a", d) for d in range(0, 101, 10)), ("b", 0), ("b", 50), ("b", 100)]
    limits = LIMITS | {"usual_gap": 30}
    found = seg.lifecycle_stages(frame(lines), as_of=day(140), thresholds=limits)
    # a: (100 + 3 * 30) / 13 / 30 = 0.487 of 30, 60, 180 days: 14, 29, 87
    # b: (100 + 3 * 30) / 5 / 30 = 1.267: 38, 76, 228
    assert found["stage"].tolist() == ["lapsed", "at_risk"]
    assert found["reason"].tolist() == [
        "last purchase 40 days ago, more than 29", "last purchase 40 days ago, more than 38",
    ]  # fmt: skip
    shop = seg.lifecycle_stages(frame(lines), as_of=day(140), thresholds=limits, clock="shop")
    assert shop["stage"].tolist() == ["at_risk", "at_risk"]
    own = seg.lifecycle_stages(frame(lines), as_of=day(140), thresholds=limits, prior_gaps=0)
    assert own["reason"].tolist()[0] == "last purchase 40 days ago, more than 20"


def test_prospects_are_those_on_the_list_without_a_purchase(make_eager, plain):
    lines = make_eager({"customer_id": [3, 9], "date": [DAY, DAY + timedelta(days=5)]})
    people = make_eager(
        {
            "customer_id": [5, 1, 9, 7],
            "acquired_on": [DAY - timedelta(days=9), None, DAY, DAY + timedelta(days=30)],
        }
    )
    with pytest.warns(CrmlyticsWarning, match="1 rows of customers have an 'acquired_on' after"):
        found = seg.lifecycle_stages(
            lines, as_of=day(3), customers=people, thresholds=LIMITS | {"usual_gap": 9}
        )
    got = plain(found)
    assert got["customer_id"].tolist() == [1, 3, 5, 9]
    assert got["stage"].tolist() == ["prospect", "new", "prospect", "prospect"]
    assert got["days_in_stage"].fillna(-1).tolist() == [-1, 3, 12, 3]
    assert got["since"].isna().tolist() == [True, False, False, False]


@pytest.mark.parametrize(("ids", "more"), [("int32", "int64"), ("category", "str")])
def test_prospects_fit_whatever_holds_the_ids_of_transactions(ids, more):
    values = [1, 2**40] if ids == "int32" else ["a", "b"]
    lines = pd.DataFrame({"customer_id": pd.Series(values[:1], dtype=ids), "date": [DAY]})
    people = pd.DataFrame({"customer_id": pd.Series(values, dtype=more)})
    found = seg.lifecycle_stages(lines, as_of=day(1), customers=people, thresholds=LIMITS)
    assert found["customer_id"].tolist() == values
    assert found["stage"].tolist() == ["new", "prospect"]


def test_nobody_bought_yet():
    people = pd.DataFrame({"customer_id": ["a", "b"]})
    lines = frame([("a", 0)]).head(0)
    found = seg.lifecycle_stages(lines, as_of=day(1), customers=people)
    assert found["stage"].tolist() == ["prospect", "prospect"]
    assert found["customer_id"].tolist() == ["a", "b"]


def test_advocates_by_score_and_by_referral(make_eager, plain):
    lines = make_eager(pa.Table.from_pandas(
        frame([*((who, d) for who in "abcd" for d in (0, 20, 40, 60))]), preserve_index=False
    ))  # fmt: skip
    feedback = make_eager(
        {
            "customer_id": ["a", "a", "b", "b", "z"],
            "date": [DAY + timedelta(days=d) for d in (50, 50, 40, 55, 50)],
            "score": [3.0, 9.5, 10.0, None, 10.0],
        }
    )
    contacts = make_eager(
        {
            "customer_id": ["c", "d"],
            "date": [DAY + timedelta(days=58), DAY + timedelta(days=99)],
            "event": ["referral", "referral"],
        }
    )
    found = seg.lifecycle_stages(
        lines, as_of=day(62), feedback=feedback, interactions=contacts, thresholds=LIMITS
    )
    got = plain(found)
    assert got["stage"].tolist() == ["advocate", "advocate", "advocate", "active"]
    assert got["days_in_stage"].tolist() == [12, 22, 4, 31]
    assert [reason.split("; ")[1:] for reason in got["reason"]] == [
        ["score 9.5"], ["score 10"], ["referral"], [],
    ]  # fmt: skip


def test_unknown_thresholds():
    # without a second purchase by anybody nothing is known of gaps: all are new
    lines = frame([("a", 0), ("b", 90)])
    table = seg.lifecycle_thresholds(lines)
    assert table["days"].isna().all()
    assert table["n_silences"].tolist() == [0] * 7
    assert seg.lifecycle_stages(lines)["stage"].tolist() == ["new", "new"]
    # null lets nobody into a stage
    lines = frame([("a", 0), ("a", 10), ("a", 100)])
    limits = dict.fromkeys(("at_risk", "lapsed", "lost", "onboarding", "won_back", "new"))
    found = seg.lifecycle_stages(lines, as_of=day(900), thresholds=limits)
    assert found["stage"].tolist() == ["active"]
    assert found["reason"].tolist() == ["last purchase 800 days ago"]


def test_thresholds_come_back_edited(make_eager):
    lines = frame([("a", 0), ("a", 10), ("b", 0), ("b", 12), ("c", 30)])
    auto = seg.lifecycle_stages(lines)
    table = seg.lifecycle_thresholds(lines)
    pd.testing.assert_frame_equal(seg.lifecycle_stages(lines, thresholds=table), auto)
    edited = make_eager({"threshold": ["lost"], "days": [17.0]})
    assert seg.lifecycle_stages(lines, thresholds=edited)["stage"].tolist()[:2] == ["lost", "lost"]


def test_rows_after_the_day_change_nothing():
    lines = [("a", 0), ("a", 10), ("b", 5), ("c", 40), ("b", 60)]
    early = seg.lifecycle_stages(frame(lines[:3]), as_of=day(20))
    pd.testing.assert_frame_equal(seg.lifecycle_stages(frame(lines), as_of=day(20)), early)


@settings(max_examples=20, deadline=None)
@given(lines=LINES, every=st.sampled_from("WM"))
def test_history_equals_asking_on_each_day(lines, every):
    table = frame(lines)
    limits = LIMITS | {"usual_gap": 12}
    last = table["date"].max()
    days = pd.date_range(DAY, last, freq={"W": "W-SUN", "M": "ME"}[every])
    if not len(days):
        with pytest.raises(NotEnoughDataError):
            quiet(seg.lifecycle_history, table, every=every)
        return
    history = quiet(seg.lifecycle_history, table, every=every, thresholds=limits)
    assert list(history["as_of"].unique()) == list(days)
    for when, part in history.groupby("as_of"):
        alone = quiet(seg.lifecycle_stages, table, as_of=when, thresholds=limits)
        pd.testing.assert_frame_equal(part[alone.columns].reset_index(drop=True), alone)


def test_history_takes_thresholds_from_the_whole_table():
    lines = frame([("a", 0), ("a", 20), ("a", 30), ("b", 0), ("b", 70)])
    limits = seg.lifecycle_thresholds(lines)
    pd.testing.assert_frame_equal(
        seg.lifecycle_history(lines), seg.lifecycle_history(lines, thresholds=limits)
    )


def test_flow_adds_up(make_eager, plain):
    shop = crm.datasets.simulate_shop(150, days=400, random_state=1)
    options = {"every": "Q", "as_of": date(2025, 1, 31), "customers": shop.customers}
    history = seg.lifecycle_history(shop.transactions, **options)
    table = make_eager(pa.Table.from_pandas(history, preserve_index=False))
    flow = plain(seg.stage_flow(table))
    for (before, after), part in flow.groupby(["from_as_of", "to_as_of"]):
        sizes = history[history["as_of"] == before]["stage"].value_counts()
        later = history[history["as_of"] == after]["stage"].value_counts()
        sums = part.groupby("from_stage")["customers"].sum()
        assert sums.drop("not_yet", errors="ignore").to_dict() == sizes.to_dict()
        sums = part.groupby("to_stage")["customers"].sum()
        assert sums.drop("gone", errors="ignore").to_dict() == later.to_dict()
    totals = flow.groupby(["from_as_of", "from_stage"])["share"].sum()
    assert np.allclose(totals, 1)
    assert (flow["lower"] <= flow["share"]).all()
    assert (flow["share"] <= flow["upper"]).all()
    # Wilson by hand: 1 of 2 at 95 %: (0.0945, 0.9055)
    small = pd.DataFrame(
        {
            "as_of": pd.to_datetime(["2026-01-31", "2026-01-31", "2026-02-28", "2026-02-28"]),
            "customer_id": [1, 2, 1, 2],
            "stage": ["new", "new", "new", "active"],
        }
    )
    moved = seg.stage_flow(small)
    assert moved["lower"].round(4).tolist() == [0.0945, 0.0945]
    assert moved["upper"].round(4).tolist() == [0.9055, 0.9055]


def test_actions_cover_every_stage():
    actions = seg.stage_actions()
    assert set(actions["stage"]) == {
        "prospect", "new", "onboarding", "active", "at_risk", "lapsed", "lost", "won_back",
        "advocate",
    }  # fmt: skip
    assert not actions.isna().to_numpy().any()
    actions.loc[0, "goal"] = "edited"
    assert seg.stage_actions().loc[0, "goal"] != "edited"


SMALL = frame([("a", 0), ("b", 5)])
PEOPLE = pd.DataFrame({"customer_id": ["a", "a"]})
BAD = [
    ({"thresholds": "automatic"}, OptionError, "thresholds must be one of 'auto'"),
    ({"thresholds": {"lapse": 3}}, OptionError, "Did you mean thresholds='lapsed'"),
    ({"thresholds": {"lost": -1}}, OptionError, r"thresholds\['lost'\] must be a number from 0"),
    ({"thresholds": {"lost": 5, "lapsed": 9}}, OptionError, "lapsed is 9 days and lost 5"),
    ({"thresholds": {"usual_gap": 0}}, OptionError, "no gap can be measured"),
    (
        {"thresholds": pd.DataFrame({"threshold": ["new"] * 2, "days": [1, 2]})},
        DataError, "several rows of one threshold",
    ),
    ({"thresholds": pd.DataFrame({"days": [1]})}, ColumnError, "no column 'threshold'"),
    ({"clock": "own"}, OptionError, "clock must be one of 'personal', 'shop'"),
    ({"prior_gaps": -1}, OptionError, "prior_gaps must be a number of 0 or more"),
    ({"advocate_score": "ten"}, OptionError, "advocate_score must be a number"),
    ({"referral": ""}, OptionError, "referral must be the name of an event"),
    ({"customers": PEOPLE}, OptionError, "as_of is missing, and customers is a second table"),
    ({"customers": PEOPLE, "as_of": day(9)}, DataError, "several rows for 1 'customer_id'"),
    (
        {"customers": pd.DataFrame({"customer_id": [1]}), "as_of": day(9)},
        ColumnError, "ids in 'customer_id' are numbers in customers and texts in transactions",
    ),
    (
        {"customers": pa.table({"customer_id": ["a"]}), "as_of": day(9)},
        DataError, "two libraries",
    ),
    ({"feedback": SMALL, "as_of": day(9)}, ColumnError, r"no column 'score' \(score_col\)"),
    ({"interactions": SMALL, "as_of": day(9)}, ColumnError, r"no column 'event' \(event_col\)"),
    ({"as_of": day(-1)}, OptionError, "is before the first date"),
    ({"amount_col": "price"}, ColumnError, r"no column 'price' \(amount_col\)"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "sentence"), BAD)
def test_bad_input_is_one_sentence(options, error, sentence):
    for function in (seg.lifecycle_stages, seg.lifecycle_history):
        with pytest.raises(error, match=rf"^{function.__name__}: .*{sentence}"):
            function(SMALL, **options)


def test_lazy_transactions_go_alone(make_lazy):
    table = make_lazy(pa.Table.from_pandas(SMALL, preserve_index=False))
    with pytest.raises(DataError, match=r"^lifecycle_stages: customers is given and transactions"):
        seg.lifecycle_stages(table, customers=PEOPLE, as_of=day(9))


def test_categories_of_lazy_tables_stay_categories():
    lines = pl.from_pandas(SMALL).with_columns(pl.col("customer_id").cast(pl.Categorical)).lazy()
    found = seg.lifecycle_stages(lines).collect()
    assert found.schema["customer_id"] == pl.Categorical
    assert sorted(found["customer_id"].cast(pl.String)) == ["a", "b"]


def test_a_threshold_of_yours_may_contradict_those_of_the_data():
    lines = frame([("a", 0), ("a", 18), ("b", 62), ("c", 82)])
    with pytest.raises(OptionError, match=r"at_risk is 20 days and lapsed 18\. .* name all three"):
        seg.lifecycle_stages(lines, thresholds={"at_risk": 20})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "personal"}, "method must be one of 'percentile', 'error_rate'"),
        ({"silences": "none"}, "silences must be one of 'all', 'ended'"),
        ({"shares": 0.9}, "shares must be a mapping"),
        ({"shares": {"lapsed": 90}}, r"shares\['lapsed'\] must be a number from 0 to 1"),
        ({"shares": {"lapse": 0.9}}, "Did you mean shares='lapsed'"),
        ({"shares": {"at_risk": 0.99, "lapsed": 0.2}}, "must not fall from at_risk"),
    ],
)
def test_bad_options_of_thresholds(options, sentence):
    lines = frame([("a", 0), ("a", 3), ("a", 9), ("a", 30)])
    with pytest.raises(OptionError, match=rf"^lifecycle_thresholds: .*{sentence}"):
        seg.lifecycle_thresholds(lines, **options)
