"""Mutations of groups around topics."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from contracts import matching as contract
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.groups import GroupPlan, group_plan
from gateway.schema.mutations.carrying import CommandInput, Done, carry_out
from gateway.schema.mutations.results import Refused

GroupPlanPayload = Annotated[
    GroupPlan | Refused, strawberry.union("GroupPlanPayload", description="The plan of groups, or why not.")
]


@strawberry.input(description="Groups to plan.")
class PlanGroupsInput(CommandInput):
    plan_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    cohort_id: strawberry.ID = strawberry.field(description="The cohort, whose admitted people take part.")
    least: int = strawberry.field(default=3, description="How many people a group has at least: 3 to 6.")
    most: int = strawberry.field(default=6, description="How many people a group has at most: 3 to 6.")
    minutes: int = strawberry.field(default=60, description="How many minutes a week all of a group share at least.")
    level: int = strawberry.field(default=3, description="From which level on an offer can lead a group: 1 to 5.")
    seed: int = strawberry.field(default=0, description="The same seed over the same people gives the same groups.")


@strawberry.input(description="Groups to publish.")
class PublishGroupsInput(CommandInput):
    plan_id: strawberry.ID = strawberry.field(description="The plan.")


async def read_group_plan(done: Done[Any]) -> GroupPlan | None:
    """The command's plan."""
    seen = await done.info.context.loaders.group_plans.load(done.command.plan_id)
    return group_plan(seen) if seen else None


@strawberry.type
class GroupMutations:
    @mutation(
        "Queue a plan of groups around topics: one who gives, at least two who need it. By an admin of a partner; the pairs stay."
    )
    async def plan_groups(self, info: Info, given: Given[PlanGroupsInput]) -> GroupPlanPayload:
        return await carry_out(info, given, contract.PlanGroups, read_group_plan, made="plan_id")

    @mutation("Let people see their groups of a plan. By an admin of a partner.")
    async def publish_groups(self, info: Info, given: Given[PublishGroupsInput]) -> GroupPlanPayload:
        return await carry_out(info, given, contract.PublishGroups, read_group_plan)
