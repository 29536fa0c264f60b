"""Rules for what customers want: how they are written, read and matched."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmlytics import _checks, _frame
from crmlytics.errors import DataError
from crmlytics.sentiment import _forms, _language, _lists, _terms, _texts

if TYPE_CHECKING:
    import pandas as pd

RULES = ("unless negated", "always", "never")
MARK, POSITIVE, NEGATIVE = "?", "{positive}", "{negative}"
SPECIAL = (MARK, POSITIVE, NEGATIVE)
INTENTS = ("complaint", "cancel", "refund", "praise", "question", "delivery_problem", "urgent")
_GAP = 3  # most words that "..." stands for
_TOGETHER = {"می", "نمی"}  # Persian: written apart, joined, or with a joiner


@dataclass(frozen=True)
class Rule:
    """A pattern and what it does; slots are words of which one must stand there."""

    intent: int
    rule: str
    language: str | None
    slots: tuple[tuple[str, ...], ...]
    gaps: tuple[bool, ...]  # may words stand before the slot
    special: str | None = None


@dataclass(frozen=True)
class Match:
    """A rule that fits the words from `start` up to, not including, `stop`."""

    rule: Rule
    start: int
    stop: int


def intent_rules(language: str | None = None) -> "pd.DataFrame":
    """Return the rules by which intents are detected, to be read, edited and handed back.

    Parameters
    ----------
    language : {"en", "fa", "he"}, optional
        Only the rules of this language; all three without it.

    Returns
    -------
    pandas.DataFrame
        One row a rule: ``intent`` (str: cancel, complaint, delivery_problem, praise, question,
        refund, urgent), ``language`` (str), ``pattern`` (str), ``rule`` (str: "unless negated",
        "always" or "never").

    Raises
    ------
    OptionError
        If `language` is none of those above.

    See Also
    --------
    detect_intents : applies them, and says how patterns are written.

    Examples
    --------
    >>> import crmlytics as crm
    >>> rules = crm.sentiment.intent_rules("en")
    >>> rules[rules["intent"] == "cancel"][["intent", "pattern"]].head(3)
       intent                                    pattern
    0  cancel                                    cancel*
    1  cancel                                unsubscrib*
    2  cancel  close/delete/deactivate/terminate ... account
    """
    import pandas as pd

    if language is not None:
        _checks.choice(language, _language.LANGUAGES, name="language", caller="intent_rules")
    rows = [row for row in _lists.read("intents") if language in {None, row["language"]}]
    return pd.DataFrame(rows, columns=["intent", "language", "pattern", "rule"]).astype("str")


def read(rules: Any, caller: str) -> tuple[list[str], list[Rule]]:
    """Return the names of the intents and their rules; those of the package where None."""
    if rules is None:
        rows: Iterable[tuple[Any, ...]] = (tuple(row.values()) for row in _lists.read("intents"))
    elif isinstance(rules, Mapping):
        rows = _mapped(rules, caller)
    else:
        rows = _table(rules, caller)
    given = [
        (intent, language, pattern, rule or RULES[0]) for intent, language, pattern, rule in rows
    ]
    for intent, language, pattern, rule in given:
        _check(intent, language, pattern, rule, caller)
    if not given:
        raise DataError(
            f"{caller}: rules is empty. Give a table of intents and patterns, such as "
            "intent_rules() returns."
        )
    known = {intent for intent, *_ in given}
    names = [name for name in INTENTS if name in known] + sorted(known - set(INTENTS))
    made = [
        _rule(names.index(intent), rule, language, pattern)
        for intent, language, pattern, rule in sorted(given, key=str)
    ]
    return names, made


def _mapped(rules: Mapping[Any, Any], caller: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for intent, patterns in rules.items():
        if not isinstance(patterns, (list, tuple, set, frozenset)):
            raise DataError(
                f"{caller}: the patterns of {intent!r} in rules are {_checks.shown(patterns)}. "
                "Give a list of patterns."
            )
        rows += [(intent, None, pattern, None) for pattern in patterns]
    return rows


def _table(rules: Any, caller: str) -> list[tuple[Any, ...]]:
    opened, _ = _frame.open_table(rules, caller=caller, argument="rules", lazy=False)
    there = [name for name in ("language", "rule") if name in opened.columns]
    source = _frame.read(
        rules, caller=caller, argument="rules", maker="intent_rules",
        roles={name: name for name in ("intent", "pattern", *there)},
    )  # fmt: skip
    nothing: list[str | None] = [None] * source.n_rows
    if not source.n_rows:
        return []
    columns = {name: _texts.values(source, name) for name in ("intent", "pattern", *there)}
    return list(
        zip(
            columns["intent"], columns.get("language", nothing), columns["pattern"],
            columns.get("rule", nothing), strict=True,
        )
    )  # fmt: skip


def _check(intent: Any, language: Any, pattern: Any, rule: Any, caller: str) -> None:
    if not isinstance(intent, str) or not intent.strip():
        raise DataError(f"{caller}: rules has the intent {intent!r}. Give each a name of text.")
    if language is not None and language not in _language.LANGUAGES:
        raise DataError(
            f"{caller}: rules has the language {language!r}. Use 'en', 'fa' or 'he', or leave it "
            "null for all."
        )
    if rule not in RULES:
        raise DataError(
            f"{caller}: rules has the rule {rule!r}. Use 'unless negated', 'always' or 'never'."
        )
    if not isinstance(pattern, str) or not (pattern.strip() in SPECIAL or _slots(pattern)[0]):
        raise DataError(
            f"{caller}: rules has the pattern {pattern!r} for {intent!r}. Give words, such as "
            "'cancel*' or 'want ... refund'."
        )


def _rule(intent: int, rule: str, language: str | None, pattern: str) -> Rule:
    if pattern.strip() in SPECIAL:
        return Rule(intent, rule, language, (), (), pattern.strip())
    return Rule(intent, rule, language, *_slots(pattern))


def _slots(pattern: str) -> tuple[tuple[tuple[str, ...], ...], tuple[bool, ...]]:
    slots, gaps, gap = [], [], False
    for part in pattern.replace("\u200c", " ").replace("’", "'").lower().split():
        if part == "...":
            gap = True
            continue
        words = tuple(word for word in part.split("/") if len(word.strip("*")) > 1)
        if words:
            plain = _terms.clean([word.strip("*") for word in words])
            slots.append(
                tuple(
                    one + ("*" if word.endswith("*") else "")
                    for one, word in zip(plain, words, strict=True)
                )
            )
            gaps.append(gap and len(slots) > 1)
            gap = False
    return tuple(slots), tuple(gaps)


def units(words: Sequence[str], language: str | None) -> list[str]:
    """Return words as rules see them: Persian ones in their parts, its verbs in one piece."""
    if language != "fa":
        return list(words)
    parts = [part for word in words for part in word.split("\u200c")]
    made: list[str] = []
    for part in parts:
        if made and made[-1] in _TOGETHER:
            made[-1] += part
        elif len(part) > 1:
            made.append(part)
    return made


class Matcher:
    """The rules of a language, ready for the words that its texts have."""

    def __init__(self, rules: Sequence[Rule], language: str, vocabulary: Iterable[str]) -> None:
        variants = _variants(vocabulary, language)
        ordered = sorted(variants)
        self.first: dict[str, list[tuple[Rule, tuple[frozenset[str], ...]]]] = {}
        for rule in rules:
            if rule.special or rule.language not in {None, language}:
                continue
            slots = tuple(
                frozenset(word for one in slot for word in _fitting(one, variants, ordered))
                for slot in rule.slots
            )
            if all(slots):
                for word in slots[0]:
                    self.first.setdefault(word, []).append((rule, slots))

    def matches(self, words: list[str]) -> list[Match]:
        """Return every place where a rule fits."""
        found = []
        for start, word in enumerate(words):
            for rule, slots in self.first.get(word, ()):
                stop = _stop(words, start + 1, slots, rule.gaps, 1)
                if stop:
                    found.append(Match(rule, start, stop))
        return found


def _stop(
    words: list[str],
    at: int,
    slots: tuple[frozenset[str], ...],
    gaps: tuple[bool, ...],
    slot: int,
) -> int:
    """Return where the slots from `slot` on end if they fit the words from `at` on; 0 if not."""
    if slot == len(slots):
        return at
    last = at + (_GAP if gaps[slot] else 0)
    for place in range(at, min(last + 1, len(words))):
        if words[place] in slots[slot]:
            stop = _stop(words, place + 1, slots, gaps, slot + 1)
            if stop:
                return stop
    return 0


def _variants(vocabulary: Iterable[str], language: str) -> dict[str, set[str]]:
    """Return what the words of texts may be taken for: Hebrew ones also without little words."""
    variants: dict[str, set[str]] = {}
    for word in vocabulary:
        variants.setdefault(word, set()).add(word)
        for little in _forms.HEBREW if language == "he" else ():
            if little and word.startswith(little) and len(word) > len(little) + 1:
                variants.setdefault(word[len(little) :], set()).add(word)
    return variants


def _fitting(one: str, variants: dict[str, set[str]], ordered: list[str]) -> set[str]:
    if not one.endswith("*"):
        return variants.get(one, set())
    begin, found = one[:-1], set()
    for place in range(bisect_left(ordered, begin), len(ordered)):
        if not ordered[place].startswith(begin):
            break
        found |= variants[ordered[place]]
    return found
