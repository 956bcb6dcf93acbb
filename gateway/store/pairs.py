"""Reading pairs and all that belongs to one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.base import decode
from contracts.feedback import (
    Agenda,
    Agreement,
    Feedback,
    FeedbackStatus,
    Introduction,
    IntroductionStatus,
    Reciprocity,
    Session,
    SessionStatus,
)
from contracts.matching import Pair, PairStatus
from gateway.store.paging import Asked, Key, Page, read_page
from gateway.store.tables import agendas, agreements, among, feedback, introductions, pairs, reciprocity, sessions

StateT = TypeVar("StateT")

_OVER = [SessionStatus.CANCELLED.value, SessionStatus.NO_SHOW.value, SessionStatus.LOGGED.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntroductionRow:
    """An introduction, and whom it leads to, which its state may hide."""

    introduction: Introduction
    third_id: UUID | None


async def pairs_by_id(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Pair]:
    """Pairs."""
    rows = await tx.connection.execute(sa.select(pairs.c.id, pairs.c.state).where(among(pairs.c.id, ids)))
    return {row.id: decode(Pair, row.state) for row in rows}


async def pairs_of_person(
    tx: Transaction,
    person_id: UUID,
    *,
    statuses: Iterable[PairStatus] | None = None,
    cohort_id: UUID | None = None,
    drafts: bool = False,
    asked: Asked,
) -> Page[Pair]:
    """A person's pairs that they learned of (and with ``drafts`` the others), the latest first."""
    statement = sa.select(pairs.c.state).where(sa.or_(pairs.c.person_a == person_id, pairs.c.person_b == person_id))
    if not drafts:
        statement = statement.where(pairs.c.shown)
    if cohort_id is not None:
        statement = statement.where(pairs.c.cohort_id == cohort_id)
    keys = [Key(pairs.c.changed_at, datetime, descending=True), Key(pairs.c.id, UUID)]
    return await _pair_page(tx, statement, statuses, keys=keys, asked=asked)


async def pairs_in_cohort(
    tx: Transaction, cohort_id: UUID, *, statuses: Iterable[PairStatus] | None, asked: Asked
) -> Page[Pair]:
    """A cohort's pairs, the most valuable first."""
    statement = sa.select(pairs.c.state).where(pairs.c.cohort_id == cohort_id)
    keys = [Key(pairs.c.value, float, descending=True), Key(pairs.c.id, UUID)]
    return await _pair_page(tx, statement, statuses, keys=keys, asked=asked)


async def _pair_page(
    tx: Transaction,
    statement: sa.Select[Any],
    statuses: Iterable[PairStatus] | None,
    *,
    keys: Sequence[Key],
    asked: Asked,
) -> Page[Pair]:
    if statuses is not None:
        statement = statement.where(pairs.c.status.in_([status.value for status in statuses]))
    page = await read_page(tx, statement, keys=keys, asked=asked, count=True)
    return _decoded(page, Pair)


async def agreements_by(tx: Transaction, *, ids: Sequence[UUID] = (), pair_ids: Sequence[UUID] = ()) -> list[Agreement]:
    """Agreements, by their own ids or their pairs'."""
    return await _by(tx, agreements, Agreement, ids=ids, pair_ids=pair_ids)


async def agendas_by(tx: Transaction, *, ids: Sequence[UUID] = (), pair_ids: Sequence[UUID] = ()) -> list[Agenda]:
    """Agendas, by their own ids or their pairs'."""
    return await _by(tx, agendas, Agenda, ids=ids, pair_ids=pair_ids)


async def reciprocity_by(tx: Transaction, *, pair_ids: Sequence[UUID]) -> list[Reciprocity]:
    """Ledgers of pairs."""
    return await _by(tx, reciprocity, Reciprocity, pair_ids=pair_ids)


async def feedback_by(tx: Transaction, *, ids: Sequence[UUID] = (), pair_ids: Sequence[UUID] = ()) -> list[Feedback]:
    """Feedback, by their own ids or their pairs', by when they are due."""
    return await _by(tx, feedback, Feedback, ids=ids, pair_ids=pair_ids, order=feedback.c.due_at)


async def feedback_due(tx: Transaction, author_id: UUID) -> list[Feedback]:
    """What a person is asked to write, the most urgent first. What is over by the clock is not asked for, though nobody has said so yet."""
    asked = feedback.c.status == FeedbackStatus.REQUESTED.value
    rows = await tx.connection.execute(
        sa.select(feedback.c.state)
        .where(feedback.c.author_id == author_id, asked, feedback.c.due_at > tx.now)
        .order_by(feedback.c.due_at, feedback.c.id)
        .limit(100)
    )
    return [decode(Feedback, row.state) for row in rows]


async def introductions_by(
    tx: Transaction, *, ids: Sequence[UUID] = (), pair_ids: Sequence[UUID] = ()
) -> list[IntroductionRow]:
    """Introductions, by their own ids or their pairs'."""
    where = sa.or_(among(introductions.c.id, ids), among(introductions.c.pair_id, pair_ids))
    return await _introductions(tx, where)


async def introductions_asking(tx: Transaction, person_id: UUID) -> list[IntroductionRow]:
    """Introductions that wait for this third person's word."""
    where = sa.and_(introductions.c.third_id == person_id, introductions.c.status == IntroductionStatus.OFFERED.value)
    return await _introductions(tx, where)


async def _introductions(tx: Transaction, where: sa.ColumnElement[bool]) -> list[IntroductionRow]:
    rows = await tx.connection.execute(
        sa.select(introductions.c.state, introductions.c.third_id).where(where).order_by(introductions.c.id).limit(1000)
    )
    return [IntroductionRow(introduction=decode(Introduction, row.state), third_id=row.third_id) for row in rows]


async def sessions_by_id(tx: Transaction, ids: Sequence[UUID]) -> list[Session]:
    """Meetings."""
    return await _by(tx, sessions, Session, ids=ids)


async def sessions_of_pair(tx: Transaction, pair_id: UUID, *, asked: Asked) -> Page[Session]:
    """A pair's meetings, the earliest first."""
    statement = sa.select(sessions.c.state).where(sessions.c.pair_id == pair_id)
    keys = [Key(sessions.c.starts_at, datetime), Key(sessions.c.id, UUID)]
    return _decoded(await read_page(tx, statement, keys=keys, asked=asked, count=True), Session)


async def sessions_of_person(tx: Transaction, person_id: UUID, *, upcoming: bool, asked: Asked) -> Page[Session]:
    """A person's meetings: all, the latest first; or those that have not ended, the next first."""
    statement = sa.select(sessions.c.state).where(
        sa.or_(sessions.c.person_a == person_id, sessions.c.person_b == person_id)
    )
    if upcoming:
        statement = statement.where(sessions.c.ends_at > tx.now, sessions.c.status.not_in(_OVER))
    keys = [Key(sessions.c.starts_at, datetime, descending=not upcoming), Key(sessions.c.id, UUID)]
    return _decoded(await read_page(tx, statement, keys=keys, asked=asked, count=True), Session)


async def _by(
    tx: Transaction,
    table: sa.Table,
    kind: type[StateT],
    *,
    ids: Sequence[UUID] = (),
    pair_ids: Sequence[UUID] = (),
    order: sa.ColumnElement[Any] | None = None,
) -> list[StateT]:
    where = sa.or_(among(table.c.id, ids), among(table.c.pair_id, pair_ids))
    order_by = [table.c.id] if order is None else [order, table.c.id]
    rows = await tx.connection.execute(sa.select(table.c.state).where(where).order_by(*order_by))
    return [decode(kind, row.state) for row in rows]


def _decoded(page: Page[Any], kind: type[StateT]) -> Page[StateT]:
    return Page(rows=[decode(kind, row.state) for row in page.rows], keys=page.keys, more=page.more, total=page.total)
