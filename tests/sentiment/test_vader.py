"""The English engine: without switches what vaderSentiment 3.3.2 gives, to the last digit."""

import random
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vaderSentiment import vaderSentiment as V

from crmlytics.sentiment import _phrases, _switches, _vader
from crmlytics.sentiment._lexicon import Lexicon

SPOKEN = """
but BUT no No NO nor or kind KIND of least at very so THIS this never without doubt
good GOOD great! awful. :) :( :D <3 =) 😀 😁 ❤️ don’t nice😁sad good❤️bad 👍🏽 🤬
! ... ?? ? '' - the food was WON'T 'but' no, \x02 \x02good \x03
"""
# words of which few make values collide: where a scaled value equals a later one, VADER goes wrong
FEW = ("good", "bad", "great", "nice", "food", "not", "very", "GOOD", "love", "hate", "like",
       "awful", "adequate", "helpful", "accept", "but")  # fmt: skip
POOL = (
    *V.BOOSTER_DICT, *V.NEGATE, *V.SPECIAL_CASES, *V.SENTIMENT_LADEN_IDIOMS, *SPOKEN.split(),
)  # fmt: skip
SPACES = (" ", " ", " ", "  ", "\t", "\n", "\u2003", "\x1c")


@cache
def analyzer():
    return V.SentimentIntensityAnalyzer()


@pytest.fixture(autouse=True)
def _sums_are_plain(plain_sums):
    pass


def assert_same(texts):
    found = _vader.score(texts)
    rows = zip(found.compound, found.positive, found.neutral, found.negative, strict=True)
    for text, row in zip(texts, rows, strict=True):
        wanted = analyzer().polarity_scores(text)
        assert row == (wanted["compound"], wanted["pos"], wanted["neu"], wanted["neg"]), text


def compound(text, switches=(), **options):
    return float(_vader.score([text], switches=frozenset(switches), **options).compound[0])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.one_of(
                    st.sampled_from(POOL),
                    st.sampled_from(sorted(analyzer().lexicon)),
                    st.text(max_size=6),
                ),
                st.sampled_from(SPACES),
            ),
            max_size=13,
        ).map(lambda parts: "".join(word + space for word, space in parts)),
        max_size=8,
    )
)
@example([])
@example(["", " ", "\x02", "good \x02 bad", "\ud800 good"])
def test_equals_the_original(texts):
    assert_same(texts)


def test_equals_the_original_on_many_texts():
    draw = random.Random(20260914)  # noqa: S311
    laden = sorted(analyzer().lexicon)
    texts = []
    for _ in range(20_000):
        pool = POOL if draw.random() < 0.7 else laden
        texts.append(" ".join(draw.choice(pool) for _ in range(draw.randint(0, 13))))
    assert_same(texts)


def test_equals_the_original_where_but_finds_equal_values():
    draw = random.Random(7)  # noqa: S311
    assert_same([" ".join(draw.choices(FEW, k=draw.randint(1, 16))) for _ in range(5_000)])


def test_texts_do_not_touch_each_other():
    texts = ["not", "good", "", "never so", "bad but", "nice", "KIND", "of", "😀", "no"] * 50
    together = _vader.score(texts)
    alone = [_vader.score([text]) for text in texts]
    for name in ("raw", "compound", "positive", "neutral", "negative", "n_words", "n_known"):
        assert getattr(together, name).tolist() == [getattr(one, name)[0] for one in alone]


def test_batches_are_joined(monkeypatch):
    texts = [f"not {word} at all!" for word in ("good", "bad", "great", "awful", "table")]
    whole = _vader.score(texts, explain=True)
    monkeypatch.setattr(_vader, "_BATCH", 2)
    parts = _vader.score(texts, explain=True)
    assert parts.compound.tolist() == whole.compound.tolist()
    assert parts.hits.text.tolist() == whole.hits.text.tolist()
    assert parts.hits.word == whole.hits.word
    assert parts.hits.rule == whole.hits.rule
    assert _vader.score(texts).n_known.tolist() == whole.n_known.tolist()


def test_words_and_known_words():
    found = _vader.score(["Good food - 2nd time !!", ":) meh", "", "waste of money"])
    assert found.n_words.tolist() == [4, 1, 0, 3]
    assert found.n_known.tolist() == [1, 2, 0, 1]
    found = _vader.score(["waste of money", "👍🏽 ok"], switches=_switches.ALL)
    assert found.n_known.tolist() == [3, 2]  # words of a phrase, and emoji
    assert found.n_words.tolist() == [3, 2]


def test_raw_is_the_score_before_it_is_squeezed():
    # by hand: 1.9 (good) + 2 x 0.292
    assert _vader.score(["good!!"]).raw[0] == pytest.approx(1.9 + 2 * 0.292)


# --- explanations ---------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(POOL), max_size=13).map(" ".join), min_size=1, max_size=6),
    st.sampled_from([frozenset(), _switches.ALL, frozenset({"but_rule"})]),
)
def test_contributions_sum_to_the_raw_score(texts, switches):
    found = _vader.score(texts, switches=switches, explain=True)
    sums = np.bincount(found.hits.text, found.hits.contribution, len(texts))
    assert sums == pytest.approx(found.raw, abs=1e-9)
    assert found.compound.tolist() == _vader.score(texts, switches=switches).compound.tolist()


def explained(text, switches=(), **options):
    hits = _vader.score([text], switches=frozenset(switches), explain=True, **options).hits
    return list(zip(hits.word, hits.rule, strict=True))


@pytest.mark.parametrize(
    ("text", "switches", "rows"),
    [
        (
            "The food was NOT very good!! but the place is kind of nice??", (),
            [("good", "strengthened by very; negated by not; x0.5 before but"),
             ("nice", "weakened by kind of; x1.5 after but"), ("!", "emphasis"),
             ("?", "emphasis")],
        ),
        ("it was never so good", (), [
            ("good", "strengthened by so; x1.25 by never so; x1.25 by so"),
        ]),
        ("it was never so good", ["so_this"], [("good", "strengthened by so; x1.25 by never so")]),
        ("a truly GREAT phone", (), [("truly", ""), ("GREAT", "in capitals")]),
        ("hardly good", (), [("good", "weakened by hardly")]),
        ("This phone is the bomb", (), [("bomb", "part of an idiom")]),
        ("This phone is the bomb", _switches.ALL, [("the bomb", "")]),
        ("no problem", (), [("no", "only denies the next word"), ("problem", "negated by no")]),
        ("least good", (), [("good", "negated by least")]),
        ("I don't think this is a good one", _switches.ALL, [("good", "negated by don't")]),
        ("pretty awful", ["modifiers"], [("awful", "strengthened by pretty")]),
        ("nothing here", (), []),
    ],
)  # fmt: skip
def test_rules_in_words(text, switches, rows):
    assert explained(text, switches) == rows


# --- entries of the user's own --------------------------------------------------------------------


@pytest.mark.parametrize("switches", [(), _switches.ALL])
class TestLexicon:
    def test_overrides_a_word(self, switches):
        assert compound("Kindly revert", switches) == 0.4939
        own = Lexicon({"kindly": 0.0})
        assert compound("Kindly revert", switches, lexicon=own) == 0
        assert compound("Very KINDLY revert", switches, lexicon=own) == 0
        assert compound("Kindly revert", switches) == 0.4939  # nothing is kept

    def test_longest_phrase_first(self, switches):
        own = Lexicon({}, {("table", "top"): -2.0, ("table", "top", "quality"): 3.0})
        assert compound("a table top quality", switches, lexicon=own) == round(3 / 24**0.5, 4)
        assert compound("a table top", switches, lexicon=own) == round(-2 / 19**0.5, 4)
        assert compound("table", switches, lexicon=own) == 0

    def test_rules_look_before_the_first_word_of_a_phrase(self, switches):
        own = Lexicon({}, {("not", "so", "great", "thing"): 2.0})
        assert compound("a not so great thing", switches, lexicon=own) == round(2 / 19**0.5, 4)
        negated = round(-1.48 / (1.48**2 + 15) ** 0.5, 4)
        assert compound("never a not so great thing", switches, lexicon=own) == negated

    def test_words_of_a_phrase_do_nothing_to_others(self, switches):
        own = Lexicon({}, {("very", "no", "but"): 1.0})
        alone = _vader.score(["food nice"], switches=frozenset(switches)).raw[0]
        found = _vader.score(["very no but nice"], switches=frozenset(switches), lexicon=own)
        assert found.raw[0] == pytest.approx(alone + 1.0)

    def test_boosters_and_negations_become_words(self, switches):
        assert compound("very", switches, lexicon=Lexicon({"very": 2.0})) == round(2 / 19**0.5, 4)
        own = Lexicon({"not": -1.0})
        found = _vader.score(["not good"], switches=frozenset(switches), lexicon=own)
        assert found.raw[0] == pytest.approx(0.9)

    def test_own_emoji(self, switches):
        assert compound("🚗ok", switches, lexicon=Lexicon({"🚗": -2.0})) < 0
        assert compound("ok🤬", switches, lexicon=Lexicon({"🤬": 3.0})) > 0

    def test_explained(self, switches):
        own = Lexicon({}, {("table", "top"): -2.0})
        found = _vader.score(["NOT Table TOP, ok"], switches=frozenset(switches), lexicon=own)
        hits = _vader.score(
            ["NOT Table TOP, ok"], switches=frozenset(switches), lexicon=own, explain=True
        ).hits
        assert hits.word == ["Table TOP", "ok"]
        assert hits.rule[0] == "in capitals; negated by not"
        assert hits.contribution.sum() == pytest.approx(found.raw[0])


def test_phrases_end_with_a_sentence_under_the_switch():
    own = Lexicon({}, {("table", "top"): -2.0})
    assert compound("a table. Top shelf", lexicon=own) == round(-2 / 19**0.5, 4)
    assert compound("a table. Top shelf", ["sentence_end"], lexicon=own) > 0  # top is 0.8


def test_phrases_against_a_plain_search():
    draw = random.Random(3)  # noqa: S311
    phrases = {
        tuple(draw.choices("abc", k=draw.randint(1, 4))): float(k) for k in range(12)
    }  # values name them
    tree = _phrases.compiled(phrases)
    words = [*(draw.choice("abcd") for _ in range(3_000)), *"dddd"]
    codes = np.array([tree.codes.get(word, 0) for word in words])
    found = _phrases.found(codes, np.zeros(len(words), dtype=bool), tree)
    wanted, at = [], 0
    while at < len(words):
        sizes = [n for n in (4, 3, 2, 1) if tuple(words[at : at + n]) in phrases]
        if sizes:
            wanted.append((at, at + sizes[0] - 1, phrases[tuple(words[at : at + sizes[0]])]))
        at += sizes[0] if sizes else 1
    rows = zip(found.first.tolist(), found.last.tolist(), found.value.tolist(), strict=True)
    assert list(rows) == wanted


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    ["😀", "❤️👍🏽", "good but bad but ", "the food was good ", "! ", "#lovethis ", "not bad "],
)
@pytest.mark.parametrize("switches", [frozenset(), _switches.ALL])
def test_floods_are_read_once(unit, switches, monkeypatch):
    """Each token is looked at once, and each step of the rule of "but" costs one heap step."""
    seen = []
    plain = _vader.Vocabulary.__missing__
    monkeypatch.setattr(
        _vader.Vocabulary,
        "__missing__",
        lambda self, token: seen.append(token) or plain(self, token),
    )
    text = unit * 40_000
    found = _vader.score([text], switches=switches)
    assert len(seen) == len(set(seen)) < 40
    assert np.isfinite(found.raw).all()
    assert found.raw[0] == pytest.approx(0) or abs(found.compound[0]) > 0.9


def test_but_flood_takes_one_step_a_word(monkeypatch):
    import heapq

    steps = []
    push, pop = heapq.heappush, heapq.heappop
    monkeypatch.setattr(heapq, "heappush", lambda *each: steps.append(1) or push(*each))
    monkeypatch.setattr(heapq, "heappop", lambda *each: steps.append(1) or pop(*each))
    words = FEW[:-1] * 2_000
    _vader.score([" ".join((*words, "but", *words))])
    assert 0 < len(steps) <= 3 * 2 * len(words)


def test_but_flood_equals_the_original():
    assert_same([" ".join((*FEW[:-1] * 30, "but", *FEW[:-1] * 40))])
