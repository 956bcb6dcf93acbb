"""Meetings of a pair, and what the two say about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import strawberry

from contracts import feedback as contract
from contracts.feedback import FeedbackKind, FeedbackStatus, SessionStatus
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import Node
from gateway.schema.pairs import Pair, the_pair
from gateway.schema.people import Person, the_person


@strawberry.type(description="That one side logged a session. The words are private: see the query `sessionLogs`.")
class SessionLog:
    person_id: strawberry.Private[UUID]
    logged_at: datetime = strawberry.field(description="When.")
    taught: bool = strawberry.field(description="Whether this one taught something.")
    learned: bool = strawberry.field(description="Whether this one learned something.")
    minutes: int = strawberry.field(description="How long it took, by this one's word.")

    @field("Who logged.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.person_id)


@strawberry.type(description="One meeting of a pair. For the two only.")
class Session(Node):
    state: strawberry.Private[contract.Session]
    number: int = strawberry.field(description="1 is the first meeting.")
    status: SessionStatus = strawberry.field(description="Where it stands.")
    starts_at: datetime = strawberry.field(description="When it begins.")
    ends_at: datetime = strawberry.field(description="When it ends.")
    minutes: int = strawberry.field(description="How long it is to take.")
    planned_minutes: int = strawberry.field(description="How long the agreement's plan says.")
    place: str = strawberry.field(description="Where: a room or an address of a call.")
    focus: str = strawberry.field(description="What it is about.")
    sequence: int = strawberry.field(description="How often the time has changed (iCalendar SEQUENCE).")
    cancelled_late: bool = strawberry.field(description="Whether it was cancelled within its last 24 hours.")
    no_show_appealed: bool = strawberry.field(description="Whether the one reported as absent disagrees.")
    logs: list[SessionLog] = strawberry.field(description="Who has logged it.")

    @field("The pair.")
    async def pair(self, info: Info) -> Pair | None:
        return await the_pair(info, self.state.pair_id)

    @field("Who proposed the time.")
    async def proposed_by(self, info: Info) -> Person | None:
        return await the_person(info, self.state.proposed_by)

    @field("Who cancelled it.")
    async def cancelled_by(self, info: Info) -> Person | None:
        return await the_person(info, self.state.cancelled_by)

    @field("Who did not come.")
    async def no_show_by(self, info: Info) -> Person | None:
        return await the_person(info, self.state.no_show_by)


def session(state: contract.Session) -> Session:
    """A meeting, for one of the two."""
    return Session(
        state=state,
        id=strawberry.ID(str(state.session_id)),
        number=state.number,
        status=state.status,
        starts_at=state.starts_at,
        ends_at=state.starts_at + timedelta(minutes=state.minutes),
        minutes=state.minutes,
        planned_minutes=state.planned_minutes,
        place=state.place,
        focus=state.focus,
        sequence=state.sequence,
        cancelled_late=state.cancelled_late,
        no_show_appealed=state.no_show_appealed,
        logs=[
            SessionLog(
                person_id=each.person_id,
                logged_at=each.logged_at,
                taught=each.taught,
                learned=each.learned,
                minutes=each.minutes,
            )
            for each in state.logs
        ],
    )


@strawberry.type(
    description="That a feedback is due, written or released. For its author and its addressee; its words: see the query `feedbackText`."
)
class Feedback(Node):
    state: strawberry.Private[contract.Feedback]
    kind: FeedbackKind = strawberry.field(description="A pulse after a session, or a review.")
    status: FeedbackStatus = strawberry.field(description="Where it stands.")
    due_at: datetime = strawberry.field(description="Until when it is to be written.")
    usefulness: int | None = strawberry.field(description="1 to 5; null until it is released.")

    @field("Who writes it.")
    async def author(self, info: Info) -> Person | None:
        return await the_person(info, self.state.author_id)

    @field("Whom it is for.")
    async def addressee(self, info: Info) -> Person | None:
        return await the_person(info, self.state.addressee_id)

    @field("The session that it is about, if any.")
    async def session(self, info: Info) -> Session | None:
        session_id = self.state.session_id
        found = await info.context.loaders.sessions.load(session_id) if session_id else None
        return session(found) if found else None

    @field("The pair.")
    async def pair(self, info: Info) -> Pair | None:
        return await the_pair(info, self.state.pair_id)


def feedback(state: contract.Feedback) -> Feedback:
    """A feedback's public state, for its author or addressee."""
    return Feedback(
        state=state,
        id=strawberry.ID(str(state.feedback_id)),
        kind=state.kind,
        status=state.status,
        due_at=state.due_at,
        usefulness=state.usefulness if state.status is FeedbackStatus.RELEASED else None,
    )


@strawberry.type(description="The words of one feedback, for its addressee once released, and for its author.")
class FeedbackText:
    feedback_id: strawberry.ID = strawberry.field(description="The feedback.")
    author_id: strawberry.Private[UUID]
    usefulness: int = strawberry.field(description="1 to 5.")
    praise: str = strawberry.field(description="What was good.")
    critique: str = strawberry.field(description="What could be better.")

    @field("Who wrote it.")
    async def author(self, info: Info) -> Person | None:
        return await the_person(info, self.author_id)


@strawberry.type(description="What one side wrote about a session.")
class SessionLogText:
    person_id: strawberry.Private[UUID]
    taught: str = strawberry.field(description="What this one taught; empty: nothing.")
    learned: str = strawberry.field(description="What this one learned; empty: nothing.")

    @field("Who wrote it.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.person_id)


@strawberry.type(description="What both wrote about a session. For the two only.")
class SessionLogTexts:
    session_id: strawberry.ID = strawberry.field(description="The session.")
    logs: list[SessionLogText] = strawberry.field(description="One for each side that has logged.")
