"""People, organizations and cohorts, as the facts of profiles and matching tell them; and everybody's wishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.holding import ERASURE, hold
from contracts.matching import Cohort, CohortAdvanced, CohortOpened
from contracts.notifications import NotificationKind, Preferences
from contracts.profiles import (
    ContactChanged,
    OrganizationRegistered,
    OrganizationUpdated,
    ProfileUpdated,
    ProposedField,
)
from services.notifications.domain.cohorts import partners_to_ask
from services.notifications.domain.people import Organization, Person, mailbox_id
from services.notifications.domain.preferences import Wishes
from services.notifications.domain.wording import CohortWords
from services.notifications.store.tables import cohort, organization, person, preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of everybody and everything that some messages name."""

    people: Mapping[UUID, Person]
    organizations: Mapping[UUID, Organization]
    cohorts: Mapping[UUID, CohortWords]
    wishes: Mapping[UUID, Preferences]


async def project_profiles(facts: Sequence[ProfileUpdated], tx: Transaction) -> None:
    """Keep names, locales and zones."""
    statement = insert(person)
    new = statement.excluded
    names = ("organization_id", "subject", "name", "locale", "zone", "shows", "profile_version")
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[person.c.person_id],
            set_={name: new[name] for name in names},
            where=(person.c.profile_version < new.profile_version) & ~person.c.erased,
        ),
        [
            {
                "person_id": fact.profile.person_id,
                "organization_id": fact.profile.organization_id,
                "subject": fact.profile.subject,
                "name": fact.profile.display_name,
                "locale": fact.profile.locale,
                "zone": fact.profile.zone,
                "shows": [field.value for field in fact.profile.proposed_fields],
                "profile_version": fact.version,
            }
            for fact in facts
        ],
    )


async def project_contacts(facts: Sequence[ContactChanged], tx: Transaction) -> None:
    """Keep addresses: this is the only table of the platform's services besides profiles' own that has them."""
    statement = insert(person)
    new = statement.excluded
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[person.c.person_id],
            set_={"email": new.email, "contact_version": new.contact_version},
            where=(person.c.contact_version < new.contact_version) & ~person.c.erased,
        ),
        [
            {
                "person_id": fact.person_id,
                "name": fact.display_name,
                "email": fact.email.strip(),
                "locale": fact.locale,
                "zone": fact.zone,
                "contact_version": fact.version,
            }
            for fact in facts
        ],
    )


async def project_organizations(facts: Sequence[OrganizationRegistered | OrganizationUpdated], tx: Transaction) -> None:
    """Keep names, disclosure and organizers; an organizer's bare address gets a mailbox of its own."""
    statement = insert(organization)
    new = statement.excluded
    names = ("name", "shows", "admins", "admin_emails", "version")
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[organization.c.organization_id],
            set_={name: new[name] for name in names},
            where=organization.c.version < new.version,
        ),
        [
            {
                "organization_id": fact.organization.organization_id,
                "name": fact.organization.name,
                "shows": [field.value for field in fact.organization.proposed_fields],
                "admins": list(fact.organization.admins),
                "admin_emails": [email.strip().casefold() for email in fact.organization.admin_emails if email.strip()],
                "version": fact.version,
            }
            for fact in facts
        ],
    )
    mailboxes = [
        {
            "person_id": mailbox_id(fact.organization.organization_id, email=email),
            "organization_id": fact.organization.organization_id,
            "name": fact.organization.name,
            "email": email.strip(),
            "locale": fact.organization.locale,
            "zone": fact.organization.zone,
            "mailbox": True,
            "profile_version": fact.version,
            "contact_version": fact.version,
        }
        for fact in facts
        for email in dict.fromkeys(fact.organization.admin_emails)
        if email.strip()
    ]
    if mailboxes:
        statement = insert(person)
        new = statement.excluded
        kept = ("name", "email", "locale", "zone", "profile_version", "contact_version")
        await tx.connection.execute(
            statement.on_conflict_do_update(
                index_elements=[person.c.person_id],
                set_={name: new[name] for name in kept},
                where=person.c.profile_version < new.profile_version,
            ),
            mailboxes,
        )


async def project_cohorts(facts: Sequence[CohortOpened | CohortAdvanced], tx: Transaction) -> None:
    """Keep names and dates, and which partners have still to be asked."""
    statement = insert(cohort)
    new = statement.excluded
    names = ("name", "closes_at", "starts_at", "ends_at", "initiator_id", "partners", "to_ask", "version")
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[cohort.c.cohort_id],
            set_={name: new[name] for name in names},
            where=cohort.c.version < new.version,
        ),
        [_cohort_row(fact.cohort, version=fact.version) for fact in facts],
    )


def _cohort_row(edition: Cohort, *, version: int) -> dict[str, object]:
    return {
        "cohort_id": edition.cohort_id,
        "name": edition.name,
        "closes_at": edition.closes_at,
        "starts_at": edition.starts_at,
        "ends_at": edition.ends_at,
        "initiator_id": edition.partners[0].organization_id if edition.partners else None,
        "partners": len(edition.partners),
        "to_ask": list(partners_to_ask(edition)),
        "version": version,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAsk:
    """A drafted cohort whose partners' organizers are to be asked."""

    cohort_id: UUID
    initiator_id: UUID
    partners: int
    organizations: tuple[UUID, ...]


async def take_partners_to_ask(tx: Transaction, *, most: int) -> list[ToAsk]:
    """Cohorts with partners to ask whose organizations are all known; they are taken off the list."""
    asked = sa.func.unnest(cohort.c.to_ask).table_valued("id", name="asked").render_derived()
    unknown = (
        sa.select(sa.literal(1))
        .select_from(asked)
        .where(~sa.exists().where(organization.c.organization_id == asked.c.id))
    )
    rows = (
        await tx.connection.execute(
            sa.select(cohort.c.cohort_id, cohort.c.initiator_id, cohort.c.partners, cohort.c.to_ask)
            .where(sa.func.cardinality(cohort.c.to_ask) > 0, ~sa.exists(unknown))
            .limit(most)
            .with_for_update(skip_locked=True)
        )
    ).all()
    if rows:
        await tx.connection.execute(
            sa.update(cohort).where(cohort.c.cohort_id.in_([row.cohort_id for row in rows])).values(to_ask=[])
        )
    return [
        ToAsk(
            cohort_id=row.cohort_id,
            initiator_id=row.initiator_id,
            partners=row.partners,
            organizations=tuple(row.to_ask),
        )
        for row in rows
    ]


async def organizers(tx: Transaction, organizations: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """The people and mailboxes that organize for each organization, once per address, sorted by id."""
    colleague = person.alias("colleague")
    is_admin = ~person.c.mailbox & (person.c.subject == sa.any_(organization.c.admins))
    is_mailbox = (
        person.c.mailbox
        & (sa.func.lower(person.c.email) == sa.any_(organization.c.admin_emails))
        & ~sa.exists().where(
            colleague.c.organization_id == organization.c.organization_id,
            ~colleague.c.mailbox,
            ~colleague.c.erased,
            colleague.c.subject == sa.any_(organization.c.admins),
            sa.func.lower(colleague.c.email) == sa.func.lower(person.c.email),
        )
    )
    rows = await tx.connection.execute(
        sa.select(organization.c.organization_id, person.c.person_id)
        .join(person, person.c.organization_id == organization.c.organization_id)
        .where(organization.c.organization_id.in_(list(organizations)), ~person.c.erased, is_admin | is_mailbox)
        .order_by(person.c.person_id)
    )
    found: dict[UUID, list[UUID]] = {}
    for row in rows:
        found.setdefault(row.organization_id, []).append(row.person_id)
    return found


async def load_known(
    tx: Transaction, *, people: Iterable[UUID], organizations: Iterable[UUID], cohorts: Iterable[UUID]
) -> Known:
    """Everything about these, their organizations included; who is not known is not in the answer."""
    rows = (
        (
            await tx.connection.execute(
                sa.select(person, preferences)
                .outerjoin(preferences, preferences.c.person_id == person.c.person_id)
                .where(person.c.person_id.in_(sorted(set(people))), (person.c.profile_version > 0) | person.c.erased)
            )
        )
        .mappings()
        .all()
    )
    persons = {each.person_id: each for each in (to_person(row) for row in rows)}
    wanted = {*organizations, *(each.organization_id for each in persons.values() if each.organization_id)}
    organization_rows: Iterable[sa.Row[Any]] = ()
    if wanted:
        statement = sa.select(organization).where(organization.c.organization_id.in_(sorted(wanted)))
        organization_rows = await tx.connection.execute(statement)
    cohort_rows: Iterable[sa.Row[Any]] = ()
    if wanted_cohorts := sorted(set(cohorts)):
        cohort_rows = await tx.connection.execute(sa.select(cohort).where(cohort.c.cohort_id.in_(wanted_cohorts)))
    return Known(
        people=persons,
        organizations={
            row.organization_id: Organization(
                organization_id=row.organization_id, name=row.name, shows=_fields(row.shows)
            )
            for row in organization_rows
        },
        cohorts={
            row.cohort_id: CohortWords(
                cohort_id=row.cohort_id,
                name=row.name,
                closes_at=row.closes_at,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
            )
            for row in cohort_rows
        },
        wishes={each.person_id: each for each in (to_preferences(row) for row in rows if row[preferences.c.person_id])},
    )


async def erase_person(tx: Transaction, person_id: UUID, *, version: int) -> bool:
    """Leave nothing of a person but a mark that they are gone; False when it was there already. Nobody writes messages meanwhile."""
    await hold(tx, what=ERASURE)
    blank: dict[str, object] = {
        "organization_id": None,
        "subject": "",
        "name": "",
        "email": "",
        "locale": "en",
        "zone": "UTC",
        "shows": [],
        "erased": True,
        "profile_version": version,
    }
    erased = await tx.connection.execute(
        insert(person)
        .values(person_id=person_id, **blank)
        .on_conflict_do_update(index_elements=[person.c.person_id], set_=blank, where=~person.c.erased)
        .returning(person.c.person_id)
    )
    if erased.first() is None:
        return False
    await tx.connection.execute(sa.delete(preferences).where(preferences.c.person_id == person_id))
    return True


async def load_wishes(tx: Transaction, person_id: UUID, *, lock: bool = False) -> Wishes:
    """A person's wishes; the default ones when they never said any. Locked wishes have a row."""
    if lock:
        default = Preferences(person_id=person_id)
        await tx.connection.execute(
            insert(preferences)
            .values(_preferences_row(Wishes(preferences=default)))
            .on_conflict_do_nothing(index_elements=[preferences.c.person_id])
        )
    select = sa.select(preferences).where(preferences.c.person_id == person_id)
    row = (await tx.connection.execute(select.with_for_update() if lock else select)).mappings().first()
    if row is None:
        return Wishes(preferences=Preferences(person_id=person_id))
    return Wishes(preferences=to_preferences(row), version=row["version"])


async def save_wishes(tx: Transaction, wishes: Wishes) -> None:
    """Write wishes that were loaded with a lock."""
    row = _preferences_row(wishes)
    await tx.connection.execute(
        sa.update(preferences).where(preferences.c.person_id == wishes.preferences.person_id).values(row)
    )


def to_person(row: sa.RowMapping) -> Person:
    """A row of ``person``."""
    return Person(
        person_id=row[person.c.person_id],
        organization_id=row[person.c.organization_id],
        subject=row[person.c.subject],
        name=row[person.c.name],
        email=row[person.c.email],
        locale=row[person.c.locale],
        zone=row[person.c.zone],
        shows=_fields(row[person.c.shows]),
        contact_known=row[person.c.contact_version] > 0 or row[person.c.erased],
        mailbox=row[person.c.mailbox],
        erased=row[person.c.erased],
    )


def to_preferences(row: sa.RowMapping) -> Preferences:
    """A row of ``preferences``."""
    return Preferences(
        person_id=row[preferences.c.person_id],
        muted_kinds=tuple(NotificationKind(kind) for kind in row[preferences.c.muted_kinds]),
        email_enabled=row[preferences.c.email_enabled],
        quiet_from=row[preferences.c.quiet_from],
        quiet_until=row[preferences.c.quiet_until],
    )


def _preferences_row(wishes: Wishes) -> dict[str, object]:
    said = wishes.preferences
    return {
        "person_id": said.person_id,
        "muted_kinds": [kind.value for kind in said.muted_kinds],
        "email_enabled": said.email_enabled,
        "quiet_from": said.quiet_from,
        "quiet_until": said.quiet_until,
        "version": wishes.version,
    }


def _fields(names: Iterable[str]) -> frozenset[ProposedField]:
    known = {field.value for field in ProposedField}
    return frozenset(ProposedField(name) for name in names if name in known)
