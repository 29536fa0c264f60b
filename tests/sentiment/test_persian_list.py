"""The Persian list: its form, and entries that any reader of Persian can check."""

import re
from collections import Counter

import pytest

from crmlytics.sentiment import _lists, _normalise

TERMS = _lists.read("fa")
MODIFIERS = _lists.read("fa_modifiers")
BY_TERM = {row["term"]: row for row in TERMS}
KINDS = {"word", "phrase", "stem"}
TOPICS = {
    "general", "service", "food", "delivery", "product", "money", "people", "app", "slang",
}  # fmt: skip
ZWNJ = "\u200c"
# Letters of Persian, ZWNJ, digits (as in "20 از 20") and single spaces.
SPELLING = re.compile(rf"[آءئا-غف-قل-هوپچژکگی{ZWNJ}0-9]+( [آءئا-غف-قل-هوپچژکگی{ZWNJ}0-9]+)*")


def test_size():
    assert len(TERMS) >= 1_000
    assert Counter(row["kind"] for row in TERMS).keys() == KINDS
    assert {row["topic"] for row in TERMS} == TOPICS
    assert min(Counter(float(row["valence"]) > 0 for row in TERMS).values()) >= 500


def test_no_term_twice_and_sorted():
    terms = [row["term"] for row in TERMS]
    assert terms == sorted(set(terms))
    pairs = [(row["kind"], row["term"]) for row in MODIFIERS]
    assert len(pairs) == len(set(pairs))


def test_valences_lie_on_the_scale():
    assert all(abs(float(row["valence"])) <= 4 for row in TERMS)
    # Zero only keeps the words of a phrase from counting.
    assert all(row["kind"] == "phrase" for row in TERMS if float(row["valence"]) == 0)


@pytest.mark.parametrize("rows", [TERMS, MODIFIERS], ids=["terms", "modifiers"])
def test_spelling_is_normalised(rows):
    terms = [row["term"] for row in rows]
    assert _normalise.normalised(terms) == terms
    assert [term for term in terms if not SPELLING.fullmatch(term)] == []
    assert [term for term in terms if term.startswith(ZWNJ) or term.endswith(ZWNJ)] == []


def test_kinds_fit_the_terms():
    assert all((" " in row["term"]) == (row["kind"] == "phrase") for row in TERMS)
    assert [row["term"] for row in TERMS if row["kind"] == "stem" and len(row["term"]) < 3] == []


def test_stems_meet_no_strangers():
    """Words of another meaning that a stem and a suffix would make."""
    suffixes = [row["term"] for row in MODIFIERS if row["kind"] == "suffix"]
    stems = {row["term"] for row in TERMS if row["kind"] == "stem"}
    # body, shorts, riot, cream, minute, baguette, wheat, big, pickles, brown, please, exactly,
    # wholly, pastry, dug out
    strangers = {
        "بدن", "شورت", "شورش", "خامه", "دقیقه", "باگت", "گندم", "گنده", "ترشی", "خرمایی", "لطفا",
        "دقیقا", "کاملا", "شیرینی", "کنده",
    }  # fmt: skip
    made = {stem + suffix for stem in stems for suffix in suffixes} | stems
    assert strangers & (made | BY_TERM.keys()) == set()


@pytest.mark.parametrize(
    ("term", "sign"),
    [
        ("عالی", 1), ("خوب", 1), ("خوشمزه", 1), ("بهترین", 1), ("راضی", 1), ("خفن", 1),
        ("دمتون گرم", 1), ("دست شما درد نکنه", 1), ("حرف نداشت", 1), ("به موقع", 1),
        ("زود رسید", 1), ("پیشنهاد میکنم", 1), ("خوشم اومد", 1), ("بد نبود", 1),
        ("می\u200cپسندم", 1), ("می پسندم", 1), ("میپسندم", 1), ("بدون مشکل", 1),
        ("بد", -1), ("افتضاح", -1), ("مزخرف", -1), ("آشغال", -1), ("اشغال", -1), ("بیات", -1),
        ("سرد", -1), ("کم", -1), ("دیر رسید", -1), ("اشتباه فرستادن", -1),
        ("پیشنهاد نمیکنم", -1), ("دیگه سفارش نمیدم", -1), ("حیف پول", -1), ("پشیمونم", -1),
        ("خوشم نیومد", -1), ("بی\u200cکیفیت", -1), ("بی کیفیت", -1), ("بیکیفیت", -1),
        ("نمی\u200cپسندم", -1), ("نمیشد خورد", -1), ("متاسفانه", -1), ("قبلا بهتر", -1),
    ],
)  # fmt: skip
def test_entries(term, sign):
    assert sign * float(BY_TERM[term]["valence"]) > 0


def test_degrees_keep_their_order():
    """Where a reader of Persian sees an order, so does the list."""
    valence = {term: float(row["valence"]) for term, row in BY_TERM.items()}
    assert valence["عالی"] > valence["خوب"] > 0 > valence["معمولی"]
    assert valence["معمولی"] > valence["بد"] > valence["افتضاح"]
    assert valence["بهترین"] > valence["بهتر"] > 0 > valence["بدتر"] > valence["بدترین"]


def test_modifiers():
    kinds = {"booster", "negation_after", "negation_before", "but", "suffix"}
    assert {row["kind"] for row in MODIFIERS} == kinds
    found = {(row["kind"], row["term"]): row["value"] for row in MODIFIERS}
    # The steps of VADER (Hutto and Gilbert 2014), taken over for Persian.
    assert {row["value"] for row in MODIFIERS if row["kind"] == "booster"} == {"0.293", "-0.293"}
    assert {row["value"] for row in MODIFIERS if row["kind"] != "booster"} == {""}
    assert found["booster", "خیلی"] == "0.293"
    assert found["booster", "یکم"] == "-0.293"
    for kind, words in {
        "negation_after": "نیست نبود نداره ندارد نداشت نمی نمیشه نمی\u200cشود نیستم نشد ندارم",
        "negation_before": "بدون نه هیچ غیر عدم بی",
        "but": "ولی اما لیکن منتها",
        "suffix": "ها های ی تر ترین م ت ش مون تون شون ه ام اید",
    }.items():
        assert [word for word in words.split() if (kind, word) not in found] == []
