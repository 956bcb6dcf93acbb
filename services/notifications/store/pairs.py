"""Pairs and their sessions, as far as silence has to be noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from contracts.feedback import Session, SessionStatus
from contracts.matching import PairStatus
from services.notifications.domain.silence import (
    DEFAULT_CADENCE_DAYS,
    Heard,
    WatchedMeeting,
    WatchedMember,
    WatchedPair,
    when_to_look,
)
from services.notifications.store.tables import meeting, pair, silence


async def lock_pair(tx: Transaction, pair_id: UUID) -> WatchedPair:
    """A pair for a change. One whose facts have not come yet is made up empty, so that whoever comes second waits for the first."""
    await tx.connection.execute(
        insert(pair)
        .values(pair_id=pair_id, cadence_days=DEFAULT_CADENCE_DAYS)
        .on_conflict_do_nothing(index_elements=[pair.c.pair_id])
    )
    row = (
        (await tx.connection.execute(sa.select(pair).where(pair.c.pair_id == pair_id).with_for_update()))
        .mappings()
        .one()
    )
    return _to_pair(row)


async def save_pair(tx: Transaction, watched: WatchedPair) -> None:
    """Write a locked pair, and when it has to be looked after next."""
    meetings, heard = await load_meetings(tx, watched.pair_id), await load_heard(tx, watched.pair_id)
    await tx.connection.execute(
        sa.update(pair)
        .where(pair.c.pair_id == watched.pair_id)
        .values(
            cohort_id=watched.cohort_id,
            status=watched.status.value if watched.status else None,
            members=[
                {
                    "person_id": str(member.person_id),
                    "organization_id": str(member.organization_id),
                    "accepted": member.accepted,
                }
                for member in watched.members
            ],
            proposed_at=watched.proposed_at,
            expires_at=watched.expires_at,
            active_since=watched.active_since,
            cadence_days=watched.cadence_days,
            version=watched.version,
            look_at=when_to_look(watched, meetings=meetings, heard=heard, now=tx.now),
        )
    )


async def save_meeting(tx: Transaction, session: Session, *, version: int, at: datetime) -> bool:
    """Keep a session's newest state; False when it is known already."""
    statement = insert(meeting).values(
        session_id=session.session_id,
        pair_id=session.pair_id,
        status=session.status.value,
        number=session.number,
        starts_at=session.starts_at,
        ends_at=session.starts_at + timedelta(minutes=session.minutes),
        changed_at=at,
        logged_by=[each.person_id for each in session.logs],
        version=version,
    )
    names = ("status", "number", "starts_at", "ends_at", "changed_at", "logged_by", "version")
    saved = await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[meeting.c.session_id],
            set_={name: statement.excluded[name] for name in names},
            where=meeting.c.version < statement.excluded.version,
        ).returning(meeting.c.session_id)
    )
    return saved.first() is not None


async def load_meetings(tx: Transaction, pair_id: UUID) -> list[WatchedMeeting]:
    """A pair's sessions."""
    rows = await tx.connection.execute(sa.select(meeting).where(meeting.c.pair_id == pair_id))
    return [
        WatchedMeeting(
            session_id=row.session_id,
            status=SessionStatus(row.status),
            number=row.number,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            changed_at=row.changed_at,
            logged_by=frozenset(row.logged_by),
        )
        for row in rows
    ]


async def load_heard(tx: Transaction, pair_id: UUID) -> dict[str, Heard]:
    """What was done about a pair's silences."""
    rows = await tx.connection.execute(sa.select(silence).where(silence.c.pair_id == pair_id))
    return {row.cause: Heard(nudged_at=row.nudged_at, escalated_at=row.escalated_at) for row in rows}


async def save_heard(tx: Transaction, pair_id: UUID, heard: Mapping[str, Heard]) -> None:
    """Remember what was done about silences."""
    if not heard:
        return
    statement = insert(silence)
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[silence.c.cause],
            set_={"nudged_at": statement.excluded.nudged_at, "escalated_at": statement.excluded.escalated_at},
        ),
        [
            {"cause": cause, "pair_id": pair_id, "nudged_at": done.nudged_at, "escalated_at": done.escalated_at}
            for cause, done in heard.items()
        ],
    )


async def lock_pairs_to_look_after(tx: Transaction, *, now: datetime, most: int) -> Sequence[WatchedPair]:
    """Pairs for which something is due, the longest waiting first; those being changed at this moment come the next time."""
    rows = await tx.connection.execute(
        sa.select(pair)
        .where(pair.c.look_at <= now)
        .order_by(pair.c.look_at, pair.c.pair_id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [_to_pair(row) for row in rows.mappings()]


async def pair_status(tx: Transaction, pair_id: UUID) -> PairStatus | None:
    """Where a pair stands; None: unknown."""
    status = await tx.connection.scalar(sa.select(pair.c.status).where(pair.c.pair_id == pair_id))
    return PairStatus(status) if status else None


def _to_pair(row: sa.RowMapping) -> WatchedPair:
    return WatchedPair(
        pair_id=row["pair_id"],
        cohort_id=row["cohort_id"],
        status=PairStatus(row["status"]) if row["status"] else None,
        members=tuple(
            WatchedMember(
                person_id=UUID(member["person_id"]),
                organization_id=UUID(member["organization_id"]),
                accepted=member["accepted"],
            )
            for member in row["members"]
        ),
        proposed_at=row["proposed_at"],
        expires_at=row["expires_at"],
        active_since=row["active_since"],
        cadence_days=row["cadence_days"],
        version=row["version"],
    )
