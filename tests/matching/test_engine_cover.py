"""The assignment: as many people as possible, then two-way pairs, then value; compared with every possible assignment."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.engine.assign import assign
from services.matching.engine.model import Cancelled


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    size = draw(st.integers(2, 6))
    value = np.zeros((size, size), dtype=np.int64)
    good = np.zeros((size, size), dtype=np.bool_)
    legal = np.zeros((size, size), dtype=np.bool_)
    for one, other in combinations(range(size), 2):
        kind = draw(st.sampled_from(("no", "no", "one-way", "good")))
        legal[one, other] = legal[other, one] = kind != "no"
        good[one, other] = good[other, one] = kind == "good"
        value[one, other] = value[other, one] = draw(st.integers(-200_000, 1_000_000))
    return value, good, legal, [draw(st.integers(1, 3)) for _ in range(size)]


def everything_possible(legal: np.ndarray, places: list[int]) -> list[set[tuple[int, int]]]:
    edges = [(a, b) for a, b in combinations(range(len(places)), 2) if legal[a, b]]
    found: list[set[tuple[int, int]]] = [set()]
    for edge in edges:
        found += [
            chosen | {edge}
            for chosen in found
            if all(sum(person in pair for pair in chosen) < places[person] for person in edge)
        ]
    return found


def covered(pairs: set[tuple[int, int]]) -> int:
    return len({person for pair in pairs for person in pair})


@settings(max_examples=300, deadline=None)
@given(problems())
def test_assign_leaves_out_as_few_people_as_any_assignment_and_keeps_places(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray, list[int]],
) -> None:
    value, good, legal, places = problem
    pairs = assign(value, good=good, legal=legal, places=places, forced=set(), cancelled=lambda: False)
    assert all(legal[pair] and pair[0] < pair[1] for pair in pairs)
    assert all(sum(person in pair for pair in pairs) <= room for person, room in enumerate(places))
    possible = everything_possible(legal, places)
    assert covered(pairs) == max(map(covered, possible))


@settings(max_examples=300, deadline=None)
@given(problems())
def test_assign_uses_no_one_way_pair_when_two_way_pairs_reach_everybody_that_can_be_reached(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray, list[int]],
) -> None:
    value, good, legal, places = problem
    pairs = assign(value, good=good, legal=legal, places=places, forced=set(), cancelled=lambda: False)
    best = max(map(covered, everything_possible(legal, places)))
    if max(map(covered, everything_possible(good, places))) == best:
        assert all(good[pair] for pair in pairs)


@pytest.mark.parametrize("seed", range(20))
def test_assign_covers_odd_cycles_and_chains_of_sixty_people_perfectly(seed: int) -> None:
    # A perfect matching hidden in a sparse graph full of odd cycles: a search that does not contract them misses it.
    random = np.random.default_rng(seed)
    size = 60
    legal = np.zeros((size, size), dtype=np.bool_)
    order = random.permutation(size)
    for one, other in zip(order[::2], order[1::2], strict=True):
        legal[one, other] = legal[other, one] = True
    for _ in range(50):
        one, other = random.choice(size, 2, replace=False)
        legal[one, other] = legal[other, one] = True
    value = random.integers(0, 1_000_000, (size, size))
    value = np.triu(value, 1) + np.triu(value, 1).T
    pairs = assign(value, good=legal, legal=legal, places=[1] * size, forced=set(), cancelled=lambda: False)
    assert covered(pairs) == size


def test_assign_stops_when_asked() -> None:
    legal = ~np.eye(4, dtype=np.bool_)
    with pytest.raises(Cancelled):
        assign(
            np.ones((4, 4), dtype=np.int64),
            good=legal,
            legal=legal,
            places=[1] * 4,
            forced=set(),
            cancelled=lambda: True,
        )


def test_assign_reaches_most_of_the_best_value() -> None:
    random = np.random.default_rng(7)
    shares = []
    for _ in range(60):
        size = 6
        value = random.integers(0, 1_000_000, (size, size))
        value = np.triu(value, 1) + np.triu(value, 1).T
        legal = ~np.eye(size, dtype=np.bool_)
        pairs = assign(value, good=legal, legal=legal, places=[1] * size, forced=set(), cancelled=lambda: False)
        best = max(
            sum(int(value[pair]) for pair in chosen)
            for chosen in everything_possible(legal, [1] * size)
            if covered(chosen) == size
        )
        shares.append(sum(int(value[pair]) for pair in pairs) / best)
    assert min(shares) > 0.85
    assert sum(shares) / len(shares) > 0.98
