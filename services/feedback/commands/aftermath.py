"""What follows once a session took place, or an introduction was made: questions to both, and the ledger."""

from __future__ import annotations

from chassis.database import Transaction
from contracts.base import Event
from contracts.feedback import FeedbackKind, Session
from services.feedback import store
from services.feedback.domain import pulses, reciprocity
from services.feedback.domain.pair import TOGETHER, KnownPair


async def after_session(tx: Transaction, *, pair: KnownPair, session: Session) -> list[Event]:
    """Pulses for both, a review when it is time for one, the ledger anew. Doing it again asks nothing twice."""
    if pair.departed:
        return []
    facts = await store.keep_if_absent(tx, *pulses.pulses_after(session, now=tx.now))
    if not session.logs:  # nobody says that it took place: it counts for nothing yet
        return facts
    facts += await assess(tx, pair=pair)
    return facts + await _ask_for_review(tx, pair=pair)


async def assess(tx: Transaction, *, pair: KnownPair) -> list[Event]:
    """Count the pair's ledger anew, and tell it when it says something new."""
    sessions = [kept.state for kept in await store.sessions_of_pair(tx, pair.pair_id)]
    introductions = [kept.state for kept in await store.introductions_of_pair(tx, pair.pair_id)]
    ledger = reciprocity.tally(pair, sessions=sessions, introductions=introductions, now=tx.now)
    before = await store.reciprocity_of(tx, pair.pair_id)
    return await store.keep(tx, reciprocity.assess(before, ledger=ledger, now=tx.now))


async def ask_for_final_review(tx: Transaction, *, pair: KnownPair) -> list[Event]:
    """The pair has ended: ask both how it was, when they ever agreed to begin."""
    if pair.departed or await store.agreed_terms(tx, pair.pair_id) is None:
        return []
    return await store.keep_if_absent(tx, *pulses.reviews_of(pair, kind=FeedbackKind.FINAL, now=tx.now))


async def _ask_for_review(tx: Transaction, *, pair: KnownPair) -> list[Event]:
    agreed = await store.agreed_terms(tx, pair.pair_id)
    if agreed is None or pair.status not in TOGETHER:  # who has ended was asked then
        return []
    sessions = [kept.state for kept in await store.sessions_of_pair(tx, pair.pair_id)]
    kind = pulses.review_due(sessions, planned=len(agreed.plan), now=tx.now)
    return [] if kind is None else await store.keep_if_absent(tx, *pulses.reviews_of(pair, kind=kind, now=tx.now))
