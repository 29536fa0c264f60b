"""Texts as rows of ids, one a token, for all texts at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.sentiment import _emoji, _hashtags, _sums
from crmlytics.sentiment._vader_words import SEPARATOR, Tables, Vocabulary

_TOGETHER = 2_000  # texts split in one go: more do not fit the processor's cache
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

    def per_text(self, flags: Bools) -> Ints:
        """Count flags of tokens in each text."""
        sums = np.append(0, np.cumsum(flags))
        counts: Ints = sums[self.begin + self.size] - sums[self.begin]
        return counts


def tokens(texts: Sequence[str], words: Vocabulary) -> Tokens:
    """Split texts as vaderSentiment does."""
    texts = _prepared(texts, words.tables)
    ids = np.concatenate([
        np.zeros(0, dtype=np.int64),
        *(_split(texts[at : at + _TOGETHER], words) for at in range(0, len(texts), _TOGETHER)),
    ])  # fmt: skip
    ends = np.flatnonzero(ids == 0)
    begin = np.append(0, ends + 1)[: len(ends)]
    size = ends - begin
    text = np.repeat(np.arange(len(texts)), size + 1)
    return Tokens(ids, text, begin, size, *_sums.emphasis(texts))


def _split(texts: Sequence[str], words: Vocabulary) -> Ints:
    """Split some texts in one go, which is quicker than one by one."""
    between = f" {SEPARATOR} "
    joined = between.join((*texts, ""))
    if joined.count(SEPARATOR) != len(texts):
        # a control character as good as any other: no rule knows either
        clean = (text.replace(SEPARATOR, "\x03") for text in texts)
        joined = between.join((*clean, ""))
    split = joined.split()
    return np.fromiter(map(words.__getitem__, split), dtype=np.int64, count=len(split))


def _prepared(texts: Sequence[str], given: Tables) -> Sequence[str]:
    """Put words in place of emoji, and do what switches do to texts as a whole."""
    joined = "\n".join(texts)
    if "apostrophes" in given.switches and _CURLY.search(joined):
        texts = [_CURLY.sub("'", text) for text in texts]
    if "hashtags" in given.switches and "#" in joined:
        tags = _hashtags.Hashtags()
        texts = [tags.spoken(text) if "#" in text else text for text in texts]
    if joined.isascii():
        return texts
    table = given.descriptions
    if "emoji" in given.switches:
        texts = [_emoji.apart(text) for text in texts]
    return [text if text.isascii() else text.translate(table) for text in texts]
