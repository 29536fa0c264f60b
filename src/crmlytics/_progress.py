"""Progress bars for work that can pass two seconds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PATIENCE = 2.0  # seconds before a bar appears


@contextmanager
def bar(total: int, caller: str, unit: str) -> Iterator[Any]:
    """Yield a function that takes how many more are done; nothing is shown unless it lasts.

    A bar is never shown where standard error is neither a terminal nor a notebook.
    """
    from tqdm import tqdm

    seen = sys.stderr.isatty() or "ipykernel" in sys.modules
    with tqdm(
        total=total, desc=caller, unit=f" {unit}", delay=_PATIENCE, disable=not seen, leave=False
    ) as shown:
        yield shown.update
