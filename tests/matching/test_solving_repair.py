"""After a drop-out: who is planned anew, what stays, and the best that can be made of it, against everything there is."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from services.matching.engine.solving.pairs import NEVER, Edges
from services.matching.engine.solving.repair import Repaired, locked, sticky
from services.matching.engine.solving.solve import solve
from tests.matching.dice import Dice, thrown
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, listed, matrix, optimum, plain, problem, some_plan

ASKED = 12
"""Of those whom somebody could be with, only so many are asked to move."""


def worths(found: Edges) -> dict[tuple[int, int], int]:
    return dict(zip(listed(found), found.w.tolist(), strict=True))


@dataclass(frozen=True)
class DropOut:
    """``now``: the couples that were planned, and what each was worth then. ``most`` and ``bonus`` are for sticky repairs."""

    problem: Problem
    now: dict[tuple[int, int], int]
    gone: frozenset[int]
    most: int
    bonus: int

    @property
    def size(self) -> int:
        return len(self.problem.places)

    @property
    def room(self) -> list[int]:
        return [0 if p in self.gone else places for p, places in enumerate(self.problem.places.tolist())]

    @property
    def left(self) -> dict[tuple[int, int], int]:
        """The couples of two who are still here."""
        return {couple: w for couple, w in self.now.items() if not self.gone & set(couple)}

    @property
    def alone(self) -> list[bool]:
        """Who is here, waits, and has nobody now."""
        return [
            p not in self.gone and waits and not self.partners(p)
            for p, waits in enumerate(self.problem.waiting.tolist())
        ]

    def partners(self, person: int) -> list[int]:
        return sorted(u + v - person for u, v in self.left if person in (u, v))

    def repaired(self, name: str) -> Repaired:
        given_: dict[str, Any] = {
            "places": self.problem.places,
            "waiting": self.problem.waiting,
            "gone": np.array(sorted(self.gone), dtype=np.int32),
        }
        if name == "sticky":
            return sticky(self.problem.pairs, edges(self.now), **given_, bonus=self.bonus, most=self.most)
        return locked(self.problem.pairs, edges(self.now), **given_)


def drop_outs() -> Any:
    return thrown(300, _drop_out)


def _drop_out(dice: Dice) -> DropOut:
    ground = problem(dice, least=4, most=7, forcing=False)
    scale = dice.one((0, 1, 1_000))
    impossible = [(u, v) for u in range(len(ground.places)) for v in range(u) if dice.upto(19) == 19]
    might = sorted({*ground.couples(), *((v, u) for u, v in impossible)})
    # Texts and rules change after a plan was made: what it was worth then counts, and it may have become impossible.
    now = {
        couple: max(0, int(ground.value[couple])) + scale * dice.upto(3)
        for couple in some_plan(dice, ground, among=might)
    }
    coupled = sorted({p for couple in now for p in couple})
    gone = frozenset(dice.one(coupled) for _ in range(dice.one((1, 2, 1, 0))) if coupled)
    return DropOut(ground, now, gone, most=dice.one((240, 5, 4, 3, 2, 240, 1, 0)), bonus=dice.one((0, 2, 100_000)))


@cases(250)
@given(drop_outs())
def test_repairs_keep_every_rule_and_locked_ones_move_nobody(drop_out: DropOut) -> None:
    ground, size, left = drop_out.problem, drop_out.size, drop_out.left
    places, waiting = ground.places.copy(), ground.waiting.copy()
    here = [bool(waiting[p]) and p not in drop_out.gone for p in range(size)]
    for name in ("locked", "sticky"):
        found = drop_out.repaired(name)
        now = worths(found.couples)
        degree = [sum(p in couple for couple in now) for p in range(size)]
        assert all(degree[p] <= drop_out.room[p] for p in range(size))
        assert now == {couple: left.get(couple, int(ground.value[couple])) for couple in now}
        assert NEVER not in now.values()
        assert worths(found.made) == {couple: w for couple, w in now.items() if couple not in left}
        assert worths(found.broken) == {couple: w for couple, w in left.items() if couple not in now}
        assert found.unmatched == sum(here[p] and not degree[p] for p in range(size)) <= sum(drop_out.alone)
        assert name == "sticky" or not len(found.broken)
    assert (ground.places == places).all()
    assert (ground.waiting == waiting).all()


@cases(250)
@given(drop_outs())
def test_locked_makes_the_most_of_the_free_places(drop_out: DropOut) -> None:
    value = drop_out.problem.value.copy()
    for u, v in drop_out.left:
        value[u, v] = value[v, u] = NEVER
    free = [drop_out.room[p] - len(drop_out.partners(p)) for p in range(drop_out.size)]
    best = optimum(Problem(value, np.array(free, dtype=np.int64), np.array(drop_out.alone), edges({})))
    found = drop_out.repaired("locked")
    assert (found.unmatched, int(found.made.w.sum())) == best


@cases(350)
@given(drop_outs())
def test_sticky_makes_the_most_of_those_around_who_is_alone(drop_out: DropOut) -> None:
    inside = around(drop_out)
    old = {couple: w for couple, w in drop_out.left.items() if set(couple) <= inside}
    value = matrix(
        drop_out.size, {couple: int(drop_out.problem.value[couple]) for couple in drop_out.problem.couples()}
    )
    for p in set(range(drop_out.size)) - inside:
        value[p, :] = value[:, p] = NEVER
    for (u, v), w in old.items():
        value[u, v] = value[v, u] = w + drop_out.bonus
    held = [len(set(drop_out.partners(p)) - inside) if p in inside else 0 for p in range(drop_out.size)]
    room = [drop_out.room[p] - held[p] if p in inside else 0 for p in range(drop_out.size)]
    waits = [
        bool(drop_out.problem.waiting[p]) and p not in drop_out.gone and p in inside and not held[p]
        for p in range(drop_out.size)
    ]
    alone, score = optimum(Problem(value, np.array(room, dtype=np.int64), np.array(waits), edges({})))
    found = drop_out.repaired("sticky")
    assert found.unmatched == alone + sum(alone and p not in inside for p, alone in enumerate(drop_out.alone))
    now = worths(found.couples)
    assert {couple for couple in now if not set(couple) <= inside} == drop_out.left.keys() - old.keys()
    planned = {couple: w for couple, w in now.items() if set(couple) <= inside}
    assert sum(planned.values()) + drop_out.bonus * len(planned.keys() & old.keys()) == score


def around(drop_out: DropOut) -> set[int]:
    """Who is planned anew: those alone, then those with a free place; whom of those here they would like best, and
    their partners; and so on."""
    degree = [len(drop_out.partners(p)) for p in range(drop_out.size)]
    alone = [p for p in range(drop_out.size) if drop_out.alone[p] and drop_out.room[p]]
    free = [p for p in range(drop_out.size) if drop_out.room[p] > degree[p] and p not in alone]
    people = [*alone, *free][: drop_out.most]
    for person in people:  # it grows
        known = [p for p in range(drop_out.size) if drop_out.room[p] and drop_out.problem.value[person, p] != NEVER]
        for other in sorted(known, key=lambda p: (-drop_out.problem.value[person, p], p))[:ASKED]:
            for who in (other, *drop_out.partners(other)):
                if who not in people and len(people) < drop_out.most:
                    people.append(who)
    return set(people)


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


def sticky_around(problem: Problem, now: dict[tuple[int, int], int], **asked: int) -> Repaired:
    return sticky(
        problem.pairs, edges(now), places=problem.places, waiting=problem.waiting, gone=np.empty(0, np.int32), **asked
    )


@pytest.mark.parametrize(("gain", "moved"), [(100_000, 0), (100_001, 2)])
def test_a_couple_counts_a_tenth_more_than_it_is_worth(gain: int, moved: int) -> None:
    # 4 is alone and only knows 0 a little; 0–2 and 1–3 would be worth twice ``gain`` more.
    values = {(0, 1): 10, (2, 3): 10, (0, 2): 10 + gain, (1, 3): 10 + gain, (0, 4): -900_000}
    found = sticky_around(plain(5, values), {(0, 1): 10, (2, 3): 10})
    assert (len(found.made), len(found.broken)) == (moved, moved)


@pytest.mark.parametrize("first", [0, 1])
def test_at_most_240_people_are_planned_anew(first: int) -> None:
    alone = plain(300, {(u, u + 1): 1 for u in range(first, 299, 2)})
    found = sticky_around(alone, {})
    assert listed(found.made) == [(u, u + 1) for u in range(first, 239, 2)]


@pytest.mark.parametrize(("rank", "moved"), [(12, True), (13, False)])
def test_the_twelve_whom_somebody_alone_would_like_best_are_asked_to_move(rank: int, moved: bool) -> None:
    # 0 is alone and knows 1 to 13, the best first, who are with 14 to 26; all of these wait but the partner of one.
    couples = {(k, k + 13): 50 for k in range(1, 14)}
    crowded = plain(27, couples | {(0, k): 100 - k for k in range(1, 14)})
    waiting = crowded.waiting.copy()
    waiting[rank + 13] = False
    found = sticky_around(replace(crowded, waiting=waiting), couples)
    assert listed(found.made) == ([(0, rank)] if moved else [])
    assert found.unmatched == (0 if moved else 1)
