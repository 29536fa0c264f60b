"""Texts as rows of ids, one a token, for all texts at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crmlytics._columns import Floats, Ints
from crmlytics.sentiment import _emoji, _hashtags, _vader_words
from crmlytics.sentiment._vader_words import SEPARATOR, Vocabulary

_CURLY = re.compile("[\u2018\u2019\u02bc\uff07\u00b4`]")


@dataclass(frozen=True)
class Tokens:
    """The tokens of some texts, and a 0 after those of each text."""

    ids: Ints
    text: Ints  # one an id
    begin: Ints  # one a text: the place of its first token
    size: Ints  # one a text: how many it has
    exclamations: Floats  # one a text: how far "!" moves its score
    questions: Floats

    def per_text(self, flags: Ints) -> Ints:
        """Count flags of tokens in each text."""
        sums = np.append(0, np.cumsum(flags))
        counts: Ints = sums[self.begin + self.size] - sums[self.begin]
        return counts


def tokens(texts: Sequence[str], words: Vocabulary) -> Tokens:
    """Split texts as vaderSentiment does."""
    texts = _prepared(texts, words.tables.switches)
    joined = _joined(texts)
    if joined.count(SEPARATOR) != len(texts):
        # a control character as good as any other: no rule knows either
        texts = [text.replace(SEPARATOR, "\x03") for text in texts]
        joined = _joined(texts)
    split = joined.split()
    ids = np.fromiter(map(words.__getitem__, split), dtype=np.int64, count=len(split))
    ends = np.flatnonzero(ids == 0)
    begin = np.append(0, ends + 1)[: len(ends)]
    size = ends - begin
    text = np.repeat(np.arange(len(texts)), size + 1)
    return Tokens(ids, text, begin, size, *_marks(texts, joined))


def _joined(texts: Sequence[str]) -> str:
    between = f" {SEPARATOR} "
    return between.join(texts) + between if texts else ""


def _prepared(texts: Sequence[str], switches: frozenset[str]) -> Sequence[str]:
    """Put words in place of emoji, and do what switches do to texts as a whole."""
    joined = "\n".join(texts)
    if "apostrophes" in switches and _CURLY.search(joined):
        texts = [_CURLY.sub("'", text) for text in texts]
    if "hashtags" in switches and "#" in joined:
        texts = [_hashtags.spoken(text) if "#" in text else text for text in texts]
    if joined.isascii():
        return texts
    if "emoji" not in switches:
        table = _vader_words.descriptions(parted=False)
        return [text if text.isascii() else text.translate(table) for text in texts]
    table = _vader_words.descriptions(parted=True)
    return [
        text if text.isascii() else _emoji.apart(text).translate(table) for text in texts
    ]


def _marks(texts: Sequence[str], joined: str) -> tuple[Floats, Floats]:
    """Return how far "!" (up to four) and "?" (two or more) move the score of each text."""
    exclamations = questions = np.zeros(len(texts))
    if "!" in joined:
        exclamations = np.array([text.count("!") for text in texts], dtype=np.float64)
        exclamations = np.minimum(exclamations, 4) * 0.292
    if "?" in joined:
        n = np.array([text.count("?") for text in texts], dtype=np.float64)
        questions = np.where(n < 2, 0.0, np.where(n <= 3, n * 0.18, 0.96))
    return exclamations, questions
