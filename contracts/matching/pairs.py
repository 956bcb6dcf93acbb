"""Pairs: what they are explained by, and from proposal to end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event
from contracts.matching.topic import TOPIC


class PairStatus(StrEnum):
    """PROPOSED → (HALF_ACCEPTED) → ACCEPTED → ACTIVE ↔ ON_HOLD → COMPLETED | ENDED_EARLY; or DECLINED, EXPIRED, SUPERSEDED."""

    DRAFT = "draft"  # found by a run and not yet published: organizers only
    PROPOSED = "proposed"
    HALF_ACCEPTED = "half_accepted"
    ACCEPTED = "accepted"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    COMPLETED = "completed"
    ENDED_EARLY = "ended_early"
    DECLINED = "declined"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class DeclineReason(StrEnum):
    """Why somebody says no to a proposal."""

    NO_TIME = "no_time"
    NOT_WHAT_I_NEED = "not_what_i_need"
    KNOW_EACH_OTHER = "know_each_other"
    PERSONAL = "personal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """What ``teacher`` teaches ``learner``: which need is met by which offer, and what it adds.

    ``similarity``: the probability that the offer meets the need; ``unlearned``: as the models alone say, where feedback corrected
    it. ``aptness``: of the offer for how the need wants to be met. What was promised, to be compared with what is reported.
    """

    teacher_id: UUID
    learner_id: UUID
    need: str
    need_kind: str = ""
    offer: str
    similarity: float
    priority: int
    level: int
    value: float
    unlearned: float | None = None
    aptness: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One named part of a pair's value; the amounts sum to the value."""

    name: str
    amount: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Why these two, in another language than English; ``details``: of the pair's terms, in their order."""

    locale: str
    common_ground: str = ""
    bridge: str = ""
    one_way_reason: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of the two people of a pair."""

    person_id: UUID
    organization_id: UUID
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Asked before a yes or no."""

    question_id: UUID
    asked_by: UUID
    text: str
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The public state of a pair. ``members`` are two, sorted by person id; ``directions`` are the two (or one, see ``one_way_reason``)."""

    pair_id: UUID
    cohort_id: UUID
    run_id: UUID | None = None
    status: PairStatus
    members: tuple[Member, ...]
    directions: tuple[Direction, ...]
    value: float
    terms: tuple[Term, ...] = ()
    language: str = ""
    shared_minutes: int = 0
    shared_windows: tuple[str, ...] = ()  # "Mon 14:00–15:00 UTC"
    common_ground: str = ""
    bridge: str = ""
    one_way_reason: str = ""
    pinned: bool = False
    questions: tuple[Question, ...] = ()
    proposed_at: datetime | None = None
    expires_at: datetime | None = None
    decline_reason: DeclineReason | None = None
    ended_reason: str = ""
    wordings: tuple[Wording, ...] = ()


# ---- facts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PairProposed(Event):
    """A pair was drafted (organizers see it) or proposed to its two people. Key: the pair."""

    WIRE: ClassVar[str] = "viceversa.matching.pair-proposed.v1"
    TOPIC: ClassVar[str] = TOPIC
    pair: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAccepted(Event):
    """One (HALF_ACCEPTED) or both (ACCEPTED) said yes. Key: the pair."""

    WIRE: ClassVar[str] = "viceversa.matching.pair-accepted.v1"
    TOPIC: ClassVar[str] = TOPIC
    pair: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDeclined(Event):
    """DECLINED, EXPIRED or SUPERSEDED: both return to the pool. Key: the pair."""

    WIRE: ClassVar[str] = "viceversa.matching.pair-declined.v1"
    TOPIC: ClassVar[str] = TOPIC
    pair: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairActivated(Event):
    """Both signed their agreement: the pair works together (also: again, after a hold). Key: the pair."""

    WIRE: ClassVar[str] = "viceversa.matching.pair-activated.v1"
    TOPIC: ClassVar[str] = TOPIC
    pair: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChanged(Event):
    """Any other change: a question, an answer, a hold. Key: the pair."""

    WIRE: ClassVar[str] = "viceversa.matching.pair-changed.v1"
    TOPIC: ClassVar[str] = TOPIC
    pair: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEnded(Event):
    """COMPLETED or ENDED_EARLY; its history stays. Key: the pair."""

    WIRE: ClassVar[str] = "viceversa.matching.pair-ended.v1"
    TOPIC: ClassVar[str] = TOPIC
    pair: Pair


# ---- commands ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PinPair(Command):
    """By an admin of a partner: these two shall be a pair; runs keep it."""

    WIRE: ClassVar[str] = "viceversa.matching.pin-pair.v1"
    cohort_id: UUID
    people: tuple[UUID, UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishProposals(Command):
    """By an admin of a partner: the run's drafts become proposals, and their answering time starts."""

    WIRE: ClassVar[str] = "viceversa.matching.publish-proposals.v1"
    run_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptPair(Command):
    """By one of the two."""

    WIRE: ClassVar[str] = "viceversa.matching.accept-pair.v1"
    pair_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclinePair(Command):
    """By one of the two; ``pause`` also pauses their enrolment ("unavailable")."""

    WIRE: ClassVar[str] = "viceversa.matching.decline-pair.v1"
    pair_id: UUID
    reason: DeclineReason
    pause: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuestion(Command):
    """By one of the two, before answering a proposal."""

    WIRE: ClassVar[str] = "viceversa.matching.ask-question.v1"
    pair_id: UUID
    question_id: UUID
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerQuestion(Command):
    """By the other one."""

    WIRE: ClassVar[str] = "viceversa.matching.answer-question.v1"
    pair_id: UUID
    question_id: UUID
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPair(Command):
    """By one of the two: pause an ACTIVE pair."""

    WIRE: ClassVar[str] = "viceversa.matching.hold-pair.v1"
    pair_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePair(Command):
    """By one of the two: ACTIVE again."""

    WIRE: ClassVar[str] = "viceversa.matching.resume-pair.v1"
    pair_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPair(Command):
    """By one of the two, or by an admin of a partner: COMPLETED in WRAP_UP or later, else ENDED_EARLY."""

    WIRE: ClassVar[str] = "viceversa.matching.end-pair.v1"
    pair_id: UUID
    reason: str = ""


FACTS = (
    PairProposed,
    PairAccepted,
    PairDeclined,
    PairActivated,
    PairChanged,
    PairEnded,
)
COMMANDS = (
    PinPair,
    PublishProposals,
    AcceptPair,
    DeclinePair,
    AskQuestion,
    AnswerQuestion,
    HoldPair,
    ResumePair,
    EndPair,
)
