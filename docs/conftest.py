"""The examples of the pages are doctests; figures they open are closed after each page."""

from collections.abc import Iterator

import matplotlib as mpl
import pytest

mpl.use("Agg")
collect_ignore = ["_build", "notebooks", "reference/generated"]
collect_ignore_glob = ["*.py"]


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    from matplotlib import pyplot as plt

    plt.close("all")
