"""Pairs as a matrix, and views of pairs: exact to the last integer, and exact in what they refuse."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.matching.engine.solving.couples import AtLeast, Revalued, among
from services.matching.engine.solving.pairs import NEVER, DensePairs, Edges, Pairs, ValuesRefused
from tests.matching.dice import Dice, dice
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, matrix, problems


def listed(found: Edges) -> list[tuple[int, int, int]]:
    return list(zip(found.u.tolist(), found.v.tolist(), found.w.tolist(), strict=True))


def best_of_each(scored: list[tuple[int, int, int, int]], size: int, each: int) -> list[tuple[int, int, int]]:
    """(score, u, v, w) → the union over people of their ``each`` best by score, ties to the smaller partner."""
    kept = set()
    for person in range(size):
        mine = [(-score, u + v - person, (u, v, w)) for score, u, v, w in scored if person in (u, v)]
        kept |= {couple for _, _, couple in sorted(mine)[:each]}
    return sorted(kept)


@cases(700)
@given(problems(forcing=False), st.integers(0, 9), dice(40))
def test_dense_pairs_answer_as_their_definition_says(problem: Problem, each: int, more: Dice) -> None:
    pairs, size = problem.pairs, len(problem.places)
    couples = [(u, v, int(problem.value[u, v])) for u, v in problem.couples()]
    y = np.array([more.between(-400_000, 700_000) for _ in range(size)], dtype=np.int64)
    assert listed(pairs.strongest(each=each)) == best_of_each([(w, u, v, w) for u, v, w in couples], size, each)
    over = [(w - int(y[u]) - int(y[v]), u, v, w) for u, v, w in couples]
    priced = pairs.price(y, each=each)
    assert priced.excess == sum(max(0, score) for score, *_ in over)
    assert listed(priced.worst) == best_of_each([found for found in over if found[0] > 0], size, each)
    for person in range(size):
        partners, w = pairs.of(person)
        mine = sorted((u + v - person, w) for u, v, w in couples if person in (u, v))
        assert list(zip(partners.tolist(), w.tolist(), strict=True)) == mine


def test_the_best_of_somebody_stay_when_many_others_are_equal() -> None:
    couples = {(0, 1): 5, (0, 2): 3, (0, 3): 3, (0, 4): 3, (1, 5): 9, (1, 6): 9}
    found = listed(DensePairs(matrix(7, couples)).strongest(each=2))
    assert found == best_of_each([(w, u, v, w) for (u, v), w in couples.items()], 7, 2)
    assert (0, 1, 5) in found


def same(view: Pairs, plain: DensePairs, y: np.ndarray) -> None:
    size = plain.size
    everyone = max(size, 1)
    assert listed(view.strongest(each=everyone)) == listed(plain.strongest(each=everyone))
    assert view.price(y, each=everyone).excess == plain.price(y, each=everyone).excess
    assert listed(view.price(y, each=everyone).worst) == listed(plain.price(y, each=everyone).worst)
    for person in range(size):
        assert [part.tolist() for part in view.of(person)] == [part.tolist() for part in plain.of(person)]
        others = np.arange(size, dtype=np.int32)
        me = np.full(size, person, dtype=np.int32)
        assert view.value(me, others).tolist() == plain.value(me, others).tolist()


@cases(500)
@given(problems(forcing=False), dice(80))
def test_views_equal_the_matrix_they_stand_for(problem: Problem, more: Dice) -> None:
    size = len(problem.places)
    y = np.array([more.between(-9, 9) for _ in range(size)], dtype=np.int64)
    everybody = [(u, v) for u in range(size) for v in range(u + 1, size)]
    changed = {couple: more.one((NEVER, -5, 0, 7, 900_000)) for couple in everybody if more.upto(4) == 4}
    value = problem.value.copy()
    for (u, v), w in changed.items():
        value[u, v] = value[v, u] = w
    same(Revalued(problem.pairs, edges(changed)), DensePairs(value), y)
    least = more.between(-4, 7)
    above = DensePairs(np.where(problem.value >= least, problem.value, NEVER))
    same(AtLeast(problem.pairs, least), above, y)
    people = np.flatnonzero([more.yes() for _ in range(size)]).astype(np.int32)
    same(among(problem.pairs, people), DensePairs(problem.value[np.ix_(people, people)]), y[people])


GOOD = matrix(4, {(0, 1): 5, (2, 3): 7})


def changed(where: tuple[int, int], w: int) -> Callable[[], np.ndarray]:
    def make() -> np.ndarray:
        value = GOOD.copy()
        value[where] = w
        return value

    return make


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (changed((1, 1), 0), r"Person 1 has a value with themselves"),
        (changed((0, 1), 6), r"0 with 1 is worth 6, 1 with 0 5: make them equal"),
        (changed((3, 0), 6), r"make them equal"),
        (lambda: GOOD[:3], r"\(3, 4\): they must be a square matrix"),
        (lambda: np.where(GOOD == NEVER, np.nan, GOOD), r"float64: give whole millionths as int64; NaN has no place"),
        (lambda: np.where(GOOD == 5, 2 * 10**9, GOOD), r"0 with 1 is worth 2000000000: possible pairs lie within"),
    ],
)
def test_dense_pairs_refuse_what_cannot_be_and_say_where(make: Callable[[], np.ndarray], says: str) -> None:
    with pytest.raises(ValuesRefused, match=says):
        DensePairs(make())
