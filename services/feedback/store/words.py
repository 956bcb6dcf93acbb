"""What people wrote to each other. These rows are walled off by author and addressee in the database itself."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.feedback import FeedbackStatus
from services.feedback.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWords:
    """One side's words about a session."""

    author_id: UUID
    taught: str
    learned: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackWords:
    """A rating (1 to 5) and words."""

    author_id: UUID
    usefulness: int
    praise: str
    critique: str


async def save_session_words(
    tx: Transaction, *, session_id: UUID, author_id: UUID, addressee_id: UUID, taught: str, learned: str
) -> None:
    """Keep one side's words."""
    await tx.connection.execute(
        sa.insert(tables.session_words).values(
            session_id=session_id, author_id=author_id, addressee_id=addressee_id, taught=taught, learned=learned
        )
    )


async def session_words(tx: Transaction, session_id: UUID) -> list[SessionWords]:
    """What was written about a session, as far as this actor may read it."""
    words = tables.session_words
    rows = await tx.connection.execute(
        sa.select(words.c.author_id, words.c.taught, words.c.learned)
        .where(words.c.session_id == session_id)
        .order_by(words.c.author_id)
    )
    return [SessionWords(author_id=row.author_id, taught=row.taught, learned=row.learned) for row in rows]


async def save_feedback_words(
    tx: Transaction,
    *,
    feedback_id: UUID,
    author_id: UUID,
    addressee_id: UUID,
    usefulness: int,
    praise: str,
    critique: str,
) -> None:
    """Keep a rating and words, sealed while the feedback's status says so."""
    await tx.connection.execute(
        sa.insert(tables.feedback_words).values(
            feedback_id=feedback_id,
            author_id=author_id,
            addressee_id=addressee_id,
            usefulness=usefulness,
            praise=praise,
            critique=critique,
        )
    )


async def feedback_words(tx: Transaction, feedback_id: UUID) -> FeedbackWords | None:
    """The words of a feedback, as far as this actor may read them."""
    words = tables.feedback_words
    row = (
        await tx.connection.execute(
            sa.select(words.c.author_id, words.c.usefulness, words.c.praise, words.c.critique).where(
                words.c.feedback_id == feedback_id
            )
        )
    ).first()
    if row is None:
        return None
    return FeedbackWords(author_id=row.author_id, usefulness=row.usefulness, praise=row.praise, critique=row.critique)


async def unseal(tx: Transaction, feedback_id: UUID) -> int | None:
    """Open the wall in front of a feedback's words for its addressee, and read the rating; None when the words are gone."""
    await tx.connection.execute(
        sa.update(tables.feedback)
        .where(tables.feedback.c.feedback_id == feedback_id)
        .values(status=FeedbackStatus.RELEASED.value)
    )
    words = await feedback_words(tx, feedback_id)
    return None if words is None else words.usefulness


async def erase_words(tx: Transaction, person_id: UUID) -> None:
    """Delete all that this person wrote or was written to."""
    for table in (tables.session_words, tables.feedback_words):
        await tx.connection.execute(
            sa.delete(table).where((table.c.author_id == person_id) | (table.c.addressee_id == person_id))
        )
