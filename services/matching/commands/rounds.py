"""Planning speed rounds, and planning them anew when somebody did not come."""

from __future__ import annotations

from uuid import UUID

from chassis.database import Transaction
from contracts.base import Event
from contracts.matching import EnrolmentStatus, PlanRounds, ReplanRounds, RunStatus
from services.matching import store
from services.matching.domain import groups, rounds
from services.matching.domain.authority import partner_of
from services.matching.domain.kept import Aggregate, Kept


async def plan_rounds(command: PlanRounds, tx: Transaction) -> list[Event]:
    """By an admin of a partner: queue a plan of the admitted people; a worker takes it."""
    cohort = await store.load_cohort(tx, command.cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    assert cohort is not None
    admitted = await store.enrolments_of_cohort(tx, command.cohort_id, statuses={EnrolmentStatus.ADMITTED})
    plan, run = rounds.ask(
        cohort.state,
        plan_id=command.plan_id,
        rounds=command.rounds,
        seed=command.seed,
        admitted=len(admitted),
        now=tx.now,
        by=command.actor.person_id,
    )
    queued = await store.add_run(tx, run, seed=command.seed, came_from=cohort.state.status)
    return [*queued, *await store.save(tx, [plan])]


async def replan_rounds(command: ReplanRounds, tx: Transaction) -> list[Event]:
    """By an admin of a partner: the earlier rounds stay, the others are planned for those who are there."""
    found = await store.load_round_plan(tx, command.plan_id)
    if found is None:
        raise rounds.no_plan()
    cohort = await store.load_cohort(tx, found.state.cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    assert cohort is not None
    kept = await store.load_round_plan(tx, command.plan_id, lock=True)
    assert kept is not None
    admitted = await store.enrolments_of_cohort(tx, found.state.cohort_id, statuses={EnrolmentStatus.ADMITTED})
    plan, run = rounds.ask_again(
        kept,
        cohort=cohort.state,
        from_round=command.from_round,
        absent=command.absent,
        admitted=len(admitted),
        now=tx.now,
        by=command.actor.person_id,
    )
    queued = await store.add_run(tx, run, seed=kept.state.seed, came_from=cohort.state.status)
    return [*queued, *await store.save(tx, [plan])]


async def stopped_plan(
    tx: Transaction, plan_id: UUID | None, *, to: RunStatus, error: str = "", by: UUID | None = None
) -> list[Kept[Aggregate]]:
    """The plan of rounds or of groups whose run failed or was cancelled; nothing for any other run."""
    if plan_id is None:
        return []
    plan = await store.load_round_plan(tx, plan_id, lock=True)
    if plan is not None:
        return [rounds.stop(plan, to=to, error=error, now=tx.now, by=by)]
    grouped = await store.load_group_plan(tx, plan_id, lock=True)
    return [] if grouped is None else [groups.stop(grouped, to=to, error=error, now=tx.now, by=by)]
