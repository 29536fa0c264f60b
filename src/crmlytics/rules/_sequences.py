"""Purchase sequences: what customers buy some days after something else."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _codes, _columns, _intervals, _progress, _result
from crmlytics._columns import Floats, Ints
from crmlytics.errors import DataError
from crmlytics.rules import _gaps, _history, _rules
from crmlytics.rules._gaps import Orders, Purchases
from crmlytics.rules._history import History

if TYPE_CHECKING:
    from datetime import date

    from narwhals.stable.v2.typing import IntoDataFrameT


def purchase_sequences(
    transactions: "IntoDataFrameT",
    *,
    max_gap_days: int,
    min_customers: int = 5,
    correction: str | None = "bh",
    max_pairs: int = 5_000_000,
    as_of: "date | str | None" = None,
    customer_col: str = "customer_id",
    date_col: str = "date",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
    confidence: float = 0.95,
) -> "IntoDataFrameT":
    """Find what customers buy within some days after something else.

    A customer has the sequence "A, then B" who bought B on a later day than A, at most
    `max_gap_days` later. Days count, not hours: what is bought on one day is no sequence.

    Parameters
    ----------
    transactions : table
        One row per order line. Rows after `as_of` are left out.
    max_gap_days : int
        Most days from A to B, inclusive; 1 is the next day.
    min_customers : int, default 5
        Least number of customers with a sequence, inclusive.
    correction : {"bh", "holm", "bonferroni"} or None, default "bh"
        How p-values are corrected for the number of sequences tested; see Notes.
    max_pairs : int, default 5,000,000
        Sequences above this number are an error, raised before memory is used up.
    as_of : date or str, default the last date of the table
        The last day seen, inclusive.
    customer_col, date_col, product_col : str
        Names of the columns. A column of categories in `product_col` gives sequences of categories.
    quantity_col, amount_col : str or None, default "quantity", "amount"
        Lines with a quantity or amount below 0 are returns, and left out. Tables without these
        columns have no returns.
    confidence : float, default 0.95
        Level of the interval of each confidence.

    Returns
    -------
    table
        One row for each ordered pair of different products, by falling number of customers, then
        by the products' names: ``first``, ``then`` (as in the caller's column), ``customers`` (int,
        who have the sequence), ``support`` (float, their share of all customers), ``confidence``
        (float, their share of the customers who ever bought `first`), ``lower``, ``upper`` (float,
        Wilson interval of the confidence), ``lift`` (float, confidence as a multiple of the share
        of all customers who ever bought `then`), ``median_gap_days`` (float, days; the median over
        these customers of each one's smallest gap), ``reverse_customers`` (int, who have "then,
        first" within as many days, with or without the sequence itself), ``p_value``, ``q_value``
        (float; q_value is null without `correction`).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If customers or dates are null, a table without rows has no `as_of`, or there are more than
        `max_pairs` sequences.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If lines without a product or returns are left out.

    See Also
    --------
    association_rules : what is bought together.
    product_affinity : pairs of products in one basket.

    Notes
    -----
    All customers means those with at least one line that is used. A customer counts once, however
    often the sequence occurred. Customers who bought `first` less than `max_gap_days` before
    `as_of` count like all others, although their time is not over: with a short table and long
    gaps, confidences are too low.

    The lift is below 1 for most pairs of rarely bought products with a short gap: its base is the
    share of customers who bought `then` at any time.

    The p-value is that of an exact, one-sided sign test (McNemar's exact test): of the d customers
    who have one of "A, then B" and "B, then A" within the gap but not both, k have the former; it
    is the probability of k or more heads among d throws of a coin, and 1 where d is 0. It tests the
    order alone: that customers who buy both with little time between buy A first. It says nothing
    about causes; a product that was launched late follows all others.

    Tested are all ordered pairs of products that at least `min_customers` customers bought one
    within the gap of the other, in whichever order; those with too few customers for a row count
    as tests that found nothing (p = 1).

    References
    ----------
    Agrawal and Srikant (1995), Mining sequential patterns, Proc. 11th ICDE, 3-14 (customers as the
    unit of support). Dixon and Mood (1946), The statistical sign test, JASA 41, 557-566. McNemar
    (1947), Psychometrika 12, 153-157. Wilson (1927), JASA 22, p. 209.

    Examples
    --------
    Two of the three who bought a samovar bought tea within ten days, after 2 and 5 days:

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(
    ...     ["2026-01-01", "2026-01-03", "2026-01-01", "2026-01-06", "2026-01-09"]
    ... )
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": [1, 1, 2, 2, 3],
    ...         "date": days,
    ...         "product_id": ["samovar", "tea", "samovar", "tea", "samovar"],
    ...     }
    ... )
    >>> found = crm.rules.purchase_sequences(lines, max_gap_days=10, min_customers=2)
    >>> found[["first", "then", "customers", "confidence", "median_gap_days", "p_value"]].round(3)
         first then  customers  confidence  median_gap_days  p_value
    0  samovar  tea          2       0.667              3.5     0.25
    """
    caller = "purchase_sequences"
    gap = _checks.whole(max_gap_days, name="max_gap_days", caller=caller, low=1)
    least = _checks.whole(min_customers, name="min_customers", caller=caller, low=1)
    if correction is not None:
        _checks.choice(correction, tuple(_rules.CORRECTIONS), name="correction", caller=caller)
    budget = _checks.whole(max_pairs, name="max_pairs", caller=caller, low=1)
    level = _checks.confidence(confidence, caller)
    history, _ = _history.read(
        transactions, caller, as_of=as_of, customer_col=customer_col, date_col=date_col,
        product_col=product_col, quantity_col=quantity_col, amount_col=amount_col,
    )  # fmt: skip
    buyers = _buyers(history)
    kept = np.flatnonzero(buyers >= least)
    found, tested = _found(history, kept, gap, least, budget)
    p_values = _sign_test(found.customers - found.both, found.reverse - found.both)
    columns = _columns_of(history, kept, buyers[kept], found, level)
    columns["p_value"] = pa.array(p_values)
    columns["q_value"] = pa.nulls(len(p_values), pa.float64())
    if correction is not None:
        columns["q_value"] = pa.array(_rules.CORRECTIONS[correction](p_values, tested))
    answer: IntoDataFrameT = _result.assemble(columns, history.source)
    return answer


def _buyers(history: History) -> Ints:
    """Count the customers of each item."""
    pairs = _codes.sorted_distinct(history.item * max(history.n_customers, 1) + history.customer)
    return np.bincount(pairs // max(history.n_customers, 1), minlength=history.n_items)


def _found(history: History, items: Ints, gap: int, least: int, budget: int) -> tuple[Orders, int]:
    """Return sequences among some items, numbered by their place, and how many were tested."""
    caller = history.source.caller
    place = np.full(history.n_items, -1)
    place[items] = np.arange(len(items))
    item = place[history.item]
    used = item >= 0
    given = Purchases(history.customer[used], history.day[used], item[used], len(items))
    none = np.zeros(0, dtype=np.int64)
    parts, reached, tested = [Orders(none, none, none, none, none, np.zeros(0))], 0, 0
    with _progress.bar(_gaps.n_runs(given), caller, "histories") as tell:
        for part, n_tests in _gaps.orders(given, gap, least, tell):
            parts.append(part)
            reached += len(part.first)
            tested += n_tests
            if reached > budget:
                raise DataError(
                    f"{caller}: at least {least:,} customers have more than max_pairs={budget:,} "
                    f"sequences ({reached:,} when it stopped). Raise min_customers, shorten "
                    "max_gap_days, name a column of categories in product_col, or allow more."
                )
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in Orders.__dataclass_fields__
    ]
    found = Orders(*columns)
    rank = np.empty(len(items), dtype=np.int64)
    if len(items):
        rank[_columns.argsort(history.items[items])] = np.arange(len(items))
    order = np.lexsort([rank[found.then], rank[found.first], -found.customers])
    return Orders(*(column[order] for column in columns)), tested


def _columns_of(
    history: History, items: Ints, buyers: Ints, found: Orders, level: float
) -> dict[str, Any]:
    """Lay out sequences as columns of a table."""
    labels, n = history.items[items], max(history.n_customers, 1)
    share = found.customers / buyers[found.first]
    lower, upper = _intervals.wilson(found.customers, buyers[found.first], level)
    return {
        "first": labels[found.first],
        "then": labels[found.then],
        "customers": pa.array(found.customers),
        "support": pa.array(found.customers / n),
        "confidence": pa.array(share),
        "lower": pa.array(lower),
        "upper": pa.array(upper),
        "lift": pa.array(share * (n / buyers[found.then])),
        "median_gap_days": pa.array(found.median),
        "reverse_customers": pa.array(found.reverse),
    }


def _sign_test(ours: Ints, theirs: Ints) -> Floats:
    """Return the probability of at least `ours` heads among `ours + theirs` throws of a coin."""
    from scipy.special import betainc

    k = np.maximum(ours, 1).astype(np.float64)
    tail = betainc(k, theirs + 1.0, 0.5)  # Abramowitz and Stegun 1964, 26.5.24
    return np.where(ours == 0, 1.0, tail)
