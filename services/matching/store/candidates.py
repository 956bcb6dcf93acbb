"""What other services said: organizations, candidates, consents; and people's blocks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.holding import ERASURE, hold
from contracts.profiles import Consent, Purpose
from services.matching.domain.candidates import Candidate, texts_of
from services.matching.store import tables
from services.matching.store.choices import forget_choices
from services.matching.store.learning import forget_reports
from services.matching.store.vectors import forget_vectors, read_again

_organization, _candidate, _consent, _block = tables.organization, tables.candidate, tables.consent, tables.block


async def save_organization(tx: Transaction, organization_id: UUID, *, version: int) -> None:
    """Remember that it exists."""
    statement = insert(_organization).values(organization_id=organization_id, version=version)
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_organization.c.organization_id],
            set_={"version": statement.excluded.version},
            where=_organization.c.version < statement.excluded.version,
        )
    )


async def known_organizations(tx: Transaction, organizations: Collection[UUID]) -> set[UUID]:
    """Those that exist."""
    rows = await tx.connection.execute(
        sa.select(_organization.c.organization_id).where(_organization.c.organization_id.in_(organizations))
    )
    return set(rows.scalars())


async def save_candidate(tx: Transaction, candidate: Candidate, *, version: int) -> bool:
    """Keep the newest version; False when this one is older, or the person was erased."""
    return await _upsert_candidate(
        tx,
        version=version,
        person_id=candidate.person_id,
        organization_id=candidate.organization_id,
        active=candidate.active,
        erased=False,
        manager_id=candidate.manager_id,
        said=msgspec.to_builtins(candidate),
        embedded_by=None,
    )


async def forget_person(tx: Transaction, person_id: UUID, *, version: int) -> None:
    """Only a tombstone stays, so that an older profile that arrives late does not bring the person back."""
    await hold(tx, what=ERASURE)
    known, _ = await load_candidate(tx, person_id)
    if known is not None:
        await forget_vectors(tx, texts_of(known))
        await read_again(tx, texts_of(known))
    await _upsert_candidate(
        tx,
        version=version,
        person_id=person_id,
        organization_id=None,
        active=False,
        erased=True,
        manager_id=None,
        said=None,
        embedded_by=None,
    )
    await tx.connection.execute(
        sa.update(_candidate).where(_candidate.c.manager_id == person_id).values(manager_id=None)
    )
    await tx.connection.execute(sa.delete(_consent).where(_consent.c.person_id == person_id))
    learning = tables.learning_consent
    await tx.connection.execute(sa.delete(learning).where(learning.c.person_id == person_id))
    await forget_reports(tx, [person_id])
    await tx.connection.execute(
        sa.delete(_block).where(sa.or_(_block.c.person_id == person_id, _block.c.blocked_id == person_id))
    )
    await forget_choices(tx, person_id)
    snapshot = tables.run_snapshot
    await tx.connection.execute(sa.delete(snapshot).where(sa.literal(person_id) == sa.any_(snapshot.c.people)))


async def load_candidate(tx: Transaction, person_id: UUID) -> tuple[Candidate | None, bool]:
    """What is known of a person, and whether they were erased."""
    row = (
        await tx.connection.execute(
            sa.select(_candidate.c.said, _candidate.c.erased).where(_candidate.c.person_id == person_id)
        )
    ).one_or_none()
    if row is None:
        return None, False
    return (None if row.said is None else msgspec.convert(row.said, Candidate)), row.erased


async def active_people(tx: Transaction, organization_id: UUID) -> set[UUID]:
    """Everybody who is active in an organization."""
    rows = await tx.connection.execute(
        sa.select(_candidate.c.person_id).where(
            _candidate.c.organization_id == organization_id, _candidate.c.active, ~_candidate.c.erased
        )
    )
    return set(rows.scalars())


async def save_consent(tx: Transaction, consent: Consent, *, version: int) -> bool:
    """Keep the newest version; False when this one is older."""
    statement = insert(_consent).values(
        person_id=consent.person_id, version=version, granted=consent.granted, until=consent.until
    )
    statement = statement.on_conflict_do_update(
        index_elements=[_consent.c.person_id],
        set_={name: statement.excluded[name] for name in ("version", "granted", "until")},
        where=_consent.c.version < statement.excluded.version,
    )
    return (await tx.connection.execute(statement.returning(_consent.c.person_id))).first() is not None


async def load_consent(tx: Transaction, person_id: UUID) -> Consent | None:
    """The person's word on being matched, if they gave one."""
    row = (await tx.connection.execute(sa.select(_consent).where(_consent.c.person_id == person_id))).one_or_none()
    return None if row is None else _consent_from(row)


async def lapsed_consents(tx: Transaction, *, now: datetime, most: int = 100) -> list[UUID]:
    """People who hold a place although their consent has run out."""
    enrolment = tables.enrolment
    rows = await tx.connection.execute(
        sa.select(_consent.c.person_id)
        .where(
            _consent.c.granted,
            _consent.c.until <= now,
            sa.exists().where(enrolment.c.person_id == _consent.c.person_id, enrolment.c.status == "admitted"),
        )
        .order_by(_consent.c.person_id)
        .limit(most)
    )
    return list(rows.scalars())


async def add_block(tx: Transaction, person_id: UUID, *, blocked_id: UUID) -> None:
    """Once is enough."""
    await tx.connection.execute(
        insert(_block).values(person_id=person_id, blocked_id=blocked_id).on_conflict_do_nothing()
    )


async def block_exists(tx: Transaction, people: Collection[UUID]) -> set[frozenset[UUID]]:
    """The couples among these people of whom one blocked the other. For the worker: tenants see their own blocks only."""
    rows = await tx.connection.execute(
        sa.select(_block).where(_block.c.person_id.in_(people), _block.c.blocked_id.in_(people))
    )
    return {frozenset((row.person_id, row.blocked_id)) for row in rows}


def _consent_from(row: sa.Row[tuple[object, ...]]) -> Consent:
    return Consent(person_id=row.person_id, purpose=Purpose.MATCHING, granted=row.granted, until=row.until)


async def _upsert_candidate(tx: Transaction, *, version: int, **values: object) -> bool:
    statement = insert(_candidate).values(version=version, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[_candidate.c.person_id],
        set_={name: statement.excluded[name] for name in ("version", *values)},
        where=sa.and_(_candidate.c.version < statement.excluded.version, ~_candidate.c.erased),
    )
    return (await tx.connection.execute(statement.returning(_candidate.c.person_id))).first() is not None
