"""Cohorts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.matching import Cohort
from services.matching.domain.kept import Kept
from services.matching.store import tables
from services.matching.store.rows import all_from, locked, one_from

_cohort = tables.cohort


async def load_cohort(tx: Transaction, cohort_id: UUID, *, lock: bool = False) -> Kept[Cohort] | None:
    """The cohort, if this actor's organization takes part in it."""
    statement = locked(sa.select(_cohort).where(_cohort.c.cohort_id == cohort_id), lock)
    return one_from((await tx.connection.execute(statement)).one_or_none(), Cohort)


async def due_cohorts(tx: Transaction, *, now: datetime, most: int = 100) -> list[Kept[Cohort]]:
    """Cohorts that time moves now, locked; those that somebody else has locked come next time."""
    statement = (
        sa.select(_cohort).where(_cohort.c.next_move_at <= now).order_by(_cohort.c.next_move_at, _cohort.c.cohort_id)
    )
    return all_from(await tx.connection.execute(locked(statement.limit(most), True, skip=True)), Cohort)


async def partner_organizations_of(tx: Transaction, cohort_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Each cohort's partners."""
    rows = await tx.connection.execute(
        sa.select(_cohort.c.cohort_id, _cohort.c.partner_ids).where(_cohort.c.cohort_id.in_(cohort_ids))
    )
    return {row.cohort_id: tuple(row.partner_ids) for row in rows}
