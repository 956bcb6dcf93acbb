"""What each rule costs: equal to a run without it, and told only where there was time."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.matching.engine.match import match
from services.matching.engine.model import Plan, Rule, RuleCost, Snapshot
from services.matching.engine.prices import LARGEST, price_rules
from tests.matching.engine_people import near_for, snapshot_of, somebody


def priced(snapshot: Snapshot, *, deadline: Callable[[], float] = lambda: 60.0) -> tuple[RuleCost, ...]:
    near = near_for(snapshot)
    plan, _ = match(snapshot, near)
    return price_rules(snapshot, near, plan=plan, seed=0, deadline=deadline)


class TestPrices:
    def test_of_rules_equal_a_run_without_them(self) -> None:
        rules = [Rule(kind="cross_organization"), Rule(kind="shared_language", parameter=6)]
        people = [
            somebody(f"p{k}", offers=[f"t{k % 2}"], needs=[f"t{1 - k % 2}"], languages={"en": 6 - k % 3})
            for k in range(12)
        ]
        snapshot = snapshot_of(*people, rules=rules)
        near = near_for(snapshot)
        plan, _ = match(snapshot, near)
        found = price_rules(snapshot, near, plan=plan, seed=0, deadline=lambda: 60.0)
        for number, price in enumerate(found):
            kept = tuple(rule for place, rule in enumerate(rules) if place != number)
            without, _ = match(replace(snapshot, rules=kept), near)
            assert price.people == len(plan.left_out) - len(without.left_out)
            assert price.value == pytest.approx(without.value - plan.value, abs=1e-5)
        assert found[1].people > 0
        assert [price.required for price in found] == [True, True]
        assert "Dropping rule 2" in str(found[1].why) or found[1].why.code == "rule_costs_people"

    def test_are_left_out_when_there_is_no_time_and_in_huge_cohorts(self) -> None:
        snapshot = snapshot_of(somebody("a"), somebody("b"), rules=[Rule(kind="cross_organization")])
        near = near_for(snapshot)
        assert price_rules(snapshot, near, plan=Plan(), seed=0, deadline=lambda: 0.0) == ()
        assert price_rules(snapshot, near, plan=Plan(ended="time"), seed=0, deadline=lambda: 9.0) == ()
        huge = replace(snapshot, people=(snapshot.people[0],) * (LARGEST + 1))
        assert price_rules(huge, near, plan=Plan(), seed=0, deadline=lambda: 9.0) == ()

    def test_say_which_rules_are_only_preferred(self) -> None:
        rules = [Rule(kind="no_reporting_line"), Rule(kind="cross_organization", required=False, weight=0.2)]
        people = [somebody(name, offers=["a"], needs=["a"], organization="one") for name in "xy"]
        found = priced(snapshot_of(*people, rules=rules))
        assert [(price.required, price.value) for price in found] == [(True, 0.0), (False, 0.2)]

    def test_of_rules_that_change_nothing_are_nothing_whatever_else_is_planned(self) -> None:
        # One pair goes one way, which only planners see; and the floor costs value, which is not the rule's.
        rules = [Rule(kind="no_reporting_line")]
        one_way = [somebody("x", offers=["a"], needs=["c"]), somebody("y", offers=["b"], needs=["a"])]
        (price,) = priced(snapshot_of(*one_way, rules=rules))
        assert (price.people, price.value) == (0, 0.0)
        four = [
            somebody(f"p{at}", offers=[("sushi", "python")[at % 2]], needs=[("python", "sushi")[at % 2]], level=level)
            for at, level in enumerate((5, 5, 1, 1))
        ]
        snapshot = snapshot_of(*four, rules=rules, worst_off_floor=1.0)
        plan, _ = match(snapshot, near_for(snapshot))
        assert plan.value < plan.free_value
        (price,) = priced(snapshot)
        assert (price.people, price.value) == (0, 0.0)

    def test_are_not_told_of_a_run_that_time_ended(self) -> None:
        rules = [Rule(kind="cross_organization"), Rule(kind="no_reporting_line")]
        snapshot = snapshot_of(*(somebody(f"p{at}", offers=["a"], needs=["a"]) for at in range(9)), rules=rules)
        assert len(priced(snapshot)) == 2
        left = iter([1.0])
        assert priced(snapshot, deadline=lambda: next(left, 0.0)) == ()
