"""Facts and commands of the matching service: cohorts, enrolments, rules, match runs, pairs, speed rounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event, Query

TOPIC = "viceversa.matching"


class CohortStatus(StrEnum):
    """DRAFT → OPEN → CLOSED → MATCHING → REVIEW → ACTIVE → WRAP_UP → COMPLETED; CANCELLED from any before the last."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    MATCHING = "matching"
    REVIEW = "review"
    ACTIVE = "active"
    WRAP_UP = "wrap_up"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class EnrolmentStatus(StrEnum):
    """INVITED → APPLIED → (WAITLISTED) → ADMITTED ↔ PAUSED → COMPLETED | WITHDRAWN | REMOVED | UNMATCHED."""

    INVITED = "invited"
    APPLIED = "applied"
    WAITLISTED = "waitlisted"
    ADMITTED = "admitted"
    PAUSED = "paused"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    REMOVED = "removed"
    UNMATCHED = "unmatched"


class EnrolmentRole(StrEnum):
    """What a person does in a cohort."""

    GIVES = "gives"
    RECEIVES = "receives"
    BOTH = "both"


class UnmatchedReason(StrEnum):
    """Why an admitted person got no pair."""

    NO_LEGAL_PARTNER = "no_legal_partner"  # the hard rules leave nobody
    NO_SHARED_TIME = "no_shared_time"
    NO_SHARED_LANGUAGE = "no_shared_language"
    NOTHING_IN_COMMON = "nothing_in_common"  # no offer meets a need, in either direction
    CAPACITY = "capacity"  # every legal partner is taken
    INCOMPLETE_PROFILE = "incomplete_profile"
    OUT_OF_OFFICE = "out_of_office"


class RuleKind(StrEnum):
    """The rules that a cohort can require or prefer."""

    CROSS_ORGANIZATION = "cross_organization"
    SAME_ORGANIZATION = "same_organization"
    DIFFERENT_TEAM = "different_team"
    NO_REPORTING_LINE = "no_reporting_line"
    SHARED_LANGUAGE = (
        "shared_language"  # parameter: least CEFR level of the weaker speaker, 1 (A1) to 6 (C2); language: this one
    )
    SHARED_MINUTES = "shared_minutes"  # parameter: least minutes a week that both are free
    ZONE_SPREAD = "zone_spread"  # parameter: most hours between the zones
    NOT_TOGETHER = "not_together"  # people: exactly two
    TOGETHER = "together"  # people: exactly two
    PARTNER_AMONG = "partner_among"  # people: somebody, then the group from which all their partners come
    INCLUDE_ONE = "include_one"  # people: at least one of them has a pair; required only
    NOT_MET_BEFORE = "not_met_before"  # not a pair of an earlier edition
    SAME_FACET = "same_facet"  # facet
    DIFFERENT_FACET = "different_facet"  # facet


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


class Keep(StrEnum):
    """What a run keeps of the cohort's present drafts. After a drop-out: who lost their partner gets another one."""

    NONE = "none"  # everything is planned anew
    LOCKED = "locked"  # a draft of two people who are still here stays; only free places are filled
    STICKY = "sticky"  # staying together counts extra, so that few move


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
class Rule:
    """One rule. Required: never broken. Preferred: costs ``weight`` of a pair's value when broken."""

    kind: RuleKind
    required: bool = True
    parameter: float | None = None
    facet: str | None = None
    people: tuple[UUID, ...] = ()
    weight: float = 0.1
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """A cohort's versioned rules and weights (each weight 0 to 1)."""

    version: int = 1
    rules: tuple[Rule, ...] = (
        Rule(kind=RuleKind.DIFFERENT_TEAM),
        Rule(kind=RuleKind.NO_REPORTING_LINE),
        Rule(kind=RuleKind.SHARED_LANGUAGE, parameter=3),
        Rule(kind=RuleKind.SHARED_MINUTES, parameter=30),
        Rule(kind=RuleKind.NOT_MET_BEFORE),
    )
    difference: float = 0.12
    logistics: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """An organization in a cohort; ``seats`` None means: as many as the cohort has."""

    organization_id: UUID
    accepted: bool = False
    seats: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The public state of one edition. The first partner drafted it."""

    cohort_id: UUID
    name: str
    description: str = ""
    status: CohortStatus = CohortStatus.DRAFT
    partners: tuple[Partner, ...] = ()
    opens_at: datetime
    closes_at: datetime
    starts_at: datetime
    ends_at: datetime
    answer_hours: int = 72
    capacity: int | None = None
    rolling: bool = False
    rules: RuleSet = RuleSet()
    series: str = ""  # editions of one series know who met before


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A person's place in a cohort; ``capacity`` is how many pairs they take at once."""

    enrolment_id: UUID
    cohort_id: UUID
    person_id: UUID
    organization_id: UUID
    role: EnrolmentRole = EnrolmentRole.BOTH
    capacity: int = 1
    status: EnrolmentStatus = EnrolmentStatus.APPLIED
    reason: UnmatchedReason | None = None
    waiting_position: int | None = None


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
    partner in the drafts before is still here and is not theirs any more.

    ``simulated``: a what-if over the snapshot of ``base_run_id`` under other ``rules``; it changes nothing, and becomes a run like
    any other once it is adopted. ``rules`` None: those of the cohort.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """What ``teacher`` teaches ``learner``: which need is met by which offer, and what it adds."""

    teacher_id: UUID
    learner_id: UUID
    need: str
    need_kind: str = ""
    offer: str
    similarity: float
    priority: int
    level: int
    value: float


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


# ---- facts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortOpened(Event):
    """Every partner's admin accepted, and registration is open. Key: the cohort."""

    WIRE: ClassVar[str] = "viceversa.matching.cohort-opened.v1"
    TOPIC: ClassVar[str] = TOPIC
    cohort: Cohort


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortAdvanced(Event):
    """Any other change of a cohort: drafted, accepted by a partner, rules changed, next state. Key: the cohort."""

    WIRE: ClassVar[str] = "viceversa.matching.cohort-advanced.v1"
    TOPIC: ClassVar[str] = TOPIC
    cohort: Cohort


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentChanged(Event):
    """A place in a cohort changed. Key: the enrolment."""

    WIRE: ClassVar[str] = "viceversa.matching.enrolment-changed.v1"
    TOPIC: ClassVar[str] = TOPIC
    enrolment: Enrolment


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlanned(Event):
    """Speed rounds were asked for, planned, or could not be. Key: the plan."""

    WIRE: ClassVar[str] = "viceversa.matching.round-planned.v1"
    TOPIC: ClassVar[str] = TOPIC
    plan: RoundPlan


# ---- commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftCohort(Command):
    """By an admin of the first partner, whose acceptance it includes. ``cohort.status`` is ignored."""

    WIRE: ClassVar[str] = "viceversa.matching.draft-cohort.v1"
    cohort: Cohort


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptPartnership(Command):
    """By an admin of a partner organization, for their own; the last acceptance opens the cohort when its window has come."""

    WIRE: ClassVar[str] = "viceversa.matching.accept-partnership.v1"
    cohort_id: UUID
    seats: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceCohort(Command):
    """By an admin of a partner: to the next state, or CANCELLED."""

    WIRE: ClassVar[str] = "viceversa.matching.advance-cohort.v1"
    cohort_id: UUID
    to: CohortStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRules(Command):
    """By an admin of a partner, before REVIEW; contradictions are refused with the rules that conflict."""

    WIRE: ClassVar[str] = "viceversa.matching.change-rules.v1"
    cohort_id: UUID
    rules: RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitePeople(Command):
    """By an admin: invite own people (all of the organization's active people when empty)."""

    WIRE: ClassVar[str] = "viceversa.matching.invite-people.v1"
    cohort_id: UUID
    people: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrol(Command):
    """By the person: apply, or take up an invitation. Admitted at once when there is a place, else on the waiting list."""

    WIRE: ClassVar[str] = "viceversa.matching.enrol.v1"
    cohort_id: UUID
    role: EnrolmentRole = EnrolmentRole.BOTH
    capacity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseEnrolment(Command):
    """By the person: open proposals are declined, no new ones come."""

    WIRE: ClassVar[str] = "viceversa.matching.pause-enrolment.v1"
    cohort_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeEnrolment(Command):
    """By the person: back from a pause."""

    WIRE: ClassVar[str] = "viceversa.matching.resume-enrolment.v1"
    cohort_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawEnrolment(Command):
    """By the person: leave the cohort; the place goes to the waiting list."""

    WIRE: ClassVar[str] = "viceversa.matching.withdraw-enrolment.v1"
    cohort_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEnrolment(Command):
    """By an admin of the person's organization."""

    WIRE: ClassVar[str] = "viceversa.matching.remove-enrolment.v1"
    cohort_id: UUID
    person_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPerson(Command):
    """By a person: never be paired with this one (any cohort); nobody is told."""

    WIRE: ClassVar[str] = "viceversa.matching.block-person.v1"
    person_id: UUID


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


# ---- private reads -----------------------------------------------------------------------------------------------------


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


QUERIES: tuple[type[Query], ...] = (ReadRunProof, CompareRuns)
FACTS = (
    CohortOpened,
    CohortAdvanced,
    EnrolmentChanged,
    MatchingRequested,
    MatchingProgressed,
    MatchingCompleted,
    PairProposed,
    PairAccepted,
    PairDeclined,
    PairActivated,
    PairChanged,
    PairEnded,
    RoundPlanned,
)
COMMANDS = (
    DraftCohort,
    AcceptPartnership,
    AdvanceCohort,
    ChangeRules,
    InvitePeople,
    Enrol,
    PauseEnrolment,
    ResumeEnrolment,
    WithdrawEnrolment,
    RemoveEnrolment,
    BlockPerson,
    RequestMatching,
    CancelMatching,
    SimulateMatching,
    AdoptRun,
    PinPair,
    PublishProposals,
    AcceptPair,
    DeclinePair,
    AskQuestion,
    AnswerQuestion,
    HoldPair,
    ResumePair,
    EndPair,
    PlanRounds,
    ReplanRounds,
)
