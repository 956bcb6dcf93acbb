"""Agreements and agendas: change the terms, sign them, add topics, decide about them."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from chassis.database import Transaction
from contracts.base import Event
from contracts.feedback import AddTopic, Agreement, ChangeAgreement, DecideTopic, SignAgreement
from services.feedback import store
from services.feedback.commands.pairs import hold_pair
from services.feedback.domain import agenda, agreement
from services.feedback.domain.kept import Kept
from services.feedback.domain.pair import together


async def change_agreement(command: ChangeAgreement, tx: Transaction) -> list[Event]:
    """Other terms: both signatures are cleared."""
    pair, person_id = await hold_pair(tx, pair_id=command.pair_id)
    together(pair)
    cohort = await store.cohort_by_id(tx, pair.cohort_id)
    changed = agreement.change(
        await _agreement(tx, pair_id=pair.pair_id),
        by=person_id,
        now=tx.now,
        cohort_ends=cohort.ends_at.astimezone(UTC).date() if cohort else None,
        goals=command.goals,
        ground_rules=command.ground_rules,
        cadence_days=command.cadence_days,
        plan=command.plan,
        ends_on=command.ends_on,
    )
    return await store.keep(tx, changed)


async def sign_agreement(command: SignAgreement, tx: Transaction) -> list[Event]:
    """One signature; the second one completes it, whereupon matching makes the pair active."""
    pair, person_id = await hold_pair(tx, pair_id=command.pair_id)
    together(pair)
    terms = await _agreement(tx, pair_id=pair.pair_id)
    return await store.keep(tx, agreement.sign(terms, by=person_id, terms_version=command.terms_version, now=tx.now))


async def add_topic(command: AddTopic, tx: Transaction) -> list[Event]:
    """One more line of the agenda."""
    pair, person_id = await hold_pair(tx, pair_id=command.pair_id)
    together(pair)
    kept = await store.agenda_of(tx, pair.pair_id)
    if kept is None:
        raise _not_drafted_yet()
    changed = agenda.add_topic(
        kept,
        item_id=command.item_id,
        text=command.text,
        learner_id=command.learner_id,
        by=person_id,
        now=tx.now,
    )
    return await store.keep(tx, changed)


async def decide_topic(command: DecideTopic, tx: Transaction) -> list[Event]:
    """The learner accepts, declines or finishes a line."""
    pair, person_id = await hold_pair(tx, pair_id=command.pair_id)
    together(pair)
    kept = await store.agenda_of(tx, pair.pair_id)
    if kept is None:
        raise _not_drafted_yet()
    changed = agenda.decide_topic(kept, item_id=command.item_id, status=command.status, by=person_id, now=tx.now)
    return await store.keep(tx, changed)


async def _agreement(tx: Transaction, *, pair_id: UUID) -> Kept[Agreement]:
    kept = await store.agreement_of(tx, pair_id)
    if kept is None:
        raise _not_drafted_yet()
    return kept


def _not_drafted_yet() -> agreement.NoAgreementYet:
    return agreement.NoAgreementYet(
        "The agreement of this pair is being drafted.", remedy="Both of you have to accept first; then try again."
    )
