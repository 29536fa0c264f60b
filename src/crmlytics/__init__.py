"""Customer analytics: dataframe in, dataframe out.

Rooms are loaded when they are first used, so that ``import crmlytics`` stays light:

>>> import crmlytics as crm
>>> sorted(crm.__all__)  # doctest: +ELLIPSIS
['__version__', 'btyd', 'churn', 'customers', ...]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crmlytics._version import __version__

if TYPE_CHECKING:
    from crmlytics import (
        btyd,
        churn,
        customers,
        datasets,
        errors,
        kpi,
        quality,
        report,
        rules,
        segmentation,
        sentiment,
    )
    from crmlytics._model import load_model

_ROOMS = (
    "btyd",
    "churn",
    "customers",
    "datasets",
    "errors",
    "kpi",
    "quality",
    "report",
    "rules",
    "segmentation",
    "sentiment",
)

__all__ = [
    "__version__",
    "btyd",
    "churn",
    "customers",
    "datasets",
    "errors",
    "kpi",
    "load_model",
    "quality",
    "report",
    "rules",
    "segmentation",
    "sentiment",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return import_module(f"crmlytics.{name}")
        if name == "load_model":
            return import_module("crmlytics._model").load_model
        raise AttributeError(f"module 'crmlytics' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(__all__)
