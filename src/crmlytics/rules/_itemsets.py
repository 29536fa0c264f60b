"""Frequent itemsets: which products stand together in many baskets."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _progress, _result
from crmlytics._columns import Bools
from crmlytics.errors import DataError, OptionError
from crmlytics.rules import _baskets, _index, _miner, _read, _sets
from crmlytics.rules._baskets import Baskets
from crmlytics.rules._miner import Mined

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame

KINDS = ("all", "closed", "maximal")
SCHEMA = {"support": "float", "itemsets": "set", "length": "int", "count": "int"}
_ENDLESS = 1 << 30
_COMPILED_FROM = 200_000  # entries; below, loading the compiled kernels costs more than they save


def baskets(
    transactions: "IntoFrame | Sequence[Any]",
    *,
    level_col: str | None = None,
    max_size: int | None = None,
    order_col: str = "order_id",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
) -> Baskets:
    """Read baskets once, to use them in several functions.

    A basket is all that one order holds; a product counts once, however many lines or pieces of it
    there are. Lines without a product and returns are left out and counted.

    Parameters
    ----------
    transactions : table, list of lists or sparse matrix
        One row per order line; a Polars LazyFrame or DuckDB relation is reduced in its engine. Or
        a one-hot table (a row for each basket, a column of True and False, or 0 and 1, for each
        product), a list with a list of products for each basket, or a scipy sparse matrix of
        baskets by products.
    level_col : str, optional
        Column with the category of each line: then baskets hold categories instead of products.
    max_size : int, optional
        Most different products of a basket; larger baskets (of resellers, mostly) are left out
        whole, and counted. All are used by default.
    order_col, product_col : str
        Names of the columns.
    quantity_col, amount_col : str or None, default "quantity", "amount"
        Lines with a quantity or amount below 0 are returns. Tables without these columns have no
        returns.

    Returns
    -------
    Baskets
        What the functions of this room take in place of a table: ``n_baskets``, ``items`` (their
        names, sorted), ``counts`` (baskets of each item), ``codes`` and ``starts`` (the items of
        each basket as numbers), ``dropped`` and ``summary()``. Orders that nothing is left of are
        no baskets; empty lists and empty rows of a one-hot table or matrix are.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If order ids are null, or what is given is no table, list of lists or matrix. A basket
        given as text is refused, as it would be read as its letters.
    OptionError
        If `max_size` is below 1.

    Warns
    -----
    CrmlyticsWarning
        If lines without a product or baskets above `max_size` are left out.

    See Also
    --------
    frequent_itemsets : products that stand together.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> lines = pd.DataFrame(
    ...     {
    ...         "order_id": [1, 1, 1, 2, 2],
    ...         "product_id": ["tea", "tea", "milk", "tea", "halva"],
    ...     }
    ... )
    >>> read = crm.rules.baskets(lines)
    >>> read.n_baskets, list(read.items), read.counts.tolist(), read.dropped["duplicates"]
    (2, ['halva', 'milk', 'tea'], [1, 1, 2], 1)
    """
    return _read.read(
        transactions, "baskets", level_col=level_col, max_size=max_size, lazy=True,
        order_col=order_col, product_col=product_col, quantity_col=quantity_col,
        amount_col=amount_col,
    )  # fmt: skip


def frequent_itemsets(
    transactions: "IntoFrame | Baskets | Sequence[Any]",
    *,
    min_support: float,
    max_length: int | None = None,
    kind: str = "all",
    max_itemsets: int = 5_000_000,
    exclude: Sequence[Any] | None = None,
    level_col: str | None = None,
    max_size: int | None = None,
    order_col: str = "order_id",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
) -> Any:
    """Find all sets of products that enough baskets hold.

    ``support = count / baskets``. The answer is exact and complete: nothing is sampled, and a
    result that would be too long is an error and not cut.

    Parameters
    ----------
    transactions : table, Baskets, list of lists or sparse matrix
        What :func:`baskets` takes, or its answer.
    min_support : float or int
        Least share of baskets, above 0 and below 1, inclusive; or least number of baskets, as a
        whole number of 1 or more (1.0 is a share: all baskets). A share p asks for at least
        ceil(p n) baskets.
    max_length : int, optional
        Most products of a set.
    kind : {"all", "closed", "maximal"}, default "all"
        All frequent sets; closed ones, of which no larger set is held by as many baskets; or
        maximal ones, of which no larger set is frequent. With `max_length`, sets of that length
        are still judged by the sets one longer. Association rules need all.
    max_itemsets : int, default 5,000,000
        Frequent sets above this number are an error, raised before memory is used up.
    exclude : list, optional
        Products left out (carrier bags, deposits). Baskets count as before.
    level_col, max_size, order_col, product_col, quantity_col, amount_col : optional
        As in :func:`baskets`; without effect where baskets are given.

    Returns
    -------
    table
        One row a set, by length, then by falling count, then by the products' names:
        ``support`` (float, share of baskets), ``itemsets`` (frozenset in pandas, else a sorted
        list), ``length`` (int, products), ``count`` (int, baskets). No row where nothing is
        frequent. Lists and matrices are answered in pandas. Lazy tables are read by
        :func:`baskets` first, and answered in Polars (Polars) or PyArrow (DuckDB).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        As in :func:`baskets`; or if there are more than `max_itemsets` sets.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        As in :func:`baskets`.

    See Also
    --------
    association_rules : what goes with what, and whether that could be chance.

    Notes
    -----
    The columns have the names of mlxtend, so that either library's rules can be made of them.
    Products are joined as in Eclat, on bits: the baskets of a set are where both of two shorter
    sets have a bit. Where numba is installed (``crmlytics[fast]``), large tables are mined by
    compiled kernels, with the same answer.

    References
    ----------
    Agrawal and Srikant (1994), Fast algorithms for mining association rules, Proc. 20th VLDB,
    487-499. Zaki (2000), Scalable algorithms for association mining, IEEE Transactions on Knowledge
    and Data Engineering 12(3), 372-390 (Eclat). Pasquier et al. (1999), Discovering frequent closed
    itemsets, Proc. 7th ICDT, 398-416.

    Examples
    --------
    >>> import crmlytics as crm
    >>> lists = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"]]
    >>> found = crm.rules.frequent_itemsets(lists, min_support=0.5)
    >>> found.assign(itemsets=found["itemsets"].map(sorted))
       support      itemsets  length  count
    0      1.0         [tea]       1      4
    1      0.5       [halva]       1      2
    2      0.5        [milk]       1      2
    3      0.5  [halva, tea]       2      2
    4      0.5   [milk, tea]       2      2
    """
    caller = "frequent_itemsets"
    support = min_support_of(min_support, caller)
    longest = _ENDLESS if max_length is None else _checks.whole(
        max_length, name="max_length", caller=caller, low=1
    )  # fmt: skip
    _checks.choice(kind, KINDS, name="kind", caller=caller)
    budget = _checks.whole(max_itemsets, name="max_itemsets", caller=caller, low=1)
    given = _read.read(
        transactions, caller, level_col=level_col, max_size=max_size, order_col=order_col,
        product_col=product_col, quantity_col=quantity_col, amount_col=amount_col,
    )  # fmt: skip
    least = least_count(support, given.n_baskets)
    left_out = None
    if exclude is not None:
        labels = given.labels.to_list()
        left_out = _baskets.marked(labels, exclude, name="exclude", caller=caller)
    deeper = longest if kind == "all" else longest + 1
    mined = mine(given, least, deeper, budget, caller, left_out)
    if kind != "all":
        mined = _only(mined, kind, given.n_items, longest)
    return answer(_sorted(mined, given.n_items), given)


def min_support_of(value: Any, caller: str) -> float:
    """Check a least support: a share as a float, or a number of baskets as an int."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole and value >= 1:
        return int(value)
    if isinstance(value, float | np.floating) and 0 < value <= 1:
        return float(value)
    raise OptionError(
        f"{caller}: min_support must be a share above 0 and up to 1.0, or a whole number of "
        f"baskets of 1 or more; got {value!r}."
    )


def least_count(support: float, n_baskets: int) -> int:
    """Return the least number of baskets of a frequent set."""
    if isinstance(support, int):
        return support
    # a share that meets a whole number may come out a hair above it, or more in large numbers
    return max(int(np.ceil(support * n_baskets * (1 - 1e-15) - 1e-9)), 1)


def mine(
    given: Baskets, least: int, longest: int, budget: int, caller: str, exclude: Bools | None = None
) -> Mined:
    """Mine baskets; too many itemsets are an error in words."""
    owner, codes = given.owners, given.codes
    if exclude is not None:
        kept = ~exclude[codes]
        owner, codes = owner[kept], codes[kept]
    lines = _miner.prepare(owner, codes, given.n_items, least)
    engine: Callable[..., Mined] = _engine(len(lines.codes))
    with _progress.bar(len(lines.items), caller, "products") as tell:
        try:
            return engine(lines, least, longest, budget, tell)
        except _miner.BudgetError as error:
            raise DataError(
                f"{caller}: more than max_itemsets={budget:,} sets of products are in at least "
                f"{least:,} of {given.n_baskets:,} baskets ({error.reached:,} when it stopped). "
                "Raise min_support, set max_length, exclude the commonest products, or allow more."
            ) from None


def _engine(n_entries: int) -> Any:
    """Choose the compiled kernels where they are installed and there is enough to do."""
    if n_entries >= _COMPILED_FROM:
        try:
            from crmlytics.rules import _kernels
        except ImportError:
            return _miner.mine
        return _kernels.mine
    return _miner.mine


def _only(mined: Mined, kind: str, n_items: int, longest: int) -> Mined:
    """Keep closed or maximal sets, judged with those one longer than asked for."""
    closed, maximal = _index.closed_and_maximal(mined.codes, mined.counts, n_items)
    kept = closed if kind == "closed" else maximal
    codes, counts, at = [], [], 0
    for part, count in zip(mined.codes, mined.counts, strict=True):
        here = kept[at : at + len(part)]
        at += len(part)
        if part.shape[1] <= longest and here.any():
            codes.append(part[here])
            counts.append(count[here])
    return Mined(codes, counts)


def _sorted(mined: Mined, n_items: int) -> Mined:
    """Put itemsets of a length in order: falling counts, then the items' numbers."""
    bits = max(n_items, 1).bit_length()
    orders = [
        _index.canonical(codes, counts, bits)
        for codes, counts in zip(mined.codes, mined.counts, strict=True)
    ]
    return Mined(
        [codes[order] for codes, order in zip(mined.codes, orders, strict=True)],
        [counts[order] for counts, order in zip(mined.counts, orders, strict=True)],
    )


def answer(mined: Mined, given: Baskets) -> Any:
    """Lay out itemsets as a table of the caller's kind."""
    counts = np.concatenate([*mined.counts, np.zeros(0, dtype=np.int64)])
    lengths = [np.full(len(codes), codes.shape[1]) for codes in mined.codes]
    columns = {
        "support": pa.array(counts / max(given.n_baskets, 1)),
        "itemsets": _sets.column(mined.codes, given.labels, given.like),
        "length": pa.array(np.concatenate([*lengths, np.zeros(0, dtype=np.int64)])),
        "count": pa.array(counts),
    }
    return _result.assemble(columns, given.like)
