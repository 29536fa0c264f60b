"""All that is known of each customer in one row, and who may be contacted."""

from crmlytics.customers._consent import contactable
from crmlytics.customers._view import customer_view, view_sources

__all__ = ["contactable", "customer_view", "view_sources"]
