"""A cohort too large for one worker: blocks as jobs of their own, and one bound for all of them together.

1. *Split.* Best couples first, people flow together as long as their block is not full (Kruskal's order, with a limit): who belongs
   together stays together, and couples between blocks are mostly weak.
2. *Jobs.* Each block is planned like any cohort (`Part`, then `solve`), anywhere, in any order.
3. *Union.* The blocks' prices side by side are prices of the whole cohort, and the bound holds for any prices: ALL pairs, those
   between blocks included, are held against them. From there a few rounds of the solver, which begin where the blocks ended,
   bring the prices of the blocks into line, better the plan across them, and look at all pairs again for whom nobody must be left out.
   So nothing that is claimed depends on how the cohort was split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.couples import joined, none
from services.matching.engine.solving.pairs import DEAREST, Edges, Millionths, Numbers, Pairs, Priced
from services.matching.engine.solving.solution import Solution
from services.matching.engine.solving.solve import OnBest, OnProgress, Start, solve

ROUNDS = 6  # fewer where the prices of the blocks fit together sooner


class Part:
    """`Pairs` of some people (ascending), numbered anew from 0. ``pairs`` may know of no others, or know them all."""

    def __init__(self, pairs: Pairs, people: Numbers) -> None:
        self._pairs, self._people = pairs, people
        self._number = np.full(pairs.size, -1, np.int32)
        self._number[people] = np.arange(len(people), dtype=np.int32)
        self.size = len(people)

    def strongest(self, *, each: int) -> Edges:
        """See `Pairs`; exact where ``pairs`` has no others, otherwise those of everybody's best who are in this part."""
        return self._mine(self._pairs.strongest(each=each))

    def price(self, y: Millionths, *, each: int) -> Priced:
        """See `Pairs`."""
        everybody = np.full(self._pairs.size, DEAREST, np.int64)
        everybody[self._people] = y
        priced = self._pairs.price(everybody, each=each)
        return Priced(excess=priced.excess, worst=self._mine(priced.worst), more=priced.more[self._people])

    def value(self, u: Numbers, v: Numbers) -> Millionths:
        """See `Pairs`."""
        return self._pairs.value(self._people[u], self._people[v])

    def of(self, u: int) -> tuple[Numbers, Millionths]:
        """See `Pairs`."""
        partners, w = self._pairs.of(int(self._people[u]))
        here = self._number[partners]
        return here[here >= 0], w[here >= 0]

    def _mine(self, edges: Edges) -> Edges:
        u, v = self._number[edges.u], self._number[edges.v]
        both = (u >= 0) & (v >= 0)
        return Edges(u[both], v[both], edges.w[both])  # ascending numbers keep the order


def split(couples: Edges, *, size: int, most: int) -> list[Numbers]:
    """People 0 to ``size`` − 1 in blocks of at most ``most``, by ``couples`` (everybody's best): int32, ascending, each."""
    above = list(range(size))
    count = [1] * size

    def top(person: int) -> int:
        while above[person] != person:
            above[person] = above[above[person]]
            person = above[person]
        return person

    order = np.lexsort((couples.v, couples.u, -couples.w))
    for u, v in zip(couples.u[order].tolist(), couples.v[order].tolist(), strict=True):
        one, other = top(u), top(v)
        if one != other and count[one] + count[other] <= most:
            low, high = min(one, other), max(one, other)
            above[high] = low
            count[low] += count[high]
    tops = np.array([top(person) for person in range(size)], dtype=np.int64)
    # The largest clusters first, each into the first block that has room.
    blocks: list[list[int]] = []
    room: list[int] = []
    for cluster in sorted(np.unique(tops).tolist(), key=lambda low: (-count[low], low)):
        at = next((number for number, left in enumerate(room) if left >= count[cluster]), len(room))
        if at == len(room):
            blocks.append([])
            room.append(most)
        blocks[at].append(cluster)
        room[at] -= count[cluster]
    block = np.zeros(size, np.int64)
    for number, clusters in enumerate(blocks):
        block[clusters] = number
    return [np.flatnonzero(block[tops] == number).astype(np.int32) for number in range(len(blocks))]


def union(
    pairs: Pairs,
    blocks: Sequence[Numbers],
    solutions: Sequence[Solution],
    *,
    places: Millionths,
    waiting: NDArray[np.bool_] | None = None,
    forced: Edges | None = None,
    rounds: int = ROUNDS,
    on_progress: OnProgress = lambda stage, share: None,
    on_best: OnBest | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Solution:
    """One plan and one bound over all pairs, from the plans of blocks that hold nobody twice (``forced`` couples are in none of them).
    With 0 ``rounds`` the prices stay as the blocks left them: a valid bound at the cost of looking at all pairs, but not a close one
    where blocks depend on each other."""
    y = np.zeros(pairs.size, np.int64)
    parts = [none()]
    for people, found in zip(blocks, solutions, strict=True):
        y[people] = found.prices
        parts.append(Edges(people[found.u], people[found.v], found.w))
    return solve(
        pairs,
        places=places,
        waiting=waiting,
        forced=forced,
        exact_up_to=0,
        start=Start(y, joined(*parts)),
        rounds=rounds,
        on_progress=on_progress,
        on_best=on_best,
        cancelled=cancelled,
        deadline=deadline,
    )
