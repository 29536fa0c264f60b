"""What the improved flavour mends, each switch alone, and all of them."""

import numpy as np
import pytest

from crmlytics.sentiment import _emoji, _hashtags, _lists, _switches, _vader, _vader_words
from crmlytics.sentiment._scored import labels

NAMES = [each.switch for each in _switches.SWITCHES]


def scored(text, switches):
    found = _vader.score([text], switches=frozenset(switches))
    return float(found.compound[0]), labels(found.compound)[0]


def label(text, switches):
    return scored(text, switches)[1]


# Texts that users of VADER complained of, and its faults: what vaderSentiment 3.3.2 gives, what an
# attentive reader says, and the switch that makes it so.
FAULTS = [
    ("I love the phone, but I accept that the box is ugly", -0.2617, "positive", "but_rule"),
    ("The room was so nice, the food terrible", 0.1321, "neutral", "so_this"),
    ("the bomb", -0.4939, "positive", "idioms"),
    ("cut the mustard", -0.2732, "positive", "idioms"),
    ("yeah right", 0.296, "negative", "idioms"),
    ("don’t like it", 0.3612, "negative", "apostrophes"),
    ("It isn’t great", 0.6249, "negative", "apostrophes"),
    ("no problem, thanks", -0.0382, "positive", "no_problem"),
    ("No issues so far", -0.296, "positive", "no_problem"),
    ("without an issue", 0.0, "positive", "no_problem"),
    ("Not the worst show I've seen", 0.5096, "neutral", "double_negation"),
    ("not the worst", 0.5096, "neutral", "double_negation"),
    ("The staff is not only friendly", -0.3875, "positive", "not_only"),
    ("second to none", 0.0, "positive", "not_only"),
    ("I don't think this is a good phone", 0.4404, "negative", "far_negation"),
    ("I could not. Great phone", -0.5096, "positive", "sentence_end"),
    ("pretty awful", 0.0516, "negative", "modifiers"),
    ("terribly good", -0.1779, "positive", "modifiers"),
    ("❤️", 0.0, "positive", "emoji"),
    ("🤬", 0.0, "negative", "emoji"),
    ("👍🏽", 0.0, "positive", "emoji"),
    ("😡ugly", 0.0, "negative", "emoji"),
    ("not 😀", -0.2755, "positive", "emoji"),
    ("#lovethis", 0.0, "positive", "hashtags"),
    ("#BadService", 0.0, "negative", "hashtags"),
    ("#worst_app_ever", 0.0, "negative", "hashtags"),
    ("The process is lengthy.", 0.0, "negative", "service_words"),
    ("Website is not working.", 0.0, "negative", "service_words"),
    ("I want a refund", 0.0772, "negative", "service_words"),
    ("The app crashes all the time", 0.0, "negative", "service_words"),
    ("never again", 0.0, "negative", "service_words"),
    ("The parcel was late", 0.0, "negative", "service_words"),
    ("overpriced", 0.0, "negative", "service_words"),
    ("delivered on time", 0.0, "positive", "service_words"),
]  # fmt: skip

# Texts that VADER already reads rightly, or that say nothing.
RIGHT = [
    ("no problem", 0.3089, "positive"),
    ("no complaints", 0.3089, "positive"),
    ("not for CXM-related jobs", 0.0, "neutral"),
    ("!!!!", 0.0, "neutral"),
    ("It isn't great", -0.5096, "negative"),
    ("#BAD service", -0.6408, "negative"),
    ("nice ❤️", 0.4215, "positive"),
    ("good 🙂", 0.6815, "positive"),
    ("😀 nice", 0.6486, "positive"),
    ("waste of money", -0.4215, "negative"),
    ("the staff was rude", -0.4588, "negative"),
    ("delayed", -0.2263, "negative"),
    ("helpful staff but adequate food", 0.3291, "positive"),
    ("I love it but I accept the price", 0.5267, "positive"),
    ("is so good", 0.4927, "positive"),
    ("This is so good", 0.5777, "positive"),
    ("this phone is the bomb", 0.6124, "positive"),
    ("Without a doubt, an excellent idea", 0.7013, "positive"),
    ("I like this phone", 0.3612, "positive"),
    ("bad but bad", -0.7906, "negative"),
    ("Late delivery and wrong size", -0.4767, "negative"),
    ("Worked great!.", 0.6588, "positive"),
    ("no, thanks", 0.4404, "positive"),
    ("#therapist", 0.0, "neutral"),
    ("The customer care is in the building", 0.4939, "neutral"),
]


@pytest.mark.parametrize(("text", "vader", "wanted", "switch"), FAULTS)
def test_each_fault_has_its_switch(text, vader, wanted, switch):
    assert scored(text, [])[0] == vader
    assert label(text, []) != wanted
    assert label(text, [switch]) == wanted
    assert label(text, _switches.ALL) == wanted
    others = _switches.ALL - {switch}
    assert scored(text, _switches.ALL) != scored(text, others)


@pytest.mark.parametrize(("text", "vader", "wanted"), RIGHT)
def test_the_rest_stays_right(text, vader, wanted):
    assert scored(text, [])[0] == vader
    assert label(text, _switches.ALL) == wanted


@pytest.mark.parametrize("switch", _switches.SWITCHES, ids=NAMES)
def test_the_examples_shown(switch):
    assert label(switch.example, []) != switch.label
    assert label(switch.example, [switch.switch]) == switch.label
    assert label(switch.example, _switches.ALL) == switch.label


@pytest.mark.parametrize(
    ("text", "switch", "wanted"),
    [
        # by position, which is what NLTK 3.10.4 gives
        ("helpful staff but adequate food", "but_rule", 0.5023),
        ("I love it but I accept the price", "but_rule", 0.7184),
        ("This is so good", "so_this", 0.4927),
        ("kind of good", "idioms", 0.3832),  # VADER's own score of "The kind of good"
        ("never so good", "so_this", 0.5777),
        ("not bad", "double_negation", 0.1901),  # by hand: 2.5 x 0.3 = 0.75
        ("kiss of death", "idioms", -0.3612),  # once: -1.5
    ],
)
def test_scores_of_repairs(text, switch, wanted):
    assert scored(text, [switch])[0] == wanted


def test_more_feeling_with_emoji():
    assert scored("nice ❤️", _switches.ALL)[0] > scored("nice", _switches.ALL)[0]
    assert scored("good😁sad", ["emoji"]) == scored("good 😁 sad", ["emoji"])
    assert scored("good👍🏽", ["emoji"]) == scored("good 👍", ["emoji"])


def test_sentences_do_not_touch():
    switches = ["sentence_end"]
    parts = ["It does not.", "Great phone; never", "bad? Really", "(good.) nice!"]
    found = _vader.score([" ".join(parts)], switches=frozenset(switches)).raw[0]
    alone = _vader.score(
        ["It does not.", "Great phone;", "never bad?", "Really (good.)", "nice!"],
        switches=frozenset(switches),
    ).raw
    assert found == pytest.approx(alone.sum())  # one "!" in both


def test_a_word_by_itself_is_not_changed_by_switches_of_rules():
    rules = _switches.ALL - {"service_words", "no_problem", "not_only", "emoji", "hashtags"}
    texts = sorted(word for word in _vader_words.original().valences if word.isalpha())
    plain = _vader.score(texts).compound
    assert np.array_equal(_vader.score(texts, switches=rules).compound, plain)


def test_table_of_switches():
    table = _switches.sentiment_switches()
    assert list(table.columns) == ["switch", "what", "example", "label"]
    assert table["switch"].tolist() == NAMES
    assert len(set(NAMES)) == len(NAMES)
    assert frozenset(NAMES) == _switches.ALL
    assert set(table["label"]) <= {"positive", "negative", "neutral"}
    assert {switch for *_, switch in FAULTS} == _switches.ALL


# --- lists ----------------------------------------------------------------------------------------


def test_the_list_of_words_is_sound():
    rows = _lists.read("en_service")
    assert {row["switch"] for row in rows} == {"no_problem", "not_only", "service_words"}
    for row in rows:
        assert abs(float(row["valence"])) <= 4
        assert row["term"] == row["term"].lower().strip()
        assert row["term"].isascii()
        assert all(_vader_words.spelled(row["term"]))
    assert len({row["term"] for row in rows}) == len(rows)


def test_terms_are_spelled_out():
    assert list(_vader_words.spelled("no|zero a+b")) == [("no", "a", "b"), ("zero", "a", "b")]
    assert list(_vader_words.spelled("to -|the point")) == [
        ("to", "point"),
        ("to", "the", "point"),
    ]
    assert list(_vader_words.spelled("long-winded")) == [("long-winded",)]


def test_the_list_of_emoji_is_sound():
    rows = _lists.read("emoji")
    signs = [row["emoji"] for row in rows]
    assert len(set(signs)) == len(signs) >= 200
    assert all(abs(float(row["valence"])) <= 4 for row in rows)
    assert all(_emoji.bare(sign) == sign for sign in signs)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("nice❤️ok", "nice ❤ ok"),
        ("👍🏽", " 👍 "),
        ("❤️‍🔥", " ❤\u200d🔥 "),  # a sequence of its own
        ("🤷🏽‍♀️", " 🤷 "),  # else the first part
        ("👨‍👩‍👧", "👨"),  # not in the list
        ("می\u200cروم 😀", "می\u200cروم  😀 "),  # no joiner of emoji
        ("क\u200dष", "क\u200dष"),
        ("plain", "plain"),
    ],
)
def test_emoji_stand_apart(text, wanted):
    found = _emoji.apart(text)
    assert found.split() == wanted.split()
    assert _emoji.apart(found).split() == found.split()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("#BAD", "BAD"),
        ("#lovethis", "love this"),
        ("#LoveThis!", "Love This!"),
        ("#NeverAgain2026", "Never Again 2026"),
        ("#worst_app", "worst app"),
        ("#badcustomerservice", "bad customer service"),
        ("#qwrtzp", "qwrtzp"),
        ("#therapist", "therapist"),
        ("#", "#"),
        ("no. #1", "no. 1"),
        ("#" + "a" * 31, "a" * 31),
        ("#سلام", "سلام"),
        ("#___", "___"),
    ],
)
def test_hashtags_are_read(text, wanted):
    assert _hashtags.Hashtags().spoken(text) == wanted


def test_hashtags_are_looked_at_once():
    tags = _hashtags.Hashtags()
    tags.spoken("#lovethis " * 1_000)
    assert len(tags) == 1
