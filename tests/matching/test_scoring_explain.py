"""What is said: terms that sum exactly, both directions, why nobody better, why nobody, in every language that we speak."""

import string
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given

from services.matching.engine import model
from services.matching.engine.explain import explain, terms_of
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import Free, Need, Offer, Person, Phrase, PlannedPair, Rule, Snapshot
from services.matching.engine.scoring import aptness, value
from services.matching.engine.scoring.dense import dense_pairs, matrices
from services.matching.engine.scoring.ground import in_order
from services.matching.engine.scoring.inverted import inverted
from services.matching.engine.scoring.reasons import best_possible, passed_over, reason_for
from services.matching.engine.scoring.sentences import (
    FACET_NAMES,
    LOCALES,
    MISSING_NAMES,
    RULE_NAMES,
    SENTENCES,
    phrase,
    say,
)
from services.matching.engine.solving.pairs import NEVER
from tests.matching.engine_people import near_from, problem_for, snapshot_of, somebody
from tests.matching.properties import cases
from tests.matching.test_scoring_pairs import snapshots, tables

MONDAY = date(2026, 1, 5)


def explained(first: Person, second: Person, *, pinned: bool = False) -> PlannedPair:
    snapshot = snapshot_of(first, second)
    problem, _ = problem_for(snapshot)
    people = in_order(snapshot.people, seed=0)
    (pair,) = explain([(0, 1)], people=people, problem=problem, monday=MONDAY, pins=[(1, 0)] if pinned else ())
    return pair


@cases(400)
@given(snapshots(), tables())
def test_terms_sum_to_the_value_exactly(snapshot: Snapshot, table: Near) -> None:
    problem, _ = problem_for(snapshot, table=table)
    found = matrices(problem)
    for u in range(problem.size):
        for v in range(u + 1, problem.size):
            if found.planned[u, v] != NEVER:
                total = sum(round(term.amount * 1_000_000) for term in terms_of(problem, u, v))
                assert total == found.value[u, v]
                assert found.planned[u, v] == total - value.ONE_WAY_COST * found.one_way[u, v]


@cases(150)
@given(snapshots(), tables())
def test_every_pair_can_be_told_in_every_language(snapshot: Snapshot, table: Near) -> None:
    problem, _ = problem_for(snapshot, table=table)
    people = in_order(snapshot.people, seed=0)
    everybody = list(combinations(range(problem.size), 2))
    for pair in explain(everybody, people=people, problem=problem, monday=MONDAY):
        assert pair.common_ground
        assert pair.bridge
        for said in (*pair.told, *(term.why for term in pair.terms if term.why)):
            assert all(say(said, locale=locale) for locale in LOCALES)


class TestValue:
    def parts(self, there: float, back: float) -> dict[str, int]:
        """Of a pair of whom one teaches the other so much, and the other back so much."""
        one, other = somebody("one", offers=["a"], needs=["b"]), somebody("other", offers=["b"], needs=["a"])
        table = near_from(["a", "b"], ["a", "b"], chance=np.diag([1000 * there, 1000 * back]))
        problem, _ = problem_for(snapshot_of(one, other), table=table)
        return {term.name: round(term.amount * 1_000_000) for term in terms_of(problem, 0, 1)}

    def test_is_led_by_the_weaker_direction_and_the_sum_breaks_ties(self) -> None:
        parts = self.parts(1.0, 0.5)
        assert (parts[value.WEAKER], parts[value.BOTH_WAYS]) == (400_000, 150_000)
        assert sum(self.parts(1.0, 0.5).values()) < sum(self.parts(0.6, 0.6).values())
        assert sum(self.parts(0.5, 0.5).values()) < sum(self.parts(0.5, 0.6).values())

    def test_does_not_know_who_is_first(self) -> None:
        assert self.parts(0.9, 0.3) == self.parts(0.3, 0.9)

    def test_costs_what_logistics_lack(self) -> None:
        one = somebody("one", offers=["a"], needs=["a"], languages={"en": 3}, zone="Europe/Berlin")
        other = somebody("other", offers=["a"], needs=["a"], languages={"en": 6}, zone="America/New_York")
        problem, _ = problem_for(snapshot_of(one, other, logistics=1.0))
        parts = {term.name: term.amount for term in terms_of(problem, 0, 1)}
        assert parts[value.CLOCKS] == -0.2
        assert parts[value.LANGUAGE] == -0.08
        assert value.TIME not in parts  # two hours on each of five days are ample
        short = replace(one, windows=(Free(weekday=0, start=15 * 60, end=16 * 60),))
        problem, _ = problem_for(snapshot_of(short, other, logistics=1.0))
        parts = {term.name: term.amount for term in terms_of(problem, 0, 1)}
        assert parts[value.TIME] == pytest.approx(-0.4 * 2 / 3, abs=1e-6)


class TestDirection:
    def test_is_the_best_need_and_half_of_what_a_second_one_fills(self) -> None:
        teacher = somebody("t", offers=["a", "b"], needs=["c"])
        learner = somebody("l", offers=["c"], needs=["a", "b"])
        problem, place = problem_for(
            snapshot_of(teacher, learner),
            table=near_from(["a", "b", "c"], ["a", "b", "c"], chance=np.diag([800.0, 600.0, 1000.0])),
        )
        taught = matrices(problem).teaches
        assert taught[place["t"], place["l"]] == 800_000 + 600_000 * 200_000 // 2_000_000
        assert taught[place["l"], place["t"]] == 1_000_000

    def test_shows_both_needs_and_what_each_adds(self) -> None:
        pair = explained(
            somebody("t", offers=["a", "b"], needs=[], role="gives", level=3),
            somebody("z", offers=[], needs=["a", "b"], role="receives"),
        )
        (direction,) = pair.directions
        assert (direction.need, direction.value) == ("a", 0.8)
        assert direction.also is not None
        assert (direction.also.need, direction.also.value) == ("b", 0.08)

    def test_is_not_longer_for_a_third_need(self) -> None:
        def worth(*needs: str) -> int:
            teacher = somebody("t", offers=["a", "b", "c"], needs=[])
            problem, place = problem_for(snapshot_of(teacher, somebody("l", needs=needs), somebody("z", needs=["a"])))
            return int(matrices(problem).teaches[place["t"], place["l"]])

        assert worth("a") <= worth("a", "b") == worth("a", "b", "c")

    def test_of_equal_needs_counts_them_once(self) -> None:
        learner = replace(somebody("l"), needs=(Need(text="a", priority=1), Need(text="a", priority=2)))
        problem, place = problem_for(snapshot_of(somebody("t", offers=["a"], level=3), learner))
        assert matrices(problem).teaches[place["t"], place["l"]] == 1_000_000 * 8 * 5 // 60


class TestAptness:
    def apt(self, kind: str, *, level: int, setting: str) -> int:
        return int(aptness.APTNESS[aptness.KINDS.index(kind), aptness.skill(level=level, setting=setting)])

    def test_is_whole_for_the_deepest_offer_from_work_and_never_nothing(self) -> None:
        assert all(self.apt(kind, level=5, setting="work") == 1000 for kind in aptness.KINDS)
        assert aptness.APTNESS.min() > 0

    def test_grows_with_the_level_and_more_for_a_critique_than_for_a_perspective(self) -> None:
        for kind in aptness.KINDS:
            levels = [self.apt(kind, level=level, setting="work") for level in range(1, 6)]
            assert levels == sorted(set(levels))
        assert self.apt("CRITIQUE", level=1, setting="work") < self.apt("PERSPECTIVE", level=1, setting="work")

    def test_asks_for_practice_where_something_is_shown_and_not_where_it_is_explained(self) -> None:
        assert self.apt("SHOW_ME", level=5, setting="study") < self.apt("SHOW_ME", level=5, setting="life")
        assert self.apt("EXPLAIN", level=5, setting="study") == self.apt("EXPLAIN", level=5, setting="work")
        assert self.apt("SHOW_ME", level=4, setting="") == self.apt("SHOW_ME", level=4, setting="work")

    def test_reaches_the_value_of_a_pair(self) -> None:
        def worth(kind: str, setting: str) -> float:
            one = replace(somebody("x", needs=[]), offers=(Offer(text="a", level=5, setting=setting),), role="gives")
            two = replace(somebody("y", offers=[]), needs=(Need(text="a", priority=3, kind=kind),), role="receives")
            return explained(one, two).directions[0].value

        assert (worth("SHOW_ME", "work"), worth("SHOW_ME", "study")) == (1.0, 0.8)


class TestPair:
    def test_shows_the_shared_hours_on_the_clock_of_each(self) -> None:
        windows = (Free(weekday=0, start=9 * 60, end=17 * 60),)
        pair = explained(
            somebody("a", zone="Europe/Berlin", windows=windows),
            somebody("b", zone="America/New_York", windows=windows),
        )
        assert pair.shared_windows == ("Mon 14:00–16:00 UTC",)
        assert pair.first_windows == ("Mon 15:00–17:00",)
        assert pair.second_windows == ("Mon 09:00–11:00",)
        assert pair.shared_minutes == 120

    def test_names_the_language_that_suits_the_two_best(self) -> None:
        pair = explained(somebody("a", languages={"en": 6, "de": 4}), somebody("b", languages={"en": 3, "de": 5}))
        assert pair.language == "de"
        (term,) = (term for term in pair.terms if term.name == value.LANGUAGE)
        assert term.why is not None
        assert (term.detail, say(term.why, locale="pl")) == (
            "They speak German, the weaker of the two at level B2",
            "Mówią w języku: niemiecki, słabsza z osób na poziomie B2",
        )

    def test_finds_common_ground_in_texts_that_the_same_offers_meet(self) -> None:
        one = somebody("one", offers=["x"], needs=["fish"])
        two = somebody("two", offers=["y"], needs=["sushi"])
        table = near_from(["fish", "sushi"], ["x", "y"], chance=np.array([[700.0, 600.0], [600.0, 700.0]]))
        problem, _ = problem_for(snapshot_of(one, two), table=table)
        people = in_order((one, two), seed=0)
        (pair,) = explain([(0, 1)], people=people, problem=problem, monday=MONDAY)
        assert pair.common_ground == "Both want to learn about “fish” and “sushi”"

    def test_states_what_is_different_as_people_wrote_it(self) -> None:
        pair = explained(
            somebody("a", facets={"industry": "Energy "}, organization="x"),
            somebody("b", facets={"industry": "Health"}, organization="x"),
        )
        assert pair.bridge == "industry: Energy and Health"

    def test_that_an_organizer_wants_is_shown_even_when_no_text_is_near(self) -> None:
        pair = explained(
            somebody("a", offers=["x"], needs=["y"]), somebody("b", offers=["z"], needs=["w"]), pinned=True
        )
        assert [direction.similarity for direction in pair.directions] == [0.0, 0.0]
        assert not pair.one_way_reason


class TestBetter:
    def test_partner_has_a_place_that_others_pay_for(self) -> None:
        star = somebody("star", offers=["a", "b"], needs=["x"], level=5)
        people = [
            star,
            somebody("me", offers=["x"], needs=["a"], level=1),
            somebody("rival", offers=["x"], needs=["a", "b"], level=5),
            somebody("plain", offers=["a"], needs=["x"], level=1),
        ]
        problem, place = problem_for(snapshot_of(*people))
        pairs = dense_pairs(problem)
        own = int(pairs.value(np.array([place["me"]]), np.array([place["plain"]]))[0])
        prices = np.zeros(4, dtype=np.int64)
        prices[place["star"]] = 777_000
        (better,) = passed_over(pairs, prices, person=place["me"], own=own)
        assert (better.partner, better.price) == (place["star"], 777_000)
        assert better.value > own
        assert "is worth 0.777 to others" in say(better.why)
        assert passed_over(pairs, prices, person=place["me"], own=better.value) == ()

    def test_partner_who_would_only_teach_is_no_better(self) -> None:
        me = somebody("me", offers=["x"], needs=["a", "b"], level=1)
        teacher = somebody("teacher", offers=["a", "b"], needs=["q"], level=5)
        problem, place = problem_for(snapshot_of(me, teacher))
        (better,) = passed_over(dense_pairs(problem), np.zeros(2, dtype=np.int64), person=place["me"], own=0)
        assert better.why.code == "one_way_instead"

    def test_best_possible_is_the_best_partner_taken_alone(self) -> None:
        people = [
            somebody(name, offers=["a"], needs=["a"], level=level) for name, level in (("x", 5), ("y", 3), ("z", 1))
        ]
        problem, place = problem_for(snapshot_of(*people, somebody("nobody", offers=["q"], needs=["r"])))
        found = matrices(problem)
        best = best_possible(dense_pairs(problem))
        assert best[place["z"]] == found.value[place["z"], place["x"]]
        assert best[place["nobody"]] == NEVER


class TestNobody:
    def told(self, person: Person, *others: Person, rules: Sequence[Rule] = ()) -> model.LeftOut:
        snapshot = snapshot_of(person, *others, rules=rules)
        problem, place = problem_for(snapshot)
        people = in_order(snapshot.people, seed=0)
        return reason_for(place[person.id], problem=problem, people=people, index=inverted(problem))

    me = somebody("me", offers=["a"], needs=["b"], organization="red", languages={"en": 2})
    you = somebody("you", offers=["b"], needs=["a"], organization="red")

    def test_names_the_rule_that_would_help_most(self) -> None:
        third = replace(self.you, id="third", organization="blue")
        rules = [Rule(kind="cross_organization"), Rule(kind="shared_language", parameter=3)]
        left = self.told(self.me, self.you, third, rules=rules)
        assert left.reason == model.NO_SHARED_LANGUAGE
        assert [dict(why.given) for why in left.why] == [{"number": 2, "rule": "shared_language", "people": 1}]
        assert say(left.why[0]) == "Without rule 2 (a shared language) there would be possible partners: 1 person."

    def test_counts_who_was_taken(self) -> None:
        left = self.told(self.me, self.you)
        assert (left.reason, left.why) == (model.CAPACITY, (phrase("all_taken", people=1),))

    def test_says_that_topics_are_missing(self) -> None:
        left = self.told(self.me, somebody("z", offers=["q"], needs=["r"]))
        assert left.why[0] == phrase("no_topic", people=1)

    def test_says_what_the_profile_lacks(self) -> None:
        left = self.told(replace(self.me, windows=(), languages=()), self.you)
        assert say(left.why[0], locale="pl") == "W profilu brakuje: języków, wolnego czasu."

    def test_says_when_no_single_rule_is_the_cause(self) -> None:
        rules = [Rule(kind="cross_organization"), Rule(kind="shared_language", parameter=3)]
        left = self.told(self.me, self.you, rules=rules)
        assert left.why == (phrase("rules_leave_nobody"),)


class TestSentences:
    @pytest.mark.parametrize("code", SENTENCES)
    def test_exist_in_every_language_about_the_same_things(self, code: str) -> None:
        assert len(SENTENCES[code]) == len(LOCALES)
        about = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in SENTENCES[code]]
        assert about[0] == about[1]
        assert len(set(SENTENCES[code])) == len(LOCALES)
        given = {"rule": "cross_organization", "facets": "industry", "missing": "zone", "language": "en"}
        numbers = dict.fromkeys(("worth", "own", "price", "people", "hours", "level", "minutes", "number"), 3)
        said = Phrase(
            code=code, given=tuple((given | numbers | dict.fromkeys(about[0] - {*given, *numbers}, "x")).items())
        )
        assert all("{" not in say(said, locale=locale) for locale in LOCALES)

    def test_names_exist_in_every_language(self) -> None:
        for names in (FACET_NAMES, RULE_NAMES, MISSING_NAMES):
            assert all(all(texts) and len(texts) == len(LOCALES) for texts in names.values())

    @pytest.mark.parametrize(
        ("people", "english", "polish"),
        [
            (1, "1 person", "1 osoba"),
            (2, "2 people", "2 osoby"),
            (5, "5 people", "5 osób"),
            (12, "12 people", "12 osób"),
            (22, "22 people", "22 osoby"),
        ],
    )
    def test_count_people_as_each_language_does(self, people: int, english: str, polish: str) -> None:
        said = phrase("all_taken", people=people)
        assert english in say(said, locale="en")
        assert f"({polish})" in say(said, locale="pl")

    def test_write_numbers_as_each_language_does(self) -> None:
        said = phrase("weaker_direction", worth=0.25)
        assert "0.25" in say(said, locale="en-GB")
        assert "0,25" in say(said, locale="pl_PL")

    def test_are_english_where_we_do_not_speak_the_language(self) -> None:
        assert say(phrase("same_cohort"), locale="fi") == "Both joined the same cohort"
