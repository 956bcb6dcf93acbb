"""The worker of match runs: freezing, cancelling, dying and being replaced, failing with a reason."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import date
from uuid import UUID, uuid4

import msgspec
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from contracts.base import SYSTEM, Recorded
from contracts.errors import Conflict
from contracts.matching import (
    AcceptPair,
    AdvanceCohort,
    BlockPerson,
    CancelMatching,
    ChangeRules,
    CohortAdvanced,
    CohortStatus,
    DeclinePair,
    DeclineReason,
    Keep,
    MatchingCompleted,
    MatchRun,
    PairDeclined,
    PairProposed,
    PairStatus,
    PauseEnrolment,
    PinPair,
    PublishProposals,
    Rule,
    RuleKind,
    RuleSet,
    RunStatus,
    UnmatchedReason,
)
from contracts.profiles import Need, Offer, ProfileErased
from services.matching import store
from services.matching.engine.frozen import near_bytes, proof_bytes
from services.matching.engine.frozen_groups import groups_proof_bytes
from services.matching.engine.frozen_rounds import rounds_proof_bytes
from services.matching.engine.groups import plan_groups
from services.matching.engine.match import match
from services.matching.engine.model import RulesContradict, Snapshot
from services.matching.engine.rounds import plan_rounds
from services.matching.engine.scoring.ground import texts_of
from services.matching.jobs import compute as computing, runs as jobs
from services.matching.jobs.frames import LIGHT, Line, Meaning, Order
from services.matching.jobs.runs import MOST_ATTEMPTS, Pace, run_match_runs, take_one
from tests.matching.engine_people import by_first_word, near_from
from tests.matching.world import START, World, facts_of, workplace
from tests.probes import eventually, held_up

SUSHI, CLUSTERS = "Rolling sushi", "Running Kubernetes"
WANT_SUSHI, WANT_CLUSTERS = "I want to make sushi", "How do we use Kubernetes"
Compute = Callable[[Order], AsyncGenerator[Line]]
MEANING = Meaning(mode=LIGHT)
QUICK = Pace(lease=0.4, heartbeat=0.05, idle=0.02)


async def four(world: World, **cohort: object) -> list[UUID]:
    """Two who teach sushi, two who teach clusters; each wants the other thing. Registration is closed."""
    await world.open_cohort(**cohort)
    people = []
    for number in range(4):
        offers, needs = ((SUSHI, WANT_CLUSTERS), (CLUSTERS, WANT_SUSHI))[number % 2]
        people.append(await world.somebody(number % 2, offers=offers, needs=needs))
        await world.enrol(people[-1])
    await world.close()
    return people


async def the_run(world: World, run_id: UUID) -> MatchRun:
    async with world.database.begin(SYSTEM) as tx:
        found = await store.load_run(tx, run_id)
    assert found is not None
    return found[0].state


async def matched(world: World, *, pace: Pace = QUICK, keep: Keep = Keep.NONE) -> tuple[UUID, list[Recorded]]:
    run_id = await world.request(keep=keep)
    bench, running = workplace(world)
    assert await take_one(running, pace=pace, meaning=MEANING)
    return run_id, bench.recorded


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> Compute:
    """The engine in this process and without its model, for tests of everything around it."""

    async def compute(order: Order, *, stop: asyncio.Event | None = None) -> AsyncGenerator[Line]:
        snapshot = msgspec.json.decode(order.snapshot, type=Snapshot)
        needs, offers = texts_of(snapshot.people)
        near = near_from(needs, offers, chance=1000 * by_last_word(needs, offers))
        stages: list[tuple[str, float]] = []
        try:
            if snapshot.grouping is not None:
                groups, grouped = plan_groups(snapshot, near, seed=order.seed)
                yield Line(near=near_bytes(near), groups=groups, proof=groups_proof_bytes(grouped) if grouped else b"")
                return
            if snapshot.rounds:
                rounds, met = plan_rounds(snapshot, near, seed=order.seed)
                yield Line(near=near_bytes(near), rounds=rounds, proof=rounds_proof_bytes(met) if met else b"")
                return
            plan, proof = match(
                snapshot,
                near,
                seed=order.seed,
                on_progress=lambda stage, done: stages.append((stage, done)),
            )
        except RulesContradict as error:
            raise computing.EngineRefused(str(error)) from error
        for stage, done in stages:
            yield Line(stage=stage, done=done)
        yield Line(plan=plan, proof=proof_bytes(proof) if proof else b"")

    monkeypatch.setattr("services.matching.jobs.runs.compute", compute)
    return compute


def by_last_word(needs: Sequence[str], offers: Sequence[str], /) -> NDArray[np.float64]:
    """1.0 where the last words are equal."""
    return by_first_word([need.split()[-1] for need in needs], [offer.split()[-1] for offer in offers])


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "services.matching.jobs.child" in " ".join(child.cmdline())
    ]


EMPTY = Order(meaning=MEANING, snapshot=msgspec.json.encode(Snapshot(people=())))


async def said(order: Order, *, spare: computing.Spare | None = None) -> list[Line]:
    """All that a computing process says."""
    async with aclosing(computing.compute(order, spare=spare)) as lines:
        return [line async for line in lines]


class TestProcess:
    async def test_leaves_the_loop_free_and_no_process_behind(self, world: World) -> None:
        await four(world)
        await world.request()
        _, running = workplace(world)
        longest = 0.0

        async def feel() -> None:
            """How long this thread computes between two turns: what others take from it on a busy machine does not count."""
            nonlocal longest
            while True:
                before = time.thread_time()
                await asyncio.sleep(0.005)
                longest = max(longest, time.thread_time() - before)

        feeling = asyncio.create_task(feel())
        assert await take_one(running, pace=QUICK, meaning=MEANING)
        feeling.cancel()
        assert longest < 1.0  # loading the model alone takes longer
        assert children() == []

    async def test_ends_when_its_task_is_cancelled(self) -> None:
        task = asyncio.create_task(said(Order(meaning=MEANING, snapshot=b"{}")))
        await eventually(children, describe="the computing process has started")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() == []

    async def test_that_breaks_says_why(self) -> None:
        with pytest.raises(computing.EngineFailed, match="JSON"):
            await said(Order(meaning=MEANING, snapshot=b"not JSON at all"))

    async def test_that_waits_takes_the_next_order(self) -> None:
        spare = computing.Spare()
        try:
            await said(EMPTY, spare=spare)
            first = [child.pid for child in children()]
            assert (await said(EMPTY, spare=spare))[-1].plan is not None
            assert [child.pid for child in children()] == first
            assert len(first) == 1
        finally:
            await spare.close()
        assert children() == []

    async def test_that_refused_or_was_cut_short_does_not_wait(self) -> None:
        spare = computing.Spare()
        with pytest.raises(computing.EngineFailed, match="JSON"):
            await said(Order(meaning=MEANING, snapshot=b"not JSON at all"), spare=spare)
        assert children() == []
        async with aclosing(computing.compute(EMPTY, spare=spare)) as lines:
            async for _ in lines:
                break
        assert children() == []

    async def test_that_was_killed_while_it_waited_is_replaced(self) -> None:
        spare = computing.Spare()
        try:
            await said(EMPTY, spare=spare)
            (waiting,) = children()
            waiting.kill()
            await eventually(lambda: not children(), describe="it is gone")
            assert (await said(EMPTY, spare=spare))[-1].plan is not None
        finally:
            await spare.close()

    async def test_that_is_killed_is_tried_again_and_given_up_in_the_end(self, world: World) -> None:
        await four(world)
        run_id = await world.request()
        bench, running = workplace(world)

        async def killed() -> bool:
            for child in children():
                os.kill(child.pid, signal.SIGKILL)
            return (await the_run(world, run_id)).status is RunStatus.FAILED

        async def work() -> None:
            while True:
                await take_one(running, pace=Pace(lease=0.05, heartbeat=0.01), meaning=MEANING)
                await asyncio.sleep(0.01)

        worker = asyncio.create_task(work())
        await eventually(killed, describe="the run is given up", within=60)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        assert f"{MOST_ATTEMPTS} attempts" in (await the_run(world, run_id)).error
        assert (await world.cohort()).status is CohortStatus.CLOSED
        assert len(facts_of(bench.recorded, MatchingCompleted)) == 1


@pytest.mark.usefixtures("at_hand")
class TestRun:
    async def test_again_replaces_the_drafts_of_the_last(self, world: World) -> None:
        await four(world)
        first, _ = await matched(world)
        second, recorded = await matched(world)
        assert {fact.pair.run_id for fact in facts_of(recorded, PairDeclined)} == {first}
        drafts = [pair for pair in await world.pairs() if pair.status is PairStatus.DRAFT]
        assert {pair.run_id for pair in drafts} == {second}
        with pytest.raises(Conflict):
            await world.do(PublishProposals(command_id=uuid4(), run_id=first), by=world.admin())
        await world.do(PublishProposals(command_id=uuid4(), run_id=second), by=world.admin())
        with pytest.raises(Conflict, match="published"):
            await world.do(PublishProposals(command_id=uuid4(), run_id=second), by=world.admin())

    async def test_gives_the_same_pairs_for_the_same_snapshot(self, world: World) -> None:
        await four(world)
        (first, one), (second, two) = await matched(world), await matched(world)
        assert (await the_run(world, first)).snapshot_digest == (await the_run(world, second)).snapshot_digest
        pairs = [
            [(fact.pair.members, fact.pair.value, fact.pair.terms) for fact in facts_of(recorded, PairProposed)]
            for recorded in (one, two)
        ]
        assert sorted(pairs[0], key=repr) == sorted(pairs[1], key=repr)

    async def test_of_a_second_wave_takes_only_who_is_free_and_never_who_said_no(self, world: World) -> None:
        people = await four(world)
        run_id, recorded = await matched(world)
        await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        kept, refused = [fact.pair for fact in facts_of(recorded, PairProposed)]
        for member in kept.members:
            await world.do(AcceptPair(command_id=uuid4(), pair_id=kept.pair_id), by=member.person_id)
        decline = DeclinePair(command_id=uuid4(), pair_id=refused.pair_id, reason=DeclineReason.NOT_WHAT_I_NEED)
        await world.do(decline, by=refused.members[0].person_id)
        advance = AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.ACTIVE)
        await world.do(advance, by=world.admin())
        again, recorded = await matched(world)
        run = await the_run(world, again)
        assert (run.people, run.pairs) == (2, 0)
        assert {left.person_id for left in run.unmatched} == {member.person_id for member in refused.members}
        assert {left.reason for left in run.unmatched} == {UnmatchedReason.NO_LEGAL_PARTNER}
        assert len(people) == 4

    async def test_needs_somebody_to_match(self, world: World) -> None:
        await world.open_cohort()
        await world.close()
        with pytest.raises(Conflict, match="0 admitted"):
            await world.request()

    async def test_is_not_requested_twice_at_once(self, world: World) -> None:
        await four(world)
        await world.request()
        with pytest.raises(Conflict, match="under way"):
            await world.request()

    async def test_respects_who_is_away_and_whose_profile_is_not_known(self, world: World) -> None:
        ana, *_ = people = await four(world)
        await world.profile(ana, version=2, out_of_office_until=date(2026, 12, 31))
        run_id, _ = await matched(world)
        reasons = {left.person_id: left.reason for left in (await the_run(world, run_id)).unmatched}
        assert reasons[ana] is UnmatchedReason.OUT_OF_OFFICE
        assert len(people) == 4


@pytest.mark.usefixtures("at_hand")
class TestCancel:
    async def test_of_a_queued_run_brings_the_cohort_back(self, world: World) -> None:
        await four(world)
        run_id = await world.request()
        recorded = await world.do(CancelMatching(command_id=uuid4(), run_id=run_id), by=world.admin(1))
        assert facts_of(recorded, MatchingCompleted)[0].run.status is RunStatus.CANCELLED
        assert facts_of(recorded, CohortAdvanced)[0].cohort.status is CohortStatus.CLOSED
        _, running = workplace(world)
        assert not await take_one(running, pace=QUICK, meaning=MEANING)

    async def test_of_a_running_run_stops_the_process_and_records_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await four(world)
        run_id = await world.request()
        bench, running = workplace(world)
        started, stopped = asyncio.Event(), asyncio.Event()

        async def endless(_order: Order, *, stop: asyncio.Event) -> AsyncGenerator[Line]:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()
            yield Line()

        monkeypatch.setattr("services.matching.jobs.runs.compute", endless)
        worker = asyncio.create_task(take_one(running, pace=QUICK, meaning=MEANING))
        await asyncio.wait_for(started.wait(), 10)
        await world.do(CancelMatching(command_id=uuid4(), run_id=run_id), by=world.admin())
        assert await asyncio.wait_for(worker, 5)
        assert stopped.is_set()
        assert facts_of(bench.recorded, MatchingCompleted) == []
        assert (await the_run(world, run_id)).status is RunStatus.CANCELLED
        assert (await world.cohort()).status is CohortStatus.CLOSED


class TestErasure:
    async def test_is_waited_for_by_who_freezes(self, world: World) -> None:
        people = await four(world)
        await world.request()
        _, running = workplace(world)
        async with world.database.begin(SYSTEM) as tx:
            claimed = await store.claim_run(tx, claim=uuid4(), lease_seconds=600)
        assert claimed is not None
        async with world.database.begin(SYSTEM) as tx:
            await store.forget_person(tx, people[0], version=9)
            # While that is not committed, the person's words are still there for everybody else.
            freezing = asyncio.create_task(jobs._order(running, claimed, meaning=MEANING))
            await held_up(freezing, world.database)
        await freezing
        everybody = "SELECT count(*) FROM run_snapshot"
        of_the_gone = f"{everybody} WHERE '{people[0]}' = ANY (people)"
        assert (await world.count(everybody), await world.count(of_the_gone)) == (1, 0)


@pytest.mark.usefixtures("at_hand")
class TestDeath:
    async def test_of_a_worker_leaves_the_run_to_another_with_the_same_snapshot(self, world: World) -> None:
        people = await four(world)
        run_id = await world.request()
        bench, running = workplace(world)
        # A worker claims and freezes, and is never heard of again.
        async with world.database.begin(SYSTEM) as tx:
            claimed = await store.claim_run(tx, claim=uuid4(), lease_seconds=600)
        assert claimed is not None
        await jobs._order(running, claimed, meaning=MEANING)
        digest = (await the_run(world, run_id)).snapshot_digest
        await world.profile(people[0], version=2, offers=(Offer(text="Something else entirely"),))
        assert not await take_one(running, pace=QUICK, meaning=MEANING)  # the lease still holds
        async with world.database.begin(SYSTEM) as tx:  # a busy machine takes its time: so this clock is ours
            assert await store.extend_claim(tx, claimed, lease_seconds=0)
        assert await take_one(running, pace=QUICK, meaning=MEANING)
        run = await the_run(world, run_id)
        assert (run.status, run.snapshot_digest, run.pairs) == (RunStatus.COMPLETED, digest, 2)
        assert len(facts_of(bench.recorded, MatchingCompleted)) == 1

    async def test_of_the_claim_keeps_a_late_worker_from_recording(
        self, world: World, monkeypatch: pytest.MonkeyPatch, at_hand: Compute
    ) -> None:
        await four(world)
        run_id = await world.request()
        late, late_running = workplace(world)
        going, go_on = asyncio.Event(), asyncio.Event()
        real = at_hand

        async def slow(order: Order, *, stop: asyncio.Event) -> AsyncGenerator[Line]:
            async for line in real(order):
                if line.plan is not None:
                    going.set()
                    await go_on.wait()
                yield line

        monkeypatch.setattr("services.matching.jobs.runs.compute", slow)
        # Its heart does not beat: a process that was stopped, or cut off from the database.
        sleeper = asyncio.create_task(take_one(late_running, pace=Pace(lease=0.1, heartbeat=3600), meaning=MEANING))
        await asyncio.wait_for(going.wait(), 10)

        async def taken_over() -> bool:
            async with world.database.begin(SYSTEM) as tx:
                return await store.claim_run(tx, claim=uuid4(), lease_seconds=60) is not None

        await eventually(taken_over, describe="the run was taken over")
        go_on.set()
        assert await sleeper
        assert facts_of(late.recorded, MatchingCompleted) == []
        assert (await the_run(world, run_id)).status is RunStatus.RUNNING
        assert await world.pairs() == []

    async def test_by_an_orderly_stop_gives_the_run_back_at_once(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await four(world)
        await world.request()
        bench, running = workplace(world)
        started = asyncio.Event()

        async def endless(_order: Order, *, stop: asyncio.Event, spare: computing.Spare) -> AsyncGenerator[Line]:
            started.set()
            await asyncio.Event().wait()
            yield Line()

        with monkeypatch.context() as patched:
            patched.setattr("services.matching.jobs.runs.compute", endless)
            worker = asyncio.create_task(run_match_runs(running))
            await asyncio.wait_for(started.wait(), 10)
            bench.stopping.set()
            await asyncio.wait_for(worker, 10)
        other, running = workplace(world)
        assert await take_one(running, pace=QUICK, meaning=MEANING)
        assert len(facts_of(other.recorded, MatchingCompleted)) == 1


@pytest.mark.usefixtures("at_hand")
class TestFailure:
    async def test_of_the_rules_names_them_and_leaves_the_cohort_mendable(self, world: World) -> None:
        ana, *_ = await four(world, rules=RuleSet(rules=()))
        await world.profile(ana, version=2, offers=(Offer(text="Whittling spoons"),), needs=(Need(text="Juggling"),))
        group = Rule(kind=RuleKind.INCLUDE_ONE, people=(ana,))
        # Only the run knows the texts: that nobody can teach her anything, nor she anybody.
        change = ChangeRules(command_id=uuid4(), cohort_id=world.cohort_id, rules=RuleSet(rules=(group,)))
        await world.do(change, by=world.admin())
        run_id, _ = await matched(world)
        run = await the_run(world, run_id)
        assert run.status is RunStatus.FAILED
        assert "1 INCLUDE_ONE" in run.error
        assert (await world.cohort()).status is CohortStatus.CLOSED
        mended = ChangeRules(command_id=uuid4(), cohort_id=world.cohort_id, rules=RuleSet(rules=()))
        await world.do(mended, by=world.admin())
        again, _ = await matched(world)
        assert (await the_run(world, again)).status is RunStatus.COMPLETED


@pytest.mark.usefixtures("at_hand")
class TestMeanwhile:
    async def test_whoever_paused_or_blocked_during_the_run_is_not_drafted(
        self, world: World, monkeypatch: pytest.MonkeyPatch, at_hand: Compute
    ) -> None:
        people = await four(world)
        run_id = await world.request()
        _, running = workplace(world)
        real = at_hand

        async def with_changes(order: Order, *, stop: asyncio.Event) -> AsyncGenerator[Line]:
            async for line in real(order):
                if line.plan is not None:
                    first, second = line.plan.pairs
                    await world.do(PauseEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=UUID(first.first))
                    await world.do(
                        BlockPerson(command_id=uuid4(), person_id=UUID(second.first)), by=UUID(second.second)
                    )
                yield line

        monkeypatch.setattr("services.matching.jobs.runs.compute", with_changes)
        assert await take_one(running, pace=QUICK, meaning=MEANING)
        run = await the_run(world, run_id)
        assert (run.pairs, run.people) == (0, 3)
        assert len(run.unmatched) == 3
        assert len(people) == 4

    async def test_erasing_somebody_takes_the_snapshot_away(self, world: World) -> None:
        people = await four(world)
        run_id, _ = await matched(world)
        assert await world.count("SELECT count(*) FROM run_snapshot") == 1
        await world.hear(ProfileErased(key=people[0], version=9, occurred_at=START, person_id=people[0]))
        assert await world.count("SELECT count(*) FROM run_snapshot") == 0
        assert len((await the_run(world, run_id)).snapshot_digest) == 64


@pytest.mark.usefixtures("at_hand")
class TestPin:
    async def test_is_kept_and_explained_by_the_run(self, world: World) -> None:
        ana, _, cleo, _ = await four(world)
        pin = PinPair(command_id=uuid4(), cohort_id=world.cohort_id, people=(ana, cleo))
        (pinned,) = facts_of(await world.do(pin, by=world.admin()), PairProposed)
        assert pinned.pair.directions == ()
        run_id, recorded = await matched(world)
        kept = next(fact for fact in facts_of(recorded, PairProposed) if fact.key == pinned.key)
        assert (kept.version, kept.pair.pinned, kept.pair.run_id) == (2, True, run_id)
        assert len(kept.pair.directions) == 2
        published = await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        assert pinned.key in {fact.key for fact in facts_of(published, PairProposed)}

    async def test_against_a_hard_rule_is_let_go_with_its_reason(self, world: World) -> None:
        ana, _, cleo, _ = await four(world, rules=RuleSet(rules=(Rule(kind=RuleKind.CROSS_ORGANIZATION),)))
        pin = PinPair(command_id=uuid4(), cohort_id=world.cohort_id, people=(ana, cleo))
        await world.do(pin, by=world.admin())
        _, recorded = await matched(world)
        (gone,) = facts_of(recorded, PairDeclined)
        assert gone.pair.status is PairStatus.SUPERSEDED
        assert "CROSS_ORGANIZATION" in gone.pair.ended_reason


@pytest.mark.usefixtures("at_hand")
async def test_rolling_cohort_is_matched_in_waves_while_it_is_open(world: World) -> None:
    await world.open_cohort(rolling=True)
    people = []
    for number in range(4):
        offers, needs = ((SUSHI, WANT_CLUSTERS), (CLUSTERS, WANT_SUSHI))[number % 2]
        people.append(await world.somebody(number % 2, offers=offers, needs=needs))
    for person in people[:2]:
        await world.enrol(person)
    run_id, _ = await matched(world)
    await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
    reopen = AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.OPEN)
    await world.do(reopen, by=world.admin())
    for person in people[2:]:
        await world.enrol(person)
    second, _ = await matched(world)
    run = await the_run(world, second)
    assert (run.people, run.pairs) == (2, 1)
