"""VADER's rules (Hutto and Gilbert 2014), each for all words with a valence at once.

The order of the steps and of the sums is that of vaderSentiment 3.3.2, so that not even the last
digit differs. Switches mend its faults one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.sentiment import _phrases
from crmlytics.sentiment._sums import NEGATION
from crmlytics.sentiment._vader_ids import Tokens
from crmlytics.sentiment._vader_words import (
    BOOSTER,
    DENIES,
    EMOJI,
    ENDS,
    EXTREME,
    LADEN,
    MODIFIES,
    NEGATES,
    OPINES,
    PART,
    UPPER,
    Tables,
    Traits,
)

CAPITALS, _NEVER_SO = 0.733, 1.25
_MILD = -0.3  # what a negation leaves of a bad word: "not bad" is faint praise
_DAMPING = (1.0, 0.95, 0.9)  # of boosters one, two and three words before
_FAR = range(4, 8)  # words before, where an opinion is denied: "I don't think this is a good ..."


@dataclass
class Notes:
    """What happened to which hit, for explanations."""

    entries: list[tuple[Ints, str, Ints | None, int]] = field(default_factory=list)

    def add(self, rows: Bools, what: str, by: Ints | None = None, *, words: int = 1) -> None:
        """Note a rule at some hits, with the place of the word or words that it comes from."""
        found = np.flatnonzero(rows)
        if len(found):
            self.entries.append((found, what, None if by is None else by[found], words))


@dataclass
class Hits:
    """The words with a valence, in order."""

    ids: Ints  # of all tokens, as the rules see them
    place: Ints
    first: Ints  # place of the first word, where the hit is a phrase
    start: Ints  # nothing before this place counts
    end: Ints  # the place after the last token of the text
    base: Floats
    value: Floats
    loud: Bools  # in capitals in a text that is not all in capitals
    capitals: Bools  # whether capitals mean anything in its text
    extreme: Bools  # "worst": not the worst is not good
    exempt: Bools  # no rule touches emoji, nor what the lexicon says is 0
    known: Bools  # one a token
    negated: Bools = field(init=False)

    def __post_init__(self) -> None:
        self.negated = np.zeros(len(self.place), dtype=bool)

    def before(self, distance: int) -> Ints:
        """Return the ids of the words some places before, 0 where there is none."""
        return self._at(self.first - distance)

    def after(self, distance: int) -> Ints:
        """Return the ids of the words some places after."""
        return self._at(self.place + distance)

    def _at(self, place: Ints) -> Ints:
        inside = (place >= self.start) & (place < self.end)
        return np.where(inside, self.ids[np.where(inside, place, 0)], 0)


def hits(tokens: Tokens, words: Traits, given: Tables) -> Hits:
    """Find the words and phrases with a valence."""
    ids, known = tokens.ids, words.has(tokens.ids, LADEN)
    found = None
    values = words.valence[ids]
    if given.phrases is not None:
        found = _phrases.found(words.phrase_code[ids], words.has(ids, ENDS), given.phrases)
        known[found.parts] = True
        ids = ids.copy()
        ids[found.parts] = PART
        values[found.parts] = np.nan
        values[found.last] = found.value
    if "modifiers" in given.switches:
        ids = _modifiers(ids, tokens.ids, words, values)
    laden = ~np.isnan(values)
    kinds = np.flatnonzero(words.is_word(ids, "kind"))
    if len(kinds):  # "kind of"; a text ends with a 0, so there is a next
        laden[kinds[words.is_word(ids[kinds + 1], "of")]] = False
    place = np.flatnonzero(laden)
    first = place.copy()
    if found is not None:
        first[np.searchsorted(place, found.last)] = found.first
    n_upper = tokens.per_text(words.has(tokens.ids, UPPER))
    text = tokens.text[place]
    capitals = ((n_upper > 0) & (n_upper < tokens.size))[text]
    start = tokens.begin[text]
    if "sentence_end" in given.switches:
        stops = np.where(words.has(tokens.ids, ENDS), np.arange(1, len(ids) + 1), 0)
        last_stop = np.append(0, np.maximum.accumulate(stops))[:-1]
        start = np.maximum(start, last_stop[first])
    return Hits(
        ids, place, first, start, tokens.begin[text] + tokens.size[text], values[place],
        values[place], capitals & words.has(tokens.ids[place], UPPER), capitals,
        words.has(tokens.ids[first], EXTREME) | words.has(tokens.ids[place], EXTREME),
        words.has(ids[place], EMOJI) | (values[place] == 0), known,
    )  # fmt: skip


def _modifiers(ids: Ints, written: Ints, words: Traits, values: Floats) -> Ints:
    """Have "pretty" and the like strengthen a word with a valence that follows."""
    at = np.flatnonzero(words.has(ids, MODIFIES) & ~words.has(written, ENDS))
    at = at[~np.isnan(values[at + 1]) & ~words.has(ids[at + 1], EMOJI)]
    ids = ids.copy()
    ids[at], values[at] = BOOSTER, np.nan
    return ids


def apply(found: Hits, words: Traits, given: Tables, notes: Notes | None) -> None:
    """Run the rules on `found.value`, but for that of "but"."""
    if not len(found.place):
        return
    kept = found.value.copy()
    _no(found, words, given, notes)
    loud = found.loud
    found.value = np.where(
        loud, found.value + np.where(found.value > 0, CAPITALS, -CAPITALS), found.value
    )
    if notes:
        notes.add(loud & ~found.exempt, "in capitals")
    for distance in (1, 2, 3):
        _look_back(found, words, given, distance, notes)
    _least(found, words, given, notes)
    if "far_negation" in given.switches:
        _far_negation(found, words, given, notes)
    found.value = np.where(found.exempt, kept, found.value)


def _negate(found: Hits, rows: Bools, given: Tables, values: Floats) -> None:
    """Turn values round: by -0.74, or under a switch so that the opposite of bad is hardly good."""
    factor = np.full(len(values), NEGATION)
    if "double_negation" in given.switches:
        factor[values < 0] = _MILD
        factor[found.extreme & (values < 0)] = 0.0
    found.negated |= rows
    found.value = np.where(rows, values * factor, found.value)


def _no(found: Hits, words: Traits, given: Tables, notes: Notes | None) -> None:
    is_word = words.is_word
    one, two, three, following = (
        found.before(1), found.before(2), found.before(3), found.after(1)
    )  # fmt: skip
    denies = is_word(found.ids[found.place], "no") & words.has(following, LADEN)
    found.value = np.where(denies, 0.0, found.value)
    by_two = is_word(two, "no")
    by_three = is_word(three, "no") & is_word(one, "or", "nor")
    if "no_problem" in given.switches:  # "no" is spent on the first word with a valence
        by_two &= ~words.has(one, LADEN)
    by_one = is_word(one, "no")
    rows = by_one | by_two | by_three
    _negate(found, rows, given, found.base)
    if notes:
        notes.add(denies & ~rows, "only denies the next word")
        by = found.first - np.where(by_one, 1, np.where(by_two, 2, 3))
        notes.add(rows & ~found.exempt, "negated by", by)


def _look_back(
    found: Hits, words: Traits, given: Tables, distance: int, notes: Notes | None
) -> None:
    """Boosters, negations and idioms at one distance, where the word there is not laden itself."""
    ids = found.before(distance)
    active = (ids != 0) & ~words.has(ids, LADEN)
    by = found.first - distance
    amount = words.booster[ids]
    amount = np.where(found.value < 0, -amount, amount)
    boosts = active & (amount != 0)
    shouted = boosts & found.capitals & words.has(ids, UPPER)
    amount = np.where(shouted, amount + np.where(found.value > 0, CAPITALS, -CAPITALS), amount)
    damped = amount * _DAMPING[distance - 1] if distance > 1 else amount
    if notes:
        shown = partial(notes.add, by=by)
        raises = np.sign(damped) == np.where(found.value < 0, -1, 1)
        shown(boosts & raises & ~found.exempt, "strengthened by")
        shown(boosts & ~raises & ~found.exempt, "weakened by")
    found.value = np.where(boosts, found.value + damped, found.value)
    _negations(found, words, given, distance, active, notes)
    if distance == 3:
        _idioms(found, words, given, active, notes)


def _negations(
    found: Hits, words: Traits, given: Tables, distance: int, active: Bools, notes: Notes | None
) -> None:
    is_word = words.is_word
    ids = found.before(distance)
    rows = active & words.has(ids, NEGATES)
    if distance > 1:
        amplified, doubtless = _exceptions(found, words, given, distance)
        amplified &= active
        found.value = np.where(amplified, found.value * _NEVER_SO, found.value)
        rows &= ~amplified & ~(is_word(ids, "without") & doubtless)
        if notes:
            next_to = is_word(ids, "never") & is_word(found.before(distance - 1), "so", "this")
            amplified &= ~found.exempt
            notes.add(amplified & next_to, "x1.25 by", found.first - distance, words=2)
            notes.add(amplified & ~next_to, "x1.25 by", found.first - 1)
    if notes:
        notes.add(rows & ~found.exempt, "negated by", found.first - distance)
    _negate(found, rows, given, found.value)


def _exceptions(found: Hits, words: Traits, given: Tables, distance: int) -> tuple[Bools, Bools]:
    """Return where "never so" strengthens, and where "doubt" follows a "without"."""
    is_word = words.is_word
    one, two = found.before(1), found.before(2)
    never = is_word(found.before(distance), "never")
    so_one = is_word(one, "so", "this")
    if distance == 2:
        return never & so_one, is_word(one, "doubt")
    doubtless = is_word(one, "doubt") | is_word(two, "doubt")
    so_two = is_word(two, "so", "this")
    if "so_this" in given.switches:
        return never & (so_two | so_one), doubtless
    return never & so_two | so_one, doubtless


def _idioms(found: Hits, words: Traits, given: Tables, active: Bools, notes: Notes | None) -> None:
    codes = words.code
    three, two, one = (codes[found.before(distance)] for distance in (3, 2, 1))
    here, next_one, next_two = (
        codes[found.ids[found.place]], codes[found.after(1)], codes[found.after(2)]
    )  # fmt: skip
    value = found.value
    # from the last that vaderSentiment tries to the first: what is written last holds
    for idiom in (
        given.pairs[three, two],
        given.triples[three, two, one],
        given.pairs[two, one],
        given.triples[two, one, here],
        given.pairs[one, here],
        given.pairs[here, next_one],
        given.triples[here, next_one, next_two],
    ):
        rows = active & ~np.isnan(idiom)
        value = np.where(rows, idiom, value)
        if notes:
            notes.add(rows, "part of an idiom")
    reached = np.ones(len(value), dtype=bool) if "idioms" in given.switches else active
    for first, second, distance in ((three, two, 3), (two, one, 2)):
        booster = given.long_boosters[first, second]
        rows = reached & ~np.isnan(booster)
        if "idioms" in given.switches:  # and away from zero or towards it, as other boosters
            booster = np.where(value < 0, -booster, booster)
        value = np.where(rows, value + booster, value)
        if notes:
            notes.add(rows & ~found.exempt, "weakened by", found.first - distance, words=2)
    found.value = value


def _least(found: Hits, words: Traits, given: Tables, notes: Notes | None) -> None:
    one, two = found.before(1), found.before(2)
    rows = words.is_word(one, "least") & ~words.has(one, LADEN)
    rows &= ~words.is_word(two, "at", "very")
    _negate(found, rows, given, found.value)
    if notes:
        notes.add(rows & ~found.exempt, "negated by", found.first - 1)


def _far_negation(found: Hits, words: Traits, given: Tables, notes: Notes | None) -> None:
    for distance in _FAR:
        rows = words.has(found.before(distance), DENIES) & ~found.negated
        rows &= words.has(found.before(distance - 1), OPINES)
        if notes:
            notes.add(rows & ~found.exempt, "negated by", found.first - distance)
        _negate(found, rows, given, found.value)


def but(found: Hits, tokens: Tokens, words: Traits, given: Tables, notes: Notes | None) -> None:
    """Halve what stands before the first "but" of a text, and strengthen what comes after."""
    places = np.flatnonzero(words.is_word(found.ids, "but"))
    if not len(places) or not len(found.place):
        return
    texts, first = np.unique(tokens.text[places], return_index=True)
    turn = np.full(len(tokens.size), -1)
    turn[texts] = places[first]
    at = turn[tokens.text[found.place]]
    rows = np.flatnonzero((at >= 0) & (found.value != 0))
    factor = np.where(found.place[rows] < at[rows], 0.5, 1.5)
    before = found.value[rows]
    value = before * factor
    if "but_rule" not in given.switches:
        _by_value(before, value, factor, tokens.text[found.place[rows]])
    found.value[rows] = value
    if notes:
        share = np.ones(len(found.value))
        share[rows] = value / before
        for times in np.unique(share[share != 1]).tolist():
            side = "before" if times < 1 else "after"
            notes.add(share == times, f"x{times:g} {side} but")


def _by_value(before: Floats, value: Floats, factor: Floats, text: Ints) -> None:
    """Scale as vaderSentiment does, which looks for each value anew in the list it is changing.

    Where a scaled value equals a later one, the earlier word is scaled again in its place. All
    other texts are right as they are.
    """
    from heapq import heappop, heappush

    both, codes = np.unique(np.concatenate([before, value]), return_inverse=True)
    keys = np.tile(text, 2) * len(both) + codes.reshape(-1)
    half = len(before)
    odd = np.isin(text, text[np.isin(keys[half:], keys[:half])])
    rows = np.flatnonzero(odd)
    places: dict[tuple[int, float], list[int]] = {}  # of each value of a text, the first on top
    listed: Sequence[tuple[int, int, float]] = list(
        zip(rows.tolist(), text[rows].tolist(), before[rows].tolist(), strict=True)
    )
    factors = factor.tolist()
    for row, number, held in listed:
        queue = places.setdefault((number, held), [])
        heappush(queue, row)
        changed = heappop(queue)
        scaled = held * factors[changed]
        heappush(places.setdefault((number, scaled), []), changed)
        value[row] = held
        value[changed] = scaled
