"""Recording planned groups: the run and its plan, and nothing of the cohort."""

from __future__ import annotations

from uuid import UUID

from chassis.service import Running
from contracts.matching import EnrolmentStatus
from services.matching import store
from services.matching.domain import groups, runs
from services.matching.domain.kept import Aggregate, Kept
from services.matching.engine.model import Groups
from services.matching.store import Claimed


async def record_groups(running: Running, claimed: Claimed, planned: Groups, *, seconds: float) -> bool:
    """The plan lies ready; False when the claim is void."""
    cohort_id = claimed.run.state.cohort_id
    async with running.begin() as tx:
        cohort = await store.load_cohort(tx, cohort_id, lock=True)
        run = await store.lock_claimed(tx, claimed)
        if run is None or cohort is None or run.state.plan_id is None:
            return False
        plan = await store.load_group_plan(tx, run.state.plan_id, lock=True)
        if plan is None:
            return False
        people = {UUID(member.person) for group in planned.groups for member in group.members}
        admitted = await store.enrolments_of_cohort(tx, cohort_id, statuses={EnrolmentStatus.ADMITTED})
        told = groups.complete(
            plan,
            planned=planned,
            organizations={kept.state.person_id: kept.state.organization_id for kept in admitted},
            apart=await store.block_exists(tx, people),
            now=tx.now,
        )
        result = groups.result_of(planned, plan=told.state)
        changes: list[Kept[Aggregate]] = [runs.complete(run, result=result, seconds=seconds, now=tx.now), told]
        await running.record(tx, await store.save(tx, changes))
    return True
