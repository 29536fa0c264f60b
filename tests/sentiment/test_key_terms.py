"""Terms that set groups apart, against the formulae of the paper."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.feature_extraction.text import CountVectorizer

import crmlytics as crm
from crmlytics.errors import ColumnError, OptionError
from crmlytics.sentiment._key_terms import key_terms

TEXTS = ["fast delivery", "late again", "fast and kind", "late", "don't be late", None]
FEEDBACK = {"text": TEXTS, "glad": [1, 0, 1, 0, 0, 1]}
COLUMNS = ["term", "log_odds", "lower", "upper", "z", "q_value", "n", "n_other"]


@pytest.fixture(scope="module")
def english():
    feedback = crm.datasets.simulate_shop(n_customers=900).feedback
    feedback = feedback[feedback["language"] == "en"].reset_index(drop=True)
    return feedback.assign(glad=feedback["true_polarity"] > 0)


def _by_hand(texts, group):
    """Monroe, Colaresi and Quinn (2008), equations 15 to 22, with sklearn's counts."""
    pattern = r"\b\w[\w']+\b"
    vectorizer = CountVectorizer(ngram_range=(1, 2), min_df=5, token_pattern=pattern)
    counts = vectorizer.fit_transform(texts).toarray()
    y1, y0 = counts[group].sum(axis=0), counts[~group].sum(axis=0)
    a = 500 * (y1 + y0) / (y1 + y0).sum()
    n1, n0 = y1.sum(), y0.sum()
    delta = np.log((y1 + a) / (n1 + 500 - y1 - a)) - np.log((y0 + a) / (n0 + 500 - y0 - a))
    error = np.sqrt(1 / (y1 + a) + 1 / (y0 + a))
    return pd.DataFrame(
        {"log_odds": delta, "z": delta / error, "lower": delta - norm.ppf(0.975) * error, "n": y1},
        index=vectorizer.get_feature_names_out(),
    )


def test_equals_the_formula_with_the_counts_of_sklearn(english):
    got = key_terms(english, by="glad").set_index("term")
    wanted = _by_hand(english["text"], english["glad"].to_numpy())
    assert set(got.index) == set(wanted.index)
    for name in wanted:
        assert got[name].to_numpy() == pytest.approx(wanted.loc[got.index, name].to_numpy())
    assert got["z"].is_monotonic_decreasing
    assert got["glad"].all()  # the last of two groups is the one compared


def test_every_library_gets_its_own_kind_and_the_same_numbers(make_eager, plain, schema):
    table = make_eager(FEEDBACK)
    answer = key_terms(table, by="glad", min_count=2)
    assert type(answer) is type(table)
    assert list(schema(answer)) == ["glad", *COLUMNS]
    got = plain(answer)
    assert got["term"].tolist() == ["fast", "late"]
    assert got["n"].tolist() == [2, 0]
    assert got["n_other"].tolist() == [0, 3]
    # by hand: a = 500 * 2 / 5 = 200 and 300; N + A = 502 and 503
    fast = np.log(202 / (502 - 202)) - np.log(200 / (503 - 200))
    assert got["log_odds"].to_numpy() == pytest.approx([fast, -fast])
    z = fast / np.sqrt(1 / 202 + 1 / 200)
    assert got["z"][0] == pytest.approx(z)
    low = -fast / np.sqrt(1 / 300 + 1 / 303)
    # Benjamini and Hochberg: both get the greater of p_2 and 2 p_1
    p = sorted(2 * norm.sf(np.abs([z, low])))
    assert got["q_value"].max() == pytest.approx(min(p[1], 1))


def test_words_keep_their_apostrophes():
    got = key_terms(pd.DataFrame(FEEDBACK), by="glad", min_count=1)
    assert {"don't", "don't be"} <= set(got["term"])


def test_more_groups_are_each_compared_with_the_rest(english):
    got = key_terms(english, by="true_aspect", top=3)
    assert got["true_aspect"].unique().tolist() == [
        "app",
        "delivery",
        "price",
        "quality",
        "service",
    ]
    best = got.groupby("true_aspect")["term"].first()
    assert best["delivery"] in {"delivery", "parcel", "the parcel"}
    assert best["service"] in {"service", "customer", "customer service"}
    sides = got.groupby(["true_aspect", got["z"] > 0]).size()
    assert (sides <= 3).all()
    alone = english.assign(one=english["true_aspect"] == "price")
    two, five = (key_terms(alone, by=by) for by in ("one", "true_aspect"))
    five = five[five["true_aspect"] == "price"].reset_index(drop=True)
    rest = ["term", "log_odds", "z", "n", "n_other"]
    pd.testing.assert_frame_equal(two[rest], five[rest])


def test_rows_with_an_unknown_group_are_left_out(english):
    holes = english.assign(glad=english["glad"].where(english.index % 3 > 0, None))
    kept = holes.dropna(subset="glad")
    one, other = (key_terms(table, by="glad") for table in (holes, kept))
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_persian_and_hebrew_words():
    texts = ["ارسال خوب بود", "ارسال بد", "קנייה טובה", "קנייה רעה"]
    table = pd.DataFrame({"text": texts, "g": [0, 1, 0, 1]})
    assert set(key_terms(table, by="g", min_count=2)["term"]) == {"ارسال", "קנייה"}


@pytest.mark.parametrize("glad", [[1, 1, 1, 1, 1, 1], [None] * 6])
def test_a_single_group_has_nothing_to_be_compared_with(glad):
    got = key_terms(pd.DataFrame(FEEDBACK | {"glad": glad}), by="glad")
    assert list(got.columns) == ["glad", *COLUMNS]
    assert len(got) == 0


def test_no_frequent_term_is_no_row():
    assert len(key_terms(pd.DataFrame(FEEDBACK), by="glad", min_count=50)) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text("abc ", min_size=1, max_size=12), st.booleans()), min_size=2))
def test_turning_the_groups_turns_the_sign(rows):
    table = pd.DataFrame(rows, columns=["text", "group"])
    turned = table.assign(group=~table["group"])
    one, other = (
        key_terms(each, by="group", min_count=1).set_index("term") for each in (table, turned)
    )
    other = other.loc[one.index]
    assert one["z"].to_numpy() == pytest.approx(-other["z"].to_numpy(), nan_ok=True)
    assert one["n"].tolist() == other["n_other"].tolist()
    assert (one["lower"].isna() | (one["lower"] < one["upper"])).all()


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"by": "mood"}, ColumnError, "mood"),
        ({"by": None}, OptionError, "key_terms: by is None. Name the column of the groups."),
        (
            {"by": "glad", "min_count": 0},
            OptionError,
            "key_terms: min_count must be a whole number of 1 or more; got 0.",
        ),
        (
            {"by": "glad", "top": 0},
            OptionError,
            "key_terms: top must be a whole number of 1 or more; got 0.",
        ),
        ({"by": "glad", "confidence": 95}, OptionError, "confidence must lie between 0 and 1"),
        ({"by": "glad", "language": "fr"}, OptionError, "language must be one of"),
    ],
)
def test_bad_input(options, error, sentence):
    with pytest.raises(error) as raised:
        key_terms(pd.DataFrame(FEEDBACK), **options)
    assert sentence in str(raised.value)


def test_a_group_cannot_have_the_name_of_a_result():
    with pytest.raises(ColumnError, match="has the name of a result column"):
        key_terms(pd.DataFrame({"text": ["a"], "term": ["b"]}), by="term")
