"""Mutations of a person's wishes and inbox."""

from __future__ import annotations

from datetime import time

import strawberry

from contracts import notifications as contract
from contracts.notifications import NotificationKind
from gateway.schema import people
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.mutations import carrying, results
from gateway.schema.mutations.carrying import CommandInput, Done, InputIsWrong
from gateway.schema.refusals import needs_a_person, refused


@strawberry.input(description="The viewer's wishes. What is left out stays as it is.")
class ChangePreferencesInput(CommandInput):
    email_enabled: bool | None = strawberry.field(
        default=None, description="Whether mail is wanted at all; the inbox gets everything."
    )
    muted_kinds: list[NotificationKind] | None = strawberry.field(
        default=None, description="No mail about these; replaces the old list."
    )
    quiet_from: time | None = strawberry.field(
        default=None, description="No mail from this hour on, in the person's own zone."
    )
    quiet_until: time | None = strawberry.field(default=None, description="Mail again from this hour on.")


@strawberry.input(description="A token of one of our mails.")
class UnsubscribeInput(CommandInput):
    token: str = strawberry.field(description="The last part of the mail's unsubscribe address.")


@strawberry.input(description="Messages that the viewer has read.")
class MarkReadInput(CommandInput):
    notifications: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The messages; left out: all of them."
    )


async def _read_preferences(done: Done[contract.ChangePreferences]) -> people.Preferences | None:
    person_id = done.command.preferences.person_id
    return people.preferences(await done.info.context.loaders.preferences_of.load(person_id))


async def _unsubscribed(done: Done[contract.Unsubscribe]) -> results.Unsubscribed:
    return results.Unsubscribed(done=True)


async def _marked(done: Done[contract.MarkRead]) -> results.NotificationsRead:
    return results.NotificationsRead(
        marked=len({fact.key for fact in done.facts}),
        unread=await done.info.context.loaders.my_unread_count(),
    )


@strawberry.type
class NotificationsMutations:
    @mutation("Change how you are written to. By the person.")
    async def change_preferences(self, info: Info, given: Given[ChangePreferencesInput]) -> results.PreferencesPayload:
        person_id = info.context.viewer.person_id
        if person_id is None:
            return needs_a_person()
        try:
            command_id = carrying.command_id_of(given)
            present = await info.context.loaders.preferences_of.load(person_id)
            plain = carrying.as_plain(given)
            wishes = carrying.overlaid(present, plain)
        except InputIsWrong as wrong:
            return refused(wrong)
        command = contract.ChangePreferences(command_id=command_id, preferences=wishes, only=tuple(plain))
        return await carrying.send(info, command, _read_preferences)

    @mutation("No more mail of one kind, by whoever holds a mail's token. Mail programs POST to /unsubscribe/<token>.")
    async def unsubscribe(self, info: Info, given: Given[UnsubscribeInput]) -> results.UnsubscribePayload:
        return await carrying.carry_out(info, given, contract.Unsubscribe, _unsubscribed)

    @mutation("Mark messages as read. By the person.")
    async def mark_read(self, info: Info, given: Given[MarkReadInput]) -> results.ReadPayload:
        return await carrying.carry_out(info, given, contract.MarkRead, _marked)
