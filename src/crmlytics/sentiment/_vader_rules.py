"""The rules of the English engine, each a mask over the words that have a valence.

The numbers of the steps are those of vaderSentiment 3.3.2 (Hutto and Gilbert 2014), read in order.
"""

import heapq
from dataclasses import dataclass, field

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.sentiment._vader_words import Tokens, code, words

NEGATION, CAPITALS = -0.74, 0.733
_NEVER, _AWAY = 1.25, (1.0, 0.95, 0.9)
_BEFORE, _AFTER = 0.5, 1.5  # what "but" does to what stands around it


@dataclass
class Hit:
    """Words with a valence, in the order of the texts, and what the rules make of them."""

    tokens: Tokens
    text: Ints
    last: Ints  # place of the word; of the last word of a phrase
    first: Ints  # of the first word of a phrase, else the same
    place: Ints  # of `first` in its text, from 0
    left: Ints  # tokens of the text after `last`
    capitals: Bools  # in capitals, where not all are
    mixed: Bools  # some tokens of the text are in capitals, and not all
    base: Floats
    blocked: Bools  # of every token: part of a phrase, so that it changes nothing before it
    value: Floats
    notes: list[list[str]] | None = field(default=None)  # what changed each, where asked for

    def before(self, steps: int) -> Ints:
        """Return the ids some steps before; "nothing" where the text begins later."""
        there = self.place >= steps
        return np.where(
            there, self.tokens.ids[np.where(there, self.first - steps, 0)], self.tokens.nothing
        )

    def after(self, steps: int) -> Ints:
        """Return the ids some steps after."""
        there = self.left >= steps
        return np.where(
            there, self.tokens.ids[np.where(there, self.last + steps, 0)], self.tokens.nothing
        )

    def acts(self, steps: int) -> Bools:
        """Say where the token some steps before may change the word: it has no valence itself."""
        there = self.place >= steps
        taken = self.blocked[np.where(there, self.first - steps, 0)]
        return there & np.isnan(self.tokens.valence[self.before(steps)]) & ~taken

    def note(self, where: Bools, words_of: str, ids: Ints | None = None) -> None:
        """Write down what a rule did, where explanations are asked for."""
        if self.notes is None:
            return
        for row in np.flatnonzero(where):
            by = "" if ids is None else f" by {self.tokens.written[ids[row]]}"
            self.notes[row].append(f"{words_of}{by}")


def apply(hit: Hit, switches: frozenset[str]) -> None:
    """Change the values of hits by what stands around them."""
    _no(hit, switches)
    up = hit.capitals
    hit.value = np.where(up, hit.value + np.where(hit.value > 0, CAPITALS, -CAPITALS), hit.value)
    hit.note(up, "capitals")
    for step in (0, 1, 2):
        acts = hit.acts(step + 1)
        _boost(hit, step, acts)
        _negate(hit, step, acts, switches)
        if step == 2:
            _idioms(hit, np.ones(len(acts), dtype=bool) if "idioms" in switches else acts)
    _least(hit)


def _no(hit: Hit, switches: frozenset[str]) -> None:
    """Step 5: "no" before a word of the lexicon turns that, and says nothing itself."""
    kinds, no = hit.tokens.code, code("no")
    own = (kinds[hit.tokens.ids[hit.last]] == no) & (hit.first == hit.last)
    next_known = ~np.isnan(hit.tokens.valence[hit.after(1)]) & (hit.left > 0)
    hit.value = np.where(own & next_known, 0.0, hit.value)
    one, two, three = (kinds[hit.before(k)] for k in (1, 2, 3))
    turned = (two == no) | ((three == no) & ((one == code("or")) | (one == code("nor"))))
    if "no_problem" in switches:  # it speaks of the word right after it, where that has a valence
        turned &= hit.acts(1)
    turned |= one == no
    if "no_problem" in switches:
        turned &= ~own
    hit.value = np.where(turned, hit.base * NEGATION, hit.value)
    hit.note(turned, "turned by no")


def _boost(hit: Hit, step: int, acts: Bools) -> None:
    """Step 7a: intensifiers, weaker the further away they stand."""
    ids = hit.before(step + 1)
    by = hit.tokens.booster[ids]
    moved = np.where(hit.value < 0, -by, by)
    loud = hit.tokens.upper[ids] & hit.mixed & (by != 0)
    moved = np.where(loud, np.where(hit.value > 0, moved + CAPITALS, moved - CAPITALS), moved)
    acts = acts & (by != 0)
    hit.value = np.where(acts, hit.value + moved * _AWAY[step], hit.value)
    hit.note(acts, "moved", ids)


def _negate(hit: Hit, step: int, acts: Bools, switches: frozenset[str]) -> None:
    """Steps 7b to 7d: negations, and "never so" and "without doubt", which are none."""
    kinds = [hit.tokens.code[hit.before(k)] for k in (1, 2, 3)]
    ids = hit.before(step + 1)
    so = [(kind == code("so")) | (kind == code("this")) for kind in kinds]
    doubt = [kind == code("doubt") for kind in kinds]
    never, without = kinds[step] == code("never"), kinds[step] == code("without")
    stronger = sure = np.zeros(len(acts), dtype=bool)
    if step == 1:
        stronger, sure = never & so[0], without & doubt[0]
    elif step == 2:
        # the precedence of "and" over "or" lets so and this amplify without never
        stronger = never & (so[1] | so[0]) if "so_this" in switches else (never & so[1]) | so[0]
        sure = without & (doubt[1] | doubt[0])
    sure &= ~stronger
    turned = acts & hit.tokens.negates[ids] & ~stronger & ~sure
    factor = np.where(acts & stronger, _NEVER, np.where(turned, NEGATION, 1.0))
    if "double_negation" in switches:  # not the worst is not good
        factor = np.where(turned & _is_worst(hit), 0.0, factor)
    hit.value = hit.value * factor
    hit.note(acts & stronger, "never so: x1.25")
    hit.note(turned, "negated", ids)


def _is_worst(hit: Hit) -> Bools:
    worst = np.array([word.lower() in {"worst", "baddest"} for word in hit.tokens.written])
    return np.asarray(worst[hit.tokens.ids[hit.last]], dtype=bool)


def _idioms(hit: Hit, acts: Bools) -> None:
    """Step 7e: idioms replace the value, the one named first here last; then pairs that boost."""
    lists, kinds = words(), hit.tokens.code
    c3, c2, c1 = (kinds[hit.before(k)] for k in (3, 2, 1))
    c0 = np.where(hit.first == hit.last, kinds[hit.tokens.ids[hit.last]], 0)
    n1, n2 = kinds[hit.after(1)], kinds[hit.after(2)]
    found = [
        lists.two[c3, c2], lists.three[c3, c2, c1], lists.two[c2, c1], lists.three[c2, c1, c0],
        lists.two[c1, c0], lists.two[c0, n1], lists.three[c0, n1, n2],
    ]  # fmt: skip
    for valence in found:
        fits = acts & ~np.isnan(valence)
        hit.value = np.where(fits, valence, hit.value)
        hit.note(fits, "idiom")
    for pair in (lists.two_boosters[c3, c2], lists.two_boosters[c2, c1]):
        hit.value = np.where(acts, hit.value + pair, hit.value)
        hit.note(acts & (pair != 0), "moved by two words")


def _least(hit: Hit) -> None:
    """Step 8: "least" right before turns a word, "at least" and "very least" do not."""
    one, two = (hit.tokens.code[hit.before(k)] for k in (1, 2))
    turned = hit.acts(1) & (one == code("least")) & (two != code("at")) & (two != code("very"))
    hit.value = np.where(turned, hit.value * NEGATION, hit.value)
    hit.note(turned, "turned by least")


def but(hit: Hit, but_at: Ints, switches: frozenset[str]) -> None:
    """Step 9: what follows the first "but" of a text counts more than what stands before it.

    `but_at` has the place of that word in each text, -1 where there is none.
    """
    border = but_at[hit.text]
    there = border >= 0
    if not there.any():
        return
    place = hit.place + (hit.last - hit.first)
    if "but_rule" in switches:
        factor = np.where(place < border, _BEFORE, np.where(place > border, _AFTER, 1.0))
        hit.value = np.where(there, hit.value * factor, hit.value)
    else:
        rows = np.flatnonzero(there)
        starts = np.flatnonzero(np.append(True, np.diff(hit.text[rows]) != 0))
        for part in np.split(rows, starts[1:]):
            hit.value[part] = _faulty_but(
                hit.value[part].tolist(), place[part].tolist(), int(border[part[0]])
            )
    hit.note(there & (place < border), "before but")
    hit.note(there & (place > border), "after but")


def _faulty_but(values: list[float], places: list[int], border: int) -> list[float]:
    """Do what vaderSentiment does: it looks a value up in the list that it is changing.

    Each step takes the value at its own place and scales the first place that holds an equal one.
    Places by value are kept in heaps, so that a flood of words takes no quadratic time.
    """
    where: dict[float, list[int]] = {}
    for k, value in enumerate(values):
        if value != 0:  # zeros stay zeros, whichever is scaled
            where.setdefault(value, []).append(k)
    for k in range(len(values)):
        value = values[k]
        if value == 0:
            continue
        first = where[value][0]
        if places[first] == border:
            continue
        heapq.heappop(where[value])
        scaled = value * (_BEFORE if places[first] < border else _AFTER)
        values[first] = scaled
        if scaled != 0:
            heapq.heappush(where.setdefault(scaled, []), first)
    return values
