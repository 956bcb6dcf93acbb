"""Speed mentoring: who meets whom in each round."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts.matching import RunStatus
from gateway import policy
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import Node
from gateway.schema.people import Person, person
from gateway.views import RoundPlanSeen

if TYPE_CHECKING:
    from gateway.schema.cohorts import Cohort

LazyCohort = Annotated["Cohort", strawberry.lazy("gateway.schema.cohorts")]


async def _people(info: Info, ids: list[UUID]) -> list[Person]:
    return [person(each) for each in await info.context.loaders.people.load_many(ids) if each]


@strawberry.type(description="Two people who meet in a round.")
class Meeting:
    ids: strawberry.Private[tuple[UUID, UUID]]

    @field("The two, as far as the viewer may see them.")
    async def people(self, info: Info) -> list[Person]:
        return await _people(info, list(self.ids))


@strawberry.type(description="One round, for organizers.")
class Round:
    out: strawberry.Private[tuple[UUID, ...]]
    number: int = strawberry.field(description="Which round: from 1.")
    value: float = strawberry.field(description="The sum of its meetings' values.")
    meetings: list[Meeting] = strawberry.field(description="Who meets whom.")

    @field("Who sits out, as far as the viewer may see them.")
    async def sitting_out(self, info: Info) -> list[Person]:
        return await _people(info, list(self.out))


@strawberry.type(description="Whom the viewer meets in a round.")
class MyRound:
    partner_id: strawberry.Private[UUID | None]
    number: int = strawberry.field(description="Which round: from 1.")
    sits_out: bool = strawberry.field(description="Whether the viewer meets nobody in it.")

    @field("Whom the viewer meets; null in a round to sit out.")
    async def partner(self, info: Info) -> Person | None:
        found = [] if self.partner_id is None else await _people(info, [self.partner_id])
        return found[0] if found else None


@strawberry.type(
    description="A plan of speed rounds. Organizers see who meets whom; people see their own schedule, nobody else's."
)
class RoundPlan(Node):
    seen: strawberry.Private[RoundPlanSeen]
    status: RunStatus = strawberry.field(description="Where planning it stands.")
    round_count: int = strawberry.field(description="How many rounds.")
    changed_at: datetime = strawberry.field(description="When it last changed.")
    value: float | None = strawberry.field(
        description="The sum of all meetings' values. For organizers and operators; null for everybody else."
    )
    upper_bound: float | None = strawberry.field(
        description="No schedule that leaves as few people without any meeting is worth more; null for people, and while none is proven."
    )
    run_id: strawberry.ID | None = strawberry.field(
        description="What planned it; `viceversa verify-run` checks it. For organizers and operators; null for everybody else."
    )
    error: str | None = strawberry.field(description="Why it could not be planned. For organizers and operators.")

    @field("The cohort.")
    async def cohort(self, info: Info) -> LazyCohort | None:
        from gateway.schema.cohorts import the_cohort

        return await the_cohort(info, self.seen.plan.cohort_id)

    @field("Who meets whom in each round. For organizers; null for everybody else.")
    def rounds(self) -> list[Round] | None:
        if self.seen.sight not in policy.ROUND_PLAN["rounds"]:
            return None
        plan = self.seen.plan
        return [
            Round(
                out=plan.sitting_out[at] if at < len(plan.sitting_out) else (),
                number=at + 1,
                value=plan.values[at] if at < len(plan.values) else 0.0,
                meetings=[Meeting(ids=two) for two in meetings],
            )
            for at, meetings in enumerate(plan.rounds)
        ]

    @field("Whom the viewer meets in each round; empty for whoever is not in it.")
    def my_schedule(self, info: Info) -> list[MyRound]:
        mine = policy.own_schedule(info.context.viewer, self.seen.plan)
        return [MyRound(partner_id=met, number=number, sits_out=met is None) for number, met in mine]


def round_plan(seen: RoundPlanSeen) -> RoundPlan:
    """What this viewer may see of the plan."""
    plan, sight = seen.plan, seen.sight
    figures = sight in policy.ROUND_PLAN["value"]
    return RoundPlan(
        seen=seen,
        id=strawberry.ID(str(plan.plan_id)),
        status=plan.status,
        round_count=len(plan.rounds),
        changed_at=seen.changed_at,
        value=plan.value if figures else None,
        upper_bound=plan.upper_bound if sight in policy.ROUND_PLAN["upper_bound"] else None,
        run_id=strawberry.ID(str(plan.run_id)) if plan.run_id and sight in policy.ROUND_PLAN["run_id"] else None,
        error=plan.error if sight in policy.ROUND_PLAN["error"] else None,
    )
