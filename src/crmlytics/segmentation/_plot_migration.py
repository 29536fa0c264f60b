"""Drawing of who moved between segments."""

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _heat_map, _plot, _result
from crmlytics._columns import Floats, Ints
from crmlytics.errors import DataError, OptionError
from crmlytics.segmentation import _rules
from crmlytics.segmentation._history import GONE, NOT_YET

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_migration(
    migration: IntoDataFrame, *, to_as_of: date | str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw who moved from which segment to which.

    One row for each segment before, one column for each segment after; customers who came in
    between are the row "not_yet", those who went the column "gone". The colour is the share; it
    and the number of customers are written in each cell, where they fit. Moves that did not occur
    stay blank.

    Parameters
    ----------
    migration : table
        As `segment_migration` makes it. Several steps (from a history) are added up, and shares
        are then those of all steps together.
    to_as_of : date, optional
        Draw one step alone: the one that ends on this day.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If several steps are to be added up and rows of them are missing.
    OptionError
        If there is no step that ends on `to_as_of`, or `ax` is not an Axes.

    See Also
    --------
    segment_migration : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> before = pd.DataFrame({"customer_id": [1, 2, 3], "segment": ["new", "loyal", "new"]})
    >>> after = pd.DataFrame({"customer_id": [1, 2], "segment": ["loyal", "loyal"]})
    >>> moved = crm.segmentation.segment_migration(before, after)
    >>> ax = crm.segmentation.plot_migration(moved)
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['loyal', 'gone']
    >>> [text.get_text().split() for text in ax.texts]
    [['100%', '1'], ['50%', '1'], ['50%', '1']]
    """
    caller, title = "plot_migration", "Moves between segments"
    names = ("from_as_of", "to_as_of", "from_segment", "to_segment", "customers", "share")
    maker = "segment_migration"
    source = _frame.read(
        migration, caller=caller, argument="migration", roles={name: name for name in names},
        maker=maker,
    )  # fmt: skip
    day = None if to_as_of is None else _checks.day(to_as_of, name="to_as_of", caller=caller)
    if source.n_rows == 0:
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    ends = _days(source, "to_as_of")
    rows = np.arange(source.n_rows) if day is None else _step(ends, day)
    sides = [_result.ids(source.column(name)).to_pylist() for name in names[2:4]]
    sides = [["unknown" if v is None else str(v) for v in values] for values in sides]
    known = _in_order([*(sides[0][i] for i in rows), *(sides[1][i] for i in rows)])
    befores = [name for name in known if name in {sides[0][i] for i in rows}]
    afters = [name for name in known if name in {sides[1][i] for i in rows}]
    places = (
        np.array([befores.index(sides[0][i]) for i in rows]),
        np.array([afters.index(sides[1][i]) for i in rows]),
    )
    counts, shares, base = _pooled(
        source, _codes(ends)[rows], places, _plot.numbers(source, "customers", maker)[rows],
        _plot.numbers(source, "share", maker)[rows],
    )  # fmt: skip
    short, moved = _heat_map.grid(_plot.percent, shares), _heat_map.grid(_plot.whole, counts)
    long = np.where(short == "", "", np.strings.add(np.strings.add(short, "\n"), moved))
    bare = np.strings.replace(short, "%", "")
    drawn = _plot.axes(
        ax, caller=caller, figsize=(3.0 + 0.62 * len(afters), 2.2 + 0.42 * len(befores))
    )
    texts = [long, short, bare]
    heat = _heat_map.Heat(cells=shares, texts=texts, title=base, show=_plot.percent_tick)
    mesh = _heat_map.heat_map(drawn, heat)
    drawn.set(xlabel="after", ylabel="before")
    _plot.names(drawn, "y", befores, np.arange(len(befores)) + 0.5)
    _plot.names(drawn, "x", afters, np.arange(len(afters)) + 0.5, slant=True)
    _plot.head(drawn, title + _span(source, ends, rows))
    _heat_map.write_cells(drawn, mesh, heat)
    return drawn


def _days(source: _frame.Source, role: str) -> list[int | None]:
    """Return a column of days that may be unknown."""
    values = _result.ids(source.column(role)).to_pylist()
    return [
        None if value is None else _checks.day(value, name=role, caller=source.caller)
        for value in values
    ]


def _codes(days: list[int | None]) -> Ints:
    return np.array([-1 if day is None else day for day in days], dtype=np.int64)


def _step(ends: list[int | None], day: int) -> Ints:
    rows = np.array([row for row, end in enumerate(ends) if end == day], dtype=np.int64)
    if not len(rows):
        days = sorted({_checks.iso(end) for end in ends if end is not None})
        held = f"{len(days)} days, {days[0]} to {days[-1]}" if days else "no days"
        raise OptionError(
            f"plot_migration: no step ends on to_as_of {_checks.iso(day)}; migration has {held}. "
            "Choose one of its to_as_of, or leave it out."
        )
    return rows


def _in_order(names: list[str]) -> list[str]:
    """Return the names of a built-in map from best to worst, others by the alphabet."""
    found, ends = set(names), (_rules.OTHERS, "unknown", NOT_YET, GONE)
    inner = found - set(ends)
    ranks = [_rules.built_in(name).segments for name in _rules.MAPS]
    ranked = next((rank for rank in ranks if inner <= set(rank)), sorted(inner))
    return [name for name in (*ranked, *ends) if name in found]


def _pooled(
    source: _frame.Source, steps: Ints, places: tuple[Ints, Ints], counts: Floats, shares: Floats
) -> tuple[Floats, Floats, str]:
    """Add up the steps; return customers and shares by cell, and what they are shares of."""
    shape = (int(places[0].max()) + 1, int(places[1].max()) + 1)
    moved = np.zeros(shape)
    np.add.at(moved, places, counts)
    wholes = {
        "share of the segment before": (np.stack([steps, places[0]]), moved.sum(1, keepdims=True)),
        "share of the segment after": (np.stack([steps, places[1]]), moved.sum(0, keepdims=True)),
        "share of all customers": (steps[None, :], moved.sum(keepdims=True)),
    }
    blank = np.where(moved > 0, moved, np.nan)
    for named, (groups, whole) in wholes.items():
        codes = np.unique(groups, axis=1, return_inverse=True)[1].ravel()
        of = np.bincount(codes, counts)[codes]
        if np.allclose(shares * of, counts):
            return moved, blank / np.maximum(whole, 1), named
    if len(np.unique(steps)) > 1:
        raise DataError(
            f"{source.caller}: the shares in migration do not add up to 1 in each step, so the "
            "steps cannot be added up. Hand over all rows of segment_migration, or one step with "
            "to_as_of=."
        )
    cells = np.full(shape, np.nan)
    cells[places] = shares
    return moved, cells, "share"


def _span(source: _frame.Source, ends: list[int | None], rows: Ints) -> str:
    """Say which days the moves lie between, where that is known."""
    starts = [day for row, day in enumerate(_days(source, "from_as_of")) if row in set(rows)]
    first = min((day for day in starts if day is not None), default=None)
    lasts = {ends[row] for row in rows} - {None}
    if first is None or not lasts:
        return ""
    steps = f" ({len(lasts)} steps)" if len(lasts) > 1 else ""
    return f"\n{_checks.iso(first)} to {_checks.iso(max(d for d in lasts if d is not None))}{steps}"
