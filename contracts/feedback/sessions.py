"""Sessions: from planned to logged, and what each taught and learned (the words stay with the owner)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event, Query
from contracts.feedback.topic import TOPIC


class SessionStatus(StrEnum):
    """PROPOSED → SCHEDULED ↔ RESCHEDULED → HELD → LOGGED; CANCELLED, NO_SHOW."""

    PROPOSED = "proposed"  # longer than planned: waits for the other's consent
    SCHEDULED = "scheduled"
    RESCHEDULED = "rescheduled"
    HELD = "held"
    LOGGED = "logged"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


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
    SessionScheduled,
    SessionCancelled,
    SessionLogged,
)
COMMANDS = (
    ScheduleSession,
    ConfirmSession,
    RescheduleSession,
    CancelSession,
    LogSession,
    ReportNoShow,
    AppealNoShow,
)
QUERIES = (ReadSessionLogs,)
