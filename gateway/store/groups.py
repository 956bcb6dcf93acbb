"""Reading plans of groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.base import decode
from contracts.matching import GroupPlan
from gateway.store.tables import among, enrolments, group_plans

_PLAN = sa.select(group_plans.c.state, group_plans.c.changed_at)


async def group_plans_by(
    tx: Transaction, *, ids: Sequence[UUID] | None = None, cohort_ids: Sequence[UUID] | None = None
) -> list[tuple[GroupPlan, datetime]]:
    """Plans with when they last changed, the latest first."""
    statement = _PLAN.order_by(group_plans.c.changed_at.desc(), group_plans.c.id)
    if ids is not None:
        statement = statement.where(among(group_plans.c.id, ids))
    if cohort_ids is not None:
        statement = statement.where(among(group_plans.c.cohort_id, cohort_ids))
    return [(decode(GroupPlan, row.state), row.changed_at) for row in await tx.connection.execute(statement)]


async def group_plans_of_person(tx: Transaction, person_id: UUID) -> list[tuple[GroupPlan, datetime]]:
    """All plans of the cohorts in which a person has, or had, a place; the latest first."""
    theirs = sa.select(enrolments.c.cohort_id).where(enrolments.c.person_id == person_id)
    statement = _PLAN.where(group_plans.c.cohort_id.in_(theirs)).order_by(
        group_plans.c.changed_at.desc(), group_plans.c.id
    )
    return [(decode(GroupPlan, row.state), row.changed_at) for row in await tx.connection.execute(statement)]
