"""Facts, commands and private reads of the feedback service: agreements, agendas, sessions, pulses, introductions, reciprocity.

What people write about each other stays with the owner and is answered by private reads; facts carry only that it happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event, Query

TOPIC = "viceversa.feedback"


class TopicItemStatus(StrEnum):
    """One line of an agenda."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    DONE = "done"


class SessionStatus(StrEnum):
    """PROPOSED → SCHEDULED ↔ RESCHEDULED → HELD → LOGGED; CANCELLED, NO_SHOW."""

    PROPOSED = "proposed"  # longer than planned: waits for the other's consent
    SCHEDULED = "scheduled"
    RESCHEDULED = "rescheduled"
    HELD = "held"
    LOGGED = "logged"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class FeedbackKind(StrEnum):
    """A short pulse after a session, or a review."""

    PULSE = "pulse"
    MIDTERM = "midterm"
    FINAL = "final"


class FeedbackStatus(StrEnum):
    """REQUESTED → SUBMITTED (sealed) → RELEASED; EXPIRED."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    RELEASED = "released"
    EXPIRED = "expired"


class IntroductionStatus(StrEnum):
    """OFFERED → CONSENTED (by the third person) → MADE → outcome; DECLINED."""

    OFFERED = "offered"
    CONSENTED = "consented"
    DECLINED = "declined"
    MADE = "made"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What one of the two wants from the pair."""

    person_id: UUID
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMeeting:
    """One meeting of the tapering plan: number from 1, minutes never grow."""

    number: int
    minutes: int
    focus: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What both sign. A change of the terms clears the signatures."""

    agreement_id: UUID
    pair_id: UUID
    cohort_id: UUID
    people: tuple[UUID, UUID]
    organizations: tuple[UUID, UUID]
    goals: tuple[Goal, ...] = ()
    ground_rules: str = ""
    cadence_days: int = 14
    plan: tuple[PlannedMeeting, ...] = ()
    confidentiality: str = "What is said between us stays between us."
    ends_on: date | None = None
    terms_version: int = 1
    signed_by: tuple[UUID, ...] = ()
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicItem:
    """One line of a pair's agenda; who added it is kept, and ``decided_by`` is the other one."""

    item_id: UUID
    text: str
    added_by: UUID
    added_as: str  # "teacher" or "learner"
    learner_id: UUID
    status: TopicItemStatus = TopicItemStatus.PROPOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """The growing agenda of a pair. Key: the pair's agenda (uuid5)."""

    agenda_id: UUID
    pair_id: UUID
    cohort_id: UUID
    people: tuple[UUID, UUID]
    items: tuple[TopicItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLog:
    """That one side logged; their words are private."""

    person_id: UUID
    logged_at: datetime
    taught: bool
    learned: bool
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One meeting. ``sequence`` counts changes of the time (iCalendar SEQUENCE)."""

    session_id: UUID
    pair_id: UUID
    cohort_id: UUID
    people: tuple[UUID, UUID]
    organizations: tuple[UUID, UUID]
    number: int
    status: SessionStatus
    starts_at: datetime
    minutes: int
    planned_minutes: int
    place: str = ""
    focus: str = ""
    sequence: int = 0
    proposed_by: UUID | None = None
    logs: tuple[SessionLog, ...] = ()
    cancelled_by: UUID | None = None
    cancelled_late: bool = False
    no_show_by: UUID | None = None
    no_show_appealed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """The public state of one feedback: no words. ``usefulness`` (1–5) appears on release only."""

    feedback_id: UUID
    pair_id: UUID
    cohort_id: UUID
    session_id: UUID | None = None
    kind: FeedbackKind
    author_id: UUID
    addressee_id: UUID
    status: FeedbackStatus
    due_at: datetime
    usefulness: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """Somebody opens a door: ``third_person_id`` is shown to the receiver only after consent (None before, on the wire too)."""

    introduction_id: UUID
    pair_id: UUID
    cohort_id: UUID
    offered_by: UUID
    offered_to: UUID
    third_person_id: UUID | None = None
    about: str = ""
    status: IntroductionStatus
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTally:
    """What one of the two gave so far."""

    person_id: UUID
    sessions_taught: int = 0
    sessions_learned: int = 0
    silent_streak: int = 0  # sessions in a row in which this person taught nothing
    introductions_made: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reciprocity:
    """Give as much as you get, for one pair: 1.0 is balanced, 0.0 one way. Never a ranking of people."""

    pair_id: UUID
    cohort_id: UUID
    people: tuple[UUID, UUID]
    sessions_logged: int = 0
    balance: float = 1.0
    tallies: tuple[PersonTally, ...] = ()


# ---- facts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementDrafted(Event):
    """An agreement was drafted for an accepted pair, or its terms changed. Key: the agreement."""

    WIRE: ClassVar[str] = "viceversa.feedback.agreement-drafted.v1"
    TOPIC: ClassVar[str] = TOPIC
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementSigned(Event):
    """One of the two signed; ``agreement.complete`` once both have. Key: the agreement."""

    WIRE: ClassVar[str] = "viceversa.feedback.agreement-signed.v1"
    TOPIC: ClassVar[str] = TOPIC
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaChanged(Event):
    """A topic was added, accepted, declined or done. Key: the agenda."""

    WIRE: ClassVar[str] = "viceversa.feedback.agenda-changed.v1"
    TOPIC: ClassVar[str] = TOPIC
    agenda: Agenda


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionScheduled(Event):
    """Proposed, scheduled or moved. Key: the session."""

    WIRE: ClassVar[str] = "viceversa.feedback.session-scheduled.v1"
    TOPIC: ClassVar[str] = TOPIC
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCancelled(Event):
    """Cancelled, or somebody did not show up. Key: the session."""

    WIRE: ClassVar[str] = "viceversa.feedback.session-cancelled.v1"
    TOPIC: ClassVar[str] = TOPIC
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLogged(Event):
    """One side (HELD) or both (LOGGED) said what they taught and learned. Key: the session."""

    WIRE: ClassVar[str] = "viceversa.feedback.session-logged.v1"
    TOPIC: ClassVar[str] = TOPIC
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRequested(Event):
    """A pulse or review is due. Key: the feedback."""

    WIRE: ClassVar[str] = "viceversa.feedback.feedback-requested.v1"
    TOPIC: ClassVar[str] = TOPIC
    feedback: Feedback


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSubmitted(Event):
    """Sealed until both have submitted or the deadline passed. Key: the feedback."""

    WIRE: ClassVar[str] = "viceversa.feedback.feedback-submitted.v1"
    TOPIC: ClassVar[str] = TOPIC
    feedback: Feedback


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackReleased(Event):
    """The addressee may read it now (or it EXPIRED unwritten). Key: the feedback."""

    WIRE: ClassVar[str] = "viceversa.feedback.feedback-released.v1"
    TOPIC: ClassVar[str] = TOPIC
    feedback: Feedback


@dataclass(frozen=True, slots=True, kw_only=True)
class IntroductionAdvanced(Event):
    """A door opens further. Key: the introduction."""

    WIRE: ClassVar[str] = "viceversa.feedback.introduction-advanced.v1"
    TOPIC: ClassVar[str] = TOPIC
    introduction: Introduction
    ask_third_person_id: UUID | None = None  # set on OFFERED only: who is to be asked for consent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReciprocityAssessed(Event):
    """The ledger of a pair after a logged session or an introduction. Key: uuid5 of the pair."""

    WIRE: ClassVar[str] = "viceversa.feedback.reciprocity-assessed.v1"
    TOPIC: ClassVar[str] = TOPIC
    reciprocity: Reciprocity


# ---- commands (each by one of the two, unless said) ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAgreement(Command):
    """Change the terms; None leaves a term as it is; clears both signatures. ``goals``: the actor's own goals only."""

    WIRE: ClassVar[str] = "viceversa.feedback.change-agreement.v1"
    pair_id: UUID
    goals: tuple[str, ...] | None = None
    ground_rules: str | None = None
    cadence_days: int | None = None
    plan: tuple[PlannedMeeting, ...] | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignAgreement(Command):
    """Sign exactly these terms: refused when they changed meanwhile."""

    WIRE: ClassVar[str] = "viceversa.feedback.sign-agreement.v1"
    pair_id: UUID
    terms_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTopic(Command):
    """Add a line to the agenda; ``learner_id`` says whose learning it is for."""

    WIRE: ClassVar[str] = "viceversa.feedback.add-topic.v1"
    pair_id: UUID
    item_id: UUID
    text: str
    learner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideTopic(Command):
    """Accept, decline or finish a line: the learner decides what they learn."""

    WIRE: ClassVar[str] = "viceversa.feedback.decide-topic.v1"
    pair_id: UUID
    item_id: UUID
    status: TopicItemStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSession(Command):
    """Plan the next meeting of an ACTIVE pair; longer than planned needs the other's consent (see ConfirmSession)."""

    WIRE: ClassVar[str] = "viceversa.feedback.schedule-session.v1"
    session_id: UUID
    pair_id: UUID
    starts_at: datetime
    minutes: int | None = None  # None: as planned
    place: str = ""
    focus: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmSession(Command):
    """Consent to a longer session."""

    WIRE: ClassVar[str] = "viceversa.feedback.confirm-session.v1"
    session_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RescheduleSession(Command):
    """Move a session that has not begun."""

    WIRE: ClassVar[str] = "viceversa.feedback.reschedule-session.v1"
    session_id: UUID
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSession(Command):
    """Cancel a session that has not begun; within 24 hours it counts as late."""

    WIRE: ClassVar[str] = "viceversa.feedback.cancel-session.v1"
    session_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSession(Command):
    """After the meeting: what I taught, what I learned (free text, private to the two; empty: nothing)."""

    WIRE: ClassVar[str] = "viceversa.feedback.log-session.v1"
    session_id: UUID
    taught: str = ""
    learned: str = ""
    minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportNoShow(Command):
    """The other did not come."""

    WIRE: ClassVar[str] = "viceversa.feedback.report-no-show.v1"
    session_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealNoShow(Command):
    """By the one reported."""

    WIRE: ClassVar[str] = "viceversa.feedback.appeal-no-show.v1"
    session_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitFeedback(Command):
    """Answer a requested pulse or review: usefulness 1–5 and words for the addressee only."""

    WIRE: ClassVar[str] = "viceversa.feedback.submit-feedback.v1"
    feedback_id: UUID
    usefulness: int
    praise: str = ""
    critique: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferIntroduction(Command):
    """Offer to introduce the other one to a third person of the platform, who is asked first."""

    WIRE: ClassVar[str] = "viceversa.feedback.offer-introduction.v1"
    introduction_id: UUID
    pair_id: UUID
    third_person_id: UUID
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerIntroduction(Command):
    """By the third person: consent or not."""

    WIRE: ClassVar[str] = "viceversa.feedback.answer-introduction.v1"
    introduction_id: UUID
    consent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeIntroduction(Command):
    """By the one who offered, after consent."""

    WIRE: ClassVar[str] = "viceversa.feedback.make-introduction.v1"
    introduction_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseIntroduction(Command):
    """By the receiver: what came of it."""

    WIRE: ClassVar[str] = "viceversa.feedback.close-introduction.v1"
    introduction_id: UUID
    outcome: str


# ---- private reads -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFeedback(Query):
    """Released words, by their addressee (or the author's own). Answer: FeedbackText."""

    WIRE: ClassVar[str] = "viceversa.feedback.read-feedback.v1"
    feedback_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackText:
    """The words of one feedback."""

    feedback_id: UUID
    author_id: UUID
    usefulness: int
    praise: str
    critique: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSessionLogs(Query):
    """What both wrote about a session, by one of the two. Answer: SessionLogTexts."""

    WIRE: ClassVar[str] = "viceversa.feedback.read-session-logs.v1"
    session_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLogText:
    """One side's words."""

    person_id: UUID
    taught: str
    learned: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLogTexts:
    """Both sides' words."""

    session_id: UUID
    logs: tuple[SessionLogText, ...] = ()


FACTS = (
    AgreementDrafted,
    AgreementSigned,
    AgendaChanged,
    SessionScheduled,
    SessionCancelled,
    SessionLogged,
    FeedbackRequested,
    FeedbackSubmitted,
    FeedbackReleased,
    IntroductionAdvanced,
    ReciprocityAssessed,
)
COMMANDS = (
    ChangeAgreement,
    SignAgreement,
    AddTopic,
    DecideTopic,
    ScheduleSession,
    ConfirmSession,
    RescheduleSession,
    CancelSession,
    LogSession,
    ReportNoShow,
    AppealNoShow,
    SubmitFeedback,
    OfferIntroduction,
    AnswerIntroduction,
    MakeIntroduction,
    CloseIntroduction,
)
QUERIES = (ReadFeedback, ReadSessionLogs)
