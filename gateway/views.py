"""What the loaders hand to the schema: a state, and through which eyes this viewer sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.base import Actor
from contracts.matching import (
    Calibration,
    Cohort,
    Enrolment,
    GroupPlan,
    MatchRun,
    OrganizationResult,
    Pair,
    PairStatus,
    RoundPlan,
    UnmatchedReason,
)
from contracts.profiles import Consent, Organization, Profile, ProposedField
from gateway.policy import CalibrationSight, CohortSight, OrganizationSight, PairSight, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationSeen:
    """An organization that the viewer may know of."""

    organization: Organization
    sight: OrganizationSight


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSeen:
    """A person; ``fields`` are the names that policy lets through. ``email`` is empty unless it does."""

    profile: Profile
    tier: Tier
    fields: frozenset[str]
    opted: frozenset[ProposedField]
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSeen:
    """A consent, and whether it holds now."""

    consent: Consent
    in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortSeen:
    """A cohort."""

    cohort: Cohort
    sight: CohortSight


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentSeen:
    """A person's place, with when it last changed."""

    enrolment: Enrolment
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """A match run, with when it last changed."""

    run: MatchRun
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlanSeen:
    """A plan of speed rounds, with when it last changed."""

    plan: RoundPlan
    changed_at: datetime
    sight: CohortSight


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlanSeen:
    """A plan of groups, with when it last changed."""

    plan: GroupPlan
    changed_at: datetime
    sight: CohortSight


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSeen:
    """What feedback taught, with when that last changed."""

    calibration: Calibration
    changed_at: datetime
    sight: CalibrationSight


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSeen:
    """A pair; ``opted`` is what the other one of the two shows to proposed partners (nothing for organizers)."""

    pair: Pair
    sight: PairSight
    viewer: Actor
    opted: frozenset[ProposedField] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSeen:
    """The figures of a cohort; what policy withholds is None, or named in ``withheld``."""

    people: int
    matched: int
    mean_value: float | None
    organizations: tuple[OrganizationResult, ...]
    withheld: frozenset[UUID]
    unmatched: tuple[tuple[UnmatchedReason, int], ...]
    pairs: tuple[tuple[PairStatus, int], ...]
    sessions_logged: int | None
    mean_balance: float | None
    mean_usefulness: float | None
    introductions_made: int | None
