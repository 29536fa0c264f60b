import re

import pytest

from crmlytics.datasets._feedback import LANGUAGES, expand, texts
from crmlytics.datasets._people import FIRST_NAMES, LAST_NAMES, PLACES
from crmlytics.datasets._templates import ASPECTS, CLAUSES, CONNECTORS, OPENERS, SENTENCES

KINDS = [1, 0, -1, None]
SCRIPTS = {"en": "[A-Za-z]", "fa": "[\u0600-\u06ff]", "he": "[\u0590-\u05ff]"}
ZWNJ = "\u200c"


def every_text(language):
    return [text for aspect in ASPECTS for kind in KINDS for text in texts(language, aspect, kind)]


def names(language):
    return [*FIRST_NAMES[language][0], *FIRST_NAMES[language][1], *LAST_NAMES[language]]


def test_every_language_is_complete():
    for data in (SENTENCES, CLAUSES, CONNECTORS, OPENERS, FIRST_NAMES, LAST_NAMES, PLACES):
        assert sorted(data) == ["en", "fa", "he"]
    for language in LANGUAGES:
        assert sorted(SENTENCES[language]) == sorted(CLAUSES[language]) == list(ASPECTS)
        assert "" in OPENERS[language]
        for aspect in ASPECTS:
            assert {kind: len(lines) for kind, lines in SENTENCES[language][aspect].items()} == {
                1: 4,
                -1: 4,
                0: 2,
            }
            assert sorted(CLAUSES[language][aspect]) == [-1, 1]


def test_lists_are_equally_long():
    # customers_table computes places in these lists from the length of the English ones.
    for language in LANGUAGES:
        assert [len(people) for people in FIRST_NAMES[language]] == [10, 10]
        assert len(LAST_NAMES[language]) == 10
        assert len(PLACES[language]) == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_whole_sentences(language):
    for text in every_text(language):
        assert not re.search(r"[{}|]|\s\s|\s[.,،;]|\.\.", text), text
        assert text == text.strip()
        assert text.endswith("."), text
        if language == "en":
            assert all(part[0].isupper() for part in text.rstrip(".").split(". ")), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_many_and_have_one_meaning(language):
    said = {}
    for aspect in ASPECTS:
        for kind in KINDS:
            pool = texts(language, aspect, kind)
            assert len(set(pool)) == len(pool)
            assert len(pool) >= 12
            for text in pool:
                assert said.setdefault(text, (aspect, kind)) == (aspect, kind), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_scripts(language):
    letter = re.compile(rf"(?:{SCRIPTS[language]}|[\W\d_])+")
    for text in every_text(language) + names(language):
        assert letter.fullmatch(text.replace(ZWNJ, "")), text


def test_persian_letters():
    for text in every_text("fa") + names("fa"):
        assert not re.search("[\u064a\u0643\u0649]", text), text  # Arabic yeh, kaf, alef maksura
        # The prefix of the continuous tenses and the plural are joined by a zero-width non-joiner.
        assert not re.search(r"\bن?می\s", text), text
        assert not re.search(r"\sها", text), text
        assert not re.search(rf"\s{ZWNJ}|{ZWNJ}(?:\s|$)", text), text


def test_expand():
    # By hand: 2 x 3 choices.
    assert expand("{a|b} {x|y|}") == ["a x", "a y", "a ", "b x", "b y", "b "]
    assert expand("plain.") == ["plain."]
