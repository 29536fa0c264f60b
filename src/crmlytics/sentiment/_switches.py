"""What the improved flavour mends in VADER: each repair by name, so that it can be on alone."""

from typing import TYPE_CHECKING, NamedTuple

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
        "I love the phone, but I accept that the box is ugly", "positive",
    ),
    Switch(
        "so_this", "'so' and 'this' right before a word amplify it after 'never' alone",
        "The room was so nice, the food terrible", "neutral",
    ),
    Switch(
        "idioms", "idioms and 'kind of' are known at the beginning of a text too, and count once",
        "the bomb", "positive",
    ),
    Switch(
        "apostrophes", "curly apostrophes are apostrophes: don’t negates as don't does",
        "don’t like it", "negative",
    ),
    Switch(
        "no_problem", "the lack of a problem is good, and 'no' is spent on the word it denies",
        "no problem, thanks", "positive",
    ),
    Switch(
        "double_negation", "'not bad' is faint praise, and 'not the worst' is none",
        "Not the worst show I've seen", "neutral",
    ),
    Switch(
        "not_only", "phrases that sound negated and are not: 'not only', 'second to none'",
        "The staff is not only friendly", "positive",
    ),
    Switch(
        "far_negation", "a denied opinion reaches further than three words: don't think this is a",
        "I don't think this is a good phone", "negative",
    ),
    Switch(
        "sentence_end", "no rule reaches over the end of a sentence",
        "I could not. Great phone", "positive",
    ),
    Switch(
        "modifiers", "'pretty', 'super', 'terribly' and the like strengthen a word that follows",
        "pretty awful", "negative",
    ),
    Switch(
        "emoji", "emoji have valences, in all skin tones, and stand apart from words around them",
        "🤬", "negative",
    ),
    Switch(
        "hashtags", "hashtags are read as the words they are made of",
        "#lovethis", "positive",
    ),
    Switch(
        "service_words", "words and phrases of customer service that VADER does not know",
        "Website is not working.", "negative",
    ),
)  # fmt: skip
ALL = frozenset(each.switch for each in SWITCHES)


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
