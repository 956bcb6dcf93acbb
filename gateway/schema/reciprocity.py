"""Give as much as you get: what each of the two taught, and the doors that they opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts import feedback
from contracts.feedback import IntroductionStatus
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import Node
from gateway.schema.people import Person, the_person

if TYPE_CHECKING:
    from gateway.schema.pairs import Pair

LazyPair = Annotated["Pair", strawberry.lazy("gateway.schema.pairs")]


@strawberry.type(description="What one of the two gave so far.")
class Tally:
    person_id: strawberry.Private[UUID]
    sessions_taught: int = strawberry.field(description="Sessions in which this one taught something.")
    sessions_learned: int = strawberry.field(description="Sessions in which this one learned something.")
    silent_streak: int = strawberry.field(description="Sessions in a row in which this one taught nothing.")
    introductions_made: int = strawberry.field(description="Doors that this one opened for the other.")

    @field("Who.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.person_id)


@strawberry.type(description="Give as much as you get. For the two only; never a ranking of people.")
class Reciprocity:
    sessions_logged: int = strawberry.field(description="Sessions that both have logged.")
    balance: float = strawberry.field(description="1 is balanced, 0 is one way.")
    tallies: list[Tally] = strawberry.field(description="What each of the two gave.")


def reciprocity(state: feedback.Reciprocity) -> Reciprocity:
    """A pair's ledger, for one of the two."""
    return Reciprocity(
        sessions_logged=state.sessions_logged,
        balance=state.balance,
        tallies=[
            Tally(
                person_id=each.person_id,
                sessions_taught=each.sessions_taught,
                sessions_learned=each.sessions_learned,
                silent_streak=each.silent_streak,
                introductions_made=each.introductions_made,
            )
            for each in state.tallies
        ],
    )


@strawberry.type(
    description="Somebody opens a door. For the one who offers, the one who receives, and the third person who is asked."
)
class Introduction(Node):
    state: strawberry.Private[feedback.Introduction]
    about: str = strawberry.field(description="What it is about.")
    status: IntroductionStatus = strawberry.field(description="How far the door is open.")
    outcome: str = strawberry.field(description="What came of it, by the receiver; empty until then.")

    @field("Who opens the door.")
    async def offered_by(self, info: Info) -> Person | None:
        return await the_person(info, self.state.offered_by)

    @field("For whom.")
    async def offered_to(self, info: Info) -> Person | None:
        return await the_person(info, self.state.offered_to)

    @field("To whom it leads; hidden from the receiver until that one agreed.")
    async def third_person(self, info: Info) -> Person | None:
        return await the_person(info, self.state.third_person_id)

    @field("The pair in which it was offered; null for the third person.")
    async def pair(self, info: Info) -> LazyPair | None:
        from gateway.schema.pairs import the_pair

        return await the_pair(info, self.state.pair_id)


def introduction(state: feedback.Introduction) -> Introduction:
    """An introduction, as policy.introduction_for lets this viewer see it."""
    return Introduction(
        state=state,
        id=strawberry.ID(str(state.introduction_id)),
        about=state.about,
        status=state.status,
        outcome=state.outcome,
    )
