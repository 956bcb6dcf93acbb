"""Learning from released feedback: only by consent, within an organization or among those that share, off unless a cohort asks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4, uuid5

import msgspec
import pytest

from benchmarks.learning import Truth, biased, fair, generated
from contracts.base import SYSTEM, Actor, Event, Recorded, Role
from contracts.errors import Conflict, NotAllowed, NotFound
from contracts.feedback import Feedback, FeedbackKind, FeedbackReleased, FeedbackStatus
from contracts.matching import (
    Calibration,
    CalibrationChanged,
    CohortStatus,
    Direction,
    FitOutcome,
    MatchingCompleted,
    MatchRun,
    Member,
    Pair,
    PairProposed,
    PairStatus,
    RefitCalibration,
    RuleSet,
    RunStatus,
    ShareFeedback,
    Suggestion,
    UseCalibration,
    calibration_id_of,
)
from contracts.profiles import Consent, ConsentChanged, Facets, ProfileErased, Purpose
from services.matching import store
from services.matching.domain.kept import Kept
from services.matching.engine.learning.reports import Reported
from services.matching.engine.meaning.calibration import stored
from services.matching.engine.meaning.offline import near_known
from services.matching.engine.model import Snapshot
from services.matching.jobs.advice import advisor
from tests.matching.test_advising import open_six, suggested
from tests.matching.test_simulations import queue, work
from tests.matching.test_worker import MEANING, at_hand, four, matched, the_run
from tests.matching.world import START, World, facts_of

__all__ = ["at_hand"]
OPERATOR = Actor(roles=(Role.OPERATOR,), subject="root")
MODELS = "test"
Two = tuple[UUID, UUID]


def agreed(person: UUID, *, granted: bool = True, version: int = 1, until: datetime | None = None) -> ConsentChanged:
    return ConsentChanged(
        key=uuid5(person, "learning"),
        version=version,
        occurred_at=START,
        consent=Consent(person_id=person, purpose=Purpose.LEARNING, granted=granted, until=until),
    )


def released(
    pair: Pair, learner: UUID, *, useful: int | None, version: int = 3, occasion: str = "final"
) -> FeedbackReleased:
    (teacher,) = {member.person_id for member in pair.members} - {learner}
    feedback_id = uuid5(pair.pair_id, f"{occasion}:{learner}")
    return FeedbackReleased(
        key=feedback_id,
        version=version,
        occurred_at=START,
        feedback=Feedback(
            feedback_id=feedback_id,
            pair_id=pair.pair_id,
            cohort_id=pair.cohort_id,
            kind=FeedbackKind.FINAL,
            author_id=learner,
            addressee_id=teacher,
            status=FeedbackStatus.EXPIRED if useful is None and version == 3 else FeedbackStatus.RELEASED,
            due_at=START,
            usefulness=useful,
        ),
    )


class School:
    """A cohort whose pairs were matched long ago and report now."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.run_id = uuid4()
        self.pairs: list[Pair] = []

    async def begin(self, *, meaning: str = MODELS) -> None:
        self.run_id = uuid4()
        async with self.world.database.begin(SYSTEM) as tx:
            run = MatchRun(
                run_id=self.run_id, cohort_id=self.world.cohort_id, status=RunStatus.COMPLETED, meaning=meaning
            )
            kept = Kept(state=run, told_as=MatchingCompleted, changed_at=tx.now)
            await store.add_run(tx, kept, seed=0, came_from=CohortStatus.CLOSED)

    async def pair(
        self,
        one: UUID,
        other: UUID,
        *,
        promised: Sequence[tuple[float, float]] = ((0.9, 1.0), (0.9, 1.0)),
        unlearned: float | None = None,
    ) -> Pair:
        """``promised``: (chance, aptness) where the first teaches, and where the second does."""
        made = self._matched(one, other, promised=promised, unlearned=unlearned)
        await self._save([made])
        return made

    async def _save(self, made: Sequence[Pair]) -> None:
        async with self.world.database.begin(SYSTEM) as tx:
            await store.save(tx, [Kept(state=each, told_as=PairProposed, changed_at=tx.now) for each in made])
        self.pairs += made

    def _matched(
        self, one: UUID, other: UUID, *, promised: Sequence[tuple[float, float]], unlearned: float | None = None
    ) -> Pair:
        homes = self.world.home
        return Pair(
            pair_id=uuid5(self.world.cohort_id, f"{one} {other}"),
            cohort_id=self.world.cohort_id,
            run_id=self.run_id,
            status=PairStatus.ACTIVE,
            members=tuple(Member(person_id=each, organization_id=homes[each]) for each in sorted((one, other))),
            directions=tuple(
                Direction(
                    teacher_id=teacher,
                    learner_id=learner,
                    need="to learn",
                    offer="to teach",
                    similarity=chance,
                    priority=3,
                    level=4,
                    value=chance,
                    aptness=aptness,
                    unlearned=unlearned,
                )
                for (teacher, learner), (chance, aptness) in zip(((one, other), (other, one)), promised, strict=True)
            ),
            value=1.0,
        )

    async def report(
        self, directions: int, *, truth: Truth, homes: Sequence[int] = (0, 0), seed: int = 1, agree: bool = True
    ) -> list[Two]:
        """Pairs of people of these organizations, all of whom agree, report as generated."""
        facts: list[Event] = []
        people: list[Two] = []
        pairs: list[Pair] = []
        reports = generated(directions, truth=truth, seed=seed)
        by_pair: dict[str, list[Reported]] = {}
        for each in reports:
            by_pair.setdefault(each.pair, []).append(each)
        for there, back in by_pair.values():
            two = uuid4(), uuid4()
            for person, home in zip(two, homes, strict=True):
                self.world.home[person] = self.world.organizations[home]
                facts.append(agreed(person, granted=agree))
            pair = self._matched(*two, promised=[(each.chance / 1000, each.aptness / 1000) for each in (there, back)])
            pairs.append(pair)
            facts += [
                released(pair, learner, useful=1 + each.reported // 250)
                for each, learner in ((there, two[1]), (back, two[0]))
            ]
            people.append(two)
        await self._save(pairs)
        # Facts of one batch in their order: consents first.
        await self.world.hear(*sorted(facts, key=lambda fact: not isinstance(fact, ConsentChanged)))
        return people


@pytest.fixture
async def school(world: World) -> School:
    await world.open_cohort()
    made = School(world)
    await made.begin()
    return made


async def reports(world: World) -> int:
    return await world.count("SELECT count(*) FROM report")


async def two_who_agreed(school: School) -> Two:
    one, other = await school.world.somebody(0), await school.world.somebody(0)
    await school.world.hear(agreed(one), agreed(other))
    return one, other


async def refit(world: World, *, by: Actor | None = None, of: UUID | None = None) -> Calibration:
    organization = world.organizations[0] if of is None and by is None else of
    command = RefitCalibration(command_id=uuid4(), organization_id=organization)
    (fact,) = facts_of(await world.do(command, by=by or world.admin()), CalibrationChanged)
    return fact.calibration


async def calibration(world: World, organization_id: UUID | None) -> Calibration:
    async with world.database.begin(SYSTEM) as tx:
        found = await store.calibrations(tx, [calibration_id_of(organization_id)])
    return found[calibration_id_of(organization_id)]


class TestReports:
    async def test_are_kept_beside_what_was_promised(self, school: School) -> None:
        world = school.world
        one, other = await two_who_agreed(school)
        pair = await school.pair(one, other, promised=((0.9, 0.8), (0.7, 1.0)), unlearned=0.95)
        await world.hear(released(pair, other, useful=4))
        found = await world.count(
            "SELECT count(*) FROM report WHERE learner_id = :learner AND teacher_id = :teacher AND chance = 950"
            " AND aptness = 800 AND usefulness = 4 AND meaning = 'test'",
            learner=other,
            teacher=one,
        )
        assert (found, await reports(world)) == (1, 1)

    async def test_are_kept_once_and_the_newest_of_each(self, school: School) -> None:
        one, other = await two_who_agreed(school)
        pair = await school.pair(one, other)
        fact = released(pair, other, useful=4)
        await school.world.hear(fact)
        await school.world.hear(replace(fact, version=4, feedback=replace(fact.feedback, usefulness=2)))
        await school.world.hear(replace(fact, version=2, feedback=replace(fact.feedback, usefulness=5)))
        assert await reports(school.world) == 1
        assert await school.world.count("SELECT usefulness FROM report") == 2

    async def test_go_when_a_rating_is_no_longer_public(self, school: School) -> None:
        one, other = await two_who_agreed(school)
        pair = await school.pair(one, other)
        await school.world.hear(released(pair, other, useful=4))
        await school.world.hear(released(pair, other, useful=None, version=4))
        assert await reports(school.world) == 0

    @pytest.mark.parametrize("without", [0, 1])
    async def test_need_the_word_of_both(self, school: School, without: int) -> None:
        two = await school.world.somebody(0), await school.world.somebody(0)
        await school.world.hear(agreed(two[1 - without]))
        await school.world.hear(released(await school.pair(*two), two[0], useful=4))
        assert await reports(school.world) == 0

    @pytest.mark.parametrize("who", [0, 1])
    async def test_go_at_once_with_the_consent_of_either(self, school: School, who: int) -> None:
        two = await two_who_agreed(school)
        pair = await school.pair(*two)
        await school.world.hear(released(pair, two[0], useful=4), released(pair, two[1], useful=5))
        assert await reports(school.world) == 2
        await school.world.hear(agreed(two[who], granted=False, version=2))
        assert await reports(school.world) == 0
        await school.world.hear(agreed(two[who], granted=True, version=1))
        await school.world.hear(released(pair, two[0], useful=4, version=5))
        assert await reports(school.world) == 0

    async def test_go_when_a_consent_runs_out(self, school: School) -> None:
        one, other = await school.world.somebody(0), await school.world.somebody(0)
        await school.world.hear(agreed(one), agreed(other, until=START + timedelta(days=1)))
        await school.world.hear(released(await school.pair(one, other), one, useful=4))
        await school.world.tick("forget_lapsed_reports")
        assert await reports(school.world) == 1
        school.world.clock.forward(timedelta(days=1))
        await school.world.tick("forget_lapsed_reports")
        assert await reports(school.world) == 0

    @pytest.mark.parametrize("who", [0, 1])
    async def test_go_when_somebody_is_erased_and_do_not_come_back(self, school: School, who: int) -> None:
        world, two = school.world, await two_who_agreed(school)
        pair = await school.pair(*two)
        await world.hear(released(pair, two[0], useful=4), released(pair, two[1], useful=4))
        gone = two[who]
        await world.hear(ProfileErased(key=gone, version=9, occurred_at=START, person_id=gone))
        await world.hear(agreed(gone, version=1))
        await world.hear(released(pair, two[0], useful=5, version=7))
        assert await reports(world) == 0

    async def test_of_pairs_without_a_promise_are_left_aside(self, school: School) -> None:
        one, other = await two_who_agreed(school)
        pair = await school.pair(one, other, promised=((0.0, 1.0), (0.9, 0.0)))
        await school.world.hear(released(pair, one, useful=4), released(pair, other, useful=4))
        assert await reports(school.world) == 0

    async def test_are_read_by_no_tenant(self, school: School) -> None:
        one, other = await two_who_agreed(school)
        await school.world.hear(released(await school.pair(one, other), one, useful=4))
        for actor in (school.world.admin(), school.world.person(one)):
            async with school.world.database.begin(actor) as tx:
                found = await tx.connection.exec_driver_sql("SELECT count(*) FROM report")
                assert found.scalar() == 0


class TestRefit:
    async def test_learns_where_the_models_are_wrong(self, school: School) -> None:
        await school.report(160, truth=biased, seed=4)
        found = await refit(school.world)
        (version,) = found.versions
        assert (found.in_use, version.number, version.fit) == (1, 1, found.latest_fit)
        assert version.fit.outcome is FitOutcome.ADOPTED
        assert (version.fit.directions, version.fit.people, version.fit.meaning) == (160, 160, MODELS)
        assert version.fit.loss is not None
        assert version.fit.loss_before is not None
        assert version.fit.loss < version.fit.loss_before
        assert dict(zip(version.at, version.curve, strict=True))[950] < 900
        assert all(each.directions % 5 == 0 and each.directions >= 5 for each in version.fit.reliability)

    async def test_takes_no_noise_for_a_lesson_and_shows_how_reliable_the_models_are(self, school: School) -> None:
        await school.report(120, truth=fair)
        found = await refit(school.world)
        assert (found.in_use, found.versions) == (0, ())
        assert found.latest_fit is not None
        assert found.latest_fit.outcome is FitOutcome.NO_BETTER
        assert found.latest_fit.reliability

    async def test_waits_for_enough_and_for_news(self, school: School) -> None:
        await school.report(10, truth=biased)
        with pytest.raises(Conflict, match="Fewer than 20 directions"):
            await refit(school.world)
        await school.report(30, truth=biased, seed=2)
        found = await refit(school.world)
        assert found.latest_fit is not None
        assert found.latest_fit.outcome is FitOutcome.TOO_FEW
        school.world.clock.forward(timedelta(hours=1))
        with pytest.raises(Conflict, match="No directions of pairs were reported on since the last fit"):
            await refit(school.world)

    async def test_happens_by_time_once_enough_was_reported(self, school: School) -> None:
        world = school.world
        assert await world.tick("refit_calibrations") == []
        await school.report(130, truth=biased, seed=4)
        (fact,) = facts_of(await world.tick("refit_calibrations"), CalibrationChanged)
        assert (fact.calibration.organization_id, fact.actor_id) == (world.organizations[0], None)
        assert fact.organization_id == world.organizations[0]
        world.clock.forward(timedelta(hours=1))
        assert await world.tick("refit_calibrations") == []

    async def test_learns_only_within_the_organization(self, school: School) -> None:
        await school.report(40, truth=biased, homes=(0, 1))
        await school.report(40, truth=biased, homes=(1, 1), seed=2)
        with pytest.raises(Conflict):
            await refit(school.world)
        await school.report(20, truth=biased, seed=3)
        found = await refit(school.world)
        assert found.latest_fit is not None
        assert (found.latest_fit.directions, found.latest_fit.organizations) == (20, (school.world.organizations[0],))

    async def test_sees_nobody_who_took_their_word_back(self, school: School) -> None:
        people = await school.report(60, truth=biased)
        await school.world.hear(*(agreed(one, granted=False, version=2) for one, _ in people[:15]))
        found = await refit(school.world)
        assert found.latest_fit is not None
        assert found.latest_fit.directions == 30

    async def test_learns_about_the_latest_models_only(self, school: School) -> None:
        await school.report(40, truth=biased)
        school.world.clock.forward(timedelta(hours=1))
        await school.begin(meaning="newer")
        await school.report(20, truth=biased, seed=2)
        found = await refit(school.world)
        assert found.latest_fit is not None
        assert (found.latest_fit.meaning, found.latest_fit.directions) == ("newer", 20)

    async def test_is_the_same_whatever_background_people_state(self, school: School) -> None:
        world = school.world
        people = await school.report(160, truth=biased, seed=4)
        first = (await refit(world)).versions[0].curve
        for number, (one, other) in enumerate(people[:20]):
            for person in (one, other):
                await world.profile(person, version=2, facets=Facets(career_stage=f"stage {number}", region="north"))
        async with world.database.begin(SYSTEM) as tx:
            await tx.connection.exec_driver_sql("DELETE FROM calibration")
        assert (await refit(world)).versions[0].curve == first

    async def test_is_for_admins_of_the_organization_and_operators(self, school: School) -> None:
        world = school.world
        await school.report(20, truth=biased)
        mine = world.organizations[0]
        one = next(iter(world.home))
        for stranger, of in ((world.admin(1), mine), (world.person(one), mine), (world.admin(0), None)):
            with pytest.raises(NotFound, match="no such calibration"):
                await refit(world, by=stranger, of=of)
        with pytest.raises(NotFound, match="no such calibration"):
            await refit(world, by=OPERATOR, of=uuid4())
        assert (await refit(world, by=OPERATOR, of=mine)).organization_id == mine


class TestVersions:
    async def test_can_be_gone_back_to_and_switched_off(self, school: School) -> None:
        world = school.world
        await school.report(320, truth=biased, seed=4)
        await refit(world)
        world.clock.forward(timedelta(days=1))
        await school.report(600, truth=fair, seed=9)
        second = await refit(world)
        assert (second.in_use, [each.number for each in second.versions]) == (2, [1, 2])

        async def use(version: int, by: Actor | None = None) -> list[Recorded]:
            command = UseCalibration(command_id=uuid4(), organization_id=world.organizations[0], version=version)
            return await world.do(command, by=by or world.admin())

        await use(1)
        assert (await calibration(world, world.organizations[0])).in_use == 1
        await use(0)
        assert (await calibration(world, world.organizations[0])).in_use == 0
        assert await use(0) == []
        with pytest.raises(NotFound, match="no version 7"):
            await use(7)
        with pytest.raises(NotFound, match="no such calibration"):
            await use(1, by=world.admin(1))


class TestSharing:
    async def share(self, world: World, number: int, *, shared: bool = True) -> list[CalibrationChanged]:
        command = ShareFeedback(command_id=uuid4(), shared=shared)
        return facts_of(await world.do(command, by=world.admin(number)), CalibrationChanged)

    async def test_is_learned_from_across_organizations_only_with_the_consent_of_each(self, school: School) -> None:
        world = school.world
        await school.report(140, truth=biased, homes=(0, 1), seed=4)
        await self.share(world, 0)
        with pytest.raises(Conflict):
            await refit(world, by=OPERATOR)
        own, shared = await self.share(world, 1)
        assert (own.calibration.shares, own.calibration.organization_id) == (True, world.organizations[1])
        assert shared.calibration.organizations == tuple(sorted(world.organizations[:2]))
        found = await refit(world, by=OPERATOR)
        assert (found.organization_id, found.in_use) == (None, 1)
        assert found.versions[0].fit.directions == 140

    async def test_taken_back_takes_what_was_learned_from_it(self, school: School) -> None:
        world = school.world
        await school.report(140, truth=biased, homes=(0, 1), seed=4)
        for number in (0, 1):
            await self.share(world, number)
        await refit(world, by=OPERATOR)
        await self.share(world, 1, shared=False)
        left = await calibration(world, None)
        assert (left.in_use, left.versions, left.organizations) == (0, (), (world.organizations[0],))
        assert left.latest_fit is not None
        assert left.latest_fit.reliability == ()
        with pytest.raises(Conflict):
            await refit(world, by=OPERATOR)

    async def test_is_decided_by_admins(self, school: School) -> None:
        with pytest.raises(NotAllowed, match="Only an admin"):
            await school.world.do(ShareFeedback(command_id=uuid4(), shared=True), by=OPERATOR)

    async def test_twice_tells_nothing_new(self, school: School) -> None:
        await self.share(school.world, 0)
        assert await self.share(school.world, 0) == []


async def learned_together(school: School) -> Calibration:
    """Both organizations share, and something was learned from their feedback, in an edition before."""
    await school.report(160, truth=biased, homes=(0, 1), seed=4)
    for number in (0, 1):
        await school.world.do(ShareFeedback(command_id=uuid4(), shared=True), by=school.world.admin(number))
    return await refit(school.world, by=OPERATOR)


@pytest.mark.usefixtures("at_hand")
class TestRun:
    async def an_edition(self, world: World, **rules: object) -> None:
        world.cohort_id = uuid4()
        await four(world, rules=RuleSet(rules=(), **rules))  # type: ignore[arg-type]

    async def test_heeds_nothing_unless_the_rules_ask_for_it(self, world: World, school: School) -> None:
        await learned_together(school)
        await self.an_edition(world)
        run_id, _ = await matched(world)
        assert (await the_run(world, run_id)).calibration is None
        assert all(way.unlearned is None for pair in await world.pairs() for way in pair.directions)

    async def test_freezes_the_version_and_names_it(self, world: World, school: School) -> None:
        found = await learned_together(school)
        await self.an_edition(world, learned=True)
        run_id, _ = await matched(world)
        used = (await the_run(world, run_id)).calibration
        assert used is not None
        assert (used.calibration_id, used.version) == (found.calibration_id, 1)
        ways = [way for pair in await world.pairs() for way in pair.directions]
        top = found.versions[0].curve[-1] / 1000
        assert {(way.similarity, way.unlearned) for way in ways} == {(top, 1.0)}
        async with world.database.begin(SYSTEM) as tx:
            frozen = await store.load_snapshot(tx, run_id)
        assert frozen is not None
        learned = msgspec.json.decode(frozen.content, type=Snapshot).learned
        assert learned is not None
        assert (learned.version, learned.curve) == (1, found.versions[0].curve)

    async def test_across_organizations_heeds_nothing_once_one_does_not_share(
        self, world: World, school: School
    ) -> None:
        await learned_together(school)
        await world.do(ShareFeedback(command_id=uuid4(), shared=False), by=world.admin(1))
        await self.an_edition(world, learned=True)
        run_id, _ = await matched(world)
        assert (await the_run(world, run_id)).calibration is None

    async def test_of_two_organizations_does_not_heed_what_one_learned_alone(
        self, world: World, school: School
    ) -> None:
        await school.report(160, truth=biased, seed=4)
        assert (await refit(world)).in_use == 1
        await self.an_edition(world, learned=True)
        run_id, _ = await matched(world)
        assert (await the_run(world, run_id)).calibration is None

    async def test_can_be_simulated_with_what_was_learned(self, world: World, school: School) -> None:
        await learned_together(school)
        await self.an_edition(world)
        base, _ = await matched(world)
        run_id = await queue(world, base, RuleSet(rules=(), learned=True))
        await work(world)
        used = (await the_run(world, run_id)).calibration
        assert used is not None
        assert used.version == 1


@pytest.mark.usefixtures("without_a_child")
class TestAdvice:
    async def advised(self, world: World, *, learned: bool) -> tuple[UUID, dict[UUID, Suggestion]]:
        """Somebody of an open edition, and what is suggested to them, by person."""
        world.cohort_id = uuid4()
        try:
            person, *_ = await open_six(world, rules=RuleSet(rules=(), learned=learned))
            found = await suggested(world, person)
        finally:
            advisor.stop()
        return person, {each.person_id: each for each in found.suggestions}

    async def test_heeds_what_the_next_run_will(self, world: World, school: School) -> None:
        known, _ = near_known((), (), mode=MEANING.mode, calibration=stored(MEANING.mode), vectors={})
        await school.begin(meaning=known.model)
        await learned_together(school)
        _, plain = await self.advised(world, learned=False)
        person, advice = await self.advised(world, learned=True)
        ways = [way for each in plain.values() for way in each.directions]
        assert [way.unlearned for way in ways] == [None] * 6
        ways = [way for each in advice.values() for way in each.directions]
        assert all(way.unlearned is not None and way.similarity < way.unlearned for way in ways)
        await world.close()
        await matched(world)
        (pair,) = [each for each in await world.pairs() if person in {who.person_id for who in each.members}]
        (other,) = {member.person_id for member in pair.members} - {person}
        assert (pair.value, set(pair.directions)) == (advice[other].value, set(advice[other].directions))
