"""The English engine against the paper of VADER, its code and the data of the paper.

Hutto and Gilbert (2014), VADER: A parsimonious rule-based model for sentiment analysis of social
media text, ICWSM-14, Table 4. Truth: the sign of the mean of 20 ratings.
"""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from vaderSentiment import vaderSentiment as V

from crmlytics.sentiment import _switches, _vader
from crmlytics.sentiment._scored import labels

SIDES = {"negative": -1, "neutral": 0, "positive": 1}


@pytest.fixture(params=["tweets", "amazon"])
def rated(request, rated_texts):
    table = rated_texts[request.param]
    return request.param, table["text"].tolist(), table["rating"].to_numpy()


def sides(compound):
    return np.array([SIDES[each] for each in labels(compound)])


# measured with vaderSentiment 3.3.2: r, and precision, recall and F1 weighted by support
MEASURED = {"tweets": (0.872, 0.98, 0.92, 0.95), "amazon": (0.590, 0.76, 0.57, 0.63)}


def test_table_4(rated):
    name, texts, ratings = rated
    found = _vader.score(texts)
    r = np.corrcoef(found.compound, ratings)[0, 1]
    precision, recall, f1, _ = precision_recall_fscore_support(
        np.sign(ratings), sides(found.compound), average="weighted", zero_division=0
    )
    assert (r, precision, recall, f1) == pytest.approx(MEASURED[name], abs=0.01)


@pytest.mark.usefixtures("plain_sums")
def test_every_text_equals_the_original(rated):
    _, texts, _ = rated
    analyzer = V.SentimentIntensityAnalyzer()
    found = _vader.score(texts)
    rows = zip(found.compound, found.positive, found.neutral, found.negative, strict=True)
    for text, row in zip(texts, rows, strict=True):
        wanted = analyzer.polarity_scores(text)
        assert row == (wanted["compound"], wanted["pos"], wanted["neu"], wanted["neg"]), text


# accuracy and weighted F1 of the improved flavour less those of VADER, as measured
GAINS = {"tweets": (-0.001, -0.001), "amazon": (0.044, 0.042)}


def test_improved_is_not_worse(rated):
    name, texts, ratings = rated
    truth = np.sign(ratings)
    before = sides(_vader.score(texts).compound)
    after = sides(_vader.score(texts, switches=_switches.ALL).compound)
    gains = (
        accuracy_score(truth, after) - accuracy_score(truth, before),
        f1_score(truth, after, average="weighted") - f1_score(truth, before, average="weighted"),
    )
    assert min(gains) >= -0.005
    assert gains == pytest.approx(GAINS[name], abs=0.003)


# compound of vaderSentiment 3.3.2
COMPOUNDS = {
    "this wasn't good that was good": 0.1265,
    "good good not good but good": -0.2292,
    "It isn't great": -0.5096,
    "is so good": 0.4927,
    "This is so good": 0.5777,
    "never so good": 0.5777,
    "it was never so good": 0.6626,
    "I like this phone": 0.3612,
    "Not the worst show I've seen": 0.5096,
    "the bomb": -0.4939,
    "this phone is the bomb": 0.6124,
    "Without a doubt, an excellent idea": 0.7013,
    "no problem, thanks": -0.0382,
    "Worked great!.": 0.6588,
    "don’t like it": 0.3612,
    "I don't like it": -0.2755,
    "😀 nice": 0.6486,
    "❤️": 0.0,
    "🤬": 0.0,
    "👍🏽": 0.0,
    "#BAD service": -0.6408,
    "The kind of good": 0.3832,
    "bad but bad": -0.7906,
    "awful awful but nice": 0.1779,
    "helpful staff but adequate food": 0.3291,
    "Late delivery and wrong size": -0.4767,
}


def test_compounds():
    found = _vader.score(list(COMPOUNDS))
    assert found.compound.tolist() == list(COMPOUNDS.values())
