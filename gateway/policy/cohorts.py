"""Cohorts, through a sight, and the plans of rounds and groups in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from uuid import UUID

from contracts.base import Actor, Role
from contracts.matching import Cohort, CohortStatus, EnrolmentStatus, Group, GroupPlan, OrganizationResult, RoundPlan
from gateway.policy.people import is_one_of

LEAST_AGGREGATE = 5  # people behind any figure that is shown about others
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


class CohortSight(StrEnum):
    """Through which eyes a cohort is seen."""

    ORGANIZER = "organizer"  # an admin of a partner
    OPERATOR = "operator"
    PARTICIPANT = "participant"  # somebody of a partner organization


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
    "run_id": _RUNNERS,
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
    "run_id": _RUNNERS,
    "error": _RUNNERS,
}


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
