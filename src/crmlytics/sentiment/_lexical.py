"""Scores of Persian and Hebrew texts: one engine, two sets of lists.

As in the English engine all texts are scored together, with ids of distinct tokens and masks. The
rules are VADER's, with negations where these languages put them: after the word in Persian, mostly
in its verb; before it in Hebrew.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.sentiment import _lexical_words, _normalise, _phrases, _tokens
from crmlytics.sentiment._lexical_words import Kinds
from crmlytics.sentiment._lexicon import Lexicon
from crmlytics.sentiment._scored import Hits, Scored, with_hits
from crmlytics.sentiment._sums import NEGATION, added_up, emphasis

_TOGETHER = 2_000  # texts split at once
_BEFORE, _AFTER = 0.5, 1.5  # what "but" does to what stands around it
_BOOST = ((-1, 1.0), (-2, 0.95))  # where intensifiers stand, and how much they count there
_LOOKED_UP = ("valence", "booster", "negation_after", "negation_before", "but", "wordy")
_REACH = {"negation_after": (1, 2), "negation_before": (-1, -2)}


@dataclass
class _Line:
    """All tokens of all texts, one after another."""

    text: Ints
    starts: Ints
    written: list[str]
    ids: Ints
    valence: Floats  # NaN where a token has none
    booster: Floats
    negation_after: Bools
    negation_before: Bools
    but: Bools
    wordy: Bools
    first: Ints  # where a phrase begins that ends here; else the place itself
    inside: Bools  # part of a phrase
    marked: Bools  # a phrase that holds a negation already


def score(
    texts: list[str],
    *,
    language: str,
    lexicon: Lexicon | None = None,
    explain: bool = False,
) -> Scored:
    """Score texts of one language, "fa" or "he"."""
    plain = _normalise.normalised(texts)
    line = _line(plain, language, lexicon)
    _boosters_or_words(line)
    last = np.flatnonzero(~np.isnan(line.valence))
    value = line.valence[last].copy()
    notes: list[list[str]] | None = [[] for _ in last] if explain else None
    value = _boosted(line, last, value, language, notes)
    value = _negated(line, last, value, notes)
    value = _around_but(line, last, value, notes)
    loud, asked = emphasis(texts, "?؟")  # clean texts have no more than two marks in a row
    known = (~np.isnan(line.valence) | line.inside) & (line.wordy | ~np.isnan(line.valence))
    size = len(texts)
    scored = added_up(
        np.bincount(line.text[~_mark(line)], minlength=size), line.text[last], value, loud + asked,
        np.bincount(line.text[line.wordy], minlength=size),
        np.bincount(line.text[known], minlength=size),
    )  # fmt: skip
    if notes is None:
        return scored
    return with_hits(scored, _explained(line, last, value, notes), loud, asked)


def _mark(line: _Line) -> Bools:
    marks = np.array([token in _tokens.MARKS for token in line.written], dtype=bool)
    return np.asarray(marks[line.ids], dtype=bool)


def _line(texts: list[str], language: str, lexicon: Lexicon | None) -> _Line:
    """Split texts, look tokens up and put phrases above their words."""
    table = _lexical_words.Ids(language, lexicon)
    dict.__setitem__(table, _tokens.MARK, -1)
    find = _tokens.pattern(language).findall
    parts = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(texts), _TOGETHER):
        some = [text.replace(_tokens.MARK, " ") for text in texts[start : start + _TOGETHER]]
        found = find(f" {_tokens.MARK} ".join([*some, ""]))
        parts.append(np.fromiter(map(table.__getitem__, found), dtype=np.int64, count=len(found)))
    every = np.concatenate(parts)
    ends = np.flatnonzero(every < 0)
    lengths, ids = np.diff(ends, prepend=-1) - 1, every[every >= 0]
    text = np.repeat(np.arange(len(texts)), lengths)
    columns = [np.array(column) for column in zip(*table.rows, strict=True)]
    if not columns:
        columns = [np.zeros(0)] * 6
    kinds = [float, float, bool, bool, bool, bool]
    spread: dict[str, Any] = {
        name: column.astype(kind)[ids]
        for name, column, kind in zip(_LOOKED_UP, columns, kinds, strict=True)
    }
    line = _Line(
        text=text, starts=np.cumsum(lengths) - lengths, written=table.written, ids=ids,
        first=np.arange(len(ids)), inside=np.zeros(len(ids), dtype=bool),
        marked=np.zeros(len(ids), dtype=bool), **spread,
    )  # fmt: skip
    _phrases_above(line, table.plain, _lexical_words.kinds(language, lexicon))
    return line


def _phrases_above(line: _Line, plain: list[str], kinds: Kinds) -> None:
    """Let phrases stand for their words."""
    code_of = kinds.phrases.codes
    codes = np.array([code_of.get(word, 0) for word in plain], dtype=np.int64)[line.ids]
    ends = np.append(line.text[1:] != line.text[:-1], True)[: len(line.text)]
    found = _phrases.found(codes, ends, kinds.phrases)
    for first, last, place in zip(
        found.first.tolist(), found.last.tolist(), found.value.astype(int).tolist(), strict=True
    ):
        _put(line, first, last + 1, *kinds.kinds[place])


def _put(line: _Line, start: int, end: int, kind: str, value: float) -> None:
    """Let a phrase stand for its words: what it means is where it ends."""
    negations = line.negation_after[start:end] | line.negation_before[start:end]
    line.marked[end - 1] = kind == "valence" and negations.any()
    line.valence[start:end] = np.nan
    line.booster[start:end] = 0.0
    for flags in (line.negation_after, line.negation_before, line.but):
        flags[start:end] = False
    line.first[end - 1] = start
    if kind == "valence":
        line.inside[start:end] = True
        line.valence[end - 1] = value if value else np.nan
    elif kind == "booster":
        line.booster[end - 1] = value
    else:
        getattr(line, kind)[end - 1] = True


def _boosters_or_words(line: _Line) -> None:
    """Decide on words that are both: right before a word with a valence they only boost it."""
    both = (line.booster != 0) & ~np.isnan(line.valence)
    if not len(both):
        return
    same = np.append(line.text[1:] == line.text[:-1], False)
    before_word = np.append(~np.isnan(line.valence[1:]), False) & same
    line.valence[both & before_word] = np.nan
    line.booster[both & ~before_word] = 0.0


def _beside(line: _Line, last: Ints, step: int) -> tuple[Ints, Bools]:
    """Return the place some steps away from each hit, and whether nothing parts the two.

    What parts them: the end of the text, another word with a valence, "but" and marks.
    """
    here = last if step > 0 else line.first[last]
    place = here + step
    there = (place >= 0) & (place < len(line.text))
    place = np.where(there, place, 0)
    there &= line.text[place] == line.text[last]
    for between in range(1, abs(step)):
        middle = np.where(there, here + (between if step > 0 else -between), 0)
        there &= np.isnan(line.valence[middle]) & ~line.but[middle] & ~line.inside[middle]
    return place, there & ~line.inside[place]


def _boosted(
    line: _Line, last: Ints, value: Floats, language: str, notes: list[list[str]] | None
) -> Floats:
    """Intensifiers move a word away from zero or towards it."""
    places = [*_BOOST, (1, 1.0)] if language == "he" else list(_BOOST)
    for step, share in places:
        place, there = _beside(line, last, step)
        by = np.where(there & np.isnan(line.valence[place]), line.booster[place], 0.0) * share
        if step > 0 and len(place):  # it may belong to the word behind it
            onward = np.minimum(place + 1, len(line.text) - 1)
            taken = (line.text[onward] == line.text[last]) & ~np.isnan(line.valence[onward])
            by = np.where(taken & (onward > place), 0.0, by)
        value = value + np.sign(value) * by
        _note(notes, by != 0, "moved", line, place)
    return value


def _negated(line: _Line, last: Ints, value: Floats, notes: list[list[str]] | None) -> Floats:
    """Negations turn a word once, however many mark it (no problem it had not)."""
    turned = line.marked[last]  # a phrase with its own negation is what it says
    plain = turned.copy()
    for kind, steps in _REACH.items():
        for step in steps:
            place, there = _beside(line, last, step)
            new = there & getattr(line, kind)[place] & ~turned
            turned |= new
            _note(notes, new, "negated", line, place)
    return np.where(turned & ~plain, value * NEGATION, value)


def _around_but(line: _Line, last: Ints, value: Floats, notes: list[list[str]] | None) -> Floats:
    """Let what follows the first "but" count more than what stands before it."""
    border = np.full(len(line.starts), -1, dtype=np.int64)
    places = np.flatnonzero(line.but)[::-1]
    border[line.text[places]] = places
    at = border[line.text[last]]
    before, after = (at >= 0) & (last < at), (at >= 0) & (last > at)
    _note(notes, before, "before but")
    _note(notes, after, "after but")
    return value * np.where(before, _BEFORE, np.where(after, _AFTER, 1.0))


def _note(
    notes: list[list[str]] | None,
    where: Bools,
    what: str,
    line: _Line | None = None,
    place: Ints | None = None,
) -> None:
    if notes is None:
        return
    for row in np.flatnonzero(where):
        by = "" if line is None or place is None else f" by {_said(line, int(place[row]))}"
        notes[row].append(f"{what}{by}")


def _said(line: _Line, last: int) -> str:
    """Return the word or phrase that ends at a place, as it was written."""
    return " ".join(line.written[k] for k in line.ids[line.first[last] : last + 1])


def _explained(line: _Line, last: Ints, value: Floats, notes: list[list[str]]) -> Hits:
    said = [_said(line, place) for place in last.tolist()]
    return Hits(
        line.text[last], said, line.valence[last], ["; ".join(each) for each in notes], value
    )
