"""What the two of a pair agreed, and what they want to talk about."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts import feedback
from contracts.feedback import TopicItemStatus
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import Node
from gateway.schema.people import Person, person, the_person

if TYPE_CHECKING:
    from gateway.schema.pairs import Pair

LazyPair = Annotated["Pair", strawberry.lazy("gateway.schema.pairs")]


@strawberry.type(description="What one of the two wants from the pair.")
class Goal:
    person_id: strawberry.Private[UUID]
    text: str = strawberry.field(description="The goal.")

    @field("Whose goal it is.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.person_id)


@strawberry.type(description="One meeting of the tapering plan.")
class PlannedMeeting:
    number: int = strawberry.field(description="1 is the first.")
    minutes: int = strawberry.field(description="How long; never longer than the one before.")
    focus: str = strawberry.field(description="What it is about.")


@strawberry.type(description="What both sign before they begin. For the two only.")
class Agreement(Node):
    state: strawberry.Private[feedback.Agreement]
    goals: list[Goal] = strawberry.field(description="What each of the two wants.")
    ground_rules: str = strawberry.field(description="How the two want to deal with each other.")
    cadence_days: int = strawberry.field(description="Days between two meetings.")
    plan: list[PlannedMeeting] = strawberry.field(
        description="The meetings: early ones longer, later ones shorter with one focus each."
    )
    confidentiality: str = strawberry.field(description="What stays between the two.")
    ends_on: date | None = strawberry.field(description="The last day.")
    terms_version: int = strawberry.field(
        description="Grows with each change of the terms, which clears the signatures. `signAgreement` names it."
    )
    complete: bool = strawberry.field(description="Whether both have signed these terms.")

    @field("Who has signed these terms.")
    async def signed_by(self, info: Info) -> list[Person]:
        found = await info.context.loaders.people.load_many(list(self.state.signed_by))
        return [person(each) for each in found if each]

    @field("The pair.")
    async def pair(self, info: Info) -> LazyPair | None:
        from gateway.schema.pairs import the_pair

        return await the_pair(info, self.state.pair_id)


def agreement(state: feedback.Agreement) -> Agreement:
    """An agreement, for one of the two."""
    return Agreement(
        state=state,
        id=strawberry.ID(str(state.agreement_id)),
        goals=[Goal(person_id=each.person_id, text=each.text) for each in state.goals],
        ground_rules=state.ground_rules,
        cadence_days=state.cadence_days,
        plan=[PlannedMeeting(number=each.number, minutes=each.minutes, focus=each.focus) for each in state.plan],
        confidentiality=state.confidentiality,
        ends_on=state.ends_on,
        terms_version=state.terms_version,
        complete=state.complete,
    )


@strawberry.type(description="One line of a pair's agenda.")
class TopicItem:
    state: strawberry.Private[feedback.TopicItem]
    id: strawberry.ID = strawberry.field(description="A UUID; `decideTopic` takes it.")
    text: str = strawberry.field(description="The topic.")
    added_as: str = strawberry.field(description="`teacher` or `learner`: as what it was added.")
    status: TopicItemStatus = strawberry.field(description="Where it stands; the learner decides.")

    @field("Who added it.")
    async def added_by(self, info: Info) -> Person | None:
        return await the_person(info, self.state.added_by)

    @field("Whose learning it is for.")
    async def learner(self, info: Info) -> Person | None:
        return await the_person(info, self.state.learner_id)


@strawberry.type(description="The growing agenda of a pair. For the two only.")
class Agenda(Node):
    state: strawberry.Private[feedback.Agenda]
    items: list[TopicItem] = strawberry.field(description="Its lines, the oldest first.")

    @field("The pair.")
    async def pair(self, info: Info) -> LazyPair | None:
        from gateway.schema.pairs import the_pair

        return await the_pair(info, self.state.pair_id)


def agenda(state: feedback.Agenda) -> Agenda:
    """An agenda, for one of the two."""
    return Agenda(
        state=state,
        id=strawberry.ID(str(state.agenda_id)),
        items=[
            TopicItem(
                state=each,
                id=strawberry.ID(str(each.item_id)),
                text=each.text,
                added_as=each.added_as,
                status=each.status,
            )
            for each in state.items
        ],
    )
