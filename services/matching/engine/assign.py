"""Who is paired with whom: nobody left out first, then two-way pairs, then value.

1. *Cover.* A greedy start by value, then alternating paths in general graphs (odd cycles contracted, after Edmonds 1965) on
   one node per place, begun only at people who have nobody yet, and ended at a free place or at the second partner of
   somebody. The sets of people that can be covered form a matroid, so covering one person after the other reaches the
   largest possible number; two places that meet twice count once.
   Two-way pairs come first; one-way pairs enter only for people whom no two-way pair can cover.
2. *Fill* the remaining places with pairs of positive value.
3. *Improve* by exchanging partners between two pairs, or moving a pair to a free place, until no exchange gains.
   Exchanges never lower the number of people with a pair.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.model import Cancelled, IsCancelled

ONE_WAY_COST = 10_000_000
"""Millionths; more than any two pairs' values can make up for."""
NEVER = -(2**40)
NOBODY = -1

Couples = set[tuple[int, int]]


def assign(
    value: NDArray[np.int64],
    *,
    good: NDArray[np.bool_],
    legal: NDArray[np.bool_],
    places: Sequence[int],
    forced: Couples,
    cancelled: IsCancelled,
) -> Couples:
    """Pairs (i < j) within ``places``: a superset of ``forced``, otherwise only ``legal`` ones, ``good`` ones preferred."""
    size = len(places)
    gain = np.where(legal, np.where(good, value, value - ONE_WAY_COST), NEVER)
    room = np.array(places, dtype=np.int64)
    for first, second in forced:
        gain[first, second] = gain[second, first] = NEVER
        room[first] -= 1
        room[second] -= 1
    has_forced = {person for couple in forced for person in couple}
    pairs = _cover(gain, room=room, waiting=[p for p in range(size) if p not in has_forced], stop=cancelled)
    _fill(pairs, gain=gain, room=room)
    _improve(pairs, gain=gain, room=room, has_forced=has_forced, stop=cancelled)
    return pairs | forced


def _cover(gain: NDArray[np.int64], *, room: NDArray[np.int64], waiting: list[int], stop: IsCancelled) -> Couples:
    size = len(room)
    owner = [person for person in range(size) for _ in range(int(room[person]))]
    nodes: list[list[int]] = [[] for _ in range(size)]
    for node, person in enumerate(owner):
        nodes[person].append(node)
    mate = [NOBODY] * len(owner)

    def partners_of(person: int) -> int:
        return sum(mate[node] != NOBODY for node in nodes[person])

    def can_spare(node: int) -> bool:
        return partners_of(owner[node]) > 1 or owner[node] not in alone_at_first

    alone_at_first = frozenset(waiting)
    alone = {person for person in waiting if room[person] > 0}
    for first, second in _best_first(gain, least=-(ONE_WAY_COST // 2)):
        if first in alone and second in alone:
            one, other = nodes[first][0], nodes[second][0]
            mate[one], mate[other] = other, one
            alone -= {first, second}
    for least in (-(ONE_WAY_COST // 2), NEVER + 1):
        neighbours = _Neighbours(gain, least=least, nodes=nodes)
        dead = [False] * len(owner)
        for person in range(size):
            if stop():
                raise Cancelled
            # An earlier path may have ended at this person's free place.
            if person in alone and not partners_of(person):
                root = nodes[person][0]
                _augment(root, neighbours=neighbours, owner=owner, mate=mate, dead=dead, can_spare=can_spare)
    return {
        (min(owner[node], owner[other]), max(owner[node], owner[other]))
        for node, other in enumerate(mate)
        if other != NOBODY
    }


class _Neighbours:
    """The places of everybody with whom a person may be paired, better partners first; looked up when first needed."""

    def __init__(self, gain: NDArray[np.int64], *, least: int, nodes: Sequence[Sequence[int]]) -> None:
        self._gain, self._least, self._nodes = gain, least, nodes
        self._found: dict[int, list[int]] = {}

    def of(self, person: int) -> list[int]:
        """Their nodes."""
        if person not in self._found:
            gain = self._gain[person]
            partners = [other for other in np.argsort(-gain, kind="stable").tolist() if gain[other] >= self._least]
            self._found[person] = [node for other in partners for node in self._nodes[other]]
        return self._found[person]


def _augment(
    root: int,
    *,
    neighbours: _Neighbours,
    owner: Sequence[int],
    mate: list[int],
    dead: list[bool],
    can_spare: Callable[[int], bool],
) -> None:
    """Grow an alternating tree from a free node until a path can be flipped so that the root gets a partner, or mark it dead.

    A path ends at another free node, or at a node that can spare its partner. ``reached_from[w]``: the outer node that
    reached w. ``base[v]``: the base of the contracted odd cycle that holds v. A tree in which no path ends takes part in no
    later path (Edmonds): the caller keeps ``dead`` between searches.
    """
    count = len(mate)
    reached_from = [NOBODY] * count
    base = list(range(count))
    outer = [False] * count
    outer[root] = True
    tree = [root]
    queue = deque([root])

    def meeting_point(one: int, other: int) -> int:
        above: set[int] = set()
        node = one
        while True:
            node = base[node]
            above.add(node)
            if mate[node] == NOBODY:
                break
            node = reached_from[mate[node]]
        node = base[other]
        while node not in above:
            node = base[reached_from[mate[node]]]
        return node

    def mark(node: int, *, top: int, child: int, inside: set[int]) -> None:
        while base[node] != top:
            inside |= {base[node], base[mate[node]]}
            reached_from[node] = child
            child = mate[node]
            node = reached_from[child]

    while queue:
        node = queue.popleft()
        for other in neighbours.of(owner[node]):
            if dead[other] or base[node] == base[other] or mate[node] == other:
                continue
            if outer[other]:
                top = meeting_point(node, other)
                inside: set[int] = set()
                mark(node, top=top, child=other, inside=inside)
                mark(other, top=top, child=node, inside=inside)
                for member in tree:
                    if base[member] in inside:
                        base[member] = top
                        if not outer[member]:
                            if can_spare(member):
                                _spare(member, reached_from=reached_from, mate=mate)
                                return
                            outer[member] = True
                            queue.append(member)
            elif reached_from[other] == NOBODY:
                reached_from[other] = node
                tree.append(other)
                partner = mate[other]
                if partner == NOBODY:
                    _flip(other, reached_from=reached_from, mate=mate)
                    return
                if can_spare(partner):
                    _spare(partner, reached_from=reached_from, mate=mate)
                    return
                outer[partner] = True
                tree.append(partner)
                queue.append(partner)
    for member in tree:
        dead[member] = True


def _spare(end: int, *, reached_from: Sequence[int], mate: list[int]) -> None:
    """End the path at a node that gives up its partner."""
    partner = mate[end]
    mate[end] = NOBODY
    _flip(partner, reached_from=reached_from, mate=mate)


def _flip(end: int, *, reached_from: Sequence[int], mate: list[int]) -> None:
    node = end
    while node != NOBODY:
        before = reached_from[node]
        following = mate[before]
        mate[node], mate[before] = before, node
        node = following


def _best_first(gain: NDArray[np.int64], *, least: int) -> list[tuple[int, int]]:
    first, second = np.nonzero(np.triu(gain >= least, k=1))
    order = np.argsort(-gain[first, second], kind="stable")
    return [(int(first[k]), int(second[k])) for k in order]


def _fill(pairs: Couples, *, gain: NDArray[np.int64], room: NDArray[np.int64]) -> None:
    left = room.copy()
    for first, second in pairs:
        left[first] -= 1
        left[second] -= 1
    if not (left > 0).sum() > 1:
        return
    for first, second in _best_first(gain, least=1):
        if left[first] > 0 and left[second] > 0 and (first, second) not in pairs:
            pairs.add((first, second))
            left[first] -= 1
            left[second] -= 1


def _improve(
    pairs: Couples, *, gain: NDArray[np.int64], room: NDArray[np.int64], has_forced: set[int], stop: IsCancelled
) -> None:
    ordered = sorted(pairs)
    if not ordered:
        return
    one = np.array([first for first, _ in ordered])
    other = np.array([second for _, second in ordered])
    worth = gain[one, other].copy()
    open_gain = gain.copy()  # NEVER for what is already a pair
    open_gain[one, other] = open_gain[other, one] = NEVER
    degree = np.zeros(len(room), dtype=np.int64)
    np.add.at(degree, one, 1)
    np.add.at(degree, other, 1)
    covered_anyway = np.array([person in has_forced for person in range(len(room))])

    def replace(index: int, first: int, second: int) -> None:
        old_first, old_second = one[index], other[index]
        open_gain[old_first, old_second] = open_gain[old_second, old_first] = gain[old_first, old_second]
        degree[[old_first, old_second]] -= 1
        one[index], other[index] = first, second
        worth[index] = gain[first, second]
        open_gain[first, second] = open_gain[second, first] = NEVER
        degree[[first, second]] += 1

    improved = True
    while improved:
        improved = False
        if stop():
            raise Cancelled
        for index in range(len(one)):
            a, b = int(one[index]), int(other[index])
            straight = open_gain[a, one] + open_gain[b, other] - worth
            crossed = open_gain[a, other] + open_gain[b, one] - worth
            best = int(np.argmax(np.maximum(straight, crossed)))
            if max(straight[best], crossed[best]) > worth[index]:
                c, d = int(one[best]), int(other[best])
                if straight[best] < crossed[best]:
                    c, d = d, c
                # Both places first, so that neither new pair meets the other's old one.
                replace(index, a, c)
                replace(best, b, d)
                improved = True
                continue
            for stays, leaves in ((a, b), (b, a)):
                loses_all = degree[leaves] == 1 and not covered_anyway[leaves]
                newcomers = (degree < room) & ((degree == 0) & ~covered_anyway if loses_all else True)
                offers = np.where(newcomers, open_gain[stays], NEVER)
                newcomer = int(np.argmax(offers))
                if offers[newcomer] > worth[index]:
                    replace(index, stays, newcomer)
                    improved = True
                    break
    pairs.clear()
    pairs |= {(int(min(a, b)), int(max(a, b))) for a, b in zip(one, other, strict=True)}
    _fill(pairs, gain=gain, room=room)
