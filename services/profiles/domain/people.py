"""People: who may save a profile, what a save changes, and how a person is erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from contracts.base import Actor, Event, Role
from contracts.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from contracts.profiles import ContactChanged, Profile, ProfileErased, ProfileUpdated
from services.profiles.domain import profile as profiles, values
from services.profiles.domain.consents import KeptConsent, withdrawn
from services.profiles.domain.organizations import ChangedOrganization, KeptOrganization, without_admin


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person as they are kept: profile, address, and the version of each."""

    profile: Profile
    version: int
    email: str = ""
    contact_version: int = 0
    onboarded_by: UUID | None = None  # the import that brought them first; None: they came by themselves
    imported: Mapping[str, object] = field(default_factory=dict)  # what the organization's file said last, by field


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPerson:
    """A person after a change, and the facts that tell of it."""

    person: Person
    facts: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """That somebody was here once. Keeps no word of theirs; ``version`` is above every version that any fact of theirs had."""

    person_id: UUID
    organization_id: UUID
    version: int
    erased_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedPerson:
    """What is left when a person goes: the trace, the people who reported to them, the organization, and the facts."""

    erasure: Erasure
    reports: tuple[Person, ...]
    organization: KeptOrganization
    facts: tuple[Event, ...]


class NoSuchPerson(NotFound):
    """There is nobody with this id, or nobody whom the actor may know of: the two look alike."""

    def __init__(self) -> None:
        super().__init__("There is no such person.", remedy="Check the person's id and whose token you use.")


class NotYourProfile(NotAllowed):
    """Somebody tried to write another person's profile without being an admin of their organization."""


class OnlyAdminsActivate(NotAllowed):
    """A person tried to change whether the organization counts them as active."""


class InvalidProfile(Invalid):
    """The profile is wrong; the problems say where."""


class EmailTaken(Conflict):
    """A colleague has this address. Another organization's people are never looked at."""


class WasErased(Conflict):
    """An admin tried to bring an erased person back."""


class LastAdmin(Conflict):
    """The person to be erased is the only admin of their organization."""


def may_save(actor: Actor, *, profile: Profile) -> None:
    """Nothing for the person and admins of their organization; NoSuchPerson outside of it, NotYourProfile for a colleague."""
    if actor.administers(profile.organization_id):
        return
    if actor.organization_id != profile.organization_id:
        raise NoSuchPerson
    if not (actor.is_a(Role.PERSON) and actor.person_id == profile.person_id and actor.subject == profile.subject):
        raise NotYourProfile(
            "A profile is written by the person themselves or by an admin of their organization.",
            remedy="Use the token of the person, or an admin's.",
        )


def save(
    current: Person | None,
    *,
    profile: Profile,
    email: str | None,
    email_holder: UUID | None,
    managers_above: Sequence[UUID],
    erasure: Erasure | None,
    actor: Actor,
    now: datetime,
) -> ChangedPerson:
    """The person with this profile, without facts when nothing changes.

    ``email`` None leaves the address as it is, "" removes it; ``email_holder`` is who has it in the organization now.
    ``managers_above``: the new manager first, then theirs, up to the top; empty when the manager does not exist.
    """
    tidied = profiles.tidy(profile)
    address = (current.email if current else "") if email is None else email.strip()
    problems = list(profiles.problems_of(tidied))
    if address:
        problems += [problem] if (problem := values.email_problem("email", address)) else []
    if tidied.manager_id is not None and tidied.manager_id != tidied.person_id:
        if tidied.manager_id not in managers_above:
            problems.append(
                Problem(
                    "manager_id",
                    "is nobody of this organization",
                    str(tidied.manager_id),
                    "Save the manager's profile first, or name nobody.",
                )
            )
        elif tidied.person_id in managers_above:
            problems.append(
                Problem(
                    "manager_id",
                    "reports, perhaps through others, to this very person",
                    str(tidied.manager_id),
                    "Name somebody above both, or nobody.",
                )
            )
    if problems:
        raise InvalidProfile(
            "The profile is not right yet.",
            remedy="Mend what the problems name and send it again.",
            problems=tuple(problems),
        )
    if current is None and erasure and actor.person_id != tidied.person_id:
        raise WasErased(
            f"This person was erased on {erasure.erased_at:%Y-%m-%d} and is not brought back by somebody else.",
            remedy="They can come back by signing in and saving their profile themselves.",
        )
    if not actor.administers(tidied.organization_id) and tidied.active != (current.profile.active if current else True):
        raise OnlyAdminsActivate(
            "Whether somebody is active in the organization is the organization's word.",
            remedy="Leave it as it is; to take a break, pause your enrolments.",
        )
    if address and email_holder not in (None, tidied.person_id):
        raise EmailTaken(
            "Somebody else in this organization has this e-mail address.",
            remedy="Use another address, or let an admin correct the other person's.",
        )
    return changed(
        current,
        profile=tidied,
        email=address,
        least_version=erasure.version if erasure else 0,
        actor_id=actor.person_id,
        now=now,
    )


def changed(
    current: Person | None,
    *,
    profile: Profile,
    email: str,
    least_version: int,
    actor_id: UUID | None,
    now: datetime,
) -> ChangedPerson:
    """The person with this profile and address: one fact and one version more for each that differs.

    ``least_version``: above it versions start, for somebody who was erased before and comes back.
    """
    version = current.version if current else least_version
    contact_version = current.contact_version if current else least_version
    facts: list[Event] = []
    if current is None or profile != current.profile:
        version += 1
        facts.append(
            ProfileUpdated(
                key=profile.person_id,
                version=version,
                occurred_at=now,
                organization_id=profile.organization_id,
                actor_id=actor_id,
                profile=profile,
            )
        )
    if current is None or _reached(profile, email) != _reached(current.profile, current.email):
        contact_version += 1
        facts.append(contact_fact(profile, email=email, version=contact_version, actor_id=actor_id, now=now))
    before = current or Person(profile=profile, version=version)
    person = replace(before, profile=profile, version=version, email=email, contact_version=contact_version)
    return ChangedPerson(person=person, facts=tuple(facts))


def contact_fact(profile: Profile, *, email: str, version: int, actor_id: UUID | None, now: datetime) -> ContactChanged:
    """How to reach this person."""
    return ContactChanged(
        key=profile.person_id,
        version=version,
        occurred_at=now,
        organization_id=profile.organization_id,
        actor_id=actor_id,
        person_id=profile.person_id,
        display_name=profile.display_name,
        email=email,
        locale=profile.locale,
        zone=profile.zone,
    )


def may_erase(actor: Actor, *, person_id: UUID) -> UUID:
    """The organization in which the actor may erase this person; NoSuchPerson."""
    themselves = actor.is_a(Role.PERSON) and actor.person_id == person_id
    if actor.organization_id is None or not (themselves or actor.administers(actor.organization_id)):
        raise NoSuchPerson
    return actor.organization_id


def erase(
    person: Person,
    *,
    reports: Sequence[Person],
    consents: Sequence[KeptConsent],
    organization: KeptOrganization,
    actor: Actor,
    now: datetime,
) -> ErasedPerson:
    """Let a person go: nothing of theirs stays here, and facts tell everybody to do the same; LastAdmin."""
    gone = person.profile
    if organization.organization.admins == (gone.subject,):
        raise LastAdmin(
            "This person is the only admin of their organization.",
            remedy="Name another admin in the organization's settings first.",
        )
    version = 1 + max(person.version, person.contact_version, *(each.version for each in consents), 0)
    erasure = Erasure(person_id=gone.person_id, organization_id=gone.organization_id, version=version, erased_at=now)
    freed = [
        changed(
            each,
            profile=replace(each.profile, manager_id=None),
            email=each.email,
            least_version=0,
            actor_id=actor.person_id,
            now=now,
        )
        for each in reports
    ]
    left: ChangedOrganization = without_admin(
        organization, subject=gone.subject, email=person.email, actor=actor, now=now
    )
    return ErasedPerson(
        erasure=erasure,
        reports=tuple(each.person for each in freed),
        organization=left.kept,
        facts=(
            *erasure_facts(erasure, actor_id=actor.person_id),
            *(withdrawn(each, version=version, organization_id=gone.organization_id, now=now) for each in consents),
            *(fact for each in freed for fact in each.facts),
            *left.facts,
        ),
    )


def words_of(person: Person) -> tuple[str, ...]:
    """What a report may quote of somebody in another one's row, as reports show it: external id, name, address."""
    quoted = (person.profile.subject, person.profile.display_name, person.email)
    return tuple(values.shown(each) for each in quoted if each)


def erasure_facts(erasure: Erasure, *, actor_id: UUID | None = None) -> tuple[Event, ...]:
    """The last words about a person: their profile is erased and their address is empty."""
    return (
        ProfileErased(
            key=erasure.person_id,
            version=erasure.version,
            occurred_at=erasure.erased_at,
            organization_id=erasure.organization_id,
            actor_id=actor_id,
            person_id=erasure.person_id,
        ),
        ContactChanged(
            key=erasure.person_id,
            version=erasure.version,
            occurred_at=erasure.erased_at,
            organization_id=erasure.organization_id,
            actor_id=actor_id,
            person_id=erasure.person_id,
            display_name="",
            email="",
            locale="",
            zone="",
        ),
    )


def _reached(profile: Profile, email: str) -> tuple[str, str, str, str]:
    return profile.display_name, email, profile.locale, profile.zone
