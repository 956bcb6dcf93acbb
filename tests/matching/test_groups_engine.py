"""Groups around a topic, from snapshot to plan: against all possible groups, and what must hold whatever the people are."""

import random
import re
from dataclasses import replace
from functools import cache, reduce
from itertools import combinations
from operator import and_
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from services.matching.engine.grouping import packing
from services.matching.engine.grouping.circles import Circles, People, check, circles_of, people_of
from services.matching.engine.grouping.packing import Searcher, improved
from services.matching.engine.groups import plan_groups
from services.matching.engine.meaning.near import MEETS, Near
from services.matching.engine.model import (
    Cancelled,
    Couple,
    Free,
    Grouping,
    Groups,
    Rule,
    Snapshot,
)
from services.matching.engine.scoring.aptness import LEVELS
from services.matching.engine.scoring.directions import Met, met_by, taught
from services.matching.engine.scoring.ground import SnapshotRefused, texts_of
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.sentences import LOCALES, say
from services.matching.engine.scoring.value import breaks, clocks_apart, differences, legal
from tests.matching.dice import Dice, thrown
from tests.matching.engine_people import ALL_DAY, near_from, problem_for, snapshot_of, somebody

RULES = (
    Rule(kind="cross_organization"),
    Rule(kind="different_team"),
    Rule(kind="shared_language", parameter=3),
    Rule(kind="shared_language", parameter=4, language="en"),
    Rule(kind="shared_minutes", parameter=120),
    Rule(kind="zone_spread", parameter=6),
    Rule(kind="different_facet", facet="industry", required=False, weight=0.2),
    Rule(kind="shared_language", parameter=5, required=False, weight=0.1),
)


NEEDS = tuple(f"{topic} {number}" for number in (1, 0, 2) for topic in ("sushi", "chess"))
STATED = ("industry", "function", "education", "region")


def gatherings(*, most: int = 7) -> st.SearchStrategy[Snapshot]:
    """Small crowds with every reason to be in a group, and some reasons not to be."""
    return thrown(16 + 34 * most, lambda dice: gathering(dice, most=most))


def gathering(dice: Dice, *, most: int = 7) -> Snapshot:
    people = tuple(
        somebody(
            f"p{number}",
            offers=[
                f"{topic} {dice.one((1, 0, 2, 1))}"
                for topic in dice.shuffled(("sushi", "chess"))[: dice.one((1, 2, 1, 0))]
            ],
            needs=dice.shuffled(NEEDS)[: dice.one((2, 3, 1, 4, 2, 3, 0))],
            organization=dice.one(("red", "blue", "green", "black", "white", "pink")),
            role=dice.one(("both",) * 6 + ("gives", "receives")),
            languages={dice.one(("en",) * 9 + ("es",)): dice.between(2, 6), dice.one(("pl", "de")): dice.between(1, 6)},
            zone=dice.one(("UTC",) * 9 + ("Europe/Berlin", "Asia/Tokyo", "America/New_York")),
            windows=dice.one((ALL_DAY,) * 5 + (some_time(number), two_hours(dice.upto(3)))),
            facets={name: dice.one(("a", "b", "c")) for name in dice.one(((), STATED[:1], STATED))},
            team=dice.one(("", "", "", "", "", "a")),
            away=dice.upto(15) == 15,
            level=dice.one((5, 4, 3, 2)),
            priority=dice.between(1, 3),
        )
        for number in range(most - dice.one((3, 0, 1, 0, 2, 0, 0, 0)))
    )
    here = {each.id for each in people}
    blocked = dice.some([Couple(first="p0", second="p1"), Couple(first="p1", second="p4")], most=1)
    least = dice.one((3, 3, 4))
    return snapshot_of(
        *people,
        rules=dice.some(RULES, most=2),
        blocked=tuple(sorted(two for two in blocked if {two.first, two.second} <= here)),
        grouping=Grouping(
            least=least,
            most=max(least, dice.one((4, 3, 5, 3, 6, 3))),
            minutes=dice.one((5, 60, 61, 900)),
            level=dice.one((1, 3)),
        ),
        difference=dice.one((0.0, 0.12, 0.6)),
    )


CLOSE = (1000, MEETS, MEETS - 1)
"""How well texts of one topic meet whose numbers are equal, or differ by one or two: two may meet a third, and not each other."""


def close(snapshot: Snapshot) -> Near:
    """The near texts of a gathering."""
    needs, offers = texts_of(snapshot.people)

    def chance(need: str, offer: str) -> int:
        (topic, number), (other, digit) = ((text.split()[0], text.split()[-1]) for text in (need, offer))
        if topic != other:
            return 0
        return CLOSE[abs(int(number) - int(digit))] if number.isdigit() and digit.isdigit() else CLOSE[0]

    chances = [[float(chance(need, offer)) for offer in offers] for need in needs]
    return near_from(needs, offers, chance=np.array(chances).reshape(len(needs), len(offers)))


def two_hours(start: int) -> tuple[Free, ...]:
    """Of one day: two may each share enough with a third, and nothing with each other."""
    return (Free(weekday=0, start=(9 + start) * 60, end=(11 + start) * 60),)


def some_time(number: int) -> tuple[Free, ...]:
    return tuple(Free(weekday=day, start=(9 + number % 3) * 60, end=13 * 60) for day in range(1 + number % 2))


def planned(snapshot: Snapshot, *, seed: int = 0) -> Groups:
    return plan_groups(snapshot, close(snapshot), seed=seed)[0]


class Everything:
    """All groups that there are, by the words of the documentation and without the search: who is in it, and what it is worth in
    the language that suits it best, for each who could lead and each of their offers."""

    def __init__(self, snapshot: Snapshot) -> None:
        assert snapshot.grouping is not None
        self.grouping, self.snapshot = snapshot.grouping, snapshot
        self.problem, self.place = problem_for(snapshot, table=close(snapshot))
        self.led: dict[tuple[int, int], dict[frozenset[int], int]] = {}
        self.worth: dict[frozenset[int], int] = {}
        self.givers = 0  # groups in which a second one gives
        self._couples()
        for size in range(self.grouping.least, self.grouping.most + 1):
            for members in combinations(range(self.problem.size), size):
                if all(self.may_meet[two] for two in combinations(members, 2)):
                    self._look_at(members)

    def _couples(self) -> None:
        problem = self.problem
        one, other = (np.array(each, dtype=np.int64) for each in np.triu_indices(problem.size, 1))
        couples = list(zip(one.tolist(), other.tolist(), strict=True))

        def by_couple(values: Any) -> dict[tuple[int, int], int]:
            return dict(zip(couples, np.asarray(values).tolist(), strict=True))

        self.may_meet = by_couple(legal(problem, one, other) & problem.able[one] & problem.able[other])
        self.differ = by_couple(np.minimum(differences(problem, one, other), 3))
        self.clocks = by_couple(clocks_apart(problem, one, other))
        preferred = [check for check in problem.rules.checks if not check.required]
        self.cost = by_couple(sum((each.cost * breaks(each.form, problem, one, other) for each in preferred), 0 * one))
        self.free = [int.from_bytes(each.tobytes(), "big") for each in problem.slots]
        self.met: dict[tuple[int, int], Met | None] = {}
        for person in range(problem.size):
            for offer in range(len(problem.offer_text)):
                self.met[person, offer] = best(problem, person, [offer])

    def _look_at(self, members: tuple[int, ...]) -> None:
        common = [self.common(members, column) for column in range(len(self.problem.codes))]
        values = [value for value in common if value is not None]
        for lead in members if values else ():
            for offer in self.sufficient(lead):
                learned = self.learned(lead, members, offer)
                if learned is not None:
                    value = learned + max(values)
                    self.led.setdefault((lead, offer), {})[frozenset(members)] = value
                    self.worth[frozenset(members)] = max(value, self.worth.get(frozenset(members), value))

    def sufficient(self, person: int) -> list[int]:
        """Offers that this one may give."""
        problem = self.problem
        some = range(problem.offer_starts[person], problem.offer_starts[person + 1])
        level = self.grouping.level
        return [each for each in some if problem.gives[person] and problem.offer_skill[each] % LEVELS + 1 >= level]

    def learned(self, lead: int, members: tuple[int, ...], offer: int) -> int | None:
        problem = self.problem
        others = [each for each in members if each != lead]
        needing = {each: found for each in others if (found := self.met[each, offer]) is not None}
        giving = [each for each in others if each not in needing]
        if len(needing) < 2 or len(giving) > 1 or not all(self.could_give(each, needing, offer) for each in giving):
            return None
        self.givers += len(giving)
        back = [
            direction.worth
            for each in others
            if problem.gives[each] and problem.receives[lead] and (direction := taught(problem, each, lead))
        ]
        return sum(found.worth for found in needing.values()) + max(back, default=0)

    def could_give(self, person: int, needing: dict[int, Met], offer: int) -> bool:
        problem, offers = self.problem, self.sufficient(person)
        for learner in needing:
            needs = range(problem.need_starts[learner], problem.need_starts[learner + 1])
            topical = [need for need in needs if meets(problem, need, offer)]
            if not any(meets(problem, need, each) for need in topical for each in offers):
                return False
        return True

    def common(self, members: tuple[int, ...], column: int) -> int | None:
        """The value of what does not depend on who leads what."""
        problem, k, couples = self.problem, len(members), list(combinations(members, 2))
        level = min(int(problem.spoken[each, column]) for each in members)
        slots = reduce(and_, (self.free[each] for each in members)).bit_count()
        floor, bound = 1, -(-self.grouping.minutes // 5)
        for rule in self.snapshot.rules:
            floor = (
                max(floor, int(rule.parameter or 1))
                if rule.kind == "shared_language" and rule.required and not rule.language
                else floor
            )
            bound = max(bound, int(rule.parameter or 5) // 5) if rule.kind == "shared_minutes" else bound
        if level < floor or slots < bound:
            return None
        weight = problem.weights.logistics
        return (
            round(problem.weights.third / 60) * (120 // k) * sum(self.differ[two] for two in couples)
            - (k - 1) * (weight * 2 * max(self.clocks[two] for two in couples) // 3600)
            - (k - 1) * (weight * 2 * max(0, 36 - slots) // 180)
            - (k - 1) * (weight * (5 - min(5, level)) // 25)
            + -2 * sum(self.cost[two] for two in couples) // k
        )

    def best(self) -> tuple[int, int]:
        """As many people as possible, then the most value."""
        led = [(sum(1 << each for each in members), len(members), value) for members, value in self.worth.items()]

        @cache
        def of(free: int) -> tuple[int, int]:
            if not free:
                return 0, 0
            first = free & -free
            found = [of(free ^ first)]
            for members, count, value in led:
                if members & first and not members & ~free:
                    people, rest = of(free ^ members)
                    found.append((people + count, rest + value))
            return max(found)

        return of((1 << self.problem.size) - 1)


def meets(problem: Problem, need: int, offer: int) -> bool:
    found = met_by(problem, need, offer)
    return found is not None and found.chance >= MEETS


def best(problem: Problem, person: int, offers: list[int]) -> Met | None:
    if not problem.receives[person]:
        return None
    needs = range(problem.need_starts[person], problem.need_starts[person + 1])
    found = [
        met
        for need in needs
        for offer in offers
        if meets(problem, need, offer) and (met := met_by(problem, need, offer))
    ]
    return max(found, key=lambda met: met.worth, default=None)


def a_crowd(size: int, *, topics: int = 6, seed: int = 1, **more: Any) -> Snapshot:
    """People of whom some share a topic."""
    drawn = random.Random(seed)
    names = [f"t{number}" for number in range(topics)]
    people = [
        somebody(
            f"p{number:03}",
            offers=drawn.sample(names, 2),
            needs=drawn.sample(names, 2),
            organization=drawn.choice("abcd"),
            level=drawn.randint(2, 5),
            priority=drawn.randint(1, 3),
            windows=some_time(drawn.randint(0, 5)),
            facets={"industry": drawn.choice("xyz")},
        )
        for number in range(size)
    ]
    return snapshot_of(*people, grouping=Grouping(**more))


class TestGatherings:
    def test_have_groups_of_every_kind(self) -> None:
        """Or else the properties below could hardly fail."""
        every = [Everything(gathering(Dice(random.Random(seed).randbytes(254)))) for seed in range(100)]
        assert sum(bool(each.worth) for each in every) >= 50
        assert sum(each.givers > 0 for each in every) >= 10
        assert sum(each.best()[0] > each.grouping.most for each in every) >= 5  # two groups
        assert sum(0 < each.best()[0] < each.problem.size for each in every) >= 40


class TestSearch:
    @settings(max_examples=100, deadline=None)
    @given(gatherings(), st.integers(0, 2**32))
    def test_finds_the_best_group_of_each_option_and_all_good_ones(self, snapshot: Snapshot, seed: int) -> None:
        everything, draw = Everything(snapshot), np.random.default_rng(seed)
        y = draw.integers(0, 600_000, everything.problem.size) * draw.integers(0, 2, everything.problem.size)
        bonus, valued = int(draw.integers(0, 300_000)), bool(draw.integers(0, 4))
        options = circles(everything)
        known: dict[frozenset[int], int] = {}
        most = np.zeros_like(y)
        for option, key in enumerate(options):
            of = everything.led.get(key, {})
            over = {each: valued * value + bonus * len(each) - int(y[list(each)].sum()) for each, value in of.items()}
            ranked = sorted(over.values(), reverse=True)
            searcher, only = Searcher(*arrays(everything)), np.array([option])
            found, bound = searcher.best(y, bonus=bonus, valued=valued, options=only)
            assert bound[option] == max([0, *ranked])
            most[key[0]] = max(most[key[0]], bound[option])
            assert [over[frozenset(group.members)] for group in found] == [each for each in ranked[:1] if each > 0]
            for threshold in (
                -(2**40),
                *(ranked[at] + off for at in (0, len(ranked) // 2) if ranked for off in (0, 1)),
            ):
                every = searcher.every(y, bonus=bonus, valued=valued, threshold=threshold, options=only)
                assert every is not None
                assert {frozenset(group.members): group.value for group in every} == {
                    each: of[each] for each in of if over[each] >= threshold
                }
                assert len(every) <= len(of) * len(everything.problem.codes)
                assert all((group.option, group.members[0]) == (option, key[0]) for group in every)
            if ranked:  # one that is worth nothing at all is none
                y[key[0]] += ranked[0]
                found, bound = searcher.best(y, bonus=bonus, valued=valued, options=only)
                assert (found, bound[option]) == ([], 0)
                y[key[0]] -= ranked[0]
            known |= {frozenset(group.members): group.value for group in searcher.known.values()}
        assert set(everything.led) <= set(options)
        assert set(known) == set(everything.worth)
        whole = Searcher(*arrays(everything))
        assert (packing._certified(whole, y, bonus=bonus, valued=valued).led == most).all()
        whole.every(y, bonus=bonus, valued=valued, threshold=-(2**40))
        assert {frozenset(group.members): group.value for group in whole.known.values()} == everything.worth

    def test_clocks_are_apart_the_short_way_round(self) -> None:
        everything = Everything(around_the_world())
        found, bound = Searcher(*arrays(everything)).best(np.zeros(3, np.int64), bonus=0, valued=True)
        assert [group.value for group in found] == bound.tolist() == [*everything.worth.values()] * len(bound)
        assert len(bound) == 3
        (group,) = planned(everything.snapshot).groups
        given = {term.name: dict(term.why.given) for term in group.terms if term.why}
        assert given["clocks"]["hours"] in {6, 8}

    def test_thinks_of_whoever_teaches_the_leader_though_others_bring_more(self) -> None:
        people = [
            somebody("l", offers=("sushi 1",), needs=("chess 1",)),
            somebody("a", offers=(), needs=("sushi 1",)),
            somebody("b", offers=(), needs=("sushi 0",)),
            somebody("t", offers=("chess 1",), needs=("sushi 0",), priority=1),
        ]
        everything = Everything(snapshot_of(*people, grouping=Grouping(most=3), difference=0.0))
        best = max(everything.worth.values())
        found = Searcher(*arrays(everything)).every(np.zeros(4, np.int64), bonus=0, valued=True, threshold=best)
        assert [{*group.members} for group in found or ()] == [{everything.place[each] for each in "lat"}]

    @settings(max_examples=40, deadline=None)
    @given(gatherings(), st.integers(0, 2**32), st.integers(0, 12))
    def test_out_of_patience_says_what_it_cannot_have_missed(
        self, snapshot: Snapshot, seed: int, patience: int
    ) -> None:
        everything, draw = Everything(snapshot), np.random.default_rng(seed)
        y = draw.integers(0, 300_000, everything.problem.size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.matching.engine.grouping.packing.PATIENCE", patience)
            for option, key in enumerate(circles(everything)):
                searcher, only = Searcher(*arrays(everything)), np.array([option])
                over = [value - int(y[list(each)].sum()) for each, value in everything.led.get(key, {}).items()]
                _, bound = searcher.best(y, bonus=0, valued=True, options=only)
                assert bound[option] >= max([0, *over])
                every = searcher.every(y, bonus=0, valued=True, threshold=-(2**40), options=only)
                assert every is None or len({group.members for group in every}) == len(over)


def around_the_world(*more: str) -> Snapshot:
    """16 or 18 hours apart, which are 8 or 6; and who needs it less, in ``more`` zones."""
    always = tuple(Free(weekday=day, start=0, end=24 * 60) for day in range(7))
    return snapshot_of(
        *(
            somebody(
                f"p{number}", offers=("sushi",), needs=("sushi",), zone=zone, windows=always, priority=3 - number // 3
            )
            for number, zone in enumerate(("Pacific/Auckland", "America/New_York", "America/New_York", *more))
        ),
        grouping=Grouping(),
    )


def arrays(everything: Everything) -> tuple[People, Circles, Grouping]:
    people = people_of(everything.problem, everything.grouping)
    return people, circles_of(everything.problem, people, level=everything.grouping.level), everything.grouping


def circles(everything: Everything) -> list[tuple[int, int]]:
    """Who leads which offer, by option."""
    found = arrays(everything)[1]
    return list(zip(found.lead.tolist(), found.offer.tolist(), strict=True))


class TestSmall:
    @settings(max_examples=60, deadline=None)
    @given(gatherings())
    def test_plan_is_the_best_of_all_possible_ones_and_proven(self, snapshot: Snapshot) -> None:
        everything, plan = Everything(snapshot), planned(snapshot)
        people, value = everything.best()
        place, worth = everything.place, everything.worth
        for group in plan.groups:
            members = frozenset(place[member.person] for member in group.members)
            assert round(group.value * 1e6) == worth[members]
            assert round(sum(term.amount for term in group.terms), 6) == group.value
        covered = [member.person for group in plan.groups for member in group.members]
        assert len(covered) == len(set(covered)) == people
        assert round(plan.value * 1e6) == value
        assert sorted([*covered, *(out.person for out in plan.left_out)]) == sorted(place)
        assert (plan.unmatched_bound, plan.exact) == (len(place) - people, True)
        assert plan.upper_bound == plan.value

    @settings(max_examples=30, deadline=None)
    @given(gatherings(), st.randoms(use_true_random=False))
    def test_plan_does_not_depend_on_order_or_on_names_of_organizations(self, snapshot: Snapshot, drawn: Any) -> None:
        people = list(snapshot.people)
        drawn.shuffle(people)
        renamed = tuple(replace(each, organization=f"firm {each.organization}") for each in people)
        again = replace(snapshot, people=renamed, rules=snapshot.rules)
        assert msgspec.msgpack.encode(planned(again)) == msgspec.msgpack.encode(planned(snapshot))

    @settings(max_examples=20, deadline=None)
    @given(gatherings(most=6))
    def test_everybody_left_out_reads_why_and_a_place_that_is_possible_is_called_so(self, snapshot: Snapshot) -> None:
        everything, plan = Everything(snapshot), planned(snapshot)
        for out in plan.left_out:
            somewhere = any(everything.place[out.person] in members for members in everything.worth)
            assert (out.reason == "capacity") == somewhere
            assert all(say(why, locale=locale) for why in out.why for locale in LOCALES)

    @settings(max_examples=20, deadline=None)
    @given(gatherings(most=6))
    def test_raising_the_weight_of_difference_never_lowers_the_differences(self, snapshot: Snapshot) -> None:
        found = []
        for weight in (0.0, 0.3, 0.9):
            plan = planned(replace(snapshot, difference=weight))
            problem, place = problem_for(replace(snapshot, difference=weight), table=close(snapshot))
            total = 0
            for group in plan.groups:
                members = [place[member.person] for member in group.members]
                one, other = (np.array(each) for each in zip(*combinations(members, 2), strict=True))
                total += 120 // len(members) * int(np.minimum(differences(problem, one, other), 3).sum())
            found.append(total)
        assert found == sorted(found)


class TestLarger:
    @pytest.mark.parametrize("size", [24, 48])  # searched compiled
    def test_bound_holds_and_nobody_is_left_out_who_need_not_be(self, size: int) -> None:
        snapshot = a_crowd(size)
        plan = planned(snapshot)
        assert plan.upper_bound is not None
        assert plan.unmatched_bound is not None
        assert 0.9 * plan.upper_bound <= plan.value <= plan.upper_bound
        assert len(plan.left_out) == plan.unmatched_bound == 0
        sizes = [len(group.members) for group in plan.groups]
        assert [group.value for group in plan.groups] == sorted((group.value for group in plan.groups), reverse=True)
        assert (sum(sizes), min(sizes) >= 3, max(sizes) <= 6) == (size, True, True)
        assert msgspec.msgpack.encode(
            planned(replace(snapshot, people=snapshot.people[::-1]))
        ) == msgspec.msgpack.encode(plan)

    def test_compiled_search_finds_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        snapshot = a_crowd(12)
        plain = planned(snapshot)
        monkeypatch.setattr("services.matching.engine.grouping.packing.LARGE", 1)
        assert planned(snapshot) == plain

    @pytest.mark.parametrize("patience", [0, 3, 30])
    def test_bound_holds_when_the_search_runs_out_of_patience(
        self, monkeypatch: pytest.MonkeyPatch, patience: int
    ) -> None:
        snapshot = a_crowd(12)
        whole = planned(snapshot)
        monkeypatch.setattr("services.matching.engine.grouping.packing.PATIENCE", patience)
        hasty = planned(snapshot)
        assert whole.exact
        assert not hasty.exact
        assert hasty.upper_bound is not None
        assert hasty.unmatched_bound is not None
        assert hasty.unmatched_bound <= len(whole.left_out)
        assert (len(whole.left_out), -whole.value) <= (len(hasty.left_out), -hasty.value)
        # It bounds every plan that has as many people in groups, or more: the whole one too.
        assert max(hasty.value, whole.value) <= hasty.upper_bound

    def test_somebody_is_taken_in_even_where_that_costs_value(self) -> None:
        everything, searcher, three, four = a_dear_fourth()
        assert everything.worth[frozenset(four.members)] < everything.worth[frozenset(three.members)]
        assert improved(searcher, [three], size=4) == [four]
        (group,) = planned(everything.snapshot).groups
        assert len(group.members) == 4

    def test_bound_is_about_plans_of_as_many_people(self) -> None:
        everything, searcher, three, four = a_dear_fourth()
        proof = plan_groups(everything.snapshot, close(everything.snapshot))[1]
        assert proof is not None
        assert four.value <= proof.dearest.ceiling(people=4) <= four.value + 4 < three.value  # for prices with a bonus
        dearest = packing._certified(searcher, np.zeros(4, np.int64), bonus=0, valued=True)
        assert dearest.ceiling(people=4) == three.value > four.value
        finished = packing._finished(searcher, dearest, [four], size=4, valued=True, cover=4)
        assert finished == ([four], four.value)
        assert packing._finished(searcher, dearest, [three], size=4, valued=True, cover=3) == ([three], three.value)
        assert packing._integer([three, four], size=4, valued=True, cover=4)[0] == [four]
        assert packing._integer([three, four], size=4, valued=True, cover=3)[0] == [three]
        assert packing._integer([three], size=4, valued=True, cover=4)[0] == []
        worse = replace(three, option=three.option + 1, value=three.value - 1)
        assert packing._integer([worse, three, worse], size=4, valued=True, cover=0)[0] == [three]

    def test_whatever_the_prices_the_best_plan_is_found_among_the_groups_that_could_be_in_it(self) -> None:
        _, searcher, three, four = a_dear_fourth()
        far = packing._certified(searcher, np.full(4, 3_000_000), bonus=0, valued=True)  # no group comes close
        assert packing._finished(searcher, far, [four], size=4, valued=True, cover=0) == ([three], three.value)
        assert packing._finished(searcher, far, [four], size=4, valued=True, cover=4) == ([four], four.value)
        many = packing._certified(searcher, np.full(4, 3_000_000), bonus=1_000_000, valued=False)
        assert packing._finished(searcher, many, [three], size=4, valued=False, cover=0) == ([four], 4_000_000)

    def test_cancelled_it_stops(self) -> None:
        snapshot = a_crowd(6)
        with pytest.raises(Cancelled):
            plan_groups(snapshot, close(snapshot), cancelled=lambda: True)


def a_dear_fourth() -> tuple[Everything, Searcher, packing.Group, packing.Group]:
    """A group of three, and with a fourth, who costs more than they learn."""
    people = [somebody("g", offers=("sushi 1",), needs=(), level=2)]
    people += [somebody(f"l{n}", offers=(), needs=("sushi 1",)) for n in range(2)]
    evening = (Free(weekday=0, start=18 * 60, end=18 * 60 + 5),)  # nine o'clock in the morning for the others
    dear: dict[str, Any] = {
        "needs": ("sushi 0",),
        "priority": 1,
        "windows": evening,
        "zone": "Asia/Tokyo",
        "languages": {"en": 1},
    }
    people.append(somebody("x", offers=(), **dear))
    everything = Everything(snapshot_of(*people, grouping=Grouping(minutes=5, level=1), difference=0.0))
    searcher = Searcher(*arrays(everything))
    searcher.every(np.zeros(4, np.int64), bonus=0, valued=True, threshold=0)
    three = tuple(sorted(everything.place[each] for each in ("g", "l0", "l1")))
    return everything, searcher, searcher.known[three], searcher.known[0, 1, 2, 3]


class TestTold:
    def test_group_says_who_gives_who_needs_what_when_and_in_which_language(self) -> None:
        ana = somebody("ana", offers=("sushi rolls",), needs=("chess",), zone="Europe/Berlin")
        ben = somebody("ben", offers=("chess openings",), needs=("sushi at home",))
        cleo = somebody("cleo", offers=(), needs=("sushi for guests",))
        dan = somebody("dan", offers=("python",), needs=("sushi quickly",), languages={"de": 6})
        plan = planned(snapshot_of(ana, ben, cleo, dan, grouping=Grouping()))
        (group,) = plan.groups
        assert group.topic == "sushi rolls"
        assert [(each.person, each.gives) for each in group.members] == [("ana", True), ("ben", False), ("cleo", False)]
        learned = {each.person: each.learns and (each.learns.teacher, each.learns.need) for each in group.members}
        assert learned == {
            "ana": ("ben", "chess"),
            "ben": ("ana", "sushi at home"),
            "cleo": ("ana", "sushi for guests"),
        }
        assert (group.language, group.level, group.shared_minutes) == ("en", 5, 5 * 7 * 60)
        assert group.shared_windows[0] == "Mon 09:00–16:00 UTC"
        assert group.members[0].windows[0] == "Mon 10:00–17:00"
        assert [(why.code, dict(why.given)) for why in group.others] == [("group_others_language", {"people": 1})]
        (out,) = plan.left_out
        assert (out.person, out.reason) == ("dan", "no_shared_language")

    def test_second_one_who_gives_joins_rather_than_being_left_out(self) -> None:
        people = [somebody(f"g{n}", offers=(f"sushi {n}",), needs=(), role="gives") for n in range(2)]
        people += [somebody(f"l{n}", offers=(), needs=(f"sushi {n}",), role="receives") for n in range(2)]
        (group,) = planned(snapshot_of(*people, grouping=Grouping())).groups
        assert [each.gives for each in group.members] == [True, True, False, False]

    @pytest.mark.parametrize(("text", "members"), [("sushi 0", 3), ("sushi 1", 4)])
    def test_second_one_gives_only_what_meets_a_need_of_everybody_who_learns(self, text: str, members: int) -> None:
        people = [somebody(f"g{n}", offers=(each,), needs=(), role="gives") for n, each in enumerate(("sushi 1", text))]
        people += [somebody(f"l{n}", offers=(), needs=(f"sushi {n}",), role="receives") for n in (0, 2)]
        (group,) = planned(snapshot_of(*people, grouping=Grouping())).groups
        assert len(group.members) == members

    def test_a_language_of_every_two_is_none_of_all_three(self) -> None:
        people = [
            somebody("g", offers=("sushi",), needs=(), languages={"en": 5, "pl": 5}),
            somebody("a", offers=(), needs=("sushi",), languages={"en": 5, "de": 5}),
            somebody("b", offers=(), needs=("sushi",), languages={"pl": 5, "de": 5}),
        ]
        assert planned(snapshot_of(*people, grouping=Grouping())).groups == ()

    def test_beyond_the_texts_that_are_told_apart_no_second_one_gives(self, monkeypatch: pytest.MonkeyPatch) -> None:
        people = [somebody(f"g{n}", offers=("sushi 1",), needs=(), role="gives") for n in range(2)]
        people += [somebody(f"l{n}", offers=(), needs=(f"sushi {n}",), role="receives") for n in range(2)]
        snapshot = snapshot_of(*people, grouping=Grouping())
        assert [len(group.members) for group in planned(snapshot).groups] == [4]
        monkeypatch.setattr("services.matching.engine.grouping.circles.MOST_TEXTS", 1)
        assert [len(group.members) for group in planned(snapshot).groups] == [3]

    def test_offer_of_too_low_a_level_leads_nothing(self) -> None:
        people = [somebody("g", offers=("sushi",), needs=(), level=2)]
        people += [somebody(f"l{n}", offers=(), needs=("sushi",)) for n in range(2)]
        assert planned(snapshot_of(*people, grouping=Grouping(level=3))).groups == ()
        assert len(planned(snapshot_of(*people, grouping=Grouping(level=2))).groups) == 1

    def test_nobody_at_all_is_an_empty_plan(self) -> None:
        assert planned(snapshot_of(grouping=Grouping())).exact


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Grouping(least=2), "Groups of 2 to 6 cannot be planned: choose 3 to 6."),
        (Grouping(most=7), "Groups of 3 to 7 cannot be planned: choose 3 to 6."),
        (Grouping(least=5, most=4), "Groups of 5 to 4 cannot be planned: choose 3 to 6."),
        (Grouping(minutes=0), "Groups that share 0 minutes a week: give 1 or more, within a week."),
        (Grouping(minutes=10_081), "Groups that share 10081 minutes a week: give 1 or more, within a week."),
        (Grouping(level=0), "To give from level 0 on: choose 1 to 5."),
        (Grouping(level=6), "To give from level 6 on: choose 1 to 5."),
    ],
)
def test_grouping_that_makes_no_sense_is_refused(wrong: Grouping, said: str) -> None:
    with pytest.raises(SnapshotRefused, match=f"^{re.escape(said)}$"):
        planned(snapshot_of(somebody("ana"), grouping=wrong))


def test_as_much_as_makes_sense_is_allowed() -> None:
    check(Grouping(least=3, most=3, minutes=1, level=1), people=3_000)
    check(Grouping(least=6, most=6, minutes=7 * 24 * 60, level=5), people=0)


def test_more_people_than_couples_fit_are_refused() -> None:
    with pytest.raises(SnapshotRefused, match=r"^Groups of 3001 people at once: plan them for 3000 at most\.$"):
        check(Grouping(), people=3_001)
