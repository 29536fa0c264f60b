"""Sentiment: crmlytics against vaderSentiment and NLTK's VADER, and texts in other languages.

`--rows` counts texts a hundredfold: 10,000,000 make 100,000 reviews of about 14 words, from the
words of VADER's lexicon and common ones. A ratio can be read as texts per second of CPU: the line
under a title says how long ours took for all of them.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _bench import OURS, Case, Comparison, Rows, main
from nltk.sentiment import vader as nltk_vader
from vaderSentiment import vaderSentiment

from crmlytics.sentiment import _fast, _lexical, _vader, score_sentiment

FAST, THEIRS, NLTK = "crmlytics[fast]", "vaderSentiment", "NLTK"
COMMON = """
the a it was and i to of my for is on this that with they you have in at we had be as so very not
but food place service order phone time one would get there all when from if just about up out
will back what really go no can an me like been more get did came after which battery screen price
room staff hotel again two week box never day use buy first make work said were could than them
"""
PERSIAN = """
این را و از به که در با هم برای خیلی غذا سفارش کیفیت خوب بد عالی نبود بود است سرد دیر رسید ممنون
افتضاح پیک خوشمزه طعم قیمت گران نیست راضی پشتیبانی مشکل محصول بسته‌بندی تازه کم زیاد داشت کاملا
"""
HEBREW = """
של את זה לא היה מאוד עם על גם כל אני הם השירות האוכל מצוין נורא טוב רע המשלוח הגיע מאוחר מהר
נהדר תודה בעיה מוצר איכות מחיר יקר ממליץ מרוצה אכזבה לקוחות חברה אבל רק פעם שוב הכי כמו
"""
ORDINARY = 0.82  # of the words


class Reviews(Rows):
    """Texts made from words, the same at every run."""

    @cached_property
    def n_texts(self) -> int:
        return max(self.n_rows // 100, 1)

    def _sentences(self, words: list[str], rare: list[str]) -> list[str]:
        rng = np.random.default_rng(0)
        sizes = np.maximum(rng.poisson(14, self.n_texts), 1)
        n = sizes.sum()
        shares = 1 / np.arange(1, len(words) + 1)
        tokens = np.array(words, dtype=object)[rng.choice(len(words), n, p=shares / shares.sum())]
        odd = rng.random(n) > ORDINARY
        tokens[odd] = rng.choice(np.array(rare, dtype=object), odd.sum())
        ends = np.cumsum(sizes)
        stops = np.array([".", ".", ".", "", "!", "!!", "?"], dtype=object)
        tokens[ends - 1] += rng.choice(stops, self.n_texts)
        starts = ends - sizes
        return [
            " ".join(tokens[start:end]).capitalize()
            for start, end in zip(starts, ends, strict=True)
        ]

    @cached_property
    def english(self) -> list[str]:
        lexicon = vaderSentiment.SentimentIntensityAnalyzer().lexicon
        return self._sentences(COMMON.split(), [word for word in lexicon if word.isalpha()])

    @cached_property
    def persian(self) -> list[str]:
        return self._sentences(PERSIAN.split(), PERSIAN.split())

    @cached_property
    def hebrew(self) -> list[str]:
        return self._sentences(HEBREW.split(), HEBREW.split())

    @cached_property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame({"text": self.english})

    @cached_property
    def long(self) -> list[str]:
        """Return one text: a megabyte at full size, with the rule that is quadratic elsewhere."""
        text = " but ".join(self.english[: self.n_texts // 6])
        return [text[: 10 * self.n_texts]]

    @cached_property
    def flood(self) -> list[str]:
        return ["😁❤️" * self.n_texts]


def by_masks(texts):
    return _vader.by_masks(texts, frozenset(), None, explain=False)


def theirs(texts: list[str]) -> Any:
    analyzer = vaderSentiment.SentimentIntensityAnalyzer()
    return pd.DataFrame([analyzer.polarity_scores(text) for text in texts])


def nltk(texts: list[str]) -> Any:
    """Score with NLTK's rules and the lexicon of vaderSentiment, which has the same entries."""
    analyzer = nltk_vader.SentimentIntensityAnalyzer.__new__(nltk_vader.SentimentIntensityAnalyzer)
    original = vaderSentiment.SentimentIntensityAnalyzer()
    analyzer.lexicon_file = original.lexicon_full_filepath
    analyzer.lexicon = analyzer.make_lex_dict()
    analyzer.constants = nltk_vader.VaderConstants()
    return pd.DataFrame([analyzer.polarity_scores(text) for text in texts])


def same_scores(answers: dict[str, Any], rows: Rows) -> None:
    """Look for differences: there is none, to the last digit."""
    del rows
    wanted = answers[THEIRS]
    plain, fast = answers[OURS], answers[FAST]
    for name, found in {
        "compound": (plain.compound, fast[1]),
        "pos": (plain.positive, fast[2]),
        "neu": (plain.neutral, fast[3]),
        "neg": (plain.negative, fast[4]),
    }.items():
        assert all(np.array_equal(each, wanted[name]) for each in found), name


def same_compounds(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    assert np.array_equal(answers[OURS]["compound"], answers[THEIRS]["compound"])


def nothing(answers: dict[str, Any], rows: Rows) -> None:
    """Compare nothing: what is timed is compared elsewhere, or has no peer."""
    del answers, rows


def long_scores(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    assert answers[OURS].compound[0] == answers[FAST][1][0]


COMPARISONS = {
    "english": Comparison(
        "English reviews, 100,000 at full size",
        {
            OURS: Case("english", by_masks),
            FAST: Case("english", _fast.score),
            THEIRS: Case("english", theirs),
            NLTK: Case("english", nltk),
        },
        same_scores, memory=(), faster_than={THEIRS: 8, NLTK: 20},
    ),
    "fast": Comparison(
        "the same with crmlytics[fast]",
        {OURS: Case("english", _fast.score), THEIRS: Case("english", theirs)},
        nothing, memory=(), faster_than={THEIRS: 20},
    ),
    "frame": Comparison(
        "`score_sentiment` on a frame of these reviews",
        {
            OURS: Case("frame", lambda frame: score_sentiment(frame, language="en")),
            "language detected": Case("frame", score_sentiment),
            "improved": Case("frame", lambda frame: score_sentiment(frame, flavour="improved")),
            THEIRS: Case("english", theirs),
        },
        same_compounds, memory=(OURS,),
    ),
    "languages": Comparison(
        "the same number of reviews in Persian and Hebrew",
        {
            OURS: Case("persian", lambda texts: _lexical.score(texts, language="fa")),
            "Hebrew": Case("hebrew", lambda texts: _lexical.score(texts, language="he")),
        },
        nothing, memory=(),
    ),
    "long": Comparison(
        "one English text, a megabyte at full size",
        {OURS: Case("long", by_masks), FAST: Case("long", _fast.score)},
        long_scores, memory=(),
    ),
    "flood": Comparison(
        "one text of emoji, a megabyte at full size",
        {OURS: Case("flood", by_masks)}, nothing, memory=(),
    ),
}  # fmt: skip

if __name__ == "__main__":
    main(Path(__file__).stem, COMPARISONS, Reviews)
