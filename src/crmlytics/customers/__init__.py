"""What is known of each customer and what each brings, whom to contact and whom to keep."""

from crmlytics.customers._concentration import profit_concentration
from crmlytics.customers._consent import contactable
from crmlytics.customers._plot import plot_profit_concentration
from crmlytics.customers._profit import customer_profit
from crmlytics.customers._review import relationship_review
from crmlytics.customers._review_rules import review_rules
from crmlytics.customers._view import customer_view, view_sources

__all__ = [
    "contactable", "customer_profit", "customer_view", "plot_profit_concentration",
    "profit_concentration", "relationship_review", "review_rules", "view_sources",
]  # fmt: skip
