"""Who is told what about cohorts: organizers about a partnership to accept, people about their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from contracts.matching import Cohort, CohortStatus, Enrolment, EnrolmentStatus
from services.notifications.domain.messages import Notice, Occasion

_TOLD: Mapping[EnrolmentStatus, Occasion] = {
    EnrolmentStatus.INVITED: Occasion.INVITED,
    EnrolmentStatus.ADMITTED: Occasion.ADMITTED,
    EnrolmentStatus.WAITLISTED: Occasion.WAITLISTED,
    EnrolmentStatus.UNMATCHED: Occasion.UNMATCHED,
}


def partners_to_ask(cohort: Cohort) -> tuple[UUID, ...]:
    """The organizations whose organizers still have to accept a drafted joint cohort."""
    if cohort.status is not CohortStatus.DRAFT:
        return ()
    return tuple(partner.organization_id for partner in cohort.partners if not partner.accepted)


def partnership(
    cohort_id: UUID, *, initiator_id: UUID, partners: int, organization_id: UUID, organizers: Sequence[UUID]
) -> list[Notice]:
    """Ask one partner's organizers to accept a drafted cohort of ``partners`` organizations; each is asked once."""
    return [
        Notice(
            person_id=organizer,
            occasion=Occasion.PARTNERSHIP,
            cause=f"cohort:{cohort_id}:partnership:{organization_id}",
            link=f"cohort/{cohort_id}",
            organizations={"initiator": initiator_id},
            cohort_id=cohort_id,
            values={"partners": partners},
        )
        for organizer in organizers
    ]


def enrolment(place: Enrolment) -> list[Notice]:
    """Tell a person about their place; each state once, so that a pause and its end are no news."""
    occasion = _TOLD.get(place.status)
    if occasion is None:
        return []
    values: dict[str, object] = {}
    if occasion is Occasion.WAITLISTED:
        values["position"] = place.waiting_position
    if occasion is Occasion.UNMATCHED:
        values["reason"] = place.reason.value if place.reason else ""
    return [
        Notice(
            person_id=place.person_id,
            occasion=occasion,
            cause=f"enrolment:{place.enrolment_id}:{place.status.value}",
            link=f"cohort/{place.cohort_id}",
            cohort_id=place.cohort_id,
            values=values,
        )
    ]
