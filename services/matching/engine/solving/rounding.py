"""From halves to whole couples.

The couples of which the flow took one half form a graph in which everybody has an even number of them: each of its connected
parts is one closed trail (Euler). A trail of even length alternates at no loss; one of odd length leaves one person on it a
place short, whoever costs least.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.pairs import Edges, Millionths


def whole_couples(edges: Edges, halves: NDArray[np.int8], *, alone: Millionths) -> NDArray[np.bool_]:
    """bool[m]: which couples are chosen; within the places that the halves kept to. ``alone``: what nobody at all costs."""
    chosen: NDArray[np.bool_] = np.equal(halves, 2)
    partners = np.bincount(edges.u[halves > 0], minlength=len(alone)) + np.bincount(
        edges.v[halves > 0], minlength=len(alone)
    )
    for people, numbers in _trails(edges, np.flatnonzero(halves == 1)):
        w = edges.w[numbers]
        if len(numbers) % 2 == 0:
            chosen[numbers[0::2] if w[0::2].sum() >= w[1::2].sum() else numbers[1::2]] = True
            continue
        # Leaving out the person before number k takes k + 1, k + 3, … around the trail.
        around = np.concatenate([w, w])
        by_parity = np.zeros(len(around) + 2, np.int64)
        for parity in (0, 1):
            by_parity[parity + 2 :: 2] = np.cumsum(around[parity::2])
        start = np.arange(len(w))
        lost = np.where(partners[people] <= 2, alone[people], 0)  # on this trail only, and once
        best = int(np.argmax(by_parity[start + len(w)] - by_parity[start + 1] - lost))
        chosen[np.concatenate([numbers, numbers])[best + 1 : best + len(w) : 2]] = True
    return chosen


def _trails(edges: Edges, halves: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For every connected part its closed trail: people, and the couple from each of them to the next (Hierholzer 1873)."""
    ends = {int(k): (int(edges.u[k]), int(edges.v[k])) for k in halves}
    open_: dict[int, list[int]] = {}
    for k in reversed(ends):
        for person in ends[k]:
            open_.setdefault(person, []).append(k)
    walked: set[int] = set()
    trails = []
    for begin in sorted(open_):
        path: list[tuple[int, int]] = [(begin, -1)]  # who, and by which couple we came
        trail: list[tuple[int, int]] = []
        while path:
            person, _ = path[-1]
            while open_[person] and open_[person][-1] in walked:
                open_[person].pop()
            if open_[person]:
                k = open_[person].pop()
                walked.add(k)
                path.append((sum(ends[k]) - person, k))
            else:
                trail.append(path.pop())
        if len(trail) > 1:  # the last has come by no couple: it is the first again
            trails.append((np.array([who for who, _ in trail[:-1]]), np.array([k for _, k in trail[:-1]])))
    return trails
