"""Facts and commands of the matching service: cohorts, enrolments, rules, match runs, pairs, speed rounds, groups."""

from contracts.base import Query
from contracts.matching import choices, cohorts, groups, pairs, rounds, runs
from contracts.matching.choices import (
    ExplainWhyNot as ExplainWhyNot,
)
from contracts.matching.choices import (
    ListVetoes as ListVetoes,
)
from contracts.matching.choices import (
    Ranking as Ranking,
)
from contracts.matching.choices import (
    Rankings as Rankings,
)
from contracts.matching.choices import (
    RankPeople as RankPeople,
)
from contracts.matching.choices import (
    ReadRankings as ReadRankings,
)
from contracts.matching.choices import (
    Suggestion as Suggestion,
)
from contracts.matching.choices import (
    Suggestions as Suggestions,
)
from contracts.matching.choices import (
    SuggestPartners as SuggestPartners,
)
from contracts.matching.choices import (
    Veto as Veto,
)
from contracts.matching.choices import (
    Vetoes as Vetoes,
)
from contracts.matching.choices import (
    VetoPair as VetoPair,
)
from contracts.matching.choices import (
    WhyNot as WhyNot,
)
from contracts.matching.choices import (
    WhyNotCode as WhyNotCode,
)
from contracts.matching.choices import (
    WithdrawVeto as WithdrawVeto,
)
from contracts.matching.cohorts import (
    AcceptPartnership as AcceptPartnership,
)
from contracts.matching.cohorts import (
    AdvanceCohort as AdvanceCohort,
)
from contracts.matching.cohorts import (
    BlockPerson as BlockPerson,
)
from contracts.matching.cohorts import (
    ChangeCapacity as ChangeCapacity,
)
from contracts.matching.cohorts import (
    ChangeRules as ChangeRules,
)
from contracts.matching.cohorts import (
    ChangeSeats as ChangeSeats,
)
from contracts.matching.cohorts import (
    Cohort as Cohort,
)
from contracts.matching.cohorts import (
    CohortAdvanced as CohortAdvanced,
)
from contracts.matching.cohorts import (
    CohortOpened as CohortOpened,
)
from contracts.matching.cohorts import (
    CohortStatus as CohortStatus,
)
from contracts.matching.cohorts import (
    DraftCohort as DraftCohort,
)
from contracts.matching.cohorts import (
    Enrol as Enrol,
)
from contracts.matching.cohorts import (
    Enrolment as Enrolment,
)
from contracts.matching.cohorts import (
    EnrolmentChanged as EnrolmentChanged,
)
from contracts.matching.cohorts import (
    EnrolmentRole as EnrolmentRole,
)
from contracts.matching.cohorts import (
    EnrolmentStatus as EnrolmentStatus,
)
from contracts.matching.cohorts import (
    InvitePeople as InvitePeople,
)
from contracts.matching.cohorts import (
    Partner as Partner,
)
from contracts.matching.cohorts import (
    PauseEnrolment as PauseEnrolment,
)
from contracts.matching.cohorts import (
    RemoveEnrolment as RemoveEnrolment,
)
from contracts.matching.cohorts import (
    ResumeEnrolment as ResumeEnrolment,
)
from contracts.matching.cohorts import (
    Rule as Rule,
)
from contracts.matching.cohorts import (
    RuleKind as RuleKind,
)
from contracts.matching.cohorts import (
    RuleSet as RuleSet,
)
from contracts.matching.cohorts import (
    UnmatchedReason as UnmatchedReason,
)
from contracts.matching.cohorts import (
    WithdrawEnrolment as WithdrawEnrolment,
)
from contracts.matching.groups import (
    Group as Group,
)
from contracts.matching.groups import (
    GroupMember as GroupMember,
)
from contracts.matching.groups import (
    GroupPlan as GroupPlan,
)
from contracts.matching.groups import (
    GroupsPlanned as GroupsPlanned,
)
from contracts.matching.groups import (
    PlanGroups as PlanGroups,
)
from contracts.matching.groups import (
    PublishGroups as PublishGroups,
)
from contracts.matching.pairs import (
    AcceptPair as AcceptPair,
)
from contracts.matching.pairs import (
    AnswerQuestion as AnswerQuestion,
)
from contracts.matching.pairs import (
    AskQuestion as AskQuestion,
)
from contracts.matching.pairs import (
    DeclinePair as DeclinePair,
)
from contracts.matching.pairs import (
    DeclineReason as DeclineReason,
)
from contracts.matching.pairs import (
    Direction as Direction,
)
from contracts.matching.pairs import (
    EndPair as EndPair,
)
from contracts.matching.pairs import (
    HoldPair as HoldPair,
)
from contracts.matching.pairs import (
    Member as Member,
)
from contracts.matching.pairs import (
    Pair as Pair,
)
from contracts.matching.pairs import (
    PairAccepted as PairAccepted,
)
from contracts.matching.pairs import (
    PairActivated as PairActivated,
)
from contracts.matching.pairs import (
    PairChanged as PairChanged,
)
from contracts.matching.pairs import (
    PairDeclined as PairDeclined,
)
from contracts.matching.pairs import (
    PairEnded as PairEnded,
)
from contracts.matching.pairs import (
    PairProposed as PairProposed,
)
from contracts.matching.pairs import (
    PairStatus as PairStatus,
)
from contracts.matching.pairs import (
    PinPair as PinPair,
)
from contracts.matching.pairs import (
    PublishProposals as PublishProposals,
)
from contracts.matching.pairs import (
    Question as Question,
)
from contracts.matching.pairs import (
    ResumePair as ResumePair,
)
from contracts.matching.pairs import (
    Term as Term,
)
from contracts.matching.pairs import (
    Wording as Wording,
)
from contracts.matching.rounds import (
    PlanRounds as PlanRounds,
)
from contracts.matching.rounds import (
    ReplanRounds as ReplanRounds,
)
from contracts.matching.rounds import (
    RoundPlan as RoundPlan,
)
from contracts.matching.rounds import (
    RoundPlanned as RoundPlanned,
)
from contracts.matching.runs import (
    AdoptRun as AdoptRun,
)
from contracts.matching.runs import (
    CancelMatching as CancelMatching,
)
from contracts.matching.runs import (
    CompareRuns as CompareRuns,
)
from contracts.matching.runs import (
    Keep as Keep,
)
from contracts.matching.runs import (
    MatchingCompleted as MatchingCompleted,
)
from contracts.matching.runs import (
    MatchingProgressed as MatchingProgressed,
)
from contracts.matching.runs import (
    MatchingRequested as MatchingRequested,
)
from contracts.matching.runs import (
    MatchRun as MatchRun,
)
from contracts.matching.runs import (
    Move as Move,
)
from contracts.matching.runs import (
    OrganizationResult as OrganizationResult,
)
from contracts.matching.runs import (
    ReadRunProof as ReadRunProof,
)
from contracts.matching.runs import (
    RequestMatching as RequestMatching,
)
from contracts.matching.runs import (
    RunComparison as RunComparison,
)
from contracts.matching.runs import (
    RunFigures as RunFigures,
)
from contracts.matching.runs import (
    RunMode as RunMode,
)
from contracts.matching.runs import (
    RunProof as RunProof,
)
from contracts.matching.runs import (
    RunStatus as RunStatus,
)
from contracts.matching.runs import (
    SimulateMatching as SimulateMatching,
)
from contracts.matching.runs import (
    Unmatched as Unmatched,
)
from contracts.matching.topic import TOPIC as TOPIC

FACTS = (*cohorts.FACTS, *runs.FACTS, *pairs.FACTS, *rounds.FACTS, *groups.FACTS)
COMMANDS = (
    *cohorts.COMMANDS,
    *runs.COMMANDS,
    *pairs.COMMANDS,
    *rounds.COMMANDS,
    *choices.COMMANDS,
    *groups.COMMANDS,
)
QUERIES: tuple[type[Query], ...] = (*runs.QUERIES, *choices.QUERIES)
