"""Rules: every kind holds and breaks where it should, for people as they are; contradictions; what a rule costs."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, strategies as st

from services.matching.engine.model import Couple, Free, Person, Rule, Snapshot
from services.matching.engine.scoring import conflicts
from services.matching.engine.scoring.conflicts import Conflict, Solved, conflicts_of, price_of, told
from services.matching.engine.scoring.dense import dense_pairs, matrices
from services.matching.engine.scoring.ground import SnapshotRefused, in_order, problem_of
from services.matching.engine.scoring.reasons import broken_kinds
from services.matching.engine.scoring.rules import KINDS, RuleRefused
from services.matching.engine.scoring.sentences import RULE_NAMES
from services.matching.engine.solving.pairs import NEVER
from tests.matching.engine_people import crowds, near_for, problem_for, snapshot_of, somebody
from tests.matching.properties import cases

SHORT = (Free(weekday=0, start=540, end=600),)
ME = somebody(
    "me",
    offers=["a"],
    needs=["b"],
    facets={"industry": "energy"},
    organization="red",
    team="t",
    languages={"en": 5, "fr": 5},
)


def partner(**changed: object) -> Person:
    return somebody("you", offers=["b"], needs=["a"], **changed)  # type: ignore[arg-type]


EXAMPLES: tuple[tuple[Rule, dict[str, object], dict[str, object]], ...] = (
    # a rule, a partner with whom it holds, one with whom it breaks
    (Rule(kind="cross_organization"), {"organization": "blue"}, {"organization": "red"}),
    (Rule(kind="same_organization"), {"organization": "red"}, {"organization": "blue"}),
    (
        Rule(kind="different_team"),
        {"organization": "blue", "team": "t"},  # teams of two organizations may share a name
        {"organization": "red", "team": "t"},
    ),
    (Rule(kind="different_team"), {"organization": "red", "team": ""}, {"organization": "red", "team": "t"}),
    (Rule(kind="no_reporting_line"), {"managers": ["boss"]}, {"managers": ["boss", "me"]}),
    (Rule(kind="shared_language", parameter=4), {"languages": {"en": 4}}, {"languages": {"en": 3, "de": 6}}),
    (
        Rule(kind="shared_language", parameter=2, language="en"),
        {"languages": {"en": 2}},
        {"languages": {"en": 1, "fr": 6}},
    ),
    (
        Rule(kind="shared_minutes", parameter=60),
        {"windows": SHORT},
        {"windows": (Free(weekday=0, start=540, end=595),)},
    ),
    (Rule(kind="zone_spread", parameter=1), {"zone": "Europe/Berlin"}, {"zone": "Europe/Helsinki"}),
    (Rule(kind="not_together", people=("me", "else")), {}, {}),
    (
        Rule(kind="same_facet", facet="industry"),
        {"facets": {"industry": " Energy"}},
        {"facets": {"industry": "health"}},
    ),
    (Rule(kind="same_facet", facet="industry"), {"facets": {"industry": "ENERGY"}}, {"facets": {}}),
    (
        Rule(kind="different_facet", facet="industry"),
        {"facets": {"industry": "health"}},
        {"facets": {"industry": "energy"}},
    ),
    (Rule(kind="different_facet", facet="industry"), {"facets": {}}, {"facets": {"industry": "energy"}}),
    (Rule(kind="partner_among", people=("me", "you")), {}, {}),
)


def planned(*people: Person, **more: object) -> int:
    problem, place = problem_for(snapshot_of(*people, **more))  # type: ignore[arg-type]
    return int(matrices(problem).planned[place["me"], place["you"]])


@pytest.mark.parametrize(("rule", "good", "bad"), EXAMPLES, ids=lambda value: getattr(value, "kind", ""))
def test_rule_holds_and_breaks(rule: Rule, good: dict[str, object], bad: dict[str, object]) -> None:
    boss, other = (somebody(name, offers=[], needs=[]) for name in ("boss", "else"))
    free = {way: planned(ME, partner(**way_of), boss, other) for way, way_of in (("good", good), ("bad", bad))}
    swapped = {"you": "else", "else": "you"}
    broken_rule = replace(rule, people=tuple(swapped.get(name, name) for name in rule.people))
    assert planned(ME, partner(**good), boss, other, rules=[rule]) == free["good"] > 0
    assert planned(ME, partner(**bad), boss, other, rules=[broken_rule]) == NEVER
    # Preferred, it is worth its weight: in the good case nothing.
    for about, rule_given, way, cost in ((good, rule, "good", 0), (bad, broken_rule, "bad", 250_000)):
        preferred = replace(rule_given, required=False, weight=0.25)
        assert planned(ME, partner(**about), boss, other, rules=[preferred]) == free[way] - cost


@pytest.mark.parametrize(("kind", "possible"), [("same_facet", False), ("different_facet", True)])
@pytest.mark.parametrize("facet", ["industry", "region"])
def test_facet_that_nobody_states_is_neither_the_same_nor_equal(kind: str, possible: bool, facet: str) -> None:
    me = replace(ME, facets=())
    assert (planned(me, partner(), rules=[Rule(kind=kind, facet=facet)]) != NEVER) == possible


def test_team_that_nobody_states_is_none() -> None:
    me = replace(ME, team="")
    assert planned(me, partner(organization="red"), rules=[Rule(kind="different_team")]) != NEVER


def test_not_met_before_holds_and_breaks() -> None:
    rule, met = Rule(kind="not_met_before"), (Couple(first="me", second="you"),)
    assert planned(ME, partner(), rules=[rule]) == planned(ME, partner(), met=met) > 0
    assert planned(ME, partner(), rules=[rule], met=met) == NEVER


@pytest.mark.parametrize("list_name", ["blocked", "apart"])
def test_people_who_said_no_are_never_a_pair(list_name: str) -> None:
    assert planned(ME, partner(), **{list_name: (Couple(first="me", second="you"),)}) == NEVER


def test_partner_among_leaves_only_the_group() -> None:
    people = [ME, partner(), somebody("else", offers=["b"], needs=["a"])]
    rule = Rule(kind="partner_among", people=("me", "else"))
    assert planned(*people, rules=[rule]) == NEVER
    problem, place = problem_for(snapshot_of(*people, rules=[rule]))
    assert dense_pairs(problem).of(place["me"])[0].tolist() == [place["else"]]


def test_preferred_together_costs_both_of_them_elsewhere_and_nothing_with_each_other() -> None:
    other = somebody("else", offers=["a", "b"], needs=["a", "b"])
    rule = Rule(kind="together", people=("me", "you"), required=False, weight=0.25)
    with_rule, place = problem_for(snapshot_of(ME, partner(), other, rules=[rule]))
    without, _ = problem_for(snapshot_of(ME, partner(), other))
    loss = matrices(without).value - matrices(with_rule).value
    assert loss[place["me"], place["you"]] == 0
    assert loss[place["me"], place["else"]] == loss[place["you"], place["else"]] == 250_000


def test_every_kind_has_an_example_and_a_name() -> None:
    demands = {"together", "include_one", "not_met_before"}
    assert {rule.kind for rule, _, _ in EXAMPLES} | demands == set(KINDS) == set(RULE_NAMES)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(kind="astrology"), "astrology"),
        (Rule(kind="same_facet", facet="age"), "unknown facet 'age'"),
        (Rule(kind="together", people=("me",)), "exactly two"),
        (Rule(kind="not_together", people=("me", "me")), "exactly two"),
        (Rule(kind="partner_among", people=("me",)), "at least two"),
        (Rule(kind="include_one", people=("me",), required=False), "only be required"),
        (Rule(kind="zone_spread", parameter=float("nan")), "parameter is nan"),
        (Rule(kind="cross_organization", weight=float("inf"), required=False), "weight is inf"),
    ],
)
def test_rule_that_cannot_be_used_is_refused_by_name(rule: Rule, said: str) -> None:
    with pytest.raises(RuleRefused, match=said):
        problem_for(snapshot_of(ME, partner(), rules=[rule]))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"people": (ME, ME)}, "me is in the snapshot twice"),
        ({"people": (replace(ME, places=-1),)}, "-1 places"),
        ({"people": (somebody("x", facets={"age": "40"}),)}, "facet 'age' is unknown"),
        ({"people": (somebody("x", level=6),)}, "level 6"),
        ({"people": (somebody("x", priority=0),)}, "priority 0"),
        ({"people": (replace(ME, role="leads"),)}, "role 'leads'"),
        ({"difference": float("nan")}, "difference is nan"),
        ({"met": (Couple(first="me", second="me"),)}, "met with themselves"),
    ],
)
def test_snapshot_that_makes_no_sense_is_refused_with_its_place(changed: dict[str, object], said: str) -> None:
    with pytest.raises(SnapshotRefused, match=said):
        problem_for(replace(snapshot_of(ME, partner()), **changed))  # type: ignore[arg-type]


class TestConflicts:
    one = somebody("one", offers=["a"], needs=["b"], organization="red", team="t", languages={"en": 2})
    two = somebody("two", offers=["b"], needs=["a"], organization="red", team="t", languages={"en": 6})
    odd = somebody("odd", offers=["a", "b"], needs=["a", "b"], organization="blue")

    def found(self, *rules: Rule, people: tuple[Person, ...] = (), **more: object) -> tuple[Conflict, ...]:
        problem, _ = problem_for(snapshot_of(*(people or (self.one, self.two, self.odd)), rules=rules, **more))
        return conflicts_of(problem)

    def test_are_none_where_rules_can_hold_together(self) -> None:
        assert not self.found(Rule(kind="together", people=("one", "two")), Rule(kind="no_reporting_line"))

    def test_are_the_smallest_set(self) -> None:
        rules = (
            Rule(kind="no_reporting_line"),
            Rule(kind="cross_organization"),
            Rule(kind="shared_minutes", parameter=5),
            Rule(kind="together", people=("one", "two")),
        )
        (conflict,) = self.found(*rules)
        assert (conflict.rules, conflict.code, conflict.fatal) == ((1, 3), "together_forbidden", True)

    def test_that_share_no_rule_are_all_found(self) -> None:
        rules = (
            Rule(kind="together", people=("one", "two")),
            Rule(kind="cross_organization"),
            Rule(kind="include_one", people=("one",)),
            Rule(kind="shared_language", parameter=6),
        )
        assert {conflict.rules for conflict in self.found(*rules) if conflict.fatal} == {(0, 1), (2, 3)}

    def test_are_about_places_too(self) -> None:
        rules = (Rule(kind="together", people=("one", "odd")), Rule(kind="together", people=("two", "odd")))
        (conflict,) = self.found(*rules)
        assert (conflict.rules, conflict.code, conflict.fatal) == ((0, 1), "together_too_often", True)
        roomy = replace(self.odd, places=2)
        assert not self.found(*rules, people=(self.one, self.two, roomy))

    def test_are_not_made_by_people_who_said_no_or_are_away(self) -> None:
        rules = (Rule(kind="together", people=("one", "two")), Rule(kind="cross_organization"))
        assert not self.found(*rules, blocked=(Couple(first="one", second="two"),))
        assert not self.found(*rules, people=(replace(self.one, away=True), self.two, self.odd))

    def test_see_a_group_that_nobody_can_join(self) -> None:
        rules = (Rule(kind="include_one", people=("one", "two")), Rule(kind="shared_minutes", parameter=9000))
        conflict, alone = self.found(*rules)
        assert (conflict.rules, conflict.code, conflict.fatal) == ((0, 1), "group_left_out", True)
        assert (alone.rules, alone.code, alone.fatal) == ((1,), "nobody_possible", False)

    def test_see_two_groups_that_need_the_same_partner(self) -> None:
        rules = (
            Rule(kind="include_one", people=("one",)),
            Rule(kind="include_one", people=("two",)),
            Rule(kind="different_team"),
        )
        (conflict,) = self.found(*rules)
        assert conflict.rules == (0, 1, 2)
        assert not self.found(*rules[:2])

    def test_see_somebody_whose_group_is_out_of_reach(self) -> None:
        rules = (Rule(kind="partner_among", people=("one", "two")), Rule(kind="different_team"))
        (conflict,) = self.found(*rules)
        assert (conflict.rules, conflict.code, conflict.fatal) == ((0, 1), "no_partner_among", False)

    def test_see_rules_that_leave_nobody_at_all(self) -> None:
        rules = (Rule(kind="same_organization"), Rule(kind="no_reporting_line"), Rule(kind="different_team"))
        people = (self.one, self.two)
        (conflict,) = self.found(*rules, people=people)
        assert (conflict.rules, conflict.code) == ((2,), "nobody_possible")

    def test_are_made_by_roles(self) -> None:
        one, two = replace(self.one, role="gives"), replace(self.two, role="gives")
        (conflict,) = self.found(Rule(kind="together", people=("one", "two")), people=(one, two, self.odd))
        assert (conflict.rules, conflict.code) == ((0,), "together_forbidden")
        (conflict,) = self.found(Rule(kind="same_organization"), people=(one, two, self.odd))
        assert (conflict.rules, conflict.code) == ((0,), "nobody_possible")
        assert not self.found(
            Rule(kind="same_organization"), people=(one, two)
        )  # nor would there be anybody without it

    def test_see_who_is_away(self) -> None:
        people = (self.one, replace(self.two, away=True))
        (conflict,) = self.found(Rule(kind="include_one", people=("one",)), people=people)
        assert (conflict.rules, conflict.code) == ((0,), "group_left_out")
        (conflict,) = self.found(Rule(kind="same_organization"), people=(*people, self.odd))
        assert (conflict.rules, conflict.code) == ((0,), "nobody_possible")
        among = (Rule(kind="partner_among", people=("two", "one")), Rule(kind="no_reporting_line"))
        assert not self.found(*among, people=(*people, self.odd))

    def test_are_not_made_by_saying_twice_who_must_be_together(self) -> None:
        twice = [Rule(kind="together", people=two) for two in (("one", "two"), ("two", "one"))]
        assert not self.found(*twice, Rule(kind="include_one", people=("one",)))

    def test_see_groups_that_only_one_person_could_help(self) -> None:
        # The hub is a group of its own and would be served by either of the others, not both of them by the hub.
        hub = somebody("hub", offers=["a"], needs=["z"])
        others = [somebody(name, offers=[name], needs=["a"]) for name in ("x", "y")]
        rules = [Rule(kind="include_one", people=(name,)) for name in ("hub", "x", "y")]
        (conflict,) = self.found(*rules, people=(hub, *others))
        assert (conflict.rules, conflict.code) == ((1, 2), "group_left_out")

    def test_say_what_to_do_in_both_languages(self) -> None:
        snapshot = snapshot_of(
            self.one, self.two, rules=[Rule(kind="together", people=("two", "one")), Rule(kind="cross_organization")]
        )
        problem, _ = problem_for(snapshot)
        people = in_order(snapshot.people, seed=0)
        conflict, _ = conflicts_of(problem)
        english, polish = (told(conflict, problem=problem, people=people, locale=locale) for locale in ("en", "pl"))
        assert english == (
            "These rules cannot hold together: 1 TOGETHER, 2 CROSS_ORGANIZATION: one and two must be together, and the "
            "other rules forbid it. Take one of them back, or make it preferred."
        )
        assert "one i two muszą być razem" in polish


demands = st.lists(
    st.one_of(
        st.builds(
            Rule,
            kind=st.just("together"),
            people=st.permutations(["p0", "p1", "p2", "p3"]).map(lambda names: tuple(names[:2])),
        ),
        st.builds(
            Rule,
            kind=st.just("include_one"),
            people=st.permutations(["p0", "p1", "p2", "p3"]).map(lambda names: tuple(names[:2])),
        ),
        st.sampled_from(
            (
                Rule(kind="cross_organization"),
                Rule(kind="same_organization"),
                Rule(kind="different_team"),
                Rule(kind="shared_language", parameter=4),
                Rule(kind="shared_minutes", parameter=600),
                Rule(kind="no_reporting_line"),
            )
        ),
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


@cases(250)
@given(crowds(most=5), demands)
def test_conflict_is_a_conflict_and_without_any_of_its_rules_there_is_none(
    people: tuple[Person, ...], rules: list[Rule]
) -> None:
    def holds(chosen: tuple[Rule, ...], *, fatal: bool = True) -> bool:
        found = conflicts_of(problem_for(snapshot_of(*people, rules=chosen))[0])
        return fatal not in {conflict.fatal for conflict in found}

    found = conflicts_of(problem_for(snapshot_of(*people, rules=rules))[0])
    for conflict in found:
        core = tuple(rules[number] for number in conflict.rules)
        assert not holds(core, fatal=conflict.fatal)
        for dropped in core:
            assert holds(tuple(rule for rule in core if rule is not dropped), fatal=conflict.fatal)
    if found and found[0].fatal:
        smaller = range(1, len(found[0].rules))
        assert all(holds(some) for size in smaller for some in combinations(rules, size))


def by_trying_all(snapshot: Snapshot) -> Solved:
    """The most people, then the most value, by trying every set of pairs (places one each)."""
    problem, _ = problem_for(snapshot)
    value = matrices(problem).planned

    def best(left: tuple[int, ...]) -> tuple[int, int]:
        if not left:
            return 0, 0
        first, *others = left
        found = [best(tuple(others))]
        for other in others:
            if value[first, other] != NEVER:
                matched, total = best(tuple(one for one in others if one != other))
                found.append((matched + 2, total + int(value[first, other])))
        return max(found)

    return Solved(*best(tuple(range(problem.size))))


class TestPrice:
    def snapshot(self) -> Snapshot:
        people = [
            somebody(f"p{number}", offers=["a", "b"], needs=["a", "b"], organization="red" if number else "blue")
            for number in range(4)
        ]
        return snapshot_of(*people, rules=[Rule(kind="cross_organization"), Rule(kind="no_reporting_line")])

    def test_of_a_rule_is_how_many_more_would_be_matched(self) -> None:
        snapshot = self.snapshot()
        price = price_of(0, snapshot=snapshot, solve=by_trying_all)
        assert (price.kind, price.people) == ("cross_organization", 2)
        assert price.why.code == "rule_costs_people"

    def test_of_a_rule_that_changes_nothing_is_nothing(self) -> None:
        snapshot = self.snapshot()
        price = price_of(1, snapshot=snapshot, solve=by_trying_all)
        assert (price.people, price.value, price.why.code) == (0, 0, "rule_costs_nothing")

    def test_of_a_preferred_rule_is_value(self) -> None:
        snapshot = self.snapshot()
        rules = (replace(snapshot.rules[0], required=False, weight=0.2),)
        price = price_of(0, snapshot=replace(snapshot, rules=rules), solve=by_trying_all)
        assert (price.people, price.value, price.why.code) == (0, 200_000, "rule_costs_value")


@cases(300)
@given(crowds(most=6), st.sampled_from([rule for rule, _, _ in EXAMPLES]))
def test_what_forbids_a_pair_is_what_makes_it_impossible(people: tuple[Person, ...], rule: Rule) -> None:
    snapshot = snapshot_of(*people, rules=[rule])
    problem = problem_of(snapshot, people=in_order(people, seed=0), near=near_for(snapshot))
    found = matrices(problem)
    for u, v in combinations(range(problem.size), 2):
        topics = bool(found.teaches[u, v] or found.teaches[v, u])
        assert (found.planned[u, v] != NEVER) == (topics and not broken_kinds(problem, u, v))


def test_search_gives_up_rather_than_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "MOST_STEPS", 0)
    rules = [Rule(kind="include_one", people=("me",)), Rule(kind="shared_minutes", parameter=9000)]
    assert not [c for c in conflicts_of(problem_for(snapshot_of(ME, partner(), rules=rules))[0]) if c.fatal]
