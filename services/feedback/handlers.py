"""Reactions to what other owners tell. Facts of different aggregates may come in any order, and again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from chassis import outbox
from chassis.database import Transaction
from chassis.holding import hold, hold_shared
from contracts.base import Event
from contracts.matching import (
    CohortAdvanced,
    CohortOpened,
    PairAccepted,
    PairActivated,
    PairChanged,
    PairDeclined,
    PairEnded,
)
from contracts.profiles import ProfileErased, ProfileUpdated
from services.feedback import store
from services.feedback.commands.aftermath import ask_for_final_review
from services.feedback.domain import agenda, agreement, erasure, sessions
from services.feedback.domain.pair import BEFORE, TOGETHER, KnownPair, known, without_wishes

PairFact = PairAccepted | PairDeclined | PairActivated | PairChanged | PairEnded


async def know_people(facts: Sequence[ProfileUpdated], tx: Transaction) -> None:
    """Keep who is on the platform: a third person must be."""
    await store.save_people(tx, [(fact.profile, fact.version) for fact in facts])


async def follow_cohort(fact: CohortOpened | CohortAdvanced, tx: Transaction) -> list[Event]:
    """Keep when the edition takes place, and draft the agreements that waited for that."""
    # Alone: a pair that is being saved at this moment would neither see the cohort nor be seen here.
    await hold(tx, what="cohort", ids=[fact.key])
    if not await store.save_cohort(tx, fact.cohort, version=fact.version):
        return []
    facts: list[Event] = []
    for pair in await store.pairs_without_agreement(tx, fact.key):
        facts += await _draft(tx, pair)
    return facts


async def follow_pair(fact: PairFact, tx: Transaction) -> list[Event]:
    """Draft an agreement once both accepted; wind up once it is over."""
    await hold_shared(tx, what="cohort", ids=[fact.pair.cohort_id])
    await hold_shared(tx, what="departure", ids=[member.person_id for member in fact.pair.members])
    pair = known(fact.pair, version=fact.version, occurred_at=fact.occurred_at)
    if not await store.save_pair(tx, pair):
        return []
    if await store.departed_of(tx, pair.people):
        await store.blank_wishes(tx, pair)
        pair = without_wishes(pair)
    if pair.status in BEFORE:
        return []
    if pair.status in TOGETHER:
        return await _draft(tx, pair)
    return await _wind_up(tx, pair)


async def erase_person(fact: ProfileErased, tx: Transaction) -> list[Event]:
    """Delete the words by and to a person, empty their texts, and tell the states again without them."""
    person_id = fact.person_id
    await hold(tx, what="departure", ids=[person_id])
    await store.mark_departed(tx, person_id, version=fact.version)
    pairs = await store.pairs_of_person(tx, person_id)  # locked, so that nobody is writing words meanwhile
    await store.erase_words(tx, person_id)
    facts: list[Event] = []
    for pair in pairs:
        facts += await _blank_pair(tx, pair, fact=fact)
    for feedback in await store.feedback_of_person(tx, person_id):
        facts += await store.keep(tx, erasure.blank_feedback(feedback, now=tx.now))
    for introduction in await store.introductions_of_person(tx, person_id):
        blank = erasure.blank_introduction(introduction, person_id=person_id, now=tx.now)
        facts += await store.keep(tx, blank)
    return await outbox.forget(tx, facts)


async def _draft(tx: Transaction, pair: KnownPair) -> list[Event]:
    cohort = await store.cohort_by_id(tx, pair.cohort_id)
    if cohort is None or pair.departed or await store.agreement_of(tx, pair.pair_id) is not None:
        return []  # without the cohort's dates there is no plan: its own fact will bring them
    terms = agreement.draft(
        pair,
        starts=cohort.starts_at.astimezone(UTC).date(),
        ends=cohort.ends_at.astimezone(UTC).date(),
        now=tx.now,
    )
    return await store.keep(tx, terms, agenda.seed(pair, now=tx.now))


async def _wind_up(tx: Transaction, pair: KnownPair) -> list[Event]:
    facts: list[Event] = []
    for session in await store.sessions_of_pair(tx, pair.pair_id):
        facts += await store.keep(tx, sessions.drop(session, now=tx.now))
    return facts + await ask_for_final_review(tx, pair=pair)


async def _blank_pair(tx: Transaction, pair: KnownPair, *, fact: ProfileErased) -> list[Event]:
    person_id = fact.person_id
    await store.blank_wishes(tx, pair)
    facts: list[Event] = []
    terms = await store.agreement_of(tx, pair.pair_id)
    if terms is not None:
        facts += await store.keep(tx, erasure.blank_agreement(terms, person_id=person_id, now=tx.now))
    agreed = await store.agreed_terms(tx, pair.pair_id)
    if agreed is not None:
        await store.replace_agreed_terms(tx, erasure.without_texts(agreed, person_id=person_id))
    topics = await store.agenda_of(tx, pair.pair_id)
    if topics is not None:
        facts += await store.keep(tx, erasure.blank_agenda(topics, person_id=person_id, now=tx.now))
    for session in await store.sessions_of_pair(tx, pair.pair_id):
        facts += await store.keep(tx, erasure.blank_session(session, now=tx.now))
    return facts
