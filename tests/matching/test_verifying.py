"""A run's proof, read by an operator and checked without the solver."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from chassis.service import ask
from contracts.base import Actor, Role
from contracts.errors import NotAllowed, NotFound
from contracts.matching import ReadRunProof, RunProof
from contracts.profiles import ProfileErased
from services.matching.app import app
from services.matching.engine.frozen import NotFrozen, Proof, near_from, proof_bytes, proof_from
from services.matching.engine.solving.pairs import Edges
from services.matching.engine.verifying import Report, verify
from tests.matching.test_worker import four, matched
from tests.matching.world import START, World

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = Actor(roles=(Role.OPERATOR,), subject="root")


async def proof_of(world: World, run_id: UUID, *, by: Actor = OPERATOR) -> RunProof:
    found = await ask(app.spec, world.database, ReadRunProof(run_id=run_id), actor=by)
    assert isinstance(found, RunProof)
    return found


def verified(found: RunProof, *, proof: Proof | None = None) -> Report:
    content = found.proof if proof is None else proof_bytes(proof)
    return verify(found.snapshot, near=found.near, proof=content, digest=found.run.snapshot_digest)


class TestProof:
    async def test_holds_and_says_what_the_run_says(self, world: World) -> None:
        people = await four(world)
        run_id, _ = await matched(world)
        found = await proof_of(world, run_id)
        report = verified(found)
        assert report.faults == ()
        assert (report.people, report.pairs, report.unmatched) == (len(people), found.run.pairs, 0)
        assert report.value == pytest.approx(found.run.value)
        assert report.upper_bound == pytest.approx(found.run.upper_bound)
        assert (report.unmatched_bound, found.run.unmatched_bound) == (0, 0)
        assert found.run.exact
        assert report.gap == 0

    async def test_that_was_tampered_with_is_found_out(self, world: World) -> None:
        await four(world)
        run_id, _ = await matched(world)
        found = await proof_of(world, run_id)
        honest = proof_from(found.proof)
        cheaper = replace(honest, certificate=replace(honest.certificate, y=honest.certificate.y // 2))
        assert any("exceed the prices" in fault for fault in verified(found, proof=cheaper).faults)
        fewer = Edges(honest.couples.u[1:], honest.couples.v[1:], honest.couples.w[1:])
        assert any("claims" in fault for fault in verified(found, proof=replace(honest, couples=fewer)).faults)
        dearer = Edges(honest.couples.u, honest.couples.v, honest.couples.w + 1)
        assert any("is worth" in fault for fault in verified(found, proof=replace(honest, couples=dearer)).faults)
        forged = replace(honest, forced=Edges(dearer.u, dearer.v, dearer.w), couples=dearer)
        assert any("neither by a rule" in fault for fault in verified(found, proof=forged).faults)
        other = replace(found, snapshot=found.snapshot.replace(b"Rolling", b"Rowling"))
        with pytest.raises(Exception, match="Rowling"):
            verified(other)

    async def test_is_for_operators(self, world: World) -> None:
        await four(world)
        run_id, _ = await matched(world)
        with pytest.raises(NotAllowed, match="words"):
            await proof_of(world, run_id, by=world.admin())

    async def test_of_no_run_and_of_erased_people_is_not_there(self, world: World) -> None:
        people = await four(world)
        with pytest.raises(NotFound):
            await proof_of(world, uuid4())
        run_id, _ = await matched(world)
        await world.hear(ProfileErased(key=people[0], version=9, occurred_at=START, person_id=people[0]))
        with pytest.raises(NotFound):
            await proof_of(world, run_id)

    def test_that_is_none_is_refused(self) -> None:
        for read in (proof_from, near_from):
            with pytest.raises(NotFrozen):
                read(b"nothing of the kind")


def test_needs_no_solver() -> None:
    """The image that operators verify with has none."""
    program = (
        "import sys\n"
        "class NotHere:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'scipy', 'ortools', 'numba', 'onnxruntime', 'tokenizers', 'wordllama'}:\n"
        "            raise ImportError(name + ' is not in this image')\n"
        "sys.meta_path.insert(0, NotHere())\n"
        "import services.matching.engine.verifying\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
