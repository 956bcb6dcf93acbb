"""Cuts by odd sets: no plan breaks them, and fractions that break none are worth what the best plan is."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from benchmarks.cohorts import problem as cohort
from services.matching.engine.scoring.indexed import IndexedPairs
from services.matching.engine.solving import finish, odd
from services.matching.engine.solving.odd import Columns, Cut
from services.matching.engine.solving.solve import solve
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, matrix, optimum, problems, verdict


def columns(problem: Problem) -> tuple[Columns, NDArray[np.int64]]:
    """And the worth of each."""
    size = len(problem.places)
    listed = problem.couples()
    people = list(range(size))
    made = Columns(
        np.array([u for u, _ in listed] + people, np.int64),
        np.array([v for _, v in listed] + [size] * size, np.int64),
        np.zeros(len(listed) + size, np.int64),
        np.concatenate([np.ones(len(listed), np.int64), problem.places]),
        problem.places,
    )
    return made, np.array([problem.value[couple] for couple in listed] + [0] * size, np.int64)


def using_places(of: Columns) -> NDArray[np.float64]:
    """How many places of everybody a column takes: (people, columns)."""
    rows = np.zeros((len(of.places) + 1, len(of.u)))
    for end in (of.u, of.v):
        np.add.at(rows, (end, np.arange(len(of.u))), 1)
    used: NDArray[np.float64] = rows[:-1]
    return used


def fraction(of: Columns, worth: NDArray[np.int64], cuts: list[Cut]) -> tuple[NDArray[np.float64], float]:
    """The most that can be had within the places and the cuts, and by what."""
    upper = np.zeros((len(cuts), len(of.u)))
    for row, cut in zip(upper, cuts, strict=True):
        row[cut.columns] = 1
    found = linprog(
        -worth.astype(float),
        A_eq=using_places(of),
        b_eq=of.places,
        A_ub=upper if cuts else None,
        b_ub=[cut.most for cut in cuts] or None,
        bounds=np.column_stack([of.low, of.high]),
    )
    assert found.status == 0, found.message
    return found.x, -found.fun


def plans(of: Columns) -> Iterator[NDArray[np.int64]]:
    """All of them, whole."""
    size, couples = len(of.places), [(int(u), int(v)) for u, v in zip(of.u, of.v, strict=True) if v < len(of.places)]
    for chosen in product((0, 1), repeat=len(couples)):
        left = of.places.copy()
        for (u, v), once in zip(couples, chosen, strict=True):
            left[u] -= once
            left[v] -= once
        if size and (left >= 0).all():
            yield np.concatenate([np.array(chosen, np.int64), left])


def cut_until_nothing_is_broken(of: Columns, worth: NDArray[np.int64]) -> tuple[list[Cut], float]:
    cuts: list[Cut] = []
    for _ in range(60):
        x, value = fraction(of, worth, cuts)
        found = odd.broken(x, of, reduced=np.zeros(len(worth), np.int64), reach=10)
        if not found:
            return cuts, value
        cuts += found
    raise AssertionError("There is always another cut.")


@cases(80)
@given(problems(most=6, forcing=False))
def test_no_plan_breaks_a_cut(problem: Problem) -> None:
    of, worth = columns(problem)
    if len(problem.couples()) > 10 or not len(worth):
        return
    cuts, _ = cut_until_nothing_is_broken(of, worth)
    for plan in plans(of):
        for cut in cuts:
            assert plan[cut.columns].sum() <= cut.most


@cases(150)
@given(problems(forcing=False))
def test_a_fraction_that_breaks_no_cut_is_worth_what_the_best_plan_is(problem: Problem) -> None:
    """Edmonds' theorem, and that the search for cuts overlooks none."""
    of, worth = columns(problem)
    if not len(worth):
        return
    alone = Problem(problem.value, problem.places, np.zeros(len(problem.places), dtype=np.bool_), problem.forced)
    assert cut_until_nothing_is_broken(of, worth)[1] == pytest.approx(optimum(alone)[1])


@cases(40)
@given(st.integers(0, 2**32))
def test_limits_that_leave_a_choice_are_heeded(seed: int) -> None:
    """As after narrowing: some couples of the best plan are certain, some others are out, some places must stay open."""
    draw = np.random.default_rng(seed)
    size = int(draw.integers(20, 41))
    couples = {
        (u, v): int(draw.integers(1, 1_000))
        for u in range(size)
        for v in range(u + 1, size)
        if draw.random() < 4 / size
    }
    places = draw.integers(1, 4, size)
    problem = Problem(matrix(size, couples), places, np.zeros(size, dtype=np.bool_), edges({}))
    of, worth = columns(problem)
    best = milp(
        -worth.astype(float),
        integrality=np.ones(len(worth)),
        bounds=Bounds(of.low, of.high),
        constraints=LinearConstraint(using_places(of), places, places),
        options={"mip_rel_gap": 0},
    )
    plan, some = np.rint(best.x).astype(np.int64), draw.integers(0, 8, len(worth))
    narrowed = replace(of, low=np.where(some == 0, plan, 0), high=np.where(some == 1, plan, of.high))
    assert cut_until_nothing_is_broken(of, worth)[1] == pytest.approx(-best.fun)
    assert cut_until_nothing_is_broken(narrowed, worth)[1] == pytest.approx(-best.fun)


def test_a_ring_grows_into_sets_that_are_cut_off_together() -> None:
    """Three who take half of each other, and thirty couples who could take one of them in, each at a higher price."""
    ring = [(0, 1), (0, 2), (1, 2)]
    couples = [(u, u + 1) for u in range(3, 63, 2)]
    links = [(0, person) for person in range(3, 63)]
    listed, people = sorted([*ring, *couples, *links]), np.arange(63)
    of = Columns(
        np.concatenate([[u for u, _ in listed], people]),
        np.concatenate([[v for _, v in listed], np.full(63, 63)]),
        np.zeros(len(listed) + 63, np.int64),
        np.ones(len(listed) + 63, np.int64),
        np.ones(63, np.int64),
    )
    x = np.array([0.5 if pair in ring else float(pair in couples) for pair in listed] + [0.0] * 63)
    dear = np.array([pair[1] if pair in links else 0 for pair in listed] + [100] * 63)

    def largest(reach: int) -> int:
        cuts = odd.broken(x, of, reduced=dear, reach=reach)
        assert all(x[cut.columns].sum() > cut.most for cut in cuts)
        assert {3} <= {cut.most * 2 + 1 for cut in cuts}
        return max(cut.most * 2 + 1 for cut in cuts)

    assert largest(1) == 3
    assert 35 <= largest(21) <= 45  # from either end of a path
    assert largest(100) > 50


@cases(300)
@given(problems())
def test_with_cuts_in_the_smallest_cohorts_the_finish_is_exact(problem: Problem) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finish, "FEW", 0)
        solution = solve(problem.pairs, places=problem.places, waiting=problem.waiting, forced=problem.forced)
    assert (solution.unmatched, solution.value) == optimum(problem)
    assert solution.exact
    assert verdict(problem, solution).faults == ()


def test_a_cohort_whose_prices_leave_most_of_it_open_is_made_exact() -> None:
    """Half of a one-way pair's cost is in the gap: more couples are within it than an integer program of them all can be solved with."""
    people = cohort(3_000, seed=1)
    pairs = IndexedPairs(people)
    near_enough = solve(pairs, places=people.places, exact_up_to=0)
    solution = solve(pairs, places=people.places)
    assert near_enough.upper_bound - near_enough.value > 1_000_000
    assert solution.exact
    assert near_enough.value < solution.value <= near_enough.upper_bound


@pytest.mark.parametrize("people", [301, 2_001])
def test_the_bound_is_close_where_somebody_has_to_stay_alone_whom_fractions_serve(people: int) -> None:
    """One place each, and an odd number of people: three halves of a circle serve them all, and no plan does."""
    alike = cohort(people, seed=1)
    places = np.ones(people, np.int64)
    near_enough = solve(IndexedPairs(alike), places=places, exact_up_to=0)
    assert near_enough.unmatched == near_enough.unmatched_bound == 1
    largest = int(near_enough.w.max())
    assert near_enough.upper_bound - near_enough.value < 2 * largest
    solution = solve(IndexedPairs(alike), places=places)
    assert solution.exact
    assert solution.value <= near_enough.upper_bound
