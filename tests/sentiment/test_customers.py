"""Sentiment of customers: weights, shrinkage and lines by hand, and what no order may change."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.sentiment._customers import customer_sentiment

DAYS = ["2026-01-01", "2026-01-31", "2026-03-02", "2026-03-02", "2026-03-02"]
COLUMNS = ["customer_id", "mean", "lower", "upper", "last", "slope", "n", "n_negative"]
COLUMNS += ["share_negative", "last_complaint"]


def feedback(**columns):
    made = {
        "customer_id": ["a", "a", "a", "b", "b"],
        "date": pd.to_datetime(DAYS).to_pydatetime().tolist(),
        "text": ["one", "two", "three", "four", "five"],
        "compound": [-0.5, 0.25, 0.75, 0.5, 0.0],
    }
    return made | columns


def simulated(seed=0, n_customers=80):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 13, n_customers)
    truth = np.clip(rng.normal(0.1, 0.25, n_customers), -1, 1)
    who = np.repeat(np.arange(n_customers), n)
    table = pd.DataFrame(
        {
            "customer_id": who,
            "date": np.datetime64("2026-01-01", "us")
            + rng.integers(0, 360, len(who)).astype("m8[D]"),
            "text": "written",
            "compound": np.clip(truth[who] + rng.normal(0, 0.3, len(who)), -1, 1).round(4),
        }
    )
    return table, truth


def test_every_library_gets_its_own_kind_and_the_same_numbers(make_eager, plain, schema):
    table = make_eager(feedback())
    answer = customer_sentiment(table)
    assert type(answer) is type(table)
    assert list(schema(answer)) == COLUMNS
    got = plain(answer)
    assert got["customer_id"].tolist() == ["a", "b"]
    assert got["n"].tolist() == [3, 2]
    assert got["n_negative"].tolist() == [1, 0]
    assert got["share_negative"].tolist() == [pytest.approx(1 / 3), 0]
    assert got["last"].tolist() == [0.75, 0.25]  # b wrote twice on the last day: (0.5 + 0) / 2
    assert got["last_complaint"].tolist()[0] == pd.Timestamp("2026-01-01")
    assert got["last_complaint"].isna().tolist() == [False, True]


def test_mean_and_interval_are_those_of_the_formula(plain):
    got = plain(customer_sentiment(pd.DataFrame(feedback()), half_life_days=30, confidence=0.9))
    # by hand: ages 60, 30, 0 days weigh 1/4, 1/2, 1
    evidence = np.array([1.75, 2.0])
    mean = np.array([(-0.5 / 4 + 0.25 / 2 + 0.75) / 1.75, 0.25])
    plain_mean = np.array([0.5 / 3, 0.25])
    everyone = 1.0 / 5
    inside = (-0.5 - 1 / 6) ** 2 + (0.25 - 1 / 6) ** 2 + (0.75 - 1 / 6) ** 2 + 2 * 0.25**2
    within = inside / (5 - 2)
    apart = 3 * (plain_mean[0] - everyone) ** 2 + 2 * (plain_mean[1] - everyone) ** 2
    assert apart - within < 0  # they do not differ by more than chance
    centre = (evidence * mean).sum() / evidence.sum()
    assert got["mean"].tolist() == pytest.approx([centre, centre], rel=1e-12)
    half = 1.6448536269514722 * math.sqrt(within / evidence.sum())  # normal quantile of 0.95
    assert got["lower"].tolist() == pytest.approx([centre - half] * 2, rel=1e-12)


def test_customers_who_differ_keep_most_of_their_own_mean(plain):
    table = feedback(compound=[-0.9, -0.7, -0.8, 0.6, 0.8])
    got = plain(customer_sentiment(pd.DataFrame(table), half_life_days=30))
    # by hand, with the formulae of Bühlmann and Straub
    within = (0.1**2 + 0.1**2 + 0.1**2 + 0.1**2) / 3
    everyone = -1.0 / 5
    apart = 3 * (-0.8 - everyone) ** 2 + 2 * (0.7 - everyone) ** 2
    between = (apart - within) / (5 - 13 / 5)
    k = within / between
    evidence = np.array([1.75, 2.0])
    mean = np.array([(-0.9 / 4 - 0.7 / 2 - 0.8) / 1.75, 0.7])
    trust = evidence / (evidence + k)
    centre = (trust * mean).sum() / trust.sum()
    assert got["mean"].tolist() == pytest.approx(
        list(trust * mean + (1 - trust) * centre), rel=1e-12
    )
    precision = (1 / (between + within / evidence)).sum()
    variance = within / (evidence + k) + (k / (evidence + k)) ** 2 / precision
    width = 2 * 1.959963984540054 * np.sqrt(variance)
    assert (got["upper"] - got["lower"]).tolist() == pytest.approx(list(width), rel=1e-9)


def test_slope_is_that_of_weighted_least_squares(plain):
    table, _ = simulated()
    got = plain(customer_sentiment(table, as_of="2026-12-31"))
    for place in (0, 7, 30):
        mine = table[table["customer_id"] == place]
        if len(set(mine["date"])) == 1:
            assert math.isnan(got["slope"][place])
            continue
        age = (pd.Timestamp("2026-12-31") - mine["date"]).dt.days.to_numpy()
        design = sm.add_constant(-age / 30)
        fit = sm.WLS(mine["compound"].to_numpy(), design, weights=2.0 ** (-age / 90)).fit()
        assert got["slope"][place] == pytest.approx(fit.params[1], rel=1e-9)
    one_day = plain(customer_sentiment(pd.DataFrame(feedback())))
    assert one_day["slope"].isna().tolist() == [False, True]


def test_nothing_after_the_day_asked_for_is_seen(plain):
    whole, day = pd.DataFrame(feedback()), "2026-01-31"
    seen = customer_sentiment(whole, as_of=day)
    alone = customer_sentiment(whole[whole["date"] <= day], as_of=day)
    pd.testing.assert_frame_equal(seen, alone)
    assert plain(seen)["customer_id"].tolist() == ["a"]  # b had not written yet


def test_customers_of_whom_nothing_is_known_are_null(plain):
    got = plain(customer_sentiment(pd.DataFrame(feedback(compound=[-0.5, 0.2, None, None, None]))))
    assert got["n"].tolist() == [2, 0]
    unknown = ["mean", "lower", "upper", "last", "slope", "share_negative", "last_complaint"]
    assert got.loc[1, unknown].isna().all()
    assert got.loc[0, ["mean", "last", "slope"]].notna().all()
    nothing = plain(customer_sentiment(pd.DataFrame(feedback(compound=[math.nan] * 5))))
    assert nothing["n"].tolist() == [0, 0]
    assert nothing[unknown].isna().all(axis=None)


def test_a_single_text_has_no_interval_and_equal_ones_none_of_any_length(plain):
    one = plain(customer_sentiment(pd.DataFrame(feedback()).head(1)))
    assert one["mean"].tolist() == [-0.5]
    assert one[["lower", "upper"]].isna().all(axis=None)
    same = plain(customer_sentiment(pd.DataFrame(feedback(compound=[0.5] * 5))))
    assert same[["mean", "lower", "upper", "last"]].to_numpy().tolist() == [[0.5] * 4] * 2


def test_old_words_count_for_little_and_the_mean_goes_back_to_that_of_all(plain):
    table, _ = simulated()
    first = table.assign(
        date=table["date"].where(table["customer_id"] > 0, pd.Timestamp("1990-01-01"))
    )
    got = plain(customer_sentiment(first, as_of="2026-12-31"))
    centre = got["mean"].mean()
    assert got["mean"][0] == pytest.approx(centre, abs=0.05)
    # less known of nobody than of the one who wrote long ago
    assert (got["upper"] - got["lower"]).idxmax() == 0


def test_weights_too_small_for_a_number_do_no_harm(plain):
    table = pd.DataFrame(feedback())
    got = plain(customer_sentiment(table, as_of="2950-01-01", half_life_days=0.1))
    assert got["mean"].between(-1, 1).all()
    assert got["slope"].notna().tolist() == [True, False]


def test_each_with_one_text_takes_half_of_the_variance_for_chance(plain):
    table = feedback(customer_id=list("abcde"), date=[pd.Timestamp("2026-03-02")] * 5)
    got = plain(customer_sentiment(pd.DataFrame(table)))
    # k is 1, weights are 1, the mean of all is 0.2: half way to it
    assert got["mean"].tolist() == pytest.approx([-0.15, 0.225, 0.475, 0.35, 0.1], rel=1e-12)


def test_intervals_hold_the_truth():
    hits = []
    for seed in range(12):
        table, truth = simulated(seed)
        got = customer_sentiment(table, as_of="2026-12-31")
        hits.append(got["lower"].le(truth) & got["upper"].ge(truth))
    assert 0.93 <= np.mean(hits) <= 0.99  # 960 customers at 0.95


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4), st.integers(0, 400),
            st.one_of(st.none(), st.floats(-1, 1, allow_subnormal=False)),
        ),
        min_size=1, max_size=30,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_order_and_names_are_nothing_and_shares_are_shares(rows, random):
    columns = ("customer_id", "day", "compound")
    table = pd.DataFrame(rows, columns=columns).astype({"compound": "float64"})
    table["date"] = np.datetime64("2026-01-01", "us") + table.pop("day").to_numpy().astype("m8[D]")
    table["text"] = "written"
    answer = customer_sentiment(table)
    order = list(range(len(table)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(customer_sentiment(table.iloc[order]), answer)
    names = dict(zip(range(5), "ecadb", strict=True))
    renamed = customer_sentiment(table.assign(customer_id=table["customer_id"].map(names)))
    back = renamed.set_index("customer_id").loc[[names[one] for one in answer["customer_id"]]]
    pd.testing.assert_frame_equal(
        back.reset_index(drop=True), answer.drop(columns="customer_id"), check_exact=True
    )
    assert answer["share_negative"].dropna().between(0, 1).all()
    assert answer["n"].sum() == table["compound"].notna().sum()
    known = answer.dropna(subset=["lower"])
    assert (known["lower"] <= known["mean"] + 1e-12).all()
    assert (known["mean"] <= known["upper"] + 1e-12).all()


def test_equal_customers_have_equal_scores(plain):
    table, _ = simulated(3, 20)
    twins = pd.concat([table, table.assign(customer_id=table["customer_id"] + 100)])
    got = plain(customer_sentiment(twins, as_of="2026-12-31")).drop(columns="customer_id")
    pd.testing.assert_frame_equal(got[:20], got[20:].reset_index(drop=True), check_exact=True)


def test_texts_are_scored_where_there_are_no_scores(plain):
    table = pd.DataFrame(feedback(text=["awful", "good", "great", "good", "Москва"]))
    got = plain(customer_sentiment(table.drop(columns="compound")))
    assert got["n"].tolist() == [3, 1]  # one is of a language that is not known
    assert got["n_negative"].tolist() == [1, 0]


BAD = {
    "life": ({"half_life_days": 0}, {}, OptionError, r"half_life_days must be a number of 0\.1 or"),
    "confidence": ({"confidence": 95}, {}, OptionError, "confidence must lie between 0 and 1"),
    "language": ({"language": "french"}, {}, OptionError, "language must be one of 'auto'"),
    "day": ({"as_of": "2025-01-01"}, {}, OptionError, "as_of 2025-01-01 is before the first date"),
    "range": ({}, {"compound": [2.0, 0, 0, 0, 0]}, DataError, "1 of 5 values in column 'compound'"),
    "words": ({}, {"compound": list("abcde")}, ColumnError, "column 'compound' .* not numbers"),
    "null": ({}, {"customer_id": ["a", None, "a", "b", "b"]}, DataError, "customer_id"),
    "name": ({"customer_col": "mean"}, {"mean": list("aaabb")}, ColumnError, "name of a result"),
}


@pytest.mark.parametrize(("options", "columns", "error", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(options, columns, error, sentence):
    with pytest.raises(error, match=rf"^customer_sentiment: .*{sentence}"):
        customer_sentiment(pd.DataFrame(feedback(**columns)), **options)


def test_an_empty_table(make_eager, plain):
    empty = make_eager(feedback())[:0]
    assert plain(customer_sentiment(empty, as_of="2026-01-01")).columns.tolist() == COLUMNS
    with pytest.raises(DataError, match=r"^customer_sentiment: feedback has no rows"):
        customer_sentiment(empty)
