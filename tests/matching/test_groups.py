"""Groups around a topic: planned by the worker, published, stopped, and nothing else of the cohort touched."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.base import SYSTEM, Recorded
from contracts.errors import Conflict, Invalid, NotFound
from contracts.matching import (
    AdvanceCohort,
    BlockPerson,
    CancelMatching,
    CohortAdvanced,
    CohortStatus,
    GroupPlan,
    GroupsPlanned,
    MatchingCompleted,
    PlanGroups,
    PublishGroups,
    PublishProposals,
    RunMode,
    RunStatus,
    UnmatchedReason,
    WithdrawEnrolment,
)
from contracts.profiles import ProfileErased
from services.matching import store
from services.matching.jobs.groups import record_groups
from services.matching.jobs.runs import take_one
from tests.matching.test_worker import CLUSTERS, MEANING, QUICK, SUSHI, WANT_CLUSTERS, WANT_SUSHI, at_hand, matched
from tests.matching.world import START, World, facts_of, workplace

__all__ = ["at_hand"]  # the fixture


async def a_kitchen(world: World, *, most: int = 4) -> list[UUID]:
    """The first teaches sushi, the others want it; the second one teaches clusters. Registration is closed."""
    await world.open_cohort()
    people = []
    for number in range(most):
        offers, needs = (SUSHI, WANT_CLUSTERS) if number == 0 else (CLUSTERS if number == 1 else "Knots", WANT_SUSHI)
        people.append(await world.somebody(number % 2, offers=offers, needs=needs))
        await world.enrol(people[-1])
    await world.close()
    return people


async def asked(world: World, **given: Any) -> UUID:
    plan_id = uuid4()
    command = PlanGroups(command_id=uuid4(), plan_id=plan_id, cohort_id=world.cohort_id, **given)
    await world.do(command, by=world.admin())
    return plan_id


async def worked(world: World) -> list[Recorded]:
    bench, running = workplace(world)
    assert await take_one(running, pace=QUICK, meaning=MEANING)
    assert await world.count("SELECT count(*) FROM match_run WHERE status IN ('queued', 'running')") == 0
    return bench.recorded


async def plan_of(world: World, plan_id: UUID) -> GroupPlan:
    async with world.database.begin(SYSTEM) as tx:
        kept = await store.load_group_plan(tx, plan_id)
    assert kept is not None
    return kept.state


@pytest.mark.usefixtures("at_hand")
class TestPlanned:
    async def test_groups_say_who_gives_and_who_needs_what_and_leave_the_cohort_as_it_is(self, world: World) -> None:
        people = await a_kitchen(world)
        plan_id = await asked(world)
        assert (await plan_of(world, plan_id)).status is RunStatus.QUEUED
        recorded = await worked(world)
        plan = await plan_of(world, plan_id)
        (group,) = plan.groups
        assert (plan.status, plan.unmatched, plan.unmatched_bound, plan.exact) == (RunStatus.COMPLETED, (), 0, True)
        assert (
            plan.value
            == plan.upper_bound
            == pytest.approx(group.value)
            == pytest.approx(sum(t.amount for t in group.terms))
        )
        leader, *others = group.members
        assert (group.topic, leader.person_id, leader.gives) == (SUSHI, people[0], True)
        assert {member.person_id for member in others} == set(people[1:])
        assert not any(member.gives for member in others)
        assert leader.learns is not None
        assert (leader.learns.teacher_id, leader.learns.offer) == (people[1], CLUSTERS)
        assert {member.learns and (member.learns.teacher_id, member.learns.need) for member in others} == {
            (people[0], WANT_SUSHI)
        }
        assert (group.language, group.shared_minutes, len(group.shared_windows)) == ("en", 5 * 8 * 60, 5)
        assert group.others == ("Nobody else needs this topic.",)
        assert dict(group.wordings)["pl"] == ("Nikt inny nie potrzebuje tego tematu.",)
        (done,) = facts_of(recorded, MatchingCompleted)
        assert (done.run.mode, done.run.people, done.run.wave) == (RunMode.GROUPS, 4, 0)
        assert facts_of(recorded, GroupsPlanned)[-1].plan == plan
        assert facts_of(recorded, CohortAdvanced) == []
        assert (await world.cohort()).status is CohortStatus.CLOSED
        with pytest.raises(Conflict, match="planned groups"):
            await world.do(PublishProposals(command_id=uuid4(), run_id=done.run.run_id), by=world.admin())

    async def test_groups_take_no_place_for_a_pair_and_bring_nobody_together_who_is_one(self, world: World) -> None:
        people = await a_kitchen(world, most=5)
        run_id, _ = await matched(world)
        await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        (pair, *_) = await world.pairs()
        together = {member.person_id for member in pair.members}
        plan_id = await asked(world)
        await worked(world)
        plan = await plan_of(world, plan_id)
        members = [{member.person_id for member in group.members} for group in plan.groups]
        assert members
        assert not any(together <= group for group in members)
        assert people[0] in members[0]
        assert await world.count("SELECT sum(taken) FROM seat") == 0

    async def test_whoever_blocked_somebody_is_in_no_group_with_them(self, world: World) -> None:
        people = await a_kitchen(world)
        await world.do(BlockPerson(command_id=uuid4(), person_id=people[3]), by=people[2])
        plan_id = await asked(world)
        await worked(world)
        plan = await plan_of(world, plan_id)
        (group,) = plan.groups
        (left,) = plan.unmatched
        assert len(group.members) == 3
        assert {left.person_id} < set(people[2:])
        assert (left.reason, len(left.why), len(dict(left.wordings)["pl"])) == (UnmatchedReason.CAPACITY, 1, 1)

    async def test_a_group_falls_with_somebody_who_left_while_it_was_planned(self, world: World) -> None:
        people = await a_kitchen(world)
        plan_id = await asked(world)
        _, running = workplace(world)

        async def late(*args: Any, **kwargs: Any) -> bool:
            await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=people[3])
            return await record_groups(*args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.matching.jobs.runs.record_groups", late)
            assert await take_one(running, pace=QUICK, meaning=MEANING)
        plan = await plan_of(world, plan_id)
        assert (plan.groups, plan.exact, plan.status) == ((), False, RunStatus.COMPLETED)
        assert {each.person_id for each in plan.unmatched} == set(people[:3])


@pytest.mark.usefixtures("at_hand")
class TestPublished:
    async def test_once_and_only_what_there_is(self, world: World) -> None:
        await a_kitchen(world)
        plan_id = await asked(world)
        publish = PublishGroups(command_id=uuid4(), plan_id=plan_id)
        with pytest.raises(Conflict, match="queued"):
            await world.do(publish, by=world.admin())
        await worked(world)
        (fact,) = facts_of(
            await world.do(PublishGroups(command_id=uuid4(), plan_id=plan_id), by=world.admin(1)), GroupsPlanned
        )
        assert fact.plan.published
        assert fact.plan == await plan_of(world, plan_id)
        with pytest.raises(Conflict, match="are published"):
            await world.do(PublishGroups(command_id=uuid4(), plan_id=plan_id), by=world.admin())


class TestRefused:
    async def test_are_senseless_sizes_strangers_and_what_is_not_there(self, world: World) -> None:
        people = await a_kitchen(world, most=3)
        for given, path in (
            ({"least": 2}, "least, most"),
            ({"most": 7}, "least, most"),
            ({"least": 5, "most": 4}, "least, most"),
            ({"minutes": 0}, "minutes"),
            ({"level": 6}, "level"),
        ):
            with pytest.raises(Invalid) as refusal:
                await asked(world, **given)
            assert [problem.path for problem in refusal.value.problems] == [path]
        plan_id = await asked(world)
        for command in (
            PlanGroups(command_id=uuid4(), plan_id=uuid4(), cohort_id=world.cohort_id),
            PublishGroups(command_id=uuid4(), plan_id=plan_id),
        ):
            with pytest.raises(NotFound):
                await world.do(command, by=people[0])
        with pytest.raises(NotFound):
            await world.do(PublishGroups(command_id=uuid4(), plan_id=uuid4()), by=world.admin())
        with pytest.raises(Conflict):  # the id is taken
            await world.do(PlanGroups(command_id=uuid4(), plan_id=plan_id, cohort_id=world.cohort_id), by=world.admin())


@pytest.mark.usefixtures("at_hand")
class TestStopped:
    async def test_by_cancelling_leaves_the_cohort_alone(self, world: World) -> None:
        await a_kitchen(world)
        plan_id = await asked(world)
        run_id = (await plan_of(world, plan_id)).run_id
        assert run_id is not None
        recorded = await world.do(CancelMatching(command_id=uuid4(), run_id=run_id), by=world.admin())
        assert facts_of(recorded, GroupsPlanned)[0].plan.status is RunStatus.CANCELLED
        assert facts_of(recorded, CohortAdvanced) == []

    async def test_by_the_end_of_the_cohort(self, world: World) -> None:
        await a_kitchen(world)
        plan_id = await asked(world)
        end = AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.CANCELLED)
        await world.do(end, by=world.admin())
        assert (await plan_of(world, plan_id)).status is RunStatus.CANCELLED

    @pytest.mark.parametrize("number", [0, 1])
    async def test_for_one_person_by_their_erasure(self, world: World, number: int) -> None:
        people = await a_kitchen(world)
        plan_id = await asked(world)
        await worked(world)
        gone = people[number]
        recorded = await world.hear(ProfileErased(key=gone, version=9, occurred_at=START, person_id=gone))
        plan = facts_of(recorded, GroupsPlanned)[-1].plan
        assert plan == await plan_of(world, plan_id)
        assert str(gone) not in repr(plan)
        assert (SUSHI if number == 0 else CLUSTERS) not in repr(plan)
        assert len(plan.groups) == number  # whoever led takes the topic along
