"""Whether suggestions would have been right: methods held against what was bought afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _intervals, _result
from crmlytics._columns import Floats
from crmlytics.errors import OptionError
from crmlytics.rules import _choose, _fit, _history, _lists
from crmlytics.rules._choose import METHODS, Choice
from crmlytics.rules._history import History
from crmlytics.rules._lists import Quality, Targets
from crmlytics.rules._scores import Block, Known

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrameT

SCHEMA = {
    "method": "text", "kind": "text", "hit_rate": "float", "lower": "float", "upper": "float",
    "recall": "float", "map": "float", "map_lower": "float", "map_upper": "float",
    "ndcg": "float", "mrr": "float", "coverage": "float", "n": "int",
}  # fmt: skip
_EVERY = ("auto", "buy_again", "ease", "similar", "rules", "popular")
_TASKS = ("next", "completion")


def evaluate_suggestions(
    transactions: "IntoDataFrameT",
    *,
    cutoff: date | str,
    methods: Sequence[str] = _EVERY,
    task: str = "next",
    top: int = 10,
    half_life_days: float | None = None,
    max_items: int | None = None,
    regularisation: float | None = None,
    sample: int = 4_000,
    confidence: float = 0.95,
    random_state: int = 0,
    customer_col: str | None = "customer_id",
    order_col: str = "order_id",
    date_col: str = "date",
    product_col: str = "product_id",
    quantity_col: str | None = "quantity",
    amount_col: str | None = "amount",
) -> "IntoDataFrameT":
    r"""Compare methods of suggestion on what customers went on to buy.

    The history ends with `cutoff`; nothing after it is learnt from. Popularity is always in the
    table: a method that does not beat it is not worth its cost.

    Parameters
    ----------
    transactions : table
        One row per order line, from before `cutoff` and after it.
    cutoff : date
        Last day of the history, inclusive.
    methods : list of str, optional
        Methods of :func:`fit_suggestions`; all by default. "popular" is added where it is missing.
    task : {"next", "completion"}, default "next"
        "next": for each customer with at least two baskets (days) in the history, the products of
        the first basket after it. "completion": of each basket after it with at least three
        products, one at random is taken out and is to be found from the others.
    top : int, default 10
        Length of the lists.
    half_life_days, max_items, regularisation : optional
        As in :func:`fit_suggestions`. With `max_items`, other products are no targets either.
    sample : int, default 4,000
        Most baskets for "completion", drawn at random.
    confidence : float, default 0.95
        Level of the intervals.
    random_state : int, default 0
        Seed of what is drawn at random.
    customer_col, order_col, date_col, product_col, quantity_col, amount_col : str or None
        As in :func:`fit_suggestions`.

    Returns
    -------
    table
        One row for each method and kind of list, in the order of `methods`: ``method``, ``kind``
        (str: for "next" all, repeat, new; for "completion" all), ``hit_rate`` (float, share of rows
        with a target among the top), ``lower``, ``upper`` (its Wilson interval), ``recall`` (float,
        mean share of the targets found), ``map``, ``map_lower``, ``map_upper`` (float, mean average
        precision with its normal interval), ``ndcg``, ``mrr`` (float, means), ``coverage`` (float,
        share of the known products that any list holds), ``n`` (int, rows with a target). "repeat"
        and "new" restrict both lists and targets to products that the customer had bought, had
        not bought. Null where a method has no such list ("buy_again" of new products, or of
        baskets) or no row has a target.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If ids or dates are null.
    NotEnoughDataError
        If there is nothing before `cutoff`, or no row with a target after it.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        As in :func:`fit_suggestions`.

    See Also
    --------
    fit_suggestions : the methods.

    Notes
    -----
    With k the length of the lists and m the number of targets of a row:
    ``average precision = sum over ranks r of [right at r] (right up to r) / r, / min(m, k)``;
    ``ndcg = sum of [right at r] / log2(r + 1)``, over its largest possible value;
    ``mrr`` is the mean of 1 / rank of the first that is right, 0 without one. Rows are customers
    or baskets, and the intervals take them for independent. Targets that no method could know,
    products first sold after `cutoff`, count as missed.

    References
    ----------
    Li, Jullien, Ariannezhad and de Rijke (2023), A next basket recommendation reality check, ACM
    Transactions on Information Systems 41(4), article 116.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> shop = crm.datasets.simulate_shop(n_customers=300, days=400)
    >>> found = crm.rules.evaluate_suggestions(
    ...     shop.transactions,
    ...     cutoff=shop.transactions["date"].max() - pd.Timedelta(days=60),
    ...     methods=["buy_again"],
    ... )
    >>> found[["method", "kind"]]
          method    kind
    0  buy_again     all
    1  buy_again  repeat
    2  buy_again     new
    3    popular     all
    4    popular  repeat
    5    popular     new
    """
    caller = "evaluate_suggestions"
    asked = _methods(methods, caller)
    task = _checks.choice(task, _TASKS, name="task", caller=caller)
    n = _checks.whole(top, name="top", caller=caller, low=1)
    most = _checks.whole(sample, name="sample", caller=caller, low=1)
    seed = _checks.whole(random_state, name="random_state", caller=caller, low=0)
    level = _checks.confidence(confidence, caller)
    day = _checks.day(cutoff, name="cutoff", caller=caller)
    of = "customers" if task == "next" and customer_col is not None else "baskets"
    if task == "next" and customer_col is None:
        raise OptionError(
            f"{caller}: task='next' follows customers, and customer_col is None. Use "
            "task='completion'."
        )
    life, penalty = _fit.settings(half_life_days, regularisation, caller)
    whole, _ = _fit.read(
        transactions, caller, of=of, as_of=None, max_items=None, customer_col=customer_col,
        order_col=order_col, date_col=date_col, product_col=product_col,
        quantity_col=quantity_col, amount_col=amount_col,
    )  # fmt: skip
    past, later = _cut(whole, day, max_items, caller)
    rows, targets = (
        _next(past, later) if task == "next" else _choose.completions(later, past, most, seed)
    )
    _checks.at_least(
        1, len(targets.starts) - 1, f"rows with a basket after cutoff {_checks.iso(day)}", caller,
        "Choose an earlier cutoff.",
    )  # fmt: skip
    measured: list[dict[str, Any]] = []
    learnt: dict[str, Known] = {}
    for method in asked:
        choice = _choose.decide(past, day, method, of, half_life=life, regularisation=penalty)
        _choose.say_capped(past, choice.new, caller)
        if choice.new not in learnt:  # "auto" is one of the others
            learnt[choice.new] = _choose.learn(past, day, choice.new, of, regularisation=penalty)
        block = rows
        if not isinstance(rows, Block):
            block = _choose.pick(_history.block(past, day, choice.half_life), rows)
        known = learnt[choice.new]
        measured += _measured(method, choice, known, block, targets, top=n, level=level)
    table = pa.table({name: [row[name] for row in measured] for name in SCHEMA})
    answer: IntoDataFrameT = _result.native(whole.source, table, SCHEMA)
    return answer


def _methods(given: Any, caller: str) -> list[str]:
    """Check the methods; popularity is always among them."""
    is_list = hasattr(given, "__iter__") and not isinstance(given, str | dict)
    asked = list(given) if is_list else [given]
    for method in asked:
        _checks.choice(method, METHODS, name="methods", caller=caller)
    return list(dict.fromkeys([*asked, "popular"]))


def _cut(whole: History, day: int, max_items: Any, caller: str) -> tuple[History, History]:
    """Return the history, numbered by its own popularity, and what came after it."""
    past = whole.where(whole.day <= day)
    advice = "Choose a later cutoff, or hand over earlier transactions."
    _checks.at_least(1, len(past.item), "lines up to the cutoff", caller, advice)
    later = whole.where(whole.day > day)
    if max_items is None:
        return past.first_items(past.n_items), later
    most = _checks.whole(max_items, name="max_items", caller=caller, low=1)
    past = past.first_items(most)
    known = _choose.numbers_in(later, past)
    return past, later.where(known[later.item] >= 0)


def _next(past: History, later: History) -> tuple[Any, Targets]:
    """Return the customers to be asked about, and the first basket of each."""
    return _choose.next_baskets(past, later, past)


def _measured(
    method: str, choice: Choice, known: Known, block: Block, targets: Targets, *, top: int,
    level: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return one row of the answer for each kind of list."""
    baskets, known = block.times is None, replace(known, blend_with=choice.new)
    found = []
    for kind in ("all",) if baskets else _lists.KINDS:
        by = getattr(choice, kind)
        if baskets and method != "buy_again":
            by = choice.new
        none = method == "buy_again" and (baskets or kind == "new")
        measured = _lists.quality(by, kind, block, targets, known, top)
        found.append(_row(method, kind, measured, known.n_items, level, none=none))
    return found


def _row(
    method: str, kind: str, found: Quality, n_items: int, level: float, *, none: bool
) -> dict[str, Any]:
    """Return means and intervals; nulls where a method has no such list."""
    row: dict[str, Any] = dict.fromkeys(SCHEMA) | {"method": method, "kind": kind, "n": found.n}
    if none or not found.n:
        return row
    lower, upper = _intervals.wilson(found.hit.sum(), found.n, level)
    half = _intervals.z_value(level) * _error(found.average_precision)
    average = float(found.average_precision.mean())
    return row | {
        "hit_rate": float(found.hit.mean()),
        "lower": float(lower),
        "upper": float(upper),
        "recall": float(found.recall.mean()),
        "map": average,
        "map_lower": None if np.isnan(half) else max(average - half, 0.0),
        "map_upper": None if np.isnan(half) else min(average + half, 1.0),
        "ndcg": float(found.ndcg.mean()),
        "mrr": float(found.reciprocal_rank.mean()),
        "coverage": found.n_suggested / n_items,
    }


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
