"""Small matching problems as arrays, and their optimum found by looking at everything."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import NEVER, DensePairs, Edges
from services.matching.engine.solving.solution import Solution
from services.matching.engine.solving.verify import Verdict, check
from tests.matching.dice import Dice, thrown


@dataclass(frozen=True)
class Problem:
    """``value`` is symmetric with NEVER where two cannot be a pair."""

    value: NDArray[np.int64]
    places: NDArray[np.int64]
    waiting: NDArray[np.bool_]
    forced: Edges

    @property
    def pairs(self) -> DensePairs:
        return DensePairs(self.value)

    def couples(self) -> list[tuple[int, int]]:
        """All possible ones."""
        return [(u, v) for u, v in combinations(range(len(self.places)), 2) if self.value[u, v] != NEVER]


def listed(couples: Edges | Solution) -> list[tuple[int, int]]:
    return list(zip(couples.u.tolist(), couples.v.tolist(), strict=True))


def edges(couples: dict[tuple[int, int], int]) -> Edges:
    """Sorted."""
    listed = sorted(couples)
    return Edges(
        np.array([u for u, _ in listed], dtype=np.int32),
        np.array([v for _, v in listed], dtype=np.int32),
        np.array([couples[couple] for couple in listed], dtype=np.int64),
    )


def matrix(size: int, couples: dict[tuple[int, int], int]) -> NDArray[np.int64]:
    value = np.full((size, size), NEVER, dtype=np.int64)
    for (u, v), w in couples.items():
        value[u, v] = value[v, u] = w
    return value


def plain(size: int, couples: dict[tuple[int, int], int], *, places: int = 1) -> Problem:
    """Everybody waits and has the same number of places."""
    return Problem(
        matrix(size, couples), np.full(size, places, dtype=np.int64), np.ones(size, dtype=np.bool_), edges({})
    )


def problems(
    *, least: int = 0, most: int = 8, most_places: int = 3, forcing: bool = True
) -> st.SearchStrategy[Problem]:
    """``least`` to ``most`` people, sparse or dense; values with many ties, few, or all the same."""
    return thrown(200, lambda dice: problem(dice, least=least, most=most, most_places=most_places, forcing=forcing))


def problem(dice: Dice, *, least: int = 0, most: int = 8, most_places: int = 3, forcing: bool = True) -> Problem:
    size = dice.between(least, most)
    low, high = dice.one(((1, 1), (-3, 6), (-300_000, 1_000_000)))
    likely = dice.one((4, 2, 7))
    couples = {
        couple: dice.between(low, high) for couple in combinations(range(size), 2) if dice.upto(9) >= 10 - likely
    }
    fewest, fullest = dice.one((1, 1, 0)), dice.between(1, most_places)
    places = [dice.between(fewest, fullest) for _ in range(size)]
    everybody = not dice.yes()
    waiting = [everybody or not dice.yes() for _ in range(size)]
    forced: dict[tuple[int, int], int] = {}
    room = list(places)
    for u, v in combinations(range(size), 2) if forcing else ():
        if room[u] and room[v] and dice.upto(14) == 14:
            forced[u, v] = dice.between(-5, 5)
            room[u] -= 1
            room[v] -= 1
    return Problem(
        matrix(size, couples), np.array(places, dtype=np.int64), np.array(waiting, dtype=np.bool_), edges(forced)
    )


def some_plan(dice: Dice, problem: Problem, *, among: Iterable[tuple[int, int]] | None = None) -> list[tuple[int, int]]:
    """Couples within the places, most of those that fit, seldom the best ones: as they are after things changed. ``among``: of
    these; of all possible ones when None."""
    room, taken = problem.places.tolist(), []
    for u, v in dice.shuffled(problem.couples() if among is None else list(among)):
        if room[u] and room[v] and dice.upto(4) < 4:
            room[u] -= 1
            room[v] -= 1
            taken.append((u, v))
    return sorted(taken)


def optimum(problem: Problem) -> tuple[int, int]:
    """The fewest people alone and then the most value, over every plan there is."""
    must = list(zip(problem.forced.u.tolist(), problem.forced.v.tolist(), strict=True))
    listed = [couple for couple in problem.couples() if couple not in must]
    room = problem.places.tolist()
    with_somebody = 0
    for u, v in must:
        room[u] -= 1
        room[v] -= 1
        with_somebody |= 1 << u | 1 << v

    @cache
    def best(at: int, room: tuple[int, ...], served: int) -> tuple[int, int]:
        if at == len(listed):
            return -sum(bool(waits) and not served >> p & 1 for p, waits in enumerate(problem.waiting)), 0
        u, v = listed[at]
        found = best(at + 1, room, served)
        if room[u] and room[v]:
            left = tuple(free - (p in listed[at]) for p, free in enumerate(room))
            alone, value = best(at + 1, left, served | 1 << u | 1 << v)
            found = max(found, (alone, value + int(problem.value[u, v])))
        return found

    alone, value = best(0, tuple(room), with_somebody)
    return -alone, value + int(problem.forced.w.sum())


def verdict(problem: Problem, solution: Solution) -> Verdict:
    return checked(problem, solution.couples, solution.certificate)


def checked(problem: Problem, couples: Edges, certificate: Certificate) -> Verdict:
    return check(
        problem.pairs,
        places=problem.places,
        waiting=problem.waiting,
        couples=couples,
        certificate=certificate,
        forced=problem.forced,
    )
