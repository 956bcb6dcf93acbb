"""The waiting list on real PostgreSQL: every way in which a place comes free, and who gets it."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from contracts.base import Recorded
from contracts.errors import Conflict, Invalid, NotFound
from contracts.matching import (
    ChangeCapacity,
    ChangeSeats,
    CohortAdvanced,
    EnrolmentChanged,
    EnrolmentStatus,
    Keep,
    Partner,
    RemoveEnrolment,
    WithdrawEnrolment,
)
from contracts.profiles import Consent, ConsentChanged, ProfileErased, Purpose
from tests.matching.test_worker import CLUSTERS, SUSHI, WANT_CLUSTERS, WANT_SUSHI, at_hand, matched, the_run
from tests.matching.world import START, World, facts_of

__all__ = ["at_hand"]  # the fixture


async def a_queue(world: World, *, most: int = 4, capacity: int = 2, **cohort: object) -> list[UUID]:
    """People of both organizations in turn; the first few have a place, the others wait in this order."""
    await world.open_cohort(capacity=capacity, **cohort)
    people = [await world.somebody(number % 2) for number in range(most)]
    for person in people:
        await world.enrol(person)
    return people


def admitted(recorded: list[Recorded]) -> list[UUID]:
    """Who moved in, as the facts tell it."""
    facts = facts_of(recorded, EnrolmentChanged)
    return [f.enrolment.person_id for f in facts if f.enrolment.status is EnrolmentStatus.ADMITTED]


def positions(recorded: list[Recorded]) -> dict[UUID, int]:
    """Who waits on, and where."""
    return {
        fact.enrolment.person_id: fact.enrolment.waiting_position
        for fact in facts_of(recorded, EnrolmentChanged)
        if fact.enrolment.waiting_position
    }


async def consents(world: World, person: UUID, *, granted: bool, version: int) -> list[Recorded]:
    consent = Consent(person_id=person, purpose=Purpose.MATCHING, granted=granted)
    return await world.hear(
        ConsentChanged(key=uuid4(), version=version, occurred_at=START + timedelta(minutes=version), consent=consent)
    )


class TestFreed:
    @pytest.mark.parametrize("how", ["withdrawn", "removed", "erased"])
    async def test_place_goes_to_the_first_who_waits_at_once(self, world: World, how: str) -> None:
        ana, _, cleo, dan = await a_queue(world)
        if how == "withdrawn":
            recorded = await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        elif how == "removed":
            command = RemoveEnrolment(command_id=uuid4(), cohort_id=world.cohort_id, person_id=ana)
            recorded = await world.do(command, by=world.admin())
        else:
            recorded = await world.hear(ProfileErased(key=ana, version=9, occurred_at=START, person_id=ana))
        assert admitted(recorded) == [cleo]
        assert positions(recorded) == {dan: 1}

    async def test_place_passes_over_whoever_may_not_be_matched_and_waits_for_nobody(self, world: World) -> None:
        ana, ben, cleo, dan = await a_queue(world)
        await consents(world, cleo, granted=False, version=1)
        recorded = await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        assert admitted(recorded) == [dan]
        recorded = await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ben)
        assert admitted(recorded) == []  # cleo keeps her turn
        assert admitted(await consents(world, cleo, granted=True, version=2)) == [cleo]

    async def test_place_waits_for_somebody_who_left_their_organization_until_they_are_back(self, world: World) -> None:
        ana, _, cleo = await a_queue(world, most=3)
        await world.profile(cleo, version=2, active=False)
        recorded = await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        assert admitted(recorded) == []
        assert admitted(await world.profile(cleo, version=3)) == [cleo]


class TestCapacity:
    async def test_that_is_raised_lets_in_as_many_as_it_can_in_order(self, world: World) -> None:
        people = await a_queue(world, most=6)
        command = ChangeCapacity(command_id=uuid4(), cohort_id=world.cohort_id, capacity=4)
        recorded = await world.do(command, by=world.admin(1))
        (changed,) = facts_of(recorded, CohortAdvanced)
        assert changed.cohort.capacity == 4
        assert admitted(recorded) == people[2:4]
        assert positions(recorded) == {people[4]: 1, people[5]: 2}
        for capacity, error in ((3, Conflict), (1, Invalid)):
            wrong = ChangeCapacity(command_id=uuid4(), cohort_id=world.cohort_id, capacity=capacity)
            with pytest.raises(error):
                await world.do(wrong, by=world.admin())
        no_limit = ChangeCapacity(command_id=uuid4(), cohort_id=world.cohort_id)
        assert admitted(await world.do(no_limit, by=world.admin())) == people[4:]

    async def test_of_a_partner_is_raised_by_its_own_admin_and_helps_its_own_people(self, world: World) -> None:
        partners = tuple(Partner(organization_id=each, seats=1) for each in world.organizations)
        _, _, cleo, dan = await a_queue(world, capacity=9, partners=partners)
        command = ChangeSeats(command_id=uuid4(), cohort_id=world.cohort_id, seats=2)
        assert admitted(await world.do(command, by=world.admin(1))) == [dan]
        for seats, error in ((1, Conflict), (0, Invalid)):
            with pytest.raises(error):
                await world.do(
                    ChangeSeats(command_id=uuid4(), cohort_id=world.cohort_id, seats=seats), by=world.admin(1)
                )
        for person in (cleo, world.admin(1)):
            stranger = ChangeSeats(command_id=uuid4(), cohort_id=uuid4(), seats=2)
            with pytest.raises(NotFound):
                await world.do(stranger, by=person)
        assert admitted(
            await world.do(ChangeSeats(command_id=uuid4(), cohort_id=world.cohort_id), by=world.admin())
        ) == [cleo]


@pytest.mark.usefixtures("at_hand")
async def test_repair_after_a_drop_out_pairs_who_moved_in_with_who_was_left(world: World) -> None:
    await world.open_cohort(capacity=4)
    people = []
    for number in range(5):
        offers, needs = ((SUSHI, WANT_CLUSTERS), (CLUSTERS, WANT_SUSHI))[number % 2]
        people.append(await world.somebody(number % 2, offers=offers, needs=needs))
        await world.enrol(people[-1])
    await world.close()
    await matched(world)
    before = {frozenset(m.person_id for m in pair.members) for pair in await world.pairs()}
    recorded = await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=people[0])
    assert admitted(recorded) == [people[4]]
    run_id, _ = await matched(world, keep=Keep.LOCKED)
    run = await the_run(world, run_id)
    assert (run.people, run.pairs, run.unmatched, run.moved) == (4, 2, (), 0)
    now = {frozenset(m.person_id for m in pair.members) for pair in await world.pairs() if pair.status.value == "draft"}
    (lost,) = (two for two in before if people[0] in two)
    assert now == before - {lost} | {lost - {people[0]} | {people[4]}}
