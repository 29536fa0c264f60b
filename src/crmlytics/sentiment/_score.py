"""The public scores of texts, and what they are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _columns, _result
from crmlytics.errors import ColumnError, OptionError
from crmlytics.sentiment import _language, _own, _run, _scored, _switches, _texts
from crmlytics.sentiment._scored import Scored
from crmlytics.sentiment._texts import Texts

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

FLAVOURS = ("vader", "improved")
_SCORES = ("compound", "positive", "neutral", "negative")


def score_sentiment(
    feedback: "IntoDataFrameT",
    *,
    language: str = "auto",
    flavour: str | Sequence[str] = "vader",
    lexicon: "IntoDataFrame | Mapping[str, float] | None" = None,
    min_coverage: float = 0.0,
    text_col: str = "text",
    language_col: str | None = None,
    domain_col: str | None = None,
) -> "IntoDataFrameT":
    """Score how texts in English, Persian and Hebrew feel, and say how much of them was known.

    Words have valences from -4 to 4; negations, intensifiers, capitals, punctuation, emoji and
    "but" change them. Their sum S gives ``compound = S / sqrt(S^2 + 15)``. Where hardly a word is
    known the function can abstain; a text in a language it does not know is never called neutral.

    Parameters
    ----------
    feedback : table
        One row a text.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts. "auto" tells it text by text, as :func:`detect_language` does.
    flavour : {"vader", "improved"} or list of str, default "vader"
        Rules for English. "vader" with ``language="en"`` gives what vaderSentiment 3.3.2 gives, to
        the last digit, its faults included. "improved" mends these faults and knows words of
        customer service; a list of names from :func:`sentiment_switches` mends those alone.
        Persian and Hebrew have one set of rules.
    lexicon : table or mapping, optional
        Words and phrases of your own and their valences, -4 to 4, which stand above those of the
        package: ``{"lengthy": -1.5, "kindly": 0}``, or a table with the columns ``term`` and
        ``valence`` and, where entries are for some texts alone, ``language`` and ``domain``.
    min_coverage : float, default 0
        Abstain where a smaller share of the words is known, 0 to 1.
    text_col : str, default "text"
        Column of texts; null where nothing was written.
    language_col : str, optional
        Column with the language of each text ("en", "fa", "he"; anything else is not known), in
        place of `language`.
    domain_col : str, optional
        Column that says for each text which ``domain`` of `lexicon` holds.

    Returns
    -------
    table
        `feedback` in its order with, added or replaced: ``language`` (str; null where it is not
        known), ``compound`` (float, -1 to 1), ``positive``, ``neutral``, ``negative`` (float,
        shares of the text that add up to 1), ``label`` (str: "positive" from 0.05, "negative" to
        -0.05, "neutral" between; null where the function abstains), ``coverage`` (float, known
        words over words, 0 where there is none), ``abstained`` (bool). Of a null text all are null
        and `abstained` is True; of a text in an unknown language coverage is 0 and the rest null.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If `lexicon` has a term or a valence that cannot be used.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    explain_sentiment : what each word adds.
    fit_sentiment : learns from labels; better than any lexicon from about 1,000 labels on.
    sentiment_switches : what "improved" mends.

    Notes
    -----
    A text without letters has no language; where it holds emoji or emoticons these are scored.
    Any text takes time in proportion to its length.

    References
    ----------
    Hutto and Gilbert (2014), VADER: a parsimonious rule-based model for sentiment analysis of
    social media text, ICWSM-14, p. 216.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame({"text": ["I don't like it", "خیلی خوب بود", "שירות מעולה", None]})
    >>> scores = crm.sentiment.score_sentiment(feedback, flavour="improved")
    >>> scores[["language", "compound", "label"]]
      language  compound     label
    0       en   -0.2755  negative
    1       fa    0.4391  positive
    2       he    0.5719  positive
    3      NaN       NaN       NaN
    """
    caller = "score_sentiment"
    least = _checks.number(min_coverage, name="min_coverage", caller=caller, low=0.0, high=1.0)
    columns_of = _Columns(text_col, language_col, domain_col)
    texts, languages, found = _scores(feedback, caller, language, flavour, lexicon, columns_of)
    there = np.array([text is not None for text in texts.values], dtype=bool)
    coverage = np.where(there, found.n_known / np.maximum(found.n_words, 1), np.nan)
    coverage = np.minimum(coverage, 1.0)  # an emoji is known, and no word
    abstained = np.isnan(found.compound) | (coverage < least)
    label = _scored.labels(found.compound)
    label[abstained] = None
    columns: dict[str, Any] = {"language": pa.array(languages, pa.string())}
    columns |= {name: _result.column(getattr(found, name)) for name in _SCORES}
    columns |= {
        "label": pa.array(label.tolist(), pa.string()),
        "coverage": _result.column(coverage),
        "abstained": pa.array(abstained),
    }
    answer: IntoDataFrameT = _result.extended(texts.source, columns)
    return answer


def explain_sentiment(
    feedback: "IntoDataFrameT",
    *,
    language: str = "auto",
    flavour: str | Sequence[str] = "vader",
    lexicon: "IntoDataFrame | Mapping[str, float] | None" = None,
    text_col: str = "text",
    language_col: str | None = None,
    domain_col: str | None = None,
) -> "IntoDataFrameT":
    """Show what each word adds to the score of a text, and which rule changed it.

    Parameters
    ----------
    feedback : table
        One row a text.
    language, flavour, lexicon, text_col, language_col, domain_col : various
        As for :func:`score_sentiment`.

    Returns
    -------
    table
        One row a word or mark that counts, in the order of the texts: ``row`` (int, place of the
        text in `feedback`, from 0), ``word`` (str, as it was written), ``valence`` (float, of the
        lexicon; null for marks), ``rule`` (str, what changed it; null where nothing did),
        ``contribution`` (float, on the scale of valences). The contributions of a text add up to
        its raw score S, and its compound is ``S / sqrt(S^2 + 15)``. Texts without a known word
        have no row.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If `lexicon` has a term or a valence that cannot be used.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    score_sentiment : the scores.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> feedback = pd.DataFrame({"text": ["The food was not very good!"]})
    >>> crm.sentiment.explain_sentiment(feedback)[["row", "word", "valence", "contribution"]]
       row  word  valence  contribution
    0    0  good      1.9      -1.62282
    1    0     !      NaN      -0.29200
    """
    caller = "explain_sentiment"
    columns_of = _Columns(text_col, language_col, domain_col)
    texts, _, found = _scores(
        feedback, caller, language, flavour, lexicon, columns_of, explain=True
    )
    hits = found.hits
    if hits is None:
        raise AssertionError  # the engines were asked for them
    columns = {
        "row": pa.array(hits.text),
        "word": pa.array(hits.word, pa.string()),
        "valence": _result.column(hits.valence),
        "rule": pa.array([rule or None for rule in hits.rule], pa.string()),
        "contribution": _result.column(hits.contribution),
    }
    answer: IntoDataFrameT = _result.assemble(columns, texts.source)
    return answer


class _Columns(NamedTuple):
    """Names of the columns of feedback."""

    text: str
    language: str | None
    domain: str | None


def _scores(
    feedback: Any,
    caller: str,
    language: str,
    flavour: Any,
    lexicon: Any,
    columns: _Columns,
    *,
    explain: bool = False,
) -> tuple[Texts, list[str | None], Scored]:
    """Read the options and the table, and score."""
    _checks.choice(language, _language.SPOKEN, name="language", caller=caller)
    switches = switches_of(flavour, caller)
    own = _own.read(lexicon, caller)
    texts = _texts.read(
        feedback, caller, text_col=columns.text, optional=("language_col", "domain_col"),
        roles={"language_col": columns.language, "domain_col": columns.domain},
    )  # fmt: skip
    languages = _languages(texts, language, caller)
    domains = None
    if "domain" in texts.source.names and own is not None:
        series = texts.source.column("domain")
        if _columns.family(series) != "text" and not series.is_null().all():
            raise ColumnError(
                f"{caller}: column {columns.domain!r} (domain_col) holds "
                f"{_columns.describe(series)}, not text. Make it text, as the domains of lexicon."
            )
        domains = _texts.values(texts.source, "domain")
    found = _run.scored(
        texts.values, languages, switches=switches, own=own, domains=domains, explain=explain
    )
    return texts, languages, found


def _languages(texts: Texts, language: str, caller: str) -> list[str | None]:
    if "language" not in texts.source.names:
        return _run.spoken(texts.values, language)
    if language != "auto":
        raise OptionError(
            f"{caller}: language={language!r} and language_col are both given. Give one of them."
        )
    named = _texts.values(texts.source, "language")
    return [name if name in _language.LANGUAGES else None for name in named]


def switches_of(flavour: Any, caller: str) -> frozenset[str]:
    """Return the repairs that a flavour switches on."""
    if isinstance(flavour, str):
        _checks.choice(flavour, FLAVOURS, name="flavour", caller=caller)
        return _switches.ALL if flavour == "improved" else frozenset()
    names = list(flavour) if isinstance(flavour, Iterable) else [flavour]
    odd = [name for name in names if name not in _switches.ALL]
    if odd:
        raise OptionError(
            f"{caller}: flavour must be 'vader', 'improved' or a list of names from "
            f"sentiment_switches(); got {_checks.shown(flavour)}. It has {sorted(_switches.ALL)}."
        )
    return frozenset(names)
