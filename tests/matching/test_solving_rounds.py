"""Speed rounds: nobody twice in a round, no couple twice at all, fair sit-outs, and nothing of the past changes."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from services.matching.engine.solving.pairs import NEVER, ValuesRefused
from services.matching.engine.solving.rounds import Schedule, _meetings, replan, schedule
from tests.matching.solving_ground import Problem, cases, edges, plain, problems


def meetings(found: Schedule) -> list[tuple[int, int, int]]:
    return list(zip(found.couples.u.tolist(), found.couples.v.tolist(), found.round.tolist(), strict=True))


def is_kept(found: Schedule, problem: Problem, *, rounds: int) -> None:
    met = meetings(found)
    assert len({(u, v) for u, v, _ in met}) == len(met)
    assert all(problem.value[u, v] != NEVER and 0 <= r < rounds for u, v, r in met)
    busy = [(p, r) for u, v, r in met for p in (u, v)]
    assert len(set(busy)) == len(busy)
    assert found.value == sum(int(problem.value[u, v]) for u, v, _ in met)


@settings(max_examples=cases(80), deadline=None)
@given(problems(most=8, forcing=False), st.integers(0, 4))
def test_schedule_has_no_repeats_and_nobody_twice_in_a_round(problem: Problem, rounds: int) -> None:
    found = schedule(problem.pairs, rounds=rounds)
    is_kept(found, problem, rounds=rounds)
    busy = np.zeros(len(problem.places), dtype=int)
    for u, v, _ in meetings(found):
        busy[[u, v]] += 1
    assert found.sat_out.tolist() == (rounds - busy).tolist()
    assert found.value <= found.upper_bound
    taken = {(p, r) for u, v, r in meetings(found) for p in (u, v)}
    met = {(u, v) for u, v, _ in meetings(found)}
    for r, (u, v) in ((r, couple) for r in range(rounds) for couple in problem.couples()):
        if problem.value[u, v] > 0 and (u, v) not in met:
            assert (u, r) in taken or (v, r) in taken, "two who are idle at once and have not met would gain"


@settings(max_examples=cases(60), deadline=None)
@given(st.integers(0, 2**16))
def test_every_couple_of_a_two_sided_cohort_finds_a_round(seed: int) -> None:
    draw = np.random.default_rng(seed)
    couples = {(u, v): int(draw.integers(1, 1_000)) for u in range(7) for v in range(7, 14) if draw.random() < 0.6}
    busiest = max((sum(p in couple for couple in couples) for p in range(14)), default=0)
    meets = _meetings(edges(couples), size=14, rounds=busiest)
    assert sorted((u, int(v)) for u in range(7) for v in meets[u] if v >= 0) == sorted(couples)
    for r in range(busiest):
        assert all(meets[meets[p, r], r] == p for p in range(14) if meets[p, r] >= 0)


def test_schedule_of_a_two_sided_cohort_reaches_its_bound() -> None:
    draw = np.random.default_rng(3)
    couples = {(u, v): int(draw.integers(900_000, 1_000_000)) for u in range(8) for v in range(8, 16)}
    found = schedule(plain(16, couples).pairs, rounds=5)
    assert found.value >= found.upper_bound * 0.99999
    assert not found.sat_out.any()


def test_schedule_lets_different_people_sit_out_when_their_number_is_odd() -> None:
    problem = plain(7, dict.fromkeys(combinations(range(7), 2), 1000))
    found = schedule(problem.pairs, rounds=5)
    is_kept(found, problem, rounds=5)
    assert found.sat_out.max() - found.sat_out.min() <= 1


def test_even_rare_people_get_their_turns() -> None:
    """Person 0 is worth least to everybody, and yet meets as often as the others, within one round."""
    values = {(u, v): (1 if u == 0 else 1_000 + u * v) for u, v in combinations(range(9), 2)}
    found = schedule(plain(9, values).pairs, rounds=4)
    assert found.sat_out.max() - found.sat_out.min() <= 1


def test_replan_keeps_the_past_and_asks_nobody_who_is_gone() -> None:
    draw = np.random.default_rng(5)
    problem = plain(12, {couple: int(draw.integers(1, 1_000_000)) for couple in combinations(range(12), 2)})
    before = schedule(problem.pairs, rounds=6)
    present = np.ones(12, dtype=np.bool_)
    present[[2, 9]] = False
    found = replan(problem.pairs, before, rounds=6, first=2, present=present)
    is_kept(found, problem, rounds=6)
    assert [m for m in meetings(found) if m[2] < 2] == [m for m in meetings(before) if m[2] < 2]
    assert not any({u, v} & {2, 9} for u, v, r in meetings(found) if r >= 2)
    assert found.sat_out[[2, 9]].tolist() == [0, 0]
    assert found.sat_out.max() <= 1


def test_schedule_refuses_rounds_that_cannot_be() -> None:
    with pytest.raises(ValuesRefused, match="-1 rounds cannot be planned"):
        schedule(plain(2, {}).pairs, rounds=-1)
