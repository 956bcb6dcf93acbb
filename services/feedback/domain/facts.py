"""Which fact tells which state: what a change emits, and what a later re-emission repeats to the letter."""

from __future__ import annotations

from contracts.base import Event
from contracts.feedback import (
    Agenda,
    AgendaChanged,
    Agreement,
    AgreementDrafted,
    AgreementSigned,
    Feedback,
    FeedbackReleased,
    FeedbackRequested,
    FeedbackStatus,
    FeedbackSubmitted,
    Introduction,
    IntroductionAdvanced,
    IntroductionStatus,
    Reciprocity,
    ReciprocityAssessed,
    Session,
    SessionCancelled,
    SessionLogged,
    SessionScheduled,
    SessionStatus,
)
from services.feedback.domain.introductions import as_shown
from services.feedback.domain.kept import Aggregate, Kept
from services.feedback.domain.reciprocity import reciprocity_id


def fact_of(kept: Kept[Aggregate]) -> Event:
    """The fact with exactly this state, version, time and actor."""
    state, version, at, by = kept.state, kept.version, kept.changed_at, kept.changed_by
    match state:
        case Agreement():
            drafted_or_signed = AgreementSigned if state.signed_by else AgreementDrafted
            return drafted_or_signed(
                key=state.agreement_id, version=version, occurred_at=at, actor_id=by, agreement=state
            )
        case Agenda():
            return AgendaChanged(key=state.agenda_id, version=version, occurred_at=at, actor_id=by, agenda=state)
        case Session():
            return _SESSION_FACTS[state.status](
                key=state.session_id, version=version, occurred_at=at, actor_id=by, session=state
            )
        case Feedback():
            return _FEEDBACK_FACTS[state.status](
                key=state.feedback_id, version=version, occurred_at=at, actor_id=by, feedback=state
            )
        case Introduction():
            shown = as_shown(state)
            # Who said no is as private as who was asked: the actor of a refusal would name the third person.
            hidden = by == state.third_person_id and shown.third_person_id is None
            return IntroductionAdvanced(
                key=state.introduction_id,
                version=version,
                occurred_at=at,
                actor_id=None if hidden else by,
                introduction=shown,
                ask_third_person_id=(state.third_person_id if state.status is IntroductionStatus.OFFERED else None),
            )
        case Reciprocity():
            return ReciprocityAssessed(
                key=reciprocity_id(state.pair_id), version=version, occurred_at=at, actor_id=by, reciprocity=state
            )


_SESSION_FACTS: dict[SessionStatus, type[SessionScheduled | SessionLogged | SessionCancelled]] = {
    SessionStatus.PROPOSED: SessionScheduled,
    SessionStatus.SCHEDULED: SessionScheduled,
    SessionStatus.RESCHEDULED: SessionScheduled,
    SessionStatus.HELD: SessionLogged,
    SessionStatus.LOGGED: SessionLogged,
    SessionStatus.CANCELLED: SessionCancelled,
    SessionStatus.NO_SHOW: SessionCancelled,
}
_FEEDBACK_FACTS: dict[FeedbackStatus, type[FeedbackRequested | FeedbackSubmitted | FeedbackReleased]] = {
    FeedbackStatus.REQUESTED: FeedbackRequested,
    FeedbackStatus.SUBMITTED: FeedbackSubmitted,
    FeedbackStatus.RELEASED: FeedbackReleased,
    FeedbackStatus.EXPIRED: FeedbackReleased,
}
