"""Planning groups around a topic, and publishing them."""

from __future__ import annotations

from chassis.database import Transaction
from contracts.base import Event
from contracts.matching import EnrolmentStatus, PlanGroups, PublishGroups
from services.matching import store
from services.matching.domain import groups
from services.matching.domain.authority import partner_of
from services.matching.engine.model import Grouping


async def plan_groups(command: PlanGroups, tx: Transaction) -> list[Event]:
    """By an admin of a partner: queue a plan of the admitted people; a worker takes it."""
    cohort = await store.load_cohort(tx, command.cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    assert cohort is not None
    admitted = await store.enrolments_of_cohort(tx, command.cohort_id, statuses={EnrolmentStatus.ADMITTED})
    plan, run = groups.ask(
        cohort.state,
        plan_id=command.plan_id,
        grouping=Grouping(least=command.least, most=command.most, minutes=command.minutes, level=command.level),
        seed=command.seed,
        admitted=len(admitted),
        now=tx.now,
        by=command.actor.person_id,
    )
    queued = await store.add_run(tx, run, seed=command.seed, came_from=cohort.state.status)
    return [*queued, *await store.save(tx, [plan])]


async def publish_groups(command: PublishGroups, tx: Transaction) -> list[Event]:
    """By an admin of a partner: people see their group from now on."""
    found = await store.load_group_plan(tx, command.plan_id)
    if found is None:
        raise groups.no_groups()
    cohort = await store.load_cohort(tx, found.state.cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    kept = await store.load_group_plan(tx, command.plan_id, lock=True)
    assert kept is not None
    return await store.save(tx, [groups.publish(kept, now=tx.now, by=command.actor.person_id)])
