"""Segments by what is known of customers: bands of age or income, places, tastes, behaviour."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _result, _sentences
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError

UNKNOWN, OTHERS = "unknown", "others"
_MOST_BANDS = 100
_DAY = "%Y-%m-%d"


def attribute_segments(
    customers: IntoDataFrameT,
    *,
    bands: Mapping[str, Any] | None = None,
    by: str | Sequence[str] | None = None,
    min_customers: int = 1,
) -> IntoDataFrameT:
    """Put customers in segments by their attributes: rules that you set and can state.

    Demographic (age, income, gender), geographic (country, distance to the shop), behavioural
    (orders, recency, channel) and psychographic segments (stated tastes, sentiment) are all made
    this way: columns of numbers become bands, places and answers become groups, and their crossings
    are the segments.

    Parameters
    ----------
    customers : table
        One row a customer.
    bands : dict, optional
        For a column, how its values become bands. A list of numbers is borders, as ``{"age": [25,
        40]}``: a value at a border begins the upper band. A whole number is so many bands of about
        as many customers each, 2 to 100, cut at quantiles of the table. A dict names groups of
        values, as ``{"city": {"Shiraz": "south", "Ahvaz": "south"}}``; values that are not in it
        are "others".
    by : str or list of str, optional
        Columns whose crossings are the segments, in this order; those not in `bands` are taken as
        they are, dates by the day. By default all columns of `bands`.
    min_customers : int, default 1
        Segments of fewer customers are put together as "others".

    Returns
    -------
    table
        `customers` in its order with, added or replaced: ``<column>_band`` (str) for each column of
        `bands`, null where the value is, and ``segment`` (str), the crossing, such as
        "25 to 40, female". In it null is "unknown".

    Raises
    ------
    ColumnError
        If a column is missing, does not hold numbers where borders are given, or another column
        bears the name of a band.
    DataError
        If numbers are infinite.
    OptionError
        If `bands` or `by` is not what it must be, or both are missing.

    See Also
    --------
    segment_profile : what tells the segments apart.
    fit_clusters : groups that the table itself shows.

    Notes
    -----
    Bands of a quantile move with the table. To place other customers in the same bands, or the same
    customers a year later, give borders.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame(
    ...     {"age": [19, 25, 61, None], "city": ["Shiraz", "Haifa", "Ahvaz", "Shiraz"]}
    ... )
    >>> south = {"Shiraz": "south", "Ahvaz": "south"}
    >>> crm.segmentation.attribute_segments(customers, bands={"age": [25, 60], "city": south})
        age    city    age_band city_band             segment
    0  19.0  Shiraz    under 25     south     under 25, south
    1  25.0   Haifa    25 to 60    others    25 to 60, others
    2  61.0   Ahvaz  60 or more     south   60 or more, south
    3   NaN  Shiraz         NaN     south      unknown, south
    """
    caller = "attribute_segments"
    rules = _rules(bands, caller)
    crossed = list(rules) if by is None else _checks.columns(by, name="by", caller=caller)
    if not crossed:
        raise OptionError(
            f"{caller}: bands and by name no column. Name what segments are made of, as "
            "bands={'age': [25, 40]}."
        )
    least = _checks.whole(min_customers, name="min_customers", caller=caller, low=1)
    roles = {f"bands_{place}": name for place, name in enumerate(rules)}
    roles |= {f"by_{place}": name for place, name in enumerate(crossed)}
    source = _open(customers, roles, caller)
    made = {name: _band(source, f"bands_{place}", rules[name]) for place, name in enumerate(rules)}
    answer = {f"{name}_band": values for name, values in made.items()}
    parts = [
        made[name] if name in made else _as_they_are(source, f"by_{place}")
        for place, name in enumerate(crossed)
    ]
    answer["segment"] = _crossed(parts, least)
    extended: IntoDataFrameT = _result.extended(source, answer)
    return extended


def _rules(bands: Any, caller: str) -> dict[str, Any]:
    if bands is None:
        return {}
    if not isinstance(bands, Mapping) or not all(isinstance(name, str) for name in bands):
        raise OptionError(
            f"{caller}: bands must be a dict of columns, as {{'age': [25, 40]}}; got "
            f"{_checks.shown(bands)}."
        )
    return {name: _rule(name, rule, caller) for name, rule in bands.items()}


def _rule(name: str, rule: Any, caller: str) -> Any:
    """Return borders as an array, a number of bands, or a dict of groups."""
    if isinstance(rule, Mapping):
        odd = [each for each in rule.values() if not isinstance(each, str)]
        if odd or not rule:
            raise OptionError(
                f"{caller}: bands of {name!r} must name a group for each value, as text; got "
                f"{_checks.shown(rule)}."
            )
        return dict(rule)
    if isinstance(rule, int | np.integer):
        named = f"bands of {name!r}"
        return _checks.whole(rule, name=named, caller=caller, low=2, high=_MOST_BANDS)
    borders = _checks.floats(rule)
    if borders is None or not len(borders) or (np.diff(borders) <= 0).any():
        raise OptionError(
            f"{caller}: bands of {name!r} must be rising borders as [25, 40], a number of bands, "
            f"or a dict of groups; got {_checks.shown(rule)}."
        )
    return borders


def _open(customers: Any, roles: dict[str, str], caller: str) -> Source:
    opened, _ = _frame.open_table(customers, caller=caller, argument="customers", lazy=False)
    for role, column in roles.items():
        if column not in opened.columns:
            option = role.split("_", maxsplit=1)[0]
            columns = list(opened.columns)
            raise ColumnError(_sentences.missing(column, option, columns, caller, "customers"))
    return _frame.read(customers, caller=caller, argument="customers", roles=roles, strict=False)


def _band(source: Source, role: str, rule: Any) -> Any:
    """Return the band of each customer as text, null where the value is."""
    if isinstance(rule, dict):
        return _grouped(source.column(role), rule)
    values = _numbers(source, role)
    known = ~np.isnan(values)
    borders = rule
    if isinstance(rule, int):
        shares = np.arange(1, rule) / rule
        found = np.quantile(values[known], shares) if known.any() else np.zeros(0)
        borders = np.unique(found)
        lowest = values[known].min(initial=np.inf)
        borders = borders[borders > lowest]  # below it is nobody
    names = pa.array(_labels(borders), pa.string())
    return names.take(pa.array(np.searchsorted(borders, values, side="right"), mask=~known))


def _numbers(source: Source, role: str) -> Floats:
    series = source.column(role)
    if not source.n_rows or _columns.null_count(series) == source.n_rows:
        return np.full(source.n_rows, np.nan)
    where = f"column {source.names[role]!r} (bands)"
    if _columns.family(series) != "number":
        held = _columns.describe(series)
        raise ColumnError(_sentences.wrong_type(source.caller, where, "number", held))
    values = source.numbers(role)
    infinite = int((np.abs(values) > _columns.ENDLESS).sum())
    if infinite:
        raise DataError(_sentences.infinite(source, where, infinite))
    return values


def _labels(borders: Floats) -> list[str]:
    if not len(borders):
        return ["all"]
    written = [_written(border) for border in borders.tolist()]
    between = [f"{low} to {high}" for low, high in pairwise(written)]
    return [f"under {written[0]}", *between, f"{written[-1]} or more"]


def _written(border: float) -> str:
    return f"{border:,.0f}" if border == int(border) else f"{border:,.10g}"


def _grouped(series: nw.Series[Any], rule: dict[Any, str]) -> Any:
    """Return the group of each value; equal values are alike whatever their type is called."""
    texts = _texts(series)
    groups = {_text_of(value): name for value, name in rule.items()}
    place = pc.index_in(texts, value_set=pa.array(list(groups), pa.string()))
    named = pa.array(list(groups.values()), pa.string()).take(place)
    others = pc.fill_null(named, OTHERS)
    return pc.if_else(pc.is_null(texts), pa.scalar(None, pa.string()), others)


def _texts(series: nw.Series[Any]) -> Any:
    """Return values as text, alike whatever their dtype."""
    values = _result.ids(series)
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_boolean(values.type):
        return pc.utf8_capitalize(values.cast(pa.string()))
    if pa.types.is_floating(values.type):
        texts = [None if value is None else _text_of(value) for value in values.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_timestamp(values.type):  # else the unit of the column would be seen
        return pc.strftime(values, format=_DAY)
    return values.cast(pa.string())


def _text_of(value: Any) -> str:
    """Write one value; whole numbers without a decimal point."""
    if isinstance(value, float | np.floating):
        return f"{value:.0f}" if value.is_integer() else f"{value:.10g}"
    return value.strftime(_DAY) if isinstance(value, date) else str(value)


def _as_they_are(source: Source, role: str) -> Any:
    series = source.column(role)
    if source.n_rows and _columns.null_count(series) == source.n_rows:
        return pa.nulls(source.n_rows, pa.string())  # has no type to speak of
    if source.n_rows and _columns.family(series) == "other":
        raise ColumnError(
            f"{source.caller}: column {source.names[role]!r} (by) holds "
            f"{_columns.describe(series)}, not keys. Make it text before the call."
        )
    return _texts(series)


def _crossed(parts: list[Any], least: int) -> Any:
    """Join the parts of each segment, and put small segments together."""
    filled = [pc.fill_null(part, UNKNOWN) for part in parts]
    whole = pc.binary_join_element_wise(*filled, ", ") if len(filled) > 1 else filled[0]
    coded = whole.dictionary_encode()
    codes: Ints = np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    small: Bools = np.bincount(codes, minlength=len(coded.dictionary))[codes] < least
    return pc.if_else(pa.array(small), pa.scalar(OTHERS), whole)
