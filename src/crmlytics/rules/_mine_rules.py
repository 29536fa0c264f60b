"""From order lines to association rules in one call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmlytics import _checks
from crmlytics.rules import _read
from crmlytics.rules._baskets import Baskets
from crmlytics.rules._itemsets import frequent_itemsets
from crmlytics.rules._rules import association_rules

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame


def mine_rules(
    transactions: "IntoFrame | Baskets | Sequence[Any]",
    *,
    min_support: float = 0.01,
    max_length: int | None = None,
    min_confidence: float = 0.5,
    min_lift: float | None = None,
    max_consequents: int | None = 1,
    antecedents_in: Sequence[Any] | None = None,
    consequents_in: Sequence[Any] | None = None,
    exclude: Sequence[Any] | None = None,
    test: str | None = "fisher",
    correction: str | None = "bh",
    redundancy: bool = True,
    confidence: float = 0.95,
    level_col: str | None = None,
    max_size: int | None = None,
    order_col: str = "order_id",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
) -> Any:
    """Make association rules from order lines in one call.

    :func:`frequent_itemsets`, then :func:`association_rules`, whose options these are.

    Parameters
    ----------
    transactions : table, Baskets, list of lists or sparse matrix
        What :func:`baskets` takes, or its answer.
    min_support : float or int, default 0.01
        Least share of baskets, or number of them, that hold all products of a rule.
    max_length : int, optional
        Most products of a rule.
    min_confidence, min_lift, max_consequents, antecedents_in, consequents_in, exclude : optional
        Which rules are wanted, as in :func:`association_rules`.
    test, correction, redundancy, confidence : optional
        What is said of each rule, as in :func:`association_rules`.
    level_col, max_size, order_col, product_col, quantity_col, amount_col : optional
        As in :func:`baskets`.

    Returns
    -------
    table
        The answer of :func:`association_rules`: one row a rule, by falling confidence, then count.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        As in :func:`frequent_itemsets`.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        As in :func:`baskets`.

    See Also
    --------
    association_rules : the columns of the answer.

    Examples
    --------
    >>> import crmlytics as crm
    >>> lists = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["bread"]]
    >>> rules = crm.rules.mine_rules(lists, min_support=0.5, min_confidence=0.9)
    >>> rules[["antecedents", "consequents", "confidence", "lift", "count"]]
             antecedents       consequents  confidence      lift  count
    0  frozenset({milk})  frozenset({tea})         1.0  1.333333      2
    """
    with _checks.speaking_as("mine_rules"):
        given = _read.read(
            transactions, "mine_rules", level_col=level_col, max_size=max_size,
            order_col=order_col, product_col=product_col, quantity_col=quantity_col,
            amount_col=amount_col,
        )  # fmt: skip
        found = frequent_itemsets(given, min_support=min_support, max_length=max_length)
        return association_rules(
            found, n_baskets=max(given.n_baskets, 1), min_confidence=min_confidence,
            min_lift=min_lift, max_consequents=max_consequents, antecedents_in=antecedents_in,
            consequents_in=consequents_in, exclude=exclude, test=test, correction=correction,
            redundancy=redundancy, confidence=confidence,
        )  # fmt: skip
