"""Jobs of mails: claimed with a lease, handed over, settled. Leases run on the database's real clock: the platform's may leap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.notifications import Preferences
from services.notifications.domain.mail import MailState
from services.notifications.domain.messages import Message, Occasion, Values
from services.notifications.domain.pairs import MATCHED
from services.notifications.domain.people import Person
from services.notifications.store.messages import to_message
from services.notifications.store.people import to_person, to_preferences
from services.notifications.store.tables import mail, message, pair, person, preferences

_NOBODY = UUID(int=0)
_IN_HAND = (MailState.CLAIMED, MailState.SENDING, MailState.DOUBTFUL)


def _in(state: MailState) -> sa.ColumnElement[bool]:
    """In this state, written into the statement, so that the partial indexes serve every plan."""
    return mail.c.state == sa.literal_column(f"'{state.value}'")


def _lease(seconds: sa.ColumnElement[Any]) -> sa.ColumnElement[datetime]:
    return sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _next_step() -> sa.UpdateBase:
    is_next = (mail.c.notification_id == sa.bindparam("next", type_=sa.Uuid)) & (_in(MailState.CLAIMED))
    is_taken = mail.c.notification_id == sa.bindparam("taken", type_=sa.Uuid)
    keep = sa.bindparam("keep", type_=sa.Float)
    # Not the whole claim with every mail: that would write each row as often as the claim has mails.
    half_gone = mail.c.lease_until < _lease(keep / 2)
    return (
        sa.update(mail)
        .where(
            mail.c.claim == sa.bindparam("by", type_=sa.Uuid),
            # Also a mail that was given up as doubtful meanwhile: the server's answer puts that right.
            is_next
            | (_in(MailState.CLAIMED) & half_gone)
            | (is_taken & mail.c.state.in_([each.value for each in _IN_HAND])),
        )
        .values(
            state=sa.case((is_taken, MailState.TAKEN.value), (is_next, MailState.SENDING.value), else_=mail.c.state),
            lease_until=sa.case((is_next, _lease(sa.bindparam("seconds", type_=sa.Float))), else_=_lease(keep)),
            attempts=sa.case((is_next, mail.c.attempts + 1), else_=mail.c.attempts),
            reply=sa.case((is_taken, sa.bindparam("reply", type_=sa.Text)), else_=mail.c.reply),
        )
        .returning(mail.c.notification_id)
    )


_LATER = (
    sa.update(mail)
    .where(mail.c.notification_id == sa.bindparam("mail", type_=sa.Uuid))
    .values(state=MailState.PENDING.value, due_at=sa.bindparam("until"), claim=None, lease_until=None)
)
_NEXT_STEP = _next_step()  # made once: it runs for every mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One due mail with all that is needed to decide about it and to build it."""

    message: Message
    occasion: Occasion
    people: Mapping[str, UUID]
    values: Values
    attempts: int
    to: Person
    wants: Preferences

    @property
    def notification_id(self) -> UUID:
        """The mail's and its message's id."""
        return self.message.notification.notification_id


async def lock_due(tx: Transaction, *, most: int) -> list[Job]:
    """Mails that are due on the platform's clock, and those whose claimer is gone; the oldest first."""
    abandoned = _in(MailState.CLAIMED) & (mail.c.lease_until < sa.func.clock_timestamp())
    due = _in(MailState.PENDING) & (mail.c.due_at <= tx.now)
    rows = (
        await tx.connection.execute(
            sa.select(mail.c.notification_id, mail.c.attempts.label("tries"))
            .where(due | abandoned)
            .order_by(mail.c.due_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
    ).all()
    tries = {row.notification_id: row.tries for row in rows}
    if not tries:
        return []
    jobs = {job.notification_id: job for job in await _load(tx, tries)}
    return [jobs[each] for each in tries if each in jobs]


async def claim(tx: Transaction, notification_ids: Sequence[UUID], *, by: UUID, seconds: float) -> None:
    """Take these mails for so long; whoever holds ``by`` may hand them over."""
    await _set(
        tx, notification_ids, state=MailState.CLAIMED.value, claim=by, lease_until=_lease(sa.literal(seconds, sa.Float))
    )


async def postpone(tx: Transaction, until: Mapping[UUID, datetime]) -> None:
    """Each of these mails not before its moment of the platform's clock."""
    if until:
        await tx.connection.execute(_LATER, [{"mail": each, "until": moment} for each, moment in until.items()])


async def try_again(tx: Transaction, notification_id: UUID, *, by: UUID, at: datetime, attempts: int) -> None:
    """After a refusal for now: not before this moment of the platform's clock, unless the claim was lost."""
    await tx.connection.execute(
        sa.update(mail)
        .where(
            mail.c.notification_id == notification_id,
            mail.c.claim == by,
            mail.c.state.in_([each.value for each in _IN_HAND]),
        )
        .values(state=MailState.PENDING.value, due_at=at, claim=None, lease_until=None, attempts=attempts)
    )


async def release(tx: Transaction, *, by: UUID) -> None:
    """Give back what a claim has not touched."""
    await tx.connection.execute(
        sa.update(mail)
        .where(mail.c.claim == by, _in(MailState.CLAIMED))
        .values(state=MailState.PENDING.value, claim=None, lease_until=None)
    )


async def hand_over_next(
    tx: Transaction,
    notification_id: UUID | None,
    *,
    taken: UUID | None,
    reply: str,
    by: UUID,
    seconds: float,
    keep: float,
) -> bool:
    """One step of a claim: the mail before was ``taken`` by the server with this reply, and the next one will be handed over now:
    CLAIMED → SENDING for so many seconds. False when the claim was lost meanwhile, and then it must not be sent. The claim's other
    mails are kept for ``keep`` seconds from now when half of that is gone."""
    moved = await tx.connection.scalars(
        _NEXT_STEP,
        {
            "by": by,
            "next": notification_id or _NOBODY,
            "taken": taken or _NOBODY,
            "reply": reply,
            "seconds": seconds,
            "keep": keep,
        },
    )
    return notification_id in set(moved)


async def finish_taken(tx: Transaction, *, by: UUID | None = None) -> dict[UUID, int]:
    """TAKEN → SENT: mails of this claim whose people are to be told now; without a claim, those of senders that are gone. How often
    each was tried."""
    whose = mail.c.claim == by if by else mail.c.lease_until < sa.func.clock_timestamp()
    rows = await tx.connection.execute(
        sa.update(mail)
        .where(_in(MailState.TAKEN), whose)
        .values(state=MailState.SENT.value, lease_until=None)
        .returning(mail.c.notification_id, mail.c.attempts)
    )
    return {row.notification_id: row.attempts for row in rows}


async def settle(
    tx: Transaction, notification_id: UUID, *, state: MailState, reply: str, by: UUID | None = None
) -> bool:
    """The end of a mail: SENT, FAILED, SKIPPED or DOUBTFUL, with what the server said. ``by`` a claim: only when it is still the
    last one, be it that the mail was given up as doubtful meanwhile, which the server's answer puts right. Whether it was settled."""
    which = mail.c.notification_id == notification_id
    if by is not None:
        which &= (mail.c.claim == by) & mail.c.state.in_([each.value for each in _IN_HAND])
    settled = await tx.connection.execute(
        sa.update(mail).where(which).values(state=state.value, reply=reply, lease_until=None)
    )
    return settled.rowcount == 1


async def lock_doubtful(tx: Transaction, *, most: int) -> list[Job]:
    """Mails whose sender is gone after it began to hand them over."""
    rows = (
        await tx.connection.execute(
            sa.select(mail.c.notification_id, mail.c.attempts.label("tries"))
            .where(_in(MailState.SENDING), mail.c.lease_until < sa.func.clock_timestamp())
            .limit(most)
            .with_for_update(skip_locked=True)
        )
    ).all()
    tries = {row.notification_id: row.tries for row in rows}
    if not tries:
        return []
    return await _load(tx, tries)


async def load_attendees(tx: Transaction, jobs: Sequence[Job]) -> dict[UUID, list[Person]]:
    """Who stands in the calendar entry of each session's mail: both while the pair is matched, otherwise the reader alone."""
    pairs = {job.notification_id: UUID(str(job.values["pair_id"])) for job in jobs}
    partners = {job.notification_id: job.people["other"] for job in jobs if "other" in job.people}
    matched = set(
        await tx.connection.scalars(
            sa.select(pair.c.pair_id).where(
                pair.c.pair_id.in_(sorted(set(pairs.values()))), pair.c.status.in_([status.value for status in MATCHED])
            )
        )
    )
    rows = await tx.connection.execute(
        sa.select(person).where(person.c.person_id.in_(sorted(set(partners.values()))), ~person.c.erased)
    )
    people = {each.person_id: each for each in (to_person(row) for row in rows.mappings())}
    found: dict[UUID, list[Person]] = {}
    for job in jobs:
        partner = people.get(partners.get(job.notification_id, _NOBODY))
        shown = partner is not None and pairs[job.notification_id] in matched
        found[job.notification_id] = [job.to, partner] if shown and partner else [job.to]
    return found


async def _load(tx: Transaction, tries: Mapping[UUID, int]) -> list[Job]:
    found = await tx.connection.execute(
        sa.select(message, person, preferences)
        .join(person, person.c.person_id == message.c.person_id)
        .outerjoin(preferences, preferences.c.person_id == message.c.person_id)
        .where(message.c.notification_id.in_(list(tries)))
    )
    return [_job(row, tries) for row in found.mappings()]


async def _set(tx: Transaction, notification_ids: Sequence[UUID], **values: object) -> None:
    await tx.connection.execute(sa.update(mail).where(mail.c.notification_id.in_(notification_ids)).values(**values))


def _job(row: sa.RowMapping, tries: Mapping[UUID, int]) -> Job:
    written = to_message(row)
    said = row[preferences.c.person_id] is not None
    return Job(
        message=written,
        occasion=Occasion(row[message.c.occasion]),
        people={role: UUID(each) for role, each in row[message.c.people].items()},
        values=row[message.c.details],
        attempts=tries[written.notification.notification_id],
        to=to_person(row),
        wants=to_preferences(row) if said else Preferences(person_id=written.notification.person_id),
    )
