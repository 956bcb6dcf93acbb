"""Groups around a topic, from snapshot to plan: against all possible groups, and what must hold whatever the people are."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from services.matching.engine.groups import plan_groups
from services.matching.engine.meaning.near import MEETS
from services.matching.engine.model import (
    Couple,
    Free,
    Grouping,
    Groups,
    Person,
    Rule,
    Snapshot,
)
from services.matching.engine.scoring.aptness import LEVELS
from services.matching.engine.scoring.directions import Met, met_by, taught
from services.matching.engine.scoring.ground import SnapshotRefused
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.sentences import LOCALES, say
from services.matching.engine.scoring.value import clocks_apart, differences, legal, shared_slots
from tests.matching.dice import Dice, thrown
from tests.matching.engine_people import ALL_DAY, near_for, problem_for, snapshot_of, somebody

RULES = (
    Rule(kind="cross_organization"),
    Rule(kind="different_team"),
    Rule(kind="shared_language", parameter=3),
    Rule(kind="shared_minutes", parameter=120),
    Rule(kind="zone_spread", parameter=6),
    Rule(kind="different_facet", facet="industry", required=False, weight=0.2),
)


def gatherings(*, most: int = 7) -> st.SearchStrategy[Snapshot]:
    """Small crowds with every reason to be in a group, and some reasons not to be."""
    return thrown(16 + 30 * most, lambda dice: gathering(dice, most=most))


def gathering(dice: Dice, *, most: int) -> Snapshot:
    people = tuple(
        somebody(
            f"p{number}",
            offers=[f"{topic} {dice.upto(1)}" for topic in dice.shuffled(("sushi", "chess"))[: dice.one((1, 2, 1, 0))]],
            needs=[
                f"{topic} {dice.upto(2)}" for topic in dice.shuffled(("sushi", "chess"))[: dice.one((1, 2, 2, 1, 2, 0))]
            ],
            organization=dice.one(("red", "blue", "green", "black", "white", "pink")),
            role=dice.one(("both",) * 6 + ("gives", "receives")),
            languages={dice.one(("en",) * 9 + ("es",)): dice.between(2, 6), dice.one(("pl", "de")): dice.between(1, 6)},
            zone=dice.one(("UTC",) * 9 + ("Europe/Berlin", "Europe/Berlin", "Asia/Tokyo")),
            windows=dice.one((ALL_DAY,) * 5 + (some_time(number),)),
            facets={"industry": dice.one(("energy", "health"))} if dice.yes() else {},
            team=dice.one(("", "", "", "", "", "a")),
            away=dice.upto(15) == 15,
            level=dice.one((5, 4, 3, 2)),
            priority=dice.between(1, 3),
        )
        for number in range(most - dice.one((3, 0, 1, 0, 2, 0)))
    )
    here = {each.id for each in people}
    blocked = dice.some([Couple(first="p0", second="p1"), Couple(first="p1", second="p4")], most=1)
    return snapshot_of(
        *people,
        rules=dice.some(RULES, most=2),
        blocked=tuple(sorted(two for two in blocked if {two.first, two.second} <= here)),
        grouping=Grouping(
            least=dice.one((3, 3, 4)),
            most=dice.between(4, 6),
            minutes=dice.one((5, 60, 60, 900)),
            level=dice.one((1, 3)),
        ),
        difference=dice.one((0.0, 0.12, 0.6)),
    )


def some_time(number: int) -> tuple[Free, ...]:
    return tuple(Free(weekday=day, start=(9 + number % 3) * 60, end=13 * 60) for day in range(1 + number % 2))


def planned(snapshot: Snapshot, *, seed: int = 0) -> Groups:
    return plan_groups(snapshot, near_for(snapshot), seed=seed)[0]


class Everything:
    """All groups that there are, by the words of the documentation and without the search."""

    def __init__(self, snapshot: Snapshot) -> None:
        assert snapshot.grouping is not None
        self.grouping, self.snapshot = snapshot.grouping, snapshot
        self.problem, self.place = problem_for(snapshot)
        everybody = np.arange(self.problem.size)
        self.legal = np.array([legal(self.problem, np.full_like(everybody, u), everybody) for u in everybody])
        self.worth: dict[frozenset[int], int] = {}
        for size in range(self.grouping.least, self.grouping.most + 1):
            for members in combinations(range(self.problem.size), size):
                values = [value for lead in members for value in self.led_by(lead, members)]
                if values:
                    self.worth[frozenset(members)] = max(values)

    def led_by(self, lead: int, members: tuple[int, ...]) -> Iterator[int]:
        problem = self.problem
        if not (
            all(self.legal[two] for two in combinations(members, 2))
            and problem.able[list(members)].all()
            and problem.gives[lead]
        ):
            return
        for offer in range(problem.offer_starts[lead], problem.offer_starts[lead + 1]):
            if problem.offer_skill[offer] % LEVELS + 1 < self.grouping.level:
                continue
            met = {each: best(problem, each, [offer]) for each in members if each != lead}
            needing = {each: found for each, found in met.items() if found is not None}
            giving = [each for each in met if each not in needing]
            if len(needing) < 2 or len(giving) > 1 or not all(self.could_give(each, needing, offer) for each in giving):
                continue
            for column in range(len(problem.codes)):
                value = self.value(lead, members, needing, column)
                if value is not None:
                    yield value

    def could_give(self, person: int, needing: dict[int, Met], offer: int) -> bool:
        problem = self.problem
        if not problem.gives[person]:
            return False
        offers = [
            each
            for each in range(problem.offer_starts[person], problem.offer_starts[person + 1])
            if problem.offer_skill[each] % LEVELS + 1 >= self.grouping.level
        ]
        for learner in needing:
            needs = range(problem.need_starts[learner], problem.need_starts[learner + 1])
            topical = [need for need in needs if meets(problem, need, offer)]
            if not any(meets(problem, need, each) for need in topical for each in offers):
                return False
        return True

    def value(self, lead: int, members: tuple[int, ...], needing: dict[int, Met], column: int) -> int | None:
        problem, k = self.problem, len(members)
        level = min(int(problem.spoken[each, column]) for each in members)
        slots = int(np.bitwise_count(np.bitwise_and.reduce(problem.slots[list(members)], axis=0)).sum())
        floor, bound = 1, -(-self.grouping.minutes // 5)
        for rule in self.snapshot.rules:
            floor = max(floor, int(rule.parameter or 1)) if rule.kind == "shared_language" and rule.required else floor
            bound = max(bound, int(rule.parameter or 5) // 5) if rule.kind == "shared_minutes" else bound
        if level < floor or slots < bound:
            return None
        one, other = (np.array(each) for each in zip(*combinations(members, 2), strict=True))
        assert (shared_slots(problem, one, other) >= slots).all()
        back = [
            found.worth
            for each in members
            if each != lead
            and problem.gives[each]
            and problem.receives[lead]
            and (found := taught(problem, each, lead))
        ]
        weight = problem.weights.logistics
        clocks = int(clocks_apart(problem, one, other).max())
        industry = [next((f.value for f in self.person(each).facets), "") for each in members]
        alike = sum(a == b != "" for a, b in combinations(industry, 2))
        prefers = any(not rule.required for rule in self.snapshot.rules)
        return (
            sum(found.worth for found in needing.values())
            + max(back, default=0)
            + round(problem.weights.third / 60)
            * (120 // k)
            * int(np.minimum(differences(problem, one, other), 3).sum())
            - (k - 1) * (weight * 2 * clocks // 3600)
            - (k - 1) * (weight * 2 * max(0, 36 - slots) // 180)
            - (k - 1) * (weight * (5 - min(5, level)) // 25)
            - (-(-2 * alike * 200_000 // k) if prefers else 0)
        )

    def person(self, at: int) -> Person:
        return next(each for each in self.snapshot.people if self.place[each.id] == at)

    def best(self) -> tuple[int, int]:
        """As many people as possible, then the most value."""

        def of(free: frozenset[int]) -> tuple[int, int]:
            if not free:
                return 0, 0
            first = min(free)
            found = [of(free - {first})]
            for members, value in self.worth.items():
                if first in members and members <= free:
                    people, rest = of(free - members)
                    found.append((people + len(members), rest + value))
            return max(found)

        return of(frozenset(range(self.problem.size)))


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


class TestSmall:
    @settings(max_examples=100, deadline=None)
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
            problem, place = problem_for(replace(snapshot, difference=weight))
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
        assert (sum(sizes), min(sizes) >= 3, max(sizes) <= 6) == (size, True, True)
        assert msgspec.msgpack.encode(
            planned(replace(snapshot, people=snapshot.people[::-1]))
        ) == msgspec.msgpack.encode(plan)

    def test_compiled_search_finds_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        snapshot = a_crowd(12)
        plain = planned(snapshot)
        monkeypatch.setattr("services.matching.engine.grouping.packing.LARGE", 1)
        assert planned(snapshot) == plain

    def test_bound_holds_when_the_search_runs_out_of_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        snapshot = a_crowd(12)
        whole = planned(snapshot)
        monkeypatch.setattr("services.matching.engine.grouping.packing.PATIENCE", 3)
        hasty = planned(snapshot)
        assert whole.exact
        assert hasty.upper_bound is not None
        assert hasty.unmatched_bound is not None
        assert hasty.unmatched_bound <= len(whole.left_out) <= len(hasty.left_out)
        if len(hasty.left_out) == len(whole.left_out):
            assert hasty.value <= whole.value <= hasty.upper_bound


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

    def test_offer_of_too_low_a_level_leads_nothing(self) -> None:
        people = [somebody("g", offers=("sushi",), needs=(), level=2)]
        people += [somebody(f"l{n}", offers=(), needs=("sushi",)) for n in range(2)]
        assert planned(snapshot_of(*people, grouping=Grouping(level=3))).groups == ()
        assert len(planned(snapshot_of(*people, grouping=Grouping(level=2))).groups) == 1

    def test_nobody_at_all_is_an_empty_plan(self) -> None:
        assert planned(snapshot_of(grouping=Grouping())).exact


@pytest.mark.parametrize(
    "wrong",
    [Grouping(least=2), Grouping(most=7), Grouping(least=5, most=4), Grouping(minutes=0), Grouping(level=6)],
)
def test_grouping_that_makes_no_sense_is_refused(wrong: Grouping) -> None:
    with pytest.raises(SnapshotRefused):
        planned(snapshot_of(somebody("ana"), grouping=wrong))
