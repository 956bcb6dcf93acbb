"""What a person is told, and the viewer themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from contracts import notifications
from contracts.base import Role
from contracts.notifications import DeliveryStatus, NotificationKind
from gateway.schema.cohorts import Enrolment, enrolment
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import After, Connection, First, Node, asked, connection
from gateway.schema.pairs import Pair, pair
from gateway.schema.people import (
    Consent,
    Organization,
    Person,
    Preferences,
    consent,
    preferences,
    the_organization,
    the_person,
)
from gateway.schema.reciprocity import Introduction, introduction
from gateway.schema.sessions import Feedback, Session, feedback, session

UnreadOnly = Annotated[bool, strawberry.argument(description="Only messages that were not read yet.")]
OpenOnly = Annotated[bool, strawberry.argument(description="Only proposals that wait for an answer.")]


@strawberry.type(description="One message to one person. For that person only.")
class Notification(Node):
    kind: NotificationKind = strawberry.field(description="What it is about.")
    title: str = strawberry.field(description="Its first line.")
    body: str = strawberry.field(description="What it says.")
    link: str = strawberry.field(description="What it leads to: `pair/<id>`, `session/<id>` …")
    locale: str = strawberry.field(description="The language that it is written in.")
    created_at: datetime = strawberry.field(description="When it came into the inbox.")
    read_at: datetime | None = strawberry.field(description="When it was read.")
    email: DeliveryStatus = strawberry.field(description="Where its e-mail stands.")
    email_sent_at: datetime | None = strawberry.field(description="When its e-mail was sent.")


def notification(state: notifications.Notification) -> Notification:
    """A message, for its person."""
    return Notification(
        id=strawberry.ID(str(state.notification_id)),
        kind=state.kind,
        title=state.title,
        body=state.body,
        link=state.link,
        locale=state.locale,
        created_at=state.created_at,
        read_at=state.read_at,
        email=state.email,
        email_sent_at=state.email_sent_at,
    )


@strawberry.type(description="Who asks, by their token.")
class Viewer:
    subject: str = strawberry.field(description="Who the token says that they are, at their issuer.")
    roles: list[Role] = strawberry.field(description="What they may be; empty: known to the issuer and not to us.")

    @field("Their profile; null when they have none.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, info.context.viewer.person_id)

    @field("Their organization; null for operators.")
    async def organization(self, info: Info) -> Organization | None:
        return await the_organization(info, info.context.viewer.organization_id)

    @field("Their places in cohorts.")
    async def enrolments(self, info: Info) -> list[Enrolment]:
        person_id = info.context.viewer.person_id
        found = await info.context.loaders.enrolments_of.load(person_id) if person_id else []
        return [enrolment(each) for each in found]

    @field("Their pairs and proposals, the newest first.")
    async def pairs(
        self, info: Info, first: First = 20, after: After = None, open_proposals: OpenOnly = False
    ) -> Connection[Pair]:
        page = asked(first, after)
        found = await info.context.loaders.my_pairs(page=page, open_only=open_proposals)
        return connection(found, pair, asked=page)

    @field("Their sessions that have not ended, the next first.")
    async def upcoming_sessions(self, info: Info, first: First = 20, after: After = None) -> Connection[Session]:
        page = asked(first, after)
        return connection(await info.context.loaders.my_sessions(page=page, upcoming=True), session, asked=page)

    @field("Feedback that they are asked to write, the most urgent first.")
    async def feedback_due(self, info: Info) -> list[Feedback]:
        return [feedback(each) for each in await info.context.loaders.my_feedback_due()]

    @field("Introductions in which they are asked whether they agree to be introduced.")
    async def introductions_asked(self, info: Info) -> list[Introduction]:
        return [introduction(each) for each in await info.context.loaders.introductions_asked()]

    @field("What they agreed to.")
    async def consents(self, info: Info) -> list[Consent]:
        person_id = info.context.viewer.person_id
        found = await info.context.loaders.consents_of.load(person_id) if person_id else []
        return [consent(each) for each in found]

    @field("How they wish to be written to; null without a profile.")
    async def preferences(self, info: Info) -> Preferences | None:
        person_id = info.context.viewer.person_id
        if person_id is None:
            return None
        return preferences(await info.context.loaders.preferences_of.load(person_id))

    @field("What they were told, the newest first.")
    async def inbox(
        self, info: Info, first: First = 20, after: After = None, unread: UnreadOnly = False
    ) -> Connection[Notification]:
        page = asked(first, after)
        found = await info.context.loaders.my_notifications(page=page, unread=unread)
        return connection(found, notification, asked=page)

    @field("How many messages they have not read.")
    async def unread_count(self, info: Info) -> int:
        return await info.context.loaders.my_unread_count()
