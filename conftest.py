"""What holds for every test, those in docstrings too."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _figures_are_closed():
    """Close what examples have drawn: figures of pyplot stay open until they are closed."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
