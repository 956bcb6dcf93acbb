"""Groups of whom one must be included: the couple that is forced for a group that a plan leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.matching.engine.scoring.rules import Included
from services.matching.engine.solving.pairs import Edges, Millionths, Pairs, edges_of

MOST_STEPS = 20_000
"""Couples that are tried for the other groups; beyond, the next couple is taken as it is."""

_Couple = tuple[int, int, int]


def with_one_more(
    pairs: Pairs, plan: Edges, *, groups: Sequence[Included], places: Millionths, forced: Edges
) -> Edges | None:
    """The forced couples and one more, for the first group that the plan leaves out; None when it leaves out none, or nobody can
    help. The couple worth most that leaves every other group somebody, within the places."""
    paired = {*plan.u.tolist(), *plan.v.tolist()}
    left = places - np.bincount(np.concatenate((forced.u, forced.v)), minlength=pairs.size)
    search = _Search(pairs, left)
    held = {*forced.u.tolist(), *forced.v.tolist()}
    for group in groups:
        if paired & set(group.people):
            continue
        couples = search.couples(group)
        if not couples:
            continue
        others = [other for other in groups if other is not group]
        w, u, v = next((each for each in couples if search.leaves(others, each, held=held)), couples[0])
        return edges_of(np.append(forced.u, u), np.append(forced.v, v), np.append(forced.w, np.int64(w)))
    return None


class _Search:
    """``left``: int64[n], the places that are free."""

    def __init__(self, pairs: Pairs, left: Millionths) -> None:
        self._pairs, self._left = pairs, left.copy()
        self._open = left > 0
        self._found: dict[tuple[int, ...], list[_Couple]] = {}
        self._steps = 0

    def couples(self, group: Included) -> list[_Couple]:
        """Value, person and partner of all couples with places that help the group, the best first."""
        if group.people not in self._found:
            found: list[_Couple] = []
            for person in group.people:
                if self._open[person]:
                    partners, worth = self._pairs.of(person)
                    open_ = self._open[partners]
                    listed = zip(worth[open_].tolist(), partners[open_].tolist(), strict=True)
                    found += [(w, person, partner) for w, partner in listed]
            self._found[group.people] = sorted(found, key=lambda each: (-each[0], *each[1:]))
        return self._found[group.people]

    def leaves(self, groups: Sequence[Included], couple: _Couple, *, held: set[int]) -> bool:
        """Whether this couple has places, and all of these groups can still have somebody: tried one after the other."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            return True
        two = list(couple[1:])
        if not (self._left[two] > 0).all():
            return False
        have = {*held, *two}
        waiting = [group for group in groups if not have & set(group.people)]
        if not waiting:
            return True
        self._left[two] -= 1
        found = any(self.leaves(waiting[1:], each, held=have) for each in self.couples(waiting[0]))
        self._left[two] += 1
        return found
