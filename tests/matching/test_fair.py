"""Floors, fairness figures and who was passed over, from a snapshot to a proof that somebody else checks."""

import hashlib
from dataclasses import replace
from itertools import combinations

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.matching.engine.accounts import gini
from services.matching.engine.frozen import near_bytes, proof_bytes, proof_from
from services.matching.engine.match import match
from services.matching.engine.model import Person, Plan, Snapshot, SoFar
from services.matching.engine.scoring.ground import SnapshotRefused
from services.matching.engine.scoring.reasons import shown
from services.matching.engine.solving.pairs import NEVER
from services.matching.engine.stated import state
from services.matching.engine.verifying import Report, verify
from tests.matching.engine_people import crowds, near_for, snapshot_of, somebody
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, optimum

shares = st.sampled_from((0.0, 0.5, 1.0))


def planned(snapshot: Snapshot) -> tuple[Plan, Report]:
    """The plan, and what the verifier says of what a run would keep."""
    near = near_for(snapshot)
    plan, proof = match(snapshot, near)
    assert proof is not None
    content = msgspec.json.encode(snapshot)
    kept = proof_bytes(proof)
    assert proof_bytes(proof_from(kept)) == kept
    report = verify(content, near=near_bytes(near), proof=kept, digest=hashlib.sha256(content).hexdigest())
    return plan, report


def everything(snapshot: Snapshot) -> Problem:
    known = state(snapshot, near_for(snapshot), seed=0)
    size = known.problem.size
    value = np.full((size, size), NEVER, np.int64)
    for u, v in combinations(range(size), 2):
        value[u, v] = value[v, u] = int(known.pairs.value(np.array([u], np.int32), np.array([v], np.int32))[0])
    return Problem(value, known.problem.places, np.ones(size, dtype=np.bool_), edges({}))


def team(number: int, *, offers: str, needs: str, organization: str) -> Person:
    return somebody(f"p{number}", offers=[offers], needs=[needs], organization=organization)


@cases(40)
@given(crowds(most=6), shares, shares)
def test_a_plan_under_floors_is_accepted_by_the_verifier(
    people: tuple[Person, ...], worst_off: float, organizations: float
) -> None:
    snapshot = snapshot_of(*people, worst_off_floor=worst_off, organization_floor=organizations)
    if not people:
        return
    plan, report = planned(snapshot)
    assert report.faults == ()
    assert report.upper_bound >= report.value - 1e-9
    assert plan.upper_bound is not None
    assert plan.upper_bound >= plan.value - 1e-6
    free, _ = planned(replace(snapshot, worst_off_floor=0.0, organization_floor=0.0))
    assert len(plan.left_out) == len(free.left_out) == plan.unmatched_bound
    assert (plan.worst_off_floor is None, plan.organization_floor is None) == (not worst_off, not organizations)
    if plan.worst_off_floor is not None and plan.worst_off_floor.reached is not None:
        assert report.floor == plan.worst_off_floor.reached
        assert report.floor_bound == plan.worst_off_floor.highest


@cases(40)
@given(crowds(most=6))
def test_the_floor_is_the_best_that_the_worst_pair_can_have(people: tuple[Person, ...]) -> None:
    snapshot = snapshot_of(*people, worst_off_floor=1.0)
    if not people:
        return
    plan, _ = planned(snapshot)
    problem = everything(snapshot)
    alone, _ = optimum(problem)
    assert len(plan.left_out) == alone
    assert plan.worst_off_floor is not None
    if plan.worst_off_floor.reached is None:
        assert not plan.pairs
        return
    floors = sorted({int(problem.value[couple]) for couple in problem.couples()})
    highest = max(
        floor
        for floor in floors
        if optimum(replace(problem, value=np.where(problem.value >= floor, problem.value, NEVER)))[0] == alone
    )
    assert plan.worst_off_floor.reached == shown(np.array([highest]))[0] / 1e6
    assert (
        plan.worst_off_floor.price == pytest.approx(plan.free_value - plan.value, abs=2e-6)
        or plan.worst_off_floor.price == 0
    )


def test_a_floor_costs_value_and_says_how_much() -> None:
    # sushi for python is everybody's; levels make one pair poor in the best plan.
    people = [
        somebody("a", offers=["sushi"], needs=["python"], level=5),
        somebody("b", offers=["python"], needs=["sushi"], level=5),
        somebody("c", offers=["sushi"], needs=["python"], level=1),
        somebody("d", offers=["python"], needs=["sushi"], level=1),
    ]
    free, _ = planned(snapshot_of(*people))
    plan, report = planned(snapshot_of(*people, worst_off_floor=1.0))
    floor = plan.worst_off_floor
    assert floor is not None
    assert floor.reached == floor.highest == report.floor == min(pair.value for pair in plan.pairs)
    assert floor.price == pytest.approx(free.value - plan.value)
    assert report.faults == ()


def test_a_part_of_the_floor_lies_between() -> None:
    found = []
    for share in (0.0, 0.5, 1.0):
        people = [somebody(f"p{k}", offers=[f"t{k % 2}"], needs=[f"t{1 - k % 2}"], level=1 + k % 5) for k in range(8)]
        plan, _ = planned(snapshot_of(*people, worst_off_floor=share))
        found.append(plan.fairness.worst if plan.fairness else 0.0)
    assert found == sorted(found)


def test_every_organization_gets_its_share() -> None:
    people = [
        team(0, offers="sushi", needs="python", organization="red"),
        team(1, offers="python", needs="sushi", organization="red"),
        somebody("p2", offers=["sushi"], needs=["python"], organization="blue", level=1, priority=1),
        somebody("p3", offers=["python"], needs=["sushi"], organization="blue", level=1, priority=1),
    ]
    free, _ = planned(snapshot_of(*people, difference=0.0))
    plan, report = planned(snapshot_of(*people, difference=0.0, organization_floor=0.9))
    before, after = (
        {each.organization: each.share_of_best or 0.0 for each in found.outcomes} for found in (free, plan)
    )
    assert plan.organization_floor is not None
    assert min(after.values()) == pytest.approx(plan.organization_floor.reached or 0, abs=0.0011)
    assert min(after.values()) >= min(before.values())
    assert report.faults == ()
    assert (report.share, plan.organization_floor.asked) == (plan.organization_floor.reached, 0.9)


def test_a_floor_that_was_tampered_with_is_refused() -> None:
    people = [somebody(f"p{k}", offers=[f"t{k % 2}"], needs=[f"t{1 - k % 2}"], level=1 + k % 5) for k in range(8)]
    snapshot = snapshot_of(*people, worst_off_floor=1.0)
    near = near_for(snapshot)
    _, proof = match(snapshot, near)
    assert proof is not None
    assert proof.floor is not None
    content = msgspec.json.encode(snapshot)
    digest = hashlib.sha256(content).hexdigest()
    for floor in (
        replace(proof.floor, bound=proof.floor.bound - 50_000),
        replace(proof.floor, floor=int(proof.couples.w.max()) + 1),
        replace(proof.floor, group=np.full_like(proof.floor.group, -1), inner=np.zeros_like(proof.floor.inner)),
    ):
        wrong = proof_bytes(replace(proof, floor=floor))
        assert verify(content, near=near_bytes(near), proof=wrong, digest=digest).faults


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    alone = snapshot_of(somebody("a"))
    for wrong in (replace(alone, worst_off_floor=share), replace(alone, organization_floor=share)):
        with pytest.raises(SnapshotRefused, match="floor"):
            planned(wrong)


def test_fairness_counts_everybody_with_their_best_pair() -> None:
    assert gini([5, 5, 5]) == 0
    assert gini([0, 0, 0, 8]) == 0.75
    assert gini([1, 3]) == 0.25
    assert (gini([]), gini([-4, 0])) == (0.0, 0.0)
    people = [somebody(f"p{k}", offers=[f"t{k % 2}"], needs=[f"t{1 - k % 2}"], level=1 + k % 5) for k in range(7)]
    plan, _ = planned(snapshot_of(*people))
    fairness = plan.fairness
    assert fairness is not None
    values = sorted(pair.value for pair in plan.pairs)
    assert fairness.worst == pytest.approx(values[0])
    assert fairness.best == pytest.approx(values[-1])
    assert fairness.gap == pytest.approx(values[-1] - values[0])
    everybody = [round(value * 1e6) for value in values for _ in "ab"] + [0] * len(plan.left_out)
    assert fairness.gini == gini(everybody) > 0
    assert len(everybody) == 7
    assert fairness.blocking is not None


def test_whoever_was_passed_over_would_be_worth_more_and_is_wanted_elsewhere() -> None:
    people = [somebody(f"p{k}", offers=[f"t{k % 2}"], needs=[f"t{1 - k % 2}"], level=1 + k % 5) for k in range(9)]
    plan, _ = planned(snapshot_of(*people))
    values = {person: pair.value for pair in plan.pairs for person in (pair.first, pair.second)}
    partners = {pair.first: pair.second for pair in plan.pairs} | {pair.second: pair.first for pair in plan.pairs}
    assert plan.passed_over
    assert list(plan.passed_over) == sorted(plan.passed_over, key=lambda each: (each.person, -each.value, each.partner))
    for each in plan.passed_over:
        assert each.own == pytest.approx(values.get(each.person, 0.0))
        assert each.value > each.own
        assert partners.get(each.person) != each.partner
    alone = {left.person for left in plan.left_out}
    assert alone & {each.person for each in plan.passed_over}


def test_what_is_told_on_the_way_only_gets_closer() -> None:
    people = [
        somebody(f"p{k}", offers=[f"t{k % 3}"], needs=[f"t{(k + 1) % 3}", f"t{(k + 2) % 3}"], level=1 + k % 5)
        for k in range(31)
    ]
    snapshot = snapshot_of(*people)
    told: list[SoFar] = []
    plan, _ = match(snapshot, near_for(snapshot), on_so_far=told.append)
    assert len(told) > 1
    assert told[-1].unmatched == len(plan.left_out)
    for each in told:
        assert each.upper_bound >= each.value - 1e-9
        assert each.unmatched >= each.unmatched_bound
    assert [-each.unmatched for each in told] == sorted(-each.unmatched for each in told)
    silent, _ = match(snapshot, near_for(snapshot))
    assert silent == plan


def test_out_of_time_the_best_plan_so_far_has_a_bound_that_holds() -> None:
    people = [
        somebody(f"p{k}", offers=[f"t{k % 3}"], needs=[f"t{(k + 1) % 3}", f"t{(k + 2) % 3}"], level=1 + k % 5)
        for k in range(31)
    ]
    snapshot = snapshot_of(*people, worst_off_floor=1.0, organization_floor=0.5)
    plan, proof = match(snapshot, near_for(snapshot), deadline=lambda: 0.0)
    best, _ = match(replace(snapshot, worst_off_floor=0.0, organization_floor=0.0), near_for(snapshot))
    assert (plan.ended, plan.exact) == ("time", False)
    assert plan.upper_bound is not None
    assert plan.upper_bound >= best.value - 1e-9
    assert proof is not None
    content = msgspec.json.encode(snapshot)
    digest = hashlib.sha256(content).hexdigest()
    kept = proof_bytes(proof)
    assert verify(content, near=near_bytes(near_for(snapshot)), proof=kept, digest=digest).faults == ()
