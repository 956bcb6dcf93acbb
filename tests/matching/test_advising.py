"""Suggestions and why not: exact, explained, and nothing in them that the other one has not shown."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st

from chassis.service import ask
from contracts.base import SYSTEM, Actor
from contracts.errors import Conflict, Invalid, NotFound
from contracts.matching import (
    AdvanceCohort,
    BlockPerson,
    CohortStatus,
    Enrol,
    EnrolmentRole,
    ExplainWhyNot,
    PauseEnrolment,
    PublishProposals,
    RankPeople,
    Rule,
    RuleKind,
    RuleSet,
    Suggestions,
    SuggestPartners,
    VetoPair,
    WhyNot,
    WhyNotCode,
)
from contracts.profiles import Facets, Need, Offer, ProfileErased
from services.matching import store
from services.matching.app import app
from services.matching.domain.candidates import digest_of
from services.matching.engine.advising import room, suggest, why_not
from services.matching.engine.model import Couple, Rule as EngineRule, Snapshot, Wish
from services.matching.engine.scoring.dense import dense_pairs, matrices
from services.matching.engine.scoring.inverted import inverted
from services.matching.engine.scoring.row import row_of
from services.matching.engine.solving.pairs import NEVER
from services.matching.jobs.advice import AdvisorIsAway, advisor
from services.matching.jobs.meaning import name_of, understand_some
from tests.matching.engine_people import near_for, problem_for, snapshot_of, somebody
from tests.matching.test_scoring_pairs import snapshots
from tests.matching.test_worker import CLUSTERS, MEANING, SUSHI, WANT_CLUSTERS, WANT_SUSHI, matched
from tests.matching.world import World, workplace

pytestmark = pytest.mark.usefixtures("without_a_child")
QUICKLY = (Phase.explicit, Phase.reuse, Phase.generate)


class TestRow:
    @settings(max_examples=80, deadline=None, phases=QUICKLY)
    @given(snapshots())
    def test_is_that_of_the_matrix(self, snapshot: Snapshot) -> None:
        problem, _ = problem_for(snapshot)
        whole, index = matrices(problem), inverted(problem)
        for person in range(problem.size):
            row = row_of(problem, person, index=index)
            both = (whole.teaches[person] > 0) | (whole.teaches[:, person] > 0)
            assert row.others.tolist() == np.flatnonzero(both).tolist()
            assert row.there.tolist() == whole.teaches[person, row.others].tolist()
            assert row.back.tolist() == whole.teaches[row.others, person].tolist()
            assert row.valued.planned.tolist() == whole.planned[person, row.others].tolist()


class TestSuggest:
    @settings(max_examples=80, deadline=None, phases=QUICKLY)
    @given(snapshots(), st.permutations([f"p{number}" for number in range(7)]), st.integers(1, 4))
    def test_is_the_best_possible_by_value_and_own_ranking_and_sums_exactly(
        self, snapshot: Snapshot, order: list[str], most: int
    ) -> None:
        snapshot = replace(snapshot, ranking=0.2)
        there = room(snapshot, near_for(snapshot))
        pairs = dense_pairs(there.problem)
        for person in snapshot.people:
            ranked = tuple(each for each in order if each != person.id)[:3]
            advice = suggest(there, person.id, ranked=ranked, most=most)
            u = there.place[person.id]
            if there.problem.places[u] < 1:
                assert advice.pairs == ()
                continue
            partners, planned = pairs.of(u)
            ids = [there.people[other].id for other in partners.tolist()]
            points = [6 - (ranked.index(each) + 1) if each in ranked else 0 for each in ids]
            best = sorted(
                (-(int(w) + 200_000 * p // 20), int(v)) for w, p, v in zip(planned, points, partners, strict=True)
            )
            found = [there.place[pair.second if pair.first == person.id else pair.first] for pair in advice.pairs]
            assert found == [v for _, v in best[:most]]
            assert bool(advice.why) == (not found)
            for pair in advice.pairs:
                assert pair.value == round(sum(term.amount for term in pair.terms), 6)

    def test_does_not_depend_on_whom_others_ranked(self) -> None:
        people = [somebody("a", offers=["sushi"], needs=["python"])]
        people += [somebody(name, offers=["python"], needs=["sushi"]) for name in "bcd"]
        plain = snapshot_of(*people, ranking=0.2)
        loved = replace(plain, wishes=(Wish(by="d", of="a", rank=1),))
        assert suggest(room(plain, near_for(plain)), "a") == suggest(room(loved, near_for(loved)), "a")

    def test_leaves_out_who_is_full_and_says_so(self) -> None:
        people = [
            somebody("a", offers=["sushi"], needs=["python"]),
            somebody("b", offers=["python"], needs=["sushi"], places=0),
        ]
        snapshot = snapshot_of(*people)
        there = room(snapshot, near_for(snapshot))
        assert [why.code for why in suggest(there, "a").why] == ["nobody_free"]
        assert [why.code for why in suggest(there, "b").why] == ["own_places_taken"]


class TestWhyNot:
    @settings(max_examples=80, deadline=None, phases=QUICKLY)
    @given(snapshots(), st.booleans())
    def test_agrees_with_what_is_possible(self, snapshot: Snapshot, organizer: bool) -> None:
        there = room(snapshot, near_for(snapshot))
        pairs = dense_pairs(there.problem)
        for one in snapshot.people:
            for other in snapshot.people:
                if one.id == other.id:
                    continue
                verdict = why_not(there, one.id, other.id, organizer=organizer)
                u, v = np.array([there.place[one.id]]), np.array([there.place[other.id]])
                possible = int(pairs.value(u, v)[0]) != NEVER
                assert (verdict.code in {"possible", "no_place"}) == possible
                assert verdict.why
                if verdict.code == "rule":
                    assert verdict.rules
                assert (verdict.value is not None) == possible

    @pytest.mark.parametrize(
        ("changes", "person", "organizer"),
        [
            ({"blocked": (Couple(first="a", second="b"),)}, "kept_apart", "kept_apart"),
            ({"vetoed": (Couple(first="a", second="b"),)}, "kept_apart", "vetoed"),
            ({"apart": (Couple(first="a", second="b"),)}, "paired", "paired"),
        ],
    )
    def test_tells_people_less_than_organizers(self, changes: dict[str, object], person: str, organizer: str) -> None:
        one, other = (
            somebody("a", offers=["sushi"], needs=["python"]),
            somebody("b", offers=["python"], needs=["sushi"]),
        )
        snapshot = replace(snapshot_of(one, other), **changes)  # type: ignore[arg-type]
        there = room(snapshot, near_for(snapshot))
        assert why_not(there, "a", "b").code == person
        assert why_not(there, "a", "b", organizer=True).code == organizer

    def test_tells_a_block_a_veto_and_a_facet_alike(self) -> None:
        couple = (Couple(first="a", second="b"),)
        said = set()
        for changes in (
            {"blocked": couple},
            {"vetoed": couple},
            {"rules": (EngineRule(kind="not_together", people=("a", "b")),)},
            {"rules": (EngineRule(kind="different_facet", facet="industry"),)},
            {"rules": (EngineRule(kind="different_team"),)},
        ):
            one, other = (
                somebody(name, offers=[o], needs=[n], facets={"industry": "energy"}, team="t", organization="same")
                for name, o, n in (("a", "sushi", "python"), ("b", "python", "sushi"))
            )
            snapshot = replace(snapshot_of(one, other), **changes)
            said.add(why_not(room(snapshot, near_for(snapshot)), "a", "b"))
        assert len({(each.code, each.why, each.rules) for each in said}) == 1


async def suggested(world: World, to: UUID, *, first: int = 5) -> Suggestions:
    query = SuggestPartners(cohort_id=world.cohort_id, first=first)
    found = await ask(app.spec, world.database, query, actor=world.person(to))
    assert isinstance(found, Suggestions)
    return found


async def why(world: World, one: UUID, other: UUID, *, by: Actor | None = None) -> WhyNot:
    query = ExplainWhyNot(cohort_id=world.cohort_id, other_id=other, person_id=one if by else None)
    found = await ask(app.spec, world.database, query, actor=by or world.person(one))
    assert isinstance(found, WhyNot)
    return found


VECTORS: dict[str, dict[bytes, bytes]] = {}  # what the model made of the texts of these tests: it is loaded once


async def read_by_models(world: World) -> None:
    """Everybody's texts are understood, as the worker in the background does it."""
    async with world.database.begin(SYSTEM) as tx:
        people = await store.unread_candidates(tx, meaning=name_of(MEANING), most=100)
        texts = {text for each in people for text in each.texts}
        if VECTORS and all(digest_of(text) in found for found in VECTORS.values() for text in texts):
            await store.save_vectors(tx, VECTORS)
            await store.mark_read(tx, people, meaning=name_of(MEANING))
            return
    _, running = workplace(world)
    assert await understand_some(running, meaning=MEANING)
    async with world.database.begin(SYSTEM) as tx:
        for model, found in (await store.vectors_of(tx, texts)).items():
            VECTORS.setdefault(model, {}).update(found)


async def open_six(world: World, **cohort: object) -> list[UUID]:
    """Three who teach sushi, three who teach clusters, all of them understood."""
    await world.open_cohort(**cohort)
    people = []
    for number in range(6):
        offers, needs = ((SUSHI, WANT_CLUSTERS), (CLUSTERS, WANT_SUSHI))[number % 2]
        people.append(await world.somebody(number % 2, offers=offers, needs=needs))
        await world.enrol(people[-1])
    await read_by_models(world)
    return people


@pytest.fixture(scope="module", autouse=True)
def nobody_left() -> object:
    yield
    advisor.stop()


class TestSuggestions:
    async def test_come_with_both_directions_and_terms_that_sum(self, world: World) -> None:
        people = await open_six(world)
        found = await suggested(world, people[0])
        assert {each.person_id for each in found.suggestions} == set(people[1::2])
        assert (found.unread, found.unread_of_others, found.why) == ((), 0, ())
        for each in found.suggestions:
            assert each.value == round(sum(term.amount for term in each.terms), 6)
            assert {(way.teacher_id, way.need) for way in each.directions} == {
                (people[0], WANT_SUSHI),
                (each.person_id, WANT_CLUSTERS),
            }
            assert each.shared_minutes == 2400
            assert [wording.locale for wording in each.wordings] == ["pl"]
        assert len((await suggested(world, people[0], first=1)).suggestions) == 1

    async def test_are_fresh_with_each_read_and_leave_no_trace(self, world: World) -> None:
        people = await open_six(world)
        facts = await world.count("SELECT count(*) FROM outbox")
        assert people[1] in {each.person_id for each in (await suggested(world, people[0])).suggestions}
        await world.do(PauseEnrolment(command_id=uuid4(), cohort_id=world.cohort_id), by=people[1])
        await world.do(BlockPerson(command_id=uuid4(), person_id=people[0]), by=people[3])
        assert {each.person_id for each in (await suggested(world, people[0])).suggestions} == {people[5]}
        assert (await why(world, people[0], people[1])).code is WhyNotCode.NOT_AVAILABLE
        assert (await why(world, people[0], people[3])).code is WhyNotCode.KEPT_APART
        assert (await why(world, people[0], people[3], by=world.admin())).code is WhyNotCode.KEPT_APART
        assert (await suggested(world, people[1])).why == ("One of the two takes no part at the moment.",)
        assert await world.count("SELECT count(*) FROM outbox") == facts + 1  # the pause

    async def test_show_what_the_own_ranking_adds_and_to_nobody_else(self, world: World) -> None:
        people = await open_six(world)
        before = {each.person_id: each for each in (await suggested(world, people[1])).suggestions}
        rank = RankPeople(command_id=uuid4(), cohort_id=world.cohort_id, people=(people[5], people[1]))
        await world.do(rank, by=people[0])
        first, second, third = (await suggested(world, people[0])).suggestions
        assert [(each.person_id, each.rank) for each in (first, second, third)] == [
            (people[5], 1),
            (people[1], 2),
            (people[3], 0),
        ]
        assert {term.name: term.amount for term in first.terms}["your ranking"] == 0.05
        assert first.value == round(sum(term.amount for term in first.terms), 6)
        assert {each.person_id: each for each in (await suggested(world, people[1])).suggestions} == before

    async def test_say_what_is_not_understood_yet(self, world: World) -> None:
        people = await open_six(world)
        late = await world.somebody(1, offers="Growing tomatoes", needs="Sailing across the lake")
        await world.enrol(late)
        found = await suggested(world, late)
        assert (found.unread, found.suggestions) == (("Growing tomatoes", "Sailing across the lake"), ())
        assert (await suggested(world, people[0])).unread_of_others == 2
        assert (await why(world, late, people[0])).code is WhyNotCode.NOT_READ
        await read_by_models(world)
        assert (await suggested(world, late)).unread == ()
        assert (await why(world, late, people[0])).code is WhyNotCode.NOTHING_TO_TEACH

    async def test_are_read_again_where_somebody_elses_erasure_took_the_words(self, world: World) -> None:
        people = await open_six(world)
        await world.hear(
            ProfileErased(
                key=people[2],
                version=9,
                occurred_at=world.clock.now(),
                organization_id=world.home[people[2]],
                person_id=people[2],
            )
        )
        assert (await suggested(world, people[0])).unread == (WANT_CLUSTERS, SUSHI)
        await read_by_models(world)
        found = await suggested(world, people[0])
        assert (found.unread, len(found.suggestions)) == ((), 3)

    async def test_are_for_participants_of_an_open_cohort(self, world: World) -> None:
        people = await open_six(world)
        stranger = await world.somebody(0)
        with pytest.raises(NotFound):
            await suggested(world, stranger)
        with pytest.raises(NotFound):
            await why(world, people[0], stranger)
        with pytest.raises(NotFound):
            await why(world, people[0], people[1], by=world.person(people[2]))
        with pytest.raises(Invalid):
            await why(world, people[0], people[0])
        with pytest.raises(Invalid):
            await suggested(world, people[0], first=21)
        await world.do(
            AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.CANCELLED), by=world.admin()
        )
        with pytest.raises(Conflict):
            await suggested(world, people[0])


class TestReasons:
    async def test_name_the_rules_that_a_pair_would_show_anyway(self, world: World) -> None:
        rules = RuleSet(
            rules=(
                Rule(kind=RuleKind.CROSS_ORGANIZATION),
                Rule(kind=RuleKind.DIFFERENT_FACET, facet="industry"),
            )
        )
        people = await open_six(world, rules=rules)
        same = await world.somebody(0, offers=CLUSTERS, needs=WANT_SUSHI)
        await world.enrol(same)
        found = await why(world, people[0], same)
        assert (found.code, found.rules) == (WhyNotCode.RULE, (RuleKind.CROSS_ORGANIZATION,))
        assert found.why == ("The cohort requires: different organizations (rule 1).",)
        assert dict(found.wordings)["pl"] == ("Edycja wymaga: różne organizacje (reguła 1).",)
        for person, offer, need in ((people[0], SUSHI, WANT_CLUSTERS), (people[1], CLUSTERS, WANT_SUSHI)):
            await world.profile(
                person,
                version=2,
                offers=(Offer(text=offer, level=4),),
                needs=(Need(text=need, priority=3),),
                facets=Facets(industry="energy"),
            )
        hidden = await why(world, people[0], people[1])
        assert (hidden.code, hidden.rules) == (WhyNotCode.KEPT_APART, ())
        shown = await why(world, people[0], people[1], by=world.admin())
        assert (shown.code, shown.rules) == (WhyNotCode.RULE, (RuleKind.DIFFERENT_FACET,))

    async def test_of_a_veto_are_told_to_organizers_only(self, world: World) -> None:
        people = await open_six(world)
        command = VetoPair(command_id=uuid4(), cohort_id=world.cohort_id, people=(people[0], people[1]))
        await world.do(command, by=world.admin())
        assert (await why(world, people[0], people[1])).code is WhyNotCode.KEPT_APART
        assert (await why(world, people[0], people[1], by=world.admin(1))).code is WhyNotCode.VETOED
        assert people[1] not in {each.person_id for each in (await suggested(world, people[0])).suggestions}

    async def test_name_roles_and_that_nothing_speaks_against(self, world: World) -> None:
        people = await open_six(world)
        assert (await why(world, people[0], people[1])).code is WhyNotCode.POSSIBLE
        assert (await why(world, people[0], people[2])).code is WhyNotCode.NOTHING_TO_TEACH
        giving = [await world.somebody(number, offers=CLUSTERS) for number in (0, 1)]
        for person in giving:
            enrol = Enrol(command_id=uuid4(), cohort_id=world.cohort_id, role=EnrolmentRole.GIVES)
            await world.do(enrol, by=person)
        assert (await why(world, giving[0], giving[1])).code is WhyNotCode.ROLES

    async def test_speak_of_prices_once_proposals_are_published(self, world: World) -> None:
        people = await open_six(world)
        await world.close()
        run_id, _ = await matched(world)
        pairs = await world.pairs()
        partner = {
            one.person_id: other.person_id for pair in pairs for one, other in (pair.members, pair.members[::-1])
        }
        other = next(each for each in people[1::2] if each != partner[people[0]])
        assert (await why(world, people[0], other)).code is WhyNotCode.POSSIBLE  # drafts are not theirs to see
        assert (await why(world, people[0], other, by=world.admin())).code is WhyNotCode.OWN_IS_BETTER
        await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin())
        found = await why(world, people[0], other)
        assert found.code is WhyNotCode.OWN_IS_BETTER
        assert found.why[0].startswith("This pair would be worth")
        assert (await why(world, people[0], partner[people[0]])).code is WhyNotCode.PAIRED
        assert (await suggested(world, people[0])).why == ("All your places are taken or promised.",)


class TestAdvisor:
    async def test_that_died_is_started_anew(self, world: World) -> None:
        people = await open_six(world)
        await suggested(world, people[0])
        assert advisor._process is not None
        advisor._process.kill()
        advisor._process.wait()
        assert len((await suggested(world, people[0])).suggestions) == 3

    async def test_answers_many_at_once_and_leaves_the_loop_free(self, world: World) -> None:
        people = await open_six(world)
        found = await asyncio.gather(*(suggested(world, person) for person in people))
        assert [len(each.suggestions) for each in found] == [3] * 6

    async def test_that_forgot_says_so_once(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        people = await open_six(world)
        monkeypatch.setattr(advisor, "knows", lambda _name: True)
        with pytest.raises(AdvisorIsAway):
            await suggested(world, people[0])
        monkeypatch.undo()
        assert (await suggested(world, people[0])).suggestions
