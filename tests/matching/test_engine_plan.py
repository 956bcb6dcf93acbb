"""The engine as a whole: hard rules, places, both directions, terms, explanations, reasons; and what must not matter."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from services.matching.engine import model
from services.matching.engine.match import match
from services.matching.engine.model import Cancelled, Couple, Person, Plan, Rule, RulesContradict, Snapshot
from services.matching.engine.scoring.reasons import broken_kinds
from services.matching.engine.scoring.rules import RuleRefused
from tests.matching.dice import Dice, thrown
from tests.matching.engine_people import crowd, near_for, problem_for, snapshot_of, somebody
from tests.matching.properties import cases

ALL_RULES = (
    Rule(kind="cross_organization"),
    Rule(kind="different_team"),
    Rule(kind="no_reporting_line"),
    Rule(kind="shared_language", parameter=3),
    Rule(kind="shared_minutes", parameter=60),
    Rule(kind="zone_spread", parameter=6),
    Rule(kind="not_met_before"),
    Rule(kind="not_together", people=("p0", "p1")),
    Rule(kind="different_facet", facet="industry"),
    Rule(kind="same_facet", facet="industry"),
)


def plan_of(snapshot: Snapshot, *, seed: int = 0) -> Plan:
    plan, _ = match(snapshot, near_for(snapshot), seed=seed)
    return plan


def couples(plan: Plan) -> set[tuple[str, str]]:
    return {(pair.first, pair.second) for pair in plan.pairs}


def snapshots() -> st.SearchStrategy[Snapshot]:
    return thrown(180, _snapshot)


def _snapshot(dice: Dice) -> Snapshot:
    people = crowd(dice)
    chosen = dice.some(ALL_RULES, most=3)
    some = [Couple(first="p0", second="p1"), Couple(first="p1", second="p2")]
    met, blocked, apart = (tuple(couple for couple in some if dice.upto(3) == 3) for _ in range(3))
    rules = [replace(rule, required=not dice.yes()) for rule in chosen]
    return snapshot_of(*people, rules=rules, met=met, blocked=blocked, apart=apart)


@cases(250)
@given(snapshots())
def test_match_breaks_no_hard_rule_and_keeps_places(snapshot: Snapshot) -> None:
    plan = plan_of(snapshot)
    problem, place = problem_for(snapshot)
    for pair in plan.pairs:
        assert broken_kinds(problem, place[pair.first], place[pair.second]) == ()
        couple = Couple(first=min(pair.first, pair.second), second=max(pair.first, pair.second))
        assert couple not in snapshot.blocked
        assert couple not in snapshot.apart
    for person in snapshot.people:
        assert sum(person.id in (pair.first, pair.second) for pair in plan.pairs) <= person.places
    assert len(couples(plan)) == len(plan.pairs)


@cases(100)
@given(snapshots(), st.randoms(use_true_random=False))
def test_match_does_not_depend_on_the_order_of_its_input(snapshot: Snapshot, order: random.Random) -> None:
    people, rules = list(snapshot.people), list(snapshot.rules)
    order.shuffle(people)
    shuffled = replace(
        snapshot,
        people=tuple(people),
        rules=tuple(rules),
        met=snapshot.met[::-1],
        blocked=snapshot.blocked[::-1],
        apart=snapshot.apart[::-1],
    )
    assert plan_of(shuffled) == plan_of(snapshot)


@cases(100)
@given(snapshots())
def test_match_does_not_depend_on_what_organizations_and_teams_are_called(snapshot: Snapshot) -> None:
    called = {"red": "zebra", "blue": "aardvark", "green": "mole"}
    renamed = replace(
        snapshot,
        people=tuple(
            replace(person, organization=called[person.organization], team=person.team and f"team {person.team}")
            for person in snapshot.people
        ),
    )
    assert plan_of(renamed).pairs == plan_of(snapshot).pairs
    assert plan_of(renamed).left_out == plan_of(snapshot).left_out


@cases(80)
@given(st.integers(0, 2**32))
def test_match_does_not_depend_on_ids_when_people_differ_in_what_they_say(seed: int) -> None:
    chance = random.Random(seed)
    topics = ["sushi", "python", "chess", "budgets", "stage"]
    people = [
        somebody(
            f"p{number}",
            offers=[f"{topic} {number}" for topic in chance.sample(topics, 2)],
            needs=[f"{topic} {number}" for topic in chance.sample(topics, 2)],
        )
        for number in range(8)
    ]
    other_ids = dict(zip((p.id for p in people), chance.sample([f"q{n}" for n in range(8)], 8), strict=True))
    plan = plan_of(snapshot_of(*people))
    other = plan_of(snapshot_of(*(replace(person, id=other_ids[person.id]) for person in people)))
    translated = {tuple(sorted((other_ids[one], other_ids[two]))) for one, two in couples(plan)}
    assert translated == couples(other)


@cases(100)
@given(snapshots())
def test_match_explains_every_pair(snapshot: Snapshot) -> None:
    plan = plan_of(snapshot)
    by_id = {person.id: person for person in snapshot.people}
    for pair in plan.pairs:
        assert pair.value == round(sum(term.amount for term in pair.terms), 6)
        assert pair.common_ground
        assert pair.bridge
        assert (len(pair.directions) == 2) != bool(pair.one_way_reason)
        for direction in pair.directions:
            teacher, learner = by_id[direction.teacher], by_id[direction.learner]
            assert {teacher.id, learner.id} == {pair.first, pair.second}
            assert direction.offer in [offer.text for offer in teacher.offers]
            assert direction.need in [need.text for need in learner.needs]
            assert teacher.role != "receives"
            assert learner.role != "gives"
            factor = (3 + direction.priority) / 6 * (5 + direction.level) / 10
            assert direction.value == pytest.approx(direction.similarity * factor, abs=1e-6)
            if direction.also:
                factor = (3 + direction.also.priority) / 6 * (5 + direction.also.level) / 10 * (1 - direction.value) / 2
                assert direction.also.value == pytest.approx(direction.also.similarity * factor, abs=2e-6)


@cases(100)
@given(snapshots())
def test_match_accounts_for_everybody_once(snapshot: Snapshot) -> None:
    plan = plan_of(snapshot)
    paired = {person for couple in couples(plan) for person in couple}
    left = [out.person for out in plan.left_out]
    assert len(set(left)) == len(left)
    assert paired.isdisjoint(left)
    assert paired | set(left) == {person.id for person in snapshot.people}
    assert sum(outcome.people for outcome in plan.outcomes) == len(snapshot.people)
    assert sum(outcome.matched for outcome in plan.outcomes) == len(paired)


class TestValue:
    def test_is_led_by_the_weaker_direction(self) -> None:
        # x could learn a lot from the generous one and give nothing; a modest exchange both ways is worth more.
        x = somebody("x", offers=["chess"], needs=["python"])
        generous = somebody("generous", offers=["python"], needs=["sushi"], level=5)
        modest = somebody("modest", offers=["python"], needs=["chess"], level=1, priority=1)
        plan = plan_of(snapshot_of(x, generous, modest))
        assert couples(plan) == {("modest", "x")}

    def test_counts_sushi_and_kubernetes_alike(self) -> None:
        def value(topic: str) -> float:
            one = somebody("one", offers=[topic], needs=["other"])
            two = somebody("two", offers=["other"], needs=[topic])
            return plan_of(snapshot_of(one, two)).pairs[0].value

        assert value("sushi") == value("kubernetes")

    def test_does_not_look_at_the_career_stage(self) -> None:
        def plan(first: str, second: str) -> Plan:
            return plan_of(
                snapshot_of(
                    somebody("one", offers=["a"], needs=["b"], facets={"career_stage": first}),
                    somebody("two", offers=["b"], needs=["a"], facets={"career_stage": second}),
                )
            )

        assert plan("intern", "director").value == plan("director", "intern").value == plan("x", "x").value

    def test_difference_saturates(self) -> None:
        def value(**differing: str) -> float:
            same = {"industry": "i", "function": "f", "education": "e", "region": "r"}
            one = somebody("one", offers=["a"], needs=["b"], facets=same)
            two = somebody("two", offers=["b"], needs=["a"], facets=same | differing)
            return plan_of(snapshot_of(one, two)).pairs[0].value

        none, two, three, all_five = (
            value(),
            value(industry="x"),
            value(industry="x", function="x"),
            value(industry="x", function="x", education="x", region="x"),
        )
        assert none < two < three == all_five

    def test_of_a_preferred_rule_is_its_weight(self) -> None:
        one = somebody("one", offers=["a"], needs=["b"], organization="same")
        two = somebody("two", offers=["b"], needs=["a"], organization="same")
        free = plan_of(snapshot_of(one, two)).pairs[0]
        rule = Rule(kind="cross_organization", required=False, weight=0.25)
        preferred = plan_of(snapshot_of(one, two, rules=[rule])).pairs[0]
        assert preferred.value == pytest.approx(free.value - 0.25)
        assert preferred.terms[-1].name == "preferred rule 1: cross_organization"


class TestOneWay:
    def test_pair_appears_only_with_a_reason_and_when_nothing_better_is_left(self) -> None:
        one = somebody("one", offers=["a"], needs=["b"])
        two = somebody("two", offers=["b"], needs=["a"])
        three = somebody("three", offers=["c"], needs=["a"])
        four = somebody("four", offers=["d"], needs=["c"])
        plan = plan_of(snapshot_of(one, two, three, four))
        assert couples(plan) == {("one", "two"), ("four", "three")}
        reasons = {pair.first: pair.one_way_reason for pair in plan.pairs}
        assert reasons["one"] == ""
        assert "no pair that goes both ways was left" in reasons["four"]

    def test_by_roles_counts_as_whole(self) -> None:
        mentor = somebody("mentor", offers=["a"], needs=[], role="gives")
        learner = somebody("learner", offers=[], needs=["a"], role="receives")
        plan = plan_of(snapshot_of(mentor, learner))
        assert [direction.teacher for direction in plan.pairs[0].directions] == ["mentor"]
        assert "roles" in plan.pairs[0].one_way_reason
        assert plan.pairs[0].value > 0.9

    def test_never_joins_two_givers(self) -> None:
        givers = [somebody(name, offers=["a"], needs=["a"], role="gives") for name in ("x", "y")]
        assert plan_of(snapshot_of(*givers)).pairs == ()


class TestReason:
    def reasons(self, *people: Person, rules: tuple[Rule, ...] = (), **more: object) -> dict[str, str]:
        plan = plan_of(snapshot_of(*people, rules=rules, **more))
        return {out.person: out.reason for out in plan.left_out}

    def test_is_out_of_office(self) -> None:
        assert self.reasons(somebody("x", away=True), somebody("y"))["x"] == model.OUT_OF_OFFICE

    @pytest.mark.parametrize(
        "changed",
        [{"offers": (), "needs": ()}, {"languages": ()}, {"windows": ()}, {"zone": "Atlantis/Capital"}],
    )
    def test_is_an_incomplete_profile(self, changed: dict[str, object]) -> None:
        incomplete = replace(somebody("x"), **changed)  # type: ignore[arg-type]
        assert self.reasons(incomplete, somebody("y"))["x"] == model.INCOMPLETE_PROFILE

    def test_is_nothing_in_common(self) -> None:
        assert self.reasons(somebody("x"), somebody("y")) == {
            "x": model.NOTHING_IN_COMMON,
            "y": model.NOTHING_IN_COMMON,
        }

    def test_is_capacity(self) -> None:
        teacher = somebody("t", offers=["python"], needs=["sushi"])
        others = [somebody(name, offers=["sushi"], needs=["python"]) for name in ("x", "y")]
        assert list(self.reasons(teacher, *others).values()) == [model.CAPACITY]

    def test_is_no_shared_time(self) -> None:
        night = somebody("x", offers=["python"], needs=["sushi"], zone="Pacific/Auckland")
        rule = Rule(kind="shared_minutes", parameter=30)
        assert self.reasons(night, somebody("y"), rules=(rule,))["x"] == model.NO_SHARED_TIME

    def test_is_no_shared_language(self) -> None:
        german = somebody("x", offers=["python"], needs=["sushi"], languages={"de": 6, "en": 2})
        rule = Rule(kind="shared_language", parameter=3)
        assert self.reasons(german, somebody("y"), rules=(rule,))["x"] == model.NO_SHARED_LANGUAGE

    def test_is_no_legal_partner(self) -> None:
        x, y = (
            somebody("x", offers=["python"], needs=["sushi"], organization="same"),
            somebody("y", organization="same"),
        )
        rule = Rule(kind="cross_organization")
        assert self.reasons(x, y, rules=(rule,))["x"] == model.NO_LEGAL_PARTNER
        apart = Couple(first="x", second="y")
        assert self.reasons(x, y, blocked=(apart,))["x"] == model.NO_LEGAL_PARTNER


class TestTogether:
    one = somebody("one", offers=["a"], needs=["b"])
    two = somebody("two", offers=["b"], needs=["a"])
    odd = somebody("odd", offers=["z"], needs=["y"], organization="org of one")

    def test_is_kept_against_value(self) -> None:
        rule = Rule(kind="together", people=("odd", "two"))
        plan = plan_of(snapshot_of(self.one, self.two, self.odd, rules=[rule]))
        assert ("odd", "two") in couples(plan)

    def test_and_a_rule_that_forbids_it_stop_the_run_by_name(self) -> None:
        rules = [Rule(kind="together", people=("odd", "one")), Rule(kind="cross_organization")]
        with pytest.raises(RulesContradict, match=r"1 TOGETHER, 2 CROSS_ORGANIZATION: odd and one"):
            plan_of(snapshot_of(self.one, self.two, self.odd, rules=rules))

    def test_gives_way_to_people_who_said_no(self) -> None:
        rule = Rule(kind="together", people=("odd", "one"))
        blocked = (Couple(first="odd", second="one"),)
        plan = plan_of(snapshot_of(self.one, self.two, self.odd, rules=[rule], blocked=blocked))
        assert couples(plan) == {("one", "two")}

    def test_pin_is_kept_and_says_so(self) -> None:
        plan = plan_of(snapshot_of(self.one, self.two, self.odd, pinned=(Couple(first="odd", second="two"),)))
        (pair,) = plan.pairs
        assert (pair.first, pair.second, pair.pinned) == ("odd", "two", True)
        assert len(pair.directions) == 2

    def test_pin_against_a_hard_rule_is_taken_out_with_the_rule(self) -> None:
        pin = Couple(first="odd", second="one")
        plan = plan_of(
            snapshot_of(self.one, self.two, self.odd, rules=[Rule(kind="cross_organization")], pinned=(pin,))
        )
        assert [(gone.couple, gone.reason) for gone in plan.unpinned] == [(pin, "forbidden by CROSS_ORGANIZATION")]
        assert couples(plan) == {("one", "two")}

    def test_pin_against_a_block_does_not_tell(self) -> None:
        pin = Couple(first="one", second="two")
        plan = plan_of(snapshot_of(self.one, self.two, pinned=(pin,), blocked=(pin,)))
        assert [gone.reason for gone in plan.unpinned] == ["these two cannot be paired"]


def test_match_stops_when_asked() -> None:
    stages: list[str] = []
    snapshot = snapshot_of(somebody("x"), somebody("y"))
    with pytest.raises(Cancelled):
        match(
            snapshot,
            near_for(snapshot),
            on_progress=lambda stage, _done: stages.append(stage),
            cancelled=lambda: len(stages) >= 2,
        )
    assert "explaining" not in stages


def test_match_of_nobody_is_empty() -> None:
    assert plan_of(snapshot_of()).pairs == ()


def test_match_refuses_a_kind_of_rule_that_it_does_not_know() -> None:
    with pytest.raises(RuleRefused, match="astrology"):
        plan_of(snapshot_of(somebody("x"), rules=[Rule(kind="astrology")]))


def test_match_of_two_hundred_is_exact_and_leaves_nobody_out() -> None:
    chance = random.Random(3)
    topics = [f"topic{number}" for number in range(40)]
    people = [
        somebody(
            f"p{number:03}",
            offers=chance.sample(topics, 3),
            needs=chance.sample(topics, 3),
            organization=f"org {number % 4}",
            places=chance.choice((1, 1, 1, 2)),
        )
        for number in range(200)
    ]
    plan = plan_of(snapshot_of(*people, rules=[Rule(kind="cross_organization")]))
    assert plan.exact
    assert not plan.left_out
