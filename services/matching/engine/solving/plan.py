"""A whole plan from a fraction, and its betterment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving import kernels
from services.matching.engine.solving.couples import degrees, keys, some
from services.matching.engine.solving.flow import LARGE
from services.matching.engine.solving.pairs import Edges, Millionths

PATIENCE = 1_000
PATIENCE_COMPILED = 20_000
"""How many people one search for a path looks at."""
PASSES = 4


def greedy(edges: Edges, *, places: Millionths, waiting: NDArray[np.bool_]) -> Edges:
    """The most valuable couple first, for as long as there is room; couples of no value only for people who wait alone."""
    room, alone = places.tolist(), waiting.tolist()
    taken = []
    order = np.lexsort((edges.v, edges.u, -edges.w)).tolist()
    u, v, w = edges.u.tolist(), edges.v.tolist(), edges.w.tolist()
    for k in order:
        one, other = u[k], v[k]
        if room[one] and room[other] and (w[k] > 0 or alone[one] or alone[other]):
            room[one] -= 1
            room[other] -= 1
            alone[one] = alone[other] = False
            taken.append(k)
    return some(edges, np.sort(np.array(taken, dtype=np.int64)))


def better(
    edges: Edges,
    couples: Edges,
    *,
    y: Millionths,
    places: Millionths,
    waiting: NDArray[np.bool_],
    penalty: int,
) -> Edges:
    """``couples`` (all of them among ``edges``) bettered by alternating paths, where leaving somebody who waits alone counts as
    ``penalty`` off the value: as in the prices ``y``, so that searches which cannot gain end at once. Never leaves more alone."""
    size = len(places)
    lengthen, patience = kernels.lengthen, PATIENCE
    if size >= LARGE:
        from services.matching.engine.solving import compiled

        lengthen, patience = compiled.lengthen, PATIENCE_COMPILED
    cost = y[edges.u] + y[edges.v] - edges.w
    ends = np.concatenate([edges.u, edges.v]).astype(np.int64)
    number = np.tile(np.arange(len(edges)), 2)
    column = number[np.lexsort((number, cost[number], ends))]
    first = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=size))])
    chosen = np.isin(keys(edges), keys(couples))
    place = np.concatenate([[0], np.cumsum(places)])
    degree = degrees(couples, size)
    held = np.zeros(int(place[-1]) + 1, np.int64)
    filled = np.zeros(size, np.int64)
    for k in np.flatnonzero(chosen).tolist():
        for p in (int(edges.u[k]), int(edges.v[k])):
            held[place[p] + filled[p]] = k
            filled[p] += 1
    both = edges.u.astype(np.int64) + edges.v
    alone = np.where(waiting, penalty, 0)
    for _ in range(PASSES):
        if not lengthen(first, column, both, cost, y, alone, place, held, degree, chosen, patience):
            break
    found = some(edges, chosen)
    return found if unmatched_of(found, waiting=waiting) <= unmatched_of(couples, waiting=waiting) else couples


def unmatched_of(couples: Edges, *, waiting: NDArray[np.bool_]) -> int:
    """How many of those who wait have nobody."""
    return int((waiting & (degrees(couples, len(waiting)) == 0)).sum())
