"""Sets of texts for checks at home, read once."""

import numpy as np
import pandas as pd
import pytest

# Hutto and Gilbert 2014: files of the ground truth, and rows in each
_RATED = {"tweets": ("tweets", 4_200), "amazon": ("amazonReviewSnippets", 3_708)}


@pytest.fixture(scope="session")
def rated_texts(check_data):
    """Return texts with their mean rating (-4 to 4) and what that makes of them, by name."""

    def read(name, size):
        path = check_data / "sentiment" / "vader" / f"{name}_GroundTruth.txt"
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        rows = [line.rstrip("\r").split("\t", 2) for line in lines if line.strip()]
        assert len(rows) == size
        rating = np.array([float(row[1]) for row in rows])
        # few texts have a mean of exactly 0: nearer to it than .2 counts as neutral
        side = np.where(rating > 0, "positive", "negative")
        mood = np.where(np.abs(rating) < 0.2, "neutral", side)
        return pd.DataFrame({"text": [row[2] for row in rows], "rating": rating, "mood": mood})

    return {name: read(*where) for name, where in _RATED.items()}


@pytest.fixture(scope="session")
def snappfood(check_data):
    """Return Persian comments on food orders, HAPPY or SAD."""
    path = check_data / "sentiment" / "persian" / "snappfood_dev.csv"
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")]
    rows = [row[1:3] for row in lines if len(row) == 4 and row[2] in {"HAPPY", "SAD"}]
    assert len(rows) == 6_300
    return pd.DataFrame(rows, columns=["text", "mood"])


@pytest.fixture(scope="session")
def hebrew(check_data):
    """Return Hebrew comments, train and dev: label 0 praise, 1 blame."""

    def read(name):
        path = check_data / "sentiment" / "hebrew" / f"{name}.tsv"
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")[1:]]
        rows = [row for row in rows if len(row) == 2 and row[0] and row[1] in {"0", "1"}]
        return pd.DataFrame(rows, columns=["text", "label"])

    return read("train"), read("dev")
