"""A floor under the worst-off, after a drop-out, and who would rather be with each other: against everything there is."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import given, strategies as st

from services.matching.engine.solving.certificate import Barrier
from services.matching.engine.solving.floors import Highest, with_floor
from services.matching.engine.solving.pairs import NEVER
from services.matching.engine.solving.repair import locked, sticky
from services.matching.engine.solving.solve import solve
from services.matching.engine.solving.stability import blocking
from tests.matching.dice import Dice, dice
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, optimum, plain, problems


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


@cases(150)
@given(problems(most=7, forcing=False), dice(8))
def test_repairs_keep_every_rule_and_locked_ones_move_nobody(problem: Problem, more: Dice) -> None:
    size = len(problem.places)
    plan = solve(problem.pairs, places=problem.places, waiting=problem.waiting).couples
    gone = np.flatnonzero([more.upto(3) == 3 for _ in range(size)]).astype(np.int32)
    before = set(listed(plan))
    left = {couple for couple in before if not set(couple) & set(gone.tolist())}
    here = problem.waiting.copy()
    here[gone] = False
    repaired = {}
    for name, repair in (("locked", locked), ("sticky", sticky)):
        found = repair(problem.pairs, plan, places=problem.places, waiting=problem.waiting, gone=gone)
        now = set(listed(found.couples))
        degree = [sum(p in couple for couple in now) for p in range(size)]
        assert all(problem.value[couple] != NEVER and not set(couple) & set(gone.tolist()) for couple in now)
        assert all(degree[p] <= problem.places[p] for p in range(size))
        assert set(listed(found.made)) == now - left
        assert set(listed(found.broken)) == left - now
        assert found.couples.w.tolist() == [problem.value[couple] for couple in listed(found.couples)]
        assert found.unmatched == sum(bool(here[p]) and not degree[p] for p in range(size))
        repaired[name] = found
    assert not len(repaired["locked"].broken)
    free = [problem.places[p] - sum(p in couple for couple in left) for p in range(size)]
    assert (
        repaired["locked"].unmatched
        == optimum(
            Problem(
                np.where(_among(size, left, gone), NEVER, problem.value),
                np.array([0 if p in gone else free[p] for p in range(size)], dtype=np.int64),
                np.array([bool(here[p]) and not any(p in couple for couple in left) for p in range(size)]),
                edges({}),
            )
        )[0]
    )
    places = problem.places.copy()
    places[gone] = 0
    # All of so small a cohort is one neighbourhood: as few alone as any plan leaves.
    everybody = sticky(problem.pairs, plan, places=problem.places, waiting=problem.waiting, gone=gone, bonus=0)
    if (free_or_alone := [p for p in range(size) if free[p] > 0 and p not in gone]) and len(free_or_alone) == size:
        assert everybody.unmatched == optimum(replace(problem, places=places, waiting=here))[0]


def _among(size: int, couples: set[tuple[int, int]], gone: np.ndarray) -> np.ndarray:
    closed = np.zeros((size, size), dtype=np.bool_)
    for u, v in couples:
        closed[u, v] = closed[v, u] = True
    closed[gone] = True
    closed[:, gone] = True
    return closed


def test_sticky_moves_somebody_where_that_serves_one_more() -> None:
    # 0–1 and 2–3; 3 leaves; 4 was alone and only knows 1; 2 also knows 0.
    problem = plain(5, {(0, 1): 9, (2, 3): 9, (1, 4): 5, (0, 2): 5})
    plan = solve(problem.pairs, places=problem.places).couples
    gone = np.array([3], dtype=np.int32)
    given_: dict[str, Any] = {"places": problem.places, "waiting": problem.waiting, "gone": gone}
    assert listed(plan) in ([(0, 1), (2, 3)], [(1, 4), (2, 3)])
    start = edges({(0, 1): 9, (2, 3): 9})
    stays = locked(problem.pairs, start, **given_)
    moves = sticky(problem.pairs, start, **given_)
    assert (stays.unmatched, listed(stays.couples)) == (2, [(0, 1)])
    assert (moves.unmatched, listed(moves.couples), listed(moves.broken)) == (0, [(0, 2), (1, 4)], [(0, 1)])


def test_sticky_breaks_no_pair_for_less_than_the_bonus() -> None:
    # 5 leaves 4, who only knows 0, and nobody gains by that; 0–2 and 1–3 would be worth 2 more than 0–1 and 2–3.
    values = {(0, 1): 10, (2, 3): 10, (0, 2): 11, (1, 3): 11, (0, 4): -50, (4, 5): 9}
    problem = plain(6, values)
    start = edges({couple: values[couple] for couple in ((0, 1), (2, 3), (4, 5))})
    gone = np.array([5], dtype=np.int32)
    given_: dict[str, Any] = {"places": problem.places, "waiting": problem.waiting, "gone": gone}
    assert not len(sticky(problem.pairs, start, **given_, bonus=5).made)
    assert listed(sticky(problem.pairs, start, **given_, bonus=0).made) == [(0, 2), (1, 3)]


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
