"""What-if: simulating matching under other rules, and adopting what was found."""

from __future__ import annotations

import msgspec

from chassis.database import Transaction
from contracts.base import Event
from contracts.matching import AdoptRun, PairStatus, SimulateMatching
from services.matching import store
from services.matching.domain import cohorts, drafts, enrolments, simulations
from services.matching.domain.authority import no_run, partner_of
from services.matching.domain.kept import Aggregate, Kept
from services.matching.domain.simulations import NothingKept
from services.matching.engine.model import Plan


async def simulate_matching(command: SimulateMatching, tx: Transaction) -> list[Event]:
    """By an admin of a partner: queue a run over what a completed one saw; cohort, places and pairs stay as they are."""
    found = await store.load_run(tx, command.base_run_id)
    if found is None:
        raise no_run()
    base = found[0].state
    # The cohort's lock makes counting and adding simulations one step.
    kept = await store.load_cohort(tx, base.cohort_id, lock=True)
    partner_of(kept.state if kept else None, actor=command.actor)
    assert kept is not None
    named = {person for rule in command.rules.rules for person in rule.people}
    concerned = await store.enrolments_of_cohort(tx, base.cohort_id, people=named, statuses=enrolments.LIVE)
    waiting = [run for run in await store.unfinished_runs(tx, base.cohort_id) if run.state.simulated]
    run = simulations.simulate(
        kept.state,
        run_id=command.run_id,
        base=base,
        rules=command.rules,
        enrolments=enrolments.by_person(concerned),
        waiting=len(waiting),
        now=tx.now,
        by=command.actor.person_id,
    )
    async with store.seeing_all(tx):
        there = await store.plan_is_kept(tx, base.run_id)
    if not there:
        raise nothing_kept()
    return await store.add_run(tx, run, seed=await store.seed_of(tx, base.run_id), came_from=kept.state.status)


async def adopt_run(command: AdoptRun, tx: Transaction) -> list[Event]:
    """By an admin of a partner: as if a run under these rules had just ended with this plan."""
    found = await store.load_run(tx, command.run_id)
    if found is None:
        raise no_run()
    cohort_id = found[0].state.cohort_id
    cohort = await store.load_cohort(tx, cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    locked = await store.load_run(tx, command.run_id, lock=True)
    assert cohort is not None
    assert locked is not None
    run, by = locked[0], command.actor.person_id
    simulations.check_adoptable(run.state)
    adopting = cohorts.adopt(cohort, rules=run.state.rules or cohort.state.rules, now=tx.now, by=by)
    async with store.seeing_all(tx):
        content = await store.load_plan(tx, command.run_id)
    if content is None:
        raise nothing_kept()
    plan = msgspec.msgpack.decode(content, type=Plan)
    await store.lock_seats(tx, cohort_id, people=drafts.people_in(plan))
    async with store.seeing_all(tx):
        # Blocks, consents and other organizations' profiles: an admin sees none of it, only that a pair is left out.
        material = await store.material_for(tx, cohort.state, now=tx.now)
    present = {
        enrolment.person_id: enrolment.organization_id
        for enrolment in material.enrolments
        if material.free.get(enrolment.person_id, 0) > 0
    }
    before = await store.pairs_of_cohort(tx, cohort_id, statuses={PairStatus.DRAFT}, lock=True)
    simulations.check_pins(plan, before=before)
    drafted = drafts.drafts(
        simulations.standing(plan, material=material),
        run_id=command.run_id,
        cohort_id=cohort_id,
        organizations=present,
        blocked={frozenset(two) for two in (*material.blocked, *material.vetoed)},
        before=before,
        now=tx.now,
    )
    result = drafts.result_of(plan, pairs=drafted, organizations=present)
    adopted = simulations.adopt(
        run, result=result, published=await store.published_runs(tx, cohort_id), now=tx.now, by=by
    )
    changes: list[Kept[Aggregate]] = [*drafted, adopted, adopting]
    return await store.save(tx, changes)


def nothing_kept() -> NothingKept:
    """The refusal for a run whose snapshot or plan is gone."""
    return NothingKept(
        "What this run saw is not kept any more: somebody in it was erased since, or it is older than simulations.",
        remedy="Request matching anew, and go on from that run.",
    )
