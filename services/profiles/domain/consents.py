"""Consents: a person's own word, for one purpose, perhaps until a date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.base import Actor, Event, Role
from contracts.errors import Invalid, NotAllowed, Problem
from contracts.profiles import Consent, ConsentChanged, consent_id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptConsent:
    """A consent as it is kept, with its version."""

    consent: Consent
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedConsent:
    """A consent after a change, and the facts that tell of it."""

    kept: KeptConsent
    facts: tuple[Event, ...] = ()


class OnlyTheirOwnWord(NotAllowed):
    """Somebody tried to consent for somebody else."""


class InvalidConsent(Invalid):
    """The consent makes no sense; the problems say why."""


def may_change(actor: Actor, *, consent: Consent) -> UUID:
    """The organization of the person whose consent it is and who acts; OnlyTheirOwnWord for everybody else."""
    if not (actor.is_a(Role.PERSON) and actor.person_id == consent.person_id and actor.organization_id):
        raise OnlyTheirOwnWord(
            "A consent is given and withdrawn by the person themselves only.", remedy="Use the person's own token."
        )
    return actor.organization_id


def change(
    current: KeptConsent | None, *, consent: Consent, least_version: int, actor: Actor, now: datetime
) -> ChangedConsent:
    """The consent as it is now, without facts when nothing changes; InvalidConsent.

    ``least_version``: above it versions start, for somebody who was erased before and came back.
    """
    if consent.until is not None:
        if not consent.granted:
            raise _invalid("belongs to a granted consent only", consent.until, "Leave it out to withdraw at once.")
        if consent.until.tzinfo is None:
            raise _invalid("names no time zone", consent.until, "Write it like 2027-01-31T12:00:00Z.")
        if consent.until <= now:
            raise _invalid("is not in the future", consent.until, "Name a later moment, or none.")
    if current and current.consent == consent:
        return ChangedConsent(kept=current)
    kept = KeptConsent(consent=consent, version=(current.version if current else least_version) + 1)
    fact = consent_fact(kept, organization_id=actor.organization_id, actor_id=actor.person_id, now=now)
    return ChangedConsent(kept=kept, facts=(fact,))


def withdrawn(kept: KeptConsent, *, version: int, organization_id: UUID, now: datetime) -> ConsentChanged:
    """The fact that an erased person's consent is no more."""
    consent = Consent(person_id=kept.consent.person_id, purpose=kept.consent.purpose, granted=False)
    return consent_fact(
        KeptConsent(consent=consent, version=version), organization_id=organization_id, actor_id=None, now=now
    )


def consent_fact(
    kept: KeptConsent, *, organization_id: UUID | None, actor_id: UUID | None, now: datetime
) -> ConsentChanged:
    """The fact that this is the consent now."""
    return ConsentChanged(
        key=consent_id_of(kept.consent.person_id, purpose=kept.consent.purpose),
        version=kept.version,
        occurred_at=now,
        organization_id=organization_id,
        actor_id=actor_id,
        consent=kept.consent,
    )


def _invalid(message: str, until: datetime, remedy: str) -> InvalidConsent:
    return InvalidConsent(
        "The consent's end makes no sense.",
        remedy=remedy,
        problems=(Problem("consent.until", message, until.isoformat(), remedy),),
    )
