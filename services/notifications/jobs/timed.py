"""Timed work: messages are written, partners are asked, silence is noticed, interrupted mails are settled."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from chassis.database import Transaction
from chassis.service import Tick
from contracts.base import Event
from services.notifications.domain import silence
from services.notifications.domain.cohorts import partnership
from services.notifications.domain.mail import DOUBTFUL, IN_DOUBT, Doubt, MailState
from services.notifications.store import mails
from services.notifications.store.messages import note, tell_outcome, write_noted
from services.notifications.store.pairs import load_heard, load_meetings, lock_pairs_to_look_after, save_looks
from services.notifications.store.people import organizers, take_partners_to_ask

_AT_ONCE = 200  # rows of one piece of timed work

log = structlog.get_logger(__name__)


async def write_messages(tick: Tick, tx: Transaction) -> list[Event]:
    """Find the words for what was noted, as soon as everybody they name is known."""
    return await write_noted(tx, most=_AT_ONCE)


async def ask_partners(tick: Tick, tx: Transaction) -> list[Event]:
    """Ask the organizers of each partner of a drafted cohort to accept it."""
    for cohort in await take_partners_to_ask(tx, most=_AT_ONCE):
        for organization_id, people in (await organizers(tx, cohort.organizations)).items():
            notices = partnership(
                cohort.cohort_id,
                initiator_id=cohort.initiator_id,
                partners=cohort.partners,
                organization_id=organization_id,
                organizers=people,
            )
            await note(tx, notices)
    return []


async def notice_silence(tick: Tick, tx: Transaction) -> list[Event]:
    """Nudge the people of pairs that owe each other something; tell the organizers where that did not help."""
    pairs = await lock_pairs_to_look_after(tx, now=tick.now, most=_AT_ONCE)
    if not pairs:
        return []
    ids = [pair.pair_id for pair in pairs]
    meetings, heard = await load_meetings(tx, ids), await load_heard(tx, ids)
    looks = {
        pair.pair_id: silence.look(
            pair, meetings=meetings.get(pair.pair_id, ()), heard=heard.get(pair.pair_id, {}), now=tick.now
        )
        for pair in pairs
    }
    notices = [notice for look in looks.values() for notice in look.notices]
    stuck = [pair for pair in pairs if looks[pair.pair_id].escalate]
    if stuck:
        admins = await organizers(tx, {member.organization_id for pair in stuck for member in pair.members})
        for pair in stuck:
            theirs = sorted({each for member in pair.members for each in admins.get(member.organization_id, ())})
            for each in looks[pair.pair_id].escalate:
                notices += silence.escalation(pair, each, organizers=theirs)
    await note(tx, notices)
    await save_looks(tx, looks)
    return []


async def settle_interrupted_mails(tick: Tick, tx: Transaction) -> list[Event]:
    """Finish what senders that died have left: say of mails which the server took that it did, and decide about those of which nobody
    knows (see domain.mail)."""
    facts = await tell_outcome(tx, await mails.finish_taken(tx), state=MailState.SENT)
    doubtful: dict[UUID, int] = {}
    again: dict[UUID, datetime] = {}
    for job in await mails.lock_doubtful(tx, most=_AT_ONCE):
        if IN_DOUBT[job.message.notification.kind] is Doubt.REPEAT:
            again[job.notification_id] = tx.now
        else:
            await mails.settle(tx, job.notification_id, state=MailState.DOUBTFUL, reply=DOUBTFUL)
            doubtful[job.notification_id] = job.attempts
            log.warning("mail.doubtful", notification_id=str(job.notification_id))
    await mails.postpone(tx, again)
    return facts + await tell_outcome(tx, doubtful, state=MailState.DOUBTFUL, why=DOUBTFUL)
