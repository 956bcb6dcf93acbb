"""How much of a pair goes both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from contracts.base import Event
from contracts.feedback.topic import TOPIC


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReciprocityAssessed(Event):
    """The ledger of a pair after a logged session or an introduction. Key: uuid5 of the pair."""

    WIRE: ClassVar[str] = "viceversa.feedback.reciprocity-assessed.v1"
    TOPIC: ClassVar[str] = TOPIC
    reciprocity: Reciprocity


FACTS = (ReciprocityAssessed,)
