"""Requesting and cancelling match runs, pinning pairs, publishing proposals."""

from __future__ import annotations

import asyncio

from chassis.database import Transaction
from contracts.base import Event
from contracts.errors import Conflict, Full, Invalid
from contracts.matching import (
    CancelMatching,
    Cohort,
    CohortStatus,
    EnrolmentStatus,
    PairStatus,
    PinPair,
    PublishProposals,
    RequestMatching,
    RunMode,
    RunStatus,
)
from services.matching import store
from services.matching.commands.rounds import stopped_plan
from services.matching.domain import choices, cohorts, pairs, rules, runs
from services.matching.domain.authority import no_run, partner_of, people_of
from services.matching.domain.freeze import freeze
from services.matching.domain.kept import Aggregate, Kept


class PinIsWrong(Invalid):
    """A pair is of two different people."""


class CannotPin(Conflict):
    """Somebody has no place, or the cohort is not being matched."""


class NoPlaceToPin(Full):
    """One of the two has no place left."""


_PINNABLE = {CohortStatus.OPEN, CohortStatus.CLOSED, CohortStatus.REVIEW, CohortStatus.ACTIVE}


async def request_matching(command: RequestMatching, tx: Transaction) -> list[Event]:
    """By an admin of a partner: queue a run; a worker takes it."""
    kept = await store.load_cohort(tx, command.cohort_id, lock=True)
    partner_of(kept.state if kept else None, actor=command.actor)
    assert kept is not None
    by = command.actor.person_id
    matching = cohorts.begin_matching(kept, now=tx.now, by=by)
    admitted = await store.enrolments_of_cohort(tx, command.cohort_id, statuses={EnrolmentStatus.ADMITTED})
    free = await store.free_places(tx, command.cohort_id)
    run = runs.request(
        kept.state,
        run_id=command.run_id,
        seed=command.seed,
        admitted=len(admitted),
        free=sum(free.get(kept.state.person_id, 0) > 0 for kept in admitted),
        published=await store.published_runs(tx, command.cohort_id),
        now=tx.now,
        by=by,
        keep=command.keep,
    )
    await _refuse_contradictions(kept.state, tx)
    queued = await store.add_run(tx, run, seed=command.seed, came_from=kept.state.status)
    return [*queued, *await store.save(tx, [matching])]


async def _refuse_contradictions(cohort: Cohort, tx: Transaction) -> None:
    """What is demanded of the whole plan must be possible for the people who are here. The run, which also knows what they need and
    offer, looks again."""
    if not rules.may_contradict(cohort.rules):
        return
    async with store.seeing_all(tx):
        # Teams, managers and blocks of other organizations: an admin learns which rules contradict each other, and nothing else.
        material = await store.material_for(tx, cohort, now=tx.now)
    snapshot = freeze(cohort, material=material, now=tx.now)
    rules.refuse_contradictions(await asyncio.to_thread(rules.contradictions_for, snapshot))


async def cancel_matching(command: CancelMatching, tx: Transaction) -> list[Event]:
    """By an admin of a partner: the worker notices, and the cohort goes back where it was; or the run ends with the best plan so far."""
    found = await store.load_run(tx, command.run_id)
    if found is None:
        raise no_run()
    cohort = await store.load_cohort(tx, found[0].state.cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    assert cohort is not None
    locked = await store.load_run(tx, command.run_id, lock=True)
    assert locked is not None
    run, came_from = locked
    by = command.actor.person_id
    if command.keep_best and run.state.status is RunStatus.RUNNING:
        return await store.save(tx, [runs.stop(run, now=tx.now, by=by)])
    cancelled = runs.cancel(run, now=tx.now, by=by)
    changes: list[Kept[Aggregate]] = [cancelled]
    changes += await stopped_plan(tx, run.state.plan_id, to=RunStatus.CANCELLED, by=by)
    if run.state.mode is RunMode.WHOLE and not run.state.simulated:
        changes.append(cohorts.end_matching(cohort, to=came_from, now=tx.now, by=by))
    return await store.save(tx, changes)


async def pin_pair(command: PinPair, tx: Transaction) -> list[Event]:
    """By an admin of a partner: a pinned draft of two admitted people, which the next run explains and keeps."""
    kept = await store.load_cohort(tx, command.cohort_id, lock=True)
    partner_of(kept.state if kept else None, actor=command.actor)
    assert kept is not None
    two = set(command.people)
    if len(two) != 2:
        raise PinIsWrong("A pair is of two different people.", remedy="Name two people.")
    if kept.state.status not in _PINNABLE:
        raise CannotPin(
            f"Nothing can be pinned while the cohort is {kept.state.status.value}.", remedy="Pin before matching it."
        )
    enrolled = await store.enrolments_of_cohort(
        tx, command.cohort_id, people=two, statuses={EnrolmentStatus.ADMITTED}, lock=True
    )
    if len(enrolled) != 2:
        raise CannotPin("Both people need a place in the cohort.", remedy="Choose two admitted people.")
    choices.check_not_vetoed(two, vetoed=await store.vetoed_couples(tx, command.cohort_id))
    seats = await store.lock_seats(tx, command.cohort_id, people=two)
    live = await store.pairs_of_people(tx, two, cohort_id=command.cohort_id)
    present = [pair for pair in live if set(people_of(pair.state)) == two]
    pinned = pairs.pin(
        command.cohort_id,
        organizations={enrolment.state.person_id: enrolment.state.organization_id for enrolment in enrolled},
        present=present,
        now=tx.now,
        by=command.actor.person_id,
    )
    for person in two:
        pins = sum(
            pair.state.pinned and pair.state.status is PairStatus.DRAFT and person in people_of(pair.state)
            for pair in live
            if pair.state.pair_id != pinned.state.pair_id
        )
        if seats[person].taken + pins >= seats[person].capacity:
            raise NoPlaceToPin(
                "One of the two has no place left for another pair.", remedy="Choose somebody with a free place."
            )
    return await store.save(tx, [pinned])


async def publish_proposals(command: PublishProposals, tx: Transaction) -> list[Event]:
    """By an admin of a partner: the run's drafts go to their people, who have the cohort's hours to answer."""
    found = await store.load_run(tx, command.run_id)
    if found is None:
        raise no_run()
    cohort = await store.load_cohort(tx, found[0].state.cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    assert cohort is not None
    locked = await store.load_run(tx, command.run_id, lock=True)
    assert locked is not None
    drafts = await store.pairs_of_run(tx, command.run_id, statuses={PairStatus.DRAFT}, lock=True)
    by = command.actor.person_id
    published = runs.publish(locked[0], cohort=cohort.state, drafts=drafts, now=tx.now, by=by)
    proposed = [pairs.propose(draft, answer_hours=cohort.state.answer_hours, now=tx.now, by=by) for draft in drafts]
    return await store.save(tx, [published, *proposed])
