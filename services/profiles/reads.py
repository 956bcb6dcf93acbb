"""Private reads of profiles: reports of imports, and a person's own data."""

from __future__ import annotations

import asyncio

from chassis.database import Transaction
from contracts.profiles import ExportPerson, ImportReport, PersonExport, PreviewImport, ReadImport
from services.profiles import store
from services.profiles.domain import export, onboarding, people
from services.profiles.domain.onboarding import NoSuchImport
from services.profiles.domain.organizations import NoSuchOrganization


async def preview_import(query: PreviewImport, tx: Transaction) -> ImportReport:
    """The report that importing this file now would give; nothing is changed."""
    onboarding.may_import(query.actor, organization_id=query.organization_id)
    organization = await store.organizations.load(tx, query.organization_id)
    if organization is None:
        raise NoSuchOrganization
    plan = await asyncio.to_thread(  # half a second for the largest file: others are served meanwhile
        onboarding.plan,
        query.content,
        import_id=query.import_id,
        file_name=query.file_name,
        organization=organization.organization,
        known=await store.people.load_all(tx, query.organization_id),
        erased=await store.people.erasures(tx, query.organization_id),
        dry_run=True,
        actor=query.actor,
        now=tx.now,
    )
    return plan.report


async def read_import(query: ReadImport, tx: Transaction) -> ImportReport:
    """The report of an import that was carried out, for admins of its organization."""
    organization_id = query.actor.organization_id
    if organization_id is None or not query.actor.administers(organization_id):
        raise NoSuchImport
    kept = await store.imports.load(tx, query.import_id, organization_id=organization_id)
    if kept is None:
        raise NoSuchImport
    return kept.report


async def export_person(query: ExportPerson, tx: Transaction) -> PersonExport:
    """All that is kept here about the person who asks."""
    organization_id = export.may_export(query.actor, person_id=query.person_id)
    organization = await store.organizations.load(tx, organization_id)
    person = await store.people.load(tx, query.person_id, organization_id=organization_id)
    if organization is None or person is None:
        raise people.NoSuchPerson
    return export.export(
        person,
        organization=organization,
        consents=await store.people.consents_of(tx, query.person_id, organization_id=organization_id),
        mentions=await store.imports.mentions_of(tx, query.person_id, organization_id=organization_id),
        now=tx.now,
    )
