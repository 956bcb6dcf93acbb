"""Organizations, people and files to test with, and an independent writer of the CSV format."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from contracts.base import Actor, Role
from contracts.profiles import (
    Language,
    Need,
    NeedKind,
    Offer,
    Organization,
    Profile,
    Setting,
    Window,
    person_id_of,
)

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
OPERATOR = Actor(roles=(Role.OPERATOR,), subject="operator")
NAMESPACE = UUID("6c6c2f0e-6f1b-4b53-9a38-6a3b4f2f2f10")
HEADER = (
    "external_id,name,email,job_title,locale,zone,languages,team,manager,career_stage,industry,function,education,region,"
    "availability,criticism,offers,needs,role,capacity"
)
COLUMNS = tuple(HEADER.split(","))


def an_organization(slug: str = "hanka", **changes: Any) -> Organization:
    """A valid organization; its id follows from the slug."""
    organization = Organization(
        organization_id=uuid5(NAMESPACE, slug),
        slug=slug,
        name=f"{slug.title()} Works",
        issuer=f"https://dev.viceversa.local/{slug}",
        admins=("boss",),
        locale="pl",
        zone="Europe/Warsaw",
        admin_emails=(f"people@{slug}.example",),
    )
    return replace(organization, **changes)


def an_admin(organization: Organization, subject: str = "boss") -> Actor:
    """An admin of the organization, who is a person too."""
    return Actor(
        roles=(Role.PERSON, Role.ADMIN),
        organization_id=organization.organization_id,
        person_id=person_id_of(organization.organization_id, subject=subject),
        subject=subject,
    )


def themselves(organization: Organization, subject: str) -> Actor:
    """The person with this subject."""
    return replace(an_admin(organization, subject), roles=(Role.PERSON,))


def a_profile(organization: Organization, subject: str = "E-1", **changes: Any) -> Profile:
    """A valid profile with a little of everything."""
    profile = Profile(
        person_id=person_id_of(organization.organization_id, subject=subject),
        organization_id=organization.organization_id,
        subject=subject,
        display_name=f"Zofia {subject}",
        job_title="Carpenter",
        locale="pl",
        zone="Europe/Warsaw",
        languages=(Language(code="pl"),),
        availability=(Window(weekday=0, start=540, end=660),),
        offers=(Offer(text="Sharpening chisels", level=5, setting=Setting.LIFE),),
        needs=(Need(text="Leading a young team", priority=3, kind=NeedKind.PERSPECTIVE),),
        team="Workshop",
    )
    return replace(profile, **changes)


def a_row(external_id: str = "E-1", **cells: str) -> dict[str, str]:
    """A good row of a file."""
    row = dict.fromkeys(COLUMNS, "")
    row |= {
        "external_id": external_id,
        "name": f"Jan {external_id}",
        "email": f"{external_id.lower()}@hanka.example",
        "job_title": "Machinist",
        "locale": "pl",
        "zone": "Europe/Warsaw",
        "languages": "pl:C2;en:B1",
        "team": "Mill",
        "career_stage": "senior",
        "availability": "Mon 09:00-11:00; Thu 16:00-18:30",
        "criticism": "direct",
        "offers": "Reading grain of oak (5, work) | Sushi at home (3, life)",
        "needs": "Talking to a camera (2, SHOW_ME) | Kubernetes basics (3, EXPLAIN)",
        "role": "both",
        "capacity": "1",
    }
    return row | cells


def a_file(
    rows: Iterable[Mapping[str, str]],
    *,
    columns: Sequence[str] = COLUMNS,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> bytes:
    """The rows as a spreadsheet program saves them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def new_id() -> UUID:
    """An id as a client makes one."""
    return uuid4()
