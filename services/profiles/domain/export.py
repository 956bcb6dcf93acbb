"""A person's data, to take away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from contracts.base import Actor, Role
from contracts.profiles import PersonExport
from services.profiles.domain.consents import KeptConsent
from services.profiles.domain.formulas import neutralized
from services.profiles.domain.organizations import KeptOrganization
from services.profiles.domain.people import NoSuchPerson, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportMention:
    """A row of a file that was about a person: what became of it, and for a refused one what was wrong."""

    file_name: str
    imported_at: datetime
    row: int
    outcome: str
    column: str = ""
    value: str = ""
    message: str = ""


def may_export(actor: Actor, *, person_id: UUID) -> UUID:
    """The organization of the person who asks for their own data; NoSuchPerson for everybody else, admins included."""
    if not (actor.is_a(Role.PERSON) and actor.person_id == person_id and actor.organization_id):
        raise NoSuchPerson
    return actor.organization_id


def export(
    person: Person,
    *,
    organization: KeptOrganization,
    consents: Sequence[KeptConsent],
    mentions: Sequence[ImportMention],
    now: datetime,
) -> PersonExport:
    """Everything that profiles keeps about the person; texts that a spreadsheet would run begin with an apostrophe."""
    kept = {
        "exported_at": now,
        "organization": {
            "organization_id": organization.organization.organization_id,
            "name": organization.organization.name,
            "you_are_an_admin": person.profile.subject in organization.organization.admins,
        },
        "profile": person.profile,
        "contact": {"email": person.email},
        "consents": [each.consent for each in consents],
        "onboarding": {
            "onboarded_by_import": person.onboarded_by,
            "last_said_by_the_organization": person.imported,
            "imports": [asdict(each) for each in mentions],
        },
        "kept_elsewhere": "Matching, feedback and notifications keep what belongs to your pairs, sessions and messages.",
    }
    text = json.dumps(neutralized(msgspec.to_builtins(kept)), ensure_ascii=False, indent=2)
    return PersonExport(person_id=person.profile.person_id, exported_at=now, json=text)
