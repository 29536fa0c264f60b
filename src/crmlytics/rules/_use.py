"""Rules used: held against later baskets, and matched to the baskets in which they fire."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _checks, _columns, _frame, _intervals, _result
from crmlytics._columns import Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError
from crmlytics.rules import _given, _read, _supports
from crmlytics.rules._baskets import Baskets
from crmlytics.rules._given import Sets

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

HOLDOUT = (
    "holdout_support", "holdout_confidence", "holdout_lower", "holdout_upper", "holdout_lift",
    "holdout_count", "holdout_antecedents",
)  # fmt: skip
_MAKER = "association_rules"


@dataclass(frozen=True)
class _Rules:
    """Rules of a table; items have places, of which some baskets may hold none."""

    source: Source
    left: Sets
    right: Sets
    left_items: Ints  # place of each label of `left`
    right_items: Ints
    labels: list[Any]  # of the places

    @property
    def n_rules(self) -> int:
        return len(self.left.lengths)

    def sides(self) -> tuple[list[Ints], list[Ints]]:
        """Return the places of antecedents and of consequents, rule by rule."""
        if not self.n_rules:
            return [], []
        sides = []
        for sets, items in ((self.left, self.left_items), (self.right, self.right_items)):
            sides.append(np.split(items[sets.codes], np.cumsum(sets.lengths)[:-1]))
        return sides[0], sides[1]


def _read_rules(rules: Any, caller: str, *numbers: str) -> _Rules:
    roles: dict[str, str | None] = {"antecedents": "antecedents", "consequents": "consequents"}
    roles |= {name: name for name in numbers}
    source = _frame.read(rules, caller=caller, argument="rules", roles=roles, maker=_MAKER)
    left, _ = _given.sets(source.column("antecedents"), "column 'antecedents'", caller)
    right, _ = _given.sets(source.column("consequents"), "column 'consequents'", caller)
    if len(left.lengths) and min(left.lengths.min(), right.lengths.min()) == 0:
        raise ColumnError(f"{caller}: rules has an empty set. Drop its row.")
    families = [_columns.family(sets.labels) for sets in (left, right)]
    if len(left.lengths) and families[0] != families[1]:
        raise ColumnError(
            f"{caller}: 'antecedents' holds {families[0]}s, 'consequents' {families[1]}s. Make "
            "them one type first."
        )
    names = [*left.labels.to_list(), *right.labels.to_list()]
    labels = sorted(set(names))
    place = {label: at for at, label in enumerate(labels)}
    both = np.array([place[name] for name in names], dtype=np.int64)
    n = len(left.labels)
    return _Rules(source, left, right, both[:n], both[n:], labels)


def _places(read: _Rules, baskets: Baskets) -> Ints:
    """Return the place of each item of baskets among those of rules; -1 where it has none."""
    if len(baskets.labels) and len(read.labels):
        here = _columns.family(baskets.labels)
        there = _columns.family(read.left.labels)
        if here != there:
            raise ColumnError(
                f"{read.source.caller}: the products of the baskets are {here}s, those of rules "
                f"{there}s, so that none would match. Make them one type first."
            )
    place = {label: at for at, label in enumerate(read.labels)}
    return np.array([place.get(item, -1) for item in baskets.labels.to_list()], dtype=np.int64)


def validate_rules(
    rules: "IntoDataFrameT",
    transactions: Any,
    *,
    confidence: float = 0.95,
    level_col: str | None = None,
    max_size: int | None = None,
    order_col: str = "order_id",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
) -> "IntoDataFrameT":
    """Hold rules against baskets that they were not made from, best later ones.

    Parameters
    ----------
    rules : table
        The answer of :func:`association_rules`: columns ``antecedents`` and ``consequents``.
    transactions : table, Baskets, list of lists or sparse matrix
        Other baskets; what :func:`baskets` takes, or its answer.
    confidence : float, default 0.95
        Level of the interval.
    level_col, max_size, order_col, product_col, quantity_col, amount_col : optional
        As in :func:`baskets`.

    Returns
    -------
    table
        The rules, all columns in their order, with ``holdout_support``, ``holdout_confidence``
        (float, shares of the other baskets), ``holdout_lower``, ``holdout_upper`` (float, Wilson
        interval of the confidence), ``holdout_lift`` (float), ``holdout_count`` (int, baskets with
        all products of the rule), ``holdout_antecedents`` (int, baskets with its antecedents).
        Confidence is null where no basket holds the antecedents, lift also where none holds the
        consequents.

    Raises
    ------
    ColumnError
        If a column is missing or does not hold sets, or products are of another type.
    DataError
        As in :func:`baskets`.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        As in :func:`baskets`.

    See Also
    --------
    association_rules : the rules.
    match_rules : which rules fire in which basket.

    Examples
    --------
    >>> import crmlytics as crm
    >>> old = [["tea", "milk"], ["tea", "milk"], ["tea"], ["bread"]]
    >>> new = [["milk", "tea"], ["milk"], ["bread", "tea"], ["bread"]]
    >>> found = crm.rules.frequent_itemsets(old, min_support=0.5)
    >>> rules = crm.rules.association_rules(found, min_confidence=0.9)
    >>> checked = crm.rules.validate_rules(rules, new)
    >>> checked[["antecedents", "consequents", "confidence", "holdout_confidence"]]
             antecedents       consequents  confidence  holdout_confidence
    0  frozenset({milk})  frozenset({tea})         1.0                 0.5
    """
    caller = "validate_rules"
    level = _checks.confidence(confidence, caller)
    read = _read_rules(rules, caller)
    baskets = _read.read(
        transactions, caller, level_col=level_col, max_size=max_size, order_col=order_col,
        product_col=product_col, quantity_col=quantity_col, amount_col=amount_col,
    )  # fmt: skip
    left, right, both = _counted(read, baskets)
    n = max(baskets.n_baskets, 1)
    lower, upper = _intervals.wilson(both, left, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        sure = both / left
        lift = sure / (right / n)
    measured: dict[str, Floats | Ints] = dict(
        zip(HOLDOUT, (both / n, sure, lower, upper, lift, both, left), strict=True)
    )
    columns = {
        name: pa.array(values) if values.dtype.kind == "i" else _result.column(values)
        for name, values in measured.items()
    }
    answer: IntoDataFrameT = _result.extended(read.source, columns)
    return answer


def _counted(read: _Rules, baskets: Baskets) -> tuple[Ints, Ints, Ints]:
    """Count the baskets with antecedents, consequents and both, rule by rule."""
    if not read.n_rules:
        return (np.zeros(0, dtype=np.int64),) * 3
    sides = read.sides()
    sets = [*sides[0], *sides[1], *(np.append(a, b) for a, b in zip(*sides, strict=True))]
    keys = [tuple(np.unique(one).tolist()) for one in sets]
    different = list(dict.fromkeys(keys))
    lengths = sorted({len(key) for key in different})
    parts = [np.array([k for k in different if len(k) == size]) for size in lengths]
    found = _supports.counts(baskets, _places(read, baskets), len(read.labels), parts)
    count = {
        tuple(key): int(n)
        for part, values in zip(parts, found, strict=True)
        for key, n in zip(part.tolist(), values.tolist(), strict=True)
    }
    every = np.array([count[key] for key in keys], dtype=np.int64)
    left, right, both = np.split(every, 3)
    return left, right, both


def match_rules(
    rules: "IntoDataFrameT",
    baskets: Any,
    *,
    held: bool = False,
    order_col: str = "order_id",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
) -> Any:
    """Say which products rules lead to from each basket, and by which rule.

    A rule fires where a basket holds all its antecedents. Of several rules to the same product the
    one with the highest confidence counts; of equal ones that with the higher lift, then with fewer
    antecedents, then the first by their names.

    Parameters
    ----------
    rules : table
        The answer of :func:`association_rules`, or some of its rows. A rule with several
        consequents leads to each of them.
    baskets : table, Baskets, list of lists or sparse matrix
        What :func:`baskets` takes, or its answer.
    held : bool, default False
        Whether products are named that the basket holds already.
    order_col, product_col, quantity_col, amount_col : str or None
        As in :func:`baskets`.

    Returns
    -------
    table
        One row for each basket and product, in the kind of `baskets`, sorted by order, then by
        falling confidence and lift: the order under its own name (its number from 0 for lists and
        matrices), ``consequent`` (the product), ``antecedents`` (frozenset in pandas, else a list),
        ``confidence``, ``lift`` (float, of the rule), ``rule`` (int, its row in `rules`, from 0).

    Raises
    ------
    ColumnError
        If a column is missing or does not hold sets, or products are of another type.
    DataError
        As in :func:`baskets`.
    OptionError
        If `held` is not True or False.

    Warns
    -----
    CrmlyticsWarning
        As in :func:`baskets`.

    See Also
    --------
    fit_suggestions : ranked lists, which are better than rules at finding the next product.

    Examples
    --------
    >>> import crmlytics as crm
    >>> old = [["tea", "milk"], ["tea", "milk"], ["tea"], ["bread"]]
    >>> found = crm.rules.frequent_itemsets(old, min_support=0.5)
    >>> rules = crm.rules.association_rules(found)
    >>> crm.rules.match_rules(rules, [["milk"], ["tea", "bread"]])
       basket consequent        antecedents  confidence      lift  rule
    0       0        tea  frozenset({milk})    1.000000  1.333333     0
    1       1       milk   frozenset({tea})    0.666667  1.333333     1
    """
    caller = "match_rules"
    _checks.flag(held, name="held", caller=caller)
    read = _read_rules(rules, caller, "confidence", "lift")
    given = _read.read(
        baskets, caller, level_col=None, max_size=None, order_col=order_col,
        product_col=product_col, quantity_col=quantity_col, amount_col=amount_col,
    )  # fmt: skip
    sure, lift = read.source.numbers("confidence"), read.source.numbers("lift")
    best_first = _best_first(read, sure, lift)
    fired = _fired(read, given, best_first, held=held)
    order = np.lexsort([fired[1], -lift[fired[2]], -sure[fired[2]], _order_rank(given)[fired[0]]])
    basket, consequent, rule = (each[order] for each in fired)
    return _matches(read, given, basket, consequent, rule)


def _best_first(read: _Rules, sure: Floats, lift: Floats) -> Ints:
    """Order rules so that the first to fire is the one to name; not by their rows."""
    sides = zip(*read.sides(), strict=True)
    contents = [(len(a), *np.sort(a).tolist(), *np.sort(b).tolist()) for a, b in sides]
    keys = list(zip((-sure).tolist(), (-lift).tolist(), contents, strict=True))
    return np.array(sorted(range(read.n_rules), key=keys.__getitem__), dtype=np.int64)


def _order_rank(given: Baskets) -> Ints:
    """Return the place of each basket in the order of its id."""
    rank = np.empty(given.n_baskets, dtype=np.int64)
    rank[_columns.argsort(given.orders)] = np.arange(given.n_baskets)
    return rank


def _fired(
    read: _Rules, given: Baskets, best_first: Ints, *, held: bool
) -> tuple[Ints, Ints, Ints]:
    """Return basket, place of the product and rule, once for each basket and product."""
    left, right = read.sides()
    steps = [(int(rule), int(item)) for rule in best_first for item in right[rule]]
    found: list[tuple[Ints, int, int]] = []
    place = _places(read, given)
    for first, _, bits in _supports.bit_blocks(given, place, len(read.labels)):
        open_for = {}
        for rule, item in steps:
            if item not in open_for:
                open_for[item] = ~np.zeros_like(bits[item]) if held else ~bits[item]
            fires = _supports.held(bits, left[rule][None, :])[0] & open_for[item]
            if fires.any():
                open_for[item] &= ~fires
                there = np.unpackbits(fires.view(np.uint8), bitorder="little")
                found.append((np.flatnonzero(there) + first, item, rule))
    none = np.zeros(0, dtype=np.int64)
    sizes = [len(each[0]) for each in found]
    return (
        np.concatenate([none, *(each[0] for each in found)]),
        np.repeat(np.array([each[1] for each in found], dtype=np.int64), sizes),
        np.repeat(np.array([each[2] for each in found], dtype=np.int64), sizes),
    )


def _matches(read: _Rules, given: Baskets, basket: Ints, consequent: Ints, rule: Ints) -> Any:
    """Lay out what fired as a table of the baskets' kind."""
    by_place = np.zeros(len(read.labels), dtype=np.int64)
    by_place[read.right_items] = np.arange(len(read.right_items))
    products = _result.ids(read.right.labels)
    source = read.source
    columns: dict[str, Any] = {
        given.like.names["order"]: given.orders[basket],
        "consequent": products.take(pa.array(by_place[consequent])),
        "antecedents": _sets_column(read, given, rule),
        "confidence": pa.array(source.numbers("confidence")[rule]),
        "lift": _result.column(source.numbers("lift")[rule]),
        "rule": pa.array(rule),
    }
    return _result.assemble(columns, given.like)


def _sets_column(read: _Rules, given: Baskets, rule: Ints) -> Any:
    """Return the antecedents of rules as the baskets' kind of table holds sets."""
    column = read.source.column("antecedents")
    if given.like.kind == "pandas DataFrame":
        import pandas as pd

        made = np.empty(len(column), dtype=object)
        made[:] = [frozenset(one) for one in column.to_list()]
        picked: nw.Series[Any] = nw.from_native(pd.Series(made[rule]), series_only=True)
        return picked
    lists = [sorted(one) for one in column.to_list()]
    return pa.array(lists).take(pa.array(rule)) if lists else pa.array([], pa.list_(pa.string()))
