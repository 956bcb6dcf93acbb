"""Private reads of matching: what proves a run."""

from __future__ import annotations

from chassis.database import Transaction
from contracts.base import Role
from contracts.matching import ReadRunProof, RunProof
from services.matching import store
from services.matching.domain.runs import NoProof, ProofNotForYou


async def read_run_proof(query: ReadRunProof, tx: Transaction) -> RunProof:
    """Everything that a verifier needs to check a completed run without this service."""
    if not query.actor.is_a(Role.OPERATOR):
        raise ProofNotForYou(
            "A run's proof holds people's words.", remedy="Ask an operator of the platform to verify the run."
        )
    found = await store.load_run(tx, query.run_id)
    frozen = await store.load_snapshot(tx, query.run_id)
    if found is None or frozen is None or frozen.near is None or frozen.proof is None:
        raise NoProof(
            f"No proof is kept for the run {query.run_id}.",
            remedy="Name a completed run; once somebody in it was erased, its snapshot and proof are gone.",
        )
    return RunProof(run=found[0].state, snapshot=frozen.content, near=frozen.near, proof=frozen.proof)
