"""People, through a tier: field by field what it lets through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.base import Actor, Role
from contracts.matching import PairStatus
from contracts.profiles import Organization, Profile, ProposedField

ASKED_STATUSES = frozenset({PairStatus.PROPOSED, PairStatus.HALF_ACCEPTED})
MATCHED_STATUSES = frozenset({PairStatus.ACCEPTED, PairStatus.ACTIVE, PairStatus.ON_HOLD, PairStatus.COMPLETED})


class Tier(StrEnum):
    """How much of a person a viewer may see, from most to least."""

    SELF = "self"
    ADMINISTERED = "administered"
    MATCHED = "matched"
    PROPOSED = "proposed"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Shown:
    """To which tiers a field is shown; with ``opted`` also to PROPOSED and MATCHED when person and organization opted in."""

    tiers: frozenset[Tier]
    opted: ProposedField | None = None


_OWN = frozenset({Tier.SELF, Tier.ADMINISTERED})
_ANY = frozenset(Tier)
_CONTACT = _OWN | {Tier.MATCHED}
PERSON: Mapping[str, Shown] = {
    "id": Shown(_ANY),
    "visible_as": Shown(_ANY),
    "display_name": Shown(_ANY),
    "job_title": Shown(_ANY),
    "organization": Shown(_ANY),
    "offers": Shown(_OWN, ProposedField.OFFERS),
    "needs": Shown(_OWN, ProposedField.NEEDS),
    "languages": Shown(_OWN, ProposedField.LANGUAGES),
    "time_zone": Shown(_CONTACT, ProposedField.ZONE),  # who meets needs to know what time it is there
    "facets": Shown(_OWN, ProposedField.FACETS),
    "criticism": Shown(_CONTACT, ProposedField.CRITICISM),  # to be seen before a critique is written
    "email": Shown(_CONTACT),
    "out_of_office_until": Shown(_CONTACT),
    "availability": Shown(_OWN),
    "locale": Shown(_OWN),
    "subject": Shown(_OWN),
    "team": Shown(_OWN),
    "manager": Shown(_OWN),
    "proposed_fields": Shown(_OWN),
    "active": Shown(_OWN),
    "enrolments": Shown(_OWN),
    "pairs": Shown(_OWN),
    "consents": Shown(frozenset({Tier.SELF})),
    "preferences": Shown(frozenset({Tier.SELF})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquaintance:
    """What the read model knows about a person and a viewer, besides who they are."""

    statuses: frozenset[PairStatus] = frozenset()  # of the pairs of the two that were shown to them
    share_a_cohort: bool = False  # both take part
    in_a_cohort_of_mine: bool = False  # takes part in a cohort of which the viewer's organization is a partner
    consent_withdrawn: bool = False  # the word for being matched and shown was taken back, or has ended


def tier_of(viewer: Actor, person: Profile, known: Acquaintance) -> Tier | None:
    """Through which tier the viewer sees the person; None: not at all."""
    if viewer.person_id == person.person_id:
        return Tier.SELF
    if viewer.administers(person.organization_id):
        return Tier.ADMINISTERED
    if not known.consent_withdrawn and viewer.person_id is not None:
        if known.statuses & MATCHED_STATUSES:
            return Tier.MATCHED
        if known.statuses & ASKED_STATUSES:
            return Tier.PROPOSED
    if viewer.person_id is not None and (known.statuses or (known.share_a_cohort and person.active)):
        return Tier.LISTED
    if viewer.is_a(Role.ADMIN) and known.in_a_cohort_of_mine and person.active:
        return Tier.LISTED
    return None


def opted_in(person: Profile, organization: Organization | None, *, withdrawn: bool) -> frozenset[ProposedField]:
    """What both the person and their organization show to proposed partners."""
    if withdrawn or organization is None:
        return frozenset()
    return frozenset(person.proposed_fields) & frozenset(organization.proposed_fields)


def person_fields(tier: Tier, opted: frozenset[ProposedField]) -> frozenset[str]:
    """The names of the fields of a person that this tier lets through."""
    partner = tier in {Tier.PROPOSED, Tier.MATCHED}
    return frozenset(
        name for name, shown in PERSON.items() if tier in shown.tiers or (partner and shown.opted in opted)
    )


def is_one_of(viewer: Actor, people: Iterable[UUID | None]) -> bool:
    """Whether the viewer is one of these people: all that agreements, agendas, sessions and the like ask."""
    return viewer.person_id is not None and viewer.person_id in people


def may_see_person_data(viewer: Actor, *, person_id: UUID, organization_id: UUID) -> bool:
    """Enrolments: the person and the admins of their organization."""
    return viewer.person_id == person_id or viewer.administers(organization_id)


def consents_hold(*, granted: bool, until: datetime | None, now: datetime) -> bool:
    """Whether a consent is in force."""
    return granted and (until is None or now < until)
