"""Cut points of RFM scores: made from data, checked when given, kept as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _frame, _result
from crmlytics._columns import Floats
from crmlytics.errors import ColumnError, OptionError

DIMENSIONS = ("recency_days", "frequency", "monetary")
RULES = ("quantile", "r_rfm")
SCHEMES = ("independent", "nested")
Cell = tuple[int, ...]  # () for all customers, (r,) within one r_score, (r, f) within both
_SCHEMA = {
    "dimension": "text",
    "bin": "int",
    "lower": "float",
    "upper": "float",
    "score": "int",
    "closed": "text",
    "r_score": "int",
    "f_score": "int",
}


@dataclass(frozen=True)
class Cuts:
    """Inner cut points of each dimension, by the cell of customers they hold for."""

    points: dict[str, dict[Cell, Floats]]
    closed: str  # the side of each interval that belongs to it: "right" or "left"

    def classes(self, dimension: str) -> set[int]:
        """Return the numbers of classes that a dimension is cut into."""
        return {len(cut) + 1 for cut in self.points[dimension].values()}

    @property
    def most_bins(self) -> int:
        return max(max(self.classes(dimension)) for dimension in self.points)


def rfm_cuts(
    rfm: IntoDataFrameT,
    bins: int | Sequence[float] = 5,
    *,
    rule: str = "quantile",
    scheme: str = "independent",
) -> IntoDataFrameT:
    """Cut points that divide customers into score classes, ready to be used again.

    Cuts are type-7 quantiles of each dimension. Keep them and hand them to `rfm_scores` (``cuts=``)
    to score another month or another shop by the same measure; with fresh cuts each month
    customers seem to move only because the others did.

    Parameters
    ----------
    rfm : table
        Has ``recency_days``, ``frequency`` and ``monetary``, as `rfm_table` makes them. Nulls do
        not enter.
    bins : int or sequence of float, default 5
        How many classes of equal size (2 or more), or the inner quantiles themselves, such as
        ``[0.5, 0.8, 0.95]``.
    rule : {"quantile", "r_rfm"}, default "quantile"
        "r_rfm" moves each cut up by 1 and leaves the cut itself to the upper class, as the R
        package rfm does; it is meant for comparing with that package, and for whole numbers only.
    scheme : {"independent", "nested"}, default "independent"
        "nested" cuts frequency inside each class of recency, and monetary inside each class of
        both. Where such a cell is empty, the cuts of the cell around it stand.

    Returns
    -------
    table
        One row a class: ``dimension`` (str), ``bin`` (int; 1 is the lowest values), ``lower`` and
        ``upper`` (float, in the unit of the dimension; open ends are infinite), ``score`` (int;
        what the class earns: recency counts down), ``closed`` (str; the side whose border
        belongs to the class), ``r_score`` and ``f_score`` (int; the cell of a nested cut, null
        otherwise).

    Raises
    ------
    ColumnError
        If one of the three columns is missing or holds no numbers.
    NotEnoughDataError
        If a dimension has no known value.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    rfm_scores : applies the cuts.

    References
    ----------
    Hyndman and Fan (1996), Sample quantiles in statistical packages, The American Statistician
    50, p. 363 (type 7).

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> rfm = pd.DataFrame(
    ...     {"recency_days": [0, 10, 20], "frequency": [1, 1, 4], "monetary": [5.0, 10.0, 90.0]}
    ... )
    >>> crm.segmentation.rfm_cuts(rfm, bins=2)[["dimension", "bin", "lower", "upper", "score"]]
          dimension  bin  lower  upper  score
    0  recency_days    1   -inf   10.0      2
    1  recency_days    2   10.0    inf      1
    2     frequency    1   -inf    1.0      1
    3     frequency    2    1.0    inf      2
    4      monetary    1   -inf   10.0      1
    5      monetary    2   10.0    inf      2
    """
    source = _frame.read(
        rfm, caller="rfm_cuts", argument="rfm", roles={name: name for name in DIMENSIONS},
        maker="rfm_table",
    )  # fmt: skip
    values = {name: source.numbers(name) for name in DIMENSIONS}
    cuts = make(values, bins, rule=rule, scheme=scheme, caller="rfm_cuts")
    answer: IntoDataFrameT = _result.native(source, as_table(cuts), _SCHEMA)
    return answer


def make(
    values: Mapping[str, Floats],
    bins: int | Sequence[float],
    *,
    rule: str,
    scheme: str,
    caller: str,
) -> Cuts:
    """Cut the values of each dimension at quantiles."""
    _checks.choice(rule, RULES, name="rule", caller=caller)
    _checks.choice(scheme, SCHEMES, name="scheme", caller=caller)
    shares = _shares(bins, caller)
    shift, closed = (1.0, "left") if rule == "r_rfm" else (0.0, "right")
    known = {name: values[name][~np.isnan(values[name])] for name in DIMENSIONS}
    for name in DIMENSIONS:
        _checks.at_least(
            1, len(known[name]), f"customers with a known {name}", caller,
            "Hand over cuts= made from another table.",
        )  # fmt: skip
    points: dict[str, dict[Cell, Floats]] = {
        name: {(): _quantiles(known[name], shares) + shift} for name in DIMENSIONS
    }
    if scheme == "nested":
        points = _nest(values, points, shares, shift, closed)
    return Cuts(points, closed)


def _shares(bins: Any, caller: str) -> list[tuple[int, int]] | list[float]:
    """Return k/n as pairs of whole numbers where `bins` is one, so that quantiles are exact."""
    if isinstance(bins, (str, bytes)) or not isinstance(bins, (Sequence, np.ndarray)):
        n = _checks.whole(bins, name="bins", caller=caller, low=2)
        return [(k, n) for k in range(1, n)]
    shares = [_checks.number(share, name="bins", caller=caller, low=0, high=1) for share in bins]
    if not shares or sorted(set(shares)) != shares or shares[0] <= 0 or shares[-1] >= 1:
        raise OptionError(
            f"{caller}: bins as a list must be rising shares between 0 and 1, "
            f"such as [0.5, 0.8, 0.95]; got {list(bins)!r}."
        )
    return shares


def _quantiles(values: Floats, shares: Sequence[Any]) -> Floats:
    """Type-7 quantiles; the position (n - 1) k / bins is kept in whole numbers."""
    places, parts = [], []
    for share in shares:
        top, bottom = share if isinstance(share, tuple) else (share, 1)
        place, rest = divmod((len(values) - 1) * top, bottom)
        places.append(int(place))
        parts.append(rest / bottom)
    below = np.array(places)
    above = np.minimum(below + 1, len(values) - 1)
    ordered = np.partition(values, np.unique(np.concatenate([below, above])))
    low = ordered[below]
    return np.asarray(low + (ordered[above] - low) * np.array(parts), dtype=np.float64)


def score(values: Floats, cut: Floats, closed: str, *, falling: bool) -> Floats:
    """Count the cuts below each value, from 1; NaN stays NaN. `falling`: low values score high."""
    # closed on the right, cuts strictly below are counted: a value equal to a cut stays below it
    if len(cut) > 32:
        place = np.searchsorted(cut, values, side="left" if closed == "right" else "right")
    else:  # a few comparisons of whole columns are much faster than a search for each value
        place = np.zeros(len(values), dtype=np.int64)
        for point in cut:
            place += values > point if closed == "right" else values >= point
    scores = len(cut) + 1.0 - place if falling else place + 1.0
    return np.where(np.isnan(values), np.nan, scores)


def _nest(
    values: Mapping[str, Floats],
    points: dict[str, dict[Cell, Floats]],
    shares: Sequence[Any],
    shift: float,
    closed: str,
) -> dict[str, dict[Cell, Floats]]:
    recency, frequency, monetary = (values[name] for name in DIMENSIONS)
    n = len(shares) + 1
    r = score(recency, points["recency_days"][()], closed, falling=True)
    f_points: dict[Cell, Floats] = {}
    m_points: dict[Cell, Floats] = {}
    for r_score in range(1, n + 1):
        in_r = r == r_score
        f_cut = _cell_cut(frequency[in_r], points["frequency"][()], shares, shift)
        m_in_r = _cell_cut(monetary[in_r], points["monetary"][()], shares, shift)
        f_points[r_score,] = f_cut
        f = score(frequency, f_cut, closed, falling=False)
        for f_score in range(1, n + 1):
            inside = monetary[in_r & (f == f_score)]
            m_points[r_score, f_score] = _cell_cut(inside, m_in_r, shares, shift)
    return points | {"frequency": f_points, "monetary": m_points}


def _cell_cut(values: Floats, around: Floats, shares: Sequence[Any], shift: float) -> Floats:
    known = values[~np.isnan(values)]
    return _quantiles(known, shares) + shift if len(known) else around


def as_table(cuts: Cuts) -> pa.Table:
    """Write cuts as rows."""
    rows = []
    for dimension in DIMENSIONS:
        for cell, cut in cuts.points[dimension].items():
            edges = [-np.inf, *cut.tolist(), np.inf]
            n = len(cut) + 1
            for place in range(n):
                rows.append(
                    {
                        "dimension": dimension,
                        "bin": place + 1,
                        "lower": edges[place],
                        "upper": edges[place + 1],
                        "score": n - place if dimension == "recency_days" else place + 1,
                        "closed": cuts.closed,
                        "r_score": cell[0] if cell else None,
                        "f_score": cell[1] if len(cell) > 1 else None,
                    }
                )
    types = {"dimension": pa.string(), "closed": pa.string()}
    types |= dict.fromkeys(("lower", "upper"), pa.float64())
    fields = [(name, types.get(name, pa.int64())) for name in _SCHEMA]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def parse(cuts: Any, caller: str) -> Cuts:
    """Check cuts given as a table of `rfm_cuts` or as inner cut points a dimension."""
    if isinstance(cuts, Mapping):
        return _parse_points(cuts, caller)
    if isinstance(cuts, str):
        raise OptionError(
            f"{caller}: cuts must be a table made by rfm_cuts or cut points by dimension; "
            f"got {cuts!r}."
        )
    opened, _ = _frame.open_table(cuts, caller=caller, argument="cuts", lazy=False)
    columns = list(opened.columns)
    for name in ("dimension", "lower", "upper"):
        if name not in columns:
            raise ColumnError(
                f"{caller}: no column {name!r} in cuts; it has {columns}. Make it with rfm_cuts."
            )
    closed = _closed(opened, caller)
    points: dict[str, dict[Cell, Floats]] = {name: {} for name in DIMENSIONS}
    for (dimension, *cell), rows in _by_cell(opened).items():
        if dimension not in points:
            raise OptionError(
                f"{caller}: cuts speak of {dimension!r}; dimensions are {list(DIMENSIONS)}."
            )
        where = tuple(int(part) for part in cell if part is not None)
        points[dimension][where] = _edges(rows, dimension, caller)
    _check_complete(points, caller)
    return Cuts(points, closed)


def _closed(opened: nw.DataFrame[Any], caller: str) -> str:
    if "closed" not in opened.columns or len(opened) == 0:
        return "right"
    sides = set(opened["closed"].to_list())
    if len(sides) != 1 or not sides <= {"left", "right"}:
        raise OptionError(
            f"{caller}: closed in cuts must be 'right' or 'left' throughout; got {sorted(sides)}."
        )
    return str(sides.pop())


def _by_cell(opened: nw.DataFrame[Any]) -> dict[Any, list[tuple[float, float]]]:
    table = {name: opened[name].to_list() for name in opened.columns}
    empty = [None] * len(opened)
    cells: dict[Any, list[tuple[float, float]]] = {}
    parts = (table.get("r_score", empty), table.get("f_score", empty))
    for i, dimension in enumerate(table["dimension"]):
        cell = tuple(None if _absent(part[i]) else part[i] for part in parts)
        lower, upper = table["lower"][i], table["upper"][i]
        open_below, open_above = _absent(lower), _absent(upper)
        edge = (-np.inf if open_below else lower, np.inf if open_above else upper)
        cells.setdefault((dimension, *cell), []).append(edge)
    return cells


def _absent(value: Any) -> bool:
    # pandas has a null of its own, whose comparisons are neither true nor false
    return value is None or str(value) == "<NA>" or bool(value != value)


def _edges(rows: list[tuple[float, float]], dimension: str, caller: str) -> Floats:
    for (_, before), (lower, upper) in pairwise(rows):
        if lower != before or upper < lower:
            raise OptionError(
                f"{caller}: cuts of {dimension} must rise without gaps or overlaps; a class up "
                f"to {before:g} is followed by {lower:g} to {upper:g}. Sort and close them."
            )
    if rows[0][0] != -np.inf or rows[-1][1] != np.inf:
        raise OptionError(
            f"{caller}: cuts of {dimension} cover {rows[0][0]:g} to {rows[-1][1]:g} only. Begin at "
            "-infinity and end at infinity (or null), so that every customer has a score."
        )
    return np.array([lower for lower, _ in rows[1:]], dtype=np.float64)


def _parse_points(cuts: Mapping[str, Any], caller: str) -> Cuts:
    points: dict[str, dict[Cell, Floats]] = {name: {} for name in DIMENSIONS}
    for dimension, given in cuts.items():
        _checks.choice(dimension, DIMENSIONS, name="a key of cuts", caller=caller)
        cut = _checks.floats(given)
        if cut is None or not len(cut) or (np.diff(cut) <= 0).any():
            raise OptionError(
                f"{caller}: cuts of {dimension} must be rising finite numbers, such as [1, 3]; "
                f"got {given!r}."
            )
        points[dimension][()] = cut
    _check_complete(points, caller)
    return Cuts(points, "right")


def _check_complete(points: dict[str, dict[Cell, Floats]], caller: str) -> None:
    absent = [name for name, cells in points.items() if not cells]
    if absent:
        raise OptionError(
            f"{caller}: cuts say nothing of {absent}; all of {list(DIMENSIONS)} are needed."
        )
