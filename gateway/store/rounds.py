"""Reading plans of speed rounds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.base import decode
from contracts.matching import RoundPlan
from gateway.store.tables import among, round_plans

_PLAN = sa.select(round_plans.c.state, round_plans.c.changed_at)


async def round_plans_by(
    tx: Transaction, *, ids: Sequence[UUID] | None = None, cohort_ids: Sequence[UUID] | None = None
) -> list[tuple[RoundPlan, datetime]]:
    """Plans with when they last changed, the latest first."""
    statement = _PLAN.order_by(round_plans.c.changed_at.desc(), round_plans.c.id)
    if ids is not None:
        statement = statement.where(among(round_plans.c.id, ids))
    if cohort_ids is not None:
        statement = statement.where(among(round_plans.c.cohort_id, cohort_ids))
    return [(decode(RoundPlan, row.state), row.changed_at) for row in await tx.connection.execute(statement)]
