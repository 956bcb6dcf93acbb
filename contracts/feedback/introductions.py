"""Introductions to a third person, who consents first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event
from contracts.feedback.topic import TOPIC


class IntroductionStatus(StrEnum):
    """OFFERED → CONSENTED (by the third person) → MADE → outcome; DECLINED."""

    OFFERED = "offered"
    CONSENTED = "consented"
    DECLINED = "declined"
    MADE = "made"
    CLOSED = "closed"


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
class IntroductionAdvanced(Event):
    """A door opens further. Key: the introduction."""

    WIRE: ClassVar[str] = "viceversa.feedback.introduction-advanced.v1"
    TOPIC: ClassVar[str] = TOPIC
    introduction: Introduction
    ask_third_person_id: UUID | None = None  # set on OFFERED only: who is to be asked for consent


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


FACTS = (IntroductionAdvanced,)
COMMANDS = (
    OfferIntroduction,
    AnswerIntroduction,
    MakeIntroduction,
    CloseIntroduction,
)
