"""Topics: what they are made of, how stable they are, and which one a text is about."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls
from sklearn.feature_extraction.text import TfidfTransformer

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, NotEnoughDataError, OptionError
from crmlytics.sentiment import _terms
from crmlytics.sentiment._topic_model import tfidf, weights_of
from crmlytics.sentiment._topics import fit_topics

WORDS = {
    "food": ["pizza", "pasta", "sauce", "cheese", "tomato", "oven"],
    "travel": ["train", "ticket", "station", "platform", "journey", "seat"],
    "money": ["bank", "loan", "credit", "interest", "account", "branch"],
}


@pytest.fixture(scope="module")
def mixed():
    """Texts that are each of words of one of three topics: the truth is known."""
    rng = np.random.default_rng(3)
    topics = rng.choice(list(WORDS), 300, p=[0.5, 0.3, 0.2])
    texts = [" ".join(rng.choice(WORDS[topic], 4, replace=False)) for topic in topics]
    return pd.DataFrame({"text": texts, "truth": topics})


@pytest.fixture(scope="module")
def model(mixed):
    return fit_topics(mixed, n_topics=3, n_stability=3)


def test_topics_that_are_there_are_found(mixed, model):
    got = model.predict(mixed)
    table = pd.crosstab(got["truth"], got["topic"])
    assert (table.max(axis=1) / table.sum(axis=1) > 0.98).all()
    assert table.idxmax(axis=1).tolist() == [1, 3, 2]  # food, money, travel: by number of texts
    assert got["topic_weight"].between(1 / 3, 1).all()
    assert got["topic_weight"].mean() > 0.9


def test_summary(mixed, model):
    got = model.summary()
    assert list(got.columns) == ["topic", "name", "terms", "n", "share", "stability"]
    assert got["topic"].tolist() == [1, 2, 3]
    assert got["n"].tolist() == model.predict(mixed)["topic"].value_counts().tolist()
    assert got["share"].sum() == pytest.approx(1)
    assert got["stability"].between(0, 1).all()
    assert got["stability"].mean() > 0.4
    for name, terms in zip(got["name"], got["terms"], strict=True):
        assert len(terms.split(" | ")) == 10
        assert set(name.split(", ")) <= set(terms.split(" | "))
    assert set(got["terms"][0].split(" | ")[:6]) == set(WORDS["food"])
    assert repr(model).startswith("TopicModel(n_topics=3, n_texts=300, n_terms=")


def test_every_library_gets_its_own_kind(make_eager, plain, schema, model):
    texts = ["pizza with cheese", "the train", "zebra", None, ""]
    table = make_eager({"text": texts, "id": range(5)})
    answer = model.predict(table)
    assert type(answer) is type(table)
    assert list(schema(answer)) == ["text", "id", "topic", "topic_name", "topic_weight"]
    got = plain(answer)
    assert got["topic"][:2].tolist() == [1, 2]
    assert got["topic_name"][:2].tolist() == model.summary()["name"][:2].tolist()
    for name in ("topic", "topic_name", "topic_weight"):
        assert got[name].isna().tolist() == [False, False, True, True, True]
    fitted = fit_topics(make_eager({"text": list(_some())}), n_topics=2, min_count=1, n_stability=0)
    assert fitted == fit_topics(
        pd.DataFrame({"text": _some()}), n_topics=2, min_count=1, n_stability=0
    )


def _some():
    return ["fresh pizza", "late train", "fresh pasta pizza", "late train seat"]


def test_order_of_rows_is_nothing(mixed, model):
    turned = mixed.sample(frac=1, random_state=1)
    assert fit_topics(turned, n_topics=3, n_stability=3) == model


def test_a_text_has_the_same_topic_whatever_stands_beside_it(mixed, model):
    every = model.predict(mixed)["topic_weight"]
    for row in (0, 17, 99):
        alone = model.predict(mixed.iloc[[row]])["topic_weight"].item()
        assert alone == pytest.approx(every[row], rel=1e-12)


def test_weights_are_the_least_squares_of_scipy(mixed, model):
    words = _terms.words(mixed["text"], ["en"] * len(mixed))
    matrix = tfidf(_terms.counted_among(words, model.terms.tolist()), model.idf)
    got = weights_of(matrix, model.topics)
    for row in range(0, 300, 30):
        wanted, _ = nnls(model.topics.T, matrix[row].toarray().ravel())
        assert got[row] == pytest.approx(wanted, abs=1e-8)


def test_weights_of_terms_are_those_of_sklearn(mixed):
    counts = _terms.counted(_terms.words(mixed["text"], ["en"] * len(mixed)), 5)
    raw = tfidf(counts, np.ones(len(counts.terms)))
    raw.data = counts.count[np.lexsort((counts.term, counts.text))]
    transformer = TfidfTransformer().fit(raw)
    ours = tfidf(counts, transformer.idf_)
    assert abs(ours - transformer.transform(raw)).max() < 1e-12
    fitted = fit_topics(mixed, n_topics=3, n_stability=0)
    assert fitted.idf == pytest.approx(transformer.idf_)
    assert np.isnan(fitted.stability).all()


def test_kept_models_are_equal(tmp_path, model):
    for each in (
        model,
        fit_topics(pd.DataFrame({"text": _some()}), n_topics=2, min_count=1, n_stability=0),
    ):
        each.save(tmp_path / "topics.zip")
        assert crm.load_model(tmp_path / "topics.zip") == each
    assert b"pickle" not in (tmp_path / "topics.zip").read_bytes()


def test_a_damaged_file_is_refused(tmp_path, model):
    place = tmp_path / "topics.zip"
    model.save(place)
    place.write_bytes(place.read_bytes()[:-40])
    with pytest.raises(DataError, match="damaged"):
        crm.load_model(place)


def test_the_simulated_shop():
    feedback = crm.datasets.simulate_shop(n_customers=900).feedback
    english = feedback[feedback["language"] == "en"]
    model = fit_topics(english, n_topics=6)
    names = " ".join(model.summary()["name"])
    assert {"service", "delivery", "quality"} <= set(names.replace(",", "").split())
    got = model.predict(english)
    best = pd.crosstab(got["topic"], got["true_aspect"]).max(axis=1).sum() / len(got)
    assert best > 0.5


@pytest.mark.parametrize(
    ("table", "options", "error", "sentence"),
    [
        (
            {"text": _some()},
            {"n_topics": 1},
            OptionError,
            "fit_topics: n_topics must be a whole number of 2 or more; got 1.",
        ),
        (
            {"text": _some()},
            {"n_stability": -1},
            OptionError,
            "fit_topics: n_stability must be a whole number of 0 or more; got -1.",
        ),
        (
            {"text": _some()},
            {"random_state": -1},
            OptionError,
            "fit_topics: random_state must be a whole number of 0 or more; got -1.",
        ),
        (
            {"text": _some()},
            {"min_count": 0},
            OptionError,
            "fit_topics: min_count must be a whole number of 1 or more; got 0.",
        ),
        (
            {"text": _some()},
            {"min_count": 1, "n_topics": 9},
            NotEnoughDataError,
            "fit_topics: needs at least 9 texts with frequent words for "
            "n_topics=9; got 4. Ask for fewer topics, or lower min_count (now 1).",
        ),
        ({"text": _some()}, {"language": "fr"}, OptionError, "fit_topics: language must be one of"),
        ({"words": _some()}, {}, ColumnError, "'text'"),
        ({"text": [1, 2]}, {}, ColumnError, "text_col"),
    ],
)
def test_bad_input(table, options, error, sentence):
    with pytest.raises(error) as raised:
        fit_topics(pd.DataFrame(table), **options)
    assert sentence in str(raised.value)
