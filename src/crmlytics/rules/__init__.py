"""What to offer: itemsets, association rules, suggestions, and whether they work."""

from crmlytics.rules._affinity import product_affinity
from crmlytics.rules._baskets import Baskets
from crmlytics.rules._evaluate import evaluate_suggestions
from crmlytics.rules._fit import cross_sell, fit_suggestions
from crmlytics.rules._itemsets import baskets, frequent_itemsets
from crmlytics.rules._mine_rules import mine_rules
from crmlytics.rules._plot import plot_affinity, plot_rules, plot_suggestions
from crmlytics.rules._plot_network import plot_rule_network
from crmlytics.rules._rules import association_rules
from crmlytics.rules._sequences import purchase_sequences
from crmlytics.rules._suggestions import SuggestionModel
from crmlytics.rules._up_sell import up_sell
from crmlytics.rules._use import match_rules, validate_rules

__all__ = [
    "Baskets",
    "SuggestionModel",
    "association_rules",
    "baskets",
    "cross_sell",
    "evaluate_suggestions",
    "fit_suggestions",
    "frequent_itemsets",
    "match_rules",
    "mine_rules",
    "plot_affinity",
    "plot_rule_network",
    "plot_rules",
    "plot_suggestions",
    "product_affinity",
    "purchase_sequences",
    "up_sell",
    "validate_rules",
]
