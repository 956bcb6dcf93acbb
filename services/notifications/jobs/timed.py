"""Timed work: what waited is told, partners are asked, silence is noticed, interrupted mails are settled."""

from __future__ import annotations

from uuid import UUID

import structlog

from chassis.database import Transaction
from chassis.service import Tick
from contracts.base import Event
from services.notifications.domain import silence
from services.notifications.domain.cohorts import partnership
from services.notifications.domain.mail import DOUBTFUL, IN_DOUBT, Doubt, MailState
from services.notifications.store import mails
from services.notifications.store.messages import tell, tell_outcome, tell_waiting
from services.notifications.store.pairs import (
    load_heard,
    load_meetings,
    lock_pairs_to_look_after,
    save_heard,
    save_pair,
)
from services.notifications.store.people import organizers, take_partners_to_ask

_AT_ONCE = 200  # rows of one piece of timed work

log = structlog.get_logger(__name__)


async def tell_what_waited(tick: Tick, tx: Transaction) -> list[Event]:
    """Write messages whose people, organizations and cohorts have become known."""
    return await tell_waiting(tx, most=_AT_ONCE)


async def ask_partners(tick: Tick, tx: Transaction) -> list[Event]:
    """Ask the organizers of each partner of a drafted cohort to accept it."""
    facts: list[Event] = []
    for cohort in await take_partners_to_ask(tx, most=_AT_ONCE):
        asked = await organizers(tx, cohort.organizations)
        for organization_id, people in asked.items():
            facts += await tell(
                tx,
                partnership(
                    cohort.cohort_id,
                    initiator_id=cohort.initiator_id,
                    partners=cohort.partners,
                    organization_id=organization_id,
                    organizers=people,
                ),
            )
    return facts


async def notice_silence(tick: Tick, tx: Transaction) -> list[Event]:
    """Nudge the people of pairs that owe each other something; tell the organizers where that did not help."""
    facts: list[Event] = []
    for pair in await lock_pairs_to_look_after(tx, now=tick.now, most=_AT_ONCE):
        meetings, heard = await load_meetings(tx, pair.pair_id), await load_heard(tx, pair.pair_id)
        found = silence.look(pair, meetings=meetings, heard=heard, now=tick.now)
        notices = list(found.notices)
        if found.escalate:
            admins = await organizers(tx, {member.organization_id for member in pair.members})
            everybody = sorted({each for people in admins.values() for each in people})
            for each in found.escalate:
                notices += silence.escalation(pair, each, organizers=everybody)
        await save_heard(tx, pair.pair_id, found.heard)
        await save_pair(tx, pair)
        facts += await tell(tx, notices)
    return facts


async def settle_interrupted_mails(tick: Tick, tx: Transaction) -> list[Event]:
    """Finish what senders that died have left: say of mails which the server took that it did, and decide about those of which nobody
    knows (see domain.mail)."""
    facts = await tell_outcome(tx, await mails.finish_taken(tx), state=MailState.SENT)
    doubtful: dict[UUID, int] = {}
    for job in await mails.lock_doubtful(tx, most=_AT_ONCE):
        if IN_DOUBT[job.message.notification.kind] is Doubt.REPEAT:
            await mails.postpone(tx, job.notification_id, until=tx.now)
        else:
            await mails.settle(tx, job.notification_id, state=MailState.DOUBTFUL, reply=DOUBTFUL)
            doubtful[job.notification_id] = job.attempts
            log.warning("mail.doubtful", notification_id=str(job.notification_id))
    return facts + await tell_outcome(tx, doubtful, state=MailState.DOUBTFUL, why=DOUBTFUL)
