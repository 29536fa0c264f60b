"""Phrases with a valence of their own, found in rows of tokens: the longest at each place."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crmlytics._columns import Bools, Floats, Ints


@dataclass(frozen=True)
class Phrases:
    """A tree of words: each node is the words so far."""

    codes: Mapping[str, int]  # of the words, from 1
    keys: Ints  # node * (words + 1) + code of the next word, ascending
    targets: Ints  # the node that it leads to
    values: Floats  # one a node, NaN where no phrase ends


@dataclass(frozen=True)
class Found:
    """The phrases of some texts, in order and without overlap."""

    first: Ints  # place of the first word
    last: Ints
    value: Floats
    parts: Ints  # places of all their words


def compiled(phrases: Mapping[tuple[str, ...], float]) -> Phrases:
    """Build the tree."""
    codes: dict[str, int] = {}
    for word in (word for phrase in phrases for word in phrase):
        codes.setdefault(word, len(codes) + 1)
    steps: dict[tuple[int, int], int] = {}
    values: dict[int, float] = {}
    for phrase, value in phrases.items():
        node = 0
        for word in phrase:
            node = steps.setdefault((node, codes[word]), len(steps) + 1)
        values[node] = value
    width = len(codes) + 1
    pairs = sorted((node * width + code, target) for (node, code), target in steps.items())
    return Phrases(
        codes,
        np.array([key for key, _ in pairs]),
        np.array([target for _, target in pairs]),
        np.array([values.get(node, np.nan) for node in range(len(steps) + 1)]),
    )


def found(codes: Ints, ends: Bools, phrases: Phrases) -> Found:
    """Find phrases among tokens; code 0 is a word of none, and no phrase goes on after an end."""
    width = len(phrases.codes) + 1
    starts = np.flatnonzero(codes)
    node = np.zeros(len(starts), dtype=np.int64)
    longest, best = np.zeros_like(node), np.zeros_like(node)
    active = np.arange(len(starts))
    length = 0
    while len(active):
        at = starts[active] + length
        inside = at < len(codes)
        active, at = active[inside], at[inside]
        keys = node[active] * width + codes[at]
        where = np.minimum(np.searchsorted(phrases.keys, keys), len(phrases.keys) - 1)
        goes_on = phrases.keys[where] == keys
        active, at = active[goes_on], at[goes_on]
        node[active] = phrases.targets[where[goes_on]]
        length += 1
        complete = active[~np.isnan(phrases.values[node[active]])]
        longest[complete], best[complete] = length, node[complete]
        active = active[~ends[at]]
    some = np.flatnonzero(longest)
    kept, free = [], -1
    for row, start, size in zip(
        some.tolist(), starts[some].tolist(), longest[some].tolist(), strict=True
    ):
        if start >= free:
            kept.append(row)
            free = start + size
    rows = np.array(kept, dtype=np.int64)
    first, size = starts[rows], longest[rows]
    offsets = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return Found(
        first, first + size - 1, phrases.values[best[rows]], np.repeat(first, size) + offsets
    )
