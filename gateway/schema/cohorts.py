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
    Keep,
    PairStatus,
    RuleKind,
    RunEnd,
    RunStatus,
    UnmatchedReason,
)
from gateway import policy
from gateway.policy import CohortSight
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.fairness import (
    Fairness,
    Floor,
    PlanSoFar,
    RulePrice,
    fairness,
    floor,
    plan_so_far,
    rule_price,
)
from gateway.schema.groups import GroupPlan, group_plan
from gateway.schema.learning import CalibrationUsed, calibration_used
from gateway.schema.paging import After, Connection, First, Node, asked, connection
from gateway.schema.people import Organization, Person, organization, person
from gateway.schema.rounds import RoundPlan, round_plan
from gateway.views import CohortSeen, EnrolmentSeen, ReportSeen, RunSeen

if TYPE_CHECKING:
    from gateway.schema.pairs import Pair

LazyPair = Annotated["Pair", strawberry.lazy("gateway.schema.pairs")]
Locale = Annotated[str, strawberry.argument(description="A language, such as `pl`.")]
Statuses = Annotated[list[PairStatus] | None, strawberry.argument(description="Only pairs in one of these states.")]
EnrolmentStatuses = Annotated[
    list[EnrolmentStatus] | None, strawberry.argument(description="Only places in one of these states.")
]


@strawberry.type(description="An organization in a cohort.")
class CohortPartner:
    state: strawberry.Private[matching.Partner]
    accepted: bool = strawberry.field(description="Whether one of its admins accepted the partnership.")
    seats: int | None = strawberry.field(
        description="How many of its people can take part; null: as many as the cohort has, or not for this viewer."
    )

    @field("The organization.")
    async def organization(self, info: Info) -> Organization | None:
        seen = await info.context.loaders.organizations.load(self.state.organization_id)
        return organization(seen) if seen else None


@strawberry.type(description="One rule of a cohort.")
class Rule:
    state: strawberry.Private[matching.Rule]
    kind: RuleKind = strawberry.field(description="What it asks.")
    required: bool = strawberry.field(description="True: never broken. False: costs `weight` of a pair's value.")
    parameter: float | None = strawberry.field(description="The number that the kind needs.")
    facet: str | None = strawberry.field(description="The facet that the kind needs.")
    language: str | None = strawberry.field(
        description="The code of the one language that SHARED_LANGUAGE is about; null: any language."
    )
    weight: float = strawberry.field(description="What breaking it costs, when it is not required.")

    @field(
        "The people that the kind names, those of them that the viewer may see: the two of TOGETHER and NOT_TOGETHER; for "
        "PARTNER_AMONG the person first, then the group from which all their partners come; for INCLUDE_ONE the group."
    )
    async def people(self, info: Info) -> list[Person]:
        seen = await info.context.loaders.people.load_many(list(self.state.people))
        return [person(each) for each in seen if each]


@strawberry.type(description="A cohort's rules and weights, versioned.")
class RuleSet:
    version: int = strawberry.field(description="Grows by one with each change.")
    rules: list[Rule] = strawberry.field(description="The rules.")
    difference: float = strawberry.field(description="How much being different counts: 0 to 1.")
    logistics: float = strawberry.field(description="How much shared time counts: 0 to 1.")
    worst_off_floor: float = strawberry.field(
        description="How far the worst pair is lifted before value counts: 0 not at all, 1 as far as can be without leaving more people "
        "alone."
    )
    organization_floor: float = strawberry.field(
        description="The share of what its people would get at best that every organization gets at least, as far as can be: 0 to 1."
    )
    ranking: float = strawberry.field(
        description="How much it counts when runs plan, at most, that two people ranked each other first: 0 to 0.5."
    )
    learned: bool = strawberry.field(description="Whether what released feedback taught is heeded.")


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
        seen = await info.context.loaders.cohorts.load(self.state.cohort_id)
        return cohort(seen) if seen else None

    @field("The person.")
    async def person(self, info: Info) -> Person | None:
        seen = await info.context.loaders.people.load(self.state.person_id)
        return person(seen) if seen else None


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


@strawberry.type(description="How one organization fares. Figures of fewer than five people are withheld from others.")
class OrganizationResult:
    organization_id: strawberry.Private[UUID]
    withheld: bool = strawberry.field(
        description="Whether the figures are withheld, because they would tell about single people."
    )
    people: int | None = strawberry.field(description="How many of its people took part.")
    matched: int | None = strawberry.field(
        description="How many of them have, or had, a pair that stands: proposals that fell are not counted."
    )
    match_rate: float | None = strawberry.field(description="matched / people, 0 to 1.")
    mean_value: float | None = strawberry.field(description="The mean value of their pairs.")
    worst_value: float | None = strawberry.field(description="The least value among their pairs.")
    best_mean: float | None = strawberry.field(
        description="The mean of what each of them would get at best, taken alone; nobody can all have theirs."
    )

    share_of_best: float | None = strawberry.field(
        description="What all of them get, as a share of what each place of theirs would get at best; null where that is nothing, and in "
        "reports over several runs."
    )

    @field("The organization.")
    async def organization(self, info: Info) -> Organization | None:
        seen = await info.context.loaders.organizations.load(self.organization_id)
        return organization(seen) if seen else None


def organization_result(state: matching.OrganizationResult, *, withheld: bool) -> OrganizationResult:
    """How an organization fares, without its figures when they are ``withheld``."""
    return OrganizationResult(
        organization_id=state.organization_id,
        withheld=withheld,
        people=None if withheld else state.people,
        matched=None if withheld else state.matched,
        match_rate=None if withheld or not state.people else state.matched / state.people,
        mean_value=None if withheld else state.mean_value,
        worst_value=None if withheld else state.worst_value,
        best_mean=None if withheld else state.best_mean,
        share_of_best=None if withheld else state.share_of_best,
    )


@strawberry.type(description="One of the viewer's own people without a pair, and why.")
class Unmatched:
    person: Person = strawberry.field(description="The person.")
    reason: UnmatchedReason = strawberry.field(description="Why.")
    state: strawberry.Private[matching.Unmatched]

    @field(
        "Which rule is in the way and what would change it, in this language; in English when it is not spoken here."
    )
    async def why(self, locale: Locale = "en") -> list[str]:
        language = locale.replace("_", "-").split("-")[0].casefold()
        return list(dict(self.state.wordings).get(language, self.state.why))


@strawberry.type(description="One computation over a frozen snapshot of a cohort. For its organizers and operators.")
class MatchRun(Node):
    state: strawberry.Private[matching.MatchRun]
    status: RunStatus = strawberry.field(description="Where the run stands.")
    progress: float = strawberry.field(description="How far it is: 0 to 1.")
    stage: str = strawberry.field(description="What it does now.")
    people: int = strawberry.field(description="How many people the snapshot holds.")
    pairs: int = strawberry.field(description="How many pairs it found.")
    value: float = strawberry.field(description="The sum of the pairs' values.")
    upper_bound: float | None = strawberry.field(
        description="No matching that leaves as few people alone is worth more; null while none is proven."
    )
    unmatched_bound: int | None = strawberry.field(
        description="No matching leaves fewer people alone; null while none is proven."
    )
    exact: bool = strawberry.field(description="Whether nothing better exists: both bounds are met.")
    meaning: str = strawberry.field(description="The models that understood the needs and offers.")
    seconds: float = strawberry.field(description="How long it took.")
    engine: str = strawberry.field(description="What computed it, with its version.")
    snapshot_digest: str = strawberry.field(description="Same digest, same seed and same engine: the same pairs.")
    error: str = strawberry.field(description="Why it failed; empty when it did not.")
    published: bool = strawberry.field(description="Whether its drafts became proposals.")
    wave: int | None = strawberry.field(
        description="Which wave of the cohort it is, from 1: one more each time that proposals are published."
    )
    simulated: bool = strawberry.field(
        description="Whether it is a what-if that changes nothing; a simulation that was adopted is none any more."
    )
    rules: RuleSet | None = strawberry.field(description="The rules that it was simulated under; null: the cohort's.")
    keep: Keep = strawberry.field(description="What it was to keep of the drafts before.")
    moved: int = strawberry.field(
        description="How many people are not with somebody any more with whom they were drafted before, and who is still here."
    )
    calibration: CalibrationUsed | None = strawberry.field(
        description="What it heeds of released feedback; null: nothing."
    )
    changed_at: datetime = strawberry.field(description="When it last moved on.")
    so_far: PlanSoFar | None = strawberry.field(
        description="The best plan so far while it runs; of a cancelled run, how far it came. Null before the first."
    )
    stopping: bool = strawberry.field(description="Whether it was asked to end with the best plan so far.")
    ended: RunEnd | None = strawberry.field(description="How the search ended; null while it is not completed.")
    worst_off_floor: Floor | None = strawberry.field(
        description="The floor under the worst-off; null when the rules ask for none."
    )
    organization_floor: Floor | None = strawberry.field(
        description="The share that every organization gets; null when the rules ask for none."
    )
    fairness: Fairness | None = strawberry.field(
        description="How evenly the plan serves people, and how stable it is; null while there is no plan."
    )
    rule_prices: list[RulePrice] = strawberry.field(
        description="What each rule costs. A rule that is not there was not priced: time was over, or the cohort is too large."
    )

    @field("The run over whose snapshot this one was simulated; null when it was not.")
    async def base_run(self, info: Info) -> MatchRun | None:
        if self.state.base_run_id is None:
            return None
        seen = await info.context.loaders.runs.load(self.state.base_run_id)
        return match_run(seen) if seen else None

    @field("The cohort.")
    async def cohort(self, info: Info) -> Cohort | None:
        seen = await info.context.loaders.cohorts.load(self.state.cohort_id)
        return cohort(seen) if seen else None

    @field("How each organization fares.")
    async def organizations(self, info: Info) -> list[OrganizationResult]:
        results = self.state.organizations
        withheld = policy.withheld_results(results, viewer=info.context.viewer)
        return [organization_result(each, withheld=each.organization_id in withheld) for each in results]

    @field("The viewer's own people without a pair, and why.")
    async def unmatched(self, info: Info) -> list[Unmatched]:
        mine = [each for each in self.state.unmatched if info.context.viewer.administers(each.organization_id)]
        seen = await info.context.loaders.people.load_many([each.person_id for each in mine])
        # Somebody erased since then is not counted either.
        return [
            Unmatched(person=person(found), reason=each.reason, state=each)
            for each, found in zip(mine, seen, strict=True)
            if found is not None
        ]


def match_run(seen: RunSeen) -> MatchRun:
    """A run, for somebody who may see it."""
    state = seen.run
    return MatchRun(
        state=state,
        id=strawberry.ID(str(state.run_id)),
        status=state.status,
        progress=state.progress,
        stage=state.stage,
        people=state.people,
        pairs=state.pairs,
        value=state.value,
        upper_bound=state.upper_bound,
        unmatched_bound=state.unmatched_bound,
        exact=state.exact,
        meaning=state.meaning,
        seconds=state.seconds,
        engine=state.engine,
        snapshot_digest=state.snapshot_digest,
        error=state.error,
        published=state.published,
        wave=state.wave or None,
        simulated=state.simulated,
        rules=rule_set(state.rules) if state.rules else None,
        keep=state.keep,
        moved=state.moved,
        calibration=calibration_used(state.calibration),
        changed_at=seen.changed_at,
        so_far=plan_so_far(state.so_far),
        stopping=state.stopping,
        ended=state.ended,
        worst_off_floor=floor(state.worst_off_floor),
        organization_floor=floor(state.organization_floor),
        fairness=fairness(state.fairness),
        rule_prices=[rule_price(each) for each in state.rule_prices],
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


def rule_set(state: matching.RuleSet) -> RuleSet:
    """Rules, for somebody who may see them."""
    return RuleSet(
        version=state.version,
        rules=[
            Rule(
                state=each,
                kind=each.kind,
                required=each.required,
                parameter=each.parameter,
                facet=each.facet,
                language=each.language,
                weight=each.weight,
            )
            for each in state.rules
        ],
        difference=state.difference,
        logistics=state.logistics,
        worst_off_floor=state.worst_off_floor,
        organization_floor=state.organization_floor,
        ranking=state.ranking,
        learned=state.learned,
    )
