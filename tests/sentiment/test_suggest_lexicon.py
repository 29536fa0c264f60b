"""Words that the lexicon lacks, from labels."""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, NotEnoughDataError, OptionError
from crmlytics.sentiment import _key_terms, _suggest_lexicon

TEXTS = ["zippy service", "zippy app", "janky app", "janky service", "a good app", "a bad app"]
TABLE = pd.DataFrame({"text": TEXTS * 100, "stars": [5, 4, 1, 2, 5, 1] * 100})


def suggested(table, **options):
    return crm.sentiment.suggest_lexicon(table, **({"label_col": "stars"} | options))


def test_the_formula_by_hand():
    """Monroe, Colaresi and Quinn (2008), equations 15 to 22, with a prior of 500."""
    known = suggested(TABLE, language="en").set_index("term")
    # words of two letters or more, and their pairs: five terms (2 + 2 + 1 pairs) a hundred times
    # "zippy service", "zippy app" 3 terms each; "good app" 3: 900 uses on each side
    n_side, total, uses = 900, 1_800, 200
    prior = 500 * uses / total
    glad, sad = uses + prior, prior
    rest = n_side + 500
    delta = np.log(glad / (rest - glad)) - np.log(sad / (rest - sad))
    z = delta / np.sqrt(1 / glad + 1 / sad)
    assert known.loc["zippy", ["n_positive", "n_negative"]].tolist() == [uses, 0]
    assert known.loc["zippy", "log_odds"] == pytest.approx(delta)
    assert known.loc["zippy", "z"] == pytest.approx(z)
    assert known.loc["janky", "z"] == pytest.approx(-z)


def test_suggested_words_feed_the_lexicon():
    own = suggested(TABLE)
    known = own.set_index("term")
    assert known.loc["zippy", "valence"] > 0 > known.loc["janky", "valence"]
    assert known.loc[["zippy", "janky"], "known"].isna().all()
    assert "good" not in known.index  # the lexicon knows it, with the same sign
    assert (own["q_value"] < 0.05).all()
    assert own["valence"].abs().between(0.1, 4).all()
    two = pd.DataFrame({"text": ["zippy", "janky"]})
    for lexicon in (own, own[["term", "valence"]]):
        scored = crm.sentiment.score_sentiment(two, language="en", lexicon=lexicon)
        assert scored["label"].tolist() == ["positive", "negative"]


def test_words_weighed_the_other_way_are_found():
    # users of this shop say "sick" and "insane" of what they like
    texts = ["sick board", "an insane ride", "dull board", "a slow ride"]
    table = pd.DataFrame({"text": texts * 60, "stars": [5, 5, 1, 1] * 60})
    found = suggested(table, language="en").set_index("term")
    assert found.loc["sick", "known"] < 0 < found.loc["sick", "valence"]
    assert "dull" not in found.index


@pytest.mark.parametrize(
    "labels",
    [
        ("positive", "negative"), ("Positive", "NEGATIVE "), (True, False), (1, 0), (1, -1),
        (5, 1), (9.5, 2.5),
    ],
)  # fmt: skip
def test_what_is_glad(labels):
    glad, sad = labels
    table = TABLE.assign(stars=np.where(TABLE["stars"] > 3, glad, sad))
    found = suggested(table, language="en").set_index("term")
    assert found.loc["zippy", "valence"] > 0 > found.loc["janky", "valence"]


def test_texts_in_the_middle_are_left_out():
    middle = pd.DataFrame({"text": ["zippy janky"] * 50, "stars": 3})
    pd.testing.assert_frame_equal(suggested(pd.concat([TABLE, middle])), suggested(TABLE))


@pytest.mark.parametrize("labels", [("HAPPY", "SAD"), ("good", "poor"), ("x", "y", "z")])
def test_what_is_glad_is_never_guessed(labels):
    table = TABLE.assign(stars=[*labels * len(TABLE)][: len(TABLE)])
    with pytest.raises(OptionError, match=r"^suggest_lexicon: the labels of 'stars' .* Name them"):
        suggested(table)


def test_suggestions_are_key_terms():
    own = suggested(TABLE, language="en")
    table = TABLE.assign(glad=TABLE["stars"] > 3)
    terms = crm.sentiment.key_terms(table, by="glad", language="en").set_index("term")
    assert len(own) >= 6
    for row in own.itertuples():
        assert terms.loc[row.term, "log_odds"] == pytest.approx(row.log_odds)
        assert terms.loc[row.term, "z"] == pytest.approx(row.z)
    assert _key_terms._PRIOR == 500


def test_each_language_by_itself():
    texts = ["zippy app", "janky app", "سرویس زیپی", "سرویس جنکی", "שירות זיפי", "שירות גנקי"]
    table = pd.DataFrame({"text": texts * 60, "stars": [5, 1] * 180})
    found = suggested(table)
    assert set(found["language"]) == {"en", "fa", "he"}
    by = found.set_index("term")
    assert by.loc["زیپی", "valence"] > 0 > by.loc["جنکی", "valence"]
    assert by.loc["זיפי", "language"] == "he"


def test_the_scale_of_valences():
    # known terms twice as far from zero as their log odds: a factor of two; bounds; too few
    odds = np.array([1.0, -1, 0.5, -0.5, 2, 9])
    known = np.array([2.0, -2, 1, -1, 4, np.nan])
    assert _suggest_lexicon._factor(odds, known) == pytest.approx(2)
    assert _suggest_lexicon._factor(odds, 100 * known) == 4
    assert _suggest_lexicon._factor(odds, -known) == 0.25
    assert _suggest_lexicon._factor(odds[:4], known[:4]) == 1


def test_answers_in_every_library(make_eager, plain, schema):
    table = make_eager({"text": TABLE["text"].tolist(), "stars": TABLE["stars"].tolist()})
    found = suggested(table, top=3)
    assert type(found) is type(table)
    pd.testing.assert_frame_equal(
        plain(found), plain(suggested(TABLE.sample(frac=1, random_state=1), top=3))
    )
    assert len(plain(found)) == 3
    assert list(schema(found)) == list(_suggest_lexicon.SCHEMA)
    nothing = suggested(make_eager({"text": ["aa", "bb"], "stars": [1, 5]}))
    assert len(plain(nothing)) == 0
    assert list(schema(nothing).values()) == list(schema(found).values())


def test_rare_terms_are_not_proposed():
    rare = pd.DataFrame({"text": ["wobbly"] * 6, "stars": 1})
    table = pd.concat([TABLE, rare])
    assert "wobbly" not in suggested(table, min_count=7)["term"].tolist()


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        ({}, {"min_count": 0}, OptionError, "min_count must be a whole number"),
        ({}, {"top": 0}, OptionError, "top must be a whole number"),
        ({}, {"language": "de"}, OptionError, "language must be one of"),
        ({}, {"label_col": "star"}, ColumnError, "no column 'star'.* Did you mean"),
        ({"text": [1, 2]}, {}, ColumnError, "not text"),
        ({"stars": [1, 1]}, {}, NotEnoughDataError, "at least 2 different labels"),
        ({"stars": [1, np.inf]}, {}, DataError, "1 of 2 values of 'stars' .* are infinite"),
    ],
)
def test_bad_input_is_one_sentence(change, options, error, sentence):
    table = pd.DataFrame({"text": ["a", "b"], "stars": [1, 5]} | change)
    with pytest.raises(error, match=rf"^suggest_lexicon: .*{sentence}"):
        suggested(table, **options)
