"""Small matching problems as arrays, and their optimum found by looking at everything."""

import os
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.matching.engine.solving.pairs import NEVER, DensePairs, Edges
from services.matching.engine.solving.solution import Solution
from services.matching.engine.solving.verify import Verdict, check

TIMES = int(os.environ.get("VICEVERSA_CASES", "1"))


def cases(usually: int) -> int:
    """How many examples a property is tried on: with VICEVERSA_CASES=20 twenty times as many, as before a release."""
    return usually * TIMES


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


@st.composite
def problems(draw: st.DrawFn, *, most: int = 8, most_places: int = 3, forcing: bool = True) -> Problem:
    size = draw(st.integers(0, most))
    values = draw(st.sampled_from((st.integers(-3, 6), st.integers(-300_000, 1_000_000), st.just(1))))
    likely = draw(st.sampled_from((2, 4, 7)))
    couples = {couple: draw(values) for couple in combinations(range(size), 2) if draw(st.integers(0, 9)) < likely}
    places = draw(
        st.lists(
            st.integers(draw(st.sampled_from((0, 1))), draw(st.integers(1, most_places))), min_size=size, max_size=size
        )
    )
    waiting = draw(st.one_of(st.just([True] * size), st.lists(st.booleans(), min_size=size, max_size=size)))
    forced: dict[tuple[int, int], int] = {}
    room = list(places)
    for u, v in combinations(range(size), 2) if forcing else ():
        if room[u] and room[v] and draw(st.integers(0, 14)) == 0:
            forced[u, v] = draw(st.integers(-5, 5))
            room[u] -= 1
            room[v] -= 1
    return Problem(
        matrix(size, couples), np.array(places, dtype=np.int64), np.array(waiting, dtype=np.bool_), edges(forced)
    )


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
    return check(
        problem.pairs,
        places=problem.places,
        waiting=problem.waiting,
        couples=solution.couples,
        certificate=solution.certificate,
        forced=problem.forced,
    )
