"""Rules of the Persian and Hebrew engine that meet each other, and words that are drawn out."""

import numpy as np
import pytest

from crmlytics.sentiment import _lexical, _scored
from crmlytics.sentiment._lexicon import Lexicon


def label(text, language):
    return _scored.labels(_lexical.score([text], language=language).compound)[0]


# Polarity as any reader of the language gives it.
READ = [
    # negations that double, in a phrase of the list and beside it
    ("هیچ وقت بد نبود", "fa", "positive"),
    ("هیچ ایرادی نداره", "fa", "positive"),
    ("هیچ وقت خوب نبوده", "fa", "negative"),
    ("אף פעם לא טוב", "he", "negative"),
    ("אף פעם לא היה לי טוב אצלכם", "he", "negative"),
    ("אף פעם לא התאכזבתי", "he", "positive"),
    ("החיפוש ממש לא עובד", "he", "negative"),
    # "not only" denies nothing
    ("לא רק מהיר אלא גם זול", "he", "positive"),
    ("לא רק שהגיע מאוחר, גם היה שבור", "he", "negative"),
    # drawn out
    ("بدددد", "fa", "negative"),
    ("מעולהההה", "he", "positive"),
    ("תודההה רבההה", "he", "positive"),
    ("גרועעעע", "he", "negative"),
    # everyday words of customers that say nothing
    ("פניתי לתמיכה בעניין החשבונית", "he", "neutral"),
    ("קניתי שני מוצרים", "he", "neutral"),
    ("החבילה מגיעה לבית", "he", "neutral"),
    # slang
    ('שירות חבל"ז', "he", "positive"),
    ("אין על השירות שלהם", "he", "positive"),
    ("אין דברים כאלה", "he", "positive"),
    ("שוד לאור יום", "he", "negative"),
    ("המחירים מופקעים", "he", "negative"),
    ("חייבו אותי פעמיים", "he", "negative"),
    ("הגיע קר", "he", "negative"),
    ("בסדר גמור", "he", "positive"),
]


@pytest.mark.parametrize(("text", "language", "want"), READ)
def test_what_a_reader_would_say(text, language, want):
    assert label(text, language) == want


def test_all_marks_count():
    # VADER: .292 for each of up to four exclamation marks, though clean texts keep two in a row
    own = Lexicon({"قند": 2.0}, {})
    texts = ["قند", "قند!", "قند!!!", "قند!!!!!!"]
    got = _lexical.score(texts, language="fa", lexicon=own).raw
    np.testing.assert_allclose(got, [2.0, 2.292, 2.876, 3.168], atol=1e-12)


@pytest.mark.parametrize("before", ["לא", "ולא", "שלא"])
def test_and_not_is_a_negation(before):
    own = Lexicon({"נחש": 2.0}, {})
    got = _lexical.score([f"{before} נחש"], language="he", lexicon=own)
    np.testing.assert_allclose(got.raw, [-1.48], atol=1e-12)  # times -.74


def test_words_of_no_feeling_are_not_known():
    # 0 takes a word back, with a prefix as without one
    own = Lexicon({"נחש": 0.0}, {})
    found = _lexical.score(["נחש", "הנחש", "והנחש"], language="he", lexicon=own)
    assert found.n_known.tolist() == [0, 0, 0]
    assert found.n_words.tolist() == [1, 1, 1]


def test_two_prefixes_only_where_hebrew_has_them():
    own = Lexicon({"נחש": 2.0}, {})
    texts = ["שהנחש", "מהנחש", "כשנחש", "למנחש"]  # the last would be an action noun, not a snake
    got = _lexical.score(texts, language="he", lexicon=own).raw
    np.testing.assert_allclose(got, [2, 2, 2, 0], atol=1e-12)


def test_explanations_name_whole_negations():
    found = _lexical.score(["לא היה רע"], language="he", explain=True)
    assert found.hits.rule == ["negated by לא היה"]


@pytest.mark.parametrize(
    ("language", "piece"),
    [("fa", "نه خوب "), ("fa", "!"), ("he", "לא טוב "), ("he", 'א"'), ("he", "אבל ")],
)
def test_long_texts_take_time_in_proportion(language, piece, cpu_seconds):
    text = piece * (1_000_000 // len(piece))
    short = cpu_seconds(lambda: _lexical.score([text[:100_000]], language=language))
    whole = cpu_seconds(lambda: _lexical.score([text], language=language))
    # ten times the text; a quadratic way would take a hundred times as long
    assert whole < 40 * max(short, 0.01)


@pytest.fixture
def cpu_seconds():
    from time import process_time

    def measure(work):
        start = process_time()
        work()
        return process_time() - start

    return measure
