"""Sealed two-way pulses and reviews: facts say that there is one; what was written stays with the owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event, Query
from contracts.feedback.topic import TOPIC


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
class SubmitFeedback(Command):
    """Answer a requested pulse or review: usefulness 1–5 and words for the addressee only."""

    WIRE: ClassVar[str] = "viceversa.feedback.submit-feedback.v1"
    feedback_id: UUID
    usefulness: int
    praise: str = ""
    critique: str = ""


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


FACTS = (
    FeedbackRequested,
    FeedbackSubmitted,
    FeedbackReleased,
)
COMMANDS = (SubmitFeedback,)
QUERIES = (ReadFeedback,)
