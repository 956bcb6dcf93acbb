"""What other services say: organizations, profiles in any order, consents, erasures, signatures; and telling it all again."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from contracts.base import SYSTEM, encode
from contracts.matching import (
    AskQuestion,
    Direction,
    EnrolmentChanged,
    EnrolmentStatus,
    PairActivated,
    PairChanged,
    PairDeclined,
    PairEnded,
    PairStatus,
    WithdrawEnrolment,
)
from contracts.profiles import Consent, ConsentChanged, Offer, ProfileErased, Purpose
from services.matching import store
from services.matching.app import app
from services.matching.domain.kept import changed, fact_of
from tests.matching.world import START, World, facts_of

CANARY = "CANARY-7c1f"


def consent(person_id: UUID, *, granted: bool, version: int = 1, **more: object) -> ConsentChanged:
    return ConsentChanged(
        key=uuid5(person_id, "matching"),
        version=version,
        occurred_at=START,
        consent=Consent(person_id=person_id, purpose=Purpose.MATCHING, granted=granted, **more),  # type: ignore[arg-type]
    )


def erased(person_id: UUID, *, version: int = 9) -> ProfileErased:
    return ProfileErased(key=person_id, version=version, occurred_at=START, person_id=person_id)


async def said(world: World, person_id: UUID) -> list[str]:
    async with world.database.begin(SYSTEM) as tx:
        candidate, _ = await store.load_candidate(tx, person_id)
    return [] if candidate is None else [offer.text for offer in candidate.offers]


class TestProfile:
    async def test_keeps_the_newest_whatever_order_it_arrives_in(self, world: World) -> None:
        person = await world.somebody(offers="first")
        await world.profile(person, version=3, offers=(Offer(text="third"),))
        await world.profile(person, version=2, offers=(Offer(text="second"),))
        assert await said(world, person) == ["third"]

    async def test_keeps_no_name_and_no_address(self, world: World) -> None:
        person = await world.somebody()
        await world.profile(person, version=2, display_name=CANARY, subject=CANARY, job_title=CANARY)
        assert await world.count(f"SELECT count(*) FROM candidate WHERE said::text LIKE '%{CANARY}%'") == 0

    async def test_of_somebody_who_left_their_organization_pauses_them(self, world: World) -> None:
        await world.open_cohort()
        ana, ben = await world.somebody(0), await world.somebody(1)
        for person in (ana, ben):
            await world.enrol(person)
        pair = await world.proposed(ana, ben)
        recorded = await world.profile(ana, version=2, active=False)
        (paused,) = facts_of(recorded, EnrolmentChanged)
        assert (paused.enrolment.person_id, paused.enrolment.status) == (ana, EnrolmentStatus.PAUSED)
        assert (await world.pair(pair)).status is PairStatus.DECLINED


class TestConsent:
    async def test_taken_back_pauses_everywhere_and_blocks_the_way_back(self, world: World) -> None:
        await world.open_cohort()
        ana = await world.somebody()
        await world.enrol(ana)
        assert await world.hear(consent(ana, granted=True)) == []
        (paused,) = facts_of(await world.hear(consent(ana, granted=False, version=2)), EnrolmentChanged)
        assert paused.enrolment.status is EnrolmentStatus.PAUSED
        assert await world.hear(consent(ana, granted=False, version=2)) == []
        late = await world.hear(consent(ana, granted=True, version=1))
        assert late == []

    async def test_that_runs_out_pauses_by_time(self, world: World) -> None:
        await world.open_cohort()
        ana = await world.somebody()
        await world.hear(consent(ana, granted=True, until=START + timedelta(days=1)))
        await world.enrol(ana)
        assert await world.tick("pause_lapsed_consents") == []
        world.clock.forward(timedelta(days=1))
        (paused,) = facts_of(await world.tick("pause_lapsed_consents"), EnrolmentChanged)
        assert paused.enrolment.status is EnrolmentStatus.PAUSED
        assert await world.tick("pause_lapsed_consents") == []

    async def test_for_other_purposes_changes_nothing(self, world: World) -> None:
        await world.open_cohort()
        ana = await world.somebody()
        await world.enrol(ana)
        other = Consent(person_id=ana, purpose=Purpose.LEARNING, granted=False)
        fact = ConsentChanged(key=uuid4(), version=1, occurred_at=START, consent=other)
        assert await world.hear(fact) == []


class TestErasure:
    async def test_leaves_no_word_in_any_table_and_tells_the_world(self, world: World) -> None:
        await world.open_cohort(capacity=3)
        ana, ben, cleo, dan = [
            await world.somebody(number % 2, offers=f"{CANARY} offer" if number == 0 else "x") for number in range(4)
        ]
        for person in (ana, ben, cleo, dan):
            await world.enrol(person)
        working = await world.together(ana, ben)
        await world.sign(working)
        async with world.database.begin(SYSTEM) as tx:
            kept = await store.load_pair(tx, working, lock=True)
            assert kept is not None
            direction = Direction(
                teacher_id=ana,
                learner_id=ben,
                need="x",
                offer=f"{CANARY} offer",
                similarity=1,
                priority=1,
                level=1,
                value=1,
            )
            told = replace(kept.state, directions=(direction,), common_ground=CANARY)
            await store.save(tx, [changed(kept, to=told, told_as=PairChanged, at=tx.now, by=None)])
        asked = await world.proposed(ana, cleo)
        question = AskQuestion(command_id=uuid4(), pair_id=asked, question_id=uuid4(), text=f"{CANARY}?")
        await world.do(question, by=ana)

        recorded = await world.hear(erased(ana))
        assert {fact.pair.pair_id: fact.pair.status for fact in facts_of(recorded, PairEnded)} == {
            working: PairStatus.ENDED_EARLY
        }
        assert {fact.pair.pair_id for fact in facts_of(recorded, PairDeclined)} == {asked}
        assert [(f.enrolment.person_id, f.enrolment.status) for f in facts_of(recorded, EnrolmentChanged)] == [
            (ana, EnrolmentStatus.WITHDRAWN),
            (dan, EnrolmentStatus.ADMITTED),
        ]
        assert all(CANARY.encode() not in encode(each.fact) for each in recorded)
        for table in ("candidate", "enrolment", "pair", "match_run", "cohort"):
            assert await world.count(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%{CANARY}%'") == 0, table
        # What comes late does not bring them back, and once is enough.
        assert await world.profile(ana, version=2, offers=(Offer(text=CANARY),)) == []
        assert await said(world, ana) == []
        assert await world.hear(erased(ana)) == []

    async def test_before_the_profile_is_known_keeps_it_out(self, world: World) -> None:
        ghost = uuid4()
        world.home[ghost] = world.organizations[0]
        await world.hear(erased(ghost, version=5))
        await world.profile(ghost, version=4)
        assert await said(world, ghost) == []

    async def test_also_blanks_pairs_of_somebody_who_left_the_cohort_before(self, world: World) -> None:
        await world.open_cohort()
        ana, ben = await world.somebody(0), await world.somebody(1)
        for person in (ana, ben):
            await world.enrol(person)
        pair = await world.proposed(ana, ben)
        question = AskQuestion(command_id=uuid4(), pair_id=pair, question_id=uuid4(), text=CANARY)
        await world.do(question, by=ana)
        await world.do(WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=ana)
        (changed_pair,) = facts_of(await world.hear(erased(ana)), PairChanged)
        assert changed_pair.pair.status is PairStatus.DECLINED
        assert changed_pair.pair.questions[0].text == ""


class TestSignature:
    async def test_of_both_activates_and_nothing_else_does(self, world: World) -> None:
        await world.open_cohort()
        ana, ben = await world.somebody(0), await world.somebody(1)
        for person in (ana, ben):
            await world.enrol(person)
        pair = await world.proposed(ana, ben)
        assert await world.sign(pair) == []  # nobody accepted yet
        await world.accept(pair, by=ana)
        assert await world.sign(pair) == []
        await world.accept(pair, by=ben)
        assert await world.sign(pair, complete=False) == []
        (active,) = facts_of(await world.sign(pair), PairActivated)
        assert active.pair.status is PairStatus.ACTIVE
        assert await world.sign(pair) == []


async def test_current_facts_repeat_what_was_told_last_to_the_letter(world: World) -> None:
    await world.open_cohort()
    ana, ben = await world.somebody(0), await world.somebody(1)
    told = {}
    for person in (ana, ben):
        for each in await world.enrol(person):
            told[each.fact.key] = each.fact
    pair = await world.proposed(ana, ben)
    for recorded in (await world.accept(pair, by=ana), await world.accept(pair, by=ben), await world.sign(pair)):
        for each in recorded:
            told[each.fact.key] = each.fact
    assert app.spec.catalog is not None
    async with world.database.begin(SYSTEM) as tx:
        again = {fact.key: fact async for fact in app.spec.catalog(tx)}
        cohort = await store.load_cohort(tx, world.cohort_id)
    assert cohort is not None
    assert again == told | {world.cohort_id: fact_of(cohort)}
