"""Every write of profiles: lock, load, let the domain decide, save, tell."""

from __future__ import annotations

import asyncio
from uuid import UUID

from chassis import outbox
from chassis.database import Transaction
from contracts.base import Event
from contracts.partly import meant
from contracts.profiles import (
    ChangeConsent,
    ErasePerson,
    ImportPeople,
    RegisterOrganization,
    SaveProfile,
    UpdateOrganization,
)
from services.profiles import store
from services.profiles.domain import consents, onboarding, organizations, people
from services.profiles.domain.organizations import KeptOrganization, NoSuchOrganization


async def register_organization(command: RegisterOrganization, tx: Transaction) -> list[Event]:
    """A new partner organization, by an operator."""
    registered = organizations.register(command.organization, actor=command.actor, now=tx.now)
    new = registered.kept.organization
    if not await store.organizations.add(tx, registered.kept):
        raise organizations.taken_by(await store.organizations.taken(tx, new), organization=new)
    return list(registered.facts)


async def update_organization(command: UpdateOrganization, tx: Transaction) -> list[Event]:
    """New settings of an organization, by its admins or an operator."""
    organizations.may_update(command.actor, organization=command.organization)
    current = await _locked(tx, command.organization.organization_id)
    organization = meant(command.organization, over=current.organization, only=command.only)
    updated = organizations.update(current, organization=organization, actor=command.actor, now=tx.now)
    if updated.facts:
        await store.organizations.save(tx, updated.kept)
    return list(updated.facts)


async def save_profile(command: SaveProfile, tx: Transaction) -> list[Event]:
    """Create or change a person, by themselves or an admin."""
    people.may_save(command.actor, profile=command.profile)
    organization_id = command.profile.organization_id
    await _locked(tx, organization_id)
    current = await store.people.load(tx, command.profile.person_id, organization_id=organization_id, lock=True)
    profile = meant(command.profile, over=current.profile if current else None, only=command.only)
    saved = people.save(
        current,
        profile=profile,
        email=command.email,
        email_holder=(
            await store.people.holder_of(tx, command.email.strip(), organization_id=organization_id)
            if command.email
            else None
        ),
        managers_above=(
            await store.people.line_of(tx, profile.manager_id, organization_id=organization_id)
            if profile.manager_id
            else ()
        ),
        erasure=await store.people.load_erasure(tx, profile.person_id, organization_id=organization_id),
        actor=command.actor,
        now=tx.now,
    )
    if saved.facts:
        await store.people.save(tx, [saved.person])
    return list(saved.facts)


async def import_people(command: ImportPeople, tx: Transaction) -> list[Event]:
    """Onboard people from a file, by an admin; the same file again under the same import id does nothing."""
    onboarding.may_import(command.actor, organization_id=command.organization_id)
    organization = await _locked(tx, command.organization_id)
    before = await store.imports.load(tx, command.import_id, organization_id=command.organization_id)
    if before and onboarding.is_repetition(before, content=command.content):
        return []
    plan = await asyncio.to_thread(  # half a second for the largest file: others are served meanwhile
        onboarding.plan,
        command.content,
        import_id=command.import_id,
        file_name=command.file_name,
        organization=organization.organization,
        known=await store.people.load_all(tx, command.organization_id),
        erased=await store.people.erasures(tx, command.organization_id),
        dry_run=False,
        actor=command.actor,
        now=tx.now,
    )
    kept = onboarding.KeptImport(
        organization_id=command.organization_id,
        report=plan.report,
        digest=onboarding.digest_of(command.content),
        imported_at=tx.now,
    )
    await store.imports.add(tx, kept)
    await store.people.save(tx, plan.people)
    await store.imports.add_rows(tx, plan, organization_id=command.organization_id)
    return list(plan.facts)


async def change_consent(command: ChangeConsent, tx: Transaction) -> list[Event]:
    """A person's own word for one purpose."""
    consent = command.consent
    organization_id = consents.may_change(command.actor, consent=consent)
    if not await store.people.load(tx, consent.person_id, organization_id=organization_id, lock=True):
        raise people.NoSuchPerson
    given = await store.people.consents_of(tx, consent.person_id, organization_id=organization_id)
    erasure = await store.people.load_erasure(tx, consent.person_id, organization_id=organization_id)
    changed = consents.change(
        next((each for each in given if each.consent.purpose is consent.purpose), None),
        consent=consent,
        least_version=erasure.version if erasure else 0,
        actor=command.actor,
        now=tx.now,
    )
    if changed.facts:
        await store.people.save_consent(tx, changed.kept, organization_id=organization_id)
    return list(changed.facts)


async def erase_person(command: ErasePerson, tx: Transaction) -> list[Event]:
    """Let a person go, by themselves or an admin."""
    organization_id = people.may_erase(command.actor, person_id=command.person_id)
    organization = await _locked(tx, organization_id)
    person = await store.people.load(tx, command.person_id, organization_id=organization_id, lock=True)
    if person is None:
        raise people.NoSuchPerson
    erased = people.erase(
        person,
        reports=await store.people.reports_of(tx, command.person_id, organization_id=organization_id),
        consents=await store.people.consents_of(tx, command.person_id, organization_id=organization_id),
        organization=organization,
        actor=command.actor,
        now=tx.now,
    )
    await store.people.save(tx, erased.reports)
    await store.people.erase(tx, erased.erasure, words=people.words_of(person))
    await store.organizations.save(tx, erased.organization)
    return await outbox.forget(tx, erased.facts)


async def _locked(tx: Transaction, organization_id: UUID) -> KeptOrganization:
    """The organization, locked until the end of the transaction; NoSuchOrganization."""
    organization = await store.organizations.load(tx, organization_id, lock=True)
    if organization is None:
        raise NoSuchOrganization
    return organization
