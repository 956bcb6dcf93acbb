"""A run that keeps couples, against every plan there is: what it keeps, whom it leaves alone, and what it claims to have proven."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given

from services.matching.engine.keeping import keeping
from services.matching.engine.solving.couples import without
from services.matching.engine.solving.pairs import NEVER, Edges
from services.matching.engine.solving.plan import greedy
from services.matching.engine.solving.repair import BONUS
from services.matching.engine.solving.solution import CANCELLED, GAP, OPTIMAL, Solution
from services.matching.engine.solving.solve import solve
from services.matching.engine.stated import Stated, state
from tests.matching.dice import Dice, thrown
from tests.matching.engine_people import near_for, snapshot_of, somebody
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, listed, optimum, plain, problem, some_plan
from tests.matching.test_solving_repair import DropOut, around, worths

SNAPSHOT = snapshot_of(somebody("one"), somebody("two"))
STATED = state(SNAPSHOT, near_for(SNAPSHOT), seed=0)


@dataclass(frozen=True)
class Run:
    """``sticky``: couples that are now, perhaps more than there are places. ``late``: the best plan was not finished."""

    ground: Problem
    sticky: Edges
    most: int
    late: bool

    @property
    def stated(self) -> Stated:
        return replace(
            STATED,
            pairs=self.ground.pairs,
            forced=self.ground.forced,
            sticky=self.sticky,
            problem=replace(STATED.problem, places=self.ground.places),
        )

    @property
    def rest(self) -> Problem:
        """What the forced couples leave."""
        value, places, waiting = self.ground.value.copy(), self.ground.places.copy(), self.ground.waiting.copy()
        for u, v in listed(self.ground.forced):
            value[u, v] = value[v, u] = NEVER
            places[[u, v]] -= 1
            waiting[[u, v]] = False
        return Problem(value, places, waiting, edges({}))

    @property
    def now(self) -> dict[tuple[int, int], int]:
        """The couples of now that there are places for."""
        rest = self.rest
        return worths(greedy(without(self.sticky, self.ground.forced), places=rest.places, waiting=rest.waiting))

    def best(self) -> Solution:
        return solve(
            self.ground.pairs, places=self.ground.places, forced=self.ground.forced, cancelled=lambda: self.late
        )

    def kept(self, best: Solution) -> Solution:
        return keeping(self.stated, best, forced=self.ground.forced, most=self.most)


def _run(dice: Dice) -> Run:
    ground = problem(dice, least=4, most=7)
    ground = replace(ground, waiting=np.ones(len(ground.places), dtype=np.bool_))
    wide = replace(ground, places=ground.places + dice.one((0, 1)))
    possible = ground.couples()
    held = set(some_plan(dice, wide)) | {couple for couple in listed(ground.forced) if couple in possible}
    sticky = edges({couple: int(ground.value[couple]) for couple in held})
    return Run(ground, sticky, most=dice.one((240, 0, 2, 3, 4, 240)), late=dice.upto(3) == 3)


def expected(run: Run, best: Solution) -> tuple[int, int]:
    """How few are alone, and the most value with the bonuses: around those alone; of everybody if that leaves somebody out."""
    rest, now = run.rest, run.now
    inside = around(DropOut(rest, now, frozenset(), most=run.most, bonus=BONUS))
    few = _planned_anew(rest, now, inside)
    return few if few[0] <= best.unmatched else _planned_anew(rest, now, set(range(len(rest.places))))


def _planned_anew(rest: Problem, now: dict[tuple[int, int], int], inside: set[int]) -> tuple[int, int]:
    value, places, waiting = rest.value.copy(), rest.places.copy(), rest.waiting.copy()
    stays = {couple: w for couple, w in now.items() if not set(couple) <= inside}
    for u, v in now:
        value[u, v] = value[v, u] = value[u, v] + BONUS
    for p in range(len(places)):
        held = sum(p in couple for couple in stays)
        waiting[p] &= not held
        places[p] -= held
        if p not in inside:
            places[p], value[p, :], value[:, p] = 0, NEVER, NEVER
    alone, score = optimum(Problem(value, places, waiting, edges({})))
    return alone, score + sum(w + BONUS for w in stays.values())


@cases(300)
@given(thrown(300, _run))
def test_keeping_moves_people_only_for_more_than_the_bonus_or_lest_somebody_is_alone(run: Run) -> None:
    best, forced, now = run.best(), worths(run.ground.forced), run.now
    found = run.kept(best)
    if not len(run.sticky):
        assert found is best
        return
    plan = worths(found.couples)
    degree = [sum(p in couple for couple in plan) for p in range(len(run.ground.places))]
    assert all(degree[p] <= places for p, places in enumerate(run.ground.places.tolist()))
    assert plan == {couple: forced.get(couple, int(run.ground.value[couple])) for couple in {*plan, *forced}}
    assert NEVER not in plan.values()
    assert (found.unmatched, found.value) == (degree.count(0), sum(plan.values()))
    free = {couple: w for couple, w in plan.items() if couple not in forced}
    assert (found.unmatched, sum(free.values()) + BONUS * len(free.keys() & now.keys())) == expected(run, best)


@cases(200)
@given(thrown(300, _run))
def test_keeping_claims_what_is_proven_of_all_plans(run: Run) -> None:
    best = run.best()
    found = run.kept(best)
    alone, value = optimum(run.ground)
    assert found.unmatched <= best.unmatched
    assert best.unmatched_bound == found.unmatched_bound <= alone
    if found.unmatched == alone:
        assert found.value <= value <= found.upper_bound
    if not run.late:
        assert (found.unmatched, found.upper_bound) == (alone, value)
        assert found.exact == (found.value == value)
    assert found.exact == (found.value == found.upper_bound and found.unmatched == found.unmatched_bound)
    assert found.ended == (OPTIMAL if found.exact else GAP if best.ended == OPTIMAL else best.ended)


def test_who_was_left_alone_for_want_of_time_is_served_and_the_bound_still_holds() -> None:
    # The couple that is worth most leaves two alone, and there was no time to see that.
    path = plain(4, {(0, 1): 1, (1, 2): 9, (2, 3): 2})
    run = Run(path, edges({(1, 2): 9}), most=240, late=True)
    best = replace(run.best(), u=run.sticky.u, v=run.sticky.v, w=run.sticky.w, value=9, unmatched=2)
    found = run.kept(best)
    assert (listed(found.couples), found.unmatched, found.value) == ([(0, 1), (2, 3)], 0, 3)
    assert (found.upper_bound >= 3, found.exact, found.ended) == (True, False, CANCELLED)


def test_without_time_to_plan_everybody_anew_nothing_is_kept_for_which_more_are_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.matching.engine.solving.plan.PATIENCE", 0)
    path = plain(4, {(0, 1): 1, (1, 2): 9, (2, 3): 2})
    run = Run(path, edges({(1, 2): 9}), most=0, late=False)
    best = run.best()
    assert best.unmatched == 0
    for late in ({"deadline": lambda: 0.0}, {"cancelled": lambda: True}):
        assert keeping(run.stated, best, forced=path.forced, most=0, **late) is best
    assert run.kept(best) is not best


def test_a_plan_at_its_bound_is_not_exact_while_something_else_is_left_to_do() -> None:
    run = Run(plain(2, {(0, 1): 9}), edges({(0, 1): 9}), most=240, late=False)
    best = run.best()
    for settled, ended in ((True, OPTIMAL), (False, GAP)):
        found = keeping(run.stated, best, forced=run.ground.forced, settled=settled)
        assert (found.value, found.upper_bound, found.exact, found.ended) == (9, 9, settled, ended)
