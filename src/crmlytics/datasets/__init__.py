"""Real tables to try things on, and simulated ones whose truth is known."""

from crmlytics.datasets._cdnow import load_cdnow
from crmlytics.datasets._complete_journey import CompleteJourney, load_complete_journey
from crmlytics.datasets._identities import simulate_identities
from crmlytics.datasets._shop import Shop, simulate_shop

__all__ = [
    "CompleteJourney",
    "Shop",
    "load_cdnow",
    "load_complete_journey",
    "simulate_identities",
    "simulate_shop",
]
