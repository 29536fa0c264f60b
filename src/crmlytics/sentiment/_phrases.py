"""Phrases among tokens."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from crmlytics._columns import Ints

T = TypeVar("T")


def find(
    words: Sequence[str], ids: Ints, text: Ints, phrases: Mapping[tuple[str, ...], T]
) -> list[tuple[int, int, T]]:
    """Return where phrases begin and end, and what is known of each; the longest first, no overlap.

    `words` are the distinct tokens, `ids` and `text` those of each token and the text it is in.
    """
    number = {word: k for k, word in enumerate(words)}
    by_first: dict[int, list[tuple[tuple[int, ...], T]]] = {}
    numbers_of = _numbers(words)
    for phrase in sorted(phrases, key=len, reverse=True):
        if all(word in number for word in phrase):
            for first in numbers_of[phrase[0]]:
                rest = tuple(number[word] for word in phrase)
                by_first.setdefault(first, []).append((rest, phrases[phrase]))
    begins = np.zeros(len(words), dtype=bool)
    begins[list(by_first)] = True
    same = np.array([number[word] for word in words], dtype=np.int64)
    plain = same[ids] if len(ids) else ids
    listed, whose = plain.tolist(), text
    places: list[tuple[int, int, T]] = []
    end = 0
    for start in np.flatnonzero(begins[ids]).tolist() if len(ids) else []:
        if start < end:
            continue
        for rest, worth in by_first[int(ids[start])]:
            stop = start + len(rest)
            if stop > len(listed) or whose[stop - 1] != whose[start]:
                continue
            if tuple(listed[start:stop]) == rest:
                places.append((start, stop, worth))
                end = stop
                break
    return places


def _numbers(words: Sequence[str]) -> dict[str, list[int]]:
    """Return all ids that have a spelling: capitals may differ."""
    found: dict[str, list[int]] = {}
    for k, word in enumerate(words):
        found.setdefault(word, []).append(k)
    return found
