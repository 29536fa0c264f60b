"""Sentences and clauses: where one opinion ends and another may begin."""

import re

# A full stop or semicolon inside a number, an address or an emoticon ends nothing.
_SENTENCE = re.compile(r"[!?؟]+|\.+(?=\s|$|[\"'”»)])|…|[\r\n]+")
_JOINTS = (
    "but", "however", "although", "though", "while", "except",
    "ول[یي]", "اما", "امّا", "ول[یي]کن", "ل[یي]کن", "منتها", "منته[یي]", "البته", "هرچند", "اگرچه",
    "אבל", "אך", "אולם", "אלא", "למרות", "אומנם", "אמנם",
)  # fmt: skip
_CLAUSE = re.compile(
    rf"[;؛]+(?=\s|$)|(?<![\w\u200c])(?:{'|'.join(_JOINTS)})(?![\w\u200c'’])", re.IGNORECASE
)
_PIECE = re.compile(r"[,،]+(?!\d)|\s[-–—]+\s")


def sentences(text: str) -> list[str]:
    """Split into sentences; marks stay with them, because they count in a score."""
    return _parts(text, _SENTENCE, keep=True)


def clauses(sentence: str) -> list[str]:
    """Split at semicolons and words such as "but", which are left out."""
    return _parts(sentence, _CLAUSE, keep=False)


def pieces(clause: str) -> list[str]:
    """Split at commas and dashes."""
    return _parts(clause, _PIECE, keep=False)


def _parts(text: str, at: re.Pattern[str], *, keep: bool) -> list[str]:
    cut, start = [], 0
    for match in at.finditer(text):
        cut.append(text[start : match.end() if keep else match.start()])
        start = match.end()
    cut.append(text[start:])
    parts: list[str] = []
    for part in (each.strip(" ,،\t") for each in cut):
        if any(map(str.isalnum, part)):
            parts.append(part)
        elif part and parts:  # an emoji after a full stop belongs to what stands before it
            parts[-1] += f" {part}"
    return parts
