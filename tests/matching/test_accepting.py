"""Accepting on real PostgreSQL: whatever races, nobody ends above their capacity and nobody waits for ever."""

import asyncio
import random
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from contracts.errors import Full, NotFound, Refusal, TooLate
from contracts.matching import (
    AcceptPair,
    AdvanceCohort,
    CohortStatus,
    DeclinePair,
    DeclineReason,
    EndPair,
    EnrolmentChanged,
    EnrolmentStatus,
    PairAccepted,
    PairDeclined,
    PairStatus,
    PauseEnrolment,
    WithdrawEnrolment,
)
from services.matching.domain.pairs import SEATED
from tests.matching.world import World, facts_of

OVERBOOKED = "SELECT count(*) FROM seat WHERE taken > capacity"
MISCOUNTED = """
SELECT count(*) FROM seat s WHERE taken <> (
  SELECT count(*) FROM pair p WHERE p.cohort_id = s.cohort_id AND s.person_id IN (p.first_id, p.second_id)
  AND p.status IN ('accepted', 'active', 'on_hold'))
"""


async def crowd(world: World, size: int, *, capacity: int = 1) -> list[UUID]:
    await world.open_cohort()
    people = [await world.somebody(number % 2) for number in range(size)]
    for person in people:
        await world.enrol(person, capacity=capacity)
    return people


class TestAccept:
    async def test_by_both_takes_a_seat_of_each_and_supersedes_what_is_open(self, world: World) -> None:
        ana, ben, cleo, dan = await crowd(world, 4)
        pair = await world.proposed(ana, ben)
        theirs = [await world.proposed(ana, cleo), await world.proposed(ben, dan)]
        elsewhere = await world.proposed(cleo, dan)
        await world.accept(pair, by=ana)
        recorded = await world.accept(pair, by=ben)
        assert [type(each.fact) for each in recorded] == [PairAccepted, PairDeclined, PairDeclined]
        assert {fact.pair.pair_id for fact in facts_of(recorded, PairDeclined)} == set(theirs)
        assert (await world.pair(elsewhere)).status is PairStatus.PROPOSED
        assert await world.count("SELECT sum(taken) FROM seat") == 2
        with pytest.raises(Full):
            await world.accept(theirs[0], by=cleo)

    async def test_of_somebody_with_two_places_leaves_the_others_open(self, world: World) -> None:
        ana, ben, cleo = await crowd(world, 3, capacity=2)
        open_still = await world.proposed(ana, cleo)
        await world.together(ana, ben)
        assert (await world.pair(open_still)).status is PairStatus.PROPOSED
        await world.accept(open_still, by=ana)
        await world.accept(open_still, by=cleo)
        assert await world.count("SELECT taken FROM seat WHERE person_id = :person", person=ana) == 2

    async def test_is_for_the_two_only(self, world: World) -> None:
        ana, ben, cleo = await crowd(world, 3)
        pair = await world.proposed(ana, ben)
        for actor in (world.person(cleo), world.admin(), world.admin(1)):
            with pytest.raises(Refusal):
                await world.do(AcceptPair(command_id=uuid4(), pair_id=pair), by=actor)
        with pytest.raises(NotFound) as foreign:
            await world.accept(pair, by=cleo)
        with pytest.raises(NotFound) as absent:
            await world.accept(uuid4(), by=cleo)
        assert str(foreign.value) == str(absent.value)

    async def test_racing_for_one_person_never_overbooks(self, world: World) -> None:
        star, *others = await crowd(world, 12)
        pairs = [await world.proposed(star, other) for other in others]
        for pair in pairs:
            await world.accept(pair, by=star)
        results = await asyncio.gather(
            *(world.accept(pair, by=other) for pair, other in zip(pairs, others, strict=True)), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, BaseException)]
        assert len(refused) == len(others) - 1
        assert all(isinstance(result, Full) for result in refused)
        assert [(await world.pair(pair)).status for pair in pairs].count(PairStatus.ACCEPTED) == 1
        assert await world.count(OVERBOOKED) == 0

    async def test_racing_with_everything_else_never_overbooks_or_deadlocks(self, world: World) -> None:
        chance = random.Random(11)
        await world.open_cohort()
        people = [await world.somebody(number % 2) for number in range(10)]
        for person in people:
            await world.enrol(person, capacity=chance.choice((1, 2)))
        couples = [(one, other) for index, one in enumerate(people) for other in people[index + 1 :]]
        pairs = {await world.proposed(*couple): couple for couple in couples}
        acts = [world.accept(pair, by=person) for pair, couple in pairs.items() for person in couple]
        for pair, (one, _) in chance.sample(sorted(pairs.items()), 8):
            decline = DeclinePair(
                command_id=uuid4(), pair_id=pair, reason=DeclineReason.NO_TIME, pause=chance.random() < 0.5
            )
            acts.append(world.do(decline, by=one))
            acts.append(world.do(EndPair(command_id=uuid4(), pair_id=pair), by=one))
        acts.append(world.do(PauseEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=people[0]))
        acts.append(world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=people[1]))
        world.clock.forward(timedelta(hours=1))
        chance.shuffle(acts)
        results = await asyncio.gather(*acts, return_exceptions=True)
        surprises = [r for r in results if isinstance(r, BaseException) and not isinstance(r, Refusal)]
        assert surprises == []
        assert any(not isinstance(result, BaseException) for result in results)
        assert await world.count(OVERBOOKED) == 0
        assert await world.count(MISCOUNTED) == 0
        for left in await world.pairs():
            if left.status in SEATED:
                assert people[1] not in {member.person_id for member in left.members}

    async def test_repeated_with_the_same_id_is_answered_with_the_same_facts(self, world: World) -> None:
        ana, ben = await crowd(world, 2)
        command = AcceptPair(command_id=uuid4(), pair_id=await world.proposed(ana, ben))
        first = await world.do(command, by=ana)
        assert [each.fact_id for each in await world.do(command, by=ana)] == [each.fact_id for each in first]


class TestDecline:
    async def test_with_pause_also_declines_the_other_open_requests(self, world: World) -> None:
        ana, ben, cleo = await crowd(world, 3)
        pair, other = await world.proposed(ana, ben), await world.proposed(ana, cleo)
        command = DeclinePair(command_id=uuid4(), pair_id=pair, reason=DeclineReason.NO_TIME, pause=True)
        recorded = await world.do(command, by=ana)
        assert {fact.pair.pair_id for fact in facts_of(recorded, PairDeclined)} == {pair, other}
        (paused,) = facts_of(recorded, EnrolmentChanged)
        assert (paused.enrolment.person_id, paused.enrolment.status) == (ana, EnrolmentStatus.PAUSED)

    async def test_after_an_own_yes_is_still_possible(self, world: World) -> None:
        ana, ben = await crowd(world, 2)
        pair = await world.proposed(ana, ben)
        await world.accept(pair, by=ana)
        await world.do(DeclinePair(command_id=uuid4(), pair_id=pair, reason=DeclineReason.PERSONAL), by=ana)
        assert (await world.pair(pair)).status is PairStatus.DECLINED
        with pytest.raises(Refusal):
            await world.accept(pair, by=ben)


class TestExpiry:
    async def test_comes_by_time_and_only_to_what_is_unanswered(self, world: World) -> None:
        ana, ben, cleo, dan = await crowd(world, 4)
        together, lonely = await world.together(ana, ben), await world.proposed(cleo, dan)
        await world.accept(lonely, by=cleo)
        assert await world.tick("expire_proposals") == []
        world.clock.forward(timedelta(hours=72))
        with pytest.raises(TooLate):
            await world.accept(lonely, by=dan)
        (expired,) = facts_of(await world.tick("expire_proposals"), PairDeclined)
        assert (expired.pair.pair_id, expired.pair.status) == (lonely, PairStatus.EXPIRED)
        assert (await world.pair(together)).status is PairStatus.ACCEPTED
        assert await world.tick("expire_proposals") == []


async def test_ending_frees_both_seats(world: World) -> None:
    ana, ben, cleo = await crowd(world, 3)
    pair = await world.together(ana, ben)
    await world.do(EndPair(command_id=uuid4(), pair_id=pair, reason="moved away"), by=world.admin(1))
    assert (await world.pair(pair)).status is PairStatus.ENDED_EARLY
    assert await world.count("SELECT sum(taken) FROM seat") == 0
    await world.together(ana, cleo)


async def test_ending_is_for_the_two_and_their_organizers(world: World) -> None:
    ana, ben, cleo = await crowd(world, 3)
    pair = await world.together(ana, ben)
    third = await world.organization()
    for actor in (world.person(cleo), world.admin(2)):
        with pytest.raises(NotFound):
            await world.do(EndPair(command_id=uuid4(), pair_id=pair), by=actor)
    assert third == world.organizations[2]


async def test_cancelling_the_cohort_ends_everything(world: World) -> None:
    ana, ben, cleo, dan = await crowd(world, 4)
    pair, other = await world.together(ana, ben), await world.proposed(cleo, dan)
    cancel = AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.CANCELLED)
    recorded = await world.do(cancel, by=world.admin())
    assert (await world.pair(pair)).status is PairStatus.ENDED_EARLY
    assert (await world.pair(other)).status is PairStatus.SUPERSEDED
    assert {fact.enrolment.status for fact in facts_of(recorded, EnrolmentChanged)} == {EnrolmentStatus.REMOVED}
    assert await world.count("SELECT sum(taken) FROM seat") == 0
