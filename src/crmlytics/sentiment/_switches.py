"""What "improved" mends in VADER: each repair by name, and what it needs before the rules."""

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from crmlytics.sentiment import _emoji, _lists
from crmlytics.sentiment._lexicon import Lexicon

if TYPE_CHECKING:
    import pandas as pd


class Switch(NamedTuple):
    """One repair, with a text that shows it and what an attentive reader would say of that."""

    switch: str
    what: str
    example: str
    label: str


SWITCHES = (
    Switch(
        "but_rule", "'but' scales what stands before and after it by place, not by value",
        "helpful staff but adequate food", "positive",
    ),
    Switch(
        "so_this", "'so' and 'this' right before a word amplify it after 'never' alone",
        "This is so good", "positive",
    ),
    Switch(
        "idioms", "idioms are known at the beginning of a text too",
        "the bomb", "positive",
    ),
    Switch(
        "apostrophes", "curly apostrophes are apostrophes: don’t negates as don't does",
        "don’t like it", "negative",
    ),
    Switch(
        "no_problem", "'no' turns the word right after it, and not the one behind that as well",
        "no problem, thanks", "positive",
    ),
    Switch(
        "double_negation", "'not the worst' takes the blame away and is no praise",
        "Not the worst show I've seen", "neutral",
    ),
    Switch(
        "emoji", "emoji with variation selectors or skin tones, new ones, and words joined to them",
        "🤬", "negative",
    ),
    Switch(
        "hashtags", "hashtags of several words are read as these words",
        "#BadService", "negative",
    ),
    Switch(
        "service_words", "words and phrases of customer service that VADER does not know",
        "Website is not working.", "negative",
    ),
)  # fmt: skip
ALL = frozenset(each.switch for each in SWITCHES)

_CURLY = str.maketrans(dict.fromkeys("’‘ʼ`´", "'"))
_TAG = re.compile(r"#(\w+)")
_INNER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_+")


def prepared(texts: list[str], switches: frozenset[str]) -> list[str]:
    """Return the texts as the rules shall see them."""
    if "apostrophes" in switches:
        texts = [text if text.isascii() else text.translate(_CURLY) for text in texts]
    if "hashtags" in switches:
        texts = [_TAG.sub(_as_words, text) if "#" in text else text for text in texts]
    if "emoji" in switches:
        texts = [_emoji.apart(text) for text in texts]
    return texts


def _as_words(tag: re.Match[str]) -> str:
    return _INNER.sub(" ", tag[1])


def entries(switches: frozenset[str], lexicon: Lexicon | None) -> Lexicon:
    """Return the words and phrases that stand above VADER's: ours, and above these the user's."""
    words: dict[str, float] = {}
    phrases: dict[tuple[str, ...], float] = {}
    if "service_words" in switches:
        words |= _service().words
        phrases |= _service().phrases
    if "emoji" in switches:
        words |= _emoji.valences()
    if lexicon is not None:
        words |= lexicon.words
        phrases |= lexicon.phrases
        # a phrase of ours must not hide a word that the user weighed
        phrases = {
            phrase: valence
            for phrase, valence in phrases.items()
            if phrase in lexicon.phrases or not any(word in lexicon.words for word in phrase)
        }
    return Lexicon(words, phrases)


@cache
def _service() -> Lexicon:
    rows = [(tuple(row["term"].split()), float(row["valence"])) for row in _lists.read("en_service")]
    return Lexicon(
        {term[0]: valence for term, valence in rows if len(term) == 1},
        {term: valence for term, valence in rows if len(term) > 1},
    )


def sentiment_switches() -> "pd.DataFrame":
    """List what the improved flavour mends in VADER, one switch a repair.

    Returns
    -------
    pandas.DataFrame
        One row a switch, all columns str: ``switch`` (its name, for the option ``flavour`` of
        :func:`score_sentiment`), ``what`` (it does), ``example`` (a text that shows it) and
        ``label`` (that an attentive reader would give).

    See Also
    --------
    score_sentiment : ``flavour="improved"`` turns all on, a list of names these alone.

    Examples
    --------
    >>> import crmlytics as crm
    >>> crm.sentiment.sentiment_switches()["switch"].tolist()[:3]
    ['but_rule', 'so_this', 'idioms']
    """
    import pandas as pd

    return pd.DataFrame(SWITCHES, columns=list(Switch._fields), dtype="str")
