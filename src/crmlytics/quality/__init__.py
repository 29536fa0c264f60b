"""The entrance: what is wrong with a table, a clean one to go on with, and who is who in it."""

from crmlytics.quality._check import check_transactions
from crmlytics.quality._clean import clean_transactions
from crmlytics.quality._identity import resolve_identity

__all__ = ["check_transactions", "clean_transactions", "resolve_identity"]
