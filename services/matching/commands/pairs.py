"""Answering proposals, asking first, holding and ending pairs."""

from __future__ import annotations

from uuid import UUID

from chassis.database import Transaction
from contracts.base import Actor, Event
from contracts.matching import (
    AcceptPair,
    AnswerQuestion,
    AskQuestion,
    DeclinePair,
    EndPair,
    EnrolmentStatus,
    HoldPair,
    Pair,
    PairStatus,
    ResumePair,
)
from services.matching import store
from services.matching.commands.departures import release_pairs
from services.matching.domain import enrolments, pairs
from services.matching.domain.authority import CohortNotFound, member_of, no_pair, partner_of, people_of
from services.matching.domain.kept import Aggregate, Kept


async def accept_pair(command: AcceptPair, tx: Transaction) -> list[Event]:
    """By one of the two. Nobody ends above their capacity: both seats are locked before anything is read that counts."""
    by, pair = await _member_and_pair(tx, command.pair_id, actor=command.actor)
    people = people_of(pair)
    seats = await store.lock_seats(tx, pair.cohort_id, people=people)
    unanswered = await store.pairs_of_people(tx, people, cohort_id=pair.cohort_id, statuses=pairs.UNANSWERED)
    accepted = pairs.accept(await _locked(tx, command.pair_id), by=by, now=tx.now, seats=seats)
    changes: list[Kept[Aggregate]] = [accepted]
    if accepted.state.status is PairStatus.ACCEPTED:
        full = {person for person, seat in pairs.fill_seats(seats).items() if seat.full}
        changes += [
            pairs.supersede(other, why="One of the two found somebody else.", now=tx.now)
            for other in unanswered
            if other.state.pair_id != command.pair_id and full & set(people_of(other.state))
        ]
    return await store.save(tx, changes)


async def decline_pair(command: DeclinePair, tx: Transaction) -> list[Event]:
    """By one of the two; with ``pause`` they also take a break, and their other open proposals are declined."""
    by, pair = await _member_and_pair(tx, command.pair_id, actor=command.actor)
    enrolment = await store.load_enrolment(tx, pair.cohort_id, person_id=by, lock=True) if command.pause else None
    await store.lock_seats(tx, pair.cohort_id, people=people_of(pair))
    others = (
        await release_pairs(tx, pair.cohort_id, person_id=by, by=by, reason=command.reason) if command.pause else []
    )
    declined = pairs.decline(await _locked(tx, command.pair_id), by=by, reason=command.reason, now=tx.now)
    changes: list[Kept[Aggregate]] = [declined]
    changes += [other for other in others if other.state.pair_id != command.pair_id]
    if enrolment is not None and enrolment.state.status is EnrolmentStatus.ADMITTED:
        changes.append(enrolments.pause(enrolment, now=tx.now, by=by))
    return await store.save(tx, changes)


async def ask_question(command: AskQuestion, tx: Transaction) -> list[Event]:
    """By one of the two."""
    by, _ = await _member_and_pair(tx, command.pair_id, actor=command.actor)
    kept = await _locked(tx, command.pair_id)
    asked = pairs.ask(kept, question_id=command.question_id, by=by, text=command.text, now=tx.now)
    return await store.save(tx, [asked])


async def answer_question(command: AnswerQuestion, tx: Transaction) -> list[Event]:
    """By the other one."""
    by, _ = await _member_and_pair(tx, command.pair_id, actor=command.actor)
    kept = await _locked(tx, command.pair_id)
    answered = pairs.answer(kept, question_id=command.question_id, by=by, text=command.answer, now=tx.now)
    return await store.save(tx, [answered])


async def hold_pair(command: HoldPair, tx: Transaction) -> list[Event]:
    """By one of the two."""
    by, pair = await _member_and_pair(tx, command.pair_id, actor=command.actor)
    await store.lock_seats(tx, pair.cohort_id, people=people_of(pair))
    return await store.save(tx, [pairs.hold(await _locked(tx, command.pair_id), by=by, now=tx.now)])


async def resume_pair(command: ResumePair, tx: Transaction) -> list[Event]:
    """By one of the two."""
    by, pair = await _member_and_pair(tx, command.pair_id, actor=command.actor)
    await store.lock_seats(tx, pair.cohort_id, people=people_of(pair))
    return await store.save(tx, [pairs.resume(await _locked(tx, command.pair_id), by=by, now=tx.now)])


async def end_pair(command: EndPair, tx: Transaction) -> list[Event]:
    """By one of the two, or by an admin of a partner."""
    found = await store.load_pair(tx, command.pair_id)
    if found is None:
        raise no_pair()
    cohort = await store.load_cohort(tx, found.state.cohort_id)
    if command.actor.person_id not in people_of(found.state):
        try:
            partner_of(cohort.state if cohort else None, actor=command.actor)
        except CohortNotFound:
            raise no_pair() from None
    assert cohort is not None
    await store.lock_seats(tx, found.state.cohort_id, people=people_of(found.state))
    ended = pairs.end(
        await _locked(tx, command.pair_id),
        cohort=cohort.state.status,
        reason=command.reason,
        by=command.actor.person_id,
        now=tx.now,
    )
    return await store.save(tx, [ended])


async def _member_and_pair(tx: Transaction, pair_id: UUID, *, actor: Actor) -> tuple[UUID, Pair]:
    """Who acts, and the pair as it was before any lock: its people and cohort never change."""
    found = await store.load_pair(tx, pair_id)
    by = member_of(found.state if found else None, actor=actor)
    assert found is not None
    return by, found.state


async def _locked(tx: Transaction, pair_id: UUID) -> Kept[Pair]:
    kept = await store.load_pair(tx, pair_id, lock=True)
    if kept is None:
        raise no_pair()
    return kept
