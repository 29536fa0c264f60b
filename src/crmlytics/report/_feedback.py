"""How customers feel: what they wrote, about what, and whether that is changing."""

import warnings
from typing import TYPE_CHECKING, Any

from crmlytics import _intervals, sentiment
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_TITLE = "How customers feel"
_LANGUAGES = {"en": "English", "fa": "Persian", "he": "Hebrew"}
_FEWEST = 20  # texts about an aspect, for a line of the table
_FEWEST_SCORED = 100  # texts with a score, for what moves it
_KEPT = {
    "mean": "sentiment",
    "last": "sentiment_last",
    "n": "texts",
    "share_negative": "share_negative",
    "last_complaint": "last_complaint",
}


def section(inputs: Inputs) -> Section | None:
    """Score the feedback, and tell what it is about; None where none was handed over."""
    given = inputs.others.get("feedback")
    if given is None:
        return None
    if "text" not in given.columns:
        body = _page.paragraph("The feedback has no column 'text', so nothing can be read in it.")
        return Section("feedback", _TITLE, body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)
            seen = inputs.up_to(given)
            dates = [name for name in [inputs.columns.date] if name in seen]
            texts = sentiment.score_sentiment(seen.dropna(subset=dates), flavour="improved")
            body, headlines = _overall(texts)
            body += _over_time(texts, inputs) + _aspects(texts)
            customers = _customers(texts, inputs)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return Section(
            "feedback", _TITLE, _page.paragraph(f"The feedback does not allow it: {reason}")
        )
    return Section("feedback", _TITLE, body, headlines=headlines, customers=customers)


def _overall(texts: "pd.DataFrame") -> tuple[str, tuple[str, ...]]:
    """Show how many texts there are in each language, and how they feel."""
    rows = [_row(name, texts[texts["language"] == code]) for code, name in _LANGUAGES.items()]
    rows.append(_row("all", texts[texts["label"].notna()]))
    body = _page.paragraph(
        f"Of {len(texts):,} texts {int(texts['label'].notna().sum()):,} could be read: words of "
        "praise and blame in English, Persian and Hebrew, with their negations and intensifiers. "
        "The mean runs from -1 to 1; coverage is the share of the words that the lists know."
    )
    head = ("language", "texts", "positive", "negative", "interval", "mean", "coverage")
    body += _page.table(head, [row for row in rows if row is not None])
    known = texts[texts["label"].notna()]
    if not len(known):
        return body, ()
    share = float((known["label"] == "negative").mean())
    return body, (
        f"Of {len(known):,} texts of customers that could be read {_page.percent(share)} are "
        "negative.",
    )


def _row(name: str, part: "pd.DataFrame") -> tuple[str, ...] | None:
    n = len(part)
    if not n:
        return None
    negative = int((part["label"] == "negative").sum())
    lower, upper = _intervals.wilson(negative, n, 0.95)
    return (
        name, _page.number(n), _page.percent((part["label"] == "positive").mean()),
        _page.percent(negative / n), f"{_page.percent(lower)} to {_page.percent(upper)}",
        _page.number(part["compound"].mean(), 2), _page.percent(part["coverage"].mean()),
    )  # fmt: skip


def _over_time(texts: "pd.DataFrame", inputs: Inputs) -> str:
    """Draw the share of negative texts with its limits, and name the periods beyond them."""
    date = inputs.columns.date
    if date not in texts:
        return ""
    trend = sentiment.sentiment_trend(
        texts, period=inputs.period, date_col=date, as_of=inputs.as_of
    )
    alerts = trend[trend["alert"]]
    body = _page.heading("Is it changing?")
    worst = ", ".join(str(day.date()) for day in alerts["period"])
    body += _page.paragraph(
        "The share of negative texts in each period, and the limits within which it moves by "
        "chance. "
        + (f"Worse than chance: the periods from {worst}." if worst else "No period is worse.")
    )
    ax = _page.blank_figure(8.0, 3.6)
    sentiment.plot_sentiment_trend(trend, ax=ax)
    return body + _page.picture(ax.figure, "Share of negative texts over time")


def _aspects(texts: "pd.DataFrame") -> str:
    """Show what the texts are about, and what that does to the score customers give."""
    aspects = sentiment.common_aspects()
    found = sentiment.score_aspects(texts, aspects=aspects)
    often = found["aspect"].value_counts()
    found = found[found["aspect"].isin(often[often >= _FEWEST].index)]
    if not len(found):
        return ""
    body = _page.heading("What is it about?")
    body += _page.paragraph(
        "Texts that speak of delivery, price, quality and the like, and how the clause that does "
        "so feels; a text may speak of several."
    )
    ax = _page.blank_figure(8.0, 3.6)
    sentiment.plot_aspects(found, ax=ax)
    body += _page.picture(ax.figure, "Praise and blame by aspect")
    return body + _drivers(texts, aspects)


def _drivers(texts: "pd.DataFrame", aspects: Any) -> str:
    """Show what moves the score, where enough customers gave one."""
    if "score" not in texts or texts["score"].notna().sum() < _FEWEST_SCORED:
        return ""
    try:
        drivers = sentiment.nps_drivers(texts, aspects=aspects)
    except CrmlyticsError:  # scores on another scale, or aspects nobody speaks of
        return ""
    drivers = drivers[drivers["n"] >= _FEWEST]
    if not len(drivers):
        return ""
    body = _page.heading("What moves the score?")
    body += _page.paragraph(
        "By how much the score (0 to 10) of those who praise or blame an aspect differs from that "
        "of those who do not speak of it, other aspects being equal, with 95 % intervals."
    )
    ax = _page.blank_figure(8.0, 3.6)
    sentiment.plot_nps_drivers(drivers, ax=ax)
    return body + _page.picture(ax.figure, "What moves the score")


def _customers(texts: "pd.DataFrame", inputs: Inputs) -> "pd.DataFrame | None":
    """Return how each customer feels, for the customer table."""
    who, date = inputs.columns.customer, inputs.columns.date
    if who not in texts or date not in texts:
        return None
    known = texts[texts[who].notna()]
    same = known[who].dtype.kind == inputs.transactions[who].dtype.kind
    if not len(known) or not same:
        return None
    found = sentiment.customer_sentiment(known, as_of=inputs.as_of, customer_col=who, date_col=date)
    return found[[who, *_KEPT]].rename(columns=_KEPT)
