"""How good ranked lists are, customer by customer (or basket by basket)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics._columns import Bools, Floats, Ints
from crmlytics.rules import _rank, _scores
from crmlytics.rules._scores import Block, Known

KINDS = ("all", "repeat", "new")


@dataclass(frozen=True)
class Targets:
    """What each row went on to buy: products as numbers, -1 for those not known before."""

    starts: Ints
    items: Ints

    def rows(self, first: int, last: int) -> "Targets":
        starts = self.starts[first : last + 1]
        return Targets(starts - starts[0], self.items[starts[0] : starts[-1]])

    def marked(self, n_items: int) -> Bools:
        """Mark the products that are targets; those not known have no column."""
        grid = np.zeros((len(self.starts) - 1, n_items), dtype=bool)
        row = np.repeat(np.arange(len(grid)), np.diff(self.starts))
        there = self.items >= 0
        grid[row[there], self.items[there]] = True
        return grid

    def unknown(self) -> Ints:
        """Count the targets of each row that nothing could have suggested."""
        row = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        return np.bincount(row[self.items < 0], minlength=len(self.starts) - 1)


@dataclass(frozen=True)
class Quality:
    """Measures of each row with a target, and how many different products were suggested."""

    hit: Floats
    recall: Floats
    average_precision: Floats
    ndcg: Floats
    reciprocal_rank: Floats
    n_suggested: int

    @property
    def n(self) -> int:
        return len(self.hit)


def quality(
    method: str, kind: str, block: Block, targets: Targets, known: Known, top: int
) -> Quality:
    """Rank products for each row and compare with the targets.

    "repeat" and "new" restrict both list and targets to products the row holds, or does not hold.
    A basket is completed by what it does not hold, whatever the kind.
    """
    columns: list[list[Floats]] = [[], [], [], [], []]
    suggested = np.zeros(known.n_items, dtype=bool)
    at = 0
    for piece in block.pieces(known.n_items):
        wanted = targets.rows(at, at + piece.n_rows)
        at += piece.n_rows
        mine, right = piece.holds(known.n_items), wanted.marked(known.n_items)
        scored = _scores.scores(method, piece, known)
        allowed = _allowed(kind, mine, scored, baskets=block.times is None)
        right &= mine if kind == "repeat" else ~mine if kind == "new" else True
        n_targets = right.sum(axis=1)
        if kind != "repeat":
            n_targets = n_targets + wanted.unknown()
        ranked = _rank.best(scored, allowed, top, None, None)
        suggested[ranked.item] = True
        hits = np.zeros((piece.n_rows, top), dtype=bool)
        hits[ranked.row, ranked.rank - 1] = right[ranked.row, ranked.item]
        some = n_targets > 0
        for column, values in zip(columns, _measures(hits[some], n_targets[some]), strict=True):
            column.append(values)
    hit, recall, average, ndcg, first = (
        np.concatenate([np.zeros(0), *column]) for column in columns
    )
    return Quality(hit, recall, average, ndcg, first, int(suggested.sum()))


def _allowed(kind: str, mine: Bools, scored: Floats, *, baskets: bool) -> Bools:
    if kind == "repeat":
        return mine & (scored > 0)
    if kind == "new" or baskets:
        return ~mine
    return np.ones(mine.shape, dtype=bool)


def _measures(hits: Bools, n_targets: Ints) -> tuple[Any, ...]:
    """Return hit, recall, average precision, NDCG and reciprocal rank of each row."""
    top = hits.shape[1]
    ranks = np.arange(1, top + 1)
    right = np.cumsum(hits, axis=1)
    possible = np.minimum(n_targets, top)
    precision = (hits * right / ranks).sum(axis=1) / possible
    gain = 1 / np.log2(ranks + 1)
    best = np.append(0.0, np.cumsum(gain))[possible]
    first = np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)
    return (
        hits.any(axis=1).astype(np.float64),
        right[:, -1] / n_targets,
        precision,
        (hits * gain).sum(axis=1) / best,
        first,
    )
