"""Pairs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.matching import Pair, PairStatus
from services.matching.domain.kept import Kept
from services.matching.domain.pairs import ANSWERABLE
from services.matching.store import tables
from services.matching.store.rows import all_from, locked, one_from

_pair = tables.pair


async def load_pair(tx: Transaction, pair_id: UUID, *, lock: bool = False) -> Kept[Pair] | None:
    """The pair, if this actor's organization takes part in its cohort."""
    statement = sa.select(_pair).where(_pair.c.pair_id == pair_id)
    return one_from((await tx.connection.execute(locked(statement, lock))).one_or_none(), Pair)


async def pairs_of_people(
    tx: Transaction,
    people: Collection[UUID],
    *,
    cohort_id: UUID | None = None,
    statuses: Collection[PairStatus] | None = None,
    lock: bool = True,
) -> list[Kept[Pair]]:
    """Pairs with at least one of these people, by id. Lock the people's seats first."""
    statement = sa.select(_pair).where(sa.or_(_pair.c.first_id.in_(people), _pair.c.second_id.in_(people)))
    if cohort_id is not None:
        statement = statement.where(_pair.c.cohort_id == cohort_id)
    return await _pairs(tx, statement, statuses=statuses, lock=lock)


async def pairs_of_cohort(
    tx: Transaction, cohort_id: UUID, *, statuses: Collection[PairStatus] | None = None, lock: bool = False
) -> list[Kept[Pair]]:
    """All pairs of a cohort, by id."""
    return await _pairs(tx, sa.select(_pair).where(_pair.c.cohort_id == cohort_id), statuses=statuses, lock=lock)


async def pairs_of_run(
    tx: Transaction, run_id: UUID, *, statuses: Collection[PairStatus], lock: bool = False
) -> list[Kept[Pair]]:
    """A run's pairs, by id."""
    return await _pairs(tx, sa.select(_pair).where(_pair.c.run_id == run_id), statuses=statuses, lock=lock)


async def due_proposals(tx: Transaction, *, now: datetime, most: int = 500) -> list[Kept[Pair]]:
    """Unanswered proposals whose time is over, locked; those that are being answered come next time."""
    statement = (
        sa.select(_pair)
        .where(_pair.c.expires_at <= now, _pair.c.status.in_([status.value for status in ANSWERABLE]))
        .order_by(_pair.c.pair_id)
        .limit(most)
    )
    return all_from(await tx.connection.execute(locked(statement, True, skip=True)), Pair)


async def _pairs(
    tx: Transaction, statement: sa.Select[Any], *, statuses: Collection[PairStatus] | None, lock: bool
) -> list[Kept[Pair]]:
    if statuses is not None:
        statement = statement.where(_pair.c.status.in_([status.value for status in statuses]))
    return all_from(await tx.connection.execute(locked(statement.order_by(_pair.c.pair_id), lock)), Pair)
