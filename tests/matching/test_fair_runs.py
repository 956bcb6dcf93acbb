"""Floors, prices of rules, the best plan so far and contradictions, from a command to what a run tells."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from random import Random
from uuid import UUID, uuid4

import msgspec
import pytest

from chassis.service import ask
from contracts.base import Actor, Role
from contracts.errors import Conflict, Invalid, NotAllowed, NotFound
from contracts.matching import (
    CancelMatching,
    ChangeRules,
    CheckRules,
    CohortStatus,
    Keep,
    MatchingProgressed,
    MatchRun,
    PassedOverByRun,
    PublishProposals,
    ReadPassedOver,
    Rule,
    RuleKind,
    RulesCheck,
    RuleSet,
    RunEnd,
    RunStatus,
)
from services.matching.app import app
from services.matching.engine.frozen import near_bytes
from services.matching.engine.model import Person, Plan, Rule as EngineRule, Snapshot
from services.matching.engine.scoring.ground import texts_of
from services.matching.engine.verifying import verify
from services.matching.jobs import compute as computing
from services.matching.jobs.frames import LIGHT, Line, Meaning, Order
from services.matching.jobs.runs import WrongTimeSetting, seconds_of, take_one
from tests.matching import nearby
from tests.matching.engine_people import near_for, near_from, snapshot_of, somebody
from tests.matching.test_worker import (
    CLUSTERS,
    MEANING,
    QUICK,
    SUSHI,
    WANT_CLUSTERS,
    WANT_SUSHI,
    by_last_word,
    four,
    matched,
    the_run,
)
from tests.matching.world import World, facts_of, workplace
from tests.probes import eventually

TEAMS = (Rule(kind=RuleKind.DIFFERENT_TEAM),)
Lines = list[Line]


def crowd(size: int) -> tuple[Person, ...]:
    """People who want and know some of many things: enough to keep the solver busy for a while."""
    draw = Random(7)
    topics = [f"t{number}" for number in range(30)]
    return tuple(
        somebody(
            f"{number:05}",
            offers=draw.sample(topics, 3),
            needs=draw.sample(topics, 3),
            organization=f"org {number % 3}",
            level=draw.randint(1, 5),
            priority=draw.randint(1, 3),
        )
        for number in range(size)
    )


def order_for(snapshot: Snapshot, **more: object) -> Order:
    near = near_bytes(near_for(snapshot))
    order = Order(meaning=Meaning(mode=LIGHT), snapshot=msgspec.json.encode(snapshot), near=near)
    return replace(order, **more)  # type: ignore[arg-type]


async def said(order: Order, *, stop_at: str = "") -> Lines:
    """All that a computing process says; it is told to stop when it has a plan so far in this stage."""
    stop, told = asyncio.Event(), []
    async with aclosing(computing.compute(order, stop=stop)) as lines:
        async for line in lines:
            told.append(line)
            if stop_at and line.so_far is not None and line.stage.startswith(stop_at):
                stop.set()
    return told


def sound(order: Order, last: Line) -> Plan:
    """The plan, which the verifier accepts."""
    assert last.plan is not None
    digest = hashlib.sha256(order.snapshot).hexdigest()
    assert verify(order.snapshot, near=order.near, proof=last.proof, digest=digest).faults == ()
    return last.plan


class TestProcess:
    async def test_tells_the_best_plan_so_far_and_then_what_each_rule_costs(self) -> None:
        rules = [EngineRule(kind="cross_organization"), EngineRule(kind="same_organization", required=False)]
        order = order_for(snapshot_of(*crowd(40), rules=rules, worst_off_floor=1.0, organization_floor=0.8))
        *before, last = await said(order)
        plan = sound(order, last)
        so_far = [line.so_far for line in before if line.so_far is not None]
        assert so_far
        assert all(each.upper_bound >= each.value and each.unmatched >= each.unmatched_bound for each in so_far)
        assert plan.worst_off_floor is not None
        assert plan.organization_floor is not None
        assert [(price.number, price.kind, price.required) for price in last.prices] == [
            (0, "cross_organization", True),
            (1, "same_organization", False),
        ]
        # Every pair of two organizations breaks the preferred rule: without it each is worth that much more.
        assert last.prices[1].value == pytest.approx(0.1 * len(plan.pairs), abs=0.02)

    async def test_ends_with_the_best_plan_so_far_when_it_is_told_to(self) -> None:
        order = order_for(snapshot_of(*crowd(900), worst_off_floor=1.0))
        told = await said(order, stop_at="pairing")
        plan = sound(order, told[-1])
        assert (plan.ended, plan.exact) == ("time", False)
        assert plan.pairs
        assert plan.upper_bound is not None
        assert plan.upper_bound > plan.value
        assert told[-1].prices == ()

    async def test_out_of_time_has_a_plan_and_a_bound(self) -> None:
        order = order_for(snapshot_of(*crowd(300)), seconds=0.001)
        plan = sound(order, (await said(order))[-1])
        assert (plan.ended, len(plan.pairs) > 100) == ("time", True)


@pytest.fixture
def with_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a computing process says, with near texts that need no model."""

    async def compute(order: Order, *, stop: asyncio.Event) -> AsyncGenerator[Line]:
        needs, offers = texts_of(msgspec.json.decode(order.snapshot, type=Snapshot).people)
        near = near_bytes(near_from(needs, offers, chance=1000 * by_last_word(needs, offers)))
        yield Line(near=near)
        async with aclosing(nearby.compute(replace(order, near=near), stop=stop)) as lines:
            async for line in lines:
                yield line

    monkeypatch.setattr("services.matching.jobs.runs.compute", compute)


async def many(world: World, size: int, **cohort: object) -> list[UUID]:
    """So many people; whatever they want somebody knows."""
    await world.open_cohort(**cohort)
    people = []
    for number in range(size):
        offers, needs = ((SUSHI, WANT_CLUSTERS), (CLUSTERS, WANT_SUSHI))[number % 2]
        people.append(await world.somebody(number % 2, offers=offers, needs=needs))
        await world.enrol(people[-1])
    await world.close()
    return people


@pytest.mark.usefixtures("with_texts")
class TestRun:
    async def test_tells_its_floors_its_fairness_and_what_its_rules_cost(self, world: World) -> None:
        rules = RuleSet(rules=TEAMS, worst_off_floor=1.0, organization_floor=0.5)
        await many(world, 5, rules=rules)
        run_id, recorded = await matched(world)
        run = await the_run(world, run_id)
        assert (run.status, run.pairs, run.ended, run.exact) == (RunStatus.COMPLETED, 2, RunEnd.OPTIMAL, True)
        assert run.worst_off_floor is not None
        assert run.worst_off_floor.reached == run.worst_off_floor.highest
        assert run.organization_floor is not None
        assert run.organization_floor.asked == 0.5
        assert run.fairness is not None
        assert (run.fairness.worst, run.fairness.blocking_threshold) == (run.worst_off_floor.reached, 0.1)
        assert all(each.share_of_best is not None for each in run.organizations)
        assert [(price.number, price.kind, price.people) for price in run.rule_prices] == [
            (0, RuleKind.DIFFERENT_TEAM, 0)
        ]
        assert "rule 1" in run.rule_prices[0].why
        assert dict(run.rule_prices[0].wordings)["pl"]
        told = [fact.run.so_far for fact in facts_of(recorded, MatchingProgressed) if fact.run.so_far]
        assert told
        assert (told[-1].pairs, told[-1].unmatched, told[-1].unmatched_bound) == (2, 1, 1)
        assert run.so_far == told[-1]

    async def test_keeping_drafts_has_no_floor_for_organizations_and_says_so(self, world: World) -> None:
        await many(world, 4, rules=RuleSet(rules=(), worst_off_floor=0.5, organization_floor=0.9))
        await matched(world)
        run_id, _ = await matched(world, keep=Keep.STICKY)
        run = await the_run(world, run_id)
        assert run.organization_floor is not None
        assert (run.organization_floor.asked, run.organization_floor.reached) == (0.9, None)
        assert run.worst_off_floor is not None
        assert run.worst_off_floor.reached is not None

    async def test_out_of_time_completes_with_what_it_has(self, world: World) -> None:
        await many(world, 5)
        run_id = await world.request()
        bench, running = workplace(world)
        bench.settings = {**bench.settings, "RUN_SECONDS": "0.000001"}
        assert await take_one(running, pace=QUICK, meaning=MEANING)
        run = await the_run(world, run_id)
        assert (run.status, run.ended, run.exact, run.rule_prices) == (RunStatus.COMPLETED, RunEnd.TIME, False, ())
        assert run.upper_bound is not None
        assert run.upper_bound >= run.value


class TestStopping:
    """An organizer's word reaches a process that searches."""

    @pytest.fixture
    def endless(self, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
        """A large generated cohort instead of the four people: the process works until it is stopped or killed."""
        real, working = computing.compute, asyncio.Event()
        large = order_for(snapshot_of(*crowd(1_000)))

        async def compute(order: Order, *, stop: asyncio.Event) -> AsyncGenerator[Line]:
            async with aclosing(real(replace(large, seed=order.seed), stop=stop)) as lines:
                async for line in lines:
                    yield (
                        line
                        if line.plan is None
                        else replace(line, plan=replace(line.plan, pairs=(), left_out=(), outcomes=()))
                    )
                    if line.so_far is not None:
                        working.set()
                        if not stop.is_set() and line.plan is None:
                            await asyncio.wait([asyncio.create_task(stop.wait())], timeout=20)

        monkeypatch.setattr("services.matching.jobs.runs.compute", compute)
        return working

    async def begun(self, world: World, working: asyncio.Event) -> tuple[UUID, "asyncio.Task[bool]"]:
        await four(world)
        run_id = await world.request()
        _, running = workplace(world)
        worker = asyncio.create_task(take_one(running, pace=QUICK, meaning=MEANING))
        await asyncio.wait_for(working.wait(), 60)
        return run_id, worker

    async def test_with_the_best_plan_so_far_completes_the_run(self, world: World, endless: asyncio.Event) -> None:
        run_id, worker = await self.begun(world, endless)
        stop = CancelMatching(command_id=uuid4(), run_id=run_id, keep_best=True)
        (progressed,) = facts_of(await world.do(stop, by=world.admin(1)), MatchingProgressed)
        assert (progressed.run.status, progressed.run.stopping) == (RunStatus.RUNNING, True)
        assert await asyncio.wait_for(worker, 60)
        run = await the_run(world, run_id)
        assert (run.status, run.ended, run.stopping) == (RunStatus.COMPLETED, RunEnd.STOPPED, False)
        assert run.so_far is not None
        assert run.so_far.pairs > 400
        assert run.upper_bound is not None
        assert (await world.cohort()).status is CohortStatus.REVIEW
        with pytest.raises(Conflict):
            await world.do(replace(stop, command_id=uuid4()), by=world.admin())

    async def test_without_it_leaves_how_far_it_came(self, world: World, endless: asyncio.Event) -> None:
        run_id, worker = await self.begun(world, endless)

        async def seen() -> MatchRun | None:
            run = await the_run(world, run_id)
            return run if run.so_far is not None else None

        told = await eventually(seen, describe="a plan so far is told")
        await world.do(CancelMatching(command_id=uuid4(), run_id=run_id), by=world.admin())
        assert await asyncio.wait_for(worker, 60)
        run = await the_run(world, run_id)
        assert (run.status, run.pairs, run.so_far) == (RunStatus.CANCELLED, 0, told.so_far)
        assert run.so_far is not None
        assert run.so_far.upper_bound >= run.so_far.value > 0

    async def test_of_a_queued_run_cancels_it(self, world: World) -> None:
        await four(world)
        run_id = await world.request()
        await world.do(CancelMatching(command_id=uuid4(), run_id=run_id, keep_best=True), by=world.admin())
        assert (await the_run(world, run_id)).status is RunStatus.CANCELLED


class TestContradictions:
    async def together_in_one_team(self, world: World) -> RuleSet:
        ana, _, cleo, _ = await four(world, rules=RuleSet(rules=()))
        for person in (ana, cleo):
            await world.profile(person, version=2, team="platform")
        return RuleSet(
            rules=(
                Rule(kind=RuleKind.NOT_MET_BEFORE),
                Rule(kind=RuleKind.TOGETHER, people=(ana, cleo)),
                Rule(kind=RuleKind.DIFFERENT_TEAM),
            )
        )

    async def checked(self, world: World, rules: RuleSet | None, *, by: Actor | None = None) -> RulesCheck:
        query = CheckRules(cohort_id=world.cohort_id, rules=rules)
        found = await ask(app.spec, world.database, query, actor=by or world.admin())
        assert isinstance(found, RulesCheck)
        return found

    async def test_are_found_before_a_run_and_are_as_small_as_can_be(self, world: World) -> None:
        rules = await self.together_in_one_team(world)
        found = await self.checked(world, rules)
        (contradiction,) = found.contradictions
        assert (found.people, contradiction.rules, contradiction.fatal) == (4, (1, 2), True)
        assert "2 TOGETHER, 3 DIFFERENT_TEAM" in contradiction.why
        assert "TOGETHER" in dict(contradiction.wordings)["pl"]
        assert (await self.checked(world, None)).contradictions == ()
        operator = Actor(roles=(Role.OPERATOR,), subject="olga")
        assert (await self.checked(world, rules, by=operator)).contradictions == found.contradictions

    async def test_refuse_a_run_before_it_is_queued(self, world: World) -> None:
        rules = await self.together_in_one_team(world)
        await world.do(ChangeRules(command_id=uuid4(), cohort_id=world.cohort_id, rules=rules), by=world.admin())
        with pytest.raises(Conflict, match="TOGETHER") as refused:
            await world.request()
        assert [problem.path for problem in refused.value.problems] == ["rules[1], rules[2]"]
        assert (await world.cohort()).status is CohortStatus.CLOSED

    async def test_that_leave_people_out_are_told_and_refuse_nothing(self, world: World) -> None:
        await four(world, rules=RuleSet(rules=(Rule(kind=RuleKind.SHARED_MINUTES, parameter=9_000),)))
        (contradiction,) = (await self.checked(world, None)).contradictions
        assert (contradiction.rules, contradiction.fatal) == ((0,), False)
        await world.request()

    async def test_that_anybody_can_read_off_the_rules_are_told_too(self, world: World) -> None:
        await four(world)
        rules = RuleSet(
            rules=(Rule(kind=RuleKind.SAME_ORGANIZATION), Rule(kind=RuleKind.CROSS_ORGANIZATION)),
        )
        found = await self.checked(world, rules)
        assert {each.rules for each in found.contradictions} == {(0, 1)}
        with pytest.raises(Invalid, match="as they are"):
            await self.checked(world, RuleSet(rules=(), worst_off_floor=2.0))

    async def test_are_for_organizers_and_operators(self, world: World) -> None:
        people = await four(world)
        with pytest.raises((NotAllowed, NotFound)):
            await self.checked(world, None, by=world.person(people[0]))


@pytest.mark.usefixtures("with_texts")
class TestPassedOver:
    async def asked(self, world: World, *, by: Actor, pair_id: UUID | None = None) -> PassedOverByRun:
        query = ReadPassedOver(pair_id=pair_id, cohort_id=None if pair_id else world.cohort_id)
        found = await ask(app.spec, world.database, query, actor=by)
        assert isinstance(found, PassedOverByRun)
        return found

    async def test_are_told_to_each_alone_once_the_proposals_are_published(self, world: World) -> None:
        people = await many(world, 5)
        run_id, _ = await matched(world)
        (alone,) = [left.person_id for left in (await the_run(world, run_id)).unmatched]
        with pytest.raises(NotFound):
            await self.asked(world, by=world.person(alone))
        await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        found = await self.asked(world, by=world.person(alone))
        assert found.run_id == run_id
        assert found.people
        for each in found.people:
            assert each.partner_id in people
            assert (each.own, each.value > 0) == (0.0, True)
            assert "place" in each.why
            assert dict(each.wordings)["pl"]
        with pytest.raises(NotFound):
            await self.asked(world, by=world.admin())
        pair = (await world.pairs())[0]
        members = {member.person_id for member in pair.members}
        mine = await self.asked(world, by=world.person(min(members)), pair_id=pair.pair_id)
        assert (mine.run_id, {each.own for each in mine.people} <= {pair.value}) == (run_id, True)
        with pytest.raises(NotFound):
            await self.asked(world, by=world.person(alone), pair_id=pair.pair_id)


@pytest.mark.parametrize("said_", ["soon", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_refused(said_: str) -> None:
    with pytest.raises(WrongTimeSetting, match="VICEVERSA_RUN_SECONDS"):
        seconds_of({"RUN_SECONDS": said_})
    assert (seconds_of({}), seconds_of({"RUN_SECONDS": " 90 "})) == (0.0, 90.0)
