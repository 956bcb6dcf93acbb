"""Places in a cohort: invited, admitted or waiting, paused, given up; a freed place goes to whoever waits longest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from contracts.errors import Conflict, Invalid, NotFound, Problem, TooLate
from contracts.matching import (
    Cohort,
    CohortStatus,
    Enrolment,
    EnrolmentChanged,
    EnrolmentRole,
    EnrolmentStatus,
)
from services.matching.domain.cohorts import partner_in
from services.matching.domain.kept import Kept, changed

MOST_PAIRS = 20

HOLDS_A_PLACE = {EnrolmentStatus.ADMITTED, EnrolmentStatus.PAUSED}
LIVE = HOLDS_A_PLACE | {EnrolmentStatus.INVITED, EnrolmentStatus.APPLIED, EnrolmentStatus.WAITLISTED}
ENROLLED = HOLDS_A_PLACE | {EnrolmentStatus.WAITLISTED, EnrolmentStatus.APPLIED}
_STILL_MATCHED = {
    CohortStatus.OPEN,
    CohortStatus.CLOSED,
    CohortStatus.MATCHING,
    CohortStatus.REVIEW,
    CohortStatus.ACTIVE,
}


class RegistrationIsNotOpen(Conflict):
    """The window has not come."""


class RegistrationHasClosed(TooLate):
    """The window has passed."""


class AlreadyEnrolled(Conflict):
    """The person has a place, or waits for one."""


class WasRemoved(Conflict):
    """An organizer took the person out."""


class EnrolmentIsWrong(Invalid):
    """The role or the number of pairs makes no sense."""


class NotEnrolled(NotFound):
    """The person has no place in this cohort, and does not wait for one."""


class NotAdmitted(Conflict):
    """Only somebody with a place can pause it."""


class NotPaused(Conflict):
    """Nothing to resume."""


class ConsentIsMissing(Conflict):
    """The person withdrew their consent to being matched."""


class PeopleUnknown(NotFound):
    """Some of the people are not the organization's, or not known yet; ``problems`` name them."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How many hold a place in a cohort, by organization, and how many wait."""

    held: Mapping[UUID, int]
    waiting: int = 0

    @property
    def total(self) -> int:
        """Places held in the whole cohort."""
        return sum(self.held.values())


def enrolment_id(cohort_id: UUID, *, person_id: UUID) -> UUID:
    """A person has one enrolment in a cohort, for ever the same."""
    return uuid5(cohort_id, f"enrolment of {person_id}")


def invite(
    cohort: Cohort,
    *,
    organization_id: UUID,
    people: Collection[UUID],
    known: Collection[UUID],
    present: Collection[UUID],
    now: datetime,
    by: UUID | None,
) -> list[Kept[Enrolment]]:
    """Invitations for people of the inviting organization; whoever has an enrolment already (``present``) keeps it.

    ``known``: the organization's active people; all of them are invited when ``people`` is empty.
    """
    _require_open(cohort)
    unknown = [person for person in people if person not in known]
    if unknown:
        raise PeopleUnknown(
            "Some of these people are not active people of your organization.",
            remedy="Check the ids; somebody onboarded just now is known in a moment.",
            problems=tuple(
                Problem(f"people[{index}]", "Not an active person of your organization.", str(person))
                for index, person in enumerate(people)
                if person in unknown
            ),
        )
    return [
        Kept(
            state=Enrolment(
                enrolment_id=enrolment_id(cohort.cohort_id, person_id=person),
                cohort_id=cohort.cohort_id,
                person_id=person,
                organization_id=organization_id,
                status=EnrolmentStatus.INVITED,
            ),
            told_as=EnrolmentChanged,
            changed_at=now,
            changed_by=by,
        )
        for person in sorted(set(people or known))
        if person not in present
    ]


def enrol(
    cohort: Cohort,
    *,
    present: Kept[Enrolment] | None,
    person_id: UUID,
    organization_id: UUID,
    role: EnrolmentRole,
    capacity: int,
    occupancy: Occupancy,
    now: datetime,
) -> Kept[Enrolment]:
    """Admitted at once when the cohort and the organization have room, else at the end of the waiting list."""
    partner = partner_in(cohort, organization_id=organization_id)
    _require_open(cohort)
    if not 1 <= capacity <= MOST_PAIRS:
        raise EnrolmentIsWrong(
            f"Somebody takes 1 to {MOST_PAIRS} pairs at once.",
            remedy="Choose how many pairs you have time for.",
            problems=(Problem("capacity", f"Not from 1 to {MOST_PAIRS}.", str(capacity), "One is usual."),),
        )
    if present is not None and present.state.status in ENROLLED:
        raise AlreadyEnrolled(
            f"You are already {present.state.status.value} in this cohort.",
            remedy="Withdraw first to enrol with another role or number of pairs.",
        )
    if present is not None and present.state.status is EnrolmentStatus.REMOVED:
        raise WasRemoved("An organizer removed you from this cohort.", remedy="Ask an organizer of your organization.")
    has_room = _has_room(cohort, organization_id=partner.organization_id, held=occupancy.held)
    state = Enrolment(
        enrolment_id=enrolment_id(cohort.cohort_id, person_id=person_id),
        cohort_id=cohort.cohort_id,
        person_id=person_id,
        organization_id=organization_id,
        role=role,
        capacity=capacity,
        status=EnrolmentStatus.ADMITTED if has_room else EnrolmentStatus.WAITLISTED,
        waiting_position=None if has_room else occupancy.waiting + 1,
    )
    if present is None:
        return Kept(state=state, told_as=EnrolmentChanged, changed_at=now, changed_by=person_id)
    return _to(present, state, now=now, by=person_id)


def pause(kept: Kept[Enrolment] | None, *, now: datetime, by: UUID | None) -> Kept[Enrolment]:
    """No new proposals; the place is kept."""
    enrolled = _enrolled(kept)
    if enrolled.state.status not in HOLDS_A_PLACE:
        raise NotAdmitted("You have no place to pause yet.", remedy="Withdraw instead, or wait until you are admitted.")
    return _to(enrolled, replace(enrolled.state, status=EnrolmentStatus.PAUSED), now=now, by=by)


def resume(kept: Kept[Enrolment] | None, *, may_be_matched: bool, now: datetime, by: UUID | None) -> Kept[Enrolment]:
    """Back from a pause; needs the consent to being matched."""
    enrolled = _enrolled(kept)
    if enrolled.state.status is not EnrolmentStatus.PAUSED:
        raise NotPaused("You are not paused in this cohort.", remedy="There is nothing to resume.")
    require_consent(may_be_matched)
    return _to(enrolled, replace(enrolled.state, status=EnrolmentStatus.ADMITTED), now=now, by=by)


def withdraw(kept: Kept[Enrolment] | None, *, now: datetime, by: UUID | None) -> Kept[Enrolment]:
    """Leave the cohort; also declines an invitation."""
    return _leave(_enrolled(kept), EnrolmentStatus.WITHDRAWN, now=now, by=by)


def remove(kept: Kept[Enrolment] | None, *, now: datetime, by: UUID | None) -> Kept[Enrolment]:
    """Taken out by an organizer."""
    return _leave(_enrolled(kept), EnrolmentStatus.REMOVED, now=now, by=by)


def admit_waiting(
    cohort: Cohort,
    *,
    waiting: Sequence[Kept[Enrolment]],
    held: Mapping[UUID, int],
    absent: Collection[UUID] = (),
    now: datetime,
) -> list[Kept[Enrolment]]:
    """Freed places go down the waiting list, past people whose organization has no seat left and past the ``absent``, who may not
    be matched at present: they keep their turn, and the others move up."""
    if cohort.status not in _STILL_MATCHED:
        return []
    counts = Counter(held)
    result: list[Kept[Enrolment]] = []
    position = 0
    for kept in sorted(waiting, key=_position):
        person = kept.state
        room = _has_room(cohort, organization_id=person.organization_id, held=counts)
        if room and person.person_id not in absent:
            counts[person.organization_id] += 1
            state = replace(person, status=EnrolmentStatus.ADMITTED, waiting_position=None)
        else:
            position += 1
            state = replace(person, waiting_position=position)
        moved = _to(kept, state, now=now, by=None)
        if moved is not kept:
            result.append(moved)
    return result


def require_consent(may_be_matched: bool) -> None:
    """ConsentIsMissing unless the person agrees to being matched."""
    if not may_be_matched:
        raise ConsentIsMissing(
            "You withdrew your consent to being matched, or it ran out.", remedy="Give it again in your profile first."
        )


def by_person(enrolments: Iterable[Kept[Enrolment]]) -> dict[UUID, Enrolment]:
    """States by person."""
    return {kept.state.person_id: kept.state for kept in enrolments}


def _require_open(cohort: Cohort) -> None:
    if cohort.status is CohortStatus.DRAFT:
        raise RegistrationIsNotOpen(
            "Registration has not opened yet.",
            remedy=f"It opens on {cohort.opens_at.date()} once every partner accepted.",
        )
    if cohort.status is not CohortStatus.OPEN:
        raise RegistrationHasClosed("Registration is closed.", remedy="Ask the organizers about the next edition.")


def _has_room(cohort: Cohort, *, organization_id: UUID, held: Mapping[UUID, int]) -> bool:
    seats = partner_in(cohort, organization_id=organization_id).seats
    if cohort.capacity is not None and sum(held.values()) >= cohort.capacity:
        return False
    return seats is None or held.get(organization_id, 0) < seats


def _enrolled(kept: Kept[Enrolment] | None) -> Kept[Enrolment]:
    if kept is None or kept.state.status not in LIVE:
        raise NotEnrolled("You have no place in this cohort.", remedy="Enrol while registration is open.")
    return kept


def _leave(kept: Kept[Enrolment], status: EnrolmentStatus, *, now: datetime, by: UUID | None) -> Kept[Enrolment]:
    return _to(kept, replace(kept.state, status=status, waiting_position=None), now=now, by=by)


def _to(kept: Kept[Enrolment], state: Enrolment, *, now: datetime, by: UUID | None) -> Kept[Enrolment]:
    return changed(kept, to=state, told_as=EnrolmentChanged, at=now, by=by)


def _position(kept: Kept[Enrolment]) -> tuple[int, UUID]:
    return kept.state.waiting_position or 0, kept.state.enrolment_id
