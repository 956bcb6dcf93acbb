"""After a drop-out: those who lost their partner get another one, and the others keep theirs.

*Locked*: nobody else moves; only people with a free place can be found. *Sticky*: the neighbourhood of those who are alone is
planned anew with a bonus on every current couple, so that few change; everybody outside of it stays as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.couples import Revalued, among, degrees, joined, keys, replaced, some, without
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Numbers, Pairs
from services.matching.engine.solving.plan import unmatched_of
from services.matching.engine.solving.solve import solve

BONUS = 100_000
NEIGHBOURS = 240
"""People who are planned anew by a sticky repair, at most: the more, the better the plan, and the longer it takes."""
ASKED = 12  # best partners of everybody that the neighbourhood grows by


@dataclass(frozen=True, slots=True)
class Repaired:
    """``couples``: the whole plan. ``made``: what is new in it; ``broken``: couples of people who are still here that ended for it.
    ``unmatched``: those who wait and have nobody."""

    couples: Edges
    made: Edges
    broken: Edges
    unmatched: int


def locked(pairs: Pairs, couples: Edges, *, places: Millionths, waiting: NDArray[np.bool_], gone: Numbers) -> Repaired:
    """Pair those with a free place with each other; no couple ends but those of the ``gone`` (their places count as none).
    The best such plan: as few alone as can be, then value."""
    left, room = _left(couples, places=places, gone=gone)
    taken = degrees(left, pairs.size)
    people = np.flatnonzero(room > taken).astype(np.int32)
    part = among(pairs, people)
    old = _inside(left, people)
    found = solve(
        Revalued(part, replaced(old, NEVER)) if len(old) else part,
        places=(room - taken)[people],
        waiting=waiting[people] & (taken[people] == 0),
    )
    made = _named(found.couples, people)
    return _repaired(joined(left, made), before=left, waiting=waiting, gone=gone)


def sticky(
    pairs: Pairs,
    couples: Edges,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    gone: Numbers,
    bonus: int = BONUS,
    most: int = NEIGHBOURS,
) -> Repaired:
    """Plan at most ``most`` people around those who are alone anew; each couple that is now counts ``bonus`` millionths more.
    As few alone as can be in that neighbourhood, then value and bonus; all of a small cohort is one neighbourhood."""
    left, room = _left(couples, places=places, gone=gone)
    taken = degrees(left, pairs.size)
    people = _neighbourhood(pairs, left, room=room, alone=(taken == 0) & waiting & (room > 0), most=most)
    old = _inside(left, people)
    outside = taken[people] - degrees(old, len(people))  # partners who are not planned anew keep their places
    part = among(pairs, people)
    held = Edges(old.u, old.v, old.w + bonus)
    found = solve(
        Revalued(part, held) if len(old) else part,
        places=room[people] - outside,
        waiting=waiting[people] & (outside == 0),
    )
    real = _named(found.couples, people)
    real = Edges(real.u, real.v, pairs.value(real.u, real.v))
    kept = without(left, _named(old, people))
    return _repaired(joined(_as_planned(left, real), kept, real), before=left, waiting=waiting, gone=gone)


def _as_planned(known: Edges, wanted: Edges) -> Edges:
    """Those of ``known`` that are ``wanted``: a couple keeps the value that it was planned with."""
    return some(known, np.isin(keys(known), keys(wanted)))


def _left(couples: Edges, *, places: Millionths, gone: Numbers) -> tuple[Edges, Millionths]:
    room = places.copy()
    room[gone] = 0
    return some(couples, (room[couples.u] > 0) & (room[couples.v] > 0)), room


def _repaired(couples: Edges, *, before: Edges, waiting: NDArray[np.bool_], gone: Numbers) -> Repaired:
    here = waiting.copy()
    here[gone] = False
    return Repaired(
        couples,
        made=without(couples, before),
        broken=without(before, couples),
        unmatched=unmatched_of(couples, waiting=here),
    )


def _inside(edges: Edges, people: Numbers) -> Edges:
    """The couples of two of these people (ascending), by their places in that list."""
    both = some(edges, np.isin(edges.u, people) & np.isin(edges.v, people))
    return Edges(
        np.searchsorted(people, both.u).astype(np.int32), np.searchsorted(people, both.v).astype(np.int32), both.w
    )


def _named(edges: Edges, people: Numbers) -> Edges:
    return Edges(people[edges.u], people[edges.v], edges.w)


def _neighbourhood(pairs: Pairs, couples: Edges, *, room: Millionths, alone: NDArray[np.bool_], most: int) -> Numbers:
    """Who is alone or has a free place, whom of those with places these would like best, the partners of those, and so on."""
    free = room > degrees(couples, pairs.size)
    inside = np.zeros(pairs.size, dtype=np.bool_)
    ring = np.concatenate([np.flatnonzero(alone), np.flatnonzero(free & ~alone)])[:most]
    partners: dict[int, list[int]] = {}
    for u, v in zip(couples.u.tolist(), couples.v.tolist(), strict=True):
        partners.setdefault(u, []).append(v)
        partners.setdefault(v, []).append(u)
    inside[ring] = True
    count = len(ring)
    while len(ring) and count < most:
        following = []
        for person in ring.tolist():
            others, w = pairs.of(person)
            others, w = others[room[others] > 0], w[room[others] > 0]
            for other in others[np.argsort(-w, kind="stable")[:ASKED]].tolist():
                for who in (other, *partners.get(other, ())):
                    if not inside[who] and count < most:
                        inside[who] = True
                        count += 1
                        following.append(who)
        ring = np.array(following, dtype=np.int64)
    return np.flatnonzero(inside).astype(np.int32)
