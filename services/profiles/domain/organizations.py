"""Organizations: who may register one, what it must look like, what may change."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from contracts.base import Actor, Event, Role
from contracts.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from contracts.profiles import Organization, OrganizationRegistered, OrganizationUpdated
from services.profiles.domain import values

# The issuer of the embedded mode's tokens; one path per organization, fetched by nobody.
DEVELOPMENT_ISSUERS = "https://dev.viceversa.local/"

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]")
_MOST_ADMINS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOrganization:
    """An organization as it is kept: its public state and the version of that."""

    organization: Organization
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedOrganization:
    """An organization after a change, and the facts that tell of it."""

    kept: KeptOrganization
    facts: tuple[Event, ...] = ()


class OnlyOperatorsRegister(NotAllowed):
    """Somebody else than an operator of the platform tried to register an organization."""


class NoSuchOrganization(NotFound):
    """There is none with this id, or it is none of the actor's business: the two look alike."""

    def __init__(self) -> None:
        super().__init__(
            "There is no such organization.", remedy="Check the organization's id and whose token you use."
        )


class OrganizationTaken(Conflict):
    """The id, the slug or the issuer belongs to another organization."""


class InvalidOrganization(Invalid):
    """The organization's settings are wrong; the problems say where."""


class IdentityIsFixed(Invalid):
    """Somebody tried to change the slug or the issuer: every person's identity hangs on them."""


def register(organization: Organization, *, actor: Actor, now: datetime) -> ChangedOrganization:
    """A new partner organization; OnlyOperatorsRegister, InvalidOrganization."""
    if not actor.is_a(Role.OPERATOR):
        raise OnlyOperatorsRegister(
            "Only an operator of the platform registers organizations.", remedy="Ask the operator of this platform."
        )
    kept = KeptOrganization(organization=_checked(organization), version=1)
    return ChangedOrganization(
        kept=kept,
        facts=(
            OrganizationRegistered(
                key=organization.organization_id,
                version=1,
                occurred_at=now,
                organization_id=organization.organization_id,
                actor_id=actor.person_id,
                organization=kept.organization,
            ),
        ),
    )


def taken_by(other: KeptOrganization | None, *, organization: Organization) -> OrganizationTaken:
    """The refusal that names what the other organization has already; None: it came and went meanwhile."""
    same = [
        name
        for name in ("organization_id", "slug", "issuer")
        if other and getattr(other.organization, name) == getattr(organization, name)
    ]
    return OrganizationTaken(
        "Another organization is registered with the same " + (" and ".join(same) or "id, slug or issuer") + ".",
        remedy="Choose another, or update the organization that is there.",
        problems=tuple(Problem(name, "is taken", str(getattr(organization, name)), "Choose another.") for name in same),
    )


def may_update(actor: Actor, *, organization: Organization) -> None:
    """Nothing for the organization's admins and operators; NoSuchOrganization for everybody else."""
    if not (actor.is_a(Role.OPERATOR) or actor.administers(organization.organization_id)):
        raise NoSuchOrganization


def update(
    current: KeptOrganization, *, organization: Organization, actor: Actor, now: datetime
) -> ChangedOrganization:
    """The organization with new settings, without facts when nothing changes; IdentityIsFixed, InvalidOrganization."""
    fixed = [name for name in ("slug", "issuer") if getattr(organization, name) != getattr(current.organization, name)]
    if fixed:
        raise IdentityIsFixed(
            "An organization keeps its slug and its issuer: its people's identities hang on them.",
            remedy="Send them unchanged; for another issuer register another organization.",
            problems=tuple(
                Problem(name, "cannot change", values.shown(getattr(organization, name)), "Send it unchanged.")
                for name in fixed
            ),
        )
    return _changed(current, _checked(organization), actor=actor, now=now)


def without_admin(
    current: KeptOrganization, *, subject: str, email: str, actor: Actor, now: datetime
) -> ChangedOrganization:
    """The organization after one of its people was erased: neither subject nor address stays behind."""
    key = values.email_key(email)
    return _changed(
        current,
        replace(
            current.organization,
            admins=tuple(admin for admin in current.organization.admins if admin != subject),
            admin_emails=tuple(each for each in current.organization.admin_emails if values.email_key(each) != key),
        ),
        actor=actor,
        now=now,
    )


def _changed(
    current: KeptOrganization, organization: Organization, *, actor: Actor, now: datetime
) -> ChangedOrganization:
    if organization == current.organization:
        return ChangedOrganization(kept=current)
    kept = KeptOrganization(organization=organization, version=current.version + 1)
    fact = OrganizationUpdated(
        key=organization.organization_id,
        version=kept.version,
        occurred_at=now,
        organization_id=organization.organization_id,
        actor_id=actor.person_id,
        organization=organization,
    )
    return ChangedOrganization(kept=kept, facts=(fact,))


def _checked(organization: Organization) -> Organization:
    """The organization, tidied; InvalidOrganization with every problem at once."""
    tidied = replace(
        organization,
        name=values.tidy(organization.name),
        admin_emails=tuple(email.strip() for email in organization.admin_emails),
    )
    problems = [
        problem
        for problem in (
            _slug_problem(tidied.slug),
            values.text_problem("name", tidied.name, least=2, most=120),
            _issuer_problem(tidied.issuer),
            values.locale_problem("locale", tidied.locale),
            values.zone_problem("zone", tidied.zone),
            *(
                values.text_problem(f"admins[{index}]", subject, least=1, most=200)
                for index, subject in enumerate(tidied.admins)
            ),
            *(values.email_problem(f"admin_emails[{index}]", email) for index, email in enumerate(tidied.admin_emails)),
        )
        if problem
    ]
    if not 1 <= len(tidied.admins) <= _MOST_ADMINS:
        problems.append(
            Problem("admins", f"names {len(tidied.admins)} admins", "", f"Name 1 to {_MOST_ADMINS} subjects.")
        )
    for path, keys in (
        ("admins", tidied.admins),
        ("admin_emails", tuple(map(values.email_key, tidied.admin_emails))),
        ("proposed_fields", tidied.proposed_fields),
    ):
        double = values.first_double(keys)
        if double is not None:
            problems.append(Problem(f"{path}[{double}]", "is there twice", keys[double], "Name it once."))
    if problems:
        raise InvalidOrganization(
            "The organization's settings are not right yet.",
            remedy="Mend what the problems name and send it again.",
            problems=tuple(problems),
        )
    return tidied


def _slug_problem(slug: str) -> Problem | None:
    if _SLUG.fullmatch(slug):
        return None
    return Problem(
        "slug", "cannot be part of an address", values.shown(slug), "Use 3 to 40 of a–z, 0–9 and inner hyphens."
    )


def _issuer_problem(issuer: str) -> Problem | None:
    """What is wrong with an issuer's URL. Whether it may be fetched is decided when it is fetched."""
    try:
        parts = urlsplit(issuer)
        host = parts.hostname
        strange = parts.username is not None or parts.password is not None or (parts.port or 1) < 1
    except ValueError:
        host, strange, parts = None, True, urlsplit("")
    if (
        parts.scheme == "https"
        and host
        and not strange
        and not (parts.query or parts.fragment)
        and len(issuer) <= 300
        and values.is_visible(issuer)
        and not any(map(str.isspace, issuer))
        and issuer != DEVELOPMENT_ISSUERS
    ):
        return None
    return Problem(
        "issuer",
        "is not the address of a token issuer",
        values.shown(issuer),
        f"Use an https URL without user, query or fragment (in the embedded mode {DEVELOPMENT_ISSUERS}<slug>).",
    )
