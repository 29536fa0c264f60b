"""Methods learnt from a history, and chosen by how they do on the last part of it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crmlytics import _checks
from crmlytics._columns import Ints
from crmlytics.rules import _history, _lists, _weights
from crmlytics.rules._history import History
from crmlytics.rules._lists import Quality, Targets
from crmlytics.rules._scores import BLEND, Block, Known
from crmlytics.rules._weights import Weights

METHODS = ("auto", "buy_again", "ease", "similar", "rules", "popular")
OF = ("customers", "baskets")
RECENT = 30  # days over which popularity is counted
HALF_LIVES = (30.0, 60.0, 120.0, None)
HALF_LIFE = 60.0  # where the customers' own past cannot tell
MOST_ITEMS = 8_000  # for weights; their cost grows with the cube
_TRIED_ITEMS = 2_000  # while methods are compared
_TRIED_ROWS = 20_000
_FEWEST_ROWS = 30  # below, a comparison says nothing
_TOP = 10
_FEWEST_PRODUCTS = 3  # of a basket from which one can be taken out
Tried = tuple[str, str, float, float]  # kind of list, method, hit rate, MAP


def learn(
    history: History, last_day: int, method: str, of: str, *, regularisation: float | None,
    most: int = MOST_ITEMS,
) -> Known:  # fmt: skip
    """Learn one method; history is numbered by popularity."""
    units = history.by_customer() if of == "customers" else history.by_basket()
    held = np.bincount(history.item, minlength=history.n_items)
    if of == "customers":
        held = np.asarray((units != 0).sum(axis=0)).ravel()
    n_units = int(np.count_nonzero(np.diff(units.indptr)))
    weights = _none(history.n_items)
    if method in _weights.METHODS:
        n = min(history.n_items, most)
        weights = _wide(_weights.weigh(method, of, units, n, regularisation), history.n_items)
    return Known(
        of, n_units, held.astype(np.int64), _history.recent(history, last_day, RECENT), RECENT,
        weights.weights, weights.counts, method,
    )  # fmt: skip


def _none(n: int) -> Weights:
    from scipy.sparse import csr_matrix

    return Weights(csr_matrix((n, n)), csr_matrix((n, n), dtype=np.int64))


def _wide(weights: Weights, n: int) -> Weights:
    """Give products without weights a place."""
    for table in (weights.weights, weights.counts):
        table.resize(n, n)
    return weights


def say_capped(history: History, method: str, caller: str) -> None:
    """Say how many products have no weights."""
    if method in _weights.METHODS and history.n_items > MOST_ITEMS:
        _checks.warn(
            f"{caller}: method {method!r} learns from the {MOST_ITEMS:,} most bought of "
            f"{history.n_items:,} products; the others are suggested only to those who bought them "
            "before. Set max_items to choose how many products are known at all."
        )


@dataclass(frozen=True)
class Choice:
    """What ranks each list, and what was tried."""

    repeat: str
    new: str
    all: str
    half_life: float | None
    tried: list[Tried]


def fixed(method: str, half_life: float | None) -> Choice:
    """Let one method rank all lists; purchases again know nothing of new products."""
    new = "popular" if method == "buy_again" else method
    return Choice(method, new, method, half_life, [])


def choose(
    history: History, last_day: int, of: str, half_life: float | None, *, tuned: bool,
    regularisation: float | None, methods: tuple[str, ...] = ("ease", "similar", "rules"),
) -> Choice:  # fmt: skip
    """Compare methods on the last weeks of the history; `tuned` also seeks the half-life."""
    split = _split(history, last_day)
    usual = HALF_LIFE if tuned else half_life
    if split is None:
        return Choice("buy_again", "similar", BLEND, usual, [])
    past, cut, later = split
    whole = history.where(history.day <= cut).first_items(history.n_items)
    rows, targets = _some(*next_baskets(whole, later, past))
    life = usual
    if tuned and len(rows) >= _FEWEST_ROWS:
        life = _half_life(whole, cut, later)
    learnt = {}
    for method in (*methods, "popular"):
        learnt[method] = learn(
            past, cut, method, of, regularisation=regularisation, most=_TRIED_ITEMS
        )
    if of == "baskets":
        return _for_baskets(past, later, learnt, life)
    if len(rows) < _FEWEST_ROWS:
        return Choice("buy_again", "similar", BLEND, usual, [])
    block = pick(_history.block(past, cut, life), rows)
    return _for_customers(learnt, block, targets, life)


def _half_life(past: History, cut: int, later: History) -> float | None:
    """Return the half-life that finds repeated purchases best; the usual one unless it is beaten.

    Another must be better by more than two standard errors of the difference.
    """
    rows, targets = _some(*next_baskets(past, later, past))
    known = learn(past, cut, "popular", "customers", regularisation=None)
    found = {}
    for life in HALF_LIVES:
        block = pick(_history.block(past, cut, life), rows)
        found[life] = _try("buy_again", "repeat", block, targets, known).average_precision
    usual = found[HALF_LIFE]
    best: float | None = HALF_LIFE
    most = 0.0
    for life, values in found.items():
        gain = values - usual
        error = 2 * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
        if gain.size and gain.mean() > max(error, most):
            best, most = life, float(gain.mean())
    return best


def _for_baskets(
    past: History, later: History, learnt: dict[str, Known], life: float | None
) -> Choice:
    """Choose what completes baskets best."""
    later = later.where(numbers_in(later, past)[later.item] >= 0)
    query, targets = completions(later, past, _TRIED_ROWS, 0)
    if query.n_rows < _FEWEST_ROWS:
        return Choice("buy_again", "similar", BLEND, life, [])
    tried = [
        _row("new", method, _try(method, "new", query, targets, each))
        for method, each in learnt.items()
    ]
    return Choice("buy_again", _winner(tried, "new", by=2), BLEND, life, tried)


def _for_customers(
    learnt: dict[str, Known], block: Block, targets: Targets, life: float | None
) -> Choice:
    """Choose what ranks each list of a customer best."""
    tried: list[Tried] = []
    for kind in _lists.KINDS:
        for method in ("buy_again", *learnt):
            if (kind, method) != ("new", "buy_again"):
                known = learnt.get(method, learnt["popular"])
                tried.append(_row(kind, method, _try(method, kind, block, targets, known)))
    new = _winner(tried, "new", by=2)
    blended = replace(learnt[new], blend_with=new)
    tried.append(_row("all", BLEND, _try(BLEND, "all", block, targets, blended)))
    few = {"buy_again", "popular", new, BLEND}  # a model keeps the weights of one method
    repeat = _winner(tried, "repeat", by=3, among=few)
    return Choice(repeat, new, _winner(tried, "all", by=3, among=few), life, tried)


def _winner(tried: list[Tried], kind: str, *, by: int, among: set[str] | None = None) -> str:
    """Return the best method for a list; of equal ones the first tried."""
    rows = [row for row in tried if row[0] == kind and (among is None or row[1] in among)]
    best = max(rows, key=lambda row: float(row[by]))
    return best[1]


def _row(kind: str, method: str, found: Quality) -> Tried:
    if not found.n:
        return kind, method, 0.0, 0.0
    return kind, method, float(found.hit.mean()), float(found.average_precision.mean())


def _try(method: str, kind: str, block: Block, targets: Targets, known: Known) -> Quality:
    return _lists.quality(method, kind, block, targets, known, _TOP)


def _split(history: History, last_day: int) -> tuple[History, int, History] | None:
    """Cut the last weeks off; None where nothing is left before them."""
    if not len(history.day):
        return None
    span = last_day - int(history.day.min()) + 1
    cut = last_day - max(min(span // 5, 28), 7)
    past = history.where(history.day <= cut)
    if not len(past.day):
        return None
    return past.first_items(_TRIED_ITEMS), cut, history.where(history.day > cut)


def _some(rows: Ints, targets: Targets) -> tuple[Ints, Targets]:
    """Keep no more rows than a comparison needs."""
    if len(rows) <= _TRIED_ROWS:
        return rows, targets
    kept = np.linspace(0, len(rows) - 1, _TRIED_ROWS).astype(np.int64)
    return rows[kept], _pick_targets(targets, kept)


def next_baskets(past: History, later: History, known: History) -> tuple[Ints, Targets]:
    """Return customers with two baskets before and one after, and what is in the first after.

    Targets have the numbers of `known`.
    """
    n = past.n_customers
    ends = np.append(0, np.cumsum(np.bincount(past.customer, minlength=n)))
    basket = past.basket
    baskets = np.zeros(n, dtype=np.int64)
    there = np.flatnonzero(np.diff(ends))
    baskets[there] = basket[ends[there + 1] - 1] - basket[ends[there]] + 1
    first = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first, later.customer, later.day)
    in_first = later.day == first[later.customer]
    rows = np.flatnonzero((baskets >= 2) & (first < np.iinfo(np.int64).max))
    chosen = np.full(n, -1)
    chosen[rows] = np.arange(len(rows))
    entry = np.flatnonzero(in_first & (chosen[later.customer] >= 0))
    sizes = np.bincount(chosen[later.customer[entry]], minlength=len(rows))
    return rows, Targets(
        np.append(0, np.cumsum(sizes)), numbers_in(later, known)[later.item[entry]]
    )


def completions(later: History, past: History, sample: int, seed: int) -> tuple[Block, Targets]:
    """Take one product out of each of some baskets; those not known before are no query."""
    item, basket = numbers_in(later, past)[later.item], later.basket
    sizes = np.bincount(basket)
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(sizes >= _FEWEST_PRODUCTS)
    if len(chosen) > sample:
        chosen = np.sort(rng.choice(chosen, sample, replace=False))
    place = np.full(len(sizes), -1)
    place[chosen] = np.arange(len(chosen))
    row = place[basket]
    item, row = item[row >= 0], row[row >= 0]
    starts = np.append(0, np.cumsum(sizes[chosen]))
    out = starts[:-1] + (rng.random(len(chosen)) * sizes[chosen]).astype(np.int64)
    left = np.ones(len(item), dtype=bool)
    left[out] = False
    left &= item >= 0
    held = np.bincount(row[row >= 0][left], minlength=len(chosen))
    query = Block(np.append(0, np.cumsum(held)), item[left])
    return query, Targets(np.arange(len(chosen) + 1), item[out])


def numbers_in(history: History, known: History) -> Ints:
    """Return the number in `known` of each item of a history; -1 where it is not known."""
    import pandas as pd

    index = pd.Index(known.items.to_list())
    return np.asarray(index.get_indexer(pd.Index(history.items.to_list())), dtype=np.int64)


def pick(block: Block, rows: Ints) -> Block:
    """Return some rows of a block."""
    starts, at = _picked(block.starts, rows)
    held = (block.items, block.times, block.last, block.worth)
    items, times, last, worth = (None if each is None else each[at] for each in held)
    return Block(starts, np.asarray(items), times, last, worth)


def _pick_targets(targets: Targets, rows: Ints) -> Targets:
    starts, at = _picked(targets.starts, rows)
    return Targets(starts, targets.items[at])


def _picked(starts: Ints, rows: Ints) -> tuple[Ints, Any]:
    lengths = (starts[1:] - starts[:-1])[rows]
    made = np.append(0, np.cumsum(lengths))
    return made, np.arange(made[-1]) + np.repeat(starts[:-1][rows] - made[:-1], lengths)


def decide(
    history: History, last_day: int, method: str, of: str, *, half_life: float | None,
    regularisation: float | None,
) -> Choice:  # fmt: skip
    """Return what ranks each list: as it was asked for, or as it did best."""
    if method == "auto":
        return choose(
            history, last_day, of, half_life, tuned=half_life is None,
            regularisation=regularisation,
        )  # fmt: skip
    if method == "buy_again" and half_life is None:
        half_life = choose(
            history, last_day, of, None, tuned=True, regularisation=None, methods=()
        ).half_life
    return fixed(method, half_life)
