"""What-if: simulated runs leave no trace but themselves, compare with others, and become the cohort's plan when adopted."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from chassis.service import ask
from contracts.base import SYSTEM, Actor, Recorded, Role
from contracts.errors import Conflict, Invalid, NotFound
from contracts.matching import (
    AdoptRun,
    AdvanceCohort,
    BlockPerson,
    CancelMatching,
    CohortStatus,
    CompareRuns,
    DeclinePair,
    DeclineReason,
    MatchingCompleted,
    MatchRun,
    Pair,
    PairDeclined,
    PairProposed,
    PairStatus,
    PauseEnrolment,
    PinPair,
    PublishProposals,
    Rule,
    RuleKind,
    RuleSet,
    RunComparison,
    RunStatus,
    SimulateMatching,
)
from contracts.profiles import Offer, ProfileErased
from services.matching import store
from services.matching.app import app
from services.matching.domain.freeze import Material
from services.matching.domain.simulations import check_comparable, standing
from services.matching.engine.model import Plan, PlannedPair
from services.matching.jobs.frames import Line, Order
from services.matching.jobs.runs import take_one
from tests.matching.test_worker import MEANING, QUICK, Compute, at_hand, four, matched, the_run
from tests.matching.world import START, World, admin_of, facts_of, workplace

__all__ = ["at_hand"]
pytestmark = pytest.mark.usefixtures("at_hand")
OPERATOR = Actor(roles=(Role.OPERATOR,), subject="root")


def apart(pair: Pair) -> RuleSet:
    """Rules that forbid exactly this pair."""
    people = tuple(member.person_id for member in pair.members)
    return RuleSet(rules=(Rule(kind=RuleKind.NOT_TOGETHER, people=people),))


async def queue(world: World, base: UUID, rules: RuleSet, *, by: Actor | None = None) -> UUID:
    run_id = uuid4()
    command = SimulateMatching(command_id=uuid4(), run_id=run_id, base_run_id=base, rules=rules)
    await world.do(command, by=by or world.admin())
    return run_id


async def work(world: World) -> list[Recorded]:
    bench, running = workplace(world)
    assert await take_one(running, pace=QUICK, meaning=MEANING)
    return bench.recorded


async def simulated(world: World, base: UUID, rules: RuleSet) -> UUID:
    run_id = await queue(world, base, rules)
    await work(world)
    run = await the_run(world, run_id)
    assert run.status is RunStatus.COMPLETED, run
    return run_id


async def adopt(world: World, run_id: UUID, *, by: Actor | None = None) -> list[Recorded]:
    return await world.do(AdoptRun(command_id=uuid4(), run_id=run_id), by=by or world.admin())


async def compared(world: World, run_id: UUID, other: UUID, *, by: Actor | None = None) -> RunComparison:
    query = CompareRuns(run_id=run_id, other_run_id=other)
    found = await ask(app.spec, world.database, query, actor=by or world.admin())
    assert isinstance(found, RunComparison)
    return found


async def drafted(world: World) -> list[Pair]:
    return [pair for pair in await world.pairs() if pair.status is PairStatus.DRAFT]


def twos(pairs: list[Pair]) -> set[frozenset[UUID]]:
    return {frozenset(member.person_id for member in pair.members) for pair in pairs}


async def base_and_what_if(world: World) -> tuple[UUID, UUID]:
    """A run of four people, and a simulation in which they have the other partners."""
    await four(world)
    base, _ = await matched(world)
    return base, await simulated(world, base, apart((await drafted(world))[0]))


class TestSimulation:
    async def test_changes_nothing_but_itself(self, world: World) -> None:
        await four(world)
        base, _ = await matched(world)
        before = await world.cohort(), await world.pairs(), await the_run(world, base)
        enrolled = await world.count("SELECT sum(version) FROM enrolment")
        run_id = await queue(world, base, apart((await drafted(world))[0]))
        recorded = await work(world)
        run = await the_run(world, run_id)
        assert (run.status, run.simulated, run.base_run_id, run.pairs) == (RunStatus.COMPLETED, True, base, 2)
        assert (await world.cohort(), await world.pairs(), await the_run(world, base)) == before
        assert await world.count("SELECT sum(version) FROM enrolment") == enrolled
        assert {each.fact.key for each in recorded} == {run_id}

    async def test_sees_what_the_base_saw_whatever_came_since(self, world: World) -> None:
        ana, *_ = await four(world)
        base, _ = await matched(world)
        await world.profile(ana, version=2, offers=(Offer(text="Nothing that anybody wants"),))
        await world.do(PauseEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        run_id = await simulated(world, base, (await world.cohort()).rules)
        seen, again = await the_run(world, base), await the_run(world, run_id)
        assert (again.snapshot_digest, again.value, again.people) == (seen.snapshot_digest, seen.value, 4)
        assert (await compared(world, base, run_id)).moved == 0

    async def test_has_its_own_rules_and_weights(self, world: World) -> None:
        await four(world)
        base, _ = await matched(world)
        run_id = await simulated(world, base, RuleSet(rules=(), difference=0.0))
        found = await compared(world, base, run_id)
        assert found.run.mean_difference is not None
        assert found.run.mean_difference > 0
        assert found.other.mean_difference == 0
        assert found.other.rules is not None
        assert (found.run.rules, found.other.rules.difference) == (None, 0.0)

    async def test_of_a_simulation_sees_the_same(self, world: World) -> None:
        base, what_if = await base_and_what_if(world)
        again = await simulated(world, what_if, (await world.cohort()).rules)
        assert (await the_run(world, again)).snapshot_digest == (await the_run(world, base)).snapshot_digest
        assert (await compared(world, base, again)).same_snapshot

    async def test_needs_a_completed_run_of_the_own_cohort(self, world: World) -> None:
        await four(world)
        with pytest.raises(NotFound, match="no such match run"):
            await queue(world, uuid4(), RuleSet())
        base = await world.request()
        with pytest.raises(Conflict, match="queued"):
            await queue(world, base, RuleSet())
        await work(world)
        with pytest.raises(NotFound):
            await queue(world, base, RuleSet(), by=admin_of(await world.organization()))
        with pytest.raises(NotFound):
            await queue(world, base, RuleSet(), by=world.person((await drafted(world))[0].members[0].person_id))

    async def test_refuses_rules_that_cannot_be(self, world: World) -> None:
        ana, ben, *_ = await four(world)
        base, _ = await matched(world)
        with pytest.raises(Invalid) as wrong:
            await queue(world, base, RuleSet(rules=(Rule(kind=RuleKind.ZONE_SPREAD),), difference=2))
        assert [problem.path for problem in wrong.value.problems] == ["difference", "rules[0].parameter"]
        together, not_together = (
            Rule(kind=kind, people=(ana, ben)) for kind in (RuleKind.TOGETHER, RuleKind.NOT_TOGETHER)
        )
        with pytest.raises(Conflict, match="together and apart"):
            await queue(world, base, RuleSet(rules=(together, not_together)))
        assert await world.count("SELECT count(*) FROM match_run") == 1

    async def test_is_refused_once_somebody_was_erased(self, world: World) -> None:
        ana, *_ = await four(world)
        base, _ = await matched(world)
        queued = await queue(world, base, RuleSet(rules=()))
        await world.hear(ProfileErased(key=ana, version=9, occurred_at=START, person_id=ana))
        with pytest.raises(NotFound, match="erased"):
            await queue(world, base, RuleSet(rules=()))
        await work(world)
        run = await the_run(world, queued)
        assert run.status is RunStatus.FAILED
        assert "erased" in run.error

    async def test_has_a_new_id_and_few_beside_it(self, world: World) -> None:
        await four(world)
        base, _ = await matched(world)
        command = SimulateMatching(command_id=uuid4(), run_id=base, base_run_id=base, rules=RuleSet())
        with pytest.raises(Conflict, match="exists"):
            await world.do(command, by=world.admin())
        *_, last = [await queue(world, base, RuleSet(rules=())) for _ in range(5)]
        with pytest.raises(Conflict, match="5 simulations"):
            await queue(world, base, RuleSet(rules=()))
        await world.do(CancelMatching(command_id=uuid4(), run_id=last), by=world.admin())
        await queue(world, base, RuleSet(rules=()))

    async def test_waits_for_real_runs_and_moves_no_cohort_when_it_ends(self, world: World) -> None:
        await four(world)
        base, _ = await matched(world)
        cancelled, failing = await queue(world, base, RuleSet(rules=())), await queue(world, base, RuleSet(rules=()))
        world.clock.forward(timedelta(minutes=1))
        real = await world.request()
        recorded = await world.do(CancelMatching(command_id=uuid4(), run_id=cancelled), by=world.admin())
        assert [type(each.fact) for each in recorded] == [MatchingCompleted]
        assert (await world.cohort()).status is CohortStatus.MATCHING
        await work(world)
        assert (await the_run(world, real)).status is RunStatus.COMPLETED
        assert (await the_run(world, failing)).status is RunStatus.QUEUED

    async def test_that_fails_says_why_and_moves_no_cohort(
        self, world: World, monkeypatch: pytest.MonkeyPatch, at_hand: Compute
    ) -> None:
        ana, _, cleo, _ = await four(world)
        for person in (ana, cleo):
            await world.profile(person, version=2, team="platform")
        base, _ = await matched(world)
        rules = (Rule(kind=RuleKind.TOGETHER, people=(ana, cleo)), Rule(kind=RuleKind.DIFFERENT_TEAM))
        run_id = await queue(world, base, RuleSet(rules=rules))

        async def while_a_run_is_requested(order: Order, *, stop: asyncio.Event) -> AsyncGenerator[Line]:
            await world.request()
            async for line in at_hand(order):
                yield line

        monkeypatch.setattr("services.matching.jobs.runs.compute", while_a_run_is_requested)
        await work(world)
        run = await the_run(world, run_id)
        assert run.status is RunStatus.FAILED
        assert "DIFFERENT_TEAM" in run.error
        assert (await world.cohort()).status is CohortStatus.MATCHING

    async def test_is_never_published_nor_reported(self, world: World) -> None:
        await four(world)
        base, _ = await matched(world)
        nobody = RuleSet(rules=(Rule(kind=RuleKind.SAME_ORGANIZATION),))
        run_id = await simulated(world, base, nobody)
        assert len((await the_run(world, run_id)).unmatched) == 4
        with pytest.raises(Conflict, match="simulation"):
            await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        async with world.database.begin(SYSTEM) as tx:
            assert await store.latest_report(tx, world.cohort_id) == {}
        world.clock.forward(timedelta(minutes=1))
        await adopt(world, run_id)
        async with world.database.begin(SYSTEM) as tx:
            assert len(await store.latest_report(tx, world.cohort_id)) == 4


class TestAdopting:
    async def test_replaces_drafts_and_rules(self, world: World) -> None:
        base, what_if = await base_and_what_if(world)
        old, before = await drafted(world), await world.cohort()
        recorded = await adopt(world, what_if, by=world.admin(1))
        assert {fact.pair.run_id for fact in facts_of(recorded, PairDeclined)} == {base}
        new = await drafted(world)
        assert {fact.key for fact in facts_of(recorded, PairProposed)} == {pair.pair_id for pair in new}
        assert {pair.run_id for pair in new} == {what_if}
        assert twos(new).isdisjoint(twos(old))
        assert all(pair.directions and pair.terms for pair in new)
        cohort = await world.cohort()
        assert (cohort.status, cohort.rules.version) == (CohortStatus.REVIEW, before.rules.version + 1)
        assert [rule.kind for rule in cohort.rules.rules] == [RuleKind.NOT_TOGETHER]
        run = await the_run(world, what_if)
        assert (run.simulated, run.base_run_id, run.pairs) == (False, base, 2)
        with pytest.raises(Conflict):
            await world.do(PublishProposals(command_id=uuid4(), run_id=base), by=world.admin())
        published = await world.do(PublishProposals(command_id=uuid4(), run_id=what_if), by=world.admin())
        assert len(facts_of(published, PairProposed)) == 2
        with pytest.raises(Conflict, match="no simulation"):
            await adopt(world, what_if)

    async def test_leaves_out_who_left_and_who_blocked(self, world: World) -> None:
        _, what_if = await base_and_what_if(world)
        ana, ben, cleo, dan = await people_of_what_if(world)
        await world.do(PauseEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        await world.do(BlockPerson(command_id=uuid4(), person_id=cleo), by=dan)
        recorded = await adopt(world, what_if)
        assert facts_of(recorded, PairProposed) == []
        assert await drafted(world) == []
        run = await the_run(world, what_if)
        assert (run.pairs, run.value, run.exact) == (0, 0, False)
        assert {left.person_id for left in run.unmatched} == {ben, cleo, dan}

    async def test_leaves_out_who_has_a_proposal_already(self, world: World) -> None:
        base, what_if = await base_and_what_if(world)
        await world.do(PublishProposals(command_id=uuid4(), run_id=base), by=world.admin())
        assert facts_of(await adopt(world, what_if), PairProposed) == []
        assert {pair.status for pair in await world.pairs()} == {PairStatus.PROPOSED}
        assert (await the_run(world, what_if)).unmatched == ()

    async def test_never_brings_together_again_who_said_no(self, world: World) -> None:
        await four(world)
        base, recorded = await matched(world)
        same = await simulated(world, base, RuleSet(rules=()))
        await world.do(PublishProposals(command_id=uuid4(), run_id=base), by=world.admin())
        for fact in facts_of(recorded, PairProposed):
            decline = DeclinePair(command_id=uuid4(), pair_id=fact.key, reason=DeclineReason.KNOW_EACH_OTHER)
            await world.do(decline, by=fact.pair.members[0].person_id)
        assert facts_of(await adopt(world, same), PairProposed) == []

    async def test_is_refused_where_matching_is(self, world: World) -> None:
        _, what_if = await base_and_what_if(world)
        real = await world.request()
        with pytest.raises(Conflict, match="under way"):
            await adopt(world, what_if)
        await world.do(CancelMatching(command_id=uuid4(), run_id=real), by=world.admin())
        cancel = AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.CANCELLED)
        await world.do(cancel, by=world.admin())
        with pytest.raises(Conflict, match="cancelled"):
            await adopt(world, what_if)

    async def test_needs_a_completed_simulation_that_is_kept(self, world: World) -> None:
        ana, *_ = await four(world)
        base, _ = await matched(world)
        for run_id, refusal, why in (
            (uuid4(), NotFound, "no such match run"),
            (base, Conflict, "no simulation"),
            (await queue(world, base, RuleSet(rules=())), Conflict, "queued"),
        ):
            with pytest.raises(refusal, match=why):
                await adopt(world, run_id)
        await work(world)
        what_if = await simulated(world, base, RuleSet(rules=()))
        with pytest.raises(NotFound):
            await adopt(world, what_if, by=admin_of(await world.organization()))
        await world.hear(ProfileErased(key=ana, version=9, occurred_at=START, person_id=ana))
        with pytest.raises(NotFound, match="erased"):
            await adopt(world, what_if)

    async def test_is_refused_when_a_pin_would_be_lost(self, world: World) -> None:
        _, what_if = await base_and_what_if(world)
        people = (await drafted(world))[0].members
        pin = PinPair(command_id=uuid4(), cohort_id=world.cohort_id, people=(people[0].person_id, people[1].person_id))
        await world.do(pin, by=world.admin())
        with pytest.raises(Conflict, match="pinned"):
            await adopt(world, what_if)


async def people_of_what_if(world: World) -> tuple[UUID, UUID, UUID, UUID]:
    """Ana with Ben, and Cleo with Dan, as the simulation has them: the only run whose pairs are not drafts."""
    one, other = await drafted(world)
    (ana, dan), (cleo, ben) = ((m.person_id for m in pair.members) for pair in (one, other))
    if world.home[ana] == world.home[ben]:
        ben, cleo = cleo, ben
    return ana, ben, cleo, dan


class TestComparison:
    async def test_tells_who_moves_and_what_it_is_worth(self, world: World) -> None:
        base, what_if = await base_and_what_if(world)
        found = await compared(world, base, what_if)
        run, other = await the_run(world, base), await the_run(world, what_if)
        for figures, state in ((found.run, run), (found.other, other)):
            assert (figures.run_id, figures.upper_bound) == (state.run_id, state.upper_bound)
            assert figures.value == pytest.approx(state.value)
            assert (figures.pairs, figures.matched, figures.unmatched) == (2, 4, 0)
            assert figures.mean_value == pytest.approx(state.value / 2)
            assert figures.organizations == state.organizations
        assert (found.pairs_in_both, found.pairs_only_in_run, found.pairs_only_in_other) == (0, 2, 2)
        assert (found.moved, found.same_snapshot) == (4, True)
        partners = {frozenset((move.person_id, *move.partners)) for move in found.moves}
        assert partners == twos(await drafted(world))
        assert all(move.partners != move.other_partners for move in found.moves)

    async def test_names_own_people_only(self, world: World) -> None:
        base, what_if = await base_and_what_if(world)
        for number in (0, 1):
            found = await compared(world, base, what_if, by=world.admin(number))
            assert len(found.moves) == 2
            assert {move.organization_id for move in found.moves} == {world.organizations[number]}
        assert (await compared(world, base, what_if, by=OPERATOR)).moves == ()

    async def test_is_for_organizers_of_completed_runs(self, world: World) -> None:
        base, what_if = await base_and_what_if(world)
        with pytest.raises(NotFound):
            await compared(world, base, what_if, by=admin_of(await world.organization()))
        with pytest.raises(NotFound):
            await compared(world, base, what_if, by=world.person((await drafted(world))[0].members[0].person_id))
        with pytest.raises(NotFound):
            await compared(world, base, uuid4())
        queued = await queue(world, base, RuleSet(rules=()))
        with pytest.raises(Conflict, match="queued"):
            await compared(world, base, queued)

    async def test_of_what_was_erased_is_gone(self, world: World) -> None:
        base, what_if = await base_and_what_if(world)
        person = (await drafted(world))[0].members[0].person_id
        await world.hear(ProfileErased(key=person, version=9, occurred_at=START, person_id=person))
        with pytest.raises(NotFound, match="erased"):
            await compared(world, base, what_if)


def test_places_go_to_the_most_valuable_pairs_when_fewer_are_free() -> None:
    ana, ben, cleo = sorted(uuid4() for _ in range(3))

    def planned(one: UUID, other: UUID, value: float) -> PlannedPair:
        return PlannedPair(
            first=str(one),
            second=str(other),
            value=value,
            terms=(),
            directions=(),
            language="",
            shared_minutes=0,
            shared_windows=(),
            common_ground="",
            bridge="",
        )

    plan = Plan(pairs=(planned(ana, ben, 0.4), planned(ana, cleo, 0.6)))
    both = Material(enrolments=(), candidates={}, free={ana: 2, ben: 1, cleo: 1}, managers={})
    assert standing(plan, material=both) == plan
    fewer = Material(enrolments=(), candidates={}, free={ana: 1, ben: 1, cleo: 1}, managers={})
    assert [pair.second for pair in standing(plan, material=fewer).pairs] == [str(cleo)]


def test_runs_of_two_cohorts_are_not_compared() -> None:
    one, other = (MatchRun(run_id=uuid4(), cohort_id=uuid4(), status=RunStatus.COMPLETED) for _ in range(2))
    check_comparable(one, one)
    with pytest.raises(Conflict, match="different cohorts"):
        check_comparable(one, other)


def test_a_run_of_yesterday_is_none_of_these() -> None:
    run = MatchRun(run_id=uuid4(), cohort_id=uuid4(), status=RunStatus.COMPLETED)
    assert (run.simulated, run.base_run_id, run.rules) == (False, None, None)
