"""Reading inboxes, and what an id is the id of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts import feedback, matching, notifications, profiles
from contracts.base import decode
from contracts.notifications import Notification
from gateway.store import tables
from gateway.store.paging import Asked, Key, Page, read_page
from gateway.store.tables import among

_NODES = (
    tables.organizations,
    tables.people,
    tables.cohorts,
    tables.enrolments,
    tables.runs,
    tables.pairs,
    tables.agreements,
    tables.agendas,
    tables.sessions,
    tables.feedback,
    tables.introductions,
    tables.notifications,
    tables.round_plans,
    tables.group_plans,
    tables.calibrations,
)
_TOPICS: dict[str, tuple[sa.Table, ...]] = {
    profiles.TOPIC: (tables.organizations, tables.people, tables.consents, tables.erased),
    profiles.CONTACTS: (tables.contacts,),
    matching.TOPIC: (
        tables.cohorts,
        tables.enrolments,
        tables.runs,
        tables.pairs,
        tables.round_plans,
        tables.group_plans,
        tables.calibrations,
    ),
    feedback.TOPIC: (
        tables.agreements,
        tables.agendas,
        tables.sessions,
        tables.feedback,
        tables.introductions,
        tables.reciprocity,
    ),
    notifications.TOPIC: (tables.notifications, tables.preferences),
}


async def notifications_by_id(tx: Transaction, ids: Sequence[UUID]) -> list[Notification]:
    """Messages."""
    rows = await tx.connection.execute(
        sa.select(tables.notifications.c.state).where(among(tables.notifications.c.id, ids))
    )
    return [decode(Notification, row.state) for row in rows]


async def notifications_of(tx: Transaction, person_id: UUID, *, unread: bool, asked: Asked) -> Page[Notification]:
    """A person's messages, the newest first."""
    table = tables.notifications
    statement = sa.select(table.c.state).where(table.c.person_id == person_id)
    if unread:
        statement = statement.where(table.c.unread)
    keys = [Key(table.c.created_at, datetime, descending=True), Key(table.c.id, UUID)]
    page = await read_page(tx, statement, keys=keys, asked=asked, count=True)
    return Page(
        rows=[decode(Notification, row.state) for row in page.rows],
        keys=page.keys,
        more=page.more,
        total=page.total,
    )


async def unread_count(tx: Transaction, person_id: UUID) -> int:
    """How many messages a person has not read."""
    table = tables.notifications
    count = await tx.connection.scalar(sa.select(sa.func.count()).where(table.c.person_id == person_id, table.c.unread))
    return int(count or 0)


async def kinds_of(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The name of the table in which each id is, of those that the transaction may see."""
    found = sa.union_all(
        *(
            sa.select(sa.literal(table.name).label("kind"), table.c.id.label("id")).where(among(table.c.id, ids))
            for table in _NODES
        )
    )
    return {row.id: row.kind for row in await tx.connection.execute(found)}


async def facts_per_topic(tx: Transaction) -> list[tuple[str, int]]:
    """How many facts lie behind the read model, topic by topic: versions count them."""
    counts = []
    for topic, of_topic in _TOPICS.items():
        sums = sa.union_all(*(sa.select(sa.func.sum(table.c.version).label("facts")) for table in of_topic))
        total = await tx.connection.scalar(sa.select(sa.func.sum(sums.subquery().c.facts)))
        counts.append((topic, int(total or 0)))
    return counts
