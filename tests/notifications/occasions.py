"""Every occasion on which somebody is written to, as the rules make it from facts, and a story in which they come."""

from __future__ import annotations

from contracts.base import Event
from contracts.feedback import FeedbackStatus, IntroductionStatus, SessionStatus
from contracts.matching import CohortStatus, EnrolmentStatus, PairStatus, UnmatchedReason
from services.notifications.domain import cohorts, meetings, pairs, silence
from services.notifications.domain.messages import Notice
from tests.notifications.builders import World


def all_notices(world: World) -> list[Notice]:
    """All that can be said, in several variants; somebody is missing when a new occasion is not made here."""
    ada, bo = world.ada_id, world.bo_id
    told: list[Notice] = []
    for standing in (EnrolmentStatus.INVITED, EnrolmentStatus.ADMITTED, EnrolmentStatus.WAITLISTED):
        told += cohorts.enrolment(world.enrolment(standing).enrolment)
    for reason in (None, *UnmatchedReason):
        told += cohorts.enrolment(world.enrolment(EnrolmentStatus.UNMATCHED, reason=reason).enrolment)
    draft = world.cohort(status=CohortStatus.DRAFT, accepted=False).cohort
    for organization_id in cohorts.partners_to_ask(draft):
        told += cohorts.partnership(
            draft.cohort_id,
            initiator_id=world.acme,
            partners=2,
            organization_id=organization_id,
            organizers=[world.cy_id],
        )
    for status in PairStatus:
        before = PairStatus.ON_HOLD if status is PairStatus.ACTIVE else None
        for accepted in ((), (ada,)):
            pair = world.pair(status, accepted=accepted).pair
            told += pairs.notices(pair, before=before, actor_id=ada, version=7)
    for answer in (None, "Yes, after seven."):
        pair = world.pair(questions=(world.question(answer=answer),)).pair
        told += pairs.notices(pair, before=PairStatus.PROPOSED, actor_id=None, version=2)
    for terms in (1, 2):
        told += meetings.agreement_drafted(world.agreement(terms_version=terms).agreement, actor_id=ada)
    for signed in ((ada,), (ada, bo)):
        told += meetings.agreement_signed(world.agreement(signed_by=signed).agreement)
    for meeting in SessionStatus:
        for by in (None, ada, bo):
            for place in ("", "Room 4"):
                told += meetings.session(world.session(meeting, minutes=90, by=by, place=place).session)
    told += meetings.feedback_requested(world.feedback(FeedbackStatus.REQUESTED).feedback)
    told += meetings.feedback_released(world.feedback(FeedbackStatus.RELEASED).feedback)
    for step in IntroductionStatus:
        fact = world.introduction(step)
        told += meetings.introduction(fact.introduction, ask=fact.ask_third_person_id)
    told += meetings.one_way(world.reciprocity(ada_silent=2).reciprocity)
    return told + _silences(world)


def _silences(world: World) -> list[Notice]:
    told: list[Notice] = []
    meeting = world.session(starts_at=world.now).session
    for status in (PairStatus.PROPOSED, PairStatus.ACTIVE):
        fact = world.pair(status)
        watched = silence.follow(
            silence.WatchedPair(pair_id=world.pair_id), pair=fact.pair, version=1, at=fact.occurred_at
        )
        held = silence.WatchedMeeting(
            session_id=meeting.session_id,
            status=SessionStatus.HELD,
            number=1,
            starts_at=meeting.starts_at,
            ends_at=meeting.starts_at,
            changed_at=meeting.starts_at,
        )
        for each in silence.silences(watched, meetings=[held]):
            found = silence.look(watched, meetings=[held], heard={}, now=each.nudge_at)
            told += found.notices
            told += silence.escalation(watched, each, organizers=[world.cy_id])
    return told


def whole_story(world: World) -> list[Event]:
    """From an invitation to an introduction, as it happens."""
    ada, bo = world.ada_id, world.bo_id
    return [
        world.enrolment(EnrolmentStatus.INVITED, version=1),
        world.enrolment(EnrolmentStatus.ADMITTED, version=2),
        world.pair(PairStatus.DRAFT, version=1),
        world.pair(PairStatus.PROPOSED, version=2),
        world.pair(PairStatus.PROPOSED, version=3, questions=(world.question(),)),
        world.pair(PairStatus.PROPOSED, version=4, questions=(world.question(answer="Yes."),)),
        world.pair(PairStatus.HALF_ACCEPTED, version=5, accepted=(ada,)),
        world.pair(PairStatus.ACCEPTED, version=6, accepted=(ada, bo)),
        world.agreement(version=1),
        world.agreement(version=2, signed_by=(ada,)),
        world.agreement(version=3, signed_by=(ada, bo)),
        world.pair(PairStatus.ACTIVE, version=7, accepted=(ada, bo)),
        world.session(version=1),
        world.session(SessionStatus.RESCHEDULED, sequence=1, version=2),
        world.session(SessionStatus.HELD, sequence=1, version=3, logged=(ada,)),
        world.session(SessionStatus.LOGGED, sequence=1, version=4, logged=(ada, bo)),
        world.session(SessionStatus.SCHEDULED, number=2, version=1),
        world.session(SessionStatus.CANCELLED, number=2, version=2, by=bo),
        world.feedback(FeedbackStatus.REQUESTED),
        world.feedback(FeedbackStatus.RELEASED),
        world.reciprocity(bo_silent=2),
        world.introduction(IntroductionStatus.OFFERED, version=1),
        world.introduction(IntroductionStatus.CONSENTED, version=2),
        world.introduction(IntroductionStatus.MADE, version=3),
    ]
