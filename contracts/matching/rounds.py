"""Speed mentoring: rounds of short meetings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event
from contracts.matching.runs import RunStatus
from contracts.matching.topic import TOPIC


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """Speed mentoring: who meets whom in each round, and who sits out. Nobody meets somebody twice.

    ``status``: of the run that plans it. ``values``: of each round; no schedule that keeps the rounds before ``from_round`` and
    leaves as few people without any meeting is worth more than ``upper_bound``. ``absent``: who did not come, from then on.
    """

    plan_id: UUID
    cohort_id: UUID
    rounds: tuple[tuple[tuple[UUID, UUID], ...], ...] = ()
    sitting_out: tuple[tuple[UUID, ...], ...] = ()
    values: tuple[float, ...] = ()
    value: float = 0.0
    upper_bound: float | None = None
    status: RunStatus = RunStatus.COMPLETED
    error: str = ""
    from_round: int = 1
    absent: tuple[UUID, ...] = ()
    run_id: UUID | None = None
    seed: int = 0


# ---- facts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlanned(Event):
    """Speed rounds were asked for, planned, or could not be. Key: the plan."""

    WIRE: ClassVar[str] = "viceversa.matching.round-planned.v1"
    TOPIC: ClassVar[str] = TOPIC
    plan: RoundPlan


# ---- commands ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRounds(Command):
    """By an admin of a partner: plan 1 to 12 speed rounds of the admitted people."""

    WIRE: ClassVar[str] = "viceversa.matching.plan-rounds.v1"
    plan_id: UUID
    cohort_id: UUID
    rounds: int
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplanRounds(Command):
    """By an admin of a partner: the rounds before ``from_round`` (from 1) stay, the others are planned without the absent."""

    WIRE: ClassVar[str] = "viceversa.matching.replan-rounds.v1"
    plan_id: UUID
    from_round: int
    absent: tuple[UUID, ...] = ()


FACTS = (RoundPlanned,)
COMMANDS = (
    PlanRounds,
    ReplanRounds,
)
