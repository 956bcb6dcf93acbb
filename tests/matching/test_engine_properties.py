"""Whole runs on generated cohorts: the verifier agrees, bounds hold, and what ought to help never harms."""

import hashlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.matching.engine.frozen import Proof, near_bytes, proof_bytes
from services.matching.engine.match import match
from services.matching.engine.model import Facet, Snapshot
from services.matching.engine.scoring.dense import matrices
from services.matching.engine.scoring.value import PLATEAU, differences
from services.matching.engine.verifying import verify
from tests.matching import solving_ground
from tests.matching.dice import Dice, thrown
from tests.matching.engine_people import crowd, near_for, problem_for, snapshot_of
from tests.matching.properties import AT_LEAST, TIMES, all_declared, cases
from tests.matching.test_engine_plan import snapshots


def proof_of(snapshot: Snapshot) -> Proof:
    _, proof = match(snapshot, near_for(snapshot))
    assert proof is not None
    return proof


def rank(proof: Proof) -> tuple[int, int]:
    """Better is larger: fewer alone, then more value."""
    return -proof.unmatched, proof.value


@cases(200)
@given(snapshots())
def test_verifier_agrees_with_every_run_and_its_bound_is_no_less_than_the_value(snapshot: Snapshot) -> None:
    near, content = near_for(snapshot), msgspec.json.encode(snapshot)
    plan, proof = match(snapshot, near)
    assert proof is not None
    report = verify(
        content, near=near_bytes(near), proof=proof_bytes(proof), digest=hashlib.sha256(content).hexdigest()
    )
    assert report.faults == ()
    assert (report.unmatched, report.unmatched_bound) == (len(plan.left_out), plan.unmatched_bound)
    assert abs(report.value - plan.value) < 1e-6
    assert plan.upper_bound is not None
    assert plan.value <= plan.upper_bound + 1e-9
    assert report.by_word == ()
    assert report.upper_bound == pytest.approx(plan.upper_bound, abs=1e-9)


@cases(200)
@given(snapshots())
def test_run_leaves_the_fewest_alone_and_then_has_the_most_value_of_all_plans(snapshot: Snapshot) -> None:
    problem, _ = problem_for(snapshot)
    everybody = np.ones(problem.size, dtype=np.bool_)
    values = matrices(problem).planned
    best = solving_ground.optimum(
        solving_ground.Problem(values, problem.places, everybody, solving_ground.edges({})),
    )
    proof = proof_of(snapshot)
    assert (proof.unmatched, proof.value) == best
    assert proof.unmatched_bound == proof.unmatched


def relaxed(snapshot: Snapshot, which: int) -> Snapshot:
    """One rule, one no, or one limit fewer."""
    rules, first = snapshot.rules, snapshot.people[0]
    ways = [
        *(replace(snapshot, rules=rules[:at] + rules[at + 1 :]) for at in range(len(rules))),
        *(replace(snapshot, blocked=snapshot.blocked[1:]) for _ in snapshot.blocked[:1]),
        *(replace(snapshot, apart=snapshot.apart[1:]) for _ in snapshot.apart[:1]),
        replace(snapshot, met=()),
        replace(snapshot, people=(replace(first, places=first.places + 1), *snapshot.people[1:])),
    ]
    return ways[which % len(ways)]


@cases(120)
@given(snapshots(), st.integers(0, 6))
def test_relaxing_a_rule_never_makes_the_best_plan_worse(snapshot: Snapshot, which: int) -> None:
    assert rank(proof_of(relaxed(snapshot, which))) >= rank(proof_of(snapshot))


WEIGHTS = (0.0, 0.01, 0.05, 0.12, 0.3, 0.31, 1.0)


def diverse(dice: Dice) -> Snapshot:
    people = tuple(
        replace(
            person,
            facets=tuple(
                Facet(name=name, value=dice.one("12"))
                for name in ("industry", "function", "education", "region")
                if dice.yes()
            ),
        )
        for person in crowd(dice)
    )
    return snapshot_of(*people)


def differing(snapshot: Snapshot) -> int:
    """How many differences count, over all pairs of the best plan."""
    couples = proof_of(snapshot).couples
    problem, _ = problem_for(snapshot)
    return int(np.minimum(differences(problem, couples.u, couples.v), PLATEAU).sum())


@cases(120)
@given(thrown(210, diverse), st.integers(0, len(WEIGHTS) - 2), st.integers(1, len(WEIGHTS) - 1))
def test_raising_the_weight_of_difference_never_lowers_the_difference_of_a_run(
    snapshot: Snapshot, low: int, more: int
) -> None:
    high = min(low + more, len(WEIGHTS) - 1)
    before, after = (differing(replace(snapshot, difference=WEIGHTS[at])) for at in (low, high))
    assert after >= before


def test_at_least_ten_thousand_cases_are_declared_and_each_property_counts_what_it_runs() -> None:
    assert all_declared() >= AT_LEAST * TIMES
