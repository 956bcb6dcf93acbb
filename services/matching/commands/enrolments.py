"""Inviting, enrolling, pausing, leaving, removing, blocking."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from chassis.database import Transaction
from contracts.base import Actor, Event
from contracts.errors import Conflict, Invalid
from contracts.matching import (
    BlockPerson,
    Cohort,
    DeclineReason,
    Enrol,
    InvitePeople,
    PauseEnrolment,
    RemoveEnrolment,
    ResumeEnrolment,
    WithdrawEnrolment,
)
from services.matching import store
from services.matching.commands.departures import leave, release_pairs
from services.matching.domain import candidates, enrolments, pairs
from services.matching.domain.authority import no_cohort, partner_of, people_of, person_of
from services.matching.domain.kept import Kept


class PersonIsGone(Conflict):
    """The person was erased, or left their organization."""


class CannotBlockOneself(Invalid):
    """Nobody is paired with themselves anyway."""


async def invite_people(command: InvitePeople, tx: Transaction) -> list[Event]:
    """By an admin of a partner: their own people, once each."""
    kept = await store.load_cohort(tx, command.cohort_id, lock=True)
    organization_id = partner_of(kept.state if kept else None, actor=command.actor)
    assert kept is not None
    known = await store.active_people(tx, organization_id)
    present = await store.enrolments_of_cohort(tx, command.cohort_id, people=known)
    invited = enrolments.invite(
        kept.state,
        organization_id=organization_id,
        people=command.people,
        known=known,
        present={enrolment.state.person_id for enrolment in present},
        now=tx.now,
        by=command.actor.person_id,
    )
    return await store.save(tx, invited)


async def enrol(command: Enrol, tx: Transaction) -> list[Event]:
    """By the person: a place at once, or one on the waiting list."""
    person_id = person_of(command.actor)
    cohort = await _cohort_of_person(tx, command.cohort_id, actor=command.actor)
    await _require_matchable(tx, person_id)
    organization_id = command.actor.organization_id
    assert organization_id is not None
    enrolled = enrolments.enrol(
        cohort.state,
        present=await store.load_enrolment(tx, command.cohort_id, person_id=person_id, lock=True),
        person_id=person_id,
        organization_id=organization_id,
        role=command.role,
        capacity=command.capacity,
        occupancy=await store.occupancy_of(tx, command.cohort_id),
        now=tx.now,
    )
    return await store.save(tx, [enrolled])


async def pause_enrolment(command: PauseEnrolment, tx: Transaction) -> list[Event]:
    """By the person: open proposals are declined."""
    person_id = person_of(command.actor)
    kept = await store.load_enrolment(tx, command.cohort_id, person_id=person_id, lock=True)
    paused = enrolments.pause(kept, now=tx.now, by=person_id)
    released = await release_pairs(tx, command.cohort_id, person_id=person_id, by=person_id)
    return await store.save(tx, [paused, *released])


async def resume_enrolment(command: ResumeEnrolment, tx: Transaction) -> list[Event]:
    """By the person, while they consent to being matched."""
    person_id = person_of(command.actor)
    kept = await store.load_enrolment(tx, command.cohort_id, person_id=person_id, lock=True)
    await _require_matchable(tx, person_id)
    return await store.save(tx, [enrolments.resume(kept, may_be_matched=True, now=tx.now, by=person_id)])


async def withdraw_enrolment(command: WithdrawEnrolment, tx: Transaction) -> list[Event]:
    """By the person: out, with all consequences."""
    person_id = person_of(command.actor)
    cohort = await _cohort_of_person(tx, command.cohort_id, actor=command.actor)
    kept = await store.load_enrolment(tx, command.cohort_id, person_id=person_id, lock=True)
    return await leave(tx, cohort, left=enrolments.withdraw(kept, now=tx.now, by=person_id), by=person_id)


async def remove_enrolment(command: RemoveEnrolment, tx: Transaction) -> list[Event]:
    """By an admin of the person's organization."""
    cohort = await store.load_cohort(tx, command.cohort_id, lock=True)
    organization_id = partner_of(cohort.state if cohort else None, actor=command.actor)
    assert cohort is not None
    kept = await store.load_enrolment(tx, command.cohort_id, person_id=command.person_id, lock=True)
    if kept is not None and kept.state.organization_id != organization_id:
        kept = None  # a partner's person is as absent as nobody
    removed = enrolments.remove(kept, now=tx.now, by=command.actor.person_id)
    return await leave(tx, cohort, left=removed, by=command.actor.person_id)


async def block_person(command: BlockPerson, tx: Transaction) -> list[Event]:
    """By a person; open proposals between the two are declined without saying why."""
    person_id = person_of(command.actor)
    if command.person_id == person_id:
        raise CannotBlockOneself("You cannot block yourself.", remedy="Name the other person.")
    await store.add_block(tx, person_id, blocked_id=command.person_id)
    two = {person_id, command.person_id}
    between: dict[UUID, list[UUID]] = defaultdict(list)
    for kept in await store.pairs_of_people(tx, [person_id], statuses=pairs.UNANSWERED, lock=False):
        if set(people_of(kept.state)) == two:
            between[kept.state.cohort_id].append(kept.state.pair_id)
    facts: list[Event] = []
    for cohort_id in sorted(between):
        await store.lock_seats(tx, cohort_id, people=two)
        theirs = await store.pairs_of_people(tx, [person_id], cohort_id=cohort_id, statuses=pairs.UNANSWERED)
        released = pairs.release(
            [kept for kept in theirs if set(people_of(kept.state)) == two],
            reason=DeclineReason.PERSONAL,
            now=tx.now,
            by=person_id,
        )
        facts += await store.save(tx, released)
    return facts


async def _cohort_of_person(tx: Transaction, cohort_id: UUID, *, actor: Actor) -> Kept[Cohort]:
    kept = await store.load_cohort(tx, cohort_id, lock=True)
    if kept is None or actor.organization_id not in {partner.organization_id for partner in kept.state.partners}:
        raise no_cohort()
    return kept


async def _require_matchable(tx: Transaction, person_id: UUID) -> None:
    candidate, erased = await store.load_candidate(tx, person_id)
    if erased or (candidate is not None and not candidate.active):
        raise PersonIsGone("You are no longer an active member.", remedy="Ask an admin of your organization.")
    consent = await store.load_consent(tx, person_id)
    enrolments.require_consent(candidates.allows_matching(consent, now=tx.now))
