"""Threads of the libraries below, where more of them only wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal


@contextmanager
def one_thread(kind: Literal["blas", "openmp"]) -> Iterator[None]:
    """Keep the work inside in one thread of linear algebra, or of compiled loops."""
    with _controller().limit(limits=1, user_api=kind):
        yield


@cache
def _controller() -> Any:
    import sklearn.ensemble  # noqa: F401 - brings the threads that are to be limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
