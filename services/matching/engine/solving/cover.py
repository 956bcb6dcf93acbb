"""Nobody left out: as few people without a partner as can be, and the barrier that proves it.

Alternating paths in a general graph with odd cycles contracted (Edmonds 1965), on one node per place, over ALL possible pairs:
they begin at somebody who waits and has nobody, and end at a free place or at somebody who can spare a partner. Whoever is
covered stays covered, and a search that fails once fails for good; what it reached is a *barrier*. Its outer people all
wait and have one place, and lie in odd groups that know only each other and the inner people: a group gets one partner from
outside or leaves one of its people alone. So at least (groups − places of the inner people) stay alone (Berge 1958).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.certificate import NOBODY, Barrier
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Pairs, edges_of

FEW = 32  # people: fewer are looked at one by one


def cover(
    pairs: Pairs,
    couples: Edges,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    stop: Callable[[], bool],
    at_most: int | None = None,
) -> tuple[Edges, Barrier]:
    """``couples`` changed so that the fewest possible people who wait have nobody; and the barrier, which is only complete
    when ``stop`` never returned True, and no more than ``at_most`` people had to stay alone."""
    search = _Search(pairs, couples, places=places, waiting=waiting)
    failed = 0
    for person in np.flatnonzero(waiting & (places > 0)).tolist():
        if not search.has_partner(person):
            if stop() or (at_most is not None and failed > at_most):
                break
            failed += not search.cover(person)
    return search.couples(), search.barrier()


class _Search:
    """Nodes are places: those of person p are first[p] to first[p + 1] − 1."""

    def __init__(self, pairs: Pairs, couples: Edges, *, places: Millionths, waiting: NDArray[np.bool_]) -> None:
        self._pairs, self._places, self._waiting = pairs, places, waiting
        self._first = np.concatenate([[0], np.cumsum(places)]).tolist()
        self._owner = np.repeat(np.arange(len(places)), places).tolist()
        self._mate = [NOBODY] * len(self._owner)
        taken = [0] * len(places)
        for u, v in zip(couples.u.tolist(), couples.v.tolist(), strict=True):
            one, other = self._first[u] + taken[u], self._first[v] + taken[v]
            taken[u] += 1
            taken[v] += 1
            self._mate[one], self._mate[other] = other, one
        # Besides the current search, what dead ones leave: nobody comes back there.
        self._from = [NOBODY] * len(self._owner)  # the outer node that reached an inner one
        self._base = np.arange(len(self._owner))  # the base of the contracted odd cycle
        self._members: dict[int, list[int]] = {}  # of a base; those who are their own are left out
        self._single = np.where(places == 1, self._first[:-1], NOBODY)  # a person's only node
        self._outer = [False] * len(self._owner)
        self._fresh = places > 0  # whether looking at somebody can tell more: they are not merely inner, or dead
        self._dead: list[int] = []

    def has_partner(self, person: int) -> bool:
        return any(self._mate[node] != NOBODY for node in range(self._first[person], self._first[person + 1]))

    def couples(self) -> Edges:
        """The couples now; two places that meet twice count once."""
        met = [(self._owner[a], self._owner[b]) for a, b in enumerate(self._mate) if a < b]
        u, v = np.array(met, dtype=np.int32).reshape(-1, 2).T
        found = edges_of(u, v, np.zeros(len(u), np.int64))
        return Edges(found.u, found.v, self._pairs.value(found.u, found.v))

    def barrier(self) -> Barrier:
        """Of all failed searches."""
        size = len(self._places)
        group, inner = np.full(size, NOBODY, dtype=np.int32), np.zeros(size, dtype=np.bool_)
        for node in self._dead:
            if self._outer[node]:
                group[self._owner[node]] = self._owner[int(self._base[node])]
            else:
                inner[self._owner[node]] = True
        return Barrier(group, inner)

    def cover(self, person: int) -> bool:
        """Give this person a partner without leaving anybody else alone, if that can be."""
        tree = self._grow(self._first[person])
        if tree is None:
            return True
        self._dead += tree
        self._fresh[[self._owner[node] for node in tree]] = False
        return False

    def _grow(self, root: int) -> list[int] | None:
        """None when a path was flipped; otherwise everything that the search reached."""
        outer, base, mate = self._outer, self._base, self._mate
        outer[root] = True
        tree = [root]
        queue = deque([root])
        reached: list[int] = []  # people

        def finish(done: bool) -> list[int] | None:
            if not done:
                return tree
            for node in tree:
                outer[node], base[node], self._from[node] = False, node, NOBODY
                self._members.pop(node, None)
            self._fresh[reached] = True
            return None

        while queue:
            node = queue.popleft()
            for person in self._elsewhere(node):
                for other in range(self._first[person], self._first[person + 1]):
                    if base[node] == base[other] or mate[node] == other:
                        continue
                    if outer[other]:
                        spare = self._contract(node, other, queue=queue)
                        if spare != NOBODY:
                            self._spare(spare)
                            return finish(done=True)
                    elif self._from[other] == NOBODY:
                        self._from[other] = node
                        tree.append(other)
                        partner = mate[other]
                        if partner == NOBODY:
                            self._flip(other)
                            return finish(done=True)
                        if self._can_spare(partner):
                            self._spare(partner)
                            return finish(done=True)
                        outer[partner] = True
                        tree.append(partner)
                        queue.append(partner)
                        reached.append(person)
                        self._fresh[person] = False
        return finish(done=False)

    def _elsewhere(self, node: int) -> list[int]:
        """Possible partners who are not in the same odd cycle, the best first."""
        person, here = self._owner[node], self._base[node]
        open_ = self._fresh & ((self._single == NOBODY) | (self._base[self._single] != here))
        if np.count_nonzero(open_) <= FEW:
            partners = np.flatnonzero(open_).astype(np.int32)
            partners = partners[partners != person]
            w = self._pairs.value(np.full(len(partners), person, np.int32), partners)
            partners, w = partners[w != NEVER], w[w != NEVER]
        else:
            partners, w = self._pairs.of(person)
            partners, w = partners[open_[partners]], w[open_[partners]]
        best_first: list[int] = partners[np.argsort(-w, kind="stable")].tolist()
        return best_first

    def _contract(self, node: int, other: int, *, queue: deque[int]) -> int:
        """Make one of an odd cycle; a member who can spare a partner ends the search and is returned."""
        top = self._meeting_point(node, other)
        inside: set[int] = set()
        self._mark(node, top=top, child=other, inside=inside)
        self._mark(other, top=top, child=node, inside=inside)
        joining = [member for base in sorted(inside) for member in self._members.pop(base, [base])]
        self._members.setdefault(top, [top]).extend(joining)
        self._base[joining] = top
        for member in joining:
            if not self._outer[member]:
                if self._can_spare(member):
                    return member
                self._outer[member] = True
                self._fresh[self._owner[member]] = True
                queue.append(member)
        return NOBODY

    def _meeting_point(self, one: int, other: int) -> int:
        above: set[int] = set()
        node = one
        while True:
            node = self._base[node]
            above.add(node)
            if self._mate[node] == NOBODY:
                break
            node = self._from[self._mate[node]]
        node = self._base[other]
        while node not in above:
            node = self._base[self._from[self._mate[node]]]
        return int(node)

    def _mark(self, node: int, *, top: int, child: int, inside: set[int]) -> None:
        while self._base[node] != top:
            inside |= {self._base[node], self._base[self._mate[node]]}
            self._from[node] = child
            child = self._mate[node]
            node = self._from[child]

    def _can_spare(self, node: int) -> bool:
        """Whether this place may lose its partner: its owner has another one, or does not wait for any."""
        person = self._owner[node]
        if not self._waiting[person]:
            return True
        return sum(self._mate[n] != NOBODY for n in range(self._first[person], self._first[person + 1])) > 1

    def _spare(self, end: int) -> None:
        partner = self._mate[end]
        self._mate[end] = NOBODY
        self._flip(partner)

    def _flip(self, end: int) -> None:
        node = end
        while node != NOBODY:
            before = self._from[node]
            following = self._mate[before]
            self._mate[node], self._mate[before] = before, node
            node = following
