"""Drawing of the strongest rules as a network of products."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _frame, _plot
from crmlytics._columns import Floats, Ints
from crmlytics.rules import _given, _network
from crmlytics.rules._plot import colours, count_title, lift_bar, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 200
_DOT = 5.0  # points across
_PAD = (7.0, 5.0)  # points around a label, beside and above
_GAP = (10.0, 9.0)  # points between boxes
_FILLED = 0.3  # of the room, boxes may take up so much before letters shrink
_SMALLEST = 5.5


@dataclass(frozen=True)
class _Rule:
    """A rule by the names of its products."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    lift: float
    support: float


@dataclass(frozen=True)
class _Net:
    """Products first, then a dot for each rule with more than two products."""

    products: list[str]
    n_dots: int
    edges: Ints  # from, to
    rule: Ints  # of each edge
    arrow: Any  # whether an edge ends at the consequent


def plot_rule_network(rules: IntoDataFrame, *, most: int = 30, ax: "Axes | None" = None) -> "Axes":
    """Draw the strongest rules as arrows between products.

    An arrow leads from the antecedent to the consequent. The lines of a rule with more products
    meet in a dot, from where the arrow goes on to the consequent. The darker an arrow, the higher
    the lift; the thicker, the more baskets hold all products of the rule.

    Parameters
    ----------
    rules : table
        As `association_rules` makes it: ``antecedents``, ``consequents``, ``support``,
        ``confidence`` and ``lift``. Rows with an unknown value are left out.
    most : int, default 30
        Most rules drawn, up to 200: those of the highest lift (of equal ones those with the higher
        support, then confidence). The title says how many there are. Lift favours rare products;
        a higher `min_support` in `frequent_itemsets` leaves them out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure. Places are made for the size that the Axes have at
        the call: in a figure with several Axes, draw this one last.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes drawn on.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    OptionError
        If `most` is not from 1 to 200, or `ax` is not an Axes.

    See Also
    --------
    association_rules : makes the table.
    plot_rules : all rules by support and confidence.

    Notes
    -----
    Places are found by attraction and repulsion, started from a circle in the order of the
    products' names, after which overlapping labels are pushed apart. The same rules give
    the same picture, whatever the order of the rows.

    References
    ----------
    Jacomy, Venturini, Heymann and Bastian (2014), ForceAtlas2, a continuous graph layout algorithm
    for handy network visualization, PLoS ONE 9(6), e98679.

    Examples
    --------
    >>> import crmlytics as crm
    >>> lists = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"], ["bread"]]
    >>> found = crm.rules.frequent_itemsets(lists, min_support=0.4)
    >>> ax = crm.rules.plot_rule_network(crm.rules.association_rules(found, min_confidence=0.6))
    >>> [text.get_text() for text in ax.texts]
    ['halva', 'milk', 'tea']
    """
    caller, maker = "plot_rule_network", "association_rules"
    limit = _checks.whole(most, name="most", caller=caller, low=1, high=_MOST)
    names = ("antecedents", "consequents", "support", "confidence", "lift")
    source = _frame.read(
        rules, caller=caller, argument="rules", roles={name: name for name in names}, maker=maker,
    )  # fmt: skip
    values = {name: _plot.numbers(source, name, maker) for name in names[2:]}
    known = ~np.isnan(list(values.values())).any(axis=0)
    if not known.any():
        return _plot.no_data(_plot.axes(ax, caller=caller), "Association rules")
    sides = [_products(source, name) for name in names[:2]]
    rows = sorted(np.flatnonzero(known), key=lambda row: (
        *(-values[name][row] for name in ("lift", "support", "confidence")),
        sides[0][row], sides[1][row],
    ))[:limit]  # fmt: skip
    strongest = [
        _Rule(sides[0][row], sides[1][row], values["lift"][row], values["support"][row])
        for row in rows
    ]
    net = _net(strongest)
    wide = float(np.clip(5.0 + 0.13 * len(net.products), 6.5, 13.0))
    drawn = _plot.axes(ax, caller=caller, figsize=(wide, 0.72 * wide))
    drawn.set(xticks=[], yticks=[])
    drawn.spines[:].set_visible(False)
    _draw(drawn, net, strongest, count_title(len(rows), int(known.sum())))
    return drawn


def _products(source: _frame.Source, role: str) -> list[tuple[str, ...]]:
    """Return the names in each set, sorted."""
    found, _ = _given.sets(source.column(role), f"column {role!r}", source.caller)
    labels = [str(label) for label in found.labels.to_list()]
    named = [labels[code] for code in found.codes]
    return [
        tuple(sorted(named[start : start + length]))
        for start, length in zip(found.starts.tolist(), found.lengths.tolist(), strict=True)
    ]


def _net(rules: list[_Rule]) -> _Net:
    """Give numbers to the nodes, and lay out the edges."""
    products = sorted({name for rule in rules for name in (*rule.left, *rule.right)})
    place = {name: at for at, name in enumerate(products)}
    edges, n_dots = [], 0
    for at, rule in enumerate(rules):
        if len(rule.left) == len(rule.right) == 1:
            edges.append((place[rule.left[0]], place[rule.right[0]], at, True))
            continue
        dot = len(products) + n_dots
        n_dots += 1
        edges += [(place[name], dot, at, False) for name in rule.left]
        edges += [(dot, place[name], at, True) for name in rule.right]
    table = np.array(edges, dtype=np.int64).reshape(-1, 4)
    return _Net(products, n_dots, table[:, :2], table[:, 2], table[:, 3] == 1)


def _draw(ax: "Axes", net: _Net, rules: list[_Rule], title: str) -> None:
    """Find places for the labels, in the size of the Axes, and draw."""
    from matplotlib.cm import ScalarMappable

    lift = np.array([rule.lift for rule in rules])
    shades = ScalarMappable(scale(lift), colours())
    shades.set_array(lift)
    lift_bar(ax, shades)
    _plot.head(ax, title)
    width, height = _plot.size(ax)
    ax.set(xlim=(0, width), ylim=(0, height))
    texts, boxes = _labels(ax, net, width * height)
    room = boxes + _GAP
    at = _network.places(net.edges, room, (width, height))
    patches = _nodes(ax, texts, boxes, at)
    _arrows(ax, net, rules, shades, (patches, at))


def _labels(ax: "Axes", net: _Net, area: float) -> tuple[list[Any], Floats]:
    """Write the labels, as large as there is room for; also return the size of all nodes."""
    texts = [
        ax.text(
            0, 0, _plot.label(name), ha="center", va="center", color=_plot.INK, zorder=4,
            fontfamily=_plot.fonts(), parse_math=False, fontsize=9.0,
        )
        for name in net.products
    ]  # fmt: skip
    dots = np.full((net.n_dots, 2), _DOT)
    for points in (9.0, 8.5, 8.0, 7.5, 7.0, 6.5, 6.0, _SMALLEST):
        for text in texts:
            text.set_fontsize(points)
        boxes = np.concatenate([[_extent(ax, text) for text in texts], dots])
        if (boxes + _GAP).prod(axis=1).sum() <= _FILLED * area:
            break
    return texts, boxes


def _extent(ax: "Axes", text: Any) -> tuple[float, float]:
    """Return the width and height of a label's box in points."""
    box = text.get_window_extent()
    scaled = 72 / ax.figure.dpi
    return box.width * scaled + _PAD[0], box.height * scaled + _PAD[1]


def _nodes(ax: "Axes", texts: list[Any], boxes: Floats, at: Floats) -> list[Any]:
    """Draw the boxes of products and the dots of rules."""
    from matplotlib.patches import Ellipse, FancyBboxPatch

    patches: list[Any] = []
    for text, (wide, high), (x, y) in zip(texts, boxes, at, strict=False):
        text.set_position((x, y))
        patches.append(FancyBboxPatch(
            (x - wide / 2, y - high / 2), wide, high, boxstyle="round,pad=0,rounding_size=4",
            facecolor="#f7f7f7", edgecolor=_plot.PALE, linewidth=0.7, zorder=3,
        ))  # fmt: skip
    for x, y in at[len(texts) :]:
        patches.append(Ellipse((x, y), _DOT, _DOT, color=_plot.PALE, linewidth=0, zorder=2.5))
    for patch in patches:
        ax.add_patch(patch)
    return patches


def _arrows(
    ax: "Axes", net: _Net, rules: list[_Rule], shades: Any, nodes: tuple[list[Any], Floats]
) -> None:
    """Draw the lines of rules, from the lowest lift to the highest."""
    from matplotlib.patches import FancyArrowPatch

    patches, at = nodes
    support = np.array([rule.support for rule in rules])
    thick = 0.8 + 1.8 * support / max(float(support.max()), 1e-12)
    both_ways = {(b, a) for a, b in net.edges.tolist()}
    for edge in np.arange(len(net.edges))[::-1]:
        tail, tip = net.edges[edge].tolist()
        rule = int(net.rule[edge])
        bend = 0.18 if (tail, tip) in both_ways else 0.06
        ax.add_patch(FancyArrowPatch(
            tuple(at[tail]), tuple(at[tip]), patchA=patches[tail], patchB=patches[tip],
            shrinkA=0, shrinkB=1 if net.arrow[edge] else 0,
            arrowstyle="-|>" if net.arrow[edge] else "-", mutation_scale=6 + 2 * thick[rule],
            connectionstyle=f"arc3,rad={bend}", linewidth=thick[rule],
            color=shades.to_rgba(rules[rule].lift), zorder=2,
        ))  # fmt: skip
