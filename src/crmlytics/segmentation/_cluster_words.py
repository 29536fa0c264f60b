"""What a cluster is, in words: figures of its features, a name, and rules of a small tree."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmlytics import _threads
from crmlytics._columns import Floats, Ints
from crmlytics.segmentation import _cluster_design
from crmlytics.segmentation._cluster_design import Design
from crmlytics.segmentation._cluster_table import Table

_APART, _FAR = 0.5, 1.5  # standard deviations from all customers that count as high, and very high
_NAMED, _MOST_NAMED = 2, 4  # features in a name
_TREE_ROWS = 20_000
_FOLDS = 5
_LEAST_ROWS = 20  # customers from which on fidelity can be told on customers held out


@dataclass(frozen=True)
class Figures:
    """One column for each number and each level of a category, one row for each cluster."""

    feature: tuple[str, ...]
    level: tuple[str, ...]  # "" for numbers
    n: Floats
    mean: Floats
    median: Floats
    of_all: Floats  # means of all customers
    z: Floats  # distance from all customers, in their standard deviations


def figures(table: Table, labels: Ints, k: int) -> Figures:
    """Describe clusters by means and medians in the unit of the features."""
    features: list[str] = []
    levels: list[str] = []
    parts: list[tuple[Any, ...]] = []
    design, at = table.design, 0
    for name, held, width in zip(design.features, design.levels, design.widths, strict=True):
        values = table.read[name]
        placed = table.points[:, at : at + width]
        at += width
        if not held:
            features.append(name)
            levels.append("")
            parts.append(_column(values, placed[:, 0], labels, k))
            continue
        marks = np.eye(width)[_cluster_design.codes(values, held)]
        for place, level in enumerate(_cluster_design.names_of(held)):
            if marks[:, place].any():
                features.append(name)
                levels.append(level)
                parts.append(_column(marks[:, place], marks[:, place], labels, k))
    n, mean, median, of_all, z = (np.array(each).T for each in zip(*parts, strict=True))
    return Figures(tuple(features), tuple(levels), n, mean, median, of_all, z)


def _column(values: Floats, placed: Floats, labels: Ints, k: int) -> tuple[Any, ...]:
    known = ~np.isnan(values)
    n = np.bincount(labels[known], minlength=k)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(labels[known], values[known], k) / n
    order = np.argsort(labels[known], kind="stable")
    split = np.split(values[known][order], np.cumsum(n)[:-1])
    median = [float(np.median(part)) if len(part) else np.nan for part in split]
    spread = placed.std()
    centre = np.bincount(labels, placed, k) / np.bincount(labels, minlength=k)
    z = (centre - placed.mean()) / spread if spread > 0 else np.zeros(k)
    return n.astype(np.float64), mean, median, float(values[known].mean()), z


def names(told: Figures) -> tuple[str, ...]:
    """Name each cluster by the features that set it apart most; no two names are the same."""
    ranked = [_ranked(told, row) for row in told.z]
    chosen = [phrases[:_NAMED] for phrases in ranked]
    for most in range(_NAMED + 1, _MOST_NAMED + 1):
        twice = [each for each in chosen if chosen.count(each) > 1]
        chosen = [
            phrases[:most] if short in twice else short
            for phrases, short in zip(ranked, chosen, strict=True)
        ]
    written = [", ".join(phrases) or "like all" for phrases in chosen]
    return tuple(
        f"{name} ({place + 1})" if written.count(name) > 1 else name
        for place, name in enumerate(written)
    )


def _ranked(told: Figures, z: Floats) -> list[str]:
    phrases: list[str] = []
    seen: set[str] = set()
    for place in np.argsort(-np.abs(np.round(z, 9)), kind="stable"):
        feature, level, far = told.feature[place], told.level[place], float(z[place])
        if abs(far) < _APART or feature in seen or (level and far < 0):
            continue
        seen.add(feature)
        side = "high" if far > 0 else "low"
        much = "very " if abs(far) >= _FAR else ""
        phrases.append(f"{feature} = {level}" if level else f"{much}{side} {feature}")
    return phrases


@dataclass(frozen=True)
class Rules:
    """Leaves of a tree that tells clusters by few features."""

    text: tuple[str, ...]
    cluster: Ints
    n: Ints  # customers whom the rule fits
    hits: Ints  # of these, customers of the cluster
    fidelity: float | None  # share of customers held out whose cluster the tree tells


def rules(table: Table, labels: Ints, k: int, seed: int) -> Rules:
    """Fit a small tree to the clusters, and write its leaves as rules."""
    rows = np.arange(len(labels))
    mixed = np.random.default_rng([seed, 5]).permutation(len(labels))[:_TREE_ROWS]
    rows = np.sort(mixed)
    every, columns = _plain(table)
    plain, y = every[rows], labels[rows]
    fold = np.argsort(mixed) % _FOLDS  # by chance: rows stand in the order of what they hold
    tree = _grown(plain, y, k)
    leaf = tree.apply(plain)
    leaves = np.unique(leaf)
    counts = np.array([np.bincount(y[leaf == each], minlength=k) for each in leaves])
    told = dict(zip(*_paths(tree.tree_, columns), strict=True))
    kept = None
    if len(y) >= _LEAST_ROWS:
        right = [
            (
                _grown(plain[fold != each], y[fold != each], k).predict(plain[fold == each])
                == y[fold == each]
            )
            for each in range(_FOLDS)
        ]
        kept = float(np.concatenate(right).mean())
    cluster, n = counts.argmax(axis=1), counts.sum(axis=1)
    order = np.lexsort([leaves, -n, cluster])
    return Rules(
        tuple(told[int(each)] for each in leaves[order]), cluster[order].astype(np.int64),
        n[order].astype(np.int64), counts.max(axis=1)[order].astype(np.int64), kept,
    )  # fmt: skip


def _grown(plain: Floats, y: Ints, k: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    least = max(1, len(y) // 100)
    tree = DecisionTreeClassifier(max_leaf_nodes=2 * k, min_samples_leaf=least, random_state=0)
    with _threads.one_thread("openmp"):
        return tree.fit(plain, y)


def _plain(table: Table) -> tuple[Floats, list[tuple[str, str]]]:
    """Return features in their own unit, unknown numbers as the median, and what columns are."""
    parts: list[Floats] = []
    columns: list[tuple[str, str]] = []
    design: Design = table.design
    for name, held in zip(design.features, design.levels, strict=True):
        values = table.read[name]
        if held:
            parts.append(np.eye(len(held) + 2)[_cluster_design.codes(values, held)])
            columns += [(name, level) for level in _cluster_design.names_of(held)]
        else:
            parts.append(np.where(np.isnan(values), np.nanmedian(values), values)[:, None])
            columns.append((name, ""))
    return np.hstack(parts), columns


def _paths(tree: Any, columns: list[tuple[str, str]]) -> tuple[list[int], list[str]]:
    """Return the leaves of a tree, and the conditions on the way to each."""
    leaves, texts = [], []
    waiting: list[tuple[int, tuple[tuple[int, float, bool], ...]]] = [(0, ())]
    while waiting:
        node, steps = waiting.pop()
        if tree.children_left[node] < 0:
            leaves.append(node)
            texts.append(_condition(steps, columns))
            continue
        column, border = int(tree.feature[node]), float(tree.threshold[node])
        waiting.append((int(tree.children_left[node]), (*steps, (column, border, False))))
        waiting.append((int(tree.children_right[node]), (*steps, (column, border, True))))
    return leaves, texts


def _condition(steps: tuple[tuple[int, float, bool], ...], columns: list[tuple[str, str]]) -> str:
    """Write conditions, those on one number as one."""
    written: dict[int, str] = {}
    for column in dict.fromkeys(step[0] for step in steps):
        name, level = columns[column]
        over = [border for at, border, above in steps if at == column and above]
        under = [border for at, border, above in steps if at == column and not above]
        if level:
            written[column] = f"{name} = {level}" if over else f"{name} is not {level}"
        elif over and under:
            written[column] = f"{max(over):.6g} < {name} <= {min(under):.6g}"
        else:
            sign, border = (">", max(over)) if over else ("<=", min(under))
            written[column] = f"{name} {sign} {border:.6g}"
    return " and ".join(written.values()) or "all customers"
