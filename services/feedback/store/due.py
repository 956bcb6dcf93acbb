"""What time itself has to move on."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from services.feedback.store.tables import feedback, pair, session

AT_ONCE = 200  # rows of one transaction; the next tick takes the rest


async def pairs_with_sessions_due(tx: Transaction) -> list[UUID]:
    """Pairs of which a session is due, locked; those that somebody else holds come next time."""
    overdue = sa.select(session.c.pair_id).where(session.c.due_at <= tx.now).order_by(session.c.due_at).limit(AT_ONCE)
    pairs = (
        sa.select(pair.c.pair_id)
        .where(pair.c.pair_id.in_(overdue.scalar_subquery()))
        .order_by(pair.c.pair_id)
        .with_for_update(skip_locked=True)
    )
    return list((await tx.connection.execute(pairs)).scalars())


async def sessions_due(tx: Transaction, pair_id: UUID) -> list[UUID]:
    """A pair's sessions that are due."""
    overdue = sa.select(session.c.session_id).where(session.c.pair_id == pair_id, session.c.due_at <= tx.now)
    return list((await tx.connection.execute(overdue.order_by(session.c.due_at))).scalars())


async def settle(tx: Transaction, session_ids: Sequence[UUID]) -> None:
    """What was due for these sessions has been done."""
    await tx.connection.execute(sa.update(session).where(session.c.session_id.in_(session_ids)).values(due_at=None))


async def feedback_due(tx: Transaction) -> list[UUID]:
    """Open feedback whose time is over, locked; what somebody else holds comes next time."""
    overdue = (
        sa.select(feedback.c.feedback_id)
        .where(feedback.c.due_at <= tx.now)
        .order_by(feedback.c.due_at, feedback.c.feedback_id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return list((await tx.connection.execute(overdue)).scalars())
