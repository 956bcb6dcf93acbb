"""Pairs, through a sight, and what belongs to the two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

from contracts.base import Actor
from contracts.feedback import Feedback, Introduction, IntroductionStatus
from contracts.matching import Direction, Pair, PairStatus
from contracts.profiles import ProposedField
from gateway.policy.people import ASKED_STATUSES, MATCHED_STATUSES, Tier, is_one_of


class PairSight(StrEnum):
    """Through which eyes a pair is seen."""

    ASKED = "asked"  # one of the two, while the proposal is open
    WORKING = "working"  # one of the two, once both said yes
    FORMER = "former"  # one of the two, after a no, an expiry or an early end
    ORGANIZER = "organizer"  # an admin of a partner of the cohort


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


def was_shown(pair: Pair) -> bool:
    """Whether the two ever learned of the pair: a draft that was replaced before it was published, they did not."""
    if pair.status is PairStatus.DRAFT:
        return False
    return pair.proposed_at is not None or pair.status not in {PairStatus.SUPERSEDED, PairStatus.EXPIRED}


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
