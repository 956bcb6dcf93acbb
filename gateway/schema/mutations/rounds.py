"""Mutations of speed rounds."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from contracts import matching as contract
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.mutations.carrying import CommandInput, Done, carry_out
from gateway.schema.mutations.results import Refused
from gateway.schema.rounds import RoundPlan, round_plan

RoundPlanPayload = Annotated[
    RoundPlan | Refused, strawberry.union("RoundPlanPayload", description="The plan of rounds, or why not.")
]


@strawberry.input(description="Speed rounds to plan.")
class PlanRoundsInput(CommandInput):
    plan_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    cohort_id: strawberry.ID = strawberry.field(description="The cohort, whose admitted people take part.")
    rounds: int = strawberry.field(description="How many rounds: 1 to 12.")
    seed: int = strawberry.field(default=0, description="The same seed over the same people gives the same rounds.")


@strawberry.input(description="Rounds to plan anew.")
class ReplanRoundsInput(CommandInput):
    plan_id: strawberry.ID = strawberry.field(description="The plan.")
    from_round: int = strawberry.field(description="The first round to plan anew, from 1; those before stay.")
    absent: list[strawberry.ID] | None = strawberry.field(
        default=None, description="All people who are not there from that round on; left out: everybody is."
    )


async def read_round_plan(done: Done[Any]) -> RoundPlan | None:
    """The command's plan."""
    seen = await done.info.context.loaders.round_plans.load(done.command.plan_id)
    return round_plan(seen) if seen else None


@strawberry.type
class RoundMutations:
    @mutation(
        "Queue a plan of speed rounds: everybody admitted meets somebody new in each. By an admin of a partner; the pairs stay."
    )
    async def plan_rounds(self, info: Info, given: Given[PlanRoundsInput]) -> RoundPlanPayload:
        return await carry_out(info, given, contract.PlanRounds, read_round_plan, made="plan_id")

    @mutation("Somebody did not come: keep the earlier rounds and plan the others anew. By an admin of a partner.")
    async def replan_rounds(self, info: Info, given: Given[ReplanRoundsInput]) -> RoundPlanPayload:
        return await carry_out(info, given, contract.ReplanRounds, read_round_plan)
