"""What every engine returns: the scores of a list of texts, as arrays."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crmlytics._columns import Floats, Ints

ALPHA = 15.0  # Hutto and Gilbert 2014: compound = S / sqrt(S^2 + 15)
POSITIVE, NEGATIVE = 0.05, -0.05  # labels: compound at or above, at or below


@dataclass(frozen=True)
class Hits:
    """The parts of the raw scores, for explanations: one entry a word or mark that counts."""

    text: Ints  # place of the text
    word: list[str]  # as it was written
    valence: Floats  # of the lexicon, before any rule
    rule: list[str]  # what changed it, such as "negated by not; x1.5 after but"; "" where nothing
    contribution: Floats  # their sum over a text is its raw score


@dataclass(frozen=True)
class Scored:
    """Scores of texts; all arrays have one entry a text."""

    raw: Floats  # sum of the valences after all rules
    compound: Floats
    positive: Floats
    neutral: Floats
    negative: Floats
    n_words: Ints  # word tokens
    n_known: Ints  # of these, in the lexicon (a valence, or a word of a phrase with one)
    hits: Hits | None = None  # where asked for


def labels(compound: Floats) -> Any:
    """Return "positive", "negative" or "neutral" for each compound, None where it is NaN."""
    lower = np.where(compound <= NEGATIVE, "negative", "neutral")
    words = np.where(compound >= POSITIVE, "positive", lower).astype(object)
    words[np.isnan(compound)] = None
    return words


def with_hits(scored: Scored, hits: Hits, loud: Floats, asked: Floats) -> Scored:
    """Add the parts of the scores, with rows for the marks that made them larger."""
    side = np.sign(scored.raw)
    texts, words, rules = [hits.text], list(hits.word), list(hits.rule)
    valences, parts = [hits.valence], [hits.contribution]
    for mark, amount in (("!", side * loud), ("?", side * asked)):
        rows = np.flatnonzero(amount)
        words += [mark] * len(rows)
        rules += ["emphasis"] * len(rows)
        texts.append(rows)
        valences.append(np.full(len(rows), np.nan))
        parts.append(amount[rows])
    text = np.concatenate(texts)
    order = np.argsort(text, kind="stable")
    laid_out = Hits(
        text[order], [words[k] for k in order], np.concatenate(valences)[order],
        [rules[k] for k in order], np.concatenate(parts)[order],
    )  # fmt: skip
    return replace(scored, hits=laid_out)
