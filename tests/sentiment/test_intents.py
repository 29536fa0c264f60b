"""Intents: how rules are written, what negates them, and how well they do on known texts."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.sentiment._intent_rules import INTENTS, intent_rules
from crmlytics.sentiment._intents import detect_intents


def _found(texts, **options):
    table = detect_intents(pd.DataFrame({"text": texts}), **options)
    names = [name for name in table.columns if name != "text"]
    rows = table[names].fillna(value=False).astype(bool).to_numpy()
    return [{name for name, has in zip(names, row, strict=True) if has} for row in rows]


# text, intents it must have, intents it must not have; written for these tests
CASES = [
    ("Please cancel my subscription", "cancel", "refund praise"),
    ("I do not want to cancel", "", "cancel"),
    ("I don't want to cancel my order, thank you", "praise", "cancel"),
    ("No, cancel it now", "cancel", ""),
    ("I want my money back, this is urgent", "refund urgent", "cancel praise"),
    ("I don't want to ask for a refund", "", "refund question"),
    ("I still did not get my refund", "refund", ""),
    ("Where is my parcel? It never arrived", "question delivery_problem complaint", "praise"),
    ("No complaints, thank you", "praise", "complaint"),
    ("I never have problems with it", "praise", "complaint"),
    ("The driver was rude and the box was torn", "complaint delivery_problem", "praise"),
    ("How can I change my address", "question", "complaint cancel"),
    ("See example.com/?id=3 for more", "", "question"),
    ("It arrived on Monday", "", "complaint delivery_problem praise cancel refund question urgent"),
    ("I loved the book but the delivery was late", "praise delivery_problem", "cancel"),
    ("Answer me as soon as possible", "urgent", ""),
    ("There is no rush, not urgent at all", "", "urgent"),
    ("لطفاً سفارشم را لغو کنید", "cancel", "refund"),
    ("نمی‌خواهم سفارشم را لغو کنم", "", "cancel"),
    ("نمی خواهم اشتراکم را لغو کنم", "", "cancel"),
    ("پولم را پس بدهید", "refund", "cancel"),
    ("سفارشم هنوز نرسیده، کی می‌رسد؟", "delivery_problem question", "praise"),
    ("خیلی خوب بود، ممنونم", "praise", "complaint"),
    ("اصلاً خوب نبود", "complaint", "praise"),
    ("هیچ مشکلی نداشتم، عالی بود", "praise", "complaint"),
    ("فوری پیگیری کنید", "urgent", "refund"),
    ("چطور می‌توانم آدرسم را عوض کنم", "question", "cancel"),
    ("بسته روز شنبه رسید", "", "complaint delivery_problem praise cancel refund question urgent"),
    ("אני רוצה לבטל את ההזמנה", "cancel", "refund praise"),
    ("אני לא רוצה לבטל", "", "cancel"),
    ("מבקש החזר כספי בהקדם", "refund urgent", "cancel"),
    ("החבילה לא הגיעה, ממש מאכזב", "delivery_problem complaint", "praise"),
    ("מתי תגיע ההזמנה שלי", "question", "praise"),
    ("שירות מעולה, תודה רבה", "praise", "complaint"),
    ("השירות לא טוב בכלל", "complaint", "praise"),
    ("לא היה שום עיכוב במשלוח, מצוין", "praise", "complaint delivery_problem"),
    (
        "החבילה הגיעה ביום ראשון",
        "",
        "complaint delivery_problem praise cancel refund question urgent",
    ),
]


@pytest.mark.parametrize(("text", "has", "lacks"), CASES)
def test_texts_with_known_intents(text, has, lacks):
    (found,) = _found([text])
    assert set(has.split()) <= found
    assert found.isdisjoint(lacks.split())


def test_every_library_gets_its_own_kind_and_the_same_answer(make_eager, plain, schema):
    texts = ["Cancel my order", "Очень хорошо", None, "12", "لغو کنید"]
    table = make_eager({"id": range(5), "text": texts})
    answer = detect_intents(table)
    assert type(answer) is type(table)
    assert schema(answer) | dict.fromkeys(INTENTS, "Boolean") == schema(answer)
    assert list(schema(answer)) == ["id", "text", *INTENTS]
    got = plain(answer)
    assert got["cancel"][[0, 4]].tolist() == [True, True]
    for intent in INTENTS:
        assert got[intent].isna().tolist() == [False, True, True, True, False]


def test_the_simulated_shop():
    feedback = crm.datasets.simulate_shop(n_customers=900).feedback
    got = detect_intents(feedback)
    share = got.groupby(["true_polarity", "language"])[["complaint", "praise"]].mean()
    assert (share.loc[-1, "complaint"] > 0.85).all()
    assert (share.loc[1, "complaint"] < 0.05).all()
    assert (share.loc[1, "praise"] > 0.85).all()
    assert (share.loc[-1, "praise"] < 0.05).all()
    assert not got[["cancel", "refund", "urgent"]].any(axis=None)


def test_rules_of_the_package_are_tidy():
    table = intent_rules()
    assert list(table.columns) == ["intent", "language", "pattern", "rule"]
    sizes = table.groupby(["intent", "language"]).size()
    assert len(sizes) == 21
    assert sizes.min() >= 35
    assert not table.duplicated(["intent", "language", "pattern"]).any()
    assert set(table["rule"]) == {"unless negated", "always", "never"}
    assert set(intent_rules("fa")["language"]) == {"fa"}
    again = detect_intents(pd.DataFrame({"text": ["Cancel it"]}), rules=table)
    pd.testing.assert_frame_equal(again, detect_intents(pd.DataFrame({"text": ["Cancel it"]})))


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("cancel*", "Cancellation of all", True),
        ("cancel", "cancellation", False),
        ("want ... refund", "I want a full and fast refund", True),  # three words between
        ("want ... refund", "I want to get a really fast refund", False),  # four and more
        ("want refund", "I want a refund", True),  # one letter is no word
        ("slow/late delivery", "a late delivery", True),
        ("slow/late delivery", "late, delivery", False),  # not within a clause
        ("late delivery", "late but delivery", False),
        ("can't wait", "I can’t wait", True),
        ("میشود", "می‌شود", True),
        ("میشود", "می شود", True),
        ("بی ادب*", "بی‌ادبانه", True),
        ("الان", "الانه", False),
        ("הזמנה", "וההזמנה", True),
        ("החזר", "להחזר", True),
        ("בעי*", "הבעיות", True),
        ("?", "really?", True),
        ("?", "واقعا؟", True),
        ("?", "really", False),
        ("{positive}", "This is an excellent, wonderful shop", True),
        ("{negative}", "This is an excellent, wonderful shop", False),
    ],
)
def test_patterns(pattern, text, fits):
    assert _found([text], rules={"it": [pattern]}) == [{"it"} if fits else set()]


def test_own_rules_have_their_own_negation(make_eager, plain):
    rules = make_eager(
        {
            "intent": ["b", "b", "a", "cancel"],
            "pattern": ["leave", "leave early", "tea", "leave"],
            "language": ["en", None, "fa", None],
            "rule": ["unless negated", "never", None, "always"],
        }
    )
    table = make_eager({"text": ["I leave", "I will not leave", "we leave early", "tea"]})
    got = plain(detect_intents(table, rules=rules))
    assert list(got.columns) == ["text", "cancel", "a", "b"]
    assert got["b"].tolist() == [True, False, False, False]
    assert got["cancel"].tolist() == [True, True, True, False]
    assert got["a"].tolist() == [False] * 4


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.sampled_from(["I", "not", "cancel", "refund", ",", "but", "no", "want", "the", "?"])
    )
)
def test_a_text_has_the_same_intents_whatever_stands_beside_it(words):
    text = " ".join(words)
    assert _found([text]) == _found(["Cancel it", text, "No refund"])[1:2]


def test_no_rows():
    got = detect_intents(pd.DataFrame({"text": pd.Series([], dtype="str")}))
    assert list(got.columns) == ["text", *INTENTS]
    assert len(got) == 0


@pytest.mark.parametrize(
    ("rules", "error", "sentence"),
    [
        (
            {},
            DataError,
            "detect_intents: rules is empty. Give a table of intents and patterns, "
            "such as intent_rules() returns.",
        ),
        (
            {"a": "word"},
            DataError,
            "detect_intents: the patterns of 'a' in rules are 'word'. Give a list of patterns.",
        ),
        (
            {"a": ["..."]},
            DataError,
            "detect_intents: rules has the pattern '...' for 'a'. Give words, such "
            "as 'cancel*' or 'want ... refund'.",
        ),
        (
            {"": ["b"]},
            DataError,
            "detect_intents: rules has the intent ''. Give each a name of text.",
        ),
        (
            pd.DataFrame({"intent": ["a"], "pattern": ["bb"], "rule": ["often"]}),
            DataError,
            "detect_intents: rules has the rule 'often'. Use 'unless negated', "
            "'always' or 'never'.",
        ),
        (
            pd.DataFrame({"intent": ["a"], "pattern": ["bb"], "language": ["fr"]}),
            DataError,
            "detect_intents: rules has the language 'fr'. Use 'en', 'fa' or 'he', "
            "or leave it null for all.",
        ),
        (3, DataError, "detect_intents: rules must be a table"),
    ],
)
def test_bad_rules(rules, error, sentence):
    with pytest.raises(error) as raised:
        detect_intents(pd.DataFrame({"text": ["a"]}), rules=rules)
    assert str(raised.value).startswith(sentence)


def test_bad_options():
    with pytest.raises(OptionError, match="detect_intents: language must be one of"):
        detect_intents(pd.DataFrame({"text": ["a"]}), language="fr")
    with pytest.raises(OptionError, match="intent_rules: language must be one of"):
        intent_rules("auto")
    with pytest.raises(ColumnError, match="'words'"):
        detect_intents(pd.DataFrame({"text": ["a"]}), text_col="words")
    with pytest.raises(ColumnError, match="'pattern'"):
        detect_intents(pd.DataFrame({"text": ["a"]}), rules=pd.DataFrame({"intent": ["a"]}))
