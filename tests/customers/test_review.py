import warnings
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom

import crmlytics as crm
from crmlytics import _stats
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

START = datetime(2026, 1, 1)  # noqa: DTZ001 - moments without a zone, as in tables
DAY, AS_OF = 20, date(2026, 1, 21)
IDS = ["a", "b", "c"]
WHO = st.sampled_from([*IDS, "x"])
WHEN = st.integers(0, 30)
LINE = st.tuples(
    WHO, WHEN, st.integers(0, 6), st.sampled_from([10.0, 5.0, 0.0, -3.0, None]),
    st.sampled_from([0.0, 1.0, 4.0, None]), st.sampled_from(["p", "q", "r", None]),
)  # fmt: skip
TICKET = st.tuples(WHO, st.one_of(st.none(), WHEN), st.sampled_from([True, False, None]))
BILL = st.tuples(WHO, st.one_of(st.none(), WHEN), st.one_of(st.none(), WHEN))
ANSWER = st.tuples(WHO, WHEN, st.sampled_from([0, 8, 10, None]))
COSTLY = ["serial_complainer", "late_payer", "deal_seeker", "heavy_returner", "disruptive"]
RATES = [*COSTLY, "innovator"]


def moments(days):
    return pa.array(
        [None if day is None else START + timedelta(days=day) for day in days], pa.timestamp("us")
    )


KINDS = {"customer_id": pa.string(), "order_id": pa.int64(), "amount": pa.float64(),
         "discount": pa.float64(), "product_id": pa.string(), "disruptive": pa.bool_(),
         "score": pa.float64()}  # fmt: skip
NAMES = {
    "transactions": ["customer_id", "date", "order_id", "amount", "discount", "product_id"],
    "tickets": ["customer_id", "opened_at", "disruptive"],
    "payments": ["customer_id", "due_on", "paid_on"],
    "feedback": ["customer_id", "date", "score"],
}


def made(kind, rows):
    names = NAMES[kind]
    values = list(zip(*rows, strict=True)) if rows else [[] for _ in names]
    return pa.table(
        {
            name: pa.array(each, KINDS[name]) if name in KINDS else moments(each)
            for name, each in zip(names, values, strict=True)
        }
    )


def review(customers=None, **options):
    customers = pa.table({"customer_id": IDS}) if customers is None else customers
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = crm.customers.relationship_review(customers, **options)
    return answer, [str(one.message) for one in caught if one.category is CrmlyticsWarning]


# --- shrunken rates

PAIRS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40)


def counts(pairs):
    hits = np.array([min(pair) for pair in pairs], dtype=float)
    return hits, np.array([max(pair) for pair in pairs], dtype=float)


@given(pairs=PAIRS, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_rates_lie_between_their_own_and_that_of_all(pairs, seed):
    hits, tries = counts(pairs)
    a, b = _stats.beta_prior(hits, tries)
    rate, lower, upper = _stats.shrunken_rates(hits, tries, 0.9)
    known = tries > 0
    assert np.isnan(rate[~known]).all()
    own, mean = hits[known] / tries[known], a / (a + b)
    assert (np.minimum(own, mean) - 1e-12 <= rate[known]).all()
    assert (rate[known] <= np.maximum(own, mean) + 1e-12).all()
    # the same quantiles from scipy.stats
    after = beta(hits[known] + a, tries[known] - hits[known] + b)
    assert lower[known] == pytest.approx(after.ppf(0.05), abs=1e-9)
    assert upper[known] == pytest.approx(after.ppf(0.95), abs=1e-9)
    order = np.random.default_rng(seed).permutation(len(hits))
    mixed = _stats.shrunken_rates(hits[order], tries[order], 0.9)
    assert np.array_equal(mixed[0], rate[order], equal_nan=True)


def test_prior_is_the_most_likely_one():
    rng = np.random.default_rng(4)
    tries = rng.integers(1, 30, 400)
    hits = rng.binomial(tries, rng.beta(2, 6, 400))
    a, b = _stats.beta_prior(hits, tries)

    def fit(one, other):
        return betabinom.logpmf(hits, tries, one, other).sum()

    for factor in (0.98, 1.02):
        assert fit(a, b) > fit(a * factor, b)
        assert fit(a, b) > fit(a, b * factor)
        assert fit(a, b) > fit(a * factor, b * factor)
    assert (a, b) == pytest.approx((2, 6), rel=0.25)  # what the counts were drawn from


def test_prior_where_nobody_differs_and_where_there_are_few():
    assert _stats.beta_prior([1, 0], [2, 5]) == (0.5, 0.5)
    a, b = _stats.beta_prior(np.zeros(50), np.full(50, 4))
    assert a / (a + b) == pytest.approx(0.5 / 201)
    a, b = _stats.beta_prior(np.full(50, 2), np.full(50, 4))  # less spread than chance makes
    assert a + b > 1_000
    assert a / (a + b) == pytest.approx(0.5)


# --- measures, by hand


@given(
    lines=st.lists(LINE, max_size=14), tickets=st.lists(TICKET, max_size=6),
    bills=st.lists(BILL, max_size=6), answers=st.lists(ANSWER, max_size=6),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_counts_by_hand(lines, tickets, bills, answers):
    answer, said = review(
        transactions=made("transactions", lines), tickets=made("tickets", tickets),
        payments=made("payments", bills), feedback=made("feedback", answers), as_of=AS_OF,
        deal_discount=0.2, early_days=3, grace_days=2,
    )  # fmt: skip
    begin = min((row[1] for row in lines), default=0)
    first = {p: min(r[1] for r in lines if r[5] == p) for p in {r[5] for r in lines}}
    for row in answer.to_pylist():
        who = row["customer_id"]
        mine = [r for r in lines if r[0] == who and r[1] <= DAY]
        bought = [r for r in mine if r[3] is None or r[3] >= 0]
        orders = {r[2] for r in bought}
        deals = 0
        for order in orders:
            known = [(r[3], r[4]) for r in bought if r[2] == order and None not in r[3:5]]
            off, paid = sum(d for _, d in known), sum(a for a, _ in known)
            deals += off > 0 and off >= 0.2 * (off + paid) - 1e-9
        back = {r[2] for r in mine if r[3] is not None and r[3] < 0}
        known = {r[5] for r in bought if r[5] is not None}
        early = {
            r[5] for r in bought
            if r[5] and r[1] <= first[r[5]] + 3 and first[r[5]] > begin + 3
        }  # fmt: skip
        own = [r for r in tickets if r[0] == who and r[1] is not None and r[1] <= DAY]
        due = [r for r in bills if r[0] == who and r[1] is not None and r[1] <= DAY]
        late = [r for r in due if min(DAY if r[2] is None else r[2], DAY) - r[1] > 2]
        n = len(orders)
        want = {
            "serial_complainer": (min(len(own), n), n), "late_payer": (len(late), len(due)),
            "deal_seeker": (deals, n), "heavy_returner": (min(len(back), n), n),
            "disruptive": (sum(r[2] is True for r in own), len(own)),
            "innovator": (len(early), len(known)),
        }  # fmt: skip
        if not lines:
            want["innovator"] = (None, None)
        got = {k: (row[f"{k}_numerator"], row[f"{k}_denominator"]) for k in want}
        assert got == want
        scores = [r[2] for r in answers if r[0] == who and r[1] <= DAY and r[2] is not None]
        assert row["satisfied"] == (np.mean(scores) >= 8 if scores else None)
    strangers = any(r[0] == "x" and r[1] is not None and r[1] <= DAY for r in tickets)
    assert any("of tickets" in one for one in said) == strangers


# --- flags and actions

COUNT = st.one_of(st.none(), st.integers(0, 20))
PERSON = st.tuples(
    st.integers(0, 20), COUNT, COUNT, COUNT, COUNT,
    st.one_of(st.none(), st.integers(-50, 50)), st.booleans(), st.sampled_from([None, 2.0, 9.0]),
)  # fmt: skip
VIEW = (
    "transactions_orders", "tickets_n", "transactions_returned", "transactions_deals",
    "tickets_disruptive", "profit", "vip", "feedback_mean_score",
)  # fmt: skip


def view_of(people):
    values = list(zip(*people, strict=True)) if people else [[] for _ in VIEW]
    kinds = {"vip": pa.bool_()}
    table = {
        name: pa.array(each, kinds.get(name, pa.float64()))
        for name, each in zip(VIEW, values, strict=True)
    }
    return pa.table(
        {"customer_id": pa.array(range(len(people)), pa.int64()), **table,
         "feedback_n": pa.array([1.0] * len(people), pa.float64())}
    )  # fmt: skip


@given(people=st.lists(PERSON, max_size=25), seed=st.integers(0, 99), loose=st.booleans())
@settings(max_examples=80, deadline=None)
def test_nobody_protected_or_valuable_or_unknown_is_ended(people, seed, loose):
    view = view_of(people)
    rules = crm.customers.review_rules()
    if loose:  # however eager the rules are
        rules.loc[rules["rule"] != "valuable", ["threshold", "min_count"]] = 0
    rules = pa.Table.from_pandas(rules)
    answer, _ = review(view, protected="vip", rules=rules)
    shuffled = view.take(pa.array(np.random.default_rng(seed).permutation(len(view))))
    assert review(shuffled, protected="vip", rules=rules)[0].equals(answer)
    for row, person in zip(answer.to_pylist(), people, strict=True):
        assert row["action"] in {"keep", "grow", "repair", "reprice", "end"}
        money = person[5]
        flagged = sum(row[name] is True for name in COSTLY)
        if row["action"] in {"end", "reprice"}:
            assert not person[6]
            assert row["valuable"] is not True
        ends = money is not None and money < 0 and not row["valuable"] and not person[6]
        assert (row["action"] == "end") == (ends and (loose or flagged >= 2))
        if money is None:
            assert row["valuable"] is None
        for name in RATES:
            assert (row[name] is None) == (row[f"{name}_denominator"] is None)
            if row[name]:
                assert row[f"{name}_lower"] > (0 if loose else 0.1)
        if not loose:
            assert not (row["serial_complainer"] and person[1] < 3)


@given(orders=st.lists(st.integers(1, 5), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_a_single_complaint_makes_no_serial_complainer(orders):
    view = pa.table({"customer_id": range(len(orders)), "transactions_orders": orders,
                     "tickets_n": [1] * len(orders)})  # fmt: skip
    rules = crm.customers.review_rules()
    answer, _ = review(view)
    assert not any(answer["serial_complainer"].to_pylist())
    # neither does the interval alone, where few tell little
    rules["min_count"] = rules["min_count"].mask(rules["rule"] == "serial_complainer", 0)
    if len(orders) < 10:
        answer, _ = review(view, rules=pa.Table.from_pandas(rules))
        assert not any(answer["serial_complainer"].to_pylist())


def test_actions_and_reasons():
    view = pa.table(
        {
            "customer_id": [*"abcdefgh"],
            "transactions_orders": [20] * 8,
            "tickets_n": [18, 18, 18, 0, 0, 0, 0, 18],
            "transactions_returned": [18, 18, 0, 18, 18, 0, 0, 18],
            "profit": [-5.0, -5.0, 7.0, 6.0, 90.0, 8.0, -1.0, None],
            "feedback_mean_score": [None, None, None, None, 9.0, 9.0, None, None],
            "feedback_n": [0, 0, 0, 0, 1, 1, 0, 0],
        }
    )
    answer, said = review(view, protected=["b", "z"])
    assert said == ["relationship_review: 1 of the 2 ids in protected are of nobody in customers."]
    got = dict(zip(answer["action"].to_pylist(), answer["reason"].to_pylist(), strict=True))
    assert answer["action"].to_pylist() == [
        "end", "repair", "repair", "reprice", "keep", "grow", "reprice", "repair",
    ]  # fmt: skip
    assert answer["reason"].to_pylist() == [
        "serial complainer, heavy returner, loses money",
        "serial complainer, heavy returner, loses money, protected",
        "serial complainer",
        "heavy returner",
        "heavy returner, valuable, satisfied",
        "valuable, satisfied",
        "loses money",
        "serial complainer, heavy returner, profit unknown",
    ]
    assert got["end"].startswith("serial complainer")
    assert answer["deal_seeker"].to_pylist() == [None] * 8
    assert answer["innovator_rate"].to_pylist() == [None] * 8


def test_rules_may_be_changed():
    view = pa.table(
        {"customer_id": [1, 2], "visits": [20, 20], "scolded": [20, 0], "profit": [-1.0, 1.0]}
    )
    rules = crm.customers.review_rules()
    row = rules["rule"] == "disruptive"
    rules.loc[row, ["numerator", "denominator", "action"]] = ["scolded", "visits", "keep"]
    rules.loc[rules["rule"] == "end", "threshold"] = 1
    answer, _ = review(view, rules=pa.Table.from_pandas(rules))
    assert answer["disruptive"].to_pylist() == [True, False]
    assert answer["action"].to_pylist() == ["end", "keep"]


@pytest.mark.parametrize("how", ["list", "array", "series", "polars", "table", "column", "unknown"])
def test_ways_to_protect(how):
    view = pa.table({"customer_id": [1, 2], "safe": pa.array([how == "column" or None, False])})
    ways = {
        "list": [1], "array": np.array([1]), "series": pd.Series([1], index=[7]),
        "polars": pl.Series([1]), "table": pa.table({"customer_id": [1]}),
    }  # fmt: skip
    answer, _ = review(view, protected=ways.get(how, "safe"))
    assert answer["protected"].to_pylist() == [True, False]


def test_same_on_every_engine(make_eager, plain):
    tables = {
        "transactions": made("transactions", [("a", 1, 1, 10.0, 4.0, "p"), ("b", 9, 2, 5.0, 0, "q"),
                                              ("a", 5, 1, -3.0, 0.0, "p")]),
        "tickets": made("tickets", [("a", 2, True), ("c", 3, False)]),
        "payments": made("payments", [("b", 3, None), ("b", 4, 4)]),
        "feedback": made("feedback", [("c", 1, 9)]),
        "profit": pa.table({"customer_id": ["a", "b"], "profit": [-2.0, 8.0]}),
    }  # fmt: skip
    want, _ = review(**tables, as_of=AS_OF)
    answer, _ = review(
        make_eager(pa.table({"customer_id": ["c", "a", "b"]})),
        **{name: make_eager(table) for name, table in tables.items()}, as_of=AS_OF,
    )  # fmt: skip
    assert isinstance(answer, type(make_eager(tables["profit"])))
    pd.testing.assert_frame_equal(plain(answer), plain(want), check_dtype=False)
    assert plain(want)["action"].tolist() == ["reprice", "keep", "grow"]


def test_returns_of_their_own_table():
    lines = made("transactions", [("a", 1, 1, 9.0, 0.0, "p"), ("a", 2, 2, 9.0, 0.0, "p")])
    back = pa.table({"customer_id": ["a", "a", "a"], "date": moments([3, 3, 25])})
    answer, _ = review(transactions=lines, returns=back, as_of=AS_OF)
    assert answer["heavy_returner_numerator"].to_pylist() == [1, 0, 0]
    assert answer["heavy_returner_denominator"].to_pylist() == [2, 0, 0]
    assert answer["heavy_returner_rate"].to_pylist()[1:] == [None, None]
    assert answer["heavy_returner"].to_pylist() == [False] * 3


def rules_with(rule, **changes):
    rules = crm.customers.review_rules().astype({"threshold": object, "min_count": object})
    for name, value in changes.items():
        rules.loc[rules["rule"] == rule, name] = value
    return rules


CUSTOMERS = pd.DataFrame({"customer_id": [1, 2]})
TICKETS = made("tickets", [("a", 1, True)])


@pytest.mark.parametrize(
    ("customers", "options", "error", "sentence"),
    [
        (None, {"tickets": TICKETS}, OptionError, "as_of must be a day where tickets is handed"),
        (pa.table({"customer_id": ["a", "a"]}), {}, DataError, "customers has several rows for 1"),
        (pa.table({"customer_id": [1]}), {"tickets": TICKETS, "as_of": AS_OF}, ColumnError,
         "ids in 'customer_id' are texts in tickets and numbers in customers"),
        (pa.table({"customer_id": [1], "tickets_n": [-1], "transactions_orders": [2]}), {},
         DataError, "1 of 1 values of 'tickets_n' are no counts, such as -1"),
        (pa.table({"customer_id": [1], "tickets_n": [0.5], "transactions_orders": [2]}), {},
         DataError, "1 of 1 values of 'tickets_n' are no counts, such as 0.5"),
        (pa.table({"action": [1]}), {"customer_col": "action"}, ColumnError,
         r"column 'action' \(customer_col\) has the name of a result column"),
        (None, {"protected": ["a", 2]}, OptionError, "protected must be a list of ids of one kind"),
        (None, {"protected": [1]}, OptionError, "protected holds ids such as 1"),
        (None, {"protected": "vip"}, ColumnError,
         "no column 'vip' in customers; .* Set protected to"),
        (CUSTOMERS, {"rules": crm.customers.review_rules().head(3)}, DataError,
         "rules must have one row for each"),
        (CUSTOMERS, {"rules": crm.customers.review_rules().drop(columns="action")}, ColumnError,
         r"rules has no columns \['action'\]"),
        (CUSTOMERS, {"rules": rules_with("late_payer", threshold=-1)}, OptionError,
         "rules, row 'late_payer': threshold must be a number of 0 or more; got -1"),
        (CUSTOMERS, {"rules": rules_with("late_payer", min_count=-1)}, OptionError,
         "rules, row 'late_payer': min_count must be"),
        (CUSTOMERS, {"rules": rules_with("late_payer", action="end")}, OptionError,
         "rules, row 'late_payer': action must be one of 'keep', 'grow', 'repair', 'reprice'"),
        (CUSTOMERS, {"rules": rules_with("end", action="keep")}, OptionError,
         "rules, row 'end': action must be one of 'end'"),
        (CUSTOMERS, {"rules": rules_with("late_payer", numerator="payments_lat")}, ColumnError,
         "rules name a column 'payments_lat' .* Did you mean 'payments_late'"),
        (None, {"deal_discount": 30}, OptionError, "deal_discount must be a number from 0 to 1"),
        (None, {"early_days": -1}, OptionError, "early_days must be"),
        (None, {"grace_days": 0.5}, OptionError, "grace_days must be"),
        (None, {"profit": pa.table({"customer_id": ["a", "a"], "profit": [1.0, 2.0]})}, DataError,
         "profit has several rows for 1 'customer_id'"),
        (None, {"transactions": made("transactions", [("a", 1, 1, -9.0, 0.0, "p")]),
                "returns": made("feedback", []), "as_of": AS_OF}, DataError,
         "returns was handed over, and 1 rows of transactions have an amount below 0"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(customers, options, error, sentence):
    with pytest.raises(error, match=f"^relationship_review: {sentence}"):
        review(customers, **options)


def test_complete_journey_deal_seekers():
    lines = crm.datasets.load_complete_journey().transactions
    households = pd.DataFrame({"customer_id": lines["customer_id"].unique()})

    def found(**options):
        return review(households, transactions=lines, as_of=date(2018, 1, 1), **options)[0]

    answer = found(discount_col="coupon_discount", deal_discount=0)
    # 84.51 degrees, The Complete Journey 2.0: coupons on 21,889 lines of 1,559 households
    assert (answer["deal_seeker_numerator"] > 0).sum() == 1_559
    assert answer["deal_seeker_denominator"].sum() == 155_848
    coupons = lines[lines["coupon_discount"] > 0]
    assert len(coupons) == 21_889
    assert answer["deal_seeker_numerator"].sum() == coupons["order_id"].nunique()
    # prices for holders of the card take a fifth off many baskets, and most off those of few
    shelf = found(discount_col="retail_discount", deal_discount=0.2)
    sought = shelf[shelf["deal_seeker"]]
    assert 0 < len(sought) < 0.05 * len(shelf)
    assert (sought["deal_seeker_lower"] > 0.5).all()
    assert set(shelf["action"]) <= {"keep", "grow", "reprice"}  # no profit, and so nobody's end
