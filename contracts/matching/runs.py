"""Match runs over a frozen snapshot, what-ifs and comparisons of runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event, Query
from contracts.matching.cohorts import RuleSet, UnmatchedReason
from contracts.matching.learning import CalibrationUsed
from contracts.matching.topic import TOPIC


class RunStatus(StrEnum):
    """A match run's life."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunMode(StrEnum):
    """What a run computes."""

    WHOLE = "whole"  # pairs for the cohort
    ROUNDS = "rounds"  # speed rounds, see RoundPlan
    GROUPS = "groups"  # groups around a topic, see GroupPlan


class Keep(StrEnum):
    """What a run keeps of the cohort's present drafts. After a drop-out: who lost their partner gets another one."""

    NONE = "none"  # everything is planned anew
    LOCKED = "locked"  # a draft of two people who are still here stays; only free places are filled
    STICKY = "sticky"  # staying together counts extra, so that few move


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationResult:
    """How one organization fared in a run."""

    organization_id: UUID
    people: int
    matched: int
    mean_value: float
    worst_value: float
    best_mean: float = 0.0  # what each would get at best, taken alone; nobody can all have theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """A person without a pair, and why. ``why``: sentences in English that say which rule, and what would change it."""

    person_id: UUID
    organization_id: UUID
    reason: UnmatchedReason
    why: tuple[str, ...] = ()
    wordings: tuple[tuple[str, tuple[str, ...]], ...] = ()  # the same sentences by locale, in other languages


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRun:
    """One computation over a frozen snapshot.

    No plan that leaves as few people alone is worth more than ``upper_bound``, and none leaves fewer than ``unmatched_bound``;
    None while nothing is proven. ``exact``: both are met. ``meaning``: the models that read the texts. ``moved``: people whose
    partner in the drafts before is still here and is not theirs any more. ``calibration``: what feedback taught and this run
    heeds; None: nothing.

    ``simulated``: a what-if over the snapshot of ``base_run_id`` under other ``rules``; it changes nothing, and becomes a run like
    any other once it is adopted. ``rules`` None: those of the cohort.

    ``wave``: how often proposals of this cohort were published before this run was asked for, plus one; 0: of speed rounds and the
    like, which are no waves, and of runs from before waves were counted.
    """

    run_id: UUID
    cohort_id: UUID
    status: RunStatus
    progress: float = 0.0
    stage: str = ""
    people: int = 0
    pairs: int = 0
    value: float = 0.0
    upper_bound: float | None = None
    seconds: float = 0.0
    snapshot_digest: str = ""
    engine: str = ""
    organizations: tuple[OrganizationResult, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    error: str = ""
    published: bool = False
    unmatched_bound: int | None = None
    exact: bool = False
    meaning: str = ""
    simulated: bool = False
    base_run_id: UUID | None = None
    rules: RuleSet | None = None
    keep: Keep = Keep.NONE
    moved: int = 0
    mode: RunMode = RunMode.WHOLE
    rounds: int = 0  # how many it plans
    plan_id: UUID | None = None  # what it plans
    wave: int = 0
    calibration: CalibrationUsed | None = None


# ---- facts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRequested(Event):
    """A run was queued. Key: the run."""

    WIRE: ClassVar[str] = "viceversa.matching.matching-requested.v1"
    TOPIC: ClassVar[str] = TOPIC
    run: MatchRun


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingProgressed(Event):
    """A run moved on. Key: the run."""

    WIRE: ClassVar[str] = "viceversa.matching.matching-progressed.v1"
    TOPIC: ClassVar[str] = TOPIC
    run: MatchRun


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingCompleted(Event):
    """A run ended: completed, failed or cancelled; or its proposals were published. Key: the run."""

    WIRE: ClassVar[str] = "viceversa.matching.matching-completed.v1"
    TOPIC: ClassVar[str] = TOPIC
    run: MatchRun


# ---- commands ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMatching(Command):
    """By an admin of a partner: queue a run over the admitted people with free places."""

    WIRE: ClassVar[str] = "viceversa.matching.request-matching.v1"
    run_id: UUID
    cohort_id: UUID
    seed: int = 0
    keep: Keep = Keep.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelMatching(Command):
    """By an admin of a partner: stop a queued or running run."""

    WIRE: ClassVar[str] = "viceversa.matching.cancel-matching.v1"
    run_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateMatching(Command):
    """By an admin of a partner: queue a run over the snapshot of a completed one under other rules; nothing else changes."""

    WIRE: ClassVar[str] = "viceversa.matching.simulate-matching.v1"
    run_id: UUID
    base_run_id: UUID
    rules: RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptRun(Command):
    """By an admin of a partner: a completed simulation's pairs replace the cohort's drafts, and its rules the cohort's."""

    WIRE: ClassVar[str] = "viceversa.matching.adopt-run.v1"
    run_id: UUID


# ---- private reads -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProof:
    """What a run saw and what proves it, as its engine keeps them: a snapshot (JSON), the near texts, the proof."""

    run: MatchRun
    snapshot: bytes
    near: bytes
    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRunProof(Query):
    """By an operator: what is needed to check a completed run. It holds people's words. Answer: RunProof."""

    WIRE: ClassVar[str] = "viceversa.matching.read-run-proof.v1"
    run_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """What a run found over its snapshot, before anybody left. ``matched`` and ``unmatched`` count people; ``mean_value`` and
    ``mean_difference`` (what being different adds) are means over the pairs, None without any."""

    run_id: UUID
    simulated: bool
    rules: RuleSet | None
    value: float
    upper_bound: float | None
    pairs: int
    matched: int
    unmatched: int
    unmatched_bound: int | None
    exact: bool
    mean_value: float | None
    mean_difference: float | None
    organizations: tuple[OrganizationResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A person whose partners differ: ``partners`` in the run, ``other_partners`` in the other one."""

    person_id: UUID
    organization_id: UUID
    partners: tuple[UUID, ...]
    other_partners: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Two runs of a cohort beside each other. ``moved`` counts people whose partners differ; ``moves`` are those of the
    asking admin's organization."""

    cohort_id: UUID
    run: RunFigures
    other: RunFigures
    same_snapshot: bool
    pairs_in_both: int
    pairs_only_in_run: int
    pairs_only_in_other: int
    moved: int
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRuns(Query):
    """By an admin of a partner, or an operator: two completed runs of one cohort. Answer: RunComparison."""

    WIRE: ClassVar[str] = "viceversa.matching.compare-runs.v1"
    run_id: UUID
    other_run_id: UUID


FACTS = (
    MatchingRequested,
    MatchingProgressed,
    MatchingCompleted,
)
COMMANDS = (
    RequestMatching,
    CancelMatching,
    SimulateMatching,
    AdoptRun,
)
QUERIES = (
    ReadRunProof,
    CompareRuns,
)
