"""Two match runs of a cohort side by side."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import strawberry

from contracts import matching
from gateway import policy
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.fairness import Fairness, Floor, fairness, floor
from gateway.schema.people import Person, person
from gateway.schema.rules import RuleSet, rule_set
from gateway.schema.runs import MatchRun, OrganizationResult, organization_result, the_run


@strawberry.type(description="What a run found over its snapshot, whoever left since.")
class RunFigures:
    state: strawberry.Private[matching.RunFigures]
    rules: RuleSet | None = strawberry.field(description="The rules that it was simulated under; null: the cohort's.")
    value: float = strawberry.field(description="The sum of the pairs' values.")
    upper_bound: float | None = strawberry.field(
        description="No matching under its rules that leaves as few people alone is worth more; null while none is proven."
    )
    exact: bool = strawberry.field(description="Whether nothing better exists under its rules: both bounds are met.")
    pairs: int = strawberry.field(description="How many pairs it found.")
    matched: int = strawberry.field(description="How many people have a pair.")
    unmatched: int = strawberry.field(description="How many people have none.")
    unmatched_bound: int | None = strawberry.field(
        description="No matching under its rules leaves fewer people alone; null while none is proven."
    )
    mean_value: float | None = strawberry.field(description="The mean value of a pair; null without pairs.")
    mean_difference: float | None = strawberry.field(
        description="Diversity: what being different adds to a pair in the mean; null without pairs."
    )
    fairness: Fairness | None = strawberry.field(
        description="How evenly it serves people; null of runs before this was counted."
    )
    worst_off_floor: Floor | None = strawberry.field(
        description="The floor under the worst-off; null when its rules ask for none."
    )
    organization_floor: Floor | None = strawberry.field(
        description="The share that every organization gets; null when its rules ask for none."
    )

    @field("The run.")
    async def run(self, info: Info) -> MatchRun | None:
        return await the_run(info, self.state.run_id)

    @field("How each organization fares.")
    async def organizations(self, info: Info) -> list[OrganizationResult]:
        results = self.state.organizations
        withheld = policy.withheld_results(results, viewer=info.context.viewer)
        return [organization_result(each, withheld=each.organization_id in withheld) for each in results]


@strawberry.type(description="One of the viewer's own people whose partners differ between two runs.")
class Move:
    state: strawberry.Private[matching.Move]

    @field("The person; null once they were erased.")
    async def person(self, info: Info) -> Person | None:
        return next(iter(await _people(info, [self.state.person_id])), None)

    @field("Their partners in the run, those whom the viewer may see; empty: nobody.")
    async def partners(self, info: Info) -> list[Person]:
        return await _people(info, self.state.partners)

    @field("Their partners in the other run, those whom the viewer may see; empty: nobody.")
    async def other_partners(self, info: Info) -> list[Person]:
        return await _people(info, self.state.other_partners)


@strawberry.type(description="Two completed match runs of a cohort side by side. For its organizers and operators.")
class RunComparison:
    run: RunFigures = strawberry.field(description="The one run.")
    other: RunFigures = strawberry.field(description="The other run.")
    same_snapshot: bool = strawberry.field(description="Whether both saw the same people, saying the same.")
    pairs_in_both: int = strawberry.field(description="How many pairs both found.")
    pairs_only_in_run: int = strawberry.field(description="How many pairs only the one run found.")
    pairs_only_in_other: int = strawberry.field(description="How many pairs only the other run found.")
    moved: int = strawberry.field(
        description="How many people have other partners, or have one in one of the runs only."
    )
    moves: list[Move] = strawberry.field(description="Those of them who are of the viewer's own organization.")


def comparison(answer: matching.RunComparison) -> RunComparison:
    """What the owner of the runs answered, for somebody who may see it."""
    return RunComparison(
        run=_figures(answer.run),
        other=_figures(answer.other),
        same_snapshot=answer.same_snapshot,
        pairs_in_both=answer.pairs_in_both,
        pairs_only_in_run=answer.pairs_only_in_run,
        pairs_only_in_other=answer.pairs_only_in_other,
        moved=answer.moved,
        moves=[Move(state=each) for each in answer.moves],
    )


def _figures(state: matching.RunFigures) -> RunFigures:
    return RunFigures(
        state=state,
        rules=rule_set(state.rules) if state.rules else None,
        value=state.value,
        upper_bound=state.upper_bound,
        exact=state.exact,
        pairs=state.pairs,
        matched=state.matched,
        unmatched=state.unmatched,
        unmatched_bound=state.unmatched_bound,
        mean_value=state.mean_value,
        mean_difference=state.mean_difference,
        fairness=fairness(state.fairness),
        worst_off_floor=floor(state.worst_off_floor),
        organization_floor=floor(state.organization_floor),
    )


async def _people(info: Info, ids: Sequence[UUID]) -> list[Person]:
    seen = await info.context.loaders.people.load_many(list(ids))
    return [person(each) for each in seen if each]
