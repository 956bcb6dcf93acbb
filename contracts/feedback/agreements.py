"""Agreements and agendas: what the two of a pair promise each other and want to talk about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event
from contracts.feedback.topic import TOPIC


class TopicItemStatus(StrEnum):
    """One line of an agenda."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    DONE = "done"


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


FACTS = (
    AgreementDrafted,
    AgreementSigned,
    AgendaChanged,
)
COMMANDS = (
    ChangeAgreement,
    SignAgreement,
    AddTopic,
    DecideTopic,
)
