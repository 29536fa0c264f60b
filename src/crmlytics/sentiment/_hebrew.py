"""Hebrew: final letters, and the emotion words of the package hepsylex."""

from functools import cache

from crmlytics.sentiment import _lists, _normalise

_FINALS = str.maketrans("ךםןףץ", "כמנפצ")
_GLAD = ("Joy", "Amused", "Calm", "Contentment", "Enthusiastic", "Interested", "Proud", "Trust",
         "Vigor")  # fmt: skip
_NOT_SAD = ("Anger", "Sad", "Disgust", "Hostile", "Nervous", "Anxiety", "Ashamed", "Guilty")
_SAD = (*_NOT_SAD, "Fatigue")
_STRENGTH = 1.5  # the lists say good or bad, and not how much


def folded(word: str) -> str:
    """Return a word with final letters as any others, so that endings make no difference."""
    return word.translate(_FINALS)


@cache
def valences() -> dict[str, float]:
    """Return hepsylex's emotion words; those of both kinds, and small words, are left out."""
    from hepsylex import Lexicons

    def union(names: list[str]) -> set[str]:
        listed = [getattr(Lexicons, f"EmotionalVariety_{name}", []) for name in names]
        return {
            folded(word) for word in _normalise.normalised([w for part in listed for w in part])
        }

    small = {folded(row["word"]) for row in _lists.read("stop_words") if row["language"] == "he"}
    glad = union([*_GLAD, *(f"Not{name}" for name in _NOT_SAD)])
    sad = union([*_SAD, *(f"Not{name}" for name in _GLAD)])
    return {
        word: _STRENGTH if word in glad else -_STRENGTH
        for word in sorted(glad ^ sad)
        if " " not in word and len(word) > 2 and word not in small
    }
