"""The solver against an integer program over all pairs, up to 60 people."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from services.matching.engine.solving.solve import solve
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, matrix, plain, verdict

ALONE = 100_000_000  # more than all values together


def cohort(seed: int) -> Problem:
    """Sparse or dense, one-sided or open, in islands or not; values with and without ties."""
    draw = np.random.default_rng(seed)
    size = int(draw.integers(2, 61))
    likely = float(draw.choice([0.04, 0.08, 0.3, 1.0]))
    sides = draw.integers(0, 2, size) if draw.random() < 0.3 else None
    islands = draw.integers(0, max(1, size // 3), size) if draw.random() < 0.4 else np.zeros(size, dtype=np.int64)
    ties = draw.random() < 0.3
    couples = {}
    for u in range(size):
        for v in range(u + 1, size):
            apart = islands[u] != islands[v] or (sides is not None and sides[u] == sides[v])
            if not apart and draw.random() < max(likely, 0.5 if islands.any() else 0):
                couples[u, v] = int(draw.integers(1, 4)) if ties else int(draw.integers(-200_000, 1_000_000))
    places = draw.integers(0, 4, size) if draw.random() < 0.5 else np.ones(size, dtype=np.int64)
    waiting = draw.random(size) < 0.8 if draw.random() < 0.5 else np.ones(size, dtype=np.bool_)
    return Problem(matrix(size, couples), places.astype(np.int64), waiting, edges({}))


def by_integer_program(problem: Problem) -> tuple[int, int]:
    """Unmatched and value of the lexicographic optimum."""
    listed, size = problem.couples(), len(problem.places)
    m = len(listed)
    incidence = np.zeros((size, m + size))
    for k, (u, v) in enumerate(listed):
        incidence[[u, v], k] = 1
    served = incidence.copy()
    served[np.arange(size), m + np.arange(size)] = 1
    w = np.array([problem.value[couple] for couple in listed], dtype=float)
    result = milp(
        np.concatenate([-w, np.where(problem.waiting, ALONE, 0)]),
        integrality=np.ones(m + size, dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(incidence, 0, problem.places),
            LinearConstraint(served[problem.waiting], 1, np.inf),
        ],
        options={"mip_rel_gap": 0},
    )
    assert result.x is not None
    chosen = np.rint(result.x[:m]).astype(int)
    degree = (incidence[:, :m] @ chosen).astype(int)
    return int((problem.waiting & (degree == 0)).sum()), int((chosen * w.astype(np.int64)).sum())


def in_the_open(seed: int) -> Problem:
    """Forty people, anybody with anybody, in which fractions alone do not end whole."""
    draw = np.random.default_rng(seed)
    couples = {
        (u, v): int(draw.integers(-50_000, 1_000_000))
        for u in range(40)
        for v in range(u + 1, 40)
        if draw.random() < 0.15
    }
    return plain(40, couples)


@pytest.mark.parametrize(
    "seed", [19, 103, 186, 256, 283, 315]
)  # where the best plan needs a couple dearer than its prices
def test_the_finish_leaves_out_no_couple_that_the_best_plan_needs(seed: int) -> None:
    problem = in_the_open(seed)
    solution = solve(problem.pairs, places=problem.places, waiting=problem.waiting)
    assert (solution.unmatched, solution.value) == by_integer_program(problem)
    assert solution.exact


@cases(60)
@given(st.integers(0, 2**32))
def test_solve_equals_an_integer_program_over_all_pairs(seed: int) -> None:
    problem = cohort(seed)
    solution = solve(problem.pairs, places=problem.places, waiting=problem.waiting)
    assert (solution.unmatched, solution.value) == by_integer_program(problem)
    assert solution.exact
    found = verdict(problem, solution)
    assert found.faults == ()
    assert found.unmatched_bound == solution.unmatched
    assert found.upper_bound >= solution.value
