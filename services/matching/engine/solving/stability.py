"""Who would rather be with each other: the blocking pairs that a plan leaves."""

from __future__ import annotations

import numpy as np

from services.matching.engine.solving.couples import joined, none, without
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Pairs


def blocking(pairs: Pairs, couples: Edges, *, places: Millionths, threshold: int) -> Edges:
    """Possible pairs, not planned, that would gain each of the two more than ``threshold`` (millionths) over the least of
    their partners, or over nobody (0) where a place is free. Looks at every pair."""
    bar = bars(pairs.size, couples, places=places, threshold=threshold)
    found: list[Edges] = []
    for u in range(pairs.size):
        partners, w = pairs.of(u)
        gains = (partners > u) & (w > bar[u]) & (w > bar[partners])
        if gains.any():
            v = partners[gains]
            found.append(Edges(np.full(len(v), u, np.int32), v.astype(np.int32), w[gains]))
    return without(joined(none(), *found), couples)


def bars(size: int, couples: Edges, *, places: Millionths, threshold: int) -> Millionths:
    """int64[n]: a pair blocks if it is worth more than the bar of each of the two."""
    least = np.full(size, -NEVER, np.int64)
    for end in (couples.u, couples.v):
        np.minimum.at(least, end, couples.w)
    degree = np.bincount(couples.u, minlength=size) + np.bincount(couples.v, minlength=size)
    least = np.where(degree < places, np.minimum(least, 0), least)
    least[places == 0] = -NEVER
    return least + threshold
