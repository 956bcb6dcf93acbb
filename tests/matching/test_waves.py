"""Waves of a rolling cohort: who came since is matched, who is together stays so, and nobody meets the same one again."""

from uuid import UUID, uuid4

import pytest

from contracts.errors import Conflict
from contracts.matching import (
    AdvanceCohort,
    CohortStatus,
    DeclinePair,
    DeclineReason,
    EndPair,
    Pair,
    PairProposed,
    PairStatus,
    PublishProposals,
)
from tests.matching.test_worker import CLUSTERS, SUSHI, WANT_CLUSTERS, WANT_SUSHI, at_hand, matched, the_run
from tests.matching.world import World, facts_of

__all__ = ["at_hand"]  # the fixture


async def somebody_new(world: World, number: int, *, capacity: int = 1) -> UUID:
    offers, needs = ((SUSHI, WANT_CLUSTERS), (CLUSTERS, WANT_SUSHI))[number % 2]
    person = await world.somebody(number % 2, offers=offers, needs=needs)
    await world.enrol(person, capacity=capacity)
    return person


async def advance(world: World, to: CohortStatus) -> None:
    await world.do(AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=to), by=world.admin())


async def wave(world: World) -> tuple[UUID, list[Pair]]:
    """A run whose proposals are published and accepted; the cohort is active again."""
    run_id, _ = await matched(world)
    recorded = await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
    proposed = [fact.pair for fact in facts_of(recorded, PairProposed)]
    for pair in proposed:
        for member in pair.members:
            await world.accept(pair.pair_id, by=member.person_id)
    await advance(world, CohortStatus.ACTIVE)
    return run_id, proposed


def couples(pairs: list[Pair]) -> list[frozenset[UUID]]:
    return [frozenset(member.person_id for member in pair.members) for pair in pairs]


@pytest.mark.usefixtures("at_hand")
class TestWaves:
    async def test_match_whoever_came_since_and_leave_earlier_pairs_untouched(self, world: World) -> None:
        await world.open_cohort(rolling=True)
        first = [await somebody_new(world, number) for number in range(4)]
        one, pairs_of_one = await wave(world)
        for pair in pairs_of_one:
            await world.sign(pair.pair_id)
        before = {pair.pair_id: pair for pair in await world.pairs()}
        assert {pair.status for pair in before.values()} == {PairStatus.ACTIVE}
        await advance(world, CohortStatus.OPEN)
        second = [await somebody_new(world, number) for number in range(2)]
        await advance(world, CohortStatus.CLOSED)
        two, pairs_of_two = await wave(world)
        assert [(await the_run(world, run)).wave for run in (one, two)] == [1, 2]
        assert {pair.run_id for pair in pairs_of_two} == {two}
        assert couples(pairs_of_two) == [frozenset(second)]
        assert {person for two_ in couples(pairs_of_one) for person in two_} == set(first)
        now = {pair.pair_id: pair for pair in await world.pairs()}
        assert {pair_id: now[pair_id] for pair_id in before} == before

    async def test_use_free_places_of_those_who_have_a_pair_with_somebody_else(self, world: World) -> None:
        await world.open_cohort(rolling=True)
        busy = await somebody_new(world, 0, capacity=2)
        partner = await somebody_new(world, 1)
        _, (pair,) = await wave(world)
        assert couples([pair]) == [frozenset((busy, partner))]
        with pytest.raises(Conflict, match="Only 1 of the 2 admitted people have a free place"):
            await world.request()
        await advance(world, CohortStatus.OPEN)
        newcomer = await somebody_new(world, 1)
        _, found = await wave(world)
        assert couples(found) == [frozenset((busy, newcomer))]

    async def test_never_bring_the_same_two_together_again(self, world: World) -> None:
        await world.open_cohort(rolling=True)
        people = [await somebody_new(world, number) for number in range(4)]
        met: list[frozenset[UUID]] = []
        for number in range(2):  # everybody can be with two people
            _, pairs = await wave(world)
            assert len(pairs) == 2
            met += couples(pairs)
            for pair in pairs:
                await world.sign(pair.pair_id)
                end = EndPair(command_id=uuid4(), pair_id=pair.pair_id, reason="")
                await world.do(end, by=pair.members[number].person_id)
        run_id, none = await wave(world)
        assert none == []
        assert len(met) == len(set(met)) == 4
        run = await the_run(world, run_id)
        assert (run.wave, len(run.unmatched)) == (3, len(people))

    async def test_count_what_was_published_and_not_what_was_tried(self, world: World) -> None:
        await world.open_cohort(rolling=True)
        people = [await somebody_new(world, number) for number in range(4)]
        tried, _ = await matched(world)
        run_id, _ = await matched(world)
        assert [(await the_run(world, run)).wave for run in (tried, run_id)] == [1, 1]
        with pytest.raises(Conflict):
            await world.do(PublishProposals(command_id=uuid4(), run_id=tried), by=world.admin())
        recorded = await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        (refused, _) = [fact.pair for fact in facts_of(recorded, PairProposed)]
        decline = DeclinePair(command_id=uuid4(), pair_id=refused.pair_id, reason=DeclineReason.NO_TIME)
        await world.do(decline, by=refused.members[0].person_id)
        # What is proposed and not answered yet is nobody's free place.
        run_id, recorded = await matched(world)
        run = await the_run(world, run_id)
        assert (run.wave, run.people, run.pairs) == (2, 2, 0)
        assert {left.person_id for left in run.unmatched} == set(*couples([refused]))
        assert len(people) == 4
