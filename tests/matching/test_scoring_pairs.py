"""All pairs priced twice: whole matrices and the inverted index give the same integers; nothing depends on names or order."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from benchmarks import cohorts
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import Couple, Facet, Need, Offer, Person, Rule, Snapshot
from services.matching.engine.scoring import aptness, value
from services.matching.engine.scoring.dense import dense_pairs, matrices, teaches
from services.matching.engine.scoring.directions import may_teach, taught
from services.matching.engine.scoring.ground import texts_of
from services.matching.engine.scoring.indexed import IndexedPairs
from services.matching.engine.scoring.inverted import inverted, topics_of
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.solving.pairs import NEVER, DensePairs, Edges
from tests.matching.dice import Dice, thrown
from tests.matching.engine_people import TOPICS, crowd, near_from, problem_for, snapshot_of
from tests.matching.properties import cases

NAMES = tuple(f"p{number}" for number in range(7))
PLAIN = (
    Rule(kind="cross_organization"),
    Rule(kind="same_organization"),
    Rule(kind="different_team"),
    Rule(kind="no_reporting_line"),
    Rule(kind="not_met_before"),
    Rule(kind="same_facet", facet="industry"),
    Rule(kind="different_facet", facet="industry"),
)
MAKERS: tuple[Callable[[Dice], Rule], ...] = (
    lambda dice: dice.one(PLAIN),
    lambda dice: Rule(kind="shared_language", parameter=dice.between(1, 6)),
    lambda dice: Rule(kind="shared_language", parameter=dice.between(1, 6), language=dice.one(("en", "xx"))),
    lambda dice: Rule(kind="shared_minutes", parameter=dice.between(1, 2500)),
    lambda dice: Rule(kind="zone_spread", parameter=dice.upto(120) / 10),
    lambda dice: Rule(kind=dice.one(("together", "not_together")), people=tuple(dice.shuffled(NAMES)[:2])),
    lambda dice: Rule(kind="partner_among", people=tuple(dice.shuffled(NAMES)[:3])),
)


def _couples(dice: Dice) -> tuple[Couple, ...]:
    twos = [dice.shuffled(NAMES)[:2] for _ in range(dice.upto(3))]
    return tuple(sorted({Couple(first=min(two), second=max(two)) for two in twos}))


def _of_any_kind(dice: Dice, person: Person) -> Person:
    return replace(
        person,
        needs=tuple(replace(need, kind=dice.one(aptness.KINDS)) for need in person.needs),
        offers=tuple(replace(offer, setting=dice.one(aptness.SETTINGS)) for offer in person.offers),
        away=dice.one((False, False, False, True)),
        facets=tuple(
            Facet(name=name, value=dice.one(("a", "b")))
            for name in ("industry", "function", "region", "career_stage")
            if dice.yes()
        ),
    )


def snapshots(*, roles: bool = True) -> st.SearchStrategy[Snapshot]:
    return thrown(340, lambda dice: _snapshot(dice, roles=roles))


def _snapshot(dice: Dice, *, roles: bool) -> Snapshot:
    people = [_of_any_kind(dice, person) for person in crowd(dice, roles=roles)]
    chosen = [dice.one(MAKERS)(dice) for _ in range(dice.upto(4))]
    rules = [replace(rule, required=not dice.yes(), weight=dice.upto(4) / 4) for rule in chosen]
    return snapshot_of(
        *people,
        rules=rules,
        met=_couples(dice),
        blocked=_couples(dice),
        apart=_couples(dice),
        difference=dice.one((0.12, 0.0, 1.0)),
        logistics=dice.one((0.1, 0.0, 0.7)),
    )


def tables() -> st.SearchStrategy[Near]:
    """Which topics are near which, with any chances."""
    return thrown(25, _table)


def _table(dice: Dice) -> Near:
    chance = np.array([dice.one((0, 0, 1, 200, 777, 1000)) for _ in range(25)], dtype=np.float64)
    return near_from(sorted(TOPICS), sorted(TOPICS), chance=chance.reshape(5, 5))


def same(one: Edges, other: Edges) -> bool:
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in "uvw")


def assert_equal(problem: Problem, *, seed: int = 0, threads: int = 2) -> None:
    """Every method of both kinds of pairs. For a handful of people, starting threads takes longer than all their pairs."""
    dense, indexed = dense_pairs(problem), IndexedPairs(problem, threads=threads)
    assert dense.size == indexed.size == problem.size
    random = np.random.default_rng(seed)
    u, v = (part.ravel().astype(np.int32) for part in np.indices((problem.size, problem.size)))
    assert np.array_equal(dense.value(u, v), indexed.value(u, v))
    for person in range(problem.size):
        (others, values), (same_others, same_values) = dense.of(person), indexed.of(person)
        assert np.array_equal(others, same_others)
        assert np.array_equal(values, same_values)
    low, high = u < v, dense.value(u, v)
    for bar in (random.integers(-3_000_000, 900_000, problem.size), random.integers(0, 600_000, problem.size)):
        above = low & (high != NEVER) & (high > bar[u]) & (high > bar[v])
        assert indexed.exceeding(bar) == above.sum()
    for each in (0, 1, 2, 5):
        assert same(dense.strongest(each=each), indexed.strongest(each=each))
        for prices in (
            np.zeros(problem.size, dtype=np.int64),
            random.integers(-200_000, 900_000, problem.size),
            random.integers(-12_000_000, 900_000, problem.size),
        ):
            mine, yours = dense.price(prices, each=each), indexed.price(prices, each=each)
            assert mine.excess == yours.excess
            assert same(mine.worst, yours.worst)


@cases(300)
@given(snapshots(), tables())
def test_indexed_pairs_are_the_dense_ones_whatever_the_rules_and_roles(snapshot: Snapshot, table: Near) -> None:
    assert_equal(problem_for(snapshot, table=table)[0], threads=1)


@cases(200)
@given(snapshots(roles=False), tables())
def test_indexed_pairs_are_the_dense_ones_where_all_roles_are_both(snapshot: Snapshot, table: Near) -> None:
    assert_equal(problem_for(snapshot, table=table)[0], threads=1)


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    "rule",
    [
        Rule(kind="cross_organization"),
        Rule(kind="same_organization"),
        Rule(kind="different_team"),
        Rule(kind="no_reporting_line"),
        Rule(kind="not_met_before"),
        Rule(kind="same_facet", facet="region"),
        Rule(kind="different_facet", facet="region"),
        Rule(kind="shared_language", parameter=4),
        Rule(kind="shared_language", parameter=4, language="en"),
        Rule(kind="shared_minutes", parameter=400),
        Rule(kind="zone_spread", parameter=3),
        Rule(kind="together", people=("p000001", "p000002")),
        Rule(kind="not_together", people=("p000001", "p000002")),
        Rule(kind="partner_among", people=("p000003", "p000004", "p000005")),
    ],
    ids=lambda rule: f"{rule.kind} {rule.language}",
)
def test_indexed_pairs_are_the_dense_ones_under_each_kind_of_rule(rule: Rule, required: bool) -> None:
    snapshot, near = cohorts.snapshot(24, seed=2, topics=24)
    people = tuple(
        replace(person, facets=person.facets if number % 3 else (), managers=("p000000",) if number % 2 else ())
        for number, person in enumerate(snapshot.people)
    )
    met = (Couple(first="p000001", second="p000002"), Couple(first="p000003", second="p000009"))
    rules = (replace(rule, required=required, weight=0.3),)
    problem, _ = problem_for(replace(snapshot, people=people, rules=rules, met=met), table=near)
    free, _ = problem_for(replace(snapshot, people=people, rules=(), met=met), table=near)
    changes = not np.array_equal(matrices(problem).planned, matrices(free).planned)
    assert changes == (not required or rule.kind != "together")  # a required one is for whoever plans
    assert_equal(problem)


@pytest.mark.parametrize(("people", "topics"), [(150, 40), (300, 400)])
def test_indexed_pairs_are_the_dense_ones_in_larger_cohorts(people: int, topics: int) -> None:
    assert_equal(cohorts.problem(people, seed=people, topics=topics))


def test_indexed_pairs_do_not_depend_on_the_number_of_threads() -> None:
    problem = cohorts.problem(200, seed=5, topics=60)
    prices = np.random.default_rng(5).integers(0, 400_000, 200)
    alone, many = (IndexedPairs(problem, threads=threads) for threads in (1, 7))
    assert same(alone.strongest(each=4), many.strongest(each=4))
    assert alone.price(prices, each=4).excess == many.price(prices, each=4).excess
    assert same(alone.price(prices, each=4).worst, many.price(prices, each=4).worst)


@pytest.mark.parametrize("size", [0, 1])
def test_pairs_of_hardly_anybody_are_none(size: int) -> None:
    problem = cohorts.problem(3, seed=1)
    nobody = snapshot_of(*cohorts.snapshot(3, seed=1)[0].people[:size])
    small, _ = problem_for(nobody, table=problem.near)
    for pairs in (dense_pairs(small), IndexedPairs(small)):
        assert len(pairs.strongest(each=3)) == 0
        assert pairs.price(np.zeros(size, dtype=np.int64), each=3).excess == 0


@cases(400)
@given(snapshots(), tables())
def test_directions_by_name_are_worth_what_the_matrix_says(snapshot: Snapshot, table: Near) -> None:
    problem, _ = problem_for(snapshot, table=table)
    matrix, index = teaches(problem), inverted(problem)
    for person in range(problem.size):
        assert np.array_equal(topics_of(problem, person, index=index), (matrix[person] > 0) | (matrix[:, person] > 0))
    for teacher in range(problem.size):
        for learner in range(problem.size):
            here = problem.able[teacher] and problem.able[learner] and teacher != learner
            found = taught(problem, teacher, learner) if here and may_teach(problem, teacher, learner) else None
            assert matrix[teacher, learner] == (found.worth if found else 0)


@cases(300)
@given(snapshots(), tables(), st.randoms(use_true_random=False))
def test_values_do_not_depend_on_order_or_on_what_things_are_called(
    snapshot: Snapshot, table: Near, order: random.Random
) -> None:
    called = {"red": "zebra", "blue": "aardvark", "green": "mole"}
    people = [
        replace(person, organization=called[person.organization], team=person.team and f"team {person.team}")
        for person in snapshot.people
    ]
    order.shuffle(people)
    renamed = replace(snapshot, people=tuple(people), met=snapshot.met[::-1], blocked=snapshot.blocked[::-1])
    one, place = problem_for(snapshot, table=table)
    other, other_place = problem_for(renamed, table=table)
    assert place == other_place
    before, after = matrices(one).planned, matrices(other).planned
    for first in place:
        for second in place:
            assert before[place[first], place[second]] == after[other_place[first], other_place[second]]


def test_problem_of_a_snapshot_is_the_problem_drawn_directly() -> None:
    snapshot, near = cohorts.snapshot(60, seed=4, topics=40)
    problem, place = problem_for(snapshot, table=near)
    drawn = dense_pairs(cohorts.problem(60, seed=4, topics=40))
    order = np.array([place[f"p{number:06}"] for number in range(60)])
    u, v = (part.ravel().astype(np.int32) for part in np.indices((60, 60)))
    assert np.array_equal(drawn.value(u, v), dense_pairs(problem).value(order[u], order[v]))
    assert (drawn.value(u, v) != NEVER).any()


def test_texts_that_the_table_does_not_know_are_refused_by_name() -> None:
    snapshot = snapshot_of(*cohorts.snapshot(3, seed=1)[0].people)
    needs, _ = texts_of(snapshot.people)
    with pytest.raises(ValueError, match=needs[0]):
        problem_for(snapshot, table=near_from([], [], chance=np.zeros((0, 0))))


def best_plan(pairs: DensePairs, problem: Problem, *, third: int) -> tuple[int, int]:
    """The value and the number of differences of the best perfect plan of six people, by trying all."""
    differing = value.differences(problem, *np.indices((6, 6)).reshape(2, -1)).clip(max=3).reshape(6, 6)

    def plans(left: tuple[int, ...]) -> list[tuple[tuple[int, int], ...]]:
        if not left:
            return [()]
        first, *others = left
        return [
            ((first, other), *rest) for other in others for rest in plans(tuple(one for one in others if one != other))
        ]

    def of(plan: tuple[tuple[int, int], ...]) -> tuple[int, int]:
        u, v = (np.array(side, dtype=np.int32) for side in zip(*plan, strict=True))
        return int(pairs.value(u, v).sum()), int(differing[u, v].sum())

    return max(of(plan) for plan in plans(tuple(range(6))))


@pytest.mark.parametrize("seed", range(10))
def test_raising_the_weight_of_difference_never_lowers_the_difference_of_the_best_plan(seed: int) -> None:
    chance = random.Random(seed)
    people = tuple(
        replace(
            person,
            offers=(Offer(text="a", level=chance.randint(1, 5)),),
            needs=(Need(text="b", priority=chance.randint(1, 3)),),
            organization=chance.choice("xyz"),
            facets=tuple(Facet(name=name, value=chance.choice("12")) for name in ("industry", "function", "region")),
        )
        for person in cohorts.snapshot(6, seed=seed)[0].people
    )
    table = near_from(["b"], ["a"], chance=np.array([[900.0]]))
    reached = []
    for weight in (0.0, 0.05, 0.12, 0.3, 0.31, 1.0):
        problem, _ = problem_for(snapshot_of(*people, difference=weight), table=table)
        reached.append(best_plan(dense_pairs(problem), problem, third=problem.weights.third)[1])
    assert reached == sorted(reached)
