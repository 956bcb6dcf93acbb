"""Private reads of matching: what proves a run, and how two compare."""

from __future__ import annotations

from uuid import UUID

import msgspec

from chassis.database import Transaction
from contracts.base import Role
from contracts.matching import CompareRuns, MatchRun, ReadRunProof, RunComparison, RunProof
from services.matching import store
from services.matching.domain import simulations
from services.matching.domain.authority import no_run, partner_of
from services.matching.domain.runs import NoProof, ProofNotForYou
from services.matching.domain.simulations import NothingKept
from services.matching.engine.model import Plan


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


async def compare_runs(query: CompareRuns, tx: Transaction) -> RunComparison:
    """Two completed runs of a cohort: figures of all, and the moves of the asking admin's own people."""
    run, other = await _run(query.run_id, tx), await _run(query.other_run_id, tx)
    of = None
    for each in (run, other):
        cohort = await store.load_cohort(tx, each.cohort_id)
        if not query.actor.is_a(Role.OPERATOR):
            of = partner_of(cohort.state if cohort else None, actor=query.actor)
    simulations.check_comparable(run, other)
    enrolled = await store.enrolments_of_cohort(tx, run.cohort_id)
    return simulations.compare(
        run,
        other,
        plan=await _plan(run, tx),
        other_plan=await _plan(other, tx),
        organizations={kept.state.person_id: kept.state.organization_id for kept in enrolled},
        of=of,
    )


async def _run(run_id: UUID, tx: Transaction) -> MatchRun:
    found = await store.load_run(tx, run_id)
    if found is None:
        raise no_run()
    return found[0].state


async def _plan(run: MatchRun, tx: Transaction) -> Plan:
    async with store.seeing_all(tx):
        content = await store.load_plan(tx, run.run_id)
    if content is None:
        raise NothingKept(
            f"The plan of the run {run.run_id} is not kept: somebody in it was erased since, or it is older than comparisons.",
            remedy="Compare with a later run.",
        )
    return msgspec.msgpack.decode(content, type=Plan)
