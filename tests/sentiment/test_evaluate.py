"""Models against labels, beside the lexicon and the commonest label."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedKFold
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    NotEnoughDataError,
    OptionError,
)
from crmlytics.sentiment import _evaluate

FEEDBACK = crm.datasets.simulate_shop(n_customers=400, days=500, random_state=8).feedback
FEEDBACK = FEEDBACK[["text", "score", "true_polarity"]].assign(
    mood=FEEDBACK["true_polarity"].map({1: "positive", 0: "neutral", -1: "negative"})
)
CUT = int(0.7 * len(FEEDBACK))
TRAIN, TEST = FEEDBACK.iloc[:CUT], FEEDBACK.iloc[CUT:]
MODEL = crm.sentiment.fit_sentiment(TRAIN, label_col="mood")
ORDER = ["negative", "neutral", "positive"]


def letters(texts):
    return np.array([[len(text), text.count("e")] for text in texts], dtype=float)


def evaluated(table, **options):
    return crm.sentiment.evaluate_sentiment(table, **({"label_col": "mood"} | options))


def test_the_lexicon_against_scikit_learn():
    found = evaluated(FEEDBACK).set_index("model")
    assert list(found.index) == ["majority", "lexicon", "trained"]
    share = FEEDBACK["mood"].value_counts(normalize=True).max()
    assert found.loc["majority", "accuracy"] == pytest.approx(share)
    answer = crm.sentiment.score_sentiment(FEEDBACK, flavour="improved")["label"].fillna("none")
    assert found.loc["lexicon", "accuracy"] == pytest.approx((answer == FEEDBACK["mood"]).mean())
    want = f1_score(FEEDBACK["mood"], answer, average="macro", labels=ORDER)
    assert found.loc["lexicon", "macro_f1"] == pytest.approx(want)
    assert found.loc["lexicon", "coverage"] == pytest.approx((answer != "none").mean())
    assert found.loc["trained", "accuracy"] > found.loc["lexicon", "accuracy"] - 0.05


def test_trained_models_never_see_what_they_answer():
    # the same folds by hand, in the order of the content
    table = FEEDBACK.sort_values(["text", "mood"], ignore_index=True)
    answer = np.empty(len(table), dtype=object)
    place = table["mood"].map(ORDER.index)
    for seen, unseen in StratifiedKFold(3, shuffle=True, random_state=5).split(table, place):
        model = crm.sentiment.fit_sentiment(table.iloc[seen], label_col="mood")
        answer[unseen] = model.predict(table.iloc[unseen])["label"]
    found = evaluated(FEEDBACK, models=["trained"], n_folds=3, random_state=5)
    assert found["accuracy"][0] == accuracy_score(table["mood"], answer)
    assert found["macro_f1"][0] == pytest.approx(f1_score(table["mood"], answer, average="macro"))


def test_intervals():
    found = evaluated(FEEDBACK, models=["majority", "lexicon"], confidence=0.9)
    for _, row in found.iterrows():
        right = round(row["accuracy"] * row["n"])
        wilson = proportion_confint(right, row["n"], alpha=0.1, method="wilson")
        assert (row["lower"], row["upper"]) == pytest.approx(wilson)
        assert row["macro_f1_lower"] <= row["macro_f1"] <= row["macro_f1_upper"]
    wide = evaluated(FEEDBACK, models=["lexicon"], confidence=0.99)
    assert wide["macro_f1_lower"][0] < found["macro_f1_lower"][1]


def test_the_bootstrap_is_that_of_texts():
    # drawing cells and drawing texts are the same draw: bounds agree but for chance
    answer = crm.sentiment.score_sentiment(FEEDBACK, flavour="improved")["label"].fillna("none")
    truth, answer = FEEDBACK["mood"].to_numpy(), answer.to_numpy()
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(400):
        rows = rng.integers(0, len(truth), len(truth))
        drawn.append(f1_score(truth[rows], answer[rows], average="macro", labels=ORDER))
    found = evaluated(FEEDBACK, models=["lexicon"])
    want = np.quantile(drawn, [0.025, 0.975])
    assert found["macro_f1_lower"][0] == pytest.approx(want[0], abs=0.015)
    assert found["macro_f1_upper"][0] == pytest.approx(want[1], abs=0.015)


def test_neither_order_nor_library_changes_a_digit(make_eager, plain):
    columns = {"text": FEEDBACK["text"].tolist(), "mood": FEEDBACK["mood"].tolist()}
    table = make_eager(columns)
    found = evaluated(table, n_folds=2)
    assert type(found) is type(table)
    other = evaluated(FEEDBACK.sample(frac=1, random_state=2), n_folds=2)
    pd.testing.assert_frame_equal(plain(found), plain(other))


@pytest.mark.parametrize(
    ("names", "coverage", "accuracy"),
    [
        # "a table" has no word that is known, "unclear" texts are none of the three
        (["Positive", "NEGATIVE", "neutral"], 1.0, 1.0),
        (["positive", "negative"], 2 / 3, 2 / 3),
    ],
)
def test_names_of_feelings(names, coverage, accuracy):
    texts = ["good", "bad", "a table"]
    names = names if len(names) == 3 else [*names, names[0]]
    table = pd.DataFrame({"text": texts * 4, "mood": names * 4})
    found = evaluated(table, models=["lexicon"], language="en", n_folds=2)
    assert found["coverage"][0] == pytest.approx(coverage)
    assert found["accuracy"][0] == pytest.approx(accuracy)
    assert found["accuracy_covered"][0] == pytest.approx(1.0)


@pytest.mark.parametrize("labels", [(1, -1, 0), (5, 1, 3), ("glad", "sad", "so-so"), (1.5, 0, 1)])
def test_other_labels_are_learnt_by_their_feeling(labels):
    table = pd.DataFrame({"text": ["good", "bad", "fine, but bad"] * 6, "mood": [*labels] * 6})
    scores = crm.sentiment.score_sentiment(table, flavour="improved", language="en")["label"]
    found = evaluated(table, models=["lexicon"], language="en", n_folds=3)
    # as many right as the labels most frequent by feeling
    by = table.assign(feeling=scores).groupby("feeling")["mood"]
    assert found["accuracy"][0] == pytest.approx(
        by.agg(lambda g: g.value_counts().max()).sum() / 18
    )


def test_languages_without_a_lexicon_have_no_answer():
    table = pd.DataFrame({"text": ["это хорошо", "это плохо"] * 4, "mood": ORDER[::2] * 4})
    found = evaluated(table, models=["lexicon"], n_folds=2)
    assert found["coverage"][0] == 0
    assert found["accuracy"][0] == 0
    assert np.isnan(found["accuracy_covered"][0])


def test_few_texts_are_enough_for_two_folds():
    texts = ["good a", "good b", "bad a", "bad b"]
    table = pd.DataFrame({"text": texts, "mood": [1, 1, 0, 0]})
    found = evaluated(table, n_folds=2)
    assert found["n"].tolist() == [4, 4, 4]
    assert found["coverage"].tolist() == [1, 1, 1]


def test_fitted_models():
    found = evaluated(TEST, models={"mine": MODEL})
    want = (MODEL.predict(TEST)["label"].to_numpy() == TEST["mood"].to_numpy()).mean()
    assert found["accuracy"][0] == pytest.approx(want)
    stars = TEST.assign(mood=TEST["score"].clip(4, 10) // 3)
    with pytest.raises(OptionError, match=r"^evaluate_sentiment: a model of models has not learnt"):
        evaluated(stars, models={"mine": MODEL})


def test_fitted_models_that_abstain():
    noisy = TRAIN.assign(
        mood=np.where(np.random.default_rng(0).random(CUT) < 0.2, "neutral", TRAIN["mood"])
    )
    model = crm.sentiment.fit_sentiment(noisy, label_col="mood", target_precision=0.85)
    answer = model.predict(TEST)
    kept = ~answer["abstained"].to_numpy()
    found = evaluated(TEST, models={"mine": model})
    right = answer["label"].to_numpy() == TEST["mood"].to_numpy()
    assert found["coverage"][0] == pytest.approx(kept.mean())
    assert found["accuracy_covered"][0] == pytest.approx(right[kept].mean())
    assert found["accuracy"][0] == pytest.approx(right[kept].sum() / len(TEST))


def test_columns_of_the_callers_own():
    calls = []

    def counting(texts):
        calls.append(texts)
        return letters(texts)

    model = crm.sentiment.fit_sentiment(TRAIN, label_col="mood", embed=letters)
    found = evaluated(
        TEST, models={"mine": model, "new": "trained", "lexicon": "lexicon"}, n_folds=2,
        embed=counting,
    )  # fmt: skip
    want = (
        model.predict(TEST, embed=letters)["label"].to_numpy() == TEST["mood"].to_numpy()
    ).mean()
    assert found["accuracy"][0] == pytest.approx(want)
    assert len(calls) == 1
    assert sorted(calls[0]) == sorted(set(TEST["text"]))
    with pytest.raises(DataError, match=r"^evaluate_sentiment: the model was fitted with embed"):
        evaluated(TEST, models={"mine": model})


def test_macro_f1_of_cells():
    # two labels; answers: 3 and 1 of the first, 2 and 4 of the second, none missing
    cells = np.array([[3, 1, 0, 0, 2, 4, 0, 0]])
    # each F1 is twice the right ones over labelled and answered together
    assert _evaluate._macro_f1(cells, 2)[0] == pytest.approx((6 / 9 + 8 / 11) / 2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=40))
def test_macro_f1_is_that_of_scikit_learn(pairs):
    truth, answer = np.array(pairs).T
    cells = np.bincount(truth * 5 + np.where(answer < 0, 4, answer), minlength=15)
    want = f1_score(truth, answer, average="macro", labels=[0, 1, 2], zero_division=0)
    assert _evaluate._macro_f1(cells[None, :], 3)[0] == pytest.approx(want)


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        ({}, {"models": []}, OptionError, "models must name different models"),
        ({}, {"models": {}}, OptionError, "models must name different models"),
        ({}, {"models": 5}, OptionError, "models must name different models"),
        ({}, {"models": {1: "majority"}}, OptionError, "models must name different models"),
        ({}, {"models": [MODEL]}, OptionError, "Fitted ones need a name"),
        ({}, {"models": ["lexicon"] * 2}, OptionError, "models must name different models"),
        ({}, {"models": ["lexikon"]}, OptionError, "models must be one of .* Did you mean"),
        ({}, {"models": {"mine": "mine"}}, OptionError, "models must be one of"),
        ({}, {"n_folds": 1}, OptionError, "n_folds must be a whole number"),
        ({}, {"n_folds": 3}, NotEnoughDataError, "needs at least 3 texts of each label .* has 2"),
        ({}, {"confidence": 95}, OptionError, "confidence must lie between 0 and 1"),
        ({}, {"random_state": 2**32}, OptionError, "random_state must be a whole number"),
        ({}, {"language": "de"}, OptionError, "language must be one of"),
        ({}, {"text_col": "texts"}, ColumnError, "no column 'texts'"),
        ({"mood": ["x"] * 4}, {}, NotEnoughDataError, "at least 2 different labels"),
        ({"mood": [1, np.inf] * 2}, {}, DataError, "are infinite"),
    ],
)
def test_bad_input_is_one_sentence(change, options, error, sentence):
    table = pd.DataFrame({"text": list("abcd"), "mood": ["x", "y", "x", "y"]} | change)
    with pytest.raises(error, match=rf"^evaluate_sentiment: .*{sentence}"):
        evaluated(table, **options)


def test_rows_without_text_or_label_are_counted():
    table = FEEDBACK[["text", "mood"]].copy()
    table.loc[table.index[:3], "text"] = None
    with pytest.warns(CrmlyticsWarning, match=rf"3 of {len(table)} rows have no text or no label"):
        found = evaluated(table, models=["majority"])
    assert found["n"][0] == len(table) - 3
