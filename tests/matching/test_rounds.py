"""Speed rounds: planned by the worker, planned anew at a no-show, stopped, and nothing else of the cohort touched."""

from uuid import UUID, uuid4

import pytest

from contracts.base import SYSTEM, Recorded
from contracts.errors import Conflict, Invalid, NotFound
from contracts.matching import (
    AdvanceCohort,
    BlockPerson,
    CancelMatching,
    ChangeRules,
    CohortAdvanced,
    CohortStatus,
    MatchingCompleted,
    PlanRounds,
    PublishProposals,
    ReplanRounds,
    RoundPlan,
    RoundPlanned,
    Rule,
    RuleKind,
    RuleSet,
    RunMode,
    RunStatus,
)
from contracts.profiles import ProfileErased
from services.matching import store
from services.matching.domain.rounds import run_id_of
from services.matching.jobs.runs import take_one
from tests.matching.test_worker import CLUSTERS, MEANING, QUICK, SUSHI, WANT_CLUSTERS, WANT_SUSHI, at_hand, matched
from tests.matching.world import START, World, facts_of, workplace

__all__ = ["at_hand"]  # the fixture


async def a_dozen(world: World, *, most: int = 6, **cohort: object) -> list[UUID]:
    """Half teach sushi, half clusters; each wants the other thing. Registration is closed."""
    await world.open_cohort(**cohort)
    people = []
    for number in range(most):
        offers, needs = ((SUSHI, WANT_CLUSTERS), (CLUSTERS, WANT_SUSHI))[number % 2]
        people.append(await world.somebody(number % 2, offers=offers, needs=needs))
        await world.enrol(people[-1])
    await world.close()
    return people


async def asked(world: World, *, rounds: int = 3) -> UUID:
    plan_id = uuid4()
    command = PlanRounds(command_id=uuid4(), plan_id=plan_id, cohort_id=world.cohort_id, rounds=rounds)
    await world.do(command, by=world.admin())
    return plan_id


async def worked(world: World) -> list[Recorded]:
    bench, running = workplace(world)
    assert await take_one(running, pace=QUICK, meaning=MEANING)
    assert await world.count("SELECT count(*) FROM match_run WHERE status IN ('queued', 'running')") == 0
    return bench.recorded


async def plan_of(world: World, plan_id: UUID) -> RoundPlan:
    async with world.database.begin(SYSTEM) as tx:
        kept = await store.load_round_plan(tx, plan_id)
    assert kept is not None
    return kept.state


def is_fair(plan: RoundPlan, people: list[UUID], *, since: int = 1) -> None:
    """Everybody is in every round once, meeting somebody or sitting out; nobody meets somebody twice."""
    for meetings, out in list(zip(plan.rounds, plan.sitting_out, strict=True))[since - 1 :]:
        assert sorted([*(person for two in meetings for person in two), *out]) == sorted(people)
    met = [frozenset(two) for meetings in plan.rounds for two in meetings]
    assert len(met) == len(set(met))


@pytest.mark.usefixtures("at_hand")
class TestPlanned:
    async def test_rounds_bring_everybody_together_once_and_leave_the_cohort_as_it_is(self, world: World) -> None:
        people = await a_dozen(world)
        plan_id = await asked(world)
        assert (await plan_of(world, plan_id)).status is RunStatus.QUEUED
        recorded = await worked(world)
        plan = await plan_of(world, plan_id)
        is_fair(plan, people)
        assert [len(meetings) for meetings in plan.rounds] == [3, 3, 3]
        assert (plan.status, plan.sitting_out) == (RunStatus.COMPLETED, ((), (), ()))
        assert plan.value == pytest.approx(sum(plan.values))
        assert plan.upper_bound is not None
        assert 0 < plan.value <= plan.upper_bound
        assert facts_of(recorded, RoundPlanned)[-1].plan == plan
        (done,) = facts_of(recorded, MatchingCompleted)
        assert (done.run.mode, done.run.pairs) == (RunMode.ROUNDS, 9)
        assert facts_of(recorded, CohortAdvanced) == []
        assert (await world.cohort()).status is CohortStatus.CLOSED
        assert await world.pairs() == []

    async def test_rounds_are_for_those_with_a_pair_too_and_with_somebody_new(self, world: World) -> None:
        people = await a_dozen(world)
        run_id, _ = await matched(world)
        await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        plan_id = await asked(world, rounds=2)
        await worked(world)
        plan = await plan_of(world, plan_id)
        is_fair(plan, people)
        assert sum(len(meetings) for meetings in plan.rounds) == 6
        paired = {frozenset(member.person_id for member in pair.members) for pair in await world.pairs()}
        assert not paired & {frozenset(two) for meetings in plan.rounds for two in meetings}
        with pytest.raises(Conflict, match="speed rounds"):
            await world.do(PublishProposals(command_id=uuid4(), run_id=run_id_of(plan_id, version=1)), by=world.admin())

    async def test_sitting_out_is_shared(self, world: World) -> None:
        people = await a_dozen(world, most=5)
        plan_id = await asked(world, rounds=3)
        await worked(world)
        plan = await plan_of(world, plan_id)
        is_fair(plan, people)
        assert [len(out) for out in plan.sitting_out] == [1, 1, 1]
        assert len({person for out in plan.sitting_out for person in out}) == 3

    async def test_whoever_blocked_somebody_never_meets_them(self, world: World) -> None:
        people = await a_dozen(world, most=4)
        await world.do(BlockPerson(command_id=uuid4(), person_id=people[1]), by=people[0])
        plan_id = await asked(world, rounds=2)
        await worked(world)
        plan = await plan_of(world, plan_id)
        is_fair(plan, people)
        assert frozenset(people[:2]) not in {frozenset(two) for meetings in plan.rounds for two in meetings}


@pytest.mark.usefixtures("at_hand")
class TestPlannedAnew:
    async def test_at_a_no_show_keep_what_happened(self, world: World) -> None:
        people = await a_dozen(world)
        plan_id = await asked(world)
        await worked(world)
        before = await plan_of(world, plan_id)
        absent = people[0]
        again = ReplanRounds(command_id=uuid4(), plan_id=plan_id, from_round=2, absent=(absent,))
        await world.do(again, by=world.admin(1))
        with pytest.raises(Conflict, match="being planned"):
            await world.do(ReplanRounds(command_id=uuid4(), plan_id=plan_id, from_round=2), by=world.admin())
        await worked(world)
        plan = await plan_of(world, plan_id)
        assert plan.status is RunStatus.COMPLETED
        assert plan.rounds[0] == before.rounds[0]
        assert len(plan.rounds) == 3
        is_fair(plan, [person for person in people if person != absent], since=2)
        assert all(len(out) == 1 for out in plan.sitting_out[1:])
        assert plan.value == pytest.approx(sum(plan.values))
        assert plan.values[0] == before.values[0]
        assert plan.upper_bound is not None
        assert plan.value <= plan.upper_bound

    async def test_in_the_second_half_remember_every_earlier_meeting(self, world: World) -> None:
        people = await a_dozen(world, most=4)  # two and two: after two rounds everybody has met everybody
        plan_id = await asked(world)
        await worked(world)
        await world.do(ReplanRounds(command_id=uuid4(), plan_id=plan_id, from_round=3), by=world.admin())
        await worked(world)
        plan = await plan_of(world, plan_id)
        is_fair(plan, people)
        assert (plan.rounds[2], len(plan.sitting_out[2])) == ((), 4)


class TestRefused:
    async def test_are_too_many_rounds_strangers_and_what_is_not_there(self, world: World) -> None:
        people = await a_dozen(world, most=2)
        for rounds in (0, 13):
            with pytest.raises(Invalid, match=f"{rounds} rounds"):
                await asked(world, rounds=rounds)
        plan = PlanRounds(command_id=uuid4(), plan_id=uuid4(), cohort_id=world.cohort_id, rounds=1)
        with pytest.raises(NotFound):
            await world.do(plan, by=people[0])
        plan_id = await asked(world, rounds=1)
        for command, error in (
            (ReplanRounds(command_id=uuid4(), plan_id=plan_id, from_round=2), Invalid),
            (ReplanRounds(command_id=uuid4(), plan_id=uuid4(), from_round=1), NotFound),
        ):
            with pytest.raises(error):
                await world.do(command, by=world.admin())
        with pytest.raises(NotFound):
            await world.do(ReplanRounds(command_id=uuid4(), plan_id=plan_id, from_round=1), by=people[0])
        again = PlanRounds(command_id=uuid4(), plan_id=plan_id, cohort_id=world.cohort_id, rounds=1)
        with pytest.raises(Conflict):  # the id is taken
            await world.do(again, by=world.admin())


@pytest.mark.usefixtures("at_hand")
class TestStopped:
    async def test_by_cancelling_leaves_the_cohort_alone(self, world: World) -> None:
        await a_dozen(world, most=2)
        plan_id = await asked(world)
        recorded = await world.do(
            CancelMatching(command_id=uuid4(), run_id=run_id_of(plan_id, version=1)), by=world.admin()
        )
        assert facts_of(recorded, RoundPlanned)[0].plan.status is RunStatus.CANCELLED
        assert facts_of(recorded, CohortAdvanced) == []

    async def test_by_the_end_of_the_cohort(self, world: World) -> None:
        await a_dozen(world, most=2)
        plan_id = await asked(world)
        end = AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.CANCELLED)
        await world.do(end, by=world.admin())
        assert (await plan_of(world, plan_id)).status is RunStatus.CANCELLED

    async def test_by_rules_that_contradict_each_other_says_which(self, world: World) -> None:
        people = await a_dozen(
            world,
            rules=RuleSet(rules=(Rule(kind=RuleKind.DIFFERENT_TEAM),)),
        )
        together = Rule(kind=RuleKind.TOGETHER, people=(people[0], people[2]))
        rules = RuleSet(rules=(together, Rule(kind=RuleKind.DIFFERENT_TEAM)))
        for person in (people[0], people[2]):
            await world.profile(person, version=2, team="platform")
        await world.do(ChangeRules(command_id=uuid4(), cohort_id=world.cohort_id, rules=rules), by=world.admin())
        plan_id = await asked(world)
        await worked(world)
        plan = await plan_of(world, plan_id)
        assert plan.status is RunStatus.FAILED
        assert "TOGETHER" in plan.error
        assert (await world.cohort()).status is CohortStatus.CLOSED

    async def test_for_one_person_by_their_erasure(self, world: World) -> None:
        people = await a_dozen(world)
        plan_id = await asked(world)
        await worked(world)
        recorded = await world.hear(ProfileErased(key=people[0], version=9, occurred_at=START, person_id=people[0]))
        plan = facts_of(recorded, RoundPlanned)[-1].plan
        assert plan == await plan_of(world, plan_id)
        assert str(people[0]) not in repr(plan)
        assert [len(meetings) for meetings in plan.rounds] == [2, 2, 2]
