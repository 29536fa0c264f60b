"""Texts cleaned of what hides words from a list: forms of letters, points, marks of direction."""

import re
from typing import TYPE_CHECKING, Any, overload

import pyarrow as pa

from crmlytics import _result
from crmlytics.sentiment import _texts

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

ZWNJ = "\u200c"
_SAME = {
    **dict.fromkeys("يىۍې", "ی"), "ك": "ک", "ڪ": "ک", **dict.fromkeys("ةۀۂ", "ه"), "ہ": "ه",
    **dict.fromkeys("أإٱ", "ا"), "ؤ": "و",
    "«": '"', "»": '"', "“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "ʼ": "'", "`": "'",
    "״": '"', "׳": "'",
    "\u00a0": " ", "\u202f": " ", "\u200b": ZWNJ, "¬": ZWNJ,
}  # fmt: skip
_DIGITS = {ord(first) + k: str(k) for first in "٠۰" for k in range(10)}
_GONE = dict.fromkeys(
    [
        0x640, 0x670, *range(0x64B, 0x653),  # tatweel, diacritics
        *range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7,  # niqqud, cantillation
        0x200E, 0x200F, 0x61C, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF,  # bidi
    ]
)  # fmt: skip
_TABLE = str.maketrans(_SAME) | _DIGITS | _GONE
# the joiner belongs into sequences of emoji, and to no word
_JOINER = re.compile("(?<=[\u0590-\u06ff])\u200d|\u200d(?=[\u0590-\u06ff])")
_REPEATED = re.compile(r"([^\W\d_]|[!?؟.,،…~ـ])\1{2,}")
_AROUND_ZWNJ = re.compile(f" *{ZWNJ}+(?= |$)|(?:(?<= )|^){ZWNJ}+|{ZWNJ}(?={ZWNJ})")


def normalised(texts: list[str]) -> list[str]:
    """Return the texts with one spelling of what looks alike; see `normalise_text`."""
    return [_plain(text) for text in texts]


def _plain(text: str) -> str:
    if text.isascii():
        return _REPEATED.sub(r"\1\1", text)
    text = _REPEATED.sub(r"\1\1", text.translate(_TABLE))
    if "\u200d" in text:
        text = _JOINER.sub("", text)
    return _AROUND_ZWNJ.sub("", text) if ZWNJ in text else text


@overload
def normalise_text(feedback: str, *, text_col: str = "text") -> str: ...
@overload
def normalise_text(feedback: "IntoDataFrameT", *, text_col: str = "text") -> "IntoDataFrameT": ...
def normalise_text(feedback: Any, *, text_col: str = "text") -> Any:
    """Clean texts of what hides words from a list, in Persian, Hebrew and English.

    Parameters
    ----------
    feedback : table or str
        One row a text; or a single text.
    text_col : str, default "text"
        Column of texts.

    Returns
    -------
    table or str
        `feedback` in its order with ``normalised`` (str; null where the text is) added; of a single
        text the cleaned text. Arabic letters become their Persian forms, Persian and Arabic digits
        0 to 9; diacritics, tatweel, Hebrew points and marks of direction are left out; quotes and
        apostrophes become straight; three or more equal letters or marks become two. The
        zero-width non-joiner stays inside words.

    Raises
    ------
    ColumnError
        If the column is missing or holds no text.

    See Also
    --------
    detect_language : the language of each text.

    Examples
    --------
    >>> import crmlytics as crm
    >>> crm.sentiment.normalise_text("كتابٌ خيلييييي ۵ ستاره")
    'کتاب خیلیی 5 ستاره'
    """
    if isinstance(feedback, str):
        return _plain(feedback)
    texts = _texts.read(feedback, "normalise_text", text_col=text_col)
    made = [None if text is None else _plain(text) for text in texts.values]
    return _result.extended(texts.source, {"normalised": pa.array(made, pa.string())})
