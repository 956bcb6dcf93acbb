"""Reading organizations, people, and what is theirs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.base import Actor, decode
from contracts.matching import EnrolmentStatus, PairStatus
from contracts.notifications import Preferences
from contracts.profiles import Consent, Organization, Profile, Purpose
from gateway.policy import TAKING_PART, Acquaintance
from gateway.store.paging import Asked, Key, Page, read_page
from gateway.store.tables import (
    Moment,
    Uuid,
    among,
    cohorts,
    consents,
    contacts,
    enrolments,
    is_partner,
    organizations,
    pairs,
    people,
    preferences,
)

_SEEN = [status.value for status in (*sorted(TAKING_PART), EnrolmentStatus.INVITED)]
_PART = [status.value for status in sorted(TAKING_PART)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody who has sent a token: their organization, and their profile if they have one."""

    organization: Organization
    person_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person with all that policy asks to know."""

    profile: Profile
    organization: Organization | None
    email: str
    known: Acquaintance


async def known_subject(tx: Transaction, *, issuer: str, subject: str) -> Known | None:
    """The organization with this issuer, and its person with this subject; None when no organization, or more than one, has it."""
    rows = (
        await tx.connection.execute(
            sa.select(organizations.c.state, people.c.id)
            .select_from(
                organizations.outerjoin(
                    people,
                    sa.and_(people.c.organization_id == organizations.c.id, people.c.subject == subject),
                )
            )
            .where(organizations.c.issuer == issuer)
        )
    ).all()
    if len({row.state for row in rows}) != 1:
        return None
    return Known(organization=decode(Organization, rows[0].state), person_id=rows[0].id)


async def organizations_by_id(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Organization]:
    """Organizations."""
    rows = await tx.connection.execute(
        sa.select(organizations.c.id, organizations.c.state).where(among(organizations.c.id, ids))
    )
    return {row.id: decode(Organization, row.state) for row in rows}


async def partner_organizations(tx: Transaction, organization_id: UUID, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Which of these organizations are in a cohort with this one."""
    partner = sa.func.unnest(cohorts.c.partner_ids).label("partner")
    together = sa.select(partner).where(is_partner(organization_id)).distinct().subquery()
    rows = await tx.connection.execute(sa.select(together.c.partner).where(among(together.c.partner, ids)))
    return frozenset(rows.scalars())


async def organizations_by_name(tx: Transaction, *, partners_of: UUID | None, asked: Asked) -> Page[Organization]:
    """Organizations by name: all of them, or those that are in a cohort with one (which is among them)."""
    statement = sa.select(organizations.c.state)
    if partners_of is not None:
        partner = sa.func.unnest(cohorts.c.partner_ids).label("partner")
        together = sa.select(partner).where(is_partner(partners_of)).subquery()
        statement = statement.where(
            sa.or_(organizations.c.id == partners_of, organizations.c.id.in_(sa.select(together.c.partner)))
        )
    keys = [Key(organizations.c.name_key, str), Key(organizations.c.id, UUID)]
    page = await read_page(tx, statement, keys=keys, asked=asked, count=True)
    return _mapped(page, [decode(Organization, row.state) for row in page.rows])


async def people_by_id(tx: Transaction, viewer: Actor, ids: Sequence[UUID]) -> dict[UUID, PersonRow]:
    """People with what connects them to the viewer."""
    rows = await tx.connection.execute(_person(viewer, tx).where(among(people.c.id, ids)))
    return {row.id: _person_row(row) for row in rows}


async def people_of_organization(
    tx: Transaction, viewer: Actor, organization_id: UUID, *, asked: Asked
) -> Page[PersonRow]:
    """An organization's people by name."""
    statement = _person(viewer, tx).where(people.c.organization_id == organization_id)
    page = await read_page(tx, statement, keys=_BY_NAME, asked=asked, count=True)
    return _mapped(page, [_person_row(row) for row in page.rows])


async def people_of_cohort(tx: Transaction, viewer: Actor, cohort_id: UUID, *, asked: Asked) -> Page[PersonRow]:
    """The active people who take part in a cohort, by name."""
    statement = _person(viewer, tx).where(
        people.c.active,
        people.c.id.in_(
            sa.select(enrolments.c.person_id).where(enrolments.c.cohort_id == cohort_id, enrolments.c.status.in_(_PART))
        ),
    )
    page = await read_page(tx, statement, keys=_BY_NAME, asked=asked)
    return _mapped(page, [_person_row(row) for row in page.rows])


async def takes_part(tx: Transaction, *, person_id: UUID, cohort_id: UUID) -> bool:
    """Whether a person takes part in a cohort."""
    return bool(
        await tx.connection.scalar(
            sa.select(
                sa.exists().where(
                    enrolments.c.person_id == person_id,
                    enrolments.c.cohort_id == cohort_id,
                    enrolments.c.status.in_(_PART),
                )
            )
        )
    )


async def consents_of(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, list[Consent]]:
    """People's consents by purpose."""
    rows = await tx.connection.execute(
        sa.select(consents.c.person_id, consents.c.state)
        .where(among(consents.c.person_id, ids))
        .order_by(consents.c.purpose)
    )
    found: dict[UUID, list[Consent]] = {}
    for row in rows:
        found.setdefault(row.person_id, []).append(decode(Consent, row.state))
    return found


async def preferences_of(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Preferences]:
    """People's wishes, as far as they have said any."""
    rows = await tx.connection.execute(
        sa.select(preferences.c.person_id, preferences.c.state).where(among(preferences.c.person_id, ids))
    )
    return {row.person_id: decode(Preferences, row.state) for row in rows}


_BY_NAME = [Key(people.c.name_key, str), Key(people.c.id, UUID)]


def _person(viewer: Actor, tx: Transaction) -> sa.Select[Any]:
    """Each person with their organization, address, and all that connects them to the viewer: one statement for any number."""
    statement = _statement(a_person=viewer.person_id is not None, of_an_organization=viewer.organization_id is not None)
    return statement.params(me=viewer.person_id, mine=viewer.organization_id, now=tx.now)


@cache
def _statement(*, a_person: bool, of_an_organization: bool) -> sa.Select[Any]:
    # Built once: putting it together costs more than asking it.
    me, now = sa.bindparam("me", type_=Uuid), sa.bindparam("now", type_=Moment)
    own, theirs = enrolments.alias("own"), enrolments.alias("theirs")
    ours = sa.select(pairs.c.status).where(
        pairs.c.shown,
        sa.or_(
            sa.and_(pairs.c.person_a == me, pairs.c.person_b == people.c.id),
            sa.and_(pairs.c.person_b == me, pairs.c.person_a == people.c.id),
        ),
    )
    share = sa.exists().where(
        theirs.c.person_id == people.c.id,
        theirs.c.status.in_(_PART),
        own.c.cohort_id == theirs.c.cohort_id,
        own.c.person_id == me,
        own.c.status.in_(_PART),
    )
    partner = sa.exists().where(
        theirs.c.person_id == people.c.id,
        theirs.c.status.in_(_SEEN),
        cohorts.c.id == theirs.c.cohort_id,
        sa.bindparam("mine", type_=Uuid) == sa.any_(cohorts.c.partner_ids),
    )
    withdrawn = sa.exists().where(
        consents.c.person_id == people.c.id,
        consents.c.purpose == Purpose.MATCHING.value,
        sa.or_(sa.not_(consents.c.granted), consents.c.until <= now),
    )
    nothing, none = sa.literal(False), sa.cast(sa.literal("{}"), sa.ARRAY(sa.Text))
    return sa.select(
        people.c.id,
        people.c.state,
        organizations.c.state.label("organization"),
        contacts.c.email,
        (sa.func.array(ours.scalar_subquery()) if a_person else none).label("statuses"),
        (share if a_person else nothing).label("share"),
        (partner if of_an_organization else nothing).label("partner"),
        withdrawn.label("withdrawn"),
    ).select_from(
        people.outerjoin(organizations, organizations.c.id == people.c.organization_id).outerjoin(
            contacts, contacts.c.id == people.c.id
        )
    )


def _person_row(row: sa.Row[Any]) -> PersonRow:
    return PersonRow(
        profile=decode(Profile, row.state),
        organization=decode(Organization, row.organization) if row.organization is not None else None,
        email=row.email or "",
        known=Acquaintance(
            statuses=frozenset(map(PairStatus, row.statuses)),
            share_a_cohort=row.share,
            in_a_cohort_of_mine=row.partner,
            consent_withdrawn=row.withdrawn,
        ),
    )


def _mapped(page: Page[Any], rows: Sequence[Any]) -> Page[Any]:
    return Page(rows=rows, keys=page.keys, more=page.more, total=page.total)
