"""Who may see what, as data and pure rules. The first wall; row-level security in the read model is the second.

A person is seen through a *tier*, a pair and a cohort through a *sight*; each table below says field by field what these
let through. What a viewer may not see looks exactly like what does not exist. A test fails when a field of the schema has
no row here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.base import Actor, Role
from contracts.feedback import Feedback, Introduction, IntroductionStatus
from contracts.matching import (
    Calibration,
    Cohort,
    CohortStatus,
    Direction,
    EnrolmentStatus,
    Group,
    GroupPlan,
    OrganizationResult,
    Pair,
    PairStatus,
    RoundPlan,
)
from contracts.profiles import Organization, Profile, ProposedField

LEAST_AGGREGATE = 5  # people behind any figure that is shown about others


class Tier(StrEnum):
    """How much of a person a viewer may see, from most to least."""

    SELF = "self"
    ADMINISTERED = "administered"
    MATCHED = "matched"
    PROPOSED = "proposed"
    LISTED = "listed"


class PairSight(StrEnum):
    """Through which eyes a pair is seen."""

    ASKED = "asked"  # one of the two, while the proposal is open
    WORKING = "working"  # one of the two, once both said yes
    FORMER = "former"  # one of the two, after a no, an expiry or an early end
    ORGANIZER = "organizer"  # an admin of a partner of the cohort


class CohortSight(StrEnum):
    """Through which eyes a cohort is seen."""

    ORGANIZER = "organizer"  # an admin of a partner
    OPERATOR = "operator"
    PARTICIPANT = "participant"  # somebody of a partner organization


class OrganizationSight(StrEnum):
    """Through which eyes an organization is seen."""

    ADMIN = "admin"  # its own admin
    OPERATOR = "operator"
    INSIDE = "inside"  # one of its people
    OUTSIDE = "outside"  # people and admins of other organizations


class CalibrationSight(StrEnum):
    """Through which eyes a calibration is seen; people do not see it."""

    ADMIN = "admin"  # of the organization whose it is
    SHARER = "sharer"  # an admin of an organization that shares: the shared one
    OPERATOR = "operator"


ASKED_STATUSES = frozenset({PairStatus.PROPOSED, PairStatus.HALF_ACCEPTED})
MATCHED_STATUSES = frozenset({PairStatus.ACCEPTED, PairStatus.ACTIVE, PairStatus.ON_HOLD, PairStatus.COMPLETED})
# In these states of an enrolment a person counts as somebody of the cohort: sees, and is seen.
TAKING_PART = frozenset(
    {
        EnrolmentStatus.APPLIED,
        EnrolmentStatus.WAITLISTED,
        EnrolmentStatus.ADMITTED,
        EnrolmentStatus.PAUSED,
        EnrolmentStatus.COMPLETED,
        EnrolmentStatus.UNMATCHED,
    }
)

_OWN = frozenset({Tier.SELF, Tier.ADMINISTERED})
_ANY = frozenset(Tier)
_CONTACT = _OWN | {Tier.MATCHED}


@dataclass(frozen=True, slots=True)
class Shown:
    """To which tiers a field is shown; with ``opted`` also to PROPOSED and MATCHED when person and organization opted in."""

    tiers: frozenset[Tier]
    opted: ProposedField | None = None


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

_TWO = frozenset({PairSight.ASKED, PairSight.WORKING, PairSight.FORMER})
_OPEN = frozenset({PairSight.ASKED, PairSight.WORKING})
_TOGETHER = frozenset({PairSight.WORKING, PairSight.FORMER})
_EVERY_EYE = frozenset(PairSight)
_ORGANIZERS = frozenset({PairSight.ORGANIZER})

PAIR: Mapping[str, frozenset[PairSight]] = {
    "id": _EVERY_EYE,
    "cohort": _EVERY_EYE,
    "status": _EVERY_EYE,
    "members": _EVERY_EYE,
    "directions": _EVERY_EYE,  # their texts: see may_read_direction
    "value": _EVERY_EYE,
    "terms": _EVERY_EYE,  # their details: see may_read_grounds
    "language": _EVERY_EYE,
    "shared_minutes": _EVERY_EYE,
    "one_way_reason": _EVERY_EYE,
    "wording": _EVERY_EYE,  # its sentences as those of the pair itself
    "proposed_at": _EVERY_EYE,
    "expires_at": _EVERY_EYE,
    "partner": _TWO,
    "shared_windows": _OPEN,
    "common_ground": _OPEN,  # and may_read_grounds: it may speak of facets
    "bridge": _OPEN,
    "questions": _OPEN,
    "agreement": _TOGETHER,
    "agenda": _TOGETHER,
    "sessions": _TOGETHER,
    "reciprocity": _TOGETHER,
    "introductions": _TOGETHER,
    "feedback": _TOGETHER,
    "ended_reason": _TOGETHER,
    "run": _ORGANIZERS,
    "pinned": _ORGANIZERS,
    "decline_reason": _ORGANIZERS,  # a no must not hurt: the other one learns only that it was one
}

_RUNNERS = frozenset({CohortSight.ORGANIZER, CohortSight.OPERATOR})
_ALL_COHORT = frozenset(CohortSight)

COHORT: Mapping[str, frozenset[CohortSight]] = {
    "id": _ALL_COHORT,
    "name": _ALL_COHORT,
    "description": _ALL_COHORT,
    "status": _ALL_COHORT,
    "partners": _ALL_COHORT,
    "opens_at": _ALL_COHORT,
    "closes_at": _ALL_COHORT,
    "starts_at": _ALL_COHORT,
    "ends_at": _ALL_COHORT,
    "answer_hours": _ALL_COHORT,
    "capacity": _ALL_COHORT,
    "rolling": _ALL_COHORT,
    "series": _ALL_COHORT,
    "my_enrolment": _ALL_COHORT,
    "pairs": frozenset({CohortSight.ORGANIZER, CohortSight.PARTICIPANT}),  # a participant: their own
    "participants": frozenset({CohortSight.ORGANIZER, CohortSight.PARTICIPANT}),
    "enrolments": frozenset({CohortSight.ORGANIZER}),  # of the own organization
    "rules": _RUNNERS,  # they name people who shall not be together
    "runs": _RUNNERS,
    "latest_run": _RUNNERS,
    "report": _RUNNERS,
    "round_plans": _ALL_COHORT,  # of each, see ROUND_PLAN
    "group_plans": _ALL_COHORT,  # of each, see GROUP_PLAN
}

ROUND_PLAN: Mapping[str, frozenset[CohortSight]] = {
    "id": _ALL_COHORT,
    "cohort": _ALL_COHORT,
    "status": _ALL_COHORT,
    "round_count": _ALL_COHORT,
    "changed_at": _ALL_COHORT,
    "my_schedule": _ALL_COHORT,  # one's own, see own_schedule
    "rounds": frozenset({CohortSight.ORGANIZER}),
    "value": _RUNNERS,
    "upper_bound": _RUNNERS,
    "error": _RUNNERS,
}

GROUP_PLAN: Mapping[str, frozenset[CohortSight]] = {
    "id": _ALL_COHORT,
    "cohort": _ALL_COHORT,
    "status": _ALL_COHORT,
    "published": _ALL_COHORT,
    "least": _ALL_COHORT,
    "most": _ALL_COHORT,
    "minutes": _ALL_COHORT,
    "level": _ALL_COHORT,
    "changed_at": _ALL_COHORT,
    "my_group": _ALL_COHORT,  # one's own, see own_group
    "unmatched": _ALL_COHORT,  # of the own organization, for its admins
    "groups": frozenset(
        {CohortSight.ORGANIZER}
    ),  # people's words in them: for members and the own organization's admins
    "value": _RUNNERS,
    "upper_bound": _RUNNERS,
    "unmatched_bound": _RUNNERS,
    "exact": _RUNNERS,
    "error": _RUNNERS,
}

_TEACHERS = frozenset(CalibrationSight)

CALIBRATION: Mapping[str, frozenset[CalibrationSight]] = {
    "id": _TEACHERS,
    "shared": _TEACHERS,
    "shares": _TEACHERS,
    "organization": _TEACHERS,
    "in_use": _TEACHERS,
    "versions": _TEACHERS,
    "latest_fit": _TEACHERS,
    "changed_at": _TEACHERS,
}

_OFFICE = frozenset({OrganizationSight.ADMIN, OrganizationSight.OPERATOR})
_HOUSE = _OFFICE | {OrganizationSight.INSIDE}

ORGANIZATION: Mapping[str, frozenset[OrganizationSight]] = {
    "id": frozenset(OrganizationSight),
    "name": frozenset(OrganizationSight),
    "slug": frozenset(OrganizationSight),
    "locale": _HOUSE,
    "time_zone": _HOUSE,
    "proposed_fields": _HOUSE,
    "issuer": _OFFICE,
    "admins": _OFFICE,
    "admin_emails": _OFFICE,
    "people": frozenset({OrganizationSight.ADMIN}),
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


def was_shown(pair: Pair) -> bool:
    """Whether the two ever learned of the pair: a draft that was replaced before it was published, they did not."""
    if pair.status is PairStatus.DRAFT:
        return False
    return pair.proposed_at is not None or pair.status not in {PairStatus.SUPERSEDED, PairStatus.EXPIRED}


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


def organization_sight(viewer: Actor, organization_id: UUID) -> OrganizationSight:
    """Through which eyes this viewer sees the organization (whether at all is another question)."""
    if viewer.is_a(Role.OPERATOR):
        return OrganizationSight.OPERATOR
    if viewer.administers(organization_id):
        return OrganizationSight.ADMIN
    if viewer.organization_id == organization_id:
        return OrganizationSight.INSIDE
    return OrganizationSight.OUTSIDE


def calibration_sight(viewer: Actor, calibration: Calibration) -> CalibrationSight | None:
    """Through which eyes this viewer sees the calibration; None: not at all."""
    if viewer.is_a(Role.OPERATOR):
        return CalibrationSight.OPERATOR
    if not any(viewer.administers(each) for each in calibration.organizations):
        return None
    return CalibrationSight.SHARER if calibration.organization_id is None else CalibrationSight.ADMIN


def cohort_sight(viewer: Actor, cohort: Cohort) -> CohortSight | None:
    """Through which eyes this viewer sees the cohort; None: not at all."""
    partner = any(each.organization_id == viewer.organization_id for each in cohort.partners)
    if partner and viewer.is_a(Role.ADMIN):
        return CohortSight.ORGANIZER
    if viewer.is_a(Role.OPERATOR):
        return CohortSight.OPERATOR
    if partner and viewer.is_a(Role.PERSON) and cohort.status is not CohortStatus.DRAFT:
        return CohortSight.PARTICIPANT
    return None


def pair_sight(viewer: Actor, pair: Pair, *, organizes: bool) -> PairSight | None:
    """Through which eyes this viewer sees the pair. One of the two stays one of the two, admin or not."""
    if viewer.person_id is not None and any(each.person_id == viewer.person_id for each in pair.members):
        if pair.status in ASKED_STATUSES:
            return PairSight.ASKED
        if pair.status in MATCHED_STATUSES:
            return PairSight.WORKING
        if was_shown(pair):
            return PairSight.FORMER
    return PairSight.ORGANIZER if organizes else None


def may_read_direction(
    viewer: Actor, owner_id: UUID, *, organization_id: UUID | None, sight: PairSight, opted: bool
) -> bool:
    """Whether the text of an offer or a need in a pair's direction is shown: its owner is the one who teaches or learns it.

    Working together one must know what about; before that the owner's word decides; organizers read their own people's only.
    """
    if viewer.person_id == owner_id or (organization_id is not None and viewer.administers(organization_id)):
        return True
    return sight is PairSight.WORKING or (sight is PairSight.ASKED and opted)


def suggestion_sight(tier: Tier, opted: frozenset[ProposedField]) -> tuple[PairSight, frozenset[ProposedField]]:
    """How a suggested partner is seen: as in an open proposal, but what somebody shows to proposed partners is shown only to those
    who are: to everybody else of the cohort they are LISTED, and a suggestion opens no door that a proposal would."""
    return PairSight.ASKED, opted if tier in {Tier.PROPOSED, Tier.MATCHED} else frozenset()


def may_read_grounds(sight: PairSight, opted: frozenset[ProposedField]) -> bool:
    """Whether common ground, bridge and the details of terms are shown: they may speak of the other one's facets."""
    return sight is PairSight.WORKING or (sight is PairSight.ASKED and ProposedField.FACETS in opted)


def readable_direction(
    direction: Direction,
    viewer: Actor,
    *,
    organizations: Mapping[UUID, UUID],
    sight: PairSight,
    opted: frozenset[ProposedField],
) -> tuple[str | None, str | None]:
    """(the need, the offer) of a direction, None where the viewer may not read it. ``opted``: of the other one."""
    need = may_read_direction(
        viewer,
        direction.learner_id,
        organization_id=organizations.get(direction.learner_id),
        sight=sight,
        opted=ProposedField.NEEDS in opted,
    )
    offer = may_read_direction(
        viewer,
        direction.teacher_id,
        organization_id=organizations.get(direction.teacher_id),
        sight=sight,
        opted=ProposedField.OFFERS in opted,
    )
    return (direction.need if need else None, direction.offer if offer else None)


def is_one_of(viewer: Actor, people: Iterable[UUID | None]) -> bool:
    """Whether the viewer is one of these people: all that agreements, agendas, sessions and the like ask."""
    return viewer.person_id is not None and viewer.person_id in people


def may_see_person_data(viewer: Actor, *, person_id: UUID, organization_id: UUID) -> bool:
    """Enrolments: the person and the admins of their organization."""
    return viewer.person_id == person_id or viewer.administers(organization_id)


def may_see_feedback(viewer: Actor, feedback: Feedback) -> bool:
    """That a feedback exists: its author and its addressee."""
    return is_one_of(viewer, (feedback.author_id, feedback.addressee_id))


def introduction_for(viewer: Actor, introduction: Introduction, *, asked_id: UUID | None) -> Introduction | None:
    """The introduction as this viewer may see it: who it leads to stays hidden from its receiver until that one agreed."""
    third = introduction.third_person_id or asked_id
    if is_one_of(viewer, (introduction.offered_by, third)):
        return replace(introduction, third_person_id=third)
    if not is_one_of(viewer, (introduction.offered_to,)):
        return None
    agreed = introduction.status in {
        IntroductionStatus.CONSENTED,
        IntroductionStatus.MADE,
        IntroductionStatus.CLOSED,
    }
    return introduction if agreed else replace(introduction, third_person_id=None)


def consents_hold(*, granted: bool, until: datetime | None, now: datetime) -> bool:
    """Whether a consent is in force."""
    return granted and (until is None or now < until)


def withheld_results(results: Iterable[OrganizationResult], *, viewer: Actor) -> frozenset[UUID]:
    """Organizations whose figures are not shown to this viewer.

    Fewer than five people are never summed up for others; and where only one organization is withheld, the next smallest is
    withheld too, because the rest of the total would be that one.
    """
    others = sorted(
        (each for each in results if not viewer.administers(each.organization_id)),
        key=lambda each: (each.people, each.organization_id),
    )
    small = [each for each in others if each.people < LEAST_AGGREGATE]
    if len(small) == 1 and len(others) > 1:
        small = others[:2]
    return frozenset(each.organization_id for each in small)


def own_schedule(viewer: Actor, plan: RoundPlan) -> list[tuple[int, UUID | None]]:
    """(the number of the round, whom the viewer meets) in every round of which the viewer is; nothing for anybody else."""
    mine: list[tuple[int, UUID | None]] = []
    for number, meetings in enumerate(plan.rounds, start=1):
        two = next((each for each in meetings if is_one_of(viewer, each)), None)
        out = plan.sitting_out[number - 1] if number <= len(plan.sitting_out) else ()
        if two is not None:
            mine.append((number, two[1] if two[0] == viewer.person_id else two[0]))
        elif is_one_of(viewer, out):
            mine.append((number, None))
    return mine


def own_group(viewer: Actor, plan: GroupPlan) -> Group | None:
    """The group of a published plan in which the viewer is."""
    if not plan.published:
        return None
    return next((each for each in plan.groups if is_one_of(viewer, [one.person_id for one in each.members])), None)


def scrubbed(pair: Pair) -> Pair:
    """What stays of a pair after one of the two was erased: that there was one."""
    return replace(
        pair,
        directions=(),
        terms=(),
        shared_windows=(),
        common_ground="",
        bridge="",
        wordings=(),
        questions=(),
        ended_reason="",
    )
