"""Introductions: offer, answer, make, close."""

from __future__ import annotations

from uuid import UUID

from chassis.database import Transaction
from contracts.base import Event
from contracts.feedback import (
    AnswerIntroduction,
    CloseIntroduction,
    Introduction,
    MakeIntroduction,
    OfferIntroduction,
)
from services.feedback import store
from services.feedback.commands.aftermath import assess
from services.feedback.commands.pairs import hold_pair
from services.feedback.domain import introductions
from services.feedback.domain.introductions import NoSuchIntroduction
from services.feedback.domain.kept import Kept
from services.feedback.domain.pair import KnownPair, together


async def offer_introduction(command: OfferIntroduction, tx: Transaction) -> list[Event]:
    """Offer to introduce the other one to somebody, who is asked first."""
    pair, person_id = await hold_pair(tx, pair_id=command.pair_id)
    together(pair)
    offered = introductions.offer(
        introduction_id=command.introduction_id,
        pair=pair,
        third_person_id=command.third_person_id,
        third_is_here=await store.is_here(tx, command.third_person_id),
        about=command.about,
        by=person_id,
        now=tx.now,
    )
    return await store.keep(tx, offered)


async def answer_introduction(command: AnswerIntroduction, tx: Transaction) -> list[Event]:
    """The third person consents or not; they see no pair, so only the introduction itself is held."""
    kept = await store.introduction_by_id(tx, command.introduction_id, lock=True)
    person_id = tx.actor.person_id
    if kept is None or person_id is None or await store.departed_of(tx, [person_id]):
        raise NoSuchIntroduction("Nobody asked you about such an introduction.")
    return await store.keep(tx, introductions.answer(kept, consent=command.consent, by=person_id, now=tx.now))


async def make_introduction(command: MakeIntroduction, tx: Transaction) -> list[Event]:
    """The one who offered has brought the two together; it counts in the ledger."""
    pair, kept, person_id = await _hold_introduction(tx, introduction_id=command.introduction_id)
    facts = await store.keep(tx, introductions.make(kept, by=person_id, now=tx.now))
    return facts + await assess(tx, pair=pair)


async def close_introduction(command: CloseIntroduction, tx: Transaction) -> list[Event]:
    """The receiver says what came of it."""
    _, kept, person_id = await _hold_introduction(tx, introduction_id=command.introduction_id)
    return await store.keep(tx, introductions.close(kept, outcome=command.outcome, by=person_id, now=tx.now))


async def _hold_introduction(tx: Transaction, *, introduction_id: UUID) -> tuple[KnownPair, Kept[Introduction], UUID]:
    found = await store.introduction_by_id(tx, introduction_id)
    if found is None or tx.actor.person_id not in (found.state.offered_by, found.state.offered_to):
        raise NoSuchIntroduction("You have no such introduction.", remedy="Look it up in your list.")
    pair, person_id = await hold_pair(tx, pair_id=found.state.pair_id)
    again = await store.introduction_by_id(tx, introduction_id, lock=True)
    assert again is not None
    return pair, again, person_id
