"""How customers feel: scores, aspects, topics and trends of feedback in three languages."""

from crmlytics.sentiment._language import detect_language
from crmlytics.sentiment._normalise import normalise_text
from crmlytics.sentiment._score import explain_sentiment, score_sentiment
from crmlytics.sentiment._switches import sentiment_switches

__all__ = [
    "detect_language",
    "explain_sentiment",
    "normalise_text",
    "score_sentiment",
    "sentiment_switches",
]
