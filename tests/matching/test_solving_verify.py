"""The verifier: finds every fault that is put into a plan or its certificate, and no bound it accepts is ever too low."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import Edges
from services.matching.engine.solving.solve import solve
from services.matching.engine.solving.verify import Verdict
from tests.matching.dice import Dice, dice
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, checked, edges, matrix, optimum, plain, problems

# 0–1–2 is an odd group of its own; 3, 4 and 5 only know 6, who has two places: two of seven stay alone.
COUPLES = {(0, 1): 5, (0, 2): 6, (1, 2): 7, (3, 6): 3, (4, 6): 4, (5, 6): 2}
ISLANDS = Problem(
    matrix(8, COUPLES),
    np.array([1, 1, 1, 1, 1, 1, 2, 0], dtype=np.int64),
    np.array([True] * 7 + [False]),
    edges({}),
)


def verdict(couples: Edges, certificate: Certificate, *, problem: Problem = ISLANDS) -> Verdict:
    return checked(problem, couples, certificate)


def solved() -> tuple[Edges, Certificate]:
    solution = solve(ISLANDS.pairs, places=ISLANDS.places, waiting=ISLANDS.waiting)
    return solution.couples, solution.certificate


def test_check_agrees_with_the_solver_on_a_plan_with_odd_groups() -> None:
    found = verdict(*solved())
    assert found == Verdict((), value=14, unmatched=2, unmatched_bound=2, upper_bound=found.upper_bound)
    assert found.upper_bound >= 14


def listed(*couples: tuple[int, int], w: dict[tuple[int, int], int] | None = None) -> Edges:
    return edges({couple: (w or COUPLES).get(couple, 0) for couple in couples})


@pytest.mark.parametrize(
    ("couples", "says"),
    [
        (listed((1, 2), (3, 6), (4, 6), w=COUPLES | {(1, 2): 8}), "1 with 2 is worth 7, not 8."),
        (listed((1, 2), (3, 4)), "3 with 4 is planned, but not possible."),
        (listed((0, 1), (1, 2)), "Person 1 has 2 partners and 1 places."),
        (listed((3, 6), (4, 6), (5, 6)), "Person 6 has 3 partners and 2 places."),
        (
            Edges(np.array([2], np.int32), np.array([1], np.int32), np.array([7])),
            "A couple is not two of the people 0 to 7",
        ),
        (
            Edges(np.array([1], np.int32), np.array([8], np.int32), np.array([7])),
            "A couple is not two of the people 0 to 7",
        ),
        (
            Edges(np.array([3, 3], np.int32), np.array([6, 6], np.int32), np.array([3, 3])),
            "A couple is planned twice.",
        ),
    ],
)
def test_check_refuses_a_plan_that_breaks_a_rule(couples: Edges, says: str) -> None:
    found = verdict(couples, solved()[1])
    assert any(fault.startswith(says) for fault in found.faults), found.faults


def changed(name: str, person: int, to: int) -> Callable[[Certificate], Certificate]:
    def change(certificate: Certificate) -> Certificate:
        array = getattr(certificate, name).copy()
        array[person] = to
        return replace(certificate, **{name: array})

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: replace(c, excess=c.excess - 1), "All pairs exceed the prices by"),
        (changed("y", 6, -100), "All pairs exceed the prices by"),
        (changed("y", 0, 2**41), "Person 0 has a price beyond"),
        (changed("alone", 3, -1), "Person 3 has a negative penalty"),
        (changed("alone", 7, 5), "Somebody who waits for nobody has a penalty"),
        (changed("inner", 6, False), "The barrier leaks: 3 may be paired with 6"),
        (changed("group", 0, -1), "The barrier leaks: 1 may be paired with 0"),
        (changed("group", 3, 4), "The barrier's group 4 has 2 people, not an odd number."),
        (changed("group", 7, 7), "The barrier's group 7 holds person 7, who has no place."),
        (changed("inner", 4, True), "The barrier's group 4 holds person 4, who does not wait or is inner."),
        (lambda c: replace(c, group=c.group[:5]), "group is (5,), but there are 8 people."),
        (changed("group", 6, 99), "The barrier's groups are numbered 0 to 7"),
    ],
)
def test_check_refuses_a_certificate_that_was_tampered_with(
    change: Callable[[Certificate], Certificate], says: str
) -> None:
    couples, certificate = solved()
    found = verdict(couples, change(certificate))
    assert any(fault.startswith(says) for fault in found.faults), found.faults


def test_check_refuses_an_odd_group_in_which_somebody_has_two_places() -> None:
    couples, certificate = solved()
    wide = replace(ISLANDS, places=np.array([2, 1, 1, 1, 1, 1, 2, 0], dtype=np.int64))
    found = verdict(couples, certificate, problem=wide)
    assert any("who has 2 places, not one" in fault for fault in found.faults), found.faults


def test_check_refuses_a_plan_without_a_forced_couple_or_at_another_value() -> None:
    problem = replace(plain(3, {(0, 1): 5, (1, 2): 9}), forced=edges({(0, 1): 4}))
    solution = solve(problem.pairs, places=problem.places, waiting=problem.waiting, forced=problem.forced)
    assert verdict(solution.couples, solution.certificate, problem=problem).faults == ()
    missing = verdict(edges({}), solution.certificate, problem=problem)
    assert "0 with 1 must be planned, but is not." in missing.faults
    dearer = verdict(edges({(0, 1): 5}), solution.certificate, problem=problem)
    assert "0 with 1 is forced at 4, not 5." in dearer.faults


@cases(700)
@given(problems(forcing=False), dice(60))
def test_check_never_accepts_a_bound_below_a_plan_that_exists(problem: Problem, more: Dice) -> None:
    size = len(problem.places)

    def numbers(low: int, high: int) -> np.ndarray:
        return np.array([more.between(low, high) for _ in range(size)], dtype=np.int64)

    y = numbers(-10, 10) * more.one((1, 100_000))
    served = problem.places > 0
    certificate = Certificate(
        y=y,
        alone=np.where(problem.waiting, numbers(0, 20), 0),
        group=numbers(-1, size - 1).astype(np.int32) if more.yes() else np.full(size, -1, np.int32),
        inner=numbers(0, 1).astype(np.bool_),
        excess=problem.pairs.price(np.where(served, y, 2**39), each=0).excess,
    )
    solution = solve(problem.pairs, places=problem.places, waiting=problem.waiting)
    found = verdict(solution.couples, certificate, problem=problem)
    unmatched, value = optimum(problem)
    if not found.faults:
        assert found.upper_bound >= value
        assert found.unmatched_bound <= unmatched
