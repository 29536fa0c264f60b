"""Scores of recency, frequency and monetary value."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

from crmlytics import _checks, _frame, _result
from crmlytics._columns import Floats
from crmlytics.errors import OptionError
from crmlytics.segmentation import _cuts
from crmlytics.segmentation._cuts import DIMENSIONS, Cuts
from crmlytics.segmentation._rules import Rules

SCORES = ("r_score", "f_score", "m_score")
ADDED = (*SCORES, "rfm_code", "rfm_score")


def rfm_scores(
    rfm: IntoDataFrameT,
    *,
    bins: int | Sequence[float] = 5,
    cuts: IntoDataFrame | Mapping[str, Sequence[float]] | None = None,
    rule: str = "quantile",
    scheme: str = "independent",
    weights: Sequence[float] | None = None,
) -> IntoDataFrameT:
    """Score each customer's recency, frequency and monetary value from 1 to `bins`, best last.

    A score is 1 + the number of cuts strictly below the value (for recency, counted from the
    top), so customers with equal values always have equal scores, whatever the order of the rows
    or the names of the customers. Where many values are tied, some scores stay empty.

    Parameters
    ----------
    rfm : table
        One row a customer with ``recency_days``, ``frequency`` and ``monetary``; all other columns
        are kept. A null gets a null score.
    bins : int or sequence of float, default 5
        Number of classes (2 or more), or the inner quantiles themselves; see `rfm_cuts`. Not used
        with `cuts`.
    cuts : table or mapping, optional
        Cuts made before by `rfm_cuts`, or inner cut points such as
        ``{"recency_days": [30, 90], "frequency": [1, 3], "monetary": [50, 200]}`` (a value equal
        to a cut belongs below it).
    rule : {"quantile", "r_rfm"}, default "quantile"
        How cuts are made; see `rfm_cuts`.
    scheme : {"independent", "nested"}, default "independent"
        "nested" scores frequency among customers of equal ``r_score``, and monetary among
        customers of equal ``r_score`` and ``f_score``.
    weights : sequence of three floats, optional
        Weights (0 or more) of r, f and m in ``rfm_score``; equal by default.

    Returns
    -------
    table
        The table in its own order, with ``r_score``, ``f_score``, ``m_score`` (int, 1 to `bins`),
        ``rfm_code`` (int, such as 543; null above 9 bins) and ``rfm_score`` (float, weighted mean
        of the three scores).

    Raises
    ------
    ColumnError
        If one of the three columns is missing or holds no numbers.
    NotEnoughDataError
        If cuts are to be made and a dimension has no known value.
    OptionError
        If an option has a value outside what it allows, or `cuts` do not rise or leave gaps.

    See Also
    --------
    rfm_table : makes the table.
    rfm_cuts : the cuts as a table, to be used again.
    rfm_segments : names the scores.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> rfm = pd.DataFrame(
    ...     {"recency_days": [0, 10, 20], "frequency": [1, 1, 4], "monetary": [5.0, 10.0, 90.0]}
    ... )
    >>> scores = crm.segmentation.rfm_scores(rfm, bins=3)
    >>> scores[["r_score", "f_score", "m_score", "rfm_code", "rfm_score"]]
       r_score  f_score  m_score  rfm_code  rfm_score
    0        3        1        1       311   1.666667
    1        2        1        2       212   1.666667
    2        1        3        3       133   2.333333
    """
    return scores(
        rfm, bins=bins, cuts=cuts, rule=rule, scheme=scheme, weights=weights, caller="rfm_scores"
    )


def scores(
    rfm: IntoDataFrameT,
    *,
    bins: Any,
    cuts: Any,
    rule: str,
    scheme: str,
    weights: Any,
    caller: str,
    rules: Rules | None = None,
) -> IntoDataFrameT:
    """Score under the name of another caller, for a segment map whose scores must fit."""
    source = _frame.read(
        rfm, caller=caller, argument="rfm", roles={name: name for name in DIMENSIONS},
        maker="rfm_table",
    )  # fmt: skip
    w = _weights(weights, caller)
    values = {name: source.numbers(name) for name in DIMENSIONS}
    if cuts is not None:
        parsed = _cuts.parse(cuts, caller)
    elif source.n_rows == 0:
        parsed = Cuts({name: {(): np.zeros(1)} for name in DIMENSIONS}, "right")
    else:
        parsed = _cuts.make(values, bins, rule=rule, scheme=scheme, caller=caller)
    if rules is not None and source.n_rows:
        check_bins(rules, parsed, caller)
    r, f, m = apply(values, parsed, caller)
    code = r * 100 + f * 10 + m
    if parsed.most_bins > 9:
        code = np.full(len(code), np.nan)
    added = {
        "r_score": _whole(r),
        "f_score": _whole(f),
        "m_score": _whole(m),
        "rfm_code": _whole(code),
        "rfm_score": _result.column((r * w[0] + f * w[1] + m * w[2]) / w.sum()),
    }
    answer: IntoDataFrameT = _result.extended(source, added)
    return answer


def _weights(weights: Any, caller: str) -> Floats:
    if weights is None:
        return np.ones(3)
    given = _checks.floats(weights)
    if given is None or len(given) != 3 or given.min() < 0 or not given.sum():
        raise OptionError(
            f"{caller}: weights must be three numbers of 0 or more for r, f and m, not all 0; "
            f"got {weights!r}."
        )
    return given  # divided by their sum at the end, so that equal means stay equal to the last bit


def _whole(values: Floats) -> Any:
    known = ~np.isnan(values)
    return _result.column(np.where(known, values, 0).astype(np.int64), known)


def check_bins(rules: Rules, cuts: Cuts, caller: str) -> None:
    """Refuse scores for which a built-in map was not made: its names would mean other things."""
    asked = DIMENSIONS if rules.asks_monetary else DIMENSIONS[:2]
    classes = {name: cuts.classes(name) for name in asked}
    if rules.named and any(n != {5} for n in classes.values()):
        shown = {name: max(n) for name, n in classes.items()}
        raise OptionError(
            f"{caller}: segment_map={rules.named!r} is made for scores from 1 to 5, and the bins "
            f"or cuts make {shown} classes. Make five of each, or hand over a map of your own."
        )


def apply(values: Mapping[str, Floats], cuts: Cuts, caller: str) -> tuple[Floats, Floats, Floats]:
    """Score the three dimensions; nested cuts are looked up by the scores before them."""
    recency, frequency, monetary = (values[name] for name in DIMENSIONS)
    points, closed = cuts.points, cuts.closed
    r = _cuts.score(recency, points["recency_days"][()], closed, falling=True)
    f = _in_cells(frequency, points["frequency"], (r,), closed=closed, caller=caller)
    m = _in_cells(monetary, points["monetary"], (r, f), closed=closed, caller=caller)
    return r, f, m


def _in_cells(
    values: Floats,
    cells: Mapping[_cuts.Cell, Floats],
    outer: tuple[Floats, ...],
    *,
    closed: str,
    caller: str,
) -> Floats:
    if () in cells:
        return _cuts.score(values, cells[()], closed, falling=False)
    scored = np.full(len(values), np.nan)
    reached = np.isnan(np.sum(outer, axis=0))
    for cell, cut in cells.items():
        inside = np.logical_and.reduce([o == c for o, c in zip(outer, cell, strict=False)])
        scored[inside] = _cuts.score(values[inside], cut, closed, falling=False)
        reached |= inside
    if not reached.all():
        raise OptionError(
            f"{caller}: cuts are nested but leave out cells that {int((~reached).sum())} customers "
            "are in. Make them with rfm_cuts(..., scheme='nested')."
        )
    return scored
