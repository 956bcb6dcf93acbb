"""People, their addresses, consents and traces: SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, Select, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from contracts.profiles import Consent, Profile, Purpose
from services.profiles.domain.consents import KeptConsent
from services.profiles.domain.people import Erasure, Person
from services.profiles.domain.values import email_key
from services.profiles.store.tables import consent, contact, erasure, import_problem, person

_DEEPEST = 100  # levels of management; only a circle has more

_person = insert(person)
_SAVE_PERSON = _person.on_conflict_do_update(
    constraint="person_pkey", set_={c.name: _person.excluded[c.name] for c in person.c if not c.primary_key}
)
_contact = insert(contact)
_SAVE_CONTACT = _contact.on_conflict_do_update(
    constraint="contact_pkey", set_={c.name: _contact.excluded[c.name] for c in contact.c if not c.primary_key}
)


def people_with_contacts() -> Select[Any]:
    """Every person that the transaction may see, with address and the contact's version."""
    return select(person, contact.c.email, contact.c.version.label("contact_version")).join(
        contact,
        (contact.c.organization_id == person.c.organization_id) & (contact.c.person_id == person.c.person_id),
    )


async def load(tx: Transaction, person_id: UUID, *, organization_id: UUID, lock: bool = False) -> Person | None:
    """A person of this organization."""
    statement = people_with_contacts().where(
        person.c.organization_id == organization_id, person.c.person_id == person_id
    )
    if lock:
        statement = statement.with_for_update(of=person)
    row = (await tx.connection.execute(statement)).mappings().first()
    return kept(row) if row else None


async def load_all(tx: Transaction, organization_id: UUID) -> list[Person]:
    """Everybody of this organization."""
    statement = people_with_contacts().where(person.c.organization_id == organization_id)
    return [kept(row) for row in (await tx.connection.execute(statement)).mappings()]


async def reports_of(tx: Transaction, manager_id: UUID, *, organization_id: UUID) -> list[Person]:
    """Those who report directly to this person."""
    statement = people_with_contacts().where(
        person.c.organization_id == organization_id, person.c.manager_id == manager_id
    )
    return [kept(row) for row in (await tx.connection.execute(statement)).mappings()]


async def line_of(tx: Transaction, manager_id: UUID, *, organization_id: UUID) -> list[UUID]:
    """This manager, theirs, and so on up; empty when there is no such person."""
    line = (
        select(person.c.person_id, person.c.manager_id, func.coalesce(1).label("level"))
        .where(person.c.organization_id == organization_id, person.c.person_id == manager_id)
        .cte("line", recursive=True)
    )
    line = line.union_all(
        select(person.c.person_id, person.c.manager_id, line.c.level + 1)
        .join(line, person.c.person_id == line.c.manager_id)
        .where(person.c.organization_id == organization_id, line.c.level < _DEEPEST)
    )
    return list((await tx.connection.execute(select(line.c.person_id).order_by(line.c.level))).scalars())


async def holder_of(tx: Transaction, email: str, *, organization_id: UUID) -> UUID | None:
    """Who has this address in this organization."""
    found: UUID | None = await tx.connection.scalar(
        select(contact.c.person_id).where(
            contact.c.organization_id == organization_id, contact.c.email_key == email_key(email)
        )
    )
    return found


async def save(tx: Transaction, people: Sequence[Person]) -> None:
    """Keep new and changed people of one organization, which this transaction has locked. A few statements for any number."""
    if not people:
        return
    first = people[0].profile
    await tx.connection.execute(_SAVE_PERSON, [{**_row(each), "changed_at": tx.now} for each in people])
    # First let go of the old addresses, so that two people can exchange theirs.
    await tx.connection.execute(
        update(contact)
        .where(
            contact.c.organization_id == first.organization_id,
            contact.c.person_id.in_([each.profile.person_id for each in people]),
        )
        .values(email_key=None)
    )
    await tx.connection.execute(
        _SAVE_CONTACT,
        [
            {
                "organization_id": each.profile.organization_id,
                "person_id": each.profile.person_id,
                "email": each.email,
                "email_key": email_key(each.email) or None,
                "version": each.contact_version,
                "changed_at": tx.now,
            }
            for each in people
        ],
    )


async def load_erasure(tx: Transaction, person_id: UUID, *, organization_id: UUID) -> Erasure | None:
    """When this person was erased, if ever; they may have come back."""
    statement = select(erasure).where(erasure.c.organization_id == organization_id, erasure.c.person_id == person_id)
    row = (await tx.connection.execute(statement)).mappings().first()
    return Erasure(**row) if row else None


async def erasures(tx: Transaction, organization_id: UUID) -> list[Erasure]:
    """Everybody of this organization who was ever erased."""
    statement = select(erasure).where(erasure.c.organization_id == organization_id)
    return [Erasure(**row) for row in (await tx.connection.execute(statement)).mappings()]


async def erase(tx: Transaction, trace: Erasure, *, words: Sequence[str]) -> None:
    """Remove a person with all that hangs on them, and what reports of imports quote of them: rows of theirs, and ``words``."""
    columns = {
        "organization_id": trace.organization_id,
        "person_id": trace.person_id,
        "version": trace.version,
        "erased_at": trace.erased_at,
    }
    await tx.connection.execute(
        insert(erasure).values(columns).on_conflict_do_update(constraint="erasure_pkey", set_=columns)
    )
    await tx.connection.execute(
        update(import_problem)
        .where(
            import_problem.c.organization_id == trace.organization_id,
            or_(
                import_problem.c.person_id == trace.person_id,
                func.lower(import_problem.c.value).in_([word.lower() for word in words if word]),
            ),
        )
        .values(
            value="",
            remedy="",
            person_id=case((import_problem.c.person_id == trace.person_id, None), else_=import_problem.c.person_id),
        )
    )
    await tx.connection.execute(
        delete(person).where(person.c.organization_id == trace.organization_id, person.c.person_id == trace.person_id)
    )


async def consents_of(tx: Transaction, person_id: UUID, *, organization_id: UUID) -> list[KeptConsent]:
    """Every consent that this person ever gave or withdrew."""
    statement = (
        select(consent)
        .where(consent.c.organization_id == organization_id, consent.c.person_id == person_id)
        .order_by(consent.c.purpose)
    )
    return [kept_consent(row) for row in (await tx.connection.execute(statement)).mappings()]


async def save_consent(tx: Transaction, changed: KeptConsent, *, organization_id: UUID) -> None:
    """Keep a person's word; the person is locked by this transaction."""
    columns = {
        "organization_id": organization_id,
        "person_id": changed.consent.person_id,
        "purpose": changed.consent.purpose.value,
        "granted": changed.consent.granted,
        "until": changed.consent.until,
        "version": changed.version,
        "changed_at": tx.now,
    }
    await tx.connection.execute(
        insert(consent).values(columns).on_conflict_do_update(constraint="consent_pkey", set_=columns)
    )


def kept(row: RowMapping) -> Person:
    """A person from their row of ``people_with_contacts``."""
    return Person(
        profile=msgspec.convert(row, Profile),
        version=row["version"],
        email=row["email"],
        contact_version=row["contact_version"],
        onboarded_by=row["onboarded_by"],
        imported=row["imported"],
    )


def kept_consent(row: RowMapping) -> KeptConsent:
    """A consent from its row."""
    return KeptConsent(
        consent=Consent(
            person_id=row["person_id"],
            purpose=Purpose(row["purpose"]),
            granted=row["granted"],
            until=row["until"],
        ),
        version=row["version"],
    )


def _row(each: Person) -> dict[str, Any]:
    columns: dict[str, Any] = msgspec.to_builtins(each.profile, builtin_types=(UUID, date))
    return {
        **columns,
        "imported": dict(each.imported),
        "onboarded_by": each.onboarded_by,
        "version": each.version,
    }
