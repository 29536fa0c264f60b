"""The rules of VADER on the bytes of ASCII texts, compiled: nothing but loops.

A text is read once: each token becomes a number, by a table of the words that matter. The rules
then look at these numbers alone. They are those of vaderSentiment 3.3.2, its faults included, and
are done in its order, so that sums of floats agree to the last bit.
"""

import string
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from crmlytics._columns import Floats, Ints
from crmlytics.sentiment._fast_but import compiled, slot_of, turn
from crmlytics.sentiment._scored import ALPHA

_F = TypeVar("_F", bound=Callable[..., Any])
Bytes = NDArray[np.uint8]

# what a byte is
_SPACE, _PUNCTUATION, _ALNUM, _UPPER, _LOWER, _BANG, _QUESTION, _QUOTE = (
    1 << bit for bit in range(8)
)
# what a token is; the code of its word for rules and phrases, and the word, stand above
_CAPITALS, _IS_WORD, LADEN, BOOSTS, NEGATES = (1 << bit for bit in range(5))
CODE, WORD = 5, 13
_CODES = (1 << WORD - CODE) - 1
RULE_WORDS = (
    "never", "so", "this", "without", "doubt", "least", "at", "very", "but", "no", "or", "nor",
    "kind", "of",
)  # fmt: skip
(
    _NEVER, _SO, _THIS, _WITHOUT, _DOUBT, _LEAST, _AT, _VERY, _BUT, _NO, _OR, _NOR, _KIND, _OF,
) = range(1, 15)  # fmt: skip
HASH, TRAITS, BEGIN, END = 0, 1, 2, 3  # columns of slots

_NEGATED, _SHOUTED, _NEVER_SO = -0.74, 0.733, 1.25
_PER_BANG, _MOST_BANGS = 0.292, 4
_PER_QUESTION, _MOST_QUESTIONS, _QUESTIONS = 0.18, 3, 0.96

_FNV, _PRIME = 0xCBF29CE484222325 - (1 << 64), 0x100000001B3  # FNV-1a of 64 bits, with a sign


def _kinds() -> Bytes:
    kinds = np.zeros(256, dtype=np.uint8)
    spaces = (*range(9, 14), *range(28, 33))  # where str.split() divides, of ASCII
    parts: tuple[tuple[int, Iterable[int]], ...] = (
        (_SPACE, spaces),
        (_PUNCTUATION, string.punctuation.encode()),
        (_ALNUM, (string.ascii_letters + string.digits).encode()),
        (_UPPER, string.ascii_uppercase.encode()),
        (_LOWER, string.ascii_lowercase.encode()),
        (_BANG, b"!"),
        (_QUESTION, b"?"),
        (_QUOTE, b"'"),
    )
    for kind, letters in parts:
        kinds[list(letters)] |= kind
    return kinds


_KINDS = _kinds()


def _inlined(function: _F) -> _F:
    """Compile a function into those that call it: once a token, handing arrays on costs time."""
    njit: Any = numba.njit
    inlined: _F = njit(nogil=True, inline="always")(function)
    return inlined


class Phrases(NamedTuple):
    """What phrases are worth, by the codes of their words; NaN where they are none."""

    pairs: Floats  # idioms
    triples: Floats
    boosters: Floats  # of two words


class Table(NamedTuple):
    """Words that matter, and what is known of them. Word 0 is any other."""

    slots: Ints  # open addressing: the hash, the traits (0: a free slot), the place in `letters`
    letters: Bytes  # of all words, one after the other
    amounts: Floats  # by word: its valence, or what it adds as a booster
    phrases: Phrases


@compiled
def fill(slots: Ints, letters: Bytes, traits: Ints, begins: Ints) -> int:
    """Give each word a slot; return a word that has the hash of another, -1 where there is none."""
    for word in range(1, len(traits)):
        value = _FNV
        for letter in letters[begins[word] : begins[word + 1]]:
            value = (value ^ letter) * _PRIME
        slot = slot_of(value, len(slots))
        while slots[slot, TRAITS]:
            if slots[slot, HASH] == value:
                return word
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot, HASH], slots[slot, TRAITS] = value, traits[word]
        slots[slot, BEGIN], slots[slot, END] = begins[word], begins[word + 1]
    return -1


@compiled
def score(
    letters: Bytes, ends: Ints, longest: int, table: Table, scores: Floats, counts: Ints
) -> None:
    """Write, by text, raw score, compound, positive, neutral, negative; words and those known."""
    room = longest // 2 + 1
    tokens, places = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    values = np.empty(room, dtype=np.float64)
    slots, spelled, amounts, phrases = table
    begin = 0
    for row in range(len(ends)):
        n, emphasis = _read(letters, begin, ends[row], slots, spelled, tokens)
        begin = ends[row]
        capitals = words = hits = 0
        for i in range(n):
            capitals += tokens[i] & _CAPITALS
            words += (tokens[i] & _IS_WORD) != 0
        differ = int(0 < capitals < n)
        but = n
        for i in range(n):
            if tokens[i] & LADEN:
                places[hits] = i
                values[hits] = _valence(tokens, i, n, differ, amounts, phrases)
                hits += 1
            elif but == n and _code(tokens[i]) == _BUT:
                but = i
        if but < n and hits > 0:
            turn(values, places, hits, but)
        if n > 0:
            _sum_up(values, hits, n, emphasis, scores, row)
        counts[0, row], counts[1, row] = words, hits


@compiled
def _read(
    letters: Bytes, begin: int, end: int, slots: Ints, spelled: Bytes, tokens: Ints
) -> tuple[int, float]:
    """Turn the tokens of a text into numbers; return how many, and the emphasis of its marks."""
    n = bangs = questions = 0
    at = begin
    while at < end:
        if _KINDS[letters[at]] & _SPACE:
            at += 1
            continue
        first = at
        while at < end:
            kind = _KINDS[letters[at]]
            if kind & _SPACE:
                break
            bangs += (kind & _BANG) != 0
            questions += (kind & _QUESTION) != 0
            at += 1
        tokens[n] = _token(letters, first, at, slots, spelled)
        n += 1
    emphasis = min(bangs, _MOST_BANGS) * _PER_BANG
    if questions > _MOST_QUESTIONS:
        emphasis += _QUESTIONS
    elif questions > 1:
        emphasis += questions * _PER_QUESTION
    return n, emphasis


@_inlined
def _token(letters: Bytes, first: int, last: int, slots: Ints, spelled: Bytes) -> int:
    """Turn a token into a number, without the punctuation around it; emoticons keep theirs."""
    begin, end = first, last
    while begin < end and _KINDS[letters[begin]] & _PUNCTUATION:
        begin += 1
    while begin < end and _KINDS[letters[end - 1]] & _PUNCTUATION:
        end -= 1
    if end - begin <= 2:
        begin, end = first, last
    seen, value = 0, _FNV
    for i in range(begin, end):
        seen |= _KINDS[letters[i]]
        value = (value ^ _lower(letters[i])) * _PRIME
    token = _look_up(letters, begin, end, value, slots, spelled)
    if seen & _QUOTE and _has_nt(letters, begin, end):
        token |= NEGATES
    if seen & _ALNUM:
        token |= _IS_WORD
    if seen & _UPPER and not seen & _LOWER:
        token |= _CAPITALS
    return token


@compiled
def _lower(letter: int) -> int:
    return letter | ((_KINDS[letter] & _UPPER) << 2)  # type: ignore[no-any-return]


@_inlined
def _look_up(letters: Bytes, begin: int, end: int, value: int, slots: Ints, spelled: Bytes) -> int:
    """Return the traits of a word; whoever makes words of equal hashes gains nothing by it."""
    slot = slot_of(value, len(slots))
    while slots[slot, TRAITS]:
        start = slots[slot, BEGIN]
        if slots[slot, HASH] == value and slots[slot, END] - start == end - begin:
            i = begin
            while i < end and _lower(letters[i]) == spelled[start + i - begin]:
                i += 1
            if i == end:
                return slots[slot, TRAITS]  # type: ignore[no-any-return]
        slot = (slot + 1) & (len(slots) - 1)
    return 0


@compiled
def _has_nt(letters: Bytes, begin: int, end: int) -> bool:
    for i in range(begin + 1, end - 1):
        # 39: '; letters without the bit of lower case
        if letters[i] == 39 and letters[i - 1] & 0xDF == 78 and letters[i + 1] & 0xDF == 84:
            return True
    return False


@compiled
def _code(token: int) -> int:
    return (token >> CODE) & _CODES


@compiled
def _code_at(tokens: Ints, i: int, n: int) -> int:
    """Return the code of the word at a place; 0 too where the text has no such place."""
    return _code(tokens[i]) if 0 <= i < n else 0


@compiled
def _valence(tokens: Ints, i: int, n: int, differ: int, amounts: Floats, phrases: Phrases) -> float:
    """Return the valence of a word of the lexicon at its place in a text."""
    raw = value = amounts[tokens[i] >> WORD]
    here, then = _code(tokens[i]), _code_at(tokens, i + 1, n)
    codes = _code_at(tokens, i - 1, n), _code_at(tokens, i - 2, n), _code_at(tokens, i - 3, n)
    one, two, three = codes
    if here == _KIND and then == _OF:
        return 0.0
    if here == _NO and i + 1 < n and tokens[i + 1] & LADEN:
        value = 0.0
    if _NO in (one, two) or (three == _NO and one in (_OR, _NOR)):
        value = raw * _NEGATED
    if differ and tokens[i] & _CAPITALS:
        value += _SHOUTED if value > 0 else -_SHOUTED
    for step in range(min(i, 3)):
        before = tokens[i - 1 - step]
        if before & LADEN:
            continue
        if before & BOOSTS:
            value += _boost(value, before, step, differ, amounts[before >> WORD])
        value *= _factor(codes, before, step)
        if step == 2 and one | two | here:  # without them there is no phrase
            around = three, two, one, here, then, _code_at(tokens, i + 2, n)
            value = _idiomatic(value, around, phrases)
    if one == _LEAST and two not in (_AT, _VERY):
        value *= _NEGATED
    return value  # type: ignore[no-any-return]


@compiled
def _boost(value: float, before: int, step: int, differ: int, boost: float) -> float:
    """Return what a booster adds, less the farther it stands."""
    if value < 0:
        boost = -boost
    if differ and before & _CAPITALS:
        boost += _SHOUTED if value > 0 else -_SHOUTED
    if step == 1:
        boost *= 0.95
    elif step == 2:
        boost *= 0.9
    return boost


@compiled
def _factor(codes: tuple[int, int, int], before: int, step: int) -> float:
    """Return what a word before makes of a valence; "so" and "this" as the original has them."""
    one, two, three = codes
    if step == 1:
        if two == _NEVER and one in (_SO, _THIS):
            return _NEVER_SO
        if two == _WITHOUT and one == _DOUBT:
            return 1.0
    elif step == 2:
        if (three == _NEVER and two in (_SO, _THIS)) or one in (_SO, _THIS):
            return _NEVER_SO
        if three == _WITHOUT and _DOUBT in (two, one):
            return 1.0
    return _NEGATED if before & NEGATES else 1.0


@compiled
def _idiomatic(value: float, codes: tuple[int, int, int, int, int, int], phrases: Phrases) -> float:
    """Put in the valences of idioms: what comes later here stands above what came before."""
    three, two, one, here, then, last = codes
    pairs, triples, boosters = phrases
    value = _or(pairs[three, two], value)
    value = _or(triples[three, two, one], value)
    value = _or(pairs[two, one], value)
    value = _or(triples[two, one, here], value)
    value = _or(pairs[one, here], value)
    value = _or(pairs[here, then], value)
    value = _or(triples[here, then, last], value)
    value += _or(boosters[three, two], 0.0)
    value += _or(boosters[two, one], 0.0)
    return value


@compiled
def _or(value: float, other: float) -> float:
    return other if np.isnan(value) else value


@compiled
def _sum_up(values: Floats, hits: int, n: int, emphasis: float, out: Floats, row: int) -> None:
    """Make the scores of the valences of a text."""
    total = positive = negative = 0.0
    neutral = n
    for i in range(hits):
        value = values[i]
        total += value
        neutral -= value != 0
        if value > 0:
            positive += value + 1
        elif value < 0:
            negative += value - 1
    if total > 0:
        total += emphasis
    elif total < 0:
        total -= emphasis
    if positive > -negative:
        positive += emphasis
    elif positive < -negative:
        negative -= emphasis
    whole = positive - negative + neutral
    out[0, row] = total
    out[1, row] = min(max(total / np.sqrt(total * total + ALPHA), -1.0), 1.0)
    out[2, row], out[3, row] = positive / whole, neutral / whole
    out[4, row] = abs(negative / whole)
