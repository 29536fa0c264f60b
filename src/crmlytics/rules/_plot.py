"""Drawings of rules, of pairs of products, and of how suggestions did."""

from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _heat_map, _plot, _result
from crmlytics._columns import Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = ("all", "repeat", "new")  # in the order of evaluate_suggestions
_MOST_CELLS = 100  # products of a heat map; more cannot be told apart
_WIDE = 0.84  # of the place of a group, bars take this share


def plot_rules(rules: IntoDataFrame, *, most: int = 2_000, ax: "Axes | None" = None) -> "Axes":
    """Draw rules by support and confidence, coloured by lift.

    Good rules are up, common ones are to the right. The darker a point, the more the antecedents
    raise the chance of the consequents; points of higher lift lie on top. Support and colours are
    logarithmic where values differ much.

    Parameters
    ----------
    rules : table
        As `association_rules` makes it: ``support``, ``confidence`` and ``lift``. Rows with an
        unknown value are left out.
    most : int, default 2,000
        Most rules drawn, those of the highest lift; the title says how many there are.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; support and confidence are shares, from 0 to 1.

    Raises
    ------
    ColumnError
        If a column is missing or holds no numbers.
    OptionError
        If `most` is below 1, or `ax` is not an Axes.

    See Also
    --------
    association_rules : makes the table.
    plot_rule_network : which products the strongest rules join.

    References
    ----------
    Bayardo and Agrawal (1999), Mining the most interesting rules, Proc. 5th ACM SIGKDD, 145-154
    (rules on the plane of support and confidence).

    Examples
    --------
    >>> import crmlytics as crm
    >>> lists = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"], ["bread"]]
    >>> found = crm.rules.frequent_itemsets(lists, min_support=0.4)
    >>> ax = crm.rules.plot_rules(crm.rules.association_rules(found, min_confidence=0.5))
    >>> ax.get_title()
    '4 association rules'
    >>> ax.collections[0].get_offsets().tolist()  # support and confidence; lift is 1.25 for all
    [[0.4, 0.5], [0.4, 0.5], [0.4, 1.0], [0.4, 1.0]]
    """
    caller = "plot_rules"
    limit = _checks.whole(most, name="most", caller=caller, low=1)
    names = ("support", "confidence", "lift")
    source = _frame.read(
        rules, caller=caller, argument="rules", roles={name: name for name in names},
        maker="association_rules",
    )  # fmt: skip
    values = [_plot.numbers(source, name, "association_rules") for name in names]
    known = ~np.isnan(values).any(axis=0)
    support, confidence, lift = (value[known] for value in values)
    drawn = _plot.axes(ax, caller=caller, figsize=(7.0, 4.6))
    if not known.any():
        return _plot.no_data(drawn, "Association rules")
    order = np.lexsort([confidence, support, lift])[-limit:]  # the highest lift last, and on top
    points = drawn.scatter(
        support[order], confidence[order], c=lift[order], cmap=colours(), norm=scale(lift[order]),
        s=float(np.clip(9_000 / len(order), 8, 40)), edgecolors=_plot.PALE, linewidths=0.3,
    )  # fmt: skip
    points.set_clip_on(False)
    _plot.open_box(drawn, "y")
    drawn.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    low, high = support[order].min(), support[order].max()
    if low > 0 and high > 10 * low:
        drawn.set_xscale("log")
        _log_ticks(drawn.xaxis, _plot.percent_tick)
        drawn.set_xlim(low / 1.1, min(high * 1.1, 1.0))
    else:
        drawn.set_xlim(0, min(1.15 * high, 1.0) if high > 0 else 1.0)
        drawn.xaxis.set_major_formatter(lambda share, _: _plot.percent_tick(share))
    bottom = np.floor(10 * confidence[order].min() - 0.1) / 10
    drawn.set_ylim(max(bottom, 0), 1)
    drawn.yaxis.set_major_formatter(lambda share, _: _plot.percent_tick(share))
    drawn.set(xlabel="support (share of baskets)", ylabel="confidence")
    lift_bar(drawn, points)
    _plot.head(drawn, count_title(len(order), int(known.sum())))
    return drawn


def count_title(drawn: int, there: int) -> str:
    """Say how many rules are drawn, and of how many."""
    one = "association rule" if there == 1 else "association rules"
    if drawn == there:
        return f"{there:,} {one}"
    return f"{drawn:,} of {there:,} {one}\nthose of the highest lift"


def colours() -> Any:
    """Return colours from light to dark of which none is lost on white."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    return ListedColormap(mpl.colormaps["YlGnBu"](np.linspace(0.35, 1.0, 256)))


def scale(lift: Floats) -> Any:
    """Return the scale of lifts; where all are about the same, it begins at 1, which is chance."""
    from matplotlib.colors import LogNorm, Normalize

    low, high = float(lift.min()), float(lift.max())
    if high < 1.05 * low + 0.01:
        low, high = min(1.0, low), max(1.0, high) + 0.01
    return LogNorm(low, high) if low > 0 and high > 4 * low else Normalize(low, high)


def lift_bar(ax: "Axes", mappable: Any) -> None:
    """Draw what the colours of lifts mean."""
    bar = ax.figure.colorbar(mappable, ax=ax, label="lift", fraction=0.06, pad=0.02, aspect=30)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    bar.ax.yaxis.label.set_fontsize(9)
    if bar.ax.get_yscale() == "log":
        _log_ticks(bar.ax.yaxis, _plot.compact)
    else:
        bar.ax.yaxis.set_major_formatter(lambda value, _: _plot.compact(value))


def _log_ticks(axis: Any, show: Any) -> None:
    """Put ticks at 1, 2, 5 times powers of ten, which are read more easily than powers alone."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axis.set_major_formatter(lambda value, _: show(value))
    axis.set_minor_formatter(NullFormatter())


def plot_affinity(affinity: IntoDataFrame, *, most: int = 20, ax: "Axes | None" = None) -> "Axes":
    """Draw the lift of each two of the commonest products as a heat map.

    The lift is written in each cell, where it fits; 1 is chance. Pairs that are not in the table
    stay blank.

    Parameters
    ----------
    affinity : table
        As `product_affinity` makes it: ``product_a``, ``product_b``, ``count`` and ``lift``.
    most : int, default 20
        Most products drawn, up to 100: those of the pairs that most baskets hold. They stand in
        this order, the commonest first.
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
        If a pair stands twice.
    OptionError
        If `most` is not from 2 to 100, or `ax` is not an Axes.

    See Also
    --------
    product_affinity : makes the table.

    Examples
    --------
    >>> import crmlytics as crm
    >>> lists = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"], ["bread"]]
    >>> ax = crm.rules.plot_affinity(crm.rules.product_affinity(lists, min_count=2))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['tea', 'halva', 'milk']
    >>> [text.get_text() for text in ax.texts]  # tea with halva and with milk, both ways round
    ['1.25', '1.25', '1.25', '1.25']
    """
    caller, maker = "plot_affinity", "product_affinity"
    limit = _checks.whole(most, name="most", caller=caller, low=2, high=_MOST_CELLS)
    names = ("product_a", "product_b", "count", "lift")
    source = _frame.read(
        affinity, caller=caller, argument="affinity", roles={name: name for name in names},
        maker=maker,
    )  # fmt: skip
    if source.n_rows == 0:
        return _plot.no_data(_plot.axes(ax, caller=caller), "Affinity of products")
    sides = [_result.ids(source.column(name)).to_pylist() for name in names[:2]]
    counts, lift = (_plot.numbers(source, name, maker) for name in names[2:])
    products = sorted({*sides[0], *sides[1]}, key=lambda value: (value is None, str(value)))
    place = {value: at for at, value in enumerate(products)}
    ends = np.array([[place[value] for value in side] for side in sides])
    _plot.once(source, list(np.sort(ends, axis=0)), "a pair", f"Keep the answer of one {maker}.")
    shown = _commonest(ends, np.nan_to_num(counts), len(products))[:limit]
    cells = np.full((len(shown), len(shown)), np.nan)
    at = np.full(len(products), -1)
    at[shown] = np.arange(len(shown))
    rows, columns = at[ends]
    both = (rows >= 0) & (columns >= 0)
    cells[rows[both], columns[both]] = cells[columns[both], rows[both]] = lift[both]
    side = 2.6 + 0.36 * len(shown)
    drawn = _plot.axes(ax, caller=caller, figsize=(side + 1.2, side))
    heat = _heat_map.Heat(
        cells=cells, texts=[_heat_map.grid(show, cells) for show in (_two_places, _one_place)],
        title="lift", show=_plot.compact, top=_top(cells),
    )  # fmt: skip
    mesh = _heat_map.heat_map(drawn, heat)
    labels = [products[code] for code in shown]
    middles = np.arange(len(shown)) + 0.5
    _plot.names(drawn, "y", labels, middles)
    _plot.names(drawn, "x", labels, middles, slant=True)
    there = f" of {len(products):,}" if len(shown) < len(products) else ""
    _plot.head(drawn, f"Affinity of {len(shown):,}{there} products")
    _heat_map.write_cells(drawn, mesh, heat)
    return drawn


def _commonest(ends: Ints, counts: Floats, n: int) -> Ints:
    """Return products by the largest number of baskets of their pairs, then by that of all."""
    most, total = np.zeros(n), np.zeros(n)
    for side in ends:
        np.maximum.at(most, side, counts)
        np.add.at(total, side, counts)
    return np.lexsort([np.arange(n), -total, -most])


def _two_places(lift: float) -> str:
    return f"{lift:.2f}" if lift < 9.995 else _plot.compact(lift)


def _one_place(lift: float) -> str:
    return f"{lift:.1f}" if lift < 9.95 else _plot.compact(lift)


def _top(cells: Floats) -> float:
    """Return where the colours of lifts end: a few very high ones must not pale all others."""
    known = cells[np.isfinite(cells)]
    if not len(known):
        return 2.0
    return max(min(float(known.max()), 4 * float(np.median(known))), 1.0)


def plot_suggestions(evaluation: IntoDataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how often each method hit, with intervals.

    One group of bars for each kind of suggestion (all products, those bought before, those not
    bought before), one bar for each method, the best of the first group first. A method that
    cannot make suggestions of a kind has no bar there.

    Parameters
    ----------
    evaluation : table
        As `evaluate_suggestions` makes it: ``method``, ``kind``, ``hit_rate``, ``lower`` and
        ``upper``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. In a figure of your own, ``layout="constrained"``
        makes room for long labels.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on; hit rates are shares, from 0 to 1.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a method stands twice with one kind.
    OptionError
        If `ax` is not an Axes.

    See Also
    --------
    evaluate_suggestions : makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> evaluation = pd.DataFrame(
    ...     {
    ...         "method": ["popular", "buy_again", "popular", "buy_again"],
    ...         "kind": ["repeat", "repeat", "new", "new"],
    ...         "hit_rate": [0.5, 0.7, 0.1, None],
    ...         "lower": [0.4, 0.6, 0.05, None],
    ...         "upper": [0.6, 0.8, 0.2, None],
    ...     }
    ... )
    >>> ax = crm.rules.plot_suggestions(evaluation)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['buy_again', 'popular']
    >>> [text.get_text() for text in ax.texts]
    ['70%', '50%', '10%']
    """
    caller, maker = "plot_suggestions", "evaluate_suggestions"
    names = ("method", "kind", "hit_rate", "lower", "upper")
    source = _frame.read(
        evaluation, caller=caller, argument="evaluation", roles={name: name for name in names},
        maker=maker,
    )  # fmt: skip
    title = "Hit rate of suggestions"
    rates = [_plot.numbers(source, name, maker) for name in names[2:]]
    if np.isnan(rates[0]).all():
        return _plot.no_data(_plot.axes(ax, caller=caller), title)
    words = [_result.ids(source.column(name)).to_pylist() for name in names[:2]]
    methods, method = _numbered(words[0], [])
    kinds, kind = _numbered(words[1], _KINDS)
    _plot.once(source, [method, kind], "a method and kind", f"Keep the answer of one {maker}.")
    table = np.full((3, len(methods), len(kinds)), np.nan)
    table[:, method, kind] = rates
    order = np.lexsort(-np.nan_to_num(table[0], nan=-1.0).T[::-1])
    order = order[np.isfinite(table[0, order]).any(axis=1)]
    drawn = _plot.axes(ax, caller=caller)
    _plot.open_box(drawn, "y")
    handles = _bars(drawn, table[:, order], [methods[code] for code in order])
    drawn.set_ylim(bottom=0)
    drawn.yaxis.set_major_formatter(lambda share, _: _plot.percent_tick(share))
    drawn.set(xlabel="kind of suggestion", ylabel="hit rate")
    drawn.set_xlim(-0.5, len(kinds) - 0.5)
    _plot.names(drawn, "x", kinds, np.arange(len(kinds)))
    drawn.tick_params(axis="x", length=0)
    _plot.head(drawn, title, handles)
    return drawn


def _numbered(values: list[Any], usual: Any) -> tuple[list[str], Ints]:
    """Return the different names, the usual ones first, and the number of each value among them."""
    written = ["unknown" if value is None else str(value) for value in values]
    names = [name for name in usual if name in written]
    names += sorted(set(written) - set(names))
    return names, np.array([names.index(name) for name in written], dtype=np.int64)


def _bars(ax: "Axes", table: Floats, methods: list[str]) -> list[Any]:
    """Draw a group of bars for each kind, and return what the legend shows."""
    wide = _WIDE / len(methods)
    room = wide * _plot.size(ax)[0] / table.shape[2]
    points = min(8.0, 0.95 * room / (3 * _plot.DIGIT))
    handles = []
    for place, name in enumerate(methods):
        rate, lower, upper = table[:, place]
        at = np.flatnonzero(np.isfinite(rate))
        x = at - _WIDE / 2 + (place + 0.5) * wide
        colour = _plot.PALETTE[place % len(_plot.PALETTE)]
        handles.append(ax.bar(x, rate[at], 0.94 * wide, color=colour, label=_plot.label(name)))
        reach = np.nan_to_num([rate - lower, upper - rate])[:, at]
        ax.errorbar(
            x, rate[at], np.maximum(reach, 0), fmt="none", ecolor=_plot.INK, elinewidth=0.9,
            capsize=min(2.5, room / 6),
        )  # fmt: skip
        if points >= 5.5:
            tops = rate[at] + np.maximum(reach[1], 0)
            for left, top, share in zip(x, tops, rate[at], strict=True):
                ax.annotate(
                    _plot.percent(share), (left, top), (0, 2), textcoords="offset points",
                    ha="center", va="bottom", fontsize=points, color=_plot.INK,
                )  # fmt: skip
    return handles
