"""A snapshot and its near texts as a planner and a verifier see them: who, which pairs are possible, and which must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.matching.engine.meaning.near import Near
from services.matching.engine.model import LOCKED, STICKY, Couple, Person, RulesContradict, Snapshot, Unpinned
from services.matching.engine.scoring.conflicts import conflicts_of, told
from services.matching.engine.scoring.dense import dense_pairs
from services.matching.engine.scoring.directions import taught
from services.matching.engine.scoring.ground import in_order, problem_of
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.reasons import broken_kinds
from services.matching.engine.scoring.rows import RowPairs
from services.matching.engine.scoring.value import ONE_WAY_COST, Valued, valued
from services.matching.engine.scoring.wishes import fulfilled, wished, wishes_of
from services.matching.engine.solving.couples import none, some
from services.matching.engine.solving.pairs import NEVER, Edges, Pairs, edges_of

DENSE = 2_000
"""Up to so many people the pairs are a matrix, and nothing need be compiled first."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A snapshot as the solver sees it; what is checked against a proof. ``sticky``: couples that are now and still possible,
    which a run keeps where that costs little. ``pairs``: with what people ranked (``wishes``: who, and what it adds); ``plain``:
    without."""

    people: tuple[Person, ...]
    problem: Problem
    pairs: Pairs
    forced: Edges
    pins: frozenset[tuple[int, int]]
    unpinned: tuple[Unpinned, ...]
    sticky: Edges
    plain: Pairs
    wishes: Edges


def state(snapshot: Snapshot, near: Near, *, seed: int) -> Stated:
    """People in their canonical order, their possible pairs, and those that must be. Raises as ``match`` does."""
    people = in_order(snapshot.people, seed=seed)
    problem = problem_of(snapshot, people=people, near=near)
    conflicts = [conflict for conflict in conflicts_of(problem) if conflict.fatal]
    if conflicts:
        raise RulesContradict(" ".join(told(conflict, problem=problem, people=people) for conflict in conflicts))
    forced, pins, unpinned = _force(snapshot, people=people, problem=problem)
    plain, wishes = _pairs(problem), wishes_of(snapshot, people=people)
    pairs = wished(plain, wishes)
    sticky = _sticky(snapshot, people=people, pairs=pairs)
    return Stated(people, problem, pairs, forced, pins, unpinned, sticky, plain, wishes)


def _sticky(snapshot: Snapshot, *, people: Sequence[Person], pairs: Pairs) -> Edges:
    if snapshot.keep != STICKY:
        return none()
    place = {person.id: index for index, person in enumerate(people)}
    here = [couple for couple in sorted(snapshot.current) if couple.first in place and couple.second in place]
    u = np.array([min(place[couple.first], place[couple.second]) for couple in here], dtype=np.int32)
    v = np.array([max(place[couple.first], place[couple.second]) for couple in here], dtype=np.int32)
    edges = edges_of(u, v, pairs.value(u, v))
    return some(edges, edges.w != NEVER)


def _pairs(problem: Problem) -> Pairs:
    if problem.size <= DENSE:
        return dense_pairs(problem)
    try:
        from services.matching.engine.scoring.indexed import IndexedPairs  # compiles for seconds
    except ImportError:  # where runs are only verified nothing is compiled: the same integers, later
        return RowPairs(problem)
    return IndexedPairs(problem)


def _force(
    snapshot: Snapshot, *, people: Sequence[Person], problem: Problem
) -> tuple[Edges, frozenset[tuple[int, int]], tuple[Unpinned, ...]]:
    """What must be: required TOGETHER rules first, then pins and the couples that are kept, as far as places and
    hard rules allow."""
    room = problem.places.tolist()
    place = {person.id: index for index, person in enumerate(people)}
    forced: set[tuple[int, int]] = set()
    pins: set[tuple[int, int]] = set()
    unpinned: list[Unpinned] = []

    def places_of(couple: Couple) -> tuple[int, int] | None:
        if couple.first not in place or couple.second not in place:
            return None
        first, second = place[couple.first], place[couple.second]
        return min(first, second), max(first, second)

    def why_not(first: int, second: int) -> str:
        broken = broken_kinds(problem, first, second)
        if {"blocked", "apart", "vetoed"} & set(broken):
            return "these two cannot be paired"  # who blocked whom is nobody's business
        if broken:
            return "forbidden by " + ", ".join(kind.upper() for kind in broken)
        if people[first].away or people[second].away:
            return "one of the two is out of office"
        if room[first] < 1 or room[second] < 1:
            return "one of the two has no free place"
        return ""

    def take(first: int, second: int) -> None:
        forced.add((first, second))
        room[first] -= 1
        room[second] -= 1

    for two in problem.rules.together:
        at = min(two.first, two.second), max(two.first, two.second)
        if at in forced or {"apart", "blocked", "vetoed"} & set(broken_kinds(problem, *at)):
            continue  # they are a pair already, or one of them said no: nobody is forced
        if not why_not(*at):
            take(*at)
    for couple in sorted(snapshot.pinned):
        found = places_of(couple)
        reason = "one of the two has no free place" if found is None else "" if found in forced else why_not(*found)
        if reason or found is None:
            unpinned.append(Unpinned(couple=couple, reason=reason))
            continue
        if found not in forced:
            take(*found)
        pins.add(found)
    for couple in sorted(snapshot.current if snapshot.keep == LOCKED else ()):
        found = places_of(couple)
        if found is not None and found not in forced and not why_not(*found):
            take(*found)
    listed = sorted(forced)
    edges = edges_of(
        np.array([first for first, _ in listed], dtype=np.int64),
        np.array([second for _, second in listed], dtype=np.int64),
        np.array([_worth(problem, first, second) for first, second in listed], dtype=np.int64),
    )
    return edges, frozenset(pins), tuple(unpinned)


def met_in_rounds(snapshot: Snapshot, *, people: Sequence[Person]) -> Edges:
    """Who of these met in rounds that stay, and shall not meet again; each worth 0."""
    place = {person.id: index for index, person in enumerate(people)}
    met = [two for two in snapshot.rounds_met if two.first in place and two.second in place]
    u = np.array([place[two.first] for two in met], dtype=np.int64)
    v = np.array([place[two.second] for two in met], dtype=np.int64)
    return edges_of(u, v, np.zeros(len(met), dtype=np.int64))


def going_one_way(problem: Problem, couples: Edges, *, forced: Edges) -> int:
    """How many of these couples a planner sees ``ONE_WAY_COST`` below their value: one way only, and not forced."""
    given = set(zip(forced.u.tolist(), forced.v.tolist(), strict=True))
    free = [two for two in zip(couples.u.tolist(), couples.v.tolist(), strict=True) if two not in given]
    return int(_valued(problem, free).one_way.sum()) if free else 0


def unseen(known: Stated, couples: Edges) -> int:
    """How far what people see of these couples is above what planners see, in millionths: the tier of those that go one way, less
    what people ranked. Couples that had to be are valued as people see them."""
    one_way = going_one_way(known.problem, couples, forced=known.forced)
    return one_way * ONE_WAY_COST - fulfilled(known.wishes, couples, but=known.forced)


def _worth(problem: Problem, first: int, second: int) -> int:
    """The value of a pair that somebody wants, possible or not; millionths."""
    return int(_valued(problem, [(first, second)]).value[0])


def _valued(problem: Problem, couples: Sequence[tuple[int, int]]) -> Valued:
    u, v = np.array(couples, dtype=np.int64).T
    a, b = (
        np.array([what.worth if (what := taught(problem, *two)) else 0 for two in both], dtype=np.int64)
        for both in (couples, [(second, first) for first, second in couples])
    )
    return valued(problem, u, v, a=a, b=b)
