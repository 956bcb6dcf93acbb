"""Floors together, and with what else a run may be asked for: rankings, couples that stay, little time."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from math import inf

import numpy as np
import pytest

from services.matching.engine.accounts import fairness
from services.matching.engine.match import match
from services.matching.engine.model import STICKY, Couple, Person, Plan, Snapshot, Wish
from services.matching.engine.solving.pairs import DensePairs
from tests.matching.engine_people import near_for, problem_for, snapshot_of, somebody
from tests.matching.solving_ground import edges, matrix


def planned(snapshot: Snapshot, *, deadline: Callable[[], float] = lambda: inf) -> Plan:
    return match(snapshot, near_for(snapshot), deadline=deadline)[0]


def couples(plan: Plan) -> set[tuple[str, str]]:
    return {(min(pair.first, pair.second), max(pair.first, pair.second)) for pair in plan.pairs}


def trader(name: str, kind: int, *, level: int = 5, organization: str = "") -> Person:
    """Of two kinds, each of whom offers what the other one needs."""
    offers, needs = (("sushi", "python"), ("python", "sushi"))[kind]
    return somebody(
        name, offers=[offers], needs=[needs], level=level, priority=min(level, 3), organization=organization
    )


def test_each_floor_costs_what_it_takes_off_the_one_before() -> None:
    traders = ((3, "blue"), (3, "blue"), (5, "red"), (2, "blue"), (1, "red"), (5, "red"))
    people = [
        trader(str(at), at % 2, level=level, organization=organization)
        for at, (level, organization) in enumerate(traders)
    ]
    snapshot = snapshot_of(*people, difference=0.0)
    free = planned(snapshot).value
    lifted = planned(replace(snapshot, worst_off_floor=1.0)).value
    plan = planned(replace(snapshot, worst_off_floor=1.0, organization_floor=1.0))
    assert plan.exact
    assert free > lifted + 0.1 > plan.value + 0.1 + 0.01
    first, second = plan.worst_off_floor, plan.organization_floor
    assert first is not None
    assert second is not None
    assert first.price == first.price_at_most == pytest.approx(free - lifted)
    assert second.price == second.price_at_most == pytest.approx(lifted - plan.value)


def two_organizations() -> Snapshot:
    """The best plan is within them; the second gets much more across."""
    return snapshot_of(
        trader("a", 0, level=3, organization="red"),
        trader("b", 1, organization="red"),
        trader("c", 0, level=1, organization="blue"),
        trader("d", 1, level=1, organization="blue"),
        difference=0.0,
    )


def test_who_keeps_couples_where_that_costs_little_is_asked_for_no_share() -> None:
    free = replace(two_organizations(), organization_floor=0.9)
    assert couples(planned(free)) == {("a", "d"), ("b", "c")}
    now = (Couple(first="a", second="b"), Couple(first="c", second="d"))
    plan = planned(replace(free, keep=STICKY, current=now))
    assert couples(plan) == {("a", "b"), ("c", "d")}
    assert plan.organization_floor is not None
    assert plan.organization_floor.reached is None


def test_no_couple_is_kept_below_the_floor() -> None:
    # Kept, c and d would be the worst off; the floor under the worst-off parts them.
    now = (Couple(first="a", second="b"), Couple(first="c", second="d"))
    snapshot = replace(two_organizations(), keep=STICKY, current=now)
    assert couples(planned(snapshot)) == {("a", "b"), ("c", "d")}
    plan = planned(replace(snapshot, worst_off_floor=1.0))
    assert couples(plan) == {("a", "d"), ("b", "c")}
    assert plan.worst_off_floor is not None
    assert min(pair.value for pair in plan.pairs) == plan.worst_off_floor.reached


@pytest.mark.parametrize("wanted", [("c", "d"), ("d", "c")])
def test_rankings_count_under_a_floor(wanted: tuple[str, str]) -> None:
    # a and b may have c or d, which are alike; the floor is there, and costs nothing.
    people = [trader("a", 0), trader("b", 0), trader("c", 1), trader("d", 1)]
    wishes = tuple(Wish(by=by, of=of, rank=1) for by, of in zip(("a", "b"), wanted, strict=True))
    plan = planned(snapshot_of(*people, worst_off_floor=1.0, wishes=tuple(sorted(wishes)), ranking=0.5))
    assert couples(plan) == set(zip(("a", "b"), wanted, strict=True))


def test_rankings_lift_nobody_above_a_floor() -> None:
    # c and d want each other most, and what they are worth to each other stays the worst of all.
    snapshot = replace(two_organizations(), worst_off_floor=1.0)
    wishes = (Wish(by="c", of="d", rank=1), Wish(by="d", of="c", rank=1))
    without, plan = planned(snapshot), planned(replace(snapshot, wishes=wishes, ranking=0.5))
    assert couples(plan) == couples(without) == {("a", "d"), ("b", "c")}
    assert plan.worst_off_floor is not None
    assert without.worst_off_floor is not None
    assert plan.worst_off_floor.highest == without.worst_off_floor.highest


def test_what_time_did_not_suffice_for_is_not_called_exact() -> None:
    snapshot = replace(two_organizations(), worst_off_floor=1.0, organization_floor=0.9)
    assert_exact_only_in_the_end(snapshot)


def test_what_time_did_not_suffice_for_is_not_called_exact_of_what_is_kept_either() -> None:
    free = two_organizations()
    now = tuple(Couple(first=first, second=second) for first, second in sorted(couples(planned(free))))
    assert_exact_only_in_the_end(replace(free, worst_off_floor=1.0, keep=STICKY, current=now))


def assert_exact_only_in_the_end(snapshot: Snapshot) -> None:
    """However soon time is over: a plan that is called exact is the one that comes with all the time there is."""
    whole = planned(snapshot)
    assert whole.exact
    endings = set()
    for most in range(90):
        asked = count()
        plan = planned(snapshot, deadline=lambda asked=asked, most=most: inf if next(asked) < most else 0.0)  # type: ignore[misc]
        endings.add(plan.ended)
        assert plan.ended == ("optimal" if plan.exact else "time")
        if plan.exact:
            assert couples(plan) == couples(whole)
    assert endings == {"optimal", "time"}


@pytest.mark.parametrize(("rivals", "blocking"), [(550_000, 0), (600_000, 0), (600_001, 1)])
def test_a_pair_blocks_when_both_would_gain_more_than_a_tenth(rivals: int, blocking: int) -> None:
    people = [somebody(str(number)) for number in range(4)]
    plan = {(0, 1): 500_000, (2, 3): 500_000}
    found = fairness(
        people,
        pairs=(),
        possible=DensePairs(matrix(4, {**plan, (1, 2): rivals})),
        planned=edges(plan),
        problem=replace(problem_for(snapshot_of(*people))[0], places=np.ones(4, np.int64)),
    )
    assert (found.blocking, found.threshold) == (blocking, 0.1)
