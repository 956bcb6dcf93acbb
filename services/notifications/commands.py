"""What people ask of notifications: other wishes, no more mail of a kind, messages read."""

from __future__ import annotations

from dataclasses import replace

from chassis.database import Transaction
from contracts.base import Event, Role
from contracts.errors import NotFound, Problem
from contracts.notifications import ChangePreferences, MarkRead, Unsubscribe
from contracts.partly import meant
from services.notifications.domain import messages, preferences
from services.notifications.store.messages import lock_messages, save_messages
from services.notifications.store.people import load_wishes, save_wishes


class NoSuchMessage(NotFound):
    """Not in this person's inbox, or nowhere."""


class NoInbox(NotFound):
    """The actor is not a person."""


async def change_preferences(command: ChangePreferences, tx: Transaction) -> list[Event]:
    """Take a person's new wishes; they hold for mails that have not gone yet, too."""
    person_id = command.actor.person_id
    if person_id is None:
        raise NoInbox("Only a person has preferences.", remedy="Sign in as the person.")
    wishes = await load_wishes(tx, person_id, lock=True)
    mine = replace(wishes.preferences, person_id=command.preferences.person_id)  # whose they are is not to be changed
    to = meant(command.preferences, over=mine, only=command.only)
    after, facts = preferences.change(wishes, to=to, by=person_id, now=command.issued_at)
    if facts:
        await save_wishes(tx, after)
    return list(facts)


async def unsubscribe(command: Unsubscribe, tx: Transaction) -> list[Event]:
    """Stop mails of one kind for whoever the token was made for; the token is all the proof that is needed (RFC 8058)."""
    person_id, kind = preferences.read_unsubscribe_token(command.token, key=tx.settings["UNSUBSCRIBE_SECRET"])
    actor = command.actor
    sees_all = actor.is_a(Role.SYSTEM) or actor.is_a(Role.OPERATOR)
    if not sees_all and actor.person_id != person_id:
        # Somebody signed in holds another's mail: their transaction may not touch the other's wishes.
        raise preferences.UnknownUnsubscribeLink(
            "This unsubscribe link is not valid.", remedy="Use the links of your own mails."
        )
    wishes = await load_wishes(tx, person_id, lock=True)
    after, facts = preferences.unsubscribe(wishes, kind=kind, now=command.issued_at)
    if facts:
        await save_wishes(tx, after)
    return list(facts)


async def mark_read(command: MarkRead, tx: Transaction) -> list[Event]:
    """Mark messages as read; without ids all that are unread."""
    person_id = command.actor.person_id
    if person_id is None:
        raise NoInbox("Only a person has an inbox.", remedy="Sign in as the person.")
    wanted = list(dict.fromkeys(command.notifications))
    found = await lock_messages(tx, person_id=person_id, notification_ids=wanted or None)
    there = {each.notification.notification_id for each in found}
    missing = [each for each in wanted if each not in there]
    if missing:
        raise NoSuchMessage(
            "Your inbox does not hold all of these messages.",
            remedy="Leave out those that are not yours, or give no ids to mark everything.",
            problems=tuple(
                Problem(f"notifications[{wanted.index(each)}]", "is not in your inbox", str(each)) for each in missing
            ),
        )
    changes = [messages.read(each, now=command.issued_at) for each in found]
    await save_messages(tx, [after for after, news in changes if news])
    return [fact for _, news in changes for fact in news]
