"""The entrance: what is wrong with a table of transactions, and a clean one to go on with."""

from crmlytics.quality._check import check_transactions
from crmlytics.quality._clean import clean_transactions

__all__ = ["check_transactions", "clean_transactions"]
