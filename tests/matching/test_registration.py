"""Registration on real PostgreSQL: windows, invitations, places, the waiting list, blocks; and who may do what."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from contracts.base import Actor, Role
from contracts.errors import Conflict, Full, Invalid, NotAllowed, NotFound, Refusal, TooLate
from contracts.matching import (
    AcceptPartnership,
    BlockPerson,
    ChangeRules,
    Cohort,
    CohortAdvanced,
    CohortStatus,
    DraftCohort,
    EnrolmentChanged,
    EnrolmentStatus,
    InvitePeople,
    PairDeclined,
    PairStatus,
    Partner,
    PauseEnrolment,
    PinPair,
    RemoveEnrolment,
    RequestMatching,
    ResumeEnrolment,
    Rule,
    RuleKind,
    RuleSet,
    WithdrawEnrolment,
)
from services.matching import store
from tests.matching.world import World, facts_of


def statuses(recorded: list[EnrolmentChanged]) -> dict[UUID, EnrolmentStatus]:
    return {fact.enrolment.person_id: fact.enrolment.status for fact in recorded}


class TestDraft:
    async def test_with_an_id_that_is_taken_is_refused_even_when_the_other_is_invisible(self, world: World) -> None:
        await world.do(DraftCohort(command_id=uuid4(), cohort=world.a_cohort()), by=world.admin())
        await world.organization()
        alone = world.a_cohort(partners=(Partner(organization_id=world.organizations[2]),))
        for number, cohort in ((0, world.a_cohort()), (2, alone)):
            with pytest.raises(Conflict, match="exists"):
                await world.do(DraftCohort(command_id=uuid4(), cohort=cohort), by=world.admin(number))

    async def test_names_partners_that_do_not_exist(self, world: World) -> None:
        partners = (*world.a_cohort().partners, Partner(organization_id=uuid4()))
        with pytest.raises(Invalid) as refusal:
            await world.do(DraftCohort(command_id=uuid4(), cohort=world.a_cohort(partners=partners)), by=world.admin())
        assert [problem.path for problem in refusal.value.problems] == ["partners[2]"]

    async def test_is_for_admins(self, world: World) -> None:
        person = await world.somebody()
        with pytest.raises(NotAllowed):
            await world.do(DraftCohort(command_id=uuid4(), cohort=world.a_cohort()), by=person)


class TestEnrol:
    async def test_fills_seats_then_waits_and_a_freed_place_goes_to_the_next(self, world: World) -> None:
        await world.open_cohort(capacity=3)
        people = [await world.somebody() for _ in range(5)]
        found = {}
        for person in people:
            (fact,) = facts_of(await world.enrol(person), EnrolmentChanged)
            found[person] = (fact.enrolment.status, fact.enrolment.waiting_position)
        assert [found[person] for person in people] == [
            *[(EnrolmentStatus.ADMITTED, None)] * 3,
            (EnrolmentStatus.WAITLISTED, 1),
            (EnrolmentStatus.WAITLISTED, 2),
        ]
        withdraw = WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id)
        facts = facts_of(await world.do(withdraw, by=people[0]), EnrolmentChanged)
        assert statuses(facts) == {
            people[0]: EnrolmentStatus.WITHDRAWN,
            people[3]: EnrolmentStatus.ADMITTED,
            people[4]: EnrolmentStatus.WAITLISTED,
        }
        assert facts[-1].enrolment.waiting_position == 1

    async def test_respects_the_seats_of_an_organization(self, world: World) -> None:
        partners = (
            Partner(organization_id=world.organizations[0]),
            Partner(organization_id=world.organizations[1], seats=1),
        )
        await world.open_cohort(partners=partners)
        first, second, other = (await world.somebody(1), await world.somebody(1), await world.somebody(0))
        result: dict[UUID, EnrolmentStatus] = {}
        for person in (first, second, other):
            result |= statuses(facts_of(await world.enrol(person), EnrolmentChanged))
        assert list(result.values()) == [
            EnrolmentStatus.ADMITTED,
            EnrolmentStatus.WAITLISTED,
            EnrolmentStatus.ADMITTED,
        ]

    async def test_racing_never_overfills(self, world: World) -> None:
        await world.open_cohort(capacity=4)
        people = [await world.somebody(number % 2) for number in range(10)]
        results = await asyncio.gather(*(world.enrol(person) for person in people))
        facts = [fact for recorded in results for fact in facts_of(recorded, EnrolmentChanged)]
        assert list(statuses(facts).values()).count(EnrolmentStatus.ADMITTED) == 4
        positions = sorted(fact.enrolment.waiting_position or 0 for fact in facts)
        assert positions == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]

    async def test_ends_with_the_window(self, world: World) -> None:
        await world.open_cohort()
        person = await world.somebody()
        await world.close()
        with pytest.raises(TooLate):
            await world.enrol(person)

    async def test_of_a_person_whose_organization_is_no_partner_finds_nothing(self, world: World) -> None:
        await world.open_cohort()
        await world.organization()
        stranger = await world.somebody(2)
        with pytest.raises(NotFound):
            await world.enrol(stranger)

    async def test_works_before_the_profile_is_known_here(self, world: World) -> None:
        await world.open_cohort()
        early = uuid4()
        world.home[early] = world.organizations[0]
        assert statuses(facts_of(await world.enrol(early), EnrolmentChanged)) == {early: EnrolmentStatus.ADMITTED}

    async def test_again_after_withdrawing_continues_the_same_enrolment(self, world: World) -> None:
        await world.open_cohort()
        person = await world.somebody()
        (first,) = facts_of(await world.enrol(person), EnrolmentChanged)
        await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=person)
        (again,) = facts_of(await world.enrol(person, capacity=3), EnrolmentChanged)
        assert (again.key, again.version) == (first.key, 3)
        assert await world.count("SELECT capacity FROM seat WHERE person_id = :person", person=person) == 3


class TestInvite:
    async def test_reaches_everybody_of_the_own_organization_once(self, world: World) -> None:
        await world.open_cohort()
        ours, _theirs = [await world.somebody(0) for _ in range(3)], await world.somebody(1)
        await world.enrol(ours[0])
        invite = InvitePeople(command_id=uuid4(), cohort_id=world.cohort_id)
        facts = facts_of(await world.do(invite, by=world.admin()), EnrolmentChanged)
        assert statuses(facts) == dict.fromkeys(ours[1:], EnrolmentStatus.INVITED)
        again = InvitePeople(command_id=uuid4(), cohort_id=world.cohort_id)
        assert await world.do(again, by=world.admin()) == []

    async def test_of_other_peoples_people_is_refused_with_their_ids(self, world: World) -> None:
        await world.open_cohort()
        ours, theirs = await world.somebody(0), await world.somebody(1)
        invite = InvitePeople(command_id=uuid4(), cohort_id=world.cohort_id, people=(ours, theirs))
        with pytest.raises(NotFound) as refusal:
            await world.do(invite, by=world.admin())
        assert [(problem.path, problem.value) for problem in refusal.value.problems] == [("people[1]", str(theirs))]


class TestPause:
    async def test_declines_what_is_open_and_resuming_brings_the_place_back(self, world: World) -> None:
        await world.open_cohort()
        ana, ben = await world.somebody(0), await world.somebody(1)
        for person in (ana, ben):
            await world.enrol(person)
        pair = await world.proposed(ana, ben)
        recorded = await world.do(PauseEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        assert [fact.pair.pair_id for fact in facts_of(recorded, PairDeclined)] == [pair]
        back = await world.do(ResumeEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        assert statuses(facts_of(back, EnrolmentChanged)) == {ana: EnrolmentStatus.ADMITTED}


class TestRemove:
    async def test_is_for_the_own_organization(self, world: World) -> None:
        await world.open_cohort()
        ana = await world.somebody(0)
        await world.enrol(ana)
        remove = RemoveEnrolment(command_id=uuid4(), cohort_id=world.cohort_id, person_id=ana)
        with pytest.raises(NotFound):
            await world.do(remove, by=world.admin(1))
        ours = RemoveEnrolment(command_id=uuid4(), cohort_id=world.cohort_id, person_id=ana)
        recorded = await world.do(ours, by=world.admin(0))
        assert statuses(facts_of(recorded, EnrolmentChanged)) == {ana: EnrolmentStatus.REMOVED}
        with pytest.raises(Conflict):
            await world.enrol(ana)


class TestWithdraw:
    async def test_ends_the_pairs_too(self, world: World) -> None:
        await world.open_cohort()
        ana, ben = await world.somebody(0), await world.somebody(1)
        for person in (ana, ben):
            await world.enrol(person)
        pair = await world.together(ana, ben)
        await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        assert (await world.pair(pair)).status is PairStatus.ENDED_EARLY
        assert await world.count("SELECT sum(taken) FROM seat") == 0


class TestBlock:
    async def test_declines_open_proposals_of_the_two_and_stays_secret(self, world: World) -> None:
        await world.open_cohort()
        ana, ben = await world.somebody(0), await world.somebody(1)
        for person in (ana, ben):
            await world.enrol(person)
        pair = await world.proposed(ana, ben)
        recorded = await world.do(BlockPerson(command_id=uuid4(), person_id=ben), by=ana)
        assert [fact.pair.pair_id for fact in facts_of(recorded, PairDeclined)] == [pair]
        async with world.database.begin(world.person(ben)) as tx:
            assert await store.block_exists(tx, {ana, ben}) == set()
        async with world.database.begin(world.person(ana)) as tx:
            assert await store.block_exists(tx, {ana, ben}) == {frozenset((ana, ben))}

    async def test_of_oneself_is_refused(self, world: World) -> None:
        ana = await world.somebody()
        with pytest.raises(Invalid):
            await world.do(BlockPerson(command_id=uuid4(), person_id=ana), by=ana)


class TestRules:
    async def test_change_with_a_version_and_refuse_contradictions_by_name(self, world: World) -> None:
        await world.open_cohort()
        ana, cleo = await world.somebody(0), await world.somebody(0)
        for person in (ana, cleo):
            await world.enrol(person)
        across, together = Rule(kind=RuleKind.CROSS_ORGANIZATION), Rule(kind=RuleKind.TOGETHER, people=(ana, cleo))
        fine = ChangeRules(command_id=uuid4(), cohort_id=world.cohort_id, rules=RuleSet(rules=(across,)))
        (changed,) = facts_of(await world.do(fine, by=world.admin(1)), CohortAdvanced)
        assert (changed.cohort.rules.version, changed.cohort.rules.rules) == (2, (across,))
        wrong = ChangeRules(command_id=uuid4(), cohort_id=world.cohort_id, rules=RuleSet(rules=(across, together)))
        with pytest.raises(Conflict, match="CROSS_ORGANIZATION") as refusal:
            await world.do(wrong, by=world.admin())
        assert [problem.path for problem in refusal.value.problems] == ["rules[0], rules[1]"]


class TestPin:
    async def test_needs_places_for_both(self, world: World) -> None:
        await world.open_cohort()
        ana, ben, cleo, dan = [await world.somebody(number % 2) for number in range(4)]
        for person in (ana, ben, cleo):
            await world.enrol(person)

        def pin(one: UUID, other: UUID) -> PinPair:
            return PinPair(command_id=uuid4(), cohort_id=world.cohort_id, people=(one, other))

        await world.do(pin(ana, ben), by=world.admin())
        with pytest.raises(Full):
            await world.do(pin(ana, cleo), by=world.admin())
        with pytest.raises(Conflict):
            await world.do(pin(cleo, dan), by=world.admin())
        with pytest.raises(Invalid):
            await world.do(pin(ana, ana), by=world.admin())


class TestTenancy:
    async def test_forbidden_looks_exactly_like_absent(self, world: World) -> None:
        await world.open_cohort()
        await world.organization()
        stranger = world.admin(2)
        person = world.person(await world.somebody(0))
        for cohort_id in (world.cohort_id, uuid4()):
            for actor in (stranger, person):
                for command in (
                    AcceptPartnership(command_id=uuid4(), cohort_id=cohort_id),
                    RequestMatching(command_id=uuid4(), run_id=uuid4(), cohort_id=cohort_id),
                    InvitePeople(command_id=uuid4(), cohort_id=cohort_id),
                    ChangeRules(command_id=uuid4(), cohort_id=cohort_id, rules=RuleSet()),
                ):
                    with pytest.raises(NotFound) as refusal:
                        await world.do(command, by=actor)
                    assert str(refusal.value) == "There is no such cohort."

    async def test_rows_of_other_cohorts_do_not_exist_for_an_unfiltered_select(self, world: World) -> None:
        await world.open_cohort()
        ana, ben = await world.somebody(0), await world.somebody(1)
        for person in (ana, ben):
            await world.enrol(person)
        await world.together(ana, ben)
        await world.organization()
        stranger = await world.somebody(2)
        tables = ("cohort", "enrolment", "seat", "pair", "match_run", "run_snapshot", "consent", "block")
        for actor in (world.admin(2), world.person(stranger)):
            async with world.database.begin(actor) as tx:
                for table in tables:
                    assert await tx.connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0, table
                assert await tx.connection.scalar(sa.text("SELECT count(*) FROM candidate")) == 1
        async with world.database.begin(world.admin(1)) as tx:
            assert await tx.connection.scalar(sa.text("SELECT count(*) FROM pair")) == 1
            assert await tx.connection.scalar(sa.text("SELECT count(*) FROM candidate")) == 1

    async def test_person_without_an_id_is_nobody(self, world: World) -> None:
        await world.open_cohort()
        nobody = Actor(roles=(Role.PERSON,), organization_id=world.organizations[0], subject="?")
        with pytest.raises(NotAllowed):
            await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=nobody)


async def test_window_is_kept_by_time_alone(world: World) -> None:
    later = world.clock.now() + timedelta(hours=2)
    cohort: Cohort = world.a_cohort(opens_at=later)
    await world.do(DraftCohort(command_id=uuid4(), cohort=cohort), by=world.admin())
    world.clock.set(later)
    assert await world.tick("open_and_close_cohorts") == []  # a partner has not accepted
    await world.do(AcceptPartnership(command_id=uuid4(), cohort_id=world.cohort_id), by=world.admin(1))
    assert (await world.cohort()).status is CohortStatus.OPEN
    with pytest.raises(Refusal):
        await world.do(AcceptPartnership(command_id=uuid4(), cohort_id=world.cohort_id), by=world.admin(1))
    await world.close()
    assert await world.tick("open_and_close_cohorts") == []
