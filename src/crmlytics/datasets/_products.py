"""The catalogue of the simulated shop."""

import numpy as np
import pandas as pd

from crmlytics.datasets._columns import Floats, Ints, labels

TIERS = ("budget", "standard", "premium")
_TIER_PRICE: Floats = np.array([0.7, 1.0, 1.6])
_TIER_COST: Floats = np.array([0.66, 0.60, 0.50])  # share of the price: better tiers earn more

# Category, department, and articles with the price of their standard tier.
_CATALOGUE: tuple[tuple[str, str, tuple[tuple[str, float], ...]], ...] = (
    (
        "Hot drinks",
        "Food",
        (
            ("Ground coffee", 6.5),
            ("Coffee filters", 2.2),
            ("Green tea", 3.8),
            ("Black tea", 3.4),
            ("Honey", 5.2),
        ),
    ),
    (
        "Pantry",
        "Food",
        (
            ("Spaghetti", 1.6),
            ("Tomato sauce", 2.1),
            ("Olive oil", 8.4),
            ("Basmati rice", 4.3),
            ("Chickpeas", 1.4),
        ),
    ),
    (
        "Baking",
        "Food",
        (
            ("Bread flour", 1.8),
            ("Dry yeast", 1.2),
            ("Sugar", 1.5),
            ("Vanilla", 3.6),
            ("Baking paper", 2.4),
        ),
    ),
    (
        "Snacks",
        "Food",
        (
            ("Tortilla chips", 2.3),
            ("Salsa", 2.7),
            ("Mixed nuts", 5.9),
            ("Dark chocolate", 2.8),
            ("Dried dates", 4.6),
        ),
    ),
    (
        "Cleaning",
        "Household",
        (
            ("Laundry liquid", 7.9),
            ("Fabric softener", 4.1),
            ("Dish soap", 2.5),
            ("Sponges", 1.9),
            ("Bin bags", 3.1),
        ),
    ),
    (
        "Stationery",
        "Household",
        (
            ("Notebook", 3.3),
            ("Gel pens", 4.2),
            ("Printer paper", 5.6),
            ("Sticky notes", 2.6),
            ("Markers", 4.9),
        ),
    ),
    (
        "Personal care",
        "Care",
        (
            ("Shampoo", 4.8),
            ("Conditioner", 4.9),
            ("Toothpaste", 2.9),
            ("Toothbrush", 2.4),
            ("Hand cream", 3.7),
        ),
    ),
    (
        "Pets",
        "Care",
        (
            ("Cat food", 6.2),
            ("Cat litter", 5.4),
            ("Dog food", 7.3),
            ("Dog treats", 3.2),
            ("Bird seed", 3.9),
        ),
    ),
)

# Who buys the first often takes the second into the same order; the reverse is not planted.
_COMPLEMENTS = {
    "Ground coffee": "Coffee filters",
    "Spaghetti": "Tomato sauce",
    "Bread flour": "Dry yeast",
    "Tortilla chips": "Salsa",
    "Laundry liquid": "Fabric softener",
    "Shampoo": "Conditioner",
    "Toothpaste": "Toothbrush",
    "Cat food": "Cat litter",
}
COMPLEMENT_PROBABILITY = 0.5

_ARTICLES = tuple(
    (article, category, department, price)
    for category, department, articles in _CATALOGUE
    for article, price in articles
)
_NAMES = [article for article, *_ in _ARTICLES]

N_ARTICLES = len(_ARTICLES)
CATEGORIES = tuple(category for category, _, _ in _CATALOGUE)
CATEGORY_OF: Ints = np.array([CATEGORIES.index(category) for _, category, _, _ in _ARTICLES])
COMPLEMENT_OF: Ints = np.array(
    [_NAMES.index(_COMPLEMENTS[name]) if name in _COMPLEMENTS else -1 for name in _NAMES]
)
# A row per article, a column per tier; product_id = 3 * article + tier + 1.
_STANDARD: Floats = np.array([price for *_, price in _ARTICLES])
PRICE: Floats = np.round(_STANDARD[:, None] * _TIER_PRICE, 2)
UNIT_COST: Floats = np.round(PRICE * _TIER_COST, 2)
# Zipf's law over a fixed shuffle of the articles (7 has no common divisor with their number).
_RANK: Ints = 1 + np.arange(N_ARTICLES) * 7 % N_ARTICLES
POPULARITY: Floats = _RANK.astype(np.float64) ** -0.7


def products_table() -> pd.DataFrame:
    """Return the catalogue, one row per article and tier."""
    article, tier = np.divmod(np.arange(N_ARTICLES * len(TIERS)), len(TIERS))
    names = [f"{_NAMES[a]}, {TIERS[t]}" for a, t in zip(article, tier, strict=True)]
    partner = pd.array(COMPLEMENT_OF[article] * len(TIERS) + tier + 1, dtype="Int64")
    partner[COMPLEMENT_OF[article] < 0] = pd.NA
    return pd.DataFrame(
        {
            "product_id": np.arange(1, len(names) + 1),
            "name": pd.array(names, dtype="str"),
            "category": labels([category for _, category, _, _ in _ARTICLES], article),
            "department": labels([department for _, _, department, _ in _ARTICLES], article),
            "tier": labels(TIERS, tier),
            "price": PRICE.ravel(),
            "unit_cost": UNIT_COST.ravel(),
            "complement_id": partner,
        }
    )
