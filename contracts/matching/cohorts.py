"""Cohorts: their partners and windows, who takes part, and the rules of their matching."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event
from contracts.matching.topic import TOPIC


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
    """A cohort's versioned rules and weights (each weight 0 to 1, ``ranking`` at most 0.5).

    ``learned``: what released feedback taught is heeded. Floors come after as few people alone as can be, and before value; 0: none.
    ``worst_off_floor``: the worst pair is lifted so far, of the way from the worst one of the best plan to the best that the worst can be;
    1: all of it. ``organization_floor``: every organization gets at least this share of what its people would get at best.
    """

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
    ranking: float = 0.2  # what it is worth to the planner, at most, that two people ranked each other first; 0 to 0.5
    learned: bool = False
    worst_off_floor: float = 0.0
    organization_floor: float = 0.0


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


# ---- facts ---------------------------------------------------------------------------------------------------------------


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


# ---- commands ------------------------------------------------------------------------------------------------------------


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
class ChangeCapacity(Command):
    """By an admin of a partner: how many people the cohort takes (None: no limit). Who waits moves up at once; nobody loses a place."""

    WIRE: ClassVar[str] = "viceversa.matching.change-capacity.v1"
    cohort_id: UUID
    capacity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSeats(Command):
    """By an admin of a partner, for their own organization: how many of its people can take part (None: as many as the cohort has)."""

    WIRE: ClassVar[str] = "viceversa.matching.change-seats.v1"
    cohort_id: UUID
    seats: int | None = None


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


FACTS = (
    CohortOpened,
    CohortAdvanced,
    EnrolmentChanged,
)
COMMANDS = (
    DraftCohort,
    AcceptPartnership,
    AdvanceCohort,
    ChangeRules,
    ChangeCapacity,
    ChangeSeats,
    InvitePeople,
    Enrol,
    PauseEnrolment,
    ResumeEnrolment,
    WithdrawEnrolment,
    RemoveEnrolment,
    BlockPerson,
)
