"""The worker of match runs: claim one, freeze it, compute it elsewhere, record what came out.

A claim is a lease that the worker keeps extending. Whoever dies (kill -9) stops extending it, and another worker takes the run
over, with the same snapshot; whatever the first one might still record is refused, because its claim is void.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from math import inf
from uuid import UUID, uuid4

import msgspec

from chassis.database import Transaction
from chassis.holding import ERASURE, hold_shared
from chassis.service import Running
from contracts.matching import (
    CohortStatus,
    EnrolmentStatus,
    MatchRun,
    PairStatus,
    RunMode,
    RunStatus,
)
from services.matching import store
from services.matching.commands.rounds import stopped_plan
from services.matching.domain import cohorts, drafts, groups, learning, rounds, runs
from services.matching.domain.freeze import freeze, under
from services.matching.domain.kept import Aggregate, Kept
from services.matching.engine.model import Groups, Plan, Rounds, RuleCost, Snapshot
from services.matching.jobs.compute import EngineDied, EngineFailed, EngineRefused, Spare, compute
from services.matching.jobs.frames import Line, Meaning, Order, texts_of
from services.matching.jobs.groups import record_groups
from services.matching.jobs.meaning import meaning_of, stopping_within
from services.matching.jobs.rounds import record_rounds
from services.matching.store import Claimed, Frozen

MOST_ATTEMPTS = 3


class ClaimLost(Exception):
    """The run was cancelled, or another worker took it over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Real seconds: how long a claim lasts without a sign of life, how often to give one, how often to look for work."""

    lease: float = 15.0
    heartbeat: float = 1.0
    idle: float = 0.3


async def run_match_runs(running: Running) -> None:
    """Until the service stops."""
    pace, meaning = Pace(), meaning_of(running.settings)
    seconds_of(running.settings)  # a wrong setting is told before the first run
    spare = Spare()
    try:
        while not running.stopping.is_set():
            if not await take_one(running, pace=pace, meaning=meaning, spare=spare):
                await stopping_within(running, pace.idle)
    finally:
        await spare.close()


class WrongTimeSetting(Exception):
    """The setting cannot be used; the message says what to write."""


def seconds_of(settings: Mapping[str, str]) -> float:
    """How long the search for a plan may take; 0: as long as it needs."""
    said = settings.get("RUN_SECONDS", "0").strip() or "0"
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < inf:
        raise WrongTimeSetting(
            f"VICEVERSA_RUN_SECONDS is {said!r}: give the seconds that a match run may search, or 0 for as long as it needs."
        )
    return seconds


async def take_one(running: Running, *, pace: Pace, meaning: Meaning, spare: Spare | None = None) -> bool:
    """Compute the run that waits longest, in the ``spare`` process if there is one; False when none waits."""
    async with running.begin() as tx:
        claimed = await store.claim_run(tx, claim=uuid4(), lease_seconds=pace.lease)
    if claimed is None:
        return False
    started = time.perf_counter()
    try:
        if claimed.attempts > MOST_ATTEMPTS:
            raise EngineFailed(f"given up after {MOST_ATTEMPTS} attempts, each of which ended without a result")
        order = replace(await _order(running, claimed, meaning=meaning), seconds=seconds_of(running.settings))
        said = await _computed(running, claimed, order, pace=pace, spare=spare)
        plan = None if said is None else said.plan or said.rounds or said.groups
        if said is None or plan is None:
            async with running.begin() as tx:
                await store.give_back(tx, claimed)
            return True
        if isinstance(plan, Rounds):
            await record_rounds(running, claimed, plan, seconds=time.perf_counter() - started)
        elif isinstance(plan, Groups):
            await record_groups(running, claimed, plan, seconds=time.perf_counter() - started)
        else:
            await _record(running, claimed, plan, prices=said.prices, started=started)
    except (EngineRefused, EngineFailed) as error:
        await _record_failure(running, claimed, str(error))
    except EngineDied:
        return True  # the lease runs out, and it is tried again
    except ClaimLost:
        return True
    return True


async def _order(running: Running, claimed: Claimed, *, meaning: Meaning) -> Order:
    """What an earlier attempt froze, or a new snapshot; with all that is known of its texts."""
    run_id, cohort_id = claimed.run.state.run_id, claimed.run.state.cohort_id
    async with running.begin() as tx:
        await hold_shared(tx, what=ERASURE)  # who is erased while this is frozen would stay in it
        run = await store.lock_claimed(tx, claimed)
        cohort = await store.load_cohort(tx, cohort_id)
        if run is None or cohort is None:
            raise ClaimLost
        frozen = await store.load_snapshot(tx, run_id)
        if frozen is None:
            near = None
            if run.state.simulated:
                snapshot, near = await _seen_by_base(run.state, tx)
            elif run.state.mode is RunMode.ROUNDS:
                material = await store.material_for(tx, cohort.state, now=tx.now)
                plan = await store.load_round_plan(tx, run.state.plan_id or run_id)
                if plan is None:
                    raise ClaimLost
                snapshot = rounds.frozen(
                    cohort.state, plan=plan.state, rounds=run.state.rounds, material=material, now=tx.now
                )
            elif run.state.mode is RunMode.GROUPS:
                material = await store.material_for(tx, cohort.state, now=tx.now)
                grouped = await store.load_group_plan(tx, run.state.plan_id or run_id)
                if grouped is None:
                    raise ClaimLost
                snapshot = groups.frozen(cohort.state, plan=grouped.state, material=material, now=tx.now)
            else:
                material = await store.material_for(tx, cohort.state, now=tx.now)
                snapshot = freeze(cohort.state, material=material, now=tx.now, keep=run.state.keep)
            learned = await store.learned_for(tx, cohort.state, rules=run.state.rules or cohort.state.rules)
            snapshot = replace(snapshot, learned=learned)
            frozen = Frozen(content=msgspec.json.encode(snapshot), near=near)
            people = [UUID(person.id) for person in snapshot.people]
            await store.save_snapshot(tx, run_id, people=people, content=frozen.content)
            if near is not None:
                await store.save_near(tx, run_id, near)
            digest = hashlib.sha256(frozen.content).hexdigest()
            told = runs.freeze(run, digest=digest, people=len(people), now=tx.now, calibration=learning.used(learned))
            await running.record(tx, await store.save(tx, [told]))
        if frozen.near is not None:
            return Order(meaning=meaning, snapshot=frozen.content, near=frozen.near, seed=claimed.seed)
        vectors = await store.vectors_of(tx, texts_of(msgspec.json.decode(frozen.content, type=Snapshot)))
        return Order(meaning=meaning, snapshot=frozen.content, vectors=vectors, seed=claimed.seed)


async def _seen_by_base(run: MatchRun, tx: Transaction) -> tuple[Snapshot, bytes | None]:
    """What the base run saw, under the simulation's own rules."""
    assert run.base_run_id is not None
    assert run.rules is not None
    base = await store.load_snapshot(tx, run.base_run_id)
    if base is None:
        raise EngineRefused("Somebody whom the base run saw was erased meanwhile: simulate upon a later run.")
    return under(msgspec.json.decode(base.content, type=Snapshot), rules=run.rules), base.near


async def _computed(
    running: Running, claimed: Claimed, order: Order, *, pace: Pace, spare: Spare | None
) -> Line | None:
    """The line with the plan, the rounds or the groups; None when the service stops first."""
    run_id = claimed.run.state.run_id
    stop = asyncio.Event()

    async def work() -> Line:
        found: Line | None = None
        lines_of = compute(order, stop=stop) if spare is None else compute(order, stop=stop, spare=spare)
        async with aclosing(lines_of) as lines:
            async for line in lines:
                async with running.begin() as tx:
                    if line.vectors:
                        await hold_shared(tx, what=ERASURE)
                    run = await store.lock_claimed(tx, claimed)
                    if run is None:
                        raise ClaimLost
                    if line.vectors and await store.is_frozen(tx, run_id):
                        await store.save_vectors(tx, line.vectors)
                    if line.near:
                        await store.save_near(tx, run_id, line.near)
                    if line.proof:
                        await store.save_proof(tx, run_id, line.proof)
                    if line.plan is not None:
                        await store.save_plan(tx, run_id, msgspec.msgpack.encode(line.plan))
                    if line.stage:
                        told = runs.progress(
                            run, stage=line.stage, done=line.done, so_far=drafts.so_far_of(line.so_far), now=tx.now
                        )
                        await running.record(tx, await store.save(tx, [told]))
                if line.plan or line.rounds or line.groups:
                    found = line
                    if spare is None:
                        break
        if found is None:
            raise EngineFailed("the computing process ended without a plan")
        return found

    async def stay_alive() -> None:
        while True:
            await asyncio.sleep(pace.heartbeat)
            async with running.begin() as tx:
                if not await store.extend_claim(tx, claimed, lease_seconds=pace.lease):
                    raise ClaimLost
                if not stop.is_set() and await store.is_stopping(tx, run_id):
                    stop.set()

    computing = asyncio.create_task(work())
    living = asyncio.create_task(stay_alive())
    stopping = asyncio.create_task(running.stopping.wait())
    tasks: set[asyncio.Task[object]] = {computing, living, stopping}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if computing.done():
            return computing.result()
        if living.done():
            living.result()
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _record(
    running: Running, claimed: Claimed, plan: Plan, *, prices: Sequence[RuleCost], started: float
) -> None:
    """Drafts, report and the cohort's next state, in one transaction; nothing when the claim is void."""
    cohort_id = claimed.run.state.cohort_id
    async with running.begin() as tx:
        cohort = await store.load_cohort(tx, cohort_id, lock=True)
        run = await store.lock_claimed(tx, claimed)
        if run is None or cohort is None:
            raise ClaimLost
        if run.state.simulated:
            result = drafts.found_by(
                plan, run_id=run.state.run_id, organizations=await _homes(cohort_id, tx), now=tx.now
            )
            result = replace(result, rule_prices=drafts.prices_of(prices))
            done = runs.complete(run, result=result, seconds=time.perf_counter() - started, now=tx.now)
            await running.record(tx, await store.save(tx, [done]))
            return
        people = drafts.people_in(plan)
        await store.lock_seats(tx, cohort_id, people=people)
        # Whoever paused or left since the snapshot is not admitted any more; they wait for the seats that we hold.
        admitted = await store.enrolments_of_cohort(tx, cohort_id, statuses={EnrolmentStatus.ADMITTED})
        organizations = {kept.state.person_id: kept.state.organization_id for kept in admitted}
        drafted = drafts.drafts(
            plan,
            run_id=run.state.run_id,
            cohort_id=cohort_id,
            organizations=organizations,
            blocked=await store.block_exists(tx, people) | await store.vetoed_couples(tx, cohort_id),
            before=await store.pairs_of_cohort(tx, cohort_id, statuses={PairStatus.DRAFT}, lock=True),
            keep=run.state.keep,
            now=tx.now,
        )
        result = drafts.result_of(plan, pairs=drafted, organizations=organizations)
        result = replace(result, rule_prices=drafts.prices_of(prices))
        changes: list[Kept[Aggregate]] = [*drafted]
        changes.append(runs.complete(run, result=result, seconds=time.perf_counter() - started, now=tx.now))
        changes.append(cohorts.end_matching(cohort, to=CohortStatus.REVIEW, now=tx.now, by=None))
        await running.record(tx, await store.save(tx, changes))


async def _homes(cohort_id: UUID, tx: Transaction) -> dict[UUID, UUID]:
    """The organization of everybody who ever enrolled."""
    enrolled = await store.enrolments_of_cohort(tx, cohort_id)
    return {kept.state.person_id: kept.state.organization_id for kept in enrolled}


async def _record_failure(running: Running, claimed: Claimed, error: str) -> None:
    """The cohort goes back where it was, so that its organizers can mend the cause."""
    async with running.begin() as tx:
        cohort = await store.load_cohort(tx, claimed.run.state.cohort_id, lock=True)
        run = await store.lock_claimed(tx, claimed)
        if run is None or cohort is None:
            return
        failed = runs.fail(run, error=error, now=tx.now)
        changes: list[Kept[Aggregate]] = [failed]
        changes += await stopped_plan(tx, run.state.plan_id, to=RunStatus.FAILED, error=failed.state.error)
        if run.state.mode is RunMode.WHOLE and not run.state.simulated:
            changes.append(cohorts.end_matching(cohort, to=claimed.came_from, now=tx.now, by=None))
        await running.record(tx, await store.save(tx, changes))
