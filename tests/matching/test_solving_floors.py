"""A floor under the worst-off, and who would rather be with each other: against everything there is."""

from dataclasses import replace
from itertools import combinations, count

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.matching.engine.solving import couples, floors
from services.matching.engine.solving.certificate import NOBODY, Barrier, least_alone, proof_of
from services.matching.engine.solving.floors import Highest, highest_floor, with_floor
from services.matching.engine.solving.pairs import NEVER
from services.matching.engine.solving.solve import solve
from services.matching.engine.solving.stability import blocking
from tests.matching.dice import Dice, dice
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, listed, optimum, plain, problems, some_plan, verdict


def floored(problem: Problem, floor: int) -> Problem:
    """Without the pairs that are worth less; the forced ones stay."""
    value = np.where(problem.value >= floor, problem.value, NEVER)
    return replace(problem, value=value)


@cases(150)
@given(problems(least=2, most=7), st.sampled_from([1_000, 1_000, 500, 0]))
def test_with_floor_finds_the_highest_floor_that_leaves_nobody_more_alone_and_its_price(
    problem: Problem, share: int
) -> None:
    forced = set(listed(problem.forced))
    found = with_floor(
        problem.pairs, places=problem.places, waiting=problem.waiting, forced=problem.forced, share=share
    )
    unmatched, value = optimum(problem)
    assert (found.free.unmatched, found.free.value) == (unmatched, value)
    planned = set(listed(found.free.couples)) - forced
    if found.floor is None:
        served = {p for couple in planned for p in couple} - {p for couple in forced for p in couple}
        assert not any(problem.waiting[p] for p in served)
        assert found.floored is found.free
        assert (found.price, found.price_at_most, found.highest, found.pairs) == (0, 0, None, None)
        return
    possible = {int(problem.value[couple]) for couple in problem.couples() if couple not in forced}
    highest = max(floor for floor in possible if optimum(floored(problem, floor))[0] == unmatched)
    lowest = min(int(problem.value[couple]) for couple in planned)
    assert found.highest is not None
    assert (found.highest.lowest, found.highest.floor, found.highest.bound) == (lowest, highest, highest)
    assert found.floor == lowest + (highest - lowest) * share // 1_000
    under = optimum(floored(problem, found.floor))
    assert (found.floored.unmatched, found.floored.value) == under
    assert found.price == found.price_at_most == value - under[1]
    assert verdict(floored(problem, found.floor), found.floored).faults == ()
    # What it says of any higher floor is proven without a plan.
    proven = replace(found.free, certificate=proof_of(found.highest.barrier))
    higher = floored(problem, highest + 1)
    assert verdict(higher, replace(proven, u=problem.forced.u, v=problem.forced.v, w=problem.forced.w)).faults == ()
    room, waits = problem.places.copy(), problem.waiting.copy()
    for u, v in forced:
        room[[u, v]] -= 1
        waits[[u, v]] = False
    assert least_alone(proven.certificate, places=room, waiting=waits) > unmatched


@cases(100)
@given(problems(least=2, most=7), st.integers(0, 9))
def test_a_floor_that_time_did_not_suffice_for_can_be_had_and_its_bound_holds(problem: Problem, asked: int) -> None:
    free = solve(problem.pairs, places=problem.places, waiting=problem.waiting, forced=problem.forced)
    times = count()
    found = highest_floor(
        problem.pairs,
        free,
        places=problem.places,
        waiting=problem.waiting,
        forced=problem.forced,
        stop=lambda: next(times) >= asked,
    )
    if found is None:
        return
    assert found.lowest <= found.floor <= found.bound
    assert optimum(floored(problem, found.floor))[0] == free.unmatched
    assert optimum(floored(problem, found.bound + 1))[0] > free.unmatched


def test_proof_against_a_higher_floor_ends_with_one_too_many_alone() -> None:
    # Nobody is alone but 8, who has no place; above the floor nobody has anybody, and one of them says enough.
    problem = plain(9, {(u, u + 1): 5 for u in range(0, 8, 2)})
    problem.places[8] = 0
    found = with_floor(problem.pairs, places=problem.places, waiting=problem.waiting)
    assert found.highest is not None
    assert np.flatnonzero(found.highest.barrier.group != NOBODY).tolist() == [0]


@cases(100)
@given(problems(least=2, most=7))
def test_pairs_above_a_floor_in_large_cohorts_are_summed_exactly(problem: Problem) -> None:
    with pytest.MonkeyPatch.context() as patch:  # as if these were thousands
        patch.setattr(floors, "AT_ONCE", 0)
        patch.setattr(couples, "AT_ONCE", 0)
        patch.setattr(couples, "LOOKED_THROUGH", 0)
        patch.setattr("services.matching.engine.solving.solve.JOIN", 1)
        found = with_floor(problem.pairs, places=problem.places, waiting=problem.waiting, forced=problem.forced)
    if found.floor is None:
        return
    above = floored(problem, found.floor)
    checked = verdict(above, found.floored)
    assert checked.faults == ()
    assert optimum(above)[1] <= found.floored.upper_bound <= checked.upper_bound == found.floored.certified


def test_a_floor_takes_value_from_the_best_for_the_worst_off() -> None:
    problem = plain(4, {(0, 1): 100, (2, 3): 1, (0, 2): 40, (1, 3): 45})
    found = with_floor(problem.pairs, places=problem.places, waiting=problem.waiting)
    assert (found.floor, found.price, listed(found.floored)) == (40, 16, [(0, 2), (1, 3)])


@cases(300)
@given(problems(least=3, most=7, forcing=False), st.integers(0, 5), dice(60))
def test_blocking_pairs_are_those_who_would_both_gain_more_than_the_threshold(
    problem: Problem, threshold: int, more: Dice
) -> None:
    planned = set(some_plan(more, problem))
    plan = edges({couple: int(problem.value[couple]) for couple in planned})
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
