"""Recording planned speed rounds: the run and its plan, and nothing of the cohort."""

from __future__ import annotations

from chassis.service import Running
from contracts.matching import EnrolmentStatus
from services.matching import store
from services.matching.domain import rounds, runs
from services.matching.domain.kept import Aggregate, Kept
from services.matching.engine.model import Rounds
from services.matching.store import Claimed


async def record_rounds(running: Running, claimed: Claimed, planned: Rounds, *, seconds: float) -> bool:
    """The plan lies ready; False when the claim is void."""
    cohort_id = claimed.run.state.cohort_id
    async with running.begin() as tx:
        cohort = await store.load_cohort(tx, cohort_id, lock=True)
        run = await store.lock_claimed(tx, claimed)
        if run is None or cohort is None or run.state.plan_id is None:
            return False
        plan = await store.load_round_plan(tx, run.state.plan_id, lock=True)
        if plan is None:
            return False
        # Whoever paused or left since the snapshot meets nobody.
        admitted = await store.enrolments_of_cohort(tx, cohort_id, statuses={EnrolmentStatus.ADMITTED})
        people = {kept.state.person_id for kept in admitted} - set(plan.state.absent)
        told = rounds.complete(
            plan,
            planned=planned,
            people=people,
            apart=await store.block_exists(tx, people) | await store.vetoed_couples(tx, cohort_id),
            now=tx.now,
        )
        result = rounds.result_of(planned, plan=told.state, people=len(people))
        changes: list[Kept[Aggregate]] = [runs.complete(run, result=result, seconds=seconds, now=tx.now), told]
        await running.record(tx, await store.save(tx, changes))
    return True
