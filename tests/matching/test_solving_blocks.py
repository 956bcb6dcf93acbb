"""Blocks of a cohort, planned apart and put together: one plan, one bound, and the verifier knows of no blocks."""

from dataclasses import replace

import numpy as np
from hypothesis import given

from benchmarks.cohorts import problem
from services.matching.engine.scoring.dense import dense_pairs
from services.matching.engine.scoring.indexed import part_of
from services.matching.engine.solving.blocks import Part, split, union
from services.matching.engine.solving.couples import among
from services.matching.engine.solving.solution import Solution
from services.matching.engine.solving.solve import solve
from tests.matching.dice import Dice, dice
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, optimum, plain, problems, verdict


def in_blocks(cohort: Problem, blocks: list[np.ndarray], *, rounds: int = 6) -> Solution:
    pairs = cohort.pairs
    solutions = [
        solve(Part(pairs, people), places=cohort.places[people], waiting=cohort.waiting[people]) for people in blocks
    ]
    return union(pairs, blocks, solutions, places=cohort.places, waiting=cohort.waiting, rounds=rounds)


def is_proven(cohort: Problem, found: Solution) -> None:
    report = verdict(cohort, found)
    assert report.faults == ()
    assert (report.value, report.unmatched) == (found.value, found.unmatched)
    assert (report.upper_bound, report.unmatched_bound) == (found.upper_bound, found.unmatched_bound)


@cases(250)
@given(problems(forcing=False), dice(9))
def test_union_of_any_blocks_leaves_nobody_out_who_need_not_be_and_its_bound_holds(cohort: Problem, more: Dice) -> None:
    rounds = more.upto(2)
    of = np.array([more.upto(2) for _ in cohort.places], dtype=np.int64)
    found = in_blocks(cohort, [np.flatnonzero(of == b).astype(np.int32) for b in range(3)], rounds=rounds)
    unmatched, value = optimum(cohort)
    assert found.unmatched == found.unmatched_bound == unmatched
    assert found.value <= value <= found.upper_bound
    is_proven(cohort, found)


def town(size: int, *, seed: int) -> Problem:
    """People who mostly know their neighbours."""
    draw = np.random.default_rng(seed)
    couples = {
        (u, v): int(draw.integers(100_000, 1_000_000))
        for u in range(size)
        for v in range(u + 1, size)
        if draw.random() < (0.4 if v - u < 12 else 0.01)
    }
    return plain(size, couples)


def test_blocks_of_a_town_come_close_to_planning_it_whole() -> None:
    cohort = town(240, seed=4)
    blocks = split(cohort.pairs.strongest(each=8), size=240, most=80)
    whole = solve(cohort.pairs, places=cohort.places)
    found = in_blocks(cohort, blocks)
    is_proven(cohort, found)
    assert found.unmatched == whole.unmatched
    assert whole.value * 0.995 <= found.value <= whole.value <= found.upper_bound <= whole.value * 1.005


def test_part_of_a_large_cohort_is_the_same_as_looking_at_these_people_alone() -> None:
    cohort, people = problem(300, seed=3), np.arange(0, 300, 3, dtype=np.int32)
    apart, alone = part_of(cohort, people), among(dense_pairs(cohort), people)
    y = np.random.default_rng(1).integers(-100_000, 900_000, len(people))
    assert apart.price(y, each=3).excess == alone.price(y, each=3).excess
    for one, other in (
        (apart.strongest(each=4), alone.strongest(each=4)),
        (apart.price(y, each=3).worst, alone.price(y, each=3).worst),
    ):
        assert all(np.array_equal(getattr(one, part), getattr(other, part)) for part in "uvw")
    for person in range(0, len(people), 9):
        (partners, w), (others, same) = apart.of(person), alone.of(person)
        assert np.array_equal(partners, others)
        assert np.array_equal(w, same)


def test_split_puts_everybody_into_one_block_that_is_not_too_large_and_keeps_the_best_together() -> None:
    couples = edges({(0, 5): 9, (1, 4): 8, (5, 2): 7, (2, 3): 1})
    couples = replace(couples, u=np.minimum(couples.u, couples.v), v=np.maximum(couples.u, couples.v))
    blocks = split(couples, size=7, most=3)
    assert [people.tolist() for people in blocks] == [[0, 2, 5], [1, 3, 4], [6]]


def test_one_block_of_everybody_is_the_plan_itself() -> None:
    cohort = town(60, seed=2)
    found = in_blocks(cohort, [np.arange(60, dtype=np.int32)])
    whole = solve(cohort.pairs, places=cohort.places)
    assert (found.value, found.unmatched, found.upper_bound) == (whole.value, whole.unmatched, whole.certified)
