"""A floor under the worst-off, and who would rather be with each other: against everything there is."""

from dataclasses import replace
from itertools import combinations

import numpy as np
from hypothesis import given, strategies as st

from services.matching.engine.solving.certificate import Barrier
from services.matching.engine.solving.floors import Highest, with_floor
from services.matching.engine.solving.pairs import NEVER
from services.matching.engine.solving.solve import solve
from services.matching.engine.solving.stability import blocking
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, optimum, plain, problems


def listed(found: object) -> list[tuple[int, int]]:
    return list(zip(found.u.tolist(), found.v.tolist(), strict=True))  # type: ignore[attr-defined]


@cases(200)
@given(problems(most=7, forcing=False))
def test_with_floor_finds_the_highest_floor_that_leaves_nobody_more_alone_and_its_price(problem: Problem) -> None:
    found = with_floor(problem.pairs, places=problem.places, waiting=problem.waiting)
    unmatched, value = optimum(problem)
    if found.floor is None:
        served = {p for couple in listed(found.free) for p in couple}
        assert not any(problem.waiting[p] for p in served)
        return
    floors = sorted({int(problem.value[couple]) for couple in problem.couples()})
    possible = {
        floor: optimum(replace(problem, value=np.where(problem.value >= floor, problem.value, NEVER)))
        for floor in floors
    }
    highest = max(floor for floor in floors if possible[floor][0] == unmatched)
    assert found.floor == highest
    assert (found.floored.unmatched, found.floored.value) == possible[highest]
    assert found.price == found.price_at_most == value - possible[highest][1]


def test_a_floor_takes_value_from_the_best_for_the_worst_off() -> None:
    problem = plain(4, {(0, 1): 100, (2, 3): 1, (0, 2): 40, (1, 3): 45})
    found = with_floor(problem.pairs, places=problem.places, waiting=problem.waiting)
    assert (found.floor, found.price, listed(found.floored)) == (40, 16, [(0, 2), (1, 3)])


@cases(300)
@given(problems(most=7, forcing=False), st.integers(0, 5))
def test_blocking_pairs_are_those_who_would_both_gain_more_than_the_threshold(problem: Problem, threshold: int) -> None:
    plan = solve(problem.pairs, places=problem.places, waiting=problem.waiting).couples
    planned = set(listed(plan))
    least = []
    for p, places in enumerate(problem.places.tolist()):
        mine = [int(problem.value[couple]) for couple in planned if p in couple]
        least.append(None if not places else min([*mine, 0] if len(mine) < places else mine))
    expected = [
        (u, v)
        for u, v in combinations(range(len(problem.places)), 2)
        if (u, v) not in planned
        and problem.value[u, v] != NEVER
        and all(low is not None and problem.value[u, v] - low > threshold for low in (least[u], least[v]))
    ]
    assert listed(blocking(problem.pairs, plan, places=problem.places, threshold=threshold)) == expected


def test_a_part_of_the_way_up_is_rounded_down() -> None:
    highest = Highest(10, 21, 21, Barrier(np.zeros(0, np.int32), np.zeros(0, np.bool_)))
    assert [highest.part(share) for share in (0, 500, 999, 1_000)] == [10, 15, 20, 21]


def test_the_price_of_a_floor_lies_between_what_is_planned_and_what_is_proven() -> None:
    problem = plain(4, {(0, 1): 100, (2, 3): 1, (0, 2): 40, (1, 3): 45})
    free = solve(problem.pairs, places=problem.places)
    found = with_floor(
        problem.pairs, places=problem.places, waiting=problem.waiting, free=replace(free, upper_bound=free.value + 5)
    )
    assert (found.price, found.price_at_most) == (16, 21)


def test_a_floor_is_about_what_pairs_are_judged_by() -> None:
    # A wish lifts the worst pair of the best plan from 1 to 31, and the floor does not see it.
    couples = {(0, 1): 100, (2, 3): 1, (0, 2): 40, (1, 3): 45}
    wanted, judged = plain(4, couples | {(2, 3): 31}), plain(4, couples)
    for share, floor in ((0, 1), (1_000, 40)):
        found = with_floor(wanted.pairs, places=wanted.places, waiting=wanted.waiting, judged=judged.pairs, share=share)
        assert listed(found.free) == [(0, 1), (2, 3)]
        assert found.floor == floor
