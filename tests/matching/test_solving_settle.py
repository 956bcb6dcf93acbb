"""What an integer program claims of a plan, settled anew from every possible pair: right claims hold, and wrong ones are found out."""

import hashlib
import sys
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given

from services.matching.engine.frozen import near_bytes, proof_bytes
from services.matching.engine.match import match
from services.matching.engine.solving import settle
from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import Edges
from services.matching.engine.solving.settle import TooMany, is_best
from services.matching.engine.solving.solve import solve
from services.matching.engine.verifying import Report, verify
from tests.matching.dice import Dice, dice
from tests.matching.engine_people import near_for, snapshot_of, somebody
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, checked, edges, optimum, plain, problems

# Two triangles and a bridge: fractions earn 15 a triangle, every plan has to use the bridge.
TRIANGLES = plain(6, {(0, 1): 10, (0, 2): 10, (1, 2): 10, (2, 3): 1, (3, 4): 10, (3, 5): 10, (4, 5): 10})
BEST = edges({(0, 1): 10, (2, 3): 1, (4, 5): 10})


def settled(problem: Problem, couples: Edges, certificate: Certificate, *, claimed: int) -> bool:
    found = checked(problem, couples, certificate)
    assert found.faults == ()
    return is_best(
        problem.pairs,
        places=problem.places,
        waiting=problem.waiting,
        couples=couples,
        certificate=certificate,
        forced=problem.forced,
        unmatched=found.unmatched,
        upper_bound=found.upper_bound,
        claimed=claimed,
    )


@cases(400)
@given(problems(), dice(1))
def test_settles_every_claim_as_looking_at_all_plans_does(problem: Problem, more: Dice) -> None:
    solution = solve(
        problem.pairs,
        places=problem.places,
        waiting=problem.waiting,
        forced=problem.forced,
        exact_up_to=more.one((0, 10)),
    )
    unmatched, value = optimum(problem)
    assert solution.unmatched == unmatched
    assert settled(problem, solution.couples, solution.certificate, claimed=value)
    assert settled(problem, solution.couples, solution.certificate, claimed=value + 1)
    if len(solution.couples):
        assert not settled(problem, solution.couples, solution.certificate, claimed=value - 1)


def test_a_plan_that_may_leave_more_alone_may_be_worth_more() -> None:
    certificate = solve(TRIANGLES.pairs, places=TRIANGLES.places).certificate
    assert settled(TRIANGLES, BEST, certificate, claimed=21)
    apart = edges({(0, 1): 10, (3, 4): 10})
    assert not settled(TRIANGLES, apart, certificate, claimed=20)


def test_a_forced_couple_is_not_planned_again() -> None:
    twice = replace(plain(2, {(0, 1): 5}, places=2), forced=edges({(0, 1): 4}))
    certificate = solve(twice.pairs, places=twice.places, forced=twice.forced).certificate
    assert settled(twice, twice.forced, certificate, claimed=4)


def test_what_is_too_large_or_cannot_be_solved_here_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = solve(TRIANGLES.pairs, places=TRIANGLES.places).certificate
    with monkeypatch.context() as few:
        few.setattr(settle, "MOST_COUPLES", 2)
        with pytest.raises(TooMany):
            settled(TRIANGLES, BEST, certificate, claimed=21)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(TooMany):
        settled(TRIANGLES, BEST, certificate, claimed=21)


class TestAVerifiedRun:
    """Twice three who all suit each other, and one of them who learns from one across: fractions earn more than plans.
    And one whom only a one-way pair keeps from being alone: a plan without them would be worth more."""

    def report(self, *, claimed: int = 0) -> Report:
        snapshot = snapshot_of(
            *(somebody(name, offers=["sushi"], needs=["sushi"]) for name in "ab"),
            somebody("c", offers=["sushi", "stage"], needs=["sushi"]),
            somebody("d", offers=["chess"], needs=["chess", "stage"]),
            *(somebody(name, offers=["chess"], needs=["chess"]) for name in "ef"),
            somebody("g", offers=["python", "budgets"], needs=["python"], places=2),
            somebody("h", offers=["python"], needs=["python"]),
            somebody("i", offers=["tea"], needs=["budgets"]),
        )
        near, content = near_for(snapshot), msgspec.json.encode(snapshot)
        plan, proof = match(snapshot, near)
        assert proof is not None
        assert plan.exact
        kept = replace(proof, upper_bound=proof.upper_bound + claimed)
        return verify(
            content, near=near_bytes(near), proof=proof_bytes(kept), digest=hashlib.sha256(content).hexdigest()
        )

    def test_is_the_best_although_its_prices_do_not_say_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        report = self.report()
        assert (report.faults, report.by_word, report.gap) == ((), (), 0)
        monkeypatch.setattr(settle, "MOST_COUPLES", 0)
        told = self.report()
        assert told.faults == ()
        assert told.gap > 0
        assert [f"worth more than {report.upper_bound:.6f}" in sentence for sentence in told.by_word] == [True]

    def test_that_claims_less_than_can_be_had_is_found_out(self) -> None:
        assert any("is worth more than" in fault for fault in self.report(claimed=-1).faults)
