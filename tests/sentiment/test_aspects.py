"""Aspects: suggested, listed, found in texts and scored clause by clause."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.sentiment import _clauses, _forms
from crmlytics.sentiment._aspect_table import common_aspects
from crmlytics.sentiment._aspects import score_aspects
from crmlytics.sentiment._suggest_aspects import suggest_aspects

TEXTS = [
    "Great food, but the waiters were rude.",
    "قیمت عالی بود ولی ارسال خیلی بد بود",
    "השירות מעולה אבל המשלוח גרוע",
    None,
    "The food came on Monday.",
    "Очень вкусно",
]
FEEDBACK = {"customer_id": list(range(len(TEXTS))), "text": TEXTS}
ASPECTS = {
    "food": ["food"],
    "service": "waiter | service | שירות",
    "price": ["price", "قیمت"],
    "delivery": ["ارسال", "משלוח"],
    "taste": ["вкусно"],
}


@pytest.fixture(scope="module")
def shop():
    return crm.datasets.simulate_shop(n_customers=500).feedback.reset_index(drop=True)


def test_every_library_gets_its_own_kind_and_the_same_rows(make_eager, plain, schema):
    table = make_eager(FEEDBACK)
    answer = score_aspects(table, aspects=ASPECTS)
    assert type(answer) is type(table)
    assert list(schema(answer)) == ["row", "aspect", "clause", "compound", "label", "scope"]
    got = plain(answer)
    found = list(zip(got["row"], got["aspect"], got["label"], strict=True))
    assert found[:6] == [
        (0, "food", "positive"),
        (0, "service", "negative"),
        (1, "delivery", "negative"),
        (1, "price", "positive"),
        (2, "delivery", "negative"),
        (2, "service", "positive"),
    ]
    assert got["clause"][0] == "Great food"
    assert found[6] == (4, "food", "neutral")
    assert len(got) == 8
    assert got["compound"].isna().tolist() == [False] * 7 + [True]  # a language not known
    assert got["label"].isna()[7]


@pytest.mark.parametrize(
    ("text", "clause", "scope"),
    [
        ("The food was good, the waiter was slow.", "The food was good", "clause"),
        # what mentions no aspect belongs to what does
        (
            "Here as there, the food is food, thank you",
            "Here as there, the food is food, thank you",
            "clause",
        ),
        # no known word between the commas: the clause
        (
            "The food, service and waiter were great; I paid.",
            "The food, service and waiter were great",
            "clause",
        ),
        (
            "The food, here as there, was good; I paid.",
            "The food, here as there, was good",
            "clause",
        ),
        # none in the clause: the sentence
        (
            "We had the food, but the day was awful.",
            "We had the food, but the day was awful.",
            "sentence",
        ),
        # none in the sentence: the whole text
        ("We had the food. It was awful.", "We had the food. It was awful.", "text"),
        # the other clause, or sentence, speaks of another aspect
        ("We had the food, but the service was awful.", "We had the food", "clause"),
        ("We had the food. The service was awful.", "We had the food.", "clause"),
    ],
)
def test_the_smallest_part_with_a_known_word_is_scored(text, clause, scope):
    got = score_aspects(pd.DataFrame({"text": [text]}), aspects=ASPECTS)
    food = got[got["aspect"] == "food"]
    assert food["clause"].tolist() == [clause]
    assert food["scope"].tolist() == [scope]


def test_several_clauses_on_one_aspect_are_averaged():
    texts = ["The food was good. The food was awful.", "The food was good.", "The food was awful."]
    got = score_aspects(pd.DataFrame({"text": texts}), aspects=ASPECTS)
    assert got["compound"][0] == pytest.approx(got["compound"][1:].mean())
    assert got["clause"][0] == "The food was good. … The food was awful."


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Good, but 3.5 stars; see a.b", ["Good", "3.5 stars", "see a.b"]),
        ("However it works, Butter is fine", ["it works, Butter is fine"]),
        ("خوب بود اما گران؛ امایی", ["خوب بود", "گران", "امایی"]),
        ("טוב אבל יקר", ["טוב", "יקר"]),
    ],
)
def test_clauses(text, parts):
    assert _clauses.clauses(text) == parts


def test_sentences_keep_their_marks_and_emoji():
    assert _clauses.sentences("Good! 😍 Bad?! Yes... no") == ["Good!", "😍 Bad?!", "Yes...", "no"]
    assert _clauses.sentences("Good! 😍") == ["Good! 😍"]
    assert _clauses.sentences("؟ ... ") == []


@pytest.mark.parametrize(
    ("word", "language", "form"),
    [
        ("price", "en", "prices"),
        ("delivery", "en", "deliveries"),
        ("box", "en", "boxes"),
        ("قیمت", "fa", "قیمت‌ها"),
        ("قیمت", "fa", "قیمتش"),
        ("بسته", "fa", "بسته‌ام"),
        ("משלוח", "he", "והמשלוח"),
        ("חבילה", "he", "חבילות"),
        ("מחיר", "he", "המחירים"),
    ],
)
def test_inflected_forms(word, language, form):
    assert form in _forms.forms(word, language)
    assert word in _forms.forms(word, language)


@given(st.text(alphabet="abc .,;!?\nbut ولی אבל", max_size=60))
def test_splitting_loses_no_letter(text):
    joints = {"but", "ولی", "אבל", "אלא"}
    left = [
        word
        for sentence in _clauses.sentences(text)
        for clause in _clauses.clauses(sentence)
        for piece in _clauses.pieces(clause)
        for word in "".join(each if each.isalnum() else " " for each in piece).split()
    ]
    plain = "".join(each if each.isalnum() else " " for each in text).split()
    assert [word for word in left if word not in joints] == [
        word for word in plain if word not in joints
    ]


def test_a_table_of_aspects_may_be_for_one_language(make_eager, plain):
    aspects = make_eager(
        {
            "aspect": ["pay", "pay"],
            "terms": ["money, cash | credit card", "پول"],
            "language": ["en", "fa"],
        }
    )
    table = make_eager(
        {"text": ["Good credit cards", "Bad credit", "پول خوب", "money خیلی خوب بود"]}
    )
    assert plain(score_aspects(table, aspects=aspects))["row"].tolist() == [0, 2]


def test_the_simulated_shop(shop):
    scored = score_aspects(shop, aspects=common_aspects())
    joined = scored.merge(shop.reset_index(names="row"), on="row")
    true = joined[joined["aspect"] == joined["true_aspect"]]
    assert true["row"].nunique() / len(shop) > 0.94
    clear = true[true["true_polarity"] != 0]
    sign = np.sign(clear["compound"].where(clear["compound"].abs() >= 0.05, 0))
    right = sign == clear["true_polarity"]
    assert (right.groupby(clear["language"]).mean() > FLOOR).all()


FLOOR = 0.9


def test_order_of_rows_is_nothing(shop):
    turned = shop[::-1].reset_index(drop=True)
    one, other = (score_aspects(table, aspects=common_aspects()) for table in (shop, turned))
    other = other.assign(row=len(shop) - 1 - other["row"])
    other = other.sort_values(["row", "aspect"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(suggest_aspects(shop), suggest_aspects(turned))


def test_suggested_aspects_of_the_shop(shop):
    found = suggest_aspects(shop, min_count=5)
    names = {each: set(found[found["language"] == each]["aspect"]) for each in ("en", "fa", "he")}
    assert {"service", "price", "quality", "delivery", "website", "app", "parcel"} <= names["en"]
    assert {"محصول", "قیمت", "کیفیت", "سایت", "پشتیبانی", "ارسال"} <= names["fa"]
    assert {"מוצר", "משלוח", "אתר", "איכות"} <= names["he"]
    assert not {"good", "very", "fast", "the", "خوب", "خیلی", "טוב", "מאוד"} & set().union(
        *names.values()
    )
    assert (found["n"] >= 5).all()
    again = score_aspects(shop, aspects=found)
    assert set(again["aspect"]) == set(found["aspect"])


def test_suggestions_have_a_limit_and_may_be_none(make_eager, plain, schema):
    table = make_eager({"text": ["The room was nice", "My room", "A bad room and a desk", None]})
    got = plain(suggest_aspects(table, min_count=1, top=1))
    assert got.to_dict("list") == {
        "aspect": ["room"],
        "language": ["en"],
        "terms": ["room"],
        "n": [3],
    }
    nothing = suggest_aspects(table, min_count=9)
    assert len(plain(nothing)) == 0
    assert list(schema(nothing)) == ["aspect", "language", "terms", "n"]


def test_common_aspects_are_tidy():
    table = common_aspects()
    assert list(table.columns) == ["aspect", "language", "terms"]
    assert table.groupby("language")["aspect"].nunique().tolist() == [13, 13, 13]
    assert {"app", "delivery", "price", "quality", "service", "taste"} <= set(table["aspect"])
    for terms in table["terms"]:
        split = terms.split(" | ")
        assert len(split) == len(set(split)) >= 5
    assert set(common_aspects("he")["language"]) == {"he"}


@pytest.mark.parametrize(
    ("aspects", "error", "sentence"),
    [
        (
            {},
            DataError,
            "score_aspects: aspects is empty. Give a table of aspects and terms, "
            "such as common_aspects() returns.",
        ),
        (
            {"a": 3},
            DataError,
            "score_aspects: the terms of 'a' in aspects are 3. Give words and "
            "phrases separated by '|', or a list of them.",
        ),
        (
            {"a": "|"},
            DataError,
            "score_aspects: 'a' in aspects has no term. Add one, or drop the aspect.",
        ),
        (
            {" ": "b"},
            DataError,
            "score_aspects: aspects has the name ' '. Give each aspect a name of text.",
        ),
        (pd.DataFrame({"aspect": ["a"]}), ColumnError, "score_aspects: .*'terms'"),
        (
            pd.DataFrame({"aspect": ["a"], "terms": ["b"], "language": ["fr"]}),
            DataError,
            "score_aspects: aspects has the language 'fr'. Use 'en', 'fa' or 'he', "
            "or leave it null for all.",
        ),
    ],
)
def test_bad_aspects(aspects, error, sentence):
    with pytest.raises(error) as raised:
        score_aspects(pd.DataFrame(FEEDBACK), aspects=aspects)
    if ".*" in sentence:
        assert sentence.split(".*")[1] in str(raised.value)
    else:
        assert str(raised.value) == sentence


def test_bad_options():
    table = pd.DataFrame(FEEDBACK)
    with pytest.raises(OptionError, match="language must be one of"):
        score_aspects(table, aspects=ASPECTS, language="fr")
    with pytest.raises(OptionError, match="flavour must be"):
        score_aspects(table, aspects=ASPECTS, flavour="vaders")
    with pytest.raises(OptionError, match="min_count must be a whole number of 1 or more; got 0"):
        suggest_aspects(table, min_count=0)
    with pytest.raises(ColumnError, match="customer_id"):
        suggest_aspects(table, text_col="customer_id")
    with pytest.raises(OptionError, match="common_aspects: language must be one of"):
        common_aspects("auto")
