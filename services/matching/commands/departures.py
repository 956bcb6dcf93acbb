"""What follows when somebody pauses, leaves or is erased, or when a whole cohort ends."""

from __future__ import annotations

from uuid import UUID

from chassis.database import Transaction
from contracts.base import Event
from contracts.matching import (
    Cohort,
    CohortStatus,
    DeclineReason,
    Enrolment,
    EnrolmentStatus,
    Pair,
    RunStatus,
    UnmatchedReason,
)
from services.matching import store
from services.matching.commands.rounds import stopped_plan
from services.matching.domain import endings, enrolments, pairs, runs
from services.matching.domain.authority import people_of
from services.matching.domain.kept import Aggregate, Kept


async def release_pairs(
    tx: Transaction, cohort_id: UUID, *, person_id: UUID, by: UUID | None, reason: DeclineReason = DeclineReason.NO_TIME
) -> list[Kept[Pair]]:
    """The person's open proposals are declined, their drafts superseded. Lock the enrolment first."""
    await store.lock_seats(tx, cohort_id, people=[person_id])
    unanswered = await store.pairs_of_people(tx, [person_id], cohort_id=cohort_id, statuses=pairs.UNANSWERED)
    return pairs.release(unanswered, reason=reason, now=tx.now, by=by)


async def pause_everywhere(tx: Transaction, person_id: UUID) -> list[Event]:
    """In every cohort in which the person has a place."""
    facts: list[Event] = []
    for found in await store.enrolments_of_person(tx, person_id, statuses={EnrolmentStatus.ADMITTED}):
        cohort_id = found.state.cohort_id
        kept = await store.load_enrolment(tx, cohort_id, person_id=person_id, lock=True)
        if kept is not None and kept.state.status is EnrolmentStatus.ADMITTED:
            paused = enrolments.pause(kept, now=tx.now, by=None)
            released = await release_pairs(tx, cohort_id, person_id=person_id, by=None)
            facts += await store.save(tx, [paused, *released])
    return facts


async def lock_pairs_and_seats(tx: Transaction, cohort_id: UUID, *, person_id: UUID) -> list[Kept[Pair]]:
    """All pairs of a person in a cohort, locked after the seats of everybody in a live one."""
    before = await store.pairs_of_people(tx, [person_id], cohort_id=cohort_id, statuses=pairs.LIVE, lock=False)
    people = {person_id, *(person for kept in before for person in people_of(kept.state))}
    await store.lock_seats(tx, cohort_id, people=people)
    return await store.pairs_of_people(tx, [person_id], cohort_id=cohort_id)


async def leave(tx: Transaction, cohort: Kept[Cohort], *, left: Kept[Enrolment], by: UUID | None) -> list[Event]:
    """Save somebody's departure: their proposals are declined, their pairs end, and their place goes to the waiting list.

    The cohort and the enrolment are locked by the caller.
    """
    cohort_id, person_id = left.state.cohort_id, left.state.person_id
    async with store.seeing_all(tx):  # an admin who removes somebody sees no ranking
        await store.drop_ranking(tx, cohort_id, person_id=person_id)
    theirs = await lock_pairs_and_seats(tx, cohort_id, person_id=person_id)
    facts = await store.save(
        tx,
        [
            left,
            *pairs.release(theirs, reason=DeclineReason.NO_TIME, now=tx.now, by=by),
            *pairs.part(theirs, why="One of the two left the cohort.", now=tx.now, by=by),
        ],
    )
    return [*facts, *await admit_waiting(tx, cohort)]


async def admit_waiting(tx: Transaction, cohort: Kept[Cohort]) -> list[Event]:
    """Give free places to whoever waits. The cohort is locked by the caller."""
    occupancy = await store.occupancy_of(tx, cohort.state.cohort_id)
    if not occupancy.waiting:
        return []
    waiting = await store.waiting_list(tx, cohort.state.cohort_id)
    async with store.seeing_all(tx):  # whoever frees a place sees nobody's consent, and learns of none
        absent = await store.unavailable(tx, cohort.state.cohort_id, now=tx.now)
    admitted = enrolments.admit_waiting(cohort.state, waiting=waiting, held=occupancy.held, absent=absent, now=tx.now)
    return await store.save(tx, admitted)


async def admit_again(tx: Transaction, person_id: UUID) -> list[Event]:
    """Somebody may be matched again: places that were passed over them are theirs, in every cohort in which they wait."""
    facts: list[Event] = []
    waiting = await store.enrolments_of_person(tx, person_id, statuses={EnrolmentStatus.WAITLISTED})
    for cohort_id in sorted({kept.state.cohort_id for kept in waiting}):
        cohort = await store.load_cohort(tx, cohort_id, lock=True)
        if cohort is not None:
            facts += await admit_waiting(tx, cohort)
    return facts


async def end_for_everybody(tx: Transaction, cohort: Kept[Cohort], *, by: UUID | None) -> list[Kept[Aggregate]]:
    """What becomes of a finished cohort's runs, enrolments and pairs."""
    cohort_id, to = cohort.state.cohort_id, cohort.state.status
    async with store.seeing_all(tx):
        await store.drop_ranking(tx, cohort_id)
    stopped: list[Kept[Aggregate]] = []
    for run in await store.unfinished_runs(tx, cohort_id):
        stopped.append(runs.cancel(run, now=tx.now, by=by))
        stopped += await stopped_plan(tx, run.state.plan_id, to=RunStatus.CANCELLED, by=by)
    enrolled = await store.enrolments_of_cohort(tx, cohort_id, statuses=enrolments.LIVE, lock=True)
    all_pairs = await store.pairs_of_cohort(tx, cohort_id)
    concerned = {person for kept in all_pairs if kept.state.status in pairs.LIVE for person in people_of(kept.state)}
    await store.lock_seats(tx, cohort_id, people=concerned)
    ended_pairs = endings.end_pairs(
        await store.pairs_of_cohort(tx, cohort_id, statuses=pairs.LIVE, lock=True), to=to, now=tx.now, by=by
    )
    reasons: dict[UUID, UnmatchedReason] = {}
    if to is CohortStatus.COMPLETED:
        reasons = await store.latest_report(tx, cohort_id)
    after = {kept.state.pair_id: kept.state for kept in [*all_pairs, *ended_pairs]}
    ended = endings.end_enrolments(enrolled, to=to, pairs=list(after.values()), reasons=reasons, now=tx.now, by=by)
    return [*stopped, *ended_pairs, *ended]
