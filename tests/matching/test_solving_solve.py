"""The solver: against every plan there is, against its own verifier, and against itself under another order."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from services.matching.engine.solving.pairs import NEVER, DensePairs, Edges, ValuesRefused
from services.matching.engine.solving.solution import Solution
from services.matching.engine.solving.solve import solve
from tests.matching.solving_ground import Problem, cases, edges, optimum, plain, problems, verdict


def solved(problem: Problem, *, exact_up_to: int = 2_000) -> Solution:
    return solve(
        problem.pairs,
        places=problem.places,
        waiting=problem.waiting,
        forced=problem.forced,
        exact_up_to=exact_up_to,
    )


def random_cohort(size: int, *, seed: int = 0, likely: float = 0.3) -> Problem:
    draw = np.random.default_rng(seed)
    value = np.where(draw.random((size, size)) < likely, draw.integers(-50_000, 1_000_000, (size, size)), NEVER)
    value = np.triu(value, 1) + np.triu(value, 1).T
    np.fill_diagonal(value, NEVER)
    return Problem(value, np.ones(size, dtype=np.int64), np.ones(size, dtype=np.bool_), edges({}))


@settings(max_examples=cases(200), deadline=None)
@given(problems())
def test_solve_finds_the_fewest_alone_and_the_most_value_of_all_plans(problem: Problem) -> None:
    solution = solved(problem)
    assert (solution.unmatched, solution.value) == optimum(problem)
    assert solution.exact
    assert solution.ended == "optimal"
    found = verdict(problem, solution)
    assert found.faults == ()
    assert (found.unmatched, found.value) == (solution.unmatched, solution.value)
    assert (found.unmatched_bound, found.upper_bound) == (solution.unmatched_bound, solution.certified)


@settings(max_examples=cases(100), deadline=None)
@given(problems())
def test_solve_without_the_finish_leaves_as_few_alone_and_bounds_what_it_misses(problem: Problem) -> None:
    solution = solved(problem, exact_up_to=0)
    unmatched, value = optimum(problem)
    assert solution.unmatched == solution.unmatched_bound == unmatched
    assert solution.value <= value <= solution.upper_bound == solution.certified
    assert verdict(problem, solution).faults == ()


@settings(max_examples=cases(60), deadline=None)
@given(problems(most=7), st.data())
def test_solve_reaches_the_same_however_people_are_numbered(problem: Problem, data: st.DataObject) -> None:
    new = np.array(data.draw(st.permutations(range(len(problem.places)))), dtype=np.int64)
    old = np.argsort(new)
    numbered = {
        (min(new[u], new[v]), max(new[u], new[v])): int(w)
        for u, v, w in zip(problem.forced.u, problem.forced.v, problem.forced.w, strict=True)
    }
    other = Problem(
        problem.value[np.ix_(old, old)].reshape(len(old), len(old)),
        problem.places[old],
        problem.waiting[old],
        edges(numbered),
    )
    one, two = solved(problem), solved(other)
    assert (one.unmatched, one.value) == (two.unmatched, two.value)


@settings(max_examples=cases(50), deadline=None)
@given(problems(most=7, forcing=False), st.data())
def test_solve_loses_nothing_when_another_pair_becomes_possible(problem: Problem, data: st.DataObject) -> None:
    size = len(problem.places)
    closed = [(u, v) for u in range(size) for v in range(u + 1, size) if problem.value[u, v] == NEVER]
    if not closed:
        return
    u, v = data.draw(st.sampled_from(closed))
    value = problem.value.copy()
    value[u, v] = value[v, u] = data.draw(st.integers(-100, 100))
    before, after = solved(problem), solved(replace(problem, value=value))
    assert (-after.unmatched, after.value) >= (-before.unmatched, before.value)


SCRIPT = """
import json, sys
import numpy as np
from services.matching.engine.solving.pairs import DensePairs
from services.matching.engine.solving.solve import solve
from tests.matching.test_solving_solve import random_cohort, printed
cohort = random_cohort(200, seed=7)
print(json.dumps(printed(solve(cohort.pairs, places=cohort.places))))
print(json.dumps(sorted(name for name in sys.modules if name in ("numba", "highspy"))))
"""


def printed(solution: Solution) -> list[object]:
    certificate = solution.certificate
    arrays = (
        solution.u,
        solution.v,
        solution.w,
        certificate.y,
        certificate.alone,
        certificate.group,
        certificate.inner,
    )
    return [array.tolist() for array in arrays] + [
        solution.value,
        solution.upper_bound,
        certificate.excess,
        solution.ended,
    ]


def test_solve_is_the_same_to_the_byte_in_another_process_with_other_threads_and_hashes() -> None:
    outputs = []
    for threads, seed in (("1", "1"), ("2", "77")):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"OMP_NUM_THREADS": threads, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    plan, loaded = outputs[0].splitlines()
    cohort = random_cohort(200, seed=7)
    assert json.loads(plan) == printed(solve(cohort.pairs, places=cohort.places))
    assert json.loads(loaded) == [], "small cohorts must start without compiled code"


def test_solve_of_a_two_sided_cohort_needs_no_finish_even_where_serving_costs_value() -> None:
    draw = np.random.default_rng(11)
    couples = {
        (u, v): int(draw.integers(-900_000, 300_000)) for u in range(40) for v in range(40, 100) if draw.random() < 0.2
    }
    solution = solved(plain(100, couples), exact_up_to=0)
    assert solution.unmatched == 20
    assert solution.exact
    assert solution.certified == solution.value


def test_solve_of_an_open_cohort_comes_close_without_the_finish() -> None:
    solution = solved(random_cohort(300, seed=2), exact_up_to=0)
    assert solution.unmatched == 0
    assert solution.upper_bound - solution.value < solution.upper_bound // 1_000


def after(asked: int) -> Callable[[], bool]:
    """True from the so-and-so-manieth question on."""
    count = 0

    def answer() -> bool:
        nonlocal count
        count += 1
        return count > asked

    return answer


@pytest.mark.parametrize("asked", [0, 1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("why", ["cancelled", "time"])
def test_solve_that_is_stopped_returns_a_plan_and_a_bound_that_hold(asked: int, why: str) -> None:
    problem = random_cohort(60, seed=asked, likely=0.06)
    best = solved(problem)
    stop = after(asked)
    stopped = solve(
        problem.pairs,
        places=problem.places,
        cancelled=stop if why == "cancelled" else lambda: False,
        deadline=lambda: 100.0 if why == "cancelled" or not stop() else 0.0,
    )
    assert stopped.ended in ({why} if asked < 2 else {why, "optimal"})
    found = verdict(problem, stopped)
    assert found.faults == ()
    assert stopped.unmatched >= best.unmatched >= stopped.unmatched_bound
    assert stopped.unmatched > best.unmatched or stopped.upper_bound >= best.value >= stopped.value
    assert found.upper_bound == stopped.certified


def test_solve_reports_its_progress_from_low_to_high() -> None:
    problem = random_cohort(60)
    heard: list[float] = []
    solve(problem.pairs, places=problem.places, on_progress=lambda stage, share: heard.append(share))
    assert heard == sorted(heard)
    assert heard[0] > 0
    assert heard[-1] <= 1


@pytest.mark.parametrize("size", [0, 1])
def test_solve_of_nobody_or_one_person_is_an_empty_plan(size: int) -> None:
    solution = solved(plain(size, {}))
    assert len(solution.couples) == 0
    assert (solution.value, solution.upper_bound, solution.unmatched, solution.unmatched_bound) == (0, 0, size, size)
    assert solution.ended == "optimal"


def test_solve_serves_somebody_before_it_serves_value() -> None:
    solution = solved(plain(4, {(0, 1): -500, (1, 2): 900_000, (2, 3): -500}))
    assert list(zip(solution.u, solution.v, strict=True)) == [(0, 1), (2, 3)]


def test_solve_proves_who_stays_alone_where_fractions_would_serve_everybody() -> None:
    triangles = {(0, 1): 6, (0, 2): 5, (1, 2): 7, (3, 4): 4, (3, 5): 3, (4, 5): 2}
    solution = solved(plain(6, triangles))
    assert (solution.unmatched, solution.unmatched_bound, solution.value) == (2, 2, 11)
    assert solution.exact


def test_compiled_code_plans_as_plain_code(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = random_cohort(80, seed=3, likely=0.1)
    small = solved(problem, exact_up_to=0)
    monkeypatch.setattr("services.matching.engine.solving.flow.LARGE", 0)
    monkeypatch.setattr("services.matching.engine.solving.plan.LARGE", 0)
    large = solved(problem, exact_up_to=0)
    assert (large.unmatched, large.upper_bound) == (small.unmatched, small.upper_bound)
    assert verdict(problem, large).faults == ()


GOOD = plain(4, {(0, 1): 5, (2, 3): 7})
ONES = np.ones(4, dtype=np.int64)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"places": np.array([1, 1, -1, 1])}, "Person 2 has -1 places: give 0 to"),
        ({"places": np.array([1, 1, 1, 10**6])}, "Person 3 has 1000000 places: give 0 to"),
        ({"places": ONES[:3]}, r"places is int64\(3,\): give 4 of int64"),
        ({"places": np.array([1, 1, np.nan, 1])}, r"places is float64\(4,\)"),
        ({"places": ONES, "waiting": ONES}, r"waiting is int64\(4,\): give 4 of bool"),
        ({"places": ONES, "forced": edges({(2, 2): 1})}, "The forced couple 2 with 2"),
        ({"places": ONES, "forced": edges({(2, 4): 1})}, "The forced couple 2 with 4"),
        ({"places": ONES, "forced": edges({(2, 3): 2**40})}, "The forced couple 2 with 3 .* a value within"),
        (
            {"places": ONES, "forced": edges({(0, 1): 1, (1, 2): 1})},
            "Person 1 is in 2 forced couples, but has 1 places",
        ),
        (
            {
                "places": 2 * ONES,
                "forced": Edges(np.array([0, 0], np.int32), np.array([1, 1], np.int32), np.array([1, 1])),
            },
            "A couple is forced twice",
        ),
    ],
)
def test_solve_refuses_what_cannot_be_and_says_where(given_: dict[str, object], says: str) -> None:
    with pytest.raises(ValuesRefused, match=says):
        solve(GOOD.pairs, **given_)  # type: ignore[arg-type]


def test_solve_keeps_forced_couples_that_would_not_be_possible() -> None:
    problem = replace(GOOD, forced=edges({(1, 2): -4}))
    solution = solved(problem)
    assert [*zip(solution.u, solution.v, solution.w, strict=True)] == [(1, 2, -4)]
    assert (solution.unmatched, solution.unmatched_bound) == (2, 2)
    assert isinstance(problem.pairs, DensePairs)


def test_solve_plans_no_forced_couple_a_second_time() -> None:
    problem = replace(plain(3, {(0, 1): 9, (1, 2): 1}, places=2), forced=edges({(0, 1): 2}))
    nobody_waits = replace(problem, waiting=np.zeros(3, dtype=np.bool_))
    solution = solved(nobody_waits)
    assert [*zip(solution.u, solution.v, solution.w, strict=True)] == [(0, 1, 2), (1, 2, 1)]
    assert solution.exact
