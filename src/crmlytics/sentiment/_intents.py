"""What customers want: rules of words, with an eye on what is negated."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _result
from crmlytics._columns import Bools, Floats
from crmlytics.sentiment import _clauses, _intent_rules, _language, _run, _terms, _texts
from crmlytics.sentiment._intent_rules import Match, Matcher, Rule

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

_ASKS = re.compile(r"\?(?!\w)|؟")  # a question mark that is no part of an address
_STRONG = 0.65  # compound from which on a text as a whole is praise, or a complaint


@dataclass(frozen=True)
class _Negation:
    """The words that negate, how far they reach, and the words at which that ends."""

    far: frozenset[str] = frozenset()  # up to `reach` words before
    near: frozenset[str] = frozenset()  # up to two words before
    after: frozenset[str] = frozenset()  # up to two words after
    ends: frozenset[str] = frozenset()
    reach: int = 5


_NEAR = 2
_NEGATIONS = {
    "en": _Negation(
        far=frozenset((
            "not", "never", "cannot", "dont", "didnt", "doesnt", "cant", "wont", "wouldnt",
            "isnt", "wasnt", "arent", "havent",
        )),
        near=frozenset(("no", "without", "nor", "neither", "zero")),
        ends=frozenset((
            "and", "so", "because", "then", "since", "as", "therefore", "only",
        )),
    ),
    "fa": _Negation(
        far=frozenset((
            "نمیخواهم", "نمیخوام", "نمیخواستم", "نخواستم", "نمیخواهیم", "نمیخوایم", "قصد",
        )),
        near=frozenset(("نه", "نباید")),
        after=frozenset((
            "نیست", "نیستم", "نیستند", "نیستیم", "نبود", "نبودم", "نبودند", "نداشت", "نداشتم",
            "ندارد", "نداره", "ندارم", "ندارند", "نشد", "نشدم", "نکن", "نکنید", "نکنین", "نکردم",
            "نکرد", "نکردند", "نخواهم", "نخواستم", "نشود", "نشه", "نباشد", "نبوده", "نشده",
            "نکرده", "نداشته",
        )),
        ends=frozenset(("چون", "پس", "که")),
        reach=4,
    ),
    "he": _Negation(
        far=frozenset((
            "לא", "אל", "אף", "מעולם", "שלא", "ולא", "איני", "אינני", "אינה", "אינו",
        )),
        near=frozenset(("בלי", "ללא", "אין", "ואין")),
        ends=frozenset(("כי", "אז", "לכן", "רק")),
        reach=4,
    ),
}  # fmt: skip


def detect_intents(
    feedback: "IntoDataFrameT",
    *,
    rules: "IntoDataFrame | Mapping[str, Sequence[str]] | None" = None,
    text_col: str = "text",
    language: str = "auto",
) -> "IntoDataFrameT":
    """Say what the writer of each text wants: to complain, cancel, get money back, praise, ask.

    Parameters
    ----------
    feedback : table
        One row a text.
    rules : table or mapping, optional
        Rules of your own in place of those of the package: an edited :func:`intent_rules`, with
        the columns ``intent``, ``pattern`` and, if you like, ``language`` (null for all) and
        ``rule``; or intent -> list of patterns. Intents may have any name.
    text_col : str, default "text"
        Column of texts; null where nothing was written.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts; "auto" tells it text by text.

    Returns
    -------
    table
        `feedback` in its order with a column (bool) for each intent, added or replaced. With the
        rules of the package: ``complaint``, ``cancel``, ``refund``, ``praise``, ``question``,
        ``delivery_problem``, ``urgent``. A text may have several intents or none. All are null
        where there is no text or its language is not known.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If `rules` is empty, or has an intent, pattern, language or rule that cannot be used.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    intent_rules : the rules of the package.
    fit_sentiment : learns an intent from texts with labels (``label_col`` may hold any labels).

    Notes
    -----
    A pattern is one word or several that follow each other within a clause. ``cancel*`` fits every
    word that begins so, ``slow/late delivery`` one word or the other, and ``...`` stands for up to
    three words. Hebrew words fit with ה, ו, ב, ל and the like before them; Persian ones however
    their parts are joined. ``?`` fits a question mark; ``{positive}`` and ``{negative}`` fit texts
    whose compound is at least 0.65 or at most -0.65 (see :func:`score_sentiment`).
    "unless negated" rules do not count where the clause negates them ("I do not want to cancel"),
    "always" rules do; "never" rules take back what other rules of the intent find in their place
    ("no complaints").

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame({"text": ["Cancel my order!", "I do not want to cancel.", "1 2"]})
    >>> crm.sentiment.detect_intents(feedback)[["cancel", "refund", "question"]]
       cancel  refund  question
    0    True   False     False
    1   False   False     False
    2    <NA>    <NA>      <NA>
    """
    caller = "detect_intents"
    names, listed = _intent_rules.read(rules, caller)
    texts = _texts.read(feedback, caller, text_col=text_col)
    spoken = _terms.languages(texts.values, language, caller)
    has = _by_words(texts.values, spoken, listed, len(names))
    _by_marks(has, texts.values, spoken, listed)
    known = np.array([each is not None for each in spoken], dtype=bool)
    columns = {name: pa.array(has[:, k], mask=~known) for k, name in enumerate(names)}
    answer: IntoDataFrameT = _result.extended(texts.source, columns)
    return answer


def _by_words(
    texts: Sequence[str | None], spoken: Sequence[str | None], rules: list[Rule], n_intents: int
) -> Bools:
    """Say which intents (columns) the words of each text (rows) show."""
    has = np.zeros((len(texts), n_intents), dtype=bool)
    rows = [row for row, own in enumerate(spoken) if own is not None]
    parts = [
        (row, piece)
        for row in rows
        for sentence in _clauses.sentences(texts[row] or "")
        for clause in _clauses.clauses(sentence)
        for piece in _clauses.pieces(clause)
    ]
    languages = [spoken[row] for row, _ in parts]
    words = _terms.words([piece for _, piece in parts], languages)
    units = [_intent_rules.units(each, own) for each, own in zip(words, languages, strict=True)]
    for each in _language.LANGUAGES:
        mine = [place for place, own in enumerate(languages) if own == each]
        matcher = Matcher(rules, each, {word for place in mine for word in units[place]})
        for place in mine:
            for intent in _intents(units[place], matcher.matches(units[place]), each):
                has[parts[place][0], intent] = True
    return has


def _intents(words: list[str], matches: list[Match], language: str) -> set[int]:
    """Return the intents of a clause."""
    taken = {
        (match.rule.intent, place)
        for match in matches
        if match.rule.rule == "never"
        for place in range(match.start, match.stop)
    }
    found = set()
    for match in matches:
        intent, rule = match.rule.intent, match.rule.rule
        if rule == "never" or any(
            (intent, place) in taken for place in range(match.start, match.stop)
        ):
            continue
        if rule == "always" or not _negated(words, match, _NEGATIONS[language]):
            found.add(intent)
    return found


def _negated(words: list[str], match: Match, negation: _Negation) -> bool:
    negating = negation.far | negation.near | negation.after
    own = {word for slot in match.rule.slots for word in slot}
    inside = set(words[match.start : match.stop]) - own
    if own.isdisjoint(negating) and any(
        word in negating or word.endswith("n't") for word in inside
    ):
        return True
    for distance, word in enumerate(reversed(words[: match.start]), 1):
        if distance > negation.reach or word in negation.ends:
            break
        if word in negation.far or word.endswith("n't"):
            return True
        if distance <= _NEAR and word in negation.near:
            return True
    following = words[match.stop : match.stop + _NEAR] if negation.after else []
    return any(word in negation.after or word.startswith("نمی") for word in following)


def _by_marks(
    has: Bools, texts: Sequence[str | None], spoken: Sequence[str | None], rules: list[Rule]
) -> None:
    """Add the intents that a question mark or the score of the whole text shows."""
    special = [rule for rule in rules if rule.special]
    compound: Floats = np.full(len(texts), np.nan)
    if any(rule.special != _intent_rules.MARK for rule in special):
        compound = _run.scored(texts, spoken).compound
    marked = np.array([_ASKS.search(text or "") is not None for text in texts], dtype=bool)
    shows: dict[str, Any] = {
        _intent_rules.MARK: marked,
        _intent_rules.POSITIVE: compound >= _STRONG,
        _intent_rules.NEGATIVE: compound <= -_STRONG,
    }
    own = np.array([each or "" for each in spoken])
    for rule in special:
        if rule.rule != "never":
            mine = own != "" if rule.language is None else own == rule.language
            has[mine, rule.intent] |= shows[rule.special or ""][mine]
