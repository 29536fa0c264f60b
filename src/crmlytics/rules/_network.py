"""Places for the nodes of a network whose labels must not overlap; nothing is left to chance."""

import numpy as np

from crmlytics._columns import Floats, Ints

_STEPS = 600
_REPULSION = 0.4
_GRAVITY = 0.9
_EVEN = 0.6
_PUSHES = 1_000


def places(edges: Ints, boxes: Floats, room: tuple[float, float]) -> Floats:
    """Return the middle of each node, in points within `room`.

    `edges` are pairs of nodes; `boxes` holds the width and height of each node's label. Attraction
    of neighbours and repulsion of all, by number of neighbours (Jacomy et al. 2014), give the
    shape; boxes are then pushed apart. Nothing is drawn at random: a table has one picture.
    """
    extent = np.array(room)
    at = _spread(_forces(edges, len(boxes)), boxes, extent)
    return _apart(at, boxes, extent)


def _forces(edges: Ints, n: int) -> Floats:
    """Let nodes find their places on a plane without units."""
    turn = 2 * np.pi * np.arange(n) / max(n, 1)
    # circles of slightly different size: nodes in perfect balance would never move
    at = np.column_stack([np.cos(turn), np.sin(turn)]) * (1 + 0.1 * np.sin(5 * turn))[:, None]
    at *= np.sqrt(n)
    mass = 1.0 + np.bincount(edges.ravel(), minlength=n)
    for step in range(_STEPS):
        gap = at[:, None] - at[None]
        far = np.maximum((gap**2).sum(axis=2), 1e-2)
        push = (gap * (_REPULSION * mass[:, None] * mass / far)[:, :, None]).sum(axis=1)
        along = at[edges[:, 0]] - at[edges[:, 1]]
        np.add.at(push, edges[:, 0], -along)
        np.add.at(push, edges[:, 1], along)
        middle = np.maximum(np.sqrt((at**2).sum(axis=1)), 1.0)
        push -= at * (_GRAVITY * mass / middle)[:, None]  # or parts that nothing joins fly away
        push /= mass[:, None]
        length = np.maximum(np.sqrt((push**2).sum(axis=1)), 1e-9)
        heat = 0.3 * np.sqrt(n) * (1 - step / _STEPS) ** 2
        at += push * np.minimum(0.2, heat / length)[:, None]
    return np.asarray(at)


def _spread(at: Floats, boxes: Floats, extent: Floats) -> Floats:
    """Use the whole room, each label inside it; half by place and half by rank, which is even."""
    low, wide = at.min(axis=0), np.ptp(at, axis=0)
    share = np.where(wide > 1e-9, (at - low) / np.maximum(wide, 1e-9), 0.5)
    rank = np.argsort(np.argsort(at, axis=0, kind="stable"), axis=0) / max(len(at) - 1, 1)
    share = np.where(wide > 1e-9, (1 - _EVEN) * share + _EVEN * rank, share)
    return np.asarray(boxes / 2 + share * np.maximum(extent - boxes, 0))


def _apart(at: Floats, boxes: Floats, extent: Floats) -> Floats:
    """Push overlapping boxes apart along the shorter way, until none overlap or none can move."""
    half = (boxes[:, None] + boxes[None]) / 2
    low, high = boxes / 2, np.maximum(extent - boxes / 2, boxes / 2)
    mine, theirs = np.triu_indices(len(at), 1)
    rank = np.arange(len(at))
    for _ in range(_PUSHES):
        gap = at[mine] - at[theirs]
        over = half[mine, theirs] - np.abs(gap)
        hit = (over > 1e-6).all(axis=1)
        if not hit.any():
            break
        a, b, lap, way = mine[hit], theirs[hit], over[hit], np.sign(gap[hit])
        way[way == 0] = np.where(rank[a] < rank[b], -1, 1)[:, None].repeat(2, axis=1)[way == 0]
        # labels are wide and low: past each other they go up and down, unless beside is nearer
        down = lap[:, 1] <= lap[:, 0]
        move = np.zeros((len(a), 2))
        move[down, 1] = (way * lap)[down, 1]
        move[~down, 0] = (way * lap)[~down, 0]
        shift = np.zeros_like(at)
        np.add.at(shift, a, 0.26 * move)
        np.add.at(shift, b, -0.26 * move)
        at = np.clip(at + shift, low, high)
    return at
