"""Agreements, agendas, sessions, feedback, introductions, ledgers: one row each, whose ``state`` is what the facts carry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from contracts.base import Event
from contracts.errors import Conflict
from contracts.feedback import Agenda, Agreement, Feedback, Introduction, Reciprocity, Session
from services.feedback.domain import sessions
from services.feedback.domain.facts import fact_of
from services.feedback.domain.kept import Aggregate, Kept, State
from services.feedback.domain.pulses import OPEN
from services.feedback.domain.reciprocity import reciprocity_id
from services.feedback.domain.sessions import Span
from services.feedback.store import tables

_KINDS: tuple[type[Aggregate], ...] = (Agreement, Agenda, Session, Feedback, Introduction, Reciprocity)


class IdIsTaken(Conflict):
    """The caller's id belongs to something else."""


async def keep(tx: Transaction, *aggregates: Kept[Aggregate]) -> list[Event]:
    """Save what changed, and tell it. IdIsTaken when a new one's id is in use."""
    facts: list[Event] = []
    for kept in aggregates:
        if kept.stored:
            continue
        if kept.version == 1:
            if not await _insert(tx, kept):
                raise IdIsTaken("This id is in use already.", remedy="Make a new random id for a new thing.")
        else:
            await _update(tx, kept)
        if isinstance(kept.state, Session):
            await _save_busy(tx, kept.state)
        facts.append(fact_of(kept))
    return facts


async def keep_if_absent(tx: Transaction, *aggregates: Kept[Aggregate]) -> list[Event]:
    """Save and tell those whose id is new: for ids that follow from their cause, which may come twice."""
    return [fact_of(kept) for kept in aggregates if await _insert(tx, kept)]


async def agreement_of(tx: Transaction, pair_id: UUID) -> Kept[Agreement] | None:
    """A pair's agreement."""
    return await _one(tx, Agreement, tables.agreement.c.pair_id == pair_id)


async def agreed_terms(tx: Transaction, pair_id: UUID) -> Agreement | None:
    """The terms that both signed last."""
    agreed = sa.select(tables.agreement.c.agreed).where(tables.agreement.c.pair_id == pair_id)
    terms = (await tx.connection.execute(agreed)).scalar()
    return None if terms is None else msgspec.convert(terms, Agreement)


async def replace_agreed_terms(tx: Transaction, terms: Agreement) -> None:
    """Keep the signed terms without the texts of somebody who left."""
    await tx.connection.execute(
        sa.update(tables.agreement)
        .where(tables.agreement.c.agreement_id == terms.agreement_id)
        .values(agreed=msgspec.to_builtins(terms))
    )


async def agenda_of(tx: Transaction, pair_id: UUID) -> Kept[Agenda] | None:
    """A pair's agenda."""
    return await _one(tx, Agenda, tables.agenda.c.pair_id == pair_id)


async def session_by_id(tx: Transaction, session_id: UUID) -> Kept[Session] | None:
    """One session."""
    return await _one(tx, Session, tables.session.c.session_id == session_id)


async def sessions_of_pair(tx: Transaction, pair_id: UUID) -> list[Kept[Session]]:
    """All sessions of a pair, in no order."""
    return await _all(tx, Session, tables.session.c.pair_id == pair_id)


async def busy_spans(tx: Transaction, people: Sequence[UUID], *, besides: UUID) -> list[Span]:
    """When these people have sessions from now on, apart from one session."""
    busy = tables.busy
    ahead = (
        sa.select(busy.c.starts_at, busy.c.ends_at)
        .where(busy.c.person_id.in_(list(people)), busy.c.ends_at > tx.now, busy.c.session_id != besides)
        .distinct()
    )
    return [Span(starts_at=row.starts_at, ends_at=row.ends_at) for row in await tx.connection.execute(ahead)]


async def feedback_by_id(tx: Transaction, *feedback_ids: UUID, lock: bool = False) -> list[Kept[Feedback]]:
    """Those that exist, ordered by id, which is also the order of their locks."""
    return await _all(tx, Feedback, tables.feedback.c.feedback_id.in_(feedback_ids), lock=lock)


async def feedback_of_person(tx: Transaction, person_id: UUID) -> list[Kept[Feedback]]:
    """All feedback by or to a person, locked."""
    return await _all(tx, Feedback, tables.feedback.c.people.contains([person_id]), lock=True)


async def introduction_by_id(
    tx: Transaction, introduction_id: UUID, *, lock: bool = False
) -> Kept[Introduction] | None:
    """One introduction."""
    found = await _all(tx, Introduction, tables.introduction.c.introduction_id == introduction_id, lock=lock)
    return found[0] if found else None


async def introductions_of_pair(tx: Transaction, pair_id: UUID) -> list[Kept[Introduction]]:
    """All introductions of a pair."""
    return await _all(tx, Introduction, tables.introduction.c.pair_id == pair_id)


async def introductions_of_person(tx: Transaction, person_id: UUID) -> list[Kept[Introduction]]:
    """All introductions in which a person is one of the three, locked."""
    return await _all(tx, Introduction, tables.introduction.c.people.contains([person_id]), lock=True)


async def reciprocity_of(tx: Transaction, pair_id: UUID) -> Kept[Reciprocity] | None:
    """A pair's ledger, once there is one."""
    return await _one(tx, Reciprocity, tables.reciprocity.c.pair_id == pair_id)


async def current_facts(tx: Transaction) -> AsyncIterator[Event]:
    """The present state of everything that feedback owns, as the facts that told it last."""
    for kind in _KINDS:
        async with tx.connection.stream(_columns(_table(kind))) as rows:
            async for row in rows:
                yield fact_of(_kept(row, kind))


async def _one(tx: Transaction, kind: type[State], condition: sa.ColumnElement[bool]) -> Kept[State] | None:
    found = await _all(tx, kind, condition)
    return found[0] if found else None


async def _all(
    tx: Transaction, kind: type[State], condition: sa.ColumnElement[bool], *, lock: bool = False
) -> list[Kept[State]]:
    wanted = _columns(_table(kind)).where(condition)
    rows = await tx.connection.execute(wanted.with_for_update() if lock else wanted)
    return [_kept(row, kind) for row in rows]


def _columns(table: sa.Table) -> sa.Select[Any]:
    key = table.c[f"{table.name}_id"]
    return sa.select(table.c.state, table.c.version, table.c.changed_at, table.c.changed_by).order_by(key)


def _kept(row: sa.Row[Any], kind: type[State]) -> Kept[State]:
    return Kept(
        state=msgspec.convert(row.state, kind),
        version=row.version,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        stored=True,
    )


def _table(kind: type[State]) -> sa.Table:
    return tables.metadata.tables[kind.__name__.lower()]


async def _insert(tx: Transaction, kept: Kept[Aggregate]) -> bool:
    table = _table(type(kept.state))
    row = insert(table).values(_row(kept)).on_conflict_do_nothing()
    return (await tx.connection.execute(row.returning(table.c.version))).first() is not None


async def _update(tx: Transaction, kept: Kept[Aggregate]) -> None:
    table = _table(type(kept.state))
    row = _row(kept)
    name = f"{table.name}_id"
    before = sa.update(table).where(table.c[name] == row[name], table.c.version == kept.version - 1)
    found = (await tx.connection.execute(before.values(row).returning(table.c.version))).first()
    # Whoever changes something holds its pair, or its row; a miss means that this was forgotten.
    assert found is not None, f"{table.name} {row[name]} is not at version {kept.version - 1}"


async def _save_busy(tx: Transaction, session: Session) -> None:
    busy = tables.busy
    await tx.connection.execute(sa.delete(busy).where(busy.c.session_id == session.session_id))
    if session.status in sessions.LIVE:
        spans: dict[str, datetime] = {"starts_at": session.starts_at, "ends_at": sessions.ends_at(session)}
        await tx.connection.execute(
            sa.insert(busy).values(
                [{"session_id": session.session_id, "person_id": each, **spans} for each in session.people]
            )
        )


def _row(kept: Kept[Aggregate]) -> dict[str, Any]:
    return {
        "pair_id": kept.state.pair_id,
        "version": kept.version,
        "changed_at": kept.changed_at,
        "changed_by": kept.changed_by,
        "state": msgspec.to_builtins(kept.state),
        **_own_columns(kept.state),
    }


def _own_columns(state: Aggregate) -> dict[str, Any]:
    match state:
        case Agreement():
            own: dict[str, Any] = {"agreement_id": state.agreement_id, "people": list(state.people)}
            return {**own, "agreed": msgspec.to_builtins(state)} if state.complete else own
        case Agenda():
            return {"agenda_id": state.agenda_id, "people": list(state.people)}
        case Session():
            return {
                "session_id": state.session_id,
                "people": list(state.people),
                "due_at": sessions.due_at(state),
            }
        case Feedback():
            return {
                "feedback_id": state.feedback_id,
                "people": [state.author_id, state.addressee_id],
                "status": state.status.value,
                "due_at": state.due_at if state.status in OPEN else None,
            }
        case Introduction():
            three = (state.offered_by, state.offered_to, state.third_person_id)
            return {"introduction_id": state.introduction_id, "people": [each for each in three if each]}
        case Reciprocity():
            return {"reciprocity_id": reciprocity_id(state.pair_id), "people": list(state.people)}
