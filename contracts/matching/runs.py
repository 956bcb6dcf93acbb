"""Match runs over a frozen snapshot, what-ifs and comparisons of runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event, Query
from contracts.matching.cohorts import RuleKind, RuleSet, UnmatchedReason
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


class RunEnd(StrEnum):
    """How the search of a completed run ended."""

    OPTIMAL = "optimal"  # nothing better exists
    GAP = "gap"  # near enough to its bound, or nothing was left to try
    TIME = "time"  # the time that a run may take was over
    STOPPED = "stopped"  # an organizer took the best plan so far


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationResult:
    """How one organization fared in a run."""

    organization_id: UUID
    people: int
    matched: int
    mean_value: float
    worst_value: float
    best_mean: float = 0.0  # what each would get at best, taken alone; nobody can all have theirs
    share_of_best: float | None = (
        None  # what all of them get, as a share of what each place of theirs would get at best
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """A person without a pair, and why. ``why``: sentences in English that say which rule, and what would change it."""

    person_id: UUID
    organization_id: UUID
    reason: UnmatchedReason
    why: tuple[str, ...] = ()
    wordings: tuple[tuple[str, tuple[str, ...]], ...] = ()  # the same sentences by locale, in other languages


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSoFar:
    """The best plan at some moment of a run, before any floor. No plan to come that leaves as few people alone is worth more than
    ``upper_bound``; none leaves fewer alone than ``unmatched_bound``, as far as is proven at that moment."""

    pairs: int
    value: float
    upper_bound: float
    unmatched: int
    unmatched_bound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A floor of a run's plan, see RuleSet. ``asked``: by the rules. ``reached``: what every pair is worth, or the share that every
    organization gets, at least; None when it could not be planned. ``highest``: no plan that leaves as few people alone has more,
    as far as is proven. It costs ``price`` of the value of the best plan without it, and at most ``price_at_most``."""

    asked: float
    reached: float | None
    highest: float | None
    price: float
    price_at_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """How evenly a run's plan serves people. ``gini``: of what everybody gets, with 0 for those without a pair: 0 is even, towards 1 all
    goes to one. ``worst``, ``best`` and ``gap`` are of those with a pair. ``blocking_pairs``: two who would both gain more than
    ``blocking_threshold`` by leaving their pairs for each other; None when they were not counted, in large cohorts."""

    gini: float
    worst: float
    best: float
    gap: float
    blocking_pairs: int | None
    blocking_threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePrice:
    """What dropping one rule (its place in the rule set, from 0) would change: how many more ``people`` would have a pair, and how much
    more ``value`` there would be. ``why``: the same in English; ``wordings``: in other languages, by locale."""

    number: int
    kind: RuleKind
    required: bool
    people: int
    value: float
    why: str
    wordings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRun:
    """One computation over a frozen snapshot.

    No plan that leaves as few people alone is worth more than ``upper_bound``, and none leaves fewer than ``unmatched_bound``;
    None while nothing is proven. ``exact``: both are met. ``meaning``: the models that read the texts. ``moved``: people whose
    partner in the drafts before is still here and is not theirs any more. ``calibration``: what feedback taught and this run
    heeds; None: nothing.

    ``simulated``: a what-if over the snapshot of ``base_run_id`` under other ``rules``; it changes nothing, and becomes a run like
    any other once it is adopted. ``rules`` None: those of the cohort.

    ``so_far``: the best plan at the last moment that was told; of a cancelled run, how far it came. ``stopping``: an organizer wants
    the best plan so far. ``rule_prices``: of the rules that were priced, while there was time.

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
    so_far: PlanSoFar | None = None
    stopping: bool = False
    ended: RunEnd | None = None  # None while it is not completed
    worst_off_floor: Floor | None = None
    organization_floor: Floor | None = None
    fairness: Fairness | None = None
    rule_prices: tuple[RulePrice, ...] = ()


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
    """By an admin of a partner: stop a queued or running run. ``keep_best``: a running run ends with the best plan so far instead."""

    WIRE: ClassVar[str] = "viceversa.matching.cancel-matching.v1"
    run_id: UUID
    keep_best: bool = False


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
    fairness: Fairness | None = None
    worst_off_floor: Floor | None = None
    organization_floor: Floor | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesContradiction:
    """Required rules (their places in the set, from 0) of which no one can be left out of the contradiction. ``fatal``: a run is refused;
    otherwise it leaves people out. ``why`` in English; ``wordings``: in other languages, by locale."""

    rules: tuple[int, ...]
    fatal: bool
    why: str
    wordings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesCheck:
    """Contradictions among rules for the people who are admitted now, ``people`` many; what they need and offer is not looked at."""

    cohort_id: UUID
    people: int
    contradictions: tuple[RulesContradiction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRules(Query):
    """By an admin of a partner, or an operator: would these rules (None: the cohort's own) contradict each other? Answer: RulesCheck."""

    WIRE: ClassVar[str] = "viceversa.matching.check-rules.v1"
    cohort_id: UUID
    rules: RuleSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Somebody with whom a pair would be worth ``value`` to the asking person, more than the ``own`` one that they have (0: none), and
    whose place is worth ``price`` to others. ``why`` in English; ``wordings``: in other languages, by locale."""

    partner_id: UUID
    value: float
    own: float
    price: float
    why: str
    wordings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOverByRun:
    """Of the asking person in a run, the best first."""

    run_id: UUID
    people: tuple[PassedOver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPassedOver(Query):
    """By a person: why a run gave them nobody better: the one that found this pair of theirs, or the cohort's latest whose proposals are
    published. Answer: PassedOverByRun."""

    WIRE: ClassVar[str] = "viceversa.matching.read-passed-over.v1"
    pair_id: UUID | None = None
    cohort_id: UUID | None = None


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
    CheckRules,
    ReadPassedOver,
)
