"""Affinity of products: pairs that enough baskets hold, and how closely they belong together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _intervals, _progress, _result
from crmlytics._columns import Floats, Ints
from crmlytics.errors import DataError
from crmlytics.rules import _fisher, _itemsets, _measures, _read, _rules
from crmlytics.rules._baskets import Baskets

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame

_PRODUCTS = 8_000_000  # multiplications whose outcomes are held at once


@dataclass(frozen=True)
class _Pairs:
    """Pairs of items, the lower number first, and how many baskets hold both."""

    left: Ints
    right: Ints
    both: Ints


def product_affinity(
    transactions: "IntoDataFrame | Baskets | Sequence[Any]",
    *,
    min_count: int = 5,
    min_support: float | None = None,
    correction: str | None = "bh",
    max_pairs: int = 5_000_000,
    level_col: str | None = None,
    max_size: int | None = None,
    order_col: str = "order_id",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
    confidence: float = 0.95,
) -> Any:
    r"""Measure how closely each two products belong together.

    Of n baskets, n_a hold product a, n_b product b and n_ab both. The lift says how many times as
    often the two stand together as they would by chance: ``lift = n_ab n / (n_a n_b)``.

    Parameters
    ----------
    transactions : table, Baskets, list of lists or sparse matrix
        What :func:`baskets` takes (no lazy tables), or its answer.
    min_count : int, default 5
        Least number of baskets with both products, inclusive. Lifts of pairs that few baskets hold
        say little.
    min_support : float or int, optional
        A second threshold, as in :func:`frequent_itemsets`: least share of baskets, above 0 and up
        to 1.0, or least number of baskets; the higher of the two holds.
    correction : {"bh", "holm", "bonferroni"} or None, default "bh"
        How p-values are corrected for the number of pairs tested; see Notes.
    max_pairs : int, default 5,000,000
        Pairs above this number are an error, raised before memory is used up.
    level_col, max_size, order_col, product_col, quantity_col, amount_col : optional
        As in :func:`baskets`; without effect where baskets are given.
    confidence : float, default 0.95
        Level of the interval of each lift.

    Returns
    -------
    table
        One row a pair, by falling count, then by the products' names: ``product_a``,
        ``product_b`` (as in the caller's column; a before b in the order of names), ``count`` (int,
        baskets with both), ``support`` (float, share of all baskets), ``confidence_ab`` (float,
        share of the baskets with a that hold b), ``confidence_ba`` (float, share of the baskets
        with b that hold a), ``lift`` (float), ``lower``, ``upper`` (float, interval of the lift),
        ``cosine``, ``jaccard``, ``phi`` (float; phi is null where a product is in every basket),
        ``p_value``, ``q_value`` (float; q_value is null without `correction`).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        As in :func:`baskets`; or if there are more than `max_pairs` pairs.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        As in :func:`baskets`.

    See Also
    --------
    association_rules : the same for sets of any length, with a direction.
    purchase_sequences : what is bought on a later day.
    plot_affinity : draws the answer.

    Notes
    -----
    ``cosine = n_ab / sqrt(n_a n_b)``; ``jaccard = n_ab / (n_a + n_b - n_ab)``; with b = n_a - n_ab,
    c = n_b - n_ab and d = n - n_a - n_b + n_ab: ``phi = (n_ab d - b c) / sqrt(n_a (n - n_a) n_b
    (n - n_b))``.

    The interval of the lift comes from the delta method on its logarithm, with baskets drawn one by
    one: ``variance = 1 / n_ab - 1 / n_a - 1 / n_b + (2 lift - 1) / n``, and the bounds are
    ``lift exp(-z sqrt(variance))`` and ``lift exp(z sqrt(variance))``. It treats baskets of one
    customer as independent, and is rough for counts below about 10.

    The p-value is that of Fisher's exact test, one-sided: how probable is it that at least n_ab of
    the n_a baskets hold b, were a and b independent? Tested are all pairs of products of which each
    is in at least as many baskets as the threshold asks for; those that too few baskets hold
    together count as tests that found nothing (p = 1). Which pairs are tested therefore does not
    depend on what is tested, and the q-values of a long list of products are as strict as they
    have to be.

    References
    ----------
    Brin, Motwani, Ullman and Tsur (1997), Dynamic itemset counting and implication rules for market
    basket data, Proc. ACM SIGMOD, 255-264 (lift, there called interest). Agresti (2013),
    Categorical Data Analysis, 3rd ed., p. 73 (delta method for logarithms of ratios), p. 90
    (Fisher's exact test). Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B
    57, p. 293.

    Examples
    --------
    >>> import crmlytics as crm
    >>> lists = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"], ["bread"]]
    >>> pairs = crm.rules.product_affinity(lists, min_count=1)
    >>> pairs[["product_a", "product_b", "count", "confidence_ab", "confidence_ba", "lift"]]
      product_a product_b  count  confidence_ab  confidence_ba  lift
    0     halva       tea      2            1.0            0.5  1.25
    1      milk       tea      2            1.0            0.5  1.25
    2     halva      milk      1            0.5            0.5  1.25
    """
    caller = "product_affinity"
    floor = _checks.whole(min_count, name="min_count", caller=caller, low=1)
    support = None if min_support is None else _itemsets.min_support_of(min_support, caller)
    if correction is not None:
        _checks.choice(correction, tuple(_rules.CORRECTIONS), name="correction", caller=caller)
    budget = _checks.whole(max_pairs, name="max_pairs", caller=caller, low=1)
    level = _checks.confidence(confidence, caller)
    given = _read.read(
        transactions, caller, level_col=level_col, max_size=max_size, order_col=order_col,
        product_col=product_col, quantity_col=quantity_col, amount_col=amount_col,
    )  # fmt: skip
    least = floor if support is None else max(
        floor, _itemsets.least_count(support, given.n_baskets)
    )  # fmt: skip
    found = _pairs(given, least, budget, caller)
    tested = int(np.count_nonzero(given.counts >= least))
    return _answer(given, found, tested * (tested - 1) // 2, correction, level)


def _pairs(given: Baskets, least: int, budget: int, caller: str) -> _Pairs:
    """Find the pairs that enough baskets hold, by falling count, then by their numbers."""
    parts, reached = [_Pairs(*(np.zeros(0, dtype=np.int64) for _ in range(3)))], 0
    with _progress.bar(given.n_items, caller, "products") as tell:
        for n_done, part in _products(given, least):
            parts.append(part)
            reached += len(part.both)
            tell(n_done)
            if reached > budget:
                raise DataError(
                    f"{caller}: more than max_pairs={budget:,} pairs of products are in at least "
                    f"{least:,} of {given.n_baskets:,} baskets ({reached:,} when it stopped). "
                    "Raise min_count, name a column of categories in level_col, or allow more."
                )
    left, right, both = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("left", "right", "both")
    )
    order = np.lexsort([right, left, -both])
    return _Pairs(left[order], right[order], both[order])


def _products(given: Baskets, least: int) -> Iterator[tuple[int, _Pairs]]:
    """Multiply baskets by themselves, some items at a time; also say how many these were."""
    from scipy.sparse import csr_matrix

    items = np.flatnonzero(given.counts >= least)
    place = np.full(given.n_items, -1)
    place[items] = np.arange(len(items))
    code = place[given.codes]
    owner, code = given.owners[code >= 0], code[code >= 0]
    ones = np.ones(len(code), dtype=np.int32)
    held = csr_matrix((ones, (owner, code)), shape=(given.n_baskets, len(items)))
    holders = held.T.tocsr()
    sizes = np.diff(held.indptr).astype(np.int64)
    work = np.cumsum(np.bincount(code, sizes[owner], len(items)))
    first = 0
    while first < len(items):
        done = work[first - 1] if first else 0
        last = max(int(np.searchsorted(work, done + _PRODUCTS, side="right")), first + 1)
        both = (holders[first:last] @ held).tocoo()
        left = both.row.astype(np.int64) + first
        kept = (both.col > left) & (both.data >= least)
        right = both.col[kept].astype(np.int64)
        yield (
            last - first,
            _Pairs(items[left[kept]], items[right], both.data[kept].astype(np.int64)),
        )
        first = last


def _answer(
    given: Baskets, found: _Pairs, n_tests: int, correction: str | None, level: float
) -> Any:
    """Lay out pairs as a table of the caller's kind."""
    n = max(given.n_baskets, 1)
    left, right = given.counts[found.left], given.counts[found.right]
    measured = _measures.measures(found.both, left, right, n, level)
    lower, upper = _lift_bounds(found.both, left, right, n, level)
    p_values = _fisher.p_values(found.both, left, right, n)
    columns: dict[str, Any] = {
        "product_a": given.labels[found.left],
        "product_b": given.labels[found.right],
        "count": pa.array(found.both),
        "support": pa.array(measured["support"]),
        "confidence_ab": pa.array(measured["confidence"]),
        "confidence_ba": pa.array(found.both / right),
        "lift": pa.array(measured["lift"]),
        "lower": pa.array(lower),
        "upper": pa.array(upper),
    }
    for name in ("cosine", "jaccard", "phi"):
        columns[name] = _result.column(measured[name])
    columns["p_value"] = pa.array(p_values)
    columns["q_value"] = pa.nulls(len(p_values), pa.float64())
    if correction is not None:
        columns["q_value"] = pa.array(_rules.CORRECTIONS[correction](p_values, n_tests))
    return _result.assemble(columns, given.like)


def _lift_bounds(
    both: Ints, left: Ints, right: Ints, n: int, level: float
) -> tuple[Floats, Floats]:
    """Return the interval of the lift, symmetric in its logarithm."""
    lift = both / left * (n / right)
    variance = 1 / both - 1 / left - 1 / right + (2 * lift - 1) / n
    reach = _intervals.z_value(level) * np.sqrt(np.maximum(variance, 0.0))
    return lift * np.exp(-reach), lift * np.exp(reach)
