"""One spelling of e-mails, phones, names and postcodes, so that equal ones can be found.

Columns are rewritten as wholes: as one long text with a line a row, on which the tables and
regular expressions of the standard library run once, and by the kernels of Arrow.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _columns
from crmlytics._columns import Bools

_DIGITS = {first + k: str(k) for first in (0x660, 0x6F0, 0x966) for k in range(10)}
_GONE = dict.fromkeys(
    [
        0x640, 0x670, *range(0x64B, 0x660),  # tatweel, vowel signs, hamza above and below
        *range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7,  # Hebrew points
        0xAD, *range(0x200B, 0x2010), 0x61C, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF,
    ]
)  # fmt: skip
_NAME = str.maketrans(
    {
        **dict.fromkeys("يىۍې", "ی"), **dict.fromkeys("كڪ", "ک"), **dict.fromkeys("ةہھە", "ه"),
        "ٱ": "ا",
        **dict.fromkeys("'’‘ʼ`´׳״\"“”", None),  # O'Brien, ד"ר
        **dict.fromkeys(".,;:/\\|_()[]-‐‑–—־،؛", " "),
    }
) | dict.fromkeys(range(0x300, 0x370))  # accents, taken off their letters  # fmt: skip
_TITLES = re.compile(
    r"(?<![^ \n])(?:mr|mrs|ms|miss|dr|prof|sir|اقای|خانم|دکتر|مهندس|מר|גב|דר|פרופ)(?= +[^ \n])"
)
# providers that deliver name+tag to name; of these gmail alone ignores dots too
_TAGGED = "gmail|outlook|hotmail|live|icloud|fastmail|protonmail|proton|pm"
_COUNTRY = (
    "(?:[17]|20|27|3[0-469]|4[0-13-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9][0-9])"  # ITU E.164
)
_EXTENSION = "(;|,|/|#|ext|x|داخلی|שלוחה).*$"
_DIGRAPHS = {
    **dict.fromkeys(("tz", "ts", "sh"), "s"), **dict.fromkeys(("kh", "ch", "gh", "ck"), "k"),
    "ph": "f", "zh": "j", "th": "t", "x": "ks",
}  # fmt: skip
_CONSONANTS = {
    **dict.fromkeys("aeiouyhwvאהויעחاعهحوی", None),  # vowels, and what is heard or not
    **dict.fromkeys("zسصثشزذضظסשצץז", "s"), **dict.fromkeys("cqکقغخכךק", "k"),
    **dict.fromkeys("pپفפף", "f"), **dict.fromkeys("تطתט", "t"), **dict.fromkeys("جژ", "j"),
    **dict.fromkeys("بב", "b"), **dict.fromkeys("دד", "d"), **dict.fromkeys("رר", "r"),
    **dict.fromkeys("لל", "l"), **dict.fromkeys("مמם", "m"), **dict.fromkeys("نנן", "n"),
    **dict.fromkeys("گג", "g"), "چ": "k",
}  # fmt: skip
_DIGRAPH, _SOUNDS = re.compile("|".join(_DIGRAPHS)), str.maketrans(_CONSONANTS)
_DOUBLE = re.compile(r"([^\n])\1+")
_HEARD = 3  # consonants from which on a name is told from others by them


def texts(series: nw.Series[Any]) -> Any:
    """Return any column as Arrow text, whole numbers without a decimal point."""
    values = series.to_arrow()
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    values = _columns.nan_as_null(values)
    if pa.types.is_floating(values.type):  # whole numbers with nulls are floats in pandas
        numbers = np.nan_to_num(_columns.numbers(series))
        if (numbers == np.floor(numbers)).all() and (np.abs(numbers) < 2.0**53).all():
            values = values.cast(pa.int64())
    return values.cast(pa.large_string())


def _rewritten(values: Any, how: Callable[[str], str]) -> Any:
    """Run `how` over the whole column as one text; what ends empty is null."""
    if not len(values):
        return values
    lines = pc.replace_substring_regex(pc.fill_null(values, ""), "[\n\r\x0b\x0c]", " ")
    made = how("\n".join(lines.to_pylist())).split("\n")
    return _filled(pc.utf8_trim_whitespace(pa.array(made, pa.large_string())))


def _filled(values: Any) -> Any:
    return _only(values, np.asarray(pc.not_equal(values, "").fill_null(False)))  # noqa: FBT003


def _only(values: Any, rows: Bools) -> Any:
    """Keep the texts of some rows, and make the others null."""
    return pc.if_else(pa.array(rows), values, pa.scalar(None, pa.large_string()))


def _matching(values: Any, pattern: str) -> Bools:
    found = pc.fill_null(pc.match_substring_regex(values, pattern), fill_value=False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def plain(values: Any) -> Any:
    """Return texts without differences of case, width, digits and spaces."""
    return _rewritten(values, _plain)


def _plain(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_DIGITS | _GONE)
    return re.sub(r"[^\S\n]+", " ", text.casefold())


def emails(values: Any) -> Any:
    """Return the mailbox that an address reaches; null for what is no address."""
    swap = pc.replace_substring_regex
    found = swap(plain(values), "^(mailto:|.*<)|>.*$", "")
    found = swap(swap(found, " ", ""), "[.]+$", "")
    found = swap(found, "@googlemail[.]com$", "@gmail.com")
    found = swap(found, rf"[+][^@]*@(({_TAGGED})[.][^@]+)$", r"@\1")
    bare = pc.replace_substring(swap(found, "@gmail[.]com$", ""), ".", "")
    bare = swap(bare, "$", "@gmail.com")
    found = pc.if_else(pc.match_substring_regex(found, "@gmail[.]com$"), bare, found)
    return _only(found, _matching(found, r"^[^@\s]+@[^@\s]+[.][^@\s.]+$"))


def phones(values: Any) -> Any:
    """Return the number as dialled inside its country, without the leading zero."""
    swap = pc.replace_substring_regex
    found = pc.replace_substring(swap(plain(values), f"^tel:|{_EXTENSION}", ""), "(0)", "")
    found = swap(swap(found, "[^0-9+]", ""), "^([+]|00)+", "+")
    found = swap(found, f"^[+]{_COUNTRY}", "")
    # no sign before it, but too long for a number without its country
    long = pc.match_substring_regex(found, "^[1-9][0-9]{11,}$")
    found = pc.if_else(long, swap(found, f"^{_COUNTRY}", ""), found)
    found = swap(swap(found, "^0+", ""), "^1([0-9]{10})$", r"\1")
    digits = _matching(found, "^[0-9]{7,15}$")
    return _only(found, digits & ~_matching(found, f"^({'|'.join(f'{k}+' for k in range(10))})$"))


def postcodes(values: Any) -> Any:
    """Return letters and digits alone."""
    found = pc.replace_substring_regex(plain(values), r"[^\pL\pN]", "")
    return _only(found, _matching(found, "..."))


def names(values: Any) -> Any:
    """Return the words of a name in the order of the alphabet, without titles and accents."""
    return _in_order(_rewritten(values, _name))


def _name(text: str) -> str:
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_GONE)
    return _TITLES.sub("", text.translate(_NAME))


def has_several_words(values: Any) -> Bools:
    """Mark the names of two words or more."""
    return _matching(values, " ")


def _in_order(values: Any) -> Any:
    """Sort the words within each text."""
    lists = pc.utf8_split_whitespace(pc.fill_null(values, ""))
    words, offsets = lists.values, np.asarray(lists.offsets, dtype=np.int64)
    row = np.repeat(np.arange(len(lists)), np.diff(offsets))
    rank = np.empty(len(words), dtype=np.int64)
    rank[np.asarray(pc.sort_indices(words))] = np.arange(len(words))
    ordered = words.take(pa.array(np.lexsort([rank, row])))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), ordered.cast(pa.string()))
    joined = pc.binary_join(lists, " ").cast(pa.large_string())
    return _filled(pc.utf8_trim_whitespace(joined))


def sounds(found: Any) -> Any:
    """Return the consonants of names made by `names`, the same in Latin, Persian and Hebrew.

    Null where fewer than three are heard.
    """
    heard = _in_order(_rewritten(found, _sound))
    return _only(heard, _matching(pc.replace_substring(heard, " ", ""), "." * _HEARD))


def _sound(text: str) -> str:
    text = _DIGRAPH.sub(lambda digraph: _DIGRAPHS[digraph[0]], text)
    return _DOUBLE.sub(r"\1", text.translate(_SOUNDS))


def in_latin(found: Any) -> Bools:
    """Mark the names that hold a Latin letter."""
    return _matching(found, r"\p{Latin}")
