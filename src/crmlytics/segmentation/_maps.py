"""Segment maps: rules that name scores, as tables, with a checker."""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

from crmlytics import _checks, _frame, _result, _sentences
from crmlytics._columns import Ints
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.segmentation._rules import BOUNDS, MAPS, OTHERS, Rules, built_in
from crmlytics.segmentation._scores import SCORES

if TYPE_CHECKING:
    import pandas as pd

ADDED = ("segment", "reason")


def segment_map(name: str = "grid10") -> "pd.DataFrame":
    """Rules that turn scores into segment names, as a table you can read and change.

    Rules are tried from the top; the first that fits names the customer, and customers whom no
    rule fits are "others".

    Parameters
    ----------
    name : {"grid10", "classic11", "r_rfm"}, default "grid10"
        "grid10": ten names on the grid of recency and frequency, each cell named exactly once.
        "classic11": eleven names by recency and FM, the mean of frequency and monetary scores;
        most cells fit several rules. "r_rfm": the map in the vignette of the R package rfm, by all
        three scores; ten cells fit no rule.

    Returns
    -------
    pandas.DataFrame
        One row a rule: ``segment`` (str), then inclusive bounds ``r_min``, ``r_max``, ``f_min``,
        ``f_max``, ``m_min``, ``m_max`` and ``fm_min``, ``fm_max`` (int; null = not asked), with
        FM = floor((f + m) / 2 + 0.5).

    Raises
    ------
    OptionError
        If there is no map of that name.

    See Also
    --------
    check_segment_map : finds cells that a map leaves out or names twice.
    rfm_segments : applies a map.

    References
    ----------
    R package rfm 0.3.0, vignette "RFM for customer level data" (map "r_rfm").

    Examples
    --------
    >>> import crmlytics as crm
    >>> rules = crm.segmentation.segment_map("grid10")
    >>> rules[["segment", "r_min", "r_max", "f_min", "f_max"]].head(3)
                  segment  r_min  r_max  f_min  f_max
    0           champions      5      5      4      5
    1               loyal      3      4      4      5
    2  potential_loyalist      4      5      2      3
    """
    import pandas as pd

    rules = built_in(_checks.choice(name, MAPS, name="name", caller="segment_map"))
    table: dict[str, Any] = {"segment": pd.Series(rules.segments, dtype="str")}
    for place, bound in enumerate(BOUNDS):
        table[bound] = pd.array(
            [None if b != b else int(b) for b in rules.bounds[:, place]], "Int64"
        )
    return pd.DataFrame(table)


def check_segment_map(
    map: str | IntoDataFrame,  # noqa: A002 - the field's word
    bins: int = 5,
) -> Any:
    """Find the score cells that a segment map leaves out or names more than once.

    Parameters
    ----------
    map : table or str
        A map as `segment_map` makes it, or the name of a built-in one.
    bins : int, default 5
        Scores run from 1 to `bins` (2 to 20).

    Returns
    -------
    table
        One row a cell that is not named exactly once, sorted: ``r_score``, ``f_score``,
        ``m_score`` (int), ``n_rules`` (int; how many rules fit: 0, or 2 and more), ``segments``
        (str; their names in order of the rules, the first of which wins). No row: the map is
        complete and without overlaps. Of the kind of the map; pandas for a name.

    Raises
    ------
    ColumnError
        If a column of the map is missing or of a wrong type.
    OptionError
        If `bins` or a bound of the map is outside what it allows.

    See Also
    --------
    segment_map : the built-in maps.

    Examples
    --------
    >>> import crmlytics as crm
    >>> len(crm.segmentation.check_segment_map("grid10"))
    0
    >>> crm.segmentation.check_segment_map("r_rfm").head(2)
       r_score  f_score  m_score  n_rules                               segments
    0        1        2        4        2                          at_risk, lost
    1        1        2        5        2                          at_risk, lost
    """
    caller = "check_segment_map"
    n = _checks.whole(bins, name="bins", caller=caller, low=2, high=20)
    if isinstance(map, str):
        map = segment_map(_checks.choice(map, MAPS, name="map", caller=caller))  # noqa: A001
    rules = _parse(map, caller)
    cells = np.array(list(product(range(1, n + 1), repeat=3)))
    fits = _fits(rules, cells)
    times = fits.sum(axis=0)
    odd = np.flatnonzero(times != 1)
    names = [", ".join(rules.segments[i] for i in np.flatnonzero(fits[:, cell])) for cell in odd]
    table = pa.table(
        {
            "r_score": cells[odd, 0],
            "f_score": cells[odd, 1],
            "m_score": cells[odd, 2],
            "n_rules": times[odd],
            "segments": pa.array(names, type=pa.string()),
        }
    )
    source = _frame.read(map, caller=caller, argument="map", roles={})
    schema = dict.fromkeys((*SCORES, "n_rules"), "int") | {"segments": "text"}
    return _result.native(source, table, schema)


def rules(given: Any, caller: str) -> Rules:
    """Return the rules of a map given by name or as a table."""
    if isinstance(given, str):
        return built_in(_checks.choice(given, MAPS, name="segment_map", caller=caller))
    return _parse(given, caller)


def _parse(given: Any, caller: str) -> Rules:
    opened, _ = _frame.open_table(given, caller=caller, argument="segment_map", lazy=False)
    columns = list(opened.columns)
    if "segment" not in columns:
        raise ColumnError(_sentences.missing(
            "segment", "segment", columns, caller, "segment_map", "segment_map"
        ))  # fmt: skip
    present = [bound for bound in BOUNDS if bound in columns]
    for column in sorted(set(columns) - {"segment", *present}):
        hint = _checks.did_you_mean(column, BOUNDS)
        if hint and hint not in present:
            raise ColumnError(
                f"{caller}: segment_map has a column {column!r}, which is no bound. "
                f"Did you mean {hint!r}?"
            )
    source = _frame.read(
        given, caller=caller, argument="segment_map", roles={bound: bound for bound in present}
    )
    names = opened["segment"].to_list()
    if not names:
        raise DataError(f"{caller}: segment_map has no rules. Make one with segment_map('grid10').")
    if any(not isinstance(name, str) or not name for name in names):
        raise DataError(f"{caller}: segment_map has rules without a segment name. Name them all.")
    if not present:
        raise ColumnError(
            f"{caller}: segment_map has no bounds; it has {columns}, and bounds are "
            f"{list(BOUNDS)}. Make one with segment_map('grid10')."
        )
    bounds = np.full((len(names), len(BOUNDS)), np.nan)
    for place, bound in enumerate(BOUNDS):
        if bound in present:
            bounds[:, place] = source.numbers(bound)
    low, high = bounds[:, ::2], bounds[:, 1::2]
    if (low > high).any():
        bad = names[int(np.flatnonzero((low > high).any(axis=1))[0])]
        raise OptionError(
            f"{caller}: segment_map has a rule for {bad!r} whose lower bound is above its upper "
            "bound. No score can fit it; swap them."
        )
    return Rules(names, bounds)


def _fits(rules: Rules, cells: Any, *, unknown_fits: bool = False) -> Any:
    """Say for each rule and cell whether the rule fits; scores of 0 are unknown."""
    r, f, m = (cells[:, place].astype(np.float64) for place in range(3))
    fm = np.where((f > 0) & (m > 0), np.floor((f + m) / 2 + 0.5), 0)
    fits = np.ones((len(rules.segments), len(cells)), dtype=bool)
    for place, values in enumerate((r, f, m, fm)):
        for row, (low, high) in enumerate(rules.bounds[:, 2 * place : 2 * place + 2]):
            if not np.isnan(low):
                fits[row] &= np.where(values > 0, values >= low, unknown_fits)
            if not np.isnan(high):
                fits[row] &= np.where(values > 0, values <= high, unknown_fits)
    return fits


def rfm_segments(
    scores: IntoDataFrameT,
    *,
    segment_map: str | IntoDataFrame = "grid10",
    explain: bool = False,
) -> IntoDataFrameT:
    """Name the segment of each customer by a map of scores.

    Parameters
    ----------
    scores : table
        One row a customer with ``r_score``, ``f_score`` and ``m_score``; other columns are kept.
    segment_map : {"grid10", "classic11", "r_rfm"} or table, default "grid10"
        The rules; see `segment_map`. The built-in maps are made for scores from 1 to 5. Where
        several rules fit, the first wins; look at a map of your own with `check_segment_map`.
    explain : bool, default False
        Add the rule that decided, in words.

    Returns
    -------
    table
        The table in its own order with ``segment`` (str; "others" where no rule fits, null where
        it hangs on a score that is null) and, with `explain`, ``reason`` (str).

    Raises
    ------
    ColumnError
        If a score column is missing or holds no numbers.
    DataError
        If a score is not a whole number from 1.
    OptionError
        If there is no map of that name, or scores go beyond those the map was made for.

    See Also
    --------
    rfm_scores : makes the scores.
    segment_profile : describes the segments.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> scores = pd.DataFrame({"r_score": [5, 1], "f_score": [5, 3], "m_score": [4, 4]})
    >>> crm.segmentation.rfm_segments(scores, explain=True)[["segment", "reason"]]
         segment                                             reason
    0  champions  r_score is 5 (rule: 5), f_score is 5 (rule: 4 ...
    1    at_risk  r_score is 1 (rule: 1 to 2), f_score is 3 (rul...
    """
    return segments(scores, segment_map=segment_map, explain=explain, caller="rfm_segments")


def segments(
    scores: IntoDataFrameT, *, segment_map: Any, explain: bool, caller: str
) -> IntoDataFrameT:
    """Name segments under the name of another caller."""
    source = _frame.read(
        scores, caller=caller, argument="scores", roles={name: name for name in SCORES},
        maker="rfm_scores",
    )  # fmt: skip
    _checks.flag(explain, name="explain", caller=caller)
    known = segment_map if isinstance(segment_map, Rules) else rules(segment_map, caller)
    columns = [_whole_scores(source, name) for name in SCORES]
    top = max([5, *(int(column.max(initial=0)) for column in columns)])
    if known.named and top > 5:
        raise OptionError(
            f"{caller}: scores go up to {top}, but segment_map={known.named!r} is made for scores "
            "from 1 to 5. Score with bins=5, or hand over a map of your own."
        )
    import pandas as pd

    code = (columns[0] * (top + 1) + columns[1]) * (top + 1) + columns[2]
    place, found = pd.factorize(code)
    cells = np.stack(np.unravel_index(found, (top + 1,) * 3), axis=1)
    named = _name_cells(known, cells, explain=explain)
    added = {name: values.take(pa.array(place)) for name, values in named.items()}
    answer: IntoDataFrameT = _result.extended(source, added)
    return answer


def _whole_scores(source: _frame.Source, name: str) -> Ints:
    """Return scores as whole numbers, 0 where unknown."""
    scores = source.numbers(name)
    odd = ~np.isnan(scores) & ((scores < 1) | (scores != np.floor(scores)))
    if odd.any():
        raise DataError(
            f"{source.caller}: {int(odd.sum())} of {source.n_rows} values of {name!r} are no "
            f"scores, such as {scores[odd][0]:g}. Scores are whole numbers from 1; make them with "
            "rfm_scores."
        )
    return np.nan_to_num(scores, nan=0.0).astype(np.int64)


def _name_cells(rules: Rules, cells: Ints, *, explain: bool) -> dict[str, pa.Array]:
    """Name each cell of scores once; 0 stands for an unknown score."""
    fits, could_fit = _fits(rules, cells), _fits(rules, cells, unknown_fits=True)
    first = np.where(fits.any(axis=0), fits.argmax(axis=0), -1)
    # the score that is unknown decides whether a rule further up fits
    unknown = first != np.where(could_fit.any(axis=0), could_fit.argmax(axis=0), -1)
    names = [
        None if unknown[i] else rules.segments[place] if place >= 0 else OTHERS
        for i, place in enumerate(first)
    ]
    named = {"segment": pa.array(names, type=pa.string())}
    if explain:
        decided = np.where(unknown, -1, first)
        reasons = [_reason(rules, int(place), cells[i]) for i, place in enumerate(decided)]
        named["reason"] = pa.array(reasons, type=pa.string())
    return named


def _reason(rules: Rules, place: int, cell: Ints) -> str:
    if place < 0:
        shown = ", ".join(
            f"{name} is {value or 'unknown'}" for name, value in zip(SCORES, cell, strict=True)
        )
        return f"{shown}: {'no rule fits' if cell.all() else 'not known which rule fits'}"
    r, f, m = (int(value) for value in cell)
    values = {"r_score": r, "f_score": f, "m_score": m, "FM": (f + m + 1) // 2}
    parts = []
    for (name, value), low, high in zip(
        values.items(), rules.bounds[place, ::2], rules.bounds[place, 1::2], strict=True
    ):
        bounds = [f"{bound:g}" for bound in (low, high) if not np.isnan(bound)]
        if bounds:
            parts.append(f"{name} is {value} (rule: {' to '.join(dict.fromkeys(bounds))})")
    return ", ".join(parts)
