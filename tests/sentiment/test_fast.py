"""The compiled rules give what vaderSentiment 3.3.2 gives, to the last digit."""

import random
import string
import sys
import time
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from vaderSentiment import vaderSentiment as V

from crmlytics.sentiment import _fast, _fast_but, _fast_words, _vader

SPOKEN = """
but BUT but But no No NO nor or kind kind of of least at very so SO this never without doubt
good GOOD great! awful. bad :) :( :D <3 XD =) ... ! ? ?! '' -- (good) "bad" !!! good??
WON'T isN'T don't, no, 'but' a I ok x! 'no 8) 2nd n't N'T the food was
"""
FEW = "good bad great nice but food not very GOOD love hate like awful :)"
POOL = (
    *(word for phrase in V.SPECIAL_CASES for word in phrase.split()),
    *V.BOOSTER_DICT, *V.NEGATE, *V.SPECIAL_CASES, *V.SENTIMENT_LADEN_IDIOMS,
    *SPOKEN.split(), "\x00", "\x7fgood",
)  # fmt: skip
SPACES = (" ", " ", " ", "  ", "\t", "\n", "\x0b", "\x1c", "\x1f")


@cache
def analyzer():
    return V.SentimentIntensityAnalyzer()


@pytest.fixture(autouse=True)
def _sums_are_plain(plain_sums):
    pass


def expected(text):
    scores = analyzer().polarity_scores(text)
    tokens = V.SentiText(text).words_and_emoticons
    words = sum(any(letter.isalnum() for letter in token) for token in tokens)
    known = sum(token.lower() in analyzer().lexicon for token in tokens)
    return scores["compound"], scores["pos"], scores["neu"], scores["neg"], words, known


def assert_same(texts):
    found = np.array(_fast.score(texts)[1:]).T
    wanted = np.array([expected(text) for text in texts], dtype=float).reshape(-1, 6)
    differ = np.flatnonzero((found != wanted).any(axis=1))
    assert not len(differ), [(texts[row], found[row], wanted[row]) for row in differ[:3]]


def adversarial(n, seed, most):
    """Make texts of what rules ask for, more of it than real ones have."""
    rng = random.Random(seed)  # noqa: S311
    lexicon = [word for word in analyzer().lexicon if word.isascii()]
    texts = []
    for _ in range(n):
        source = POOL if rng.random() < 0.7 else lexicon
        tokens = []
        for _ in range(rng.randint(0, most)):
            token = rng.choice(source if rng.random() < 0.8 else lexicon)
            if rng.random() < 0.1:
                token = token.upper()
            if rng.random() < 0.1:
                token += rng.choice(string.punctuation)
            tokens.append(token)
        texts.append(rng.choice(SPACES).join(tokens))
    return texts


# vaderSentiment 3.3.2
@pytest.mark.parametrize(
    ("text", "compound"),
    [
        ("this wasn't good that was good", 0.1265),
        ("no problem, thanks", -0.0382),
        ("good good not good but good", -0.2292),
        ("Worked great!.", 0.6588),
        ("It isn't great", -0.5096),
        ("is so good", 0.4927),
        ("This is so good", 0.5777),
        ("never so good", 0.5777),
        ("it was never so good", 0.6626),
        ("#BAD service", -0.6408),
        ("The kind of good", 0.3832),
        ("Not the worst show I've seen", 0.5096),
        ("bad but bad", -0.7906),
        ("the bomb", -0.4939),
        ("awful awful but nice", 0.1779),
        ("this phone is the bomb", 0.6124),
        ("helpful staff but adequate food", 0.3291),
        ("Without a doubt, an excellent idea", 0.7013),
        ("Late delivery and wrong size", -0.4767),
        ("", 0.0),
    ],
)
def test_known_scores(text, compound):
    assert _fast.score([text])[1][0] == compound


def test_raw_score():
    """By hand: 1.9 x -0.74, and one mark of exclamation away from zero."""
    raw = _fast.score(["not good!", "", "the door"])[0]
    np.testing.assert_array_equal(raw, [1.9 * -0.74 - 0.292, 0, 0])


@pytest.mark.parametrize(("n", "most"), [(6000, 13), (300, 150)])
def test_adversarial_texts(n, most):
    assert_same(adversarial(n, 7, most))


def test_the_engine_on_numpy_agrees():
    texts = adversarial(3000, 5, 20)
    wanted = _vader.score(texts)
    names = ("raw", "compound", "positive", "neutral", "negative", "n_words", "n_known")
    for name, found in zip(names, _fast.score(texts), strict=True):
        np.testing.assert_array_equal(found, getattr(wanted, name), name)


def test_few_words_and_many_buts():
    """Values that meet again and again after they are scaled: what the faulty rule turns on."""
    rng = random.Random(3)  # noqa: S311
    words = [
        "good",
        "bad",
        "great",
        "nice",
        "but",
        "food",
        "not",
        "very",
        "GOOD",
        "love",
        "hate",
        "like",
        "awful",
        ":)",
    ]
    texts = [" ".join(rng.choices(words, k=rng.randint(0, 40))) for _ in range(1500)]
    assert_same(texts + [" ".join(rng.choices(words, k=400)) for _ in range(20)])


def test_every_entry():
    words = [word for word in analyzer().lexicon if word.isascii()]
    assert_same(words + [f"the {word.upper()} door" for word in words])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.sampled_from(POOL), st.text(st.characters(max_codepoint=127)))))
def test_any_ascii_text(tokens):
    assert_same([" ".join(tokens), "".join(tokens)])


@settings(deadline=None, max_examples=200)
@given(
    values=st.lists(st.sampled_from([0.0, 0.5, -0.5, 1.0, 1.5, -1.5, 2.0, 3.0]), max_size=80),
    but=st.integers(0, 80),
)
def test_the_rule_of_but(values, but):
    """Against the original on a list with one word more, which is "but"."""
    but = min(but, len(values))
    whole = [*values[:but], 0, *values[but:]]
    words = ["x"] * len(whole)
    words[but] = "but"
    wanted = np.array(analyzer()._but_check(words, whole), dtype=float)
    places = np.delete(np.arange(len(whole)), but)
    for rule in (
        lambda array: _fast_but.turn(array, places, len(values), but),
        lambda array: _fast_but._turn_many(array, places, but),
    ):
        found = np.array(values, dtype=float)
        rule(found)
        np.testing.assert_array_equal(found, np.delete(wanted, but))


def test_order_and_company_do_not_matter(monkeypatch):
    texts = adversarial(200, 1, 13)
    whole = _fast.score(texts)
    monkeypatch.setattr(_fast, "_BATCH", 7)
    for part, one, back in zip(whole, _fast.score(texts), _fast.score(texts[::-1]), strict=True):
        np.testing.assert_array_equal(part, one)
        np.testing.assert_array_equal(part[::-1], back)


def test_no_texts():
    found = _fast.score([])
    assert [len(each) for each in found] == [0] * 7
    assert _fast.ascii_mask([]).tolist() == []


def test_which_texts_are_ascii():
    assert _fast.ascii_mask(["a", "", "\x7f"]).tolist() == [True, True, True]
    assert _fast.ascii_mask(["a", "é", "", "😀"]).tolist() == [True, False, True, False]
    with pytest.raises(UnicodeEncodeError):
        _fast.score(["é"])


@pytest.mark.parametrize("unit", ["good but bad ", "but good ", "a ", "!", "x", ":) ", "n't "])
def test_long_texts_take_linear_time(unit):
    _fast.score([unit])
    text = unit * (1_000_000 // len(unit))
    began = time.process_time()
    _fast.score([text])
    assert time.process_time() - began < 1


def test_two_words_of_one_hash_are_noticed(monkeypatch):
    monkeypatch.setattr(_fast_words.kernels, "fill", lambda *_: 1)
    with pytest.raises(AssertionError):
        _fast_words.build({"good": 1.9}, {}, frozenset(), {}, {})


def test_available(monkeypatch):
    assert _fast.available()
    monkeypatch.setitem(sys.modules, "crmlytics.sentiment._fast_kernels", None)
    monkeypatch.delattr("crmlytics.sentiment._fast_kernels", raising=False)
    assert not _fast.available()
