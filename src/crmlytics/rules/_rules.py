"""Association rules: what goes with what, how surely, and whether it could be chance."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _intervals, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics.errors import OptionError
from crmlytics.rules import _baskets, _candidates, _given, _measures
from crmlytics.rules._candidates import Limits, Rules
from crmlytics.rules._given import Itemsets

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

CORRECTIONS = {
    "bh": _intervals.benjamini_hochberg,
    "holm": _intervals.holm,
    "bonferroni": _intervals.bonferroni,
}


def association_rules(
    itemsets: "IntoDataFrameT",
    *,
    n_baskets: int | None = None,
    min_confidence: float = 0.5,
    min_lift: float | None = None,
    max_consequents: int | None = 1,
    antecedents_in: Sequence[Any] | None = None,
    consequents_in: Sequence[Any] | None = None,
    exclude: Sequence[Any] | None = None,
    test: str | None = "fisher",
    correction: str | None = "bh",
    redundancy: bool = True,
    prices: Mapping[Any, float] | None = None,
    confidence: float = 0.95,
) -> "IntoDataFrameT":
    r"""Make association rules from frequent itemsets.

    A rule A -> C says that baskets with all products of A (the antecedents) hold those of C (the
    consequents) too. With n baskets, of which n_A hold A, n_C hold C and n_AC both:
    ``confidence = n_AC / n_A``, ``lift = confidence / (n_C / n)``.

    Parameters
    ----------
    itemsets : table
        The answer of :func:`frequent_itemsets` (or of mlxtend, with `n_baskets`): columns
        ``itemsets``, ``support`` and, where there, ``count``. All parts of a set must be there too.
    n_baskets : int, optional
        Number of all baskets; found from count / support where the table has counts.
    min_confidence : float, default 0.5
        Least confidence, from 0 to 1, inclusive.
    min_lift : float, optional
        Least lift, inclusive.
    max_consequents : int or None, default 1
        Most products of a consequent; None for any number.
    antecedents_in, consequents_in : list, optional
        Products that an antecedent, a consequent may have; all by default.
    exclude : list, optional
        Products that no rule may have.
    test : {"fisher"} or None, default "fisher"
        Fisher's exact test, one-sided: how probable is it that at least n_AC of the n_A baskets
        hold C, were A and C independent?
    correction : {"bh", "holm", "bonferroni"} or None, default "bh"
        How p-values are corrected for the number of rules examined: "bh" holds the share of false
        rules among those found (Benjamini-Hochberg), "holm" and "bonferroni" the chance of any.
        All rules that the limits on products and `max_consequents` allow are counted as examined,
        also those below `min_confidence` and `min_lift`.
    redundancy : bool, default True
        Whether to mark rules to which a smaller antecedent leads with as high a confidence.
    prices : dict, optional
        Price or margin of each product, in any currency; adds the two columns of value.
    confidence : float, default 0.95
        Level of the interval of each rule's confidence.

    Returns
    -------
    table
        One row a rule, by falling confidence, then falling count: ``antecedents``, ``consequents``
        (frozenset in pandas, else a list), ``antecedent support``, ``consequent support``,
        ``support``, ``confidence`` (float, shares of baskets), ``lower``, ``upper`` (float,
        Wilson interval of the confidence), ``lift``, ``representativity``, ``leverage``,
        ``conviction``, ``zhangs_metric``, ``jaccard``, ``certainty``, ``kulczynski``, ``cosine``,
        ``imbalance_ratio``, ``odds_ratio``, ``phi`` (float; see Notes), ``count`` (int, baskets
        with both), ``p_value``, ``q_value`` (float; null without `test`, without `correction`),
        ``redundant`` (bool; null without `redundancy`); with `prices` also ``consequent_value``
        (float, sum of the consequents' prices; null where one is unknown) and
        ``extra_value_per_1000`` (float, in 1,000 baskets, beyond what independence would bring).

    Raises
    ------
    ColumnError
        If a column is missing, or ``itemsets`` does not hold sets.
    DataError
        If a part of a set that is needed is not there (it is named), a set stands twice, holds a
        product twice or an unknown one, or is in more baskets than a part of it.
    OptionError
        If an option has a value outside what it allows, or `n_baskets` is needed or does not fit
        the supports.

    See Also
    --------
    frequent_itemsets : the sets.
    validate_rules : how rules do in later baskets.
    match_rules : which rules fire in a basket.

    Notes
    -----
    ``leverage = s(AC) - s(A) s(C)``; ``conviction = (1 - s(C)) / (1 - confidence)``, infinite where
    the confidence is 1; ``zhangs_metric = leverage / max(s(AC) (1 - s(A)), s(A) (s(C) - s(AC)))``,
    0 where that divides by 0; ``jaccard = n_AC / (n_A + n_C - n_AC)``;
    ``certainty = (confidence - s(C)) / (1 - s(C))``, 0 where s(C) = 1;
    ``kulczynski = (n_AC / n_A + n_AC / n_C) / 2``; ``cosine = n_AC / sqrt(n_A n_C)``;
    ``imbalance_ratio = |n_A - n_C| / (n_A + n_C - n_AC)``. With b = n_A - n_AC, c = n_C - n_AC and
    d = n - n_A - n_C + n_AC: ``odds_ratio = n_AC d / (b c)``, infinite where b c = 0 and null where
    d is 0 too; ``phi = (n_AC d - b c) / sqrt(n_A (n - n_A) n_C (n - n_C))``, null where that
    divides by 0. ``representativity`` is 1: baskets have no unknown products here.

    A rule is redundant where ``improvement = min(confidence(A -> C) - confidence(B -> C))`` over
    all smaller antecedents B of A with at least one product is not above 0.

    ``extra_value_per_1000 = 1000 leverage consequent_value``.

    References
    ----------
    Agrawal, Imielinski and Swami (1993), Mining association rules between sets of items in large
    databases, Proc. ACM SIGMOD, 207-216. Bayardo, Agrawal and Gunopulos (2000), Constraint-based
    rule mining in large, dense databases, Data Mining and Knowledge Discovery 4, 217-240
    (improvement). Hahsler and Hornik (2007), New probabilistic interest measures for association
    rules, Intelligent Data Analysis 11(5), 437-455. Benjamini and Hochberg (1995), Journal of the
    Royal Statistical Society B 57, p. 293. Wilson (1927), JASA 22, p. 209.

    Examples
    --------
    >>> import crmlytics as crm
    >>> lists = [["tea", "milk"], ["tea", "milk", "halva"], ["tea"], ["halva", "tea"], ["bread"]]
    >>> found = crm.rules.frequent_itemsets(lists, min_support=0.4)
    >>> rules = crm.rules.association_rules(found, min_confidence=0.6)
    >>> rules[["antecedents", "consequents", "confidence", "lift", "count"]]
              antecedents       consequents  confidence  lift  count
    0  frozenset({halva})  frozenset({tea})         1.0  1.25      2
    1   frozenset({milk})  frozenset({tea})         1.0  1.25      2
    """
    caller = "association_rules"
    least = _checks.number(min_confidence, name="min_confidence", caller=caller, low=0, high=1)
    lift = None if min_lift is None else _checks.number(
        min_lift, name="min_lift", caller=caller, low=0
    )  # fmt: skip
    most = None if max_consequents is None else _checks.whole(
        max_consequents, name="max_consequents", caller=caller, low=1
    )  # fmt: skip
    for value, name, words in (
        (test, "test", ("fisher",)),
        (correction, "correction", CORRECTIONS),
    ):
        if value is not None:
            _checks.choice(value, tuple(words), name=name, caller=caller)
    _checks.flag(redundancy, name="redundancy", caller=caller)
    level = _checks.confidence(confidence, caller)
    given = _given.itemsets(itemsets, caller, n_baskets)
    limits = Limits(
        min_confidence=least, min_lift=lift, max_consequents=most,
        left=_allowed(given, antecedents_in, "antecedents_in"),
        right=_allowed(given, consequents_in, "consequents_in"),
        whole=_not(_allowed(given, exclude, "exclude")),
    )  # fmt: skip
    worth = _prices(given, prices)
    found = _candidates.rules(given, limits, test=test is not None, redundancy=redundancy)
    order = _order(given, found)
    columns = _columns(given, found, order, level)
    columns |= _tested(found, order, test, correction)
    none = pa.nulls(len(order), pa.bool_())
    columns["redundant"] = pa.array(found.redundant[order]) if redundancy else none
    if worth is not None:
        columns |= _valued(given, worth, found.right[order], columns["leverage"])
    answer: IntoDataFrameT = _result.assemble(columns, given.source)
    return answer


def _allowed(given: Itemsets, names: Any, option: str) -> Bools | None:
    """Mark the items of a list; None without one."""
    if names is None:
        return None
    return _baskets.marked(given.labels.to_list(), names, name=option, caller=given.source.caller)


def _not(marked: Bools | None) -> Bools | None:
    return None if marked is None else ~marked


def _order(given: Itemsets, found: Rules) -> Ints:
    """Return rules by falling confidence, then falling count, then as they were made."""
    count = given.counts[found.both]
    confidence = count / np.maximum(given.counts[found.left], 1)
    return np.lexsort([-count, -confidence])


def _columns(given: Itemsets, found: Rules, order: Ints, level: float) -> dict[str, Any]:
    """Return the sets and measures of rules, in order."""
    left, right, both = found.left[order], found.right[order], found.both[order]
    places, counts = given.places, given.counts
    columns: dict[str, Any] = {
        "antecedents": given.column[places[left]],
        "consequents": given.column[places[right]],
    }
    measured = _measures.measures(
        counts[both], counts[left], counts[right], max(given.n_baskets, 1), level
    )
    columns |= {name: _result.column(measured[name]) for name in _measures.MEASURES}
    return columns | {"count": pa.array(counts[both])}


def _tested(found: Rules, order: Ints, test: str | None, correction: str | None) -> dict[str, Any]:
    """Return p-values, and q-values over all rules examined."""
    none = pa.nulls(len(order), pa.float64())
    if test is None:
        return {"p_value": none, "q_value": none}
    p = found.p_values[order]
    if correction is None:
        return {"p_value": pa.array(p), "q_value": none}
    return {"p_value": pa.array(p), "q_value": pa.array(_corrected(p, found.examined, correction))}


def _corrected(p: Floats, examined: Floats, correction: str) -> Floats:
    """Correct some of the p-values examined; equal ones are corrected alike."""
    ordered = np.sort(examined)
    corrected = CORRECTIONS[correction](ordered)
    # BH gives equal p-values the factor of the last of them, Holm that of the first
    side: Any = "left" if correction == "holm" else "right"
    place = np.searchsorted(ordered, p, side=side) - (side == "right")
    return np.asarray(corrected[place])


def _prices(given: Itemsets, prices: Any) -> Floats | None:
    """Return the price of each item, NaN where it has none."""
    if prices is None:
        return None
    of = getattr(prices, "to_dict", lambda: prices)()
    known = [of.get(label) for label in given.labels.to_list()] if isinstance(of, Mapping) else [""]
    values = _checks.floats([0.0 if _unknown(price) else price for price in known])
    if values is None:
        raise OptionError(
            f"{given.source.caller}: prices must be a dict from product to a finite number; "
            f"got {_checks.shown(prices)}."
        )
    values[[_unknown(price) for price in known]] = np.nan
    return values


def _unknown(price: Any) -> bool:
    return price is None or price != price


def _valued(given: Itemsets, value: Floats, right: Ints, leverage: Any) -> dict[str, Any]:
    """Return what consequents are worth, and what rules bring beyond chance."""
    parts = [value[codes].sum(axis=1) for codes in given.parts]
    worth = np.concatenate([np.zeros(0), *parts])[right]
    extra = 1000 * np.asarray(leverage) * worth
    return {
        "consequent_value": _result.column(worth),
        "extra_value_per_1000": _result.column(extra),
    }
