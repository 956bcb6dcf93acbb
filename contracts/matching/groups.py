"""Groups of several people around a topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event
from contracts.matching.pairs import Direction, Term
from contracts.matching.runs import RunStatus, Unmatched
from contracts.matching.topic import TOPIC


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """Somebody in a group. ``learns``: what, and from whom; None for one who gives and learns nothing there. ``windows``: the time that
    all share, on this person's clock."""

    person_id: UUID
    organization_id: UUID
    gives: bool
    learns: Direction | None = None
    windows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group around a topic, in the words of the first member's offer, who leads. ``value`` is the sum of its terms.

    ``language_level``: of the weakest speaker, 1 (A1) to 6 (C2). ``others``: sentences in English on why nobody else is in it;
    ``wordings``: the same by locale, in other languages.
    """

    topic: str
    members: tuple[GroupMember, ...]
    value: float
    terms: tuple[Term, ...]
    language: str
    language_level: int
    shared_minutes: int
    shared_windows: tuple[str, ...]
    others: tuple[str, ...] = ()
    wordings: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """Groups of ``least`` to ``most`` people who share ``minutes`` a week; who leads has an offer of at least ``level``.

    ``status``: of the run that plans them. Nobody is in two groups, and no place for a pair is taken. No plan that leaves as few out is
    worth more than ``upper_bound``, none leaves fewer out than ``unmatched_bound``; both are about all possible groups. ``exact``:
    both are met. ``published``: people see their own group.
    """

    plan_id: UUID
    cohort_id: UUID
    least: int
    most: int
    minutes: int
    level: int
    seed: int = 0
    status: RunStatus = RunStatus.COMPLETED
    error: str = ""
    run_id: UUID | None = None
    groups: tuple[Group, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    value: float = 0.0
    upper_bound: float | None = None
    unmatched_bound: int | None = None
    exact: bool = False
    published: bool = False


# ---- facts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsPlanned(Event):
    """Groups were asked for, planned, could not be, or were published. Key: the plan."""

    WIRE: ClassVar[str] = "viceversa.matching.groups-planned.v1"
    TOPIC: ClassVar[str] = TOPIC
    plan: GroupPlan


# ---- commands ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGroups(Command):
    """By an admin of a partner: plan groups of 3 to 6 of the admitted people, who share so many minutes a week."""

    WIRE: ClassVar[str] = "viceversa.matching.plan-groups.v1"
    plan_id: UUID
    cohort_id: UUID
    least: int = 3
    most: int = 6
    minutes: int = 60
    level: int = 3
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishGroups(Command):
    """By an admin of a partner: people see their group of this plan from now on."""

    WIRE: ClassVar[str] = "viceversa.matching.publish-groups.v1"
    plan_id: UUID


FACTS = (GroupsPlanned,)
COMMANDS = (
    PlanGroups,
    PublishGroups,
)
