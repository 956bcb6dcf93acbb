"""Answering a pulse or a review."""

from __future__ import annotations

from chassis.database import Transaction
from contracts.base import Event
from contracts.feedback import Feedback, SubmitFeedback
from services.feedback import store
from services.feedback.commands.pairs import hold_pair
from services.feedback.domain import pulses
from services.feedback.domain.kept import Kept
from services.feedback.domain.pair import reachable
from services.feedback.domain.pulses import NoSuchFeedback


async def submit_feedback(command: SubmitFeedback, tx: Transaction) -> list[Event]:
    """Sealed; when the other one has answered too, both seals are opened."""
    found = await store.feedback_by_id(tx, command.feedback_id)
    if not found or found[0].state.author_id != tx.actor.person_id:
        raise NoSuchFeedback("Nobody asked you for this feedback.", remedy="Look it up in your list.")
    pair, person_id = await hold_pair(tx, pair_id=found[0].state.pair_id)
    reachable(pair)
    other_id = pulses.counterpart_id(found[0].state)
    both = {
        kept.state.feedback_id: kept
        for kept in await store.feedback_by_id(tx, command.feedback_id, other_id, lock=True)
    }
    submitted = pulses.submit(
        both[command.feedback_id],
        usefulness=command.usefulness,
        praise=command.praise,
        critique=command.critique,
        now=tx.now,
    )
    await store.save_feedback_words(
        tx,
        feedback_id=command.feedback_id,
        author_id=person_id,
        addressee_id=submitted.state.addressee_id,
        usefulness=command.usefulness,
        praise=command.praise,
        critique=command.critique,
    )
    facts = await store.keep(tx, submitted)
    counterpart = both.get(other_id)
    if pulses.may_open(submitted.state, and_the_other=counterpart.state if counterpart else None, now=tx.now):
        facts += await release(tx, submitted)
        if counterpart is not None:
            facts += await release(tx, counterpart)
    return facts


async def release(tx: Transaction, kept: Kept[Feedback]) -> list[Event]:
    """Open one seal; nothing when there is none."""
    if kept.state.status is not pulses.SEALED:
        return []
    usefulness = await store.unseal(tx, kept.state.feedback_id)
    return await store.keep(tx, pulses.release(kept, usefulness=usefulness, now=tx.now))
