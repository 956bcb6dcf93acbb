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
    Look,
    WatchedMeeting,
    WatchedMember,
    WatchedPair,
    may_owe,
)
from services.notifications.store.tables import meeting, pair, silence


def _lock() -> sa.UpdateBase:
    statement = insert(pair)
    same = {"pair_id": statement.excluded.pair_id}
    return statement.on_conflict_do_update(index_elements=[pair.c.pair_id], set_=same).returning(pair)


def _look_again() -> sa.UpdateBase:
    statement = insert(pair)
    return statement.on_conflict_do_update(
        index_elements=[pair.c.pair_id], set_={"look_at": statement.excluded.look_at}
    )


def _keep_meeting() -> sa.UpdateBase:
    statement = insert(meeting)
    new = statement.excluded
    names = ("status", "number", "starts_at", "ends_at", "changed_at", "logged_by", "version")
    return statement.on_conflict_do_update(
        index_elements=[meeting.c.session_id],
        set_={name: new[name] for name in names},
        where=meeting.c.version < new.version,
    ).returning(meeting.c.session_id)


# Made once, because they run for every fact of a pair or session.
_LOCK = _lock()
_SAVE = sa.update(pair).where(pair.c.pair_id == sa.bindparam("id", type_=sa.Uuid))
_LOOK_AGAIN = _look_again()
_KEEP_MEETING = _keep_meeting()


async def lock_pair(tx: Transaction, pair_id: UUID) -> WatchedPair:
    """A pair for a change. One whose facts have not come yet is made up empty, so that whoever comes second waits for the first."""
    locked = await tx.connection.execute(_LOCK, {"pair_id": pair_id, "cadence_days": DEFAULT_CADENCE_DAYS})
    return _to_pair(locked.mappings().one())


async def save_pair(tx: Transaction, watched: WatchedPair) -> None:
    """Write a locked pair; it will be looked after at once when it may owe something."""
    await tx.connection.execute(
        _SAVE,
        {
            "id": watched.pair_id,
            "cohort_id": watched.cohort_id,
            "status": watched.status.value if watched.status else None,
            "members": [
                {
                    "person_id": str(member.person_id),
                    "organization_id": str(member.organization_id),
                    "accepted": member.accepted,
                }
                for member in watched.members
            ],
            "proposed_at": watched.proposed_at,
            "expires_at": watched.expires_at,
            "active_since": watched.active_since,
            "cadence_days": watched.cadence_days,
            "version": watched.version,
            "look_at": tx.now if may_owe(watched) else None,
        },
    )


async def look_again(tx: Transaction, pair_id: UUID) -> None:
    """Have a pair looked after at once, because something of it changed; one whose facts have not come yet is made up empty."""
    await tx.connection.execute(
        _LOOK_AGAIN, {"pair_id": pair_id, "cadence_days": DEFAULT_CADENCE_DAYS, "look_at": tx.now}
    )


async def save_meeting(tx: Transaction, session: Session, *, version: int, at: datetime) -> bool:
    """Keep a session's newest state; False when it is known already."""
    saved = await tx.connection.execute(
        _KEEP_MEETING,
        {
            "session_id": session.session_id,
            "pair_id": session.pair_id,
            "status": session.status.value,
            "number": session.number,
            "starts_at": session.starts_at,
            "ends_at": session.starts_at + timedelta(minutes=session.minutes),
            "changed_at": at,
            "logged_by": [each.person_id for each in session.logs],
            "version": version,
        },
    )
    return saved.first() is not None


async def load_meetings(tx: Transaction, pair_ids: Sequence[UUID]) -> dict[UUID, list[WatchedMeeting]]:
    """These pairs' sessions."""
    found: dict[UUID, list[WatchedMeeting]] = {}
    for row in await tx.connection.execute(sa.select(meeting).where(meeting.c.pair_id.in_(pair_ids))):
        watched = WatchedMeeting(
            session_id=row.session_id,
            status=SessionStatus(row.status),
            number=row.number,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            changed_at=row.changed_at,
            logged_by=frozenset(row.logged_by),
        )
        found.setdefault(row.pair_id, []).append(watched)
    return found


async def load_heard(tx: Transaction, pair_ids: Sequence[UUID]) -> dict[UUID, dict[str, Heard]]:
    """What was done about these pairs' silences."""
    found: dict[UUID, dict[str, Heard]] = {}
    for row in await tx.connection.execute(sa.select(silence).where(silence.c.pair_id.in_(pair_ids))):
        found.setdefault(row.pair_id, {})[row.cause] = Heard(nudged_at=row.nudged_at, escalated_at=row.escalated_at)
    return found


async def save_looks(tx: Transaction, looks: Mapping[UUID, Look]) -> None:
    """Remember what was done about silences, and when to look again."""
    heard = [
        {"cause": cause, "pair_id": pair_id, "nudged_at": done.nudged_at, "escalated_at": done.escalated_at}
        for pair_id, look in looks.items()
        for cause, done in look.heard.items()
    ]
    if heard:
        statement = insert(silence)
        await tx.connection.execute(
            statement.on_conflict_do_update(
                index_elements=[silence.c.cause],
                set_={"nudged_at": statement.excluded.nudged_at, "escalated_at": statement.excluded.escalated_at},
            ),
            heard,
        )
    if looks:
        await tx.connection.execute(
            _SAVE,
            [{"id": pair_id, "look_at": look.again_at} for pair_id, look in looks.items()],
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
