"""Short texts of other languages, and Persian from keyboards with Arabic letters."""

import pytest

import crmlytics as crm


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
