"""Least squares with what happens to it when one row, or one customer, is left out."""

from dataclasses import dataclass

import numpy as np

from crmlytics._columns import Bools, Floats, Ints

_ZERO = 1e-9


@dataclass(frozen=True)
class Fit:
    """Coefficients of several outcomes on the same columns, and their changes."""

    beta: Floats  # column, outcome
    known: Bools  # columns whose coefficient the data determine
    changes: Floats  # cluster, column, outcome: the coefficient less that without the cluster
    broken: Bools  # cluster, column: without the cluster there is no such coefficient


def least_squares(x: Floats, y: Floats, weights: Floats, rows: Ints, starts: Ints) -> Fit:
    """Fit, and refit without each cluster, in closed form.

    `x` and `y` hold each different answer once, `weights` how often it was given. `rows` are the
    answers, cluster after cluster, and `starts` where each cluster begins.

    Without cluster g the coefficients are ``b - A X_g' (I - X_g A X_g')^-1 e_g`` with A the inverse
    of X'X: with one row a cluster the squares of these changes add up to HC3 (MacKinnon and White
    1985), with more to CR3 (Bell and McCaffrey 2002).
    """
    gram = (x * weights[:, None]).T @ x
    inverse = np.asarray(np.linalg.pinv(gram, rcond=1e-12, hermitian=True), dtype=np.float64)
    beta = inverse @ ((x * weights[:, None]).T @ y)
    projection = inverse @ gram
    known = np.abs(projection - np.eye(len(gram))).max(axis=1) < 1e-7
    residual = y - x @ beta
    sizes = np.diff(np.append(starts, len(rows)))
    changes = np.zeros((len(starts), x.shape[1], y.shape[1]))
    broken = np.zeros((len(starts), x.shape[1]), dtype=bool)
    for size in np.unique(sizes):
        chosen = np.flatnonzero(sizes == size)
        step = max(1, 2_000_000 // (int(size) * x.shape[1]))
        for begin in range(0, len(chosen), step):
            part = chosen[begin : begin + step]
            mine = rows[starts[part][:, None] + np.arange(size)]
            changes[part], broken[part] = _without(x[mine], residual[mine], inverse)
    return Fit(beta, known, changes, broken)


def _without(x: Floats, residual: Floats, inverse: Floats) -> tuple[Floats, Bools]:
    """Return the changes for clusters of the same size, and what is lost with them."""
    if x.shape[1] > x.shape[2]:  # as many rows as columns say the same
        base, x = np.linalg.qr(x)
        residual = base.transpose(0, 2, 1) @ residual
    across = x @ inverse
    values, vectors = np.linalg.eigh(np.eye(x.shape[1]) - across @ x.transpose(0, 2, 1))
    alone = values < _ZERO  # directions in which nobody else says anything
    turned = vectors.transpose(0, 2, 1) @ residual
    turned = np.where(alone, 0.0, 1 / np.where(alone, 1.0, values))[:, :, None] * turned
    onto = across.transpose(0, 2, 1) @ vectors  # cluster, column, direction
    lost = (np.abs(onto) * alone[:, None, :]).max(axis=2) > 1e-7
    return onto @ turned, lost
