"""What lexicons add to learnt models, and what abstaining is worth, on the sets at home.

Tweets and snippets: Hutto and Gilbert (2014). Hebrew comments: Amram, Ben-David and Tsarfaty
(2018). Accuracy of the models themselves stands in test_sentiment_languages.
"""

import numpy as np
import pytest

import crmlytics as crm
from crmlytics.sentiment import _features


@pytest.mark.parametrize("name", ["tweets", "amazon"])
def test_lexicons_add_to_words(rated_texts, name, monkeypatch):
    """Measured with and without: tweets .895 and .804, snippets .741 and .708."""
    table = rated_texts[name].sample(frac=1, random_state=0)
    border = int(0.8 * len(table))

    def accuracy():
        model = crm.sentiment.fit_sentiment(table.iloc[:border], label_col="mood", language="en")
        found = model.predict(table.iloc[border:][["text"]])["label"]
        return (found.to_numpy() == table["mood"].to_numpy()[border:]).mean()

    whole = accuracy()
    monkeypatch.setattr(_features, "lexicon_scores", lambda texts, _: np.zeros((len(texts), 5)))
    assert whole >= accuracy() + 0.02


def test_abstaining_reaches_its_precision(snappfood):
    """Measured in five folds: .89 to .92 of the answers right, .77 to .83 of the texts answered."""
    table = snappfood.sample(frac=1, random_state=0)
    border = int(0.8 * len(table))
    model = crm.sentiment.fit_sentiment(
        table.iloc[:border], label_col="mood", language="fa", target_precision=0.9
    )
    found = model.predict(table.iloc[border:][["text"]])
    kept = ~found["abstained"].to_numpy()
    right = (found["label"].to_numpy() == table["mood"].to_numpy()[border:])[kept]
    # 1,260 texts: the share has a standard error of .01
    assert right.mean() >= 0.87
    assert kept.mean() >= 0.7
    assert model.expected_precision >= 0.9
    assert kept.mean() == pytest.approx(model.expected_coverage, abs=0.05)


def test_probabilities_are_calibrated(snappfood):
    """Measured in five folds: an expected calibration error of .014 to .021."""
    table = snappfood.sample(frac=1, random_state=0)
    border = int(0.8 * len(table))
    model = crm.sentiment.fit_sentiment(table.iloc[:border], label_col="mood", language="fa")
    found = model.predict(table.iloc[border:][["text"]])
    sure = found.filter(like="probability_").max(axis=1).to_numpy()
    right = found["label"].to_numpy() == table["mood"].to_numpy()[border:]
    tenth = np.minimum((10 * sure).astype(int), 9)
    error = sum(
        abs(right[tenth == k].mean() - sure[tenth == k].mean()) * (tenth == k).mean()
        for k in np.unique(tenth)
    )
    assert error <= 0.035


# accuracy and macro F1 of the lexicon are those of score_sentiment(flavour="improved"); five folds
MEASURED = {
    "tweets": {"lexicon": (0.899, 0.739), "trained": (0.907, 0.706)},
    "amazon": {"lexicon": (0.629, 0.561), "trained": (0.742, 0.590)},
}


@pytest.mark.parametrize("name", ["tweets", "amazon"])
def test_evaluation(rated_texts, name):
    found = crm.sentiment.evaluate_sentiment(
        rated_texts[name], label_col="mood", language="en"
    ).set_index("model")
    for model, (accuracy, macro_f1) in MEASURED[name].items():
        assert found.loc[model, "accuracy"] == pytest.approx(accuracy, abs=0.01)
        assert found.loc[model, "macro_f1"] == pytest.approx(macro_f1, abs=0.02)
        assert found.loc[model, "accuracy"] > found.loc["majority", "accuracy"] + 0.1


def test_suggested_words_mend_the_lexicon(rated_texts):
    """Words from four fifths of the snippets raise the accuracy on the last fifth."""
    table = rated_texts["amazon"].sample(frac=1, random_state=0)
    border = int(0.8 * len(table))
    seen, unseen = table.iloc[:border], table.iloc[border:]
    own = crm.sentiment.suggest_lexicon(seen, label_col="mood", language="en")

    def accuracy(lexicon):
        scored = crm.sentiment.score_sentiment(
            unseen, language="en", flavour="improved", lexicon=lexicon
        )
        return (scored["label"].to_numpy() == unseen["mood"].to_numpy()).mean()

    assert len(own) >= 5
    assert accuracy(own) >= accuracy(None)
