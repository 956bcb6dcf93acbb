"""What matching knows of a person: what they offer, need and stated, and their logistics. No name, no address, no title."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from contracts.profiles import Consent, Facets, Language, Need, Offer, Profile, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The part of a profile that matching reads."""

    person_id: UUID
    organization_id: UUID
    active: bool = True
    zone: str = "UTC"
    languages: tuple[Language, ...] = ()
    availability: tuple[Window, ...] = ()
    offers: tuple[Offer, ...] = ()
    needs: tuple[Need, ...] = ()
    facets: Facets = field(default_factory=Facets)
    team: str | None = None
    manager_id: UUID | None = None
    out_of_office_until: date | None = None


def candidate_of(profile: Profile) -> Candidate:
    """A profile without everything that must not influence who is matched."""
    return Candidate(
        person_id=profile.person_id,
        organization_id=profile.organization_id,
        active=profile.active,
        zone=profile.zone,
        languages=profile.languages,
        availability=profile.availability,
        offers=profile.offers,
        needs=profile.needs,
        facets=profile.facets,
        team=profile.team,
        manager_id=profile.manager_id,
        out_of_office_until=profile.out_of_office_until,
    )


def texts_of(candidate: Candidate) -> tuple[str, ...]:
    """What the person offers and needs, as the engine will read it."""
    offers = {offer.text.strip() for offer in candidate.offers}
    needs = {need.text.strip() for need in candidate.needs}
    return tuple(sorted((offers | needs) - {""}))


def digest_of(text: str) -> bytes:
    """What stands for a text: 32 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def allows_matching(consent: Consent | None, *, now: datetime) -> bool:
    """Whether a person may be matched. Enrolling is an act of will, so no word at all is no objection; a withdrawal or a lapsed
    consent is."""
    if consent is None:
        return True
    return consent.granted and (consent.until is None or now < consent.until)
