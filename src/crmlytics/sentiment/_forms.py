"""The spellings in which a word stands in texts: light inflection, made and not guessed back."""

from functools import cache
from itertools import product

_ZWNJ = "\u200c"
_PERSIAN = (
    "ها", "های", "هایی", "هایش", "هایم", "هایت", "هایشان", "هایتان", "هایمان", "هاتون", "هاشون",
    "شان", "تان", "مان", "شون", "تون", "مون", "ی", "ش", "م", "ت",
)  # fmt: skip
_JOINED = ("اش", "ام", "ات", "ای", "ی", "یی", "یم")
# The little words that Hebrew writes as part of the next one, in the orders in which they meet.
HEBREW = (
    "", "ה", "ו", "ב", "כ", "ל", "ש", "מ", "וה", "וב", "ול", "וכ", "ומ", "וש", "שה", "שב", "של",
    "שמ", "מה", "כש", "כשה", "ושה", "לכש", "מש",
)  # fmt: skip
_FINAL = {"ך": "כ", "ם": "מ", "ן": "נ", "ף": "פ", "ץ": "צ"}


@cache
def forms(word: str, language: str | None) -> frozenset[str]:
    """Return the spellings of a word of a language, itself among them."""
    if language == "fa":
        return _persian(word)
    if language == "he":
        return _hebrew(word)
    return _english(word) if language == "en" else frozenset({word})


def _english(word: str) -> frozenset[str]:
    made = {word, f"{word}s", f"{word}'s"}
    if word.endswith(("s", "x", "z", "ch", "sh")):
        made.add(f"{word}es")
    if word.endswith("y") and len(word) > 2 and word[-2] not in "aeiou":
        made.add(f"{word[:-1]}ies")
    return frozenset(made)


def _persian(word: str) -> frozenset[str]:
    if len(word) < 3:
        return frozenset({word})
    joined = {f"{word}{_ZWNJ}{end}" for end in (*_PERSIAN, *_JOINED)}
    return frozenset({word, *joined, *(word + end for end in _PERSIAN)})


def _hebrew(word: str) -> frozenset[str]:
    if len(word) < 3:
        return frozenset({word})
    open_end = word[:-1] + _FINAL.get(word[-1], word[-1])
    ends = {word, f"{open_end}ים", f"{open_end}ות", f"{open_end}י"}
    if word.endswith("ה"):
        ends |= {f"{word[:-1]}{end}" for end in ("ת", "ות", "ים")}
    return frozenset(little + end for little, end in product(HEBREW, ends))
