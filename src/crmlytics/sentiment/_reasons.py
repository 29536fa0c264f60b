"""What each word of a text does to the logit of a label."""

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from crmlytics._columns import Floats
from crmlytics.sentiment import _features
from crmlytics.sentiment._features import Parts

if TYPE_CHECKING:
    from crmlytics.sentiment._sentiment_model import SentimentModel

_EDGES = re.compile(r"^\W+|\W+$")


class Reasons:
    """Effects of words: those of pairs go to both words, those of letters to their word."""

    def __init__(self, model: "SentimentModel") -> None:
        self.model = model
        # against the mean of all labels, so that two labels mirror each other
        self.weights = model.coefficients - model.coefficients.mean(axis=0)
        self.intercepts = model.intercepts - model.intercepts.mean()
        self.makers = _features.vectorisers(model.terms)

    def of(self, parts: Parts, place: int, label: int) -> list[tuple[str, float]]:
        """Return words of a text and their effects, the strongest first, adding up to the logit."""
        scale, clean = self.model.temperature, parts.clean[place]
        weights, at = self.weights[label], 0
        effects: dict[str, float] = {}
        for maker in self.makers:
            row = maker.transform([clean])
            values = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
            _share(maker, clean, values, weights[at : at + row.shape[1]], effects)
            at += row.shape[1]
        lexicon = parts.lexicon[place]
        effects["[lexicon]"] = float(lexicon @ weights[at : at + len(lexicon)])
        at += len(lexicon)
        if parts.more is not None:
            effects["[embed]"] = float(parts.more[place] @ weights[at:])
        effects["[all texts]"] = float(self.intercepts[label])
        scaled = [(word, scale * effect) for word, effect in effects.items() if effect]
        return sorted(scaled, key=lambda each: (-abs(each[1]), each[0]))


def _share(
    maker: Any, text: str, values: dict[int, float], weights: Floats, effects: dict[str, float]
) -> None:
    """Give the effect of each term to the words it stands in, in equal parts."""
    uses: dict[int, list[str]] = {}
    letters = maker.analyzer == "char_wb"
    places = maker.vocabulary
    if letters:
        split = maker.build_analyzer()
        for word in text.split():
            for part in split(word):
                if part in places:
                    uses.setdefault(places[part], []).append(word)
    else:
        words = maker.build_tokenizer()(text)
        for word in words:
            if word in places:
                uses.setdefault(places[word], []).append(word)
        for one, other in pairwise(words):
            pair = f"{one} {other}"
            if pair in places:
                uses.setdefault(places[pair], []).extend((one, other))
    for place, value in values.items():
        owners = uses.get(place, [])
        effect = value * float(weights[place])
        for owner in owners:
            name = _EDGES.sub("", owner) or owner
            effects[name] = effects.get(name, 0.0) + effect / len(owners)
        if not owners:
            effects["[rest]"] = effects.get("[rest]", 0.0) + effect
