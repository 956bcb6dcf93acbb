"""Plans of groups."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.matching import GroupPlan
from services.matching.domain.kept import Kept
from services.matching.store import tables
from services.matching.store.rows import all_from, locked, one_from

_plan = tables.group_plan


async def load_group_plan(tx: Transaction, plan_id: UUID, *, lock: bool = False) -> Kept[GroupPlan] | None:
    """The plan, if this actor's organization takes part in its cohort."""
    statement = locked(sa.select(_plan).where(_plan.c.plan_id == plan_id), lock)
    return one_from((await tx.connection.execute(statement)).one_or_none(), GroupPlan)


async def group_plans_of(tx: Transaction, cohort_id: UUID, *, person_id: UUID) -> list[Kept[GroupPlan]]:
    """A cohort's plans that name this person, locked."""
    statement = (
        sa.select(_plan)
        .where(_plan.c.cohort_id == cohort_id, sa.cast(_plan.c.state, sa.Text).contains(str(person_id)))
        .order_by(_plan.c.plan_id)
    )
    return all_from(await tx.connection.execute(locked(statement, True)), GroupPlan)


async def cohorts_with_groups_of(tx: Transaction, person_id: UUID) -> set[UUID]:
    """Cohorts of which a plan names this person."""
    statement = sa.select(_plan.c.cohort_id).where(sa.cast(_plan.c.state, sa.Text).contains(str(person_id)))
    return set((await tx.connection.execute(statement)).scalars())
