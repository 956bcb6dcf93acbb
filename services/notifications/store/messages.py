"""Messages: written once per person and cause, as soon as everybody they name is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.holding import ERASURE, hold_shared
from contracts.base import Event
from contracts.notifications import (
    DeliveryStatus,
    Notification,
    NotificationDelivered,
    NotificationFailed,
    NotificationKind,
    Preferences,
)
from services.notifications.domain.mail import MailState, after_quiet
from services.notifications.domain.messages import (
    KIND_OF,
    Message,
    Notice,
    Occasion,
    current,
    failed,
    forgotten,
    mailed,
    skipped,
    without_words_of_the_gone,
    written,
)
from services.notifications.domain.preferences import Wishes, preferences_fact
from services.notifications.domain.wording import Text, forgotten_text, party, write
from services.notifications.store.people import Known, load_known, to_person, to_preferences
from services.notifications.store.tables import cohort, mail, message, organization, person, preferences

_PAGE = 1_000


async def note(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Note that people are to be told something; a cause that was noted before is passed over. ``write_noted`` finds the words soon."""
    if notices:
        rows = [
            {
                "notification_id": notice.notification_id,
                "person_id": notice.person_id,
                "kind": KIND_OF[notice.occasion].value,
                "occasion": notice.occasion.value,
                "cause": notice.cause,
                "link": notice.link,
                "people": {role: str(each) for role, each in notice.people.items()},
                "organizations": {role: str(each) for role, each in notice.organizations.items()},
                "cohort_id": notice.cohort_id,
                "details": dict(notice.values),
                "about": list(notice.about),
                "created_at": tx.now,
                "email": DeliveryStatus.PENDING.value,
            }
            for notice in notices
        ]
        await tx.connection.execute(_NOTE, rows)


async def write_noted(tx: Transaction, *, most: int) -> list[Event]:
    """Write the messages of noted causes, many at once, with the jobs of their mails; their facts. Who waits for somebody that is not
    known yet goes on waiting."""
    # Or a name that is read here could be written when its erasure has looked for it.
    await hold_shared(tx, what=ERASURE)
    need = sa.func.unnest(message.c.needs).table_valued("id", name="need").render_derived()
    is_known = (
        sa.exists().where(person.c.person_id == need.c.id, (person.c.profile_version > 0) | person.c.erased)
        | sa.exists().where(organization.c.organization_id == need.c.id)
        | sa.exists().where(cohort.c.cohort_id == need.c.id)
    )
    rows = await tx.connection.execute(
        sa.select(message)
        .where(_NOTED, ~sa.exists(sa.select(sa.literal(1)).select_from(need).where(~is_known)))
        .order_by(message.c.created_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    notices = [_notice(row) for row in rows.mappings()]
    if not notices:
        return []
    known = await _known(tx, notices)
    waiting: list[dict[str, object]] = []
    dropped: list[UUID] = []
    ready: list[tuple[Notice, Message, NotificationDelivered]] = []
    for notice in notices:
        if needs := _missing(notice, known):
            waiting.append({"id": notice.notification_id, "needs": sorted(needs)})
            continue
        fitting = None if known.people[notice.person_id].erased else _fitting(notice, known)
        if fitting is None:
            dropped.append(notice.notification_id)
        else:
            ready.append((fitting, *_compose(fitting, known, tx=tx)))
    if waiting:
        await tx.connection.execute(_BY_ID, waiting)
    if dropped:
        await tx.connection.execute(sa.delete(message).where(message.c.notification_id.in_(dropped)))
    if ready:
        await tx.connection.execute(
            _BY_ID,
            [
                {"id": notice.notification_id, "details": dict(notice.values), "needs": []} | _written_row(composed)
                for notice, composed, _ in ready
            ],
        )
        await _queue(tx, [composed.notification for _, composed, _ in ready], known)
    return [fact for _, _, fact in ready]


async def _known(tx: Transaction, notices: Sequence[Notice]) -> Known:
    return await load_known(
        tx,
        people=[each for notice in notices for each in (notice.person_id, *notice.people.values())],
        organizations=[each for notice in notices for each in notice.organizations.values()],
        cohorts=[notice.cohort_id for notice in notices if notice.cohort_id],
    )


def _missing(notice: Notice, known: Known) -> set[UUID]:
    """Who and what has to be known before the words can be written; an erased person needs nothing any more."""
    needs: set[UUID] = set()
    for person_id in (notice.person_id, *notice.people.values()):
        found = known.people.get(person_id)
        if found is None:
            needs.add(person_id)
        elif found.organization_id is not None and found.organization_id not in known.organizations:
            needs.add(found.organization_id)
    needs |= {each for each in notice.organizations.values() if each not in known.organizations}
    if notice.cohort_id is not None and notice.cohort_id not in known.cohorts:
        needs.add(notice.cohort_id)
    return needs


def _fitting(notice: Notice, known: Known) -> Notice | None:
    gone = any(known.people[each].erased for each in notice.people.values())
    return without_words_of_the_gone(notice) if gone else notice


def _compose(notice: Notice, known: Known, *, tx: Transaction) -> tuple[Message, NotificationDelivered]:
    reader = known.people[notice.person_id]
    people = {role: known.people[person_id] for role, person_id in notice.people.items()}
    text = write(
        notice.occasion,
        to=reader,
        people={
            role: party(
                each, organization=known.organizations.get(each.organization_id) if each.organization_id else None
            )
            for role, each in people.items()
        },
        organizations={role: known.organizations[each].name for role, each in notice.organizations.items()},
        cohort=known.cohorts[notice.cohort_id] if notice.cohort_id else None,
        values=notice.values,
    )
    return written(notice, to=reader, text=text, wants=_wishes(known, reader.person_id), now=tx.now)


async def _queue(tx: Transaction, notifications: Sequence[Notification], known: Known) -> None:
    """A job for each mail, due after the reader's quiet hours, in the transaction of its message."""
    rows = [
        {
            "notification_id": each.notification_id,
            "person_id": each.person_id,
            "state": MailState.PENDING.value,
            "due_at": after_quiet(tx.now, person=known.people[each.person_id], wants=_wishes(known, each.person_id)),
        }
        for each in notifications
        if each.email is DeliveryStatus.PENDING
    ]
    if rows:
        await tx.connection.execute(sa.insert(mail), rows)


async def lock_messages(
    tx: Transaction, *, person_id: UUID, notification_ids: Sequence[UUID] | None, most: int = _PAGE
) -> list[Message]:
    """A person's written messages for a change, oldest first: these, or (None) the unread ones."""
    mine = (message.c.person_id == person_id) & (message.c.version > 0)
    which = message.c.read_at.is_(None) if notification_ids is None else message.c.notification_id.in_(notification_ids)
    rows = await tx.connection.execute(
        sa.select(message)
        .where(mine, which)
        .order_by(message.c.created_at, message.c.notification_id)
        .limit(most)
        .with_for_update()
    )
    return [to_message(row) for row in rows.mappings()]


async def lock_written(tx: Transaction, notification_ids: Iterable[UUID]) -> list[Message]:
    """These messages for a change, as far as they are still there."""
    rows = await tx.connection.execute(
        sa.select(message)
        .where(message.c.notification_id.in_(list(notification_ids)), message.c.version > 0)
        .order_by(message.c.notification_id)
        .with_for_update()
    )
    return [to_message(row) for row in rows.mappings()]


async def save_messages(tx: Transaction, changed: Sequence[Message]) -> None:
    """Write messages that were loaded with a lock."""
    if changed:
        await tx.connection.execute(
            _BY_ID, [{"id": each.notification.notification_id} | _written_row(each) for each in changed]
        )


async def tell_outcome(tx: Transaction, tries: Mapping[UUID, int], *, state: MailState, why: str = "") -> list[Event]:
    """Say in the messages of these mails how they ended; ``tries`` is how often each was tried."""
    changes: list[tuple[Message, NotificationDelivered | NotificationFailed]] = []
    for each in await lock_written(tx, tries) if tries else ():
        attempts = tries[each.notification.notification_id]
        if state is MailState.SENT:
            changes.append(mailed(each, attempts=attempts, now=tx.now))
        elif state is MailState.SKIPPED:
            changes.append(skipped(each, why=why, now=tx.now))
        else:
            changes.append(failed(each, attempts=attempts, error=why, now=tx.now))
    await save_messages(tx, [after for after, _ in changes])
    return [fact for _, fact in changes]


async def forget(tx: Transaction, person_id: UUID) -> list[Event]:
    """Take an erased person out of all messages: theirs become blank, those of others lose their words; unsent mails do not go."""
    theirs, about = message.c.person_id == person_id, message.c.about.contains([person_id])
    # Mail rows first, as the sender locks them in this order too.
    touched = sa.select(message.c.notification_id).where(theirs | about)
    await tx.connection.execute(sa.delete(mail).where(mail.c.notification_id.in_(touched)))
    await tx.connection.execute(sa.delete(message).where(theirs, message.c.version == 0))
    noted = await tx.connection.execute(sa.select(message).where(about, message.c.version == 0).with_for_update())
    for notice in [_notice(row) for row in noted.mappings()]:
        mine = message.c.notification_id == notice.notification_id
        kept = without_words_of_the_gone(notice)
        change = (
            sa.update(message).where(mine).values(details=dict(kept.values)) if kept else sa.delete(message).where(mine)
        )
        await tx.connection.execute(change)
    rows = (
        await tx.connection.execute(
            sa.select(message, person, message.c.person_id.label("reader_id"))
            .outerjoin(person, person.c.person_id == message.c.person_id)
            .where(theirs | about, message.c.version > 0)
            .order_by(message.c.notification_id)
            .with_for_update(of=message)
        )
    ).mappings()
    facts: list[Event] = []
    for row in rows:
        nothing = Text(title="", body="", locale="en")
        text = nothing if row["reader_id"] == person_id else forgotten_text(to_person(row))
        after, fact = forgotten(to_message(row), text=text, now=tx.now)
        await tx.connection.execute(
            sa.update(message)
            .where(message.c.notification_id == after.notification.notification_id)
            .values(**_written_row(after), people={}, organizations={}, details={}, about=[])
        )
        facts.append(fact)
    return facts


async def current_facts(tx: Transaction) -> AsyncIterator[Event]:
    """Every message and everybody's wishes as they are now."""
    async for row in _pages(tx, message, key=message.c.notification_id):
        yield current(to_message(row))
    async for row in _pages(tx, preferences, key=preferences.c.person_id):
        wishes = Wishes(preferences=to_preferences(row), version=row["version"])
        yield preferences_fact(wishes, now=tx.now, actor_id=None)


async def _pages(tx: Transaction, table: sa.Table, *, key: sa.Column[UUID]) -> AsyncIterator[sa.RowMapping]:
    last: UUID | None = None
    while True:
        page = sa.select(table).where(table.c.version > 0).order_by(key).limit(_PAGE)
        rows = (await tx.connection.execute(page if last is None else page.where(key > last))).mappings().all()
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        last = rows[-1][key]


def to_message(row: sa.RowMapping) -> Message:
    """A row of ``message``."""
    return Message(
        notification=Notification(
            notification_id=row[message.c.notification_id],
            person_id=row[message.c.person_id],
            organization_id=row[message.c.organization_id],
            kind=NotificationKind(row[message.c.kind]),
            cause=row[message.c.cause],
            title=row[message.c.title],
            body=row[message.c.body],
            locale=row[message.c.locale],
            link=row[message.c.link],
            created_at=row[message.c.created_at],
            email=DeliveryStatus(row[message.c.email]),
            email_sent_at=row[message.c.email_sent_at],
            read_at=row[message.c.read_at],
            attempts=row[message.c.attempts],
            error=row[message.c.error],
        ),
        version=row[message.c.version],
    )


_NOTED = message.c.version == sa.literal_column("0")  # in these words the partial index says it
_NOTE = insert(message).on_conflict_do_nothing()
_BY_ID = sa.update(message).where(message.c.notification_id == sa.bindparam("id", type_=sa.Uuid))


def _written_row(changed: Message) -> dict[str, object]:
    notification = changed.notification
    return {
        "organization_id": notification.organization_id,
        "title": notification.title,
        "body": notification.body,
        "locale": notification.locale,
        "created_at": notification.created_at,
        "email": notification.email.value,
        "email_sent_at": notification.email_sent_at,
        "read_at": notification.read_at,
        "attempts": notification.attempts,
        "error": notification.error,
        "version": changed.version,
    }


def _notice(row: sa.RowMapping) -> Notice:
    return Notice(
        person_id=row["person_id"],
        occasion=Occasion(row["occasion"]),
        cause=row["cause"],
        link=row["link"],
        people={role: UUID(each) for role, each in row["people"].items()},
        organizations={role: UUID(each) for role, each in row["organizations"].items()},
        cohort_id=row["cohort_id"],
        values=row["details"],
    )


def _wishes(known: Known, person_id: UUID) -> Preferences:
    return known.wishes.get(person_id, Preferences(person_id=person_id))
