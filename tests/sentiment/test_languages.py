"""Clean texts, languages, and the engine of Persian and Hebrew."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.datasets import _feedback
from crmlytics.datasets._templates import ASPECTS
from crmlytics.errors import ColumnError
from crmlytics.sentiment import _lexical, _lists, _scored, _tokens
from crmlytics.sentiment._lexicon import Lexicon

WORDS = {1: "positive", 0: "neutral", -1: "negative"}


def label(text, language):
    return _scored.labels(_lexical.score([text], language=language).compound)[0]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("كتاب خيلي", "کتاب خیلی"),  # Arabic kaf and yeh
        ("خانۀ ما", "خانه ما"),
        ("۱۲۳ ٤٥٦", "123 456"),
        ("عاااالی", "عاالی"),
        ("سلامٌ", "سلام"),
        ("کـتـاب", "کتاب"),  # tatweel
        ("می\u200cخواهم", "می\u200cخواهم"),  # the non-joiner stays
        ("شָלוֹם", "شלום"),
        ("שָׁלוֹם", "שלום"),
        ("\u202bטוב\u202c", "טוב"),
        ("don’t", "don't"),
        ("100000", "100000"),  # digits are no emphasis
        ("«خوب»", '"خوب"'),
        ("", ""),
    ],
)
def test_normalised_by_hand(text, want):
    assert crm.sentiment.normalise_text(text) == want


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_normalising_twice_changes_nothing(text):
    once = crm.sentiment.normalise_text(text)
    assert crm.sentiment.normalise_text(once) == once


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Great!", "en"),
        ("I didn't like it at all", "en"),
        ("café and crêpes are lovely", "en"),
        ("خیلی خوب بود", "fa"),
        ("ارسال سریع ممنون", "fa"),
        ("שירות מעולה", "he"),
        ("iPhone خوب بود و ارسال سریع", "fa"),
        ("Das Essen war sehr gut", None),
        ("La comida estuvo muy buena", None),
        ("Le service est très bon et rapide", None),
        ("Ürün çok güzel ve hızlı geldi", None),
        ("هذا المنتج ممتاز جدا والخدمة رائعة", None),
        ("یہ بہت اچھا ہے", None),
        ("Очень хорошо", None),
        ("とても良い", None),
        ("12345 !!!", None),
        ("", None),
    ],
)
def test_languages(text, want):
    assert crm.sentiment.detect_language(text) == want


@pytest.mark.parametrize(
    "text",
    [
        "Danke",
        "Ich bin zufrieden",
        "Merci beaucoup",
        "Très déçu",
        "Excelente producto",
        "Ottimo prodotto",
        "Obrigada",
        "Erg goed",
        "Teşekkürler",
        "Polecam",
        "رائع",
        "شكرا",
        "كيف حالك",
        "السلام عليكم",
        "بہت اچھا",
    ],
)
def test_short_texts_of_other_languages(text):
    assert crm.sentiment.detect_language(text) is None


@pytest.mark.parametrize("text", ["طعم عالي", "كيفيت عالي", "خيلي خوب بود", "خوبه فقط حجمش كمه"])
def test_persian_from_arabic_keyboards(text):
    assert crm.sentiment.detect_language(text) == "fa"


@pytest.mark.parametrize(
    "text", ["Ok", "The Müller café", "naïve", "Spammer. Die.", "Come on", "Lovely, from Zürich"]
)
def test_english_with_strange_words(text):
    assert crm.sentiment.detect_language(text) == "en"


def test_tables_of_languages(make_eager, plain):
    table = make_eager({"text": ["Great!", "خیلی خوب بود", None, "good שירות"]})
    got = plain(crm.sentiment.detect_language(table))
    assert got["language"].tolist()[:2] == ["en", "fa"]
    assert got["language"].isna().tolist() == [False, False, True, False]
    # good שירות: 4 Latin and 5 Hebrew letters
    assert got["script_share"][3] == pytest.approx(5 / 9)
    clean = plain(crm.sentiment.normalise_text(table))
    assert clean["normalised"].isna().tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("text", "language", "want"),
    [
        ("غذا خوب بود", "fa", "positive"),
        ("غذا خوب نبود", "fa", "negative"),
        ("اصلا خوب نیست", "fa", "negative"),
        ("هیچ مشکلی نداشت", "fa", "positive"),
        ("بدون مشکل رسید", "fa", "positive"),
        ("کیفیت پایین، پشیمونم", "fa", "negative"),
        ("دستتون درد نکنه عالی بود", "fa", "positive"),
        ("غذا خوب بود ولی خیلی سرد و بد رسید", "fa", "negative"),
        ("عااااالی 😍😍", "fa", "positive"),
        ("شام خوردیم", "fa", "neutral"),
        ("השירות היה טוב מאוד", "he", "positive"),
        ("השירות לא טוב", "he", "negative"),
        ("אין בעיה, תודה", "he", "positive"),
        ("והשירות גרוע", "he", "negative"),  # with the prefix "and"
        ("המוצר מעולה אבל המשלוח איטי ומאכזב מאוד", "he", "negative"),
        ("לא ממליץ בכלל!!!", "he", "negative"),
        ("חבל על הכסף", "he", "negative"),
        ("האוכל הגיע ביום שני", "he", "neutral"),
    ],
)
def test_what_a_reader_would_say(text, language, want):
    assert label(text, language) == want


def test_rules_by_hand():
    own = Lexicon({"قند": 2.0, "נחש": -2.0}, {("آب", "قند"): -1.0})
    fa = ["قند", "خیلی قند", "قند نیست", "آب قند", "بدون قند", "قند!", "قند ولی قند"]
    got = _lexical.score(fa, language="fa", lexicon=own).raw
    want = [
        2.0,
        2.293,  # an intensifier adds .293
        -1.48,  # a negation: times -.74
        -1.0,  # the phrase, and not its word
        -1.48,
        2.292,  # an exclamation mark adds .292
        4.0,  # half before "but", one and a half times after it: 1 + 3
    ]
    np.testing.assert_allclose(got, want, atol=1e-12)
    he = ["נחש", "נחש מאוד", "לא נחש", "הנחש", "והנחש"]
    got = _lexical.score(he, language="he", lexicon=own).raw
    np.testing.assert_allclose(got, [-2, -2.293, 1.48, -2, -2], atol=1e-12)


def test_coverage_counts_words():
    got = _lexical.score(["غذا خوب بود", "😍", "", "שלום"], language="fa")
    assert got.n_words.tolist() == [3, 0, 0, 1]
    assert got.n_known.tolist()[1:3] == [1, 0]  # an emoji is known, and no word


@pytest.mark.parametrize("language", ["fa", "he"])
def test_explanations_add_up(language):
    texts = [text for aspect in ASPECTS for text in _feedback.texts(language, aspect, None)]
    found = _lexical.score(texts, language=language, explain=True)
    sums = np.bincount(found.hits.text, found.hits.contribution, len(texts))
    np.testing.assert_allclose(sums, found.raw, atol=1e-9)
    np.testing.assert_array_equal(found.compound, _lexical.score(texts, language=language).compound)


@pytest.mark.parametrize("language", ["fa", "he"])
@pytest.mark.parametrize(("polarity", "floor"), [(1, 0.97), (0, 0.85), (-1, 0.97)])
def test_sentences_of_the_simulated_shop(language, polarity, floor):
    # the truth of each sentence is that of the simulator; the lists were tried on these sentences
    texts = [t for aspect in ASPECTS for t in _feedback.texts(language, aspect, polarity)]
    found = _scored.labels(_lexical.score(texts, language=language).compound)
    assert np.mean([each == WORDS[polarity] for each in found]) >= floor


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), max_size=5), st.sampled_from(["fa", "he"]))
def test_a_text_alone_and_among_others(texts, language):
    together = _lexical.score(texts, language=language)
    for place, text in enumerate(texts):
        alone = _lexical.score([text], language=language)
        assert alone.compound[0] == together.compound[place]
        assert alone.n_words[0] == together.n_words[place]
    assert (np.abs(together.compound) <= 1).all()


@pytest.mark.parametrize("name", ["he_service", "he_modifiers", "fa_modifiers", "function_words"])
def test_lists_are_sound(name):
    rows = _lists.read(name)
    key = [tuple(row[column] for column in row if column != "value") for row in rows]
    assert len(set(key)) == len(rows)
    for row in rows:
        assert row.get("term", row.get("word")).strip()
        assert abs(float(row.get("valence") or row.get("value") or 0)) <= 4


def test_tokens():
    assert _tokens.words("می\u200cخواهم؟ 3 بار!", "fa") == ["می\u200cخواهم", "؟", "3", "بار", "!"]
    assert _tokens.words("צה\"ל ג'ירפה", "he") == ['צה"ל', "ג'ירפה"]


@pytest.mark.parametrize("function", [crm.sentiment.detect_language, crm.sentiment.normalise_text])
def test_numbers_are_no_texts(function):
    with pytest.raises(ColumnError, match=r"column 'text' \(text_col\) holds .* not text"):
        function(pd.DataFrame({"text": [1, 2]}))
