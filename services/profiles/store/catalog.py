"""The present public state of everything that profiles owns, as facts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import RowMapping, Select, and_, select

from chassis.database import Transaction
from contracts.base import Event
from contracts.profiles import OrganizationUpdated, ProfileUpdated
from services.profiles.domain.consents import consent_fact
from services.profiles.domain.people import Erasure, contact_fact, erasure_facts
from services.profiles.store import organizations, people
from services.profiles.store.tables import consent, contact, erasure, organization, person

_PAGE = 500


async def current_facts(tx: Transaction) -> AsyncIterator[Event]:
    """Each aggregate's newest fact, with its present version, organizations first; of the erased, that they are erased."""
    async for row in _rows(tx, select(organization)):
        kept = organizations.kept(row)
        organization_id = kept.organization.organization_id
        yield OrganizationUpdated(
            key=organization_id,
            version=kept.version,
            occurred_at=row["changed_at"],
            organization_id=organization_id,
            organization=kept.organization,
        )
    async for row in _rows(tx, people.people_with_contacts().add_columns(contact.c.changed_at.label("reached_at"))):
        each = people.kept(row)
        yield ProfileUpdated(
            key=each.profile.person_id,
            version=each.version,
            occurred_at=row["changed_at"],
            organization_id=each.profile.organization_id,
            profile=each.profile,
        )
        yield contact_fact(
            each.profile, email=each.email, version=each.contact_version, actor_id=None, now=row["reached_at"]
        )
    async for row in _rows(tx, select(consent)):
        yield consent_fact(
            people.kept_consent(row),
            organization_id=row["organization_id"],
            actor_id=None,
            now=row["changed_at"],
        )
    here = and_(person.c.organization_id == erasure.c.organization_id, person.c.person_id == erasure.c.person_id)
    gone = select(erasure).where(~select(person.c.person_id).where(here).exists())
    async for row in _rows(tx, gone):
        for fact in erasure_facts(Erasure(**row)):
            yield fact


async def _rows(tx: Transaction, statement: Select[Any]) -> AsyncIterator[RowMapping]:
    """Row by row, a page in memory at a time: facts are written between two pages on the same connection."""
    result = await tx.connection.stream(statement, execution_options={"yield_per": _PAGE})
    async for row in result.mappings():
        yield row
