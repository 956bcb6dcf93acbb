"""Small crowds with all the groups they could form, found by looking at every one."""

import random
from functools import cache, reduce
from itertools import combinations
from operator import and_
from typing import Any

import numpy as np
from hypothesis import strategies as st

from services.matching.engine.grouping.circles import Circles, People, circles_of, people_of
from services.matching.engine.groups import plan_groups
from services.matching.engine.meaning.near import MEETS, Near
from services.matching.engine.model import (
    Couple,
    Free,
    Grouping,
    Groups,
    Rule,
    Snapshot,
)
from services.matching.engine.scoring.aptness import LEVELS
from services.matching.engine.scoring.directions import Met, met_by, taught
from services.matching.engine.scoring.ground import texts_of
from services.matching.engine.scoring.problem import Problem
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
