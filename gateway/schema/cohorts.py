"""Cohorts, places in them, match runs, and what an organizer wants to know."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts import matching
from contracts.matching import (
    CohortStatus,
    EnrolmentRole,
    EnrolmentStatus,
    PairStatus,
    UnmatchedReason,
)
from gateway import policy
from gateway.policy import CohortSight
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.groups import GroupPlan, group_plan
from gateway.schema.paging import After, Connection, First, Node, asked, connection
from gateway.schema.people import Organization, Person, person, the_organization, the_person
from gateway.schema.rounds import RoundPlan, round_plan
from gateway.schema.rules import RuleSet, rule_set
from gateway.schema.runs import MatchRun, OrganizationResult, match_run, organization_result
from gateway.views import CohortSeen, EnrolmentSeen, ReportSeen

if TYPE_CHECKING:
    from gateway.schema.pairs import Pair

LazyPair = Annotated["Pair", strawberry.lazy("gateway.schema.pairs")]
Statuses = Annotated[list[PairStatus] | None, strawberry.argument(description="Only pairs in one of these states.")]
EnrolmentStatuses = Annotated[
    list[EnrolmentStatus] | None, strawberry.argument(description="Only places in one of these states.")
]


async def the_cohort(info: Info, cohort_id: UUID) -> Cohort | None:
    """A cohort, when the viewer may see it."""
    seen = await info.context.loaders.cohorts.load(cohort_id)
    return cohort(seen) if seen else None


@strawberry.type(description="An organization in a cohort.")
class CohortPartner:
    state: strawberry.Private[matching.Partner]
    accepted: bool = strawberry.field(description="Whether one of its admins accepted the partnership.")
    seats: int | None = strawberry.field(
        description="How many of its people can take part; null: as many as the cohort has, or not for this viewer."
    )

    @field("The organization.")
    async def organization(self, info: Info) -> Organization | None:
        return await the_organization(info, self.state.organization_id)


@strawberry.type(description="A person's place in a cohort. For the person and the admins of their organization.")
class Enrolment(Node):
    state: strawberry.Private[matching.Enrolment]
    role: EnrolmentRole = strawberry.field(description="Teaches, learns or both.")
    capacity: int = strawberry.field(description="How many pairs the person takes at once.")
    status: EnrolmentStatus = strawberry.field(description="Where the place stands.")
    reason: UnmatchedReason | None = strawberry.field(description="Why there is no pair, when UNMATCHED.")
    waiting_position: int | None = strawberry.field(description="The place on the waiting list, from 1.")
    changed_at: datetime = strawberry.field(description="When it last changed.")

    @field("The cohort.")
    async def cohort(self, info: Info) -> Cohort | None:
        return await the_cohort(info, self.state.cohort_id)

    @field("The person.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.state.person_id)


def enrolment(seen: EnrolmentSeen) -> Enrolment:
    """A place, for somebody who may see it."""
    state = seen.enrolment
    return Enrolment(
        state=state,
        id=strawberry.ID(str(state.enrolment_id)),
        role=state.role,
        capacity=state.capacity,
        status=state.status,
        reason=state.reason,
        waiting_position=state.waiting_position,
        changed_at=seen.changed_at,
    )


@strawberry.type(description="How many pairs are in a state.")
class PairCount:
    status: PairStatus = strawberry.field(description="The state.")
    count: int = strawberry.field(description="How many pairs are in it.")


@strawberry.type(description="How many of a run's people got no pair for a reason.")
class ReasonCount:
    reason: UnmatchedReason = strawberry.field(description="The reason.")
    count: int = strawberry.field(description="How many people.")


@strawberry.type(
    description="What an organizer wants to know. Figures about people are sums and means of at least five people, else null."
)
class CohortReport:
    people: int = strawberry.field(description="How many people take part, over all waves.")
    matched: int = strawberry.field(
        description="How many of them have, or had, a pair that stands: proposals that fell are not counted."
    )
    match_rate: float | None = strawberry.field(description="matched / people, 0 to 1.")
    mean_value: float | None = strawberry.field(description="The mean value of the pairs that stand.")
    organizations: list[OrganizationResult] = strawberry.field(description="How each organization fares.")
    unmatched: list[ReasonCount] = strawberry.field(description="Why people got no pair in the latest completed run.")
    pairs: list[PairCount] = strawberry.field(description="How many pairs are in each state.")
    sessions_logged: int | None = strawberry.field(description="Sessions that both of the two have logged.")
    mean_balance: float | None = strawberry.field(
        description="Mean reciprocity over the pairs that have met: 1 is balanced, 0 is one way."
    )
    mean_usefulness: float | None = strawberry.field(description="Mean usefulness of released feedback, 1 to 5.")
    introductions_made: int | None = strawberry.field(description="Doors that were opened.")


def report(seen: ReportSeen) -> CohortReport:
    """A report, with what policy withholds already withheld."""
    return CohortReport(
        people=seen.people,
        matched=seen.matched,
        match_rate=seen.matched / seen.people if seen.people else None,
        mean_value=seen.mean_value,
        organizations=[
            organization_result(each, withheld=each.organization_id in seen.withheld) for each in seen.organizations
        ],
        unmatched=[ReasonCount(reason=reason, count=count) for reason, count in seen.unmatched],
        pairs=[PairCount(status=status, count=count) for status, count in seen.pairs],
        sessions_logged=seen.sessions_logged,
        mean_balance=seen.mean_balance,
        mean_usefulness=seen.mean_usefulness,
        introductions_made=seen.introductions_made,
    )


@strawberry.type(description="One edition: partner organizations, a time line, rules, and the people who take part.")
class Cohort(Node):
    state: strawberry.Private[CohortSeen]
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="What it is about.")
    status: CohortStatus = strawberry.field(description="Where it stands.")
    partners: list[CohortPartner] = strawberry.field(description="The organizations; the first one drafted it.")
    opens_at: datetime = strawberry.field(description="When registration opens.")
    closes_at: datetime = strawberry.field(description="When registration closes.")
    starts_at: datetime = strawberry.field(description="When pairs begin to work together.")
    ends_at: datetime = strawberry.field(description="When the edition ends.")
    answer_hours: int = strawberry.field(description="How many hours a proposal stays open.")
    capacity: int | None = strawberry.field(description="How many people it takes; null: no limit.")
    rolling: bool = strawberry.field(description="Whether it opens and matches again in waves.")
    series: str = strawberry.field(description="Editions of one series know who met before.")
    rules: RuleSet | None = strawberry.field(description="The rules of matching. For organizers and operators.")

    @field("The viewer's own place.")
    async def my_enrolment(self, info: Info) -> Enrolment | None:
        found = await info.context.loaders.my_enrolments.load(self.state.cohort.cohort_id)
        return enrolment(found) if found else None

    @field("The places of the viewer's own people. For organizers; null for everybody else.")
    async def enrolments(
        self, info: Info, first: First = 20, after: After = None, status: EnrolmentStatuses = None
    ) -> Connection[Enrolment] | None:
        if self.state.sight not in policy.COHORT["enrolments"]:
            return None
        page = asked(first, after)
        found = await info.context.loaders.enrolments_in(self.state.cohort.cohort_id, statuses=status, page=page)
        return connection(found, enrolment, asked=page)

    @field(
        "Who takes part, by name, as far as the viewer may see them. For organizers and those who take part themselves."
    )
    async def participants(self, info: Info, first: First = 20, after: After = None) -> Connection[Person] | None:
        if self.state.sight not in policy.COHORT["participants"]:
            return None
        page = asked(first, after)
        found = await info.context.loaders.participants_of(self.state, page=page)
        return connection(found, person, asked=page) if found else None

    @field("The pairs, the most valuable first: all of them for organizers, their own for people.")
    async def pairs(
        self, info: Info, first: First = 20, after: After = None, status: Statuses = None
    ) -> Connection[LazyPair] | None:
        from gateway.schema.pairs import pair

        if self.state.sight not in policy.COHORT["pairs"]:
            return None
        page = asked(first, after)
        found = await info.context.loaders.pairs_in(self.state, statuses=status, page=page)
        return connection(found, pair, asked=page)

    @field("Its match runs and simulations, the latest first. For organizers and operators.")
    async def runs(self, info: Info, first: First = 20, after: After = None) -> Connection[MatchRun] | None:
        if self.state.sight not in policy.COHORT["runs"]:
            return None
        page = asked(first, after)
        found = await info.context.loaders.runs_in(self.state.cohort.cohort_id, page=page)
        return connection(found, match_run, asked=page)

    @field("The match run that moved last; never a simulation. For organizers and operators.")
    async def latest_run(self, info: Info) -> MatchRun | None:
        if self.state.sight not in policy.COHORT["latest_run"]:
            return None
        found = await info.context.loaders.latest_runs.load(self.state.cohort.cohort_id)
        return match_run(found) if found else None

    @field(
        "Its plans of speed rounds, the latest first: all for organizers and operators, for people those that they are in."
    )
    async def round_plans(self, info: Info) -> list[RoundPlan]:
        found = await info.context.loaders.round_plans_of.load(self.state.cohort.cohort_id)
        return [round_plan(each) for each in found]

    @field(
        "Its plans of groups, the latest first: all for organizers and operators, for people those published in which they have a group."
    )
    async def group_plans(self, info: Info) -> list[GroupPlan]:
        found = await info.context.loaders.group_plans_of.load(self.state.cohort.cohort_id)
        return [group_plan(each) for each in found]

    @field("How it goes, from the latest completed run on. For organizers and operators.")
    async def report(self, info: Info) -> CohortReport | None:
        if self.state.sight not in policy.COHORT["report"]:
            return None
        return report(await info.context.loaders.report_of(self.state))


def cohort(seen: CohortSeen) -> Cohort:
    """What this viewer may see of the cohort."""
    state, sight = seen.cohort, seen.sight
    return Cohort(
        state=seen,
        id=strawberry.ID(str(state.cohort_id)),
        name=state.name,
        description=state.description,
        status=state.status,
        partners=[
            CohortPartner(
                state=each,
                accepted=each.accepted,
                seats=None if sight is CohortSight.PARTICIPANT else each.seats,
            )
            for each in state.partners
        ],
        opens_at=state.opens_at,
        closes_at=state.closes_at,
        starts_at=state.starts_at,
        ends_at=state.ends_at,
        answer_hours=state.answer_hours,
        capacity=state.capacity,
        rolling=state.rolling,
        series=state.series,
        rules=rule_set(state.rules) if sight in policy.COHORT["rules"] else None,
    )
