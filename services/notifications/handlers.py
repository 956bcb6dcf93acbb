"""Reactions to the facts of all owners: who is to be told what is noted here, cheaply; jobs.timed finds the words. Facts of different
aggregates come in any order."""

from __future__ import annotations

from dataclasses import replace

from chassis import outbox
from chassis.database import Transaction
from contracts.base import Event
from contracts.feedback import (
    AgreementDrafted,
    AgreementSigned,
    FeedbackReleased,
    FeedbackRequested,
    IntroductionAdvanced,
    ReciprocityAssessed,
    SessionCancelled,
    SessionLogged,
    SessionScheduled,
)
from contracts.matching import (
    EnrolmentChanged,
    PairAccepted,
    PairActivated,
    PairChanged,
    PairDeclined,
    PairEnded,
    PairProposed,
    PairStatus,
)
from contracts.profiles import ProfileErased
from services.notifications.domain import cohorts, meetings, pairs, silence
from services.notifications.domain.preferences import forgotten_wishes
from services.notifications.store.messages import forget, note
from services.notifications.store.pairs import lock_pair, look_again, save_meeting, save_pair
from services.notifications.store.people import erase_person, load_wishes


async def forget_person(fact: ProfileErased, tx: Transaction) -> list[Event]:
    """Erase the person, their address, wishes and messages, and their name and words in the messages of others."""
    wishes = await load_wishes(tx, fact.person_id)
    if not await erase_person(tx, fact.person_id, version=fact.version):
        return []
    return await outbox.forget(tx, [*await forget(tx, fact.person_id), *forgotten_wishes(wishes, now=tx.now)])


async def tell_of_place(fact: EnrolmentChanged, tx: Transaction) -> list[Event]:
    """Invited, admitted, on the waiting list, or without a partner."""
    await note(tx, cohorts.enrolment(fact.enrolment))
    return []


async def follow_pair(
    fact: PairProposed | PairAccepted | PairDeclined | PairActivated | PairChanged | PairEnded, tx: Transaction
) -> list[Event]:
    """Tell the two of a change, and know from now on what they owe each other. Drafts are nobody's business."""
    if fact.pair.status is PairStatus.DRAFT:
        return []
    watched = await lock_pair(tx, fact.pair.pair_id)
    if fact.version <= watched.version:
        return []
    notices = pairs.notices(fact.pair, before=watched.status, actor_id=fact.actor_id, version=fact.version)
    await save_pair(tx, silence.follow(watched, pair=fact.pair, version=fact.version, at=fact.occurred_at))
    await note(tx, notices)
    return []


async def tell_of_draft(fact: AgreementDrafted, tx: Transaction) -> list[Event]:
    """There are terms to read."""
    await note(tx, meetings.agreement_drafted(fact.agreement, actor_id=fact.actor_id))
    return []


async def follow_agreement(fact: AgreementSigned, tx: Transaction) -> list[Event]:
    """Tell whose turn it is; a complete agreement says how often the two want to meet."""
    if fact.agreement.complete:
        watched = await lock_pair(tx, fact.agreement.pair_id)
        await save_pair(tx, replace(watched, cadence_days=max(fact.agreement.cadence_days, 1)))
    await note(tx, meetings.agreement_signed(fact.agreement))
    return []


async def follow_session(fact: SessionScheduled | SessionCancelled | SessionLogged, tx: Transaction) -> list[Event]:
    """Tell both of a time, a new time or none, and know when a log or the next session is due."""
    if await save_meeting(tx, fact.session, version=fact.version, at=fact.occurred_at):
        await look_again(tx, fact.session.pair_id)
        await note(tx, meetings.session(fact.session))
    return []


async def ask_for_feedback(fact: FeedbackRequested, tx: Transaction) -> list[Event]:
    """Ask the author for their words."""
    await note(tx, meetings.feedback_requested(fact.feedback))
    return []


async def announce_feedback(fact: FeedbackReleased, tx: Transaction) -> list[Event]:
    """Tell the addressee that there are words for them."""
    await note(tx, meetings.feedback_released(fact.feedback))
    return []


async def tell_of_introduction(fact: IntroductionAdvanced, tx: Transaction) -> list[Event]:
    """Ask the third person, tell the giver of the answer, and the two of each other."""
    await note(tx, meetings.introduction(fact.introduction, ask=fact.ask_third_person_id))
    return []


async def nudge_one_way_pairs(fact: ReciprocityAssessed, tx: Transaction) -> list[Event]:
    """Remind both when one direction stayed silent."""
    await note(tx, meetings.one_way(fact.reciprocity))
    return []
