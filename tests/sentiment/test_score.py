"""Scores of tables in three languages: what goes in, what comes out, what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

VADER = SentimentIntensityAnalyzer()
TEXTS = [
    "I don't like it",
    "خیلی خوب بود",
    "שירות מעולה",
    "Очень хорошо",
    "",
    None,
    "Great service, but the food was awful!",
]
FEEDBACK = {"customer_id": list(range(len(TEXTS))), "text": TEXTS}
ADDED = ["language", "compound", "positive", "neutral", "negative", "label", "coverage"]


def test_every_library_gets_its_own_kind_and_the_same_numbers(make_eager, plain, schema):
    table = make_eager(FEEDBACK)
    answer = crm.sentiment.score_sentiment(table)
    assert type(answer) is type(table)
    assert list(schema(answer)) == [*FEEDBACK, *ADDED, "abstained"]
    got = plain(answer)
    assert got["language"].tolist()[:3] == ["en", "fa", "he"]
    # vaderSentiment 3.3.2
    assert got["compound"][[0, 6]].tolist() == [
        VADER.polarity_scores(TEXTS[row])["compound"] for row in (0, 6)
    ]
    assert got["label"].tolist()[:3] == ["negative", "positive", "positive"]


def test_an_unknown_language_is_null_and_never_neutral(plain):
    got = plain(crm.sentiment.score_sentiment(pd.DataFrame(FEEDBACK)))
    for row in (3, 4):  # Russian, and nothing written
        assert got.loc[row, ["language", "compound", "positive", "label"]].isna().all()
        assert got.loc[row, "coverage"] == 0
        assert got.loc[row, "abstained"]
    assert got.loc[5, ADDED].isna().all()
    assert got.loc[5, "abstained"]


def test_empty_texts_in_a_given_language_are_what_vader_says(plain):
    got = plain(crm.sentiment.score_sentiment(pd.DataFrame({"text": [""]}), language="en"))
    assert VADER.polarity_scores("")["compound"] == got["compound"][0] == 0
    assert got["label"].tolist() == ["neutral"]


def test_emoji_without_words_have_no_language_and_a_score(plain):
    table = pd.DataFrame({"text": ["😍😍", ":)", "12345", "?!"]})
    got = plain(crm.sentiment.score_sentiment(table, flavour="improved"))
    assert got["language"].isna().all()
    assert got["label"].tolist()[:2] == ["positive", "positive"]
    assert got["label"][2:].isna().all()


def test_abstention_by_coverage(plain):
    table = pd.DataFrame({"text": ["good", "the table was delivered good on Monday"]})
    got = plain(crm.sentiment.score_sentiment(table, language="en", min_coverage=0.5))
    assert got["coverage"].tolist() == [1, pytest.approx(1 / 7)]
    assert got["abstained"].tolist() == [False, True]
    assert got["label"].isna().tolist() == [False, True]
    assert got["compound"].notna().all()  # the number is there for those who want it


def test_a_column_of_languages_stands_above_detection(plain):
    table = pd.DataFrame({"text": ["good", "good", "good"], "lang": ["en", "de", None]})
    got = plain(crm.sentiment.score_sentiment(table, language_col="lang"))
    assert got["label"].isna().tolist() == [False, True, True]
    with pytest.raises(OptionError, match=r"^score_sentiment: .* are both given"):
        crm.sentiment.score_sentiment(table, language="en", language_col="lang")


def test_own_words_and_phrases_by_language_and_domain(plain):
    table = pd.DataFrame(
        {"text": ["It is lengthy", "Please kindly reply", "out of stock", "sick beat"],
         "shop": ["a", "a", "b", "music"]}
    )  # fmt: skip
    words = {"lengthy": -2, "kindly": 0, "out of stock": -2.5}
    got = plain(crm.sentiment.score_sentiment(table, language="en", lexicon=words))
    # compound = S / sqrt(S^2 + 15): -2, and -2.5
    assert got["compound"][0] == round(-2 / 19**0.5, 4)
    assert got["compound"][2] == round(-2.5 / (2.5**2 + 15) ** 0.5, 4)
    assert got["label"].tolist()[0] == "negative"
    special = pd.DataFrame(
        {"term": ["sick", "sick"], "valence": [3.0, -3.0], "domain": ["music", None]}
    )
    options = {"language": "en", "lexicon": special, "domain_col": "shop"}
    got = plain(crm.sentiment.score_sentiment(table, **options))
    assert got["label"][3] == "positive"
    got = plain(crm.sentiment.score_sentiment(table.assign(shop="a"), **options))
    assert got["label"][3] == "negative"


@pytest.mark.parametrize("flavour", ["vader", "improved"])
def test_explanations_add_up(flavour, plain):
    table = pd.DataFrame({"text": [text for text in TEXTS if text]})
    scores = plain(crm.sentiment.score_sentiment(table, flavour=flavour))
    parts = plain(crm.sentiment.explain_sentiment(table, flavour=flavour))
    raw = parts.groupby("row")["contribution"].sum().reindex(range(len(table)), fill_value=0)
    # Hutto and Gilbert 2014: compound = S / sqrt(S^2 + 15)
    want = raw / np.sqrt(raw**2 + 15)
    known = scores["compound"].notna()
    np.testing.assert_allclose(scores["compound"][known], want[known], atol=5.1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=6))
def test_any_text_has_an_answer(texts):
    scores = crm.sentiment.score_sentiment(pd.DataFrame({"text": texts}), flavour="improved")
    known = scores["compound"].dropna()
    assert known.between(-1, 1).all()
    assert scores["coverage"].between(0, 1).all()
    assert (scores["label"].isna() == scores["abstained"]).all()


def test_a_million_letters_and_mixed_scripts():
    texts = ["bad " * 250_000, "خوب " * 250_000, "טוב " * 250_000, "good خوب טוב", "a" * 1_000_000]
    scores = crm.sentiment.score_sentiment(pd.DataFrame({"text": texts}), flavour="improved")
    assert scores["label"].tolist()[:3] == ["negative", "positive", "positive"]


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        ({"text": [1, 2]}, {}, ColumnError, r"column 'text' \(text_col\) holds .* not text"),
        ({"text": ["a", 2]}, {}, ColumnError, r"column 'text' \(text_col\) holds .* not text"),
        ({}, {"text_col": "txt"}, ColumnError, r"no column 'txt' .* Did you mean text_col='text'"),
        ({}, {"flavour": ["but"]}, OptionError, "a list of names from sentiment_switches"),
        ({}, {"flavour": 3}, OptionError, "flavour must be"),
        ({}, {"language": "fr"}, OptionError, "language must be one of"),
        ({}, {"lexicon": {"bad": 9}}, DataError, "valence of 'bad' in lexicon is 9"),
        ({}, {"lexicon": {"": 1}}, DataError, "has a term ''"),
        ({}, {"lexicon": {"a": 1, "A": 2}}, DataError, "names 1 terms twice"),
        ({}, {"lexicon": {"a": "b"}}, DataError, "valence of 'a' in lexicon is 'b'"),
        (
            {},
            {"lexicon": pd.DataFrame({"term": ["a"], "valence": [1.0], "language": ["de"]})},
            DataError,
            "has the language 'de'",
        ),
        (
            {},
            {"lexicon": pd.DataFrame({"term": [1], "valence": [1.0]})},
            ColumnError,
            "column 'term' of lexicon",
        ),
    ],
)
def test_bad_input_is_one_sentence(change, options, error, sentence):
    table = pd.DataFrame({"text": ["good", "bad"]} | change)
    for function in (crm.sentiment.score_sentiment, crm.sentiment.explain_sentiment):
        with pytest.raises(error, match=rf"^{function.__name__}: .*{sentence}"):
            function(table, **options)


def test_nothing_but_nulls():
    table = pd.DataFrame({"text": [None, None]}, dtype=object)
    scores = crm.sentiment.score_sentiment(table)
    assert scores["label"].isna().all()
    assert len(crm.sentiment.explain_sentiment(table)) == 0
