"""The language of a text, from its script and from small words."""

import re
from functools import cache
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pyarrow as pa

from crmlytics import _result
from crmlytics.sentiment import _lists, _texts

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

_ARABIC = "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff"
_LATIN = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_LETTER = re.compile(r"[^\W\d_]")
_OF = {
    "latin": re.compile(f"[{_LATIN}]"),
    "arabic": re.compile(f"(?![\u0660-\u0669\u06f0-\u06f9\u064b-\u0652])[{_ARABIC}](?<=\\w)"),
    "hebrew": re.compile("[\u05d0-\u05ea\ufb1d-\ufb4f]"),
}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_OTHER_LATIN = re.compile("[ßñçøåæœłşğıőűãõčšžěřůąęțșÑÇØÅÆŁŞĞİŐŰÃÕČŠŽĚŘŮĄĘȚȘ¿¡]")
_PERSIAN = re.compile("[پچژگیک]")
# the Arabic forms of ی and ک prove nothing: many keyboards of Persian writers have only these
_NOT_PERSIAN = re.compile("[ةىأ](?=\\W|$)|\\b[أإ]|\\bال\\w{2,}|[ٹڈڑںےھۓ]")
_KEYBOARD = str.maketrans("يك", "یک")
LANGUAGES = ("en", "fa", "he")
SPOKEN = ("auto", *LANGUAGES)  # what the option `language` takes
_FIRST = 2_000  # letters looked at: the language of a long text shows early
_LONG = 4  # letters
_ALIKE = frozenset({"come", "male", "over", "other"})  # in English something else
_PROOF = 2.0  # what one special letter weighs against small words


def has_letters(text: str) -> bool:
    """Say whether a text has a letter of any script."""
    return _LETTER.search(text) is not None


def detected(texts: list[str | None]) -> list[str | None]:
    """Return "en", "fa" or "he" for each text, None where it is none of them."""
    return [None if text is None else _language(text)[0] for text in texts]


def _language(text: str) -> tuple[str | None, float]:
    """Return the language and the share of the letters that are of its script."""
    if text.isascii():
        part = text[:_FIRST]
        return (_latin(part), 1.0) if has_letters(part) else (None, np.nan)
    part = text[: 5 * _FIRST]
    n = len(_LETTER.findall(part))
    if not n:
        return None, np.nan
    counts = {script: len(pattern.findall(part)) for script, pattern in _OF.items()}
    script = max(counts, key=lambda name: counts[name])
    share = min(counts[script] / n, 1.0)
    if share < 0.5:
        return None, share
    if script == "hebrew":
        return "he", share
    part = part[:_FIRST]
    return (_latin(part) if script == "latin" else _arabic(part)), share


@cache
def _small_words() -> dict[str, dict[str, frozenset[str]]]:
    """Return the small words of each language, by script."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in _lists.read("function_words"):
        found.setdefault(row["script"], {}).setdefault(row["language"], set()).add(row["word"])
    return {
        script: {language: frozenset(words) for language, words in of.items()}
        for script, of in found.items()
    }


def _latin(text: str) -> str | None:
    """English, unless the small words of another language are more."""
    words = set(_WORD.findall(text.lower()))
    known = _small_words()["latin"]
    mine = len(words & known["en"])
    special = _PROOF * len(_OTHER_LATIN.findall(text))
    found = [words & small for language, small in known.items() if language != "en"]
    other = max(map(len, found))
    if mine >= other + special:
        return "en"
    # one short word may be a name or an exclamation; a long one is of its language
    telling = any(len(word) >= _LONG and word not in _ALIKE for small in found for word in small)
    return "en" if other < 2 and special <= _PROOF and (mine or not telling) else None


def _arabic(text: str) -> str | None:
    """Persian, unless letters and small words of Arabic or Urdu are more."""
    words = text.split()
    known = _small_words()["arabic"]
    mine = len(_PERSIAN.findall(text)) + 2 * sum(
        word.translate(_KEYBOARD) in known["fa"] for word in words
    )
    other = len(_NOT_PERSIAN.findall(text)) + 2 * max(
        sum(word in small for word in words)
        for language, small in known.items()
        if language != "fa"
    )
    return "fa" if mine >= other else None


@overload
def detect_language(feedback: str, *, text_col: str = "text") -> str | None: ...
@overload
def detect_language(feedback: "IntoDataFrameT", *, text_col: str = "text") -> "IntoDataFrameT": ...
def detect_language(feedback: Any, *, text_col: str = "text") -> Any:
    """Tell English, Persian and Hebrew texts from each other and from all others.

    Parameters
    ----------
    feedback : table or str
        One row a text; or a single text.
    text_col : str, default "text"
        Column of texts.

    Returns
    -------
    table or str
        `feedback` in its order with ``language`` (str: "en", "fa", "he"; null where it is another
        one, or there are no letters) and ``script_share`` (float, share of the letters that are of
        the script most used; null without letters). Of a single text its language, or None.

    Raises
    ------
    ColumnError
        If the column is missing or holds no text.

    See Also
    --------
    score_sentiment : calls this where ``language="auto"``.

    Notes
    -----
    The script with most letters decides, where it has half of them: Hebrew is Hebrew. Latin letters
    are English unless small words and letters of German, French, Spanish, Italian, Portuguese,
    Dutch, Turkish, Polish or Swedish are more than the English ones. Arabic letters are Persian
    unless those of Arabic or Urdu are more. A word or two without small words counts as English or
    Persian.

    Examples
    --------
    >>> import crmlytics as crm
    >>> [
    ...     crm.sentiment.detect_language(text)
    ...     for text in ("Great!", "خیلی خوب بود", "Sehr gut und schnell")
    ... ]
    ['en', 'fa', None]
    """
    if isinstance(feedback, str):
        return _language(feedback)[0]
    texts = _texts.read(feedback, "detect_language", text_col=text_col)
    found = [(None, np.nan) if text is None else _language(text) for text in texts.values]
    columns = {
        "language": pa.array([language for language, _ in found], pa.string()),
        "script_share": _result.column(np.array([share for _, share in found], dtype=float)),
    }
    return _result.extended(texts.source, columns)
