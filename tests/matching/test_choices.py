"""Rankings are their author's alone and end with their place; vetoes hold for every run until they are taken back."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID, uuid4

import pytest

from chassis.service import ask
from contracts.base import Actor, Role
from contracts.errors import Conflict, Invalid, NotAllowed, NotFound, TooLate
from contracts.matching import (
    AdoptRun,
    AdvanceCohort,
    ChangeRules,
    CohortStatus,
    ListVetoes,
    Pair,
    PairDeclined,
    PairStatus,
    PinPair,
    PublishProposals,
    Rankings,
    RankPeople,
    ReadRankings,
    RemoveEnrolment,
    RuleSet,
    RunStatus,
    SimulateMatching,
    UnmatchedReason,
    Vetoes,
    VetoPair,
    WithdrawEnrolment,
    WithdrawVeto,
)
from contracts.profiles import ProfileErased
from services.matching.app import app
from services.matching.jobs.frames import Line, Order
from services.matching.jobs.runs import take_one
from services.matching.store.choices import rankings_of
from tests.matching.test_worker import (
    CLUSTERS,
    MEANING,
    QUICK,
    SUSHI,
    WANT_CLUSTERS,
    WANT_SUSHI,
    Compute,
    at_hand,
    four,
    matched,
    the_run,
)
from tests.matching.world import START, World, admin_of, facts_of, workplace

__all__ = ["at_hand"]
pytestmark = pytest.mark.usefixtures("at_hand")


async def rank(world: World, by: UUID, *people: UUID) -> None:
    command = RankPeople(command_id=uuid4(), cohort_id=world.cohort_id, people=people)
    assert await world.do(command, by=by) == []  # nobody is told


async def ranked(world: World, by: UUID | Actor) -> list[tuple[UUID, ...]]:
    actor = world.person(by) if isinstance(by, UUID) else by
    found = await ask(app.spec, world.database, ReadRankings(), actor=actor)
    assert isinstance(found, Rankings)
    return [each.people for each in found.rankings]


async def everybody_of_four(world: World) -> list[UUID]:
    """As ``four``, while registration is open."""
    await world.open_cohort()
    people = []
    for number in range(4):
        offers, needs = ((SUSHI, WANT_CLUSTERS), (CLUSTERS, WANT_SUSHI))[number % 2]
        people.append(await world.somebody(number % 2, offers=offers, needs=needs))
        await world.enrol(people[-1])
    return people


async def erase(world: World, person: UUID) -> None:
    await world.hear(
        ProfileErased(key=person, version=9, occurred_at=START, organization_id=world.home[person], person_id=person)
    )


async def veto(world: World, *people: UUID, by: Actor | None = None) -> list[Pair]:
    """The pairs that it dropped."""
    command = VetoPair(command_id=uuid4(), cohort_id=world.cohort_id, people=(people[0], people[1]))
    return [fact.pair for fact in facts_of(await world.do(command, by=by or world.admin()), PairDeclined)]


async def unveto(world: World, *people: UUID) -> None:
    command = WithdrawVeto(command_id=uuid4(), cohort_id=world.cohort_id, people=(people[0], people[1]))
    assert await world.do(command, by=world.admin(1)) == []


async def vetoes(world: World) -> list[set[UUID]]:
    found = await ask(app.spec, world.database, ListVetoes(cohort_id=world.cohort_id), actor=world.admin())
    assert isinstance(found, Vetoes)
    return [set(each.people) for each in found.vetoes]


async def drafts(world: World) -> set[frozenset[UUID]]:
    return {
        frozenset(member.person_id for member in pair.members)
        for pair in await world.pairs()
        if pair.status is PairStatus.DRAFT
    }


class TestRanking:
    async def test_is_kept_whole_and_replaced_whole(self, world: World) -> None:
        one, two, three, four_ = await everybody_of_four(world)
        await rank(world, one, two, four_, three)
        assert await ranked(world, one) == [(two, four_, three)]
        await rank(world, one, four_)
        assert await ranked(world, one) == [(four_,)]
        await rank(world, one)
        assert await ranked(world, one) == []

    async def test_is_seen_by_its_author_alone(self, world: World) -> None:
        one, two, *_ = await everybody_of_four(world)
        await rank(world, one, two)
        assert await ranked(world, two) == []
        with pytest.raises(NotAllowed):
            await ranked(world, world.admin())
        # Not even a statement of theirs reads it: the database itself keeps others out.
        for actor in (world.person(two), world.admin(0), world.admin(1)):
            async with world.database.begin(actor) as tx:
                assert await rankings_of(tx, world.cohort_id) == {}
        assert await world.count("SELECT count(*) FROM outbox WHERE payload::text LIKE :who", who=f"%{one}%{two}%") == 0

    async def test_names_each_problem_and_keeps_what_was(self, world: World) -> None:
        one, two, three, four_ = await everybody_of_four(world)
        stranger = await world.somebody(1)
        await rank(world, one, two)
        command = RankPeople(
            command_id=uuid4(), cohort_id=world.cohort_id, people=(one, two, two, stranger, three, four_)
        )
        with pytest.raises(Invalid) as refused:
            await world.do(command, by=one)
        assert [problem.path for problem in refused.value.problems] == ["people", "people[0]", "people[2]", "people[3]"]
        assert await ranked(world, one) == [(two,)]

    async def test_is_for_those_who_take_part_until_the_cohort_is_matched(self, world: World) -> None:
        people = await everybody_of_four(world)
        stranger = await world.somebody(0)
        command = RankPeople(command_id=uuid4(), cohort_id=world.cohort_id, people=(people[0],))
        with pytest.raises(NotFound):
            await world.do(command, by=stranger)
        with pytest.raises(NotAllowed):
            await world.do(command, by=world.admin())
        await world.close()
        await rank(world, people[0], people[1])
        await world.request()
        with pytest.raises(TooLate):
            await rank(world, people[0], people[3])
        assert await ranked(world, people[0]) == [(people[1],)]

    @pytest.mark.parametrize("how", ["withdrawal", "removal", "erasure", "end"])
    async def test_ends_with_its_place(self, world: World, how: str) -> None:
        one, two, three, _ = await everybody_of_four(world)
        await rank(world, one, two, three)
        await rank(world, three, one, two)
        if how == "withdrawal":
            await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=one)
        elif how == "removal":
            remove = RemoveEnrolment(command_id=uuid4(), cohort_id=world.cohort_id, person_id=one)
            await world.do(remove, by=world.admin(0))
        elif how == "end":
            cancel = AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.CANCELLED)
            await world.do(cancel, by=world.admin(0))
        else:
            await erase(world, one)
        assert await world.count("SELECT count(*) FROM ranking WHERE person_id = :who", who=one) == 0
        # An erased person is in nobody's ranking either; others move up in it.
        assert await ranked(world, three) == {"erasure": [(two,)], "end": []}.get(how, [(one, two)])

    @pytest.mark.parametrize("wished", [((0, 1), (2, 3)), ((0, 3), (2, 1))])
    async def test_decides_between_partners_who_are_worth_the_same(
        self, world: World, wished: tuple[tuple[int, int], ...]
    ) -> None:
        people = await everybody_of_four(world)
        for a, b in wished:
            await rank(world, people[a], people[b])
            await rank(world, people[b], people[a])
        await world.close()
        run_id, _ = await matched(world)
        assert await drafts(world) == {frozenset((people[a], people[b])) for a, b in wished}
        assert (await the_run(world, run_id)).exact
        for pair in await world.pairs():
            assert pair.value == round(sum(term.amount for term in pair.terms), 6)
            assert not [term for term in pair.terms if "rank" in term.name]

    async def test_has_a_weight_that_cannot_be_beyond_a_half(self, world: World) -> None:
        await world.open_cohort()
        wrong = ChangeRules(command_id=uuid4(), cohort_id=world.cohort_id, rules=RuleSet(rules=(), ranking=0.51))
        with pytest.raises(Invalid) as refused:
            await world.do(wrong, by=world.admin())
        assert [problem.path for problem in refused.value.problems] == ["ranking"]
        assert (await world.cohort()).rules.ranking == RuleSet().ranking


class TestVeto:
    async def test_drops_the_draft_and_holds_for_the_run_after(self, world: World) -> None:
        people = await four(world)
        await matched(world)
        before = await drafts(world)
        gone = next(two for two in before if people[0] in two)
        (dropped,) = await veto(world, *gone)
        assert (dropped.status, dropped.pinned) == (PairStatus.SUPERSEDED, False)
        assert await vetoes(world) == [set(gone)]
        run_id, _ = await matched(world)
        assert (await the_run(world, run_id)).status is RunStatus.COMPLETED
        after = await drafts(world)
        assert gone not in after
        assert len(after) == 2

    async def test_taken_back_lets_the_next_run_choose(self, world: World) -> None:
        await four(world)
        await matched(world)
        before = await drafts(world)
        for two in before:
            await veto(world, *two)
        await matched(world)
        assert not await drafts(world) & before
        for two in await drafts(world):
            await veto(world, *two)
        for two in before:
            await unveto(world, *two)
        await matched(world)
        assert await drafts(world) == before
        with pytest.raises(NotFound):
            await unveto(world, *next(iter(before)))

    async def test_given_while_a_run_computes_is_respected_when_it_ends(
        self, world: World, at_hand: Compute, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        people = await four(world)

        async def vetoed_meanwhile(order: Order, *, stop: asyncio.Event) -> AsyncGenerator[Line]:
            for other in people[1::2]:
                await veto(world, people[0], other)
            async for line in at_hand(order):
                yield line

        monkeypatch.setattr("services.matching.jobs.runs.compute", vetoed_meanwhile)
        await matched(world)
        assert not [two for two in await drafts(world) if people[0] in two]

    async def test_is_told_to_organizers_as_what_would_change_it(self, world: World) -> None:
        people = await four(world)
        for other in people[1::2]:
            await veto(world, people[0], other)
        run_id, _ = await matched(world)
        left = {each.person_id: each for each in (await the_run(world, run_id)).unmatched}[people[0]]
        assert left.reason is UnmatchedReason.NOTHING_IN_COMMON
        assert "Without the vetoes of organizers there would be possible partners: 2 people." in left.why

    async def test_stands_against_pins_and_adopted_simulations(self, world: World) -> None:
        people = await four(world)
        base, _ = await matched(world)
        gone = next(two for two in await drafts(world) if people[0] in two)
        run_id = uuid4()
        simulate = SimulateMatching(command_id=uuid4(), run_id=run_id, base_run_id=base, rules=RuleSet(rules=()))
        await world.do(simulate, by=world.admin())
        _, running = workplace(world)
        assert await take_one(running, pace=QUICK, meaning=MEANING)
        await veto(world, *gone)
        one, other = gone
        pin = PinPair(command_id=uuid4(), cohort_id=world.cohort_id, people=(one, other))
        with pytest.raises(Conflict, match="vetoed"):
            await world.do(pin, by=world.admin())
        await world.do(AdoptRun(command_id=uuid4(), run_id=run_id), by=world.admin())
        assert gone not in await drafts(world)

    async def test_is_too_late_for_two_who_were_asked(self, world: World) -> None:
        await four(world)
        run_id, _ = await matched(world)
        two = next(iter(await drafts(world)))
        await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        with pytest.raises(Conflict, match="asked already"):
            await veto(world, *two)
        assert await vetoes(world) == []

    async def test_is_for_organizers_about_two_participants(self, world: World) -> None:
        people = await everybody_of_four(world)
        stranger = await world.somebody(1)
        with pytest.raises(NotFound):
            await veto(world, people[0], people[1], by=world.person(people[0]))
        with pytest.raises(NotFound):
            await veto(world, people[0], people[1], by=admin_of(uuid4()))
        with pytest.raises(Conflict, match="take part"):
            await veto(world, people[0], stranger)
        with pytest.raises(Invalid):
            await veto(world, people[0], people[0])
        with pytest.raises(NotFound):
            await ask(
                app.spec,
                world.database,
                ListVetoes(cohort_id=world.cohort_id),
                actor=Actor(
                    roles=(Role.PERSON,),
                    organization_id=world.home[people[0]],
                    person_id=people[0],
                    subject="p",
                ),
            )

    async def test_is_forgotten_with_an_erased_person(self, world: World) -> None:
        people = await everybody_of_four(world)
        await veto(world, people[0], people[1])
        await veto(world, people[2], people[1])
        await erase(world, people[0])
        assert await vetoes(world) == [{people[1], people[2]}]
