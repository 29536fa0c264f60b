"""Every error and warning that crmlytics raises on purpose.

Each carries one sentence: the function, what is wrong, what was there and what to do.
"""

__all__ = [
    "ColumnError",
    "CrmlyticsError",
    "CrmlyticsWarning",
    "DataError",
    "FitError",
    "NotEnoughDataError",
    "OptionError",
]


class CrmlyticsError(ValueError):
    """Anything crmlytics refuses; catch this to catch them all."""


class ColumnError(CrmlyticsError):
    """A column is missing, named twice, or of a type that its role cannot have."""


class DataError(CrmlyticsError):
    """The values of a table cannot be used as they are."""


class OptionError(CrmlyticsError):
    """An option has a value outside what it allows."""


class NotEnoughDataError(CrmlyticsError):
    """The table is sound but too small for what was asked."""


class FitError(CrmlyticsError):
    """A model could not be fitted to the data."""


class CrmlyticsWarning(UserWarning):
    """Something was left out or assumed; the sentence says what and how much."""
