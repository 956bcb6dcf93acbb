"""One mutation for each command of the contracts, and the embedded mode's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import strawberry

from contracts.base import Role
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.mutations.carrying import CommandInput
from gateway.schema.mutations.choices import ChoiceMutations
from gateway.schema.mutations.feedback import FeedbackMutations
from gateway.schema.mutations.groups import GroupMutations
from gateway.schema.mutations.learning import LearningMutations
from gateway.schema.mutations.matching import MatchingMutations
from gateway.schema.mutations.notifications import NotificationsMutations
from gateway.schema.mutations.profiles import ProfilesMutations
from gateway.schema.mutations.rounds import RoundMutations
from gateway.schema.platform import PlatformInfo, platform_info
from gateway.schema.refusals import (
    Conflict,
    Full,
    InputProblem,
    InvalidInput,
    NotAllowed,
    NotFound,
    ServiceUnavailable,
    TooLate,
)

LONGEST_STEP = 24 * 400

ClockPayload = Annotated[
    PlatformInfo | NotFound | NotAllowed | InvalidInput | Conflict | Full | TooLate | ServiceUnavailable,
    strawberry.union("ClockPayload", description="The platform at its new time, or why not."),
]


@strawberry.input(description="How far to move the clock.")
class AdvanceClockInput(CommandInput):
    hours: float = strawberry.field(description="Hours forward: more than 0, at most 9600. A clock never goes back.")


@strawberry.type(
    description="Everything that changes something. Each answers with the changed object, or with a Refusal that says what to do."
)
class Mutation(
    ProfilesMutations,
    MatchingMutations,
    FeedbackMutations,
    NotificationsMutations,
    RoundMutations,
    ChoiceMutations,
    GroupMutations,
    LearningMutations,
):
    @mutation("Move the platform's one clock forward, so that deadlines pass. Embedded mode only; by an operator.")
    async def advance_clock(self, info: Info, given: Given[AdvanceClockInput]) -> ClockPayload:
        if not info.context.viewer.is_a(Role.OPERATOR):
            return NotAllowed(
                message="Only an operator moves the clock.",
                code="OperatorsOnly",
                remedy="Use a token of the operators' issuer.",
            )
        if not info.context.platform.embedded:
            return NotAllowed(
                message="The clock can be moved in the embedded mode only.",
                code="EmbeddedOnly",
                remedy="Wait; or try it out with `make up` on your own machine.",
            )
        if not 0 < given.hours <= LONGEST_STEP:
            return InvalidInput(
                message="The clock moves forward by more than 0 and at most 9600 hours.",
                code="StepOutOfRange",
                remedy="Take smaller steps.",
                problems=[
                    InputProblem(
                        path="hours",
                        message="not between 0 and 9600",
                        value=str(given.hours),
                        remedy="write a number of hours",
                    )
                ],
            )
        info.context.platform.advance_clock(timedelta(hours=given.hours))
        return await platform_info(info)
