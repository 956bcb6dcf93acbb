"""Match runs: how far they are, how good and how fair their plan is, and who is left out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts import matching
from contracts.matching import Keep, RunEnd, RunStatus, UnmatchedReason
from gateway import policy
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
from gateway.schema.learning import CalibrationUsed, calibration_used
from gateway.schema.paging import Node
from gateway.schema.people import Organization, Person, person, the_organization
from gateway.schema.rules import RuleSet, rule_set
from gateway.schema.spoken import Locale, language
from gateway.views import RunSeen

if TYPE_CHECKING:
    from gateway.schema.cohorts import Cohort

LazyCohort = Annotated["Cohort", strawberry.lazy("gateway.schema.cohorts")]


async def the_run(info: Info, run_id: UUID | None) -> MatchRun | None:
    """A run, when the viewer may see it; None for no id."""
    seen = await info.context.loaders.runs.load(run_id) if run_id else None
    return match_run(seen) if seen else None


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
        return await the_organization(info, self.organization_id)


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
        return list(dict(self.state.wordings).get(language(locale), self.state.why))


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
        return await the_run(info, self.state.base_run_id)

    @field("The cohort.")
    async def cohort(self, info: Info) -> LazyCohort | None:
        from gateway.schema.cohorts import the_cohort

        return await the_cohort(info, self.state.cohort_id)

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
